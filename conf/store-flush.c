/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One flush of a directory for many changes that are not journaled, and the files that take the documents of all changes.
 * Any thread that may wait for a disk. One of the waiting threads leads: it flushes for all whose changes were made
 * before it began, the others wait for it, and of those that came meanwhile one leads the next.
 * Takes LOCK_STORE, and never holds it while the disk works. */
#include "conf/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/waiting.h"
#include "base/i18n.h"

/* --- flushes -------------------------------------------------------------------------------- */

void store_count_flush(Store *store, unsigned changes, int64_t since, int errnum)
{
    StoreCounts *counts = &store->counts;

    __atomic_add_fetch(&counts->flushes, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&counts->flush_ns, (uint64_t)(clock_now() - since), __ATOMIC_RELAXED);
    if (errnum)
        __atomic_add_fetch(&counts->failures, 1, __ATOMIC_RELAXED);
    else
        __atomic_add_fetch(&counts->changes, changes, __ATOMIC_RELAXED);
}

void store_counts(const Store *store, StoreCounts *to)
{
    const StoreCounts *from = &store->counts;

    *to = (StoreCounts){
        .changes = __atomic_load_n(&from->changes, __ATOMIC_RELAXED),
        .flushes = __atomic_load_n(&from->flushes, __ATOMIC_RELAXED),
        .flush_ns = __atomic_load_n(&from->flush_ns, __ATOMIC_RELAXED),
        .checkpoints = __atomic_load_n(&from->checkpoints, __ATOMIC_RELAXED),
        .failures = __atomic_load_n(&from->failures, __ATOMIC_RELAXED),
    };
}

static void flush_for_all_locked(Store *store, StoreFolder *folder)
{
    StoreWait *batch = folder->waiting;
    int64_t since = clock_now();
    unsigned n = 0;
    int errnum;

    lock_assert_held(&store->lock);
    folder->waiting = NULL;
    folder->flushing = true;
    lock_release(&store->lock);
    do
        errnum = fsync(folder->fd) < 0 ? errno : 0;
    while (errnum == EINTR);
    lock_acquire(&store->lock);
    folder->flushing = false;
    for (const StoreWait *wait = batch; wait; wait = wait->next)
        n++;
    store_count_flush(store, n, since, errnum);
    /* A waiter is on the stack of its thread, which can't go on before we release the lock. Only those are woken that
     * have something to do: this batch, and one of the next to lead it. */
    for (; batch; batch = batch->next) {
        batch->errnum = errnum;
        batch->done = true;
        cond_signal(&batch->wake);
    }
    if (folder->waiting)
        cond_signal(&folder->waiting->wake);
}

int store_flush(Store *store, StoreFolder *folder, Error *error)
{
    StoreWait wait = { 0 };

    waiting_begin();
    cond_init(&wait.wake);
    lock_acquire(&store->lock);
    wait.next = folder->waiting;
    folder->waiting = &wait;
    while (!wait.done)
        if (folder->flushing)
            cond_wait(&wait.wake, &store->lock);
        else
            flush_for_all_locked(store, folder);
    lock_release(&store->lock);
    waiting_end();
    cond_deinit(&wait.wake);
    if (wait.errnum != 0)
        return error_set_errno(error, VIR_FROM_NONE, wait.errnum,
                               _("The directory '%s' cannot be flushed, the change may or may not survive a power cut"),
                               folder->path);
    return 0;
}

/* --- spares --------------------------------------------------------------------------------- */

/* Writing over a former document instead of making a new file saves the file system from finding and freeing
 * inodes and blocks: with 20 threads that is about half of the work, and on ext4 without a journal it becomes nearly all
 * of it after some ten thousand changes, because inodes freed in the last minute are passed over one by one. */

static void name_spare(Spare *spare, uint64_t number)
{
    spare->number = number;
    spare->fd = -1;
    snprintf(spare->name, sizeof spare->name, STORE_SPARE "%" PRIu64, number);
}

