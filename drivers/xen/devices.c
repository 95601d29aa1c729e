/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that others attach and detach: xl, or a libxl of somebody else's. libxl keeps a record of each device where no
 * guest can write (seen.h), which is watched for all guests at once. Each guest has a known set of devices (XenDomain.devices);
 * what differs from it is told of, once, and the document follows. Drover's own changes go into the known set before
 * anybody looks.
 *
 *   (nothing) ──event──▶ TOLD ──a pass──▶ QUEUED ──the job is there──▶ WORKING ──compared, published──▶ (nothing)
 *                          ▲────────────────event, or it can't be read────┘
 *
 * A pass only makes a task: comparing runs in a job of the domain, on a thread that may wait for libxl. A question that
 * meets a guest in any of the states works out for itself what the document will be, since questions don't wait for jobs.
 * Takes LOCK_XEN_HOST for the table of guests that were told of, never across a request. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libvirt/libvirt.h>

#include "base/log.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"
#include "drivers/xen/seen.h"

LOG_SOURCE("drivers.xen.devices");

#define LIBXL "/libxl"
#define PCI "/local/domain/0/backend/pci"
#define USB "/local/domain/0/backend/qusb"

enum { TOLD = 1, QUEUED, WORKING };

/* --- which guests were told of --------------------------------------------------------------- */

bool xen_devices_pending(XenHost *xen, int id)
{
    LOCK_SCOPE(&xen->lock);
    return g_hash_table_contains(xen->devices_told, GINT_TO_POINTER(id));
}

static void set_mark(XenHost *xen, int id, int mark)
{
    LOCK_SCOPE(&xen->lock);
    if (mark)
        g_hash_table_insert(xen->devices_told, GINT_TO_POINTER(id), GINT_TO_POINTER(mark));
    else
        g_hash_table_remove(xen->devices_told, GINT_TO_POINTER(id));
}

/* A task that waits for its job will see it anyway. */
static void tell(XenHost *xen, int id)
{
    LOCK_SCOPE(&xen->lock);
    if (g_hash_table_lookup(xen->devices_told, GINT_TO_POINTER(id)) != GINT_TO_POINTER(QUEUED))
        g_hash_table_insert(xen->devices_told, GINT_TO_POINTER(id), GINT_TO_POINTER(TOLD));
}

/* Unless it was told of again meanwhile. */
static void finish(XenHost *xen, int id)
{
    LOCK_SCOPE(&xen->lock);
    if (g_hash_table_lookup(xen->devices_told, GINT_TO_POINTER(id)) == GINT_TO_POINTER(WORKING))
        g_hash_table_remove(xen->devices_told, GINT_TO_POINTER(id));
}

/* --- watching -------------------------------------------------------------------------------- */

static bool is_device(const char *rest)
{
    return strcmp(rest, "/device") == 0 || g_str_has_prefix(rest, "/device/vbd") || g_str_has_prefix(rest, "/device/vif")
        || g_str_has_prefix(rest, "/device/vusb");
}

/* The state of the backend changes whenever the guest likes; so below. */
static bool is_pci(const char *rest)
{
    return !*rest || strcmp(rest, "/0") == 0 || strcmp(rest, "/0/num_devs") == 0 || g_str_has_prefix(rest, "/0/dev-");
}

static bool is_usb(const char *rest)
{
    return !*rest || strstr(rest, "/port/");
}

/* What is watched for all guests: below each folder there is one for each guest, by its id, and in it what tells of devices. */
static const struct {
    const char *folder;
    bool (*tells)(const char *rest);
} watched[] = { { LIBXL, is_device }, { PCI, is_pci }, { USB, is_usb } };

int xen_devices_watch(XenHost *xen)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < G_N_ELEMENTS(watched); i++)
        r = xen->hv->ops->watch(xen->hv, watched[i].folder, watched[i].folder);
    return r;
}

/* The guest that an event tells of the devices of, or -1. */
static int told_of(const char *path)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(watched); i++) {
        size_t length = strlen(watched[i].folder);
        int id, used = 0;

        if (strncmp(path, watched[i].folder, length) == 0 && sscanf(path + length, "/%d%n", &id, &used) == 1
            && watched[i].tells(path + length + used))
            return id;
    }
    return -1;
}

bool xen_devices_event(XenHost *xen, const XenEvent *event)
{
    g_autoptr(DomainView) view = NULL;
    int id = told_of(event->path);

    if (id < 0)
        return false;
    view = domain_list_view_by_id(xen->host->domains, id);
    if (view)
        tell(xen, id);
    return view != NULL;
}

void xen_devices_again(XenHost *xen)
{
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    unsigned n = domain_list_pages(xen->host->domains, pages, DOMAIN_LIST_SHARDS);

    for (unsigned i = 0; i < n; i++) {
        for (uint32_t k = 0; k < pages[i]->n; k++)
            if (pages[i]->entries[k].view->id >= 0)
                tell(xen, pages[i]->entries[k].view->id);
        domain_page_unref(pages[i]);
    }
}

