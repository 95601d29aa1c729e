/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A driver for URIs that the built-in one serves. */
#include "drivers/module.h"

static const Driver taken_driver = { .scheme = "test", .type = "Taken" };

DRIVER_MODULE(taken_driver, DROVER_VERSION);
