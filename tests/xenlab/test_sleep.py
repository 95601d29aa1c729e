# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests of Xen that are put to sleep and woken up: dompmsuspend and dompmwakeup."""

import re

import pytest
from test_events import Events

# saveable.S says what it is and why its channel has to be named.
SAVEABLE = (
    "<domain type='xen'><name>sleeper</name><uuid>8d1f0d5e-6a64-4d0e-9f0a-0000000000a5</uuid><memory unit='MiB'>4</memory>"
    "<os><type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>/build/tests/xenlab/xenlab-saveable</kernel></os></domain>"
)


def ticks(guest):
    return [int(n) for n in re.findall(r"^guest: tick (\d+)", guest.console(), re.M)]


def state(drover, name):
    return drover.virsh("domstate", name).out.strip()


def note(lab, number):
    """What stands beside a guest in xenstore of its sleep."""
    return lab.sh(f"xenstore-read /local/domain/{number}/drover-sleep", ok=None).out.strip()


def stands_still(lab, name):
    """The hypervisor's word: the letter for a guest that has shut itself down."""
    return "s" in lab.xl("list", name).lines()[-1].split()[4]


@pytest.fixture
def sleeper(lab):
    """sleeper(drover) gives the id of a small guest of drover's that can suspend itself; it is gone after the test."""
    made = []

    def make(drover):
        lab.write("/run/sleeper.xml", SAVEABLE)
        made.append(drover)
        drover.virsh("create", "/run/sleeper.xml")
        number = drover.virsh("domid", "sleeper").out.strip()
        lab.run("xenstore-write", f"/local/domain/{number}/device/suspend/event-channel", "3")
        return number

    yield make
    for drover in made:
        drover.virsh("destroy", "sleeper", ok=None)


@pytest.mark.one_store
@pytest.mark.limit(400)
@pytest.mark.parametrize("kind", ["pv", "pvh", pytest.param("hvm", marks=pytest.mark.slow)])
def test_a_guest_goes_on_where_it_fell_asleep(lab, guests, drover, kind):
    guest = guests(f"sleep-{kind}", kind, extra=['cmdline="console=hvc0 loglevel=3 panic=5 ticks"'])
    lab.wait(lambda: ticks(guest), "it ticks", 120)
    number = guest.id
    for _ in range(2):
        drover.virsh("dompmsuspend", guest.name, "mem", timeout=200)
        assert state(drover, guest.name) == "pmsuspended"
        assert "pmsuspended" in drover.virsh("list").out
        assert stands_still(lab, guest.name)
        assert note(lab, number) == "asleep"
        before = ticks(guest)[-1]
        drover.virsh("dompmwakeup", guest.name, timeout=60)
        assert state(drover, guest.name) == "running"
        lab.wait(lambda: ticks(guest)[-1] > before, "it ticks again", 120)
        assert note(lab, number) == ""
    # A guest that had booted anew would have begun with 1 again, and under another id.
    seen = ticks(guest)
    assert sorted(seen) == seen
    assert guest.id == number


@pytest.mark.core
@pytest.mark.one_store
@pytest.mark.limit(200)
def test_a_guest_that_sleeps_does_so_until_it_is_woken(lab, drover, sleeper):
    number = sleeper(drover)
    drover.virsh("dompmsuspend", "sleeper", "mem", timeout=200)
    for command, told in (
        ("resume sleeper", "is asleep"),
        ("suspend sleeper", "is asleep"),
        ("shutdown sleeper", "is asleep"),
        ("reboot sleeper", "is asleep"),
        ("save sleeper /root/sleeper.save", "is asleep"),
        ("dompmsuspend sleeper mem", "is asleep"),
    ):
        failed = drover.virsh(command, ok=False)
        assert told in failed.err, command
    assert state(drover, "sleeper") == "pmsuspended"
    assert "state.state=7" in drover.virsh("domstats", "--state", "sleeper").out
    drover.virsh("dompmwakeup", "sleeper")
    assert state(drover, "sleeper") == "running"
    assert not stands_still(lab, "sleeper")
    assert "is not asleep" in drover.virsh("dompmwakeup", "sleeper", ok=False).err
    drover.virsh("dompmsuspend", "sleeper", "mem", timeout=200)
    drover.virsh("destroy", "sleeper")
    lab.wait(lambda: "sleeper" not in lab.names(), "the guest is gone")
    assert note(lab, number) == ""


@pytest.mark.core
@pytest.mark.one_store
@pytest.mark.limit(200)
def test_sleep_is_told_of(lab, drover, sleeper):
    events = Events(lab, drover)
    try:
        sleeper(drover)
        drover.virsh("dompmsuspend", "sleeper", "mem", timeout=200)
        drover.virsh("list; list; dompmwakeup sleeper")
        drover.virsh("dompmsuspend", "sleeper", "mem", timeout=200)
        drover.virsh("destroy", "sleeper")
        events.are(
            "sleeper started booted",
            "sleeper pmsuspended memory",
            "sleeper asleep",
            "sleeper started wakeup",
            "sleeper awake",
            "sleeper pmsuspended memory",
            "sleeper asleep",
            "sleeper stopped destroyed",
        )
    finally:
        events.stop()


@pytest.mark.core
@pytest.mark.limit(200)
def test_the_next_droverd_finds_a_guest_asleep(lab, make_drover, sleeper):
    drover = make_drover()
    number = sleeper(drover)
    drover.virsh("dompmsuspend", "sleeper", "mem", timeout=200)
    drover.kill()
    drover.start()
    assert state(drover, "sleeper") == "pmsuspended"
    assert "is asleep" in drover.virsh("resume", "sleeper", ok=False).err
    drover.virsh("dompmwakeup", "sleeper")
    assert state(drover, "sleeper") == "running"
    assert not stands_still(lab, "sleeper")
    assert note(lab, number) == ""


@pytest.mark.one_store
@pytest.mark.limit(400)
def test_a_guest_that_cannot_sleep_goes_on_and_holds_up_nobody(lab, guests, drover):
    """The small guest answers nothing; Xen's library waits a minute for that."""
    for name in "deaf", "other":
        guests(name, "idle-pv")
    for name in "deaf", "other":
        lab.sh(f"{{ virsh -c '{drover.uri()}' dompmsuspend {name} mem; echo over; }} >/run/{name}.out 2>&1 </dev/null &")
    for name in "deaf", "other":
        number = drover.virsh("domid", name).out.strip()
        lab.wait(lambda number=number: note(lab, number).startswith("falling "), f"{name} is asked to")
        assert state(drover, name) == "running"
    drover.virsh("destroy", "other")
    for name, told in ("other", "was interrupted"), ("deaf", "domain 'deaf' has not gone to sleep"):
        lab.wait(lambda name=name: "over" in lab.read(f"/run/{name}.out"), f"nobody waits for {name} any more", 200)
        assert told in lab.read(f"/run/{name}.out")
    assert state(drover, "deaf") == "running"
    assert not stands_still(lab, "deaf")
    drover.virsh("destroy", "deaf")
