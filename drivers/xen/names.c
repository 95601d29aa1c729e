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
#include "drivers/common/op.h"

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

/* False: it is watched already, or another thread is about to. */
static bool note_watch(XenHost *xen, int id)
{
    XenWatch *watch;

    LOCK_SCOPE(&xen->lock);
    if (g_hash_table_contains(xen->watched, GINT_TO_POINTER(id)))
        return false;
    watch = g_new0(XenWatch, 1);
    watch->fresh = watch->told = true;
    g_hash_table_insert(xen->watched, GINT_TO_POINTER(id), watch);
    return true;
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

    if (!note_watch(xen, id))    /* before the event can come */
        return 0;
    name_path(id, path);
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
    /* What clients can't be told, or no document can have, is no name. */
    if (!*value || !op_document_holds(value) || strpbrk(value, "/\n"))
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

void xen_name_doubt(XenHost *xen, int id)
{
    XenWatch *watched;

    LOCK_SCOPE(&xen->lock);
    watched = g_hash_table_lookup(xen->watched, GINT_TO_POINTER(id));
    if (watched)
        watched->told = true;
}

int xen_name_learn(XenHost *xen, int id, char **name)
{
    int r = watch(xen, id);

    if (r < 0)
        return r;
    /* A domain that had no name has none until the watch tells: it costs nothing to meet it again and again. */
    if (!take_told(xen, id))
        return -ENOENT;
    r = xen_name_read(xen, id, name);
    if (r < 0 && r != -ENOENT)
        xen_name_doubt(xen, id);
    return r;
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
    for (unsigned i = 0; ids && i < n; i++) {
        int id = GPOINTER_TO_INT(ids[i]);
        g_autoptr(DomainView) view = domain_list_view_by_id(xen->host->domains, id);

        if (!view && !xen_sweep_has(sweep, id))    /* a guest may have been started since the sweep */
            xen_name_forget(xen, id);
    }
}

/* Those that are watched, and those that are listed and could not be watched; the caller's. All watches are forgotten. */
static GHashTable *forget_all(XenHost *xen)
{
    GHashTable *ids = g_hash_table_new(NULL, NULL);
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    unsigned n = domain_list_pages(xen->host->domains, pages, DOMAIN_LIST_SHARDS);
    GHashTableIter iter;
    void *id;

    for (unsigned i = 0; i < n; i++) {
        for (uint32_t k = 0; k < pages[i]->n; k++)
            if (pages[i]->entries[k].view->id >= 0)
                g_hash_table_add(ids, GINT_TO_POINTER(pages[i]->entries[k].view->id));
        domain_page_unref(pages[i]);
    }
    LOCK_SCOPE(&xen->lock);
    g_hash_table_iter_init(&iter, xen->watched);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        g_hash_table_add(ids, id);
    g_hash_table_remove_all(xen->watched);
    return ids;
}

/* The name of one that isn't listed is read by who meets it next. */
static int watch_again(XenHost *xen, int id)
{
    g_autoptr(DomainView) view = domain_list_view_by_id(xen->host->domains, id);
    g_autofree char *name = NULL;
    int r = view ? xen_name_learn(xen, id, &name) : watch(xen, id);

    if (name)
        xen_settle_name(xen, id, name);
    return r == -ENOENT ? 0 : r;
}

int xen_names_again(XenHost *xen)
{
    g_autoptr(GHashTable) ids = forget_all(xen);
    GHashTableIter iter;
    void *key;
    int r = 0;

    g_hash_table_iter_init(&iter, ids);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (r == 0)
            r = watch_again(xen, GPOINTER_TO_INT(key));
        if (r < 0)
            note_watch(xen, GPOINTER_TO_INT(key));    /* so that the next attempt knows of it */
    }
    return r;
}
