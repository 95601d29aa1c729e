/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/job.h promises: whose turn it is, who interrupts whom, and that a ticket gets one answer. */
#include "conf/job.h"

#include <stdatomic.h>
#include <stddef.h>

#include "conf-helper.h"

typedef struct Fixture {
    JobQueue queue;
    Timers *timers;
    Wish wishes[8];
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    job_queue_init(&f->queue, "vm");
    f->timers = timers_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(f->wishes); i++)
        wish_init(&f->wishes[i], JOB_MODIFY, "domain.test", i);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    timers_free(f->timers);
    for (unsigned i = 0; i < G_N_ELEMENTS(f->wishes); i++)
        wish_clear(&f->wishes[i]);
    job_queue_deinit(&f->queue);
}

static JobOutcome begin(Fixture *f, unsigned i, JobKind kind)
{
    f->wishes[i].ticket.kind = kind;
    return wish_begin(&f->wishes[i], &f->queue, f->timers);
}

static void end(Fixture *f, unsigned i)
{
    job_end(&f->wishes[i].ticket);
}

static bool granted(Fixture *f, unsigned i)
{
    return wish_answers(&f->wishes[i]) == 1 && f->wishes[i].outcome == JOB_GRANTED;
}

static bool interrupted(Fixture *f, unsigned i)
{
    return job_interrupted(&f->wishes[i].ticket);
}

/* --- turns ----------------------------------------------------------------------------------- */

static void first_begins_at_once_and_the_others_take_turns(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(begin(f, 0, JOB_MODIFY), ==, JOB_GRANTED);
    g_assert_cmpint(begin(f, 1, JOB_MODIFY), ==, JOB_PARKED);
    g_assert_cmpint(begin(f, 2, JOB_QUERY), ==, JOB_PARKED);
    g_assert_cmpint(begin(f, 3, JOB_MODIFY), ==, JOB_PARKED);
    for (unsigned i = 1; i < 4; i++) {
        g_assert_false(granted(f, i));
        end(f, i - 1);
        g_assert_true(granted(f, i));
    }
    end(f, 3);
    g_assert_cmpint(begin(f, 0, JOB_MODIFY), ==, JOB_GRANTED);
    end(f, 0);
}

static void queries_and_changes_keep_their_order(Fixture *f, gconstpointer data)
{
    static const JobKind kinds[] = { JOB_MODIFY, JOB_QUERY, JOB_MODIFY, JOB_MODIFY, JOB_QUERY, JOB_QUERY, JOB_MODIFY };
    unsigned n = G_N_ELEMENTS(kinds);

    for (unsigned i = 0; i < n; i++)
        begin(f, i, kinds[i]);
    for (unsigned i = 1; i < n; i++) {
        end(f, i - 1);
        g_assert_true(granted(f, i));
        g_assert_true(i + 1 == n || !granted(f, i + 1));
    }
    end(f, n - 1);
}

static void destroy_goes_first_and_interrupts_what_runs(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_MODIFY);
    begin(f, 1, JOB_MODIFY);
    g_assert_false(interrupted(f, 0));
    g_assert_cmpint(begin(f, 2, JOB_DESTROY), ==, JOB_PARKED);
    g_assert_true(interrupted(f, 0));
    end(f, 0);
    g_assert_true(granted(f, 2));
    g_assert_false(granted(f, 1));
    end(f, 2);
    g_assert_true(granted(f, 1));
    g_assert_false(interrupted(f, 1));
    end(f, 1);
}

static JobOutcome begin_loosely(Fixture *f, unsigned i, JobKind kind)
{
    f->wishes[i].ticket.may_lose = true;
    return begin(f, i, kind);
}

