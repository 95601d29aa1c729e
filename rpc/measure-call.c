/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clock of one call: which phase it is in, how long it was in each, and the log's line when it took too long.
 * Runs on the thread that has the call. An inline call costs one reading of the clock, since it begins when the one
 * before it has ended; another one three: when it came, when a worker took it, when it was answered. Takes no lock. */
#include "rpc/client-private.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"

LOG_SOURCE("rpc.slow");

/* A host in trouble has thousands of slow calls: so many of one second are told one by one. */
enum { LINES_A_SECOND = 10 };

void call_clock_start(Call *call, CallPhase phase, int64_t now)
{
    call->received = call->phase_began = now;
    call->phase = (uint8_t)phase;
    call->stopped = false;
    for (unsigned i = 0; i < CALL_PHASES; i++)
        call->phases[i] = -1;
}

void call_phase(Call *call, CallPhase phase, int64_t now)
{
    int64_t *so_far = &call->phases[call->phase];

    *so_far = MAX(*so_far, 0) + MAX(now - call->phase_began, 0);
    call->phase_began = now;
    call->phase = (uint8_t)phase;
}

void call_clock_stop(Call *call)
{
    int64_t now = clock_now();

    call_phase(call, call->phase, now);
    call->stopped = true;
    if (call->inline_call)
        io_set_mark(call->client->io, now);
}

static void grow(uint64_t *figure, int64_t by)
{
    if (by > 0)
        __atomic_add_fetch(figure, (uint64_t)by, __ATOMIC_RELAXED);
}

/* --- slow ones ------------------------------------------------------------------------------------ */

/* How many lines were left out since the last one is told with the next one. */
static bool may_tell(Rpc *rpc, int64_t now, unsigned *left_out)
{
    int64_t second = now / CLOCK_S, last = __atomic_load_n(&rpc->slow_second, __ATOMIC_RELAXED);
    unsigned lines;

    *left_out = 0;
    if (last == second
        || !__atomic_compare_exchange_n(&rpc->slow_second, &last, second, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return __atomic_add_fetch(&rpc->slow_lines, 1, __ATOMIC_RELAXED) <= LINES_A_SECOND;
    lines = __atomic_exchange_n(&rpc->slow_lines, 1, __ATOMIC_RELAXED);
    *left_out = lines > LINES_A_SECOND ? lines - LINES_A_SECOND : 0;
    return true;
}

static double seconds(int64_t ns)
{
    return (double)MAX(ns, 0) / (double)CLOCK_S;
}

static void tell_slow(Call *call, int64_t took)
{
    const ServiceOps *ops = call->client->service->ops;
    g_autofree char *why = NULL;
    unsigned left_out;

    grow(&call->client->use.slow, 1);
    if (!log_wanted(&log_source, LOG_LEVEL_WARNING)
        || !may_tell(call->client->service->rpc, call->phase_began, &left_out))
        return;
    if (left_out)
        log_warning("%u more calls were slow since the last line about one", left_out);
    if (ops->waited_for)
        why = ops->waited_for(call);
    log_warning("slow call: %s of client %" PRIu64 " (%s) %s after %.3f s: %.3f s queued, %.3f s waiting for the domain, "
                "%.3f s running%s%s", call->proc->name, call->client->identity.id, client_who_name(call->client),
                call->error.code ? "failed" : "was answered", seconds(took), seconds(call->phases[CALL_QUEUED]),
                seconds(call->phases[CALL_WAITED]), seconds(call->phases[CALL_RAN]), why ? "; it waited for " : "",
                why ? why : "");
}

static int64_t slow_limit(const Client *client)
{
    return __atomic_load_n(&client->service->rpc->slow, __ATOMIC_RELAXED);
}

/* --- the end ---------------------------------------------------------------------------------------- */

void call_count(Call *call)
{
    Client *client = call->client;
    Measure *measure = client->service->rpc->measure;
    int64_t took = call->phase_began - call->received, limit;

    if (!call->program)
        return;    /* a step of a handshake, which no client has called */
    if (!call->stopped) {
        measure_abandoned(measure, call->program, call->proc);
        return;
    }
    measure_call(measure, call->program, call->proc, call->phases, call->error.code);
    grow(&client->use.served, 1);
    grow(&client->use.failed, call->error.code != 0);
    grow(&client->use.job_waited, call->phases[CALL_WAITED]);
    grow(&client->use.ran, call->phases[CALL_RAN]);
    limit = slow_limit(client);
    if (G_UNLIKELY(limit > 0 && took >= limit))
        tell_slow(call, took);
}

void call_unread(Client *client, const uint32_t *answers, int64_t ns)
{
    int64_t limit = slow_limit(client);
    unsigned left_out;

    measure_written(client->service->rpc->measure, answers, ns);
    if (G_LIKELY(limit == 0 || ns < limit) || !may_tell(client->service->rpc, clock_now(), &left_out))
        return;
    log_warning("client %" PRIu64 " (%s) took an answer only after %.3f s", client->identity.id,
                client_who_name(client), seconds(ns));
}

void rpc_set_slow_call(Rpc *rpc, int64_t ns)
{
    __atomic_store_n(&rpc->slow, ns, __ATOMIC_RELAXED);
}
