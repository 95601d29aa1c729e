/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The workers: whose call is next, who may take it, how many threads there are. */
#include "rpc-fixture.h"

#include <poll.h>

#include "rpc/identity.h"

static FixtureSettings with_workers(unsigned min, unsigned max, unsigned prio)
{
    FixtureSettings settings = fixture_default;

    settings.threads.min_workers = min;
    settings.threads.max_workers = max;
    settings.threads.prio_workers = prio;
    settings.limits.max_client_requests = 16;
    return settings;
}

/* Until the I/O thread has taken everything that was sent before. */
static void sync_with(Fixture *f, int fd)
{
    fixture_call(f, fd, DO_ECHO, 12345);
    fixture_expect_empty(f, fd, FRAME_REPLY, 12345, FRAME_OK);
}

/* `n` slow calls that stand at the gate. */
static int occupy(Fixture *f, unsigned n)
{
    int fd = fixture_dial(f);

    for (uint32_t serial = 1; serial <= n; serial++)
        fixture_call(f, fd, DO_SLOW, 1000 + serial);
    WAIT_UNTIL(f, LOCKED(f, f->running) == n);
    return fd;
}

static Served served(Fixture *f, unsigned i)
{
    g_assert_cmpuint(i, <, f->served->len);
    return g_array_index(f->served, Served, i);
}

static void clients_take_turns(Fixture *f, gconstpointer data)
{
    int busy = occupy(f, 1), loud = fixture_dial(f), quiet;

    for (uint32_t serial = 1; serial <= 6; serial++)
        fixture_call(f, loud, DO_NOTE, serial);
    sync_with(f, loud);
    quiet = fixture_dial(f);
    for (uint32_t serial = 21; serial <= 22; serial++)
        fixture_call(f, quiet, DO_NOTE, serial);
    sync_with(f, quiet);
    fixture_open_gate(f);
    fixture_expect_answers(f, loud, 6);
    fixture_expect_answers(f, quiet, 2);
    g_assert_cmpuint(served(f, 1).serial, ==, 1);
    g_assert_cmpuint(served(f, 2).serial, ==, 21);
    g_assert_cmpuint(served(f, 3).serial, ==, 2);
    g_assert_cmpuint(served(f, 4).serial, ==, 22);
    g_assert_cmpuint(served(f, 5).serial, ==, 3);
    close(busy);
    close(loud);
    close(quiet);
}

/* From now on the client that came last passes for `name`. */
static void pass_for(Fixture *f, const char *name)
{
    ClientIdentity identities[16];
    unsigned n = service_list_clients(f->service, identities, G_N_ELEMENTS(identities));
    Client *client = service_find_client(f->service, identities[n - 1].id);

    client_identify(client, "sasl", name);
    client_unref(client);
}

static void whom_a_client_has_passed_for_is_not_another_one(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f), other;

    sync_with(f, fd);
    pass_for(f, "nova");
    g_assert_cmpuint(identities_present(f->rpc->identities), ==, 1);
    other = fixture_dial(f);
    sync_with(f, other);
    g_assert_cmpuint(identities_present(f->rpc->identities), ==, 2);
    pass_for(f, "nova");
    g_assert_cmpuint(identities_present(f->rpc->identities), ==, 1);
    close(other);
    WAIT_UNTIL(f, service_n_clients(f->service) == 1);
    g_assert_cmpuint(identities_present(f->rpc->identities), ==, 1);
    close(fd);
    WAIT_UNTIL(f, service_n_clients(f->service) == 0);
    g_assert_cmpuint(identities_present(f->rpc->identities), ==, 0);
}

/* Eight calls of two clients of "loud" and four of one of "quiet" wait; who is served, as letters. */
static void serve_loud_and_quiet(Fixture *f, char *order)
{
    int busy = occupy(f, 1), fds[3];

    for (uint32_t i = 0; i < 3; i++) {
        fds[i] = fixture_dial(f);
        sync_with(f, fds[i]);
        pass_for(f, i < 2 ? "loud" : "quiet");
        for (uint32_t serial = 1; serial <= 4; serial++)
            fixture_call(f, fds[i], DO_NOTE, 100 * i + serial);
        sync_with(f, fds[i]);
    }
    fixture_open_gate(f);
    for (unsigned i = 0; i < 3; i++)
        fixture_expect_answers(f, fds[i], 4);
    for (unsigned i = 0; i < 12; i++)
        order[i] = served(f, i + 1).serial > 200 ? 'q' : 'l';
    order[12] = '\0';
    for (unsigned i = 0; i < 3; i++)
        close(fds[i]);
    close(busy);
}

