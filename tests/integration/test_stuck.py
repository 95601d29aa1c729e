# SPDX-License-Identifier: LGPL-2.1-or-later
"""One domain hangs, made so by the delay wrapper around the driver. Whoever wants to change it waits,
without holding a thread and not for ever; nobody else notices."""

import os
import statistics
import time

import pytest

import wire
from harness import wait_until
from wire import optional, string, u32

pytestmark = pytest.mark.drover("libvirtd has no wrapper that makes a domain hang")

TRACE = "trace procedure=domain.suspend domain=stuck"
HANG = "delay ms=600000 procedure=domain.suspend domain=stuck"
SECONDS = 20  # domain_job_timeout: what doesn't wait for it is over long before, however busy the machine is


@pytest.fixture
def stuck(make_server):
    return make_stuck(make_server, SECONDS)


def make_stuck(make_server, seconds):
    """A server, the name `stuck` being a running domain whose suspend hangs, and ten others."""
    # More workers may be made than any burst wants: a waiting call that held one would show.
    server = make_server({"driver_wrap": [TRACE, HANG], "domain_job_timeout": seconds, "max_workers": 500,
                          "log_filters": "1:drivers.wrap.trace", "log_outputs": "1:stderr"})
    c = server.open()
    for name in ["stuck"] + [f"other{i}" for i in range(10)]:
        c.on_domain(wire.DOMAIN_CREATE, c.define(wire.domain_xml(name)))
    return server


class Hanging:
    """A suspend that hangs, and the connection that waits for it."""

    def __init__(self, server):
        self.server = server
        self.c = server.open()
        self.domain = self.c.lookup("stuck")
        self.serial = self.c.request(wire.DOMAIN_SUSPEND, self.domain.encode())
        wait_until(lambda: "domain.suspend of 'stuck' begins" in server.log(), "the suspend holds the domain")

    def answered(self):
        return self.c.readable()


def medians(c, rounds=60):
    """Seconds of each kind of call that must not notice: name -> median."""
    stuck, other = c.lookup("stuck").encode(), c.lookup("other3").encode()
    calls = {
        "version": (wire.CONNECT_GET_LIB_VERSION, b""),
        "list": (wire.CONNECT_LIST_ALL_DOMAINS, u32(1) + u32(0)),
        "lookup by name": (wire.DOMAIN_LOOKUP_BY_NAME, string("stuck")),
        "info": (wire.DOMAIN_GET_INFO, stuck),
        "state": (wire.DOMAIN_GET_STATE, stuck + u32(0)),
        "document": (wire.DOMAIN_GET_XML_DESC, stuck + u32(0)),
        "statistics": (wire.CONNECT_GET_ALL_DOMAIN_STATS, u32(0) + u32(0) + u32(0)),
        "suspend another": (wire.DOMAIN_SUSPEND, other),
        "resume another": (wire.DOMAIN_RESUME, other),
    }
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (proc, body) in calls.items():
            begin = time.perf_counter()
            c.call(proc, body)
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(t) for name, t in times.items()}


def slower_than(alone, beside, slow):
    """What takes longer than it did alone: name -> seconds then and now."""
    return {name: (alone[name], now) for name, now in beside.items() if now > 5 * alone[name] + 0.005 * slow}


def burst_of_changes(clients):
    """As many calls as will wait later, for domains that answer: the pool grows to what a burst wants."""
    for n, c in enumerate(clients):
        other = c.lookup(f"other{n % 10}").encode() + u32(0)
        c.send(b"".join(wire.frame(wire.DOMAIN_REBOOT, other, serial=i) for i in range(100)))
    for c in clients:
        for _ in range(100):
            assert c.wait_for(lambda f: True).status == wire.OK


