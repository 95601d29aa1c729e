# SPDX-License-Identifier: LGPL-2.1-or-later
"""A raw client of the wire: frames, XDR and descriptors, written by hand.

It shares nothing with the server's tables or with the C client library, so that a mistake on
one side cannot hide behind the same mistake on the other. It checks what it reads (lengths,
padding, places of descriptors) and sends whatever it is told to, right or wrong."""

import array
import os
import select
import socket
import struct
import time

REMOTE, QEMU, LXC, ADMIN, KEEPALIVE = 0x20008086, 0x20008087, 0x00068000, 0x06900690, 0x6B656570
CALL, REPLY, MESSAGE, STREAM, CALL_WITH_FDS, REPLY_WITH_FDS, STREAM_HOLE = range(7)
OK, ERROR, CONTINUE = range(3)
PING, PONG = 1, 2

LENGTH_MAX = 33554436
STRING_MAX = 4194304

# Procedures of the remote program that the tests call.
CONNECT_OPEN, CONNECT_CLOSE, CONNECT_GET_TYPE, CONNECT_GET_VERSION, CONNECT_GET_MAX_VCPUS = range(1, 6)
NODE_GET_INFO, CONNECT_GET_CAPABILITIES = 6, 7
DOMAIN_CREATE, DOMAIN_CREATE_XML, DOMAIN_DEFINE_XML, DOMAIN_DESTROY = 9, 10, 11, 12
DOMAIN_GET_XML_DESC, DOMAIN_GET_AUTOSTART, DOMAIN_GET_INFO = 14, 15, 16
CONNECT_LIST_DEFINED_DOMAINS, DOMAIN_LOOKUP_BY_ID, DOMAIN_LOOKUP_BY_NAME, DOMAIN_LOOKUP_BY_UUID = (
    21,
    22,
    23,
    24,
)
CONNECT_NUM_OF_DEFINED_DOMAINS = 25
DOMAIN_PIN_VCPU, DOMAIN_REBOOT, DOMAIN_RESUME, DOMAIN_SET_AUTOSTART, DOMAIN_SHUTDOWN, DOMAIN_SUSPEND = (
    26,
    27,
    28,
    29,
    33,
    34,
)
DOMAIN_UNDEFINE, CONNECT_LIST_DOMAINS, CONNECT_NUM_OF_DOMAINS = 35, 37, 51
CONNECT_GET_HOSTNAME, CONNECT_SUPPORTS_FEATURE = 59, 60
AUTH_LIST, AUTH_SASL_INIT, AUTH_SASL_START, AUTH_SASL_STEP, AUTH_POLKIT = 66, 67, 68, 69, 70
CONNECT_DOMAIN_EVENT_REGISTER, CONNECT_DOMAIN_EVENT_DEREGISTER, DOMAIN_EVENT_LIFECYCLE = 105, 106, 107
CONNECT_GET_URI = 110
DOMAIN_GET_SECURITY_LABEL, NODE_GET_SECURITY_MODEL = 121, 122
DOMAIN_IS_ACTIVE, DOMAIN_IS_PERSISTENT, CONNECT_GET_LIB_VERSION = 150, 151, 157
CONNECT_DOMAIN_EVENT_REGISTER_ANY, CONNECT_DOMAIN_EVENT_DEREGISTER_ANY = 167, 168
DOMAIN_CREATE_WITH_FLAGS, DOMAIN_GET_MEMORY_PARAMETERS = 196, 198
DOMAIN_OPEN_CONSOLE, DOMAIN_SCREENSHOT, DOMAIN_GET_STATE = 201, 211, 212
DOMAIN_UNDEFINE_FLAGS, DOMAIN_DESTROY_FLAGS, DOMAIN_SNAPSHOT_LOOKUP_BY_NAME, DOMAIN_SNAPSHOT_GET_PARENT = (
    231,
    234,
    189,
    244,
)
DOMAIN_SNAPSHOT_CREATE_XML, DOMAIN_GET_NUMA_PARAMETERS, DOMAIN_GET_METADATA = 185, 255, 265
CONNECT_LIST_ALL_DOMAINS, CONNECT_LIST_ALL_NODE_DEVICES, NODE_GET_CPU_MAP = 273, 285, 293
CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY = 316, 317
DOMAIN_EVENT_CALLBACK_LIFECYCLE = 318
CONNECT_GET_ALL_DOMAIN_STATS, DOMAIN_DEFINE_XML_FLAGS, DOMAIN_RENAME = 344, 350, 358
CONNECT_REGISTER_CLOSE_CALLBACK, CONNECT_UNREGISTER_CLOSE_CALLBACK = 360, 361
DOMAIN_CREATE_WITH_FILES, DOMAIN_FD_ASSOCIATE = 310, 443

