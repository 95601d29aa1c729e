/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (5) The workers: threads that run calls which may block. Calls come from call.c and login.c and leave through
 * ops->serve; only worker threads run here. Which call is next is in pool-turns.c and pool-match.c, how many compute at
 * once in pool-compute.c, and how threads begin in pool-start.c.
 *
 *   started ─▶ looks ─▶ runs a call ─┐        a thread more when a call finds all busy, up to `max`;
 *               ▲ │ ◀────────────────┘        one that is too many resigns when it has no call, and is
 *               │ └──▶ sleeps ─┐              joined by the next that does, or by pool_stop
 *               └──────────────┘
 *
 * For call.c, login.c, client.c, io.c and rpc.c; what they may call is in client-private.h. Takes LOCK_POOL, and inside
 * it LOCK_LOG when it tells of calls that don't end. Never reads a socket, never waits for a domain: a call whose turn has
 * not come is parked by the service instead. */
#include "rpc/pool-private.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/probe.h"

LOG_SOURCE("rpc.pool");

/* A worker's buffer for answers is kept for its next call up to this size. */
enum { KEPT_OUTPUT = 1048576 };

/* --- a worker's thread ---------------------------------------------------------------------------- */

static void run_call(Worker *worker, Call *call)
{
    PROBE_LANE_TAKEN(call->client->identity.id, call->proc->name, call->header.serial, (int)call->lane);
    call->out = &worker->out;
    call_taken(call, !call->server);
    if (!call->server && call_client_left(call))
        call_end(call);    /* nobody waits for it, and nothing was begun */
    else if (call->run)
        call->run(call);
    else
        call->client->service->ops->serve(call);
    if (worker->out.capacity > KEPT_OUTPUT) {
        xdr_out_deinit(&worker->out);
        xdr_out_init(&worker->out, NULL, 0);
    }
}

/* What the end of its last call has made possible, and this one of `class` doesn't use, is another worker's. */
static void pass_room_on_locked(Worker *worker, TurnClass class, Wake *wake)
{
    Pool *pool = worker->pool;

    lock_assert_held(&pool->lock);
    if (worker->freed != TURN_CLASSES && worker->freed != class && pool_has_calls_locked(pool, worker->freed))
        pool_wake_locked(pool, worker->freed, wake);
    if (worker->room && pool->queued > 0 && pool->crews[ORDINARY].idle > pool->crews[ORDINARY].waking)
        pool_look_locked(pool, wake);
}

/* Gives the lock up while the call runs. */
static void serve_locked(Worker *worker, Call *call, Wake *wake)
{
    Pool *pool = worker->pool;
    TurnClass class = call->turn;

    worker->proc = call->proc;
    worker->client_id = call->client->identity.id;
    pass_room_on_locked(worker, class, wake);
    lock_release(&pool->lock);
    pool_wake_up(pool, wake);
    run_call(worker, call);
    worker->room = pool_call_ended(worker);
    lock_assert_none();
    lock_acquire(&pool->lock);
    worker->proc = NULL;
    worker->freed = pool_give_place_back_locked(pool, class, worker->kind);
}

/* Until somebody wakes it. It has looked at everything: there is no room that others would have to hear of. */
static void sleep_locked(Worker *worker)
{
    Pool *pool = worker->pool;
    Crew *crew = &pool->crews[worker->kind];

    lock_assert_held(&pool->lock);
    crew->idle++;
    cond_wait(&crew->wake, &pool->lock);
    crew->idle--;
    if (crew->waking > 0)
        crew->waking--;
    worker->freed = TURN_CLASSES;
    worker->room = false;
}

/* A call, or a sleep until there may be one. Gives the lock up meanwhile. */
static void work_locked(Worker *worker)
{
    Pool *pool = worker->pool;
    Wake wake = { 0 };
    Call *call = pool_take_call_locked(worker, &wake);

    if (call) {
        serve_locked(worker, call, &wake);
    } else if (wake.io || wake.workers[PRIO]) {
        lock_release(&pool->lock);
        pool_wake_up(pool, &wake);
        lock_acquire(&pool->lock);
    } else {
        sleep_locked(worker);
    }
}

static bool is_surplus_locked(const Worker *worker)
{
    const Pool *pool = worker->pool;

    lock_assert_held(&pool->lock);
    return pool->crews[worker->kind].n > (worker->kind == PRIO ? pool->limits.prio : pool->limits.max);
}

