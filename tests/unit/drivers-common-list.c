/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists and statistics of many domains: what is in them on the wire, filters, and limits. */
#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "drivers-fixture.h"
#include "drivers/test/driver.h"

/* Defines domains NAME0 … with numbers from `first` on. */
static void define_many(Fixture *fixture, const char *name, unsigned first, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *whole = g_strdup_printf("%s%u", name, i);
        g_autofree char *document = fixture_document(whole, first + i, NULL);

        g_assert_cmpint(fixture_define(fixture, document), ==, VIR_ERR_OK);
    }
}

/* The pieces of an encoded array in one row, to be read by a cursor. */
static uint8_t *join(const XdrEncoded *array, XdrIn *in)
{
    GByteArray *bytes = g_byte_array_new();

    for (uint32_t i = 0; i < array->n_pieces; i++)
        g_byte_array_append(bytes, array->pieces[i].data, (guint)array->pieces[i].size);
    *in = (XdrIn){ .at = bytes->data, .end = bytes->data + bytes->len };
    return g_byte_array_free(bytes, false);
}

/* Reads one handle; the name is owned by the caller. */
static char *read_handle(XdrIn *in, int *id)
{
    char *text, *name;
    uint8_t uuid[16];

    g_assert_true(xdr_get_string(in, &text, 4096));
    name = g_strdup(text);
    g_assert_true(xdr_get_opaque_fixed(in, uuid, sizeof uuid));
    g_assert_true(xdr_get_int(in, id));
    return name;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a list answer, sorted and with a space behind each; owned. */
static char *names_of(const XdrEncoded *domains)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    GString *text = g_string_new(NULL);
    g_autofree uint8_t *bytes = NULL;
    XdrIn in;

    bytes = join(domains, &in);
    for (uint32_t i = 0; i < domains->n; i++) {
        int id;

        g_ptr_array_add(names, read_handle(&in, &id));
    }
    g_assert_true(in.at == in.end);
    g_ptr_array_sort(names, by_text);
    for (unsigned i = 0; i < names->len; i++)
        g_string_append_printf(text, "%s ", (char *)g_ptr_array_index(names, i));
    return g_string_free(text, false);
}

static char *list(Fixture *fixture, uint32_t flags)
{
    const RemoteConnectListAllDomainsArgs args = { .need_results = 1, .flags = flags };
    RemoteConnectListAllDomainsResult result = { .ret = 0 };
    FixtureCall call;
    char *names;

    fixture_begin(fixture, &call, "connect.list_all_domains", NULL);
    g_assert_cmpint(test_driver.connect_list_all_domains(&call.op, &args, &result), ==, 0);
    g_assert_cmpuint(result.ret, ==, result.domains.n);
    names = names_of(&result.domains);
    fixture_end(&call, 0);
    return names;
}

#define assert_list(fixture, flags, expected)                                                   \
    do {                                                                                        \
        g_autofree char *names_ = list(fixture, flags);                                         \
        g_assert_cmpstr(names_, ==, expected);                                                  \
    } while (0)

/* test runs; on runs and is transient; p0 and p1 are off. */
static Fixture *with_some(void)
{
    g_autofree char *document = fixture_document("on", 50, NULL);
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    define_many(fixture, "p", 1, 2);
    g_assert_cmpint(fixture_create(fixture, document, 0), ==, VIR_ERR_OK);
    return fixture;
}

static void a_list_has_every_domain_once(void)
{
    Fixture *fixture = with_some();

    assert_list(fixture, 0, "on p0 p1 test ");
    fixture_free(fixture);
}

