"""The corner of the kernel that a lab runs in, and its namespaces.

A lab is a process in a PID, mount and network namespace of its own, by unshare(1). Namespaces with
names are bind mounts below /run/netns, and /run is a file system of the lab's. So when the lab dies,
by whatever signal, its processes are killed by the kernel, and namespaces, interfaces and files go with
them: nothing has a name outside.
"""
import os
import shutil
import subprocess
import sys

INSIDE = "PEERUP_LAB_INSIDE"
WORK = "/run/lab"  # where the tests' files are
SKIPPED = 77


def skip(why):
    """Ends the program, visibly, as a test that cannot run here."""
    print(f"netns: skipped: {why}", flush=True)
    sys.exit(SKIPPED)


def missing():
    """What this machine lacks, in words; None when it has all."""
    if os.geteuid() != 0:
        return "namespaces need root"
    for command, package in (("ip", "iproute2"), ("nft", "nftables"), ("unshare", "util-linux"),
                             ("nsenter", "util-linux"), ("chrt", "util-linux")):
        if shutil.which(command) is None:
            return f"the command {command} is missing ({package})"
    if not os.path.exists("/dev/net/tun"):
        return "the kernel has no TUN interfaces (/dev/net/tun)"
    try:
        import yaml  # pylint: disable=unused-import
    except ImportError:
        return "the Python module yaml is missing (python3-yaml)"
    return None


def enter():
    """Goes on in namespaces of its own, or ends with 77 and a reason. To be called first."""
    if os.environ.get(INSIDE) == "yes":
        return
    why = missing()
    if why is not None:
        skip(why)
    aside = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    tried = subprocess.run(aside + ["sh", "-c", "mount -t tmpfs tmpfs /run && mkdir /run/netns && "
                                    "ip netns add a && ip netns exec a nft list ruleset"],
                           capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        skip(f"the kernel does not let namespaces be made: {tried.stderr.strip()}")
    inside = 'mount -t tmpfs tmpfs /run && mkdir /run/netns /run/lab && cd /run/lab && exec "$@"'
    script = os.path.abspath(sys.argv[0])
    words = [os.path.abspath(word) if os.path.exists(word) else word for word in sys.argv[1:]]
    os.environ.update({INSIDE: "yes", "HOME": WORK, "PYTHONDONTWRITEBYTECODE": "1"})
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        os.environ.pop(name, None)
    os.execvp("unshare", aside + ["sh", "-c", inside, "sh", sys.executable, script] + words)


class Space:
    """A network namespace with a name."""

    def __init__(self, name):
        self.name = name
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.ip("link set lo up")

    def remove(self):
        """Takes its name away; it goes with its last process."""
        subprocess.run(["ip", "netns", "del", self.name], check=True)

    @property
    def path(self):
        return f"/run/netns/{self.name}"

    def command(self, words):
        """The same command in this namespace."""
        return ["nsenter", f"--net={self.path}", "--"] + [str(word) for word in words]

    def run(self, *words, **options):
        """Runs a command here and waits; raises when it fails."""
        done = subprocess.run(self.command(words), capture_output=True, text=True, check=False,
                              **options)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, words))}: {done.stderr.strip()}")
        return done.stdout

    def ip(self, *lines):
        """Commands of ip(8), in one go."""
        self.batch(["ip", "-n", self.name, "-batch", "-"], "\n".join(lines))

    def nft(self, rules):
        """Replaces this namespace's rules."""
        self.batch(self.command(["nft", "-f", "-"]), "flush ruleset\n" + rules)

    def set(self, **values):
        """Sets parameters below /proc/sys/net; two underscores stand for a slash."""
        text = " && ".join(f"echo {value} >/proc/sys/net/{name.replace('__', '/')}"
                           for name, value in values.items())
        self.run("sh", "-c", text)

    def batch(self, words, text):
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {done.stderr.strip()}\n{text}")
