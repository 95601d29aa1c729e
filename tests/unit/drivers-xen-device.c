/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that come and go: what Xen is asked, what the documents say then, and what becomes of a failure. */
#include "xen-calls.h"

#include <errno.h>

#define DISK(dev, file) "<disk type='file'><source file='" file "'/><target dev='" dev "' bus='xen'/></disk>"
#define INTERFACE(last) "<interface type='bridge'><mac address='00:16:3e:00:00:" last "'/><source bridge='b'/></interface>"

static int attach(Fixture *fixture, const char *name, const char *xml, unsigned flags)
{
    const RemoteDomainAttachDeviceFlagsArgs args = { .xml = (char *)(uintptr_t)xml, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.attach_device_flags", name, domain_attach_device_flags, &args);
}

static int detach(Fixture *fixture, const char *name, const char *xml, unsigned flags)
{
    const RemoteDomainDetachDeviceFlagsArgs args = { .xml = (char *)(uintptr_t)xml, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.detach_device_flags", name, domain_detach_device_flags, &args);
}

static int update(Fixture *fixture, const char *name, const char *xml, unsigned flags)
{
    const RemoteDomainUpdateDeviceFlagsArgs args = { .xml = (char *)(uintptr_t)xml, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.update_device_flags", name, domain_update_device_flags, &args);
}

static bool document_has(Fixture *fixture, const char *name, const char *text)
{
    g_autofree char *xml = fixture_xml(fixture, name, 0);

    return strstr(xml, text) != NULL;
}

static void attached_disk_is_asked_for_published_and_told(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvdb", "/b"), VIR_DOMAIN_AFFECT_LIVE), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_devices(double_of(fixture)), ==, "attach 2 disk xvdb\n");
    g_assert_true(document_has(fixture, "guest-00002", "xvdb"));
    g_assert_cmpstr(fixture_events(fixture), ==, "added guest-00002 2 xvdb\n");
    fixture_free(fixture);
}

static void only_the_new_one_of_several_is_asked_for(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvdb", "/b"), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvda", "/a"), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(attach(fixture, "guest-00002", INTERFACE("07"), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(attach(fixture, "guest-00002", INTERFACE("08"), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(detach(fixture, "guest-00002", INTERFACE("07"), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(detach(fixture, "guest-00002", DISK("xvdb", "/b"), 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_devices(double_of(fixture)), ==,
                    "attach 2 disk xvdb\nattach 2 disk xvda\nattach 2 other 07\nattach 2 other 08\n"
                    "detach 2 other 07\ndetach 2 disk xvdb\n");
    g_assert_true(document_has(fixture, "guest-00002", "xvda"));
    g_assert_false(document_has(fixture, "guest-00002", "xvdb"));
    fixture_free(fixture);
}

static void device_that_xen_refuses_is_in_no_document(void)
{
    Fixture *fixture = double_open(3);

    double_fail_devices(double_of(fixture), EIO);
    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvdb", "/b"), 0), ==, VIR_ERR_OPERATION_FAILED);
    double_fail_devices(double_of(fixture), ENOTSUP);
    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvdb", "/b"), 0), ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_false(document_has(fixture, "guest-00002", "xvdb"));
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void device_that_is_not_there_is_not_asked_for(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(detach(fixture, "guest-00002", DISK("xvdb", "/b"), 0), ==, VIR_ERR_DEVICE_MISSING);
    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvdb", "/b"), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvdb", "/c"), 0), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(double_devices(double_of(fixture)), ==, "attach 2 disk xvdb\n");
    fixture_free(fixture);
}

static void update_asks_for_the_changed_device_and_nothing_for_the_same(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvdb", "/b"), 0), ==, VIR_ERR_OK);
    fixture_events(fixture);
    double_devices(double_of(fixture));
    g_assert_cmpint(update(fixture, "guest-00002", DISK("xvdb", "/b"), 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_devices(double_of(fixture)), ==, "");
    g_assert_cmpint(update(fixture, "guest-00002", DISK("xvdb", "/c"), 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(double_devices(double_of(fixture)), ==, "update 2 disk xvdb\n");
    g_assert_true(document_has(fixture, "guest-00002", "'/c'"));
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void device_without_hotplug_is_refused(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(attach(fixture, "guest-00002", "<graphics type='vnc'/>", 0), ==,
                    VIR_ERR_OPERATION_UNSUPPORTED);
    g_assert_cmpstr(double_devices(double_of(fixture)), ==, "");
    fixture_free(fixture);
}

static void device_of_another_domain_with_the_id_is_never_touched(void)
{
    Fixture *fixture = double_open(3);

    double_destroy(double_of(fixture), 2, false);
    double_create_silently(double_of(fixture), 2, 99, "innocent");
    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvdb", "/b"), 0), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(double_devices(double_of(fixture)), ==, "");
    fixture_free(fixture);
}

static void transient_domain_has_no_definition_to_change(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvdb", "/b"), VIR_DOMAIN_AFFECT_CONFIG), ==,
                    VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(attach(fixture, "guest-00002", DISK("xvdb", "/b"), 64), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpstr(double_devices(double_of(fixture)), ==, "");
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/drivers/xen/device/attach", attached_disk_is_asked_for_published_and_told);
    g_test_add_func("/drivers/xen/device/several", only_the_new_one_of_several_is_asked_for);
    g_test_add_func("/drivers/xen/device/refused", device_that_xen_refuses_is_in_no_document);
    g_test_add_func("/drivers/xen/device/missing", device_that_is_not_there_is_not_asked_for);
    g_test_add_func("/drivers/xen/device/update", update_asks_for_the_changed_device_and_nothing_for_the_same);
    g_test_add_func("/drivers/xen/device/no-hotplug", device_without_hotplug_is_refused);
    g_test_add_func("/drivers/xen/device/innocent", device_of_another_domain_with_the_id_is_never_touched);
    g_test_add_func("/drivers/xen/device/transient", transient_domain_has_no_definition_to_change);
    return g_test_run();
}
