/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters of disks and interfaces, from a /sys of our own; and what statistics of all cost. */
#include "xen-calls.h"

#include <glib/gstdio.h>

#include "base/clock.h"
#include "drivers/xen/counters.h"
#include "drivers/xen/sampler.h"

static char *root;

static void put(const char *path, const char *text)
{
    g_autofree char *whole = g_build_filename(root, path, NULL), *folder = g_path_get_dirname(whole);

    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(whole, text, -1, NULL));
}

static void put_disk(const char *name, const char *rd_sect)
{
    const char *const files[] = { "rd_req", "wr_req", "f_req", "wr_sect" };
    g_autofree char *folder = g_strdup_printf("bus/xen-backend/devices/%s/statistics/", name);
    g_autofree char *sectors = g_strconcat(folder, "rd_sect", NULL);

    put(sectors, rd_sect);
    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strconcat(folder, files[i], NULL);

        put(path, "7\n");
    }
}

static void disks_are_named_as_guests_name_them(void)
{
    static const struct { unsigned number; const char *name; } cases[] = {
        { 51712, "xvda" }, { 51728, "xvdb" }, { 51713, "xvda1" }, { 2048, "sda" }, { 768, "hda" }, { 5632, "hdc" },
        { 1u << 28 | 26 << 8, "xvdaa" }, { 99999, "disk-99999" },
    };
    char name[16];

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        xen_disk_name(cases[i].number, name, sizeof name);
        g_assert_cmpstr(name, ==, cases[i].name);
    }
}

static void devices_are_found_by_their_guest(void)
{
    XenDiskCounters disk;
    XenDevices *devices;
    const unsigned *numbers;
    unsigned n;

    put_disk("vbd-3-51728", "8\n");
    put_disk("vbd-3-51712", "2\n");
    put_disk("vbd-33-51712", "2\n");
    put("bus/xen-backend/devices/vbd-3-x/statistics/rd_req", "1\n");
    devices = xen_devices_look(root);
    numbers = xen_devices_disks(devices, 3, &n);
    g_assert_cmpuint(n, ==, 2);
    g_assert_cmpuint(numbers[0], ==, 51712);
    xen_devices_disks(devices, 4, &n);
    g_assert_cmpuint(n, ==, 0);
    xen_devices_free(devices);
    g_assert_true(xen_disk_counters(root, 3, 51728, &disk));
    g_assert_cmpuint(disk.read_bytes, ==, 8 * 512);
    g_assert_cmpuint(disk.writes, ==, 7);
    g_assert_false(xen_disk_counters(root, 3, 51744, &disk));
}

static void what_the_host_sends_the_guest_receives(void)
{
    static const char *const files[] = {
        "tx_bytes", "tx_packets", "tx_errors", "tx_dropped", "rx_bytes", "rx_packets", "rx_errors", "rx_dropped",
    };
    XenInterfaceCounters counters;
    unsigned number;
    int id;

    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strconcat("class/net/vif3.1/statistics/", files[i], NULL);
        g_autofree char *text = g_strdup_printf("%u\n", i + 1);

        put(path, text);
    }
    g_assert_true(xen_interface_counters(root, 3, 1, &counters));
    g_assert_cmpuint(counters.rx_bytes, ==, 1);
    g_assert_cmpuint(counters.tx_drops, ==, 8);
    g_assert_true(xen_interface_parse("vif3.1", &id, &number));
    g_assert_false(xen_interface_parse("vif3.1-emu", &id, &number));
    g_assert_false(xen_interface_parse("eth0", &id, &number));
}

/* --- samples ---------------------------------------------------------------------------------- */

static bool tells(const CommonStatsExtra *extra, const char *text)
{
    return memmem(extra->bytes->data, extra->bytes->len, text, strlen(text)) != NULL;
}

static void a_sample_has_what_each_guest_has(void)
{
    XenSampler *sampler = xen_sampler_new(root, 3600 * CLOCK_S, false);
    XenSample *sample;

    put_disk("vbd-5-51712", "2\n");
    sample = xen_sampler_ask(sampler);
    g_assert_cmpuint(xen_sample_disks(sample, 5)->n, ==, 1 + 6);
    g_assert_true(tells(xen_sample_disks(sample, 5), "block.0.rd.bytes"));
    g_assert_true(tells(xen_sample_disks(sample, 5), "xvda"));
    g_assert_cmpuint(xen_sample_interfaces(sample, 5)->n, ==, 1);
    g_assert_cmpuint(xen_sample_disks(sample, 6)->n, ==, 1);
    g_assert_true(tells(xen_sample_disks(sample, 6), "block.count"));
    xen_sample_unref(sample);
    xen_sampler_free(sampler);
}

