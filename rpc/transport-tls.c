/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One TLS session over a socket that never blocks.
 * A worker does the handshake; afterwards the I/O thread receives and any thread sends. GnuTLS allows one of each at a
 * time, but a record that comes in may make it send one (new keys in TLS 1.3), so LOCK_TRANSPORT covers both.
 * Each turn is one recv(2) or send(2): what GnuTLS reads and writes goes through buffers here, so that many records,
 * and many answers in a record, share one system call. */
#include "rpc/tls-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <glib.h>

#include "base/lock.h"

enum {
    INPUT_SIZE = 32768,           /* of encrypted bytes, by one recv */
    INPUT_MOST = 16 * INPUT_SIZE, /* in one turn; then others have theirs */
    OUTPUT_CHUNK = 65536,         /* of bytes encrypted before the socket is tried */
    RECORD_SIZE = 16384,
};

typedef enum Stage { STAGE_HANDSHAKE, STAGE_CONFIRM, STAGE_TICKET, STAGE_OPEN } Stage;

typedef struct TlsTransport {
    Transport transport;
    TlsKeys *keys;
    gnutls_session_t session;
    Stage stage;              /* the worker's, then fixed */
    bool confirming;          /* GnuTLS keeps the byte that the socket has not taken */
    Lock lock;
    /* under LOCK_TRANSPORT, or the worker's during the handshake */
    int fd;                   /* during a call */
    Outgoing out;
    const uint8_t *fresh;     /* encrypted input of this turn, on the stack or in `kept` */
    size_t fresh_size;
    uint8_t *kept;            /* what the last turn has not used */
    size_t kept_size;
    size_t budget;            /* encrypted bytes that this turn may still take */
    uint8_t *scratch;         /* this turn's input buffer */
    bool drained;             /* the socket had no more */
    bool ended;               /* the peer has closed; the I/O thread's */
} TlsTransport;

/* The byte that says "your certificate is accepted"; calls may follow. */
static const char confirmation = 1;

static ssize_t tls_fail(TlsTransport *tls, int code)
{
    gnutls_transport_set_errno(tls->session, code);
    return -1;
}

static ssize_t pull_fresh(TlsTransport *tls, void *data, size_t room)
{
    size_t n = MIN(room, tls->fresh_size);

    memcpy(data, tls->fresh, n);
    tls->fresh += n;
    tls->fresh_size -= n;
    return (ssize_t)n;
}

/* GnuTLS wants encrypted bytes. */
static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t room)
{
    TlsTransport *tls = pointer;
    uint8_t *into = tls->scratch ? tls->scratch : data;
    size_t most = tls->scratch ? INPUT_SIZE : room;
    ssize_t n;

    if (tls->fresh_size)
        return pull_fresh(tls, data, room);
    if (tls->drained || (tls->scratch && tls->budget == 0))
        return tls_fail(tls, EAGAIN);
    do
        n = recv(tls->fd, into, most, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    /* nothing at all is drained too, else the I/O thread would look again and again until something comes */
    tls->drained = tls->scratch && n < (ssize_t)most;
    if (n < 0)
        return tls_fail(tls, errno);
    if (!tls->scratch || n == 0)
        return n;
    tls->budget -= MIN(tls->budget, (size_t)n);
    tls->fresh = tls->scratch;
    tls->fresh_size = (size_t)n;
    return pull_fresh(tls, data, room);
}

/* GnuTLS has encrypted bytes: straight out during the handshake, collected later. */
static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t size)
{
    TlsTransport *tls = pointer;
    ssize_t n;

    if (tls->stage == STAGE_OPEN) {
        pending_append(&tls->out.fresh, data, size);
        return (ssize_t)size;
    }
    n = transport_write(tls->fd, data, size);
    if (n > 0)
        return n;
    return tls_fail(tls, n == 0 ? EAGAIN : EPIPE);
}

/* --- after the handshake ------------------------------------------------------------------------ */

