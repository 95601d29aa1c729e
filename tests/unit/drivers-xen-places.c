/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drivers/xen/places.c: who may build a guest, and when. */
#include "drivers/xen/places.h"

#include <stdbool.h>

#include <glib.h>

#define MANY 12
#define LONG INT64_C(3600000000000)

typedef struct Test {
    Places places;
    int has, most;            /* relaxed atomics: how many have a place, and had at most */
    int order;                /* relaxed atomic: how many have got one */
} Test;

typedef struct Asker {
    Test *test;
    Place place;
    int turn;                 /* the thread's */
    GThread *thread;
} Asker;

static void set_up(Test *test, const void *limit)
{
    *test = (Test){ 0 };
    places_init(&test->places, GPOINTER_TO_UINT(limit), LONG);
}

static void tear_down(Test *test, const void *limit)
{
    g_assert_cmpuint(test->places.waiting.length, ==, 0);
    g_assert_cmpuint(test->places.taken.length, ==, 0);
    places_deinit(&test->places);
}

static void *take_and_leave(void *data)
{
    Asker *asker = data;
    Test *test = asker->test;
    int has, most;

    places_take(&test->places, &asker->place);
    asker->turn = __atomic_fetch_add(&test->order, 1, __ATOMIC_RELAXED);
    has = __atomic_add_fetch(&test->has, 1, __ATOMIC_RELAXED);
    most = __atomic_load_n(&test->most, __ATOMIC_RELAXED);
    while (has > most && !__atomic_compare_exchange_n(&test->most, &most, has, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    g_usleep(1000);
    __atomic_sub_fetch(&test->has, 1, __ATOMIC_RELAXED);
    places_leave(&test->places, &asker->place);
    return NULL;
}

/* Returns when so many wait. */
static void await_waiting(Test *test, unsigned n)
{
    for (bool there = false; !there; g_usleep(500)) {
        LOCK_SCOPE(&test->places.lock);
        there = test->places.waiting.length == n;
    }
}

static void no_more_than_the_limit_have_a_place(Test *test, const void *limit)
{
    Asker askers[MANY] = { 0 };

    for (int i = 0; i < MANY; i++) {
        askers[i].test = test;
        askers[i].thread = g_thread_new("asker", take_and_leave, &askers[i]);
    }
    for (int i = 0; i < MANY; i++)
        g_thread_join(askers[i].thread);
    g_assert_cmpint(test->order, ==, MANY);
    g_assert_cmpint(test->most, <=, GPOINTER_TO_INT(limit));
}

static void who_asks_first_is_first(Test *test, const void *limit)
{
    Asker askers[MANY] = { 0 };
    Place first = { 0 };

    places_take(&test->places, &first);
    for (int i = 0; i < MANY; i++) {
        askers[i].test = test;
        askers[i].thread = g_thread_new("asker", take_and_leave, &askers[i]);
        await_waiting(test, (unsigned)i + 1);
    }
    places_leave(&test->places, &first);
    for (int i = 0; i < MANY; i++) {
        g_thread_join(askers[i].thread);
        g_assert_cmpint(askers[i].turn, ==, i);
    }
}

static void who_keeps_a_place_for_too_long_keeps_nobody_waiting(Test *test, const void *limit)
{
    Place stuck[3] = { 0 };
    Asker asker = { .test = test };

    test->places.patience = 1;
    for (int i = 0; i < 3; i++)
        places_take(&test->places, &stuck[i]);    /* each time after those before have had theirs for too long */
    asker.thread = g_thread_new("asker", take_and_leave, &asker);
    g_thread_join(asker.thread);
    for (int i = 0; i < 3; i++)
        places_leave(&test->places, &stuck[i]);
}

/* Those that are stuck don't count, but all others do. */
static void beside_the_stuck_the_limit_holds(Test *test, const void *limit)
{
    Place stuck = { 0 }, fresh = { 0 };
    Asker asker = { .test = test };

    test->places.patience = 1;
    places_take(&test->places, &stuck);
    g_usleep(1000);
    test->places.patience = LONG;
    places_take(&test->places, &fresh);
    asker.thread = g_thread_new("asker", take_and_leave, &asker);
    await_waiting(test, 1);
    places_leave(&test->places, &stuck);
    await_waiting(test, 1);
    g_usleep(2000);
    g_assert_cmpint(__atomic_load_n(&test->order, __ATOMIC_RELAXED), ==, 0);
    places_leave(&test->places, &fresh);
    g_thread_join(asker.thread);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name, limit) \
    g_test_add("/drivers/xen/places/" #name, Test, GUINT_TO_POINTER(limit), set_up, name, tear_down)
    CASE(no_more_than_the_limit_have_a_place, 2);
    CASE(who_asks_first_is_first, 1);
    CASE(who_keeps_a_place_for_too_long_keeps_nobody_waiting, 1);
    CASE(beside_the_stuck_the_limit_holds, 1);
    return g_test_run();
}
