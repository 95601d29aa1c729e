/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes, pins and weights of guests: what reaches the hypervisor, what the documents keep, and what is refused. */
#include "xen-calls.h"

#include "drivers/common/change.h"

#define GUEST "guest-00001"

static int set_vcpus(Fixture *fixture, unsigned n, uint32_t flags)
{
    const RemoteDomainSetVcpusFlagsArgs args = { .nvcpus = n, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.set_vcpus_flags", GUEST, domain_set_vcpus_flags, &args);
}

static int set_memory(Fixture *fixture, uint64_t kib, uint32_t flags)
{
    const RemoteDomainSetMemoryFlagsArgs args = { .memory = kib, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.set_memory_flags", GUEST, domain_set_memory_flags, &args);
}

static int pin(Fixture *fixture, unsigned vcpu, uint8_t map, uint32_t flags)
{
    const RemoteDomainPinVcpuFlagsArgs args = { .vcpu = vcpu, .cpumap = { .data = &map, .size = 1 }, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.pin_vcpu_flags", GUEST, domain_pin_vcpu_flags, &args);
}

static int set_share(Fixture *fixture, const char *name, unsigned value, uint32_t flags)
{
    RemoteTypedParam param = { .field = name, .value = { .type = VIR_TYPED_PARAM_UINT, .ui = value } };
    const RemoteDomainSetSchedulerParametersFlagsArgs args = { .params = &param, .n_params = 1, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.set_scheduler_parameters_flags", GUEST, domain_set_scheduler_parameters_flags,
                        &args);
}

/* -1: the call fails. */
static int get_weight(Fixture *fixture, uint32_t flags)
{
    const RemoteDomainGetSchedulerParametersFlagsArgs args = { .nparams = 2, .flags = flags };
    RemoteDomainGetSchedulerParametersFlagsResult result = { .n_params = 0 };
    FixtureCall call;
    int weight = -1, r;

    fixture_begin(fixture, &call, "domain.get_scheduler_parameters_flags", GUEST);
    r = fixture->host.driver->domain_get_scheduler_parameters_flags(&call.op, &args, &result);
    if (r == 0) {
        g_assert_cmpuint(result.n_params, ==, 2);
        g_assert_cmpstr(result.params[0].field, ==, "weight");
        weight = (int)result.params[0].value.ui;
    }
    fixture_end(&call, r);
    return weight;
}

/* NULL: the call fails. */
static const char *scheduler(Fixture *fixture)
{
    const RemoteDomainGetSchedulerTypeArgs args = { .dom = { .id = -1 } };
    RemoteDomainGetSchedulerTypeResult result = { .type = NULL };
    FixtureCall call;
    int r;

    fixture_begin(fixture, &call, "domain.get_scheduler_type", GUEST);
    r = fixture->host.driver->domain_get_scheduler_type(&call.op, &args, &result);
    fixture_end(&call, r);
    return r == 0 ? result.type : NULL;
}

/* The running guest has a document for its next start too. */
static void keep(Fixture *fixture)
{
    FixtureCall call;
    DomainFacts facts;

    fixture_begin(fixture, &call, "domain.suspend", GUEST);
    facts = change_facts(call.op.domain);
    facts.persistent = domain_config_copy(facts.active);
    change_publish(call.op.domain, &facts);
    domain_config_unref(facts.persistent);
    g_assert_cmpint(fixture_end(&call, 0), ==, VIR_ERR_OK);
}

static bool document_has(Fixture *fixture, uint32_t flags, const char *text)
{
    g_autofree char *xml = fixture_xml(fixture, GUEST, flags);

    return strstr(xml, text) != NULL;
}

static void vcpus_of_a_guest_are_at_most_what_it_was_built_with(void)
{
    Fixture *fixture = double_open(1);

    g_assert_cmpint(set_vcpus(fixture, 2, VIR_DOMAIN_AFFECT_LIVE), ==, VIR_ERR_OK);
    g_assert_cmpuint(double_find(double_of(fixture), 1)->vcpus, ==, 2);
    g_assert_cmpint(set_vcpus(fixture, 3, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_vcpus(fixture, 0, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_vcpus(fixture, 1, VIR_DOMAIN_VCPU_GUEST), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_vcpus(fixture, 4, VIR_DOMAIN_VCPU_MAXIMUM), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_vcpus(fixture, 1, VIR_DOMAIN_AFFECT_CONFIG), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpuint(double_find(double_of(fixture), 1)->vcpus, ==, 2);
    fixture_free(fixture);
}

static void vcpus_of_the_document_are_the_next_starts(void)
{
    Fixture *fixture = double_open(1);

    keep(fixture);
    g_assert_cmpint(set_vcpus(fixture, 4, VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM), ==, VIR_ERR_OK);
    g_assert_cmpint(set_vcpus(fixture, 3, VIR_DOMAIN_AFFECT_CONFIG), ==, VIR_ERR_OK);
    g_assert_true(document_has(fixture, VIR_DOMAIN_XML_INACTIVE, "<vcpu placement='static' current='3'>4</vcpu>"));
    g_assert_cmpuint(double_find(double_of(fixture), 1)->vcpus, ==, 1);
    fixture_free(fixture);
}

static void memory_is_what_xen_allows(void)
{
    Fixture *fixture = double_open(1);

    g_assert_cmpint(set_memory(fixture, 32768, VIR_DOMAIN_AFFECT_LIVE), ==, VIR_ERR_OK);
    g_assert_cmpuint(double_find(double_of(fixture), 1)->memory, ==, 32768);
    g_assert_cmpint(set_memory(fixture, 65536, VIR_DOMAIN_AFFECT_LIVE), ==, VIR_ERR_OK);
    g_assert_cmpint(set_memory(fixture, 131073, VIR_DOMAIN_AFFECT_LIVE), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(set_memory(fixture, 0, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_memory(fixture, UINT64_MAX, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpuint(double_find(double_of(fixture), 1)->memory, ==, 65536);
    fixture_free(fixture);
}

static void most_memory_is_never_below_what_a_guest_has(void)
{
    Fixture *fixture = double_open(1);

    keep(fixture);
    g_assert_cmpint(set_memory(fixture, 65535, VIR_DOMAIN_MEM_MAXIMUM), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_memory(fixture, 70000, VIR_DOMAIN_MEM_MAXIMUM), ==, VIR_ERR_OK);
    g_assert_cmpuint(double_find(double_of(fixture), 1)->max_memory, ==, 70000);
    g_assert_true(document_has(fixture, VIR_DOMAIN_XML_INACTIVE, "<memory unit='KiB'>131072</memory>"));
    g_assert_cmpint(set_memory(fixture, 90000, VIR_DOMAIN_MEM_MAXIMUM | VIR_DOMAIN_AFFECT_CONFIG), ==, VIR_ERR_OK);
    g_assert_true(document_has(fixture, VIR_DOMAIN_XML_INACTIVE, "<memory unit='KiB'>90000</memory>"));
    g_assert_cmpint(set_memory(fixture, 90001, VIR_DOMAIN_AFFECT_CONFIG), ==, VIR_ERR_INVALID_ARG);
    fixture_free(fixture);
}

static void pins_are_the_hypervisors_and_the_documents(void)
{
    Fixture *fixture = double_open(1);

    keep(fixture);
    g_assert_cmpint(pin(fixture, 1, 0x5, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG), ==, VIR_ERR_OK);
    g_assert_cmpint(pin(fixture, 0, 0x2, VIR_DOMAIN_AFFECT_CONFIG), ==, VIR_ERR_OK);
    g_assert_cmpuint(double_pins(double_of(fixture)), ==, 0x5);
    g_assert_true(document_has(fixture, VIR_DOMAIN_XML_INACTIVE,
                               "<vcpupin vcpu='0' cpuset='1'/>\n    <vcpupin vcpu='1' cpuset='0,2'/>"));
    g_assert_false(document_has(fixture, 0, "<vcpupin vcpu='0' cpuset='1'/>"));
    fixture_free(fixture);
}

static void pins_that_lead_nowhere_are_refused(void)
{
    Fixture *fixture = double_open(1);

    g_assert_cmpint(pin(fixture, 0, 0, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(pin(fixture, 0, 0x10, 0), ==, VIR_ERR_INVALID_ARG);    /* the host has four */
    g_assert_cmpint(pin(fixture, 2, 1, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpuint(double_pins(double_of(fixture)), ==, 0xf);
    fixture_free(fixture);
}

static void weights_are_set_with_credit_and_credit2(void)
{
    Fixture *fixture = double_open(1);

    g_assert_cmpint(set_share(fixture, "weight", 512, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(set_share(fixture, "cap", 150, 0), ==, VIR_ERR_OK);
    double_set_scheduler(double_of(fixture), XEN_CREDIT);
    g_assert_cmpint(set_share(fixture, "weight", 1024, 0), ==, VIR_ERR_OK);
    g_assert_cmpuint(double_share(double_of(fixture)).cap, ==, 150);
    g_assert_cmpint(get_weight(fixture, 0), ==, 1024);
    double_set_scheduler(double_of(fixture), XEN_RTDS);
    g_assert_cmpint(set_share(fixture, "weight", 512, 0), ==, VIR_ERR_OPERATION_UNSUPPORTED);
    g_assert_cmpint(get_weight(fixture, 0), ==, -1);
    fixture_free(fixture);
}

static void the_scheduler_is_that_of_the_pool_of_cpus_that_the_guest_is_in(void)
{
    Fixture *fixture = double_open(1);

    double_set_pool(double_of(fixture), 1, 3, XEN_CREDIT);
    g_assert_cmpstr(scheduler(fixture), ==, "credit");
    g_assert_cmpint(set_share(fixture, "weight", 512, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(get_weight(fixture, 0), ==, 512);
    double_set_pool(double_of(fixture), 1, 3, XEN_NULL);
    g_assert_cmpstr(scheduler(fixture), ==, "null");
    g_assert_cmpint(set_share(fixture, "weight", 256, 0), ==, VIR_ERR_OPERATION_UNSUPPORTED);
    fixture_free(fixture);
}

static void weights_out_of_range_and_strange_parameters_are_refused(void)
{
    Fixture *fixture = double_open(1);

    g_assert_cmpint(set_share(fixture, "weight", 0, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_share(fixture, "weight", 65536, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_share(fixture, "cap", 201, 0), ==, VIR_ERR_INVALID_ARG);    /* it has two virtual CPUs at most */
    g_assert_cmpint(set_share(fixture, "cpu_shares", 5, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpuint(double_share(double_of(fixture)).weight, ==, 256);
    fixture_free(fixture);
}

static void document_keeps_a_weight_and_refuses_a_cap(void)
{
    Fixture *fixture = double_open(1);

    keep(fixture);
    g_assert_cmpint(get_weight(fixture, VIR_DOMAIN_AFFECT_CONFIG), ==, 256);
    g_assert_cmpint(set_share(fixture, "weight", 700, VIR_DOMAIN_AFFECT_CONFIG), ==, VIR_ERR_OK);
    g_assert_cmpint(get_weight(fixture, VIR_DOMAIN_AFFECT_CONFIG), ==, 700);
    g_assert_cmpint(set_share(fixture, "cap", 50, VIR_DOMAIN_AFFECT_CONFIG), ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_cmpint(set_share(fixture, "weight", 1, VIR_DOMAIN_AFFECT_CONFIG), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(get_weight(fixture, 0), ==, 256);
    g_assert_true(document_has(fixture, VIR_DOMAIN_XML_INACTIVE, "<shares>700</shares>"));
    fixture_free(fixture);
}

static void domain_that_went_is_not_changed(void)
{
    Fixture *fixture = double_open(1);

    double_destroy(double_of(fixture), 1, false);
    double_create_silently(double_of(fixture), 1, 99, "innocent");
    g_assert_cmpint(set_memory(fixture, 32768, VIR_DOMAIN_AFFECT_LIVE), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpuint(double_find(double_of(fixture), 1)->memory, ==, 65536);
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-tune/" #test, test)
    ADD(vcpus_of_a_guest_are_at_most_what_it_was_built_with);
    ADD(vcpus_of_the_document_are_the_next_starts);
    ADD(memory_is_what_xen_allows);
    ADD(most_memory_is_never_below_what_a_guest_has);
    ADD(pins_are_the_hypervisors_and_the_documents);
    ADD(pins_that_lead_nowhere_are_refused);
    ADD(weights_are_set_with_credit_and_credit2);
    ADD(the_scheduler_is_that_of_the_pool_of_cpus_that_the_guest_is_in);
    ADD(weights_out_of_range_and_strange_parameters_are_refused);
    ADD(document_keeps_a_weight_and_refuses_a_cap);
    ADD(domain_that_went_is_not_changed);
    return g_test_run();
}
