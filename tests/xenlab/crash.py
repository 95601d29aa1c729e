#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rounds of changes of small guests, broken off by kill -9 of droverd, and what must be true afterwards.

    crash.py FOLDER ROUNDS SECONDS SEED LIMIT

FOLDER: droverd's, with server.conf and root; ROUNDS: lives of guests that are to be begun at least; SECONDS: after these no
more is begun, but for the first few kills; LIMIT: seconds for what should take one.

Runs inside the dom0; test_crash.py starts it. Each thread has one guest and one call under way at most, all over one
connection. So there are two things only that a guest may be after a kill: what was acknowledged last, or what the call under
way would have made of it. After each kill nothing may be there that belongs to no guest; after some, all guests are ended,
and the whole host must be as it was. The last line of the output tells how many there were, or what went wrong."""

import collections
import os
import random
import re
import signal
import sys
import threading
import time

import libvirt
from crash_host import STORE, Faults, Wrong, everything, files, free_memory, loops, orphans, processes, run, running, wait, word

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
# A disk and an interface take longer than all the rest of a life.
WITH_DEVICES = (2, 5)
# Kills between two looks at the whole host, for which all guests are ended.
CLEAR = 6
# Kills that are made however slow the machine is, and how many a long run is to have.
FEW, MANY = 3, 70


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

    def memory(self):
        """KiB."""
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(r"VmRSS:\s*(\d+)", f.read())[1])

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
        self.disk, devices = None, ""
        if n in WITH_DEVICES:
            self.disk = f"{folder}/{self.name}.img"
            with open(self.disk, "w") as f:
                f.truncate(1 << 20)
            devices = DISK.format(self.disk, "xvda") + INTERFACE.format(n)
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
            found += 5 * [("destroy", (defined, None, image), lambda: self.handle(conn).destroy())]
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

    def go_on(self, play):
        """One call after another until droverd is killed, or the play is over."""
        try:
            while not play.over.is_set():
                if self.is_now[1:] == (None, "file") and play.dice.random() < 0.3:
                    os.unlink(self.image)
                    self.is_now = (*self.is_now[:2], None)
                self.doing, self.wanted, call = play.dice.choice(self.calls(play.conn))
                TOLD.begin(self.doing)
                call()
                self.is_now, self.wanted = self.wanted, None
        except libvirt.libvirtError as error:
            if not play.killed and self.failed(play.faults):
                self.is_now, self.wanted = self.seen(running().get(self.uuid), self.listed(play.conn)), None
            elif not play.killed or error.get_error_code() not in GONE:
                play.problems.append(f"{self.doing} of {self.name}, which is {self.is_now}: {error}")

    def failed(self, before):
        """Whether the emulated processor may have failed it since there were so many faults: that is nobody's fault here."""
        return self.kind != "pv" and FAULTS.look() > before

    def listed(self, conn):
        try:
            return self.handle(conn)
        except libvirt.libvirtError:
            return None

    def seen(self, found, listed):
        defined = listed is not None and bool(listed.isPersistent())
        managed = listed is not None and bool(listed.hasManagedSaveImage())
        image = "managed" if managed else "file" if os.path.exists(self.image) else None
        return (defined, found[2] if found else None, image)

    def settle(self, found, listed):
        """After a kill: it must be one of the two things. `found`: what the hypervisor has of it; `listed`: what drover says."""
        seen = self.seen(found, listed)
        defined = seen[0]
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
FAULTS = Faults()

# What a client sees of a server that is killed.
GONE = (libvirt.VIR_ERR_RPC, libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_NO_CONNECT,
        libvirt.VIR_ERR_INVALID_CONN)


def broken_off(guests):
    """After a kill and before the next start: {name: id} of guests that stand half way, as far as the host can tell. One that
    has lost its name already is in the hands of libxl's child, which goes on without droverd."""
    found = running()
    halves = {}
    for guest in guests:
        if guest.uuid in found and word(found[guest.uuid][0]) != "built" and found[guest.uuid][2] not in ("dying", "nameless"):
            halves[guest.name] = found[guest.uuid][0]
    return halves


class Play:
    """All guests are changed at once, until so many lives have begun: then droverd is killed some seconds later, or, if it is
    not to be killed, every call under way is answered."""

    def __init__(self, server, dice):
        self.server, self.dice = server, dice
        self.conn = server.open()
        self.over = threading.Event()
        self.killed = False     # set before droverd is
        self.problems = []
        self.faults = FAULTS.count    # before it

    def go_on(self, guests, lives, seconds=None):
        threads = [threading.Thread(target=guest.go_on, args=(self,), daemon=True) for guest in guests]
        wanted = TOLD.lives + lives
        for thread in threads:
            thread.start()
        wait(lambda: TOLD.lives >= wanted or self.problems, lambda: f"{lives} lives have begun", lives * self.server.limit)
        if seconds is not None and not self.problems:
            time.sleep(seconds)
            self.killed = True
            self.server.kill()
        self.over.set()
        for thread in threads:
            thread.join(self.server.limit)
            if thread.is_alive():
                raise Wrong("a client has not noticed that droverd is gone" if self.killed else "a call is never answered")
        self.conn.close()
        if self.problems:
            raise Wrong("; ".join(self.problems))


