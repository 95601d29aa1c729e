/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What base/durable.c promises: old or new, never a mixture; a failure leaves no trace. */
#include "base/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Place {
    char *path;
    int dir_fd;
} Place;

static void place_setup(Place *place, gconstpointer unused)
{
    place->path = g_dir_make_tmp("drover-durable-XXXXXX", NULL);
    g_assert_nonnull(place->path);
    place->dir_fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(place->dir_fd, >=, 0);
}

static unsigned place_count(const Place *place)
{
    g_autoptr(GDir) dir = g_dir_open(place->path, 0, NULL);
    unsigned n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void place_teardown(Place *place, gconstpointer unused)
{
    g_autoptr(GDir) dir = g_dir_open(place->path, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)))
        if (unlinkat(place->dir_fd, name, 0) < 0)
            unlinkat(place->dir_fd, name, AT_REMOVEDIR);
    close(place->dir_fd);
    g_assert_cmpint(g_rmdir(place->path), ==, 0);
    g_free(place->path);
}

static void assert_content(const Place *place, const char *name, const char *expected)
{
    Error error = ERROR_INIT;
    size_t size = 0;
    g_autofree char *text = durable_read(place->dir_fd, name, 1 << 20, &size, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_cmpmem(text, size, expected, strlen(expected));
    g_assert_cmpint(text[size], ==, '\0');
}

static void a_file_is_created_then_replaced(Place *place, gconstpointer unused)
{
    struct stat st;

    g_assert_cmpint(durable_replace(place->dir_fd, "a.xml", "one", 3, NULL), ==, 0);
    assert_content(place, "a.xml", "one");
    g_assert_cmpint(durable_replace(place->dir_fd, "a.xml", "second", 6, NULL), ==, 0);
    assert_content(place, "a.xml", "second");
    g_assert_cmpint(fstatat(place->dir_fd, "a.xml", &st, 0), ==, 0);
    g_assert_cmpint(st.st_mode & 0777, ==, 0600);
    g_assert_cmpuint(place_count(place), ==, 1);
}

static void what_a_crash_left_aside_is_written_over(Place *place, gconstpointer unused)
{
    g_assert_cmpint(symlinkat("victim", place->dir_fd, ".a.xml.new"), ==, 0);
    g_assert_cmpint(durable_replace(place->dir_fd, "victim", "kept", 4, NULL), ==, 0);
    g_assert_cmpint(durable_replace(place->dir_fd, "a.xml", "one", 3, NULL), ==, 0);
    assert_content(place, "a.xml", "one");
    assert_content(place, "victim", "kept");
}

static void an_empty_file_and_zero_bytes_are_read_back(Place *place, gconstpointer unused)
{
    g_autofree char *data = NULL;
    size_t size = 7;

    g_assert_cmpint(durable_replace(place->dir_fd, "empty", "", 0, NULL), ==, 0);
    assert_content(place, "empty", "");
    g_assert_cmpint(durable_replace(place->dir_fd, "zero", "a\0b", 3, NULL), ==, 0);
    data = durable_read(place->dir_fd, "zero", 100, &size, NULL);
    g_assert_cmpmem(data, size, "a\0b", 3);
}

static void a_file_above_the_limit_is_refused(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;
    size_t size = 0;

    g_assert_cmpint(durable_replace(place->dir_fd, "f", "12345", 5, NULL), ==, 0);
    g_free(durable_read(place->dir_fd, "f", 5, &size, &error));
    g_assert_cmpuint(size, ==, 5);
    g_assert_false(error_is_set(&error));
    g_assert_null(durable_read(place->dir_fd, "f", 4, &size, &error));
    g_assert_cmpint(error.int1, ==, EFBIG);
    g_assert_nonnull(strstr(error.message, "'f'"));
    error_clear(&error);
}

static void a_file_is_read_into_a_buffer_that_is_just_large_enough(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;
    char buffer[5] = "";
    size_t size = 0;

    g_assert_cmpint(durable_replace(place->dir_fd, "f", "12345", 5, NULL), ==, 0);
    g_assert_cmpint(durable_read_into(place->dir_fd, "f", buffer, 5, &size, &error), ==, 0);
    g_assert_cmpmem(buffer, size, "12345", 5);
    g_assert_cmpint(durable_read_into(place->dir_fd, "f", buffer, 4, &size, &error), ==, -1);
    g_assert_cmpint(error.int1, ==, EFBIG);
    error_clear(&error);
    g_assert_cmpint(durable_read_into(place->dir_fd, "none", buffer, 5, &size, NULL), ==, -1);
    g_assert_cmpint(durable_read_into(place->dir_fd, ".", buffer, 5, &size, NULL), ==, -1);
}

static void a_file_whose_size_is_not_told_is_read_whole(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;
    size_t size = 0;
    g_autofree char *text = durable_read(AT_FDCWD, "/proc/self/maps", 1 << 24, &size, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_cmpuint(size, >, 1);
    g_assert_cmpuint(strlen(text), ==, size);
    g_assert_cmpint(text[size - 1], ==, '\n');
}

static void what_is_no_file_is_refused_without_waiting(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;
    size_t size;

    g_assert_cmpint(mkfifoat(place->dir_fd, "pipe", 0600), ==, 0);
    g_assert_null(durable_read(place->dir_fd, "pipe", 100, &size, &error));
    g_assert_cmpint(error.int1, ==, EINVAL);
    g_assert_cmpint(mkdirat(place->dir_fd, "dir", 0700), ==, 0);
    g_assert_null(durable_read(place->dir_fd, "dir", 100, &size, &error));
    g_assert_cmpint(error.int1, ==, EISDIR);
    g_assert_null(durable_read(place->dir_fd, "none", 100, &size, &error));
    g_assert_cmpint(error.int1, ==, ENOENT);
    error_clear(&error);
}

static void a_replacement_that_fails_leaves_nothing_behind(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;

    g_assert_cmpint(mkdirat(place->dir_fd, "taken", 0700), ==, 0);
    g_assert_cmpint(durable_replace(place->dir_fd, "taken", "x", 1, &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_nonnull(strstr(error.message, "'taken'"));
    g_assert_cmpuint(place_count(place), ==, 1);
    error_clear(&error);
}

static void a_directory_that_is_gone_is_an_error(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;

    g_assert_cmpint(g_rmdir(place->path), ==, 0);
    g_assert_cmpint(durable_write_aside(place->dir_fd, "x", "x", 1, &error), ==, -1);
    g_assert_cmpint(error.int1, ==, ENOENT);
    error_clear(&error);
    g_assert_cmpint(g_mkdir(place->path, 0700), ==, 0);
}

/* In a mount namespace of the child's own: "skip", or what went wrong, is its standard output. */
static void fill_a_small_disk(const Place *place)
{
    g_autofree char *big = g_malloc0(1 << 20);
    Place small = { .path = place->path };
    Error error = ERROR_INIT;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", place->path, "tmpfs", 0, "size=64k,mode=700") < 0) {
        g_print("skip\n");
        return;
    }
    small.dir_fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(durable_replace(small.dir_fd, "a", "old", 3, NULL), ==, 0);
    g_assert_cmpint(durable_replace(small.dir_fd, "a", big, 1 << 20, &error), ==, -1);
    g_assert_cmpint(error.int1, ==, ENOSPC);
    assert_content(&small, "a", "old");
    g_assert_cmpuint(place_count(&small), ==, 1);
    g_assert_cmpint(durable_replace(small.dir_fd, "a", "new", 3, NULL), ==, 0);
    assert_content(&small, "a", "new");
    error_clear(&error);
    close(small.dir_fd);
    g_print("done\n");
}

static void a_full_disk_keeps_the_old_content(Place *place, gconstpointer unused)
{
    if (g_test_subprocess()) {
        fill_a_small_disk(place);
        umount2(place->path, MNT_DETACH);
        return;
    }
    if (geteuid() != 0) {
        g_test_skip("only root can mount a small disk");
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    if (g_test_trap_reached_timeout())
        g_test_fail();
    g_test_trap_assert_stdout("*done*");
}

static unsigned count_fds(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    unsigned n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void neither_success_nor_failure_leaks_a_descriptor(Place *place, gconstpointer unused)
{
    unsigned before = count_fds();
    size_t size;

    g_assert_cmpint(durable_replace(place->dir_fd, "a", "x", 1, NULL), ==, 0);
    g_free(durable_read(place->dir_fd, "a", 10, &size, NULL));
    g_assert_null(durable_read(place->dir_fd, "a", 0, &size, NULL));
    g_assert_null(durable_read(place->dir_fd, ".", 10, &size, NULL));
    g_assert_cmpint(durable_write_aside(place->dir_fd, "no/such", "x", 1, NULL), ==, -1);
    g_assert_cmpuint(count_fds(), ==, before);
}

#define ADD(name) g_test_add("/base/durable/" #name, Place, NULL, place_setup, name, place_teardown)

int main(int argc, char **argv)
{
    g_setenv("LC_ALL", "C", TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD(a_file_is_created_then_replaced);
    ADD(what_a_crash_left_aside_is_written_over);
    ADD(an_empty_file_and_zero_bytes_are_read_back);
    ADD(a_file_above_the_limit_is_refused);
    ADD(a_file_is_read_into_a_buffer_that_is_just_large_enough);
    ADD(a_file_whose_size_is_not_told_is_read_whole);
    ADD(what_is_no_file_is_refused_without_waiting);
    ADD(a_replacement_that_fails_leaves_nothing_behind);
    ADD(a_directory_that_is_gone_is_an_error);
    ADD(a_full_disk_keeps_the_old_content);
    ADD(neither_success_nor_failure_leaks_a_descriptor);
    return g_test_run();
}
