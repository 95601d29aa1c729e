/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal of a store: one flush, shared by all who wait, makes changes durable.
 *
 * A change goes through these steps, each in the thread that wants it:
 *   written aside  (store.c) the document is in a spare; a full disk, a bad name, a lost permission end it here
 *   recorded       store_change_record: its record is flushed; a power cut from here on doesn't lose it
 *   made           (store.c) spare renamed into place, links set: in the kernel's memory, visible to everybody
 *   ended          store_change_end, then the caller is told. When it could not be made, the record is cancelled
 *                  first; when even that fails, a crash before the next checkpoint brings the change back.
 * and a segment through these:
 *   EMPTY -> OPEN  find_room_locked: who leads needs room and has none
 *   OPEN -> FULL   find_room_locked: a record doesn't fit; or the checkpoint: nothing came for a while, or on demand
 *   FULL -> EMPTY  the checkpoint (store-checkpoint.c), when everything in it is made and syncfs() is done
 *
 * What holds at any time:
 *  1. No name in the directory is changed before the record of that change is on the disk.
 *  2. A record is on the disk until the directory it describes is.
 *  3. Records are numbered without gaps in a segment, and each checksum goes on from the one before. So what stood
 *     in the file earlier, or was written behind a torn record, is never taken for a record.
 *  4. A batch begins with a block of its own: a block with acknowledged records is never written again, but for
 *     the one word that cancels.
 *  5. Changes of one name come one after another (their caller sees to it), so their records are in order, and a
 *     change that is cancelled has no later one of its name before it has ended.
 *  6. A former document is not written over before a checkpoint: until then a power cut may give it its name back.
 *
 * Any thread that may wait for a disk; one of the waiting leads, and writes for all who came while the one before
 * wrote. Takes LOCK_STORE, and never holds it while the disk works. */
#include "conf/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/waiting.h"

LOG_SOURCE("conf.store");

#define RETRY (10 * CLOCK_S)
#define QUIET (5 * CLOCK_S)

/* --- format --------------------------------------------------------------------------------- */

static uint32_t check(uint32_t before, const void *data, size_t size)
{
    return (uint32_t)crc32_z(before, data, size);
}

uint32_t journal_check_start(const JournalStart *start)
{
    return check(0, start, offsetof(JournalStart, check));
}

uint32_t journal_check_chain(uint32_t before, const JournalHead *head)
{
    return check(before, &head->body, sizeof *head - offsetof(JournalHead, body));
}

size_t journal_record_size(const JournalHead *head)
{
    size_t size = sizeof *head + head->old_size + head->file_size + (size_t)head->document_size;

    return (size + 7) & ~(size_t)7;
}

static void fill_head(StoreChange *change)
{
    uint32_t body = 0;

    change->head = (JournalHead){
        .magic = JOURNAL_RECORD,
        .time = clock_real(),
        .document_size = (uint32_t)change->size,
        .old_size = (uint16_t)(change->old ? strlen(change->old) : 0),
        .file_size = (uint16_t)strlen(change->file),
        .op = (uint16_t)change->op,
        .autostart = change->autostart,
    };
    body = check(body, change->old ? change->old : "", change->head.old_size);
    body = check(body, change->file, change->head.file_size);
    change->head.body = check(body, change->document ? change->document : "", change->size);
}

static void append_record(GByteArray *batch, const StoreChange *change)
{
    static const guint8 zeros[8];

    g_byte_array_append(batch, (const guint8 *)&change->head, sizeof change->head);
    if (change->old)
        g_byte_array_append(batch, (const guint8 *)change->old, change->head.old_size);
    g_byte_array_append(batch, (const guint8 *)change->file, change->head.file_size);
    if (change->document)
        g_byte_array_append(batch, (const guint8 *)change->document, (guint)change->size);
    g_byte_array_append(batch, zeros, -batch->len & 7);
}

