# SPDX-License-Identifier: LGPL-2.1-or-later
"""TLS with the real virsh: who comes in, who doesn't, and what that costs the others."""

import os
import re
import shutil
import socket
import ssl
import struct
import subprocess

import pytest

import harness
import pki
import wire
from harness import wait_until

pytestmark = pytest.mark.drover("libvirtd's keys for TLS need an option to listen at all")


def free_port(family=socket.AF_INET, host="127.0.0.1"):
    with socket.socket(family) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


@pytest.fixture
def tls_server(make_server, ca, server_pair):
    def make(pair=None, start=True, **settings):
        key, cert = pair or server_pair
        config = {
            "listen_tls": 1,
            "tls_port": str(free_port()),
            "listen_addr": "127.0.0.1",
            "key_file": key,
            "cert_file": cert,
            "ca_file": ca.cert,
            "log_outputs": "2:stderr",
            "log_level": 2,
        }
        config.update(settings)
        return make_server(config, start=start)

    return make


def virsh(server, pkipath, *args, host="127.0.0.1", ok=True, query="", options=()):
    host = f"[{host}]" if ":" in host else host
    uri = f"test+tls://{host}:{server.config['tls_port']}/default?pkipath={pkipath}{query}"
    argv = ["virsh", "-c", uri] + list(options) + list(args)
    result = harness.run(argv, os.path.join(server.directory, "home"), None, 60 * server.slow)
    if ok is not None:
        assert (result.code == 0) == ok, f"{' '.join(argv)}: {result}\n{server.log()}"
    return result


# --- those who come in


def test_virsh_lists_over_tls(tls_server, client):
    server = tls_server()
    assert ["1", "test", "running"] in virsh(server, client, "list", "--all").rows()


@pytest.mark.parametrize("version", ["TLS1.2", "TLS1.3"])
def test_virsh_speaks_each_version(tls_server, client, version):
    server = tls_server(tls_priority=f"NORMAL:-VERS-ALL:+VERS-{version}")
    assert "test" in virsh(server, client, "list", "--name").out


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_ecdsa_on_both_sides(tls_server, ca, version):
    key, cert = ca.issue("ec-client", ['cn = "ec"', "tls_www_client"])
    server = tls_server(pair=ca.server("ec-server", kind="ecdsa"))
    s = python_tls(server, ca, key, cert, c=context(ca, key, cert, version))
    assert s.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]
    s.close()


def test_ipv6(tls_server, client):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        port = free_port(socket.AF_INET6, "::1")
    except OSError:
        pytest.skip("no IPv6 here")
    server = tls_server(listen_addr="::1", tls_port=str(port))
    assert "test" in virsh(server, client, "list", "--name", host="::1").out


def test_every_address_is_listened_on_unless_one_is_named(tls_server, client):
    server = tls_server(listen_addr="")
    assert "test" in virsh(server, client, "list", "--name").out
    try:
        socket.create_connection(("::1", int(server.config["tls_port"])), 20).close()
    except OSError:
        pytest.skip("no IPv6 here")
    assert "test" in virsh(server, client, "list", "--name", host="::1").out


def test_ipv6_without_tls(make_server):
    try:
        port = free_port(socket.AF_INET6, "::1")
    except OSError:
        pytest.skip("no IPv6 here")
    server = make_server({"listen_tcp": 1, "auth_tcp": "none", "tcp_port": str(port), "listen_addr": "::1"})
    uri = f"test+tcp://[::1]:{port}/default"
    assert "test" in harness.run(["virsh", "-c", uri, "list", "--name"], os.path.join(server.directory, "home")).out
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 5)    # nobody asked for that one


