/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Durations counted in buckets of constant relative width, in fixed memory: eight to every power of two, so that a
 * quantile is wrong by 7 % at most, up to 2^43 ns (two hours). One thread counts, any may read meanwhile: every
 * member is a relaxed atomic, and the writer needs no locked instruction. */
#pragma once

#include <stdint.h>

enum { HISTOGRAM_BITS = 3, HISTOGRAM_SUB = 1 << HISTOGRAM_BITS, HISTOGRAM_BUCKETS = HISTOGRAM_SUB * 41 };

typedef struct Histogram {
    uint64_t sum;                          /* nanoseconds */
    uint64_t buckets[HISTOGRAM_BUCKETS];
} Histogram;

/* Counts one duration in nanoseconds; negative ones as 0, those that are too long in the last bucket. By the one
 * thread that writes. */
void histogram_add(Histogram *histogram, int64_t ns);
/* The same when several threads write. */
void histogram_add_shared(Histogram *histogram, int64_t ns);
/* Adds what `from`, in which others may be counting, holds now; `to` is the caller's own. */
void histogram_merge(Histogram *to, const Histogram *from);
/* Takes away what `earlier`, an older picture of the same, holds. Both are the caller's own. */
void histogram_subtract(Histogram *from, const Histogram *earlier);

/* Of a histogram that is the caller's own. */
uint64_t histogram_count(const Histogram *histogram);
/* How many lasted less than 2^power nanoseconds; exact. power: 3 to 43. */
uint64_t histogram_below(const Histogram *histogram, unsigned power);
/* The duration that `fraction` (0 to 1) of all do not exceed, as the middle of its bucket; 0 when there is none. */
uint64_t histogram_quantile(const Histogram *histogram, double fraction);
/* The upper end of the last bucket that holds something. */
uint64_t histogram_most(const Histogram *histogram);
