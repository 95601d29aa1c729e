/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Xen driver: the guests of the Xen host that droverd runs on, whoever made them.
 *
 *   xen:///system, xen:///    this host
 */
#pragma once

#include "drivers/driver.h"

extern const Driver xen_driver;
