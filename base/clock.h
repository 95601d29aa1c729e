/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time: monotonic nanoseconds for waits and deadlines, real nanoseconds for people. */
#pragma once

#include <stdint.h>
#include <time.h>

#define CLOCK_MS INT64_C(1000000)
#define CLOCK_S INT64_C(1000000000)

static inline int64_t clock_read(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return now.tv_sec * CLOCK_S + now.tv_nsec;
}

/* Nanoseconds since some point in the past; never goes back. */
static inline int64_t clock_now(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

/* Nanoseconds since 1970. */
static inline int64_t clock_real(void)
{
    return clock_read(CLOCK_REALTIME);
}
