#!/usr/bin/env python3
"""What people, programs and machines do to `peerup` that they should not.

    tests/real/hostile.py PEERUP

Two daemons on loopback, a home with services and a laptop with proxies. One line a check: "ok ..." or
"not ok ..."; the last line is "N passed, N failed".
"""
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs this by nohup: daemons heed it only if they began with it

PEERUP = os.path.abspath(sys.argv[1])
WORK = tempfile.mkdtemp()
STRANGER = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB"
MEMORY_MIB = 500 if "/asan/" in PEERUP else 100  # sanitizers keep what was freed
passed = failed = 0
started = []


def check(name, is_good, detail=""):
    global passed, failed
    print(("ok " if is_good else "not ok ") + name, flush=True)
    if is_good:
        passed += 1
    else:
        failed += 1
        for line in str(detail).splitlines()[-20:]:
            print("    " + line)


def eventually(condition, seconds=10.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def write(path, text, mode=0o600):
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)


def peerup(*words, timeout=20, **how):
    """Runs a command. Its exit code and all it said; a code of None: it did not end."""
    try:
        done = subprocess.run([PEERUP, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout, cwd=WORK, **how)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace") + "(still running)"


class Node:
    """A folder with a node, and its daemon."""

    def __init__(self, name):
        self.name = name
        self.folder = os.path.join(WORK, name)
        self.config = os.path.join(self.folder, "config.yaml")
        self.socket = os.path.join(self.folder, "peerup.sock")
        self.keys = os.path.join(self.folder, "authorized_keys")
        peerup("init", "--dir", self.folder)
        self.id = self.run("whoami")[1].strip()
        self.process = None
        self.configure()

    def configure(self, more=""):
        write(self.config, "network: {listen_addresses: [/ip4/127.0.0.1/udp/0/quic-v1, "
              "/ip4/127.0.0.1/tcp/0]}\n" + more +
              ("" if "daemon:" in more else "daemon: {state_dir: state}\n"))

    def run(self, *words, **how):
        return peerup(*words, "--config", self.config, **how)

    def start(self, *words, **how):
        self.log_path = os.path.join(WORK, self.name + ".log")
        log = open(self.log_path, "w")
        self.process = subprocess.Popen([PEERUP, "daemon", "--config", self.config, *words],
                                        stdout=subprocess.DEVNULL, stderr=log, cwd=WORK, **how)
        log.close()
        started.append(self.process)
        return eventually(lambda: self.address("udp") and os.path.exists(self.socket))

    def proxies(self):
        return json.loads(self.run("status", "--json")[1])["proxies"]

    def log(self):
        with open(self.log_path) as text:
            return text.read()

    def address(self, transport):
        for line in self.log().splitlines():
            if line.startswith("listening /ip4/127.0.0.1/" + transport):
                return line.split()[1] + "/p2p/" + self.id
        return None

    def port(self, transport):
        return int(self.address(transport).split("/")[4])

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self):
        with open("/proc/%d/statm" % self.process.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def dial(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.socket)
        s.settimeout(10)
        return s


def read_line(s):
    bytes_ = b""
    while not bytes_.endswith(b"\n"):
        more = s.recv(65536)
        if not more:
            break
        bytes_ += more
    return bytes_


def read_to_end(s, pause=0.0):
    total = b""
    while True:
        more = s.recv(65536)
        if not more:
            return total
        total += more
        time.sleep(pause)


class Service(threading.Thread):
    """A TCP server of our own: each connection is given to `serve`."""

    def __init__(self, serve, host="127.0.0.1"):
        super().__init__(daemon=True)
        self.listener = socket.create_server((host, 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.guarded, args=(connection,), daemon=True).start()

    def guarded(self, connection):
        try:
            with connection:
                self.serve(connection)
        except OSError:
            pass


def echo(s):
    while True:
        some = s.recv(65536)
        if not some:
            break
        s.sendall(some)
    s.shutdown(socket.SHUT_WR)


BIG = bytes(range(256)) * 32768  # 8 MiB


def request_then_big(s):
    """Reads to the end of the request, then answers with BIG."""
    read_to_end(s)
    s.sendall(BIG)


def chatter(s):
    """Sends without end."""
    while True:
        s.sendall(b"x" * 65536)


home, laptop = Node("home"), Node("laptop")
for node, other in ((home, laptop), (laptop, home)):
    node.run("auth", "add", other.id)

# ---- configuration ----


def validate(text, mode=0o600):
    path = os.path.join(WORK, "try.yaml")
    if os.path.exists(path):
        os.unlink(path)
    write(path, text, mode)
    return peerup("config", "validate", "--config", path)


code, said = validate("netwrok: {}\nrelay: {addresses: []}\n")
check("an unknown key is warned of, with its place and what was meant",
      code == 0 and "try.yaml:1:1: warning" in said and "did you mean 'network'" in said, said)
code, said = validate("network: {}\nnode:\n  pign_ns: 1s\n  conn_max: 3\n")
check("so is a parameter", code == 7 and "try.yaml:3:3:" in said and "did you mean" in said, said)
code, said = validate("relay: {addresses: [/ip4/192.0.2.1/udp/7777/quic/p2p/%s]}\n" % home.id)
check("a relay's address without a transport of ours is refused",
      code == 7 and "/udp/7777/quic/" in said and "/udp/PORT/quic-v1" in said, said)
code, said = validate("network: {listen_addresses: [/ip4/0.0.0.0/udp/0/quic]}\n")
check("so is one to listen on", code == 7 and "network.listen_addresses: '/ip4/0.0.0.0/udp/0/quic'" in said, said)
code, said = validate("a: " + "b" * 2000000 + "\n")
check("a file of 2 MB is refused", code == 7 and "too long" in said, said)
bomb = "a0: &a0 [x, x]\n" + "".join("a%d: &a%d [*a%d, *a%d]\n" % (i, i, i - 1, i - 1)
                                    for i in range(1, 60))
began = time.monotonic()
code, said = validate(bomb + "services: *a59\nnames: {x: *a59}\nnetwork: {listen_addresses: *a59}\n")
check("aliases of aliases are no bomb", code == 7 and time.monotonic() - began < 5, said)
began = time.monotonic()
code, said = validate("[" * 500000)
check("nor are half a million brackets", code == 7 and time.monotonic() - began < 10,
      (code, time.monotonic() - began, said))
code, said = validate("services: &s {x: *s}\n")
check("nor is a loop of aliases", code in (0, 7), said)
for text in ("nas.lan", "localhost:", "localhost:99999", ":22", "1.2.3.4:-1", "::1:22", "a b:22"):
    code, said = validate('services: {x: {enabled: true, local_address: "%s"}}\n' % text)
    check("'%s' is no HOST:PORT" % text, code == 7 and "HOST:PORT" in said, said)
for listen, place, taken in (("/ip4/0.0.0.0/tcp/80", "127.0.0.1:80", True), ("/ip4/0.0.0.0/tcp/80", "localhost:80", True),
                             ("/ip4/192.0.2.1/tcp/80", "192.0.2.1:80", True), ("/ip6/::/tcp/80", "[::1]:80", True),
                             ("/ip4/0.0.0.0/tcp/80", "192.0.2.1:80", False), ("/ip4/192.0.2.1/tcp/80", "127.0.0.1:80", False),
                             ("/ip6/::/tcp/80", "127.0.0.1:80", False), ("/ip4/0.0.0.0/tcp/81", "127.0.0.1:80", False),
                             ("/ip4/0.0.0.0/udp/80/quic-v1", "127.0.0.1:80", False), ("/ip4/0.0.0.0/tcp/80", "a.example:80", False)):
    code, said = validate('network: {listen_addresses: [%s]}\nservices: {x: {enabled: true, local_address: "%s"}}\n'
                          % (listen, place))
    check("%s where %s listens: %s" % (place, listen, taken),
          (code == 7) == taken and ("services.x: local_address '%s' is where this node" % place in said) == taken, said)
code, said = validate("names: {}\n", 0o644)
check("a configuration that others may read is refused, with what to do",
      code == 7 and "chmod 600" in said, said)
fifo = os.path.join(WORK, "fifo")
os.mkfifo(fifo, 0o600)
for words in (("config", "validate", "--config", fifo), ("whoami", "--config", fifo)):
    code, said = peerup(*words, timeout=5)
    check("a pipe is no configuration: %s" % words[0], code == 7, said)

# ---- key and authorized_keys ----

key = os.path.join(home.folder, "identity.key")
os.rename(key, key + ".kept")
os.mkfifo(key, 0o600)
code, said = home.run("whoami", timeout=5)
check("a pipe is no key", code == 7 and "not a regular file" in said, said)
os.unlink(key)
code, said = home.run("daemon", timeout=5)
check("without a key the daemon says what makes one", code == 7 and "peerup init" in said, said)
os.rename(key + ".kept", key)
os.chmod(home.keys, 0o666)
code, said = home.run("auth", "list")
check("authorized_keys that others may write is refused, with what to do",
      code == 7 and "chmod go-w" in said, said)
for words in (("daemon",), ("auth", "add", STRANGER), ("auth", "remove", STRANGER),
              ("proxy", STRANGER, "echo", "0"), ("ping", STRANGER)):
    code, said = home.run(*words, timeout=5)
    check("so `%s` ends with 7" % " ".join(words[:2]), code == 7 and "chmod go-w" in said, (code, said))
os.chmod(home.keys, 0o644)
check("that others may read it is nobody's harm", home.run("auth", "list")[0] == 0)
os.rename(home.keys, os.path.join(WORK, "shared_keys"))
os.symlink("../shared_keys", home.keys)
code, said = home.run("auth", "add", STRANGER)
check("auth add follows a link", code == 0 and os.path.islink(home.keys) and
      STRANGER in open(os.path.join(WORK, "shared_keys")).read(), said)
home.run("auth", "remove", STRANGER)
folder = os.path.join(WORK, "full")
code, said = peerup("init", "--dir", folder, restore_signals=False, preexec_fn=lambda: resource.setrlimit(
    resource.RLIMIT_FSIZE, (20, 20)))
check("a key that could not be written whole is not there",
      code != 0 and not os.path.exists(os.path.join(folder, "identity.key")), said)
check("nor is anything else left of it", os.listdir(folder) == [], os.listdir(folder))

# ---- the control socket ----

precious = os.path.join(WORK, "precious")
write(precious, "kept")
home.configure("daemon: {state_dir: state, socket: %s}\n" % precious)
code, said = home.run("daemon", timeout=5)
check("a file at the socket's path is not removed",
      code == 1 and os.path.exists(precious) and "something else" in said, said)
home.configure("daemon: {state_dir: state, socket: %s}\n" % ("x" * 200))
code, said = home.run("daemon", timeout=5)
check("a path that is too long for a socket is told", code == 1 and "too long" in said, said)

echoes, bigs, chatters = Service(echo), Service(request_then_big), Service(chatter)
closed = socket.create_server(("127.0.0.1", 0))
closed_port = closed.getsockname()[1]
many = "".join("  s%02d: {enabled: false, local_address: '%s:1'}\n" % (i, "n" * 240)
               for i in range(250))
SERVICES = """services:
  echo: {enabled: true, local_address: "localhost:%d"}
  big: {enabled: true, local_address: "127.0.0.1:%d"}
  chatter: {enabled: true, local_address: "127.0.0.1:%d"}
  closed: {enabled: true, local_address: "localhost:%d"}
  nowhere: {enabled: true, local_address: "no-such-host.invalid:1"}
""" % (echoes.port, bigs.port, chatters.port, closed_port)
home.configure(SERVICES + many)
laptop.configure("names: {home: %s}\n" % home.id)
check("home starts", home.start(), home.log())
check("laptop starts", laptop.start(), laptop.log())
check("the socket is its owner's alone", os.stat(home.socket).st_mode & 0o777 == 0o600)
code, said = home.run("status", "--json")
check("a status of more than 64 KiB is read whole",
      code == 0 and len(json.loads(said)["services"]) == 255, said[-300:])
code, said = laptop.run("ping", home.address("udp"), "-c", "1")
check("a ping by address", code == 0 and "direct over quic" in said, said)

deaf = home.dial()
deaf.setblocking(False)
try:
    while True:
        deaf.send(b'{"cmd":"status"}\n' * 100)
except OSError:
    pass
check("a client that never reads stops nobody", home.run("status")[0] in (0, 10))
check("and is not given memory without end", home.resident_mib() < MEMORY_MIB, home.resident_mib())
deaf.close()
long = home.dial()
try:
    long.sendall(b"x" * 70000)
    ended = read_to_end(long) == b""
except OSError:
    ended = True
check("a line without end is hung up on", ended)
half = home.dial()
half.sendall(b'{"cmd":"status"}\nnonsense\n{"cmd":"fly"}\n[]\n{"cmd":"status","cmd":"stop"}\n')
half.shutdown(socket.SHUT_WR)
lines = read_to_end(half).decode().splitlines()
check("who asks and says no more gets every answer",
      len(lines) == 5 and json.loads(lines[0])["ok"] and
      all(json.loads(line)["code"] == "usage" for line in lines[1:]), lines)
crowd = [home.dial() for _ in range(40)]
crowd[0].sendall(b'{"cmd":"status"}\n')
check("forty clients at once", b'"ok":true' in read_line(crowd[0]))
for s in crowd:
    s.close()
check("and then others again", eventually(lambda: home.run("status")[0] in (0, 10)))
gone = home.dial()
gone.sendall(b'{"cmd":"ping","peer":"%s","timeout_ms":3000}\n' % STRANGER.encode())
gone.close()
check("who does not wait for the answer hurts nobody", home.run("status")[0] in (0, 10))

# ---- proxies ----


def proxy(service):
    code, said = laptop.run("proxy", home.address("udp"), service, "0")
    host, port = said.split()[-1].rsplit(":", 1)
    return host, int(port)


for text in ("99999", "-1", "", "host.example:80", "1.2.3.4.5:80", "127.0.0.1"):
    code, said = laptop.run("proxy", "home", "echo", text)
    check("'%s' is no place to listen" % text, code == 2, said)
busy = socket.create_server(("127.0.0.1", 0))
code, said = laptop.run("proxy", "home", "echo", str(busy.getsockname()[1]))
check("a port in use is told", code == 1 and "in use" in said, said)
busy.close()
code, said = laptop.run("proxy", home.address("udp"), "unknown", "0")
check("a service that nobody offers is told at once", code == 5 and "no such service" in said, said)
code, said = laptop.run("proxy", home.address("udp"), "x" * 200, "0")
check("so is a name that no service has", code == 2, said)
check("and no port is left of them", laptop.proxies() == [], laptop.proxies())

code, said = laptop.run("proxy", home.address("udp"), "nowhere", "0")
check("a service that is not there is told", code == 5 and "not a known name" in said, said)
check("nor is a port left of it", laptop.proxies() == [], laptop.proxies())
check("and the log of its side says why",
      eventually(lambda: "not a known name" in home.log(), 3), home.log())
at = {name: proxy(name) for name in ("echo", "big", "chatter", "closed")}
closed.close()


def exchange(name, body, timeout=20.0, pause=0.0):
    """What the service answers; or why not, as a text."""
    try:
        with socket.create_connection(at[name], timeout=timeout) as s:
            s.sendall(body)
            s.shutdown(socket.SHUT_WR)
            return read_to_end(s, pause)
    except OSError as why:
        return repr(why)


check("'localhost' is whichever address answers", exchange("echo", b"hello") == b"hello",
      home.log())
got = exchange("big", b"please", timeout=60, pause=0.002)
check("half a close: who says no more and reads slowly gets everything", got == BIG,
      "%d of %d bytes" % (len(got), len(BIG)))


def is_ended(name):
    try:
        s = socket.create_connection(at[name], timeout=20)
        return s.recv(1) == b""
    except ConnectionError:
        return True
    except OSError as why:
        return repr(why)


check("a service that has gone ends the connection", is_ended("closed") is True,
      is_ended("closed"))
check("and the logs of both sides say why",
      eventually(lambda: "refused" in home.log() and "refused" in laptop.log(), 3), home.log())

before = laptop.resident_mib(), home.resident_mib()
stuck = [socket.create_connection(at["chatter"], timeout=20) for _ in range(8)]
time.sleep(2)
after = laptop.resident_mib(), home.resident_mib()
check("a client that never reads holds its sender back",
      after[0] - before[0] < 40 and after[1] - before[1] < 40, (before, after))
for s in stuck[1:]:
    s.close()
got = exchange("echo", b"y" * 300000)
check("others go on meanwhile", got == b"y" * 300000, got[:100] if isinstance(got, str) else len(got))
stuck[0].close()

check("streams end with their connections",
      eventually(lambda: json.loads(laptop.run("status", "--json")[1])["streams"] == 0, 15),
      laptop.run("status", "--json")[1])
counts = laptop.descriptors(), home.descriptors()
for _ in range(60):
    exchange("echo", b"again")
    s = socket.create_connection(at["echo"], timeout=20)
    s.sendall(b"x")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.close()
    home.dial().close()
check("no descriptor is left of 120 connections",
      eventually(lambda: (laptop.descriptors(), home.descriptors()) <= counts, 10),
      (counts, laptop.descriptors(), home.descriptors()))

closing = socket.create_connection(at["echo"], timeout=20)
closing.sendall(b"first")
got = closing.recv(5)
code, said = laptop.run("proxy", "--close", str(at["echo"][1]))
check("a proxy is closed by its port", code == 0, said)
closing.sendall(b" last")
closing.shutdown(socket.SHUT_WR)
check("what it carries goes on", got + read_to_end(closing) == b"first last")
check("nobody listens there any more", "refused" in str(exchange("echo", b"")).lower())
identity = [p["id"] for p in laptop.proxies() if p["listen"] == "%s:%d" % at["big"]]
code, said = laptop.run("proxy", "--close", *identity)
check("another by its id", code == 0 and len(laptop.proxies()) == 2, said)
code, said = laptop.run("proxy", "--close", *identity)
check("once only", code == 5 and "no proxy" in said, said)
code, said = laptop.run("proxy", "--close", "localhost:%d" % at["closed"][1])
check("localhost is what it listens at", code == 0, said)
at["echo"] = proxy("echo")

# ---- authorized_keys while the daemon runs ----


def is_out():
    return laptop.run("ping", home.address("udp"), "-c", "1")[0] != 0


shared = os.path.join(WORK, "shared_keys")
with open(shared) as text:
    lines = [line for line in text if laptop.id not in line]
kept = open(shared).read()
write(shared, "".join(lines), 0o644)
check("who is removed where a link leads is out", eventually(is_out, 15), home.log())
write(shared, kept, 0o644)
check("and in again", eventually(lambda: not is_out(), 15), home.log())
write(shared, "half a li", 0o644)
time.sleep(0.5)
check("a file with a bad line changes nothing", not is_out() and "kept as it was" in home.log(),
      home.log())
os.chmod(shared, 0o666)
write(shared, "", 0o666)
time.sleep(0.5)
check("nor does one that others may write", not is_out(), home.log())
os.unlink(home.keys)
os.symlink("../second_keys", home.keys)
write(os.path.join(WORK, "second_keys"), "# nobody\n", 0o644)
check("another link is another file", eventually(is_out, 15), home.log())
os.unlink(home.keys)
write(home.keys, kept)
check("a file in place of the link, too", eventually(lambda: not is_out(), 15), home.log())

# ---- signals, logs, the end ----

check("a daemon ends with 0 by SIGTERM", home.stop() == 0)
check("its socket is gone", not os.path.exists(home.socket))
check("the other one was told", eventually(lambda: "peer gone" in laptop.log(), 5), laptop.log())
check("a connection to a peer that is gone ends", is_ended("echo") is True)
check("and the log says why", eventually(lambda: "to echo of home: " in laptop.log(), 3), laptop.log())
check("and by SIGHUP", laptop.stop(signal.SIGHUP) == 0)
code, said = laptop.run("proxy", "--close", "7")
check("without a daemon there is no proxy to close", code == 3 and "no daemon answers" in said, said)
code, said = laptop.run("proxy", "home", "echo", "0", timeout=40)
check("nor, without an address, one to open: the command is told so",
      code == 5 and "No daemon answers" in said and "no address" in said, (code, said))
home.start()
home.stop(signal.SIGKILL)
check("what a killed one left is no hindrance", home.start(), home.log())
code, said = home.run("daemon", timeout=5)
check("a second daemon is told of the first", code == 1 and "another" in said, said)
home.stop()

read_end, write_end = os.pipe()
child = subprocess.Popen([PEERUP, "daemon", "--config", home.config], stderr=write_end,
                         stdout=subprocess.DEVNULL, cwd=WORK)
started.append(child)
os.close(write_end)
os.read(read_end, 1)
os.close(read_end)
eventually(lambda: os.path.exists(home.socket))
home.process = child
write(home.keys, kept + "# a comment\n")  # something to tell
time.sleep(0.5)
check("a log that nobody reads any more does not end it", home.run("status")[0] in (0, 10))
home.stop()

home.start("--record", "/dev/full")
code = home.stop()
check("a recording that cannot be written is told, and the daemon goes on",
      code == 0 and "recording ended" in home.log(), (code, home.log()))
tape = os.path.join(WORK, "tape")
home.start("--record", tape)
home.stop()
check("a recording is its owner's alone", os.stat(tape).st_mode & 0o777 == 0o600)

ping = subprocess.Popen([PEERUP, "ping", "--config", laptop.config, "-c", "100", STRANGER],
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=WORK)
started.append(ping)
time.sleep(1.5)
ping.send_signal(signal.SIGINT)
try:
    said = ping.communicate(timeout=5)[0].decode()
except subprocess.TimeoutExpired:
    said = "(still running)"
check("Ctrl-C ends a ping without a daemon, with its totals", " sent, 0 received" in said, said)

# ---- no descriptors left ----


def few_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))


check("home starts with 40 descriptors", home.start(preexec_fn=few_files), home.log())
crowd = []
for _ in range(60):
    try:
        crowd.append(socket.create_connection(("127.0.0.1", home.port("tcp")), timeout=2))
    except OSError:
        break
time.sleep(0.5)
began = home.cpu_seconds()
time.sleep(2)
spent = home.cpu_seconds() - began
check("more TCP connections than descriptors do not make it spin", spent < 0.5, spent)
for s in crowd:
    s.close()
check("and it goes on when they are gone", eventually(lambda: home.run("status")[0] in (0, 10)))
check("it ends well", home.stop() == 0)

for process in started:
    if process.poll() is None:
        process.kill()
shutil.rmtree(WORK, ignore_errors=True)
print("%d passed, %d failed" % (passed, failed))
sys.exit(failed != 0)
