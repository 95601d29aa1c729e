/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line in the log, and a record of the kernel's audit, for every change of the running server that comes over the
 * administration socket, as audit.c writes them for guests. The thread that serves the call; takes no lock but the log's and
 * the records', each alone. */
#include "server/admin-private.h"

#include <inttypes.h>

#include "rpc/admin-rows.h"
#include "server/audit-kernel.h"

typedef enum Subject { NO_CHANGE, OF_SERVER, OF_CLIENT, OF_LOG, OF_DAEMON } Subject;

static const uint8_t subjects[] = {
    [ADMIN_PROC_SERVER_SET_THREADPOOL_PARAMETERS] = OF_SERVER,
    [ADMIN_PROC_CLIENT_CLOSE] = OF_CLIENT,
    [ADMIN_PROC_SERVER_SET_CLIENT_LIMITS] = OF_SERVER,
    [ADMIN_PROC_CONNECT_SET_LOGGING_OUTPUTS] = OF_LOG,
    [ADMIN_PROC_CONNECT_SET_LOGGING_FILTERS] = OF_LOG,
    [ADMIN_PROC_SERVER_UPDATE_TLS_FILES] = OF_SERVER,
    [ADMIN_PROC_CONNECT_SET_DAEMON_TIMEOUT] = OF_DAEMON,
};

static Subject subject_of(const Call *call)
{
    if (call->program != &admin_program || call->proc->number >= G_N_ELEMENTS(subjects))
        return NO_CHANGE;
    return (Subject)subjects[call->proc->number];
}

static void put_quoted(GString *text, const char *what)
{
    g_autofree char *quoted = audit_quoted(what ? what : "");

    g_string_append_printf(text, " %s", quoted);
}

/* virt-admin's are numbers; others are named alone, and refused by the call. */
static void put_params(GString *text, uint32_t n, const RemoteTypedParam *params)
{
    for (uint32_t i = 0; i < n; i++) {
        put_quoted(text, params[i].field);
        if (params[i].value.type == 2)
            g_string_append_printf(text, "=%" PRIu32, params[i].value.ui);
    }
}

static void put_server(GString *text, const Call *call, const void *data)
{
    put_quoted(text, ((const AdminServer *)data)->name);    /* what the arguments of each begin with */
    if (call->proc->number == ADMIN_PROC_SERVER_SET_THREADPOOL_PARAMETERS) {
        const AdminServerSetThreadpoolParametersArgs *args = data;

        put_params(text, args->n_params, args->params);
    } else if (call->proc->number == ADMIN_PROC_SERVER_SET_CLIENT_LIMITS) {
        const AdminServerSetClientLimitsArgs *args = data;

        put_params(text, args->n_params, args->params);
    }
}

static char *describe(const Call *call, const void *args)
{
    GString *text = g_string_new(NULL);

    switch (subject_of(call)) {
    case NO_CHANGE:
        break;
    case OF_SERVER:
        g_string_append(text, "server");
        put_server(text, call, args);
        break;
    case OF_CLIENT:
        g_string_append(text, "server");
        put_quoted(text, ((const AdminClientCloseArgs *)args)->clnt.srv.name);
        g_string_append_printf(text, " client %" PRIu64, ((const AdminClientCloseArgs *)args)->clnt.id);
        break;
    case OF_LOG:
        g_string_append(text, "log");    /* the text is the one member of both but the flags */
        put_quoted(text, ((const AdminConnectSetLoggingFiltersArgs *)args)->filters);
        break;
    case OF_DAEMON:
        g_string_append_printf(text, "timeout %u", ((const AdminConnectSetDaemonTimeoutArgs *)args)->timeout);
        break;
    }
    return g_string_free(text, FALSE);
}

static void report(Server *server, const Call *call, const char *object, bool done)
{
    AuditRecord *record = audit_record(call, AUDIT_CONFIG, call->proc->name, done);

    record->object = g_strdup(object);
    audit_kernel_take(server->kernel_audit, record);
}

void admin_audit(const AdminSession *session, const Call *call, const void *args, AuditWhen when)
{
    Server *server = session->server;
    Subject subject = subject_of(call);
    g_autofree char *object = NULL, *result = NULL;

    if (subject == NO_CHANGE || (when == AUDIT_BEFORE && subject != OF_LOG))
        return;
    if (!audit_wanted(server) && !audit_kernel_wanted(server->kernel_audit))
        return;
    object = args ? describe(call, args) : g_strdup("-");
    result = when == AUDIT_BEFORE ? g_strdup("asked for") : audit_result(&call->error, when == AUDIT_DONE);
    if (audit_wanted(server))
        audit_line(call, object, result);
    if (when != AUDIT_BEFORE && audit_kernel_wanted(server->kernel_audit))
        report(server, call, object, when == AUDIT_DONE);
}
