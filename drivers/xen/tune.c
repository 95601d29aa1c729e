/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors and memory of a domain: of the guest while it runs, of its document from the next start on. Runs inside a job
 * of the domain; everything is checked before anything is changed, and the guest is changed before the documents. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

#define AFFECT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* KiB; what can still be said in bytes. */

/* As in node.c: what a Xen guest may have. */
enum { MOST_VCPUS_MACHINE = 128, MOST_VCPUS = 512 };

int xen_tuning_begin(Op *op, uint32_t flags, XenTuning *tuning)
{
    OpAffects affects;

    *tuning = (XenTuning){ .active = NULL };
    if (op_affects(op, op->view, flags, &affects) < 0 || (affects.live && xen_need(op, &tuning->info) < 0))
        return -1;
    tuning->facts = change_facts(op->domain);
    if (affects.live)
        tuning->facts.active = tuning->active = domain_config_copy(tuning->facts.active);
    if (affects.config)
        tuning->facts.persistent = tuning->persistent = domain_config_copy(tuning->facts.persistent);
    return 0;
}

int xen_tuning_end(Op *op, XenTuning *tuning, int r)
{
    if (tuning->facts.id < 0)
        tuning->facts.memory = tuning->facts.vcpus = 0;    /* as the document says */
    if (r == 0 && (tuning->active || tuning->persistent))
        r = xen_commit(xen_host(op->host), op->domain, &tuning->facts, op->error);
    if (r == 0 && tuning->active && xen_domain(op->domain)->ours)    /* for another droverd, as long as the guest runs */
        r = xen_record_change(xen_host(op->host), tuning->active, op->error);
    domain_config_unref(tuning->active);
    domain_config_unref(tuning->persistent);
    return r;
}

/* What Xen's libraries have said of a failure; frees it. */
static int fail(Op *op, int r, char *why, const char *what)
{
    g_autofree char *said = why;

    return said ? op_fail(op, VIR_ERR_OPERATION_FAILED, _("Xen can't %s: %s"), what, said) : xen_fail(op->error, r, what);
}

/* --- processors ------------------------------------------------------------------------------ */

static int check_vcpus(Op *op, unsigned n, unsigned most)
{
    if (n <= most)
        return 0;
    return op_fail(op, VIR_ERR_INVALID_ARG, _("%u processors are more than the %u that domain '%s' can have"), n, most,
                   op->view->name);
}

static int check_vcpus_flags(Op *op, const RemoteDomainSetVcpusFlagsArgs *args)
{
    if (op_check_flags(op, args->flags, AFFECT | VIR_DOMAIN_VCPU_MAXIMUM) < 0)
        return -1;
    if (args->nvcpus == 0)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG, _("domain '%s' needs at least one processor"),
                         op->view->name);
    return 0;
}

static int set_max_vcpus(Op *op, XenTuning *tuning, unsigned n)
{
    const DomainConfig *config = tuning->persistent;

    if (tuning->active)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                         _("the most processors of domain '%s' can be changed in its persistent configuration only"),
                         op->view->name);
    if (check_vcpus(op, n, config->os.type.name == OS_TYPE_NAME_HVM ? MOST_VCPUS_MACHINE : MOST_VCPUS) < 0)
        return -1;
    domain_config_set_max_vcpus(tuning->persistent, n);
    return change_check_readable(op, tuning->persistent);
}

static int set_vcpus(Op *op, XenTuning *tuning, unsigned n)
{
    XenHost *xen = xen_host(op->host);
    char *why = NULL;
    int r;

    if ((tuning->active && check_vcpus(op, n, tuning->info.max_vcpus) < 0)
        || (tuning->persistent && check_vcpus(op, n, domain_config_max_vcpus(tuning->persistent)) < 0))
        return -1;
    if (tuning->active) {
        r = xen->hv->ops->set_vcpus(xen->hv, tuning->info.id, n, &why);
        if (r < 0)
            return fail(op, r, why, _("change the number of virtual CPUs"));
        if (n <= domain_config_max_vcpus(tuning->active))
            domain_config_set_vcpus(tuning->active, n);
    }
    if (tuning->persistent)
        domain_config_set_vcpus(tuning->persistent, n);
    return 0;
}

