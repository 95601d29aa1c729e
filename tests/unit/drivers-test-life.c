/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a pretended machine: states, reasons, ids, events and refusals. */
#include <libvirt/libvirt.h>

#include "drivers-fixture.h"
#include "drivers/test/driver.h"

static Fixture *with_domain(void)
{
    g_autofree char *document = fixture_document("vm", 1, NULL);
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_define(fixture, document), ==, VIR_ERR_OK);
    fixture_events(fixture);
    return fixture;
}

static int resume(Fixture *fixture, const char *name)
{
    const RemoteDomainResumeArgs args = { .dom = { .id = 0 } };

    return FIXTURE_CALL(fixture, "domain.resume", name, domain_resume, &args);
}

static int shut_down(Fixture *fixture, const char *name, uint32_t flags)
{
    const RemoteDomainShutdownFlagsArgs args = { .flags = flags };

    return FIXTURE_CALL(fixture, "domain.shutdown_flags", name, domain_shutdown_flags, &args);
}

static int reboot(Fixture *fixture, const char *name)
{
    const RemoteDomainRebootArgs args = { .flags = 0 };

    return FIXTURE_CALL(fixture, "domain.reboot", name, domain_reboot, &args);
}

static void a_new_host_runs_one_domain_with_the_id_1(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    g_autoptr(DomainView) view = domain_list_view_by_id(fixture->host.domains, 1);

    g_assert_nonnull(view);
    g_assert_cmpstr(view->name, ==, "test");
    g_assert_true(view->persistent);
    g_assert_cmpuint(view->max_memory, ==, 8388608);
    g_assert_cmpuint(view->memory, ==, 2097152);
    g_assert_cmpuint(view->vcpus, ==, 2);
    g_assert_cmpuint(domain_list_count(fixture->host.domains, 0), ==, 1);
    fixture_free(fixture);
}

static void start_gives_the_next_id_and_announces_it(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(fixture_start(fixture, "vm", 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "vm"), ==, "running/1");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle vm 2 2 0\n");
    fixture_free(fixture);
}

static void start_paused_announces_both(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(fixture_start(fixture, "vm", VIR_DOMAIN_START_PAUSED), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "vm"), ==, "paused/1");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle vm 2 2 0\nlifecycle vm 2 3 0\n");
    fixture_free(fixture);
}

