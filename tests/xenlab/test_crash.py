# SPDX-License-Identifier: LGPL-2.1-or-later
"""droverd is killed at any moment of any operation, on a real Xen: no guest is lost, none is half built, nothing leaks."""

import os

import pytest
from harness import REPORTS
from lab import Droverd

ROUNDS = int(os.environ.get("DROVER_XEN_CRASH_ROUNDS", "24"))
SECONDS = int(os.environ.get("DROVER_XEN_CRASH_SECONDS", "0")) or (60 if ROUNDS <= 24 else 10 * ROUNDS)
SEED = int(os.environ.get("DROVER_CRASH_SEED", "0")) or int.from_bytes(os.urandom(4), "big")


@pytest.mark.slow
@pytest.mark.limit(300 + SECONDS)
def test_what_was_acknowledged_outlives_kills_and_nothing_leaks(lab):
    drover = Droverd(lab, {"log_outputs": "2:file:/run/crash.log"})
    drover.configure()
    lab.sh(f"rm -f /run/crash.log; ln -s /run/crash.log {drover.folder}/log")
    try:
        done = lab.run(
            "/usr/bin/python3", "/src/tests/xenlab/crash.py", drover.folder, str(ROUNDS), str(SECONDS), str(SEED),
            str(30 * lab.slow), ok=None, timeout=240 + SECONDS,
        )
        log = lab.read("/run/crash.log")
        assert done.code == 0, f"DROVER_CRASH_SEED={SEED}: {done.out[-4000:]}{done.err[-4000:]}\n{log[-4000:]}"
        print(done.out)
        assert not REPORTS.search(log), log[-8000:]
    finally:
        lab.sh(f"kill -KILL $(cat {drover.folder}/pid)", ok=None)
        lab.clean()
