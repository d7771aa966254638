"""Measures the interop programs against each other on loopback; run.sh builds them first.

What each figure means is in docs/benchmarks.md.
"""

import argparse
import contextlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))

from lib.peers import PROGRAMS, Failed, Peer, features_of  # noqa: E402

MB = 1000 * 1000
TRANSPORTS = ("quic", "tcp")
NO_LIMITS = ("--limits", "none")


def cores():
    """The core of the dialling end and that of the listening end."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[1 % len(allowed)]


def priority():
    """The prefix that gives a program a real-time priority, where that is allowed, or none."""
    prefix = ("chrt", "--rr", "10")
    try:
        is_allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        is_allowed = False
    return prefix if is_allowed else ()


def start(kind, core, listen=True):
    """A program that may run on one core only, before all others."""
    return Peer(kind, NO_LIMITS, listen=listen, prefix=("taskset", "-c", str(core), *priority()))


class Ends:
    """A dialling and a listening program, each pinned, connected when asked."""

    def __init__(self, a, b):
        core_a, core_b = cores()
        self.b = start(b, core_b)
        self.a = start(a, core_a, listen=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in (self.a, self.b):
            peer.kill()

    def cpu_of_b(self):
        """Processor time of the listening end until now."""
        return self.b.do("cpu")["cpu_s"]


def one_bulk(ends, way, size):
    """One transfer."""
    sizes = (size, 0) if way == "up" else (1, size)
    before = ends.cpu_of_b()
    got = ends.a.do("perf", ends.b.id, *sizes)
    cpu_b = ends.cpu_of_b() - before
    if got["down"] != sizes[1]:
        raise Failed(f"{got['down']} of {sizes[1]} bytes came")
    seconds = got["up_s"] + got["down_s"]
    gb = size / 1e9
    return {
        "seconds": seconds,
        "mb_per_s": size / MB / seconds,
        "cpu_s_per_gb_dialler": got["cpu_s"] / gb,
        "cpu_s_per_gb_listener": cpu_b / gb,
    }


class Bulk:
    """Transfers between two ends: MB/s and CPU seconds a GB of both, up and down."""

    def __init__(self, ends, transport, options):
        self.ends = ends
        self.sizes = {}
        conn = ends.a.do("dial", ends.b.addrs[transport])
        if conn["transport"] != transport:
            raise Failed(f"asked for {transport}, got {conn}")
        for way in ("up", "down"):
            size = 32 * MB
            for _ in range(2):  # the first is for warmth, the second says how much fits the time
                seconds = one_bulk(ends, way, size)["seconds"]
                size = int(min(4000 * MB, max(32 * MB, size * options.seconds / seconds)))
            self.sizes[way] = size

    def once(self):
        """One transfer each way."""
        return {way: one_bulk(self.ends, way, size) for way, size in self.sizes.items()}

    def together(self, runs):
        """The medians of all transfers."""
        out = {}
        for way, size in self.sizes.items():
            out[way] = {key: statistics.median(run[way][key] for run in runs) for key in runs[0][way]}
            out[way]["bytes"] = size
            out[way]["runs"] = [run[way]["mb_per_s"] for run in runs]
        return out


class Handshakes:
    """Connections made and closed at once, one after another."""

    def __init__(self, ends, transport, options):
        self.ends = ends
        self.addr = ends.b.addrs[transport]
        self.ms = int(1000 * options.seconds)
        ends.a.do("handshakes", self.addr, 50, 2000)

    def once(self):
        """So many as fit the time, by the CPU seconds that they took."""
        before = self.ends.cpu_of_b()
        got = self.ends.a.do("handshakes", self.addr, 1000000, self.ms)
        cpu_b = self.ends.cpu_of_b() - before
        return {
            "count": got["count"],
            "per_s": got["count"] / got["seconds"],
            "per_cpu_s_dialler": got["count"] / got["cpu_s"],
            "per_cpu_s_listener": got["count"] / cpu_b,
            "per_cpu_s_both": got["count"] / (got["cpu_s"] + cpu_b),
        }

    def together(self, runs):
        """The medians of all runs."""
        return {
            **{key: statistics.median(run[key] for run in runs) for key in runs[0]},
            "runs": [run["per_cpu_s_both"] for run in runs],
        }


def in_turn(what, pairs, transport, options):
    """Measures pairs in turn, once a round, so that a machine that is slower for a while is so for all.
    Yields (a, b, result or Failed)."""
    running, runs, errors = {}, {}, {}

    def attempt(pair, step):
        try:
            return step()
        except Failed as err:
            errors[pair] = err
            return None

    with contextlib.ExitStack() as stack:
        for pair in pairs:
            run = attempt(pair, lambda pair=pair: what(stack.enter_context(Ends(*pair)), transport, options))
            if run is not None:
                running[pair], runs[pair] = run, []
        for _ in range(options.runs):
            for pair, run in running.items():
                if pair not in errors:
                    runs[pair].append(attempt(pair, run.once))
        for pair in pairs:
            yield *pair, errors.get(pair) or running[pair].together(runs[pair])


def idle_connections(kind, driver, transport, options):
    """Resident KiB a connection at the listening end: the slope between `few` and 1000 more."""
    few, more = 100, options.connections
    with Ends(driver, kind) as ends:
        addr = ends.b.addrs[transport]
        pss = []
        for count in (few, few + more):
            held = ends.a.do("hold", addr, count - (few if pss else 0), seconds=600)["held"]
            time.sleep(options.settle)
            seen = ends.b.do("stats")["open"]
            if held != count or seen != count:
                raise Failed(f"{held} connections held, {seen} open at {kind}, of {count}")
            pss.append(ends.b.do("collect")["pss_kib"])
    return {"kib": (pss[1] - pss[0]) / more, "pss_kib": pss, "connections": [few, few + more], "driver": driver}


def size_of(kind):
    """Bytes on disk of what has to be there to run a node of this kind."""
    if kind == "js":
        node = os.path.getsize(os.path.realpath(subprocess.check_output(["which", "node"], text=True).strip()))
        return node + sum(
            os.path.getsize(os.path.join(folder, name))
            for folder, _, names in os.walk(os.path.join(ROOT, "build/interop/js/node_modules"))
            for name in names
            if not os.path.islink(os.path.join(folder, name))
        )
    program = Daemon.PROGRAM if kind == "c" else os.path.join(ROOT, PROGRAMS[kind][-1])
    stripped = os.path.join(ROOT, "build", "interop", f"stripped-{kind}")
    subprocess.run(["strip", "-o", stripped, program], check=True)
    size = os.path.getsize(stripped)
    os.remove(stripped)
    return size


class Daemon:
    """`peerup daemon` with the configuration that `peerup init` makes, in a folder of its own."""

    PROGRAM = os.path.join(ROOT, "build", "release", "peerup")

    def __init__(self):
        self.home = tempfile.TemporaryDirectory(prefix="peerup-bench-")
        places = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
        environment = {**os.environ, **{place: self.home.name for place in places}}
        quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        folder = os.path.join(self.home.name, "peerup")
        subprocess.run([self.PROGRAM, "init", "--dir", folder], check=True, **quiet)
        config = os.path.join(folder, "config.yaml")
        self.process = subprocess.Popen([self.PROGRAM, "daemon", "--config", config], **quiet)

    def pss_kib(self):
        """What is resident of it, shared pages by their share."""
        if self.process.poll() is not None:
            raise Failed(f"peerup daemon ended with status {self.process.returncode}")
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="utf-8") as text:
            return next(int(line.split()[1]) for line in text if line.startswith("Pss:"))

    def kill(self):
        """Ends it and takes its folder away."""
        self.process.kill()
        self.process.wait()
        self.home.cleanup()


class IdlePeer(Peer):
    """An interop program that only listens."""

    def pss_kib(self):
        """As Daemon's."""
        return self.do("memory")["pss_kib"]


