/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (5) The workers: threads that run calls which may block, taking clients in turn.
 * Calls come from call.c and leave through ops->serve; only worker threads run here.
 * Takes LOCK_POOL and no other lock inside it. Never reads a socket, never waits for a domain:
 * a call whose turn has not come is parked by the service instead.
 *
 * Each client has one turn per class. High calls may also be taken by the priority workers, so that
 * they get through when all ordinary workers are busy. Bulk calls cost CPU rather than time: few run at
 * once, and none for a client that has not read its last answers. */
#include "rpc/client-private.h"

#include "base/log.h"

LOG_SOURCE("rpc.pool");

typedef struct Round {
    Turn *first, *last;
} Round;

typedef struct Queue {
    Call *first, *last;
} Queue;

typedef struct Worker {
    Pool *pool;
    GThread *thread;
    XdrOut out;
    bool prio;
} Worker;

struct Pool {
    /* fixed */
    Rpc *rpc;
    unsigned max_bulk;
    /* under LOCK_POOL */
    Lock lock;
    Cond wake, wake_prio;
    Round rounds[TURN_CLASSES];
    Queue resumed[2];         /* ordinary ones, high ones */
    unsigned min, max, n_workers, idle, n_prio, idle_prio, bulk;
    unsigned waking, waking_prio;    /* idle workers that were signalled and have not run yet */
    unsigned tick;            /* alternates between high and ordinary calls */
    bool stopping, starved;   /* starved: a thread could not be started, and the log has a line about it */
    GPtrArray *workers;       /* of Worker */
};

static TurnClass class_of(const Call *call)
{
    if (call->lane == LANE_BULK)
        return TURN_BULK;
    return call->proc->flags & PROC_HIGH ? TURN_HIGH : TURN_NORMAL;
}

static void round_append(Round *round, Turn *turn)
{
    turn->next = NULL;
    turn->queued = true;
    if (round->last)
        round->last->next = turn;
    else
        round->first = turn;
    round->last = turn;
}

static Turn *round_take(Round *round)
{
    Turn *turn = round->first;

    round->first = turn->next;
    if (!round->first)
        round->last = NULL;
    turn->next = NULL;
    turn->queued = false;
    return turn;
}

/* The first call of the client whose turn it is; the client goes to the end of the round. */
static Call *take_turn(Round *round)
{
    Turn *turn;
    Call *call;

    if (!round->first)
        return NULL;
    turn = round_take(round);
    call = turn->first;
    turn->first = call->next;
    if (turn->first)
        round_append(round, turn);
    else
        turn->last = NULL;
    call->next = NULL;
    return call;
}

static Call *take_bulk(Pool *pool)
{
    Round *round = &pool->rounds[TURN_BULK];

    if (!round->first || pool->bulk >= pool->max_bulk)
        return NULL;
    for (Turn *last = round->last;;) {
        Turn *turn = round->first;

        if (!outbox_congested(turn->client)) {
            pool->bulk++;
            return take_turn(round);
        }
        round_append(round, round_take(round));
        if (turn == last)
            return NULL;
    }
}

static Call *queue_take(Queue *queue)
{
    Call *call = queue->first;

    if (call) {
        queue->first = call->next;
        if (!queue->first)
            queue->last = NULL;
        call->next = NULL;
    }
    return call;
}

static Queue *resumed_of(Pool *pool, TurnClass class)
{
    return &pool->resumed[class == TURN_HIGH];
}

static Call *take_call(Pool *pool, bool prio)
{
    Call *call = NULL;
    bool high_first = pool->tick++ % 4 != 0;

    lock_assert_held(&pool->lock);
    if ((call = queue_take(resumed_of(pool, TURN_HIGH))))
        return call;
    if (prio)
        return take_turn(&pool->rounds[TURN_HIGH]);
    if ((call = queue_take(resumed_of(pool, TURN_NORMAL))))
        return call;
    for (int i = 0; i < 2 && !call; i++)
        call = take_turn(&pool->rounds[(i == 0) == high_first ? TURN_HIGH : TURN_NORMAL]);
    return call ? call : take_bulk(pool);
}

static void run_call(Worker *worker, Call *call)
{
    call->out = &worker->out;
    if (!call->server && call_client_left(call))
        call_end(call);    /* nobody waits for it, and nothing was begun */
    else
        call->client->service->ops->serve(call);
    if (worker->out.capacity > 1048576) {
        xdr_out_deinit(&worker->out);
        xdr_out_init(&worker->out, NULL, 0);
    }
}

static void wake_locked(Pool *pool, TurnClass class);

static void *worker_main(void *data)
{
    Worker *worker = data;
    Pool *pool = worker->pool;
    bool freed = false;    /* a bulk call's place, for which this worker has not looked yet */

    lock_acquire(&pool->lock);
    while (!pool->stopping) {
        Call *call = take_call(pool, worker->prio);
        bool bulk;

        if (!call) {
            unsigned *idle = worker->prio ? &pool->idle_prio : &pool->idle;
            unsigned *waking = worker->prio ? &pool->waking_prio : &pool->waking;

            ++*idle;
            cond_wait(worker->prio ? &pool->wake_prio : &pool->wake, &pool->lock);
            --*idle;
            if (*waking > 0)
                --*waking;
            freed = false;
            continue;
        }
        bulk = call->lane == LANE_BULK;
        if (freed && !bulk && pool->rounds[TURN_BULK].first)
            wake_locked(pool, TURN_BULK);    /* another one takes that place */
        lock_release(&pool->lock);
        run_call(worker, call);
        lock_assert_none();
        lock_acquire(&pool->lock);
        freed = bulk;
        if (bulk)
            pool->bulk--;
    }
    lock_release(&pool->lock);
    return NULL;
}

