/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine as a whole: what a client may have running, calls that park, and the end of it all with
 * calls in every state. */
#include "rpc-fixture.h"

static void quick_calls_pass_slow_ones(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    for (uint32_t serial = 1; serial <= 5; serial++)
        fixture_call(f, fd, DO_SLOW, serial);
    fixture_call(f, fd, DO_ECHO, 6);
    fixture_expect_empty(f, fd, FRAME_REPLY, 6, FRAME_OK);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, 5);
    close(fd);
}

static void no_more_calls_run_than_the_budget_allows(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    for (uint32_t serial = 1; serial <= 6; serial++)
        fixture_call(f, fd, DO_SLOW, serial);
    fixture_call(f, fd, DO_ECHO, 7);
    fixture_expect_empty(f, fd, FRAME_REPLY, 7, FRAME_OK);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 2);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, 6);
    g_assert_cmpuint(f->most, ==, 2);
    close(fd);
}

static void beyond_the_queue_frames_are_held_back_and_then_taken(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f), other = fixture_dial(f);

    for (uint32_t serial = 1; serial <= 20; serial++)
        fixture_call(f, fd, DO_SLOW, serial);
    fixture_call(f, other, DO_ECHO, 1);
    fixture_expect_empty(f, other, FRAME_REPLY, 1, FRAME_OK);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, 20);
    close(fd);
    close(other);
}

static void a_raised_limit_lets_waiting_calls_go(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    for (uint32_t serial = 1; serial <= 5; serial++)
        fixture_call(f, fd, DO_SLOW, serial);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 2);
    __atomic_store_n(&service_limits(f->service)->max_client_requests, 4, __ATOMIC_RELAXED);
    fixture_call(f, fd, DO_SLOW, 6);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 4);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, 6);
    g_assert_cmpuint(g_array_index(f->served, Served, 0).serial, <=, 4);
    g_assert_cmpuint(g_array_index(f->served, Served, 3).serial, <=, 4);
    close(fd);
}

/* --- parking ------------------------------------------------------------------------------------- */

static void parked_calls_hold_no_worker_and_no_budget(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    fixture_open_gate(f);
    for (uint32_t serial = 1; serial <= 8; serial++)
        fixture_call(f, fd, DO_PARK, serial);
    WAIT_UNTIL(f, LOCKED(f, f->n_parked) == 8);
    fixture_call(f, fd, DO_SLOW, 9);
    fixture_expect_empty(f, fd, FRAME_REPLY, 9, FRAME_OK);
    for (uint32_t serial = 1; serial <= 8; serial++)
        g_assert_true(fixture_resume(f, serial));
    fixture_expect_answers(f, fd, 8);
    close(fd);
}

static void more_parked_calls_than_allowed_count_as_running(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    fixture_open_gate(f);
    __atomic_store_n(&service_limits(f->service)->max_client_parked, 3, __ATOMIC_RELAXED);
    for (uint32_t serial = 1; serial <= 8; serial++)
        fixture_call(f, fd, DO_PARK, serial);
    fixture_call(f, fd, DO_ECHO, 9);
    fixture_expect_empty(f, fd, FRAME_REPLY, 9, FRAME_OK);
    WAIT_UNTIL(f, LOCKED(f, f->n_parked) == 5);    /* three for nothing and two in the budget */
    for (unsigned i = 0; i < 8; i++)
        WAIT_UNTIL(f, fixture_resume(f, 0));
    fixture_expect_answers(f, fd, 8);
    close(fd);
}

static void a_call_that_need_not_wait_a_second_time_costs_no_budget(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    for (uint32_t serial = 1; serial <= 4; serial++) {
        fixture_call(f, fd, DO_PARK_AGAIN, serial);
        WAIT_UNTIL(f, fixture_resume(f, serial));
        fixture_expect_empty(f, fd, FRAME_REPLY, serial, FRAME_OK);
    }
    WAIT_UNTIL(f, __atomic_load_n(&f->rpc->calls, __ATOMIC_ACQUIRE) == 0);
    lock_acquire(&f->newest->lock);
    g_assert_cmpuint(f->newest->running, ==, 0);
    g_assert_cmpuint(f->newest->n_parked, ==, 0);
    lock_release(&f->newest->lock);
    close(fd);
}

static void a_parked_call_that_is_refused_is_answered(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    fixture_call_with(f, fd, DO_BEGIN, 1, 1);
    fixture_expect(f, fd, FRAME_REPLY, 1, FRAME_ERROR);
    g_assert_cmpuint(xdr_load32(f->payload), ==, VIR_ERR_OPERATION_TIMEOUT);
    close(fd);
}

static void changes_park_in_the_order_in_which_they_came(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    for (uint32_t serial = 1; serial <= 10; serial++)
        fixture_call(f, fd, DO_BEGIN, serial);
    WAIT_UNTIL(f, LOCKED(f, f->n_parked) == 10);
    lock_acquire(&f->lock);
    for (uint32_t i = 0; i < 10; i++)
        g_assert_cmpuint(((Call *)g_ptr_array_index(f->parked, i))->header.serial, ==, i + 1);
    lock_release(&f->lock);
    close(fd);
}

static void what_a_client_waited_for_is_dropped_when_it_leaves(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    for (uint32_t serial = 1; serial <= 3; serial++)
        fixture_call(f, fd, DO_PARK, serial);
    for (uint32_t serial = 4; serial <= 5; serial++)
        fixture_call(f, fd, DO_BEGIN, serial);
    WAIT_UNTIL(f, LOCKED(f, f->n_parked) == 5);
    close(fd);
    WAIT_UNTIL(f, LOCKED(f, f->abandoned) == 5);
    g_assert_true(rpc_drain(f->rpc, clock_now() + 60 * CLOCK_S));
}