@pytest.mark.limit(300)
def test_1000_calls_wait_and_nobody_else_notices(stuck):
    quick = stuck.open()
    medians(quick)
    alone = medians(quick)
    Hanging(stuck)
    waiting = [stuck.open() for _ in range(10)]
    burst_of_changes(waiting)
    threads = stuck.threads()
    before = stuck.memory()

    d = quick.lookup("stuck").encode()
    procs = (wire.DOMAIN_RESUME, wire.DOMAIN_SUSPEND, wire.DOMAIN_UNDEFINE, wire.DOMAIN_REBOOT)
    begin = time.monotonic()
    for n, c in enumerate(waiting):
        c.timeout = 60 * stuck.slow
        c.send(
            b"".join(
                wire.frame(proc, d + (u32(0) if proc == wire.DOMAIN_REBOOT else b""), serial=i)
                for i, proc in ((i, procs[(i + n) % 4]) for i in range(100))
            )
        )
    beside = medians(quick, 20)
    # who is disturbed by what waits is so each time; by what else the machine does, only now and then
    while (slower := slower_than(alone, beside, stuck.slow)) and time.monotonic() - begin < SECONDS / 2:
        beside = medians(quick, 20)
    assert not slower, slower
    assert stuck.threads() <= threads
    assert stuck.grew_less(before, 32)
    assert time.monotonic() - begin < SECONDS, "the measurement took too long to say anything"

    for c in waiting:
        seen = set()
        for _ in range(100):
            f = c.wait_for(lambda f: f.type == wire.REPLY)
            assert f.status == wire.ERROR
            e = f.error()
            assert e.code == wire.OPERATION_TIMEOUT, str(e)
            assert "domain.suspend" in e.message and "stuck" in e.message
            seen.add(f.serial)
        assert seen == set(range(100))
        assert c.version() > 0
    assert time.monotonic() - begin >= SECONDS
    assert stuck.threads() <= threads
    c = stuck.open()
    c.on_domain(wire.DOMAIN_DESTROY, c.lookup("stuck"))


def test_a_waiting_call_times_out_by_itself_and_says_who_holds_the_domain(make_server):
    seconds = 1
    stuck = make_stuck(make_server, seconds)
    hanging = Hanging(stuck)
    c = stuck.open()
    begin = time.monotonic()
    e = c.error_of(wire.DOMAIN_RESUME, hanging.domain.encode())
    waited = time.monotonic() - begin
    assert e.code == wire.OPERATION_TIMEOUT
    assert "domain.suspend" in e.message and "stuck" in e.message
    assert seconds <= waited < seconds + 30 * stuck.slow
    assert not hanging.answered()


def test_destroy_gets_through_at_once_and_the_domain_works_again(stuck):
    hanging = Hanging(stuck)
    waiting = stuck.open()
    serials = [waiting.request(wire.DOMAIN_RESUME, hanging.domain.encode()) for _ in range(50)]
    c = stuck.open()
    begin = time.monotonic()
    c.on_domain(wire.DOMAIN_DESTROY, hanging.domain)
    assert c.state(hanging.domain)[0] == 5
    # Who hung and who waited is told, and not only when the time is up.
    assert hanging.c.reply(hanging.serial)
    frames = [waiting.reply(serial) for serial in serials]
    assert time.monotonic() - begin < SECONDS
    for f in frames:
        assert f.status == wire.ERROR and f.error().code == 55
    c.on_domain(wire.DOMAIN_CREATE, hanging.domain)
    assert c.state(hanging.domain)[0] == 1
    c.on_domain(wire.DOMAIN_REBOOT, hanging.domain, u32(0))
    assert c.on_domain(wire.DOMAIN_GET_INFO, hanging.domain).u32() == 1


def test_virsh_destroy_gets_through_too(stuck):
    Hanging(stuck)
    assert ["stuck", "running"] == stuck.virsh("list").rows()[1][1:]
    stuck.virsh("dominfo", "stuck")
    stuck.virsh("domstats")
    stuck.virsh("destroy", "stuck")
    assert stuck.virsh("domstate", "stuck").lines() == ["shut off"]


