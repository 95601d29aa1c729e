/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One call from admission to its end: its memory, and what it counts against; its answer is made in reply.c.
 * Runs on whatever thread serves or answers the call. Takes LOCK_CLIENT for the accounts, and
 * through pool.c its lock, one at a time; never waits.
 *
 * Account of a client:   waiting ──▶ running ──▶ answered
 *                                     │  ▲
 *                            call_parked  call_resume
 *                                     ▼  │
 *                                    parked                                                    */
#include "rpc/client-private.h"

#include <unistd.h>

#include "base/clock.h"

/* What one client's calls may hold together from their arrival to their end; its further ones are held back. */
enum { CALL_BYTES_MAX = 16 << 20, CALL_FDS_MAX = 64 };

/* What a call counts as; call->state, under LOCK_CLIENT. */
typedef enum CallState { CALL_UNCOUNTED, CALL_WAITING, CALL_RUNNING, CALL_PARKED } CallState;

static Pool *call_pool(Call *call)
{
    return call->client->service->rpc->pool;
}

Call *call_new(Client *client, const Program *program, const Proc *proc, const FrameHeader *header,
               const uint8_t *payload, size_t payload_size)
{
    size_t room = 2048 + payload_size + proc->args_size;
    Call *call = g_malloc(sizeof *call + 16 + room);
    uint8_t *first = (uint8_t *)(((uintptr_t)(call + 1) + 15) & ~(uintptr_t)15);

    memset(call, 0, sizeof *call);
    call->client = client_ref(client);
    call->program = program;
    call->proc = proc;
    call->header = *header;
    call->error = (Error)ERROR_INIT;
    call->refs = 1;
    call_clock_start(call, CALL_QUEUED, clock_now());
    arena_init(&call->arena, first, room);
    call->payload = arena_alloc(&call->arena, payload_size + 1);
    memcpy(call->payload, payload, payload_size);
    call->payload_size = payload_size;
    __atomic_add_fetch(&client->service->rpc->calls, 1, __ATOMIC_RELAXED);
    return call;
}

void call_begin_inline(Call *call, Client *client, const Program *program, const Proc *proc, const FrameHeader *header,
                       uint8_t *payload, size_t payload_size, XdrOut *out)
{
    call->client = client;
    call->program = program;
    call->proc = proc;
    call->header = *header;
    call->inline_call = true;
    call->payload = payload;
    call->payload_size = payload_size;
    call->fds = NULL;
    call->n_fds = call->n_reply_fds = 0;
    call->stream = NULL;
    call->sparse = call->answered = false;
    call->server = NULL;
    call->on_answer = call->on_end = NULL;
    call->out = out;
    call_clock_start(call, CALL_RAN, io_mark(client->io));
}

/* Everything that the call kept; the arena last. */
static void release_parts(Call *call)
{
    for (unsigned i = 0; i < call->n_fds; i++)
        if (call->fds[i] >= 0)
            close(call->fds[i]);
    for (unsigned i = 0; i < call->n_reply_fds; i++)
        close(call->reply_fds[i]);
    if (call->stream)
        call->stream->ops->free(call->stream);
    if (call->on_end)
        call->on_end(call);
    if (G_UNLIKELY(call->error.code))
        error_clear(&call->error);
    arena_reset(&call->arena);
}

Call *call_ref(Call *call)
{
    __atomic_add_fetch(&call->refs, 1, __ATOMIC_RELAXED);
    return call;
}

