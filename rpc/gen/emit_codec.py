# SPDX-License-Identifier: LGPL-2.1-or-later
"""Encoders and decoders over rpc/xdr.h.

A body is made from leaves: what is left of the members when structs of fixed size are opened up. Leaves of fixed
size that follow each other are one run: its room is asked for once, and its words are stored or loaded at
constant places.
"""

import re

from kinds import Array, Enum, Opaque, Optional, Scalar, String, Struct, Union, plain


def scalar_name(of):
    return 'int' if isinstance(of, Enum) else of.name


def leaves(members, at):
    """(C expression, type) for each leaf; `at` is the C text in front of a member's name."""
    for member in members:
        of = plain(member.of)
        if isinstance(of, Struct) and of.fixed_size:
            yield from leaves(of.members, f'{at}{member.c_name}.')
        else:
            yield f'{at}{member.c_name}', of


def in_run(of):
    if isinstance(of, Scalar):
        return of.name != 'double'
    return of.fixed_size is not None and isinstance(of, (Enum, Opaque, Array))


def runs(items):
    """Leaves grouped: ('run', [leaf…]) for those of fixed size, ('one', leaf) for others."""
    group = []
    for item in items:
        if in_run(item[1]):
            group.append(item)
            continue
        if group:
            yield 'run', group
            group = []
        yield 'one', item
    if group:
        yield 'run', group


class Writer:
    """Lines of C with the indentation of blocks; a block of one line goes without braces."""

    def __init__(self):
        self.lines, self.depth, self.heads = [], 1, []

    def add(self, text):
        self.lines.append('    ' * self.depth + text)

    def open(self, text):
        self.heads.append(len(self.lines))
        self.add(text)
        self.depth += 1

    def close(self):
        head = self.heads.pop()
        self.depth -= 1
        if len(self.lines) > head + 2:
            self.lines[head] += ' {'
            self.add('}')

    def check(self, call):
        self.add(f'if (!{call})')
        self.lines.append('    ' * (self.depth + 1) + 'return false;')

    def text(self):
        return '\n'.join(self.lines)


def function_of(struct, verb):
    """The function that puts or gets one struct: public for shared ones, static for others."""
    return f'remote_{verb}_{struct.name}' if struct.shared else f'{verb}_{struct.name}'


def element(coder, out, expression, of):
    """A value that isn't a member: an element, or the arm of a union."""
    if isinstance(of, Struct) and of.fixed_size:
        coder.body(out, of.members, expression + '.')
    elif in_run(of):
        coder.run(out, [(expression, of)])
    else:
        coder.one(out, expression, of)


def target(coder, out, pointer, of):
    """What an optional points at; an optional string is its own pointer."""
    if isinstance(of, String):
        coder.one(out, pointer, of)
    elif isinstance(of, Struct) and of.fixed_size:
        coder.body(out, of.members, pointer + '->')
    elif isinstance(of, (Struct, Union)):
        out.check(coder.struct_call(of, pointer))
    else:
        element(coder, out, f'(*{pointer})', of)


def count_of(expression):
    """The member that counts the elements of an array: v->names has v->n_names."""
    head, mark, name = re.fullmatch(r'(.*)(\.|->)(.*)', expression).groups()
    return f'{head}{mark}n_{name}'


