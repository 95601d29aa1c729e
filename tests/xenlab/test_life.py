# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that drover makes, from their definition to their end, on a real Xen; xl sees the same after each step."""

import re

import pytest
from lab import Guest


def xl_names(lab):
    return [line.split()[0] for line in lab.xl("list").lines()[1:]]


def state(drover, name):
    return drover.virsh("domstate", "--reason", name).out.strip()


@pytest.fixture
def defined(lab, drover):
    """define(kind) gives the name of a definition; all are off and undefined after the test."""
    names = []

    def define(kind):
        drover.virsh("define", f"/root/guest/{kind}.xml")
        names.append(kind)
        return kind

    yield define
    for name in names:
        drover.virsh("destroy", name, ok=None)
        drover.virsh("undefine", name, ok=None)


@pytest.mark.parametrize("kind", [pytest.param("pv", marks=pytest.mark.core), "pvh"])
def test_every_step_of_a_guests_life(lab, drover, defined, kind):
    name = defined(kind)
    assert state(drover, name).startswith("shut off")
    assert name not in xl_names(lab)

    drover.virsh("start", name)
    assert state(drover, name) == "running (booted)"
    assert name in xl_names(lab)
    number = drover.virsh("domid", name).out.strip()
    assert lab.run("xenstore-read", f"/local/domain/{number}/drover").out.strip() == "built"

    drover.virsh("suspend", name)
    assert re.search(rf"^{name}\s.*--p---", lab.xl("list").out, re.M)
    drover.virsh("resume", name)
    assert state(drover, name) == "running (unpaused)"

    drover.virsh("destroy", name)
    assert state(drover, name) == "shut off (destroyed)"
    assert name not in xl_names(lab)

    guest = Guest(lab, name)
    lab.sh(f"rm -f {guest.console_path}")
    drover.virsh("start", "--paused", name)
    assert re.search(rf"^{name}\s.*--p---", lab.xl("list").out, re.M)
    drover.virsh("resume", name)
    guest.ready()    # one that has no init yet loses the word
    drover.virsh("shutdown", name)
    lab.wait(lambda: name not in xl_names(lab), "the guest has shut down", 60)
    # the hypervisor knows it a moment before drover has written down what it was
    lab.wait(lambda: state(drover, name) == "shut off (shutdown)", "drover has seen to its end")

    drover.virsh("undefine", name)
    assert name not in drover.virsh("list", "--all", "--name").lines()


def test_machine_starts_and_is_destroyed(lab, drover, defined):
    name = defined("hvm")
    drover.virsh("start", name)
    assert name in xl_names(lab)
    number = drover.virsh("domid", name).out.strip()
    assert lab.sh(f"pgrep -f 'xen-domid {number} '", ok=None).out != ""
    drover.virsh("destroy", name)
    assert name not in xl_names(lab)
    assert state(drover, name) == "shut off (destroyed)"
    # neither the device model nor a domain that it keeps from dying
    lab.wait(lambda: lab.sh(f"pgrep -f 'xen-domid {number} '", ok=None).out == "", "the device model has ended")
    lab.wait(lambda: number not in [line.split()[1] for line in lab.xl("list").lines()[1:]], "the domain is gone")


@pytest.mark.core
def test_transient_guest_is_known_to_the_next_droverd(lab, make_drover):
    drover = make_drover()
    drover.virsh("create", "--paused", "/root/guest/pvh.xml")
    drover.kill()
    drover.start()
    assert state(drover, "pvh").startswith("paused")
    assert "<kernel>/root/guest/vmlinuz</kernel>" in drover.virsh("dumpxml", "pvh").out
    drover.virsh("destroy", "pvh")
    assert "pvh" not in drover.virsh("list", "--all", "--name").lines()
    assert "pvh" not in xl_names(lab)


@pytest.mark.core
def test_guest_that_was_half_built_is_destroyed(lab, make_drover):
    drover = make_drover()
    drover.virsh("define", "/root/guest/pvh.xml")
    running = f"{drover.folder}/root/var/lib/drover/xen/running"
    lab.sh(
        f"virsh -c '{drover.uri()}' start pvh >/dev/null 2>&1 & for ((i = 0; i < 3000; i++)); do "
        f"compgen -G '{running}/*.building.xml' >/dev/null && xl list pvh >/dev/null 2>&1 && break; done; "
        f"kill -KILL $(cat {drover.folder}/pid)"
    )
    drover.gone()
    assert "pvh" in xl_names(lab)
    drover.start()
    # Nobody has connected to Xen yet.
    lab.wait(lambda: "pvh" not in xl_names(lab), "the half built guest has gone")
    assert state(drover, "pvh").startswith("shut off")
    assert "was half built" in drover.log()
    assert lab.sh(f"ls {running}").lines() == ["autostart"]
    drover.virsh("undefine", "pvh")


@pytest.mark.one_store
def test_a_guest_ends_with_the_connection_that_has_started_it(lab, drover, defined):
    name = defined("pvh")
    assert drover.virsh(f"start --autodestroy {name}; domstate {name}").lines()[-1] == "running"
    lab.wait(lambda: state(drover, name) == "shut off (destroyed)", "the guest has ended")
    assert name not in xl_names(lab)


@pytest.mark.core
@pytest.mark.one_store
def test_a_guest_of_a_connection_ends_when_droverd_was_killed(lab, make_drover):
    drover = make_drover()
    lab.write(
        "/run/hold.py",
        "import libvirt, time\n"
        f"connection = libvirt.open({drover.uri()!r})\n"
        "connection.createXML(open('/root/guest/pvh.xml').read(), libvirt.VIR_DOMAIN_START_AUTODESTROY)\n"
        "print('started', flush=True)\n"
        "time.sleep(600)\n",
    )
    lab.sh("/usr/bin/python3 /run/hold.py >/run/hold.out 2>&1 </dev/null & echo $! >/run/hold.pid")
    lab.wait(lambda: "started" in lab.read("/run/hold.out"), "the guest is started")
    drover.kill()
    assert "pvh" in xl_names(lab)
    drover.start()
    lab.wait(lambda: "pvh" not in xl_names(lab), "the guest has ended")
    lab.wait(lambda: "was bound to a connection" in drover.log(), "the log tells of it")
    lab.sh("kill $(cat /run/hold.pid)", ok=None)
