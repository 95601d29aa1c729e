/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs, small.procs; change those.
 * Calls the operation of a procedure with its own types. */
#include "server/invoke.h"

#include <string.h>

#include <libvirt/libvirt.h>

static int small_run_thing_suspend(Op *op, const void *args, void *result)
{
    return op->host->driver->thing_suspend(op, args);
}

static int small_run_thing_get_info(Op *op, const void *args, void *result)
{
    return op->host->driver->thing_get_info(op, args, result);
}

static int small_run_thing_list_all(Op *op, const void *args, void *result)
{
    return op->host->driver->thing_list_all(op, args, result);
}

static int small_run_thing_create_flags(Op *op, const void *args, void *result)
{
    return op->host->driver->thing_create_flags(op, args, result);
}

static int small_run_thing_put(Op *op, const void *args, void *result)
{
    return op->host->driver->thing_put(op, args, result);
}

static int small_run_thing_move(Op *op, const void *args, void *result)
{
    return op->host->driver->thing_move(op, args);
}

static void small_args_thing_create(const void *source, void *target)
{
    const SmallThingCreateArgs *from = source;
    SmallThingCreateFlagsArgs *to = target;

    to->dom = from->dom;
    to->n_names = from->n_names;
    to->names = from->names;
    memcpy(to->uuid, from->uuid, sizeof(to->uuid));
    to->flags = 1 | VIR_DOMAIN_START_PAUSED;
}

static int small_run_thing_create(Op *op, const void *args, void *result)
{
    SmallThingCreateFlagsArgs newer = { 0 };
    SmallThingCreateFlagsResult answer = { 0 };

    small_args_thing_create(args, &newer);
    if (small_run_thing_create_flags(op, &newer, &answer) < 0)
        return -1;
    return 0;
}

const Invoke small_invoke[12] = {
    [1] = {
        .op_at = offsetof(struct Driver, thing_suspend),
        .invoke = small_run_thing_suspend,
    },
    [2] = {
        .op_at = offsetof(struct Driver, thing_get_info),
        .invoke = small_run_thing_get_info,
    },
    [3] = {
        .op_at = offsetof(struct Driver, thing_list_all),
        .invoke = small_run_thing_list_all,
    },
    [4] = {
        .op_at = offsetof(struct Driver, thing_create_flags),
        .invoke = small_run_thing_create,
        .via = 5,
        .via_args = small_args_thing_create,
    },
    [5] = {
        .op_at = offsetof(struct Driver, thing_create_flags),
        .invoke = small_run_thing_create_flags,
    },
    [6] = {
        .op_at = offsetof(struct Driver, thing_put),
        .invoke = small_run_thing_put,
    },
    [7] = {
        .op_at = offsetof(struct Driver, thing_move),
        .invoke = small_run_thing_move,
    },
};
