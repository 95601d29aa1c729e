# SPDX-License-Identifier: LGPL-2.1-or-later
"""The parts of docs/performance.md: which scenarios or tools make up each, and what is drawn of it. For bench/run and
bench/page.py; nothing here measures."""

import fnmatch
from dataclasses import dataclass


@dataclass(frozen=True)
class Plot:
    """Bars for each scenario, or lines over the rows of one scenario that has a table of its own."""
    title: str
    figure: str                     # bars: one; lines: its name before the @
    unit: str
    scenarios: tuple = ()           # bars: patterns
    scenario: str = ""              # lines
    rows: tuple = ()                # lines: only these; () is all
    numbers: bool = False           # lines: the rows' keys are numbers, drawn by their size


@dataclass(frozen=True)
class Part:
    name: str
    title: str
    scenarios: tuple = ()           # of run-rpc, as patterns
    tool: tuple = ()                # or another program of this folder, with its words; it takes --json FILE
    plots: tuple = ()
    rounds: int = 0                 # at most so many; 0: as many as asked for
    usual: bool = True              # measured when nothing else is asked for


def p50(*scenarios):
    return Plot("Half of the calls are answered within", "p50_us", "µs", scenarios)


def p99(*scenarios):
    return Plot("99 of 100 calls are answered within", "p99_us", "µs", scenarios)


PARTS = (
    Part("calls", "Calls that do almost nothing",
         ("version-*", "info-*", "serial", "idle-1000", "lookup-*", "dumpxml", "mixed", "connect"),
         plots=(Plot("Calls each second", "rate", "calls/s", ("version-*", "info-*", "serial", "idle-1000", "lookup-*", "dumpxml", "mixed",
                                                              "connect")),
                Plot("Processor time of the server for a call", "cpu_us", "µs",
                     ("version-*", "info-*", "serial", "idle-1000", "lookup-*", "dumpxml", "mixed", "connect")))),
    Part("list-growth", "Lists and statistics", ("listall", "domstats", "domstats-all", "list-growth"),
         plots=(Plot("One list of all domains: half of the calls within", "p50_us", "µs", scenario="list-growth", numbers=True),
                Plot("`virsh list --all` as a whole", "command_ms", "ms", scenario="list-growth", numbers=True))),
    Part("quick-behind-slow", "Quick calls behind slow ones", ("behind-*", "beside-24"), plots=(p50("behind-*", "beside-24"),)),
    Part("stuck-guest", "A guest that hangs", ("stuck-guest",),
         plots=(Plot("Statistics of all: half of the calls within", "domstats-all_p50_us", "µs", scenario="stuck-guest"),)),
    Part("exporter-during-migration", "An exporter beside calls that last", ("exporter-during-migration",)),
    Part("parallel-definers", "Definitions", ("durable-define-*", "parallel-definers", "define", "define-undefine"),
         plots=(Plot("A definition kept on disk: half of the calls within", "p50_us", "µs", scenario="parallel-definers"),
                Plot("Definitions kept on disk each second", "rate", "calls/s", scenario="parallel-definers"))),
    Part("parallel-starters", "Starts", ("parallel-starters", "slow-starters", "start-destroy"),
         plots=(Plot("A start or an end: half of the calls within", "p50_us", "µs", scenario="parallel-starters"),)),
    Part("events", "Events, and clients that don't read", ("events-*", "deaf-*"),
         plots=(Plot("Events each second", "rate", "events/s", ("events-*",)),)),
    Part("start", "The server's own start, and its memory", ("start", "memory"), rounds=3),
    Part("fairness", "One user beside another", ("fair-*",), rounds=3, plots=(p50("fair-*"), p99("fair-*"))),
    Part("tls", "Over TLS", ("tls-*",), rounds=3,
         plots=(Plot("Handshakes, or calls, each second", "rate", "each second", ("tls-shake-*", "tls-version-*", "tls-info-*", "tls-listall")),
                Plot("Processor time of the server for each", "cpu_us", "µs",
                     ("tls-shake-*", "tls-version-*", "tls-info-*", "tls-listall", "tls-idle-1000")))),
    Part("monitoring", "Monitoring", ("scrape",), rounds=3),
    Part("io-threads", "One I/O thread and two", ("io-threads",), rounds=3),
    Part("documents", "Documents", tool=("run-documents",)),
    Part("waits", "What is waited for", tool=("locks", "waits"), rounds=1),
    Part("cost", "What the profile of locks costs", tool=("locks", "cost"), rounds=4),
    Part("before", "What was waited for before", tool=("locks", "waits", "--load", "durable-define-1", "durable-define-5",
                                                     "durable-define-20", "durable-define-1x20"), rounds=1),
    Part("xen", "On Xen", tool=("../tests/xenlab/bench.py",), usual=False),
)


def chosen_parts(names):
    """[(part, names of its scenarios to measure or None for all)], in the order of the page. A name is a part's, the beginning
    of one part's, or a scenario's (with * and ?). Raises ValueError with a message."""
    chosen = {}
    for name in names:
        parts = [part for part in PARTS if part.name == name] or [part for part in PARTS if part.name.startswith(name)]
        if len(parts) > 1:
            raise ValueError(f"{name} may be {' or '.join(part.name for part in parts)}")
        if parts:
            chosen[parts[0].name] = None
            continue
        parts = [part for part in PARTS if any(fnmatch.fnmatch(name, pattern) for pattern in part.scenarios)]
        if not parts:
            raise ValueError(f"there is no part and no scenario {name}; bench/run --list names them")
        if chosen.get(parts[0].name, ()) is not None:
            chosen.setdefault(parts[0].name, []).append(name)
    if not names:
        return [(part, None) for part in PARTS if part.usual]
    return [(part, chosen[part.name]) for part in PARTS if part.name in chosen]
