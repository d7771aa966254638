"""The conversations. A case is a function of a Talk: A dials B, both of any kind.

Names begin with the row of libp2p's interop matrix that they stand for, as the issue numbers them.
"""

import functools
import threading
import time

from lib.peers import Failed, Refused
from lib.proxy import Proxy, UdpProxy

MIB = 1 << 20
ECHO = "/peerup/interop/echo/1.0.0"
PING = "/ipfs/ping/1.0.0"
NO_LIMITS = ("--limits", "none")

CASES = []


class Case:
    """A case and what it needs: features of A and of B, flags of each, and whether it is one that
    mostly waits, and so runs beside the others."""

    def __init__(self, name, function, about, a=(), b=(), flags_a=NO_LIMITS, flags_b=NO_LIMITS, waits=False):
        self.name = name
        self.function = function
        self.about = " ".join(about.split())
        self.needs_a = a
        self.needs_b = b
        self.flags_a = tuple(flags_a)
        self.flags_b = tuple(flags_b)
        self.waits = waits


def case(name, **how):
    """Makes the function below it a case."""

    def add(function):
        CASES.append(Case(name, function, function.__doc__, **how))
        return function

    return add


def both(name, **how):
    """The same case over TCP and over QUIC: name-tcp and name-quic."""

    def add(function):
        for transport in ("tcp", "quic"):
            needs = {side: tuple(how.get(side, ())) + (transport,) for side in ("a", "b")}
            needs = {side: tuple(f.replace("TRANSPORT", transport) for f in fs) for side, fs in needs.items()}
            on = functools.partial(function, transport=transport)
            CASES.append(Case(f"{name}-{transport}", on, function.__doc__, **{**how, **needs}))
        return function

    return add


def check(what, good):
    """Fails with `what` unless good."""
    if not good:
        raise Failed(what)


def refused(kinds, function, *words):
    """Checks that a command is refused for one of these reasons."""
    try:
        answer = function(*words)
    except Refused as err:
        check(f"refused, but for another reason: {err}", kinds is None or err.kind in kinds)
        return
    raise Failed(f"{words[0]} went well, against the rules: {answer}")


# ---- handshakes ----------------------------------------------------------------------------------


def talk_tcp(t, early, security="/noise"):
    """Connects over TCP, and checks on both sides what was agreed; then pings both ways."""
    for peer, conn in ((t.a, t.connect("tcp")), (t.b, t.conn_of(t.b, t.a))):
        seen = (conn["security"], conn["muxer"], conn["early_muxer"])
        check(f"{peer.name} says {seen}", seen == (security, "/yamux/1.0.0", early))
    t.ping_both()


@case("01-ping-tcp", a=("tcp", "noise"), b=("tcp", "noise"), flags_a=(), flags_b=())
def ping_tcp(t):
    """multistream-select, Noise with the muxer agreed inside, yamux, ping; limits as they come."""
    talk_tcp(t, True)
    t.a.do("echo", t.b.id, 100000)


@case("01-one-byte-segments", a=("tcp",), b=("tcp",))
def one_byte_segments(t):
    """Every message of the handshakes comes in pieces of one byte, both ways."""
    with t.behind(Proxy(t.port("tcp"), dribble=2000)) as proxy:
        t.connect("tcp", port=proxy.port)
        t.ping_both()


@case("02-late-muxer-dialler", a=("tcp", "no-early-muxer"), b=("tcp",), flags_a=(*NO_LIMITS, "--no-early-muxer"))
def late_muxer_dialler(t):
    """A names no muxer in its handshake: multistream-select chooses."""
    talk_tcp(t, False)


@case("02-late-muxer-listener", a=("tcp",), b=("tcp", "no-early-muxer"), flags_b=(*NO_LIMITS, "--no-early-muxer"))
def late_muxer_listener(t):
    """B names none."""
    talk_tcp(t, False)


@both("03-wrong-peer")
def wrong_peer(t, transport):
    """B is not whom A meant to dial: A says so, and no stream ever was."""
    before = t.b.do("stats")["streams_in"]
    right = t.addr(transport)
    refused(("peer-id",), t.a.do, "dial", right.replace(t.b.id, t.stranger))
    for peer in (t.b.id, t.stranger):
        check("A keeps a connection", not t.a.do("conns", peer)["conns"])
    check("B served a stream", t.b.do("stats")["streams_in"] == before)
    t.connect(transport)
    t.ping_both()


