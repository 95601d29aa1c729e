/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that drover makes: definitions, builds that succeed and fail, ends, and what another droverd finds. */
#include "xen-calls.h"

#include <errno.h>

#define GUEST(name, more)                                                                       \
    "<domain type='xen'><name>" name "</name><uuid>00000000-0000-4000-8000-000000000077</uuid>" \
    "<memory unit='KiB'>65536</memory><vcpu>1</vcpu>"                                           \
    "<os><type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>/k</kernel></os>" more "</domain>"
enum { GUEST_NUMBER = 77 };

static XenHost *host(Fixture *fixture)
{
    return xen_host(&fixture->host);
}

static void ends(Fixture *fixture, int id, XenShutdown why)
{
    XenInfo *info = double_find(double_of(fixture), id);

    info->shutdown = true;
    info->why = (uint8_t)why;
    xen_observe(host(fixture), true);
    xen_tasks_run(host(fixture));
}

static void defined_guest_starts_and_is_told_of_once(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(fixture_define(fixture, GUEST("mine", "")), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_start(fixture, "mine", 0), ==, VIR_ERR_OK);
    xen_observe(host(fixture), true);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle mine -1 0 0\nlifecycle mine 4 2 0\n");
    g_assert_cmpstr(fixture_state(fixture, "mine"), ==, "running/1");
    g_assert_false(double_find(double_of(fixture), 4)->paused);
    g_assert_cmpint(fixture_start(fixture, "mine", 0), ==, VIR_ERR_OPERATION_INVALID);
    fixture_free(fixture);
}

static void guest_that_is_created_paused_stays_so(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), VIR_DOMAIN_START_PAUSED), ==, VIR_ERR_OK);
    g_assert_true(double_find(double_of(fixture), 4)->paused);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle mine 4 2 0\nlifecycle mine 4 3 0\n");
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "mine"), ==, "none");
    fixture_free(fixture);
}

static void build_that_fails_leaves_nothing_and_is_not_told_of(void)
{
    Fixture *fixture = double_open(3);

    for (int left = 0; left < 2; left++) {
        double_fail_builds(double_of(fixture), ENOMEM, left);
        g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), 0), ==, VIR_ERR_OPERATION_FAILED);
        g_assert_cmpint(listed(fixture), ==, 4);
        g_assert_cmpint(by_uuid(fixture, GUEST_NUMBER), ==, -2);
    }
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void document_that_xen_can_not_run_is_not_defined(void)
{
    Fixture *fixture = double_open(0);

    g_assert_cmpint(fixture_define(fixture, GUEST("mine", "<on_reboot>rename-restart</on_reboot>")), ==,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_cmpint(listed(fixture), ==, 1);
    fixture_free(fixture);
}

static void name_of_a_guest_of_xl_is_not_to_be_had(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(fixture_create(fixture, GUEST("guest-00002", ""), 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(listed(fixture), ==, 4);
    fixture_free(fixture);
}

static void guest_that_powers_off_is_destroyed(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), 0), ==, VIR_ERR_OK);
    fixture_events(fixture);
    ends(fixture, 4, XEN_SHUTDOWN_POWEROFF);
    g_assert_null(double_find(double_of(fixture), 4));
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle mine 4 6 0\nlifecycle mine -1 5 0\n");
    fixture_free(fixture);
}

static void guest_that_reboots_comes_again(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), 0), ==, VIR_ERR_OK);
    fixture_events(fixture);
    ends(fixture, 4, XEN_SHUTDOWN_REBOOT);
    g_assert_null(double_find(double_of(fixture), 4));
    g_assert_cmpint(by_name(fixture, "mine"), ==, 5);
    g_assert_cmpstr(fixture_events(fixture), ==,
                    "lifecycle mine 4 6 0\nlifecycle mine -1 5 0\nlifecycle mine 5 2 0\n");
    fixture_free(fixture);
}

static void guest_that_can_not_come_again_is_off(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(fixture_define(fixture, GUEST("mine", "")), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_start(fixture, "mine", 0), ==, VIR_ERR_OK);
    fixture_events(fixture);
    double_fail_builds(double_of(fixture), ENOMEM, false);
    ends(fixture, 4, XEN_SHUTDOWN_REBOOT);
    g_assert_cmpstr(fixture_state(fixture, "mine"), ==, "shutoff/1");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle mine 4 6 0\nlifecycle mine -1 5 0\n");
    fixture_free(fixture);
}

