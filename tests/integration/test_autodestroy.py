# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains that end with the connection that has started them, however it ends."""

import pytest

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

