/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of a running domain for which a hypercall or a word in xenstore is enough: pause, go on, shut down, reboot;
 * and destroy. Each runs inside a job of the domain on a worker. An id may be somebody else's by now, so each looks at
 * the UUID behind it first; Xen gives ids out upwards, so that one is not taken again in the moment between. */
#include "drivers/xen/xen.h"

#include <errno.h>

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

static int fail_not_running(Op *op)
{
    return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID, _("domain '%s' is not running"),
                     op->view->name);
}

int xen_need(Op *op, XenInfo *info)
{
    XenHost *xen = xen_host(op->host);
    int r;

    if (op_need_active(op, op->view) < 0)
        return -1;
    r = xen_ask(xen, op->view->id, &op->view->uuid, info);
    if (r == 1)
        return 0;
    if (r < 0)
        return xen_fail(op->error, r, _("tell about a domain"));
    xen_settle_held(xen, op->domain, NULL);
    return fail_not_running(op);
}

/* The first domain serves all others. */
static int refuse_first(Op *op)
{
    if (op->view->id != 0)
        return 0;
    return op_fail(op, VIR_ERR_OPERATION_INVALID, _("domain '%s' is the one that drover runs in"), op->view->name);
}

static int set_state(Op *op, int state, int reason)
{
    DomainFacts facts = change_facts(op->domain);

    facts.state = state;
    facts.reason = reason;
    return xen_commit(xen_host(op->host), op->domain, &facts, op->error);
}

int xen_domain_suspend(Op *op, const RemoteDomainSuspendArgs *args)
{
    XenHost *xen = xen_host(op->host);
    XenInfo info;
    int r;

    if (xen_need_awake(op, &info) < 0 || refuse_first(op) < 0)
        return -1;
    xen_settle_held(xen, op->domain, &info);    /* what somebody else has done is told first */
    if (info.shutdown)
        return fail_not_running(op);
    if (info.paused)
        return 0;
    r = xen->hv->ops->pause(xen->hv, info.id);
    if (r < 0)
        return xen_fail(op->error, r, _("pause the domain"));
    if (set_state(op, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER) < 0)
        return -1;
    change_announce(op->host, op->domain, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    return 0;
}

int xen_domain_resume(Op *op, const RemoteDomainResumeArgs *args)
{
    XenHost *xen = xen_host(op->host);
    g_autofree char *why = NULL;
    XenInfo info;
    bool stands;
    int r = 0;

    if (xen_need_awake(op, &info) < 0)
        return -1;
    stands = info.shutdown && info.why == XEN_SHUTDOWN_SUSPEND;    /* a save was broken off */
    if (!stands)
        xen_settle_held(xen, op->domain, &info);    /* what somebody else has done is told first */
    if (info.shutdown && !stands)    /* it is only kept as it was at its end */
        return fail_not_running(op);
    if (!info.paused && !stands)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID, _("domain '%s' is not paused"),
                         op->view->name);
    xen_announce_started(xen, op->domain);
    if (stands)
        r = xen->hv->ops->go_on(xen->hv, info.id, &why);
    if (r == 0 && info.paused)
        r = xen_let_run(xen, &info);
    if (r == 0 && stands && xen_record_marks(xen, op->domain))
        r = xen_record_mark(xen, info.id, XEN_WORD_BUILT);
    if (r < 0)
        return xen_fail(op->error, r, _("let the domain go on"));
    if (set_state(op, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED) < 0)
        return -1;
    change_announce(op->host, op->domain, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    return 0;
}

/* --- shutting down --------------------------------------------------------------------------- */

/* Whether a word in xenstore reaches the guest: PV and PVH guests need a driver for it to run at all. */
static int listens(Op *op, const XenInfo *info)
{
    XenHost *xen = xen_host(op->host);
    int r;

    if (info->kind != XEN_HVM)
        return 1;
    r = xen->hv->ops->has_drivers(xen->hv, info->id);
    return r < 0 ? xen_fail(op->error, r, _("tell about the guest's drivers")) : r;
}

static int tell(Op *op, const XenInfo *info, const char *word)
{
    XenHost *xen = xen_host(op->host);
    char path[64];
    int r;

    g_snprintf(path, sizeof path, "/local/domain/%d/control/shutdown", info->id);
    r = xen->hv->ops->write(xen->hv, path, word);
    return r < 0 ? xen_fail(op->error, r, _("tell the guest to shut down")) : 0;
}

static int press_power(Op *op, const XenInfo *info)
{
    XenHost *xen = xen_host(op->host);
    int r;

    if (info->kind != XEN_HVM)
        return op_fail(op, VIR_ERR_OPERATION_INVALID, _("domain '%s' has no power button"), op->view->name);
    r = xen->hv->ops->press_power(xen->hv, info->id);
    return r < 0 ? xen_fail(op->error, r, _("press the power button")) : 0;
}

static int need_running(Op *op, XenInfo *info)
{
    if (xen_need_awake(op, info) < 0 || refuse_first(op) < 0)
        return -1;
    if (!info->paused)
        return 0;
    return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                     _("domain '%s' is paused and would not notice"), op->view->name);
}

/* The guest does the rest; its end is seen when it comes. */
int xen_domain_shutdown_flags(Op *op, const RemoteDomainShutdownFlagsArgs *args)
{
    const uint32_t known = VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN | VIR_DOMAIN_SHUTDOWN_PARAVIRT;
    uint32_t flags = args->flags ? args->flags : known;
    XenInfo info;
    int r = 0;

    if (op_check_flags(op, args->flags, known) < 0 || need_running(op, &info) < 0)
        return -1;
    if (flags & VIR_DOMAIN_SHUTDOWN_PARAVIRT)
        r = listens(op, &info);
    if (r < 0)
        return -1;
    if (r == 1)
        return tell(op, &info, "poweroff");
    if (flags & VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
        return press_power(op, &info);
    return op_fail(op, VIR_ERR_OPERATION_FAILED, _("domain '%s' has no drivers for Xen that would listen"),
                   op->view->name);
}

int xen_domain_reboot(Op *op, const RemoteDomainRebootArgs *args)
{
    XenInfo info;
    int r;

    if (op_check_flags(op, args->flags, VIR_DOMAIN_REBOOT_PARAVIRT) < 0 || need_running(op, &info) < 0)
        return -1;
    r = listens(op, &info);
    if (r == 0)
        op_fail(op, VIR_ERR_OPERATION_FAILED, _("domain '%s' has no drivers for Xen that would listen"),
                op->view->name);
    return r == 1 ? tell(op, &info, "reboot") : -1;
}

int xen_domain_destroy_flags(Op *op, const RemoteDomainDestroyFlagsArgs *args)
{
    XenHost *xen = xen_host(op->host);
    XenInfo info;
    int r;

    if (op_check_flags(op, args->flags, VIR_DOMAIN_DESTROY_GRACEFUL) < 0)
        return -1;
    if (xen_need(op, &info) < 0 || refuse_first(op) < 0)
        return -1;
    xen_announce_started(xen, op->domain);
    r = xen_destroy(xen, op->domain, info.id);
    /* What became of it is asked, not believed: it may have come to its end by itself, or half of the way. */
    if (xen_ask(xen, info.id, &info.uuid, &info) == 0) {
        /* Whatever else was telling of this domain: its story ends here, and it finds the domain off. */
        xen_domain(op->domain)->own_story = false;
        xen_settle_held(xen, op->domain, NULL);
        return 0;
    }
    return xen_fail(op->error, r < 0 ? r : -EBUSY, _("destroy the domain"));
}
