# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scenarios of many users and of remote clients: how fairly one is treated beside another, and what TLS costs. Each
measures one server once, as those of rpc_scenarios.py do."""

import functools
import os
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "integration"))

import pki  # noqa: E402
from rpc_scenarios import Goal, Scenario, figures_of, rate  # noqa: E402

OTHER_UID = 65534       # of the noisy user; libvirtd wants him to have an account
KEY = "rsa3072"         # of everybody: libvirtd takes no other kind
CALLS_PER_SECOND = 100  # of the quiet user

EVERYBODY = """unix_sock_rw_perms = "0777"
"""

TLS = """listen_tls = 1
listen_addr = "127.0.0.1"
tls_port = "{port}"
key_file = "{certificates}/server.key"
cert_file = "{certificates}/server.pem"
ca_file = "{certificates}/ca.pem"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@functools.lru_cache
def certificates(directory):
    """A directory with those of an authority, a server and a client, made when it is first asked for."""
    path = os.path.join(directory, "certificates")
    authority = pki.Authority(path, "drover bench", kind=KEY)
    authority.server(kind=KEY)
    authority.issue("client", ['cn = "client"'] + pki.CLIENT, kind=KEY)
    return path


def settings_of(stage, directory):
    """What the servers of a stage have in their configuration beyond the directory of their sockets."""
    if stage == "users":
        return EVERYBODY
    if stage == "tls":
        return TLS.format(port=free_port(), certificates=certificates(directory))
    return ""


def over_tls(bench, server):
    with open(server.config, encoding="utf-8") as file:
        port = next(line.split('"')[1] for line in file if line.startswith("tls_port"))
    return ["--tls-port", port, "--certificates", certificates(bench.directory)]


def long_enough(bench, least):
    return ["--seconds", str(max(0.5 if bench.options.quick else least, bench.options.seconds))]


# --- fairness


def measure_fairness(bench, server, noise):
    """One user with 20 connections of 20 calls each; another one's client makes a call every 10 ms."""
    result = bench.load(server, "run", "--load", "info", "--pace", str(1000 / CALLS_PER_SECOND), "--slow", noise,
                        "--slow-connections", "20", "--slow-depth", "20", "--slow-uid", str(OTHER_UID), "--warmup", "0.5",
                        *long_enough(bench, 4))
    figures = figures_of(result)
    figures["noise_rate"] = result["slow"]["rate"]
    return figures


def fairness(noise, about):
    return Scenario(f"fair-{noise}", f"info every 10 ms beside another user's 20x20 calls: {about}",
                    lambda bench, server: measure_fairness(bench, server, noise),
                    (Goal("p50_us", "p50", "most", 2000, "µs"), Goal("p99_us", "p99", "most", 10000, "µs"),
                     Goal("rate", "calls/s", "least", 0.95 * CALLS_PER_SECOND)), "users")


# --- TLS


def measure_handshakes(bench, server, version):
    """Clients that connect, open, close: one at a time for the CPU time, and 16 at a time for the rate; each also with
    sessions that are resumed, and beside them what GnuTLS alone needs."""
    words = [*over_tls(bench, server), "--priority", f"NORMAL:-VERS-ALL:+VERS-{version}"]
    seconds = long_enough(bench, 2)
    full = bench.load(server, "storm", *words, *seconds)
    many = bench.load(server, "storm", "-c", "16", *words, *seconds)
    again = bench.load(server, "storm", "--resume", *words, *seconds)
    floor = bench.load(server, "floor", *words, *seconds)
    floor_again = bench.load(server, "floor", "--resume", *words, *seconds)
    figures = {"rate_one": full["rate"], "cpu_us": full["server"]["cpu_us_per_call"], "p50_us": full["p50_us"],
               "p99_us": full["p99_us"], "rate": many["rate"], "cpu_us_16": many["server"]["cpu_us_per_call"],
               "resumed_cpu_us": again["server"]["cpu_us_per_call"], "resumed_rate": again["rate"],
               "resumed": again["resumed"] / max(again["sessions"], 1), "floor_cpu_us": floor["cpu_us"],
               "floor_resumed_cpu_us": floor_again["cpu_us"]}
    figures["above_floor"] = figures["cpu_us"] / floor["cpu_us"]
    figures["resumed_share"] = figures["resumed_cpu_us"] / figures["cpu_us"]
    return figures


