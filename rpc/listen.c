/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening sockets: connections are accepted while there is room for another client and another
 * descriptor, and wait in the socket's queue otherwise. Watched by the first I/O thread, which alone
 * runs the functions here; new clients are spread over all I/O threads. Takes no lock but through
 * io_wish. Sockets are added before the threads start. */
#include "rpc/io-private.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"

LOG_SOURCE("rpc.listen");

enum { ACCEPT_AT_ONCE = 64 };

struct Listener {
    /* fixed */
    Listener *next;
    Service *service;
    int fd, epoll_fd;
    ListenSettings settings;
    Gate gate;    /* the clients that have not logged in */
    /* the I/O thread's */
    bool watched;
    bool told;    /* the log has a line about the present shortage */
    int64_t told_crowd;    /* clock_now() of the last line about those that were sent away */
};

static void watch(Listener *listener, bool watched)
{
    struct epoll_event event = { .events = watched ? EPOLLIN : 0u, .data.ptr = listener };

    if (listener->watched == watched)
        return;
    if (epoll_ctl(listener->epoll_fd, EPOLL_CTL_MOD, listener->fd, &event) < 0)
        log_error("cannot watch a listening socket: %s", g_strerror(errno));
    listener->watched = watched;
}

Listener *listener_new(Service *service, int fd, bool read_only, int epoll_fd)
{
    Listener *listener = g_new0(Listener, 1);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = listener };

    listener->service = service;
    listener->fd = descriptor_own(fd);
    listener->epoll_fd = epoll_fd;
    listener->settings.read_only = read_only;
    listener->watched = true;
    gate_init(&listener->gate);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener->fd, &event) < 0)
        log_error("cannot watch a listening socket: %s", g_strerror(errno));
    return listener;
}

void listener_free(Listener *listener)
{
    close(listener->fd);
    gate_deinit(&listener->gate);
    g_free(listener);
}

bool listener_owns(const Listener *listeners, const void *pointer)
{
    for (const Listener *listener = listeners; listener; listener = listener->next)
        if (listener == pointer)
            return true;
    return false;
}

static bool is_quiet(const Service *service)
{
    return __atomic_load_n(&service->rpc->quiet, __ATOMIC_RELAXED);
}

static bool is_full(Service *service)
{
    return service_n_clients(service) >= __atomic_load_n(&service->limits.max_clients, __ATOMIC_RELAXED);
}

/* Lets connections wait until the tick, or a client's leaving, asks for another look. */
static void pause_listener(Listener *listener)
{
    watch(listener, false);
    __atomic_store_n(&listener->service->rpc->deaf_listeners, 1, __ATOMIC_SEQ_CST);
    if (!is_quiet(listener->service) && !is_full(listener->service))
        watch(listener, true);    /* one has left before it could see that we wait */
}

static bool has_room(Listener *listener)
{
    Service *service = listener->service;

    if (is_quiet(service))
        return false;
    if (!is_full(service))
        return true;
    if (!listener->told)
        log_warning("%s: max_clients (%u) is reached, further connections wait", service->name,
                    service_n_clients(service));
    listener->told = true;
    return false;
}

/* Numbers, in the form of a URI. */
static void format_address(const struct sockaddr_storage *peer, socklen_t size, char *text, size_t room)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1] = "", port[8] = "";

    getnameinfo((const struct sockaddr *)peer, size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    g_snprintf(text, room, peer->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* At most a line in ten seconds: a flood must not fill the log. */
static void tell_crowd(Listener *listener, const Client *victim, int64_t now)
{
    if (listener->told_crowd && now - listener->told_crowd < 10 * CLOCK_S)
        return;
    listener->told_crowd = now;
    log_warning("%s: too many connections have not logged in; the oldest that keep the server waiting are closed, such "
                "as client %" PRIu64 " from %s", listener->service->name, victim->identity.id, victim->identity.address);
}

/* Makes room for one more; false: nobody can be sent away now. */
static bool send_one_away(Listener *listener, const uint8_t *source)
{
    int64_t now = clock_now();
    Client *victim = gate_evict(&listener->gate, source, now);

    if (!victim)
        return false;
    tell_crowd(listener, victim, now);
    io_wish(victim, WISH_CLOSE);
    client_unref(victim);
    return true;
}

/* Whether another one may come before those that are here have logged in. */
static bool has_gate_room(Listener *listener)
{
    unsigned most = __atomic_load_n(&listener->service->limits.max_unauth_clients, __ATOMIC_RELAXED);

    return most == 0 || gate_count(&listener->gate) < most || send_one_away(listener, NULL);
}

/* The first I/O thread looks again when somebody has logged in, and every 20 ms. */
static void wait_for_gate(Listener *listener)
{
    watch(listener, false);
    __atomic_store_n(&listener->service->rpc->crowded, 1, __ATOMIC_SEQ_CST);
    if (has_gate_room(listener))
        watch(listener, true);
}

static void enter_gate(Listener *listener, Client *client, const struct sockaddr_storage *peer)
{
    unsigned most = __atomic_load_n(&listener->service->limits.max_unauth_per_source, __ATOMIC_RELAXED);

    client->place.gate = &listener->gate;
    gate_source(client->place.source, peer, client->identity.uid);
    if (most && gate_count_source(&listener->gate, client->place.source) >= most)
        send_one_away(listener, client->place.source);
    gate_enter(client, client->heard);
}

static void take_network(const Listener *listener, Client *client, int fd, const struct sockaddr_storage *peer,
                         socklen_t size)
{
    char address[sizeof client->identity.address];
    int one = 1;

    format_address(peer, size, address, sizeof address);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);    /* answers are sent whole */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);    /* for clients that don't answer pings */
    client_set_network(client, listener->settings.tls, address);
}

