/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The profile of locks, the side that counts: every thread for itself, in memory of its own. Any thread. A counter has
 * one writer, its thread; others read it with relaxed atomics and stop nobody (lock-profile-read.c). A thread that ends
 * leaves its counts to those of the ended ones. Takes LOCK_COUNTERS when a thread or a place in the source is new and
 * when a thread ends.
 *
 * An acquisition that finds the lock free costs a count and a note in the lock of who holds it, and no look at the
 * clock. One that waits reads it before and after, and once more when it releases, since its hold is timed as well. A
 * thread that waits also leaves the time in the lock, so that the hold that it waited for is timed from then on: what is
 * known of the length of holds is of those that were in somebody's way. The note carries the lock's turn: it never
 * counts for another hold than the one that was waited for. */
#include "base/lock-profile-private.h"

#include "base/clock.h"

#ifdef LOCK_PROFILE

enum { TURN_BITS = 12 };
#define TIME_MASK ((UINT64_C(1) << (64 - TURN_BITS)) - 1)

LockProfileState lock_profile_state = { .lock = { .mutex = PTHREAD_MUTEX_INITIALIZER, .class = LOCK_COUNTERS } };

_Thread_local uint64_t *lock_profile_counts;
static _Thread_local LockThread *own_thread;

void lock_profile_lock(void)
{
    lock_check_acquire(&lock_profile_state.lock, __FILE__, __LINE__);
    pthread_mutex_lock(&lock_profile_state.lock.mutex);
}

void lock_profile_unlock(void)
{
    lock_check_release(&lock_profile_state.lock);
    pthread_mutex_unlock(&lock_profile_state.lock.mutex);
}

/* By the counter's one writer. */
static void add(uint64_t *counter, uint64_t more)
{
    lock_counter_set(counter, lock_counter_get(counter) + more);
}

/* After the sum that it belongs to, so that who reads it first never sees a sum below it. */
static void raise_to(uint64_t *longest, uint64_t value)
{
    if (value > lock_counter_get(longest))
        __atomic_store_n(longest, value, __ATOMIC_RELEASE);
}

/* --- threads and places ------------------------------------------------------------------------------- */

static void begin_locked(void)
{
    for (unsigned class = 0; class < LOCK_CLASSES; class++)
        lock_profile_state.slots[class] = (SlotInfo){ .class = (LockClass)class };
    lock_profile_state.since = clock_now();
    __atomic_store_n(&lock_profile_state.n_slots, LOCK_CLASSES, __ATOMIC_RELEASE);
}

/* At the end of a thread. */
static void end_thread(void *data)
{
    LockThread *thread = data;

    own_thread = NULL;
    lock_profile_counts = NULL;
    lock_profile_lock();
    lock_profile_sum_locked(lock_profile_state.ended, thread);
    *(thread->prev ? &thread->prev->next : &lock_profile_state.threads) = thread->next;
    if (thread->next)
        thread->next->prev = thread->prev;
    lock_profile_state.n_threads--;
    lock_profile_unlock();
    for (unsigned slot = 0; slot < LOCK_SLOTS; slot++)
        g_free(thread->waits[slot]);
    g_free(thread);
}

static LockThread *begin_thread(void)
{
    LockThread *thread = g_new0(LockThread, 1);

    lock_profile_lock();
    if (!lock_profile_state.n_slots) {
        int rc = pthread_key_create(&lock_profile_state.key, end_thread);

        g_assert(rc == 0);
        begin_locked();
    }
    thread->next = lock_profile_state.threads;
    if (thread->next)
        thread->next->prev = thread;
    lock_profile_state.threads = thread;
    lock_profile_state.n_threads++;
    lock_profile_unlock();
    pthread_setspecific(lock_profile_state.key, thread);
    lock_profile_counts = thread->acquired;
    return own_thread = thread;
}

static LockThread *this_thread(void)
{
    return G_LIKELY(own_thread) ? own_thread : begin_thread();
}

static uint32_t known_as(LockClass class, unsigned slot)
{
    return ((uint32_t)class + 1) << 16 | slot;
}

/* LOCK_SLOTS when the place has none yet for the class. */
static unsigned look_for_slot(const LockSite *site, LockClass class, unsigned n)
{
    for (unsigned slot = LOCK_CLASSES; slot < n; slot++)
        if (lock_profile_state.slots[slot].site == site && lock_profile_state.slots[slot].class == class)
            return slot;
    return LOCK_SLOTS;
}

static unsigned make_slot(const LockSite *site, LockClass class)
{
    unsigned slot;

    lock_profile_lock();
    slot = look_for_slot(site, class, lock_profile_state.n_slots);
    if (slot == LOCK_SLOTS && lock_profile_state.n_slots < LOCK_SLOTS) {
        slot = lock_profile_state.n_slots;
        lock_profile_state.slots[slot] = (SlotInfo){ site, class };
        __atomic_store_n(&lock_profile_state.n_slots, slot + 1, __ATOMIC_RELEASE);
    }
    lock_profile_unlock();
    return slot < LOCK_SLOTS ? slot : (unsigned)class;
}

