/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions about models of CPUs, from libvirt's CPU map: they need no hypervisor. Any driver may put these functions into its
 * table. The map is read from disk at the first question and then shared by all hosts for good; of two threads that read it at once
 * one throws its copy away, so there is no lock. Runs on workers. */
#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "conf/cpu/cpu.h"
#include "drivers/common/common.h"
#include "drivers/common/op.h"

static CpuMap *shared;    /* atomic; NULL until somebody asked */

/* NULL and an error when it can't be read. */
static const CpuMap *cpu_map(Op *op)
{
    CpuMap *map = g_atomic_pointer_get(&shared);

    if (map)
        return map;
    map = cpu_map_load(CPU_MAP_FOLDER, op->error);
    if (map && !g_atomic_pointer_compare_and_exchange(&shared, NULL, map)) {
        cpu_map_free(map);
        map = g_atomic_pointer_get(&shared);
    }
    return map;
}

bool common_may_block(const Host *host, const Proc *proc)
{
    return proc->number == REMOTE_PROC_CONNECT_GET_CPU_MODEL_NAMES;
}

int common_connect_baseline_cpu(Op *op, const RemoteConnectBaselineCpuArgs *args,
                                RemoteConnectBaselineCpuResult *result)
{
    const CpuMap *map;
    unsigned flags = 0;

    if (op_check_flags(op, args->flags, VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES) < 0 || !(map = cpu_map(op)))
        return -1;
    if (args->flags & VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES)
        flags |= CPU_BASELINE_EXPAND;
    result->cpu = cpu_baseline(map, args->xmlCPUs, args->n_xmlCPUs, NULL, flags, op->arena, op->error);
    return result->cpu ? 0 : -1;
}

int common_connect_get_cpu_model_names(Op *op, const RemoteConnectGetCpuModelNamesArgs *args,
                                       RemoteConnectGetCpuModelNamesResult *result)
{
    const char *const *models;
    const CpuMap *map;
    int n;

    if (op_check_flags(op, args->flags, 0) < 0 || !(map = cpu_map(op)))
        return -1;
    n = cpu_map_models(map, args->arch, &models, op->error);
    if (n < 0)
        return -1;
    result->ret = n;
    if (args->need_results) {
        result->n_models = (uint32_t)n;
        result->models = (const char **)models;
    }
    return 0;
}
