# SPDX-License-Identifier: LGPL-2.1-or-later
"""<program>-types.h: limits, numbers, and the structs of arguments, results and messages."""

from kinds import Array, Opaque, Optional, Struct, Union, plain


def element_type(of):
    """The C type of one element or of what an optional points at, without the star."""
    return plain(of).c_type


def pointer(c_type):
    return c_type + ('' if c_type.endswith('*') else ' ')


def declare(member, decoded=False):
    """The C lines of one member. `decoded`: what the server holds encoded is wanted as an array."""
    of, name = plain(member.of), member.c_name
    if isinstance(of, Opaque):
        return [f'uint8_t {name}[{of.count}];'] if of.count else [f'XdrBytes {name};']
    if isinstance(of, Optional):
        inner = element_type(of.of)
        star = '' if inner.endswith('*') else ' *'
        return [f'{inner}{star}{name};    /* NULL: absent */']
    if isinstance(of, Array):
        inner = element_type(of.of)
        if of.count:
            return [f'{inner} {name}[{of.count}];']
        if of.encoded and not decoded:
            return [f'XdrEncoded {name};']
        return [f'uint32_t n_{name};', f'{pointer(inner)}*{name};']
    return [f'{pointer(of.c_type)}{name};']


def comment(text):
    return f'/* {text} */\n' if text else ''


def struct_text(struct, decoded=False, name=None, doc=None):
    lines = []
    if isinstance(struct, Union):
        lines.append('    int32_t type;')
        lines.append('    union {')
        for code, member in struct.arms:
            lines += [f'        {line}    /* {code} */' for line in declare(member)]
        lines.append('    };')
    else:
        for member in struct.members:
            lines += ['    ' + line for line in declare(member, decoded)]
    name = name or struct.c_type
    return (comment(struct.doc if doc is None else doc)
            + f'typedef struct {name} {{\n' + '\n'.join(lines) + f'\n}} {name};\n')


def limits_text(program):
    return ''.join(f'#define {limit.c_name} {limit.value}\n' for limit in program.limits)


def enum_text(enum):
    body = ''.join(f'    {name} = {value},\n' for name, value in enum.values)
    return comment(enum.doc) + f'enum {{\n{body}}};\n'


def numbers_text(program):
    body = ''.join(f'    {proc.constant} = {proc.number},\n' for proc in program.procs)
    return ('/* Every procedure and event by its number. */\n'
            f'typedef enum {program.prefix.capitalize()}Proc {{\n{body}}} {program.prefix.capitalize()}Proc;\n')


def proc_structs(proc):
    """The structs that are this procedure's own, in the order of their use."""
    own = [proc.args, proc.result]
    if proc.message and proc.message not in proc.program.structs:
        own.append(proc.message)
    return [struct for struct in own if isinstance(struct, Struct) and not struct.shared]


def types_header(program, includes):
    """The text behind the head of the file."""
    parts = ['#pragma once\n\n#include <stdint.h>\n\n' + ''.join(f'#include "{name}"\n' for name in includes)]
    if program.limits:
        parts.append(limits_text(program))
    if program.procs:
        parts.append(numbers_text(program))
    parts += [enum_text(enum) for enum in program.enums]
    parts += [struct_text(struct) for struct in program.structs]
    for proc in program.procs:
        for struct in proc_structs(proc):
            parts.append(struct_text(struct, doc=f'{proc.name}: {proc.doc}'))
    return '\n'.join(parts)
