# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices that xl attaches and detaches on a real Xen: clients are told once and in order, and documents follow at the next
question, of guests that drover has made and of guests of xl's."""

import re

import pytest
from lab import Droverd, Guest
from test_events import Events

IMAGE = "/root/device-events.img"
MAC = "00:16:3e:00:00:21"
ALIAS = "net-" + MAC.replace(":", "-")
BLOCK = f"vdev=xvdb,access=rw,script=block-quick,target={IMAGE}"
DISK = f"<disk type='file' device='disk'><source file='{IMAGE}.2'/><target dev='xvdc' bus='xen'/></disk>"


@pytest.fixture(autouse=True)
def image(lab):
    lab.sh(f"rm -f {IMAGE}* && truncate -s 8M {IMAGE} {IMAGE}.2")


class AllEvents(Events):
    LEFT_OUT = re.compile("fence ")


@pytest.fixture
def events(lab, drover):
    client = AllEvents(lab, drover)
    yield client
    client.stop()


def make(lab, drover, kind, name, *devices):
    text = re.sub("<uuid>.*</uuid>", "", lab.read("/root/guest/pv.xml")).replace("<name>pv</name>", f"<name>{name}</name>")
    if kind == "idle-pv":
        text = text.replace("vmlinuz", "idle-pv").replace("<initrd>/root/guest/initrd.img</initrd>", "")
    lab.write("/run/device-events.xml", text.replace("</devices>", "".join(devices) + "</devices>"))
    guest = Guest(lab, name)
    lab.sh(f"rm -f {guest.console_path}")
    drover.virsh("create", "/run/device-events.xml", timeout=180)
    return guest


@pytest.fixture
def made(lab):
    """For guests of drover's that are gone after the test."""
    yield
    lab.clean()


def disks(guest):
    """Which ones the guest has."""
    return re.findall("xvd.", guest.sh("cat /proc/partitions").out)


def told(events, name):
    return [line.split(" ", 1)[1] for line in events.seen() if line.startswith(f"{name} ")]


@pytest.mark.limit(300)
@pytest.mark.parametrize("whose", ["drover", "xl"])
def test_what_xl_attaches_and_detaches_is_told_of_and_shown(lab, drover, events, guests, made, whose):
    guest = guests("dev", "pv") if whose == "xl" else make(lab, drover, "pv", "dev")
    guest.ready()
    assert "xvdb" not in drover.virsh("dumpxml", "dev").out

    lab.xl("block-attach", "dev", BLOCK)
    assert re.search(rf"xvdb +{IMAGE}\n", drover.virsh("domblklist", "dev").out)
    lab.xl("network-attach", "dev", f"mac={MAC}", "script=vif-quick")
    shown = drover.virsh("dumpxml", "dev").out
    assert MAC in shown and f"<alias name='{ALIAS}'/>" in shown and "<alias name='xvdb'/>" in shown
    lab.write("/run/disk.xml", DISK)
    drover.virsh("attach-device", "dev", "/run/disk.xml", timeout=120)
    lab.wait(lambda: "xvdc" in disks(guest), "the guest has the disk")    # one that it is just connecting isn't to be had back
    drover.virsh("detach-device", "dev", "/run/disk.xml", timeout=120)
    lab.wait(lambda: disks(guest) == ["xvdb"], "the guest has the disk that is left")
    lab.xl("block-detach", "dev", "xvdb", timeout=120)
    assert "xvdb" not in drover.virsh("domblklist", "dev").out
    lab.xl("network-detach", "dev", MAC, timeout=120)
    assert MAC not in drover.virsh("dumpxml", "dev").out
    # what drover detaches may be what xl has attached
    lab.xl("block-attach", "dev", BLOCK)
    lab.wait(lambda: disks(guest) == ["xvdb"], "the guest has the disk again")
    drover.virsh("detach-disk", "dev", "xvdb", timeout=120)
    events.until("dev removed xvdc", f"dev removed {ALIAS}", "dev removed xvdb")
    drover.virsh("list --name")
    devices = [line for line in told(events, "dev") if line.split()[0] in ("added", "removed")]
    assert devices == [
        "added xvdb",
        f"added {ALIAS}",
        "added xvdc",
        "removed xvdc",
        "removed xvdb",
        f"removed {ALIAS}",
        "added xvdb",
        "removed xvdb",
    ]


@pytest.mark.one_store
@pytest.mark.limit(300)
def test_memory_that_xl_takes_is_told_of(lab, drover, events, guests):
    guests("thin", "pv").ready()
    lab.xl("mem-set", "thin", "64")

    def taken():
        """The sizes below those that its kernel, which takes and gives some when it starts, has had by itself."""
        lines = [line.split() for line in told(events, "thin")]
        sizes = [int(line[1]) for line in lines if line[0] == "balloon" and int(line[1]) < 90 * 1024]
        return sizes and 63 * 1024 <= sizes[-1] <= 66 * 1024 and sizes

    sizes = lab.wait(taken, "the guest's memory is told of", 60)
    assert sizes == sorted(sizes, reverse=True)
    assert int(re.search(r"Used memory: +(\d+)", drover.virsh("dominfo", "thin").out).group(1)) <= 66 * 1024


@pytest.mark.one_store
@pytest.mark.limit(300)
def test_what_xl_attached_while_droverd_was_away_is_shown(lab, made):
    drover = Droverd(lab).start()
    try:
        make(lab, drover, "idle-pv", "away", DISK)
        drover.kill()
        lab.xl("block-attach", "away", BLOCK)
        lab.xl("network-attach", "away", f"mac={MAC}", "script=vif-quick")
        drover.start()
        shown = drover.virsh("dumpxml", "away").out
        assert "xvdb" in shown and "xvdc" in shown and MAC in shown
    finally:
        lab.xl("destroy", "away", timeout=120)
        drover.stop()


@pytest.mark.limit(300)
def test_known_guests_cost_xenstored_nothing(lab, drover, guests):
    guests("quiet", "idle-pv", disk=IMAGE)
    drover.virsh("dumpxml", "quiet")
    with lab.accesses() as seen:
        for _ in range(3):
            drover.virsh("list --name; domid quiet; dumpxml quiet; domblklist quiet")
    assert [access for access in seen if access.path.startswith("/libxl") or access.path.endswith("/name")] == []
