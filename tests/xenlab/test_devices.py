# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices of guests that drover makes, on a real Xen: they work inside, come and go, and leave nothing behind."""

import re

import pytest
from lab import Droverd, Guest

pytestmark = pytest.mark.one_store

IMAGE = "/root/device.img"
MAC = "00:16:3e:00:00:15"
DISK = "<disk type='file' device='disk'><source file='{}'/><target dev='{}' bus='xen'/></disk>"
INTERFACE = "<interface type='bridge'><mac address='{}'/><source bridge='xenbr0'/></interface>"


@pytest.fixture
def image(lab):
    lab.sh(f"rm -f {IMAGE}* && truncate -s 8M {IMAGE} {IMAGE}.2")
    return IMAGE


def make_guest(lab, drover, kind, name, *devices):
    linux = kind.removeprefix("idle-")
    text = lab.read(f"/root/guest/{linux}.xml").replace(f"<name>{linux}</name>", f"<name>{name}</name>")
    if linux != kind:
        text = re.sub("<initrd>.*</initrd>", "", text).replace("vmlinuz", kind)
    text = re.sub("<uuid>.*</uuid>", "", text)
    lab.write("/run/devices.xml", text.replace("</devices>", "".join(devices) + "</devices>"))
    guest = Guest(lab, name)
    lab.sh(f"rm -f {guest.console_path}")
    drover.virsh("create", "/run/devices.xml", timeout=180)
    return guest


@pytest.fixture(scope="module")
def shared(lab, session_drover):
    """A guest without devices, made by drover, that outlives a test."""
    guest = make_guest(lab, session_drover, "pv", "shared")
    guest.ready()
    lab.kept.add(guest.id)
    yield guest
    lab.kept.clear()
    lab.clean()


@pytest.fixture
def make(lab, drover):
    """Makes a guest with drover from the lab's document of that kind, with more devices."""
    yield lambda *how: make_guest(lab, drover, *how)
    lab.clean()


def remains(lab):
    """What guests have on the host."""
    return lab.sh(
        "cat /sys/block/loop*/loop/backing_file 2>/dev/null; ls /sys/class/net | grep vif; "
        "for kind in vbd vif; do xenstore-list /local/domain/0/backend/$kind 2>/dev/null; done",
        ok=None,
    ).out.split()


def wait_for_nothing(lab):
    """What a guest has left may take its time to go."""
    lab.wait(lambda: not remains(lab), "nothing is left on the host")


@pytest.mark.parametrize("kind", [pytest.param("pv", marks=pytest.mark.core), "pvh"])
def test_disk_and_interface_work_inside_and_leave_nothing(lab, drover, make, image, kind):
    guest = make(kind, "whole", DISK.format(image, "xvda"), INTERFACE.format(MAC))
    guest.ready()
    assert "xvda" in guest.sh("cat /proc/partitions").out
    guest.sh("echo written | dd of=/dev/xvda conv=fsync")
    guest.sh("ping -c 1 -w 20 10.77.0.1")
    drover.virsh("destroy", "whole")
    assert lab.sh(f"head -c 7 {image}").out == "written"
    wait_for_nothing(lab)


@pytest.mark.core
def test_nothing_is_left_when_xl_destroys_the_guest_and_droverd_is_gone(lab, image):
    drover = Droverd(lab).start()
    text = lab.read("/root/guest/pv.xml").replace("<name>pv</name>", "<name>orphan</name>")
    devices = DISK.format(image, "xvda") + INTERFACE.format(MAC)
    lab.write("/run/devices.xml", text.replace("</devices>", devices + "</devices>"))
    drover.virsh("create", "/run/devices.xml", timeout=180)
    assert remains(lab) != []
    drover.kill()
    lab.xl("destroy", "orphan")
    wait_for_nothing(lab)


def test_devices_come_and_go_while_the_guest_runs(lab, drover, shared, image):
    lab.write("/run/disk.xml", DISK.format(image, "xvdb"))
    lab.write("/run/interface.xml", INTERFACE.format(MAC))
    drover.virsh("attach-device", "shared", "/run/disk.xml")
    drover.virsh("attach-device", "shared", "/run/interface.xml")
    assert "xvdb" in drover.virsh("dumpxml", "shared").out
    # libxl waits for the host's end of a device, not for the guest's
    lab.wait(lambda: "xvdb" in shared.sh("cat /proc/partitions").out, "the guest has the disk")
    lab.wait(lambda: MAC in shared.sh("cat /sys/class/net/eth0/address", ok=None).out, "the guest has the interface")
    drover.virsh("detach-device", "shared", "/run/interface.xml")
    drover.virsh("detach-device", "shared", "/run/disk.xml")
    assert "xvdb" not in drover.virsh("dumpxml", "shared").out
    lab.wait(lambda: "xvdb" not in shared.sh("cat /proc/partitions").out, "the guest has lost the disk")
    wait_for_nothing(lab)


