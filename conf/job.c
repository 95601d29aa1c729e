/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may change a domain now, and who is next. Any thread; a parked ticket holds none.
 * The invariant: when LOCK_JOB is free, no parked ticket could begin. Whoever frees a place fills it
 * before letting the lock go, and calls ready() after. One of {granted, refused, cancelled}: while its timer
 * is pending a parked ticket belongs to who holds LOCK_JOB and cancels that timer; when cancelling fails the timer
 * thread is on its way, and the ticket is that thread's to refuse. Nothing is formatted or freed under the lock. */
#include "conf/job.h"

#include <stddef.h>

#include <glib.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/probe.h"

/* Who changes the state of a ticket:
 *   idle ──job_begin──▶ running | parked | idle (refused)
 *   parked ──grant_due──▶ running | late (its timer could not be cancelled)
 *   parked ──job_cancel, job_drain──▶ idle
 *   parked, late ──refuse_late, on the timer thread──▶ idle
 *   running ──job_end──▶ idle
 *   running, and may_lose ──job_begin of a destroy──▶ lost ──job_keep──▶ idle
 * Only parked tickets stand in a lane. */
enum { TICKET_IDLE, TICKET_PARKED, TICKET_LATE, TICKET_RUNNING, TICKET_LOST };

/* One thread that is calling ready() for a queue. What is granted inside such a call waits here. */
typedef struct JobDrain {
    struct JobDrain *outer;    /* another thread's */
    pthread_t thread;
    JobLane due;
} JobDrain;

void job_queue_init(JobQueue *queue, const char *name)
{
    *queue = (JobQueue){ .name = name };
    lock_init(&queue->lock, LOCK_JOB);
    cond_init(&queue->wake);
}

void job_queue_deinit(JobQueue *queue)
{
    g_assert(!queue->async && !queue->running && queue->parked == 0 && !queue->drains);
    cond_deinit(&queue->wake);
    lock_deinit(&queue->lock);
}

void job_queue_rename(JobQueue *queue, const char *name)
{
    LOCK_SCOPE(&queue->lock);
    queue->name = name;
}

/* --- lanes ----------------------------------------------------------------------------------- */

static void lane_append(JobLane *lane, JobTicket *ticket)
{
    ticket->next = NULL;
    ticket->prev = lane->last;
    *(lane->last ? &lane->last->next : &lane->first) = ticket;
    lane->last = ticket;
}

static void lane_remove(JobLane *lane, JobTicket *ticket)
{
    *(ticket->next ? &ticket->next->prev : &lane->last) = ticket->prev;
    *(ticket->prev ? &ticket->prev->next : &lane->first) = ticket->next;
    ticket->next = ticket->prev = NULL;
}

static JobLane *lane_of(JobQueue *queue, JobKind kind)
{
    return kind == JOB_DESTROY ? &queue->destroys : kind == JOB_QUERY ? &queue->queries : &queue->changes;
}

static void unpark_locked(JobQueue *queue, JobTicket *ticket, int state)
{
    g_assert(ticket->state == TICKET_PARKED);
    lane_remove(lane_of(queue, ticket->kind), ticket);
    queue->parked--;
    ticket->state = state;
}

/* False: the deadline has come and the timer thread is about to refuse it. */
static bool disarm_locked(JobTicket *ticket)
{
    return !ticket->timers || timer_cancel(ticket->timers, &ticket->timer);
}

/* --- who holds the domain -------------------------------------------------------------------- */

/* What a message says of a job, copied under the lock and told after it. */
typedef struct Holder {
    char *domain;
    const char *procedure;    /* NULL: nobody */
    uint64_t owner;
    int64_t since;
    unsigned parked;
} Holder;

/* A change waits for the async job first, everything else for what runs beside it. NULL: nobody. */
static const JobTicket *holding_locked(const JobQueue *queue, JobKind kind)
{
    bool change = kind == JOB_MODIFY || kind == JOB_ASYNC;

    return change && queue->async ? queue->async : queue->running ? queue->running : queue->async;
}

static Holder holder_locked(const JobQueue *queue, JobKind kind)
{
    const JobTicket *ticket = holding_locked(queue, kind);
    Holder holder = { .domain = g_strdup(queue->name), .parked = queue->parked };

    if (ticket) {
        holder.procedure = ticket->procedure;
        holder.owner = ticket->owner;
        holder.since = ticket->since;
    }
    return holder;
}

