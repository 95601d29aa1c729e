#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests conf/gen: a small set of tables gives what stands in golden/, bad tables are refused with their place, and
docs/domain-format.md is what the tables say.

    run.py            compares
    run.py --update   writes golden/ anew; look at the difference before it is committed
"""

import difflib
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '../../..')
ELEMENTS = os.path.join(ROOT, 'conf/gen/elements.py')
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(ELEMENTS))
from table import TableError, Tables    # noqa: E402

GOLDEN = os.path.join(HERE, 'golden')
MADE = ['small.h', 'small.c', 'small.md', 'small.dict']


def generate(folder, table):
    for words in (['code', 'small.h', 'small.c', table], ['page', 'small.md', table], ['words', 'small.dict', table]):
        run = subprocess.run([sys.executable, '-B', ELEMENTS] + words, cwd=folder, capture_output=True, text=True,
                             check=False)
        if run.returncode:
            return run.stderr
    return ''


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


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
        said = generate(folder, os.path.join(HERE, 'small.def'))
        if said:
            tap.result(False, 'the small tables are understood', said)
            return
        for name in MADE:
            golden, made = read(os.path.join(GOLDEN, name)), read(os.path.join(folder, name))
            difference = ''.join(difflib.unified_diff(golden.splitlines(True), made.splitlines(True)))
            tap.result(not difference, f'{name} is as expected', difference)


def refusal(folder, text):
    path = os.path.join(folder, 'bad.def')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    tables = Tables()
    try:
        tables.read(path, 'bad.def')
        tables.resolve()
    except TableError as error:
        return str(error)
    return 'success'


def check_refused(tap):
    sections = re.split(r'^== ', read(os.path.join(HERE, 'refused.txt')), flags=re.M)[1:]
    with tempfile.TemporaryDirectory() as folder:
        for section in sections:
            head, _, text = section.partition('\n')
            said = refusal(folder, text)
            tap.result(said == f'bad.def:{head}', f'refused: {head}', f'got {said}')
        said = generate(folder, os.path.join(folder, 'bad.def'))
        tap.result(bool(said) and os.listdir(folder) == ['bad.def'], 'a refused table makes nothing', said)


def check_page(tap):
    tables = sorted(glob.glob(os.path.join(ROOT, 'conf/elements/*.def')))
    run = subprocess.run([sys.executable, '-B', ELEMENTS, 'check', os.path.join(ROOT, 'docs/domain-format.md')] + tables,
                         capture_output=True, text=True, check=False)
    tap.result(run.returncode == 0, 'docs/domain-format.md is what the tables say', run.stdout + run.stderr)


def check_example(tap):
    """The rows that docs/adding-an-element.md shows could stand in a table."""
    page = read(os.path.join(ROOT, 'docs/adding-an-element.md'))
    rows = re.findall(r'^```def\n(.*?)^```', page, re.M | re.S)
    with tempfile.TemporaryDirectory() as folder:
        said = [refusal(folder, text) for text in rows]
    tap.result(bool(rows) and set(said) == {'success'}, 'the tables in the documentation are good ones', str(said))


def main(argv):
    if argv == ['--update']:
        os.makedirs(GOLDEN, exist_ok=True)
        return generate(GOLDEN, os.path.join(HERE, 'small.def')) or 0
    tap = Tap()
    check_golden(tap)
    check_refused(tap)
    check_page(tap)
    check_example(tap)
    print(f'1..{tap.n}')
    return 1 if tap.failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
