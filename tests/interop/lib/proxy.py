"""Proxies on loopback: one for TCP that delays, or hands on byte by byte; one for UDP that rebinds."""

import select
import socket
import threading
import time


class Proxy:
    """Forwards every connection to a port. delay_s: each way; dribble: that many first bytes of
    each direction go one at a time, each in its own segment."""

    def __init__(self, port, delay_s=0.0, dribble=0):
        self.target = port
        self.delay_s = delay_s
        self.dribble = dribble
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            for one, other in ((near, far), (far, near)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._forward, args=(one, other), daemon=True).start()

    def _forward(self, source, sink):
        line = []  # of (time to hand on, bytes); None ends it
        ready = threading.Condition()
        threading.Thread(target=self._hand_on, args=(line, ready, sink), daemon=True).start()
        while True:
            try:
                data = source.recv(256 << 10)
            except OSError:
                data = b""
            with ready:
                line.append((time.monotonic() + self.delay_s, data))
                ready.notify()
            if not data:
                return

    def _hand_on(self, line, ready, sink):
        left = self.dribble
        while True:
            with ready:
                while not line:
                    ready.wait()
                when, data = line.pop(0)
            time.sleep(max(0.0, when - time.monotonic()))
            try:
                for at in range(min(left, len(data))):
                    sink.sendall(data[at : at + 1])
                    time.sleep(0.0002)
                sink.sendall(data[left:])
                left = max(0, left - len(data))
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
            except OSError:
                return

    def close(self):
        """Accepts no more; connections that are there go on."""
        self.listener.close()


class UdpProxy:
    """Forwards datagrams between one client and a port, as a NAT does. kinds: the QUIC packets that
    came from the port, by the type in their long headers."""

    KINDS = ("initial", "0-rtt", "handshake", "retry")

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.near = self._socket()
        self.near.bind(("127.0.0.1", 0))
        self.far = self._socket()
        self.port = self.near.getsockname()[1]
        self.client = None
        self.kinds = set()
        self.running = True
        threading.Thread(target=self._forward, daemon=True).start()

    @staticmethod
    def _socket():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
        return sock

    def rebind(self):
        """From now on the port sees the client behind another port, and the old one is dead."""
        old, self.far = self.far, self._socket()
        old.close()

    def _forward(self):
        while self.running:
            far = self.far
            try:
                ready, _, _ = select.select([s for s in (self.near, far) if s.fileno() >= 0], [], [], 0.02)
                for sock in ready:
                    data, sender = sock.recvfrom(65535)
                    if sock is self.near:
                        self.client = sender
                        self.far.sendto(data, self.target)
                    elif self.client is not None:
                        if data[0] & 0x80:
                            self.kinds.add(self.KINDS[data[0] >> 4 & 3])
                        self.near.sendto(data, self.client)
            except (OSError, ValueError):
                continue
        self.near.close()
        self.far.close()

    def close(self):
        """Forwards no more."""
        self.running = False
