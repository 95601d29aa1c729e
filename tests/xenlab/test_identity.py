# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is there: drover's answers about domains that it did not make, on a real Xen, and what they cost."""

import re

import pytest

pytestmark = pytest.mark.core

MANY = "/build/tests/xenlab/xenlab-domains"


def test_a_domain_is_listed_as_soon_as_xl_has_made_it(guests, drover):
    assert drover.virsh("list", "--name").lines() == ["Domain-0"]
    guest = guests("seen", "idle-pvh")
    assert drover.virsh("list").rows() == [["0", "Domain-0", "running"], [str(guest.id), "seen", "running"]]


def test_a_domain_is_gone_as_soon_as_xl_has_ended_it(lab, guests, drover):
    guest = guests("brief", "idle-pv")
    number, uuid = str(guest.id), drover.virsh("domuuid", "brief").out.strip()
    lab.xl("destroy", "brief")
    for name in ("brief", number, uuid):
        assert "failed to get domain" in drover.virsh("domstate", name, ok=False).err
    assert drover.virsh("list", "--name").lines() == ["Domain-0"]


def test_a_domain_answers_to_its_new_name_as_soon_as_xl_has_given_it(lab, guests, drover):
    guest = guests("before", "idle-pv")
    number = guest.id
    assert int(drover.virsh("domid", "before").out) == number
    lab.xl("rename", "before", "after")
    assert int(drover.virsh("domid", "after").out) == number
    assert drover.virsh("domname", str(number)).out.strip() == "after"
    drover.virsh("domid", "before", ok=False)


def test_a_defined_guest_that_is_renamed_again_and_again_is_found_at_once(lab, drover):
    # the new name of one that is defined is on the disk before it is listed, which takes a moment
    text = lab.read("/root/guest/pvh.xml").replace("<name>pvh</name>", "<name>kept</name>")
    lab.write("/run/kept.xml", text.replace("vmlinuz", "idle-pvh").replace("<initrd>/root/guest/initrd.img</initrd>", ""))
    drover.virsh("define /run/kept.xml; start kept")
    try:
        said = lab.sh(f"/usr/bin/python3 /src/tests/xenlab/renames.py '{drover.uri()}' kept 60")
        assert said.out == "", said.out
    finally:
        drover.virsh("destroy kept; undefine kept", ok=None)


def test_drover_and_xl_say_the_same_uuid_and_state(lab, guests, drover):
    guests("twin", "idle-pvh", paused=True)
    uuid = re.search(r"twin\s.*\s([0-9a-f-]{36})", lab.xl("list", "--verbose").out)[1]
    assert drover.virsh("domuuid", "twin").out.strip() == uuid
    assert drover.virsh("domstate", "twin").out.strip() == "paused"
    lab.xl("unpause", "twin")
    assert drover.virsh("domstate", "twin").out.strip() == "running"


def test_questions_ask_xenstored_nothing_once_the_names_are_known(lab, drover):
    lab.run(MANY, "announce", "20")
    try:
        assert len(drover.virsh("list", "--name").lines()) == 21
        drover.settled()
        uuid = drover.virsh("domuuid", "many-7").out.strip()
        lab.quiet()    # others were told of these domains too
        with lab.accesses() as seen:
            drover.virsh("list")
            drover.virsh("domname", uuid)
            drover.virsh("domid", "many-7")
            drover.virsh("dominfo", "many-11")
            drover.virsh("domstats")
        assert seen == []
    finally:
        lab.run(MANY, "remove")
