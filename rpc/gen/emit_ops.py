# SPDX-License-Identifier: LGPL-2.1-or-later
"""drivers/driver-ops.h, the operations of struct Driver; and server/invoke.c, which calls them."""


def pointers(proc):
    """The parameters behind Op *: those that have members."""
    text = []
    if proc.args:
        text.append(f'const {proc.args.c_type} *args')
    if proc.result:
        text.append(f'{proc.result.c_type} *result')
    return text


def op_text(proc):
    return f'    int (*{proc.op})({", ".join(["Op *op"] + pointers(proc))});\n'


def driver_ops(programs):
    """Members of struct Driver, in the order of the tables."""
    text, seen = '', {}
    for program in programs:
        ops = [proc for proc in program.procs if proc.op and proc.op != 'hand']
        if ops:
            text += f'\n    /* {program.name} */\n'
        for proc in ops:
            if proc.op in seen:
                raise ValueError(f'{proc.op} is an operation of {seen[proc.op]} and of {program.name}')
            seen[proc.op] = program.name
            text += op_text(proc)
    return text


def run_name(proc):
    return f'{proc.program.prefix}_run_{proc.wire}'


def arguments(proc, args='args', result='result'):
    given = ['op']
    if proc.args:
        given.append(args)
    if proc.result:
        given.append(result)
    return ', '.join(given)


def run_text(proc):
    return (f'static int {run_name(proc)}(Op *op, const void *args, void *result)\n{{\n'
            f'    return op->host->driver->{proc.op}({arguments(proc)});\n}}\n')


def copies(source, target, names):
    """Statements that copy the members `names`; an array comes with its count."""
    text = ''
    members = {member.name: member for member in source.members}
    for name in names:
        member = members[name]
        if is_fixed_array(member.of):
            text += f'    memcpy(to->{member.c_name}, from->{member.c_name}, sizeof(to->{member.c_name}));\n'
            continue
        if is_counted(member.of):
            text += f'    to->n_{member.c_name} = from->n_{member.c_name};\n'
        text += f'    to->{member.c_name} = from->{member.c_name};\n'
    return text


def is_fixed_array(of):
    return bool(getattr(of, 'count', None))


def is_counted(of):
    return type(of).__name__ == 'Array' and of.limit is not None and not of.encoded


def converter(name, source, target, body):
    text = f'static void {name}(const void *source, void *target)\n{{\n'
    if 'from->' in body:
        text += f'    const {source.c_type} *from = source;\n'
    return text + f'    {target.c_type} *to = target;\n\n{body}}}\n'


def via_args_text(proc):
    newer = proc.via
    names = [member.name for member in proc.args.members] if proc.args else []
    body = copies(proc.args, newer.args, names) if proc.args else ''
    body += ''.join(f'    to->{name} = {value.replace("|", " | ")};\n' for name, value in proc.via_with)
    return converter(f'{proc.program.prefix}_args_{proc.wire}', proc.args, newer.args, body)


def via_result_text(proc):
    if not proc.result:
        return ''
    body = copies(proc.result, proc.result, [member.name for member in proc.result.members])
    return '\n' + converter(f'{proc.program.prefix}_result_{proc.wire}', proc.via.result, proc.result, body)


def via_run_text(proc):
    newer = proc.via
    lines = [f'    {newer.args.c_type} newer = {{ 0 }};']
    if newer.result:
        lines.append(f'    {newer.result.c_type} answer = {{ 0 }};')
    lines += ['', f'    {proc.program.prefix}_args_{proc.wire}(args, &newer);',
              f'    if ({run_name(newer)}(op, &newer, {"&answer" if newer.result else "NULL"}) < 0)',
              '        return -1;']
    if proc.result:
        lines.append(f'    {proc.program.prefix}_result_{proc.wire}(&answer, result);')
    lines.append('    return 0;')
    return f'static int {run_name(proc)}(Op *op, const void *args, void *result)\n{{\n' + '\n'.join(lines) + '\n}\n'


def entry_text(proc):
    target = proc.via or proc
    own = target.op != 'hand'
    fields = []
    if own:
        fields += [f'.op_at = offsetof(struct Driver, {target.op})', f'.invoke = {run_name(proc)}']
    if proc.via:
        fields += [f'.via = {proc.via.number}', f'.via_args = {proc.program.prefix}_args_{proc.wire}']
        if proc.result:
            fields.append(f'.via_result = {proc.program.prefix}_result_{proc.wire}')
    body = ''.join(f'        {field},\n' for field in fields)
    return f'    [{proc.number}] = {{\n{body}    }},\n' if fields else ''


def program_invoke(program):
    procs = [proc for proc in program.procs if not proc.event]
    parts = [run_text(proc) for proc in procs if proc.op and proc.op != 'hand']
    for proc in procs:
        if proc.via:
            parts.append(via_args_text(proc) + via_result_text(proc))
            if proc.via.op != 'hand':
                parts.append(via_run_text(proc))
    last = max(proc.number for proc in program.procs)
    table = ''.join(entry_text(proc) for proc in procs)
    parts.append(f'const Invoke {program.name}_invoke[{last + 1}] = {{\n{table}}};\n')
    return '\n'.join(parts)


def invoke_programs(programs):
    """Those whose procedures drivers can offer."""
    return [program for program in programs
            if any(proc.via or (proc.op and proc.op != 'hand') for proc in program.procs)]


INVOKE_HEADER = '''#pragma once

#include <stddef.h>
#include <stdint.h>

#include "drivers/driver.h"

/* How a procedure reaches its operation. All zero for those whose body is written by hand in server/. */
typedef struct Invoke {
    size_t op_at;    /* offsetof(struct Driver, the operation); 0: the body is written by hand */
    int (*invoke)(Op *op, const void *args, void *result);    /* the operation must be there; NULL with op_at 0 */
    /* An older procedure that a newer one answers; `invoke` does this by itself. */
    uint16_t via;    /* number of the newer one; 0: none */
    void (*via_args)(const void *args, void *newer);        /* newer: zeroed */
    void (*via_result)(const void *newer, void *result);    /* NULL: there is nothing to copy */
} Invoke;

/* By number of the procedure, as many as the program has rows. */
'''


def invoke_header(programs):
    text = INVOKE_HEADER
    for program in invoke_programs(programs):
        last = max(proc.number for proc in program.procs)
        text += f'extern const Invoke {program.name}_invoke[{last + 1}];\n'
    return text


def invoke_source(programs):
    head = '#include "server/invoke.h"\n\n#include <string.h>\n\n#include <libvirt/libvirt.h>\n\n'
    return head + '\n'.join(program_invoke(program) for program in invoke_programs(programs))
