/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that others attach and detach: told of once and in order, followed by the document, and never taken from what a
 * guest may write. */
#include <errno.h>
#include <stdlib.h>

#include "xen-calls.h"

#define OURS "<domain type='xen'><name>ours</name><uuid>00000000-0000-4000-8000-000000000100</uuid>"    \
    "<memory unit='KiB'>65536</memory><os><type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>/k</kernel></os>"  \
    "<devices><disk type='file'><source file='/a'/><target dev='xvda' bus='xen'/></disk>"    \
    "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>"       \
    "<interface type='bridge'><mac address='00:16:3e:00:00:07'/><source bridge='b'/></interface></devices></domain>"
#define ADDED "00:16:3e:00:00:08"

/* All that xenstore has told, and what comes of it. */
static void settle(Fixture *fixture)
{
    XenHost *xen = xen_host(&fixture->host);

    do {
        xen_observe(xen, false);
        xen_tasks_run(xen);
    } while (xen->hv->ops->has_event(xen->hv));
}

static bool document_has(Fixture *fixture, const char *name, const char *text)
{
    g_autofree char *xml = fixture_xml(fixture, name, 0);

    return strstr(xml, text) != NULL;
}

static Fixture *open_with_ours(void)
{
    Fixture *fixture = double_open(3);

    g_assert_cmpint(fixture_create(fixture, OURS, 0), ==, VIR_ERR_OK);
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle ours 4 2 0\n");
    return fixture;
}

static void others_attach_and_detach_and_it_is_told_once(void)
{
    Fixture *fixture = double_open(3);
    XenDouble *xen = double_of(fixture);

    double_disk(xen, 2, "xvdb", "/b");
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "added guest-00002 2 xvdb\n");
    double_interface(xen, 2, ADDED, true);
    double_disk(xen, 2, "xvdb", NULL);
    settle(fixture);
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==,
                    "removed guest-00002 2 xvdb\nadded guest-00002 2 net-00-16-3e-00-00-08\n");
    fixture_free(fixture);
}

static void what_comes_and_goes_between_two_looks_is_not_told(void)
{
    Fixture *fixture = double_open(3);

    double_disk(double_of(fixture), 2, "xvdb", "/b");
    double_disk(double_of(fixture), 2, "xvdb", NULL);
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void document_of_a_guest_of_ours_follows_at_the_next_question(void)
{
    Fixture *fixture = open_with_ours();
    XenDouble *xen = double_of(fixture);

    double_disk(xen, 4, "xvdb", "/b");
    g_assert_true(document_has(fixture, "ours", "'/b'"));    /* though no task has run yet */
    double_disk(xen, 4, "xvda", NULL);
    double_interface(xen, 4, ADDED, true);
    g_assert_false(document_has(fixture, "ours", "xvda"));
    g_assert_true(document_has(fixture, "ours", ADDED));
    settle(fixture);
    g_assert_true(document_has(fixture, "ours", "'/b'"));
    g_assert_true(document_has(fixture, "ours", "<alias name='net-00-16-3e-00-00-08'/>"));
    g_assert_false(document_has(fixture, "ours", "xvda"));
    g_assert_cmpstr(fixture_events(fixture), ==,
                    "removed ours 4 xvda\nadded ours 4 xvdb\nadded ours 4 net-00-16-3e-00-00-08\n");
    double_asked(fixture);
    document_has(fixture, "ours", "");
    expect_asked(fixture, 3, 0);    /* how it is, and its weight */
    fixture_free(fixture);
}

static void document_of_a_guest_of_others_follows_too(void)
{
    Fixture *fixture = double_open(3);
    XenDouble *xen = double_of(fixture);

    g_assert_false(document_has(fixture, "guest-00002", "xvdb"));    /* described for the first time */
    double_disk(xen, 2, "xvdb", "/b");
    g_assert_true(document_has(fixture, "guest-00002", "xvdb"));
    settle(fixture);
    double_asked(fixture);
    g_assert_true(document_has(fixture, "guest-00002", "xvdb"));
    expect_asked(fixture, 3, 0);    /* how it is, and its weight */
    double_disk(xen, 2, "xvdb", NULL);
    g_assert_false(document_has(fixture, "guest-00002", "xvdb"));
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "added guest-00002 2 xvdb\nremoved guest-00002 2 xvdb\n");
    fixture_free(fixture);
}

