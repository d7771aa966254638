#!/usr/bin/env python3
"""Compares the simulator's matrix of NATs with an oracle, which shares no code with it.

    tests/sim/nat_matrix.py PEERUP-SIM [OPTION OF nat-matrix]...

The oracle is RFC 4787 written down once more, a box in a few lines, and the datagrams of one hole
punch: each side knows the endpoint at which a relay saw the other, both send there, and a QUIC client
takes answers from the endpoint it sent to, no other (RFC 9000 section 9). Prints a line for each cell
that differs, and "N passed, N failed".
"""
import json
import subprocess
import sys

RELAY = ("relay", 1)


class Box:
    """A NAT with one host inside, which has one socket."""

    def __init__(self, name, mapping, filtering):
        self.name, self.mapping, self.filtering = name, mapping, filtering
        self.ports = {}  # what the mapping depends on -> outer port
        self.sent = {}  # outer port -> remotes sent to from there

    def out(self, remote):
        """A datagram leaves for remote: the endpoint it comes from."""
        key = {"eim": None, "adm": remote[0], "apdm": remote}[self.mapping]
        port = self.ports.setdefault(key, 1000 + len(self.ports))
        self.sent.setdefault(port, set()).add(remote)
        return (self.name, port)

    def lets_in(self, remote, port):
        """Whether a datagram from remote to an outer port comes through."""
        sent = self.sent.get(port)
        if sent is None:
            return False
        if self.filtering == "eif":
            return True
        if self.filtering == "adf":
            return remote[0] in {address for address, _ in sent}
        return remote in sent


def punches(client, server):
    """Whether a dial of client's reaches server while both send, and the answer comes back."""
    boxes = {side: Box(side, *kind) for side, kind in (("client", client), ("server", server))}
    seen = {side: box.out(RELAY) for side, box in boxes.items()}
    boxes["server"].out(seen["client"])
    source = boxes["client"].out(seen["server"])
    if not boxes["server"].lets_in(source, seen["server"][1]):
        return False
    answer_from = boxes["server"].out(source)
    return answer_from == seen["server"] and boxes["client"].lets_in(answer_from, source[1])


def expected(a, b):
    """What becomes of a pair: either side may be the one whose dial succeeds."""
    return "direct" if punches(a, b) or punches(b, a) else "relay"


def kind_of(words):
    mapping, filtering, _ = words.split("/")
    return mapping, filtering


def main():
    command = [sys.argv[1], "nat-matrix", "--json"] + sys.argv[2:]
    cells = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["cells"]
    failed = 0
    for cell in cells:
        want = expected(kind_of(cell["a"]), kind_of(cell["b"]))
        if cell["result"] == want:
            continue
        failed += 1
        hairpin = " with hairpin" if cell["hairpin"] else ""
        print(f"{cell['a']} asks {cell['b']}{hairpin}: {cell['result']}, the oracle says {want}")
    different = {(c["a"], c["b"], c["hairpin"]) for c in cells}
    if len(different) != 162:
        print(f"{len(different)} different cells, not 162")
        failed += 1
    print(f"{len(cells) - min(failed, len(cells))} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
