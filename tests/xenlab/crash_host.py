# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host that crash.py plays on, as it is without drover: what the hypervisor, xenstore, the kernel and the disk have.

Runs inside the dom0. What can be read without starting a process is: one costs more there than a hundred reads."""

import collections
import glob
import os
import re
import socket
import struct
import subprocess
import threading
import time

STATE = "var/lib/drover/xen"  # below --root


class Wrong(Exception):
    pass


def run(*argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def wait(state, what, seconds):
    deadline = time.monotonic() + seconds
    while not (found := state()):
        if time.monotonic() > deadline:
            raise Wrong(f"after {seconds:.0f} s still not: {what()}")
        time.sleep(0.2)
    return found


class Store:
    """A connection to xenstored of our own."""

    DIRECTORY, READ, WRITE = 1, 2, 11

    def __init__(self):
        self.lock = threading.Lock()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect("/run/xenstored/socket")

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise Wrong("xenstored is gone")
            data += part
        return data

    def ask(self, kind, path, value=""):
        """The answer, or None where there is no such node."""
        question = path.encode() + b"\0" + value.encode()
        with self.lock:
            self.socket.sendall(struct.pack("=4I", kind, 0, 0, len(question)) + question)
            answer, _, _, size = struct.unpack("=4I", self.receive(16))
            data = self.receive(size)
        return data.decode() if answer == kind else None

    def read(self, path):
        return self.ask(self.READ, path)

    def write(self, path, value):
        self.ask(self.WRITE, path, value)

    def names(self, path):
        return [name for name in (self.ask(self.DIRECTORY, path) or "").split("\0") if name]


STORE = Store()


def running():
    """{UUID: (id, name, state)} of all domains but the first; "dying" and "nameless" are states of those that
    stand half way."""
    found = {}
    for line in run("/build/tests/xenlab/xenlab-domains", "show").stdout.splitlines():
        number, uuid, flags = line.split()
        if number == "0":
            continue
        name = STORE.read(f"/local/domain/{number}/name")
        state = "dying" if "d" in flags else "nameless" if not name else "still" if "u" in flags else "ended" if "s" in flags else \
            "paused" if "p" in flags else "running"
        found[uuid] = (int(number), name, state)
    return found


def word(number):
    return STORE.read(f"/local/domain/{number}/drover")


# --- what could be left over -------------------------------------------------------------------------------------------


def loops():
    """The files behind loop devices, each as often as it is there."""
    found = collections.Counter()
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        try:
            with open(path) as f:
                found[f.read().strip()] += 1
        except OSError:
            pass    # it goes just now
    return found


def everything():
    """All nodes, loop devices and interfaces: for a host on which no guest runs."""
    nodes = set(re.findall(r"^(/\S*) =", run("xenstore-ls", "-f").stdout, re.M))
    # The hypervisor's own list of what each domain may use comes and goes in its time.
    nodes = {node for node in nodes if not node.startswith("/local/domain/0/libxl/")}
    return nodes | {f"loop {x}" for x in loops()} | {f"interface {x}" for x in os.listdir("/sys/class/net") if "vif" in x}


def free_memory():
    return int(re.search(r"^free_memory\s*: (\d+)", run("xl", "info").stdout, re.M)[1])


def orphans(living, images):
    """What belongs to no guest that is there. `living`: {id: UUID}; `images`: the disks' files of those that have one."""
    ids, uuids = {str(number) for number in living} | {"0"}, set(living.values()) | {"0" * 8 + "-0000-0000-0000-" + "0" * 12}
    found = [f"{folder}/{n}" for folder in ("/local/domain", "/libxl") for n in STORE.names(folder) if n not in ids]
    found += [f"/vm/{uuid}" for uuid in STORE.names("/vm") if uuid[:36] not in uuids]
    backends = "/local/domain/0/backend"
    found += [f"{backends}/{kind}/{n}" for kind in STORE.names(backends) for n in STORE.names(f"{backends}/{kind}") if n not in ids]
    for name in [*os.listdir("/sys/class/net"), *os.listdir("/sys/class/net/xenbr0/brif")]:
        if (match := re.match(r"vif(\d+)\.", name)) and match[1] not in ids:
            found.append(f"interface {name}")
    return found + [f"loop of {file}" for file in (loops() - collections.Counter(images)).elements()]


def processes(program, but):
    """Processes that droverd has left behind, or has not looked after when they ended; `but` is its own id."""
    found = []
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            with open(f"{folder}/stat") as f:
                name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
            state, parent = rest.split()[:2]
            path = "" if state == "Z" else os.readlink(f"{folder}/exe")
        except OSError:
            continue
        if int(os.path.basename(folder)) == but:
            continue
        if (state == "Z" and int(parent) == but) or path == program or name in ("xen-hotplug", "libxl-save-help"):
            found.append(f"process {os.path.basename(folder)} ({name}, {state})")
    return found


def files(root, folder, end):
    """The files of drover's that lie below its state folder, without their ends."""
    try:
        names = os.listdir(f"{root}/{STATE}/{folder}")
    except FileNotFoundError:
        return set()
    return {name.removesuffix(end) for name in names if name.endswith(end)}


class Faults:
    """The emulated processor sometimes fails a guest that isn't PV; the hypervisor tells of it."""

    def __init__(self):
        self.lock, self.count = threading.Lock(), 0
        run("xl", "dmesg", "-c")

    def look(self):
        """How many guests it has failed so far, up to now."""
        with self.lock:
            self.count += run("xl", "dmesg", "-c").stdout.count("Triple fault")
            return self.count
