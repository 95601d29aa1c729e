# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same document through two servers: libvirt's own test driver, inside a child process, and the one under test.

Nothing but Debian's libvirt0 is needed. Each `Server` is a child process with one connection: libvirt's parser can
crash, then the child is replaced and the document's answer says so. The C library is called directly, since documents
are bytes here, not text. `compare` says where two answers differ."""

import ctypes
import difflib
import json
import os
import re
import signal
import subprocess
import sys
from collections import namedtuple

LIBVIRT = "test:///default"

LIVE, SECURE, INACTIVE, MIGRATABLE = 0, 1, 2, 8
DEFINE_VALIDATE = 1

# What may be asked for beside the definition and its dump with everything in it.
DUMPS = {
    "dump 0": 0,
    "dump INACTIVE": INACTIVE,
    "dump SECURE": SECURE,
    "dump MIGRATABLE": MIGRATABLE,
    "dump SECURE|MIGRATABLE": SECURE | MIGRATABLE,
}
LIVE_DUMPS = {
    "live 0": 0,
    "live SECURE": SECURE,
    "live INACTIVE|SECURE": INACTIVE | SECURE,
    "live SECURE|MIGRATABLE": SECURE | MIGRATABLE,
}
DUMP = "definition"
EVERYTHING = frozenset({"dumps", "live", "validate"})


class Outcome(namedtuple("Outcome", "code text")):
    """Of one call: 0 and what it gave, or the code of the error and its message; a signal is a negative code."""

    @property
    def ok(self):
        return self.code == 0

    def __str__(self):
        if self.ok:
            return self.text
        if self.code < 0:
            return f"crash: {signal.Signals(-self.code).name}\n"
        return f"error {self.code}: {self.text}\n"


# --- the child


class VirError(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("domain", ctypes.c_int), ("message", ctypes.c_char_p)]


class Library:
    """What is used of libvirt.so."""

    def __init__(self):
        lib = ctypes.CDLL("libvirt.so.0")
        pointer, string, flags = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint
        prototypes = {
            "virConnectOpen": (pointer, [string]),
            "virConnectListAllDomains": (ctypes.c_int, [pointer, ctypes.POINTER(ctypes.POINTER(pointer)), flags]),
            "virDomainDefineXMLFlags": (pointer, [pointer, string, flags]),
            "virDomainCreateXML": (pointer, [pointer, string, flags]),
            "virDomainGetXMLDesc": (pointer, [pointer, flags]),
            "virDomainCreate": (ctypes.c_int, [pointer]),
            "virDomainDestroy": (ctypes.c_int, [pointer]),
            "virDomainUndefine": (ctypes.c_int, [pointer]),
            "virDomainIsActive": (ctypes.c_int, [pointer]),
            "virDomainIsPersistent": (ctypes.c_int, [pointer]),
            "virDomainFree": (ctypes.c_int, [pointer]),
            "virGetLastError": (ctypes.POINTER(VirError), []),
            "virResetLastError": (None, []),
            "virSetErrorFunc": (None, [pointer, pointer]),
        }
        for name, (result, arguments) in prototypes.items():
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        self.free = ctypes.CDLL(None).free
        self.free.restype, self.free.argtypes = None, [pointer]
        self.quiet = ctypes.CFUNCTYPE(None, pointer, pointer)(lambda *_: None)
        self.virSetErrorFunc(None, ctypes.cast(self.quiet, pointer))

    def failure(self):
        error = self.virGetLastError()
        if not error:
            return Outcome(1, "the call failed without an error")
        message = error.contents.message or b""
        return Outcome(error.contents.code, message.decode("utf-8", "replace"))


class Connection:
    def __init__(self, uri):
        self.lib = Library()
        self.conn = self.lib.virConnectOpen(uri.encode())
        if not self.conn:
            raise ConnectionError(f"{uri}: {self.lib.failure().text}")
        self.clear()

    def clear(self):
        """Every domain goes, the one that the test driver starts with as well."""
        lib, found = self.lib, ctypes.POINTER(ctypes.c_void_p)()
        for i in range(lib.virConnectListAllDomains(self.conn, ctypes.byref(found), 0)):
            self.remove(found[i])
        lib.free(ctypes.cast(found, ctypes.c_void_p))

    def remove(self, domain):
        lib = self.lib
        if lib.virDomainIsActive(domain) == 1:
            lib.virDomainDestroy(domain)
        if lib.virDomainIsPersistent(domain) == 1:
            lib.virDomainUndefine(domain)
        lib.virDomainFree(domain)

    def define(self, document, flags=0):
        self.lib.virResetLastError()
        return self.lib.virDomainDefineXMLFlags(self.conn, document, flags)

    def dump(self, domain, flags):
        text = self.lib.virDomainGetXMLDesc(domain, flags)
        if not text:
            return self.lib.failure()
        result = ctypes.string_at(text).decode("utf-8", "surrogateescape")
        self.lib.free(text)
        return Outcome(0, result)

    def probe(self, document, wanted):
        """What happens to one document: name of what was done → Outcome. Nothing of it is left behind."""
        answer = {}
        domain = self.define(document)
        if not domain:
            answer[DUMP] = self.lib.failure()
        else:
            answer[DUMP] = self.dump(domain, INACTIVE | SECURE)
            if "dumps" in wanted:
                answer.update((name, self.dump(domain, flags)) for name, flags in DUMPS.items())
            if "live" in wanted:
                answer.update(self.live(domain))
            self.remove(domain)
            if "live" in wanted:
                answer["created"] = self.created(document)
        if "validate" in wanted:
            domain = self.define(document, DEFINE_VALIDATE)
            answer["validate"] = Outcome(0, "accepted\n") if domain else self.lib.failure()
            if domain:
                self.remove(domain)
        self.clear()  # libvirt forgets to remove a domain whose start failed half-way
        return answer

    def live(self, domain):
        if self.lib.virDomainCreate(domain) < 0:
            return {"start": self.lib.failure()}
        answer = {name: self.dump(domain, flags) for name, flags in LIVE_DUMPS.items()}
        answer["start"] = Outcome(0, "started\n")
        self.lib.virDomainDestroy(domain)
        answer["after"] = self.dump(domain, INACTIVE | SECURE)
        return answer

    def created(self, document):
        """The domain without a definition."""
        self.lib.virResetLastError()
        domain = self.lib.virDomainCreateXML(self.conn, document, 0)
        if not domain:
            return self.lib.failure()
        text = self.dump(domain, SECURE)
        self.remove(domain)
        return text


def serve(uri):
    """The child: a request and its answer are a line of JSON each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    connection = Connection(uri)
    for line in sys.stdin:
        document, wanted = json.loads(line)
        answer = connection.probe(document.encode("latin-1"), wanted)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


