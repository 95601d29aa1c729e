# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's own prometheus scrapes droverd's port, and answers questions about what it found."""

import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

import harness
import wire
from harness import wait_until

pytestmark = [
    pytest.mark.drover("libvirtd has no metrics"),
    pytest.mark.skipif(not shutil.which("prometheus"), reason="Debian's package prometheus is not installed"),
    pytest.mark.limit(300),
]

CONFIG = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: drover
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    """One of our own, on a port of the loopback, its data in a directory of the test."""

    def __init__(self, directory, target):
        self.port = free_port()
        self.log_path = os.path.join(directory, "prometheus.log")
        config = os.path.join(directory, "prometheus.yml")
        with open(config, "w") as f:
            f.write(CONFIG.format(port=target))
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/prometheus",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--storage.tsdb.retention.time=1h"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
            )

    def ask(self, path, **query):
        """What its API answers; None while it does not."""
        assert self.process.poll() is None, self.log()
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, OSError):
            return None

    def target(self):
        targets = (self.ask("targets") or {}).get("activeTargets") or [{}]
        return targets[0]

    def values(self, expression):
        """{labels without the job's, as a frozenset of pairs: value} of an expression."""
        data = self.ask("query", query=expression) or {"result": []}
        return {
            frozenset((k, v) for k, v in row["metric"].items() if k not in ("job", "instance", "__name__")): float(row["value"][1])
            for row in data["result"]
        }

    def value(self, expression):
        """The one value; None: there is none, or more."""
        values = list(self.values(expression).values())
        return values[0] if len(values) == 1 else None

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()[-4000:]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def watched(make_server, scratch):
    """A server, and a prometheus that scrapes it and says so."""
    port = free_port()
    server = make_server({"metrics_port": port})
    prometheus = Prometheus(scratch, port)
    try:
        wait_until(lambda: prometheus.target().get("health") == "up", "prometheus says that the target is up", 60 * server.slow)
        yield server, prometheus
    except BaseException:
        print(prometheus.log())
        raise
    finally:
        prometheus.stop()


def test_prometheus_finds_what_clients_are_told(watched):
    server, prometheus = watched
    # what was scraped may be asked for a moment later; a scrape that took too long is followed by one that does not
    wait_until(lambda: prometheus.target().get("lastError") == "" and prometheus.value("up") == 1, "it is up", 60 * server.slow)
    c = server.open()
    for n in range(3):
        c.define(wire.domain_xml(f'guest "{n}"'))
    for _ in range(40):
        c.version()
    uri = 'uri="test:///default"'
    wait_until(lambda: prometheus.value(f'drover_host_domains{{{uri},active="no"}}') == 3, "the new guests are seen", 60 * server.slow)
    for name, state in ("test", 1), ('guest \\"1\\"', 5):
        asked = f'drover_domain_state{{{uri},domain="{name}"}}'
        wait_until(lambda: prometheus.value(asked) == state, f"the state of {name}", 60 * server.slow)
    calls = 'drover_calls_total{program="remote",procedure="connect.get_lib_version"}'
    wait_until(lambda: prometheus.value(calls) == 40, "the calls are counted", 60 * server.slow)
    # a histogram as the dashboard uses it
    wait_until(
        lambda: (prometheus.value('histogram_quantile(0.5, sum by (le) (drover_call_phase_seconds_bucket{phase="ran"}))') or 0) > 0,
        "a quantile can be told", 60 * server.slow,
    )
    c.on_domain(wire.DOMAIN_DESTROY, c.lookup("test"))
    wait_until(lambda: prometheus.value(f'drover_domain_state{{{uri},domain="test"}}') == 5, "its end is seen", 60 * server.slow)


def test_prometheus_answers_every_question_of_the_dashboard(watched):
    """Each expression is understood; those of what every server has find something."""
    server, prometheus = watched
    server.open().version()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "docs", "grafana.json"), encoding="utf-8") as f:
        board = json.load(f)
    targets = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    assert len(targets) > 10
    wait_until(lambda: prometheus.value("rate(process_cpu_seconds_total[1m])") is not None, "there is a rate", 60 * server.slow)
    found = set()
    for expression in targets:
        asked = expression.replace("$__rate_interval", "1m")
        for variable in ("$instance", "$uri", "$domain"):
            asked = asked.replace(variable, ".*")
        assert "$" not in asked, expression
        answer = prometheus.ask("query", query=asked)
        assert answer is not None, f"prometheus does not take: {expression}"
        if answer["result"]:
            found.add(expression)
    # what every server has; there is no other disk, interface, certificate or store here
    for word in ("process_", "drover_calls_total", "drover_call_phase_seconds_sum", "drover_workers", "drover_clients",
                 "drover_identity_calls_total", "drover_events_total", "drover_host_domains", "drover_domain_cpu", "drover_domain_memory"):
        assert any(word in expression for expression in found), word


def test_the_server_that_ends_is_seen_to_be_down(watched):
    server, prometheus = watched
    server.stop()
    wait_until(lambda: prometheus.value("up") == 0, "prometheus says that it is down", 60 * server.slow)
    assert harness.REPORTS.search(server.log()) is None
