/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* droverd is killed at every step of an operation, and another one starts: what it finds is finished or undone.
 *
 * A step is a moment before or after a call of the seam (double_copy_at): there the host and the folder are copied, and the
 * next droverd opens the copies. So each operation is run as often as it has steps. */
#include "xen-calls.h"

#include <glib/gstdio.h>

#define GUEST_WITH(devices)                                                                           \
    "<domain type='xen'><name>mine</name><uuid>00000000-0000-4000-8000-000000000077</uuid>"           \
    "<memory unit='KiB'>65536</memory><vcpu>1</vcpu>"                                                 \
    "<os><type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>/k</kernel></os>"                  \
    "<devices>" devices "</devices></domain>"
#define GUEST GUEST_WITH("")
#define DEVICE                                                                                        \
    "<hostdev mode='subsystem' type='pci' managed='yes'><source>"                                     \
    "<address domain='0' bus='0' slot='0x10' function='0'/></source></hostdev>"
#define PLACE "0000:00:10.0"
enum { ID = 3, STEPS_MAX = 200 };

/* What a droverd that was killed at some step has left to the next one. */
typedef enum Found { FOUND_OFF, FOUND_RUNNING, FOUND_PAUSED, FOUND_STANDING, FOUND_ASLEEP, FOUND_END } Found;

/* One operation, and what it may lead to. */
typedef struct Killed {
    void (*before)(Fixture *fixture);
    int (*operation)(Fixture *fixture);
    Found undone, done;
    Found between;            /* what else it may be; like `undone`: nothing */
    bool defined, saved;      /* there is a definition; a managed save when the guest is off */
    bool device;              /* the guest has a PCI device of the host while it runs, and only then */
} Killed;

/* --- the folder ------------------------------------------------------------------------------ */

static void shell(const char *command)
{
    const char *argv[] = { "sh", "-c", command, NULL };
    int status = -1;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
}

static void copy_folder(void)
{
    g_autofree char *command = g_strdup_printf("cp -a '%s' '%s.copy'", fixture_state_dir, fixture_state_dir);

    shell(command);
}

static void take_copy(void)
{
    g_autofree char *command = g_strdup_printf("rm -r '%s' && mv '%s.copy' '%s'", fixture_state_dir, fixture_state_dir,
                                               fixture_state_dir);

    shell(command);
}

static bool copied(void)
{
    g_autofree char *path = g_strdup_printf("%s.copy", fixture_state_dir);

    return g_file_test(path, G_FILE_TEST_IS_DIR);
}

static void drop_folder(void)
{
    g_autofree char *command = g_strdup_printf("rm -r '%s'", fixture_state_dir);

    shell(command);
    fixture_state_dir = NULL;
}

/* --- what is found --------------------------------------------------------------------------- */

static bool is_saved(Fixture *fixture)
{
    Uuid uuid;

    g_assert_true(uuid_parse("00000000-0000-4000-8000-000000000077", &uuid));
    return xen_managed_exists(xen_host(&fixture->host), &uuid);
}

static Found find(Fixture *fixture)
{
    Found found = FOUND_OFF;
    unsigned n = 0;

    for (int id = ID; id < ID + 4; id++) {
        const XenInfo *info = double_find(double_of(fixture), id);

        if (!info)
            continue;
        found = info->shutdown && strcmp(fixture_state(fixture, "mine"), "pmsuspended/0") == 0 ? FOUND_ASLEEP
            : info->shutdown ? FOUND_STANDING : info->paused ? FOUND_PAUSED : FOUND_RUNNING;
        g_assert_cmpint(by_name(fixture, "mine"), ==, id);
        n++;
    }
    g_assert_cmpuint(n, <=, 1);
    return found;
}

/* Whose the device is, and that nothing is left to be done about it when it is the host's. */
static void look_at_device(Fixture *fixture, bool off)
{
    XenDouble *xen = double_of(fixture);

    if (!off) {
        g_assert_cmpstr(double_pci_who(xen, PLACE), !=, "host");
        g_assert_nonnull(double_at(xen, "/tool/drover/pci/0000-00-10-0"));
    } else {
        g_assert_cmpstr(double_pci_who(xen, PLACE), ==, "host");
        g_assert_null(double_at(xen, "/tool/drover/pci/0000-00-10-0"));
    }
}

