/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a driver that is a module of its own shows to the server: one constant, under one name. droverd looks at
 * `version` and `size` before it believes anything else, since a module may be older than the droverd beside it. */
#pragma once

#include <stddef.h>

#include "drivers/driver.h"

typedef struct DriverModule {
    size_t size;              /* of struct Driver, as the module knows it */
    const char *version;      /* of drover, as the module was built */
    const Driver *driver;
} DriverModule;

#define DRIVER_MODULE_SYMBOL "drover_module"

/* Once in each module:  DRIVER_MODULE(xen_driver, DROVER_VERSION) */
#define DRIVER_MODULE(table, release)                                                           \
    extern const DriverModule drover_module;                                                    \
    const DriverModule drover_module = { sizeof(Driver), release, &(table) }
