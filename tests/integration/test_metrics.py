# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metrics over HTTP: what they say agrees with what clients are told, whoever is stuck, and whatever is sent there."""

import errno
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import threading
import time

import pytest

import harness
import scrape
import wire
from harness import wait_until
from scrape import Scrape, socket_path
from wire import optional, string, u32

pytestmark = [
    pytest.mark.drover("libvirtd has no metrics"),
    pytest.mark.skipif(not importlib.util.find_spec("prometheus_client"), reason="python3-prometheus-client is not installed"),
]

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
URI = "test:///default"
STATES = {"running": 1, "paused": 3, "shut off": 5}
CONNECTIONS_MAX = 16  # of one endpoint, as docs/metrics.md says


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def droverctl(server, *words):
    program = os.path.join(os.path.dirname(server.program), "droverctl")
    argv = [program, *words, "--json", "--socket", server.admin]
    result = harness.run(argv, os.path.join(server.directory, "home"))
    assert result.code == 0, result
    return json.loads(result.out)


def scraped(server, where=None):
    return Scrape(where or socket_path(server), 60 * server.slow)


def still_serves(server, where=None):
    """Clients are answered, and so is a scrape."""
    assert server.serves()
    assert scraped(server, where).get("drover_build_info", version=server_version(server)) == 1


def server_version(server):
    return re.search(r"drover_build_info\{version=\"([^\"]+)\"", scrape.request(socket_path(server)).text)[1]


# --- the format


def documented():
    """{family: (type, unit, labels)}, from the tables of docs/metrics.md."""
    found = {}
    with open(os.path.join(ROOT, "docs", "metrics.md"), encoding="utf-8") as f:
        for line in f:
            row = re.match(r"\| `(\w+)` \| (\w+) \| (\w*) \| (.*?) \| ", line)
            if row:
                suffix = {"counter": "_total", "info": "_info"}.get(row[2], "")
                labels = set(re.findall(r"`(\w+)`", row[4]))
                found[row[1].removesuffix(suffix)] = row[2], row[3], labels
    return found


def test_the_reference_parser_takes_it_and_every_line_is_documented(make_server, scratch):
    hold = f"test:///default?store={scratch}/store"
    server = make_server(hold=hold)
    c = server.open(hold)
    c.define(wire.domain_xml("kept"))
    c.error_of(wire.DOMAIN_LOOKUP_BY_NAME, string("nobody"))
    pages = documented()
    assert len(pages) > 80
    found = scraped(server)
    for name, family in found.families.items():
        kind, unit, labels = pages[name]
        assert (family.type, family.unit) == (kind, unit), name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == labels, sample
    assert {"drover_calls", "drover_call_errors", "drover_store_flushes", "drover_domain_state"} <= set(found.families)


def test_older_readers_get_the_older_format(server):
    from prometheus_client.parser import text_string_to_metric_families

    answer = scrape.request(socket_path(server), accept="text/plain")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# EOF" not in answer.text and "# UNIT" not in answer.text
    names = {sample.name for family in text_string_to_metric_families(answer.text) for sample in family.samples}
    assert {"drover_calls_total", "drover_domain_info", "process_cpu_seconds_total"} <= names


def test_a_head_has_no_body(server):
    answer = scrape.request(socket_path(server), method="HEAD")
    assert answer.status == 200 and not answer.text


def test_names_come_back_as_they_are(server):
    c = server.open()
    names = ['with "quotes"', "back\\slash", "curly{a=\"b\"}", "жук 🐞", "a,b=c # d"]
    for name in names:
        escaped = name.replace("&", "&amp;").replace("<", "&lt;")
        c.define(wire.domain_xml(escaped))
    found = scraped(server)
    for name in names:
        assert found.get("drover_domain_state", uri=URI, domain=name) == STATES["shut off"], name


# --- what it says


