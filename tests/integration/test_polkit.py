# SPDX-License-Identifier: LGPL-2.1-or-later
"""polkit on the UNIX sockets, with the real virsh: a double of its authority on a bus of the test's own says who may come in."""

import json
import os
import shutil
import subprocess
import sys

import harness
import pytest
import wire
from harness import wait_until

pytestmark = pytest.mark.drover("the peer would ask the system's own polkit")

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
"""

NOBODY = 65534  # root isn't asked about
AUTH_FAILED, AUTH_CANCELLED, AUTH_UNAVAILABLE, FROM_POLKIT = 45, 79, 94, 60


class Polkit:
    """A bus with the double on it. `address` is good before either runs."""

    def __init__(self, directory):
        self.directory = directory
        self.path = os.path.join(directory, "bus")
        self.address = f"unix:path={self.path}"
        self.answer_path, self.log_path = os.path.join(directory, "answer"), os.path.join(directory, "questions")
        self.processes = []

    def answer(self, answer):
        with open(self.answer_path + ".new", "w") as f:
            f.write(answer)
        os.rename(self.answer_path + ".new", self.answer_path)

    def start_bus(self):
        config = os.path.join(self.directory, "bus.conf")
        with open(config, "w") as f:
            f.write(BUS.format(path=self.path))
        command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--nosyslog"]
        self.processes.append(subprocess.Popen(command))
        wait_until(lambda: os.path.exists(self.path), "the bus is there")

    def start(self, answer="yes"):
        self.answer(answer)
        self.start_bus()
        double = os.path.join(harness.HERE, "polkit_double.py")
        env = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.address)
        self.processes.append(
            subprocess.Popen(["/usr/bin/python3", double, self.answer_path, self.log_path], env=env)
        )
        wait_until(lambda: self.log(), "the double has its name")
        return self

    def log(self):
        if not os.path.exists(self.log_path):
            return []
        with open(self.log_path) as f:
            return [json.loads(line) for line in f.read().splitlines()]

    def questions(self):
        return [line for line in self.log() if "action" in line]

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.processes = []
        if os.path.exists(self.path):
            os.unlink(self.path)


@pytest.fixture
def polkit(scratch, monkeypatch):
    directory = os.path.join(scratch, "polkit")
    os.makedirs(directory)
    p = Polkit(directory)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", p.address)
    yield p
    p.stop()


@pytest.fixture
def asking(make_server):
    """A server that asks polkit about clients of the main socket."""

    def make(**settings):
        config = {"auth_unix_rw": "polkit", "log_outputs": "2:stderr", "log_level": 2, "login_timeout": 60}
        server = make_server({**config, **settings}, start=False)
        os.chmod(server.directory, 0o755)
        os.chmod(os.path.join(server.directory, "home"), 0o777)
        server.hold_uri = None
        server.start()
        server.baseline += 1  # the connection to the bus, once there is one
        return server

    return make


def as_nobody():
    return dict(user=NOBODY, group=NOBODY, extra_groups=[]) if os.geteuid() == 0 else {}


def me():
    return NOBODY if os.geteuid() == 0 else os.geteuid()


def start_virsh(server, *args, read_only=False):
    argv = ["virsh", "-c", server.uri(read_only=read_only)] + (["-r"] if read_only else []) + list(args)
    env = harness.client_environment(os.path.join(server.directory, "home"))
    env["PATH"] = "/usr/bin:/bin"
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        **as_nobody(),
    )


def virsh(server, *args, ok=True, read_only=False):
    p = start_virsh(server, *args, read_only=read_only)
    out, err = p.communicate(timeout=60 * server.slow)
    assert (p.returncode == 0) == ok, f"{out}{err}\n{server.log()}"
    return out if ok else err, p.pid


SPEAK = """
import sys
sys.path.insert(0, sys.argv[1])
import wire
c = wire.Connection(sys.argv[2], 60)
c.call(wire.AUTH_LIST)
for _ in range(int(sys.argv[3])):
    try:
        print("complete", c.call(wire.AUTH_POLKIT).i32(), flush=True)
    except wire.RemoteError as e:
        print("error", e.code, e.domain, flush=True)
    except wire.Closed:
        print("closed", flush=True)
"""


def speak(server, times=1, code=SPEAK):
    """Asks for polkit's verdict so many times on one connection, not as root."""
    shutil.copy(wire.__file__, server.directory)  # where everybody can read it
    p = subprocess.run(
        [sys.executable, "-c", code, server.directory, server.rw, str(times)],
        capture_output=True,
        text=True,
        timeout=120 * server.slow,
        env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
        **as_nobody(),
    )
    assert p.returncode == 0, p.stderr
    return p.stdout.splitlines()


