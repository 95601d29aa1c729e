/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/rules promises to drivers and to a running guest; what libvirt's documents become is compared as a whole
 * in tests/documents. One thread. */
#include "conf/rules/rules.h"

#include <string.h>

#include "conf/config.h"
#include "conf/device-walk.h"

#define HEAD "<domain type='test'><name>x</name><uuid>11111111-2222-3333-4444-555555555555</uuid>" \
             "<memory>8192</memory><os><type>hvm</type></os><devices>"
#define TAIL "</devices></domain>"
#define DOCUMENT(devices) HEAD devices TAIL
#define DEFINED (DOMAIN_FORMAT_SECURE | DOMAIN_FORMAT_INACTIVE)

static const DomainRules plain = { .default_arch = "x86_64" };

static DomainConfig *parse(const char *document, const DomainRules *rules, unsigned flags)
{
    Error error = ERROR_INIT;
    DomainConfig *config = domain_config_parse(document, strlen(document), rules, flags, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    return config;
}

/* --- what a driver asks for -------------------------------------------------------------------- */

static void interfaces_are_named_when_the_driver_has_a_prefix(void)
{
    static const char document[] = DOCUMENT("<interface type='user'><target dev='tap1'/></interface>"
                                            "<interface type='user'/><interface type='user'/>");
    const DomainRules named = { .default_arch = "x86_64", .interface_prefix = "tap" };
    g_autoptr(DomainConfig) without = parse(document, &plain, 0);
    g_autoptr(DomainConfig) with = parse(document, &named, 0);

    g_assert_null(without->devices.interfaces[1]->target.dev);
    g_assert_cmpstr(with->devices.interfaces[0]->target.dev, ==, "tap1");
    g_assert_cmpstr(with->devices.interfaces[1]->target.dev, ==, "tap0");
    g_assert_cmpstr(with->devices.interfaces[2]->target.dev, ==, "tap2");
}

static VideoType virtio_video(const DomainConfig *config)
{
    return config->os.type.arch == ARCH_X86_64 ? VIDEO_TYPE_VIRTIO : VIDEO_TYPE_VGA;
}

static void the_driver_may_have_another_usual_graphics_card(void)
{
    static const char document[] = DOCUMENT("<video/>");
    const DomainRules modern = { .default_arch = "x86_64", .usual_video = virtio_video };
    g_autoptr(DomainConfig) usual = parse(document, &plain, 0);
    g_autoptr(DomainConfig) other = parse(document, &modern, 0);

    g_assert_cmpint(usual->devices.videos[0]->model.type, ==, VIDEO_TYPE_CIRRUS);
    g_assert_cmpint(other->devices.videos[0]->model.type, ==, VIDEO_TYPE_VIRTIO);
}

/* --- documents that are read again ------------------------------------------------------------- */

/* Controllers in an order that a document of a client would lose, a console whose number is not its place. */
static const char unordered[] = DOCUMENT(
    "<disk type='file'><source file='/a'/><target dev='sdb' bus='sata'/></disk>"
    "<controller type='virtio-serial' index='1'/>"
    "<controller type='pci' index='0' model='pci-root'/>"
    "<channel type='pty'><target type='virtio' name='c'/><address type='virtio-serial' controller='0'/></channel>"
    "<serial type='pty'/>"
    "<console type='pty'><target type='virtio'/></console>"
    "<interface type='user'/>");

static void a_stored_document_stays_as_it_is(void)
{
    g_autoptr(DomainConfig) config = parse(unordered, &plain, 0);
    g_autofree char *text = domain_config_format(config, -1, DEFINED);
    g_autoptr(DomainConfig) again = parse(text, &plain, DOMAIN_PARSE_STORED);
    g_autofree char *same = domain_config_format(again, -1, DEFINED);

    g_assert_cmpint(config->devices.n_consoles, ==, 2);
    g_assert_cmpint(config->devices.consoles[1]->target.port, ==, 0);
    g_assert_cmpstr(text, ==, same);
}

/* Rules run again whenever a device comes or goes. */
static void rules_that_run_again_add_nothing(void)
{
    g_autoptr(DomainConfig) config = parse(unordered, &plain, 0);
    g_autoptr(DomainConfig) copy = domain_config_copy(config);
    Error error = ERROR_INIT;
    DomainCheck check = { .arena = domain_config_arena(copy), .error = &error, .rules = &plain };

    for (int i = 0; i < 2; i++)
        g_assert_cmpint(domain_rules_run(copy, &check), ==, 0);
    g_assert_cmpint(copy->devices.n_controllers, ==, config->devices.n_controllers);
    g_assert_cmpint(copy->devices.n_consoles, ==, config->devices.n_consoles);
    g_assert_cmpint(copy->devices.n_serials, ==, config->devices.n_serials);
    g_assert_cmpint(copy->os.n_boots, ==, config->os.n_boots);
}

/* --- what a running guest sees ----------------------------------------------------------------- */

static void assert_goes_on(const char *from, const char *to, bool expected)
{
    g_autoptr(DomainConfig) before = parse(from, &plain, 0);
    g_autoptr(DomainConfig) after = parse(to, &plain, 0);
    Error error = ERROR_INIT;

    g_assert_cmpint(domain_config_check_abi(before, after, &error), ==, expected ? 0 : -1);
    g_assert_cmpint(error.code, ==, expected ? VIR_ERR_OK : VIR_ERR_CONFIG_UNSUPPORTED);
    error_clear(&error);
}

#define NVME(slot) \
    DOCUMENT("<disk type='nvme'><source type='pci' namespace='1'><address domain='0' bus='1' slot='" slot "' function='0'/>" \
             "</source><target dev='vda' bus='virtio'/></disk>")
#define ROTATION(rate) \
    DOCUMENT("<disk type='file'><source file='/a'/><target dev='sda' bus='sata' rotation_rate='" rate "'/></disk>")
#define TPM(version) \
    DOCUMENT("<tpm model='tpm-crb'><backend type='emulator' version='" version "'/></tpm>")
#define CARD "<sound model='ac97'/>"

static void places_of_the_host_may_change_under_a_guest(void)
{
    assert_goes_on(NVME("1"), NVME("2"), true);
    assert_goes_on(DOCUMENT("<nvram/>"), DOCUMENT(""), true);
}

static void what_the_guest_sees_may_not_change(void)
{
    assert_goes_on(ROTATION("1"), ROTATION("1"), true);
    assert_goes_on(ROTATION("1"), ROTATION("7200"), false);
    assert_goes_on(TPM("1.2"), TPM("2.0"), false);
    assert_goes_on(DOCUMENT(CARD), DOCUMENT(CARD CARD), false);
}

/* --- all devices ------------------------------------------------------------------------------- */

static void a_walk_meets_every_device_that_can_have_an_address(void)
{
    g_autoptr(DomainConfig) config = parse(
        DOCUMENT("<disk><source file='/a'/><target dev='vda'/></disk><disk><source file='/b'/><target dev='vdb'/></disk>"
                 "<lease><lockspace>l</lockspace><key>k</key><target path='/p'/></lease>" CARD
                 "<audio id='1' type='none'/><memballoon model='virtio'/>"), &plain, 0);
    DeviceWalk walk = { .devices = &config->devices };
    g_autoptr(GString) met = g_string_new("");

    while (device_walk_next(&walk)) {
        g_assert_nonnull(walk.info);
        g_string_append_printf(met, "%s ", walk.element);
    }
    g_assert_cmpstr(met->str, ==, "disk disk sound memballoon ");
    g_assert_true(walk.info == NULL);
}

#define TEST(name) g_test_add_func("/conf/rules/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(interfaces_are_named_when_the_driver_has_a_prefix);
    TEST(the_driver_may_have_another_usual_graphics_card);
    TEST(a_stored_document_stays_as_it_is);
    TEST(rules_that_run_again_add_nothing);
    TEST(places_of_the_host_may_change_under_a_guest);
    TEST(what_the_guest_sees_may_not_change);
    TEST(a_walk_meets_every_device_that_can_have_an_address);
    return g_test_run();
}
