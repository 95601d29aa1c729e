/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What server/metrics-sample.c makes of a driver's statistics, and server/metrics-domains.c of that: disks, interfaces and
 * virtual CPUs, which the test driver has none of, and answers that are not as they should be; and how server/metrics-take.c waits
 * for drivers that don't answer. */
#include "conf-helper.h"
#include "server-fixture.h"
#include "server/metrics-private.h"

#include <libvirt/libvirt.h>

/* What the driver answers: the test's thread's until it is asked. */
static GByteArray *answer;
static uint32_t records;
static uint32_t params_left;
static unsigned asked, hanging;    /* atomic: how often the driver was, and the host that hangs */

#define HANGS "fake:///hangs"

static void put_u32(uint32_t value)
{
    uint32_t wire = GUINT32_TO_BE(value);

    g_byte_array_append(answer, (const uint8_t *)&wire, sizeof wire);
}

static void put_text(const char *text)
{
    static const uint8_t zeros[4];
    guint length = (guint)strlen(text);

    put_u32(length);
    g_byte_array_append(answer, (const uint8_t *)text, length);
    g_byte_array_append(answer, zeros, -length & 3);
}

static void put_record(const char *name, unsigned number, uint32_t params)
{
    Uuid uuid = uuid_of(number);

    g_assert_cmpuint(params_left, ==, 0);
    put_text(name);
    g_byte_array_append(answer, uuid.bytes, sizeof uuid.bytes);
    put_u32(1);
    put_u32(params);
    params_left = params;
    records++;
}

static void put_long(const char *name, uint64_t value)
{
    put_text(name);
    put_u32(VIR_TYPED_PARAM_ULLONG);
    put_u32((uint32_t)(value >> 32));
    put_u32((uint32_t)value);
    params_left--;
}

static void put_word(const char *name, uint32_t value)
{
    put_text(name);
    put_u32(VIR_TYPED_PARAM_UINT);
    put_u32(value);
    params_left--;
}

static void put_name(const char *name, const char *value)
{
    put_text(name);
    put_u32(VIR_TYPED_PARAM_STRING);
    put_text(value);
    params_left--;
}

static void stand_at_gate(Fixture *f)
{
    __atomic_add_fetch(&hanging, 1, __ATOMIC_SEQ_CST);
    LOCK_SCOPE(&f->lock);
    while (!f->open)
        cond_wait(&f->wake, &f->lock);
}

static int stats(Op *op, const RemoteConnectGetAllDomainStatsArgs *args, RemoteConnectGetAllDomainStatsResult *result)
{
    XdrPiece *pieces = arena_array(op->arena, 2, sizeof *pieces);
    size_t half = answer->len / 2;

    __atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);
    if (strcmp(op->host->key, HANGS) == 0)
        stand_at_gate((Fixture *)(void *)((char *)op->host->server - offsetof(Fixture, server)));
    g_assert_true(args->flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    pieces[0] = (XdrPiece){ answer->data, half };    /* a driver may give them in parts, cut anywhere */
    pieces[1] = (XdrPiece){ answer->data + half, answer->len - half };
    result->retStats = (XdrEncoded){ records, 2, pieces };
    return 0;
}

/* --- a host with two domains ------------------------------------------------------------------------ */

typedef struct Guests {
    Fixture f;
    Host *host;
    Driver driver;
    const Driver *before;
    Domain *domains[2];
    Sampler *sampler;         /* waits for as long as it takes */
} Guests;

static Domain *add(Host *host, const char *name, unsigned number, int id)
{
    Uuid uuid = uuid_of(number);
    bool fresh;
    Domain *domain = domain_list_claim(host->domains, &uuid, name, &fresh, NULL);

    g_assert_nonnull(domain);
    domain_publish(domain, view_make(name, uuid, id));
    return domain;
}

static void set_up(Guests *guests, gconstpointer data)
{
    fixture_set_up(&guests->f, NULL);
    guests->host = fixture_host(&guests->f, "fake:///metrics");
    guests->before = guests->host->driver;
    guests->driver = *guests->before;
    guests->driver.connect_get_all_domain_stats = stats;
    guests->host->driver = &guests->driver;
    guests->domains[0] = add(guests->host, "one", 1, 1);
    guests->domains[1] = add(guests->host, "two", 2, 2);
    answer = g_byte_array_new();
    records = params_left = asked = hanging = 0;
    guests->sampler = sampler_new(&guests->f.server, 600 * CLOCK_S);
}

static void end_sampler(Sampler *sampler)
{
    sampler_stop(sampler);
    sampler_join(sampler);
    sampler_free(sampler);
}

