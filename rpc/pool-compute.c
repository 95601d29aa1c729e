/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who of the workers computes: new calls are begun while fewer do than there are processors. More would share the
 * processors with the I/O threads, and wait for locks of each other's that a thread without a processor holds.
 *
 *          pool_compute_begin           waiting_begin, or found out by pool_unstick
 *   OTHER ───────────────────▶ COMPUTE ─────────────────────────────────────────────▶ WAIT
 *     ▲                        │     ◀────────────── waiting_end ──────────────────────┤
 *     └── pool_compute_end ────┴───────────────────────────────────────────────────────┘
 *
 * A worker that waits says so (base/waiting.h). One that doesn't say it is found out: while calls are held up, an I/O
 * thread looks every few milliseconds, and a worker that is still with the same call no longer counts. A high call
 * isn't held up: one priority worker may compute beside the others, and counts apart.
 *
 * For the other files of the pool, the I/O threads (pool_is_held, pool_unstick), and workers as they begin and end
 * waiting. The counts are atomic and follow `doing` of each worker, so that each counts once. Takes LOCK_POOL and no
 * other lock inside it. */
#include "rpc/pool-private.h"

#include <stddef.h>

#include "base/clock.h"

/* Where it counts while it is with a counted call. */
static int *count_of(const Worker *worker)
{
    return &worker->pool->crews[worker->kind].computing;
}

static bool is_full_with(const Pool *pool, unsigned coming)
{
    return __atomic_load_n(&pool->crews[ORDINARY].computing, __ATOMIC_SEQ_CST) + (int)coming >= (int)pool->max_computing;
}

bool pool_is_full(const Pool *pool)
{
    return is_full_with(pool, 0);
}

bool pool_is_full_soon_locked(const Pool *pool)
{
    lock_assert_held(&pool->lock);
    return is_full_with(pool, pool->crews[ORDINARY].waking + pool->crews[ORDINARY].fresh);
}

void pool_hold_locked(Pool *pool, Wake *wake)
{
    lock_assert_held(&pool->lock);
    if (__atomic_load_n(&pool->held, __ATOMIC_RELAXED))
        return;
    __atomic_store_n(&pool->held, 1, __ATOMIC_RELAXED);
    wake->io = true;
}

void pool_compute_begin_locked(Worker *worker)
{
    lock_assert_held(&worker->pool->lock);
    worker->n_calls++;
    __atomic_add_fetch(count_of(worker), 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&worker->doing, DOING_COMPUTE, __ATOMIC_RELEASE);
}

void pool_compute_end(Worker *worker)
{
    if (__atomic_exchange_n(&worker->doing, DOING_OTHER, __ATOMIC_ACQ_REL) == DOING_COMPUTE)
        __atomic_sub_fetch(count_of(worker), 1, __ATOMIC_SEQ_CST);
}

/* From one to the other, unless it does something else by now. True: it did. */
static bool change_doing(Worker *worker, Doing from, Doing to)
{
    if (!__atomic_compare_exchange_n(&worker->doing, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return false;
    __atomic_add_fetch(count_of(worker), to == DOING_COMPUTE ? 1 : -1, __ATOMIC_SEQ_CST);
    return true;
}

/* A worker each for the first high and the first ordinary of the new calls: when the high one's identity has enough
 * workers already, that says nothing of ordinary ones. */
static void wake_for_new_calls_locked(Pool *pool, Wake *wake)
{
    if (pool_has_calls_locked(pool, TURN_HIGH))
        pool_wake_locked(pool, TURN_HIGH, wake);
    if (pool_has_calls_locked(pool, TURN_NORMAL))
        pool_wake_locked(pool, TURN_NORMAL, wake);
}

/* While it waits others may compute in its place. Either this thread sees that a call is queued, or who queues it sees
 * that this one waits: both write before they read. */
void pool_worker_waits(Waiter *waiter, bool waits)
{
    Worker *worker = (Worker *)((char *)waiter - offsetof(Worker, waiter));
    Pool *pool = worker->pool;
    Wake wake = { 0 };

    if (!waits) {
        change_doing(worker, DOING_WAIT, DOING_COMPUTE);
        return;
    }
    if (!change_doing(worker, DOING_COMPUTE, DOING_WAIT) || __atomic_load_n(&pool->queued, __ATOMIC_SEQ_CST) == 0)
        return;
    lock_acquire(&pool->lock);
    wake_for_new_calls_locked(pool, &wake);
    lock_release(&pool->lock);
    pool_wake_up(pool, &wake);
}

bool pool_is_held(const Pool *pool)
{
    return __atomic_load_n(&pool->held, __ATOMIC_RELAXED);
}

/* A worker that has been with one call since the last look waits for something, as far as one can tell. */
static void look_at_workers_locked(Pool *pool)
{
    lock_assert_held(&pool->lock);
    for (unsigned i = 0; i < pool->workers->len; i++) {
        Worker *worker = g_ptr_array_index(pool->workers, i);

        if (worker->n_seen != worker->n_calls)
            worker->n_seen = worker->n_calls;
        else
            change_doing(worker, DOING_COMPUTE, DOING_WAIT);
    }
}

/* Workers for as many new calls as may be begun beside those that compute and those that are on their way. When there
 * is room for more than that, calls wait for want of a worker, and not since others compute: who ends one will look. */
static void let_begin_locked(Pool *pool, Wake *wake)
{
    for (unsigned i = 0; i < pool->max_computing && !pool_is_full_soon_locked(pool); i++)
        wake_for_new_calls_locked(pool, wake);
    if (pool_is_full_soon_locked(pool))
        pool_wake_beside_locked(pool, pool_first_new_class_locked(pool), wake);
    else
        __atomic_store_n(&pool->held, 0, __ATOMIC_RELAXED);
}

static bool is_time_to_look(const Pool *pool, int64_t now)
{
    return now >= __atomic_load_n(&pool->next_look, __ATOMIC_RELAXED);
}

static void look_locked(Pool *pool, int64_t now, Wake *wake)
{
    lock_assert_held(&pool->lock);
    __atomic_store_n(&pool->next_look, now + POOL_LOOK_MS * CLOCK_MS, __ATOMIC_RELAXED);
    if (pool_has_new_calls_locked(pool)) {
        look_at_workers_locked(pool);
        let_begin_locked(pool, wake);
    } else {
        __atomic_store_n(&pool->held, 0, __ATOMIC_RELAXED);
    }
}

void pool_unstick(Pool *pool, int64_t now)
{
    Wake wake = { 0 };

    if (!is_time_to_look(pool, now))    /* I/O threads come with each turn of theirs */
        return;
    lock_acquire(&pool->lock);
    if (is_time_to_look(pool, now))
        look_locked(pool, now, &wake);
    lock_release(&pool->lock);
    pool_wake_up(pool, &wake);
}
