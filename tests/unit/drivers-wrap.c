/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The wrappers: which words make them, which operations they choose, and what they do. */
#include <glib/gstdio.h>
#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/log.h"
#include "drivers-fixture.h"
#include "drivers/test/driver.h"
#include "drivers/wrap/wrap.h"

/* What the operation itself would have been. */
static unsigned invoked;

static int invoke(Op *op, const void *args, void *result)
{
    invoked++;
    return 0;
}

static Wrap *made(const char *first, const char *second)
{
    const char *const specs[] = { first, second, NULL };
    Error error = ERROR_INIT;
    Wrap *wrap = NULL;

    if (wrap_new(specs, &wrap, &error) < 0)
        g_error("%s", error.message);
    return wrap;
}

/* One call through the chain; gives the error's code. */
static int run(Fixture *fixture, Wrap *wrap, const char *procedure, const char *domain)
{
    FixtureCall call;

    fixture_begin(fixture, &call, procedure, domain);
    call.op.invoke = invoke;
    return fixture_end(&call, wrap->around(wrap, &call.op, NULL, NULL));
}

static int refused(const char *spec)
{
    const char *const specs[] = { "trace", spec, NULL };
    Error error = ERROR_INIT;
    Wrap *wrap = NULL;
    int code = wrap_new(specs, &wrap, &error) < 0 ? error.code : VIR_ERR_OK;

    g_assert_true(code == VIR_ERR_OK || strstr(error.message, spec));
    wrap_free(wrap);
    error_clear(&error);
    return code;
}

/* --- words ----------------------------------------------------------------------------------- */

static void no_words_make_no_wrapper(void)
{
    const char *const none[] = { NULL };
    Wrap *wrap = (Wrap *)&wrap;

    g_assert_cmpint(wrap_new(none, &wrap, NULL), ==, 0);
    g_assert_null(wrap);
    wrap_free(wrap);
}

