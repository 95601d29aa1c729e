/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What base/log.c and log-setting.c promise: filters, outputs, the form of a line, reopening. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

LOG_SOURCE("conf.store");
static LogSource other_source = { "rpc.client", 0, NULL };

typedef struct Place {
    char *dir, *path;
} Place;

static void place_setup(Place *place, gconstpointer unused)
{
    place->dir = g_dir_make_tmp("drover-log-XXXXXX", NULL);
    place->path = g_build_filename(place->dir, "log", NULL);
    log_set_level(LOG_LEVEL_WARNING, NULL);
    log_set_filters(NULL, NULL);
    log_set_outputs(NULL, NULL);
}

static void place_teardown(Place *place, gconstpointer unused)
{
    log_set_outputs(NULL, NULL);
    g_unlink(place->path);
    g_assert_cmpint(g_rmdir(place->dir), ==, 0);
    g_free(place->dir);
    g_free(place->path);
}

/* Lets lines of at least `level` into the file of the place. */
static void place_log_here(const Place *place, int level)
{
    g_autofree char *outputs = g_strdup_printf("%d:file:%s", level, place->path);
    Error error = ERROR_INIT;

    g_assert_cmpint(log_set_outputs(outputs, &error), ==, 0);
}

static char *place_content(const Place *place)
{
    char *text = NULL;

    g_assert_true(g_file_get_contents(place->path, &text, NULL, NULL));
    return text;
}

static void a_line_has_time_thread_level_and_place(Place *place, gconstpointer unused)
{
    g_autofree char *text = NULL;

    place_log_here(place, 1);
    log_warning("%d domains", 3);
    text = place_content(place);
    g_assert_true(g_regex_match_simple(
        "^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3}\\+0000: \\d+: warning : "
        "a_line_has_time_thread_level_and_place:\\d+ : 3 domains\n$", text, 0, 0));
}

static void a_message_over_lines_stays_one_line(Place *place, gconstpointer unused)
{
    g_autofree char *text = NULL;

    place_log_here(place, 1);
    log_error("no domain '%s'", "x\n2026-01-01 00:00:00.000+0000: 1: error : forged:1 : \x1b[31m");
    text = place_content(place);
    g_assert_cmpuint(strcspn(text, "\n"), ==, strlen(text) - 1);
    g_assert_null(strchr(text, '\x1b'));
}

static void the_general_level_decides_without_filters(Place *place, gconstpointer unused)
{
    g_assert_true(log_wanted(&log_source, LOG_LEVEL_ERROR));
    g_assert_true(log_wanted(&log_source, LOG_LEVEL_WARNING));
    g_assert_false(log_wanted(&log_source, LOG_LEVEL_INFO));
    g_assert_cmpint(log_set_level(LOG_LEVEL_DEBUG, NULL), ==, 0);
    g_assert_true(log_wanted(&log_source, LOG_LEVEL_DEBUG));
    g_assert_cmpint(log_get_level(), ==, LOG_LEVEL_DEBUG);
}

static void the_first_filter_that_matches_decides(Place *place, gconstpointer unused)
{
    g_assert_cmpint(log_set_filters("4:conf.store 1:conf", NULL), ==, 0);
    g_assert_true(log_wanted(&log_source, LOG_LEVEL_ERROR));
    g_assert_false(log_wanted(&log_source, LOG_LEVEL_WARNING));
    g_assert_false(log_wanted(&other_source, LOG_LEVEL_INFO));
    g_assert_cmpint(log_set_filters("1:conf 4:conf.store", NULL), ==, 0);
    g_assert_true(log_wanted(&log_source, LOG_LEVEL_DEBUG));
}

