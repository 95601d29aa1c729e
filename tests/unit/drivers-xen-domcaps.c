/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What clients are told of kinds of guests: by the machine that they ask for, and what is refused as no kind of ours. */
#include "xen-calls.h"

#include "conf/elements.h"
#include "drivers/xen/offer.h"

/* The document, the caller's; NULL: the call fails with `*code`. */
static char *asked(Fixture *fixture, const RemoteConnectGetDomainCapabilitiesArgs *args, int *code)
{
    RemoteConnectGetDomainCapabilitiesResult result = { .capabilities = NULL };
    FixtureCall call;
    char *text = NULL;
    int r;

    fixture_begin(fixture, &call, "connect.get_domain_capabilities", NULL);
    r = fixture->host.driver->connect_get_domain_capabilities(&call.op, args, &result);
    if (r == 0)
        text = g_strdup(result.capabilities);
    *code = fixture_end(&call, r);
    return text;
}

static bool has(Fixture *fixture, const char *machine, const char *text)
{
    const RemoteConnectGetDomainCapabilitiesArgs args = { .machine = machine };
    int code;
    g_autofree char *document = asked(fixture, &args, &code);

    g_assert_cmpint(code, ==, VIR_ERR_OK);
    return strstr(document, text) != NULL;
}

static int refused(Fixture *fixture, const RemoteConnectGetDomainCapabilitiesArgs *args)
{
    int code;
    g_autofree char *document = asked(fixture, args, &code);

    g_assert_null(document);
    return code;
}

static void the_usual_machine_is_paravirtual(void)
{
    Fixture *fixture = double_open(1);

    g_assert_true(has(fixture, NULL, "<machine>xenpv</machine>"));
    g_assert_true(has(fixture, NULL, "<vcpu max='512'/>"));
    g_assert_true(has(fixture, NULL, "<loader supported='no'/>"));
    g_assert_true(has(fixture, NULL, "<arch>x86_64</arch>"));
    fixture_free(fixture);
}

static void each_kind_tells_of_its_own(void)
{
    Fixture *fixture = double_open(1);

    g_assert_true(has(fixture, "xenfv", "<value>spice</value>"));
    g_assert_false(has(fixture, "xenpvh", "<value>spice</value>"));
    g_assert_true(has(fixture, "xenfv", "<genid supported='yes'/>"));
    g_assert_true(has(fixture, "xenpv", "<genid supported='no'/>"));
    g_assert_true(has(fixture, "xenpv", "<value>pci</value>"));
    g_assert_false(has(fixture, "xenpvh", "<value>pci</value>"));
    g_assert_true(has(fixture, "xenfv", "<vcpu max='128'/>"));
    fixture_free(fixture);
}

static void program_and_architecture_are_repeated(void)
{
    const RemoteConnectGetDomainCapabilitiesArgs args = {
        .emulatorbin = "/no/such<program>", .arch = "i686", .machine = "xenfv", .virttype = "xen",
    };
    Fixture *fixture = double_open(1);
    int code;
    g_autofree char *document = asked(fixture, &args, &code);

    g_assert_cmpint(code, ==, VIR_ERR_OK);
    g_assert_nonnull(strstr(document, "<path>/no/such&lt;program&gt;</path>"));
    g_assert_nonnull(strstr(document, "<arch>i686</arch>"));
    fixture_free(fixture);
}

static void what_is_no_kind_of_xens_is_refused(void)
{
    Fixture *fixture = double_open(1);

    g_assert_cmpint(refused(fixture, &(RemoteConnectGetDomainCapabilitiesArgs){ .virttype = "kvm" }), ==,
                    VIR_ERR_INVALID_ARG);
    g_assert_cmpint(refused(fixture, &(RemoteConnectGetDomainCapabilitiesArgs){ .virttype = "" }), ==,
                    VIR_ERR_INVALID_ARG);
    g_assert_cmpint(refused(fixture, &(RemoteConnectGetDomainCapabilitiesArgs){ .machine = "pc" }), ==,
                    VIR_ERR_INVALID_ARG);
    g_assert_cmpint(refused(fixture, &(RemoteConnectGetDomainCapabilitiesArgs){ .arch = "vax" }), ==,
                    VIR_ERR_INVALID_ARG);
    g_assert_cmpint(refused(fixture, &(RemoteConnectGetDomainCapabilitiesArgs){ .arch = "aarch64" }), ==,
                    VIR_ERR_INVALID_ARG);
    g_assert_cmpint(refused(fixture, &(RemoteConnectGetDomainCapabilitiesArgs){ .flags = 1 }), ==, VIR_ERR_INVALID_ARG);
    fixture_free(fixture);
}

static void values_beyond_the_table_are_not_offered(void)
{
    g_assert_true(offer_has(xen_offers[XEN_HVM].graphics, GRAPHICS_TYPE_SPICE));
    g_assert_false(offer_has(xen_offers[XEN_HVM].graphics, GRAPHICS_TYPE_RDP));
    g_assert_false(offer_has(~UINT64_C(0), 64));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/drivers-xen-domcaps/" #name, name)
    TEST(the_usual_machine_is_paravirtual);
    TEST(each_kind_tells_of_its_own);
    TEST(program_and_architecture_are_repeated);
    TEST(what_is_no_kind_of_xens_is_refused);
    TEST(values_beyond_the_table_are_not_offered);
    return g_test_run();
}
