/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What survives a power cut: one readable XML file per object in a directory, autostart as
 * links in its "autostart/" folder. When a change returns success it is on the disk.
 * Changes of different objects may run in parallel and share the directory's flush; changes of
 * one object are serialized by its job. All calls may wait for a disk: no lock may be held. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct Store Store;

/* Makes the directory (mode 0700) when missing and locks it for this process: a second store on it is
 * VIR_ERR_OPERATION_INVALID. Left-overs of interrupted changes are removed. NULL and an error otherwise. */
Store *store_open(const char *directory, Error *error);
void store_close(Store *store);    /* NULL is fine */
const char *store_directory(const Store *store);

/* What the store has had the disk do so far. */
typedef struct StoreCounts {
    uint64_t changes;         /* that were made durable */
    uint64_t flushes;         /* of the journal or a directory, each for all changes that waited for it */
    uint64_t flush_ns;        /* nanoseconds that those took */
    uint64_t checkpoints;     /* of the whole file system, after which the journal is begun anew */
    uint64_t failures;        /* flushes that failed */
} StoreCounts;

/* Any thread; waits for no disk. */
void store_counts(const Store *store, StoreCounts *counts);

/* Writes NAME.xml anew. A name that can't be a file name ('/', too long) is VIR_ERR_XML_ERROR;
 * a full or read-only disk VIR_ERR_SYSTEM_ERROR with errno; then the old content is still there. */
int store_save(Store *store, const char *name, const char *document, size_t size, Error *error);
/* Removes NAME.xml and its autostart link; nothing there is success. */
int store_remove(Store *store, const char *name, Error *error);
/* NEW.xml with `document` takes the place of OLD.xml, autostart included: after a crash exactly one is loaded. */
int store_rename(Store *store, const char *old, const char *name, const char *document, size_t size, Error *error);
int store_set_autostart(Store *store, const char *name, bool autostart, Error *error);

typedef struct StoredDocument {
    char *name;         /* of the file, without ".xml" */
    char *document;     /* `size` bytes and a NUL */
    size_t size;
    bool autostart;
} StoredDocument;

/* Reads every document with `threads` threads and hands each to `take` (called from several threads
 * at once, no lock held; false: it is damaged or foreign, `error` says why: named in the log and left alone).
 * Returns how many were taken, -1 and an error when the directory can't be read. */
int store_load(Store *store, unsigned threads, bool (*take)(void *data, const StoredDocument *document, Error *error),
               void *data, Error *error);