static void groups_of_filters_are_alternatives_inside_and_conditions_outside(void)
{
    Fixture *fixture = with_some();

    assert_list(fixture, VIR_CONNECT_LIST_DOMAINS_ACTIVE, "on test ");
    assert_list(fixture, VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE, "on p0 p1 test ");
    assert_list(fixture, VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_TRANSIENT, "on ");
    assert_list(fixture, VIR_CONNECT_LIST_DOMAINS_PAUSED | VIR_CONNECT_LIST_DOMAINS_SHUTOFF, "p0 p1 ");
    assert_list(fixture, VIR_CONNECT_LIST_DOMAINS_INACTIVE | VIR_CONNECT_LIST_DOMAINS_RUNNING, "");
    assert_list(fixture, VIR_CONNECT_LIST_DOMAINS_AUTOSTART, "");
    assert_list(fixture, VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE | VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT,
                "on p0 p1 test ");
    fixture_free(fixture);
}

static void a_list_without_results_counts(void)
{
    const RemoteConnectListAllDomainsArgs args = { .need_results = 0, .flags = VIR_CONNECT_LIST_DOMAINS_INACTIVE };
    RemoteConnectListAllDomainsResult result = { .ret = 0 };
    Fixture *fixture = with_some();

    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.list_all_domains", NULL, connect_list_all_domains, &args, &result),
                    ==, VIR_ERR_OK);
    g_assert_cmpuint(result.ret, ==, 2);
    g_assert_cmpuint(result.domains.n, ==, 0);
    fixture_free(fixture);
}

static void unknown_filters_are_refused(void)
{
    const RemoteConnectListAllDomainsArgs args = { .need_results = 1, .flags = 1u << 20 };
    RemoteConnectListAllDomainsResult result = { .ret = 0 };
    Fixture *fixture = with_some();

    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.list_all_domains", NULL, connect_list_all_domains, &args, &result),
                    ==, VIR_ERR_INVALID_ARG);
    fixture_free(fixture);
}

static void the_old_lists_stop_at_the_number_asked_for(void)
{
    const RemoteConnectListDomainsArgs ids = { .maxids = 1 };
    const RemoteConnectListDefinedDomainsArgs names = { .maxnames = 10 }, negative = { .maxnames = -1 };
    RemoteConnectListDomainsResult some = { .n_ids = 0 };
    RemoteConnectListDefinedDomainsResult all = { .n_names = 0 };
    Fixture *fixture = with_some();

    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.list_domains", NULL, connect_list_domains, &ids, &some), ==,
                    VIR_ERR_OK);
    g_assert_cmpuint(some.n_ids, ==, 1);
    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.list_defined_domains", NULL, connect_list_defined_domains, &names,
                                 &all), ==, VIR_ERR_OK);
    g_assert_cmpuint(all.n_names, ==, 2);
    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.list_defined_domains", NULL, connect_list_defined_domains,
                                 &negative, &all), ==, VIR_ERR_INTERNAL_ERROR);
    fixture_free(fixture);
}

/* --- statistics ------------------------------------------------------------------------------ */

/* Reads one record into "NAME field=value …"; owned. */
static char *read_record(XdrIn *in)
{
    GString *text = g_string_new(NULL);
    g_autofree char *name = NULL;
    uint32_t n = 0;
    int id;

    name = read_handle(in, &id);
    g_string_append(text, name);
    g_assert_true(xdr_get_uint(in, &n));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t type = 0, word = 0;
        uint64_t wide = 0;
        char *field, *owned;

        g_assert_true(xdr_get_string(in, &field, 80));
        owned = g_strdup(field);
        g_assert_true(xdr_get_uint(in, &type));
        if (type == VIR_TYPED_PARAM_ULLONG)
            g_assert_true(xdr_get_uhyper(in, &wide));
        else
            g_assert_true(xdr_get_uint(in, &word));
        g_string_append_printf(text, " %s=%u:%" G_GUINT64_FORMAT, owned, type,
                               type == VIR_TYPED_PARAM_ULLONG ? wide : word);
        g_free(owned);
    }
    return g_string_free(text, false);
}

