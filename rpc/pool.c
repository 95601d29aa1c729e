/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (5) The workers: threads that run calls which may block, taking clients in turn.
 * Calls come from call.c and leave through ops->serve; only worker threads run here.
 * Takes LOCK_POOL and no other lock inside it. Never reads a socket, never waits for a domain:
 * a call whose turn has not come is parked by the service instead.
 *
 * Identities have their turns one after another, each for as many calls as its weight says, and within an
 * identity its clients. Each client has one turn per class. High calls may also be taken by the priority workers, so that
 * they get through when all ordinary workers are busy. Bulk calls cost CPU rather than time: few run at
 * once, and none for a client that has not read its last answers; since they never wait for a guest, a few of the priority
 * workers take them when all ordinary workers do. Handshakes cost CPU too; proofs of identity may wait for a
 * database, so that a part of the workers is the most that they may hold. New calls are begun while fewer workers compute than
 * there are processors; one that waits (base/waiting.h) doesn't compute, nor one that has been with its call for some
 * milliseconds: an I/O thread looks for those while calls are held up by it. A high call isn't held up: one priority worker may
 * compute beside those. While others are connected, the calls of one identity leave some workers to them. */
#include "rpc/identity.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/probe.h"
#include "base/waiting.h"

LOG_SOURCE("rpc.pool");

typedef struct Round {
    Share *first, *last;
    unsigned n;
} Round;

/* Whom to wake once the pool's lock is released: they would wait for it else. */
typedef struct Wake {
    unsigned workers, prio;
    bool io;                  /* an I/O thread, which sees to calls that are held up (pool_unstick) */
} Wake;

/* What a worker does as far as it counts for `computing` or `computing_high`. */
typedef enum Doing { DOING_OTHER, DOING_COMPUTE, DOING_WAIT } Doing;

typedef struct Worker {
    Pool *pool;
    GThread *thread;
    XdrOut out;
    bool prio;
    Waiter waiter;            /* its thread's: it says so when it waits */
    Doing doing;              /* atomic; whoever takes DOING_COMPUTE away takes it from what computing_of says */
    /* under LOCK_POOL */
    const Proc *proc;         /* of its call; NULL: it is with none */
    uint64_t client_id;       /* who has made that */
    unsigned n_calls, n_seen; /* calls that it has begun, and how many they were when pool_unstick looked */
    /* the call that it is with */
    Client *client;           /* owned */
    Identity *who;            /* NULL: the call isn't counted among its identity's */
} Worker;

struct Pool {
    /* fixed */
    Rpc *rpc;
    unsigned max_bulk;
    unsigned max_computing;   /* ordinary workers that are given calls while so many others compute */
    /* atomic */
    unsigned computing;       /* ordinary workers that are with a call and don't wait */
    unsigned computing_high;  /* priority workers that are with a high call and don't wait */
    int held;                 /* calls wait though workers are idle: pool_unstick is wanted */
    /* under LOCK_POOL */
    Lock lock;
    Cond wake, wake_prio;
    Round rounds[TURN_CLASSES];
    WorkerLimits limits;
    unsigned n_workers, idle, n_prio, idle_prio, logins;
    unsigned bulk[2], proofs[2];    /* that ordinary workers and those for high calls are with */
    unsigned most_of_one;     /* workers for the calls of one identity; 0: four fifths */
    unsigned queued;          /* calls in the rounds; read without the lock as a hint */
    unsigned fresh;           /* ordinary workers that were started and have not run yet */
    int64_t next_look;        /* of pool_unstick; clock_now() */
    unsigned waking, waking_prio;    /* idle workers that were signalled and have not run yet */
    unsigned tick;            /* alternates between high and ordinary calls */
    bool stopping, starved;   /* starved: a thread could not be started, and the log has a line about it */
    GPtrArray *workers;       /* of Worker */
    Worker *ended;            /* the last that ended because it was one too many; not joined yet */
};

static TurnClass class_of(const Call *call)
{
    if (call->run)
        return TURN_LOGIN;
    if (call->login)
        return TURN_PROOF;
    if (call->lane == LANE_BULK)
        return TURN_BULK;
    return call->proc->flags & PROC_HIGH ? TURN_HIGH : TURN_NORMAL;
}

