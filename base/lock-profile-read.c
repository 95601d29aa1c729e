/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The profile of locks, the side that tells: adds up what threads count while they go on counting. Any thread. Takes
 * LOCK_COUNTERS, which guards the list of threads and what is subtracted since a reset. */
#include "base/lock-profile-private.h"

#include <string.h>

#include "base/clock.h"

#ifdef LOCK_PROFILE

static void see_longest(uint64_t *sum, const uint64_t *longest)
{
    *sum = MAX(*sum, __atomic_load_n(longest, __ATOMIC_ACQUIRE));
}

/* Adds what a thread has counted, perhaps while it goes on counting. */
static void sum_waits(LockUse *sum, const LockWaits *waits, uint64_t epoch)
{
    const LockUse *use = &waits->use;

    if (__atomic_load_n(&waits->epoch, __ATOMIC_ACQUIRE) == epoch) {
        see_longest(&sum->waited_longest, &use->waited_longest);
        see_longest(&sum->held_longest, &use->held_longest);
        see_longest(&sum->idled_longest, &use->idled_longest);
    }
    sum->contended += lock_counter_get(&use->contended);
    sum->waited += lock_counter_get(&use->waited);
    sum->holds += lock_counter_get(&use->holds);
    sum->held += lock_counter_get(&use->held);
    sum->idle += lock_counter_get(&use->idle);
    sum->idled += lock_counter_get(&use->idled);
    for (unsigned i = 0; i < LOCK_WAIT_BUCKETS; i++)
        sum->waits[i] += lock_counter_get(&use->waits[i]);
}

void lock_profile_sum_locked(LockUse *sums, const LockThread *thread)
{
    unsigned n = __atomic_load_n(&lock_profile_state.n_slots, __ATOMIC_ACQUIRE);

    for (unsigned slot = 0; slot < n; slot++) {
        const LockWaits *waits = __atomic_load_n(&thread->waits[slot], __ATOMIC_ACQUIRE);

        if (waits)
            sum_waits(&sums[slot], waits, lock_profile_state.epoch);
        sums[slot].acquired += lock_counter_get(&thread->acquired[slot]);
    }
}

static void sum_all_locked(LockUse *sums)
{
    memcpy(sums, lock_profile_state.ended, sizeof lock_profile_state.ended);
    for (const LockThread *thread = lock_profile_state.threads; thread; thread = thread->next)
        lock_profile_sum_locked(sums, thread);
}

static void subtract(LockUse *use, const LockUse *base)
{
    use->acquired -= base->acquired;
    use->contended -= base->contended;
    use->waited -= base->waited;
    use->holds -= base->holds;
    use->held -= base->held;
    use->idle -= base->idle;
    use->idled -= base->idled;
    for (unsigned i = 0; i < LOCK_WAIT_BUCKETS; i++)
        use->waits[i] -= base->waits[i];
}

static void merge(LockUse *sum, const LockUse *use)
{
    sum->acquired += use->acquired;
    sum->contended += use->contended;
    sum->waited += use->waited;
    sum->holds += use->holds;
    sum->held += use->held;
    sum->idle += use->idle;
    sum->idled += use->idled;
    for (unsigned i = 0; i < LOCK_WAIT_BUCKETS; i++)
        sum->waits[i] += use->waits[i];
    sum->waited_longest = MAX(sum->waited_longest, use->waited_longest);
    sum->held_longest = MAX(sum->held_longest, use->held_longest);
    sum->idled_longest = MAX(sum->idled_longest, use->idled_longest);
}

/* --- telling ------------------------------------------------------------------------------------------ */

/* Paths as they are from the top of the source tree: the compiler was given this file's in the same way. */
static const char *path_from_top(const char *file)
{
    size_t top = strlen(__FILE__) - strlen("base/lock-profile-read.c");

    return strncmp(file, __FILE__, top) == 0 ? file + top : file;
}