class Encoder:
    def __init__(self):
        self.used = []         # structs that need a function of their own, in the order of need

    def struct_call(self, of, address):
        if of not in self.used:
            self.used.append(of)
        return f'{function_of(of, "put")}(out, {address})'

    def body(self, out, members, at):
        for kind, item in runs(leaves(members, at)):
            if kind == 'run':
                self.run(out, item)
            else:
                self.one(out, *item)

    def run(self, out, items):
        if len(items) == 1 and isinstance(items[0][1], (Scalar, Enum)):
            out.add(f'xdr_put_{scalar_name(items[0][1])}(out, {items[0][0]});')
            return
        if len(items) == 1 and isinstance(items[0][1], Opaque):
            out.add(f'xdr_put_opaque_fixed(out, {items[0][0]}, {items[0][1].count});')
            return
        out.add(f'p = xdr_reserve(out, {sum(of.fixed_size for _, of in items)});')
        offset = 0
        for expression, of in items:
            self.store(out, expression, of, f'p + {offset}' if offset else 'p')
            offset += of.fixed_size

    def store(self, out, expression, of, place):
        if isinstance(of, Opaque):
            out.add(f'memcpy({place}, {expression}, {of.count});')
            if of.count % 4:
                out.add(f'memset({place} + {of.count}, 0, {of.fixed_size - of.count});')
        elif isinstance(of, Array):
            out.open(f'for (unsigned k = 0; k < {of.count}; k++)')
            self.store(out, f'{expression}[k]', of.of, f'{place} + {of.of.fixed_size} * k')
            out.close()
        else:
            name = scalar_name(of)
            cast = {'int': '(uint32_t)', 'hyper': '(uint64_t)', 'char': '(uint32_t)(signed char)'}.get(name, '')
            out.add(f'xdr_store{of.fixed_size * 8}({place}, {cast}{expression});')

    def one(self, out, expression, of):
        if isinstance(of, Scalar):
            out.add(f'xdr_put_{of.name}(out, {expression});')
        elif isinstance(of, String):
            out.check(f'xdr_put_string(out, {expression}, {of.limit.c_name})')
        elif isinstance(of, Opaque):
            out.check(f'xdr_put_opaque(out, &{expression}, {of.limit.c_name})')
        elif isinstance(of, Optional):
            out.add(f'xdr_put_uint(out, {expression} != NULL);')
            out.open(f'if ({expression})')
            target(self, out, expression, plain(of.of))
            out.close()
        elif isinstance(of, Array):
            self.array(out, expression, of)
        else:
            out.check(self.struct_call(of, '&' + expression))

    def array(self, out, expression, of):
        if of.encoded:
            out.check(f'xdr_put_encoded(out, &{expression}, {of.limit.c_name})')
            return
        count = count_of(expression)
        out.check(f'xdr_put_count(out, {count}, {of.limit.c_name})')
        out.open(f'for (uint32_t i = 0; i < {count}; i++)')
        element(self, out, f'{expression}[i]', plain(of.of))
        out.close()


class Decoder:
    def __init__(self):
        self.used = []

    def struct_call(self, of, address):
        if of not in self.used:
            self.used.append(of)
        return f'{function_of(of, "get")}(in, {address})'

    def body(self, out, members, at):
        for kind, item in runs(leaves(members, at)):
            if kind == 'run':
                self.run(out, item)
            else:
                self.one(out, *item)

    def run(self, out, items):
        if len(items) == 1 and isinstance(items[0][1], (Scalar, Enum)):
            out.check(f'xdr_get_{scalar_name(items[0][1])}(in, &{items[0][0]})')
            return
        size = sum(of.fixed_size for _, of in items)
        out.check(f'xdr_has(in, {size})')
        offset = 0
        for expression, of in items:
            self.load(out, expression, of, f'in->at + {offset}' if offset else 'in->at')
            offset += of.fixed_size
        out.add(f'in->at += {size};')

    def load(self, out, expression, of, place):
        if isinstance(of, Opaque):
            out.add(f'memcpy({expression}, {place}, {of.count});')
        elif isinstance(of, Array):
            out.open(f'for (unsigned k = 0; k < {of.count}; k++)')
            self.load(out, f'{expression}[k]', of.of, f'{place} + {of.of.fixed_size} * k')
            out.close()
        else:
            cast = '' if scalar_name(of) in ('uint', 'uhyper') else f'({of.c_type})'
            out.add(f'{expression} = {cast}xdr_load{of.fixed_size * 8}({place});')

    def one(self, out, expression, of):
        if isinstance(of, Scalar):
            out.check(f'xdr_get_{of.name}(in, &{expression})')
        elif isinstance(of, String):
            out.check(f'xdr_get_string(in, (char **)&{expression}, {of.limit.c_name})')
        elif isinstance(of, Opaque):
            out.check(f'xdr_get_opaque(in, &{expression}, {of.limit.c_name})')
        elif isinstance(of, Optional):
            self.optional(out, expression, of)
        elif isinstance(of, Array):
            self.array(out, expression, of)
        else:
            out.check(self.struct_call(of, '&' + expression))

    def optional(self, out, expression, of):
        inner = plain(of.of)
        out.check('xdr_get_present(in, &present)')
        out.add(f'{expression} = NULL;')
        out.open('if (present)')
        if not isinstance(inner, String):
            out.add(f'{expression} = arena_alloc(in->arena, sizeof(*{expression}));')
        target(self, out, expression, inner)
        out.close()

    def array(self, out, expression, of):
        count = count_of(expression)
        out.check(f'xdr_get_count(in, &{count}, {of.limit.c_name}, {plain(of.of).min_size})')
        out.add(f'{expression} = {count} ? arena_array(in->arena, {count}, sizeof(*{expression})) : NULL;')
        out.open(f'for (uint32_t i = 0; i < {count}; i++)')
        element(self, out, f'{expression}[i]', plain(of.of))
        out.close()


def locals_of(body):
    """The declarations that a body needs."""
    text = ''
    if 'p = xdr_reserve' in body:
        text += '    uint8_t *p;\n'
    if '&present' in body:
        text += '    bool present;\n'
    return text