static void guest_that_is_to_be_preserved_is(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", "<on_crash>preserve</on_crash>"), 0), ==, VIR_ERR_OK);
    ends(fixture, 4, XEN_SHUTDOWN_CRASH);
    g_assert_nonnull(double_find(double_of(fixture), 4));
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

static void ends_of_guests_of_xl_are_left_to_xl(void)
{
    Fixture *fixture = double_open(3);

    ends(fixture, 2, XEN_SHUTDOWN_POWEROFF);
    g_assert_nonnull(double_find(double_of(fixture), 2));
    fixture_free(fixture);
}

/* --- another droverd ------------------------------------------------------------------------- */

static Fixture *open_again(Fixture *fixture)
{
    double_outlive(double_of(fixture));
    fixture_free(fixture);
    return double_open(0);
}

/* A host whose state is kept in a folder of its own. */
static Fixture *open_kept(void)
{
    g_autofree char *folder = g_dir_make_tmp("drover-xen-XXXXXX", NULL);

    fixture_state_dir = g_intern_string(folder);
    return double_open(2);
}

static void forget(Fixture *fixture)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", fixture_state_dir);

    fixture_free(fixture);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    fixture_state_dir = NULL;
}

static void goes(XenDouble *xen)
{
    double_destroy(xen, 3, true);
    double_say(xen, 3, NULL);
}

static void nothing_is_left_of_a_guest_that_goes_just_before_it_is_destroyed(void)
{
    Fixture *fixture = open_kept();

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), 0), ==, VIR_ERR_OK);
    double_then(double_of(fixture), goes);
    fixture_destroy(fixture, "mine");
    g_assert_null(double_at(double_of(fixture), "/local/domain/3/" XEN_WORD));
    g_assert_cmpstr(fixture_state(fixture, "mine"), ==, "none");
    forget(fixture);
}

static void transient_guest_is_managed_again_with_its_document(void)
{
    Fixture *fixture = open_kept();
    g_autofree char *xml = NULL;

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", "<on_reboot>destroy</on_reboot>"), 0), ==, VIR_ERR_OK);
    fixture = open_again(fixture);
    g_assert_cmpint(by_name(fixture, "mine"), ==, 3);
    xml = fixture_xml(fixture, "mine", 0);
    g_assert_nonnull(strstr(xml, "<kernel>/k</kernel>"));
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    ends(fixture, 3, XEN_SHUTDOWN_REBOOT);
    g_assert_null(double_find(double_of(fixture), 3));
    forget(fixture);
}

static void pins_of_a_running_guest_are_in_its_document_after_another_start_of_droverd(void)
{
    Fixture *fixture = open_kept();
    uint8_t map = 1;
    const RemoteDomainPinVcpuFlagsArgs args = { .cpumap = { .data = &map, .size = 1 }, .flags = VIR_DOMAIN_AFFECT_LIVE };
    g_autofree char *xml = NULL;

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.pin_vcpu_flags", "mine", domain_pin_vcpu_flags, &args), ==, VIR_ERR_OK);
    fixture = open_again(fixture);
    xml = fixture_xml(fixture, "mine", 0);
    g_assert_nonnull(strstr(xml, "<vcpupin vcpu='0' cpuset='0'/>"));
    forget(fixture);
}

static void definition_runs_again_as_what_it_is(void)
{
    Fixture *fixture = open_kept();

    g_assert_cmpint(fixture_define(fixture, GUEST("mine", "")), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_start(fixture, "mine", 0), ==, VIR_ERR_OK);
    fixture = open_again(fixture);
    g_assert_cmpint(by_name(fixture, "mine"), ==, 3);
    double_destroy(double_of(fixture), 3, false);
    fixture = open_again(fixture);
    g_assert_cmpstr(fixture_state(fixture, "mine"), ==, "shutoff/0");
    forget(fixture);
}

static void guest_that_has_ended_without_droverd_is_seen_to(void)
{
    Fixture *fixture = open_kept();

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), 0), ==, VIR_ERR_OK);
    double_find(double_of(fixture), 3)->shutdown = true;
    fixture = open_again(fixture);
    xen_tasks_run(host(fixture));
    g_assert_null(double_find(double_of(fixture), 3));
    forget(fixture);
}

