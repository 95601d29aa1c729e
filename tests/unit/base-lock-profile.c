/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What base/lock-profile.h promises. Nothing here waits for a time to pass but where a hold is to be long: then the
 * test compares what the profile says with what it has measured itself. */
#include "base/lock-profile.h"

#include "base/clock.h"

#ifdef LOCK_PROFILE

#define PATIENCE (60 * CLOCK_S)

static LockUse class_use(LockClass class)
{
    LockProfile profile;
    LockUse use;

    lock_profile_read(&profile);
    use = profile.classes[class];
    lock_profile_clear(&profile);
    return use;
}

/* What one line of this file has done with locks of the class. */
static LockUse site_use(LockClass class, int line)
{
    LockProfile profile;
    LockUse use = { 0 };
    unsigned found = 0;

    lock_profile_read(&profile);
    for (unsigned i = 0; i < profile.n_sites; i++) {
        const LockSiteUse *site = &profile.sites[i];

        if (site->class == class && site->line == line && g_strcmp0(site->file, "tests/unit/base-lock-profile.c") == 0) {
            use = site->use;
            found++;
        }
    }
    g_assert_cmpuint(found, <=, 1);
    lock_profile_clear(&profile);
    return use;
}

static void a_free_lock_is_counted_and_nothing_is_timed(void)
{
    Lock lock;
    LockUse use;
    int line;

    lock_profile_reset();
    lock_init(&lock, LOCK_POOL);
    for (int i = 0; i < 1000; i++) {
        line = __LINE__ + 1;
        lock_acquire(&lock);
        g_assert_cmpuint(lock.watched, ==, 0);
        lock_release(&lock);
    }
    use = site_use(LOCK_POOL, line);
    g_assert_cmpuint(use.acquired, ==, 1000);
    g_assert_cmpuint(use.contended, ==, 0);
    g_assert_cmpuint(use.holds, ==, 0);
    g_assert_cmpuint(use.waited, ==, 0);
    g_assert_cmpuint(class_use(LOCK_POOL).acquired, ==, 1000);
    g_assert_cmpuint(class_use(LOCK_TIMERS).acquired, ==, 0);
    lock_deinit(&lock);
}

typedef struct Rival {
    Lock lock;
    int line;
    int64_t longest;    /* by the main thread: how long it held the lock while the rival waited, at least */
    int64_t all;        /* and at most, from before the acquisition */
} Rival;

static void *acquire_once(void *data)
{
    Rival *rival = data;

    rival->line = __LINE__ + 1;
    lock_acquire(&rival->lock);
    lock_release(&rival->lock);
    return NULL;
}

/* Returns the line at which the lock was held while another thread waited for it. */
static int hold_in_the_way(Rival *rival, int64_t time)
{
    int64_t before = clock_now(), seen;
    GThread *thread;
    int line;

    line = __LINE__ + 1;
    lock_acquire(&rival->lock);
    thread = g_thread_new("rival", acquire_once, rival);
    while (!__atomic_load_n(&rival->lock.watched, __ATOMIC_RELAXED)) {
        g_assert_cmpint(clock_now() - before, <, PATIENCE);
        g_thread_yield();
    }
    seen = clock_now();
    while (clock_now() < seen + time)
        g_thread_yield();
    rival->longest = clock_now() - seen;
    lock_release(&rival->lock);
    rival->all = clock_now() - before;
    g_thread_join(thread);
    return line;
}

static unsigned waits_in_all(const LockUse *use)
{
    unsigned all = 0;

    for (unsigned i = 0; i < LOCK_WAIT_BUCKETS; i++)
        all += (unsigned)use->waits[i];
    return all;
}

