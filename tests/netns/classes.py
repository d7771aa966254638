#!/usr/bin/python3
"""Whether each kind of box is what it is called: coturn, asked from behind it by RFC 5780.

    tests/netns/classes.py BUILD-FOLDER        as root, with coturn

The server is not ours; the client is the machine that `peerup-sim calibrate nat` asks simulated boxes with
(sim/nat_probe.c), on real sockets (tests/lib/stun_ask.c).

One line a check; the last is "N passed, N failed"; 77 and a reason when it cannot run here.
"""
import os
import shutil
import subprocess
import sys

import place

if shutil.which("turnserver") is None:
    place.skip("the command turnserver is missing (coturn)")
place.enter()

from checks import Checks  # pylint: disable=wrong-import-position
from nats import SORTS  # pylint: disable=wrong-import-position
from network import Network  # pylint: disable=wrong-import-position
from node import wait_for  # pylint: disable=wrong-import-position

PORT, OTHER_PORT = 3478, 3479


def start_server(net):
    """coturn at two addresses and two ports, as RFC 5780 wants it."""
    words = ["turnserver", "-n", "--stun-only", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp",
             "--log-file", "stdout", "--pidfile", os.path.join(place.WORK, "turnserver.pid"),
             "--listening-port", PORT, "--alt-listening-port", OTHER_PORT]
    for address in (net.outer["server"], net.outer["server-2"]):
        words += ["--listening-ip", address]
    with open("turnserver.log", "w", encoding="utf-8") as log:
        subprocess.Popen(net.spaces["server"].command(words), stdout=log, stderr=log)

    def is_there():
        sockets = net.spaces["server"].run("ss", "-Hlun")
        return sum(f":{port} " in line for line in sockets.splitlines() for port in (PORT, OTHER_PORT)) >= 4

    if not wait_for(is_there, 10):
        with open("turnserver.log", encoding="utf-8") as log:
            raise RuntimeError("coturn does not start:\n" + log.read())


def main():
    build = sys.argv[1]
    checks = Checks()
    kinds = {"-".join(sort): dict(zip(("mapping", "filtering", "ports"), sort)) for sort in SORTS}
    home, carrier, symmetric = "eim-apdf-preserve", "eim-apdf-random", "apdm-apdf-random"
    kinds["blocked"] = dict(kinds[home], udp="blocked")
    wanted = {name: (f"{kind['mapping']}/{kind['filtering']}/{kind['ports']}", [name])
              for name, kind in kinds.items()}
    wanted["blocked"] = ("none/none/none", ["blocked"])
    wanted["carrier"] = ("eim/apdf/random", [home, carrier])
    wanted["hotel"] = ("apdm/apdf/random", [home, symmetric])
    net = Network(os.path.join(build, "lab-link"), kinds)
    net.host("server")
    net.second_end("server")
    for name, (_, behind) in wanted.items():
        net.host(name, behind)
        net.way("server", name, 0.01)
        net.way("server-2", name, 0.01)
    net.start()
    start_server(net)
    asked = {name: subprocess.Popen(net.spaces[name].command(
        [os.path.join(build, "lab-stun"), net.outer["server"], PORT]),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for name in wanted}
    for name, (words, behind) in wanted.items():
        found = asked[name].communicate(timeout=60)[0].strip()
        checks.check(f"behind {' behind '.join(behind)} coturn finds {words}", found == words, found)
    checks.end()


main()