# --- the parent


class Server:
    """The child for one URI, started when it is first asked and again after a crash."""

    def __init__(self, uri=LIBVIRT):
        self.uri, self.child, self.crashes = uri, None, 0

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LIBVIRT_")}
        environment.update(LC_ALL="C.UTF-8", LIBVIRT_AUTOSTART="0", PYTHONDONTWRITEBYTECODE="1")
        self.child = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), self.uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )

    def ask(self, document, wanted=frozenset()):
        """Sends the document without waiting; `answer` gives what became of it."""
        if self.child is None:
            self.start()
        try:
            line = json.dumps([document.decode("latin-1"), sorted(wanted)]) + "\n"
            self.child.stdin.write(line.encode())
            self.child.stdin.flush()
        except BrokenPipeError:
            pass

    def answer(self):
        line = self.child.stdout.readline()
        if line.endswith(b"\n"):
            return {name: Outcome(*outcome) for name, outcome in json.loads(line).items()}
        complaint = self.child.stderr.read().decode("utf-8", "replace").strip()
        status = self.child.wait()
        self.child = None
        if status >= 0:
            raise ConnectionError(f"{self.uri}: the client ended with {status}: {complaint}")
        self.crashes += 1
        return {DUMP: Outcome(status, complaint)}

    def probe(self, document, wanted=frozenset()):
        self.ask(document, wanted)
        return self.answer()

    def close(self):
        if self.child is not None:
            self.child.stdin.close()
            self.child.stdout.close()
            self.child.stderr.close()
            self.child.wait()
            self.child = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Pair:
    """libvirt's driver and the server under test, asked at the same time."""

    def __init__(self, uri):
        self.ours, self.theirs = Server(uri), Server(LIBVIRT)

    def probe(self, document, wanted=frozenset()):
        """What the server under test answered, and what libvirt did."""
        self.ours.ask(document, wanted)
        self.theirs.ask(document, wanted)
        return self.ours.answer(), self.theirs.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ours.close()
        self.theirs.close()


