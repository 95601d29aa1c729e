/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions about one domain: answered from its view, the same whatever its job does. */
#include <libvirt/libvirt.h>

#include "drivers-fixture.h"
#include "drivers/test/driver.h"

static Fixture *with_domain(void)
{
    g_autofree char *document = fixture_document("vm", 1, NULL);
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_define(fixture, document), ==, VIR_ERR_OK);
    return fixture;
}

static void lookup_by_name_gives_the_handle(void)
{
    const RemoteDomainLookupByNameArgs args = { .name = "vm" };
    RemoteDomainLookupByNameResult result = { .dom = { .id = 0 } };
    Fixture *fixture = with_domain();
    FixtureCall call;
    int r;

    fixture_begin(fixture, &call, "domain.lookup_by_name", NULL);
    r = test_driver.domain_lookup_by_name(&call.op, &args, &result);
    g_assert_cmpint(r, ==, 0);
    g_assert_cmpstr(result.dom.name, ==, "vm");
    g_assert_cmpint(result.dom.uuid[15], ==, 1);
    g_assert_cmpint(result.dom.id, ==, -1);
    g_assert_cmpint(fixture_end(&call, r), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

static void lookups_of_what_is_not_there_say_so(void)
{
    const RemoteDomainLookupByNameArgs name = { .name = "nobody" };
    const RemoteDomainLookupByUuidArgs uuid = { .uuid = { 9 } };
    const RemoteDomainLookupByIdArgs id = { .id = -1 };
    RemoteDomainLookupByNameResult by_name;
    RemoteDomainLookupByUuidResult by_uuid;
    RemoteDomainLookupByIdResult by_id;
    Fixture *fixture = with_domain();

    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.lookup_by_name", NULL, domain_lookup_by_name, &name, &by_name), ==,
                    VIR_ERR_NO_DOMAIN);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.lookup_by_uuid", NULL, domain_lookup_by_uuid, &uuid, &by_uuid), ==,
                    VIR_ERR_NO_DOMAIN);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.lookup_by_id", NULL, domain_lookup_by_id, &id, &by_id), ==,
                    VIR_ERR_NO_DOMAIN);
    fixture_free(fixture);
}

static void only_a_running_domain_has_an_id_in_its_document(void)
{
    Fixture *fixture = with_domain();
    g_autofree char *on = fixture_xml(fixture, "test", 0);
    g_autofree char *inactive = fixture_xml(fixture, "test", VIR_DOMAIN_XML_INACTIVE);
    g_autofree char *off = fixture_xml(fixture, "vm", 0);

    g_assert_nonnull(strstr(on, "<domain type='test' id='1'>"));
    g_assert_nonnull(strstr(inactive, "<domain type='test'>"));
    g_assert_nonnull(strstr(off, "<domain type='test'>"));
    fixture_free(fixture);
}

static void unknown_flags_are_refused(void)
{
    const RemoteDomainGetXmlDescArgs xml = { .flags = 64 };
    const RemoteDomainGetStateArgs state = { .flags = 1 };
    RemoteDomainGetXmlDescResult document;
    RemoteDomainGetStateResult result;
    Fixture *fixture = with_domain();

    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.get_xml_desc", "vm", domain_get_xml_desc, &xml, &document), ==,
                    VIR_ERR_INVALID_ARG);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.get_state", "vm", domain_get_state, &state, &result), ==,
                    VIR_ERR_INVALID_ARG);
    fixture_free(fixture);
}

static void a_flag_error_names_flags_and_function(void)
{
    const RemoteDomainGetStateArgs args = { .flags = 0x10 };
    RemoteDomainGetStateResult result;
    Fixture *fixture = with_domain();
    FixtureCall call;
    int r;

    fixture_begin(fixture, &call, "domain.get_state", "vm");
    r = test_driver.domain_get_state(&call.op, &args, &result);
    g_assert_nonnull(strstr(call.error.message, "unsupported flags (0x10) in function virDomainGetState"));
    g_assert_cmpint(call.error.domain, ==, VIR_FROM_TEST);
    fixture_end(&call, r);
    fixture_free(fixture);
}

static int vcpus(Fixture *fixture, const char *name, uint32_t flags, int *n)
{
    const RemoteDomainGetVcpusFlagsArgs args = { .flags = flags };
    RemoteDomainGetVcpusFlagsResult result = { .num = 0 };
    int code = FIXTURE_CALL(fixture, "domain.get_vcpus_flags", name, domain_get_vcpus_flags, &args, &result);

    *n = result.num;
    return code;
}