/* --- without a job --------------------------------------------------------------------------- */

DomainConfig *xen_devices_now(XenHost *xen, const DomainView *view)
{
    g_autoptr(GPtrArray) fresh = NULL;
    int r;

    if (view->id < 0 || !view->active || xen_seen_read(xen, view->id, &fresh) < 0)
        return NULL;
    return xen_devices_follow(xen, view->active, view->id, fresh, &r);
}

/* --- events ---------------------------------------------------------------------------------- */

/* Where the events of one comparison come from. */
typedef struct Telling {
    XenHost *xen;
    const DomainView *view;
    const DomainConfig *before, *after;    /* documents that have the aliases, or NULL */
} Telling;

static void announce(const Telling *telling, uint16_t proc, const void *message)
{
    const DriverEvent event = { .proc = proc, .message = message, .uuid = telling->view->uuid };

    host_announce(telling->xen->host, &event);
}

static void announce_added(const Telling *telling, const XenSeen *seen)
{
    g_autofree char *alias = xen_devices_alias(telling->after, seen);
    const RemoteDomainEventCallbackDeviceAddedMsg message = { .dom = op_handle(telling->view), .devAlias = alias };

    announce(telling, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_ADDED, &message);
}

static void announce_removed(const Telling *telling, const XenSeen *seen)
{
    g_autofree char *alias = xen_devices_alias(telling->before, seen);
    const RemoteDomainEventDeviceRemovedMsg message = { .dom = op_handle(telling->view), .devAlias = alias };

    announce(telling, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED, &message);
}

static void announce_tray(const Telling *telling, const XenSeen *seen, int reason)
{
    g_autofree char *alias = xen_devices_alias(telling->after, seen);
    const RemoteDomainEventTrayChangeMsg message = {
        .dom = op_handle(telling->view), .devAlias = alias, .reason = reason,
    };

    announce(telling, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_TRAY_CHANGE, &message);
}

static void announce_medium(const Telling *telling, const XenSeen *old, const XenSeen *fresh)
{
    if (old->detail && *old->detail)
        announce_tray(telling, fresh, VIR_DOMAIN_EVENT_TRAY_CHANGE_OPEN);
    if (fresh->detail && *fresh->detail)
        announce_tray(telling, fresh, VIR_DOMAIN_EVENT_TRAY_CHANGE_CLOSE);
}

/* A drive has another medium, or a device has come in the place of one that went. */
static void announce_changed(const Telling *telling, const XenSeen *old, const XenSeen *fresh)
{
    if (xen_seen_is_drive(telling->xen, telling->view->id, fresh)) {
        announce_medium(telling, old, fresh);
    } else {
        announce_removed(telling, old);
        announce_added(telling, fresh);
    }
}

static void announce_all(const Telling *telling, const GPtrArray *known, const GPtrArray *fresh)
{
    for (unsigned i = 0; i < known->len; i++)
        if (!xen_seen_find(fresh, known->pdata[i]))
            announce_removed(telling, known->pdata[i]);
    for (unsigned i = 0; i < fresh->len; i++) {
        const XenSeen *old = xen_seen_find(known, fresh->pdata[i]);

        if (!old)
            announce_added(telling, fresh->pdata[i]);
        else if (!xen_seen_agrees(old, fresh->pdata[i]))
            announce_changed(telling, old, fresh->pdata[i]);
    }
}

/* --- in a job of the domain ------------------------------------------------------------------ */

static void publish(XenHost *xen, Domain *domain, const DomainConfig *config)
{
    DomainFacts facts = change_facts(domain);
    Error error = ERROR_INIT;

    facts.active = config;
    /* A later droverd asks libxl again; all that it could miss is what the document alone has. */
    if (xen_domain(domain)->ours && xen_record_change(xen, config, &error) < 0)
        log_warning("which devices domain '%s' has can't be kept: %s", domain->name, error.message);
    error_clear(&error);
    if (xen_commit(xen, domain, &facts, &error) < 0)
        log_error("which devices domain '%s' has can't be published: %s", domain->name, error.message);
    error_clear(&error);
}

/* What the guest doesn't have any more goes back to the host, if drover has taken it for the guest. */
static void give_back(XenHost *xen, const DomainConfig *before, const GPtrArray *fresh)
{
    g_autoptr(GPtrArray) known = xen_seen_of(before);
    XenDevice device;
    unsigned at;

    for (unsigned i = 0; i < known->len; i++)
        if (!xen_seen_find(fresh, known->pdata[i]) && xen_seen_element(before, known->pdata[i], &device, &at)
            && device.kind == XEN_DEVICE_HOSTDEV)
            xen_hostdev_give_back(xen, &before->uuid, device.element);
}

