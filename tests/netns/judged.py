#!/usr/bin/python3
"""Whether the lab's judges let pass what they should and nothing else, by outcomes and times made up.

    tests/netns/judged.py

One line a check; the last is "N passed, N failed".
"""
import contextlib
import io

from checks import Checks
from outcome import Outcome, judge


def verdict(ask):
    """Whether all checks hold that `ask` makes of the Checks it is given."""
    inner = Checks()
    with contextlib.redirect_stdout(io.StringIO()):
        ask(inner)
    return inner.passed > 0 and inner.failed == 0


def runs(words, seconds=1.0):
    """The outcome of runs that ended so."""
    outcome = Outcome()
    for word in words.split():
        outcome.add(None if word == "none" else seconds, seconds if word == "direct" else None)
    return outcome


def cell(simulated, real, band=0.1):
    return verdict(lambda inner: judge(inner.check, band, "one", "two", simulated, real))


def pings(*seen_ms):
    return verdict(lambda inner: inner.takes("pings", 200, seen_ms))


def main():
    checks = Checks()
    check = checks.check
    for way in ("direct", "relay"):
        check(f"{way} in all runs of both is the same", cell(runs(f"{way} {way}"), runs(f"{way} {way}")))
    check("direct and relay are not", not cell(runs("direct direct"), runs("relay relay")))
    check("nor is one run of another outcome", not cell(runs("direct direct"), runs("direct relay")))
    check("nor in the simulator", not cell(runs("relay direct"), runs("relay relay")))
    check("nor the same mixture in both", not cell(runs("direct relay"), runs("direct relay")))
    check("nor nothing in both", not cell(runs("none none"), runs("none none")))
    check("a tenth slower is outside a band of 5 %", not cell(runs("relay"), runs("relay", 1.1), 0.05))
    check("and inside one of 20 %", cell(runs("relay"), runs("relay", 1.1), 0.2))
    check("pings around 200 ms take 200 ms", pings(196, 200, 204))
    check("one slow ping of nine is borne", pings(*[200.2] * 8, 350))
    check("one quick enough ping is not enough", not pings(200.2, *[215] * 8))
    check("too quick is wrong as well", not pings(*[190] * 9))
    check("no ping is no time", not pings())
    checks.end()


main()
