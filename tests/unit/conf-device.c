/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/device.h promises: devices one at a time. */
#include "conf/device.h"

#include <string.h>

#define DISK(target, source) "<disk type='file' device='disk'><source file='" source "'/><target dev='" target "'/></disk>"
#define NIC(mac) "<interface type='bridge'><mac address='" mac "'/><source bridge='br0'/></interface>"
#define WITH(devices) \
    "<domain type='test'><name>x</name><uuid>11111111-2222-3333-4444-555555555555</uuid><memory>8192</memory>" \
    "<os><type>hvm</type></os><devices>" devices "</devices></domain>"

static const DomainRules rules = { .default_arch = "i686" };

static DomainConfig *parse(const char *document)
{
    Error error = ERROR_INIT;
    g_autoptr(DomainConfig) config = domain_config_parse(document, strlen(document), &rules, 0, &error);
    DomainConfig *copy;

    g_assert_cmpstr(error.message, ==, NULL);
    copy = domain_config_copy(config);
    return copy;
}

static int change(DomainConfig *config, DeviceChange kind, const char *document, unsigned flags, int code)
{
    Error error = ERROR_INIT;
    int rc = domain_config_change_device(config, kind, document, strlen(document), &rules, flags, &error);

    g_test_message("%s", error.message ? error.message : "no error");
    g_assert_cmpint(error.code, ==, code);
    error_clear(&error);
    return rc;
}

static char *after(const char *before, DeviceChange kind, const char *document)
{
    g_autoptr(DomainConfig) config = parse(before);

    g_assert_cmpint(change(config, kind, document, 0, VIR_ERR_OK), ==, 0);
    return domain_config_format(config, -1, DOMAIN_FORMAT_SECURE | DOMAIN_FORMAT_INACTIVE);
}

static void assert_same_as(const char *before, DeviceChange kind, const char *device, const char *expected)
{
    g_autofree char *changed = after(before, kind, device);
    g_autoptr(DomainConfig) config = parse(expected);
    g_autofree char *wanted = domain_config_format(config, -1, DOMAIN_FORMAT_SECURE | DOMAIN_FORMAT_INACTIVE);

    g_assert_cmpstr(changed, ==, wanted);
}

static void assert_refused(const char *before, DeviceChange kind, const char *device, unsigned flags, int code)
{
    g_autoptr(DomainConfig) config = parse(before);

    g_assert_cmpint(change(config, kind, device, flags, code), ==, -1);
}

static void an_attached_device_is_as_if_it_had_been_there(void)
{
    assert_same_as(WITH(DISK("vda", "/a")), DEVICE_ATTACH, DISK("vdb", "/b"), WITH(DISK("vda", "/a") DISK("vdb", "/b")));
    assert_same_as(WITH(DISK("vdb", "/b")), DEVICE_ATTACH, DISK("vda", "/a"), WITH(DISK("vdb", "/b") DISK("vda", "/a")));
    assert_same_as(WITH(""), DEVICE_ATTACH, DISK("sda", "/a"), WITH(DISK("sda", "/a")));
    assert_same_as(WITH(""), DEVICE_ATTACH, "<watchdog model='i6300esb'/>", WITH("<watchdog model='i6300esb'/>"));
}

static void what_is_there_cannot_come_again(void)
{
    assert_refused(WITH(DISK("vda", "/a")), DEVICE_ATTACH, DISK("vda", "/b"), 0, VIR_ERR_OPERATION_INVALID);
    assert_refused(WITH("<iommu model='intel'/>"), DEVICE_ATTACH, "<iommu model='virtio'/>", 0, VIR_ERR_OPERATION_INVALID);
}

static void a_bad_device_is_refused_as_in_a_document(void)
{
    assert_refused(WITH(""), DEVICE_ATTACH, "<disk type='file'/>", 0, VIR_ERR_NO_TARGET);
    assert_refused(WITH(""), DEVICE_ATTACH, "<toaster/>", 0, VIR_ERR_XML_ERROR);
    assert_refused(WITH(""), DEVICE_ATTACH, "<disk", 0, VIR_ERR_XML_DETAIL);
    assert_refused(WITH(""), DEVICE_ATTACH, "<emulator>/bin/true</emulator>", 0, VIR_ERR_XML_ERROR);
}

static void a_disk_is_known_by_its_target(void)
{
    assert_same_as(WITH(DISK("vda", "/a") DISK("vdb", "/b")), DEVICE_DETACH, DISK("vda", "/other"), WITH(DISK("vdb", "/b")));
    assert_refused(WITH(DISK("vda", "/a")), DEVICE_DETACH, DISK("vdb", "/a"), 0, VIR_ERR_DEVICE_MISSING);
}

