# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of conf/elements as objects. conf/elements/README.md says what the words mean.

Reading has two steps: the lines of every file become Enums and Elements (read), then names are looked up and what
can't be is refused (resolve). A TableError names file and line.
"""

import re

NUMBER_KINDS = {'uint': 'unsigned', 'int': 'int', 'ulong': 'uint64_t', 'long': 'int64_t',
                'kib': 'uint64_t', 'bytes': 'uint64_t'}
PLAIN_KINDS = {'string', 'yesno', 'onoff', 'cpuset', 'uuid', 'mac', *NUMBER_KINDS}
STRUCT_ROWS = {'child', 'part', 'list', 'splice'}
VALUE_ROWS = {'attr', 'text', 'leaf'}
WORD_OPTIONS = {'required', 'lenient', 'nonzero', 'nonempty', 'secret', 'live', 'keep', 'unread', 'unwritten', 'abi',
                'again', 'wraps', 'merge', 'uncompared', 'path'}
VALUED_OPTIONS = {'as', 'default', 'omit', 'required', 'bad', 'min', 'max', 'base', 'show', 'when', 'key', 'shown', 'name'}
SHOWS = {f'hex{n}': n for n in range(1, 9)} | {'oct3': 16 + 3}


class TableError(Exception):
    """Something in a table that must be mended there."""

    def __init__(self, where, message):
        super().__init__(f'{where[0]}:{where[1]}: {message}')


def snake(name):
    """memoryBacking → memory_backing, hyperv-x → hyperv_x."""
    name = re.sub(r'(?<=[a-z0-9])([A-Z])', r'_\1', name)
    return re.sub(r'[^a-zA-Z0-9]+', '_', name).lower()


def c_word(word):
    return re.sub(r'[^A-Z0-9]', '_', word.upper())


class Enum:
    def __init__(self, where, name):
        self.where, self.name, self.doc = where, name, ''
        self.words, self.absent = [], []

    def add(self, word):
        (self.absent if word.startswith('-') else self.words).append(word.removeprefix('-'))

    def constant(self, word):
        return f'{snake(self.name).upper()}_{c_word(word)}'

    def value(self, word):
        """The number of a word; None when it isn't one."""
        if word in self.words:
            return self.words.index(word) + 1
        return 0 if word in self.absent else None


class Condition:
    """One when=: `member` or `key`, the words (empty: is present), negated or not."""

    def __init__(self, text):
        self.negate = text.startswith('!')
        self.member, _, words = text.lstrip('!').partition(':')
        self.words = words.split(',') if words else []
        self.kind = self.mask = self.path = None


class Row:
    def __init__(self, where, kind):
        self.where, self.kind = where, kind
        self.name = self.type = self.member = self.doc = ''
        self.namespace = None
        self.options, self.conditions = {}, []
        self.enum = self.element = None

    def has(self, option):
        return option in self.options

    @property
    def needs_has(self):
        return self.kind == 'part' or self.type in NUMBER_KINDS or self.type in ('uuid', 'mac')


class Element:
    def __init__(self, where, name):
        self.where, self.name = where, name
        self.doc, self.rows, self.parsed, self.key = '', [], None, None
        self.open, self.strict = False, 0
        self.names = set()      # of XML elements that are of this type
        self.root = None

    def row(self, member):
        return next((row for row in self.rows if row.member == member), None)


