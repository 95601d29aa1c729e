/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statistics of one disk or interface of a guest that runs: counters that the first domain's kernel keeps (counters.h).
 * What something else serves, such as a disk in a device model, isn't counted there. One hypercall says whether the
 * guest is still the one that was meant. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/op.h"
#include "drivers/xen/counters.h"

static int need_running(Op *op, XenInfo *info)
{
    return xen_question_look(op, info) < 0 || op_need_active(op, op->view) < 0 ? -1 : 0;
}

/* By its name in the guest, or by the file or device behind it when the document has that. */
static const char *target_of(const Op *op, const char *path)
{
    const DomainConfig *config = op->view->active;

    for (unsigned i = 0; i < config->devices.n_disks; i++) {
        const Disk *disk = config->devices.disks[i];
        const char *source = !disk->source ? NULL
            : disk->source->storage.file ? disk->source->storage.file : disk->source->storage.dev;

        if (source && strcmp(source, path) == 0)
            return disk->target.dev;
    }
    return path;
}

/* All disks together when the path is empty. */
static int add_disks(Op *op, const char *path, XenDiskCounters *sum)
{
    XenDevices *devices;
    const unsigned *numbers;
    const char *target;
    unsigned n, found = 0;
    XenInfo info;

    if (need_running(op, &info) < 0)
        return -1;
    *sum = (XenDiskCounters){ .reads = 0 };
    target = target_of(op, path);
    devices = xen_devices_look("/sys");
    numbers = xen_devices_disks(devices, info.id, &n);
    for (unsigned i = 0; i < n; i++) {
        XenDiskCounters one;

        xen_disk_name(numbers[i], one.name, sizeof one.name);
        if ((*path && strcmp(one.name, target) != 0) || !xen_disk_counters("/sys", info.id, numbers[i], &one))
            continue;
        found++;
        sum->reads += one.reads;
        sum->writes += one.writes;
        sum->flushes += one.flushes;
        sum->read_bytes += one.read_bytes;
        sum->written_bytes += one.written_bytes;
    }
    xen_devices_free(devices);
    if (found || !*path)
        return 0;
    return op_fail(op, VIR_ERR_INVALID_ARG, _("no disk '%s' of domain '%s' is served by this host's kernel"), path,
                   op->view->name);
}

int xen_domain_block_stats(Op *op, const RemoteDomainBlockStatsArgs *args, RemoteDomainBlockStatsResult *result)
{
    XenDiskCounters sum;

    if (add_disks(op, args->path, &sum) < 0)
        return -1;
    result->rd_req = (int64_t)sum.reads;
    result->rd_bytes = (int64_t)sum.read_bytes;
    result->wr_req = (int64_t)sum.writes;
    result->wr_bytes = (int64_t)sum.written_bytes;
    result->errs = -1;
    return 0;
}

static RemoteTypedParam figure(const char *name, uint64_t value)
{
    return (RemoteTypedParam){ .field = name, .value = { .type = VIR_TYPED_PARAM_LLONG, .l = (int64_t)value } };
}

/* Asked for none, it says how many there are. */
int xen_domain_block_stats_flags(Op *op, const RemoteDomainBlockStatsFlagsArgs *args,
                                 RemoteDomainBlockStatsFlagsResult *result)
{
    RemoteTypedParam figures[5];
    XenDiskCounters sum;

    if (op_check_flags(op, args->flags, VIR_TYPED_PARAM_STRING_OKAY) < 0 || add_disks(op, args->path, &sum) < 0)
        return -1;
    figures[0] = figure(VIR_DOMAIN_BLOCK_STATS_READ_BYTES, sum.read_bytes);
    figures[1] = figure(VIR_DOMAIN_BLOCK_STATS_READ_REQ, sum.reads);
    figures[2] = figure(VIR_DOMAIN_BLOCK_STATS_WRITE_BYTES, sum.written_bytes);
    figures[3] = figure(VIR_DOMAIN_BLOCK_STATS_WRITE_REQ, sum.writes);
    figures[4] = figure(VIR_DOMAIN_BLOCK_STATS_FLUSH_REQ, sum.flushes);
    result->n_params = (uint32_t)CLAMP(args->nparams, 0, (int)G_N_ELEMENTS(figures));
    result->nparams = result->n_params ? (int)result->n_params : (int)G_N_ELEMENTS(figures);
    result->params = arena_memdup(op->arena, figures, sizeof figures);
    return 0;
}

int xen_domain_interface_stats(Op *op, const RemoteDomainInterfaceStatsArgs *args,
                               RemoteDomainInterfaceStatsResult *result)
{
    XenInterfaceCounters counters;
    unsigned number;
    XenInfo info;
    int id;

    if (need_running(op, &info) < 0)
        return -1;
    if (!xen_interface_parse(args->device, &id, &number) || id != info.id
        || !xen_interface_counters("/sys", info.id, number, &counters))
        return op_fail(op, VIR_ERR_INVALID_ARG,
                       _("domain '%s' has no interface '%s'; they are named vif%d.0, vif%d.1 and so on"),
                       op->view->name, args->device, info.id, info.id);
    *result = (RemoteDomainInterfaceStatsResult){
        .rx_bytes = (int64_t)counters.rx_bytes, .rx_packets = (int64_t)counters.rx_packets,
        .rx_errs = (int64_t)counters.rx_errors, .rx_drop = (int64_t)counters.rx_drops,
        .tx_bytes = (int64_t)counters.tx_bytes, .tx_packets = (int64_t)counters.tx_packets,
        .tx_errs = (int64_t)counters.tx_errors, .tx_drop = (int64_t)counters.tx_drops,
    };
    return 0;
}