/* 0, or -1: it has to be done again. */
static int compare(XenHost *xen, Domain *domain, int id, GPtrArray *fresh)
{
    XenDomain *data = xen_domain(domain);
    g_autoptr(DomainConfig) before = domain->active && !data->sketched ? domain_config_ref(domain->active) : NULL;
    g_autoptr(DomainConfig) after = NULL;
    g_autoptr(DomainView) view = NULL;
    int r = 0;

    if (before)
        after = xen_devices_follow(xen, before, id, fresh, &r);
    if (r < 0)
        return -1;
    if (after) {
        publish(xen, domain, after);
        give_back(xen, before, fresh);
    }
    view = domain_view(domain);
    if (data->devices && view) {
        const Telling telling = { .xen = xen, .view = view, .before = before, .after = after ? after : before };

        announce_all(&telling, data->devices, fresh);
        g_ptr_array_unref(data->devices);
    }
    data->devices = g_ptr_array_ref(fresh);
    return 0;
}

void xen_devices_held(XenHost *xen, Domain *domain)
{
    g_autoptr(DomainView) view = domain_view(domain);
    XenDomain *data = xen_domain(domain);
    g_autoptr(GPtrArray) fresh = NULL;
    int r = 0;

    if (!view || view->id < 0)
        return;
    set_mark(xen, view->id, WORKING);
    if (data->own_story)
        r = -EBUSY;
    else if (data->announced)
        r = xen_seen_read(xen, view->id, &fresh);
    if (r == 0 && fresh)
        r = compare(xen, domain, view->id, fresh);
    if (r < 0)
        tell(xen, view->id);
    else
        finish(xen, view->id);
}

void xen_devices_begin(XenHost *xen, Domain *domain, int id)
{
    XenDomain *data = xen_domain(domain);

    g_clear_pointer(&data->devices, g_ptr_array_unref);
    set_mark(xen, id, 0);
    if (data->ours && domain->active)
        data->devices = xen_seen_of(domain->active);
    else if (xen_seen_read(xen, id, &data->devices) == 0)
        return;
    tell(xen, id);
}

void xen_devices_described(XenHost *xen, Domain *domain, int id)
{
    XenDomain *data = xen_domain(domain);
    g_autoptr(GPtrArray) described = xen_seen_of(domain->active);

    if (data->devices && !xen_seen_all_agree(described, data->devices))
        tell(xen, id);
}

void xen_devices_end(XenHost *xen, Domain *domain, int id)
{
    g_clear_pointer(&xen_domain(domain)->devices, g_ptr_array_unref);
    set_mark(xen, id, 0);
}

static bool is_drive(const XenDevice *device)
{
    return device->kind == XEN_DEVICE_DISK && ((const Disk *)device->element)->device == DISK_DEVICE_CDROM;
}

void xen_devices_own(XenHost *xen, Domain *domain, DeviceChange change, const XenDevice *device)
{
    XenDomain *data = xen_domain(domain);
    XenSeen *own = data->devices ? xen_seen_device(device) : NULL, *old;
    g_autoptr(DomainView) view = domain_view(domain);
    const Telling telling = { .xen = xen, .view = view, .after = domain->active };

    if (!own)
        return;
    old = xen_seen_find(data->devices, own);
    if (old && change == DEVICE_UPDATE && is_drive(device) && !xen_seen_agrees(old, own))
        announce_medium(&telling, old, own);
    if (old)
        g_ptr_array_remove(data->devices, old);
    if (change == DEVICE_DETACH)
        xen_seen_free(own);
    else
        g_ptr_array_add(data->devices, own);
}

/* --- in a pass ------------------------------------------------------------------------------- */

static GArray *ids_told(XenHost *xen)
{
    GArray *ids = NULL;
    GHashTableIter iter;
    void *id, *mark;

    LOCK_SCOPE(&xen->lock);
    if (g_hash_table_size(xen->devices_told) == 0)
        return NULL;
    ids = g_array_new(false, false, sizeof(int));
    g_hash_table_iter_init(&iter, xen->devices_told);
    while (g_hash_table_iter_next(&iter, &id, &mark))
        if (GPOINTER_TO_INT(mark) == TOLD)
            g_array_append_val(ids, (int){ GPOINTER_TO_INT(id) });
    return ids;
}

void xen_devices_pass(XenHost *xen)
{
    g_autoptr(GArray) ids = ids_told(xen);

    for (unsigned i = 0; ids && i < ids->len; i++) {
        int id = g_array_index(ids, int, i);
        g_autoptr(DomainView) view = domain_list_view_by_id(xen->host->domains, id);
        g_autoptr(Domain) domain = view ? domain_list_find(xen->host->domains, &view->uuid) : NULL;
        bool built = view && !(view->state == VIR_DOMAIN_PAUSED && view->reason == VIR_DOMAIN_PAUSED_STARTING_UP);

        set_mark(xen, id, domain && built ? QUEUED : 0);
        if (domain && built)
            xen_task_add(xen, domain, "xen.devices", xen_devices_held);
    }
}
