# SPDX-License-Identifier: LGPL-2.1-or-later
"""The line that each change leaves in the log: who, from where, what, on which guest, and how it ended."""

import os
import re
import socket
import struct

import harness
import pytest
import wire

pytestmark = pytest.mark.drover("the peer reports to the kernel's audit")

CONFIG = {"audit_logging": 1, "log_filters": "2:server.audit", "log_outputs": "2:stderr"}


def lines(server):
    return [line for line in server.log().splitlines() if "audit_line" in line]


def one(server, *words):
    """The one line with all these words."""
    found = harness.wait_until(
        lambda: [line for line in lines(server) if all(w in line for w in words)], f"a line with {words}"
    )
    assert len(found) == 1, found
    return found[0]


def test_a_change_leaves_a_line_with_who_what_and_how_it_ended(make_server):
    server = make_server(CONFIG)
    c = server.open()
    d = c.lookup("test")
    c.on_domain(wire.DOMAIN_SUSPEND, d)
    line = one(server, "domain.suspend", "result done")
    assert f'who "uid:{os.geteuid()}"' in line and f"pid {os.getpid()} " in line and 'object domain "test"' in line
    assert c.error_of(wire.DOMAIN_CREATE, d.encode()).code == 55
    assert "failed (55)" in one(server, "domain.create")


def test_the_line_is_there_before_the_answer(make_server):
    server = make_server(CONFIG)
    c = server.open()
    d = c.lookup("test")
    for n in range(1, 41):
        c.on_domain(wire.DOMAIN_SUSPEND if n % 2 else wire.DOMAIN_RESUME, d)
        assert len(lines(server)) == n
    assert c.error_of(wire.DOMAIN_CREATE, d.encode()).code == 55
    assert len(lines(server)) == 41
    c.on_domain(wire.DOMAIN_SUSPEND, d)
    server.kill()
    assert len(lines(server)) == 42


def test_questions_leave_none(make_server):
    server = make_server(CONFIG)
    c = server.open()
    c.version()
    c.list_all()
    c.on_domain(wire.DOMAIN_SUSPEND, c.lookup("test"))
    one(server, "domain.suspend")
    assert len(lines(server)) == 1


def test_what_a_read_only_client_was_refused_is_there_too(make_server):
    server = make_server(CONFIG)
    c = server.open(path=server.ro)
    assert c.error_of(wire.DOMAIN_SUSPEND, c.lookup("test").encode()).code == 29
    assert "failed (29)" in one(server, "domain.suspend")


def test_a_name_cannot_forge_a_line(make_server):
    server = make_server(CONFIG)
    c = server.open()
    c.define(wire.domain_xml('a" result done'.replace('"', "&quot;")))
    assert '\\" result done" ' in one(server, "domain.define")


def test_a_line_has_the_address_of_a_client_over_the_network(make_server):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = make_server({**CONFIG, "listen_tcp": 1, "auth_tcp": "none", "tcp_port": str(port), "listen_addr": "127.0.0.1"})
    argv = ["virsh", "-c", f"test+tcp://127.0.0.1:{port}/default", "suspend", "test"]
    assert harness.run(argv, os.path.join(server.directory, "home")).code == 0
    line = one(server, "domain.suspend", 'who "nobody"')
    assert re.search(r" from 127\.0\.0\.1:\d+ call ", line)


