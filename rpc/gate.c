/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients before their login. A flood of connections that say nothing fills no more than its port's limit, and makes room
 * as soon as somebody else knocks: first those of the source that has too many, then the oldest.
 * Any thread. Takes LOCK_GATE and nothing inside it; looking into a socket under it never waits. */
#include "rpc/client-private.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

static const int64_t silent_grace = 20 * CLOCK_MS, spoken_grace = CLOCK_S;

void gate_init(Gate *gate)
{
    *gate = (Gate){ 0 };
    lock_init(&gate->lock, LOCK_GATE);
}

void gate_deinit(Gate *gate)
{
    g_assert(gate->n == 0);
    lock_deinit(&gate->lock);
}

void gate_source(uint8_t source[GATE_SOURCE_SIZE], const struct sockaddr_storage *peer, uid_t uid)
{
    enum { NETWORK_PART = 8 };    /* who has one address of IPv6 has 2^64 */

    memset(source, 0, GATE_SOURCE_SIZE);
    if (peer->ss_family == AF_INET)
        memcpy(source + 12, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
    else if (peer->ss_family == AF_INET6)
        memcpy(source, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, NETWORK_PART);
    else
        memcpy(source, &uid, sizeof uid);
}

void gate_enter(Client *client, int64_t now)
{
    GatePlace *place = &client->place;
    Gate *gate = place->gate;

    LOCK_SCOPE(&gate->lock);
    place->inside = true;
    place->since = now;
    place->prev = gate->last;
    place->next = NULL;
    if (gate->last)
        gate->last->place.next = client;
    else
        gate->first = client;
    gate->last = client;
    gate->n++;
    __atomic_add_fetch(&client->service->n_unauth, 1, __ATOMIC_RELAXED);
}

static void take_out_locked(Client *client)
{
    GatePlace *place = &client->place;
    Gate *gate = place->gate;

    lock_assert_held(&gate->lock);
    if (place->prev)
        place->prev->place.next = place->next;
    else
        gate->first = place->next;
    if (place->next)
        place->next->place.prev = place->prev;
    else
        gate->last = place->prev;
    place->prev = place->next = NULL;
    place->inside = false;
    gate->n--;
    __atomic_sub_fetch(&client->service->n_unauth, 1, __ATOMIC_RELAXED);
}

bool gate_leave(Client *client)
{
    bool was;

    if (!client->place.gate)
        return false;
    LOCK_SCOPE(&client->place.gate->lock);
    was = client->place.inside;
    if (was)
        take_out_locked(client);
    return was;
}

void gate_work(Client *client)
{
    LOCK_SCOPE(&client->place.gate->lock);
    client->place.working = client->place.spoken = true;
}

void gate_wait(Client *client, int64_t now)
{
    LOCK_SCOPE(&client->place.gate->lock);
    client->place.working = false;
    client->place.since = now;
}

unsigned gate_count(Gate *gate)
{
    LOCK_SCOPE(&gate->lock);
    return gate->n;
}

static bool is_of(const Client *client, const uint8_t *source)
{
    return !source || memcmp(client->place.source, source, GATE_SOURCE_SIZE) == 0;
}

unsigned gate_count_source(Gate *gate, const uint8_t source[GATE_SOURCE_SIZE])
{
    unsigned n = 0;

    LOCK_SCOPE(&gate->lock);
    for (const Client *client = gate->first; client; client = client->place.next)
        n += is_of(client, source);
    return n;
}

/* Its socket is open as long as it is in here: who closes it takes it out first. */
static bool keeps_us_waiting_locked(const Client *client, int64_t now)
{
    const GatePlace *place = &client->place;
    char byte;

    lock_assert_held(&place->gate->lock);
    if (place->working)
        return false;
    if (place->spoken)
        return now - place->since >= spoken_grace;
    if (now - place->since < silent_grace)
        return false;
    /* what it has sent isn't read when it leaves its answers unread: that is not us */
    return outbox_congested(client) || recv(client->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

Client *gate_evict(Gate *gate, const uint8_t *source, int64_t now)
{
    LOCK_SCOPE(&gate->lock);
    for (Client *client = gate->first; client; client = client->place.next) {
        if (!is_of(client, source) || !keeps_us_waiting_locked(client, now))
            continue;
        take_out_locked(client);
        return client_ref(client);
    }
    return NULL;
}
