# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests about a guest that it doesn't obey, or that nobody can fulfil: drover answers as libvirt's Xen driver does, and
nothing becomes of the guest. And what is kept of a guest: its marks, titles and metadata."""

import pytest

pytestmark = pytest.mark.one_store

IDLE = (
    "<domain type='xen'><name>asked</name><uuid>8d1f0d5e-6a64-4d0e-9f0a-0000000000a5</uuid><memory unit='MiB'>4</memory>"
    "<os><type arch='x86_64' machine='xen{kind}'>{type}</type><kernel>/root/guest/idle-{kind}</kernel></os>"
    "<devices><console type='pty'/></devices></domain>"
)
# A machine whose disk has nothing to boot: its firmware waits, and there are no drivers for Xen in it.
MACHINE = (
    "<domain type='xen'><name>asked</name><uuid>8d1f0d5e-6a64-4d0e-9f0a-0000000000a5</uuid><memory unit='MiB'>32</memory>"
    "<os><type arch='x86_64' machine='xenfv'>hvm</type><loader type='rom'>/usr/lib/xen-4.17/boot/hvmloader</loader></os>"
    "<features><acpi/><apic/></features><devices/></domain>"
)
DOCUMENTS = {
    "pv": IDLE.format(kind="pv", type="linux"),
    "pvh": IDLE.format(kind="pvh", type="xenpvh"),
    "hvm": MACHINE,
}
# Where drover's answer is another one than the peer's, which calls nearly everything an internal error (1).
OTHERWISE = {
    "shutdown acpi": "55",  # VIR_ERR_OPERATION_INVALID: a guest without an emulated machine has no button
    "dump kdump": "84",  # VIR_ERR_OPERATION_UNSUPPORTED: the call is there, for the format of Xen
    "dump to a folder that is not there": "38",  # VIR_ERR_SYSTEM_ERROR
}


def answers(lab, uri):
    out = lab.run("/usr/bin/python3", "/src/tests/xenlab/answers.py", uri, "/run/asked.xml", timeout=200).out
    return dict(line.rsplit(" ", 1) for line in out.splitlines())


@pytest.mark.limit(400)
@pytest.mark.parametrize("kind", ["pv", "pvh", pytest.param("hvm", marks=pytest.mark.slow)])
def test_requests_are_answered_as_the_peer_does(lab, drover, peer, kind):
    lab.write("/run/asked.xml", DOCUMENTS[kind])
    theirs, ours = answers(lab, peer), answers(lab, drover.uri())
    expected = {what: answer for what, answer in OTHERWISE.items() if kind != "hvm" or "acpi" not in what}
    assert {what: answer for what, answer in ours.items() if answer != theirs[what]} == expected


def test_a_guest_that_does_not_hear_goes_on(lab, drover):
    lab.write("/run/asked.xml", DOCUMENTS["pv"])
    try:
        drover.virsh("create /run/asked.xml; shutdown asked; shutdown asked --mode paravirt")
        number = drover.virsh("domid", "asked").out.strip()
        assert lab.run("xenstore-read", f"/local/domain/{number}/control/shutdown").out.strip() == "poweroff"
        drover.virsh("reboot", "asked")
        assert lab.run("xenstore-read", f"/local/domain/{number}/control/shutdown").out.strip() == "reboot"
        assert drover.virsh("domstate", "asked").out.strip() == "running"
    finally:
        lab.clean()


def test_marks_titles_and_metadata_outlast_droverd_and_start_the_guest_with_its_host(lab, make_drover):
    drover = make_drover()
    lab.write("/run/asked.xml", DOCUMENTS["pv"])
    drover.virsh("define /run/asked.xml; autostart asked; start asked; desc asked --live --config --title titled")
    drover.virsh("desc", "asked", "--live", "text that runs")
    drover.virsh("desc", "asked", "--config", "text that stays")
    mark = ["metadata", "asked", "--uri", "urn:lab", "--key", "lab"]
    drover.virsh(*mark, "--set", "<mark number='1'/>", "--live")
    drover.virsh(*mark, "--set", "<mark number='2'/>", "--config")
    drover.kill()
    drover.start()
    live, kept = drover.virsh("dumpxml", "asked").out, drover.virsh("dumpxml", "asked", "--inactive").out
    for text, said, number in (live, "runs", 1), (kept, "stays", 2):
        assert "<title>titled</title>" in text and f"<description>text that {said}</description>" in text
        assert f"number=\"{number}\"" in text.replace("'", '"') and "urn:lab" in text
    assert "number='2'" in drover.virsh(*mark, "--config").out.replace('"', "'")
    # Its host has not started since, so an administrator's destroy holds for the next droverd.
    drover.virsh("destroy", "asked")
    drover.kill()
    drover.start()
    assert drover.virsh("list; domstate asked").lines()[-1] == "shut off"
    drover.kill()
    lab.run("xenstore-rm", "/tool/drover/autostarted")
    drover.start()
    lab.wait(lambda: drover.virsh("domstate", "asked").out.strip() == "running", "it has started with its host")
    drover.virsh("destroy asked; undefine asked")
