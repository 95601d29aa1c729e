# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events on a real Xen: a client is told of everything once and in order, whoever has done it."""

import re

import pytest

CLIENT = "/src/tests/xenlab/events_client.py"
FENCE = (
    "<domain type='xen'><name>fence</name><uuid>8d1f0d5e-6a64-4d0e-9f0a-0000000000fe</uuid><memory unit='MiB'>4</memory>"
    "<os><type arch='x86_64' machine='xenpv'>linux</type><kernel>/root/guest/idle-pv</kernel></os></domain>"
)


class Events:
    """What one client is told from its beginning on, without what concerns the fence, nor how much memory guests have: a kernel
    that starts takes and gives some."""

    LEFT_OUT = re.compile(r"fence |\S+ balloon ")

    def __init__(self, lab, drover):
        self.lab, self.drover, self.path = lab, drover, "/run/events.out"
        lab.write("/run/fence.xml", FENCE)
        # what an earlier client has left there would be taken for this one's "ready"
        lab.sh(
            f"rm -f {self.path}; touch {self.path}; "
            f"/usr/bin/python3 {CLIENT} '{drover.uri()}' >{self.path} 2>&1 </dev/null & echo $! >/run/events.pid; "
            f"for ((i = 0; i < {round(600 * lab.slow)}; i++)); do grep -qx ready {self.path} && exit; sleep 0.1; done; "
            f"cat {self.path}; exit 1",
            timeout=180,
        )

    def seen(self):
        return [line for line in self.lab.read(self.path).splitlines() if not self.LEFT_OUT.match(line)][1:]

    def until(self, *lines):
        """Waits until these have come, in this order, with whatever between them. A state that is over before anybody looks
        can't be told, so whoever pauses a guest waits here before he lets it go on, and whoever has xl make or rename one
        before he destroys it."""

        def come():
            rest = iter(self.seen())
            return all(line in rest for line in lines)

        self.lab.wait(come, f"these events: {lines}", 60)

    def are(self, *expected):
        """Nothing but these has been told, in this order. In front of one that may be missing stands "?"."""
        fences = self.lab.read(self.path).count("fence undefined")
        # A list leaves nothing to be told, and events leave in the order in which they are made.
        self.drover.virsh("list --name; define /run/fence.xml; undefine fence")
        self.lab.wait(lambda: self.lab.read(self.path).count("fence undefined") > fences, "the fence is told of")
        pattern = "".join(
            f"({re.escape(line[1:])}\n)?" if line[0] == "?" else f"{re.escape(line)}\n" for line in expected
        )
        seen = "".join(line + "\n" for line in self.seen())
        assert re.fullmatch(pattern, seen), seen

    def stop(self):
        self.lab.sh("kill $(cat /run/events.pid)", ok=None)


@pytest.fixture
def events(lab, drover):
    client = Events(lab, drover)
    yield client
    client.stop()


@pytest.mark.core
@pytest.mark.limit(300)
def test_all_that_xl_does_is_told_of(lab, guests, events):
    guests("e", "idle-pv")
    lab.xl("pause", "e")
    events.until("e suspended paused")
    lab.xl("unpause", "e")
    events.until("e resumed unpaused")
    lab.xl("rename", "e", "f")
    events.until("f defined renamed")
    lab.xl("destroy", "f")
    guests("g", "idle-pvh")
    events.until("g started booted")
    lab.xl("destroy", "g")
    # xl pauses what it destroys, and that may be seen
    events.are(
        "e started booted",
        "e suspended paused",
        "e resumed unpaused",
        "e undefined renamed",
        "f defined renamed",
        "?f suspended paused",
        "f stopped destroyed",
        "g started booted",
        "?g suspended paused",
        "g stopped destroyed",
    )


@pytest.mark.core
@pytest.mark.limit(300)
def test_a_guest_that_xl_leaves_paused_has_started_and_is_paused(lab, guests, events):
    guests("still", "idle-pvh", paused=True)
    events.until("still started booted", "still suspended paused")
    lab.xl("unpause", "still")
    events.until("still resumed unpaused")
    events.are("still started booted", "still suspended paused", "still resumed unpaused")


@pytest.mark.limit(600)
def test_what_a_guest_does_when_xl_asks_is_told_of(lab, guests, events):
    guest = guests("deep", "pv", extra=['on_crash="destroy"'])
    guest.ready()
    lab.xl("save", "deep", "/root/deep.save", timeout=180)
    lab.xl("restore", "/root/deep.save", timeout=180)
    lab.sh(f"rm -f /root/deep.save {guest.console_path}")
    first = guest.id
    lab.xl("reboot", "deep")
    events.until(*["deep started booted"] * 3)
    assert guest.id != first
    guest.ready()
    lab.xl("shutdown", "deep")
    events.until(*["deep started booted"] * 3, "deep shutdown finished", "deep stopped shutdown")
    guest = guests("crash", "pv", extra=['on_crash="destroy"'])
    guest.ready()
    guest.sh("true")    # its shell has a prompt
    guest.type("echo c >/proc/sysrq-trigger")
    events.until("crash stopped crashed")
    events.are(
        "deep started booted",
        "deep suspended paused",
        "deep stopped saved",
        "deep started booted",
        "deep shutdown finished",
        "deep stopped shutdown",
        "deep started booted",
        "deep shutdown finished",
        "deep stopped shutdown",
        "crash started booted",
        "crash crashed panicked",
        "crash stopped crashed",
    )


@pytest.mark.core
@pytest.mark.limit(300)
def test_what_drover_and_xl_do_in_turns_is_told_once(lab, drover, events):
    text = lab.read("/root/guest/pvh.xml").replace("<name>pvh</name>", "<name>both</name>")
    lab.write("/run/both.xml", text.replace("vmlinuz", "idle-pvh").replace("<initrd>/root/guest/initrd.img</initrd>", ""))
    drover.virsh("define /run/both.xml; start both; suspend both; resume both")
    try:
        lab.xl("pause", "both")
        drover.virsh("resume", "both")
        lab.xl("rename", "both", "other")
        drover.virsh("suspend", "other")
        lab.xl("unpause", "other")
        events.until("other resumed unpaused")
        lab.xl("destroy", "other")
        drover.virsh("start --paused other; resume other; destroy other; undefine other")
    finally:
        for name in "both", "other":
            drover.virsh(f"destroy {name}; undefine {name}", ok=None)
    events.are(
        "both defined added",
        "both started booted",
        "both suspended paused",
        "both resumed unpaused",
        "both suspended paused",
        "both resumed unpaused",
        "both undefined renamed",
        "other defined renamed",
        "other suspended paused",
        "other resumed unpaused",
        "?other suspended paused",
        "other stopped destroyed",
        "other started booted",
        "other suspended paused",
        "other resumed unpaused",
        "other stopped destroyed",
        "other undefined removed",
    )
