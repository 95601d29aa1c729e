# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many guests at once: all come up, all tools tell of the same, all go, and nothing is left or stuck."""

import collections

import pytest
from lab import Droverd
from test_events import Events

MANY = 20
# COUNT threads with a connection each; what one can't do ends the program.
CLIENT = """
import concurrent.futures, libvirt, sys

uri, verb, count = sys.argv[1], sys.argv[2], int(sys.argv[3])

def work(number):
    conn, name = libvirt.open(uri), f"crowd-{number}"
    if verb == "create":
        text = open("/run/many.xml").read()
        conn.createXML(text.replace("NAME", name).replace("NUMBER", f"{number:04}"))
    else:
        conn.lookupByName(name).destroy()
        conn.listAllDomains()
    conn.close()

with concurrent.futures.ThreadPoolExecutor(count) as pool:
    list(pool.map(work, range(count)))
"""
DOCUMENT = """<domain type='xen'><name>NAME</name><uuid>8d1f0d5e-6a64-4d0e-9f0a-00000001NUMBER</uuid>
<memory unit='MiB'>4</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='xenpv'>linux</type>
<kernel>/root/guest/idle-pv</kernel></os></domain>"""


def at_once(lab, drover, verb, count, **how):
    lab.write("/run/many.py", CLIENT)
    lab.write("/run/many.xml", DOCUMENT)
    lab.run("/usr/bin/python3", "/run/many.py", drover.uri(), verb, str(count), **how)


def crowd(lab):
    """Those of them that xl sees: other tests may have guests that they share."""
    return [name for name in lab.names() if name.startswith("crowd-")]


def is_dying(lab):
    """Whether a domain that has lost its name, and is no guest any more, is still there."""
    rows = lab.run("/build/tests/xenlab/xenlab-domains", "show").lines()
    return any("d" in row.split()[2] for row in rows)


def remains(lab, drover):
    """What is on the host beside the first domain: in xenstore, in the hypervisor, on drover's disk."""
    return lab.sh(
        "for folder in /local/domain /libxl /vm /local/domain/0/backend/console; do xenstore-list $folder; done "
        "2>/dev/null | sort; /build/tests/xenlab/xenlab-domains show | wc -l; "
        f"ls {drover.folder}/root/var/lib/drover/xen/running"
    ).out


@pytest.mark.limit(400)
def test_twenty_guests_come_and_go_at_once(lab, make_drover):
    drover = make_drover()
    names = [f"crowd-{number}" for number in range(MANY)]
    at_once(lab, drover, "create", 1, timeout=100)    # what is made once is there then
    drover.virsh("destroy", names[0])
    lab.wait(lambda: not crowd(lab) and not is_dying(lab), "the first has gone")
    before = remains(lab, drover)
    events = Events(lab, drover)
    try:
        at_once(lab, drover, "create", MANY, timeout=300)
        ours = drover.virsh("list").rows()
        theirs = {row.split()[0]: row.split()[1] for row in lab.xl("list").lines()[1:]}
        assert {name for _, name, _ in ours} >= set(names)
        assert {name: number for number, name, _ in ours} == theirs
        assert {state for _, name, state in ours if name in names} == {"running"}
        at_once(lab, drover, "destroy", MANY, timeout=300)
        assert not set(drover.virsh("list", "--name", "--all").lines()) & set(names)
        for name in names:
            events.until(f"{name} stopped destroyed")
        expected = collections.Counter(f"{name} {what}" for name in names for what in ("started booted", "stopped destroyed"))
        assert collections.Counter(line for line in events.seen() if line.startswith("crowd-")) == expected
    finally:
        events.stop()
        lab.clean()
    lab.wait(lambda: remains(lab, drover) == before, "nothing is left of them", 60)


class LocksHeld(Droverd):
    """droverd in which libxencall's lock is held whenever a child is forked: held-locks.c says how."""

    PROGRAM = "LD_PRELOAD=/build/tests/xenlab/xenlab-held-locks.so /build/server/droverd"


@pytest.mark.limit(300)
def test_a_destroy_does_not_hang_when_its_child_was_forked_while_a_lock_was_held(lab):
    drover = LocksHeld(lab, {"log_outputs": "2:file:/run/held.log", "log_level": 2}).start()
    count = 6
    try:
        # Domains without memory: quickly made, and libxl destroys them as all others.
        for _ in range(20):
            lab.run("/build/tests/xenlab/xenlab-domains", "make", str(count), "crowd-")
            at_once(lab, drover, "destroy", count, timeout=200)
            assert not crowd(lab)
            if "forked again" in lab.read("/run/held.log"):
                break
        else:
            raise AssertionError("no child was forked while the lock was held: this has tested nothing")
    finally:
        drover.kill()
        lab.clean()
