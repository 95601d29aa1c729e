/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of a service's clients: who is connected, oldest first.
 * A client comes in when its I/O thread adopts it and goes out when it leaves, so that every entry is
 * a client with a session and a reference; both cost the same however many there are. Any thread may look
 * something up; nothing here is on the way of a call. Takes LOCK_CLIENTS and, for a report, inside it LOCK_CLIENT. */
#include "rpc/identity.h"

void clients_add(Client *client)
{
    Service *service = client->service;

    LOCK_SCOPE(&service->clients_lock);
    client->peer_prev = service->clients_last;
    client->peer_next = NULL;
    if (service->clients_last)
        service->clients_last->peer_next = client;
    else
        service->clients_first = client;
    service->clients_last = client;
    service->n_connected++;
}

void clients_remove(Client *client)
{
    Service *service = client->service;

    LOCK_SCOPE(&service->clients_lock);
    if (client->peer_prev)
        client->peer_prev->peer_next = client->peer_next;
    else
        service->clients_first = client->peer_next;
    if (client->peer_next)
        client->peer_next->peer_prev = client->peer_prev;
    else
        service->clients_last = client->peer_prev;
    service->n_connected--;
}

unsigned service_n_connected(Service *service)
{
    LOCK_SCOPE(&service->clients_lock);
    return service->n_connected;
}

unsigned service_list_clients(Service *service, ClientIdentity *identities, unsigned room)
{
    unsigned n = 0;

    LOCK_SCOPE(&service->clients_lock);
    for (const Client *client = service->clients_first; client && n < room; client = client->peer_next)
        identities[n++] = client->identity;
    return n;
}

static uint64_t figure(const uint64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

void client_count_calls(Client *client, unsigned *running, unsigned *waiting, unsigned *parked)
{
    unsigned working = __atomic_load_n(&client->working, __ATOMIC_RELAXED);

    LOCK_SCOPE(&client->lock);
    working = MIN(working, client->running);    /* one that has been answered may not be over yet */
    *running += working;
    *waiting += client->waiting + client->running - working;
    *parked += client->n_parked;
}

static void report(Client *client, Arena *arena, ClientReport *report)
{
    Identity *who = client_who(client);
    const ClientUse *use = &client->use;

    report->identity = client->identity;
    report->who = arena_strdup(arena, who->name);
    report->weight = __atomic_load_n(&who->weight, __ATOMIC_RELAXED);
    report->use = (ClientUse){
        .served = figure(&use->served), .bytes_in = figure(&use->bytes_in), .bytes_out = figure(&use->bytes_out),
        .taken = figure(&use->taken), .waited = figure(&use->waited), .job_waited = figure(&use->job_waited),
        .ran = figure(&use->ran), .failed = figure(&use->failed), .slow = figure(&use->slow),
    };
    report->unread = outbox_size(client);
    report->events_unread = outbox_event_size(client);
    report->running = report->waiting = report->parked = 0;
    client_count_calls(client, &report->running, &report->waiting, &report->parked);
}

unsigned service_report_clients(Service *service, Arena *arena, ClientReport *reports, unsigned room)
{
    unsigned n = 0;

    LOCK_SCOPE(&service->clients_lock);
    for (Client *client = service->clients_first; client && n < room; client = client->peer_next)
        report(client, arena, &reports[n++]);
    return n;
}

Client *service_find_client(Service *service, uint64_t id)
{
    LOCK_SCOPE(&service->clients_lock);
    for (Client *client = service->clients_first; client; client = client->peer_next)
        if (client->identity.id == id)
            return client_ref(client);
    return NULL;
}
