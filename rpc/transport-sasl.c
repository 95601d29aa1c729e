/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The security layer of SASL over a socket, where no TLS is.
 * The I/O thread receives and any thread sends; LOCK_TRANSPORT covers what the library keeps, which both use. */
#include "rpc/sasl-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <glib.h>

#include "base/lock.h"

enum { INPUT_SIZE = 16384, OUTPUT_MOST = 65536 };

typedef struct SaslTransport {
    Transport transport;
    sasl_conn_t *connection;
    size_t chunk;             /* as much may be encrypted at once */
    Lock lock;
    /* under LOCK_TRANSPORT */
    Outgoing out;
    const char *decoded;      /* the library's, until the next decoding */
    size_t decoded_size;      /* read without the lock by the I/O thread, which alone changes it */
} SaslTransport;

static ssize_t take_decoded(SaslTransport *sasl, uint8_t *data, size_t room)
{
    size_t n = MIN(room, sasl->decoded_size);

    if (n == 0)
        return 0;
    memcpy(data, sasl->decoded, n);
    sasl->decoded += n;
    sasl->decoded_size -= n;
    return (ssize_t)n;
}

static ssize_t receive_locked(SaslTransport *sasl, int fd, uint8_t *data, size_t room)
{
    char input[INPUT_SIZE];
    unsigned size = 0;
    ssize_t n;

    lock_assert_held(&sasl->lock);
    if (sasl->decoded_size)
        return take_decoded(sasl, data, room);
    do
        n = recv(fd, input, sizeof input, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    if (n == 0 || sasl_decode(sasl->connection, input, (unsigned)n, &sasl->decoded, &size) != SASL_OK)
        return -1;
    sasl->decoded_size = size;
    return take_decoded(sasl, data, room);
}

static ssize_t sasl_receive(Transport *transport, int fd, uint8_t *data, size_t room)
{
    SaslTransport *sasl = (SaslTransport *)transport;
    ssize_t n;

    lock_acquire(&sasl->lock);
    n = receive_locked(sasl, fd, data, room);
    lock_release(&sasl->lock);
    return n;
}

static bool sasl_has_more(const Transport *transport)
{
    return ((const SaslTransport *)transport)->decoded_size > 0;
}

static int encrypt_locked(Transport *transport, const uint8_t *data, size_t size)
{
    SaslTransport *sasl = (SaslTransport *)transport;
    const char *encoded;
    unsigned n;

    lock_assert_held(&sasl->lock);
    if (sasl_encode(sasl->connection, (const char *)data, (unsigned)size, &encoded, &n) != SASL_OK)
        return -1;
    pending_append(&sasl->out.fresh, encoded, n);
    return 0;
}

static ssize_t sasl_send(Transport *transport, int fd, const uint8_t *data, size_t size)
{
    SaslTransport *sasl = (SaslTransport *)transport;

    return outgoing_send(&sasl->out, &sasl->lock, transport, encrypt_locked, sasl->chunk, fd, data, size);
}

static void sasl_transport_free(Transport *transport)
{
    SaslTransport *sasl = (SaslTransport *)transport;

    outgoing_clear(&sasl->out);
    lock_deinit(&sasl->lock);
    g_free(sasl);
}

static const TransportOps sasl_ops = {
    .receive = sasl_receive,
    .has_more = sasl_has_more,
    .send = sasl_send,
    .free = sasl_transport_free,
};

Transport *transport_sasl_new(sasl_conn_t *connection)
{
    SaslTransport *sasl;
    const void *value;
    unsigned most;

    if (sasl_getprop(connection, SASL_MAXOUTBUF, &value) != SASL_OK)
        return NULL;
    most = *(const unsigned *)value;
    if (most == 0)
        return NULL;
    sasl = g_new0(SaslTransport, 1);
    sasl->transport.ops = &sasl_ops;
    sasl->connection = connection;
    sasl->chunk = MIN(most, OUTPUT_MOST);
    lock_init(&sasl->lock, LOCK_TRANSPORT);
    return &sasl->transport;
}
