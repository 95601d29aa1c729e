/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory guests have, whoever made them take or give it: told of by comparing the observer's sweeps, which are
 * made anyway. Small changes come and go all the time (grants, tables of pages), so a change is told of from BALLOON_STEP on,
 * and where it ended when it is over; no guest has more than one such event a second, whatever it does.
 * Domain-0 lends pages to its kernel's work with other guests all the time and is left out.
 * Runs in the turn of whoever makes a pass, which owns XenHost.balloons. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/log.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

LOG_SOURCE("drivers.xen.balloon");

enum { BALLOON_STEP = 1024 };    /* KiB */

/* What is known of one guest's memory. */
typedef struct XenBalloon {
    Uuid uuid;
    uint64_t told;            /* KiB: what clients know */
    uint64_t last;            /* KiB: at the last sweep */
    int64_t told_at;          /* clock_now() */
    bool moving;              /* a change was told of, and it may go on */
    bool listed;              /* clients know the guest; what it was given before that, while it was built, is no news */
} XenBalloon;

static XenBalloon *balloon_of(XenHost *xen, const XenInfo *info)
{
    XenBalloon *balloon = g_hash_table_lookup(xen->balloons, GINT_TO_POINTER(info->id));

    if (balloon && uuid_equal(&balloon->uuid, &info->uuid))
        return balloon;
    balloon = g_new0(XenBalloon, 1);
    *balloon = (XenBalloon){ .uuid = info->uuid, .told = info->memory, .last = info->memory };
    g_hash_table_replace(xen->balloons, GINT_TO_POINTER(info->id), balloon);
    return balloon;
}

/* In a job of the domain. */
static void tell(XenHost *xen, Domain *domain, const void *data)
{
    const XenInfo *info = data;
    g_autoptr(DomainView) view = domain_view(domain);
    DomainFacts facts = change_facts(domain);
    Error error = ERROR_INIT;
    const RemoteDomainEventBalloonChangeMsg message = { .dom = op_handle(view), .actual = info->memory };
    const DriverEvent event = {
        .proc = REMOTE_PROC_DOMAIN_EVENT_CALLBACK_BALLOON_CHANGE, .message = &message, .uuid = view->uuid,
    };

    if (view->id != info->id)
        return;
    facts.memory = info->memory;
    if (xen_commit(xen, domain, &facts, &error) < 0)
        log_error("the memory of domain '%s' can't be published: %s", domain->name, error.message);
    error_clear(&error);
    host_announce(xen->host, &event);
}

/* One that is being built, or isn't listed for another reason, has what it has from the beginning. */
static bool is_listed(const DomainView *view, const XenInfo *info)
{
    return view && uuid_equal(&view->uuid, &info->uuid)
        && !(view->state == VIR_DOMAIN_PAUSED && view->reason == VIR_DOMAIN_PAUSED_STARTING_UP);
}

/* True: clients know what it has now. False: the job was taken. */
static bool changed(XenHost *xen, const XenInfo *info)
{
    g_autoptr(DomainView) view = domain_list_view_by_id(xen->host->domains, info->id);
    g_autoptr(Domain) domain = is_listed(view, info) ? domain_list_find(xen->host->domains, &info->uuid) : NULL;

    return !domain || xen_settle_with(xen, domain, tell, info);
}

/* Until clients know the guest. */
static void begin(XenHost *xen, const XenInfo *info, XenBalloon *balloon)
{
    g_autoptr(DomainView) view = domain_list_view_by_id(xen->host->domains, info->id);

    balloon->listed = is_listed(view, info);
    balloon->told = balloon->last = info->memory;
}

static void look_at(XenHost *xen, const XenInfo *info, XenBalloon *balloon, int64_t asked)
{
    uint64_t change = MAX(info->memory, balloon->told) - MIN(info->memory, balloon->told);
    bool steady = info->memory == balloon->last;
    bool wanted = change >= BALLOON_STEP || (balloon->moving && steady && change);

    balloon->last = info->memory;
    if (!wanted) {
        balloon->moving = balloon->moving && !steady;
        return;
    }
    if (asked < balloon->told_at + xen->balloon_pause || !changed(xen, info))
        return;
    balloon->told = info->memory;
    balloon->told_at = asked;
    balloon->moving = !steady;
}

static int is_gone(void *id, void *balloon, void *sweep)
{
    return !xen_sweep_has(sweep, GPOINTER_TO_INT(id));
}

void xen_balloons(XenHost *xen, const XenSweep *sweep)
{
    for (unsigned i = 0; i < sweep->n; i++) {
        const XenInfo *info = &sweep->infos[i];
        XenBalloon *balloon = info->dying || info->id == 0 ? NULL : balloon_of(xen, info);

        if (balloon && balloon->listed)
            look_at(xen, info, balloon, sweep->asked);
        else if (balloon)
            begin(xen, info, balloon);
    }
    if (g_hash_table_size(xen->balloons) > sweep->n)
        g_hash_table_foreach_remove(xen->balloons, is_gone, (void *)(uintptr_t)sweep);
}
