#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The static probes: every one of base/probe.h is used, stands in docs/probes.md with as many arguments as it has, and, when they
were built in, is found in the programs by readelf, and by perf where there is one.

    probes.py SOURCES built|left-out PROGRAM…

Output is TAP.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

DEFINED = re.compile(r'^#define (PROBE_[A-Z_]+)\(([^)]*)\)[ \\\n]+PROBE_(\d)\((\w+)', re.M)
ROW = re.compile(r'^\| `(\w+)` \|([^\n]*)\|$', re.M)
NOTE = re.compile(r'Provider: drover\s+Name: (\w+)\s+Location: [^\n]*\s+Arguments: ([^\n]*)')
XEN = {'hypercall_begin', 'hypercall_end', 'xenstore_begin', 'xenstore_end'}


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as file:
        return file.read()


def sources(root):
    for folder in ('base', 'conf', 'rpc', 'drivers', 'server'):
        for path, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if name.endswith('.c'):
                    yield read(path, name)


def in_program(program):
    """The probes in a program's notes: name to number of arguments."""
    output = subprocess.run(['readelf', '--notes', '--wide', program], capture_output=True, text=True, check=True).stdout
    return {name: len(arguments.split()) for name, arguments in NOTE.findall(output)}


def seen_by_perf(program):
    """The names that perf lists; None when there is no perf that can."""
    if not shutil.which('perf'):
        return None
    with tempfile.TemporaryDirectory() as cache:
        perf = ['perf', '--buildid-dir', cache]
        added = subprocess.run([*perf, 'buildid-cache', '--add', program], capture_output=True, text=True, check=False)
        listed = subprocess.run([*perf, 'list', 'sdt'], capture_output=True, text=True, check=False)
    if added.returncode != 0 or listed.returncode != 0:
        return None
    return set(re.findall(r'sdt_drover:(\w+)', listed.stdout))


def report(number, claim, good, found, skip=None):
    if not good:
        print(f'# {found}')
    print(f'{"ok" if good else "not ok"} {number} {claim}' + (f' # SKIP {skip}' if skip else ''))
    return good


def main(root, built, *programs):
    defined = {name: (macro, int(count)) for macro, _, count, name in DEFINED.findall(read(root, 'base', 'probe.h'))}
    texts = list(sources(root))
    unused = [macro for macro, _ in defined.values() if not any(macro + '(' in text for text in texts)]
    told = {name: sum(1 for cell in cells.split('|')[1:] if cell.strip())
            for name, cells in ROW.findall(read(root, 'docs', 'probes.md'))}
    counts = {name: count for name, (_, count) in defined.items()}
    found = {}
    for program in programs:
        found.update(in_program(program))
    expected = {name: count for name, count in counts.items() if len(programs) > 1 or name not in XEN}
    print('1..4')
    good = report(1, 'each probe is used somewhere', not unused and len(defined) > 10, unused)
    good &= report(2, 'docs/probes.md tells of each with its arguments', told == counts, set(told.items()) ^ set(counts.items()))
    if built != 'built':
        good &= report(3, 'nothing is in the programs when they were left out', not found, found)
        report(4, 'perf sees them', True, None, 'built without probes')
        return 0 if good else 1
    good &= report(3, 'each is in the programs with its arguments', found == expected, set(found.items()) ^ set(expected.items()))
    seen = seen_by_perf(programs[0])
    good &= report(4, 'perf sees them', seen is None or seen >= set(expected) - XEN, seen, 'no perf' if seen is None else None)
    return 0 if good else 1


sys.exit(main(*sys.argv[1:]))
