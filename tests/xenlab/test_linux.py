# SPDX-License-Identifier: LGPL-2.1-or-later
"""One Linux guest that drover has made, on a real Xen: somebody logs in, its memory is written, it starts anew and crashes."""

import re

import pytest
from lab import Guest

pytestmark = pytest.mark.one_store

NAME = "linux"


@pytest.fixture(scope="module")
def linux(lab, session_drover):
    text = lab.read("/root/guest/pv.xml").replace("<name>pv</name>", f"<name>{NAME}</name>").replace("panic=5", "login ticks")
    text = re.sub("<on_crash>.*</on_crash>", "<on_crash>coredump-destroy</on_crash>", re.sub("<uuid>.*</uuid>", "", text))
    lab.write("/run/linux.xml", text)
    guest = Guest(lab, NAME)
    lab.sh(f"rm -f {guest.console_path}")
    session_drover.virsh("define /run/linux.xml; start linux")
    guest.ready()
    yield guest
    session_drover.virsh("destroy", NAME, ok=None)
    session_drover.virsh("undefine", NAME, ok=None)
    lab.clean()


def login(lab, drover, *lines):
    """Logs in on the console and runs these lines; what was on the terminal."""
    return lab.run("/usr/bin/python3", "/src/tests/xenlab/login.py", drover.uri(), NAME, *lines, timeout=200).out


def state(drover):
    return drover.virsh("domstate", "--reason", NAME).out.strip()


@pytest.mark.limit(400)
def test_somebody_logs_in_on_the_console(lab, drover, linux):
    seen = login(lab, drover, "echo answer-$((40 + 2))", "tty")
    assert re.search("login: root$", seen, re.M) and re.search("^answer-42$", seen, re.M)
    assert "/dev/hvc0" in seen
    # the session is over, and the next one finds the shell where it was
    assert "answer-43" in login(lab, drover, "echo answer-$((40 + 3))")


def counted(linux):
    return len(re.findall(r"^guest: tick", linux.console(), re.M))


@pytest.mark.limit(400)
def test_memory_is_written_and_the_guest_goes_on(lab, drover, linux):
    for flags, told in ("", "paused"), ("--live", "running"):
        path = "/root/linux.dump"
        drover.virsh(f"dump {flags} {NAME} {path}", timeout=180)
        assert lab.sh(f"head -c 4 {path} | tail -c 3; stat -c ' %a' {path}; rm {path}").out.split() == ["ELF", "600"], told
        before = counted(linux)
        lab.wait(lambda: counted(linux) > before, "it ticks on", 60)
    assert state(drover).startswith("running")


@pytest.mark.limit(400)
def test_it_starts_anew_when_it_is_asked_and_crashes_when_it_must(lab, drover, linux):
    first = linux.id
    lab.sh(f"rm -f {linux.console_path}")
    drover.virsh("reboot", NAME)
    linux.ready(120)
    # the guest runs before drover has published that it does
    lab.wait(lambda: state(drover) == "running (booted)", "drover has started it anew")
    assert linux.id != first
    folder = f"{drover.folder}/root/var/lib/drover/xen/dump"
    lab.sh(f"rm -rf {folder}")
    login(lab, drover)    # whoever leaves has not logged out
    linux.type("echo c >/proc/sysrq-trigger")
    lab.wait(lambda: state(drover) == "shut off (crashed)", "it has crashed, and is gone", 120)
    files = lab.sh(f"cd {folder}; stat -c '%n %s' *").lines()
    assert len(files) == 1 and files[0].startswith("linux-") and int(files[0].split()[1]) > 64 << 20
    lab.wait(lambda: "Kernel panic" in linux.console(), "its console tells of the panic")
    lab.sh(f"rm -rf {folder}")
