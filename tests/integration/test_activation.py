# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sockets of IP that systemd hands over, and settings of the network that are read again with SIGHUP; with the real virsh."""

import os
import socket

import harness
import pki
import pytest
import test_server
import wire
from harness import wait_until

pytestmark = pytest.mark.drover("the peer's units have other files")


def settings(ca, pair, **more):
    files = {"key_file": pair[0], "cert_file": pair[1], "ca_file": ca.cert}
    return {**files, "log_outputs": "2:stderr", "log_level": 2, **more}


def listening(family=socket.AF_INET, host="127.0.0.1"):
    s = socket.socket(family)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((host, 0))
    s.listen(30)
    return s


def start_with(server, listeners, names):
    """Starts the server as systemd would, with these sockets under these names, and the main socket."""
    main = socket.socket(socket.AF_UNIX)
    main.bind(server.rw)
    main.listen(30)
    listeners = [main] + listeners
    high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(listeners)]
    before = server.command
    words = [",".join(map(str, high)), ":".join(["rw"] + names)]
    server.command = lambda: ["/usr/bin/python3", "-c", test_server.ACTIVATE] + words + before()
    server.launch(pass_fds=high)
    for fd in high:
        os.close(fd)
    ports = [s.getsockname()[1] for s in listeners[1:]]
    for s in listeners:
        s.close()
    return ports


def uri(transport, port, query="", host="127.0.0.1"):
    return f"test+{transport}://{host}:{port}/default?{query}"


def virsh(server, uri, *args, ok=True):
    argv = ["virsh", "-c", uri] + list(args)
    result = harness.run(argv, os.path.join(server.directory, "home"), None, 60 * server.slow)
    assert (result.code == 0) == ok, f"{' '.join(argv)}: {result}\n{server.log()}"
    return result


@pytest.mark.parametrize("names", [["tls", "tcp"], ["droverd-tls.socket", "droverd-tcp.socket"],
                                   ["libvirtd-tls.socket", "libvirtd-tcp.socket"]])  # fmt: skip
def test_sockets_of_ip_from_systemd_are_used(make_server, ca, server_pair, client, names):
    """Though the configuration doesn't ask for TLS or TCP; the units that were enabled do."""
    server = make_server(settings(ca, server_pair, auth_tcp="none"), start=False)
    tls, tcp = start_with(server, [listening(), listening()], names)
    assert "test" in virsh(server, uri("tls", tls, f"pkipath={client}"), "list", "--name").out
    assert "test" in virsh(server, uri("tcp", tcp), "list", "--name").out
    server.serves()
    server.terminate()
    assert server.ended() == 0


def test_several_sockets_of_one_kind(make_server, ca, server_pair, client):
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    try:
        six = listening(socket.AF_INET6, "::1")
    except OSError:
        pytest.skip("no IPv6")
    server = make_server(settings(ca, server_pair), start=False)
    tls4, tls6 = start_with(server, [listening(), six], ["tls", "tls"])
    for host, port in (("127.0.0.1", tls4), ("[::1]", tls6)):
        virsh(server, uri("tls", port, f"pkipath={client}", host), "list")
    server.terminate()
    assert server.ended() == 0


def test_the_port_of_the_configuration_is_not_opened_then(make_server, ca, server_pair, client):
    unused = listening()
    port = unused.getsockname()[1]
    unused.close()
    config = settings(ca, server_pair, listen_tls=1, tls_port=str(port), listen_addr="127.0.0.1")
    server = make_server(config, start=False)
    (tls,) = start_with(server, [listening()], ["tls"])
    virsh(server, uri("tls", tls, f"pkipath={client}"), "list")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
    server.terminate()
    assert server.ended() == 0


@pytest.mark.parametrize("name,what", [("ro", "no UNIX socket"), ("what", "it is not known")])
def test_a_socket_that_is_none_of_its_kind_is_refused(make_server, ca, server_pair, name, what):
    server = make_server(settings(ca, server_pair), start=False)
    start_with(server, [listening()], [name])
    assert server.ended() != 0
    assert what in server.log()


# --- SIGHUP


@pytest.fixture
def tls_server(make_server, ca, server_pair):
    free = listening()
    port = free.getsockname()[1]
    free.close()
    config = settings(ca, server_pair, listen_tls=1, tls_port=str(port), listen_addr="127.0.0.1")
    server = make_server(config)
    server.tls = uri("tls", port, "pkipath={}")

    return server


def test_the_list_of_names_is_read_again(tls_server, client):
    held = tls_server.open()
    virsh(tls_server, tls_server.tls.format(client), "list")
    tls_server.reload(tls_allowed_dn_list=["CN=somebody else"])
    virsh(tls_server, tls_server.tls.format(client), "list", ok=False)
    tls_server.reload(tls_allowed_dn_list=["*"])
    virsh(tls_server, tls_server.tls.format(client), "list")
    assert held.version() > 0


def test_other_files_are_taken_and_looked_after_and_bad_ones_refused(tls_server, ca, client, tmp_path):
    other = pki.Authority(str(tmp_path), "another authority")
    key, cert = other.server()
    tls_server.reload(key_file=key, cert_file=str(tmp_path / "nothing"), ca_file=other.cert)
    assert "ALARM" in tls_server.log()
    virsh(tls_server, tls_server.tls.format(client), "list")
    tls_server.reload(cert_file=cert)
    virsh(tls_server, tls_server.tls.format(client), "list", ok=False)
    theirs = other.client()
    virsh(tls_server, tls_server.tls.format(theirs), "list")
    # and from now on these files are the ones that are watched
    taken = tls_server.log().count("new certificates for TLS are taken")
    os.utime(cert)
    wait_until(
        lambda: tls_server.log().count("new certificates for TLS are taken") > taken, "they are taken", 60 * tls_server.slow
    )
    virsh(tls_server, tls_server.tls.format(theirs), "list")


def test_settings_of_the_log_are_read_again(tls_server):
    tls_server.reload(log_level=1)
    tls_server.open()
    path = os.path.join(tls_server.directory, "other")
    tls_server.reload(log_outputs=f"1:stderr 1:file:{path}")
    assert os.path.exists(path)
    tls_server.baseline += 1  # that file
    assert tls_server.open().error_of(wire.DOMAIN_LOOKUP_BY_NAME, wire.string("nobody")).code == 42
