#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rounds of changes of small guests, each broken off by kill -9 of droverd, and what must be true afterwards.

    crash.py FOLDER ROUNDS SECONDS SEED LIMIT

FOLDER: droverd's, with server.conf and root; ROUNDS: lives of guests that are to be begun at least; SECONDS: after these no
more is begun; LIMIT: seconds for what should take one.

Runs inside the dom0; test_crash.py starts it. Each thread has one guest and one call under way at most. So there are two
things only that a guest may be after a kill: what was acknowledged last, or what the call under way would have made of it.
The last line of the output tells how many there were, or what went wrong."""

import collections
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import libvirt

DROVERD = "/build/server/droverd"
GUEST = """<domain type='xen'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>4</memory><vcpu>1</vcpu>
<os>{type}<kernel>{kernel}</kernel></os><devices>{devices}</devices></domain>"""
TYPES = {
    "pv": "<type arch='x86_64' machine='xenpv'>linux</type>",
    "pvh": "<type arch='x86_64' machine='xenpvh'>xenpvh</type>",
}
KERNELS = {"pv": "/root/guest/idle-pv", "pvh": "/build/tests/xenlab/xenlab-saveable"}
DISK = "<disk type='file' device='disk'><source file='{}'/><target dev='{}' bus='xen'/></disk>"
INTERFACE = "<interface type='bridge'><mac address='00:16:3e:00:02:{:02x}'/><source bridge='xenbr0'/></interface>"
PAUSED = libvirt.VIR_DOMAIN_START_PAUSED
GUESTS = 8
# Kills between two looks at what has leaked; for that all guests are ended.
CLEAR = 10


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


# --- what the host has, without drover ---------------------------------------------------------------------------------


class Store:
    """A connection to xenstored of our own: a process for each question would cost more than all else here."""

    READ, WRITE = 2, 11

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


def leftovers():
    """What guests leave on a host where something went wrong: nodes, disks, interfaces."""
    nodes = set(re.findall(r"^(/\S*) =", run("xenstore-ls", "-f").stdout, re.M))
    # The hypervisor's own list of what each domain may use comes and goes in its time.
    nodes = {node for node in nodes if not node.startswith("/local/domain/0/libxl/")}
    loops = {line for line in run("losetup", "--noheadings", "-O", "BACK-FILE").stdout.split() if line}
    return nodes | {f"loop {x}" for x in loops} | {f"interface {x}" for x in os.listdir("/sys/class/net") if "vif" in x}


def free_memory():
    return int(re.search(r"^free_memory\s*: (\d+)", run("xl", "info").stdout, re.M)[1])


# --- droverd -----------------------------------------------------------------------------------------------------------


class Server:
    def __init__(self, folder, limit):
        self.folder, self.limit = folder, limit
        self.uri = f"xen+unix:///system?socket={folder}/sockets/libvirt-sock"
        self.read = 0    # how much of the log has been looked at

    def start(self):
        done = run(DROVERD, "--daemon", "--config", f"{self.folder}/server.conf", "--root", f"{self.folder}/root",
                   "--pid-file", f"{self.folder}/pid")
        if done.returncode:
            raise Wrong(f"droverd does not start: {done.stderr}")
        with open(f"{self.folder}/pid") as f:
            self.pid = int(f.read())

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        wait(lambda: not os.path.exists(f"/proc/{self.pid}"), lambda: "droverd has gone", self.limit)

    def log(self):
        """What it has written since the last look."""
        with open(f"{self.folder}/log") as f:
            f.seek(self.read)
            text = f.read()
            self.read = f.tell()
        return text

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def open(self):
        return libvirt.open(self.uri)


# --- guests ------------------------------------------------------------------------------------------------------------


class Guest:
    """One name; what it is: (defined, state, image) with the states None, "running", "paused", "still" (it waits since it
    was to be saved), and the images None, "managed", "file"."""

    def __init__(self, n, folder):
        self.name, self.kind = f"crash-{n}", ("pv", "pvh")[n % 2]
        self.uuid = f"5f0c1d6e-0000-4a63-9b0c-{n:012x}"
        self.image = f"{folder}/{self.name}.save"
        devices = ""
        if n // 2 % 2:
            disk = f"{folder}/{self.name}.img"
            with open(disk, "w") as f:
                f.truncate(1 << 20)
            devices = DISK.format(disk, "xvda") + INTERFACE.format(n)
        self.document = GUEST.format(name=self.name, uuid=self.uuid, kernel=KERNELS[self.kind], type=TYPES[self.kind],
                                      devices=devices)
        self.is_now = (False, None, None)
        self.wanted = None     # what the call under way makes of it
        self.doing = ""

    def calls(self, conn):
        """[(word, what it becomes, the call)] of all that may be asked now."""
        defined, state, image = self.is_now
        found = []
        if not defined:
            found += [("define", (True, state, image), lambda: conn.defineXML(self.document))]
        elif image == "managed":
            flags = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            found += [("undefine", (False, state, None), lambda: self.handle(conn).undefineFlags(flags))]
        else:
            found += [("undefine", (False, state, image), lambda: self.handle(conn).undefine())]
        if state is None:
            kept = None if image == "managed" else image
            for end, flags in (("running", 0), ("paused", PAUSED)):
                if defined:
                    found += 2 * [(f"start {end}", (True, end, kept), lambda f=flags: self.handle(conn).createWithFlags(f))]
                else:
                    found += [(f"create {end}", (False, end, kept), lambda f=flags: conn.createXML(self.document, f))]
            if image == "file":
                found += 3 * [("restore", (defined, "running", image), lambda: conn.restore(self.image))]
        else:
            found += 3 * [("destroy", (defined, None, image), lambda: self.handle(conn).destroy())]
            if state == "running":
                found += [("suspend", (defined, "paused", image), lambda: self.handle(conn).suspend())]
                # A guest of Xen's paravirtual kind would have to help.
                if self.kind == "pvh" and image is None:
                    found += [("save", (defined, None, "file"), lambda: self.saveable(conn).save(self.image))]
                    if defined:
                        found += 2 * [("managed save", (True, None, "managed"), lambda: self.saveable(conn).managedSave())]
            else:
                found += [("resume", (defined, "running", image), lambda: self.handle(conn).resume())]
        return found

    def handle(self, conn):
        return conn.lookupByUUIDString(self.uuid)

    def saveable(self, conn):
        """saveable.S says why."""
        domain = self.handle(conn)
        STORE.write(f"/local/domain/{domain.ID()}/device/suspend/event-channel", "3")
        return domain

    def go_on(self, server, dice, ready, problems):
        """One call after another until droverd is killed."""
        try:
            conn = server.open()
            ready.release()
            while True:
                if self.is_now[1:] == (None, "file") and dice.random() < 0.3:
                    os.unlink(self.image)
                    self.is_now = (*self.is_now[:2], None)
                self.doing, self.wanted, call = dice.choice(self.calls(conn))
                TOLD.begin(self.doing)
                call()
                self.is_now, self.wanted = self.wanted, None
        except libvirt.libvirtError as error:
            if os.path.exists(f"/proc/{server.pid}") and error.get_error_code() not in GONE:
                problems.append(f"{self.doing} of {self.name}, which is {self.is_now}: {error}")
        finally:
            ready.release()

    def settle(self, found, listed):
        """After a kill: it must be one of the two things. `found`: what the hypervisor has of it; `listed`: what drover says."""
        defined = listed is not None and bool(listed.isPersistent())
        managed = listed is not None and bool(listed.hasManagedSaveImage())
        image = "managed" if managed else "file" if os.path.exists(self.image) else None
        seen = (defined, found[2] if found else None, image)
        allowed = [self.is_now] + ([self.wanted] if self.wanted else [])
        if self.doing == "save" and self.wanted:    # for a moment both are there, and people have to choose
            allowed += [(defined, "still", "file")]
        if seen not in allowed:
            raise Wrong(f"{self.name} is {seen} and was {allowed} when {self.doing!r} was broken off")
        said = None if listed is None else listed.ID() if listed.isActive() else -1
        if said != (found[0] if found else -1 if defined else None):
            raise Wrong(f"drover lists {self.name} with the id {said}, and the hypervisor has {found}")
        if found and found[1] != self.name:
            raise Wrong(f"{self.name} is called {found[1]!r}")
        # One that was to be saved and has not stood still yet is watched for a while.
        if found and word(found[0]) not in {"still": ("saved",), "running": ("built", "saving")}.get(found[2], ("built",)):
            raise Wrong(f"{self.name} is half built: {word(found[0])!r}")
        self.is_now, self.wanted = seen, None


class Told:
    """How many calls of each kind were begun; any thread."""

    def __init__(self):
        self.lock, self.calls = threading.Lock(), collections.Counter()

    def begin(self, word):
        with self.lock:
            self.calls[word.split()[0]] += 1

    @property
    def lives(self):
        """Guests that were made, and so many that were ended."""
        with self.lock:
            return sum(self.calls[word] for word in ("create", "start", "restore"))


TOLD = Told()

# What a client sees of a server that is killed.
GONE = (libvirt.VIR_ERR_RPC, libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_NO_CONNECT,
        libvirt.VIR_ERR_INVALID_CONN)


def broken_off(guests):
    """After a kill and before the next start: {name: id} of guests that stand half way, as far as the host can tell."""
    found = running()
    halves = {}
    for guest in guests:
        if guest.uuid in found and word(found[guest.uuid][0]) != "built" and found[guest.uuid][2] != "dying":
            halves[guest.name] = found[guest.uuid][0]
    return halves


def play(server, guests, dice, delay):
    """Lets all guests be changed at once, and kills droverd after a while."""
    ready, problems = threading.Semaphore(0), []
    threads = [
        threading.Thread(target=guest.go_on, args=(server, random.Random(dice.random()), ready, problems), daemon=True)
        for guest in guests
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        ready.acquire()
    time.sleep(delay)
    server.kill()
    for thread in threads:
        thread.join(server.limit)
        if thread.is_alive():
            raise Wrong("a client has not noticed that droverd is gone")
    if problems:
        raise Wrong("; ".join(problems))


def look(server, guests):
    """droverd is started anew: everything is as it was promised to be, and it says what it has cleaned."""
    halves = broken_off(guests)
    server.start()
    conn = server.open()
    listed = {domain.UUIDString(): domain for domain in conn.listAllDomains()}

    def whole():
        """What was cut off in a save goes on soon after the start."""
        found = running()
        halves = [x for x in found.values() if x[2] in ("dying", "nameless") or (x[2] == "still" and word(x[0]) == "saving")]
        return [found] if not halves else None

    found = wait(whole, lambda: f"nothing half built is left: {running()}", server.limit)[0]
    for guest in guests:
        guest.settle(found.get(guest.uuid), listed.get(guest.uuid))
    strangers = set(found) - {guest.uuid for guest in guests}
    if strangers:
        raise Wrong(f"nobody has made {[found[uuid] for uuid in strangers]}")
    log = server.log()
    for name, number in halves.items():
        if f"'{name}'" not in log:
            raise Wrong(f"the log tells nothing of {name} ({number}), which stood half way:\n{log}")
    return conn, len(halves)


def clear(conn, guests):
    """Everything is ended and forgotten."""
    for guest in guests:
        defined, state, image = guest.is_now
        if state is not None:
            guest.handle(conn).destroy()
        if defined:
            guest.handle(conn).undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)
        if image == "file":
            os.unlink(guest.image)
        guest.is_now = (False, None, None)


def same(server, what, before, now):
    """Waits until something is again what it was: what is gone may take its time."""
    wait(lambda: now() == before, lambda: f"{what} is as before: {difference(before, now())}", server.limit)


def difference(before, after):
    if isinstance(before, set):
        return f"more: {sorted(after - before)[:40]}, fewer: {sorted(before - after)[:40]}"
    return f"{before} before, {after} now"


def main(folder, rounds, seconds, seed, limit):
    dice = random.Random(seed)
    server = Server(folder, limit)
    guests = [Guest(n, folder) for n in range(GUESTS)]
    libvirt.registerErrorHandler(lambda *_: None, None)
    server.start()
    # One life each, so that nothing that is made once counts as a leak; it says how long a call takes too.
    conn = server.open()
    for _ in range(2):
        began = time.monotonic()
        for guest in guests[:4]:
            conn.createXML(guest.document)
            guest.handle(conn).destroy()
        usual = time.monotonic() - began
        conn.close()
        conn = server.open()
        nodes, memory, descriptors = leftovers(), free_memory(), server.descriptors()
    conn.close()
    print(f"a life takes {usual / 4:.2f} s", flush=True)
    kills = halves = 0
    deadline = time.monotonic() + seconds
    over = False
    while not over:
        delay = dice.random() * usual    # side by side, each has begun a second call by then
        play(server, guests, dice, delay)
        kills += 1
        conn, some = look(server, guests)
        halves += some
        print(f"kill {kills}: after {delay:.2f} s, {some} half way; " +
              ", ".join(f"{guest.doing}: {guest.is_now}" for guest in guests), flush=True)
        over = TOLD.lives >= rounds or time.monotonic() > deadline
        if kills % CLEAR == 0 or over:
            clear(conn, guests)
            same(server, "xenstore, disks and interfaces", nodes, leftovers)
            same(server, "free memory", memory, free_memory)
            same(server, "the number of descriptors", descriptors, server.descriptors)
        conn.close()
    calls = ", ".join(f"{n} {word}" for word, n in sorted(TOLD.calls.items()))
    print(f"{TOLD.lives} lives of guests, {kills} kills, {halves} guests stood half way; calls: {calls}")


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    except Wrong as problem:
        print(f"wrong: {problem}")
        sys.exit(1)
