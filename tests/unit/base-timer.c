/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What base/timer.c promises: order, each once, cancel is final, callbacks may use timers. */
#include "base/timer.h"

#include "base/clock.h"
#include "base/lock.h"

/* Deadlines that fire, counted; and a place to wait for a count. */
typedef struct Board {
    Timers *timers;
    Lock lock;
    Cond changed;
    /* under lock */
    unsigned fired;
    int64_t last;        /* deadline of the one that fired last */
    bool disordered;
} Board;

typedef struct Probe {
    Timer timer;
    Board *board;
    int fired;    /* atomic */
} Probe;

static void board_init(Board *board)
{
    *board = (Board){ .timers = timers_new() };
    lock_init(&board->lock, LOCK_LOG);
    cond_init(&board->changed);
}

static void board_deinit(Board *board)
{
    timers_free(board->timers);
    cond_deinit(&board->changed);
    lock_deinit(&board->lock);
}

static void board_wait(Board *board, unsigned fired)
{
    int64_t deadline = clock_now() + 120 * CLOCK_S;

    LOCK_SCOPE(&board->lock);
    while (board->fired < fired)
        if (!cond_wait_until(&board->changed, &board->lock, deadline))
            g_error("only %u of %u timers have fired", board->fired, fired);
}

static void probe_fire(Timer *timer)
{
    Probe *probe = (Probe *)timer;
    int64_t when = timer->when;

    g_assert_cmpint(when, <=, clock_now());
    LOCK_SCOPE(&probe->board->lock);
    if (when < probe->board->last)
        probe->board->disordered = true;
    probe->board->last = when;
    probe->board->fired++;
    __atomic_fetch_add(&probe->fired, 1, __ATOMIC_RELAXED);
    cond_broadcast(&probe->board->changed);
}

/* Keeps the timer thread until the test opens it: what is started meanwhile fires in order however slow the machine is. */
typedef struct Gate {
    Timer timer;
    int open;    /* atomic */
} Gate;

static void gate_fire(Timer *timer)
{
    const Gate *gate = (const Gate *)timer;

    while (!__atomic_load_n(&gate->open, __ATOMIC_ACQUIRE))
        g_usleep(1000);
}

static Probe *probes_new(Board *board, unsigned n)
{
    Probe *probes = g_new0(Probe, n);

    for (unsigned i = 0; i < n; i++)
        probes[i] = (Probe){ .timer.fire = probe_fire, .board = board };
    return probes;
}

static void thousands_fire_once_each_in_order(void)
{
    enum { COUNT = 5000 };
    Gate gate = { .timer.fire = gate_fire };
    int64_t base = clock_now();
    g_autofree Probe *probes = NULL;
    Board board;

    board_init(&board);
    probes = probes_new(&board, COUNT);
    timer_start(board.timers, &gate.timer, base);
    for (int i = 0; i < COUNT; i++)
        timer_start(board.timers, &probes[i].timer, base + 1 + i * 7919 % COUNT * (CLOCK_MS / 100));
    __atomic_store_n(&gate.open, 1, __ATOMIC_RELEASE);
    board_wait(&board, COUNT);
    g_assert_false(board.disordered);
    for (int i = 0; i < COUNT; i++)
        g_assert_cmpint(probes[i].fired, ==, 1);
    board_deinit(&board);
}

static void a_cancelled_timer_never_fires(void)
{
    g_autofree Probe *probes = NULL;
    Board board;

    board_init(&board);
    probes = probes_new(&board, 2);
    timer_start(board.timers, &probes[0].timer, clock_now() + 3600 * CLOCK_S);
    g_assert_true(timer_cancel(board.timers, &probes[0].timer));
    g_assert_false(timer_cancel(board.timers, &probes[0].timer));
    timer_start(board.timers, &probes[1].timer, 0);
    board_wait(&board, 1);
    g_assert_false(timer_cancel(board.timers, &probes[1].timer));
    g_assert_cmpint(probes[0].fired, ==, 0);
    board_deinit(&board);
}

