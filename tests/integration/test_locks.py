# SPDX-License-Identifier: LGPL-2.1-or-later
"""The profile of locks as `droverctl locks` shows it."""

import json
import os
import subprocess
import threading

import harness
import pytest
import wire

pytestmark = pytest.mark.drover("droverctl is drover's own")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CALLS = ("lock_acquire(", "LOCK_SCOPE(", "cond_wait(", "cond_wait_until(")


def command(server, *words):
    program = os.path.join(os.path.dirname(server.program), "droverctl")
    return [program, "locks", *words, "--socket", server.admin]


def locks(server, *words):
    result = harness.run(command(server, *words), os.path.join(server.directory, "home"))
    if "built without the profile" in result.err:
        pytest.skip("the profile was compiled out")
    assert result.code == 0, result
    return result.out


def classes(server):
    answer = json.loads(locks(server, "--json"))
    return {row["class"]: row for row in answer["classes"]}


def test_every_class_is_counted_and_every_place_is_a_line_that_takes_a_lock(server):
    c = server.open()
    for _ in range(50):
        c.version()
    rows = classes(server)
    assert rows["OUTBOX"]["acquired"] >= 50 and rows["OUTBOX"]["rank"] == 80
    for row in rows.values():
        assert row["contended"] <= row["acquired"] and sum(row["waits"]) <= row["acquired"]
        assert row["waited_longest_ns"] <= row["waited_ns"] and row["held_longest_ns"] <= row["held_ns"]
    answer = json.loads(locks(server, "--sites", "--json"))
    assert answer["threads"] >= 2 and answer["elapsed_ns"] > 0
    sites = answer["sites"]
    assert {row["class"] for row in sites} >= {"OUTBOX", "POOL", "CLIENT"}
    for row in sites:
        with open(os.path.join(ROOT, row["file"]), encoding="utf-8") as file:
            line = file.read().splitlines()[row["line"] - 1]
        assert any(call in line for call in CALLS), (row, line)
    # the same figures, seen as one or as the other, while only the questions themselves are added
    by_class = {}
    for row in sites:
        by_class[row["class"]] = by_class.get(row["class"], 0) + row["acquired"]
    after = classes(server)
    assert all(rows[name]["acquired"] <= by_class[name] <= after[name]["acquired"] for name in rows)


def test_tables_name_the_same(server):
    server.open().version()
    table = locks(server)
    assert "OUTBOX" in table and "Wall %" in table
    assert "rpc/outbox.c:" in locks(server, "--sites")


def test_a_reset_begins_anew(server):
    c = server.open()
    for _ in range(1000):
        c.version()
    assert classes(server)["OUTBOX"]["acquired"] >= 1000
    assert locks(server, "--reset") == ""
    after = json.loads(locks(server, "--json"))
    rows = {row["class"]: row for row in after["classes"]}
    assert rows.get("OUTBOX", {"acquired": 0})["acquired"] < 1000
    c.version()
    assert classes(server)["OUTBOX"]["acquired"] >= 1


def test_calls_that_want_the_same_workers_show_as_contention(make_server):
    server = make_server()
    stop = threading.Event()

    def load(number):
        c = server.open()
        name = c.define(wire.domain_xml(f"vm{number}"))
        while not stop.is_set():
            serials = [c.request(wire.DOMAIN_CREATE if i % 2 == 0 else wire.DOMAIN_DESTROY, name.encode()) for i in range(64)]
            for serial in serials:
                c.reply(serial)

    locks(server, "--reset")
    threads = [threading.Thread(target=load, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    try:
        harness.wait_until(lambda: classes(server).get("POOL", {"contended": 0})["contended"] > 0, "somebody waits for the queues")
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    def whole():
        """The workers may be at counting the last ones still."""
        pool = classes(server)["POOL"]
        return sum(pool["waits"]) == pool["contended"] and pool["sleeps"] > 0 and pool["slept_ns"] > 0 and pool

    pool = harness.wait_until(whole, "each wait is counted once by its time")
    assert pool["waited_ns"] > 0 and pool["holds"] > 0
    sites = json.loads(locks(server, "--sites", "--json"))["sites"]
    assert any(row["class"] == "POOL" and row["contended"] > 0 and row["file"] == "rpc/pool.c" for row in sites)


def test_watching_shows_what_each_second_brought(server):
    c = server.open()
    for _ in range(2000):
        c.version()
    with subprocess.Popen(command(server, "--watch", "--json"), stdout=subprocess.PIPE, text=True) as watch:
        try:
            text, looks = "", []
            while len(looks) < 2:
                text += watch.stdout.readline()
                try:
                    looks.append(json.loads(text))
                    text = ""
                except json.JSONDecodeError:
                    pass
        finally:
            watch.kill()
    for look in looks:
        assert look["elapsed_ns"] >= 1e9
        assert all(row["acquired"] < 2000 for row in look["classes"])


def test_only_the_administration_socket_answers(server):
    other = harness.run([*command(server)[:-1], server.rw], os.path.join(server.directory, "home"))
    assert other.code == 1 and other.err