static void vcpus_are_asked_of_one_document_at_a_time(void)
{
    Fixture *fixture = with_domain();
    int n;

    g_assert_cmpint(vcpus(fixture, "test", VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG, &n), ==,
                    VIR_ERR_INVALID_ARG);
    g_assert_cmpint(vcpus(fixture, "vm", VIR_DOMAIN_AFFECT_LIVE, &n), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(vcpus(fixture, "vm", VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM, &n), ==, VIR_ERR_OK);
    g_assert_cmpint(n, ==, 2);
    fixture_free(fixture);
}

static void a_question_is_answered_while_a_job_runs(void)
{
    const RemoteDomainGetInfoArgs args = { .dom = { .id = 0 } };
    RemoteDomainGetInfoResult result = { .state = 0 };
    Fixture *fixture = with_domain();
    FixtureCall job;

    fixture_begin(fixture, &job, "domain.suspend", "test");
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.get_info", "test", domain_get_info, &args, &result), ==, VIR_ERR_OK);
    g_assert_cmpuint(result.state, ==, VIR_DOMAIN_RUNNING);
    g_assert_cmpuint(result.maxMem, ==, 8388608);
    g_assert_cmpuint(result.memory, ==, 2097152);
    g_assert_cmpuint(result.nrVirtCpu, ==, 2);
    g_assert_cmpint(fixture_end(&job, 0), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

static void a_long_job_is_told_of_and_no_other(void)
{
    static const struct {
        const char *procedure;
        int type, operation;
    } jobs[] = {
        { "domain.save_flags", VIR_DOMAIN_JOB_UNBOUNDED, VIR_DOMAIN_JOB_OPERATION_SAVE },
        { "domain.core_dump_with_format", VIR_DOMAIN_JOB_UNBOUNDED, VIR_DOMAIN_JOB_OPERATION_DUMP },
        { "domain.block_pull", VIR_DOMAIN_JOB_UNBOUNDED, VIR_DOMAIN_JOB_OPERATION_UNKNOWN },
        { "domain.restore_flags", VIR_DOMAIN_JOB_UNBOUNDED, VIR_DOMAIN_JOB_OPERATION_RESTORE },
        { "domain.suspend", VIR_DOMAIN_JOB_NONE, 0 },
    };
    Fixture *fixture = with_domain();

    for (unsigned i = 0; i < G_N_ELEMENTS(jobs); i++) {
        const RemoteDomainGetJobInfoArgs info_args = { .dom = { .id = 0 } };
        const RemoteDomainGetJobStatsArgs stats_args = { .flags = 0 };
        RemoteDomainGetJobInfoResult info = { .type = -1 };
        RemoteDomainGetJobStatsResult stats = { .type = -1 };
        FixtureCall job, call;
        int r;

        fixture_begin(fixture, &job, jobs[i].procedure, "test");
        g_usleep(3000);
        g_assert_cmpint(FIXTURE_CALL(fixture, "domain.get_job_info", "test", domain_get_job_info, &info_args, &info), ==,
                        VIR_ERR_OK);
        g_assert_cmpint(info.type, ==, jobs[i].type);
        g_assert_true((info.timeElapsed >= 3) == (jobs[i].type != VIR_DOMAIN_JOB_NONE));
        fixture_begin(fixture, &call, "domain.get_job_stats", "test");
        r = test_driver.domain_get_job_stats(&call.op, &stats_args, &stats);
        g_assert_cmpint(stats.type, ==, jobs[i].type);
        g_assert_cmpuint(stats.n_params, ==, jobs[i].type == VIR_DOMAIN_JOB_NONE ? 0 : 2);
        if (stats.n_params) {
            g_assert_cmpstr(stats.params[0].field, ==, "operation");
            g_assert_cmpint(stats.params[0].value.i, ==, jobs[i].operation);
            g_assert_cmpstr(stats.params[1].field, ==, "time_elapsed");
            g_assert_cmpuint(stats.params[1].value.ul, >=, info.timeElapsed);
        }
        g_assert_cmpint(fixture_end(&call, r), ==, VIR_ERR_OK);
        g_assert_cmpint(fixture_end(&job, 0), ==, VIR_ERR_OK);
    }
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/drivers/common/question/" #claim, claim)
    ADD(lookup_by_name_gives_the_handle);
    ADD(lookups_of_what_is_not_there_say_so);
    ADD(only_a_running_domain_has_an_id_in_its_document);
    ADD(unknown_flags_are_refused);
    ADD(a_flag_error_names_flags_and_function);
    ADD(vcpus_are_asked_of_one_document_at_a_time);
    ADD(a_question_is_answered_while_a_job_runs);
    ADD(a_long_job_is_told_of_and_no_other);
    return g_test_run();
}
