/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All devices of a guest one after another. Goes by the table of devices, so that a new kind needs no line here.
 * Pure functions of a config: any thread, no lock. */
#pragma once

#include <stdbool.h>

#include "conf/elements.h"

/* Everything in <devices> that has a DeviceInfo, in the order of the table:
 *   DeviceWalk walk = { .devices = &config->devices };
 *   while (device_walk_next(&walk)) … walk.element, walk.info …
 * Devices may be changed meanwhile, but none put in or taken out. */
typedef struct DeviceWalk {
    const Devices *devices;
    /* what the last step found */
    const char *element;    /* the name of its element */
    DeviceInfo *info;
    /* the walk's own */
    unsigned row, next;
} DeviceWalk;
bool device_walk_next(DeviceWalk *walk);    /* false: that was the last one */
