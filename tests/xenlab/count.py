#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks drover many times and says what one question has cost. Runs in the dom0, for test_counters.py.

    count.py URI METRICS-SOCKET NAME ROUNDS

NAME: a running guest. A line for each question: its name, how many hypercalls one cost and how many requests to xenstored, by
what the driver counts of itself. The looks that the observer has taken by itself meanwhile are subtracted: each is a pass
that lists all domains."""

import re
import socket
import sys

import libvirt

FIGURES = {"hypercalls": "xen_hypercalls_total", "requests": "xen_store_requests_total", "passes": "xen_passes_total"}


def figures(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        with sock.makefile(encoding="utf-8") as file:
            text = file.read()
    found = {what: re.search(rf"^drover_{name}\{{[^}}]*xen:[^}}]*\}} (\S+)$", text, re.M) for what, name in FIGURES.items()}
    if None in found.values():
        sys.exit(f"the metrics are not there: {text[:2000]}")
    return {what: int(float(match[1])) for what, match in found.items()}


def questions(conn, name):
    """What is asked of one domain goes by its handle, as the second of two calls does."""
    domain = conn.lookupByName(name)
    number, uuid = domain.ID(), domain.UUID()
    return {
        "list": conn.listAllDomains,
        "by-name": lambda: conn.lookupByName(name),
        "by-id": lambda: conn.lookupByID(number),
        "by-uuid": lambda: conn.lookupByUUID(uuid),
        "info": domain.info,
        "state": domain.state,
        "stats": lambda: conn.getAllDomainStats(
            libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL | libvirt.VIR_DOMAIN_STATS_BALLOON),
    }


def main(uri, path, name, rounds):
    conn, rounds = libvirt.open(uri), int(rounds)
    sweep = len(conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)) // 1024 + 1
    for question, ask in questions(conn, name).items():
        ask()
        before = figures(path)
        for _ in range(rounds):
            ask()
        after = figures(path)
        cost = {what: after[what] - before[what] for what in FIGURES}
        print(question, (cost["hypercalls"] - cost["passes"] * sweep) / rounds, cost["requests"] / rounds, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