static void who_waits_and_who_is_waited_for_are_both_told(void)
{
    Rival rival;
    LockUse waiter, holder, class;
    int line;

    lock_profile_reset();
    lock_init(&rival.lock, LOCK_STORE);
    line = hold_in_the_way(&rival, 3 * CLOCK_MS);
    waiter = site_use(LOCK_STORE, rival.line);
    holder = site_use(LOCK_STORE, line);
    class = class_use(LOCK_STORE);

    g_assert_cmpuint(waiter.acquired, ==, 1);
    g_assert_cmpuint(waiter.contended, ==, 1);
    g_assert_cmpuint(waiter.waited, >=, (uint64_t)rival.longest);
    g_assert_cmpuint(waiter.waited_longest, ==, waiter.waited);
    g_assert_cmpuint(waits_in_all(&waiter), ==, 1);
    g_assert_cmpuint(lock_use_quantile(&waiter, 0.5), ==, waiter.waited);    /* it is the longest of its bucket */
    g_assert_cmpuint(waiter.holds, ==, 1);    /* it began with a wait, so it was timed */
    g_assert_cmpuint(holder.contended, ==, 0);
    g_assert_cmpuint(holder.holds, ==, 1);
    g_assert_cmpuint(holder.held_longest, >=, (uint64_t)rival.longest);
    g_assert_cmpuint(holder.held_longest, <=, (uint64_t)rival.all);
    g_assert_cmpuint(class.acquired, ==, 2);
    g_assert_cmpuint(class.contended, ==, 1);
    g_assert_cmpuint(class.holds, ==, 2);
    g_assert_cmpuint(class.waited_longest, ==, waiter.waited);
    lock_deinit(&rival.lock);
}

static void a_mark_left_by_a_waiter_counts_for_no_other_hold(void)
{
    LockUse use;
    Lock lock;

    lock_profile_reset();
    lock_init(&lock, LOCK_CLIENT);
    lock_acquire(&lock);
    lock.watched = UINT64_C(0xabc) << 52 | 1;    /* as one who came too late leaves it: of another turn */
    lock_release(&lock);
    use = class_use(LOCK_CLIENT);
    g_assert_cmpuint(use.acquired, ==, 1);
    g_assert_cmpuint(use.holds, ==, 0);
    g_assert_cmpuint(lock.watched, ==, 0);
    lock_deinit(&lock);
}

static void a_reset_subtracts_what_was_and_forgets_the_longest(void)
{
    Rival rival;
    LockUse use;
    int line;

    lock_init(&rival.lock, LOCK_GATE);
    lock_profile_reset();
    hold_in_the_way(&rival, 5 * CLOCK_MS);
    g_assert_cmpuint(class_use(LOCK_GATE).contended, ==, 1);
    lock_profile_reset();
    use = class_use(LOCK_GATE);
    g_assert_cmpuint(use.acquired, ==, 0);
    g_assert_cmpuint(use.contended, ==, 0);
    g_assert_cmpuint(use.waited, ==, 0);
    g_assert_cmpuint(use.waited_longest, ==, 0);
    g_assert_cmpuint(use.held_longest, ==, 0);
    g_assert_cmpuint(waits_in_all(&use), ==, 0);

    lock_acquire(&rival.lock);
    lock_release(&rival.lock);
    use = class_use(LOCK_GATE);
    g_assert_cmpuint(use.acquired, ==, 1);
    g_assert_cmpuint(use.held_longest, ==, 0);
    line = hold_in_the_way(&rival, 0);    /* this thread's own record is of the reset before */
    use = site_use(LOCK_GATE, line);
    g_assert_cmpuint(use.holds, ==, 1);
    g_assert_cmpuint(use.held_longest, <=, (uint64_t)rival.all);
    g_assert_cmpuint(use.held_longest, ==, use.held);
    lock_deinit(&rival.lock);
}

typedef struct Bell {
    Lock lock;
    Cond rung;
    bool waiting, ring;    /* under lock */
    int line;
} Bell;

static void *wait_for_bell(void *data)
{
    Bell *bell = data;

    LOCK_SCOPE(&bell->lock);
    bell->waiting = true;
    bell->line = __LINE__ + 2;
    while (!bell->ring)
        cond_wait(&bell->rung, &bell->lock);
    return NULL;
}

static void a_wait_for_a_condition_is_no_contention(void)
{
    Bell bell = { .ring = false };
    int64_t begun, asleep = 0;
    bool waiting = false;
    GThread *thread;
    LockUse use;

    lock_profile_reset();
    lock_init(&bell.lock, LOCK_TIMERS);
    cond_init(&bell.rung);
    thread = g_thread_new("waits", wait_for_bell, &bell);
    while (!waiting) {
        LOCK_SCOPE(&bell.lock);
        waiting = bell.waiting;
    }
    begun = clock_now();
    while (clock_now() < begun + 2 * CLOCK_MS)
        g_thread_yield();
    asleep = clock_now() - begun;
    lock_acquire(&bell.lock);
    bell.ring = true;
    cond_signal(&bell.rung);
    lock_release(&bell.lock);
    g_thread_join(thread);

    use = site_use(LOCK_TIMERS, bell.line);
    g_assert_cmpuint(use.idle, >=, 1);
    g_assert_cmpuint(use.idled, >=, (uint64_t)asleep);
    g_assert_cmpuint(use.idled_longest, >, 0);
    g_assert_cmpuint(use.acquired, ==, 0);
    g_assert_cmpuint(use.contended, ==, 0);
    cond_deinit(&bell.rung);
    lock_deinit(&bell.lock);
}

