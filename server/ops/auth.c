/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a client proves who it is. auth_list answers on the I/O thread; the steps of SASL run on workers, since a mechanism
 * may ask a database or a network; polkit is asked by a thread of its own, which also answers the call. Takes no lock but, for a
 * moment, polkit's. */
#include "server/ops/ops.h"

#include "base/clock.h"
#include "base/i18n.h"
#include "rpc/sasl.h"
#include "server/polkit.h"

static Client *client_of(Op *op)
{
    return serve_of(op)->call->client;
}

static void release_config(void *config)
{
    config_unref(config);
}

/* As they were read last; good until the answer has gone. */
static SaslRules rules_of(Op *op)
{
    Config *config = rules_get_config(serve_of(op)->session->server);

    op_keep(op, config, release_config);
    return (SaslRules){
        .allowed_users = config->sasl_allowed_username_list, .min_ssf = (unsigned)config->tcp_min_ssf,
    };
}

int auth_list(Op *op, const void *args, void *out)
{
    RemoteAuthListResult *result = out;
    Client *client = client_of(op);

    result->types = arena_alloc(op->arena, sizeof *result->types);
    result->types[0] = client_authenticated(client) ? CLIENT_AUTH_NONE : (int)client_auth(client);
    result->n_types = 1;
    return 0;
}

int auth_refuse(Op *op, const void *args, void *out)
{
    return error_set(op->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR,
                     _("%s is not the kind of authentication that this socket asks for"), op->proc->name);
}

/* --- polkit ---------------------------------------------------------------------------------------- */

static bool has_left(void *data)
{
    const Serve *serve = data;

    return call_client_left(serve->call);
}

/* polkit's thread. */
static void take_verdict(void *data, Error *error)
{
    Serve *serve = data;
    Client *client = serve->call->client;

    if (error->code) {
        error_move(&serve->call->error, error);
        client_login_failed(client);
        serve_end(serve, -1);
        return;
    }
    ((RemoteAuthPolkitResult *)serve->result)->complete = 1;
    client_login_succeeded(client);
    serve_end(serve, 0);
}

bool auth_polkit_ask(Serve *serve)
{
    Client *client = serve->call->client;
    const ClientIdentity *from = client_identity(client);
    const ServiceLimits *limits = service_limits(client_service(client));

    if (client_auth(client) != CLIENT_AUTH_POLKIT || client_authenticated(client))
        return false;
    polkit_ask(serve->session->server->polkit, &(PolkitQuestion){
        .action = from->read_only_socket ? "org.libvirt.unix.monitor" : "org.libvirt.unix.manage",
        .pid = from->pid, .start_time = client_start_time(client), .uid = from->uid,
        .deadline = clock_now() + __atomic_load_n(&limits->login_timeout, __ATOMIC_RELAXED) * CLOCK_S,
        .data = serve, .is_given_up = has_left, .answer = take_verdict,
    });
    return true;
}

/* --- SASL ------------------------------------------------------------------------------------------ */

static bool is_asked_for(Op *op)
{
    return client_auth(client_of(op)) == CLIENT_AUTH_SASL;
}

int auth_sasl_init(Op *op, const void *args, void *out)
{
    RemoteAuthSaslInitResult *result = out;
    SaslRules rules = rules_of(op);
    const char *mechanisms;

    if (!is_asked_for(op))
        return auth_refuse(op, args, out);
    mechanisms = sasl_offer(client_of(op), &rules, op->error);
    if (!mechanisms)
        return -1;
    result->mechlist = arena_strdup(op->arena, mechanisms);
    return 0;
}

/* `out` is the result of both procedures: they look the same. */
static int step(Op *op, const char *mechanism, const char *data, size_t size, RemoteAuthSaslStepResult *result)
{
    SaslRules rules = rules_of(op);
    SaslAnswer answer;

    if (sasl_exchange(client_of(op), &rules, mechanism, data, size, &answer, op->error) < 0)
        return -1;
    result->complete = answer.complete;
    result->nil = !answer.data;
    if (answer.data) {
        result->n_data = (uint32_t)answer.size;
        result->data = arena_alloc(op->arena, answer.size + 1);
        memcpy(result->data, answer.data, answer.size);
    }
    return 0;
}

int auth_sasl_start(Op *op, const void *data, void *out)
{
    const RemoteAuthSaslStartArgs *args = data;
    RemoteAuthSaslStartResult *result = out;
    RemoteAuthSaslStepResult same = { 0 };

    if (!is_asked_for(op))
        return auth_refuse(op, data, out);
    if (step(op, args->mech, args->nil ? NULL : args->data, args->nil ? 0 : args->n_data, &same) < 0)
        return -1;
    *result = (RemoteAuthSaslStartResult){ same.complete, same.nil, same.n_data, same.data };
    return 0;
}

int auth_sasl_step(Op *op, const void *data, void *out)
{
    const RemoteAuthSaslStepArgs *args = data;

    if (!is_asked_for(op))
        return auth_refuse(op, data, out);
    return step(op, NULL, args->nil ? NULL : args->data, args->nil ? 0 : args->n_data, out);
}