BROKEN = (*NO_LIMITS, "--break", "signature")


@both("04-bad-signature-dialler", a=("break-signature-TRANSPORT",), flags_a=BROKEN)
def bad_signature_dialler(t, transport):
    """A's identity signature is forged: B makes no connection of it, and serves others."""
    try:
        t.a.do("dial", t.addr(transport))
        t.a.do("ping", t.b.id, 1)
        raise Failed("A's ping was answered")
    except Refused:
        pass
    stats = t.b.do("stats")
    check(f"B served a stream: {stats}", not any(stats["streams_in"].values()))
    check(f"B keeps the connection: {stats}", stats["open"] == 0)


@both("04-bad-signature-listener", b=("break-signature-TRANSPORT",), flags_b=BROKEN)
def bad_signature_listener(t, transport):
    """B's identity signature is forged: A has no connection."""
    refused(None, t.a.do, "dial", t.addr(transport))
    check("A keeps a connection", not t.a.do("conns", t.b.id)["conns"])


TLS = (*NO_LIMITS, "--security", "tls")


@case("05-ping-tls", a=("tcp", "tls"), b=("tcp", "tls"), flags_a=TLS, flags_b=TLS)
def ping_tls(t):
    """TLS 1.3 on TCP, the muxer agreed by ALPN."""
    talk_tcp(t, True, "/tls/1.0.0")


@case("05-second-security", a=("tcp", "tls"), b=("tcp",), flags_a=(*NO_LIMITS, "--security", "tls", "--security", "noise"))
def second_security(t):
    """A proposes TLS first; B has Noise only."""
    talk_tcp(t, True)


# ---- QUIC ----------------------------------------------------------------------------------------


@case("07-ping-quic", a=("quic",), b=("quic",), flags_a=(), flags_b=())
def ping_quic(t):
    """Limits as they come."""
    t.connect("quic")
    t.ping_both()
    t.a.do("echo", t.b.id, 100000)


@case("07-retry", a=("quic",), b=("quic", "retry"), flags_b=(*NO_LIMITS, "--retry"))
def retry(t):
    """B validates A's address by a Retry, which a proxy sees pass."""
    with t.behind(UdpProxy(t.port("quic"))) as proxy:
        t.connect("quic", port=proxy.port)
        t.ping_both()
        check(f"no Retry among {proxy.kinds}", "retry" in proxy.kinds)


@case("07-rebinding", a=("quic",), b=("quic", "rebinding"), waits=True)
def rebinding(t):
    """A's NAT gives it another port, twice, in the middle of transfers: the connection goes on. Ten seconds
    lie between: c does not follow a client that moves on sooner than 8 PTO and 8 s after it has moved."""
    with t.behind(UdpProxy(t.port("quic"))) as proxy:
        t.connect("quic", port=proxy.port)
        for pause, up, down in ((0, 16 * MIB, 0), (10, 1, 16 * MIB)):
            time.sleep(pause)
            t.a.send("perf", t.b.id, up, down)
            time.sleep(0.05)
            proxy.rebind()
            check(f"up {up}, down {down}", t.a.result()["down"] == down)
            t.ping_both()
        t.same_connection("quic")


@both("07-sequential-streams")
def sequential_streams(t, transport):
    """More streams on one connection, one after another, than may be open at once."""
    t.connect(transport)
    t.a.do("streams", t.b.id, "sequential", 10000 if t.long else 300, 100)
    t.b.do("streams", t.a.id, "sequential", 10000 if t.long else 300, 100)
    t.same_connection(transport)


@both("07-parallel-streams")
def parallel_streams(t, transport):
    """256 streams that are all open; js's own identify stream stays half open, and so is one."""
    t.connect(transport)
    t.a.do("streams", t.b.id, "parallel", 255 if t.a.kind == "js" else 256, 4096)
    t.ping_both()


# ---- time ----------------------------------------------------------------------------------------


