# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests' way into the dom0: one process there (inside.py) does what they ask for, over one connection. lab.py alone uses
it. Any thread may ask."""

import itertools
import json
import os
import subprocess
import threading

HERE = os.path.dirname(os.path.abspath(__file__))


class Hand:
    def __init__(self):
        self.lock = threading.Lock()    # the numbers, who waits, and what is written to the process
        self.numbers = itertools.count()
        self.waiting = {}    # number → [event, answer]
        self.process = None

    def ask(self, do, timeout, **how):
        """Returns code, out, err; raises subprocess.TimeoutExpired."""
        arrived = threading.Event()
        slot = [arrived, None]
        with self.lock:
            if self.process is None:
                self._start()
            number = next(self.numbers)
            self.waiting[number] = slot
            try:
                self.process.stdin.write(json.dumps({"n": number, "do": do, **how}) + "\n")
                self.process.stdin.flush()
            except OSError:    # the reader tells of it
                pass
        try:
            if not arrived.wait(timeout):
                raise subprocess.TimeoutExpired([do, *map(str, how.values())], timeout)
        finally:
            with self.lock:
                self.waiting.pop(number, None)
        found = slot[1]
        return (found["code"], found["out"], found["err"]) if found else (255, "", "the way into the dom0 is lost")

    def close(self):
        process, self.process = self.process, None
        if process:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self):
        self.process = subprocess.Popen(
            [os.path.join(HERE, "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace"
        )
        self.process.stdin.write("exec /usr/bin/python3 -B -u /src/tests/xenlab/inside.py\n")
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process):
        for line in process.stdout:
            found = json.loads(line)
            with self.lock:
                slot = self.waiting.pop(found["n"], None)
            if slot:
                slot[1] = found
                slot[0].set()
        with self.lock:
            lost, self.waiting = list(self.waiting.values()), {}
            if self.process is process:
                self.process = None    # the next question starts another
        process.wait()
        for slot in lost:
            slot[0].set()
