# SPDX-License-Identifier: LGPL-2.1-or-later
"""conf/elements.h: a struct for each element, an enumeration for each list of words, prototypes of the hooks."""

from table import NUMBER_KINDS, snake

KIND_TYPES = {'string': 'const char *', 'cpuset': 'const char *', 'yesno': 'Tristate ', 'onoff': 'Tristate ',
              'uuid': 'Uuid ', 'mac': 'MacAddress ', 'flag': 'bool ', 'raw': 'const char *'} | {
                  kind: f'{c_type} ' for kind, c_type in NUMBER_KINDS.items()}
SIZES = {'const char *': 8, 'uint64_t ': 8, 'int64_t ': 8, 'unsigned ': 4, 'int ': 4}


def emit_enum(enum):
    name = snake(enum.name)
    lines = [f'typedef enum __attribute__((packed)) {enum.name} {{', f'    {name.upper()}_ABSENT,']
    lines += [f'    {enum.constant(word)},' for word in enum.words]
    if enum.doc:
        lines.insert(0, f'/* {enum.doc} */')
    return '\n'.join([*lines, f'}} {enum.name};', f'extern const ElementWords {name}_words;', ''])


def member(row):
    """(size for the order, declaration) of the members that a row makes."""
    if row.kind == 'child':
        return [(8, f'struct {row.type} *{row.member};')]
    if row.kind == 'list':
        return [(8, f'struct {row.type} **{row.member};'), (4, f'unsigned n_{row.member};')]
    if row.kind in ('part', 'splice'):
        members = [(16, f'{row.type} {row.member};')]
    elif row.enum:    # a value, as lists were above
        members = [(1, f'{row.type} {row.member};')]
    else:
        c_type = KIND_TYPES[row.type]
        members = [(SIZES.get(c_type, 1), f'{c_type}{row.member};')]
    if row.needs_has:
        members.append((1, f'bool has_{row.member};'))
    return members


def emit_element(element):
    members = [found for row in element.rows for found in member(row)]
    members.sort(key=lambda found: -found[0])
    head = f'/* {element.doc} */\n' if element.doc else ''
    if element.root:
        members.insert(0, (0, f'{element.root} head;    /* not of the document */'))
    body = ''.join(f'    {declaration}\n' for _, declaration in members) or '    char nothing;\n'
    return f'{head}typedef struct {element.name} {{\n{body}}} {element.name};\n'


def ordered(tables):
    """The elements so that what is embedded comes before what embeds it."""
    done, order = set(), []

    def visit(element):
        if element.name in done:
            return
        done.add(element.name)
        for row in element.rows:
            if row.kind in ('part', 'splice'):
                visit(row.element)
        order.append(element)

    for element in tables.elements.values():
        visit(element)
    return order


def hooks(tables):
    lines = set()
    for element in tables.elements.values():
        if element.parsed:
            lines.add(f'int {element.parsed}(void *self, ElementParse *parse);')
        for hook in (element.shown, element.opens):
            if hook:
                lines.add(f'bool {hook}(const void *self, const ElementFormat *format);')
        for row in element.rows:
            if row.has('shown'):
                lines.add(f'bool {row.options["shown"]}(const void *self, const ElementFormat *format);')
    return ''.join(f'{line}\n' for line in sorted(lines))


def header(tables, roots):
    for name, head in roots.items():
        if name in tables.elements:
            tables.elements[name].root = head
    parts = ['#pragma once\n\n#include "conf/element.h"\n#include "conf/element-head.h"\n\n']
    parts += [f'#define NAMESPACE_{prefix.upper()} (1u << {number})    /* {uri} */\n'
              for prefix, (uri, number) in tables.namespaces.items()]
    parts.append('\n')
    parts += [emit_enum(enum) + '\n' for enum in tables.enums.values()]
    parts += [emit_element(element) + '\n' for element in ordered(tables)]
    parts += [f'extern const ElementType {snake(element.name)}_type;\n' for element in tables.elements.values()]
    parts.append('\n/* The hooks, beside the tables in conf/elements. */\n' + hooks(tables))
    return ''.join(parts)
