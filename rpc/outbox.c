/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames on their way out of one client. Whoever made a frame sends it when nobody is sending and nothing waits; else it
 * waits here. One thread at a time sends (`out_sending`), with no lock held, and goes on with what others have brought
 * meanwhile; what the socket doesn't take, and what it doesn't come to, is left to the client's I/O thread, which
 * goes on when epoll says so. So frames stay whole and in order, and nobody waits for somebody else's send.
 *
 * What holds whenever LOCK_OUTBOX is free:
 *  1. Something waits: somebody is sending, or epoll watches for room (`writing`).
 *  2. Somebody is sending: its first items, up to `out_claimed`, its socket and its transport stay as they are.
 *
 * Takes LOCK_OUTBOX, inside it LOCK_LOG. What a client may leave unread is bounded: too many bytes of events end its
 * connection here, too many of replies stop admit.c from taking more calls. */
#include "rpc/io-private.h"

#include <inttypes.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/outbox-private.h"

LOG_SOURCE("rpc.outbox");

/* Bytes in a socket, unread, that would hold up a quick answer. */
enum { PIPE_BUSY = 16384 };

/* How much who sends does for others before the I/O thread has to. */
enum { BATCH_ITEMS = 64, BATCHES = 8 };

/* A thread's time as the one that sends. */
typedef struct Sending {
    Client *client;
    int fd;
    Transport *transport;
    int result;           /* of the last attempt, as out_items_send */
    bool bulk;            /* a bulk answer has left */
    bool closes, flooded; /* what finish_locked found */
    bool ends_login;
    unsigned wishes;      /* of the I/O thread */
    OutItem *gone;        /* has left, or will not: freed without the lock */
} Sending;

static void set_event_bytes(Client *client, size_t bytes)
{
    __atomic_store_n(&client->out_event_bytes, bytes, __ATOMIC_RELAXED);
}

/* --- the queue ---------------------------------------------------------------------------------- */

/* What waits, for free_items; nobody is sending. */
static OutItem *forget_all_locked(Client *client)
{
    OutItem *first = client->out_first;

    lock_assert_held(&client->out_lock);
    client->out_first = client->out_last = NULL;
    __atomic_store_n(&client->out_bytes, 0, __ATOMIC_RELAXED);
    set_event_bytes(client, 0);
    client->out_bulk = 0;
    return first;
}

static void free_items(OutItem *first)
{
    while (first) {
        OutItem *item = first;

        first = item->next;
        out_item_free(item);
    }
}

static void insert_item_locked(Client *client, OutItem **at, OutItem *item)
{
    lock_assert_held(&client->out_lock);
    item->next = *at;
    *at = item;
    if (!item->next)
        client->out_last = item;
    client->out_bulk += item->kind == OUT_BULK;
    item->since = clock_now();
    __atomic_store_n(&client->out_bytes, client->out_bytes + item->cost, __ATOMIC_RELAXED);
    if (item->kind == OUT_EVENT)
        set_event_bytes(client, client->out_event_bytes + item->cost);
}

/* An answer goes before bulk ones of which nothing has left yet; all else keeps its order. */
static void queue_item_locked(Client *client, OutItem *item)
{
    OutItem **at = client->out_last ? &client->out_last->next : &client->out_first;

    if (item->kind == OUT_REPLY && client->out_bulk > 0 && client->out_first) {
        OutItem *fixed = client->out_claimed ? client->out_claimed : client->out_first;

        for (at = &fixed->next; *at && (*at)->kind != OUT_BULK; at = &(*at)->next)
            continue;
    }
    insert_item_locked(client, at, item);
}

static void take_out_first_locked(Client *client)
{
    OutItem *item = client->out_first;

    lock_assert_held(&client->out_lock);
    client->out_first = item->next;
    if (!client->out_first)
        client->out_last = NULL;
    __atomic_store_n(&client->out_bytes, client->out_bytes - item->cost, __ATOMIC_RELAXED);
    if (item->kind == OUT_EVENT)
        set_event_bytes(client, client->out_event_bytes - item->cost);
    client->out_bulk -= item->kind == OUT_BULK;
}

/* True when events have piled up beyond the limit. While somebody is sending they may be on their way: then it is
 * twice as high. */
static bool too_many_events_locked(Client *client)
{
    size_t limit = limit_of(client, max_client_events);

    lock_assert_held(&client->out_lock);
    return client->out_event_bytes > (client->out_sending ? 2 * limit : limit);
}

static void count_flood_locked(Client *client)
{
    Rpc *rpc = client->service->rpc;

    lock_assert_held(&client->out_lock);
    __atomic_add_fetch(&rpc->floods, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&rpc->event_bytes_lost, client->out_event_bytes, __ATOMIC_RELAXED);
}

