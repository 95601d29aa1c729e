# SPDX-License-Identifier: LGPL-2.1-or-later
"""What survives: restarts, kill -9 at any moment, a full disk, files that somebody else damaged."""

import glob
import os
import random
import re
import subprocess
import time
import uuid

import pytest

import crash
import wire
from harness import wait_until
from wire import optional, string, u32

pytestmark = pytest.mark.drover("libvirt's test driver keeps nothing")

ROUNDS = int(os.environ.get("DROVER_CRASH_ROUNDS", "20"))


class Stored:
    """A server whose domains are kept in a directory."""

    def __init__(self, make_server, directory):
        self.directory = directory
        self.uri = f"test:///default?store={directory}"
        self.server = make_server(hold=self.uri)

    def open(self):
        return self.server.open(self.uri)

    def restart(self):
        self.server.stop()
        return self.again()

    def again(self):
        """Starts it again, with a log of its own."""
        if os.path.exists(self.server.log_path):
            os.unlink(self.server.log_path)
        self.server.start()
        return self.open()

    def path(self, name):
        return os.path.join(self.directory, name + ".xml")

    def files(self):
        return sorted(os.path.basename(p)[:-4] for p in glob.glob(os.path.join(self.directory, "*.xml")))


@pytest.fixture
def stored(make_server, scratch):
    return Stored(make_server, os.path.join(scratch, "store"))


def names(c):
    return sorted(d.name for d in c.list_all()[0])


# --- restarts


def test_defined_domains_are_there_after_a_restart(stored):
    c = stored.open()
    before = names(c)
    for i in range(20):
        c.define(wire.domain_xml(f"vm{i}", memory=1024 + i))
    documents = {d.name: c.on_domain(wire.DOMAIN_GET_XML_DESC, d, u32(2)).string() for d in c.list_all()[0]}
    c = stored.restart()
    assert names(c) == sorted(before + [f"vm{i}" for i in range(20)])
    assert documents == {
        d.name: c.on_domain(wire.DOMAIN_GET_XML_DESC, d, u32(2)).string() for d in c.list_all()[0]
    }


def test_each_is_a_readable_file(stored):
    stored.open().define(wire.domain_xml("vm1", memory=4711))
    with open(stored.path("vm1")) as f:
        text = f.read()
    assert "<name>vm1</name>" in text and "4711" in text
    assert text.endswith("\n")


def test_autostart_is_a_link_and_survives(stored):
    c = stored.open()
    d = c.define(wire.domain_xml("vm1"))
    c.on_domain(wire.DOMAIN_SET_AUTOSTART, d, u32(1))
    link = os.path.join(stored.directory, "autostart", "vm1.xml")
    assert os.path.islink(link) and os.path.samefile(link, stored.path("vm1"))
    c = stored.restart()
    assert c.on_domain(wire.DOMAIN_GET_AUTOSTART, d).i32() == 1
    c.on_domain(wire.DOMAIN_SET_AUTOSTART, d, u32(0))
    assert not os.path.lexists(link)
    c = stored.restart()
    assert c.on_domain(wire.DOMAIN_GET_AUTOSTART, d).i32() == 0


def test_undefined_domains_stay_away(stored):
    c = stored.open()
    d = c.define(wire.domain_xml("vm1"))
    c.on_domain(wire.DOMAIN_SET_AUTOSTART, d, u32(1))
    c.on_domain(wire.DOMAIN_UNDEFINE, d)
    assert not os.path.lexists(stored.path("vm1"))
    assert not os.listdir(os.path.join(stored.directory, "autostart"))
    assert "vm1" not in names(stored.restart())


def test_transient_domains_are_not_kept(stored):
    c = stored.open()
    c.call(wire.DOMAIN_CREATE_XML, string(wire.domain_xml("brief")) + u32(0))
    assert not os.path.exists(stored.path("brief"))
    c = stored.restart()
    assert "brief" not in names(c)


