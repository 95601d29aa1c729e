# SPDX-License-Identifier: LGPL-2.1-or-later
"""The servers that are compared: how each is started with default settings in a directory of its own, found, held open,
pinned and ended. Nothing here measures."""

import os
import pwd
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time

PROGRAM, VERSION, CALL, AUTH_LIST, OPEN = 0x20008086, 1, 0, 66, 1

CONFIG = """# Everything else is at its default.
unix_sock_dir = "{sockets}"
auth_unix_rw = "none"
"""

# Directories of the host that a libvirtd run by root uses; each instance gets its own, in a mount namespace.
LIBVIRT_DIRS = {"etc": "/etc/libvirt", "lib": "/var/lib/libvirt", "cache": "/var/cache/libvirt", "run": "/run/libvirt",
                "log": "/var/log/libvirt"}

QEMU_DRIVER = [f"/usr/lib/{where}libvirt/connection-driver/libvirt_driver_qemu.so"
               for where in ("", f"{os.uname().machine}-linux-gnu/")]

IN_NAMESPACE = """
set -e
while [ "$1" != -- ]; do
    [ -e "$2" ] || mkdir -p "$2"
    mount --bind "$1" "$2"
    shift 2
done
shift
exec "$@"
"""


class ServerError(Exception):
    """A server that can't be started, or has ended."""


class NoPeer(Exception):
    """A server that lacks what a scenario measures: it has no figures there, and the reason is told."""


class Server:
    """One instance: a directory, and a process in it whenever it is started. Its files outlive the process."""

    def __init__(self, name, directory, settings=""):
        """settings: further lines of the configuration, which both servers understand."""
        self.name = name
        self.directory = directory
        self.sockets = os.path.join(directory, "s")
        self.socket = os.path.join(self.sockets, "libvirt-sock")
        self.config = os.path.join(directory, "server.conf")
        self.process = None
        self.holding = []
        self.frozen = []    # processes of guests that a scenario has stopped by a signal
        os.makedirs(self.sockets)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(sockets=self.sockets) + settings)

    spec = "drover"
    test_uri = "test:///default"
    store_uri = None        # a driver that keeps definitions on disk, if it can be used here
    store_type = "test"     # of the documents defined there

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    @property
    def pid(self):
        if self.process is None or self.process.poll() is not None:
            raise ServerError(f"{self.name} is not running; see {self.directory}/stderr")
        return self.process.pid

    def start(self, wait=True):
        """Starts the process and returns when that was (CLOCK_MONOTONIC, ns). With wait, also for its socket."""
        if self.process is not None and self.process.poll() is None:
            raise ServerError(f"{self.name} is running already")
        command = self.command()
        with open(os.path.join(self.directory, "stderr"), "ab") as log:
            began = time.monotonic_ns()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment(), preexec_fn=raise_file_limit)
        if wait:
            self.hold(None)
        return began

    def hold(self, uri):
        """Opens a connection (and uri on it) that stays until stop(): a driver's state may go with its last client."""
        deadline = time.monotonic() + 60
        while True:
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                channel.connect(self.socket)
                break
            except OSError as error:
                channel.close()
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise ServerError(f"{self.name} takes no connections: {error}; see {self.directory}/stderr") from error
                time.sleep(0.002)
        channel.settimeout(60)
        call(channel, 0, AUTH_LIST, b"")
        if uri is not None:
            call(channel, 1, OPEN, struct.pack(">I", 1) + xdr_string(uri) + struct.pack(">I", 0))
        self.holding.append(channel)

    def stop(self):
        for channel in self.holding:
            channel.close()
        self.holding = []
        for process in self.frozen:
            os.kill(process, signal.SIGKILL)
        self.frozen = []
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def pin(self, cpus):
        """Lets all of its threads run on these CPUs only; those it creates later inherit that."""
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            try:
                os.sched_setaffinity(int(thread), cpus)
            except ProcessLookupError:
                pass


