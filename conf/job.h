/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One domain's queue of changes: one at a time, the others parked without a thread.
 *
 *   idle ──begin──▶ running ──end──▶ idle, or the next ticket is granted
 *   parked ──granted (job_end of another)──▶ running
 *   parked ──deadline, cancel, drain──▶ refused (its own callback says why)
 *
 * Turns are first come, first served, but for two rules. A JOB_ASYNC job admits JOB_QUERY and JOB_DESTROY
 * beside it, so a query passes the changes that wait for its end. JOB_DESTROY goes before everything parked
 * but earlier JOB_DESTROYs, and asks what runs to stop (job_interrupted turns true, job_sleep returns), unless
 * that is a JOB_DESTROY itself; it waits for a job of another kind to end, never for an async one. A job that was granted
 * but waits for a worker to begin it (`may_lose`) is taken away instead: there may be no worker for it for long.
 *
 * What a driver must expect of an async job: between job_step_begin and job_step_end it owns what belongs to
 * the running job (conf/list.h), outside of a step it touches none of that. After a step began it looks anew:
 * a query may have published, a destroy may have shut the domain off or removed it. When interrupted it comes
 * to its end by itself; the destroy doesn't wait for that end, and neither answers for the other.
 *
 * Takes LOCK_JOB, then LOCK_TIMERS; callbacks run without any lock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/lock.h"
#include "base/timer.h"

typedef enum JobKind { JOB_NONE, JOB_QUERY, JOB_MODIFY, JOB_ASYNC, JOB_DESTROY } JobKind;
typedef enum JobOutcome { JOB_GRANTED, JOB_PARKED, JOB_REFUSED } JobOutcome;

typedef struct JobQueue JobQueue;
typedef struct JobTicket JobTicket;

/* Tickets in the order of their turn. */
typedef struct JobLane {
    JobTicket *first, *last;
} JobLane;

/* One wish to change a domain, embedded in the call that has it. */
struct JobTicket {
    /* fixed before job_begin */
    JobKind kind;
    const char *procedure;    /* static: "domain.suspend" */
    uint64_t owner;           /* the client's id, for messages */
    int64_t deadline;         /* clock_now() nanoseconds; when parked past it, refused */
    /* Called once for a ticket that was parked, from any thread, no lock held:
     * JOB_GRANTED: it runs now, until job_end (which may come from inside). JOB_REFUSED: see `error`.
     * Runs on whatever thread ended the job before, or on the timer thread: it hands over and may not wait.
     * The queue must live until it was called and has returned. */
    void (*ready)(JobTicket *ticket, JobOutcome outcome);
    /* Its owner will say with job_keep when it begins, and a JOB_DESTROY may take the job away until then. Under LOCK_JOB
     * once it was begun. */
    bool may_lose;
    /* set before ready(JOB_REFUSED), owned by the ticket's owner */
    Error error;
    /* private to job.c, under LOCK_JOB */
    JobQueue *queue;
    JobTicket *next, *prev;
    Timers *timers;           /* where `timer` is; NULL: no deadline */
    Timer timer;
    uint64_t turn;            /* which of two lanes was first */
    int64_t asked;            /* clock_now() at job_begin */
    int64_t since;            /* clock_now() when it began to run; what messages say */
    int state;
    bool interrupted;
    /* set by job_begin for one that is parked, then fixed: who held the domain then, for the log */
    const char *held_by;      /* a procedure; NULL: nobody, others were to come first */
    uint64_t held_for;        /* the client's id */
    int64_t held_since;       /* clock_now() */
    unsigned behind;          /* how many were parked before it */
};