def test_an_image_that_a_guest_writes_is_refused_to_another(lab, drover, make, shared, image):
    make("idle-pv", "owner", DISK.format(image, "xvda"))
    lab.write("/run/disk.xml", DISK.format(image, "xvdb"))
    refused = drover.virsh("attach-device", "shared", "/run/disk.xml", ok=False, timeout=120)
    assert image in refused.err
    assert "xvdb" not in drover.virsh("dumpxml", "shared").out
    lab.write("/run/disk.xml", DISK.format(image + ".2", "xvdb"))
    drover.virsh("attach-device", "shared", "/run/disk.xml")
    lab.wait(lambda: "xvdb" in shared.sh("cat /proc/partitions").out, "the guest has the disk")
    drover.virsh("detach-device", "shared", "/run/disk.xml")


@pytest.mark.core
def test_console_is_a_terminal_that_one_session_has(lab, drover, shared):
    session = (
        "import libvirt, sys, time\n"
        f"domain = libvirt.open({drover.uri()!r}).lookupByName('shared')\n"
        "def console(flags):\n"
        "    stream = domain.connect().newStream()\n"
        "    domain.openConsole(None, stream, flags)\n"
        "    return stream\n"
        "first = console(libvirt.VIR_DOMAIN_CONSOLE_SAFE)\n"
        "try:\n"
        "    console(libvirt.VIR_DOMAIN_CONSOLE_SAFE)\n"
        "    sys.exit('a second session has the console too')\n"
        "except libvirt.libvirtError:\n"
        "    pass\n"
        "stream = console(libvirt.VIR_DOMAIN_CONSOLE_FORCE)\n"
        "stream.send(b'echo answer-$((40 + 2))\\r')\n"
        "seen = b''\n"
        "while b'answer-42' not in seen:\n"
        "    part = stream.recv(1024)\n"
        "    assert part, seen\n"
        "    seen += part\n"
        "stream.abort()\n"
    )
    lab.write("/run/console.py", session)
    lab.run("timeout", "60", "/usr/bin/python3", "/run/console.py", timeout=90)


def test_a_qcow2_image_is_served_by_qemu(lab, drover, make):
    path = "/root/device.qcow2"
    # a header, a table and a block of reference counts, and an empty table of tables: an empty image of 8 MiB
    lab.write(
        "/run/qcow2.py",
        "import struct, sys\n"
        "cluster = 65536\n"
        "head = struct.pack('>IIQIIQIIQQIIQ', 0x514649fb, 2, 0, 0, 16, 8 << 20, 0, 1, 3 * cluster, cluster, 1, 0, 0)\n"
        "table = struct.pack('>Q', 2 * cluster)\n"
        "block = struct.pack('>4H', 1, 1, 1, 1)\n"
        "with open(sys.argv[1], 'wb') as file:\n"
        "    for part in head, table, block, b'':\n"
        "        file.write(part.ljust(cluster, b'\\0'))\n",
    )
    lab.run("/usr/bin/python3", "/run/qcow2.py", path)
    try:
        disk = DISK.format(path, "xvda").replace("<source", "<driver name='qemu' type='qcow2'/><source")
        guest = make("pv", "layered", disk)
        guest.ready()
        assert "8192 xvda" in guest.sh("cat /proc/partitions").out
        guest.sh("echo written | dd of=/dev/xvda conv=fsync")
        assert guest.sh("head -c 7 /dev/xvda").out.strip() == "written"
        drover.virsh("destroy", "layered")
        # it is still an image, with a cluster more, and not what the guest wrote
        assert lab.sh(f"head -c 3 {path}").out == "QFI"
        assert int(lab.sh(f"stat -c %s {path}").out) > 4 * 65536
        wait_for_nothing(lab)
    finally:
        lab.sh(f"rm -f {path}")


HOST_DEVICE = (
    "<hostdev mode='subsystem' type='pci' managed='{}'><source><address domain='0' bus='0' slot='0x1e' function='0'/>"
    "</source></hostdev>"
)


@pytest.mark.limit(300)
def test_a_host_device_that_is_not_there_is_refused_and_nothing_is_left(lab, drover, shared, make):
    lab.write("/run/pci.xml", HOST_DEVICE.format("no"))
    refused = drover.virsh("attach-device", "shared", "/run/pci.xml", ok=False, timeout=120)
    assert "no PCI device 0000:00:1e.0" in refused.err
    assert "hostdev" not in drover.virsh("dumpxml", "shared").out
    assert drover.virsh("domstate", "shared").out.strip() == "running"
    text = re.sub("<uuid>.*</uuid>", "", lab.read("/root/guest/pv.xml")).replace("<name>pv</name>", "<name>passed</name>")
    lab.write("/run/passed.xml", text.replace("</devices>", HOST_DEVICE.format("yes") + "</devices>"))
    drover.virsh("define", "/run/passed.xml")
    try:
        drover.virsh("start", "passed", ok=False, timeout=120)
        assert "passed" not in lab.names()
        assert drover.virsh("domstate", "passed").out.strip() == "shut off"
    finally:
        drover.virsh("undefine", "passed")