static int managed_save(Fixture *fixture)
{
    const RemoteDomainManagedSaveArgs args = { .flags = 0 };

    return FIXTURE_CALL(fixture, "domain.managed_save", "mine", domain_managed_save, &args);
}

static int wake(Fixture *fixture)
{
    const RemoteDomainPmWakeupArgs args = { .flags = 0 };

    return FIXTURE_CALL(fixture, "domain.pm_wakeup", "mine", domain_pm_wakeup, &args);
}

/* The guest is what it was or what it was to become, drover says so, and it can be started and ended. */
static Found look(Fixture *fixture, const Killed *killed)
{
    Found found;

    xen_tasks_run(xen_host(&fixture->host));
    found = find(fixture);
    g_assert_true(found == killed->undone || found == killed->done || found == killed->between);
    g_assert_cmpint(listed(fixture), ==, found == FOUND_OFF && !killed->defined ? 3 : 4);
    if (killed->device)
        look_at_device(fixture, found == FOUND_OFF);
    if (found == FOUND_OFF && killed->defined)
        g_assert_cmpint(by_name(fixture, "mine"), ==, -1);
    if (killed->saved)
        g_assert_cmpint(is_saved(fixture), ==, found == FOUND_OFF);
    if (found == FOUND_STANDING) {
        g_assert_cmpint(FIXTURE_CALL(fixture, "domain.resume", "mine", domain_resume, &(const RemoteDomainResumeArgs){ 0 }), ==,
                        VIR_ERR_OK);
        g_assert_cmpint(find(fixture), ==, FOUND_RUNNING);
    }
    if (found == FOUND_ASLEEP) {
        g_assert_cmpint(managed_save(fixture), ==, VIR_ERR_OPERATION_INVALID);
        g_assert_cmpint(wake(fixture), ==, VIR_ERR_OK);
        g_assert_cmpint(find(fixture), ==, FOUND_RUNNING);
    }
    if (found == FOUND_OFF && killed->defined)
        g_assert_cmpint(fixture_start(fixture, "mine", 0), ==, VIR_ERR_OK);
    else if (found == FOUND_OFF)
        g_assert_cmpint(fixture_create(fixture, killed->device ? GUEST_WITH(DEVICE) : GUEST, 0), ==, VIR_ERR_OK);
    g_assert_false(is_saved(fixture));
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    g_assert_cmpint(find(fixture), ==, FOUND_OFF);
    if (killed->device)
        look_at_device(fixture, true);
    return found;
}

/* False: the operation has fewer steps. */
static bool kill_at(const Killed *killed, unsigned step, unsigned *seen)
{
    g_autofree char *folder = g_dir_make_tmp("drover-xen-XXXXXX", NULL);
    Fixture *fixture;
    bool reached;

    fixture_state_dir = g_intern_string(folder);
    fixture = double_open(2);
    if (killed->before)
        killed->before(fixture);
    double_copy_at(double_of(fixture), step, copy_folder);
    g_assert_cmpint(killed->operation(fixture), ==, VIR_ERR_OK);
    double_copy_at(double_of(fixture), 0, NULL);
    fixture_free(fixture);
    reached = copied();
    if (reached) {
        take_copy();
        fixture = double_open(0);
        seen[look(fixture, killed)]++;
        fixture_free(fixture);
    }
    drop_folder();
    return reached;
}

static void kill_everywhere(const Killed *killed)
{
    unsigned seen[FOUND_END] = { 0 }, steps = 0;

    while (steps < STEPS_MAX && kill_at(killed, steps + 1, seen))
        steps++;
    g_test_message("%u steps: %u off, %u running, %u paused, %u standing, %u asleep", steps, seen[FOUND_OFF],
                   seen[FOUND_RUNNING], seen[FOUND_PAUSED], seen[FOUND_STANDING], seen[FOUND_ASLEEP]);
    g_assert_cmpuint(steps, >, 4);
    g_assert_cmpuint(steps, <, STEPS_MAX);
    g_assert_cmpuint(seen[killed->undone], >, 0);
    g_assert_cmpuint(seen[killed->done], >, 0);
    g_assert_cmpuint(seen[killed->between], >, 0);
}