static void take(Listener *listener, int fd, const struct sockaddr_storage *peer, socklen_t size)
{
    Rpc *rpc = listener->service->rpc;
    unsigned turn = __atomic_fetch_add(&rpc->next_io, 1, __ATOMIC_RELAXED);
    Client *client;

    __atomic_add_fetch(&listener->service->n_clients, 1, __ATOMIC_RELAXED);
    client = client_new(listener->service, rpc->io[turn % rpc->n_io], fd, listener->settings.read_only);
    if (listener->settings.network)
        take_network(listener, client, fd, peer, size);
    client_set_login(client, listener->settings.auth);
    if (client->stage != LOGIN_DONE)
        enter_gate(listener, client, peer);
    io_wish(client, WISH_ADOPT);
}

/* Whether an error of accept(2) is about one connection, which is no more waiting then. Others last, as when descriptors are short. */
static bool is_of_one_connection(int errnum)
{
    switch (errnum) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
        return true;
    default:
        return false;
    }
}

void listener_accept(Listener *listener)
{
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
        socklen_t size = sizeof peer;
        int fd;

        if (!has_room(listener)) {
            pause_listener(listener);
            return;
        }
        if ((listener->settings.tls || listener->settings.auth) && !has_gate_room(listener)) {
            wait_for_gate(listener);
            return;
        }
        fd = descriptor_own(accept4(listener->fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd >= 0) {
            take(listener, fd, &peer, size);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            listener->told = false;    /* nobody waits: the shortage, if there was one, is over */
            return;
        }
        if (!is_of_one_connection(errno)) {
            if (!listener->told)
                log_error("%s: cannot accept a connection: %s; trying again every second",
                          listener->service->name, g_strerror(errno));
            listener->told = true;
            watch(listener, false);
            __atomic_store_n(&listener->service->rpc->deaf_listeners, 1, __ATOMIC_SEQ_CST);
            return;
        }
    }
}

bool listeners_crowded(const Listener *listeners)
{
    return listeners && __atomic_load_n(&listeners->service->rpc->crowded, __ATOMIC_SEQ_CST);
}

void listeners_tick(Listener *listeners)
{
    if (!listeners || is_quiet(listeners->service)
        || (!__atomic_load_n(&listeners->service->rpc->deaf_listeners, __ATOMIC_SEQ_CST) && !listeners_crowded(listeners)))
        return;
    __atomic_store_n(&listeners->service->rpc->crowded, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&listeners->service->rpc->deaf_listeners, 0, __ATOMIC_SEQ_CST);
    for (Listener *listener = listeners; listener; listener = listener->next)
        watch(listener, true);
}

static Listener *add_listener(Service *service, int fd, bool read_only)
{
    IoThread *io = service->rpc->io[0];
    Listener **head = io_listeners(io), *listener = listener_new(service, fd, read_only, io_epoll_fd(io));

    listener->next = *head;
    *head = listener;
    return listener;
}

void service_listen(Service *service, int fd, bool read_only)
{
    add_listener(service, fd, read_only);
}

void service_listen_with(Service *service, int fd, const ListenSettings *settings)
{
    add_listener(service, fd, settings->read_only)->settings = *settings;
}

void listeners_free(Rpc *rpc)
{
    Listener **head = io_listeners(rpc->io[0]);

    while (*head) {
        Listener *listener = *head;

        *head = listener->next;
        listener_free(listener);
    }
}
