/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What server/daemon.c promises: one instance for a directory, and a parent that exits when it may. */
#include "server/daemon.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct Place {
    char *dir;
    Config *config;
} Place;

static void place_setup(Place *place, gconstpointer unused)
{
    place->dir = g_dir_make_tmp("drover-daemon-XXXXXX", NULL);
    place->config = config_load(NULL, place->dir, NULL);
    g_assert_nonnull(place->config);
}

static void remove_all(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);

        remove_all(inner);
    }
    g_remove(path);
}

static void place_teardown(Place *place, gconstpointer unused)
{
    config_unref(place->config);
    remove_all(place->dir);
    g_free(place->dir);
}

static char *pid_path(const Place *place)
{
    return g_build_filename(place->config->unix_sock_dir, "droverd.pid", NULL);
}

static Instance *claim(const Place *place, const char *pid_file)
{
    Error error = ERROR_INIT;
    Instance *instance = instance_claim(place->config, pid_file, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    return instance;
}

static void a_claim_makes_the_directories_and_the_pid_file(Place *place, gconstpointer unused)
{
    g_autofree char *path = pid_path(place), *expected = g_strdup_printf("%d\n", (int)getpid()), *text = NULL;
    g_autoptr(Instance) instance = claim(place, NULL);

    g_assert_nonnull(instance);
    g_assert_true(g_file_test(place->config->config_dir, G_FILE_TEST_IS_DIR));
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, expected);
}

static void a_second_claim_is_refused_naming_directory_and_process(Place *place, gconstpointer unused)
{
    g_autofree char *pid = g_strdup_printf("process %d,", (int)getpid());
    g_autoptr(Instance) first = claim(place, NULL);
    Error error = ERROR_INIT;

    g_assert_nonnull(first);
    g_assert_null(instance_claim(place->config, NULL, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_OPERATION_INVALID);
    g_assert_nonnull(strstr(error.message, pid));
    g_assert_nonnull(strstr(error.message, place->config->unix_sock_dir));
    error_clear(&error);
}

static void another_pid_file_makes_no_second_claim_possible(Place *place, gconstpointer unused)
{
    g_autofree char *other = g_build_filename(place->dir, "other.pid", NULL);
    g_autoptr(Instance) first = claim(place, NULL);
    Error error = ERROR_INIT;

    g_assert_nonnull(first);
    g_assert_null(instance_claim(place->config, other, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_OPERATION_INVALID);
    g_assert_false(g_file_test(other, G_FILE_TEST_EXISTS));
    error_clear(&error);
}

static void one_pid_file_serves_one_process_whatever_the_directories(Place *place, gconstpointer unused)
{
    g_autofree char *root = g_build_filename(place->dir, "second", NULL);
    g_autofree char *path = pid_path(place);
    g_autoptr(Config) second = config_load(NULL, root, NULL);
    g_autoptr(Instance) first = claim(place, NULL);
    Error error = ERROR_INIT;

    g_assert_nonnull(first);
    g_assert_null(instance_claim(second, path, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_OPERATION_INVALID);
    g_assert_nonnull(strstr(error.message, path));
    error_clear(&error);
}

static void directories_of_its_own_let_another_instance_run(Place *place, gconstpointer unused)
{
    g_autofree char *root = g_build_filename(place->dir, "second", NULL);
    g_autoptr(Config) second = config_load(NULL, root, NULL);
    g_autoptr(Instance) one = claim(place, NULL);
    g_autoptr(Instance) two = instance_claim(second, NULL, NULL);

    g_assert_true(one && two);
}

static void what_was_released_can_be_claimed_again(Place *place, gconstpointer unused)
{
    g_autofree char *path = pid_path(place);

    instance_release(claim(place, NULL));
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    instance_release(claim(place, NULL));
}

static void a_pid_file_that_a_crash_left_is_taken_over(Place *place, gconstpointer unused)
{
    g_autofree char *path = pid_path(place), *text = NULL;
    g_autoptr(Instance) instance = NULL;

    g_assert_cmpint(g_mkdir_with_parents(place->config->unix_sock_dir, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, "123456789\n and more", -1, NULL));
    instance = claim(place, NULL);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpint(atoi(text), ==, getpid());
    g_assert_null(strstr(text, "more"));
}

static void one_directory_for_all_is_no_obstacle(Place *place, gconstpointer unused)
{
    g_autoptr(Instance) instance = NULL;

    g_free(place->config->config_dir);
    place->config->config_dir = g_strdup(place->config->unix_sock_dir);
    instance = claim(place, NULL);
    g_assert_nonnull(instance);
}

static void the_parent_exits_0_once_the_child_is_ready(void)
{
    if (g_test_subprocess()) {
        pid_t parent = getpid();
        int ready = -1;

        g_assert_cmpint(daemon_fork(&ready, NULL), ==, 0);
        g_assert_cmpint(getpid(), !=, parent);
        g_assert_cmpint(getsid(0), ==, getpid());
        g_print("the child is here\n");
        fflush(stdout);
        daemon_ready(ready);
        _exit(7);
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout("*the child is here*");
}

static void the_parent_fails_as_the_child_does_before_it_is_ready(void)
{
    if (g_test_subprocess()) {
        int ready = -1;

        g_assert_cmpint(daemon_fork(&ready, NULL), ==, 0);
        fprintf(stderr, "no luck\n");
        fflush(stderr);
        _exit(3);
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*no luck*");
}

static void the_limit_of_descriptors_is_raised_to_what_is_allowed(void)
{
    struct rlimit before, low, after;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    low = (struct rlimit){ .rlim_cur = MIN(before.rlim_max, 64), .rlim_max = before.rlim_max };
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &low), ==, 0);
    g_assert_cmpuint(daemon_raise_file_limit(), ==, before.rlim_max);
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &after), ==, 0);
    g_assert_cmpuint(after.rlim_cur, ==, before.rlim_max);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
}

#define ADD(name) g_test_add("/server/daemon/" #name, Place, NULL, place_setup, name, place_teardown)
#define ADD_PLAIN(name) g_test_add_func("/server/daemon/" #name, name)

int main(int argc, char **argv)
{
    g_setenv("LC_ALL", "C", TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD(a_claim_makes_the_directories_and_the_pid_file);
    ADD(a_second_claim_is_refused_naming_directory_and_process);
    ADD(another_pid_file_makes_no_second_claim_possible);
    ADD(one_pid_file_serves_one_process_whatever_the_directories);
    ADD(directories_of_its_own_let_another_instance_run);
    ADD(what_was_released_can_be_claimed_again);
    ADD(a_pid_file_that_a_crash_left_is_taken_over);
    ADD(one_directory_for_all_is_no_obstacle);
    ADD_PLAIN(the_parent_exits_0_once_the_child_is_ready);
    ADD_PLAIN(the_parent_fails_as_the_child_does_before_it_is_ready);
    ADD_PLAIN(the_limit_of_descriptors_is_raised_to_what_is_allowed);
    return g_test_run();
}
