/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that survive a power cut.
 * Any thread that may wait for a disk, so never an I/O thread and never under a lock. No state of
 * its own. A name stays what it was until the new content is on the disk in full; a failure takes
 * away what was written aside, and is told with the name of the file. */
#include "base/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "base/lock.h"

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Writes, flushes and closes; -1 and errno. Some file systems report a full disk only at the close. */
static int write_flush_close(int fd, const void *data, size_t size)
{
    int rc = write_all(fd, data, size);
    int errnum;

    if (rc == 0)
        rc = fsync(fd);
    errnum = errno;
    if (close(fd) < 0 && rc == 0)
        return -1;
    errno = errnum;
    return rc;
}

int durable_write_aside(int dir_fd, const char *aside, const void *data, size_t size, Error *error)
{
    int fd;

    lock_assert_none();
    /* What a crash left behind goes first; O_EXCL then follows no link that someone put there. */
    if (unlinkat(dir_fd, aside, 0) < 0 && errno != ENOENT)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot remove the old file '%s'"), aside);
    fd = openat(dir_fd, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot create the file '%s'"), aside);
    if (write_flush_close(fd, data, size) < 0) {
        error_set_errno(error, VIR_FROM_NONE, errno, _("cannot write the file '%s'"), aside);
        unlinkat(dir_fd, aside, 0);
        return -1;
    }
    return 0;
}

int durable_flush_directory(int dir_fd, const char *path_for_messages, Error *error)
{
    lock_assert_none();
    if (fsync(dir_fd) < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot flush the directory '%s' to the disk"),
                               path_for_messages);
    return 0;
}

int durable_replace(int dir_fd, const char *name, const void *data, size_t size, Error *error)
{
    g_autofree char *aside = g_strconcat(".", name, ".new", NULL);

    if (durable_write_aside(dir_fd, aside, data, size, error) < 0)
        return -1;
    if (renameat(dir_fd, aside, dir_fd, name) < 0) {
        error_set_errno(error, VIR_FROM_NONE, errno, _("cannot replace the file '%s'"), name);
        unlinkat(dir_fd, aside, 0);
        return -1;
    }
    return durable_flush_directory(dir_fd, name, error);
}

/* Reads until the end or until `*data` holds more than `limit` bytes; their number, or -1 and errno.
 * `guess` is what the file should hold: it may have grown since. */
static ssize_t read_up_to(int fd, char **data, size_t guess, size_t limit)
{
    size_t got = 0, room = MIN(guess, limit) + 1;

    *data = g_malloc(room + 1);
    for (;;) {
        ssize_t n = read(fd, *data + got, room - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        got += (size_t)n;
        if (n == 0 || got > limit)
            break;
        if (got == room) {
            room = MIN(room * 2, limit + 1);
            *data = g_realloc(*data, room + 1);
        }
    }
    (*data)[got] = '\0';
    return (ssize_t)got;
}

/* A regular file, to be read. A descriptor and *guess, what it should hold; -1 and an error. */
static int open_regular(int dir_fd, const char *name, size_t *guess, Error *error)
{
    /* O_NONBLOCK: a FIFO of that name must not stop us before we know that it is one. */
    AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    int opened;

    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot open the file '%s'"), name);
    if (!S_ISREG(st.st_mode))
        return error_set_errno(error, VIR_FROM_NONE, S_ISDIR(st.st_mode) ? EISDIR : EINVAL,
                               _("'%s' is not a regular file"), name);
    *guess = (size_t)st.st_size;
    opened = fd;
    fd = -1;
    return opened;
}

/* What came of reading: 0, or -1 and an error. */
static int check_read(const char *name, ssize_t got, size_t limit, Error *error)
{
    if (got < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot read the file '%s'"), name);
    if ((size_t)got > limit)
        return error_set_errno(error, VIR_FROM_NONE, EFBIG, _("the file '%s' is larger than %zu bytes"), name, limit);
    return 0;
}

char *durable_read(int dir_fd, const char *name, size_t limit, size_t *size, Error *error)
{
    g_autofree char *data = NULL;
    size_t guess;
    ssize_t got;
    AUTO_FD fd = -1;

    lock_assert_none();
    fd = open_regular(dir_fd, name, &guess, error);
    if (fd < 0)
        return NULL;
    got = read_up_to(fd, &data, guess, limit);
    if (check_read(name, got, limit, error) < 0)
        return NULL;
    *size = (size_t)got;
    return g_steal_pointer(&data);
}

int durable_read_into(int dir_fd, const char *name, char *buffer, size_t limit, size_t *size, Error *error)
{
    size_t guess, got = 0;
    AUTO_FD fd = -1;
    ssize_t n;

    lock_assert_none();
    fd = open_regular(dir_fd, name, &guess, error);
    if (fd < 0)
        return -1;
    do {
        char beyond;

        n = got < limit ? read(fd, buffer + got, limit - got) : read(fd, &beyond, 1);
        got += n > 0 ? (size_t)n : 0;
    } while ((n < 0 && errno == EINTR) || (n > 0 && got <= limit));
    *size = got;
    return check_read(name, n < 0 ? n : (ssize_t)got, limit, error);
}
