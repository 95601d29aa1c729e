#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes seeds for the fuzzers.

    seeds.py args FOLDER         of arguments: for each procedure of the remote program, in both directions, messages of
                                 the shapes that are common
    seeds.py documents FOLDER    of documents: those of tests/documents, of each row of words the first one
"""

import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, '../documents'))
import collection    # noqa: E402

HANDLE = struct.pack('>I', 4) + b'vm-1' + bytes(range(16)) + struct.pack('>i', -1)
TEXT = struct.pack('>I', 9) + b'<domain/>' + bytes(3)
PARAMS = struct.pack('>I', 1) + struct.pack('>I', 1) + b'a' + bytes(3) + struct.pack('>IQ', 4, 7)
TAILS = {'empty': b'', 'handle': HANDLE + bytes(64), 'text': TEXT + bytes(64),
         'present': struct.pack('>I', 1) + TEXT + bytes(64), 'params': HANDLE + PARAMS + bytes(64),
         'list': struct.pack('>I', 2) + HANDLE + HANDLE + bytes(64)}
LAST = 443


def args():
    for number in range(1, LAST + 1):
        for side, direction in ((0, 'call'), (0x80, 'reply')):
            for name, tail in TAILS.items():
                yield f'remote-{number}-{direction}-{name}', struct.pack('>BH', side, number) + tail


def documents():
    seen = set()
    for document in collection.read_all():
        name = document.name.partition('=')[0]
        if name not in seen:
            seen.add(name)
            yield name.replace('/', '-'), document.data


def main(kind, folder):
    os.makedirs(folder, exist_ok=True)
    for name, data in {'args': args, 'documents': documents}[kind]():
        with open(os.path.join(folder, name), 'wb') as file:
            file.write(data)


if __name__ == '__main__':
    if len(sys.argv) != 3 or sys.argv[1] not in ('args', 'documents'):
        sys.exit(__doc__)
    main(*sys.argv[1:])
