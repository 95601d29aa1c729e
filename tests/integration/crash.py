# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changes of many stored domains at once, broken off at any moment, and what must be there afterwards.

Every name belongs to one connection, which has at most one call for it under way. So there are only two
things that a name may be after a crash: what was acknowledged last, or what the call under way would have
made of it. Which of both is the server's business; anything else (an old state, a mixture, nothing where
something was promised) is a loss."""

import hashlib
import select
import uuid
import xml.etree.ElementTree as ET
import zlib

import wire
from wire import string, u32

SPACE = uuid.UUID("5f0c1d6e-8d0f-4a63-9b0c-51d1a5f2c0de")
ABSENT = None


class State:
    """What one name is: a version of its document and whether it starts by itself."""

    def __init__(self, version, autostart=False):
        self.version, self.autostart = version, autostart

    def __eq__(self, other):
        return isinstance(other, State) and (self.version, self.autostart) == (other.version, other.autostart)

    def __repr__(self):
        return f"version {self.version}" + (", autostart" if self.autostart else "")


def description(name, version):
    """Text that no other document has, of a length that changes."""
    key = f"{name}/{version}"
    return hashlib.shake_128(key.encode()).hexdigest(1 + zlib.crc32(key.encode()) % 3000)


def document(name, version):
    return wire.domain_xml(
        name,
        uuid.uuid5(SPACE, name),
        memory=1024 + version,
        extra=f"<description>{description(name, version)}</description><title>{version}</title>",
    )


class Name:
    def __init__(self, name):
        self.name = name
        self.acknowledged = ABSENT  # the last state that the server said it has
        self.wanted = None  # while a call is under way: what it makes, and what it may leave half way
        self.version = 0

    def handle(self):
        return wire.Domain(self.name, uuid.uuid5(SPACE, self.name).bytes)

    def next_call(self, dice):
        """Decides what to do with it: the procedure and its arguments. Remembers what it is to become."""
        state = self.acknowledged
        choice = dice.random()
        if state is ABSENT or choice < 0.45:
            self.version += 1
            self.wanted = [State(self.version, state.autostart if state else False)]
            return wire.DOMAIN_DEFINE_XML, string(document(self.name, self.version))
        if choice < 0.6:
            self.wanted = [State(state.version, not state.autostart)]
            return wire.DOMAIN_SET_AUTOSTART, self.handle().encode() + u32(not state.autostart)
        # Its link goes before its document: what is broken off between the two no longer starts by itself.
        self.wanted = [ABSENT, State(state.version)]
        return wire.DOMAIN_UNDEFINE, self.handle().encode()

    def answered(self):
        self.acknowledged, self.wanted = self.wanted[0], None

    def allowed(self):
        return [self.acknowledged] + (self.wanted or [])


class Worker:
    """One connection with its names; keeps `window` calls under way."""

    def __init__(self, connection, names, window, dice):
        self.c, self.names, self.window, self.dice = connection, names, window, dice
        self.under_way = {}  # serial -> Name
        self.acknowledged = 0
        self.refused = []

    def fill(self):
        free = [n for n in self.names if n.wanted is None]
        data = b""
        while free and len(self.under_way) < self.window:
            n = free.pop(self.dice.randrange(len(free)))
            proc, body = n.next_call(self.dice)
            serial = self.c.next_serial()
            self.under_way[serial] = n
            data += wire.frame(proc, body, serial=serial)
        if data:
            self.c.send(data)

    def take(self):
        f = self.c.receive()
        n = self.under_way.pop(f.serial)
        if f.status == wire.ERROR:
            self.refused.append(f"{n.name}: {f.error()}")
            n.wanted = None
        else:
            n.answered()
            self.acknowledged += 1

    def drain(self):
        """What the server had answered before it died counts."""
        try:
            while self.under_way:
                self.take()
        except (wire.Closed, wire.Timeout):
            pass


def run_until(workers, calls):
    """Keeps all workers busy until that many calls are acknowledged, at once in all of them."""
    by_socket = {w.c.sock: w for w in workers}
    while sum(w.acknowledged for w in workers) < calls:
        for w in workers:
            w.fill()
        readable = select.select(list(by_socket), [], [], 30)[0]
        assert readable, "nothing moves"
        for s in readable:
            by_socket[s].take()
        refused = [r for w in workers for r in w.refused]
        assert not refused, refused[:5]


def found(c):
    """What the server has: name -> State. Every document must be whole."""
    states = {}
    for d in c.list_all()[0]:
        text = c.on_domain(wire.DOMAIN_GET_XML_DESC, d, u32(0)).string()
        xml = ET.fromstring(text)
        if xml.find("title") is None:
            continue  # the example domain
        version = int(xml.findtext("title"))
        assert xml.findtext("name") == d.name
        assert xml.findtext("description") == description(d.name, version), f"{d.name} is a mixture"
        assert int(xml.findtext("memory")) == 1024 + version, f"{d.name} is a mixture"
        assert uuid.UUID(bytes=d.uuid) == uuid.uuid5(SPACE, d.name)
        states[d.name] = State(version, bool(c.on_domain(wire.DOMAIN_GET_AUTOSTART, d).i32()))
    return states


def check(names, states):
    """Compares with what was acknowledged, and takes what is there as the start of the next round."""
    known = {n.name for n in names}
    assert set(states) <= known, f"names out of nowhere: {set(states) - known}"
    for n in names:
        state = states.get(n.name, ABSENT)
        assert state in n.allowed(), f"{n.name} is {state}, allowed are {n.allowed()}"
        n.acknowledged, n.wanted = state, None
