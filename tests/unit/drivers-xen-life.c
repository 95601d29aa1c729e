/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of a domain by drover, by others, and by both at once; and questions while a job runs. */
#include "xen-calls.h"

#include "drivers/common/change.h"

static int resume(Fixture *fixture, const char *name)
{
    const RemoteDomainResumeArgs args = { .dom.id = 0 };

    return FIXTURE_CALL(fixture, "domain.resume", name, domain_resume, &args);
}

static void suspend_and_resume_are_told_once_each(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(fixture_suspend(fixture, "guest-00005"), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_suspend(fixture, "guest-00005"), ==, VIR_ERR_OK);
    g_assert_true(double_find(double_of(fixture), 5)->paused);
    g_assert_cmpstr(fixture_state(fixture, "guest-00005"), ==, "paused/1");
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpint(resume(fixture, "guest-00005"), ==, VIR_ERR_OK);
    g_assert_cmpint(resume(fixture, "guest-00005"), ==, VIR_ERR_OPERATION_INVALID);
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\nlifecycle guest-00005 5 4 0\n");
    fixture_free(fixture);
}

static void suspend_of_what_others_have_paused_tells_of_that(void)
{
    Fixture *fixture = double_open(10);

    double_find(double_of(fixture), 5)->paused = true;
    g_assert_cmpint(fixture_suspend(fixture, "guest-00005"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\n");
    fixture_free(fixture);
}

static void what_others_have_done_is_told_before_a_change(void)
{
    Fixture *fixture = double_open(10);

    double_find(double_of(fixture), 5)->paused = true;
    g_assert_cmpint(resume(fixture, "guest-00005"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\nlifecycle guest-00005 5 4 0\n");
    double_find(double_of(fixture), 5)->paused = true;
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\n");
    double_find(double_of(fixture), 5)->paused = false;
    g_assert_cmpint(fixture_suspend(fixture, "guest-00005"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 4 0\nlifecycle guest-00005 5 3 0\n");
    fixture_free(fixture);
}

/* One that is kept as it is after its end. */
static void guest_that_has_ended_can_not_be_suspended(void)
{
    Fixture *fixture = double_open(10);
    XenInfo *info = double_find(double_of(fixture), 5);

    info->shutdown = true;
    info->why = XEN_SHUTDOWN_CRASH;
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 8 0\n");
    g_assert_cmpint(fixture_suspend(fixture, "guest-00005"), ==, VIR_ERR_OPERATION_INVALID);
    info->paused = true;
    g_assert_cmpint(resume(fixture, "guest-00005"), ==, VIR_ERR_OPERATION_INVALID);
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    g_assert_cmpstr(fixture_state(fixture, "guest-00005"), ==, "crashed/0");
    fixture_free(fixture);
}

static void uuid_that_is_asked_for_may_be_where_the_answer_goes(void)
{
    Fixture *fixture = double_open(10);
    XenInfo info = *double_find(double_of(fixture), 4);

    g_assert_cmpint(xen_ask(xen_host(&fixture->host), 5, &info.uuid, &info), ==, 0);
    fixture_free(fixture);
}

static void destroy_ends_the_domain_and_tells_once(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(fixture_destroy(fixture, "guest-00005"), ==, VIR_ERR_OK);
    g_assert_null(double_find(double_of(fixture), 5));
    g_assert_cmpint(listed(fixture), ==, 10);
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 -1 5 1\n");
    fixture_free(fixture);
}

static void destroy_never_hits_another_domain_with_the_id(void)
{
    Fixture *fixture = double_open(10);

    double_destroy(double_of(fixture), 5, false);
    double_create_silently(double_of(fixture), 5, 99, "innocent");
    g_assert_cmpint(fixture_destroy(fixture, "guest-00005"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_nonnull(double_find(double_of(fixture), 5));
    g_assert_cmpstr(by_id(fixture, 5), ==, "innocent");
    fixture_free(fixture);
}

static void first_domain_is_neither_paused_nor_destroyed(void)
{
    Fixture *fixture = double_open(1);

    g_assert_cmpint(fixture_suspend(fixture, "Domain-0"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(fixture_destroy(fixture, "Domain-0"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_nonnull(double_find(double_of(fixture), 0));
    fixture_free(fixture);
}

static void guest_that_powers_off_is_told_of_in_order(void)
{
    Fixture *fixture = double_open(10);

    double_find(double_of(fixture), 5)->shutdown = true;
    double_fire(double_of(fixture), "@releaseDomain");
    xen_observe(xen_host(&fixture->host), false);
    g_assert_cmpstr(fixture_state(fixture, "guest-00005"), ==, "shutdown/1");
    double_destroy(double_of(fixture), 5, true);
    xen_observe(xen_host(&fixture->host), false);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 6 0\nlifecycle guest-00005 -1 5 0\n");
    fixture_free(fixture);
}

static void guest_that_crashes_is_told_of_in_order(void)
{
    Fixture *fixture = double_open(10);
    XenInfo *info = double_find(double_of(fixture), 5);

    info->shutdown = true;
    info->why = XEN_SHUTDOWN_CRASH;
    double_fire(double_of(fixture), "@releaseDomain");
    xen_observe(xen_host(&fixture->host), false);
    double_destroy(double_of(fixture), 5, true);
    xen_observe(xen_host(&fixture->host), false);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 8 0\nlifecycle guest-00005 -1 5 2\n");
    fixture_free(fixture);
}

static void what_is_seen_during_a_change_is_settled_after_it(void)
{
    Fixture *fixture = double_open(10);
    FixtureCall call;

    fixture_begin(fixture, &call, "domain.suspend", "guest-00005");
    double_find(double_of(fixture), 5)->paused = true;
    double_find(double_of(fixture), 6)->paused = true;
    g_assert_cmpint(listed(fixture), ==, 11);
    g_assert_cmpint(listed(fixture), ==, 11);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00006 6 3 0\n");
    g_assert_cmpint(fixture_end(&call, 0), ==, VIR_ERR_OK);
    xen_observe(xen_host(&fixture->host), false);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\n");
    fixture_free(fixture);
}

static void question_about_a_busy_domain_that_died_is_answered_truly(void)
{
    Fixture *fixture = double_open(10);
    const RemoteDomainGetStateArgs args = { .flags = 0 };
    RemoteDomainGetStateResult result = { .state = 0 };
    FixtureCall call;

    fixture_begin(fixture, &call, "domain.suspend", "guest-00005");
    double_destroy(double_of(fixture), 5, false);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.get_state", "guest-00005", domain_get_state, &args, &result), ==,
                    VIR_ERR_NO_DOMAIN);
    g_assert_cmpint(fixture_end(&call, 0), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

static void own_story_is_left_to_its_teller(void)
{
    Fixture *fixture = double_open(10);
    FixtureCall call;

    fixture_begin(fixture, &call, "domain.suspend", "guest-00005");
    xen_domain(call.op.domain)->own_story = true;
    g_assert_cmpint(fixture_end(&call, 0), ==, VIR_ERR_OK);
    double_find(double_of(fixture), 5)->shutdown = true;
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_begin(fixture, &call, "domain.suspend", "guest-00005");
    xen_domain(call.op.domain)->own_story = false;
    xen_settle_held(xen_host(&fixture->host), call.op.domain, double_find(double_of(fixture), 5));
    g_assert_cmpint(fixture_end(&call, 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 6 0\n");
    fixture_free(fixture);
}

static void destroy_ends_any_story(void)
{
    Fixture *fixture = double_open(10);
    FixtureCall call;

    fixture_begin(fixture, &call, "domain.suspend", "guest-00005");
    xen_domain(call.op.domain)->own_story = true;
    g_assert_cmpint(fixture_end(&call, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_destroy(fixture, "guest-00005"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 -1 5 1\n");
    g_assert_cmpint(listed(fixture), ==, 10);
    fixture_free(fixture);
}

static void document_has_what_the_hypervisor_says(void)
{
    Fixture *fixture = double_open(1);
    g_autofree char *xml = NULL;

    double_find(double_of(fixture), 1)->memory = 4711;
    xml = fixture_xml(fixture, "guest-00001", 0);
    g_assert_nonnull(strstr(xml, "<domain type='xen' id='1'>"));
    g_assert_nonnull(strstr(xml, "<memory unit='KiB'>131072</memory>"));
    g_assert_nonnull(strstr(xml, "<currentMemory unit='KiB'>4711</currentMemory>"));
    g_assert_nonnull(strstr(xml, ">xenpvh</type>"));
    fixture_free(fixture);
}

static void host_is_the_hypervisors(void)
{
    Fixture *fixture = double_open(1);
    RemoteNodeGetInfoResult node = { .memory = 0 };
    RemoteConnectGetCapabilitiesResult capabilities = { .capabilities = NULL };
    FixtureCall call;
    int r;

    g_assert_cmpint(FIXTURE_CALL(fixture, "node.get_info", NULL, node_get_info, &node), ==, VIR_ERR_OK);
    g_assert_cmpuint(node.memory, ==, 4194304);
    g_assert_cmpint(node.nodes, ==, 1);
    g_assert_cmpint(node.sockets, ==, 1);
    fixture_begin(fixture, &call, "connect.get_capabilities", NULL);
    r = fixture->host.driver->connect_get_capabilities(&call.op, &capabilities);
    g_assert_nonnull(strstr(capabilities.capabilities, "<os_type>xenpvh</os_type>"));
    g_assert_nonnull(strstr(capabilities.capabilities, "<cell id='0'>"));
    g_assert_null(strstr(capabilities.capabilities, "<cell id='1'>"));
    g_assert_cmpint(fixture_end(&call, r), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-life/" #test, test)
    ADD(suspend_and_resume_are_told_once_each);
    ADD(suspend_of_what_others_have_paused_tells_of_that);
    ADD(what_others_have_done_is_told_before_a_change);
    ADD(guest_that_has_ended_can_not_be_suspended);
    ADD(uuid_that_is_asked_for_may_be_where_the_answer_goes);
    ADD(destroy_ends_the_domain_and_tells_once);
    ADD(destroy_never_hits_another_domain_with_the_id);
    ADD(first_domain_is_neither_paused_nor_destroyed);
    ADD(guest_that_powers_off_is_told_of_in_order);
    ADD(guest_that_crashes_is_told_of_in_order);
    ADD(what_is_seen_during_a_change_is_settled_after_it);
    ADD(question_about_a_busy_domain_that_died_is_answered_truly);
    ADD(own_story_is_left_to_its_teller);
    ADD(destroy_ends_any_story);
    ADD(document_has_what_the_hypervisor_says);
    ADD(host_is_the_hypervisors);
    return g_test_run();
}
