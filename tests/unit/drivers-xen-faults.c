/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes wrong on a Xen host: hypercalls that fail, xenstored gone and back, storms of events, names that are
 * missing or there twice, domains that are half built. */
#include <errno.h>

#include "base/clock.h"
#include "xen-calls.h"

static void failing_hypercall_is_an_error_not_an_old_answer(void)
{
    Fixture *fixture = double_open(10);
    const RemoteDomainGetStateArgs args = { .flags = 0 };
    RemoteDomainGetStateResult result = { .state = 0 };

    double_fail_hypercalls(double_of(fixture), EACCES);
    g_assert_cmpint(listed(fixture), ==, -1);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.get_state", "guest-00005", domain_get_state, &args, &result), ==,
                    VIR_ERR_OPERATION_FAILED);
    xen_observe(xen_host(&fixture->host), true);
    double_fail_hypercalls(double_of(fixture), 0);
    g_assert_cmpint(listed(fixture), ==, 11);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void without_xenstored_what_is_known_is_still_answered(void)
{
    Fixture *fixture = double_open(1000);

    double_lose_store(double_of(fixture));
    xen_observe(xen_host(&fixture->host), true);
    double_asked(fixture);
    g_assert_cmpint(listed(fixture), ==, 1001);
    g_assert_cmpstr(by_id(fixture, 500), ==, "guest-00500");
    g_assert_cmpint(by_name(fixture, "guest-00500"), ==, 500);
    expect_asked(fixture, 3, 0);
    fixture_free(fixture);
}

static void xenstored_that_is_back_is_watched_again_and_names_are_read_anew(void)
{
    Fixture *fixture = double_open(100);

    double_lose_store(double_of(fixture));
    xen_observe(xen_host(&fixture->host), false);
    double_rename(double_of(fixture), 5, "while-it-was-away");
    double_bring_back_store(double_of(fixture));
    xen_observe(xen_host(&fixture->host), false);
    g_assert_cmpuint(double_watches(double_of(fixture)), ==, DOUBLE_WATCHES + 101);
    g_assert_cmpint(by_name(fixture, "while-it-was-away"), ==, 5);
    double_rename(double_of(fixture), 6, "after");
    g_assert_cmpint(by_name(fixture, "after"), ==, 6);
    fixture_free(fixture);
}

static void xenstored_that_goes_again_while_names_are_read_is_asked_again(void)
{
    Fixture *fixture = double_open(100);

    double_lose_store(double_of(fixture));
    xen_observe(xen_host(&fixture->host), false);
    double_bring_back_store(double_of(fixture));
    double_fail_requests(double_of(fixture), EIO);
    xen_observe(xen_host(&fixture->host), false);
    double_fail_requests(double_of(fixture), 0);
    xen_observe(xen_host(&fixture->host), false);
    g_assert_cmpuint(double_watches(double_of(fixture)), ==, DOUBLE_WATCHES + 101);
    fixture_free(fixture);
}

/* --- xenstored hangs -------------------------------------------------------------------------- */

enum { ASKERS = 4 };

/* Somebody who asks for a domain that there isn't. */
typedef struct Asker {
    Fixture *fixture;
    unsigned *answered;       /* atomic */
} Asker;

static void *ask_for_nobody(void *data)
{
    const Asker *asker = data;

    g_assert_cmpint(by_name(asker->fixture, "nobody"), ==, -2);
    __atomic_add_fetch(asker->answered, 1, __ATOMIC_ACQ_REL);
    return NULL;
}

static void wait_for(const unsigned *count, unsigned wanted)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;

    while (__atomic_load_n(count, __ATOMIC_ACQUIRE) < wanted && clock_now() < deadline)
        g_usleep(1000);
    g_assert_cmpuint(__atomic_load_n(count, __ATOMIC_ACQUIRE), >=, wanted);
}

static void xenstored_that_hangs_keeps_one_question_for_nobody(void)
{
    Fixture *fixture = double_open(3);
    unsigned answered = 0;
    Asker asker = { .fixture = fixture, .answered = &answered };
    GThread *threads[ASKERS];

    double_hang(double_of(fixture), true);
    for (unsigned i = 0; i < ASKERS; i++)
        threads[i] = g_thread_new("asker", ask_for_nobody, &asker);
    wait_for(&answered, ASKERS - 1);
    g_assert_cmpuint(double_hanging(double_of(fixture)), ==, 1);
    double_hang(double_of(fixture), false);
    for (unsigned i = 0; i < ASKERS; i++)
        g_thread_join(threads[i]);
    fixture_free(fixture);
}

