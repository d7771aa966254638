#!/usr/bin/python3
"""Kills a lab in the middle, and looks for what is left of it.

    tests/netns/killed.py BUILD-FOLDER        as root

One line a check; the last is "N passed, N failed"; 77 and a reason when it cannot run here.
"""
import os
import signal
import subprocess
import sys
import time

import place
from checks import Checks

MARK = "PEERUP_LAB_MARK"


def marked(mark):
    """The processes that have the mark in their environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"{MARK}={mark}".encode() in file.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass  # it is gone, or going
    return found


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""  # it has just gone


def names_outside():
    """What would be left behind by name: namespaces, interfaces, folders."""
    folder = "/run/netns"
    return (sorted(os.listdir(folder)) if os.path.isdir(folder) else [],
            sorted(os.listdir("/sys/class/net")), os.path.exists(place.WORK))


def try_one(checks, name, victim):
    """victim: chooses whom to kill of the lab's processes."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    before = names_outside()
    punch = os.path.join(os.path.dirname(os.path.abspath(__file__)), "punch.py")
    with subprocess.Popen([punch, sys.argv[1]], env=dict(os.environ, **{MARK: mark}),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as lab:
        for line in lab.stdout:
            if line.startswith("ok the laptop has one"):
                break
        alive = [command_of(pid) for pid in marked(mark)]
        is_whole = any("lab-link" in c for c in alive) and sum(" daemon " in c for c in alive) >= 3
        checks.check(f"{name}: a lab is there", is_whole, "\n".join(alive))
        os.kill(victim(lab.pid, marked(mark)), signal.SIGKILL)
        until = time.monotonic() + 5
        while marked(mark) and time.monotonic() < until:
            time.sleep(0.05)
    left = [command_of(pid) for pid in marked(mark)]
    checks.check(f"{name}: no process is left", not left, "\n".join(left))
    checks.check(f"{name}: no namespace, interface or file is left", names_outside() == before,
                 f"{before}\n{names_outside()}")


def main():
    why = place.missing()
    if why is not None:
        place.skip(why)
    checks = Checks()
    try_one(checks, "unshare killed", lambda outer, _: outer)
    try_one(checks, "the script killed", lambda outer, all_of_it: min(set(all_of_it) - {outer}))
    checks.end()


main()