def test_long_answers_and_documents_come_whole(tls_server, client, tmp_path):
    server = tls_server()
    document = tmp_path / "large.xml"
    text = "x" * 1500000
    document.write_text(
        "<domain type='test'><name>large</name><description>" + text + "</description>"
        "<memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    virsh(server, client, f"define {document}")
    assert text in virsh(server, client, "dumpxml", "large").out


def test_read_only_is_what_the_client_asks_for(tls_server, client):
    server = tls_server()
    assert virsh(server, client, "list", options=["-r"]).code == 0
    assert "read only" in virsh(server, client, "destroy test", options=["-r"], ok=False).err


def test_dn_list_with_wildcards(tls_server, client):
    server = tls_server(tls_allowed_dn_list=["CN=nobody", "*CN=cli?nt*"])
    virsh(server, client, "list")


def test_no_verify_lets_everybody_in(tls_server, ca):
    server = tls_server(tls_no_verify_certificate=1)
    virsh(server, ca.pkipath("nocert-noverify"), "list")


# --- those who don't


def refused(server, pkipath, reason, query=""):
    virsh(server, pkipath, "list", ok=False, query=query)
    if reason:
        wait_until(lambda: reason in server.log(), f"the log says '{reason}'")
    assert server.serves()


# virsh looks at its own certificate first, unless it is told not to.
NO_SANITY = "&no_sanity=1"


def test_client_of_another_authority(tls_server, ca, tmp_path):
    """GnuTLS's client shows a certificate only when it has the name of an authority that the server asks for."""
    for number, (name, said) in enumerate([("somebody else", "handshake failed"), ("drover tests", "is NOT trusted")]):
        other = pki.Authority(str(tmp_path / name), name)
        key, cert = other.issue("stranger", ['cn = "stranger"'] + pki.CLIENT, "rsa")
        server = tls_server()
        refused(server, ca.pkipath(f"stranger{number}", key, cert), said, NO_SANITY)
        assert not python_tls(server, ca, key, cert)
        wait_until(lambda: "was refused: The certificate is NOT trusted" in server.log(), "the log says why")


def test_client_refuses_a_server_of_another_authority(tls_server, ca, tmp_path):
    other = pki.Authority(str(tmp_path / "other"), "somebody else")
    server = tls_server(pair=other.server(), ca_file=other.cert)
    assert "certificate" in virsh(server, ca.client("loyal"), "list", ok=False).err
    assert server.serves()


def test_expired_client(tls_server, ca):
    dates = ['activation_date = "2020-01-01 00:00:00"', 'expiration_date = "2021-01-01 00:00:00"']
    key, cert = ca.issue("expired", ['cn = "expired"'] + pki.CLIENT + dates, "rsa")
    server = tls_server()
    refused(server, ca.pkipath("expired", key, cert), "expired", NO_SANITY)
    assert not python_tls(server, ca, key, cert)


def test_client_whose_certificate_is_for_later(tls_server, ca):
    dates = ['activation_date = "2096-01-01 00:00:00"', 'expiration_date = "2097-01-01 00:00:00"']
    key, cert = ca.issue("early", ['cn = "early"'] + pki.CLIENT + dates, "rsa")
    refused(tls_server(), ca.pkipath("early", key, cert), "not yet", NO_SANITY)


def test_revoked_client(tls_server, ca):
    directory = ca.client("revoked")
    crl = ca.revoke(os.path.join(directory, "clientcert.pem"))
    server = tls_server(crl_file=crl)
    refused(server, directory, "was refused: The certificate is NOT trusted. The certificate chain is revoked")


def test_a_list_of_revoked_that_has_become_old_goes_on_counting(tls_server, ca, client):
    revoked = ca.client("revoked-long-ago")
    dates = ['crl_this_update_date = "2020-01-01 00:00:00"', 'crl_next_update_date = "2021-01-01 00:00:00"']
    crl = ca.revoke(os.path.join(revoked, "clientcert.pem"), lines=dates + ["crl_number = 1"])
    server = tls_server(crl_file=crl)
    virsh(server, client, "list")
    refused(server, revoked, "The certificate chain is revoked")


def test_client_without_certificate(tls_server, ca):
    refused(tls_server(), ca.pkipath("nocert"), "handshake failed")


def test_certificate_that_is_for_servers(tls_server, ca):
    key, cert = ca.server("not-a-client")
    refused(tls_server(), ca.pkipath("not-a-client", key, cert), "was refused", NO_SANITY)


def test_dn_that_is_not_listed(tls_server, client):
    server = tls_server(tls_allowed_dn_list=["CN=somebody"])
    refused(server, client, "tls_allowed_dn_list does not have")


def test_empty_dn_list_lets_nobody_in(tls_server, client):
    refused(tls_server(tls_allowed_dn_list=[]), client, "tls_allowed_dn_list does not have")


def test_client_refuses_a_server_with_another_name(tls_server, ca, client):
    server = tls_server(pair=ca.server("elsewhere", cn="elsewhere.example"))
    assert "elsewhere" in virsh(server, client, "list", ok=False).err or server.alive()
    virsh(server, client, "list", query="&no_verify=1")


# --- certificates that can't serve


def does_not_start(server, words):
    server.hold_uri = None
    server.launch()
    assert server.ended() == 1
    assert words in server.log()


def test_expired_server_certificate_stops_the_start(tls_server, ca):
    dates = ['activation_date = "2020-01-01 00:00:00"', 'expiration_date = "2021-01-01 00:00:00"']
    does_not_start(tls_server(pair=ca.server("old", dates), start=False), "it has expired")


def test_key_of_another_certificate_stops_the_start(tls_server, ca, server_pair):
    does_not_start(tls_server(pair=(ca.make_key("odd"), server_pair[1]), start=False), "doesn't belong to")


def test_client_certificate_stops_the_start(tls_server, ca):
    pair = ca.issue("wrong-purpose", ['cn = "localhost"'] + pki.CLIENT)
    does_not_start(tls_server(pair=pair, start=False), "it is not for a server")


def test_certificate_of_another_authority_stops_the_start(tls_server, tmp_path):
    other = pki.Authority(str(tmp_path / "other"), "somebody else")
    does_not_start(tls_server(pair=other.server(), start=False), "doesn't fit those of authorities")


def test_no_sanity_starts_all_the_same(tls_server, ca):
    dates = ['activation_date = "2020-01-01 00:00:00"', 'expiration_date = "2021-01-01 00:00:00"']
    assert tls_server(pair=ca.server("old2", dates), tls_no_sanity_certificate=1).alive()


def test_missing_file_is_named(tls_server):
    does_not_start(tls_server(ca_file="/nonexistent/ca.pem", start=False), "/nonexistent/ca.pem")


# --- a client without GnuTLS


def context(ca, key, cert, version=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.load_verify_locations(ca.cert)
    if cert:
        c.load_cert_chain(cert, key)
    if version:
        c.maximum_version = version
    return c


def python_tls(server, ca, key, cert, session=None, c=None):
    """Connects as a client without GnuTLS; the socket when the server has sent its byte, else None."""
    c = c or context(ca, key, cert)
    raw = socket.create_connection(("127.0.0.1", int(server.config["tls_port"])), 60 * server.slow)
    try:
        s = c.wrap_socket(raw, session=session)
        byte = s.recv(1)
    except (ssl.SSLError, ConnectionError):
        raw.close()
        return None
    if byte != b"\1":
        s.close()
        return None
    return s


# --- renewal


@pytest.fixture
def place(tls_server, ca, server_pair, tmp_path):
    """A server with certificates of its own, and what replaces them as a renewal does."""
    paths = {"key_file": tmp_path / "key.pem", "cert_file": tmp_path / "cert.pem"}

    def put(pair):
        for path, source in zip(paths.values(), pair):
            aside = str(path) + ".new"
            shutil.copy(source, aside)
            os.rename(aside, path)

    put(server_pair)
    server = tls_server(**{k: str(v) for k, v in paths.items()})
    return server, put


def shown_certificate(server):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", int(server.config["tls_port"])), 20) as raw:
        with c.wrap_socket(raw) as s:
            return s.getpeercert(True)


def test_renewed_certificate_is_taken(place, ca, client):
    server, put = place
    before = shown_certificate(server)
    put(ca.server("renewed"))
    wait_until(lambda: shown_certificate(server) != before, "the new certificate is shown")
    virsh(server, client, "list")
    assert "new certificates for TLS are taken" in server.log()


def test_virt_admin_sees_who_came_and_renews(place, ca, client):
    server, put = place
    conn = subprocess.Popen(
        ["virsh", "-q", "-c", f"test+tls://127.0.0.1:{server.config['tls_port']}/default?pkipath={client}"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )
    try:
        def rows():
            return [row for row in server.virt_admin("client-list", "droverd").out.splitlines() if " tls " in row]

        number = wait_until(rows, "the client is listed as one of TLS")[0].split()[0]
        shown = wait_until(
            lambda: [out for out in [server.virt_admin("client-info", "droverd", number).out] if "dname" in out], "its name"
        )[0]
        assert re.search(r"^sock_addr\s*: 127\.0\.0\.1:\d+$", shown, re.M)
        assert re.search(r"^tls_x509_dname\s*: .*CN=", shown, re.M)
    finally:
        conn.communicate()
    before = shown_certificate(server)
    put(ca.server("by-hand"))
    server.virt_admin("server-update-tls", "droverd")
    assert shown_certificate(server) != before
    put((ca.make_key("by-hand-alien"), ca.path("server.pem")))
    assert "key" in server.virt_admin("server-update-tls", "droverd", ok=False).err


def test_bad_renewal_is_refused_with_an_alarm(place, ca, client):
    server, put = place
    before = shown_certificate(server)
    put((ca.make_key("alien"), ca.path("server.pem")))
    wait_until(lambda: "ALARM" in server.log(), "the log has an alarm")
    assert shown_certificate(server) == before
    virsh(server, client, "list")
    dates = ['activation_date = "2020-01-01 00:00:00"', 'expiration_date = "2021-01-01 00:00:00"']
    put(ca.server("renewed-old", dates))
    wait_until(lambda: "it has expired" in server.log(), "the log says why")
    assert shown_certificate(server) == before
    put(ca.server("renewed-good"))
    wait_until(lambda: shown_certificate(server) != before, "a good one is taken then")


def test_end_within_a_month_is_told(tls_server, ca):
    server = tls_server(pair=ca.server("ends", ["expiration_days = 20"]))
    wait_until(lambda: "expires in 19 days" in server.log() or "expires in 20 days" in server.log(), "it warns")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumed_session_meets_the_new_list_of_revoked(tls_server, ca, tmp_path, version):
    key, cert = ca.issue("goes" + version.name, ['cn = "goes"'] + pki.CLIENT)
    crl = tmp_path / "crl.pem"
    shutil.copy(ca.revoke(), crl)
    server = tls_server(crl_file=str(crl))
    c = context(ca, key, cert, version)
    with python_tls(server, ca, key, cert, c=c) as first:
        asks(first)
        session = first.session
    with python_tls(server, ca, key, cert, session, c) as again:
        assert again.session_reused
    aside = str(crl) + ".new"
    shutil.copy(ca.revoke(cert), aside)
    os.rename(aside, crl)
    wait_until(lambda: "new certificates for TLS are taken" in server.log(), "the list is taken")
    assert not python_tls(server, ca, key, cert, session, c)
    wait_until(lambda: "revoked" in server.log(), "the log says why")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumed_session_meets_the_new_list_of_names(tls_server, ca, version):
    key, cert = ca.issue("listed" + version.name, ['cn = "listed"'] + pki.CLIENT)
    server = tls_server(tls_allowed_dn_list=["CN=listed"])
    c = context(ca, key, cert, version)
    with python_tls(server, ca, key, cert, c=c) as first:
        asks(first)
        session = first.session
    with python_tls(server, ca, key, cert, session, c) as again:
        assert again.session_reused
        asks(again)
    server.reload(tls_allowed_dn_list=["CN=another"])
    assert not python_tls(server, ca, key, cert, session, c)
    wait_until(lambda: "tls_allowed_dn_list does not have" in server.log(), "the log says why")
    server.reload(tls_allowed_dn_list=["CN=l?sted"])
    with python_tls(server, ca, key, cert, c=c) as welcome:
        asks(welcome)


@pytest.mark.limit(300)
def test_renewal_while_clients_call(place, ca):
    """No call fails and no connection is refused, whatever is replaced meanwhile."""
    server, put = place
    pairs = [ca.server("turn1", kind="ecdsa"), ca.server("turn2")]
    key, cert = ca.issue("calls", ['cn = "calls"'] + pki.CLIENT)
    c = context(ca, key, cert)
    staying = [python_tls(server, ca, key, cert, c=c) for _ in range(5)]
    for i in range(10):
        before = shown_certificate(server)
        put(pairs[i % 2])

        def taken():
            for s in staying:
                asks(s)
            with python_tls(server, ca, key, cert, c=c) as new:
                asks(new)
            return shown_certificate(server) != before

        wait_until(taken, "the new certificate is shown")
    for s in staying:
        s.close()


# --- half-open connections


def silent(server, n, first=b""):
    """Connections that say nothing, or only this."""
    made = []
    for _ in range(n):
        s = socket.create_connection(("127.0.0.1", int(server.config["tls_port"])), 60 * server.slow)
        if first:
            s.sendall(first)
        made.append(s)
    return made


def is_closed(s):
    s.settimeout(0)
    try:
        return s.recv(4096) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_login_that_is_not_finished_is_closed_in_time(tls_server, client):
    server = tls_server(login_timeout=1)
    # the head of a record that never comes
    waiting = silent(server, 3) + silent(server, 3, b"\x16\x03\x01\x02\x00\x01")
    wait_until(lambda: all(is_closed(s) for s in waiting), "all are closed", 60 * server.slow)
    server.reload(login_timeout=600)    # a second may be too little for who does what he should, on a busy machine
    virsh(server, client, "list")


@pytest.mark.limit(300)
@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["silent", "begun"])
def test_hundreds_of_half_open_connections(tls_server, ca, client, first):
    """They fill neither their own port nor any other door."""
    key, cert = ca.issue("good" + str(len(first)), ['cn = "good"'] + pki.CLIENT)
    most = 100
    server = tls_server(max_anonymous_clients=most, max_anonymous_per_address=most // 2)
    with python_tls(server, ca, key, cert) as before:
        flood = silent(server, 500, first)
        assert server.serves()
        asks(before)
        virsh(server, client, "list")
        asks(before)
        wait_until(lambda: sum(not is_closed(s) for s in flood) <= most, "room was made", 60 * server.slow)
        for s in flood:
            s.close()
    assert "too many connections have not logged in" in server.log()


def test_a_flood_of_one_port_leaves_the_others(tls_server, client):
    """The limit is each port's own: here TLS is full of clients that may stay for long, and TCP serves."""
    tcp = str(free_port())
    server = tls_server(
        max_anonymous_clients=3, max_anonymous_per_address=0, login_timeout=600, listen_tcp=1, tcp_port=tcp, auth_tcp="none"
    )
    flood = silent(server, 20)
    uri = f"test+tcp://127.0.0.1:{tcp}/default"
    for _ in range(3):
        assert harness.run(["virsh", "-c", uri, "list"], os.path.join(server.directory, "home")).code == 0
        assert server.serves()
    with socket.create_connection(("127.0.0.1", int(tcp)), 20) as s:    # one that has no login to finish is no half-open one
        held = [socket.create_connection(("127.0.0.1", int(tcp)), 20) for _ in range(10)]
        s.sendall(AUTH_LIST)
        assert len(s.recv(4096)) == 36
        assert not any(is_closed(one) for one in held)
    virsh(server, client, "list")
    for one in flood + held:
        one.close()


def test_max_anonymous_clients_recovers(tls_server, client):
    server = tls_server(max_anonymous_clients=1, max_anonymous_per_address=0)
    flood = silent(server, 5)
    virsh(server, client, "list")
    for s in flood:
        s.close()
    virsh(server, client, "list")


# --- sessions


AUTH_LIST = struct.pack(">7I", 28, wire.REMOTE, 1, wire.AUTH_LIST, wire.CALL, 0, wire.OK)


def asks(s):
    """One call; the answer's bytes. The ticket of TLS 1.3 has come then."""
    s.sendall(AUTH_LIST)
    answer = b""
    while len(answer) < 36:
        part = s.recv(4096)
        assert part
        answer += part
    return answer


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(tls_server, ca, version):
    key, cert = ca.issue("resumes", ['cn = "resumes"'] + pki.CLIENT)
    server = tls_server()
    c = context(ca, key, cert, version)
    first = python_tls(server, ca, key, cert, c=c)
    asks(first)
    session = first.session
    first.close()
    with python_tls(server, ca, key, cert, session, c) as second:
        assert second.session_reused
        asks(second)


def test_many_calls_in_one_record(tls_server, ca):
    key, cert = ca.issue("pipelines", ['cn = "pipelines"'] + pki.CLIENT)
    with python_tls(tls_server(), ca, key, cert) as s:
        s.sendall(AUTH_LIST * 200)
        got = 0
        while got < 200 * 36:
            part = s.recv(65536)
            assert part
            got += len(part)
        assert got == 200 * 36


def test_frames_byte_by_byte(tls_server, ca):
    key, cert = ca.issue("slow", ['cn = "slow"'] + pki.CLIENT)
    with python_tls(tls_server(), ca, key, cert) as s:
        for i in range(len(AUTH_LIST)):
            s.sendall(AUTH_LIST[i : i + 1])
        assert len(s.recv(4096)) == 36