static void attach_while_described(void *data)
{
    double_disk(double_of(data), 2, "xvdb", "/b");
    settle(data);
}

static void device_that_comes_while_its_guest_is_described_is_in_the_document(void)
{
    Fixture *fixture = double_open(3);

    double_during_describe(double_of(fixture), attach_while_described, fixture);
    g_assert_false(document_has(fixture, "guest-00002", "xvdb"));    /* it was asked for before */
    g_assert_cmpstr(fixture_events(fixture), ==, "added guest-00002 2 xvdb\n");
    g_assert_true(document_has(fixture, "guest-00002", "xvdb"));
    settle(fixture);
    g_assert_true(document_has(fixture, "guest-00002", "xvdb"));
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

/* What the hypervisor and xl tell of a guest of others is a sketch until somebody asks. */
static void title_of_a_guest_of_others_stays_in_its_document(void)
{
    Fixture *fixture = double_open(3);
    const char *title = "theirs";
    const RemoteDomainSetMetadataArgs args = {
        .type = VIR_DOMAIN_METADATA_TITLE, .metadata = title, .flags = VIR_DOMAIN_AFFECT_LIVE,
    };

    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.set_metadata", "guest-00002", domain_set_metadata, &args), ==, VIR_ERR_OK);
    for (int i = 0; i < 2; i++) {
        g_assert_true(document_has(fixture, "guest-00002", "<title>theirs</title>"));
        g_assert_true(document_has(fixture, "guest-00002", "<kernel>/k2</kernel>"));
        g_assert_cmpint(fixture_suspend(fixture, "guest-00002"), ==, VIR_ERR_OK);
    }
    fixture_free(fixture);
}

static void another_medium_is_told_of_as_its_tray(void)
{
    Fixture *fixture = open_with_ours();
    XenDouble *xen = double_of(fixture);

    double_disk(xen, 4, "hdc", "/first.iso");
    settle(fixture);
    double_disk(xen, 4, "hdc", "/second.iso");
    settle(fixture);
    g_assert_true(document_has(fixture, "ours", "/second.iso"));
    double_disk(xen, 4, "hdc", "");
    settle(fixture);
    g_assert_false(document_has(fixture, "ours", ".iso"));
    g_assert_cmpstr(fixture_events(fixture), ==,
                    "tray ours 4 hdc 1\ntray ours 4 hdc 0\ntray ours 4 hdc 1\ntray ours 4 hdc 0\n");
    fixture_free(fixture);
}

static void weight_that_xl_has_set_is_in_the_document(void)
{
    Fixture *fixture = open_with_ours();

    g_assert_false(document_has(fixture, "ours", "<shares>"));
    double_set_weight(double_of(fixture), 512);
    g_assert_true(document_has(fixture, "ours", "<shares>512</shares>"));
    double_set_scheduler(double_of(fixture), XEN_NULL);
    g_assert_false(document_has(fixture, "ours", "<shares>"));
    fixture_free(fixture);
}

static void medium_that_drover_changes_is_told_once(void)
{
    const RemoteDomainUpdateDeviceFlagsArgs args = { .xml = (char *)(uintptr_t)
        "<disk type='file' device='cdrom'><source file='/x.iso'/><target dev='hdc' bus='ide'/><readonly/></disk>" };
    Fixture *fixture = open_with_ours();

    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.update_device_flags", "ours", domain_update_device_flags, &args), ==,
                    VIR_ERR_OK);
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "tray ours 4 hdc 1\n");
    fixture_free(fixture);
}

static void disk_in_the_place_of_another_is_told_of_as_both(void)
{
    Fixture *fixture = open_with_ours();

    double_disk(double_of(fixture), 4, "xvda", NULL);
    double_disk(double_of(fixture), 4, "xvda", "/other");
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "removed ours 4 xvda\nadded ours 4 xvda\n");
    g_assert_true(document_has(fixture, "ours", "/other"));
    fixture_free(fixture);
}