static void start_of_a_running_domain_is_refused(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(fixture_start(fixture, "test", 0), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static uint64_t bound_to(Fixture *fixture, const char *name)
{
    g_autoptr(DomainView) view = domain_list_view_by_name(fixture->host.domains, name);

    return view->bound_to;
}

static void domain_of_a_connection_is_known_for_it_while_it_runs(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(fixture_start(fixture, "vm", VIR_DOMAIN_START_AUTODESTROY), ==, VIR_ERR_OK);
    g_assert_cmpuint(bound_to(fixture, "vm"), !=, 0);
    g_assert_cmpint(fixture_suspend(fixture, "vm"), ==, VIR_ERR_OK);
    g_assert_cmpuint(bound_to(fixture, "vm"), !=, 0);
    g_assert_cmpint(fixture_destroy(fixture, "vm"), ==, VIR_ERR_OK);
    g_assert_cmpuint(bound_to(fixture, "vm"), ==, 0);
    g_assert_cmpint(fixture_start(fixture, "vm", 0), ==, VIR_ERR_OK);
    g_assert_cmpuint(bound_to(fixture, "vm"), ==, 0);
    fixture_free(fixture);
}

static void suspend_and_resume_change_the_state(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(fixture_suspend(fixture, "test"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "test"), ==, "paused/1");
    g_assert_cmpint(resume(fixture, "test"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "test"), ==, "running/5");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle test 1 3 0\nlifecycle test 1 4 0\n");
    fixture_free(fixture);
}

static void suspend_twice_is_fine_and_announced_once(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(fixture_suspend(fixture, "test"), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_suspend(fixture, "test"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle test 1 3 0\n");
    fixture_free(fixture);
}

static void resume_of_a_running_domain_is_refused(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(resume(fixture, "test"), ==, VIR_ERR_OPERATION_INVALID);
    fixture_free(fixture);
}

static void what_needs_a_running_domain_is_refused_without_one(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(fixture_suspend(fixture, "vm"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(resume(fixture, "vm"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(shut_down(fixture, "vm", 0), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(reboot(fixture, "vm"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(fixture_destroy(fixture, "vm"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void shutdown_turns_the_machine_off(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(shut_down(fixture, "test", 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "test"), ==, "shutoff/1");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle test -1 5 0\n");
    fixture_free(fixture);
}

static void shutdown_by_an_agent_says_that_there_is_none(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(shut_down(fixture, "test", VIR_DOMAIN_SHUTDOWN_GUEST_AGENT), ==, VIR_ERR_AGENT_UNRESPONSIVE);
    g_assert_cmpstr(fixture_state(fixture, "test"), ==, "running/0");
    fixture_free(fixture);
}

static void reboot_keeps_the_id(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(reboot(fixture, "test"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "test"), ==, "running/1");
    g_assert_cmpstr(fixture_events(fixture), ==, "reboot test 1\n");
    fixture_free(fixture);
}

static void reboot_ends_a_domain_whose_document_says_so(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_create(fixture, "<domain type='test'><name>once</name><memory>1024</memory>"
                                            "<os><type>hvm</type></os><on_reboot>destroy</on_reboot></domain>", 0),
                    ==, VIR_ERR_OK);
    fixture_events(fixture);
    g_assert_cmpint(reboot(fixture, "once"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "once"), ==, "none");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle once -1 5 0\n");
    fixture_free(fixture);
}

static void destroy_keeps_a_persistent_domain(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(fixture_destroy(fixture, "test"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "test"), ==, "shutoff/2");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle test -1 5 1\n");
    fixture_free(fixture);
}

static void destroy_ends_a_transient_domain(void)
{
    g_autofree char *document = fixture_document("gone", 7, NULL);
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_create(fixture, document, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_destroy(fixture, "gone"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "gone"), ==, "none");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle gone 2 2 0\nlifecycle gone -1 5 1\n");
    fixture_free(fixture);
}

static void create_over_a_definition_keeps_the_definition(void)
{
    g_autofree char *document = fixture_document("vm", 1, "<console type='pty'/>");
    g_autofree char *live = NULL, *kept = NULL;
    Fixture *fixture = with_domain();

    g_assert_cmpint(fixture_create(fixture, document, 0), ==, VIR_ERR_OK);
    live = fixture_xml(fixture, "vm", 0);
    g_assert_nonnull(strstr(live, "<console"));
    g_assert_cmpint(fixture_destroy(fixture, "vm"), ==, VIR_ERR_OK);
    kept = fixture_xml(fixture, "vm", 0);
    g_assert_null(strstr(kept, "<console"));
    fixture_free(fixture);
}

static void processor_time_runs_from_the_start_on(void)
{
    const RemoteDomainGetInfoArgs args = { .dom = { .id = 0 } };
    RemoteDomainGetInfoResult on = { .state = 0 }, off = { .state = 0 };
    Fixture *fixture = with_domain();

    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.get_info", "test", domain_get_info, &args, &on), ==, VIR_ERR_OK);
    g_assert_cmpuint(on.cpuTime, >, 0);
    g_assert_cmpuint(on.cpuTime, <, UINT64_C(600) * 1000000000);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.get_info", "vm", domain_get_info, &args, &off), ==, VIR_ERR_OK);
    g_assert_cmpuint(off.cpuTime, ==, 0);
    g_assert_cmpuint(off.state, ==, VIR_DOMAIN_SHUTOFF);
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/drivers/test/life/" #claim, claim)
    ADD(a_new_host_runs_one_domain_with_the_id_1);
    ADD(start_gives_the_next_id_and_announces_it);
    ADD(start_paused_announces_both);
    ADD(start_of_a_running_domain_is_refused);
    ADD(domain_of_a_connection_is_known_for_it_while_it_runs);
    ADD(suspend_and_resume_change_the_state);
    ADD(suspend_twice_is_fine_and_announced_once);
    ADD(resume_of_a_running_domain_is_refused);
    ADD(what_needs_a_running_domain_is_refused_without_one);
    ADD(shutdown_turns_the_machine_off);
    ADD(shutdown_by_an_agent_says_that_there_is_none);
    ADD(reboot_keeps_the_id);
    ADD(reboot_ends_a_domain_whose_document_says_so);
    ADD(destroy_keeps_a_persistent_domain);
    ADD(destroy_ends_a_transient_domain);
    ADD(create_over_a_definition_keeps_the_definition);
    ADD(processor_time_runs_from_the_start_on);
    return g_test_run();
}