static void destroy_takes_the_job_of_who_has_not_begun(Fixture *f, gconstpointer data)
{
    static const JobKind kinds[] = { JOB_MODIFY, JOB_QUERY, JOB_ASYNC };

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_assert_cmpint(begin_loosely(f, 0, kinds[i]), ==, JOB_GRANTED);
        g_assert_cmpint(begin(f, 1, JOB_MODIFY), ==, JOB_PARKED);
        g_assert_cmpint(begin(f, 2, JOB_DESTROY), ==, JOB_GRANTED);
        g_assert_false(job_keep(&f->wishes[0].ticket));
        g_assert_false(granted(f, 1));
        end(f, 2);
        g_assert_true(granted(f, 1));
        end(f, 1);
        wish_clear(&f->wishes[1]);
        wish_init(&f->wishes[1], JOB_MODIFY, "domain.test", 1);
    }
}

static void destroy_waits_for_who_has_begun(Fixture *f, gconstpointer data)
{
    begin_loosely(f, 0, JOB_MODIFY);
    g_assert_true(job_keep(&f->wishes[0].ticket));
    g_assert_cmpint(begin(f, 1, JOB_DESTROY), ==, JOB_PARKED);
    g_assert_true(interrupted(f, 0));
    end(f, 0);
    g_assert_true(granted(f, 1));
    end(f, 1);
}

static void destroy_leaves_an_earlier_one_that_has_not_begun(Fixture *f, gconstpointer data)
{
    begin_loosely(f, 0, JOB_DESTROY);
    g_assert_cmpint(begin(f, 1, JOB_DESTROY), ==, JOB_PARKED);
    g_assert_true(job_keep(&f->wishes[0].ticket));
    end(f, 0);
    end(f, 1);
}

static void a_job_that_was_waited_for_can_be_lost_too(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_MODIFY);
    g_assert_cmpint(begin_loosely(f, 1, JOB_MODIFY), ==, JOB_PARKED);
    end(f, 0);
    g_assert_true(granted(f, 1));
    g_assert_cmpint(begin(f, 2, JOB_DESTROY), ==, JOB_GRANTED);
    g_assert_false(job_keep(&f->wishes[1].ticket));
    end(f, 2);
}

static void destroys_take_turns_and_leave_each_other_alone(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_DESTROY);
    begin(f, 1, JOB_DESTROY);
    begin(f, 2, JOB_DESTROY);
    g_assert_false(interrupted(f, 0));
    end(f, 0);
    g_assert_true(granted(f, 1));
    g_assert_false(granted(f, 2));
    end(f, 1);
    g_assert_true(granted(f, 2));
    end(f, 2);
}

/* --- async jobs ------------------------------------------------------------------------------ */

static void query_runs_beside_an_async_job_and_a_change_waits(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(begin(f, 0, JOB_ASYNC), ==, JOB_GRANTED);
    g_assert_cmpint(begin(f, 1, JOB_MODIFY), ==, JOB_PARKED);
    g_assert_cmpint(begin(f, 2, JOB_QUERY), ==, JOB_GRANTED);
    g_assert_cmpint(begin(f, 3, JOB_QUERY), ==, JOB_PARKED);
    end(f, 2);
    g_assert_true(granted(f, 3));
    g_assert_false(granted(f, 1));
    end(f, 0);
    g_assert_false(granted(f, 1));
    end(f, 3);
    g_assert_true(granted(f, 1));
    end(f, 1);
}

static void async_job_waits_for_everything_before_it(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_QUERY);
    g_assert_cmpint(begin(f, 1, JOB_ASYNC), ==, JOB_PARKED);
    g_assert_cmpint(begin(f, 2, JOB_ASYNC), ==, JOB_PARKED);
    end(f, 0);
    g_assert_true(granted(f, 1));
    g_assert_false(granted(f, 2));
    end(f, 1);
    g_assert_true(granted(f, 2));
    end(f, 2);
}

static void granted_async_job_admits_the_query_behind_it(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_MODIFY);
    begin(f, 1, JOB_ASYNC);
    begin(f, 2, JOB_MODIFY);
    begin(f, 3, JOB_QUERY);
    end(f, 0);
    g_assert_true(granted(f, 1) && granted(f, 3));
    g_assert_false(granted(f, 2));
    end(f, 3);
    end(f, 1);
    g_assert_true(granted(f, 2));
    end(f, 2);
}

