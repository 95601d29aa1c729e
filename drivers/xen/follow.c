/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See follow.h. Its fields are the thread's until it has ended; only `stop` is used by both sides, an eventfd. No lock. */
#include "drivers/xen/follow.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include <glib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

enum {
    LOOK_MS = 20,
    STEP = 16 * STATE_SUM_PIECE,    /* bytes between two looks whether it shall end */
};

struct XenFollower {
    int fd;                   /* borrowed */
    int stop;                 /* owned: readable when it shall end */
    uint64_t offset;          /* where the state begins */
    StateSum sum;
    GThread *thread;          /* the caller's */
};

/* How much there is to do, at most a step. Pieces that aren't whole may still grow. */
static uint64_t ahead(const XenFollower *follower)
{
    uint64_t at = follower->offset + follower->sum.size;
    struct stat found;

    if (fstat(follower->fd, &found) < 0 || (uint64_t)found.st_size <= at)
        return 0;
    return MIN(((uint64_t)found.st_size - at) / STATE_SUM_PIECE * STATE_SUM_PIECE, STEP);
}

static bool shall_end(const XenFollower *follower, int timeout)
{
    struct pollfd wait = { .fd = follower->stop, .events = POLLIN };

    return poll(&wait, 1, timeout) > 0;
}

static void *run(void *data)
{
    XenFollower *follower = data;
    uint64_t size = 0;

    while (!shall_end(follower, size ? 0 : LOOK_MS)) {
        size = ahead(follower);
        if (!size)
            continue;
        sync_file_range(follower->fd, (off_t)(follower->offset + follower->sum.size), (off_t)size, SYNC_FILE_RANGE_WRITE);
        if (state_sum_add(&follower->sum, follower->fd, follower->offset + follower->sum.size, size) < 0) {
            follower->sum = (StateSum){ 0 };    /* whoever sums it at the end sees why */
            break;
        }
    }
    return NULL;
}

XenFollower *xen_follow(int fd, uint64_t offset)
{
    XenFollower *follower = g_new0(XenFollower, 1);

    *follower = (XenFollower){ .fd = fd, .offset = offset, .stop = eventfd(0, EFD_CLOEXEC) };
    if (follower->stop >= 0)
        follower->thread = g_thread_try_new("xen-follow", run, follower, NULL);
    if (follower->thread)
        return follower;
    if (follower->stop >= 0)
        close(follower->stop);
    g_free(follower);
    return NULL;
}

void xen_follow_end(XenFollower *follower, StateSum *sum)
{
    *sum = (StateSum){ 0 };
    if (!follower)
        return;
    while (eventfd_write(follower->stop, 1) < 0)
        continue;
    g_thread_join(follower->thread);
    *sum = follower->sum;
    close(follower->stop);
    g_free(follower);
}
