/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The profile of locks: every thread counts for itself, in memory of its own, and whoever wants to know adds up.
 * Any thread. A counter has one writer, its thread; others read it with relaxed atomics and stop nobody. A thread that
 * ends leaves its counts to those of the ended ones. LOCK_COUNTERS, which is not counted itself, guards the list of
 * threads, the table of places and what was subtracted at a reset.
 *
 * An acquisition that finds the lock free costs a count and a note in the lock of who holds it, and no look at the
 * clock. One that waits reads it before and after, and once more when it releases, since its hold is timed as well. A
 * thread that waits also leaves the time in the lock, so that the hold that it waited for is timed from then on: what is
 * known of the length of holds is of those that were in somebody's way. The note carries the lock's turn: it never
 * counts for another hold than the one that was waited for. */
#include "base/lock-private.h"

#include <string.h>

#include "base/clock.h"
#include "base/lock-profile.h"

#ifdef LOCK_PROFILE

enum { SLOTS = 512, TURN_BITS = 12 };
#define TIME_MASK ((UINT64_C(1) << (64 - TURN_BITS)) - 1)

/* Made when a thread first waits at a place. Only `epoch` and the longest times aren't sums: they are of this epoch. */
typedef struct LockWaits {
    LockUse use;    /* without `acquired` */
    uint64_t epoch;
} LockWaits;

typedef struct LockThread {
    struct LockThread *next, *prev;    /* under LOCK_COUNTERS */
    /* written by the thread itself, relaxed atomics */
    uint64_t acquired[SLOTS];
    LockWaits *waits[SLOTS];           /* published: NULL, or there until the thread ends */
} LockThread;

typedef struct SlotInfo {
    const LockSite *site;    /* NULL: all places of the class that found no slot */
    LockClass class;
} SlotInfo;

static struct {
    Lock lock;
    /* relaxed atomic, changed under LOCK_COUNTERS */
    uint64_t epoch;             /* how many resets there were */
    unsigned n_slots;           /* released when the slot below it is filled in; 0: nothing was begun */
    SlotInfo slots[SLOTS];      /* fixed when n_slots is above it */
    /* under LOCK_COUNTERS */
    pthread_key_t key;          /* whose destructor tells of a thread's end */
    LockThread *threads;
    unsigned n_threads;
    int64_t since;
    LockUse ended[SLOTS];       /* what ended threads have counted */
    LockUse baseline[SLOTS];    /* what had been counted at the last reset */
} profile = { .lock = { .mutex = PTHREAD_MUTEX_INITIALIZER, .class = LOCK_COUNTERS } };

static _Thread_local LockThread *own_thread;

static void profile_lock(void)
{
    lock_check_acquire(&profile.lock, __FILE__, __LINE__);
    pthread_mutex_lock(&profile.lock.mutex);
}

static void profile_unlock(void)
{
    lock_check_release(&profile.lock);
    pthread_mutex_unlock(&profile.lock.mutex);
}