static void destroy_runs_beside_an_async_job_and_interrupts_it(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_ASYNC);
    g_assert_cmpint(begin(f, 1, JOB_DESTROY), ==, JOB_GRANTED);
    g_assert_true(interrupted(f, 0));
    end(f, 0);
    g_assert_cmpint(begin(f, 2, JOB_MODIFY), ==, JOB_PARKED);
    end(f, 1);
    g_assert_true(granted(f, 2));
    end(f, 2);
}

static void destroy_waits_for_the_query_but_not_for_the_async_job(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_ASYNC);
    begin(f, 1, JOB_QUERY);
    g_assert_cmpint(begin(f, 2, JOB_DESTROY), ==, JOB_PARKED);
    g_assert_true(interrupted(f, 0) && interrupted(f, 1));
    end(f, 1);
    g_assert_true(granted(f, 2));
    end(f, 2);
    end(f, 0);
}

static void nobody_is_admitted_during_a_step(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_ASYNC);
    g_assert_true(job_step_begin(&f->wishes[0].ticket));
    g_assert_cmpint(begin(f, 1, JOB_QUERY), ==, JOB_PARKED);
    g_assert_cmpint(begin(f, 2, JOB_DESTROY), ==, JOB_PARKED);
    job_step_end(&f->wishes[0].ticket);
    g_assert_true(granted(f, 2));
    g_assert_false(granted(f, 1));
    end(f, 2);
    g_assert_true(granted(f, 1));
    end(f, 1);
    g_assert_false(job_step_begin(&f->wishes[0].ticket));    /* interrupted, but a step all the same */
    g_assert_cmpint(begin(f, 1, JOB_QUERY), ==, JOB_PARKED);
    end(f, 0);
    g_assert_true(granted(f, 1));
    end(f, 1);
}

static void *take_step(void *data)
{
    JobTicket *ticket = data;
    bool going_on = job_step_begin(ticket);

    job_step_end(ticket);
    return GINT_TO_POINTER(going_on);
}

static void wait_for_step_wanted(JobQueue *queue)
{
    int64_t until = clock_now() + 60 * CLOCK_S;

    for (bool wanted = false; !wanted; g_thread_yield()) {
        g_assert_cmpint(clock_now(), <, until);
        LOCK_SCOPE(&queue->lock);
        wanted = queue->step_wanted;
    }
}

static void step_waits_for_the_query_and_goes_before_the_next(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_ASYNC);
    begin(f, 1, JOB_QUERY);
    GThread *thread = g_thread_new(NULL, take_step, &f->wishes[0].ticket);

    wait_for_step_wanted(&f->queue);
    g_assert_cmpint(begin(f, 2, JOB_QUERY), ==, JOB_PARKED);
    end(f, 1);
    g_assert_true(GPOINTER_TO_INT(g_thread_join(thread)));
    g_assert_cmpint(wish_wait(&f->wishes[2]), ==, JOB_GRANTED);
    end(f, 2);
    end(f, 0);
}

/* --- refusals -------------------------------------------------------------------------------- */

static void late_ticket_is_told_who_holds_the_domain(Fixture *f, gconstpointer data)
{
    static const char said[] = "Timed out during operation: cannot acquire state change lock of domain 'vm' for "
                               "domain.resume: domain.suspend of client 12 has held it for ";
    int64_t begun = clock_now(), seconds;
    char *rest;

    f->wishes[0].ticket.procedure = "domain.suspend";
    f->wishes[0].ticket.owner = 12;
    begin(f, 0, JOB_MODIFY);
    f->wishes[0].ticket.since = clock_now() - 31 * CLOCK_S - CLOCK_S / 100;
    f->wishes[1].ticket.procedure = "domain.resume";
    f->wishes[1].ticket.deadline = clock_now();
    g_assert_cmpint(begin(f, 1, JOB_MODIFY), ==, JOB_PARKED);
    g_assert_cmpint(wish_wait(&f->wishes[1]), ==, JOB_REFUSED);
    g_assert_cmpint(f->wishes[1].ticket.error.code, ==, VIR_ERR_OPERATION_TIMEOUT);
    g_assert_true(g_str_has_prefix(f->wishes[1].ticket.error.message, said));
    seconds = g_ascii_strtoll(f->wishes[1].ticket.error.message + strlen(said), &rest, 10);
    g_assert_cmpint(seconds, >=, 31);
    g_assert_cmpint(seconds, <=, 31 + (clock_now() - begun) / CLOCK_S + 1);
    g_assert_cmpstr(rest, ==, " s");
    end(f, 0);
    g_assert_cmpuint(wish_answers(&f->wishes[1]), ==, 1);
}

