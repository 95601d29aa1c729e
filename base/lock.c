/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lock classes by name, and the rank check of debug builds.
 * Any thread. The check keeps what a thread holds in thread-local storage, in the order of
 * acquisition, which by its own rule is the order of ranks; it takes no lock itself.
 * Never blocks but on the mutex or condition it was asked to. */
#include "base/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/lock-private.h"

typedef struct LockClassInfo {
    const char *name;
    int rank;
    const char *sentence;
} LockClassInfo;

static const LockClassInfo lock_classes[LOCK_CLASSES] = {
#define LOCK_CLASS(name, rank, sentence) [LOCK_##name] = { #name, rank, sentence },
#include "base/lock.def"
#undef LOCK_CLASS
};

const char *lock_class_name(LockClass class)
{
    return lock_classes[class].name;
}

int lock_class_rank(LockClass class)
{
    return lock_classes[class].rank;
}

const char *lock_class_sentence(LockClass class)
{
    return lock_classes[class].sentence;
}

void lock_init(Lock *lock, LockClass class)
{
    int rc;

    *lock = (Lock){ .class = class };
    rc = pthread_mutex_init(&lock->mutex, NULL);
    g_assert(rc == 0);
}

void lock_deinit(Lock *lock)
{
    int rc = pthread_mutex_destroy(&lock->mutex);

    g_assert(rc == 0);
}

#ifdef LOCK_CHECK

#define HELD_MOST 16

typedef struct HeldLock {
    const Lock *lock;
    const char *file;
    int line;
} HeldLock;

static _Thread_local struct {
    HeldLock locks[HELD_MOST];
    int n;
} held;

static void lock_describe(const char *what, LockClass class, const char *file, int line)
{
    fprintf(stderr, "  %s %s (rank %d: %s)", what, lock_class_name(class), lock_class_rank(class),
            lock_class_sentence(class));
    if (file)
        fprintf(stderr, ", taken at %s:%d", file, line);
    fputc('\n', stderr);
}

G_GNUC_NORETURN static void lock_die(void)
{
    fputs("this thread holds, outermost first:\n", stderr);
    for (int i = 0; i < held.n; i++)
        lock_describe("-", held.locks[i].lock->class, held.locks[i].file, held.locks[i].line);
    abort();
}

static int lock_held_index(const Lock *lock)
{
    for (int i = held.n - 1; i >= 0; i--)
        if (held.locks[i].lock == lock)
            return i;
    return -1;
}

void lock_check_acquire(const Lock *lock, const char *file, int line)
{
    const HeldLock *last = held.n ? &held.locks[held.n - 1] : NULL;

    if (last && lock_class_rank(last->lock->class) >= lock_class_rank(lock->class)) {
        fprintf(stderr, "lock order broken: %s is taken at %s:%d under %s, taken at %s:%d\n",
                lock_class_name(lock->class), file, line, lock_class_name(last->lock->class), last->file,
                last->line);
        if (last->lock->class == lock->class)
            fprintf(stderr, "expected: no two locks of one class at once\n");
        else
            fprintf(stderr, "expected: %s before %s\n", lock_class_name(lock->class),
                    lock_class_name(last->lock->class));
        lock_describe("wanted", lock->class, NULL, 0);
        lock_die();
    }
    if (held.n == HELD_MOST) {
        fprintf(stderr, "more than %d locks held when %s is taken at %s:%d\n", HELD_MOST,
                lock_class_name(lock->class), file, line);
        lock_die();
    }
    held.locks[held.n++] = (HeldLock){ lock, file, line };
}

void lock_check_release(const Lock *lock)
{
    int at = lock_held_index(lock);

    if (at < 0) {
        fprintf(stderr, "a thread releases %s, which it doesn't hold\n", lock_class_name(lock->class));
        lock_die();
    }
    held.n--;
    for (int i = at; i < held.n; i++)
        held.locks[i] = held.locks[i + 1];
}

void lock_assert_held(const Lock *lock)
{
    if (lock_held_index(lock) < 0) {
        fprintf(stderr, "%s is expected to be held here\n", lock_class_name(lock->class));
        lock_die();
    }
}

void lock_assert_none(void)
{
    if (held.n) {
        fputs("no lock may be held here, because this may wait\n", stderr);
        lock_die();
    }
}

/* A thread that waits runs nothing, so the list of what it holds may stay as it is. */
static void lock_check_wait(const Lock *lock)
{
    lock_assert_held(lock);
    if (held.n > 1) {
        fprintf(stderr, "a wait under %s holds other locks as well\n", lock_class_name(lock->class));
        lock_die();
    }
}

#else
#define lock_check_wait(lock) ((void)0)
#endif

void cond_init(Cond *cond)
{
    pthread_condattr_t attr;
    int rc;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    rc = pthread_cond_init(&cond->cond, &attr);
    g_assert(rc == 0);
    pthread_condattr_destroy(&attr);
}

void cond_deinit(Cond *cond)
{
    int rc = pthread_cond_destroy(&cond->cond);

    g_assert(rc == 0);
}

void cond_wait_at(Cond *cond, Lock *lock, LockSite *site)
{
    int64_t begun;
    int rc;

    lock_check_wait(lock);
    begun = lock_profile_wait_begin(lock, site);
    rc = pthread_cond_wait(&cond->cond, &lock->mutex);
    g_assert(rc == 0);
    lock_profile_wait_end(lock, site, begun);
}

bool cond_wait_until_at(Cond *cond, Lock *lock, int64_t deadline, LockSite *site)
{
    struct timespec until;
    int64_t begun;
    int rc;

    lock_check_wait(lock);
    deadline = MAX(deadline, 0);
    until = (struct timespec){ .tv_sec = deadline / CLOCK_S, .tv_nsec = deadline % CLOCK_S };
    begun = lock_profile_wait_begin(lock, site);
    rc = pthread_cond_timedwait(&cond->cond, &lock->mutex, &until);
    g_assert(rc == 0 || rc == ETIMEDOUT);
    lock_profile_wait_end(lock, site, begun);
    return rc == 0;
}

void cond_signal(Cond *cond)
{
    pthread_cond_signal(&cond->cond);
}

void cond_broadcast(Cond *cond)
{
    pthread_cond_broadcast(&cond->cond);
}