static bool start_worker_locked(Pool *pool, bool prio)
{
    Worker *worker = g_new0(Worker, 1);

    worker->pool = pool;
    worker->prio = prio;
    xdr_out_init(&worker->out, NULL, 0);
    worker->thread = g_thread_try_new(prio ? "prio-worker" : "worker", worker_main, worker, NULL);
    if (!worker->thread) {
        if (!pool->starved)
            log_error("cannot start another worker beside %u; trying again", pool->n_workers);
        pool->starved = true;
        g_free(worker);
        return false;
    }
    pool->starved = false;
    g_ptr_array_add(pool->workers, worker);
    if (prio)
        pool->n_prio++;
    else
        pool->n_workers++;
    return true;
}

Pool *pool_new(Rpc *rpc, unsigned min, unsigned max, unsigned prio)
{
    Pool *pool = g_new0(Pool, 1);

    pool->rpc = rpc;
    pool->min = min;
    pool->max = MAX(max, 1);
    pool->max_bulk = MAX(1, g_get_num_processors() - 1);
    pool->workers = g_ptr_array_new();
    lock_init(&pool->lock, LOCK_POOL);
    cond_init(&pool->wake);
    cond_init(&pool->wake_prio);
    lock_acquire(&pool->lock);
    for (unsigned i = 0; i < min && i < max; i++)
        start_worker_locked(pool, false);
    for (unsigned i = 0; i < prio; i++)
        start_worker_locked(pool, true);
    lock_release(&pool->lock);
    return pool;
}

void pool_stop(Pool *pool)
{
    lock_acquire(&pool->lock);
    pool->stopping = true;
    cond_broadcast(&pool->wake);
    cond_broadcast(&pool->wake_prio);
    lock_release(&pool->lock);
    for (unsigned i = 0; i < pool->workers->len; i++) {
        Worker *worker = g_ptr_array_index(pool->workers, i);

        g_thread_join(worker->thread);
        xdr_out_deinit(&worker->out);
        g_free(worker);
    }
    g_ptr_array_set_size(pool->workers, 0);
}

Call *pool_take_left(Pool *pool)
{
    Call *call;

    lock_acquire(&pool->lock);
    call = queue_take(resumed_of(pool, TURN_HIGH));
    if (!call)
        call = queue_take(resumed_of(pool, TURN_NORMAL));
    for (unsigned i = 0; i < TURN_CLASSES && !call; i++)
        call = take_turn(&pool->rounds[i]);
    lock_release(&pool->lock);
    return call;
}

void pool_free(Pool *pool)
{
    g_ptr_array_unref(pool->workers);
    cond_deinit(&pool->wake);
    cond_deinit(&pool->wake_prio);
    lock_deinit(&pool->lock);
    g_free(pool);
}

/* Somebody must look at the queues. A new worker is started when all are busy. */
static void wake_locked(Pool *pool, TurnClass class)
{
    if (class == TURN_BULK && pool->bulk >= pool->max_bulk)
        return;    /* who ends one of them will look */
    if (pool->idle > pool->waking) {
        pool->waking++;
        cond_signal(&pool->wake);
        return;
    }
    if (pool->n_workers < pool->max && !pool->stopping && start_worker_locked(pool, false))
        return;
    if (class == TURN_HIGH && pool->idle_prio > pool->waking_prio) {
        pool->waking_prio++;
        cond_signal(&pool->wake_prio);
    }
}

void pool_push(Pool *pool, Call *call)
{
    TurnClass class = class_of(call);
    Turn *turn = &call->client->turns[class];

    lock_acquire(&pool->lock);
    call->next = NULL;
    if (turn->first)
        turn->last->next = call;
    else
        turn->first = call;
    turn->last = call;
    if (!turn->queued)
        round_append(&pool->rounds[class], turn);
    wake_locked(pool, class);
    lock_release(&pool->lock);
}

void pool_push_resumed(Pool *pool, Call *call)
{
    TurnClass class = class_of(call);
    Queue *queue = resumed_of(pool, class);

    lock_acquire(&pool->lock);
    call->next = NULL;
    if (queue->last)
        queue->last->next = call;
    else
        queue->first = call;
    queue->last = call;
    wake_locked(pool, class);
    lock_release(&pool->lock);
}

void pool_look(Pool *pool)
{
    lock_acquire(&pool->lock);
    if (pool->rounds[TURN_HIGH].first || resumed_of(pool, TURN_HIGH)->first)
        wake_locked(pool, TURN_HIGH);
    if (pool->rounds[TURN_NORMAL].first || resumed_of(pool, TURN_NORMAL)->first)
        wake_locked(pool, TURN_NORMAL);
    /* what waits for its reader is no reason to start a thread */
    if (pool->rounds[TURN_BULK].first && (pool->idle > pool->waking || pool->n_workers == 0))
        wake_locked(pool, TURN_BULK);
    lock_release(&pool->lock);
}
