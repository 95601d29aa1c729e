#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up the JUnit reports below a folder and ends with "N passed, N failed".

Meson reports a pytest file as one test; where a folder has the file's own report, that is counted in its place.
What was skipped is named with its reason. Exits with 1 when anything failed or nothing ran.
"""

import json
import os
import sys
import xml.etree.ElementTree as ElementTree


def cases(path):
    """(suite, name, state, reason) of each test case; a report that can't be read is a failure."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as problem:
        yield path, 'report', 'failed', str(problem)
        return
    for suite in root.iter('testsuite'):
        for case in suite.findall('testcase'):
            name = f"{case.get('classname') or suite.get('name')}: {case.get('name')}"
            skipped = case.find('skipped')
            if case.find('failure') is not None or case.find('error') is not None:
                yield suite.get('name') or '', name, 'failed', ''
            elif skipped is not None:
                yield suite.get('name') or '', name, 'skipped', skipped.get('message') or (skipped.text or '').strip()
            else:
                yield suite.get('name') or '', name, 'passed', ''


def broken_tests(path):
    """Names of the tests that Meson calls failed: a program whose cases all passed may still end with an error."""
    if not os.path.exists(path):
        return
    with open(path, encoding='utf-8') as log:
        for line in log:
            test = json.loads(line)
            if test['result'] not in ('OK', 'SKIP', 'EXPECTEDFAIL'):
                yield test['name'], test['result']


def main(folder):
    counts = {'passed': 0, 'failed': 0, 'skipped': 0}
    detailed = {}
    for entry in sorted(os.listdir(folder)):
        path = os.path.join(folder, entry)
        if os.path.isdir(path):
            detailed[entry] = [os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith('.xml')]
    for entry in sorted(os.listdir(folder)):
        if not entry.endswith('.xml'):
            continue
        build = entry[:-4]
        own = {os.path.splitext(os.path.basename(path))[0].removeprefix('integration-test_')
               for path in detailed.get(build, [])}
        failed_before = counts['failed']
        for path in [os.path.join(folder, entry)] + detailed.get(build, []):
            for suite, name, state, reason in cases(path):
                if path.endswith(entry) and name.split(': ')[-1] in own and state != 'failed':
                    continue    # counted case by case from its own report
                counts[state] += 1
                if state != 'passed':
                    print(f'{state}: {build}: {name}' + (f' ({reason})' if reason else ''))
        named = [name for name, _ in broken_tests(os.path.join(folder, build + '.json'))]
        for name, result in broken_tests(os.path.join(folder, build + '.json')):
            print(f'{result.lower()}: {build}: {name}')
        counts['failed'] += max(0, len(named) - (counts['failed'] - failed_before))
    if counts['skipped']:
        print(f"{counts['skipped']} skipped")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts['failed'] or not counts['passed'] else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
