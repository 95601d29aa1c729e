#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes docs/procedures.md: every procedure, where it runs, and who answers it.

    supported.py ROOT           writes ROOT/docs/procedures.md
    supported.py --check ROOT   says whether that page is as it would be written, and fails if not

A driver answers a procedure when its drivers/<name>/driver.c fills in the operation; the server answers those with
`op hand` whose number stands as an index ([REMOTE_PROC_… ] = …) in a table somewhere in server/, unless the function
there is named …_refuse.
"""

import glob
import os
import re
import sys

from model import Reader
from table import TableError
from text import write

PAGE = 'docs/procedures.md'
TABLES = ['types', 'remote', 'qemu', 'lxc', 'admin', 'control', 'keepalive']
HEAD = '''# Procedures

Every procedure and event of the protocol, as `rpc/protocol/` has them, and who answers it: drivers that fill in
the operation, or the server itself. What nobody answers is refused with `VIR_ERR_NO_SUPPORT`. This page is written by
`rpc/gen/supported.py`; after a change run `python3 rpc/gen/supported.py .`
'''


def read_text(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def without_comments(text):
    return re.sub(r'/\*.*?\*/|//[^\n]*', '', text, flags=re.S)


def driver_ops(root):
    """{driver: the names that its table fills in}."""
    drivers = {}
    for path in sorted(glob.glob(os.path.join(root, 'drivers/*/driver.c'))):
        text = without_comments(read_text(path))
        drivers[os.path.basename(os.path.dirname(path))] = set(re.findall(r'\.([a-z0-9_]+)\s*=', text))
    return drivers


def server_numbers(root):
    """The procedures that the server's own tables hold, as names of numbers."""
    numbers = set()
    for path in glob.glob(os.path.join(root, 'server/**/*.c'), recursive=True):
        text = without_comments(read_text(path))
        for number, body in re.findall(r'\[\s*([A-Z]+_PROC_[A-Z0-9_]+)\s*\]\s*=\s*(\{[^}]*\}|\w+)', text):
            if not re.search(r'_refuse\b', body):
                numbers.add(number)
    return numbers


def answered_by(proc, drivers, numbers):
    """Who answers: names of drivers, or 'server'."""
    if proc.constant in numbers:
        return ['server']
    target = proc.via or proc
    if target.op == 'hand':
        return ['server'] if target.constant in numbers else []
    return [name for name, ops in drivers.items() if target.op in ops]


def lane_text(proc):
    return proc.lane + (f': {proc.job}' if proc.job else '')


def escape(text):
    return text.replace('|', '\\|').replace('*', '\\*')


def call_rows(procs, drivers, numbers):
    rows = ['| number | procedure | what it does | lane | answered by |', '| ---: | --- | --- | --- | --- |']
    for proc in procs:
        who = answered_by(proc, drivers, numbers)
        if who and proc.via:
            who.append(f'via {proc.via.name}')
        rows.append(f'| {proc.number} | {proc.name} | {escape(proc.doc)} | {lane_text(proc)} | {", ".join(who) or "–"} |')
    return rows


def event_rows(procs):
    rows = ['| number | message | what it tells | registered as |', '| ---: | --- | --- | --- |']
    for proc in procs:
        if not proc.family:
            how = ''
        elif proc.family == 'close':
            how = 'close callback'
        else:
            how = f'{proc.family} {proc.event_id}'
        rows.append(f'| {proc.number} | {proc.name} | {escape(proc.doc)} | {how} |')
    return rows


def program_text(program, drivers, numbers):
    procs = sorted(program.procs, key=lambda proc: proc.number)
    calls = [proc for proc in procs if not proc.event]
    events = [proc for proc in procs if proc.event]
    lines = ['', f'## {program.name}', '', program.doc]
    if calls:
        answered = sum(1 for proc in calls if answered_by(proc, drivers, numbers))
        lines += [f'{answered} of {len(calls)} procedures are answered.', ''] + call_rows(calls, drivers, numbers)
    if events:
        lines += [''] + event_rows(events)
    return '\n'.join(lines) + '\n'


def page_text(root):
    reader = Reader()
    for name in TABLES:
        reader.read(os.path.join(root, 'rpc/protocol', name + '.procs'))
    drivers, numbers = driver_ops(root), server_numbers(root)
    return HEAD + ''.join(program_text(program, drivers, numbers) for program in reader.programs)


def main(argv):
    check = argv[:1] == ['--check']
    if len(argv) != 1 + check:
        raise SystemExit(__doc__)
    root = argv[-1]
    try:
        text = page_text(root)
    except TableError as error:
        raise SystemExit(str(error)) from None
    page = os.path.join(root, PAGE)
    if not check:
        write(page, text)
    elif not os.path.exists(page) or read_text(page) != text:
        raise SystemExit(f'{PAGE} is out of date; run: python3 rpc/gen/supported.py .')


if __name__ == '__main__':
    main(sys.argv[1:])
