/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The persistent side of a domain: define, undefine, rename, autostart. Each function
 * runs inside a job of its domain and may wait for the store's disk; what it changes is stored,
 * published and announced by drivers/common/change.c. Takes no lock of its own. */
#include "drivers/test/test.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

/* Any type of domain is accepted, so that documents of other hypervisors can be tried; what a document
 * leaves open about the machine is this host's. */
const DomainRules test_domain_rules = { .default_arch = TEST_ARCH, .interface_prefix = "testnet",
                                        .namespaces = NAMESPACE_TEST };

int test_domain_define(Op *op, const DomainConfig *config)
{
    DomainFacts facts = change_facts(op->domain);
    bool known = facts.persistent != NULL;

    if (change_check_claim(op, config) < 0)
        return -1;
    facts.persistent = config;
    test_domain_attach(op->domain);
    if (change_commit(op->host, op->domain, &facts, op->error) < 0)
        return -1;
    change_announce(op->host, op->domain, VIR_DOMAIN_EVENT_DEFINED,
                    known ? VIR_DOMAIN_EVENT_DEFINED_UPDATED : VIR_DOMAIN_EVENT_DEFINED_ADDED);
    return 0;
}

static int need_persistent(Op *op)
{
    if (op->view->persistent)
        return 0;
    return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                     _("domain '%s' is transient: it has no definition"), op->view->name);
}

/* Flags that say twice, and differently, what becomes of the same thing. */
static int check_undefine_flags(Op *op, uint32_t flags)
{
    const uint32_t nvram = VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM;
    const uint32_t tpm = VIR_DOMAIN_UNDEFINE_TPM | VIR_DOMAIN_UNDEFINE_KEEP_TPM;
    const uint32_t known = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                           VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | nvram | tpm;

    if (op_check_flags(op, flags, known) < 0)
        return -1;
    if ((flags & nvram) == nvram || (flags & tpm) == tpm)
        return op_fail(op, VIR_ERR_OPERATION_INVALID,
                       _("the state of domain '%s' can't be both kept and removed"), op->view->name);
    return 0;
}

/* What would be lost with the definition must be named. */
static int check_left_over(Op *op, uint32_t flags)
{
    const char *what = NULL;

    if (op->view->managed_save && !(flags & VIR_DOMAIN_UNDEFINE_MANAGED_SAVE))
        what = _("a managed save image");
    else if (op->view->has_snapshots && !(flags & VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA))
        what = _("snapshots");
    else if (op->view->has_checkpoints && !(flags & VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA))
        what = _("checkpoints");
    if (!what)
        return 0;
    return op_fail(op, VIR_ERR_OPERATION_INVALID, _("domain '%s' can't be undefined while it has %s"),
                   op->view->name, what);
}

int test_domain_undefine_flags(Op *op, const RemoteDomainUndefineFlagsArgs *args)
{
    DomainFacts facts = change_facts(op->domain);
    RemoteDomain handle = op_handle(op->view);

    if (check_undefine_flags(op, args->flags) < 0 || need_persistent(op) < 0 || check_left_over(op, args->flags) < 0)
        return -1;
    facts.persistent = NULL;
    facts.autostart = false;
    facts.managed_save = facts.has_snapshots = facts.has_checkpoints = false;
    if (change_commit(op->host, op->domain, &facts, op->error) < 0)
        return -1;
    change_announce_handle(op->host, &handle, VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_REMOVED);
    return 0;
}

int test_domain_set_autostart(Op *op, const RemoteDomainSetAutostartArgs *args)
{
    DomainFacts facts = change_facts(op->domain);

    if (need_persistent(op) < 0)
        return -1;
    facts.autostart = args->autostart != 0;
    return change_commit(op->host, op->domain, &facts, op->error);
}

/* --- rename ---------------------------------------------------------------------------------- */

static int check_rename(Op *op, const RemoteDomainRenameArgs *args)
{
    const char *name = op->view->name;

    if (op_check_flags(op, args->flags, 0) < 0)
        return -1;
    if (!args->new_name || !*args->new_name)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG, _("the new name of domain '%s' is empty"),
                         name);
    if (op_check_text(op, "name", args->new_name) < 0 || need_persistent(op) < 0)
        return -1;
    if (strchr(args->new_name, '/'))
        return op_fail(op, VIR_ERR_XML_ERROR, _("the name '%s' of a domain can't contain '/'"), args->new_name);
    if (op->view->active)
        return op_fail(op, VIR_ERR_OPERATION_INVALID, _("domain '%s' can't be renamed while it is running"), name);
    if (strcmp(args->new_name, name) == 0)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                         _("domain '%s' has that name already"), name);
    return check_left_over(op, 0);
}

/* The config under its new name; NULL and an error when a document can't say that name. */
static DomainConfig *renamed(Op *op, const DomainConfig *config, const char *name)
{
    g_autoptr(DomainConfig) copy = domain_config_copy(config);
    g_autoptr(DomainConfig) again = NULL;
    g_autofree char *document = NULL;

    domain_config_set_text(copy, &copy->name, name);
    document = domain_config_format(copy, -1, DOMAIN_FORMAT_INACTIVE | DOMAIN_FORMAT_SECURE);
    again = domain_config_parse(document, strlen(document), &test_domain_rules, DOMAIN_PARSE_STORED, op->error);
    if (!again)
        return NULL;
    if (strcmp(again->name, name) != 0) {
        op_fail(op, VIR_ERR_XML_ERROR, _("a document can't say the name '%s' of a domain"), name);
        return NULL;
    }
    return g_steal_pointer(&copy);
}

int test_domain_rename(Op *op, const RemoteDomainRenameArgs *args, RemoteDomainRenameResult *result)
{
    DomainFacts facts = change_facts(op->domain);
    RemoteDomain old = op_handle(op->view);
    g_autoptr(DomainConfig) config = NULL;

    if (check_rename(op, args) < 0 || !(config = renamed(op, facts.persistent, args->new_name)))
        return -1;
    if (domain_rename_begin(op->domain, args->new_name, NULL) < 0)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                         _("a domain with the name '%s' exists already"), args->new_name);
    facts.persistent = config;
    if (change_commit(op->host, op->domain, &facts, op->error) < 0) {
        domain_rename_abort(op->domain, args->new_name);
        return -1;
    }
    change_announce_handle(op->host, &old, VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_RENAMED);
    change_announce(op->host, op->domain, VIR_DOMAIN_EVENT_DEFINED, VIR_DOMAIN_EVENT_DEFINED_RENAMED);
    return 0;
}