static void tear_down(Guests *guests, gconstpointer data)
{
    end_sampler(guests->sampler);
    for (unsigned i = 0; i < G_N_ELEMENTS(guests->domains); i++)
        domain_unref(guests->domains[i]);
    guests->host->driver = guests->before;
    host_unref(guests->host);
    fixture_tear_down(&guests->f, NULL);
    g_byte_array_unref(answer);
}

/* All lines, made in parts of at least `part` bytes. */
static GString *write_all(Samples *samples, size_t part)
{
    GString *all = g_string_new(NULL);
    MetricText text = { .out = g_string_new(NULL), .open_metrics = true };
    DomainsCursor cursor = { 0 };
    bool more;

    do {
        g_string_truncate(text.out, 0);
        more = metrics_domains_part(samples, &cursor, &text, part);
        g_string_append_len(all, text.out->str, (gssize)text.out->len);
    } while (more);
    g_string_free(text.out, TRUE);
    return all;
}

static HostSample *first_of(Samples *samples)
{
    g_assert_cmpuint(samples->hosts->len, ==, 1);
    return g_ptr_array_index(samples->hosts, 0);
}

static void expect_line(const GString *text, const char *line)
{
    g_autofree char *wanted = g_strdup_printf("\n%s\n", line);

    if (!strstr(text->str, wanted))
        g_error("no line '%s' in:\n%s", line, text->str);
}

#define OF "uri=\"fake:///metrics\",domain="

static void figures_of_devices_are_those_of_their_domain_and_name(Guests *guests, gconstpointer data)
{
    Samples *samples;
    GString *text;

    put_record("two", 2, 8);    /* in another order than they were asked for */
    put_word("block.count", 2);
    put_name("block.0.name", "xvda");
    put_long("block.0.rd.reqs", 11);
    put_long("block.0.rd.bytes", 4096);
    put_long("block.0.rd.times", 1500000000);
    put_name("block.1.name", "xvdb \"x\"");
    put_long("block.1.wr.bytes", 77);
    put_long("cpu.time", 2000000001);
    put_record("gone", 99, 1);    /* defined meanwhile */
    put_long("block.0.rd.reqs", 5);
    put_record("one", 1, 7);
    put_word("net.count", 1);
    put_name("net.0.name", "vif1.0");
    put_long("net.0.rx.bytes", G_MAXUINT64);
    put_long("net.0.tx.drop", 3);
    put_long("vcpu.1.time", 250000000);
    put_long("block.0.fl.reqs", 9);    /* a disk without a name */
    put_long("balloon.rss", 10);
    samples = samples_take(guests->sampler);
    g_assert_cmpuint(__atomic_load_n(&asked, __ATOMIC_SEQ_CST), ==, 1);
    text = write_all(samples, 1 << 20);
    expect_line(text, "drover_domain_block_read_requests_total{" OF "\"two\",device=\"xvda\"} 11");
    expect_line(text, "drover_domain_block_read_bytes_total{" OF "\"two\",device=\"xvda\"} 4096");
    expect_line(text, "drover_domain_block_read_seconds_total{" OF "\"two\",device=\"xvda\"} 1.500000000");
    expect_line(text, "drover_domain_block_written_bytes_total{" OF "\"two\",device=\"xvdb \\\"x\\\"\"} 77");
    expect_line(text, "drover_domain_cpu_seconds_total{" OF "\"two\"} 2.000000001");
    expect_line(text, "drover_domain_interface_received_bytes_total{" OF "\"one\",device=\"vif1.0\"} 18446744073709551615");
    expect_line(text, "drover_domain_interface_send_drops_total{" OF "\"one\",device=\"vif1.0\"} 3");
    expect_line(text, "drover_domain_vcpu_seconds_total{" OF "\"one\",vcpu=\"1\"} 0.250000000");
    expect_line(text, "drover_domain_block_flush_requests_total{" OF "\"one\",device=\"0\"} 9");
    expect_line(text, "drover_domain_memory_resident_bytes{" OF "\"one\"} 10240");
    expect_line(text, "drover_domain_memory_bytes{" OF "\"one\"} 1048576");
    expect_line(text, "drover_host_sampled{uri=\"fake:///metrics\"} 1");
    g_assert_null(strstr(text->str, "gone"));
    g_assert_null(strstr(text->str, "drover_domain_block_capacity_bytes{"));
    g_string_free(text, TRUE);
    samples_unref(samples);
}

