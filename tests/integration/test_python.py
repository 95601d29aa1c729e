# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt-python, used as Nova and its like use it: codes of errors, events in its own loop, many threads."""

import concurrent.futures
import threading
import time
import uuid as uuids
import xml.etree.ElementTree as ET

import libvirt
import pytest

import wire
from harness import wait_until

TEST_UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"


@pytest.fixture(scope="module", autouse=True)
def event_loop():
    """The library's default loop, turned by a thread, as every Python client has it."""
    libvirt.registerErrorHandler(lambda *_: None, None)
    libvirt.virEventRegisterDefaultImpl()
    stop = threading.Event()

    def turn():
        while not stop.is_set():
            libvirt.virEventRunDefaultImpl()

    def tick(timer, _):
        pass

    libvirt.virEventAddTimeout(100, tick, None)  # so that the loop looks at `stop`
    thread = threading.Thread(target=turn, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(10)


@pytest.fixture
def conn(server):
    return server.python()


def code_of(call, *args):
    """The code of the error that the call fails with; it must fail."""
    with pytest.raises(libvirt.libvirtError) as e:
        call(*args)
    return e.value.get_error_code()


def state_error(server, call, *args):
    """Wrong state: 55; the peer's test driver calls some of these an internal error."""
    code = code_of(call, *args)
    return code == libvirt.VIR_ERR_OPERATION_INVALID or server.kind == "libvirtd" and code == 1


def xml(name, uuid=None, **kw):
    return wire.domain_xml(name, uuid, **kw)


# --- the connection


def test_what_the_connection_says_about_itself(conn, server):
    assert conn.getType() == "TEST"
    assert conn.getLibVersion() >= 9000000
    assert conn.getVersion() > 0
    assert conn.getHostname()
    assert conn.getURI() == server.uri()
    assert conn.isAlive() == 1
    assert conn.isSecure() == 1
    assert conn.isEncrypted() == 0
    info = conn.getInfo()
    assert info[0] == "i686" and info[1] > 0
    assert info[2] <= info[4] * info[5] * info[6] * info[7]
    assert ET.fromstring(conn.getCapabilities()).tag == "capabilities"


def test_getCPUMap_and_getMaxVcpus(conn):
    try:
        total, cpus, online = conn.getCPUMap()
    except libvirt.libvirtError as e:
        assert e.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT
    else:
        assert total == len(cpus) and online == sum(cpus)
    try:
        assert conn.getMaxVcpus("test") > 0
    except libvirt.libvirtError as e:
        assert e.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT


# --- lists and lookups


def test_lists(conn):
    for i in range(5):
        conn.defineXML(xml(f"vm{i}"))
    assert [d.name() for d in conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)] == ["test"]
    assert sorted(d.name() for d in conn.listAllDomains()) == ["test"] + [f"vm{i}" for i in range(5)]
    assert conn.listDomainsID() == [1]
    assert conn.numOfDomains() == 1
    assert sorted(conn.listDefinedDomains()) == [f"vm{i}" for i in range(5)]
    assert conn.numOfDefinedDomains() == 5


def test_lookups(conn):
    by = [
        conn.lookupByName("test"),
        conn.lookupByID(1),
        conn.lookupByUUIDString(TEST_UUID),
        conn.lookupByUUID(uuids.UUID(TEST_UUID).bytes),
    ]
    assert {(d.name(), d.ID(), d.UUIDString()) for d in by} == {("test", 1, TEST_UUID)}


def test_lookups_that_fail_say_no_domain(conn):
    for call, key in (
        (conn.lookupByName, "nobody"),
        (conn.lookupByID, 4711),
        (conn.lookupByUUIDString, "00000000-0000-0000-0000-00000000ffff"),
    ):
        assert code_of(call, key) == libvirt.VIR_ERR_NO_DOMAIN


@pytest.mark.limit(300)
def test_a_list_of_thousands(conn):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: conn.defineXML(xml(f"vm{i:04d}")), range(2000)))
    assert len(conn.listAllDomains()) == 2001
    assert len(conn.listDefinedDomains()) == 2000
    assert len(conn.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)) == 2001


