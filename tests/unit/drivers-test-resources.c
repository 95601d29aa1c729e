/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors and memory of the test driver's machines, live and in their documents. */
#include <libvirt/libvirt.h>

#include "drivers-fixture.h"
#include "drivers/test/driver.h"

static Fixture *with_running(void)
{
    g_autofree char *document = fixture_document("vm", 1, NULL);
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_define(fixture, document), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_start(fixture, "vm", 0), ==, VIR_ERR_OK);
    return fixture;
}

static int set_vcpus(Fixture *fixture, uint32_t n, uint32_t flags)
{
    const RemoteDomainSetVcpusFlagsArgs args = { .nvcpus = n, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.set_vcpus_flags", "vm", domain_set_vcpus_flags, &args);
}

static int set_memory(Fixture *fixture, uint64_t memory, uint32_t flags)
{
    const RemoteDomainSetMemoryFlagsArgs args = { .memory = memory, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.set_memory_flags", "vm", domain_set_memory_flags, &args);
}

/* "live/config", processors now and at the next start; static storage. */
static const char *vcpus(Fixture *fixture)
{
    g_autoptr(DomainView) view = domain_list_view_by_name(fixture->host.domains, "vm");
    g_autofree char *text = g_strdup_printf("%u/%u of %u/%u", view->vcpus, domain_config_vcpus(view->persistent_config),
                                            view->max_vcpus, domain_config_max_vcpus(view->persistent_config));

    return g_intern_string(text);
}

static uint64_t live_memory(Fixture *fixture)
{
    g_autoptr(DomainView) view = domain_list_view_by_name(fixture->host.domains, "vm");

    return view->memory;
}

static void live_processors_change_without_the_document(void)
{
    Fixture *fixture = with_running();

    g_assert_cmpint(set_vcpus(fixture, 1, VIR_DOMAIN_AFFECT_LIVE), ==, VIR_ERR_OK);
    g_assert_cmpstr(vcpus(fixture), ==, "1/2 of 2/2");
    g_assert_cmpint(fixture_destroy(fixture, "vm"), ==, VIR_ERR_OK);
    g_assert_cmpstr(vcpus(fixture), ==, "2/2 of 2/2");
    fixture_free(fixture);
}

static void the_most_processors_belong_to_the_document(void)
{
    Fixture *fixture = with_running();

    g_assert_cmpint(set_vcpus(fixture, 8, VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM), ==, VIR_ERR_OK);
    g_assert_cmpstr(vcpus(fixture), ==, "2/2 of 2/8");
    g_assert_cmpint(set_vcpus(fixture, 8, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_VCPU_MAXIMUM), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_vcpus(fixture, 1000, VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM), ==,
                    VIR_ERR_INVALID_ARG);
    fixture_free(fixture);
}

static void both_documents_change_or_neither(void)
{
    Fixture *fixture = with_running();
    const uint32_t both = VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG;

    g_assert_cmpint(set_vcpus(fixture, 1, VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM), ==, VIR_ERR_OK);
    g_assert_cmpint(set_vcpus(fixture, 2, both), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpstr(vcpus(fixture), ==, "2/1 of 2/1");
    g_assert_cmpint(set_vcpus(fixture, 1, both), ==, VIR_ERR_OK);
    g_assert_cmpstr(vcpus(fixture), ==, "1/1 of 2/1");
    fixture_free(fixture);
}

static void amounts_that_can_not_be_are_refused(void)
{
    Fixture *fixture = with_running();

    g_assert_cmpint(set_vcpus(fixture, 0, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_vcpus(fixture, 3, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_memory(fixture, 0, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_memory(fixture, UINT64_MAX, 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_memory(fixture, 1048577, 0), ==, VIR_ERR_INVALID_ARG);
    fixture_free(fixture);
}

static void memory_moves_below_its_maximum(void)
{
    Fixture *fixture = with_running();

    g_assert_cmpint(set_memory(fixture, 4096, VIR_DOMAIN_AFFECT_LIVE), ==, VIR_ERR_OK);
    g_assert_cmpuint(live_memory(fixture), ==, 4096);
    g_assert_cmpint(set_memory(fixture, 8192, VIR_DOMAIN_MEM_MAXIMUM), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(fixture_destroy(fixture, "vm"), ==, VIR_ERR_OK);
    g_assert_cmpint(set_memory(fixture, 8192, VIR_DOMAIN_MEM_MAXIMUM), ==, VIR_ERR_OK);
    g_assert_cmpuint(live_memory(fixture), ==, 8192);
    g_assert_cmpint(set_memory(fixture, 4096, VIR_DOMAIN_AFFECT_LIVE), ==, VIR_ERR_OPERATION_INVALID);
    fixture_free(fixture);
}

static int get_vcpus(Fixture *fixture, int maxinfo, int maplen, RemoteDomainGetVcpusResult *result)
{
    const RemoteDomainGetVcpusArgs args = { .maxinfo = maxinfo, .maplen = maplen };

    return FIXTURE_CALL(fixture, "domain.get_vcpus", "vm", domain_get_vcpus, &args, result);
}

static void maps_are_as_long_as_asked(void)
{
    RemoteDomainGetVcpusResult result = { .n_info = 0 };
    Fixture *fixture = with_running();

    g_assert_cmpint(get_vcpus(fixture, 5, 2, &result), ==, VIR_ERR_OK);
    g_assert_cmpuint(result.n_info, ==, 2);
    g_assert_cmpuint(result.cpumaps.size, ==, 10);
    g_assert_cmpint(get_vcpus(fixture, -1, 2, &result), ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_cmpint(get_vcpus(fixture, 16384, INT32_MAX, &result), ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_cmpint(fixture_destroy(fixture, "vm"), ==, VIR_ERR_OK);
    g_assert_cmpint(get_vcpus(fixture, 5, 2, &result), ==, VIR_ERR_OPERATION_INVALID);
    fixture_free(fixture);
}

/* Else the definition would be refused when its host is opened the next time. */
static void the_most_memory_is_never_less_than_the_modules_have(void)
{
    static const char with_module[] =
        "<domain type='test'><name>vm</name><uuid>00000000-0000-4000-8000-000000000009</uuid>"
        "<memory unit='MiB'>1536</memory><maxMemory slots='4' unit='MiB'>4096</maxMemory><vcpu>2</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os>"
        "<cpu><numa><cell id='0' cpus='0-1' memory='1024' unit='MiB'/></numa></cpu>"
        "<devices><memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory></devices>"
        "</domain>";
    const uint32_t most = VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_MEM_MAXIMUM;
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_define(fixture, with_module), ==, VIR_ERR_OK);
    g_assert_cmpint(set_memory(fixture, 2048 << 10, most), ==, VIR_ERR_OK);
    g_assert_cmpint(set_memory(fixture, 256 << 10, most), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpint(set_memory(fixture, 512 << 10, most), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpuint(live_memory(fixture), ==, 1536 << 10);
    fixture_free(fixture);
}

static void the_most_processors_are_never_less_than_a_scheduler_is_for(void)
{
    static const char with_scheduler[] =
        "<domain type='test'><name>vm</name><uuid>00000000-0000-4000-8000-000000000009</uuid>"
        "<memory unit='MiB'>512</memory><vcpu>4</vcpu><os><type arch='x86_64'>hvm</type></os>"
        "<cputune><vcpusched vcpus='3' scheduler='batch'/></cputune></domain>";
    const uint32_t most = VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM;
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_define(fixture, with_scheduler), ==, VIR_ERR_OK);
    g_assert_cmpint(set_vcpus(fixture, 3, most), ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_cmpint(set_vcpus(fixture, 5, most), ==, VIR_ERR_OK);
    g_assert_cmpstr(vcpus(fixture), ==, "4/4 of 5/5");
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/drivers/test/resources/" #claim, claim)
    ADD(live_processors_change_without_the_document);
    ADD(the_most_processors_belong_to_the_document);
    ADD(both_documents_change_or_neither);
    ADD(amounts_that_can_not_be_are_refused);
    ADD(memory_moves_below_its_maximum);
    ADD(maps_are_as_long_as_asked);
    ADD(the_most_memory_is_never_less_than_the_modules_have);
    ADD(the_most_processors_are_never_less_than_a_scheduler_is_for);
    return g_test_run();
}