static TurnClass resumed_class(TurnClass class)
{
    return class == TURN_HIGH ? TURN_RESUMED_HIGH : TURN_RESUMED;
}

/* The others have limits of their own. */
static bool is_counted(TurnClass class)
{
    return class <= TURN_RESUMED;
}

/* Workers that the calls of one identity may have; all, while there is no other. */
static unsigned most_of_one(const Pool *pool)
{
    unsigned max = pool->limits.max;

    if (identities_present(pool->rpc->identities) < 2)
        return max;
    return pool->most_of_one ? MIN(pool->most_of_one, max) : MAX(1, max - MAX(1, max / 5));
}

static bool has_as_many(const Identity *identity, unsigned most)
{
    return __atomic_load_n(&identity->working, __ATOMIC_RELAXED) >= most;
}

/* Workers of a kind that may be with proofs of identity at once. */
static unsigned most_proofs(const Pool *pool, bool prio)
{
    return prio ? pool->limits.prio / 2 : MAX(1, pool->limits.max / 4);
}

static bool may_prove(const Pool *pool, bool prio)
{
    return pool->proofs[prio] < most_proofs(pool, prio);
}

/* As above; all workers together have no more than max_bulk. */
static bool may_take_bulk(const Pool *pool, bool prio)
{
    return pool->bulk[false] + pool->bulk[true] < pool->max_bulk && (!prio || pool->bulk[true] < pool->limits.prio / 2);
}

static void round_append(Round *round, Share *share)
{
    share->next = NULL;
    share->queued = true;
    if (round->last)
        round->last->next = share;
    else
        round->first = share;
    round->last = share;
    round->n++;
}

static Share *round_take(Round *round)
{
    Share *share = round->first;

    round->first = share->next;
    if (!round->first)
        round->last = NULL;
    round->n--;
    share->next = NULL;
    share->queued = false;
    return share;
}

static void share_append(Share *share, Turn *turn)
{
    turn->next = NULL;
    turn->queued = true;
    turn->share = share;
    if (share->last)
        share->last->next = turn;
    else
        share->first = turn;
    share->last = turn;
}

static Turn *share_take(Share *share)
{
    Turn *turn = share->first;

    share->first = turn->next;
    if (!share->first)
        share->last = NULL;
    turn->next = NULL;
    turn->queued = false;
    return turn;
}

static unsigned weight_of(const Share *share)
{
    return __atomic_load_n(&share->identity->weight, __ATOMIC_RELAXED);
}

/* After a call of the first share: the next one's turn, unless it has more calls to its turn. */
static void pass_on(Round *round)
{
    Share *share = round->first;

    if (!share->first) {
        round_take(round);
    } else if (share->left > 1) {
        share->left--;
    } else {
        share->left = weight_of(share);
        round_append(round, round_take(round));
    }
}

/* The first call of the identity and client whose turn it is; the client goes to the end of its identity's. */
static Call *take_turn(Round *round)
{
    Share *share = round->first;
    Turn *turn;
    Call *call;

    if (!share)
        return NULL;
    turn = share_take(share);
    call = turn->first;
    turn->first = call->next;
    if (turn->first)
        share_append(share, turn);
    else
        turn->last = NULL;
    call->next = NULL;
    pass_on(round);
    return call;
}

/* Puts a client first that has read its answers; false: there is none. */
static bool reader_first(Share *share)
{
    for (Turn *last = share->last;;) {
        Turn *turn = share->first;

        if (!outbox_congested(turn->client))
            return true;
        share_append(share, share_take(share));
        if (turn == last)
            return false;
    }
}

static Call *take_bulk(Pool *pool, bool prio)
{
    Round *round = &pool->rounds[TURN_BULK];

    if (!round->first || !may_take_bulk(pool, prio))
        return NULL;
    for (Share *last = round->last;;) {
        Share *share = round->first;

        if (reader_first(share)) {
            pool->bulk[prio]++;
            return take_turn(round);
        }
        round_append(round, round_take(round));
        if (share == last)
            return NULL;
    }
}

