/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening a store after a crash: what the journal says is made in the directory, then the journal is emptied.
 * The records of both segments, in the order of their numbers, are folded into what each file is to be in the end; only
 * that is made. So it can be broken off and done again at any point. A document is written even when the file has
 * that content already: a disk that failed may have it in memory only.
 * A file that was changed more than two seconds after its last record was changed by somebody else, and stays. So
 * that our own files don't look like that when this is broken off, they get the record's time.
 * One thread, before anybody else knows the store; waits for the disk. Takes no lock. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/durable.h"
#include "base/i18n.h"
#include "base/log.h"
#include "conf/store-private.h"

LOG_SOURCE("conf.store");

#define SOMEBODY_ELSE (2 * CLOCK_S)

/* What a file is to be. */
typedef struct Fact {
    enum { DOCUMENT_UNKNOWN, DOCUMENT_THERE, DOCUMENT_GONE } document;
    enum { LINK_UNKNOWN, LINK_THERE, LINK_GONE } link;
    const char *text;    /* in its segment */
    size_t size;
    int64_t time;        /* of the document's last record */
} Fact;

typedef struct Segment {
    char name[16];
    char *data;          /* a mapping of JOURNAL_SEGMENT bytes; NULL: there is no such file */
    size_t size;
    GArray *records;     /* offsets */
    uint64_t first;      /* number */
} Segment;

typedef struct Replay {
    Store *store;
    Segment segment[2];
    GHashTable *facts;    /* "NAME.xml" → Fact */
    uint64_t number;      /* above all that were seen */
} Replay;

/* --- reading -------------------------------------------------------------------------------- */

static JournalHead head_at(const Segment *segment, size_t at)
{
    JournalHead head;

    memcpy(&head, segment->data + at, sizeof head);
    return head;
}

static bool is_file_name(const char *name, size_t size)
{
    return size > STORE_SUFFIX_SIZE && size <= 255 && !memchr(name, '/', size) && !memchr(name, '\0', size)
           && memcmp(name + size - STORE_SUFFIX_SIZE, STORE_SUFFIX, STORE_SUFFIX_SIZE) == 0;
}

/* Whether a whole record is there that goes on from `chain`; `number` 0: the first of its segment. */
static bool is_record(const Segment *segment, size_t at, uint32_t chain, uint64_t number, JournalHead *head)
{
    const char *names = segment->data + at + sizeof *head;

    if (at > segment->size || segment->size - at < sizeof *head)
        return false;
    *head = head_at(segment, at);
    return head->magic == JOURNAL_RECORD && head->chain == journal_check_chain(chain, head)
           && (number == 0 || head->number == number) && segment->size - at >= journal_record_size(head)
           && head->body == (uint32_t)crc32_z(0, (const Bytef *)names,
                                              (size_t)head->old_size + head->file_size + head->document_size)
           && head->op >= JOURNAL_SAVE && head->op <= JOURNAL_UNLINK
           && (head->old_size == 0) == (head->op != JOURNAL_RENAME)
           && (head->old_size == 0 || is_file_name(names, head->old_size))
           && is_file_name(names + head->old_size, head->file_size);
}

/* Finds the records. The first that isn't whole or doesn't continue the ones before is the end: it was being
 * written, or is from before the segment was begun anew. */
static void find_records(Segment *segment, uint32_t chain)
{
    size_t at = JOURNAL_BLOCK;
    uint64_t number = 0;
    JournalHead head;

    for (;;) {
        if (!is_record(segment, at, chain, number, &head)) {
            if (at % JOURNAL_BLOCK == 0)
                return;
            at += JOURNAL_BLOCK - at % JOURNAL_BLOCK;    /* the batch ended, the next has a block of its own */
            continue;
        }
        if (number == 0)
            segment->first = head.number;
        g_array_append_val(segment->records, at);
        chain = head.chain;
        number = head.number + 1;
        at += journal_record_size(&head);
    }
}

static bool is_zero(const char *data, size_t size)
{
    return size == 0 || (data[0] == '\0' && memcmp(data, data + 1, size - 1) == 0);
}

/* From the kernel and not from malloc, which would keep so much for a thread that needs little ever after. */
static int make_room(Segment *segment, Error *error)
{
    void *room = mmap(NULL, JOURNAL_SEGMENT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (room == MAP_FAILED)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("There is no memory for a journal of %u bytes"), JOURNAL_SEGMENT);
    segment->data = room;
    return 0;
}