static void tell_flood(Client *client)
{
    log_warning("client %" PRIu64 " (pid %d, uid %d) does not read its events: more than %u bytes wait, its connection is closed",
                client->identity.id, (int)client->identity.pid, (int)client->identity.uid,
                limit_of(client, max_client_events));
}

/* --- who sends ---------------------------------------------------------------------------------- */

static void begin_locked(Sending *sending, Client *client)
{
    lock_assert_held(&client->out_lock);
    client->out_sending = true;
    *sending = (Sending){ .client = client, .fd = client->fd, .transport = client->transport, .result = 1 };
}

/* The first items that wait; a bulk answer is claimed alone, so that others may pass it until its turn has come. */
static unsigned claim_locked(Client *client, OutItem **items)
{
    unsigned n = 0;

    lock_assert_held(&client->out_lock);
    for (OutItem *item = client->out_first; item && n < BATCH_ITEMS; item = item->next) {
        if (item->kind == OUT_BULK && n > 0)
            break;
        items[n++] = client->out_claimed = item;
        if (item->kind == OUT_BULK)
            break;
    }
    return n;
}

static void unclaim_locked(Sending *sending, size_t moved)
{
    Client *client = sending->client;

    lock_assert_held(&client->out_lock);
    client->out_claimed = NULL;
    if (moved)
        client->out_stalled = clock_now();
    while (client->out_first && out_item_has_left(client->out_first)) {
        OutItem *item = client->out_first;

        take_out_first_locked(client);
        sending->bulk |= item->kind == OUT_BULK;
        item->next = sending->gone;
        sending->gone = item;
    }
}

/* Sends what waits; gives the lock up while it does. */
static void send_waiting_locked(Sending *sending)
{
    Client *client = sending->client;

    for (int i = 0; i < BATCHES && sending->result > 0 && client->out_first && client->fd >= 0 && !client->deaf; i++) {
        OutItem *items[BATCH_ITEMS];
        unsigned n = claim_locked(client, items);
        size_t moved = 0;

        lock_release(&client->out_lock);
        sending->result = out_items_send(sending->transport, sending->fd, items, n, &moved);
        lock_acquire(&client->out_lock);
        unclaim_locked(sending, moved);
    }
}

/* After a bulk answer: epoll tells when the client has read most of it, and only then the next one is made, so
 * that quick answers find the way free. */
static void watch_reader_locked(Client *client)
{
    int unread = 0;

    lock_assert_held(&client->out_lock);
    if (!client->writing && ioctl(client->fd, SIOCOUTQ, &unread) == 0 && unread > PIPE_BUSY)
        io_watch(client, client->reading, true);
}

static void give_up_locked(Sending *sending)
{
    Client *client = sending->client;
    OutItem **end = &sending->gone;

    while (*end)
        end = &(*end)->next;
    *end = forget_all_locked(client);
    sending->closes = client->out_close_owed;
    client->out_close_owed = false;
}

/* Nothing waits any more: who has asked for that moment is told. */
static void emptied_locked(Sending *sending)
{
    Client *client = sending->client;

    lock_assert_held(&client->out_lock);
    if (client->out_awaited)
        sending->wishes |= WISH_SENT;
    if (client->close_when_empty)
        sending->wishes |= WISH_END;
    sending->ends_login = client->out_ends_login;
    client->out_ends_login = false;
}

static void finish_locked(Sending *sending)
{
    Client *client = sending->client;

    client->out_sending = false;
    if (sending->result < 0 && client->fd >= 0) {
        client->deaf = true;
        sending->wishes |= WISH_CLOSE;
    } else if (client->fd >= 0 && !client->deaf && too_many_events_locked(client)) {
        sending->flooded = client->deaf = true;
        count_flood_locked(client);
    }
    if (client->fd < 0 || client->deaf) {
        give_up_locked(sending);
    } else if (client->out_first) {
        if (!client->writing)
            io_watch(client, client->reading, true);
    } else {
        emptied_locked(sending);
    }
    client->out_awaited = false;
}

/* What is left to do without the lock. */
static void after_sending(Sending *sending)
{
    Client *client = sending->client;

    if (sending->closes)
        close(sending->fd);
    for (const OutItem *item = sending->gone; item; item = item->next)
        if (item->answers && out_item_has_left(item))
            call_unread(client, item->answers, clock_now() - item->since);
    free_items(sending->gone);
    if (sending->flooded) {
        tell_flood(client);
        sending->wishes |= WISH_CLOSE;
    }
    if (sending->ends_login)
        login_call_end(client);
    if (sending->wishes)
        io_wish(client, sending->wishes);
}

