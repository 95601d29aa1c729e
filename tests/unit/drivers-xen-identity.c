/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a question costs with ten thousand domains, and that it tells of what others did a moment ago. */
#include "xen-calls.h"

/* --- what is asked in the steady state ------------------------------------------------------- */

static void lookup_by_id_is_one_hypercall(void)
{
    Fixture *fixture = double_open(10000);

    g_assert_cmpstr(by_id(fixture, 7777), ==, "guest-07777");
    expect_asked(fixture, 1, 0);
    g_assert_cmpstr(by_id(fixture, 0), ==, "Domain-0");
    expect_asked(fixture, 1, 0);
    fixture_free(fixture);
}

static void lookup_by_name_is_the_index_and_one_hypercall(void)
{
    Fixture *fixture = double_open(10000);

    g_assert_cmpint(by_name(fixture, "guest-07777"), ==, 7777);
    expect_asked(fixture, 1, 0);
    fixture_free(fixture);
}

static void lookup_by_uuid_is_one_hypercall(void)
{
    Fixture *fixture = double_open(10000);

    g_assert_cmpint(by_uuid(fixture, 7777), ==, 7777);
    expect_asked(fixture, 1, 0);
    fixture_free(fixture);
}

static void list_is_a_hypercall_for_each_1024_domains(void)
{
    static const struct {
        unsigned domains, hypercalls;
    } hosts[] = { { 0, 1 }, { 10, 1 }, { 1000, 1 }, { 1100, 2 }, { 10000, 10 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++) {
        Fixture *fixture = double_open(hosts[i].domains);

        g_assert_cmpint(listed(fixture), ==, (int)hosts[i].domains + 1);
        expect_asked(fixture, hosts[i].hypercalls, 0);
        fixture_free(fixture);
    }
}

static void statistics_of_all_cost_as_much_as_a_list(void)
{
    Fixture *fixture = double_open(10000);

    g_assert_cmpint(stats(fixture), ==, 10001);
    expect_asked(fixture, 10, 0);
    fixture_free(fixture);
}

static void unknown_name_costs_a_list_and_a_request(void)
{
    Fixture *fixture = double_open(1000);

    g_assert_cmpint(by_name(fixture, "nobody"), ==, -2);
    expect_asked(fixture, 1, 1);    /* whether xenstore has told of it, and it is on its way */
    fixture_free(fixture);
}

static void info_is_one_hypercall_and_fresh(void)
{
    Fixture *fixture = double_open(1000);
    const RemoteDomainGetInfoArgs args = { .dom.id = 0 };
    RemoteDomainGetInfoResult result = { .state = 0 };

    double_find(double_of(fixture), 500)->memory = 70000;
    double_find(double_of(fixture), 500)->cpu_time = 123456789;
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.get_info", "guest-00500", domain_get_info, &args, &result), ==,
                    VIR_ERR_OK);
    expect_asked(fixture, 1, 0);
    g_assert_cmpuint(result.memory, ==, 70000);
    g_assert_cmpuint(result.maxMem, ==, 131072);
    g_assert_cmpuint(result.cpuTime, ==, 123456789);
    g_assert_cmpint(result.state, ==, VIR_DOMAIN_RUNNING);
    fixture_free(fixture);
}

/* --- what others did ------------------------------------------------------------------------- */

static void cold_name_is_read_once(void)
{
    Fixture *fixture = double_open(100);

    double_create_silently(double_of(fixture), 500, 500, "fresh");
    g_assert_cmpstr(by_id(fixture, 500), ==, "fresh");
    expect_asked(fixture, 2, 3);    /* asked again in the job; a watch and a read, and which devices it has */
    xen_observe(xen_host(&fixture->host), false);
    double_asked(fixture);
    g_assert_cmpstr(by_id(fixture, 500), ==, "fresh");
    g_assert_cmpint(by_name(fixture, "fresh"), ==, 500);
    expect_asked(fixture, 2, 0);
    fixture_free(fixture);
}