/* The next decrypted bytes of this turn: > 0; 0: none; -1: over. */
static ssize_t receive_some(TlsTransport *tls, uint8_t *data, size_t room)
{
    for (;;) {
        ssize_t n = gnutls_record_recv(tls->session, data, room);

        if (n > 0)
            return n;
        if (n == GNUTLS_E_AGAIN)
            return 0;
        /* a peer that wants another handshake, or that has closed with or without saying so, is one that leaves */
        if (n == 0 || n == GNUTLS_E_REHANDSHAKE || gnutls_error_is_fatal((int)n))
            return -1;
    }
}

/* What this turn has not used must outlive it. */
static void keep_rest(TlsTransport *tls)
{
    uint8_t *rest = tls->fresh_size ? g_memdup2(tls->fresh, tls->fresh_size) : NULL;

    g_free(tls->kept);
    tls->kept = rest;
    tls->kept_size = tls->fresh_size;
    tls->fresh = NULL;
    tls->fresh_size = 0;
    tls->scratch = NULL;
}

static ssize_t receive_locked(TlsTransport *tls, int fd, uint8_t *data, size_t room)
{
    uint8_t scratch[INPUT_SIZE];
    size_t got = 0;

    lock_assert_held(&tls->lock);
    tls->fd = fd;
    tls->scratch = scratch;
    tls->budget = INPUT_MOST;
    tls->drained = false;
    tls->fresh = tls->kept;
    tls->fresh_size = tls->kept_size;
    while (got < room && !tls->ended) {
        ssize_t n = receive_some(tls, data + got, room - got);

        if (n < 0)
            tls->ended = true;    /* told when what came before it was taken */
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    keep_rest(tls);
    /* an answer to new keys: best effort, the next answer carries it otherwise */
    if (tls->out.fresh.size && !tls->out.sending && pending_flush(&tls->out.fresh, fd) < 0)
        tls->ended = true;
    if (got == 0 && tls->ended)
        return -1;
    return (ssize_t)got;
}

static ssize_t tls_receive(Transport *transport, int fd, uint8_t *data, size_t room)
{
    TlsTransport *tls = (TlsTransport *)transport;
    ssize_t n;

    lock_acquire(&tls->lock);
    n = receive_locked(tls, fd, data, room);
    lock_release(&tls->lock);
    return n;
}

static bool tls_has_more(const Transport *transport)
{
    const TlsTransport *tls = (const TlsTransport *)transport;

    /* only the I/O thread changes what is looked at here */
    return tls->ended || tls->kept_size || !tls->drained || gnutls_record_check_pending(tls->session) > 0;
}

static int encrypt_locked(Transport *transport, const uint8_t *data, size_t size)
{
    TlsTransport *tls = (TlsTransport *)transport;

    lock_assert_held(&tls->lock);
    for (size_t at = 0; at < size;) {
        ssize_t n = gnutls_record_send(tls->session, data + at, MIN(size - at, RECORD_SIZE));

        if (n <= 0)
            return -1;
        at += (size_t)n;
    }
    return 0;
}

static ssize_t tls_send(Transport *transport, int fd, const uint8_t *data, size_t size)
{
    TlsTransport *tls = (TlsTransport *)transport;

    return outgoing_send(&tls->out, &tls->lock, transport, encrypt_locked, OUTPUT_CHUNK, fd, data, size);
}

static void tls_transport_free(Transport *transport)
{
    TlsTransport *tls = (TlsTransport *)transport;

    gnutls_deinit(tls->session);
    tls_keys_unref(tls->keys);
    outgoing_clear(&tls->out);
    g_free(tls->kept);
    lock_deinit(&tls->lock);
    g_free(tls);
}

static const TransportOps tls_ops = {
    .receive = tls_receive,
    .has_more = tls_has_more,
    .send = tls_send,
    .free = tls_transport_free,
};

/* --- the handshake ------------------------------------------------------------------------------ */

static int set_up(TlsTransport *tls)
{
    int r = gnutls_priority_set(tls->session, tls->keys->priority);

    if (r >= 0)
        r = gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, tls->keys->credentials);
    if (r >= 0)
        r = gnutls_session_ticket_enable_server(tls->session, &tls->keys->ticket_key);
    gnutls_certificate_server_set_request(tls->session,
                                          tls->keys->no_verify ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_REQUIRE);
    gnutls_handshake_set_timeout(tls->session, 0);    /* the login's limit is kept by login.c */
    gnutls_transport_set_ptr(tls->session, tls);
    gnutls_transport_set_pull_function(tls->session, pull);
    gnutls_transport_set_push_function(tls->session, push);
    return r;
}