static void a_filter_matches_anywhere_and_with_wildcards(Place *place, gconstpointer unused)
{
    g_assert_cmpint(log_set_filters("1:lien", NULL), ==, 0);
    g_assert_true(log_wanted(&other_source, LOG_LEVEL_DEBUG));
    g_assert_cmpint(log_set_filters("1:r?c*nt", NULL), ==, 0);
    g_assert_true(log_wanted(&other_source, LOG_LEVEL_DEBUG));
    g_assert_false(log_wanted(&log_source, LOG_LEVEL_DEBUG));
    g_assert_cmpint(log_set_filters("1:+rpc", NULL), ==, 0);
    g_assert_true(log_wanted(&other_source, LOG_LEVEL_DEBUG));
}

static void settings_are_told_as_they_were_made(Place *place, gconstpointer unused)
{
    g_autofree char *outputs = g_strdup_printf(" 3:stderr  1:file:%s 2:journald\t4:syslog:drover", place->path);
    g_autofree char *expected = g_strdup_printf("3:stderr 1:file:%s 2:journald 4:syslog:drover", place->path);
    g_autofree char *told_outputs = NULL, *told_filters = NULL;
    unsigned n = 0;

    g_assert_cmpint(log_set_outputs(outputs, NULL), ==, 0);
    told_outputs = log_get_outputs(&n);
    g_assert_cmpstr(told_outputs, ==, expected);
    g_assert_cmpuint(n, ==, 4);
    g_assert_cmpint(log_set_filters("1:rpc   3:conf.*\n", NULL), ==, 0);
    told_filters = log_get_filters(&n);
    g_assert_cmpstr(told_filters, ==, "1:rpc 3:conf.*");
    g_assert_cmpuint(n, ==, 2);
}

static void of_two_outputs_to_one_place_the_later_counts(Place *place, gconstpointer unused)
{
    g_autofree char *told = NULL;
    unsigned n = 0;

    g_assert_cmpint(log_set_outputs("1:stderr 3:stderr", NULL), ==, 0);
    told = log_get_outputs(&n);
    g_assert_cmpstr(told, ==, "3:stderr");
    g_assert_cmpuint(n, ==, 1);
}

static void each_output_takes_only_its_levels(Place *place, gconstpointer unused)
{
    g_autofree char *text = NULL;

    log_set_level(LOG_LEVEL_DEBUG, NULL);
    place_log_here(place, 4);
    g_assert_false(log_wanted(&log_source, LOG_LEVEL_WARNING));
    log_write(&log_source, LOG_LEVEL_WARNING, "file", 1, "func", "dropped");
    log_error("written");
    text = place_content(place);
    g_assert_null(strstr(text, "dropped"));
    g_assert_nonnull(strstr(text, " error : each_output_takes_only_its_levels:"));
}

static void wrong_filters_are_refused_and_change_nothing(Place *place, gconstpointer unused)
{
    static const char *const wrong[] = { "rpc", "0:rpc", "5:rpc", "1:", "1", "1:+", "2rpc", ":rpc", "11:rpc",
                                         "1:rpc x" };

    g_assert_cmpint(log_set_filters("1:conf", NULL), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        Error error = ERROR_INIT;
        g_autofree char *told = NULL;
        unsigned n;

        if (log_set_filters(wrong[i], &error) == 0)
            g_error("the filter '%s' was accepted", wrong[i]);
        g_assert_cmpint(error.code, ==, VIR_ERR_INVALID_ARG);
        told = log_get_filters(&n);
        g_assert_cmpstr(told, ==, "1:conf");
        error_clear(&error);
    }
}

static void wrong_outputs_are_refused_and_change_nothing(Place *place, gconstpointer unused)
{
    static const char *const wrong[] = { "stderr", "1:", "0:stderr", "5:stderr", "1:stdout", "1:file",
                                         "1:file:", "1:file:relative", "1:syslog", "1:syslog:", "1:stderr:x",
                                         "1:stderr 9:journald", "1:journald:x" };

    place_log_here(place, 2);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        Error error = ERROR_INIT;
        g_autofree char *told = NULL;
        unsigned n;

        if (log_set_outputs(wrong[i], &error) == 0)
            g_error("the output '%s' was accepted", wrong[i]);
        g_assert_cmpint(error.code, ==, VIR_ERR_INVALID_ARG);
        told = log_get_outputs(&n);
        g_assert_true(g_str_has_prefix(told, "2:file:"));
        error_clear(&error);
    }
}

