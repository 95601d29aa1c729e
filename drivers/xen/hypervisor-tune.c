/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam's sizes of a guest that runs: what its balloon driver shall leave it, and how many virtual CPUs it has.
 * Inside a job of the domain; may wait for xenstored and a device model. */
#include "drivers/xen/real.h"

#include <errno.h>

#include <libxl_utils.h>

/* What was said goes to the caller when it failed. */
static int finish(MachineContext *context, int rc, char **why)
{
    if (rc != 0)
        *why = machine_why(context);
    machine_context_close(context);
    return machine_errno(rc);
}

int machine_set_memory(Hypervisor *hv, int id, uint64_t kib, char **why)
{
    MachineContext context;
    int r = machine_context_open(&context);

    if (r < 0)
        return r;
    /* enforced: the hypervisor gives it no more either */
    return finish(&context, libxl_set_memory_target(context.ctx, (uint32_t)id, (int64_t)kib, 0, 1), why);
}

int machine_set_vcpus(Hypervisor *hv, int id, unsigned n, char **why)
{
    MachineContext context;
    libxl_bitmap map;
    int rc, r = machine_context_open(&context);

    if (r < 0)
        return r;
    libxl_bitmap_init(&map);
    rc = libxl_cpu_bitmap_alloc(context.ctx, &map, (int)n);
    for (unsigned i = 0; i < n && rc == 0; i++)
        libxl_bitmap_set(&map, (int)i);
    if (rc == 0)
        rc = libxl_set_vcpuonline(context.ctx, (uint32_t)id, &map, NULL);
    libxl_bitmap_dispose(&map);
    return finish(&context, rc, why);
}
