/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What virt-admin shows and sets of a server: how many workers and how many clients.
 * I/O threads, in the control lane; only admin_update_tls, which reads files, runs on a worker. Takes the pool's lock through rpc_workers and rpc_set_workers; limits
 * of clients are relaxed atomics. Never waits for a worker or a client: lowered limits come true by and by. */
#include "server/admin-private.h"

#include <libvirt/libvirt-admin.h>

#include "base/i18n.h"
#include "server/network.h"

/* As the settings of the same names allow. */
enum { WORKERS_MAX = 10000, CLIENTS_MAX = 1000000 };

/* A number that may be set. */
typedef struct Figure {
    const char *name;
    uint32_t value;
    bool given;
} Figure;

static Figure *find_figure(Figure *figures, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(figures[i].name, name) == 0)
            return &figures[i];
    return NULL;
}

static int take_figure(Call *call, const RemoteTypedParam *param, Figure *figure)
{
    if (!figure)
        return error_set(&call->error, VIR_FROM_NONE, VIR_ERR_ARGUMENT_UNSUPPORTED,
                         _("the parameter '%s' can't be set"), param->field);
    if (param->value.type != VIR_TYPED_PARAM_UINT)
        return error_set(&call->error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG,
                         _("the parameter '%s' must be an unsigned number"), param->field);
    if (figure->given)
        return error_set(&call->error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG, _("the parameter '%s' stands there twice"),
                         param->field);
    figure->given = true;
    figure->value = param->value.ui;
    return 0;
}

static int take_figures(Call *call, const RemoteTypedParam *params, unsigned n_params, Figure *figures, unsigned n)
{
    for (unsigned i = 0; i < n_params; i++)
        if (take_figure(call, &params[i], find_figure(figures, n, params[i].field)) < 0)
            return -1;
    return 0;
}

static int check_most(Call *call, const Figure *figure, uint32_t most)
{
    if (!figure->given || figure->value <= most)
        return 0;
    return error_set(&call->error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG,
                     _("the parameter '%s' may be %u at most, not %u"), figure->name, most, figure->value);
}

static RemoteTypedParam number(const char *name, uint32_t value)
{
    return (RemoteTypedParam){ .field = name, .value = { .type = VIR_TYPED_PARAM_UINT, .ui = value } };
}

/* --- workers ---------------------------------------------------------------------------------- */

/* Administration has figures but no workers of its own: its calls don't wait. */
static void get_worker_info(const AdminSession *session, const Service *service, WorkerInfo *info)
{
    const WorkerLimits *figures = &session->server->admin_workers;

    if (service == session->server->service) {
        rpc_workers(session->server->rpc, info);
        return;
    }
    *info = (WorkerInfo){
        .limits.min = __atomic_load_n(&figures->min, __ATOMIC_RELAXED),
        .limits.max = __atomic_load_n(&figures->max, __ATOMIC_RELAXED),
        .limits.prio = __atomic_load_n(&figures->prio, __ATOMIC_RELAXED),
    };
}

int admin_get_workers(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminServerGetThreadpoolParametersArgs *args = data;
    AdminServerGetThreadpoolParametersResult *result = out;
    Service *service = admin_find_service(session, call, args->srv.name);
    WorkerInfo info;

    if (!service || admin_check_flags(call, args->flags) < 0)
        return -1;
    get_worker_info(session, service, &info);
    result->n_params = 6;
    result->params = arena_array(&call->arena, result->n_params, sizeof *result->params);
    result->params[0] = number(VIR_THREADPOOL_WORKERS_MIN, info.limits.min);
    result->params[1] = number(VIR_THREADPOOL_WORKERS_MAX, info.limits.max);
    result->params[2] = number(VIR_THREADPOOL_WORKERS_CURRENT, info.workers);
    result->params[3] = number(VIR_THREADPOOL_WORKERS_FREE, info.idle);
    result->params[4] = number(VIR_THREADPOOL_WORKERS_PRIORITY, info.limits.prio);
    result->params[5] = number(VIR_THREADPOOL_JOB_QUEUE_DEPTH, info.queued);
    return 0;
}

static unsigned wanted(const Figure *figure)
{
    return figure->given ? figure->value : WORKERS_AS_BEFORE;
}

static void keep(unsigned *figure, unsigned value)
{
    if (value != WORKERS_AS_BEFORE)
        __atomic_store_n(figure, value, __ATOMIC_RELAXED);
}

static bool keep_admin_figures(WorkerLimits *figures, const WorkerLimits *limits)
{
    unsigned min = limits->min == WORKERS_AS_BEFORE ? __atomic_load_n(&figures->min, __ATOMIC_RELAXED) : limits->min;
    unsigned max = limits->max == WORKERS_AS_BEFORE ? __atomic_load_n(&figures->max, __ATOMIC_RELAXED) : limits->max;

    if (max == 0 || min > max)
        return false;
    keep(&figures->min, limits->min);
    keep(&figures->max, limits->max);
    keep(&figures->prio, limits->prio);
    return true;
}

