/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The console of a pretended guest: it greets, and echoes what is typed. A stream belongs to the server once
 * it is open; its functions run on one thread at a time, on no job, without any lock. One session has the
 * line of a domain; it loses it to one that is opened by force, and when the machine stops, and
 * then ends with what is still to be read. */
#include "drivers/test/test.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/op.h"

enum { BUFFER_SIZE = 16384 };

typedef struct Console {
    DriverStream stream;
    /* fixed */
    Domain *domain;           /* owned reference */
    unsigned session;
    /* owned by whoever runs the stream */
    unsigned first, used;     /* a ring */
    uint8_t buffer[BUFFER_SIZE];
} Console;

static Console *console_of(DriverStream *stream)
{
    return (Console *)(void *)((char *)stream - offsetof(Console, stream));
}

static unsigned *line_of(const Console *console)
{
    return &((TestDomain *)console->domain->driver_data)->line;
}

static bool has_line(const Console *console)
{
    return __atomic_load_n(line_of(console), __ATOMIC_RELAXED) == console->session;
}

/* What doesn't fit is lost, as on a line whose other end reads too slowly. */
static void put(Console *console, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && console->used < BUFFER_SIZE; i++)
        console->buffer[(console->first + console->used++) % BUFFER_SIZE] = data[i];
}

static void put_text(Console *console, const char *text)
{
    put(console, (const uint8_t *)text, strlen(text));
}

static int console_write(DriverStream *stream, const uint8_t *data, size_t size, Error *error)
{
    Console *console = console_of(stream);

    for (size_t i = 0; has_line(console) && i < size; i++) {
        put(console, &data[i], 1);
        if (data[i] == '\r')
            put_text(console, "\n");
    }
    driver_stream_wake(stream);
    return 0;
}

static int64_t console_read(DriverStream *stream, uint8_t *data, size_t size, uint64_t *hole, Error *error)
{
    Console *console = console_of(stream);
    size_t n = MIN(MIN(size, console->used), BUFFER_SIZE - console->first);

    if (n == 0)
        return has_line(console) ? DRIVER_STREAM_LATER : 0;
    memcpy(data, console->buffer + console->first, n);
    console->first = (console->first + (unsigned)n) % BUFFER_SIZE;
    console->used -= (unsigned)n;
    return (int64_t)n;
}

static void console_free(DriverStream *stream)
{
    Console *console = console_of(stream);
    unsigned mine = console->session;

    __atomic_compare_exchange_n(line_of(console), &mine, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    domain_unref(console->domain);
    g_free(console);
}

static const DriverStreamOps console_ops = {
    .write = console_write,
    .read = console_read,
    .free = console_free,
};

/* Whether the document has a line to talk over, of that alias when one is given. */
static bool has_device(const DomainConfig *config, const char *alias)
{
    g_autofree char *quoted = alias ? g_strdup_printf("<alias name='%s'/>", alias) : NULL;

    if (!config->devices || !(strstr(config->devices, "<console") || strstr(config->devices, "<serial")))
        return false;
    return !alias || strstr(config->devices, quoted);
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

int test_domain_open_console(Op *op, const RemoteDomainOpenConsoleArgs *args)
{
    TestDomain *test = op->domain->driver_data;
    g_autofree char *greeting = NULL;
    Console *console;

    if (check_console(op, args) < 0)
        return -1;
    /* The job is held: two sessions don't come at once, but one may end meanwhile. */
    if (__atomic_load_n(&test->line, __ATOMIC_RELAXED) && !(args->flags & VIR_DOMAIN_CONSOLE_FORCE))
        return op_fail(op, VIR_ERR_OPERATION_FAILED, _("somebody has the console of domain '%s' open"), op->view->name);
    console = g_new0(Console, 1);
    console->stream.ops = &console_ops;
    console->domain = domain_ref(op->domain);
    do {
        console->session = ++test->sessions;
    } while (console->session == 0);
    __atomic_store_n(&test->line, console->session, __ATOMIC_RELAXED);
    greeting = g_strdup_printf("This is %s. What you type comes back.\r\n", op->view->name);
    put_text(console, greeting);
    op->stream = &console->stream;
    return 0;
}
