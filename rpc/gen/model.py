# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tables mean: programs, procedures, events, and the rules that every row must keep.

The kinds of blocks are the functions named block_*, the lines of a procedure those named line_* of ProcReader.
docs/adding-a-procedure.md explains them all with examples.
"""

import re

import kinds
from kinds import Alias, Enum, Limit, Member, Scalar, String, Struct, Union
from table import TableError, read_table

NAME = r'[a-z][a-z0-9_]*'
JOBS = {'query': 1, 'modify': 2, 'async': 3, 'destroy': 4}    # JobKind of conf/job.h
FAMILIES = ['domain', 'network', 'storage_pool', 'node_device', 'secret', 'monitor', 'close']
OBJECTS = ['CONNECT', 'DOMAIN', 'NETWORK', 'NETWORK_PORT', 'POOL', 'VOLUME', 'NODE_DEVICE', 'INTERFACE', 'SECRET',
           'NWFILTER', 'NWFILTER_BINDING', 'SNAPSHOT', 'CHECKPOINT']
C_CONSTANT = r'(?:VIR_[A-Z0-9_]+|0x[0-9a-f]+|[0-9]+)'
BITS = rf'{C_CONSTANT}(?:\|{C_CONSTANT})*'


def camel(name):
    return ''.join(part[:1].upper() + part[1:] for part in name.split('_'))


class Right:
    def __init__(self, target, permission, only_with='0', not_with='0'):
        self.object, self.permission = target, permission
        self.only_with, self.not_with = only_with, not_with


class Proc:
    """One row. An event is a Proc too, with `message` instead of arguments and results."""

    def __init__(self, where, program, name, number, event):
        self.where, self.program, self.name, self.number, self.event = where, program, name, number, event
        self.wire = name.replace('.', '_')
        self.c_name = camel(self.wire)
        self.group = name.split('.')[0]
        self.doc = self.api = self.since = self.error = ''
        self.args = self.result = self.message = None    # a Struct, or None when there are no members
        self.lane, self.job = None, None
        self.op = None                                   # 'hand', or the name of the member of struct Driver
        self.via, self.via_with = None, []               # a Proc and [(member, constant)]
        self.rights, self.filter = [], None
        self.high = self.ro = False
        self.ro_bits = '0'
        self.bits_member = 'flags'
        self.before_auth = self.before_open = False
        self.fds_in = self.fds_out = None
        self.stream, self.sparse = None, False
        self.family, self.event_id, self.legacy = None, 0, None

    @property
    def constant(self):
        return f'{self.program.prefix.upper()}_PROC_{self.wire.upper()}'

    def handle(self):
        """The member that says which object is meant: (member, handle), or None."""
        for member in self.args.members if self.args else []:
            if member.of.handle:
                return member, member.of.handle
        return None

    def flags_member(self):
        for member in self.args.members if self.args else []:
            if member.name == self.bits_member and isinstance(member.of, Scalar) and member.of.name == 'uint':
                return member
        return None

    def callback(self):
        """True for an event whose message begins with the callback's id on the wire."""
        return self.family is not None and self.family != 'close'


class Program:
    def __init__(self, where, name, number):
        self.where, self.name, self.number = where, name, number
        self.prefix, self.version, self.doc = name, None, ''
        self.structs, self.enums, self.limits, self.procs = [], [], [], []
        self.by_name = {}


