/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the store's journal keeps over a power cut. A cut is made by copying the directory: the journal as it was
 * flushed, everything else as it was at an earlier moment, or damaged; the copy is opened. */
#include "conf/store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/store-private.h"

typedef struct Place {
    char *above, *path, *before, *after;    /* the store, a copy of an earlier moment, what a power cut leaves */
    Store *store;
} Place;

static void run_command(const char *first, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    int status = -1;
    va_list more;

    va_start(more, first);
    for (const char *word = first; word; word = va_arg(more, const char *))
        g_ptr_array_add(argv, (char *)word);
    va_end(more);
    g_ptr_array_add(argv, NULL);
    g_assert_true(g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                               NULL));
    g_assert_cmpint(status, ==, 0);
}

static Store *open_store(const char *path)
{
    Error error = ERROR_INIT;
    Store *store = store_open(path, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_nonnull(store);
    return store;
}

static void place_setup(Place *place, gconstpointer unused)
{
    place->above = g_dir_make_tmp("drover-journal-XXXXXX", NULL);
    place->path = g_build_filename(place->above, "store", NULL);
    place->before = g_build_filename(place->above, "before", NULL);
    place->after = g_build_filename(place->above, "after", NULL);
    place->store = open_store(place->path);
    place->store->journal.quiet = 600 * CLOCK_S;    /* no checkpoint between a change and a copy */
}

static void place_teardown(Place *place, gconstpointer unused)
{
    store_close(place->store);
    run_command("rm", "-rf", place->above, NULL);
    g_free(place->above);
    g_free(place->path);
    g_free(place->before);
    g_free(place->after);
}

static void save(Store *store, const char *name, const char *document)
{
    Error error = ERROR_INIT;

    store_save(store, name, document, strlen(document), &error);
    g_assert_cmpstr(error.message, ==, NULL);
}

static void assert_refused(Store *store, const char *name, int errnum)
{
    Error error = ERROR_INIT;

    g_assert_cmpint(store_save(store, name, "<refused/>", 10, &error), ==, -1);
    g_test_message("%s", error.message);
    g_assert_cmpint(error.code, ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpint(error.int1, ==, errnum);
    error_clear(&error);
}

/* --- what is loaded ------------------------------------------------------------------------- */

static bool take(void *data, const StoredDocument *document, Error *error)
{
    g_ptr_array_add(data, g_strdup_printf("%s%s=%s", document->autostart ? "*" : "", document->name,
                                          document->document));
    return true;
}

static int compare(gconstpointer a, gconstpointer b)
{
    const char *x = *(char **)a, *y = *(char **)b;

    return strcmp(x + (*x == '*'), y + (*y == '*'));
}

/* "name=document" of each in order of names, '*' before what is to start. */
static char *contents(const char *path)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    Store *store = open_store(path);

    g_assert_cmpint(store_load(store, 1, take, found, NULL), >=, 0);
    store_close(store);
    g_ptr_array_sort(found, compare);
    g_ptr_array_add(found, NULL);
    return g_strjoinv(" ", (char **)found->pdata);
}

static void assert_contents(const char *path, const char *expected)
{
    g_autofree char *text = contents(path);

    g_assert_cmpstr(text, ==, expected);
}

/* --- power cuts ----------------------------------------------------------------------------- */

static void copy(const char *from, const char *to)
{
    run_command("rm", "-rf", to, NULL);
    run_command("cp", "-a", from, to, NULL);
}

static char *in(const char *folder, const char *file)
{
    return g_build_filename(folder, file, NULL);
}

static void copy_journal(Place *place, const char *to)
{
    for (unsigned i = 0; i < 2; i++) {
        g_autofree char *name = g_strdup_printf(JOURNAL_FILE "%u", i);
        g_autofree char *from = in(place->path, name);

        if (g_file_test(from, G_FILE_TEST_EXISTS))
            run_command("cp", "-a", from, to, NULL);
    }
}

/* Nothing but the journal has reached the disk since `before`. */
static void cut_with_old_files(Place *place)
{
    copy(place->before, place->after);
    copy_journal(place, place->after);
}

typedef enum Damage { EMPTIED, GARBAGE, VANISHED, DAMAGES } Damage;

/* All names have reached the disk, no document has. */
static void cut_with_damaged_files(Place *place, Damage damage)
{
    g_autoptr(GDir) dir = NULL;
    const char *name;

    copy(place->path, place->after);
    dir = g_dir_open(place->after, 0, NULL);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *file = in(place->after, name);

        if (!g_str_has_suffix(name, ".xml"))
            continue;
        if (damage == VANISHED)
            g_assert_cmpint(unlink(file), ==, 0);
        else
            g_assert_true(g_file_set_contents(file, "\0\1\2garbage", damage == EMPTIED ? 0 : 10, NULL));
    }
}

