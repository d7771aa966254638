"""A network of namespaces: hosts, the boxes around them, and the link process between what is outermost.

      host ---- router ---- carrier ====\\
                                         link process (tests/netns/link.c)
      host ---- router =================/

Double lines are TUN interfaces of the link process, which delays, loses and paces packets as the
simulator's links do. Single ones are veth pairs without delay: inside a home there is none to speak of,
and between a carrier and its customer it is part of the way.
"""
import ipaddress
import os
import subprocess

import nats
from place import Space

SECOND = "wan-second"  # of a host with two addresses
OUT = "wan"  # the interface of a box, or of a public host, to the outside
PUBLIC = int(ipaddress.ip_address("11.0.0.1"))  # one /24 each, as in the simulator


class Box:
    """A NAT in a namespace of its own."""

    def __init__(self, space, kind, seed):
        self.space, self.kind, self.seed = space, kind, seed
        self.address = None  # on the outside
        self.inside = None  # a network
        self.guests = 0

    def close_off(self, **changes):
        """Begins to be what it is."""
        self.space.nft(nats.rules(dict(self.kind, **changes), OUT, self.address, self.seed))

    def forget(self):
        """Loses all mappings, as by a reboot; noted ports and remotes too."""
        self.close_off()
        self.space.run("python3", os.path.join(os.path.dirname(__file__), "flush.py"))

    def move(self):
        """Moves all mappings to other ports."""
        self.seed += 1
        self.forget()