/* Reads a segment. -1 and an error when it can't be read or is another version's. A file without a valid start has
 * no records that are needed: its start is flushed before the first, and written anew only after a checkpoint. */
static int read_segment(Replay *replay, Segment *segment, unsigned i, Error *error)
{
    const Store *store = replay->store;
    Error why = ERROR_INIT;
    JournalStart start;

    snprintf(segment->name, sizeof segment->name, JOURNAL_FILE "%u", i);
    segment->records = g_array_new(FALSE, FALSE, sizeof(size_t));
    if (faccessat(store->documents.fd, segment->name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return 0;
    if (make_room(segment, error) < 0)
        return -1;
    if (durable_read_into(store->documents.fd, segment->name, segment->data, JOURNAL_SEGMENT, &segment->size, &why) < 0) {
        error_set(error, VIR_FROM_NONE, why.code, _("The journal '%s/%s' cannot be read: %s"), store->documents.path,
                  segment->name, why.message);
        error_clear(&why);
        return -1;
    }
    if (segment->size < JOURNAL_BLOCK)
        return 0;
    memcpy(&start, segment->data, sizeof start);
    if (memcmp(start.magic, JOURNAL_MAGIC, 6) == 0 && memcmp(start.magic, JOURNAL_MAGIC, 8) != 0)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_OPERATION_INVALID,
                         _("The journal '%s/%s' is of another version"), store->documents.path, segment->name);
    if (memcmp(start.magic, JOURNAL_MAGIC, 8) != 0 || start.check != journal_check_start(&start)) {
        if (!is_zero(segment->data, JOURNAL_BLOCK))
            log_error("the journal '%s/%s' is damaged and taken for empty", store->documents.path, segment->name);
        return 0;
    }
    find_records(segment, start.check);
    replay->number = MAX(replay->number, start.number);
    if (segment->records->len > 0)
        replay->number = MAX(replay->number, segment->first + segment->records->len);
    return 0;
}

/* --- folding -------------------------------------------------------------------------------- */

static Fact *fact_of(Replay *replay, const char *name, size_t size)
{
    g_autofree char *file = g_strndup(name, size);
    Fact *fact = g_hash_table_lookup(replay->facts, file);

    if (!fact) {
        fact = g_new0(Fact, 1);
        g_hash_table_insert(replay->facts, g_steal_pointer(&file), fact);
    }
    return fact;
}

static void fold_gone(Fact *fact, int64_t time)
{
    fact->document = DOCUMENT_GONE;
    fact->link = LINK_GONE;
    fact->time = time;
}

static void fold(Replay *replay, const Segment *segment, size_t at)
{
    JournalHead head = head_at(segment, at);
    const char *old = segment->data + at + sizeof head, *file = old + head.old_size;
    Fact *fact;

    if (head.cancelled)
        return;
    fact = fact_of(replay, file, head.file_size);
    if (head.op == JOURNAL_SAVE || head.op == JOURNAL_RENAME) {
        fact->document = DOCUMENT_THERE;
        fact->text = file + head.file_size;
        fact->size = head.document_size;
        fact->time = head.time;
    }
    if (head.op == JOURNAL_REMOVE)
        fold_gone(fact, head.time);
    if (head.op == JOURNAL_LINK || (head.op == JOURNAL_RENAME && head.autostart))
        fact->link = LINK_THERE;
    if (head.op == JOURNAL_UNLINK)
        fact->link = LINK_GONE;
    if (head.op == JOURNAL_RENAME)
        fold_gone(fact_of(replay, old, head.old_size), head.time);
}

static void fold_segment(Replay *replay, const Segment *segment)
{
    for (guint i = 0; i < segment->records->len; i++)
        fold(replay, segment, g_array_index(segment->records, size_t, i));
}

/* --- making --------------------------------------------------------------------------------- */

static int64_t nanoseconds(const struct timespec *time)
{
    return time->tv_sec * CLOCK_S + time->tv_nsec;
}

static bool somebody_changed(const Store *store, const char *file, int64_t since)
{
    struct stat st;

    return fstatat(store->documents.fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0
           && nanoseconds(&st.st_mtim) > since + SOMEBODY_ELSE;
}

/* -1 and errno. */
static int write_document(Store *store, const char *file, const Fact *fact)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                                 { .tv_sec = fact->time / CLOCK_S, .tv_nsec = fact->time % CLOCK_S } };
    int fd = store->documents.fd;
    Spare spare;

    if (store_spare_take(store, &spare) == 0
        && store_spare_write(&spare, store_head_of(fact->text, fact->size), fact->text, fact->size, false) == 0
        && utimensat(fd, spare.name, times, AT_SYMLINK_NOFOLLOW) == 0 && renameat(fd, spare.name, fd, file) == 0)
        return 0;
    store_spare_drop(store, &spare);
    return -1;
}

