/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One thread that looks after the files of TLS: a new set is read once they have not changed for a moment, since key and
 * certificate are rarely replaced in one step. A bad set is an alarm in the log and the former one stays. Once a day
 * it warns of certificates that end within a month.
 * The kernel tells of changes in the files' directories, also behind links; a look each minute finds what it can't see.
 * Takes the lock of rpc/tls.c through tls_reload; it alone uses its own state. */
#include "server/tls-watch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "base/log.h"

LOG_SOURCE("server.tls");

enum {
    SETTLE_MS = 200,          /* without a change before a set is read */
    LOOK_MS = 60000,
    FILES = 4,
    DAY = 86400,
    WARN_DAYS = 30,
};

/* What changes when a file does. */
typedef struct FileMark {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
} FileMark;

struct TlsWatch {
    /* fixed */
    Tls *tls;
    char *paths[FILES];       /* owned; NULL: there is no such file */
    GThread *thread;
    int stop_fd;
    /* the thread's own */
    int notify_fd;            /* -1: the kernel can't tell */
    FileMark marks[FILES];
    int64_t warned;           /* seconds; when expiry was last told */
};

static void look(const TlsWatch *watch, FileMark *marks)
{
    for (unsigned i = 0; i < FILES; i++) {
        struct stat file;

        marks[i] = (FileMark){ 0 };
        if (watch->paths[i] && stat(watch->paths[i], &file) == 0)
            marks[i] = (FileMark){ file.st_dev, file.st_ino, file.st_size, file.st_ctim };
    }
}

static bool is_same(const FileMark *a, const FileMark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size
        && a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Whether a file is another one than last time; remembers what there is now. */
static bool have_changed(TlsWatch *watch)
{
    FileMark now[FILES];
    bool changed = false;

    look(watch, now);
    for (unsigned i = 0; i < FILES; i++) {
        changed |= !is_same(&watch->marks[i], &now[i]);
        watch->marks[i] = now[i];
    }
    return changed;
}

static void watch_directory(TlsWatch *watch, const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path);

    inotify_add_watch(watch->notify_fd, directory, IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB);
}

/* Again after each change, since links may lead elsewhere now; what is watched already stays. */
static void watch_directories(TlsWatch *watch)
{
    for (unsigned i = 0; watch->notify_fd >= 0 && i < FILES; i++) {
        char *real;

        if (!watch->paths[i])
            continue;
        watch_directory(watch, watch->paths[i]);
        real = realpath(watch->paths[i], NULL);
        if (real)
            watch_directory(watch, real);
        free(real);
    }
}

/* --- what the log is told -------------------------------------------------------------------------- */

static void tell_expiry(TlsWatch *watch)
{
    int64_t now = time(NULL), expires = tls_expires(watch->tls), days = (expires - now) / DAY;

    if (expires - now > (int64_t)WARN_DAYS * DAY || now - watch->warned < DAY)
        return;
    watch->warned = now;
    if (expires <= now)
        log_error("a certificate for TLS has expired: clients will not connect");
    else
        log_warning("a certificate for TLS expires in %" PRId64 " days", days);
}

int tls_update(Tls *tls, Error *error)
{
    if (tls_reload(tls, error) < 0) {
        log_error("ALARM: the new certificates for TLS are refused, the former ones stay: %s", error->message);
        return -1;
    }
    log_info("new certificates for TLS are taken");
    return 0;
}

static void take_new(TlsWatch *watch)
{
    Error error = ERROR_INIT;

    if (!have_changed(watch))
        return;
    watch_directories(watch);
    if (tls_update(watch->tls, &error) == 0)
        watch->warned = 0;
    error_clear(&error);
}

/* --- the thread --------------------------------------------------------------------------------------- */

static void forget_events(int fd)
{
    char events[4096] __attribute__((aligned(8)));

    while (read(fd, events, sizeof events) > 0)
        continue;
}

static void *watch_main(void *data)
{
    TlsWatch *watch = data;
    int wait_ms = SETTLE_MS;    /* a change between the start's reading and now */

    watch_directories(watch);
    for (;;) {
        struct pollfd fds[] = { { watch->stop_fd, POLLIN, 0 }, { watch->notify_fd, POLLIN, 0 } };
        int n = poll(fds, G_N_ELEMENTS(fds), wait_ms);

        if (fds[0].revents)
            return NULL;
        if (n > 0) {
            forget_events(watch->notify_fd);
            wait_ms = SETTLE_MS;
            continue;
        }
        take_new(watch);
        tell_expiry(watch);
        wait_ms = LOOK_MS;
    }
}

TlsWatch *tls_watch_new(Tls *tls, const TlsSettings *settings)
{
    TlsWatch *watch = g_new0(TlsWatch, 1);

    watch->tls = tls;
    watch->paths[0] = g_strdup(settings->key_file);
    watch->paths[1] = g_strdup(settings->cert_file);
    watch->paths[2] = g_strdup(settings->ca_file);
    watch->paths[3] = g_strdup(settings->crl_file);
    watch->stop_fd = eventfd(0, EFD_CLOEXEC);
    watch->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->stop_fd < 0)
        g_error("cannot set up the thread for certificates: %s", g_strerror(errno));
    if (watch->notify_fd < 0)
        log_warning("the kernel can't tell when certificates change: %s; they are looked at once a minute",
                    g_strerror(errno));
    look(watch, watch->marks);
    watch->thread = g_thread_new("tls-watch", watch_main, watch);
    return watch;
}

void tls_watch_free(TlsWatch *watch)
{
    uint64_t one = 1;

    if (!watch)
        return;
    if (write(watch->stop_fd, &one, sizeof one) < 0)
        g_assert_not_reached();
    g_thread_join(watch->thread);
    close(watch->stop_fd);
    if (watch->notify_fd >= 0)
        close(watch->notify_fd);
    for (unsigned i = 0; i < FILES; i++)
        g_free(watch->paths[i]);
    g_free(watch);
}
