/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line in the log for every call that changes something: who, from where, what, on which object, and how it ended.
 * Called by whichever thread ends the call; takes no lock but the log's and, for a domain's name, its shard's. */
#include "server/server.h"

#include <inttypes.h>

#include "base/log.h"

LOG_SOURCE("server.audit");

char *audit_quoted(const char *text)
{
    g_autofree char *escaped = g_strescape(text, NULL);

    return g_strdup_printf("\"%s\"", escaped);
}

static char *describe_object(const Serve *serve)
{
    DomainView *view = serve->op.view;
    DomainView *now = !view && serve->op.domain ? domain_view(serve->op.domain) : NULL;
    char uuid[UUID_TEXT_SIZE], *text;

    if (!view)
        view = now;
    if (view) {
        g_autofree char *name = audit_quoted(view->name);

        text = g_strdup_printf("domain %s %s", name, uuid_format(&view->uuid, uuid));
    } else {
        text = g_strdup("-");
    }
    if (now)
        domain_view_unref(now);
    return text;
}

bool audit_wanted(const Server *server)
{
    return __atomic_load_n(&server->audit, __ATOMIC_RELAXED) && log_wanted(&log_source, LOG_LEVEL_INFO);
}

char *audit_result(const Error *error, bool done)
{
    g_autofree char *message = NULL;

    if (!error->code)
        return g_strdup(done ? "done" : "not begun");
    message = audit_quoted(error->message ? error->message : "");
    return g_strdup_printf("failed (%d) %s", error->code, message);
}

void audit_line(const Call *call, const char *object, const char *result)
{
    const ClientIdentity *from = client_identity(call->client);
    g_autofree char *who = audit_quoted(client_who_name(call->client));

    if (*from->address)
        log_info("who %s client %" PRIu64 " from %s call %s object %s result %s", who, from->id, from->address,
                 call->proc->name, object, result);
    else
        log_info("who %s client %" PRIu64 " from pid %d call %s object %s result %s", who, from->id, (int)from->pid,
                 call->proc->name, object, result);
}

void audit_call(const Serve *serve)
{
    const Call *call = serve->call;
    g_autofree char *object = NULL, *result = NULL;

    if (!(call->proc->flags & PROC_RO_DENIED) || !audit_wanted(serve->session->server))
        return;
    object = describe_object(serve);
    result = audit_result(&call->error, serve->succeeded);
    audit_line(call, object, result);
}