static int write_at(int fd, const void *data, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, size, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data = (const char *)data + n;
        size -= (size_t)n;
        offset += n;
    }
    return 0;
}

int store_segment_reset(JournalSegment *segment, uint64_t number)
{
    static const char zeros[JOURNAL_BLOCK - sizeof(JournalStart)];
    JournalStart start = { .salt = (uint64_t)g_random_int() << 32 | g_random_int(), .number = number };

    memcpy(start.magic, JOURNAL_MAGIC, sizeof start.magic);
    start.check = journal_check_start(&start);
    if (write_at(segment->fd, &start, sizeof start, 0) < 0
        || write_at(segment->fd, zeros, sizeof zeros, sizeof start) < 0 || fdatasync(segment->fd) < 0)
        return -1;
    segment->used = JOURNAL_BLOCK;
    segment->chain = start.check;
    return 0;
}

/* --- the files ------------------------------------------------------------------------------ */

/* Zeros in every block, so that a flush of a batch has no size, no blocks and no inode to write. -1 and errno. */
static int fill_with_zeros(int fd)
{
    g_autofree char *zeros = g_malloc0(1u << 20);

    if (ftruncate(fd, 0) < 0)
        return -1;
    for (off_t at = 0; at < JOURNAL_SEGMENT; at += 1u << 20)
        if (write_at(fd, zeros, 1u << 20, at) < 0)
            return -1;
    return fsync(fd);
}