def test_a_running_domain_that_is_redefined_keeps_the_new_document(stored):
    c = stored.open()
    d = c.define(wire.domain_xml("vm1", memory=1024))
    c.on_domain(wire.DOMAIN_CREATE, d)
    c.define(wire.domain_xml("vm1", uuid.UUID(bytes=d.uuid), memory=2048))
    c = stored.restart()
    assert ">2048<" in c.on_domain(wire.DOMAIN_GET_XML_DESC, d, u32(2)).string()


def test_a_renamed_domain_has_its_new_name_afterwards(stored):
    c = stored.open()
    d = c.define(wire.domain_xml("vm1"))
    c.on_domain(wire.DOMAIN_SET_AUTOSTART, d, u32(1))
    c.on_domain(wire.DOMAIN_RENAME, d, optional(string("vm2")) + u32(0))
    assert "vm2" in stored.files() and "vm1" not in stored.files()
    c = stored.restart()
    assert "vm2" in names(c) and "vm1" not in names(c)
    assert c.on_domain(wire.DOMAIN_GET_AUTOSTART, d).i32() == 1


@pytest.mark.parametrize(
    "name", ["with space", "grün", "日本", "-x", ".hidden", "a'b\"c", "x" * 200, "%41", "a.xml", "autostart"]
)
def test_unusual_names_survive(stored, name):
    c = stored.open()
    xml = wire.domain_xml("NAME").replace("NAME", name)
    d = c.define(xml)
    c.on_domain(wire.DOMAIN_SET_AUTOSTART, d, u32(1))
    c = stored.restart()
    assert c.lookup(name).uuid == d.uuid
    assert c.on_domain(wire.DOMAIN_GET_AUTOSTART, d).i32() == 1


@pytest.mark.parametrize("name", ["a/b", "../up", "/etc/passwd", "x" * 300])
def test_names_that_are_no_file_names_are_refused(stored, name):
    c = stored.open()
    before = names(c)
    assert c.error_of(wire.DOMAIN_DEFINE_XML, string(wire.domain_xml(name))).code in (27, 38)
    assert names(c) == before
    assert names(stored.restart()) == before


def test_everything_is_loaded_again_after_kill_9(stored):
    c = stored.open()
    for i in range(200):
        c.define(wire.domain_xml(f"vm{i}"))
    stored.server.kill()
    assert len([n for n in names(stored.again()) if n.startswith("vm")]) == 200


# --- what others did to the directory


def test_damaged_and_foreign_files_are_named_and_left_alone_and_stop_nothing(stored):
    c = stored.open()
    for i in range(5):
        c.define(wire.domain_xml(f"vm{i}"))
    stored.server.stop()
    strange = {
        "empty.xml": "",
        "cut.xml": "<domain type='test'><name>cut</name>",
        "network.xml": "<network/>",
        "other.xml": wire.domain_xml("notother"),
        "README": "hello",
        "binary.xml": "\0\x01\x02",
    }
    for name, text in strange.items():
        with open(os.path.join(stored.directory, name), "w") as f:
            f.write(text)
    os.mkdir(os.path.join(stored.directory, "folder.xml"))
    os.symlink("/nonexistent", os.path.join(stored.directory, "dangling.xml"))
    c = stored.again()
    assert [n for n in names(c) if n.startswith("vm")] == [f"vm{i}" for i in range(5)]
    for name in ("empty", "cut", "network", "binary"):
        assert name not in names(c)
        assert f"{name}.xml" in stored.server.log()
    for name, text in strange.items():
        with open(os.path.join(stored.directory, name)) as f:
            assert f.read() == text
    c.define(wire.domain_xml("vm5"))


