/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a crash may leave in a store's directory, put in order when it is opened.
 * One thread, before anybody else knows the store; waits for the disk. Renames that were decided are finished,
 * spares are removed, and a file is never removed when it could be the only copy of a document. Takes no lock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/durable.h"
#include "base/i18n.h"
#include "base/log.h"
#include "conf/store-private.h"

LOG_SOURCE("conf.store");

static void auto_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}
#define AUTO_DIR __attribute__((cleanup(auto_closedir))) DIR

/* --- renames -------------------------------------------------------------------------------- */

static bool is_same_file(int fd, const char *a, const char *b)
{
    struct stat st_a, st_b;

    return fstatat(fd, a, &st_a, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(fd, b, &st_b, AT_SYMLINK_NOFOLLOW) == 0
           && st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
}

/* A second name for `from`; what had it before goes. -1 and errno. A link rather than a rename: without a journal a
 * power cut may leave only the half of a rename that takes the old name away. */
static int link_over(int fd, const char *from, const char *to)
{
    if (linkat(fd, from, fd, to, 0) == 0)
        return 0;
    if (errno == EEXIST)
        return is_same_file(fd, from, to) || (unlinkat(fd, to, 0) == 0 && linkat(fd, from, fd, to, 0) == 0) ? 0 : -1;
    if (errno == EPERM || errno == EOPNOTSUPP)    /* a file system without links */
        return renameat(fd, from, fd, to);
    return -1;
}

int store_rename_finish(Store *store, const char *spare, const char *old_file, const char *new_file)
{
    g_autofree char *target = g_strconcat("../", new_file, NULL);
    int links = store->links.fd;
    bool autostart = faccessat(links, old_file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    int errnum;

    if (link_over(store->documents.fd, spare, new_file) < 0)
        return -1;
    if ((autostart && symlinkat(target, links, new_file) < 0 && errno != EEXIST)
        || (unlinkat(store->documents.fd, old_file, 0) < 0 && errno != ENOENT)) {
        errnum = errno;
        if (autostart)
            unlinkat(links, new_file, 0);
        unlinkat(store->documents.fd, new_file, 0);
        errno = errnum;
        return -1;
    }
    /* The new name's link only if the old one had it; either may be there from an earlier try. */
    if (autostart)
        unlinkat(links, old_file, 0);
    return 0;
}

/* Reads .rename-N; false when it is not complete, that is, when nothing was decided. */
static bool read_intent(Store *store, const char *intent, char **old_file, char **new_file)
{
    size_t size;
    g_autofree char *text = durable_read(store->documents.fd, intent, 4096, &size, NULL);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", 4) : NULL;

    if (!lines || g_strv_length(lines) != 4 || strcmp(lines[2], ".") != 0 || strchr(lines[0], '/')
        || strchr(lines[1], '/') || !g_str_has_suffix(lines[0], STORE_SUFFIX)
        || !g_str_has_suffix(lines[1], STORE_SUFFIX))
        return false;
    *old_file = g_strdup(lines[0]);
    *new_file = g_strdup(lines[1]);
    return true;
}

static int finish_rename(Store *store, const char *intent, Error *error)
{
    g_autofree char *spare = g_strconcat(STORE_SPARE, intent + strlen(STORE_RENAME), NULL);
    g_autofree char *old_file = NULL;
    g_autofree char *new_file = NULL;

    if (read_intent(store, intent, &old_file, &new_file)
        && faccessat(store->documents.fd, spare, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        log_warning("finishing the renaming of '%s' to '%s' in '%s'", old_file, new_file, store->documents.path);
        if (store_rename_finish(store, spare, old_file, new_file) < 0)
            return error_set_errno(error, VIR_FROM_NONE, errno,
                                   _("The renaming of '%s' to '%s' in '%s' cannot be finished"), old_file, new_file,
                                   store->documents.path);
        if (durable_flush_directory(store->links.fd, store->links.path, error) < 0
            || durable_flush_directory(store->documents.fd, store->documents.path, error) < 0)
            return -1;
        unlinkat(store->documents.fd, spare, 0);
    }
    unlinkat(store->documents.fd, intent, 0);
    return 0;
}

/* --- what is in the directory --------------------------------------------------------------- */

typedef struct Leftovers {
    GPtrArray *renames, *spares;    /* names */
    GHashTable *documents;          /* the inode numbers of NAME.xml */
} Leftovers;

static guint hash_inode(gconstpointer inode)
{
    return g_int64_hash(inode);
}

static int scan(Store *store, Leftovers *left, Error *error)
{
    int fd = store_reopen(&store->documents);
    AUTO_DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("The directory '%s' cannot be read"),
                               store->documents.path);
    while ((entry = readdir(dir))) {
        if (g_str_has_suffix(entry->d_name, STORE_SUFFIX))
            g_hash_table_add(left->documents, g_memdup2(&(gint64){ (gint64)entry->d_ino }, sizeof(gint64)));
        else if (g_str_has_prefix(entry->d_name, STORE_RENAME))
            g_ptr_array_add(left->renames, g_strdup(entry->d_name));
        else if (g_str_has_prefix(entry->d_name, STORE_SPARE))
            g_ptr_array_add(left->spares, g_strdup(entry->d_name));
    }
    return 0;
}

/* Removes a spare, unless that would take a document's content along: after a power cut on a file system without a
 * journal a file can have two names and a count of one, until it is checked. */
static void remove_spare(Store *store, const Leftovers *left, const char *spare)
{
    guint64 number = g_ascii_strtoull(spare + strlen(STORE_SPARE), NULL, 10);
    struct stat st;

    if (fstatat(store->documents.fd, spare, &st, AT_SYMLINK_NOFOLLOW) == 0
        && !(st.st_nlink < 2 && g_hash_table_contains(left->documents, &(gint64){ (gint64)st.st_ino }))
        && unlinkat(store->documents.fd, spare, 0) == 0)
        return;
    log_warning("the file '%s/%s' is left where it is", store->documents.path, spare);
    if (number < UINT64_MAX)
        store->next_spare = MAX(store->next_spare, number + 1);
}

int store_recover(Store *store, Error *error)
{
    Leftovers left = {
        g_ptr_array_new_with_free_func(g_free), g_ptr_array_new_with_free_func(g_free),
        g_hash_table_new_full(hash_inode, g_int64_equal, g_free, NULL),
    };
    int rc = scan(store, &left, error);

    for (guint i = 0; rc == 0 && i < left.renames->len; i++)
        rc = finish_rename(store, left.renames->pdata[i], error);
    for (guint i = 0; rc == 0 && i < left.spares->len; i++)
        if (faccessat(store->documents.fd, left.spares->pdata[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            remove_spare(store, &left, left.spares->pdata[i]);
    g_ptr_array_unref(left.renames);
    g_ptr_array_unref(left.spares);
    g_hash_table_unref(left.documents);
    return rc;
}
