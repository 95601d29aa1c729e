# SPDX-License-Identifier: LGPL-2.1-or-later
"""SASL with the real virsh on each kind of socket: mechanisms, passwords, the list of users, the security layer of plain
TCP, and what an unknown client may do."""

import hashlib
import os
import re
import socket
import ssl
import struct
import subprocess
import threading

import pytest

import harness
import wire
from harness import wait_until

pytestmark = pytest.mark.drover("libvirtd must be told where to listen with an option")

PASSWORD = "hunter2"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


@pytest.fixture(scope="module")
def sasl(tmp_path_factory):
    """A directory of settings and passwords, and what virsh says who it is with."""
    d = tmp_path_factory.mktemp("sasl")
    for user in ("fred", "wilma"):
        subprocess.run(
            ["saslpasswd2", "-p", "-c", "-f", str(d / "passwords"), "-a", "libvirt", user],
            input=PASSWORD,
            text=True,
            check=True,
        )
    for name, password in (("fred", PASSWORD), ("wilma", PASSWORD), ("bad", "wrong")):
        user = "fred" if name == "bad" else name
        (d / name).write_text(
            f"[credentials-one]\nauthname={user}\nusername={user}\npassword={password}\n[auth-libvirt-default]\ncredentials=one\n"
            f"[auth-libvirt-localhost]\ncredentials=one\n"
        )
    return d


@pytest.fixture(scope="module")
def pair(ca):
    return ca.server()


@pytest.fixture(scope="module")
def certificate(ca):
    return ca.client()


@pytest.fixture
def sasl_server(make_server, sasl, monkeypatch):
    def make(mechanisms, **settings):
        (sasl / "libvirt.conf").write_text(
            f"mech_list: {mechanisms}\npwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
            f"sasldb_path: {sasl / 'passwords'}\n"
        )
        monkeypatch.setenv("SASL_CONF_PATH", str(sasl))
        config = {"log_outputs": "2:stderr", "log_level": 2, "login_timeout": 20}
        config.update(settings)
        server = make_server(config, start=False)
        if "auth_unix_rw" in settings:
            server.hold_uri = None
        return server.start()

    return make


def tls_settings(ca, pair, **more):
    return dict(
        listen_tls=1, tls_port=free_port(), listen_addr="127.0.0.1", key_file=pair[0], cert_file=pair[1],
        ca_file=ca.cert, auth_tls="sasl", **more
    )  # fmt: skip


def virsh(server, uri, *args, ok=True, options=()):
    argv = ["virsh", "-c", uri] + list(options) + list(args)
    result = harness.run(argv, os.path.join(server.directory, "home"), "\n", 60 * server.slow)
    if ok is not None:
        assert (result.code == 0) == ok, f"{' '.join(argv)}: {result}\n{server.log()}"
    return result


def tls_uri(server, certificate, authfile, mechanism):
    port = server.config["tls_port"]
    return f"test+tls://127.0.0.1:{port}/default?pkipath={certificate}&auth=sasl.{mechanism}&authfile={authfile}"


def tcp_uri(server, authfile, query=""):
    return f"test+tcp://127.0.0.1:{server.config['tcp_port']}/default?authfile={authfile}{query}"


def unix_uri(server, authfile, mechanism, path=None):
    return f"test+unix:///default?socket={path or server.rw}&auth=sasl.{mechanism}&authfile={authfile}"


# --- TLS


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "DIGEST-MD5", "PLAIN"])
def test_over_tls(sasl_server, ca, pair, certificate, sasl, mechanism):
    server = sasl_server("SCRAM-SHA-256 DIGEST-MD5 PLAIN ANONYMOUS", **tls_settings(ca, pair))
    assert "test" in virsh(server, tls_uri(server, certificate, sasl / "fred", mechanism), "list", "--name").out
    assert "is 'fred" in server.log()
    refused = virsh(server, tls_uri(server, certificate, sasl / "bad", mechanism), "list", ok=False)
    assert "authentication failed" in refused.err
    assert "could not prove who it is" in server.log()
    assert server.serves()