def test_a_second_server_on_the_same_directory_is_refused_the_store(stored, make_server):
    stored.open().define(wire.domain_xml("vm1"))
    other = make_server(hold=None)
    c = other.connect()
    c.call(wire.AUTH_LIST)
    e = c.error_of(wire.CONNECT_OPEN, optional(string(stored.uri)) + u32(0))
    assert e.code == 55
    assert stored.directory in e.message
    assert "vm1" in names(stored.open())


def test_a_store_that_cannot_be_made_is_an_error_and_not_the_end(make_server):
    server = make_server(hold=None)
    c = server.connect()
    e = c.error_of(wire.CONNECT_OPEN, optional(string("test:///default?store=/proc/nonesuch/store")) + u32(0))
    assert e.code == wire.SYSTEM_ERROR
    assert c.open().version() > 0


# --- kill -9


@pytest.mark.limit(60 + 6 * ROUNDS)
def test_kill_9_at_random_moments_loses_nothing_acknowledged(stored):
    """In each round up to 1,000 defines, redefines, undefines and changes of autostart over eight connections,
    and then the end without warning. The next round goes on with what is there."""
    seed = int(os.environ.get("DROVER_CRASH_SEED", time.time_ns() % 1000000))
    print(f"DROVER_CRASH_SEED={seed}")
    dice = random.Random(seed)
    all_names = [crash.Name(f"d{i:03d}") for i in range(320)]
    acknowledged = under_way = 0
    for number in range(ROUNDS):
        workers = [crash.Worker(stored.open(), all_names[i::8], 16, dice) for i in range(8)]
        crash.run_until(workers, dice.randrange(1000))
        for w in workers:
            w.fill()
        stored.server.process.kill()
        stored.server.process.wait()
        for w in workers:
            w.drain()
        acknowledged += sum(w.acknowledged for w in workers)
        under_way += sum(len(w.under_way) for w in workers)
        stored.server.release()
        c = stored.again()
        crash.check(all_names, crash.found(c))
        refused = [line for line in stored.server.log().splitlines() if ".xml" in line]
        assert not refused, f"round {number}: {refused[:5]}"
        present = {n.name for n in all_names if n.acknowledged}
        assert {f for f in stored.files() if re.fullmatch(r"d\d+", f)} == present
        left = [f for f in os.listdir(stored.directory) if f.startswith("d") and not f.endswith(".xml")]
        assert not left, f"left over: {left}"
    print(
        f"{ROUNDS} rounds, {acknowledged} changes acknowledged, {under_way} under way at the end of their round"
    )
    assert acknowledged and under_way


# --- full and read-only disks


@pytest.fixture
def small_disk(scratch):
    """A file system of 1 MiB of its own."""
    path = os.path.join(scratch, "disk")
    os.mkdir(path)
    r = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "drover-test", path], capture_output=True, text=True
    )
    if r.returncode:
        pytest.skip(f"needs to mount a tmpfs: {r.stderr.strip()}")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def fill(path):
    """Takes every page that is left."""
    with open(os.path.join(path, "filler"), "wb", buffering=0) as f:
        for size in (65536, 4096, 1):
            try:
                while f.write(b"x" * size):
                    pass
            except OSError:
                pass


def big(name, memory=1024, uuid=None):
    return wire.domain_xml(name, uuid, memory, extra=f"<description>{name * 4000}</description>")