class Reader:
    """Reads tables, first the shared one, then programs. Everything that was read stays known."""

    def __init__(self):
        self.scope = kinds.Scope()
        self.errors = {}         # the first word of a name: VIR_FROM_*
        self.shared = Program(('', 0), 'shared', 0)
        self.shared.prefix = 'remote'
        self.program = self.shared
        self.programs = []

    def read(self, path, name=None):
        # Names of one program are unknown to the others; those of the shared table are known to all.
        outer = (dict(self.scope.limits), dict(self.scope.types))
        self.program = self.shared
        for block in read_table(path, name):
            handler = getattr(self, 'block_' + block.kind, None)
            if not handler:
                raise TableError(block.where, f'a block can\'t begin with {block.kind!r}')
            handler(block)
        if self.program is not self.shared:
            self.scope.limits, self.scope.types = outer
            check_program(self.program)

    @staticmethod
    def head(block, pattern, example):
        match = re.fullmatch(pattern, block.value)
        if not match:
            raise TableError(block.where, f'{block.kind} is written as "{block.kind} {example}"')
        return match.groups()

    @staticmethod
    def lines(block, known):
        """The lines of a block as a dict; each key at most once and only the known ones."""
        lines = {}
        for line in block.lines:
            if line.key not in known:
                raise TableError(line.where, f'{block.kind} has no line {line.key!r}')
            if line.key in lines:
                raise TableError(line.where, f'line {line.key!r} twice')
            lines[line.key] = line
        return lines

    def need(self, block, lines, key):
        if key not in lines or not lines[key].value:
            raise TableError(block.where, f'{block.kind} {block.value} has no line {key!r}')
        return lines[key]

    def new_type(self, block, name):
        if name in self.scope.types or name in kinds.SCALARS or name in ('string', 'opaque', 'encoded'):
            raise TableError(block.where, f'type {name} is defined twice')
        return self.program.prefix.capitalize() + camel(name)

    def add_type(self, block, lines, of):
        of.doc = self.need(block, lines, 'doc').value
        of.shared = self.program is self.shared
        self.scope.types[of.name] = of

    @staticmethod
    def read_handle(line):
        """'DOMAIN', or 'SNAPSHOT at dom': the kind of object, and the member that holds the domain."""
        match = re.fullmatch(rf'([A-Z_]+)(?: at ({kinds.IDENT}))?', line.value)
        if not match or match[1] not in OBJECTS:
            raise TableError(line.where, f'handle {line.value!r} is none of {", ".join(OBJECTS)}')
        return match.groups()

    def block_limit(self, block):
        name, value = self.head(block, rf'({NAME}) = ([0-9]+)', 'name = 16384')
        if name in self.scope.limits:
            raise TableError(block.where, f'limit {name} is defined twice')
        limit = Limit(block.where, name, int(value), self.program.prefix)
        self.scope.limits[name] = limit
        self.program.limits.append(limit)

    def block_object(self, block):
        name, error = self.head(block, rf'({NAME}) = (VIR_FROM_[A-Z0-9_]+)', 'name = VIR_FROM_DOMAIN')
        if (self.program.name, name) in self.errors:
            raise TableError(block.where, f'object {name} is defined twice')
        self.errors[self.program.name, name] = error

    def block_alias(self, block):
        name, text = self.head(block, rf'({NAME}) = (.+)', 'name = string')
        self.new_type(block, name)
        lines = self.lines(block, ['doc', 'handle'])
        of = self.scope.parse(block.where, text)
        if not isinstance(of, String):
            raise TableError(block.where, 'an alias is another name for string')
        handle = self.read_handle(lines['handle']) if 'handle' in lines else None
        self.add_type(block, lines, Alias(block.where, name, of, handle))

    def block_struct(self, block):
        name, = self.head(block, rf'({NAME})', 'name')
        c_type = self.new_type(block, name)
        lines = self.lines(block, ['doc', 'members', 'handle'])
        members = self.need(block, lines, 'members')
        struct = Struct(block.where, name, c_type, self.scope.members(members.where, members.value))
        if 'handle' in lines:
            struct.handle = self.read_handle(lines['handle'])
            if struct.handle[1] and struct.handle[1] not in [m.name for m in struct.members]:
                raise TableError(lines['handle'].where, f'struct {name} has no member {struct.handle[1]}')
        self.program.structs.append(struct)
        self.add_type(block, lines, struct)

    def block_union(self, block):
        name, = self.head(block, rf'({NAME})', 'name')
        c_type = self.new_type(block, name)
        lines = self.lines(block, ['doc', 'arms'])
        line = self.need(block, lines, 'arms')
        arms = []
        for part in line.value.split(','):
            match = re.fullmatch(rf'\s*([0-9]+) ({kinds.IDENT}): ({NAME})\s*', part)
            of = self.scope.parse(line.where, match[3]) if match else None
            if not isinstance(of, (Scalar, String)):
                raise TableError(line.where, f'arms are written as "1 i: int, 2 s: string", not {part.strip()!r}')
            arms.append((int(match[1]), Member(line.where, match[2], of)))
        if len({code for code, _ in arms}) != len(arms):
            raise TableError(line.where, f'union {name} has two arms of the same number')
        self.scope.check_names([member for _, member in arms])
        union = Union(block.where, name, c_type, arms)
        self.program.structs.append(union)
        self.add_type(block, lines, union)

    def block_enum(self, block):
        name, = self.head(block, rf'({NAME})', 'name')
        self.new_type(block, name)
        lines = self.lines(block, ['doc', 'values'])
        line = self.need(block, lines, 'values')
        values = re.findall(rf'({NAME}) = ([0-9]+)', line.value)
        if ', '.join(f'{word} = {value}' for word, value in values) != line.value:
            raise TableError(line.where, f'values are written as "none = 0, sasl = 1", not {line.value!r}')
        enum = Enum(block.where, name, values, self.program.prefix)
        self.program.enums.append(enum)
        self.add_type(block, lines, enum)

    def block_program(self, block):
        name, number = self.head(block, rf'({NAME}) = (0x[0-9a-f]+)', 'name = 0x20008086')
        if self.program is not self.shared:
            raise TableError(block.where, 'a file holds one program')
        if name in [program.name for program in self.programs]:
            raise TableError(block.where, f'program {name} is defined twice')
        lines = self.lines(block, ['doc', 'version'])
        self.program = Program(block.where, name, int(number, 16))
        self.program.doc = self.need(block, lines, 'doc').value
        self.program.version = int(self.need(block, lines, 'version').value)
        self.programs.append(self.program)

    def new_proc(self, block):
        name, number = self.head(block, rf'({NAME}(?:\.{NAME})?) = ([0-9]+)', 'domain.suspend = 34')
        if self.program is self.shared:
            raise TableError(block.where, 'procedures stand behind a program')
        return Proc(block.where, self.program, name, int(number), block.kind == 'event')

    def add_proc(self, block):
        proc = self.new_proc(block)
        reader = ProcReader(self, proc)
        for line in block.lines:
            reader.line(line)
        reader.finish()
        for other in self.program.procs:
            if other.number == proc.number:
                raise TableError(block.where, f'number {proc.number} belongs to {other.name} already')
            if other.wire == proc.wire:
                raise TableError(block.where, f'{proc.name} is defined twice')
        self.program.procs.append(proc)
        self.program.by_name[proc.name] = proc

    block_proc = add_proc
    block_event = add_proc