static void every_operation_survives_a_power_cut(Place *place, gconstpointer unused)
{
    const char *expected = "*a=<a2/> *c=<c/> e=<e/> g=<g2/> h=<?xml version='1.0'?><h/>";

    save(place->store, "a", "<a/>");
    save(place->store, "b", "<b/>");
    save(place->store, "d", "<d/>");
    save(place->store, "e", "<e0/>");
    save(place->store, "f", "<f/>");
    g_assert_cmpint(store_set_autostart(place->store, "b", true, NULL), ==, 0);
    g_assert_cmpint(store_set_autostart(place->store, "d", true, NULL), ==, 0);
    g_assert_cmpint(store_set_autostart(place->store, "e", true, NULL), ==, 0);
    copy(place->path, place->before);
    save(place->store, "a", "<a2/>");
    g_assert_cmpint(store_set_autostart(place->store, "a", true, NULL), ==, 0);
    g_assert_cmpint(store_rename(place->store, "b", "c", "<c/>", 4, NULL), ==, 0);
    g_assert_cmpint(store_remove(place->store, "d", NULL), ==, 0);
    save(place->store, "e", "<e/>");
    g_assert_cmpint(store_set_autostart(place->store, "e", false, NULL), ==, 0);
    g_assert_cmpint(store_rename(place->store, "f", "g", "<g/>", 4, NULL), ==, 0);
    save(place->store, "g", "<g2/>");
    save(place->store, "h", "<?xml version='1.0'?><h/>");
    cut_with_old_files(place);
    assert_contents(place->after, expected);
    for (Damage damage = EMPTIED; damage < DAMAGES; damage++) {
        cut_with_damaged_files(place, damage);
        assert_contents(place->after, expected);
    }
}

static void a_replay_that_was_broken_off_is_made_again(Place *place, gconstpointer unused)
{
    save(place->store, "a", "<a/>");
    copy(place->path, place->before);
    save(place->store, "a", "<a2/>");
    g_assert_cmpint(store_rename(place->store, "a", "b", "<b/>", 4, NULL), ==, 0);
    cut_with_old_files(place);
    for (int i = 0; i < 3; i++) {
        g_autofree char *file = in(place->after, "b.xml");

        assert_contents(place->after, "b=<b/>");
        g_assert_cmpint(truncate(file, 3), ==, 0);
        copy_journal(place, place->after);
    }
    assert_contents(place->after, "b=<b/>");
}

static void a_replay_that_was_broken_off_is_not_taken_for_somebodys_change(Place *place, gconstpointer unused)
{
    g_autofree char *file = in(place->after, "a.xml");
    struct stat st;
    int64_t saved;

    copy(place->path, place->before);
    save(place->store, "a", "<a/>");
    saved = clock_real();
    cut_with_old_files(place);
    while (clock_real() < saved + CLOCK_S / 10)
        g_thread_yield();
    assert_contents(place->after, "a=<a/>");
    g_assert_cmpint(stat(file, &st), ==, 0);
    g_assert_cmpint(st.st_mtim.tv_sec * CLOCK_S + st.st_mtim.tv_nsec, <, saved + CLOCK_S / 10);
}

/* --- torn writes ---------------------------------------------------------------------------- */

/* Where the first segment's records end. */
static size_t end_of_records(Store *store)
{
    LOCK_SCOPE(&store->lock);

    return (size_t)store->journal.segment[0].used;
}

