/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between lock-profile.c, which counts, and lock-profile-read.c, which adds up. */
#pragma once

#include "base/lock-private.h"
#include "base/lock-profile.h"

enum { LOCK_SLOTS = 512 };

/* Made when a thread first waits at a place. Only `epoch` and the longest times aren't sums: they are of this epoch. */
typedef struct LockWaits {
    LockUse use;    /* without `acquired` */
    uint64_t epoch;
} LockWaits;

typedef struct LockThread {
    struct LockThread *next, *prev;    /* under LOCK_COUNTERS */
    /* written by the thread itself, relaxed atomics */
    uint64_t acquired[LOCK_SLOTS];
    LockWaits *waits[LOCK_SLOTS];      /* published: NULL, or there until the thread ends */
} LockThread;

typedef struct SlotInfo {
    const LockSite *site;    /* NULL: all places of the class that found no slot */
    LockClass class;
} SlotInfo;

typedef struct LockProfileState {
    Lock lock;
    /* relaxed atomic, changed under LOCK_COUNTERS */
    uint64_t epoch;             /* how many resets there were */
    unsigned n_slots;           /* released when the slot below it is filled in; 0: nothing was begun */
    SlotInfo slots[LOCK_SLOTS]; /* fixed when n_slots is above it */
    /* under LOCK_COUNTERS */
    pthread_key_t key;          /* whose destructor tells of a thread's end */
    LockThread *threads;
    unsigned n_threads;
    int64_t since;
    LockUse ended[LOCK_SLOTS];  /* what ended threads have counted */
    LockUse baseline[LOCK_SLOTS];    /* what had been counted at the last reset */
} LockProfileState;

extern LockProfileState lock_profile_state;

/* LOCK_COUNTERS, which isn't counted itself. */
void lock_profile_lock(void);
void lock_profile_unlock(void);

/* Adds to sums[slot] what a thread has counted at each place, perhaps while it goes on counting. */
void lock_profile_sum_locked(LockUse *sums, const LockThread *thread);

static inline uint64_t lock_counter_get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void lock_counter_set(uint64_t *counter, uint64_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}