static void identities_take_turns_however_many_clients_they_have(Fixture *f, gconstpointer data)
{
    char order[13];

    serve_loud_and_quiet(f, order);
    g_assert_cmpstr(order, ==, "lqlqlqlqllll");
}

static void an_identity_with_a_weight_has_so_many_calls_in_a_turn(Fixture *f, gconstpointer data)
{
    const char *const weights[] = { "sasl:qui* 3", NULL };
    char order[13];

    rpc_set_weights(f->rpc, weights);
    serve_loud_and_quiet(f, order);
    g_assert_cmpstr(order, ==, "lqqqlqllllll");
}

static void a_weight_is_a_pattern_and_a_number(Fixture *f, gconstpointer data)
{
    g_autofree char *pattern = NULL;
    unsigned weight;

    g_assert_true(identity_weight_parse("dn:C=DE, CN=nova* 12", &pattern, &weight));
    g_assert_cmpstr(pattern, ==, "dn:C=DE, CN=nova*");
    g_assert_cmpuint(weight, ==, 12);
    g_assert_false(identity_weight_parse("uid:0", NULL, NULL));
    g_assert_false(identity_weight_parse(" 3", NULL, NULL));
    g_assert_false(identity_weight_parse("uid:0 0", NULL, NULL));
    g_assert_false(identity_weight_parse("uid:0 1001", NULL, NULL));
    g_assert_false(identity_weight_parse("uid:0 3x", NULL, NULL));
}

static void what_a_client_has_used_is_counted(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);
    ClientReport report;
    Arena arena;
    unsigned n;

    arena_init(&arena, NULL, 0);
    for (uint32_t serial = 1; serial <= 5; serial++) {
        fixture_call(f, fd, DO_HIGH, serial);
        fixture_expect_empty(f, fd, FRAME_REPLY, serial, FRAME_OK);
    }
    WAIT_UNTIL(f, (n = service_report_clients(f->service, &arena, &report, 1), n == 1 && report.use.served == 5
                  && report.use.bytes_in == 5 * FRAME_HEADER_SIZE));
    g_assert_cmpuint(report.use.taken, ==, 5);
    g_assert_cmpuint(report.use.bytes_out, ==, 5 * FRAME_HEADER_SIZE);
    g_assert_cmpuint(report.waiting, ==, 0);
    g_assert_true(g_str_has_prefix(report.who, "uid:"));
    arena_reset(&arena);
    close(fd);
}

static void high_calls_go_before_ordinary_ones_but_not_for_ever(Fixture *f, gconstpointer data)
{
    int busy = occupy(f, 1), fd = fixture_dial(f);
    unsigned high = 0;

    for (uint32_t serial = 1; serial <= 8; serial++)
        fixture_call(f, fd, DO_NOTE, serial);
    for (uint32_t serial = 21; serial <= 28; serial++)
        fixture_call(f, fd, DO_HIGH, serial);
    sync_with(f, fd);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, 16);
    for (unsigned i = 1; i <= 8; i++)
        high += served(f, i).serial > 20;
    g_assert_cmpuint(high, >=, 5);
    g_assert_cmpuint(high, <, 8);
    close(busy);
    close(fd);
}

static void a_resumed_call_goes_before_all_others(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f), busy;

    fixture_call(f, fd, DO_PARK, 50);
    WAIT_UNTIL(f, LOCKED(f, f->n_parked) == 1);
    busy = occupy(f, 1);
    for (uint32_t serial = 1; serial <= 4; serial++)
        fixture_call(f, fd, DO_NOTE, serial);
    sync_with(f, fd);
    g_assert_true(fixture_resume(f, 50));
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, 5);
    g_assert_cmpuint(served(f, 0).serial, ==, 50);
    g_assert_cmpuint(served(f, 2).serial, ==, 50);    /* again, right after the one at the gate */
    close(busy);
    close(fd);
}

static void high_calls_get_through_when_all_ordinary_workers_are_busy(Fixture *f, gconstpointer data)
{
    int busy = occupy(f, 4), fd = fixture_dial(f);

    for (uint32_t serial = 1; serial <= 10; serial++) {
        fixture_call(f, fd, DO_HIGH, serial);
        fixture_expect_empty(f, fd, FRAME_REPLY, serial, FRAME_OK);
    }
    close(busy);
    close(fd);
}

