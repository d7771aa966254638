"""Interop programs as processes: starting them, and the line protocol of README.md."""

import json
import os
import queue
import subprocess
import threading

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PROGRAMS = {
    "c": ["build/release/peerup-interop"],
    "go": ["build/interop/peer-go"],
    "js": ["node", "--import", "./build/interop/js/polyfill.mjs", "build/interop/js/peer.mjs"],
}
LISTEN = ["--listen", "/ip4/127.0.0.1/tcp/0", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]
START_S = 180
ANSWER_S = 120
BULK_S = 310


class Failed(Exception):
    """A case does not hold; the message says what was seen."""


class Refused(Failed):
    """A command was answered by ok: false."""

    def __init__(self, peer, command, answer):
        super().__init__(f"{peer.name}: {command}: {answer.get('kind')}: {answer.get('error')}")
        self.kind = answer.get("kind")


def features_of(kind):
    """What `--features` prints for a kind, or None when its program is not there."""
    if not os.path.exists(os.path.join(ROOT, PROGRAMS[kind][-1])):
        return None
    out = subprocess.run(
        PROGRAMS[kind] + ["--features"], cwd=ROOT, capture_output=True, text=True, timeout=START_S, check=False
    )
    if out.returncode != 0:
        raise Failed(f"{kind} --features: status {out.returncode}: {out.stderr.strip()}")
    return json.loads(out.stdout)


class Peer:
    """A running program. Attributes: kind, name, id, addrs (a dict of transport to address)."""

    serial = 0

    def __init__(self, kind, flags=(), listen=True, log_dir=None, prefix=()):
        Peer.serial += 1
        self.kind = kind
        self.name = f"{kind}{Peer.serial}"
        self.id = None
        self.addrs = {}
        self.lines = queue.Queue()
        self.pending = []
        command = [*prefix, *PROGRAMS[kind], *(LISTEN if listen else []), *flags]
        self.log_path = os.path.join(log_dir, f"{self.name}.log") if log_dir else os.devnull
        with open(self.log_path, "w", encoding="utf-8") as log:
            log.write(" ".join(command) + "\n")
            log.flush()
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
            )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self._await_ready()
        except BaseException:
            self.kill()
            raise

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put(None)

    def _line(self, seconds):
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            raise Failed(f"{self.name}: no answer within {seconds} s") from None
        if line is None:
            raise Failed(f"{self.name}: ended, status {self.process.wait()}; see {self.log_path}")
        return line

    def _await_ready(self):
        while self.id is None:
            word, _, rest = self._line(START_S).partition(" ")
            if word == "listening":
                self.addrs["quic" if "/quic-v1" in rest else "tcp"] = rest
            elif word == "ready":
                self.id = rest
            else:
                raise Failed(f"{self.name}: {word} {rest}")

    def send(self, *words):
        """Gives a command without waiting; answers come by result(), in the same order."""
        command = " ".join(str(word) for word in words)
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except OSError as err:
            raise Failed(f"{self.name}: {command}: {err}") from None
        self.pending.append(command)

    def result(self, seconds=BULK_S):
        """The answer of the oldest command that was sent; Refused when it is not ok."""
        command = self.pending.pop(0)
        line = self._line(seconds)
        try:
            answer = json.loads(line)
        except ValueError:
            raise Failed(f"{self.name}: {command}: not JSON: {line}") from None
        if answer.get("ok") is not True:
            raise Refused(self, command, answer)
        return answer

    def do(self, *words, seconds=None):
        """Gives a command and waits for its answer."""
        self.send(*words)
        slow = words[0] in ("streams", "echo", "sink", "perf", "hold", "handshakes")
        return self.result(seconds or (BULK_S if slow else ANSWER_S))

    def quit(self):
        """Ends the program as one is meant to; Failed when it does not end well."""
        try:
            self.do("quit", seconds=10)
            status = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name}: does not end") from None
        finally:
            self.kill()
        if status != 0:
            raise Failed(f"{self.name}: ended with status {status}; see {self.log_path}")

    def kill(self):
        """Ends the program whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