int admin_set_workers(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminServerSetThreadpoolParametersArgs *args = data;
    Service *service = admin_find_service(session, call, args->srv.name);
    Figure figures[] = {
        { VIR_THREADPOOL_WORKERS_MIN, 0, false }, { VIR_THREADPOOL_WORKERS_MAX, 0, false },
        { VIR_THREADPOOL_WORKERS_PRIORITY, 0, false },
    };
    WorkerLimits limits;
    bool good;

    if (!service || admin_check_flags(call, args->flags) < 0 ||
        take_figures(call, args->params, args->n_params, figures, G_N_ELEMENTS(figures)) < 0)
        return -1;
    for (unsigned i = 0; i < G_N_ELEMENTS(figures); i++)
        if (check_most(call, &figures[i], WORKERS_MAX) < 0)
            return -1;
    limits = (WorkerLimits){ .min = wanted(&figures[0]), .max = wanted(&figures[1]), .prio = wanted(&figures[2]) };
    if (service == session->server->service)
        good = rpc_set_workers(session->server->rpc, &limits);
    else
        good = keep_admin_figures(&session->server->admin_workers, &limits);
    return good ? 0 : error_set(&call->error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG,
                                _("maxWorkers of the server '%s' must be at least 1 and not below minWorkers"),
                                service_name(service));
}

/* --- limits of clients ------------------------------------------------------------------------- */

int admin_get_limits(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminServerGetClientLimitsArgs *args = data;
    AdminServerGetClientLimitsResult *result = out;
    Service *service = admin_find_service(session, call, args->srv.name);
    const ServiceLimits *limits;

    if (!service || admin_check_flags(call, args->flags) < 0)
        return -1;
    limits = service_limits(service);
    result->n_params = 4;
    result->params = arena_array(&call->arena, result->n_params, sizeof *result->params);
    result->params[0] = number(VIR_SERVER_CLIENTS_MAX, __atomic_load_n(&limits->max_clients, __ATOMIC_RELAXED));
    result->params[1] = number(VIR_SERVER_CLIENTS_CURRENT, service_n_clients(service));
    result->params[2] = number(VIR_SERVER_CLIENTS_UNAUTH_MAX,
                               __atomic_load_n(&limits->max_unauth_clients, __ATOMIC_RELAXED));
    result->params[3] = number(VIR_SERVER_CLIENTS_UNAUTH_CURRENT, service_n_unauth(service));
    return 0;
}

int admin_set_limits(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminServerSetClientLimitsArgs *args = data;
    Service *service = admin_find_service(session, call, args->srv.name);
    Figure figures[] = { { VIR_SERVER_CLIENTS_MAX, 0, false }, { VIR_SERVER_CLIENTS_UNAUTH_MAX, 0, false } };
    ServiceLimits *limits;
    unsigned max, unauth;

    if (!service || admin_check_flags(call, args->flags) < 0 ||
        take_figures(call, args->params, args->n_params, figures, G_N_ELEMENTS(figures)) < 0 ||
        check_most(call, &figures[0], CLIENTS_MAX) < 0 || check_most(call, &figures[1], CLIENTS_MAX) < 0)
        return -1;
    limits = service_limits(service);
    max = figures[0].given ? figures[0].value : __atomic_load_n(&limits->max_clients, __ATOMIC_RELAXED);
    unauth = figures[1].given ? figures[1].value : __atomic_load_n(&limits->max_unauth_clients, __ATOMIC_RELAXED);
    /* no client at all would be for ever: not even virt-admin could take it back */
    if (max == 0 || unauth > max)
        return error_set(&call->error, VIR_FROM_RPC, VIR_ERR_INVALID_ARG,
                         _("nclients_max of the server '%s' must be at least 1 and not below nclients_unauth_max"),
                         service_name(service));
    __atomic_store_n(&limits->max_clients, max, __ATOMIC_RELAXED);
    __atomic_store_n(&limits->max_unauth_clients, unauth, __ATOMIC_RELAXED);
    return 0;
}

int admin_update_tls(AdminSession *session, Call *call, const void *data, void *out)
{
    const AdminServerUpdateTlsFilesArgs *args = data;
    Service *service = admin_find_service(session, call, args->srv.name);

    if (!service || admin_check_flags(call, args->flags) < 0)
        return -1;
    if (service != session->server->service || !session->server->tls)
        return error_set(&call->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR,
                         _("the server '%s' has no socket for TLS whose files could be read again"), service_name(service));
    return network_update_tls(session->server, &call->error);
}