static void an_interface_is_known_by_its_mac_address(void)
{
    assert_same_as(WITH(NIC("52:54:00:00:00:01") NIC("52:54:00:00:00:02")), DEVICE_DETACH, NIC("52:54:00:00:00:02"),
                   WITH(NIC("52:54:00:00:00:01")));
    assert_refused(WITH(NIC("52:54:00:00:00:01")), DEVICE_DETACH, NIC("52:54:00:00:00:09"), 0, VIR_ERR_DEVICE_MISSING);
}

static void a_device_that_is_meant_must_be_one(void)
{
    assert_refused(WITH(NIC("52:54:00:00:00:01") NIC("52:54:00:00:00:01")), DEVICE_DETACH, NIC("52:54:00:00:00:01"), 0,
                   VIR_ERR_OPERATION_FAILED);
}

static void other_devices_are_compared_as_a_whole(void)
{
    const char *both = WITH("<rng model='virtio'><backend model='random'>/dev/random</backend></rng>"
                            "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>");

    assert_same_as(both, DEVICE_DETACH, "<rng model='virtio'><backend model='random'>/dev/random</backend></rng>",
                   WITH("<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"));
    assert_refused(both, DEVICE_DETACH, "<rng model='virtio'><backend model='builtin'/></rng>", 0, VIR_ERR_DEVICE_MISSING);
}

static void a_character_device_is_known_by_what_it_is_connected_to(void)
{
    const char *ports = WITH("<serial type='file'><source path='/a'/></serial><serial type='file'><source path='/b'/></serial>");
    const char *names = WITH("<channel type='pty'><target type='virtio' name='a'/></channel>"
                             "<channel type='pty'><target type='virtio' name='b'/></channel>");

    assert_same_as(ports, DEVICE_DETACH, "<serial type='file'><source path='/b'/></serial>",
                   WITH("<serial type='file'><source path='/a'/></serial>"));
    assert_refused(ports, DEVICE_DETACH, "<serial type='file'><source path='/c'/></serial>", 0, VIR_ERR_DEVICE_MISSING);
    assert_same_as(names, DEVICE_DETACH, "<channel type='pty'><target type='virtio' name='b'/></channel>",
                   WITH("<channel type='pty'><target type='virtio' name='a'/></channel>"));
    assert_same_as(WITH("<console type='pty'><target type='virtio'/></console>"), DEVICE_DETACH,
                   "<console type='pty'><target type='virtio'/></console>",
                   WITH("<controller type='virtio-serial' index='0'/>"));
}

static void what_a_document_leaves_open_is_no_difference(void)
{
    assert_same_as(WITH("<video><model type='vga' vram='16384' heads='1'/></video><video><model type='qxl'/></video>"),
                   DEVICE_DETACH, "<video><driver/><model type='qxl'/></video>",
                   WITH("<video><model type='vga' vram='16384' heads='1'/></video>"));
    assert_same_as(WITH("<video><model type='none'/></video>"), DEVICE_DETACH, "<video><model type='none'/></video>",
                   WITH(""));
    assert_same_as(WITH("<tpm><backend type='external'><source type='unix' path='/s'><reconnect enabled='no'/></source>"
                        "</backend></tpm>"),
                   DEVICE_DETACH, "<tpm><backend type='external'><source type='unix' path='/s'/></backend></tpm>", WITH(""));
}

static void an_update_replaces_the_device_in_its_place(void)
{
    assert_same_as(WITH(DISK("vda", "/a") DISK("vdb", "/b")), DEVICE_UPDATE, DISK("vda", "/new"),
                   WITH(DISK("vda", "/new") DISK("vdb", "/b")));
    assert_refused(WITH(""), DEVICE_UPDATE, DISK("vda", "/new"), 0, VIR_ERR_DEVICE_MISSING);
}

static void what_a_running_guest_sees_stays(void)
{
    const char *before = WITH("<graphics type='vnc' port='5901' passwd='a'/>" DISK("vda", "/a"));

    assert_refused(before, DEVICE_UPDATE, "<disk type='file' device='disk'><source file='/a'/><target dev='vda'/>"
                   "<serial>other</serial></disk>", DOMAIN_PARSE_LIVE, VIR_ERR_OPERATION_UNSUPPORTED);
    {
        g_autoptr(DomainConfig) config = parse(before);

        g_assert_cmpint(change(config, DEVICE_UPDATE, DISK("vda", "/b"), DOMAIN_PARSE_LIVE, VIR_ERR_OK), ==, 0);
    }
}

