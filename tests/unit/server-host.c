/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening hypervisors: what is shared, what is one connection's own, several that open at once. */
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "server-fixture.h"

static Host *try_open(Fixture *f, const char *uri, int *code)
{
    Error error = ERROR_INIT;
    Host *host = host_open(f->server.hosts, uri, false, &error);

    g_assert_true(!host == error_is_set(&error));
    *code = error.code;
    error_clear(&error);
    return host;
}

static void the_same_uri_is_the_same_host(Fixture *f, gconstpointer data)
{
    Host *first = fixture_host(f, "fake:///a"), *second = fixture_host(f, "fake:///a");

    g_assert_true(first == second);
    g_assert_cmpuint(f->opened, ==, 1);
    host_unref(first);
    host_unref(second);
    g_assert_cmpuint(f->closed, ==, 0);    /* it stays open for the next one */
}

static void another_uri_is_another_host(Fixture *f, gconstpointer data)
{
    Host *first = fixture_host(f, "fake:///a"), *second = fixture_host(f, "fake:///b");

    g_assert_true(first != second);
    host_unref(first);
    host_unref(second);
}

static void an_own_host_is_closed_with_its_user(Fixture *f, gconstpointer data)
{
    Host *first = fixture_host(f, "fake:///own"), *second = fixture_host(f, "fake:///own");

    g_assert_true(first != second);
    host_unref(first);
    g_assert_cmpuint(f->closed, ==, 1);
    host_unref(second);
    g_assert_cmpuint(f->closed, ==, 2);
}

static void an_own_host_goes_with_its_client(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, "fake:///own", false, &session);

    close(fd);
    fixture_turn(f);
    g_assert_cmpuint(f->closed, ==, 1);
}

static void no_name_is_the_default(Fixture *f, gconstpointer data)
{
    Host *host = fixture_host(f, "");

    g_assert_cmpstr(host->uri, ==, "fake:///default");
    host_unref(host);
}

static void a_uri_that_no_driver_wants_is_no_connection(Fixture *f, gconstpointer data)
{
    static const char *const uris[] = { "other:///x", "nonsense", "fake:", "://", "FAKE:///x" };

    for (unsigned i = 0; i < G_N_ELEMENTS(uris); i++) {
        Error error = ERROR_INIT;

        g_assert_null(host_open(f->server.hosts, uris[i], false, &error));
        g_assert_cmpint(error.code, ==, VIR_ERR_NO_CONNECT);
        g_assert_cmpint(error.domain, ==, VIR_FROM_NONE);
        error_clear(&error);
    }
}

static void what_the_driver_finds_wrong_with_a_uri_is_told(Fixture *f, gconstpointer data)
{
    int code;

    g_assert_null(try_open(f, "fake:///mistake", &code));
    g_assert_cmpint(code, ==, VIR_ERR_INVALID_ARG);
}

static void after_a_failure_the_next_one_tries_again(Fixture *f, gconstpointer data)
{
    int code;
    Host *host;

    f->fail = true;
    g_assert_null(try_open(f, "fake:///bad", &code));
    g_assert_cmpint(code, ==, VIR_ERR_OPERATION_FAILED);
    f->fail = false;
    host = fixture_host(f, "fake:///bad");
    host_unref(host);
}

