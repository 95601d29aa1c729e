/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See xen-calls.h. */
#include "xen-calls.h"

#include "drivers/xen/driver.h"

const char *by_id(Fixture *fixture, int id)
{
    const RemoteDomainLookupByIdArgs args = { .id = id };
    RemoteDomainLookupByIdResult result = { .dom.name = NULL };
    FixtureCall call;
    const char *name;
    int r, code;

    fixture_begin(fixture, &call, "domain.lookup_by_id", NULL);
    r = xen_driver.domain_lookup_by_id(&call.op, &args, &result);
    name = r == 0 ? g_intern_string(result.dom.name) : "-";
    code = fixture_end(&call, r);
    g_assert_true(code == VIR_ERR_OK || code == VIR_ERR_NO_DOMAIN);
    return name;
}

int by_name(Fixture *fixture, const char *name)
{
    const RemoteDomainLookupByNameArgs args = { .name = name };
    RemoteDomainLookupByNameResult result = { .dom.id = -2 };
    int code = FIXTURE_CALL(fixture, "domain.lookup_by_name", NULL, domain_lookup_by_name, &args, &result);

    g_assert_true(code == VIR_ERR_OK || code == VIR_ERR_NO_DOMAIN);
    return code == VIR_ERR_OK ? result.dom.id : -2;
}

int by_uuid(Fixture *fixture, unsigned number)
{
    g_autofree char *text = g_strdup_printf("00000000-0000-4000-8000-%012u", number);
    RemoteDomainLookupByUuidResult result = { .dom.id = -2 };
    RemoteDomainLookupByUuidArgs args = { .uuid = { 0 } };
    Uuid uuid;
    int code;

    g_assert_true(uuid_parse(text, &uuid));
    memcpy(&args.uuid, &uuid, sizeof uuid);
    code = FIXTURE_CALL(fixture, "domain.lookup_by_uuid", NULL, domain_lookup_by_uuid, &args, &result);
    g_assert_true(code == VIR_ERR_OK || code == VIR_ERR_NO_DOMAIN);
    return code == VIR_ERR_OK ? result.dom.id : -2;
}

int listed(Fixture *fixture)
{
    const RemoteConnectListAllDomainsArgs args = { .need_results = 1 };
    RemoteConnectListAllDomainsResult result = { .ret = 0 };
    int code = FIXTURE_CALL(fixture, "connect.list_all_domains", NULL, connect_list_all_domains, &args, &result);

    return code == VIR_ERR_OK ? (int)result.ret : -1;
}

int stats(Fixture *fixture)
{
    const RemoteConnectGetAllDomainStatsArgs args = { .stats = 0 };
    RemoteConnectGetAllDomainStatsResult result = { .retStats.n = 0 };
    int code = FIXTURE_CALL(fixture, "connect.get_all_domain_stats", NULL, connect_get_all_domain_stats, &args,
                            &result);

    return code == VIR_ERR_OK ? (int)result.retStats.n : -1;
}

void expect_asked(Fixture *fixture, uint64_t hypercalls, uint64_t requests)
{
    XenAsked asked = double_asked(fixture);

    g_assert_cmpuint(asked.hypercalls, ==, hypercalls);
    g_assert_cmpuint(asked.requests, ==, requests);
}
