# SPDX-License-Identifier: LGPL-2.1-or-later
"""The unmodified virsh. Where libvirt's own test driver shows the same, virsh runs twice with the same commands,
over the server's socket and with that driver inside its own process, and has to print the same."""

import os
import re
import xml.etree.ElementTree as ET

import pytest

import harness
import wire
from harness import wait_until

TEST_UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"
UUID = "11111111-2222-3333-4444-555555555555"

DOCUMENT = f"""<domain type='test'>
  <name>vm1</name>
  <uuid>{UUID}</uuid>
  <title>A title</title>
  <description>Some words</description>
  <metadata><a:x xmlns:a='http://example.org/a'>y</a:x></metadata>
  <memory unit='MiB'>64</memory>
  <currentMemory unit='KiB'>32768</currentMemory>
  <vcpu current='1'>2</vcpu>
  <os><type arch='i686'>hvm</type></os>
  <devices><console type='pty'/></devices>
</domain>
"""


@pytest.fixture
def document(scratch):
    path = os.path.join(scratch, "vm1.xml")
    with open(path, "w") as f:
        f.write(DOCUMENT)
    return path


def batch(home, uri, commands):
    """Runs the commands in one virsh and gives what each of them printed, errors included."""
    script = "; ".join(f"{c}; echo =====" for c in commands)
    done = harness.run(["sh", "-c", 'exec virsh -c "$0" "$1" 2>&1', uri, script], home)
    parts = done.out.split("=====\n")
    assert len(parts) == len(commands) + 1, done
    return [[line.rstrip() for line in p.splitlines() if line.strip()] for p in parts[:-1]]


def same_as_in_process(server, commands, leave_out=()):
    """Both must print the same; lines that match `leave_out` don't count."""
    home = os.path.join(server.directory, "home")
    ours = batch(home, server.uri(), commands)
    theirs = batch(home, "test:///default", commands)
    drop = re.compile("|".join(leave_out)) if leave_out else None
    for command, a, b in zip(commands, ours, theirs):
        if drop:
            a, b = ([line for line in lines if not drop.search(line)] for lines in (a, b))
        # Of an error the client's own line counts, and the general words of the server's.
        a, b = ([re.sub(r"^(error: [^:]*):.*", r"\1", line) for line in lines] for lines in (a, b))
        if command.startswith("domstats"):  # the order of domains is nobody's promise
            a, b = (sorted(x.strip() for x in "\n".join(lines).split("Domain: ")) for lines in (a, b))
        assert a == b, f"virsh {command} prints something else"
    return dict(zip(commands, ours))


# --- the same as libvirt's test driver

FILTERS = [
    "",
    "--all",
    "--inactive",
    "--all --name",
    "--all --uuid",
    "--id",
    "--all --table",
    "--all --title",
    "--all --persistent",
    "--all --transient",
    "--transient",
    "--all --autostart",
    "--all --no-autostart",
    "--state-running",
    "--state-paused",
    "--all --state-shutoff",
    "--state-other",
    "--all --state-running",
    "--all --with-snapshot",
    "--all --without-snapshot",
    "--all --with-managed-save",
    "--all --without-managed-save",
    "--all --managed-save",
    "--all --with-checkpoint",
    "--all --without-checkpoint",
    "--all --persistent --autostart",
    "--all --state-running --state-shutoff",
    "--all --name --state-paused",
]


def test_connection_commands_print_the_same(server):
    same_as_in_process(server, ["hostname", "version", "nodeinfo", "list", "list --all"])


def test_every_filter_of_list_prints_the_same(server, document):
    steps = [f"define {document}", "autostart vm1"] + [f"list {f}" for f in FILTERS]
    steps += ["start vm1", "suspend test"] + [f"list {f}" for f in FILTERS]
    steps += ["undefine test", "destroy vm1"] + [f"list {f}" for f in FILTERS]
    shown = same_as_in_process(server, steps)
    assert shown["list --all --name"] == ["test", "vm1"]
    assert shown["list --transient"][-1].split() == ["1", "test", "paused"]
    assert shown["list --all --autostart"][-1].split() == ["-", "vm1", "shut", "off"]


