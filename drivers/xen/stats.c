/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statistics of many domains in one pass: one sweep, as many hypercalls as a list has, tells state, CPU time, memory and
 * CPUs of all of them. Runs on workers, since the sweep may meet a new domain. Takes no lock while encoding. */
#include "drivers/xen/xen.h"

#include "drivers/common/common.h"

static uint64_t look(const void *data, DomainEntry *entry)
{
    const XenSweep *sweep = data;
    const XenInfo *info = entry->view->id < 0 ? NULL : xen_sweep_find(sweep, entry->view->id, &entry->view->uuid);

    if (!info)
        return 0;    /* off, or started since the sweep */
    entry->memory = info->memory;
    entry->max_memory = xen_max_memory(info);
    entry->vcpus = info->vcpus;
    entry->max_vcpus = info->max_vcpus;
    return info->cpu_time;
}

int xen_connect_get_all_domain_stats(Op *op, const RemoteConnectGetAllDomainStatsArgs *args,
                                     RemoteConnectGetAllDomainStatsResult *result)
{
    XenSweep sweep;
    const CommonStatsSource source = { .data = &sweep, .look = look };
    int r;

    if (xen_look(xen_host(op->host), &sweep, op->error) < 0)
        return -1;
    r = common_domain_stats(op, args, &source, result);
    xen_sweep_clear(&sweep);
    return r;
}