def test_a_client_that_leaves_while_it_waits_is_dropped_from_the_queue(stuck):
    hanging = Hanging(stuck)
    before = stuck.descriptors()
    for _ in range(20):
        with wire.Connection(stuck.rw) as c:
            c.open()
            c.request(wire.DOMAIN_UNDEFINE, hanging.domain.encode())
            c.version()
    wait_until(lambda: stuck.descriptors() <= before, "the clients that left are gone")
    c = stuck.open()
    c.on_domain(wire.DOMAIN_DESTROY, hanging.domain)
    # An undefine that was still in the queue would have had its turn by now: this is behind it.
    c.on_domain(wire.DOMAIN_SET_AUTOSTART, hanging.domain, u32(1))
    assert c.on_domain(wire.DOMAIN_IS_PERSISTENT, hanging.domain).i32() == 1


def test_the_client_whose_call_hangs_may_leave(stuck):
    hanging = Hanging(stuck)
    hanging.c.close()
    c = stuck.open()
    assert c.lookup("stuck").id > 0
    c.on_domain(wire.DOMAIN_DESTROY, hanging.domain)
    c.on_domain(wire.DOMAIN_CREATE, hanging.domain)


def test_quick_calls_pass_slow_ones_on_the_same_connection(stuck):
    hanging = Hanging(stuck)
    c = stuck.open()
    slow = [c.request(wire.DOMAIN_RESUME, hanging.domain.encode()) for _ in range(200)]
    begin = time.monotonic()
    for _ in range(100):
        assert c.version() > 0
        assert c.lookup("stuck").id == hanging.domain.id
        assert c.state(hanging.domain)[0] == 1
    assert time.monotonic() - begin < SECONDS
    assert not [f for f in c.kept if f.serial in slow]


def test_changes_of_other_domains_go_on_on_the_same_connection(stuck):
    hanging = Hanging(stuck)
    c = stuck.open()
    for _ in range(20):
        c.request(wire.DOMAIN_RESUME, hanging.domain.encode())
    for i in range(10):
        d = c.lookup(f"other{i}")
        c.on_domain(wire.DOMAIN_SUSPEND, d)
        c.on_domain(wire.DOMAIN_RESUME, d)


def test_events_reach_a_client_that_waits(stuck):
    hanging = Hanging(stuck)
    c, maker = stuck.open(), stuck.open()
    c.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(None))
    c.request(wire.DOMAIN_RESUME, hanging.domain.encode())
    maker.on_domain(wire.DOMAIN_SUSPEND, maker.lookup("other1"))
    r = c.message(wire.DOMAIN_EVENT_CALLBACK_LIFECYCLE, SECONDS - 1).reader()
    r.i32()
    assert r.domain().name == "other1"


@pytest.mark.limit(300)
def test_more_stuck_domains_than_workers_leave_the_others_alone(make_server):
    server = make_server(
        {
            "driver_wrap": ["delay ms=600000 procedure=domain.suspend domain=stuck*"],
            "max_workers": 8,
            "domain_job_timeout": SECONDS,
        }
    )
    c = server.open()
    domains = [c.define(wire.domain_xml(f"stuck{i}")) for i in range(20)]
    for d in domains:
        c.on_domain(wire.DOMAIN_CREATE, d)
    hung = server.open()
    for d in domains:
        hung.request(wire.DOMAIN_SUSPEND, d.encode())
    for _ in range(50):
        assert c.version() > 0
        assert len(c.list_all()[0]) == 21
        assert c.state(domains[0])[0] == 1
    begin = time.monotonic()
    for d in domains:  # each of them gets through although every worker may be held
        c.on_domain(wire.DOMAIN_DESTROY, d)
    assert time.monotonic() - begin < SECONDS


def test_the_fail_wrapper_answers_its_error_every_so_often(make_server):
    server = make_server({"driver_wrap": ["fail code=9 procedure=domain.reboot domain=test every=3"]})
    c = server.open()
    t = c.lookup("test").encode()
    codes = []
    for _ in range(9):
        f = c.reply(c.request(wire.DOMAIN_REBOOT, t + u32(0)))
        codes.append(f.error().code if f.status == wire.ERROR else 0)
    assert sorted(codes) == [0] * 6 + [9] * 3
    assert codes[:3] == codes[3:6] == codes[6:]
    c.call(wire.DOMAIN_SUSPEND, t)


