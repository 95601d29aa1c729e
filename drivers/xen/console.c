/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Consoles of guests as streams. Each is a terminal of this host (terminal.c). One session has a terminal, since two would each get a part of what the guest
 * writes; it loses it to one that is opened by force. Sessions of `xl console` count too: they hold a lock file, and so
 * do ours.
 *
 * Bytes are moved by the client's I/O thread, which owns a stream and never waits. One thread per host, the pump, waits
 * for all terminals and wakes the stream of one that is ready; a descriptor is armed for one event at a time.
 *
 *   read: nothing there ──arm──▶ pump waits ──ready──▶ wake ──▶ read …        the guest ends ──▶ EIO or EOF ──▶ end
 *
 * A session comes into the table before its lock file is taken and leaves it when that is gone, so that nobody is refused for
 * a lock file of ours; meanwhile it is busy, and who wants the same terminal waits for these few system calls.
 *
 *   new ──▶ in the table, busy ──lock file taken──▶ has the terminal ──▶ ended, busy ──lock file gone──▶ out of the table
 *
 * LOCK_XEN_CONSOLE guards the table of sessions; the server's locks for waking a stream are taken inside it, and no file is
 * opened or removed. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "base/auto.h"
#include "base/descriptor.h"
#include "base/i18n.h"
#include "base/log.h"
#include "drivers/common/op.h"

LOG_SOURCE("drivers.xen.console");

#define LOCK_FILES "/var/lock/xenconsole."    /* and the domain's id, as xenconsole(8) has it */

enum {
    PENDING_MAX = 65536,      /* bytes that were typed and that the guest hasn't read */
    EVENTS = 16,
};

typedef struct ConsoleStream {
    DriverStream stream;
    /* fixed */
    XenConsoles *consoles;    /* a reference */
    uint64_t number;          /* its key in the table and with epoll; never used again */
    char *path;               /* of the terminal */
    int fd;
    /* owned by whoever runs the stream */
    GByteArray *pending;      /* what the terminal hasn't taken */
    /* under LOCK_XEN_CONSOLE */
    bool ended;               /* it hasn't its terminal: not yet, or no more */
    bool read_from;           /* the server has it and may be woken */
    bool busy;                /* somebody is at its lock file, without the lock */
    /* owned by whoever has made it busy */
    int lock_fd;              /* of the lock file; -1: none */
    char *lock_path;
} ConsoleStream;

struct XenConsoles {
    int refs;                 /* atomic: the host's and one for each session */
    /* fixed after the pump has started */
    int epoll;
    GThread *pump;            /* NULL: none is needed yet; under the lock */
    /* under LOCK_XEN_CONSOLE */
    Lock lock;
    Cond idle;                /* a session is no longer busy */
    GHashTable *sessions;     /* number → ConsoleStream that has its terminal, or takes or leaves it; owned by the server */
    uint64_t last;
    bool stopping;
};

static ConsoleStream *console_of(DriverStream *stream)
{
    return (ConsoleStream *)(void *)((char *)stream - offsetof(ConsoleStream, stream));
}

/* --- the table -------------------------------------------------------------------------------- */

XenConsoles *xen_consoles_new(void)
{
    XenConsoles *consoles = g_new0(XenConsoles, 1);

    consoles->refs = 1;
    consoles->epoll = epoll_create1(EPOLL_CLOEXEC);
    lock_init(&consoles->lock, LOCK_XEN_CONSOLE);
    cond_init(&consoles->idle);
    consoles->sessions = g_hash_table_new(g_int64_hash, g_int64_equal);
    return consoles;
}

