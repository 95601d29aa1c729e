# SPDX-License-Identifier: LGPL-2.1-or-later
"""What clients are told of the kinds of guests, beside what libvirtd's Xen driver tells."""

import xml.etree.ElementTree as tree

import pytest

MACHINES = ["xenpv", "xenpvh", "xenfv"]


def document(lab, uri, *args):
    return tree.fromstring(lab.virsh(uri, "domcapabilities", *args).out)


def values(root, path):
    return {value.text for value in root.findall(f"{path}/value")}


@pytest.mark.core
@pytest.mark.one_store
@pytest.mark.parametrize("machine", MACHINES)
def test_a_kind_of_guest_is_told_of_as_the_peer_does(lab, drover, peer, machine):
    ours = document(lab, drover.uri(), "--machine", machine)
    theirs = document(lab, peer, "--machine", machine)
    for path in "domain", "machine", "arch":
        assert ours.findtext(path) == theirs.findtext(path)
    # all that the peer offers for devices is offered, but for what drover refuses in documents
    for name in "disk", "graphics", "video", "hostdev":
        for enum in theirs.findall(f"devices/{name}/enum"):
            path = f"devices/{name}/enum[@name='{enum.get('name')}']"
            missing = values(theirs, path) - values(ours, path)
            assert missing <= {"requisite", "optional"} | (
                {"vga", "cirrus", "spice"} if machine != "xenfv" else set()
            ), (path, missing)


@pytest.mark.core
@pytest.mark.one_store
def test_paths_are_those_of_files_that_are_there(lab, drover):
    root = document(lab, drover.uri(), "--machine", "xenfv")
    paths = [root.findtext("path"), *values(root, "os/loader")]
    assert any(path.endswith("/hvmloader") for path in paths)
    lab.run("ls", *paths)


@pytest.mark.core
@pytest.mark.one_store
@pytest.mark.parametrize(
    "args", [("--virttype", "kvm"), ("--machine", "pc"), ("--arch", "vax")], ids=lambda args: args[0].strip("-")
)
def test_what_the_peer_refuses_is_refused(lab, drover, peer, args):
    for uri in drover.uri(), peer:
        assert "invalid argument" in lab.virsh(uri, "domcapabilities", *args, ok=False).err.lower()


@pytest.mark.core
@pytest.mark.one_store
@pytest.mark.parametrize(
    "machine, device",
    [
        ("xenpv", "<graphics type='spice' port='5999'><listen type='address' address='127.0.0.1'/></graphics>"),
        ("xenpvh", "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='0' slot='9' function='0'/>"
                   "</source></hostdev>"),
        ("xenfv", "<disk type='file' device='disk'><source file='/root/a.img'/><target dev='vda' bus='virtio'/></disk>"),
    ],
)
def test_what_is_not_offered_is_refused_in_a_document(lab, drover, machine, device):
    kind = {"xenpv": "xen", "xenpvh": "xenpvh", "xenfv": "hvm"}[machine]
    lab.write(
        "/run/wish.xml",
        f"<domain type='xen'><name>wish</name><memory unit='MiB'>16</memory><os><type arch='x86_64' machine='{machine}'>"
        f"{kind}</type><kernel>/root/guest/vmlinuz</kernel></os><devices>{device}</devices></domain>",
    )
    assert "unsupported configuration" in drover.virsh("define", "/run/wish.xml", ok=False).err
