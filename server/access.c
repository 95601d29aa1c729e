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
