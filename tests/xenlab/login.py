#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody at a terminal, who logs in to a guest with `virsh console`. Runs in the dom0, for test_linux.py.

    login.py URI NAME LINE…     logs in as root, runs each line, leaves the console, and prints what was on the terminal but for
                                ticks
"""

import os
import pty
import re
import select
import sys
import time

SECONDS = 120
LEAVE = b"\x1d"  # ^]
# A shell may ask where the cursor is after its prompt.
ASKS, WAITS = rb"login: $", rb"# (\x1b\[6n)?$"
# What the guest writes each second, wherever the cursor is.
TICK = rb"guest: tick \d+\r+\n"


class Terminal:
    def __init__(self, *argv):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(argv[0], argv)

    def read(self, seconds):
        """False: nothing has come, or it has ended."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            part = os.read(self.fd, 4096)
        except OSError:  # the program has ended
            part = b""
        self.seen += part
        return bool(part)

    def look(self, seconds, *patterns):
        """Which of these stands at the end of all that was written but for ticks, in what came since `begin`; None: none has
        come to stand there in that time."""
        deadline = time.monotonic() + seconds
        while True:
            for pattern in patterns:
                if re.search(pattern, re.sub(TICK, b"", self.seen[self.begin :])):
                    return pattern
            if time.monotonic() > deadline or not self.read(max(0, deadline - time.monotonic())):
                return None

    def until(self, *patterns):
        found = self.look(SECONDS, *patterns)
        if not found:
            sys.exit(f"none of {patterns} has come, but {self.seen!r}")
        return found

    def type(self, text):
        self.begin = len(self.seen)
        os.write(self.fd, text)

    begin = 0


def main(uri, name, *lines):
    terminal = Terminal("virsh", "-c", uri, "console", name)
    terminal.until(rb"Escape character is ")
    deadline = time.monotonic() + SECONDS
    found = None
    while not found and time.monotonic() < deadline:
        terminal.type(b"\r")  # virsh throws away what is typed before it has made its terminal raw
        found = terminal.look(5, ASKS, WAITS)
    if found == ASKS:
        terminal.type(b"root\r")
    terminal.until(WAITS)
    for number, line in enumerate(lines):
        # there may be more prompts than one, and what is typed comes back, too
        terminal.type(f"{line}; echo o''ver-{number}\r".encode())
        terminal.until(rb"over-%d\r+\n[^\n]*# (\x1b\[6n)?$" % number)
    terminal.type(LEAVE)
    while terminal.read(SECONDS):
        pass
    sys.stdout.write(re.sub(TICK, b"", terminal.seen).decode(errors="replace").replace("\r", ""))
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1]))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
