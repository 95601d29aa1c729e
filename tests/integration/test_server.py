# SPDX-License-Identifier: LGPL-2.1-or-later
"""The program itself: options, configuration, start and stop, sockets, activation, administration."""

import glob
import grp
import os
import pwd
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

import harness
import wire
from harness import wait_until
from wire import optional, string, u32

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root to become another user")


def run_program(server, *args, timeout=20, **kw):
    """Runs the server's program to its end, with the output together."""
    return subprocess.run(
        [server.program, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout * server.slow,
        env=server.environment(),
        **kw,
    )


def run_to_failure(server, config=None):
    """Starts the server with these lines of configuration; it must refuse. Gives what it says."""
    if config is not None:
        server.write_config = lambda: open(server.config_path, "w").write(config)
    server.launch()
    code = server.ended()
    assert code not in (0, None) and code > 0, f"it ended with {code}"
    return server.log()


# --- options


def test_version_and_help(make_server):
    server = make_server(start=False)
    r = run_program(server, "--version")
    assert r.returncode == 0 and re.search(r"\d+\.\d+", r.stdout)
    r = run_program(server, "--help")
    assert r.returncode == 0
    for option in ("--config", "--pid-file", "--daemon", "--verbose", "--version") + (
        ("--root",) if server.kind == "drover" else ()
    ):
        assert option in r.stdout


def test_unknown_options_are_refused(make_server):
    r = run_program(make_server(start=False), "--nonesuch")
    assert r.returncode > 0
    assert "nonesuch" in r.stdout


def test_pid_file_holds_the_pid_while_it_runs(make_server):
    server = make_server()
    with open(server.pid_path) as f:
        assert int(f.read()) == server.pid
    server.stop()
    if server.kind == "drover":
        assert not os.path.exists(server.pid_path)


def test_daemon_returns_when_it_is_ready(make_server):
    server = make_server(start=False, args=["--daemon"])
    server.config["log_outputs"] = f"3:file:{server.log_path}"  # a daemon has no stderr
    server.launch()
    assert server.ended() == 0
    with open(server.pid_path) as f:
        pid = int(f.read())
    try:
        # No waiting: whoever started it may connect at once.
        assert server.open().version() > 0
        assert pid != server.pid
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
    finally:
        server.release()
        os.kill(pid, signal.SIGTERM)
    wait_until(
        lambda: not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read().split(),
        "it has ended",
    )


@pytest.mark.drover("an option of drover")
def test_root_puts_all_default_paths_below_it(make_server):
    server = make_server(start=False)
    del server.config["unix_sock_dir"]
    root = os.path.join(server.directory, "root")
    server.launch()
    paths = wait_until(
        lambda: glob.glob(f"{root}/**/libvirt-sock", recursive=True), "a socket below the root"
    )
    assert paths == [f"{root}/run/drover/libvirt-sock"] or os.getuid() != 0
    server.rw = paths[0]
    wait_until(server.answers, "it answers")
    assert server.open().version() > 0


def test_verbose_says_more(make_server):
    quiet, loud = make_server(), make_server(start=False, args=["--verbose"])
    del loud.config["log_outputs"]
    loud.start()
    assert len(loud.log()) >= len(quiet.log())


# --- configuration


@pytest.mark.drover("libvirtd ignores what it does not know")
@pytest.mark.parametrize(
    "line, key",
    [
        ("nonesuch = 1", "nonesuch"),
        ("max_clients = \"many\"", "max_clients"),
        ("max_clients = -1", "max_clients"),
        ("unix_sock_dir = 5", "unix_sock_dir"),
        ("driver_wrap = [ \"delay wrong=1\" ]", "driver_wrap"),
        ("auth_unix_rw = \"magic\"", "auth_unix_rw"),
        ("unix_sock_rw_perms = \"0999\"", "unix_sock_rw_perms"),
        ("log_filters = \"9:x\"", "log_filters"),
    ],
)
def test_a_mistake_in_the_configuration_is_named_with_file_line_and_key(make_server, line, key):
    server = make_server(start=False)
    server.config.pop(key, None)  # of two lines with the same key one is only warned about
    text = harness.format_config(server.config) + f"\n# a comment\n{line}\n"
    said = run_to_failure(server, text)
    assert key in said
    assert "server.conf" in said
    lines = text.splitlines()
    numbers = [i for i, one in enumerate(lines, 1) if one and one in line.splitlines()]
    assert any(re.search(rf"server\.conf:{n}\b", said) for n in numbers), said


@pytest.mark.drover("its messages are drover's own")
@pytest.mark.parametrize(
    "line",
    [
        "max_clients",
        "= 5",
        "max_clients = ",
        "max_clients = [ 1",
        "unix_sock_dir = \"/x",
        "max_clients = 5 6",
        "\"a\" = 1",
    ],
)
def test_lines_that_cannot_be_read_are_named(make_server, line):
    server = make_server(start=False)
    text = harness.format_config(server.config) + line + "\n"
    said = run_to_failure(server, text)
    assert re.search(r"server\.conf:\d+\b", said), said


def test_a_missing_configuration_file_is_an_error_when_it_was_asked_for(make_server):
    server = make_server(start=False)
    server.write_config = lambda: None
    server.launch()
    assert server.ended() > 0
    assert "server.conf" in server.log()


def test_syntax_of_libvirtd_conf_is_understood(make_server):
    server = make_server(start=False)
    text = harness.format_config(server.config) + (
        "\n# a comment\n   \n\tmax_clients=17 # behind it\nmax_anonymous_clients=17\nmin_workers   =   2\n"
        "max_workers = 3\n"
        "log_filters = \"3:rpc 4:conf\"\nsasl_allowed_username_list = [\n  \"a\",\n  \"b\"\n]\n"
        "access_drivers = [ ]\nhost_uuid_source = 'smbios'\n"
    )
    server.write_config = lambda: open(server.config_path, "w").write(text)
    server.start()
    assert server.open().version() > 0


@pytest.mark.drover("it is libvirtd's own file")
def test_every_key_of_an_existing_libvirtd_conf_is_taken(make_server):
    try:
        with open("/etc/libvirt/libvirtd.conf") as f:
            lines = f.read().splitlines()
    except OSError:
        pytest.skip("libvirtd's sample configuration is not installed")
    server = make_server(start=False)
    text = harness.format_config(server.config)
    for line in lines:
        m = re.match(r"#?([a-z_]+) *= *(.*\S)$", line)
        # Not those that the test needs otherwise, lists over lines, an example, and what can't be done yet.
        if (
            m
            and m[1] not in server.config
            and not m[2].startswith("[")
            and m[1] not in ("unix_sock_group", "host_uuid", "audit_level")
        ):
            text += f"{m[1]} = {m[2]}\n"
    server.write_config = lambda: open(server.config_path, "w").write(text)
    server.start()
    assert server.open().version() > 0
    assert "tls" in server.log()  # what comes later is named


@pytest.mark.drover("libvirtd reads its drivers' files again")
def test_sighup_reads_the_configuration_again(make_server):
    server = make_server()
    c = server.open()
    moved = os.path.join(server.directory, "moved-log")
    server.config["log_outputs"] = f"1:file:{moved}"
    server.config["log_level"] = 1
    server.write_config()
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: os.path.exists(moved), "the new log")
    server.baseline += 1  # that file
    assert c.version() > 0