def look(server, guests, faults):
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
        try:
            guest.settle(found.get(guest.uuid), listed.get(guest.uuid))
        except Wrong:
            if not guest.failed(faults):
                raise
            guest.is_now, guest.wanted = guest.seen(found.get(guest.uuid), listed.get(guest.uuid)), None
    strangers = set(found) - {guest.uuid for guest in guests}
    if strangers:
        raise Wrong(f"nobody has made {[found[uuid] for uuid in strangers]}")
    log = server.log()
    for name, number in halves.items():
        if f"'{name}'" not in log:
            raise Wrong(f"the log tells nothing of {name} ({number}), which stood half way:\n{log}")
    nothing_over(server, guests, found)
    return conn, len(halves)


def nothing_over(server, guests, found):
    """On the host is what belongs to the guests that are there, and nothing else."""
    living = {number: uuid for uuid, (number, _, _) in found.items()}
    images = [guest.disk for guest in guests if guest.disk and guest.uuid in found]

    kept = (
        ("running", ".xml", set(found)),
        ("save", ".save", {guest.uuid for guest in guests if guest.is_now[2] == "managed"}),
        ("domains", ".xml", {guest.name for guest in guests if guest.is_now[0]}),
    )

    def wrong():
        said = [f"{folder}: {difference(names, there)}" for folder, end, names in kept
                if (there := files(f"{server.folder}/root", folder, end)) != names]
        said += [f"{image} has no loop device" for image in images if image not in loops()]
        return said + orphans(living, images) + processes(os.path.realpath(DROVERD), server.pid)

    wait(lambda: not wrong(), lambda: f"there is what belongs to the guests that are there: {wrong()}", server.limit)


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


class Host:
    """What the host has when no guest runs, and droverd after a few guests: nothing that is made once counts as a leak."""

    def __init__(self, server):
        self.server, self.nodes, self.memory, self.descriptors = server, everything(), free_memory(), server.descriptors()

    def same(self):
        """Waits until it is so again: what is gone may take its time."""
        same(self.server, "xenstore, disks and interfaces", self.nodes, everything)
        same(self.server, "free memory", self.memory, free_memory)
        wait(lambda: self.server.descriptors() <= self.descriptors,
             lambda: f"droverd has {self.descriptors} descriptors, not {self.server.descriptors()}", self.server.limit)


def warm_up(server, guests):
    """A life of each kind of guest, twice; how long one takes, and the host as it is then."""
    for _ in range(2):
        conn = server.open()
        began = time.monotonic()
        for guest in guests[:4]:
            conn.createXML(guest.document)
            guest.handle(conn).destroy()
        usual = (time.monotonic() - began) / 4
        found = Host(server)
        conn.close()
    return usual, found


def main(folder, rounds, seconds, seed, limit):
    dice = random.Random(seed)
    server = Server(folder, limit)
    guests = [Guest(n, folder) for n in range(GUESTS)]
    libvirt.registerErrorHandler(lambda *_: None, None)
    server.start()
    usual, host = warm_up(server, guests)
    print(f"a life takes {usual:.2f} s", flush=True)
    kills = halves = 0
    began = time.monotonic()
    pace = max(3, rounds // MANY)
    over = False
    while not over:
        lives, delay = dice.randint(1, 2 * pace - 1), dice.random() * usual
        play = Play(server, dice)
        play.go_on(guests, lives, delay)
        kills += 1
        conn, some = look(server, guests, play.faults)
        halves += some
        print(f"{time.monotonic() - began:.0f} s, {TOLD.lives} lives, kill {kills}: {some} half way; " +
              ", ".join(f"{guest.doing}: {guest.is_now}" for guest in guests), flush=True)
        over = kills >= FEW and (TOLD.lives >= rounds or time.monotonic() > began + seconds)
        conn.close()
        if kills % CLEAR == 0 or over:
            # The same droverd for a while, and no kill: what it would leak itself stays.
            before = server.memory()
            Play(server, dice).go_on(guests, pace)
            conn = server.open()
            clear(conn, guests)
            host.same()
            nothing_over(server, guests, {})
            print(f"nothing has leaked; droverd's memory: {before} KiB, {server.memory()} KiB {pace} lives later", flush=True)
            conn.close()
    calls = ", ".join(f"{n} {word}" for word, n in sorted(TOLD.calls.items()))
    print(f"{TOLD.lives} lives of guests, {kills} kills, {halves} guests stood half way; calls: {calls}; "
          f"the processor failed {FAULTS.count} guests")


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    except Wrong as problem:
        print(f"wrong: {problem}")
        sys.exit(1)
