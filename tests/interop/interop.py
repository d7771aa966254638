"""Runs the cases of lib/cases.py; run.sh builds the programs first. See README.md."""

import argparse
import fnmatch
import os
import shutil
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib import cases, talk  # noqa: E402
from lib.peers import PROGRAMS, ROOT, Failed, features_of  # noqa: E402


class Tally:
    """Counts results and prints each as it comes."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = 0
        self.failed = []
        self.skipped = 0

    def result(self, pair, name, seconds, why=None):
        """One case is over; why: what did not hold."""
        with self.lock:
            if why is None:
                self.passed += 1
                print(f"ok     {pair}  {name}  {seconds:.1f} s", flush=True)
            else:
                self.failed.append(f"{pair}  {name}")
                print(f"not ok {pair}  {name}  {seconds:.1f} s\n       {why}", flush=True)

    def skip(self, pair, name, why):
        """One case cannot be, with these programs."""
        with self.lock:
            self.skipped += 1
            print(f"skip   {pair}  {name}: {why}", flush=True)


class Pair:
    """All cases of one ordered pair of kinds. Programs with the same flags serve case after case,
    until one fails."""

    def __init__(self, kinds, features, options, tally):
        self.kinds = kinds
        self.label = "->".join(kinds)
        self.features = features
        self.options = options
        self.tally = tally
        self.sessions = {}

    def lacks(self, case):
        """Why a case cannot be, or None."""
        for kind, needs in zip(self.kinds, (case.needs_a, case.needs_b)):
            for feature in needs:
                if feature not in self.features[kind]:
                    return f"{kind} has no {feature}"
        return None

    def session(self, case, fresh):
        """Two programs with the case's flags."""
        key = (case.flags_a, case.flags_b)
        if fresh or key not in self.sessions:
            found = self._start(case)
            if fresh:
                return found
            self.sessions[key] = found
        return self.sessions[key]

    def _start(self, case):
        a = talk.start(self.kinds[0], case.flags_a, self.options.log_dir)
        try:
            return a, talk.start(self.kinds[1], case.flags_b, self.options.log_dir)
        except BaseException:
            a.kill()
            raise

    def run(self, case, fresh=False):
        """Runs one case and says how it went."""
        begin = time.monotonic()
        why = None
        programs = ()
        try:
            programs = self.session(case, fresh)
            current = talk.Talk(*programs, self.features, self.options)
            try:
                case.function(current)
                current.end()
            finally:
                for peer in current.extras:
                    peer.kill()
            if fresh:
                self.end(programs)
        except Failed as err:
            why = str(err)
        except Exception:  # a bug of this harness is a failure of the case, with the place of it
            why = traceback.format_exc()
        if why is not None:
            for peer in programs:
                peer.kill()
            self.sessions.pop((case.flags_a, case.flags_b), None)
            why += f"\n       logs: {', '.join(os.path.relpath(p.log_path, ROOT) for p in programs)}"
        self.tally.result(self.label, case.name, time.monotonic() - begin, why)

    def end(self, programs):
        """Ends programs in good order."""
        for peer in programs:
            peer.quit()

    def run_all(self, wanted):
        """Starts the cases that mostly wait, runs the others meanwhile; the waiting ones' threads."""
        waiting = []
        for case in wanted:
            why = self.lacks(case)
            if why is not None:
                self.tally.skip(self.label, case.name, why)
            elif case.waits:
                thread = threading.Thread(target=self.run, args=(case, True))
                thread.start()
                waiting.append(thread)
        for case in wanted:
            if self.lacks(case) is None and not case.waits:
                self.run(case)
        begin = time.monotonic()
        for programs in self.sessions.values():
            try:
                self.end(programs)
            except Failed as err:
                self.tally.result(self.label, "00-end", time.monotonic() - begin, str(err))
        return waiting


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests/interop/run.sh", description="Interop cases; see tests/interop/README.md.")
    parser.add_argument("--pairs", help="A:B,... of c, go and js; A dials (default: all with c, or all)")
    parser.add_argument("--cases", default="*", help="names or patterns, comma between them")
    parser.add_argument("--repeat", type=int, default=1, help="the whole again and again")
    parser.add_argument("--idle", type=int, help="seconds that a connection idles (default 35; 300 with --long)")
    parser.add_argument("--long", action="store_true", help="10000 streams, 300 s idle, 60 s watched")
    parser.add_argument("--list", action="store_true", help="names the cases and what they say")
    options = parser.parse_args()
    options.idle = options.idle or (300 if options.long else 35)
    options.log_dir = os.path.join(ROOT, "build", "interop", "log")
    return options


def choose_pairs(text, features):
    """The ordered pairs to run. Without c every pair is: that is how the cases are proved."""
    if text:
        pairs = [tuple(pair.split(":")) for pair in text.split(",")]
        for pair in pairs:
            if len(pair) != 2 or not set(pair) <= set(PROGRAMS):
                raise SystemExit(f"--pairs {text}: {':'.join(pair)} is no pair of {', '.join(PROGRAMS)}")
            for kind in pair:
                if kind not in features:
                    raise SystemExit(f"--pairs {text}: the program of {kind} is not there")
        return pairs
    kinds = sorted(features)
    pairs = [(a, b) for a in kinds for b in kinds]
    return [pair for pair in pairs if "c" in pair] if "c" in features else pairs


def main():
    """Runs what is wanted; the exit status is 0 when something was run and nothing failed."""
    options = parse()
    wanted = [c for c in cases.CASES if any(fnmatch.fnmatch(c.name, p) for p in options.cases.split(","))]
    if options.list:
        for case in wanted:
            print(f"{case.name}: {case.about}")
        return 0
    features = {}
    for kind in PROGRAMS:
        found = features_of(kind)
        if found is None:
            print(f"interop: no {PROGRAMS[kind][-1]}: cases with {kind} are left out")
        else:
            features[kind] = found["features"]
            print(f"interop: {kind}: {found['version']}")
    shutil.rmtree(options.log_dir, ignore_errors=True)
    os.makedirs(options.log_dir, exist_ok=True)
    tally = Tally()
    for _ in range(options.repeat):
        waiting = []
        for kinds in choose_pairs(options.pairs, features):
            waiting += Pair(kinds, features, options, tally).run_all(wanted)
        for thread in waiting:
            thread.join()
    for line in tally.failed:
        print(f"failed: {line}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed", flush=True)
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
