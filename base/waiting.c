/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who hears that a thread waits: thread-local, no lock. */
#include "base/waiting.h"

#include <stddef.h>

#include "base/lock.h"

static _Thread_local Waiter *own_waiter;

void waiting_watch(Waiter *waiter)
{
    own_waiter = waiter;
}

void waiting_begin(void)
{
    Waiter *waiter = own_waiter;

    lock_assert_none();
    if (waiter && waiter->depth++ == 0)
        waiter->changed(waiter, true);
}

void waiting_end(void)
{
    Waiter *waiter = own_waiter;

    if (waiter && --waiter->depth == 0)
        waiter->changed(waiter, false);
}
