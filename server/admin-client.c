/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server's clients as virt-admin sees them: which there are, who they are, and their end.
 * I/O threads, in the control lane; only admin_client_info, which asks the system for the names of a user
 * and a group and may wait for those, runs on a worker. Takes the table's lock through service_find_client. */
#include "server/admin-private.h"

#include <grp.h>
#include <inttypes.h>
#include <pwd.h>

#include <libvirt/libvirt-admin.h>

#include "base/clock.h"
#include "base/i18n.h"

static int32_t transport_of(const ClientIdentity *identity)
{
    static const int32_t transports[] = {
        [CLIENT_UNIX] = VIR_CLIENT_TRANS_UNIX, [CLIENT_TCP] = VIR_CLIENT_TRANS_TCP, [CLIENT_TLS] = VIR_CLIENT_TRANS_TLS,
    };

    return transports[identity->transport];
}

static AdminClient handle_of(Service *service, const ClientIdentity *identity)
{
    return (AdminClient){
        .srv.name = service_name(service), .id = identity->id, .timestamp = identity->connected / CLOCK_S,
        .transport = transport_of(identity),
    };
}

/* Referenced; NULL and VIR_ERR_NO_SERVER or VIR_ERR_NO_CLIENT. */
static Client *find_client(const AdminSession *session, Call *call, const AdminClient *handle)
{
    Service *service = admin_find_service(session, call, handle->srv.name);
    Client *client;

    if (!service)
        return NULL;
    client = service_find_client(service, handle->id);
    if (!client)
        error_set(&call->error, VIR_FROM_RPC, VIR_ERR_NO_CLIENT, _("the server '%s' has no client %" PRIu64),
                  service_name(service), handle->id);
    return client;
}

int admin_list_clients(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminServerListClientsArgs *args = data;
    AdminServerListClientsResult *result = out;
    Service *service = admin_find_service(session, call, args->srv.name);
    ClientIdentity *identities;

    if (!service || admin_check_flags(call, args->flags) < 0)
        return -1;
    result->ret = service_n_connected(service);
    if (!args->need_results)
        return 0;
    identities = arena_array(&call->arena, result->ret, sizeof *identities);
    result->ret = result->n_clients = service_list_clients(service, identities, result->ret);
    result->clients = arena_array(&call->arena, result->n_clients, sizeof *result->clients);
    for (unsigned i = 0; i < result->n_clients; i++)
        result->clients[i] = handle_of(service, &identities[i]);
    return 0;
}

int admin_lookup_client(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminServerLookupClientArgs *args = data;
    AdminServerLookupClientResult *result = out;
    const AdminClient handle = { .srv = args->srv, .id = args->id };
    Client *client;

    if (admin_check_flags(call, args->flags) < 0 || !(client = find_client(session, call, &handle)))
        return -1;
    result->clnt = handle_of(client_service(client), client_identity(client));
    client_unref(client);
    return 0;
}

/* --- who it is ---------------------------------------------------------------------------------- */

static RemoteTypedParam number(const char *name, int32_t value)
{
    return (RemoteTypedParam){ .field = name, .value = { .type = VIR_TYPED_PARAM_INT, .i = value } };
}

static RemoteTypedParam text(const char *name, const char *value)
{
    return (RemoteTypedParam){ .field = name, .value = { .type = VIR_TYPED_PARAM_STRING, .s = value } };
}

/* NULL: the system knows no name. May wait. */
static const char *user_name(Call *call, uid_t uid)
{
    g_autofree char *buffer = g_malloc(65536);
    struct passwd entry, *found = NULL;

    getpwuid_r(uid, &entry, buffer, 65536, &found);
    return found ? arena_strdup(&call->arena, found->pw_name) : NULL;
}

static const char *group_name(Call *call, gid_t gid)
{
    g_autofree char *buffer = g_malloc(65536);
    struct group entry, *found = NULL;

    getgrgid_r(gid, &entry, buffer, 65536, &found);
    return found ? arena_strdup(&call->arena, found->gr_name) : NULL;
}

/* By its socket or by its own wish. */
static bool is_read_only(const AdminSession *session, const Client *client)
{
    Session *theirs;

    if (client_identity(client)->read_only_socket)
        return true;
    if (client_service(client) != session->server->service)
        return false;
    theirs = client_session(client);
    return session_host(theirs) && theirs->read_only;
}

int admin_client_info(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminClientGetInfoArgs *args = data;
    AdminClientGetInfoResult *result = out;
    RemoteTypedParam *params = arena_array(&call->arena, 9, sizeof *params);
    const ClientIdentity *identity;
    const char *name;
    Client *client;
    unsigned n = 0;

    if (admin_check_flags(call, args->flags) < 0 || !(client = find_client(session, call, &args->clnt)))
        return -1;
    identity = client_identity(client);
    params[n++] = (RemoteTypedParam){
        .field = VIR_CLIENT_INFO_READONLY,
        .value = { .type = VIR_TYPED_PARAM_BOOLEAN, .b = is_read_only(session, client) },
    };
    if (identity->uid != (uid_t)-1) {
        params[n++] = number(VIR_CLIENT_INFO_UNIX_USER_ID, (int32_t)identity->uid);
        if ((name = user_name(call, identity->uid)))
            params[n++] = text(VIR_CLIENT_INFO_UNIX_USER_NAME, name);
        params[n++] = number(VIR_CLIENT_INFO_UNIX_GROUP_ID, (int32_t)identity->gid);
        if ((name = group_name(call, identity->gid)))
            params[n++] = text(VIR_CLIENT_INFO_UNIX_GROUP_NAME, name);
        params[n++] = number(VIR_CLIENT_INFO_UNIX_PROCESS_ID, (int32_t)identity->pid);
    }
    /* What lives as long as the client is copied: it may go before the answer is written. */
    if (*identity->address)
        params[n++] = text(VIR_CLIENT_INFO_SOCKET_ADDR, arena_strdup(&call->arena, identity->address));
    if ((name = client_user(client)))
        params[n++] = text(VIR_CLIENT_INFO_SASL_USER_NAME, arena_strdup(&call->arena, name));
    if ((name = client_dn(client)))
        params[n++] = text(VIR_CLIENT_INFO_X509_DISTINGUISHED_NAME, arena_strdup(&call->arena, name));
    result->params = params;
    result->n_params = n;
    client_unref(client);
    return 0;
}

int admin_client_close(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminClientCloseArgs *args = data;
    Client *client;

    if (admin_check_flags(call, args->flags) < 0 || !(client = find_client(session, call, &args->clnt)))
        return -1;
    client_close(client);
    client_unref(client);
    return 0;
}
