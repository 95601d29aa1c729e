# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our own domain documents, those of tests/documents, through libvirt's in-process test driver and through the server:
both must give the same documents back, or refuse with the same code. Then documents that are made at random.

The wording of errors is free; what was generated (UUIDs, MAC addresses) counts by its shape."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "documents"))
import collection  # noqa: E402
import coverage  # noqa: E402
import generate  # noqa: E402
import peer  # noqa: E402
from tally import Tally  # noqa: E402

# Where the server differs from libvirt and is meant to. One that doesn't differ any more fails the test.
DIFFERENT = {
    # A document type that declares something is refused: with entities a short document can become a very large one.
    "broken/doctype-with-a-default",
    "broken/entity-in-an-attribute",
    "broken/entity-of-a-file",
    "broken/entity-of-a-missing-file",
    "broken/entity-of-the-document",
    "broken/entity-with-an-element",
    "broken/parameter-entity",
} | {
    # libvirt writes these as they are, and so what is no XML.
    f"escapes/{name}=a&lt;&amp;&gt;&quot;&apos;b"
    for name in (
        "disk-vhostuser", "interface-filter", "interface-profile", "interface-socket", "graphics-vnc", "graphics-dbus",
        "hostdev-scsi", "hostdev-iscsi", "os-machine", "os-init", "fwcfg-name", "cpu",
    )
} | {
    # White space that whoever reads it would take for a simple space or a line's end is written as a reference.
    "escapes/white-space-in-an-attribute=tab&#9;and",
    "escapes/white-space-in-an-attribute=line&#10;end",
    "escapes/white-space-in-an-attribute=return&#13;end",
    "escapes/white-space-in-a-text=return&#13;end",
    "escapes/white-space-in-the-title=return&#13;end",
    "escapes/white-space-in-a-description=return&#13;end",
    "identity/description=&#13;",
} | {
    # Numbers that libvirt writes as negative ones, and so can't read again.
    "chardev/serial-port=2147483648",
    "features/hyperv-retries=4294967295",
    "graphics/audio-id=4294967295",
    # More virtual CPUs and I/O threads than the schema allows; libvirt crashes on some of them.
    "vcpu/vcpu=65536",
    "vcpu/iothreads=65536",
    # Of two <kvm> libvirt takes some settings from the first and some from the last.
    "features/kvm-two-elements",
}

pytestmark = pytest.mark.drover("some of the documents crash libvirtd, which the child processes here would survive")

# Which documents are checked against the schema as well: libvirt reads its schema anew for each. 1 is all of them.
VALIDATE_EVERY = int(os.environ.get("DROVER_DOCUMENTS_VALIDATE", "12"))
# libxml2 needs hours for this one: with each of an element's optional attributes it tries twice as many ways.
NOT_VALIDATED = {"disk/driver-everything"}
GENERATED = int(os.environ.get("DROVER_DOCUMENTS_GENERATED", "400"))
SEED = int(os.environ.get("DROVER_DOCUMENTS_SEED", "1"))


@pytest.mark.skipif(not os.path.isdir(coverage.SCHEMAS), reason="libvirt's schemas are not installed")
def test_every_name_of_the_schema_occurs():
    assert coverage.missing(words=True) == []


@pytest.mark.limit(300)
def test_our_documents(server, capsys):
    tally, surprises = Tally("documents"), []
    with peer.Pair(server.uri()) as pair:
        for n, (name, data) in enumerate(collection.read_all()):
            wanted = {"dumps", "live"}
            if n % VALIDATE_EVERY == 0 and name not in NOT_VALIDATED:
                wanted.add("validate")
            ours, theirs = pair.probe(data, wanted)
            if name not in DIFFERENT:
                tally.add(name, data, ours, theirs)
            elif not peer.compare(ours, theirs, data):
                surprises.append(name)
    tally.report(capsys)
    assert not surprises, f"these don't differ from libvirt any more: {surprises}"


@pytest.mark.limit(300)
def test_what_is_given_out_is_taken_again(server, capsys):
    tally = Tally("documents taken again")
    with peer.Pair(server.uri()) as pair:
        for name, data in collection.read_all():
            if name in DIFFERENT:
                continue
            first = pair.ours.probe(data)[peer.DUMP]
            if first.ok:
                given = first.text.encode("utf-8", "surrogateescape")
                tally.add(name, given, *pair.probe(given))
    tally.report(capsys)


@pytest.mark.limit(300)
def test_documents_made_at_random(server, capsys):
    """Of two mistakes in one document each side may name another: refused is refused here."""
    tally, accepted = Tally(f"documents made at random, seed {SEED}"), 0
    with peer.Pair(server.uri()) as pair:
        for name, data in generate.documents(SEED, GENERATED):
            ours, theirs = pair.probe(data, {"dumps", "live"})
            if ours[peer.DUMP].code > 0 and theirs[peer.DUMP].code > 0:
                tally.agree()
                continue
            tally.add(name, data, ours, theirs)
            if ours[peer.DUMP].ok:
                accepted += 1
                given = ours[peer.DUMP].text.encode("utf-8", "surrogateescape")
                tally.add(name + ", taken again", given, *pair.probe(given))
    tally.report(capsys)
    assert accepted > GENERATED // 4, f"only {accepted} were accepted: the generator and the tables are apart"