class ProcReader:
    """The lines of one procedure or event."""

    CALL = ['doc', 'args', 'result', 'lane', 'acl', 'filter', 'flags', 'high', 'ro', 'before', 'fds', 'stream', 'op',
            'via', 'api', 'error']
    EVENT = ['doc', 'message', 'family', 'legacy']

    def __init__(self, reader, proc):
        self.reader, self.proc, self.seen = reader, proc, set()

    def line(self, line):
        kind = 'event' if self.proc.event else 'proc'
        if line.key not in (self.EVENT if self.proc.event else self.CALL):
            raise TableError(line.where, f'{kind} has no line {line.key!r}')
        if line.key in self.seen:
            raise TableError(line.where, f'line {line.key!r} twice')
        if not line.value and line.key != 'high':
            raise TableError(line.where, f'line {line.key!r} is empty')
        self.seen.add(line.key)
        getattr(self, 'line_' + line.key)(line)

    def finish(self):
        proc = self.proc
        for key in ['doc'] if proc.event else ['doc', 'lane']:
            if key not in self.seen:
                raise TableError(proc.where, f'{proc.name} has no line {key!r}')
        if not proc.event and ('op' in self.seen) == ('via' in self.seen):
            raise TableError(proc.where, f'{proc.name} needs one of the lines "op" and "via"')
        if proc.event:
            proc.error = 'VIR_FROM_NONE'
        elif not proc.error:
            errors = self.reader.errors
            proc.error = errors.get((proc.program.name, proc.group)) or errors.get(('shared', proc.group))
        if not proc.error:
            raise TableError(proc.where, f'object {proc.group} is not known')

    def struct(self, line, suffix):
        members = self.reader.scope.members(line.where, line.value)
        c_type = f'{self.proc.program.prefix.capitalize()}{self.proc.c_name}{suffix}'
        return Struct(line.where, self.proc.wire + '_' + suffix.lower(), c_type, members)

    def bad(self, line, example):
        raise TableError(line.where, f'{line.key} is written as "{example}", not {line.value!r}')

    def line_doc(self, line):
        self.proc.doc = line.value

    def line_args(self, line):
        self.proc.args = self.struct(line, 'Args')

    def line_result(self, line):
        self.proc.result = self.struct(line, 'Result')

    def line_message(self, line):
        """The name of a struct, or members of its own; without the callback's id."""
        of = self.reader.scope.types.get(line.value)
        self.proc.message = of if isinstance(of, Struct) else self.struct(line, 'Msg')
        if 'callbackID' in [member.name for member in self.proc.message.members]:
            raise TableError(line.where, 'callbackID is no part of a message; the line "family" stands for it')

    def line_lane(self, line):
        match = re.fullmatch(r'(inline|bulk|worker|control)|domain: (query|modify|async|destroy)', line.value)
        if not match:
            self.bad(line, 'inline | bulk | worker | control | domain: query | modify | async | destroy')
        self.proc.lane, self.proc.job = match[1] or 'domain', match[2]

    def line_acl(self, line):
        for part in line.value.split(','):
            match = re.fullmatch(rf'\s*({NAME}):({NAME})(?: (with|without) ({BITS}))?\s*', part)
            if not match:
                self.bad(line, 'domain:write, domain:save with VIR_DOMAIN_AFFECT_CONFIG')
            target, permission, word, bits = match.groups()
            self.proc.rights.append(Right(target, permission, bits if word == 'with' else '0',
                                          bits if word == 'without' else '0'))

    def line_filter(self, line):
        match = re.fullmatch(rf'({NAME}):({NAME})', line.value)
        if not match:
            self.bad(line, 'domain:getattr')
        self.proc.filter = Right(*match.groups())

    def line_flags(self, line):
        self.proc.bits_member = line.value

    def line_high(self, line):
        self.proc.high = True

    def line_ro(self, line):
        match = re.fullmatch(rf'denied(?: with ({BITS}))?', line.value)
        if not match:
            self.bad(line, 'denied with VIR_DOMAIN_XML_SECURE')
        self.proc.ro, self.proc.ro_bits = not match[1], match[1] or '0'

    def line_before(self, line):
        words = line.value.replace(',', ' ').split()
        if not set(words) <= {'auth', 'open'}:
            self.bad(line, 'auth, open')
        self.proc.before_auth, self.proc.before_open = 'auth' in words, 'open' in words

    def line_fds(self, line):
        for part in line.value.split(','):
            match = re.fullmatch(r'\s*(in|out) (any|[0-9]+)\s*', part)
            if not match:
                self.bad(line, 'in any, out 1')
            if match[1] == 'in':
                self.proc.fds_in = match[2]
            else:
                self.proc.fds_out = match[2]

    def line_stream(self, line):
        match = re.fullmatch(r'(up|down|both)( sparse)?', line.value)
        if not match:
            self.bad(line, 'up sparse')
        self.proc.stream, self.proc.sparse = match[1], bool(match[2])

    def line_op(self, line):
        if line.value not in ('hand', self.proc.wire):
            raise TableError(line.where, f'the operation of {self.proc.name} is called {self.proc.wire}, or hand')
        self.proc.op = line.value

    def line_via(self, line):
        match = re.fullmatch(rf'({NAME}\.{NAME})(?: with (.+))?', line.value)
        if not match:
            self.bad(line, 'domain.create_with_flags with flags = 1')
        self.proc.via = match[1]
        for part in match[2].split(',') if match[2] else []:
            setting = re.fullmatch(rf'\s*({kinds.IDENT}) = ({BITS})\s*', part)
            if not setting:
                self.bad(line, 'domain.create_with_flags with flags = 1')
            self.proc.via_with.append(setting.groups())

    def line_api(self, line):
        match = re.fullmatch(r'(vir[A-Za-z0-9]+) since ([0-9.]+)', line.value)
        if not match:
            self.bad(line, 'virDomainSuspend since 0.0.3')
        self.proc.api, self.proc.since = match.groups()

    def line_error(self, line):
        if not re.fullmatch(r'VIR_FROM_[A-Z0-9_]+', line.value):
            self.bad(line, 'VIR_FROM_DOMAIN')
        self.proc.error = line.value

    def line_family(self, line):
        match = re.fullmatch(rf'({NAME})(?: ([0-9]+))?', line.value)
        if not match or match[1] not in FAMILIES:
            self.bad(line, 'domain 0')
        self.proc.family, self.proc.event_id = match[1], int(match[2] or 0)

    def line_legacy(self, line):
        self.proc.legacy = line.value


