#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does in the dom0 what the tests ask for. hand.py, outside, starts one for a lab, since a process costs much in there: a
command is one process, virsh is asked on connections that stay open, and files are read without any.

Each request is a line of JSON on its input: "n", its number; "do", one of CALLS; and what that takes. The answer is a line on
its output, with that number and "code", "out", "err". Requests are done side by side, each by a thread."""

import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time

ANSWERS = threading.Lock()
DOMAINS = "/build/tests/xenlab/xenlab-domains"


def answer(number, code, out="", err=""):
    line = json.dumps({"n": number, "code": code, "out": out, "err": err}) + "\n"
    with ANSWERS:
        sys.stdout.write(line)
        sys.stdout.flush()


def run(argv, text=None):
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL if text is None else None,
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    return done.returncode, done.stdout, done.stderr


# --- virsh -------------------------------------------------------------------------------------------------------------


class Shell:
    """One virsh, as people have it at a terminal: it reads one command after another."""

    def __init__(self, uri):
        self.count = 0
        self.process = subprocess.Popen(
            ["virsh", "-c", uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "TERM": "dumb"},
        )
        os.set_blocking(self.process.stderr.fileno(), False)

    def complaints(self):
        """What it has said on its standard error."""
        said = b""
        while part := self.process.stderr.read():
            said += part
        return said.decode(errors="replace")

    def fine(self):
        """Whether it can be asked: one that complains unasked has lost its connection."""
        return self.process.poll() is None and not self.complaints()

    def ask(self, line):
        """Returns code, out, err. What is typed comes back too, but with these marks it doesn't look like what echo says."""
        self.count += 1
        begin, end, typed = f"begin-{self.count}\n", f"end-{self.count}\n", f"echo e''nd-{self.count}\n"
        try:
            self.process.stdin.write(f"echo b''egin-{self.count}; {line}\n{typed}".encode())
            self.process.stdin.flush()
        except BrokenPipeError:    # it has ended, and says why
            pass
        said = b""
        while end.encode() not in said:
            part = os.read(self.process.stdout.fileno(), 65536)
            if not part:    # without a connection
                self.process.wait()
                return 1, "", self.complaints()
            said += part
        out = said.decode(errors="replace").partition(begin)[2]
        out = re.split(f"virsh [#>] {re.escape(typed)}", out)[0]    # the next prompt may stand behind it
        err = self.complaints()
        return int(re.search("^error:", err, re.M) is not None), out, err

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


class Shells:
    """Those that nobody asks just now, by what they are connected to. Any thread."""

    def __init__(self):
        self.lock, self.idle = threading.Lock(), {}

    @staticmethod
    def key(uri):
        """A server that was started anew has a socket that is another."""
        path = re.search(r"[?&]socket=([^&]*)", uri)
        try:
            found = os.stat(path[1]) if path else None
        except OSError:
            return None
        return uri, (found.st_dev, found.st_ino, found.st_ctime_ns) if found else None

    def take(self, uri):
        key = self.key(uri)
        while key:
            with self.lock:
                shells = self.idle.get(key)
                if not shells:
                    break
                shell = shells.pop()
            if shell.fine():
                return key, shell
            shell.end()
        return key, Shell(uri)

    def give(self, key, shell):
        with self.lock:
            self.idle.setdefault(key, []).append(shell)

    def forget(self, socket):
        """Ends those that are connected there."""
        with self.lock:
            shells = [shell for key in list(self.idle) if socket in key[0] for shell in self.idle.pop(key)]
        for shell in shells:
            shell.end()


SHELLS = Shells()
# Words of commands that need a virsh of their own: they wait for a key, or end with what has been connected.
ALONE = {"console", "--console", "--autodestroy", "event", "connect", "cd", "quit", "exit", "edit"}


def virsh(uri, args, alone=False):
    # One word may be a whole line, here as in the shell.
    line = args[0] if len(args) == 1 else shlex.join(args)
    if alone or "\n" in line or args[0].startswith("-") or ALONE & set(re.split(r"[\s;]+", line)):
        return run(["virsh", "-c", uri, *args])
    key, shell = SHELLS.take(uri)
    result = shell.ask(line)
    if key and shell.process.poll() is None:
        SHELLS.give(key, shell)
    else:
        shell.end()
    return result


def forget(socket):
    SHELLS.forget(socket)
    return 0, "", ""


# --- files and guests --------------------------------------------------------------------------------------------------


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return 0, file.read(), ""
    except OSError as problem:
        return 1, "", str(problem)


def write(path, text):
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        return 1, "", str(problem)
    return 0, "", ""


def until(path, pattern, seconds):
    """Waits until something in a file fits a pattern, and gives that."""
    deadline = time.monotonic() + seconds
    while True:
        found = re.search(pattern, read(path)[1], re.M)
        if found:
            return 0, found[0], ""
        if time.monotonic() > deadline:
            return 1, "", "the time is over"
        time.sleep(0.2)


def clean(keep):
    """Ends every guest but those with these ids, two at a time."""
    while True:
        guests = [line.split()[0] for line in run([DOMAINS, "show"])[1].splitlines()]
        guests = [number for number in guests if number != "0" and int(number) not in keep]
        if not guests:
            return 0, "", ""
        run(["xargs", "-n", "1", "-P", "2", "xl", "destroy"], "\n".join(guests))


def alive(path):
    """Whether the process whose id is in that file runs."""
    try:
        os.kill(int(read(path)[1]), 0)
    except (OSError, ValueError):
        return 1, "", ""
    return 0, "", ""


CALLS = {call.__name__: call for call in (run, virsh, forget, read, write, until, clean, alive)}


def do(request):
    number, call = request.pop("n"), request.pop("do")
    try:
        answer(number, *CALLS[call](**request))
    except Exception as problem:    # whoever has asked must not wait for ever
        answer(number, 255, "", f"{call}: {problem!r}")


def main():
    for line in sys.stdin:
        threading.Thread(target=do, args=(json.loads(line),), daemon=True).start()


if __name__ == "__main__":
    main()
