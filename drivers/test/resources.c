/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors and memory of a pretended machine, live and in its document. Runs inside a job of the
 * domain; both documents are checked before one is changed. Takes no lock of its own. */
#include "drivers/test/test.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

#define AFFECT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* Copies of the documents that a call changes; commit makes them the domain's. */
typedef struct Copies {
    DomainFacts facts;
    DomainConfig *active, *persistent;    /* NULL: stays */
} Copies;

static int copies_begin(Op *op, uint32_t flags, Copies *copies)
{
    OpAffects affects;

    if (op_affects(op, op->view, flags, &affects) < 0)
        return -1;
    copies->facts = change_facts(op->domain);
    if (affects.live)
        copies->facts.active = copies->active = domain_config_copy(copies->facts.active);
    if (affects.config)
        copies->facts.persistent = copies->persistent = domain_config_copy(copies->facts.persistent);
    copies->facts.memory = 0;
    copies->facts.vcpus = 0;
    return 0;
}

static void copies_end(Copies *copies)
{
    domain_config_unref(copies->active);
    domain_config_unref(copies->persistent);
}

static int copies_commit(Op *op, const Copies *copies)
{
    return change_commit(op->host, op->domain, &copies->facts, op->error);
}

/* --- processors ------------------------------------------------------------------------------ */

static int too_many_vcpus(Op *op, uint32_t n, unsigned maximum)
{
    return op_fail(op, VIR_ERR_INVALID_ARG, _("%u processors are more than the %u that domain '%s' can have"), n,
                   maximum, op->view->name);
}

static int put_vcpus(Op *op, DomainConfig *config, uint32_t n)
{
    if (!config)
        return 0;
    if (n > domain_config_max_vcpus(config))
        return too_many_vcpus(op, n, domain_config_max_vcpus(config));
    domain_config_set_vcpus(config, n);
    return 0;
}

static int put_max_vcpus(Op *op, DomainConfig *config, uint32_t n)
{
    if (n > TEST_MAX_VCPUS)
        return too_many_vcpus(op, n, TEST_MAX_VCPUS);
    domain_config_set_max_vcpus(config, n);
    return change_check_readable(op, config);
}

static int check_vcpus_flags(Op *op, const RemoteDomainSetVcpusFlagsArgs *args)
{
    if (op_check_flags(op, args->flags, AFFECT | VIR_DOMAIN_VCPU_MAXIMUM) < 0)
        return -1;
    if (args->nvcpus == 0)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG, _("domain '%s' needs at least one processor"),
                         op->view->name);
    if ((args->flags & VIR_DOMAIN_VCPU_MAXIMUM) && (args->flags & AFFECT) != VIR_DOMAIN_AFFECT_CONFIG)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                         _("the most processors of domain '%s' can be changed in its persistent configuration only"),
                         op->view->name);
    return 0;
}

int test_domain_set_vcpus_flags(Op *op, const RemoteDomainSetVcpusFlagsArgs *args)
{
    Copies copies = { .active = NULL };
    int r;

    if (check_vcpus_flags(op, args) < 0 || copies_begin(op, args->flags, &copies) < 0)
        return -1;
    if (args->flags & VIR_DOMAIN_VCPU_MAXIMUM)
        r = put_max_vcpus(op, copies.persistent, args->nvcpus);
    else if ((r = put_vcpus(op, copies.active, args->nvcpus)) == 0)
        r = put_vcpus(op, copies.persistent, args->nvcpus);
    if (r == 0)
        r = copies_commit(op, &copies);
    copies_end(&copies);
    return r;
}

/* One map for each processor that was asked about, as wide as asked: every processor of the node is allowed. */
static void put_maps(const TestNode *node, const RemoteDomainGetVcpusArgs *args, uint32_t n, XdrBytes *maps)
{
    for (uint32_t i = 0; i < n; i++) {
        for (int cpu = 0; cpu < node->cpus && cpu / 8 < args->maplen; cpu++)
            maps->data[i * (uint32_t)args->maplen + (uint32_t)cpu / 8] |= (uint8_t)(1 << cpu % 8);
    }
}

int test_domain_get_vcpus(Op *op, const RemoteDomainGetVcpusArgs *args, RemoteDomainGetVcpusResult *result)
{
    const TestNode *node = &test_host(op->host)->node;

    if (op_need_active(op, op->view) < 0)
        return -1;
    if (args->maxinfo < 0 || args->maxinfo > REMOTE_LIMIT_VCPUINFO || args->maplen < 0 ||
        (args->maxinfo && args->maplen > REMOTE_LIMIT_CPUMAPS / args->maxinfo))
        return error_set(op->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR,
                         _("%d processors with maps of %d bytes are more than one reply can hold"), args->maxinfo,
                         args->maplen);
    result->n_info = MIN((uint32_t)args->maxinfo, op->view->vcpus);
    result->info = arena_array(op->arena, MAX(result->n_info, 1), sizeof *result->info);
    for (uint32_t i = 0; i < result->n_info; i++) {
        result->info[i] = (RemoteVcpuInfo){
            .number = i,
            .state = VIR_VCPU_RUNNING,
            .cpu_time = test_domain_cpu_time(op->view),
            .cpu = (int32_t)i % node->cpus,
        };
    }
    result->cpumaps.size = (uint32_t)args->maxinfo * (uint32_t)args->maplen;
    result->cpumaps.data = arena_zalloc(op->arena, MAX(result->cpumaps.size, 1));
    put_maps(node, args, result->n_info, &result->cpumaps);
    return 0;
}

/* --- memory ---------------------------------------------------------------------------------- */

static int put_memory(Op *op, DomainConfig *config, uint64_t memory)
{
    if (!config)
        return 0;
    if (memory > domain_config_max_memory(config))
        return op_fail(op, VIR_ERR_INVALID_ARG,
                       _("%" G_GUINT64_FORMAT " KiB are more than the %" G_GUINT64_FORMAT
                         " that domain '%s' can have"), memory, domain_config_max_memory(config),
                       config->name);
    domain_config_set_memory(config, memory);
    return 0;
}

static int put_max_memory(Op *op, const Copies *copies, uint64_t memory)
{
    if (copies->active)
        return op_fail(op, VIR_ERR_OPERATION_INVALID,
                       _("the most memory of domain '%s' can't be changed while it is running"), op->view->name);
    domain_config_set_max_memory(copies->persistent, memory);
    return change_check_readable(op, copies->persistent);
}

int test_domain_set_memory_flags(Op *op, const RemoteDomainSetMemoryFlagsArgs *args)
{
    Copies copies = { .active = NULL };
    int r;

    if (op_check_flags(op, args->flags, AFFECT | VIR_DOMAIN_MEM_MAXIMUM) < 0 || op_check_memory(op, args->memory) < 0)
        return -1;
    if (copies_begin(op, args->flags, &copies) < 0)
        return -1;
    if (args->flags & VIR_DOMAIN_MEM_MAXIMUM)
        r = put_max_memory(op, &copies, args->memory);
    else if ((r = put_memory(op, copies.active, args->memory)) == 0)
        r = put_memory(op, copies.persistent, args->memory);
    if (r == 0)
        r = copies_commit(op, &copies);
    copies_end(&copies);
    return r;
}
