/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's weight and cap with the schedulers credit and credit2. While the guest runs the hypervisor is told and
 * asked. Its document keeps the weight, as <shares>; there is no word for a cap, so that one can't be had for the next
 * start. Changes run inside a job of the domain, questions anywhere. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/op.h"

#define AFFECT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* Xen's numbers; a document's least weight is 2. */
enum { WEIGHT_LEAST = 1, WEIGHT_LEAST_KEPT = 2, WEIGHT_MOST = 65535, WEIGHT_USUAL = 256, CAP_OF_VCPU = 100 };

/* What a call wants changed. */
typedef struct Wanted {
    bool has_weight, has_cap;
    unsigned weight, cap;
} Wanted;

/* The scheduler of a CPU pool, or -1 and an error when it knows no weight. */
static int need_scheduler(Op *op, unsigned pool)
{
    XenHost *xen = xen_host(op->host);
    int r = xen->hv->ops->scheduler(xen->hv, pool);

    if (r < 0)
        return xen_fail(op->error, r, _("tell its scheduler"));
    if (r == XEN_CREDIT || r == XEN_CREDIT2)
        return r;
    return op_fail(op, VIR_ERR_OPERATION_UNSUPPORTED, _("this host's scheduler has neither weights nor caps"));
}

/* --- a change -------------------------------------------------------------------------------- */

static int read_param(Op *op, const RemoteTypedParam *param, Wanted *wanted)
{
    bool weight = strcmp(param->field, VIR_DOMAIN_SCHEDULER_WEIGHT) == 0;
    bool *has = weight ? &wanted->has_weight : &wanted->has_cap;

    if (!weight && strcmp(param->field, VIR_DOMAIN_SCHEDULER_CAP) != 0)
        return op_fail(op, VIR_ERR_INVALID_ARG, _("Xen's scheduler has no parameter '%s'"), param->field);
    if (param->value.type != VIR_TYPED_PARAM_UINT)
        return op_fail(op, VIR_ERR_INVALID_ARG, _("the parameter '%s' is an unsigned number"), param->field);
    if (*has)
        return op_fail(op, VIR_ERR_INVALID_ARG, _("the parameter '%s' is there twice"), param->field);
    *has = true;
    *(weight ? &wanted->weight : &wanted->cap) = param->value.ui;
    return 0;
}

static int read_params(Op *op, const RemoteDomainSetSchedulerParametersFlagsArgs *args, Wanted *wanted)
{
    for (uint32_t i = 0; i < args->n_params; i++)
        if (read_param(op, &args->params[i], wanted) < 0)
            return -1;
    return 0;
}

static int check(Op *op, const Wanted *wanted, const XenTuning *tuning)
{
    unsigned least = tuning->persistent ? WEIGHT_LEAST_KEPT : WEIGHT_LEAST, most = tuning->info.max_vcpus * CAP_OF_VCPU;

    if (wanted->has_weight && (wanted->weight < least || wanted->weight > WEIGHT_MOST))
        return op_fail(op, VIR_ERR_INVALID_ARG, _("the weight %u is not from %u to %d"), wanted->weight, least,
                       WEIGHT_MOST);
    if (tuning->active && wanted->has_cap && wanted->cap > MIN(most, UINT16_MAX - 1))
        return op_fail(op, VIR_ERR_INVALID_ARG, _("the cap %u is more than the %u of all virtual CPUs"), wanted->cap,
                       most);
    if (tuning->persistent && wanted->has_cap && wanted->cap != 0)
        return op_fail(op, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("a cap can't be kept in the document of domain '%s', only set while it runs"), op->view->name);
    return 0;
}

static void put_weight(DomainConfig *config, const Wanted *wanted)
{
    if (!config || !wanted->has_weight || wanted->weight < WEIGHT_LEAST_KEPT)
        return;
    if (!config->cputune)
        config->cputune = ELEMENT_NEW(domain_config_arena(config), CpuTune);
    config->cputune->shares = wanted->weight;
    config->cputune->has_shares = true;
}