# --- the life of a domain


def test_the_life_of_a_persistent_domain(conn, server):
    d = conn.defineXML(xml("vm1", memory=2048))
    assert (d.isActive(), d.isPersistent(), d.isUpdated(), d.ID()) == (0, 1, 0, -1)
    assert d.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF
    assert d.create() == 0
    assert d.ID() > 1 and d.isActive() == 1
    state, maximum, memory, vcpus, _ = d.info()
    assert (state, maximum, memory, vcpus) == (libvirt.VIR_DOMAIN_RUNNING, 2048, 2048, 1)
    assert conn.lookupByID(d.ID()).name() == "vm1"
    d.suspend()
    assert d.state() == [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER]
    d.resume()
    assert d.state() == [libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_UNPAUSED]
    d.reboot()
    d.destroy()
    assert d.state() == [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED]
    d.createWithFlags(0)
    d.shutdown()
    wait_until(
        lambda: d.state() == [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN], "it is off"
    )
    d.undefine()
    assert code_of(d.state) == libvirt.VIR_ERR_NO_DOMAIN
    assert code_of(conn.lookupByName, "vm1") == libvirt.VIR_ERR_NO_DOMAIN


def test_the_life_of_a_transient_domain(conn):
    d = conn.createXML(xml("brief"), 0)
    assert (d.isActive(), d.isPersistent()) == (1, 0)
    d.destroy()
    assert code_of(d.info) == libvirt.VIR_ERR_NO_DOMAIN


def test_createXML_of_a_stored_domain_starts_it(conn):
    d = conn.defineXML(xml("vm1", memory=1024))
    running = conn.createXML(xml("vm1", d.UUIDString(), memory=4096), 0)
    assert running.isPersistent() == 1
    assert running.maxMemory() == 4096
    running.destroy()
    assert conn.lookupByName("vm1").maxMemory() == 1024


def test_defining_a_running_domain_changes_its_next_life(conn):
    d = conn.defineXML(xml("vm1", memory=1024))
    d.create()
    conn.defineXML(xml("vm1", d.UUIDString(), memory=2048))
    assert d.maxMemory() == 1024
    assert ET.fromstring(d.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)).findtext("memory") == "2048"
    d.destroy()
    d.create()
    assert d.maxMemory() == 2048


def test_autostart(conn):
    d = conn.defineXML(xml("vm1"))
    assert d.autostart() == 0
    d.setAutostart(1)
    d.setAutostart(1)
    assert d.autostart() == 1
    assert [x.name() for x in conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)] == ["vm1"]
    d.setAutostart(0)
    assert d.autostart() == 0


def test_rename(conn, server):
    d = conn.defineXML(xml("vm1"))
    conn.defineXML(xml("vm2"))
    assert state_error(server, conn.lookupByName("test").rename, "other")
    code = code_of(d.rename, "vm2")
    assert code in (libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_OPERATION_FAILED)
    d.rename("vm3")
    assert conn.lookupByName("vm3").UUIDString() == d.UUIDString()
    assert code_of(conn.lookupByName, "vm1") == libvirt.VIR_ERR_NO_DOMAIN
    assert ET.fromstring(conn.lookupByName("vm3").XMLDesc()).findtext("name") == "vm3"


def test_stats_of_all(conn):
    conn.defineXML(xml("vm1"))
    stats = {d.name(): s for d, s in conn.getAllDomainStats(0)}
    assert stats["test"]["state.state"] == 1
    assert stats["vm1"]["state.state"] == 5
    only = conn.domainListGetStats([conn.lookupByName("vm1")], libvirt.VIR_DOMAIN_STATS_STATE)
    assert [d.name() for d, _ in only] == ["vm1"]


# --- the vocabulary of errors


