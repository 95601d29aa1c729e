# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices of the host that guests get, on a real Xen with an (emulated) IOMMU. `boot` gives the dom0 two PCI devices to give
away: a disk with a driver there, and a device without one; and a USB device. No kernel of Debian's has a driver for USB as Xen
gives it to guests, so what the guest sees of that one is not looked at."""

import re

import pytest
from lab import Guest
from test_events import Events

pytestmark = [pytest.mark.one_store, pytest.mark.limit(300)]

DISK = "0000:00:10.0"    # /dev/vdb, while the dom0 has it
PLAIN = "0000:00:11.0"
VENDORS = {DISK: "0x1af4", PLAIN: "0x1234"}


def hostdev(address, managed):
    slot = address.split(":")[2].split(".")[0]
    return (
        f"<hostdev mode='subsystem' type='pci' managed='{managed}'><source>"
        f"<address domain='0' bus='0' slot='0x{slot}' function='0'/></source></hostdev>"
    )


def document(lab, name, *devices, kind="pv"):
    """A document of the lab's Linux guest, or of one that does nothing."""
    text = re.sub("<uuid>.*</uuid>", "", lab.read("/root/guest/pv.xml")).replace("<name>pv</name>", f"<name>{name}</name>")
    if kind == "idle":
        text = text.replace("/root/guest/vmlinuz", "/root/guest/idle-pv").replace("96</memory>", "4</memory>")
        text = re.sub("<(initrd|cmdline)>.*</.*>", "", text)
    path = f"/run/{name}.xml"
    lab.write(path, text.replace("</devices>", "".join(devices) + "</devices>"))
    return path


def assignable(lab):
    return lab.xl("pci-assignable-list").out.split()


def held(lab, name):
    """What xl says that the guest has."""
    return [row.split()[-1] for row in lab.xl("pci-list", name).out.splitlines() if "0000:" in row]


def driver_of(lab, address):
    return lab.sh(f"basename $(readlink /sys/bus/pci/devices/{address}/driver)", ok=None).out.strip()


def is_back(lab):
    """Nothing of a guest is left of the disk: its driver has it, and nobody keeps a note."""
    marks = lab.run("xenstore-list", "/tool/drover/pci", ok=None).out
    owner = lab.run("xenstore-read", "/libxl/pci/0000-00-10-0/domid", ok=None).code
    return driver_of(lab, DISK) == "virtio-pci" and "10" not in marks and owner != 0


def seen_inside(guest):
    return guest.sh("cat /sys/bus/pci/devices/*/vendor 2>/dev/null", ok=None).out.split()


@pytest.fixture(scope="module")
def shared(lab, session_drover):
    """A guest that has the plain device from its start."""
    lab.xl("pci-assignable-add", PLAIN)
    guest = Guest(lab, "passed")
    lab.sh(f"rm -f {guest.console_path}")
    session_drover.virsh("create", document(lab, "passed", hostdev(PLAIN, "no")), timeout=180)
    guest.ready(120)
    lab.kept.add(guest.id)
    yield guest
    lab.kept.clear()
    lab.clean()
    lab.xl("pci-assignable-remove", "-r", PLAIN)


def test_a_guest_has_the_device_that_its_document_names(lab, drover, shared):
    assert held(lab, "passed") == [PLAIN]
    assert assignable(lab) == []
    assert seen_inside(shared) == [VENDORS[PLAIN]]
    assert "<hostdev" in drover.virsh("dumpxml", "passed").out


def test_a_managed_device_comes_from_the_hosts_driver_and_goes_back_to_it(lab, drover, shared):
    assert driver_of(lab, DISK) == "virtio-pci"
    lab.write("/run/disk.xml", hostdev(DISK, "yes"))
    drover.virsh("attach-device", "passed", "/run/disk.xml", timeout=180)
    assert driver_of(lab, DISK) == "pciback"
    assert sorted(held(lab, "passed")) == [DISK, PLAIN]
    assert drover.virsh("dumpxml", "passed").out.count("<hostdev") == 2
    lab.wait(lambda: sorted(seen_inside(shared)) == [VENDORS[PLAIN], VENDORS[DISK]], "the guest sees both devices")
    drover.virsh("detach-device", "passed", "/run/disk.xml", timeout=180)
    assert held(lab, "passed") == [PLAIN]
    assert is_back(lab)
    assert drover.virsh("dumpxml", "passed").out.count("<hostdev") == 1
    assert seen_inside(shared) == [VENDORS[PLAIN]]


def test_a_device_that_cant_be_had_is_refused_and_stays_where_it_is(lab, drover, shared):
    lab.write("/run/disk.xml", hostdev(DISK, "no"))
    refused = drover.virsh("attach-device", "passed", "/run/disk.xml", ok=False)
    assert DISK in refused.err and "managed='yes'" in refused.err
    for managed in "yes", "no":
        path = document(lab, "second", hostdev(PLAIN, managed), kind="idle")
        refused = drover.virsh("create", path, ok=False)
        assert f"{PLAIN} is in use by the domain with the id {shared.id}" in refused.err
    lab.write("/run/none.xml", hostdev("0000:00:1e.0", "yes"))
    refused = drover.virsh("attach-device", "passed", "/run/none.xml", ok=False)
    assert "no PCI device 0000:00:1e.0" in refused.err
    assert "second" not in lab.names()
    assert held(lab, "passed") == [PLAIN]
    assert is_back(lab)