def test_the_life_of_a_domain_prints_the_same(server, document):
    same_as_in_process(
        server,
        [
            f"define {document}",
            "domid vm1",
            "domuuid vm1",
            "domstate vm1",
            "domstate vm1 --reason",
            "start vm1",
            f"domname {UUID}",
            "domid vm1",
            "domstate vm1 --reason",
            "suspend vm1",
            "domstate vm1 --reason",
            "resume vm1",
            "domstate vm1 --reason",
            "shutdown vm1",
            "domstate vm1 --reason",
            "start vm1",
            "reboot vm1",
            "destroy vm1",
            "domstate vm1 --reason",
            "autostart vm1",
            "autostart vm1 --disable",
            "domrename vm1 vm2",
            "domuuid vm2",
            f"domname {UUID}",
            "domid vm1",
            "undefine vm2",
            "list --all",
        ],
    )


def test_dominfo_prints_the_same(server, document):
    same_as_in_process(
        server,
        [
            "dominfo test",
            f"define {document}",
            "dominfo vm1",
            "autostart vm1",
            "start vm1",
            "dominfo vm1",
            "undefine vm1",
        ],
        leave_out=["^CPU time:", "^Security ", "^OS Type:"],
    )


def test_title_and_description_print_the_same(server, document):
    same_as_in_process(
        server,
        [
            "desc test",
            "desc test --title",
            f"define {document}",
            "desc vm1",
            "desc vm1 --title",
            "list --all --title",
        ],
    )


def test_states_of_domstats_print_the_same(server, document):
    same_as_in_process(
        server,
        [
            f"define {document}",
            "domstats --state",
            "start vm1",
            "suspend vm1",
            "domstats --state",
            "domstats vm1 --state",
            "domstats --state --list-paused",
            "destroy vm1",
            "domstats --state --list-active",
            "domstats --state --list-shutoff",
            "domstats --state --raw",
        ],
    )


def test_errors_print_the_same(server, document):
    # Only those on which libvirt's drivers agree among themselves.
    same_as_in_process(
        server,
        [
            "dominfo nobody",
            "domstate nobody",
            "start nobody",
            "destroy nobody",
            "dumpxml nobody",
            "undefine nobody",
            "start test",
            "domname nobody",
            "domid nobody",
            f"define {document}",
            f"define {document}.missing",
            "domrename test other",
            "metadata test http://example.org/none",
            "domstats nobody",
        ],
    )


# --- each command on its own


def test_list_shows_the_example_domain(server):
    assert server.virsh("list").rows() == [["1", "test", "running"]]
    assert server.virsh("list", "--all", read_only=True).rows() == [["1", "test", "running"]]


def test_uri_is_the_clients_own(server):
    assert server.virsh("uri").lines() == [server.uri()]


def test_name_id_and_uuid_find_the_domain(server):
    assert server.virsh("domid", "test").lines() == ["1"]
    assert server.virsh("domuuid", "test").lines() == [TEST_UUID]
    assert server.virsh("domuuid", "1").lines() == [TEST_UUID]
    for word in ("1", TEST_UUID):
        assert server.virsh("domname", word).lines() == ["test"]


def test_exit_status_and_words_of_a_failure(server):
    r = server.virsh("domstate", "nobody", ok=False)
    assert r.code == 1
    assert "error: failed to get domain 'nobody'" in r.err
    r = server.virsh("start", "test", ok=False)
    assert r.code == 1
    assert "error: Domain is already active" in r.err


def test_a_uri_that_nobody_serves(server):
    r = harness.run(
        ["virsh", "-c", f"nonesuch+unix:///x?socket={server.rw}", "list"],
        os.path.join(server.directory, "home"),
    )
    assert r.code == 1
    assert "error: failed to connect to the hypervisor" in r.err
    assert "no connection driver available" in r.err


def test_dumpxml_of_the_running_domain(server):
    xml = ET.fromstring(server.virsh("dumpxml", "test").out)
    assert (xml.tag, xml.get("type"), xml.get("id")) == ("domain", "test", "1")
    assert (xml.findtext("name"), xml.findtext("uuid")) == ("test", TEST_UUID)
    assert xml.find("memory").get("unit") == "KiB"
    assert xml.findtext("os/type") == "hvm"
    inactive = ET.fromstring(server.virsh("dumpxml", "test", "--inactive").out)
    assert inactive.get("id") is None


def test_dumpxml_gives_back_what_was_defined(server, document):
    server.virsh("define", document)
    xml = ET.fromstring(server.virsh("dumpxml", "vm1").out)
    assert xml.get("id") is None
    assert xml.findtext("uuid") == UUID
    assert xml.findtext("title") == "A title"
    assert xml.findtext("description") == "Some words"
    assert xml.find("metadata/{http://example.org/a}x").text == "y"
    assert (xml.findtext("memory"), xml.findtext("currentMemory")) == ("65536", "32768")
    assert (xml.findtext("vcpu"), xml.find("vcpu").get("current")) == ("2", "1")
    assert [xml.findtext(f"on_{e}") for e in ("poweroff", "reboot", "crash")] == [
        "destroy",
        "restart",
        "destroy",
    ]
    assert xml.find("devices/console") is not None


