#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changes guests through xl and through drover, and holds after each change all that xl tells of the host against all that
drover tells. Runs in the dom0, for test_agreement.py.

    agree.py URI NAME… <STEPS

A step is a line: a command with its words, or one of CALLS and what it is about. Nothing is waited for between a step and
the questions; drover is asked first, on a connection that stays open, since the next question has to be right. NAME: each
name that a guest has at some time. A difference ends the script with what was said; each step that was looked at is printed."""

import subprocess
import sys
import xml.etree.ElementTree as tree

import libvirt

ACTIVE = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
STATES = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_PAUSED: "p",
    libvirt.VIR_DOMAIN_SHUTDOWN: "s",
    libvirt.VIR_DOMAIN_CRASHED: "c",
}


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


CALLS = {
    "create": lambda conn, path: conn.createXML(text_of(path)),
    "define": lambda conn, path: conn.defineXML(text_of(path)),
    "start": lambda conn, name: conn.lookupByName(name).create(),
    "start-paused": lambda conn, name: conn.lookupByName(name).createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED),
    "suspend": lambda conn, name: conn.lookupByName(name).suspend(),
    "resume": lambda conn, name: conn.lookupByName(name).resume(),
    "destroy": lambda conn, name: conn.lookupByName(name).destroy(),
    "undefine": lambda conn, name: conn.lookupByName(name).undefine(),
    "vcpus": lambda conn, name, n: conn.lookupByName(name).setVcpusFlags(int(n), LIVE),
    "memory": lambda conn, name, mib: conn.lookupByName(name).setMemoryFlags(int(mib) * 1024, LIVE),
}


def run(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: {done.stdout}")
    return done.stdout


def xl_list():
    """id → name, UUID, MiB, state, virtual CPUs that are online, and all of them; of what is not dying."""
    cpus, found = {}, {}
    for row in run("xl", "vcpu-list").splitlines()[1:]:
        number, cpu = int(row.split()[1]), row.split()[3]
        online, total = cpus.get(number, (0, 0))
        cpus[number] = online + (cpu != "-"), total + 1
    for row in run("xl", "list", "--verbose").splitlines()[1:]:
        name, number, mib, _, flags, _, uuid = row.split()[:7]
        if "d" not in flags:
            state = next((letter for letter in "scp" if letter in flags), "running")
            found[int(number)] = (name, uuid, int(mib), state, *cpus[int(number)])
    return found


class Drover:
    def __init__(self, uri, names):
        self.conn, self.names, self.last = libvirt.open(uri), ["Domain-0", *names], 0

    @staticmethod
    def found(look, key):
        try:
            return look(key)
        except libvirt.libvirtError as problem:
            if problem.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
            return None

    # Each question gives id → name and UUID of all that run.

    def by_list(self):
        found = {d.ID(): (d.name(), d.UUIDString()) for d in self.conn.listAllDomains(ACTIVE)}
        self.last = max(self.last, 0, *found)
        return found

    def by_id(self):
        domains = [self.found(self.conn.lookupByID, number) for number in range(self.last + 4)]
        return {d.ID(): (d.name(), d.UUIDString()) for d in domains if d}

    def by_name(self):
        domains = [(name, self.found(self.conn.lookupByName, name)) for name in self.names]
        return {d.ID(): (name, d.UUIDString()) for name, d in domains if d and d.ID() >= 0}

    def details(self):
        """As xl_list; documents must say the same."""
        found = {}
        for domain in self.conn.listAllDomains(ACTIVE):
            state, _, kib, online, _ = domain.info()
            # a document can't have none of them online, as a domain that is half built has
            said = domain.name(), domain.UUIDString(), max(online, 1), domain.maxVcpus()
            root = tree.fromstring(domain.XMLDesc())
            vcpu = root.find("vcpu")
            written = root.findtext("name"), root.findtext("uuid"), int(vcpu.get("current", vcpu.text)), int(vcpu.text)
            if written != said:
                sys.exit(f"the document says {written}, and drover says {said}")
            found[domain.ID()] = (*said[:2], kib // 1024, STATES[state], online, said[3])
        return found


def look(drover, words, turn):
    questions = [drover.by_list, drover.by_id, drover.by_name]
    # each of them has to be right when it comes first
    said = [question() for question in questions[turn % 3 :] + questions[: turn % 3]]
    ours, theirs = drover.details(), xl_list()
    if ours != theirs:
        sys.exit(f"drover says {ours}\nxl says     {theirs}")
    identity = {number: facts[:2] for number, facts in theirs.items()}
    if said != [identity] * 3:
        sys.exit(f"lists and lookups, from question {turn % 3} on: {said}\nxl says {identity}")
    for number, (name, _) in identity.items():
        if name in words and (int(run("xl", "domid", name)), run("xl", "domname", str(number)).strip()) != (number, name):
            sys.exit(f"xl finds another domain for {name} or {number} than it lists")


def main(uri, *names):
    libvirt.registerErrorHandler(lambda *_: None, None)  # what it raises is enough
    drover = Drover(uri, names)
    for turn, step in enumerate(sys.stdin.read().splitlines()):
        words = step.split()
        if words[0] in CALLS:
            CALLS[words[0]](drover.conn, *words[1:])
        else:
            run(*words)
        look(drover, words, turn)
        print(step, flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
