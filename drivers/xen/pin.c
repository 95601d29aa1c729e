/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which CPUs of the host a virtual CPU may run on. While the guest runs the hypervisor is told and asked; for its next
 * start <vcpupin> keeps it. Changes run inside a job of the domain, questions anywhere. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "conf/cpuset.h"
#include "drivers/common/op.h"

#define AFFECT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

static void set_of_map(const XdrBytes *map, CpuSet *set)
{
    memset(set, 0, sizeof *set);
    for (unsigned cpu = 0; cpu < map->size * 8 && cpu < CPUSET_SIZE; cpu++)
        if (map->data[cpu / 8] & 1 << cpu % 8)
            set->words[cpu / 64] |= UINT64_C(1) << cpu % 64;
}

static void map_of_set(const CpuSet *set, uint8_t *map, size_t size)
{
    for (int cpu = cpuset_next(set, 0); cpu >= 0 && (size_t)cpu / 8 < size; cpu = cpuset_next(set, (unsigned)cpu + 1))
        map[cpu / 8] |= (uint8_t)(1 << cpu % 8);
}

/* --- a change -------------------------------------------------------------------------------- */

/* The pins of a document are in the order of their numbers. */
static void put_pin(DomainConfig *config, unsigned vcpu, const CpuSet *set)
{
    Arena *arena = domain_config_arena(config);
    CpuTune *tune = config->cputune;
    VcpuPin **pins, *pin = NULL;
    unsigned at = 0;

    if (!tune)
        config->cputune = tune = ELEMENT_NEW(arena, CpuTune);
    while (at < tune->n_vcpupins && tune->vcpupins[at]->vcpu < vcpu)
        at++;
    if (at < tune->n_vcpupins && tune->vcpupins[at]->vcpu == vcpu) {
        tune->vcpupins[at]->cpuset = cpuset_format(set, arena);
        return;
    }
    pin = ELEMENT_NEW(arena, VcpuPin);
    *pin = (VcpuPin){ .vcpu = vcpu, .has_vcpu = true, .cpuset = cpuset_format(set, arena) };
    pins = arena_array(arena, tune->n_vcpupins + 1, sizeof *pins);
    for (unsigned i = 0; i < tune->n_vcpupins; i++)
        pins[i + (i >= at)] = tune->vcpupins[i];
    pins[at] = pin;
    tune->vcpupins = pins;
    tune->n_vcpupins++;
}

/* Whether the CPUs of the map are some of the host's, and not all of them. */
static bool is_pinned(const CpuSet *set, unsigned host_cpus)
{
    unsigned n = 0;

    for (int cpu = cpuset_next(set, 0); cpu >= 0 && (unsigned)cpu < host_cpus; cpu = cpuset_next(set, (unsigned)cpu + 1))
        n++;
    return n > 0 && n < host_cpus;
}

void xen_describe_pins(XenHost *xen, int id, DomainConfig *config)
{
    unsigned n = domain_config_max_vcpus(config);
    XenNode node;

    if (xen->hv->ops->node(xen->hv, &node) < 0 || node.max_cpus > CPUSET_SIZE)
        return;
    for (unsigned vcpu = 0; vcpu < n; vcpu++) {
        uint8_t bits[CPUSET_SIZE / 8] = { 0 };
        const XdrBytes map = { .data = bits, .size = (node.max_cpus + 7) / 8 };
        CpuSet set;

        if (xen->hv->ops->get_affinity(xen->hv, id, vcpu, bits, map.size) < 0)
            return;    /* it ends at this moment */
        set_of_map(&map, &set);
        if (is_pinned(&set, node.max_cpus))
            put_pin(config, vcpu, &set);
    }
}

static int check_vcpu(Op *op, unsigned vcpu, unsigned most)
{
    if (vcpu < most)
        return 0;
    return op_fail(op, VIR_ERR_INVALID_ARG, _("domain '%s' has no virtual CPU %u"), op->view->name, vcpu);
}

/* Those that the host doesn't have are no help to a guest that runs. */
static int check_cpus(Op *op, const CpuSet *set, bool live)
{
    XenHost *xen = xen_host(op->host);
    int first = cpuset_next(set, 0), r;
    XenNode node;

    if (first < 0)
        return op_fail(op, VIR_ERR_INVALID_ARG, _("a virtual CPU of domain '%s' needs at least one CPU"),
                       op->view->name);
    if (!live)
        return 0;
    r = xen->hv->ops->node(xen->hv, &node);
    if (r < 0)
        return xen_fail(op->error, r, _("tell about the host"));
    if ((unsigned)first < node.max_cpus)
        return 0;
    return op_fail(op, VIR_ERR_INVALID_ARG, _("the host has no CPU %d"), first);
}

