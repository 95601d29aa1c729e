# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each limit of the configuration at its edge and beyond: what the manual page says happens, nobody else notices, and
all is well again afterwards. Limits whose test needs other surroundings are tested elsewhere; ELSEWHERE says where."""

import glob
import json
import os
import re
import select
import socket
import time

import pytest

import harness
import wire
from harness import wait_until
from wire import optional, u32

pytestmark = pytest.mark.drover("most of these limits are drover's own")

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = os.path.join(HERE, "..", "..", "server", "config.def")

ELSEWHERE = {
    "max_clients": "test_more_clients_than_allowed_wait_and_are_served_when_one_leaves",
    "max_anonymous_clients": "test_max_anonymous_clients_recovers",
    "max_anonymous_per_address": "test_one_address_makes_room_for_itself_alone",
    "max_workers": "test_more_workers_serve_what_is_queued_and_fewer_finish_what_they_do",
    "max_client_events": "test_a_subscriber_that_never_reads_is_closed_and_named_in_the_log",
    "max_identity_workers": "test_max_identity_workers_goes_up_and_down_while_calls_are_queued",
    "admin_max_workers": "test_the_administration_is_a_server_too",
}


def test_every_limit_has_a_test():
    with open(CONFIG) as f:
        table = f.read()
    keys = set(re.findall(r"^SETTING\(((?:admin_)?max_\w+), INT, [^,]+, [^,]+, [^,]+, NOW,", table, re.M))
    assert len(keys) >= 14
    tests = ""
    for path in glob.glob(os.path.join(HERE, "test_*.py")):
        with open(path) as f:
            tests += f.read()
    for key in sorted(keys):
        name = ELSEWHERE.get(key, f"test_{key}")
        assert re.search(rf"^def {name}\(", tests, re.M), key


def clients(server):
    """What droverctl tells of the clients, the last that came at the end."""
    program = os.path.join(os.path.dirname(server.program), "droverctl")
    words = [program, "clients", "--json", "--socket", server.admin]
    rows = json.loads(harness.run(words, os.path.join(server.directory, "home")).out)
    return sorted((r for r in rows if r["server"] == "droverd"), key=lambda r: r["id"])


def opened(server):
    """A client whose opening isn't counted any more: it was answered a moment before."""
    c = server.open()
    wait_until(lambda: [(r["running"], r["queued"]) for r in clients(server)][-1] == (0, 0), "its opening is over")
    return c


def hang(times):
    """The first calls of this kind hang until their domain is destroyed."""
    return [f"delay ms=600000 procedure=domain.suspend times={times}"]


def running(server, n, name="vm"):
    """Running domains, and the connection that made them."""
    c = server.open()
    domains = [c.define(wire.domain_xml(f"{name}{i}")) for i in range(n)]
    for d in domains:
        c.on_domain(wire.DOMAIN_CREATE, d)
    return c, domains


