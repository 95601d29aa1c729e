/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One domain's queue of changes: one at a time, the others parked without a thread.
 *
 *   idle ──begin──▶ running ──end──▶ idle, or the next ticket is granted
 *   parked ──granted (job_end of another)──▶ running
 *   parked ──deadline, cancel, drain──▶ refused (its own callback says why)
 *
 * A JOB_ASYNC job admits JOB_QUERY and JOB_DESTROY beside it. JOB_DESTROY goes to the front and
 * asks what is running to stop (job_interrupted turns true, job_sleep returns).
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

/* One wish to change a domain, embedded in the call that has it. */
struct JobTicket {
    /* fixed before job_begin */
    JobKind kind;
    const char *procedure;    /* static: "domain.suspend" */
    uint64_t owner;           /* the client's id, for messages */
    int64_t deadline;         /* clock_now() nanoseconds; when parked past it, refused */
    /* Called once for a ticket that was parked, from any thread, no lock held:
     * JOB_GRANTED: it runs now, until job_end. JOB_REFUSED: see `error`. */
    void (*ready)(JobTicket *ticket, JobOutcome outcome);
    /* set before ready(JOB_REFUSED), owned by the ticket's owner */
    Error error;
    /* private to job.c, under LOCK_JOB */
    JobQueue *queue;
    JobTicket *next, *prev;
    Timer timer;
    int64_t since;            /* clock_now() when it began to run; what messages say */
    int state;
    bool interrupted;
};

struct JobQueue {
    Lock lock;
    Cond wake;                /* for job_sleep; every interrupt broadcasts */
    /* under lock */
    JobTicket *async;         /* the running JOB_ASYNC job, or NULL */
    JobTicket *running;       /* the running job of any other kind, or NULL */
    JobTicket *first, *last;  /* parked, in the order of their turn */
    unsigned parked;
    bool closed;              /* drained: every begin is refused */
    const char *name;         /* for messages; the owner keeps it valid and may change it under lock */
};

/* Fixed for the life of the process: the timers that refuse parked tickets. */
void job_queue_init(JobQueue *queue, const char *name);
void job_queue_deinit(JobQueue *queue);    /* nothing may run or be parked */

/* JOB_GRANTED: run now. JOB_PARKED: ticket->ready will be called (perhaps before this returns).
 * `timers` may be NULL: then a parked ticket has no deadline. */
JobOutcome job_begin(JobQueue *queue, JobTicket *ticket, Timers *timers);
/* Ends a granted ticket; whoever is next is granted from inside this call (its ready() runs here). */
void job_end(JobTicket *ticket);
/* Takes a parked ticket out; true: ready() will not be called. False: it runs or has run. */
bool job_cancel(JobTicket *ticket, Timers *timers);
/* True once somebody (destroy, abort, shutdown) wants the running ticket to stop. */
bool job_interrupted(JobTicket *ticket);
/* Asks the running async job (or, when `all`, whatever runs) to stop. False: nothing runs. */
bool job_interrupt(JobQueue *queue, bool all);
/* Sleeps inside a job; false when interrupted before `until` (clock_now() nanoseconds). */
bool job_sleep(JobTicket *ticket, int64_t until);

/* The queue ends: parked tickets are refused (VIR_ERR_OPERATION_ABORTED), and every job_begin from now on. What runs
 * goes on until its job_end. */
void job_queue_close(JobQueue *queue, Timers *timers);

/* A picture for messages and tools: what runs, since when, how many wait. Text is owned by the caller. */
char *job_describe(JobQueue *queue);