def test_states_that_do_not_fit(conn, server):
    d = conn.defineXML(xml("vm1"))
    for call in (d.destroy, d.suspend, d.resume, d.shutdown, d.reboot):
        assert state_error(server, call), call.__name__
    d.create()
    assert state_error(server, d.create)
    assert state_error(server, d.resume)
    d.suspend()
    if server.kind == "drover":
        d.suspend()  # once more: nothing to do
        t = conn.createXML(xml("brief"), 0)
        assert code_of(t.undefine) == libvirt.VIR_ERR_OPERATION_INVALID
        assert code_of(t.setAutostart, 1) == libvirt.VIR_ERR_OPERATION_INVALID


def test_names_and_uuids_that_are_taken(conn):
    assert code_of(conn.defineXML, xml("test", str(uuids.uuid4()))) == libvirt.VIR_ERR_OPERATION_FAILED
    assert code_of(conn.defineXML, xml("other", TEST_UUID)) == libvirt.VIR_ERR_OPERATION_FAILED
    assert code_of(conn.createXML, xml("test", TEST_UUID), 0) in (
        libvirt.VIR_ERR_OPERATION_INVALID,
        libvirt.VIR_ERR_OPERATION_FAILED,
    )


def test_documents_that_are_wrong(conn):
    assert code_of(conn.defineXML, "<domain") in (libvirt.VIR_ERR_XML_DETAIL, libvirt.VIR_ERR_XML_ERROR)
    assert code_of(conn.defineXML, "<network/>") in (libvirt.VIR_ERR_XML_ERROR, libvirt.VIR_ERR_XML_DETAIL)
    nameless = xml("x").replace("<name>x</name>", "")
    assert code_of(conn.defineXML, nameless) in (libvirt.VIR_ERR_NO_NAME, libvirt.VIR_ERR_XML_ERROR)


def test_flags_that_are_unknown(conn):
    d = conn.lookupByName("test")
    assert code_of(d.XMLDesc, 1 << 20) == libvirt.VIR_ERR_INVALID_ARG
    assert code_of(d.undefineFlags, 1 << 20) == libvirt.VIR_ERR_INVALID_ARG
    assert code_of(conn.listAllDomains, 1 << 25) == libvirt.VIR_ERR_INVALID_ARG
    assert code_of(d.state, 1) == libvirt.VIR_ERR_INVALID_ARG


@pytest.mark.drover("libvirt's test driver has these")
def test_what_no_driver_offers_is_no_support(conn):
    d = conn.lookupByName("test")
    for call, args in (
        (d.migrateSetMaxDowntime, (100,)),
        (conn.listNWFilters, ()),
        (conn.listSecrets, ()),
        (d.blockJobAbort, ("vda",)),
        (conn.lookupByName("test").coreDump, ("/nonesuch",)),
    ):
        assert code_of(call, *args) == libvirt.VIR_ERR_NO_SUPPORT


def test_what_metadata_is_missing(conn):
    d = conn.lookupByName("test")
    for what, uri in (
        (libvirt.VIR_DOMAIN_METADATA_TITLE, None),
        (libvirt.VIR_DOMAIN_METADATA_ELEMENT, "http://x"),
    ):
        assert code_of(d.metadata, what, uri) == libvirt.VIR_ERR_NO_DOMAIN_METADATA


@pytest.mark.parametrize("how", ["socket", "flag"])
def test_read_only_connections_are_refused_changes(server, how):
    conn = server.python(read_only=True) if how == "socket" else libvirt.openReadOnly(server.uri())
    try:
        d = conn.lookupByName("test")
        for call, args in (
            (d.destroy, ()),
            (d.suspend, ()),
            (d.undefine, ()),
            (d.setAutostart, (1,)),
            (d.create, ()),
            (conn.defineXML, (xml("new"),)),
            (conn.createXML, (xml("new"), 0)),
            (d.XMLDesc, (libvirt.VIR_DOMAIN_XML_SECURE,)),
        ):
            assert code_of(call, *args) == libvirt.VIR_ERR_OPERATION_DENIED
        assert d.isActive() == 1 and d.XMLDesc()
    finally:
        conn.close()


# --- events


