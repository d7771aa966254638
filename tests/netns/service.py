"""A service that a home node offers, and a laptop that fetches from it through its daemon's proxy."""
import os
import subprocess

from node import wait_for

PORT = 8080  # of the service, at the home's own address
FETCH = """
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=20).read())
"""


class Service:
    """`size` bytes, served in home's namespace; home's node is configured with OFFER."""

    OFFER = {"data": f"127.0.0.1:{PORT}"}

    def __init__(self, home, laptop, size):
        self.space = laptop.space
        self.data = os.urandom(size)
        os.mkdir("www")
        with open("www/data", "wb") as file:
            file.write(self.data)
        subprocess.Popen(home.space.command(
            ["python3", "-m", "http.server", PORT, "--bind", "127.0.0.1", "--directory", "www"]),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        request = {"cmd": "connect", "peer": home.id, "service": "data", "listen": "127.0.0.1:0"}
        answer = wait_for(lambda: (got := laptop.ask(request)).get("ok") and got, 10)  # until it is up
        self.listen = answer["listen_address"] if answer else "nowhere.invalid"

    def fetches(self):
        """Whether the laptop gets all of it."""
        got = subprocess.run(self.space.command(["python3", "-c", FETCH, f"http://{self.listen}/data"]),
                             capture_output=True, check=False)
        return got.stdout == self.data