/* A place in a header is one for each file that includes it; they are told as one. */
static LockSiteUse *site_entry(LockProfile *out, const SlotInfo *info)
{
    const char *file = info->site ? path_from_top(info->site->file) : "";
    int line = info->site ? info->site->line : 0;
    LockSiteUse *entry;

    for (unsigned i = 0; i < out->n_sites; i++)
        if (out->sites[i].class == info->class && out->sites[i].line == line && strcmp(out->sites[i].file, file) == 0)
            return &out->sites[i];
    entry = &out->sites[out->n_sites++];
    *entry = (LockSiteUse){ .class = info->class, .file = file, .line = line };
    return entry;
}

bool lock_profile_enabled(void)
{
    return true;
}

void lock_profile_read(LockProfile *out)
{
    g_autofree LockUse *sums = g_new(LockUse, LOCK_SLOTS);
    unsigned n;

    *out = (LockProfile){ .sites = g_new(LockSiteUse, LOCK_SLOTS) };
    lock_profile_lock();
    sum_all_locked(sums);
    n = lock_profile_state.n_slots;
    for (unsigned slot = 0; slot < n; slot++)
        subtract(&sums[slot], &lock_profile_state.baseline[slot]);
    out->elapsed = n ? (uint64_t)(clock_now() - lock_profile_state.since) : 0;
    out->threads = lock_profile_state.n_threads;
    lock_profile_unlock();
    for (unsigned slot = 0; slot < n; slot++) {
        const LockUse *use = &sums[slot];

        if (!use->acquired && !use->contended && !use->holds && !use->idle)
            continue;
        merge(&out->classes[lock_profile_state.slots[slot].class], use);
        merge(&site_entry(out, &lock_profile_state.slots[slot])->use, use);
    }
}

void lock_profile_totals(LockUse classes[LOCK_CLASSES])
{
    g_autofree LockUse *sums = g_new(LockUse, LOCK_SLOTS);
    unsigned n;

    memset(classes, 0, LOCK_CLASSES * sizeof *classes);
    lock_profile_lock();
    sum_all_locked(sums);
    n = lock_profile_state.n_slots;
    lock_profile_unlock();
    for (unsigned slot = 0; slot < n; slot++)
        merge(&classes[lock_profile_state.slots[slot].class], &sums[slot]);
}

static void forget_longest(LockUse *use)
{
    use->waited_longest = use->held_longest = use->idled_longest = 0;
}

void lock_profile_reset(void)
{
    g_autofree LockUse *sums = g_new(LockUse, LOCK_SLOTS);

    lock_profile_lock();
    sum_all_locked(sums);
    memcpy(lock_profile_state.baseline, sums, sizeof lock_profile_state.baseline);
    for (unsigned slot = 0; slot < LOCK_SLOTS; slot++)
        forget_longest(&lock_profile_state.ended[slot]);
    lock_counter_set(&lock_profile_state.epoch, lock_profile_state.epoch + 1);
    lock_profile_state.since = clock_now();
    lock_profile_unlock();
}

#else

bool lock_profile_enabled(void)
{
    return false;
}

void lock_profile_read(LockProfile *out)
{
    *out = (LockProfile){ 0 };
}

void lock_profile_totals(LockUse classes[LOCK_CLASSES])
{
    memset(classes, 0, LOCK_CLASSES * sizeof *classes);
}

void lock_profile_reset(void)
{
}

#endif

void lock_profile_clear(LockProfile *out)
{
    g_free(out->sites);
    *out = (LockProfile){ 0 };
}

uint64_t lock_use_quantile(const LockUse *use, double share)
{
    uint64_t all = 0, seen = 0;

    for (unsigned i = 0; i < LOCK_WAIT_BUCKETS; i++)
        all += use->waits[i];
    for (unsigned i = 0; i < LOCK_WAIT_BUCKETS; i++) {
        seen += use->waits[i];
        if (all && (double)seen >= share * (double)all)
            return MIN(UINT64_C(1) << (LOCK_WAIT_FIRST_BIT + i), use->waited_longest);
    }
    return 0;
}