static void a_call_that_parks_when_its_client_has_left_is_dropped(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    fixture_call(f, fd, DO_PARK_LATE, 1);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 1);
    close(fd);
    WAIT_UNTIL(f, LOCKED(f, f->clients_left) == 1);
    fixture_open_gate(f);
    WAIT_UNTIL(f, LOCKED(f, f->abandoned) == 1);
    WAIT_UNTIL(f, LOCKED(f, f->clients_freed) == 1);
}

static void a_client_is_freed_when_its_last_call_has_ended(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    fixture_call(f, fd, DO_SLOW, 1);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 1);
    close(fd);
    fd = fixture_dial_accepted(f);
    fixture_call(f, fd, DO_ECHO, 1);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    g_assert_cmpuint(LOCKED(f, f->clients_freed), ==, 0);
    fixture_open_gate(f);
    WAIT_UNTIL(f, LOCKED(f, f->clients_freed) == 1);
    close(fd);
}

/* --- the end ------------------------------------------------------------------------------------- */

static void a_stopping_engine_refuses_new_calls_and_ends_old_ones(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    fixture_call(f, fd, DO_SLOW, 1);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 1);
    rpc_quiesce(f->rpc);
    fixture_call(f, fd, DO_SLOW, 2);
    fixture_expect(f, fd, FRAME_REPLY, 2, FRAME_ERROR);
    g_assert_cmpuint(xdr_load32(f->payload), ==, VIR_ERR_OPERATION_ABORTED);
    g_assert_false(rpc_drain(f->rpc, clock_now()));
    fixture_open_gate(f);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    g_assert_true(rpc_drain(f->rpc, clock_now() + 60 * CLOCK_S));
    close(fd);
}

static void *open_gate_later(void *data)
{
    Fixture *f = data;

    WAIT_UNTIL(f, LOCKED(f, f->abandoned) > 0);    /* the I/O threads are being stopped */
    fixture_open_gate(f);
    return NULL;
}

static void the_end_waits_for_what_runs_and_drops_what_waits(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f), other = fixture_dial(f);
    GThread *opener;

    for (uint32_t serial = 1; serial <= 5; serial++)
        fixture_call(f, fd, DO_SLOW, serial);
    for (uint32_t serial = 1; serial <= 5; serial++)
        fixture_call(f, other, DO_BEGIN, serial);
    WAIT_UNTIL(f, LOCKED(f, f->running == 2 && f->n_parked == 5));
    opener = g_thread_new("opener", open_gate_later, f);
    fixture_stop(f);
    g_thread_join(opener);
    g_assert_cmpuint(f->abandoned, ==, 5);
    g_assert_cmpuint(f->clients_freed, ==, 2);
    fixture_expect_closed(f, fd);
    fixture_expect_closed(f, other);
}

/* Deadlines that come while the engine ends are answered by the timer's thread before it is freed. */
static void the_end_waits_for_deadlines_that_have_come(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    for (uint32_t serial = 1; serial <= 16; serial++)
        fixture_call_with(f, fd, DO_BEGIN, serial, serial % 4);
    WAIT_UNTIL(f, LOCKED(f, f->n_parked) == 16);
    fixture_stop(f);
    g_assert_cmpuint(f->abandoned + f->expired, ==, 16);
    close(fd);
}

static void announcements_and_wishes_after_the_threads_are_given_back(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Client *client = client_ref(f->newest);

    for (unsigned i = 0; i < f->rpc->n_io; i++)
        io_stop(f->rpc->io[i]);
    fixture_announce(f, 1, 100);
    io_wish(client, WISH_LOOK | WISH_STREAM);
    client_unref(client);
    fixture_stop(f);
    g_assert_cmpuint(f->clients_freed, ==, 1);
    close(fd);
}

static void an_engine_that_was_never_started_can_be_freed(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    fixture_stop(f);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) FIXTURE_ADD("/rpc/engine/", NULL, claim)
    ADD(quick_calls_pass_slow_ones);
    ADD(no_more_calls_run_than_the_budget_allows);
    ADD(beyond_the_queue_frames_are_held_back_and_then_taken);
    ADD(a_raised_limit_lets_waiting_calls_go);
    ADD(parked_calls_hold_no_worker_and_no_budget);
    ADD(more_parked_calls_than_allowed_count_as_running);
    ADD(a_call_that_need_not_wait_a_second_time_costs_no_budget);
    ADD(a_parked_call_that_is_refused_is_answered);
    ADD(changes_park_in_the_order_in_which_they_came);
    ADD(what_a_client_waited_for_is_dropped_when_it_leaves);
    ADD(a_call_that_parks_when_its_client_has_left_is_dropped);
    ADD(a_client_is_freed_when_its_last_call_has_ended);
    ADD(a_stopping_engine_refuses_new_calls_and_ends_old_ones);
    ADD(the_end_waits_for_what_runs_and_drops_what_waits);
    ADD(the_end_waits_for_deadlines_that_have_come);
    ADD(announcements_and_wishes_after_the_threads_are_given_back);
    FIXTURE_ADD("/rpc/engine/", &fixture_still, an_engine_that_was_never_started_can_be_freed);
    return g_test_run();
}