struct JobQueue {
    Lock lock;
    Cond wake;                /* for job_sleep and job_step_begin; every interrupt broadcasts */
    /* under lock */
    JobTicket *async;         /* the running JOB_ASYNC job, or NULL */
    JobTicket *running;       /* the running job of any other kind, or `async` inside a step, or NULL */
    JobLane destroys, queries, changes;    /* parked; changes: JOB_MODIFY and JOB_ASYNC */
    uint64_t turns;
    unsigned parked;
    bool closed;              /* drained: every begin is refused */
    bool step_wanted;         /* the async job waits in job_step_begin */
    struct JobDrain *drains;  /* the threads that are calling ready(); private to job.c */
    const char *name;         /* for messages; the owner keeps it valid, job_queue_rename changes it */
};

void job_queue_init(JobQueue *queue, const char *name);
void job_queue_deinit(JobQueue *queue);    /* nothing may run or be parked */
/* When it returns the old name is no longer looked at. */
void job_queue_rename(JobQueue *queue, const char *name);

/* JOB_GRANTED: run now. JOB_PARKED: ticket->ready will be called (perhaps before this returns).
 * JOB_REFUSED: the queue was drained; see ticket->error, ready() is not called.
 * `timers` may be NULL: then a parked ticket has no deadline. A ticket may be used again when it is over. */
JobOutcome job_begin(JobQueue *queue, JobTicket *ticket, Timers *timers);
/* Ends a granted ticket; whoever is next is granted from inside this call (its ready() runs here). A long row of
 * tickets that end at once in ready() is a loop in the outermost call, not a recursion.
 * The caller keeps the queue alive until this returns. */
void job_end(JobTicket *ticket);
/* A granted ticket that may lose its job keeps it from now on. False: it has lost it, and is over as after job_end; whatever
 * was claimed for it is the owner's to give back. */
bool job_keep(JobTicket *ticket);
/* Takes a parked ticket out; true: ready() will not be called. False: it runs or has run, or its
 * deadline has come; ready() has been called or is about to be. `timers` as in job_begin. */
bool job_cancel(JobTicket *ticket, Timers *timers);
/* Refuses everything parked (VIR_ERR_OPERATION_ABORTED) and from now on every begin; what runs goes on. */
void job_drain(JobQueue *queue);

/* True once somebody (destroy, abort, shutdown) wants the running ticket to stop. */
bool job_interrupted(JobTicket *ticket);
/* Asks the running async job (or, when `all`, whatever runs) to stop. False: nothing runs. */
bool job_interrupt(JobQueue *queue, bool all);
/* Sleeps inside a job; false when interrupted before `until` (clock_now() nanoseconds). */
bool job_sleep(JobTicket *ticket, int64_t until);

/* For a running JOB_ASYNC job: from begin to end it owns the domain alone. Begin waits for a running query and for
 * all destroys, no longer; it always gets the step, and is false when the job was interrupted. */
bool job_step_begin(JobTicket *ticket);
void job_step_end(JobTicket *ticket);

/* A job that runs or a ticket that is parked, as it was at one moment. */
typedef struct JobFact {
    JobKind kind;
    const char *procedure;    /* static */
    uint64_t owner;           /* the client's id */
    int64_t asked;            /* clock_now() at job_begin */
    int64_t since;            /* clock_now() when it began to run; of a parked one nothing */
    int64_t deadline;         /* of a parked one with a deadline; 0: none */
    bool interrupted;         /* it was asked to stop */
} JobFact;

typedef struct JobPicture {
    JobFact running, async;   /* `procedure` NULL: none. The same one twice while an async job is in a step of its own */
    unsigned parked;          /* all of them; the first of them were written to `waiting` */
    bool closed;
} JobPicture;

/* Who holds the domain and the first `room` of those that wait, in the order of their kinds' lanes and turns (destroys,
 * then the others as they came). Never waits for the job; returns how many it has written. Any thread. */
unsigned job_look(JobQueue *queue, JobPicture *picture, JobFact *waiting, unsigned room);
/* A picture for messages and tools: what runs, since when, how many wait. Text is owned by the caller. */
char *job_describe(JobQueue *queue);
