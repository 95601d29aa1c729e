# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the tables of docs/metrics.md from server/metrics.def and from what drivers count.

    metrics.py SOURCE_DIR            says what is wrong; status 1 then
    metrics.py SOURCE_DIR --write    writes the tables anew

Wrong is: a name or a label against the rules of OpenMetrics, a page whose tables are out of date, and a dashboard
(docs/grafana.json) that asks for a metric or a label that doesn't exist.
"""

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from settings import macro_calls  # noqa: E402

PAGE = 'docs/metrics.md'
DASHBOARD = 'docs/grafana.json'
BEGIN = '<!-- tables: python3 server/gen/metrics.py . --write -->\n'
END = '<!-- end of the tables -->\n'
NAME = re.compile(r'[a-z][a-z0-9]*(_[a-z0-9]+)*$')
# What a family's lines are called behind its name, and what else would be read as one of them.
SUFFIXES = {'counter': ('_total',), 'gauge': ('',), 'info': ('_info',), 'histogram': ('_bucket', '_count', '_sum')}
RESERVED = ('_total', '_created', '_info', '_bucket', '_count', '_sum')
# One figure of a driver; what of it isn't a literal would not be found here, so each DRIVER_COUNTER must be.
SHOWN = re.compile(r'show\(visit,\s*opaque,\s*DRIVER_(COUNTER|GAUGE),\s*"(\w+)",\s*(NULL|"\w+"),\s*((?:"[^"]*"\s*)+),')
DRIVER_SOURCE = '`%s`; of each hypervisor of this driver'


@dataclass
class Family:
    name: str
    kind: str
    unit: str
    labels: tuple
    doc: str

    def lines(self):
        return [self.name + suffix for suffix in SUFFIXES[self.kind]]


class Wrong(Exception):
    pass


def read_table(root):
    """[(title, source, [Family])]"""
    groups = []
    for macro, args in macro_calls((root / 'server/metrics.def').read_text(encoding='utf-8')):
        if macro == 'METRIC_GROUP' and len(args) == 2:
            groups.append((args[0], args[1], []))
        elif macro == 'METRIC' and len(args) == 6 and groups and args[2].lower() in SUFFIXES:
            labels = tuple(label for label in args[4].split(',') if label)
            groups[-1][2].append(Family(args[1], args[2].lower(), args[3], labels, args[5]))
        else:
            raise Wrong(f'metrics.def: {macro}({args[0]} …) is not understood')
    return groups


def read_drivers(root):
    groups = []
    for path in sorted((root / 'drivers').rglob('*.c')):
        text = path.read_text(encoding='utf-8')
        families = [Family('drover_' + name, kind.lower(), None if unit == 'NULL' else unit.strip('"'), ('uri',),
                           ''.join(re.findall(r'"([^"]*)"', doc)))
                    for kind, name, unit, doc in SHOWN.findall(text)]
        if len(families) != len(re.findall(r'\bDRIVER_(?:COUNTER|GAUGE)\b', text)):
            raise Wrong(f'{path}: not every figure stands there in words that can be found')
        if families:
            of = path.parent.name
            groups.append((f'What the driver {of} counts', DRIVER_SOURCE % path.relative_to(root).as_posix(), families))
    return groups


def faults_of(families):
    """What OpenMetrics, or a reader of it, would not like."""
    names = [family.name for family in families]
    for family in families:
        if not NAME.match(family.name) or names.count(family.name) > 1:
            yield f'{family.name}: the name is bad or there twice'
        if family.unit and not family.name.endswith('_' + family.unit):
            yield f'{family.name}: the name must end in its unit, {family.unit}'
        if family.name.endswith(RESERVED):
            yield f'{family.name}: the name ends in what the format appends itself'
        if any(family.name + suffix in names for suffix in RESERVED):
            yield f'{family.name}: a line of it has the name of another family'
        if len(set(family.labels)) != len(family.labels) or not all(
                NAME.match(label) and label not in ('le', 'quantile') for label in family.labels):
            yield f'{family.name}: its labels are bad'
        if not family.doc or family.doc.endswith('.') or '|' in family.doc:
            yield f'{family.name}: say what it is, without a full stop'
        if family.kind == 'info' and family.unit:
            yield f'{family.name}: an info has no unit'


def tables(groups):
    out = [BEGIN]
    for title, source, families in groups:
        out += [f'\n### {title}\n\n', f'Source: {source}.\n\n', '| name | type | unit | labels | what it is |\n',
                '| --- | --- | --- | --- | --- |\n']
        for family in families:
            lines = family.name + ('_total' if family.kind == 'counter' else '_info' if family.kind == 'info' else '')
            labels = ', '.join(f'`{label}`' for label in family.labels)
            out.append(f'| `{lines}` | {family.kind} | {family.unit or ""} | {labels} | {family.doc} |\n')
    return ''.join(out + ['\n', END])


def page_with(text, made):
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Wrong(f'{PAGE} has no place for the tables')
    return before + made + after


# --- the dashboard


WORDS = re.compile(r'"[^"]*"|\$\w+|[A-Za-z_:][A-Za-z0-9_:]*|\S')
FUNCTIONS = {'rate', 'irate', 'increase', 'sum', 'max', 'min', 'avg', 'count', 'topk', 'bottomk', 'histogram_quantile',
             'time', 'vector', 'label_values', 'clamp_min', 'label_replace', 'query_result'}
LISTS = {'by', 'without', 'on', 'ignoring', 'group_left', 'group_right'}
OPERATORS = {'and', 'or', 'unless', 'bool', 'offset'}


def expressions(thing):
    """Every expression of the dashboard, however deep, with where it stands."""
    if isinstance(thing, dict):
        for key, value in thing.items():
            if key in ('expr', 'query', 'definition') and isinstance(value, str) and ('(' in value or '{' in value or '_' in value):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from expressions(value)


def asked_for(expression):
    """(metrics, labels) that an expression of PromQL names; enough of its grammar for our dashboard."""
    metrics, labels, braces, in_list, last = set(), set(), 0, False, ''
    text = re.sub(r'\[[^\]]*\]', '', expression)
    for word in WORDS.findall(text):
        if word == '{':
            braces += 1
        elif word == '}':
            braces -= 1
        elif word == ')':
            in_list = False
        elif word == '(' and last in LISTS:
            in_list = True
        elif re.match(r'[A-Za-z_:]', word):
            if braces or in_list:
                labels.add(word)
            elif word not in FUNCTIONS | LISTS | OPERATORS:
                metrics.add(word)
        last = word
    return metrics, labels


def dashboard_faults(text, families):
    lines = {line: family for family in families for line in family.lines()}
    try:
        found = list(expressions(json.loads(text)))
    except ValueError as error:
        yield f'{DASHBOARD} is no JSON: {error}'
        return
    if len(found) < 10:
        yield f'{DASHBOARD} has only {len(found)} expressions'
    for expression in found:
        metrics, labels = asked_for(expression)
        values = re.match(r'label_values\((.*),\s*(\w+)\)$', expression)
        if values:
            metrics, labels = asked_for(values[1])
            labels.add(values[2])
        if not metrics:
            yield f'{DASHBOARD}: {expression} names no metric'
        for name in metrics - set(lines):
            yield f'{DASHBOARD}: {expression}: there is no {name}'
        known = {label for name in metrics & set(lines) for label in lines[name].labels} | {'le', 'job', 'instance'}
        for label in labels - known:
            yield f'{DASHBOARD}: {expression}: none of its metrics has a label {label}'


# --- all


def read_all(root):
    return read_table(root) + read_drivers(root)


def faults(root):
    groups = read_all(root)
    families = [family for _, _, these in groups for family in these]
    yield from faults_of(families)
    page = (root / PAGE).read_text(encoding='utf-8')
    if page_with(page, tables(groups)) != page:
        yield f'{PAGE} is out of date; run: python3 server/gen/metrics.py . --write'
    yield from dashboard_faults((root / DASHBOARD).read_text(encoding='utf-8'), families)


def main(argv):
    if not argv or argv[1:] not in ([], ['--write']):
        raise SystemExit(__doc__)
    root = Path(argv[0])
    try:
        if argv[1:]:
            page = root / PAGE
            page.write_text(page_with(page.read_text(encoding='utf-8'), tables(read_all(root))), encoding='utf-8')
            return 0
        found = list(faults(root))
    except Wrong as error:
        found = [str(error)]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
