#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads base/lock.def: ranks rise, every class protects something, and docs/locks.md tells of it under the same rank.

Output is TAP.
"""

import os
import re
import sys

CLASS = re.compile(r'^LOCK_CLASS\((\w+),\s*(\d+),\s*"([^"]+)"\)$', re.M)
TOLD = re.compile(r'`(\w+)`\s+\((\d+)\)')
PAIR = re.compile(r'^\| `(\w+)` \| `(\w+)` \| `([^`]+)`', re.M)


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8') as file:
        return file.read()


def initialised(root):
    """The classes that some lock is made of."""
    found = set()
    for folder in ('base', 'conf', 'rpc', 'drivers', 'server'):
        for path, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if name.endswith('.c'):
                    text = read(path, name)
                    found.update(re.findall(r'lock_init\([^;]*?LOCK_(\w+)\)', text))
                    found.update(re.findall(r'PTHREAD_MUTEX_INITIALIZER,\s*\.class = LOCK_(\w+)', text))
    return found


def main():
    root = sys.argv[1]
    ranks = {name: int(rank) for name, rank, _ in CLASS.findall(read(root, 'base/lock.def'))}
    page = read(root, 'docs/locks.md')
    told = {name: int(rank) for name, rank in TOLD.findall(page)}
    pairs = PAIR.findall(page)
    results = [
        ('ranks rise from class to class', list(ranks.values()) == sorted(set(ranks.values())) and len(ranks) > 5,
         sorted(ranks.items(), key=lambda item: item[1])),
        ('every class is some lock\'s', initialised(root) == set(ranks), initialised(root) ^ set(ranks)),
        ('the page tells of every class and its rank', told == ranks, set(told.items()) ^ set(ranks.items())),
        ('the page names pairs in the order of ranks, and files that exist',
         pairs and all(ranks.get(a, 99) < ranks.get(b, 0) and os.path.exists(os.path.join(root, file))
                       for a, b, file in pairs), pairs),
    ]
    print(f'1..{len(results)}')
    for number, (claim, good, found) in enumerate(results, 1):
        if not good:
            print(f'# {found}')
        print(f'{"ok" if good else "not ok"} {number} {claim}')
    return 0 if all(good for _, good, _ in results) else 1


sys.exit(main())
