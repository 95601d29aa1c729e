/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pool of workers from inside, for its five files alone:
 *
 *   pool-turns.c    which calls wait, and whose turn it is
 *   pool-compute.c  who computes, and whether a further call may be begun
 *   pool-match.c    which call a worker takes, and which worker is woken for a call
 *   pool-start.c    how a worker comes to be
 *   pool.c          the threads, and what the rest of rpc/ asks of the pool
 *
 * One lock guards it, LOCK_POOL, in Pool. Functions that end in _locked want it held, and those below never let it
 * go. Nobody is woken or started under it: who is to be is noted in a Wake, for pool_wake_up after the release. */
#pragma once

#include "base/waiting.h"
#include "rpc/identity.h"

/* Identities with calls of one class, in the order of their turns. */
typedef struct Round {
    Share *first, *last;
    unsigned n;
} Round;

/* Priority workers take nothing that may get stuck but high calls. */
typedef enum Kind { ORDINARY, PRIO, KINDS } Kind;

typedef struct Worker Worker;

/* Whom to wake once the pool's lock is released: they would wait for it else. Begins as zeros. */
typedef struct Wake {
    unsigned workers[KINDS];
    bool io;                  /* an I/O thread, which sees to calls that are held up (pool_unstick) */
    Worker *starts;           /* those that need a thread; linked by `next` */
} Wake;

/* What a worker does as far as it counts for `computing`. */
typedef enum Doing { DOING_OTHER, DOING_COMPUTE, DOING_WAIT } Doing;

struct Worker {
    /* fixed; `thread` by itself, before it has the lock for the first time */
    Pool *pool;
    GThread *thread;
    Kind kind;
    /* whose Wake it is in; until its thread begins */
    Worker *next;
    Waiter waiter;            /* its thread's: it says so when it waits */
    /* atomic; whoever takes DOING_COMPUTE away takes it from the count as well */
    Doing doing;
    /* its thread's: the call that it is with */
    XdrOut out;               /* for answers */
    Client *client;           /* owned */
    Identity *who;            /* NULL: the call isn't counted among its identity's */
    /* its thread's: what the end of its last call has made possible, until it has looked at all queues since */
    TurnClass freed;          /* a place in this class; TURN_CLASSES: none */
    bool room;                /* that call's identity may have one waiting that it had too many workers for */
    /* under LOCK_POOL */
    const Proc *proc;         /* of its call; NULL: it is with none */
    uint64_t client_id;       /* who has made that */
    unsigned n_calls, n_seen; /* calls that it has begun, and how many they were when pool_unstick looked */
};

/* All workers of one kind. */
typedef struct Crew {
    Cond wake;                /* where those that are idle wait; signalled without the lock */
    /* under LOCK_POOL */
    unsigned n;
    unsigned fresh;           /* of them those whose thread has not run yet */
    unsigned idle;
    unsigned waking;          /* idle ones that were signalled and have not run yet */
    unsigned bulk, proofs;    /* such calls that they are with */
    /* atomic */
    int computing;            /* those that are with a counted call and don't wait; too few for a moment when a worker that
                               * computes again is taken for one that waits before it has added itself */
} Crew;

struct Pool {
    /* fixed */
    Rpc *rpc;
    unsigned max_bulk;        /* bulk calls at once; as many handshakes */
    unsigned max_computing;   /* ordinary workers that are given calls while so many others compute */

    /* what each member says */
    Crew crews[KINDS];

    /* atomic, set under LOCK_POOL; pool-compute.c's */
    int held;                 /* calls wait though workers are idle: pool_unstick is wanted */
    int64_t next_look;        /* of pool_unstick; clock_now() */

    /* under LOCK_POOL: the calls that wait, and what they may have */
    Lock lock;
    Round rounds[TURN_CLASSES];
    bool unread;              /* no client whose bulk call waits had read its answers since pool_look was called last */
    unsigned queued;          /* calls in the rounds; atomic, read without the lock as a hint */
    unsigned logins;          /* handshakes that workers are with */
    unsigned most_of_one;     /* workers for the calls of one identity; 0: four fifths */
    unsigned tick;            /* ordinary workers' looks for a call: classes come first in turn */
    bool bulk_next;           /* a bulk call is looked for before a handshake */

    /* under LOCK_POOL: the threads */
    WorkerLimits limits;
    GPtrArray *workers;       /* of Worker, both kinds */
    Worker *ended;            /* the last that ended because it was one too many; not joined yet */
    Cond no_fresh;            /* where pool_stop waits for those whose thread is just being made */
    bool stopping;
    bool starved;             /* a thread could not be started: none is tried until pool_look */
    bool told_starved;        /* the log has a line about it */
};

