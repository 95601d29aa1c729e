# SPDX-License-Identifier: LGPL-2.1-or-later
"""The golden documents of shared/corpus, beside the project: what libvirt 9.0.0 made of each, or its error code.

Where that folder isn't, these tests are skipped. Nothing of it is part of the project."""

import glob
import json
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "documents"))
import peer  # noqa: E402
from tally import Tally  # noqa: E402

ROOT = os.path.join(HERE, "..", "..")
CORPUS = os.environ.get("DROVER_CORPUS", os.path.normpath(os.path.join(ROOT, "..", "shared", "corpus")))


def corpus(folder):
    path = os.path.join(CORPUS, folder)
    return pytest.mark.skipif(not os.path.isdir(path), reason=f"there are no documents in {path}")


def read(path):
    with open(path, "rb") as f:
        return f.read()


def documents(folder, end="in"):
    """Name and bytes of each."""
    for path in sorted(glob.glob(os.path.join(CORPUS, folder, f"*.{end}.xml"))):
        yield os.path.basename(path)[: -len(f".{end}.xml")], read(path)


def golden(folder):
    """Name, bytes and what libvirt made of it."""
    errors = json.loads(read(os.path.join(CORPUS, folder, "errors.json")))
    for name, data in documents(folder):
        out = os.path.join(CORPUS, folder, f"{name}.out.xml")
        if os.path.exists(out):
            yield name, data, peer.Outcome(0, read(out).decode("utf-8", "surrogateescape"))
        else:
            yield name, data, peer.Outcome(errors[name]["code"], errors[name]["message"])


@corpus("domain-test")
@pytest.mark.limit(300)
def test_golden_documents(server, capsys):
    tally = Tally("corpus domain-test")
    with peer.Server(server.uri()) as ours:
        for name, data, theirs in golden("domain-test"):
            tally.add(name, data, ours.probe(data), {peer.DUMP: theirs})
    tally.report(capsys)


@corpus("domain-test")
@pytest.mark.limit(300)
@pytest.mark.parametrize("folder", ["domain-test", "domain-qemu"])
def test_what_is_given_out_stays_the_same(server, folder, capsys):
    """A document that the server has written is taken again and comes back as it is, unless libvirt changes it too."""
    if not os.path.isdir(os.path.join(CORPUS, folder)):
        pytest.skip(f"there is no {folder}")
    tally = Tally(f"corpus {folder}, taken again")
    with peer.Pair(server.uri()) as pair:
        for name, data in documents(folder):
            first = pair.ours.probe(data)[peer.DUMP]
            if not first.ok:
                continue
            given = first.text.encode("utf-8", "surrogateescape")
            ours, theirs = pair.probe(given)
            tally.add(name, given, ours, ours if not peer.compare(ours, theirs, given) else {peer.DUMP: first})
    tally.report(capsys)


@corpus("domain-qemu")
@pytest.mark.limit(300)
@pytest.mark.parametrize("end", ["in", "out"])
def test_documents_of_qemu(server, end, capsys):
    """What is written for QEMU's driver, and what that driver writes: the test driver takes or refuses it as libvirt's
    own does, with the same result."""
    tally = Tally(f"corpus domain-qemu, .{end}.xml through the test driver")
    with peer.Pair(server.uri()) as pair:
        for name, data in documents("domain-qemu", end):
            tally.add(name, data, *pair.probe(data))
    tally.report(capsys)


@corpus("domain-qemu")
@pytest.mark.limit(300)
def test_documents_that_qemu_took_are_taken(server, capsys):
    """All of them, but for those that libvirt's own test driver refuses."""
    taken, refused, of_libvirt = 0, [], []
    with peer.Pair(server.uri()) as pair:
        for name, data, outcome in golden("domain-qemu"):
            if not outcome.ok:
                continue
            ours, theirs = pair.probe(data)
            if ours[peer.DUMP].ok:
                taken += 1
            elif theirs[peer.DUMP].code > 0:
                of_libvirt.append(name)
            else:
                refused.append(f"{name}: {ours[peer.DUMP]}")
    with capsys.disabled():
        print(f"\ncorpus domain-qemu: {taken} taken, {len(of_libvirt)} refused as by libvirt, {len(refused)} not taken")
    assert not refused