/* `size` bytes as the copy's only segment. */
static void put_segment(Place *place, const char *data, size_t size)
{
    g_autofree char *file = in(place->after, JOURNAL_FILE "0");

    g_assert_true(g_file_set_contents_full(file, data, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

static void a_record_torn_at_any_byte_is_whole_or_absent(Place *place, gconstpointer unused)
{
    g_autofree char *file = in(place->path, JOURNAL_FILE "0");
    g_autofree char *data = NULL;
    size_t start, end, whole = 0;

    copy(place->path, place->before);
    save(place->store, "a", "<a/>");
    save(place->store, "b", "<b/>");
    start = end_of_records(place->store);
    save(place->store, "a", "<a2/>");
    end = end_of_records(place->store);
    g_assert_cmpuint(start, <, end);
    g_assert_true(g_file_get_contents(file, &data, NULL, NULL));
    for (size_t at = start; at < start + 128; at++)
        for (int how = 0; how < 3; how++) {
            g_autofree char *torn = g_memdup2(data, end);
            g_autofree char *text = NULL;

            memset(torn + at, how == 1 ? 0xaa : 0, end - at);
            copy(place->before, place->after);
            put_segment(place, torn, how == 2 ? at : end);
            text = contents(place->after);
            if (strcmp(text, "a=<a2/> b=<b/>") == 0)
                whole++;
            else
                g_assert_cmpstr(text, ==, "a=<a/> b=<b/>");
        }
    g_assert_cmpuint(whole, >, 0);
    copy(place->before, place->after);
    put_segment(place, data, end);
    assert_contents(place->after, "a=<a2/> b=<b/>");
}

static void a_damaged_start_is_an_empty_journal(Place *place, gconstpointer unused)
{
    g_autofree char *data = g_malloc0(3 * JOURNAL_BLOCK);

    copy(place->path, place->before);
    save(place->store, "a", "<a/>");
    for (int how = 0; how < 3; how++) {
        copy(place->path, place->after);
        memset(data, how == 0 ? 0 : 0x55, 3 * JOURNAL_BLOCK);
        put_segment(place, data, how == 2 ? 3 : 3 * JOURNAL_BLOCK);
        assert_contents(place->after, "a=<a/>");
        assert_contents(place->after, "a=<a/>");
    }
}

static void a_journal_of_another_version_is_refused(Place *place, gconstpointer unused)
{
    char data[JOURNAL_BLOCK] = "drover\x7fj";
    Error error = ERROR_INIT;

    copy(place->path, place->after);
    put_segment(place, data, sizeof data);
    g_assert_null(store_open(place->after, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_OPERATION_INVALID);
    error_clear(&error);
}

/* --- changes that fail ---------------------------------------------------------------------- */

static void what_could_not_be_made_is_not_made_later(Place *place, gconstpointer unused)
{
    g_autofree char *folder = in(place->path, "b.xml");
    Error error = ERROR_INIT;

    save(place->store, "a", "<a/>");
    copy(place->path, place->before);
    g_assert_cmpint(mkdir(folder, 0700), ==, 0);
    g_assert_cmpint(store_save(place->store, "b", "<b/>", 4, &error), ==, -1);
    g_assert_cmpint(error.int1, ==, EISDIR);
    error_clear(&error);
    g_assert_cmpint(store_rename(place->store, "a", "b", "<b/>", 4, NULL), ==, -1);
    g_assert_cmpint(store_remove(place->store, "b", NULL), ==, -1);
    save(place->store, "c", "<c/>");
    cut_with_old_files(place);
    assert_contents(place->after, "a=<a/> c=<c/>");
    g_assert_cmpint(rmdir(folder), ==, 0);
    save(place->store, "b", "<b2/>");
    cut_with_old_files(place);
    assert_contents(place->after, "a=<a/> b=<b2/> c=<c/>");
}

static void a_journal_that_cannot_be_written_changes_nothing_and_is_got_over(Place *place, gconstpointer unused)
{
    g_autofree char *file = in(place->path, JOURNAL_FILE "0");
    int fd, good, read_only;

    save(place->store, "a", "<a/>");
    copy(place->path, place->before);
    fd = place->store->journal.open->fd;
    good = dup(fd);
    read_only = open(file, O_RDONLY);
    g_assert_cmpint(dup2(read_only, fd), ==, fd);
    assert_refused(place->store, "a", EBADF);
    g_assert_cmpint(store_remove(place->store, "a", NULL), ==, -1);
    g_assert_cmpint(dup2(good, fd), ==, fd);
    close(good);
    close(read_only);
    save(place->store, "b", "<b/>");
    cut_with_old_files(place);
    assert_contents(place->after, "a=<a/> b=<b/>");
    g_clear_pointer(&place->store, store_close);
    assert_contents(place->path, "a=<a/> b=<b/>");
}

static void a_directory_that_cannot_be_flushed_keeps_its_journal(Place *place, gconstpointer unused)
{
    int fd = open(place->path, O_PATH | O_DIRECTORY);    /* for which syncfs is an error */
    g_autofree char *huge = g_strnfill(JOURNAL_SEGMENT, 'x');

    copy(place->path, place->before);
    save(place->store, "a", "<a/>");
    g_assert_cmpint(dup2(fd, place->store->documents.fd), ==, place->store->documents.fd);
    close(fd);
    g_assert_cmpint(store_save(place->store, "b", huge, JOURNAL_SEGMENT, NULL), ==, -1);
    assert_refused(place->store, "a", EBADF);
    g_clear_pointer(&place->store, store_close);
    cut_with_old_files(place);
    assert_contents(place->after, "a=<a/>");
    assert_contents(place->path, "a=<a/>");
}

static void a_journal_that_somebody_removed_is_made_again(Place *place, gconstpointer unused)
{
    g_autofree char *first = in(place->path, JOURNAL_FILE "0");
    g_autofree char *second = in(place->path, JOURNAL_FILE "1");
    int64_t deadline = clock_now() + 120 * CLOCK_S;

    save(place->store, "a", "<a/>");
    g_assert_cmpint(unlink(first), ==, 0);
    g_assert_cmpint(unlink(second), ==, 0);
    assert_refused(place->store, "b", ENOENT);
    while (store_save(place->store, "b", "<b/>", 4, NULL) < 0)
        g_assert_cmpint(clock_now(), <, deadline);
    copy(place->path, place->before);
    save(place->store, "c", "<c/>");
    cut_with_old_files(place);
    assert_contents(place->after, "a=<a/> b=<b/> c=<c/>");
}

/* --- checkpoints ---------------------------------------------------------------------------- */

/* A document that is full of `c`. */
static char *filled(char c, size_t size)
{
    return g_strnfill(size, c);
}

static void segments_are_used_again_and_again(Place *place, gconstpointer unused)
{
    g_autofree char *expected = NULL;
    g_autofree char *file = in(place->after, "b.xml");
    uint64_t first;

    for (int i = 0; i < 130; i++) {
        g_autofree char *document = filled((char)('a' + i % 26), (1u << 20) + (unsigned)i);

        save(place->store, i % 2 ? "a" : "b", document);
        g_assert_cmpint(store_set_autostart(place->store, "a", i % 3 == 0, NULL), ==, 0);
        if (i % 40 == 0) {
            copy(place->path, place->after);
            g_assert_cmpint(truncate(file, 0), ==, 0);    /* i is even, so b's record is in the journal */
            g_free(expected);
            expected = contents(place->after);
            g_assert_nonnull(strstr(expected, document));
        }
    }
    {
        LOCK_SCOPE(&place->store->lock);
        first = MIN(place->store->journal.segment[0].first, place->store->journal.segment[1].first);
    }
    g_assert_cmpuint(first, >, 200);    /* of 260 records: both are of a late generation */
    g_free(expected);
    copy(place->path, place->after);
    expected = contents(place->after);
    g_clear_pointer(&place->store, store_close);
    assert_contents(place->path, expected);
}

static void a_document_larger_than_a_segment_is_kept_without(Place *place, gconstpointer unused)
{
    g_autofree char *huge = filled('h', JOURNAL_SEGMENT + 5);
    g_autofree char *expected = g_strdup_printf("a=%s c=%s", huge, huge);

    save(place->store, "a", "<a/>");
    save(place->store, "b", "<b/>");
    g_assert_cmpint(store_set_autostart(place->store, "b", true, NULL), ==, 0);
    save(place->store, "a", huge);
    g_assert_cmpint(store_rename(place->store, "b", "c", huge, strlen(huge), NULL), ==, 0);
    g_assert_cmpint(store_set_autostart(place->store, "c", false, NULL), ==, 0);
    copy(place->path, place->after);
    assert_contents(place->after, expected);
    save(place->store, "a", "<a2/>");
    g_assert_cmpint(store_remove(place->store, "c", NULL), ==, 0);
    copy(place->path, place->after);
    assert_contents(place->after, "a=<a2/>");
}

static void wait_until_at_rest(Store *store)
{
    int64_t deadline = clock_now() + 120 * CLOCK_S;
    bool rests = false;

    while (!rests) {
        g_assert_cmpint(clock_now(), <, deadline);
        g_thread_yield();
        LOCK_SCOPE(&store->lock);
        rests = store->journal.state == JOURNAL_CLOSED;
    }
}

static void after_a_while_without_changes_the_journal_knows_nothing(Place *place, gconstpointer unused)
{
    g_autofree char *file = in(place->path, "a.xml");
    const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

    place->store->journal.quiet = 20 * CLOCK_MS;
    for (int i = 0; i < 3; i++) {
        g_autofree char *expected = g_strdup_printf("a=<by-hand n='%d'/>", i);

        save(place->store, "a", "<a/>");
        wait_until_at_rest(place->store);
        /* A backup with its old times: only an empty journal leaves it alone. */
        g_assert_true(g_file_set_contents(file, expected + 2, -1, NULL));
        g_assert_cmpint(utimensat(AT_FDCWD, file, long_ago, 0), ==, 0);
        copy(place->path, place->after);
        assert_contents(place->after, expected);
    }
}

static void a_closed_store_has_an_empty_journal(Place *place, gconstpointer unused)
{
    g_autofree char *file = in(place->path, "a.xml");

    save(place->store, "a", "<a/>");
    g_clear_pointer(&place->store, store_close);
    g_assert_cmpint(unlink(file), ==, 0);
    assert_contents(place->path, "");
}

static void a_file_that_was_changed_after_its_record_is_left_alone(Place *place, gconstpointer unused)
{
    g_autofree char *a = in(place->after, "a.xml");
    g_autofree char *b = in(place->after, "b.xml");
    g_autofree char *c = in(place->after, "c.xml");
    struct timespec later[2] = { { .tv_sec = clock_real() / CLOCK_S + 5 }, { .tv_sec = clock_real() / CLOCK_S + 5 } };
    struct timespec earlier[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

    save(place->store, "a", "<a/>");
    save(place->store, "b", "<b/>");
    save(place->store, "c", "<c/>");
    g_assert_cmpint(store_remove(place->store, "c", NULL), ==, 0);
    copy(place->path, place->after);
    g_assert_true(g_file_set_contents(a, "<by-hand/>", -1, NULL));
    g_assert_true(g_file_set_contents(b, "<older/>", -1, NULL));
    g_assert_true(g_file_set_contents(c, "<back/>", -1, NULL));
    g_assert_cmpint(utimensat(AT_FDCWD, a, later, 0), ==, 0);
    g_assert_cmpint(utimensat(AT_FDCWD, b, earlier, 0), ==, 0);
    g_assert_cmpint(utimensat(AT_FDCWD, c, later, 0), ==, 0);
    assert_contents(place->after, "a=<by-hand/> b=<b/> c=<back/>");
}

/* --- many at once, full disks ------------------------------------------------------------------- */

typedef struct Saver {
    Store *store;
    unsigned number;
} Saver;

static gpointer save_often(gpointer data)
{
    Saver *saver = data;
    g_autofree char *name = g_strdup_printf("t%02u", saver->number);

    for (unsigned i = 0; i < 40; i++) {
        g_autofree char *document = filled((char)('a' + i % 26), 1000 + (saver->number * i * 977) % 100000);

        save(saver->store, name, document);
    }
    save(saver->store, name, name);
    return NULL;
}

static void what_many_threads_save_survives_together(Place *place, gconstpointer unused)
{
    GThread *threads[20];
    Saver savers[G_N_ELEMENTS(threads)];
    GString *expected = g_string_new(NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++) {
        savers[i] = (Saver){ place->store, i };
        threads[i] = g_thread_new("save", save_often, &savers[i]);
        g_string_append_printf(expected, "%st%02u=t%02u", i ? " " : "", i, i);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    copy(place->path, place->after);
    assert_contents(place->after, expected->str);
    g_string_free(expected, TRUE);
}

/* A small file system of our own in the store's place; false (and skipped) when that isn't allowed. */
static bool mount_small(Place *place, const char *options)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        g_test_skip("mounting is not allowed here");
        return false;
    }
    g_clear_pointer(&place->store, store_close);
    g_assert_cmpint(mount("none", place->path, "tmpfs", 0, options), ==, 0);
    place->store = open_store(place->path);
    return true;
}

static void unmount_small(Place *place)
{
    g_clear_pointer(&place->store, store_close);
    g_assert_cmpint(umount(place->path), ==, 0);
}

static void fill_disk(const char *file)
{
    int fd = open(file, O_WRONLY | O_CREAT, 0600);
    g_autofree char *block = g_malloc0(1 << 20);

    for (size_t size = 1 << 20; size >= 1; size /= 2)
        while (write(fd, block, size) == (ssize_t)size)
            ;
    close(fd);
}

static void without_room_for_a_journal_the_store_works_without(Place *place, gconstpointer unused)
{
    g_autofree char *journal = in(place->path, JOURNAL_FILE "0");

    if (!mount_small(place, "size=20m,mode=0700"))
        return;
    save(place->store, "a", "<a/>");
    save(place->store, "a", "<a2/>");
    g_assert_cmpint(store_rename(place->store, "a", "b", "<b/>", 4, NULL), ==, 0);
    g_assert_cmpint(store_set_autostart(place->store, "b", true, NULL), ==, 0);
    g_assert_false(g_file_test(journal, G_FILE_TEST_EXISTS));
    copy(place->path, place->after);
    assert_contents(place->after, "*b=<b/>");
    unmount_small(place);
}

static void a_disk_that_becomes_full_beside_the_journal_changes_nothing_and_is_got_over(Place *place,
                                                                                        gconstpointer unused)
{
    g_autofree char *filler = in(place->path, "filler");
    g_autofree char *journal = in(place->path, JOURNAL_FILE "0");

    if (!mount_small(place, "size=80m,mode=0700"))
        return;
    save(place->store, "a", "<a/>");
    g_assert_true(g_file_test(journal, G_FILE_TEST_EXISTS));
    fill_disk(filler);
    assert_refused(place->store, "a", ENOSPC);
    assert_refused(place->store, "b", ENOSPC);
    g_assert_cmpint(unlink(filler), ==, 0);
    save(place->store, "b", "<b/>");
    copy(place->path, place->after);
    assert_contents(place->after, "a=<a/> b=<b/>");
    unmount_small(place);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add("/conf/journal/" #claim, Place, NULL, place_setup, claim, place_teardown)
    ADD(every_operation_survives_a_power_cut);
    ADD(a_replay_that_was_broken_off_is_made_again);
    ADD(a_replay_that_was_broken_off_is_not_taken_for_somebodys_change);
    ADD(a_record_torn_at_any_byte_is_whole_or_absent);
    ADD(a_damaged_start_is_an_empty_journal);
    ADD(a_journal_of_another_version_is_refused);
    ADD(what_could_not_be_made_is_not_made_later);
    ADD(a_journal_that_cannot_be_written_changes_nothing_and_is_got_over);
    ADD(a_directory_that_cannot_be_flushed_keeps_its_journal);
    ADD(a_journal_that_somebody_removed_is_made_again);
    ADD(segments_are_used_again_and_again);
    ADD(a_document_larger_than_a_segment_is_kept_without);
    ADD(after_a_while_without_changes_the_journal_knows_nothing);
    ADD(a_closed_store_has_an_empty_journal);
    ADD(a_file_that_was_changed_after_its_record_is_left_alone);
    ADD(what_many_threads_save_survives_together);
    ADD(without_room_for_a_journal_the_store_works_without);
    ADD(a_disk_that_becomes_full_beside_the_journal_changes_nothing_and_is_got_over);
    return g_test_run();
}
