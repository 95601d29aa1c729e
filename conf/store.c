/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The changes of a store: save, remove, rename, autostart.
 * Any thread that may wait for a disk, with no lock held; changes of one name come one after another.
 * A document is written aside. Then the change is recorded in the journal (conf/store-journal.c), and only then made in
 * the directory, where the next checkpoint flushes it. Without a journal (no room for one, a huge document) the
 * document is flushed first, and the directory after the change, together with others' changes.
 * A step that fails is taken back; only when the last flush fails nobody knows what a power cut would leave, and the
 * error says so. Takes LOCK_STORE, never across a system call that may wait. */
#include "conf/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/descriptor.h"
#include "base/i18n.h"
#include "conf/store-private.h"

/* --- open and close ------------------------------------------------------------------------- */

static int fail(Error *error, const Store *store, const char *file, const char *format)
{
    int errnum = errno;
    g_autofree char *path = g_build_filename(store->documents.path, file, NULL);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return error_set_errno(error, VIR_FROM_NONE, errnum, format, path);
#pragma GCC diagnostic pop
}

/* A directory of our own, also when it is new: then its name in the one above is on the disk, too. */
static int open_folder(const char *path, int *fd, Error *error)
{
    g_autofree char *above = g_path_get_dirname(path);
    bool fresh = false;

    if (mkdir(path, 0700) == 0)
        fresh = true;
    else if (errno != EEXIST)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("The directory '%s' cannot be made"), path);
    if (fresh) {
        AUTO_FD above_fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (above_fd < 0 || fsync(above_fd) < 0)
            return error_set_errno(error, VIR_FROM_NONE, errno, _("The directory '%s' cannot be flushed"), above);
    }
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("The directory '%s' cannot be opened"), path);
    return 0;
}

static int make_parents(const char *path, Error *error)
{
    g_autofree char *above = g_path_get_dirname(path);

    if (g_mkdir_with_parents(above, 0755) < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("The directory '%s' cannot be made"), above);
    return 0;
}

/* The lock file is open for reading only: a file that is open for writing would keep an administrator from making
 * the file system read-only. */