def test_domains_agree_with_virsh(server):
    c = server.open()
    for n in range(6):
        d = c.define(wire.domain_xml(f"d{n}", memory=2048 + n))
        if n % 3:
            c.on_domain(wire.DOMAIN_CREATE, d)
        if n % 3 == 2:
            c.on_domain(wire.DOMAIN_SUSPEND, d)
    rows = [re.split(r"\s{2,}", line.strip()) for line in server.virsh("list", "--all").lines()[2:]]
    assert len(rows) == 7
    found = scraped(server)
    for _, name, state in rows:
        assert found.get("drover_domain_state", uri=URI, domain=name) == STATES[state], name
        uuid = server.virsh("domuuid", name).out.strip()
        assert found.get("drover_domain_info", uri=URI, domain=name, uuid=uuid) == 1
        info = server.virsh("dominfo", name).fields()
        assert found.get("drover_domain_memory_max_bytes", uri=URI, domain=name) == int(info["Max memory"].split()[0]) * 1024
        assert found.get("drover_domain_memory_bytes", uri=URI, domain=name) == int(info["Used memory"].split()[0]) * 1024
        assert found.get("drover_domain_vcpus_max", uri=URI, domain=name) == int(info["CPU(s)"])
        assert found.get("drover_domain_sample_age_seconds", uri=URI, domain=name) >= 0
    active = sum(state != "shut off" for _, _, state in rows)
    assert found.get("drover_host_domains", uri=URI, active="yes") == active
    assert found.get("drover_host_domains", uri=URI, active="no") == len(rows) - active
    assert found.get("drover_host_sampled", uri=URI) == 1
    assert len(found.all("drover_domain_info")) == len(rows)


def test_statistics_agree_with_domstats(server):
    before = server.python().getAllDomainStats()[0][1]
    found = scraped(server)
    after = server.python().getAllDomainStats()[0][1]

    def between(name, key, factor, **labels):
        value = found.get(name, uri=URI, domain="test", **labels)
        assert before[key] * factor <= value <= after[key] * factor, (name, before[key], value, after[key])

    between("drover_domain_cpu_seconds_total", "cpu.time", 1e-9)
    between("drover_domain_memory_bytes", "balloon.current", 1024)
    between("drover_domain_vcpus", "vcpu.current", 1)
    shown = {key.split(".")[1] for key in before if re.match(r"vcpu\.\d+\.time", key)}
    for vcpu in shown:
        between("drover_domain_vcpu_seconds_total", f"vcpu.{vcpu}.time", 1e-9, vcpu=vcpu)


def test_calls_and_errors_are_those_of_droverctl(server):
    c = server.open()
    for _ in range(7):
        c.version()
    for _ in range(3):
        assert c.error_of(wire.DOMAIN_LOOKUP_BY_NAME, string("nobody")).code == wire.NO_DOMAIN
    c.on_domain(wire.DOMAIN_REBOOT, c.lookup("test"), u32(0))
    labels = {"program": "remote", "procedure": "connect.get_lib_version"}
    lookup = {"program": "remote", "procedure": "domain.lookup_by_name"}

    reboot = {"program": "remote", "procedure": "domain.reboot"}

    def counted():
        found = scraped(server)
        calls = [found.get("drover_calls_total", **of) for of in (labels, lookup, reboot)]
        return found if calls == [7, 4, 1] else None

    found = wait_until(counted, "all calls are counted", 60 * server.slow)
    assert found.get("drover_call_errors_total", code=str(wire.NO_DOMAIN), **lookup) == 3
    # of what has ended before the scrape, both say the same; the admin program counts the question itself
    for row in droverctl(server, "calls")["calls"]:
        if row["program"] != "remote":
            continue
        of = {"program": "remote", "procedure": row["procedure"]}
        assert found.get("drover_calls_total", **of) == row["calls"], row
        assert {dict(key)["code"]: n for key, n in found.all("drover_call_errors_total", **of).items()} == row["errors"]
        for phase in ("queued", "waited", "ran", "unread"):
            count = found.get("drover_call_phase_seconds_count", phase=phase, **of)
            assert (count or 0) == row[phase]["calls"], (row, phase)
            if count:
                assert found.get("drover_call_phase_seconds_sum", phase=phase, **of) == pytest.approx(row[phase]["sum_ns"] / 1e9)
                assert found.get("drover_call_phase_seconds_bucket", phase=phase, le="+Inf", **of) == count