class Events:
    def __init__(self, conn, domain=None):
        self.conn, self.seen = conn, []
        self.id = conn.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self.take, None)

    def take(self, _conn, domain, event, detail, _opaque):
        self.seen.append((domain.name(), event, detail))

    def wait(self, n):
        wait_until(lambda: len(self.seen) >= n, f"{n} events came ({self.seen})")
        return self.seen


LIFE = [
    (0, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (1, 0),
]  # defined, started, suspended, resumed, stopped, undefined


def live(conn, name):
    d = conn.defineXML(xml(name))
    d.create()
    d.suspend()
    d.resume()
    d.destroy()
    d.undefine()


def test_events_of_a_life_come_in_order(conn):
    events = Events(conn)
    live(conn, "vm1")
    assert events.wait(6) == [("vm1", *e) for e in LIFE]
    conn.domainEventDeregisterAny(events.id)


def test_events_reach_other_connections_in_the_order_of_each_domain(server, conn):
    watchers = [Events(server.python()) for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda i: live(conn, f"vm{i}"), range(20)))
    for w in watchers:
        w.wait(120)
        for i in range(20):
            assert [e[1:] for e in w.seen if e[0] == f"vm{i}"] == LIFE
        w.conn.domainEventDeregisterAny(w.id)


def test_two_registrations_give_every_event_twice(conn):
    # One for all domains and one for this: the library keeps two registrations with the server.
    d = conn.lookupByName("test")
    both = [Events(conn), Events(conn, d)]
    d.suspend()
    d.resume()
    for e in both:
        assert e.wait(2) == [("test", 3, 0), ("test", 4, 0)]
    conn.domainEventDeregisterAny(both[0].id)
    d.suspend()
    both[1].wait(3)
    assert len(both[0].seen) == 2
    conn.domainEventDeregisterAny(both[1].id)


def test_a_registration_for_one_domain_sees_no_other(conn):
    d = conn.defineXML(xml("vm1"))
    events = Events(conn, d)
    t = conn.lookupByName("test")
    t.suspend()
    t.resume()
    d.create()
    assert events.wait(1) == [("vm1", 2, 0)]
    conn.domainEventDeregisterAny(events.id)


def test_every_kind_of_event_can_be_registered(conn):
    ids = [conn.domainEventRegisterAny(None, n, lambda *_: None, None) for n in range(27)]
    assert len(set(ids)) == 27
    for i in ids:
        conn.domainEventDeregisterAny(i)


def test_reboot_is_an_event_of_its_own(conn, server):
    seen = []
    i = conn.domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, lambda _c, d, _o: seen.append(d.name()), None
    )
    conn.lookupByName("test").reboot()
    if server.kind == "drover":
        wait_until(lambda: seen == ["test"], "the event")
    conn.domainEventDeregisterAny(i)


# --- many at once


@pytest.mark.limit(300)
def test_50_threads_on_one_connection(conn):
    failures = []

    def work(n):
        try:
            d = conn.defineXML(xml(f"thread{n}"))
            for _ in range(10):
                d.create()
                assert conn.lookupByName(f"thread{n}").UUIDString() == d.UUIDString()
                assert d.info()[0] == libvirt.VIR_DOMAIN_RUNNING
                assert f"thread{n}" in d.XMLDesc()
                assert conn.getLibVersion() >= 9000000
                assert any(x.name() == f"thread{n}" for x in conn.listAllDomains())
                d.destroy()
            d.undefine()
        except Exception as e:
            failures.append((n, e))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(50)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    assert [d.name() for d in conn.listAllDomains()] == ["test"]


@pytest.mark.limit(300)
def test_8_connections_at_once(server):
    def work(n):
        c = server.python()
        for i in range(20):
            live(c, f"c{n}-{i}")
            assert c.lookupByName("test").isActive() == 1
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    assert [d.name() for d in server.python().listAllDomains()] == ["test"]


