/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The admin program on its own socket: who may use it, the log, and how long the server lives.
 * Everything here runs on the I/O threads, in the control lane, and waits for nothing, so that an
 * administrator gets an answer however busy the server is; what admin-client.c says about names of users
 * is the exception. Takes no lock. */
#include "server/admin-private.h"

#include <unistd.h>

#include "base/i18n.h"
#include "base/log.h"
#include "rpc/admin-rows.h"
#include "rpc/control-rows.h"
#include "server/run.h"

/* The release of the protocol that we speak. */
#define LIB_VERSION 9000000

static const Program *const programs[] = { &admin_program, &control_program, NULL };

int admin_check_flags(Call *call, uint32_t flags)
{
    if (!flags)
        return 0;
    return error_set(&call->error, VIR_FROM_ADMIN, VIR_ERR_INVALID_ARG, _("unsupported flags (0x%x) in %s"), flags,
                     call->proc->name);
}

/* Only the user that the server runs as, and root. */
static bool is_trusted(const AdminSession *session)
{
    uid_t uid = client_identity(session->client)->uid;

    return uid == geteuid() || uid == 0;
}

static int admin_open(AdminSession *session, Call *call, const void *data, void *result)
{
    const AdminConnectOpenArgs *args = data;

    if (admin_check_flags(call, args->flags) < 0)
        return -1;
    __atomic_store_n(&session->open, true, __ATOMIC_RELAXED);
    return 0;
}

static int admin_close(AdminSession *session, Call *call, const void *args, void *result)
{
    client_close_after_replies(session->client);
    return 0;
}

static int admin_lib_version(AdminSession *session, Call *call, const void *args, void *out)
{
    AdminConnectGetLibVersionResult *result = out;

    result->libVer = LIB_VERSION;
    return 0;
}

Service *admin_service_at(const AdminSession *session, unsigned i)
{
    return i == 0 ? session->server->service : session->server->admin;
}

/* What scripts call the first server, since they were written for the peer. */
#define OTHER_NAME "libvirtd"

Service *admin_find_service(const AdminSession *session, Call *call, const char *name)
{
    if (strcmp(name, OTHER_NAME) == 0)
        return session->server->service;
    for (unsigned i = 0; i < ADMIN_SERVERS; i++)
        if (strcmp(service_name(admin_service_at(session, i)), name) == 0)
            return admin_service_at(session, i);
    error_set(&call->error, VIR_FROM_RPC, VIR_ERR_NO_SERVER, _("there is no server '%s'"), name);
    return NULL;
}

static int list_servers(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminConnectListServersArgs *args = data;
    AdminConnectListServersResult *result = out;

    if (admin_check_flags(call, args->flags) < 0)
        return -1;
    result->ret = ADMIN_SERVERS;
    if (!args->need_results)
        return 0;
    result->n_servers = ADMIN_SERVERS;
    result->servers = arena_array(&call->arena, ADMIN_SERVERS, sizeof *result->servers);
    for (unsigned i = 0; i < ADMIN_SERVERS; i++)
        result->servers[i].name = service_name(admin_service_at(session, i));
    return 0;
}

static int lookup_server(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminConnectLookupServerArgs *args = data;
    AdminConnectLookupServerResult *result = out;
    Service *service;

    if (admin_check_flags(call, args->flags) < 0 || !(service = admin_find_service(session, call, args->name)))
        return -1;
    result->srv.name = service_name(service);
    return 0;
}

static void free_text(Call *call)
{
    g_free(call->server);
}

/* Text that lives as long as the call. */
static const char *keep_text(Call *call, char *text)
{
    call->server = text;
    call->on_end = free_text;
    return text;
}

static int get_outputs(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminConnectGetLoggingOutputsArgs *args = data;
    AdminConnectGetLoggingOutputsResult *result = out;

    if (admin_check_flags(call, args->flags) < 0)
        return -1;
    result->outputs = keep_text(call, log_get_outputs(&result->noutputs));
    return 0;
}

static int get_filters(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminConnectGetLoggingFiltersArgs *args = data;
    AdminConnectGetLoggingFiltersResult *result = out;

    if (admin_check_flags(call, args->flags) < 0)
        return -1;
    result->filters = keep_text(call, log_get_filters(&result->nfilters));
    if (result->nfilters == 0)
        result->filters = NULL;
    return 0;
}

static int set_outputs(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminConnectSetLoggingOutputsArgs *args = data;

    if (admin_check_flags(call, args->flags) < 0)
        return -1;
    return log_set_outputs(args->outputs, &call->error);
}

static int set_filters(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminConnectSetLoggingFiltersArgs *args = data;

    if (admin_check_flags(call, args->flags) < 0)
        return -1;
    return log_set_filters(args->filters, &call->error);
}

static int set_timeout(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminConnectSetDaemonTimeoutArgs *args = data;

    if (admin_check_flags(call, args->flags) < 0)
        return -1;
    server_set_idle_timeout(session->server, args->timeout);
    return 0;
}