/* --- a guest that crashes and whose memory is wanted ------------------------------------------ */

/* How many dumps there are, and the content of one of them. */
static unsigned dumps(char **content)
{
    g_autofree char *path = g_build_filename(fixture_state_dir, "xen", "dump", NULL);
    GDir *folder = g_dir_open(path, 0, NULL);
    const char *name;
    unsigned n = 0;

    g_assert_nonnull(folder);
    for (; (name = g_dir_read_name(folder)); n++) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        g_assert_true(g_str_has_prefix(name, "mine-"));
        g_assert_true(g_file_get_contents(file, content, NULL, NULL));
    }
    g_dir_close(folder);
    return n;
}

static void memory_of_a_guest_that_crashed_is_kept(void)
{
    Fixture *fixture = open_kept();
    g_autofree char *content = NULL;

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", "<on_crash>coredump-destroy</on_crash>"), 0), ==, VIR_ERR_OK);
    ends(fixture, 3, XEN_SHUTDOWN_CRASH);
    g_assert_cmpuint(dumps(&content), ==, 1);
    g_assert_cmpstr(content, ==, "memory");
    g_assert_cmpint(by_uuid(fixture, GUEST_NUMBER), ==, -2);
    forget(fixture);
}

static void guest_whose_memory_can_not_be_kept_comes_again_and_leaves_no_file(void)
{
    Fixture *fixture = open_kept();
    g_autofree char *content = NULL;

    double_fail_saves(double_of(fixture), ENOSPC);
    g_assert_cmpint(fixture_create(fixture, GUEST("mine", "<on_crash>coredump-restart</on_crash>"), 0), ==, VIR_ERR_OK);
    ends(fixture, 3, XEN_SHUTDOWN_CRASH);
    g_assert_cmpuint(dumps(&content), ==, 0);
    g_assert_cmpint(by_name(fixture, "mine"), ==, 4);
    forget(fixture);
}

/* As if droverd had been killed in the midst of a build: the note of it is there again. */
static void unfinish(void)
{
    g_autofree char *command = g_strdup_printf(
        "sh -c 'cd %s/xen/running && mv 00000000-0000-4000-8000-000000000077.xml "
        "00000000-0000-4000-8000-000000000077.building.xml && rm -f .journal*'", fixture_state_dir);
    int status = -1;

    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
}

static Fixture *killed_while_building(const char *word, bool named)
{
    Fixture *fixture = open_kept();

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), VIR_DOMAIN_START_PAUSED), ==, VIR_ERR_OK);
    double_say(double_of(fixture), 3, word);
    if (!named)
        double_forget_name(double_of(fixture), 3);
    double_outlive(double_of(fixture));
    fixture_free(fixture);
    unfinish();
    return double_open(0);
}

static void half_built_guest_is_destroyed(void)
{
    Fixture *fixture = killed_while_building(XEN_WORD_BUILDING, true);

    g_assert_null(double_find(double_of(fixture), 3));
    g_assert_cmpint(listed(fixture), ==, 3);
    forget(fixture);
    fixture = killed_while_building(NULL, false);
    g_assert_null(double_find(double_of(fixture), 3));
    forget(fixture);
}

/* As if droverd had been killed in the midst of a destroy, at a moment when the word of it still stood, or no more. */
static void half_destroyed_guest_is_destroyed(void)
{
    for (int named = 0; named <= 1; named++) {
        Fixture *fixture = open_kept();

        g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), 0), ==, VIR_ERR_OK);
        double_say(double_of(fixture), 3, named ? XEN_WORD_ENDING : NULL);
        if (!named)
            double_forget_name(double_of(fixture), 3);
        fixture = open_again(fixture);
        g_assert_null(double_find(double_of(fixture), 3));
        g_assert_cmpint(listed(fixture), ==, 3);
        forget(fixture);
    }
}

/* What can't be destroyed goes on, and is still a guest of drover's afterwards. */
static void guest_that_can_not_be_destroyed_is_kept(void)
{
    Fixture *fixture = open_kept();

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), 0), ==, VIR_ERR_OK);
    double_fail_destroys(double_of(fixture), EIO);
    g_assert_cmpint(fixture_destroy(fixture, "mine"), !=, VIR_ERR_OK);
    double_fail_destroys(double_of(fixture), 0);
    fixture = open_again(fixture);
    g_assert_cmpint(by_name(fixture, "mine"), ==, 3);
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    forget(fixture);
}

