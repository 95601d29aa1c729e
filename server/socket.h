/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making the listening sockets in the file system. Main thread, at start and stop. */
#pragma once

#include "base/error.h"

/* A socket in the file system that this process has made. */
typedef struct SocketFile SocketFile;

/* Binds and listens on `path` (at most 107 bytes), replacing a socket that nobody listens on any more. `mode` is in
 * effect before anybody can connect; `group` NULL leaves the process's. Returns a non-blocking descriptor that
 * is the caller's and, for socket_unlink, what stands at the path now; or -1 and VIR_ERR_SYSTEM_ERROR or, when
 * another server answers there, VIR_ERR_OPERATION_INVALID. */
int socket_listen(const char *path, unsigned mode, const char *group, int backlog,
                  SocketFile **file, Error *error);

/* Takes away what socket_listen has put there, if it still is that, and frees `file` (a SocketFile). The socket is
 * still open then: nothing else can have its inode. */
void socket_unlink(void *file);
