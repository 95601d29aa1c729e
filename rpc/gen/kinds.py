# SPDX-License-Identifier: LGPL-2.1-or-later
"""The types of members: how each is spelled in the table, what it is in C, how long on the wire.

    int uint hyper uhyper double char uchar ushort string    as XDR has them; char takes 4 bytes
    T?                    present or absent
    T[16]  opaque[16]     exactly so many
    T[max l]  opaque[max l]    at most the limit `l`
    encoded T[max l]      an array whose elements the server has on the wire's form already
    T                     a struct, union, enum or alias that stands earlier in the tables
"""

import re

from table import TableError

SCALARS = {    # name: (C type, bytes on the wire)
    'int': ('int32_t', 4), 'uint': ('uint32_t', 4), 'hyper': ('int64_t', 8), 'uhyper': ('uint64_t', 8),
    'double': ('double', 8), 'char': ('char', 4), 'uchar': ('uint8_t', 4), 'ushort': ('uint16_t', 4),
}
C_KEYWORDS = set('auto break case char const continue default do double else enum extern float for goto if inline int '
                 'long register restrict return short signed sizeof static struct switch typedef union unsigned void '
                 'volatile while'.split())
IDENT = r'[A-Za-z_][A-Za-z0-9_]*'


class Limit:
    def __init__(self, where, name, value, prefix):
        self.where, self.name, self.value = where, name, value
        self.c_name = f'{prefix.upper()}_LIMIT_{name.upper()}'


class Scalar:
    def __init__(self, name):
        self.name = name
        self.c_type, self.min_size = SCALARS[name]
        self.fixed_size = self.min_size
        self.handle = None


class String:
    c_type, min_size, fixed_size, handle = 'const char *', 4, None, None

    def __init__(self, limit):
        self.limit = limit


class Opaque:
    """Bytes: exactly `count` (limit None), or at most `limit` (count None)."""
    handle = None

    def __init__(self, count, limit):
        self.count, self.limit = count, limit
        self.fixed_size = (count + 3) // 4 * 4 if count else None
        self.min_size = self.fixed_size or 4


class Optional:
    min_size, fixed_size, handle = 4, None, None

    def __init__(self, of):
        self.of = of


class Array:
    """`count` elements (limit None), or at most `limit` (count None); encoded: see XdrEncoded."""
    handle = None

    def __init__(self, of, count, limit, encoded=False):
        self.of, self.count, self.limit, self.encoded = of, count, limit, encoded
        self.fixed_size = count * of.fixed_size if count else None
        self.min_size = self.fixed_size or 4


class Member:
    def __init__(self, where, name, of):
        self.where, self.name, self.of = where, name, of
        self.c_name = name + '_' if name in C_KEYWORDS else name


class Struct:
    def __init__(self, where, name, c_type, members):
        self.where, self.name, self.c_type, self.members = where, name, c_type, members
        self.doc, self.handle, self.shared = '', None, False
        self.min_size = sum(m.of.min_size for m in members)
        sizes = [m.of.fixed_size for m in members]
        self.fixed_size = None if None in sizes else sum(sizes)


class Union:
    """A value with its kind in front: arms are (code, member)."""
    fixed_size, handle, shared = None, None, False

    def __init__(self, where, name, c_type, arms):
        self.where, self.name, self.c_type, self.arms = where, name, c_type, arms
        self.doc = ''
        self.min_size = 4 + min(m.of.min_size for _, m in arms)


class Enum:
    c_type, min_size, fixed_size, handle, shared = 'int32_t', 4, 4, None, False

    def __init__(self, where, name, values, prefix):
        self.where, self.name, self.doc = where, name, ''
        self.values = [(f'{prefix.upper()}_{name.upper()}_{word.upper()}', value) for word, value in values]


class Alias:
    """Another name for a string, so that a handle that is only a name can be told from other strings."""
    c_type, min_size, fixed_size, shared = 'const char *', 4, None, False

    def __init__(self, where, name, of, handle):
        self.where, self.name, self.of, self.handle = where, name, of, handle
        self.doc = ''


def plain(of):
    """What an alias stands for."""
    return of.of if isinstance(of, Alias) else of


def split_members(text):
    """'dom: domain, xml: string' as (name, type) pairs; None for what isn't one."""
    pairs = []
    for part in text.split(','):
        match = re.fullmatch(rf'\s*({IDENT})\s*:\s*(.+?)\s*', part)
        pairs.append(match.groups() if match else None)
    return pairs


class Scope:
    """The names that a type may use: limits and types, in the order of their appearance."""

    def __init__(self):
        self.limits, self.types = {}, {}

    def limit(self, where, name):
        if name not in self.limits:
            raise TableError(where, f'limit {name} is not known')
        return self.limits[name]

    def base(self, where, name):
        if name in SCALARS:
            return Scalar(name)
        if name == 'string':
            return String(self.limit(where, 'string'))
        if name not in self.types:
            raise TableError(where, f'type {name} is not known')
        return self.types[name]

    def opaque(self, where, suffix):
        if suffix.isdigit() and int(suffix) > 0:
            return Opaque(int(suffix), None)
        if suffix.startswith('max '):
            return Opaque(None, self.limit(where, suffix[4:].strip()))
        raise TableError(where, 'opaque needs a size: opaque[16] or opaque[max limit]')

    def array(self, where, of, suffix, encoded):
        if isinstance(plain(of), (Optional, Array, Opaque)):
            raise TableError(where, 'an array of arrays or of optional values; put a struct between')
        if suffix.startswith('max '):
            return Array(of, None, self.limit(where, suffix[4:].strip()), encoded)
        if not suffix.isdigit() or int(suffix) == 0 or encoded:
            raise TableError(where, f'[{suffix}] is neither a number of elements nor [max limit]')
        if not isinstance(of, Scalar) or of.name == 'double':
            raise TableError(where, 'an array of fixed length holds only whole numbers')
        return Array(of, int(suffix), None)

    def parse(self, where, text):
        match = re.fullmatch(rf'(encoded )?\s*({IDENT})(\?)?(?:\[([^\]]*)\])?(\?)?', text)
        if not match or (match[3] and (match[4] is not None or match[5])):
            raise TableError(where, f'type {text!r} is not understood')
        encoded, name, optional, suffix, late = match.groups()
        if late and suffix is not None:
            raise TableError(where, 'an optional array; an empty one says the same')
        if encoded and suffix is None:
            raise TableError(where, 'only an array can be encoded')
        if name == 'opaque':
            of = self.opaque(where, suffix or '')
        else:
            of = self.base(where, name)
            if suffix is not None:
                of = self.array(where, of, suffix, bool(encoded))
        return Optional(of) if optional else of

    def members(self, where, text):
        members = []
        for pair in split_members(text):
            if pair is None:
                raise TableError(where, f'members are written as "name: type, name: type", not {text!r}')
            members.append(Member(where, pair[0], self.parse(where, pair[1])))
        self.check_names(members)
        return members

    @staticmethod
    def check_names(members):
        seen = set()
        for member in members:
            for name in [member.c_name] + counted(member):
                if name in seen:
                    raise TableError(member.where, f'member {name} twice')
                seen.add(name)


def counted(member):
    """The names of the members that a member brings with it in C."""
    of = member.of
    if isinstance(of, Array) and of.limit and not of.encoded:
        return ['n_' + member.c_name]
    return []
