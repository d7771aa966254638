#!/usr/bin/python3
"""A stranger says "packet too big, 576 bytes" of every packet that goes to a peer (CVE-2024-53259 of
another implementation, which then sent QUIC packets that no path may be too small for).

    tests/netns/too_big.py BUILD-FOLDER        as root, e.g. build/release

One line a check; the last is "N passed, N failed"; 77 and a reason when it cannot run here.
"""
import os
import sys
import threading

import place

place.enter()

from checks import Checks  # pylint: disable=wrong-import-position
from network import Network  # pylint: disable=wrong-import-position
from node import PORT, Node, wait_for  # pylint: disable=wrong-import-position
from service import Service  # pylint: disable=wrong-import-position

FORGE = """
import socket, struct, sys, time
me, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
def words_sum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff
def too_big(mtu):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1280, 7, 0x4000, 64, socket.IPPROTO_UDP, 0,
                     socket.inet_aton(me), socket.inet_aton(peer))
    inner = ip + struct.pack("!HHHH", port, port, 1260, 0)
    head = struct.pack("!BBHHH", 3, 4, 0, 0, mtu)
    return struct.pack("!BBHHH", 3, 4, words_sum(head + inner), 0, mtu) + inner
forger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
until = time.monotonic() + 8
while time.monotonic() < until:
    for mtu in (576, 1100, 68, 0):
        forger.sendto(too_big(mtu), (me, 0))
    time.sleep(0.01)
"""


def main():
    build = sys.argv[1]
    checks = Checks()
    net = Network(os.path.join(build, "lab-link"))
    net.host("home")
    net.host("laptop")
    net.way("home", "laptop", 0.005)
    net.start()
    peerup = os.path.join(build, "peerup")
    home, laptop = (Node(peerup, net.spaces[name], name) for name in ("home", "laptop"))
    home.configure(trusted=[laptop.id], services=Service.OFFER, tcp=False)
    laptop.configure(trusted=[home.id], tcp=False)
    for node in (home, laptop):
        node.start()
    checks.check("both are there", all(node.waits("listening", 10) for node in (home, laptop)))
    at = home.addresses(net.outer["home"])[0]
    answer = wait_for(lambda: (got := laptop.ping(home, 5, at)).get("ok") and got, 10)
    checks.check("they are connected over QUIC", answer, laptop.last_words())

    service = Service(home, laptop, 3000000)
    checks.check("a service is reached", wait_for(service.fetches, 10))
    before = [(c["transport"], c["address"], c["path"]) for c in laptop.connections(home)]
    forgers = [threading.Thread(target=net.spaces[name].run, args=[
        "python3", "-c", FORGE, net.outer[name], net.outer[other], PORT])
        for name, other in (("home", "laptop"), ("laptop", "home"))]
    for forger in forgers:
        forger.start()
    checks.check("data flows while packets are said to be too big", service.fetches() and service.fetches())
    for forger in forgers:
        forger.join()
    believed = net.spaces["home"].run("ip", "route", "get", net.outer["laptop"])
    checks.check("the kernel has believed it", " mtu " in believed, believed)
    checks.check("data flows afterwards", service.fetches())
    after = [(c["transport"], c["address"], c["path"]) for c in laptop.connections(home)]
    checks.check("on a connection that never ended", before == after and
                 not laptop.said("peer gone") and not home.said("peer gone"), [before, after])
    checks.end()


main()