/* A surplus worker goes; what it may have been woken for is another's then. Returns who went before it. */
static Worker *resign_locked(Worker *worker, Wake *wake)
{
    Pool *pool = worker->pool;
    Worker *before = pool->ended;

    lock_assert_held(&pool->lock);
    g_ptr_array_remove_fast(pool->workers, worker);
    pool->crews[worker->kind].n--;
    pool->ended = worker;
    if (pool->queued > 0)
        pool_look_locked(pool, wake);
    return before;
}

/* Its thread has been joined. */
static void worker_free(Worker *worker)
{
    xdr_out_deinit(&worker->out);
    g_free(worker);
}

static void join_worker(Worker *worker)
{
    g_thread_join(worker->thread);
    worker_free(worker);
}

/* Of the workers that end while the pool lives each joins the one before, so that at most one is left over. */
void *pool_worker_main(void *data)
{
    Worker *worker = data, *before = NULL;
    Pool *pool = worker->pool;
    Wake wake = { 0 };

    worker->thread = g_thread_self();
    measure_thread_begin(pool->rpc->measure);
    worker->waiter.changed = pool_worker_waits;
    waiting_watch(&worker->waiter);
    lock_acquire(&pool->lock);
    pool_worker_is_there_locked(worker);
    while (!pool->stopping && !is_surplus_locked(worker))
        work_locked(worker);
    if (!pool->stopping)
        before = resign_locked(worker, &wake);
    lock_release(&pool->lock);
    pool_wake_up(pool, &wake);
    measure_thread_end(pool->rpc->measure);
    if (before)
        join_worker(before);
    return NULL;
}

/* --- how many there are --------------------------------------------------------------------------- */

/* Those that must be there, and those that queued calls want. */
static void start_missing_locked(Pool *pool, Wake *wake)
{
    const Crew *ordinary = &pool->crews[ORDINARY], *prio = &pool->crews[PRIO];
    unsigned wanted = MAX(pool->limits.min, MIN(pool->limits.max, ordinary->n - ordinary->idle + pool->queued));

    lock_assert_held(&pool->lock);
    while (ordinary->n < wanted && pool_start_worker_locked(pool, ORDINARY, wake))
        continue;
    while (prio->n < pool->limits.prio && pool_start_worker_locked(pool, PRIO, wake))
        continue;
}

static void wake_all(Pool *pool)
{
    for (Kind kind = 0; kind < KINDS; kind++)
        cond_broadcast(&pool->crews[kind].wake);
}

static unsigned changed(unsigned now, unsigned wanted)
{
    return wanted == WORKERS_AS_BEFORE ? now : wanted;
}

static bool set_limits_locked(Pool *pool, const WorkerLimits *limits, Wake *wake)
{
    WorkerLimits new;

    lock_assert_held(&pool->lock);
    new = (WorkerLimits){
        .min = changed(pool->limits.min, limits->min), .max = changed(pool->limits.max, limits->max),
        .prio = changed(pool->limits.prio, limits->prio),
    };
    if (new.max == 0 || new.min > new.max)
        return false;
    pool->limits = new;
    if (!pool->stopping)
        start_missing_locked(pool, wake);
    return true;
}

bool pool_set_limits(Pool *pool, const WorkerLimits *limits)
{
    Wake wake = { 0 };
    bool good;

    lock_acquire(&pool->lock);
    good = set_limits_locked(pool, limits, &wake);
    lock_release(&pool->lock);
    pool_wake_up(pool, &wake);
    wake_all(pool);    /* idle ones that are too many find that out themselves */
    return good;
}

void rpc_set_identity_workers(Rpc *rpc, unsigned most)
{
    Pool *pool = rpc->pool;

    lock_acquire(&pool->lock);
    pool->most_of_one = most;
    lock_release(&pool->lock);
    pool_look_for_all(pool);
}

/* --- a pool begins and ends ------------------------------------------------------------------------ */

