/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/store*.c share; the journal's part is in conf/store-journal.h. In the store's directory:
 *   NAME.xml         a document; autostart/NAME.xml -> ../NAME.xml when it is to be started
 *   .spare-N         written aside before it becomes a document, or a former one to be written over; never loaded
 *   .rename-N        a rename that is decided: old name, new name; its document is in .spare-N
 *   .journal-0, -1   changes that may not be on the disk elsewhere: conf/store-journal.h
 *   .lock            flock()ed as long as the store is open */
#pragma once

#include <stdint.h>

#include "base/lock.h"
#include "conf/store-journal.h"
#include "conf/store.h"

#define STORE_SUFFIX ".xml"
#define STORE_SUFFIX_SIZE (sizeof STORE_SUFFIX - 1)
#define STORE_NAME_MAX (255 - STORE_SUFFIX_SIZE)
#define STORE_LINKS "autostart"
#define STORE_SPARE ".spare-"
#define STORE_RENAME ".rename-"
#define STORE_DOCUMENT_MAX (16u << 20)
/* Stands before every document that doesn't begin with an XML declaration; not part of it. */
#define STORE_HEAD "<!-- Kept by drover. Change it with its tools (virsh edit), not here: this file is written anew. -->\n"

typedef struct StoreWait StoreWait;
struct StoreWait {
    StoreWait *next;
    Cond wake;    /* done, or asked to lead */
    bool done;
    int errnum;
};

/* A directory whose changes are flushed for many at once. */
typedef struct StoreFolder {
    /* fixed */
    int fd;
    char *path;
    /* under LOCK_STORE */
    bool flushing;
    StoreWait *waiting;    /* whose changes are made and not yet in a flush */
} StoreFolder;

/* At most so many are kept: with a block each, 16 MiB. */
#define STORE_SPARES 4096

struct Store {
    /* fixed */
    int lock_fd;
    StoreFolder documents, links;
    /* atomic */
    int can_exchange;
    StoreCounts counts;    /* relaxed, member by member */
    Lock lock;
    /* under lock: LOCK_STORE */
    uint64_t next_spare;
    GArray *idle;       /* uint64_t: numbers of the spares that may be written over */
    GArray *cooling;    /* and of those that may be after a checkpoint */
    Journal journal;
};

/* Returns when all changes made in the folder before the call are on the disk; shares flushes with other callers.
 * -1 and VIR_ERR_SYSTEM_ERROR: the changes may or may not survive a power cut. */
int store_flush(Store *store, StoreFolder *folder, Error *error);

/* A flush for `changes` of them that began at `since` (clock_now()) has ended so. Any thread. */
void store_count_flush(Store *store, unsigned changes, int64_t since, int errnum);

/* A file under a name that is never loaded. */
typedef struct Spare {
    uint64_t number;
    char name[32];
    int fd;    /* -1: not open */
} Spare;

/* Opens a spare for writing: a former document that nobody else can see, or a new file. -1 and errno. */
int store_spare_take(Store *store, Spare *spare);
/* A name for a file that is to become a spare; false when there are enough. */
bool store_spare_name(Store *store, Spare *spare);
/* Makes `head` and `data` the whole content, when `flush` on the disk, and closes it. -1 and errno. */
int store_spare_write(Spare *spare, const char *head, const void *data, size_t size, bool flush);
/* What is under the spare's name may be written over: now, when the directory was flushed since a document had it,
 * otherwise after the next checkpoint. Until then a power cut may give the document's name back to it. */
void store_spare_keep(Store *store, Spare *spare, bool flushed);
/* The first `n` that were kept for a checkpoint have had it. */
void store_spares_cool_locked(Store *store, unsigned n);
/* Removes it. */
void store_spare_drop(Store *store, Spare *spare);

/* Finishes what a crash interrupted and removes what it left over. */
int store_recover(Store *store, Error *error);

/* store_rename's decided part: the document in `spare` becomes NEW.xml, OLD.xml and its link go. Can be done again
 * after a crash. -1 and errno: nothing has changed. */
int store_rename_finish(Store *store, const char *spare, const char *old_file, const char *new_file);

/* What stands before this document in its file. */
const char *store_head_of(const char *document, size_t size);

/* A descriptor of its own for reading the directory from the start; -1 and errno. */
int store_reopen(const StoreFolder *folder);
