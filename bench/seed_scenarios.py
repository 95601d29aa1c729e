# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scenarios that users of libvirtd have told of: many who define and start at once, a guest that hangs, an exporter beside
calls that last, lists that grow. Each measures one server once, as those of rpc_scenarios.py do; their figures make a table
of their own, with a row for each situation."""

import os
import signal
import socket
import statistics
import struct
import subprocess
import time

from rpc_scenarios import Goal, Scenario, figures_of
from rpc_servers import NoPeer, ServerError, call, xdr_string

AUTH_LIST, OPEN, CREATE, DEFINE, LOOKUP_NAME, SUSPEND, STATS = 66, 1, 9, 11, 23, 34, 344
LIST_SIZES = (10, 100, 1000, 4096, 16384)
TOGETHER = (("1", "1 connection", 1, 1), ("5", "5 connections", 5, 1), ("20", "20 connections", 20, 1),
            ("1x20", "20 threads on 1 connection", 1, 20))
HANGING = (("0", "none hangs", 0), ("1", "1 call hangs", 1), ("24", "24 calls hang", 24))
QUESTIONS = (("lookup-name", "lookup"), ("listall", "list"), ("domstats-all", "statistics"))
STUCK_DOMAINS = 1000
STUCK_GUEST = "stuck"
NO_ANSWER = "no answer in 30 s"     # the load generator has waited for so long
MACHINE = """<domain type='{kind}'><name>{name}</name><memory unit='KiB'>65536</memory><vcpu>1</vcpu>
<os><type arch='x86_64'>hvm</type></os><devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>"""
SLOW_START_MS = 100
EXPORTERS = 4
BUSY_GUESTS = 24        # more than there are workers

# What drovers of a stage have in their configuration: wrappers that hold calls up, in place of a hypervisor that does.
DROVER_STAGES = {
    "stuck": f'driver_wrap = [ "delay ms=3600000 procedure=domain.suspend domain={STUCK_GUEST}" ]\n',
    "busy": 'driver_wrap = [ "delay ms=3600000 procedure=domain.suspend domain=bench-0-000??" ]\n',
    "slow-start": f'driver_wrap = [ "delay ms={SLOW_START_MS} procedure=domain.create" ]\n',
    "io-1": "io_threads = 1\n",
    "io-2": "io_threads = 2\n",
}


def drover_alone(server, why):
    """Leaves libvirtd out, with the reason."""
    if server.spec == "libvirtd":
        raise NoPeer(why)


# --- many at once


def measure_together(bench, server, load, kinds, store=False):
    figures = {}
    for key, _, connections, depth in kinds:
        result = figures_of(bench.load(server, "run", "--load", load, "-c", str(connections), "-d", str(depth), store=store))
        figures.update({f"{name}@{key}": result[name] for name in ("rate", "p50_us", "p99_us", "cpu_us") if name in result})
    share = max(1.0, 20 / len(os.sched_getaffinity(0)))
    for key in ("20", "1x20"):
        if f"p50_us@{key}" in figures:
            figures[f"per_cpu_{key}"] = figures[f"p50_us@{key}"] / (figures["p50_us@1"] * share)
    return figures


def per_cpu(key, text):
    return Goal(f"per_cpu_{key}", f"p50 of {text}, against one alone for each processor", "most", 2)


TOGETHER_COLUMNS = (("rate", "calls/s", ""), ("p50_us", "p50", "µs"), ("p99_us", "p99", "µs"), ("cpu_us", "CPU", "µs"))


def measure_slow_starts(bench, server):
    """Each start takes a tenth of a second in the driver, as with a real hypervisor, and waits there: nothing but the server
    stands between that and as many at once as there are callers."""
    drover_alone(server, "nothing can make a start of its test driver last")
    with bench.fresh(server, "slow-start") as fresh:
        bench.fill(fresh, 100)
        return measure_together(bench, fresh, "start-destroy", TOGETHER[:3])


# --- lists


def virsh_list(server, names):
    """Seconds that a whole `virsh list` takes."""
    command = ["virsh", "-c", f"test+unix:///default?socket={server.socket}", "list", "--all", *names]
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    if done.returncode:
        raise ServerError(f"virsh list at {server.name}: {done.stderr.strip()}")
    return time.monotonic() - began


def measure_growth(bench, server):
    figures = {}
    with bench.fresh(server) as fresh:
        for size in LIST_SIZES if bench.options.domains > 1000 else LIST_SIZES[:3]:
            bench.fill(fresh, size - 1, running=0)    # "test" is there
            result = figures_of(bench.load(fresh, "run", "--load", "listall"))
            figures[f"p50_us@{size}"] = result["p50_us"]
            figures[f"cpu_us@{size}"] = result["cpu_us"]
            figures[f"command_ms@{size}"] = virsh_list(fresh, []) * 1000
    return figures


# --- a guest that hangs


class Caller:
    """A connection whose calls may be left without an answer."""

    def __init__(self, server, uri):
        self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.channel.settimeout(60)
        self.channel.connect(server.socket)
        call(self.channel, 0, AUTH_LIST, b"")
        call(self.channel, 1, OPEN, struct.pack(">I", 1) + xdr_string(uri) + struct.pack(">I", 0))

    def ask(self, procedure, arguments):
        return call(self.channel, 2, procedure, arguments)

    def begin(self, procedure, arguments):
        self.channel.sendall(struct.pack(">7I", 28 + len(arguments), 0x20008086, 1, procedure, 0, 3, 0) + arguments)

    def close(self):
        self.channel.close()


def start_guest(server, caller, kind):
    """A running guest of the name that wrappers know: its handle, and the process of QEMU behind it or 0."""
    caller.ask(CREATE, caller.ask(DEFINE, xdr_string(MACHINE.format(kind=kind, name=STUCK_GUEST))))
    process = 0
    if kind != "test":
        with open(os.path.join(server.directory, "run", "qemu", f"{STUCK_GUEST}.pid"), encoding="ascii") as file:
            process = int(file.read())
        server.frozen.append(process)
    return caller.ask(LOOKUP_NAME, xdr_string(STUCK_GUEST)), process


def ask_beside_stuck(bench, server, load, store):
    try:
        return figures_of(bench.load(server, "run", "--load", load, "--pace", "10", "--warmup", "0", "--seconds", "1",
                                      store=store))
    except ServerError as error:
        if NO_ANSWER not in str(error):
            raise
    bench.note(f"{load} at {server.name}: {NO_ANSWER} stands in the table as 30 s")
    return {"p50_us": 30e6, "p99_us": 30e6}


def measure_stuck(bench, server):
    """Calls that change one guest hang in its driver. Others ask meanwhile, one after the other, about all guests or others."""
    figures = {}
    with bench.fresh(server, "stuck") as fresh:
        store = fresh.spec == "libvirtd"
        if store and fresh.store_uri is None:
            raise NoPeer("its QEMU driver isn't there (it needs root), and nothing can hang in its test driver")
        uri, kind = (fresh.store_uri, fresh.store_type) if store else (fresh.test_uri, "test")
        if store:
            fresh.hold(uri)
        bench.fill(fresh, STUCK_DOMAINS, store=store)
        callers = [Caller(fresh, uri)]
        handle, process = start_guest(fresh, callers[0], kind)
        if store:
            callers[0].ask(STATS, struct.pack(">3I", 0, 0, 0))     # takes longer the first time, while the guest begins to run
        for key, _, hanging in HANGING[:2] if bench.options.quick else HANGING:
            if hanging and process:
                os.kill(process, signal.SIGSTOP)
            while len(callers) - 1 < hanging:
                callers.append(Caller(fresh, uri))
                callers[-1].begin(SUSPEND, handle)
            for load, _ in QUESTIONS:
                result = ask_beside_stuck(bench, fresh, load, store)
                figures.update({f"{load}_{name}@{key}": result[name] for name in ("p50_us", "p99_us") if name in result})
        for caller in callers:
            caller.close()
    return figures


STUCK_COLUMNS = tuple((f"{load}_{name}", f"{title} {name[:3]}", "µs") for load, title in QUESTIONS for name in ("p50_us", "p99_us"))


# --- an exporter


def count_of_stats(caller):
    """About how many guests a question for all statistics of all is answered."""
    return struct.unpack(">I", caller.ask(STATS, struct.pack(">3I", 0, 0, 0))[:4])[0]


def measure_exporter(bench, server):
    """Some guests are in a call that lasts, as a migration does; exporters ask for everything about all once a second."""
    drover_alone(server, "nothing makes a call of its test driver last; what QEMU that doesn't answer does to it stands at stuck-guest")
    figures = {}
    with bench.fresh(server, "busy") as fresh:
        bench.fill(fresh, STUCK_DOMAINS)
        asker = Caller(fresh, fresh.test_uri)
        callers = []
        for key, busy in (("0", 0), ("busy", BUSY_GUESTS)):
            for number in range(busy):
                callers.append(Caller(fresh, fresh.test_uri))
                callers[-1].begin(SUSPEND, asker.ask(LOOKUP_NAME, xdr_string(f"bench-0-{number:05}")))
            seconds = "2" if bench.options.quick else "6"
            result = figures_of(bench.load(fresh, "run", "--load", "domstats-all", "-c", str(EXPORTERS), "--pace", "1000",
                                           "--seconds", seconds))
            figures.update({f"p50_us@{key}": result["p50_us"], f"p99_us@{key}": result["p99_us"],
                            f"guests@{key}": count_of_stats(asker)})
        for caller in [*callers, asker]:
            caller.close()
    figures["left_out"] = figures["guests@0"] - figures["guests@busy"]
    figures["slowdown"] = figures["p50_us@busy"] / figures["p50_us@0"]
    return figures


# --- threads


SCALING = (("lookup-name 16x1", "lookup-name", 16, 1), ("lookup-uuid 16x1", "lookup-uuid", 16, 1),
           ("lookup-name 16x5", "lookup-name", 16, 5), ("version 16x5", "version", 16, 5), ("listall 4x1", "listall", 4, 1))
TURNS = (("1", "2"), ("2", "1"))


def measure_scaling(bench, server):
    """The same loads with one I/O thread and with two, by turns. The generator takes a processor too: its share stands beside."""
    drover_alone(server, "it has one thread for all input and output")
    figures = {}
    for key, load, connections, depth in SCALING:
        found = {"1": [], "2": []}
        for threads in (*TURNS[0], *TURNS[1]):
            instance = bench.server(server.name, f"io-{threads}")
            found[threads].append(figures_of(bench.load(instance, "run", "--load", load, "-c", str(connections), "-d", str(depth))))
        for threads, results in found.items():
            for name in ("rate", "cpu_us", "client_cpu_us"):
                figures[f"{name}_{threads}@{key}"] = statistics.mean(result[name] for result in results)
        figures[f"gain@{key}"] = figures[f"rate_2@{key}"] / figures[f"rate_1@{key}"]
    return figures


SCENARIOS = (
    Scenario("list-growth", "the list of all domains as they become more: the call, and `virsh list --all` as a whole", measure_growth,
             (), "", 3, rows=tuple((str(size), f"{size:,} domains") for size in LIST_SIZES),
             columns=(("p50_us", "call, p50", "µs"), ("cpu_us", "call, CPU", "µs"), ("command_ms", "virsh list --all", "ms"))),
    Scenario("parallel-definers", "definitions kept on disk: alone, and 5 and 20 at once",
             lambda bench, server: measure_together(bench, server, "define", TOGETHER, True),
             (per_cpu("20", "20 connections"), per_cpu("1x20", "20 threads on one")), "store",
             rows=tuple(kind[:2] for kind in TOGETHER), columns=TOGETHER_COLUMNS),
    Scenario("parallel-starters", "starts and ends of domains in memory: alone, and 5 and 20 at once",
             lambda bench, server: measure_together(bench, server, "start-destroy", TOGETHER[:3]),
             (per_cpu("20", "20 connections"),),
             rows=tuple(kind[:2] for kind in TOGETHER[:3]), columns=TOGETHER_COLUMNS),
    Scenario("slow-starters", f"starts that wait for {SLOW_START_MS} ms in the driver, and ends: alone, and 5 and 20 at once",
             measure_slow_starts, (), "", 3, rows=tuple(kind[:2] for kind in TOGETHER[:3]), columns=TOGETHER_COLUMNS),
    Scenario("stuck-guest", f"questions about {STUCK_DOMAINS:,} domains while calls hang in the driver of one", measure_stuck,
             (Goal("lookup-name_p99_us@24", "lookup, p99, 24 calls hang", "most", 10000, "µs"),
              Goal("listall_p99_us@24", "list, p99, 24 calls hang", "most", 10000, "µs"),
              Goal("domstats-all_p99_us@24", "statistics, p99, 24 calls hang", "most", 50000, "µs")), "", 2,
             rows=tuple(kind[:2] for kind in HANGING), columns=STUCK_COLUMNS),
    Scenario("exporter-during-migration", f"{EXPORTERS} exporters ask for all statistics of {STUCK_DOMAINS:,} guests once a second, "
             f"{BUSY_GUESTS} of which are in a call that lasts", measure_exporter,
             (Goal("left_out", "guests missing in the answer", "most", 0), Goal("slowdown", "p50, against none busy", "most", 1.5)),
             "", 3, rows=(("0", "none busy"), ("busy", f"{BUSY_GUESTS} busy")),
             columns=(("guests", "guests in the answer", ""), ("p50_us", "p50", "µs"), ("p99_us", "p99", "µs"))),
    Scenario("io-threads", "calls with one I/O thread and with two", measure_scaling, (), "", 5,
             rows=tuple((row[0], row[0]) for row in SCALING),
             columns=(("rate_1", "1 thread, calls/s", ""), ("rate_2", "2 threads, calls/s", ""), ("gain", "2 against 1", ""),
                      ("cpu_us_1", "1: CPU", "µs"), ("cpu_us_2", "2: CPU", "µs"), ("client_cpu_us_2", "client's CPU", "µs"))),
)