static void a_resumed_high_call_gets_through_behind_a_resumed_ordinary_one(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f), busy;

    fixture_call(f, fd, DO_PARK, 1);
    fixture_call(f, fd, DO_PARK_HIGH, 2);
    WAIT_UNTIL(f, LOCKED(f, f->n_parked) == 2);
    busy = occupy(f, 4);
    g_assert_true(fixture_resume(f, 1));
    g_assert_true(fixture_resume(f, 2));
    fixture_expect_empty(f, fd, FRAME_REPLY, 2, FRAME_OK);
    fixture_open_gate(f);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    close(busy);
    close(fd);
}

static void an_ordinary_call_is_not_for_priority_workers(Fixture *f, gconstpointer data)
{
    int busy = occupy(f, 4), fd = fixture_dial(f);

    fixture_call(f, fd, DO_NOTE, 1);
    sync_with(f, fd);
    fixture_call(f, fd, DO_HIGH, 2);    /* the one priority worker has looked by then */
    fixture_expect_empty(f, fd, FRAME_REPLY, 2, FRAME_OK);
    g_assert_cmpuint(LOCKED(f, f->served->len), ==, 5);
    fixture_open_gate(f);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    close(busy);
    close(fd);
}

static void threads_are_started_when_they_are_needed_and_no_more_than_allowed(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    for (uint32_t serial = 1; serial <= 10; serial++)
        fixture_call(f, fd, DO_SLOW, serial);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 3);
    sync_with(f, fd);
    g_assert_cmpuint(LOCKED(f, f->running), ==, 3);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, 10);
    g_assert_cmpuint(f->most, ==, 3);
    close(fd);
}

static void few_bulk_calls_run_at_once_and_ordinary_ones_beside_them(Fixture *f, gconstpointer data)
{
    unsigned most = MAX(1, g_get_num_processors() - 1);
    int fd = fixture_dial(f);

    if (most > 3) {
        g_test_skip("too many processors to have more bulk calls than may run");
        close(fd);
        return;
    }
    for (uint32_t serial = 1; serial <= 6; serial++)
        fixture_call_with(f, fd, DO_BULK, serial, 100);
    WAIT_UNTIL(f, LOCKED(f, f->running) == most);
    for (uint32_t serial = 11; serial <= 15; serial++) {
        fixture_call(f, fd, DO_NOTE, serial);
        fixture_expect_empty(f, fd, FRAME_REPLY, serial, FRAME_OK);
    }
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, 6);
    g_assert_cmpuint(f->most, ==, most);
    close(fd);
}

/* Whatever else is called, as long as workers end their calls. */
static void a_bulk_call_does_not_wait_until_no_other_is_left(Fixture *f, gconstpointer data)
{
    int busy = occupy(f, 1), loud = fixture_dial(f), bulk = fixture_dial(f);
    unsigned before = 0;

    for (uint32_t serial = 1; serial <= 16; serial++)
        fixture_call(f, loud, DO_NOTE, serial);
    sync_with(f, loud);
    fixture_call_with(f, bulk, DO_BULK, 100, 10);
    sync_with(f, bulk);
    fixture_open_gate(f);
    fixture_expect_answers(f, loud, 16);
    fixture_expect_answers(f, bulk, 1);
    while (served(f, before).serial != 100)
        before++;
    g_assert_cmpuint(before, <=, 9);    /* the one that was busy, and at most eight others */
    close(busy);
    close(loud);
    close(bulk);
}

static void a_bulk_call_that_was_parked_leaves_the_places_as_they_were(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    fixture_open_gate(f);
    for (uint32_t serial = 1; serial <= 3; serial++) {
        fixture_call(f, fd, DO_PARK_BULK, serial);
        WAIT_UNTIL(f, LOCKED(f, f->parked->len) == 1);
        g_assert_true(fixture_resume(f, serial));
        fixture_expect_empty(f, fd, FRAME_REPLY, serial, FRAME_OK);
        fixture_call_with(f, fd, DO_BULK, 100 + serial, 10);
        fixture_expect(f, fd, FRAME_REPLY, 100 + serial, FRAME_OK);
    }
    close(fd);
}

