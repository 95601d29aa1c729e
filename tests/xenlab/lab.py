# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab from the tests' side: a real Xen in an emulated PC, with droverd and its peers in the dom0.

`Lab` makes the image and droverd at need, starts and ends the machine, and runs commands in it; `Droverd` is the server
under test; `Accesses` counts what xenstored was asked, at xenstored's own end. The scripts beside this file do the work and
can be used alone. Everything here runs outside the lab."""

import collections
import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from hand import Hand  # noqa: E402
from harness import REPORTS, Result, format_config  # noqa: E402

CANNOT = 77  # what the scripts end with on a machine that can't have a lab
BOOT_LIMIT = 300  # seconds
IDLE_BOOT = 15.0  # seconds; machines that do other work beside are slower, and so is all inside
GUESTS = "/root/guest"
XENSTORED_LOG = "/run/xenstored.log"


class Unavailable(Exception):
    """This machine can't run the lab; the text says why."""


def script(name, *args, timeout=1900, env=None):
    """Runs one of the scripts beside this file; raises Unavailable or AssertionError. One that hangs is killed with all that
    it has started."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        child = subprocess.Popen(
            [os.path.join(HERE, name), *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
        try:
            code = child.wait(timeout)
        except BaseException as problem:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if isinstance(problem, subprocess.TimeoutExpired):
                raise Unavailable(f"{name} has taken longer than {timeout:.0f} s") from None
            raise
        said.seek(0)
        text = said.read().strip()
    if code == CANNOT:
        raise Unavailable(text.splitlines()[-1] if text else f"{name} does not say why")
    assert code == 0, f"{name} ended with {code}:\n{text[-4000:]}"


def run_folder():
    """Where the running lab is, as lib.sh has it."""
    below = os.environ.get("XENLAB_DIR") or os.path.join(HERE, "..", "..", "build-check", "xenlab")
    return os.environ.get("XENLAB_RUN") or os.path.join(below, "run")


class Access(collections.namedtuple("Access", "client kind path")):
    """One request to xenstored: the connection that it came over, what was asked in capitals (READ, WRITE, DIRECTORY,
    TRANSACTION_START…), and of which node."""


class Accesses(list):
    """The requests that reached xenstored while the block ran; each an Access."""

    C_LINE = re.compile(r"^IN (\S+) \S+ \S+ ([A-Z_]+) \((\S*)", re.M)
    OCAML_LINE = re.compile(r"^\[[^]]*\] +(\S+) +(\w+(?: \w+)?) +(/\S*|@\S*|)", re.M)
    # what oxenstored calls requests, where it is another word, and what it logs that is none
    OCAML_KINDS = {
        "t start": "TRANSACTION_START",
        "t end": "TRANSACTION_END",
        "getdomainpath": "GET_DOMAIN_PATH",
        "isintroduced": "IS_DOMAIN_INTRODUCED",
        "getperms": "GET_PERMS",
        "setperms": "SET_PERMS",
    }
    OCAML_OTHER = {"newconn", "endconn", "coalesce", "conflict", "commit", "w event", "error", "debug"}

    def read_c(self, text):
        self += (Access(*m) for m in self.C_LINE.findall(text) if m[1] != "CONTROL")
        return self

    def read_ocaml(self, text):
        for client, word, path in self.OCAML_LINE.findall(text):
            if word not in self.OCAML_OTHER:
                self.append(Access(client, self.OCAML_KINDS.get(word, word.upper()), path))
        return self

    def kinds(self):
        return collections.Counter(access.kind for access in self)


class Lab:
    def __init__(self, xenstored):
        self.xenstored = xenstored
        self.seconds = {}  # what took how long
        self.slow = 1.0  # by how much limits on time are stretched, from the time that it took to boot
        self.dead = ""  # why nothing more is asked of it
        self.kept = set()  # ids of guests that several tests share
        self.hand = Hand()

    # --- life

    def prepare(self, seconds=1900):
        """The image and droverd for it, made where they are missing or old; in so many seconds, or the machine can't."""
        end = time.monotonic() + seconds
        self._timed("image", "build-image", timeout=seconds)
        self._timed("droverd", "build-drover", timeout=max(1, end - time.monotonic()))

    def boot(self, devices=True):
        """`devices`: whether the machine has some that guests can be given."""
        wanted = {
            "XENLAB_DEVICES": str(int(devices)),
            "XENLAB_XENSTORED": self.xenstored,
            "XENLAB_ACCESSES": "1",
            "XENLAB_OWNER": str(os.getpid()),
            "XENLAB_SECONDS": str(BOOT_LIMIT),
        }
        try:
            self._timed("boot", "boot", env=wanted, timeout=BOOT_LIMIT + 60)
        except AssertionError as problem:  # nothing of drover's runs yet: it is the machine that can't
            raise Unavailable(f"Xen does not boot here: {problem}") from None
        self.slow = max(2.0, self.seconds["boot"] / IDLE_BOOT)    # a machine may be busier later than it was at first

    def stop(self):
        self.hand.close()
        script("stop")

    def faults(self):
        """How many guests the emulated processor has failed: now and then it loses its way in one that isn't PV, the more
        often the busier the machine is."""
        try:
            with open(os.path.join(run_folder(), "serial.log"), "rb") as log:
                return log.read().count(b"Triple fault")
        except OSError:
            return 0

    def work(self):
        """The processor time that the emulated PC has used, in seconds: what a test costs, however busy the machine is."""
        try:
            with open(os.path.join(run_folder(), "qemu.pid"), encoding="ascii") as file:
                pid = int(file.read())
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                return sum(map(int, file.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError):
            return 0.0

    def _timed(self, what, name, **how):
        start = time.monotonic()
        script(name, **how)
        self.seconds[what] = time.monotonic() - start

    # --- commands in the dom0

    def ask(self, do, timeout=60, ok=True, **how):
        """Has something done in the dom0: one of inside.py's calls. `ok`: its exit status must be 0 (True), must not be
        (False), or does not matter (None)."""
        assert not self.dead, self.dead
        try:
            result = Result(*self.hand.ask(do, timeout * self.slow, **how))
        except subprocess.TimeoutExpired as problem:
            try:
                self.hand.ask("run", 60 * self.slow, argv=["true"])
            except subprocess.TimeoutExpired:
                self.dead = f"the dom0 has answered nothing any more since: {shlex.join(problem.cmd)[:200]}"
            raise
        if ok is not None:
            assert (result.code == 0) == ok, f"{do} {how}: {result}"
        return result

    def run(self, *argv, **how):
        """Runs a command with exactly these arguments."""
        return self.ask("run", argv=argv, **how)

    def sh(self, line, **how):
        """Runs a line of bash."""
        return self.run("bash", "-c", line, **how)

    def xl(self, *args, **how):
        return self.run("xl", *args, **how)

    def virsh(self, uri, *args, **how):
        """A virsh that stays connected takes the command, one of its own with `alone=True`; the exit status is 1 when it has
        complained."""
        return self.ask("virsh", uri=uri, args=args, **how)

    def write(self, path, text):
        """Makes a file in the dom0."""
        self.ask("write", path=path, text=text)

    def read(self, path):
        return self.ask("read", path=path).out

    def wait(self, state, what, seconds=30):
        """Looks for a state until a deadline; not too often, since each look takes time from what it waits for."""
        deadline = time.monotonic() + seconds * self.slow
        faults = self.faults()
        while not (found := state()):
            assert self.faults() == faults, "the emulated processor has failed a guest"
            assert time.monotonic() < deadline, f"after {seconds * self.slow:.0f} s still not: {what}"
            time.sleep(0.2)
        return found

    def seconds_of(self, *argv, rounds=5):
        """How long a command takes in the dom0, once for each round: what the way into the lab costs is not in it."""
        line = shlex.join(argv)
        out = self.sh(
            f"for ((i = 0; i < {rounds}; i++)); do a=$EPOCHREALTIME; {line} >/dev/null || exit; b=$EPOCHREALTIME; "
            "echo $((${b/./} - ${a/./})); done"
        )
        return [int(word) / 1e6 for word in out.out.split()]

    @contextlib.contextmanager
    def accesses(self):
        """Counts what xenstored is asked: `with lab.accesses() as seen: …`; afterwards `seen` holds each request."""
        seen = Accesses()
        if self.xenstored == "c":
            self.sh(f"rm -f {XENSTORED_LOG}; xenstore-control logfile {XENSTORED_LOG} && xenstore-control log on")
            yield seen
            seen.read_c(self.sh(f"xenstore-control log off >/dev/null; cat {XENSTORED_LOG}").out)
        else:
            before = int(self.sh(f"wc -c <{XENSTORED_LOG}").out)
            yield seen
            seen.read_ocaml(self.sh(f"tail -c +{before + 1} {XENSTORED_LOG}").out)

    def quiet(self):
        """Waits until xenstored is asked nothing any more: xenconsoled and the xl of a guest see to what comes and goes in
        their own time. For tests in which whatever is asked counts."""

        def nothing():
            with self.accesses() as seen:
                self.sh("sleep 0.5")
            return not seen

        self.wait(nothing, "nobody asks xenstored anything", 60)

    # --- guests

    def names(self):
        """The domains that xl sees, without Domain-0."""
        return [row.split()[0] for row in self.xl("list").out.splitlines()[1:] if not row.startswith("Domain-0 ")]

    def create(self, name, kind="pv", disk=None, mac=None, extra=(), paused=False):
        """Makes a guest with xl: kind pv, pvh, hvm, idle-pv or idle-pvh; `disk` is an image file, `mac` an address on the
        lab's bridge."""
        settings = [f'name="{name}"', *extra]
        if disk:
            settings.append(f'disk=["vdev=xvda,access=rw,script=block-quick,target={disk}"]')
        if mac:
            settings.append(f'vif=["mac={mac},script=vif-quick"]')
        command = ["xl", "create", *(["-p"] if paused else []), f"{GUESTS}/{kind}.cfg", *settings]
        guest = Guest(self, name)
        self.sh(f"rm -f {guest.console_path}; {shlex.join(command)}")
        return guest

    def clean(self):
        """Ends every guest, whoever made it, but those that several tests share."""
        self.ask("clean", keep=[*self.kept], timeout=120)


class Guest:
    """One of the lab's Linux guests, seen from the dom0."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.console_path = f"/var/log/xen/console/guest-{name}.log"

    @property
    def id(self):
        return int(self.lab.xl("domid", self.name).out)

    def console(self):
        """All that it has written."""
        return self.lab.ask("read", path=self.console_path, ok=None).out

    def ready(self, seconds=60):
        """Waits until it is up; what it says of itself is returned."""
        limit = seconds * self.lab.slow
        found = self.lab.ask(
            "until", path=self.console_path, pattern="^guest: ready.*(?=\n)", seconds=limit, ok=None, timeout=seconds + 60
        )
        assert found.code == 0, f"{self.name} is not up after {limit:.0f} s:\n{self.console()[-2000:]}"
        return found.out.strip()

    def sh(self, line, ok=True):
        """Runs a line of shell inside the guest, through its console."""
        return self.lab.run("guest-sh", self.name, line, ok=ok)

    def type(self, line):
        """Types a line on its console and waits for no answer: for what the guest doesn't outlive."""
        self.lab.sh(f"printf '%s\\n' {shlex.quote(line)} >$(xenstore-read /local/domain/{self.id}/console/tty)")


class Droverd:
    """droverd in the dom0, with a folder, sockets and a log of its own."""

    PROGRAM = "/build/server/droverd"

    def __init__(self, lab, config=None):
        self.lab = lab
        self.folder = lab.sh("d=$(mktemp -d /run/drover.XXXXXX) && mkdir $d/sockets $d/root && echo $d").out.strip()
        self.socket = f"{self.folder}/sockets/libvirt-sock"
        self.log_path = f"{self.folder}/log"
        self.config = {
            "unix_sock_dir": f"{self.folder}/sockets",
            "auth_unix_rw": "none",
            "auth_unix_ro": "none",
            "log_outputs": f"3:file:{self.log_path}",
            **(config or {}),
        }

    def configure(self):
        self.lab.write(f"{self.folder}/server.conf", format_config(self.config))

    def start(self):
        """Returns when it serves: it goes into the background then."""
        self.configure()
        self.lab.sh(
            f"{self.PROGRAM} --daemon --config {self.folder}/server.conf --root {self.folder}/root "
            f"--pid-file {self.folder}/pid </dev/null >{self.folder}/output 2>&1 || "
            f"{{ cat {self.folder}/output {self.log_path}; false; }}"
        )
        return self

    @property
    def pid(self):
        return int(self.lab.read(f"{self.folder}/pid"))

    def alive(self):
        return self.lab.ask("alive", path=f"{self.folder}/pid", ok=None).code == 0

    def uri(self, hypervisor="xen", path="/system"):
        return f"{hypervisor}+unix://{path}?socket={self.socket}"

    def virsh(self, *args, hypervisor="xen", path="/system", **how):
        return self.lab.virsh(self.uri(hypervisor, path), *args, **how)

    def settled(self):
        """Waits until no domain is taken for half built any more (the reason 11): one that stays paused is told of some seconds
        after the others, and then its devices are read."""
        self.lab.wait(
            lambda: "state.reason=11\n" not in self.virsh("domstats", "--state").out, "all domains are told of", 60
        )

    def log(self):
        return "".join(self.lab.ask("read", path=path, ok=None).out for path in (self.log_path, f"{self.folder}/output"))

    def stop(self, seconds=30):
        """SIGTERM; it must end in order, with nothing bad in its log."""
        tenths = int(seconds * self.lab.slow * 10)
        assert self.alive(), f"droverd died:\n{self.log()[-4000:]}"
        self.forget()
        self.lab.sh(
            f"pid=$(cat {self.folder}/pid); kill $pid; for ((i = 0; i < {tenths}; i++)); do "
            "kill -0 $pid 2>/dev/null || exit 0; sleep 0.1; done; kill -KILL $pid; exit 1",
            timeout=4 * seconds,
        )
        self.check_log()

    def check_log(self):
        log = self.log()
        assert not REPORTS.search(log), "the log holds reports:\n" + log[-8000:]

    def kill(self):
        self.lab.sh(f"kill -KILL $(cat {self.folder}/pid)")
        self.gone()

    def gone(self):
        """Waits until a droverd that was killed has ended: until then the next one finds its files locked."""
        self.lab.sh(f"pid=$(cat {self.folder}/pid); while kill -0 $pid 2>/dev/null; do sleep 0.05; done")
        self.forget()

    def forget(self):
        """The connections that virsh keeps are ended."""
        self.lab.ask("forget", socket=self.socket)
