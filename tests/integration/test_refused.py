# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that are wrong in their header, in their arguments, or because the connection may only look: each gets
the known answer, and the connection goes on."""

import random

import pytest

import wire
from wire import optional, string, u32


# --- headers


@pytest.mark.parametrize(
    "kw",
    [
        {"prog": 0},
        {"prog": 0x20008088},
        {"prog": 0xFFFFFFFF},
        {"vers": 0},
        {"vers": 2},
        {"vers": 0xFFFFFFFF},
        {"prog": wire.ADMIN},
        {"status": 1},
        {"status": 2},
        {"status": 99},
    ],
)
def test_unknown_programs_versions_and_statuses_are_refused(server, kw):
    c = server.open()
    e = c.error_of(wire.CONNECT_GET_LIB_VERSION, **kw)  # which also checks that the reply repeats them
    assert (e.code, e.domain) == (39, 7)
    assert c.version() > 0


@pytest.mark.parametrize(
    "kw",
    [
        {"type": wire.REPLY},
        {"type": wire.REPLY_WITH_FDS},
        {"type": wire.MESSAGE},
        {"type": wire.STREAM},
        {"type": wire.STREAM, "status": wire.CONTINUE},
        {"type": wire.STREAM, "status": wire.ERROR},
        {"type": wire.STREAM_HOLE},
        {"type": 7},
        {"type": 0xFFFFFFFF},
        {"type": wire.REPLY, "prog": 5},
        {"type": wire.STREAM, "prog": 5},
        {"type": wire.MESSAGE, "prog": 5},
        {"prog": wire.KEEPALIVE, "type": wire.REPLY},
        {"prog": wire.KEEPALIVE, "type": wire.MESSAGE, "proc": 3},
        {"prog": wire.KEEPALIVE, "type": wire.MESSAGE, "proc": wire.PONG},
    ],
)
def test_frames_that_no_client_sends_are_dropped_without_a_word(server, kw):
    c = server.open()
    kw = dict(kw)
    proc = kw.pop("proc", wire.DOMAIN_SCREENSHOT)
    for body in (b"", u32(0), b"\xff" * 40):
        c.send(wire.frame(proc, body, serial=99, **kw))
    assert c.version() > 0
    assert not c.kept


# --- arguments


def arguments():
    """A call of each shape: procedure -> complete arguments. None of them is carried out by a cut-off copy."""
    dom = wire.Domain("test", b"\x22" * 16, 1).encode()
    xml = string(wire.domain_xml("cut"))
    return {
        wire.CONNECT_SUPPORTS_FEATURE: u32(1),
        wire.CONNECT_GET_MAX_VCPUS: optional(string("kvm")),
        wire.DOMAIN_CREATE: dom,
        wire.DOMAIN_CREATE_XML: xml + u32(0),
        wire.DOMAIN_DEFINE_XML: xml,
        wire.DOMAIN_DEFINE_XML_FLAGS: xml + u32(0),
        wire.DOMAIN_DESTROY: dom,
        wire.DOMAIN_DESTROY_FLAGS: dom + u32(0),
        wire.DOMAIN_GET_XML_DESC: dom + u32(0),
        wire.DOMAIN_GET_AUTOSTART: dom,
        wire.DOMAIN_SET_AUTOSTART: dom + u32(1),
        wire.DOMAIN_GET_INFO: dom,
        wire.DOMAIN_GET_STATE: dom + u32(0),
        wire.DOMAIN_LOOKUP_BY_ID: u32(1),
        wire.DOMAIN_LOOKUP_BY_NAME: string("test"),
        wire.DOMAIN_LOOKUP_BY_UUID: b"\x22" * 16,
        wire.DOMAIN_REBOOT: dom + u32(0),
        wire.DOMAIN_SUSPEND: dom,
        wire.DOMAIN_RESUME: dom,
        wire.DOMAIN_SHUTDOWN: dom,
        wire.DOMAIN_UNDEFINE: dom,
        wire.DOMAIN_UNDEFINE_FLAGS: dom + u32(0),
        wire.DOMAIN_CREATE_WITH_FLAGS: dom + u32(0),
        wire.DOMAIN_RENAME: dom + optional(string("other")) + u32(0),
        wire.DOMAIN_GET_METADATA: dom + u32(2) + optional(string("http://x")) + u32(0),
        wire.DOMAIN_PIN_VCPU: dom + u32(0) + string(b"\x01\x02\x03"),
        wire.CONNECT_LIST_ALL_DOMAINS: u32(1) + u32(0),
        wire.CONNECT_LIST_DOMAINS: u32(1),
        wire.CONNECT_LIST_DEFINED_DOMAINS: u32(1),
        wire.NODE_GET_CPU_MAP: u32(1) + u32(1) + u32(0),
        wire.CONNECT_GET_ALL_DOMAIN_STATS: u32(2) + dom + dom + u32(0) + u32(0),
        wire.CONNECT_DOMAIN_EVENT_REGISTER_ANY: u32(0),
        wire.DOMAIN_SCREENSHOT: dom + u32(0) + u32(0),
        wire.DOMAIN_OPEN_CONSOLE: dom + optional(string("console0")) + u32(0),
        wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY: u32(0) + optional(dom),
        wire.CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY: u32(1),
        wire.DOMAIN_SNAPSHOT_CREATE_XML: dom + string("<domainsnapshot/>") + u32(0),
    }


def cut_off_arguments_are_refused(server, procs):
    """Every beginning of the arguments gets 39/7, offered by a driver or not, and the connection stays."""
    c = server.open()
    for proc, body in procs.items():
        for n in range(len(body)):
            e = c.error_of(proc, body[:n])
            assert (e.code, e.domain) == (39, 7), f"procedure {proc} with {n} of {len(body)} bytes: {e}"
    assert c.version() > 0
    assert [d.name for d in c.list_all()[0]] == ["test"]


def test_arguments_cut_off_anywhere_are_refused_and_the_connection_stays(server):
    cut_off_arguments_are_refused(server, arguments())


def test_an_open_cut_off_anywhere_is_refused_and_works_then(server):
    c = server.connect()
    body = optional(string("test:///default")) + u32(0)
    for n in range(len(body)):
        e = c.error_of(wire.CONNECT_OPEN, body[:n])
        assert (e.code, e.domain) == (39, 7)
    c.call(wire.CONNECT_OPEN, body)
    assert c.version() > 0


@pytest.mark.parametrize("more", [b"\0", b"\0" * 4, b"\xff" * 1000])
def test_bytes_behind_the_arguments_are_ignored(server, more):
    c = server.open()
    assert c.call(wire.CONNECT_GET_LIB_VERSION, more).u64() > 0
    assert c.call(wire.DOMAIN_LOOKUP_BY_NAME, string("test") + more).domain().name == "test"


@pytest.mark.parametrize("count", [-1, -(2**31), 2**31 - 1, 16385, 0x10000000, 0x40000000])
def test_negative_and_huge_counts_of_arrays_are_refused_at_no_cost(server, count):
    c = server.open()
    before = server.memory()
    dom = wire.Domain("test", b"\x22" * 16, 1).encode()
    for proc, body in (
        (wire.CONNECT_GET_ALL_DOMAIN_STATS, u32(count) + dom * 3 + u32(0) + u32(0)),
        (wire.DOMAIN_PIN_VCPU, dom + u32(0) + u32(count) + b"\0" * 64),
    ):
        for _ in range(20):
            e = c.error_of(proc, body)
            assert (e.code, e.domain) == (39, 7)
    assert server.grew_less(before, 16)


@pytest.mark.parametrize("length", [-1, -(2**31), 2**31 - 1, 4194305, 0x7FFFFFFC])
def test_lengths_of_strings_that_lie_are_refused_at_no_cost(server, length):
    c = server.open()
    before = server.memory()
    for _ in range(20):
        e = c.error_of(wire.DOMAIN_LOOKUP_BY_NAME, u32(length) + b"test")
        assert (e.code, e.domain) == (39, 7)
    assert server.grew_less(before, 16)


def test_a_string_over_the_limit_is_refused_and_one_at_the_limit_is_not(server):
    c = server.open()
    e = c.error_of(wire.DOMAIN_LOOKUP_BY_NAME, string(b"x" * (wire.STRING_MAX + 1)))
    assert (e.code, e.domain) == (39, 7)
    e = c.error_of(wire.DOMAIN_LOOKUP_BY_NAME, string(b"x" * wire.STRING_MAX))
    assert e.code == wire.NO_DOMAIN
    assert c.version() > 0


def test_an_embedded_nul_cuts_the_string(server):
    c = server.open()
    assert c.call(wire.DOMAIN_LOOKUP_BY_NAME, string(b"test\0garbage")).domain().name == "test"
    assert c.error_of(wire.DOMAIN_LOOKUP_BY_NAME, string(b"\0test")).code == wire.NO_DOMAIN


def test_strings_that_are_not_utf8_are_answered(server):
    c = server.open()
    assert c.error_of(wire.DOMAIN_LOOKUP_BY_NAME, string(b"\xff\xfe\x80")).code == wire.NO_DOMAIN
    serial = c.request(wire.DOMAIN_DEFINE_XML, string(b"<domain type='test'><name>\xff\xfe</name></domain>"))
    assert c.reply(serial).status == wire.ERROR
    assert c.version() > 0


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<",
        "<domain",
        "<domain/>",
        "<a/>",
        "<domain type='test'></domain>",
        "<domain type='test'><name></name></domain>",
        "<domain type='test'><name>a/b</name><memory>-1</memory></domain>",
        "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"
        "<domain type='test'><name>&b;</name></domain>" * 2,
        "<domain type='test'>" * 2000,
    ],
    ids=range(10),
)
def test_documents_that_are_wrong_are_refused(server, xml):
    c = server.open()
    e = c.error_of(wire.DOMAIN_DEFINE_XML, string(xml))
    assert e.code in ((1, 21, 27) if xml == "<domain/>" else (16, 21, 27, 35, 67)), str(e)
    assert [d.name for d in c.list_all()[0]] == ["test"]


@pytest.mark.limit(300)
def test_random_bytes_behind_a_right_length_never_hurt(server):
    dice = random.Random(7)
    known = arguments()
    c = server.open()
    for _ in range(3000):
        proc = dice.choice(list(known)) if dice.random() < 0.8 else dice.randrange(-5, 600)
        if proc in (wire.CONNECT_CLOSE, wire.DOMAIN_FD_ASSOCIATE):
            continue
        body = bytearray(known.get(proc, b"") or dice.randbytes(dice.randrange(100)))
        for _ in range(dice.randrange(4)):
            if body:
                body[dice.randrange(len(body))] = dice.randrange(256)
        serial = c.request(proc, bytes(body))
        c.reply(serial)
        c.kept = []
    assert server.serves()


# --- read-only


def writes(t):
    return {
        wire.DOMAIN_CREATE: t,
        wire.DOMAIN_DESTROY: t,
        wire.DOMAIN_SUSPEND: t,
        wire.DOMAIN_RESUME: t,
        wire.DOMAIN_SHUTDOWN: t,
        wire.DOMAIN_REBOOT: t + u32(0),
        wire.DOMAIN_UNDEFINE: t,
        wire.DOMAIN_UNDEFINE_FLAGS: t + u32(0),
        wire.DOMAIN_SET_AUTOSTART: t + u32(1),
        wire.DOMAIN_DESTROY_FLAGS: t + u32(0),
        wire.DOMAIN_CREATE_WITH_FLAGS: t + u32(0),
        wire.DOMAIN_RENAME: t + optional(string("other")) + u32(0),
        wire.DOMAIN_OPEN_CONSOLE: t + optional(None) + u32(0),
        wire.DOMAIN_SCREENSHOT: t + u32(0) + u32(0),
        wire.DOMAIN_GET_XML_DESC: t + u32(1),
        wire.DOMAIN_DEFINE_XML: string(wire.domain_xml("new")),
        wire.DOMAIN_CREATE_XML: string(wire.domain_xml("new")) + u32(0),
    }


@pytest.mark.parametrize("how", ["socket", "flag"])
def test_changes_over_a_read_only_connection_are_refused_and_not_made(server, how):
    c = server.open(path=server.ro) if how == "socket" else server.open(flags=1)
    d = c.lookup("test")
    for proc, body in writes(d.encode()).items():
        e = c.error_of(proc, body)
        assert e.code == 29, f"procedure {proc}: {e}"
    assert c.list_all()[0] == [d]
    assert c.state(d) == (1, 0)
    assert c.on_domain(wire.DOMAIN_GET_AUTOSTART, d).i32() == 0
    assert c.on_domain(wire.DOMAIN_GET_XML_DESC, d, u32(0)).string()


def test_the_flag_of_a_writing_client_does_not_lift_the_read_only_socket(server):
    c = server.open(path=server.ro, flags=0)
    assert c.error_of(wire.DOMAIN_SUSPEND, c.lookup("test").encode()).code == 29
