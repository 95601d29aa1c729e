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
/* A line of the family; `labels` as metric_label makes them, "" for none. */
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
/* Nothing may follow. */
void metric_end(MetricText *text);
