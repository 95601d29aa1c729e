#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a server answers to requests about a guest. Runs in the dom0, for test_requests.py, against drover and its peer.

    answers.py URI DOCUMENT     makes the guest of the document and prints a line for each request: what it was, and
                                "done" or the number of the error. The guest is gone afterwards.
"""

import os
import sys

import libvirt
from libvirt import libvirtError

MEMORY = "/root/answers.dump"
# What the guest is told by xenstore isn't among them: libvirt's driver waits a minute there for a guest that doesn't hear.
WAYS = {"acpi": 1, "agent": 2, "initctl": 4, "signal": 8, "none known": 64}
SNAPSHOT = "<domainsnapshot><name>s</name></domainsnapshot>"
CHECKPOINT = "<domaincheckpoint><name>c</name></domaincheckpoint>"


def ask(what, call, *args):
    try:
        call(*args)
        print(what, "done")
    except libvirtError as problem:
        print(what, problem.get_error_code())


def ask_all(domain):
    for way, flags in WAYS.items():
        ask(f"shutdown {way}", domain.shutdownFlags, flags)
        ask(f"reboot {way}", domain.reboot, flags)
    for name in "MEMORY_ONLY", "RESET", "BYPASS_CACHE":
        ask(f"dump {name}", domain.coreDump, MEMORY, getattr(libvirt, "VIR_DUMP_" + name))
    ask("dump LIVE|CRASH", domain.coreDump, MEMORY, libvirt.VIR_DUMP_LIVE | libvirt.VIR_DUMP_CRASH)
    ask("dump kdump", domain.coreDumpWithFormat, MEMORY, libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_ZLIB, 0)
    ask("dump to a folder that is not there", domain.coreDump, "/nosuch/folder/file", 0)
    ask("snapshots", domain.listAllSnapshots)
    ask("current snapshot", domain.hasCurrentSnapshot)
    ask("snapshot", domain.snapshotCreateXML, SNAPSHOT)
    ask("checkpoints", domain.listAllCheckpoints)
    ask("checkpoint", domain.checkpointCreateXML, CHECKPOINT)
    ask("reset", domain.reset)
    ask("nmi", domain.injectNMI)
    ask("keys", domain.sendKey, libvirt.VIR_KEYCODE_SET_LINUX, 0, [30], 1, 0)
    ask("start", domain.create)


def main(uri, path):
    libvirt.registerErrorHandler(lambda *_: None, None)
    with open(path, encoding="utf-8") as file:
        domain = libvirt.open(uri).createXML(file.read())
    try:
        ask_all(domain)
        assert domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING, domain.state()
    finally:
        domain.destroy()
        if os.path.exists(MEMORY):
            os.unlink(MEMORY)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