class Tables:
    def __init__(self):
        self.enums, self.elements, self.namespaces = {}, {}, {}
        self.files = []

    # --- lines to objects ---------------------------------------------------------------------

    def read(self, path, shown=None):
        """Adds one file. `shown` stands in messages instead of the path."""
        current = None
        self.files.append(path)
        with open(path, encoding='utf-8') as file:
            for number, raw in enumerate(file, 1):
                where = (shown or path, number)
                line = raw.rstrip()
                if not line or line.lstrip().startswith('#'):
                    continue
                if '\t' in line:
                    raise TableError(where, 'a tab; indent with spaces')
                if line[0] != ' ':
                    current = self.begin(where, line)
                elif current is None:
                    raise TableError(where, 'an indented line before the first element')
                elif isinstance(current, Enum):
                    self.enum_line(current, line)
                else:
                    self.element_line(current, where, line)

    def begin(self, where, line):
        words = line.split()
        if words[0] == 'namespace' and len(words) == 4:
            self.namespaces[words[1]] = (words[2], int(words[3]))
            return None
        if len(words) != 2 or words[0] not in ('enum', 'element') or not re.fullmatch('[A-Z][A-Za-z0-9]*', words[1]):
            raise TableError(where, "expected 'enum Name', 'element Name' or 'namespace prefix uri number'")
        if words[1] in self.enums or words[1] in self.elements:
            raise TableError(where, f'{words[1]} is there twice')
        if words[0] == 'enum':
            return self.enums.setdefault(words[1], Enum(where, words[1]))
        return self.elements.setdefault(words[1], Element(where, words[1]))

    @staticmethod
    def enum_line(enum, line):
        words, _, doc = line.partition(' ;')
        enum.doc = f'{enum.doc} {doc.strip()}'.strip()
        for word in words.split():
            enum.add(word)

    def element_line(self, element, where, line):
        line, separator, doc = line.strip().partition(' ; ')
        words = line.split()
        if words[0] == 'doc':
            element.doc = f'{element.doc} {line[3:].strip()}{separator}{doc}'.strip()
        elif words[0] == 'parsed' and len(words) == 2:
            element.parsed = words[1]
        elif words == ['open']:
            element.open = True
        elif words[0].startswith('strict=') and len(words) == 1:
            element.strict = int(words[0][7:])
        elif words[0] == 'key' and len(words) == 2:
            element.key = words[1]
        else:
            element.rows.append(self.row(where, words, doc.strip()))

    def row(self, where, words, doc):
        row = Row(where, words[0])
        row.doc = doc
        takes = {'attr': 2, 'text': 1, 'leaf': 2, 'flag': 1, 'child': 2, 'part': 2, 'list': 2, 'splice': 2, 'raw': 1}
        n = takes.get(row.kind)
        if n is None or len(words) < 1 + n:
            raise TableError(where, f"'{words[0]}' is no row, or words are missing")
        if not doc:
            raise TableError(where, "the documentation is missing: ' ; ' and what this is")
        if row.kind == 'text':
            row.name, row.type = 'value', words[1]
        else:
            row.name, row.type = words[1], words[2] if n == 2 else row.kind
        for word in words[1 + n:]:
            self.option(row, where, word)
        prefix, colon, local = row.name.partition(':')
        if colon and row.kind != 'splice':
            row.namespace, row.name = prefix, local
        row.member = row.options.get('as') or snake(row.name) + ('s' if row.kind == 'list' else '')
        return row

    @staticmethod
    def option(row, where, word):
        name, equals, value = word.partition('=')
        if name not in (VALUED_OPTIONS if equals else WORD_OPTIONS) or (equals and not value):
            raise TableError(where, f"'{word}' is no option")
        if name == 'when':
            row.conditions.append(Condition(value))
        else:
            row.options[name] = value if equals else True

    # --- names to things ----------------------------------------------------------------------

    def resolve(self):
        for element in self.elements.values():
            if element.key and element.key not in self.enums:
                raise TableError(element.where, f"the key '{element.key}' is no enumeration")
            members = set()
            for row in element.rows:
                self.resolve_row(row)
                if row.member in members:
                    raise TableError(row.where, f"the member '{row.member}' is there twice; use as=")
                members.add(row.member)
        for element in self.elements.values():
            for row in element.rows:
                self.resolve_key(element, row)
                for condition in row.conditions:
                    self.resolve_condition(element, row, condition)

    def resolve_row(self, row):
        if row.namespace and row.namespace not in self.namespaces:
            raise TableError(row.where, f"the namespace '{row.namespace}' is not known")
        self.check_options(row)
        if row.kind in STRUCT_ROWS:
            row.element = self.elements.get(row.type)
            if not row.element:
                raise TableError(row.where, f"the element '{row.type}' is not known")
            if row.has('name'):
                named = row.element.row(row.options['name'])
                if not named:
                    raise TableError(row.where, f"{row.type} has no member '{row.options['name']}'")
                row.enum = self.enums.get(named.type)
                if not row.enum:
                    raise TableError(row.where, f"'{row.options['name']}' of {row.type} is no enumeration")
                row.element.names.update(row.enum.words)
            elif row.kind != 'splice':
                row.element.names.add(row.name)
        elif row.kind in VALUE_ROWS and row.type not in PLAIN_KINDS:
            row.enum = self.enums.get(row.type)
            if not row.enum:
                raise TableError(row.where, f"'{row.type}' is neither a kind nor an enumeration")
        for option in ('default', 'omit'):
            if row.has(option):
                self.constant(row, row.options[option])

    @staticmethod
    def check_options(row):
        if row.has('name') and row.kind != 'list':
            raise TableError(row.where, 'name= is for lists')
        if row.options.get('show', 'hex1') not in SHOWS:
            raise TableError(row.where, f"show={row.options['show']} is not known")

    def constant(self, row, text):
        """A default= or omit= as a number, or as a string for a string."""
        if row.enum:
            value = row.enum.value(text)
            if value is None:
                raise TableError(row.where, f"'{text}' is no word of {row.type}")
            return value
        if row.type in ('yesno', 'onoff'):
            words = {'yes': 1, 'no': 2} if row.type == 'yesno' else {'on': 1, 'off': 2}
            if text not in words:
                raise TableError(row.where, f"'{text}' is neither of {row.type}")
            return words[text]
        if row.type in NUMBER_KINDS:
            return int(text, 0)
        if row.type == 'string':
            return text
        raise TableError(row.where, f'no constant can stand for {row.type}')

    def resolve_key(self, element, row):
        key = row.options.get('key')
        needs = row.element.key if row.element else None
        if not key:
            if needs:
                raise TableError(row.where, f'{row.type} needs key= (a member of {needs})')
            return
        if key == 'key':
            given = element.key
        else:
            path = self.path(element, row, key)
            given = path[-1].enum.name if path[-1].enum else None
        if not needs or given != needs:
            raise TableError(row.where, f"key={key} doesn't give {row.type} the {needs} that it wants")

    def path(self, element, row, dotted):
        """The rows on the way to a member, through parts and splices."""
        path = []
        for name in dotted.split('.'):
            if path and path[-1].kind not in ('part', 'splice'):
                raise TableError(row.where, f"'{dotted}' goes through something that is not embedded")
            here = element.row(name)
            if not here:
                raise TableError(row.where, f"{element.name} has no member '{name}'")
            path.append(here)
            element = here.element
        return path

    def resolve_condition(self, element, row, condition):
        if condition.member == 'key':
            if not element.key:
                raise TableError(row.where, f'{element.name} has no key')
            condition.kind, enum = 'key', self.enums[element.key]
        else:
            condition.path = self.path(element, row, condition.member)
            enum = self.condition_kind(row, condition, condition.path[-1])
        if condition.words:
            condition.mask = self.mask(row, condition, enum)

    @staticmethod
    def condition_kind(row, condition, target):
        tristate = target.type in ('yesno', 'onoff')
        if target.enum or tristate or target.kind == 'flag':
            condition.kind = 'byte'
        elif target.type in ('string', 'cpuset') or target.kind in ('child', 'raw'):
            condition.kind = 'pointer'
        elif target.kind == 'list':
            condition.kind = 'count'
        elif target.needs_has:
            condition.kind = 'has'
        else:
            raise TableError(row.where, f"'{condition.member}' can't be a condition")
        if tristate:
            words = Enum(row.where, target.type)
            words.words = ['yes', 'no'] if target.type == 'yesno' else ['on', 'off']
            return words
        return target.enum

    @staticmethod
    def mask(row, condition, enum):
        mask = 0
        for word in condition.words:
            value = enum.value(word) if enum else None
            if value is None:
                raise TableError(row.where, f"'{word}' is no word of '{condition.member}'")
            if value > 63:
                raise TableError(row.where, f"'{word}' stands behind the 63rd word, too far for a condition")
            mask |= 1 << value
        return mask


def load(paths, shown=None):
    """All tables of these files, resolved."""
    tables = Tables()
    for path in paths:
        tables.read(path, shown(path) if shown else None)
    tables.resolve()
    return tables