def test_a_reset_of_what_droverctl_shows_resets_no_metric(server):
    c = server.open()
    for _ in range(50):
        c.version()
    before = wait_until(lambda: (f := scraped(server)).total("drover_calls_total") >= 50 and f, "the calls are counted")
    droverctl(server, "calls", "--reset")
    program = os.path.join(os.path.dirname(server.program), "droverctl")
    harness.run([program, "locks", "--reset", "--socket", server.admin], os.path.join(server.directory, "home"))
    after = scraped(server)
    kinds = {name for name, family in before.families.items() if family.type == "counter"}
    for (name, labels), value in before.samples.items():
        if name.removesuffix("_total") in kinds:
            assert after.samples[name, labels] >= value, name


def test_locks_are_those_of_the_profile(server):
    server.open().version()
    before = scraped(server)
    if "drover_lock_acquisitions" not in before.families:
        pytest.skip("the profile was compiled out")
    rows = {row["class"]: row for row in droverctl(server, "locks")["classes"]}
    after = scraped(server)
    seen = {dict(key)["lock"] for key in before.all("drover_lock_acquisitions_total")}
    assert {"OUTBOX", "POOL", "CLIENT", "JOB"} & seen
    for name in seen:
        low, high = (f.get("drover_lock_acquisitions_total", lock=name) for f in (before, after))
        assert low <= rows[name]["acquired"] <= high, name
        contended = after.get("drover_lock_contended_total", lock=name)
        assert before.get("drover_lock_contended_total", lock=name) <= rows[name]["contended"] <= contended <= high
        if contended:
            assert after.get("drover_lock_wait_seconds_count", lock=name) >= rows[name]["contended"]


def test_clients_and_workers_agree_with_the_admin_program(make_server):
    server = make_server({"max_clients": 77, "max_workers": 9})
    clients = [server.open() for _ in range(5)]
    clients[0].version()
    found = wait_until(lambda: (f := scraped(server)).get("drover_clients", server="droverd") == 6 and f,
                       "the probes of the start have gone", 60 * server.slow)
    listed = [row for row in server.virt_admin("client-list", "droverd").rows()]
    assert len(listed) == 6
    assert found.get("drover_clients_limit", server="droverd") == 77
    assert found.get("drover_workers_limit") == 9
    pool = server.virt_admin("server-threadpool-info", "droverd").fields()
    assert found.get("drover_workers_limit") == int(pool["maxWorkers"])
    who = f"uid:{os.geteuid()}"
    rows = {row["who"]: row for row in droverctl(server, "clients", "--identities")}
    assert found.get("drover_identity_clients", identity=who) == 6
    assert 6 <= rows[who]["clients"] <= 9    # droverctl is one too, and those before may not have left yet
    # a scrape is no call, and all that the identity has done is counted, also by clients that have gone
    wait_until(lambda: scraped(server).get("drover_clients", server="admin") == 0, "the administrators have gone")
    calls = scraped(server).get("drover_identity_calls_total", identity=who)
    received = scraped(server).get("drover_identity_received_bytes_total", identity=who)
    for _ in range(10):
        clients[1].version()
    clients[1].close()
    wait_until(lambda: scraped(server).get("drover_identity_calls_total", identity=who) == calls + 10, "ten calls more")
    wait_until(lambda: scraped(server).get("drover_identity_received_bytes_total", identity=who) == received + 10 * 28,
               "all that it has sent is counted")


def test_the_process_is_that_of_the_kernel(server):
    found = scraped(server)
    assert found.get("process_open_fds") <= server.descriptors() + 4
    assert abs(found.get("process_start_time_seconds") - time.time()) < 60 * server.slow
    assert 0 < found.get("process_resident_memory_bytes") < 64 << 30
    low, middle, high = found.get("process_cpu_seconds_total"), server.cpu_seconds(), scraped(server).get("process_cpu_seconds_total")
    assert low - 0.05 <= middle <= high + 0.05


