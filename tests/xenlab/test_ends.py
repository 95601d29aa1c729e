# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of a guest that ends by itself, on a real Xen: what its document says, in its state, in events, and for xl."""

import re

import pytest
from test_events import Events

POWEROFF, REBOOT, CRASH, WATCHDOG, SOFT_RESET = 0, 1, 3, 4, 5
NAME = "ender"
DOCUMENT = (
    "<domain type='xen'><name>ender</name><uuid>8d1f0d5e-6a64-4d0e-9f0a-0000000000ed</uuid><memory unit='MiB'>4</memory>"
    "<os><type arch='x86_64' machine='xen{kind}'>{type}</type><kernel>/build/tests/xenlab/xenlab-ender-{kind}</kernel></os>"
    "{actions}<devices><console type='pty'/></devices></domain>"
)


class Ender:
    """A guest that ends as it is told, a few instructions; drover has defined it."""

    def __init__(self, lab, drover, kind):
        self.lab, self.drover, self.kind = lab, drover, kind

    def start(self, **actions):
        """Defines it anew with these actions (poweroff, reboot, crash) and starts it."""
        words = "".join(f"<on_{end}>{action}</on_{end}>" for end, action in actions.items())
        kind = "linux" if self.kind == "pv" else "xenpvh"
        self.lab.write("/run/ender.xml", DOCUMENT.format(kind=self.kind, type=kind, actions=words))
        self.drover.virsh(f"define /run/ender.xml; start {NAME}")

    def end(self, reason):
        """Types the reason on its console, as soon as there is one."""
        self.lab.sh(
            f"id=$(xl domid {NAME}) && for ((i = 0; i < 300; i++)); do "
            "tty=$(xenstore-read /local/domain/$id/console/tty 2>/dev/null) && break; sleep 0.1; done; "
            f"printf {reason} >$tty"
        )

    def state(self):
        return self.drover.virsh("domstate", "--reason", NAME).out.strip()

    def id(self):
        return self.drover.virsh("domid", NAME).out.strip()

    def until(self, state):
        self.lab.wait(lambda: self.state() == state, f"the guest is {state}", 60)

    def flags(self):
        """What `xl list` says of it; "" when there is none."""
        row = re.search(rf"^{NAME} +\d+ +\d+ +\d+ +(\S+)", self.lab.xl("list").out, re.M)
        return row[1] if row else ""


@pytest.fixture
def ender(lab, drover, kind):
    yield Ender(lab, drover, kind)
    drover.virsh("destroy", NAME, ok=None)
    drover.virsh("undefine", NAME, ok=None)
    lab.clean()


@pytest.fixture
def events(lab, drover):
    client = Events(lab, drover)
    yield client
    client.stop()


# How a guest came to its end, what its document says of that, what events tell of the end, and which state it then has.
FINISHED, PANICKED = "ender shutdown finished", "ender crashed panicked"
GONE = [
    (POWEROFF, {}, [FINISHED, "ender stopped shutdown"], "shut off (shutdown)"),
    (REBOOT, {"reboot": "destroy"}, [FINISHED, "ender stopped shutdown"], "shut off (shutdown)"),
    (CRASH, {}, [PANICKED, "ender stopped crashed"], "shut off (crashed)"),
    (WATCHDOG, {"crash": "destroy", "poweroff": "restart"}, [PANICKED, "ender stopped crashed"], "shut off (crashed)"),
]
AGAIN = [
    (POWEROFF, {"poweroff": "restart"}, [FINISHED, "ender stopped shutdown"]),
    (REBOOT, {}, [FINISHED, "ender stopped shutdown"]),
    (CRASH, {"crash": "restart"}, [PANICKED, "ender stopped crashed"]),
]
KEPT = [
    (POWEROFF, {"poweroff": "preserve"}, FINISHED, "in shutdown (user)", "---s--"),
    (REBOOT, {"reboot": "preserve"}, FINISHED, "in shutdown (user)", "---sr-"),
    (CRASH, {"crash": "preserve"}, PANICKED, "crashed (unknown)", "---sc-"),
]


@pytest.mark.one_store
@pytest.mark.limit(300)
@pytest.mark.parametrize("kind", ["pv"])
def test_a_guest_that_is_to_go_goes(ender, events):
    told = []
    for n, (reason, actions, ends, state) in enumerate(GONE):
        ender.start(**actions)
        ender.end(reason)
        told += [f"ender defined {'updated' if n else 'added'}", "ender started booted", *ends]
        events.until(*told)
        assert ender.state() == state
    events.are(*told)
    assert ender.flags() == ""


