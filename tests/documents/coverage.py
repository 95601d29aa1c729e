#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What libvirt's schema of domains names, and which of it our documents never use.

    /usr/bin/python3 tests/documents/coverage.py [--words]

Walks the RelaxNG files from the element domain on and collects pairs: an element inside of another, an attribute of an
element, and (--words) a word that an attribute or text may have. The same pairs are looked for in the documents."""

import glob
import os
import re
import sys
import xml.etree.ElementTree as ET

import collection

SCHEMAS = "/usr/share/libvirt/schemas"
RNG = "{http://relaxng.org/ns/structure/1.0}"
PREFIXES = {
    "http://libvirt.org/schemas/domain/qemu/1.0": "qemu:",
    "http://libvirt.org/schemas/domain/xen/1.0": "xen:",
    "http://libvirt.org/schemas/domain/lxc/1.0": "lxc:",
    "http://libvirt.org/schemas/domain/bhyve/1.0": "bhyve:",
    "http://libvirt.org/schemas/domain/vmware/1.0": "vmware:",
}


class Schema:
    """The pairs of the schema: ("disk", "target"), ("disk", "@device"), ("disk@device", "=lun"), ("model", "=virtio")."""

    def __init__(self, root="domaincommon.rng", start="domain", directory=SCHEMAS):
        self.definitions, self.pairs, self.seen = {}, set(), set()
        self.load(os.path.join(directory, root), set())
        for definition in self.definitions[start]:
            self.walk(definition, "", "", "")

    def load(self, path, loaded):
        if path in loaded:
            return
        loaded.add(path)
        grammar = ET.parse(path).getroot()
        for include in grammar.iter(RNG + "include"):
            self.load(os.path.join(os.path.dirname(path), include.get("href")), loaded)
        for definition in grammar.iter(RNG + "define"):
            self.definitions.setdefault(definition.get("name"), []).append(definition)

    def walk(self, node, element, holder, namespace):
        """`holder`: the element or element@attribute whose words follow."""
        namespace = node.get("ns", namespace)
        if node.tag == RNG + "ref":
            key = (node.get("name"), element, holder)
            if key not in self.seen:
                self.seen.add(key)
                for definition in self.definitions.get(node.get("name"), []):
                    self.walk(definition, element, holder, namespace)
            return
        if node.tag == RNG + "element":
            for name in self.names(node):
                name = PREFIXES.get(namespace, "") + name
                self.pairs.add((element, name))
                self.into(node, name, name, namespace)
            return
        if node.tag == RNG + "attribute":
            for name in self.names(node):
                self.pairs.add((element, "@" + name))
                self.into(node, element, f"{element}@{name}", namespace)
            return
        if node.tag == RNG + "value":
            self.pairs.add((holder, "=" + " ".join((node.text or "").split())))
        self.into(node, element, holder, namespace)

    def into(self, node, element, holder, namespace):
        for child in node:
            if child.tag not in (RNG + "name", RNG + "anyName", RNG + "nsName", RNG + "except"):
                self.walk(child, element, holder, namespace)

    @staticmethod
    def names(node):
        if node.get("name"):
            return [node.get("name")]
        return [name.text.strip() for name in node.findall(RNG + "name") + node.findall(f"{RNG}choice/{RNG}name")]


def local(name):
    namespace, _, tag = name.rpartition("}")
    return PREFIXES.get(namespace[1:], "") + tag


def used(documents):
    """The same pairs, of documents."""
    pairs = set()

    def visit(node, above):
        name = local(node.tag)
        pairs.add((above, name))
        pairs.add((name, "=" + " ".join((node.text or "").split())))
        for key, value in node.attrib.items():
            pairs.add((name, "@" + local(key)))
            pairs.add((f"{name}@{local(key)}", "=" + " ".join(value.split())))
        for child in node:
            if isinstance(child.tag, str):
                visit(child, name)

    for document in documents:
        try:
            visit(ET.fromstring(document.data), "")
        except (ET.ParseError, LookupError):  # LookupError: no such encoding
            pass
    return pairs


def missing(words=False, documents=None):
    """The pairs of the schema that no document has."""
    found = used(documents if documents is not None else collection.read_all())
    return sorted(
        pair for pair in Schema().pairs - found if words or not pair[1].startswith("=")
    )


def main():
    if sys.argv[1:2] == ["--files"]:
        documents = [collection.Document(f, open(f, "rb").read()) for p in sys.argv[2:] for f in glob.glob(p)]
    else:
        documents = None
    schema = Schema().pairs
    absent = missing(True, documents)
    for kind, test in (
        ("elements", lambda p: not re.match("[@=]", p[1])),
        ("attributes", lambda p: p[1].startswith("@")),
        ("words", lambda p: p[1].startswith("=")),
    ):
        every, without = [p for p in schema if test(p)], [p for p in absent if test(p)]
        print(f"{kind}: {len(every) - len(without)} of {len(every)}")
        if kind != "words" or "--words" in sys.argv:
            for where, what in without:
                print(f"  {where} {what}")


if __name__ == "__main__":
    main()
