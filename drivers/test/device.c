/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that come and go: attach, detach and update, in the running machine's document, the definition or both.
 * libvirt's test driver has none of these; here they show what any driver does with conf/device.h. Each function
 * runs inside a job of its domain, makes new documents and leaves storing and publishing to
 * drivers/common/change.c, so it may wait for the store's disk. Takes no lock of its own. */
#include "conf/device.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"
#include "drivers/test/test.h"

enum { AFFECT = VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG };

typedef int Edit(Op *op, DomainConfig *config, unsigned flags, const void *args);

/* A copy of `config` after the edit; NULL and an error. */
static DomainConfig *edited(Op *op, const DomainConfig *config, Edit *edit, unsigned flags, const void *args)
{
    g_autoptr(DomainConfig) copy = domain_config_copy(config);

    if (edit(op, copy, flags, args) < 0)
        return NULL;
    return g_steal_pointer(&copy);
}

/* Both documents or neither: the second edit may fail. */
static int change_documents(Op *op, uint32_t flags, Edit *edit, const void *args)
{
    DomainFacts facts = change_facts(op->domain);
    g_autoptr(DomainConfig) active = NULL;
    g_autoptr(DomainConfig) persistent = NULL;
    OpAffects affects;

    if (op_affects(op, op->view, flags, &affects) < 0)
        return -1;
    if (affects.config && !(persistent = edited(op, facts.persistent, edit, 0, args)))
        return -1;
    if (affects.live && !(active = edited(op, facts.active, edit, DOMAIN_PARSE_LIVE, args)))
        return -1;
    if (active)
        facts.active = active;
    if (persistent)
        facts.persistent = persistent;
    return change_commit(op->host, op->domain, &facts, op->error);
}

static int edit(Op *op, DomainConfig *config, DeviceChange change, const char *document, unsigned flags)
{
    return domain_config_change_device(config, change, document, strlen(document), &test_domain_rules, flags,
                                       op->error);
}

static int edit_attach(Op *op, DomainConfig *config, unsigned flags, const void *data)
{
    const RemoteDomainAttachDeviceFlagsArgs *args = data;

    return edit(op, config, DEVICE_ATTACH, args->xml, flags);
}

int test_domain_attach_device_flags(Op *op, const RemoteDomainAttachDeviceFlagsArgs *args)
{
    if (op_check_flags(op, args->flags, AFFECT) < 0)
        return -1;
    return change_documents(op, args->flags, edit_attach, args);
}

static int edit_detach(Op *op, DomainConfig *config, unsigned flags, const void *data)
{
    const RemoteDomainDetachDeviceFlagsArgs *args = data;

    return edit(op, config, DEVICE_DETACH, args->xml, flags);
}

int test_domain_detach_device_flags(Op *op, const RemoteDomainDetachDeviceFlagsArgs *args)
{
    if (op_check_flags(op, args->flags, AFFECT) < 0)
        return -1;
    return change_documents(op, args->flags, edit_detach, args);
}

static int edit_update(Op *op, DomainConfig *config, unsigned flags, const void *data)
{
    const RemoteDomainUpdateDeviceFlagsArgs *args = data;

    return edit(op, config, DEVICE_UPDATE, args->xml, flags);
}

int test_domain_update_device_flags(Op *op, const RemoteDomainUpdateDeviceFlagsArgs *args)
{
    if (op_check_flags(op, args->flags, AFFECT | VIR_DOMAIN_DEVICE_MODIFY_FORCE) < 0)
        return -1;
    return change_documents(op, args->flags, edit_update, args);
}

static int edit_detach_alias(Op *op, DomainConfig *config, unsigned flags, const void *data)
{
    const RemoteDomainDetachDeviceAliasArgs *args = data;

    return domain_config_detach_alias(config, args->alias, op->error);
}

int test_domain_detach_device_alias(Op *op, const RemoteDomainDetachDeviceAliasArgs *args)
{
    if (op_check_flags(op, args->flags, AFFECT) < 0)
        return -1;
    return change_documents(op, args->flags, edit_detach_alias, args);
}
