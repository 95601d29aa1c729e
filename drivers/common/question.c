/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions about one domain, answered from its published view alone: no driver is asked, no
 * lock is held while the answer is made, and no domain's job is waited for. Any driver may put
 * these functions into its table. They run on whatever thread read or works on the call. */
#include "drivers/common/common.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/op.h"

/* Takes the reference to `view`. */
static int answer_handle(Op *op, DomainView *view, RemoteDomain *handle)
{
    op_keep_view(op, view);
    *handle = op_handle(view);
    return 0;
}

int common_domain_lookup_by_id(Op *op, const RemoteDomainLookupByIdArgs *args,
                               RemoteDomainLookupByIdResult *result)
{
    DomainView *view = domain_list_view_by_id(op->host->domains, args->id);

    if (!view)
        return op_fail(op, VIR_ERR_NO_DOMAIN, _("no domain runs with the id %d"), args->id);
    return answer_handle(op, view, &result->dom);
}

int common_domain_lookup_by_name(Op *op, const RemoteDomainLookupByNameArgs *args,
                                 RemoteDomainLookupByNameResult *result)
{
    DomainView *view = domain_list_view_by_name(op->host->domains, args->name);

    if (!view)
        return op_fail(op, VIR_ERR_NO_DOMAIN, _("there is no domain with the name '%s'"), args->name);
    return answer_handle(op, view, &result->dom);
}

int common_domain_lookup_by_uuid(Op *op, const RemoteDomainLookupByUuidArgs *args,
                                 RemoteDomainLookupByUuidResult *result)
{
    char text[UUID_TEXT_SIZE];
    DomainView *view;
    Uuid uuid;

    memcpy(&uuid, args->uuid, sizeof uuid);
    view = domain_list_view_by_uuid(op->host->domains, &uuid);
    if (!view)
        return op_fail(op, VIR_ERR_NO_DOMAIN, _("there is no domain with the uuid %s"), uuid_format(&uuid, text));
    return answer_handle(op, view, &result->dom);
}

int common_domain_get_info(Op *op, const RemoteDomainGetInfoArgs *args, RemoteDomainGetInfoResult *result)
{
    const DomainView *view = op->view;

    result->state = (uint8_t)view->state;
    result->maxMem = view->max_memory;
    result->memory = view->memory;
    result->nrVirtCpu = (uint16_t)MIN(view->vcpus, UINT16_MAX);
    if (view->id >= 0 && op->host->driver->domain_cpu_time)
        result->cpuTime = op->host->driver->domain_cpu_time(view);
    return 0;
}

int common_domain_get_state(Op *op, const RemoteDomainGetStateArgs *args, RemoteDomainGetStateResult *result)
{
    if (op_check_flags(op, args->flags, 0) < 0)
        return -1;
    result->state = op->view->state;
    result->reason = op->view->reason;
    return 0;
}

int common_domain_get_os_type(Op *op, const RemoteDomainGetOsTypeArgs *args, RemoteDomainGetOsTypeResult *result)
{
    result->type = element_word(&os_type_name_words, domain_view_config(op->view)->os.type.name);
    return 0;
}

int common_domain_get_max_memory(Op *op, const RemoteDomainGetMaxMemoryArgs *args,
                                 RemoteDomainGetMaxMemoryResult *result)
{
    result->memory = op->view->max_memory;
    return 0;
}

int common_domain_get_max_vcpus(Op *op, const RemoteDomainGetMaxVcpusArgs *args,
                                RemoteDomainGetMaxVcpusResult *result)
{
    result->num = (int32_t)op->view->max_vcpus;
    return 0;
}

int common_domain_is_active(Op *op, const RemoteDomainIsActiveArgs *args, RemoteDomainIsActiveResult *result)
{
    result->active = op->view->id >= 0;
    return 0;
}

int common_domain_is_persistent(Op *op, const RemoteDomainIsPersistentArgs *args,
                                RemoteDomainIsPersistentResult *result)
{
    result->persistent = op->view->persistent;
    return 0;
}

int common_domain_is_updated(Op *op, const RemoteDomainIsUpdatedArgs *args, RemoteDomainIsUpdatedResult *result)
{
    result->updated = op->view->updated;
    return 0;
}

int common_domain_get_autostart(Op *op, const RemoteDomainGetAutostartArgs *args,
                                RemoteDomainGetAutostartResult *result)
{
    result->autostart = op->view->autostart;
    return 0;
}

int common_domain_get_xml_desc(Op *op, const RemoteDomainGetXmlDescArgs *args, RemoteDomainGetXmlDescResult *result)
{
    const uint32_t known = VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_UPDATE_CPU |
                           VIR_DOMAIN_XML_MIGRATABLE;
    const DomainView *view = op->view;
    bool inactive = args->flags & VIR_DOMAIN_XML_INACTIVE;
    const DomainConfig *config = view->active;
    unsigned format = 0;

    if (op_check_flags(op, args->flags, known) < 0)
        return -1;
    if (args->flags & VIR_DOMAIN_XML_SECURE)
        format |= DOMAIN_FORMAT_SECURE;
    if (args->flags & VIR_DOMAIN_XML_UPDATE_CPU)
        format |= DOMAIN_FORMAT_UPDATE_CPU;
    if (args->flags & VIR_DOMAIN_XML_MIGRATABLE)
        format |= DOMAIN_FORMAT_MIGRATABLE;
    /* A transient domain that is asked for its inactive document answers what it was started from. */
    if (!config || (inactive && view->persistent_config))
        config = view->persistent_config;
    if (inactive || !view->active)
        format |= DOMAIN_FORMAT_INACTIVE;
    result->xml = op_keep_memory(op, domain_config_format(config, inactive ? -1 : view->id, format));
    return 0;
}

int common_domain_get_vcpus_flags(Op *op, const RemoteDomainGetVcpusFlagsArgs *args,
                                  RemoteDomainGetVcpusFlagsResult *result)
{
    const uint32_t known = VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM;
    const DomainConfig *config;
    bool live;

    if (op_check_flags(op, args->flags, known) < 0)
        return -1;
    config = op_asked_config(op, op->view, args->flags);
    if (!config)
        return -1;
    live = config == op->view->active;
    if (args->flags & VIR_DOMAIN_VCPU_MAXIMUM)
        result->num = (int32_t)(live ? op->view->max_vcpus : domain_config_max_vcpus(config));
    else
        result->num = (int32_t)(live ? op->view->vcpus : domain_config_vcpus(config));
    return 0;
}

int common_domain_has_managed_save_image(Op *op, const RemoteDomainHasManagedSaveImageArgs *args,
                                         RemoteDomainHasManagedSaveImageResult *result)
{
    if (op_check_flags(op, args->flags, 0) < 0)
        return -1;
    result->result = op->view->managed_save;
    return 0;
}

int common_domain_get_control_info(Op *op, const RemoteDomainGetControlInfoArgs *args,
                                   RemoteDomainGetControlInfoResult *result)
{
    if (op_check_flags(op, args->flags, 0) < 0 || op_need_active(op, op->view) < 0)
        return -1;
    result->state = VIR_DOMAIN_CONTROL_OK;
    return 0;
}

int common_domain_get_messages(Op *op, const RemoteDomainGetMessagesArgs *args,
                               RemoteDomainGetMessagesResult *result)
{
    return op_check_flags(op, args->flags, VIR_DOMAIN_MESSAGE_DEPRECATION | VIR_DOMAIN_MESSAGE_TAINTING);
}