static void a_file_that_cannot_be_opened_is_named(Place *place, gconstpointer unused)
{
    g_autofree char *outputs = g_strdup_printf("1:file:%s/no/such", place->dir);
    Error error = ERROR_INIT;

    g_assert_cmpint(log_set_outputs(outputs, &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpint(error.int1, ==, ENOENT);
    g_assert_nonnull(strstr(error.message, "/no/such"));
    error_clear(&error);
}

static void a_wrong_level_is_refused(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;

    g_assert_cmpint(log_set_level(0, &error), ==, -1);
    g_assert_cmpint(log_set_level(5, &error), ==, -1);
    g_assert_cmpint(log_get_level(), ==, LOG_LEVEL_WARNING);
    error_clear(&error);
}

static void a_rotated_file_is_opened_again(Place *place, gconstpointer unused)
{
    g_autofree char *rotated = g_strconcat(place->path, ".1", NULL);
    g_autofree char *before = NULL, *after = NULL;

    place_log_here(place, 1);
    log_error("before");
    g_assert_cmpint(g_rename(place->path, rotated), ==, 0);
    log_error("still before");
    log_reopen();
    log_error("after");
    g_assert_true(g_file_get_contents(rotated, &before, NULL, NULL));
    after = place_content(place);
    g_assert_nonnull(strstr(before, "still before"));
    g_assert_null(strstr(after, "before"));
    g_assert_nonnull(strstr(after, "after"));
    g_unlink(rotated);
}

static void errno_survives_a_line(Place *place, gconstpointer unused)
{
    log_set_outputs("1:stderr", NULL);
    place_log_here(place, 1);
    errno = ENOTTY;
    log_error("x");
    g_assert_cmpint(errno, ==, ENOTTY);
}

static gpointer write_lines(gpointer data)
{
    for (int i = 0; i < 500; i++)
        log_warning("line %d of %s, and something behind it", i, (const char *)data);
    return NULL;
}

static void lines_of_many_threads_stay_whole(Place *place, gconstpointer unused)
{
    enum { THREADS = 6 };
    GThread *threads[THREADS];
    g_auto(GStrv) lines = NULL;
    g_autofree char *text = NULL;

    place_log_here(place, 1);
    for (int i = 0; i < THREADS; i++)
        threads[i] = g_thread_new("writer", write_lines, (void *)"one");
    for (int i = 0; i < 200; i++)
        g_assert_cmpint(log_set_filters(i % 2 ? "1:conf" : "2:conf 1:rpc", NULL), ==, 0);
    for (int i = 0; i < THREADS; i++)
        g_thread_join(threads[i]);
    text = place_content(place);
    lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, THREADS * 500 + 1);
    for (int i = 0; i < THREADS * 500; i++)
        g_assert_true(g_str_has_suffix(lines[i], "of one, and something behind it"));
}

#define ADD(name) g_test_add("/base/log/" #name, Place, NULL, place_setup, name, place_teardown)

int main(int argc, char **argv)
{
    g_setenv("LC_ALL", "C", TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD(a_line_has_time_thread_level_and_place);
    ADD(a_message_over_lines_stays_one_line);
    ADD(the_general_level_decides_without_filters);
    ADD(the_first_filter_that_matches_decides);
    ADD(a_filter_matches_anywhere_and_with_wildcards);
    ADD(settings_are_told_as_they_were_made);
    ADD(of_two_outputs_to_one_place_the_later_counts);
    ADD(each_output_takes_only_its_levels);
    ADD(wrong_filters_are_refused_and_change_nothing);
    ADD(wrong_outputs_are_refused_and_change_nothing);
    ADD(a_file_that_cannot_be_opened_is_named);
    ADD(a_wrong_level_is_refused);
    ADD(a_rotated_file_is_opened_again);
    ADD(errno_survives_a_line);
    ADD(lines_of_many_threads_stay_whole);
    return g_test_run();
}