Transport *transport_tls_new(TlsKeys *keys)
{
    TlsTransport *tls = g_new0(TlsTransport, 1);

    tls->transport.ops = &tls_ops;
    tls->keys = keys;
    lock_init(&tls->lock, LOCK_TRANSPORT);
    if (gnutls_init(&tls->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_AUTO_SEND_TICKET) < 0 || set_up(tls) < 0) {
        tls_transport_free(&tls->transport);
        return NULL;
    }
    return &tls->transport;
}

static TlsProgress wants(TlsTransport *tls)
{
    return gnutls_record_get_direction(tls->session) ? TLS_WANTS_WRITE : TLS_WANTS_READ;
}

static TlsProgress shake(TlsTransport *tls, char **dn, char **reason)
{
    int r;

    do
        r = gnutls_handshake(tls->session);
    while (r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(r));
    if (r == GNUTLS_E_AGAIN)
        return wants(tls);
    if (r < 0) {
        *reason = g_strdup(gnutls_strerror(r));
        return TLS_FAILED;
    }
    *reason = tls_check_peer(tls->keys, tls->session, dn);
    if (*reason)
        return TLS_REFUSED;
    tls->stage = STAGE_CONFIRM;
    return TLS_DONE;
}

static TlsProgress confirm(TlsTransport *tls, char **reason)
{
    ssize_t r;

    do {
        if (tls->confirming)
            r = gnutls_record_send(tls->session, NULL, 0);
        else
            r = gnutls_record_send(tls->session, &confirmation, 1);
        tls->confirming = true;
    } while (r == GNUTLS_E_INTERRUPTED);
    if (r == GNUTLS_E_AGAIN)
        return wants(tls);
    if (r < 0) {
        *reason = g_strdup(gnutls_strerror((int)r));
        return TLS_FAILED;
    }
    tls->stage = STAGE_TICKET;
    return TLS_DONE;
}

/* TLS 1.3 gives its ticket when all is said. It may not come before the confirmation: libvirt's client takes a record
 * without data there for a mistake. TLS 1.2 has given it in the handshake. */
static TlsProgress give_ticket(TlsTransport *tls, char **reason)
{
    int r = 0;

    if (gnutls_protocol_get_version(tls->session) >= GNUTLS_TLS1_3)
        do
            r = gnutls_session_ticket_send(tls->session, 1, 0);
        while (r == GNUTLS_E_INTERRUPTED);
    if (r == GNUTLS_E_AGAIN)
        return wants(tls);
    if (r < 0) {
        *reason = g_strdup(gnutls_strerror(r));
        return TLS_FAILED;
    }
    tls->stage = STAGE_OPEN;
    return TLS_DONE;
}

TlsProgress transport_tls_handshake(Transport *transport, int fd, char **dn, char **reason)
{
    TlsTransport *tls = (TlsTransport *)transport;

    TlsProgress progress = TLS_DONE;

    tls->fd = fd;
    if (tls->stage == STAGE_HANDSHAKE)
        progress = shake(tls, dn, reason);
    if (progress == TLS_DONE && tls->stage == STAGE_CONFIRM)
        progress = confirm(tls, reason);
    if (progress == TLS_DONE && tls->stage == STAGE_TICKET)
        progress = give_ticket(tls, reason);
    return progress;
}
