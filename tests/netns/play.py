"""Plays a scenario with real processes: builds its network, starts its nodes, and does its events in time."""
import itertools
import os
import shutil
import threading
import time

import copies
import nats
from network import Network
from node import PORT, Node, wait_for
from scenario import BYTES, Refused, amount, seconds

ASK_AGAIN_S = 1.0


class Play:
    """One scenario in the kernel. folder: for its nodes' files; prefix: of its namespaces."""

    def __init__(self, scenario, build, folder, seed=1, prefix="", tcp=True):
        self.s, self.build, self.folder, self.tcp = scenario, build, folder, tcp
        self.net = Network(os.path.join(build, "lab-link"), scenario.kinds(), seed, prefix)
        self.asks = {}  # (from, to) -> when it was asked first
        self.seen = []  # (time, a, b, what a has with b, known but by its own words)
        self.down, self.started = set(), None
        self.copies = []
        self.nodes = {}
        try:
            self.make_network()
        except nats.Refused as why:
            raise Refused(str(why)) from why

    def make_network(self):
        sites = {name: node.get("at") for name, node in self.s.nodes.items()}
        for name, node in self.s.nodes.items():
            self.net.host(name, node.get("behind", []), self.s.link())
        for number, (e, name, behind, site) in enumerate(self.s.moves(), 1):
            e["place"] = self.net.other_place(name, number, behind, self.s.link())
            sites[e["place"]] = site
        for a, b in itertools.combinations(sites, 2):
            self.net.way(a, b, self.s.one_way(sites[a], sites[b]))
        self.net.start()
        for name in self.s.takers():
            copies.serve(self.net.spaces[name])

    # ---- nodes ----

    def make_nodes(self, port=PORT):
        """Nodes with new folders and identities, at a port that nobody has used yet."""
        shutil.rmtree(self.folder, ignore_errors=True)
        peerup = os.path.join(self.build, "peerup")
        self.asks, self.down, self.seen, self.copies = {}, set(), [], []
        self.nodes = {name: Node(peerup, self.net.spaces[name], os.path.join(self.folder, name),
                                 self.s.is_relay(name), port) for name in self.s.nodes}
        for name, node in self.nodes.items():
            relays = [address for relay in self.s.nodes[name].get("relays", [])
                      for address in self.nodes[relay].addresses(self.net.outer[relay])]
            node.configure(relays if self.tcp else relays[::2],
                           [self.nodes[peer].id for peer in self.s.trusted(name)],
                           self.s.parameters(name), self.services(name), self.tcp)

    def services(self, name):
        return {copies.NAME: f"127.0.0.1:{copies.PORT}"} if name in self.s.takers() else {}

    def start_nodes(self):
        self.started = time.monotonic()
        for name in sorted(self.nodes, key=lambda name: not self.s.is_relay(name)):
            self.nodes[name].start()

    def stop_nodes(self):
        for name, node in self.nodes.items():
            if name not in self.down:
                node.kill()
        self.down = set(self.nodes)

    # ---- events ----

    def at(self, moment_s):
        """Waits until that time of the scenario."""
        time.sleep(max(0.0, self.started + moment_s - time.monotonic()))

    def connect(self, a, b):
        """a's user asks for b, and asks again every second while it is not there: the daemon has no request
        to stay connected."""
        pair = a, b
        is_new = pair not in self.asks
        self.asks[pair] = time.monotonic()
        if is_new:
            threading.Thread(target=self.keep_asking, args=pair, daemon=True).start()

    def keep_asking(self, a, b):
        nodes = self.nodes
        while self.nodes is nodes:
            if a not in self.down:
                for address in self.known_addresses(a, b):
                    threading.Thread(target=self.ask_once, args=[a, b, address], daemon=True).start()
            wait_for(lambda: self.nodes is not nodes or self.is_apart(a, b), 3600)
            time.sleep(ASK_AGAIN_S)

    def ask_once(self, a, b, address):
        """One ping. An answer tells of a path too, where the nodes have nothing new to say."""
        try:
            answer = self.nodes[a].ping(self.nodes[b], 10, address)
        except (OSError, ValueError):
            return  # the daemon is not there, or went while it was asked
        if answer.get("path"):
            self.seen += [(time.monotonic(), *pair, answer["path"]) for pair in ((a, b), (b, a))
                          if self.has_nobody(*pair)]

    def has_nobody(self, a, b):
        changes = self.changes(a, b)
        return not changes or changes[-1][1] in ("gone", "stopped")

    def is_apart(self, a, b):
        return a not in self.down and self.has_nobody(a, b)

    def known_addresses(self, a, b):
        """Who knows all is told where b is seen from outside, as far as ports are kept, and the circuits
        through its relays."""
        if self.s.nodes[a].get("knows") != "all":
            return [None]
        circuits = [f"{self.nodes[relay].addresses(self.net.outer[relay])[0]}/p2p-circuit/p2p/"
                    f"{self.nodes[b].id}" for relay in self.s.nodes[b].get("relays", [])]
        return self.nodes[b].addresses(self.net.outer[b]) + circuits

    def members(self, side):
        return [side] if isinstance(side, str) else side

    def cut(self, ways, for_s):
        for way in ways:
            self.net.cut(*way)
        if for_s is not None:
            threading.Timer(for_s, lambda: [self.net.cut(*way, False) for way in ways]).start()

    def do(self, e):
        what = next(key for key in e if key not in ("at", "place"))
        value, for_s = e[what], None
        if isinstance(value, dict) and "for" in value:
            for_s = seconds(value["for"])
        if what == "connect":
            self.connect(value["from"], value["to"])
        elif what == "stream":
            self.copies.append(copies.Copy(self.nodes[value["from"]], self.nodes[value["to"]],
                                           round(amount(value["bytes"], BYTES)), len(self.copies)))
        elif what == "crash":
            self.down.add(value)
            self.nodes[value].kill()
        elif what == "restart":
            name = value if isinstance(value, str) else value["node"]
            if isinstance(value, dict) and value.get("keep") == "false":
                shutil.rmtree(os.path.join(self.nodes[name].folder, "state"), ignore_errors=True)
            self.nodes[name].start()
            self.down.discard(name)
        elif what == "change_network":
            name = value if isinstance(value, str) else value["node"]
            self.net.move(name, e["place"])
            self.seen += [(self.started + e["at"], name, other, "gone") for other in self.nodes]
        elif what == "partition":
            sides = [self.members(side) for side in value["between"]]
            self.cut([(a, b) for i, side in enumerate(sides) for j, other in enumerate(sides) if i != j
                      for a in side for b in other], for_s)
        elif what == "block":
            self.cut([(a, b) for a in self.members(value["from"]) for b in self.members(value["to"])],
                     for_s)
        else:
            name = value if isinstance(value, str) else value["node"]
            box = int(value.get("box", 1)) - 1 if isinstance(value, dict) else 0
            around = self.net.boxes[name][box]
            (around.forget if what == "reboot" else around.move)()

    def run(self, until_s):
        """All events up to then, in time."""
        for e in self.s.events:
            if e["at"] > until_s:
                break
            self.at(e["at"])
            self.do(e)
        self.at(until_s)

    # ---- what was seen ----

    def changes(self, a, b):
        """[(time, what a has with b)] in the order of time: its own words, that it moved, answered pings."""
        seen = [(at, way) for at, *pair, way in list(self.seen) if pair == [a, b]]
        return sorted(self.nodes[a].paths(self.nodes[b]) + seen)

    def both(self, a, b, ways, since):
        """When both sides had said that they are connected in one of these ways; None: not so far."""
        times = []
        for x, y in ((a, b), (b, a)):
            said = self.nodes[x].paths(self.nodes[y])
            times.append(next((at for at, way in said if at >= since and way in ways), None))
        return None if None in times else max(times)