static void late_change_blames_the_async_job_not_the_query_beside_it(Fixture *f, gconstpointer data)
{
    f->wishes[0].ticket.procedure = "domain.save";
    begin(f, 0, JOB_ASYNC);
    begin(f, 1, JOB_QUERY);
    f->wishes[2].ticket.deadline = clock_now();
    begin(f, 2, JOB_MODIFY);
    g_assert_cmpint(wish_wait(&f->wishes[2]), ==, JOB_REFUSED);
    g_assert_nonnull(strstr(f->wishes[2].ticket.error.detail, "domain.save of client 0"));
    end(f, 1);
    end(f, 0);
}

static void refused_ticket_may_begin_again(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_MODIFY);
    f->wishes[1].ticket.deadline = clock_now();
    begin(f, 1, JOB_MODIFY);
    g_assert_cmpint(wish_wait(&f->wishes[1]), ==, JOB_REFUSED);
    end(f, 0);
    g_assert_cmpint(begin(f, 1, JOB_MODIFY), ==, JOB_GRANTED);
    end(f, 1);
}

static void cancelled_ticket_is_never_answered(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_MODIFY);
    begin(f, 1, JOB_MODIFY);
    begin(f, 2, JOB_MODIFY);
    g_assert_true(job_cancel(&f->wishes[1].ticket, f->timers));
    g_assert_false(job_cancel(&f->wishes[1].ticket, f->timers));
    end(f, 0);
    g_assert_true(granted(f, 2));
    g_assert_cmpuint(wish_answers(&f->wishes[1]), ==, 0);
    end(f, 2);
}

static void running_ticket_cannot_be_cancelled(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_MODIFY);
    g_assert_false(job_cancel(&f->wishes[0].ticket, f->timers));
    end(f, 0);
    g_assert_false(job_cancel(&f->wishes[0].ticket, f->timers));
}

static void drained_queue_refuses_what_waits_and_what_comes(Fixture *f, gconstpointer data)
{
    begin(f, 0, JOB_MODIFY);
    begin(f, 1, JOB_MODIFY);
    begin(f, 2, JOB_DESTROY);
    job_drain(&f->queue);
    for (unsigned i = 1; i < 3; i++) {
        g_assert_cmpint(wish_wait(&f->wishes[i]), ==, JOB_REFUSED);
        g_assert_cmpint(f->wishes[i].ticket.error.code, ==, VIR_ERR_OPERATION_ABORTED);
        error_clear(&f->wishes[i].ticket.error);
    }
    g_assert_cmpint(begin(f, 1, JOB_MODIFY), ==, JOB_REFUSED);
    g_assert_cmpuint(wish_answers(&f->wishes[1]), ==, 0);
    g_assert_nonnull(strstr(f->wishes[1].ticket.error.detail, "'vm'"));
    end(f, 0);
}

/* --- the moment between a deadline and its refusal -------------------------------------------- */

/* Holds the timer thread between taking a ticket's timer from the heap and refusing the ticket. */
typedef struct Late {
    Wish wish;                          /* the first member, as its ticket's timer is found from there */
    void (*refuse)(Timer *timer);       /* the timer's own */
    Lock lock;
    Cond changed;
    /* under lock */
    bool firing, go_on;
} Late;

static void hold_refusal(Timer *timer)
{
    Late *late = (Late *)(void *)((char *)timer - offsetof(JobTicket, timer));

    {
        LOCK_SCOPE(&late->lock);
        late->firing = true;
        cond_signal(&late->changed);
        while (!late->go_on)
            cond_wait(&late->changed, &late->lock);
    }
    late->refuse(timer);
}