@pytest.mark.drover("libvirtd reads its drivers' files again")
def test_sighup_with_a_broken_configuration_changes_nothing_and_is_logged(make_server):
    server = make_server()
    c = server.open()
    server.config["nonesuch"] = 1
    server.write_config()
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "nonesuch" in server.log(), "the mistake in the log")
    assert c.version() > 0
    assert server.open().version() > 0


def test_sighup_keeps_connections(make_server):
    server = make_server()
    c = server.open()
    for _ in range(5):
        server.process.send_signal(signal.SIGHUP)
        assert c.version() > 0
    assert server.open().version() > 0


# --- start and stop


def test_a_second_instance_is_refused_and_harms_nothing(make_server, program, kind):
    server = make_server()
    c = server.open()
    second = harness.Server(kind, program, server.directory)
    second.log_path = os.path.join(server.directory, "second-log")
    second.launch()
    assert second.ended() > 0
    assert second.log()
    assert c.version() > 0
    assert server.open().version() > 0


@pytest.mark.drover("libvirtd looks at its pid file only")
def test_a_second_instance_on_the_same_sockets_is_refused(make_server, program, kind):
    server = make_server()
    other = make_server(start=False)
    other.config["unix_sock_dir"] = server.sockets
    other.launch()
    assert other.ended() > 0
    assert server.open().version() > 0


