/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics as text: OpenMetrics 1.0 or, for older readers, the format 0.0.4 of Prometheus. Pure: one writer belongs to one
 * thread; takes no lock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/histogram.h"

typedef enum MetricType { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_INFO } MetricType;

/* One family: name, help and so on are as server/metrics.def says. */
typedef struct MetricFamily {
    const char *name;
    MetricType type;
    const char *unit;         /* NULL: none */
    const char *help;
} MetricFamily;

/* One for each row of metrics.def. */
typedef enum MetricId {
#define METRIC(id, name, type, unit, labels, help) METRIC_##id,
#include "server/metrics.def"
#undef METRIC
    METRICS
} MetricId;

extern const MetricFamily metric_families[METRICS];

typedef struct MetricText {
    GString *out;             /* owned by whoever made it */
    bool open_metrics;
    const MetricFamily *family;    /* whose lines are being written */
} MetricText;

/* "LABEL=\"VALUE\"" behind what is in `labels` already; the value may be any bytes. */
void metric_label(GString *labels, const char *label, const char *value);

/* The head of a family; its lines follow, before any other family's. */
void metric_begin(MetricText *text, const MetricFamily *family);
/* A line of the family, of a whole number or of any; `labels` as metric_label makes them, "" for none. */
void metric_number(MetricText *text, const char *labels, uint64_t value);
void metric_real(MetricText *text, const char *labels, double value);
/* Nanoseconds, written as seconds with all their digits. */
void metric_time(MetricText *text, const char *labels, uint64_t ns);
/* All lines of one histogram; its buckets end at powers of two of nanoseconds, from a microsecond to a minute. */
void metric_histogram(MetricText *text, const char *labels, const Histogram *histogram);

/* Exponents of two where buckets end, of nanoseconds: 1 µs, 4 µs, … 69 s. */
enum { METRIC_FIRST_POWER = 10, METRIC_LAST_POWER = 36, METRIC_POWER_STEP = 2 };
/* The same of something that isn't kept as a Histogram: below[k] lasted less than 2^(METRIC_FIRST_POWER + k * METRIC_POWER_STEP)
 * nanoseconds, n of them; `count` and `sum` are of all. */
void metric_buckets(MetricText *text, const char *labels, const uint64_t *below, unsigned n, uint64_t count, uint64_t sum);

/* One family of many that are made of the members of one struct. */
typedef struct MetricFigure {
    MetricId id;
    bool time;                /* nanoseconds */
    size_t at;                /* of an uint64_t in the struct */
} MetricFigure;

/* What has such figures: a line in each of their families. */
typedef struct MetricRow {
    char *labels;             /* owned by its rows */
    const void *figures;      /* the struct, not owned */
} MetricRow;

/* Of MetricRow, to be given back with g_array_unref. */
GArray *metric_rows_new(void);
/* One label; the struct lives as long as the rows. */
void metric_rows_add(GArray *rows, const char *label, const char *value, const void *figures);
/* One family after another, each with all rows. */
void metric_table(MetricText *text, const MetricFigure *figures, unsigned n, const GArray *rows);
/* Nothing may follow. */
void metric_end(MetricText *text);
