"""Counts checks, one line each, and ends with the totals, as tests/lib/check.sh does for bash."""
import statistics
import sys

SLACK_MS = 5


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, is_good, said=""):
        """One check: whether it held, and what is to be shown when it did not."""
        print(f"{'ok' if is_good else 'not ok'} {name}", flush=True)
        if is_good:
            self.passed += 1
            return
        self.failed += 1
        for line in str(said).splitlines():
            print(f"    {line}", flush=True)

    def takes(self, name, expected_ms, seen_ms):
        """Is the median of these pings that RTT?"""
        median = statistics.median(seen_ms) if seen_ms else float("inf")
        self.check(name, abs(median - expected_ms) <= SLACK_MS, seen_ms)
        if seen_ms:
            print(f"{name}: median {median:.1f} ms of {len(seen_ms)}, {min(seen_ms):.1f} ms at least")

    def end(self):
        """Prints the totals and ends the program."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(0 if self.failed == 0 else 1)
