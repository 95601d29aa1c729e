#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Renames a running domain again and again behind droverd's back and asks for it at once, by name, by id and by the list in
turn: ./renames.py URI NAME ROUNDS. Prints a line for each answer that was too old."""

import subprocess
import sys

import libvirt


def by_name(connection, _number, name):
    return connection.lookupByName(name).name()


def by_id(connection, number, _name):
    return connection.lookupByID(number).name()


def by_list(connection, number, _name):
    return next(domain.name() for domain in connection.listAllDomains() if domain.ID() == number)


def main(uri, first, rounds):
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open(uri)
    number = connection.lookupByName(first).ID()
    for turn in range(int(rounds)):
        name = f"{first}-{turn}"
        subprocess.run(["xenstore-write", f"/local/domain/{number}/name", name], check=True)
        ask = (by_name, by_id, by_list)[turn % 3]
        try:
            found = ask(connection, number, name)
        except libvirt.libvirtError as problem:
            found = str(problem)
        if found != name:
            print(f"{ask.__name__}: {found!r} in place of {name!r}")
    subprocess.run(["xenstore-write", f"/local/domain/{number}/name", first], check=True)


main(*sys.argv[1:])
