#!/usr/bin/env python3
"""How properties held over many seeds, as rows of docs/scenario-bounds.md.

    bounds.py SCENARIO.yaml RUNS.json...    what `peerup-sim run SCENARIO --seeds A-B --json` printed

Prints "SEEDS VIOLATED" on the first line, then one table row a property that has a bound: how many seeds
held, the times within which half and 99 of a hundred came to it, the slowest with its seed, the bound.
"""
import json
import sys


def seconds(value):
    return "never" if value is None else f"{value:.2f} s"


def quantile(values, percent):
    """The smallest value seen that so many of a hundred do not exceed; None, which is never, comes last."""
    ordered = sorted(values, key=lambda v: (v is None, v))
    return ordered[(len(ordered) * percent + 99) // 100 - 1]


def row(scenario, name, runs, column):
    found = [(run["properties"][column], run["seed"]) for run in runs]
    took = [p["took_s"] for p, _ in found]
    slowest = quantile(took, 100)
    seed = next(seed for p, seed in found if p["took_s"] == slowest)
    held = sum(p["held"] for p, _ in found)
    cells = [scenario, name, str(held), seconds(quantile(took, 50)), seconds(quantile(took, 99)),
             f"{seconds(slowest)} ({seed})", seconds(found[0][0]["within_s"])]
    return "| " + " | ".join(cells) + " |"


def main():
    scenario = sys.argv[1].removeprefix("scenarios/").removesuffix(".yaml")
    runs = []
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as file:
            runs += json.load(file)["runs"]
    bad = sum(not all(p["held"] for p in run["properties"]) for run in runs)
    print(len(runs), bad)
    for column, first in enumerate(runs[0]["properties"] if runs else []):
        if first["within_s"] is not None:
            print(row(scenario, first["name"], runs, column))


if __name__ == "__main__":
    main()