def test_anonymous_is_never_offered(sasl_server, ca, pair, certificate, sasl):
    server = sasl_server("ANONYMOUS SCRAM-SHA-256", **tls_settings(ca, pair))
    virsh(server, tls_uri(server, certificate, sasl / "fred", "ANONYMOUS"), "list", ok=False)


def test_list_of_users(sasl_server, ca, pair, certificate, sasl):
    settings = tls_settings(ca, pair, sasl_allowed_username_list=["wil*", "barney"])
    server = sasl_server("SCRAM-SHA-256", **settings)
    virsh(server, tls_uri(server, certificate, sasl / "wilma", "SCRAM-SHA-256"), "list")
    virsh(server, tls_uri(server, certificate, sasl / "fred", "SCRAM-SHA-256"), "list", ok=False)
    assert "sasl_allowed_username_list does not have 'fred" in server.log()


# --- TCP


def test_tcp_is_encrypted_by_the_mechanism(sasl_server, sasl, tmp_path):
    server = sasl_server("DIGEST-MD5 SCRAM-SHA-256 PLAIN", listen_tcp=1, tcp_port=free_port(), listen_addr="127.0.0.1")
    uri = tcp_uri(server, sasl / "fred")
    assert "test" in virsh(server, uri, "list", "--name").out
    document = tmp_path / "large.xml"
    text = "x" * 700000
    document.write_text(
        "<domain type='test'><name>large</name><description>" + text + "</description>"
        "<memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    assert text in virsh(server, uri, f"define {document}; dumpxml large").out
    virsh(server, tcp_uri(server, sasl / "bad"), "list", ok=False)


def test_tcp_offers_nothing_that_does_not_encrypt(sasl_server, sasl):
    server = sasl_server("SCRAM-SHA-256 PLAIN", listen_tcp=1, tcp_port=free_port(), listen_addr="127.0.0.1")
    virsh(server, tcp_uri(server, sasl / "fred"), "list", ok=False)
    assert server.serves()


def test_tcp_without_proof_when_that_is_asked_for(make_server):
    server = make_server({"listen_tcp": 1, "tcp_port": free_port(), "listen_addr": "127.0.0.1", "auth_tcp": "none"})
    assert "test" in virsh(server, f"test+tcp://127.0.0.1:{server.config['tcp_port']}/default", "list", "--name").out
    assert "can do everything" in server.log()


def test_nothing_listens_unless_asked_for(make_server):
    port = free_port()
    make_server({"tcp_port": port, "tls_port": port, "listen_addr": "127.0.0.1"})
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)), 5)


# --- UNIX


def test_unix_sockets(sasl_server, sasl):
    server = sasl_server("SCRAM-SHA-256 PLAIN", auth_unix_rw="sasl", auth_unix_ro="sasl")
    assert "test" in virsh(server, unix_uri(server, sasl / "fred", "SCRAM-SHA-256"), "list", "--name").out
    ro = unix_uri(server, sasl / "fred", "SCRAM-SHA-256", server.ro)
    assert "test" in virsh(server, ro, "list", "--name", options=["-r"]).out
    virsh(server, unix_uri(server, sasl / "bad", "SCRAM-SHA-256"), "list", ok=False)
    # a password in clear has no place where nothing encrypts
    virsh(server, unix_uri(server, sasl / "fred", "PLAIN"), "list", ok=False)


# --- the wire


def chars(data):
    """An array of char, as this dialect of XDR has it: four bytes each."""
    return struct.pack(">I", len(data)) + b"".join(struct.pack(">I", b) for b in data)


def test_nothing_else_before_the_proof(sasl_server):
    server = sasl_server("SCRAM-SHA-256", auth_unix_rw="sasl")
    with server.connect() as c:
        ways = c.call(wire.AUTH_LIST)
        assert ways.array(ways.u32) == [1]
        for proc in (wire.CONNECT_SUPPORTS_FEATURE, wire.CONNECT_OPEN, wire.CONNECT_GET_VERSION, wire.DOMAIN_DESTROY):
            with pytest.raises(wire.RemoteError) as e:
                c.call(proc, wire.u32(10))
            assert (e.value.code, e.value.domain) == (wire.RPC, 7)
        with pytest.raises(wire.RemoteError):
            c.call(wire.AUTH_SASL_STEP, wire.u32(1) + chars(b""))
        assert c.call(wire.AUTH_SASL_INIT).string() == "SCRAM-SHA-256"
        with pytest.raises(wire.RemoteError):
            c.call(wire.AUTH_POLKIT)


