# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts a server of its own for a test, watches it, and stops it in order.

The server is drover or, to check the tests themselves, libvirtd with nothing but its test driver.
Each server has its own directory, sockets and log. Nothing here sleeps for a fixed time to let
something happen: `wait_until` looks for a state until a deadline."""

import functools
import gc
import glob
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

import wire

HERE = os.path.dirname(os.path.abspath(__file__))
DROVERD = os.path.join(HERE, "..", "..", "build", "server", "droverd")
LIBVIRTD = "/usr/sbin/libvirtd"

# What a sanitizer, an assertion or the lock checker writes.
REPORTS = re.compile(
    r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer|: runtime error: |"
    r"assertion failed|g_assert|lock rank|GLib-CRITICAL|GLib-WARNING|double free|stack smashing)"
)


def wait_until(state, what, seconds=60.0):
    """Calls `state` until it gives something true, which is returned."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while True:
        result = state()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def allow_many_descriptors():
    """For this process and, inherited, for the servers."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@functools.lru_cache
def sanitizer_of(program):
    """'address', 'thread' or None: what the program was built with."""
    try:
        with open(program, "rb") as f:
            data = f.read()
    except OSError:
        return None
    return "address" if b"__asan_init" in data else "thread" if b"__tsan_init" in data else None


def slowness(program):
    """By how much limits on time are stretched: sanitizers cost that."""
    return {None: 1, "address": 3, "thread": 8}[sanitizer_of(program)]


def format_config(settings):
    """Settings in the syntax of libvirtd.conf."""

    def value(v):
        if isinstance(v, (list, tuple)):
            return "[ " + ", ".join(value(x) for x in v) + " ]"
        return str(v) if isinstance(v, int) else '"' + v + '"'

    return "".join(f"{key} = {value(v)}\n" for key, v in settings.items())


class Result:
    """What a command line client said."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def lines(self):
        return [line.rstrip() for line in self.out.splitlines() if line.strip()]

    def rows(self):
        """The rows of a table as lists of words, without its head."""
        return [line.split() for line in self.lines()[2:]]

    def fields(self):
        """`Name:   value` lines as a dict."""
        return {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in self.lines())}

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def client_environment(home):
    """Nothing of the user's own configuration, no translations, no session daemon started."""
    env = {
        k: v for k, v in os.environ.items() if not k.startswith(("LIBVIRT_", "VIRSH_", "XDG_", "LC_", "LANG"))
    }
    env.update(
        HOME=home,
        XDG_CONFIG_HOME=home,
        XDG_CACHE_HOME=home,
        XDG_RUNTIME_DIR=home,
        LC_ALL="C.UTF-8",
        LIBVIRT_AUTOSTART="0",
    )
    return env


def run(argv, home, input=None, timeout=60):
    done = subprocess.run(
        argv,
        input=input,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=client_environment(home),
        stdin=subprocess.DEVNULL if input is None else None,
    )
    return Result(done.returncode, done.stdout, done.stderr)


