# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that boot what is on their disk, on a real Xen: by pygrub in the first domain, and by GRUB inside the guest."""

import pytest
from lab import Guest

pytestmark = pytest.mark.one_store

IMAGE = "/root/boots.img"
SMALL = "/root/small.img"
EMPTY = "/root/empty.img"
GRUB = {"pv": "/usr/lib/grub-xen/grub-x86_64-xen.bin", "pvh": "/usr/lib/grub-xen/grub-i386-xen_pvh.bin"}
MENU = """
set default=0
set timeout=0
menuentry "linux" {
    linux /boot/vmlinuz console=hvc0 loglevel=3 panic=5 chosen=linux
    initrd /boot/initrd.img
}
menuentry "waits" {
    linux /boot/ender-pvh
}
menuentry "stops" {
    linux /boot/ender-pv 0
}
"""
# GRUB as the kernel of a PV guest starts nothing but Xen's own kind of kernels, and Debian's are packed as it can't unpack them.
SMALL_MENU = """
set timeout=0
menuentry "stops" {
    linux /boot/ender-pv 0
}
"""
DOCUMENT = (
    "<domain type='xen'><name>boots</name><uuid>8d1f0d5e-6a64-4d0e-9f0a-0000000000b0</uuid>"
    "<memory unit='MiB'>{memory}</memory>{loader}<os><type arch='x86_64' machine='xen{kind}'>{type}</type>{kernel}</os>"
    "<devices><disk type='file' device='disk'><source file='{image}'/><target dev='xvda' bus='xen'/></disk>"
    "<console type='pty'/></devices></domain>"
)


@pytest.fixture(scope="module")
def images(lab):
    """A disk that can be booted from, and one that can't."""
    lab.write("/run/grub.cfg", MENU)
    lab.sh(
        "mkdir -p /root/boots/boot/grub && cd /root/boots/boot && cp /root/guest/vmlinuz /root/guest/initrd.img . && "
        "mv /run/grub.cfg grub && for kind in pv pvh; do cp /build/tests/xenlab/xenlab-ender-$kind ender-$kind; done && "
        f"rm -f {IMAGE} && mke2fs -q -t ext2 -d /root/boots {IMAGE} 24M && truncate -s 1M {EMPTY}"
    )
    lab.write("/run/grub.cfg", SMALL_MENU)
    lab.sh(
        "rm /root/boots/boot/{vmlinuz,initrd.img} && mv /run/grub.cfg /root/boots/boot/grub && "
        f"rm -f {SMALL} && mke2fs -q -t ext2 -d /root/boots {SMALL} 2M"
    )
    yield
    lab.sh(f"rm -rf /root/boots {IMAGE} {SMALL} {EMPTY}")


@pytest.fixture
def boots(lab, drover, images):
    """boots(kind, bootloader=… or kernel=…) defines the guest; it is gone after the test."""

    def define(kind, image=IMAGE, memory=96, bootloader=None, args=None, kernel=None):
        loader = f"<bootloader>{bootloader}</bootloader>" if bootloader else ""
        loader += f"<bootloader_args>{args}</bootloader_args>" if args else ""
        text = DOCUMENT.format(
            kind=kind,
            type="linux" if kind == "pv" else "xenpvh",
            image=image,
            memory=memory,
            loader=loader,
            kernel=f"<kernel>{kernel}</kernel>" if kernel else "",
        )
        lab.write("/run/boots.xml", text)
        drover.virsh("define", "/run/boots.xml")
        guest = Guest(lab, "boots")
        lab.sh(f"rm -f {guest.console_path}")
        return guest

    yield define
    drover.virsh("destroy", "boots", ok=None)
    drover.virsh("undefine", "boots", ok=None)
    lab.clean()


def remains(lab):
    """What is left of guests: domains, what xenstore has of them, loop devices, and the boot loader's files."""
    return lab.sh(
        "xl list | tail -n +3; for path in /vm /libxl; do xenstore-list $path; done; "
        "for kind in vbd vif console; do xenstore-list /local/domain/0/backend/$kind; done; "
        "cat /sys/block/loop*/loop/backing_file; find /run/xen -name '*boot*'; pgrep -l pygrub",
        ok=None,
    ).lines()


def wait_for_nothing(lab, before):
    lab.wait(lambda: set(remains(lab)) <= set(before), f"nothing more than {before} is left", 60)


@pytest.mark.limit(300)
def test_pygrub_boots_linux_from_the_disk(lab, drover, boots):
    before = remains(lab)
    guest = boots("pv", bootloader="pygrub", args="--args=said=here")
    drover.virsh("start", "boots", timeout=180)
    assert "disks: xvda" in guest.ready()
    words = guest.sh("cat /proc/cmdline").out.split()
    assert "chosen=linux" in words and "said=here" in words
    text = drover.virsh("dumpxml", "boots").out
    assert "<bootloader>pygrub</bootloader>" in text and "<kernel>" not in text
    drover.virsh("destroy", "boots")
    wait_for_nothing(lab, before)


def test_pygrub_takes_the_entry_that_the_document_names(lab, drover, boots):
    before = remains(lab)
    boots("pvh", memory=4, bootloader="pygrub", args="--entry=waits")
    drover.virsh("start", "boots", timeout=180)
    assert drover.virsh("domstate", "boots").out.strip() == "running"
    drover.virsh("destroy", "boots")
    boots("pv", memory=4, bootloader="/usr/lib/xen-4.17/bin/pygrub", args="-q --entry stops")
    drover.virsh("start", "boots", timeout=180)
    lab.wait(
        lambda: drover.virsh("domstate", "--reason", "boots").out.strip() == "shut off (shutdown)", "it has powered off"
    )
    wait_for_nothing(lab, before)


@pytest.mark.limit(300)
def test_grub_as_the_guests_kernel_boots_what_is_on_the_disk(lab, drover, boots):
    before = remains(lab)
    boots("pv", image=SMALL, memory=128, kernel=GRUB["pv"])
    drover.virsh("start", "boots", timeout=180)
    lab.wait(
        lambda: drover.virsh("domstate", "--reason", "boots").out.strip() == "shut off (shutdown)", "it has powered off", 60
    )
    guest = boots("pvh", memory=128, kernel=GRUB["pvh"])
    drover.virsh("start", "boots", timeout=180)
    assert " PVH after " in guest.ready(120)
    assert "chosen=linux" in guest.sh("cat /proc/cmdline").out
    drover.virsh("destroy", "boots")
    wait_for_nothing(lab, before)


def test_a_guest_that_has_nothing_to_boot_is_not_made(lab, drover, boots):
    before = remains(lab)
    for how, said in (
        ({"image": EMPTY, "bootloader": "pygrub"}, "consult logfile /var/log/xen/bootloader."),
        ({"bootloader": "pygrub", "args": "--nosuch"}, "consult logfile /var/log/xen/bootloader."),
        ({"bootloader": "/nosuch/loader"}, "consult logfile /var/log/xen/bootloader."),
        ({"image": "/nosuch.img", "bootloader": "pygrub"}, "/nosuch.img"),
        ({"kernel": "/nosuch/kernel"}, "/nosuch/kernel"),
    ):
        boots("pv", **how)
        refused = drover.virsh("start", "boots", ok=False, timeout=180)
        assert said in refused.err, how
        assert drover.virsh("domstate", "boots").out.strip() == "shut off"
        wait_for_nothing(lab, before)