def test_a_managed_device_is_given_back_however_its_guest_ends(lab, drover):
    path = document(lab, "idle", hostdev(DISK, "yes"), kind="idle")
    drover.virsh("create", path, timeout=180)
    assert held(lab, "idle") == [DISK]
    drover.virsh("destroy", "idle", timeout=180)
    assert is_back(lab)
    drover.virsh("create", path, timeout=180)
    lab.xl("destroy", "idle")
    lab.wait(lambda: is_back(lab), "the disk is back")


def test_a_managed_device_is_given_back_after_droverd_was_killed(lab, make_drover):
    drover = make_drover()
    path = document(lab, "orphan", hostdev(DISK, "yes"), kind="idle")
    drover.virsh("create", path, timeout=180)
    drover.kill()
    lab.xl("destroy", "orphan")
    assert not is_back(lab)
    drover.start()
    lab.wait(lambda: is_back(lab), "the host's driver has it again", 60)    # droverd serves before it has seen to its host
    # in the midst of a start: once the device has been taken
    lab.sh(
        f"virsh -c '{drover.uri()}' create {path} >/run/create.log 2>&1 & "
        "until [[ $(readlink /sys/bus/pci/devices/0000:00:10.0/driver) == *pciback ]]; do sleep 0.1; done; "
        f"kill -KILL $(cat {drover.folder}/pid); wait",
        timeout=120,
    )
    drover.gone()
    drover.start()
    if "orphan" in lab.names():
        drover.virsh("destroy", "orphan", ok=None, timeout=180)    # unless droverd has: it was half built
    lab.wait(lambda: is_back(lab), "the disk is back", 60)


# --- USB -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def usb(lab):
    """(bus, device) of the one that the dom0 can give away."""
    lab.sh("modprobe xhci-pci")
    path = "/sys/bus/usb/devices/1-1"
    lab.wait(lambda: lab.sh(f"cat {path}/devnum", ok=None).code == 0, "the dom0 has seen its USB device")
    yield tuple(int(number) for number in lab.sh(f"cat {path}/busnum {path}/devnum").out.split())
    lab.sh("modprobe -r xhci-pci", ok=None)


def usb_hostdev(bus, device):
    return f"<hostdev mode='subsystem' type='usb'><source><address bus='{bus}' device='{device}'/></source></hostdev>"


def ports(lab, name):
    """Which devices of the host are on the ports of the guest's controllers, as xl tells: {port: "Bus 001 Device 002"}."""
    found = re.findall(r"^ +Port (\d+): *(\S.*)?$", lab.xl("usb-list", name).out, re.M)
    return {int(port): device for port, device in found if device}


def servers(lab):
    """The QEMUs that run for guests."""
    return lab.run("pgrep", "-f", "qemu-system.* -xen-domid", ok=None).out.split()


def usb_nodes(lab):
    return lab.sh("for kind in qusb vusb; do xenstore-list /local/domain/0/backend/$kind; done", ok=None).out.split()


@pytest.mark.parametrize("from_the_start", [True, False])
def test_a_usb_device_comes_and_goes_and_nothing_is_left_of_it(lab, drover, usb, from_the_start):
    bus, device = usb
    before, nodes = servers(lab), usb_nodes(lab)
    there = {1: f"Bus {bus:03} Device {device:03}"}
    lab.write("/run/usb-device.xml", usb_hostdev(bus, device))
    controller = "<controller type='usb' model='qusb2' ports='2'/>"
    own = usb_hostdev(bus, device) if from_the_start else controller
    drover.virsh("create", document(lab, "usb", own, kind="idle"), timeout=180)
    assert len(set(servers(lab)) - set(before)) == 1
    for _ in range(2):
        if from_the_start:
            assert ports(lab, "usb") == there
            assert drover.virsh("dumpxml", "usb").out.count("<hostdev") == 1
            drover.virsh("detach-device", "usb", "/run/usb-device.xml", timeout=180)
        assert ports(lab, "usb") == {}
        assert "<hostdev" not in drover.virsh("dumpxml", "usb").out
        refused = drover.virsh("detach-device", "usb", "/run/usb-device.xml", ok=False)
        assert "no such" in refused.err or "not found" in refused.err
        drover.virsh("attach-device", "usb", "/run/usb-device.xml", timeout=180)
        assert ports(lab, "usb") == there
        from_the_start = True
    drover.virsh("destroy", "usb", timeout=180)
    lab.wait(lambda: set(servers(lab)) <= set(before), "its QEMU has ended")
    assert usb_nodes(lab) == nodes
    assert lab.sh("cat /sys/bus/usb/devices/1-1/devnum").out.strip() == str(device)


def test_a_usb_device_that_xl_attaches_is_told_of_and_shown(lab, drover, usb):
    bus, device = usb
    drover.virsh("create", document(lab, "usb", "<controller type='usb' model='qusb2' ports='2'/>", kind="idle"), timeout=180)
    events = Events(lab, drover)
    try:
        lab.xl("usbdev-attach", "usb", f"hostbus={bus}", f"hostaddr={device}")
        assert f"<address bus='{bus}' device='{device}'/>" in drover.virsh("dumpxml", "usb").out
        events.until(f"usb added usb-{bus}-{device}")
        lab.xl("usbdev-detach", "usb", "0", "1")
        assert "<hostdev" not in drover.virsh("dumpxml", "usb").out
        events.until(f"usb removed usb-{bus}-{device}")
    finally:
        events.stop()
        drover.virsh("destroy", "usb", timeout=180)


def test_a_usb_device_that_the_host_has_not_is_refused(lab, drover, usb):
    path = document(lab, "usb", usb_hostdev(usb[0], 99), kind="idle")
    before = servers(lab)
    assert drover.virsh("create", path, ok=False, timeout=180).err
    assert "usb" not in lab.names()
    lab.wait(lambda: set(servers(lab)) <= set(before), "no QEMU is left")