/* Parks the ticket, lets its deadline come, and returns with the timer thread held. */
static void late_begin(Late *late, Fixture *f)
{
    int64_t until = clock_now() + 60 * CLOCK_S;

    wish_init(&late->wish, JOB_MODIFY, "domain.late", 9);
    lock_init(&late->lock, LOCK_LOG);
    cond_init(&late->changed);
    late->firing = late->go_on = false;
    g_assert_cmpint(wish_begin(&late->wish, &f->queue, f->timers), ==, JOB_PARKED);
    late->refuse = late->wish.ticket.timer.fire;
    late->wish.ticket.timer.fire = hold_refusal;
    timer_start(f->timers, &late->wish.ticket.timer, clock_now());
    LOCK_SCOPE(&late->lock);
    while (!late->firing)
        g_assert_true(cond_wait_until(&late->changed, &late->lock, until));
}

/* Lets the timer thread go on; the ticket must be refused then, once. */
static void late_end(Late *late, Fixture *f, const char *said)
{
    g_assert_cmpuint(wish_answers(&late->wish), ==, 0);
    {
        LOCK_SCOPE(&late->lock);
        late->go_on = true;
        cond_signal(&late->changed);
    }
    g_assert_cmpint(wish_wait(&late->wish), ==, JOB_REFUSED);
    g_assert_nonnull(strstr(late->wish.ticket.error.detail, said));
    timers_free(g_steal_pointer(&f->timers));    /* nobody is in hold_refusal any more */
    f->timers = timers_new();
    g_assert_cmpuint(wish_answers(&late->wish), ==, 1);
    cond_deinit(&late->changed);
    lock_deinit(&late->lock);
    wish_clear(&late->wish);
}

static void cancel_after_the_deadline_leaves_the_ticket_to_the_timer(Fixture *f, gconstpointer data)
{
    Late late;

    begin(f, 0, JOB_MODIFY);
    late_begin(&late, f);
    g_assert_false(job_cancel(&late.wish.ticket, f->timers));
    late_end(&late, f, "domain.test of client 0 has held it");
    end(f, 0);
}

static void turn_after_the_deadline_goes_to_the_next(Fixture *f, gconstpointer data)
{
    Late late;

    begin(f, 0, JOB_MODIFY);
    late_begin(&late, f);
    begin(f, 1, JOB_MODIFY);
    end(f, 0);
    g_assert_true(granted(f, 1));
    g_assert_false(job_cancel(&late.wish.ticket, f->timers));
    end(f, 1);
    late_end(&late, f, "it became free only now");
}

static void drain_after_the_deadline_leaves_the_ticket_to_the_timer(Fixture *f, gconstpointer data)
{
    Late late;

    begin(f, 0, JOB_MODIFY);
    late_begin(&late, f);
    job_drain(&f->queue);
    late_end(&late, f, "domain.test of client 0 has held it");
    end(f, 0);
}

/* --- interrupts ------------------------------------------------------------------------------ */

static void interrupt_finds_the_async_job_or_whatever_runs(Fixture *f, gconstpointer data)
{
    g_assert_false(job_interrupt(&f->queue, true));
    begin(f, 0, JOB_MODIFY);
    g_assert_false(job_interrupt(&f->queue, false));
    g_assert_false(interrupted(f, 0));
    g_assert_true(job_interrupt(&f->queue, true));
    g_assert_true(interrupted(f, 0));
    end(f, 0);
    begin(f, 0, JOB_ASYNC);
    g_assert_false(interrupted(f, 0));
    g_assert_true(job_interrupt(&f->queue, false));
    g_assert_true(interrupted(f, 0));
    end(f, 0);
}

static void *sleep_long(void *data)
{
    return GINT_TO_POINTER(job_sleep(data, clock_now() + 30 * CLOCK_S));
}

