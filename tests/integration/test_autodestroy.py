# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains that end with the connection that has started them, however it ends."""

import json
import os

import pytest

import harness
import wire
from harness import wait_until
from wire import string, u32

AUTODESTROY = 2  # VIR_DOMAIN_START_AUTODESTROY

pytestmark = pytest.mark.drover("libvirt's test driver has its own way of it")


def create(client, name):
    return client.call(wire.DOMAIN_CREATE_XML, string(wire.domain_xml(name)) + u32(AUTODESTROY)).domain()


def is_gone(client, name):
    """Whether there is no domain of this name."""
    return all(domain.name != name for domain in client.list_all()[0])


def test_a_domain_goes_with_its_connection(server):
    other = server.open()
    client = server.open()
    create(client, "mine")
    assert not is_gone(other, "mine")
    client.close()
    wait_until(lambda: is_gone(other, "mine"), "the domain has gone")


def test_a_defined_domain_is_off_when_its_connection_ends(server):
    other = server.open()
    client = server.open()
    domain = client.define(wire.domain_xml("kept"))
    client.on_domain(wire.DOMAIN_CREATE_WITH_FLAGS, domain, u32(AUTODESTROY))
    assert other.state(domain)[0] == 1
    client.call(wire.CONNECT_CLOSE)
    wait_until(lambda: other.state(domain)[0] == 5, "the domain is off")
    other.on_domain(wire.DOMAIN_UNDEFINE, domain)


def test_a_domain_that_others_have_started_since_stays(server):
    other = server.open()
    client = server.open()
    domain = client.define(wire.domain_xml("again"))
    first = create(client, "first")
    client.on_domain(wire.DOMAIN_CREATE_WITH_FLAGS, domain, u32(AUTODESTROY))
    other.on_domain(wire.DOMAIN_DESTROY, domain)
    other.on_domain(wire.DOMAIN_CREATE, domain)
    client.close()
    wait_until(lambda: is_gone(other, first.name), "the client's other domain has gone")
    assert other.state(domain)[0] == 1


def test_many_domains_that_ended_before_are_no_burden(server):
    client = server.open()
    for i in range(300):
        client.on_domain(wire.DOMAIN_DESTROY, create(client, f"short{i}"))
    create(client, "long")
    client.close()
    other = server.open()
    wait_until(lambda: is_gone(other, "long"), "the last one has gone")



def is_running(server, name):
    """Whether some call is in the domain's job."""
    program = os.path.join(os.path.dirname(server.program), "droverctl")
    argv = [program, "explain", name, "--json", "--socket", server.admin]
    return json.loads(harness.run(argv, os.path.join(server.directory, "home")).out)["running"] is not None


def threads_of(server, name):
    tasks = f"/proc/{server.process.pid}/task"
    found = 0
    for task in os.listdir(tasks):
        try:
            with open(f"{tasks}/{task}/comm", encoding="ascii") as comm:
                found += comm.read().strip() == name
        except FileNotFoundError:
            pass
    return found


def test_a_stuck_domain_keeps_no_thread_and_no_other_domain(make_server):
    """Its job is with a call that hangs for good and can't be interrupted by a destroy, since it is one."""
    server = make_server({"driver_wrap": ["delay ms=600000 procedure=domain.destroy domain=stuck"]})
    other, client, hung = server.open(), server.open(), server.open()
    stuck = create(client, "stuck")
    for i in range(5):
        create(client, f"fine{i}")
    hung.request(wire.DOMAIN_DESTROY, stuck.encode())
    wait_until(lambda: is_running(server, "stuck"), "it hangs")
    client.close()
    wait_until(lambda: all(is_gone(other, f"fine{i}") for i in range(5)), "the others have gone")
    wait_until(lambda: threads_of(server, "autodestroy") == 0, "no thread waits")
    assert not is_gone(other, "stuck")
    server.terminate()
    assert server.ended() == 0
    assert "'stuck' ought to end with the connection" in server.log()


def test_a_domain_whose_job_was_taken_ends_when_that_is_over(make_server):
    """Its end interrupts the operation, which takes a moment: then it is a new thread's."""
    server = make_server({"driver_wrap": ["delay ms=600000 procedure=domain.suspend domain=late"]})
    other, client, hung = server.open(), server.open(), server.open()
    late = create(client, "late")
    hung.request(wire.DOMAIN_SUSPEND, late.encode())
    wait_until(lambda: is_running(server, "late"), "it hangs")
    client.close()
    wait_until(lambda: is_gone(other, "late"), "it has gone")
    wait_until(lambda: threads_of(server, "autodestroy") == 0, "no thread is left")
