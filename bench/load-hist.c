/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A histogram of durations with a constant relative error. Pure arithmetic: no locks, no memory of its own; each
 * worker of the load generator counts into one of its own and the main thread merges them at the end. */
#include "load-hist.h"

static unsigned bucket_of(uint64_t ns)
{
    if (ns < HIST_SUB)
        return (unsigned)ns;
    unsigned shift = (unsigned)(63 - __builtin_clzll(ns)) - HIST_BITS;
    unsigned index = ((shift + 1) << HIST_BITS) + (unsigned)((ns >> shift) - HIST_SUB);
    return index < HIST_BUCKETS ? index : HIST_BUCKETS - 1;
}

static uint64_t middle_of(unsigned index)
{
    if (index < HIST_SUB)
        return index;
    unsigned shift = (index >> HIST_BITS) - 1;
    uint64_t low = (uint64_t)(HIST_SUB + (index & (HIST_SUB - 1))) << shift;
    return low + (((uint64_t)1 << shift) >> 1);
}

void hist_add(Hist *hist, int64_t ns)
{
    uint64_t value = ns < 0 ? 0 : (uint64_t)ns;

    hist->count++;
    hist->bucket[bucket_of(value)]++;
    if (value > hist->max)
        hist->max = value;
}

void hist_merge(Hist *to, const Hist *from)
{
    to->count += from->count;
    if (from->max > to->max)
        to->max = from->max;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        to->bucket[i] += from->bucket[i];
}

uint64_t hist_quantile(const Hist *hist, double fraction)
{
    uint64_t wanted = (uint64_t)(fraction * (double)hist->count + 0.5), seen = 0;

    if (wanted < 1)
        wanted = 1;
    for (unsigned i = 0; i < HIST_BUCKETS && hist->count; i++) {
        seen += hist->bucket[i];
        if (seen >= wanted) {
            uint64_t value = middle_of(i);
            return value < hist->max ? value : hist->max;
        }
    }
    return hist->max;
}
