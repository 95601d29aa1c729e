#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the #include lines and keeps the folders in their order: base <- conf, rpc <- drivers <- server.

Beside the order: a driver sees of rpc/ only the types of the protocol, nothing includes a `-private.h` of another folder, and
system headers come before ours. Output is TAP.
"""

import os
import re
import sys

ALLOWED = {
    'base': {'base'},
    'conf': {'base', 'conf'},
    'rpc': {'base', 'rpc'},
    'drivers': {'base', 'conf', 'rpc', 'drivers'},
    'server': {'base', 'conf', 'rpc', 'drivers', 'server'},
}
PROTOCOL = re.compile(r'rpc/((remote|qemu|lxc|shared)-(types|rows|codec)|proc|xdr)\.h$')
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def sources(root):
    for folder in ALLOWED:
        for path, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith(('.c', '.h', '.def')):
                    yield folder, os.path.relpath(os.path.join(path, name), root)


def faults(folder, path, text):
    """What is wrong with the includes of one file."""
    for kind, name in INCLUDE.findall(text):
        target = name.split('/')[0]
        if kind == '<' or target not in ALLOWED:
            continue
        if target not in ALLOWED[folder]:
            yield f'{path} includes {name}: {folder} stands below {target}'
        if folder == 'drivers' and target == 'rpc' and not PROTOCOL.search(name):
            yield f'{path} includes {name}: a driver knows only the types of the protocol'
        if name.endswith('-private.h') and os.path.dirname(name) != os.path.dirname(path):
            yield f'{path} includes {name}, which is private to its folder'
    if 'libvirt.h' in text and folder == 'base' and '<libvirt/libvirt.h>' in text:
        yield f'{path} knows libvirt\'s API; base knows its error numbers only'


def self_test():
    """The checks themselves find what they are for."""
    bad = [
        ('base', 'base/a.c', '#include "conf/list.h"\n'),
        ('conf', 'conf/a.c', '#include "rpc/xdr.h"\n'),
        ('rpc', 'rpc/a.c', '#include "conf/view.h"\n'),
        ('drivers', 'drivers/test/a.c', '#include "rpc/rpc.h"\n'),
        ('drivers', 'drivers/test/a.c', '#include "server/server.h"\n'),
        ('server', 'server/a.c', '#include "rpc/io-private.h"\n'),
    ]
    good = [
        ('server', 'server/a.c', '#include <glib.h>\n#include "rpc/rpc.h"\n'),
        ('drivers', 'drivers/test/a.c', '#include "rpc/remote-types.h"\n#include "conf/list.h"\n'),
    ]
    return all(list(faults(*case)) for case in bad) and not any(list(faults(*case)) for case in good)


def main(root):
    found, count = [], 0
    for folder, path in sources(root):
        count += 1
        with open(os.path.join(root, path), encoding='utf-8') as source:
            found += faults(folder, path, source.read())
    results = [
        ('the checks find what they are for', self_test()),
        (f'every include of {count} files looks downwards', not found and count > 50),
    ]
    print(f'1..{len(results)}')
    for line in found:
        print('#', line)
    for number, (claim, holds) in enumerate(results, 1):
        print('ok' if holds else 'not ok', number, '-', claim)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