/* Handshakes cost CPU as bulk calls do, and as few run at once: a storm of them leaves the others a processor. */
static Call *take_login(Pool *pool)
{
    if (!pool->rounds[TURN_LOGIN].first || pool->logins >= pool->max_bulk)
        return NULL;
    pool->logins++;
    return take_turn(&pool->rounds[TURN_LOGIN]);
}

static Call *take_proof(Pool *pool, bool prio)
{
    if (!pool->rounds[TURN_PROOF].first || !may_prove(pool, prio))
        return NULL;
    pool->proofs[prio]++;
    return take_turn(&pool->rounds[TURN_PROOF]);
}

/* The next call of an identity that doesn't have enough workers already; those that do wait at the end of the round. */
static Call *take_counted(Pool *pool, TurnClass class)
{
    Round *round = &pool->rounds[class];
    unsigned most;

    if (!round->first)
        return NULL;
    most = most_of_one(pool);
    for (Share *last = round->last;;) {
        Share *share = round->first;

        if (!has_as_many(share->identity, most))
            return take_turn(round);
        round_append(round, round_take(round));
        if (share == last)
            return NULL;
    }
}

/* For a worker that takes nothing that may get stuck. */
static Call *choose_urgent_locked(Pool *pool)
{
    Call *call = take_turn(&pool->rounds[TURN_RESUMED_HIGH]);

    if (!call)
        call = take_turn(&pool->rounds[TURN_HIGH]);
    if (!call)
        call = take_proof(pool, true);
    return call ? call : take_bulk(pool, true);
}

/* As many compute as there are processors: no further call is begun then. More would share the processors with the I/O
 * threads, and wait for locks of each other's that a thread without a processor holds. */
static bool is_full(const Pool *pool, unsigned coming)
{
    return __atomic_load_n(&pool->computing, __ATOMIC_SEQ_CST) + coming >= pool->max_computing;
}

/* Calls are held up: an I/O thread looks whether those that compute really do. */
static void hold_locked(Pool *pool, Wake *wake)
{
    if (__atomic_load_n(&pool->held, __ATOMIC_RELAXED))
        return;
    __atomic_store_n(&pool->held, 1, __ATOMIC_RELAXED);
    wake->io = true;
}

/* Calls of this class are held up; a high one gets a priority worker, unless one computes already: that looks when it ends,
 * and is found out like the others when it doesn't. */
static void wake_beside_locked(Pool *pool, TurnClass class, Wake *wake)
{
    hold_locked(pool, wake);
    if (class != TURN_HIGH || pool->idle_prio <= pool->waking_prio)
        return;
    if (__atomic_load_n(&pool->computing_high, __ATOMIC_SEQ_CST) + pool->waking_prio > 0)
        return;
    pool->waking_prio++;
    wake->prio++;
}

static bool has_new_calls(const Pool *pool)
{
    return pool->rounds[TURN_HIGH].first || pool->rounds[TURN_NORMAL].first;
}

static TurnClass first_new(const Pool *pool)
{
    return pool->rounds[TURN_HIGH].first ? TURN_HIGH : TURN_NORMAL;
}

static Call *choose_new_call_locked(Pool *pool, bool high_first, Wake *wake)
{
    Call *call = NULL;

    if (!has_new_calls(pool))
        return NULL;
    if (is_full(pool, 0)) {
        wake_beside_locked(pool, first_new(pool), wake);
        return NULL;
    }
    for (int i = 0; i < 2 && !call; i++)
        call = take_counted(pool, (i == 0) == high_first ? TURN_HIGH : TURN_NORMAL);
    return call;
}

static Call *choose_call_locked(Pool *pool, Wake *wake)
{
    bool high_first = pool->tick++ % 4 != 0;
    Call *call = take_counted(pool, TURN_RESUMED_HIGH);

    if (!call)
        call = take_counted(pool, TURN_RESUMED);
    if (!call)
        call = take_proof(pool, false);    /* few at once, so that they keep nobody waiting */
    if (!call)
        call = choose_new_call_locked(pool, high_first, wake);
    if (!call)
        call = pool->tick % 2 ? take_login(pool) : take_bulk(pool, false);
    if (!call)
        call = pool->tick % 2 ? take_bulk(pool, false) : take_login(pool);
    return call;
}

