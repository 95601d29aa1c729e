# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents and xl's configurations on a real Xen: what the one becomes in the other is the same guest, to xl, to drover
and to libvirt; and the document of a guest that xl has made is what the guest is."""

import json
import re
import xml.etree.ElementTree as tree

import pytest

pytestmark = pytest.mark.one_store

UUID = "8d1f0d5e-6a64-4d0e-9f0a-0000000000d0"
MAC = "00:16:3e:00:00:d0"
IMAGE = "/root/documents.img"
DEVICES = (
    f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{IMAGE}'/>"
    "<target dev='{disk}' bus='{bus}'/></disk>"
    f"<interface type='bridge'><mac address='{MAC}'/><source bridge='xenbr0'/><script path='vif-quick'/></interface>"
)
DOCUMENTS = {
    "pv": "<os><type arch='x86_64' machine='xenpv'>linux</type><kernel>/build/tests/xenlab/xenlab-ender-pv</kernel>"
    "<initrd>/root/guest/pv.cfg</initrd><cmdline>one two=3</cmdline></os><on_reboot>destroy</on_reboot>"
    "<on_crash>preserve</on_crash><devices>"
    + DEVICES.format(disk="xvda", bus="xen")
    + "<console type='pty'><target type='xen' port='0'/></console></devices>",
    "pvh": "<os><type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>/build/tests/xenlab/xenlab-ender-pvh</kernel>"
    "<cmdline>one two=3</cmdline></os><on_crash>restart</on_crash><devices>"
    + DEVICES.format(disk="xvda", bus="xen")
    + "<console type='pty'><target type='xen' port='0'/></console></devices>",
    "hvm": "<os><type arch='x86_64' machine='xenfv'>hvm</type><loader type='rom'>/usr/lib/xen-4.17/boot/hvmloader</loader>"
    "<boot dev='cdrom'/><boot dev='hd'/></os><features><acpi/><apic/><pae/></features><clock offset='utc'/><devices>"
    + DEVICES.format(disk="hda", bus="ide")
    + "<input type='mouse' bus='ps2'/><graphics type='vnc' port='5977' autoport='no' listen='127.0.0.1'/>"
    "<video><model type='cirrus' vram='8192' heads='1' primary='yes'/></video></devices>",
}


def document(kind):
    memory = 64 if kind == "hvm" else 8
    return (
        f"<domain type='xen'><name>twin</name><uuid>{UUID}</uuid><memory unit='MiB'>{memory}</memory>"
        f"<vcpu current='1'>2</vcpu>{DOCUMENTS[kind]}</domain>"
    )


@pytest.fixture
def image(lab):
    lab.sh(f"truncate -s 1M {IMAGE}")
    yield IMAGE
    lab.sh(f"rm -f {IMAGE}")


def understood(lab, path):
    """What xl takes a configuration for."""
    return json.loads(lab.xl("create", "-n", path).out)


def running(lab):
    return json.loads(lab.xl("list", "-l", "twin").out)[0]["config"]


def without(value, *names):
    """Without what these are called, at any depth."""
    if isinstance(value, dict):
        return {k: without(v, *names) for k, v in value.items() if k not in names}
    return [without(v, *names) for v in value] if isinstance(value, list) else value


# What they say otherwise: xl what it takes for granted; drover how far it is with building, its own programs for devices, and
# what becomes of a guest when a watchdog ends it or it asks for a reset, for which a configuration as the peer's has no words.
XL_ONLY = ["domid", "run_hotplug_scripts", "claim_mode", "serial"]
DROVER_ONLY = ["xsdata", "script", "on_watchdog", "on_soft_reset", "spice", "vga"]
OTHERWISE = XL_ONLY + DROVER_ONLY


@pytest.mark.limit(400)
@pytest.mark.parametrize("kind", ["pv", "pvh", pytest.param("hvm", marks=pytest.mark.slow)])
def test_a_document_and_its_configuration_are_one_guest(lab, drover, peer, image, kind):
    lab.write("/run/twin.xml", document(kind))
    lab.write("/run/twin.cfg", drover.virsh("domxml-to-native", "xen-xl", "/run/twin.xml").out)
    lab.write("/run/peer.cfg", lab.virsh(peer, "domxml-to-native", "xen-xl", "/run/twin.xml").out)
    ours = understood(lab, "/run/twin.cfg")
    assert ours == understood(lab, "/run/peer.cfg")
    print(json.dumps(ours))
    # there and back: nothing that it says is lost
    lab.write("/run/again.xml", drover.virsh("domxml-from-native", "xen-xl", "/run/twin.cfg").out)
    assert drover.virsh("domxml-to-native", "xen-xl", "/run/again.xml").out.strip() == lab.read("/run/twin.cfg").strip()
    try:
        drover.virsh("create", "/run/twin.xml", timeout=180)
        made = running(lab)
        print(json.dumps(made))
        number = drover.virsh("domid", "twin").out.strip()
        drover.virsh("destroy", "twin")
        # the port of its display is free when its QEMU has ended
        lab.wait(lambda: lab.sh(f"pgrep -f 'xen-domid {number} '", ok=None).out == "", "its QEMU has ended")
        lab.xl("create", "-q", "/run/twin.cfg", timeout=180)
        theirs = running(lab)
        print(json.dumps(theirs))
        assert without(made, *OTHERWISE) == without(theirs, *OTHERWISE)
    finally:
        lab.clean()
