#!/usr/bin/python3
"""A home behind a router that gives ports away: miniupnpd, asked by NAT-PMP, PCP and UPnP.

    tests/netns/gateway.py BUILD-FOLDER        as root, with miniupnpd

For each protocol a peer with a public address dials home at a port of the router: in vain before home has
asked for it, directly while it has it, and in vain when it has given it back.

One line a check; the last is "N passed, N failed"; 77 and a reason when it cannot run here.
"""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import threading

import place

if shutil.which("miniupnpd") is None:
    place.skip("the command miniupnpd is missing (miniupnpd-nftables)")
place.enter()

from checks import Checks  # pylint: disable=wrong-import-position
from network import OUT, Network  # pylint: disable=wrong-import-position
from node import PORT, Node, wait_for  # pylint: disable=wrong-import-position

PROTOCOLS = {"natpmp": 5001, "pcp": 5002, "upnp": 5003}  # by which port each is tried
# miniupnpd finds what PCP gives back by the inner port, and takes no other protocol's.
ONE_AT_A_TIME = threading.Lock()
GATEWAY = {"mapping": "eim", "filtering": "apdf", "ports": "preserve", "leads_in": True}
# Where the daemon puts its rules.
RULES = """
table inet portmap {
    chain forward { }
    chain pre { }
    chain post { }
    chain prerouting {
        type nat hook prerouting priority -101; policy accept;
        jump pre
    }
    chain postrouting {
        type nat hook postrouting priority 99; policy accept;
        jump post
    }
}
"""
CONFIG = f"""
ext_ifname={OUT}
listening_ip=inside
enable_upnp=yes
enable_natpmp=yes
port=5000
uuid=6e9b5a0e-5d06-4d1f-9d0b-6c61622d2d31
upnp_table_name=portmap
upnp_nat_table_name=portmap
upnp_forward_chain=forward
upnp_nat_chain=pre
upnp_nat_postrouting_chain=post
allow 1024-65535 192.168.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


def start_gateway(router):
    """miniupnpd in the router's namespace."""
    router.batch(router.command(["nft", "-f", "-"]), RULES)
    with open("miniupnpd.conf", "w", encoding="utf-8") as file:
        file.write(CONFIG)
    with open("miniupnpd.log", "w", encoding="utf-8") as log:
        subprocess.Popen(router.command(["miniupnpd", "-d", "-f", os.path.abspath("miniupnpd.conf"),
                                         "-P", os.path.join(place.WORK, "miniupnpd.pid")]),
                         stdout=log, stderr=log)
    if not wait_for(lambda: ":5351 " in router.run("ss", "-Hlun"), 10):
        with open("miniupnpd.log", encoding="utf-8") as log:
            raise RuntimeError("miniupnpd does not start:\n" + log.read())


def try_protocol(build, net, home, probe, protocol):
    """[(what is checked, whether it held, what was said)]"""
    port, router = PROTOCOLS[protocol], net.boxes["home"][0]
    at = f"/ip4/{net.outer['home']}/udp/{port}/quic-v1/p2p/{home.id}"
    own, gateway = str(router.inside[2]), str(router.inside[1])
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "portmap.py")
    asks = [os.path.join(build, "lab-upnp")] if protocol == "upnp" else ["python3", script, protocol]

    def ask(lifetime):
        return json.loads(net.spaces["home"].run(*asks, gateway, own, PORT, port, lifetime))

    results = []
    if protocol == "upnp":
        said = json.loads(net.spaces["home"].run(*asks, gateway, own))
        results.append(("it answers as the simulator's gateway does", said["otherwise"] is None, said))
    before = probe.ping(home, 3, at)
    results.append(("the port leads nowhere before", not before["ok"], before))
    with ONE_AT_A_TIME:
        answer = ask(600)
        is_granted = (answer["is_answer"] and answer["result"] == 0 and answer["outer"] == port
                      and answer["lifetime"] > 0 and answer["address"] == net.outer["home"])
        results.append(("the gateway grants it and tells its address", is_granted, answer))
        dialled = probe.ping(home, 10, at)
        results.append(("a plain dial of it is direct", dialled.get("path") == "direct", dialled))
        probe.kill()
        answer = ask(0)
        results.append(("the gateway takes it back", answer["result"] == 0, answer))
    probe.start()
    probe.waits("listening", 5, probe.lines[-1][0])
    after = wait_for(lambda: not (said := probe.ping(home, 3, at))["ok"] and [said], 4)
    results.append(("and it leads nowhere", bool(after), after))
    return results


def main():
    build = sys.argv[1]
    checks = Checks()
    net = Network(os.path.join(build, "lab-link"), {"gateway": GATEWAY})
    names = ["home"] + [f"probe-{protocol}" for protocol in PROTOCOLS]
    for name in names:
        net.host(name, ["gateway"] if name == "home" else [])
        if name != "home":
            net.way("home", name, 0.02)
    net.start()
    start_gateway(net.boxes["home"][0].space)
    # A probe comes from another port each time, so that no mapping of before answers it.
    nodes = {name: Node(os.path.join(build, "peerup"), net.spaces[name], name) for name in names}
    home = nodes.pop("home")
    home.configure(trusted=[probe.id for probe in nodes.values()])
    home.start()
    for probe in nodes.values():
        probe.port = 0
        probe.configure(trusted=[home.id], tcp=False)
        probe.start()
        probe.waits("listening", 5)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        tried = {protocol: pool.submit(try_protocol, build, net, home, nodes[f"probe-{protocol}"], protocol)
                 for protocol in PROTOCOLS}
    for protocol, results in tried.items():
        for name, is_good, said in results.result():
            checks.check(f"{protocol}: {name}", is_good, said)
    checks.end()


main()
