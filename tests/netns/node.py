"""Real peerup processes in namespaces: started, asked over their control socket, and listened to."""
import json
import os
import re
import socket
import subprocess
import threading
import time

PORT = 4001
URGENT = ["chrt", "--rr", "1"]  # what else the machine does is no part of the network
STARTED, STOPPED = "(started)", "(killed)"  # not its own words
PATH_WORDS = re.compile(r"^peer (relayed|direct|gone) ([^ ,:]+)")


class Node:
    """A peerup with a folder of its own."""

    def __init__(self, peerup, space, folder, is_relay=False, port=PORT):
        self.peerup, self.space, self.folder, self.is_relay, self.port = (
            peerup, space, os.path.abspath(folder), is_relay, port)
        self.process = None
        self.lines = []  # (time, what it said), of all of its lives
        made = subprocess.run([peerup, "init", "--dir", self.folder], capture_output=True, text=True,
                              check=True)
        self.id = made.stdout.strip()

    def addresses(self, address):
        """Where it listens, seen from an address."""
        return [f"/ip4/{address}/udp/{self.port}/quic-v1/p2p/{self.id}",
                f"/ip4/{address}/tcp/{self.port}/p2p/{self.id}"]

    def configure(self, relays=(), trusted=(), parameters=None, services=None, tcp=True):
        """relays: addresses; trusted: ids; parameters: of config.h; services: name -> address."""
        listen = [f"/ip4/0.0.0.0/udp/{self.port}/quic-v1"]
        if tcp:
            listen.append(f"/ip4/0.0.0.0/tcp/{self.port}")
        config = {
            "network": {"listen_addresses": listen},
            "daemon": {"state_dir": "state"},
            "security": {"enable_connection_gating": True},
            "node": parameters or {},
            "services": {name: {"enabled": True, "local_address": at}
                         for name, at in (services or {}).items()},
        }
        if not self.is_relay:
            config["relay"] = {"addresses": list(relays)}
        with open(os.path.join(self.folder, "config.yaml"), "w", encoding="utf-8") as file:
            json.dump(config, file)  # which is YAML too
        with open(os.path.join(self.folder, "authorized_keys"), "w", encoding="utf-8") as file:
            file.writelines(f"{peer}\n" for peer in trusted)

    def start(self):
        self.lines.append((time.monotonic(), STARTED))
        words = [self.peerup] + (["relay", "serve"] if self.is_relay else ["daemon"])
        words += ["--config", os.path.join(self.folder, "config.yaml")]
        words = URGENT + words
        self.process = subprocess.Popen(self.space.command(words), stderr=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, text=True)
        threading.Thread(target=self.listen, args=[self.process.stderr], daemon=True).start()

    def listen(self, pipe):
        for line in pipe:
            self.lines.append((time.monotonic(), line.strip()))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.lines.append((time.monotonic(), STOPPED))

    def said(self, words, since=0.0):
        """When it first said a line that begins so, from `since` on; None: it did not."""
        return next((at for at, line in list(self.lines) if at >= since and line.startswith(words)), None)

    def waits(self, words, seconds, since=0.0):
        """Waits for such a line."""
        return wait_for(lambda: self.said(words, since), seconds)

    def paths(self, peer):
        """What it said of its path to a peer: (time, "relayed", "direct" or "gone"); "stopped" when it was
        killed, "gone" when it began again."""
        found = []
        for at, line in list(self.lines):
            match = PATH_WORDS.match(line)
            if match and match[2] == peer.id:
                found.append((at, match[1]))
            elif line in (STOPPED, STARTED):
                found.append((at, "stopped" if line == STOPPED else "gone"))
        return found

    def door(self):
        """A connection to its socket; None: it does not listen, or not yet."""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            s.connect(os.path.join(self.folder, "peerup.sock"))
            return s
        except OSError:
            s.close()
            return None

    def ask(self, request, timeout=40.0):
        """One request to the daemon and its answer; waits until it is up."""
        s = wait_for(self.door, 10)
        if s is None:
            raise ConnectionError(f"no daemon listens in {self.folder}")
        with s:
            s.settimeout(timeout)
            s.sendall(json.dumps(request).encode() + b"\n")
            with s.makefile() as answers:
                return json.loads(answers.readline())

    def ping(self, peer, timeout=30.0, address=None):
        request = {"cmd": "ping", "peer": peer.id, "timeout_ms": round(timeout * 1000)}
        if address:
            request["address"] = address
        return self.ask(request, timeout + 10)

    def connections(self, peer):
        """Its connections with a peer, as `status` has them."""
        return [c for c in self.ask({"cmd": "status"})["connections"] if c["peer"] == peer.id]

    def last_words(self, count=20):
        first = self.lines[0][0] if self.lines else 0
        return "\n".join(f"{os.path.basename(self.folder)} {at - first:.2f} s: {line}"
                         for at, line in self.lines[-count:])


def wait_for(question, seconds):
    """Asks until the answer is neither None nor False, at most so long; the last answer."""
    until = time.monotonic() + seconds
    while True:
        answer = question()
        if answer not in (None, False) or time.monotonic() >= until:
            return answer
        time.sleep(0.02)