def test_stores_count_their_flushes(make_server, scratch):
    uri = f"test:///default?store={scratch}/store"
    server = make_server(hold=uri)
    c = server.open(uri)
    before = scraped(server)
    for n in range(5):
        c.define(wire.domain_xml(f"kept{n}"))
    after = scraped(server)
    changes, flushes, seconds = (after.get(f"drover_store_{what}_total", uri=uri) - before.get(f"drover_store_{what}_total", uri=uri)
                                 for what in ("changes", "flushes", "flush_seconds"))
    assert changes == 5 and 1 <= flushes <= 5 and seconds > 0
    assert after.get("drover_store_flush_failures_total", uri=uri) == 0


def test_events_are_counted(server):
    c = server.open()
    c.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(None))
    before = scraped(server).get("drover_events_total")
    d = c.lookup("test")
    c.on_domain(wire.DOMAIN_SUSPEND, d)
    c.on_domain(wire.DOMAIN_RESUME, d)
    assert scraped(server).get("drover_events_total") >= before + 2


def test_events_that_nobody_reads_are_seen_and_their_loss_is_counted(make_server):
    server = make_server({"max_client_events": 65536})
    deaf = server.open()
    deaf.call(wire.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, u32(0) + optional(None))
    maker = server.open()
    d = maker.lookup("test")

    def pending():
        for _ in range(20):
            maker.on_domain(wire.DOMAIN_SUSPEND, d)
            maker.on_domain(wire.DOMAIN_RESUME, d)
        return scraped(server).get("drover_events_pending_bytes") > 0

    wait_until(pending, "events wait for who doesn't read them", 60 * server.slow)

    def cut_off():
        for _ in range(50):
            maker.on_domain(wire.DOMAIN_SUSPEND, d)
            maker.on_domain(wire.DOMAIN_RESUME, d)
        return scraped(server).get("drover_event_cutoffs_total") == 1

    wait_until(cut_off, "it is disconnected", 60 * server.slow)
    found = scraped(server)
    assert found.get("drover_events_dropped_bytes_total") > 0
    wait_until(lambda: scraped(server).get("drover_events_pending_bytes") == 0, "nothing waits any more")


def test_certificates_tell_their_end_and_refused_renewals(make_server, ca, tmp_path):
    key, cert = ca.server()
    paths = {"key_file": str(tmp_path / "key.pem"), "cert_file": str(tmp_path / "cert.pem")}
    shutil.copy(key, paths["key_file"])
    shutil.copy(cert, paths["cert_file"])
    server = make_server({"listen_tls": 1, "tls_port": str(free_port()), "listen_addr": "127.0.0.1", "ca_file": ca.cert, **paths})
    ends = [ssl.cert_time_to_seconds(ssl._ssl._test_decode_cert(path)["notAfter"]) for path in (cert, ca.cert)]
    found = scraped(server)
    assert found.get("drover_certificate_expiry_timestamp_seconds") == min(ends)
    assert found.get("drover_certificate_renewals_total", result="refused") == 0
    shutil.copy(ca.make_key("alien"), paths["key_file"] + ".new")
    os.rename(paths["key_file"] + ".new", paths["key_file"])
    wait_until(lambda: scraped(server).get("drover_certificate_renewals_total", result="refused") >= 1,
               "the refusal is counted", 60 * server.slow)
    assert scraped(server).get("drover_log_alarms_total") >= 1
    assert found.get("drover_certificate_expiry_timestamp_seconds") == min(ends)


def test_the_rules_of_access_are_not_asked(make_server):
    """As the manual page says of metrics_socket_perms."""
    server = make_server(start=False, hold=None)
    server.config["access_policy"] = os.path.join(server.directory, "policy")
    with open(server.config["access_policy"], "w") as f:
        f.write("allow uid:4242 *\n")
    server.start()
    server.virsh("list", "--all", ok=False)
    assert scraped(server).get("drover_domain_state", uri=URI, domain="test") == 1


