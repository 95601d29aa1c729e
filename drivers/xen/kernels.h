/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels as they are when they are unpacked. libxl unpacks a guest's kernel for each start, which is half of what a start
 * takes; here that is done once, and libxl is given what came of it. For hypervisor-kernel.c.
 *
 * A kernel is the file with this inode, size and times; as soon as one of them differs it is another kernel. A file that
 * was changed just now is left to libxl: it might be changed again without any of them telling. What is unpacked lies in
 * files without a name in KERNELS_FOLDER, as many as there are slots, each of KERNEL_MAX at most; its memory is the
 * kernel's to take back, and nobody but root can reach it. */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "base/lock.h"

enum {
    KERNEL_SLOTS = 4,
    KERNEL_SETTLED_SECONDS = 3,    /* a file system's clock may be a second coarse, or two */
    KERNEL_MAX = 128 << 20,    /* bytes, unpacked */
};
#define KERNELS_FOLDER "/var/tmp"

/* Writes what `packed` unpacks to into `unpacked`, an empty file. 0 or -1. No lock is held. */
typedef int (*KernelUnpack)(int packed, int unpacked);

typedef struct KernelSlot {
    struct stat file;         /* which kernel; st_ino 0: none */
    int fd;                   /* owned; -1: it is being unpacked, or could not be */
    bool busy;                /* somebody is unpacking it */
    uint64_t used;            /* when, in turns */
    int64_t failed;           /* when it could not be unpacked, clock_now() */
} KernelSlot;

typedef struct Kernels {
    KernelUnpack unpack;      /* fixed */
    int64_t settled;          /* fixed: for how long a file must have been unchanged, in ns; a test has less patience */
    Lock lock;                /* LOCK_XEN_KERNELS: all that follows. Held for a look at the slots only */
    Cond done;                /* one is no longer busy */
    uint64_t turn;
    KernelSlot slots[KERNEL_SLOTS];
} Kernels;

void kernels_init(Kernels *kernels, KernelUnpack unpack);
void kernels_deinit(Kernels *kernels);    /* nobody may use it any more */
/* A descriptor of the kernel in that file, unpacked: the caller's, for reading. -1: the file itself has to do, since it isn't
 * packed, was changed just now, or can't be unpacked. Several that want the same kernel wait for the first. May wait for a
 * disk; no lock may be held. Any thread. */
int kernels_open(Kernels *kernels, const char *path);
