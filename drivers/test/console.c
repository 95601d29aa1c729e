/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The console of a pretended guest: it greets, and echoes what is typed. A stream belongs to the server once
 * it is open; its functions run on one thread at a time, on no job. One session has the line of a domain; it
 * loses it to one that is opened by force, and when the machine stops, and then ends with what is still to be
 * read. Takes LOCK_TEST_HOST, the domain's own, and the server's lock for waking a stream inside it. */
#include "drivers/test/test.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/op.h"

enum { BUFFER_SIZE = 16384 };

typedef struct ConsoleStream {
    DriverStream stream;
    /* fixed */
    Domain *domain;           /* owned reference */
    /* owned by whoever runs the stream */
    unsigned first, used;     /* a ring */
    uint8_t buffer[BUFFER_SIZE];
    /* under the domain's LOCK_TEST_HOST */
    bool read_from;           /* the server has it and may be woken */
    bool ended;               /* it has lost the line */
} ConsoleStream;

static ConsoleStream *console_of(DriverStream *stream)
{
    return (ConsoleStream *)(void *)((char *)stream - offsetof(ConsoleStream, stream));
}

static TestDomain *test_domain(Domain *domain)
{
    return domain->driver_data;
}

/* Whoever has the line loses it. The stream can't go meanwhile: console_free wants the lock first. */
static void hang_up_locked(TestDomain *test)
{
    ConsoleStream *console = g_steal_pointer(&test->console);

    lock_assert_held(&test->lock);
    if (!console)
        return;
    console->ended = true;
    if (console->read_from)
        driver_stream_wake(&console->stream);
}

void test_console_hang_up(Domain *domain)
{
    TestDomain *test = test_domain(domain);

    LOCK_SCOPE(&test->lock);
    hang_up_locked(test);
}

/* True when nothing will be added to what is there. */
static bool is_ended(ConsoleStream *console, bool reading)
{
    LOCK_SCOPE(&test_domain(console->domain)->lock);
    console->read_from |= reading;
    return console->ended;
}

/* What doesn't fit is lost, as on a line whose other end reads too slowly. */
static void put(ConsoleStream *console, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && console->used < BUFFER_SIZE; i++)
        console->buffer[(console->first + console->used++) % BUFFER_SIZE] = data[i];
}

static void put_text(ConsoleStream *console, const char *text)
{
    put(console, (const uint8_t *)text, strlen(text));
}

static int console_write(DriverStream *stream, const uint8_t *data, size_t size, Error *error)
{
    ConsoleStream *console = console_of(stream);

    if (is_ended(console, false))
        return 0;
    for (size_t i = 0; i < size; i++) {
        put(console, &data[i], 1);
        if (data[i] == '\r')
            put_text(console, "\n");
    }
    driver_stream_wake(stream);
    return 0;
}

static int64_t console_read(DriverStream *stream, uint8_t *data, size_t size, uint64_t *hole, Error *error)
{
    ConsoleStream *console = console_of(stream);
    bool ended = is_ended(console, true);
    size_t n = MIN(MIN(size, console->used), BUFFER_SIZE - console->first);

    if (n == 0)
        return ended ? 0 : DRIVER_STREAM_LATER;
    memcpy(data, console->buffer + console->first, n);
    console->first = (console->first + (unsigned)n) % BUFFER_SIZE;
    console->used -= (unsigned)n;
    return (int64_t)n;
}

static void console_free(DriverStream *stream)
{
    ConsoleStream *console = console_of(stream);
    TestDomain *test = test_domain(console->domain);

    lock_acquire(&test->lock);
    if (test->console == console)
        test->console = NULL;
    lock_release(&test->lock);
    domain_unref(console->domain);
    g_free(console);
}

static const DriverStreamOps console_ops = {
    .write = console_write,
    .read = console_read,
    .free = console_free,
};

static bool is_called(const DeviceInfo *info, const char *alias)
{
    return !alias || (info->alias && g_strcmp0(info->alias->name, alias) == 0);
}

/* Whether the document has a line to talk over, of that alias when one is given. */
static bool has_device(const DomainConfig *config, const char *alias)
{
    const Devices *devices = &config->devices;

    for (unsigned i = 0; i < devices->n_consoles; i++)
        if (is_called(&devices->consoles[i]->info, alias))
            return true;
    for (unsigned i = 0; i < devices->n_serials; i++)
        if (is_called(&devices->serials[i]->info, alias))
            return true;
    return false;
}

static int check_console(Op *op, const RemoteDomainOpenConsoleArgs *args)
{
    if (op_check_flags(op, args->flags, VIR_DOMAIN_CONSOLE_FORCE | VIR_DOMAIN_CONSOLE_SAFE) < 0)
        return -1;
    if (op_need_active(op, op->view) < 0)
        return -1;
    if (has_device(op->domain->active, args->dev_name))
        return 0;
    if (args->dev_name)
        return op_fail(op, VIR_ERR_INTERNAL_ERROR, _("domain '%s' has no console '%s'"), op->view->name, args->dev_name);
    return op_fail(op, VIR_ERR_INTERNAL_ERROR, _("domain '%s' has no console"), op->view->name);
}

static ConsoleStream *console_new(Domain *domain, const char *name)
{
    g_autofree char *greeting = g_strdup_printf("This is %s. What you type comes back.\r\n", name);
    ConsoleStream *console = g_new0(ConsoleStream, 1);

    console->stream.ops = &console_ops;
    console->domain = domain_ref(domain);
    put_text(console, greeting);
    return console;
}

/* False when somebody has the line and may keep it. */
static bool take_line(TestDomain *test, ConsoleStream *console, bool force)
{
    LOCK_SCOPE(&test->lock);
    if (test->console && !force)
        return false;
    hang_up_locked(test);
    test->console = console;
    return true;
}

int test_domain_open_console(Op *op, const RemoteDomainOpenConsoleArgs *args)
{
    ConsoleStream *console;

    if (check_console(op, args) < 0)
        return -1;
    console = console_new(op->domain, op->view->name);
    if (!take_line(test_domain(op->domain), console, args->flags & VIR_DOMAIN_CONSOLE_FORCE)) {
        console_free(&console->stream);
        return op_fail(op, VIR_ERR_OPERATION_FAILED, _("somebody has the console of domain '%s' open"), op->view->name);
    }
    op->stream = &console->stream;
    return 0;
}
