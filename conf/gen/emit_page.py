# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/domain-format.md: what may stand in a document, element by element, from the tables."""

from table import NUMBER_KINDS

KINDS = {'string': 'text', 'yesno': '`yes`, `no`', 'onoff': '`on`, `off`', 'cpuset': 'numbers and ranges: `0-3,^2,7`',
         'uuid': 'a UUID', 'mac': 'a MAC address', 'kib': 'an amount, with `unit` (KiB when absent)',
         'bytes': 'an amount, with `unit` (bytes when absent)', 'flag': 'empty', 'raw': 'anything'}
HEAD = """# The domain document

Made from the tables in `conf/elements` by `conf/gen/elements.py page`; don't edit it here.
Each section is one element; its attributes come first, then its children, in the order in which they are written.

"""


def kind(row):
    if row.element:
        text = f'[{row.type}](#{row.type.lower()})'
        return text + (', any number' if row.kind == 'list' else '')
    if row.enum:
        return ', '.join(f'`{word}`' for word in row.enum.words)
    if row.type in KINDS:
        return KINDS[row.type]
    assert row.type in NUMBER_KINDS
    return 'a number'


def condition(found):
    what = 'the context' if found.member == 'key' else f'`{found.member}`'
    if not found.words:
        return f'{what} is {"absent" if found.negate else "given"}'
    words = ' or '.join(f'`{word}`' for word in found.words)
    return f'{what} is {"not " if found.negate else ""}{words}'


def notes(row):
    parts = []
    if row.has('default'):
        parts.append(f'`{row.options["default"]}` when absent')
    if row.has('required'):
        parts.append('required')
    parts += [f'only when {condition(found)}' for found in row.conditions]
    for option, text in (('secret', 'shown with security information only'), ('live', 'of a running domain only'),
                         ('unread', 'written only'), ('abi', 'fixed while it runs')):
        if row.has(option):
            parts.append(text)
    for option, text in (('min', 'at least'), ('max', 'at most')):
        if row.has(option):
            parts.append(f'{text} {row.options[option]}')
    return '; '.join(parts)


def title(row):
    if row.has('name'):
        return ', '.join(f'`<{word}>`' for word in row.enum.words)
    name = f'{row.namespace}:{row.name}' if row.namespace else row.name
    return {'attr': f'`{name}=`', 'text': 'its text', 'splice': 'and all of'}.get(row.kind, f'`<{name}>`')


def section(element):
    names = ' '.join(f'`<{name}>`' for name in sorted(element.names))
    text = f'## {element.name}\n\n{element.doc or ""}'.rstrip() + '\n\n'
    if names:
        text += f'Stands as {names}.\n\n'
    text += '| | takes | | |\n| --- | --- | --- | --- |\n'
    for row in element.rows:
        text += f'| {title(row)} | {kind(row)} | {row.doc} | {notes(row)} |\n'
    return text + '\n'


def page(tables):
    return HEAD + ''.join(section(element) for element in sorted(tables.elements.values(), key=lambda e: e.name))
