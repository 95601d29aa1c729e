/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statistics of many domains in one pass: one sweep, as many hypercalls as a list has, tells state, CPU time, memory and
 * CPUs of all of them. Disks and interfaces are in the newest sample (sampler.h), and how old that is goes with them. Single
 * virtual CPUs cost a hypercall each, so they are told of only when a call names that group. Runs on workers, since the
 * sweep may meet a new domain. Takes no lock while encoding. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "drivers/common/common.h"
#include "drivers/xen/sampler.h"

#define DEVICE_GROUPS (VIR_DOMAIN_STATS_BLOCK | VIR_DOMAIN_STATS_INTERFACE)

/* As many single virtual CPUs of one domain are told of. */
enum { VCPUS_MOST = 512 };

typedef struct Stats {
    XenHost *xen;
    XenSweep sweep;
    uint32_t groups;          /* that are wanted beside the usual ones */
    XenSample *sample;        /* a reference; NULL: devices are not wanted */
    CommonStatsExtra age;     /* of the sample: the same for all domains */
    GHashTable *vcpus;        /* id → CommonStatsExtra, owned; NULL: not wanted */
} Stats;

static const XenInfo *find(const Stats *stats, const DomainView *view)
{
    return view->id < 0 ? NULL : xen_sweep_find(&stats->sweep, view->id, &view->uuid);
}

static uint64_t look(void *data, DomainEntry *entry)
{
    const XenInfo *info = find(data, entry->view);

    if (!info)
        return 0;    /* off, or started since the sweep */
    entry->memory = info->memory;
    entry->max_memory = xen_max_memory(info);
    entry->vcpus = info->vcpus;
    entry->max_vcpus = info->max_vcpus;
    return info->cpu_time;
}

/* --- single virtual CPUs, disks, interfaces --------------------------------------------------- */

static CommonStatsExtra *ask_vcpus(const Stats *stats, const XenInfo *info)
{
    Hypervisor *hv = stats->xen->hv;
    CommonStatsExtra *extra = g_new0(CommonStatsExtra, 1);
    char name[64];
    XenVcpu vcpu;

    for (unsigned i = 0; i < info->max_vcpus && i < VCPUS_MOST; i++) {
        if (hv->ops->vcpu(hv, info->id, i, &vcpu) < 0)
            break;    /* it ends at this moment */
        g_snprintf(name, sizeof name, "vcpu.%u.state", i);
        common_extra_word(extra, name, VIR_TYPED_PARAM_INT,
                          !vcpu.online ? VIR_VCPU_OFFLINE : vcpu.running ? VIR_VCPU_RUNNING : VIR_VCPU_BLOCKED);
        g_snprintf(name, sizeof name, "vcpu.%u.time", i);
        common_extra_long(extra, name, vcpu.cpu_time);
    }
    return extra;
}

/* Asked once, remembered for the second time. */
static const CommonStatsExtra *vcpus_of(Stats *stats, const XenInfo *info)
{
    CommonStatsExtra *extra = g_hash_table_lookup(stats->vcpus, GINT_TO_POINTER(info->id));

    if (!extra) {
        extra = ask_vcpus(stats, info);
        g_hash_table_insert(stats->vcpus, GINT_TO_POINTER(info->id), extra);
    }
    return extra;
}

static void extra_free(gpointer data)
{
    CommonStatsExtra *extra = data;

    if (extra->bytes)
        g_byte_array_unref(extra->bytes);
    g_free(extra);
}

/* Of a domain that started after the sample nothing is known: its id may have been another one's. */
static unsigned more(void *data, const DomainView *view, const CommonStatsExtra **parts)
{
    Stats *stats = data;
    const XenInfo *info = find(stats, view);
    unsigned n = 0;

    if (info && stats->vcpus)
        parts[n++] = vcpus_of(stats, info);
    if (!info || !stats->sample || view->started > xen_sample_taken_real(stats->sample))
        return n;
    parts[n++] = &stats->age;
    if (stats->groups & VIR_DOMAIN_STATS_INTERFACE)
        parts[n++] = xen_sample_interfaces(stats->sample, info->id);
    if (stats->groups & VIR_DOMAIN_STATS_BLOCK)
        parts[n++] = xen_sample_disks(stats->sample, info->id);
    return n;
}

int xen_connect_get_all_domain_stats(Op *op, const RemoteConnectGetAllDomainStatsArgs *args,
                                     RemoteConnectGetAllDomainStatsResult *result)
{
    Stats stats = { .xen = xen_host(op->host), .groups = args->stats ? args->stats : DEVICE_GROUPS };
    const CommonStatsSource source = { .data = &stats, .look = look, .more = DEVICE_GROUPS, .extra = more };
    int r;

    if (stats.groups & DEVICE_GROUPS) {
        stats.sample = xen_sampler_ask(stats.xen->sampler);
        common_extra_long(&stats.age, "sample.age", (uint64_t)(clock_now() - xen_sample_taken(stats.sample)));
    }
    if (stats.groups & VIR_DOMAIN_STATS_VCPU)
        stats.vcpus = g_hash_table_new_full(NULL, NULL, NULL, extra_free);
    r = xen_look(stats.xen, &stats.sweep, op->error);
    if (r == 0) {
        r = common_domain_stats(op, args, &source, result);
        xen_sweep_clear(&stats.sweep);
    }
    if (stats.vcpus)
        g_hash_table_unref(stats.vcpus);
    if (stats.age.bytes)
        g_byte_array_unref(stats.age.bytes);
    xen_sample_unref(stats.sample);
    return r;
}
