#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The load generator against a server that answers as a test wants: does it count what it gets, and notice what is wrong?
Usage: bench-rpc.py RPC_LOAD"""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAM = 0x20008086
OPEN, DEFINE, LIB_VERSION, LIST_ALL = 1, 11, 157, 273
REPLY = 1


def frame(procedure, serial, status, body):
    return struct.pack(">7I", 28 + len(body), PROGRAM, 1, procedure, REPLY, serial, status) + body


def right(procedure, serial):
    if procedure == LIST_ALL:
        return frame(procedure, serial, 0, struct.pack(">II4s16siI", 1, 4, b"test", b"u" * 16, 1, 1))
    body = struct.pack(">Q", 9000000) if procedure == LIB_VERSION else struct.pack(">I", 0) * 8
    return frame(procedure, serial, 0, body)


class FakeServer:
    """Answers every call rightly, but for those of one procedure, which `answer` answers."""

    def __init__(self, directory, answer=right, odd=LIB_VERSION):
        self.path = os.path.join(directory, "socket")
        self.answer, self.odd = answer, odd
        self.calls = 0
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listening.bind(self.path)
        self.listening.listen(64)
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def accept(self):
        with self.listening, contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listening.accept()[0],), daemon=True).start()

    def serve(self, channel):
        with channel, contextlib.suppress(OSError):
            data = b""
            while part := channel.recv(65536):
                data += part
                while len(data) >= 28 and len(data) >= struct.unpack(">I", data[:4])[0]:
                    length, _, _, procedure, _, serial, _ = struct.unpack(">7I", data[:28])
                    data = data[length:]
                    if procedure == self.odd:
                        self.calls += 1
                    reply = (self.answer if procedure == self.odd else right)(procedure, serial)
                    if reply is None:
                        return
                    channel.sendall(reply)


class LoadGenerator(unittest.TestCase):
    program = None

    def run_load(self, answer=right, words=(), odd=LIB_VERSION, status=0):
        with tempfile.TemporaryDirectory() as directory:
            server = FakeServer(directory, answer, odd)
            done = subprocess.run([self.program, "run", "--socket", server.path, "--warmup", "0", "--seconds", "0.2", *words],
                                  capture_output=True, text=True, check=False, timeout=60)
            server.listening.shutdown(socket.SHUT_RDWR)
            server.accepting.join()
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout), server

    def test_right_answers_are_counted_without_errors(self):
        result, server = self.run_load(words=["-c", "3", "-d", "4"])
        self.assertEqual(result["errors"], 0)
        self.assertGreater(result["calls"], 0)
        self.assertLessEqual(result["calls"], server.calls)
        self.assertGreaterEqual(result["calls"], server.calls - 12)

    def test_latency_is_what_the_server_took(self):
        def late(procedure, serial):
            time.sleep(0.02)
            return right(procedure, serial)
        result, _ = self.run_load(late)
        self.assertGreaterEqual(result["p50_us"], 20000)
        self.assertLessEqual(result["calls"], 10)

    def test_an_error_reply_is_an_error_and_no_call(self):
        text = b"refused."
        body = struct.pack(">III", 39, 7, 1) + struct.pack(">I", len(text)) + text + b"\0" * 40
        result, _ = self.run_load(lambda procedure, serial: frame(procedure, serial, 1, body), status=3)
        self.assertEqual(result["calls"], 0)
        self.assertGreater(result["errors"], 0)
        self.assertEqual(result["first_error"], "39/7 refused.")

    def test_a_wrong_serial_is_an_error(self):
        result, _ = self.run_load(lambda procedure, serial: frame(procedure, serial + 4096, 0, b"\0" * 8) +
                                  right(procedure, serial), status=3)
        self.assertGreater(result["errors"], 0)
        self.assertIn("was not asked", result["first_error"])

    def test_a_reply_of_another_procedure_is_an_error(self):
        result, _ = self.run_load(lambda procedure, serial: frame(procedure + 1, serial, 0, b"\0" * 8), status=3)
        self.assertEqual(result["calls"], 0)
        self.assertIn("answers a call of procedure", result["first_error"])

    def test_a_reply_that_is_too_short_is_an_error(self):
        result, _ = self.run_load(lambda procedure, serial: frame(procedure, serial, 0, b""), status=3)
        self.assertEqual(result["calls"], 0)
        self.assertIn("a reply of 0 bytes", result["first_error"])

    def test_a_closed_connection_is_an_error_for_every_call_on_it(self):
        result, _ = self.run_load(lambda procedure, serial: None, words=["-c", "2", "-d", "3"], status=3)
        self.assertEqual(result["calls"], 0)
        self.assertEqual(result["errors"], 6)

    def test_an_impossible_length_is_an_error(self):
        result, _ = self.run_load(lambda procedure, serial: struct.pack(">7I", 27, PROGRAM, 1, procedure, REPLY, serial, 0),
                                  status=3)
        self.assertIn("impossible length", result["first_error"])

    def test_replies_longer_than_the_buffer_are_read_whole(self):
        long = struct.pack(">II4s16siI", 1, 4, b"test", b"u" * 16, 1, 1) + b"\0" * 300000
        listed = []

        def first_short(procedure, serial):
            listed.append(serial)
            return right(procedure, serial) if len(listed) == 1 else frame(procedure, serial, 0, long)
        result, _ = self.run_load(first_short, words=["--load", "listall", "-d", "3"], odd=LIST_ALL)
        self.assertEqual(result["errors"], 0)
        self.assertGreater(result["calls"], 3)

    def test_pacing_limits_the_rate(self):
        result, _ = self.run_load(words=["--pace", "20"])
        self.assertEqual(result["errors"], 0)
        self.assertLessEqual(result["calls"], 11)
        self.assertGreaterEqual(result["calls"], 2)


if __name__ == "__main__":
    LoadGenerator.program = sys.argv.pop(1)
    unittest.main()
