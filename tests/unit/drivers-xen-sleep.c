/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests of a double that sleep and are woken; what else stands still. */
#include "xen-calls.h"

#include <errno.h>

#define NAME "guest-00005"
#define NOTE "/local/domain/5/drover-sleep"
#define FELL_ASLEEP "lifecycle " NAME " 5 7 0\npmsuspend " NAME " 5\n"
#define MINE                                                                                          \
    "<domain type='xen'><name>mine</name><uuid>00000000-0000-4000-8000-000000000077</uuid>"           \
    "<memory unit='KiB'>65536</memory><vcpu>1</vcpu>"                                                 \
    "<os><type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>/k</kernel></os></domain>"
#define WOKE "lifecycle " NAME " 5 2 4\npmwakeup " NAME " 5\n"

static int sleep_as(Fixture *fixture, const char *name, unsigned target, uint64_t duration, uint32_t flags)
{
    const RemoteDomainPmSuspendForDurationArgs args = { .target = target, .duration = duration, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.pm_suspend_for_duration", name, domain_pm_suspend_for_duration, &args);
}

static int put_to_sleep(Fixture *fixture, const char *name)
{
    return sleep_as(fixture, name, VIR_NODE_SUSPEND_TARGET_MEM, 0, 0);
}

static int wake_as(Fixture *fixture, const char *name, uint32_t flags)
{
    const RemoteDomainPmWakeupArgs args = { .flags = flags };

    return FIXTURE_CALL(fixture, "domain.pm_wakeup", name, domain_pm_wakeup, &args);
}

static int wake(Fixture *fixture)
{
    return wake_as(fixture, NAME, 0);
}

static int resume(Fixture *fixture)
{
    const RemoteDomainResumeArgs args = { .dom.id = 0 };

    return FIXTURE_CALL(fixture, "domain.resume", NAME, domain_resume, &args);
}

/* What a question about it is answered: the state and its reason. */
static void expect_state(Fixture *fixture, int state, int reason)
{
    const RemoteDomainGetStateArgs args = { .flags = 0 };
    RemoteDomainGetStateResult result = { 0 };

    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.get_state", NAME, domain_get_state, &args, &result), ==, VIR_ERR_OK);
    g_assert_cmpint(result.state, ==, state);
    g_assert_cmpint(result.reason, ==, reason);
}

static void observe(Fixture *fixture)
{
    xen_observe(xen_host(&fixture->host), true);
}

static XenInfo *guest(Fixture *fixture)
{
    return double_find(double_of(fixture), 5);
}

/* As somebody who saves it makes it. */
static void stand_still(Fixture *fixture)
{
    guest(fixture)->shutdown = true;
    guest(fixture)->why = XEN_SHUTDOWN_SUSPEND;
}

static void guest_sleeps_until_it_is_woken(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    g_assert_true(guest(fixture)->shutdown);
    g_assert_cmpstr(fixture_events(fixture), ==, FELL_ASLEEP);
    for (int i = 0; i < 3; i++) {
        observe(fixture);
        g_assert_cmpint(listed(fixture), ==, 11);
        g_assert_cmpstr(fixture_state(fixture, NAME), ==, "pmsuspended/0");
        expect_state(fixture, VIR_DOMAIN_PMSUSPENDED, 0);
    }
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    g_assert_cmpint(wake(fixture), ==, VIR_ERR_OK);
    g_assert_false(guest(fixture)->shutdown);
    observe(fixture);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "running/8");
    g_assert_cmpstr(fixture_events(fixture), ==, WOKE);
    g_assert_null(double_at(double_of(fixture), NOTE));
    fixture_free(fixture);
}

static void question_about_a_guest_that_sleeps_costs_one_hypercall(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    double_asked(fixture);
    expect_state(fixture, VIR_DOMAIN_PMSUSPENDED, 0);
    expect_asked(fixture, 1, 0);
    fixture_free(fixture);
}

