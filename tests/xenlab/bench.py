#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Xen's guests cost: questions about N domains, making and saving guests; by drover, by xl and by libvirtd, side by
side in one lab.

    tests/xenlab/bench.py [--xenstored c|ocaml] [--parts questions,create,images,parallel] [--domains 10,100,1000]
                          [--rounds 9] [--questions list,domid] [--guest-rounds 5] [--running]

questions: for each N so many domains are made (xenlab-domains: an id, a name, no memory), and each question is asked as a call
of a client that stays connected (python-libvirt, in the dom0) and as a whole command, xl or virsh, in turns. Times are
medians. What reached xenstored is counted by xenstored's own log, over all rounds of the calls after a first one. libvirtd shows
domains that it has made itself only: it is asked about as many small guests as --peer-domains says, and has a line of its own.
The other parts are told in bench_guests.py. Prints tables in Markdown.
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
GUESTS = "/src/tests/xenlab/bench_guests.py"
PEER = "xen:///system"
INSTALLED = "/opt/drover"

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

    def commands(self, *lines, rounds=3):
        """(median ms of a whole command, requests of one) of each, which take turns; None for one that is None."""
        times, requests = [[] for _ in lines], [0 for _ in lines]
        for _ in range(rounds):
            for i, argv in enumerate(lines):
                if argv:
                    with self.lab.accesses() as seen:
                        times[i] += self.lab.seconds_of(*argv, rounds=1)
                    requests[i] += len(seen)
        return [(milliseconds(t), n / rounds) if t else None for t, n in zip(times, requests)]


def fmt(found):
    return "–" if found is None else f"{found[0]:.2f} ms, {found[1]:.0f}"


# --- questions


def measure(bench, drover, n, questions):
    name = f"many-{n // 2}"
    number = int(bench.lab.xl("domid", name).out)
    rows = []
    for question in questions:
        ours = bench.call(drover.uri(), question, name, number)
        argv = {"list": ["list"], "domstats": ["domstats", "--state", "--cpu-total", "--balloon"],
                "domname": ["domname", str(number)]}.get(question, [question, name])
        xl = {"list": ["list"], "domid": ["domid", name], "domname": ["domname", str(number)]}.get(question)
        ours_command, theirs = bench.commands(["virsh", "-c", drover.uri(), *argv], ["xl", *xl] if xl else None)
        ratio = f"{theirs[0] / ours[0]:.0f}" if theirs else "–"
        rows.append(f"| {n} | {question} | {fmt(ours)} | {fmt(ours_command)} | {fmt(theirs)} | {ratio} |")
        print(rows[-1], flush=True)
    return rows


def measure_peer(bench, n, questions):
    """libvirtd beside the rest: guests of its own, of 4 MiB."""
    bench.lab.run("start-libvirtd", timeout=120)
    try:
        bench.lab.run("python3", GUESTS, "keep", str(n), PEER, timeout=1200)
        for question in questions:
            if question == "domstats":  # which its Xen driver hasn't
                continue
            found = bench.call(PEER, question, f"bench-small-{n // 2}", int(bench.lab.xl("domid", "bench-small-1").out))
            print(f"| {n} | {question}, libvirtd's call | {fmt(found)} | | | |", flush=True)
    finally:
        bench.lab.clean()
        bench.lab.sh("kill $(pidof libvirtd)", ok=None)


def ask_questions(bench, drover, args):
    questions = args.questions.split(",")
    print("Median, and requests that reach xenstored:\n", flush=True)
    print("| N | question | drover, call | drover, virsh | xl | xl : drover's call |")
    print("| ---: | --- | --- | --- | --- | ---: |")
    for n in map(int, args.domains.split(",")):
        bench.lab.run(MANY, "make", str(n), timeout=600)
        try:
            measure(bench, drover, n, questions)
        finally:
            bench.lab.run(MANY, "remove", timeout=600)
    if args.peer_domains:
        measure_peer(bench, args.peer_domains, questions)


# --- guests


