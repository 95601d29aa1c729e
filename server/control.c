/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control program, which droverctl speaks on the administration socket: who uses the server, and how much.
 * I/O threads, in the control lane; waits for nothing. Takes the table's lock through service_report_clients. */
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
        .taken = report->use.taken, .waited = report->use.waited,
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
