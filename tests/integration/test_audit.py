# SPDX-License-Identifier: LGPL-2.1-or-later
"""The line that each change leaves in the log: who, from where, what, on which guest, and how it ended."""

import os

import harness
import pytest
import wire

pytestmark = pytest.mark.drover("the peer reports to the kernel's audit")

CONFIG = {"audit_logging": 1, "log_filters": "2:server.audit", "log_outputs": "2:stderr"}


def lines(server):
    return [line for line in server.log().splitlines() if "audit_call" in line]


def one(server, *words):
    """The one line with all these words."""
    found = harness.wait_until(
        lambda: [line for line in lines(server) if all(w in line for w in words)], f"a line with {words}"
    )
    assert len(found) == 1, found
    return found[0]


def test_a_change_leaves_a_line_with_who_what_and_how_it_ended(make_server):
    server = make_server(CONFIG)
    c = server.open()
    d = c.lookup("test")
    c.on_domain(wire.DOMAIN_SUSPEND, d)
    line = one(server, "domain.suspend", "result done")
    assert f'who "uid:{os.geteuid()}"' in line and f"pid {os.getpid()} " in line and 'object domain "test"' in line
    assert c.error_of(wire.DOMAIN_CREATE, d.encode()).code == 55
    assert "failed (55)" in one(server, "domain.create")


def test_questions_leave_none(make_server):
    server = make_server(CONFIG)
    c = server.open()
    c.version()
    c.list_all()
    c.on_domain(wire.DOMAIN_SUSPEND, c.lookup("test"))
    one(server, "domain.suspend")
    assert len(lines(server)) == 1


def test_what_a_read_only_client_was_refused_is_there_too(make_server):
    server = make_server(CONFIG)
    c = server.open(path=server.ro)
    assert c.error_of(wire.DOMAIN_SUSPEND, c.lookup("test").encode()).code == 29
    assert "failed (29)" in one(server, "domain.suspend")


def test_a_name_cannot_forge_a_line(make_server):
    server = make_server(CONFIG)
    c = server.open()
    c.define(wire.domain_xml('a" result done'.replace('"', "&quot;")))
    assert '\\" result done" ' in one(server, "domain.define")


def test_without_the_setting_there_is_none(make_server):
    server = make_server({k: v for k, v in CONFIG.items() if k != "audit_logging"})
    c = server.open()
    c.on_domain(wire.DOMAIN_SUSPEND, c.lookup("test"))
    c.on_domain(wire.DOMAIN_RESUME, c.lookup("test"))
    assert lines(server) == []
