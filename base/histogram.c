/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arithmetic of histograms. No lock and no memory of its own; see the head of histogram.h for who may call what. */
#include "base/histogram.h"

static unsigned bucket_of(uint64_t ns)
{
    unsigned shift, index;

    if (ns < HISTOGRAM_SUB)
        return (unsigned)ns;
    shift = (unsigned)(63 - __builtin_clzll(ns)) - HISTOGRAM_BITS;
    index = ((shift + 1) << HISTOGRAM_BITS) + (unsigned)((ns >> shift) - HISTOGRAM_SUB);
    return index < HISTOGRAM_BUCKETS ? index : HISTOGRAM_BUCKETS - 1;
}

/* The least duration in a bucket; that of the next one is its end. */
static uint64_t bottom_of(unsigned index)
{
    if (index < HISTOGRAM_SUB)
        return index;
    return (uint64_t)(HISTOGRAM_SUB + (index & (HISTOGRAM_SUB - 1))) << ((index >> HISTOGRAM_BITS) - 1);
}

static inline uint64_t load(const uint64_t *figure)
{
    return __atomic_load_n(figure, __ATOMIC_RELAXED);
}

static inline void grow(uint64_t *figure, uint64_t by)
{
    __atomic_store_n(figure, load(figure) + by, __ATOMIC_RELAXED);
}

void histogram_add(Histogram *histogram, int64_t ns)
{
    uint64_t value = ns < 0 ? 0 : (uint64_t)ns;

    grow(&histogram->sum, value);
    grow(&histogram->buckets[bucket_of(value)], 1);
}

void histogram_add_shared(Histogram *histogram, int64_t ns)
{
    uint64_t value = ns < 0 ? 0 : (uint64_t)ns;

    __atomic_add_fetch(&histogram->sum, value, __ATOMIC_RELAXED);
    __atomic_add_fetch(&histogram->buckets[bucket_of(value)], 1, __ATOMIC_RELAXED);
}

void histogram_merge(Histogram *to, const Histogram *from)
{
    to->sum += load(&from->sum);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->buckets[i] += load(&from->buckets[i]);
}

void histogram_subtract(Histogram *from, const Histogram *earlier)
{
    from->sum -= earlier->sum;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        from->buckets[i] -= earlier->buckets[i];
}

uint64_t histogram_count(const Histogram *histogram)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        count += histogram->buckets[i];
    return count;
}

uint64_t histogram_below(const Histogram *histogram, unsigned power)
{
    unsigned end = (power - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS;
    uint64_t count = 0;

    for (unsigned i = 0; i < end && i < HISTOGRAM_BUCKETS; i++)
        count += histogram->buckets[i];
    return count;
}

uint64_t histogram_quantile(const Histogram *histogram, double fraction)
{
    uint64_t count = histogram_count(histogram), wanted = (uint64_t)(fraction * (double)count + 0.5), seen = 0;

    if (count == 0)
        return 0;
    if (wanted < 1)
        wanted = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted)
            return (bottom_of(i) + bottom_of(i + 1)) / 2;
    }
    return histogram_most(histogram);
}

uint64_t histogram_most(const Histogram *histogram)
{
    for (unsigned i = HISTOGRAM_BUCKETS; i > 0; i--)
        if (histogram->buckets[i - 1])
            return bottom_of(i);
    return 0;
}