def idle_daemons(kinds, options):
    """Pss of each kind, listening on both transports, after it has idled; and its size on disk."""
    peers = {}
    try:
        for kind in kinds:
            peers[kind] = Daemon() if kind == "c" else IdlePeer(kind)
        time.sleep(options.idle)
        return {
            kind: {"pss_kib": peer.pss_kib(), "bytes": size_of(kind), "after_s": options.idle}
            for kind, peer in peers.items()
        }
    finally:
        for peer in peers.values():
            peer.kill()


# ---- what is shown -------------------------------------------------------------------------------


def machine():
    """What the figures were made on."""
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as text:
        for line in text:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
        "revision": revision or "unknown",
        "pinned": list(cores()),
        "priority": "real-time" if priority() else "normal",
    }


TITLES = {
    "bulk": "bulk, MB/s (CPU seconds a GB: dialling + listening end)",
    "handshakes": "handshakes a CPU second (dialling end / listening end / both)",
    "connection": "resident KiB an idle connection, listening end",
}


def row(what, a, b, transport, got):
    """One line of the table."""
    label = f"  {a + '->' + b if what != 'connection' else b:8} {transport:5}"
    if what == "bulk":
        return label + "".join(
            f"  {way} {got[way]['mb_per_s']:7.0f}"
            f" ({got[way]['cpu_s_per_gb_dialler']:.2f} + {got[way]['cpu_s_per_gb_listener']:.2f})"
            for way in ("up", "down")
        )
    if what == "handshakes":
        values = (got[f"per_cpu_s_{end}"] for end in ("dialler", "listener", "both"))
        return label + "  " + " / ".join(f"{value:6.0f}" for value in values)
    return label + f"  {got['kib']:7.1f}   (driven by {got['driver']})"


