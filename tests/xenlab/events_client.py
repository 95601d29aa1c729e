#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client that prints each event as it comes, one a line. Runs in the dom0, for test_events.py.

    events_client.py URI        prints "ready" when all is registered, and ends when its connection does"""

import sys

import libvirt

# What each lifecycle event is called, and its details in the order of their numbers.
LIFECYCLE = {
    "DEFINED": "ADDED UPDATED RENAMED FROM_SNAPSHOT",
    "UNDEFINED": "REMOVED RENAMED",
    "STARTED": "BOOTED MIGRATED RESTORED FROM_SNAPSHOT WAKEUP",
    "SUSPENDED": "PAUSED MIGRATED IOERROR WATCHDOG RESTORED FROM_SNAPSHOT API_ERROR POSTCOPY POSTCOPY_FAILED",
    "RESUMED": "UNPAUSED MIGRATED FROM_SNAPSHOT POSTCOPY POSTCOPY_FAILED",
    "STOPPED": "SHUTDOWN DESTROYED CRASHED MIGRATED SAVED FAILED FROM_SNAPSHOT",
    "SHUTDOWN": "FINISHED GUEST HOST",
    "PMSUSPENDED": "MEMORY DISK",
    "CRASHED": "PANICKED CRASHLOADED",
}
KINDS = {getattr(libvirt, "VIR_DOMAIN_EVENT_" + kind): (kind, details.split()) for kind, details in LIFECYCLE.items()}


def say(domain, *words):
    print(domain.name(), *words, flush=True)


def lifecycle(_conn, domain, event, detail, _opaque):
    kind, details = KINDS[event]
    say(domain, kind.lower(), details[detail].lower())


def added(_conn, domain, alias, _opaque):
    say(domain, "added", alias)


def removed(_conn, domain, alias, _opaque):
    say(domain, "removed", alias)


def balloon(_conn, domain, actual, _opaque):
    say(domain, "balloon", actual)


def tray(_conn, domain, alias, reason, _opaque):
    say(domain, "tray", alias, ["open", "close"][reason])


def asleep(_conn, domain, _reason, _opaque):
    say(domain, "asleep")


def awake(_conn, domain, _reason, _opaque):
    say(domain, "awake")


def main(uri):
    libvirt.virEventRegisterDefaultImpl()
    conn = libvirt.open(uri)
    for number, callback in (
        (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle),
        (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, added),
        (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, removed),
        (libvirt.VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, balloon),
        (libvirt.VIR_DOMAIN_EVENT_ID_TRAY_CHANGE, tray),
        (libvirt.VIR_DOMAIN_EVENT_ID_PMSUSPEND, asleep),
        (libvirt.VIR_DOMAIN_EVENT_ID_PMWAKEUP, awake),
    ):
        conn.domainEventRegisterAny(None, number, callback, None)
    print("ready", flush=True)
    while conn.isAlive():
        libvirt.virEventRunDefaultImpl()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
