/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All devices of a guest one after another: see device-walk.h. Any thread, no lock; changes nothing. */
#include "conf/device-walk.h"

#include "conf/device-private.h"
#include "conf/element-private.h"

/* The i-th device of a row; NULL behind the last one. */
static void *device_at(const ElementRow *row, const Devices *devices, unsigned i)
{
    if (row->place == ROW_LIST)
        return i < ROW_AT(devices, row->more, const unsigned) ? ROW_AT(devices, row->offset, void **const)[i] : NULL;
    return row->place == ROW_CHILD && i == 0 ? ROW_AT(devices, row->offset, void *const) : NULL;
}

bool device_walk_next(DeviceWalk *walk)
{
    for (; walk->row < devices_type.n_rows; walk->row++, walk->next = 0) {
        const ElementRow *row = &devices_type.rows[walk->row];
        void *device = device_at(row, walk->devices, walk->next);

        walk->info = device ? (DeviceInfo *)device_info(row->type, device) : NULL;
        if (walk->info) {
            walk->element = row->name;
            walk->next++;
            return true;
        }
    }
    return false;
}