void call_unref(Call *call)
{
    Client *client = call->client;
    Rpc *rpc = client->service->rpc;

    if (__atomic_sub_fetch(&call->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    release_parts(call);
    g_free(call);
    client_unref(client);
    __atomic_sub_fetch(&rpc->calls, 1, __ATOMIC_RELEASE);
}

void call_taken(Call *call, bool first)
{
    ClientUse *use = &call->client->use;
    int64_t now = clock_now(), waited = now - call->received;

    call_phase(call, CALL_RAN, now);
    if (!first)
        return;
    __atomic_add_fetch(&use->taken, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&use->waited, (uint64_t)MAX(waited, 0), __ATOMIC_RELAXED);
}

bool client_has_room(Client *client, size_t bytes, unsigned n_fds)
{
    bool room;

    lock_acquire(&client->lock);
    room = client->running < limit_of(client, max_client_requests)
        || client->waiting < limit_of(client, max_client_queue);
    /* one call may always be as large as it likes */
    if (client->call_bytes > 0 && client->call_bytes + bytes > CALL_BYTES_MAX)
        room = false;
    if (n_fds > 0 && client->call_fds > 0 && client->call_fds + n_fds > CALL_FDS_MAX)
        room = false;
    if (!room)
        client->wants_look = true;
    lock_release(&client->lock);
    return room;
}

void call_to_worker(Call *call)
{
    pool_push(call_pool(call), call);
}

/* The waiting calls that may run now, linked; NULL: none. More than one when the limit was raised. */
static Call *next_waiting_locked(Client *client)
{
    Call *first = client->waiting_first, *last = NULL;

    lock_assert_held(&client->lock);
    if (client->leaving)
        return NULL;
    for (Call *call = first; call && client->running < limit_of(client, max_client_requests); call = call->next) {
        client->waiting--;
        client->running++;
        call->state = CALL_RUNNING;
        last = call;
    }
    if (!last)
        return NULL;
    client->waiting_first = last->next;
    if (!client->waiting_first)
        client->waiting_last = NULL;
    last->next = NULL;
    return first;
}

/* Whether the I/O thread is to look at what it holds back: not for every single place, since each look costs. */
static bool take_look_locked(Client *client)
{
    lock_assert_held(&client->lock);
    if (!client->wants_look || client->waiting > limit_of(client, max_client_queue) / 2)
        return false;
    client->wants_look = false;
    return true;
}

/* After something was taken off the account: lets go on what has waited for it. */
static void account_changed(Client *client, Call *next, bool look)
{
    while (next) {
        Call *call = next;

        next = call->next;
        pool_push(client->service->rpc->pool, call);
    }
    if (look)
        io_wish(client, WISH_LOOK);
}

void call_submit(Call *call)
{
    Client *client = call->client;
    Call *next, *begin = NULL;

    lock_acquire(&client->lock);
    call->charged_bytes = call->payload_size;
    call->charged_fds = call->n_fds;
    client->call_bytes += call->charged_bytes;
    client->call_fds += call->charged_fds;
    call->state = CALL_WAITING;
    if (client->waiting_last)
        client->waiting_last->next = call;
    else
        client->waiting_first = call;
    client->waiting_last = call;
    client->waiting++;
    next = next_waiting_locked(client);
    if (next == call && call->lane == LANE_DOMAIN && client->service->ops->begin)
        begin = g_steal_pointer(&next);
    lock_release(&client->lock);
    account_changed(client, next, false);
    if (begin)
        client->service->ops->begin(begin);
}

static void unlist_parked_locked(Call *call)
{
    Client *client = call->client;

    lock_assert_held(&client->lock);
    if (!call->listed)
        return;
    if (call->prev)
        call->prev->next = call->next;
    else
        client->parked = call->next;
    if (call->next)
        call->next->prev = call->prev;
    call->next = call->prev = NULL;
    call->listed = false;
}

/* Takes a parked call back into the running ones; it may exceed the limit then, since it has had its turn. */
static void unpark_locked(Call *call)
{
    Client *client = call->client;

    g_assert(call->state == CALL_PARKED);
    unlist_parked_locked(call);
    if (call->free_while_parked) {
        client->n_parked--;
        client->running++;
    }
    call->free_while_parked = false;    /* it may be parked once more, and go on before it is listed */
    call->state = CALL_RUNNING;
}

static void leave_account(Call *call)
{
    Client *client = call->client;
    Call *next;
    bool look;

    lock_acquire(&client->lock);
    if (call->state == CALL_PARKED)
        unpark_locked(call);
    if (call->state == CALL_RUNNING)
        client->running--;
    call->state = CALL_UNCOUNTED;
    client->call_bytes -= call->charged_bytes;
    client->call_fds -= call->charged_fds;
    next = next_waiting_locked(client);
    look = take_look_locked(client);
    lock_release(&client->lock);
    account_changed(client, next, look);
}

void call_end(Call *call)
{
    g_assert(!call->answered);
    call->answered = true;
    call_count(call);
    if (call->inline_call) {
        release_parts(call);
        return;
    }
    leave_account(call);
    if (call->login)
        login_call_end(call->client);
    call_unref(call);
}

void call_park(Call *call)
{
    g_assert(!call->inline_call);
    call_ref(call);    /* until call_unpark or call_parked: another thread may end it before that */
    lock_acquire(&call->client->lock);
    call->state = CALL_PARKED;
    call->parking++;
    lock_release(&call->client->lock);
}

void call_unpark(Call *call)
{
    lock_acquire(&call->client->lock);
    call->parking--;
    unpark_locked(call);
    lock_release(&call->client->lock);
    call_unref(call);
}

/* It may be dropped with its client from now on, and others may have its place in the budget. */
static void list_parked_locked(Call *call)
{
    Client *client = call->client;

    lock_assert_held(&client->lock);
    call->prev = NULL;
    call->next = client->parked;
    if (call->next)
        call->next->prev = call;
    client->parked = call;
    call->listed = true;
    call->free_while_parked = client->n_parked < limit_of(client, max_client_parked);
    if (call->free_while_parked) {
        client->n_parked++;
        client->running--;
    }
}

void call_parked(Call *call)
{
    Client *client = call->client;
    Call *next = NULL;
    bool look = false, parked, leaving;

    lock_acquire(&client->lock);
    /* It may have been resumed and parked anew by another worker, which is in the midst of it. */
    call->parking--;
    parked = call->state == CALL_PARKED && call->parking == 0;
    leaving = client->leaving;
    if (parked && !leaving) {
        list_parked_locked(call);
        next = next_waiting_locked(client);
        look = take_look_locked(client);
    }
    lock_release(&client->lock);
    account_changed(client, next, look);
    if (parked && leaving && client->service->ops->abandon(call))
        call_end(call);
    call_unref(call);
}

void call_resume(Call *call)
{
    lock_acquire(&call->client->lock);
    unpark_locked(call);
    lock_release(&call->client->lock);
    pool_push_resumed(call_pool(call), call);
}

bool call_client_left(Call *call)
{
    bool left;

    lock_acquire(&call->client->lock);
    left = call->client->leaving;
    lock_release(&call->client->lock);
    return left;
}

Call *client_take_waiting(Client *client)
{
    Call *call;

    lock_acquire(&client->lock);
    call = client->waiting_first;
    if (call) {
        client->waiting_first = call->next;
        if (!client->waiting_first)
            client->waiting_last = NULL;
        client->waiting--;
        call->state = CALL_UNCOUNTED;
    }
    lock_release(&client->lock);
    return call;
}

Call *client_take_parked(Client *client)
{
    Call *call;

    lock_acquire(&client->lock);
    call = client->parked;
    if (call)
        unlist_parked_locked(call_ref(call));
    lock_release(&client->lock);
    return call;
}