static int set_live(Op *op, const Wanted *wanted, const XenInfo *info)
{
    XenHost *xen = xen_host(op->host);
    XenShare share = { .weight = 0 };
    int scheduler = need_scheduler(op, info->pool), r;

    if (scheduler < 0)
        return -1;
    r = xen->hv->ops->get_share(xen->hv, (XenScheduler)scheduler, info->id, &share);
    if (wanted->has_weight)
        share.weight = wanted->weight;
    if (wanted->has_cap)
        share.cap = wanted->cap;
    if (r == 0)
        r = xen->hv->ops->set_share(xen->hv, (XenScheduler)scheduler, info->id, &share);
    return r < 0 ? xen_fail(op->error, r, _("change the scheduler's parameters")) : 0;
}

int xen_domain_set_scheduler_parameters_flags(Op *op, const RemoteDomainSetSchedulerParametersFlagsArgs *args)
{
    Wanted wanted = { .has_weight = false };
    XenTuning tuning;
    int r;

    if (op_check_flags(op, args->flags, AFFECT) < 0 || read_params(op, args, &wanted) < 0
        || xen_tuning_begin(op, args->flags, &tuning) < 0)
        return -1;
    r = check(op, &wanted, &tuning);
    if (r == 0 && tuning.active)
        r = set_live(op, &wanted, &tuning.info);
    if (r == 0)
        put_weight(tuning.persistent, &wanted);
    return xen_tuning_end(op, &tuning, r);
}

void xen_describe_share(XenHost *xen, const XenInfo *info, DomainConfig *config)
{
    bool told = config->cputune && config->cputune->has_shares;
    int scheduler = xen->hv->ops->scheduler(xen->hv, info->pool);
    XenShare share;

    if ((scheduler != XEN_CREDIT && scheduler != XEN_CREDIT2)
        || xen->hv->ops->get_share(xen->hv, (XenScheduler)scheduler, info->id, &share) < 0)
        return;
    if (told || share.weight != WEIGHT_USUAL)
        put_weight(config, &(Wanted){ .has_weight = true, .weight = share.weight });
}

/* --- the question ---------------------------------------------------------------------------- */

int xen_domain_get_scheduler_parameters_flags(Op *op, const RemoteDomainGetSchedulerParametersFlagsArgs *args,
                                              RemoteDomainGetSchedulerParametersFlagsResult *result)
{
    XenHost *xen = xen_host(op->host);
    XenShare share = { .weight = WEIGHT_USUAL };
    const DomainConfig *config;
    int scheduler, r = 0;
    XenInfo info;

    if (op_check_flags(op, args->flags, AFFECT | VIR_TYPED_PARAM_STRING_OKAY) < 0 || xen_question_look(op, &info) < 0)
        return -1;
    config = op_asked_config(op, op->view, args->flags);
    scheduler = config ? need_scheduler(op, config == op->view->active ? info.pool : XEN_POOL_FIRST) : -1;
    if (scheduler < 0)
        return -1;
    if (config == op->view->active)
        r = xen->hv->ops->get_share(xen->hv, (XenScheduler)scheduler, info.id, &share);
    else if (config->cputune && config->cputune->has_shares && config->cputune->shares != 0)
        share.weight = (unsigned)MIN(config->cputune->shares, WEIGHT_MOST);
    if (r < 0)
        return xen_fail(op->error, r, _("tell the scheduler's parameters"));
    result->params = arena_array(op->arena, 2, sizeof *result->params);
    result->params[0] = (RemoteTypedParam){
        .field = VIR_DOMAIN_SCHEDULER_WEIGHT, .value = { .type = VIR_TYPED_PARAM_UINT, .ui = share.weight },
    };
    result->params[1] = (RemoteTypedParam){
        .field = VIR_DOMAIN_SCHEDULER_CAP, .value = { .type = VIR_TYPED_PARAM_UINT, .ui = share.cap },
    };
    result->n_params = (uint32_t)CLAMP(args->nparams, 0, 2);
    return 0;
}