# The rules that need the whole program.

def check_program(program):
    for proc in program.procs:
        if proc.via:
            check_via(program, proc)
        check_lane(proc)
        check_flags(proc)
        if proc.legacy:
            check_legacy(program, proc)
        if len(proc.rights) > 4:
            raise TableError(proc.where, f'{proc.name} needs more than four rights')


def check_lane(proc):
    handle = proc.handle()
    domain = handle and handle[1][0] in ('DOMAIN', 'SNAPSHOT', 'CHECKPOINT')
    if proc.lane == 'domain' and not domain and (proc.via or proc).op != 'hand':
        raise TableError(proc.where, f'{proc.name} runs as a job of a domain but no argument says of which')


def check_flags(proc):
    uses = proc.ro_bits != '0' or any(r.only_with != '0' or r.not_with != '0' for r in proc.rights) or proc.sparse
    if (uses or proc.bits_member != 'flags') and not proc.flags_member():
        raise TableError(proc.where,
                         f'{proc.name} has no argument {proc.bits_member}: uint whose bits could be looked at')


def check_via(program, proc):
    newer = program.by_name.get(proc.via)
    if not newer:
        raise TableError(proc.where, f'{proc.name} goes via {proc.via}, which is not known')
    if newer.via:
        raise TableError(proc.where, f'{proc.name} goes via {newer.name}, which has no operation of its own')
    if (proc.lane, proc.job) != (newer.lane, newer.job):
        raise TableError(proc.where, f'{proc.name} and {newer.name} must have the same lane')
    check_copy(proc, proc.args, newer.args, [name for name, _ in proc.via_with])
    check_copy(proc, newer.result if proc.result else None, proc.result, [])
    proc.via = newer