static void a_bulk_call_gets_through_when_all_ordinary_workers_are_busy(Fixture *f, gconstpointer data)
{
    int busy = occupy(f, 4), fd = fixture_dial(f);

    fixture_call_with(f, fd, DO_BULK, 1, 100);
    fixture_call_with(f, fd, DO_BULK, 2, 100);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 5);
    fixture_call(f, fd, DO_HIGH, 3);    /* for which the other priority worker is left */
    fixture_expect_empty(f, fd, FRAME_REPLY, 3, FRAME_OK);
    g_assert_cmpuint(LOCKED(f, f->running), ==, 5);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, 2);
    close(busy);
    close(fd);
}

/* --- as many as there are processors -------------------------------------------------------------- */

static unsigned most_computing(void)
{
    return MAX(2, g_get_num_processors());
}

/* A still engine with three workers more than may compute. */
static FixtureSettings with_spare_workers(unsigned prio)
{
    FixtureSettings settings = with_workers(0, most_computing() + 3, prio);

    settings.threads.io_threads = 1;
    settings.limits.max_client_requests = most_computing() + 4;
    settings.still = true;
    return settings;
}

static unsigned queued(Fixture *f)
{
    WorkerInfo info;

    rpc_workers(f->rpc, &info);
    return info.queued;
}

static void who_says_that_it_waits_lets_another_compute(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    for (uint32_t serial = 1; serial <= most_computing() + 3; serial++) {
        fixture_call_with(f, fd, DO_SLOW, serial, 1);
        WAIT_UNTIL(f, LOCKED(f, f->running) == serial);
    }
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, most_computing() + 3);
    close(fd);
}

/* Only turns of the I/O thread find out that the calls compute for too long, and none is made while this looks. */
static void no_more_compute_than_there_are_processors_until_they_seem_to_wait(Fixture *f, gconstpointer data)
{
    unsigned most = most_computing();
    int fd = fixture_dial_accepted(f);
    uint8_t frames[64][FRAME_HEADER_SIZE];

    if (most + 3 > G_N_ELEMENTS(frames)) {
        g_test_skip("too many processors");
        close(fd);
        return;
    }
    for (uint32_t serial = 1; serial <= most + 3; serial++)
        fixture_put_header(frames[serial - 1], FRAME_HEADER_SIZE, DO_SLOW, FRAME_CALL, serial);
    fixture_send(f, fd, frames, (most + 3) * FRAME_HEADER_SIZE);
    io_turn(f->rpc->io[0], 0);
    while (LOCKED(f, f->running) < most)
        g_usleep(200);
    g_assert_cmpuint(queued(f), ==, 3);
    WAIT_UNTIL(f, LOCKED(f, f->running) == most + 3);
    g_assert_cmpuint(queued(f), ==, 0);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, most + 3);
    close(fd);
}

/* One turn takes what was sent, and none is made until so many slow calls are running. */
static void turn_until_running(Fixture *f, unsigned n)
{
    io_turn(f->rpc->io[0], 0);
    while (LOCKED(f, f->running) < n)
        g_usleep(200);
}

/* As many ordinary workers compute as may, and this many high calls come: 'h' computes, 'w' says that it waits. */
static int fill_and_call_high(Fixture *f, const char *high)
{
    int fd = fixture_dial_accepted(f);
    uint32_t serial = 0;

    while (serial < most_computing())
        fixture_call(f, fd, DO_SLOW, ++serial);
    turn_until_running(f, most_computing());
    for (; *high; high++) {
        if (*high == 'w')
            fixture_call_with(f, fd, DO_SLOW_HIGH, ++serial, 1);
        else
            fixture_call(f, fd, DO_SLOW_HIGH, ++serial);
    }
    return fd;
}

static void a_high_call_begins_at_once_though_all_processors_compute(Fixture *f, gconstpointer data)
{
    int fd = fill_and_call_high(f, "h");

    turn_until_running(f, most_computing() + 1);
    g_assert_cmpuint(queued(f), ==, 0);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, most_computing() + 1);
    close(fd);
}

static void a_second_high_call_waits_until_the_first_seems_to_wait(Fixture *f, gconstpointer data)
{
    int fd = fill_and_call_high(f, "hh");

    turn_until_running(f, most_computing() + 1);
    g_assert_cmpuint(queued(f), ==, 1);
    WAIT_UNTIL(f, LOCKED(f, f->running) == most_computing() + 2);
    g_assert_cmpuint(queued(f), ==, 0);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, most_computing() + 2);
    close(fd);
}

