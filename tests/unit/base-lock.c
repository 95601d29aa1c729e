/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What base/lock.c promises: ranks are checked, the message names both sides, waits work. */
#include "base/lock.h"

#include "base/clock.h"

static void die_with(const char *pattern)
{
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr(pattern);
}

static Lock lock_of(LockClass class)
{
    Lock lock;

    lock_init(&lock, class);
    return lock;
}

static void rising_ranks_pass_and_may_be_released_in_any_order(void)
{
    Lock low = lock_of(LOCK_JOB), middle = lock_of(LOCK_POOL), high = lock_of(LOCK_LOG);

    lock_acquire(&low);
    lock_acquire(&middle);
    lock_acquire(&high);
    lock_assert_held(&low);
    lock_release(&low);
    lock_release(&high);
    lock_assert_held(&middle);
    lock_acquire(&high);
    lock_release(&middle);
    lock_release(&high);
    lock_assert_none();
}

static void a_lower_rank_under_a_higher_one_aborts_naming_both(void)
{
    if (g_test_subprocess()) {
        Lock low = lock_of(LOCK_LIST_NAME), high = lock_of(LOCK_JOB);

        lock_acquire(&high);
        lock_acquire(&low);
        return;
    }
    die_with("*LIST_NAME is taken at *base-lock.c:* under JOB, taken at *base-lock.c:*"
             "expected: LIST_NAME before JOB*");
}

static void two_of_one_class_abort(void)
{
    if (g_test_subprocess()) {
        Lock one = lock_of(LOCK_LIST_UUID), two = lock_of(LOCK_LIST_UUID);

        lock_acquire(&one);
        lock_acquire(&two);
        return;
    }
    die_with("*no two locks of one class at once*");
}

static void releasing_what_is_not_held_aborts(void)
{
    if (g_test_subprocess()) {
        Lock lock = lock_of(LOCK_POOL);

        lock_release(&lock);
        return;
    }
    die_with("*releases POOL, which it doesn't hold*");
}

static gpointer release_from_here(gpointer data)
{
    lock_release(data);
    return NULL;
}

static void releasing_what_another_thread_holds_aborts(void)
{
    if (g_test_subprocess()) {
        Lock lock = lock_of(LOCK_POOL);

        lock_acquire(&lock);
        g_thread_join(g_thread_new("thief", release_from_here, &lock));
        return;
    }
    die_with("*releases POOL, which it doesn't hold*");
}

static void expecting_a_lock_that_is_not_held_aborts(void)
{
    if (g_test_subprocess()) {
        Lock lock = lock_of(LOCK_OUTBOX);

        lock_assert_held(&lock);
        return;
    }
    die_with("*OUTBOX is expected to be held here*");
}

static void expecting_no_lock_aborts_and_lists_what_is_held(void)
{
    if (g_test_subprocess()) {
        Lock lock = lock_of(LOCK_STORE);

        lock_acquire(&lock);
        lock_assert_none();
        return;
    }
    die_with("*no lock may be held here*STORE (rank 40*taken at *base-lock.c:*");
}

static void waiting_while_holding_another_lock_aborts(void)
{
    if (g_test_subprocess()) {
        Lock low = lock_of(LOCK_JOB), high = lock_of(LOCK_POOL);
        Cond cond;

        cond_init(&cond);
        lock_acquire(&low);
        lock_acquire(&high);
        cond_wait_until(&cond, &high, 0);
        return;
    }
    die_with("*a wait under POOL holds other locks as well*");
}

static void the_scope_releases_at_its_end(void)
{
    Lock lock = lock_of(LOCK_CLIENT);

    {
        LOCK_SCOPE(&lock);
        lock_assert_held(&lock);
    }
    lock_assert_none();
    lock_deinit(&lock);
}

typedef struct Turn {
    Lock lock;
    Cond changed;
    int turn;    /* under lock */
} Turn;

static gpointer take_odd_turns(gpointer data)
{
    Turn *turn = data;

    LOCK_SCOPE(&turn->lock);
    while (turn->turn < 1000) {
        while (turn->turn % 2 == 0)
            cond_wait(&turn->changed, &turn->lock);
        lock_assert_held(&turn->lock);
        turn->turn++;
        cond_broadcast(&turn->changed);
    }
    return NULL;
}

static void two_threads_alternate_through_a_condition(void)
{
    Turn turn = { .turn = 0 };
    GThread *other;

    lock_init(&turn.lock, LOCK_POOL);
    cond_init(&turn.changed);
    other = g_thread_new("odd", take_odd_turns, &turn);
    lock_acquire(&turn.lock);
    while (turn.turn < 999) {
        while (turn.turn % 2 == 1)
            cond_wait(&turn.changed, &turn.lock);
        turn.turn++;
        cond_signal(&turn.changed);
    }
    lock_release(&turn.lock);
    lock_assert_none();
    g_thread_join(other);
    g_assert_cmpint(turn.turn, >=, 1000);
    cond_deinit(&turn.changed);
    lock_deinit(&turn.lock);
}

static void a_wait_ends_at_its_deadline_and_still_holds_the_lock(void)
{
    int64_t deadline = clock_now() + 5 * CLOCK_MS;
    Lock lock = lock_of(LOCK_POOL);
    Cond cond;

    cond_init(&cond);
    lock_acquire(&lock);
    while (cond_wait_until(&cond, &lock, deadline))
        continue;
    g_assert_cmpint(clock_now(), >=, deadline);
    lock_assert_held(&lock);
    lock_release(&lock);
}

static void ranks_of_the_table_are_distinct_and_rise(void)
{
    for (LockClass class = 1; class < LOCK_CLASSES; class++) {
        g_assert_cmpint(lock_class_rank(class), >, lock_class_rank(class - 1));
        g_assert_cmpint(lock_class_sentence(class)[0], !=, '\0');
    }
    g_assert_cmpstr(lock_class_name(LOCK_LIST_UUID), ==, "LIST_UUID");
}

#define ADD(name) g_test_add_func("/base/lock/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(rising_ranks_pass_and_may_be_released_in_any_order);
    ADD(a_lower_rank_under_a_higher_one_aborts_naming_both);
    ADD(two_of_one_class_abort);
    ADD(releasing_what_is_not_held_aborts);
    ADD(releasing_what_another_thread_holds_aborts);
    ADD(expecting_a_lock_that_is_not_held_aborts);
    ADD(expecting_no_lock_aborts_and_lists_what_is_held);
    ADD(waiting_while_holding_another_lock_aborts);
    ADD(the_scope_releases_at_its_end);
    ADD(two_threads_alternate_through_a_condition);
    ADD(a_wait_ends_at_its_deadline_and_still_holds_the_lock);
    ADD(ranks_of_the_table_are_distinct_and_rise);
    return g_test_run();
}