static void questions_within_a_period_read_nothing(void)
{
    XenSampler *sampler = xen_sampler_new(root, 3600 * CLOCK_S, true);
    XenSample *one = xen_sampler_ask(sampler), *other;
    uint64_t n;
    int64_t taken;

    put_disk("vbd-7-51712", "2\n");
    other = xen_sampler_ask(sampler);
    g_assert_true(one == other);
    g_assert_cmpuint(xen_sample_disks(other, 7)->n, ==, 1);
    xen_sampler_figures(sampler, &n, &taken);
    g_assert_cmpuint(n, ==, 1);
    g_assert_cmpint(taken, ==, xen_sample_taken(one));
    xen_sample_unref(one);
    xen_sample_unref(other);
    xen_sampler_free(sampler);
}

static void a_sample_that_is_too_old_is_replaced(void)
{
    XenSampler *sampler = xen_sampler_new(root, 0, true);
    int64_t deadline = clock_now() + 60 * CLOCK_S;
    bool found = false;

    xen_sample_unref(xen_sampler_ask(sampler));
    put_disk("vbd-8-51712", "2\n");
    while (!found && clock_now() < deadline) {
        XenSample *sample = xen_sampler_ask(sampler);

        found = xen_sample_disks(sample, 8)->n == 1 + 6;
        xen_sample_unref(sample);
    }
    g_assert_true(found);
    xen_sampler_free(sampler);
}

static void add_figure(const DriverCounter *counter, void *opaque)
{
    g_hash_table_insert(opaque, g_strdup(counter->name), g_memdup2(&counter->value, sizeof counter->value));
}

static double figure_of(Fixture *fixture, const char *name)
{
    g_autoptr(GHashTable) figures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    double value;

    fixture->host.driver->counters(&fixture->host, add_figure, figures);
    g_assert_true(g_hash_table_contains(figures, name));
    value = *(double *)g_hash_table_lookup(figures, name);
    return value;
}

static void what_is_asked_of_xen_can_be_seen(void)
{
    Fixture *fixture = double_open(10);
    double hypercalls = figure_of(fixture, "xen_hypercalls"), requests = figure_of(fixture, "xen_store_requests");

    g_assert_cmpstr(by_id(fixture, 5), ==, "guest-00005");
    g_assert_cmpfloat(figure_of(fixture, "xen_hypercalls"), ==, hypercalls + 1);
    g_assert_cmpfloat(figure_of(fixture, "xen_store_requests"), ==, requests);
    g_assert_cmpfloat(figure_of(fixture, "xen_watched_names"), ==, 11);
    g_assert_cmpfloat(figure_of(fixture, "xen_device_samples"), ==, 0);
    fixture_free(fixture);
}

static uint64_t hypercalls_of(Fixture *fixture, uint32_t groups)
{
    const RemoteConnectGetAllDomainStatsArgs args = { .stats = groups };
    RemoteConnectGetAllDomainStatsResult result = { .retStats.n = 0 };

    double_asked(fixture);
    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.get_all_domain_stats", NULL, connect_get_all_domain_stats, &args,
                                 &result), ==, VIR_ERR_OK);
    g_assert_cmpuint(result.retStats.n, ==, 1001);
    return double_asked(fixture).hypercalls;
}

static void statistics_of_a_thousand_cost_one_sweep_unless_single_vcpus_are_wanted(void)
{
    Fixture *fixture = double_open(1000);
    uint64_t usual = hypercalls_of(fixture, VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON);

    g_assert_cmpuint(usual, ==, 1);
    g_assert_cmpuint(hypercalls_of(fixture, VIR_DOMAIN_STATS_BLOCK | VIR_DOMAIN_STATS_INTERFACE), ==, usual);
    g_assert_cmpuint(hypercalls_of(fixture, 0), ==, usual);
    g_assert_cmpuint(hypercalls_of(fixture, VIR_DOMAIN_STATS_VCPU), ==, usual + 1001 * 2);    /* each has two */
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    int r;

    g_test_init(&argc, &argv, NULL);
    root = g_dir_make_tmp("drover-counters-XXXXXX", NULL);
#define ADD(test) g_test_add_func("/drivers-xen-counters/" #test, test)
    ADD(disks_are_named_as_guests_name_them);
    ADD(devices_are_found_by_their_guest);
    ADD(what_the_host_sends_the_guest_receives);
    ADD(a_sample_has_what_each_guest_has);
    ADD(questions_within_a_period_read_nothing);
    ADD(a_sample_that_is_too_old_is_replaced);
    ADD(what_is_asked_of_xen_can_be_seen);
    ADD(statistics_of_a_thousand_cost_one_sweep_unless_single_vcpus_are_wanted);
    r = g_test_run();
    g_free(root);
    return r;
}
