/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a store: the directory once, then every document by one of several threads.
 * The caller's thread is one of them; each takes the next name from a shared counter, reads the file and hands it over.
 * What can't be read or is refused is named in the log and left alone. Waits for the disk, takes no lock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/i18n.h"
#include "base/log.h"
#include "conf/store-private.h"

LOG_SOURCE("conf.store");

typedef bool TakeFunc(void *data, const StoredDocument *document, Error *error);

typedef struct Load {
    /* fixed while threads run */
    Store *store;
    GPtrArray *files;       /* "NAME.xml" */
    GHashTable *linked;     /* "NAME.xml" in the autostart folder */
    TakeFunc *take;
    void *data;
    /* atomic */
    guint next;
    int taken;
} Load;

static bool has_type(int dir_fd, const struct dirent *entry, unsigned char type, mode_t mode)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == type;
    return fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == mode;
}

/* Calls `each` for everything named *.xml in the folder; -1 and an error when it can't be read. */
static int read_folder(const StoreFolder *folder, void (*each)(Load *load, const struct dirent *entry), Load *load,
                       Error *error)
{
    int fd = store_reopen(folder);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int errnum;

    if (!dir)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("The directory '%s' cannot be read"), folder->path);
    for (errno = 0; (entry = readdir(dir)); errno = 0)
        if (g_str_has_suffix(entry->d_name, STORE_SUFFIX) && strlen(entry->d_name) > STORE_SUFFIX_SIZE)
            each(load, entry);
    errnum = errno;
    closedir(dir);
    if (errnum != 0)
        return error_set_errno(error, VIR_FROM_NONE, errnum, _("The directory '%s' cannot be read"), folder->path);
    return 0;
}

static void note_file(Load *load, const struct dirent *entry)
{
    const StoreFolder *folder = &load->store->documents;

    if (has_type(folder->fd, entry, DT_REG, S_IFREG))
        g_ptr_array_add(load->files, g_strdup(entry->d_name));
    else
        log_warning("'%s/%s' is not a regular file and is left alone", folder->path, entry->d_name);
}

static void note_link(Load *load, const struct dirent *entry)
{
    const StoreFolder *folder = &load->store->links;

    if (!has_type(folder->fd, entry, DT_LNK, S_IFLNK))
        log_warning("'%s/%s' is not a link and is left alone", folder->path, entry->d_name);
    else if (faccessat(load->store->documents.fd, entry->d_name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        log_warning("the link '%s/%s' leads to no document and is left alone", folder->path, entry->d_name);
    else
        g_hash_table_add(load->linked, g_strdup(entry->d_name));
}

static void load_one(Load *load, const char *file)
{
    int fd = load->store->documents.fd;
    Error error = ERROR_INIT;
    size_t size = 0;
    g_autofree char *text = durable_read(fd, file, STORE_DOCUMENT_MAX, &size, &error);
    g_autofree char *name = g_strndup(file, strlen(file) - STORE_SUFFIX_SIZE);
    size_t head = text && g_str_has_prefix(text, STORE_HEAD) ? strlen(STORE_HEAD) : 0;
    StoredDocument document = {
        .name = name,
        .document = text + head,
        .size = size - head,
        .autostart = g_hash_table_contains(load->linked, file),
    };

    if (text && load->take(load->data, &document, &error))
        g_atomic_int_inc(&load->taken);
    else
        log_error("'%s/%s' is left alone: %s", load->store->documents.path, file,
                  error.message ? error.message : "it was refused");
    error_clear(&error);
}

static gpointer load_some(gpointer data)
{
    Load *load = data;

    for (;;) {
        guint i = g_atomic_int_add(&load->next, 1);

        if (i >= load->files->len)
            return NULL;
        load_one(load, load->files->pdata[i]);
    }
}

/* Runs load_some in up to `threads` threads, this one included, until all is read. */
static void load_all(Load *load, unsigned threads)
{
    unsigned wanted = MIN(threads, load->files->len);
    g_autoptr(GPtrArray) others = g_ptr_array_new();

    while (others->len + 1 < wanted) {
        GThread *thread = g_thread_try_new("load", load_some, load, NULL);

        if (!thread)
            break;
        g_ptr_array_add(others, thread);
    }
    load_some(load);
    for (guint i = 0; i < others->len; i++)
        g_thread_join(others->pdata[i]);
}

int store_load(Store *store, unsigned threads, TakeFunc *take, void *data, Error *error)
{
    Load load = {
        .store = store,
        .files = g_ptr_array_new_with_free_func(g_free),
        .linked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .take = take,
        .data = data,
    };
    int rc = -1;

    lock_assert_none();
    if (read_folder(&store->documents, note_file, &load, error) == 0
        && read_folder(&store->links, note_link, &load, error) == 0) {
        load_all(&load, threads);
        rc = load.taken;
    }
    g_ptr_array_unref(load.files);
    g_hash_table_unref(load.linked);
    return rc;
}
