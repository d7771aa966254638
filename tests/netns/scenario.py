"""Scenario files (docs/scenarios.md) as the lab plays them, and what it refuses of them.

peerup-sim checks a file; this reads one that it has taken. What a kernel cannot do, or this lab does not, is
told in words: `refused` stops a scenario, `left_out` is passed over.
"""
import os
import re

import yaml

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
BITS = {"bit": 1, "kbit": 1e3, "Mbit": 1e6, "Gbit": 1e9}
BYTES = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
PART = re.compile(r"([0-9.]+)([a-zA-Z]+)")

EVENTS = {"connect", "crash", "restart", "partition", "block", "reboot", "rebind", "change_network", "stream"}
EXPECTED = {"connected", "path", "together", "delivered", "never", "says"}
# The keys that are done here; what has another is refused.
KNOWN = {
    "scenario": "scenario about duration fidelity crypto network nats nodes groups config authorize events expect",
    "network": "latency link",
    "latency": "matrix rtt access",
    "link": "loss jitter up down queue",
    "box": "mapping filtering ports udp_idle udp_answered_idle udp tcp_idle tcp_opening_idle hairpin refresh "
           "block addresses pooling mappings host_mappings",
    "node": "at behind relays roles knows config",
    "change_network": "node behind at",
}


class Refused(Exception):
    """A scenario that cannot be played here; its text says why."""


def amount(text, units):
    """60ms, 1h30m, 20Mbit: in the unit that is 1 in units."""
    if isinstance(text, (int, float)):
        return text
    return sum(float(number) * units[unit] for number, unit in PART.findall(text))


def seconds(text):
    return amount(text, SECONDS)


def only_known(sort, name, mapping):
    """Refuses what has keys that this lab does not do."""
    for key in mapping:
        if key not in KNOWN[sort].split():
            raise Refused(f"{name}: {key} is for the simulator")


def share(text):
    return float(text.rstrip("%")) / 100


class Scenario:
    """One file, or its text. name, duration, nodes, events and expect are as in the file."""

    def __init__(self, path, text=None):
        if text is None:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        self.path, self.folder = path, os.path.dirname(os.path.abspath(path))
        self.file = yaml.load(text, Loader=yaml.BaseLoader)  # every value as it is written
        self.name = self.file["scenario"]
        self.duration = seconds(self.file["duration"])
        self.nodes = self.file["nodes"]
        self.events = sorted(({**e, "at": seconds(e["at"])} for e in self.file.get("events", [])),
                             key=lambda e: e["at"])
        self.left_out = []
        self.expect = [e for e in self.file.get("expect", []) if self.is_judged(e)]
        self.check()

    # ---- what is refused, and what is left out ----

    def is_judged(self, e):
        if "pairs" in e.get("connected", {}) or "pairs" in e.get("together", {}):
            self.left_out.append(f"{e['name']}: groups are for the simulator")
            return False
        if not EXPECTED & set(e):
            self.left_out.append(f"{e['name']}: is not judged here")
            return False
        return True

    def check_keys(self):
        network = self.file["network"]
        only_known("scenario", self.name, self.file)
        only_known("network", "network", network)
        only_known("latency", "latency", network["latency"])
        only_known("link", "link", network.get("link", {}))
        if any(isinstance(value, dict) for value in network.get("link", {}).values()):
            raise Refused("link: another value up than down is for the simulator")
        for name, kind in self.file.get("nats", {}).items():
            only_known("box", name, kind)
        for name, node in self.nodes.items():
            only_known("node", name, node)
        for e in self.events:
            if isinstance(e.get("change_network"), dict):
                only_known("change_network", "change_network", e["change_network"])

    def check(self):
        self.check_keys()
        for group in self.file.get("groups", {}):
            self.left_out.append(f"group {group}: thousands of processes are for the simulator")
        for e in self.events:
            what = next(key for key in e if key != "at")
            if what not in EVENTS:
                raise Refused(f"event {what} at {e['at']:g} s: is for the simulator")
        latency = self.file["network"]["latency"]
        for name, node in self.nodes.items():
            if "matrix" in latency and "at" not in node:
                raise Refused(f"{name}: has no site, and none is drawn here")
            behind = node.get("behind", [])
            if any("@" in kind for kind in behind[1:]):
                raise Refused(f"{name}: a carrier's box that several share has no delays inside here")

    # ---- values ----

    def kinds(self):
        """Kinds of boxes, values read."""
        made = {}
        for name, kind in self.file.get("nats", {}).items():
            made[name] = dict(kind, udp_idle_s=seconds(kind["udp_idle"]))
            made[name]["udp_answered_idle_s"] = seconds(kind.get("udp_answered_idle", kind["udp_idle"]))
            if kind.get("hairpin") in ("false", None):
                made[name].pop("hairpin", None)
            if kind.get("addresses") == "1":
                del made[name]["addresses"]
        return made

    def link(self):
        link = self.file["network"].get("link", {})
        made = {key: amount(link[key], BITS) for key in ("up", "down") if key in link}
        made["queue"] = seconds(link.get("queue", "100ms"))
        made["jitter"] = seconds(link.get("jitter", "0s"))
        made["loss"] = share(link.get("loss", "0%"))
        return made

    def moves(self):
        """[(event, node, kinds around it from then on, its site from then on)] of each change of network."""
        made, at = [], {name: (node.get("behind", []), node.get("at")) for name, node in self.nodes.items()}
        for e in self.events:
            if "change_network" not in e:
                continue
            change = e["change_network"]
            change = {"node": change} if isinstance(change, str) else change
            behind, site = at[change["node"]]
            at[change["node"]] = change.get("behind", behind), change.get("at", site)
            if any("@" in kind for kind in at[change["node"]][0]):
                raise Refused(f"{change['node']}: moves to boxes that others share")
            made.append((e, change["node"], *at[change["node"]]))
        return made

    def one_way(self, site, other):
        """Seconds from the uplink of a host at a site to the end of the access link of one at another."""
        latency = self.file["network"]["latency"]
        access = 2 * seconds(latency.get("access", "0s"))
        if "rtt" in latency:
            return access + (0 if site is not None and site == other else seconds(latency["rtt"]) / 2)
        with open(os.path.join(self.folder, latency["matrix"]), encoding="utf-8") as file:
            rows = file.read().splitlines()
        return access + float(rows[int(site)].split("\t")[int(other)]) / 2000

    def parameters(self, name):
        """Parameters of peerup/config.h, as a configuration of peerup has them: it knows no `min`, no `d`."""
        given = {**self.file.get("config", {}), **self.nodes[name].get("config", {})}
        return {key: f"{seconds(value):g}s" if key.endswith("_ns") else value for key, value in given.items()}

    def is_relay(self, name):
        return "relay" in self.nodes[name].get("roles", [])

    def trusted(self, name):
        """Whom a node authorises: who is paired with it, its relays, and whom it serves."""
        pairs = [pair for pair in self.file.get("authorize", []) if name in pair]
        peers = {other for pair in pairs for other in pair if other != name}
        peers.update(self.nodes[name].get("relays", []))
        peers.update(other for other, node in self.nodes.items() if name in node.get("relays", []))
        return sorted(peers)

    def takers(self):
        """Nodes that somebody sends a stream to."""
        return {e["stream"]["to"] for e in self.events if "stream" in e}
