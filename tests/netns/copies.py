"""Application streams of a scenario (`stream`) between real nodes: a service that takes bytes, and who sends some.

The service answers with the number and the digest of what came, once the sender has ended its half: so a
sender knows whether all came, unspoilt, and its end too.

    copies.py take PORT                  the service, on 127.0.0.1
    copies.py send HOST:PORT BYTES SEED  sends so many drawn bytes; exit code 0: they are there
"""
import hashlib
import random
import socket
import subprocess
import sys
import threading
import time

NAME, PORT = "copies", 8081  # of the service
PIECE = 65536
PATIENCE_S = 60.0


def take_one(connection):
    count, digest = 0, hashlib.sha256()
    with connection:
        while piece := connection.recv(PIECE):
            count += len(piece)
            digest.update(piece)
        connection.sendall(f"{count} {digest.hexdigest()}\n".encode())


def take(port):
    with socket.create_server(("127.0.0.1", port)) as listening:
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=take_one, args=[connection], daemon=True).start()


def send(host, port, count, seed):
    data = random.Random(seed).randbytes(count)
    with socket.create_connection((host, port), PATIENCE_S) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile() as answers:
            return answers.readline() == f"{count} {hashlib.sha256(data).hexdigest()}\n"


class Copy:
    """One `stream` of a scenario: node a's application sends so many bytes to b's."""

    def __init__(self, a, b, count, seed):
        self.a, self.b, self.count, self.seed = a, b, count, seed
        self.began, self.took = time.monotonic(), None  # seconds; None: it is not there
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            listening = self.a.ask({"cmd": "connect", "peer": self.b.id, "service": NAME,
                                    "listen": "127.0.0.1:0"}).get("listen_address")
        except (OSError, ValueError):
            return  # the daemon is not there
        if listening is None:
            return
        words = ["python3", __file__, "send", listening, self.count, self.seed]
        if subprocess.run(self.a.space.command(words), check=False, stderr=subprocess.DEVNULL).returncode == 0:
            self.took = time.monotonic() - self.began


def serve(space):
    """Starts the service in a namespace; it ends with the lab."""
    return subprocess.Popen(space.command(["python3", __file__, "take", PORT]))


def main():
    what, *values = sys.argv[1:]
    if what == "take":
        take(int(values[0]))
    host, port = values[0].rsplit(":", 1)
    sys.exit(0 if send(host, int(port), int(values[1]), int(values[2])) else 1)


if __name__ == "__main__":
    main()