static void a_high_call_that_says_that_it_waits_lets_another_begin(Fixture *f, gconstpointer data)
{
    int fd = fill_and_call_high(f, "wh");

    turn_until_running(f, most_computing() + 2);
    g_assert_cmpuint(queued(f), ==, 0);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, most_computing() + 2);
    close(fd);
}

/* As the I/O threads do, but without a turn of theirs, whose tick would look at everything. */
static void unstick_until_running(Fixture *f, unsigned n)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;

    while (LOCKED(f, f->running) < n) {
        g_assert_cmpint(clock_now(), <, deadline);
        pool_unstick(f->rpc->pool, clock_now());
        g_usleep(200);
    }
}

/* The loud identity has as many workers as it may have, and no priority worker is there for its high call. */
static void a_high_call_that_nobody_may_take_does_not_hold_up_an_ordinary_one(Fixture *f, gconstpointer data)
{
    int quiet = fixture_dial_accepted(f), loud;
    uint32_t most = most_computing();

    pass_for(f, "quiet");
    rpc_set_identity_workers(f->rpc, most);
    loud = fixture_dial_accepted(f);
    for (uint32_t serial = 1; serial <= most; serial++)
        fixture_call(f, loud, DO_SLOW, serial);
    turn_until_running(f, most);
    fixture_call(f, loud, DO_SLOW_HIGH, most + 1);
    fixture_call(f, quiet, DO_SLOW, 1);
    io_turn(f->rpc->io[0], 0);
    g_assert_cmpuint(queued(f), ==, 2);
    unstick_until_running(f, most + 1);
    g_assert_cmpuint(queued(f), ==, 1);
    fixture_open_gate(f);
    fixture_expect_answers(f, quiet, 1);
    fixture_expect_answers(f, loud, most + 1);
    close(loud);
    close(quiet);
}

/* Then the I/O threads needn't look any more. */
static void calls_that_only_lack_a_worker_are_not_held_up(Fixture *f, gconstpointer data)
{
    unsigned workers = most_computing() + 3;
    int fd = fixture_dial_accepted(f);

    for (uint32_t serial = 1; serial <= workers + 1; serial++)
        fixture_call(f, fd, DO_SLOW, serial);
    turn_until_running(f, most_computing());
    g_assert_true(pool_is_held(f->rpc->pool));
    WAIT_UNTIL(f, LOCKED(f, f->running) == workers);
    WAIT_UNTIL(f, !pool_is_held(f->rpc->pool));
    g_assert_cmpuint(queued(f), ==, 1);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, workers + 1);
    close(fd);
}

static void bulk_calls_wait_for_a_client_to_read_its_answers(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f), other;
    Client *client = client_ref(f->newest);

    fixture_open_gate(f);
    for (uint32_t serial = 1; serial <= 5; serial++)
        fixture_call_with(f, fd, DO_BULK, serial, 1000000);
    WAIT_UNTIL(f, outbox_size(client) > 0);
    other = fixture_dial(f);
    for (uint32_t serial = 1; serial <= 5; serial++)
        fixture_call_with(f, other, DO_BULK, serial, 10);
    fixture_expect_answers(f, other, 5);
    g_assert_cmpuint(outbox_size(client), <=, 1000128);
    fixture_expect_answers(f, fd, 5);
    client_unref(client);
    close(fd);
    close(other);
}

static void set_gate(Fixture *f, bool open)
{
    lock_acquire(&f->lock);
    f->open = open;
    cond_broadcast(&f->wake);
    lock_release(&f->lock);
}

/* Slow calls of a client until all workers are with them; how many. */
static unsigned occupy_all(Fixture *f, int fd)
{
    WorkerInfo info;
    uint32_t n = 0;

    for (;;) {
        rpc_workers(f->rpc, &info);
        if (n >= info.workers)
            return n;
        fixture_call(f, fd, DO_SLOW, ++n);
        WAIT_UNTIL(f, LOCKED(f, f->running) == n);
    }
}

/* A client that has not read the answer to its first bulk call; the gate is closed. */
static int dial_congested(Fixture *f)
{
    int fd = fixture_dial_accepted(f);
    Client *client = client_ref(f->newest);

    set_gate(f, true);
    fixture_call_with(f, fd, DO_BULK, 1, 1000000);
    WAIT_UNTIL(f, outbox_congested(client) && __atomic_load_n(&client->working, __ATOMIC_RELAXED) == 0);
    set_gate(f, false);
    client_unref(client);
    return fd;
}