/* Each would take ten seconds if it waited for itself. */
static void questions_do_not_wait_for_who_hangs_for_long(void)
{
    Fixture *fixture = double_open(3);
    XenHost *xen = xen_host(&fixture->host);
    int64_t begun;

    g_assert_true(xen_turn_begin(xen));
    lock_acquire(&xen->lock);
    xen->taken_at = clock_now() - 3600 * CLOCK_S;
    lock_release(&xen->lock);
    double_rename(double_of(fixture), 2, "renamed");
    begun = clock_now();
    for (int i = 0; i < 4; i++) {
        g_assert_cmpint(by_name(fixture, "guest-00001"), ==, 1);
        g_assert_cmpstr(by_id(fixture, 1), ==, "guest-00001");
        g_assert_cmpint(listed(fixture), ==, 4);
    }
    g_assert_cmpint(clock_now() - begun, <, 60 * CLOCK_S);
    xen_turn_end(xen);
    g_assert_cmpint(by_name(fixture, "renamed"), ==, 2);
    fixture_free(fixture);
}

static void storm_of_events_costs_one_pass(void)
{
    Fixture *fixture = double_open(1000);

    for (unsigned i = 0; i < 3000; i++) {
        double_fire(double_of(fixture), "@releaseDomain");
        double_rename(double_of(fixture), 5, i % 2 ? "odd" : "even");
    }
    g_assert_cmpint(by_name(fixture, "odd"), ==, 5);
    expect_asked(fixture, 2, 1);    /* a sweep and the confirmation; the name as it is now */
    fixture_free(fixture);
}

static void two_domains_with_one_name_are_both_listed(void)
{
    Fixture *fixture = double_open(10);

    double_create(double_of(fixture), 20, 20, "guest-00005");
    g_assert_cmpint(listed(fixture), ==, 12);
    g_assert_cmpint(by_name(fixture, "guest-00005"), ==, 5);
    g_assert_cmpstr(by_id(fixture, 20), ==, "guest-00005~20");
    double_destroy(double_of(fixture), 5, true);
    g_assert_cmpint(by_name(fixture, "guest-00005"), ==, 20);
    fixture_free(fixture);
}

static void domain_without_a_name_is_met_when_it_gets_one(void)
{
    Fixture *fixture = double_open(10);

    double_create(double_of(fixture), 20, 20, NULL);
    g_assert_cmpint(listed(fixture), ==, 11);
    xen_observe(xen_host(&fixture->host), false);
    double_asked(fixture);
    for (unsigned i = 0; i < 10; i++)
        g_assert_cmpint(listed(fixture), ==, 11);
    expect_asked(fixture, 10, 0);
    double_rename(double_of(fixture), 20, "late");
    g_assert_cmpint(by_name(fixture, "late"), ==, 20);
    fixture_free(fixture);
}

