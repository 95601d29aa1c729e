#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents made at random from the tables of conf/elements, valid as far as tables can tell, or with one mistake.

    /usr/bin/python3 tests/documents/generate.py SEED COUNT [FOLDER]

Prints them, or writes one file each. A seed always gives the same documents, as long as the tables stay. Each document
is about a few children of <domain> or <devices>; the rest is what no domain can be without. Tables don't say all: a
good part is refused for what the rules ask. plain.py holds the texts and numbers that are likely to be taken."""

import glob
import os
import random
import sys
from xml.sax.saxutils import escape, quoteattr

import plain

HERE = os.path.dirname(os.path.abspath(__file__))
CONF = os.path.join(HERE, "..", "..", "conf")
sys.path.insert(0, os.path.join(CONF, "gen"))
import table  # noqa: E402

ALWAYS = {"name", "memory", "os", "type"}
NEVER = {"metadata", "test:runstate", "test:transient", "test:hasmanagedsave", "vmware:datacenterpath"}
DEPTH = 7


class Node:
    """An element of the document that is being made."""

    def __init__(self, name):
        self.name, self.attributes, self.children, self.text = name, [], [], ""

    def all(self):
        yield self
        for child in self.children:
            yield from child.all()

    def write(self, indent):
        attributes = "".join(f" {name}={quoteattr(value)}" for name, value in self.attributes)
        if not self.children and not self.text:
            return f"<{self.name}{attributes}/>"
        inner = escape(self.text)
        if indent is None:
            inner += "".join(child.write(None) for child in self.children)
        elif self.children:
            inner += "".join(f"\n{indent}  {child.write(indent + '  ')}" for child in self.children) + f"\n{indent}"
        return f"<{self.name}{attributes}>{inner}</{self.name}>"


def holds(conditions, values, key):
    """Whether all conditions of a row are met; values: what is known of the members, those of parts in dicts."""
    for condition in conditions:
        if condition.member == "key":
            value = key
        else:
            value = values
            for name in condition.member.split("."):
                value = value.get(name) if isinstance(value, dict) else None
        met = value in condition.words if condition.words else value is not None
        if met == condition.negate:
            return False
    return True


class Maker:
    def __init__(self, tables, rng):
        self.tables, self.rng, self.count = tables, rng, 0

    # --- values

    def word(self, element, row):
        """More often one of those that are likely to be taken."""
        likely = plain.WORDS.get((element.name, row.name))
        if likely and self.rng.random() < 0.8:
            return self.rng.choice(likely)
        return self.rng.choice(row.enum.words)

    def number(self, element, row):
        low = max(int(row.options.get("min", "0"), 0), 1 if row.has("nonzero") else 0)
        high = int(row.options.get("max", "1000000"), 0)
        near = plain.NUMBERS.get((element.name, row.name)) or plain.NUMBERS.get(row.name, plain.ANY_NUMBER)
        fitting = [n for n in near if low <= n <= high] or [low]
        value, base = self.rng.choice(fitting), int(row.options.get("base", "10"))
        if base == 8:
            return f"{value:o}"
        return f"{value:#x}" if base == 16 or (base == 0 and self.rng.random() < 0.5) else str(value)

    def value(self, element, row, values):
        """The text of a row that has one."""
        rng = self.rng
        if row.enum:
            return self.word(element, row)
        if row.type == "yesno":
            return rng.choice(("yes", "no"))
        if row.type == "onoff":
            return rng.choice(("on", "off"))
        if row.type == "cpuset":
            return rng.choice(("0", "0-1", "1,3", "0-3,^2"))
        if row.type == "uuid":
            digits = f"{rng.getrandbits(128):032x}"
            return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        if row.type == "mac":
            return "52:54:00:" + ":".join(f"{rng.getrandbits(8):02x}" for _ in range(3))
        if row.type == "string":
            self.count += 1
            return plain.text(rng, element.name, row.name, values, self.count)
        return self.number(element, row)

    def unit(self, row):
        """What stands in the attribute beside an amount of memory, if anything."""
        if row.type in ("kib", "bytes") and self.rng.random() < 0.5:
            return self.rng.choice(("KiB", "KiB", "MiB"))
        return None

    # --- elements

    def wanted(self, element, row, depth, chosen):
        if row.has("unread") or row.has("live"):
            return False
        if chosen is not None:
            return row.member in chosen
        if row.has("required") or row.kind == "text" or (element.name, row.name) in plain.NEEDED:
            return True
        return self.rng.random() < plain.LIKELY.get(row.name, 0.5 if depth < 3 else 0.35)

    def fill(self, node, element, key, depth, chosen=None):
        """Makes what the rows of the element say; returns the values of its members."""
        values, made = {}, {}
        for row in element.rows:
            if row.has("default"):
                values[row.member] = row.options["default"]
        taken = set()
        for row in sorted(element.rows, key=lambda row: bool(row.conditions)):
            spot = (row.kind == "attr", row.namespace, row.name)
            if row.kind != "splice" and spot in taken or not holds(row.conditions, values, key):
                continue
            if row.kind == "splice" or self.wanted(element, row, depth, chosen):
                taken.add(spot)
                made[row.member] = self.make(node, element, row, values, key, depth)
        self.put(node, element, made)
        return values

    def key_of(self, row, values, key):
        name = row.options.get("key")
        if not name or name == "key":
            return key
        for part in name.split("."):
            values = values.get(part) if isinstance(values, dict) else None
        return values

    def make(self, node, element, row, values, key, depth):
        """Attributes, texts and children of one row."""
        if row.kind in ("attr", "text", "leaf"):
            text = self.value(element, row, values)
            values[row.member] = text
            return text, self.unit(row)
        if row.kind == "splice":
            inner = Node("")
            values[row.member] = self.fill(inner, row.element, self.key_of(row, values, key), depth)
            return inner
        if row.kind == "flag":
            values[row.member] = True
            return [Node(self.full_name(row))]
        if row.kind == "raw" or depth >= DEPTH:
            return []
        count = self.rng.choice((1, 1, 1, 2, 3)) if row.kind == "list" else 1
        children = []
        for _ in range(count):
            child = Node(self.full_name(row))
            kind = None
            if row.has("name"):
                kind = child.name = self.rng.choice(row.enum.words)
            inner = self.fill(child, row.element, kind or self.key_of(row, values, key), depth + 1)
            values[row.member] = inner
            children.append(child)
        return children

    @staticmethod
    def full_name(row):
        return f"{row.namespace}:{row.name}" if row.namespace else row.name

    def put(self, node, element, made):
        """Into the node, in the order of the rows."""
        for row in element.rows:
            if row.member not in made:
                continue
            what = made[row.member]
            if row.kind == "attr":
                node.attributes.append((self.full_name(row), what[0]))
                if what[1]:
                    node.attributes.append(("unit", what[1]))
            elif row.kind == "text":
                node.text = what[0]
                if what[1]:
                    node.attributes.append(("unit", what[1]))
            elif row.kind == "leaf":
                leaf = Node(self.full_name(row))
                leaf.text = what[0]
                if what[1]:
                    leaf.attributes.append(("unit", what[1]))
                node.children.append(leaf)
            elif row.kind == "splice":
                node.attributes += what.attributes
                node.children += what.children
                node.text = node.text or what.text
            else:
                node.children += what

    # --- documents

    def domain(self):
        rng, root = self.rng, Node("domain")
        domain, devices = self.tables.elements["DomainConfig"], self.tables.elements["Devices"]
        about = [
            row for row in domain.rows + devices.rows
            if self.full_name(row) not in ALWAYS | NEVER | {"devices"} and not row.conditions
        ]
        chosen = rng.sample(about, rng.choice((1, 1, 2, 3)))
        self.fill(root, domain, None, 0, ALWAYS | {row.member for row in chosen if row in domain.rows})
        inner = [row.member for row in chosen if row in devices.rows]
        if inner:
            node = Node("devices")
            self.fill(node, devices, None, 1, set(inner))
            root.children.append(node)
        plain.settle(root)
        for prefix in sorted({node.name.partition(":")[0] for node in root.all() if ":" in node.name}):
            root.attributes.append((f"xmlns:{prefix}", self.tables.namespaces[prefix][0]))
        return root

    def document(self, mistakes):
        root = self.domain()
        if self.rng.random() < mistakes:
            mistake(self.rng, root)
        indent = None if self.rng.random() < 0.2 else ""
        return root.write(indent) + "\n"


# --- mistakes

WRONG = (
    "nonsense", "", "0", "-1", "x", "4294967296", " 1", "1 ", "0x10", "yes", "on", "default", "none", "18446744073709551615",
)


def of_attribute(rng, node):
    if node.attributes:
        at = rng.randrange(len(node.attributes))
        name, value = node.attributes[at]
        node.attributes[at] = (name, rng.choice(WRONG + (value.upper(), value + value, f" {value}")))


def without_attribute(rng, node):
    if node.attributes:
        node.attributes.pop(rng.randrange(len(node.attributes)))


def without_child(rng, node):
    if node.children:
        node.children.pop(rng.randrange(len(node.children)))


def child_twice(rng, node):
    if node.children:
        node.children.insert(rng.randrange(len(node.children) + 1), rng.choice(node.children))


def other_order(rng, node):
    rng.shuffle(node.children)


def unknown_attribute(rng, node):
    node.attributes.append((rng.choice(("nonsense", "mode", "name", "type", "model", "enabled")) + "2", "1"))


def unknown_child(rng, node):
    node.children.insert(rng.randrange(len(node.children) + 1), Node(rng.choice(("nonsense", "x", "disk2"))))


def of_text(rng, node):
    if not node.children:
        node.text = rng.choice(WRONG)


MISTAKES = (of_attribute,) * 5 + (
    without_attribute, without_attribute, without_child, child_twice, other_order, unknown_attribute, unknown_child, of_text,
)


def mistake(rng, root):
    nodes = [node for node in root.all() if node is not root]
    rng.choice(MISTAKES)(rng, rng.choice(nodes))


def load():
    return table.load(sorted(glob.glob(os.path.join(CONF, "elements", "*.def"))))


def documents(seed, count, mistakes=0.3):
    """Name and bytes of so many documents, of which such a part has a mistake."""
    tables = load()
    for n in range(count):
        maker = Maker(tables, random.Random(f"{seed}-{n}"))
        yield f"random/{seed}-{n}", maker.document(mistakes).encode()


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    for name, data in documents(seed, count):
        if len(sys.argv) > 3:
            with open(os.path.join(sys.argv[3], f"{os.path.basename(name)}.xml"), "wb") as f:
                f.write(data)
        else:
            sys.stdout.write(f"<!-- {name} -->\n{data.decode()}")


if __name__ == "__main__":
    main()