def test_a_full_disk_is_an_error_changes_nothing_and_passes(make_server, small_disk):
    stored = Stored(make_server, os.path.join(small_disk, "store"))
    c = stored.open()
    domains = [c.define(big(f"vm{i}")) for i in range(5)]
    before = {d.name: c.on_domain(wire.DOMAIN_GET_XML_DESC, d, u32(2)).string() for d in domains}
    fill(small_disk)

    for _ in range(3):
        e = c.error_of(wire.DOMAIN_DEFINE_XML, string(big("new")))
        assert e.code == wire.SYSTEM_ERROR
        assert e.int1 == 28  # ENOSPC
    e = c.error_of(wire.DOMAIN_DEFINE_XML, string(big("vm1", 2048, uuid.UUID(bytes=domains[1].uuid))))
    assert e.code == wire.SYSTEM_ERROR
    assert c.error_of(wire.DOMAIN_LOOKUP_BY_NAME, string("new")).code == wire.NO_DOMAIN
    assert {d.name: c.on_domain(wire.DOMAIN_GET_XML_DESC, d, u32(2)).string() for d in domains} == before
    c.on_domain(wire.DOMAIN_CREATE, domains[0])  # which writes nothing
    assert c.state(domains[0])[0] == 1

    os.unlink(os.path.join(small_disk, "filler"))
    c.define(big("new"))
    c.define(big("vm1", 2048, uuid.UUID(bytes=domains[1].uuid)))
    stored.server.kill()
    c = stored.again()
    assert {"new"} | set(before) <= set(names(c))
    for d in domains:
        text = c.on_domain(wire.DOMAIN_GET_XML_DESC, d, u32(2)).string()
        assert text == before[d.name] if d.name != "vm1" else ">2048<" in text
    assert not [line for line in stored.server.log().splitlines() if ".xml" in line]


def test_a_read_only_disk_is_an_error_changes_nothing_and_passes(make_server, small_disk):
    stored = Stored(make_server, os.path.join(small_disk, "store"))
    c = stored.open()
    d = c.define(wire.domain_xml("vm1"))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for proc, body in (
        (wire.DOMAIN_DEFINE_XML, string(wire.domain_xml("new"))),
        (wire.DOMAIN_UNDEFINE, d.encode()),
        (wire.DOMAIN_SET_AUTOSTART, d.encode() + u32(1)),
        (wire.DOMAIN_RENAME, d.encode() + optional(string("vm2")) + u32(0)),
    ):
        e = c.error_of(proc, body)
        assert e.code == wire.SYSTEM_ERROR, f"procedure {proc}: {e}"
    assert c.on_domain(wire.DOMAIN_GET_AUTOSTART, d).i32() == 0
    assert c.lookup("vm1").uuid == d.uuid
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    c.on_domain(wire.DOMAIN_SET_AUTOSTART, d, u32(1))
    c.define(wire.domain_xml("new"))
    c = stored.restart()
    assert {"new", "vm1"} <= set(names(c))
    assert c.on_domain(wire.DOMAIN_GET_AUTOSTART, d).i32() == 1


def test_a_directory_that_vanished_is_an_error_and_works_again_when_it_is_back(stored):
    c = stored.open()
    c.define(wire.domain_xml("vm1"))
    moved = stored.directory + "-moved"
    os.rename(stored.directory, moved)
    # Held by its descriptor or found by its name: it fails clearly, or the document is where the others are.
    f = c.reply(c.request(wire.DOMAIN_DEFINE_XML, string(wire.domain_xml("vm2"))))
    if f.status == wire.ERROR:
        assert f.error().code == wire.SYSTEM_ERROR
    else:
        assert os.path.exists(os.path.join(moved, "vm2.xml"))
    os.rename(moved, stored.directory)
    c.define(wire.domain_xml("vm3"))
    assert {"vm1", "vm3"} <= set(names(stored.restart()))


def test_concurrent_defines_are_all_kept(stored):
    clients = [stored.open() for _ in range(20)]
    for n, c in enumerate(clients):
        c.send(
            b"".join(
                wire.frame(wire.DOMAIN_DEFINE_XML, string(wire.domain_xml(f"c{n:02d}-{i:02d}")), serial=i)
                for i in range(25)
            )
        )
    for c in clients:
        for _ in range(25):
            assert c.wait_for(lambda f: True).status == wire.OK
    wait_until(lambda: len([f for f in stored.files() if f.startswith("c")]) == 500, "500 files")
    stored.server.kill()
    assert len([n for n in names(stored.again()) if n.startswith("c")]) == 500