static uint64_t get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void set(uint64_t *counter, uint64_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

/* By the counter's one writer. */
static void add(uint64_t *counter, uint64_t more)
{
    set(counter, get(counter) + more);
}

/* After the sum that it belongs to, so that who reads it first never sees a sum below it. */
static void raise_to(uint64_t *longest, uint64_t value)
{
    if (value > get(longest))
        __atomic_store_n(longest, value, __ATOMIC_RELEASE);
}

static void see_longest(uint64_t *sum, const uint64_t *longest)
{
    *sum = MAX(*sum, __atomic_load_n(longest, __ATOMIC_ACQUIRE));
}

/* --- sums ------------------------------------------------------------------------------------------- */

/* Adds what a thread has counted, perhaps while it goes on counting. */
static void sum_waits(LockUse *sum, const LockWaits *waits, uint64_t epoch)
{
    const LockUse *use = &waits->use;

    if (__atomic_load_n(&waits->epoch, __ATOMIC_ACQUIRE) == epoch) {
        see_longest(&sum->waited_longest, &use->waited_longest);
        see_longest(&sum->held_longest, &use->held_longest);
        see_longest(&sum->idled_longest, &use->idled_longest);
    }
    sum->contended += get(&use->contended);
    sum->waited += get(&use->waited);
    sum->holds += get(&use->holds);
    sum->held += get(&use->held);
    sum->idle += get(&use->idle);
    sum->idled += get(&use->idled);
    for (unsigned i = 0; i < LOCK_WAIT_BUCKETS; i++)
        sum->waits[i] += get(&use->waits[i]);
}

static void sum_thread_locked(LockUse *sums, const LockThread *thread)
{
    unsigned n = __atomic_load_n(&profile.n_slots, __ATOMIC_ACQUIRE);

    for (unsigned slot = 0; slot < n; slot++) {
        const LockWaits *waits = __atomic_load_n(&thread->waits[slot], __ATOMIC_ACQUIRE);

        if (waits)
            sum_waits(&sums[slot], waits, profile.epoch);
        sums[slot].acquired += get(&thread->acquired[slot]);
    }
}

static void sum_all_locked(LockUse *sums)
{
    memcpy(sums, profile.ended, sizeof profile.ended);
    for (const LockThread *thread = profile.threads; thread; thread = thread->next)
        sum_thread_locked(sums, thread);
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

/* --- threads and places ------------------------------------------------------------------------------- */

static void begin_locked(void)
{
    for (unsigned class = 0; class < LOCK_CLASSES; class++)
        profile.slots[class] = (SlotInfo){ .class = (LockClass)class };
    profile.since = clock_now();
    __atomic_store_n(&profile.n_slots, LOCK_CLASSES, __ATOMIC_RELEASE);
}

/* At the end of a thread. */
static void end_thread(void *data)
{
    LockThread *thread = data;

    own_thread = NULL;
    profile_lock();
    sum_thread_locked(profile.ended, thread);
    *(thread->prev ? &thread->prev->next : &profile.threads) = thread->next;
    if (thread->next)
        thread->next->prev = thread->prev;
    profile.n_threads--;
    profile_unlock();
    for (unsigned slot = 0; slot < SLOTS; slot++)
        g_free(thread->waits[slot]);
    g_free(thread);
}

static LockThread *begin_thread(void)
{
    LockThread *thread = g_new0(LockThread, 1);

    profile_lock();
    if (!profile.n_slots) {
        int rc = pthread_key_create(&profile.key, end_thread);

        g_assert(rc == 0);
        begin_locked();
    }
    thread->next = profile.threads;
    if (thread->next)
        thread->next->prev = thread;
    profile.threads = thread;
    profile.n_threads++;
    profile_unlock();
    pthread_setspecific(profile.key, thread);
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

/* SLOTS when the place has none yet for the class. */
static unsigned look_for_slot(const LockSite *site, LockClass class, unsigned n)
{
    for (unsigned slot = LOCK_CLASSES; slot < n; slot++)
        if (profile.slots[slot].site == site && profile.slots[slot].class == class)
            return slot;
    return SLOTS;
}

static unsigned make_slot(const LockSite *site, LockClass class)
{
    unsigned slot;

    profile_lock();
    slot = look_for_slot(site, class, profile.n_slots);
    if (slot == SLOTS && profile.n_slots < SLOTS) {
        slot = profile.n_slots;
        profile.slots[slot] = (SlotInfo){ site, class };
        __atomic_store_n(&profile.n_slots, slot + 1, __ATOMIC_RELEASE);
    }
    profile_unlock();
    return slot < SLOTS ? slot : (unsigned)class;
}

G_GNUC_NO_INLINE static unsigned find_slot(LockSite *site, LockClass class)
{
    unsigned slot = look_for_slot(site, class, __atomic_load_n(&profile.n_slots, __ATOMIC_ACQUIRE));

    if (slot == SLOTS)
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
    uint64_t epoch = get(&profile.epoch);
    LockWaits *waits = thread->waits[slot];

    if (!waits) {
        waits = g_new0(LockWaits, 1);
        waits->epoch = epoch;
        __atomic_store_n(&thread->waits[slot], waits, __ATOMIC_RELEASE);
    } else if (waits->epoch != epoch) {
        set(&waits->use.waited_longest, 0);
        set(&waits->use.held_longest, 0);
        set(&waits->use.idled_longest, 0);
        __atomic_store_n(&waits->epoch, epoch, __ATOMIC_RELEASE);
    }
    return &waits->use;
}

static unsigned bucket_of(uint64_t wait)
{
    unsigned bit = wait ? 64 - (unsigned)__builtin_clzll(wait) : 0;

    return MIN(MAX(bit, LOCK_WAIT_FIRST_BIT) - LOCK_WAIT_FIRST_BIT, LOCK_WAIT_BUCKETS - 1);
}

static void note_holder(Lock *lock, unsigned slot)
{
    __atomic_store_n(&lock->slot, (uint16_t)slot, __ATOMIC_RELAXED);
    __atomic_store_n(&lock->turn, (uint16_t)(lock->turn + 1), __ATOMIC_RELAXED);
}

/* The mark of a hold that is timed from `now` on. */
static uint64_t mark_of(uint16_t turn, int64_t now)
{
    return (uint64_t)turn << (64 - TURN_BITS) | ((uint64_t)now & TIME_MASK) | 1;
}

/* The turn is read before the clock, so the mark can't be earlier than the hold of that turn. */
G_GNUC_NO_INLINE static void acquire_contended(Lock *lock, LockThread *thread, unsigned slot)
{
    LockUse *use = waits_at(thread, slot);
    uint16_t turn = __atomic_load_n(&lock->turn, __ATOMIC_RELAXED);
    int64_t begun = clock_now(), now;
    uint64_t nobody = 0, wait;

    __atomic_compare_exchange_n(&lock->watched, &nobody, mark_of(turn, begun), false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    pthread_mutex_lock(&lock->mutex);
    now = clock_now();
    note_holder(lock, slot);
    set(&lock->watched, mark_of(lock->turn, now));
    wait = (uint64_t)(now - begun);
    add(&use->contended, 1);
    add(&use->waited, wait);
    raise_to(&use->waited_longest, wait);
    add(&use->waits[bucket_of(wait)], 1);
}

void lock_profile_acquire(Lock *lock, LockSite *site)
{
    LockThread *thread = this_thread();
    unsigned slot = slot_of(site, lock->class);

    add(&thread->acquired[slot], 1);
    if (G_LIKELY(pthread_mutex_trylock(&lock->mutex) == 0))
        note_holder(lock, slot);
    else
        acquire_contended(lock, thread, slot);
}

/* Ends the timing of this thread's hold. False: the mark was of another one. */
static bool take_mark(Lock *lock, uint64_t *held, int64_t now)
{
    uint64_t mark = get(&lock->watched);

    set(&lock->watched, 0);
    *held = ((uint64_t)now - mark) & TIME_MASK;
    return mark >> (64 - TURN_BITS) == (lock->turn & ((1u << TURN_BITS) - 1));
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
    unsigned slot = lock->slot;
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

    if (get(&lock->watched) && take_mark(lock, &held, now))
        count_hold(lock->slot, held);
    waits_at(this_thread(), slot_of(site, lock->class));
    return now;
}

void lock_profile_wait_end(Lock *lock, LockSite *site, int64_t begun)
{
    unsigned slot = slot_of(site, lock->class);
    LockUse *use = waits_at(this_thread(), slot);
    uint64_t idled = (uint64_t)(clock_now() - begun);

    note_holder(lock, slot);
    add(&use->idle, 1);
    add(&use->idled, idled);
    raise_to(&use->idled_longest, idled);
}

/* --- telling ------------------------------------------------------------------------------------------ */

/* Paths as they are from the top of the source tree: the compiler was given this file's in the same way. */
static const char *path_from_top(const char *file)
{
    size_t top = strlen(__FILE__) - strlen("base/lock-profile.c");

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
    g_autofree LockUse *sums = g_new(LockUse, SLOTS);
    unsigned n;

    *out = (LockProfile){ .sites = g_new(LockSiteUse, SLOTS) };
    profile_lock();
    sum_all_locked(sums);
    n = profile.n_slots;
    for (unsigned slot = 0; slot < n; slot++)
        subtract(&sums[slot], &profile.baseline[slot]);
    out->elapsed = n ? (uint64_t)(clock_now() - profile.since) : 0;
    out->threads = profile.n_threads;
    profile_unlock();
    for (unsigned slot = 0; slot < n; slot++) {
        const LockUse *use = &sums[slot];

        if (!use->acquired && !use->contended && !use->holds && !use->idle)
            continue;
        merge(&out->classes[profile.slots[slot].class], use);
        merge(&site_entry(out, &profile.slots[slot])->use, use);
    }
}

void lock_profile_reset(void)
{
    g_autofree LockUse *sums = g_new(LockUse, SLOTS);

    profile_lock();
    sum_all_locked(sums);
    memcpy(profile.baseline, sums, sizeof profile.baseline);
    for (unsigned slot = 0; slot < SLOTS; slot++)
        profile.ended[slot].waited_longest = profile.ended[slot].held_longest = profile.ended[slot].idled_longest = 0;
    set(&profile.epoch, profile.epoch + 1);
    profile.since = clock_now();
    profile_unlock();
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