def test_what_virt_admin_changes_leaves_lines(make_server):
    server = make_server(CONFIG)
    server.virt_admin("srv-threadpool-set", "droverd", "--max-workers", "17")
    line = one(server, "server.set_threadpool_parameters", "result done")
    assert 'object server "droverd" "maxWorkers"=17 ' in line and f'who "uid:{os.geteuid()}"' in line
    server.virt_admin("srv-clients-set", "droverd", "--max-clients", "0", ok=False)
    one(server, "server.set_client_limits", '"nclients_max"=0', "failed (")
    c = server.open()
    number = [row[0] for row in server.virt_admin("client-list", "droverd").rows()][-1]
    server.virt_admin("client-disconnect", "droverd", number)
    one(server, "client.close", f'object server "droverd" client {number} ', "result done")
    with pytest.raises((wire.Closed, ConnectionError)):
        c.version()
    c.close()
    server.virt_admin("daemon-timeout", "--timeout", "4000")
    one(server, "connect.set_daemon_timeout", "object timeout 4000 result done")
    server.virt_admin("srv-update-tls", "droverd", ok=False)
    one(server, "server.update_tls_files", "failed (")
    # who switches the lines off leaves one
    server.virt_admin("daemon-log-filters", "--filters", "4:server.audit")
    one(server, "connect.set_logging_filters", 'object log "4:server.audit" result asked for')
    server.virt_admin("srv-list")
    assert not any("list_servers" in line for line in lines(server))


def test_without_the_setting_there_is_none(make_server):
    server = make_server({k: v for k, v in CONFIG.items() if k != "audit_logging"})
    c = server.open()
    c.on_domain(wire.DOMAIN_SUSPEND, c.lookup("test"))
    c.on_domain(wire.DOMAIN_RESUME, c.lookup("test"))
    assert lines(server) == []


# --- the kernel's

NETLINK_AUDIT, AUDIT_GET, READ_LOG = 9, 1000, 1


def host_audits():
    """Whether the kernel's audit can be reached and is switched on; None: there is none for us."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT) as s:
            s.settimeout(5)
            s.sendto(struct.pack("=IHHII", 16, AUDIT_GET, 1, 1, 0), (0, 0))
            while True:
                answer = s.recv(8192)
                kind = struct.unpack_from("=IH", answer)[1]
                if kind == AUDIT_GET:
                    return struct.unpack_from("=II", answer, 16)[1] != 0
                if kind == 2 and struct.unpack_from("=i", answer, 16)[0]:
                    return None
    except OSError:
        return None


def test_level_2_starts_only_where_the_kernel_audits(make_server):
    server = make_server({"audit_level": 2}, start=False)
    if host_audits():
        try:
            assert server.start().open().version() > 0
        except AssertionError:
            assert "built without libaudit" in server.log()
            server.ending = True
        return
    server.launch()
    assert server.ended() != 0
    assert "audit_level = 2 requires the kernel's audit" in server.log()


def test_level_0_and_1_start_everywhere(make_server):
    for level in (0, 1):
        server = make_server({"audit_level": level})
        server.open().on_domain(wire.DOMAIN_SUSPEND, server.open().lookup("test"))


def test_the_kernel_is_told(make_server):
    """Changes nothing of the host: `auditctl -e 1` before this test lets it run."""
    if not host_audits():
        pytest.skip("the host's audit is off, or out of reach")
    server = make_server({"audit_level": 1})
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT) as s:
        s.bind((0, READ_LOG))
        s.settimeout(20)
        c = server.open()
        c.on_domain(wire.DOMAIN_DESTROY, c.lookup("test"))
        c.error_of(wire.DOMAIN_SUSPEND, c.lookup("test").encode())
        server.virt_admin("srv-threadpool-set", "droverd", "--max-workers", "17")
        records = []
        while len(records) < 3:
            data = s.recv(65536)
            kind, text = struct.unpack_from("=IH", data)[1], data[16:].rstrip(b"\0").decode()
            if f" pid={server.pid} " in text and kind in (2500, 2501, 1111):
                records.append((kind, text))
    assert [kind for kind, _ in records] == [2500, 2500, 1111]
    assert all(f'acct="uid:{os.geteuid()}"' in text for _, text in records)
    assert 'virt=test op=stop reason=destroyed vm="test" uuid=' in records[0][1] and "res=success" in records[0][1]
    assert 'op=suspend reason=call vm="test"' in records[1][1] and "res=failed" in records[1][1]
    assert "op=server.set_threadpool_parameters object=" in records[2][1] and "res=success" in records[2][1]
