# SPDX-License-Identifier: LGPL-2.1-or-later
"""The fuzzers' dictionary: what the tables call elements and attributes, and the words that they take."""

FIXED = ['</', '/>', '<![CDATA[', ']]>', '<!--', '-->', '<?x', '?>', '<!DOCTYPE', '&amp;', '&#13;', '&#10;', ' xmlns:a=\'urn:a\'']
LONGEST = 64    # bytes of an entry that libFuzzer takes


def entries(tables):
    yield from FIXED
    for element in tables.elements.values():
        for row in element.rows:
            name = f'{row.namespace}:{row.name}' if row.namespace else row.name
            if row.kind == 'attr':
                yield f" {name}='"
            elif row.has('name'):
                yield from (f'<{word}' for word in row.enum.words)
            elif row.kind not in ('text', 'splice'):
                yield f'<{name}'
    for enum in tables.enums.values():
        yield from enum.words + enum.absent
    for prefix, (uri, _) in tables.namespaces.items():
        yield f" xmlns:{prefix}='{uri}'"


def quoted(text):
    """As libFuzzer reads it: bytes that aren't plain by their number."""
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f'\\x{byte:02x}' for byte in text.encode())
    return '"' + ''.join(plain) + '"\n'


def words(tables):
    return ''.join(quoted(text) for text in dict.fromkeys(entries(tables)) if len(text.encode()) <= LONGEST)
