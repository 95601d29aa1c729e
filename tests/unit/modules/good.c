/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A driver that is a module: it uses what the program that loads it has, and serves nobody. */
#include "base/error.h"
#include "drivers/module.h"

static bool claims(const char *uri, char **key, Error *error)
{
    error_set(error, VIR_FROM_NONE, VIR_ERR_NO_CONNECT, "%s", "not today");
    return false;
}

static const Driver good_driver = { .scheme = "good", .type = "Good", .claims = claims };

DRIVER_MODULE(good_driver, DROVER_VERSION);
