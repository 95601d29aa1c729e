/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making the listening sockets in the file system. Main thread, at start and stop. */
#pragma once

#include "base/error.h"

/* Binds and listens on `path` (at most 107 bytes), replacing a socket that nobody listens on any more. `mode` is in
 * effect before anybody can connect; `group` NULL leaves the process's. Returns a non-blocking descriptor that
 * is the caller's, or -1 and VIR_ERR_SYSTEM_ERROR or, when another server answers there, VIR_ERR_OPERATION_INVALID. */
int socket_listen(const char *path, unsigned mode, const char *group, int backlog, Error *error);