#define DISK "<disk type='file'><source file='/c'/><target dev='xvdc' bus='xen'/></disk>"

static int attach(Fixture *fixture, const char *name)
{
    const RemoteDomainAttachDeviceFlagsArgs args = { .xml = (char *)(uintptr_t)DISK };

    return FIXTURE_CALL(fixture, "domain.attach_device_flags", name, domain_attach_device_flags, &args);
}

static int detach(Fixture *fixture, const char *name)
{
    const RemoteDomainDetachDeviceFlagsArgs args = { .xml = (char *)(uintptr_t)DISK };

    return FIXTURE_CALL(fixture, "domain.detach_device_flags", name, domain_detach_device_flags, &args);
}

static void what_drover_does_is_told_once(void)
{
    Fixture *fixture = open_with_ours();
    const char *const names[] = { "ours", "guest-00002" };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *expected = NULL;
        int id = i ? 2 : 4;

        g_assert_cmpint(attach(fixture, names[i]), ==, VIR_ERR_OK);
        settle(fixture);
        g_assert_cmpint(detach(fixture, names[i]), ==, VIR_ERR_OK);
        settle(fixture);
        expected = g_strdup_printf("added %s %d xvdc\nremoved %s %d xvdc\n", names[i], id, names[i], id);
        g_assert_cmpstr(fixture_events(fixture), ==, expected);
    }
    fixture_free(fixture);
}

static void what_others_did_just_before_drover_is_told_before_it(void)
{
    Fixture *fixture = open_with_ours();

    double_disk(double_of(fixture), 4, "xvdb", "/b");
    g_assert_cmpint(attach(fixture, "ours"), ==, VIR_ERR_OK);
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "added ours 4 xvdb\nadded ours 4 xvdc\n");
    double_disk(double_of(fixture), 4, "xvdc", NULL);
    g_assert_cmpint(detach(fixture, "ours"), ==, VIR_ERR_DEVICE_MISSING);
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "removed ours 4 xvdc\n");
    fixture_free(fixture);
}

static void devices_that_a_guest_is_built_with_are_no_news(void)
{
    Fixture *fixture = double_open(3);
    XenDouble *xen = double_of(fixture);
    XenInfo *info = double_create(xen, 20, 20, "new");

    info->paused = true;
    info->cpu_time = 0;
    listed(fixture);
    double_disk(xen, 20, "xvda", "/a");
    settle(fixture);
    document_has(fixture, "new", "");    /* half of it */
    double_interface(xen, 20, ADDED, true);
    info->paused = false;
    listed(fixture);
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle new 20 2 0\n");
    g_assert_true(document_has(fixture, "new", ADDED));
    double_disk(xen, 20, "xvda", NULL);
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "removed new 20 xvda\n");
    fixture_free(fixture);
}