/* Where it counts while it is with a call of its identity's. */
static unsigned *computing_of(const Worker *worker)
{
    return worker->prio ? &worker->pool->computing_high : &worker->pool->computing;
}

static Call *take_call_locked(Worker *worker, Wake *wake)
{
    Pool *pool = worker->pool;
    Call *call;

    lock_assert_held(&pool->lock);
    call = worker->prio ? choose_urgent_locked(pool) : choose_call_locked(pool, wake);
    if (!call)
        return NULL;
    __atomic_sub_fetch(&pool->queued, 1, __ATOMIC_SEQ_CST);
    worker->client = client_ref(call->client);
    __atomic_add_fetch(&worker->client->working, 1, __ATOMIC_RELAXED);
    if (!is_counted(class_of(call)))
        return call;
    worker->n_calls++;
    __atomic_add_fetch(computing_of(worker), 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&worker->doing, DOING_COMPUTE, __ATOMIC_RELEASE);
    if (worker->prio)
        return call;
    worker->who = client_who(call->client);
    __atomic_add_fetch(&worker->who->working, 1, __ATOMIC_RELAXED);
    return call;
}

/* The call is over. True: its identity may have had as many workers as it may have, and calls that wait for that. */
static bool uncount_call(Worker *worker)
{
    bool counted = worker->who != NULL;

    if (__atomic_exchange_n(&worker->doing, DOING_OTHER, __ATOMIC_ACQ_REL) == DOING_COMPUTE)
        __atomic_sub_fetch(computing_of(worker), 1, __ATOMIC_SEQ_CST);
    if (counted)
        __atomic_sub_fetch(&worker->who->working, 1, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&worker->client->working, 1, __ATOMIC_RELAXED);
    worker->who = NULL;
    client_unref(g_steal_pointer(&worker->client));
    return counted;
}

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
    if (worker->out.capacity > 1048576) {
        xdr_out_deinit(&worker->out);
        xdr_out_init(&worker->out, NULL, 0);
    }
}

static bool start_worker_locked(Pool *pool, bool prio);

/* Whether an identity that doesn't have `most` workers has calls in this round. */
static bool has_hungry(const Round *round, unsigned most)
{
    for (const Share *share = round->first; share; share = share->next)
        if (!has_as_many(share->identity, most))
            return true;
    return false;
}

/* Whether an ordinary worker would find a call of this class that it may take. The workers are enough for only so many
 * identities at once: when more than these have calls here, one of them has too few. Else there are few to look at, one as long
 * as an identity may have most of the workers. */
static bool has_for_ordinary(const Pool *pool, TurnClass class)
{
    const Round *round = &pool->rounds[class];
    unsigned most;

    if (class == TURN_PROOF)
        return may_prove(pool, false);
    if (!is_counted(class))
        return true;
    most = most_of_one(pool);
    if (round->n <= pool->n_workers / most)
        return has_hungry(round, most);
#ifdef LOCK_CHECK
    g_assert(has_hungry(round, most));
#endif
    return true;
}

/* Somebody must look at the queues for calls of this class: added to `wake`. A new worker is started when all are busy. */
static void wake_locked(Pool *pool, TurnClass class, Wake *wake)
{
    bool ordinary = has_for_ordinary(pool, class);
    bool urgent = class == TURN_HIGH || class == TURN_RESUMED_HIGH || (class == TURN_PROOF && may_prove(pool, true)) ||
                  (class == TURN_BULK && may_take_bulk(pool, true));

    if ((class == TURN_BULK && !may_take_bulk(pool, false)) || (class == TURN_LOGIN && pool->logins >= pool->max_bulk))
        return;    /* who ends one of them will look */
    if ((class == TURN_HIGH || class == TURN_NORMAL) && is_full(pool, pool->waking + pool->fresh)) {
        wake_beside_locked(pool, class, wake);
        return;    /* who ends one, or waits, will look */
    }
    if (ordinary && pool->idle > pool->waking) {
        pool->waking++;
        wake->workers++;
        return;
    }
    if (ordinary && pool->n_workers < pool->limits.max && !pool->stopping && start_worker_locked(pool, false))
        return;
    if (urgent && pool->idle_prio > pool->waking_prio) {
        pool->waking_prio++;
        wake->prio++;
    }
}

