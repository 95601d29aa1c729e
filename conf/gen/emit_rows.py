# SPDX-License-Identifier: LGPL-2.1-or-later
"""elements.c: the constant data from which the engine (conf/element.c) works."""

from table import SHOWS, VALUE_ROWS, snake

FLAGS = ('required', 'lenient', 'nonzero', 'nonempty', 'secret', 'live', 'keep', 'unread', 'unwritten', 'abi',
         'again', 'wraps', 'merge', 'uncompared', 'path')


def quote(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def prefix(name):
    """As element_prefix in conf/element-private.h."""
    return int.from_bytes(name.encode()[:8], 'little')


def is_deep(row, seen=()):
    """Whether the row's member points to something."""
    if row.kind in ('child', 'list', 'raw'):
        return True
    if row.kind in ('part', 'splice'):
        return row.type not in seen and any(is_deep(inner, (*seen, row.type)) for inner in row.element.rows)
    return row.type in ('string', 'cpuset')


def has_text(element):
    return any(row.kind == 'text' or (row.kind == 'splice' and has_text(row.element)) for row in element.rows)


def phases(element):
    """The parser's passes that find a row, as in conf/element-private.h."""
    found = set()
    for row in element.rows:
        when = '_WHEN' if row.conditions else ''
        if row.kind in ('attr', 'text', 'splice'):
            found.add(f'PHASE_ATTRIBUTES{when}')
        if row.kind not in ('attr', 'text'):
            found.add(f'PHASE_CHILDREN{when}')
    if has_text(element):
        found.add('PHASE_TEXT')
    return ' | '.join(sorted(found)) or '0'


def emit_words(enum):
    name = snake(enum.name)
    words = ', '.join(['NULL', *map(quote, enum.words)])
    absent = ', '.join(map(quote, enum.absent)) or 'NULL'
    return (f'static const char *const {name}_texts[] = {{ {words} }};\n'
            f'static const char *const {name}_absent[] = {{ {absent} }};\n'
            f'const ElementWords {name}_words = {{ {len(enum.words)}, {len(enum.absent)}, {name}_texts, {name}_absent }};\n')


def offset(element, path, prefix=''):
    dotted = '.'.join(row.member for row in path[:-1])
    last = prefix + path[-1].member
    return f'offsetof({element.name}, {dotted + "." if dotted else ""}{last})'


def emit_condition(element, condition):
    kind = condition.kind.upper()
    if condition.kind == 'key':
        place = '0'
    elif condition.kind == 'has':
        place = offset(element, condition.path, 'has_')
    elif condition.kind == 'count':
        place = offset(element, condition.path, 'n_')
    else:
        place = offset(element, condition.path)
    mask = f'UINT64_C({condition.mask:#x})' if condition.mask is not None else '0'
    return f'{{ CONDITION_{kind}, {str(condition.negate).lower()}, {place}, {mask} }}'


def conditions_name(element, row):
    return f'{snake(element.name)}_{row.member}_when'


def emit_conditions(element):
    text = ''
    for row in element.rows:
        if row.conditions:
            items = ', '.join(emit_condition(element, condition) for condition in row.conditions)
            text += f'static const ElementCondition {conditions_name(element, row)}[] = {{ {items} }};\n'
    return text


def kind_of(row):
    return 'ENUM' if row.enum else row.type.upper()


def row_members(tables, element, row):
    options = row.options
    yield 'name', quote(row.name)
    yield 'name_size', str(len(row.name.encode()))
    yield 'prefix', f'UINT64_C({prefix(row.name):#x})'
    yield 'place', f'ROW_{row.kind.upper()}'
    if row.kind in VALUE_ROWS:
        yield 'kind', f'KIND_{kind_of(row)}'
    flags = [f'ROW_IS_{flag.upper()}' for flag in FLAGS if row.has(flag)]
    flags += [f'ROW_HAS_{name.upper()}' for name in ('default', 'omit', 'min', 'max') if row.has(name)]
    if flags:
        yield 'flags', ' | '.join(flags)
    yield from row_presence(element, row)
    yield 'offset', f'offsetof({element.name}, {row.member})'
    if row.kind == 'list':
        yield 'more', f'offsetof({element.name}, n_{row.member})'
    elif row.needs_has:
        yield 'more', f'offsetof({element.name}, has_{row.member})'
    if row.namespace:
        yield 'namespace', str(tables.namespaces[row.namespace][1] + 1)
    if row.has('base'):
        yield 'base', options['base']
    elif row.kind in VALUE_ROWS:
        yield 'base', '10'
    if row.has('show'):
        yield 'show', str(SHOWS[options['show']])
    if row.has('bad'):
        yield 'bad', options['bad']
    if isinstance(options.get('required'), str):
        yield 'missing', options['required']
    yield from row_constants(tables, row)
    if row.enum:
        yield 'words', f'&{snake(row.enum.name)}_words'
    if row.element:
        yield 'type', f'&{snake(row.element.name)}_type'
    yield from row_key(tables, element, row)
    if row.has('name'):
        yield 'name_offset', f'offsetof({row.type}, {row.options["name"]})'
    if row.has('shown'):
        yield 'shown', options['shown']
    if row.conditions:
        yield 'conditions', conditions_name(element, row)
        yield 'n_conditions', str(len(row.conditions))


def row_presence(element, row):
    """How one sees whether the member has a value."""
    if row.kind == 'splice':
        yield 'presence', 'PRESENT_ALWAYS'
        return
    if row.kind == 'list':
        how, member = 'COUNT', f'n_{row.member}'
    elif row.needs_has:
        how, member = 'BYTE', f'has_{row.member}'
    else:
        pointer = row.kind in ('child', 'raw') or row.type in ('string', 'cpuset')
        how, member = 'POINTER' if pointer else 'BYTE', row.member
    yield 'presence', f'PRESENT_{how}'
    yield 'seen', f'offsetof({element.name}, {member})'


def row_constants(tables, row):
    for option, name in (('default', 'initial'), ('omit', 'omit')):
        if row.has(option):
            value = tables.constant(row, row.options[option])
            yield (f'{name}_text', quote(value)) if isinstance(value, str) else (name, f'INT64_C({value})')
    for option in ('min', 'max'):
        if row.has(option):
            yield option, f'INT64_C({int(row.options[option], 0)})'


def row_key(tables, element, row):
    key = row.options.get('key')
    if key == 'key':
        yield 'key', 'KEY_SAME'
    elif key:
        yield 'key', 'KEY_MEMBER'
        yield 'key_offset', offset(element, tables.path(element, row, key))


def emit_element(tables, element):
    name = snake(element.name)
    text = emit_conditions(element)
    text += f'static const ElementRow {name}_rows[] = {{\n'
    for row in element.rows:
        members = ', '.join(f'.{key} = {value}' for key, value in row_members(tables, element, row))
        text += f'    {{ {members} }},\n'
    if not element.rows:
        text += '    { .name = NULL },\n'
    text += '};\n'
    deep = [str(index) for index, row in enumerate(element.rows) if is_deep(row)]
    if deep:
        text += f'static const uint16_t {name}_deep[] = {{ {", ".join(deep)} }};\n'
    text += (f'const ElementType {name}_type = {{\n    .name = {quote(element.name)}, .rows = {name}_rows, '
             f'.n_rows = {len(element.rows)}, .size = sizeof({element.name}),\n'
             f'    .deep = {name + "_deep" if deep else "NULL"}, .n_deep = {len(deep)}, .phases = {phases(element)},\n'
             f'    .open = {str(element.open).lower()}, .strict = {element.strict},\n'
             f'    .parsed = {element.parsed or "NULL"},\n}};\n')
    return text


def source(tables, header):
    uris = ''.join(f'    [{number}] = {{ {quote(prefix)}, {quote(uri)} }},\n'
                   for prefix, (uri, number) in tables.namespaces.items())
    parts = [f'#include "{header}"\n\n#include "conf/element-private.h"\n\n',
             f'const ElementNamespace element_namespaces[] = {{\n{uris}    {{ NULL, NULL }},\n}};\n\n']
    parts += [emit_words(enum) for enum in tables.enums.values()]
    parts += ['\n' + emit_element(tables, element) for element in tables.elements.values()]
    return ''.join(parts)