/* --- pool-turns.c ---------------------------------------------------------------------------- */

/* Where a call begins to wait. */
TurnClass turn_class_of(const Call *call);
/* Of a call that was parked and now goes before those of its class. */
TurnClass turn_class_resumed(TurnClass class);
/* Whether its calls count among those of an identity and among those who compute; others have limits of their own. */
bool turn_class_is_counted(TurnClass class);

/* The call goes to the end of its client's, which has a turn in its class from then on. */
void pool_queue_locked(Pool *pool, Call *call, TurnClass class);
bool pool_has_calls_locked(const Pool *pool, TurnClass class);
/* Calls that are held up while enough workers compute; the class of the first of them. */
bool pool_has_new_calls_locked(const Pool *pool);
TurnClass pool_first_new_class_locked(const Pool *pool);

/* Each takes the call whose turn it is; NULL: none may be taken. Whoever's it is: */
Call *pool_take_turn_locked(Pool *pool, TurnClass class);
/* Of an identity that doesn't have enough ordinary workers already, in a counted class: */
Call *pool_take_counted_locked(Pool *pool, TurnClass class);
/* Of the classes of which only few run at once; the place is the worker's until pool_give_place_back_locked: */
Call *pool_take_bulk_locked(Pool *pool, Kind kind);
Call *pool_take_login_locked(Pool *pool);
Call *pool_take_proof_locked(Pool *pool, Kind kind);
/* A call that was taken from this class has ended: the class in which a place is free now; TURN_CLASSES: none. */
TurnClass pool_give_place_back_locked(Pool *pool, TurnClass class, Kind kind);
/* Whether a worker of that kind would find a place in the class. */
bool pool_may_take_bulk_locked(const Pool *pool, Kind kind);
bool pool_may_take_login_locked(const Pool *pool);
bool pool_may_take_proof_locked(const Pool *pool, Kind kind);
/* Puts a client first among those whose bulk calls wait that has read its answers; false: there is none. */
bool pool_bulk_reader_first_locked(Pool *pool);
/* Whether an ordinary worker would find a call of this class, which has some, that its identity may have taken. */
bool pool_has_for_ordinary_locked(const Pool *pool, TurnClass class);

/* --- pool-compute.c -------------------------------------------------------------------------- */

/* As many compute as there are processors: no further call is begun now. Any thread; without the lock a hint. */
bool pool_is_full(const Pool *pool);
/* The same with those workers that are on their way to a call: nobody is woken for a further one. */
bool pool_is_full_soon_locked(const Pool *pool);
/* Calls are held up: an I/O thread looks whether those that compute really do. */
void pool_hold_locked(Pool *pool, Wake *wake);
/* The worker is with a counted call from now on. */
void pool_compute_begin_locked(Worker *worker);
/* It has ended its call, of whatever class. Its thread, without the lock. */
void pool_compute_end(Worker *worker);
/* For waiting_watch: the worker's thread waits, or does no longer. Takes the lock. */
void pool_worker_waits(Waiter *waiter, bool waits);

/* --- pool-match.c ---------------------------------------------------------------------------- */

/* The next call for the worker, which is with it from then on; NULL: none that it may take. */
Call *pool_take_call_locked(Worker *worker, Wake *wake);
/* The call is over. True: its identity may have had as many workers as it may have, and calls that wait for that. The
 * worker's thread, without the lock. */
bool pool_call_ended(Worker *worker);
/* Somebody must look at the queues for calls of this class. A new worker is started when all are busy. */
void pool_wake_locked(Pool *pool, TurnClass class, Wake *wake);
/* Calls of this class are held up; a high one gets a priority worker, unless one computes already. */
void pool_wake_beside_locked(Pool *pool, TurnClass class, Wake *wake);
/* Somebody looks at every queue that has calls; one worker for each. */
void pool_look_locked(Pool *pool, Wake *wake);
/* Without the lock. Threads are started here. */
void pool_wake_up(Pool *pool, const Wake *wake);

/* --- pool-start.c ---------------------------------------------------------------------------- */

/* There is one more, whose thread pool_wake_up begins. False: there was no thread to be had a moment ago. */
bool pool_start_worker_locked(Pool *pool, Kind kind, Wake *wake);
/* Its thread runs. */
void pool_worker_is_there_locked(Worker *worker);
/* For pool_wake_up: all that are linked by `next`. Without the lock. */
void pool_start_threads(Worker *worker);

/* --- pool.c ---------------------------------------------------------------------------------- */

/* A worker's thread. */
void *pool_worker_main(void *worker);
