/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/store.h promises, short of pulling the plug: conf-store-crash.c kills. */
#include "conf/store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/store-private.h"

typedef struct Place {
    char *path;       /* of the store */
    Store *store;
    unsigned fds;     /* open before the test */
} Place;

static unsigned count_entries(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;

    g_assert_nonnull(dir);
    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void reopen(Place *place)
{
    Error error = ERROR_INIT;

    store_close(place->store);
    place->store = store_open(place->path, &error);
    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_nonnull(place->store);
}

static void place_setup(Place *place, gconstpointer unused)
{
    g_autofree char *above = g_dir_make_tmp("drover-store-XXXXXX", NULL);

    place->fds = count_entries("/proc/self/fd");
    place->path = g_build_filename(above, "domains", NULL);
    place->store = NULL;
    reopen(place);
}

static void remove_tree(const char *path)
{
    const char *argv[] = { "rm", "-rf", path, NULL };
    int status;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
}

static void place_teardown(Place *place, gconstpointer unused)
{
    g_autofree char *above = g_path_get_dirname(place->path);

    store_close(place->store);
    g_assert_cmpuint(count_entries("/proc/self/fd"), ==, place->fds);
    remove_tree(above);
    g_free(place->path);
}

static void save(Place *place, const char *name, const char *document)
{
    Error error = ERROR_INIT;

    store_save(place->store, name, document, strlen(document), &error);
    g_assert_cmpstr(error.message, ==, NULL);
}

static char *path_of(Place *place, const char *file)
{
    return g_build_filename(place->path, file, NULL);
}

static void put_file(Place *place, const char *file, const char *text)
{
    g_autofree char *path = path_of(place, file);

    g_assert_true(g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

static bool has_file(Place *place, const char *file)
{
    g_autofree char *path = path_of(place, file);
    struct stat st;

    return lstat(path, &st) == 0;
}

/* --- loading: name → document, and which are to start ---------------------------------------- */

typedef struct Loaded {
    GMutex mutex;
    GHashTable *documents;    /* name → text */
    GHashTable *autostart;    /* names */
    const char *refused;      /* this name isn't taken */
} Loaded;

static bool take(void *data, const StoredDocument *document, Error *error)
{
    Loaded *loaded = data;
    bool fresh;

    g_assert_cmpuint(strlen(document->document), ==, document->size);
    if (g_strcmp0(loaded->refused, document->name) == 0) {
        error_set(error, VIR_FROM_DOMAIN, VIR_ERR_XML_ERROR, "damaged");
        return false;
    }
    g_mutex_lock(&loaded->mutex);
    fresh = g_hash_table_insert(loaded->documents, g_strdup(document->name), g_strdup(document->document));
    if (document->autostart)
        g_hash_table_add(loaded->autostart, g_strdup(document->name));
    g_mutex_unlock(&loaded->mutex);
    g_assert_true(fresh);
    return true;
}

static void load(Place *place, Loaded *loaded, unsigned threads, const char *refused)
{
    Error error = ERROR_INIT;
    int n;

    *loaded = (Loaded){
        .documents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
        .autostart = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .refused = refused,
    };
    n = store_load(place->store, threads, take, loaded, &error);
    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_cmpint(n, ==, (int)g_hash_table_size(loaded->documents));
}

static void loaded_free(Loaded *loaded)
{
    g_hash_table_unref(loaded->documents);
    g_hash_table_unref(loaded->autostart);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Loaded, loaded_free)

/* What is loaded after a restart: "name=document" of each, '*' before what is to start, in order of names. */
static char *contents(Place *place)
{
    g_auto(Loaded) loaded;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GList) names = NULL;

    reopen(place);
    load(place, &loaded, 2, NULL);
    names = g_list_sort(g_hash_table_get_keys(loaded.documents), (GCompareFunc)strcmp);
    for (GList *at = names; at; at = at->next)
        g_string_append_printf(text, "%s%s%s=%s", text->len ? " " : "",
                               g_hash_table_contains(loaded.autostart, at->data) ? "*" : "", (char *)at->data,
                               (char *)g_hash_table_lookup(loaded.documents, at->data));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void assert_contents(Place *place, const char *expected)
{
    g_autofree char *text = contents(place);

    g_assert_cmpstr(text, ==, expected);
}

/* --- changes -------------------------------------------------------------------------------- */

static void what_was_saved_is_loaded(Place *place, gconstpointer unused)
{
    save(place, "a", "<a/>");
    save(place, "b", "<?xml version='1.0'?>\n<b/>");
    assert_contents(place, "a=<a/> b=<?xml version='1.0'?>\n<b/>");
}

static void what_was_saved_last_is_loaded(Place *place, gconstpointer unused)
{
    for (int i = 0; i < 20; i++) {
        g_autofree char *text = g_strdup_printf("<a i='%0*d'/>", 200 - i, i);

        save(place, "a", text);
        save(place, i % 2 ? "b" : "c", text + i);
    }
    save(place, "a", "<a/>");
    save(place, "b", "<b/>");
    save(place, "c", "<c/>");
    assert_contents(place, "a=<a/> b=<b/> c=<c/>");
}

static void documents_are_readable_files_for_their_owner_alone(Place *place, gconstpointer unused)
{
    g_autofree char *file = path_of(place, "a.xml");
    g_autofree char *text = NULL;
    struct stat st;

    save(place, "a", "<a/>\n");
    g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
    g_assert_true(g_str_has_suffix(text, "\n<a/>\n"));
    g_assert_cmpint(stat(file, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
    g_assert_cmpint(stat(place->path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0700);
}

static void a_closed_store_leaves_documents_and_its_journal_and_nothing_else(Place *place, gconstpointer unused)
{
    for (int i = 0; i < 10; i++) {
        save(place, "a", "<a/>");
        save(place, "b", "<b/>");
        g_assert_cmpint(store_remove(place->store, "b", NULL), ==, 0);
    }
    g_clear_pointer(&place->store, store_close);
    g_assert_cmpuint(count_entries(place->path), ==, 5);    /* a.xml, autostart, .lock, .journal-0, .journal-1 */
}

static void a_second_store_on_the_directory_is_refused(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;

    g_assert_null(store_open(place->path, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_OPERATION_INVALID);
    g_assert_nonnull(strstr(error.message, place->path));
    error_clear(&error);
    reopen(place);
}

static void a_directory_that_cannot_be_made_is_named(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;

    g_assert_null(store_open("/proc/nothing/here", &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_nonnull(strstr(error.message, "/proc/nothing"));
    error_clear(&error);
}

static void names_that_no_file_can_have_are_refused(Place *place, gconstpointer unused)
{
    g_autofree char *longest = g_strnfill(251, 'n');
    g_autofree char *longer = g_strnfill(252, 'n');
    const char *bad[] = { "", "a/b", "/", "../a", longer };
    Error error = ERROR_INIT;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_cmpint(store_save(place->store, bad[i], "<a/>", 4, &error), ==, -1);
        g_assert_cmpint(error.code, ==, VIR_ERR_XML_ERROR);
        g_assert_cmpint(store_remove(place->store, bad[i], &error), ==, -1);
        g_assert_cmpint(store_set_autostart(place->store, bad[i], true, &error), ==, -1);
        g_assert_cmpint(store_rename(place->store, "a", bad[i], "<a/>", 4, &error), ==, -1);
        g_assert_cmpint(error.code, ==, VIR_ERR_XML_ERROR);
    }
    error_clear(&error);
    save(place, longest, "<a/>");
    g_assert_cmpint(store_set_autostart(place->store, longest, true, NULL), ==, 0);
}

static void strange_names_are_names_like_others(Place *place, gconstpointer unused)
{
    save(place, ".", "1");
    save(place, "..", "2");
    save(place, ".spare-0", "3");
    save(place, ".rename-0", "4");
    save(place, "a.xml", "5");
    save(place, "autostart", "6");
    save(place, "ä b", "7");
    assert_contents(place, ".=1 ..=2 .rename-0=4 .spare-0=3 a.xml=5 autostart=6 ä b=7");
}

static void a_removed_document_is_gone_and_its_link_too(Place *place, gconstpointer unused)
{
    save(place, "a", "<a/>");
    save(place, "b", "<b/>");
    g_assert_cmpint(store_set_autostart(place->store, "a", true, NULL), ==, 0);
    g_assert_cmpint(store_remove(place->store, "a", NULL), ==, 0);
    g_assert_false(has_file(place, "a.xml"));
    g_assert_false(has_file(place, "autostart/a.xml"));
    save(place, "a", "<new/>");
    assert_contents(place, "a=<new/> b=<b/>");
}

static void removing_what_is_not_there_is_success(Place *place, gconstpointer unused)
{
    g_assert_cmpint(store_remove(place->store, "a", NULL), ==, 0);
    save(place, "a", "<a/>");
    g_assert_cmpint(store_remove(place->store, "a", NULL), ==, 0);
    g_assert_cmpint(store_remove(place->store, "a", NULL), ==, 0);
}

static void autostart_is_a_link_that_is_kept(Place *place, gconstpointer unused)
{
    g_autofree char *link = path_of(place, "autostart/a.xml");
    g_autofree char *target = NULL;

    save(place, "a", "<a/>");
    save(place, "b", "<b/>");
    g_assert_cmpint(store_set_autostart(place->store, "a", true, NULL), ==, 0);
    g_assert_cmpint(store_set_autostart(place->store, "a", true, NULL), ==, 0);
    target = g_file_read_link(link, NULL);
    g_assert_cmpstr(target, ==, "../a.xml");
    assert_contents(place, "*a=<a/> b=<b/>");
    g_assert_cmpint(store_set_autostart(place->store, "a", false, NULL), ==, 0);
    g_assert_cmpint(store_set_autostart(place->store, "a", false, NULL), ==, 0);
    assert_contents(place, "a=<a/> b=<b/>");
}

static void a_renamed_document_takes_its_autostart_along(Place *place, gconstpointer unused)
{
    save(place, "a", "<a/>");
    save(place, "b", "<b/>");
    g_assert_cmpint(store_set_autostart(place->store, "a", true, NULL), ==, 0);
    g_assert_cmpint(store_rename(place->store, "a", "c", "<c/>", 4, NULL), ==, 0);
    g_assert_cmpint(store_rename(place->store, "b", "b", "<bb/>", 5, NULL), ==, 0);
    g_assert_false(has_file(place, "a.xml"));
    assert_contents(place, "b=<bb/> *c=<c/>");
    g_assert_cmpint(store_rename(place->store, "c", "a", "<a2/>", 5, NULL), ==, 0);
    save(place, "a", "<a3/>");
    assert_contents(place, "*a=<a3/> b=<bb/>");
}

static void without_exchange_of_names_everything_works_as_well(Place *place, gconstpointer unused)
{
    place->store->can_exchange = false;
    save(place, "a", "<a/>");
    save(place, "a", "<aa/>");
    save(place, "b", "<b/>");
    g_assert_cmpint(store_rename(place->store, "b", "c", "<c/>", 4, NULL), ==, 0);
    assert_contents(place, "a=<aa/> c=<c/>");
}

/* --- former documents ----------------------------------------------------------------------- */

/* So many changes that every spare is written over. */
static void churn(Place *place)
{
    for (int i = 0; i < 8; i++) {
        save(place, "churn", "<churned/>");
        save(place, "a", "<later/>");
    }
}

static void who_reads_a_document_sees_it_whole_while_it_changes(Place *place, gconstpointer unused)
{
    g_autofree char *file = path_of(place, "a.xml");
    char text[512] = "";
    int fd;

    save(place, "a", "<first/>");
    fd = open(file, O_RDONLY);
    churn(place);
    g_assert_cmpint(read(fd, text, sizeof text - 1), >, 0);
    close(fd);
    g_assert_true(g_str_has_suffix(text, "<first/>"));
}

static void a_backup_made_of_links_stays_as_it_was(Place *place, gconstpointer unused)
{
    g_autofree char *file = path_of(place, "a.xml");
    g_autofree char *backup = path_of(place, "backup");
    g_autofree char *text = NULL;

    save(place, "a", "<first/>");
    g_assert_cmpint(link(file, backup), ==, 0);
    churn(place);
    g_assert_true(g_file_get_contents(backup, &text, NULL, NULL));
    g_assert_true(g_str_has_suffix(text, "<first/>"));
}

static void a_mode_given_to_one_document_does_not_pass_to_another(Place *place, gconstpointer unused)
{
    g_autofree char *file = path_of(place, "a.xml");
    g_autofree char *other = path_of(place, "churn.xml");
    struct stat st;

    save(place, "a", "<first/>");
    g_assert_cmpint(chmod(file, 0644), ==, 0);
    churn(place);
    g_assert_cmpint(stat(other, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
    g_assert_cmpint(stat(file, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
}

static void a_link_in_a_documents_place_is_replaced_and_not_followed(Place *place, gconstpointer unused)
{
    g_autofree char *file = path_of(place, "a.xml");
    g_autofree char *victim = path_of(place, "victim");
    g_autofree char *text = NULL;

    put_file(place, "victim", "untouched");
    g_assert_cmpint(symlink("victim", file), ==, 0);
    save(place, "a", "<a/>");
    churn(place);
    g_assert_true(g_file_get_contents(victim, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "untouched");
    assert_contents(place, "a=<later/> churn=<churned/>");
}

/* --- loading -------------------------------------------------------------------------------- */

static void many_threads_load_each_document_once(Place *place, gconstpointer unused)
{
    g_auto(Loaded) loaded;

    for (int i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("n%d", i);

        put_file(place, "x", "");
        save(place, name, name);
    }
    load(place, &loaded, 8, NULL);
    g_assert_cmpuint(g_hash_table_size(loaded.documents), ==, 100);
    g_assert_cmpstr(g_hash_table_lookup(loaded.documents, "n42"), ==, "n42");
}

static void an_empty_store_loads_nothing(Place *place, gconstpointer unused)
{
    assert_contents(place, "");
}

static void damaged_and_foreign_files_are_left_alone_and_the_rest_is_loaded(Place *place, gconstpointer unused)
{
    g_autofree char *folder = path_of(place, "folder.xml");
    g_autofree char *fifo = path_of(place, "fifo.xml");
    g_autofree char *link = path_of(place, "link.xml");
    g_autofree char *big = path_of(place, "big.xml");
    g_auto(Loaded) loaded;

    save(place, "good", "<good/>");
    put_file(place, "bad.xml", "<bad");
    put_file(place, "README", "not ours");
    put_file(place, ".xml", "no name");
    put_file(place, "big.xml", "");
    g_assert_cmpint(truncate(big, (16 << 20) + 1), ==, 0);
    g_assert_cmpint(mkdir(folder, 0700), ==, 0);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
    load(place, &loaded, 3, "bad");
    g_assert_cmpuint(g_hash_table_size(loaded.documents), ==, 1);
    g_assert_true(g_hash_table_contains(loaded.documents, "good"));
    g_assert_true(has_file(place, "bad.xml") && has_file(place, "README") && has_file(place, "big.xml")
                  && has_file(place, "folder.xml") && has_file(place, "fifo.xml") && has_file(place, "link.xml"));
}

static void links_that_lead_nowhere_are_ignored(Place *place, gconstpointer unused)
{
    g_autofree char *link = path_of(place, "autostart/gone.xml");

    save(place, "a", "<a/>");
    put_file(place, "autostart/a.xml", "not a link");
    g_assert_cmpint(symlink("../gone.xml", link), ==, 0);
    assert_contents(place, "a=<a/>");
}

/* --- interrupted renames, state by state ----------------------------------------------------- */

/* As store_rename leaves the directory when it is killed after so many of its steps. */
static void interrupted_rename(Place *place, unsigned steps, bool autostart)
{
    g_autofree char *spare = path_of(place, ".spare-7");
    g_autofree char *old = path_of(place, "old.xml");
    g_autofree char *new = path_of(place, "new.xml");
    g_autofree char *old_link = path_of(place, "autostart/old.xml");
    g_autofree char *new_link = path_of(place, "autostart/new.xml");

    save(place, "old", "<old/>");
    g_assert_cmpint(store_set_autostart(place->store, "old", autostart, NULL), ==, 0);
    g_clear_pointer(&place->store, store_close);
    if (steps >= 1)
        put_file(place, ".spare-7", "<new/>");
    if (steps == 2)
        put_file(place, ".rename-7", "old.xml\nnew");
    if (steps >= 3)
        put_file(place, ".rename-7", "old.xml\nnew.xml\n.\n");
    if (steps >= 4)
        g_assert_cmpint(link(spare, new), ==, 0);
    if (steps >= 5 && autostart)
        g_assert_cmpint(symlink("../new.xml", new_link), ==, 0);
    if (steps >= 6)
        g_assert_cmpint(unlink(old), ==, 0);
    if (steps >= 7 && autostart)
        g_assert_cmpint(unlink(old_link), ==, 0);
    if (steps >= 8)
        g_assert_cmpint(unlink(spare), ==, 0);
}

static void an_interrupted_rename_leaves_exactly_one(Place *place, gconstpointer unused)
{
    for (unsigned steps = 0; steps <= 8; steps++)
        for (int autostart = 0; autostart < 2; autostart++) {
            g_autofree char *expected = g_strdup_printf("%s%s", autostart ? "*" : "", steps < 3 ? "old=<old/>" : "new=<new/>");

            g_test_message("after step %u, autostart %d", steps, autostart);
            interrupted_rename(place, steps, autostart);
            assert_contents(place, expected);
            g_assert_false(has_file(place, ".spare-7"));
            g_assert_false(has_file(place, ".rename-7"));
            g_assert_cmpint(store_remove(place->store, "new", NULL), ==, 0);
            g_assert_cmpint(store_remove(place->store, "old", NULL), ==, 0);
            assert_contents(place, "");
        }
}

static void a_spare_that_could_be_a_documents_only_copy_stays(Place *place, gconstpointer unused)
{
    g_autofree char *spare = path_of(place, ".spare-3");
    g_autofree char *file = path_of(place, "a.xml");

    /* With a count of two it is an ordinary second name and goes. */
    save(place, "a", "<a/>");
    g_assert_cmpint(link(file, spare), ==, 0);
    assert_contents(place, "a=<a/>");
    g_assert_false(has_file(place, ".spare-3"));
    /* What can't be removed is passed over. */
    g_assert_cmpint(mkdir(spare, 0700), ==, 0);
    assert_contents(place, "a=<a/>");
    for (int i = 0; i < 10; i++)
        save(place, "a", "<aa/>");
    g_assert_true(has_file(place, ".spare-3"));
    assert_contents(place, "a=<aa/>");
}

/* --- flushes -------------------------------------------------------------------------------- */

typedef struct Saver {
    Place *place;
    unsigned number;
} Saver;

static gpointer save_often(gpointer data)
{
    Saver *saver = data;

    for (int i = 0; i < 25; i++) {
        g_autofree char *name = g_strdup_printf("t%u-%d", saver->number, i % 5);

        save(saver->place, name, name);
        if (i % 5 == 4)
            g_assert_cmpint(store_remove(saver->place->store, name, NULL), ==, 0);
    }
    return NULL;
}

static void threads_change_different_documents_side_by_side(Place *place, gconstpointer unused)
{
    GThread *threads[8];
    Saver savers[G_N_ELEMENTS(threads)];
    g_auto(Loaded) loaded;

    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++) {
        savers[i] = (Saver){ place, i };
        threads[i] = g_thread_new("save", save_often, &savers[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    reopen(place);
    load(place, &loaded, 4, NULL);
    g_assert_cmpuint(g_hash_table_size(loaded.documents), ==, 4 * G_N_ELEMENTS(threads));
}

typedef struct Flusher {
    Store *store;
    StoreFolder *folder;
} Flusher;

static gpointer flush_once(gpointer data)
{
    Flusher *flusher = data;
    Error error = ERROR_INIT;

    g_assert_cmpint(store_flush(flusher->store, flusher->folder, &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_nonnull(strstr(error.message, "a pipe"));
    error_clear(&error);
    return NULL;
}

static void a_flush_that_fails_is_told_to_all_who_wait_for_it(Place *place, gconstpointer unused)
{
    StoreFolder folder = { .path = (char *)"a pipe" };
    Flusher flusher = { place->store, &folder };
    GThread *threads[4];
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    folder.fd = fds[0];    /* fsync says EINVAL */
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("flush", flush_once, &flusher);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    close(fds[0]);
    close(fds[1]);
    save(place, "a", "<a/>");
    assert_contents(place, "a=<a/>");
}

/* --- disks that refuse ----------------------------------------------------------------------- */

static void assert_cannot_save(Place *place, const char *name, size_t size, int errnum)
{
    g_autofree char *document = g_strnfill(size, 'x');
    Error error = ERROR_INIT;

    g_assert_cmpint(store_save(place->store, name, document, size, &error), ==, -1);
    g_test_message("%s", error.message);
    g_assert_cmpint(error.code, ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpint(error.int1, ==, errnum);
    g_assert_nonnull(strstr(error.message, place->path));
    g_assert_nonnull(strstr(error.message, name));
    error_clear(&error);
}

/* A small file system of our own on the store's directory; false (and skipped) when that isn't allowed. */
static bool mount_small(Place *place)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        g_test_skip("mounting is not allowed here");
        return false;
    }
    g_clear_pointer(&place->store, store_close);
    g_assert_cmpint(mount("none", place->path, "tmpfs", 0, "size=256k,mode=0700"), ==, 0);
    reopen(place);
    return true;
}

static void unmount_small(Place *place)
{
    g_clear_pointer(&place->store, store_close);
    g_assert_cmpint(umount(place->path), ==, 0);
}

static void a_full_disk_changes_nothing_and_is_got_over(Place *place, gconstpointer unused)
{
    g_autofree char *filler = path_of(place, "filler");

    if (!mount_small(place))
        return;
    save(place, "a", "<a/>");
    save(place, "a", "<aa/>");
    assert_cannot_save(place, "a", 400000, ENOSPC);
    assert_cannot_save(place, "b", 400000, ENOSPC);
    assert_contents(place, "a=<aa/>");
    while (g_file_test(filler, G_FILE_TEST_EXISTS) == false) {
        int fd = open(filler, O_WRONLY | O_CREAT, 0600);
        char block[4096] = "";

        while (write(fd, block, sizeof block) > 0)
            ;
        close(fd);
    }
    assert_cannot_save(place, "b", 5000, ENOSPC);
    assert_contents(place, "a=<aa/>");
    g_assert_cmpint(unlink(filler), ==, 0);
    save(place, "a", "<a3/>");
    save(place, "b", "<b/>");
    assert_contents(place, "a=<a3/> b=<b/>");
    unmount_small(place);
}

static void a_read_only_disk_changes_nothing_and_is_got_over(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;

    if (!mount_small(place))
        return;
    save(place, "a", "<a/>");
    save(place, "a", "<aa/>");
    g_assert_cmpint(store_set_autostart(place->store, "a", true, NULL), ==, 0);
    g_assert_cmpint(mount("none", place->path, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
    assert_cannot_save(place, "a", 10, EROFS);
    assert_cannot_save(place, "b", 10, EROFS);
    g_assert_cmpint(store_remove(place->store, "a", &error), ==, -1);
    g_assert_cmpint(error.int1, ==, EROFS);
    g_assert_cmpint(store_rename(place->store, "a", "c", "<c/>", 4, &error), ==, -1);
    g_assert_cmpint(error.int1, ==, EROFS);
    g_assert_cmpint(store_set_autostart(place->store, "a", false, &error), ==, -1);
    g_assert_cmpint(error.int1, ==, EROFS);
    error_clear(&error);
    g_assert_cmpint(mount("none", place->path, "tmpfs", MS_REMOUNT, NULL), ==, 0);
    save(place, "b", "<b/>");
    assert_contents(place, "*a=<aa/> b=<b/>");
    unmount_small(place);
}

static void a_lost_permission_changes_nothing_and_is_got_over(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;

    save(place, "a", "<a/>");
    save(place, "a", "<aa/>");
    if (geteuid() == 0)
        setfsuid(65534);    /* this thread looks at files as somebody else */
    else
        g_assert_cmpint(chmod(place->path, 0500), ==, 0);
    assert_cannot_save(place, "b", 10, EACCES);
    g_assert_cmpint(store_remove(place->store, "a", &error), ==, -1);
    g_assert_cmpint(error.int1, ==, EACCES);
    error_clear(&error);
    if (geteuid() == 0)
        setfsuid(0);
    else
        g_assert_cmpint(chmod(place->path, 0700), ==, 0);
    g_assert_true(has_file(place, "a.xml"));
    save(place, "b", "<b/>");
    assert_contents(place, "a=<aa/> b=<b/>");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add("/conf/store/" #claim, Place, NULL, place_setup, claim, place_teardown)
    ADD(what_was_saved_is_loaded);
    ADD(what_was_saved_last_is_loaded);
    ADD(documents_are_readable_files_for_their_owner_alone);
    ADD(a_closed_store_leaves_documents_and_its_journal_and_nothing_else);
    ADD(a_second_store_on_the_directory_is_refused);
    ADD(a_directory_that_cannot_be_made_is_named);
    ADD(names_that_no_file_can_have_are_refused);
    ADD(strange_names_are_names_like_others);
    ADD(a_removed_document_is_gone_and_its_link_too);
    ADD(removing_what_is_not_there_is_success);
    ADD(autostart_is_a_link_that_is_kept);
    ADD(a_renamed_document_takes_its_autostart_along);
    ADD(without_exchange_of_names_everything_works_as_well);
    ADD(who_reads_a_document_sees_it_whole_while_it_changes);
    ADD(a_backup_made_of_links_stays_as_it_was);
    ADD(a_mode_given_to_one_document_does_not_pass_to_another);
    ADD(a_link_in_a_documents_place_is_replaced_and_not_followed);
    ADD(many_threads_load_each_document_once);
    ADD(an_empty_store_loads_nothing);
    ADD(damaged_and_foreign_files_are_left_alone_and_the_rest_is_loaded);
    ADD(links_that_lead_nowhere_are_ignored);
    ADD(an_interrupted_rename_leaves_exactly_one);
    ADD(a_spare_that_could_be_a_documents_only_copy_stays);
    ADD(threads_change_different_documents_side_by_side);
    ADD(a_flush_that_fails_is_told_to_all_who_wait_for_it);
    ADD(a_lost_permission_changes_nothing_and_is_got_over);
    ADD(a_full_disk_changes_nothing_and_is_got_over);
    ADD(a_read_only_disk_changes_nothing_and_is_got_over);
    return g_test_run();
}