def knock(path):
    """A connection that is queued or accepted, None when the queue is full."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.setblocking(False)
    try:
        s.connect(path)
    except BlockingIOError:
        s.close()
        return None
    return s


def is_silent(c, seconds=0.3):
    return not c.readable(seconds)


# --- clients


def fill_queue(server, path, queued):
    """Fills the queue of a socket whose server takes nobody more. The kernel lets one more in than was asked for."""
    waiting = []
    while (s := knock(path)) is not None:
        waiting.append(s)
        assert len(waiting) <= queued + 1, "the queue has no end"
    assert len(waiting) >= queued
    return waiting


def leave(sockets):
    for s in sockets:
        s.close()


def test_max_queued_clients(make_server):
    server = make_server({"max_clients": 2, "max_anonymous_clients": 2, "max_queued_clients": 3})
    inside = server.open()    # beside the one that the harness holds
    waiting = fill_queue(server, server.rw, 3)
    assert inside.version() > 0 and server.virt_admin("srv-list").rows()
    leave(waiting)
    inside.close()
    assert wait_until(lambda: knock(server.rw), "there is room in the queue again")
    wait_until(server.serves, "new clients are served")


def test_admin_max_clients(make_server):
    server = make_server({"admin_max_clients": 2})
    inside = [server.connect(server.admin) for _ in range(2)]
    for c in inside:
        assert c.call(1, u32(0), prog=wire.ADMIN)
    late = server.connect(server.admin)
    serial = late.request(1, u32(0), prog=wire.ADMIN)
    assert is_silent(late) and server.serves()
    inside.pop().close()
    assert late.reply(serial).status == wire.OK
    late.close()
    assert server.virt_admin("srv-list").rows()


def test_admin_max_queued_clients(make_server):
    server = make_server({"admin_max_clients": 1, "admin_max_queued_clients": 3})
    inside = server.connect(server.admin)
    assert inside.call(1, u32(0), prog=wire.ADMIN)
    waiting = fill_queue(server, server.admin, 3)
    assert server.serves()
    leave(waiting)
    inside.close()
    assert server.virt_admin("srv-list").rows()


def test_admin_max_client_requests(make_server):
    """These calls never wait for anything, so more than the limit that come at once are all answered."""
    server = make_server({"admin_max_client_requests": 1})
    c = server.connect(server.admin)
    assert c.call(1, u32(0), prog=wire.ADMIN)
    serials = [c.request(4, u32(1) + u32(0), prog=wire.ADMIN) for _ in range(100)]
    for serial in serials:
        assert c.reply(serial).prog == wire.ADMIN
    assert server.virt_admin("srv-list").rows()


# --- one client's calls


def test_max_client_requests(make_server):
    server = make_server({"driver_wrap": hang(2), "max_client_requests": 2})
    c, domains = running(server, 4)
    busy = opened(server)
    serials = [busy.request(wire.DOMAIN_SUSPEND, d.encode()) for d in domains]
    wait_until(lambda: [(r["running"], r["queued"]) for r in clients(server)][-1] == (2, 2), "two run and two wait")
    assert busy.version() > 0    # what needs no worker passes them
    assert server.serves()
    for d in domains[:2]:
        c.on_domain(wire.DOMAIN_DESTROY, d)
    assert [busy.reply(serial).status for serial in serials] == [wire.ERROR] * 2 + [wire.OK] * 2
    wait_until(lambda: (clients(server)[-1]["running"], clients(server)[-1]["queued"]) == (0, 0), "nothing is left")


def test_limits_of_calls_go_up_and_down_while_calls_are_queued(make_server):
    """max_client_requests, max_client_queue and max_client_parked are read again; what runs goes on."""
    server = make_server(
        {"driver_wrap": hang(5), "max_client_requests": 2, "max_client_queue": 2, "log_outputs": "2:stderr", "log_level": 2}
    )
    c, domains = running(server, 8)
    busy = opened(server)

    def shows(*numbers):
        return lambda: tuple(clients(server)[-1][k] for k in ("running", "queued")) == numbers

    serials = [busy.request(wire.DOMAIN_SUSPEND, d.encode()) for d in domains]
    wait_until(shows(2, 2), "two run, two are queued, four are not read")
    server.reload(max_client_queue=100)
    c.on_domain(wire.DOMAIN_DESTROY, domains[0])    # an end is when the new limits are looked at
    wait_until(shows(2, 5), "all are read")
    server.reload(max_client_requests=4)
    c.on_domain(wire.DOMAIN_DESTROY, domains[1])
    wait_until(lambda: clients(server)[-1]["queued"] == 0, "four may run, of which three hang")
    server.reload(max_client_requests=1, max_client_queue=1)
    assert clients(server)[-1]["running"] == 3    # nothing is taken away
    for d in domains[2:]:    # several workers have begun them: which three hang isn't known
        c.on_domain(wire.DOMAIN_DESTROY, d)
    assert sorted(busy.reply(s).status for s in serials) == sorted([wire.ERROR] * 5 + [wire.OK] * 3)
    assert busy.define(wire.domain_xml("after")).name == "after"
    wait_until(shows(0, 0), "nothing is left")


def test_max_client_queue(make_server):
    server = make_server({"driver_wrap": hang(1), "max_client_requests": 1, "max_client_queue": 3})
    c, domains = running(server, 6)
    busy = opened(server)
    serials = [busy.request(wire.DOMAIN_SUSPEND, d.encode()) for d in domains[:4]]
    wait_until(lambda: [(r["running"], r["queued"]) for r in clients(server)][-1] == (1, 3), "its queue is full")
    assert busy.version() > 0
    serials += [busy.request(wire.DOMAIN_SUSPEND, d.encode()) for d in domains[4:]]
    version = busy.request(wire.CONNECT_GET_LIB_VERSION)
    assert is_silent(busy)    # nothing more is read of it
    assert (clients(server)[-1]["running"], clients(server)[-1]["queued"]) == (1, 3)
    assert server.serves()
    c.on_domain(wire.DOMAIN_DESTROY, domains[0])
    assert [busy.reply(serial).status for serial in serials] == [wire.ERROR] + [wire.OK] * 5
    assert busy.reply(version).status == wire.OK
    assert busy.define(wire.domain_xml("after")).name == "after"


def test_max_client_parked(make_server):
    server = make_server({"driver_wrap": hang(1), "max_client_requests": 2, "max_client_parked": 3})
    c, (stuck,) = running(server, 1)
    busy = opened(server)

    def shows(*numbers):
        return lambda: tuple(clients(server)[-1][k] for k in ("running", "parked", "queued")) == numbers

    serials = [busy.request(wire.DOMAIN_SUSPEND, stuck.encode()) for _ in range(4)]
    wait_until(shows(1, 3, 0), "three wait for the turn of the first, uncounted")
    assert busy.define(wire.domain_xml("beside")).name == "beside"
    serials.append(busy.request(wire.DOMAIN_SUSPEND, stuck.encode()))
    wait_until(shows(1, 3, 1), "a further one counts among those that wait for a worker")
    late = busy.request(wire.DOMAIN_DEFINE_XML, wire.string(wire.domain_xml("late")))
    wait_until(shows(1, 3, 2), "so that the next one waits")
    assert server.serves()
    c.on_domain(wire.DOMAIN_DESTROY, stuck)
    assert all(busy.reply(serial).status == wire.ERROR for serial in serials)
    assert busy.reply(late).status == wire.OK
    wait_until(shows(0, 0, 0), "nothing is left")


def test_max_client_streams(make_server):
    server = make_server({"max_client_streams": 2})
    c = server.open()
    domains = [c.with_console(f"term{i}") for i in range(3)]

    def open_console(one, d):
        return one.request(wire.DOMAIN_OPEN_CONSOLE, d.encode() + optional(None) + u32(0))

    opened = [open_console(c, d) for d in domains[:2]]
    assert all(c.reply(serial).status == wire.OK for serial in opened)
    refused = c.reply(open_console(c, domains[2]))
    assert refused.status == wire.ERROR and "2 streams" in refused.error().message
    assert c.version() > 0
    other = server.open()    # another client has its own
    assert other.reply(open_console(other, domains[2])).status == wire.OK
    other.close()
    c.send(wire.frame(wire.DOMAIN_OPEN_CONSOLE, type=wire.STREAM, serial=opened[0], status=wire.OK))
    c.stream_frame(wire.DOMAIN_OPEN_CONSOLE, opened[0])

    def again():
        return c.reply(open_console(c, domains[2])).status == wire.OK

    wait_until(again, "one that was closed makes room for another")


# --- what a client leaves unread


def test_max_client_output(make_server):
    server = make_server({"max_client_output": 65536, "client_write_timeout": 0})
    maker = server.open()
    text = "x" * 60000
    maker.define(wire.domain_xml("long", extra=f"<description>{text}</description>"))
    call = wire.frame(wire.DOMAIN_GET_XML_DESC, maker.lookup("long").encode() + u32(0))
    deaf = server.open()
    before = server.memory()
    deaf.sock.setblocking(False)
    sent = 0
    while sent < 64 << 20 and select.select([], [deaf.sock], [], 0.5 * server.slow)[1]:
        try:
            sent += deaf.sock.send(call * 200 if sent % len(call) == 0 else call[sent % len(call) :])
        except BlockingIOError:
            time.sleep(0.001)
    assert sent < 64 << 20, "it is read for ever"
    assert server.grew_less(before, 16)
    assert server.serves()
    deaf.sock.setblocking(True)
    for _ in range(sent // len(call)):
        frame = deaf.receive()
        assert frame.status == wire.OK and len(frame.body) > 60000
    if sent % len(call):
        deaf.send(call[sent % len(call) :])
        assert deaf.receive().status == wire.OK
    assert deaf.version() > 0
