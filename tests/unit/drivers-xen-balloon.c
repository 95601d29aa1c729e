/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events about the memory of guests: each change once, where it ended, not of small ones, and never many. */
#include "xen-calls.h"

static void have(Fixture *fixture, int id, uint64_t kib)
{
    double_find(double_of(fixture), id)->memory = kib;
    xen_observe(xen_host(&fixture->host), true);
}

static Fixture *open_patiently(int64_t pause)
{
    Fixture *fixture = double_open(3);

    xen_host(&fixture->host)->balloon_pause = pause;
    xen_observe(xen_host(&fixture->host), true);    /* what they have now */
    return fixture;
}

static void memory_that_is_taken_and_given_back_is_told(void)
{
    Fixture *fixture = open_patiently(0);

    have(fixture, 2, 40000);
    g_assert_cmpstr(fixture_events(fixture), ==, "balloon guest-00002 2 40000\n");
    have(fixture, 2, 40000);
    have(fixture, 2, 40000);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    have(fixture, 2, 65536);
    g_assert_cmpstr(fixture_events(fixture), ==, "balloon guest-00002 2 65536\n");
    fixture_free(fixture);
}

static void end_of_a_change_is_told_though_it_is_near(void)
{
    Fixture *fixture = open_patiently(0);

    have(fixture, 2, 40000);
    have(fixture, 2, 39900);
    have(fixture, 2, 39900);
    have(fixture, 2, 39900);
    g_assert_cmpstr(fixture_events(fixture), ==, "balloon guest-00002 2 40000\nballoon guest-00002 2 39900\n");
    fixture_free(fixture);
}

static void small_changes_are_no_news(void)
{
    Fixture *fixture = open_patiently(0);

    for (unsigned i = 0; i < 10; i++)
        have(fixture, 2, 65536 - 4 * (i % 3));
    have(fixture, 2, 65532);
    have(fixture, 2, 65532);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void guest_that_never_rests_is_told_of_once_in_a_while(void)
{
    Fixture *fixture = open_patiently(INT64_C(3600) * 1000000000);

    for (unsigned i = 0; i < 100; i++)
        have(fixture, 2, i % 2 ? 65536 : 10000);
    g_assert_cmpstr(fixture_events(fixture), ==, "balloon guest-00002 2 10000\n");
    fixture_free(fixture);
}

static void questions_neither_tell_nor_cost_more(void)
{
    Fixture *fixture = open_patiently(0);

    double_asked(fixture);
    double_find(double_of(fixture), 2)->memory = 40000;
    listed(fixture);
    by_id(fixture, 2);
    expect_asked(fixture, 2, 0);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    xen_observe(xen_host(&fixture->host), true);
    expect_asked(fixture, 1, 0);
    g_assert_cmpstr(fixture_events(fixture), ==, "balloon guest-00002 2 40000\n");
    fixture_free(fixture);
}

static void guest_that_grows_while_it_is_built_is_no_news(void)
{
    Fixture *fixture = open_patiently(0);
    XenInfo *info = double_create(double_of(fixture), 20, 20, "new");

    info->paused = true;
    info->cpu_time = 0;
    have(fixture, 20, 10000);
    have(fixture, 20, 60000);
    info->paused = false;
    have(fixture, 20, 65536);
    have(fixture, 20, 65536);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle new 20 2 0\n");
    have(fixture, 20, 40000);
    g_assert_cmpstr(fixture_events(fixture), ==, "balloon new 20 40000\n");
    fixture_free(fixture);
}

static void another_guest_with_the_id_begins_anew(void)
{
    Fixture *fixture = open_patiently(0);

    double_destroy(double_of(fixture), 2, false);
    double_create_silently(double_of(fixture), 2, 99, "other");
    have(fixture, 2, 1000);
    have(fixture, 2, 1000);
    g_assert_null(strstr(fixture_events(fixture), "balloon"));
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-balloon/" #test, test)
    ADD(memory_that_is_taken_and_given_back_is_told);
    ADD(end_of_a_change_is_told_though_it_is_near);
    ADD(small_changes_are_no_news);
    ADD(guest_that_never_rests_is_told_of_once_in_a_while);
    ADD(questions_neither_tell_nor_cost_more);
    ADD(guest_that_grows_while_it_is_built_is_no_news);
    ADD(another_guest_with_the_id_begins_anew);
    return g_test_run();
}