def test_three_failures_end_the_connection(sasl_server):
    server = sasl_server("SCRAM-SHA-256", auth_unix_rw="sasl")
    with server.connect() as c:
        for _ in range(3):
            c.call(wire.AUTH_SASL_INIT)
            with pytest.raises(wire.RemoteError) as e:
                c.call(wire.AUTH_SASL_START, wire.string("SCRAM-SHA-256") + wire.u32(0) + chars(b"nonsense"))
            assert (e.value.code, e.value.domain) == (45, 7)
        with pytest.raises((wire.Closed, ConnectionError)):
            c.call(wire.AUTH_LIST)


def test_login_that_is_not_finished_is_closed_in_time(sasl_server):
    server = sasl_server("SCRAM-SHA-256", auth_unix_rw="sasl", login_timeout=3)
    with server.connect() as c:
        c.call(wire.AUTH_SASL_INIT)
        wait_until(lambda: "has not logged in within 3 s" in server.log(), "it is closed", 60 * server.slow)
        with pytest.raises((wire.Closed, ConnectionError)):
            c.call(wire.AUTH_LIST)
            c.call(wire.AUTH_LIST)


# --- a database that hangs


class Saslauthd:
    """A saslauthd whose answers don't come until `release`; then it lets everybody in."""

    def __init__(self, directory):
        self.released, self.asked = threading.Event(), []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(directory, "mux"))
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.asked.append(connection)
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        connection.recv(4096)
        self.released.wait()
        try:
            connection.sendall(struct.pack(">H", 2) + b"OK")
        except OSError:
            pass

    def close(self):
        self.released.set()
        self.listener.close()


@pytest.fixture
def hanging(sasl, ca, pair, scratch, monkeypatch, make_server):
    """A server for TLS whose passwords are checked by somebody who doesn't answer."""
    daemon = Saslauthd(scratch)
    (sasl / "libvirt.conf").write_text(
        f"mech_list: PLAIN\npwcheck_method: saslauthd\nsaslauthd_path: {os.path.join(scratch, 'mux')}\n"
    )
    monkeypatch.setenv("SASL_CONF_PATH", str(sasl))
    config = {"log_outputs": "2:stderr", "log_level": 2, "login_timeout": 60, "max_workers": 4, "min_workers": 1}
    config["prio_workers"] = 2
    server = make_server({**config, **tls_settings(ca, pair)})
    server.saslauthd = daemon
    yield server
    daemon.close()


