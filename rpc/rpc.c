/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine: I/O threads, workers and services put together, started and stopped.
 * Called by the main thread; service_* and rpc_broadcast by any. Takes LOCK_SERVICES. */
#include "rpc/identity.h"
#include "rpc/io-private.h"

#include "base/clock.h"

Rpc *rpc_new(const RpcSettings *settings, Timers *timers)
{
    Rpc *rpc = g_new0(Rpc, 1);

    rpc->timers = timers;
    rpc->n_io = MAX(settings->io_threads, 1);
    rpc->io = g_new0(IoThread *, rpc->n_io);
    lock_init(&rpc->lock, LOCK_SERVICES);
    for (unsigned i = 0; i < rpc->n_io; i++)
        rpc->io[i] = io_new(rpc);
    rpc->identities = identities_new();
    rpc->measure = measure_new();
    rpc->pool = pool_new(rpc, settings->min_workers, settings->max_workers, settings->prio_workers);
    return rpc;
}

void rpc_start(Rpc *rpc)
{
    for (unsigned i = 0; i < rpc->n_io; i++)
        io_start(rpc->io[i]);
}

void rpc_quiesce(Rpc *rpc)
{
    __atomic_store_n(&rpc->quiet, 1, __ATOMIC_RELAXED);
}

bool rpc_drain(Rpc *rpc, int64_t deadline)
{
    while (__atomic_load_n(&rpc->calls, __ATOMIC_ACQUIRE) > 0) {
        if (clock_now() >= deadline)
            return false;
        g_usleep(2000);
    }
    return true;
}

/* The calls that nobody took, and those that another thread (a deadline's, a driver's) is just resuming or ending. */
static void end_calls(Rpc *rpc)
{
    while (__atomic_load_n(&rpc->calls, __ATOMIC_ACQUIRE) > 0) {
        Call *call = pool_take_left(rpc->pool);

        if (!call) {
            g_usleep(1000);
            continue;
        }
        call->out = NULL;
        if (call->server)
            call->client->service->ops->serve(call);    /* resumed: it holds a job, which must end */
        else
            call_end(call);
    }
}

void rpc_stop(Rpc *rpc)
{
    rpc_quiesce(rpc);
    for (unsigned i = 0; i < rpc->n_io; i++)
        io_stop(rpc->io[i]);
    pool_stop(rpc->pool);
}

void rpc_tell_stuck(Rpc *rpc)
{
    pool_tell_stuck(rpc->pool);
}

void rpc_free(Rpc *rpc)
{
    Service *service;

    rpc_stop(rpc);
    end_calls(rpc);
    for (unsigned i = 0; i < rpc->n_io; i++)
        io_drain(rpc->io[i]);
    listeners_free(rpc);
    pool_free(rpc->pool);
    for (unsigned i = 0; i < rpc->n_io; i++)
        io_free(rpc->io[i]);
    while ((service = rpc->services)) {
        g_assert(service_n_clients(service) == 0);
        rpc->services = service->next;
        lock_deinit(&service->clients_lock);
        g_free(service->name);
        g_free(service);
    }
    identities_free(rpc->identities);
    measure_free(rpc->measure);
    lock_deinit(&rpc->lock);
    g_free(rpc->io);
    g_free(rpc);
}

Timers *rpc_timers(Rpc *rpc)
{
    return rpc->timers;
}

Service *service_new(Rpc *rpc, const char *name, const ServiceOps *ops, const ServiceLimits *limits, void *data)
{
    Service *service = g_new0(Service, 1);

    service->rpc = rpc;
    service->name = g_strdup(name);
    service->ops = ops;
    service->limits = *limits;
    service->data = data;
    service->last_left = clock_now();
    lock_init(&service->clients_lock, LOCK_CLIENTS);
    for (const Program *const *program = ops->programs; *program; program++)
        measure_add_program(rpc->measure, *program);
    lock_acquire(&rpc->lock);
    service->next = rpc->services;
    rpc->services = service;
    lock_release(&rpc->lock);
    return service;
}

const char *service_name(const Service *service)
{
    return service->name;
}

void *service_data(const Service *service)
{
    return service->data;
}

ServiceLimits *service_limits(Service *service)
{
    return &service->limits;
}

unsigned service_n_clients(Service *service)
{
    return __atomic_load_n(&service->n_clients, __ATOMIC_SEQ_CST);
}

unsigned service_n_unauth(Service *service)
{
    return __atomic_load_n(&service->n_unauth, __ATOMIC_RELAXED);
}

/* Whoever sees the smaller number sees the time as well. */
void service_client_gone(Service *service)
{
    Rpc *rpc = service->rpc;

    __atomic_store_n(&service->last_left, clock_now(), __ATOMIC_RELAXED);
    __atomic_sub_fetch(&service->n_clients, 1, __ATOMIC_SEQ_CST);
    if (G_UNLIKELY(__atomic_load_n(&rpc->deaf_listeners, __ATOMIC_SEQ_CST)))
        io_room(rpc->io[0]);
}

int64_t service_idle_since(Service *service)
{
    if (__atomic_load_n(&service->n_clients, __ATOMIC_ACQUIRE) > 0)
        return -1;
    return __atomic_load_n(&service->last_left, __ATOMIC_RELAXED);
}

void rpc_workers(Rpc *rpc, WorkerInfo *info)
{
    pool_info(rpc->pool, info);
}

void rpc_lost_events(Rpc *rpc, uint64_t *clients, uint64_t *bytes)
{
    *clients = __atomic_load_n(&rpc->floods, __ATOMIC_RELAXED);
    *bytes = __atomic_load_n(&rpc->event_bytes_lost, __ATOMIC_RELAXED);
}

bool rpc_set_workers(Rpc *rpc, const WorkerLimits *limits)
{
    return pool_set_limits(rpc->pool, limits);
}

bool rpc_has_subscribers(Rpc *rpc)
{
    for (unsigned i = 0; i < rpc->n_io; i++)
        if (io_has_subscribers(rpc->io[i]))
            return true;
    return false;
}

void rpc_broadcast(Rpc *rpc, Broadcast *broadcast)
{
    int passed_by = 0;

    __atomic_store_n(&broadcast->refs, (int)rpc->n_io, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < rpc->n_io; i++) {
        if (io_has_subscribers(rpc->io[i]))
            io_post_broadcast(rpc->io[i], broadcast);
        else
            passed_by++;    /* nobody there would hear it: the thread isn't woken */
    }
    if (passed_by && __atomic_sub_fetch(&broadcast->refs, passed_by, __ATOMIC_ACQ_REL) == 0)
        broadcast->free(broadcast);
}
