#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long guests take to come and to go: by drover, by xl and by libvirtd. Runs in the dom0, for bench.py.

    bench_guests.py PART ROUNDS DROVER-URI [PEER-URI]

PART is one of
    create      a guest of 96 MiB with a file for a disk and an interface on a bridge: made, destroyed
    images      a guest of 96 MiB: saved, restored
    parallel    guests of 4 MiB, first one alone, then 20 at once
    keep        ROUNDS guests of 4 MiB, which stay

Everything is measured in rounds in which each of them has its turn; Xen's own scripts serve xl. A "call" is one of a client that
is connected; whole commands are virsh's and xl's. The last line of the output is JSON: what → seconds of each round; "waits"
are per cent of the time."""

import concurrent.futures
import json
import os
import subprocess
import sys
import time

import libvirt

GUEST = "/root/guest"
SPACE = "/root"  # a disk, not the memory that /run and /tmp are
MANY = 20
DROVERCTL = "/build/server/droverctl"


def document(name, number, memory, kernel, initrd="", devices=""):
    return f"""<domain type='xen'><name>{name}</name>
<uuid>8d1f0d5e-6a64-4d0e-9f0b-{number:012x}</uuid><memory unit='MiB'>{memory}</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='xenpv'>linux</type><kernel>{GUEST}/{kernel}</kernel>{initrd}
<cmdline>console=hvc0 loglevel=3 panic=5</cmdline></os><on_crash>destroy</on_crash>
<devices><console type='pty'><target type='xen' port='0'/></console>{devices}</devices></domain>"""


def linux(name, number, devices=""):
    return document(name, number, 96, "vmlinuz", f"<initrd>{GUEST}/initrd.img</initrd>", devices)


class Times:
    def __init__(self):
        self.found = {}

    def take(self, what, work, *args):
        start = time.perf_counter()
        result = work(*args)
        self.found.setdefault(what, []).append(time.perf_counter() - start)
        return result

    def command(self, what, *argv):
        self.take(what, run, *argv)


def run(*argv):
    """What it has written; an error ends the program."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: {done.stdout}")
    return done.stdout


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


# --- made and destroyed --------------------------------------------------------------------------------------------------


def create(times, rounds, uri):
    image = f"{SPACE}/bench-%s.img"
    for who in ("drover", "xl"):
        with open(image % who, "wb") as file:
            file.truncate(64 << 20)
    text = linux("bench-drover", 1, f"""<disk type='file' device='disk'><driver name='phy'/>
<source file='{image % 'drover'}'/><target dev='xvda' bus='xen'/></disk>
<interface type='bridge'><mac address='00:16:3e:00:00:05'/><source bridge='xenbr0'/></interface>""")
    path = write("/run/bench.xml", text)
    xl = [f"{GUEST}/pv.cfg", 'name="bench-xl"', f'disk=["vdev=xvda,access=rw,target={image % "xl"}"]',
          'vif=["mac=00:16:3e:00:00:06,bridge=xenbr0"]']
    conn = libvirt.open(uri)
    for _ in range(rounds):
        domain = times.take("create: drover, call", conn.createXML, text)
        times.take("destroy: drover, call", domain.destroy)
        times.command("create: xl", "xl", "create", "-q", *xl)
        times.command("destroy: xl", "xl", "destroy", "bench-xl")
        times.command("create: drover, virsh", "virsh", "-q", "-c", uri, "create", path)
        times.command("destroy: drover, virsh", "virsh", "-q", "-c", uri, "destroy", "bench-drover")
    for who in ("drover", "xl"):
        os.unlink(image % who)


# --- saved and restored --------------------------------------------------------------------------------------------------


def images(times, rounds, uri):
    conn = libvirt.open(uri)
    domain = conn.createXML(linux("bench-drover", 1))
    run("xl", "create", "-q", f"{GUEST}/pv.cfg", 'name="bench-xl"')
    ours, theirs = f"{SPACE}/bench-drover.save", f"{SPACE}/bench-xl.save"
    time.sleep(30)  # they boot; what isn't up then takes part in the measurement of both
    for _ in range(rounds):
        os.sync()
        times.take("save: drover, call", domain.save, ours)
        os.sync()
        times.command("save: xl", "xl", "save", "bench-xl", theirs)
        times.command("save: sync after xl", "sync", theirs)
        times.take("restore: drover, call", conn.restore, ours)
        times.command("restore: xl", "xl", "restore", theirs)
        times.found["bytes: drover"] = [os.path.getsize(ours)]
        times.found["bytes: xl"] = [os.path.getsize(theirs)]
        domain = conn.lookupByName("bench-drover")
        time.sleep(5)
    domain.destroy()
    run("xl", "destroy", "bench-xl")
    os.unlink(ours)
    os.unlink(theirs)


# --- many at once --------------------------------------------------------------------------------------------------------


def idle(who, number):
    return document(f"bench-{who}-{number}", number + 1, 4, "idle-pv")


def by_library(uri, many=MANY):
    """How to make and to destroy a small guest, each with a connection of its own."""
    conns = [libvirt.open(uri) for _ in range(many)]

    def make(number):
        conns[number].createXML(idle("small", number))

    def destroy(number):
        conns[number].lookupByName(f"bench-small-{number}").destroy()

    return make, destroy


def by_xl():
    def make(number):
        run("xl", "create", "-q", f"{GUEST}/idle-pv.cfg", f'name="bench-small-{number}"')

    def destroy(number):
        run("xl", "destroy", f"bench-small-{number}")

    return make, destroy


def locks(uri, *words):
    """What droverctl says of the server's locks."""
    sockets = os.path.dirname(uri.split("socket=")[1])
    return run(DROVERCTL, "locks", *words, "--socket", f"{sockets}/libvirt-admin-sock")


def longest_waits(uri):
    """{class: per cent of the time since --reset that all threads together have waited for it}"""
    profile = json.loads(locks(uri, "--json"))
    return {row["class"]: 100 * row["waited_ns"] / profile["elapsed_ns"] for row in profile["classes"]}


def parallel(times, rounds, uri, peer=None):
    whos = {"drover": by_library(uri), "xl": by_xl()}
    if peer:
        whos["libvirtd"] = by_library(peer)
    with concurrent.futures.ThreadPoolExecutor(MANY) as pool:
        for _ in range(rounds):
            for who, (make, destroy) in whos.items():
                times.take(f"{who}: create alone", make, 0)
                times.take(f"{who}: destroy alone", destroy, 0)
            for who, (make, destroy) in whos.items():
                for what, work in (("create", make), ("destroy", destroy)):
                    if who == "drover":
                        locks(uri, "--reset")
                    start = time.perf_counter()
                    list(pool.map(lambda n, work=work, key=f"{who}: {what}, {MANY} at once": times.take(key, work, n),
                                  range(MANY)))
                    times.found.setdefault(f"{who}: {what}, all {MANY}", []).append(time.perf_counter() - start)
                    if who == "drover":
                        for name, share in longest_waits(uri).items():
                            times.found.setdefault(f"waits, {what}: {name}", []).append(share)


def keep(times, number, uri):
    make, _ = by_library(uri, number)
    for i in range(number):
        times.take("create", make, i)


def main(part, rounds, *uris):
    times = Times()
    {"create": create, "images": images, "parallel": parallel, "keep": keep}[part](times, int(rounds), *uris)
    print(json.dumps(times.found))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