def test_a_password_check_that_hangs_holds_up_nobody_else(hanging, certificate, sasl, tmp_path):
    server = hanging
    uri = tls_uri(server, certificate, sasl / "fred", "PLAIN")
    waiting = [
        subprocess.Popen(
            ["virsh", "-c", uri, "list", "--name"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=harness.client_environment(os.path.join(server.directory, "home")),
        )
        for _ in range(12)
    ]
    try:
        # one of four workers, and one of two for urgent calls: the others wait for their turn
        wait_until(lambda: len(server.saslauthd.asked) == 2, "passwords are being checked", 60 * server.slow)
        document = tmp_path / "d.xml"
        document.write_text("<domain type='test'><name>d</name><memory>1024</memory><os><type>hvm</type></os></domain>")
        for _ in range(3):
            server.virsh("define", str(document))
            server.virsh("start", "d")
            server.virsh("destroy", "d")
            server.virsh("undefine", "d")
        # handshakes go on as well
        with socket.create_connection(("127.0.0.1", int(server.config["tls_port"])), 5) as s:
            context = ssl.create_default_context(cafile=os.path.join(certificate, "cacert.pem"))
            context.load_cert_chain(
                os.path.join(certificate, "clientcert.pem"), os.path.join(certificate, "clientkey.pem")
            )
            s.settimeout(60 * server.slow)
            with context.wrap_socket(s, server_hostname="localhost") as tls:
                assert tls.recv(1) == b"\x01"
        assert len(server.saslauthd.asked) == 2 and all(p.poll() is None for p in waiting)
    finally:
        server.saslauthd.released.set()
        ends = [p.communicate(timeout=60 * server.slow)[0] for p in waiting]
    assert all("test" in end for end in ends), ends


# --- what follows the last step


def read_chars(reader):
    return bytes(reader.u32() for _ in range(reader.u32()))


def digest_response(challenge, protection):
    """What a client of DIGEST-MD5 answers (RFC 2831)."""
    words = dict(re.findall(r'(\w+)="?([^",]*(?:,[^"=]*)?)"?(?:,|$)', challenge))
    realm, nonce = words.get("realm", ""), words["nonce"]
    cipher = re.search(r'cipher="([^",]*)', challenge)
    uri, cnonce, count = "libvirt/localhost", "c2l4dGVlbiBieXRlcw", "00000001"

    def h(data):
        return hashlib.md5(data).digest()

    a1 = h(f"fred:{realm}:{PASSWORD}".encode()) + f":{nonce}:{cnonce}".encode()
    a2 = f"AUTHENTICATE:{uri}" + ("" if protection == "auth" else ":" + "0" * 32)
    key, end = h(a1).hex(), h(a2.encode()).hex()
    response = h(f"{key}:{nonce}:{count}:{cnonce}:{protection}:{end}".encode()).hex()
    text = (
        f'username="fred",realm="{realm}",nonce="{nonce}",cnonce="{cnonce}",nc={count},qop={protection},'
        f'digest-uri="{uri}",response={response}'
    )
    if protection == "auth-conf":
        text += f',cipher="{cipher.group(1)}"'
    return text.encode()


def prove_and_go_on(c, protection):
    """Sends the last step of DIGEST-MD5 and, in the same packet, a call that may only follow it."""
    c.call(wire.AUTH_SASL_INIT)
    reply = c.call(wire.AUTH_SASL_START, wire.string("DIGEST-MD5") + wire.u32(1) + chars(b""))
    reply.i32(), reply.i32()
    response = digest_response(read_chars(reply).decode(), protection)
    step = wire.frame(wire.AUTH_SASL_STEP, wire.u32(0) + chars(response), serial=71)
    c.send(step + wire.frame(wire.CONNECT_OPEN, wire.optional(wire.string("test:///default")) + wire.u32(0), serial=72))
    assert c.reply(71).status == wire.OK


def test_what_follows_the_last_step_is_served_where_nothing_changes(sasl_server):
    server = sasl_server("DIGEST-MD5", auth_unix_rw="sasl")
    with server.connect() as c:
        prove_and_go_on(c, "auth")
        assert c.reply(72).status == wire.OK


def test_what_follows_in_clear_where_encryption_begins_ends_the_connection(sasl_server):
    server = sasl_server("DIGEST-MD5", listen_tcp=1, tcp_port=free_port(), listen_addr="127.0.0.1")
    for n in range(1, 21):  # the worker that proves it and the thread that reads race
        with server.connect() as c:
            c.sock.close()
            c.sock = socket.create_connection(("127.0.0.1", int(server.config["tcp_port"])), 20)
            prove_and_go_on(c, "auth-conf")
            with pytest.raises((wire.Closed, ConnectionError)):
                c.receive()
        assert server.log().count("did not wait for the end of its login") == n


def test_no_call_is_served_after_the_last_failure(sasl_server):
    server = sasl_server("SCRAM-SHA-256", auth_unix_rw="sasl")
    start = wire.frame(wire.AUTH_SASL_START, wire.string("SCRAM-SHA-256") + wire.u32(0) + chars(b"nonsense"), serial=50)
    for _ in range(20):
        with server.connect() as c:
            c.send(b"".join(wire.frame(wire.AUTH_SASL_INIT, serial=40) + start for _ in range(3)) + wire.frame(wire.AUTH_LIST, serial=60))
            seen = []
            with pytest.raises((wire.Closed, ConnectionError)):
                while True:
                    seen.append(c.receive().serial)
        assert seen == [40, 50] * 3