Pool *pool_new(Rpc *rpc, unsigned min, unsigned max, unsigned prio)
{
    Pool *pool = g_new0(Pool, 1);
    Wake wake = { 0 };

    pool->rpc = rpc;
    pool->limits = (WorkerLimits){ .min = MIN(min, MAX(max, 1)), .max = MAX(max, 1), .prio = prio };
    pool->max_bulk = MAX(1, g_get_num_processors() - 1);
    pool->max_computing = MAX(2, g_get_num_processors());
    pool->workers = g_ptr_array_new();
    lock_init(&pool->lock, LOCK_POOL);
    for (Kind kind = 0; kind < KINDS; kind++)
        cond_init(&pool->crews[kind].wake);
    cond_init(&pool->no_fresh);
    lock_acquire(&pool->lock);
    start_missing_locked(pool, &wake);
    lock_release(&pool->lock);
    pool_wake_up(pool, &wake);
    return pool;
}

void pool_stop(Pool *pool)
{
    lock_acquire(&pool->lock);
    pool->stopping = true;
    wake_all(pool);
    while (pool->crews[ORDINARY].fresh > 0 || pool->crews[PRIO].fresh > 0)
        cond_wait(&pool->no_fresh, &pool->lock);
    lock_release(&pool->lock);
    for (unsigned i = 0; i < pool->workers->len; i++)    /* pool_tell_stuck looks at all of them meanwhile */
        g_thread_join(((Worker *)g_ptr_array_index(pool->workers, i))->thread);
    lock_acquire(&pool->lock);
    for (unsigned i = 0; i < pool->workers->len; i++)
        worker_free(g_ptr_array_index(pool->workers, i));
    g_ptr_array_set_size(pool->workers, 0);
    lock_release(&pool->lock);
    if (pool->ended)
        join_worker(pool->ended);
    pool->ended = NULL;
}

Call *pool_take_left(Pool *pool)
{
    Call *call = NULL;

    LOCK_SCOPE(&pool->lock);
    for (TurnClass class = 0; class < TURN_CLASSES && !call; class++)
        call = pool_take_turn_locked(pool, class);
    return call;
}

void pool_free(Pool *pool)
{
    g_ptr_array_unref(pool->workers);
    cond_deinit(&pool->no_fresh);
    for (Kind kind = 0; kind < KINDS; kind++)
        cond_deinit(&pool->crews[kind].wake);
    lock_deinit(&pool->lock);
    g_free(pool);
}

/* --- what others ask of it ------------------------------------------------------------------------- */

static void push(Pool *pool, Call *call, TurnClass class)
{
    Wake wake = { 0 };

    PROBE_LANE_QUEUED(call->client->identity.id, call->proc->name, call->header.serial, (int)call->lane);
    lock_acquire(&pool->lock);
    pool_queue_locked(pool, call, class);
    pool_wake_locked(pool, class, &wake);
    lock_release(&pool->lock);
    pool_wake_up(pool, &wake);
}

void pool_push(Pool *pool, Call *call)
{
    push(pool, call, turn_class_of(call));
}

/* The pool stays until no call is left, and this one may have ended when its worker is woken. */
void pool_push_resumed(Pool *pool, Call *call)
{
    Rpc *rpc = pool->rpc;

    __atomic_add_fetch(&rpc->calls, 1, __ATOMIC_RELAXED);
    push(pool, call, turn_class_resumed(turn_class_of(call)));
    __atomic_sub_fetch(&rpc->calls, 1, __ATOMIC_RELEASE);
}

void pool_look(Pool *pool)
{
    Wake wake = { 0 };

    lock_acquire(&pool->lock);
    pool->unread = pool->starved = false;
    pool_look_locked(pool, &wake);
    lock_release(&pool->lock);
    pool_wake_up(pool, &wake);
}

void pool_look_for_all(Pool *pool)
{
    Wake wake = { 0 };

    lock_acquire(&pool->lock);
    for (unsigned i = MIN(pool->queued, pool->limits.max); i > 0; i--)
        pool_look_locked(pool, &wake);
    lock_release(&pool->lock);
    pool_wake_up(pool, &wake);
}

void pool_info(Pool *pool, WorkerInfo *info)
{
    LOCK_SCOPE(&pool->lock);
    *info = (WorkerInfo){
        .limits = pool->limits, .queued = pool->queued,
        .workers = pool->crews[ORDINARY].n, .idle = pool->crews[ORDINARY].idle,
    };
}

void pool_tell_stuck(Pool *pool)
{
    LOCK_SCOPE(&pool->lock);
    for (unsigned i = 0; i < pool->workers->len; i++) {
        const Worker *worker = g_ptr_array_index(pool->workers, i);

        if (worker->proc)
            log_error("the call %s of client %" PRIu64 " doesn't end", worker->proc->name, worker->client_id);
    }
}
