# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab itself: what the tests of the Xen driver stand on."""

import collections

import pytest

IMAGE = "/root/lab-disk.img"


@pytest.mark.core
@pytest.mark.one_store
def test_droverd_finds_its_libraries_in_the_dom0(lab):
    out = lab.sh("ldd /build/server/droverd $(find /build/drivers -maxdepth 1 -name '*.so')").out
    assert "not found" not in out, out


@pytest.mark.core
def test_droverd_serves_beside_a_hypervisor(drover):
    assert drover.virsh("list", "--name", hypervisor="test", path="/default").lines() == ["test"]


@pytest.mark.core
def test_the_peer_answers(lab, peer):
    assert lab.virsh(peer, "list", "--name").lines() == ["Domain-0"]
    assert "Xen" in lab.virsh(peer, "version").fields()["Running hypervisor"]


@pytest.mark.core
@pytest.mark.one_store
def test_disk_and_interface_work_inside_a_guest(lab, guests):
    lab.run("truncate", "-s", "16M", IMAGE)
    guest = guests("lab-pv", "pv", disk=IMAGE, mac="00:16:3e:00:01:02")
    said = guest.ready()
    assert " PV after " in said and "disks: xvda " in said and "interfaces: eth0" in said
    # What it writes is in the image; what is in the image it reads.
    guest.sh("echo from inside | dd of=/dev/xvda conv=sync,fsync 2>/dev/null")
    assert lab.run("head", "-c", "11", IMAGE).out == "from inside"
    assert guest.sh("head -c 11 /dev/xvda; cat /sys/class/block/xvda/size").out == "from inside32768\n"
    # Both ways, so that neither is an echo of the bridge.
    guest.sh("ping -c 1 -W 10 10.77.0.1 || ping -c 5 -W 10 10.77.0.1")    # the first one may get lost
    lab.sh("busybox ping -c 1 -W 10 10.77.1.2 || busybox ping -c 5 -W 10 10.77.1.2")
    # Shut down from outside, it goes; nothing stays behind.
    lab.xl("shutdown", guest.name)
    lab.wait(lambda: guest.name not in lab.names(), "the guest has gone")
    lab.wait(lambda: not lab.run("losetup", "-a").out, "the loop device is free")


def test_many_small_guests_stand_side_by_side(lab, guests):
    names = [f"small-{kind}-{n}" for kind in ("pv", "pvh") for n in range(2)]
    for name in names:
        guests(name, "idle-" + name.split("-")[1])
    assert sorted(lab.names()) == sorted(names)


@pytest.mark.core
def test_xenstored_s_requests_are_counted(lab):
    lab.quiet()    # guests of the test before may have gone just now
    with lab.accesses() as seen:
        lab.sh("xenstore-read /local/domain/0/name; xenstore-write /tool/lab 1; xenstore-rm /tool/lab")
    kinds = seen.kinds()
    assert kinds["READ"] >= 1 and kinds["WRITE"] == 1 and kinds["RM"] == 1, seen
    assert [a.path for a in seen if a.kind == "WRITE"] == ["/tool/lab"]
    with lab.accesses() as quiet:
        lab.run("true")
    assert quiet == []


def test_xl_list_asks_once_for_each_domain(lab):
    """The measure of all that drover shall not do; it shows that the counting is exact."""
    counts = []
    try:
        for total in (5, 10):
            lab.run("/build/tests/xenlab/xenlab-domains", "make", "5", f"many-{total}-")
            with lab.accesses() as seen:
                lab.xl("list")
            # droverd may be asking for the new names just now
            reads = collections.Counter(access.client for access in seen if access.kind == "READ")
            counts.append(max(reads.values()))
    finally:
        lab.run("/build/tests/xenlab/xenlab-domains", "remove", "many-")
    assert counts[1] - counts[0] == 5
    lab.wait(lambda: lab.names() == [], "they are gone")


@pytest.mark.one_store
def test_time_is_measured_inside(lab):
    taken = lab.seconds_of("sleep", "0.2", rounds=3)
    assert len(taken) == 3 and min(taken) >= 0.2
