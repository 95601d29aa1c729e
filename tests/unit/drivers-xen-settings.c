/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings of devices that Xen has no word for: which are refused, and which the log tells of. */
#include <glib.h>
#include <string.h>

#include "drivers/xen/settings.h"
#include "drivers/xen/xen.h"

#define DOCUMENT                                                                                \
    "<domain type='xen'><name>a</name><memory>65536</memory><os><type arch='x86_64' machine='xenfv'>hvm</type></os>" \
    "<devices>%s</devices></domain>"

static DomainConfig *parse(const char *devices)
{
    g_autofree char *document = g_strdup_printf(DOCUMENT, devices);
    Error error = ERROR_INIT;
    DomainConfig *config = domain_config_parse(document, strlen(document), &xen_domain_rules, 0, &error);

    if (!config)
        g_error("%s: %s", devices, error.message);
    return config;
}

#define DISK(attributes, inside)                                                                \
    "<disk type='file' device='disk'><driver name='qemu' type='raw' " attributes "/><source file='/a'/>" \
    "<target dev='xvda' bus='xen'/>" inside "</disk>"

static void expect_disk(const char *devices, const char *refused)
{
    g_autoptr(DomainConfig) config = parse(devices);

    g_assert_cmpstr(setting_refused_disk(config->devices.disks[0]), ==, refused);
}

static void what_a_guest_sees_of_a_disk_is_refused(void)
{
    expect_disk(DISK("", ""), NULL);
    expect_disk(DISK("", "<serial>S1</serial>"), NULL);
    expect_disk(DISK("", "<wwn>5000c50015ea71ac</wwn>"), "<wwn>");
    expect_disk(DISK("", "<blockio logical_block_size='4096'/>"), "<blockio>");
    expect_disk(DISK("error_policy='stop'", ""), "error_policy");
    expect_disk(DISK("error_policy='report'", ""), NULL);
    expect_disk(DISK("copy_on_read='on'", ""), "copy_on_read='on'");
}

static void a_disk_that_guests_share_is_one_that_none_writes(void)
{
    expect_disk(DISK("", "<shareable/>"), "<shareable/> without <readonly/>");
    expect_disk(DISK("", "<readonly/><shareable/>"), NULL);
}

static void a_disk_that_may_be_missing_is_refused(void)
{
#define POLICY(policy)                                                                          \
    "<disk type='file' device='cdrom'><source file='/a' startupPolicy='" policy "'/><target dev='hdc'/></disk>"
    expect_disk(POLICY("optional"), "startupPolicy");
    expect_disk(POLICY("mandatory"), NULL);
}

#define INTERFACE(inside) "<interface type='bridge'><mac address='00:16:3e:00:00:01'/><source bridge='b'/>" inside "</interface>"

static void expect_interface(const char *devices, const char *refused)
{
    g_autoptr(DomainConfig) config = parse(devices);

    g_assert_cmpstr(setting_refused_interface(config->devices.interfaces[0]), ==, refused);
}

static void what_an_owner_misses_of_an_interface_is_refused(void)
{
    expect_interface(INTERFACE(""), NULL);
    expect_interface(INTERFACE("<downscript path='/bin/true'/>"), "<downscript>");
    expect_interface(INTERFACE("<port isolated='yes'/>"), "<port isolated='yes'>");
    expect_interface(INTERFACE("<port isolated='no'/>"), NULL);
}

static void expect_screen(const char *devices, const char *refused)
{
    g_autoptr(DomainConfig) config = parse(devices);

    g_assert_cmpstr(setting_refused_graphics(config->devices.graphics[0]), ==, refused);
}

static void what_keeps_others_from_a_screen_is_refused(void)
{
    expect_screen("<graphics type='vnc' port='5901'/>", NULL);
    expect_screen("<graphics type='vnc' port='5901' sharePolicy='force-shared'/>", "sharePolicy");
    expect_screen("<graphics type='spice' port='5901'><filetransfer enable='no'/></graphics>", "<filetransfer enable='no'>");
    expect_screen("<graphics type='spice' port='5901'><filetransfer enable='yes'/></graphics>", NULL);
}

static void expect_passed_over(const char *devices, const char *expected)
{
    g_autoptr(DomainConfig) config = parse(devices);
    g_autofree char *text = settings_passed_over(config);

    g_assert_cmpstr(text, ==, expected);
}

static void tuning_is_passed_over_and_named(void)
{
    expect_passed_over(DISK("", ""), NULL);
    expect_passed_over(DISK("", "<serial>S1</serial>"), "disk xvda: <serial>");
    expect_passed_over(DISK("cache='none' io='native'", "") INTERFACE("<tune><sndbuf>1</sndbuf></tune>"),
                       "disk xvda: cache, io; interface 00:16:3e:00:00:01: <tune>");
    expect_passed_over("<graphics type='spice' port='5901'><zlib compression='always'/></graphics>",
                       "graphics spice: <zlib>");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/drivers-xen-settings/" #name, name)
    TEST(what_a_guest_sees_of_a_disk_is_refused);
    TEST(a_disk_that_guests_share_is_one_that_none_writes);
    TEST(a_disk_that_may_be_missing_is_refused);
    TEST(what_an_owner_misses_of_an_interface_is_refused);
    TEST(what_keeps_others_from_a_screen_is_refused);
    TEST(tuning_is_passed_over_and_named);
    return g_test_run();
}
