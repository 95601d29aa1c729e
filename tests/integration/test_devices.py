# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices that come and go one at a time, through virsh and libvirt-python: attach, detach, update, in the running
machine's document, in the definition, or in both. libvirt's test driver has none of these; what a device looks like
afterwards is compared with a definition that had it from the start."""

import os

import libvirt
import pytest

import harness

UUID = "11111111-2222-3333-4444-555555555555"
DISK = "<disk type='file' device='disk'><source file='{file}'/><target dev='{dev}' bus='virtio'/></disk>"
NIC = "<interface type='bridge'><mac address='{mac}'/><source bridge='br0'/><model type='virtio'/></interface>"


def domain(devices, name="vm1", uuid=UUID):
    return (f"<domain type='test'><name>{name}</name><uuid>{uuid}</uuid><memory>65536</memory>"
            f"<os><type>hvm</type></os><devices>{devices}</devices></domain>")


@pytest.fixture
def conn(server):
    with server.python() as connection:
        yield connection


def inactive(dom):
    return dom.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)


def defined(conn, devices):
    """What a definition with these devices looks like; the domain is gone again."""
    dom = conn.defineXML(domain(devices, "other", UUID.replace("1", "a")))
    text = inactive(dom)
    dom.undefine()
    return text.replace("<name>other<", "<name>vm1<").replace(UUID.replace("1", "a"), UUID)


def code_of(call, *args):
    with pytest.raises(libvirt.libvirtError) as caught:
        call(*args)
    return caught.value.get_error_code()


def test_an_attached_device_is_as_if_it_had_been_there_from_the_start(conn):
    one, two = DISK.format(dev="vda", file="/a"), DISK.format(dev="vdb", file="/b")
    dom = conn.defineXML(domain(one))
    dom.attachDeviceFlags(two, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    dom.attachDeviceFlags(NIC.format(mac="52:54:00:00:00:01"), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    assert inactive(dom) == defined(conn, one + two + NIC.format(mac="52:54:00:00:00:01"))


def test_a_running_machine_and_its_definition_change_apart(conn):
    dom = conn.defineXML(domain(DISK.format(dev="vda", file="/a")))
    dom.create()
    dom.attachDevice(DISK.format(dev="vdb", file="/b"))
    assert "vdb" in dom.XMLDesc(0) and "vdb" not in inactive(dom)
    dom.attachDeviceFlags(DISK.format(dev="vdc", file="/c"), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    assert "vdc" not in dom.XMLDesc(0) and "vdc" in inactive(dom)
    dom.detachDevice(DISK.format(dev="vdb", file="/b"))
    assert "vdb" not in dom.XMLDesc(0)
    dom.destroy()
    assert "vdc" in dom.XMLDesc(0)


def test_both_documents_change_or_neither(conn):
    dom = conn.defineXML(domain(DISK.format(dev="vda", file="/a")))
    dom.create()
    both = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
    dom.attachDevice(DISK.format(dev="vdb", file="/b"))
    assert code_of(dom.attachDeviceFlags, DISK.format(dev="vdb", file="/b"), both) == libvirt.VIR_ERR_OPERATION_INVALID
    assert "vdb" not in inactive(dom)


def test_what_is_there_is_not_attached_again_and_what_is_not_is_not_detached(conn):
    dom = conn.defineXML(domain(DISK.format(dev="vda", file="/a")))
    assert code_of(dom.attachDeviceFlags, DISK.format(dev="vda", file="/b"), 2) == libvirt.VIR_ERR_OPERATION_INVALID
    assert code_of(dom.detachDeviceFlags, DISK.format(dev="vdb", file="/b"), 2) == libvirt.VIR_ERR_DEVICE_MISSING
    assert code_of(dom.updateDeviceFlags, DISK.format(dev="vdb", file="/b"), 2) == libvirt.VIR_ERR_DEVICE_MISSING
    assert code_of(dom.attachDeviceFlags, "<disk", 2) == libvirt.VIR_ERR_XML_DETAIL
    assert code_of(dom.attachDeviceFlags, "<toaster/>", 2) == libvirt.VIR_ERR_XML_ERROR


def test_an_alias_of_the_users_names_a_device(conn):
    disk = DISK.format(dev="vda", file="/a").replace("</disk>", "<alias name='ua-root'/></disk>")
    dom = conn.defineXML(domain(disk))
    dom.detachDeviceAlias("ua-root", libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    assert "vda" not in inactive(dom)
    assert code_of(dom.detachDeviceAlias, "ua-root", 2) == libvirt.VIR_ERR_DEVICE_MISSING


def test_an_update_changes_a_cdrom_of_a_running_machine_but_not_what_the_guest_sees(conn):
    cdrom = "<disk type='file' device='cdrom'>{}<target dev='sda' bus='sata'/><readonly/></disk>"
    dom = conn.defineXML(domain(cdrom.format("<source file='/old.iso'/>")))
    dom.create()
    dom.updateDeviceFlags(cdrom.format("<source file='/new.iso'/>"))
    assert "/new.iso" in dom.XMLDesc(0) and "/old.iso" in inactive(dom)
    other = cdrom.format("<source file='/new.iso'/><serial>x</serial>")
    assert code_of(dom.updateDeviceFlags, other) == libvirt.VIR_ERR_OPERATION_UNSUPPORTED


def test_virsh_attaches_and_detaches(server, scratch):
    path = os.path.join(scratch, "vm1.xml")
    with open(path, "w") as file:
        file.write(domain(DISK.format(dev="vda", file="/a")))
    server.virsh("define", path)
    server.virsh("attach-disk", "vm1", "/b", "vdb", "--config")
    server.virsh("attach-interface", "vm1", "bridge", "br0", "--model", "virtio", "--config")
    assert [row[0] for row in server.virsh("domblklist", "vm1").rows()] == ["vda", "vdb"]
    mac = server.virsh("domiflist", "vm1").rows()[0][-1]
    server.virsh("detach-disk", "vm1", "vdb", "--config")
    server.virsh("detach-interface", "vm1", "bridge", "--mac", mac, "--config")
    assert [row[0] for row in server.virsh("domblklist", "vm1").rows()] == ["vda"]
    assert server.virsh("domiflist", "vm1").rows() == []


def test_a_device_that_was_acknowledged_is_there_after_a_kill(make_server, scratch):
    store = os.path.join(scratch, "store")
    server = make_server(hold=f"test:///default?store={store}")
    dom = server.python(query=f"store={store}").defineXML(domain(""))
    dom.attachDeviceFlags(DISK.format(dev="vdq", file="/q"), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    server.kill()
    server.start()
    assert "vdq" in server.python(query=f"store={store}").lookupByName("vm1").XMLDesc(0)


def test_models_of_cpus_are_answered_as_by_the_peer(server):
    home = os.path.join(server.directory, "home")
    cpus = os.path.join(server.directory, "cpus.xml")
    with open(cpus, "w") as file:
        file.write("<cpu><arch>x86_64</arch><model>Haswell</model></cpu>"
                   "<cpu><arch>x86_64</arch><model>Nehalem</model><feature name='aes'/></cpu>")
    for command in (["cpu-models", "x86_64"], ["cpu-models", "ppc64"], ["cpu-baseline", cpus],
                    ["cpu-baseline", "--features", cpus]):
        theirs = harness.run(["virsh", "-c", "test:///default", *command], home)
        assert server.virsh(*command).out == theirs.out, command
