# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the documents of this folder: what each test compares.

A file NAME.xml holds many: <documents in="devices"> around <document name="…">. What stands inside of a document is
taken as the bytes that it is, never through an XML parser, so that quotes, comments, entities and white space reach the
servers. Unless it begins with <domain or <?xml it is a fragment: `in` names the element, or one of PLACES, in the
smallest domain that it belongs into.
A document with each="a|b|c" is one document for each of these words, which stand in for {}.
Files in broken/ are whole documents, well-formed or not, and go as they are."""

import html
import os
import re
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))

Document = namedtuple("Document", "name data")

NEEDED = {
    "name": "<name>document</name>",
    "uuid": "<uuid>5c8f6f7e-3b0a-4c59-8f8c-0d4b0a3d7e11</uuid>",
    "memory": "<memory unit='KiB'>65536</memory>",
    "os": "<os>\n    <type>hvm</type>\n  </os>",
}

# Places for fragments that more belongs to than an element around them.
PLACES = {
    "domain": "{}",
    "os": "<os>\n    <type>hvm</type>\n    {}\n  </os>",
    "modules": """<maxMemory slots='4' unit='GiB'>8</maxMemory>
  <memory unit='GiB'>4</memory>
  <vcpu>2</vcpu>
  <cpu>
    <numa>
      <cell id='0' cpus='0-1' memory='1' unit='GiB'/>
    </numa>
  </cpu>
  <devices>
    {}
  </devices>""",
    "threads": "<iothreads>2</iothreads>\n  <devices>\n    {}\n  </devices>",
}

OPENING = re.compile(r"<documents(?P<attributes>[^>]*)>")
DOCUMENT = re.compile(r"<document(?P<attributes>\s[^>]*)>(?P<text>.*?)</document>", re.S)
TAG = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<(?P<end>/?)(?P<name>[\w:-]+)[^>]*?(?P<empty>/?)>", re.S)
ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def attributes_of(text):
    return {name: html.unescape(a or b) for name, a, b in ATTRIBUTE.findall(text)}


def children(text):
    """The names of the outermost elements."""
    depth, found = 0, set()
    for match in TAG.finditer(text):
        if match["name"]:
            if depth == 0:
                found.add(match["name"])
            depth += -1 if match["end"] else 0 if match["empty"] else 1
    return found


def in_domain(text):
    """A whole domain around its children; those that no domain can be without are added if they don't stand there."""
    there = children(text)
    parts = [part for name, part in NEEDED.items() if name not in there]
    return "<domain type='test'>\n  " + "\n  ".join(parts + [text]) + "\n</domain>\n"


def whole(text, place):
    """The document that a fragment stands for."""
    text = text.strip("\n")
    if re.match(r"\s*(<domain[\s>/]|<\?xml|<!)", text):
        return text.lstrip()
    around = PLACES.get(place, f"<{place}>\n    {{}}\n  </{place}>")
    return in_domain(around.replace("{}", text.strip()))


def read(path):
    """The documents of one file."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    subject = os.path.splitext(os.path.basename(path))[0]
    common = attributes_of(OPENING.search(text)["attributes"])
    found = []
    for match in DOCUMENT.finditer(text):
        own = common | attributes_of(match["attributes"])
        document = whole(match["text"], own["in"])
        name = f"{subject}/{own['name']}"
        if "each" in own:
            for word in own["each"].split("|"):
                found.append(Document(f"{name}={word}", document.replace("{}", word).encode()))
        else:
            found.append(Document(name, document.encode()))
    return found


def read_broken():
    folder = os.path.join(HERE, "broken")
    found = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            found.append(Document(f"broken/{name}", f.read()))
    return found


def sources():
    return sorted(os.path.join(HERE, name) for name in os.listdir(HERE) if name.endswith(".xml"))


def read_all():
    found = [document for path in sources() for document in read(path)] + read_broken()
    names = [document.name for document in found]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else None
    assert not twice, f"two documents have one name: {sorted(twice)}"
    return found
