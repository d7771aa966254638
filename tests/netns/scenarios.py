#!/usr/bin/python3
"""Plays scenario files with real processes, all at once, and judges what they expect.

    tests/netns/scenarios.py BUILD-FOLDER [--until SECONDS] SCENARIO...

What this lab does not do of a file is said; a file of which it can do nothing is refused with the reason,
and that is no failure: the simulator plays it. --until: no longer than so; what is decided later is not judged.

One line a check; the last is "N passed, N failed"; 77 and a reason when it cannot run here.
"""
import argparse
import concurrent.futures
import os
import subprocess

import place

place.enter()

from checks import Checks  # pylint: disable=wrong-import-position
from judge import Judge  # pylint: disable=wrong-import-position
from play import Play  # pylint: disable=wrong-import-position
from scenario import Refused, Scenario  # pylint: disable=wrong-import-position


def play_one(build, index, path, until):
    """(the scenario, its judge), or (the scenario or None, why it is refused)."""
    scenario = None
    try:
        scenario = Scenario(path)
        play = Play(scenario, build, os.path.join(place.WORK, f"s{index}"), seed=index + 1,
                    prefix=f"s{index}-")
    except Refused as why:
        return scenario, str(why)
    play.make_nodes()
    play.start_nodes()
    end = min(scenario.duration, until or scenario.duration)
    play.run(end)
    judge = Judge(play, end)
    judge.verdicts = [(e, *judge.judge(e)) for e in scenario.expect if judge.is_due(e)]
    judge.late = [e["name"] for e in scenario.expect if not judge.is_due(e)]
    play.stop_nodes()
    return scenario, judge


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--until", type=float)
    parser.add_argument("scenarios", nargs="+")
    options = parser.parse_args()
    checks = Checks()
    subprocess.run([os.path.join(options.build, "peerup-sim"), "lint", *options.scenarios], check=True)
    with concurrent.futures.ThreadPoolExecutor(len(options.scenarios)) as pool:
        results = [pool.submit(play_one, options.build, i, path, options.until)
                   for i, path in enumerate(options.scenarios)]
    for path, result in zip(options.scenarios, results):
        scenario, judge = result.result()
        name = os.path.splitext(os.path.basename(path))[0]
        if isinstance(judge, str):
            print(f"{name}: refused: {judge}")
            continue
        for words in scenario.left_out + [f"{late}: decided later" for late in judge.late]:
            print(f"{name}: left out: {words}")
        for e, is_good, seen in judge.verdicts:
            lines = "\n".join(node.last_words(12) for node in judge.play.nodes.values())
            checks.check(f"{name}: {e['name']}: {seen}", is_good, lines)
    checks.end()


main()