def with_locals(first, body, last):
    text = first + locals_of(body)
    return (text + '\n' if text else '') + body + '\n' + last


def union_body(union, coder, encode):
    """Encoders return what the arm returns; a kind that isn't known is refused either way."""
    lines = ['    switch (v->type) {']
    for code, member in union.arms:
        out = Writer()
        out.depth = 2
        element(coder, out, f'v->{member.c_name}', plain(member.of))
        lines += [f'    case {code}:'] + out.lines + ['        return true;']
    fail = 'xdr_out_fail(out' if encode else 'xdr_fail(in'
    lines += ['    default:', f'        return {fail}, "unknown kind of value");', '    }']
    return '\n'.join(lines)


def struct_function(struct, coder, encode, declare_only=False):
    verb, stream = ('put', 'XdrOut *out') if encode else ('get', 'XdrIn *in')
    const = 'const ' if encode else ''
    head = f'bool {function_of(struct, verb)}({stream}, {const}{struct.c_type} *v)'
    if declare_only:
        return head + ';\n'
    if isinstance(struct, Union):
        first = '    xdr_put_int(out, v->type);\n'
        if not encode:
            first = '    if (!xdr_get_int(in, &v->type))\n        return false;\n'
        text = first + union_body(struct, coder, encode) + '\n'
    else:
        out = Writer()
        coder.body(out, struct.members, 'v->')
        text = with_locals('', out.text(), '    return true;\n')
    return ('' if struct.shared else 'static ') + head + '\n{\n' + text + '}\n'


def proc_function(name, struct, c_type, coder, encode):
    stream = 'XdrOut *out' if encode else 'XdrIn *in'
    const = 'const ' if encode else ''
    out = Writer()
    coder.body(out, struct.members, 'v->')
    text = with_locals(f'    {const}{c_type} *v = data;\n', out.text(), '    return true;\n')
    return f'bool {name}({stream}, {const}void *data)\n{{\n{text}}}\n'


def struct_functions(coder, encode, structs):
    """The functions of structs that are needed, those before whom they need."""
    done, texts = [], {}
    while len(done) < len(coder.used):
        for struct in list(coder.used):
            if struct not in done:
                done.append(struct)
                if not struct.shared:
                    texts[struct.name] = struct_function(struct, coder, encode)
    return [texts[struct.name] for struct in structs if struct.name in texts]


def prototype(name, encode):
    return f'bool {name}(XdrOut *out, const void *data);\n' if encode else f'bool {name}(XdrIn *in, void *data);\n'


class Side:
    """The functions of one file, server's or client's: what it encodes and what it decodes."""

    def __init__(self, program):
        self.program, self.encoder, self.decoder = program, Encoder(), Decoder()
        self.prototypes, self.texts = [], []

    def add(self, name, struct, encode, c_type=None):
        coder = self.encoder if encode else self.decoder
        self.prototypes.append(prototype(name, encode))
        self.texts.append(proc_function(name, struct, c_type or struct.c_type, coder, encode))

    def source(self, includes):
        structs = (struct_functions(self.decoder, False, self.program.structs)
                   + struct_functions(self.encoder, True, self.program.structs))
        own, *others = [f'#include "{name}"\n' for name in includes]
        return own + '\n' + ''.join(others) + '\n' + '\n'.join(structs + self.texts)


def server_side(program):
    side = Side(program)
    for proc in program.procs:
        if proc.args:
            side.add(decode_name(proc), proc.args, False)
        if proc.result or proc.message:
            side.add(encode_name(proc), proc.result or proc.message, True)
    return side


def client_side(program):
    side = Side(program)
    for proc in program.procs:
        if proc.args:
            side.add(call_name(proc), proc.args, True)
        if proc.result or proc.message:
            side.add(reply_name(proc), proc.result or proc.message, False, reply_type(proc))
    return side


def decode_name(proc):
    return f'{proc.program.prefix}_decode_{proc.wire}'


def encode_name(proc):
    return f'{proc.program.prefix}_encode_{proc.wire}'


def call_name(proc):
    return f'{proc.program.prefix}_call_{proc.wire}'


def reply_name(proc):
    return f'{proc.program.prefix}_reply_{proc.wire}'


def is_encoded(proc):
    return any(isinstance(m.of, Array) and m.of.encoded for m in proc.result.members) if proc.result else False


def reply_type(proc):
    """What a client decodes a result into."""
    if is_encoded(proc):
        return f'{proc.program.prefix.capitalize()}{proc.c_name}Reply'
    return (proc.result or proc.message).c_type