/* --- operations ------------------------------------------------------------------------------ */

static int create(Fixture *fixture)
{
    return fixture_create(fixture, GUEST, 0);
}

static int create_with_device(Fixture *fixture)
{
    return fixture_create(fixture, GUEST_WITH(DEVICE), 0);
}

static int create_paused(Fixture *fixture)
{
    return fixture_create(fixture, GUEST, VIR_DOMAIN_START_PAUSED);
}

static int start(Fixture *fixture)
{
    return fixture_start(fixture, "mine", 0);
}

static int start_paused(Fixture *fixture)
{
    return fixture_start(fixture, "mine", VIR_DOMAIN_START_PAUSED);
}

static int destroy(Fixture *fixture)
{
    return fixture_destroy(fixture, "mine");
}

static int save_to_file(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture_state_dir, "image", NULL);
    const RemoteDomainSaveFlagsArgs args = { .to = path };

    return FIXTURE_CALL(fixture, "domain.save_flags", "mine", domain_save_flags, &args);
}

static int put_to_sleep(Fixture *fixture)
{
    const RemoteDomainPmSuspendForDurationArgs args = { .target = VIR_NODE_SUSPEND_TARGET_MEM };

    return FIXTURE_CALL(fixture, "domain.pm_suspend_for_duration", "mine", domain_pm_suspend_for_duration, &args);
}

static int dump(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture_state_dir, "core", NULL);
    const RemoteDomainCoreDumpWithFormatArgs args = { .to = path, .dumpformat = VIR_DOMAIN_CORE_DUMP_FORMAT_RAW };

    return FIXTURE_CALL(fixture, "domain.core_dump_with_format", "mine", domain_core_dump_with_format, &args);
}

static void define(Fixture *fixture)
{
    g_assert_cmpint(fixture_define(fixture, GUEST), ==, VIR_ERR_OK);
}

static void run(Fixture *fixture)
{
    g_assert_cmpint(create(fixture), ==, VIR_ERR_OK);
}

static void add_device(Fixture *fixture)
{
    double_pci(double_of(fixture), PLACE, "host");
}

static void run_with_device(Fixture *fixture)
{
    add_device(fixture);
    g_assert_cmpint(create_with_device(fixture), ==, VIR_ERR_OK);
}

static void run_defined(Fixture *fixture)
{
    define(fixture);
    g_assert_cmpint(start(fixture), ==, VIR_ERR_OK);
}

/* Somebody else's guest. */
static void run_by_others(Fixture *fixture)
{
    double_create(double_of(fixture), ID, 77, "mine");
    g_assert_cmpint(by_name(fixture, "mine"), ==, ID);
}

static void run_and_sleep(Fixture *fixture)
{
    run_defined(fixture);
    g_assert_cmpint(put_to_sleep(fixture), ==, VIR_ERR_OK);
}

static void run_by_others_and_sleep(Fixture *fixture)
{
    run_by_others(fixture);
    g_assert_cmpint(put_to_sleep(fixture), ==, VIR_ERR_OK);
}

static void save(Fixture *fixture)
{
    run_defined(fixture);
    g_assert_cmpint(managed_save(fixture), ==, VIR_ERR_OK);
    g_assert_true(is_saved(fixture));
}

static void create_leads_to_a_guest_that_runs_or_to_none(void)
{
    kill_everywhere(&(const Killed){ .operation = create, .undone = FOUND_OFF, .done = FOUND_RUNNING });
}

static void paused_create_leads_to_a_paused_guest_or_to_none(void)
{
    kill_everywhere(&(const Killed){ .operation = create_paused, .undone = FOUND_OFF, .done = FOUND_PAUSED });
}

static void start_of_a_definition_leads_to_a_guest_that_runs_or_to_none(void)
{
    kill_everywhere(&(const Killed){ .before = define, .operation = start, .undone = FOUND_OFF, .done = FOUND_RUNNING,
                                     .defined = true });
}

static void state_that_was_saved_is_there_or_runs(void)
{
    kill_everywhere(&(const Killed){ .before = save, .operation = start, .undone = FOUND_OFF, .done = FOUND_RUNNING,
                                     .defined = true, .saved = true });
    kill_everywhere(&(const Killed){ .before = save, .operation = start_paused, .undone = FOUND_OFF, .done = FOUND_PAUSED,
                                     .defined = true, .saved = true });
}