static void destroy_ends_the_sleep_of_a_job(Fixture *f, gconstpointer data)
{
    int64_t before = clock_now();

    begin(f, 0, JOB_MODIFY);
    GThread *thread = g_thread_new(NULL, sleep_long, &f->wishes[0].ticket);

    begin(f, 1, JOB_DESTROY);
    g_assert_false(GPOINTER_TO_INT(g_thread_join(thread)));
    g_assert_cmpint(clock_now() - before, <, 20 * CLOCK_S);
    end(f, 0);
    g_assert_true(granted(f, 1));
    end(f, 1);
}

static void sleep_lasts_until_its_time(Fixture *f, gconstpointer data)
{
    int64_t until = clock_now() + 20 * CLOCK_MS;

    begin(f, 0, JOB_MODIFY);
    g_assert_true(job_sleep(&f->wishes[0].ticket, until));
    g_assert_cmpint(clock_now(), >=, until);
    end(f, 0);
}

static void description_names_the_job_and_how_many_wait(Fixture *f, gconstpointer data)
{
    g_autofree char *idle = job_describe(&f->queue);

    begin(f, 0, JOB_MODIFY);
    begin(f, 1, JOB_MODIFY);
    job_queue_rename(&f->queue, "new");
    g_autofree char *busy = job_describe(&f->queue);

    g_assert_cmpstr(idle, ==, "domain 'vm': nothing runs, 0 waiting");
    g_assert_cmpstr(busy, ==, "domain 'new': domain.test of client 0 for 0 s, 1 waiting");
    end(f, 0);
    end(f, 1);
}

/* --- many ------------------------------------------------------------------------------------ */

enum { MANY = 10000 };

typedef struct Instant {
    JobTicket ticket;
    uintptr_t *lowest;      /* of all: the deepest stack seen in ready() */
    unsigned *order, number;
} Instant;

static void end_at_once(JobTicket *ticket, JobOutcome outcome)
{
    Instant *instant = (Instant *)(void *)ticket;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    g_assert_cmpint(outcome, ==, JOB_GRANTED);
    g_assert_cmpuint((*instant->order)++, ==, instant->number);
    *instant->lowest = MIN(*instant->lowest, here);
    job_end(ticket);
}

static void ten_thousand_that_end_at_once_need_no_deeper_stack(Fixture *f, gconstpointer data)
{
    Instant *instants = g_new0(Instant, MANY);
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), lowest = here;
    unsigned order = 0;

    begin(f, 0, JOB_MODIFY);
    for (unsigned i = 0; i < MANY; i++) {
        instants[i] = (Instant){
            .ticket = { .kind = JOB_MODIFY, .procedure = "domain.test", .ready = end_at_once },
            .lowest = &lowest, .order = &order, .number = i,
        };
        g_assert_cmpint(job_begin(&f->queue, &instants[i].ticket, NULL), ==, JOB_PARKED);
    }
    end(f, 0);
    g_assert_cmpuint(order, ==, MANY);
    g_assert_cmpuint(here - lowest, <, 16384);
    g_free(instants);
}

/* Ten thousand tickets of one queue: workers end what was granted, the timer thread refuses, others cancel. */
typedef struct Crowd Crowd;

typedef struct Member {
    JobTicket ticket;
    Crowd *crowd;
    struct Member *next_granted;
    bool at_once;               /* ends inside ready() */
    _Atomic bool begun;         /* may be cancelled from now on */
    atomic_uint granted, refused, cancelled;
} Member;

struct Crowd {
    JobQueue queue;
    Timers *timers;
    Member members[MANY];
    atomic_uint answered, running;
    _Atomic bool stop;
    Lock lock;
    Cond more;
    /* under lock */
    Member *granted;            /* what a worker has to end */
};

static void member_run(Member *member)
{
    Crowd *crowd = member->crowd;

    if (member->ticket.kind != JOB_ASYNC)
        g_assert_cmpuint(atomic_fetch_add(&crowd->running, 1), ==, 0);    /* alone */
    if (member->ticket.kind == JOB_ASYNC && member->at_once) {
        job_step_begin(&member->ticket);
        g_assert_cmpuint(atomic_fetch_add(&crowd->running, 1), ==, 0);
        atomic_fetch_sub(&crowd->running, 1);
        job_step_end(&member->ticket);
    }
    if (member->ticket.kind != JOB_ASYNC)
        atomic_fetch_sub(&crowd->running, 1);
    job_end(&member->ticket);
    atomic_fetch_add(&crowd->answered, 1);
}