static long long seconds_since(int64_t when)
{
    return (long long)((clock_now() - when) / CLOCK_S);
}

static void set_late_error(JobTicket *ticket, const Holder *holder)
{
    if (holder->procedure)
        error_set(&ticket->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_TIMEOUT,
                  _("cannot acquire state change lock of domain '%s' for %s: %s of client %llu has held it for %lld s"),
                  holder->domain, ticket->procedure, holder->procedure, (unsigned long long)holder->owner,
                  seconds_since(holder->since));
    else
        error_set(&ticket->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_TIMEOUT,
                  _("cannot acquire state change lock of domain '%s' for %s: it became free only now"),
                  holder->domain, ticket->procedure);
}

static void set_closed_error(JobTicket *ticket, const char *domain)
{
    error_set(&ticket->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_ABORTED,
              _("domain '%s' accepts no further changes, %s was not begun"), domain, ticket->procedure);
}

char *job_describe(JobQueue *queue)
{
    Holder holder;
    g_autofree char *domain = NULL;

    {
        LOCK_SCOPE(&queue->lock);
        holder = holder_locked(queue, JOB_MODIFY);
    }
    domain = holder.domain;
    if (!holder.procedure)
        return g_strdup_printf(_("domain '%s': nothing runs, %u waiting"), domain, holder.parked);
    return g_strdup_printf(_("domain '%s': %s of client %llu for %lld s, %u waiting"), domain, holder.procedure,
                           (unsigned long long)holder.owner, seconds_since(holder.since), holder.parked);
}

/* --- a look from outside ----------------------------------------------------------------------- */

static JobFact fact_of(const JobTicket *ticket, bool parked)
{
    if (!ticket)
        return (JobFact){ 0 };
    return (JobFact){
        .kind = ticket->kind, .procedure = ticket->procedure, .owner = ticket->owner, .asked = ticket->asked,
        .since = parked ? 0 : ticket->since, .deadline = parked && ticket->timers ? ticket->deadline : 0,
        .interrupted = ticket->interrupted,
    };
}

unsigned job_look(JobQueue *queue, JobPicture *picture, JobFact *waiting, unsigned room)
{
    const JobTicket *destroy, *query, *change;
    unsigned n = 0;

    LOCK_SCOPE(&queue->lock);
    *picture = (JobPicture){
        .running = fact_of(queue->running, false), .async = fact_of(queue->async, false), .parked = queue->parked,
        .closed = queue->closed,
    };
    for (destroy = queue->destroys.first; destroy && n < room; destroy = destroy->next)
        waiting[n++] = fact_of(destroy, true);
    query = queue->queries.first;
    change = queue->changes.first;
    while ((query || change) && n < room) {
        const JobTicket **next = !change || (query && query->turn < change->turn) ? &query : &change;

        waiting[n++] = fact_of(*next, true);
        *next = (*next)->next;
    }
    return n;
}

/* --- granting -------------------------------------------------------------------------------- */

static bool may_begin_locked(const JobQueue *queue, JobKind kind)
{
    if (queue->running)
        return false;
    if (kind == JOB_DESTROY)
        return true;
    return kind == JOB_QUERY ? !queue->step_wanted : !queue->async;
}

static void grant_locked(JobQueue *queue, JobTicket *ticket, int64_t now)
{
    ticket->state = TICKET_RUNNING;
    ticket->since = now;
    PROBE_JOB_BEGIN(queue->name, ticket->procedure, ticket->owner);
    *(ticket->kind == JOB_ASYNC ? &queue->async : &queue->running) = ticket;
}

/* The parked ticket whose turn it is, or NULL. */
static JobTicket *next_locked(const JobQueue *queue)
{
    JobTicket *destroy = queue->destroys.first, *query = queue->queries.first, *change = queue->changes.first;

    if (destroy && may_begin_locked(queue, JOB_DESTROY))
        return destroy;
    if (query && !may_begin_locked(queue, JOB_QUERY))
        query = NULL;
    if (change && !may_begin_locked(queue, change->kind))
        change = NULL;
    if (query && change)
        return query->turn < change->turn ? query : change;
    return query ? query : change;
}