@pytest.mark.limit(300)
@pytest.mark.parametrize("kind", ["pv", pytest.param("pvh", marks=pytest.mark.one_store)])
def test_a_guest_that_is_to_start_anew_does(ender, events):
    told = []
    for n, (reason, actions, ends) in enumerate(AGAIN):
        ender.start(**actions)
        first = ender.id()
        ender.end(reason)
        told += [f"ender defined {'updated' if n else 'added'}", "ender started booted", *ends, "ender started booted"]
        events.until(*told)
        assert ender.state() == "running (booted)"
        assert ender.id() not in (first, "-") and ender.flags() != ""
        ender.drover.virsh("destroy", NAME)
        told += ["ender stopped destroyed"]
    events.are(*told)


@pytest.mark.one_store
@pytest.mark.limit(300)
@pytest.mark.parametrize("kind", ["pv"])
def test_a_guest_that_is_to_be_kept_stays_until_it_is_destroyed(lab, ender, events):
    told = []
    for n, (reason, actions, end, state, flags) in enumerate(KEPT):
        ender.start(**actions)
        first = ender.id()
        ender.end(reason)
        told += [f"ender defined {'updated' if n else 'added'}", "ender started booted", end]
        events.until(*told)
        assert ender.state() == state
        assert ender.id() == first and ender.flags() == flags
        # It isn't run again: what it was is what it is.
        assert "not paused" in ender.drover.virsh("resume", NAME, ok=False).err
        ender.drover.virsh("destroy", NAME)
        # what counts is how it ended, not who has cleared it away
        how = "crashed" if reason == CRASH else "shutdown"
        assert ender.state() == f"shut off ({how})"
        told += [f"ender stopped {how}"]
    events.are(*told)
    assert ender.flags() == ""


# A few instructions have no table of their memory, by which libxl finds it; test_linux.py has a guest that can be dumped.
@pytest.mark.one_store
@pytest.mark.limit(300)
@pytest.mark.parametrize("kind", ["pv"])
def test_a_guest_that_crashed_comes_to_its_end_though_its_memory_cant_be_written(lab, ender, events):
    folder = f"{ender.drover.folder}/root/var/lib/drover/xen/dump"
    ender.start(crash="coredump-destroy")
    ender.end(CRASH)
    ender.until("shut off (crashed)")
    ender.start(crash="coredump-restart")
    before = ender.id()
    ender.end(CRASH)
    lab.wait(lambda: ender.id() not in (before, "-"), "it has started anew", 60)
    ender.until("running (booted)")
    assert ender.drover.log().count("the memory of domain 'ender' can't be written") >= 2
    assert [name for name in lab.sh(f"ls {folder}").lines() if name.startswith("ender-")] == []
    ender.drover.virsh("destroy", NAME)
    events.are(
        "ender defined added",
        "ender started booted",
        PANICKED,
        "ender stopped crashed",
        "ender defined updated",
        "ender started booted",
        PANICKED,
        "ender stopped crashed",
        "ender started booted",
        "ender stopped destroyed",
    )


@pytest.mark.one_store
def test_an_end_that_nobody_can_bring_about_is_refused(lab, drover):
    for action in "rename-restart", "resume":
        words = f"<on_reboot>{action}</on_reboot>"
        lab.write("/run/ender.xml", DOCUMENT.format(kind="pv", type="linux", actions=words))
        drover.virsh("define", "/run/ender.xml", ok=False)
    assert NAME not in drover.virsh("list", "--all", "--name").lines()


@pytest.mark.one_store
@pytest.mark.limit(300)
def test_a_guest_that_ends_while_there_is_no_droverd_is_seen_to_by_the_next(lab, make_drover):
    ender = Ender(lab, make_drover(), "pv")
    ender.start(poweroff="restart", crash="coredump-destroy")
    before = ender.id()
    ender.drover.kill()
    ender.end(POWEROFF)
    lab.wait(lambda: ender.flags() == "---s--", "it has ended")
    ender.drover.start()
    lab.wait(lambda: ender.id() not in (before, "-"), "it has started anew", 60)
    ender.drover.kill()
    ender.end(CRASH)
    lab.wait(lambda: ender.flags() == "---sc-", "it has crashed")
    ender.drover.start()
    ender.until("shut off (crashed)")
    assert "the memory of domain 'ender' can't be written" in ender.drover.log()
    ender.drover.virsh("undefine", NAME)