# Codes of errors.
INTERNAL_ERROR, NO_SUPPORT, NO_CONNECT, INVALID_ARG, OPERATION_FAILED = 1, 3, 5, 8, 9
SYSTEM_ERROR, RPC, NO_DOMAIN, OPERATION_INVALID, OPERATION_TIMEOUT = 38, 39, 42, 55, 68


# --- XDR: writing


def u32(value):
    return struct.pack(">I", value & 0xFFFFFFFF)


def u64(value):
    return struct.pack(">Q", value & 0xFFFFFFFFFFFFFFFF)


def opaque_fixed(data):
    return data + b"\0" * (-len(data) % 4)


def string(text):
    data = text.encode() if isinstance(text, str) else text
    return u32(len(data)) + opaque_fixed(data)


def optional(body):
    """`body` is the encoded value, or None for absence."""
    return u32(0) if body is None else u32(1) + body


class Domain:
    """A domain's handle as it goes over the wire."""

    def __init__(self, name, uuid, id=-1):
        self.name, self.uuid, self.id = name, uuid, id

    def encode(self):
        return string(self.name) + opaque_fixed(self.uuid) + u32(self.id)

    def __eq__(self, other):
        return (self.name, self.uuid, self.id) == (other.name, other.uuid, other.id)

    def __repr__(self):
        return f"Domain({self.name!r}, {self.uuid.hex()}, id={self.id})"


# --- XDR: reading


class Malformed(Exception):
    """What the server sent breaks the rules of the wire."""


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise Malformed(f"wanted {n} bytes at {self.at} of {len(self.data)}")
        piece = self.data[self.at : self.at + n]
        self.at += n
        return piece

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def i32(self):
        return struct.unpack(">i", self.take(4))[0]

    def u64(self):
        return struct.unpack(">Q", self.take(8))[0]

    def flag(self):
        value = self.u32()
        if value not in (0, 1):
            raise Malformed(f"the flag of an optional is {value}")
        return bool(value)

    def bytes(self):
        n = self.u32()
        data = self.take(n)
        if self.take(-n % 4).strip(b"\0"):
            raise Malformed("padding that is not zero")
        return data

    def string(self):
        return self.bytes().decode()

    def optional(self, read):
        return read() if self.flag() else None

    def array(self, read):
        return [read() for _ in range(self.u32())]

    def domain(self):
        return Domain(self.string(), self.take(16), self.i32())

    def typed_params(self):
        def one():
            field, kind = self.string(), self.u32()
            if kind == 7:
                return field, self.string()
            if kind == 5:
                return field, struct.unpack(">d", self.take(8))[0]
            return field, {1: self.i32, 2: self.u32, 3: self.u64, 4: self.u64, 6: self.i32}[kind]()

        return dict(self.array(one))

    def end(self):
        if self.at != len(self.data):
            raise Malformed(f"{len(self.data) - self.at} bytes are left over")


# --- frames


def header(proc, prog=REMOTE, vers=1, type=CALL, serial=0, status=OK):
    return struct.pack(">IIiIII", prog, vers, proc, type, serial & 0xFFFFFFFF, status)


def frame(proc, body=b"", **kw):
    return u32(28 + len(body)) + header(proc, **kw) + body


class RemoteError(Exception):
    def __init__(self, body):
        r = Reader(body)
        self.code, self.domain = r.i32(), r.i32()
        self.message = r.optional(r.string)
        self.level = r.i32()
        self.dom = r.optional(r.domain)
        self.str1, self.str2, self.str3 = (r.optional(r.string) for _ in range(3))
        self.int1, self.int2 = r.i32(), r.i32()
        self.net = r.optional(lambda: (r.string(), r.take(16)))
        r.end()
        super().__init__(f"{self.code}/{self.domain}: {self.message}")


