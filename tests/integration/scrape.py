# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads droverd's metrics as a monitor does: HTTP over the UNIX socket or the loopback port, and the reference parser."""

import os
import re
import socket

from harness import wait_until

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class Answer:
    def __init__(self, data):
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        if self.headers.get("transfer-encoding") == "chunked":
            body = unchunked(body)
        self.text = body.decode("utf-8")


def unchunked(body):
    out = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        n = int(size, 16)
        if n == 0:
            return out
        assert body[n : n + 2] == b"\r\n", "a chunk ends in the middle"
        out, body = out + body[:n], body[n + 2 :]


def socket_path(server):
    return os.path.join(server.sockets, "metrics-sock")


def connect(where, timeout=60.0):
    """`where`: a path, or a port on the loopback."""
    s = socket.socket(socket.AF_INET if isinstance(where, int) else socket.AF_UNIX)
    s.settimeout(timeout)
    wait_until(lambda: connects(s, where), "there is room among those who wait to be accepted", timeout)
    return s


def connects(s, where):
    try:
        s.connect(("127.0.0.1", where) if isinstance(where, int) else where)
    except BlockingIOError:    # a UNIX socket says at once that its queue is full
        return False
    return True


def read_all(s):
    data = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            return data
        data += piece


def request(where, method="GET", path="/metrics", accept=OPEN_METRICS, extra="", body=b"", timeout=60.0):
    with connect(where, timeout) as s:
        lines = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: {accept}\r\n{extra}\r\n"
        s.sendall(lines.encode() + body)
        return Answer(read_all(s))


def parse(text):
    """(families by name, {(line's name, labels as a frozenset of pairs): value})"""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    families, samples = {}, {}
    for family in text_string_to_metric_families(text):
        assert family.name not in families, family.name
        families[family.name] = family
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in samples, key
            samples[key] = sample.value
    return families, samples


class Scrape:
    """The samples of one scrape."""

    def __init__(self, where, timeout=60.0):
        answer = request(where, timeout=timeout)
        assert answer.status == 200, answer.status
        assert re.match(r"application/openmetrics-text; *version=1\.0\.0", answer.headers["content-type"])
        assert answer.text.endswith("# EOF\n") and answer.text.count("# EOF") == 1
        self.text = answer.text
        self.families, self.samples = parse(answer.text)

    def get(self, name, **labels):
        """The value of one line; None: there is none."""
        return self.samples.get((name, frozenset(labels.items())))

    def all(self, name, **labels):
        """{the other labels as a dict's items: value} of the lines that have these labels."""
        wanted = set(labels.items())
        return {key[1] - wanted: value for key, value in self.samples.items() if key[0] == name and wanted <= key[1]}

    def total(self, name, **labels):
        return sum(self.all(name, **labels).values())
