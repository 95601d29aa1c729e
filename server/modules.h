/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The drivers of this droverd: the one that is built in, and those in the folder of modules. */
#pragma once

#include "drivers/driver.h"
#include "server/config.h"

typedef struct Modules Modules;

/* Loads what is in the folder. A module that can't be loaded is named in the log and its URIs are nobody's.
 * Before anybody connects; may wait for a disk. */
Modules *modules_load(const Config *config);
/* NULL-terminated, the built-in one first; good until modules_free. */
const Driver *const *modules_drivers(const Modules *modules);
/* Modules stay in memory: libraries that they need may have left threads or handlers behind. NULL is fine. */
void modules_free(Modules *modules);
