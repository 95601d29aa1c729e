#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes seeds for the fuzzer of arguments: seeds.py FOLDER.

For each procedure of the remote program, in both directions, messages of the shapes that are common.
"""

import os
import struct
import sys

HANDLE = struct.pack('>I', 4) + b'vm-1' + bytes(range(16)) + struct.pack('>i', -1)
TEXT = struct.pack('>I', 9) + b'<domain/>' + bytes(3)
PARAMS = struct.pack('>I', 1) + struct.pack('>I', 1) + b'a' + bytes(3) + struct.pack('>IQ', 4, 7)
TAILS = {'empty': b'', 'handle': HANDLE + bytes(64), 'text': TEXT + bytes(64),
         'present': struct.pack('>I', 1) + TEXT + bytes(64), 'params': HANDLE + PARAMS + bytes(64),
         'list': struct.pack('>I', 2) + HANDLE + HANDLE + bytes(64)}
LAST = 443


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for number in range(1, LAST + 1):
        for side, direction in ((0, 'call'), (0x80, 'reply')):
            for name, tail in TAILS.items():
                with open(os.path.join(folder, f'remote-{number}-{direction}-{name}'), 'wb') as file:
                    file.write(struct.pack('>BH', side, number) + tail)


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