def test_one_domain_changed_by_many_at_once_stays_whole(conn, server):
    """Whoever loses the race gets the code for a wrong state, and nothing else."""
    d = conn.defineXML(xml("vm1"))
    codes = []

    def work(call):
        for _ in range(30):
            try:
                call()
            except libvirt.libvirtError as e:
                codes.append(e.get_error_code())

    threads = [
        threading.Thread(target=work, args=(c,)) for c in (d.create, d.destroy, d.suspend, d.resume) * 3
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    allowed = {libvirt.VIR_ERR_OPERATION_INVALID} | ({1} if server.kind == "libvirtd" else set())
    assert set(codes) <= allowed
    assert d.isActive() in (0, 1)


# --- keepalive and the end


@pytest.mark.parametrize("asks", ["client", "server"])
def test_keepalive_keeps_an_idle_connection_alive(make_server, asks):
    """Frames flow while nobody calls: seen in the bytes that a relay between them counts. Whoever hears
    the other ping has no reason to ask himself, so each side is tried on its own."""
    server = make_server({"keepalive_interval": 1 if asks == "server" else -1, "keepalive_count": 30})
    answers = "server" if asks == "client" else "client"
    relay = Relay(server.rw, server.directory + "/relay")
    conn = libvirt.open(f"test+unix:///default?socket={relay.path}")
    try:
        if asks == "client":
            conn.setKeepAlive(1, 30)
        wait_until(lambda: relay.pings[asks] >= 5 and relay.pongs[answers] >= 4, "pings and answers")
        assert relay.pings[answers] == relay.pongs[asks] == 0
        assert conn.isAlive() == 1
        assert conn.getLibVersion() > 0
    finally:
        conn.close()
        relay.close()


class Relay:
    """Passes bytes between one client and the server, and counts the keepalive frames in each direction."""

    def __init__(self, target, path):
        import socket

        self.path = path
        self.pings, self.pongs = {"client": 0, "server": 0}, {"client": 0, "server": 0}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.target = target
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        import select
        import socket

        client, _ = self.listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.target)
        names, rest = {client: "client", server: "server"}, {client: b"", server: b""}
        while True:
            for s in select.select([client, server], [], [])[0]:
                data = s.recv(65536)
                if not data:
                    client.close()
                    server.close()
                    return
                (server if s is client else client).sendall(data)
                rest[s] += data
                while len(rest[s]) >= 4 and len(rest[s]) >= (n := int.from_bytes(rest[s][:4], "big")):
                    f = wire.Frame(rest[s][4:n])
                    rest[s] = rest[s][n:]
                    if f.prog == wire.KEEPALIVE:
                        (self.pings if f.proc == wire.PING else self.pongs)[names[s]] += 1

    def close(self):
        self.listener.close()


def test_the_close_callback_says_eof_when_the_server_stops(make_server):
    server = make_server()
    conn, reasons = server.python(), []
    conn.registerCloseCallback(lambda _c, reason, _o: reasons.append(reason), None)
    server.terminate()
    assert server.ended() == 0
    wait_until(lambda: reasons == [libvirt.VIR_CONNECT_CLOSE_REASON_EOF], "the callback")
    assert conn.isAlive() == 0
    with pytest.raises(libvirt.libvirtError):
        conn.getLibVersion()


def test_the_close_callback_says_eof_when_the_server_is_killed(make_server):
    server = make_server()
    conn, reasons = server.python(), []
    conn.registerCloseCallback(lambda _c, reason, _o: reasons.append(reason), None)
    conns, server.clients = server.clients, []
    server.kill()
    wait_until(lambda: reasons == [libvirt.VIR_CONNECT_CLOSE_REASON_EOF], "the callback")
    for c in conns:
        c.close()


def test_close_callbacks_can_be_taken_back(conn):
    conn.registerCloseCallback(lambda *_: None, None)
    conn.unregisterCloseCallback()
    assert conn.getLibVersion() > 0


# --- streams


def receive(stream, size):
    """The next bytes of a stream made with VIR_STREAM_NONBLOCK; b"" at its end. libvirt's client waits for ever in a
    receive that blocks when its event loop takes the bytes from the socket a moment before."""
    return wait_until(lambda: [part for part in [stream.recv(size)] if part != -2], "data in the stream")[0]