@both("08-idle", waits=True)
def idle(t, transport):
    """A connection that nobody uses is there after the idle time-outs of both sides."""
    t.connect(transport)
    t.ping_both()
    time.sleep(t.idle_s)
    conn = t.same_connection(transport)
    check(f"A's connection is {conn['age_s']} s old", conn["age_s"] >= t.idle_s)
    t.ping_both()


@case("08-stalled-handshake", a=("tcp",), b=("tcp",), waits=True)
def stalled_handshake(t):
    """Who says a byte every two seconds is sent away by an absolute deadline; B serves others."""
    seconds = t.raw_tcp(b"\x13/multistream/1.0.0\n\x07/noise\n\x00\x20" + bytes(30), every_s=2, limit_s=40)
    check("B still waits after 40 s", seconds is not None)
    t.connect("tcp")
    t.ping_both()


# ---- streams -------------------------------------------------------------------------------------


@both("11-bulk-both-ways")
def bulk_both_ways(t, transport):
    """Both sides echo 16 MiB to each other at once, on one connection: four flows."""
    t.connect(transport)
    t.a.send("echo", t.b.id, 16 * MIB)
    t.b.send("echo", t.a.id, 16 * MIB)
    t.a.result()
    t.b.result()
    t.same_connection(transport)


@both("11-slow-reader")
def slow_reader(t, transport):
    """B leaves a stream alone for 5 s: A can send no more than a window, and pings are served. They
    may wait behind what is on its way, which takes a busy machine longer, but not for the reader."""
    t.connect(transport)
    got = t.a.do("sink", t.b.id, 32 * MIB, 4 * MIB, 5000)
    check(f"B counted {got['bytes']}", got["bytes"] == 32 * MIB)
    check(f"took {got['seconds']} s", got["seconds"] >= 4.9)
    most_s = max(2, got["seconds"] - 4)
    check(f"a ping took {got['ping_us']} us, and all {got['seconds']} s", got["ping_us"] < most_s * 1e6)
    if transport == "tcp" or "slow-reader" in t.features_b:
        check(f"{got['ahead']} bytes ahead of the reader", got["ahead"] <= 24 * MIB)


@case("11-streams-200", a=("tcp",), b=("tcp",))
def streams_200(t):
    """200 streams side by side, each with more than the window it starts with."""
    t.connect("tcp")
    t.a.do("streams", t.b.id, "parallel", 200, 300000)


@case("11-window-growth", a=("tcp",), b=("tcp",))
def window_growth(t):
    """With 200 ms of round trip, 24 MiB at a window of 256 KiB take 19 s: B's and A's windows grow."""
    with t.behind(Proxy(t.port("tcp"), delay_s=0.1)) as proxy:
        t.connect("tcp", port=proxy.port)
        got = t.a.do("perf", t.b.id, 24 * MIB, 24 * MIB)
        check(f"up took {got['up_s']} s", got["up_s"] < 14)
        check(f"down took {got['down_s']} s", got["down_s"] < 14)


@both("12-half-close")
def half_close(t, transport):
    """A has closed its end when B sends 1 MiB."""
    t.connect(transport)
    for a, b in ((t.a, t.b), (t.b, t.a)):
        got = a.do("perf", b.id, 1, MIB)
        check(f"{a.name} got {got['down']} bytes", got["down"] == MIB)


@both("12-reset-by-listener", a=("reset-seen-TRANSPORT",))
def reset_by_listener(t, transport):
    """B resets a stream: A sees a reset, not an end; and its code where both have it."""
    t.connect(transport)
    got = t.a.do("reset", t.b.id, 65536)
    check(f"A saw {got}", got["end"] == "reset" and got["bytes"] <= 65536)
    if "reset-code" in t.features_a and "reset-code" in t.features_b:
        check(f"the code is {got['code']}", got["code"] == 42)
    t.ping_both()


@both("12-reset-by-dialler", b=("reset-seen-TRANSPORT",))
def reset_by_dialler(t, transport):
    """A resets a stream that B echoes on."""
    t.connect(transport)
    before = t.b.do("stats")["resets_seen"]
    t.a.do("abort", t.b.id, 65536)
    stats = t.eventually(lambda: t.b.do("stats"), lambda s: s["resets_seen"] == before + 1, 20)
    check(f"B saw {stats['resets_seen'] - before} resets", stats["resets_seen"] == before + 1)
    if "reset-code" in t.features_a and "reset-code" in t.features_b:
        check(f"the code is {stats['reset_code']}", stats["reset_code"] == 77)
    t.ping_both()


