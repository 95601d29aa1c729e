/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See places.h. Only the first in the queue watches the time; the others are woken when something has changed. */
#include "drivers/xen/places.h"

#include <stdbool.h>

#include "base/clock.h"

void places_init(Places *places, unsigned limit, int64_t patience)
{
    *places = (Places){ .limit = limit, .patience = patience, .waiting = G_QUEUE_INIT, .taken = G_QUEUE_INIT };
    lock_init(&places->lock, LOCK_XEN_PLACES);
    cond_init(&places->changed);
}

void places_deinit(Places *places)
{
    cond_deinit(&places->changed);
    lock_deinit(&places->lock);
}

/* When there is a place, if nobody leaves: 0 is now. With as many that count as there are places, the oldest of those has to
 * stop counting. */
static int64_t next_place_locked(Places *places)
{
    unsigned n = places->taken.length;
    const Place *oldest;

    lock_assert_held(&places->lock);
    if (n < places->limit)
        return 0;
    oldest = g_queue_peek_nth(&places->taken, n - places->limit);
    return oldest->until > clock_now() ? oldest->until : 0;
}

static void wait_locked(Places *places, Place *place)
{
    int64_t next = 0;

    lock_assert_held(&places->lock);
    while (places->waiting.head != &place->link || (next = next_place_locked(places)) != 0) {
        if (places->waiting.head != &place->link)
            cond_wait(&places->changed, &places->lock);
        else
            cond_wait_until(&places->changed, &places->lock, next);
    }
}

void places_take(Places *places, Place *place)
{
    lock_assert_none();
    place->link.data = place;
    LOCK_SCOPE(&places->lock);
    g_queue_push_tail_link(&places->waiting, &place->link);
    wait_locked(places, place);
    g_queue_unlink(&places->waiting, &place->link);
    place->until = clock_now() + places->patience;
    g_queue_push_tail_link(&places->taken, &place->link);
    cond_broadcast(&places->changed);    /* the next one is the first now */
}

void places_leave(Places *places, Place *place)
{
    LOCK_SCOPE(&places->lock);
    g_queue_unlink(&places->taken, &place->link);
    cond_broadcast(&places->changed);
}