class Network:
    """kinds: boxes by name; seed: what chance is drawn from; prefix: of the names of namespaces."""

    def __init__(self, link_program, kinds=None, seed=1, prefix=""):
        self.link_program, self.kinds, self.seed, self.prefix = link_program, kinds or {}, seed, prefix
        self.spaces, self.boxes, self.outer = {}, {}, {}
        self.ends = []  # (space, interface, address, link)
        self.end_of = {}  # host -> number of its end
        self.doors = {}  # host -> its interface, address and default route
        self.ways = {}
        self.link = None

    def space(self, name):
        self.spaces[name] = Space(self.prefix + name)
        return self.spaces[name]

    def host(self, name, behind=(), link=None):
        """Adds a host behind boxes of these kinds, innermost first. `kind@name`: a box that several share.
        link: rates and so on of its access link, see link_values."""
        self.surround(name, self.space(name), behind, link)

    def other_place(self, name, number, behind=(), link=None):
        """Adds what a host will be surrounded by once it moves there; returns what the place is called."""
        place = f"{name}~{number}"
        self.surround(place, self.spaces[name], behind, link, str(number))
        return place

    def surround(self, place, inner, behind, link, suffix=""):
        """Puts boxes around a host, and an end of the link process around them. With a suffix the host's
        interface there has it in its name and stays down."""
        boxes = self.boxes[place] = []
        for level, word in enumerate(behind):
            kind, _, shared = word.partition("@")
            box_name = f"{kind}-{shared}" if shared else f"{place}-{level}"
            box = self.find(box_name)
            is_new = box is None
            if is_new:
                box = Box(self.space(box_name), self.kinds[kind], self.seed * 1000 + len(self.spaces))
                self.make_inside(box, level, suffix or 0)
            boxes.append(box)
            if level == 0:
                self.join(inner, box, "lan" + suffix, place, is_up=not suffix)
            else:
                self.join(inner, box, OUT, place)
                boxes[level - 1].close_off()
            if not is_new:
                self.share(place, box)
                return
            inner = box.space
        self.add_end(place, inner, OUT if boxes else OUT + suffix, link)
        if boxes:
            boxes[-1].address = self.outer[place]
        else:
            self.doors[place] = OUT + suffix, f"{self.outer[place]}/32", f"default dev {OUT + suffix}"

    def share(self, place, box):
        """What is around a shared box is around this place too."""
        other = next(key for key, boxes in self.boxes.items() if key != place and box in boxes)
        around = self.boxes[other]
        self.boxes[place] += around[around.index(box) + 1:]
        self.end_of[place], self.outer[place] = self.end_of[other], self.outer[other]

    def move(self, name, place):
        """The host leaves where it is, and is there instead."""
        space = self.spaces[name]
        (old, old_address, _), (door, address, route) = self.doors[name], self.doors[place]
        space.ip(f"addr del {old_address} dev {old}", f"link set {old} down",
                 f"addr add {address} dev {door}", f"link set {door} up", f"route add {route}")
        for table in (self.boxes, self.end_of, self.outer, self.doors):
            table[name] = table[place]

    def second_end(self, name):
        """Gives a public host another address, of which ways are those of `NAME-2`."""
        self.add_end(f"{name}-2", self.spaces[name], SECOND, None)

    def add_end(self, name, space, interface, link):
        self.end_of[name] = len(self.ends)
        self.outer[name] = str(ipaddress.ip_address(PUBLIC + 256 * len(self.ends)))
        self.ends.append((space, interface, self.outer[name], link or {}))

    def find(self, name):
        space = self.spaces.get(name)
        return next((box for around in self.boxes.values() for box in around if box.space is space),
                    None) if space else None

    def make_inside(self, box, level, number):
        """Another home has other addresses: a host that moves to the same one cannot tell."""
        box.inside = ipaddress.ip_network(f"192.168.{number}.0/24" if level == 0
                                          else f"100.{63 + level}.0.0/24")
        box.space.ip("link add inside type bridge", f"addr add {box.inside[1]}/24 dev inside",
                     "link set inside up")
        box.space.set(ipv4__ip_forward=1)
        idle = box.kind.get("udp_idle_s")
        if idle:
            box.space.set(netfilter__nf_conntrack_udp_timeout=int(idle),
                          netfilter__nf_conntrack_udp_timeout_stream=int(
                              box.kind.get("udp_answered_idle_s", idle)))

    def join(self, inner, box, name, place, is_up=True):
        """Connects a namespace with the inside of a box; it gets the next address there."""
        port = f"in{box.guests}"
        address = box.inside[2 + box.guests]
        box.guests += 1
        route = f"default via {box.inside[1]} dev {name}"
        inner.ip(f"link add {name} type veth peer name {port} netns {box.space.name}")
        if is_up:
            inner.ip(f"addr add {address}/24 dev {name}", f"link set {name} up", f"route add {route}")
        box.space.ip(f"link set {port} master inside", f"link set {port} up")
        around = self.owner(inner)
        if around is not None:
            around.address = str(address)
        else:
            self.doors[place] = name, f"{address}/24", route

    def owner(self, space):
        return next((box for boxes in self.boxes.values() for box in boxes if box.space is space), None)

    def way(self, a, b, one_way_s):
        """From a to b and back it takes so long each way; where nothing is said, no time."""
        self.ways[(self.end_of[a], self.end_of[b])] = one_way_s

    def start(self):
        """Starts the link process; from now on packets go."""
        self.link = subprocess.Popen([self.link_program, str(self.seed)], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        for space, interface, address, link in self.ends:
            self.tell("end", space.path, interface, address, *link_values(link))
        for (a, b), one_way_s in self.ways.items():
            self.tell("way", a, b, round(one_way_s * 1e9))
        self.tell("go")
        if self.link.stdout.readline() != "ready\n":
            raise RuntimeError("the link process does not start")
        for space, interface, address, _ in self.ends:
            if interface in (OUT, SECOND):
                space.ip(f"addr add {address}/32 dev {interface}", f"link set {interface} up")
            if interface == OUT:
                space.ip(f"route add default dev {OUT}")
        for boxes in self.boxes.values():
            if boxes:
                boxes[-1].close_off()

    def close(self):
        """Ends the link process and takes the namespaces away."""
        self.link.stdin.close()
        self.link.wait()
        for space in self.spaces.values():
            space.remove()

    def tell(self, *words):
        self.link.stdin.write(" ".join(map(str, words)) + "\n")
        self.link.stdin.flush()

    def cut(self, a, b, is_cut=True):
        """From now on nothing of a's arrives at b; or it does again."""
        self.tell("cut" if is_cut else "mend", self.end_of[a], self.end_of[b])


def link_values(link):
    """up, down in bits a second, queue and jitter in seconds, loss as a share: as the link process
    reads them."""
    return (round(link.get("up", 0)), round(link.get("down", 0)), round(link.get("queue", 0) * 1e9),
            round(link.get("loss", 0) * 1e6), round(link.get("jitter", 0) * 1e9))
