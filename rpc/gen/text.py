# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writing files: the head that every generated file has, and replacing only what has changed."""

import os


def c_head(sources, what):
    """`sources` are the tables; `what` is one sentence about the file."""
    return ('/* SPDX-License-Identifier: LGPL-2.1-or-later */\n'
            f'/* Made by rpc/gen/procs.py from {", ".join(sources)}; change those.\n'
            f' * {what} */\n')


def write(path, text):
    """Leaves a file alone that is as it should be, so that nothing is compiled without need."""
    try:
        with open(path, encoding='utf-8') as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        pass
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
