# SPDX-License-Identifier: LGPL-2.1-or-later
"""Very many clients, and clients without end: floods of connections that say nothing, thousands that stay, certificates
that change while fifty call without a pause. DROVER_FLOOD=full gives each test its full size, which takes minutes."""

import os
import socket
import ssl
import subprocess
import threading

import pytest

import pki
import wire
from harness import wait_until
from test_sasl import sasl, sasl_server, tls_settings, tls_uri  # noqa: F401
from test_sasl import virsh as sasl_virsh
from test_tls import AUTH_LIST, asks, context, is_closed, place, python_tls, silent  # noqa: F401
from test_tls import shown_certificate, tls_server, virsh  # noqa: F401

pytestmark = pytest.mark.drover("libvirtd's keys for TLS need an option to listen at all")

FULL = os.environ.get("DROVER_FLOOD") == "full"
UPDATE_TLS = 18    # of the administration
CLOSE = wire.frame(wire.CONNECT_CLOSE, serial=2)


def size(full, quick):
    return full if FULL else quick


@pytest.fixture(scope="module")
def good(ca):  # noqa: F811
    """A client whose key is quick to use, as (key, certificate)."""
    return ca.issue("flood", ['cn = "flood"'] + pki.CLIENT)


# --- renewal


class Callers:
    """Threads that each call over a connection of their own without a pause, and keep what went wrong."""

    def __init__(self, connections):
        self.stopping = threading.Event()
        self.failures, self.calls = [], [0] * len(connections)
        self.threads = [threading.Thread(target=self.work, args=item) for item in enumerate(connections)]
        for thread in self.threads:
            thread.start()

    def work(self, number, s):
        try:
            while not self.stopping.is_set():
                asks(s)
                self.calls[number] += 1
        except Exception as e:  # whatever it is, it is a call that failed
            self.failures.append(repr(e))

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.limit(1200)
def test_renewals_while_clients_call_without_a_pause(place, ca, good):  # noqa: F811
    server, put = place
    pairs = [ca.server("flood1", kind="ecdsa"), ca.server("flood2", kind="ecdsa")]
    c = context(ca, *good)
    connections = [python_tls(server, ca, *good, c=c) for _ in range(size(50, 8))]
    admin = server.connect(server.admin)
    admin.call(1, wire.u32(0), prog=wire.ADMIN)
    descriptors = server.settled_descriptors()
    callers = Callers(connections)
    try:
        for turn in range(size(1000, 20)):
            before = shown_certificate(server)
            put(pairs[turn % 2])
            admin.call(UPDATE_TLS, wire.string("droverd") + wire.u32(0), prog=wire.ADMIN)
            assert shown_certificate(server) != before
            with python_tls(server, ca, *good, c=c) as new:
                asks(new)
            assert not callers.failures
    finally:
        callers.stop()
    assert not callers.failures and min(callers.calls) > 0
    wait_until(lambda: server.descriptors() <= descriptors, "no descriptor is left over", 60 * server.slow)
    print(f"{size(1000, 20)} renewals, {sum(callers.calls)} calls of {len(callers.calls)} clients beside them, "
          f"{len(callers.failures)} failed; descriptors {descriptors} before, {server.descriptors()} after")
    for s in connections:
        s.close()


# --- many that stay


@pytest.mark.limit(600)
@pytest.mark.parametrize("way", ["unix", "tls"])
def test_thousands_of_connections(tls_server, ca, good, way):  # noqa: F811
    """All are served, in any order, and nobody else notices them."""
    n = size(5000, 1000 if way == "unix" else 150)
    server = tls_server(max_clients=n + 100)
    if way == "unix":
        many = [server.open() for _ in range(n)]
        call = wire.Connection.version
    else:
        c = context(ca, *good)
        many = [python_tls(server, ca, *good, c=c) for _ in range(n)]
        call = asks
    assert all(many)
    for one in many[::2] + many[1::2]:
        assert call(one)
    assert server.serves()
    for one in many:
        one.close()


# --- many that say nothing


