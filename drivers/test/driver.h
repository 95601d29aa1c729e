/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test driver: a hypervisor in memory, without a host. Its operations never wait for anything
 * but the store's disk, and what they do can be told beforehand.
 *
 *   test:///default            one host of this daemon, with one running domain, "test"
 *   test:///default?store=DIR  one host for each directory, whose persistent domains outlive the daemon
 *   test:///FILE               a host of the connection's own, as the node file says */
#pragma once

#include "drivers/driver.h"

extern const Driver test_driver;