def line(what, ours, theirs, note=""):
    print(f"| {what} | {ours:.2f} s | {theirs:.2f} s | {theirs / ours:.2f} | {note} |", flush=True)


def run_part(bench, part, rounds, *uris):
    """what → median seconds"""
    out = bench.lab.run("python3", GUESTS, part, str(rounds), *uris, timeout=3600).out
    found = json.loads(out.splitlines()[-1])
    print(f"\n{part}, all rounds: {json.dumps({k: [round(t, 2) for t in v] for k, v in found.items()})}", file=sys.stderr)
    return {what: statistics.median(times) for what, times in found.items()}


def measure_create(bench, drover, rounds):
    found = run_part(bench, "create", rounds, drover.uri())
    for what in ("create", "destroy"):
        for how in ("call", "virsh"):
            line(f"{what} a guest with disk and interface ({how})", found[f"{what}: drover, {how}"], found[f"{what}: xl"])


def measure_images(bench, drover, rounds):
    found = run_part(bench, "images", rounds, drover.uri())
    line("save 96 MiB", found["save: drover, call"], found["save: xl"],
         f"xl and sync: {found['save: xl'] + found['save: sync after xl']:.2f} s")
    line("restore 96 MiB", found["restore: drover, call"], found["restore: xl"],
         f"bytes: {found['bytes: drover']:.0f}, xl's {found['bytes: xl']:.0f}")


def measure_parallel(bench, drover, rounds):
    bench.lab.run("start-libvirtd", timeout=120)
    try:
        found = run_part(bench, "parallel", rounds, drover.uri(), PEER)
    finally:
        bench.lab.sh("kill $(pidof libvirtd)", ok=None)
    for what in ("create", "destroy"):
        for peer in ("xl", "libvirtd"):
            for how in (f"{what} alone", f"{what}, 20 at once", f"{what}, all 20"):
                line(f"{how}, beside {peer}", found[f"drover: {how}"], found[f"{peer}: {how}"])
        shares = {key.split(": ")[1]: share for key, share in found.items() if key.startswith(f"waits, {what}: ")}
        worst = max(shares, key=shares.get)
        print(f"| {what}, 20 at once: all threads' waits for the locks of the class {worst}, of the time | {shares[worst]:.2f} % | | | "
              "the longest |", flush=True)


def measure_guests(bench, drover, args, parts):
    print("\n| | drover | peer (xl if not named) | peer : drover | |\n| --- | ---: | ---: | ---: | --- |")
    for part in parts:
        {"create": measure_create, "images": measure_images, "parallel": measure_parallel}[part](
            bench, drover, args.guest_rounds)


def install(lab):
    """Programs lie on the dom0's disk, as xl does, and not on this machine's, which the dom0 sees over a network."""
    lab.sh(f"mkdir -p {INSTALLED}; cp /build/server/droverd /build/drivers/driver_xen.so /build/drivers/xen-hotplug {INSTALLED}")
    drover = xenlab.Droverd(lab, {"module_dir": INSTALLED})
    drover.PROGRAM = f"{INSTALLED}/droverd"
    return drover


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xenstored", choices=["c", "ocaml"], default="c")
    parser.add_argument("--domains", default="10,100,1000")
    parser.add_argument("--peer-domains", type=int, default=10)
    parser.add_argument("--parts", default="questions,create,images,parallel")
    parser.add_argument("--guest-rounds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--questions", default=",".join(QUESTIONS))
    parser.add_argument("--running", action="store_true")
    args = parser.parse_args()
    lab = xenlab.Lab(args.xenstored)
    if not args.running:
        lab.prepare()
        lab.boot()
    else:
        lab.slow = 5.0  # nobody has seen how long it took to boot
    drover = install(lab).start()
    bench = Bench(lab, args.rounds)
    parts = args.parts.split(",")
    try:
        if "questions" in parts:
            ask_questions(bench, drover, args)
        if parts != ["questions"]:
            measure_guests(bench, drover, args, [part for part in parts if part != "questions"])
    finally:
        drover.stop()
        if not args.running:
            lab.stop()


if __name__ == "__main__":
    main()
