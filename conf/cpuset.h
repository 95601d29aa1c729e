/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of small numbers, such as CPUs, NUMA nodes and threads, as documents write them: "0-3,^2,7".
 * Pure functions, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#define CPUSET_SIZE 16384    /* the numbers are below this, as in libvirt */

typedef struct CpuSet {
    uint64_t words[CPUSET_SIZE / 64];
} CpuSet;

/* False, and *set in any state, for what is no set: one may be without any number, but only as in "1,^1". */
bool cpuset_parse(const char *text, CpuSet *set);
/* "0-1,3,7", in the arena; "" for an empty set. */
const char *cpuset_format(const CpuSet *set, Arena *arena);
/* The first number from `from` on; -1 when there is none. */
int cpuset_next(const CpuSet *set, unsigned from);
bool cpuset_contains(const CpuSet *set, unsigned number);
bool cpuset_overlaps(const CpuSet *a, const CpuSet *b);
/* Is all of `part` in `whole`? */
bool cpuset_covers(const CpuSet *whole, const CpuSet *part);
/* Takes `more` into the set. */
void cpuset_unite(CpuSet *set, const CpuSet *more);
/* Takes out the numbers from `limit` on. */
void cpuset_limit(CpuSet *set, unsigned limit);

static inline bool cpuset_is_empty(const CpuSet *set)
{
    return cpuset_next(set, 0) < 0;
}
