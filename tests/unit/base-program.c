/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What base/program.h promises. */
#include "base/program.h"

#include <signal.h>
#include <string.h>

#include <glib.h>

#include "base/clock.h"

static const ProgramLimits generous = { .cpu_seconds = 30, .wall_seconds = 60, .output = 1 << 20 };

static ProgramResult run(const char *const *argv, const char *input, const ProgramLimits *limits)
{
    ProgramResult result = { NULL };
    Error error = ERROR_INIT;

    g_assert_cmpint(program_run(argv, input, strlen(input), limits, &result, &error), ==, 0);
    g_assert_cmpint(error.code, ==, VIR_ERR_OK);
    return result;
}

static void input_goes_in_and_output_comes_back(void)
{
    ProgramResult result = run((const char *const[]){ "tr", "a-z", "A-Z", NULL }, "hello", &generous);

    g_assert_cmpstr(result.output, ==, "HELLO");
    g_assert_cmpint(result.status, ==, 0);
    program_result_clear(&result);
}

static void more_than_a_pipe_holds_goes_both_ways(void)
{
    g_autofree char *input = g_strnfill(700000, 'x');
    ProgramResult result = run((const char *const[]){ "cat", NULL }, input, &generous);

    g_assert_cmpstr(result.output, ==, input);
    program_result_clear(&result);
}

static void the_exit_status_is_told(void)
{
    ProgramResult result = run((const char *const[]){ "sh", "-c", "echo bad >&2; exit 3", NULL }, "", &generous);

    g_assert_cmpint(result.status, ==, 3);
    g_assert_cmpint(result.signal, ==, 0);
    g_assert_cmpstr(result.output, ==, "bad\n");
    program_result_clear(&result);
}

static void a_program_that_is_not_there_says_so_by_its_status(void)
{
    ProgramResult result = run((const char *const[]){ "no-such-program", NULL }, "", &generous);

    g_assert_cmpint(result.status, ==, 127);
    program_result_clear(&result);
}

static void a_program_that_never_ends_is_killed_at_its_limit(void)
{
    const ProgramLimits cpu = { .cpu_seconds = 1, .output = 100 }, wall = { .wall_seconds = 1, .output = 100 };
    ProgramResult busy = run((const char *const[]){ "sh", "-c", "while :; do :; done", NULL }, "", &cpu);
    ProgramResult idle = run((const char *const[]){ "sleep", "1000", NULL }, "", &wall);

    g_assert_cmpint(busy.signal, !=, 0);
    g_assert_cmpint(idle.signal, ==, SIGKILL);
    program_result_clear(&busy);
    program_result_clear(&idle);
}

static void what_is_too_much_is_dropped(void)
{
    const ProgramLimits limits = { .wall_seconds = 60, .output = 10 };
    ProgramResult result = run((const char *const[]){ "sh", "-c", "yes | head -n 100000", NULL }, "", &limits);

    g_assert_cmpuint(strlen(result.output), ==, 10);
    g_assert_cmpint(result.status, ==, 0);
    program_result_clear(&result);
}

static void a_program_that_reads_nothing_is_no_accident(void)
{
    g_autofree char *input = g_strnfill(700000, 'x');
    ProgramResult result = run((const char *const[]){ "true", NULL }, input, &generous);

    g_assert_cmpint(result.status, ==, 0);
    program_result_clear(&result);
}

static void no_descriptor_of_ours_is_passed_on(void)
{
    ProgramResult result = run((const char *const[]){ "ls", "/proc/self/fd", NULL }, "", &generous);

    g_assert_cmpstr(result.output, ==, "0\n1\n2\n3\n");    /* 3: of ls */
    program_result_clear(&result);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
#define ADD(claim) g_test_add_func("/base/program/" #claim, claim)
    ADD(input_goes_in_and_output_comes_back);
    ADD(more_than_a_pipe_holds_goes_both_ways);
    ADD(the_exit_status_is_told);
    ADD(a_program_that_is_not_there_says_so_by_its_status);
    ADD(a_program_that_never_ends_is_killed_at_its_limit);
    ADD(what_is_too_much_is_dropped);
    ADD(a_program_that_reads_nothing_is_no_accident);
    ADD(no_descriptor_of_ours_is_passed_on);
    return g_test_run();
}
