#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What questions about N domains cost on a real Xen: by drover, by xl and by libvirtd, side by side in one lab.

    tests/xenlab/bench.py [--xenstored c|ocaml] [--domains 10,100,1000] [--rounds 9]
                          [--questions list,domid] [--running]

For each N so many domains are made (xenlab-domains: an id, a name, no memory), and each question is asked as a call of a
client that stays connected (python-libvirt, in the dom0) and as a whole command, xl or virsh. Times are medians. What reached
xenstored is counted by xenstored's own log, over all rounds of the calls after a first one. Prints a table in Markdown.
--running: uses the lab that runs (tests/xenlab/boot) instead of one of its own."""

import argparse
import json
import os
import statistics
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as xenlab  # noqa: E402

MANY = "/build/tests/xenlab/xenlab-domains"

# Runs in the dom0: one connection, each question once to warm up, then `rounds` times. Its output is a line of JSON.
CLIENT = r"""
import json, os, sys, time, libvirt
uri, question, rounds, name, number = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
conn = libvirt.open(uri)
domain = conn.lookupByName(name)
def dominfo():
    d = conn.lookupByName(name)
    d.info(), d.UUIDString(), d.autostart(), d.isPersistent(), d.hasManagedSaveImage()
USUAL = libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL | libvirt.VIR_DOMAIN_STATS_BALLOON
ask = {
    "list": lambda: conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE),
    "domid": lambda: conn.lookupByName(name).ID(),
    "domname": lambda: conn.lookupByID(number).name(),
    "domuuid": lambda: conn.lookupByName(name).UUIDString(),
    "dominfo": dominfo,
    "domstats": lambda: conn.getAllDomainStats(USUAL),
}[question]
ask()
print("ready", flush=True)
while not os.path.exists("/run/go"):
    time.sleep(0.05)
times = []
for _ in range(rounds):
    start = time.perf_counter()
    ask()
    times.append(time.perf_counter() - start)
print(json.dumps(times), flush=True)
"""
QUESTIONS = ("list", "domid", "domname", "domuuid", "dominfo", "domstats")


def milliseconds(times):
    return statistics.median(times) * 1000


class Bench:
    def __init__(self, lab, rounds):
        self.lab, self.rounds = lab, rounds
        lab.write("/run/bench.py", CLIENT)

    def call(self, uri, question, name, number):
        """(median ms of a call, requests of one call). The client is connected and has asked once before it counts."""
        lab = self.lab
        # a marker file is looked for twice: when the client has asked once, and when it shall go on
        lab.sh(
            f"rm -f /run/go /run/bench.out; python3 /run/bench.py '{uri}' {question} {self.rounds} {name} {number} "
            "</dev/null >/run/bench.out 2>&1 & for ((i = 0; i < 600; i++)); do "
            "grep -q ready /run/bench.out && exit; sleep 0.1; done; cat /run/bench.out; exit 1",
            timeout=120,
        )
        with lab.accesses() as seen:
            lab.sh(
                "touch /run/go; for ((i = 0; i < 1200; i++)); do grep -q '^\\[' /run/bench.out && exit; sleep 0.1; done; "
                "cat /run/bench.out; exit 1",
                timeout=180,
            )
        lines = lab.read("/run/bench.out").splitlines()
        assert lines and lines[-1].startswith("["), lines
        return milliseconds(json.loads(lines[-1])), len(seen) / self.rounds

    def command(self, *argv, rounds=3):
        """(median ms of a whole command, requests of one)."""
        with self.lab.accesses() as seen:
            times = self.lab.seconds_of(*argv, rounds=rounds)
        return milliseconds(times), len(seen) / rounds


def fmt(found):
    return "–" if found is None else f"{found[0]:.2f} ms, {found[1]:.0f}"


def measure(bench, drover, n, questions):
    name = f"many-{n // 2}"
    number = int(bench.lab.xl("domid", name).out)
    rows = []
    for question in questions:
        ours = bench.call(drover.uri(), question, name, number)
        argv = {"list": ["list"], "domstats": ["domstats", "--state", "--cpu-total", "--balloon"],
                "domname": ["domname", str(number)]}.get(question, [question, name])
        ours_command = bench.command("virsh", "-c", drover.uri(), *argv)
        xl = {"list": ["list"], "domid": ["domid", name], "domname": ["domname", str(number)]}.get(question)
        theirs = bench.command("xl", *xl) if xl else None
        ratio = f"{theirs[0] / ours[0]:.0f}" if theirs else "–"
        rows.append(f"| {n} | {question} | {fmt(ours)} | {fmt(ours_command)} | {fmt(theirs)} | {ratio} |")
        print(rows[-1], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xenstored", choices=["c", "ocaml"], default="c")
    parser.add_argument("--domains", default="10,100,1000")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--questions", default=",".join(QUESTIONS))
    parser.add_argument("--running", action="store_true")
    args = parser.parse_args()
    lab = xenlab.Lab(args.xenstored)
    if not args.running:
        lab.prepare()
        lab.boot()
    drover = xenlab.Droverd(lab).start()
    bench = Bench(lab, args.rounds)
    print("| N | question | drover, call | drover, virsh | xl | xl : drover's call |")
    print("| ---: | --- | --- | --- | --- | ---: |")
    try:
        for n in map(int, args.domains.split(",")):
            lab.run(MANY, "make", str(n), timeout=600)
            try:
                measure(bench, drover, n, args.questions.split(","))
            finally:
                lab.run(MANY, "remove", timeout=600)
    finally:
        drover.stop()
        if not args.running:
            lab.stop()


if __name__ == "__main__":
    main()
