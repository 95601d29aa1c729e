# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts what agrees, keeps the beginning of what doesn't, and says so at the end of a test."""

import peer

LINES, SHOWN = 16, 25


class Tally:
    def __init__(self, what):
        self.what, self.good, self.all, self.bad = what, 0, 0, []

    def add(self, name, data, ours, theirs):
        """Compares two answers (as Server.probe gives them) for one document. A crash of libvirt's agrees with
        everything, one of ours with nothing."""
        self.all += 1
        crashed = ours[peer.DUMP].code < 0
        names = [peer.DUMP] if crashed else peer.compare(ours, theirs, data)
        if names:
            self.bad.append((name, names, peer.difference(ours, theirs, data, names[0], LINES)))
        else:
            self.good += 1

    def agree(self):
        self.all, self.good = self.all + 1, self.good + 1

    def report(self, capsys):
        with capsys.disabled():
            print(f"\n{self}")
            for name, names, difference in self.bad[:SHOWN]:
                print(f"--- {name}: {', '.join(names)}\n{difference}")
            if len(self.bad) > SHOWN:
                print(f"and {len(self.bad) - SHOWN} more: {' '.join(bad[0] for bad in self.bad[SHOWN:])}")
        assert not self.bad, str(self)

    def __str__(self):
        return f"{self.what}: {self.good} of {self.all}"
