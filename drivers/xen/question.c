/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions about one domain: what is published, corrected by what the hypervisor says at this moment. One hypercall,
 * no request to xenstore, no job and no waiting, so they run on the I/O thread that read them; but for the document, of
 * which libxl is asked once when drover hasn't made the guest, and which therefore runs on a worker. When the hypervisor
 * contradicts what is published, the answer follows the hypervisor and the observer is woken to settle it. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/common.h"
#include "drivers/common/op.h"

static int gone(Op *op)
{
    char text[UUID_TEXT_SIZE];

    return op_fail(op, VIR_ERR_NO_DOMAIN, _("domain '%s' with the uuid %s is gone"), op->view->name,
                   uuid_format(&op->view->uuid, text));
}

/* The call goes on with a view that nobody has published. */
static void replace_view(Op *op, const DomainFacts *facts)
{
    DomainFacts kept = *facts;
    DomainView *view;

    kept.driver_facts = op->view->driver_facts;    /* static, see settle.c */
    view = domain_view_new(&kept);

    domain_view_unref(op->view);
    op->view = view;
}

static int off(Op *op)
{
    DomainFacts facts = domain_view_facts(op->view);

    if (!op->view->persistent)
        return gone(op);
    facts.id = -1;
    facts.state = VIR_DOMAIN_SHUTOFF;
    facts.reason = VIR_DOMAIN_SHUTOFF_UNKNOWN;
    facts.started = 0;
    facts.active = NULL;
    facts.memory = 0;
    facts.vcpus = 0;
    replace_view(op, &facts);
    return 0;
}

static void correct(Op *op, const XenInfo *info)
{
    DomainFacts facts = domain_view_facts(op->view);

    xen_state(info, op->view, &facts.state, &facts.reason);
    if (facts.state != op->view->state)
        xen_wake(xen_host(op->host));
    else if (info->memory == op->view->memory && info->vcpus == op->view->vcpus)
        return;
    facts.memory = info->memory;
    facts.vcpus = info->vcpus;
    replace_view(op, &facts);
}

int xen_question_look(Op *op, XenInfo *info)
{
    XenHost *xen = xen_host(op->host);
    int r;

    if (op->view->id < 0)
        return 0;
    r = xen_ask(xen, op->view->id, &op->view->uuid, info);
    if (r < 0)
        return xen_fail(op->error, r, _("tell about a domain"));
    if (r == 1) {
        correct(op, info);
        return 1;
    }
    xen_wake(xen);
    return off(op);
}

int xen_domain_get_info(Op *op, const RemoteDomainGetInfoArgs *args, RemoteDomainGetInfoResult *result)
{
    XenInfo info;
    int r = xen_question_look(op, &info);

    if (r < 0 || common_domain_get_info(op, args, result) < 0)
        return -1;
    if (r == 1) {
        result->maxMem = xen_max_memory(&info);
        result->memory = info.memory;
        result->nrVirtCpu = (uint16_t)MIN(info.vcpus, UINT16_MAX);
        result->cpuTime = info.cpu_time;
    }
    return 0;
}

int xen_domain_get_state(Op *op, const RemoteDomainGetStateArgs *args, RemoteDomainGetStateResult *result)
{
    XenInfo info;

    return xen_question_look(op, &info) < 0 ? -1 : common_domain_get_state(op, args, result);
}

int xen_domain_is_active(Op *op, const RemoteDomainIsActiveArgs *args, RemoteDomainIsActiveResult *result)
{
    XenInfo info;

    return xen_question_look(op, &info) < 0 ? -1 : common_domain_is_active(op, args, result);
}

int xen_domain_get_max_memory(Op *op, const RemoteDomainGetMaxMemoryArgs *args, RemoteDomainGetMaxMemoryResult *result)
{
    XenInfo info;
    int r = xen_question_look(op, &info);

    if (r < 0 || common_domain_get_max_memory(op, args, result) < 0)
        return -1;
    if (r == 1)
        result->memory = xen_max_memory(&info);
    return 0;
}

int xen_domain_get_max_vcpus(Op *op, const RemoteDomainGetMaxVcpusArgs *args, RemoteDomainGetMaxVcpusResult *result)
{
    XenInfo info;
    int r = xen_question_look(op, &info);

    if (r < 0 || common_domain_get_max_vcpus(op, args, result) < 0)
        return -1;
    if (r == 1)
        result->num = (int32_t)info.max_vcpus;
    return 0;
}

