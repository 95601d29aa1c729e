/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the hypervisor's flags mean to a client. Pure functions: any thread, no lock. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

/* A domain that has shut itself down stays until a tool destroys it. */
static int shutdown_state(const XenInfo *info, bool sleeps, int *reason)
{
    switch (info->why) {
    case XEN_SHUTDOWN_SUSPEND:    /* it waits to be saved, or to go on */
        if (sleeps) {
            *reason = VIR_DOMAIN_PMSUSPENDED_UNKNOWN;
            return VIR_DOMAIN_PMSUSPENDED;
        }
        *reason = VIR_DOMAIN_PAUSED_SAVE;
        return VIR_DOMAIN_PAUSED;
    case XEN_SHUTDOWN_CRASH:
    case XEN_SHUTDOWN_WATCHDOG:
        *reason = VIR_DOMAIN_CRASHED_UNKNOWN;
        return VIR_DOMAIN_CRASHED;
    default:
        *reason = VIR_DOMAIN_SHUTDOWN_USER;
        return VIR_DOMAIN_SHUTDOWN;
    }
}

void xen_state(const XenInfo *info, const DomainView *view, int *state, int *reason)
{
    bool known = view && view->id == info->id;

    if (info->shutdown) {
        *state = shutdown_state(info, known && (view->state == VIR_DOMAIN_PMSUSPENDED || xen_view_dozes(view)), reason);
    } else if (info->paused) {
        *state = VIR_DOMAIN_PAUSED;
        *reason = VIR_DOMAIN_PAUSED_UNKNOWN;
    } else {
        /* one that waits for an event is running to whoever looks from outside */
        *state = VIR_DOMAIN_RUNNING;
        *reason = VIR_DOMAIN_RUNNING_UNKNOWN;
    }
    if (known && view->state == *state)
        *reason = view->reason;
}

uint64_t xen_max_memory(const XenInfo *info)
{
    /* a domain without a limit, as the first one may be, is told of with what it has */
    return info->max_memory > INT64_MAX / 1024 ? info->memory : info->max_memory;
}
