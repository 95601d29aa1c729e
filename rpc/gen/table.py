# SPDX-License-Identifier: LGPL-2.1-or-later
"""The text of a .procs file: blocks of lines, each with the place where it stands.

A block begins in column 0 and says what it is; its lines are indented by two spaces, a key and
a value each; a line that is indented deeper goes on with the one before it; '#' begins a comment.
What the words mean is model.py's business.
"""


class TableError(Exception):
    """Something in a table that must be mended there; prints as file:line: message."""

    def __init__(self, where, message):
        super().__init__(f'{where[0]}:{where[1]}: {message}')


class Line:
    def __init__(self, where, key, value):
        self.where, self.key, self.value = where, key, value


class Block:
    def __init__(self, where, kind, value):
        self.where, self.kind, self.value = where, kind, value
        self.lines = []


def strip_comment(text):
    if text.lstrip().startswith('#'):
        return ''
    return text.split(' #', 1)[0].rstrip()


def split_key(text):
    key, _, value = text.strip().partition(' ')
    return key, value.strip()


def add_line(blocks, where, text, indent):
    if not blocks:
        raise TableError(where, 'an indented line before the first block')
    lines = blocks[-1].lines
    if indent == 2:
        lines.append(Line(where, *split_key(text)))
    elif indent > 2 and lines:
        lines[-1].value += ' ' + text.strip()
    else:
        raise TableError(where, 'a line of a block is indented by two spaces')


def read_table(path, name=None):
    """The blocks of one file, in order. `name` stands in messages instead of the path."""
    blocks = []
    with open(path, encoding='utf-8') as file:
        for number, raw in enumerate(file, 1):
            where = (name or path, number)
            if '\t' in raw:
                raise TableError(where, 'a tab; indent with spaces')
            text = strip_comment(raw.rstrip('\n'))
            if not text.strip():
                continue
            indent = len(text) - len(text.lstrip())
            if indent == 0:
                blocks.append(Block(where, *split_key(text)))
            else:
                add_line(blocks, where, text, indent)
    return blocks
