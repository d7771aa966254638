#!/usr/bin/python3
"""A laptop whose Wi-Fi goes over to another router, which gives it the very address that it has: no
address comes or goes, only the interface is without a network for a moment. Whoever wants to reach the
laptop then speaks to the router that it has left, until the laptop says something.

    tests/netns/replugged.py BUILD-FOLDER        as root, e.g. build/release

One line a check; the last is "N passed, N failed"; 77 and a reason when it cannot run here.
"""
import os
import sys
import time

import place

place.enter()

from checks import Checks  # pylint: disable=wrong-import-position
from network import Network  # pylint: disable=wrong-import-position
from node import Node, wait_for  # pylint: disable=wrong-import-position
from service import Service  # pylint: disable=wrong-import-position

ROUTER = {"mapping": "eim", "filtering": "apdf", "ports": "preserve"}
SOON_S = 3  # the laptop's next words would be a keep-alive, 10 s after the last ones


def replug(net, host, old, new):
    """The other end of the host's cable goes from a box into another one."""
    old.space.ip("link set in0 down")
    time.sleep(0.5)
    old.space.ip(f"link set in0 netns {new.space.name}")
    new.space.ip("link set in0 master inside", "link set in0 up")
    return net.spaces[host].run("ip", "-4", "-o", "address", "show", "dev", "lan")


def main():
    build = sys.argv[1]
    checks = Checks()
    net = Network(os.path.join(build, "lab-link"), {"router": ROUTER})
    net.host("home")
    net.host("laptop", ["router"])
    net.host("other", ["router"])
    net.way("home", "laptop", 0.005)
    net.way("home", "other", 0.005)
    net.start()
    net.boxes["other"][0].space.ip("link del in0")  # its cable is free
    peerup = os.path.join(build, "peerup")
    home, laptop = (Node(peerup, net.spaces[name], name) for name in ("home", "laptop"))
    home.configure(trusted=[laptop.id], services=Service.OFFER, tcp=False)
    laptop.configure(trusted=[home.id], tcp=False)
    for node in (home, laptop):
        node.start()
    checks.check("both are there", all(node.waits("listening", 10) for node in (home, laptop)))
    at = home.addresses(net.outer["home"])[0]
    checks.check("they are connected over QUIC",
                 wait_for(lambda: laptop.ping(home, 5, at).get("ok"), 10), laptop.last_words())
    service = Service(home, laptop, 100000)
    checks.check("a service is reached", wait_for(service.fetches, 10))

    time.sleep(3)  # nothing is under way any more
    before = net.spaces["laptop"].run("ip", "-4", "-o", "address", "show", "dev", "lan")
    after = replug(net, "laptop", net.boxes["laptop"][0], net.boxes["other"][0])
    moved = time.monotonic()
    checks.check("the address is the same behind the other router", before == after, before + after)
    answer = home.ping(laptop, 30)
    took = time.monotonic() - moved
    checks.check(f"it is reached soon ({took:.1f} s)", answer.get("ok") and took < SOON_S,
                 [answer, laptop.last_words(), home.last_words()])
    # The answer comes before home has proved the path that it came from.
    checks.check("it comes from the other router", wait_for(lambda: any(
        net.outer["other"] in c["address"] for c in home.connections(laptop)), 2),
        home.connections(laptop))
    checks.check("on the connection that was there", not laptop.said("peer gone") and
                 not home.said("peer gone"), laptop.last_words())
    checks.check("and the service is reached", service.fetches())
    checks.end()


main()
