/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many guests are built at a time. Building one keeps a processor busy most of the time; when twenty are asked for at once
 * and all are built side by side, the first of them is ready hardly sooner than the last. So there are as many places as
 * processors, given in the order in which they were asked for. A place that somebody has had for `patience` doesn't count any
 * more: who waits for a device or a disk keeps nobody else waiting for longer than that. For hypervisor-build.c. */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "base/lock.h"

/* Of whoever has or wants a place; on its stack, zeroed. */
typedef struct Place {
    GList link;
    int64_t until;            /* clock_now() when it counts no longer */
} Place;

typedef struct Places {
    unsigned limit;           /* fixed */
    int64_t patience;         /* fixed: ns */
    Lock lock;                /* LOCK_XEN_PLACES: all that follows. Held for a look at the queues only */
    Cond changed;
    GQueue waiting;           /* of Place, in their order */
    GQueue taken;             /* of Place, the oldest first */
} Places;

void places_init(Places *places, unsigned limit, int64_t patience);
void places_deinit(Places *places);    /* all were left, and nobody waits */
/* Waits for a place. No lock may be held; whoever has one must not ask for another. Any thread. */
void places_take(Places *places, Place *place);
void places_leave(Places *places, Place *place);