def half_hello(ca):  # noqa: F811
    """How a client begins."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        c.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    return out.read()


def all_are_closed(server, sockets, seconds):
    """Each of them reads the end within that time."""
    open_ones = list(sockets)

    def none_is_left():
        open_ones[:] = [s for s in open_ones if not is_closed(s)]
        return not open_ones

    wait_until(none_is_left, "the silent ones are closed", seconds)
    for s in sockets:
        s.close()


def new_ones_are_closed(server, *firsts):
    """Those that come while the limit is short, each beginning with one of these and saying no more."""
    server.reload(login_timeout=1)
    all_are_closed(server, [s for first in firsts for s in silent(server, 50, first)], 60 * server.slow)
    server.reload(login_timeout=600)


@pytest.mark.limit(300)
@pytest.mark.parametrize("n", [200, 5100])
def test_silent_connections_to_the_port_of_tls(tls_server, ca, client, good, n):  # noqa: F811
    server = tls_server(login_timeout=600)
    with python_tls(server, ca, *good) as before:
        flood = silent(server, min(n, size(n, 1500)))
        assert server.serves()    # the UNIX socket doesn't notice
        virsh(server, client, "list")    # nor does a new client of the same port have to wait for the limit
        asks(before)
        for s in flood:
            s.close()
        new_ones_are_closed(server, b"")
        asks(before)
    virsh(server, client, "list")


@pytest.mark.limit(300)
@pytest.mark.parametrize("n", [200, 5100])
def test_silent_connections_where_sasl_is_asked_for(sasl_server, ca, server_pair, client, sasl, good, n):  # noqa: F811
    """Some of them have a certificate, and then don't prove who they are."""
    server = sasl_server("SCRAM-SHA-256", **tls_settings(ca, server_pair, login_timeout=15))
    known = [python_tls(server, ca, *good) for _ in range(20)]
    flood = silent(server, min(n, size(n, 1500)))
    assert server.serves()
    sasl_virsh(server, tls_uri(server, client, sasl / "fred", "SCRAM-SHA-256"), "list")
    for s in known:
        s.settimeout(60 * server.slow)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            while s.recv(1):
                pass
            raise ConnectionError
        s.close()
    all_are_closed(server, flood, 60 * server.slow)
    sasl_virsh(server, tls_uri(server, client, sasl / "fred", "SCRAM-SHA-256"), "list")


def test_one_address_makes_room_for_itself_alone(tls_server, ca, good):  # noqa: F811
    server = tls_server(max_anonymous_clients=50, max_anonymous_per_address=3, listen_addr="0.0.0.0", login_timeout=600)
    port = int(server.config["tls_port"])

    def knock(address):
        return socket.create_connection(("127.0.0.1", port), 20 * server.slow, source_address=(address, 0))

    others = [knock("127.0.0.3") for _ in range(2)]
    flood = [knock("127.0.0.2")]

    def first_is_closed():
        flood.append(knock("127.0.0.2"))
        return is_closed(flood[0])

    wait_until(first_is_closed, "the oldest of its address goes for a new one", 60 * server.slow)
    assert not any(is_closed(s) for s in others)
    with knock("127.0.0.2") as raw, context(ca, *good).wrap_socket(raw) as s:
        assert s.recv(1) == b"\1" and asks(s)    # who does what he should comes in all the same
    for s in flood:
        s.close()
    for s in others:
        assert not is_closed(s)
        s.close()


# --- OpenSSL's own client


def s_client(server, ca, good, *options):  # noqa: F811
    """A session of `openssl s_client` that asks something three times and closes. What it got."""
    argv = ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{server.config['tls_port']}", "-CAfile", ca.cert,
            "-key", good[0], "-cert", good[1], *options]
    done = subprocess.run(argv, input=3 * AUTH_LIST + CLOSE, capture_output=True, timeout=60 * server.slow)
    return done.stdout


def answers_of(data):
    """The procedures that were answered well, behind the server's byte."""
    assert data[:1] == b"\1"
    at, procedures = 1, []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        f = wire.Frame(data[at + 4 : at + length])
        assert f.status == wire.OK
        procedures.append(f.proc)
        at += length
    return procedures


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_s_client(tls_server, ca, good, version):  # noqa: F811
    server = tls_server()
    assert answers_of(s_client(server, ca, good, version)) == [wire.AUTH_LIST] * 3 + [wire.CONNECT_CLOSE]


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_openssl_s_client_of_an_old_version_is_refused(tls_server, ca, good, version):  # noqa: F811
    server = tls_server()
    assert s_client(server, ca, good, version, "-cipher", "ALL:@SECLEVEL=0") == b""
    assert server.serves()


@pytest.mark.limit(300)
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_s_client_beside_half_open_ones(tls_server, ca, good, version):  # noqa: F811
    """Hundreds that begin a handshake and stop: with part of their first message, and with all of it, which costs the
    server a signature."""
    server = tls_server(max_anonymous_clients=100, max_anonymous_per_address=0, login_timeout=600)
    hello = half_hello(ca)
    with python_tls(server, ca, *good) as before:
        flood = silent(server, size(300, 100), hello[:40]) + silent(server, size(300, 100), hello)
        for _ in range(size(20, 3)):
            assert answers_of(s_client(server, ca, good, version))[-1] == wire.CONNECT_CLOSE
            asks(before)
            assert server.serves()
        for s in flood:
            s.close()
        new_ones_are_closed(server, hello[:40], hello)
        asks(before)


def test_openssl_s_client_by_the_dozen(tls_server, ca, good):  # noqa: F811
    server = tls_server()
    results = []
    threads = [
        threading.Thread(target=lambda v=v: results.append(answers_of(s_client(server, ca, good, v))))
        for v in ["-tls1_2", "-tls1_3"] * size(24, 4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(threads) and all(len(r) == 4 for r in results)


# --- nothing to do


def test_a_client_that_has_not_called_yet_costs_nothing(tls_server, ca, good):  # noqa: F811
    server = tls_server()
    c = context(ca, *good)
    waiting = [python_tls(server, ca, *good, c=c) for _ in range(4)]
    assert server.rests(1, 0.1)
    for s in waiting:
        s.close()
