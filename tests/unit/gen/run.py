#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests rpc/gen: a small protocol gives what stands in golden/, bad tables are refused with their place.

    run.py            compares
    run.py --update   writes golden/ anew; look at the difference before it is committed
"""

import difflib
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '../../..')
PROCS = os.path.join(ROOT, 'rpc/gen/procs.py')
sys.path.insert(0, os.path.dirname(PROCS))
from model import Reader        # noqa: E402
from table import TableError    # noqa: E402

GOLDEN = os.path.join(HERE, 'golden')
RUNS = [['shared', '.', 'types.procs'], ['program', 'small', '.', 'types.procs', 'small.procs'],
        ['driver-ops', 'driver-ops.h', 'types.procs', 'small.procs'], ['invoke', '.', 'types.procs', 'small.procs'],
        ['words', 'procs.dict', 'types.procs', 'small.procs']]
PROGRAM = 'program bad = 0x00000001\n  doc     A program for tests.\n  version 1\n'


def generate(folder, words):
    """Runs the generator in `folder`; tables are named from here."""
    words = [os.path.join(HERE, word) if word.endswith('.procs') else word for word in words]    # absolute ones stay
    return subprocess.run([sys.executable, PROCS] + words, cwd=folder, capture_output=True, text=True, check=False)


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def read_folder(folder):
    return {name: read(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}


class Tap:
    def __init__(self):
        self.n, self.failed = 0, 0

    def result(self, ok, name, detail=''):
        self.n += 1
        self.failed += not ok
        print(f'{"ok" if ok else "not ok"} {self.n} - {name}')
        for line in detail.splitlines() if not ok else []:
            print(f'# {line}')


def check_golden(tap):
    with tempfile.TemporaryDirectory() as folder:
        for words in RUNS:
            run = generate(folder, words)
            if run.returncode:
                tap.result(False, f'{words[0]} succeeds', run.stderr)
                return
        made, golden = read_folder(folder), read_folder(GOLDEN)
    tap.result(sorted(made) == sorted(golden), 'exactly the golden files are made', f'{sorted(made)}\n{sorted(golden)}')
    for name in sorted(set(made) & set(golden)):
        difference = ''.join(difflib.unified_diff(golden[name].splitlines(True), made[name].splitlines(True)))
        tap.result(not difference, f'{name} is as expected', difference)


def update():
    os.makedirs(GOLDEN, exist_ok=True)
    for name in os.listdir(GOLDEN):
        os.unlink(os.path.join(GOLDEN, name))
    for words in RUNS:
        run = generate(GOLDEN, words)
        if run.returncode:
            raise SystemExit(run.stderr)


def unchanged_files_are_left_alone(tap):
    with tempfile.TemporaryDirectory() as folder:
        first = generate(folder, RUNS[1])
        path = os.path.join(folder, 'small-types.h')
        if first.returncode:
            tap.result(False, 'unchanged files are left alone', first.stderr)
            return
        os.utime(path, (1, 1))
        generate(folder, RUNS[1])
        tap.result(os.stat(path).st_mtime == 1, 'unchanged files are left alone')


def refused_tables():
    """(line, message, text) of each section of refused.txt."""
    sections = re.split(r'^== ', read(os.path.join(HERE, 'refused.txt')), flags=re.M)[1:]
    for section in sections:
        head, _, text = section.partition('\n')
        line, _, message = head.partition(': ')
        yield int(line), message, text


def refusal(folder, text):
    """What the reader says about a table, with the place in front."""
    path = os.path.join(folder, 'bad.procs')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(PROGRAM + text)
    reader = Reader()
    reader.read(os.path.join(HERE, 'types.procs'))
    try:
        reader.read(path, 'bad.procs')
    except TableError as error:
        return str(error)
    return 'success'


def check_refused(tap):
    with tempfile.TemporaryDirectory() as folder:
        for line, message, text in refused_tables():
            said = refusal(folder, text)
            expected = f'bad.procs:{line + PROGRAM.count(chr(10))}: {message}'
            tap.result(said == expected, f'refused: {message}', f'expected {expected}\ngot {said}')
        # The last of them once more as the build sees it.
        run = generate(folder, ['program', 'bad', folder, 'types.procs', os.path.join(folder, 'bad.procs')])
        tap.result(run.returncode == 1 and message in run.stderr and os.listdir(folder) == ['bad.procs'],
                   'a refused table fails the command and makes nothing', run.stderr)


def check_documentation(tap):
    """The row that docs/adding-a-procedure.md shows could stand in the table."""
    page = read(os.path.join(ROOT, 'docs/adding-a-procedure.md'))
    rows = ''.join(re.findall(r'^```procs\n(.*?)^```', page, re.M | re.S))
    said = ''
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'remote.procs')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(read(os.path.join(ROOT, 'rpc/protocol/remote.procs')) + '\n' + rows)
        reader = Reader()
        reader.read(os.path.join(ROOT, 'rpc/protocol/types.procs'))
        try:
            reader.read(path)
        except TableError as error:
            said = str(error)
    tap.result(bool(rows) and not said, 'the row in the documentation is a good one', said or 'there is none')


def main(argv):
    if argv == ['--update']:
        update()
        return 0
    tap = Tap()
    check_golden(tap)
    unchanged_files_are_left_alone(tap)
    check_refused(tap)
    check_documentation(tap)
    print(f'1..{tap.n}')
    return 1 if tap.failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
