# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns by identity: ten connections of one user beside the one of another, by uid, by SASL name and by the name in the
certificate, with the real virsh; weights; and what droverctl clients shows meanwhile.

Calls of the crowd are held by a wrapper of the driver until their guest is destroyed, so that every state stays as it is
for as long as the test looks at it."""

import json
import os
import re
import subprocess

import pytest

import harness
import wire
from harness import wait_until
from test_sasl import sasl, sasl_server, tcp_uri  # noqa: F401
from test_sasl import free_port
from test_tls import tls_server  # noqa: F401

pytestmark = pytest.mark.drover("libvirtd's clients have no identities")

NOBODY = 65534
CROWD = 10
HELD = "delay ms=600000 procedure=domain.suspend domain=crowd*"
LIMITS = {"min_workers": 5, "max_workers": 5, "prio_workers": 2, "max_identity_workers": 3, "driver_wrap": [HELD]}


def droverctl(server, *words):
    program = os.path.join(os.path.dirname(server.program), "droverctl")
    result = harness.run([program, *words, "--socket", server.admin], os.path.join(server.directory, "home"))
    assert result.code == 0, result
    return result


def use_of(server, who):
    """The lines of the clients of that identity, and the one of all of them together."""
    clients = json.loads(droverctl(server, "clients", "--json").out)
    sums = json.loads(droverctl(server, "clients", "--identities", "--json").out)
    together = [s for s in sums if s["who"] == who]
    return [c for c in clients if c["who"] == who], together[0] if together else None


def running_guests(server, names):
    """Running guests of the test's own connection, which stays."""
    c = server.open()
    domains = {name: c.define(wire.domain_xml(name)) for name in names}
    for d in domains.values():
        c.on_domain(wire.DOMAIN_CREATE, d)
    return c, domains


# --- ten beside one


class Way:
    """How the two come in: virsh's words, and what the server takes them for, or a part of that."""

    def __init__(self, server, crowd, other):
        self.server = server
        (self.crowd_argv, self.crowd), (self.other_argv, self.other) = crowd, other

    def popen(self, argv, *words):
        return subprocess.Popen(
            argv + list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=harness.client_environment(os.path.join(self.server.directory, "home")),
        )

    def run_other(self, *words):
        home = os.path.join(self.server.directory, "home")
        result = harness.run(self.other_argv + list(words), home, "\n", 60 * self.server.slow)
        assert result.code == 0, f"{result}\n{self.server.log()}"
        return result


@pytest.fixture(params=["uid", "sasl", "dn"])
def way(request, make_server):
    if request.param == "uid":
        if os.geteuid() != 0:
            pytest.skip("becomes another user")
        server = make_server({**LIMITS, "unix_sock_rw_perms": "0777"})
        virsh = ["virsh", "-c", server.uri()]
        nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        return Way(server, (nobody + virsh, f"uid:{NOBODY}"), (virsh, "uid:0"))
    if request.param == "sasl":
        users = request.getfixturevalue("sasl")
        make = request.getfixturevalue("sasl_server")
        server = make("DIGEST-MD5", listen_tcp=1, tcp_port=free_port(), listen_addr="127.0.0.1", **LIMITS)
        fred, wilma = (["virsh", "-c", tcp_uri(server, users / name)] for name in ("fred", "wilma"))
        return Way(server, (fred, "sasl:fred"), (wilma, "sasl:wilma"))
    ca = request.getfixturevalue("ca")
    server = request.getfixturevalue("tls_server")(**LIMITS)
    uri = f"test+tls://127.0.0.1:{server.config['tls_port']}/default?pkipath="
    argvs = [(["virsh", "-c", uri + ca.client(name)], f"CN={name}") for name in ("many", "single")]
    return Way(server, *argvs)


def full_name(server, part):
    """As whom the server knows the one whose name has this part."""
    found = {c["who"] for c in json.loads(droverctl(server, "clients", "--json").out) if part in c["who"]}
    return found.pop() if len(found) == 1 else None


