# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sizes, pins, weights and counters of guests on a real Xen, with xl beside drover."""

import re

import pytest


def stats(drover, *args):
    return dict(re.findall(r"^  ([^=\n]+)=(.*)$", drover.virsh("domstats", *args).out, re.M))


@pytest.fixture(scope="module")
def linux(lab):
    """One guest with a disk and an interface for several tests."""
    lab.sh("truncate -s 8M /run/tune.img")
    guest = lab.create("tuned", "pv", disk="/run/tune.img", mac="00:16:3e:00:00:09")
    guest.ready()
    lab.kept.add(guest.id)
    yield guest
    lab.kept.clear()
    lab.clean()


@pytest.mark.core
@pytest.mark.one_store
def test_weight_and_cap_are_the_ones_that_xl_sees(lab, guests, drover):
    guests("shared", "idle-pvh")
    drover.virsh("schedinfo", "shared", "--live", "--weight", "512", "--cap", "40")
    assert lab.xl("sched-credit2", "-d", "shared").lines()[-1].split()[-2:] == ["512", "40"]
    lab.xl("sched-credit2", "-d", "shared", "-w", "300")
    assert re.search(r"^weight\s*: 300$", drover.virsh("schedinfo", "shared").out, re.M)


@pytest.fixture
def credit_pool(lab):
    """A pool of one CPU whose scheduler is credit, the first one's being credit2."""
    lab.sh("xl cpupool-cpu-remove Pool-0 1 && xl cpupool-create 'name=\"other\"' 'sched=\"credit\"' 'cpus=[\"1\"]'")
    yield "other"
    lab.clean()
    lab.sh("xl cpupool-destroy other && xl cpupool-cpu-add Pool-0 1")


@pytest.mark.one_store
def test_weight_and_cap_are_those_of_the_scheduler_of_the_guests_pool(lab, guests, drover, credit_pool):
    guests("shared", "idle-pv")
    lab.xl("cpupool-migrate", "shared", credit_pool)
    drover.virsh("schedinfo", "shared", "--live", "--weight", "512", "--cap", "40")
    assert lab.xl("sched-credit", "-d", "shared").lines()[-1].split()[-2:] == ["512", "40"]
    lab.xl("sched-credit", "-d", "shared", "-w", "300")
    said = drover.virsh("schedinfo", "shared").out
    assert re.search(r"^Scheduler\s*: credit$", said, re.M) and re.search(r"^weight\s*: 300$", said, re.M)
    lab.xl("cpupool-migrate", "shared", "Pool-0")
    assert re.search(r"^Scheduler\s*: credit2$", drover.virsh("schedinfo", "shared").out, re.M)


@pytest.mark.core
@pytest.mark.one_store
def test_a_pin_is_the_one_that_xl_sees(lab, guests, drover):
    guests("pinned", "idle-pv")
    drover.virsh("vcpupin", "pinned", "0", "1")
    assert re.search(r"^pinned .* 1 / all$", lab.xl("vcpu-list", "pinned").out, re.M)
    lab.xl("vcpu-pin", "pinned", "0", "0")
    assert re.search(r"^\s*0\s+0$", drover.virsh("vcpupin", "pinned").out, re.M)
    assert re.search(r"^CPU Affinity:\s+y-", drover.virsh("vcpuinfo", "pinned").out, re.M)


@pytest.mark.core
def test_memory_follows_and_is_bounded_by_what_the_guest_was_built_with(lab, linux, drover):
    drover.virsh("setmem", "tuned", "80M")
    lab.wait(lambda: "actual 81920" in drover.virsh("dommemstat", "tuned").out, "the guest has 80 MiB")
    assert lab.xl("list", "tuned").lines()[-1].split()[2] == "80"
    assert "static_max" in drover.virsh("setmem", "tuned", "500M", ok=False).err
    assert stats(drover, "--balloon", "tuned")["balloon.current"] == "81920"


@pytest.mark.core
def test_disks_and_interfaces_are_counted_without_a_word_to_xenstored(lab, linux, drover):
    drover.virsh("list")
    before = stats(drover, "--block", "tuned")
    linux.sh("dd if=/dev/xvda of=/dev/null bs=4k count=64 iflag=direct")
    name = f"vif{linux.id}.0"

    def has_read():
        """What was counted may be as old as a sample is."""
        return int(stats(drover, "--block", "tuned")["block.0.rd.bytes"]) - int(before["block.0.rd.bytes"]) >= 64 * 4096

    lab.wait(has_read, "what the guest has read is counted")
    with lab.accesses() as seen:
        after = stats(drover, "--block", "--interface", "tuned")
        drover.virsh("domblkstat", "tuned", "xvda")
        drover.virsh("domifstat", "tuned", name)
    assert [a for a in seen if "tuned" in a.path or "/backend" in a.path] == []
    assert int(after["sample.age"]) < 60e9
    assert after["block.0.name"] == "xvda" and after["net.0.name"] == name
    assert "no disk" in drover.virsh("domblkstat", "tuned", "sdz", ok=False).err


@pytest.mark.core
@pytest.mark.one_store
def test_the_host_is_told_of_as_xl_tells_of_it(lab, drover):
    info = dict(re.findall(r"^(\S+)\s*: (.*)$", lab.xl("info").out, re.M))
    assert drover.virsh("nodeinfo").fields()["CPU(s)"] == info["nr_cpus"]
    free = int(drover.virsh("freecell", "--all").lines()[-1].split()[-2])
    assert abs(free - int(info["free_memory"]) * 1024) < 64 * 1024
