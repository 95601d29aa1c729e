/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain procedures that begin with a document instead of a domain: define, create and restore; and start.
 * The document is parsed (that of a saved guest by the driver) and its name and UUID claimed before the domain's job; the
 * driver does the rest inside it. Runs on workers. Takes the list's locks through conf/list.h. */
#include "server/ops/ops.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"

/* The document has the name and the UUID of what is there, but its labels are whatever the client likes. */
static int check_claimed(Serve *serve)
{
    g_autoptr(DomainView) view = serve->by_object ? domain_view(serve->op.domain) : NULL;

    if (access_check_view(serve, view, serve->op.error) == 0)
        return 0;
    domain_list_release(serve->op.domain);
    return -1;
}

/* Asks whether the client may do that to such a domain, and claims the name and UUID of serve->document; again when a
 * claimed domain has gone. */
static int claim_document(Serve *serve)
{
    Op *op = &serve->op;
    bool fresh;

    if (access_check_document(serve, serve->document, op->error) < 0)
        return -1;
    op->domain = domain_list_claim(op->host->domains, &serve->document->uuid, serve->document->name, &fresh, op->error);
    return op->domain ? check_claimed(serve) : -1;
}

/* Parses the document once, and claims it. */
static int claim(Serve *serve, const char *document, bool validate)
{
    Op *op = &serve->op;

    if (!serve->document)
        serve->document = domain_config_parse(document, strlen(document), op->host->driver->domain_rules,
                                              validate ? DOMAIN_PARSE_VALIDATE : 0, op->error);
    return serve->document ? claim_document(serve) : -1;
}

/* A claim that came to nothing is given back; a domain that is published or gone isn't touched by that. */
void claim_cancel(Serve *serve)
{
    domain_list_release(serve->op.domain);
}

/* The handle of the domain as it is now; its strings live as long as the call. */
static int put_handle(Op *op, RemoteDomain *handle)
{
    DomainView *view = domain_view(op->domain);

    if (!view)
        return error_set(op->error, op->host->error_domain, VIR_ERR_NO_DOMAIN, _("the domain has gone at once"));
    op_keep(op, view, (void (*)(void *))domain_view_unref);
    handle->name = view->name;
    memcpy(handle->uuid, view->uuid.bytes, sizeof handle->uuid);
    handle->id = view->id;
    return 0;
}

bool define_offered(const Driver *driver)
{
    return driver->domain_define != NULL;
}

int define_prepare(Serve *serve)
{
    const RemoteDomainDefineXmlFlagsArgs *args = serve->args;

    if (args->flags & ~(uint32_t)VIR_DOMAIN_DEFINE_VALIDATE)
        return error_set(serve->op.error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                         _("unsupported flags (0x%x) in %s"), args->flags, serve->op.proc->name);
    return claim(serve, args->xml, args->flags & VIR_DOMAIN_DEFINE_VALIDATE);
}

int define_run(Op *op, const void *args, void *out)
{
    RemoteDomainDefineXmlFlagsResult *result = out;

    if (op->host->driver->domain_define(op, serve_of(op)->document) < 0)
        return -1;    /* serve.c gives the claim back */
    return put_handle(op, &result->dom);
}

bool start_offered(const Driver *driver)
{
    return driver->domain_start != NULL;
}

enum {
    START_FLAGS = VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY | VIR_DOMAIN_START_BYPASS_CACHE
        | VIR_DOMAIN_START_FORCE_BOOT | VIR_DOMAIN_START_VALIDATE | VIR_DOMAIN_START_RESET_NVRAM,
};

static int check_start_flags(Op *op, uint32_t flags)
{
    if (flags & ~(uint32_t)START_FLAGS)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG, _("unsupported flags (0x%x) in %s"), flags,
                         op->proc->name);
    return 0;
}

int create_prepare(Serve *serve)
{
    const RemoteDomainCreateXmlArgs *args = serve->args;

    if (check_start_flags(&serve->op, args->flags) < 0)
        return -1;
    return claim(serve, args->xml_desc, args->flags & VIR_DOMAIN_START_VALIDATE);
}

int create_run(Op *op, const void *data, void *out)
{
    const RemoteDomainCreateXmlArgs *args = data;
    RemoteDomainCreateXmlResult *result = out;

    if (op->host->driver->domain_start(op, serve_of(op)->document, args->flags) < 0)
        return -1;    /* serve.c gives the claim back */
    if (args->flags & VIR_DOMAIN_START_AUTODESTROY)
        autodestroy_add(serve_of(op)->session, op);
    return put_handle(op, &result->dom);
}

int start_run(Op *op, const void *data, void *out)
{
    const RemoteDomainCreateWithFlagsArgs *args = data;
    RemoteDomainCreateWithFlagsResult *result = out;

    if (check_start_flags(op, args->flags) < 0)
        return -1;
    if (op->host->driver->domain_start(op, NULL, args->flags) < 0)
        return -1;
    if (args->flags & VIR_DOMAIN_START_AUTODESTROY)
        autodestroy_add(serve_of(op)->session, op);
    return put_handle(op, &result->dom);
}

bool restore_offered(const Driver *driver)
{
    return driver->domain_restore != NULL;
}

int restore_prepare(Serve *serve)
{
    Op *op = &serve->op;

    if (!serve->document && op->host->driver->domain_restore_prepare(op, serve->args, &serve->document) < 0)
        return -1;
    return claim_document(serve);
}

int restore_run(Op *op, const void *args, void *result)
{
    return op->host->driver->domain_restore(op, args);
}
