# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is compared: one Scenario for each row of the table of goals, and some without a goal. Each measures one server
once and returns its figures; run-rpc alternates servers and rounds."""

from collections.abc import Callable
from dataclasses import dataclass, field

KIB = 1024


@dataclass(frozen=True)
class Goal:
    """What one figure must come to. kind: rate (at least limit times the first server's), cost (at most 1/limit of the
    first server's), most (at most limit, whatever the first has), least (at least limit)."""
    figure: str
    text: str
    kind: str
    limit: float
    unit: str = ""


@dataclass(frozen=True)
class Scenario:
    name: str
    about: str
    measure: Callable
    goals: tuple = ()
    stage: str = "domains"          # which instance of the servers it needs: domains, store, or none of its own
    most_rounds: int = 99
    options: dict = field(default_factory=dict)
    # a table of its own: (key, title) of each row and (figure, title, unit) of each column; the figures are FIGURE@KEY
    rows: tuple = ()
    columns: tuple = ()


def figures_of(result):
    """The figures that every run of calls has, under short names."""
    server = result.get("server", {})
    figures = {"rate": result["rate"], "p50_us": result.get("p50_us"), "p90_us": result.get("p90_us"),
               "p99_us": result.get("p99_us"), "p999_us": result.get("p999_us"), "max_us": result.get("max_us"),
               "cpu_us": server.get("cpu_us_per_call"), "rss_kib": server.get("rss_kib"),
               "client_cpu_us": result.get("client_cpu_us_per_call"), "threads": server.get("threads")}
    if server:
        figures["switches"] = server["voluntary_switches_per_call"] + server["involuntary_switches_per_call"]
    return {key: value for key, value in figures.items() if value is not None}


def measure_calls(bench, server, load, connections=1, depth=1, same_cpu=False, store=False, extra=()):
    words = ["--load", load, "-c", str(connections), "-d", str(depth), *extra]
    return figures_of(bench.load(server, "run", *words, same_cpu=same_cpu, store=store))


def measure_with_syscalls(bench, server, **options):
    """As measure_calls; the first time also counts system calls, in a run of its own because that slows the server."""
    figures = measure_calls(bench, server, **options)
    if bench.first_round:
        words = ["--load", options["load"], "-c", str(options.get("connections", 1)), "-d", str(options.get("depth", 1))]
        counted = bench.load(server, "run", *words, "--count-syscalls", "--seconds", "0.3", store=options.get("store", False))
        if counted["server"]["syscalls_per_call"] is not None:
            figures["syscalls"] = counted["server"]["syscalls_per_call"]
        else:
            bench.note(f"system calls can't be counted here: {counted['server']['syscalls_note']}")
    return figures


def measure_idle(bench, server):
    alone = measure_calls(bench, server, "version", same_cpu=True)
    figures = measure_calls(bench, server, "version", same_cpu=True, extra=("--idle", "1000"))
    figures["cpu_growth"] = figures["cpu_us"] / alone["cpu_us"]
    return figures


def long_enough(bench):
    """Where a single call may take a tenth of a second, more time gives more than a handful."""
    return ("--seconds", str(max(2, bench.options.seconds)))


def measure_behind(bench, server, quick, slow, depth, store=False):
    alone = measure_calls(bench, server, quick, store=store, extra=("--keep-awake",))
    result = bench.load(server, "run", "--load", quick, "--slow", slow, "--slow-depth", str(depth), "--keep-awake",
                        *long_enough(bench), store=store)
    figures = figures_of(result)
    figures["alone_p50_us"] = alone["p50_us"]
    if "p50_us" in figures:
        figures["slowdown"] = figures["p50_us"] / alone["p50_us"]
    figures["slow_rate"] = result["slow"]["rate"]
    return figures


def measure_beside(bench, server):
    result = bench.load(server, "run", "--load", "info", "--slow", "domstats", "--slow-connections", "24",
                        *long_enough(bench))
    figures = figures_of(result)
    figures["slow_rate"] = result["slow"]["rate"]
    return figures


def measure_start(bench, server):
    """The store's server starts anew; its files are in the page cache for either."""
    server.stop()
    began = server.start(wait=False)
    result = bench.load(server, "first", "--since", str(began), store=True)
    if result["domains"] < bench.options.domains:
        raise RuntimeError(f"{server.name} has {result['domains']} of {bench.options.domains} domains after its start")
    return {"seconds": result["seconds"], "cpu_s": result["server"]["cpu_s"], "rss_kib": result["server"]["rss_kib"]}


def measure_events(bench, server, batch):
    alone = bench.load(server, "events", "--subscribers", "0", "--batch", str(batch))
    result = bench.load(server, "events", "--subscribers", "100", "--batch", str(batch))
    return {"rate": result["rate"], "cpu_us": result["server"]["cpu_us_per_call"], "p50_us": result["last"]["p50_us"],
            "p99_us": result["last"]["p99_us"], "call_p50_us": result["call"]["p50_us"],
            "call_alone_p50_us": alone["call"]["p50_us"],
            "maker_slowdown": result["call"]["p50_us"] / alone["call"]["p50_us"]}


def deaf_figures(result):
    deaf = result["deaf"]
    return {"growth_kib": deaf["peak_kib_each"], "closed": deaf["closed"] / deaf["clients"],
            "closed_after_s": deaf.get("last_closed_s"), "p50_us": result.get("p50_us"), "p99_us": result.get("p99_us"),
            "rate": result["rate"]}


def measure_deaf_subscriber(bench, server):
    with bench.fresh(server) as fresh:
        bench.fill(fresh, 100)
        makers = ["--load", "start-destroy", "-c", "4", "-d", "4"]
        alone = bench.load(fresh, "run", *makers)
        result = bench.load(fresh, "run", *makers, "--deaf-subscribers", "1", "--seconds", str(bench.long_seconds))
        figures = deaf_figures(result)
        figures["rate_kept"] = result["rate_last_quarter"] / alone["rate"]
        return figures


def measure_deaf_caller(bench, server):
    with bench.fresh(server) as fresh:
        bench.fill(fresh, bench.options.domains)
        bench.load(fresh, "run", "--load", "listall", "-c", "4", "--seconds", "0.5")
        result = bench.load(fresh, "run", "--load", "info", "--deaf-callers", "100", "--seconds", str(bench.long_seconds))
        return deaf_figures(result)


def measure_memory(bench, server):
    with bench.fresh(server) as fresh:
        first = bench.load(fresh, "first")
        idle = bench.load(fresh, "idle", "--idle", "1000")["idle"]
        fill = bench.fill(fresh, bench.options.domains)
        domain = (fill["anon_after_kib"] - fill["anon_before_kib"]) * KIB / bench.options.domains
        return {"rss_kib": first["server"]["rss_kib"], "anon_kib": first["server"]["anon_kib"],
                "threads": first["server"]["threads"], "idle_kib": idle["anon_kib_each"],
                "document_bytes": fill["document_bytes"], "domain_bytes": domain,
                "beyond_document_bytes": domain - fill["document_bytes"]}


def calls(name, about, goals=(), stage="domains", counted=True, **options):
    measure = measure_with_syscalls if counted else measure_calls
    return Scenario(name, about, lambda bench, server: measure(bench, server, **options), tuple(goals), stage, 99, options)


def behind(name, about, quick, slow, depth, store=False):
    return Scenario(name, about, lambda bench, server: measure_behind(bench, server, quick, slow, depth, store),
                    (Goal("slowdown", "p50, against alone", "most", 1.5),), "store" if store else "domains")


def rate(limit):
    return Goal("rate", "calls/s", "rate", limit)


def cpu(limit):
    return Goal("cpu_us", "CPU per call", "cost", limit, "µs")


SCENARIOS = (
    calls("version-16x1", "getLibVersion, 16 connections", (rate(6), cpu(9)), load="version", connections=16),
    calls("info-16x1", "info, 16 connections", (rate(6), cpu(9)), load="info", connections=16),
    calls("version-16x5", "getLibVersion, 16 connections, 5 calls in flight on each", (rate(20),), load="version",
          connections=16, depth=5),
    calls("info-16x5", "info, 16 connections, 5 calls in flight on each", (rate(20),), load="info", connections=16, depth=5),
    calls("serial", "getLibVersion, a serial caller, both on one CPU", (rate(4),), load="version", same_cpu=True),
    Scenario("idle-1000", "the serial caller with 1,000 idle connections beside it", measure_idle,
             (rate(12), Goal("cpu_growth", "CPU per call, against none idle", "most", 1.1))),
    calls("listall", "the list of all domains", (cpu(30),), load="listall"),
    calls("domstats", "the state of all domains", (cpu(15),), load="domstats"),
    behind("behind-8", "getLibVersion behind 8 domstats on its connection", "version", "domstats", 8),
    behind("behind-19", "info behind 19 lists on its connection", "info", "listall", 19),
    behind("behind-8-writes", "getLibVersion behind 8 definitions kept on disk on its connection", "version", "define", 8, True),
    behind("behind-19-writes", "info behind 19 of these", "info", "define", 19, True),
    Scenario("beside-24", "info while 24 domstats run on other connections", measure_beside,
             (Goal("p50_us", "p50", "most", 200, "µs"), Goal("p99_us", "p99", "most", 5000, "µs"))),
    calls("durable-define-1", "definitions kept on disk, 1 connection", (rate(2),), "store", load="define", store=True),
    calls("durable-define-20", "definitions kept on disk, 20 connections", (rate(5),), "store", load="define", connections=20,
          store=True),
    Scenario("start", "from exec to the first list of all stored domains", measure_start,
             (Goal("seconds", "seconds", "cost", 15, "s"),), "store"),
    Scenario("events-100", "100 subscribers, a serial maker of events", lambda bench, server: measure_events(bench, server, 1),
             (Goal("rate", "events/s", "rate", 4), Goal("cpu_us", "CPU per event", "cost", 6, "µs"),
              Goal("maker_slowdown", "the maker's call p50, against no subscriber", "most", 2))),
    Scenario("deaf-subscriber", "one subscriber that never reads, 16 calls that make events", measure_deaf_subscriber,
             (Goal("growth_kib", "memory for it", "most", 1024, "KiB"), Goal("closed", "closed", "least", 1),
              Goal("rate_kept", "the makers' rate at the end, against none deaf", "least", 0.9)), "", 2),
    Scenario("deaf-caller", "100 callers of lists that never read", measure_deaf_caller,
             (Goal("growth_kib", "memory for each", "most", 512, "KiB"), Goal("closed", "closed", "least", 1)), "", 2),
    Scenario("memory", "fresh; for an idle connection of 1,000; for a domain", measure_memory,
             (Goal("rss_kib", "resident when fresh", "most", 10 * KIB, "KiB"),
              Goal("idle_kib", "for an idle connection", "most", 2, "KiB"),
              Goal("beyond_document_bytes", "for a domain beyond its document", "most", 2 * KIB, "B")), "", 3),
    # without a goal
    Scenario("events-100-batch", "100 subscribers, 16 events at a time",
             lambda bench, server: measure_events(bench, server, 16)),
    calls("lookup-name", "lookup by name, 16 connections", load="lookup-name", connections=16),
    calls("lookup-uuid", "lookup by UUID, 16 connections", load="lookup-uuid", connections=16),
    calls("lookup-id", "lookup by id, 16 connections", load="lookup-id", connections=16),
    calls("dumpxml", "one document, 16 connections", load="dumpxml", connections=16),
    calls("mixed", "info, lookups, versions and documents, 16 connections of 5", load="mixed", connections=16, depth=5),
    calls("define", "new definitions in memory, 4 connections", load="define", connections=4),
    calls("define-undefine", "define and undefine in memory, 16 connections", load="define-undefine", connections=16),
    calls("start-destroy", "start and destroy, 4 connections", load="start-destroy", connections=4),
    calls("connect", "connect, open, close; 4 at a time", load="connect", connections=4),
    calls("domstats-all", "all groups of statistics of all domains", load="domstats-all"),
)
