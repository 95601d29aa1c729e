# SPDX-License-Identifier: LGPL-2.1-or-later
"""Settings of devices that Xen has no word for: refused when a guest would miss them, else named in the log."""

import re

import pytest

pytestmark = pytest.mark.one_store

DOCUMENT = (
    "<domain type='xen'><name>settings</name><uuid>8d1f0d5e-6a64-4d0e-9f0a-000000000077</uuid><memory unit='MiB'>16</memory>"
    "<os><type arch='x86_64' machine='{}'>{}</type><kernel>/root/guest/vmlinuz</kernel></os><devices>{}</devices></domain>"
)
DISK = "<disk type='file' device='disk'><driver name='qemu' type='raw'{}/><source file='/root/a.img'/>" \
    "<target dev='{}'/>{}</disk>"


@pytest.fixture
def define(lab, drover):
    def attempt(devices, machine=("xenpv", "xen"), ok=True):
        lab.write("/run/settings.xml", DOCUMENT.format(*machine, devices))
        return drover.virsh("define", "/run/settings.xml", ok=ok)

    yield attempt
    drover.virsh("destroy", "settings", ok=None)
    drover.virsh("undefine", "settings", ok=None)


@pytest.mark.core
@pytest.mark.parametrize(
    "devices, word",
    [
        (DISK.format("", "xvda", "<wwn>5000c50015ea71ac</wwn>"), "<wwn>"),
        (DISK.format("", "xvda", "<shareable/>"), "<shareable/>"),
        ("<interface type='bridge'><source bridge='xenbr0'/><downscript path='/bin/true'/></interface>", "<downscript>"),
        ("<graphics type='vnc' port='5999' sharePolicy='force-shared'/>", "sharePolicy"),
    ],
    ids=["wwn", "shareable", "downscript", "sharePolicy"],
)
def test_what_a_guest_would_miss_is_refused(drover, define, devices, word):
    error = define(devices, ok=False).err
    assert "unsupported configuration" in error and word in error


@pytest.mark.core
def test_tuning_is_passed_over_once_with_a_line_in_the_log(lab, drover, define):
    define(DISK.format(" cache='none' io='native'", "xvda", ""))
    assert "cache='none'" in drover.virsh("dumpxml", "settings").out
    lines = [line for line in drover.log().splitlines() if "'settings'" in line]
    assert len(lines) == 1 and "disk xvda: cache, io" in lines[0]


def test_a_machine_is_started_from_what_its_devices_say(lab, drover, define):
    order = "<boot order='{}'/>".format
    drive = "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/>" + order(1) + "</disk>"
    machine = ("xenfv", "hvm")
    define(DISK.format("", "hda", order(2)) + drive, machine)
    lab.sh("truncate -s 1M /root/a.img")
    drover.virsh("start", "--paused", "settings", timeout=120)
    assert re.search(r'"boot": *"dc"', lab.xl("list", "-l", "settings").out)
    drover.virsh("destroy", "settings")
    error = define(DISK.format("", "hda", "") + DISK.format("", "hdb", order(1)), machine, ok=False).err
    assert "<boot order='1'>" in error
