"""What Linux can be for a NAT, in the words of RFC 4787: rules of nftables for a kind of box.

docs/kernel-lab.md says which kinds there are, and why not others. `rules` gives the text for a kind as a
scenario has it (mapping, filtering, ports, ...), or raises Refused.

A packet that comes in unasked must leave no trace: were it let into the box itself, conntrack would
keep an entry for it, the packet that goes out a moment later would clash with that and get another port,
and no hole could be punched. So the chain `input` drops; what is dropped is never confirmed.
"""
import random

HASHED_PORTS = 1024  # how many outer ports a hash chooses from
COUNTED_PORTS = 256  # how many are counted through
FIRST_PORT, LAST_PORT = 20000, 60000


class Refused(Exception):
    """The kernel cannot do that; its text says what."""


def rules(kind, outer, address, seed):
    """The ruleset of a box: kind, interface to the outside, its address there; seed: for what is drawn."""
    sort = (kind["mapping"], kind["filtering"], kind["ports"])
    maker = SORTS.get(sort)
    if maker is None:
        raise Refused(f"Linux has no NAT that is {'/'.join(sort)}")
    for key, plain in (("hairpin", False), ("addresses", 1), ("host_mappings", None),
                       ("mappings", None), ("pooling", "paired")):
        if kind.get(key, plain) not in (plain, None):
            raise Refused(f"{key} of a box is not done here")
    sets, before, after, let_in = maker(address, random.Random(seed))
    # leads_in: what somebody else's rules turn to the inside passes; a gateway's.
    blocked = f'iifname != "{outer}" meta l4proto udp drop' if kind.get("udp") == "blocked" else ""
    return f"""
table ip nat {{
    {sets}
    chain pre {{
        type nat hook prerouting priority -100; policy accept;
        iifname "{outer}" jump from_outside
    }}
    chain from_outside {{
        {before}
    }}
    chain post {{
        type nat hook postrouting priority 100; policy accept;
        oifname "{outer}" jump to_outside
    }}
    chain to_outside {{
        {after}
    }}
    chain input {{
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        iifname != "{outer}" accept
    }}
    chain forward {{
        type filter hook forward priority 0; policy drop;
        {blocked}
        {note_remote(outer) if "sent_to" in sets else ""}
        ct state established,related accept
        iifname != "{outer}" accept
        {"ct status dnat accept" if kind.get("leads_in") else let_in}
    }}
}}
"""


# ---- one function a sort: sets, chain from outside, chain to outside, what the filter lets in more ----


def _masquerade(_address, _chance):
    """A port of the inside is kept while it is free: RFC 4787's endpoint-independent mapping, in all
    that a host with a socket of its own sees. Only who was sent to may answer."""
    return "", "", "masquerade", ""


MAPS = """map udp_inside { type inet_service : ipv4_addr . inet_service; timeout 300s; }
    map tcp_inside { type inet_service : ipv4_addr . inet_service; timeout 300s; }
    """
KEEP = """meta l4proto udp update @udp_inside { udp sport : ip saddr . udp sport }
        meta l4proto tcp update @tcp_inside { tcp sport : ip saddr . tcp sport }
        masquerade"""
TURN = """dnat ip to udp dport map @udp_inside
        dnat ip to tcp dport map @tcp_inside"""


def _full_cone(_address, _chance):
    """What went out notes its port, and whatever comes to a noted port is led to where that is."""
    return MAPS, TURN, KEEP, "ct status dnat accept"


SENT_TO = """set sent_to {
        type ipv4_addr . inet_service . ipv4_addr; size 65535; timeout 300s; flags dynamic;
    }"""


def note_remote(outer):
    """What goes out notes from which inner endpoint it goes to whose address."""
    return f'iifname != "{outer}" update @sent_to {{ ip saddr . th sport . ip daddr }}'


def _restricted(_address, _chance):
    """The same, for remotes to whose address something was sent."""
    return MAPS + SENT_TO, TURN, KEEP, "ct status dnat ip daddr . th dport . ip saddr @sent_to accept"


def _symmetric(_address, _chance):
    return "", "", "masquerade fully-random", ""


def _ports(chance):
    drawn = chance.sample(range(FIRST_PORT, LAST_PORT), HASHED_PORTS)
    return ", ".join(f"{i} : {port}" for i, port in enumerate(drawn))


def _hashed(address, chance, more=""):
    """The outer port is a hash of the inner endpoint, and of `more`: no memory is needed to map
    alike."""
    ports, salt = _ports(chance), chance.getrandbits(32)
    return "", "", "\n        ".join(
        f"meta l4proto {l4} snat ip to {address} : jhash ip saddr . {l4} sport{more} "
        f"mod {HASHED_PORTS} seed {salt} map {{ {ports} }}" for l4 in ("udp", "tcp")), ""


def _random_kept(address, chance):
    return _hashed(address, chance)


def _address_dependent(address, chance):
    return _hashed(address, chance, " . ip daddr")


def _sequential(address, chance):
    first = chance.randrange(FIRST_PORT, LAST_PORT - COUNTED_PORTS)
    ports = ", ".join(f"{i} : {first + i}" for i in range(COUNTED_PORTS))
    return "", "", "\n        ".join(
        f"meta l4proto {l4} snat ip to {address} : numgen inc mod {COUNTED_PORTS} map {{ {ports} }}"
        for l4 in ("udp", "tcp")), ""


SORTS = {
    ("eim", "apdf", "preserve"): _masquerade,
    ("eim", "eif", "preserve"): _full_cone,
    ("eim", "adf", "preserve"): _restricted,
    ("eim", "apdf", "random"): _random_kept,
    ("adm", "apdf", "random"): _address_dependent,
    ("apdm", "apdf", "random"): _symmetric,
    ("apdm", "apdf", "sequential"): _sequential,
}