class Frame:
    def __init__(self, data, fds=()):
        self.prog, self.vers, self.proc, self.type, self.serial, self.status = struct.unpack_from(
            ">IIiIII", data
        )
        self.body, self.fds = data[24:], list(fds)

    def reader(self):
        return Reader(self.body)

    def error(self):
        return RemoteError(self.body)

    def __repr__(self):
        return (
            f"Frame(prog={self.prog:#x} proc={self.proc} type={self.type} serial={self.serial} "
            f"status={self.status} {len(self.body)} bytes)"
        )


class Closed(Exception):
    """The server ended the connection."""


class Timeout(Exception):
    pass


class Connection:
    """One connection. Nothing is sent that was not asked for: no authentication, no open, no answer to a ping."""

    def __init__(self, path, timeout=60.0):
        self.timeout = timeout
        self.serial = 0
        self.kept = []  # frames that came while another was waited for
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        try:
            self.sock.connect(path)
        except BaseException:
            self.sock.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for f in self.kept:
            for fd in f.fds:
                os.close(fd)
        self.kept = []
        self.sock.close()

    def fileno(self):
        return self.sock.fileno()

    # --- sending

    def send(self, data):
        try:
            self.sock.sendall(data)
        except socket.timeout:
            raise Timeout("the server does not read") from None
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def send_reading(self, data):
        """Sends much, and keeps what comes meanwhile: neither side ever waits for the other to read."""
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select([self.sock], [self.sock], [], self.timeout)
            if not readable and not writable:
                raise Timeout("the server neither reads nor writes")
            if readable:
                self.kept.append(self.receive())
            elif writable:
                try:
                    view = view[self.sock.send(view, socket.MSG_DONTWAIT) :]
                except BlockingIOError:
                    pass
                except (BrokenPipeError, ConnectionResetError):
                    raise Closed from None

    def send_fd(self, fd, data=b"\0"):
        self.sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])

    def next_serial(self):
        self.serial += 1
        return self.serial

    def request(self, proc, body=b"", **kw):
        """Sends a call and returns its serial without waiting."""
        serial = kw.pop("serial", None)
        if serial is None:
            serial = self.next_serial()
        self.send(frame(proc, body, serial=serial, **kw))
        return serial

    # --- receiving

    def _exactly(self, n, deadline):
        """n bytes, and the descriptors that came attached to them."""
        data, fds = bytearray(), []
        while len(data) < n:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Timeout(f"{len(data)} of {n} bytes came")
            self.sock.settimeout(left)
            try:
                piece, ancillary, _, _ = self.sock.recvmsg(
                    min(n - len(data), 1 << 20), socket.CMSG_SPACE(4 * 32)
                )
            except socket.timeout:
                continue
            except ConnectionResetError:
                raise Closed from None
            finally:
                self.sock.settimeout(self.timeout)
            for level, kind, payload in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds += array.array("i", payload[: len(payload) // 4 * 4])
            if not piece:
                raise Closed
            data += piece
        return bytes(data), fds

    def receive(self, timeout=None):
        """The next frame from the socket. Raises Closed at its end, Timeout, Malformed."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        word, fds = self._exactly(4, deadline)
        length = struct.unpack(">I", word)[0]
        if not 28 <= length <= LENGTH_MAX:
            raise Malformed(f"length {length}")
        data, more = self._exactly(length - 4, deadline)
        if fds or more:
            raise Malformed("descriptors are attached to the frame itself")
        got = Frame(data)
        if got.type == REPLY_WITH_FDS:
            count = got.reader().u32()
            got.body = got.body[4:]
            for _ in range(count):
                byte, fds = self._exactly(1, deadline)
                if byte != b"\0" or len(fds) != 1:
                    raise Malformed(f"byte {byte!r} carries {len(fds)} descriptors")
                got.fds += fds
        return got

    def wait_for(self, wanted, timeout=None):
        """The first frame, kept or new, for which `wanted` is true; others are kept."""
        for i, f in enumerate(self.kept):
            if wanted(f):
                return self.kept.pop(i)
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            f = self.receive(max(0.0, deadline - time.monotonic()))
            if wanted(f):
                return f
            self.kept.append(f)

    def reply(self, serial, timeout=None):
        """The reply to a serial as a frame, error or not."""
        return self.wait_for(lambda f: f.type in (REPLY, REPLY_WITH_FDS) and f.serial == serial, timeout)

    def call(self, proc, body=b"", timeout=None, **kw):
        """Sends a call, waits for its reply and gives a Reader of the result. Raises RemoteError."""
        prog, vers = kw.get("prog", REMOTE), kw.get("vers", 1)
        serial = self.request(proc, body, **kw)
        f = self.reply(serial, timeout)
        if (f.prog, f.vers, f.proc) != (prog, vers, proc):
            raise Malformed(f"{f} answers program {prog:#x} version {vers} procedure {proc}")
        if f.status == ERROR:
            raise f.error()
        r = f.reader()
        r.fds = f.fds
        return r

    def error_of(self, proc, body=b"", **kw):
        """The error that the call is answered with; it must be one."""
        try:
            self.call(proc, body, **kw)
        except RemoteError as e:
            return e
        raise AssertionError(f"procedure {proc} was not refused")

    def message(self, proc, timeout=None):
        """The next event message of that number."""
        return self.wait_for(lambda f: f.type == MESSAGE and f.prog == REMOTE and f.proc == proc, timeout)

    def stream_frame(self, proc, serial, timeout=None):
        return self.wait_for(
            lambda f: f.type in (STREAM, STREAM_HOLE) and (f.proc, f.serial) == (proc, serial), timeout
        )

    def ping(self):
        self.send(frame(PING, prog=KEEPALIVE, type=MESSAGE))

    def pong(self, timeout=None):
        """Waits for the answer to a ping."""
        return self.wait_for(lambda f: f.prog == KEEPALIVE and f.proc == PONG, timeout)

    def closed_by_server(self, timeout=None):
        """True when nothing but the end comes; False when the time is up before. Frames that come are kept."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            try:
                self.kept.append(self.receive(max(0.0, deadline - time.monotonic())))
            except Closed:
                return True
            except Timeout:
                return False

    def readable(self, timeout=0):
        return bool(select.select([self.sock], [], [], timeout)[0])

    # --- what every well-behaved client does

    def open(self, uri="test:///default", flags=0):
        self.call(AUTH_LIST)
        self.call(CONNECT_OPEN, optional(string(uri)) + u32(flags))
        return self

    def version(self):
        return self.call(CONNECT_GET_LIB_VERSION).u64()

    def lookup(self, name):
        return self.call(DOMAIN_LOOKUP_BY_NAME, string(name)).domain()

    def define(self, xml):
        return self.call(DOMAIN_DEFINE_XML, string(xml)).domain()

    def on_domain(self, proc, domain, more=b"", **kw):
        return self.call(proc, domain.encode() + more, **kw)

    def with_console(self, name="term"):
        """A new running domain that has a console."""
        d = self.define(domain_xml(name, devices="<console type='pty'/>"))
        self.on_domain(DOMAIN_CREATE, d)
        return d

    def list_all(self, flags=0, need=1):
        r = self.call(CONNECT_LIST_ALL_DOMAINS, u32(need) + u32(flags))
        domains, total = r.array(r.domain), r.u32()
        r.end()
        return domains, total

    def state(self, domain):
        r = self.on_domain(DOMAIN_GET_STATE, domain, u32(0))
        return r.i32(), r.i32()


def domain_xml(name, uuid=None, memory=1024, extra="", devices=""):
    """A small document. `extra` and `devices` are XML text."""
    identity = f"<uuid>{uuid}</uuid>" if uuid else ""
    return (
        f"<domain type='test'><name>{name}</name>{identity}<memory unit='KiB'>{memory}</memory>"
        f"<vcpu>1</vcpu><os><type arch='i686'>hvm</type></os>{extra}<devices>{devices}</devices></domain>"
    )