static void a_bulk_call_that_waits_for_its_reader_starts_no_worker(Fixture *f, gconstpointer data)
{
    int fd = dial_congested(f), busy = fixture_dial(f);
    unsigned n_busy = occupy_all(f, busy);
    WorkerInfo info;

    fixture_call_with(f, fd, DO_BULK, 2, 10);
    WAIT_UNTIL(f, queued(f) == 1);
    rpc_workers(f->rpc, &info);
    g_assert_cmpuint(info.workers, ==, n_busy);
    set_gate(f, true);
    fixture_expect_answers(f, fd, 2);
    fixture_expect_answers(f, busy, n_busy);
    close(busy);
    close(fd);
}

static void a_bulk_call_whose_reader_has_read_gets_a_new_worker(Fixture *f, gconstpointer data)
{
    int fd = dial_congested(f), busy = fixture_dial(f);
    unsigned n_busy;

    for (uint32_t serial = 2; serial <= 3; serial++)
        fixture_call_with(f, fd, DO_BULK, serial, 10);
    WAIT_UNTIL(f, queued(f) == 2);
    n_busy = occupy_all(f, busy);
    g_assert_cmpuint(n_busy, <, f->settings.threads.max_workers);
    g_assert_cmpuint(queued(f), ==, 2);
    fixture_expect_answers(f, fd, 1);
    WAIT_UNTIL(f, LOCKED(f, f->running) > n_busy);
    set_gate(f, true);
    fixture_expect_answers(f, fd, 2);
    fixture_expect_answers(f, busy, n_busy);
    close(busy);
    close(fd);
}

static void bulk_calls_of_a_client_that_did_not_read_end_with_it(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Client *client = client_ref(f->newest);

    fixture_open_gate(f);
    for (uint32_t serial = 1; serial <= 5; serial++)
        fixture_call_with(f, fd, DO_BULK, serial, 1000000);
    WAIT_UNTIL(f, outbox_size(client) > 0);
    client_unref(client);
    close(fd);
    WAIT_UNTIL(f, LOCKED(f, f->clients_freed) == 1);
    g_assert_cmpuint(f->served->len, <, 5);
}

static void calls_of_a_client_that_has_left_are_not_begun(Fixture *f, gconstpointer data)
{
    int busy = occupy(f, 4), fd = fixture_dial(f);

    for (uint32_t serial = 1; serial <= 5; serial++)
        fixture_call(f, fd, DO_NOTE, serial);
    sync_with(f, fd);
    close(fd);
    WAIT_UNTIL(f, LOCKED(f, f->clients_left) == 1);
    fixture_open_gate(f);
    fixture_expect_answers(f, busy, 4);
    WAIT_UNTIL(f, LOCKED(f, f->clients_freed) == 1);
    g_assert_cmpuint(f->served->len, ==, 4);
    close(busy);
}

/* --- everything at once -------------------------------------------------------------------------- */

typedef struct Mill {
    Fixture *fixture;
    uint32_t seed;
} Mill;

/* A client that calls this and that, reads some of the answers and leaves, over and over. */
static void *grind(void *data)
{
    static const uint32_t procs[] = {
        DO_ECHO, DO_NOTE, DO_HIGH, DO_PARK, DO_BEGIN, DO_PARK_HIGH, DO_BULK, DO_TAP, DO_SUBSCRIBE, DO_BIG, DO_DOWNLOAD,
    };
    Mill *mill = data;
    GRand *dice = g_rand_new_with_seed(mill->seed);

    for (int round = 0; round < 40; round++) {
        int fd = fixture_dial(mill->fixture);
        int calls = g_rand_int_range(dice, 1, 30);
        struct pollfd answer = { fd, POLLIN, 0 };
        char space[4096];

        for (int i = 0; i < calls; i++)
            fixture_call_with(mill->fixture, fd, procs[g_rand_int_range(dice, 0, G_N_ELEMENTS(procs))], (uint32_t)i,
                              (uint32_t)g_rand_int_range(dice, 0, 4));
        for (int reads = g_rand_int_range(dice, 0, 3); reads > 0; reads--)
            if (poll(&answer, 1, 2) > 0 && read(fd, space, sizeof space) <= 0)
                break;
        close(fd);
    }
    g_rand_free(dice);
    return NULL;
}

