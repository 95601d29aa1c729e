/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The streams of the test driver: a console that echoes, and a picture of the screen. */
#include <libvirt/libvirt.h>

#include "drivers-fixture.h"
#include "drivers/test/driver.h"

static unsigned wakes;    /* of the stream under test; only this thread */

static void count_wake(DriverStream *stream)
{
    wakes++;
}

static Fixture *with_console(void)
{
    g_autofree char *document = fixture_document("vm", 1, "<console type='pty'/>");
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_create(fixture, document, 0), ==, VIR_ERR_OK);
    return fixture;
}

/* The stream is the caller's, as it would be the server's. */
static int open_console(Fixture *fixture, const char *domain, const char *device, uint32_t flags, DriverStream **stream)
{
    const RemoteDomainOpenConsoleArgs args = { .dev_name = device, .flags = flags };
    FixtureCall call;
    int r;

    fixture_begin(fixture, &call, "domain.open_console", domain);
    r = test_driver.domain_open_console(&call.op, &args);
    *stream = g_steal_pointer(&call.op.stream);
    if (*stream)
        (*stream)->wake = count_wake;
    g_assert_true((r == 0) == (*stream != NULL));
    return fixture_end(&call, r);
}

/* All there is to read; owned. *end: whether the stream's end was behind it. */
static char *read_all(DriverStream *stream, bool *end)
{
    GString *text = g_string_new(NULL);
    uint8_t buffer[7];
    uint64_t hole = 0;
    int64_t n;

    while ((n = stream->ops->read(stream, buffer, sizeof buffer, &hole, NULL)) > 0)
        g_string_append_len(text, (const char *)buffer, n);
    g_assert_true(n == 0 || n == DRIVER_STREAM_LATER);
    *end = n == 0;
    return g_string_free(text, false);
}

static void type(DriverStream *stream, const char *text)
{
    g_assert_cmpint(stream->ops->write(stream, (const uint8_t *)text, strlen(text), NULL), ==, 0);
}

static void a_console_greets_and_echoes(void)
{
    Fixture *fixture = with_console();
    g_autofree char *greeting = NULL, *echo = NULL;
    DriverStream *stream;
    bool end;

    g_assert_cmpint(open_console(fixture, "vm", NULL, 0, &stream), ==, VIR_ERR_OK);
    greeting = read_all(stream, &end);
    g_assert_nonnull(strstr(greeting, "vm"));
    g_assert_false(end);
    wakes = 0;
    type(stream, "date\r");
    g_assert_cmpuint(wakes, ==, 1);
    echo = read_all(stream, &end);
    g_assert_cmpstr(echo, ==, "date\r\n");
    g_assert_false(end);
    stream->ops->free(stream);
    fixture_free(fixture);
}

static void a_console_that_nobody_reads_stays_bounded(void)
{
    Fixture *fixture = with_console();
    g_autofree char *line = g_strnfill(1000, 'x');
    g_autofree char *text = NULL;
    DriverStream *stream;
    bool end;

    g_assert_cmpint(open_console(fixture, "vm", NULL, 0, &stream), ==, VIR_ERR_OK);
    for (unsigned i = 0; i < 100; i++)
        type(stream, line);
    text = read_all(stream, &end);
    g_assert_cmpuint(strlen(text), ==, 16384);
    stream->ops->free(stream);
    fixture_free(fixture);
}

