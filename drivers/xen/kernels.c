/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See kernels.h. On whatever thread starts a guest. */
#include "drivers/xen/kernels.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"

enum { RETRY_SECONDS = 60 };

void kernels_init(Kernels *kernels, KernelUnpack unpack)
{
    *kernels = (Kernels){ .unpack = unpack, .settled = KERNEL_SETTLED_SECONDS * CLOCK_S };
    lock_init(&kernels->lock, LOCK_XEN_KERNELS);
    cond_init(&kernels->done);
    for (int i = 0; i < KERNEL_SLOTS; i++)
        kernels->slots[i].fd = -1;
}

void kernels_deinit(Kernels *kernels)
{
    for (int i = 0; i < KERNEL_SLOTS; i++)
        if (kernels->slots[i].fd >= 0)
            close(kernels->slots[i].fd);
    cond_deinit(&kernels->done);
    lock_deinit(&kernels->lock);
}

/* --- which file ------------------------------------------------------------------------------ */

/* Linux's bzImage, or anything in gzip's format: what libxenguest unpacks. */
static bool is_packed(int fd)
{
    unsigned char head[0x206];

    if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head)
        return false;
    return memcmp(head + 0x202, "HdrS", 4) == 0 || memcmp(head, "\037\213", 2) == 0;
}

static int64_t in_ns(const struct timespec *time)
{
    return time->tv_sec * CLOCK_S + time->tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size
        && in_ns(&a->st_mtim) == in_ns(&b->st_mtim) && in_ns(&a->st_ctim) == in_ns(&b->st_ctim);
}

/* Also a time that is yet to come tells nothing. */
static bool is_settled(const Kernels *kernels, const struct stat *file)
{
    return MAX(in_ns(&file->st_mtim), in_ns(&file->st_ctim)) + kernels->settled <= clock_real();
}

/* --- slots ----------------------------------------------------------------------------------- */

static KernelSlot *find_locked(Kernels *kernels, const struct stat *file)
{
    lock_assert_held(&kernels->lock);
    for (int i = 0; i < KERNEL_SLOTS; i++)
        if (same_file(&kernels->slots[i].file, file))
            return &kernels->slots[i];
    return NULL;
}

/* The one that nobody has wanted for the longest time; NULL: all are being filled. */
static KernelSlot *free_slot_locked(Kernels *kernels)
{
    KernelSlot *oldest = NULL;

    lock_assert_held(&kernels->lock);
    for (int i = 0; i < KERNEL_SLOTS; i++)
        if (!kernels->slots[i].busy && (!oldest || kernels->slots[i].used < oldest->used))
            oldest = &kernels->slots[i];
    return oldest;
}

/* The slot is the caller's to fill. What it had is in *former then, to be closed. */
static void claim_locked(KernelSlot *slot, const struct stat *file, int *former)
{
    *former = slot->fd;
    slot->file = *file;
    slot->fd = -1;
    slot->busy = true;
    slot->failed = 0;
}

/* A descriptor; or -1, and a slot to be filled, or none. */
static int take(Kernels *kernels, const struct stat *file, KernelSlot **claimed, int *former)
{
    KernelSlot *slot;
    LOCK_SCOPE(&kernels->lock);

    *claimed = NULL;
    *former = -1;
    while ((slot = find_locked(kernels, file)) && slot->busy)
        cond_wait(&kernels->done, &kernels->lock);
    if (!slot || (slot->fd < 0 && clock_now() - slot->failed > RETRY_SECONDS * CLOCK_S)) {
        slot = slot ? slot : free_slot_locked(kernels);
        if (slot)
            claim_locked(slot, file, former);
        *claimed = slot;
    }
    if (slot)
        slot->used = ++kernels->turn;
    return slot && slot->fd >= 0 ? fcntl(slot->fd, F_DUPFD_CLOEXEC, 0) : -1;
}

/* `fd` is the slot's from now on. A descriptor of the caller's, or -1. */
static int put(Kernels *kernels, KernelSlot *slot, int fd)
{
    LOCK_SCOPE(&kernels->lock);
    slot->busy = false;
    slot->fd = fd;
    slot->failed = fd < 0 ? clock_now() : 0;
    cond_broadcast(&kernels->done);
    return fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
}

/* --- unpacking ------------------------------------------------------------------------------- */

/* -1 also when the file was changed meanwhile. */
static int unpack(Kernels *kernels, int packed, const struct stat *before)
{
    int fd = open(KERNELS_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    struct stat after;

    if (fd < 0)
        return -1;
    if (kernels->unpack(packed, fd) == 0 && fstat(packed, &after) == 0 && same_file(before, &after))
        return fd;
    close(fd);
    return -1;
}

int kernels_open(Kernels *kernels, const char *path)
{
    AUTO_FD packed = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    KernelSlot *slot;
    struct stat file;
    int fd, former;

    lock_assert_none();
    if (packed < 0 || fstat(packed, &file) < 0 || !S_ISREG(file.st_mode) || !is_settled(kernels, &file)
        || !is_packed(packed))
        return -1;
    fd = take(kernels, &file, &slot, &former);
    if (former >= 0)
        close(former);
    if (!slot)
        return fd;
    return put(kernels, slot, unpack(kernels, packed, &file));
}