static void member_hand_over(Member *member)
{
    Crowd *crowd = member->crowd;

    LOCK_SCOPE(&crowd->lock);
    member->next_granted = crowd->granted;
    crowd->granted = member;
    cond_signal(&crowd->more);
}

static void member_ready(JobTicket *ticket, JobOutcome outcome)
{
    Member *member = (Member *)(void *)ticket;

    if (outcome == JOB_REFUSED) {
        atomic_fetch_add(&member->refused, 1);
        atomic_fetch_add(&member->crowd->answered, 1);
        return;
    }
    atomic_fetch_add(&member->granted, 1);
    if (member->at_once && ticket->kind != JOB_ASYNC)    /* a step waits, and ready() may not */
        member_run(member);
    else
        member_hand_over(member);
}

static void *run_worker(void *data)
{
    Crowd *crowd = data;

    for (;;) {
        Member *member;

        {
            LOCK_SCOPE(&crowd->lock);
            while (!crowd->granted && !atomic_load(&crowd->stop))
                cond_wait(&crowd->more, &crowd->lock);
            if (!(member = crowd->granted))
                return NULL;
            crowd->granted = member->next_granted;
        }
        member_run(member);
    }
}

static void *run_canceller(void *data)
{
    Crowd *crowd = data;
    GRand *random = g_rand_new_with_seed(5);

    while (!atomic_load(&crowd->stop)) {
        Member *member = &crowd->members[g_rand_int_range(random, 0, MANY)];

        if (atomic_load(&member->begun) && job_cancel(&member->ticket, crowd->timers)) {
            atomic_fetch_add(&member->cancelled, 1);
            atomic_fetch_add(&crowd->answered, 1);
        }
        if (g_rand_int_range(random, 0, 16) == 0)
            g_thread_yield();
    }
    g_rand_free(random);
    return NULL;
}

static void crowd_begin(Crowd *crowd, unsigned from, unsigned to)
{
    static const JobKind kinds[] = { JOB_MODIFY, JOB_MODIFY, JOB_QUERY, JOB_ASYNC, JOB_DESTROY };

    for (unsigned i = from; i < to; i++) {
        Member *member = &crowd->members[i];

        member->ticket.kind = kinds[i % G_N_ELEMENTS(kinds)];
        member->at_once = i % 3 == 0;
        member->ticket.deadline = clock_now() + (int64_t)(i % 997) * CLOCK_MS;
        g_assert_cmpint(job_begin(&crowd->queue, &member->ticket, crowd->timers), ==, JOB_PARKED);
        atomic_store(&member->begun, true);
    }
}

static void *begin_half(void *data)
{
    crowd_begin(data, MANY / 2, MANY);
    return NULL;
}

static void crowd_check(Crowd *crowd)
{
    unsigned granted = 0, refused = 0, cancelled = 0;

    for (unsigned i = 0; i < MANY; i++) {
        Member *member = &crowd->members[i];

        g_assert_cmpuint(member->granted + member->refused + member->cancelled, ==, 1);
        g_assert_cmpint(member->ticket.error.code, ==, member->refused ? VIR_ERR_OPERATION_TIMEOUT : VIR_ERR_OK);
        granted += member->granted;
        refused += member->refused;
        cancelled += member->cancelled;
        error_clear(&member->ticket.error);
    }
    g_test_message("granted %u, refused %u, cancelled %u", granted, refused, cancelled);
    /* how many of each is the scheduler's doing */
    g_assert_cmpuint(granted + refused + cancelled, ==, MANY);
}

static void wait_for_answers(Crowd *crowd, unsigned wanted)
{
    int64_t until = clock_now() + 60 * CLOCK_S;

    while (atomic_load(&crowd->answered) < wanted) {
        g_assert_cmpint(clock_now(), <, until);
        g_thread_yield();
    }
}

