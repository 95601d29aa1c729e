/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See state-sum.h. Each thread takes the next piece that nobody has taken, so that one which gets less of its processor than
 * the others holds up nobody, and a disk is read from front to back. The threads end before the call does. */
#include "conf/state-sum.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include <glib.h>
#include <xxhash.h>
#include <zlib.h>

enum {
    SHARE_MIN = 8 << 20,       /* less isn't worth a thread */
    THREADS_MAX = 4,
};

typedef struct Work {
    int fd;
    uint64_t offset, size;     /* fixed */
    uint64_t first;            /* fixed: the number of the piece at `offset` */
    /* atomic */
    uint64_t next;             /* the piece that nobody has taken yet, from 0 on */
    uint64_t value;
    int error;                 /* errno of one of the threads, or 0 */
} Work;

/* Reads all of it, or -1 and errno. */
static int read_all(int fd, char *some, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t n = pread(fd, some, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return -1;
        some += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

static void *sum_pieces(void *data)
{
    Work *work = data;
    g_autofree char *some = g_malloc(STATE_SUM_PIECE);
    uint64_t n = work->size / STATE_SUM_PIECE + (work->size % STATE_SUM_PIECE > 0);
    uint64_t value = 0, i, at;
    size_t size;

    while (!__atomic_load_n(&work->error, __ATOMIC_RELAXED)
           && (i = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED)) < n) {
        at = i * STATE_SUM_PIECE;
        size = (size_t)MIN(work->size - at, STATE_SUM_PIECE);
        if (read_all(work->fd, some, size, work->offset + at) < 0)
            __atomic_store_n(&work->error, errno, __ATOMIC_RELAXED);
        else
            value += XXH64(some, size, work->first + i);
    }
    __atomic_add_fetch(&work->value, value, __ATOMIC_RELAXED);
    return NULL;
}

/* With the caller's own. */
static unsigned count_threads(uint64_t size)
{
    unsigned processors = size < 2 * SHARE_MIN ? 1 : g_get_num_processors();    /* asks the system each time */
    unsigned most = MIN(processors, THREADS_MAX);

    return (unsigned)CLAMP(size / SHARE_MIN, 1, most);
}

int state_sum_add(StateSum *sum, int fd, uint64_t offset, uint64_t size)
{
    Work work = { .fd = fd, .offset = offset, .size = size, .first = sum->size / STATE_SUM_PIECE };
    unsigned n = count_threads(size);
    GThread *threads[THREADS_MAX] = { NULL };

    if (size > 0 && sum->size % STATE_SUM_PIECE > 0) {
        errno = EINVAL;
        return -1;
    }
    for (unsigned i = 1; i < n; i++)
        threads[i] = g_thread_try_new("state-sum", sum_pieces, &work, NULL);
    sum_pieces(&work);
    for (unsigned i = 1; i < n; i++)
        if (threads[i])
            g_thread_join(threads[i]);
    if (work.error) {
        errno = work.error;
        return -1;
    }
    sum->value += work.value;
    sum->size += size;
    return 0;
}

int state_sum_crc(int fd, uint64_t offset, uint64_t size, uint32_t *crc)
{
    g_autofree char *some = g_malloc(STATE_SUM_PIECE);
    uLong value = 0;

    for (uint64_t at = 0; at < size; at += STATE_SUM_PIECE) {
        size_t n = (size_t)MIN(size - at, STATE_SUM_PIECE);

        if (read_all(fd, some, n, offset + at) < 0)
            return -1;
        value = crc32_z(value, (const Bytef *)some, (z_size_t)n);
    }
    *crc = (uint32_t)value;
    return 0;
}