def test_the_trace_wrapper_logs_operations(make_server):
    server = make_server({"driver_wrap": ["trace"], "log_level": 1, "log_outputs": "1:stderr"})
    c = server.open()
    c.on_domain(wire.DOMAIN_SUSPEND, c.lookup("test"))
    wait_until(lambda: "domain.suspend" in server.log(), "the operation in the log")


def test_a_domain_whose_call_waits_for_a_worker_can_be_destroyed_at_once(make_server):
    """All workers hang. The third suspend has its domain's job already but nobody to run it, and a destroy doesn't wait for that."""
    hang = "delay ms=600000 procedure=domain.suspend"
    server = make_server({"driver_wrap": [hang], "min_workers": 2, "max_workers": 2, "prio_workers": 1})
    c = server.open()
    domains = [c.define(wire.domain_xml(f"vm{i}")) for i in range(4)]
    for d in domains:
        c.on_domain(wire.DOMAIN_CREATE, d)
    callers = [server.open() for _ in domains]
    serials = []
    for i, (caller, d) in enumerate(zip(callers, domains)):
        serials.append(caller.request(wire.DOMAIN_SUSPEND, d.encode()))
        busy = min(i + 1, 2)
        wait_until(
            lambda: "nWorkers       : 2\n" in (shown := server.virt_admin("srv-threadpool-info", "droverd").out)
            and f"freeWorkers    : {2 - busy}\n" in shown and f"jobQueueDepth  : {i + 1 - busy}\n" in shown,
            "it hangs or is queued",
        )
    for d in domains[2:]:
        server.virsh("destroy", d.name)
        assert c.state(d)[0] == 5
    assert not any(caller.readable() for caller in callers)
    waiting = c.request(wire.DOMAIN_CREATE, domains[3].encode())    # its job is free again, and it waits for a worker too
    for d in domains[:2]:
        server.virsh("destroy", d.name)
    assert c.reply(waiting).status == wire.OK

    def ended():
        """The others come after the destroy, and hang now; another one asks them to stop."""
        for d in domains[2:]:
            c.reply(c.request(wire.DOMAIN_DESTROY, d.encode()))
        return all(caller.readable() for caller in callers)

    wait_until(ended, "every suspend has ended")
    assert [caller.reply(serial).status for caller, serial in zip(callers, serials)] == [wire.ERROR] * 4


def test_a_call_that_nothing_ends_does_not_keep_the_server(make_server, monkeypatch):
    # it leaves its threads behind, on purpose
    monkeypatch.setenv("TSAN_OPTIONS", os.environ.get("TSAN_OPTIONS", "") + ":report_thread_leaks=0")
    hang = "delay ms=600000 procedure=connect.get_capabilities"
    server = make_server({"driver_wrap": [hang], "stop_timeout": 1})
    c = server.open()
    c.request(wire.CONNECT_GET_CAPABILITIES)
    wait_until(lambda: "freeWorkers    : 4\n" in server.virt_admin("srv-threadpool-info", "droverd").out, "it hangs")
    server.terminate()
    assert server.ended(60) == 1
    assert "the call connect.get_capabilities of client" in server.log()


def test_a_hypervisor_that_is_not_closed_does_not_keep_the_server(make_server, monkeypatch):
    # it leaves its threads behind, on purpose
    monkeypatch.setenv("TSAN_OPTIONS", os.environ.get("TSAN_OPTIONS", "") + ":report_thread_leaks=0")
    build = os.path.dirname(os.path.dirname(os.path.realpath(os.environ["DROVERD"])))
    modules = os.path.join(build, "tests", "integration", "stuck")
    if not os.path.isdir(modules):
        pytest.skip("this droverd isn't in a build folder, where the driver would be")
    server = make_server({"module_dir": modules, "default_uri": "stuck:///", "stop_timeout": 1})
    server.terminate()
    assert server.ended(60) == 1
    assert "hypervisors aren't closed" in server.log()
