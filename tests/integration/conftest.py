# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all integration tests share: which server, one of its own for each test, limits on time,
and the count at the end."""

import faulthandler
import os
import signal
import sys
import tempfile

import pytest

sys.dont_write_bytecode = True
import harness  # noqa: E402
import pki  # noqa: E402


def pytest_addoption(parser):
    parser.addoption(
        "--server",
        choices=["drover", "libvirtd"],
        default=os.environ.get("DROVER_TEST_SERVER", "drover"),
        help="the server to test; libvirtd checks the tests themselves",
    )
    parser.addoption(
        "--droverd", default=None, help="path of droverd (default: $DROVERD or build/server/droverd)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.addinivalue_line("markers", "drover(reason): behaviour that libvirtd does not have; skipped on it")
    config.addinivalue_line("markers", "limit(seconds): the most that the test may take (default 180)")
    reports = os.environ.get("DROVER_TEST_REPORT")
    if reports and not config.option.xmlpath and config.args:
        os.makedirs(reports, exist_ok=True)
        name = os.path.splitext(os.path.basename(config.args[0]))[0]
        config.option.xmlpath = os.path.join(reports, f"integration-{name}.xml")
    harness.allow_many_descriptors()


def pytest_collection_modifyitems(config, items):
    if config.getoption("--server") == "drover":
        return
    for item in items:
        marker = item.get_closest_marker("drover")
        if marker:
            item.add_marker(pytest.mark.skip(reason="drover only: " + marker.args[0]))


def pytest_terminal_summary(terminalreporter):
    """One line that a script can read: each test counts once, a failed clean-up is a failure."""
    stats = terminalreporter.stats
    failed = {r.nodeid for kind in ("failed", "error") for r in stats.get(kind, [])}
    passed = {r.nodeid for r in stats.get("passed", [])} - failed
    skipped = {r.nodeid for r in stats.get("skipped", [])}
    terminalreporter.write_line(
        f"integration: {len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped"
    )


@pytest.fixture(scope="session")
def kind(request):
    return request.config.getoption("--server")


@pytest.fixture(scope="session")
def program(request, kind):
    path = harness.find_program(kind, request.config.getoption("--droverd"))
    if not os.access(path, os.X_OK):
        pytest.exit(f"there is no server at {path}: build it or give --droverd", returncode=2)
    return path


class TooLong(Exception):
    pass


@pytest.fixture(autouse=True)
def limit(request, program):
    """A test that hangs fails, and shows where."""
    marker = request.node.get_closest_marker("limit")
    seconds = (marker.args[0] if marker else 180) * harness.slowness(program)

    def ring(*_):
        faulthandler.dump_traceback(all_threads=True)
        raise TooLong(f"the test took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(seconds + 60, exit=True)
    yield
    signal.alarm(0)
    faulthandler.cancel_dump_traceback_later()
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def scratch():
    """A short directory (socket paths are limited to 107 bytes), removed afterwards."""
    path = tempfile.mkdtemp(prefix="drover-it-")
    os.chmod(path, 0o755)
    yield path
    harness.remove_tree(path)


@pytest.fixture
def make_server(request, kind, program, scratch):
    """Makes servers: make_server(config={...}, args=[...]), started unless start=False.
    All are checked at the end."""
    made = []

    def make(config=None, start=True, **kw):
        directory = os.path.join(scratch, f"s{len(made)}")
        os.makedirs(directory)
        s = harness.Server(kind, program, directory, config, **kw)
        made.append(s)
        return s.start() if start else s

    yield make
    failures = []
    for s in made:
        try:
            s.finish()
        except Exception as e:
            failures.append(e)
        if os.path.exists(s.log_path):
            request.node.add_report_section("teardown", f"log of {s.kind} in {s.directory}", s.log()[-8000:])
    if failures:
        raise failures[0]


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """An authority for certificates; `server_pair` and `client` are of its making."""
    return pki.Authority(str(tmp_path_factory.mktemp("pki")))


@pytest.fixture(scope="module")
def server_pair(ca):
    return ca.server()


@pytest.fixture(scope="module")
def client(ca):
    return ca.client()