G_GNUC_NO_INLINE static unsigned find_slot(LockSite *site, LockClass class)
{
    unsigned slot = look_for_slot(site, class, __atomic_load_n(&lock_profile_state.n_slots, __ATOMIC_ACQUIRE));

    if (slot == LOCK_SLOTS)
        slot = make_slot(site, class);
    __atomic_store_n(&site->known, known_as(class, slot), __ATOMIC_RELAXED);
    return slot;
}

static unsigned slot_of(LockSite *site, LockClass class)
{
    uint32_t known = __atomic_load_n(&site->known, __ATOMIC_RELAXED);

    return G_LIKELY(known >> 16 == (uint32_t)class + 1) ? known & 0xffff : find_slot(site, class);
}

/* --- counting ----------------------------------------------------------------------------------------- */

/* What the thread counts of waits at a place; the longest times begin anew after a reset. */
static LockUse *waits_at(LockThread *thread, unsigned slot)
{
    uint64_t epoch = lock_counter_get(&lock_profile_state.epoch);
    LockWaits *waits = thread->waits[slot];

    if (!waits) {
        waits = g_new0(LockWaits, 1);
        waits->epoch = epoch;
        __atomic_store_n(&thread->waits[slot], waits, __ATOMIC_RELEASE);
    } else if (waits->epoch != epoch) {
        lock_counter_set(&waits->use.waited_longest, 0);
        lock_counter_set(&waits->use.held_longest, 0);
        lock_counter_set(&waits->use.idled_longest, 0);
        __atomic_store_n(&waits->epoch, epoch, __ATOMIC_RELEASE);
    }
    return &waits->use;
}

static unsigned bucket_of(uint64_t wait)
{
    unsigned bit = wait ? 64 - (unsigned)__builtin_clzll(wait) : 0;

    return MIN(MAX(bit, LOCK_WAIT_FIRST_BIT) - LOCK_WAIT_FIRST_BIT, LOCK_WAIT_BUCKETS - 1);
}

/* The mark of a hold that is timed from `now` on. */
static uint64_t mark_of(uint32_t holder, int64_t now)
{
    return (uint64_t)(holder >> 16) << (64 - TURN_BITS) | ((uint64_t)now & TIME_MASK) | 1;
}

/* The turn is read before the clock, so the mark can't be earlier than the hold of that turn. */
G_GNUC_NO_INLINE static void acquire_contended(Lock *lock, LockThread *thread, unsigned slot)
{
    LockUse *use = waits_at(thread, slot);
    uint32_t holder = __atomic_load_n(&lock->holder, __ATOMIC_RELAXED);
    int64_t begun = clock_now(), now;
    uint64_t nobody = 0, wait;

    __atomic_compare_exchange_n(&lock->watched, &nobody, mark_of(holder, begun), false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    pthread_mutex_lock(&lock->mutex);
    now = clock_now();
    lock_profile_note(lock, slot);
    lock_counter_set(&lock->watched, mark_of(lock->holder, now));
    wait = (uint64_t)(now - begun);
    add(&use->contended, 1);
    add(&use->waited, wait);
    raise_to(&use->waited_longest, wait);
    add(&use->waits[bucket_of(wait)], 1);
}

void lock_profile_acquire_slowly(Lock *lock, LockSite *site, bool acquired)
{
    LockThread *thread = this_thread();
    unsigned slot = slot_of(site, lock->class);

    add(&thread->acquired[slot], 1);
    if (acquired)
        lock_profile_note(lock, slot);
    else
        acquire_contended(lock, thread, slot);
}

/* Ends the timing of this thread's hold. False: the mark was of another one. */
static bool take_mark(Lock *lock, uint64_t *held, int64_t now)
{
    uint64_t mark = lock_counter_get(&lock->watched);

    lock_counter_set(&lock->watched, 0);
    *held = ((uint64_t)now - mark) & TIME_MASK;
    return mark >> (64 - TURN_BITS) == (lock->holder >> 16 & ((1u << TURN_BITS) - 1));
}

static void count_hold(unsigned slot, uint64_t held)
{
    LockUse *use = waits_at(this_thread(), slot);

    held = held > TIME_MASK / 2 ? 0 : held;    /* the mark's lowest bit is always set */
    add(&use->holds, 1);
    add(&use->held, held);
    raise_to(&use->held_longest, held);
}

void lock_profile_release_watched(Lock *lock)
{
    unsigned slot = lock->holder & 0xffff;
    uint64_t held;
    bool mine = take_mark(lock, &held, clock_now());

    pthread_mutex_unlock(&lock->mutex);
    if (mine)
        count_hold(slot, held);
}

int64_t lock_profile_wait_begin(Lock *lock, LockSite *site)
{
    int64_t now = clock_now();
    uint64_t held;

    if (lock_counter_get(&lock->watched) && take_mark(lock, &held, now))
        count_hold(lock->holder & 0xffff, held);
    waits_at(this_thread(), slot_of(site, lock->class));
    return now;
}

void lock_profile_wait_end(Lock *lock, LockSite *site, int64_t begun)
{
    unsigned slot = slot_of(site, lock->class);
    LockUse *use = waits_at(this_thread(), slot);
    uint64_t idled = (uint64_t)(clock_now() - begun);

    lock_profile_note(lock, slot);
    add(&use->idle, 1);
    add(&use->idled, idled);
    raise_to(&use->idled_longest, idled);
}

#endif