static void domain_that_nobody_told_of_is_found_by_every_key(void)
{
    Fixture *fixture = double_open(10);

    double_create_silently(double_of(fixture), 20, 20, "by-name");
    g_assert_cmpint(by_name(fixture, "by-name"), ==, 20);
    double_create_silently(double_of(fixture), 21, 21, "by-uuid");
    g_assert_cmpint(by_uuid(fixture, 21), ==, 21);
    double_create_silently(double_of(fixture), 22, 22, "by-id");
    g_assert_cmpstr(by_id(fixture, 22), ==, "by-id");
    double_create_silently(double_of(fixture), 23, 23, "by-list");
    g_assert_cmpint(listed(fixture), ==, 15);
    fixture_free(fixture);
}

static void domain_that_died_silently_is_gone_at_the_next_question(void)
{
    Fixture *fixture = double_open(10);

    double_destroy(double_of(fixture), 1, false);
    g_assert_cmpstr(by_id(fixture, 1), ==, "-");
    double_destroy(double_of(fixture), 2, false);
    g_assert_cmpint(by_name(fixture, "guest-00002"), ==, -2);
    double_destroy(double_of(fixture), 3, false);
    g_assert_cmpint(by_uuid(fixture, 3), ==, -2);
    double_destroy(double_of(fixture), 4, false);
    g_assert_cmpint(listed(fixture), ==, 7);
    g_assert_cmpstr(fixture_events(fixture), ==,
                    "lifecycle guest-00001 -1 5 1\nlifecycle guest-00002 -1 5 1\n"
                    "lifecycle guest-00003 -1 5 1\nlifecycle guest-00004 -1 5 1\n");
    g_assert_cmpuint(double_watches(double_of(fixture)), ==, DOUBLE_WATCHES + 7);
    fixture_free(fixture);
}

static void dying_domain_is_not_there(void)
{
    Fixture *fixture = double_open(10);

    double_find(double_of(fixture), 5)->dying = true;
    g_assert_cmpstr(by_id(fixture, 5), ==, "-");
    g_assert_cmpint(listed(fixture), ==, 10);
    fixture_free(fixture);
}

static void id_that_was_used_again_is_another_domain(void)
{
    Fixture *fixture = double_open(10);

    double_destroy(double_of(fixture), 5, false);
    double_create_silently(double_of(fixture), 5, 99, "other");
    g_assert_cmpint(by_name(fixture, "guest-00005"), ==, -2);
    g_assert_cmpstr(by_id(fixture, 5), ==, "other");
    g_assert_cmpint(by_uuid(fixture, 5), ==, -2);
    g_assert_cmpint(by_uuid(fixture, 99), ==, 5);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 -1 5 1\nlifecycle other 5 2 0\n");
    fixture_free(fixture);
}

static void reuse_(XenDouble *xen)
{
    double_destroy(xen, 5, false);
    double_create_silently(xen, 5, 98, "swapped");
}

static void id_that_is_used_again_between_two_calls_is_noticed(void)
{
    Fixture *fixture = double_open(10);

    double_then(double_of(fixture), reuse_);
    g_assert_cmpint(by_name(fixture, "guest-00005"), ==, 5);    /* true when it was asked */
    g_assert_cmpint(by_name(fixture, "guest-00005"), ==, -2);
    g_assert_cmpint(by_name(fixture, "swapped"), ==, 5);
    fixture_free(fixture);
}

static void reboot_gives_the_same_uuid_another_id(void)
{
    Fixture *fixture = double_open(10);

    double_destroy(double_of(fixture), 5, false);
    double_create_silently(double_of(fixture), 11, 5, "guest-00005");
    g_assert_cmpint(by_uuid(fixture, 5), ==, 11);
    g_assert_cmpint(listed(fixture), ==, 11);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 -1 5 1\nlifecycle guest-00005 11 2 0\n");
    fixture_free(fixture);
}

