/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deadlines in a binary heap, and the thread "timer" that calls back when one has come.
 * Takes LOCK_TIMERS, never while calling back. The thread sleeps until the nearest deadline and is
 * woken only when a nearer one is added; cancelling wakes nobody. Never touches a timer after it
 * was taken from the heap but to call it. */
#include "base/timer.h"

#include "base/clock.h"
#include "base/lock.h"

struct Timers {
    /* fixed */
    GThread *thread;
    /* under LOCK_TIMERS */
    Lock lock;
    Cond changed;       /* the nearest deadline has moved nearer, or stop */
    GPtrArray *heap;    /* Timer *; no one fires after its children */
    bool stop;
};

static inline Timer *heap_at(const Timers *timers, unsigned i)
{
    return g_ptr_array_index(timers->heap, i);
}

static inline void heap_put(Timers *timers, unsigned i, Timer *timer)
{
    g_ptr_array_index(timers->heap, i) = timer;
    timer->place = i + 1;
}

static void heap_sift_up(Timers *timers, unsigned i, Timer *timer)
{
    while (i > 0) {
        unsigned parent = (i - 1) / 2;

        if (heap_at(timers, parent)->when <= timer->when)
            break;
        heap_put(timers, i, heap_at(timers, parent));
        i = parent;
    }
    heap_put(timers, i, timer);
}

static void heap_sift_down(Timers *timers, unsigned i, Timer *timer)
{
    for (;;) {
        unsigned child = 2 * i + 1;

        if (child >= timers->heap->len)
            break;
        if (child + 1 < timers->heap->len && heap_at(timers, child + 1)->when < heap_at(timers, child)->when)
            child++;
        if (timer->when <= heap_at(timers, child)->when)
            break;
        heap_put(timers, i, heap_at(timers, child));
        i = child;
    }
    heap_put(timers, i, timer);
}

/* Puts `timer`, whose deadline belongs at or around `i`, where the order wants it. */
static void heap_settle(Timers *timers, unsigned i, Timer *timer)
{
    if (i > 0 && heap_at(timers, (i - 1) / 2)->when > timer->when)
        heap_sift_up(timers, i, timer);
    else
        heap_sift_down(timers, i, timer);
}

static void heap_remove(Timers *timers, Timer *timer)
{
    unsigned i = timer->place - 1;
    Timer *last = heap_at(timers, timers->heap->len - 1);

    g_assert(heap_at(timers, i) == timer);
    timer->place = 0;
    g_ptr_array_set_size(timers->heap, (int)timers->heap->len - 1);
    if (last != timer)
        heap_settle(timers, i, last);
}

/* The next timer whose time has come, taken from the heap; waits for it. NULL: stop. */
static Timer *timers_next_locked(Timers *timers)
{
    lock_assert_held(&timers->lock);
    while (!timers->stop) {
        Timer *first = timers->heap->len ? heap_at(timers, 0) : NULL;

        if (!first) {
            cond_wait(&timers->changed, &timers->lock);
        } else if (first->when <= clock_now()) {
            heap_remove(timers, first);
            return first;
        } else {
            cond_wait_until(&timers->changed, &timers->lock, first->when);
        }
    }
    return NULL;
}

static gpointer timers_run(gpointer data)
{
    Timers *timers = data;
    Timer *timer;

    lock_acquire(&timers->lock);
    while ((timer = timers_next_locked(timers))) {
        lock_release(&timers->lock);
        timer->fire(timer);
        lock_acquire(&timers->lock);
    }
    lock_release(&timers->lock);
    return NULL;
}

Timers *timers_new(void)
{
    Timers *timers = g_new0(Timers, 1);

    lock_init(&timers->lock, LOCK_TIMERS);
    cond_init(&timers->changed);
    timers->heap = g_ptr_array_new();
    timers->thread = g_thread_new("timer", timers_run, timers);
    return timers;
}

void timers_free(Timers *timers)
{
    if (!timers)
        return;
    lock_acquire(&timers->lock);
    timers->stop = true;
    cond_signal(&timers->changed);
    lock_release(&timers->lock);
    g_thread_join(timers->thread);
    g_ptr_array_free(timers->heap, TRUE);
    cond_deinit(&timers->changed);
    lock_deinit(&timers->lock);
    g_free(timers);
}

void timer_start(Timers *timers, Timer *timer, int64_t when)
{
    LOCK_SCOPE(&timers->lock);
    timer->when = when;
    if (timer->place) {
        heap_settle(timers, timer->place - 1, timer);
    } else {
        g_ptr_array_add(timers->heap, timer);
        heap_sift_up(timers, timers->heap->len - 1, timer);
    }
    if (timer->place == 1)
        cond_signal(&timers->changed);
}

bool timer_cancel(Timers *timers, Timer *timer)
{
    LOCK_SCOPE(&timers->lock);
    if (!timer->place)
        return false;
    heap_remove(timers, timer);
    return true;
}
