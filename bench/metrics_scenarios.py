# SPDX-License-Identifier: LGPL-2.1-or-later
"""What monitoring costs: a scrape of many guests, and what those notice who make calls meanwhile. Measures one server once, as
the scenarios of rpc_scenarios.py do. libvirtd has no metrics of its own: what an exporter beside it has to ask for, all statistics
of all guests, stands in its column, without the exporter's own work."""

import json
import os
import socket
import statistics
import subprocess
import threading
import time

from rpc_scenarios import Goal, Scenario, figures_of

MIB = 1 << 20
LOAD = ("--slow", "mixed", "--slow-connections", "2")    # busy clients
CLIENT = ("--load", "info", "--pace", "1")               # who notices: a call every millisecond
REQUEST = (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
           b"Accept: application/openmetrics-text;version=1.0.0\r\n\r\n")
# Whether there are scrapes, in turns that even out what grows or shrinks in the course of a measurement.
TURNS = ("none", "scrape", "scrape", "none")


def scrape(path):
    """Seconds and bytes of one scrape over the socket. Raises OSError, or RuntimeError when it isn't whole."""
    began = time.monotonic()
    size, end = 0, b""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(60)
        channel.connect(path)
        channel.sendall(REQUEST)
        while piece := channel.recv(1 << 18):
            size += len(piece)
            end = (end + piece)[-64:]
    if b"# EOF\n" not in end:
        raise RuntimeError(f"a scrape ended in {end!r}")
    return time.monotonic() - began, size


class Scraper(threading.Thread):
    """A scrape at the beginning of every second until stop()."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.seconds, self.sizes, self.failure = [], [], None
        self.ended = threading.Event()

    def run(self):
        due = time.monotonic()
        try:
            while not self.ended.wait(max(0, due - time.monotonic())):
                seconds, size = scrape(self.path)
                self.seconds.append(seconds)
                self.sizes.append(size)
                due += 1
        except (OSError, RuntimeError) as error:
            self.failure = error

    def stop(self):
        self.ended.set()
        self.join()
        if self.failure or not self.seconds:
            raise RuntimeError(f"scraping {self.path}: {self.failure or 'there was no time for it'}")


class Exporter:
    """The same of an exporter at libvirtd: a client that asks for all statistics of all guests every second."""

    def __init__(self, bench, server, seconds):
        self.process = subprocess.Popen(
            [bench.options.load_program, "run", "--socket", server.socket, "--server-pid", str(server.pid), "--uri", server.test_uri,
             "--load", "domstats-all", "--pace", "1000", "--warmup", "0", "--seconds", str(seconds)],
            stdout=subprocess.PIPE, text=True)
        self.seconds, self.sizes = [], []

    def start(self):
        pass

    def stop(self):
        output = self.process.communicate(timeout=120)[0]
        self.seconds.append(json.loads(output)["p50_us"] / 1e6)


def measure_turn(bench, server, scraped, seconds):
    """The client's result, and the scrapes beside it or None."""
    scraper = None
    if scraped:
        scraper = Exporter(bench, server, seconds) if server.spec == "libvirtd" else Scraper(os.path.join(server.sockets, "metrics-sock"))
        scraper.start()
    try:
        result = bench.load(server, "run", *CLIENT, *LOAD, "--seconds", str(seconds))
    finally:
        if scraper:
            scraper.stop()
    return result, scraper


def measure_scrapes(bench, server):
    seconds = 2 if bench.options.quick else 6
    found = {"none": [], "scrape": []}
    scrape_seconds, sizes = [], []
    with bench.fresh(server) as fresh:
        bench.fill(fresh, bench.options.domains, running=bench.options.domains)
        for key in TURNS:
            result, scraper = measure_turn(bench, fresh, key == "scrape", seconds)
            found[key].append(figures_of(result) | {"load_rate": result["slow"]["rate"]})
            if scraper:
                scrape_seconds += scraper.seconds
                sizes += scraper.sizes
    figures = {f"{name}@{key}": statistics.mean(figures[name] for figures in results)
               for key, results in found.items() for name in ("p50_us", "p99_us", "p999_us", "load_rate")}
    figures["scrape_ms@scrape"] = statistics.median(scrape_seconds) * 1000
    figures["scrape_s"] = statistics.median(scrape_seconds)
    if sizes:
        figures["mib@scrape"] = statistics.median(sizes) / MIB
    figures["growth"] = figures["p99_us@scrape"] / figures["p99_us@none"]
    return figures


SCENARIOS = (
    Scenario("scrape", "info every millisecond beside 2 busy clients, without and with a scrape of all running guests every second",
             measure_scrapes,
             (Goal("growth", "p99 with a scrape every second, against without", "most", 1.25),
              Goal("scrape_s", "a scrape", "most", 1, "s")), "", 5,
             rows=(("none", "without"), ("scrape", "a scrape every second")),
             columns=(("p50_us", "p50", "µs"), ("p99_us", "p99", "µs"), ("p999_us", "p99.9", "µs"),
                      ("load_rate", "busy clients' calls/s", ""), ("scrape_ms", "a scrape takes", "ms"), ("mib", "its size", "MiB"))),
)
