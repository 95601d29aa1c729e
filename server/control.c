/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control program, which droverctl speaks on the administration socket: who uses the server, and how much, and what
 * was called. I/O threads in the control lane, or a worker for what was called; waits for nothing. Takes the table's lock
 * through service_report_clients, and LOCK_MEASURE through rpc_visit_calls. */
#include "server/admin-private.h"

#include "rpc/control-types.h"

enum { CLIENTS_SHOWN_MAX = 16384 };

static void show(Service *service, const ClientReport *report, ControlClientUse *use)
{
    *use = (ControlClientUse){
        .server = service_name(service), .id = report->identity.id, .who = report->who, .weight = report->weight,
        .pid = report->identity.pid, .since = report->identity.connected,
        .running = report->running, .waiting = report->waiting, .parked = report->parked,
        .served = report->use.served, .bytes_in = report->use.bytes_in, .bytes_out = report->use.bytes_out,
        .taken = report->use.taken, .waited = report->use.waited, .job_waited = report->use.job_waited,
        .ran = report->use.ran, .failed = report->use.failed, .slow = report->use.slow,
    };
}

int control_list_use(AdminSession *session, Call *call, const void *data, void *out)
{
    const ControlClientListUseArgs *args = data;
    ControlClientListUseResult *result = out;

    if (admin_check_flags(call, args->flags) < 0)
        return -1;
    result->clients = arena_array(&call->arena, CLIENTS_SHOWN_MAX, sizeof *result->clients);
    for (unsigned i = 0; i < ADMIN_SERVERS; i++) {
        Service *service = admin_service_at(session, i);
        unsigned room = MIN(service_n_connected(service), CLIENTS_SHOWN_MAX - result->n_clients);
        ClientReport *reports = arena_array(&call->arena, room, sizeof *reports);
        unsigned n = service_report_clients(service, &call->arena, reports, room);

        for (unsigned j = 0; j < n; j++)
            show(service, &reports[j], &result->clients[result->n_clients++]);
    }
    return 0;
}

/* --- what was called -------------------------------------------------------------------------------- */

enum { RESET = 1 };

typedef struct Listing {
    Call *call;
    ControlCallListStatsResult *result;
} Listing;

static ControlCallTime time_of(const Histogram *histogram)
{
    uint64_t n = histogram_count(histogram);

    return (ControlCallTime){
        .n = n, .sum = histogram->sum, .half = histogram_quantile(histogram, 0.5),
        .most = histogram_quantile(histogram, 0.99), .all = histogram_most(histogram),
    };
}

static void list_call(const Program *program, const Proc *proc, const CallTotals *totals, void *opaque)
{
    Listing *listing = opaque;
    ControlCallListStatsResult *result = listing->result;
    ControlCallStats *stats;

    if (result->n_calls == CONTROL_LIMIT_CALL_STATS)
        return;
    stats = &result->calls[result->n_calls++];
    *stats = (ControlCallStats){
        .program = program->name, .name = proc->name, .calls = totals->calls, .failed = totals->failed,
        .abandoned = totals->abandoned,
    };
    stats->times = arena_array(&listing->call->arena, CALL_PHASES, sizeof *stats->times);
    stats->n_times = CALL_PHASES;
    for (unsigned i = 0; i < CALL_PHASES; i++)
        stats->times[i] = time_of(&totals->phases[i]);
    stats->errors = arena_array(&listing->call->arena, CALL_CODES, sizeof *stats->errors);
    for (unsigned i = 0; i < CALL_CODES; i++)
        if (totals->codes[i])
            stats->errors[stats->n_errors++] = (ControlCallError){ .code = (int32_t)i, .n = totals->codes[i] };
}

int control_list_calls(AdminSession *session, Call *call, const void *data, void *out)
{
    const ControlCallListStatsArgs *args = data;
    Listing listing = { call, out };
    Rpc *rpc = session->server->rpc;

    if (admin_check_flags(call, args->flags & ~(uint32_t)RESET) < 0)
        return -1;
    listing.result->calls = arena_array(&call->arena, CONTROL_LIMIT_CALL_STATS, sizeof *listing.result->calls);
    rpc_visit_calls(rpc, true, list_call, &listing);
    listing.result->refused = rpc_refused_calls(rpc);
    if (args->flags & RESET)
        rpc_reset_calls(rpc);
    return 0;
}
