# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates for tests, made with GnuTLS's certtool: authorities, servers, clients, lists of revoked ones.

virsh 9 accepts no key but RSA, on either side; the authority's is ECDSA, which takes no time to make."""

import os
import subprocess

SERVER = ["tls_www_server", "signing_key", "encryption_key"]
CLIENT = ["tls_www_client", "signing_key", "encryption_key"]


def certtool(*args):
    done = subprocess.run(["certtool"] + list(args), capture_output=True, text=True)
    assert done.returncode == 0, f"certtool {' '.join(args)}:\n{done.stderr}"


class Authority:
    """One that signs, with all that it has signed in a directory."""

    def __init__(self, directory, name="drover tests", kind="ecdsa"):
        self.directory, self.serial = directory, 0
        os.makedirs(directory, exist_ok=True)
        self.key = self.make_key("ca", kind)
        self.cert = self.path("ca.pem")
        template = self.template("ca", [f'cn = "{name}"', "ca", "cert_signing_key", "crl_signing_key"])
        certtool("--generate-self-signed", "--load-privkey", self.key, "--template", template, "--outfile", self.cert)

    def path(self, name):
        return os.path.join(self.directory, name)

    def make_key(self, name, kind="ecdsa"):
        """kind: ecdsa, rsa or, with another length than 2,048 bits, rsa3072."""
        path = self.path(name + ".key")
        how = ["ecdsa", "--curve", "secp256r1"] if kind == "ecdsa" else ["rsa", "--bits", kind[3:] or "2048"]
        certtool("--generate-privkey", "--key-type", *how, "--outfile", path)
        return path

    def template(self, name, lines):
        self.serial += 1
        dates = [] if any(line.startswith("expiration") for line in lines) else ["expiration_days = 365"]
        path = self.path(name + ".tmpl")
        with open(path, "w") as f:
            f.write("\n".join(lines + dates + [f"serial = {self.serial}"]) + "\n")
        return path

    def issue(self, name, lines, kind="ecdsa"):
        """A key and a certificate as (key, certificate)."""
        key, cert = self.make_key(name, kind), self.path(name + ".pem")
        certtool(
            "--generate-certificate",
            "--load-privkey", key,
            "--load-ca-certificate", self.cert,
            "--load-ca-privkey", self.key,
            "--template", self.template(name, lines),
            "--outfile", cert,
        )  # fmt: skip
        return key, cert

    def server(self, name="server", extra=(), kind="rsa", cn="localhost"):
        names = [f'cn = "{cn}"', 'dns_name = "localhost"', 'ip_address = "127.0.0.1"', 'ip_address = "::1"']
        if cn != "localhost":
            names = [f'cn = "{cn}"', f'dns_name = "{cn}"']
        return self.issue(name, names + SERVER + list(extra), kind)

    def client(self, name="client", extra=(), kind="rsa"):
        """A directory as a client's `pkipath` has it."""
        key, cert = self.issue(name, ['organization = "Tests"', f'cn = "{name}"'] + CLIENT + list(extra), kind)
        return self.pkipath(name, key, cert)

    def pkipath(self, name, key=None, cert=None, ca=None):
        directory = self.path(name + ".d")
        os.makedirs(directory, exist_ok=True)
        links = {"cacert.pem": ca or self.cert, "clientkey.pem": key, "clientcert.pem": cert}
        for link, target in links.items():
            if target:
                os.symlink(target, os.path.join(directory, link))
        return directory

    def revoke(self, *certs, lines=("crl_next_update = 30", "crl_number = 1")):
        """A list of revoked certificates. `lines`: of its template."""
        path, bundle = self.path("crl.pem"), self.path("crl-of.pem")
        with open(bundle, "w") as f:
            for cert in certs:
                with open(cert) as c:
                    f.write(c.read())
        template = self.template("crl", list(lines))
        certtool(
            "--generate-crl",
            "--load-ca-privkey", self.key,
            "--load-ca-certificate", self.cert,
            *(["--load-certificate", bundle] if certs else []),
            "--template", template,
            "--outfile", path,
        )  # fmt: skip
        return path
