# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices of the host that guests get, on a real Xen with an (emulated) IOMMU. `boot` gives the dom0 two PCI devices to give
away: a disk with a driver there, and a device without one."""

import re

import pytest
from lab import Guest

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


def document(lab, name, *devices):
    text = re.sub("<uuid>.*</uuid>", "", lab.read("/root/guest/pv.xml")).replace("<name>pv</name>", f"<name>{name}</name>")
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
    yield guest
    lab.clean()
    lab.xl("pci-assignable-remove", "-r", PLAIN)


def test_a_guest_has_the_device_that_its_document_names(lab, drover, shared):
    assert held(lab, "passed") == [PLAIN]
    assert assignable(lab) == []
    assert seen_inside(shared) == [VENDORS[PLAIN]]
    assert "<hostdev" in drover.virsh("dumpxml", "passed").out
