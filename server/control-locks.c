/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What droverctl asks of the profile of locks. I/O threads, in the control lane; waits for nothing. Takes LOCK_COUNTERS
 * through the profile. */
#include "server/admin-private.h"

#include <string.h>

#include "base/i18n.h"
#include "base/lock-profile.h"
#include "rpc/control-types.h"

static bool may_profile(Call *call, uint32_t flags)
{
    if (admin_check_flags(call, flags) < 0)
        return false;
    if (lock_profile_enabled())
        return true;
    error_set(&call->error, VIR_FROM_ADMIN, VIR_ERR_NO_SUPPORT, "%s", _("this droverd was built without the profile of locks"));
    return false;
}

static ControlLockUse lock_use(Call *call, LockClass class, const char *file, int line, const LockUse *use)
{
    ControlLockUse shown = {
        .lock = lock_class_name(class), .rank = (uint32_t)lock_class_rank(class), .file = file, .line = (uint32_t)line,
        .acquired = use->acquired, .contended = use->contended, .waited = use->waited,
        .waited_longest = use->waited_longest, .holds = use->holds, .held = use->held,
        .held_longest = use->held_longest, .idle = use->idle, .idled = use->idled, .idled_longest = use->idled_longest,
        .n_waits = LOCK_WAIT_BUCKETS, .waits = arena_array(&call->arena, LOCK_WAIT_BUCKETS, sizeof *shown.waits),
    };

    memcpy(shown.waits, use->waits, sizeof use->waits);
    return shown;
}

int control_lock_profile(AdminSession *session, Call *call, const void *data, void *out)
{
    const ControlLockProfileArgs *args = data;
    ControlLockProfileResult *result = out;
    LockProfile profile;

    if (!may_profile(call, args->flags))
        return -1;
    lock_profile_read(&profile);
    result->elapsed = profile.elapsed;
    result->threads = profile.threads;
    result->n_classes = LOCK_CLASSES;
    result->classes = arena_array(&call->arena, LOCK_CLASSES, sizeof *result->classes);
    for (unsigned i = 0; i < LOCK_CLASSES; i++)
        result->classes[i] = lock_use(call, (LockClass)i, "", 0, &profile.classes[i]);
    result->n_sites = profile.n_sites;
    result->sites = arena_array(&call->arena, profile.n_sites, sizeof *result->sites);
    for (unsigned i = 0; i < profile.n_sites; i++) {
        const LockSiteUse *site = &profile.sites[i];

        result->sites[i] = lock_use(call, site->class, site->file, site->line, &site->use);
    }
    lock_profile_clear(&profile);
    return 0;
}

int control_lock_reset(AdminSession *session, Call *call, const void *data, void *out)
{
    const ControlLockResetArgs *args = data;

    if (!may_profile(call, args->flags))
        return -1;
    lock_profile_reset();
    return 0;
}
