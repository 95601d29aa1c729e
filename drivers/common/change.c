/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Store, publish, announce: the order in which every driver changes a domain. A crash between two of
 * the steps loses nothing that was answered: the store is first, and the reply is last.
 * Runs inside a job of the domain, takes the locks of list and store one after another, and may
 * wait for the store's disk. */
#include "drivers/common/change.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/op.h"

DomainFacts change_facts(Domain *domain)
{
    g_autoptr(DomainView) view = domain_view(domain);
    DomainFacts facts = { .id = -1, .state = VIR_DOMAIN_SHUTOFF, .reason = VIR_DOMAIN_SHUTOFF_UNKNOWN };

    if (view)
        facts = domain_view_facts(view);
    facts.active = domain->active;
    facts.persistent = domain->persistent;
    if (!facts.active) {
        /* What the running machine had is no longer true; the document says it. */
        facts.memory = 0;
        facts.vcpus = 0;
    }
    return facts;
}

int change_check_claim(Op *op, const DomainConfig *config)
{
    if (strcmp(op->domain->name, config->name) == 0)
        return 0;
    return op_fail(op, VIR_ERR_OPERATION_FAILED, _("domain '%s' was renamed to '%s' meanwhile"), config->name,
                   op->domain->name);
}

int change_check_readable(Op *op, const DomainConfig *config)
{
    g_autofree char *document = domain_config_format(config, -1, DOMAIN_FORMAT_INACTIVE | DOMAIN_FORMAT_SECURE);
    g_autoptr(DomainConfig) again = domain_config_parse(document, strlen(document), op->host->driver->domain_rules,
                                                        DOMAIN_PARSE_STORED, op->error);

    return again ? 0 : -1;
}

/* What domain_config_parse reads back. */
enum { DOCUMENT_MAX = 4 << 20 };

static int save(Host *host, const DomainConfig *old, const DomainConfig *config, Error *error)
{
    g_autofree char *document = domain_config_format(config, -1, DOMAIN_FORMAT_INACTIVE | DOMAIN_FORMAT_SECURE);
    size_t size = strlen(document);

    /* Formatting may have made an accepted document longer; it must not be refused when it is loaded. */
    if (size > DOCUMENT_MAX)
        return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("the document of domain '%s' has %zu bytes, more than can be kept"), config->name, size);
    if (old && strcmp(old->name, config->name) != 0)
        return store_rename(host->store, old->name, config->name, document, size, error);
    return store_save(host->store, config->name, document, size, error);
}

/* Whether the domain starts with the host as it is known now. */
static bool has_autostart(Domain *domain)
{
    g_autoptr(DomainView) view = domain_view(domain);

    return view && view->autostart;
}

static int store_facts(Host *host, Domain *domain, const DomainFacts *facts, Error *error)
{
    const DomainConfig *old = domain->persistent, *config = facts->persistent;
    bool autostart_changes = config && facts->autostart != has_autostart(domain);

    /* Two changes of the store could not be taken back together; no operation needs both. */
    g_assert(config == old || !autostart_changes);
    if (config && config != old && save(host, old, config, error) < 0)
        return -1;
    if (autostart_changes && store_set_autostart(host->store, config->name, facts->autostart, error) < 0)
        return -1;
    if (old && !config)
        return store_remove(host->store, old->name, error);
    return 0;
}

static void replace(const DomainConfig **place, const DomainConfig *config)
{
    const DomainConfig *old = *place;

    if (old == config)
        return;
    *place = config ? domain_config_ref(config) : NULL;
    domain_config_unref(old);
}

void change_publish(Domain *domain, const DomainFacts *facts)
{
    DomainView *view = facts->active || facts->persistent ? domain_view_new(facts) : NULL;

    replace(&domain->persistent, facts->persistent);
    replace(&domain->active, facts->active);
    if (view) {
        domain_publish(domain, view);
        return;
    }
    if (facts->free_facts)
        facts->free_facts(facts->driver_facts);
    domain_remove(domain);
}

int change_commit(Host *host, Domain *domain, const DomainFacts *facts, Error *error)
{
    if (host->store && store_facts(host, domain, facts, error) < 0) {
        if (facts->free_facts)
            facts->free_facts(facts->driver_facts);
        return -1;
    }
    change_publish(domain, facts);
    return 0;
}

void change_announce_handle(Host *host, const RemoteDomain *handle, int event, int detail)
{
    const RemoteDomainEventLifecycleMsg message = { .dom = *handle, .event = event, .detail = detail };
    DriverEvent announced = { .proc = REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, .message = &message };

    memcpy(&announced.uuid, handle->uuid, sizeof announced.uuid);
    host_announce(host, &announced);
}

void change_announce(Host *host, Domain *domain, int event, int detail)
{
    g_autoptr(DomainView) view = domain_view(domain);
    RemoteDomain handle;

    g_assert(view);
    handle = op_handle(view);
    change_announce_handle(host, &handle, event, detail);
}
