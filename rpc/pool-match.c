/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls and workers find each other: which call a worker takes that has none, and which worker is woken for a call that
 * has come. For the other files of the pool; any thread, under LOCK_POOL. Takes no other lock.
 *
 * Ordinary workers take any call: first those that hold a domain already, then proofs of identity, new calls as far as
 * others don't compute, then handshakes and bulk calls, of which each eighth time one goes before new calls. Priority
 * workers take high calls, so that these get through when all ordinary workers are busy, and after them a few of the
 * proofs, and of the bulk calls, which never wait for a guest.
 *
 * No call is left alone: whoever leaves one in its queue knows who will look next. For want of a place, that is the
 * worker who ends a call of the same class or identity; while enough compute, who begins to wait, or the I/O thread in
 * pool_unstick; and whoever calls pool_look when a client has not read its answers or a thread could not be started. */
#include "rpc/pool-private.h"

/* --- a call for a worker ------------------------------------------------------------------------- */

/* For a worker that takes nothing that may get stuck. */
static Call *choose_urgent_locked(Pool *pool)
{
    Call *call = pool_take_turn_locked(pool, TURN_RESUMED_HIGH);

    if (!call)
        call = pool_take_turn_locked(pool, TURN_HIGH);
    if (!call)
        call = pool_take_proof_locked(pool, PRIO);
    return call ? call : pool_take_bulk_locked(pool, PRIO);
}

static Call *choose_new_call_locked(Pool *pool, bool high_first, Wake *wake)
{
    Call *call;

    if (!pool_has_new_calls_locked(pool))
        return NULL;
    if (pool_is_full(pool)) {
        pool_wake_beside_locked(pool, pool_first_new_class_locked(pool), wake);
        return NULL;
    }
    call = pool_take_counted_locked(pool, high_first ? TURN_HIGH : TURN_NORMAL);
    return call ? call : pool_take_counted_locked(pool, high_first ? TURN_NORMAL : TURN_HIGH);
}

/* Handshakes and bulk calls, in turn. */
static Call *choose_costly_locked(Pool *pool)
{
    Call *call = NULL;

    for (int i = 0; i < 2 && !call; i++) {
        call = pool->bulk_next ? pool_take_bulk_locked(pool, ORDINARY) : pool_take_login_locked(pool);
        pool->bulk_next = !pool->bulk_next;
    }
    return call;
}

/* A high call goes before an ordinary one but for one time in four, and both before what is costly but for one in
 * eight: else none of that would be served as long as new calls keep all workers busy. */
static Call *choose_any_locked(Pool *pool, Wake *wake)
{
    unsigned tick = pool->tick++;
    bool high_first = tick % 4 != 0, costly_first = tick % 8 == 7;
    Call *call = pool_take_counted_locked(pool, TURN_RESUMED_HIGH);

    if (!call)
        call = pool_take_counted_locked(pool, TURN_RESUMED);
    if (!call)
        call = pool_take_proof_locked(pool, ORDINARY);    /* few at once, so that they keep nobody waiting */
    if (!call && costly_first)
        call = choose_costly_locked(pool);
    if (!call)
        call = choose_new_call_locked(pool, high_first, wake);
    return call || costly_first ? call : choose_costly_locked(pool);
}

Call *pool_take_call_locked(Worker *worker, Wake *wake)
{
    Pool *pool = worker->pool;
    Call *call;

    lock_assert_held(&pool->lock);
    call = worker->kind == PRIO ? choose_urgent_locked(pool) : choose_any_locked(pool, wake);
    if (!call)
        return NULL;
    worker->client = client_ref(call->client);
    __atomic_add_fetch(&worker->client->working, 1, __ATOMIC_RELAXED);
    if (!turn_class_is_counted(call->turn))
        return call;
    pool_compute_begin_locked(worker);
    if (worker->kind == PRIO)
        return call;
    worker->who = client_who(call->client);
    __atomic_add_fetch(&worker->who->working, 1, __ATOMIC_RELAXED);
    return call;
}

bool pool_call_ended(Worker *worker)
{
    bool counted = worker->who != NULL;

    pool_compute_end(worker);
    if (counted)
        __atomic_sub_fetch(&worker->who->working, 1, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&worker->client->working, 1, __ATOMIC_RELAXED);
    worker->who = NULL;
    client_unref(g_steal_pointer(&worker->client));
    return counted;
}