static void each_of_ten_thousand_is_granted_refused_or_cancelled(void)
{
    Crowd *crowd = g_new0(Crowd, 1);
    GThread *threads[3], *other;
    unsigned n = 0;
    Wish holder;

    job_queue_init(&crowd->queue, "vm");
    crowd->timers = timers_new();
    lock_init(&crowd->lock, LOCK_LOG);
    cond_init(&crowd->more);
    for (unsigned i = 0; i < MANY; i++)
        crowd->members[i] = (Member){
            .crowd = crowd,
            .ticket = { .procedure = "domain.test", .owner = i, .ready = member_ready, .error = ERROR_INIT },
        };
    threads[n++] = g_thread_new(NULL, run_worker, crowd);
    threads[n++] = g_thread_new(NULL, run_worker, crowd);
    threads[n++] = g_thread_new(NULL, run_canceller, crowd);
    wish_init(&holder, JOB_MODIFY, "domain.test", 0);
    g_assert_cmpint(wish_begin(&holder, &crowd->queue, NULL), ==, JOB_GRANTED);
    other = g_thread_new(NULL, begin_half, crowd);
    crowd_begin(crowd, 0, MANY / 2);
    g_thread_join(other);
    wait_for_answers(crowd, MANY / 3);    /* deadlines and cancels alone; they go on beside the rest */
    job_end(&holder.ticket);
    wait_for_answers(crowd, MANY);
    wish_clear(&holder);
    {
        LOCK_SCOPE(&crowd->lock);
        atomic_store(&crowd->stop, true);
        cond_broadcast(&crowd->more);
    }
    for (unsigned i = 0; i < n; i++)
        g_thread_join(threads[i]);
    timers_free(crowd->timers);
    crowd_check(crowd);
    job_queue_deinit(&crowd->queue);
    cond_deinit(&crowd->more);
    lock_deinit(&crowd->lock);
    g_free(crowd);
}

#define TEST(function) g_test_add("/conf/job/" #function, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(first_begins_at_once_and_the_others_take_turns);
    TEST(queries_and_changes_keep_their_order);
    TEST(destroy_goes_first_and_interrupts_what_runs);
    TEST(destroy_takes_the_job_of_who_has_not_begun);
    TEST(destroy_waits_for_who_has_begun);
    TEST(destroy_leaves_an_earlier_one_that_has_not_begun);
    TEST(a_job_that_was_waited_for_can_be_lost_too);
    TEST(destroys_take_turns_and_leave_each_other_alone);
    TEST(query_runs_beside_an_async_job_and_a_change_waits);
    TEST(async_job_waits_for_everything_before_it);
    TEST(granted_async_job_admits_the_query_behind_it);
    TEST(destroy_runs_beside_an_async_job_and_interrupts_it);
    TEST(destroy_waits_for_the_query_but_not_for_the_async_job);
    TEST(nobody_is_admitted_during_a_step);
    TEST(step_waits_for_the_query_and_goes_before_the_next);
    TEST(late_ticket_is_told_who_holds_the_domain);
    TEST(late_change_blames_the_async_job_not_the_query_beside_it);
    TEST(refused_ticket_may_begin_again);
    TEST(cancelled_ticket_is_never_answered);
    TEST(running_ticket_cannot_be_cancelled);
    TEST(drained_queue_refuses_what_waits_and_what_comes);
    TEST(cancel_after_the_deadline_leaves_the_ticket_to_the_timer);
    TEST(turn_after_the_deadline_goes_to_the_next);
    TEST(drain_after_the_deadline_leaves_the_ticket_to_the_timer);
    TEST(interrupt_finds_the_async_job_or_whatever_runs);
    TEST(destroy_ends_the_sleep_of_a_job);
    TEST(sleep_lasts_until_its_time);
    TEST(description_names_the_job_and_how_many_wait);
    TEST(ten_thousand_that_end_at_once_need_no_deeper_stack);
    g_test_add_func("/conf/job/each_of_ten_thousand_is_granted_refused_or_cancelled",
                    each_of_ten_thousand_is_granted_refused_or_cancelled);
    return g_test_run();
}