/* -1 and errno. */
static int make_link(Store *store, const char *file, bool there)
{
    g_autofree char *target = g_strconcat("../", file, NULL);

    if (!there)
        return unlinkat(store->links.fd, file, 0) == 0 || errno == ENOENT ? 0 : -1;
    return symlinkat(target, store->links.fd, file) == 0 || errno == EEXIST ? 0 : -1;
}

static int make(Store *store, const char *file, const Fact *fact, Error *error)
{
    int rc = 0;

    if (fact->document != DOCUMENT_UNKNOWN && somebody_changed(store, file, fact->time)) {
        log_warning("'%s/%s' was changed by somebody else after its last change in the journal, and stays as it is",
                    store->documents.path, file);
        if (fact->document == DOCUMENT_GONE)
            return 0;
    } else if (fact->document == DOCUMENT_THERE) {
        rc = write_document(store, file, fact);
    } else if (fact->document == DOCUMENT_GONE && unlinkat(store->documents.fd, file, 0) < 0 && errno != ENOENT) {
        rc = -1;
    }
    if (rc == 0 && fact->link != LINK_UNKNOWN)
        rc = make_link(store, file, fact->link == LINK_THERE);
    if (rc < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno,
                               _("The file '%s/%s' cannot be brought to what its journal says"),
                               store->documents.path, file);
    return 0;
}

static int make_all(Replay *replay, Error *error)
{
    GHashTableIter iter;
    void *file, *fact;

    g_hash_table_iter_init(&iter, replay->facts);
    while (g_hash_table_iter_next(&iter, &file, &fact))
        if (make(replay->store, file, fact, error) < 0)
            return -1;
    if (syncfs(replay->store->documents.fd) < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("The directory '%s' cannot be flushed"),
                               replay->store->documents.path);
    return 0;
}

static int empty(Replay *replay, const Segment *segment, Error *error)
{
    const Store *store = replay->store;
    AUTO_FD fd = openat(store->documents.fd, segment->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    JournalSegment file = { .fd = fd };

    if (fd < 0 || store_segment_reset(&file, replay->number) < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("The journal '%s/%s' cannot be emptied"),
                               store->documents.path, segment->name);
    return 0;
}

static int replay_all(Replay *replay, Error *error)
{
    Segment *a = &replay->segment[0], *b = &replay->segment[1];

    if (read_segment(replay, a, 0, error) < 0 || read_segment(replay, b, 1, error) < 0)
        return -1;
    if (a->records->len > 0 && b->records->len > 0 && a->first > b->first) {
        a = &replay->segment[1];
        b = &replay->segment[0];
    }
    if (a->records->len + b->records->len == 0)
        return 0;
    log_warning("'%s' was not closed; %u changes in its journal are made again", replay->store->documents.path,
                a->records->len + b->records->len);
    fold_segment(replay, a);
    fold_segment(replay, b);
    if (make_all(replay, error) < 0)
        return -1;
    /* The older first: alone it would take back what the newer one says. */
    return (a->records->len > 0 && empty(replay, a, error) < 0) || (b->records->len > 0 && empty(replay, b, error) < 0)
           ? -1 : 0;
}

int store_replay(Store *store, Error *error)
{
    Replay replay = { .store = store, .number = 1 };
    int rc;

    replay.facts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    rc = replay_all(&replay, error);
    store->journal.number = replay.number;
    for (unsigned i = 0; i < 2; i++) {
        if (replay.segment[i].data)
            munmap(replay.segment[i].data, JOURNAL_SEGMENT);
        g_clear_pointer(&replay.segment[i].records, g_array_unref);
    }
    g_hash_table_unref(replay.facts);
    return rc;
}
