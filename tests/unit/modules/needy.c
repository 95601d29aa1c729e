/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A driver whose library isn't there: it can't be loaded. */
#include "drivers/module.h"

bool no_library_has_this(const char *uri, char **key, Error *error);

static const Driver needy_driver = { .scheme = "needy", .type = "Needy", .claims = no_library_has_this };

DRIVER_MODULE(needy_driver, DROVER_VERSION);
