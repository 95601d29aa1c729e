/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What locks cost: how often each class of lock.def and each place in the source acquired one, waited for one, and
 * for how long. Always on unless it was compiled out (-Dlock_profile=disabled); docs/locks.md tells what is measured
 * and what that costs. Any thread; readers stop nobody. */
#pragma once

#include "base/lock.h"

/* Waits by length: bucket i has those below 2^(10 + i) ns, the last one all longer ones. */
enum { LOCK_WAIT_BUCKETS = 24, LOCK_WAIT_FIRST_BIT = 10 };

/* Times are nanoseconds. */
typedef struct LockUse {
    uint64_t acquired;        /* waits for conditions are not counted here */
    uint64_t contended;       /* of these: it was held, and the thread waited */
    uint64_t waited, waited_longest;
    uint64_t holds;           /* how many holds were timed: those that somebody waited for, or that began with a wait */
    uint64_t held, held_longest;
    uint64_t idle;            /* waits for conditions, in which the lock is free */
    uint64_t idled, idled_longest;
    uint64_t waits[LOCK_WAIT_BUCKETS];    /* of the contended */
} LockUse;

/* One place in the source; one that acquires locks of several classes stands there once for each. */
typedef struct LockSiteUse {
    LockClass class;
    const char *file;    /* from the top of the source tree; static. "" and line 0: places beyond those that fit */
    int line;
    LockUse use;
} LockSiteUse;

typedef struct LockProfile {
    uint64_t elapsed;       /* since the last reset, or the first lock, in nanoseconds */
    unsigned threads;       /* that have acquired a lock and live */
    unsigned n_sites;
    LockSiteUse *sites;     /* owned; in the order in which they were first met */
    LockUse classes[LOCK_CLASSES];
} LockProfile;

/* False when the profile was compiled out; the functions below do nothing then. */
bool lock_profile_enabled(void);
/* Sums up over all threads, also those that have ended. Figures of running threads are those of this moment, each by
 * itself. Takes LOCK_COUNTERS for that. `profile` is overwritten; lock_profile_clear frees what it owns. */
void lock_profile_read(LockProfile *profile);
void lock_profile_clear(LockProfile *profile);
/* Everything since the first lock, also what lock_profile_reset has forgotten, but for the longest times. Takes LOCK_COUNTERS. */
void lock_profile_totals(LockUse classes[LOCK_CLASSES]);
/* From now on everything is counted from zero: a point to subtract, nobody's counters are touched. */
void lock_profile_reset(void);
/* The length in nanoseconds that `share` (0 … 1) of the waits didn't exceed, rounded up to a bucket's end; 0 without
 * waits. */
uint64_t lock_use_quantile(const LockUse *use, double share);