/* --- a worker for a call ------------------------------------------------------------------------- */

static bool has_sleeper_locked(const Pool *pool, Kind kind)
{
    lock_assert_held(&pool->lock);
    return pool->crews[kind].idle > pool->crews[kind].waking;
}

static void wake_sleeper_locked(Pool *pool, Kind kind, Wake *wake)
{
    lock_assert_held(&pool->lock);
    pool->crews[kind].waking++;
    wake->workers[kind]++;
}

/* One priority worker that computes looks when it ends, and is found out like the others when it doesn't. */
void pool_wake_beside_locked(Pool *pool, TurnClass class, Wake *wake)
{
    Crew *prio = &pool->crews[PRIO];

    pool_hold_locked(pool, wake);
    if (class != TURN_HIGH || !has_sleeper_locked(pool, PRIO))
        return;
    if (__atomic_load_n(&prio->computing, __ATOMIC_SEQ_CST) <= 0 && prio->waking == 0)
        wake_sleeper_locked(pool, PRIO, wake);
}

static bool is_for_prio_locked(const Pool *pool, TurnClass class)
{
    switch (class) {
    case TURN_HIGH:
    case TURN_RESUMED_HIGH:
        return true;
    case TURN_PROOF:
        return pool_may_take_proof_locked(pool, PRIO);
    case TURN_BULK:
        return pool_may_take_bulk_locked(pool, PRIO);
    case TURN_NORMAL:
    case TURN_RESUMED:
    case TURN_LOGIN:
    case TURN_CLASSES:
    default:
        return false;
    }
}

static bool may_start_locked(const Pool *pool)
{
    lock_assert_held(&pool->lock);
    return pool->crews[ORDINARY].n < pool->limits.max && !pool->stopping;
}

/* A worker that sleeps or, when all are busy, a new one. */
static bool wake_ordinary_locked(Pool *pool, Wake *wake)
{
    if (!has_sleeper_locked(pool, ORDINARY))
        return may_start_locked(pool) && pool_start_worker_locked(pool, ORDINARY, wake);
    wake_sleeper_locked(pool, ORDINARY, wake);
    return true;
}

/* One that sleeps may look in vain; but what waits for its reader is no reason to start a thread. */
static bool wants_worker_for_bulk_locked(Pool *pool)
{
    if (!pool_may_take_bulk_locked(pool, ORDINARY))
        return false;
    if (has_sleeper_locked(pool, ORDINARY))
        return true;
    return (may_start_locked(pool) || has_sleeper_locked(pool, PRIO)) && pool_bulk_reader_first_locked(pool);
}

void pool_wake_locked(Pool *pool, TurnClass class, Wake *wake)
{
    lock_assert_held(&pool->lock);
    if ((class == TURN_BULK && !wants_worker_for_bulk_locked(pool)) ||
        (class == TURN_LOGIN && !pool_may_take_login_locked(pool)))
        return;    /* who ends one of them will look, or when a client has read */
    if ((class == TURN_HIGH || class == TURN_NORMAL) && pool_is_full_soon_locked(pool)) {
        pool_wake_beside_locked(pool, class, wake);
        return;    /* who ends one, or waits, will look */
    }
    if (pool_has_for_ordinary_locked(pool, class) && wake_ordinary_locked(pool, wake))
        return;
    if (is_for_prio_locked(pool, class) && has_sleeper_locked(pool, PRIO))
        wake_sleeper_locked(pool, PRIO, wake);
}

void pool_look_locked(Pool *pool, Wake *wake)
{
    lock_assert_held(&pool->lock);
    for (TurnClass class = 0; class < TURN_CLASSES; class++)
        if (pool_has_calls_locked(pool, class))
            pool_wake_locked(pool, class, wake);
}

void pool_wake_up(Pool *pool, const Wake *wake)
{
    if (wake->io)
        io_look(pool->rpc->io[0]);
    for (Kind kind = 0; kind < KINDS; kind++)
        for (unsigned i = 0; i < wake->workers[kind]; i++)
            cond_signal(&pool->crews[kind].wake);
    if (G_UNLIKELY(wake->starts))
        pool_start_threads(wake->starts);
}
