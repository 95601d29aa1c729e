# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests of Xen that are saved and go on."""

import re

import pytest


def ticks(guest):
    return [int(n) for n in re.findall(r"^guest: tick (\d+)", guest.console(), re.M)]


@pytest.mark.one_store
@pytest.mark.limit(600)
@pytest.mark.parametrize("kind", [pytest.param("pv", marks=pytest.mark.core), "pvh", pytest.param("hvm", marks=pytest.mark.slow)])
def test_a_guest_goes_on_where_it_was_saved(lab, guests, drover, kind):
    guest = guests(f"save-{kind}", kind, extra=['cmdline="console=hvc0 loglevel=3 panic=5 ticks"'])
    lab.wait(lambda: ticks(guest), "it ticks", 120)
    assert f" {kind.upper()} after " in guest.console()
    try:
        drover.virsh("save", guest.name, "/root/test.save", timeout=200)
        assert guest.name not in lab.names()
        before = ticks(guest)[-1]
        drover.virsh("restore", "/root/test.save", timeout=200)
        lab.wait(lambda: ticks(guest)[-1] > before, "it ticks again", 120)
        # A guest that had booted anew would have begun with 1 again.
        seen = ticks(guest)
        assert sorted(seen) == seen
        drover.virsh("destroy", guest.name)
        # Another name and UUID, and the same image. A byte less, and nothing is made of it.
        document = drover.virsh("save-image-dumpxml", "/root/test.save").out
        other = re.sub("<uuid>.*</uuid>", "", document.replace(f"<name>{guest.name}</name>", "<name>other</name>"))
        lab.write("/root/other.xml", other)
        drover.virsh("restore", "/root/test.save", "--xml", "/root/other.xml", timeout=200)
        # the one before may be dying still
        lab.wait(lambda: lab.names() == ["other"], "the other guest alone is there")
        drover.virsh("destroy", "other")
        lab.run("truncate", "-s", "-1", "/root/test.save")
        assert "its end is missing" in drover.virsh("restore", "/root/test.save", ok=False).err
        lab.wait(lambda: lab.names() == [], "no guest is there")
    finally:
        lab.sh("rm -f /root/test.save /root/other.xml")