def test_who_may_come_in_comes_in_and_polkit_was_told_which_process(polkit, asking):
    polkit.start("yes")
    server = asking()
    out, pid = virsh(server, "list", "--name")
    assert "test" in out
    (question,) = polkit.questions()
    assert question["action"] == "org.libvirt.unix.manage" and question["kind"] == "unix-process"
    assert question["facts"]["pid"] == pid and question["facts"]["uid"] == me() and question["flags"] == 1
    assert question["facts"]["start-time"] > 0
    virsh(server, "suspend", "test")


def test_the_start_of_the_process_is_that_of_the_kernel(polkit, asking):
    polkit.start("never")
    server = asking()
    p = start_virsh(server, "list")
    question = wait_until(polkit.questions, "polkit is asked", 60 * server.slow)[0]
    with open(f"/proc/{p.pid}/stat") as f:
        assert question["facts"]["start-time"] == int(f.read().rpartition(")")[2].split()[19])
    p.kill()
    p.communicate()
    # who has left needs no answer: polkit is told, and closes its dialog
    wait_until(lambda: {"cancelled": question["cancel"]} in polkit.log(), "it is called off", 60 * server.slow)


def test_the_socket_for_readers_is_another_action(polkit, asking):
    polkit.start("yes")
    server = asking(auth_unix_ro="polkit", auth_unix_rw="none")
    assert "test" in virsh(server, "list", "--name", read_only=True)[0]
    assert polkit.questions()[0]["action"] == "org.libvirt.unix.monitor"


def test_root_is_not_asked_about(polkit, asking):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    server = asking()  # there is no bus at all
    server.virsh("list")
    with server.connect() as c:
        ways = c.call(wire.AUTH_LIST)
        assert ways.array(ways.u32) == [0]


@pytest.mark.parametrize(
    "answer,words", [("no", "rules don't allow"), ("dismissed", "cancelled"), ("challenge", "no agent")]
)
def test_who_may_not_is_told_why(polkit, asking, answer, words):
    polkit.start(answer)
    server = asking()
    assert words in virsh(server, "list", ok=False)[0]
    code = {"no": AUTH_FAILED, "dismissed": AUTH_CANCELLED, "challenge": AUTH_UNAVAILABLE}[answer]
    assert speak(server, 1) == [f"error {code} {FROM_POLKIT}"]
    polkit.answer("yes")
    virsh(server, "list")


def test_three_failures_end_the_connection(polkit, asking):
    polkit.start("no")
    server = asking()
    assert speak(server, 4) == [f"error {AUTH_FAILED} {FROM_POLKIT}"] * 3 + ["closed"]


def test_without_a_bus_clients_are_refused_and_come_in_when_there_is_one(polkit, asking):
    server = asking()
    assert "can't be asked" in virsh(server, "list", ok=False)[0]
    polkit.start_bus()  # and nobody on it
    assert "can't be asked" in virsh(server, "list", ok=False)[0]
    polkit.stop()
    polkit.start("yes")
    # the first question may still meet the end of the former bus
    wait_until(lambda: start_virsh(server, "list").wait() == 0, "clients come in", 60 * server.slow)


def test_a_bus_that_goes_in_the_middle_refuses_those_who_wait(polkit, asking):
    polkit.start("never")
    server = asking()
    p = start_virsh(server, "list")
    wait_until(polkit.questions, "polkit is asked", 60 * server.slow)
    polkit.stop()
    _, err = p.communicate(timeout=60 * server.slow)
    assert "can't be asked" in err


def test_who_waits_for_polkit_holds_up_nobody(polkit, asking):
    """More of them than there are workers; readers, and the server's end, come all the same."""
    polkit.start("never")
    server = asking(max_workers=2, min_workers=1, prio_workers=1)
    waiting = [start_virsh(server, "list") for _ in range(8)]
    wait_until(lambda: len(polkit.questions()) == 8, "polkit is asked about each", 60 * server.slow)
    server.virsh("list", read_only=True)
    server.virsh("define", "/dev/null", read_only=True, ok=False)
    assert all(p.poll() is None for p in waiting)
    server.stop()
    for p in waiting:
        p.communicate(timeout=60 * server.slow)
        assert p.returncode != 0


def test_an_answer_that_does_not_come_ends_with_the_login(polkit, asking):
    polkit.start("never")
    server = asking(login_timeout=1)
    virsh(server, "list", ok=False)
    wait_until(lambda: any("cancelled" in line for line in polkit.log()), "polkit is told", 60 * server.slow)


def test_nothing_else_before_polkit_has_answered(polkit, asking):
    polkit.start("no")
    server = asking()
    code = SPEAK.replace("wire.AUTH_POLKIT", "wire.CONNECT_OPEN, wire.optional(None) + wire.u32(0)")
    assert speak(server, 1, code) == [f"error {wire.RPC} 7"]


def test_the_socket_is_open_to_all_where_polkit_decides(polkit, asking):
    server = asking()
    assert os.stat(server.rw).st_mode & 0o777 == 0o777
    assert os.stat(server.admin).st_mode & 0o777 == 0o700
