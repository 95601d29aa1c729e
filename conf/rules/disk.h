/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between disk.c, which fills in, and disk-check.c, which refuses. Pure functions: any thread, no lock. */
#pragma once

#include <stdbool.h>

#include "conf/elements.h"

/* Whether it limits anything; its group alone does not. */
bool disk_has_limits(const DiskIoTune *tune);
