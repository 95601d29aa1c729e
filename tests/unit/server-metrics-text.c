/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What server/metrics-text.c writes, letter by letter. */
#include "server/metrics-text.h"

#include <math.h>
#include <string.h>

static const MetricFamily counter = { "drover_reads", METRIC_COUNTER, NULL, "Reads" };
static const MetricFamily times = { "drover_read_seconds", METRIC_COUNTER, "seconds", "How long they took" };
static const MetricFamily gauge = { "drover_memory_bytes", METRIC_GAUGE, "bytes", "A \"quoted\\word\"\nand a line" };
static const MetricFamily info = { "drover_thing", METRIC_INFO, NULL, "A thing" };
static const MetricFamily histogram_family = { "drover_wait_seconds", METRIC_HISTOGRAM, "seconds", "Waits" };

static MetricText begin(bool open_metrics)
{
    return (MetricText){ .out = g_string_new(NULL), .open_metrics = open_metrics };
}

static void expect(MetricText *text, const char *wanted)
{
    g_assert_cmpstr(text->out->str, ==, wanted);
    g_string_free(text->out, TRUE);
}

static void label_values_are_escaped(void)
{
    g_autoptr(GString) labels = g_string_new(NULL);

    metric_label(labels, "a", "plain");
    metric_label(labels, "b", "a \"b\" \\ c\nd{e=\"f\"},#");
    g_assert_cmpstr(labels->str, ==, "a=\"plain\",b=\"a \\\"b\\\" \\\\ c\\nd{e=\\\"f\\\"},#\"");
}

static void label_values_that_are_no_text_become_one(void)
{
    g_autoptr(GString) labels = g_string_new(NULL);

    metric_label(labels, "a", "x\xff\xfey");
    g_assert_true(g_utf8_validate(labels->str, -1, NULL));
    g_assert_true(g_str_has_prefix(labels->str, "a=\"x"));
    g_assert_true(g_str_has_suffix(labels->str, "y\""));
}

static void a_counter_has_its_suffix_where_each_format_wants_it(void)
{
    MetricText open = begin(true), old = begin(false);

    metric_begin(&open, &counter);
    metric_number(&open, "a=\"b\"", UINT64_MAX);
    metric_end(&open);
    expect(&open, "# HELP drover_reads Reads\n# TYPE drover_reads counter\ndrover_reads_total{a=\"b\"} 18446744073709551615\n# EOF\n");
    metric_begin(&old, &counter);
    metric_number(&old, "", 0);
    metric_end(&old);
    expect(&old, "# HELP drover_reads_total Reads\n# TYPE drover_reads_total counter\ndrover_reads_total 0\n");
}

static void help_is_escaped_and_the_unit_told(void)
{
    MetricText open = begin(true), old = begin(false);

    metric_begin(&open, &gauge);
    expect(&open, "# HELP drover_memory_bytes A \\\"quoted\\\\word\\\"\\nand a line\n# TYPE drover_memory_bytes gauge\n"
                  "# UNIT drover_memory_bytes bytes\n");
    metric_begin(&old, &gauge);
    expect(&old, "# HELP drover_memory_bytes A \"quoted\\\\word\"\\nand a line\n# TYPE drover_memory_bytes gauge\n");
}

static void an_info_is_a_gauge_for_old_readers(void)
{
    MetricText open = begin(true), old = begin(false);

    metric_begin(&open, &info);
    metric_number(&open, "a=\"b\"", 1);
    expect(&open, "# HELP drover_thing A thing\n# TYPE drover_thing info\ndrover_thing_info{a=\"b\"} 1\n");
    metric_begin(&old, &info);
    metric_number(&old, "a=\"b\"", 1);
    expect(&old, "# HELP drover_thing_info A thing\n# TYPE drover_thing_info gauge\ndrover_thing_info{a=\"b\"} 1\n");
}

static void times_keep_every_nanosecond(void)
{
    MetricText text = begin(true);

    text.family = &times;
    metric_time(&text, "", 0);
    metric_time(&text, "", 1);
    metric_time(&text, "", 2000000000);
    metric_time(&text, "", 123456789012345678);
    expect(&text, "drover_read_seconds_total 0\ndrover_read_seconds_total 0.000000001\ndrover_read_seconds_total 2\n"
                  "drover_read_seconds_total 123456789.012345678\n");
}

static void reals_are_written_as_the_format_has_them(void)
{
    MetricText text = begin(true);

    text.family = &gauge;
    metric_real(&text, "", 0.25);
    metric_real(&text, "", NAN);
    metric_real(&text, "", INFINITY);
    metric_real(&text, "", -INFINITY);
    expect(&text, "drover_memory_bytes 0.25\ndrover_memory_bytes NaN\ndrover_memory_bytes +Inf\ndrover_memory_bytes -Inf\n");
}

/* The number behind a line's beginning. */
static uint64_t value_of(const char *text, const char *beginning)
{
    const char *at = strstr(text, beginning);

    g_assert_nonnull(at);
    return g_ascii_strtoull(at + strlen(beginning), NULL, 10);
}