static int lock_directory(Store *store, Error *error)
{
    store->lock_fd = descriptor_own(openat(store->documents.fd, ".lock", O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (store->lock_fd < 0)
        return fail(error, store, ".lock", N_("The lock file '%s' cannot be opened"));
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return fail(error, store, ".lock", N_("The lock file '%s' cannot be locked"));
    return error_set(error, VIR_FROM_NONE, VIR_ERR_OPERATION_INVALID,
                     _("The directory '%s' is in use by another process"), store->documents.path);
}

Store *store_open(const char *directory, Error *error)
{
    Store *store = g_new0(Store, 1);

    lock_assert_none();
    lock_init(&store->lock, LOCK_STORE);
    store_journal_init(&store->journal);
    store->lock_fd = store->documents.fd = store->links.fd = -1;
    store->documents.path = g_strdup(directory);
    store->links.path = g_build_filename(directory, STORE_LINKS, NULL);
    store->can_exchange = true;
    store->idle = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    store->cooling = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    if (make_parents(directory, error) < 0 || open_folder(directory, &store->documents.fd, error) < 0
        || lock_directory(store, error) < 0 || open_folder(store->links.path, &store->links.fd, error) < 0
        || store_recover(store, error) < 0 || store_replay(store, error) < 0) {
        store_close(store);
        return NULL;
    }
    return store;
}

static void drop_spares(Store *store, GArray *numbers)
{
    for (guint i = 0; i < numbers->len; i++) {
        Spare spare = { .number = g_array_index(numbers, uint64_t, i), .fd = -1 };

        snprintf(spare.name, sizeof spare.name, STORE_SPARE "%" G_GUINT64_FORMAT, spare.number);
        store_spare_drop(store, &spare);
    }
}

void store_close(Store *store)
{
    if (!store)
        return;
    store_journal_close(store);
    drop_spares(store, store->idle);
    drop_spares(store, store->cooling);
    auto_close(&store->links.fd);
    auto_close(&store->documents.fd);
    auto_close(&store->lock_fd);
    g_array_unref(store->idle);
    g_array_unref(store->cooling);
    g_free(store->links.path);
    g_free(store->documents.path);
    lock_deinit(&store->lock);
    g_free(store);
}

const char *store_directory(const Store *store)
{
    return store->documents.path;
}

int store_reopen(const StoreFolder *folder)
{
    return openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* --- save ----------------------------------------------------------------------------------- */

/* "NAME.xml" in `file`; a name that no file can have is the client's mistake. */
static int file_of(const char *name, char file[256], Error *error)
{
    size_t size = strlen(name);

    if (size == 0 || strchr(name, '/'))
        return error_set(error, VIR_FROM_NONE, VIR_ERR_XML_ERROR,
                         _("The name '%s' cannot be the name of a file"), name);
    if (size > STORE_NAME_MAX)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_XML_ERROR,
                         _("The name '%s' is longer than %zu bytes"), name, (size_t)STORE_NAME_MAX);
    snprintf(file, 256, "%s" STORE_SUFFIX, name);
    return 0;
}

static int check_size(const char *file, size_t size, Error *error)
{
    if (size > STORE_DOCUMENT_MAX - sizeof STORE_HEAD)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_XML_ERROR,
                         _("The document for '%s' has %zu bytes, more than can be stored"), file, size);
    return 0;
}

const char *store_head_of(const char *document, size_t size)
{
    return size >= 5 && memcmp(document, "<?xml", 5) == 0 ? "" : STORE_HEAD;
}

/* A spare with the document; on the disk unless the journal will have it. */
static int write_aside(Store *store, Spare *spare, const StoreChange *change, Error *error)
{
    if (store_spare_take(store, spare) == 0
        && store_spare_write(spare, store_head_of(change->document, change->size), change->document, change->size,
                             !change->journaled) == 0)
        return 0;
    fail(error, store, change->file, N_("The file '%s' cannot be written"));
    store_spare_drop(store, spare);
    return -1;
}

static bool is_regular(const Store *store, const char *file)
{
    struct stat st;

    return fstatat(store->documents.fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* Gives the spare the document's name; -1 and errno. `*left`: the former document is now under the spare's name. */
static int publish(Store *store, const Spare *spare, const char *file, bool *left)
{
    int fd = store->documents.fd;

    *left = g_atomic_int_get(&store->can_exchange) && is_regular(store, file);
    if (*left && renameat2(fd, spare->name, fd, file, RENAME_EXCHANGE) == 0)
        return 0;
    if (*left && (errno == EINVAL || errno == ENOSYS))
        g_atomic_int_set(&store->can_exchange, false);
    *left = false;
    return renameat(fd, spare->name, fd, file);
}

static int save(Store *store, StoreChange *change, Error *error)
{
    Spare spare;
    bool left;

    if (write_aside(store, &spare, change, error) < 0)
        return -1;
    if (store_change_record(store, change, error) < 0) {
        store_spare_drop(store, &spare);
        return -1;
    }
    if (publish(store, &spare, change->file, &left) < 0) {
        fail(error, store, change->file, N_("The file '%s' cannot be replaced"));
        store_spare_drop(store, &spare);
        return -1;
    }
    if (!change->journaled && store_flush(store, &store->documents, error) < 0)
        return -1;
    if (left)
        store_spare_keep(store, &spare, !change->journaled);
    return 0;
}

int store_save(Store *store, const char *name, const char *document, size_t size, Error *error)
{
    char file[256];
    StoreChange change = { .op = JOURNAL_SAVE, .file = file, .document = document, .size = size };

    if (file_of(name, file, error) < 0 || check_size(file, size, error) < 0
        || store_change_begin(store, &change, error) < 0)
        return -1;
    return store_change_end(store, &change, save(store, &change, error));
}

/* --- autostart ------------------------------------------------------------------------------ */

/* 1 when the link was made or removed, 0 when it was so before, -1 and errno. */
static int set_link(Store *store, const char *file, bool autostart)
{
    g_autofree char *target = g_strconcat("../", file, NULL);

    if (!autostart)
        return unlinkat(store->links.fd, file, 0) == 0 ? 1 : errno == ENOENT ? 0 : -1;
    return symlinkat(target, store->links.fd, file) == 0 ? 1 : errno == EEXIST ? 0 : -1;
}

static int change_link(Store *store, StoreChange *change, bool autostart, Error *error)
{
    if (store_change_record(store, change, error) < 0)
        return -1;
    if (set_link(store, change->file, autostart) < 0) {
        g_autofree char *path = g_build_filename(STORE_LINKS, change->file, NULL);

        return fail(error, store, path,
                    autostart ? N_("The link '%s' cannot be made") : N_("The link '%s' cannot be removed"));
    }
    /* Also when it was so before: that change's own flush may have failed. */
    return change->journaled ? 0 : store_flush(store, &store->links, error);
}

int store_set_autostart(Store *store, const char *name, bool autostart, Error *error)
{
    char file[256];
    StoreChange change = { .op = autostart ? JOURNAL_LINK : JOURNAL_UNLINK, .file = file };

    if (file_of(name, file, error) < 0 || store_change_begin(store, &change, error) < 0)
        return -1;
    return store_change_end(store, &change, change_link(store, &change, autostart, error));
}

/* --- remove --------------------------------------------------------------------------------- */

/* Takes the document's name away; -1 and errno. `*left`: the document is now under the spare's name. */
static int withdraw(Store *store, const char *file, Spare *spare, bool *left)
{
    int fd = store->documents.fd;

    *left = is_regular(store, file) && store_spare_name(store, spare)
            && renameat2(fd, file, fd, spare->name, RENAME_NOREPLACE) == 0;
    if (*left)
        return 0;
    return unlinkat(fd, file, 0) == 0 || errno == ENOENT ? 0 : -1;
}

static int remove_document(Store *store, StoreChange *change, Error *error)
{
    Spare spare;
    bool left;
    int link;

    if (store_change_record(store, change, error) < 0)
        return -1;
    /* The link first: one that outlived its document would start the next one of that name. */
    link = set_link(store, change->file, false);
    if (link < 0 || withdraw(store, change->file, &spare, &left) < 0) {
        fail(error, store, change->file, N_("The file '%s' cannot be removed"));
        if (link > 0)
            set_link(store, change->file, true);
        return -1;
    }
    if (!change->journaled && ((link > 0 && store_flush(store, &store->links, error) < 0)
                               || store_flush(store, &store->documents, error) < 0))
        return -1;
    if (left)
        store_spare_keep(store, &spare, !change->journaled);
    return 0;
}

int store_remove(Store *store, const char *name, Error *error)
{
    char file[256];
    StoreChange change = { .op = JOURNAL_REMOVE, .file = file };

    if (file_of(name, file, error) < 0 || store_change_begin(store, &change, error) < 0)
        return -1;
    return store_change_end(store, &change, remove_document(store, &change, error));
}

/* --- rename --------------------------------------------------------------------------------- */

/* The files of a rename that isn't decided yet. */
static void forget_rename(Store *store, const char *intent, Spare *spare)
{
    int errnum = errno;

    unlinkat(store->documents.fd, intent, 0);
    store_spare_drop(store, spare);
    errno = errnum;
}

/* Writes .rename-N, which says what .spare-N is for, and flushes the directory: from then on it is decided. */
static int decide_rename(Store *store, Spare *spare, const char *intent, const char *old_file, const char *new_file,
                         Error *error)
{
    g_autofree char *text = g_strdup_printf("%s\n%s\n.\n", old_file, new_file);
    Spare note = { .number = spare->number };

    g_strlcpy(note.name, intent, sizeof note.name);
    note.fd = openat(store->documents.fd, intent, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (note.fd < 0 || store_spare_write(&note, "", text, strlen(text), true) < 0) {
        fail(error, store, new_file, N_("The file '%s' cannot be written"));
        forget_rename(store, intent, spare);
        return -1;
    }
    if (store_flush(store, &store->documents, error) < 0) {
        forget_rename(store, intent, spare);
        return -1;
    }
    return 0;
}

static int rename_with_journal(Store *store, StoreChange *change, Error *error)
{
    Spare spare;
    int rc;

    if (write_aside(store, &spare, change, error) < 0)
        return -1;
    change->autostart = faccessat(store->links.fd, change->old, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    rc = store_change_record(store, change, error);
    if (rc == 0 && store_rename_finish(store, spare.name, change->old, change->file) < 0)
        rc = fail(error, store, change->file, N_("The file '%s' cannot take its place"));
    store_spare_drop(store, &spare);
    return rc;
}

static int rename_with_flushes(Store *store, StoreChange *change, Error *error)
{
    char intent[32];
    Spare spare;

    if (strchr(change->old, '\n') || strchr(change->file, '\n'))
        return error_set(error, VIR_FROM_NONE, VIR_ERR_XML_ERROR,
                         _("The name '%s' cannot be the name of a file"), change->file);
    if (write_aside(store, &spare, change, error) < 0)
        return -1;
    snprintf(intent, sizeof intent, STORE_RENAME "%" G_GUINT64_FORMAT, spare.number);
    if (decide_rename(store, &spare, intent, change->old, change->file, error) < 0)
        return -1;
    if (store_rename_finish(store, spare.name, change->old, change->file) < 0) {
        fail(error, store, change->file, N_("The file '%s' cannot take its place"));
        forget_rename(store, intent, &spare);
        return -1;
    }
    if (store_flush(store, &store->links, error) < 0 || store_flush(store, &store->documents, error) < 0)
        return -1;
    /* The next flush takes these along; until then doing it once more after a crash changes nothing. */
    forget_rename(store, intent, &spare);
    return 0;
}

int store_rename(Store *store, const char *old, const char *name, const char *document, size_t size, Error *error)
{
    char old_file[256], new_file[256];
    StoreChange change = { .op = JOURNAL_RENAME, .old = old_file, .file = new_file, .document = document, .size = size };

    if (strcmp(old, name) == 0)
        return store_save(store, name, document, size, error);
    if (file_of(old, old_file, error) < 0 || file_of(name, new_file, error) < 0
        || check_size(new_file, size, error) < 0 || store_change_begin(store, &change, error) < 0)
        return -1;
    return store_change_end(store, &change, change.journaled ? rename_with_journal(store, &change, error)
                                                             : rename_with_flushes(store, &change, error));
}
