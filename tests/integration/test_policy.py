# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of access: what a client may do, and how droverctl tells which line says so."""

import json
import os
import signal

import harness
import pytest
import wire

pytestmark = pytest.mark.drover("the peer's access control is polkit's")

ME = f"uid:{os.geteuid()}"
DENIED = 88  # VIR_ERR_ACCESS_DENIED


def write(server, rules):
    path = os.path.join(server.directory, "policy")
    with open(path, "w") as f:
        f.write(rules)
    return path


@pytest.fixture
def ruled(make_server):
    def make(rules, **config):
        server = make_server(config, start=False, hold=None)
        server.config["access_policy"] = write(server, rules)
        return server.start()

    return make


def droverctl(server, *words):
    program = os.path.join(os.path.dirname(server.program), "droverctl")
    return harness.run([program, *words], os.path.join(server.directory, "home"))


def test_what_no_rule_allows_is_denied_with_the_right_that_it_needs(ruled):
    server = ruled(f"deny {ME} domain:suspend\nallow {ME} domain:*\nallow {ME} connect:*\n")
    c = server.open()
    d = c.lookup("test")
    error = c.error_of(wire.DOMAIN_SUSPEND, d.encode())
    assert error.code == DENIED and "domain:suspend" in error.message
    c.on_domain(wire.DOMAIN_DESTROY, d)  # not named by the first rule
    assert c.list_all()


def test_lists_are_denied_to_those_who_may_not_see_what_is_in_them(ruled):
    server = ruled(f"deny {ME} domain:getattr\nallow {ME} *\n")
    result = server.virsh("list", "--all", ok=False)
    assert "domain:getattr" in result.err


def test_others_rules_are_not_mine(ruled):
    server = ruled("allow uid:4242 *\nallow dn:* *\n")
    assert "connect:getattr" in server.virsh("version", ok=False).err


def test_without_rules_everything_is_allowed(server):
    server.virsh("suspend", "test")


def test_rules_are_read_again_and_mistakes_leave_what_was(ruled):
    server = ruled(f"deny {ME} domain:suspend\nallow {ME} *\n")
    c = server.open()
    d = c.lookup("test").encode()
    assert c.error_of(wire.DOMAIN_SUSPEND, d).code == DENIED
    write(server, "nonsense\n")
    server.process.send_signal(signal.SIGHUP)
    harness.wait_until(lambda: "policy:1:" in server.log(), "the mistake is in the log")
    assert c.error_of(wire.DOMAIN_SUSPEND, d).code == DENIED
    write(server, f"allow {ME} *\n")
    server.process.send_signal(signal.SIGHUP)

    def allowed():
        try:
            c.call(wire.DOMAIN_SUSPEND, d)
            return True
        except wire.RemoteError as e:
            assert e.code == DENIED
            return False

    harness.wait_until(allowed, "the new rules count")


def test_a_server_whose_rules_have_a_mistake_does_not_start(make_server):
    server = make_server(start=False)
    server.config["access_policy"] = write(server, "allow everybody\n")
    server.launch()
    assert server.ended(20) != 0
    assert "policy:1:" in server.log()


def test_droverctl_tells_which_line_says_so(make_server):
    server = make_server(start=False)
    path = write(server, "deny uid:7 domain:delete\nallow uid:7 domain:*\n")
    asked = droverctl(server, "policy", "check", "uid:7", "domain:start", "--file", path)
    assert asked.code == 0 and f"{path}:2: allow uid:7 domain:*" in asked.out
    asked = droverctl(server, "policy", "check", "uid:7", "domain:delete", "--file", path, "--json")
    assert asked.code == 1 and json.loads(asked.out) == {"allowed": False, "line": 1}
    assert "no rule" in droverctl(server, "policy", "check", "uid:8", "domain:delete", "--file", path).out
    assert droverctl(server, "policy", "check", "uid:8", "domain:delete", "--file", path + "x").code == 2
    server.ending = True