def test_what_dumpxml_prints_can_be_defined_again(server, document, scratch):
    server.virsh("define", document)
    first = server.virsh("dumpxml", "vm1").out
    path = os.path.join(scratch, "again.xml")
    with open(path, "w") as f:
        f.write(first)
    server.virsh("define", path)
    assert server.virsh("dumpxml", "vm1").out == first


def test_a_second_define_changes_the_domain(server, scratch):
    path = os.path.join(scratch, "d.xml")
    for memory in (2048, 4096):
        with open(path, "w") as f:
            f.write(wire.domain_xml("vm1", UUID, memory))
        assert server.virsh("define", path).lines() == [f"Domain 'vm1' defined from {path}"]
        assert server.virsh("dominfo", "vm1").fields()["Max memory"] == f"{memory} KiB"
    assert len(server.virsh("list", "--all").rows()) == 2


def test_name_and_uuid_of_others_cannot_be_taken(server, scratch):
    path = os.path.join(scratch, "d.xml")
    for name, uuid in (("test", UUID), ("another", TEST_UUID)):
        with open(path, "w") as f:
            f.write(wire.domain_xml(name, uuid))
        assert "operation failed" in server.virsh("define", path, ok=False).err
        assert "operation failed" in server.virsh("create", path, ok=False).err
    assert server.virsh("list", "--all", "--name").lines() == ["test"]


def test_create_makes_a_transient_domain(server, document):
    server.virsh("create", document)
    info = server.virsh("dominfo", "vm1").fields()
    assert (info["State"], info["Persistent"], info["Id"]) == ("running", "no", "2")
    if server.kind == "drover":  # the peer's test driver does both
        server.virsh("autostart", "vm1", ok=False)
        server.virsh("undefine", "vm1", ok=False)
    server.virsh("destroy", "vm1")
    assert server.virsh("list", "--all", "--name").lines() == ["test"]


@pytest.mark.drover("the peer's test driver refuses the flag")
def test_create_paused(server, document):
    server.virsh("create", "--paused", document)
    assert server.virsh("domstate", "vm1").lines() == ["paused"]
    server.virsh("resume", "vm1")
    assert server.virsh("domstate", "vm1").lines() == ["running"]


@pytest.mark.drover("the peer's test driver refuses the flag")
def test_start_paused(server, document):
    server.virsh("define", document)
    server.virsh("start", "--paused", "vm1")
    assert server.virsh("domstate", "vm1").lines() == ["paused"]
    server.virsh("resume", "vm1")
    assert server.virsh("domstate", "vm1").lines() == ["running"]


def test_undefining_a_running_domain_makes_it_transient(server):
    server.virsh("undefine", "test")
    assert server.virsh("dominfo", "test").fields()["Persistent"] == "no"
    server.virsh("destroy", "test")
    assert server.virsh("list", "--all").rows() == []


def test_ids_are_not_used_twice(server, document):
    server.virsh("define", document)
    ids = []
    for _ in range(3):
        server.virsh("start", "vm1")
        ids.append(int(server.virsh("domid", "vm1").out))
        server.virsh("destroy", "vm1")
    assert ids == sorted(set(ids)) and ids[0] > 1


def test_title_can_be_changed(server, document):
    server.virsh("define", document)
    server.virsh("desc", "vm1", "--config", "--title", "Another one")
    assert server.virsh("desc", "vm1", "--title").lines() == ["Another one"]
    assert server.virsh("list", "--all", "--title").rows()[-1][-2:] == ["Another", "one"]
    assert server.virsh("metadata", "vm1", "http://example.org/a").lines()


def test_capabilities_name_a_host_and_a_guest(server):
    xml = ET.fromstring(server.virsh("capabilities").out)
    assert xml.findtext("host/cpu/arch")
    assert xml.find("host/topology/cells/cell/cpus/cpu") is not None
    guest = xml.find("guest")
    assert guest.findtext("os_type")
    assert guest.find("arch/domain").get("type") == "test"


