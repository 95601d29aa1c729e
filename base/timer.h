/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deadlines: one heap and one thread that calls back when a time has come.
 * Takes LOCK_TIMERS. Callbacks run on the timer thread without any lock, must be short
 * and must not wait; they may add and cancel timers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

typedef struct Timers Timers;
typedef struct Timer Timer;

struct Timer {
    void (*fire)(Timer *timer);    /* fixed before timer_start */
    /* under LOCK_TIMERS */
    int64_t when;                  /* clock_now() nanoseconds */
    unsigned place;                /* 1 + index in the heap; 0: not in it */
};

Timers *timers_new(void);     /* starts the thread "timer" */
void timers_free(Timers *timers);    /* joins it; what is still pending never fires */

/* Starts or moves the timer. The caller keeps it alive until it has fired or timer_cancel
 * returned true. Any thread. */
void timer_start(Timers *timers, Timer *timer, int64_t when);
/* True: it was pending and will not fire. False: it has fired, is firing, or never was started. */
bool timer_cancel(Timers *timers, Timer *timer);