static void destroy_leads_to_a_guest_that_runs_or_to_none(void)
{
    kill_everywhere(&(const Killed){ .before = run, .operation = destroy, .undone = FOUND_RUNNING, .between = FOUND_RUNNING,
                                     .done = FOUND_OFF });
}

static void managed_save_leads_to_an_image_or_a_guest_that_runs(void)
{
    kill_everywhere(&(const Killed){ .before = run_defined, .operation = managed_save, .undone = FOUND_RUNNING,
                                     .between = FOUND_RUNNING, .done = FOUND_OFF, .defined = true, .saved = true });
}

/* Which of the two counts can't be told in the moment in which the file gets its name. */
static void save_leads_to_an_image_or_a_guest_that_can_go_on(void)
{
    kill_everywhere(&(const Killed){ .before = run, .operation = save_to_file, .undone = FOUND_RUNNING,
                                     .between = FOUND_STANDING, .done = FOUND_OFF });
}

static void guest_whose_memory_is_written_goes_on(void)
{
    kill_everywhere(&(const Killed){ .before = run, .operation = dump, .undone = FOUND_RUNNING, .between = FOUND_RUNNING,
                                     .done = FOUND_RUNNING });
}

static void device_of_the_host_is_the_guests_or_the_hosts(void)
{
    kill_everywhere(&(const Killed){ .before = add_device, .operation = create_with_device, .undone = FOUND_OFF,
                                     .done = FOUND_RUNNING, .device = true });
    kill_everywhere(&(const Killed){ .before = run_with_device, .operation = destroy, .undone = FOUND_RUNNING,
                                     .between = FOUND_RUNNING, .done = FOUND_OFF, .device = true });
}

static void guest_that_goes_to_sleep_runs_or_is_asleep(void)
{
    kill_everywhere(&(const Killed){ .before = run_defined, .operation = put_to_sleep, .undone = FOUND_RUNNING,
                                     .between = FOUND_RUNNING, .done = FOUND_ASLEEP, .defined = true });
    kill_everywhere(&(const Killed){ .before = run_by_others, .operation = put_to_sleep, .undone = FOUND_RUNNING,
                                     .between = FOUND_RUNNING, .done = FOUND_ASLEEP });
}

static void guest_that_is_woken_is_asleep_or_runs(void)
{
    kill_everywhere(&(const Killed){ .before = run_and_sleep, .operation = wake, .undone = FOUND_ASLEEP,
                                     .between = FOUND_ASLEEP, .done = FOUND_RUNNING, .defined = true });
    kill_everywhere(&(const Killed){ .before = run_by_others_and_sleep, .operation = wake, .undone = FOUND_ASLEEP,
                                     .between = FOUND_ASLEEP, .done = FOUND_RUNNING });
}

static void guest_that_is_destroyed_in_its_sleep_is_asleep_or_gone(void)
{
    kill_everywhere(&(const Killed){ .before = run_and_sleep, .operation = destroy, .undone = FOUND_ASLEEP,
                                     .between = FOUND_ASLEEP, .done = FOUND_OFF, .defined = true });
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-killed/" #test, test)
    ADD(create_leads_to_a_guest_that_runs_or_to_none);
    ADD(paused_create_leads_to_a_paused_guest_or_to_none);
    ADD(start_of_a_definition_leads_to_a_guest_that_runs_or_to_none);
    ADD(state_that_was_saved_is_there_or_runs);
    ADD(destroy_leads_to_a_guest_that_runs_or_to_none);
    ADD(managed_save_leads_to_an_image_or_a_guest_that_runs);
    ADD(save_leads_to_an_image_or_a_guest_that_can_go_on);
    ADD(guest_whose_memory_is_written_goes_on);
    ADD(device_of_the_host_is_the_guests_or_the_hosts);
    ADD(guest_that_goes_to_sleep_runs_or_is_asleep);
    ADD(guest_that_is_woken_is_asleep_or_runs);
    ADD(guest_that_is_destroyed_in_its_sleep_is_asleep_or_gone);
    return g_test_run();
}