def test_domstats_in_its_basic_groups(server):
    for group in ("--state", "--cpu-total", "--balloon", "--vcpu"):
        shown = server.virsh("domstats", group, "test").lines()
        assert shown[0] == "Domain: 'test'"
    r = server.virsh("domstats", "test")
    assert "state.state=1" in r.out
    if server.kind == "drover":
        for word in ("cpu.time=", "balloon.current=", "balloon.maximum=", "vcpu.current=", "vcpu.maximum="):
            assert word in r.out


def test_a_read_only_virsh_can_look_and_not_touch(server):
    assert server.virsh("dominfo", "test", read_only=True).fields()["State"] == "running"
    r = server.virsh("destroy", "test", read_only=True, ok=False)
    assert "read only access" in r.err
    assert server.virsh("domstate", "test").lines() == ["running"]


def test_screenshot_is_saved(server, scratch):
    path = os.path.join(scratch, "shot")
    r = server.virsh("screenshot", "test", path, ok=None)
    if r.code and "not supported" in r.err:
        pytest.fail("the test driver must offer screenshots")
    assert r.code == 0, r
    assert os.path.getsize(path) > 0
    assert "image/" in r.out


class Watcher:
    """`virsh event` on a terminal, so that each line comes at once."""

    def __init__(self, server, *args):
        self.master, slave = os.openpty()
        self.process = harness.subprocess.Popen(
            ["virsh", "-c", server.uri(), "event", "--loop"] + list(args),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=harness.client_environment(os.path.join(server.directory, "home")),
            start_new_session=True,
        )
        os.close(slave)
        os.set_blocking(self.master, False)
        self.text = ""

    def lines(self):
        try:
            while piece := os.read(self.master, 65536):
                self.text += piece.decode()
        except (BlockingIOError, OSError):
            pass
        return [line.strip() for line in self.text.splitlines() if line.startswith("event ")]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


def test_event_shows_a_life_in_order(server, document):
    watcher = Watcher(server, "--all")
    try:

        def subscribed():
            server.virsh("suspend", "test")
            server.virsh("resume", "test")
            return watcher.lines()

        wait_until(subscribed, "virsh sees events")
        for command in (
            ["define", document],
            ["start", "vm1"],
            ["suspend", "vm1"],
            ["resume", "vm1"],
            ["destroy", "vm1"],
            ["undefine", "vm1"],
        ):
            server.virsh(*command)

        def life():
            return [
                line.partition("'vm1': ")[2]
                for line in watcher.lines()
                if "'lifecycle' for domain 'vm1'" in line
            ]

        wait_until(lambda: life()[-1:] == ["Undefined Removed"], "the last event")
        assert life() == [
            "Defined Added",
            "Started Booted",
            "Suspended Paused",
            "Resumed Unpaused",
            "Stopped Destroyed",
            "Undefined Removed",
        ]
    finally:
        watcher.close()


def test_event_of_one_domain_shows_no_other(server, document):
    server.virsh("define", document)
    watcher = Watcher(server, "--domain", "test", "--event", "lifecycle")
    try:

        def subscribed():
            server.virsh("suspend", "test")
            server.virsh("resume", "test")
            return watcher.lines()

        wait_until(subscribed, "virsh sees events")
        server.virsh("start", "vm1")
        server.virsh("destroy", "vm1")
        server.virsh("destroy", "test")
        wait_until(lambda: any("Stopped" in line for line in watcher.lines()), "the last event")
        assert not any("vm1" in line for line in watcher.lines())
    finally:
        watcher.close()


def test_an_interactive_virsh_survives_many_commands(server):
    script = "\n".join(["list --all", "dominfo test", "domstate test", "dumpxml test"] * 50 + ["quit"])
    r = server.virsh(input=script)
    assert r.out.count("CPU(s):") == 50


def test_a_vanished_server_is_told_to_the_user(server):
    master, slave = os.openpty()
    p = harness.subprocess.Popen(
        ["virsh", "-c", server.uri(), "event", "--event", "lifecycle", "--loop"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env=harness.client_environment(os.path.join(server.directory, "home")),
    )
    os.close(slave)
    try:
        base = server.descriptors()
        wait_until(lambda: server.descriptors() > base or p.poll() is not None, "virsh is connected")
        server.kill()
        p.wait(60)
        assert p.returncode != 0
    finally:
        p.kill()
        p.wait()
        os.close(master)


@pytest.mark.limit(300)
def test_20_virshs_at_once(server):
    server.virsh("list")
    running = [server.popen_virsh("list", "--all") for _ in range(20)]
    for p in running:
        out = p.communicate(timeout=120)[0]
        assert p.returncode == 0, out
        assert "test" in out