static void what_a_guest_may_write_is_neither_believed_nor_looked_at(void)
{
    Fixture *fixture = open_with_ours();
    XenDouble *xen = double_of(fixture);

    for (unsigned i = 0; i < 1000; i++) {
        double_put(xen, "/local/domain/4/device/vbd/7/dev", "xvdh");
        double_fire(xen, "/local/domain/4/device/vbd/7/dev");
    }
    double_asked(fixture);
    settle(fixture);
    expect_asked(fixture, 0, 0);
    g_assert_false(document_has(fixture, "ours", "xvdh"));
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void nonsense_below_libxl_is_passed_over(void)
{
    static const char *const paths[] = {
        "/libxl", "/libxl/", "/libxl/x", "/libxl/4", "/libxl/4/devices", "/libxl/99999999999/device/vbd/1", "/libxl/-1/device",
        "/libxl/4/device/console/0", "/local/domain/0/backend/pci", "/local/domain/0/backend/pci/4/0/state",
    };
    Fixture *fixture = open_with_ours();

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
        double_fire(double_of(fixture), paths[i]);
    double_asked(fixture);
    settle(fixture);
    expect_asked(fixture, 0, 0);
    fixture_free(fixture);
}

static void storm_of_changes_is_compared_once(void)
{
    Fixture *fixture = double_open(100);
    XenDouble *xen = double_of(fixture);

    for (unsigned i = 0; i < 1000; i++)
        double_disk(xen, 50, "xvdb", i % 2 ? "/odd" : NULL);
    double_asked(fixture);
    settle(fixture);
    expect_asked(fixture, 0, 5);    /* kinds, disks, two of the disk, PCI */
    g_assert_cmpstr(fixture_events(fixture), ==, "added guest-00050 50 xvdb\n");
    fixture_free(fixture);
}

static void changes_of_a_thousand_guests_are_all_told(void)
{
    Fixture *fixture = double_open(1000);
    const char *events;
    unsigned n = 0;

    for (int id = 1; id <= 1000; id++)
        double_disk(double_of(fixture), id, "xvdb", "/b");
    settle(fixture);
    events = fixture_events(fixture);
    while ((events = strstr(events, "added "))) {
        events++;
        n++;
    }
    g_assert_cmpuint(n, ==, 1000);
    fixture_free(fixture);
}

static void pci_devices_are_found_in_the_backend(void)
{
    Fixture *fixture = double_open(3);
    XenDouble *xen = double_of(fixture);

    double_put(xen, "/libxl/2/device/pci/0/frontend", "x");
    double_put(xen, "/local/domain/0/backend/pci/2/0/dev-0", "0000:00:1e.0");
    double_put(xen, "/local/domain/0/backend/pci/2/0/num_devs", "1");
    double_fire(xen, "/local/domain/0/backend/pci/2/0/num_devs");
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "added guest-00002 2 pci-0000-00-1e-0\n");
    double_put(xen, "/local/domain/0/backend/pci/2/0/num_devs", "4294967295");    /* dom0 may be odd, too */
    double_fire(xen, "/local/domain/0/backend/pci/2/0/num_devs");
    settle(fixture);
    double_put(xen, "/local/domain/0/backend/pci/2/0/num_devs", "0");
    double_fire(xen, "/local/domain/0/backend/pci/2/0/num_devs");
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "removed guest-00002 2 pci-0000-00-1e-0\n");
    fixture_free(fixture);
}

static void usb_devices_are_found_on_the_ports_of_their_controllers(void)
{
    Fixture *fixture = double_open(4);
    XenDouble *xen = double_of(fixture);

    double_put(xen, "/libxl/2/device/vusb/0/backend", "/local/domain/0/backend/qusb/2/0");
    double_put(xen, "/local/domain/0/backend/qusb/2/0/port/1", "");
    double_put(xen, "/local/domain/0/backend/qusb/2/0/port/2", "1-4");
    double_fire(xen, "/local/domain/0/backend/qusb/2/0/port/2");
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "added guest-00002 2 usb-1-4\n");
    /* A controller of the device model has its ports in libxl's record; the guest's own folder tells of nothing. */
    double_put(xen, "/libxl/2/device/vusb/1/port/1", "2-9");
    double_put(xen, "/local/domain/2/device/vusb/0/port/1", "1-7");
    double_put(xen, "/local/domain/0/backend/qusb/2/0/port/2", "gone");
    double_fire(xen, "/local/domain/0/backend/qusb/2/0/state");
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    double_fire(xen, "/libxl/2/device/vusb/1/port/1");
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "removed guest-00002 2 usb-1-4\nadded guest-00002 2 usb-2-9\n");
    fixture_free(fixture);
}

static void what_changed_while_xenstored_was_away_is_told(void)
{
    Fixture *fixture = open_with_ours();
    XenDouble *xen = double_of(fixture);

    double_lose_store(xen);
    settle(fixture);
    double_disk(xen, 4, "xvdb", "/b");
    double_disk(xen, 2, "xvdb", "/b");
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    double_bring_back_store(xen);
    settle(fixture);
    g_assert_true(document_has(fixture, "ours", "xvdb"));
    g_assert_nonnull(strstr(fixture_events(fixture), "added ours 4 xvdb\n"));
    fixture_free(fixture);
}

