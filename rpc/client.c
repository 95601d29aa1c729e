/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (2) One connection: what it is, and how it comes and goes.
 * Made by the accepting I/O thread, owned by the I/O thread that it is given to; others hold
 * references. Takes LOCK_CLIENTS, LOCK_CLIENT, LOCK_OUTBOX and LOCK_IO_INBOX, one at a time.
 *
 *   new ──WISH_ADOPT──▶ open ──EOF, error, WISH_CLOSE──▶ left ──last call ended──▶ freed */
#include "rpc/identity.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/peer.h"

/* On a UNIX socket the system tells; whoever comes otherwise is nobody until he has proved more. */
static void identify(Client *client)
{
    char name[32] = "nobody";

    if (client->identity.uid != (uid_t)-1)
        g_snprintf(name, sizeof name, "uid:%u", (unsigned)client->identity.uid);
    client->who = identity_find(client->service->rpc->identities, name);
}

/* The kernel keeps them as they were at connect(2). */
static void take_groups(Client *client, int fd)
{
    socklen_t size = 0;
    gid_t *groups;

    if (client->identity.uid == (uid_t)-1 || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0
        || errno != ERANGE || size == 0)
        return;
    groups = g_malloc(size);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) {
        g_free(groups);
        return;
    }
    client->groups = groups;
    client->n_groups = size / sizeof *groups;
}

Client *client_new(Service *service, IoThread *io, int fd, bool read_only)
{
    Client *client = g_new0(Client, 1);
    struct ucred peer = { 0, (uid_t)-1, (gid_t)-1 };
    socklen_t size = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        peer = (struct ucred){ 0, (uid_t)-1, (gid_t)-1 };
    client->service = service;
    client->io = io;
    client->refs = 1;
    client->fd = client->socket = fd;
    client->identity = (ClientIdentity){
        .id = __atomic_add_fetch(&service->rpc->next_client, 1, __ATOMIC_RELAXED),
        .read_only_socket = read_only,
        .pid = peer.pid, .uid = peer.uid, .gid = peer.gid,
        .connected = clock_real(),
    };
    client->heard = clock_now();
    identify(client);
    take_groups(client, fd);
    lock_init(&client->lock, LOCK_CLIENT);
    lock_init(&client->out_lock, LOCK_OUTBOX);
    for (unsigned i = 0; i < TURN_CLASSES; i++)
        client->turns[i].client = client;
    return client;
}

void client_set_network(Client *client, Tls *tls, const char *address)
{
    client->tls = tls;
    client->identity.transport = tls ? CLIENT_TLS : CLIENT_TCP;
    g_strlcpy(client->identity.address, address, sizeof client->identity.address);
}

void client_set_login(Client *client, ClientAuth auth)
{
    int64_t seconds = limit_of(client, login_timeout);

    if (auth == CLIENT_AUTH_POLKIT && client->identity.uid == 0)
        auth = CLIENT_AUTH_NONE;    /* who may change polkit's rules needn't be asked about */
    if (auth == CLIENT_AUTH_POLKIT)
        client->start_time = peer_start_time(client->socket, client->identity.pid);
    client->auth = auth;
    client->stage = client->tls ? LOGIN_HANDSHAKE : auth ? LOGIN_AUTH : LOGIN_DONE;
    client->login_deadline = seconds ? client->heard + seconds * CLOCK_S : G_MAXINT64;
}

void client_authenticate(Client *client, const char *user, Transport *layer)
{
    __atomic_store_n(&client->user, g_strdup(user), __ATOMIC_RELEASE);
    if (user)
        client_identify(client, "sasl", user);
    client->next_transport = layer;
    __atomic_store_n(&client->authenticated, 1, __ATOMIC_RELEASE);
}

void client_login_succeeded(Client *client)
{
    client_authenticate(client, NULL, NULL);
}

void client_login_failed(Client *client)
{
    enum { FAILURES_MOST = 3 };

    if (++client->login_failures >= FAILURES_MOST)
        client->hopeless = true;    /* login.c closes it after the answer */
}

uint64_t client_start_time(const Client *client)
{
    return client->start_time;
}

Client *client_ref(Client *client)
{
    __atomic_add_fetch(&client->refs, 1, __ATOMIC_RELAXED);
    return client;
}

void client_unref(Client *client)
{
    if (__atomic_sub_fetch(&client->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (client->service->ops->client_free)
        client->service->ops->client_free(client);
    for (unsigned i = 0; i < client->n_fds; i++)
        close(client->fds[i]);
    if (client->login_busy)
        close(client->socket);    /* left open for the worker's sake */
    if (client->transport)
        client->transport->ops->free(client->transport);
    g_free(client->fds);
    g_free(client->groups);
    g_free(client->held);
    if (client->next_transport)
        client->next_transport->ops->free(client->next_transport);
    sasl_exchange_free(client->sasl);
    g_free((char *)client->dn);
    g_free((char *)client->user);
    client_forget_identity(client);
    lock_deinit(&client->lock);
    lock_deinit(&client->out_lock);
    service_client_gone(client->service);
    g_free(client);
}

/* Calls that no worker has begun are dropped; parked ones are taken back one by one, without a lock
 * held, since the service has to look at the domain's queue for it. */
static void drop_calls(Client *client)
{
    Call *call;

    while ((call = client_take_waiting(client)))
        call_end(call);
    while ((call = client_take_parked(client))) {
        if (client->service->ops->abandon(call))
            call_end(call);
        call_unref(call);
    }
}

void client_leave(Client *client)
{
    login_left(client);
    clients_remove(client);
    lock_acquire(&client->lock);
    client->leaving = true;
    lock_release(&client->lock);
    stream_close_all(client);
    outbox_close(client);
    g_clear_pointer(&client->held, g_free);
    client->held_size = client->held_capacity = 0;
    drop_calls(client);
    pool_look(client->service->rpc->pool);    /* bulk calls that waited for it to read end now */
    if (client->service->ops->client_left)
        client->service->ops->client_left(client);
}

void client_close(Client *client)
{
    io_wish(client, WISH_CLOSE);
}

void client_close_after_replies(Client *client)
{
    lock_acquire(&client->out_lock);
    client->close_when_empty = true;
    lock_release(&client->out_lock);
    io_wish(client, WISH_END);    /* by then the answers that are being collected have been sent or queued */
}

const ClientIdentity *client_identity(const Client *client)
{
    return &client->identity;
}

const gid_t *client_groups(const Client *client, unsigned *n)
{
    *n = client->n_groups;
    return client->groups;
}

const char *client_dn(const Client *client)
{
    return __atomic_load_n(&client->dn, __ATOMIC_ACQUIRE);
}

ClientAuth client_auth(const Client *client)
{
    return client->auth;
}

bool client_authenticated(const Client *client)
{
    return client->auth == CLIENT_AUTH_NONE || __atomic_load_n(&client->authenticated, __ATOMIC_ACQUIRE);
}

const char *client_user(const Client *client)
{
    return __atomic_load_n(&client->user, __ATOMIC_ACQUIRE);
}

Service *client_service(const Client *client)
{
    return client->service;
}

void client_set_session(Client *client, void *session)
{
    client->session = session;
}

void *client_session(const Client *client)
{
    return client->session;
}

void client_enable_keepalive(Client *client)
{
    client->keepalive = true;
}

void client_set_subscribed(Client *client, bool subscribed)
{
    io_subscribe(client, subscribed);
}
