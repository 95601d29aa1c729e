# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/remote.md, command by command, in its order: in a mount namespace of its own, where /etc is a layer over the host's
and /run and the home directory are empty. systemctl is a double that starts and reloads droverd; everything else is real."""

import os
import re
import subprocess

import pytest

import harness

pytestmark = pytest.mark.drover("the page is drover's")

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "..", "docs", "remote.md")

SURROUNDINGS = r"""
set -eu
mount --make-rprivate /
mkdir -p "$BASE/upper" "$BASE/work" "$HOME"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$BASE/upper,workdir=$BASE/work" /etc || exit 77
mount -t tmpfs tmpfs /run || exit 77
mkdir -p /etc/drover /run/drover
echo '127.0.0.1 virt1.example.com' >> /etc/hosts
/usr/bin/python3 -c 'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh22x", b"lo", 1))'    # up
cat > /etc/drover/droverd.conf <<EOF
unix_sock_dir = "/run/drover"
log_outputs = "2:file:$BASE/log"
log_level = 2
EOF
stop() {
    [ -s /run/droverd.pid ] || return 0
    pid=$(cat /run/droverd.pid)
    kill "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
}
trap stop EXIT
systemctl() {
    case "$1 $2" in
    "restart droverd") stop; "$DROVERD" --pid-file /run/droverd.pid --daemon ;;
    "reload droverd")
        before=$(grep -c 'configuration was read again' "$BASE/log" || true)
        kill -HUP "$(cat /run/droverd.pid)"
        while [ "$(grep -c 'configuration was read again' "$BASE/log" || true)" = "$before" ]; do sleep 0.2; done ;;
    *) return 1 ;;
    esac
}
droverctl() { "$(dirname "$DROVERD")/droverctl" "$@"; }
set -x
"""


@pytest.mark.limit(300)
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_every_command_of_the_page_works(program, scratch):
    with open(PAGE) as f:
        blocks = re.findall(r"^```sh\n(.*?)^```$", f.read(), re.M | re.S)
    assert len(blocks) >= 12
    script = os.path.join(scratch, "script")
    with open(script, "w") as f:
        f.write(SURROUNDINGS + "\n".join(blocks))
    env = harness.client_environment(os.path.join(scratch, "home"))
    env.update(BASE=os.path.join(scratch, "base"), DROVERD=program)
    os.makedirs(env["BASE"])
    unshare = ["unshare", "--mount", "--net"]
    if subprocess.run(unshare + ["true"]).returncode != 0:
        pytest.skip("no namespaces here")
    seconds = 110 * harness.slowness(program)
    done = subprocess.run(
        unshare + ["bash", script], capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL, timeout=seconds
    )
    if done.returncode == 77:
        pytest.skip("no layers over directories here")
    log = os.path.join(env["BASE"], "log")
    told = open(log).read() if os.path.exists(log) else ""
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:] + told[-3000:]
    assert done.stdout.count(" 1    test   running") == 4    # each list but the last, which is refused
    assert "The certificate chain is revoked" in told
    assert "new certificates for TLS are taken" in told
    assert not harness.REPORTS.search(told)