# --- who is stuck


def test_a_stuck_guest_holds_up_no_scrape(make_server):
    server = make_server({"driver_wrap": ["delay ms=600000 procedure=domain.suspend domain=stuck"], "domain_job_timeout": 600})
    c = server.open()
    d = c.define(wire.domain_xml("stuck"))
    c.on_domain(wire.DOMAIN_CREATE, d)
    c.request(wire.DOMAIN_SUSPEND, d.encode())
    held = {"uri": URI, "domain": "stuck"}

    def holds():
        return scraped(server).get("drover_domain_job_held_seconds", procedure="domain.suspend", **held) is not None

    wait_until(holds, "the suspend holds the domain's job", 60 * server.slow)
    waiting = server.open()
    for _ in range(3):
        waiting.request(wire.DOMAIN_RESUME, d.encode())
    parked = {"identity": f"uid:{os.geteuid()}", "state": "parked"}

    def three_wait():
        found = scraped(server)
        waiting = found.get("drover_domain_calls_waiting", **held), found.get("drover_identity_calls_open", **parked)
        return waiting == (3, 3) and found

    found = wait_until(three_wait, "three wait for it")
    assert found.get("drover_domain_state", **held) == STATES["running"]
    assert found.get("drover_domain_cpu_seconds_total", **held) is not None
    assert not c.readable() and not waiting.readable(), "the guest was stuck all the while"
    # figures are shared for a second, so an age grows no further
    assert found.get("drover_domain_sample_age_seconds", **held) < 20 * server.slow
    other = server.open()
    other.on_domain(wire.DOMAIN_DESTROY, d)
    wait_until(lambda: not holds(), "the job is over", 60 * server.slow)


def test_a_hypervisor_that_fails_leaves_what_is_published(make_server):
    server = make_server({"driver_wrap": ["fail code=38 procedure=connect.get_all_domain_stats"]})
    found = scraped(server)
    assert found.get("drover_host_sampled", uri=URI) == 0
    assert found.get("drover_domain_state", uri=URI, domain="test") == 1
    assert found.get("drover_domain_cpu_seconds_total", uri=URI, domain="test") is None


def thread_names(server):
    names = []
    for task in os.listdir(f"/proc/{server.pid}/task"):
        try:
            with open(f"/proc/{server.pid}/task/{task}/comm") as f:
                names.append(f.read().strip())
        except FileNotFoundError:
            pass    # it has just ended
    return names


HANGING_STATISTICS = {"driver_wrap": ["delay ms=600000 procedure=connect.get_all_domain_stats"]}


def test_a_hypervisor_that_does_not_answer_is_told_of_and_holds_up_one_scrape(make_server):
    server = make_server(HANGING_STATISTICS)
    found = scraped(server)
    assert found.get("drover_host_sampled", uri=URI) == 0
    first = found.get("drover_host_sample_overdue_seconds", uri=URI)
    assert first > 0
    assert found.get("drover_domain_state", uri=URI, domain="test") == 1
    assert found.get("drover_domain_cpu_seconds_total", uri=URI, domain="test") is None
    wait_until(lambda: scraped(server).get("drover_host_sample_overdue_seconds", uri=URI) > first, "it is overdue for longer")
    assert thread_names(server).count("metrics-ask") == 1, "it is not asked again"
    server.kill()


def test_the_end_does_not_wait_for_a_hypervisor_that_does_not_answer(make_server, monkeypatch):
    # it leaves its threads behind, on purpose
    monkeypatch.setenv("TSAN_OPTIONS", os.environ.get("TSAN_OPTIONS", "") + ":report_thread_leaks=0")
    server = make_server({**HANGING_STATISTICS, "stop_timeout": 1})
    s = scrape.connect(socket_path(server))
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_until(lambda: "metrics-ask" in thread_names(server), "the hypervisor is asked")
    server.terminate()
    assert server.ended(60) == 1
    assert f"{URI} doesn't answer the question for figures of its domains" in server.log()
    s.close()