def test_stale_sockets_are_replaced(make_server):
    server = make_server()
    server.kill()
    assert os.path.exists(server.rw)
    server.start()
    assert server.open().version() > 0


def test_sigterm_ends_in_order_and_takes_the_sockets_away(make_server):
    server = make_server()
    idle = [server.open() for _ in range(20)]
    server.terminate()
    assert server.ended() == 0
    for c in idle:
        assert c.closed_by_server()
    for path in (server.rw, server.ro, server.admin):
        assert not os.path.exists(path)


@pytest.mark.drover("libvirtd takes whatever is there")
def test_what_has_taken_the_place_of_a_socket_stays(make_server):
    server = make_server()
    os.rename(server.rw, server.rw + ".moved")
    with open(server.rw, "w") as f:
        f.write("mine")
    server.release()
    server.terminate()
    assert server.ended() == 0
    assert open(server.rw).read() == "mine"
    assert not os.path.exists(server.ro)


def test_sigint_ends_in_order_too(make_server):
    server = make_server()
    server.process.send_signal(signal.SIGINT)
    assert server.ended() == 0


@pytest.mark.drover("the call is held up by a wrapper of the driver")
@pytest.mark.parametrize("ms", [700, 600000])
def test_sigterm_with_a_running_call_lets_it_finish_or_tells_it(make_server, ms):
    server = make_server({"driver_wrap": [f"delay ms={ms} procedure=domain.suspend domain=test"]})
    c, parked = server.open(), server.open()
    t = c.lookup("test").encode()
    serial = c.request(wire.DOMAIN_SUSPEND, t)
    c.version()
    waits = parked.request(wire.DOMAIN_REBOOT, t + u32(0))
    parked.version()
    server.terminate()
    assert c.reply(serial, 60 * server.slow)
    assert parked.reply(waits, 60 * server.slow)
    assert server.ended() == 0


@pytest.mark.limit(300)
def test_it_starts_and_stops_many_times(make_server):
    server = make_server(start=False)
    for _ in range(20):
        server.start()
        assert server.open().version() > 0
        server.stop()


def test_sigterm_under_load_ends_in_order(make_server):
    server = make_server()
    clients = [server.open() for _ in range(8)]
    for c in clients:
        c.sock.setblocking(False)
        calls = b"".join(
            wire.frame(wire.DOMAIN_DEFINE_XML, string(wire.domain_xml(f"vm{i}")), serial=i)
            for i in range(300)
        )
        c.sock.send(calls)
    server.terminate()
    assert server.ended() == 0


# --- systemd


def test_systemd_is_told_when_it_is_ready(make_server):
    server = make_server(start=False)
    path = os.path.join(server.directory, "notify")
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(path)
    told.settimeout(60 * server.slow)
    environment = server.environment
    server.environment = lambda: {**environment(), "NOTIFY_SOCKET": path}
    server.launch()
    while b"READY=1" not in told.recv(4096):
        pass
    assert server.open().version() > 0  # ready means ready
    server.release()
    server.terminate()
    if server.kind == "drover":
        while b"STOPPING=1" not in told.recv(4096):
            pass
    assert server.ended() == 0
    told.close()


