/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names that are met, changed or read at the wrong moment: none of them may be missed. */
#include "xen-calls.h"

#include <errno.h>
#include <unistd.h>

#define GUEST(name)                                                                             \
    "<domain type='xen'><name>" name "</name><uuid>00000000-0000-4000-8000-000000000077</uuid>" \
    "<memory unit='KiB'>65536</memory><vcpu>1</vcpu>"                                           \
    "<os><type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>/k</kernel></os></domain>"
enum { GUEST_NUMBER = 77 };

static XenHost *host(Fixture *fixture)
{
    return xen_host(&fixture->host);
}

/* --- domains that aren't listed yet ---------------------------------------------------------- */

static void name_that_comes_while_xenstored_is_away_is_met(void)
{
    Fixture *fixture = double_open(3);

    double_create(double_of(fixture), 20, 20, NULL);
    g_assert_cmpint(listed(fixture), ==, 4);
    double_lose_store(double_of(fixture));
    xen_observe(host(fixture), false);
    double_rename(double_of(fixture), 20, "late");
    double_bring_back_store(double_of(fixture));
    xen_observe(host(fixture), false);
    g_assert_cmpint(by_name(fixture, "late"), ==, 20);
    fixture_free(fixture);
}

static void domain_whose_uuid_was_claimed_is_met_when_it_is_free(void)
{
    Fixture *fixture = double_open(3);
    XenInfo *info = double_create_silently(double_of(fixture), 20, 20, "theirs");
    Domain *claimed;
    bool fresh;

    claimed = domain_list_claim(fixture->host.domains, &info->uuid, "another", &fresh, NULL);
    g_assert_nonnull(claimed);
    g_assert_cmpint(listed(fixture), ==, 4);
    domain_list_release(claimed);
    domain_unref(claimed);
    g_assert_cmpint(listed(fixture), ==, 5);
    g_assert_cmpstr(by_id(fixture, 20), ==, "theirs");
    fixture_free(fixture);
}

/* As when a document is refused: its claim holds the job of a domain that is met just then. */
static void domain_whose_job_was_taken_is_met_when_it_is_free(void)
{
    Fixture *fixture = double_open(3);
    XenInfo *info = double_create_silently(double_of(fixture), 20, 20, "theirs");
    JobTicket ticket = { .kind = JOB_MODIFY, .procedure = "test", .error = ERROR_INIT };
    Domain *claimed;
    bool fresh;

    claimed = domain_list_claim(fixture->host.domains, &info->uuid, "theirs", &fresh, NULL);
    g_assert_nonnull(claimed);
    g_assert_cmpint(job_begin(&claimed->jobs, &ticket, NULL), ==, JOB_GRANTED);
    g_assert_cmpint(listed(fixture), ==, 4);
    double_asked(fixture);
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(listed(fixture), ==, 4);
    expect_asked(fixture, 3, 0);    /* it waits for the job, and nobody reads its name meanwhile */
    domain_list_release(claimed);
    job_end(&ticket);
    xen_observe(host(fixture), true);
    g_assert_cmpint(listed(fixture), ==, 5);
    g_assert_cmpstr(by_id(fixture, 20), ==, "theirs");
    domain_unref(claimed);
    fixture_free(fixture);
}

/* --- domains that could not be watched ------------------------------------------------------- */

static void guest_that_starts_before_the_watches_are_back_is_watched(void)
{
    Fixture *fixture = double_open(3);

    double_lose_store(double_of(fixture));
    xen_observe(host(fixture), false);
    double_bring_back_store(double_of(fixture));
    g_assert_cmpint(fixture_create(fixture, GUEST("mine"), 0), ==, VIR_ERR_OK);
    xen_observe(host(fixture), false);
    double_rename(double_of(fixture), 4, "renamed");
    g_assert_cmpint(by_name(fixture, "renamed"), ==, 4);
    fixture_free(fixture);
}

/* --- names that change in the midst of something --------------------------------------------- */

static void rename_guest(XenDouble *xen)
{
    double_rename(xen, 4, "renamed");
}

