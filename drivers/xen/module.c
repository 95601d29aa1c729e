/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the server finds in driver_xen.so. Constant data. */
#include "drivers/module.h"
#include "drivers/xen/driver.h"

DRIVER_MODULE(xen_driver, DROVER_VERSION);