static void parts_make_the_same_text(Guests *guests, gconstpointer data)
{
    Samples *samples;
    GString *whole, *parts;

    put_record("one", 1, 2);
    put_long("block.0.rd.reqs", 1);
    put_long("block.1.rd.reqs", 2);
    put_record("two", 2, 1);
    put_long("net.0.rx.bytes", 3);
    samples = samples_take(guests->sampler);
    for (unsigned i = 0; i < 2; i++)    /* an age that doesn't grow while we look */
        g_array_index(first_of(samples)->domains, SampleDomain, i).taken = INT64_MAX;
    whole = write_all(samples, 1 << 20);
    parts = write_all(samples, 1);
    g_assert_cmpstr(parts->str, ==, whole->str);
    g_assert_nonnull(strstr(whole->str, "drover_domain_block_read_requests_total{" OF "\"one\",device=\"1\"} 2\n"));
    g_string_free(whole, TRUE);
    g_string_free(parts, TRUE);
    samples_unref(samples);
}

static void names_that_mean_nothing_are_passed_over(Guests *guests, gconstpointer data)
{
    Samples *samples;

    put_record("one", 1, 7);
    put_long("block.99999999999999999999.rd.reqs", 1);
    put_long("block.", 1);
    put_long("block.-1.rd.reqs", 1);
    put_long("block.70000.rd.reqs", 1);
    put_long("vcpu.current.x", 1);
    put_long("", 1);
    put_name("state.state", "not a number");
    samples = samples_take(guests->sampler);
    g_assert_cmpuint(first_of(samples)->disks->len, ==, 0);
    g_assert_cmpuint(first_of(samples)->vcpus->len, ==, 0);
    g_assert_true(first_of(samples)->good);
    samples_unref(samples);
}

static void an_answer_that_is_cut_short_leaves_what_is_published(Guests *guests, gconstpointer data)
{
    guint length;

    put_record("one", 1, 2);
    put_long("cpu.time", 1);
    put_name("block.0.name", "xvda");
    length = answer->len;
    for (guint cut = 0; cut < length; cut++) {
        Samples *samples;
        GString *text;

        g_byte_array_set_size(answer, cut);
        samples = samples_take(guests->sampler);
        text = write_all(samples, 1 << 20);
        expect_line(text, "drover_host_sampled{uri=\"fake:///metrics\"} 0");
        expect_line(text, "drover_domain_state{" OF "\"one\"} 1");
        expect_line(text, "drover_domain_state{" OF "\"two\"} 1");
        g_string_free(text, TRUE);
        samples_unref(samples);
        g_byte_array_set_size(answer, 0);
        params_left = records = 0;
        put_record("one", 1, 2);
        put_long("cpu.time", 1);
        put_name("block.0.name", "xvda");
    }
}

static void a_held_job_is_told_with_who_waits(Guests *guests, gconstpointer data)
{
    Wish holds, waits;
    Samples *samples;
    GString *text;

    wish_init(&holds, JOB_MODIFY, "domain.suspend", 1);
    wish_init(&waits, JOB_MODIFY, "domain.resume", 2);
    g_assert_cmpint(wish_begin(&holds, &guests->domains[0]->jobs, NULL), ==, JOB_GRANTED);
    g_assert_cmpint(wish_begin(&waits, &guests->domains[0]->jobs, NULL), ==, JOB_PARKED);
    samples = samples_take(guests->sampler);
    text = write_all(samples, 1 << 20);
    g_assert_nonnull(strstr(text->str, "drover_domain_job_held_seconds{" OF "\"one\",procedure=\"domain.suspend\"} "));
    expect_line(text, "drover_domain_calls_waiting{" OF "\"one\"} 1");
    g_assert_null(strstr(text->str, "drover_domain_calls_waiting{" OF "\"two\"}"));
    g_string_free(text, TRUE);
    samples_unref(samples);
    job_end(&holds.ticket);
    g_assert_cmpint(wish_wait(&waits), ==, JOB_GRANTED);
    job_end(&waits.ticket);
    wish_clear(&holds);
    wish_clear(&waits);
}

/* --- drivers that don't answer ------------------------------------------------------------------------ */

static const HostSample *sample_of(const Samples *samples, const char *uri)
{
    for (unsigned i = 0; i < samples->hosts->len; i++) {
        const HostSample *sample = g_ptr_array_index(samples->hosts, i);

        if (strcmp(sample->host->key, uri) == 0)
            return sample;
    }
    g_assert_not_reached();
}

/* Another host of the same driver, which stands at the gate when it is asked; owned. */
static Host *hanging_host(Guests *guests)
{
    Host *host = fixture_host(&guests->f, HANGS);

    host->driver = &guests->driver;
    domain_unref(add(host, "three", 3, 1));
    return host;
}

static void leave(Guests *guests, Host *host)
{
    host->driver = guests->before;
    host_unref(host);
}

