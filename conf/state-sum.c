/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See state-sum.h. A long piece is cut into as many parts as threads may share it; each part is read and summed by one, the
 * last by the caller's own. The threads end before the call does and have nothing in common but the descriptor. */
#include "conf/state-sum.h"

#include <errno.h>
#include <unistd.h>

#include <glib.h>
#include <zlib.h>

enum {
    READ_SIZE = 256 << 10,     /* small enough for a processor's cache */
    PART_MIN = 16 << 20,       /* less isn't worth a thread */
    PARTS_MAX = 4,
};

typedef struct Part {
    int fd;
    uint64_t offset, size;
    uLong crc;                 /* result */
    int error;                 /* errno, or 0 */
} Part;

static void *sum_part(void *data)
{
    Part *part = data;
    g_autofree Bytef *some = g_malloc(READ_SIZE);
    uint64_t at = part->offset, left = part->size;

    while (left > 0 && !part->error) {
        ssize_t n = pread(part->fd, some, (size_t)MIN(left, READ_SIZE), (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            part->error = n < 0 ? errno : EIO;
            break;
        }
        part->crc = crc32_z(part->crc, some, (z_size_t)n);
        at += (uint64_t)n;
        left -= (uint64_t)n;
    }
    return NULL;
}

static unsigned count_parts(uint64_t size)
{
    return (unsigned)CLAMP(size / PART_MIN, 1, MIN(PARTS_MAX, (uint64_t)g_get_num_processors()));
}

int state_sum_add(StateSum *sum, int fd, uint64_t offset, uint64_t size)
{
    unsigned n = count_parts(size);
    Part parts[PARTS_MAX];
    GThread *threads[PARTS_MAX] = { NULL };
    uint64_t each = size / n;
    uLong crc = sum->crc;
    int error = 0;

    for (unsigned i = 0; i < n; i++) {
        parts[i] = (Part){ .fd = fd, .offset = offset + i * each, .size = i < n - 1 ? each : size - i * each };
        threads[i] = i < n - 1 ? g_thread_try_new("state-sum", sum_part, &parts[i], NULL) : NULL;
        if (!threads[i])
            sum_part(&parts[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        if (threads[i])
            g_thread_join(threads[i]);
        error = error ? error : parts[i].error;
        crc = crc32_combine(crc, parts[i].crc, (z_off_t)parts[i].size);
    }
    if (error) {
        errno = error;
        return -1;
    }
    sum->crc = (uint32_t)crc;
    sum->size += size;
    return 0;
}
