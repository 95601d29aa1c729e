/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal of a store: changes are on the disk here before they are made in the directory; conf/store-journal.c
 * tells how. For conf/store*.c only.
 *
 * .journal-0 and .journal-1 are segments of a fixed size, made of blocks:
 *   block 0          JournalStart, zeros
 *   other blocks     batches: records one after another, zeros up to the end of the block
 * A record is a JournalHead, the old file's name (renames only), the file's name, the document, zeros up to a
 * multiple of 8. Numbers are the machine's own: a journal doesn't move between machines, its directory does. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

#include "base/lock.h"
#include "conf/store.h"

#define JOURNAL_FILE ".journal-"
#define JOURNAL_BLOCK 4096u
#define JOURNAL_SEGMENT (8u << 20)
/* On a disk with less room than this a journal would be in the way. */
#define JOURNAL_DISK (8u * JOURNAL_SEGMENT)

#define JOURNAL_MAGIC "drover\x01j"    /* 8 bytes; the seventh is the version */
#define JOURNAL_RECORD UINT32_C(0x1d70c3a5)

typedef struct JournalStart {
    char magic[8];
    uint64_t salt;      /* random: what stood in the segment before it was begun anew doesn't continue it */
    uint64_t number;    /* no record of it is below */
    uint32_t unused;
    uint32_t check;     /* of all above */
} JournalStart;

typedef enum JournalOp {
    JOURNAL_SAVE = 1, JOURNAL_REMOVE, JOURNAL_RENAME, JOURNAL_LINK, JOURNAL_UNLINK
} JournalOp;

typedef struct JournalHead {
    uint32_t magic;
    uint32_t cancelled;    /* not 0: its change was taken back. Written over in place, so in no checksum */
    uint32_t chain;        /* of all below, going on from the record before, the first from JournalStart's */
    uint32_t body;         /* of names and document */
    uint64_t number;       /* the one before plus one */
    int64_t time;          /* nanoseconds since 1970 */
    uint32_t document_size;
    uint16_t old_size, file_size;
    uint16_t op, autostart;
    uint32_t unused;
} JournalHead;

/* Checksums of the format; `head` or `start` as it will stand on the disk. */
uint32_t journal_check_start(const JournalStart *start);
uint32_t journal_check_chain(uint32_t before, const JournalHead *head);
size_t journal_record_size(const JournalHead *head);

typedef struct JournalSegment {
    /* under LOCK_STORE */
    enum { SEGMENT_EMPTY, SEGMENT_OPEN, SEGMENT_FULL } state;
    unsigned unapplied;     /* records whose changes are not yet made in the directory, nor cancelled */
    uint64_t first;         /* number of its first record */
    /* changed by the maker, by who leads while it is open, by the checkpoint while it is full */
    int fd;
    off_t used;
    uint32_t chain;
} JournalSegment;

/* Where a thread waits for its record's flush. It belongs to the journal and outlives the wait, so that it can be signalled
 * with no lock held: a signal that comes late wakes whoever sits there then for nothing. */
typedef struct JournalSeat {
    Cond turn;
    struct JournalSeat *next;    /* of the free ones; under LOCK_STORE */
} JournalSeat;

typedef struct Journal {
    /* under LOCK_STORE */
    enum { JOURNAL_CLOSED, JOURNAL_MAKING, JOURNAL_READY } state;
    bool leading;              /* a thread writes a batch, or waits for room to do so */
    bool closing;
    bool checkpoint_waits;     /* for changes or a leader to come to an end */
    int failed;                /* errno of a checkpoint: until the store is opened anew nothing can be changed */
    unsigned changes;          /* under way */
    int64_t retry;             /* when a journal that couldn't be made is tried again; clock_now() */
    int64_t last, opened;      /* when the last change ended, when the open segment was begun */
    uint64_t asked, done;      /* checkpoints */
    GQueue waiting;            /* StoreChange: whose records are to be written */
    JournalSeat *seats;        /* free ones */
    JournalSegment segment[2];
    JournalSegment *open;      /* the one that takes records; NULL: none yet */
    GThread *thread;
    Cond wake;                 /* the checkpoint's thread waits here */
    Cond moved;                /* all others: the journal was made, a segment is empty again */
    /* changed by who leads */
    uint64_t number;           /* of the next record */
    GByteArray *batch;
    /* fixed; tests make it short */
    int64_t quiet;             /* so long after the last change the journal is emptied */
} Journal;

/* One change of the store. */
typedef struct StoreChange {
    /* the caller fills */
    JournalOp op;
    const char *file, *old;    /* "NAME.xml"; old only of a rename */
    const char *document;
    size_t size;
    bool autostart;            /* of a rename: the old name has a link */
    /* set by store_change_begin */
    bool journaled;            /* false: the caller has to flush what it does */
    /* private */
    GList link;
    JournalSeat *seat;
    bool done, leads;
    int errnum;
    JournalSegment *segment;   /* NULL: not recorded */
    off_t position;
    JournalHead head;
} StoreChange;

void store_journal_init(Journal *journal);
/* Empties the journal when that is possible, ends its thread, frees everything. No change is under way. */
void store_journal_close(Store *store);

/* Every change begins and, when it began, ends. Begin decides on the way: with a journal, or (no room for one, or
 * the document is larger than a segment) by flushes, and then nothing of before is left in the journal.
 * -1 and an error: the disk failed. */
int store_change_begin(Store *store, StoreChange *change, Error *error);
/* Returns when the change is on the disk, to be made in the directory now; at once when it isn't journaled.
 * -1 and an error: it must not be made. */
int store_change_record(Store *store, StoreChange *change, Error *error);
/* `rc` 0: the change was made. -1: it was not; its record is cancelled. Returns `rc`. */
int store_change_end(Store *store, StoreChange *change, int rc);

/* Everything that was changed before is on the disk without the journal when this returns 0. Waits. */
int store_settle(Store *store, Error *error);

/* Begins the segment anew, without records; on the disk when this returns 0, otherwise -1 and errno. */
int store_segment_reset(JournalSegment *segment, uint64_t number);
/* The same for a segment in use, whose file somebody may have removed: then it is made again. */
int store_segment_renew(Store *store, JournalSegment *segment, uint64_t number);
/* The thread that empties full segments; -1 when there can't be one. */
int store_checkpoint_start(Store *store);

/* Makes what the journal says, and empties it. -1 and an error: it is as it was. */
int store_replay(Store *store, Error *error);