def check_copy(proc, source, target, settings):
    """Every member of `source` must be in `target`, of the same type; for results the other way round is fine."""
    have = {m.name: m for m in target.members} if target else {}
    given = {m.name for m in source.members} if source else set()
    for name in settings:
        if name not in have or name in given:
            raise TableError(proc.where, f'{proc.name} can\'t set {name} of {proc.via}')
    if target and target is proc.result:
        wanted = [m.name for m in target.members]
    else:
        wanted = [m.name for m in source.members] if source else []
    sources = {m.name: m for m in source.members} if source else {}
    for name in wanted:
        if name not in have or name not in sources or not same_type(sources[name].of, have[name].of):
            raise TableError(proc.where, f'{proc.name} and {proc.via} don\'t agree about {name}')


def same_type(a, b):
    if type(a) is not type(b):
        return False
    parts = ('limit', 'count', 'encoded')
    if any(getattr(a, part, None) != getattr(b, part, None) for part in parts):
        return False
    if hasattr(a, 'of'):
        return same_type(a.of, b.of)
    return a.name == b.name if hasattr(a, 'name') else True


def check_legacy(program, proc):
    old = program.by_name.get(proc.legacy)
    if not old or not old.event or old.family:
        raise TableError(proc.where, f'{proc.name} has no older form {proc.legacy}')
    if legacy_member(proc, old) is None and proc.message is not old.message:
        raise TableError(proc.where, f'the message of {proc.name} doesn\'t contain that of {old.name}')
    proc.legacy = old


def legacy_member(proc, old):
    """The member of the message that is the older message; None when the whole is."""
    for member in proc.message.members:
        if member.of is old.message:
            return member
    return None