def aims(results):
    """What the project wants of its own program beside the others, and what came out."""

    def value(row, *keys):
        got = results.get(row)
        for key in keys:
            got = got and got[key]
        return got

    def ratio(text, ours, theirs, least):
        if not ours or not theirs:
            print(f"  {text}: not measured, wanted {least}x")
            return
        lack = 100 - 100 * ours / theirs / least
        print(f"  {text}: {ours / theirs:.2f}x, wanted {least}x: {f'MISSED by {lack:.0f} %' if lack > 0 else 'reached'}")

    def most(text, ours, limit, unit):
        if ours is None:
            print(f"  {text}: not measured, at most {limit} {unit}")
            return
        print(
            f"  {text}: {ours:.0f} {unit}, at most {limit}:"
            f" {f'MISSED by {ours - limit:.0f} {unit}' if ours > limit else 'reached'}"
        )

    def cost(kind, transport, way):
        got = value(f"bulk {kind}->{kind} {transport}", way)
        return got and got["cpu_s_per_gb_dialler"] + got["cpu_s_per_gb_listener"]

    print("\naims")
    for transport, least in (("quic", 1.5), ("tcp", 1.0)):
        for way in ("up", "down"):
            ours, theirs = (value(f"bulk {kind}->{kind} {transport}", way, "mb_per_s") for kind in ("c", "go"))
            ratio(f"{transport} bulk {way}, MB/s to go's", ours, theirs, least)
            ours, theirs = (cost(kind, transport, way) for kind in ("c", "go"))
            ratio(f"{transport} bulk {way}, bytes a CPU second to go's", theirs, ours, least)
    for transport in TRANSPORTS:
        ours = value(f"handshakes c->c {transport}", "per_cpu_s_both")
        for other, least in (("go", 1.0), ("js", 2.5)):
            theirs = value(f"handshakes {other}->{other} {transport}", "per_cpu_s_both")
            ratio(f"{transport} handshakes a CPU second to {other}'s", ours, theirs, least)
    most("idle QUIC connection", value("connection c->c quic", "kib"), 100, "KiB")
    most("idle daemon", value("daemon", "c", "pss_kib"), 8 << 10, "KiB")
    size = value("daemon", "c", "bytes")
    most("stripped program", size and size / 1024, 2 << 10, "KiB")


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench/compare/run.sh", description="Benchmarks of the interop programs.")
    parser.add_argument("--kinds", help="of c, go, js; comma between them (default: all that are there)")
    parser.add_argument("--what", default="bulk,handshakes,connection,daemon", help="parts, comma between them")
    parser.add_argument("--seconds", type=float, default=1, help="of one transfer, and of a run of handshakes")
    parser.add_argument("--runs", type=int, default=5, help="rounds of which the median counts")
    parser.add_argument("--connections", type=int, default=1000, help="over which the slope is taken")
    parser.add_argument("--settle", type=float, default=10, help="seconds before memory is read")
    parser.add_argument("--idle", type=float, default=60, help="seconds that a daemon idles")
    parser.add_argument("--json", default=os.path.join(ROOT, "out", "compare.json"), help="where results go")
    return parser.parse_args()


