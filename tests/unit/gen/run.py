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
PROCS = os.path.join(HERE, '../../../rpc/gen/procs.py')
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


def check_refused(tap):
    for line, message, text in refused_tables():
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'bad.procs')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(PROGRAM + text)
            run = generate(folder, ['program', 'bad', folder, 'types.procs', path])
            expected = f'{path}:{line + PROGRAM.count(chr(10))}: {message}\n'
            made = os.listdir(folder)
            tap.result(run.returncode == 1 and run.stderr == expected and made == ['bad.procs'], f'refused: {message}',
                       f'expected {expected}got {run.stderr or "success"}')


def main(argv):
    if argv == ['--update']:
        update()
        return 0
    tap = Tap()
    check_golden(tap)
    unchanged_files_are_left_alone(tap)
    check_refused(tap)
    print(f'1..{tap.n}')
    return 1 if tap.failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
