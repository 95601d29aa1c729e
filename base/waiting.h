/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread says that it is about to wait for something other than a processor: a disk, a guest, another program. Whoever
 * made the thread may want to know, as the pool of workers does, which lets as many compute as there are processors.
 * Any thread; nobody needs to say it, but who does is not taken for one that computes. */
#pragma once

#include <stdbool.h>

typedef struct Waiter Waiter;
struct Waiter {
    /* fixed; the thread itself calls it, with no lock held */
    void (*changed)(Waiter *waiter, bool waits);
    /* the thread's own */
    unsigned depth;
};

/* Who hears of the calling thread; NULL: nobody. It lives as long as it is set. */
void waiting_watch(Waiter *waiter);
/* These nest. No lock may be held. */
void waiting_begin(void);
void waiting_end(void);