static void consoles_unref(XenConsoles *consoles)
{
    if (__atomic_sub_fetch(&consoles->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    g_hash_table_unref(consoles->sessions);
    if (consoles->epoll >= 0)
        close(consoles->epoll);
    cond_deinit(&consoles->idle);
    lock_deinit(&consoles->lock);
    g_free(consoles);
}

static ConsoleStream *find_locked(XenConsoles *consoles, const char *path)
{
    GHashTableIter iter;
    void *session;

    lock_assert_held(&consoles->lock);
    g_hash_table_iter_init(&iter, consoles->sessions);
    while (g_hash_table_iter_next(&iter, NULL, &session))
        if (strcmp(((ConsoleStream *)session)->path, path) == 0)
            return session;
    return NULL;
}

static void let_go_of_lock_file(ConsoleStream *console)
{
    if (console->lock_fd >= 0) {
        unlink(console->lock_path);
        close(console->lock_fd);
        console->lock_fd = -1;
    }
}

static void unbusy_locked(ConsoleStream *console)
{
    lock_assert_held(&console->consoles->lock);
    console->busy = false;
    cond_broadcast(&console->consoles->idle);
}

/* The session, which isn't busy or is so by the caller, has its terminal no longer, and its stream ends. The lock is let go
 * of meanwhile; a stream that has been woken may be freed as soon as this returns. */
static void hang_up_locked(ConsoleStream *console)
{
    XenConsoles *consoles = console->consoles;

    lock_assert_held(&consoles->lock);
    console->busy = true;
    if (!console->ended) {
        console->ended = true;
        epoll_ctl(consoles->epoll, EPOLL_CTL_DEL, console->fd, NULL);
        if (console->read_from)
            driver_stream_wake(&console->stream);
    }
    lock_release(&consoles->lock);
    let_go_of_lock_file(console);
    lock_acquire(&consoles->lock);
    g_hash_table_remove(consoles->sessions, &console->number);
    unbusy_locked(console);
}

/* --- the pump --------------------------------------------------------------------------------- */

static void wake_session(XenConsoles *consoles, uint64_t number)
{
    ConsoleStream *console;

    LOCK_SCOPE(&consoles->lock);
    console = g_hash_table_lookup(consoles->sessions, &number);
    if (console && console->read_from)
        driver_stream_wake(&console->stream);
}

static bool is_stopping(XenConsoles *consoles)
{
    LOCK_SCOPE(&consoles->lock);
    return consoles->stopping;
}

static void *pump(void *data)
{
    XenConsoles *consoles = data;
    struct epoll_event events[EVENTS];

    while (!is_stopping(consoles)) {
        int n = epoll_wait(consoles->epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++)
            wake_session(consoles, events[i].data.u64);
    }
    return NULL;
}

/* Number 0 is nobody's: the descriptor that ends the pump's waiting. */
static void stop_pump(XenConsoles *consoles)
{
    int ends[2];

    if (!consoles->pump)
        return;
    if (pipe2(ends, O_CLOEXEC) == 0) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLHUP, .data.u64 = 0 };

        epoll_ctl(consoles->epoll, EPOLL_CTL_ADD, ends[0], &event);
        close(ends[1]);
        g_thread_join(consoles->pump);
        close(ends[0]);
    }
    consoles->pump = NULL;
}

void xen_consoles_free(XenConsoles *consoles)
{
    if (!consoles)
        return;
    lock_acquire(&consoles->lock);
    consoles->stopping = true;
    lock_release(&consoles->lock);
    stop_pump(consoles);
    consoles_unref(consoles);
}

/* --- the stream ------------------------------------------------------------------------------- */

/* Tells the pump what to wait for; what is there already wakes at once. */
static void arm(ConsoleStream *console)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLONESHOT | (console->pending->len ? EPOLLOUT : 0),
        .data.u64 = console->number,
    };

    LOCK_SCOPE(&console->consoles->lock);
    if (!console->ended && epoll_ctl(console->consoles->epoll, EPOLL_CTL_MOD, console->fd, &event) < 0)
        log_warning("%s can't be waited for: %m", console->path);
}