# --- where it listens


def listening(server):
    """Addresses and ports of TCP sockets on which the server listens."""
    inodes = {name[8:-1] for name in server.descriptor_names() if name.startswith("socket:[")}
    found = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as f:
            for line in f.readlines()[1:]:
                words = line.split()
                if words[3] == "0A" and words[9] in inodes:
                    found.append(words[1])
    return found


def test_only_the_socket_unless_a_port_is_asked_for(server):
    assert listening(server) == []
    mode = os.stat(socket_path(server)).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o700


def test_the_port_is_on_the_loopback_and_says_the_same(make_server):
    port = free_port()
    server = make_server({"metrics_port": port})
    assert listening(server) == [f"0100007F:{port:04X}"]
    assert set(scraped(server, port).families) >= set(scraped(server).families) - {"drover_call_errors"}
    still_serves(server, port)


def test_the_port_alone(make_server):
    port = free_port()
    server = make_server({"metrics_port": port, "listen_metrics": 0})
    assert not os.path.exists(socket_path(server))
    assert scraped(server, port).get("drover_clients", server="droverd") >= 1


def test_neither(make_server):
    server = make_server({"listen_metrics": 0})
    assert not os.path.exists(socket_path(server)) and listening(server) == []


def test_path_and_permissions_of_the_socket(make_server, scratch):
    path = os.path.join(scratch, "m")
    make_server({"metrics_socket": path, "metrics_socket_perms": "0666"})
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
    assert scrape.request(path).status == 200


def test_a_port_that_is_taken_stops_the_start(make_server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = make_server({"metrics_port": taken.getsockname()[1]}, start=False)
        server.launch()
        assert server.ended() != 0
        assert f"port {taken.getsockname()[1]}" in server.log()


def test_a_reload_disturbs_nothing(make_server):
    port = free_port()
    server = make_server({"metrics_port": port, "max_clients": 200})
    still_serves(server, port)
    server.config.update(metrics_port=free_port(), max_clients=123)
    server.write_config()
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: scraped(server, port).get("drover_clients_limit", server="droverd") == 123, "the configuration is read again",
               20 * server.slow)
    assert listening(server) == [f"0100007F:{port:04X}"]
    still_serves(server)


def test_the_end_waits_for_no_reader(make_server):
    """Connections that ask for nothing, and one that does not read its answer, when the server is to end."""
    server = make_server()
    fill(server, 300)
    held = [scrape.connect(socket_path(server)) for _ in range(3)]
    held[0].sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    held[1].sendall(b"GET /met")
    wait_until(lambda: server.descriptors() >= server.baseline + 3, "they are there")
    server.stop()    # and its log is looked through
    assert not os.path.exists(socket_path(server))
    for s in held:
        s.close()


# --- what is sent there


def fill(server, n):
    c = server.open()
    c.send_reading(b"".join(wire.frame(wire.DOMAIN_DEFINE_XML, string(wire.domain_xml(f"filler{i}")), serial=1000 + i)
                            for i in range(n)))
    for i in range(n):
        assert c.reply(1000 + i).status == wire.OK


def answer_or_close(where, data):
    """The status of the answer; None: closed without one."""
    with scrape.connect(where) as s:
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)    # else it would be waited for more
            got = scrape.read_all(s)
        except (BrokenPipeError, ConnectionResetError):
            return None
        except OSError as e:
            assert e.errno == errno.ENOTCONN, e    # it was closed before all was sent
            return None
    return scrape.Answer(got).status if got else None


@pytest.fixture(params=["socket", "port"])
def endpoint(request, make_server):
    """A server with both, and where a test is to send things."""
    port = free_port()
    server = make_server({"metrics_port": port})
    return server, socket_path(server) if request.param == "socket" else port