/* Grants until nobody may begin any more: one ticket, or an async one and one beside it. */
static void grant_due_locked(JobQueue *queue, JobDrain *drain)
{
    for (JobTicket *ticket; (ticket = next_locked(queue));) {
        bool mine = disarm_locked(ticket);

        unpark_locked(queue, ticket, TICKET_LATE);
        if (!mine)
            continue;
        grant_locked(queue, ticket, clock_now());
        lane_append(&drain->due, ticket);
    }
    if (queue->step_wanted && !queue->running)
        cond_broadcast(&queue->wake);
}

static JobDrain *my_drain_locked(const JobQueue *queue)
{
    JobDrain *drain = queue->drains;

    while (drain && !pthread_equal(drain->thread, pthread_self()))
        drain = drain->outer;
    return drain;
}

static void forget_drain_locked(JobQueue *queue, JobDrain *drain)
{
    JobDrain **at = &queue->drains;

    while (*at != drain)
        at = &(*at)->outer;
    *at = drain->outer;
}

/* Fills the places that the caller has freed and lets the lock go. Inside a ready() that this thread is
 * calling for the same queue, the call further out does the rest. */
static void hand_on_and_release(JobQueue *queue)
{
    JobDrain own = { .outer = queue->drains, .thread = pthread_self() };
    JobDrain *drain = my_drain_locked(queue);

    lock_assert_held(&queue->lock);
    grant_due_locked(queue, drain ? drain : &own);
    if (drain || !own.due.first) {
        lock_release(&queue->lock);
        return;
    }
    queue->drains = &own;
    for (JobTicket *ticket; (ticket = own.due.first);) {
        lane_remove(&own.due, ticket);
        lock_release(&queue->lock);
        ticket->ready(ticket, JOB_GRANTED);
        lock_acquire(&queue->lock);
    }
    forget_drain_locked(queue, &own);
    lock_release(&queue->lock);
}

/* --- begin, end and what comes between ------------------------------------------------------- */

static void interrupt_locked(JobQueue *queue, JobTicket *ticket)
{
    if (!ticket || ticket->interrupted)
        return;
    ticket->interrupted = true;
    cond_broadcast(&queue->wake);
}

/* What a destroy finds: it asks what has begun to stop, and takes the place of what has not. */
static void make_way_locked(JobQueue *queue, JobTicket **place)
{
    JobTicket *ticket = *place;

    if (!ticket || ticket->kind == JOB_DESTROY)
        return;
    interrupt_locked(queue, ticket);
    if (!ticket->may_lose)
        return;
    PROBE_JOB_END(queue->name, ticket->procedure, ticket->owner);
    ticket->state = TICKET_LOST;
    *place = NULL;
}

/* The deadline of a parked ticket, on the timer thread. */
static void refuse_late(Timer *timer)
{
    JobTicket *ticket = (JobTicket *)(void *)((char *)timer - offsetof(JobTicket, timer));
    JobQueue *queue = ticket->queue;
    Holder holder;

    {
        LOCK_SCOPE(&queue->lock);
        if (ticket->state == TICKET_PARKED)
            unpark_locked(queue, ticket, TICKET_LATE);
        g_assert(ticket->state == TICKET_LATE);
        ticket->state = TICKET_IDLE;
        holder = holder_locked(queue, ticket->kind);
    }
    set_late_error(ticket, &holder);
    g_free(holder.domain);
    ticket->ready(ticket, JOB_REFUSED);
}

static void park_locked(JobQueue *queue, JobTicket *ticket)
{
    const JobTicket *holding = holding_locked(queue, ticket->kind);

    ticket->held_by = holding ? holding->procedure : NULL;
    ticket->held_for = holding ? holding->owner : 0;
    ticket->held_since = holding ? holding->since : 0;
    ticket->behind = queue->parked;
    ticket->state = TICKET_PARKED;
    ticket->turn = queue->turns++;
    lane_append(lane_of(queue, ticket->kind), ticket);
    queue->parked++;
    PROBE_JOB_WAIT(queue->name, ticket->procedure, ticket->owner, queue->parked);
    if (ticket->timers)
        timer_start(ticket->timers, &ticket->timer, ticket->deadline);
}

