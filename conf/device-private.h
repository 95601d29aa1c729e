/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/device*.c share. */
#pragma once

#include "conf/elements.h"

/* Whether `wanted`, from a document of its own, means `there`, a device of the config; both of that type. */
bool device_matches(const ElementType *type, const void *wanted, const void *there);
/* Whether `fresh` and `there` can't both be in one guest. */
bool device_conflicts(const ElementType *type, const void *fresh, const void *there);
/* Where the info of a device of that type is; NULL for a lease, which has none. */
const DeviceInfo *device_info(const ElementType *type, const void *device);
