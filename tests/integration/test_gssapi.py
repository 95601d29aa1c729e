# SPDX-License-Identifier: LGPL-2.1-or-later
"""GSSAPI with a real key distribution centre and the real virsh, over plain TCP, where the mechanism encrypts."""

import os
import socket

import harness
import kdc
import pytest

pytestmark = pytest.mark.drover("libvirtd must be told where to listen with an option")

PASSWORD = "hunter2"


@pytest.fixture(scope="module")
def realm(tmp_path_factory):
    realm = kdc.Realm(str(tmp_path_factory.mktemp("kdc")))
    try:
        realm.start()
        for user in ("fred", "wilma"):
            realm.add_user(user, PASSWORD)
        # the server looks for its key by the name that the host has, whatever that is here
        for host in {"localhost", socket.getfqdn().lower(), socket.gethostname().lower()}:
            realm.add_service(f"libvirt/{host}")
        yield realm
    finally:
        realm.stop()


@pytest.fixture
def make_gssapi(make_server, realm, tmp_path, monkeypatch):
    def make(keytab=None, **settings):
        (tmp_path / "libvirt.conf").write_text(f"mech_list: GSSAPI\nkeytab: {keytab or realm.keytab}\n")
        monkeypatch.setenv("SASL_CONF_PATH", str(tmp_path))
        monkeypatch.setenv("KRB5_CONFIG", realm.config)
        monkeypatch.setenv("KRB5_KTNAME", keytab or realm.keytab)
        monkeypatch.setenv("KRB5RCACHEDIR", realm.directory)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = str(s.getsockname()[1])
        config = {"listen_tcp": 1, "tcp_port": port, "listen_addr": "localhost", "log_outputs": "2:stderr", "log_level": 2}
        return make_server({**config, "login_timeout": 60, **settings})

    return make


def virsh(server, cache, *args, ok=True):
    uri = f"test+tcp://localhost:{server.config['tcp_port']}/default?auth=sasl.GSSAPI"
    argv = ["virsh", "-c", uri] + list(args)
    os.environ["KRB5CCNAME"] = cache
    try:
        result = harness.run(argv, os.path.join(server.directory, "home"), "\n", 60 * server.slow)
    finally:
        del os.environ["KRB5CCNAME"]
    assert (result.code == 0) == ok, f"{' '.join(argv)}: {result}\n{server.log()}"
    return result


def test_a_ticket_lets_its_user_in_and_encrypts(make_gssapi, realm, tmp_path):
    server = make_gssapi()
    cache = realm.login("fred", PASSWORD)
    assert "test" in virsh(server, cache, "list", "--name").out
    assert "is 'fred'" in server.log()  # who is of the default realm has none in his name
    text = "x" * 300000
    document = tmp_path / "large.xml"
    document.write_text(
        f"<domain type='test'><name>large</name><description>{text}</description><memory>1024</memory>"
        "<os><type>hvm</type></os></domain>"
    )
    assert text in virsh(server, cache, f"define {document}; dumpxml large").out


def test_without_a_ticket_nobody_comes_in(make_gssapi, realm, tmp_path):
    server = make_gssapi()
    virsh(server, f"FILE:{tmp_path}/nothing", "list", ok=False)
    assert server.serves()


def test_the_list_of_users_names_those_of_the_default_realm_without_it(make_gssapi, realm):
    server = make_gssapi(sasl_allowed_username_list=["*@OTHER.TEST", "wilma"])
    virsh(server, realm.login("wilma", PASSWORD), "list")
    virsh(server, realm.login("fred", PASSWORD), "list", ok=False)
    assert "sasl_allowed_username_list does not have 'fred'" in server.log()


def test_rules_name_the_user(make_gssapi, realm, tmp_path):
    rules = tmp_path / "policy"
    rules.write_text("deny sasl:fred domain:suspend\nallow sasl:* *\nallow uid:* *\n")
    server = make_gssapi(access_policy=str(rules))
    assert "domain:suspend" in virsh(server, realm.login("fred", PASSWORD), "suspend", "test", ok=False).err
    virsh(server, realm.login("wilma", PASSWORD), "suspend", "test")


def test_a_server_with_another_key_lets_nobody_in(make_gssapi, realm, tmp_path):
    keytab = str(tmp_path / "other")
    realm.add_service("libvirt/elsewhere.example", keytab)
    server = make_gssapi(keytab)
    assert "authentication failed" in virsh(server, realm.login("fred", PASSWORD), "list", ok=False).err
    assert server.serves()