int xen_domain_get_vcpus_flags(Op *op, const RemoteDomainGetVcpusFlagsArgs *args,
                               RemoteDomainGetVcpusFlagsResult *result)
{
    XenInfo info;

    return xen_question_look(op, &info) < 0 ? -1 : common_domain_get_vcpus_flags(op, args, result);
}

/* What xenstore has told already is taken in first: it may be about the devices. True: their comparison is still to come,
 * or under way. What is published after that has been looked at is read last, so that nothing falls between the two. */
static bool catch_up(Op *op)
{
    XenHost *xen = xen_host(op->host);
    DomainView *view;
    bool pending;

    xen_catch_up(xen);
    pending = xen_devices_pending(xen, op->view->id);
    view = domain_list_view_by_uuid(op->host->domains, &op->view->uuid);
    if (view) {
        domain_view_unref(op->view);
        op->view = view;
    }
    return pending;
}

int xen_domain_get_xml_desc(Op *op, const RemoteDomainGetXmlDescArgs *args, RemoteDomainGetXmlDescResult *result)
{
    g_autoptr(DomainConfig) described = NULL;
    DomainConfig *document;
    DomainFacts facts;
    XenInfo info;
    bool pending = catch_up(op);
    int r;

    r = xen_question_look(op, &info);
    if (r < 0)
        return -1;
    if (r == 1) {
        described = xen_describe(xen_host(op->host), op->view);
        if (!described && pending)
            described = xen_devices_now(xen_host(op->host), op->view);
        facts = domain_view_facts(op->view);
        facts.active = document = xen_document_now(described ? described : op->view->active, &info);
        xen_describe_share(xen_host(op->host), &info, document);
        replace_view(op, &facts);
        domain_config_unref(document);
    }
    return common_domain_get_xml_desc(op, args, result);
}

int xen_domain_get_control_info(Op *op, const RemoteDomainGetControlInfoArgs *args,
                                RemoteDomainGetControlInfoResult *result)
{
    XenInfo info;

    return xen_question_look(op, &info) < 0 ? -1 : common_domain_get_control_info(op, args, result);
}

/* --- processors ------------------------------------------------------------------------------ */

static int put_vcpu(Op *op, const RemoteDomainGetVcpusArgs *args, unsigned number,
                    RemoteDomainGetVcpusResult *result)
{
    XenHost *xen = xen_host(op->host);
    XenVcpu vcpu;
    int r = xen->hv->ops->vcpu(xen->hv, op->view->id, number, &vcpu);

    if (r == 0 && args->maplen > 0)
        r = xen->hv->ops->get_affinity(xen->hv, op->view->id, number,
                                       result->cpumaps.data + number * (unsigned)args->maplen, (size_t)args->maplen);
    if (r < 0)
        return xen_fail(op->error, r, _("tell about a virtual CPU"));
    result->info[number] = (RemoteVcpuInfo){
        .number = number,
        .state = !vcpu.online ? VIR_VCPU_OFFLINE : vcpu.running ? VIR_VCPU_RUNNING : VIR_VCPU_BLOCKED,
        .cpu_time = vcpu.cpu_time,
        .cpu = vcpu.cpu,
    };
    return 0;
}

int xen_domain_get_vcpus(Op *op, const RemoteDomainGetVcpusArgs *args, RemoteDomainGetVcpusResult *result)
{
    XenInfo info;

    if (xen_question_look(op, &info) < 0 || op_need_active(op, op->view) < 0)
        return -1;
    if (args->maxinfo < 0 || args->maxinfo > REMOTE_LIMIT_VCPUINFO || args->maplen < 0 ||
        (args->maxinfo && args->maplen > REMOTE_LIMIT_CPUMAPS / args->maxinfo))
        return error_set(op->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR,
                         _("%d processors with maps of %d bytes are more than one reply can hold"), args->maxinfo,
                         args->maplen);
    result->n_info = MIN((uint32_t)args->maxinfo, info.max_vcpus);
    result->info = arena_array(op->arena, MAX(result->n_info, 1), sizeof *result->info);
    result->cpumaps.size = (uint32_t)args->maxinfo * (uint32_t)args->maplen;
    result->cpumaps.data = arena_zalloc(op->arena, MAX(result->cpumaps.size, 1));
    for (uint32_t i = 0; i < result->n_info; i++)
        if (put_vcpu(op, args, i, result) < 0)
            return -1;
    return 0;
}