def idle(kinds, transport, options):
    """The memory of connections at each kind. Yields as in_turn."""
    driver = next((kind for kind in ("go", "c", "js") if kind in kinds), None)
    for kind in kinds:
        try:
            yield kind, kind, idle_connections(kind, driver, transport, options)
        except Failed as err:
            yield kind, kind, err


def measure(kinds, what, options):
    """All parts but the daemons. Yields (part, transport, a, b, result or Failed); prints titles."""
    pairs = [(kind, kind) for kind in kinds]
    pairs += [(a, b) for a in kinds for b in kinds if a != b and ("c" in (a, b) or "c" not in kinds)]
    for part, title in TITLES.items():
        if part not in what:
            continue
        print("\n" + title, flush=True)
        for transport in TRANSPORTS:
            if part == "connection":
                rows = idle(kinds, transport, options)
            else:
                rows = in_turn(Bulk if part == "bulk" else Handshakes, pairs, transport, options)
            for a, b, got in rows:
                yield part, transport, a, b, got


def main():
    """Measures, prints, and keeps everything as JSON."""
    options = parse()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    wanted = options.kinds.split(",") if options.kinds else list(PROGRAMS)
    versions = {kind: found["version"] for kind in wanted if (found := features_of(kind)) is not None}
    kinds = [kind for kind in wanted if kind in versions]
    for kind in wanted:
        print(f"{kind}: {versions.get(kind, 'no ' + PROGRAMS[kind][-1] + ', left out')}")
    results = {"machine": machine(), "versions": versions}
    print(" ".join(f"{key}={value}" for key, value in results["machine"].items()))

    what = options.what.split(",")
    failed = 0
    for part, transport, a, b, got in measure(kinds, what, options):
        if isinstance(got, Failed):
            failed += 1
            print(f"  {a}->{b} {transport}: {got}", flush=True)
        else:
            results[f"{part} {a}->{b} {transport}"] = got
            print(row(part, a, b, transport, got), flush=True)
    if "daemon" in what:
        print(f"\nidle daemon, Pss after {options.idle:.0f} s, and size on disk (js: node and its packages)")
        results["daemon"] = idle_daemons(kinds, options)
        for kind, got in results["daemon"].items():
            print(f"  {kind:8} {got['pss_kib'] / 1024:7.1f} MiB   {got['bytes'] / 2**20:7.1f} MiB")
    os.makedirs(os.path.dirname(options.json), exist_ok=True)
    with open(options.json, "w", encoding="utf-8") as out:
        json.dump(results, out, indent=1)
    if "c" in kinds and options.what == "bulk,handshakes,connection,daemon":
        aims(results)
    print(f"\neverything: {os.path.relpath(options.json, ROOT)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
