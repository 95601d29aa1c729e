# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-admin, unmodified, with each of its commands: what it prints has the shape that it has with the peer.

The peer runs beside the server under test; names, times and numbers of processes are made alike before the
outputs are compared. What limits do to clients is in test_server.py."""

import json
import os
import re

import harness
import pytest
import wire

NAME = "libvirtd"  # what scripts call the server; drover lists its own and takes this one too


def shape(result, server):
    """Without what must differ: names, times, processes and the sentences of errors behind their kind."""
    out = result.out.replace(server.directory, "DIR").replace("droverd", NAME)
    out = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}", "TIME", out)
    out = re.sub(r"(unix_process_id *: *)\d+", r"\1PID", out)
    out = re.sub(r"-{5,}", "-----", out)
    out = re.sub(rf"^ \d+ +({NAME}|admin)$", r"ID \1", out, flags=re.M)  # the peer's order varies
    out = re.sub(r"Logging filters:.*", lambda m: m[0].replace("*", ""), out)  # the peer shows its own form
    err = [line.split(":")[1].strip() for line in result.err.splitlines() if line.startswith("error: ")]
    return result.code, sorted(" ".join(line.split()) for line in out.splitlines() if line.strip()), err


@pytest.fixture
def pair(make_server, scratch, kind):
    """The server under test and the peer."""
    if not os.path.exists(harness.LIBVIRTD):
        pytest.skip("the peer isn't installed")
    directory = os.path.join(scratch, "peer")
    os.makedirs(directory)
    peer = harness.Server("libvirtd", harness.LIBVIRTD, directory)
    yield make_server({"max_anonymous_clients": 20}), peer.start()
    peer.finish()


COMMANDS = [
    ("uri",),
    ("version",),
    ("version", "--daemon"),
    ("help",),
    ("help", "monitor"),
    ("help", "client-info"),
    ("pwd",),
    ("cd", "/"),
    ("cd", "/nonexistent"),
    ("echo", "--shell", "one", "two words"),
    ("quit",),
    ("exit",),
    ("connect",),
    ("nonsense",),
    ("srv-list",),
    ("server-list",),
    ("srv-threadpool-info", NAME),
    ("srv-threadpool-set", NAME, "--max-workers", "30", "--priority-workers", "7"),
    ("srv-threadpool-set", NAME, "--min-workers", "50"),
    ("server-threadpool-info", NAME),
    ("srv-clients-info", NAME),
    ("srv-clients-set", NAME, "--max-clients", "300", "--max-unauth-clients", "10"),
    ("srv-clients-set", NAME, "--max-clients", "1"),
    ("server-clients-info", NAME),
    ("srv-clients-info", "nobody"),
    ("client-list", NAME),
    ("client-info", NAME, "4711"),
    ("client-disconnect", NAME, "4711"),
    ("srv-update-tls", NAME),
    ("server-update-tls", NAME),
    ("dmn-log-filters",),
    ("daemon-log-filters", "1:rpc 2:conf.store"),
    ("daemon-log-filters",),
    ("daemon-log-filters", ""),
    ("daemon-log-filters", "9:rpc"),
    ("daemon-log-filters",),
    ("dmn-log-outputs",),
    ("daemon-log-outputs", "4:stderr"),
    ("daemon-log-outputs", "nonsense"),
    ("daemon-log-outputs",),
    ("daemon-timeout", "--timeout", "3600"),
    ("daemon-timeout", "0"),
]


def test_each_command_prints_what_it_prints_with_the_peer(pair):
    server, peer = pair
    for words in COMMANDS:
        ours, theirs = server.virt_admin(*words, ok=None), peer.virt_admin(*words, ok=None)
        assert shape(ours, server) == shape(theirs, peer), words


def test_each_command_of_this_virt_admin_is_tried(server):
    listed = re.findall(r"^    ([a-z-]+)  ", server.virt_admin("help").out, re.M)
    assert len(listed) >= 20
    old_names = {words[0].replace("srv-", "server-", 1).replace("dmn-", "daemon-", 1) for words in COMMANDS}
    assert set(listed) - old_names == set()


def test_commands_typed_one_after_another_share_a_connection(pair):
    """As an administrator types them, and with connect in between."""
    shown = []
    for server in pair:
        script = f"connect libvirtd:///system?socket={server.admin}\nuri\nsrv-clients-info {NAME}\nclient-list admin\nquit\n"
        argv = ["virt-admin", "-c", f"libvirtd:///system?socket={server.admin}"]
        result = harness.run(argv, os.path.join(server.directory, "home"), script)
        assert result.code == 0 and result.out.count("libvirtd:///system") >= 1, result
        result.out = re.sub(r"^ \d+ +unix .*$", "one client", result.out, flags=re.M)
        shown.append(shape(result, server))
    assert shown[0] == shown[1]


def test_clients_are_described_as_the_peer_describes_them(pair):
    shown = []
    for server in pair:
        server.open(path=server.ro)
        last = max((r[0] for r in server.virt_admin("client-list", NAME).rows()), key=int)
        result = server.virt_admin("client-info", NAME, last)
        result.out = re.sub(r"^id .*$", "id", result.out, flags=re.M)
        shown.append(shape(result, server))
    assert shown[0] == shown[1]
    assert any("readonly" in line and "yes" in line for line in shown[0][1])


def test_a_disconnected_client_reads_the_end_and_the_others_go_on(pair):
    for server in pair:
        stays, goes = server.open(), server.open()
        last = max((r[0] for r in server.virt_admin("client-list", NAME).rows()), key=int)
        server.virt_admin("client-disconnect", NAME, last)
        assert goes.closed_by_server()
        assert stays.version() > 0


def test_the_server_ends_when_its_timeout_has_passed_without_clients(make_server):
    server = make_server(hold=None)
    server.virt_admin("daemon-timeout", "--timeout", "1")
    assert server.ended() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_other_users_may_not_administer_even_when_they_can_connect(make_server):
    server = make_server({"unix_sock_admin_perms": "0777"})
    for directory in (server.directory, os.path.dirname(server.directory), server.sockets):
        os.chmod(directory, 0o755)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            c = wire.Connection(server.admin)
            c.call(1, b"\0\0\0\0", prog=0x06900690)
            status = 2
        except (wire.RemoteError, wire.Closed):
            status = 0
        except Exception as e:
            os.write(2, repr(e).encode())
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert server.virt_admin("srv-list").rows()


# --- droverctl


def droverctl(server, *words, ok=True):
    program = os.path.join(os.path.dirname(server.program), "droverctl")
    result = harness.run([program, *words, "--socket", server.admin], os.path.join(server.directory, "home"))
    assert (result.code == 0) == ok, result
    return result


@pytest.mark.drover("droverctl is drover's own")
def test_droverctl_shows_who_uses_the_server_and_how_much(server):
    c = server.open()
    for _ in range(10):
        c.version()

    def at_rest():
        """What was answered a moment ago may still be counted as running."""
        rows = json.loads(droverctl(server, "clients", "--json").out)
        mine = max((r for r in rows if r["server"] == "droverd"), key=lambda r: r["id"])
        return (mine["running"], mine["queued"], mine["parked"], mine["served"] >= 11) == (0, 0, 0, True) and (rows, mine)

    rows, mine = harness.wait_until(at_rest, "its calls have ended")
    assert mine["who"] == f"uid:{os.geteuid()}" and mine["pid"] == os.getpid() and mine["weight"] == 1
    assert mine["bytes_in"] >= 11 * 28 and mine["bytes_out"] >= 11 * 28
    others = [r for r in rows if r["server"] != "admin"]
    assert len(others) < len(rows)  # itself is there
    table = droverctl(server, "clients").rows()
    assert any(r[:2] == ["droverd", str(mine["id"])] for r in table)

    def sums():
        """Those before may not have left yet."""
        sums = json.loads(droverctl(server, "clients", "--identities", "--json").out)
        assert len(sums) == 1 and sums[0]["served"] >= mine["served"]
        return sums[0]["clients"] == len(others) + 1

    harness.wait_until(sums, "all clients are of one identity")


@pytest.mark.drover("its calls are held up by a wrapper of the driver")
def test_droverctl_shows_what_runs_and_what_is_queued(make_server):
    server = make_server(
        {
            "driver_wrap": ["delay ms=600000 procedure=domain.suspend"],
            "identity_weights": [f"uid:{os.geteuid()} 3"],
            "max_client_requests": 2,
        }
    )
    c = server.open()
    domains = [c.define(wire.domain_xml(f"vm{i}")) for i in range(5)]
    for d in domains:
        c.on_domain(wire.DOMAIN_CREATE, d)
    busy = server.open()
    serials = [busy.request(wire.DOMAIN_SUSPEND, d.encode()) for d in domains]

    def state():
        rows = json.loads(droverctl(server, "clients", "--json").out)
        last = max((r for r in rows if r["server"] == "droverd"), key=lambda r: r["id"])
        return (last["running"], last["queued"], last["weight"]) == (2, 3, 3)

    def is_changed(d):
        return json.loads(droverctl(server, "explain", d.name, "--json").out)["running"] is not None

    harness.wait_until(state, "two run and three are queued")
    for d, serial in zip(domains, serials):
        harness.wait_until(lambda: is_changed(d), "its suspend has begun")
        c.on_domain(wire.DOMAIN_DESTROY, d)
        assert busy.reply(serial).status != wire.OK


@pytest.mark.drover("droverctl is drover's own")
def test_droverctl_s_words_are_completed_and_described(server):
    said = droverctl(server, "--help").out
    words = set(re.findall(r"^([a-z]+)(?: check)?:", said, re.M)) | set(re.findall(r"--[a-z]+", said))
    assert {"clients", "policy", "--json"} <= words
    packaging = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging")
    with open(os.path.join(packaging, "completion", "droverctl")) as f:
        completed = f.read()
    with open(os.path.join(packaging, "droverctl.8")) as f:
        described = f.read().replace("\\-", "-")
    assert [w for w in sorted(words - {"--help"}) if w not in completed or w not in described] == []


@pytest.mark.drover("droverctl is drover's own")
def test_droverctl_says_what_is_wrong(server):
    assert "--help" in droverctl(server, "nonsense", ok=False).err
    server.admin += "-not"
    assert "cannot connect" in droverctl(server, "clients", ok=False).err


@pytest.mark.drover("drover's own setting")
def test_a_weight_that_is_none_keeps_the_server_from_starting(make_server):
    server = make_server({"identity_weights": ["uid:0"]}, start=False)
    server.launch()
    assert server.ended() != 0
    assert "identity_weights" in server.log()