static void wait_until_hanging(void)
{
    for (int64_t deadline = clock_now() + 60 * CLOCK_S; __atomic_load_n(&hanging, __ATOMIC_SEQ_CST) == 0;) {
        g_assert_cmpint(clock_now(), <, deadline);
        g_usleep(200);
    }
}

/* Samples of a sampler that doesn't wait for long, until the hypervisor has answered in time. */
static Samples *take_until_good(Sampler *sampler, const char *uri)
{
    for (int64_t deadline = clock_now() + 60 * CLOCK_S; clock_now() < deadline;) {
        Samples *samples = samples_take(sampler);

        if (sample_of(samples, uri)->good)
            return samples;
        samples_unref(samples);
    }
    g_assert_not_reached();
}

static void a_driver_that_hangs_is_told_of_and_not_asked_again_until_it_answers(Guests *guests, gconstpointer data)
{
    Sampler *sampler = sampler_new(&guests->f.server, 20 * CLOCK_MS);
    Host *host = hanging_host(guests);
    Samples *samples;
    GString *text;

    for (unsigned i = 0; i < 3; i++) {
        samples = samples_take(sampler);
        text = write_all(samples, 1 << 20);
        g_assert_cmpint(sample_of(samples, HANGS)->overdue, >, 0);
        expect_line(text, "drover_host_sampled{uri=\"" HANGS "\"} 0");
        expect_line(text, "drover_domain_state{uri=\"" HANGS "\",domain=\"three\"} 1");
        g_assert_null(strstr(text->str, "drover_host_sample_overdue_seconds{uri=\"" HANGS "\"} 0\n"));
        g_string_free(text, TRUE);
        samples_unref(samples);
    }
    wait_until_hanging();
    g_assert_cmpuint(__atomic_load_n(&hanging, __ATOMIC_SEQ_CST), ==, 1);
    fixture_open_gate(&guests->f);
    samples = take_until_good(sampler, HANGS);
    text = write_all(samples, 1 << 20);
    g_assert_cmpuint(__atomic_load_n(&hanging, __ATOMIC_SEQ_CST), >, 1);
    expect_line(text, "drover_host_sampled{uri=\"" HANGS "\"} 1");
    expect_line(text, "drover_host_sample_overdue_seconds{uri=\"" HANGS "\"} 0");
    g_string_free(text, TRUE);
    samples_unref(samples);
    end_sampler(sampler);
    leave(guests, host);
}

static void others_have_their_figures_while_one_hangs(Guests *guests, gconstpointer data)
{
    Sampler *sampler = sampler_new(&guests->f.server, 20 * CLOCK_MS);
    Host *host = hanging_host(guests);
    Samples *samples;
    GString *text;

    put_record("one", 1, 1);
    put_long("cpu.time", 7000000000);
    samples = take_until_good(sampler, "fake:///metrics");
    text = write_all(samples, 1 << 20);
    expect_line(text, "drover_domain_cpu_seconds_total{" OF "\"one\"} 7");
    g_assert_false(sample_of(samples, HANGS)->good);
    g_string_free(text, TRUE);
    samples_unref(samples);
    fixture_open_gate(&guests->f);
    end_sampler(sampler);
    leave(guests, host);
}

static void *take_in_thread(void *sampler)
{
    return samples_take(sampler);
}

static void the_end_does_not_wait_for_a_driver_that_hangs(Guests *guests, gconstpointer data)
{
    Host *host = hanging_host(guests);
    GThread *thread = g_thread_new("scrape", take_in_thread, guests->sampler);    /* would wait for ten minutes */
    Samples *samples;

    wait_until_hanging();
    sampler_stop(guests->sampler);
    samples = g_thread_join(thread);
    g_assert_false(sample_of(samples, HANGS)->good);
    samples_unref(samples);
    samples = samples_take(guests->sampler);
    g_assert_cmpuint(__atomic_load_n(&hanging, __ATOMIC_SEQ_CST), ==, 1);
    samples_unref(samples);
    fixture_open_gate(&guests->f);
    leave(guests, host);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add("/server/metrics-sample/" #claim, Guests, NULL, set_up, claim, tear_down)
    ADD(figures_of_devices_are_those_of_their_domain_and_name);
    ADD(parts_make_the_same_text);
    ADD(names_that_mean_nothing_are_passed_over);
    ADD(an_answer_that_is_cut_short_leaves_what_is_published);
    ADD(a_held_job_is_told_with_who_waits);
    ADD(a_driver_that_hangs_is_told_of_and_not_asked_again_until_it_answers);
    ADD(others_have_their_figures_while_one_hangs);
    ADD(the_end_does_not_wait_for_a_driver_that_hangs);
    return g_test_run();
}
