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


# --- rules about objects

LABELED = (
    "<domain type='test'><name>{name}</name><metadata><l:labels xmlns:l='urn:drover:labels'><l:label>{label}</l:label>"
    "</l:labels></metadata><memory>1024</memory><os><type>hvm</type></os></domain>"
)


def labeled(name, label):
    return LABELED.format(name=name, label=label)


def names(server, *flags):
    return server.virsh("list", "--name", *(flags or ["--all"])).out.split()


@pytest.fixture
def mixed(make_server):
    """A server with three guests, made before there are rules; `rule` gives it some."""
    server = make_server({"log_outputs": "2:stderr", "log_level": 2}, start=False)
    server.config["access_policy"] = write(server, f"allow {ME} *\n")
    server.start()
    for name, label in (("web-1", "team-a"), ("web-2", "team-b"), ("db", "team-a")):
        server.open().define(labeled(name, label))
    server.virsh("start", "web-1")

    def rule(text):
        done = server.log().count("configuration was read again")
        write(server, text)
        server.process.send_signal(signal.SIGHUP)
        harness.wait_until(lambda: server.log().count("configuration was read again") > done, "the rules are in use")

    server.rule = rule
    return server


READ = f"allow {ME} connect:*\nallow {ME} domain:getattr\nallow {ME} domain:read\n"


def test_rights_to_guests_by_their_name(mixed):
    mixed.rule(f"allow {ME} domain:* name:web-*\nallow {ME} connect:*\n")
    mixed.virsh("suspend", "web-1")
    assert "failed to get domain" in mixed.virsh("dominfo", "db", ok=False).err
    error = mixed.open().error_of(wire.DOMAIN_LOOKUP_BY_NAME, wire.string("db"))
    assert error.code == DENIED and "domain:getattr" in error.message
    assert sorted(names(mixed)) == ["web-1", "web-2"]
    assert names(mixed, "--state-paused") == ["web-1"]
    assert "db" not in mixed.virsh("domstats").out


def test_rights_to_guests_by_uuid_and_by_label(mixed):
    uuid = mixed.virsh("domuuid", "db").out.strip()
    mixed.rule(READ + f"deny {ME} * uuid:{uuid}\nallow {ME} domain:* label:team-a\n")
    mixed.virsh("suspend", "web-1")
    assert "domain:start" in mixed.virsh("start", "web-2", ok=False).err
    assert "domain:start" in mixed.virsh("start", "db", ok=False).err


def test_what_is_defined_must_be_allowed_by_its_document(mixed, tmp_path):
    mixed.rule(READ + f"allow {ME} domain:* label:team-a\n")

    def define(name, label, ok):
        document = tmp_path / "d.xml"
        document.write_text(labeled(name, label))
        return mixed.virsh("define", str(document), ok=ok).err

    define("web-3", "team-a", True)
    assert "domain:write" in define("web-4", "team-b", False)
    assert "web-4" not in names(mixed)
    # a label in the new document doesn't make another's guest one's own
    uuid = mixed.virsh("domuuid", "web-2").out.strip()
    document = tmp_path / "stolen.xml"
    document.write_text(labeled("web-2", "team-a").replace("<memory>", f"<uuid>{uuid}</uuid><memory>"))
    assert "domain:write" in mixed.virsh("define", str(document), ok=False).err
    assert "domain:start" in mixed.virsh("start", "web-2", ok=False).err
    # what was claimed for it is free again
    mixed.rule(f"allow {ME} *\n")
    mixed.virsh("define", str(document))


def test_what_no_rule_could_allow_is_refused_before_its_document_is_read(mixed):
    mixed.rule(READ + f"deny {ME} domain:save\nallow {ME} domain:* label:team-a\n")
    error = mixed.open().error_of(wire.DOMAIN_DEFINE_XML, wire.string("<not a document"))
    assert error.code == DENIED and "domain:save" in error.message


def test_rights_by_group(mixed):
    mixed.rule(f"allow gid:{os.getegid()} *\n")
    assert len(names(mixed)) == 4
    mixed.rule("allow gid:4242 *\n")
    assert "needs the right" in mixed.virsh("list", ok=False).err


def test_rights_of_readers(mixed):
    mixed.rule(f"deny {ME} domain:read access:ro\nallow {ME} *\n")
    assert "domain:read" in mixed.virsh("dominfo", "db", read_only=True, ok=False).err
    mixed.virsh("dominfo", "db")


def test_events_of_guests_that_one_may_not_know_of_are_not_told(mixed):
    c = mixed.open()
    db, web = c.lookup("db"), c.lookup("web-1")
    mixed.rule(f"deny {ME} domain:getattr name:db\nallow {ME} *\n")
    listener = mixed.open()
    listener.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, wire.u32(0) + wire.optional(None))
    c.on_domain(wire.DOMAIN_CREATE, db)
    c.on_domain(wire.DOMAIN_SUSPEND, web)
    event = listener.message(wire.DOMAIN_EVENT_CALLBACK_LIFECYCLE).reader()
    event.u32()
    assert event.domain().name == "web-1"


def test_rules_that_were_replaced_are_freed(mixed):
    """Rules that grow by a megabyte each time they are read again; what is left over is one set."""
    many = "".join(f"deny uid:{100000 + i} domain:start name:{'x' * 100}\n" for i in range(4000))
    mixed.rule(many + f"allow {ME} *\n")
    before = mixed.memory()
    for _ in range(20 if mixed.slow == 1 else 4):    # a sanitizer counts what is left over at the end
        mixed.rule(many + f"allow {ME} *\n")
        assert len(names(mixed)) == 4
    assert mixed.grew_less(before, 8)


def test_a_server_whose_rules_have_a_mistake_does_not_start(make_server):
    server = make_server(start=False)
    server.config["access_policy"] = write(server, "allow everybody\n")
    server.launch()
    assert server.ended() != 0
    assert "policy:1:" in server.log()


def test_droverctl_tells_which_line_says_so(make_server):
    server = make_server(start=False)
    path = write(server, "deny uid:7 domain:delete\nallow uid:7 domain:*\n")
    asked = droverctl(server, "policy", "check", "uid:7", "domain:start", "--file", path)
    assert asked.code == 0 and f"{path}:2: allow uid:7 domain:*" in asked.out
    asked = droverctl(server, "policy", "check", "uid:7", "domain:delete", "--file", path, "--json")
    assert asked.code == 1 and json.loads(asked.out) == {"allowed": False, "line": 1}
    path = write(server, "allow uid:7 domain:* name:web-*\nallow gid:9 domain:read label:a access:ro\n")
    check = ("policy", "check", "uid:7", "domain:start", "--file", path)
    assert "depends on the object" in droverctl(server, *check).out and droverctl(server, *check).code == 1
    assert droverctl(server, *check, "name:web-1").code == 0
    assert droverctl(server, *check, "name:db").code == 1
    also = ("policy", "check", "uid:8", "domain:read", "--file", path, "also:gid:9", "label:a")
    assert droverctl(server, *also).code == 1 and droverctl(server, *also, "access:ro").code == 0
    assert droverctl(server, *check, "colour:red").code == 2
    assert "no rule" in droverctl(server, "policy", "check", "uid:8", "domain:delete", "--file", path).out
    assert droverctl(server, "policy", "check", "uid:8", "domain:delete", "--file", path + "x").code == 2
    server.ending = True