static void renamed_domain_has_its_new_name_at_the_next_question(void)
{
    Fixture *fixture = double_open(1000);

    double_rename(double_of(fixture), 5, "renamed");
    g_assert_cmpint(by_name(fixture, "guest-00005"), ==, -2);
    g_assert_cmpint(by_name(fixture, "renamed"), ==, 5);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 1 1\nlifecycle renamed 5 0 2\n");
    double_rename(double_of(fixture), 6, "too");
    g_assert_cmpint(listed(fixture), ==, 1001);
    g_assert_cmpstr(by_id(fixture, 6), ==, "too");
    fixture_free(fixture);
}

static void new_name_is_found_though_nothing_has_told_of_it_yet(void)
{
    Fixture *fixture = double_open(10);

    double_delay_events(double_of(fixture));
    double_rename(double_of(fixture), 5, "renamed");
    g_assert_cmpint(by_name(fixture, "renamed"), ==, 5);
    g_assert_cmpint(by_name(fixture, "guest-00005"), ==, -2);
    fixture_free(fixture);
}

/* Somebody who asks while the observer is about to settle a new name. */
typedef struct Asker {
    Fixture *fixture;
    GThread *thread;
    bool answered;            /* atomic */
    const char *name;
} Asker;

static void *ask(void *data)
{
    Asker *asker = data;

    asker->name = by_id(asker->fixture, 5);
    __atomic_store_n(&asker->answered, true, __ATOMIC_RELEASE);
    return NULL;
}

/* The question has all the time that it needs to be answered too early. */
static void begin_to_ask(void *data)
{
    Asker *asker = data;

    asker->thread = g_thread_new("asker", ask, asker);
    for (unsigned i = 0; i < 100 && !__atomic_load_n(&asker->answered, __ATOMIC_ACQUIRE); i++)
        g_usleep(1000);
}

static void question_waits_for_what_is_about_to_be_settled(void)
{
    Fixture *fixture = double_open(10);
    Asker asker = { .fixture = fixture };

    double_rename(double_of(fixture), 5, "renamed");
    double_during_read(double_of(fixture), begin_to_ask, &asker);
    xen_observe(xen_host(&fixture->host), false);
    g_thread_join(asker.thread);
    g_assert_cmpstr(asker.name, ==, "renamed");
    fixture_free(fixture);
}

static void paused_by_others_is_seen_and_told_once(void)
{
    Fixture *fixture = double_open(10);

    double_find(double_of(fixture), 5)->paused = true;
    listed(fixture);
    listed(fixture);
    g_assert_cmpstr(fixture_state(fixture, "guest-00005"), ==, "paused/0");
    double_find(double_of(fixture), 5)->paused = false;
    listed(fixture);
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\nlifecycle guest-00005 5 4 0\n");
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-identity/" #test, test)
    ADD(lookup_by_id_is_one_hypercall);
    ADD(lookup_by_name_is_the_index_and_one_hypercall);
    ADD(lookup_by_uuid_is_one_hypercall);
    ADD(list_is_a_hypercall_for_each_1024_domains);
    ADD(statistics_of_all_cost_as_much_as_a_list);
    ADD(unknown_name_costs_a_list_and_a_request);
    ADD(info_is_one_hypercall_and_fresh);
    ADD(cold_name_is_read_once);
    ADD(domain_that_nobody_told_of_is_found_by_every_key);
    ADD(domain_that_died_silently_is_gone_at_the_next_question);
    ADD(dying_domain_is_not_there);
    ADD(id_that_was_used_again_is_another_domain);
    ADD(id_that_is_used_again_between_two_calls_is_noticed);
    ADD(reboot_gives_the_same_uuid_another_id);
    ADD(renamed_domain_has_its_new_name_at_the_next_question);
    ADD(new_name_is_found_though_nothing_has_told_of_it_yet);
    ADD(question_waits_for_what_is_about_to_be_settled);
    ADD(paused_by_others_is_seen_and_told_once);
    return g_test_run();
}
