/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI devices of the host: who gets one, what is kept of that, and how it comes back, whatever becomes of its guest, of Xen and
 * of droverd. drivers-xen-killed has the same at each step of an operation. */
#include "xen-calls.h"

#include <errno.h>
#include <pthread.h>

#define PLACE "0000:00:10.0"
#define MARK "/tool/drover/pci/0000-00-10-0"
#define MINE "00000000-0000-4000-8000-000000000077"
#define OTHER "00000000-0000-4000-8000-000000000088"
#define HOSTDEV_AT(slot, managed)                                                                     \
    "<hostdev mode='subsystem' type='pci' managed='" managed "'><source>"                             \
    "<address domain='0' bus='0' slot='" slot "' function='0'/></source></hostdev>"
#define HOSTDEV(managed) HOSTDEV_AT("0x10", managed)
#define DOCUMENT(name, uuid, devices)                                                                 \
    "<domain type='xen'><name>" name "</name><uuid>" uuid "</uuid>"                                   \
    "<memory unit='KiB'>65536</memory><vcpu>1</vcpu>"                                                 \
    "<os><type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>/k</kernel></os>"                  \
    "<devices>" devices "</devices></domain>"
#define GUEST(devices) DOCUMENT("mine", MINE, devices)
#define RIVAL(devices) DOCUMENT("other", OTHER, devices)
enum { ID = 3 };    /* of the first guest that is built */

/* A host with two guests of others, and a device that is the host's. */
static Fixture *open_host(void)
{
    Fixture *fixture = double_open(2);

    double_pci(double_of(fixture), PLACE, "host");
    return fixture;
}

static Fixture *open_with_guest(void)
{
    Fixture *fixture = open_host();

    g_assert_cmpint(fixture_create(fixture, GUEST(HOSTDEV("yes")), 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "3");
    return fixture;
}

/* Another droverd takes over. */
static Fixture *open_again(Fixture *fixture)
{
    double_outlive(double_of(fixture));
    fixture_free(fixture);
    return double_open(0);
}

static XenHost *host(Fixture *fixture)
{
    return xen_host(&fixture->host);
}

static void expect_back(Fixture *fixture)
{
    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "host");
    g_assert_null(double_at(double_of(fixture), MARK));
}

static int attach(Fixture *fixture, const char *xml)
{
    const RemoteDomainAttachDeviceFlagsArgs args = { .xml = (char *)(uintptr_t)xml };

    return FIXTURE_CALL(fixture, "domain.attach_device_flags", "mine", domain_attach_device_flags, &args);
}

static int detach(Fixture *fixture, const char *xml)
{
    const RemoteDomainDetachDeviceFlagsArgs args = { .xml = (char *)(uintptr_t)xml };

    return FIXTURE_CALL(fixture, "domain.detach_device_flags", "mine", domain_detach_device_flags, &args);
}

/* The guest shuts itself down, and what its document wants is done. */
static void end_by_itself(Fixture *fixture, int id, XenShutdown why)
{
    double_find(double_of(fixture), id)->shutdown = true;
    double_find(double_of(fixture), id)->why = why;
    xen_observe(host(fixture), true);
    xen_tasks_run(host(fixture));
}

/* --- one guest ------------------------------------------------------------------------------- */

static void managed_device_is_marked_taken_and_given_back_at_destroy(void)
{
    Fixture *fixture = open_with_guest();

    g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, MINE " taken");
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_releases(double_of(fixture)), ==, PLACE " to the host\n");
    expect_back(fixture);
    fixture_free(fixture);
}

static void lent_device_stays_one_that_guests_can_have(void)
{
    static const char *const documents[] = { GUEST(HOSTDEV("no")), GUEST(HOSTDEV("yes")) };
    Fixture *fixture = open_host();

    double_pci(double_of(fixture), PLACE, "free");
    for (unsigned i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_assert_cmpint(fixture_create(fixture, documents[i], 0), ==, VIR_ERR_OK);
        g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, MINE " lent");
        g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
        g_assert_cmpstr(double_releases(double_of(fixture)), ==, PLACE " for guests\n");
        g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "free");
        g_assert_null(double_at(double_of(fixture), MARK));
    }
    fixture_free(fixture);
}