static void a_histogram_counts_upwards_to_all(void)
{
    g_autofree Histogram *histogram = g_new0(Histogram, 1);
    MetricText text = begin(true);
    uint64_t before = 0;
    unsigned buckets = 0;

    histogram_add(histogram, 1023);
    histogram_add(histogram, 1024);
    histogram_add(histogram, 4095);
    histogram_add(histogram, 5000000000);
    histogram_add(histogram, 3600 * INT64_C(1000000000));
    text.family = &histogram_family;
    metric_histogram(&text, "a=\"b\"", histogram);
    g_assert_cmpuint(value_of(text.out->str, "_bucket{a=\"b\",le=\"1.024e-06\"} "), ==, 1);
    g_assert_cmpuint(value_of(text.out->str, "_bucket{a=\"b\",le=\"4.096e-06\"} "), ==, 3);
    g_assert_cmpuint(value_of(text.out->str, "_bucket{a=\"b\",le=\"4.294967296\"} "), ==, 3);
    g_assert_cmpuint(value_of(text.out->str, "_bucket{a=\"b\",le=\"17.179869184\"} "), ==, 4);
    g_assert_cmpuint(value_of(text.out->str, "_bucket{a=\"b\",le=\"68.719476736\"} "), ==, 4);
    g_assert_cmpuint(value_of(text.out->str, "_bucket{a=\"b\",le=\"+Inf\"} "), ==, 5);
    g_assert_cmpuint(value_of(text.out->str, "drover_wait_seconds_count{a=\"b\"} "), ==, 5);
    g_assert_nonnull(strstr(text.out->str, "drover_wait_seconds_sum{a=\"b\"} 3605.000006142\n"));
    for (const char *at = text.out->str; (at = strstr(at, "_bucket{")); at++, buckets++) {
        uint64_t count = g_ascii_strtoull(strstr(at, "} ") + 2, NULL, 10);

        g_assert_cmpuint(count, >=, before);
        before = count;
    }
    g_assert_cmpuint(buckets, ==, 15);
    g_string_free(text.out, TRUE);
}

static void every_family_ends_in_its_unit_and_in_nothing_that_the_format_appends(void)
{
    static const char *const appended[] = { "_total", "_created", "_info", "_bucket", "_count", "_sum" };

    g_assert_cmpuint(METRICS, >, 50);
    for (unsigned i = 0; i < METRICS; i++) {
        const MetricFamily *family = &metric_families[i];

        for (unsigned k = 0; k < G_N_ELEMENTS(appended); k++)
            g_assert_false(g_str_has_suffix(family->name, appended[k]));
        if (family->unit) {
            g_autofree char *end = g_strdup_printf("_%s", family->unit);

            g_assert_true(g_str_has_suffix(family->name, end));
        }
        g_assert_cmpuint(strspn(family->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), ==, strlen(family->name));
    }
}

static void a_table_has_a_line_for_each_row_in_each_family(void)
{
    const struct { uint64_t changes, ns; } one = { 3, 1500000000 }, two = { UINT64_MAX, 0 };
    const MetricFigure figures[] = { { METRIC_STORE_CHANGES, false, 0 }, { METRIC_STORE_FLUSH_TIME, true, 8 } };
    g_autoptr(GArray) rows = metric_rows_new();
    MetricText text = begin(true);

    metric_rows_add(rows, "uri", "a", &one);
    metric_rows_add(rows, "uri", "b\"", &two);
    metric_table(&text, figures, G_N_ELEMENTS(figures), rows);
    expect(&text, "# HELP drover_store_changes Changes of documents that were brought to the disk\n"
        "# TYPE drover_store_changes counter\n"
        "drover_store_changes_total{uri=\"a\"} 3\ndrover_store_changes_total{uri=\"b\\\"\"} 18446744073709551615\n"
        "# HELP drover_store_flush_seconds How long those took, together\n"
        "# TYPE drover_store_flush_seconds counter\n# UNIT drover_store_flush_seconds seconds\n"
        "drover_store_flush_seconds_total{uri=\"a\"} 1.500000000\ndrover_store_flush_seconds_total{uri=\"b\\\"\"} 0\n");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/server/metrics-text/" #claim, claim)
    ADD(label_values_are_escaped);
    ADD(a_table_has_a_line_for_each_row_in_each_family);
    ADD(label_values_that_are_no_text_become_one);
    ADD(a_counter_has_its_suffix_where_each_format_wants_it);
    ADD(help_is_escaped_and_the_unit_told);
    ADD(an_info_is_a_gauge_for_old_readers);
    ADD(times_keep_every_nanosecond);
    ADD(reals_are_written_as_the_format_has_them);
    ADD(a_histogram_counts_upwards_to_all);
    ADD(every_family_ends_in_its_unit_and_in_nothing_that_the_format_appends);
    return g_test_run();
}