@pytest.mark.limit(300)
def test_ten_connections_of_one_leave_workers_to_the_one_of_another(way, tmp_path):
    server = way.server
    admin, guests = running_guests(server, [f"crowd{i}" for i in range(CROWD)] + ["other"])
    document = tmp_path / "new.xml"
    document.write_text(wire.domain_xml("new"))
    crowd = [way.popen(way.crowd_argv, "suspend", f"crowd{i}") for i in range(CROWD)]
    try:
        who = wait_until(lambda: full_name(server, way.crowd), "the crowd is known by its name", 60 * server.slow)

        def state():
            clients, together = use_of(server, who)
            return together and (len(clients), together["running"], together["queued"]) == (CROWD, 3, CROWD - 3)

        wait_until(state, "three of the crowd's calls run and the others are queued", 60 * server.slow)
        # Each of these needs a worker, and there is one for it, while nothing of the crowd moves.
        for words in (["define", str(document)], ["suspend", "other"], ["resume", "other"], ["undefine", "new"]):
            way.run_other(*words)
        assert state()

        summed = ("running", "queued", "served", "bytes_in", "bytes_out", "taken")

        def at_rest():
            """Three answers between which nothing has moved: now and then a virsh asks whether the server is there."""
            def figures():
                clients, together = use_of(server, who)
                return clients, together, [[c[k] for k in summed] for c in clients] + [[together[k] for k in summed]]

            before, table, after = figures(), droverctl(server, "clients").lines(), figures()
            return before[2] == after[2] and (*before[:2], [row for row in table if who in row])

        clients, together, table = wait_until(at_rest, "nothing moves for a moment")
        assert {k: sum(c[k] for c in clients) for k in summed} == {k: together[k] for k in summed}
        assert all(c["running"] + c["queued"] == 1 and c["bytes_in"] > 0 for c in clients)
        assert len(table) == CROWD
        for client in clients:
            (row,) = [r for r in table if r.split()[:2] == ["droverd", str(client["id"])]]
            figures = row.replace(who, "WHO").split()
            keys = ("weight", "running", "queued", "parked", "served", "bytes_in", "bytes_out")
            assert figures[3:10] == [str(client[k]) for k in keys]
        assert all(p.poll() is None for p in crowd)
        # A guest whose suspend waits for a worker can be destroyed as well as one whose suspend hangs.
        for i in range(CROWD):
            way.run_other("destroy", f"crowd{i}")

        def ended():
            """Those that had waited come after the destroy, and hang now; another one asks them to stop."""
            for i, p in enumerate(crowd):
                if p.poll() is None:
                    admin.reply(admin.request(wire.DOMAIN_DESTROY, guests[f"crowd{i}"].encode()))
            return all(p.poll() is not None for p in crowd)

        wait_until(ended, "every suspend has ended", 60 * server.slow)
    except BaseException:
        for i in range(CROWD):
            admin.on_domain(wire.DOMAIN_DESTROY, guests[f"crowd{i}"])
        raise
    finally:
        ends = [p.communicate(timeout=60 * server.slow)[0] for p in crowd]
    assert all("rror" in end for end in ends), ends    # each guest was destroyed under its suspend


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_max_identity_workers_goes_up_and_down_while_calls_are_queued(make_server):
    server = make_server({**LIMITS, "unix_sock_rw_perms": "0777", "log_outputs": "2:stderr", "log_level": 2})
    admin, guests = running_guests(server, [f"crowd{i}" for i in range(8)])
    connections = [as_user(server, NOBODY) for _ in range(8)]
    serials = [c.request(wire.DOMAIN_SUSPEND, guests[f"crowd{i}"].encode()) for i, c in enumerate(connections)]

    def shows(running, queued):
        def look():
            together = use_of(server, f"uid:{NOBODY}")[1]
            return (together["running"], together["queued"]) == (running, queued)

        return look

    wait_until(shows(3, 5), "three run")
    server.reload(max_identity_workers=4)
    wait_until(shows(4, 4), "one more runs")
    server.reload(max_identity_workers=1)
    assert shows(4, 4)()    # nothing is taken away from anybody
    by_client = sorted(use_of(server, f"uid:{NOBODY}")[0], key=lambda c: c["id"])
    began = [i for i, c in enumerate(by_client) if c["running"]]

    def destroy(indices):
        for i in indices:
            admin.on_domain(wire.DOMAIN_DESTROY, guests[f"crowd{i}"])
            assert connections[i].reply(serials[i]).status == wire.ERROR

    destroy(began[:3])
    wait_until(shows(1, 4), "no other begins before the last of those has ended")
    server.reload(max_identity_workers=0)
    wait_until(shows(4, 1), "four fifths of five")
    left = [i for i in range(8) if i not in began[:3]]
    for i in left:
        admin.on_domain(wire.DOMAIN_DESTROY, guests[f"crowd{i}"])
    assert all(connections[i].reply(serials[i]).status == wire.ERROR for i in left)


# --- weights


def as_user(server, uid):
    """A connection of another user: the kernel notes who connects."""
    os.seteuid(uid)
    try:
        return server.open()
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.parametrize("weights, pattern", [([], "ab"), ([f"uid:{NOBODY} 3"], "aaab"), (["uid:0 2", "uid:* 3"], "aaabb")])
def test_turns_follow_the_weights(make_server, weights, pattern):
    """One worker, held by a call of a third user; what is queued meanwhile is served in the order of the turns."""
    server = make_server(
        {
            "min_workers": 1,
            "max_workers": 1,
            "prio_workers": 1,
            "identity_weights": weights,
            "unix_sock_rw_perms": "0777",
            "driver_wrap": ["trace procedure=domain.suspend", HELD],
            "log_outputs": "2:stderr",
            "log_filters": "2:drivers.wrap.trace",
        }
    )
    n = {letter: 4 * pattern.count(letter) for letter in "ab"}
    names = [f"{letter}{i}" for letter in "ab" for i in range(n[letter])]
    admin, guests = running_guests(server, ["crowd"] + names)
    third, a, b = as_user(server, 4711), as_user(server, NOBODY), server.open()
    held = third.request(wire.DOMAIN_SUSPEND, guests["crowd"].encode())
    wait_until(lambda: use_of(server, "uid:4711")[1]["running"] == 1, "the worker is held")
    serials = []
    for letter, c in (("a", a), ("b", b)):
        for i in range(n[letter]):
            serials.append((c, c.request(wire.DOMAIN_SUSPEND, guests[f"{letter}{i}"].encode())))
        who = f"uid:{NOBODY}" if letter == "a" else "uid:0"
        wait_until(lambda: use_of(server, who)[1]["queued"] == n[letter], "all are queued")
        assert use_of(server, who)[1]["running"] == 0
    served = {who: use_of(server, who)[1]["served"] for who in (f"uid:{NOBODY}", "uid:0")}
    admin.on_domain(wire.DOMAIN_DESTROY, guests["crowd"])
    assert third.reply(held).status == wire.ERROR
    for c, serial in serials:
        assert c.reply(serial).status == wire.OK
    order = re.findall(r"domain\.suspend of '([ab])\d+'", server.log())
    assert "".join(order) == pattern * 4
    for who, letter in ((f"uid:{NOBODY}", "a"), ("uid:0", "b")):
        # who was answered is counted a moment later
        wait_until(lambda: use_of(server, who)[1]["served"] >= served[who] + n[letter], "all are counted")
        assert use_of(server, who)[1]["waited_ns"] > 0
