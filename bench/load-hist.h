/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* Durations in nanoseconds, counted in buckets that are at most 1.6 % wide: 64 to every power of two, up to
 * 2^43 ns (two hours), in fixed memory. Owned by one thread while it counts; merged when that one has ended. */
enum { HIST_BITS = 6, HIST_SUB = 1 << HIST_BITS, HIST_BUCKETS = HIST_SUB * 38 };

typedef struct Hist {
    uint64_t count;
    uint64_t max;
    uint64_t bucket[HIST_BUCKETS];
} Hist;

/* Counts one duration; negative ones count as 0, longer ones than the last bucket in the last bucket. */
void hist_add(Hist *hist, int64_t ns);

/* Adds all that @from holds to @to. */
void hist_merge(Hist *to, const Hist *from);

/* The duration in nanoseconds that @fraction (0..1) of all counted ones do not exceed: the middle of its bucket,
 * never more than the greatest one seen. 0 when nothing was counted. */
uint64_t hist_quantile(const Hist *hist, double fraction);
