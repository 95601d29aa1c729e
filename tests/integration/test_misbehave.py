# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client that does everything wrong. Whatever it does, the server lives, the others are served, memory and
descriptors stay bounded (the harness counts them after each test), and an answer, if any, is the known one."""

import itertools
import os
import random
import re
import select
import socket
import statistics
import struct
import time

import pytest

import wire
from harness import wait_until
from wire import optional, string, u32

VERSION = wire.frame(wire.CONNECT_GET_LIB_VERSION, serial=1)


def median_latency(c, n=200):
    """Seconds that a quick call takes."""
    times = []
    for _ in range(n):
        begin = time.perf_counter()
        c.version()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def is_undisturbed(server, c, alone):
    """Waits until a call takes about as long as it did when the server had nothing else to do. What disturbs it for good
    does so each time; what else the machine does, only now and then."""
    wait_until(lambda: median_latency(c) < alone * 5 + 0.005 * server.slow, "quick calls are as quick as they were")
    return True


def define_many(c, n, prefix="many"):
    """n stored domains, pipelined."""
    c.send_reading(
        b"".join(
            wire.frame(wire.DOMAIN_DEFINE_XML, string(wire.domain_xml(f"{prefix}{i:05d}")), serial=i)
            for i in range(n)
        )
    )
    while len(c.kept) < n:
        c.kept.append(c.receive())
    assert all(f.status == wire.OK for f in c.kept)
    c.kept = []


# --- lengths and pieces


@pytest.mark.parametrize("length", [0, 1, 3, 4, 27, 33554437, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_wrong_length_closes_the_connection_without_a_word(server, length):
    c = server.open()
    c.send(u32(length) + VERSION[4:])
    assert c.closed_by_server()
    assert not c.kept
    assert server.serves()


@pytest.mark.parametrize("length", [3, 27, 33554437])
def test_a_wrong_length_closes_the_connection_before_the_rest_has_come(server, length):
    if length == 27 and server.kind == "libvirtd":
        pytest.skip("the peer waits for the 27 bytes")
    c = server.connect()
    c.send(u32(length))
    assert c.closed_by_server()


def test_the_smallest_frame_is_answered(server):
    c = server.open()
    assert len(VERSION) == 28
    c.send(VERSION)
    assert c.reply(1).status == wire.OK


def test_the_largest_frame_is_taken_as_long_as_its_bytes_come(server):
    c = server.open()
    other = server.open()
    c.send(u32(wire.LENGTH_MAX) + wire.header(wire.CONNECT_GET_LIB_VERSION, serial=7))
    rest = wire.LENGTH_MAX - 28
    chunk = b"\0" * (1 << 20)
    while rest:
        n = min(rest, len(chunk))
        c.send(chunk[:n])
        rest -= n
        assert other.version() > 0
    # What is left over behind the arguments is ignored.
    assert c.reply(7).status == wire.OK
    assert c.version() > 0


def test_announcing_large_frames_costs_no_memory_until_the_bytes_come(server):
    before = server.memory()
    for _ in range(50):
        server.open().send(u32(wire.LENGTH_MAX) + wire.header(wire.CONNECT_GET_LIB_VERSION))
    assert server.serves()
    if server.kind == "drover":  # the peer allocates all 32 MiB for each
        assert server.grew_less(before, 16)


def test_bytes_that_trickle_in_make_frames(server):
    c = server.connect()

    def trickle(data):
        for i in range(len(data)):
            c.send(data[i : i + 1])

    trickle(wire.frame(wire.AUTH_LIST, serial=1))
    trickle(wire.frame(wire.CONNECT_OPEN, optional(string("test:///default")) + u32(0), serial=2))
    assert c.reply(1).status == c.reply(2).status == wire.OK
    trickle(
        wire.frame(wire.DOMAIN_LOOKUP_BY_NAME, string("test"), serial=3)
        + wire.frame(wire.PING, prog=wire.KEEPALIVE, type=wire.MESSAGE)
        + VERSION
    )
    assert c.reply(3).status == wire.OK
    c.pong()
    assert c.reply(1).status == wire.OK


def test_frames_cut_at_random_places_are_put_together(server):
    c = server.open()
    dice = random.Random(42)
    data = VERSION * 500
    at = 0
    while at < len(data):
        n = dice.choice((1, 3, 4, 5, 27, 28, 29, 55, 57, 200))
        c.send_reading(data[at : at + n])
        at += n
    for _ in range(500):
        assert c.reply(1).status == wire.OK


def test_many_frames_in_one_write_are_all_answered(server):
    c = server.open()
    c.send_reading(b"".join(wire.frame(wire.CONNECT_GET_LIB_VERSION, serial=i) for i in range(2000)))
    serials = {c.wait_for(lambda f: True).serial for _ in range(2000)}
    assert serials == set(range(2000))


@pytest.mark.limit(300)
def test_a_flood_of_100000_pipelined_calls_is_answered_whole_and_leaves_others_alone(server):
    c, other = server.open(), server.open()
    total, counted = 100000, 0
    calls = b"".join(wire.frame(wire.CONNECT_GET_LIB_VERSION, serial=i) for i in range(total))
    at, tail, before = 0, b"", server.memory()
    seen = bytearray(total)
    slowest = 0.0
    c.sock.setblocking(False)
    deadline = time.monotonic() + 240
    while counted < total:
        assert time.monotonic() < deadline, f"{counted} replies came"
        readable, writable, _ = select.select([c.sock], [c.sock] if at < len(calls) else [], [], 60)
        assert readable or writable, f"nothing moves after {counted} replies"
        if writable:
            at += c.sock.send(calls[at : at + 65536])
        if readable:
            data = tail + c.sock.recv(1 << 18)
            whole = len(data) // 36 * 36
            for i in range(0, whole, 36):
                length, _, _, proc, kind, serial, status = struct.unpack_from(">7I", data, i)
                assert (length, proc, kind, status) == (36, wire.CONNECT_GET_LIB_VERSION, wire.REPLY, wire.OK)
                assert not seen[serial]
                seen[serial] = 1
                counted += 1
                if counted % 5000 == 0:
                    begin = time.perf_counter()
                    other.version()
                    slowest = max(slowest, time.perf_counter() - begin)
            tail = data[whole:]
    assert slowest < 5.0 * server.slow
    assert server.grew_less(before, 64)


def test_a_client_that_trickles_its_header_keeps_nobody_waiting(server):
    threads = server.threads()
    slow = [server.connect() for _ in range(200)]
    for n in range(1, 28):
        for c in slow:
            c.send(VERSION[n - 1 : n])
        if n % 9 == 0:
            assert server.serves()
    assert server.threads() <= threads + 1
    for c in slow:
        c.send(VERSION[27:])
    for c in slow:  # not opened: an error, but an answer
        assert c.reply(1).status == wire.ERROR


# --- leaving in the middle


def test_leaving_in_the_middle_of_a_frame(server):
    call = wire.frame(wire.DOMAIN_LOOKUP_BY_NAME, string("test"))
    for n in range(len(call) + 1):
        with wire.Connection(server.rw) as c:
            c.open()
            c.send(call[:n])
    assert server.serves()


def test_leaving_with_calls_under_way(server):
    dice = random.Random(1)
    for i in range(100):
        with wire.Connection(server.rw) as c:
            c.open()
            t = wire.Domain("test", bytes.fromhex("6695eb01f6a4830479aa97f2502e193f")).encode()
            calls = [
                (wire.CONNECT_LIST_ALL_DOMAINS, u32(1) + u32(0)),
                (wire.DOMAIN_GET_XML_DESC, t + u32(0)),
                (wire.DOMAIN_DEFINE_XML, string(wire.domain_xml(f"left{i}"))),
                (wire.DOMAIN_SUSPEND, t),
                (wire.DOMAIN_RESUME, t),
                (wire.CONNECT_CLOSE, b""),
            ]
            c.send(b"".join(wire.frame(*dice.choice(calls)) for _ in range(20)))
    assert server.serves()
    # Whatever of it was done, was done whole.
    c = server.open()
    for d in c.list_all()[0]:
        assert d.name in c.on_domain(wire.DOMAIN_GET_XML_DESC, d, u32(0)).string()


def test_leaving_right_after_connecting(server):
    for _ in range(500):
        wire.Connection(server.rw).close()
    assert server.serves()


def test_leaving_in_the_middle_of_a_stream(server):
    for _ in range(30):
        with wire.Connection(server.rw) as c:
            c.open()
            c.request(wire.DOMAIN_SCREENSHOT, c.lookup("test").encode() + u32(0) + u32(0))
            if c.receive().status == wire.ERROR:
                pytest.fail("the test driver must offer screenshots")
    assert server.serves()


@pytest.mark.drover("the peer's test driver has no console")
def test_leaving_an_open_console_that_holds_data(server):
    d = server.open().with_console()
    for _ in range(20):
        with wire.Connection(server.rw) as c:
            c.open()
            serial = c.request(wire.DOMAIN_OPEN_CONSOLE, d.encode() + optional(None) + u32(1))
            assert c.reply(serial).status == wire.OK
            c.send(
                wire.frame(
                    wire.DOMAIN_OPEN_CONSOLE,
                    b"x" * 100000,
                    type=wire.STREAM,
                    serial=serial,
                    status=wire.CONTINUE,
                )
            )
    assert server.serves()


def test_leaving_half_way_is_noticed(server):
    c = server.open()
    serials = [c.request(wire.CONNECT_GET_LIB_VERSION) for _ in range(3)]
    c.sock.shutdown(socket.SHUT_WR)
    assert c.closed_by_server()
    assert {f.serial for f in c.kept} <= set(serials)


# --- many


@pytest.mark.limit(300)
def test_2000_idle_connections_disturb_nobody(server):
    c = server.open()
    median_latency(c)
    alone, threads, memory = median_latency(c), server.threads(), server.memory()
    idle = [server.open() for _ in range(2000)]
    assert server.serves()
    if server.kind == "drover":  # the peer gets slower with every one
        assert is_undisturbed(server, c, alone)
        assert server.threads() <= threads
        assert server.grew_less(memory, 2000 * 16384 >> 20)
    assert idle[0].version() and idle[-1].version()


def test_descriptors_exhausted_and_back(make_server):
    server = make_server(nofile=64)
    known = server.open()
    waiting = []
    for _ in range(150):
        c = server.connect()
        c.sock.setblocking(False)
        c.send(wire.frame(wire.AUTH_LIST, serial=1))
        waiting.append(c)
    assert known.version() > 0
    # Out of descriptors, it waits for one; it doesn't try again and again.
    assert not known.readable(0.5)
    if server.kind == "drover":
        assert server.rests(0.5, 0.6)
    assert known.version() > 0
    for c in waiting:
        c.close()
    wait_until(lambda: server.serves(), "new clients are served again")


def test_more_clients_than_allowed_wait_and_are_served_when_one_leaves(make_server):
    server = make_server({"max_clients": 5, "max_anonymous_clients": 5})
    inside = [server.open() for _ in range(4)]  # and the one that the harness holds
    late = server.connect()
    late.send(wire.frame(wire.AUTH_LIST, serial=1))
    assert inside[0].version() > 0
    assert not late.readable()
    inside.pop().close()
    assert late.reply(1).status == wire.OK


def test_an_idle_server_does_nothing(server):
    idle = [server.open() for _ in range(100)]
    assert server.rests(0.5, 0.1)
    assert not select.select(idle, [], [], 0)[0]


# --- order of calls


@pytest.mark.parametrize(
    "proc, body",
    [
        (wire.CONNECT_GET_LIB_VERSION, b""),
        (wire.CONNECT_GET_URI, b""),
        (wire.CONNECT_LIST_ALL_DOMAINS, u32(1) + u32(0)),
        (wire.DOMAIN_LOOKUP_BY_NAME, string("test")),
        (wire.CONNECT_REGISTER_CLOSE_CALLBACK, b""),
        (wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(None)),
    ],
)
def test_calls_before_opening_are_refused_and_opening_still_works(server, proc, body):
    c = server.connect()
    e = c.error_of(proc, body)
    assert (e.code, e.domain) == (1, 7)
    c.open()
    c.call(proc, body)


def test_closing_without_opening(server):
    c = server.connect()
    serial = c.request(wire.CONNECT_CLOSE)
    reply = c.reply(serial)
    if reply.status == wire.ERROR:  # refused like other calls before opening, and nothing is lost
        assert reply.error().code == 1
        c.open()
        c.call(wire.CONNECT_CLOSE)
    assert c.closed_by_server()


def test_a_second_open_is_refused(server):
    c = server.open()
    e = c.error_of(wire.CONNECT_OPEN, optional(string("test:///default")) + u32(0))
    assert (e.code, e.domain) == (1, 7)
    if server.kind == "drover":  # the peer loses the first one over it
        assert c.lookup("test").name == "test"


def test_authentication_that_was_not_offered_is_refused(server):
    c = server.connect()
    r = c.call(wire.AUTH_LIST)
    assert r.array(r.u32) == [0]
    for proc, body in (
        (wire.AUTH_POLKIT, b""),
        (wire.AUTH_SASL_INIT, b""),
        (wire.AUTH_SASL_START, string("PLAIN") + u32(1) + u32(0)),
        (wire.AUTH_SASL_STEP, u32(1) + u32(0)),
    ):
        assert c.error_of(proc, body).domain == 7
    assert c.open().version() > 0


def test_closing_answers_first_and_then_ends(server):
    c = server.open()
    c.call(wire.CONNECT_CLOSE)
    assert c.closed_by_server()


# --- descriptors that nobody asked for


def test_a_descriptor_attached_to_the_frame_itself_does_no_harm(server):
    for _ in range(20):
        c = server.open()
        r, w = os.pipe()
        c.send_fd(
            r,
            wire.frame(
                wire.DOMAIN_FD_ASSOCIATE,
                u32(1) + c.lookup("test").encode() + string("g") + u32(0),
                type=wire.CALL_WITH_FDS,
                serial=77,
            ),
        )
        os.close(r)
        os.close(w)
        c.close()
    assert server.serves()


def test_a_flood_of_unannounced_descriptors_does_not_stay_open(server):
    before = server.descriptors()
    c = server.open()
    r, w = os.pipe()
    try:
        for _ in range(500):
            for _ in range(8):
                c.send_fd(r, VERSION)
            for _ in range(8):
                c.reply(1)
    except (wire.Closed, BrokenPipeError, ConnectionResetError):
        pass  # closing such a client is as good as ignoring what it passes
    finally:
        os.close(r)
        os.close(w)
    assert server.descriptors() <= before + 40
    assert server.serves()


def test_announced_descriptors_that_never_come_hold_up_their_own_client_only(server):
    for _ in range(10):
        c = server.open()
        c.send(
            wire.frame(
                wire.DOMAIN_FD_ASSOCIATE,
                u32(3) + c.lookup("test").encode() + string("g") + u32(0),
                type=wire.CALL_WITH_FDS,
                serial=5,
            )
        )
    assert server.serves()


def test_a_frame_where_descriptors_were_announced_does_no_harm(server):
    c = server.open()
    c.send(wire.frame(wire.CONNECT_GET_LIB_VERSION, u32(2), type=wire.CALL_WITH_FDS, serial=5))
    try:
        c.send(VERSION * 10)
        c.closed_by_server(0.5)
    except wire.Closed:
        pass
    assert server.serves()


# --- clients that don't read


def push_until_stuck(c, data, seconds=1.0):
    """Sends `data` again and again until the server takes no more for that long, or closes. Says which."""
    c.sock.setblocking(False)
    at, sent = 0, 0
    while sent < (256 << 20):
        if not select.select([], [c.sock], [], seconds)[1]:
            return "stuck"
        try:
            n = c.sock.send(data[at:])
        except BlockingIOError:
            continue
        except OSError:
            return "closed"
        at = (at + n) % len(data)
        sent += n
    return "endless"


def test_a_caller_of_big_lists_that_never_reads_costs_bounded_memory(server):
    maker = server.open()
    define_many(maker, 2000)
    c, other = server.open(), server.open()
    median_latency(other)
    alone, before = median_latency(other), server.memory()
    assert push_until_stuck(c, wire.frame(wire.CONNECT_LIST_ALL_DOMAINS, u32(1) + u32(0)) * 500) in (
        "stuck",
        "closed",
    )
    assert server.grew_less(before, 64)
    assert is_undisturbed(server, other, alone)
    assert server.serves()


def test_a_client_that_pings_and_never_reads_costs_bounded_memory(server):
    c, before = server.connect(), server.memory()
    assert push_until_stuck(c, wire.frame(wire.PING, prog=wire.KEEPALIVE, type=wire.MESSAGE) * 2000) in (
        "stuck",
        "closed",
    )
    if server.kind == "drover":  # the peer keeps every answer
        assert server.grew_less(before, 16)
    assert server.serves()


@pytest.mark.limit(300)
@pytest.mark.drover("the peer keeps every event for it without end")
def test_a_subscriber_that_never_reads_is_closed_and_named_in_the_log(server):
    deaf, reader, maker, other = (server.open() for _ in range(4))
    for c in (deaf, reader):
        c.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(None))
    define_many(maker, 200)
    domains = [d.encode() for d in maker.list_all(flags=2)[0]]
    # Each round changes every domain once: the order of pipelined calls is nobody's promise.
    rounds = itertools.cycle(
        (wire.DOMAIN_CREATE, wire.DOMAIN_SUSPEND, wire.DOMAIN_RESUME, wire.DOMAIN_DESTROY)
    )
    for _ in domains:
        reader.message(wire.DOMAIN_EVENT_CALLBACK_LIFECYCLE)  # defined
    median_latency(other)
    alone, before = median_latency(other), server.memory()
    gone = select.poll()
    gone.register(deaf.sock, select.POLLRDHUP)
    events = 0
    while not gone.poll(0):
        assert events < 400000, "the subscriber is still there"
        proc = next(rounds)
        maker.send_reading(b"".join(wire.frame(proc, d) for d in domains))
        for _ in domains:
            assert maker.wait_for(lambda f: True).status == wire.OK
        for _ in domains:
            events += 1
            reader.message(wire.DOMAIN_EVENT_CALLBACK_LIFECYCLE)
    assert server.grew_less(before, 16)
    assert is_undisturbed(server, other, alone)
    wait_until(
        lambda: re.search(rf"client \d+ .*{os.getpid()}.*event", server.log()), "the log names the client"
    )
    assert reader.version() > 0


def test_many_pings_are_all_answered_before_opening(server):
    c = server.connect()
    c.send_reading(wire.frame(wire.PING, prog=wire.KEEPALIVE, type=wire.MESSAGE) * 3000)
    for _ in range(3000):
        assert c.wait_for(lambda f: True).proc == wire.PONG


# --- streams and subscriptions


def test_a_hole_in_a_stream_without_holes_ends_the_connection_or_the_stream(server):
    c = server.open()
    serial = c.request(wire.DOMAIN_SCREENSHOT, c.lookup("test").encode() + u32(0) + u32(0))
    if c.reply(serial).status == wire.ERROR:
        pytest.fail("the test driver must offer screenshots")
    try:
        c.send(
            wire.frame(
                wire.DOMAIN_SCREENSHOT,
                wire.u64(4096) + u32(0),
                type=wire.STREAM_HOLE,
                serial=serial,
                status=wire.CONTINUE,
            )
        )
        c.wait_for(lambda f: f.type == wire.STREAM and f.status == wire.ERROR)
    except wire.Closed:
        pass
    assert server.serves()


def test_many_streams_of_one_client_are_served_or_refused(server):
    c = server.open()
    body = c.lookup("test").encode() + u32(0) + u32(0)
    opened = 0
    for _ in range(300):
        reply = c.reply(c.request(wire.DOMAIN_SCREENSHOT, body))
        if reply.status == wire.ERROR:
            break
        opened += 1
        c.kept = []
    if not opened and reply.error().code == wire.NO_SUPPORT:
        pytest.fail("the test driver must offer screenshots")
    assert server.serves()


def test_events_that_do_not_exist_and_unknown_callbacks_are_refused(server):
    c = server.open()
    for n in (27, 28, 1000, -1, 2**31 - 1):
        e = c.error_of(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(n) + optional(None))
        assert (e.code, e.domain) == (1, 7)
    for n in (16, 27, -1):
        e = c.error_of(wire.CONNECT_DOMAIN_EVENT_REGISTER_ANY, u32(n))
        assert (e.code, e.domain) == (1, 7)
    e = c.error_of(wire.CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, u32(4711))
    assert (e.code, e.domain) == (1, 7)


def test_subscribing_twice_is_refused_with_8(server):
    c = server.open()
    c.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(None))
    e = c.error_of(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(None))
    assert (e.code, e.domain) == (8, 0)
    t = c.lookup("test").encode()
    c.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(t))


def test_another_clients_callback_cannot_be_cancelled(server):
    a, b = server.open(), server.open()
    callback = a.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(None)).i32()
    own = b.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(None)).i32()
    if callback != own:
        assert b.error_of(wire.CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, u32(callback)).code == 1
    b.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, u32(own))
    b.on_domain(wire.DOMAIN_SUSPEND, b.lookup("test"))
    assert a.message(wire.DOMAIN_EVENT_CALLBACK_LIFECYCLE)


def test_leaving_ends_the_subscriptions(server):
    maker = server.open()
    t = maker.lookup("test")
    for _ in range(50):
        with wire.Connection(server.rw) as c:
            c.open()
            c.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(None))
            maker.on_domain(wire.DOMAIN_SUSPEND, t)
        maker.on_domain(wire.DOMAIN_RESUME, t)
    assert server.serves()