ACTIVATE = """import os, sys
for i, fd in enumerate(sys.argv[1].split(',')):
    os.dup2(int(fd), 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(i + 1))
if sys.argv[2]:
    os.environ['LISTEN_FDNAMES'] = sys.argv[2]
os.execv(sys.argv[3], sys.argv[3:])
"""


def socket_names(server, *kinds):
    """libvirtd wants its own units' names; drover knows its sockets by their paths."""
    return ":".join(f"libvirtd{k}.socket" for k in kinds) if server.kind == "libvirtd" else ""


def test_sockets_from_systemd_are_used(make_server):
    server = make_server(start=False)
    listeners = []
    for path, mode in ((server.rw, 0o777), (server.ro, 0o777), (server.admin, 0o700)):
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        os.chmod(path, mode)
        s.listen(30)
        listeners.append(s)
    # Numbers that are out of the way of 3, 4 and 5.
    high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(listeners)]
    early = server.connect()
    early.send(wire.frame(wire.AUTH_LIST, serial=1))
    command = server.command
    server.command = (
        lambda: [
            "/usr/bin/python3",
            "-c",
            ACTIVATE,
            ",".join(map(str, high)),
            socket_names(server, "", "-ro", "-admin"),
        ]
        + command()
    )
    inode = os.stat(server.rw).st_ino
    server.launch(pass_fds=high)
    for fd in high:
        os.close(fd)
    assert early.reply(1).status == wire.OK  # who connected before it ran is served
    assert server.open().version() > 0
    ro = server.open(path=server.ro)
    assert ro.error_of(wire.DOMAIN_SUSPEND, ro.lookup("test").encode()).code == 29
    if server.kind == "drover":
        assert server.virt_admin("srv-list").rows()
    assert os.stat(server.rw).st_ino == inode
    server.release()
    server.terminate()
    assert server.ended() == 0
    assert os.path.exists(server.rw), "the socket is systemd's and stays"
    for s in listeners:
        s.close()


def test_systemd_socket_activate_starts_it_on_the_first_connection(make_server):
    server = make_server(start=False)
    tool = "/usr/bin/systemd-socket-activate"
    if not os.access(tool, os.X_OK):
        pytest.skip("systemd-socket-activate is not installed")
    command, environment = server.command, server.environment
    keep = [
        f"--setenv={k}" for k in environment() if k not in os.environ or environment()[k] != os.environ.get(k)
    ]
    names = socket_names(server, "", "-ro")
    keep += [f"--fdname={names}"] if names else []
    server.command = lambda: [tool, "-l", server.rw, "-l", server.ro] + keep + command()
    server.launch()
    wait_until(lambda: os.path.exists(server.ro), "the sockets")
    assert server.open().version() > 0
    server.release()
    server.terminate()
    server.process.wait(10 * server.slow)


# --- sockets


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_default_modes_of_the_sockets(make_server):
    server = make_server()
    assert mode_of(server.ro) == 0o777
    assert mode_of(server.admin) == 0o700
    assert stat.S_ISSOCK(os.stat(server.rw).st_mode)


def test_modes_and_group_of_the_sockets_are_settings(make_server):
    config = {"unix_sock_rw_perms": "0760", "unix_sock_ro_perms": "0775", "unix_sock_admin_perms": "0701"}
    group = None
    if os.getuid() == 0:
        group = grp.getgrnam("daemon")
        config["unix_sock_group"] = group.gr_name
    server = make_server(config)
    assert (mode_of(server.rw), mode_of(server.ro), mode_of(server.admin)) == (0o760, 0o775, 0o701)
    if group:
        assert os.stat(server.rw).st_gid == group.gr_gid
        assert os.stat(server.ro).st_gid == group.gr_gid


@pytest.mark.drover("the peer does not say")
def test_a_group_that_does_not_exist_is_refused(make_server):
    server = make_server(start=False)
    server.config["unix_sock_group"] = "nonesuch-group"
    assert "nonesuch-group" in run_to_failure(server)


