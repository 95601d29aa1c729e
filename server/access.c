/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (7) May this client make this call? Decided from the row and the call's flags, before a document is parsed or an object
 * looked up; where the rules of access tell objects apart, once more when the object is known, and before anything is changed.
 * Any thread; takes no lock but a shard's, for the object of a lookup. */
#include "server/server.h"

#include "base/i18n.h"
#include "conf/label.h"
#include "rpc/remote-rows.h"

uint32_t flags_of(const Proc *proc, const void *args)
{
    uint32_t flags = 0;

    if (proc->flags_at >= 0 && args)
        memcpy(&flags, (const char *)args + proc->flags_at, sizeof flags);
    return flags;
}

int access_check(bool read_only, const Proc *proc, const void *args, Error *error)
{
    if (!read_only)
        return 0;
    if (proc->flags & PROC_RO_DENIED)
        return error_set(error, proc->error_domain, VIR_ERR_OPERATION_DENIED,
                         _("read only access prevents %s"), *proc->api ? proc->api : proc->name);
    if (flags_of(proc, args) & proc->ro_flags)
        return error_set(error, proc->error_domain, VIR_ERR_OPERATION_DENIED,
                         _("read only access prevents %s with flags 0x%x"), *proc->api ? proc->api : proc->name,
                         flags_of(proc, args) & proc->ro_flags);
    return 0;
}

static bool is_asked_for(const ProcRight *right, uint32_t flags)
{
    return (!right->only_with || flags & right->only_with) && !(flags & right->not_with);
}

/* A right that the rules deny, whatever else they allow. */
static int deny(const Proc *proc, const ProcRight *right, Error *error)
{
    return error_set(error, VIR_FROM_ACCESS, VIR_ERR_ACCESS_DENIED, _("%s needs the right %s:%s"),
                     *proc->api ? proc->api : proc->name, right->object, right->permission);
}

static PolicyAnswer ask(const Serve *serve, const ProcRight *right, const PolicyObject *object)
{
    PolicySubject subject;

    rules_subject(serve->session, serve->op.read_only, &subject);
    return policy_ask(serve->policy, &subject, right->object, right->permission, object, NULL);
}

static bool finds_domain(const Proc *proc)
{
    return proc->number == REMOTE_PROC_DOMAIN_LOOKUP_BY_ID || proc->number == REMOTE_PROC_DOMAIN_LOOKUP_BY_NAME
        || proc->number == REMOTE_PROC_DOMAIN_LOOKUP_BY_UUID;
}

/* Whether somebody will ask about the object before anything is changed: the call names it, or a document that the server
 * reads itself does, or nothing is changed and the answer says which it was. */
static bool object_will_be_known(const Serve *serve)
{
    const Program *program = serve->call->program;

    if (serve->hand && serve->hand->prepare)
        return true;
    if (serve->proc->object == PROC_OBJECT_DOMAIN || serve->proc->object == PROC_OBJECT_SNAPSHOT
        || serve->proc->object == PROC_OBJECT_CHECKPOINT)
        return true;
    return program == &remote_program && finds_domain(serve->proc);
}

static PolicyObject object_of(const DomainView *view)
{
    return (PolicyObject){ .name = view->name, .uuid = &view->uuid, .labels = (const char *const *)view->labels };
}

static bool may_see(Op *op, const DomainView *view)
{
    const Serve *serve = serve_of(op);
    const PolicyObject object = object_of(view);

    return ask(serve, &serve->proc->filter, &object) == POLICY_ALLOWED;
}

int access_check_rules(Serve *serve, Error *error)
{
    const Proc *proc = serve->proc;
    uint32_t flags = flags_of(proc, serve->args);

    if (G_LIKELY(!serve->policy))
        return 0;
    for (const ProcRight *right = proc->rights; right->object; right++) {
        PolicyAnswer answer = is_asked_for(right, flags) ? ask(serve, right, NULL) : POLICY_ALLOWED;

        if (answer == POLICY_DENIED || (answer == POLICY_DEPENDS && !object_will_be_known(serve)))
            return deny(proc, right, error);
        serve->by_object |= answer == POLICY_DEPENDS;
    }
    if (!proc->filter.object)
        return 0;
    switch (ask(serve, &proc->filter, NULL)) {
    case POLICY_ALLOWED:
        return 0;
    case POLICY_DENIED:
        return deny(proc, &proc->filter, error);
    case POLICY_DEPENDS:
        if (strcmp(proc->filter.object, "domain") != 0)
            return deny(proc, &proc->filter, error);    /* no list of others is looked through */
        serve->op.may_see = may_see;
        return 0;
    }
    g_assert_not_reached();
}

static int check_object(Serve *serve, const PolicyObject *object, Error *error)
{
    const Proc *proc = serve->proc;
    uint32_t flags = flags_of(proc, serve->args);

    for (const ProcRight *right = proc->rights; right->object; right++)
        if (is_asked_for(right, flags) && ask(serve, right, object) != POLICY_ALLOWED)
            return deny(proc, right, error);
    return 0;
}

int access_check_view(Serve *serve, const DomainView *view, Error *error)
{
    PolicyObject object;

    if (G_LIKELY(!serve->by_object) || !view)
        return 0;
    object = object_of(view);
    return check_object(serve, &object, error);
}

int access_check_document(Serve *serve, const DomainConfig *config, Error *error)
{
    g_auto(GStrv) labels = NULL;
    PolicyObject object;

    if (G_LIKELY(!serve->by_object))
        return 0;
    labels = domain_config_labels(config);
    object = (PolicyObject){ .name = config->name, .uuid = &config->uuid, .labels = (const char *const *)labels };
    return check_object(serve, &object, error);
}

int access_check_found(Serve *serve, const void *result, Error *error)
{
    const RemoteDomain *found = result;    /* what each lookup's result begins with */
    g_autoptr(DomainView) view = NULL;
    PolicyObject object;
    Uuid uuid;

    if (G_LIKELY(!serve->by_object) || serve->call->program != &remote_program || !finds_domain(serve->proc))
        return 0;
    memcpy(uuid.bytes, found->uuid, sizeof uuid.bytes);
    view = domain_list_view_by_uuid(serve->op.host->domains, &uuid);
    object = view ? object_of(view) : (PolicyObject){ .name = found->name, .uuid = &uuid, .labels_unknown = true };
    return check_object(serve, &object, error);
}
