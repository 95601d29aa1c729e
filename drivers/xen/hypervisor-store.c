/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam's xenstore through libxenstore: two connections, one for requests and one for watches. A connection on
 * which something went wrong is no good any more: one for requests is replaced at once and the request made again, one
 * for watches only when whoever watches asks for it, since all watches are gone with it.
 * Requests wait for xenstored. LOCK_XEN_STORE guards which connections are the present ones, for a moment. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/probe.h"

static StoreHandle *handle_ref(RealHypervisor *real, StoreHandle *const *slot)
{
    StoreHandle *handle;

    LOCK_SCOPE(&real->lock);
    handle = *slot;
    if (handle)
        __atomic_add_fetch(&handle->refs, 1, __ATOMIC_RELAXED);
    return handle;
}

static void handle_unref(StoreHandle *handle)
{
    if (!handle || __atomic_sub_fetch(&handle->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    xs_close(handle->xs);
    g_free(handle);
}

static int handle_open(StoreHandle **handle)
{
    struct xs_handle *xs = xs_open(0);

    if (!xs)
        return errno ? -errno : -EIO;
    *handle = g_new0(StoreHandle, 1);
    (*handle)->xs = xs;
    (*handle)->refs = 1;
    return 0;
}

/* Puts a new connection into the slot in which `failed` was, unless somebody has done so already. */
static int handle_replace(RealHypervisor *real, StoreHandle **slot, StoreHandle *failed)
{
    StoreHandle *fresh = NULL, *old = NULL;
    int r = handle_open(&fresh);

    if (r < 0)
        return r;
    lock_acquire(&real->lock);
    if (*slot == failed) {
        old = *slot;
        *slot = g_steal_pointer(&fresh);
    }
    lock_release(&real->lock);
    handle_unref(old);
    handle_unref(fresh);
    return 0;
}

int xenstore_connect(RealHypervisor *real)
{
    int r = handle_open(&real->requests);

    return r < 0 ? r : handle_open(&real->events);
}

void xenstore_disconnect(RealHypervisor *real)
{
    handle_unref(g_steal_pointer(&real->requests));
    handle_unref(g_steal_pointer(&real->events));
}

/* Whether an error says that the connection is no good, not that the request isn't. */
static bool is_broken(int errnum)
{
    return errnum == EBADF || errnum == EPIPE || errnum == ECONNRESET || errnum == EIO || errnum == ENOTCONN;
}

/* --- requests -------------------------------------------------------------------------------- */

typedef struct Request {
    const char *path, *value;
    /* result */
    char *text;               /* from malloc */
    char **names;             /* from malloc, one block */
    unsigned n;
} Request;

typedef bool Ask(struct xs_handle *xs, Request *request);

static bool ask_read(struct xs_handle *xs, Request *request)
{
    request->text = xs_read(xs, XBT_NULL, request->path, &request->n);
    return request->text != NULL;
}

static bool ask_write(struct xs_handle *xs, Request *request)
{
    return xs_write(xs, XBT_NULL, request->path, request->value, (unsigned)strlen(request->value));
}

static bool ask_remove(struct xs_handle *xs, Request *request)
{
    return xs_rm(xs, XBT_NULL, request->path);
}

static bool ask_directory(struct xs_handle *xs, Request *request)
{
    request->names = xs_directory(xs, XBT_NULL, request->path, &request->n);
    return request->names != NULL;
}

static int ask_once(Hypervisor *hv, StoreHandle *handle, Ask *ask, Request *request)
{
    const char *name = ask == ask_read ? "read" : ask == ask_write ? "write" : ask == ask_remove ? "remove" : "directory";
    int r = 0;

    lock_assert_none();
    xen_count_request(hv);
    PROBE_XENSTORE_BEGIN(name, request->path);
    errno = 0;
    if (!ask(handle->xs, request))
        r = errno ? -errno : -EIO;
    PROBE_XENSTORE_END(name, r);
    return r;
}

static int ask_store(Hypervisor *hv, Ask *ask, Request *request)
{
    RealHypervisor *real = real_of(hv);
    StoreHandle *handle = handle_ref(real, &real->requests);
    int r = ask_once(hv, handle, ask, request);

    if (r < 0 && is_broken(-r) && handle_replace(real, &real->requests, handle) == 0) {
        handle_unref(handle);
        handle = handle_ref(real, &real->requests);
        r = ask_once(hv, handle, ask, request);
        if (r < 0 && is_broken(-r))    /* the next request has a better chance */
            handle_replace(real, &real->requests, handle);
    }
    handle_unref(handle);
    return r;
}

int xenstore_read(Hypervisor *hv, const char *path, char **value)
{
    Request request = { .path = path };
    int r = ask_store(hv, ask_read, &request);

    if (r < 0)
        return r;
    *value = g_strndup(request.text, request.n);
    free(request.text);
    return 0;
}

int xenstore_write(Hypervisor *hv, const char *path, const char *value)
{
    Request request = { .path = path, .value = value };

    return ask_store(hv, ask_write, &request);
}

int xenstore_remove(Hypervisor *hv, const char *path)
{
    Request request = { .path = path };

    return ask_store(hv, ask_remove, &request);
}

int xenstore_directory(Hypervisor *hv, const char *path, char ***names)
{
    Request request = { .path = path };
    int r = ask_store(hv, ask_directory, &request);
    char **copy;

    if (r < 0)
        /* oxenstored can't tell of more than 4,096 bytes, and ends the connection over it */
        return is_broken(-r) ? -E2BIG : r;
    copy = g_new0(char *, request.n + 1);
    for (unsigned i = 0; i < request.n; i++)
        copy[i] = g_strdup(request.names[i]);
    free(request.names);
    *names = copy;
    return 0;
}

/* --- watches --------------------------------------------------------------------------------- */

static int watch_or_not(Hypervisor *hv, bool (*call)(struct xs_handle *xs, const char *path, const char *token),
                        const char *path, const char *token)
{
    RealHypervisor *real = real_of(hv);
    StoreHandle *handle = handle_ref(real, &real->events);
    int r = 0;

    lock_assert_none();
    xen_count_request(hv);
    errno = 0;
    if (!call(handle->xs, path, token))
        r = errno ? -errno : -EIO;
    handle_unref(handle);
    return r;
}

int xenstore_watch(Hypervisor *hv, const char *path, const char *token)
{
    return watch_or_not(hv, xs_watch, path, token);
}

int xenstore_unwatch(Hypervisor *hv, const char *path, const char *token)
{
    return watch_or_not(hv, xs_unwatch, path, token);
}

int xenstore_event_fd(Hypervisor *hv)
{
    RealHypervisor *real = real_of(hv);
    StoreHandle *handle = handle_ref(real, &real->events);
    int fd = xs_fileno(handle->xs);

    handle_unref(handle);
    return fd;
}

bool xenstore_has_event(Hypervisor *hv)
{
    struct pollfd fd = { .fd = xenstore_event_fd(hv), .events = POLLIN };

    return poll(&fd, 1, 0) > 0;
}

/* The answer to a request comes behind all events that were told before it, on the same connection, and libxenstore's thread
 * reads them in that order: until it has, an event that has arrived can't be seen. */
int xenstore_sync(Hypervisor *hv)
{
    RealHypervisor *real = real_of(hv);
    StoreHandle *handle = handle_ref(real, &real->events);
    char *path;
    int r = 0;

    lock_assert_none();
    xen_count_request(hv);
    errno = 0;
    path = xs_get_domain_path(handle->xs, 0);    /* any request that is always answered */
    if (!path)
        r = errno ? -errno : -EIO;
    free(path);
    handle_unref(handle);
    return r;
}

int xenstore_next_event(Hypervisor *hv, XenEvent *event)
{
    RealHypervisor *real = real_of(hv);
    StoreHandle *handle = handle_ref(real, &real->events);
    char **found;
    int r = 1;

    errno = 0;
    found = xs_check_watch(handle->xs);
    if (found)
        *event = (XenEvent){ .path = g_strdup(found[XS_WATCH_PATH]), .token = g_strdup(found[XS_WATCH_TOKEN]) };
    else
        r = errno == EAGAIN ? 0 : errno ? -errno : -EIO;
    free(found);
    handle_unref(handle);
    return r;
}

int xenstore_reconnect(Hypervisor *hv)
{
    RealHypervisor *real = real_of(hv);
    StoreHandle *handle = handle_ref(real, &real->events);
    int r = handle_replace(real, &real->events, handle);

    handle_unref(handle);
    return r;
}
