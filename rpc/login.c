/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an accepted connection to a client whose frames are read: the TLS handshake, within a limit of time.
 *
 *   HANDSHAKE ──socket ready──▶ (a worker: one step) ──WISH_LOGIN──▶ HANDSHAKE or DONE
 *       └── login_deadline, a failed step, the peer's end ──▶ closed
 *
 * The I/O thread waits for the socket and hands each step to a worker, since that costs milliseconds of CPU; while a
 * worker has it (`login_busy`) the I/O thread touches neither the socket nor the transport. If the client must go
 * meanwhile, its socket is shut down, and closed with the last reference, which the worker's call holds. */
#include "rpc/client-private.h"

#include <inttypes.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "rpc/tls-private.h"

LOG_SOURCE("rpc.login");

static const Proc login_proc = { .name = "login", .lane = LANE_WORKER, .flags_at = -1 };

static void log_failure(const Client *client, TlsProgress progress, const char *reason)
{
    if (progress == TLS_REFUSED)
        log_warning("client %" PRIu64 " from %s was refused: %s", client->identity.id, client->identity.address, reason);
    else
        log_info("client %" PRIu64 " from %s: the TLS handshake failed: %s", client->identity.id,
                 client->identity.address, reason);
}

/* A worker. */
static void run_handshake(Call *call)
{
    Client *client = call->client;
    g_autofree char *reason = NULL;
    char *dn = NULL;
    TlsProgress progress = TLS_FAILED;

    if (!client->transport)
        client->transport = transport_tls_new(tls_keys(client->tls));
    if (client->transport)
        progress = transport_tls_handshake(client->transport, client->socket, &dn, &reason);
    if (dn) {
        client_identify(client, "dn", dn);
        __atomic_store_n(&client->dn, dn, __ATOMIC_RELEASE);
    }
    if (progress == TLS_FAILED || progress == TLS_REFUSED)
        log_failure(client, progress, reason ? reason : "out of memory");
    client->login_progress = (int)progress;
    io_wish(client, WISH_LOGIN);
    call_end(call);
}

static void watch(Client *client, bool reading, bool writing)
{
    lock_acquire(&client->out_lock);
    if (client->fd >= 0)
        io_watch(client, reading, writing);
    lock_release(&client->out_lock);
}

bool login_wake(Client *client, uint32_t events)
{
    FrameHeader header = { 0 };
    Call *call;

    if (client->login_busy)    /* epoll is asked for nothing, and tells of a broken connection all the same */
        return !(events & (EPOLLERR | EPOLLHUP));
    client->login_busy = true;
    if (client->place.gate)
        gate_work(client);
    watch(client, false, false);
    call = call_new(client, NULL, &login_proc, &header, (const uint8_t *)"", 0);
    call->run = run_handshake;
    pool_push(client->service->rpc->pool, call);
    return true;
}

static void login_wait(Client *client)
{
    if (client->place.gate)
        gate_wait(client, io_now(client->io));
}

void login_left(Client *client)
{
    Rpc *rpc = client->service->rpc;

    if (gate_leave(client) && __atomic_load_n(&rpc->crowded, __ATOMIC_SEQ_CST))
        io_room(rpc->io[0]);
}

/* What followed the last call of the login in clear can't be the client's that has proved itself. */
static bool take_layer(Client *client)
{
    if (!client->layered)
        return true;
    client->layered = false;
    if (client->held_size == 0)
        return true;
    log_warning("client %" PRIu64 " from %s did not wait for the end of its login, its connection is closed",
                client->identity.id, client->identity.address);
    return false;
}

/* Only here its frames are taken again: the I/O thread might else go on in the middle of what it has read, as if nothing had
 * changed. After too many failures it never does. */
static bool auth_continue(Client *client)
{
    if (__atomic_load_n(&client->auth_busy, __ATOMIC_ACQUIRE) != AUTH_CALL_ENDED || client->hopeless)
        return true;
    __atomic_store_n(&client->auth_busy, AUTH_NO_CALL, __ATOMIC_RELAXED);
    if (!client_authenticated(client)) {
        login_wait(client);
        return true;
    }
    client->stage = LOGIN_DONE;
    login_left(client);
    return take_layer(client);
}

void login_call_begin(Call *call)
{
    Client *client = call->client;

    call->login = true;
    __atomic_store_n(&client->auth_busy, AUTH_CALL_BUSY, __ATOMIC_RELEASE);
    if (client->place.gate)
        gate_work(client);
}

void login_call_end(Client *client)
{
    if (client->next_transport) {
        bool waits;

        lock_acquire(&client->out_lock);
        /* the answer has not left: nothing may follow it in another form, so outbox.c comes here again when it has */
        client->out_ends_login = waits = client->out_sending || client->out_first;
        if (!waits) {
            client->transport = g_steal_pointer(&client->next_transport);
            client->layered = true;
        }
        lock_release(&client->out_lock);
        if (waits)
            return;
    }
    if (client->hopeless)
        client_close_after_replies(client);
    __atomic_store_n(&client->auth_busy, AUTH_CALL_ENDED, __ATOMIC_RELEASE);
    io_wish(client, WISH_LOGIN | WISH_LOOK);
}

bool login_continue(Client *client)
{
    if (client->stage == LOGIN_AUTH)
        return auth_continue(client);
    if (client->stage == LOGIN_DONE)
        return true;
    client->login_busy = false;
    switch ((TlsProgress)client->login_progress) {
    case TLS_DONE:
        client->stage = client_authenticated(client) ? LOGIN_DONE : LOGIN_AUTH;
        client->heard = io_now(client->io);
        if (client->stage == LOGIN_DONE)
            login_left(client);
        else
            login_wait(client);
        watch(client, true, false);
        io_wish(client, WISH_READ);    /* calls may have come with the last of the handshake */
        return true;
    case TLS_WANTS_READ:
        login_wait(client);
        watch(client, true, false);
        return true;
    case TLS_WANTS_WRITE:
        login_wait(client);
        watch(client, false, true);
        return true;
    case TLS_FAILED:
    case TLS_REFUSED:
        return false;
    }
    g_assert_not_reached();
}

bool login_tick(Client *client, int64_t now)
{
    if (client->stage == LOGIN_DONE || now < client->login_deadline)
        return true;
    log_info("client %" PRIu64 " from %s has not logged in within %u s, its connection is closed", client->identity.id,
             client->identity.address, limit_of(client, login_timeout));
    return false;
}