class Server:
    """One running server. Configuration keys are given as a dict and added to those of every test."""

    def __init__(self, kind, program, directory, config=None, args=(), nofile=None, hold="test:///default"):
        self.kind, self.program, self.directory, self.args, self.nofile = (
            kind,
            program,
            directory,
            list(args),
            nofile,
        )
        self.slow = slowness(program)
        self.hold_uri = hold
        self.sockets = os.path.join(directory, "sockets")
        self.log_path = os.path.join(directory, "log")
        self.pid_path = os.path.join(directory, "pid")
        self.config_path = os.path.join(directory, "server.conf")
        self.rw, self.ro, self.admin = (
            os.path.join(self.sockets, n) for n in ("libvirt-sock", "libvirt-sock-ro", "libvirt-admin-sock")
        )
        self.config = {
            "unix_sock_dir": self.sockets,
            "auth_unix_rw": "none",
            "auth_unix_ro": "none",
            "log_outputs": "3:stderr",
        }
        self.config.update(config or {})
        self.process = None
        self.ending = False  # the test wants it to end
        self.holder = None
        self.clients = []
        self.baseline = None
        for d in ("sockets", "empty", "home", "root"):
            os.makedirs(os.path.join(directory, d), exist_ok=True)

    # --- life

    def command(self):
        if self.kind == "libvirtd":
            argv = [self.program, "--config", self.config_path, "--pid-file", self.pid_path]
        else:
            argv = [
                self.program,
                "--config",
                self.config_path,
                "--root",
                os.path.join(self.directory, "root"),
                "--pid-file",
                self.pid_path,
            ]
        argv += self.args
        if self.nofile:
            argv = ["prlimit", f"--nofile={self.nofile}:{self.nofile}"] + argv
        return argv

    def write_config(self):
        with open(self.config_path, "w") as f:
            f.write(format_config(self.config))

    def reload(self, **changes):
        """Changes the configuration and has it read again, which must be logged (log_level 2)."""
        before = self.log().count("configuration was read again")
        self.config.update(changes)
        self.write_config()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log().count("configuration was read again") > before, "it is read again")

    def environment(self):
        env = client_environment(os.path.join(self.directory, "home"))
        if self.kind == "libvirtd":
            env["LIBVIRT_DRIVER_DIR"] = os.path.join(
                self.directory, "empty"
            )  # no module: the test driver only
        if sanitizer_of(self.program) == "thread":
            env["G_SLICE"] = "always-malloc"  # GLib's own allocator hides from it who freed what
        return env

    def launch(self, **popen):
        """Starts the process without waiting for it to answer."""
        self.write_config()
        self.ending = False
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                **popen,
            )
        return self

    def start(self, **popen):
        self.launch(**popen)
        wait_until(self.answers, "the server answers", 60 * self.slow)
        if self.hold_uri:
            # One connection stays open: the peer forgets the state of its test driver with the last one.
            self.holder = wire.Connection(self.rw).open(self.hold_uri)
            self.holder.list_all()
        self.baseline = self.settled_descriptors()
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        try:
            with wire.Connection(self.rw, timeout=20 * self.slow) as c:
                c.call(wire.AUTH_LIST)
                # when the server has closed it too, nobody meets this client any more
                c.sock.shutdown(socket.SHUT_WR)
                return c.closed_by_server()
        except (FileNotFoundError, ConnectionRefusedError, wire.Closed):
            return False

    def settled_descriptors(self):
        """The number of descriptors once closed connections have gone."""
        last, same = -1, 0
        deadline = time.monotonic() + 5
        while same < 5 and time.monotonic() < deadline:
            now = self.descriptors()
            last, same = now, same + 1 if now == last else 0
            time.sleep(0.005)
        return last

    def alive(self):
        return self.process.poll() is None

    def terminate(self):
        self.ending = True
        self.process.send_signal(signal.SIGTERM)

    def ended(self, seconds=60):
        """Waits for the end of the process and returns its exit status."""
        self.ending = True
        return self.process.wait(seconds * self.slow)

    def stop(self):
        """SIGTERM; the server must end in order within seconds."""
        self.release()
        self.terminate()
        code = self.ended()
        assert code == 0, f"the server ended with {code} after SIGTERM:\n{self.log()[-4000:]}"
        self.check_log()

    def kill(self):
        self.ending = True
        self.process.kill()
        self.process.wait()
        self.release()

    def release(self):
        """Closes every connection that the test made through this object."""
        for c in self.clients + [self.holder]:
            if c is not None:
                try:
                    c.close()
                except Exception:
                    pass
        self.clients, self.holder = [], None
        gc.collect()  # libvirt-python closes a connection when the last object made from it goes

    def finish(self):
        """The end of every test: alive, no descriptor kept, nothing bad in the log, and an orderly stop."""
        try:
            if self.process is None or self.process.poll() is not None:
                self.release()
                self.check_log()
                assert self.process is None or self.ending, f"the server died: {self.process.returncode}"
                return
            holder, self.holder = self.holder, None
            self.release()
            self.holder = holder
            self.check_log()
            if self.baseline is not None:
                try:
                    wait_until(
                        lambda: self.descriptors_but_journals() <= self.baseline, "descriptors are back", 60 * self.slow
                    )
                except AssertionError:
                    raise AssertionError(
                        f"{self.descriptors()} descriptors where {self.baseline} were at the start: "
                        + ", ".join(sorted(self.descriptor_names()))
                    ) from None
            self.stop()
        finally:
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    # --- looking at it

    @property
    def pid(self):
        return self.process.pid

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def descriptors_but_journals(self):
        """Without what a store keeps open until it has been quiet for seconds: two segments of its journal."""
        journals = [name for name in self.descriptor_names() if re.search(r"/\.journal-[01]$", name)]
        return self.descriptors() - len(set(journals))

    def descriptor_names(self):
        for path in glob.glob(f"/proc/{self.pid}/fd/*"):
            try:
                yield os.readlink(path)
            except OSError:
                pass

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.pid}/statm") as f:
            return int(f.read().split()[1]) * resource.getpagesize()

    def grew_less(self, before, mebibytes):
        """Whether resident memory has grown by less; a sanitizer keeps memory of its own, so with one it has."""
        return sanitizer_of(self.program) is not None or self.memory() - before < mebibytes << 20

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as f:
            words = f.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def rests(self, seconds, share):
        """Waits until it has taken less than that share of a processor for so many seconds: what it has been asked before
        may take a while to end."""

        def rested():
            begin, cpu = time.monotonic(), self.cpu_seconds()
            time.sleep(seconds)
            return self.cpu_seconds() - cpu <= share * (time.monotonic() - begin)

        wait_until(rested, f"it takes less than {share} of a processor", 60 * self.slow)
        return True

    def log(self):
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def check_log(self):
        bad = [line for line in self.log().splitlines() if REPORTS.search(line)]
        assert not bad, "the server's log holds reports:\n" + self.log()[-12000:]

    # --- clients

    def connect(self, path=None, timeout=60.0):
        """A raw connection that has sent nothing."""
        c = wire.Connection(path or self.rw, timeout * self.slow)
        self.clients.append(c)
        return c

    def open(self, uri="test:///default", flags=0, path=None):
        return self.connect(path).open(uri, flags)

    def serves(self):
        """A new client gets everything that it asks for."""
        with wire.Connection(self.rw, 60 * self.slow) as c:
            c.open()
            assert c.version() > 0
            assert c.lookup("test").name == "test"
        return True

    def uri(self, path="/default", read_only=False, query=""):
        return f"test+unix://{path}?socket={self.ro if read_only else self.rw}" + (
            f"&{query}" if query else ""
        )

    def virsh(self, *args, input=None, timeout=60, read_only=False, ok=True, options=()):
        """Runs virsh. `ok`: the exit status must be 0 (True), must not be (False), or does not matter (None)."""
        argv = (
            ["virsh", "-c", self.uri(read_only=read_only)]
            + (["-r"] if read_only else [])
            + list(options)
            + list(args)
        )
        result = run(argv, os.path.join(self.directory, "home"), input, timeout * self.slow)
        if ok is not None:
            assert (result.code == 0) == ok, f"{' '.join(argv)}: {result}"
        return result

    def virt_admin(self, *args, timeout=60, ok=True):
        argv = ["virt-admin", "-c", f"libvirtd:///system?socket={self.admin}"] + list(args)
        result = run(argv, os.path.join(self.directory, "home"), None, timeout * self.slow)
        if ok is not None:
            assert (result.code == 0) == ok, f"{' '.join(argv)}: {result}"
        return result

    def popen_virsh(self, *args, **popen):
        """A virsh that runs beside the test; the caller waits for it."""
        return subprocess.Popen(
            ["virsh", "-c", self.uri()] + list(args),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=client_environment(os.path.join(self.directory, "home")),
            **popen,
        )

    def python(self, read_only=False, **kw):
        """A connection of libvirt-python, closed at the end of the test."""
        import libvirt

        uri = self.uri(read_only=read_only, **kw)
        c = libvirt.openReadOnly(uri) if read_only else libvirt.open(uri)
        self.clients.append(c)
        return c


def find_program(kind, droverd):
    if kind == "libvirtd":
        return LIBVIRTD
    return os.path.abspath(droverd or os.environ.get("DROVERD") or DROVERD)


def remove_tree(path):
    shutil.rmtree(path, ignore_errors=True)
