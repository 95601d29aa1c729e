/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Locks with a class and a rank from lock.def. Any thread.
 * Debug builds (LOCK_CHECK) keep a per-thread list of what is held and abort when a
 * rank is broken, a lock is released by another thread, or an expected lock isn't held.
 * LOCK_PROFILE, which is the default, counts what each place in the source does with locks: lock-profile.h.
 * No lock may be held across I/O to a guest, a child process or a disk flush. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

typedef enum LockClass {
#define LOCK_CLASS(name, rank, sentence) LOCK_##name,
#include "base/lock.def"
#undef LOCK_CLASS
    LOCK_CLASSES
} LockClass;

typedef struct Lock {
    pthread_mutex_t mutex;
    LockClass class;     /* fixed */
#ifdef LOCK_PROFILE
    /* lock-profile.c: written by the holder, `watched` by who waits too; relaxed atomics */
    uint32_t holder;     /* how many times it was acquired, as far as that fits, and the slot of who did last */
    uint64_t watched;    /* since when that hold is being timed, with its turn; 0: it isn't */
#endif
} Lock;

/* One place in the source that acquires a lock or waits for a condition. Made by the macros below. */
typedef struct LockSite {
    const char *file;
    int line;
#ifdef LOCK_PROFILE
    uint32_t known;    /* relaxed atomic: the class that it had last, plus one, and its slot; 0: none yet */
#endif
} LockSite;

#define LOCK_SITE()                                                                              \
    ({                                                                                           \
        static LockSite lock_site_here = { .file = __FILE__, .line = __LINE__ };                 \
        &lock_site_here;                                                                         \
    })

typedef struct Cond {
    pthread_cond_t cond;    /* waits on CLOCK_MONOTONIC */
} Cond;

void lock_init(Lock *lock, LockClass class);
void lock_deinit(Lock *lock);    /* nobody may hold it */

#ifdef LOCK_CHECK
void lock_check_acquire(const Lock *lock, const char *file, int line);
void lock_check_release(const Lock *lock);
void lock_assert_held(const Lock *lock);
/* Aborts when this thread holds any lock: called before whatever may wait. */
void lock_assert_none(void);
#else
#define lock_check_acquire(lock, file, line) ((void)0)
#define lock_check_release(lock) ((void)0)
#define lock_assert_held(lock) ((void)0)
#define lock_assert_none() ((void)0)
#endif

#ifdef LOCK_PROFILE
/* lock-profile.c: this thread's counts of acquisitions by slot, written by it alone with relaxed atomics; NULL: none yet. */
extern _Thread_local uint64_t *lock_profile_counts;
/* A lock that wasn't free, or a place or a thread that isn't known yet. `acquired`: the mutex is had already. */
void lock_profile_acquire_slowly(Lock *lock, LockSite *site, bool acquired);
void lock_profile_release_watched(Lock *lock);

static inline void lock_profile_note(Lock *lock, unsigned slot)
{
    uint32_t turn = (lock->holder & 0xffff0000u) + 0x10000u;

    __atomic_store_n(&lock->holder, turn | slot, __ATOMIC_RELAXED);
}

/* What a free lock costs beyond its mutex: a count and a note of who holds it. */
static inline void lock_profile_acquire(Lock *lock, LockSite *site)
{
    uint32_t known = __atomic_load_n(&site->known, __ATOMIC_RELAXED);
    uint64_t *counts = lock_profile_counts;
    bool acquired = pthread_mutex_trylock(&lock->mutex) == 0;

    if (G_LIKELY(acquired && counts && known >> 16 == (uint32_t)lock->class + 1)) {
        uint64_t *count = &counts[known & 0xffff];

        __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
        lock_profile_note(lock, known & 0xffff);
    } else {
        lock_profile_acquire_slowly(lock, site, acquired);
    }
}
#endif

static inline void lock_acquire_at(Lock *lock, LockSite *site)
{
    (void)site;
    lock_check_acquire(lock, site->file, site->line);
#ifdef LOCK_PROFILE
    lock_profile_acquire(lock, site);
#else
    pthread_mutex_lock(&lock->mutex);
#endif
}

static inline void lock_release(Lock *lock)
{
    lock_check_release(lock);
#ifdef LOCK_PROFILE
    if (G_UNLIKELY(__atomic_load_n(&lock->watched, __ATOMIC_RELAXED))) {
        lock_profile_release_watched(lock);
        return;
    }
#endif
    pthread_mutex_unlock(&lock->mutex);
}

#define lock_acquire(lock) lock_acquire_at((lock), LOCK_SITE())

typedef Lock LockScope;
static inline void lock_scope_end(LockScope **scope)
{
    if (*scope)
        lock_release(*scope);
}
/* Holds the lock until the end of the block:  LOCK_SCOPE(&shard->lock); */
#define LOCK_SCOPE(lock) LOCK_SCOPE_2(lock, __COUNTER__)
#define LOCK_SCOPE_2(lock, n) LOCK_SCOPE_3(lock, n)
#define LOCK_SCOPE_3(lock, n)                                                                   \
    __attribute__((cleanup(lock_scope_end), unused)) LockScope *lock_scope_##n =                \
        (lock_acquire(lock), (lock))

void cond_init(Cond *cond);
void cond_deinit(Cond *cond);
#define cond_wait(cond, lock) cond_wait_at((cond), (lock), LOCK_SITE())
/* Returns false when `deadline` (clock_now() nanoseconds) has passed. */
#define cond_wait_until(cond, lock, deadline) cond_wait_until_at((cond), (lock), (deadline), LOCK_SITE())
void cond_wait_at(Cond *cond, Lock *lock, LockSite *site);
bool cond_wait_until_at(Cond *cond, Lock *lock, int64_t deadline, LockSite *site);
void cond_signal(Cond *cond);
void cond_broadcast(Cond *cond);

const char *lock_class_name(LockClass class);
int lock_class_rank(LockClass class);
const char *lock_class_sentence(LockClass class);
