"""What came of a cell of the matrix in the simulator and in the kernel, and whether that is the same.

All runs of both worlds have one outcome; the ratio of the medians of their times is within a band around 1, with
its whole 95 % interval (bootstrap) when there are 20 runs or more.
"""
import random
import statistics

DRAWS = 2000


class Outcome:
    """What came of a cell's runs: outcomes, and times in seconds until both sides had them."""

    def __init__(self):
        self.words, self.times = [], []

    def add(self, usable, direct):
        self.words.append("direct" if direct is not None else "relay" if usable is not None else "none")
        self.times.append(direct if direct is not None else usable)

    def word(self):
        return self.words[0] if len(set(self.words)) == 1 else "/".join(sorted(set(self.words)))

    def median(self):
        return statistics.median(t for t in self.times if t is not None)


def interval(simulated, real):
    """Where 95 of a hundred ratios of medians lie when both are drawn again."""
    chance = random.Random(1)
    ratios = sorted(statistics.median(chance.choices(real.times, k=len(real.times))) /
                    statistics.median(chance.choices(simulated.times, k=len(simulated.times)))
                    for _ in range(DRAWS))
    return ratios[DRAWS // 40], ratios[-1 - DRAWS // 40]


def is_same(simulated, real):
    """Whether all runs of both worlds came to one and the same: the same mixture in both is no agreement."""
    if not simulated.words or not real.words:
        return False
    return len(set(simulated.words + real.words)) == 1 and simulated.word() != "none"


def judge(check, band, a, b, simulated, real):
    """Checks of one cell; returns its line of a table."""
    name = f"{a} to {b}"
    same = is_same(simulated, real)
    check(f"{name}: {simulated.word()} in all runs of both", same,
          f"simulator {simulated.words}\nkernel {real.words}")
    if not same:
        return f"| {a} | {b} | {simulated.word()} | {real.word()} | | | |"
    ratio = real.median() / simulated.median()
    low, high = interval(simulated, real) if len(real.times) >= 20 else (ratio, ratio)
    figures = f"{simulated.median():.3f} s, {real.median():.3f} s, ratio {ratio:.3f} ({low:.3f} to {high:.3f})"
    check(f"{name}: {figures}", low >= 1 - band and high <= 1 + band,
          f"simulator {simulated.times}\nkernel {real.times}")
    return (f"| {a} | {b} | {simulated.word()} | {real.word()} | {simulated.median():.3f} | "
            f"{real.median():.3f} | {ratio:.3f} ({low:.3f} to {high:.3f}) |")
