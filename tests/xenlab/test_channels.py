# SPDX-License-Identifier: LGPL-2.1-or-later
"""Channels: consoles beside the first one, by which programs of the host talk with programs in the guest."""

import re

import pytest
from lab import Guest

pytestmark = [pytest.mark.one_store, pytest.mark.limit(300)]

SOCKET = "/run/channel.sock"
UNIX = f"<channel type='unix'><source mode='bind' path='{SOCKET}'/><target type='xen' name='org.drover.first'/></channel>"
PTY = "<channel type='pty'><target type='xen' name='org.drover.second'/></channel>"

# Writes a line to one end of a channel, and waits for the answer of whoever has the other one.
TALK = """
import os, select, socket, sys, tty
kind, path, line, answer = sys.argv[1:]
if kind == "unix":
    end = socket.socket(socket.AF_UNIX)
    end.connect(path)
    fd = end.fileno()
else:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
os.write(fd, line.encode() + b"\\n")
seen = b""
while answer.encode() not in seen:
    if not select.select([fd], [], [], 60)[0]:
        sys.exit(f"no answer: {seen!r}")
    part = os.read(fd, 1024)
    if not part:
        sys.exit(f"the channel has ended: {seen!r}")
    seen += part
"""


@pytest.fixture(scope="module")
def talker(lab, session_drover):
    """A guest with a channel of each kind; in it, a program answers each line of either with the line and the number of the
    channel."""
    text = re.sub("<uuid>.*</uuid>", "", lab.read("/root/guest/pv.xml")).replace("<name>pv</name>", "<name>talker</name>")
    lab.write("/run/talker.xml", text.replace("</devices>", UNIX + PTY + "</devices>"))
    lab.write("/run/talk.py", TALK)
    guest = Guest(lab, "talker")
    lab.sh(f"rm -f {guest.console_path}")
    session_drover.virsh("create", "/run/talker.xml", timeout=180)
    guest.ready(120)
    guest.sh(
        "for n in 1 2; do stty -F /dev/hvc$n raw -echo; "
        '(while read -r line; do echo "answer to $line by $n"; done) </dev/hvc$n >/dev/hvc$n 2>/dev/null & done'
    )
    lab.kept.add(guest.id)
    yield guest
    lab.kept.clear()
    lab.clean()


def terminal_of(lab, guest, number):
    return lab.run("xenstore-read", f"/local/domain/{guest.id}/device/console/{number}/tty").out.strip()


def test_bytes_go_both_ways_through_a_socket(lab, drover, talker):
    for line in "one", "two":    # whoever comes again finds the channel as it was
        lab.run("/usr/bin/python3", "/run/talk.py", "unix", SOCKET, line, f"answer to {line} by 1", timeout=90)


def test_bytes_go_both_ways_through_a_terminal(lab, drover, talker):
    lab.run("/usr/bin/python3", "/run/talk.py", "pty", terminal_of(lab, talker, 2), "three", "answer to three by 2", timeout=90)


def test_a_running_guest_gets_and_loses_no_channel(lab, drover, talker):
    lab.write("/run/channel.xml", PTY.replace("second", "third"))
    refused = drover.virsh("attach-device", "talker", "/run/channel.xml", ok=False)
    assert "channel" in refused.err
    lab.write("/run/channel.xml", PTY)
    refused = drover.virsh("detach-device", "talker", "/run/channel.xml", ok=False)
    assert "channel" in refused.err
    assert re.findall("name='(org[^']*)'", drover.virsh("dumpxml", "talker").out) == ["org.drover.first", "org.drover.second"]


def test_nothing_is_left_of_channels_when_the_guest_is_gone(lab, drover, talker):
    drover.virsh("destroy", "talker", timeout=120)
    # who ends the guest tells the program to end, and the program removes its socket
    lab.wait(lambda: lab.sh("pgrep -f libxl-channel", ok=None).code != 0, "the program that serves channels has ended")
    lab.wait(lambda: lab.sh(f"test ! -e {SOCKET}", ok=None).code == 0, "the socket is gone")