static void *stir(void *data)
{
    Fixture *f = data;

    for (uint32_t i = 0; i < 300; i++) {
        fixture_resume(f, 0);
        fixture_pour(f, 1);
        fixture_announce(f, i, 100);
    }
    return NULL;
}

static void nothing_is_lost_or_left_whatever_clients_do(Fixture *f, gconstpointer data)
{
    Mill mills[4];
    GThread *threads[5];

    fixture_open_gate(f);
    for (uint32_t i = 0; i < 4; i++) {
        mills[i] = (Mill){ f, i };
        threads[i] = g_thread_new("mill", grind, &mills[i]);
    }
    threads[4] = g_thread_new("stir", stir, f);
    for (int i = 0; i < 5; i++)
        g_thread_join(threads[i]);
    WAIT_UNTIL(f, LOCKED(f, f->clients_freed) == 160);    /* some may wait to be accepted when all others have gone */
    WAIT_UNTIL(f, service_n_clients(f->service) == 0);
    g_assert_cmpuint(f->parked->len, ==, 0);
    g_assert_true(rpc_drain(f->rpc, clock_now()));
}

static void the_engine_may_end_in_the_midst_of_everything(Fixture *f, gconstpointer data)
{
    int fds[8];

    fixture_open_gate(f);
    for (uint32_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = fixture_dial(f);
        for (uint32_t serial = 1; serial <= 30; serial++) {
            static const uint32_t procs[] = { DO_NOTE, DO_PARK, DO_BEGIN, DO_BULK, DO_TAP, DO_HIGH };

            fixture_call_with(f, fds[i], procs[serial % G_N_ELEMENTS(procs)], serial, serial % 3);
        }
    }
    fixture_stop(f);
    for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
}

static void an_identity_leaves_a_worker_to_others(Fixture *f, gconstpointer data)
{
    int quiet = fixture_dial(f), loud;

    sync_with(f, quiet);
    pass_for(f, "quiet");
    loud = occupy(f, 3);
    for (uint32_t serial = 1; serial <= 3; serial++)
        fixture_call(f, loud, DO_SLOW, serial);
    sync_with(f, loud);
    fixture_call(f, quiet, DO_NOTE, 21);
    fixture_expect_empty(f, quiet, FRAME_REPLY, 21, FRAME_OK);
    g_assert_cmpuint(LOCKED(f, f->running), ==, 3);
    fixture_open_gate(f);
    fixture_expect_answers(f, loud, 6);
    close(loud);
    close(quiet);
}

/* No ordinary worker may take it, though one is idle. */
static void a_high_call_of_an_identity_that_has_enough_is_for_a_priority_worker(Fixture *f, gconstpointer data)
{
    int quiet = fixture_dial(f), loud;

    sync_with(f, quiet);
    pass_for(f, "quiet");
    loud = occupy(f, 3);
    fixture_call(f, loud, DO_HIGH, 50);
    fixture_expect_empty(f, loud, FRAME_REPLY, 50, FRAME_OK);
    g_assert_cmpuint(LOCKED(f, f->running), ==, 3);
    fixture_open_gate(f);
    fixture_expect_answers(f, loud, 3);
    close(loud);
    close(quiet);
}

static void more_workers_for_one_identity_take_what_is_queued(Fixture *f, gconstpointer data)
{
    int quiet = fixture_dial(f), loud;

    sync_with(f, quiet);
    pass_for(f, "quiet");
    rpc_set_identity_workers(f->rpc, 1);
    loud = occupy(f, 1);
    for (uint32_t serial = 11; serial <= 14; serial++)
        fixture_call(f, loud, DO_SLOW, serial);
    sync_with(f, loud);
    rpc_set_identity_workers(f->rpc, 3);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 3);
    rpc_set_identity_workers(f->rpc, 4);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 4);
    fixture_open_gate(f);
    fixture_expect_answers(f, loud, 5);
    close(loud);
    close(quiet);
}

static void the_only_identity_may_have_all_workers(Fixture *f, gconstpointer data)
{
    int fd;

    rpc_set_identity_workers(f->rpc, 1);
    fd = occupy(f, 4);
    fixture_open_gate(f);
    fixture_expect_answers(f, fd, 4);
    close(fd);
}

