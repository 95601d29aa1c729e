# SPDX-License-Identifier: LGPL-2.1-or-later
"""Translations: po/POTFILES names every source with a message, and every .po is sound.

    po.py SOURCE_DIR            runs the tests, printing TAP
    po.py SOURCE_DIR --write    writes po/POTFILES anew
"""

import re
import subprocess
import sys
from pathlib import Path

FOLDERS = ('base', 'conf', 'rpc', 'drivers', 'server')
MESSAGE = re.compile(r'(?<![\w"])(?:N?_|ngettext_)\(\s*"|^ERROR_NOUN\(', re.M)
POTFILES_HEAD = '# Every source with a message; tests/unit/po.py --write makes it anew.\n'


def sources_with_messages(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob('*.[chd]*')):
            if path.suffix not in ('.c', '.h', '.def') or path.name == 'i18n.h':
                continue
            if MESSAGE.search(path.read_text(encoding='utf-8')):
                yield path.relative_to(root).as_posix()


def listed(root):
    lines = (root / 'po/POTFILES').read_text(encoding='utf-8').splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def check_potfiles(root):
    have, want = set(listed(root)), set(sources_with_messages(root))
    return ['po/POTFILES lacks %s (po.py --write adds it)' % path for path in sorted(want - have)] + \
           ['po/POTFILES names %s, which has no message' % path for path in sorted(have - want)]


def check_language(root, language):
    run = subprocess.run(['msgfmt', '--check', '--output-file=/dev/null', root / 'po' / (language + '.po')],
                         stderr=subprocess.PIPE, text=True, check=False)
    return run.stderr.splitlines() if run.returncode or run.stderr else []


def check_scripts_can_match(root, language):
    """A template that clients get untranslated keeps its one place in the translation."""
    text = (root / 'po' / (language + '.po')).read_text(encoding='utf-8')
    problems = []
    for original, translated in re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', text, re.M):
        if original.count('%s') != translated.count('%s'):
            problems.append('%s: "%s" has another number of %%s' % (language, translated))
    return problems


def main(root, *options):
    if options == ('--write',):
        (root / 'po/POTFILES').write_text(POTFILES_HEAD + '\n'.join(sources_with_messages(root)) + '\n', encoding='utf-8')
        return 0
    languages = (root / 'po/LINGUAS').read_text(encoding='utf-8').split()
    checks = [('every_source_with_a_message_is_listed', check_potfiles(root))]
    for language in languages:
        checks.append(('%s_passes_msgfmt' % language, check_language(root, language)))
        checks.append(('%s_keeps_the_places' % language, check_scripts_can_match(root, language)))
    print('1..%d' % len(checks))
    for number, (name, problems) in enumerate(checks, 1):
        for problem in problems:
            print('# ' + problem)
        print('%s %d %s' % ('not ok' if problems else 'ok', number, name))
    return any(problems for _, problems in checks)


if __name__ == '__main__':
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