static void shared_hosts_are_bounded(Fixture *f, gconstpointer data)
{
    int code = VIR_ERR_OK;

    for (int i = 0; i < 1000 && code == VIR_ERR_OK; i++) {
        g_autofree char *uri = g_strdup_printf("fake:///%d", i);
        Host *host = try_open(f, uri, &code);

        if (host)
            host_unref(host);
    }
    g_assert_cmpint(code, ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpuint(f->opened, <=, 64);
}

/* --- at the same time ---------------------------------------------------------------------------- */

typedef struct Opening {
    Fixture *fixture;
    const char *uri;
    Host *host;
    int code;
} Opening;

static void *open_slowly(void *data)
{
    Opening *opening = data;

    opening->host = try_open(opening->fixture, opening->uri, &opening->code);
    return NULL;
}

static void wait_opening(Fixture *f, unsigned n)
{
    LOCK_SCOPE(&f->lock);
    while (f->opening < n)
        g_assert_true(cond_wait_until(&f->wake, &f->lock, clock_now() + 60 * CLOCK_S));
}

static void who_comes_while_it_is_opened_waits_for_that(Fixture *f, gconstpointer data)
{
    Opening openings[4];
    GThread *threads[4];

    for (int i = 0; i < 4; i++) {
        openings[i] = (Opening){ .fixture = f, .uri = "fake:///slow" };
        threads[i] = g_thread_new("opener", open_slowly, &openings[i]);
    }
    wait_opening(f, 1);
    fixture_open_gate(f);
    for (int i = 0; i < 4; i++) {
        g_thread_join(threads[i]);
        g_assert_true(openings[i].host && openings[i].host == openings[0].host);
        host_unref(openings[i].host);
    }
    g_assert_cmpuint(f->opening, ==, 1);
}

static void another_host_opens_meanwhile(Fixture *f, gconstpointer data)
{
    Opening opening = { .fixture = f, .uri = "fake:///slow" };
    GThread *thread = g_thread_new("opener", open_slowly, &opening);

    wait_opening(f, 1);
    host_unref(fixture_host(f, "fake:///quick"));
    fixture_open_gate(f);
    g_thread_join(thread);
    host_unref(opening.host);
}

static void when_the_first_fails_each_who_waited_tries_himself(Fixture *f, gconstpointer data)
{
    Opening openings[3];
    GThread *threads[3];

    f->fail = true;
    for (int i = 0; i < 3; i++) {
        openings[i] = (Opening){ .fixture = f, .uri = "fake:///slow" };
        threads[i] = g_thread_new("opener", open_slowly, &openings[i]);
    }
    wait_opening(f, 1);
    fixture_open_gate(f);
    for (int i = 0; i < 3; i++) {
        g_thread_join(threads[i]);
        g_assert_null(openings[i].host);
        g_assert_cmpint(openings[i].code, ==, VIR_ERR_OPERATION_FAILED);
    }
    g_assert_cmpuint(f->opening, ==, 3);
}

/* --- the end of the server ----------------------------------------------------------------------- */

static void never(JobTicket *ticket, JobOutcome outcome)
{
    g_assert_not_reached();
}

static Domain *add_domain(Host *host)
{
    static const char document[] =
        "<domain type='test'><name>vm</name><memory>1024</memory><os><type>hvm</type></os></domain>";
    g_autoptr(DomainConfig) config = domain_config_parse(document, sizeof document - 1, NULL, 0, NULL);
    DomainFacts facts = { .id = -1, .state = VIR_DOMAIN_SHUTOFF, .persistent = config };
    Domain *domain;
    bool fresh;

    g_assert_nonnull(config);
    domain = domain_list_claim(host->domains, &config->uuid, config->name, &fresh, NULL);
    g_assert_nonnull(domain);
    domain->persistent = domain_config_ref(config);
    domain_publish(domain, domain_view_new(&facts));
    return domain;
}

static void what_runs_is_interrupted_at_the_end(Fixture *f, gconstpointer data)
{
    static const char *const uris[] = { "fake:///shared", "fake:///own" };

    for (unsigned i = 0; i < G_N_ELEMENTS(uris); i++) {
        Host *host = fixture_host(f, uris[i]);
        Domain *domain = add_domain(host);
        JobTicket ticket = { .kind = JOB_MODIFY, .procedure = "domain.suspend", .ready = never };

        g_assert_cmpint(job_begin(&domain->jobs, &ticket, NULL), ==, JOB_GRANTED);
        hosts_interrupt(f->server.hosts);
        g_assert_true(job_interrupted(&ticket));
        job_end(&ticket);
        g_assert_cmpint(job_begin(&domain->jobs, &ticket, NULL), ==, JOB_REFUSED);
        error_clear(&ticket.error);
        domain_unref(domain);
        host_unref(host);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) FIXTURE_ADD("/server/host/", claim)
    ADD(the_same_uri_is_the_same_host);
    ADD(another_uri_is_another_host);
    ADD(an_own_host_is_closed_with_its_user);
    ADD(an_own_host_goes_with_its_client);
    ADD(no_name_is_the_default);
    ADD(a_uri_that_no_driver_wants_is_no_connection);
    ADD(what_the_driver_finds_wrong_with_a_uri_is_told);
    ADD(after_a_failure_the_next_one_tries_again);
    ADD(shared_hosts_are_bounded);
    ADD(who_comes_while_it_is_opened_waits_for_that);
    ADD(another_host_opens_meanwhile);
    ADD(when_the_first_fails_each_who_waited_tries_himself);
    ADD(what_runs_is_interrupted_at_the_end);
    return g_test_run();
}
