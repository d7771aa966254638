"""What a case has in its hands: two programs, and the steps that most cases share."""

import contextlib
import socket
import threading
import time

from lib.peers import Failed, Peer

# The peer id of a key that no program here has.
STRANGER = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"

# What happens at once on an idle machine happens within so many seconds on a busy one.
SOON_S = 20

# Programs start one after another: many at once only make each other late.
_starting = threading.Lock()


def start(kind, flags, log_dir):
    """A program that listens on both transports."""
    with _starting:
        return Peer(kind, flags, log_dir=log_dir)


class Talk:
    """A and B of one case, with what they can do and how long idle times are."""

    def __init__(self, a, b, features, options):
        self.a = a
        self.b = b
        self.features_a = features[a.kind]
        self.features_b = features[b.kind]
        self.stranger = STRANGER
        self.long = options.long
        self.idle_s = options.idle
        self.monitor_s = 60 if options.long else max(35, options.idle)
        self.log_dir = options.log_dir
        self.extras = []

    def extra(self, side, flags=("--limits", "none")):
        """One more program of A's or B's kind; it ends with the case."""
        peer = start(getattr(self, side).kind, flags, self.log_dir)
        self.extras.append(peer)
        return peer

    def end(self):
        """Ends what extra() started, and connections, so that the next case finds none."""
        for peer in self.extras:
            peer.quit()
        self.a.do("close", self.b.id)

    def addr(self, transport, port=None):
        """B's address, or the same behind another TCP port."""
        addr = self.b.addrs[transport]
        return addr if port is None else addr.replace(f"/{self.port(transport)}/", f"/{port}/")

    def port(self, transport):
        """The port of B's address."""
        return int(self.b.addrs[transport].split("/")[4])

    def connect(self, transport, port=None):
        """Makes a new connection from A to B over a transport; A's view of it."""
        self.a.do("close", self.b.id)
        self.eventually(lambda: self.b.do("conns", self.a.id)["conns"], lambda conns: not conns, SOON_S)
        conn = self.a.do("dial", self.addr(transport, port))
        if conn["transport"] != transport or conn["direction"] != "out" or conn["peer"] != self.b.id:
            raise Failed(f"the connection is {conn}")
        self.eventually(lambda: self.b.do("conns", self.a.id)["conns"], lambda conns: len(conns) == 1, SOON_S)
        return conn

    @contextlib.contextmanager
    def behind(self, proxy):
        """A proxy in front of B; connections end before it does, so that B hears of it."""
        try:
            yield proxy
            self.a.do("close", self.b.id)
            self.eventually(lambda: self.b.do("conns", self.a.id)["conns"], lambda conns: not conns, SOON_S)
        finally:
            proxy.close()

    def conn_of(self, one, other):
        """The one connection that a side has with the other."""
        conns = one.do("conns", other.id)["conns"]
        if len(conns) != 1:
            raise Failed(f"{one.name} has {len(conns)} connections to {other.name}")
        return conns[0]

    def same_connection(self, transport):
        """Checks that both sides still have the one connection that was made; A's view of it."""
        conn = self.conn_of(self.a, self.b)
        if conn["transport"] != transport or conn["direction"] != "out":
            raise Failed(f"the connection is {conn}")
        if self.conn_of(self.b, self.a)["direction"] != "in":
            raise Failed("B's connection is not the one that A dialled")
        return conn

    def ping_both(self):
        """Pings from A to B and from B to A."""
        for one, other in ((self.a, self.b), (self.b, self.a)):
            got = one.do("ping", other.id, 3)
            if got["count"] != 3 or len(got["rtt_us"]) != 3:
                raise Failed(f"pings: {got}")

    def eventually(self, get, good, seconds):
        """Calls get until its value is good or the time is up; the last value."""
        end = time.monotonic() + seconds
        while True:
            value = get()
            if good(value) or time.monotonic() > end:
                return value
            time.sleep(0.02)

    def raw_tcp(self, data, limit_s, every_s=None):
        """Sends B bytes over TCP, all at once or one at a time, and the last one again and again;
        seconds until B closed, or None if it did not."""
        begin = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port("tcp"))) as conn:
            conn.settimeout(every_s or limit_s)
            rest = data
            while time.monotonic() < begin + limit_s:
                try:
                    if every_s is None:
                        conn.sendall(rest)
                        rest = b""
                    else:
                        conn.sendall(rest[:1])
                        rest = rest[1:] or rest
                    if not conn.recv(4096):
                        return time.monotonic() - begin
                except TimeoutError:
                    continue
                except OSError:
                    return time.monotonic() - begin
        return None
