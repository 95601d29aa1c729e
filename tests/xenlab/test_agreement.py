# SPDX-License-Identifier: LGPL-2.1-or-later
"""What xl and drover tell of the host is the same after each change, whoever has made it, and at the very next question."""

import pytest

UUID = "8d1f0d5e-6a64-4d0e-9f0a-0000000000a"
DOCUMENT = """<domain type='xen'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>{memory}</memory>
<vcpu current='1'>2</vcpu><os><type arch='x86_64' machine='xen{kind}'>{os}</type><kernel>/root/guest/{kernel}</kernel>{more}</os>
<devices><console type='pty'><target type='xen' port='0'/></console></devices></domain>"""

# a, b, c: small guests of nothing but a loop; a is xl's, b and c are drover's
SMALL = """xl create -q /run/a.cfg
define /run/b.xml
start b
xl pause b
suspend a
resume b
xl unpause a
xl rename a anew
destroy anew
xl create -q -p /run/a.cfg
xl rename b bold
create /run/c.xml
resume a
xl destroy c
xl rename a c
xl destroy bold
start-paused bold
xl rename bold a
xl destroy a"""


@pytest.fixture
def agree(lab, drover):
    def hold(names, steps, timeout=400):
        lab.write("/run/steps", steps)
        said = lab.sh(
            f"/usr/bin/python3 /src/tests/xenlab/agree.py '{drover.uri()}' {names} </run/steps 2>&1", ok=None, timeout=timeout
        )
        assert said.code == 0, said.out
        assert said.out.splitlines() == steps.splitlines()

    yield hold
    lab.clean()
    for name in drover.virsh("list", "--all", "--name").lines():
        if name != "Domain-0":
            drover.virsh("undefine", name)


@pytest.mark.limit(500)
def test_small_guests_change_under_both(lab, agree):
    lab.write("/run/a.cfg", lab.read("/root/guest/idle-pvh.cfg") + '\nname = "a"\nvcpus = 1\nmaxvcpus = 2\n')
    for name, number in ("b", 1), ("c", 2):
        lab.write(
            f"/run/{name}.xml",
            DOCUMENT.format(name=name, uuid=UUID + str(number), memory=4, kind="pv", os="linux", kernel="idle-pv", more=""),
        )
    agree("a b c anew bold", SMALL)


@pytest.mark.limit(300)
def test_an_id_that_another_domain_has_is_seen_at_once(lab, guests, agree):
    number = guests("first", "idle-pvh").id
    put = f"/build/tests/xenlab/xenlab-domains put {number}"
    remove = "/build/tests/xenlab/xenlab-domains remove"
    try:
        agree("first second", f"xl pause first\nxl destroy first\n{put} second\n{remove} second\n{put} first")
    finally:
        lab.run("/build/tests/xenlab/xenlab-domains", "remove", "first")
