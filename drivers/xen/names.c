/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of domains in xenstore: read once when a domain is first seen, watched from then on. A watch is set before
 * the name is read, so that no change falls between the two; the event that a new watch tells at once says nothing new
 * and is swallowed. Requests wait for xenstored, so nothing here runs on an I/O thread.
 * Takes LOCK_XEN_HOST for the table of watches, never across a request. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <libvirt/libvirt.h>

#include "base/log.h"

LOG_SOURCE("drivers.xen.names");

enum { PATH_SIZE = 64 };

typedef struct XenWatch {
    bool fresh;               /* its first event is still to come */
    bool told;                /* an event has come since the name was read last, or it never was */
} XenWatch;

static void name_path(int id, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "/local/domain/%d/name", id);
}

static void note_watch(XenHost *xen, int id)
{
    XenWatch *watch = g_new0(XenWatch, 1);

    watch->fresh = watch->told = true;
    LOCK_SCOPE(&xen->lock);
    g_hash_table_insert(xen->watched, GINT_TO_POINTER(id), watch);
}

static bool is_watched(XenHost *xen, int id)
{
    LOCK_SCOPE(&xen->lock);
    return g_hash_table_contains(xen->watched, GINT_TO_POINTER(id));
}

static void drop_watch(XenHost *xen, int id)
{
    LOCK_SCOPE(&xen->lock);
    g_hash_table_remove(xen->watched, GINT_TO_POINTER(id));
}

static int watch(XenHost *xen, int id)
{
    char path[PATH_SIZE];
    int r;

    if (is_watched(xen, id))
        return 0;
    name_path(id, path);
    note_watch(xen, id);    /* before the event can come */
    r = xen->hv->ops->watch(xen->hv, path, path);
    if (r < 0) {
        drop_watch(xen, id);
        log_warning("the name of domain %d can't be watched: %s", id, g_strerror(-r));
    }
    return r;
}

int xen_name_read(XenHost *xen, int id, char **name)
{
    g_autofree char *value = NULL;
    char path[PATH_SIZE];
    int r;

    name_path(id, path);
    r = xen->hv->ops->read(xen->hv, path, &value);
    if (r < 0)
        return r;
    /* What clients can't be told is no name. */
    if (!*value || !g_utf8_validate(value, -1, NULL) || strpbrk(value, "/\n"))
        return -ENOENT;
    *name = g_steal_pointer(&value);
    return 0;
}

/* Whether xenstore may know more than was read. */
static bool take_told(XenHost *xen, int id)
{
    XenWatch *watched;
    bool told;

    LOCK_SCOPE(&xen->lock);
    watched = g_hash_table_lookup(xen->watched, GINT_TO_POINTER(id));
    told = watched && watched->told;
    if (watched)
        watched->told = false;
    return told;
}

int xen_name_learn(XenHost *xen, int id, char **name)
{
    int r = watch(xen, id);

    if (r < 0)
        return r;
    /* A domain that had no name has none until the watch tells: it costs nothing to meet it again and again. */
    return take_told(xen, id) ? xen_name_read(xen, id, name) : -ENOENT;
}

void xen_name_forget(XenHost *xen, int id)
{
    char path[PATH_SIZE];
    bool known;

    lock_acquire(&xen->lock);
    known = g_hash_table_remove(xen->watched, GINT_TO_POINTER(id));
    g_hash_table_remove(xen->aliased, GINT_TO_POINTER(id));
    lock_release(&xen->lock);
    if (!known)
        return;
    name_path(id, path);
    xen->hv->ops->unwatch(xen->hv, path, path);
}

bool xen_name_event(XenHost *xen, const XenEvent *event, int *id)
{
    char path[PATH_SIZE];
    XenWatch *watched;
    int number;

    if (sscanf(event->path, "/local/domain/%d/", &number) != 1)
        return false;
    name_path(number, path);
    if (strcmp(path, event->path) != 0)
        return false;
    LOCK_SCOPE(&xen->lock);
    watched = g_hash_table_lookup(xen->watched, GINT_TO_POINTER(number));
    if (!watched)
        return false;
    if (watched->fresh) {
        watched->fresh = false;
        return false;
    }
    watched->told = true;
    *id = number;
    return true;
}

bool xen_name_awaited(XenHost *xen, int id)
{
    g_autoptr(DomainView) view = domain_list_view_by_id(xen->host->domains, id);

    return !view && is_watched(xen, id);
}

void xen_names_sweep(XenHost *xen, const XenSweep *sweep)
{
    unsigned active = domain_list_count(xen->host->domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    g_autofree void **ids = NULL;
    unsigned n;

    lock_acquire(&xen->lock);
    n = g_hash_table_size(xen->watched);
    if (n > active)
        ids = g_hash_table_get_keys_as_array(xen->watched, &n);
    lock_release(&xen->lock);
    for (unsigned i = 0; ids && i < n; i++)
        if (!xen_sweep_has(sweep, GPOINTER_TO_INT(ids[i])))
            xen_name_forget(xen, GPOINTER_TO_INT(ids[i]));
}

int xen_names_again(XenHost *xen)
{
    g_autofree void **ids = NULL;
    unsigned n;
    int r = 0;

    lock_acquire(&xen->lock);
    ids = g_hash_table_get_keys_as_array(xen->watched, &n);
    g_hash_table_remove_all(xen->watched);
    lock_release(&xen->lock);
    for (unsigned i = 0; i < n; i++) {
        int id = GPOINTER_TO_INT(ids[i]);
        g_autofree char *name = NULL;

        if (r < 0) {
            note_watch(xen, id);    /* so that the next attempt knows of it */
            continue;
        }
        r = xen_name_learn(xen, id, &name);
        if (r == 0)
            xen_settle_name(xen, id, name);
        else if (r == -ENOENT)
            r = 0;
        else
            note_watch(xen, id);
    }
    return r;
}