class Libvirtd(Server):
    """libvirtd: as root with the host's directories replaced by its own, else in session mode."""

    spec = "libvirtd"

    def __init__(self, name, directory, program, settings=""):
        super().__init__(name, directory, settings)
        self.program = program
        self.listen = ["--listen"] if "listen_tls" in settings else []
        for part in LIBVIRT_DIRS:
            os.makedirs(os.path.join(directory, part))
        with open(os.path.join(directory, "etc", "qemu.conf"), "w", encoding="utf-8") as file:
            file.write('stdio_handler = "file"\n')     # there is no virtlogd beside it
        if self.can_have_qemu():
            self.store_uri = "qemu:///system"
            self.store_type = "qemu"

    def command(self):
        command = [self.program, "--config", self.config, "--pid-file", os.path.join(self.directory, "pid"), *self.listen]
        if os.geteuid() != 0:
            return command
        binds = [word for part, path in LIBVIRT_DIRS.items() for word in (os.path.join(self.directory, part), path)]
        binds += self.kvm_for_qemu() + self.user_for_qemu()
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", IN_NAMESPACE, "sh", *binds, "--", *command]

    def kvm_for_qemu(self):
        """Without udev /dev/kvm is root's alone; libvirtd then distrusts what it has found out about QEMU and starts QEMU
        again for each definition. It gets a node that its QEMU user may open, as on an ordinary host."""
        try:
            device = os.stat("/dev/kvm")
        except OSError:
            return []
        node = os.path.join(self.directory, "kvm")
        if not os.path.exists(node):
            os.mknod(node, 0o600 | stat.S_IFCHR, device.st_rdev)
            os.chmod(node, 0o666)
        return [node, "/dev/kvm"]

    def user_for_qemu(self):
        """libvirtd ends at its start without the user of QEMU's processes, whom another package makes. It gets lists of
        users and groups with him where the host has none."""
        try:
            pwd.getpwnam("libvirt-qemu")
            return []
        except KeyError:
            pass
        binds = []
        for path, line in (("/etc/passwd", "libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin"),
                           ("/etc/group", "libvirt-qemu:x:64055:\nkvm:x:64056:")):
            copy = os.path.join(self.directory, os.path.basename(path))
            with open(path, encoding="utf-8") as file, open(copy, "w", encoding="utf-8") as to:
                to.write(file.read().rstrip("\n") + f"\n{line}\n")
            binds += [copy, path]
        return binds

    @staticmethod
    def can_have_qemu():
        """Its QEMU driver for the whole system needs root, and is a module of its own."""
        return os.geteuid() == 0 and any(os.path.exists(path) for path in QEMU_DRIVER)

    def environment(self):
        environment = dict(os.environ)
        if os.geteuid() == 0 and self.store_uri is None:
            environment["LIBVIRT_DRIVER_DIR"] = os.path.join(self.directory, "none")    # the test driver is built in
        if os.geteuid() != 0:
            environment.update(HOME=self.directory, XDG_CONFIG_HOME=f"{self.directory}/etc",
                               XDG_CACHE_HOME=f"{self.directory}/cache", XDG_RUNTIME_DIR=f"{self.directory}/run")
        return environment

    def version(self):
        return first_line([self.program, "--version"])


class Droverd(Server):
    """droverd with all its default paths below its own directory."""

    def __init__(self, name, directory, program, settings=""):
        super().__init__(name, directory, settings)
        self.program = program
        self.root = os.path.join(directory, "root")
        store = os.path.join(directory, "store")
        os.makedirs(self.root)
        os.makedirs(store)
        self.store_uri = f"test:///default?store={store}"

    def command(self):
        return [self.program, "--config", self.config, "--root", self.root]

    def version(self):
        return first_line([self.program, "--version"])


def make_server(spec, name, directory, droverd, settings=""):
    """spec: libvirtd, drover, or the path of another droverd. Raises ServerError when it isn't there."""
    if spec == "libvirtd":
        program = shutil.which("libvirtd") or shutil.which("libvirtd", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise ServerError("libvirtd is not installed")
        return Libvirtd(name, directory, program, settings)
    program = droverd if spec == "drover" else spec
    if not os.access(program, os.X_OK):
        raise ServerError(f"there is no server {program}")
    return Droverd(name, directory, os.path.abspath(program), settings)


def raise_file_limit():
    """Both servers may open as many files as the host allows at most."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def first_line(command):
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return output.splitlines()[0] if output else "?"


def xdr_string(text):
    data = text.encode()
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


def receive(channel, count):
    data = b""
    while len(data) < count:
        part = channel.recv(count - len(data))
        if not part:
            raise ServerError("the server closed a connection that was to be held")
        data += part
    return data


def call(channel, serial, procedure, arguments):
    channel.sendall(struct.pack(">7I", 28 + len(arguments), PROGRAM, VERSION, procedure, CALL, serial, 0) + arguments)
    length, _, _, _, _, _, status = struct.unpack(">7I", receive(channel, 28))
    body = receive(channel, length - 28)
    if status != 0:
        text = body[16:16 + struct.unpack(">I", body[12:16])[0]] if len(body) >= 16 else b""
        raise ServerError(f"procedure {procedure} failed: {text.decode(errors='replace')}")
    return body