def test_other_methods_and_paths_are_refused(endpoint):
    server, where = endpoint
    assert scrape.request(where, method="POST", extra="Content-Length: 5\r\n", body=b"hello").status == 405
    assert scrape.request(where, method="DELETE").status == 405
    assert scrape.request(where, path="/").status == 404
    assert scrape.request(where, path="/metrics/../../etc/passwd").status == 404
    still_serves(server, where)


def test_what_is_no_request_is_refused(endpoint):
    server, where = endpoint
    for data in (b"\0" * 1000 + b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" + os.urandom(500) + b"\r\n\r\n",
                 b"GET /metrics HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"\r\n\r\n\r\n\r\n: :\r\n\r\n"):
        status = answer_or_close(where, data + b"GET / HTTP/1.0\r\n\r\n" if data.startswith(b"\r") else data)
        assert status is None or 400 <= status < 600, (data[:20], status)
    still_serves(server, where)


def test_a_head_of_a_request_without_end_costs_nothing(endpoint):
    server, where = endpoint
    still_serves(server, where)
    before = server.memory()
    line = b"X-Filler: " + b"x" * 4000 + b"\r\n"
    for many in (b"GET /metrics HTTP/1.1\r\n" + line * 1000, b"GET /" + b"a" * 4_000_000 + b" HTTP/1.1\r\n\r\n"):
        status = answer_or_close(where, many)
        assert status is None or 400 <= status < 500
    assert server.grew_less(before, 16)
    still_serves(server, where)


def test_a_body_without_end_costs_nothing(endpoint):
    server, where = endpoint
    still_serves(server, where)
    before = server.memory()
    data = b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n"
    with scrape.connect(where) as s:
        s.sendall(data)
        try:
            for _ in range(300):
                s.sendall(b"x" * 65536)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
        assert server.grew_less(before, 16)
        still_serves(server, where)


def test_connections_that_ask_for_nothing_make_room(endpoint):
    server, where = endpoint
    before, descriptors = server.memory(), server.descriptors()
    idle = []
    for n in range(200):
        s = scrape.connect(where)
        s.sendall(b"GET /metrics HTT" if n % 2 else b"G")
        idle.append(s)
    still_serves(server, where)
    wait_until(lambda: server.descriptors() <= descriptors + CONNECTIONS_MAX, "only so many are kept", 60 * server.slow)
    assert server.grew_less(before, 16)
    for s in idle:
        s.close()
    still_serves(server, where)


def test_who_sends_byte_by_byte_is_in_nobodys_way(endpoint):
    server, where = endpoint
    slow = [scrape.connect(where) for _ in range(CONNECTIONS_MAX)]
    head = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for n, byte in enumerate(head[:12]):
        for s in slow:
            try:
                s.sendall(bytes([byte]))
            except OSError:
                pass    # it had to make room
        if n % 4 == 0:
            still_serves(server, where)
    for s in slow:
        s.close()


def test_answers_that_nobody_reads_make_room_too(endpoint):
    server, where = endpoint
    fill(server, 2000)
    still_serves(server, where)
    before = server.memory()
    deaf = []
    for _ in range(3 * CONNECTIONS_MAX):
        s = scrape.connect(where)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        deaf.append(s)
    still_serves(server, where)
    assert server.grew_less(before, 64)
    for s in deaf:
        s.close()


@pytest.mark.limit(300)
def test_scrapes_at_the_same_time_all_come_whole(endpoint):
    server, where = endpoint
    fill(server, 400)    # each answer is made in several parts
    results = []

    def many():
        for _ in range(5):
            results.append(scraped(server, where).get("drover_host_domains", uri=URI, active="no"))

    threads = [threading.Thread(target=many) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [400] * 20


def test_a_socket_is_served_while_the_port_is_flooded(make_server):
    port = free_port()
    server = make_server({"metrics_port": port})
    fill(server, 500)
    flood = []
    for _ in range(5 * CONNECTIONS_MAX):
        s = scrape.connect(port)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        flood.append(s)
    found = scraped(server)
    assert found.get("drover_host_domains", uri=URI, active="no") == 500
    for s in flood:
        s.close()
    still_serves(server, port)