/* One turn of the I/O thread sees that the other has left, and none is made after it. */
static void an_identity_that_is_left_alone_has_all_workers_at_once(Fixture *f, gconstpointer data)
{
    int quiet = fixture_dial_accepted(f), loud;
    int64_t deadline;

    pass_for(f, "quiet");
    rpc_set_identity_workers(f->rpc, 1);
    loud = fixture_dial_accepted(f);
    for (uint32_t serial = 1; serial <= 4; serial++)
        fixture_call_with(f, loud, DO_SLOW, serial, 1);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 1 && queued(f) == 3);
    close(quiet);
    io_turn(f->rpc->io[0], 0);
    deadline = clock_now() + 60 * CLOCK_S;
    while (LOCKED(f, f->running) < 4) {
        g_assert_cmpint(clock_now(), <, deadline);
        g_usleep(200);
    }
    fixture_open_gate(f);
    fixture_expect_answers(f, loud, 4);
    close(loud);
}

int main(int argc, char **argv)
{
    FixtureSettings one = with_workers(1, 1, 0), none = with_workers(0, 3, 0), four = with_workers(2, 4, 1),
                    two_prio = with_workers(2, 4, 2), spare = with_spare_workers(0),
                    spare_prio = with_spare_workers(2), many = with_workers(1, 16, 0);

    many.limits.max_client_output = 64 << 20;
    g_test_init(&argc, &argv, NULL);
#define ADD(settings, claim) FIXTURE_ADD("/rpc/pool/", &settings, claim)
    ADD(one, clients_take_turns);
    ADD(one, identities_take_turns_however_many_clients_they_have);
    ADD(one, an_identity_with_a_weight_has_so_many_calls_in_a_turn);
    ADD(one, a_weight_is_a_pattern_and_a_number);
    ADD(four, what_a_client_has_used_is_counted);
    ADD(one, high_calls_go_before_ordinary_ones_but_not_for_ever);
    ADD(one, a_resumed_call_goes_before_all_others);
    ADD(four, high_calls_get_through_when_all_ordinary_workers_are_busy);
    ADD(four, a_resumed_high_call_gets_through_behind_a_resumed_ordinary_one);
    ADD(four, an_ordinary_call_is_not_for_priority_workers);
    ADD(none, threads_are_started_when_they_are_needed_and_no_more_than_allowed);
    ADD(four, few_bulk_calls_run_at_once_and_ordinary_ones_beside_them);
    ADD(one, a_bulk_call_does_not_wait_until_no_other_is_left);
    ADD(four, a_bulk_call_that_was_parked_leaves_the_places_as_they_were);
    ADD(two_prio, a_bulk_call_gets_through_when_all_ordinary_workers_are_busy);
    ADD(spare, who_says_that_it_waits_lets_another_compute);
    ADD(spare, no_more_compute_than_there_are_processors_until_they_seem_to_wait);
    ADD(spare_prio, a_high_call_begins_at_once_though_all_processors_compute);
    ADD(spare_prio, a_second_high_call_waits_until_the_first_seems_to_wait);
    ADD(spare_prio, a_high_call_that_says_that_it_waits_lets_another_begin);
    ADD(spare, a_high_call_that_nobody_may_take_does_not_hold_up_an_ordinary_one);
    ADD(spare, calls_that_only_lack_a_worker_are_not_held_up);
    ADD(four, bulk_calls_wait_for_a_client_to_read_its_answers);
    ADD(many, a_bulk_call_that_waits_for_its_reader_starts_no_worker);
    ADD(many, a_bulk_call_whose_reader_has_read_gets_a_new_worker);
    ADD(four, bulk_calls_of_a_client_that_did_not_read_end_with_it);
    ADD(four, calls_of_a_client_that_has_left_are_not_begun);
    ADD(four, whom_a_client_has_passed_for_is_not_another_one);
    ADD(four, an_identity_leaves_a_worker_to_others);
    ADD(four, a_high_call_of_an_identity_that_has_enough_is_for_a_priority_worker);
    ADD(four, more_workers_for_one_identity_take_what_is_queued);
    ADD(four, the_only_identity_may_have_all_workers);
    ADD(spare, an_identity_that_is_left_alone_has_all_workers_at_once);
    ADD(four, nothing_is_lost_or_left_whatever_clients_do);
    ADD(four, the_engine_may_end_in_the_midst_of_everything);
    return g_test_run();
}
