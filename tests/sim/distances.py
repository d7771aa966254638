#!/usr/bin/env python3
"""Holds simulated pings to the distances that a scenario has: 250 ms through the relay, 200 ms directly.

    tests/sim/distances.py PEERUP-SIM

At both fidelities. One line a check; the last is "N passed, N failed".
"""
import os
import sqlite3
import subprocess
import sys
import tempfile

SCENARIO = os.path.join(os.path.dirname(__file__), "../../scenarios/nat/interop-distances.yaml")
WANTED_MS = {True: 250, False: 200}  # by whether the connection is relayed
SLACK_MS = 5
PINGS = """
SELECT c.relayed, e.a / 1e6 FROM event e JOIN conn c USING (node, conn)
WHERE e.name = 'ping-rtt' AND e.peer IN ('home', 'laptop')
"""


def main():
    sim = sys.argv[1]
    passed = failed = 0
    for fidelity in ("model", "wire"):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sim, "run", SCENARIO, "--fidelity", fidelity, "--log", "events", "--out", folder],
                           check=True, stdout=subprocess.DEVNULL)
            with sqlite3.connect(os.path.join(folder, "run.db")) as database:
                pings = database.execute(PINGS).fetchall()
        for is_relayed, wanted in WANTED_MS.items():
            took = [ms for relayed, ms in pings if bool(relayed) == is_relayed]
            is_good = took and all(abs(ms - wanted) <= SLACK_MS for ms in took)
            way = "through the relay" if is_relayed else "directly"
            print(f"{'ok' if is_good else 'not ok'} {fidelity}: {wanted} ms {way}: {took}")
            passed, failed = passed + bool(is_good), failed + (not is_good)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
