/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Locks with a class and a rank from lock.def.
 * Debug builds (LOCK_CHECK) keep a per-thread list of what is held and abort when a
 * rank is broken, a lock is released by another thread, or an expected lock isn't held.
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
    LockClass class;
} Lock;

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

static inline void lock_acquire_at(Lock *lock, const char *file, int line)
{
    (void)file;
    (void)line;
    lock_check_acquire(lock, file, line);
    pthread_mutex_lock(&lock->mutex);
}

static inline void lock_release(Lock *lock)
{
    lock_check_release(lock);
    pthread_mutex_unlock(&lock->mutex);
}

#define lock_acquire(lock) lock_acquire_at((lock), __FILE__, __LINE__)

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
void cond_wait(Cond *cond, Lock *lock);
/* Returns false when `deadline` (clock_now() nanoseconds) has passed. */
bool cond_wait_until(Cond *cond, Lock *lock, int64_t deadline);
void cond_signal(Cond *cond);
void cond_broadcast(Cond *cond);

const char *lock_class_name(LockClass class);
int lock_class_rank(LockClass class);
const char *lock_class_sentence(LockClass class);