static void only_memory_and_no_time_is_supported(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(sleep_as(fixture, NAME, VIR_NODE_SUSPEND_TARGET_DISK, 0, 0), ==, VIR_ERR_ARGUMENT_UNSUPPORTED);
    g_assert_cmpint(sleep_as(fixture, NAME, VIR_NODE_SUSPEND_TARGET_HYBRID, 0, 0), ==, VIR_ERR_ARGUMENT_UNSUPPORTED);
    g_assert_cmpint(sleep_as(fixture, NAME, VIR_NODE_SUSPEND_TARGET_MEM, 60, 0), ==, VIR_ERR_ARGUMENT_UNSUPPORTED);
    g_assert_cmpint(sleep_as(fixture, NAME, VIR_NODE_SUSPEND_TARGET_MEM, 0, 1), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(wake_as(fixture, NAME, 1), ==, VIR_ERR_INVALID_ARG);
    g_assert_false(guest(fixture)->shutdown);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void only_a_guest_that_runs_can_go_to_sleep(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(put_to_sleep(fixture, "Domain-0"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(wake(fixture), ==, VIR_ERR_OPERATION_INVALID);
    guest(fixture)->paused = true;
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(fixture_destroy(fixture, NAME), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_define(fixture, MINE), ==, VIR_ERR_OK);
    g_assert_cmpint(put_to_sleep(fixture, "mine"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(wake_as(fixture, "mine", 0), ==, VIR_ERR_OPERATION_INVALID);
    fixture_free(fixture);
}

static void what_a_guest_would_sleep_through_is_refused(void)
{
    static const char disk[] = "<disk type='block'><source dev='/dev/x'/><target dev='xvdb'/></disk>";
    const RemoteDomainShutdownFlagsArgs off = { .flags = 0 };
    const RemoteDomainRebootArgs again = { .flags = 0 };
    const RemoteDomainSaveFlagsArgs save = { .to = "/nowhere/image" };
    const RemoteDomainAttachDeviceFlagsArgs attach = { .xml = disk, .flags = VIR_DOMAIN_AFFECT_LIVE };
    const RemoteDomainDetachDeviceFlagsArgs detach = { .xml = disk, .flags = VIR_DOMAIN_AFFECT_LIVE };
    Fixture *fixture = double_open(10);

    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    fixture_events(fixture);
#define REFUSED(procedure, member, args) \
    g_assert_cmpint(FIXTURE_CALL(fixture, procedure, NAME, member, args), ==, VIR_ERR_OPERATION_INVALID)
    REFUSED("domain.shutdown_flags", domain_shutdown_flags, &off);
    REFUSED("domain.reboot", domain_reboot, &again);
    REFUSED("domain.save_flags", domain_save_flags, &save);
    REFUSED("domain.attach_device_flags", domain_attach_device_flags, &attach);
    REFUSED("domain.detach_device_flags", domain_detach_device_flags, &detach);
#undef REFUSED
    g_assert_cmpint(resume(fixture), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(fixture_suspend(fixture, NAME), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    g_assert_cmpstr(double_devices(double_of(fixture)), ==, "");
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "pmsuspended/0");
    fixture_free(fixture);
}

static void guest_that_sleeps_can_be_destroyed(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    fixture_events(fixture);
    g_assert_cmpint(fixture_destroy(fixture, NAME), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle " NAME " -1 5 1\n");
    g_assert_cmpint(listed(fixture), ==, 10);
    fixture_free(fixture);
}

static void guest_that_others_destroy_in_its_sleep_was_not_saved(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    fixture_events(fixture);
    double_destroy(double_of(fixture), 5, true);
    observe(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle " NAME " -1 5 1\n");
    fixture_free(fixture);
}

static void guest_that_others_wake_is_told_of(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    fixture_events(fixture);
    guest(fixture)->shutdown = false;
    observe(fixture);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "running/8");
    g_assert_cmpstr(fixture_events(fixture), ==, WOKE);
    g_assert_null(double_at(double_of(fixture), NOTE));
    /* before anybody has looked */
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    guest(fixture)->shutdown = false;
    g_assert_cmpint(wake(fixture), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, FELL_ASLEEP WOKE FELL_ASLEEP);
    fixture_free(fixture);
}

/* As libvirt's peer, xl can pause whatever it likes. */
static void guest_that_others_pause_in_its_sleep_runs_when_it_is_woken(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    guest(fixture)->paused = true;
    observe(fixture);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "pmsuspended/0");
    g_assert_cmpint(wake(fixture), ==, VIR_ERR_OK);
    g_assert_false(guest(fixture)->paused);
    observe(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, FELL_ASLEEP WOKE);
    fixture_free(fixture);
}

static void end_of_a_guest_that_has_slept_is_seen_to(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(fixture_create(fixture, MINE, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(put_to_sleep(fixture, "mine"), ==, VIR_ERR_OK);
    observe(fixture);
    xen_tasks_run(xen_host(&fixture->host));
    g_assert_cmpstr(fixture_state(fixture, "mine"), ==, "pmsuspended/0");
    g_assert_cmpint(wake_as(fixture, "mine", 0), ==, VIR_ERR_OK);
    double_find(double_of(fixture), 11)->shutdown = true;
    double_find(double_of(fixture), 11)->why = XEN_SHUTDOWN_POWEROFF;
    observe(fixture);
    xen_tasks_run(xen_host(&fixture->host));
    g_assert_null(double_find(double_of(fixture), 11));
    fixture_free(fixture);
}

/* --- one that doesn't ------------------------------------------------------------------------ */

static void guest_that_does_not_suspend_itself_goes_on(void)
{
    Fixture *fixture = double_open(10);

    double_fail_saves(double_of(fixture), ETIMEDOUT);
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OPERATION_FAILED);
    observe(fixture);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "running/0");
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    /* and may yet, too late */
    stand_still(fixture);
    observe(fixture);
    xen_tasks_run(xen_host(&fixture->host));
    g_assert_false(guest(fixture)->shutdown);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "running/0");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle " NAME " 5 3 0\nlifecycle " NAME " 5 4 0\n");
    g_assert_null(double_at(double_of(fixture), NOTE));
    fixture_free(fixture);
}

static void guest_that_went_to_sleep_unnoticed_goes_on(void)
{
    Fixture *fixture = double_open(10);

    double_fail_saves(double_of(fixture), EIO);
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_false(guest(fixture)->shutdown);
    observe(fixture);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "running/0");
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    g_assert_null(double_at(double_of(fixture), NOTE));
    double_fail_saves(double_of(fixture), 0);
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

static void guest_of_which_nothing_can_be_noted_goes_on(void)
{
    Fixture *fixture = double_open(10);

    double_fail_requests(double_of(fixture), EIO);
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_false(guest(fixture)->shutdown);
    double_fail_requests(double_of(fixture), 0);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "running/0");
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void lose_requests(Fixture *fixture)
{
    double_fail_requests(double_of(fixture), EIO);
}

static void sleep_that_can_not_be_noted_is_broken_off(void)
{
    Fixture *fixture = double_open(10);

    double_during_save(fixture, lose_requests);
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_false(guest(fixture)->shutdown);
    double_fail_requests(double_of(fixture), 0);
    observe(fixture);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "running/0");
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

/* --- while it goes to sleep ------------------------------------------------------------------ */

static void look_and_ask(Fixture *fixture)
{
    g_assert_cmpint(listed(fixture), ==, 11);
    observe(fixture);
    expect_state(fixture, VIR_DOMAIN_PMSUSPENDED, 0);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
}

static void questions_while_it_goes_to_sleep_never_find_it_saved(void)
{
    Fixture *fixture = double_open(10);

    double_during_save(fixture, look_and_ask);
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, FELL_ASLEEP);
    fixture_free(fixture);
}

static void destroy_now(Fixture *fixture)
{
    g_assert_cmpint(fixture_destroy(fixture, NAME), ==, VIR_ERR_OK);
}

static void destroy_while_it_goes_to_sleep_breaks_that(void)
{
    Fixture *fixture = double_open(10);

    double_during_save(fixture, destroy_now);
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OPERATION_ABORTED);
    g_assert_cmpint(listed(fixture), ==, 10);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle " NAME " -1 5 1\n");
    fixture_free(fixture);
}

static void wake_now(Fixture *fixture)
{
    guest(fixture)->shutdown = false;
}

static void guest_that_others_wake_at_once_does_not_sleep(void)
{
    Fixture *fixture = double_open(10);

    double_during_save(fixture, wake_now);
    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "running/0");
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

/* --- others, and another droverd ------------------------------------------------------------- */

static void guest_that_others_save_does_not_sleep(void)
{
    Fixture *fixture = double_open(10);

    stand_still(fixture);
    expect_state(fixture, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE);
    observe(fixture);
    xen_tasks_run(xen_host(&fixture->host));
    g_assert_true(guest(fixture)->shutdown);
    g_assert_cmpint(wake(fixture), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "paused/3");
    double_destroy(double_of(fixture), 5, true);
    observe(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle " NAME " 5 3 0\nlifecycle " NAME " -1 5 4\n");
    fixture_free(fixture);
}

/* The next droverd on the same host. */
static Fixture *again(Fixture *fixture)
{
    double_outlive(double_of(fixture));
    fixture_free(fixture);
    return double_open(0);
}

static void next_droverd_finds_it_asleep(void)
{
    Fixture *fixture = double_open(10);

    g_assert_cmpint(put_to_sleep(fixture, NAME), ==, VIR_ERR_OK);
    fixture = again(fixture);
    xen_tasks_run(xen_host(&fixture->host));
    observe(fixture);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "pmsuspended/0");
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    g_assert_cmpint(wake(fixture), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, WOKE);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "running/8");
    fixture_free(fixture);
}

/* Whoever asked was never answered. */
static void guest_that_was_asked_to_goes_on_with_the_next_droverd(void)
{
    g_autofree char *note = g_strdup_printf("falling %" G_GINT64_FORMAT, g_get_monotonic_time() / G_USEC_PER_SEC);
    Fixture *fixture = double_open(10);

    stand_still(fixture);
    double_put(double_of(fixture), NOTE, note);
    fixture = again(fixture);
    xen_tasks_run(xen_host(&fixture->host));
    g_assert_false(guest(fixture)->shutdown);
    g_assert_cmpstr(fixture_state(fixture, NAME), ==, "running/0");
    g_assert_null(double_at(double_of(fixture), NOTE));
    fixture_free(fixture);
}

/* One whose save an earlier droverd didn't come to the end of has a word that lets it go on. */
static void guest_that_was_once_being_saved_stays_asleep(void)
{
    g_autofree char *folder = g_dir_make_tmp("drover-xen-XXXXXX", NULL);
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", folder);
    Fixture *fixture;

    fixture_state_dir = folder;
    fixture = double_open(2);
    g_assert_cmpint(fixture_create(fixture, MINE, 0), ==, VIR_ERR_OK);
    double_say(double_of(fixture), 3, XEN_WORD_SAVING);
    fixture = again(fixture);
    g_assert_cmpint(put_to_sleep(fixture, "mine"), ==, VIR_ERR_OK);
    observe(fixture);
    xen_tasks_run(xen_host(&fixture->host));
    g_assert_cmpstr(fixture_state(fixture, "mine"), ==, "pmsuspended/0");
    fixture = again(fixture);
    observe(fixture);
    xen_tasks_run(xen_host(&fixture->host));
    g_assert_true(double_find(double_of(fixture), 3)->shutdown);
    g_assert_cmpstr(fixture_state(fixture, "mine"), ==, "pmsuspended/0");
    fixture_free(fixture);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    fixture_state_dir = NULL;
}

/* What stands still long after that does so for another reason; and so does one whose note is not to be understood. */
static void old_notes_mean_nothing(void)
{
    static const char *const notes[] = { "falling 0", "falling -1", "falling", "", "falling 99999999999999999999", "asleep?" };

    for (unsigned i = 0; i < G_N_ELEMENTS(notes); i++) {
        Fixture *fixture = double_open(10);

        /* a host that has just been started knows no long ago */
        if (i == 0 && g_get_monotonic_time() / G_USEC_PER_SEC <= 180) {
            fixture_free(fixture);
            continue;
        }
        stand_still(fixture);
        double_put(double_of(fixture), NOTE, notes[i]);
        fixture = again(fixture);
        xen_tasks_run(xen_host(&fixture->host));
        g_assert_true(guest(fixture)->shutdown);
        g_assert_cmpstr(fixture_state(fixture, NAME), ==, "paused/3");
        g_assert_cmpint(resume(fixture), ==, VIR_ERR_OK);
        fixture_free(fixture);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-sleep/" #test, test)
    ADD(guest_sleeps_until_it_is_woken);
    ADD(question_about_a_guest_that_sleeps_costs_one_hypercall);
    ADD(only_memory_and_no_time_is_supported);
    ADD(only_a_guest_that_runs_can_go_to_sleep);
    ADD(what_a_guest_would_sleep_through_is_refused);
    ADD(guest_that_sleeps_can_be_destroyed);
    ADD(guest_that_others_destroy_in_its_sleep_was_not_saved);
    ADD(guest_that_others_wake_is_told_of);
    ADD(guest_that_others_pause_in_its_sleep_runs_when_it_is_woken);
    ADD(end_of_a_guest_that_has_slept_is_seen_to);
    ADD(guest_that_does_not_suspend_itself_goes_on);
    ADD(guest_that_went_to_sleep_unnoticed_goes_on);
    ADD(guest_of_which_nothing_can_be_noted_goes_on);
    ADD(sleep_that_can_not_be_noted_is_broken_off);
    ADD(questions_while_it_goes_to_sleep_never_find_it_saved);
    ADD(destroy_while_it_goes_to_sleep_breaks_that);
    ADD(guest_that_others_wake_at_once_does_not_sleep);
    ADD(guest_that_others_save_does_not_sleep);
    ADD(next_droverd_finds_it_asleep);
    ADD(guest_that_was_asked_to_goes_on_with_the_next_droverd);
    ADD(guest_that_was_once_being_saved_stays_asleep);
    ADD(old_notes_mean_nothing);
    return g_test_run();
}