static void guest_that_was_just_built_is_kept(void)
{
    Fixture *fixture = killed_while_building(XEN_WORD_BUILT, true);

    g_assert_cmpint(by_name(fixture, "mine"), ==, 3);
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    forget(fixture);
}

static void guest_of_a_connection_ends_with_droverd(void)
{
    Fixture *fixture = open_kept();

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), VIR_DOMAIN_START_AUTODESTROY), ==, VIR_ERR_OK);
    double_outlive(double_of(fixture));
    fixture_free(fixture);
    fixture = double_open(0);
    g_assert_null(double_find(double_of(fixture), 3));
    g_assert_cmpint(by_name(fixture, "mine"), ==, -2);
    forget(fixture);
}

static void guest_of_a_connection_stays_so_when_it_starts_anew(void)
{
    Fixture *fixture = open_kept();
    g_autoptr(DomainView) view = NULL;

    g_assert_cmpint(fixture_create(fixture, GUEST("mine", ""), VIR_DOMAIN_START_AUTODESTROY), ==, VIR_ERR_OK);
    ends(fixture, 3, XEN_SHUTDOWN_REBOOT);
    g_assert_cmpint(by_name(fixture, "mine"), ==, 4);
    view = domain_list_view_by_name(fixture->host.domains, "mine");
    g_assert_cmpuint(view->bound_to, ==, 7);
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    forget(fixture);
}

static void guest_of_xl_with_the_uuid_is_left_alone(void)
{
    Fixture *fixture = killed_while_building(NULL, true);

    g_assert_nonnull(double_find(double_of(fixture), 3));
    ends(fixture, 3, XEN_SHUTDOWN_POWEROFF);
    g_assert_nonnull(double_find(double_of(fixture), 3));
    forget(fixture);
}

static void marked_guest_starts_once_with_its_host(void)
{
    const RemoteDomainSetAutostartArgs args = { .autostart = 1 };
    Fixture *fixture = open_kept();

    g_assert_cmpint(fixture_define(fixture, GUEST("mine", "")), ==, VIR_ERR_OK);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.set_autostart", "mine", domain_set_autostart, &args), ==, VIR_ERR_OK);
    double_new_boot(double_of(fixture));
    fixture = open_again(fixture);
    xen_tasks_run(host(fixture));
    g_assert_cmpstr(fixture_state(fixture, "mine"), ==, "running/1");
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    fixture = open_again(fixture);
    xen_tasks_run(host(fixture));
    g_assert_cmpstr(fixture_state(fixture, "mine"), ==, "shutoff/0");
    forget(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-build/" #test, test)
    ADD(defined_guest_starts_and_is_told_of_once);
    ADD(guest_that_is_created_paused_stays_so);
    ADD(build_that_fails_leaves_nothing_and_is_not_told_of);
    ADD(document_that_xen_can_not_run_is_not_defined);
    ADD(name_of_a_guest_of_xl_is_not_to_be_had);
    ADD(guest_that_powers_off_is_destroyed);
    ADD(guest_that_reboots_comes_again);
    ADD(guest_that_can_not_come_again_is_off);
    ADD(guest_that_is_to_be_preserved_is);
    ADD(ends_of_guests_of_xl_are_left_to_xl);
    ADD(memory_of_a_guest_that_crashed_is_kept);
    ADD(guest_whose_memory_can_not_be_kept_comes_again_and_leaves_no_file);
    ADD(nothing_is_left_of_a_guest_that_goes_just_before_it_is_destroyed);
    ADD(transient_guest_is_managed_again_with_its_document);
    ADD(pins_of_a_running_guest_are_in_its_document_after_another_start_of_droverd);
    ADD(definition_runs_again_as_what_it_is);
    ADD(guest_that_has_ended_without_droverd_is_seen_to);
    ADD(half_built_guest_is_destroyed);
    ADD(half_destroyed_guest_is_destroyed);
    ADD(guest_that_can_not_be_destroyed_is_kept);
    ADD(guest_that_was_just_built_is_kept);
    ADD(guest_of_a_connection_ends_with_droverd);
    ADD(guest_of_a_connection_stays_so_when_it_starts_anew);
    ADD(guest_of_xl_with_the_uuid_is_left_alone);
    ADD(marked_guest_starts_once_with_its_host);
    return g_test_run();
}
