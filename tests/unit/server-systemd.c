/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What server/systemd.c promises: sockets get their purpose from name or path, others are refused, and
 * notifications say what systemd expects. */
#include "server/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A UNIX socket bound to `name` in a new directory; removed again at once, its address stays. */
static int bound_socket(int type, const char *name)
{
    g_autofree char *dir = g_dir_make_tmp("drover-systemd-XXXXXX", NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, type, 0);

    g_snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", dir, name);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_unlink(address.sun_path);
    g_rmdir(dir);
    return fd;
}

static int listening_socket(const char *name)
{
    int fd = bound_socket(SOCK_STREAM, name);

    g_assert_cmpint(listen(fd, 5), ==, 0);
    return fd;
}

/* Puts descriptors where systemd would, with names as it would tell them. */
static void hand_over(const int *fds, int n, const char *names)
{
    g_autofree char *count = g_strdup_printf("%d", n), *pid = g_strdup_printf("%d", (int)getpid());

    /* Out of the way first: they may stand where they are to go, in another order. */
    for (int i = 0; i < n; i++) {
        g_assert_cmpint(dup2(fds[i], 100 + i), ==, 100 + i);
        close(fds[i]);
    }
    for (int i = 0; i < n; i++) {
        g_assert_cmpint(dup2(100 + i, 3 + i), ==, 3 + i);
        close(100 + i);
    }
    g_setenv("LISTEN_FDS", count, TRUE);
    g_setenv("LISTEN_PID", pid, TRUE);
    g_setenv("LISTEN_FDNAMES", names, TRUE);
}

/* The rest of the test runs in a process of its own, whose descriptors from 3 on are free to use. */
#define IN_A_PROCESS_OF_ITS_OWN()                                                                   \
    if (!g_test_subprocess()) {                                                                     \
        g_test_trap_subprocess(NULL, 0, 0);                                                         \
        g_test_trap_assert_passed();                                                                \
        return;                                                                                     \
    }

static SocketRole role_at(const GArray *sockets, guint i)
{
    const ActivatedSocket *socket = &g_array_index(sockets, ActivatedSocket, i);

    g_assert_cmpint(socket->fd, ==, 3 + (int)i);
    g_assert_cmpint(fcntl(socket->fd, F_GETFD) & FD_CLOEXEC, !=, 0);
    g_assert_cmpint(fcntl(socket->fd, F_GETFL) & O_NONBLOCK, !=, 0);
    return socket->role;
}

static void names_tell_what_sockets_are_for(void)
{
    int fds[] = { 0, 0, 0, 0 };
    g_autoptr(GArray) sockets = NULL;

    IN_A_PROCESS_OF_ITS_OWN();
    for (int i = 0; i < 4; i++)
        fds[i] = listening_socket("x");
    hand_over(fds, 4, "admin:ro:rw:droverd-ro.socket");
    sockets = systemd_take_sockets(NULL);
    g_assert_cmpuint(sockets->len, ==, 4);
    g_assert_cmpint(role_at(sockets, 0), ==, SOCKET_ADMIN);
    g_assert_cmpint(role_at(sockets, 1), ==, SOCKET_RO);
    g_assert_cmpint(role_at(sockets, 2), ==, SOCKET_RW);
    g_assert_cmpint(role_at(sockets, 3), ==, SOCKET_RO);
}

static void paths_tell_when_names_do_not(void)
{
    int fds[] = { 0, 0, 0 };
    g_autoptr(GArray) sockets = NULL;

    IN_A_PROCESS_OF_ITS_OWN();
    fds[0] = listening_socket("libvirt-sock-ro");
    fds[1] = listening_socket("libvirt-admin-sock");
    fds[2] = listening_socket("libvirt-sock");
    hand_over(fds, 3, "unknown:unknown:libvirtd.socket");
    sockets = systemd_take_sockets(NULL);
    g_assert_cmpuint(sockets->len, ==, 3);
    g_assert_cmpint(role_at(sockets, 0), ==, SOCKET_RO);
    g_assert_cmpint(role_at(sockets, 1), ==, SOCKET_ADMIN);
    g_assert_cmpint(role_at(sockets, 2), ==, SOCKET_RW);
}

static void assert_refused(int second, const char *names)
{
    const int fds[] = { listening_socket("libvirt-sock"), second };
    Error error = ERROR_INIT;

    hand_over(fds, 2, names);
    g_assert_null(systemd_take_sockets(&error));
    g_assert_cmpint(error.code, ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_nonnull(strstr(error.message, "'what'"));
    g_assert_cmpint(fcntl(3, F_GETFD), ==, -1);
    g_assert_cmpint(fcntl(4, F_GETFD), ==, -1);
    error_clear(&error);
}

static void a_socket_without_a_known_purpose_is_refused(void)
{
    IN_A_PROCESS_OF_ITS_OWN();
    assert_refused(listening_socket("x"), "rw:what");
}

static void a_socket_that_does_not_listen_is_refused(void)
{
    IN_A_PROCESS_OF_ITS_OWN();
    assert_refused(bound_socket(SOCK_STREAM, "libvirt-sock-ro"), "rw:what");
}

static void a_descriptor_that_is_no_socket_is_refused(void)
{
    IN_A_PROCESS_OF_ITS_OWN();
    assert_refused(open("/dev/null", O_RDONLY), "rw:what");
}

static void without_systemd_there_are_none(void)
{
    g_autoptr(GArray) sockets = NULL;

    g_unsetenv("LISTEN_FDS");
    sockets = systemd_take_sockets(NULL);
    g_assert_cmpuint(sockets->len, ==, 0);
}

static char *receive(int fd)
{
    char text[512];
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

    g_assert_cmpint(n, >, 0);
    return g_strndup(text, (gsize)n);
}

static void systemd_hears_of_every_turn(void)
{
    g_autofree char *dir = g_dir_make_tmp("drover-systemd-XXXXXX", NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_autofree char *ready = NULL, *reloading = NULL, *stopping = NULL, *status = NULL;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    g_snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", dir);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_setenv("NOTIFY_SOCKET", address.sun_path, TRUE);
    systemd_notify_ready();
    systemd_notify_reloading();
    systemd_notify_stopping();
    systemd_notify_status("%d clients", 3);
    ready = receive(fd);
    reloading = receive(fd);
    stopping = receive(fd);
    status = receive(fd);
    g_assert_cmpstr(ready, ==, "READY=1");
    g_assert_true(g_regex_match_simple("^RELOADING=1\nMONOTONIC_USEC=\\d+$", reloading, 0, 0));
    g_assert_cmpstr(stopping, ==, "STOPPING=1");
    g_assert_cmpstr(status, ==, "STATUS=3 clients");
    close(fd);
    g_unsetenv("NOTIFY_SOCKET");
    g_unlink(address.sun_path);
    g_rmdir(dir);
}

#define ADD(name) g_test_add_func("/server/systemd/" #name, name)

int main(int argc, char **argv)
{
    g_setenv("LC_ALL", "C", TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD(names_tell_what_sockets_are_for);
    ADD(paths_tell_when_names_do_not);
    ADD(a_socket_without_a_known_purpose_is_refused);
    ADD(a_socket_that_does_not_listen_is_refused);
    ADD(a_descriptor_that_is_no_socket_is_refused);
    ADD(without_systemd_there_are_none);
    ADD(systemd_hears_of_every_turn);
    return g_test_run();
}