static void an_alias_names_one_device(void)
{
    g_autoptr(DomainConfig) config = parse(WITH("<disk type='file'><source file='/a'/><target dev='vda'/>"
                                                "<alias name='ua-root'/></disk>" DISK("vdb", "/b")));
    Error error = ERROR_INIT;

    g_assert_cmpint(domain_config_detach_alias(config, "ua-root", &error), ==, 0);
    g_assert_cmpuint(config->devices.n_disks, ==, 1);
    g_assert_cmpint(domain_config_detach_alias(config, "ua-root", &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_DEVICE_MISSING);
    error_clear(&error);
}

#define TEST(name) g_test_add_func("/conf/device/" #name, name)

/* The first console of a whole machine is its first serial port by another name: both go, and don't come again. */
static void a_serial_port_goes_with_its_console(void)
{
    static const char port[] = "<serial type='pty'><target port='0'/></serial>";
    static const char console[] = "<console type='pty'><target type='serial' port='0'/></console>";
    static const char second[] = "<serial type='file'><source path='/log'/><target port='1'/></serial>";
    g_autofree char *with_two = g_strdup_printf(WITH("%s%s"), port, second);
    g_autofree char *left = NULL;
    g_autoptr(DomainConfig) named = parse(WITH("<serial type='pty'><alias name='ua-one'/></serial>"));
    Error error = ERROR_INIT;

    assert_same_as(WITH("<serial type='pty'><target port='0'/></serial>"), DEVICE_DETACH, port, WITH(""));
    assert_same_as(WITH("<serial type='pty'><target port='0'/></serial>"), DEVICE_DETACH, console, WITH(""));
    left = after(with_two, DEVICE_DETACH, port);
    g_assert_null(strstr(left, "type='pty'"));
    g_assert_nonnull(strstr(left, "<console type='file'>"));
    g_assert_cmpint(domain_config_detach_alias(named, "ua-one", &error), ==, 0);
    g_assert_cmpuint(named->devices.n_serials + named->devices.n_consoles, ==, 0);
}

/* A guest with a screen has a card for it, a disk has its controller. */
static void what_would_come_again_cannot_go(void)
{
    static const char card[] = "<video><model type='cirrus'/></video>";

    assert_refused(WITH("<graphics type='vnc'/><video><model type='cirrus'/></video>"), DEVICE_DETACH, card, 0,
                   VIR_ERR_OPERATION_FAILED);
    assert_refused(WITH(DISK("hda", "/a")), DEVICE_DETACH, "<controller type='ide' index='0'/>", 0,
                   VIR_ERR_OPERATION_FAILED);
    assert_same_as(WITH("<video><model type='cirrus'/></video>"), DEVICE_DETACH, card, WITH(""));
}

#define MODULE(size) \
    "<memory model='dimm'><target><size unit='KiB'>" size "</size><node>0</node></target></memory>"
#define WITH_MEMORY(total, current, devices) \
    "<domain type='test'><name>x</name><uuid>11111111-2222-3333-4444-555555555555</uuid>" \
    "<maxMemory slots='4'>8388608</maxMemory><memory>" total "</memory><currentMemory>" current "</currentMemory>" \
    "<os><type>hvm</type></os><cpu><numa><cell id='0' cpus='0' memory='1048576'/></numa></cpu>" \
    "<devices>" devices "</devices></domain>"

static void the_memory_has_what_its_modules_have(void)
{
    assert_same_as(WITH_MEMORY("1048576", "1048576", ""), DEVICE_ATTACH, MODULE("524288"),
                   WITH_MEMORY("1572864", "1048576", MODULE("524288")));
    assert_same_as(WITH_MEMORY("1572864", "1572864", MODULE("524288")), DEVICE_DETACH, MODULE("524288"),
                   WITH_MEMORY("1048576", "1048576", ""));
    assert_refused(WITH_MEMORY("1048576", "1048576", ""), DEVICE_ATTACH, MODULE("8388608"), 0, VIR_ERR_XML_ERROR);
    assert_refused(WITH(""), DEVICE_ATTACH, MODULE("9007199254740991"), 0, VIR_ERR_OVERFLOW);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(an_attached_device_is_as_if_it_had_been_there);
    TEST(what_is_there_cannot_come_again);
    TEST(a_bad_device_is_refused_as_in_a_document);
    TEST(a_disk_is_known_by_its_target);
    TEST(an_interface_is_known_by_its_mac_address);
    TEST(a_device_that_is_meant_must_be_one);
    TEST(other_devices_are_compared_as_a_whole);
    TEST(a_character_device_is_known_by_what_it_is_connected_to);
    TEST(what_a_document_leaves_open_is_no_difference);
    TEST(an_update_replaces_the_device_in_its_place);
    TEST(what_a_running_guest_sees_stays);
    TEST(an_alias_names_one_device);
    TEST(a_serial_port_goes_with_its_console);
    TEST(what_would_come_again_cannot_go);
    TEST(the_memory_has_what_its_modules_have);
    return g_test_run();
}
