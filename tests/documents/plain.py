# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plain values for documents that are made at random: texts and numbers that libvirt is likely to take, how likely it
is that something is there, and what is put right afterwards because tables don't say it."""

# How likely a child or attribute is there; others are by chance.
LIKELY = {
    "alias": 0.15,
    "address": 0.25,
    "acpi": 0.08,
    "boot": 0.1,
    "master": 0.02,
    "rom": 0.1,
    "source": 0.9,
    "target": 0.95,
    "backingStore": 0.15,
    "auth": 0.1,
    "encryption": 0.1,
    "mirror": 0.0,
    "seclabel": 0.15,
    "driver": 0.4,
    "log": 0.2,
    "host": 0.7,
    "zpci": 0.1,
    "reservations": 0.05,
    "teaming": 0.05,
    "virtualport": 0.15,
    "vlan": 0.15,
    "backenddomain": 0.1,
    "test_state": 0.0,
    "kernel": 0.2,
    "loader": 0.15,
    "firmware": 0.1,
    "nvram": 0.1,
    "smbios": 0.2,
    "init": 0.05,
    "numa": 0.5,
    "portForward": 0.2,
    "slices": 0.1,
}

# (element, row): what is always there though the table doesn't ask for it.
NEEDED = {
    ("Os", "type"), ("OsType", "value"), ("DiskTarget", "dev"), ("MaxMemory", "slots"), ("IdMap", "uid"), ("IdMap", "gid"),
    ("InputSource", "dev"), ("InputSource", "evdev"), ("CharFile", "path"), ("CharTcp", "host"), ("CharTcp", "service"),
    ("CharUdp", "service"), ("CharTcp", "mode"), ("DeviceBoot", "order"), ("PortForwardRange", "start"),
    ("ChannelTarget", "port"), ("BlkioDevice", "path"),
}

# (element, row): words that are taken more easily than others.
WORDS = {
    ("DomainConfig", "type"): ("test",),
    ("OsType", "value"): ("hvm",),
    ("OsType", "arch"): ("x86_64", "i686"),
    ("Address", "type"): ("pci",),
    ("ChannelTarget", "type"): ("virtio",),
    ("Redirdev", "type"): ("spicevmc", "tcp"),
    ("Rng", "model"): ("virtio",),
}

ANY_NUMBER = (0, 1, 2, 3, 4, 7, 8, 16, 31, 64, 128, 1000, 4096)
NUMBERS = {
    ("Memory", "value"): (65536, 1048576),
    "slot": (1, 2, 3, 4, 5, 9, 30),
    "bus": (0, 0, 0, 1),
    "domain": (0, 0, 0, 1),
    "function": (0, 0, 1, 7),
    "controller": (0, 0, 1, 2),
    "unit": (0, 1, 2, 3, 5),
    "order": (1, 2, 3, 4, 5, 6, 7),
    "vcpu": (0, 1),
    "id": (0, 1, 2, 3),
    "port": (0, 1, 2, 1234, 5900, 8080),
    "iothread": (1, 2),
    "prefix": (0, 8, 24, 32),
    "size": (1024, 2048, 4096, 65536),
    "node": (0,),
    "level": (1, 2, 3),
    "heads": (1, 2, 4),
    "ram": (1024, 65536),
    "vram": (1024, 16384),
    "index": (0, 1, 2, 3),
    ("AudioUse", "id"): (1,),
    "slots": (4, 16),
    "aw_bits": (39, 48),
    "retries": (4096, 8191),
    "queues": (1, 2, 4),
    "queue_size": (128, 256),
    "rx_queue_size": (256, 512),
    "tx_queue_size": (256, 512),
    "memory": (4096, 65536, 1048576),
    "currentMemory": (4096,),
    "maxMemory": (16777216,),
    "sockets": (1,),
    "dies": (1,),
    "cores": (1, 2),
    "threads": (1, 2),
    "period": (1000, 5000, 100000, 1000000),
    "quota": (1000, 20000),
    "weight": (100, 500, 1000),
}

PATHS = ("/", "/dev/null", "/some/path", "/some//path/", "/a b", "relative")
NAMES = ("one", "two", "a-name", "a_name", "name.0", "a b", "ünï")

