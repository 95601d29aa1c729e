/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics as text. The two formats differ in where the "_total" of a counter stands, and in what else heads a family:
 * OpenMetrics names the family without it and has units and an end. Any thread; takes no lock. */
#include "server/metrics-text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const MetricFamily metric_families[METRICS] = {
#define METRIC(id, name, type, unit, labels, help) { name, METRIC_##type, unit, help },
#include "server/metrics.def"
#undef METRIC
};

static const char *suffix_of(const MetricFamily *family)
{
    return family->type == METRIC_COUNTER ? "_total" : family->type == METRIC_INFO ? "_info" : "";
}

/* --- labels ------------------------------------------------------------------------------------------ */

/* The help of the older format leaves quotes as they are. */
static void append_escaped(GString *out, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\n')
            g_string_append(out, "\\n");
        else if ((*text == '"' && quotes) || *text == '\\')
            g_string_append_printf(out, "\\%c", *text);
        else
            g_string_append_c(out, *text);
    }
}

void metric_label(GString *labels, const char *label, const char *value)
{
    g_autofree char *valid = g_utf8_validate(value, -1, NULL) ? NULL : g_utf8_make_valid(value, -1);

    if (labels->len > 0)
        g_string_append_c(labels, ',');
    g_string_append(labels, label);
    g_string_append(labels, "=\"");
    append_escaped(labels, valid ? valid : value, true);
    g_string_append_c(labels, '"');
}

/* --- families ---------------------------------------------------------------------------------------- */

static const char *type_of(const MetricText *text, const MetricFamily *family)
{
    switch (family->type) {
    case METRIC_COUNTER:
        return "counter";
    case METRIC_HISTOGRAM:
        return "histogram";
    case METRIC_INFO:
        return text->open_metrics ? "info" : "gauge";
    case METRIC_GAUGE:
    default:
        return "gauge";
    }
}

void metric_begin(MetricText *text, const MetricFamily *family)
{
    const char *suffix = text->open_metrics ? "" : suffix_of(family);

    text->family = family;
    g_string_append_printf(text->out, "# HELP %s%s ", family->name, suffix);
    append_escaped(text->out, family->help, text->open_metrics);
    g_string_append_printf(text->out, "\n# TYPE %s%s %s\n", family->name, suffix, type_of(text, family));
    if (text->open_metrics && family->unit)
        g_string_append_printf(text->out, "# UNIT %s %s\n", family->name, family->unit);
}

/* --- tables ------------------------------------------------------------------------------------------ */

static void row_clear(void *row)
{
    g_free(((MetricRow *)row)->labels);
}

GArray *metric_rows_new(void)
{
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(MetricRow));

    g_array_set_clear_func(rows, row_clear);
    return rows;
}

void metric_rows_add(GArray *rows, const char *label, const char *value, const void *figures)
{
    GString *labels = g_string_new(NULL);
    MetricRow row = { .figures = figures };

    metric_label(labels, label, value);
    row.labels = g_string_free(labels, FALSE);
    g_array_append_val(rows, row);
}

static void write_figure(MetricText *text, const MetricFigure *figure, const MetricRow *row)
{
    uint64_t value = *(const uint64_t *)(const void *)((const char *)row->figures + figure->at);

    if (figure->time)
        metric_time(text, row->labels, value);
    else
        metric_number(text, row->labels, value);
}

void metric_table(MetricText *text, const MetricFigure *figures, unsigned n, const GArray *rows)
{
    for (unsigned i = 0; i < n; i++) {
        metric_begin(text, &metric_families[figures[i].id]);
        for (unsigned k = 0; k < rows->len; k++)
            write_figure(text, &figures[i], &g_array_index(rows, MetricRow, k));
    }
}

void metric_end(MetricText *text)
{
    if (text->open_metrics)
        g_string_append(text->out, "# EOF\n");
}

/* --- lines ------------------------------------------------------------------------------------------- */

static void begin_line(MetricText *text, const char *suffix, const char *labels)
{
    g_string_append(text->out, text->family->name);
    g_string_append(text->out, suffix);
    if (*labels) {
        g_string_append_c(text->out, '{');
        g_string_append(text->out, labels);
        g_string_append_c(text->out, '}');
    }
    g_string_append_c(text->out, ' ');
}

static void append_number(GString *out, uint64_t value)
{
    char digits[20], *at = digits + sizeof digits;

    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    g_string_append_len(out, at, digits + sizeof digits - at);
}

static void append_seconds(GString *out, uint64_t ns)
{
    uint64_t rest = ns % 1000000000;
    char digits[10] = ".";

    append_number(out, ns / 1000000000);
    if (rest == 0)
        return;
    for (int i = 9; i > 0; i--, rest /= 10)
        digits[i] = (char)('0' + rest % 10);
    g_string_append_len(out, digits, sizeof digits);
}

void metric_number(MetricText *text, const char *labels, uint64_t value)
{
    begin_line(text, suffix_of(text->family), labels);
    append_number(text->out, value);
    g_string_append_c(text->out, '\n');
}

void metric_time(MetricText *text, const char *labels, uint64_t ns)
{
    begin_line(text, suffix_of(text->family), labels);
    append_seconds(text->out, ns);
    g_string_append_c(text->out, '\n');
}

void metric_real(MetricText *text, const char *labels, double value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    begin_line(text, suffix_of(text->family), labels);
    if (isnan(value))
        g_string_append(text->out, "NaN");
    else if (isinf(value))
        g_string_append(text->out, value > 0 ? "+Inf" : "-Inf");
    else
        g_string_append(text->out, g_ascii_dtostr(number, sizeof number, value));
    g_string_append_c(text->out, '\n');
}

/* --- histograms -------------------------------------------------------------------------------------- */

static void bucket(MetricText *text, const char *labels, const char *end, uint64_t count)
{
    g_string_append_printf(text->out, "%s_bucket{%s%sle=\"%s\"} ", text->family->name, labels, *labels ? "," : "", end);
    append_number(text->out, count);
    g_string_append_c(text->out, '\n');
}

void metric_buckets(MetricText *text, const char *labels, const uint64_t *below, unsigned n, uint64_t count, uint64_t sum)
{
    char end[G_ASCII_DTOSTR_BUF_SIZE];

    for (unsigned i = 0; i < n; i++) {
        double seconds = (double)(UINT64_C(1) << (METRIC_FIRST_POWER + i * METRIC_POWER_STEP)) / 1e9;

        bucket(text, labels, g_ascii_formatd(end, sizeof end, "%.12g", seconds), below[i]);
    }
    bucket(text, labels, "+Inf", count);
    begin_line(text, "_count", labels);
    append_number(text->out, count);
    g_string_append_c(text->out, '\n');
    begin_line(text, "_sum", labels);
    append_seconds(text->out, sum);
    g_string_append_c(text->out, '\n');
}

void metric_histogram(MetricText *text, const char *labels, const Histogram *histogram)
{
    uint64_t below[(METRIC_LAST_POWER - METRIC_FIRST_POWER) / METRIC_POWER_STEP + 1];

    for (unsigned i = 0; i < G_N_ELEMENTS(below); i++)
        below[i] = histogram_below(histogram, METRIC_FIRST_POWER + i * METRIC_POWER_STEP);
    metric_buckets(text, labels, below, G_N_ELEMENTS(below), histogram_count(histogram), histogram->sum);
}
