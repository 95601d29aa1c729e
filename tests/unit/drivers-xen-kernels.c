/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drivers/xen/kernels.c with an unpacking of the test's own: what is unpacked once, and when it is done again. */
#include "drivers/xen/kernels.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>

#define MANY 16

typedef struct Test {
    Kernels kernels;
    char *folder;
    char *path;               /* a packed kernel */
} Test;

static int times;             /* atomic: how often something was unpacked */
static bool fails;            /* fixed while there are threads */
static char *touched;         /* a file that changes while it is being unpacked */

/* Something else each time, so that a test sees which one it gets. */
static int unpack(int packed, int unpacked)
{
    char text[16];

    g_snprintf(text, sizeof text, "%d", __atomic_add_fetch(&times, 1, __ATOMIC_RELAXED));
    if (touched)
        g_assert_cmpint(truncate(touched, 2048), ==, 0);
    return !fails && write(unpacked, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

static char *make_file(const Test *test, const char *name, const char *magic, size_t at)
{
    char *path = g_build_filename(test->folder, name, NULL);
    char bytes[1024] = "";

    memcpy(bytes + at, magic, strlen(magic));
    g_assert_true(g_file_set_contents(path, bytes, sizeof bytes, NULL));
    return path;
}

/* What a guest is built from; 0: from the file itself. */
static int opened(Test *test, const char *path)
{
    int fd = kernels_open(&test->kernels, path);
    char text[16] = "";

    if (fd < 0)
        return 0;
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
    g_assert_cmpint(pread(fd, text, sizeof text - 1, 0), >, 0);
    close(fd);
    return atoi(text);
}

static void set_up(Test *test, const void *unused)
{
    times = 0;
    fails = false;
    touched = NULL;
    kernels_init(&test->kernels, unpack);
    test->kernels.settled = 0;
    test->folder = g_dir_make_tmp("drover-kernels-XXXXXX", NULL);
    test->path = make_file(test, "vmlinuz", "HdrS", 0x202);
}

static void tear_down(Test *test, const void *unused)
{
    GDir *dir = g_dir_open(test->folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(test->folder, name, NULL);

        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(test->folder);
    kernels_deinit(&test->kernels);
    g_free(test->folder);
    g_free(test->path);
}

/* --- which files ------------------------------------------------------------------------------ */

static void a_kernel_is_unpacked_once(Test *test, const void *unused)
{
    g_autofree char *zipped = make_file(test, "vmlinux.gz", "\037\213", 0);

    g_assert_cmpint(opened(test, test->path), ==, 1);
    g_assert_cmpint(opened(test, test->path), ==, 1);
    g_assert_cmpint(opened(test, zipped), ==, 2);
    g_assert_cmpint(opened(test, test->path), ==, 1);
    g_assert_cmpint(opened(test, zipped), ==, 2);
}

static void other_names_of_a_file_are_the_same_kernel(Test *test, const void *unused)
{
    g_autofree char *link_path = g_build_filename(test->folder, "link", NULL);

    g_assert_cmpint(symlink(test->path, link_path), ==, 0);
    g_assert_cmpint(opened(test, test->path), ==, 1);
    g_assert_cmpint(opened(test, link_path), ==, 1);
}

static void what_is_not_packed_is_left_alone(Test *test, const void *unused)
{
    g_autofree char *elf = make_file(test, "vmlinux", "\177ELF", 0);
    g_autofree char *tiny = g_build_filename(test->folder, "tiny", NULL);

    g_assert_true(g_file_set_contents(tiny, "\037\213", 2, NULL));
    g_assert_cmpint(opened(test, elf), ==, 0);
    g_assert_cmpint(opened(test, tiny), ==, 0);
    g_assert_cmpint(opened(test, test->folder), ==, 0);
    g_assert_cmpint(opened(test, "/nowhere/vmlinuz"), ==, 0);
    g_assert_cmpint(times, ==, 0);
}

static void a_file_in_the_place_of_another_is_another_kernel(Test *test, const void *unused)
{
    g_autofree char *aside = NULL;

    g_assert_cmpint(opened(test, test->path), ==, 1);
    aside = make_file(test, "aside", "HdrS", 0x202);
    g_assert_cmpint(g_rename(aside, test->path), ==, 0);
    g_assert_cmpint(opened(test, test->path), ==, 2);
}

static void a_file_with_other_times_is_another_kernel(Test *test, const void *unused)
{
    const struct timespec before[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

    g_assert_cmpint(opened(test, test->path), ==, 1);
    g_assert_cmpint(utimensat(AT_FDCWD, test->path, before, 0), ==, 0);
    g_assert_cmpint(opened(test, test->path), ==, 2);
}

/* One that was changed in this moment may be changed again without any of its times telling. */
static void a_file_that_was_changed_just_now_is_left_alone(Test *test, const void *unused)
{
    const struct timespec before[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

    test->kernels.settled = INT64_C(3600000000000);
    g_assert_cmpint(utimensat(AT_FDCWD, test->path, before, 0), ==, 0);    /* only the time of that tells */
    g_assert_cmpint(opened(test, test->path), ==, 0);
    g_assert_cmpint(times, ==, 0);
}

static void a_file_that_changes_meanwhile_is_not_used(Test *test, const void *unused)
{
    touched = test->path;
    g_assert_cmpint(opened(test, test->path), ==, 0);
    touched = NULL;
    g_assert_cmpint(opened(test, test->path), ==, 2);
}

/* --- how many --------------------------------------------------------------------------------- */

static void the_least_recently_wanted_makes_room(Test *test, const void *unused)
{
    char *paths[KERNEL_SLOTS + 1];

    for (int i = 0; i <= KERNEL_SLOTS; i++) {
        g_autofree char *name = g_strdup_printf("kernel-%d", i);

        paths[i] = make_file(test, name, "HdrS", 0x202);
        g_assert_cmpint(opened(test, paths[i]), ==, i + 1);
        g_assert_cmpint(opened(test, paths[0]), ==, 1);
    }
    g_assert_cmpint(opened(test, paths[1]), ==, KERNEL_SLOTS + 2);
    g_assert_cmpint(opened(test, paths[0]), ==, 1);
    for (int i = 0; i <= KERNEL_SLOTS; i++)
        g_free(paths[i]);
}

/* Nobody who starts a guest of it waits for the same failure again. */
static void what_can_not_be_unpacked_is_not_tried_at_once_again(Test *test, const void *unused)
{
    fails = true;
    g_assert_cmpint(opened(test, test->path), ==, 0);
    g_assert_cmpint(opened(test, test->path), ==, 0);
    g_assert_cmpint(times, ==, 1);
}

static void *open_in_thread(void *data)
{
    Test *test = data;

    return GINT_TO_POINTER(opened(test, test->path));
}

static void all_who_want_a_kernel_wait_for_one_unpacking(Test *test, const void *unused)
{
    GThread *threads[MANY];

    for (int i = 0; i < MANY; i++)
        threads[i] = g_thread_new("opener", open_in_thread, test);
    for (int i = 0; i < MANY; i++)
        g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(threads[i])), ==, 1);
    g_assert_cmpint(times, ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name) g_test_add("/drivers/xen/kernels/" #name, Test, NULL, set_up, name, tear_down)
    CASE(a_kernel_is_unpacked_once);
    CASE(other_names_of_a_file_are_the_same_kernel);
    CASE(what_is_not_packed_is_left_alone);
    CASE(a_file_in_the_place_of_another_is_another_kernel);
    CASE(a_file_with_other_times_is_another_kernel);
    CASE(a_file_that_was_changed_just_now_is_left_alone);
    CASE(a_file_that_changes_meanwhile_is_not_used);
    CASE(the_least_recently_wanted_makes_room);
    CASE(what_can_not_be_unpacked_is_not_tried_at_once_again);
    CASE(all_who_want_a_kernel_wait_for_one_unpacking);
    return g_test_run();
}