# (element, row) or row: what may stand there.
TEXTS = {
    ("SourceHost", "name"): ("example.org", "192.0.2.7", "2001:db8::7"),
    ("StorageSource", "name"): ("pool/image", "image", "iqn.2020-01.org.example:t/1"),
    ("HostdevAdapter", "name"): ("scsi_host0", "scsi_host3"),
    ("FilterParameter", "name"): ("IP", "MAC", "CTRL_IP"),
    ("FilterParameter", "value"): ("192.0.2.7", "any", "1"),
    ("CpuFeature", "name"): ("apic", "lahf_lm", "xtpr", "vmx"),
    ("InterfaceModel", "type"): ("virtio", "virtio", "e1000", "rtl8139", "virtio-transitional"),
    ("AuthSecret", "type"): ("ceph", "iscsi"),
    ("IpAddress", "address"): ("192.0.2.7", "2001:db8::7", "10.0.0.1"),
    ("IpAddress", "peer"): ("192.0.2.8",),
    ("IpRoute", "address"): ("198.51.100.0", "10.0.0.0", "0.0.0.0"),
    ("IpRoute", "netmask"): ("255.255.255.0", "255.0.0.0"),
    ("IpRoute", "gateway"): ("192.0.2.1",),
    ("ChannelTarget", "address"): ("10.0.2.1",),
    ("ChannelTarget", "name"): ("org.qemu.guest_agent.0", "com.redhat.spice.0", "other"),
    ("RngBackend", "value"): ("/dev/random", "/dev/urandom"),
    ("UsbAddress", "port"): ("1", "2", "1.2", "3.1.4"),
    ("NfsIdentity", "user"): ("root", "+0", "1000"),
    ("NfsIdentity", "group"): ("root", "+0", "100"),
    ("SmartcardCertificate", "value"): ("one", "two", "three"),
    ("CpuModel", "value"): ("qemu64", "core2duo", "Haswell"),
    ("RedirFilterDevice", "vendor"): ("0x1234", "0xbeef"),
    ("RedirFilterDevice", "product"): ("0x1234", "0xbeef"),
    ("OsType", "machine"): ("pc", "q35", "pc-q35-7.2"),
    ("Vlan", "trunk"): ("yes",),
    ("HypervVendor", "value"): ("KVM Hv",),
    ("ShmemSize", "unit"): ("M",),
    ("EncryptionCipher", "name"): ("aes",),
    ("Shmem", "name"): ("shared", "memory-0"),
    ("Os", "kernel"): ("/boot/vmlinuz",),
    ("VcpuPin", "cpuset"): ("0", "0-3"),
    "class": ("0x08", "0xff"),
    "version": ("2.00", "1.10"),
    "vendor": ("Intel", "AMD"),
    "product": ("PRODUCT", "ST31000"),
    "vendor_id": ("GenuineIntel", "AuthenticAMD"),
    "wwn": ("5000c50015ea71ad",),
    "wwpn": ("naa.5123456789abcde0",),
    "serial": ("WD-1234", "serial 1"),
    "service": ("4000", "http"),
    "host": ("127.0.0.1", "example.org"),
    "loadparm": ("2", "LINUX"),
    "passwdValidTo": ("2040-04-09T15:51:00",),
    "connectPorts": ("in,[0-9]+",),
    "timezone": ("Europe/Berlin",),
    "cpuset": ("0", "0-3"),
    "vcpus": ("0", "0-1"),
    "hash": ("sha256",),
    "mode": ("cbc", "xts"),
    "unit": ("KiB", "MiB"),
    "size": ("3072",),
    "partition": ("/machine", "/machine/a"),
    "profileid": ("profile",),
    "trunk": ("yes",),
    "model": ("selinux", "dac", "apparmor"),
}
IS_PATH = {
    "path", "file", "socket", "dev", "dir", "kernel", "initrd", "dtb", "emulator", "bootloader", "init", "initdir", "block",
    "char", "evdev", "rendernode", "tap", "vhost", "logFile", "database", "xauth", "template", "master", "slave",
}


def disk_name(values, count):
    prefix = {"ide": "hd", "fdc": "fd", "virtio": "vd", "xen": "xvd", "uml": "ubd"}.get(values.get("bus"), "sd")
    return prefix + "abcdefghijklmnop"[count % (4 if prefix == "hd" else 2 if prefix == "fd" else 16)]


def text(rng, element, row, values, count):
    """A text for a row of an element; `values` are those that it has already, `count` makes it its own."""
    if element == "DiskTarget":
        return disk_name(values, count)
    if element == "DeviceAlias":
        return f"ua-{count}"
    if element == "DomainConfig" and row == "name":
        return "random"
    found = TEXTS.get((element, row)) or TEXTS.get(row)
    if found:
        return rng.choice(found)
    return rng.choice(PATHS if row in IS_PATH else NAMES)


def settle(root):
    """What most documents would be refused for, and so would show nothing else."""
    orders = 0
    for node in root.all():
        # A boot order is there once.
        if node.name == "boot" and any(name == "order" for name, _ in node.attributes):
            orders += 1
            node.attributes = [(name, str(orders) if name == "order" else value) for name, value in node.attributes]
        if node.name == "seclabel":
            only_one_of_each(node)
    if any(value == "usb" for node in root.all() for name, value in node.attributes if name in ("bus", "type")):
        settle_usb(root)
    if orders:
        for os in (child for child in root.children if child.name == "os"):
            os.children = [child for child in os.children if child.name != "boot"]
    for child in root.children:
        if child.name == "os":
            settle_os(root, child)


def settle_usb(root):
    for devices in (child for child in root.children if child.name == "devices"):
        if not any(child.name == "controller" for child in devices.children):
            controller = type(root)("controller")
            controller.attributes.append(("type", "usb"))
            devices.children.append(controller)


def only_one_of_each(node):
    seen = set()
    node.children = [child for child in node.children if not (child.name in seen or seen.add(child.name))]


def settle_os(root, os):
    types = [child for child in os.children if child.name == "type"]
    for node in types[:1]:
        node.text = "hvm"
        node.attributes = [(name, "x86_64" if name == "arch" else value) for name, value in node.attributes]
    if not types:
        root.children.remove(os)
