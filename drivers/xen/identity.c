/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domains there are. The hypervisor says it, at every question; the published list is the index by which
 * a question finds what to ask about. Steady state: a lookup is one hypercall, a list one for each XEN_LIST_MAX
 * domains, and xenstore isn't asked. Only what differs from the published list costs more, see settle.c.
 * Runs on workers and the observer's thread, since a domain that is met for the first time has its name in xenstore.
 * Takes the locks of the list, one at a time. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <stdlib.h>

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "drivers/common/common.h"
#include "drivers/common/op.h"

/* --- sweeps ---------------------------------------------------------------------------------- */

int xen_sweep(XenHost *xen, XenSweep *sweep)
{
    unsigned room = domain_list_count(xen->host->domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE) + XEN_LIST_MAX;
    int first = 0, r;

    *sweep = (XenSweep){ .asked = clock_now() };
    do {
        if (!sweep->infos || room - sweep->n < XEN_LIST_MAX) {
            room += sweep->infos ? XEN_LIST_MAX : 0;
            sweep->infos = g_renew(XenInfo, sweep->infos, room);
        }
        r = xen->hv->ops->list(xen->hv, first, sweep->infos + sweep->n, XEN_LIST_MAX);
        if (r < 0) {
            xen_sweep_clear(sweep);
            return r;
        }
        sweep->n += (unsigned)r;
        first = r ? sweep->infos[sweep->n - 1].id + 1 : 0;
    } while (r == XEN_LIST_MAX);
    return 0;
}

void xen_sweep_clear(XenSweep *sweep)
{
    g_clear_pointer(&sweep->infos, g_free);
    sweep->n = 0;
}

static int compare_id(const void *key, const void *item)
{
    int id = *(const int *)key, other = ((const XenInfo *)item)->id;

    return (id > other) - (id < other);
}

static const XenInfo *find_id(const XenSweep *sweep, int id)
{
    return sweep->n ? bsearch(&id, sweep->infos, sweep->n, sizeof(XenInfo), compare_id) : NULL;
}

bool xen_sweep_has(const XenSweep *sweep, int id)
{
    return find_id(sweep, id) != NULL;
}

const XenInfo *xen_sweep_find(const XenSweep *sweep, int id, const Uuid *uuid)
{
    const XenInfo *info = find_id(sweep, id);

    return info && !info->dying && uuid_equal(&info->uuid, uuid) ? info : NULL;
}

/* --- comparing ------------------------------------------------------------------------------- */

/* Often it is xenstored's word that makes us look: then a domain is seen so long after it at most. */
#define MEETING_TIME (2 * CLOCK_S)

/* A domain that is paused and never ran is being built, until it runs. One that was made to stay paused is told from
 * it by the time: xenstored has been told of some domain since it was seen, or just before, and nothing has happened for as long
 * as devices may take. */
static bool may_be_building(const XenHost *xen, const DomainView *view)
{
    int64_t introduced = __atomic_load_n(&xen->introduced, __ATOMIC_RELAXED);

    return introduced + MEETING_TIME < view->started || clock_real() < introduced + xen->patience;
}

static bool agrees(const XenHost *xen, const XenInfo *info, const DomainView *view)
{
    int state, reason;

    if (!uuid_equal(&info->uuid, &view->uuid))
        return false;
    xen_state(info, view, &state, &reason);
    if (state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_STARTING_UP)
        return may_be_building(xen, view);
    return state == view->state;
}

/* Publications of domains that the sweep doesn't have. */
static void settle_gone(XenHost *xen, const XenSweep *sweep)
{
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    unsigned n = domain_list_pages(xen->host->domains, pages, DOMAIN_LIST_SHARDS);

    for (unsigned i = 0; i < n; i++) {
        for (uint32_t k = 0; k < pages[i]->n; k++) {
            const DomainView *view = pages[i]->entries[k].view;

            if (view->id >= 0 && !xen_sweep_find(sweep, view->id, &view->uuid))
                xen_settle(xen, &view->uuid, NULL, sweep->asked);
        }
        domain_page_unref(pages[i]);
    }
}

