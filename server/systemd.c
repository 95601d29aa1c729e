/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Socket activation and notifications. Runs on the main thread at start, reload and stop; no lock.
 * Never waits: a notification is one datagram, lost when nobody wants it. */
#include "server/systemd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"

typedef struct RoleNames {
    const char *name;    /* what a unit calls it */
    const char *unit;    /* what systemd calls it when the unit doesn't */
    const char *peer;    /* what libvirtd's unit is called */
    const char *file;    /* NULL: it is no UNIX socket */
} RoleNames;

static const RoleNames role_names[SOCKET_ROLES] = {
    [SOCKET_RW] = { "rw", "droverd.socket", "libvirtd.socket", "libvirt-sock" },
    [SOCKET_RO] = { "ro", "droverd-ro.socket", "libvirtd-ro.socket", "libvirt-sock-ro" },
    [SOCKET_ADMIN] = { "admin", "droverd-admin.socket", "libvirtd-admin.socket", "libvirt-admin-sock" },
    [SOCKET_TLS] = { "tls", "droverd-tls.socket", "libvirtd-tls.socket", NULL },
    [SOCKET_TCP] = { "tcp", "droverd-tcp.socket", "libvirtd-tcp.socket", NULL },
};

const char *socket_role_name(SocketRole role)
{
    return role_names[role].file;
}

static SocketRole role_by_name(const char *name)
{
    SocketRole role;

    for (role = 0; role < SOCKET_ROLES; role++)
        if (strcmp(name, role_names[role].name) == 0 || strcmp(name, role_names[role].unit) == 0
            || strcmp(name, role_names[role].peer) == 0)
            break;
    return role;
}

static SocketRole role_by_path(int fd)
{
    struct sockaddr_un address = { 0 };
    socklen_t length = sizeof address - 1;
    g_autofree char *file = NULL;
    SocketRole role;

    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 || address.sun_family != AF_UNIX || !address.sun_path[0])
        return SOCKET_ROLES;
    file = g_path_get_basename(address.sun_path);
    for (role = 0; role < SOCKET_ROLES; role++)
        if (g_strcmp0(file, role_names[role].file) == 0)
            break;
    return role;
}

static bool is_network(SocketRole role)
{
    return !role_names[role].file;
}

static int socket_take(int fd, const char *name, ActivatedSocket *socket, Error *error)
{
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("the descriptor '%s' handed over by systemd is no listening socket"), name);
    *socket = (ActivatedSocket){ .role = role_by_name(name), .fd = fd };
    if (socket->role == SOCKET_ROLES)
        socket->role = role_by_path(fd);
    if (socket->role == SOCKET_ROLES)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("it is not known what the socket '%s' handed over by systemd is for"), name);
    if (is_network(socket->role) ? sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) <= 0
                                 : sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_CONFIG_UNSUPPORTED,
                         is_network(socket->role) ? _("the socket '%s' handed over by systemd is no socket of IP")
                                                  : _("the socket '%s' handed over by systemd is no UNIX socket"), name);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return 0;
}

GArray *systemd_take_sockets(Error *error)
{
    g_autoptr(GArray) sockets = g_array_new(FALSE, FALSE, sizeof(ActivatedSocket));
    g_auto(GStrv) names = NULL;
    int n = sd_listen_fds_with_names(1, &names);

    for (int i = 0; i < n; i++) {
        ActivatedSocket socket;

        if (socket_take(SD_LISTEN_FDS_START + i, names[i], &socket, error) < 0) {
            for (int j = 0; j < n; j++)
                close(SD_LISTEN_FDS_START + j);
            return NULL;
        }
        g_array_append_val(sockets, socket);
    }
    return g_steal_pointer(&sockets);
}

void systemd_notify_ready(void)
{
    sd_notify(0, "READY=1");
}

void systemd_notify_reloading(void)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, (uint64_t)(clock_now() / 1000));
}

void systemd_notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

void systemd_notify_status(const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    sd_notifyf(0, "STATUS=%s", text);
}