static int pin(Op *op, const RemoteDomainPinVcpuFlagsArgs *args, XenTuning *tuning)
{
    XenHost *xen = xen_host(op->host);
    CpuSet set;
    int r = 0;

    if ((tuning->active && check_vcpu(op, args->vcpu, tuning->info.max_vcpus) < 0)
        || (tuning->persistent && check_vcpu(op, args->vcpu, domain_config_max_vcpus(tuning->persistent)) < 0))
        return -1;
    set_of_map(&args->cpumap, &set);
    if (check_cpus(op, &set, tuning->active != NULL) < 0)
        return -1;
    if (tuning->active)
        r = xen->hv->ops->set_affinity(xen->hv, tuning->info.id, args->vcpu, args->cpumap.data, args->cpumap.size);
    if (r < 0)
        return xen_fail(op->error, r, _("pin the virtual CPU"));
    if (tuning->active)
        put_pin(tuning->active, args->vcpu, &set);
    if (tuning->persistent)
        put_pin(tuning->persistent, args->vcpu, &set);
    return 0;
}

int xen_domain_pin_vcpu_flags(Op *op, const RemoteDomainPinVcpuFlagsArgs *args)
{
    XenTuning tuning;

    if (op_check_flags(op, args->flags, AFFECT) < 0 || xen_tuning_begin(op, args->flags, &tuning) < 0)
        return -1;
    return xen_tuning_end(op, &tuning, pin(op, args, &tuning));
}

/* --- the question ---------------------------------------------------------------------------- */

static int live_pins(Op *op, const RemoteDomainGetVcpuPinInfoArgs *args, const XenInfo *info,
                     RemoteDomainGetVcpuPinInfoResult *result)
{
    XenHost *xen = xen_host(op->host);
    unsigned n = MIN((unsigned)args->ncpumaps, info->max_vcpus);
    int r;

    for (unsigned i = 0; i < n; i++) {
        r = xen->hv->ops->get_affinity(xen->hv, info->id, i, result->cpumaps.data + i * (unsigned)args->maplen,
                                       (size_t)args->maplen);
        if (r < 0)
            return xen_fail(op->error, r, _("tell about a virtual CPU"));
    }
    result->num = (int32_t)n;
    return 0;
}

/* What holds for virtual CPUs without a pin of their own. */
static int usual_cpus(Op *op, const DomainConfig *config, CpuSet *set)
{
    XenHost *xen = xen_host(op->host);
    XenNode node;
    int r;

    if (config->vcpu.cpuset && cpuset_parse(config->vcpu.cpuset, set))
        return 0;
    r = xen->hv->ops->node(xen->hv, &node);
    if (r < 0)
        return xen_fail(op->error, r, _("tell about the host"));
    memset(set, 0xff, sizeof *set);
    cpuset_limit(set, node.max_cpus);
    return 0;
}

static int config_pins(Op *op, const RemoteDomainGetVcpuPinInfoArgs *args, const DomainConfig *config,
                       RemoteDomainGetVcpuPinInfoResult *result)
{
    unsigned n = MIN((unsigned)args->ncpumaps, domain_config_max_vcpus(config)), maplen = (unsigned)args->maplen;
    const CpuTune *tune = config->cputune;
    CpuSet usual, set;

    if (usual_cpus(op, config, &usual) < 0)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        const CpuSet *chosen = &usual;

        for (unsigned k = 0; tune && k < tune->n_vcpupins; k++)
            if (tune->vcpupins[k]->vcpu == i && cpuset_parse(tune->vcpupins[k]->cpuset, &set))
                chosen = &set;
        map_of_set(chosen, result->cpumaps.data + i * maplen, maplen);
    }
    result->num = (int32_t)n;
    return 0;
}

int xen_domain_get_vcpu_pin_info(Op *op, const RemoteDomainGetVcpuPinInfoArgs *args,
                                 RemoteDomainGetVcpuPinInfoResult *result)
{
    const DomainConfig *config;
    XenInfo info;

    if (op_check_flags(op, args->flags, AFFECT) < 0 || xen_question_look(op, &info) < 0)
        return -1;
    if (args->ncpumaps <= 0 || args->maplen <= 0 || args->maplen > REMOTE_LIMIT_CPUMAPS / args->ncpumaps)
        return error_set(op->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR,
                         _("%d maps of %d bytes are more or fewer than a reply can hold"), args->ncpumaps,
                         args->maplen);
    config = op_asked_config(op, op->view, args->flags);
    if (!config)
        return -1;
    result->cpumaps.size = (uint32_t)args->ncpumaps * (uint32_t)args->maplen;
    result->cpumaps.data = arena_zalloc(op->arena, result->cpumaps.size);
    if (config == op->view->active)
        return live_pins(op, args, &info, result);
    return config_pins(op, args, config, result);
}