/* Somebody looks at every queue that has calls; one worker for each. */
static void look_locked(Pool *pool, Wake *wake)
{
    for (TurnClass class = 0; class < TURN_CLASSES; class++)
        if (class != TURN_BULK && pool->rounds[class].first)
            wake_locked(pool, class, wake);
    /* what waits for its reader is no reason to start a thread */
    if (pool->rounds[TURN_BULK].first && (pool->idle > pool->waking || pool->n_workers == 0 ||
                                          (pool->n_workers >= pool->limits.max && pool->idle_prio > pool->waking_prio)))
        wake_locked(pool, TURN_BULK, wake);
}

static void wake_up(Pool *pool, const Wake *wake)
{
    if (wake->io)
        io_look(pool->rpc->io[0]);
    for (unsigned i = 0; i < wake->workers; i++)
        cond_signal(&pool->wake);
    for (unsigned i = 0; i < wake->prio; i++)
        cond_signal(&pool->wake_prio);
}

/* The worker's thread waits, or does no longer: then others may compute in its place. */
static void worker_waits(Waiter *waiter, bool waits)
{
    Worker *worker = (Worker *)((char *)waiter - offsetof(Worker, waiter));
    Pool *pool = worker->pool;
    Doing from = waits ? DOING_COMPUTE : DOING_WAIT, to = waits ? DOING_WAIT : DOING_COMPUTE;
    Wake wake = { 0 };

    if (!__atomic_compare_exchange_n(&worker->doing, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
    __atomic_add_fetch(computing_of(worker), waits ? -1u : 1u, __ATOMIC_SEQ_CST);
    if (!waits || __atomic_load_n(&pool->queued, __ATOMIC_SEQ_CST) == 0)
        return;
    lock_acquire(&pool->lock);
    if (has_new_calls(pool))
        wake_locked(pool, first_new(pool), &wake);
    lock_release(&pool->lock);
    wake_up(pool, &wake);
}

static void wait_for_call_locked(Worker *worker)
{
    Pool *pool = worker->pool;
    unsigned *idle = worker->prio ? &pool->idle_prio : &pool->idle;
    unsigned *waking = worker->prio ? &pool->waking_prio : &pool->waking;

    ++*idle;
    cond_wait(worker->prio ? &pool->wake_prio : &pool->wake, &pool->lock);
    --*idle;
    if (*waking > 0)
        --*waking;
}

static bool is_surplus_locked(const Worker *worker)
{
    const Pool *pool = worker->pool;

    return worker->prio ? pool->n_prio > pool->limits.prio : pool->n_workers > pool->limits.max;
}

/* A surplus worker goes; what it may have been woken for is another's then. Returns who went before it. */
static Worker *resign_locked(Worker *worker, Wake *wake)
{
    Pool *pool = worker->pool;
    Worker *before = pool->ended;

    g_ptr_array_remove_fast(pool->workers, worker);
    if (worker->prio)
        pool->n_prio--;
    else
        pool->n_workers--;
    pool->ended = worker;
    if (pool->queued > 0)
        look_locked(pool, wake);
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

/* The place among the few of its class, whose name is returned; TURN_CLASSES when that has no such limit. */
static TurnClass give_place_back_locked(Pool *pool, TurnClass class, bool prio)
{
    if (class == TURN_PROOF)
        pool->proofs[prio]--;
    else if (class == TURN_BULK)
        pool->bulk[prio]--;
    else if (class == TURN_LOGIN)
        pool->logins--;
    else
        return TURN_CLASSES;
    return class;
}

/* Of the workers that end while the pool lives each joins the one before, so that at most one is left over. */
static void *worker_main(void *data)
{
    Worker *worker = data, *before = NULL;
    Pool *pool = worker->pool;
    bool room = false;                 /* the last call's identity may have a call waiting that it had too many workers for */
    Wake last = { 0 };
    TurnClass freed = TURN_CLASSES;    /* a place in this class, for which this worker has not looked yet; or none */

    measure_thread_begin(pool->rpc->measure);
    worker->waiter.changed = worker_waits;
    waiting_watch(&worker->waiter);
    lock_acquire(&pool->lock);
    if (!worker->prio)
        pool->fresh--;
    while (!pool->stopping && !is_surplus_locked(worker)) {
        Wake wake = { 0 };
        Call *call = take_call_locked(worker, &wake);
        TurnClass class;

        if (!call && (wake.io || wake.prio)) {
            lock_release(&pool->lock);
            wake_up(pool, &wake);
            lock_acquire(&pool->lock);
            continue;
        }
        if (!call) {
            wait_for_call_locked(worker);
            freed = TURN_CLASSES;
            room = false;
            continue;
        }
        worker->proc = call->proc;
        worker->client_id = call->client->identity.id;
        class = class_of(call);
        if (freed != TURN_CLASSES && freed != class && pool->rounds[freed].first)
            wake_locked(pool, freed, &wake);    /* another one takes that place */
        if (room && pool->queued > 0 && pool->idle > pool->waking)
            look_locked(pool, &wake);
        lock_release(&pool->lock);
        wake_up(pool, &wake);
        run_call(worker, call);
        room = uncount_call(worker);
        lock_assert_none();
        lock_acquire(&pool->lock);
        worker->proc = NULL;
        freed = give_place_back_locked(pool, class, worker->prio);
    }
    if (!pool->stopping)
        before = resign_locked(worker, &last);
    lock_release(&pool->lock);
    wake_up(pool, &last);
    measure_thread_end(pool->rpc->measure);
    if (before)
        join_worker(before);
    return NULL;
}

/* False: no thread could be made. */
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
    if (prio) {
        pool->n_prio++;
    } else {
        pool->n_workers++;
        pool->fresh++;
    }
    return true;
}

/* Those that must be there, and those that queued calls want. */
static void start_missing_locked(Pool *pool)
{
    unsigned wanted = MAX(pool->limits.min, MIN(pool->limits.max, pool->n_workers - pool->idle + pool->queued));

    while (pool->n_workers < wanted && start_worker_locked(pool, false))
        continue;
    while (pool->n_prio < pool->limits.prio && start_worker_locked(pool, true))
        continue;
}

Pool *pool_new(Rpc *rpc, unsigned min, unsigned max, unsigned prio)
{
    Pool *pool = g_new0(Pool, 1);

    pool->rpc = rpc;
    pool->limits = (WorkerLimits){ .min = MIN(min, MAX(max, 1)), .max = MAX(max, 1), .prio = prio };
    pool->max_bulk = MAX(1, g_get_num_processors() - 1);
    pool->max_computing = MAX(2, g_get_num_processors());
    pool->workers = g_ptr_array_new();
    lock_init(&pool->lock, LOCK_POOL);
    cond_init(&pool->wake);
    cond_init(&pool->wake_prio);
    lock_acquire(&pool->lock);
    start_missing_locked(pool);
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

void pool_tell_stuck(Pool *pool)
{
    LOCK_SCOPE(&pool->lock);
    for (unsigned i = 0; i < pool->workers->len; i++) {
        const Worker *worker = g_ptr_array_index(pool->workers, i);

        if (worker->proc)
            log_error("the call %s of client %" PRIu64 " doesn't end", worker->proc->name, worker->client_id);
    }
}

Call *pool_take_left(Pool *pool)
{
    Call *call = NULL;

    lock_acquire(&pool->lock);
    for (unsigned i = 0; i < TURN_CLASSES && !call; i++)
        call = take_turn(&pool->rounds[i]);
    if (call)
        __atomic_sub_fetch(&pool->queued, 1, __ATOMIC_SEQ_CST);
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

static void push(Pool *pool, Call *call, TurnClass class)
{
    Turn *turn = &call->client->turns[class];
    Wake wake = { 0 };
    Share *share;

    PROBE_LANE_QUEUED(call->client->identity.id, call->proc->name, call->header.serial, (int)call->lane);
    lock_acquire(&pool->lock);
    share = turn->queued ? turn->share : &client_who(call->client)->shares[class];
    call->next = NULL;
    if (turn->first)
        turn->last->next = call;
    else
        turn->first = call;
    turn->last = call;
    if (!turn->queued)
        share_append(share, turn);
    if (!share->queued) {
        share->left = weight_of(share);
        round_append(&pool->rounds[class], share);
    }
    __atomic_add_fetch(&pool->queued, 1, __ATOMIC_SEQ_CST);
    wake_locked(pool, class, &wake);
    lock_release(&pool->lock);
    wake_up(pool, &wake);
}

void pool_push(Pool *pool, Call *call)
{
    push(pool, call, class_of(call));
}

/* The pool stays until no call is left, and this one may have ended when its worker is woken. */
void pool_push_resumed(Pool *pool, Call *call)
{
    __atomic_add_fetch(&pool->rpc->calls, 1, __ATOMIC_RELAXED);
    push(pool, call, resumed_class(class_of(call)));
    __atomic_sub_fetch(&pool->rpc->calls, 1, __ATOMIC_RELEASE);
}

void pool_look(Pool *pool)
{
    Wake wake = { 0 };

    lock_acquire(&pool->lock);
    look_locked(pool, &wake);
    lock_release(&pool->lock);
    wake_up(pool, &wake);
}

bool pool_is_held(const Pool *pool)
{
    return __atomic_load_n(&pool->held, __ATOMIC_RELAXED);
}

/* A worker that has been with one call since the last look waits for something, as far as one can tell. */
static void look_at_workers_locked(Pool *pool)
{
    for (unsigned i = 0; i < pool->workers->len; i++) {
        Worker *worker = g_ptr_array_index(pool->workers, i);
        Doing doing = DOING_COMPUTE;

        if (worker->n_seen != worker->n_calls)
            worker->n_seen = worker->n_calls;
        else if (__atomic_compare_exchange_n(&worker->doing, &doing, DOING_WAIT, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            __atomic_sub_fetch(computing_of(worker), 1, __ATOMIC_SEQ_CST);
    }
}

void pool_unstick(Pool *pool, int64_t now)
{
    Wake wake = { 0 };

    lock_acquire(&pool->lock);
    if (now < pool->next_look) {
        lock_release(&pool->lock);
        return;
    }
    pool->next_look = now + POOL_LOOK_MS * CLOCK_MS;
    if (!has_new_calls(pool)) {
        __atomic_store_n(&pool->held, 0, __ATOMIC_RELAXED);
    } else {
        look_at_workers_locked(pool);
        for (unsigned i = 0; i < pool->max_computing && !is_full(pool, pool->waking + pool->fresh); i++)
            wake_locked(pool, first_new(pool), &wake);
        if (is_full(pool, pool->waking + pool->fresh))
            wake_beside_locked(pool, first_new(pool), &wake);
    }
    lock_release(&pool->lock);
    wake_up(pool, &wake);
}

void pool_info(Pool *pool, WorkerInfo *info)
{
    LOCK_SCOPE(&pool->lock);
    *info = (WorkerInfo){
        .limits = pool->limits, .workers = pool->n_workers, .idle = pool->idle, .queued = pool->queued,
    };
}

void rpc_set_identity_workers(Rpc *rpc, unsigned most)
{
    Pool *pool = rpc->pool;
    Wake wake = { 0 };

    lock_acquire(&pool->lock);
    pool->most_of_one = most;
    for (unsigned i = MIN(pool->queued, pool->limits.max); i > 0; i--)    /* who had enough may take as many now */
        look_locked(pool, &wake);
    lock_release(&pool->lock);
    wake_up(pool, &wake);
}

static unsigned changed(unsigned now, unsigned wanted)
{
    return wanted == WORKERS_AS_BEFORE ? now : wanted;
}

bool pool_set_limits(Pool *pool, const WorkerLimits *limits)
{
    WorkerLimits new;

    LOCK_SCOPE(&pool->lock);
    new = (WorkerLimits){
        .min = changed(pool->limits.min, limits->min), .max = changed(pool->limits.max, limits->max),
        .prio = changed(pool->limits.prio, limits->prio),
    };
    if (new.max == 0 || new.min > new.max)
        return false;
    pool->limits = new;
    if (pool->stopping)
        return true;
    start_missing_locked(pool);
    /* idle ones that are too many find that out themselves */
    cond_broadcast(&pool->wake);
    cond_broadcast(&pool->wake_prio);
    return true;
}