def test_a_screenshot_is_downloaded_whole(conn):
    stream = conn.newStream(libvirt.VIR_STREAM_NONBLOCK)
    try:
        mime = conn.lookupByName("test").screenshot(stream, 0)
    except libvirt.libvirtError as e:
        if e.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            pytest.fail("the test driver must offer screenshots")
        raise
    data = bytearray()
    while piece := receive(stream, 65536):
        data += piece
    stream.finish()
    assert mime.startswith("image/")
    assert data


def test_a_download_can_be_broken_off(conn):
    for _ in range(20):
        stream = conn.newStream(libvirt.VIR_STREAM_NONBLOCK)
        try:
            conn.lookupByName("test").screenshot(stream, 0)
        except libvirt.libvirtError as e:
            if e.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
                pytest.fail("the test driver must offer screenshots")
            raise
        receive(stream, 10)
        stream.abort()
    assert conn.getLibVersion() > 0


def with_console(conn):
    d = conn.defineXML(xml("term", devices="<console type='pty'/>"))
    d.create()
    return d


@pytest.mark.drover("the peer's test driver has no console")
def test_the_console_greets_and_echoes(conn):
    stream = conn.newStream(libvirt.VIR_STREAM_NONBLOCK)
    with_console(conn).openConsole(None, stream, 0)
    greeting = b""
    while not greeting.endswith(b"\n"):
        greeting += receive(stream, 4096)
    for n in (1, 10, 1000, 8000):
        sent = bytes(i % 95 + 32 for i in range(n))
        assert stream.send(sent) == n
        received = b""
        while len(received) < n:
            received += receive(stream, 65536)
        assert received == sent
    stream.finish()
    assert conn.getLibVersion() > 0


@pytest.mark.drover("the peer's test driver has no console")
def test_the_console_in_the_event_loop(conn, server):
    # libvirt-python keeps a reference to the connection for each stream callback (close() answers 1)
    server.baseline += 1
    stream = conn.newStream(libvirt.VIR_STREAM_NONBLOCK)
    d = with_console(conn)
    d.openConsole(None, stream, 0)
    got, ended = bytearray(), []

    def happened(s, events, _):
        if events & libvirt.VIR_STREAM_EVENT_READABLE:
            data = s.recv(4096)
            if data == -2:
                return
            if data:
                got.extend(data)
            else:
                ended.append(True)
                s.eventUpdateCallback(0)

    stream.eventAddCallback(
        libvirt.VIR_STREAM_EVENT_READABLE | libvirt.VIR_STREAM_EVENT_HANGUP, happened, None
    )
    wait_until(lambda: got.endswith(b"\n"), "the greeting")
    got.clear()
    assert stream.send(b"hello\n") == 6
    wait_until(lambda: bytes(got) == b"hello\n", "the echo")
    d.destroy()
    wait_until(lambda: ended, "the end of the stream")
    stream.eventRemoveCallback()
    stream.abort()


@pytest.mark.drover("the peer's test driver has no console")
def test_a_console_that_is_taken_stopped_or_missing_is_refused(conn):
    d = with_console(conn)
    first = conn.newStream()
    d.openConsole(None, first, 0)
    assert code_of(d.openConsole, None, conn.newStream(), 0) == libvirt.VIR_ERR_OPERATION_FAILED
    second = conn.newStream()
    d.openConsole(None, second, libvirt.VIR_DOMAIN_CONSOLE_FORCE)
    second.abort()
    d.destroy()
    assert code_of(d.openConsole, None, conn.newStream(), 0) == libvirt.VIR_ERR_OPERATION_INVALID
    assert (
        code_of(conn.lookupByName("test").openConsole, None, conn.newStream(), 0)
        == libvirt.VIR_ERR_INTERNAL_ERROR
    )


def test_many_short_sessions(server):
    begin = time.monotonic()
    for _ in range(100):
        c = libvirt.open(server.uri())
        assert c.lookupByName("test").ID() == 1
        c.close()
    assert time.monotonic() - begin < 60 * server.slow
