/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs, small.procs; change those.
 * Members of struct Driver (drivers/driver.h), which includes this file inside. */

    /* small */
    int (*thing_suspend)(Op *op, const SmallThingSuspendArgs *args);
    int (*thing_get_info)(Op *op, const SmallThingGetInfoArgs *args, SmallThingGetInfoResult *result);
    int (*thing_list_all)(Op *op, const SmallThingListAllArgs *args, SmallThingListAllResult *result);
    int (*thing_create_flags)(Op *op, const SmallThingCreateFlagsArgs *args, SmallThingCreateFlagsResult *result);
    int (*thing_put)(Op *op, const SmallThingPutArgs *args, SmallThingPutResult *result);
    int (*thing_move)(Op *op, const SmallThingMoveArgs *args);
