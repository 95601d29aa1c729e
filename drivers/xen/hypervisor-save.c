/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam's operations on a guest's state as a whole, through libxl: written to a descriptor, put to sleep,
 * let go on after that, and its memory written to a file. Each lasts as long as the copy does, or as the guest takes to suspend
 * itself, for which libxl has limits; what ends the guest meanwhile ends it.
 * In a job of the domain, on a thread that may wait for minutes; no lock. */
#include "drivers/xen/real.h"

#include <libxl.h>

/* A call of libxl's about one domain, in a context of its own. */
static int call_machine(int id, int (*call)(libxl_ctx *ctx, uint32_t id, const void *data), const void *data, char **why)
{
    MachineContext context;
    int r = machine_context_open(&context);

    if (r < 0)
        return r;
    r = machine_errno(call(context.ctx, (uint32_t)id, data));
    if (r < 0)
        *why = machine_why(&context);
    machine_context_close(&context);
    return r;
}

static int call_suspend(libxl_ctx *ctx, uint32_t id, const void *data)
{
    return libxl_domain_suspend(ctx, id, *(const int *)data, 0, NULL);
}

int machine_save(Hypervisor *hv, int id, int stream, char **why)
{
    return call_machine(id, call_suspend, &stream, why);
}

static int call_sleep(libxl_ctx *ctx, uint32_t id, const void *data)
{
    return libxl_domain_suspend_only(ctx, id, NULL);
}

int machine_sleep(Hypervisor *hv, int id, char **why)
{
    return call_machine(id, call_sleep, NULL, why);
}

/* The guest is told that its suspension was cancelled: guests of the last ten years and more understand that. */
static int call_resume(libxl_ctx *ctx, uint32_t id, const void *data)
{
    return libxl_domain_resume(ctx, id, 1, NULL);
}

int machine_go_on(Hypervisor *hv, int id, char **why)
{
    return call_machine(id, call_resume, NULL, why);
}

static int call_dump(libxl_ctx *ctx, uint32_t id, const void *data)
{
    return libxl_domain_core_dump(ctx, id, data, NULL);
}

int machine_dump(Hypervisor *hv, int id, const char *path, char **why)
{
    return call_machine(id, call_dump, path, why);
}
