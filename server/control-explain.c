/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `droverctl explain`: who is changing a domain, since when, and what waits behind. I/O threads, in the control lane: it
 * looks at the queue under its lock and never takes a job. Takes LOCK_HOSTS, a shard of the list, LOCK_JOB and
 * LOCK_CLIENTS, one after another. */
#include "server/admin-private.h"

#include "base/clock.h"
#include "base/i18n.h"
#include "rpc/control-types.h"

static DomainView *find_in(Host *host, const char *text)
{
    DomainView *view = domain_list_view_by_name(host->domains, text);
    guint64 id;
    Uuid uuid;

    if (!view && uuid_parse(text, &uuid))
        view = domain_list_view_by_uuid(host->domains, &uuid);
    if (!view && g_ascii_string_to_unsigned(text, 10, 0, INT_MAX, &id, NULL))
        view = domain_list_view_by_id(host->domains, (int)id);
    return view;
}

/* The only domain that goes by this name, UUID or id; NULL and an error. Owned reference. */
static DomainView *find_domain(AdminSession *session, Call *call, const ControlDomainExplainArgs *args, Host **at)
{
    g_autoptr(GPtrArray) hosts = hosts_shared(session->server->hosts);
    DomainView *found = NULL;

    for (unsigned i = 0; i < hosts->len; i++) {
        Host *host = g_ptr_array_index(hosts, i);
        DomainView *view;

        if (*args->uri && strcmp(args->uri, host->uri) != 0 && strcmp(args->uri, host->key) != 0)
            continue;
        view = find_in(host, args->domain);
        if (view && found) {
            domain_view_unref(view);
            domain_view_unref(found);
            error_set(&call->error, VIR_FROM_ADMIN, VIR_ERR_INVALID_ARG,
                      _("several hypervisors have a domain '%s'; say which with its URI"), args->domain);
            return NULL;
        }
        if (view) {
            found = view;
            *at = host;
        }
    }
    if (!found)
        error_set(&call->error, VIR_FROM_ADMIN, VIR_ERR_NO_DOMAIN, _("there is no domain '%s'"), args->domain);
    return found;
}

/* --- who it is for ------------------------------------------------------------------------------------ */

static Client *find_client(AdminSession *session, uint64_t id)
{
    Client *client = NULL;

    for (unsigned i = 0; i < ADMIN_SERVERS && !client && id; i++)
        client = service_find_client(admin_service_at(session, i), id);
    return client;
}

typedef struct Describer {
    AdminSession *session;
    Call *call;
    int64_t now;
    const ControlJobFact *last;    /* the one before, which often is of the same client */
} Describer;

static void name_owner(Describer *describer, ControlJobFact *to)
{
    Client *client;

    if (describer->last && describer->last->client == to->client) {
        to->who = describer->last->who;
        to->pid = describer->last->pid;
        return;
    }
    client = find_client(describer->session, to->client);
    to->who = client ? arena_strdup(&describer->call->arena, client_who_name(client)) : "";
    to->pid = client ? client_identity(client)->pid : 0;
    if (client)
        client_unref(client);
}

static void describe(Describer *describer, const JobFact *fact, ControlJobFact *to)
{
    int64_t since = fact->since ? fact->since : fact->asked;

    *to = (ControlJobFact){
        .kind = (int32_t)fact->kind, .procedure = fact->procedure, .client = fact->owner,
        .age = MAX(describer->now - since, 0), .interrupted = fact->interrupted,
        .left = fact->deadline ? MAX(fact->deadline - describer->now, 0) : -1,
    };
    name_owner(describer, to);
    describer->last = to;
}

/* A list of one, or of none. */
static ControlJobFact *describe_one(Describer *describer, const JobFact *fact, uint32_t *n)
{
    ControlJobFact *to = arena_zalloc(&describer->call->arena, sizeof *to);

    *n = fact->procedure ? 1 : 0;
    if (*n)
        describe(describer, fact, to);
    return to;
}

int control_explain(AdminSession *session, Call *call, const void *data, void *out)
{
    const ControlDomainExplainArgs *args = data;
    ControlDomainExplainResult *result = out;
    Describer describer = { .session = session, .call = call, .now = clock_now() };
    Host *host = NULL;
    g_autoptr(DomainView) view = find_domain(session, call, args, &host);
    g_autoptr(Domain) domain = view ? domain_list_find(host->domains, &view->uuid) : NULL;
    JobFact *waiting = arena_array(&call->arena, CONTROL_LIMIT_JOB_WAITING, sizeof *waiting);
    JobPicture picture;

    if (!view)
        return -1;
    if (!domain)
        return error_set(&call->error, VIR_FROM_ADMIN, VIR_ERR_NO_DOMAIN, _("the domain '%s' has just gone"), view->name);
    result->uri = host->uri;
    result->dom.name = arena_strdup(&call->arena, view->name);
    memcpy(result->dom.uuid, view->uuid.bytes, sizeof view->uuid.bytes);
    result->dom.id = view->id;
    result->n_waiting = job_look(&domain->jobs, &picture, waiting, CONTROL_LIMIT_JOB_WAITING);
    result->parked = picture.parked;
    result->running = describe_one(&describer, &picture.running, &result->n_running);
    result->async = describe_one(&describer, &picture.async, &result->n_async);
    result->waiting = arena_array(&call->arena, result->n_waiting, sizeof *result->waiting);
    for (uint32_t i = 0; i < result->n_waiting; i++)
        describe(&describer, &waiting[i], &result->waiting[i]);
    return 0;
}
