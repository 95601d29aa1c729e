/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line in the log for every call that changes something: who, from where, what, on which object, and how it ended.
 * Called by whichever thread ends the call; takes no lock but the log's and, for a domain's name, its shard's. */
#include "server/server.h"

#include <inttypes.h>

#include "base/log.h"

LOG_SOURCE("server.audit");

/* What a client may have chosen, so that it can't end the line or forge another. Owned by the caller. */
static char *quoted(const char *text)
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
        g_autofree char *name = quoted(view->name);

        text = g_strdup_printf("domain %s %s", name, uuid_format(&view->uuid, uuid));
    } else {
        text = g_strdup("-");
    }
    if (now)
        domain_view_unref(now);
    return text;
}

static char *describe_result(const Serve *serve)
{
    const Error *error = &serve->call->error;
    g_autofree char *message = NULL;

    if (!error->code)
        return g_strdup(serve->succeeded ? "done" : "not begun");
    message = quoted(error->message ? error->message : "");
    return g_strdup_printf("failed (%d) %s", error->code, message);
}

void audit_call(const Serve *serve)
{
    const Call *call = serve->call;
    const ClientIdentity *from = client_identity(call->client);
    g_autofree char *who = NULL, *object = NULL, *result = NULL;

    if (!(call->proc->flags & PROC_RO_DENIED) || !__atomic_load_n(&serve->session->server->audit, __ATOMIC_RELAXED)
        || !log_wanted(&log_source, LOG_LEVEL_INFO))
        return;
    who = quoted(client_who_name(call->client));
    object = describe_object(serve);
    result = describe_result(serve);
    log_info("who %s client %" PRIu64 " pid %d call %s object %s result %s", who, from->id, (int)from->pid,
             call->proc->name, object, result);
}
