#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""server/metrics.def, docs/metrics.md and docs/grafana.json say the same; and the checks of that find what they are for.

    metrics.py SOURCE_DIR

Output is TAP.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'server/gen'))
import metrics  # noqa: E402
from metrics import Family  # noqa: E402

GOOD = [Family('drover_calls', 'counter', None, ('program',), 'Calls'),
        Family('drover_call_seconds', 'histogram', 'seconds', ('program', 'phase'), 'How long they took')]


def families_are_judged():
    bad = [
        Family('drover_calls_total', 'counter', None, (), 'Calls'),
        Family('drover_Calls', 'counter', None, (), 'Calls'),
        Family('drover_memory', 'gauge', 'bytes', (), 'Memory'),
        Family('drover_calls', 'counter', None, ('le',), 'Calls'),
        Family('drover_calls', 'counter', None, ('a', 'a'), 'Calls'),
        Family('drover_calls', 'counter', None, (), 'Calls.'),
        Family('drover_build_seconds', 'info', 'seconds', (), 'What'),
    ]
    twice = GOOD + [GOOD[0]]
    clash = GOOD + [Family('drover_call_seconds_count', 'gauge', None, (), 'A line of the histogram')]
    return all(list(metrics.faults_of([one])) for one in bad) and list(metrics.faults_of(twice)) \
        and list(metrics.faults_of(clash)) and not list(metrics.faults_of(GOOD))


def expressions_are_read():
    cases = {
        'sum by (program) (rate(drover_calls_total{program="a"}[5m]))': ({'drover_calls_total'}, {'program'}),
        'histogram_quantile(0.99, sum by (le) (rate(drover_call_seconds_bucket[$__rate_interval])))':
            ({'drover_call_seconds_bucket'}, {'le'}),
        'a_total / on (uri) group_left (uuid) b_info > 0': ({'a_total', 'b_info'}, {'uri', 'uuid'}),
        'time() - process_start_time_seconds': ({'process_start_time_seconds'}, set()),
    }
    return all(metrics.asked_for(expression) == wanted for expression, wanted in cases.items())


def dashboards_are_judged():
    def faults(*expressions):
        filler = ['drover_calls_total'] * 10
        return list(metrics.dashboard_faults(json.dumps({'panels': [{'expr': e} for e in [*filler, *expressions]]}), GOOD))

    bad = ['rate(drover_calls[5m])', 'drover_gone', 'sum by (phase) (drover_calls_total)', 'drover_call_seconds']
    good = ['sum by (phase) (rate(drover_call_seconds_sum[5m]))', 'label_values(drover_calls_total, program)']
    return all(faults(one) for one in bad) and not faults(*good) and list(metrics.dashboard_faults('{', GOOD))


def main(root):
    found = list(metrics.faults(Path(root)))
    results = [
        ('bad families are found, good ones pass', families_are_judged()),
        ('metrics and labels of an expression are found', expressions_are_read()),
        ('bad expressions are found, good ones pass', dashboards_are_judged()),
        ('the table, the page and the dashboard agree', not found),
    ]
    print(f'1..{len(results)}')
    for fault in found:
        print('#', fault)
    for number, (claim, holds) in enumerate(results, 1):
        print('ok' if holds else 'not ok', number, '-', claim)
    return 0


sys.exit(main(sys.argv[1]))
