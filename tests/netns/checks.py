"""Counts checks, one line each, and ends with the totals, as tests/lib/check.sh does for bash."""
import sys


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

    def end(self):
        """Prints the totals and ends the program."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(0 if self.failed == 0 else 1)
