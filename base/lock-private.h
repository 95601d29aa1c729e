/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between lock.c, which waits for conditions, and lock-profile.c, which counts that. */
#pragma once

#include "base/lock.h"

#ifdef LOCK_PROFILE
/* Around a wait for a condition, both under the lock. Begin returns the time; nothing is to be kept between the two. */
int64_t lock_profile_wait_begin(Lock *lock, LockSite *site);
void lock_profile_wait_end(Lock *lock, LockSite *site, int64_t begun);
#else
#define lock_profile_wait_begin(lock, site) ((void)(lock), (void)(site), INT64_C(0))
#define lock_profile_wait_end(lock, site, begun) ((void)(lock), (void)(site), (void)(begun))
#endif
