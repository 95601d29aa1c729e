/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Workers come to be. Who finds under LOCK_POOL that one is missing makes it there, without its thread; that is begun
 * when the lock is free again, since it takes as long as many looks for a call.
 *
 *   missing ─▶ fresh ──its thread has the lock─▶ (pool.c)
 *                └──there is no thread to be had──▶ freed; the next pool_look lets others try again
 *
 * For the other files of the pool; any thread. Takes LOCK_POOL, and LOCK_LOG without it. */
#include "rpc/pool-private.h"

#include "base/log.h"

LOG_SOURCE("rpc.pool");

bool pool_start_worker_locked(Pool *pool, Kind kind, Wake *wake)
{
    Worker *worker;

    lock_assert_held(&pool->lock);
    if (pool->starved)
        return false;
    worker = g_new0(Worker, 1);
    worker->pool = pool;
    worker->kind = kind;
    worker->freed = TURN_CLASSES;
    xdr_out_init(&worker->out, NULL, 0);
    g_ptr_array_add(pool->workers, worker);
    pool->crews[kind].n++;
    pool->crews[kind].fresh++;
    worker->next = wake->starts;
    wake->starts = worker;
    return true;
}

void pool_worker_is_there_locked(Worker *worker)
{
    Pool *pool = worker->pool;

    lock_assert_held(&pool->lock);
    pool->crews[worker->kind].fresh--;
    pool->told_starved = false;
    if (pool->stopping)
        cond_broadcast(&pool->no_fresh);
}

/* What it was meant for is looked at by others, as far as there are any. True: the log has no line about it yet. */
static bool give_up_locked(Worker *worker, Wake *wake)
{
    Pool *pool = worker->pool;
    bool first = !pool->told_starved;

    lock_assert_held(&pool->lock);
    pool->starved = pool->told_starved = true;
    g_ptr_array_remove_fast(pool->workers, worker);
    pool->crews[worker->kind].n--;
    pool->crews[worker->kind].fresh--;
    cond_broadcast(&pool->no_fresh);
    pool_look_locked(pool, wake);
    return first;
}

static void give_up(Worker *worker)
{
    Pool *pool = worker->pool;
    Wake wake = { 0 };    /* nobody is started while `starved` */
    unsigned n;
    bool first;

    lock_acquire(&pool->lock);
    first = give_up_locked(worker, &wake);
    n = pool->crews[ORDINARY].n;
    lock_release(&pool->lock);
    if (first)
        log_error("cannot start another worker beside %u; trying again", n);
    pool_wake_up(pool, &wake);
    xdr_out_deinit(&worker->out);
    g_free(worker);
}

void pool_start_threads(Worker *worker)
{
    bool good = true;

    while (worker) {
        Worker *next = worker->next;    /* once its thread runs it may be gone at any time */

        good = good && g_thread_try_new(worker->kind == PRIO ? "prio-worker" : "worker", pool_worker_main, worker, NULL);
        if (!good)
            give_up(worker);
        worker = next;
    }
}
