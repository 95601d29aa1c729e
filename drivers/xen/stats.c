/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statistics of many domains in one pass: one sweep, as many hypercalls as a list has, tells state, CPU time, memory and
 * CPUs of all of them. Disks and interfaces are counted by this kernel (counters.h). Single virtual CPUs cost a hypercall
 * each, so they are told of only when a call names that group. Runs on workers, since the sweep may meet a new domain.
 * Takes no lock while encoding. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "drivers/common/common.h"
#include "drivers/xen/counters.h"

#define DEVICE_GROUPS (VIR_DOMAIN_STATS_BLOCK | VIR_DOMAIN_STATS_INTERFACE)

/* As many single virtual CPUs of one domain are told of. */
enum { VCPUS_MOST = 512 };

typedef struct Stats {
    XenHost *xen;
    XenSweep sweep;
    uint32_t groups;          /* that are wanted beside the usual ones */
    XenDevices *devices;      /* NULL: not wanted */
    GHashTable *extras;       /* id → CommonStatsExtra, owned */
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

static void put(CommonStatsExtra *extra, const char *group, unsigned i, const char *what, uint64_t value)
{
    char name[64];

    g_snprintf(name, sizeof name, "%s.%u.%s", group, i, what);
    common_extra_long(extra, name, value);
}

static void put_name(CommonStatsExtra *extra, const char *group, unsigned i, const char *value)
{
    char name[64];

    g_snprintf(name, sizeof name, "%s.%u.name", group, i);
    common_extra_text(extra, name, value);
}

static void add_vcpus(const Stats *stats, const XenInfo *info, CommonStatsExtra *extra)
{
    Hypervisor *hv = stats->xen->hv;
    char name[64];
    XenVcpu vcpu;

    for (unsigned i = 0; i < info->max_vcpus && i < VCPUS_MOST; i++) {
        if (hv->ops->vcpu(hv, info->id, i, &vcpu) < 0)
            return;    /* it ends at this moment */
        g_snprintf(name, sizeof name, "vcpu.%u.state", i);
        common_extra_word(extra, name, VIR_TYPED_PARAM_INT,
                          !vcpu.online ? VIR_VCPU_OFFLINE : vcpu.running ? VIR_VCPU_RUNNING : VIR_VCPU_BLOCKED);
        put(extra, "vcpu", i, "time", vcpu.cpu_time);
    }
}

static void add_disks(const Stats *stats, const XenInfo *info, CommonStatsExtra *extra)
{
    unsigned n, told = 0;
    const unsigned *numbers = xen_devices_disks(stats->devices, info->id, &n);
    CommonStatsExtra disks = { .n = 0 };
    XenDiskCounters one;

    for (unsigned i = 0; i < n; i++) {
        if (!xen_disk_counters("/sys", info->id, numbers[i], &one))
            continue;
        put_name(&disks, "block", told, one.name);
        put(&disks, "block", told, "rd.reqs", one.reads);
        put(&disks, "block", told, "rd.bytes", one.read_bytes);
        put(&disks, "block", told, "wr.reqs", one.writes);
        put(&disks, "block", told, "wr.bytes", one.written_bytes);
        put(&disks, "block", told, "fl.reqs", one.flushes);
        told++;
    }
    common_extra_word(extra, "block.count", VIR_TYPED_PARAM_UINT, told);
    common_extra_join(extra, &disks);
}

static void add_interfaces(const Stats *stats, const XenInfo *info, CommonStatsExtra *extra)
{
    unsigned n, told = 0;
    const unsigned *numbers = xen_devices_interfaces(stats->devices, info->id, &n);
    CommonStatsExtra interfaces = { .n = 0 };
    XenInterfaceCounters one;

    for (unsigned i = 0; i < n; i++) {
        if (!xen_interface_counters("/sys", info->id, numbers[i], &one))
            continue;
        put_name(&interfaces, "net", told, one.name);
        put(&interfaces, "net", told, "rx.bytes", one.rx_bytes);
        put(&interfaces, "net", told, "rx.pkts", one.rx_packets);
        put(&interfaces, "net", told, "rx.errs", one.rx_errors);
        put(&interfaces, "net", told, "rx.drop", one.rx_drops);
        put(&interfaces, "net", told, "tx.bytes", one.tx_bytes);
        put(&interfaces, "net", told, "tx.pkts", one.tx_packets);
        put(&interfaces, "net", told, "tx.errs", one.tx_errors);
        put(&interfaces, "net", told, "tx.drop", one.tx_drops);
        told++;
    }
    common_extra_word(extra, "net.count", VIR_TYPED_PARAM_UINT, told);
    common_extra_join(extra, &interfaces);
}

static void extra_free(gpointer data)
{
    CommonStatsExtra *extra = data;

    if (extra->bytes)
        g_byte_array_unref(extra->bytes);
    g_free(extra);
}

/* Asked once, remembered for the second time. */
static const CommonStatsExtra *more(void *data, const DomainView *view)
{
    Stats *stats = data;
    const XenInfo *info = find(stats, view);
    CommonStatsExtra *extra;

    if (!info)
        return NULL;
    extra = g_hash_table_lookup(stats->extras, GINT_TO_POINTER(info->id));
    if (extra)
        return extra;
    extra = g_new0(CommonStatsExtra, 1);
    if (stats->groups & VIR_DOMAIN_STATS_VCPU)
        add_vcpus(stats, info, extra);
    if (stats->groups & VIR_DOMAIN_STATS_INTERFACE)
        add_interfaces(stats, info, extra);
    if (stats->groups & VIR_DOMAIN_STATS_BLOCK)
        add_disks(stats, info, extra);
    g_hash_table_insert(stats->extras, GINT_TO_POINTER(info->id), extra);
    return extra;
}

int xen_connect_get_all_domain_stats(Op *op, const RemoteConnectGetAllDomainStatsArgs *args,
                                     RemoteConnectGetAllDomainStatsResult *result)
{
    Stats stats = { .xen = xen_host(op->host), .groups = args->stats ? args->stats : DEVICE_GROUPS };
    const CommonStatsSource source = {
        .data = &stats, .look = look, .more = DEVICE_GROUPS,
        .extra = stats.groups & (DEVICE_GROUPS | VIR_DOMAIN_STATS_VCPU) ? more : NULL,
    };
    int r;

    if (xen_look(stats.xen, &stats.sweep, op->error) < 0)
        return -1;
    if (stats.groups & DEVICE_GROUPS)
        stats.devices = xen_devices_look("/sys");
    stats.extras = g_hash_table_new_full(NULL, NULL, NULL, extra_free);
    r = common_domain_stats(op, args, &source, result);
    g_hash_table_unref(stats.extras);
    xen_devices_free(stats.devices);
    xen_sweep_clear(&stats.sweep);
    return r;
}
