/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (7) May this client make this call? Decided from the row and the call's flags, before a document is
 * parsed or an object looked up. Any thread; takes no lock. */
#include "server/server.h"

#include "base/i18n.h"

uint32_t flags_of(const Proc *proc, const void *args)
{
    uint32_t flags = 0;

    if (proc->flags_at >= 0 && args)
        memcpy(&flags, (const char *)args + proc->flags_at, sizeof flags);
    return flags;
}

int access_check(bool read_only, const Proc *proc, const void *args, Error *error)
{
    if (!read_only)
        return 0;
    if (proc->flags & PROC_RO_DENIED)
        return error_set(error, proc->error_domain, VIR_ERR_OPERATION_DENIED,
                         _("read only access prevents %s"), *proc->api ? proc->api : proc->name);
    if (flags_of(proc, args) & proc->ro_flags)
        return error_set(error, proc->error_domain, VIR_ERR_OPERATION_DENIED,
                         _("read only access prevents %s with flags 0x%x"), *proc->api ? proc->api : proc->name,
                         flags_of(proc, args) & proc->ro_flags);
    return 0;
}

static bool is_asked_for(const ProcRight *right, uint32_t flags)
{
    return (!right->only_with || flags & right->only_with) && !(flags & right->not_with);
}

static int deny(const Proc *proc, const ProcRight *right, Error *error)
{
    return error_set(error, VIR_FROM_ACCESS, VIR_ERR_ACCESS_DENIED, _("%s needs the right %s:%s"),
                     *proc->api ? proc->api : proc->name, right->object, right->permission);
}

int access_check_policy(const Policy *policy, const char *who, const Proc *proc, const void *args, Error *error)
{
    uint32_t flags = flags_of(proc, args);

    if (G_LIKELY(!policy))
        return 0;
    for (const ProcRight *right = proc->rights; right->object; right++)
        if (is_asked_for(right, flags) && !policy_allows(policy, who, right->object, right->permission, NULL))
            return deny(proc, right, error);
    if (proc->filter.object && !policy_allows(policy, who, proc->filter.object, proc->filter.permission, NULL))
        return deny(proc, &proc->filter, error);
    return 0;
}