def handshakes(version):
    return Scenario(f"tls-shake-{version[-3:]}", f"connect, {version} handshake, open, close",
                    lambda bench, server: measure_handshakes(bench, server, version),
                    (Goal("above_floor", "CPU per handshake, against GnuTLS alone", "most", 1.15),
                     Goal("rate", "handshakes/s, 16 at a time", "rate", 1.2),
                     Goal("resumed_share", "CPU of a resumed one, against a full one", "most", 1 / 6)), "tls")


def measure_storm(bench, server):
    """A client that is connected already, beside 16 at a time that come and go."""
    result = bench.load(server, "run", "--load", "version", "--pace", str(1000 / CALLS_PER_SECOND), "--storm", "16",
                         "--warmup", "0.5", *over_tls(bench, server), *long_enough(bench, 4))
    figures = figures_of(result)
    figures["storm_rate"] = result["storm"]["rate"]
    return figures


def measure_tls_calls(bench, server, load, connections, depth):
    return figures_of(bench.load(server, "run", "--load", load, "-c", str(connections), "-d", str(depth),
                                 *over_tls(bench, server)))


def tls_calls(name, about, goals, load, connections=1, depth=1):
    return Scenario(name, about, lambda bench, server: measure_tls_calls(bench, server, load, connections, depth),
                    tuple(goals), "tls")


def idle_count(bench):
    return "100" if bench.options.quick else "1000"


def measure_tls_idle(bench, server):
    """The caller without and with 1,000 connections beside it that do nothing, all over TLS."""
    words = ["--load", "version", *over_tls(bench, server)]
    alone = figures_of(bench.load(server, "run", *words))
    result = bench.load(server, "run", *words, "--idle", idle_count(bench))
    figures = figures_of(result)
    figures["cpu_growth"] = figures["cpu_us"] / alone["cpu_us"]
    figures["idle_kib"] = result["idle"]["anon_kib_each"]
    return figures


def measure_tls_memory(bench, server):
    """1,000 connections at a server that has had none before."""
    with bench.fresh(server, "tls") as fresh:
        bench.load(fresh, "first")
        idle = bench.load(fresh, "idle", "--idle", idle_count(bench), *over_tls(bench, fresh))["idle"]
        return {"idle_kib": idle["anon_kib_each"], "rate": idle["connections"] / idle["open_seconds"]}


SCENARIOS = (
    fairness("listall", "lists of all domains"),
    fairness("domstats", "the state of all domains"),
    fairness("define-undefine", "definitions that come and go"),
    fairness("mixed", "quick ones"),
    fairness("noise", "quick ones, and of 20 a list and statistics of all domains"),
    handshakes("TLS1.3"),
    handshakes("TLS1.2"),
    Scenario("tls-storm", "getLibVersion every 10 ms beside 16 TLS clients at a time that come and go", measure_storm,
             (Goal("p50_us", "p50", "most", 1400, "µs"), Goal("p99_us", "p99", "most", 5000, "µs")), "tls"),
    tls_calls("tls-version-16x1", "getLibVersion over TLS, 16 connections", (Goal("cpu_us", "CPU per call", "cost", 3, "µs"),),
              "version", 16),
    tls_calls("tls-version-16x5", "the same, 5 calls in flight on each", (rate(7),), "version", 16, 5),
    tls_calls("tls-listall", "the list of all domains over TLS", (rate(12),), "listall"),
    Scenario("tls-idle-1000", "getLibVersion beside 1,000 idle TLS clients", measure_tls_idle,
             (Goal("cpu_growth", "CPU per call, against none idle", "most", 1.1),), "tls"),
    Scenario("tls-memory", "1,000 idle TLS clients at a fresh server", measure_tls_memory,
             (Goal("idle_kib", "for an idle connection", "most", 16, "KiB"),), "", 3),
    # without a goal
    tls_calls("tls-info-16x5", "info over TLS, 16 connections, 5 calls in flight on each", (), "info", 16, 5),
)