/* Finds those in which list and sweep differ; true: some published ones are not in the sweep. */
static bool find_differences(XenHost *xen, const XenSweep *sweep, GArray *differ)
{
    unsigned active = domain_list_count(xen->host->domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE), met = 0;

    for (unsigned i = 0; i < sweep->n; i++) {
        const XenInfo *info = &sweep->infos[i];
        g_autoptr(DomainView) view = info->dying ? NULL : domain_list_view_by_id(xen->host->domains, info->id);

        if (info->dying)
            continue;
        met += view && uuid_equal(&view->uuid, &info->uuid);
        if (!view || !agrees(xen, info, view))
            g_array_append_val(differ, i);
    }
    return active > met;
}

void xen_compare_in_turn(XenHost *xen, const XenSweep *sweep)
{
    g_autoptr(GArray) differ = g_array_new(false, false, sizeof(unsigned));

    /* Those that went come first: a new domain may have the name of one of them. */
    if (find_differences(xen, sweep, differ))
        settle_gone(xen, sweep);
    for (unsigned i = 0; i < differ->len; i++) {
        const XenInfo *info = &sweep->infos[g_array_index(differ, unsigned, i)];

        xen_settle(xen, &info->uuid, info, sweep->asked);
    }
}

void xen_compare(XenHost *xen, const XenSweep *sweep)
{
    g_autoptr(GArray) differ = g_array_new(false, false, sizeof(unsigned));

    if (!find_differences(xen, sweep, differ) && !differ->len)
        return;
    if (!xen_turn_begin(xen))
        return;
    xen_compare_in_turn(xen, sweep);
    xen_turn_end(xen);
}

static void settle_one(XenHost *xen, const Uuid *uuid, const XenInfo *info, int64_t asked)
{
    if (!xen_turn_begin(xen))
        return;
    xen_settle(xen, uuid, info, asked);
    xen_turn_end(xen);
}

int xen_look(XenHost *xen, XenSweep *sweep, Error *error)
{
    int r;

    xen_catch_up(xen);
    r = xen_sweep(xen, sweep);
    if (r < 0)
        return xen_fail(error, r, _("list the domains"));
    xen_compare(xen, sweep);
    return 0;
}

static int look_for(Op *op)
{
    XenSweep sweep;
    int r = xen_look(xen_host(op->host), &sweep, op->error);

    if (r == 0)
        xen_sweep_clear(&sweep);
    return r;
}

int xen_ask(XenHost *xen, int id, const Uuid *uuid, XenInfo *info)
{
    const Uuid wanted = uuid ? *uuid : (Uuid){ 0 };    /* it may lie in *info */
    int r = xen->hv->ops->info(xen->hv, id, info);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    return !info->dying && (!uuid || uuid_equal(&wanted, &info->uuid));
}

/* --- lookups --------------------------------------------------------------------------------- */

static int answer(Op *op, DomainView *view, RemoteDomain *handle)
{
    op_keep_view(op, view);
    *handle = op_handle(view);
    return 0;
}

/* Whether what is published of a running domain is still true: as xen_ask. A domain that has gone is settled. */
static int confirm(Op *op, const DomainView *view)
{
    XenHost *xen = xen_host(op->host);
    int64_t asked = clock_now();
    XenInfo info;
    int r = xen_ask(xen, view->id, &view->uuid, &info);

    if (r < 0)
        return xen_fail(op->error, r, _("tell about a domain"));
    if (r == 0)
        settle_one(xen, &view->uuid, NULL, asked);
    return r;
}

int xen_domain_lookup_by_id(Op *op, const RemoteDomainLookupByIdArgs *args, RemoteDomainLookupByIdResult *result)
{
    XenHost *xen = xen_host(op->host);
    g_autoptr(DomainView) view = NULL;
    int64_t asked;
    XenInfo info;
    int r;

    xen_catch_up(xen);    /* it may have a new name */
    asked = clock_now();
    r = args->id < 0 ? 0 : xen_ask(xen, args->id, NULL, &info);
    if (r < 0)
        return xen_fail(op->error, r, _("tell about a domain"));
    view = domain_list_view_by_id(op->host->domains, args->id);
    if (view && (r == 0 || !uuid_equal(&view->uuid, &info.uuid))) {
        settle_one(xen, &view->uuid, NULL, asked);
        g_clear_pointer(&view, domain_view_unref);
    }
    if (!view && r == 1) {
        settle_one(xen, &info.uuid, &info, asked);
        view = domain_list_view_by_id(op->host->domains, args->id);
    }
    if (!view || !uuid_equal(&view->uuid, &info.uuid))
        return op_fail(op, VIR_ERR_NO_DOMAIN, _("no domain runs with the id %d"), args->id);
    return answer(op, g_steal_pointer(&view), &result->dom);
}