# ---- identify, ping ------------------------------------------------------------------------------


@both("14-identify")
def identify(t, transport):
    """Each side knows the other's agent, protocols and key, has accepted its signed record, and was
    told its own address as the other sees it."""
    t.connect(transport)
    for one, other in ((t.a, t.b), (t.b, t.a)):
        got = one.do("identify", other.id)
        check(f"agent {got['agent']}", got["agent"].startswith("peer"))
        check(f"protocols {got['protocols']}", {ECHO, PING} <= set(got["protocols"]))
        check("no key", got["key"] is True)
        check("no signed record", got["record"] is not None)
        mine = {addr.rsplit("/p2p/", 1)[0] for addr in other.addrs.values()}
        check(f"record has {got['record']['addrs']}", mine <= set(got["record"]["addrs"]))
        remote = t.conn_of(other, one)["addr"].split("/p2p/")[0]
        check(f"observed {got['observed']}, and it is {remote}", (got["observed"] or "").split("/p2p/")[0] == remote)


@both("15-push")
def push(t, transport):
    """A protocol that is added after connecting becomes known to the other side; removed, it is
    forgotten where the library replaces what it knew."""
    t.connect(transport)
    for one, other, features in ((t.a, t.b, t.features_b), (t.b, t.a, t.features_a)):
        name = f"/peerup/interop/pushed-by-{one.name}/1.0.0"
        other.do("identify", one.id)
        one.do("identify", other.id)  # only who is known to listen is told
        one.do("protocol", "add", name)
        check(f"{other.name} does not know it", other.do("known", one.id, name, 30000)["known"])
        one.do("protocol", "remove", name)
        if "push-removal" in features:
            check(f"{other.name} still knows it", not other.do("known", one.id, "-" + name, 30000)["known"])


