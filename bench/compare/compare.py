"""Measures the interop programs against each other on loopback; run.sh builds them first.

What each figure means is in docs/benchmarks.md.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
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


def bulk(a, b, transport, options):
    """MB/s and CPU seconds a GB of both ends, up and down: medians of several runs."""
    out = {}
    with Ends(a, b) as ends:
        conn = ends.a.do("dial", ends.b.addrs[transport])
        if conn["transport"] != transport:
            raise Failed(f"asked for {transport}, got {conn}")
        for way in ("up", "down"):
            size = 32 * MB
            for _ in range(2):  # the first is for warmth, the second says how much fits the time
                seconds = one_bulk(ends, way, size)["seconds"]
                size = int(min(4000 * MB, max(32 * MB, size * options.seconds / seconds)))
            runs = [one_bulk(ends, way, size) for _ in range(options.runs)]
            out[way] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            out[way]["bytes"] = size
            out[way]["runs"] = [run["mb_per_s"] for run in runs]
    return out


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


def handshakes(a, b, transport, options):
    """Connections made and closed at once, one after another, a second of processor time."""
    with Ends(a, b) as ends:
        addr = ends.b.addrs[transport]
        ends.a.do("handshakes", addr, 50, 2000)
        before = ends.cpu_of_b()
        got = ends.a.do("handshakes", addr, 1000000, int(1000 * options.seconds))
        cpu_b = ends.cpu_of_b() - before
    return {
        "count": got["count"],
        "per_s": got["count"] / got["seconds"],
        "per_cpu_s_dialler": got["count"] / got["cpu_s"],
        "per_cpu_s_listener": got["count"] / cpu_b,
        "per_cpu_s_both": got["count"] / (got["cpu_s"] + cpu_b),
    }


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
    program = os.path.join(ROOT, PROGRAMS[kind][-1])
    daemon = os.path.join(ROOT, "build/release/peerup")
    if kind == "c" and os.path.exists(daemon):
        program = daemon
    stripped = os.path.join(ROOT, "build", "interop", f"stripped-{kind}")
    subprocess.run(["strip", "-o", stripped, program], check=True)
    size = os.path.getsize(stripped)
    os.remove(stripped)
    return size


def idle_daemons(kinds, options):
    """Pss of each kind, listening on both transports, after it has idled; and its size on disk."""
    peers = {kind: Peer(kind) for kind in kinds}
    try:
        time.sleep(options.idle)
        return {
            kind: {"pss_kib": peer.do("memory")["pss_kib"], "bytes": size_of(kind), "after_s": options.idle}
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


def rows(kinds, pairs, what):
    """What is measured, in order; prints the title of each part."""
    for part, title in TITLES.items():
        if part not in what:
            continue
        print("\n" + title, flush=True)
        for a, b in pairs if part != "connection" else [(kind, kind) for kind in kinds]:
            for transport in TRANSPORTS:
                yield part, a, b, transport


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

    def best(kind, way):
        return results[f"bulk {kind}->{kind} {way}"]

    def ratio(text, ours, theirs, least):
        print(f"  {text}: {ours / theirs:.2f}x, wanted {least}x: {'reached' if ours >= least * theirs else 'MISSED'}")

    def most(text, value, limit, unit):
        print(f"  {text}: {value:.0f} {unit}, at most {limit}: {'reached' if value <= limit else 'MISSED'}")

    print("\naims")
    for transport, least in (("quic", 1.5), ("tcp", 1.0)):
        for way in ("up", "down"):
            ours, theirs = (best(kind, transport)[way]["mb_per_s"] for kind in ("c", "go"))
            ratio(f"{transport} bulk {way} to go's", ours, theirs, least)
    for transport in TRANSPORTS:
        for other, least in (("go", 1.0), ("js", 2.5)):
            theirs = results.get(f"handshakes {other}->{other} {transport}")
            if theirs:
                ours = results[f"handshakes c->c {transport}"]["per_cpu_s_both"]
                ratio(f"{transport} handshakes to {other}'s", ours, theirs["per_cpu_s_both"], least)
    most("idle QUIC connection", results["connection c->c quic"]["kib"], 100, "KiB")
    most("idle daemon", results["daemon"]["c"]["pss_kib"], 8 << 10, "KiB")
    most("stripped program", results["daemon"]["c"]["bytes"] / 1024, 2 << 10, "KiB")


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench/compare/run.sh", description="Benchmarks of the interop programs.")
    parser.add_argument("--kinds", help="of c, go, js; comma between them (default: all that are there)")
    parser.add_argument("--what", default="bulk,handshakes,connection,daemon", help="parts, comma between them")
    parser.add_argument("--seconds", type=float, default=3, help="of one transfer, and of a run of handshakes")
    parser.add_argument("--runs", type=int, default=3, help="transfers of which the median counts")
    parser.add_argument("--connections", type=int, default=1000, help="over which the slope is taken")
    parser.add_argument("--settle", type=float, default=10, help="seconds before memory is read")
    parser.add_argument("--idle", type=float, default=60, help="seconds that a daemon idles")
    parser.add_argument("--json", default=os.path.join(ROOT, "out", "compare.json"), help="where results go")
    return parser.parse_args()


def measure(what, a, b, transport, options, driver):
    """One row."""
    if what == "bulk":
        return bulk(a, b, transport, options)
    if what == "handshakes":
        return handshakes(a, b, transport, options)
    return idle_connections(b, driver, transport, options)


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

    pairs = [(kind, kind) for kind in kinds]
    pairs += [(a, b) for a in kinds for b in kinds if a != b and ("c" in (a, b) or "c" not in kinds)]
    driver = next((kind for kind in ("go", "c", "js") if kind in versions), None)
    what = options.what.split(",")
    failed = 0
    for part, a, b, transport in rows(kinds, pairs, what):
        try:
            got = measure(part, a, b, transport, options, driver)
            results[f"{part} {a}->{b} {transport}"] = got
            print(row(part, a, b, transport, got), flush=True)
        except Failed as err:
            failed += 1
            print(f"  {a}->{b} {transport}: {err}", flush=True)
    if "daemon" in what:
        print(f"\nidle daemon, Pss after {options.idle:.0f} s, and size on disk (js: node and its packages)")
        results["daemon"] = idle_daemons(kinds, options)
        for kind, got in results["daemon"].items():
            print(f"  {kind:8} {got['pss_kib'] / 1024:7.1f} MiB   {got['bytes'] / 2**20:7.1f} MiB")
    os.makedirs(os.path.dirname(options.json), exist_ok=True)
    with open(options.json, "w", encoding="utf-8") as out:
        json.dump(results, out, indent=1)
    if not failed and {"c", "go"} <= set(kinds) and options.what == "bulk,handshakes,connection,daemon":
        aims(results)
    print(f"\neverything: {os.path.relpath(options.json, ROOT)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
