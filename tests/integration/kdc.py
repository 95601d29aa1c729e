# SPDX-License-Identifier: LGPL-2.1-or-later
"""A realm of Kerberos for tests: its own key distribution centre, everything in one directory, no state of the system."""

import os
import socket
import subprocess

from harness import wait_until

REALM = "DROVER.TEST"

CLIENT = """[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    ignore_acceptor_hostname = true
    udp_preference_limit = 1
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
    }}
[domain_realm]
    localhost = {realm}
"""

KDC = """[kdcdefaults]
    kdc_ports = ""
    kdc_listen = ""
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {directory}/principal
        key_stash_file = {directory}/stash
        acl_file = {directory}/acl
        supported_enctypes = aes256-cts:normal
    }}
[logging]
    kdc = FILE:{directory}/kdc.log
"""


class Realm:
    def __init__(self, directory):
        self.directory, self.process = directory, None
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.keytab = os.path.join(directory, "keytab")
        self.config = os.path.join(directory, "krb5.conf")
        words = {"realm": REALM, "port": port, "directory": directory}
        with open(self.config, "w") as f:
            f.write(CLIENT.format(**words))
        with open(os.path.join(directory, "kdc.conf"), "w") as f:
            f.write(KDC.format(**words))
        self.port = port
        self.env = dict(
            os.environ,
            KRB5_CONFIG=self.config,
            KRB5_KDC_PROFILE=os.path.join(directory, "kdc.conf"),
            KRB5RCACHEDIR=directory,
        )

    def run(self, *argv, input=None, **env):
        subprocess.run(
            argv, input=input, text=True, check=True, capture_output=True, env={**self.env, **env}, timeout=60
        )

    def start(self):
        self.run("/usr/sbin/kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        self.process = subprocess.Popen(["/usr/sbin/krb5kdc", "-n", "-r", REALM], env=self.env)
        wait_until(self.answers, "the key distribution centre listens")
        return self

    def answers(self):
        assert self.process.poll() is None, "the key distribution centre has ended"
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def admin(self, *words):
        self.run("/usr/sbin/kadmin.local", "-r", REALM, *words)

    def add_user(self, name, password):
        self.admin("add_principal", "-pw", password, name)

    def add_service(self, name, keytab=None):
        self.admin("add_principal", "-randkey", name)
        self.admin("ktadd", "-k", keytab or self.keytab, name)

    def login(self, name, password):
        """A cache with that user's ticket."""
        cache = os.path.join(self.directory, f"cache-{name}")
        self.run("/usr/bin/kinit", name, input=password + "\n", KRB5CCNAME=f"FILE:{cache}")
        return f"FILE:{cache}"

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