static const AdminOp ops[] = {
    [ADMIN_PROC_CONNECT_OPEN] = admin_open,
    [ADMIN_PROC_CONNECT_CLOSE] = admin_close,
    [ADMIN_PROC_CONNECT_GET_LIB_VERSION] = admin_lib_version,
    [ADMIN_PROC_CONNECT_LIST_SERVERS] = list_servers,
    [ADMIN_PROC_CONNECT_LOOKUP_SERVER] = lookup_server,
    [ADMIN_PROC_SERVER_GET_THREADPOOL_PARAMETERS] = admin_get_workers,
    [ADMIN_PROC_SERVER_SET_THREADPOOL_PARAMETERS] = admin_set_workers,
    [ADMIN_PROC_SERVER_LIST_CLIENTS] = admin_list_clients,
    [ADMIN_PROC_SERVER_LOOKUP_CLIENT] = admin_lookup_client,
    [ADMIN_PROC_CLIENT_GET_INFO] = admin_client_info,
    [ADMIN_PROC_CLIENT_CLOSE] = admin_client_close,
    [ADMIN_PROC_SERVER_GET_CLIENT_LIMITS] = admin_get_limits,
    [ADMIN_PROC_SERVER_SET_CLIENT_LIMITS] = admin_set_limits,
    [ADMIN_PROC_CONNECT_GET_LOGGING_OUTPUTS] = get_outputs,
    [ADMIN_PROC_CONNECT_GET_LOGGING_FILTERS] = get_filters,
    [ADMIN_PROC_CONNECT_SET_LOGGING_OUTPUTS] = set_outputs,
    [ADMIN_PROC_CONNECT_SET_LOGGING_FILTERS] = set_filters,
    [ADMIN_PROC_SERVER_UPDATE_TLS_FILES] = admin_update_tls,
    [ADMIN_PROC_CONNECT_SET_DAEMON_TIMEOUT] = set_timeout,
};

/* droverctl's; they need no connect.open. */
static const AdminOp control_ops[] = {
    [CONTROL_PROC_CLIENT_LIST_USE] = control_list_use,
    [CONTROL_PROC_CALL_LIST_STATS] = control_list_calls,
    [CONTROL_PROC_DOMAIN_EXPLAIN] = control_explain,
    [CONTROL_PROC_LOCK_PROFILE] = control_lock_profile,
    [CONTROL_PROC_LOCK_RESET] = control_lock_reset,
};

static AdminOp find_op(const Call *call)
{
    unsigned number = call->proc->number;

    if (call->program == &control_program)
        return number < G_N_ELEMENTS(control_ops) ? control_ops[number] : NULL;
    return number < G_N_ELEMENTS(ops) ? ops[number] : NULL;
}

/* `*used`: the arguments, once they are read. */
static int run(AdminSession *session, Call *call, const void **used, void **result)
{
    const Proc *proc = call->proc;
    XdrIn in = { call->payload, call->payload + call->payload_size, &call->arena, NULL };
    void *args = proc->args_size ? arena_zalloc(&call->arena, proc->args_size) : NULL;
    AdminOp op = find_op(call);

    *result = proc->result_size ? arena_zalloc(&call->arena, proc->result_size) : NULL;
    if (!is_trusted(session))
        return error_set(&call->error, VIR_FROM_RPC, VIR_ERR_AUTH_FAILED, _("user %u may not administer this server"),
                         (unsigned)client_identity(session->client)->uid);
    if (proc->decode && !proc->decode(&in, args))
        return error_set(&call->error, VIR_FROM_RPC, VIR_ERR_RPC, _("cannot read the arguments of %s: %s"),
                         proc->name, in.failed);
    if (call->program == &admin_program && !__atomic_load_n(&session->open, __ATOMIC_RELAXED) && op != admin_open)
        return error_set(&call->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("connection not open"));
    if (!op)
        return error_set(&call->error, VIR_FROM_ADMIN, VIR_ERR_NO_SUPPORT, "%s",
                         *proc->api ? proc->api : proc->name);
    *used = args;
    admin_audit(session, call, args, AUDIT_BEFORE);
    return op(session, call, args, *result);
}

static void serve(Call *call)
{
    AdminSession *session = client_session(call->client);
    const void *args = NULL;
    void *result = NULL;
    bool done = run(session, call, &args, &result) == 0;

    admin_audit(session, call, args, done ? AUDIT_DONE : AUDIT_FAILED);
    if (done)
        call_reply(call, result);
    else
        call_fail(call);
}

static Lane choose_lane(Client *client, const Proc *proc)
{
    (void)client;
    return (Lane)proc->lane;
}

static bool abandon(Call *call)
{
    (void)call;
    g_assert_not_reached();    /* nothing is ever parked here */
}

static void new_session(Client *client)
{
    AdminSession *session = g_new0(AdminSession, 1);

    session->server = service_data(client_service(client));
    session->client = client;
    client_set_session(client, session);
}

static void free_session(Client *client)
{
    g_free(client_session(client));
}

const ServiceOps admin_service_ops = {
    .programs = programs,
    .lane = choose_lane,
    .serve = serve,
    .abandon = abandon,
    .client_new = new_session,
    .client_free = free_session,
};