static void a_second_session_needs_force_and_ends_the_first(void)
{
    Fixture *fixture = with_console();
    g_autofree char *rest = NULL;
    DriverStream *first, *second, *third;
    bool end;

    g_assert_cmpint(open_console(fixture, "vm", NULL, 0, &first), ==, VIR_ERR_OK);
    g_assert_cmpint(open_console(fixture, "vm", NULL, 0, &second), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(open_console(fixture, "vm", NULL, VIR_DOMAIN_CONSOLE_FORCE, &second), ==, VIR_ERR_OK);
    rest = read_all(first, &end);
    g_assert_true(end);
    first->ops->free(first);
    g_assert_cmpint(open_console(fixture, "vm", NULL, 0, &third), ==, VIR_ERR_OPERATION_FAILED);
    second->ops->free(second);
    g_assert_cmpint(open_console(fixture, "vm", NULL, 0, &third), ==, VIR_ERR_OK);
    third->ops->free(third);
    fixture_free(fixture);
}

static void a_console_ends_with_its_machine(void)
{
    Fixture *fixture = with_console();
    g_autofree char *greeting = NULL, *rest = NULL;
    DriverStream *stream;
    bool end;

    g_assert_cmpint(open_console(fixture, "vm", NULL, 0, &stream), ==, VIR_ERR_OK);
    greeting = read_all(stream, &end);
    g_assert_false(end);
    wakes = 0;
    g_assert_cmpint(fixture_destroy(fixture, "vm"), ==, VIR_ERR_OK);
    g_assert_cmpuint(wakes, ==, 1);
    type(stream, "anybody there?");
    rest = read_all(stream, &end);
    g_assert_true(end);
    g_assert_cmpstr(rest, ==, "");
    stream->ops->free(stream);
    fixture_free(fixture);
}

/* What the server's I/O thread does, but without waiting to be woken. */
static void *read_to_the_end(void *data)
{
    DriverStream *stream = data;
    uint8_t buffer[64];
    uint64_t hole;
    int64_t n;

    while ((n = stream->ops->read(stream, buffer, sizeof buffer, &hole, NULL)) != 0) {
        if (n == DRIVER_STREAM_LATER)
            g_thread_yield();
    }
    stream->ops->free(stream);
    return NULL;
}

static void a_console_may_be_read_and_closed_while_its_machine_stops(void)
{
    g_autofree char *document = fixture_document("vm", 1, "<console type='pty'/>");
    Fixture *fixture = with_console();

    g_assert_cmpint(fixture_define(fixture, document), ==, VIR_ERR_OK);
    for (unsigned i = 0; i < 100; i++) {
        DriverStream *stream;
        GThread *reader;

        g_assert_cmpint(open_console(fixture, "vm", NULL, 0, &stream), ==, VIR_ERR_OK);
        stream->wake = NULL;
        reader = g_thread_new("reader", read_to_the_end, stream);
        g_assert_cmpint(fixture_destroy(fixture, "vm"), ==, VIR_ERR_OK);
        g_thread_join(reader);
        g_assert_cmpint(fixture_start(fixture, "vm", 0), ==, VIR_ERR_OK);
    }
    fixture_free(fixture);
}

static void a_console_needs_a_device_and_a_running_machine(void)
{
    g_autofree char *off = fixture_document("off", 2, "<console type='pty'/>");
    g_autofree char *named = fixture_document("named", 3, "<serial type='pty'><alias name='ua-line'/></serial>");
    Fixture *fixture = with_console();
    DriverStream *stream;

    g_assert_cmpint(fixture_define(fixture, off), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_create(fixture, named, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(open_console(fixture, "test", NULL, 0, &stream), ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_cmpint(open_console(fixture, "off", NULL, 0, &stream), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(open_console(fixture, "named", "ua-other", 0, &stream), ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_cmpint(open_console(fixture, "named", "ua-line", 0, &stream), ==, VIR_ERR_OK);
    stream->ops->free(stream);
    fixture_free(fixture);
}

/* --- the screen ------------------------------------------------------------------------------ */

static int screenshot(Fixture *fixture, const char *domain, uint32_t screen, DriverStream **stream)
{
    const RemoteDomainScreenshotArgs args = { .screen = screen };
    RemoteDomainScreenshotResult result = { .mime = NULL };
    FixtureCall call;
    int r;

    fixture_begin(fixture, &call, "domain.screenshot", domain);
    r = test_driver.domain_screenshot(&call.op, &args, &result);
    *stream = g_steal_pointer(&call.op.stream);
    if (r == 0)
        g_assert_cmpstr(result.mime, ==, "image/x-portable-pixmap");
    return fixture_end(&call, r);
}

static void a_screenshot_is_a_whole_picture(void)
{
    static const char head[] = "P6\n320 200\n255\n";
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    g_autofree uint8_t *picture = g_malloc(1 << 20);
    size_t size = 0;
    DriverStream *stream;
    uint64_t hole;
    int64_t n;

    g_assert_cmpint(screenshot(fixture, "test", 0, &stream), ==, VIR_ERR_OK);
    while ((n = stream->ops->read(stream, picture + size, 1001, &hole, NULL)) > 0)
        size += (size_t)n;
    g_assert_cmpint(n, ==, 0);
    g_assert_cmpuint(size, ==, sizeof head - 1 + 320 * 200 * 3);
    g_assert_cmpmem(picture, sizeof head - 1, head, sizeof head - 1);
    stream->ops->free(stream);
    fixture_free(fixture);
}

static void a_machine_has_one_screen_while_it_runs(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    DriverStream *stream;

    g_assert_cmpint(screenshot(fixture, "test", 1, &stream), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(fixture_destroy(fixture, "test"), ==, VIR_ERR_OK);
    g_assert_cmpint(screenshot(fixture, "test", 0, &stream), ==, VIR_ERR_OPERATION_INVALID);
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/drivers/test/streams/" #claim, claim)
    ADD(a_console_greets_and_echoes);
    ADD(a_console_that_nobody_reads_stays_bounded);
    ADD(a_second_session_needs_force_and_ends_the_first);
    ADD(a_console_ends_with_its_machine);
    ADD(a_console_may_be_read_and_closed_while_its_machine_stops);
    ADD(a_console_needs_a_device_and_a_running_machine);
    ADD(a_screenshot_is_a_whole_picture);
    ADD(a_machine_has_one_screen_while_it_runs);
    return g_test_run();
}