/* The caller's own frames, then what others have brought meanwhile. Gives the lock up while it sends. */
static void send_own_locked(Sending *sending, XdrOut *out, size_t from, OutItem *item)
{
    Client *client = sending->client;
    OutItem *const items[] = { item };
    size_t moved = 0;

    lock_release(&client->out_lock);
    sending->result = out_items_send(sending->transport, sending->fd, items, 1, &moved);
    lock_acquire(&client->out_lock);
    sending->bulk = item->kind == OUT_BULK;
    if (sending->result > 0) {
        send_waiting_locked(sending);
        if (sending->bulk && !client->out_first && client->fd >= 0 && !client->deaf)
            watch_reader_locked(client);
    } else if (sending->result == 0 && client->fd >= 0 && !client->deaf) {
        insert_item_locked(client, &client->out_first, out_item_new(client, out, from, item));
        client->out_stalled = clock_now();
    } else {
        out_item_close_fds(item);
    }
}

/* Somebody else is sending, or something waits already. */
static void queue_own_locked(Sending *sending, XdrOut *out, size_t from, const OutItem *item)
{
    Client *client = sending->client;

    if (!client->out_first)
        client->out_stalled = clock_now();
    queue_item_locked(client, out_item_new(client, out, from, item));
    if (item->kind != OUT_EVENT || !too_many_events_locked(client))
        return;
    sending->flooded = client->deaf = true;
    count_flood_locked(client);
    if (!client->out_sending)
        sending->gone = forget_all_locked(client);
}

static void send_any(Client *client, XdrOut *out, size_t from, OutItem *item)
{
    Sending sending = { .client = client };

    item->data = out->data + from;
    item->size = out->size - from;
    lock_acquire(&client->out_lock);
    if (client->fd < 0 || client->deaf) {
        out_item_close_fds(item);
    } else if (item->size > 0) {
        __atomic_add_fetch(&client->use.bytes_out, item->size, __ATOMIC_RELAXED);
        if (client->out_sending || client->out_first) {
            queue_own_locked(&sending, out, from, item);
        } else {
            begin_locked(&sending, client);
            send_own_locked(&sending, out, from, item);
            finish_locked(&sending);
        }
    }
    lock_release(&client->out_lock);
    if (out->data)
        out->size = from;
    after_sending(&sending);
}

void outbox_send(Client *client, XdrOut *out, size_t from, OutKind kind)
{
    send_any(client, out, from, &(OutItem){ .kind = kind });
}

void outbox_send_fds(Client *client, XdrOut *out, size_t from, int *fds, unsigned n_fds)
{
    send_any(client, out, from, &(OutItem){ .kind = OUT_REPLY, .fds = fds, .n_fds = n_fds });
}

bool outbox_flush(Client *client)
{
    Sending sending = { .client = client, .result = 1 };
    bool good;

    lock_acquire(&client->out_lock);
    if (!client->out_sending) {
        begin_locked(&sending, client);
        send_waiting_locked(&sending);
        finish_locked(&sending);
    }
    /* who is sending now sees to what is left */
    if (client->writing && client->fd >= 0 && (!client->out_first || client->out_sending))
        io_watch(client, client->reading, false);
    good = sending.result >= 0 && !(sending.wishes & WISH_END);
    lock_release(&client->out_lock);
    sending.wishes = 0;    /* the I/O thread is here already */
    after_sending(&sending);
    return good;
}

bool outbox_await(Client *client)
{
    bool waits;

    lock_acquire(&client->out_lock);
    waits = client->out_first || client->out_sending;
    client->out_awaited = client->out_sending;
    lock_release(&client->out_lock);
    return waits;
}

bool outbox_congested(const Client *client)
{
    return __atomic_load_n(&client->writing, __ATOMIC_RELAXED);
}

size_t outbox_event_size(Client *client)
{
    return __atomic_load_n(&client->out_event_bytes, __ATOMIC_RELAXED);
}

size_t outbox_size(Client *client)
{
    return __atomic_load_n(&client->out_bytes, __ATOMIC_RELAXED);
}

void outbox_set_reading(Client *client, bool reading)
{
    lock_acquire(&client->out_lock);
    if (client->fd >= 0 && client->reading != reading)
        io_watch(client, reading, client->writing);
    lock_release(&client->out_lock);
}

void outbox_close(Client *client)
{
    OutItem *gone = NULL;

    lock_acquire(&client->out_lock);
    if (!client->out_sending)
        gone = forget_all_locked(client);
    if (client->fd >= 0) {
        /* a child that is just being forked may hold the socket open; its events would come for freed memory */
        epoll_ctl(io_epoll_fd(client->io), EPOLL_CTL_DEL, client->fd, NULL);
        if (client->login_busy || client->out_sending)
            shutdown(client->fd, SHUT_RDWR);    /* a worker uses it: the last reference, or who sends, closes it */
        else
            close(client->fd);
        client->out_close_owed = client->out_sending && !client->login_busy;
    }
    client->fd = -1;
    __atomic_store_n(&client->writing, false, __ATOMIC_RELAXED);    /* bulk calls of it may end */
    lock_release(&client->out_lock);
    free_items(gone);
}
