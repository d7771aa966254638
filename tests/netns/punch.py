#!/usr/bin/python3
"""Two homes behind real Linux NATs and a relay: what a hole punch is, and that it is one.

    tests/netns/punch.py BUILD-FOLDER        as root, e.g. build/release

It has succeeded when a plain dial of the public address fails while somebody listens there, both sides
say that they are direct, the connection is not relayed and goes to the other's public address, and bytes
flow on after the relay is killed. RTT as in libp2p's interoperability test: 250 ms relayed, 200 ms direct.

One line a check; the last is "N passed, N failed"; 77 and a reason when it cannot run here.
"""
import itertools
import os
import sys
import time

import place

place.enter()

from checks import Checks  # pylint: disable=wrong-import-position
from network import Network  # pylint: disable=wrong-import-position
from node import Node, wait_for  # pylint: disable=wrong-import-position
from scenario import Scenario  # pylint: disable=wrong-import-position
from service import Service  # pylint: disable=wrong-import-position

SCENARIO = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "../../scenarios/nat/interop-distances.yaml")


def main():
    build = sys.argv[1]
    peerup = os.path.join(build, "peerup")
    checks = Checks()
    check = checks.check
    scenario = Scenario(SCENARIO)
    net = Network(os.path.join(build, "lab-link"), scenario.kinds())
    for name, node in scenario.nodes.items():
        net.host(name, node.get("behind", []), scenario.link())
    for a, b in itertools.combinations(scenario.nodes, 2):
        net.way(a, b, scenario.one_way(scenario.nodes[a]["at"], scenario.nodes[b]["at"]))
    net.host("probe")
    net.start()
    nodes = {name: Node(peerup, net.spaces[name], name, is_relay=name == "relay")
             for name in ("relay", "home", "laptop", "probe")}
    relay, home, laptop, probe = nodes.values()
    at = relay.addresses(net.outer["relay"])[:1]
    relay.configure(trusted=[home.id, laptop.id])
    home.configure(at, [relay.id, laptop.id, probe.id], services=Service.OFFER)
    laptop.configure(at, [relay.id, home.id])
    probe.configure(trusted=[home.id])  # no relay: the address alone will not do
    for node in nodes.values():
        node.start()
    check("home has a place at the relay", home.waits("relay reserved", 10))
    check("the laptop has one", laptop.waits("relay reserved", 10))

    answer = probe.ping(home, 5, home.addresses(net.outer["home"])[0])
    check("a plain dial of home's public address fails while it listens", not answer["ok"], answer)

    asked = time.monotonic()
    answer = laptop.ping(home)
    check("the first ping goes through the relay", answer.get("path") == "relayed", answer)
    relayed = []
    while answer.get("path") == "relayed":
        relayed.append(answer["rtt_ms"])
        answer = laptop.ping(home)
    both = wait_for(lambda: laptop.said(f"peer direct {home.id}") and home.said(
        f"peer direct {laptop.id}"), 30)
    check("both sides say that they are direct", both, laptop.last_words() + home.last_words())
    if both:
        took = max(laptop.said(f"peer direct {home.id}"), home.said(f"peer direct {laptop.id}")) - asked
        print(f"direct after {took * 1000:.0f} ms")
    direct = [c for c in laptop.connections(home) if c["path"] == "direct"]
    there = [c["address"] for c in direct if c["transport"] == "quic"]
    check("over QUIC, to home's public address", there == [f"{net.outer['home']}:4001"], direct)
    pings = [laptop.ping(home) for _ in range(9)]
    check("all pings are direct", all(p.get("path") == "direct" for p in pings), pings)
    checks.takes("T-HP-5: 250 ms relayed", 250, relayed)
    checks.takes("T-HP-5: 200 ms direct", 200, [p.get("rtt_ms", 0) for p in pings])

    service = Service(home, laptop, 1000000)
    check("a service is reached", wait_for(service.fetches, 10))
    relay.kill()
    time.sleep(1)
    check("and still when the relay is dead", service.fetches())
    check("ping is still direct", laptop.ping(home).get("path") == "direct")
    checks.end()


main()