# --- what is the same

UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
MAC = re.compile(r"(?<=<mac address=')([0-9a-f]{2}(?::[0-9a-f]{2}){2})((?::[0-9a-f]{2}){3})(?=')")
LIVE_ID = re.compile(r"^(<domain [^>]*\bid=')[0-9]+'")
HEX_RUNS = re.compile(r"[0-9A-Fa-f](?:[\s-]*[0-9A-Fa-f]){31,}")
MACS = re.compile(r"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}")


def given(document):
    """The UUIDs and MAC addresses that stand in a document, as libvirt writes them: those were not generated."""
    text = document.decode("utf-8", "replace") if isinstance(document, bytes) else document
    uuids = set()
    for run in HEX_RUNS.findall(text):
        digits = re.sub(r"[\s-]", "", run).lower()
        for at in range(len(digits) - 31):
            d = digits[at : at + 32]
            uuids.add(f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}")
    macs = {":".join(f"{int(b, 16):02x}" for b in mac.split(":")) for mac in MACS.findall(text)}
    return uuids, macs


def shape(text, document):
    """The text with a placeholder for each value that was made up by whoever wrote it: a UUID or MAC address that
    doesn't stand in the document, and the number of a running domain."""
    uuids, macs = given(document)
    text = UUID.sub(lambda m: m[0] if m[0] in uuids else "generated-uuid", text)
    text = MAC.sub(lambda m: m[0] if m[0] in macs else m[1] + ":generated", text)
    return LIVE_ID.sub(r"\1number'", text)


def same(ours, theirs, document):
    """Whether two outcomes of one call agree: the same text but for generated values, or the same code."""
    if ours.code or theirs.code:
        return ours.code == theirs.code
    return ours.text == theirs.text or shape(ours.text, document) == shape(theirs.text, document)


def is_meant(name, ours, theirs, document):
    """At a start libvirt writes the definition and reads it again, and keeps that as the definition: what doesn't come
    back the same changes, and what can't be read fails the start. Ours starts, and keeps what was defined."""
    if name == "validate" and theirs[name].code == 1 and "parse RNG" in theirs[name].text:
        return True    # now and then libxml2 loses its data types in libvirt's process, and no schema can be read any more
    if name in ("live INACTIVE|SECURE", "after"):
        return name in ours and same(ours[name], ours[DUMP], document)
    return name in ("start", "created") and name in ours and ours[name].ok and not theirs[name].ok


def compare(ours, theirs, document):
    """The names of what differs between two answers; a crash of the peer is no answer that one could differ from."""
    if theirs[DUMP].code < 0:
        return []
    return [
        name
        for name in theirs
        if (name not in ours or not same(ours[name], theirs[name], document))
        and not is_meant(name, ours, theirs, document)
    ]


def difference(ours, theirs, document, name, lines=None):
    """A unified diff of what the peer gave and what we gave, at most so many lines."""
    a, b = (shape(str(side[name]), document) if name in side else "" for side in (theirs, ours))
    found = list(
        difflib.unified_diff(
            a.splitlines(), b.splitlines(), f"{name} of libvirt", f"{name} of this server", lineterm="", n=2
        )
    )
    if lines is not None and len(found) > lines:
        found[lines:] = [f"… {len(found) - lines} lines more"]
    return "\n".join(found)


if __name__ == "__main__":
    serve(sys.argv[1])
