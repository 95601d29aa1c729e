/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The persistent side of a domain: define, undefine, autostart, metadata. Each function runs inside a job of its
 * domain and may wait for the store's disk. A definition that this host can't run is refused at once, not when somebody
 * starts it. Takes no lock. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "base/log.h"
#include "drivers/common/change.h"
#include "drivers/common/common.h"
#include "drivers/common/op.h"
#include "drivers/xen/settings.h"

LOG_SOURCE("drivers.xen.define");

void xen_tell_passed_over(const DomainConfig *before, const DomainConfig *config)
{
    g_autofree char *old = before ? settings_passed_over(before) : NULL;
    g_autofree char *now = settings_passed_over(config);

    if (now && g_strcmp0(old, now) != 0)
        log_warning("domain '%s' asks for settings that Xen has no word for, so they change nothing: %s", config->name, now);
}

int xen_domain_define(Op *op, const DomainConfig *config)
{
    XenHost *xen = xen_host(op->host);
    DomainFacts facts = change_facts(op->domain);
    bool known = facts.persistent != NULL;

    if (change_check_claim(op, config) < 0 || xen_check_document(xen, config, op->error) < 0)
        return -1;
    facts.persistent = config;
    if (xen_commit(xen, op->domain, &facts, op->error) < 0)
        return -1;
    xen_tell_passed_over(NULL, config);
    change_announce(op->host, op->domain, VIR_DOMAIN_EVENT_DEFINED,
                    known ? VIR_DOMAIN_EVENT_DEFINED_UPDATED : VIR_DOMAIN_EVENT_DEFINED_ADDED);
    return 0;
}

static int need_persistent(Op *op)
{
    if (op->domain->persistent)
        return 0;
    return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                     _("domain '%s' is transient: it has no definition"), op->domain->name);
}

int xen_domain_undefine_flags(Op *op, const RemoteDomainUndefineFlagsArgs *args)
{
    /* There are neither snapshots nor checkpoints nor firmware variables on Xen: what was asked of them holds. */
    const uint32_t known = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                           VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM |
                           VIR_DOMAIN_UNDEFINE_KEEP_NVRAM;
    DomainFacts facts = change_facts(op->domain);
    RemoteDomain handle = op_handle(op->view);

    if (op_check_flags(op, args->flags, known) < 0 || need_persistent(op) < 0)
        return -1;
    if (op->view->managed_save && !(args->flags & VIR_DOMAIN_UNDEFINE_MANAGED_SAVE))
        return op_fail(op, VIR_ERR_OPERATION_INVALID, _("domain '%s' can't be undefined while it has %s"),
                       op->view->name, _("a managed save image"));
    facts.persistent = NULL;
    facts.autostart = false;
    facts.managed_save = false;
    if (xen_managed_remove(xen_host(op->host), &op->domain->uuid, op->error) < 0 ||
        xen_commit(xen_host(op->host), op->domain, &facts, op->error) < 0)
        return -1;
    change_announce_handle(op->host, &handle, VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_REMOVED);
    return 0;
}

int xen_domain_set_autostart(Op *op, const RemoteDomainSetAutostartArgs *args)
{
    DomainFacts facts = change_facts(op->domain);

    if (need_persistent(op) < 0)
        return -1;
    facts.autostart = args->autostart != 0;
    return xen_commit(xen_host(op->host), op->domain, &facts, op->error);
}

/* What is said of a view beside its documents is said again, see settle.c. */
static int publish_again(Op *op)
{
    DomainFacts facts = change_facts(op->domain);

    return xen_commit(xen_host(op->host), op->domain, &facts, op->error);
}

/* What a running guest of ours is given lasts as long as it runs, also when droverd doesn't. */
int xen_domain_set_metadata(Op *op, const RemoteDomainSetMetadataArgs *args)
{
    const DomainConfig *before = op->domain->active;

    if (common_domain_set_metadata(op, args) < 0 || publish_again(op) < 0)
        return -1;
    if (op->domain->active == before || !xen_domain(op->domain)->ours)
        return 0;
    return xen_record_change(xen_host(op->host), op->domain->active, op->error);
}