@both("16-monitor", a=("monitor",), flags_a=(*NO_LIMITS, "--monitor"), waits=True)
def monitor(t, transport):
    """A watches over the connection by a new ping stream every 10 s; B answers each."""
    t.connect(transport)
    time.sleep(t.monitor_s)
    t.same_connection(transport)
    pings = t.b.do("stats")["streams_in"].get(PING, 0)
    check(f"B served {pings} streams of ping in {t.monitor_s} s", pings >= t.monitor_s // 10 - 1)
    t.ping_both()


@both("31-perf")
def perf(t, transport):
    """Upload and download, of nothing, of a byte, of 32 MiB."""
    t.connect(transport)
    for up, down in ((0, 1), (1, 0), (1, 1), (32 * MIB, 0), (1, 32 * MIB), (3 * MIB + 1, 5 * MIB + 3)):
        got = t.a.do("perf", t.b.id, up, down)
        check(f"up {up}, down {down}: got {got['down']}", got["down"] == down)


# ---- rules broken --------------------------------------------------------------------------------

# What our own program must do. closes: GoAway with this code or None for any, and the end; lives:
# it answers the ping that follows; either: one of them, but the program goes on. Others are only
# held to go on.
RAW = {
    "open-reset-flood": "either",
    "ping-flood": "either",
    "open-flood": "either",
    "stall-flood": "either",
    "window-overflow": 1,
    "window-overflow-syn": 1,
    "window-exceeded-syn": 1,
    "window-exceeded": 1,
    "length-without-body": 1,
    "version": 1,
    "type": 1,
    "flags": "either",
    "syn-of-session": 1,
    "syn-of-wrong-side": 1,
    "syn-twice": 1,
    "data-on-session": 1,
    "ping-on-stream": 1,
    "pong-unasked": "either",
    "goaway": "closes",
    "goaway-with-stream": "closes",
    "ack-twice": "lives",
    "window-of-closed": "lives",
    "data-of-unknown": "lives",
    "open-in-one": "lives",
    "rst-of-unknown": "lives",
}
GROWTH_MAX_KIB = {"c": 16 << 10, "go": 256 << 10, "js": 512 << 10}


def raw_case(vector, want):
    """A breaks the rules of yamux by one vector; B judges it, keeps its memory, and serves others."""

    def run(t):
        before = t.b.do("memory")["pss_kib"]
        got = t.a.do("raw", t.addr("tcp"), vector)
        grown = t.b.do("memory")["pss_kib"] - before
        check(f"B's memory grew by {grown} KiB", grown <= GROWTH_MAX_KIB[t.b.kind])
        if t.b.kind == "c" and want != "either":
            check(f"closed: {got}", got["closed"] is (want != "lives"))
            check(f"answers: {got}", want != "lives" or got["pong"])
            check(f"its GoAway: {got}", not isinstance(want, int) or got["goaway"] == want)
        t.connect("tcp")
        t.ping_both()

    run.__doc__ = raw_case.__doc__
    return run


for _vector, _want in RAW.items():
    _b = ("tcp", "flood-proof") if _vector in ("open-reset-flood", "ping-flood") else ("tcp",)
    case(f"13-yamux-{_vector}", a=("raw", "tcp"), b=_b)(raw_case(_vector, _want))

MSS = b"\x13/multistream/1.0.0\n"
NOISE = MSS + b"\x07/noise\n"
# Bytes that a stranger sends after connecting, which nobody can make a handshake of.
BYTES = {
    "length-of-2-to-the-63": b"\xff" * 8 + b"\x7f",
    "length-of-11-bytes": b"\x80" * 10 + b"\x01",
    "length-of-2-to-the-40": b"\x80\x80\x80\x80\x80\x20",
    "length-0": b"\x00",
    "length-1025": b"\x81\x08" + b"x" * 1024 + b"\n",
    "no-newline": MSS + b"\x06/noise",
    "not-utf-8": MSS + b"\x05\xff\xfe\xff\xfe\n",
    "unknown-proposals": MSS + b"\x06/none\n" * 10000,
    "noise-empty": NOISE + b"\x00\x00",
    "noise-short": NOISE + b"\x00\x1f" + bytes(31),
    "noise-low-order-point": NOISE + b"\x00\x20" + bytes(32),
    "noise-random": NOISE + b"\x00\x20" + bytes(range(32)) + b"\x00\x60" + bytes(range(96)),
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}



@case("27-strangers", a=("tcp",), b=("tcp",), waits=True)
def strangers(t):
    """Strangers send bytes that are no handshake: B sends each away in time and serves others."""
    still = []

    def one(name, data):
        if t.raw_tcp(data, limit_s=40) is None:
            still.append(name)

    threads = [threading.Thread(target=one, args=item) for item in BYTES.items()]
    for thread in threads:
        thread.start()
        time.sleep(0.3)  # js takes five a second
    for thread in threads:
        thread.join()
    check(f"B still waits after 40 s: {', '.join(still)}", not still)
    t.connect("tcp")
    t.ping_both()


# ---- relay ---------------------------------------------------------------------------------------


def through(t, relay, listener, dialler):
    """A reservation at the relay, a connection through it both directions of ping, and bytes."""
    reserved = listener.do("reserve", relay.addrs["tcp"])
    left = reserved["expires_s"]
    check(f"expires in {left} s", left is None or 60 < left < 90000)
    conn = dialler.do("dial", reserved["addr"])
    check(f"the connection is {conn}", conn["transport"] == "relay" and conn["peer"] == listener.id)
    check(f"secured by {conn['security']}", conn["security"] in ("/noise", None))
    dialler.do("ping", listener.id, 3)
    listener.do("ping", dialler.id, 3)
    dialler.do("echo", listener.id, 20000)


@case("19-relay-by-listener", a=("reserve", "tcp"), b=("relay", "reserve", "tcp"), flags_b=(*NO_LIMITS, "--relay"))
def relay_by_listener(t):
    """B relays between two of A's kind."""
    through(t, t.b, t.extra("a"), t.a)


@case("19-relay-to-listener", a=("reserve", "relay", "tcp"), b=("reserve", "tcp"))
def relay_to_listener(t):
    """One of A's kind relays; B reserves there, A dials."""
    through(t, t.extra("a", (*NO_LIMITS, "--relay")), t.b, t.a)