static void starting_again_moves_the_deadline_both_ways(void)
{
    g_autofree Probe *probes = NULL;
    Board board;

    board_init(&board);
    probes = probes_new(&board, 2);
    timer_start(board.timers, &probes[0].timer, clock_now() + 3600 * CLOCK_S);
    timer_start(board.timers, &probes[1].timer, clock_now() + 1800 * CLOCK_S);
    timer_start(board.timers, &probes[1].timer, clock_now() + 7200 * CLOCK_S);
    timer_start(board.timers, &probes[0].timer, clock_now());
    board_wait(&board, 1);
    g_assert_cmpint(probes[0].fired, ==, 1);
    g_assert_cmpint(probes[1].fired, ==, 0);
    board_deinit(&board);
}

static void fire_and_start_again(Timer *timer)
{
    Probe *probe = (Probe *)timer;

    if (__atomic_load_n(&probe->fired, __ATOMIC_RELAXED) < 9)
        timer_start(probe->board->timers, timer, clock_now());
    probe_fire(timer);
}

static void a_callback_may_start_its_own_timer(void)
{
    g_autofree Probe *probe = NULL;
    Board board;

    board_init(&board);
    probe = probes_new(&board, 1);
    probe->timer.fire = fire_and_start_again;
    timer_start(board.timers, &probe->timer, 0);
    board_wait(&board, 10);
    board_deinit(&board);
    g_assert_cmpint(probe->fired, ==, 10);
}

static void what_is_pending_at_the_end_never_fires(void)
{
    g_autofree Probe *probes = NULL;
    Board board;

    board_init(&board);
    probes = probes_new(&board, 100);
    for (int i = 0; i < 100; i++)
        timer_start(board.timers, &probes[i].timer, clock_now() + 3600 * CLOCK_S);
    board_deinit(&board);
    for (int i = 0; i < 100; i++)
        g_assert_cmpint(probes[i].fired, ==, 0);
}

typedef struct Racer {
    Board *board;
    Probe *probes;
    unsigned cancelled;
} Racer;

enum { RACE_COUNT = 3000 };

static gpointer start_and_cancel_half(gpointer data)
{
    Racer *racer = data;

    for (unsigned i = 0; i < RACE_COUNT; i++)
        timer_start(racer->board->timers, &racer->probes[i].timer, clock_now() + i % 5 * CLOCK_MS);
    for (unsigned i = 0; i < RACE_COUNT; i += 2)
        racer->cancelled += timer_cancel(racer->board->timers, &racer->probes[i].timer);
    return NULL;
}

static void each_of_many_threads_timers_fires_or_is_cancelled(void)
{
    enum { THREADS = 8 };
    Racer racers[THREADS] = { 0 };
    GThread *threads[THREADS];
    unsigned cancelled = 0;
    Board board;

    board_init(&board);
    for (int t = 0; t < THREADS; t++) {
        racers[t] = (Racer){ .board = &board, .probes = probes_new(&board, RACE_COUNT) };
        threads[t] = g_thread_new("racer", start_and_cancel_half, &racers[t]);
    }
    for (int t = 0; t < THREADS; t++) {
        g_thread_join(threads[t]);
        cancelled += racers[t].cancelled;
    }
    board_wait(&board, THREADS * RACE_COUNT - cancelled);
    board_deinit(&board);
    g_assert_cmpuint(board.fired, ==, THREADS * RACE_COUNT - cancelled);
    for (int t = 0; t < THREADS; t++)
        g_free(racers[t].probes);
}

#define ADD(name) g_test_add_func("/base/timer/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(thousands_fire_once_each_in_order);
    ADD(a_cancelled_timer_never_fires);
    ADD(starting_again_moves_the_deadline_both_ways);
    ADD(a_callback_may_start_its_own_timer);
    ADD(what_is_pending_at_the_end_never_fires);
    ADD(each_of_many_threads_timers_fires_or_is_cancelled);
    return g_test_run();
}
