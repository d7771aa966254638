#!/usr/bin/python3
"""A machine whose network has IPv6 alone: its 127.0.0.1 makes no address of IPv4 worth dialling.

    tests/netns/ipv6_alone.py BUILD-FOLDER        as root, e.g. build/release

One line a check; the last is "N passed, N failed"; 77 and a reason when it cannot run here.
"""
import json
import os
import sys
import time

import place

place.enter()

from checks import Checks  # pylint: disable=wrong-import-position
from node import PORT, Node, wait_for  # pylint: disable=wrong-import-position

LOCAL = "listening /ip4/127.0.0.1/"


def configure(node, relays, trusted):
    node.configure(relays=relays, trusted=trusted)
    path = os.path.join(node.folder, "config.yaml")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config["network"]["listen_addresses"].append(f"/ip6/::/udp/{PORT}/quic-v1")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)


def dead_addresses(relay):
    """Where nobody is, by IPv4: each would keep one of IPv6 waiting for a quarter of a second."""
    return [address for last in (1, 2, 3) for address in relay.addresses(f"11.0.0.{last}")]


def main():
    build = sys.argv[1]
    checks = Checks()
    home_space, relay_space = place.Space("home"), place.Space("relay")
    home_space.ip("link add wan type veth peer name wan netns relay")
    for space, last in ((relay_space, 1), (home_space, 2)):
        space.ip(f"addr add fd00::{last}/64 dev wan nodad", "link set wan up")
    peerup = os.path.join(build, "peerup")
    home, relay = Node(peerup, home_space, "home"), Node(peerup, relay_space, "relay", is_relay=True)
    configure(relay, [], [home.id])
    configure(home, dead_addresses(relay) + [f"/ip6/fd00::1/udp/{PORT}/quic-v1/p2p/{relay.id}"], [relay.id])
    relay.start()
    checks.check("the relay is there", relay.waits("listening /ip6/fd00::1", 10), relay.last_words())
    home.start()
    has_place = home.waits("relay reserved", 10)
    checks.check("home has a place there", has_place, home.last_words())
    took = (has_place or float("inf")) - home.waits("listening", 10)
    checks.check(f"without waiting for addresses of IPv4 ({took:.2f} s)", took < 1, home.last_words())
    checks.check("it does not count on 127.0.0.1", home.said(LOCAL) is None, home.last_words())

    home_space.ip("addr add 11.0.0.9/24 dev wan")
    checks.check("with an address of IPv4 it does", home.waits(LOCAL, 10), home.last_words())
    home_space.ip("addr del 11.0.0.9/24 dev wan")
    time.sleep(0.5)
    again = time.monotonic()
    home_space.ip("addr add 11.0.0.9/24 dev wan")
    checks.check("and not while that is gone", wait_for(lambda: home.said(LOCAL, again), 10),
                 home.last_words())
    checks.check("its place at the relay stays", home.said("relay lost") is None, home.last_words())
    checks.end()


main()
