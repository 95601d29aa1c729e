# shellcheck shell=bash
# shellcheck disable=SC2034
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the scripts of the lab share: where things lie, which packages it is made of, and how they say what is wrong.
# Sourced, never run.
#
# Exit status 77 means "this machine can't": no root, no package source, no mounts. Anything else but 0 is a fault.

set -euo pipefail

lab_scripts=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
lab_source=$(cd -- "$lab_scripts/../.." && pwd)

say() { printf 'xenlab: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
cannot() { say "not on this machine: $*"; exit 77; }

# What lasts: the dom0's tree, its disk image, the kernels, droverd built for it.
XENLAB_DIR=${XENLAB_DIR:-$lab_source/build-check/xenlab}
mkdir -p "$XENLAB_DIR" || cannot "$XENLAB_DIR can't be made"
XENLAB_DIR=$(cd -- "$XENLAB_DIR" && pwd)
# One running lab. Labs with folders of their own can run side by side on one image.
XENLAB_RUN=${XENLAB_RUN:-$XENLAB_DIR/run}

lab_suite=bookworm
lab_xen=4.17
lab_path=/usr/lib/xen-$lab_xen/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

lab_root=$XENLAB_DIR/root           # what the disk image is made of
lab_workshop=$XENLAB_DIR/workshop   # the same with a tool chain: in-root works here
lab_debs=$XENLAB_DIR/debs           # packages as they came, so that a second image is made without fetching
lab_boot=$XENLAB_DIR/boot           # hypervisor, kernels, initramfs, the guest's modules
lab_image=$XENLAB_DIR/dom0.img
lab_key=$XENLAB_DIR/key
lab_build=$XENLAB_DIR/build         # droverd, compiled in the workshop; /build in workshop and dom0

# In the dom0: what brings it up and the commands go through; Xen; the peers; what droverd is linked with.
lab_packages=(
    busybox-static kmod iproute2 procps strace dropbear-bin python3
    "xen-utils-$lab_xen" xen-utils-common xenstore-utils qemu-system-xen seabios
    libvirt-daemon libvirt-daemon-driver-xen libvirt-clients python3-libvirt
    libglib2.0-0 libxml2 zlib1g libxxhash0 libsystemd0 libgnutls30 libsasl2-2 libmicrohttpd12 "libxenmisc$lab_xen"
)
# In the workshop beside them: what ./check asks for to build droverd, and Xen's headers.
lab_tools=(
    gcc libc6-dev meson ninja-build pkg-config gettext
    libglib2.0-dev libxml2-dev zlib1g-dev libxxhash-dev libvirt-dev libsystemd-dev libmicrohttpd-dev libgnutls28-dev libsasl2-dev libxen-dev
)

need_root() { [[ $(id -u) == 0 ]] || cannot "it needs root"; }

need_commands() {
    local command missing=()
    for command; do
        command -v "$command" >/dev/null || missing+=("$command")
    done
    ((${#missing[@]} == 0)) || cannot "these commands are missing: ${missing[*]}"
}

# Prefix of a command that has mounts and processes of its own: all of them are gone with it, however it ends.
lab_alone=(unshare --mount --propagation private --pid --fork --kill-child)

# Whether mounts of our own can be made, which nobody else sees and which end with the process.
need_mounts() {
    # shellcheck disable=SC2016
    "${lab_alone[@]}" sh -c 'mount -t tmpfs none "$1" && mkdir "$1/proc" "$1/dev" && mount -t proc proc "$1/proc" &&
        mount --rbind /dev "$1/dev"' sh "$XENLAB_DIR" 2>/dev/null ||
        cannot "no file system can be mounted (a container without CAP_SYS_ADMIN?)"
}

# need_free MIB: room below $XENLAB_DIR
need_free() {
    local free
    free=$(df --output=avail -BM "$XENLAB_DIR" | tail -n 1 | tr -dc 0-9)
    ((free >= $1)) || cannot "$XENLAB_DIR has $free MiB of room, and $1 MiB are needed"
}

# need_memory MIB: as far as the machine has it, and as far as the group that we run in may have it
need_memory() {
    local free limit used group
    free=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
    group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
    while [[ $group == /sys/fs/cgroup* ]]; do
        limit=$(cat "$group/memory.max" 2>/dev/null || true)
        used=$(awk '$1 == "anon" { print $2 }' "$group/memory.stat" 2>/dev/null || true)
        if [[ $limit =~ ^[0-9]+$ ]] && (((limit - ${used:-0}) / 1048576 < free)); then
            free=$(((limit - ${used:-0}) / 1048576))
        fi
        group=${group%/*}
    done
    ((free >= $1)) || cannot "$free MiB of memory are free, and $1 MiB are needed"
}

# within SECONDS LOG COMMAND…: a step that takes longer is ended with all that it has started. What hangs is the machine's: a
# source of packages that does not answer, a disk that is stuck.
within() {
    local seconds=$1 log=$2 status=0 said
    shift 2
    timeout --kill-after=5 "$seconds" "$@" >>"$log" 2>&1 || status=$?
    said=$*
    if ((status == 124 || status == 137)); then cannot "it has taken longer than $seconds s: …${said: -90}"; fi
    return "$status"
}

# The process of the running QEMU; fails when there is none.
lab_process() {
    local pid
    pid=$(cat "$XENLAB_RUN/qemu.pid" 2>/dev/null) || return 1
    [[ -n $pid && $(cat "/proc/$pid/comm" 2>/dev/null) == qemu-system* ]] || return 1
    echo "$pid"
}

need_image() { [[ -e $XENLAB_DIR/image.made ]] || fail "there is no image yet: build-image makes it"; }

# A hash of words: what is made from them is made again when it changes.
words_hash() { printf '%s\n' "$@" | sha256sum | cut -d' ' -f1; }

# The file systems that programs expect, below a tree; only within a mount namespace of our own.
mount_system() {
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmp "$1/tmp"
}

# A command in a tree, with a clean environment.
lab_clean=(
    env -i HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH="$lab_path"
)
in_tree() {
    local tree=$1
    shift
    chroot "$tree" "${lab_clean[@]}" "$@"
}

# One at a time makes or uses the trees; whoever comes later waits, and looks again. Descriptor 9 keeps it.
take_turn() {
    exec 9>"$XENLAB_DIR/lock"
    flock -w 1800 9 || cannot "$XENLAB_DIR has been in use for half an hour"
}

# packages_failed WHAT: a package that isn't there is a fault of our lists; all else is the machine's, or its source's.
packages_failed() {
    tail -n 20 "$XENLAB_DIR/packages.log" >&2
    if grep -qE '^E: (Unable to locate package|Package .* has no installation candidate)' "$XENLAB_DIR/packages.log"; then
        fail "$1; all of it is in $XENLAB_DIR/packages.log"
    fi
    cannot "$1: $(grep -E '^(E|W|err):? ' "$XENLAB_DIR/packages.log" | tail -n 1 || true)"
}

# apt-get in a tree; packages stay in $lab_debs.
apt_in() {
    local tree=$1
    shift
    mount --bind "$lab_debs" "$tree/var/cache/apt/archives"
    within 900 "$XENLAB_DIR/packages.log" chroot "$tree" "${lab_clean[@]}" apt-get -q -y --no-install-recommends \
        -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@" ||
        packages_failed "apt-get $1 failed"
    umount "$tree/var/cache/apt/archives"
}