static int stats(Fixture *fixture, const RemoteConnectGetAllDomainStatsArgs *args, char **first, uint32_t *n)
{
    RemoteConnectGetAllDomainStatsResult result = { .retStats = { .n = 0 } };
    FixtureCall call;
    int r;

    fixture_begin(fixture, &call, "connect.get_all_domain_stats", NULL);
    r = test_driver.connect_get_all_domain_stats(&call.op, args, &result);
    *n = result.retStats.n;
    *first = NULL;
    if (r == 0) {
        g_autofree uint8_t *bytes = NULL;
        XdrIn in;

        bytes = join(&result.retStats, &in);
        for (uint32_t i = 0; i < *n; i++) {
            char *record = read_record(&in);

            if (i == 0)
                *first = record;
            else
                g_free(record);
        }
        g_assert_true(in.at == in.end);
    }
    return fixture_end(&call, r);
}

static void statistics_of_all_groups_are_typed_parameters(void)
{
    const RemoteConnectGetAllDomainStatsArgs args = { .stats = 0 };
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    g_autofree char *record = NULL;
    uint32_t n = 0;

    g_assert_cmpint(stats(fixture, &args, &record, &n), ==, VIR_ERR_OK);
    g_assert_cmpuint(n, ==, 1);
    g_assert_true(g_regex_match_simple("^test state.state=1:1 state.reason=1:0 cpu.time=4:[1-9][0-9]* "
                                       "balloon.current=4:2097152 balloon.maximum=4:8388608 "
                                       "vcpu.current=2:2 vcpu.maximum=2:2$", record, 0, 0));
    fixture_free(fixture);
}

static void unknown_groups_are_left_out_unless_enforced(void)
{
    const RemoteConnectGetAllDomainStatsArgs free = { .stats = VIR_DOMAIN_STATS_BLOCK };
    const RemoteConnectGetAllDomainStatsArgs strict = {
        .stats = VIR_DOMAIN_STATS_BLOCK, .flags = (uint32_t)VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS,
    };
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    g_autofree char *record = NULL, *nothing = NULL;
    uint32_t n = 0;

    g_assert_cmpint(stats(fixture, &free, &record, &n), ==, VIR_ERR_OK);
    g_assert_cmpstr(record, ==, "test");
    g_assert_cmpint(stats(fixture, &strict, &nothing, &n), ==, VIR_ERR_ARGUMENT_UNSUPPORTED);
    fixture_free(fixture);
}

static void statistics_take_filters_and_refuse_unknown_ones(void)
{
    const RemoteConnectGetAllDomainStatsArgs active = {
        .stats = VIR_DOMAIN_STATS_STATE, .flags = VIR_CONNECT_LIST_DOMAINS_ACTIVE,
    };
    const RemoteConnectGetAllDomainStatsArgs unknown = { .flags = 1u << 20 };
    Fixture *fixture = with_some();
    g_autofree char *record = NULL, *nothing = NULL;
    uint32_t n = 0;

    g_assert_cmpint(stats(fixture, &active, &record, &n), ==, VIR_ERR_OK);
    g_assert_cmpuint(n, ==, 2);
    g_assert_cmpint(stats(fixture, &unknown, &nothing, &n), ==, VIR_ERR_INVALID_ARG);
    fixture_free(fixture);
}

static void statistics_of_named_domains_leave_out_those_that_are_gone(void)
{
    RemoteDomain named[2] = { { .name = "gone", .uuid = { 1 } }, { .name = "p0" } };
    const RemoteConnectGetAllDomainStatsArgs args = {
        .n_doms = 2, .doms = named, .stats = VIR_DOMAIN_STATS_STATE,
    };
    Fixture *fixture = with_some();
    g_autoptr(DomainView) view = domain_list_view_by_name(fixture->host.domains, "p0");
    g_autofree char *record = NULL;
    uint32_t n = 0;

    memcpy(named[1].uuid, view->uuid.bytes, sizeof named[1].uuid);
    g_assert_cmpint(stats(fixture, &args, &record, &n), ==, VIR_ERR_OK);
    g_assert_cmpuint(n, ==, 1);
    g_assert_cmpstr(record, ==, "p0 state.state=1:5 state.reason=1:0");
    fixture_free(fixture);
}

/* --- many ------------------------------------------------------------------------------------ */