static void a_place_with_two_classes_stands_there_for_each(void)
{
    Lock locks[2];
    int line = 0;

    lock_profile_reset();
    lock_init(&locks[0], LOCK_LIST_NAME);
    lock_init(&locks[1], LOCK_LIST_UUID);
    for (int i = 0; i < 10; i++) {
        line = __LINE__ + 1;
        lock_acquire(&locks[i % 2]);
        lock_release(&locks[i % 2]);
    }
    g_assert_cmpuint(site_use(LOCK_LIST_NAME, line).acquired, ==, 5);
    g_assert_cmpuint(site_use(LOCK_LIST_UUID, line).acquired, ==, 5);
}

enum { WORKERS = 4, ROUNDS = 2000 };

static void *acquire_often(void *data)
{
    for (int i = 0; i < ROUNDS; i++) {
        LOCK_SCOPE(data);
    }
    return NULL;
}

/* For the thread sanitizer, and that nothing is lost or counted twice when threads end meanwhile. */
static void a_reader_beside_busy_threads_sees_sums_that_only_grow(void)
{
    GThread *threads[WORKERS];
    uint64_t before = 0;
    Lock lock;

    lock_profile_reset();
    lock_init(&lock, LOCK_OUTBOX);
    for (int i = 0; i < WORKERS; i++)
        threads[i] = g_thread_new("busy", acquire_often, &lock);
    for (int i = 0; i < 200; i++) {
        LockUse use = class_use(LOCK_OUTBOX);

        g_assert_cmpuint(use.acquired, >=, before);
        g_assert_cmpuint(use.acquired, <=, WORKERS * ROUNDS);
        before = use.acquired;
    }
    for (int i = 0; i < WORKERS; i++)
        g_thread_join(threads[i]);
    g_assert_cmpuint(class_use(LOCK_OUTBOX).acquired, ==, WORKERS * ROUNDS);
    g_assert_cmpuint(class_use(LOCK_OUTBOX).contended, <=, WORKERS * ROUNDS);
    lock_deinit(&lock);
}

#else

static void nothing_is_told_when_it_was_compiled_out(void)
{
    LockProfile profile;
    Lock lock;

    lock_init(&lock, LOCK_POOL);
    lock_acquire(&lock);
    lock_release(&lock);
    lock_profile_read(&profile);
    g_assert_false(lock_profile_enabled());
    g_assert_cmpuint(profile.n_sites, ==, 0);
    g_assert_cmpuint(profile.classes[LOCK_POOL].acquired, ==, 0);
    lock_profile_clear(&profile);
    lock_deinit(&lock);
}

#endif

static void quantiles_are_the_ends_of_buckets(void)
{
    LockUse use = { .contended = 10, .waited_longest = 1000000000 };

    g_assert_cmpuint(lock_use_quantile(&use, 0.5), ==, 0);
    use.waits[0] = 6;
    use.waits[3] = 3;
    use.waits[LOCK_WAIT_BUCKETS - 1] = 1;
    g_assert_cmpuint(lock_use_quantile(&use, 0.5), ==, 1024);
    g_assert_cmpuint(lock_use_quantile(&use, 0.9), ==, 8192);
    g_assert_cmpuint(lock_use_quantile(&use, 1), ==, 1000000000);
}

#define ADD(name) g_test_add_func("/base/lock-profile/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(quantiles_are_the_ends_of_buckets);
#ifdef LOCK_PROFILE
    ADD(a_free_lock_is_counted_and_nothing_is_timed);
    ADD(who_waits_and_who_is_waited_for_are_both_told);
    ADD(a_mark_left_by_a_waiter_counts_for_no_other_hold);
    ADD(a_reset_subtracts_what_was_and_forgets_the_longest);
    ADD(a_wait_for_a_condition_is_no_contention);
    ADD(a_place_with_two_classes_stands_there_for_each);
    ADD(a_reader_beside_busy_threads_sees_sums_that_only_grow);
#else
    ADD(nothing_is_told_when_it_was_compiled_out);
#endif
    return g_test_run();
}