/* What the terminal takes now. False: it has gone. */
static bool flush_pending(ConsoleStream *console)
{
    ssize_t n = 0;

    while (console->pending->len > 0) {
        n = write(console->fd, console->pending->data, console->pending->len);
        if (n <= 0)
            break;
        g_byte_array_remove_range(console->pending, 0, (unsigned)n);
    }
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool has_ended(ConsoleStream *console)
{
    LOCK_SCOPE(&console->consoles->lock);
    console->read_from = true;
    return console->ended;
}

static int console_write(DriverStream *stream, const uint8_t *data, size_t size, Error *error)
{
    ConsoleStream *console = console_of(stream);

    if (has_ended(console))
        return 0;
    if (console->pending->len + size > PENDING_MAX)
        return error_set(error, VIR_FROM_STREAMS, VIR_ERR_OPERATION_FAILED, _("the guest doesn't read its console"));
    g_byte_array_append(console->pending, data, (unsigned)size);
    flush_pending(console);
    if (console->pending->len > 0)
        arm(console);
    return 0;
}

static int64_t console_read(DriverStream *stream, uint8_t *data, size_t size, uint64_t *hole, Error *error)
{
    ConsoleStream *console = console_of(stream);
    ssize_t n;

    if (has_ended(console) || !flush_pending(console))
        return 0;
    n = read(console->fd, data, size);
    if (n >= 0)
        return n;
    if (errno == EIO)    /* the guest has ended */
        return 0;
    if (errno != EAGAIN && errno != EINTR)
        return error_set_errno(error, VIR_FROM_STREAMS, errno, _("the console can't be read"));
    arm(console);
    return DRIVER_STREAM_LATER;
}

static void console_free(DriverStream *stream)
{
    ConsoleStream *console = console_of(stream);
    XenConsoles *consoles = console->consoles;

    lock_acquire(&consoles->lock);
    console->read_from = false;
    while (console->busy)
        cond_wait(&consoles->idle, &consoles->lock);
    if (g_hash_table_contains(consoles->sessions, &console->number))
        hang_up_locked(console);
    lock_release(&consoles->lock);
    if (console->fd >= 0)
        close(console->fd);
    g_byte_array_unref(console->pending);
    g_free(console->lock_path);
    g_free(console->path);
    g_free(console);
    consoles_unref(consoles);
}

static const DriverStreamOps console_ops = {
    .write = console_write,
    .read = console_read,
    .free = console_free,
};

/* --- opening one ------------------------------------------------------------------------------ */

/* The lock that `xl console` takes. 0; 1: somebody has it. A host without the folder has no such locks. */
static int take_lock_file(ConsoleStream *console, int id)
{
    struct stat mine, there;

    console->lock_path = g_strdup_printf(LOCK_FILES "%d", id);
    console->lock_fd = descriptor_own(open(console->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (console->lock_fd < 0)
        return 0;
    if (flock(console->lock_fd, LOCK_EX | LOCK_NB) == 0 && fstat(console->lock_fd, &mine) == 0
        && stat(console->lock_path, &there) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
        return 0;
    close(console->lock_fd);
    console->lock_fd = -1;
    return 1;
}

static ConsoleStream *console_new(XenConsoles *consoles, int fd, const char *path)
{
    ConsoleStream *console = g_new0(ConsoleStream, 1);

    __atomic_add_fetch(&consoles->refs, 1, __ATOMIC_RELAXED);
    console->stream.ops = &console_ops;
    console->consoles = consoles;
    console->fd = descriptor_own(fd);
    console->path = g_strdup(path);
    console->pending = g_byte_array_new();
    console->lock_fd = -1;
    console->ended = true;    /* until it is in the table */
    return console;
}

/* Puts the session into the table, busy; another one that has the terminal is hung up when it must. 0; 1: it has it still. */
static int enter_table(ConsoleStream *console, bool force)
{
    XenConsoles *consoles = console->consoles;
    ConsoleStream *other;

    LOCK_SCOPE(&consoles->lock);
    while ((other = find_locked(consoles, console->path))) {
        if (other->busy)
            cond_wait(&consoles->idle, &consoles->lock);
        else if (force)
            hang_up_locked(other);
        else
            return 1;
    }
    console->number = ++consoles->last;
    console->busy = true;
    g_hash_table_insert(consoles->sessions, &console->number, console);
    return 0;
}

/* From now on the pump waits for the terminal. 0 or -errno. */
static int be_waited_for_locked(ConsoleStream *console)
{
    XenConsoles *consoles = console->consoles;
    struct epoll_event event = { .events = EPOLLONESHOT, .data.u64 = console->number };

    lock_assert_held(&consoles->lock);
    if (epoll_ctl(consoles->epoll, EPOLL_CTL_ADD, console->fd, &event) < 0)
        return -errno;
    if (!consoles->pump)
        consoles->pump = g_thread_try_new("consoles", pump, consoles, NULL);
    return consoles->pump ? 0 : -EAGAIN;
}

/* 0; 1: somebody has the terminal; -errno. */
static int enter(ConsoleStream *console, int id, bool force)
{
    XenConsoles *consoles = console->consoles;
    int r = enter_table(console, force);

    if (r != 0)
        return r;
    r = take_lock_file(console, id);
    LOCK_SCOPE(&consoles->lock);
    if (r == 0 || force)
        r = be_waited_for_locked(console);
    console->ended = r != 0;
    if (r != 0)
        hang_up_locked(console);
    else
        unbusy_locked(console);
    return r;
}

int xen_domain_open_console(Op *op, const RemoteDomainOpenConsoleArgs *args)
{
    g_autofree char *path = NULL;
    ConsoleStream *console;
    XenInfo info;
    int fd, r;

    if (op_check_flags(op, args->flags, VIR_DOMAIN_CONSOLE_FORCE | VIR_DOMAIN_CONSOLE_SAFE) < 0
        || xen_need(op, &info) < 0)
        return -1;
    fd = xen_terminal_open(op, &info, args->dev_name, &path);
    if (fd < 0)
        return -1;
    console = console_new(xen_host(op->host)->consoles, fd, path);
    r = enter(console, info.id, args->flags & VIR_DOMAIN_CONSOLE_FORCE);
    if (r == 0) {
        op->stream = &console->stream;
        return 0;
    }
    console_free(&console->stream);
    if (r < 0)
        return xen_fail(op->error, r, _("wait for the console"));
    return op_fail(op, VIR_ERR_OPERATION_FAILED, _("somebody has the console of domain '%s' open"), op->view->name);
}
