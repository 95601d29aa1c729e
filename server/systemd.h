/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What systemd wants to hear, and the sockets that it hands over. The main thread; without systemd
 * every function does nothing. */
#pragma once

#include <glib.h>

#include "base/error.h"

typedef enum SocketRole { SOCKET_RW, SOCKET_RO, SOCKET_ADMIN, SOCKET_TLS, SOCKET_TCP, SOCKET_ROLES } SocketRole;

typedef struct ActivatedSocket {
    SocketRole role;
    int fd;        /* listening, close-on-exec, non-blocking; the taker closes it */
} ActivatedSocket;

/* The sockets that this process was started with, an array of ActivatedSocket, empty when there are none.
 * What a socket is for is told by its name (FileDescriptorName= of its unit: rw, ro, admin, tls, tcp; or the unit's own name,
 * ours or the one that libvirtd's has), else by its path (libvirt-sock, libvirt-sock-ro, libvirt-admin-sock). NULL and
 * VIR_ERR_CONFIG_UNSUPPORTED for a descriptor that is no listening socket of the kind, UNIX or IP, or whose purpose is unknown;
 * all are closed then. Only the first call finds any; children inherit none. */
GArray *systemd_take_sockets(Error *error);

/* The file name of a role's UNIX socket: "libvirt-sock". */
const char *socket_role_name(SocketRole role);

void systemd_notify_ready(void);
void systemd_notify_reloading(void);    /* to be followed by ready */
void systemd_notify_stopping(void);
void systemd_notify_status(const char *format, ...) G_GNUC_PRINTF(1, 2);