static void devices_that_cant_be_read_are_read_again(void)
{
    Fixture *fixture = open_with_ours();
    XenDouble *xen = double_of(fixture);

    double_disk(xen, 4, "xvdb", "/b");
    double_fail_requests(xen, EIO);
    settle(fixture);
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    double_fail_requests(xen, 0);
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "added ours 4 xvdb\n");
    fixture_free(fixture);
}

static void what_changed_while_droverd_was_away_is_in_the_document(void)
{
    g_autofree char *state = g_dir_make_tmp("drover-devices-XXXXXX", NULL);
    g_autofree char *remove = g_strdup_printf("rm -rf '%s'", state);
    Fixture *fixture;

    fixture_state_dir = state;
    fixture = open_with_ours();
    g_assert_cmpint(attach(fixture, "ours"), ==, VIR_ERR_OK);
    double_outlive(double_of(fixture));
    double_disk(double_of(fixture), 4, "xvda", NULL);
    double_disk(double_of(fixture), 4, "xvdb", "/b");
    fixture_free(fixture);
    fixture = double_open(0);
    settle(fixture);
    g_assert_false(document_has(fixture, "ours", "xvda"));
    g_assert_true(document_has(fixture, "ours", "xvdb"));
    g_assert_true(document_has(fixture, "ours", "xvdc"));
    fixture_free(fixture);
    fixture_state_dir = NULL;
    g_assert_cmpint(system(remove), ==, 0);
}

/* As on a disk that is full: the file can't be written. */
static void document_follows_though_it_can_not_be_kept(void)
{
    g_autofree char *state = g_dir_make_tmp("drover-devices-XXXXXX", NULL);
    g_autofree char *file = g_strdup_printf("%s/xen/running/00000000-0000-4000-8000-000000000100.xml", state);
    g_autofree char *replace = g_strdup_printf("rm -f '%s' && mkdir -p '%s/full'", file, file);
    g_autofree char *remove = g_strdup_printf("rm -rf '%s'", state);
    Fixture *fixture;

    fixture_state_dir = state;
    fixture = open_with_ours();
    g_assert_cmpint(system(replace), ==, 0);
    double_disk(double_of(fixture), 4, "xvdb", "/b");
    settle(fixture);
    g_assert_cmpstr(fixture_events(fixture), ==, "added ours 4 xvdb\n");
    g_assert_true(document_has(fixture, "ours", "'/b'"));
    fixture_free(fixture);
    fixture_state_dir = NULL;
    g_assert_cmpint(system(remove), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/drivers-xen-devices/" #test, test)
    ADD(others_attach_and_detach_and_it_is_told_once);
    ADD(what_comes_and_goes_between_two_looks_is_not_told);
    ADD(document_of_a_guest_of_ours_follows_at_the_next_question);
    ADD(document_of_a_guest_of_others_follows_too);
    ADD(device_that_comes_while_its_guest_is_described_is_in_the_document);
    ADD(title_of_a_guest_of_others_stays_in_its_document);
    ADD(another_medium_is_told_of_as_its_tray);
    ADD(weight_that_xl_has_set_is_in_the_document);
    ADD(medium_that_drover_changes_is_told_once);
    ADD(disk_in_the_place_of_another_is_told_of_as_both);
    ADD(what_drover_does_is_told_once);
    ADD(what_others_did_just_before_drover_is_told_before_it);
    ADD(devices_that_a_guest_is_built_with_are_no_news);
    ADD(what_a_guest_may_write_is_neither_believed_nor_looked_at);
    ADD(nonsense_below_libxl_is_passed_over);
    ADD(storm_of_changes_is_compared_once);
    ADD(changes_of_a_thousand_guests_are_all_told);
    ADD(pci_devices_are_found_in_the_backend);
    ADD(usb_devices_are_found_on_the_ports_of_their_controllers);
    ADD(what_changed_while_xenstored_was_away_is_told);
    ADD(devices_that_cant_be_read_are_read_again);
    ADD(what_changed_while_droverd_was_away_is_in_the_document);
    ADD(document_follows_though_it_can_not_be_kept);
    return g_test_run();
}