static void name_that_changes_while_the_guest_is_started_is_taken(void)
{
    Fixture *fixture = double_open(3);

    double_then(double_of(fixture), rename_guest);    /* it is whole and is about to run */
    g_assert_cmpint(fixture_create(fixture, GUEST("mine"), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(by_name(fixture, "renamed"), ==, 4);
    g_assert_cmpint(by_name(fixture, "mine"), ==, -2);
    fixture_free(fixture);
}

static void guest_that_a_start_finds_running_is_listed_and_watched_under_its_own_name(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(fixture_define(fixture, GUEST("mine")), ==, VIR_ERR_OK);
    double_create_silently(double_of(fixture), 20, GUEST_NUMBER, "theirs");
    g_assert_cmpint(fixture_start(fixture, "mine", 0), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(by_name(fixture, "theirs"), ==, 20);
    double_rename(double_of(fixture), 20, "renamed");
    g_assert_cmpint(by_name(fixture, "renamed"), ==, 20);
    fixture_free(fixture);
}

static void rename_while_saved(Fixture *fixture)
{
    double_rename(double_of(fixture), 3, "renamed");
    xen_observe(host(fixture), false);
}

static void name_that_changes_while_the_guest_is_saved_is_taken_when_it_goes_on(void)
{
    Fixture *fixture = double_open(3);
    g_autofree char *path = g_strdup_printf("%s/drover-names-%d", g_get_tmp_dir(), (int)getpid());
    const RemoteDomainSaveFlagsArgs args = { .to = path };

    double_during_save(fixture, rename_while_saved);
    double_fail_saves(double_of(fixture), ENOSPC);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.save_flags", "guest-00003", domain_save_flags, &args), ==,
                    VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(by_name(fixture, "renamed"), ==, 3);
    fixture_free(fixture);
}

/* --- what others did while somebody had the job ----------------------------------------------- */

static void change_is_seen_at_the_first_question_after_the_job(void)
{
    Fixture *fixture = double_open(3);
    JobTicket tickets[2];

    for (int i = 0; i < 2; i++) {
        g_autofree char *name = g_strdup_printf("guest-%05d", i + 1);
        g_autoptr(DomainView) view = domain_list_view_by_name(fixture->host.domains, name);
        g_autoptr(Domain) domain = domain_list_find(fixture->host.domains, &view->uuid);

        tickets[i] = (JobTicket){ .kind = JOB_MODIFY, .procedure = "test", .error = ERROR_INIT };
        g_assert_cmpint(job_begin(&domain->jobs, &tickets[i], NULL), ==, JOB_GRANTED);
    }
    double_rename(double_of(fixture), 1, "renamed");
    double_destroy(double_of(fixture), 2, true);
    xen_observe(host(fixture), false);
    job_end(&tickets[0]);
    g_assert_cmpstr(by_id(fixture, 1), ==, "renamed");
    job_end(&tickets[1]);
    g_assert_cmpint(listed(fixture), ==, 3);
    g_assert_cmpint(by_name(fixture, "guest-00002"), ==, -2);
    fixture_free(fixture);
}

/* --- two of one kind --------------------------------------------------------------------------- */

/* As while a guest is migrated to its own host: who comes waits for who goes. */
static void second_domain_with_a_uuid_is_met_when_the_first_has_gone(void)
{
    Fixture *fixture = double_open(3);

    double_create(double_of(fixture), 20, 3, "guest-00003--incoming");
    for (int i = 0; i < 3; i++) {
        xen_observe(host(fixture), true);
        g_assert_cmpint(by_uuid(fixture, 3), ==, 3);
        g_assert_cmpstr(by_id(fixture, 3), ==, "guest-00003");
    }
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    double_destroy(double_of(fixture), 3, true);
    double_rename(double_of(fixture), 20, "guest-00003");
    g_assert_cmpstr(by_id(fixture, 20), ==, "guest-00003");
    g_assert_cmpint(by_uuid(fixture, 3), ==, 20);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00003 -1 5 1\nlifecycle guest-00003 20 2 0\n");
    fixture_free(fixture);
}

/* --- sweeps that are older than a watch -------------------------------------------------------- */

static void start_another(void *data)
{
    g_assert_cmpint(fixture_create(data, GUEST("mine"), 0), ==, VIR_ERR_OK);
}

static void guest_that_starts_while_others_are_met_stays_watched(void)
{
    Fixture *fixture = double_open(3);

    double_create(double_of(fixture), 20, 20, NULL);    /* more is watched than is listed */
    xen_observe(host(fixture), false);
    double_create(double_of(fixture), 21, 21, "met");
    double_during_read(double_of(fixture), start_another, fixture);
    xen_observe(host(fixture), false);
    g_assert_cmpint(by_name(fixture, "mine"), ==, 4);
    double_rename(double_of(fixture), 4, "renamed");
    g_assert_cmpint(by_name(fixture, "renamed"), ==, 4);
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-names/" #test, test)
    ADD(name_that_comes_while_xenstored_is_away_is_met);
    ADD(domain_whose_uuid_was_claimed_is_met_when_it_is_free);
    ADD(domain_whose_job_was_taken_is_met_when_it_is_free);
    ADD(guest_that_starts_before_the_watches_are_back_is_watched);
    ADD(name_that_changes_while_the_guest_is_started_is_taken);
    ADD(guest_that_a_start_finds_running_is_listed_and_watched_under_its_own_name);
    ADD(name_that_changes_while_the_guest_is_saved_is_taken_when_it_goes_on);
    ADD(change_is_seen_at_the_first_question_after_the_job);
    ADD(second_domain_with_a_uuid_is_met_when_the_first_has_gone);
    ADD(guest_that_starts_while_others_are_met_stays_watched);
    return g_test_run();
}
