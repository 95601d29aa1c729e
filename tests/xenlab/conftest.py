# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests in the lab share: one lab for all tests of a xenstored, guests that are gone after each test, droverd,
and limits on time. A machine that can't have a lab skips them all and says why."""

import contextlib
import faulthandler
import signal
import subprocess
import sys
import time

import pytest
from _pytest.runner import runtestprotocol

sys.dont_write_bytecode = True
import lab as xenlab  # noqa: E402

# What came of making the image and droverd, and of booting: "" or why this machine can't.
STARTED = time.monotonic()
PREPARED = pytest.StashKey()
# How many tests --short leaves out.
LEFT_OUT = pytest.StashKey()
# By how many seconds the last test may outlast the time that all may take.
GRACE = 180
STORES = ("c", "ocaml")
# The lab that runs, and the tests that were run again.
RUNNING = {}
AGAIN = []
# What each test has cost: seconds of processor time of the emulated PC.
WORK = []


def pytest_addoption(parser):
    parser.addoption(
        "--xenstored",
        choices=["c", "ocaml", "both"],
        default="both",
        help="which xenstored the lab has; with both, the tests marked one_store run with one of them",
    )
    parser.addoption(
        "--minutes",
        type=float,
        default=0,
        help="how long all may take: tests that would begin later are skipped (default: without end)",
    )
    parser.addoption("--short", action="store_true", help="only the tests marked core, and a machine without devices to give away")
    parser.addoption(
        "--running", type=float, help="use the lab that runs already, where all takes so many times as long as on a quiet machine"
    )
    parser.addoption("--work", type=int, default=0, help="show so many tests that have cost the most processor time")


def seconds_left(config):
    """Of the time that all may take, or None: there is no end."""
    minutes = config.getoption("--minutes")
    return STARTED + minutes * 60 - time.monotonic() if minutes else None


def pytest_runtest_setup(item):
    left = seconds_left(item.config)
    if left is not None and left < 0:
        pytest.skip(f"the {item.config.getoption('--minutes'):g} minutes that the lab has are over on this machine")


def pytest_configure(config):
    config.addinivalue_line("markers", "one_store: which xenstored it is makes no difference to the test")
    config.addinivalue_line("markers", "core: the test is one of the quick ones that --short has")
    config.addinivalue_line("markers", "slow: the test comes after the others of its lab")
    config.addinivalue_line(
        "markers", "limit(seconds): the most that the test may take on a machine that does nothing else (default 120)"
    )


def limit_of(item):
    """The most seconds that a test may take on a machine that does nothing else."""
    marker = item.get_closest_marker("limit")
    return marker.args[0] if marker else 120


def share_out(items):
    """The items, but of those marked one_store only one for each test: a file's go to the same xenstored, since they share
    guests, and both get as much to do, as far as the limits of the tests tell."""
    files = {}
    load = dict.fromkeys(STORES, 0)
    for item in items:
        if item.get_closest_marker("one_store"):
            files.setdefault(item.path, []).append(item)
    chosen = {}
    for path, those in sorted(files.items(), key=lambda file: (-sum(map(limit_of, file[1])), file[0])):
        chosen[path] = min(STORES, key=load.get)
        load[chosen[path]] += sum(map(limit_of, those))
    return [
        item
        for item in items
        if not item.get_closest_marker("one_store") or item.callspec.params["lab"] == chosen[item.path]
    ]


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
    wanted = config.getoption("--xenstored")
    kept = share_out(items) if wanted == "both" else items
    if wanted != "both":
        kept = [item for item in kept if item.callspec.params["lab"] == wanted]
    if config.getoption("--short"):
        config.stash[LEFT_OUT] = sum(item.get_closest_marker("core") is None for item in kept)
        kept = [item for item in kept if item.get_closest_marker("core")]
    items[:] = kept


def pytest_generate_tests(metafunc):
    if "lab" in metafunc.fixturenames:
        metafunc.parametrize("lab", STORES, indirect=True, scope="session")