JobOutcome job_begin(JobQueue *queue, JobTicket *ticket, Timers *timers)
{
    g_autofree char *name = NULL;

    g_assert(ticket->kind != JOB_NONE && ticket->state == TICKET_IDLE);
    ticket->queue = queue;
    ticket->timers = timers;
    ticket->timer = (Timer){ .fire = refuse_late };
    ticket->interrupted = false;
    ticket->asked = clock_now();
    {
        LOCK_SCOPE(&queue->lock);
        if (!queue->closed) {
            if (ticket->kind == JOB_DESTROY) {
                make_way_locked(queue, &queue->running);    /* first: it is the async one in a step of that */
                make_way_locked(queue, &queue->async);
            }
            if (may_begin_locked(queue, ticket->kind)) {
                grant_locked(queue, ticket, ticket->asked);
                return JOB_GRANTED;
            }
            park_locked(queue, ticket);
            return JOB_PARKED;
        }
        name = g_strdup(queue->name);
    }
    set_closed_error(ticket, name);
    return JOB_REFUSED;
}

void job_end(JobTicket *ticket)
{
    JobQueue *queue = ticket->queue;

    lock_acquire(&queue->lock);
    g_assert(ticket->state == TICKET_RUNNING);
    PROBE_JOB_END(queue->name, ticket->procedure, ticket->owner);
    ticket->state = TICKET_IDLE;
    if (queue->running == ticket)
        queue->running = NULL;
    if (queue->async == ticket)
        queue->async = NULL;
    hand_on_and_release(queue);
}

bool job_keep(JobTicket *ticket)
{
    LOCK_SCOPE(&ticket->queue->lock);
    ticket->may_lose = false;
    if (ticket->state == TICKET_RUNNING)
        return true;
    g_assert(ticket->state == TICKET_LOST);
    ticket->state = TICKET_IDLE;
    return false;
}

bool job_cancel(JobTicket *ticket, Timers *timers)
{
    JobQueue *queue = ticket->queue;

    LOCK_SCOPE(&queue->lock);
    if (ticket->state != TICKET_PARKED)
        return false;
    g_assert(timers == ticket->timers);
    if (!disarm_locked(ticket))
        return false;
    unpark_locked(queue, ticket, TICKET_IDLE);
    return true;
}

/* Moves what can still be refused here from a lane to `refused`; the timer thread has the others. */
static void empty_lane_locked(JobQueue *queue, JobLane *lane, JobLane *refused)
{
    for (JobTicket *ticket; (ticket = lane->first);) {
        bool mine = disarm_locked(ticket);

        unpark_locked(queue, ticket, mine ? TICKET_IDLE : TICKET_LATE);
        if (mine)
            lane_append(refused, ticket);
    }
}

void job_drain(JobQueue *queue)
{
    JobLane refused = { NULL, NULL };
    g_autofree char *name = NULL;

    {
        LOCK_SCOPE(&queue->lock);
        queue->closed = true;
        empty_lane_locked(queue, &queue->destroys, &refused);
        empty_lane_locked(queue, &queue->queries, &refused);
        empty_lane_locked(queue, &queue->changes, &refused);
        name = g_strdup(queue->name);
    }
    for (JobTicket *ticket; (ticket = refused.first);) {
        lane_remove(&refused, ticket);
        set_closed_error(ticket, name);
        ticket->ready(ticket, JOB_REFUSED);
    }
}

bool job_interrupted(JobTicket *ticket)
{
    LOCK_SCOPE(&ticket->queue->lock);
    return ticket->interrupted;
}

bool job_interrupt(JobQueue *queue, bool all)
{
    LOCK_SCOPE(&queue->lock);
    JobTicket *running = all ? queue->running : NULL;

    interrupt_locked(queue, queue->async);
    interrupt_locked(queue, running);
    return queue->async || running;
}

bool job_sleep(JobTicket *ticket, int64_t until)
{
    JobQueue *queue = ticket->queue;

    LOCK_SCOPE(&queue->lock);
    while (!ticket->interrupted && cond_wait_until(&queue->wake, &queue->lock, until))
        continue;
    return !ticket->interrupted;
}

bool job_step_begin(JobTicket *ticket)
{
    JobQueue *queue = ticket->queue;

    LOCK_SCOPE(&queue->lock);
    g_assert(queue->async == ticket && queue->running != ticket);
    queue->step_wanted = true;
    while (queue->running)
        cond_wait(&queue->wake, &queue->lock);
    queue->step_wanted = false;
    queue->running = ticket;
    return !ticket->interrupted;
}

void job_step_end(JobTicket *ticket)
{
    JobQueue *queue = ticket->queue;

    lock_acquire(&queue->lock);
    g_assert(queue->running == ticket);
    queue->running = NULL;
    hand_on_and_release(queue);
}