/* Looks in the list with `find`, and again after a sweep when that finds nobody who certainly runs: a domain that
 * is off, or unknown, may have been started by others. NULL without an error: there is none. */
static DomainView *find_running_or_look(Op *op, DomainView *(*find)(Op *op, const void *key), const void *key)
{
    g_autoptr(DomainView) view = find(op, key);
    int r = view && view->id >= 0 ? confirm(op, view) : 0;

    if (r < 0)
        return NULL;
    if (r == 1)
        return g_steal_pointer(&view);
    return look_for(op) < 0 ? NULL : find(op, key);
}

static DomainView *find_name(Op *op, const void *name)
{
    return domain_list_view_by_name(op->host->domains, name);
}

static DomainView *find_uuid(Op *op, const void *uuid)
{
    return domain_list_view_by_uuid(op->host->domains, uuid);
}

int xen_domain_lookup_by_name(Op *op, const RemoteDomainLookupByNameArgs *args,
                              RemoteDomainLookupByNameResult *result)
{
    XenHost *xen = xen_host(op->host);
    DomainView *view;

    xen_catch_up(xen);    /* it may be one's new name, or one's former */
    view = find_running_or_look(op, find_name, args->name);
    if (!view && !error_is_set(op->error)) {
        xen_catch_up_fully(xen);    /* a moment ago another domain may have got it */
        view = find_name(op, args->name);
    }
    if (view)
        return answer(op, view, &result->dom);
    if (error_is_set(op->error))
        return -1;
    return op_fail(op, VIR_ERR_NO_DOMAIN, _("there is no domain with the name '%s'"), args->name);
}

int xen_domain_lookup_by_uuid(Op *op, const RemoteDomainLookupByUuidArgs *args,
                              RemoteDomainLookupByUuidResult *result)
{
    char text[UUID_TEXT_SIZE];
    DomainView *view;
    Uuid uuid;

    memcpy(&uuid, args->uuid, sizeof uuid);
    xen_catch_up(xen_host(op->host));    /* it may have a new name */
    view = find_running_or_look(op, find_uuid, &uuid);
    if (view)
        return answer(op, view, &result->dom);
    if (error_is_set(op->error))
        return -1;
    return op_fail(op, VIR_ERR_NO_DOMAIN, _("there is no domain with the uuid %s"), uuid_format(&uuid, text));
}

/* --- lists ----------------------------------------------------------------------------------- */

int xen_connect_list_all_domains(Op *op, const RemoteConnectListAllDomainsArgs *args,
                                 RemoteConnectListAllDomainsResult *result)
{
    return look_for(op) < 0 ? -1 : common_connect_list_all_domains(op, args, result);
}

int xen_connect_list_domains(Op *op, const RemoteConnectListDomainsArgs *args, RemoteConnectListDomainsResult *result)
{
    return look_for(op) < 0 ? -1 : common_connect_list_domains(op, args, result);
}

int xen_connect_list_defined_domains(Op *op, const RemoteConnectListDefinedDomainsArgs *args,
                                     RemoteConnectListDefinedDomainsResult *result)
{
    return look_for(op) < 0 ? -1 : common_connect_list_defined_domains(op, args, result);
}

int xen_connect_num_of_domains(Op *op, RemoteConnectNumOfDomainsResult *result)
{
    return look_for(op) < 0 ? -1 : common_connect_num_of_domains(op, result);
}

int xen_connect_num_of_defined_domains(Op *op, RemoteConnectNumOfDefinedDomainsResult *result)
{
    return look_for(op) < 0 ? -1 : common_connect_num_of_defined_domains(op, result);
}