static void domain_that_dies_without_a_name_leaves_nothing(void)
{
    Fixture *fixture = double_open(10);

    double_create(double_of(fixture), 20, 20, NULL);
    listed(fixture);
    double_destroy(double_of(fixture), 20, true);
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpuint(double_watches(double_of(fixture)), ==, DOUBLE_WATCHES + 11);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void half_built_domain_is_started_when_it_runs(void)
{
    Fixture *fixture = double_open(10);
    XenInfo *info = double_create_silently(double_of(fixture), 20, 20, "new");

    info->paused = true;
    info->cpu_time = 0;
    g_assert_cmpint(by_name(fixture, "new"), ==, 20);
    g_assert_cmpstr(fixture_state(fixture, "new"), ==, "paused/11");
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    double_fire(double_of(fixture), "@introduceDomain");
    info->paused = false;
    listed(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle new 20 2 0\n");
    fixture_free(fixture);
}

static void half_built_domain_that_fails_is_never_told_of(void)
{
    Fixture *fixture = double_open(10);
    XenInfo *info = double_create_silently(double_of(fixture), 20, 20, "new");

    info->paused = true;
    info->cpu_time = 0;
    g_assert_cmpint(listed(fixture), ==, 12);
    double_destroy(double_of(fixture), 20, true);
    g_assert_cmpint(listed(fixture), ==, 11);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void domain_that_is_made_paused_is_told_of_after_a_while(void)
{
    Fixture *fixture = double_open(10);
    XenInfo *info = double_create_silently(double_of(fixture), 20, 20, "new");

    xen_host(&fixture->host)->patience = 0;
    info->paused = true;
    info->cpu_time = 0;
    listed(fixture);
    double_fire(double_of(fixture), "@introduceDomain");
    listed(fixture);
    listed(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle new 20 2 0\nlifecycle new 20 3 0\n");
    g_assert_cmpstr(fixture_state(fixture, "new"), ==, "paused/0");
    fixture_free(fixture);
}

static void domain_that_is_seen_when_xenstored_tells_of_it_can_be_made_paused(void)
{
    Fixture *fixture = double_open(10);
    XenInfo *info = double_create_silently(double_of(fixture), 20, 20, "new");

    xen_host(&fixture->host)->patience = 0;
    info->paused = true;
    info->cpu_time = 0;
    double_fire(double_of(fixture), "@introduceDomain");
    listed(fixture);
    listed(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle new 20 2 0\nlifecycle new 20 3 0\n");
    fixture_free(fixture);
}

static void name_that_no_document_can_hold_is_no_name(void)
{
    Fixture *fixture = double_open(1);

    double_create(double_of(fixture), 20, 20, "a/b");
    double_create(double_of(fixture), 21, 21, "\xff");
    double_create(double_of(fixture), 22, 22, "a\x01");    /* its definition could not be loaded again */
    g_assert_cmpint(listed(fixture), ==, 2);
    fixture_free(fixture);
}

/* How often the observer has made its round until it has found that a domain is gone. */
static unsigned rounds_of_events_until_a_look(int64_t deadline)
{
    Fixture *fixture = double_open(3);
    XenHost *xen = xen_host(&fixture->host);
    unsigned rounds = 0;
    bool listed = true;

    xen_observe_once(xen);
    double_fire_endlessly(double_of(fixture), "/local/domain/1/name");
    double_destroy(double_of(fixture), 2, false);
    for (; listed && clock_now() < deadline; rounds++) {
        DomainView *view;

        xen_observe_once(xen);
        view = domain_list_view_by_id(fixture->host.domains, 2);
        listed = view != NULL;
        domain_view_unref(view);
    }
    g_assert_false(listed);
    fixture_free(fixture);
    return rounds;
}

/* The time of the next look is that of the last one and a second, whatever xenstore tells meanwhile. */
static void events_without_end_put_off_no_look_at_the_hypervisor(void)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;
    unsigned rounds = 0;

    /* when no event came between the two looks, a machine that is busy has kept us from the processor for a second */
    while (rounds <= 2 && clock_now() < deadline)
        rounds = rounds_of_events_until_a_look(deadline + 60 * CLOCK_S);
    g_assert_cmpuint(rounds, >, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-faults/" #test, test)
    ADD(failing_hypercall_is_an_error_not_an_old_answer);
    ADD(without_xenstored_what_is_known_is_still_answered);
    ADD(xenstored_that_is_back_is_watched_again_and_names_are_read_anew);
    ADD(xenstored_that_goes_again_while_names_are_read_is_asked_again);
    ADD(xenstored_that_hangs_keeps_one_question_for_nobody);
    ADD(questions_do_not_wait_for_who_hangs_for_long);
    ADD(storm_of_events_costs_one_pass);
    ADD(two_domains_with_one_name_are_both_listed);
    ADD(domain_without_a_name_is_met_when_it_gets_one);
    ADD(domain_that_dies_without_a_name_leaves_nothing);
    ADD(half_built_domain_is_started_when_it_runs);
    ADD(half_built_domain_that_fails_is_never_told_of);
    ADD(domain_that_is_made_paused_is_told_of_after_a_while);
    ADD(domain_that_is_seen_when_xenstored_tells_of_it_can_be_made_paused);
    ADD(name_that_no_document_can_hold_is_no_name);
    ADD(events_without_end_put_off_no_look_at_the_hypervisor);
    return g_test_run();
}
