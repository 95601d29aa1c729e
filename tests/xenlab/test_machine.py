# SPDX-License-Identifier: LGPL-2.1-or-later
"""An emulated machine (HVM) with nothing to boot: the medium in its drive, and devices of the host, as its QEMU has them. What
QEMU says is asked by xl."""

import re

import pytest
from test_events import Events
from test_hostdev import PLAIN, usb, usb_hostdev  # noqa: F401: a fixture
from test_hostdev import hostdev as pci_hostdev

pytestmark = [pytest.mark.one_store, pytest.mark.limit(400)]

NAME = "machine"
DOCUMENT = (
    "<domain type='xen'><name>machine</name><uuid>8d1f0d5e-6a64-4d0e-9f0a-0000000000a6</uuid><memory unit='MiB'>32</memory>"
    "<os><type arch='x86_64' machine='xenfv'>hvm</type><loader type='rom'>/usr/lib/xen-4.17/boot/hvmloader</loader></os>"
    "<features><acpi/><apic/></features><devices>{}</devices></domain>"
)
MEDIA = ["/root/medium-1.img", "/root/medium-2.img"]
DRIVE = (
    f"<disk type='file' device='cdrom'><source file='{MEDIA[0]}'/><target dev='hdc' bus='ide'/><readonly/></disk>"
)


@pytest.fixture
def make(lab, drover):
    """make(device…) creates the machine with these; it is gone after the test."""

    def create(*devices):
        lab.write("/run/machine.xml", DOCUMENT.format("".join(devices)))
        drover.virsh("create", "/run/machine.xml", timeout=180)

    yield create
    drover.virsh("destroy", NAME, ok=None, timeout=180)
    lab.clean()


def monitor(lab, words):
    """What the machine's QEMU answers."""
    return lab.xl("qemu-monitor-command", NAME, words).out


def medium(lab):
    """Which image is in the drive, counted from 1, by its size in MiB: QEMU doesn't know its name. 0: none; None: it doesn't
    say."""
    drive = re.search(r"^ide-5632.*?(?=^hdc-raw|\Z)", monitor(lab, "info block -v"), re.M | re.S)
    if not drive:
        return None
    size = re.search(r"virtual size: (\d+) MiB", drive[0])
    return int(size[1]) if size else 0 if "not inserted" in drive[0] else None


def has(lab, number):
    lab.wait(lambda: medium(lab) == number, f"QEMU has the medium {number}")


def test_the_medium_in_the_drive_is_the_one_that_is_asked_for(lab, drover, make):
    for number, path in enumerate(MEDIA, 1):
        lab.sh(f"truncate -s {number}M {path}")
    make(DRIVE)
    events = Events(lab, drover)
    try:
        has(lab, 1)
        drover.virsh("change-media", NAME, "hdc", MEDIA[1], "--update", timeout=180)
        has(lab, 2)
        assert MEDIA[1] in drover.virsh("domblklist", NAME).out
        drover.virsh("change-media", NAME, "hdc", "--eject", timeout=180)
        has(lab, 0)
        assert re.search(r"^\s*hdc\s+-$", drover.virsh("domblklist", NAME).out, re.M)
        drover.virsh("change-media", NAME, "hdc", MEDIA[0], "--insert", timeout=180)
        has(lab, 1)
        refused = drover.virsh("change-media", NAME, "hdc", "/nosuch/medium", "--update", ok=False, timeout=180)
        assert "/nosuch/medium" in refused.err
        has(lab, 1)
        assert MEDIA[0] in drover.virsh("domblklist", NAME).out
        trays = [f"{NAME} tray hdc {move}" for move in ("open", "close", "open", "close")]
        events.until(*trays)
        assert [line for line in events.seen() if line.startswith(NAME)] == trays
    finally:
        events.stop()
        lab.sh(f"rm -f {' '.join(MEDIA)}")


@pytest.fixture
def plain(lab):
    """A PCI device that guests can have."""
    lab.xl("pci-assignable-add", PLAIN)
    yield PLAIN
    lab.clean()
    lab.xl("pci-assignable-remove", "-r", PLAIN)


def test_the_machine_has_the_pci_device_that_its_document_names(lab, drover, make, plain):
    make(pci_hostdev(plain, "no"))
    assert "1234:11e8" in monitor(lab, "info pci")
    drover.virsh("destroy", NAME, timeout=180)
    assert plain in lab.xl("pci-assignable-list").out


def test_the_machine_gets_a_usb_device_and_loses_it(lab, drover, make, usb):  # noqa: F811
    lab.write("/run/machine-device.xml", usb_hostdev(*usb))
    make("<controller type='usb' model='ehci'/>")
    assert "Tablet" not in monitor(lab, "info usb")
    drover.virsh("attach-device", NAME, "/run/machine-device.xml", timeout=180)
    lab.wait(lambda: "Tablet" in monitor(lab, "info usb"), "QEMU has it")
    assert "<hostdev" in drover.virsh("dumpxml", NAME).out
    drover.virsh("detach-device", NAME, "/run/machine-device.xml", timeout=180)
    lab.wait(lambda: "Tablet" not in monitor(lab, "info usb"), "QEMU hasn't it any more")
