#!/usr/bin/python3
"""Six classes of NAT by six: the simulator and the kernel must come to the same, in the same time.

    tests/netns/matrix.py BUILD-FOLDER [--cells A:B,...] [--runs N] [--at-once N] [--wait SECONDS]
                          [--band SHARE] [--ledger FILE]

Each cell is a scenario: two nodes that reserve at a public relay, each behind a box of a class, one asks
for the other. The simulator plays it at wire fidelity with as many seeds as the kernel plays it. The
outcome is `direct` or `relay`, the time until both sides have that. What must hold of the two: outcome.py; the
ratio of the medians within 10 % of 1 unless --band says otherwise. --wait: how long the first run waits for a
direct path that the simulator has not; the others wait less.

One line a check; the last is "N passed, N failed"; 77 and a reason when it cannot run here.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import time

import place

place.enter()

from checks import Checks  # pylint: disable=wrong-import-position
from node import PORT, wait_for  # pylint: disable=wrong-import-position
from outcome import Outcome, judge  # pylint: disable=wrong-import-position
from play import Play  # pylint: disable=wrong-import-position
from scenario import Scenario  # pylint: disable=wrong-import-position

CLASSES = {
    "full-cone": ["full"],
    "restricted": ["kind"],
    "port-restricted": ["router"],
    "double": ["router", "carrier"],
    "symmetric": ["symmetric"],
    "udp-blocked": ["hotel"],
}
TEXT = """
scenario: kernel-pair
duration: 60s
fidelity: wire
network:
  latency: {{rtt: 80ms, access: 10ms}}
nats:
  full: {{mapping: eim, filtering: eif, ports: preserve, udp_idle: 120s}}
  kind: {{mapping: eim, filtering: adf, ports: preserve, udp_idle: 120s}}
  router: {{mapping: eim, filtering: apdf, ports: preserve, udp_idle: 120s}}
  carrier: {{mapping: eim, filtering: apdf, ports: random, udp_idle: 120s}}
  symmetric: {{mapping: apdm, filtering: apdf, ports: random, udp_idle: 120s}}
  hotel: {{mapping: eim, filtering: apdf, ports: preserve, udp_idle: 120s, udp: blocked}}
nodes:
  relay: {{at: 0, roles: [relay]}}
  one: {{at: 1, behind: [{one}], relays: [relay]}}
  two: {{at: 2, behind: [{two}], relays: [relay]}}
authorize: [[one, two]]
events:
  - {{at: {asked}s, connect: {{from: one, to: two}}}}
"""
ASKED_S = 4
SHORT_S = 6  # how long runs but the first wait for a direct path that is not expected


def simulate(build, path, runs):
    """The simulator's outcome: a run for each seed."""
    outcome = Outcome()
    for seed in range(1, runs + 1):
        done = subprocess.run([os.path.join(build, "peerup-sim"), "run", path, "--seed", str(seed),
                               "--log", "none", "--json"], capture_output=True, text=True, check=True)
        c = json.loads(done.stdout)["connections"][0]
        asked = c["asked_s"]
        outcome.add(*(None if c[key] is None else c[key] - asked for key in ("usable_s", "direct_s")))
    return outcome


def play_once(play, port, wait_s):
    """One run in the kernel: seconds from the ask until usable, and until direct; None: never."""
    play.make_nodes(port)
    play.start_nodes()
    one, two = play.nodes["one"], play.nodes["two"]
    for node in (one, two):
        if not node.waits("relay reserved", ASKED_S + 10):
            raise RuntimeError("no place at the relay\n" + node.last_words())
    play.at(ASKED_S)
    asked = time.monotonic()
    one.ping(two)
    wait_for(lambda: play.both("one", "two", ["direct"], asked), wait_s)
    seen = [play.both("one", "two", ways, asked) for ways in (["relayed", "direct"], ["direct"])]
    play.stop_nodes()
    return [None if at is None else at - asked for at in seen]


def play_cell(options, index, a, b):
    """One cell, in both worlds."""
    text = TEXT.format(one=", ".join(CLASSES[a]), two=", ".join(CLASSES[b]), asked=ASKED_S)
    path = os.path.join(place.WORK, f"{a}-{b}.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    simulated, real = simulate(options.build, path, options.runs), Outcome()
    play = Play(Scenario(path), options.build, os.path.join(place.WORK, f"c{index}"), seed=index + 1,
                prefix=f"c{index}-")
    for run in range(options.runs):
        is_long = run == 0 or simulated.word() == "direct"
        real.add(*play_once(play, PORT + run, options.wait if is_long else SHORT_S))
    play.net.close()
    return simulated, real


LEDGER = """# Simulator against kernel

Written by `make netns-matrix` on {date}: Linux {kernel}, {build}, {runs} runs a cell in each world, {passed} checks
passed, {failed} failed. What the classes are and how it is measured: [kernel-lab.md](kernel-lab.md). `relay` in the kernel: one run
of the cell has waited {wait:.0f} s for a direct path, each of the others {short} s.

| asks | is asked | simulator | kernel | simulator, s | kernel, s | ratio (95 % interval) |
|---|---|---|---|---|---|---|
{lines}
"""


def write_ledger(options, lines, checks):
    build = subprocess.run([os.path.join(options.build, "peerup-sim"), "version"], capture_output=True,
                           text=True, check=True).stdout.splitlines()[0]
    with open(options.ledger, "w", encoding="utf-8") as file:
        file.write(LEDGER.format(date=time.strftime("%Y-%m-%d", time.gmtime()), kernel=os.uname().release,
                                 build=build, runs=options.runs, passed=checks.passed,
                                 failed=checks.failed, wait=options.wait, short=SHORT_S,
                                 lines="\n".join(lines)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--cells", default=",".join(f"{a}:{b}" for a in CLASSES for b in CLASSES))
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=12)
    parser.add_argument("--wait", type=float, default=45)
    parser.add_argument("--band", type=float, default=0.1)
    parser.add_argument("--ledger")
    options = parser.parse_args()
    cells = [cell.split(":") for cell in options.cells.split(",")]
    checks, lines = Checks(), []
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        futures = [pool.submit(play_cell, options, i, a, b) for i, (a, b) in enumerate(cells)]
        for (a, b), future in zip(cells, futures):
            lines.append(judge(checks.check, options.band, a, b, *future.result()))
    if options.ledger:
        write_ledger(options, lines, checks)
    checks.end()


if __name__ == "__main__":
    sys.exit(main())
