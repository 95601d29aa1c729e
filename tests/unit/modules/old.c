/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A driver that was built for another release. */
#include "drivers/module.h"

static const Driver old_driver = { .scheme = "old", .type = "Old" };

DRIVER_MODULE(old_driver, "0.0.0");
