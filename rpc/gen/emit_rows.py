# SPDX-License-Identifier: LGPL-2.1-or-later
"""<program>-rows.c: the rows of rpc/proc.h; and the words for the fuzzers."""

from emit_codec import call_name, decode_name, encode_name, reply_name, reply_type
from model import FAMILIES, JOBS, legacy_member


def bits(text):
    return text.replace('|', ' | ')


def row_flags(proc):
    flags = [('PROC_HIGH', proc.high), ('PROC_RO_DENIED', proc.ro), ('PROC_BEFORE_AUTH', proc.before_auth),
             ('PROC_BEFORE_OPEN', proc.before_open), ('PROC_EVENT', proc.event), ('PROC_FDS_IN', proc.fds_in),
             ('PROC_FDS_OUT', proc.fds_out), ('PROC_STREAM_UP', proc.stream in ('up', 'both')),
             ('PROC_STREAM_DOWN', proc.stream in ('down', 'both')), ('PROC_STREAM_SPARSE', proc.sparse)]
    return ' | '.join(name for name, given in flags if given) or '0'


def row_object(proc):
    """The kind of object that a call is about, and where the arguments name it."""
    handle = proc.handle()
    if handle:
        member, (kind, inner) = handle
        place = member.c_name + ('.' + inner if inner else '')
        return f'PROC_OBJECT_{kind}', f'offsetof({proc.args.c_type}, {place})'
    if proc.event or proc.before_auth or proc.program.name not in ('remote', 'qemu', 'lxc'):
        return 'PROC_OBJECT_NONE', '0'
    return 'PROC_OBJECT_CONNECT', '0'


def right_text(right):
    return f'{{ "{right.object}", "{right.permission}", {bits(right.only_with)}, {bits(right.not_with)} }}'


def size(struct):
    return f'sizeof({struct.c_type})' if struct else '0'


def row_text(proc):
    kind, place = row_object(proc)
    flags_member = proc.flags_member()
    shown = proc.result or proc.message
    lines = [
        f'.name = "{proc.name}", .wire_name = "{proc.wire.upper()}", .api = "{proc.api}",',
        f'.number = {proc.number}, .lane = LANE_{(proc.lane or "control").upper()}, .job = {JOBS.get(proc.job, 0)},',
        f'.object = {kind}, .object_at = {place},',
        f'.flags = {row_flags(proc)},',
        f'.flags_at = {f"offsetof({proc.args.c_type}, {flags_member.c_name})" if flags_member else "-1"},',
        f'.error_domain = {proc.error}, .ro_flags = {bits(proc.ro_bits)},',
        f'.args_size = {size(proc.args)}, .result_size = {size(shown)},',
        f'.decode = {decode_name(proc) if proc.args else "NULL"}, .encode = {encode_name(proc) if shown else "NULL"},',
    ]
    if proc.rights:
        lines.append('.rights = {')
        lines += [f'    {right_text(right)},' for right in proc.rights]
        lines.append('},')
    if proc.filter:
        lines.append(f'.filter = {right_text(proc.filter)},')
    body = '\n'.join('        ' + line for line in lines)
    return f'    [{proc.number}] = {{\n{body}\n    }},\n'


def program_text(program):
    """Rows and the program; the end of <program>-rows.c."""
    last = max(proc.number for proc in program.procs)
    rows = ''.join(row_text(proc) for proc in sorted(program.procs, key=lambda proc: proc.number))
    return (f'static const Proc rows[{last + 1}] = {{\n{rows}}};\n\n'
            f'const Program {program.name}_program = {{\n'
            f'    .name = "{program.name}", .number = 0x{program.number:08x}, .version = {program.version},\n'
            f'    .procs = rows, .n_procs = {last + 1},\n}};\n')


def event_text(proc):
    legacy, place = '0', '0'
    if proc.legacy:
        legacy = str(proc.legacy.number)
        member = legacy_member(proc, proc.legacy)
        if member:
            place = f'offsetof({proc.message.c_type}, {member.c_name})'
    return (f'    /* {proc.name} */\n'
            f'    {{ .number = {proc.number}, .family = EVENT_FAMILY_{proc.family.upper()}, .id = {proc.event_id},\n'
            f'      .legacy = {legacy}, .legacy_at = {place} }},\n')


def events_of(program):
    procs = [proc for proc in program.procs if proc.family]
    return sorted(procs, key=lambda proc: (FAMILIES.index(proc.family), proc.event_id))


def events_text(program):
    events = events_of(program)
    if not events:
        return ''
    body = ''.join(event_text(proc) for proc in events)
    return f'\nconst ProcEvent {program.name}_events[{len(events)}] = {{\n{body}}};\n'


def rows_header(program):
    text = f'#pragma once\n\n#include "rpc/proc.h"\n#include "rpc/{program.name}-types.h"\n\n'
    text += f'extern const Program {program.name}_program;\n'
    events = events_of(program)
    if events:
        text += (f'\n/* The events that a client can subscribe to, by family and id. */\n'
                 f'#define {program.name.upper()}_EVENTS {len(events)}\n'
                 f'extern const ProcEvent {program.name}_events[{program.name.upper()}_EVENTS];\n')
    return text


def client_rows_text(program):
    """What a client needs of each procedure, by number."""
    last = max(proc.number for proc in program.procs)
    rows = ''
    for proc in sorted(program.procs, key=lambda proc: proc.number):
        shown = proc.result or proc.message
        rows += (f'    [{proc.number}] = {{ {call_name(proc) if proc.args else "NULL"}, '
                 f'{reply_name(proc) if shown else "NULL"}, '
                 f'{"sizeof(" + reply_type(proc) + ")" if shown else "0"} }},\n')
    return f'\nconst ClientProc {program.name}_client[{last + 1}] = {{\n{rows}}};\n'


def words_text(programs):
    """A dictionary as libFuzzer reads it: names, program numbers and procedure numbers as they go over the wire."""
    lines = []
    for program in programs:
        lines.append(f'"{wire_word(program.number)}"')
        for proc in program.procs:
            lines.append(f'"{proc.wire}"')
            lines.append(f'"{wire_word(proc.number)}"')
    return ''.join(line + '\n' for line in dict.fromkeys(lines))


def wire_word(number):
    return ''.join(f'\\x{byte:02x}' for byte in number.to_bytes(4, 'big'))