static void words_that_mean_nothing_are_refused(void)
{
    g_assert_cmpint(refused("vanish"), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpint(refused(""), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpint(refused("delay"), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpint(refused("delay ms=soon"), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpint(refused("delay ms=-1"), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpint(refused("delay ms=1 ms=2"), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpint(refused("delay ms=1 code=9"), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpint(refused("fail code=0"), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpint(refused("fail every=0"), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpint(refused("fail domain"), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpint(refused("fail  code=9 every=3 times=2"), ==, VIR_ERR_OK);
}

/* --- fail ------------------------------------------------------------------------------------ */

static void fail_answers_its_code_for_what_it_chooses(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    Wrap *wrap = made("fail code=38 procedure=domain.*", NULL);

    invoked = 0;
    g_assert_cmpint(run(fixture, wrap, "domain.get_info", "test"), ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpuint(invoked, ==, 0);
    g_assert_cmpint(run(fixture, wrap, "node.get_info", NULL), ==, VIR_ERR_OK);
    g_assert_cmpuint(invoked, ==, 1);
    wrap_free(wrap);
    fixture_free(fixture);
}

static void a_domain_pattern_chooses_only_calls_about_such_a_domain(void)
{
    g_autofree char *document = fixture_document("other", 1, NULL);
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    Wrap *wrap = made("fail domain=t*t", NULL);

    g_assert_cmpint(fixture_define(fixture, document), ==, VIR_ERR_OK);
    g_assert_cmpint(run(fixture, wrap, "domain.suspend", "test"), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(run(fixture, wrap, "domain.suspend", "other"), ==, VIR_ERR_OK);
    g_assert_cmpint(run(fixture, wrap, "node.get_info", NULL), ==, VIR_ERR_OK);
    wrap_free(wrap);
    fixture_free(fixture);
}

static void every_and_times_count_what_matches(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    Wrap *wrap = made("fail every=3 times=2", NULL);
    GString *pattern = g_string_new(NULL);

    for (unsigned i = 0; i < 12; i++)
        g_string_append_c(pattern, run(fixture, wrap, "node.get_info", NULL) ? 'x' : '.');
    g_assert_cmpstr(pattern->str, ==, "..x..x......");
    g_string_free(pattern, true);
    wrap_free(wrap);
    fixture_free(fixture);
}

static void the_outer_wrapper_comes_first(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    Wrap *wrap = made("fail code=9 times=1", "fail code=55 times=1");

    g_assert_cmpint(run(fixture, wrap, "node.get_info", NULL), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(run(fixture, wrap, "node.get_info", NULL), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(run(fixture, wrap, "node.get_info", NULL), ==, VIR_ERR_OK);
    wrap_free(wrap);
    fixture_free(fixture);
}

/* --- delay ----------------------------------------------------------------------------------- */

static void delay_holds_up_and_then_runs(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    Wrap *wrap = made("delay ms=30 procedure=domain.suspend", NULL);
    int64_t begun = clock_now();

    invoked = 0;
    g_assert_cmpint(run(fixture, wrap, "domain.suspend", "test"), ==, VIR_ERR_OK);
    g_assert_cmpint(clock_now() - begun, >=, 30 * CLOCK_MS);
    g_assert_cmpuint(invoked, ==, 1);
    wrap_free(wrap);
    fixture_free(fixture);
}

static void delay_outside_of_a_job_holds_up_too(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    Wrap *wrap = made("delay ms=30", NULL);
    int64_t begun = clock_now();

    g_assert_cmpint(run(fixture, wrap, "domain.get_info", "test"), ==, VIR_ERR_OK);
    g_assert_cmpint(clock_now() - begun, >=, 30 * CLOCK_MS);
    wrap_free(wrap);
    fixture_free(fixture);
}

static void an_interrupted_delay_ends_at_once_without_the_operation(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    Wrap *wrap = made("delay ms=600000", NULL);
    FixtureCall call;

    invoked = 0;
    fixture_begin(fixture, &call, "domain.suspend", "test");
    call.op.invoke = invoke;
    g_assert_true(job_interrupt(&call.op.domain->jobs, true));
    g_assert_cmpint(fixture_end(&call, wrap->around(wrap, &call.op, NULL, NULL)), ==, VIR_ERR_OPERATION_ABORTED);
    g_assert_cmpuint(invoked, ==, 0);
    wrap_free(wrap);
    fixture_free(fixture);
}

static void what_never_leaves_the_io_thread_is_not_held_up(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    Wrap *wrap = made("delay ms=600000", NULL);
    FixtureCall call;

    invoked = 0;
    fixture_begin(fixture, &call, "connect.close", NULL);
    call.op.invoke = invoke;
    g_assert_false(wrap_may_block(wrap, call.op.proc));
    g_assert_cmpint(fixture_end(&call, wrap->around(wrap, &call.op, NULL, NULL)), ==, VIR_ERR_OK);
    g_assert_cmpuint(invoked, ==, 1);
    wrap_free(wrap);
    fixture_free(fixture);
}

static void only_what_a_delay_chooses_may_block(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    Wrap *wrap = made("fail code=9", "delay ms=1 procedure=domain.get_*");
    FixtureCall info, node;

    fixture_begin(fixture, &info, "domain.get_info", "test");
    fixture_begin(fixture, &node, "node.get_info", NULL);
    g_assert_true(wrap_may_block(wrap, info.op.proc));
    g_assert_false(wrap_may_block(wrap, node.op.proc));
    g_assert_false(wrap_may_block(NULL, info.op.proc));
    fixture_end(&info, 0);
    fixture_end(&node, 0);
    wrap_free(wrap);
    fixture_free(fixture);
}

/* --- trace ----------------------------------------------------------------------------------- */

static void trace_writes_the_operation_and_its_end(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    Wrap *wrap = made("trace procedure=domain.*", "fail code=55 times=1");
    g_autofree char *path = NULL, *outputs = NULL, *text = NULL;
    int fd = g_file_open_tmp("drover-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    outputs = g_strdup_printf("1:file:%s", path);
    g_assert_cmpint(log_set_outputs(outputs, NULL), ==, 0);
    g_assert_cmpint(log_set_level(LOG_LEVEL_INFO, NULL), ==, 0);
    run(fixture, wrap, "domain.get_info", "test");
    run(fixture, wrap, "domain.get_state", "test");
    run(fixture, wrap, "node.get_info", NULL);
    g_assert_cmpint(log_set_outputs(NULL, NULL), ==, 0);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "domain.get_info of 'test': "));
    g_assert_nonnull(strstr(text, "driver_wrap"));
    g_assert_nonnull(strstr(text, "domain.get_state of 'test': done, "));
    g_assert_null(strstr(text, "node.get_info"));
    close(fd);
    g_remove(path);
    wrap_free(wrap);
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/drivers/wrap/" #claim, claim)
    ADD(no_words_make_no_wrapper);
    ADD(words_that_mean_nothing_are_refused);
    ADD(fail_answers_its_code_for_what_it_chooses);
    ADD(a_domain_pattern_chooses_only_calls_about_such_a_domain);
    ADD(every_and_times_count_what_matches);
    ADD(the_outer_wrapper_comes_first);
    ADD(delay_holds_up_and_then_runs);
    ADD(delay_outside_of_a_job_holds_up_too);
    ADD(an_interrupted_delay_ends_at_once_without_the_operation);
    ADD(what_never_leaves_the_io_thread_is_not_held_up);
    ADD(only_what_a_delay_chooses_may_block);
    ADD(trace_writes_the_operation_and_its_end);
    return g_test_run();
}