/* True when no one else can see what is written to the file: it has one name, our owner and mode, and nobody has it
 * open (a reader of the former document must not see it change). The last is what a lease asks. */
static bool is_ours_alone(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 07777) != 0600 || st.st_nlink != 1
        || st.st_uid != geteuid())
        return false;
    return fcntl(fd, F_SETLEASE, F_WRLCK) == 0 && fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

static uint64_t fresh_number(Store *store)
{
    LOCK_SCOPE(&store->lock);

    return store->next_spare++;
}

/* False when there is no idle one. */
static bool take_idle(Store *store, Spare *spare)
{
    LOCK_SCOPE(&store->lock);

    if (store->idle->len == 0)
        return false;
    name_spare(spare, g_array_index(store->idle, uint64_t, store->idle->len - 1));
    g_array_set_size(store->idle, store->idle->len - 1);
    return true;
}

int store_spare_take(Store *store, Spare *spare)
{
    int dir = store->documents.fd;

    if (take_idle(store, spare)) {
        spare->fd = openat(dir, spare->name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (spare->fd >= 0 && is_ours_alone(spare->fd))
            return 0;
        store_spare_drop(store, spare);
    }
    name_spare(spare, fresh_number(store));
    spare->fd = openat(dir, spare->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return spare->fd < 0 ? -1 : 0;
}

bool store_spare_name(Store *store, Spare *spare)
{
    LOCK_SCOPE(&store->lock);

    if (store->idle->len + store->cooling->len >= STORE_SPARES)
        return false;
    name_spare(spare, store->next_spare++);
    return true;
}

static int write_all(int fd, struct iovec *part, int n)
{
    while (n > 0) {
        ssize_t wrote = writev(fd, part, n);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -1;
        for (; n > 0 && (size_t)wrote >= part->iov_len; part++, n--)
            wrote -= (ssize_t)part->iov_len;
        if (n > 0) {
            part->iov_base = (char *)part->iov_base + wrote;
            part->iov_len -= (size_t)wrote;
        }
    }
    return 0;
}

int store_spare_write(Spare *spare, const char *head, const void *data, size_t size, bool flush)
{
    struct iovec parts[] = { { (void *)head, strlen(head) }, { (void *)data, size } };
    off_t total = (off_t)(strlen(head) + size);
    int rc = write_all(spare->fd, parts, G_N_ELEMENTS(parts));
    int errnum;

    /* fdatasync brings the size along, and all that is needed to find the data. */
    if (rc == 0)
        rc = ftruncate(spare->fd, total);
    if (rc == 0 && flush)
        rc = fdatasync(spare->fd);
    errnum = errno;
    if (close(spare->fd) < 0 && rc == 0) {
        rc = -1;
        errnum = errno;
    }
    spare->fd = -1;
    errno = errnum;
    return rc;
}

static bool keep_number(Store *store, GArray *where, uint64_t number)
{
    LOCK_SCOPE(&store->lock);

    if (store->idle->len + store->cooling->len >= STORE_SPARES)
        return false;
    g_array_append_val(where, number);
    return true;
}

void store_spare_keep(Store *store, Spare *spare, bool flushed)
{
    if (!keep_number(store, flushed ? store->idle : store->cooling, spare->number))
        store_spare_drop(store, spare);
}

void store_spares_cool_locked(Store *store, unsigned n)
{
    lock_assert_held(&store->lock);
    if (n == 0)
        return;
    g_array_append_vals(store->idle, store->cooling->data, n);
    g_array_remove_range(store->cooling, 0, n);
}

void store_spare_drop(Store *store, Spare *spare)
{
    int errnum = errno;

    if (spare->fd >= 0)
        close(spare->fd);
    spare->fd = -1;
    /* On a disk that became read-only it stays, to be used when that is over. */
    if (unlinkat(store->documents.fd, spare->name, 0) < 0 && errno == EROFS)
        keep_number(store, store->idle, spare->number);
    errno = errnum;
}
