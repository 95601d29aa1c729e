/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Consoles, with a pseudo terminal that the test holds the other end of, as xenconsoled would. */
#include "xen-calls.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

/* --- the guest's end -------------------------------------------------------------------------- */

/* A terminal whose name stands in xenstore as the console of that domain. The descriptor is the guest's end. */
static int connect_console(Fixture *fixture, int id)
{
    g_autofree char *path = g_strdup_printf("/local/domain/%d/console/tty", id);
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(grantpt(fd), ==, 0);
    g_assert_cmpint(unlockpt(fd), ==, 0);
    double_put(double_of(fixture), path, ptsname(fd));
    return fd;
}

static int open_console(Fixture *fixture, const char *name, unsigned flags, DriverStream **stream)
{
    const RemoteDomainOpenConsoleArgs args = { .flags = flags };
    FixtureCall call;
    int r;

    fixture_begin(fixture, &call, "domain.open_console", name);
    r = fixture->host.driver->domain_open_console(&call.op, &args);
    *stream = g_steal_pointer(&call.op.stream);
    return fixture_end(&call, r);
}

/* --- the server's end ------------------------------------------------------------------------- */

static int wakes;    /* atomic */

static void on_wake(DriverStream *stream)
{
    __atomic_add_fetch(&wakes, 1, __ATOMIC_RELEASE);
}

static void serve(DriverStream *stream)
{
    wakes = 0;
    __atomic_store_n(&stream->wake, on_wake, __ATOMIC_RELEASE);
}

static void await_wake(int n)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;

    while (__atomic_load_n(&wakes, __ATOMIC_ACQUIRE) < n && clock_now() < deadline)
        g_usleep(1000);
    g_assert_cmpint(__atomic_load_n(&wakes, __ATOMIC_ACQUIRE), >=, n);
}

static int64_t read_some(DriverStream *stream, char *text, size_t size)
{
    Error error = ERROR_INIT;
    uint64_t hole = 0;

    return stream->ops->read(stream, (uint8_t *)text, size, &hole, &error);
}

static void bytes_flow_both_ways_and_nobody_waits(void)
{
    Fixture *fixture = double_open(3);
    int guest = connect_console(fixture, 2);
    DriverStream *stream;
    char text[16] = "";
    Error error = ERROR_INIT;

    g_assert_cmpint(open_console(fixture, "guest-00002", 0, &stream), ==, VIR_ERR_OK);
    serve(stream);
    g_assert_cmpint(read_some(stream, text, sizeof text), ==, DRIVER_STREAM_LATER);
    g_assert_cmpint(write(guest, "login: ", 7), ==, 7);
    await_wake(1);
    g_assert_cmpint(read_some(stream, text, sizeof text), ==, 7);
    g_assert_cmpint(memcmp(text, "login: ", 7), ==, 0);
    g_assert_cmpint(stream->ops->write(stream, (const uint8_t *)"root\r", 5, &error), ==, 0);
    g_assert_cmpint(read(guest, text, sizeof text), ==, 5);
    g_assert_cmpint(memcmp(text, "root\r", 5), ==, 0);
    stream->ops->free(stream);
    close(guest);
    fixture_free(fixture);
}

static void stream_ends_when_the_guest_does(void)
{
    Fixture *fixture = double_open(3);
    int guest = connect_console(fixture, 2);
    DriverStream *stream;
    char text[16];

    g_assert_cmpint(open_console(fixture, "guest-00002", 0, &stream), ==, VIR_ERR_OK);
    serve(stream);
    g_assert_cmpint(read_some(stream, text, sizeof text), ==, DRIVER_STREAM_LATER);
    close(guest);
    await_wake(1);
    g_assert_cmpint(read_some(stream, text, sizeof text), ==, 0);
    stream->ops->free(stream);
    fixture_free(fixture);
}

static void one_session_has_the_console_until_force(void)
{
    Fixture *fixture = double_open(3);
    int guest = connect_console(fixture, 2);
    DriverStream *first, *second;
    char text[16];

    g_assert_cmpint(open_console(fixture, "guest-00002", VIR_DOMAIN_CONSOLE_SAFE, &first), ==, VIR_ERR_OK);
    g_assert_cmpint(open_console(fixture, "guest-00002", VIR_DOMAIN_CONSOLE_SAFE, &second), ==,
                    VIR_ERR_OPERATION_FAILED);
    serve(first);
    g_assert_cmpint(read_some(first, text, sizeof text), ==, DRIVER_STREAM_LATER);
    g_assert_cmpint(open_console(fixture, "guest-00002", VIR_DOMAIN_CONSOLE_FORCE, &second), ==, VIR_ERR_OK);
    await_wake(1);
    g_assert_cmpint(read_some(first, text, sizeof text), ==, 0);
    first->ops->free(first);
    g_assert_cmpint(write(guest, "x", 1), ==, 1);
    g_assert_cmpint(read_some(second, text, sizeof text), ==, 1);
    second->ops->free(second);
    g_assert_cmpint(open_console(fixture, "guest-00002", 0, &first), ==, VIR_ERR_OK);
    first->ops->free(first);
    close(guest);
    fixture_free(fixture);
}

static void what_is_no_terminal_is_never_opened(void)
{
    static const char *const bad[] = { "/etc/passwd", "/dev/pts/../../etc/passwd", "/dev/pts/", "/dev/null", "" };
    Fixture *fixture = double_open(3);
    DriverStream *stream;

    g_assert_cmpint(open_console(fixture, "guest-00002", 0, &stream), ==, VIR_ERR_OPERATION_FAILED);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        double_put(double_of(fixture), "/local/domain/2/console/tty", bad[i]);
        g_assert_cmpint(open_console(fixture, "guest-00002", 0, &stream), ==, VIR_ERR_OPERATION_FAILED);
        g_assert_null(stream);
    }
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/drivers/xen/console/flow", bytes_flow_both_ways_and_nobody_waits);
    g_test_add_func("/drivers/xen/console/end", stream_ends_when_the_guest_does);
    g_test_add_func("/drivers/xen/console/one", one_session_has_the_console_until_force);
    g_test_add_func("/drivers/xen/console/bad", what_is_no_terminal_is_never_opened);
    return g_test_run();
}