int xen_domain_set_vcpus_flags(Op *op, const RemoteDomainSetVcpusFlagsArgs *args)
{
    XenTuning tuning;
    int r;

    if (check_vcpus_flags(op, args) < 0 || xen_tuning_begin(op, args->flags, &tuning) < 0)
        return -1;
    r = args->flags & VIR_DOMAIN_VCPU_MAXIMUM ? set_max_vcpus(op, &tuning, args->nvcpus)
        : set_vcpus(op, &tuning, args->nvcpus);
    return xen_tuning_end(op, &tuning, r);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* The guest may take up to this at once; it is never less than it has. */
static int set_max_memory(Op *op, XenTuning *tuning, uint64_t kib)
{
    XenHost *xen = xen_host(op->host);
    int r = 0;

    if (tuning->active && kib < tuning->info.memory)
        return op_fail(op, VIR_ERR_INVALID_ARG,
                       _("domain '%s' has %" G_GUINT64_FORMAT " KiB now, which is more than %" G_GUINT64_FORMAT),
                       op->view->name, tuning->info.memory, kib);
    if (tuning->persistent) {
        domain_config_set_max_memory(tuning->persistent, kib);
        if (change_check_readable(op, tuning->persistent) < 0)
            return -1;
    }
    if (tuning->active)
        r = xen->hv->ops->set_max_memory(xen->hv, tuning->info.id, kib);
    if (r < 0)
        return xen_fail(op->error, r, _("change the most memory"));
    if (tuning->active)
        domain_config_set_max_memory(tuning->active, kib);
    return 0;
}

static int check_memory(Op *op, const XenTuning *tuning, uint64_t kib)
{
    if (!tuning->persistent || kib <= domain_config_max_memory(tuning->persistent))
        return 0;
    return op_fail(op, VIR_ERR_INVALID_ARG,
                   _("%" G_GUINT64_FORMAT " KiB are more than the %" G_GUINT64_FORMAT " that domain '%s' can have"), kib,
                   domain_config_max_memory(tuning->persistent), op->view->name);
}

/* The guest's most memory is what it was built with; Xen knows that and says so. What the hypervisor lets it have
 * follows what it shall take. */
static int set_memory(Op *op, XenTuning *tuning, uint64_t kib)
{
    XenHost *xen = xen_host(op->host);
    char *why = NULL;
    int r;

    if (check_memory(op, tuning, kib) < 0)
        return -1;
    if (tuning->active) {
        r = xen->hv->ops->set_memory(xen->hv, tuning->info.id, kib, &why);
        if (r < 0)
            return fail(op, r, why, _("change the memory"));
        if (kib <= domain_config_max_memory(tuning->active))
            domain_config_set_memory(tuning->active, kib);
    }
    if (tuning->persistent)
        domain_config_set_memory(tuning->persistent, kib);
    return 0;
}

int xen_domain_set_memory_flags(Op *op, const RemoteDomainSetMemoryFlagsArgs *args)
{
    XenTuning tuning;
    int r;

    if (op_check_flags(op, args->flags, AFFECT | VIR_DOMAIN_MEM_MAXIMUM) < 0 || op_check_memory(op, args->memory) < 0)
        return -1;
    if (xen_tuning_begin(op, args->flags, &tuning) < 0)
        return -1;
    r = args->flags & VIR_DOMAIN_MEM_MAXIMUM ? set_max_memory(op, &tuning, args->memory)
        : set_memory(op, &tuning, args->memory);
    return xen_tuning_end(op, &tuning, r);
}

/* What the guest does with its memory only the guest knows. */
int xen_domain_memory_stats(Op *op, const RemoteDomainMemoryStatsArgs *args, RemoteDomainMemoryStatsResult *result)
{
    XenInfo info;
    RemoteDomainMemoryStat stats[2];

    if (op_check_flags(op, args->flags, 0) < 0 || xen_question_look(op, &info) < 0
        || op_need_active(op, op->view) < 0)
        return -1;
    stats[0] = (RemoteDomainMemoryStat){ .tag = VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON, .val = info.memory };
    stats[1] = (RemoteDomainMemoryStat){ .tag = VIR_DOMAIN_MEMORY_STAT_RSS, .val = info.memory };
    result->n_stats = MIN(args->maxStats, G_N_ELEMENTS(stats));
    result->stats = arena_memdup(op->arena, stats, sizeof stats);
    return 0;
}