def pytest_runtest_protocol(item, nextitem):
    """A test that fails in which the emulated processor has failed a guest is run again, twice at most: that is no fault of
    what is tested."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for left in (2, 1, 0):
        lab = RUNNING.get("lab")
        before = lab.faults() if lab else 0
        worked = lab.work() if lab else 0
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = any(report.failed for report in reports)
        faults = lab.faults() - before if lab else 0
        lab = RUNNING.get("lab")
        WORK.append(((lab.work() if lab else 0) - worked, item.nodeid))
        if not (failed and faults and left):
            break
        AGAIN.append(item.nodeid)
        if lab:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):    # a lab that is dead is told of by the test
                lab.clean()    # what the test would have ended, had it come to that
        item._initrequest()
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture(scope="session")
def lab(request):
    """A running lab. The tests of one xenstored come one after another: only one machine runs at a time."""
    made = xenlab.Lab(request.param)
    running = request.config.getoption("--running")
    if running:
        made.slow = running
        RUNNING["lab"] = made
        yield made
        del RUNNING["lab"]
        made.hand.close()
        return
    stash = request.config.stash
    if not stash.get(PREPARED, ""):
        try:
            if PREPARED not in stash:
                left = seconds_left(request.config)
                made.prepare(max(1, left) if left is not None else 1900)
            made.boot(devices=not request.config.getoption("--short"))
            stash[PREPARED] = ""
        except xenlab.Unavailable as why:
            stash[PREPARED] = str(why)
    if stash[PREPARED]:
        pytest.skip(stash[PREPARED])
    print(f"\nxenlab ({request.param}): " + ", ".join(f"{k} {v:.1f} s" for k, v in made.seconds.items()))
    RUNNING["lab"] = made
    yield made
    del RUNNING["lab"]
    made.stop()


@pytest.fixture(autouse=True)
def limit(request, lab):
    """A test that hangs fails, and shows where; making the lab is not in its time."""
    if lab.dead:
        pytest.skip(lab.dead)    # the test that it died in has failed
    seconds = round(limit_of(request.node) * lab.slow)
    left = seconds_left(request.config)
    cut = left is not None and left + GRACE < seconds

    def ring(*_):
        if cut:
            pytest.skip("broken off: the minutes that the lab has are long over on this machine")
        faulthandler.dump_traceback(all_threads=True)
        raise AssertionError(f"the test took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(max(1, round(left + GRACE)) if cut else seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def guests(lab):
    """Makes guests with xl, as Lab.create does; whatever runs at the end of the test is ended."""
    yield lab.create
    lab.clean()


@pytest.fixture
def make_drover(lab):
    """Starts a droverd of the test's own in the dom0: make_drover(config={…}). Each must be alive at the end, and end in
    order."""
    made = []

    def make(config=None):
        made.append(xenlab.Droverd(lab, config))
        return made[-1].start()

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def session_drover(lab):
    server = xenlab.Droverd(lab).start()
    yield server
    server.stop()


@pytest.fixture
def drover(session_drover):
    """droverd in the dom0, one for all tests of a lab."""
    yield session_drover
    if not session_drover.alive():
        pytest.fail(f"droverd died:\n{session_drover.log()[-8000:]}")


@pytest.fixture(scope="session")
def peer(lab):
    """The URI of Debian's libvirtd with its Xen driver, beside drover."""
    lab.run("start-libvirtd", timeout=120)
    return "xen:///system"


def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    failed = {r.nodeid for kind in ("failed", "error") for r in stats.get(kind, [])}
    passed = {r.nodeid for r in stats.get("passed", [])} - failed
    skipped = {r.nodeid for r in stats.get("skipped", [])}
    for seconds, test in sorted(WORK, reverse=True)[: terminalreporter.config.getoption("--work")]:
        terminalreporter.write_line(f"xenlab: {seconds:6.1f} s of processor time: {test}")
    if left := terminalreporter.config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"xenlab: {left} tests are left to ./check --xen")
    for test in AGAIN:
        terminalreporter.write_line(f"xenlab: run again, since the emulated processor failed a guest: {test}")
    terminalreporter.write_line(f"xenlab: {len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