static bool has_room(const Store *store)
{
    struct statvfs fs;

    return fstatvfs(store->documents.fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize >= JOURNAL_DISK;
}

/* Whether the file was made in full, and its name is on the disk: its start is written after all that. */
static bool is_whole(int fd, const struct stat *st)
{
    JournalStart start;

    return st->st_size == JOURNAL_SEGMENT && pread(fd, &start, sizeof start, 0) == sizeof start
           && memcmp(start.magic, JOURNAL_MAGIC, sizeof start.magic) == 0
           && start.check == journal_check_start(&start);
}

static int make_segment(const Store *store, int fd)
{
    if (!has_room(store)) {
        errno = ENOSPC;
        return -1;
    }
    return fill_with_zeros(fd) < 0 || fsync(store->documents.fd) < 0 ? -1 : 0;
}

/* Opens the segment's file without records, and makes it when it isn't there in full. -1 and errno. */
static int open_segment(const Store *store, JournalSegment *segment, unsigned i, uint64_t number)
{
    char name[16];
    struct stat st;
    int errnum;

    snprintf(name, sizeof name, JOURNAL_FILE "%u", i);
    segment->fd = openat(store->documents.fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (segment->fd < 0 || fstat(segment->fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1 || fchmod(segment->fd, 0600) < 0) {
        errno = EEXIST;
        return -1;
    }
    if (!is_whole(segment->fd, &st) && make_segment(store, segment->fd) < 0) {
        errnum = errno;
        unlinkat(store->documents.fd, name, 0);    /* it would only take room */
        errno = errnum;
        return -1;
    }
    return store_segment_reset(segment, number);
}

static void close_segments(JournalSegment segment[2])
{
    for (unsigned i = 0; i < 2; i++) {
        if (segment[i].fd >= 0)
            close(segment[i].fd);
        segment[i].fd = -1;
    }
}

/* Both segments, without records. Nothing is in the files that is still needed: a store that is being opened has
 * replayed them, and one that closes its files has emptied them. -1 and errno. */
static int make_segments(Store *store, JournalSegment made[2], uint64_t number)
{
    int errnum;

    for (unsigned i = 0; i < 2; i++)
        made[i].fd = -1;
    if (open_segment(store, &made[0], 0, number) == 0 && open_segment(store, &made[1], 1, number) == 0)
        return 0;
    errnum = errno;
    close_segments(made);
    errno = errnum;
    return -1;
}

int store_segment_renew(Store *store, JournalSegment *segment, uint64_t number)
{
    struct stat st;

    if (fstat(segment->fd, &st) == 0 && st.st_nlink > 0)
        return store_segment_reset(segment, number);
    close(segment->fd);
    return open_segment(store, segment, (unsigned)(segment - store->journal.segment), number);
}

/* Makes the journal ready; false when it can't be now. Gives the lock up meanwhile. */
static bool make_locked(Store *store)
{
    Journal *journal = &store->journal;
    JournalSegment made[2] = { 0 };
    uint64_t number = journal->number;
    bool first_try = journal->retry == 0, ready;

    lock_assert_held(&store->lock);
    journal->state = JOURNAL_MAKING;
    lock_release(&store->lock);
    ready = make_segments(store, made, number) == 0;
    if (!ready && first_try)
        log_warning("'%s' has no journal, changes are slower without: %s", store->documents.path, g_strerror(errno));
    lock_acquire(&store->lock);
    if (ready && store_checkpoint_start(store) < 0) {
        close_segments(made);
        ready = false;
    }
    for (unsigned i = 0; ready && i < 2; i++)
        journal->segment[i] = made[i];
    journal->state = ready ? JOURNAL_READY : JOURNAL_CLOSED;
    if (!ready)
        journal->retry = clock_now() + RETRY;
    cond_broadcast(&journal->moved);
    return ready;
}

void store_journal_init(Journal *journal)
{
    cond_init(&journal->wake);
    cond_init(&journal->moved);
    g_queue_init(&journal->waiting);
    journal->segment[0].fd = journal->segment[1].fd = -1;
    journal->batch = g_byte_array_new();
    journal->number = 1;
    journal->quiet = QUIET;
}

void store_journal_close(Store *store)
{
    Journal *journal = &store->journal;
    JournalSeat *seat;

    lock_assert_none();
    lock_acquire(&store->lock);
    g_assert(journal->changes == 0 && journal->waiting.length == 0);
    journal->closing = true;
    cond_signal(&journal->wake);
    lock_release(&store->lock);
    if (journal->thread)
        g_thread_join(journal->thread);
    close_segments(journal->segment);
    g_byte_array_unref(journal->batch);
    while ((seat = journal->seats)) {
        journal->seats = seat->next;
        cond_deinit(&seat->turn);
        g_free(seat);
    }
    cond_deinit(&journal->moved);
    cond_deinit(&journal->wake);
}

/* --- a batch -------------------------------------------------------------------------------- */

static bool fits(const JournalSegment *segment, size_t size)
{
    return (size_t)segment->used + size <= JOURNAL_SEGMENT;
}

/* An open segment with room for `size` bytes; waits for a checkpoint when both are full. 0 or an errno. */
static int find_room_locked(Store *store, size_t size)
{
    Journal *journal = &store->journal;

    lock_assert_held(&store->lock);
    for (;;) {
        if (journal->failed)
            return journal->failed;
        if (journal->open && fits(journal->open, size))
            return 0;
        if (journal->open) {
            journal->open->state = SEGMENT_FULL;
            journal->open = NULL;
            cond_signal(&journal->wake);
        }
        for (unsigned i = 0; i < 2 && !journal->open; i++)
            if (journal->segment[i].state == SEGMENT_EMPTY)
                journal->open = &journal->segment[i];
        if (!journal->open) {
            cond_wait(&journal->moved, &store->lock);
            continue;
        }
        journal->open->state = SEGMENT_OPEN;
        journal->open->first = journal->number;
        journal->opened = clock_now();
        cond_signal(&journal->wake);
    }
}

/* Moves the waiting changes that fit into the open segment, first come first served, to `batch`. */
static void take_batch_locked(Journal *journal, GQueue *batch)
{
    size_t size = 0;

    while (journal->waiting.length > 0) {
        GList *link = g_queue_peek_head_link(&journal->waiting);
        StoreChange *change = link->data;

        size += journal_record_size(&change->head);
        if (!fits(journal->open, size))
            return;
        g_queue_unlink(&journal->waiting, link);
        g_queue_push_tail_link(batch, link);
        change->segment = journal->open;
        change->segment->unapplied++;
    }
}

/* What may be on the disk of a batch that failed must not be taken for one that is. When this fails, too, a crash may
 * bring changes back that were answered with an error; the next batch is written over it. */
static void void_batch(const Store *store, const JournalSegment *segment)
{
    static const char zeros[JOURNAL_BLOCK];

    if (write_at(segment->fd, zeros, sizeof zeros, segment->used) < 0 || fdatasync(segment->fd) < 0)
        log_error("the journal in '%s' cannot be written: %s", store->documents.path, g_strerror(errno));
}

/* Numbers the records, writes and flushes them. 0 or an errno; then segment and numbers are as before. */
static int write_batch(Store *store, JournalSegment *segment, const GQueue *batch)
{
    Journal *journal = &store->journal;
    uint64_t number = journal->number;
    uint32_t chain = segment->chain;
    struct stat st;
    int64_t since;
    int errnum;

    g_byte_array_set_size(journal->batch, 0);
    for (GList *at = batch->head; at; at = at->next) {
        StoreChange *change = at->data;

        change->position = segment->used + journal->batch->len;
        change->head.number = number++;
        change->head.chain = chain = journal_check_chain(chain, &change->head);
        append_record(journal->batch, change);
    }
    while (journal->batch->len % JOURNAL_BLOCK)    /* in two steps at most */
        g_byte_array_append(journal->batch, (const guint8[512]){ 0 },
                            MIN(512, JOURNAL_BLOCK - journal->batch->len % JOURNAL_BLOCK));
    /* Somebody may have removed the file; what is written to it would be lost. */
    if (fstat(segment->fd, &st) == 0 && st.st_nlink == 0)
        return ENOENT;
    since = clock_now();
    if (write_at(segment->fd, journal->batch->data, journal->batch->len, segment->used) < 0
        || fdatasync(segment->fd) < 0) {
        errnum = errno;
        store_count_flush(store, 0, since, errnum);
        void_batch(store, segment);
        return errnum;
    }
    store_count_flush(store, batch->length, since, 0);
    segment->used += journal->batch->len;
    segment->chain = chain;
    journal->number = number;
    return 0;
}

/* Ends the changes; who waits for them is added to `told`, to be woken when the lock is free. */
static void tell_locked(GQueue *batch, int errnum, GPtrArray *told)
{
    GList *link;

    while ((link = g_queue_pop_head_link(batch))) {
        StoreChange *change = link->data;

        if (errnum && change->segment) {
            change->segment->unapplied--;
            change->segment = NULL;
        }
        change->errnum = errnum;
        change->done = true;
        if (change->seat)    /* the leader has left its own */
            g_ptr_array_add(told, change->seat);
    }
}

/* Writes what waits, the caller's change among it, and wakes who waits for that and who leads next. Gives the lock back:
 * a thread that is woken under it only waits again. */
static void lead_and_release(Store *store)
{
    Journal *journal = &store->journal;
    StoreChange *first = g_queue_peek_head(&journal->waiting);
    g_autoptr(GPtrArray) told = g_ptr_array_sized_new(16);
    GQueue batch = G_QUEUE_INIT;
    int errnum;

    lock_assert_held(&store->lock);
    journal->leading = true;
    errnum = find_room_locked(store, journal_record_size(&first->head));
    if (errnum == 0) {
        JournalSegment *segment = journal->open;

        take_batch_locked(journal, &batch);
        lock_release(&store->lock);
        errnum = write_batch(store, segment, &batch);
        lock_acquire(&store->lock);
        tell_locked(&batch, errnum, told);
        if (errnum == ENOENT) {    /* the checkpoint makes the file anew */
            segment->state = SEGMENT_FULL;
            journal->open = NULL;
            cond_signal(&journal->wake);
        }
    } else {
        tell_locked(&journal->waiting, errnum, told);
    }
    journal->leading = false;
    first = g_queue_peek_head(&journal->waiting);
    if (first) {
        first->leads = true;
        g_ptr_array_add(told, first->seat);
    }
    if (journal->checkpoint_waits)
        cond_signal(&journal->wake);
    lock_release(&store->lock);
    for (unsigned i = told->len; i-- > 0;)    /* who leads next before all others: the disk waits for it */
        cond_signal(&((JournalSeat *)told->pdata[i])->turn);
}

static void take_seat_locked(Journal *journal, StoreChange *change)
{
    change->seat = journal->seats;
    if (change->seat) {
        journal->seats = change->seat->next;
        return;
    }
    change->seat = g_new0(JournalSeat, 1);
    cond_init(&change->seat->turn);
}

static void leave_seat_locked(Journal *journal, StoreChange *change)
{
    change->seat->next = journal->seats;
    journal->seats = change->seat;
    change->seat = NULL;
}

/* --- a change ------------------------------------------------------------------------------- */

/* Whether the change can be journaled; waits for who makes the journal. */
static bool is_ready_locked(Store *store)
{
    Journal *journal = &store->journal;

    while (journal->state == JOURNAL_MAKING)
        cond_wait(&journal->moved, &store->lock);
    if (journal->state == JOURNAL_CLOSED && clock_now() >= journal->retry)
        make_locked(store);
    return journal->state == JOURNAL_READY;
}

int store_change_begin(Store *store, StoreChange *change, Error *error)
{
    lock_assert_none();
    {
        LOCK_SCOPE(&store->lock);

        /* Counted from here on: a journal with changes under way is not closed. */
        store->journal.changes++;
        /* The names take some hundred bytes at most. */
        change->journaled = is_ready_locked(store) && change->size <= JOURNAL_SEGMENT - 2 * JOURNAL_BLOCK;
    }
    if (change->journaled || store_settle(store, error) == 0)
        return 0;
    return store_change_end(store, change, -1);
}

int store_change_record(Store *store, StoreChange *change, Error *error)
{
    Journal *journal = &store->journal;
    bool leads;

    if (!change->journaled)
        return 0;
    fill_head(change);
    waiting_begin();
    change->link.data = change;
    lock_acquire(&store->lock);
    take_seat_locked(journal, change);
    g_queue_push_tail_link(&journal->waiting, &change->link);
    change->leads = !journal->leading && journal->waiting.length == 1;
    while (!change->done && (!change->leads || journal->leading))
        cond_wait(&change->seat->turn, &store->lock);
    leads = !change->done;
    leave_seat_locked(journal, change);
    if (leads)
        lead_and_release(store);
    else
        lock_release(&store->lock);
    waiting_end();
    if (change->errnum)
        return error_set_errno(error, VIR_FROM_NONE, change->errnum, _("The journal in '%s' cannot be written for '%s'"),
                               store->documents.path, change->file);
    return 0;
}

/* The record in its segment is marked: it isn't replayed. */
static void cancel(const Store *store, const StoreChange *change)
{
    static const uint32_t yes = 1;
    int fd = change->segment->fd;

    if (write_at(fd, &yes, sizeof yes, change->position + (off_t)offsetof(JournalHead, cancelled)) < 0
        || fdatasync(fd) < 0)
        log_error("'%s/%s' could not be changed, but will be if this machine fails now: %s", store->documents.path,
                  change->file, g_strerror(errno));
}

int store_change_end(Store *store, StoreChange *change, int rc)
{
    Journal *journal = &store->journal;

    if (rc < 0 && change->segment)
        cancel(store, change);
    LOCK_SCOPE(&store->lock);
    journal->changes--;
    if (change->segment) {
        change->segment->unapplied--;
        journal->last = clock_now();
        if (journal->checkpoint_waits)
            cond_signal(&journal->wake);
    }
    return rc;
}
