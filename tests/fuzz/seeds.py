#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes seeds for the fuzzers.

    seeds.py args FOLDER LIST         of arguments: for each procedure of the remote program, in both directions,
                                      messages of the shapes that are common
    seeds.py documents FOLDER LIST    of documents: those of documents/ here and those of tests/documents, of each row
                                      of words the first one

LIST becomes the list of the files as -seed_inputs=@LIST takes it: then libFuzzer writes nothing into the folder.
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
    own = os.path.join(HERE, 'documents')
    for name in sorted(os.listdir(own)):
        with open(os.path.join(own, name), 'rb') as file:
            yield name, file.read()
    seen = set()
    for document in collection.read_all():
        name = document.name.partition('=')[0]
        if name not in seen:
            seen.add(name)
            yield name.replace('/', '-'), document.data


def main(kind, folder, listing):
    os.makedirs(folder, exist_ok=True)
    paths = []
    for name, data in {'args': args, 'documents': documents}[kind]():
        paths.append(os.path.join(folder, name))
        with open(paths[-1], 'wb') as file:
            file.write(data)
    with open(listing, 'w', encoding='utf-8') as file:
        file.write(','.join(os.path.abspath(path) for path in paths))


if __name__ == '__main__':
    if len(sys.argv) != 4 or sys.argv[1] not in ('args', 'documents'):
        sys.exit(__doc__)
    main(*sys.argv[1:])