static void device_is_given_back_when_it_is_detached(void)
{
    Fixture *fixture = open_host();

    g_assert_cmpint(fixture_create(fixture, GUEST(""), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(attach(fixture, HOSTDEV("yes")), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "3");
    g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, MINE " taken");
    g_assert_cmpint(detach(fixture, HOSTDEV("yes")), ==, VIR_ERR_OK);
    expect_back(fixture);
    fixture_free(fixture);
}

static void device_that_xen_refuses_is_not_kept(void)
{
    Fixture *fixture = open_host();

    g_assert_cmpint(fixture_create(fixture, GUEST(""), 0), ==, VIR_ERR_OK);
    double_fail_devices(double_of(fixture), EIO);
    g_assert_cmpint(attach(fixture, HOSTDEV("yes")), ==, VIR_ERR_OPERATION_FAILED);
    expect_back(fixture);
    double_fail_devices(double_of(fixture), 0);
    g_assert_cmpint(attach(fixture, HOSTDEV("yes")), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

static void device_is_given_back_when_its_guest_cant_be_built(void)
{
    Fixture *fixture = open_host();

    for (int leaves = 0; leaves < 2; leaves++) {
        double_fail_builds(double_of(fixture), EIO, leaves);
        g_assert_cmpint(fixture_create(fixture, GUEST(HOSTDEV("yes")), 0), ==, VIR_ERR_OPERATION_FAILED);
        expect_back(fixture);
    }
    fixture_free(fixture);
}

static void device_is_given_back_when_its_guest_ends_by_itself(void)
{
    Fixture *fixture = open_with_guest();

    end_by_itself(fixture, ID, XEN_SHUTDOWN_POWEROFF);
    g_assert_cmpint(by_name(fixture, "mine"), ==, -2);
    expect_back(fixture);
    fixture_free(fixture);
}

static void guest_that_starts_anew_keeps_its_device(void)
{
    Fixture *fixture = open_with_guest();

    end_by_itself(fixture, ID, XEN_SHUTDOWN_REBOOT);
    g_assert_cmpint(by_name(fixture, "mine"), ==, ID + 1);
    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "4");
    g_assert_cmpstr(double_releases(double_of(fixture)), ==, "");
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    expect_back(fixture);
    fixture_free(fixture);
}

static void guest_that_starts_anew_gives_back_what_its_definition_has_lost(void)
{
    Fixture *fixture = open_host();

    g_assert_cmpint(fixture_define(fixture, GUEST(HOSTDEV("yes"))), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_start(fixture, "mine", 0), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_define(fixture, GUEST("")), ==, VIR_ERR_OK);
    end_by_itself(fixture, ID, XEN_SHUTDOWN_REBOOT);
    g_assert_cmpint(by_name(fixture, "mine"), ==, ID + 1);
    expect_back(fixture);
    fixture_free(fixture);
}

static void device_that_cant_be_had_is_refused(void)
{
    Fixture *fixture = open_host();
    XenDouble *xen = double_of(fixture);

    g_assert_cmpint(fixture_create(fixture, GUEST(HOSTDEV("no")), 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(fixture_create(fixture, GUEST(HOSTDEV_AT("0x1e", "yes")), 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(fixture_create(fixture, GUEST(HOSTDEV("yes") HOSTDEV("no")), 0), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpint(fixture_create(fixture, GUEST(""), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(attach(fixture, HOSTDEV("no")), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(attach(fixture, HOSTDEV_AT("0x1e", "yes")), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpstr(double_releases(xen), ==, "");
    g_assert_null(double_at(xen, MARK));
    double_pci(xen, PLACE, "1");
    g_assert_cmpint(attach(fixture, HOSTDEV("yes")), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpstr(double_devices(xen), ==, "");
    g_assert_null(double_at(xen, MARK));
    fixture_free(fixture);
}

/* No client can give such a document, but documents from the store are taken as they are. */
static void device_that_a_document_names_twice_is_refused(void)
{
    static const char document[] = GUEST(HOSTDEV("yes") HOSTDEV("no"));
    Fixture *fixture = open_host();
    Error error = ERROR_INIT;
    DomainConfig *config = domain_config_parse(document, strlen(document), &xen_domain_rules, DOMAIN_PARSE_STORED, &error);

    g_assert_nonnull(config);
    g_assert_cmpuint(config->devices.n_hostdevs, ==, 2);
    g_assert_cmpint(xen_hostdevs_take(host(fixture), config, &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_null(double_at(double_of(fixture), MARK));
    error_clear(&error);
    domain_config_unref(config);
    fixture_free(fixture);
}

/* --- two guests ------------------------------------------------------------------------------ */

static void device_that_another_guest_has_meanwhile_is_left_to_it(void)
{
    Fixture *fixture = open_with_guest();

    double_pci(double_of(fixture), PLACE, "1");    /* as by xl pci-detach and pci-attach */
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "1");
    g_assert_cmpstr(double_releases(double_of(fixture)), ==, "");
    g_assert_null(double_at(double_of(fixture), MARK));
    fixture_free(fixture);
}

static void device_that_a_guest_has_still_stays_marked(void)
{
    Fixture *fixture = open_host();
    Uuid uuid;

    g_assert_cmpint(fixture_create(fixture, GUEST(HOSTDEV("yes")), 0), ==, VIR_ERR_OK);
    g_assert_true(uuid_parse(MINE, &uuid));
    xen_hostdevs_give_back(host(fixture), &uuid);    /* as after a detach of which Xen says wrongly that it was done */
    g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, MINE " taken");
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    expect_back(fixture);
    fixture_free(fixture);
}

static void create_rival(void *fixture)
{
    g_assert_cmpint(fixture_create(fixture, RIVAL(HOSTDEV("yes")), 0), ==, VIR_ERR_OPERATION_FAILED);
}

/* Both are between the look at the device and Xen's own at once. */
static void of_two_guests_that_start_at_once_the_first_has_the_device(void)
{
    Fixture *fixture = open_host();

    double_during_build(double_of(fixture), create_rival, fixture);
    g_assert_cmpint(fixture_create(fixture, GUEST(HOSTDEV("yes")), 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "3");
    g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, MINE " taken");
    g_assert_cmpstr(double_releases(double_of(fixture)), ==, "");
    create_rival(fixture);
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    expect_back(fixture);
    g_assert_cmpint(fixture_create(fixture, RIVAL(HOSTDEV("yes")), 0), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

static void guest_that_takes_a_device_owes_what_the_last_one_has_left_undone(void)
{
    Fixture *fixture = open_with_guest();

    double_fail_releases(double_of(fixture), EIO);
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "free");
    g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, MINE " taken");
    g_assert_cmpint(fixture_create(fixture, RIVAL(HOSTDEV("no")), 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, OTHER " taken");
    double_fail_releases(double_of(fixture), 0);
    g_assert_cmpint(fixture_destroy(fixture, "other"), ==, VIR_ERR_OK);
    expect_back(fixture);
    fixture_free(fixture);
}

/* --- what fails, and other droverds ---------------------------------------------------------- */

static void what_couldnt_be_given_back_is_given_back_by_the_next_droverd(void)
{
    Fixture *fixture = open_with_guest();

    double_fail_releases(double_of(fixture), EIO);
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    fixture = open_again(fixture);    /* it fails there as well */
    g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, MINE " taken");
    double_fail_releases(double_of(fixture), 0);
    fixture = open_again(fixture);
    expect_back(fixture);
    fixture_free(fixture);
}

static void what_couldnt_be_given_back_at_a_detach_is_given_back_at_the_end(void)
{
    Fixture *fixture = open_with_guest();

    double_fail_releases(double_of(fixture), EIO);
    g_assert_cmpint(detach(fixture, HOSTDEV("yes")), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, MINE " taken");
    double_fail_releases(double_of(fixture), 0);
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    expect_back(fixture);
    fixture_free(fixture);
}

static void device_of_a_guest_that_ended_without_droverd_is_given_back_by_the_next(void)
{
    Fixture *fixture = open_with_guest();
    XenDouble *xen = double_of(fixture);

    double_outlive(xen);
    fixture_free(fixture);
    double_destroy(xen, ID, false);
    fixture = double_open(0);
    expect_back(fixture);
    fixture_free(fixture);
}

static void device_of_a_guest_that_outlives_droverd_stays_its_own(void)
{
    Fixture *fixture = open_again(open_with_guest());

    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "3");
    g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, MINE " taken");
    create_rival(fixture);
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    expect_back(fixture);
    fixture_free(fixture);
}

/* --- guests that others destroy -------------------------------------------------------------- */

static void others_destroy(Fixture *fixture, int id)
{
    double_destroy(double_of(fixture), id, true);
    xen_observe(host(fixture), false);
    g_assert_cmpstr(double_releases(double_of(fixture)), ==, "");    /* the observer doesn't wait for the host's drivers */
}

static void device_of_a_guest_that_others_destroy_is_given_back_by_a_task(void)
{
    Fixture *fixture = open_with_guest();

    others_destroy(fixture, ID);
    g_assert_cmpint(by_name(fixture, "mine"), ==, -2);
    xen_tasks_run(host(fixture));
    expect_back(fixture);
    fixture_free(fixture);
}

static void guest_that_is_started_before_its_device_is_back_keeps_it(void)
{
    Fixture *fixture = open_host();

    g_assert_cmpint(fixture_define(fixture, GUEST(HOSTDEV("yes"))), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_start(fixture, "mine", 0), ==, VIR_ERR_OK);
    others_destroy(fixture, ID);
    g_assert_cmpint(fixture_start(fixture, "mine", 0), ==, VIR_ERR_OK);
    xen_tasks_run(host(fixture));
    g_assert_cmpstr(double_releases(double_of(fixture)), ==, "");
    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "4");
    g_assert_cmpint(fixture_destroy(fixture, "mine"), ==, VIR_ERR_OK);
    expect_back(fixture);
    fixture_free(fixture);
}

static void guest_that_wants_a_device_before_it_is_back_gives_it_back_itself(void)
{
    Fixture *fixture = open_with_guest();

    others_destroy(fixture, ID);
    g_assert_cmpint(fixture_create(fixture, RIVAL(HOSTDEV("yes")), 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_releases(double_of(fixture)), ==, PLACE " to the host\n");
    xen_tasks_run(host(fixture));
    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "4");
    g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, OTHER " taken");
    fixture_free(fixture);
}

/* --- a driver of the host that takes its time ------------------------------------------------ */

/* A release that lasts until it is let go on; on a thread of its own, as a task's. */
typedef struct Slow {
    Fixture *fixture;
    GThread *thread;
    pthread_mutex_t lock;   /* ThreadSanitizer sees through those of pthread only */
    pthread_cond_t changed;
    bool inside, go_on;       /* under lock */
} Slow;

static void wait_inside(void *data)
{
    Slow *slow = data;

    pthread_mutex_lock(&slow->lock);
    slow->inside = true;
    pthread_cond_broadcast(&slow->changed);
    while (!slow->go_on)
        pthread_cond_wait(&slow->changed, &slow->lock);
    pthread_mutex_unlock(&slow->lock);
}

static void *run_tasks(void *data)
{
    xen_tasks_run(host(data));
    return NULL;
}

static void slow_begin(Slow *slow)
{
    pthread_mutex_init(&slow->lock, NULL);
    pthread_cond_init(&slow->changed, NULL);
    double_during_release(double_of(slow->fixture), wait_inside, slow);
    slow->thread = g_thread_new("tasks", run_tasks, slow->fixture);
    pthread_mutex_lock(&slow->lock);
    while (!slow->inside)
        pthread_cond_wait(&slow->changed, &slow->lock);
    pthread_mutex_unlock(&slow->lock);
}

static void let_go_on(Slow *slow)
{
    pthread_mutex_lock(&slow->lock);
    slow->go_on = true;
    pthread_cond_broadcast(&slow->changed);
    pthread_mutex_unlock(&slow->lock);
}

static void slow_end(Slow *slow)
{
    g_thread_join(slow->thread);
    pthread_mutex_destroy(&slow->lock);
    pthread_cond_destroy(&slow->changed);
}

static void others_are_observed_while_a_device_is_given_back(void)
{
    Fixture *fixture = open_with_guest();
    Slow slow = { .fixture = fixture };

    others_destroy(fixture, ID);
    fixture_events(fixture);
    slow_begin(&slow);
    double_create(double_of(fixture), 9, 99, "newcomer");
    double_destroy(double_of(fixture), 1, true);
    xen_observe(host(fixture), false);
    g_assert_cmpint(by_name(fixture, "newcomer"), ==, 9);
    g_assert_cmpint(by_name(fixture, "guest-00001"), ==, -2);
    g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "free");    /* not back yet */
    let_go_on(&slow);
    slow_end(&slow);
    expect_back(fixture);
    fixture_free(fixture);
}

/* How long that is decides only how much this test can see. */
static void *let_go_on_later(void *slow)
{
    g_usleep(100000);
    let_go_on(slow);
    return NULL;
}

/* The double fails the test when anybody asks for the device meanwhile. */
static void start_waits_for_a_device_that_is_being_given_back(void)
{
    static const char *const documents[] = { GUEST(HOSTDEV("yes")), RIVAL(HOSTDEV("yes")) };

    for (unsigned i = 0; i < G_N_ELEMENTS(documents); i++) {
        Fixture *fixture = open_with_guest();
        Slow slow = { .fixture = fixture };
        GThread *later;

        others_destroy(fixture, ID);
        slow_begin(&slow);
        later = g_thread_new("later", let_go_on_later, &slow);
        g_assert_cmpint(fixture_create(fixture, documents[i], 0), ==, VIR_ERR_OK);
        g_thread_join(later);
        slow_end(&slow);
        g_assert_cmpstr(double_releases(double_of(fixture)), ==, PLACE " to the host\n");
        g_assert_cmpstr(double_pci_who(double_of(fixture), PLACE), ==, "4");
        g_assert_cmpstr(double_at(double_of(fixture), MARK), ==, i ? OTHER " taken" : MINE " taken");
        fixture_free(fixture);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-hostdev/" #test, test)
    ADD(managed_device_is_marked_taken_and_given_back_at_destroy);
    ADD(lent_device_stays_one_that_guests_can_have);
    ADD(device_is_given_back_when_it_is_detached);
    ADD(device_that_xen_refuses_is_not_kept);
    ADD(device_is_given_back_when_its_guest_cant_be_built);
    ADD(device_is_given_back_when_its_guest_ends_by_itself);
    ADD(guest_that_starts_anew_keeps_its_device);
    ADD(guest_that_starts_anew_gives_back_what_its_definition_has_lost);
    ADD(device_that_cant_be_had_is_refused);
    ADD(device_that_a_document_names_twice_is_refused);
    ADD(device_that_another_guest_has_meanwhile_is_left_to_it);
    ADD(device_that_a_guest_has_still_stays_marked);
    ADD(of_two_guests_that_start_at_once_the_first_has_the_device);
    ADD(guest_that_takes_a_device_owes_what_the_last_one_has_left_undone);
    ADD(what_couldnt_be_given_back_is_given_back_by_the_next_droverd);
    ADD(what_couldnt_be_given_back_at_a_detach_is_given_back_at_the_end);
    ADD(device_of_a_guest_that_ended_without_droverd_is_given_back_by_the_next);
    ADD(device_of_a_guest_that_outlives_droverd_stays_its_own);
    ADD(device_of_a_guest_that_others_destroy_is_given_back_by_a_task);
    ADD(guest_that_is_started_before_its_device_is_back_keeps_it);
    ADD(guest_that_wants_a_device_before_it_is_back_gives_it_back_itself);
    ADD(others_are_observed_while_a_device_is_given_back);
    ADD(start_waits_for_a_device_that_is_being_given_back);
    return g_test_run();
}
