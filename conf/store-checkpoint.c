/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The thread of a store that empties its journal: it waits until every change in it is made, brings the whole file system
 * to the disk with one syncfs(), and only then lets the segment be written anew. Changes go on in the other one.
 * It runs when a segment is full, when nothing was changed for a while (so that who edits the files by hand finds no
 * journal that knows better), at least once in a while, on demand, and when the store is closed.
 * When syncfs fails nobody knows which documents are damaged, and asking again would say that all is well. So the
 * segments stay for the next store_open, and no change is taken until then.
 * Takes LOCK_STORE, and never holds it while the disk works. */
#include "conf/store-private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/waiting.h"

LOG_SOURCE("conf.store");

/* An open segment is emptied after so long, also when changes never cease. */
#define AT_LEAST (60 * CLOCK_S)

static bool has_full(const Journal *journal)
{
    return journal->segment[0].state == SEGMENT_FULL || journal->segment[1].state == SEGMENT_FULL;
}

static bool is_asked(const Journal *journal)
{
    return journal->closing || journal->asked > journal->done;
}

/* When something is to be done though nobody asks. */
static int64_t deadline(const Journal *journal)
{
    if (journal->state != JOURNAL_READY)
        return INT64_MAX;
    return journal->open ? MIN(journal->opened + AT_LEAST, journal->last + journal->quiet)
                         : journal->last + journal->quiet;
}

/* Lets no more records into the open segment, and waits until all changes are made that are recorded. */
static void close_open_locked(Store *store)
{
    Journal *journal = &store->journal;

    journal->checkpoint_waits = true;
    /* A leader that waits for room has no segment open, so this doesn't wait for one that waits for us. */
    while (journal->open && journal->leading)
        cond_wait(&journal->wake, &store->lock);
    if (journal->open)
        journal->open->state = SEGMENT_FULL;
    journal->open = NULL;
    journal->checkpoint_waits = false;
}

static unsigned unapplied(const Journal *journal)
{
    unsigned n = 0;

    for (unsigned i = 0; i < 2; i++)
        if (journal->segment[i].state == SEGMENT_FULL)
            n += journal->segment[i].unapplied;
    return n;
}

/* The full segments, the older one first: the newer one alone would undo nothing, the older one alone would. */
static unsigned collect_full(Journal *journal, JournalSegment *full[2])
{
    unsigned n = 0;

    for (unsigned i = 0; i < 2; i++)
        if (journal->segment[i].state == SEGMENT_FULL)
            full[n++] = &journal->segment[i];
    if (n == 2 && full[0]->first > full[1]->first) {
        JournalSegment *newer = full[0];

        full[0] = full[1];
        full[1] = newer;
    }
    return n;
}

/* Everything that was changed is on the disk, the segments are begun anew. 0 or an errno. */
static int sync_and_reset(Store *store, JournalSegment *full[2], unsigned n, uint64_t number)
{
    if (syncfs(store->documents.fd) < 0) {
        __atomic_add_fetch(&store->counts.failures, 1, __ATOMIC_RELAXED);
        return errno;
    }
    __atomic_add_fetch(&store->counts.checkpoints, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < n; i++)
        if (store_segment_renew(store, full[i], number) < 0)
            return errno;
    return 0;
}

static void checkpoint_locked(Store *store)
{
    Journal *journal = &store->journal;
    JournalSegment *full[2];
    uint64_t asked = journal->asked, number;
    unsigned n, cooling;
    int errnum;

    lock_assert_held(&store->lock);
    if (is_asked(journal) || clock_now() >= deadline(journal))
        close_open_locked(store);
    journal->checkpoint_waits = true;
    while (unapplied(journal) > 0)
        cond_wait(&journal->wake, &store->lock);
    journal->checkpoint_waits = false;
    n = collect_full(journal, full);
    cooling = store->cooling->len;
    number = full[n - 1]->first;
    lock_release(&store->lock);
    errnum = sync_and_reset(store, full, n, number);
    if (errnum)
        log_error("The directory '%s' cannot be flushed, nothing can be changed until it is opened anew: %s",
                  store->documents.path, g_strerror(errnum));
    lock_acquire(&store->lock);
    journal->failed = errnum;
    if (errnum == 0) {
        for (unsigned i = 0; i < n; i++)
            full[i]->state = SEGMENT_EMPTY;
        store_spares_cool_locked(store, cooling);
        journal->done = asked;
    }
    cond_broadcast(&journal->moved);
}

/* Nothing in the journal and nobody there: its files are closed. So they don't keep a file system from being mounted
 * read-only, and whatever happened to them meanwhile, they are looked at when they are opened again. */
static void rest_locked(Store *store)
{
    Journal *journal = &store->journal;
    int fds[2] = { journal->segment[0].fd, journal->segment[1].fd };

    journal->segment[0].fd = journal->segment[1].fd = -1;
    journal->state = JOURNAL_CLOSED;
    lock_release(&store->lock);
    close(fds[0]);
    close(fds[1]);
    lock_acquire(&store->lock);
}

static gpointer run(gpointer data)
{
    Store *store = data;
    Journal *journal = &store->journal;
    LOCK_SCOPE(&store->lock);

    while (!journal->failed) {
        if (has_full(journal) || (journal->open && (is_asked(journal) || clock_now() >= deadline(journal)))) {
            checkpoint_locked(store);
            continue;
        }
        if (journal->asked > journal->done) {
            journal->done = journal->asked;
            cond_broadcast(&journal->moved);
        }
        if (journal->closing)
            break;
        if (clock_now() >= deadline(journal) && journal->changes > 0)
            journal->last = clock_now();    /* a slow one */
        else if (clock_now() >= deadline(journal))
            rest_locked(store);
        else if (deadline(journal) == INT64_MAX)
            cond_wait(&journal->wake, &store->lock);
        else
            cond_wait_until(&journal->wake, &store->lock, deadline(journal));
    }
    return NULL;
}

int store_checkpoint_start(Store *store)
{
    Journal *journal = &store->journal;
    g_autoptr(GError) error = NULL;

    lock_assert_held(&store->lock);
    if (journal->thread) {
        cond_signal(&journal->wake);
        return 0;
    }
    journal->last = clock_now();
    journal->thread = g_thread_try_new("checkpoint", run, store, &error);
    if (journal->thread)
        return 0;
    log_warning("'%s' has no journal: %s", store->documents.path, error->message);
    return -1;
}

int store_settle(Store *store, Error *error)
{
    Journal *journal = &store->journal;
    int errnum;

    waiting_begin();
    lock_acquire(&store->lock);
    if (journal->open || has_full(journal)) {
        uint64_t mine = ++journal->asked;

        cond_signal(&journal->wake);
        while (journal->done < mine && !journal->failed)
            cond_wait(&journal->moved, &store->lock);
    }
    errnum = journal->failed;
    lock_release(&store->lock);
    waiting_end();
    if (errnum)
        return error_set_errno(error, VIR_FROM_NONE, errnum, _("The directory '%s' cannot be flushed"),
                               store->documents.path);
    return 0;
}