static int64_t time_of_stats(Fixture *fixture)
{
    const RemoteConnectGetAllDomainStatsArgs args = { .stats = VIR_DOMAIN_STATS_STATE };
    RemoteConnectGetAllDomainStatsResult result = { .retStats = { .n = 0 } };
    int64_t best = INT64_MAX;

    for (unsigned i = 0; i < 20; i++) {
        int64_t begun = clock_now();

        g_assert_cmpint(FIXTURE_CALL(fixture, "connect.get_all_domain_stats", NULL, connect_get_all_domain_stats,
                                     &args, &result), ==, VIR_ERR_OK);
        best = MIN(best, clock_now() - begun);
        g_assert_cmpuint(result.retStats.n, ==, 10000);
        g_assert_cmpuint(result.retStats.n_pieces, ==, 1);
    }
    return best / result.retStats.n;
}

static void above_16384_domains_only_a_filtered_list_fits(void)
{
    const RemoteConnectListAllDomainsArgs all = { .need_results = 1 };
    const RemoteConnectListAllDomainsArgs inactive = {
        .need_results = 1, .flags = VIR_CONNECT_LIST_DOMAINS_INACTIVE,
    };
    const RemoteConnectGetAllDomainStatsArgs every = { .stats = VIR_DOMAIN_STATS_STATE };
    RemoteConnectListAllDomainsResult result = { .ret = 0 };
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    g_autofree char *nothing = NULL;
    uint32_t n = 0;

    define_many(fixture, "d", 1, 16384);
    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.list_all_domains", NULL, connect_list_all_domains, &all, &result),
                    ==, VIR_ERR_RPC);
    g_assert_cmpint(stats(fixture, &every, &nothing, &n), ==, VIR_ERR_RPC);
    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.list_all_domains", NULL, connect_list_all_domains, &inactive,
                                 &result), ==, VIR_ERR_OK);
    g_assert_cmpuint(result.ret, ==, 16384);
    assert_list(fixture, VIR_CONNECT_LIST_DOMAINS_ACTIVE, "test ");
    fixture_free(fixture);
}

static void ten_thousand_records_stand_in_one_piece(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    define_many(fixture, "d", 1, 9999);
    g_test_message("%" G_GINT64_FORMAT " ns for each domain", time_of_stats(fixture));
    fixture_free(fixture);
}

static void a_hundred_thousand_domains_are_defined_and_found(void)
{
    const RemoteDomainLookupByNameArgs args = { .name = "d77777" };
    RemoteDomainLookupByNameResult found = { .dom = { .id = 0 } };
    RemoteConnectNumOfDefinedDomainsResult count = { .num = 0 };
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    define_many(fixture, "d", 1, 100000);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.lookup_by_name", NULL, domain_lookup_by_name, &args, &found), ==,
                    VIR_ERR_OK);
    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.num_of_defined_domains", NULL, connect_num_of_defined_domains,
                                 &count), ==, VIR_ERR_OK);
    g_assert_cmpint(count.num, ==, 100000);
    assert_list(fixture, VIR_CONNECT_LIST_DOMAINS_ACTIVE, "test ");
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/drivers/common/list/" #claim, claim)
    ADD(a_list_has_every_domain_once);
    ADD(groups_of_filters_are_alternatives_inside_and_conditions_outside);
    ADD(a_list_without_results_counts);
    ADD(unknown_filters_are_refused);
    ADD(the_old_lists_stop_at_the_number_asked_for);
    ADD(statistics_of_all_groups_are_typed_parameters);
    ADD(unknown_groups_are_left_out_unless_enforced);
    ADD(statistics_take_filters_and_refuse_unknown_ones);
    ADD(statistics_of_named_domains_leave_out_those_that_are_gone);
    ADD(above_16384_domains_only_a_filtered_list_fits);
    ADD(ten_thousand_records_stand_in_one_piece);
    ADD(a_hundred_thousand_domains_are_defined_and_found);
    return g_test_run();
}