@as_root
def test_it_runs_without_root(make_server, scratch):
    server = make_server(start=False)
    nobody = pwd.getpwnam("nobody")
    own = os.path.join(scratch, "session")
    os.makedirs(own)
    for base, _, _ in os.walk(server.directory):
        os.chown(base, nobody.pw_uid, nobody.pw_gid)
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    del server.config["unix_sock_dir"]
    as_nobody = ["setpriv", "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups"]
    command, environment = server.command, server.environment
    server.command = lambda: as_nobody + [
        a for a in command() if a != "--root" and a != os.path.join(server.directory, "root")
    ]
    server.environment = lambda: {
        **environment(),
        "HOME": own,
        "XDG_RUNTIME_DIR": own,
        "XDG_CONFIG_HOME": own + "/config",
        "XDG_CACHE_HOME": own + "/cache",
        "XDG_STATE_HOME": own + "/state",
    }
    server.launch()
    found = wait_until(
        lambda: glob.glob(f"{own}/**/libvirt-sock", recursive=True), "a socket in the user's own directory"
    )
    server.rw = found[0]
    wait_until(server.answers, "it answers")
    assert mode_of(server.rw) & 0o077 == 0
    # The user's own virsh reads and writes; read-only is a flag, not a socket.
    r = subprocess.run(
        as_nobody + ["virsh", "-c", server.uri(), "suspend", "test"],
        env=server.environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert r.returncode == 0, r.stderr
    c = server.open(flags=1)
    assert c.error_of(wire.DOMAIN_SUSPEND, c.lookup("test").encode()).code == 29


# --- administration


def main_server(server):
    """The name of the server that serves clients: the first one listed."""
    rows = server.virt_admin("srv-list").rows()
    assert "admin" in [r[1] for r in rows]
    return next(r[1] for r in rows if r[1] != "admin")


def test_virt_admin_lists_servers(server):
    assert main_server(server)


def numbers(result):
    return {k: int(v) for k, v in result.fields().items() if v.isdigit()}


def test_virt_admin_shows_and_sets_workers(server):
    name = main_server(server)
    shown = numbers(server.virt_admin("srv-threadpool-info", name))
    assert shown["minWorkers"] == 5 and shown["maxWorkers"] == 20 and shown["prioWorkers"] == 5
    server.virt_admin("srv-threadpool-set", name, "--max-workers", "30", "--priority-workers", "6")
    shown = numbers(server.virt_admin("srv-threadpool-info", name))
    assert shown["maxWorkers"] == 30 and shown["prioWorkers"] == 6
    server.virt_admin("srv-threadpool-set", name, "--min-workers", "50", ok=False)
    assert server.open().version() > 0


def test_virt_admin_shows_and_sets_limits_of_clients(server):
    name = main_server(server)
    shown = numbers(server.virt_admin("srv-clients-info", name))
    assert shown["nclients_max"] == 5000
    assert shown["nclients"] == 1  # the one that the harness holds
    server.virt_admin("srv-clients-set", name, "--max-clients", "200", "--max-unauth-clients", "10")
    shown = numbers(server.virt_admin("srv-clients-info", name))
    assert (shown["nclients_max"], shown["nclients_unauth_max"]) == (200, 10)


def test_virt_admin_lists_shows_and_disconnects_clients(server):
    name = main_server(server)
    c = server.open(path=server.ro)
    rows = server.virt_admin("client-list", name).rows()
    assert len(rows) == 2 and all(r[1] == "unix" for r in rows)
    shown = {r[0]: server.virt_admin("client-info", name, r[0]).fields() for r in rows}
    last = max(shown, key=int)
    assert shown[last]["readonly"] == "yes"
    assert shown[last]["unix_process_id"] == str(os.getpid())
    assert shown[last]["unix_user_id"] == str(os.getuid())
    server.virt_admin("client-disconnect", name, last)
    assert c.closed_by_server()
    server.virt_admin("client-info", name, "4711", ok=False)


def set_and_show(server, kind, name, **values):
    """Sets limits ("threadpool" or "clients") and gives what is shown then."""
    options = [word for k, v in values.items() for word in (f"--{k.replace('_', '-')}", str(v))]
    server.virt_admin(f"srv-{kind}-set", name, *options)
    return numbers(server.virt_admin(f"srv-{kind}-info", name))


def test_virt_admin_takes_the_number_of_workers_up_and_down(server):
    name = main_server(server)
    c = server.open()
    shown = set_and_show(server, "threadpool", name, min_workers=12, max_workers=40, priority_workers=9)
    assert (shown["minWorkers"], shown["maxWorkers"], shown["prioWorkers"]) == (12, 40, 9)

    def workers(n):
        def state():
            shown = numbers(server.virt_admin("srv-threadpool-info", name))
            return shown["nWorkers"] == n and shown["freeWorkers"] == n and shown["jobQueueDepth"] == 0

        return state

    wait_until(workers(12), "all workers of the minimum are there")
    set_and_show(server, "threadpool", name, min_workers=1, max_workers=2, priority_workers=0)
    wait_until(workers(2), "those that are too many have ended")
    assert c.define(wire.domain_xml("one")).name == "one"
    set_and_show(server, "threadpool", name, max_workers=20, priority_workers=5)
    assert server.open().define(wire.domain_xml("two")).name == "two"


def test_workers_that_contradict_each_other_change_nothing(server):
    name = main_server(server)
    before = numbers(server.virt_admin("srv-threadpool-info", name))
    for options in (
        ("--min-workers", "50"),
        ("--max-workers", "2"),
        ("--max-workers", "0"),
        ("--min-workers", "0", "--max-workers", "0"),
    ):
        server.virt_admin("srv-threadpool-set", name, *options, ok=False)
    assert numbers(server.virt_admin("srv-threadpool-info", name)) == before


@pytest.mark.drover("its calls are held up by a wrapper of the driver")
def test_more_workers_serve_what_is_queued_and_fewer_finish_what_they_do(make_server):
    server = make_server(
        {
            "driver_wrap": ["delay ms=600000 procedure=domain.suspend"],
            "min_workers": 1,
            "max_workers": 1,
            "prio_workers": 2,
        }
    )
    name = main_server(server)
    c = server.open()
    domains = [c.define(wire.domain_xml(f"vm{i}")) for i in range(3)]
    for d in domains:
        c.on_domain(wire.DOMAIN_CREATE, d)
    calls = [(server.open(), d) for d in domains]
    serials = [one.request(wire.DOMAIN_SUSPEND, d.encode()) for one, d in calls]

    def workers(n, free, queued):
        def state():
            shown = numbers(server.virt_admin("srv-threadpool-info", name))
            return (shown["nWorkers"], shown["freeWorkers"], shown["jobQueueDepth"]) == (n, free, queued)

        return state

    wait_until(workers(1, 0, 2), "one suspend runs and two are queued")
    set_and_show(server, "threadpool", name, max_workers=3)
    wait_until(workers(3, 0, 0), "all three run")
    set_and_show(server, "threadpool", name, max_workers=1)
    assert workers(3, 0, 0)()  # what runs is not taken away from anybody
    for (one, d), serial in zip(calls, serials):
        c.on_domain(wire.DOMAIN_DESTROY, d)
        assert one.reply(serial).status != wire.OK
    wait_until(workers(1, 1, 0), "one worker is left")


def test_limits_of_clients_go_up_and_down_with_clients_connected(server):
    name = main_server(server)
    clients = [server.open() for _ in range(3)]  # and the one that the harness holds
    shown = set_and_show(server, "clients", name, max_clients=2, max_unauth_clients=1)
    assert (shown["nclients_max"], shown["nclients"]) == (2, 4)
    late = server.connect()
    serial = late.request(wire.AUTH_LIST)
    assert all(c.version() > 0 for c in clients)
    with pytest.raises(wire.Timeout):
        late.reply(serial, timeout=0.5)
    set_and_show(server, "clients", name, max_clients=10)
    assert late.reply(serial).status == wire.OK
    assert all(c.version() > 0 for c in clients)


def test_limits_of_clients_that_contradict_each_other_change_nothing(server):
    name = main_server(server)
    before = numbers(server.virt_admin("srv-clients-info", name))
    for options in (("--max-clients", "5"), ("--max-clients", "0"), ("--max-unauth-clients", "5001")):
        server.virt_admin("srv-clients-set", name, *options, ok=False)
    assert numbers(server.virt_admin("srv-clients-info", name)) == before


def test_the_administration_is_a_server_too(server):
    shown = numbers(server.virt_admin("srv-threadpool-info", "admin"))
    assert (shown["minWorkers"], shown["maxWorkers"], shown["prioWorkers"]) == (5, 20, 0)
    assert set_and_show(server, "threadpool", "admin", max_workers=7)["maxWorkers"] == 7

    def only_itself():
        """The virt-admin before may not have left yet."""
        shown = numbers(server.virt_admin("srv-clients-info", "admin"))
        return (shown["nclients_max"], shown["nclients"], shown["nclients_unauth_max"]) == (5000, 1, 0)

    wait_until(only_itself, "the only client of the administration is the one that asks")
    assert set_and_show(server, "clients", "admin", max_clients=50)["nclients_max"] == 50
    wait_until(lambda: len(server.virt_admin("client-list", "admin").rows()) == 1, "it lists itself alone")


def test_a_client_that_asks_for_it_is_shown_as_read_only(server):
    name = main_server(server)
    server.open(flags=1)
    rows = server.virt_admin("client-list", name).rows()
    shown = [server.virt_admin("client-info", name, r[0]).fields() for r in rows]
    assert sorted(one["readonly"] for one in shown) == ["no", "yes"]
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    assert all((one["unix_user_name"], one["unix_group_name"]) == (user, group) for one in shown)


def test_the_log_is_turned_elsewhere(server):
    path = os.path.join(server.directory, "other-log")
    server.virt_admin("daemon-log-outputs", "--outputs", f"3:stderr 1:file:{path}")
    assert path in server.virt_admin("daemon-log-outputs").out
    assert os.path.exists(path)
    server.virt_admin("daemon-log-outputs", "--outputs", "9:stderr", ok=False)
    assert path in server.virt_admin("daemon-log-outputs").out
    server.virt_admin("daemon-log-outputs", "--outputs", "3:stderr")
    assert path not in server.descriptor_names()


def test_tls_files_need_a_socket_for_tls(server):
    result = server.virt_admin("srv-update-tls", main_server(server), ok=False)
    assert "internal error" in result.err


def admin_handle(server, number=4711, of=None):
    return string(of or main_server(server)) + wire.u64(number) + wire.u64(0) + u32(0)


def test_errors_of_administration_have_their_codes(server):
    c = server.connect(server.admin)
    c.call(1, u32(0), prog=wire.ADMIN)
    name = string(main_server(server))

    def code(proc, body):
        return c.error_of(proc, body, prog=wire.ADMIN).code

    def param(field, value, kind=2):
        return u32(1) + string(field) + u32(kind) + u32(value)

    for proc in (5, 6, 12, 18):
        assert code(proc, string("nonesuch") + u32(0)) == 95
    for proc in (9, 10, 11):
        body = name + wire.u64(4711) if proc == 9 else admin_handle(server)
        assert code(proc, body + u32(0)) == 96
    assert code(11, admin_handle(server, of="nonesuch") + u32(0)) == 95
    assert code(4, u32(1) + u32(1)) == 8
    assert code(8, name + u32(1) + u32(1)) == 8
    for proc, args in ((6, b""), (7, u32(0)), (12, b""), (13, u32(0)), (18, b"")):
        assert code(proc, name + args + u32(1)) == 8
    assert code(19, u32(5) + u32(1)) == 8
    for field in ("nWorkers", "freeWorkers", "jobQueueDepth", "nonesuch"):
        assert code(7, name + param(field, 3) + u32(0)) == 74
    for field in ("nclients", "nclients_unauth", "nonesuch"):
        assert code(13, name + param(field, 3) + u32(0)) == 74
    assert code(7, name + param("maxWorkers", 30, kind=1) + u32(0)) == 8
    assert code(7, name + param("minWorkers", 21) + u32(0)) == 8
    assert code(13, name + param("nclients_max", 3) + u32(0)) == 8
    assert code(18, name + u32(0)) == 1


def test_it_ends_after_the_time_without_clients_that_was_set(make_server):
    server = make_server()
    c = server.open()
    server.virt_admin("daemon-timeout", "--timeout", "1")
    begin = time.monotonic()
    while time.monotonic() < begin + 2.5:
        assert c.version() > 0  # it stays as long as there is one
    left = time.monotonic()    # not after it: the server may count from the first of what follows
    server.release()
    assert server.ended() == 0
    assert time.monotonic() - left > 0.9
    assert not os.path.exists(server.rw)


def test_a_time_of_zero_lets_it_stay(make_server):
    server = make_server()
    server.virt_admin("daemon-timeout", "--timeout", "1")
    server.virt_admin("daemon-timeout", "--timeout", "0")
    server.release()
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(2.5)
    assert server.open().version() > 0


def test_virt_admin_shows_and_sets_the_log(server):
    assert "stderr" in server.virt_admin("daemon-log-outputs").out
    server.virt_admin("daemon-log-filters", "--filters", "3:rpc")
    assert re.search(r"3:\*?rpc", server.virt_admin("daemon-log-filters").out)
    server.virt_admin("daemon-log-filters", "--filters", "x:y:z", ok=False)
    assert re.search(r"3:\*?rpc", server.virt_admin("daemon-log-filters").out)


def test_the_admin_socket_speaks_admin_only(server):
    c = server.connect(server.admin)
    e = c.error_of(wire.CONNECT_GET_LIB_VERSION)
    assert (e.code, e.domain) == (39, 7)
    c = server.connect(server.admin)
    c.call(1, u32(0), prog=wire.ADMIN)
    assert c.call(2, prog=wire.ADMIN) is not None
    c = server.connect(server.admin)
    assert c.error_of(1, u32(1), prog=wire.ADMIN).code == 8


@as_root
def test_other_users_are_kept_from_administration(make_server):
    server = make_server({"unix_sock_admin_perms": "0777"})
    r = subprocess.run(
        [
            "setpriv",
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "virt-admin",
            "-c",
            f"libvirtd:///system?socket={server.admin}",
            "srv-list",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        env={**server.environment(), "HOME": "/nonexistent"},
    )
    assert r.returncode != 0
    assert server.virt_admin("srv-list").rows()


def test_admin_answers_when_every_client_slot_is_taken(make_server):
    server = make_server({"max_clients": 3, "max_anonymous_clients": 3})
    clients = [server.open() for _ in range(2)]
    assert server.virt_admin("srv-list").rows()
    assert clients[0].version() > 0


def test_opening_twice_the_same_uri_shares_its_domains(server):
    a, b = server.open(), server.open()
    a.define(wire.domain_xml("shared"))
    assert b.lookup("shared").name == "shared"


def test_events_of_the_old_style_still_come(server):
    c = server.open()
    assert c.call(wire.CONNECT_DOMAIN_EVENT_REGISTER).i32() == 0
    t = c.lookup("test")
    c.on_domain(wire.DOMAIN_SUSPEND, t)
    r = c.message(wire.DOMAIN_EVENT_LIFECYCLE).reader()
    assert r.domain() == t
    assert (r.i32(), r.i32()) == (3, 0)
    r.end()
    assert c.call(wire.CONNECT_DOMAIN_EVENT_DEREGISTER).i32() == 0
    d = server.open()
    d.call(wire.CONNECT_DOMAIN_EVENT_REGISTER_ANY, u32(0))
    d.on_domain(wire.DOMAIN_RESUME, t)
    r = d.message(wire.DOMAIN_EVENT_LIFECYCLE).reader()
    assert r.domain() == t
    d.call(wire.CONNECT_DOMAIN_EVENT_DEREGISTER_ANY, u32(0))
    assert d.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(1) + optional(None)) is not None
