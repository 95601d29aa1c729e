#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Derives from the tables of conf/elements what the rest of drover compiles, and the page about the format.

    elements.py code HEADER SOURCE TABLE…    the structs and the constant data
    elements.py page FILE TABLE…             docs/domain-format.md
    elements.py check FILE TABLE…            fails when FILE is not that page
    elements.py words FILE TABLE…            the fuzzers' dictionary
"""

import os
import sys

import emit_page
import emit_rows
import emit_types
import emit_words
from table import TableError, load

# The structs that have more than the document says: what stands at their head (conf/element-head.h).
ROOTS = {'DomainConfig': 'ConfigHead', 'SnapshotConfig': 'MomentHead', 'CheckpointConfig': 'MomentHead',
         'BackupConfig': 'MomentHead'}
C_HEAD = '/* SPDX-License-Identifier: LGPL-2.1-or-later */\n/* Made from conf/elements by conf/gen; {}. */\n'


def write(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def include_name(path):
    """How the source names the header: conf/elements.h in the build directory, others beside it."""
    return 'conf/elements.h' if os.path.basename(path) == 'elements.h' else os.path.basename(path)


def check(path, text):
    with open(path, encoding='utf-8') as file:
        if file.read() == text:
            return 0
    print(f'{path} is not what the tables say; make it anew with: conf/gen/elements.py page {path} conf/elements/*.def')
    return 1


def main(arguments):
    job, arguments = arguments[0], arguments[1:]
    n = 2 if job == 'code' else 1
    outputs, paths = arguments[:n], arguments[n:]
    tables = load(sorted(paths), lambda path: 'conf/elements/' + os.path.basename(path))
    if job == 'code':
        write(outputs[0], C_HEAD.format('the structs') + emit_types.header(tables, ROOTS))
        write(outputs[1], C_HEAD.format('the tables as constant data') + emit_rows.source(tables, include_name(outputs[0])))
    elif job == 'page':
        write(outputs[0], emit_page.page(tables))
    elif job == 'words':
        write(outputs[0], emit_words.words(tables))
    elif job == 'check':
        return check(outputs[0], emit_page.page(tables))
    else:
        raise SystemExit(__doc__)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except TableError as error:
        sys.exit(str(error))
