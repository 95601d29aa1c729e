/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the transports share: bytes on their way to a socket that may be full.
 * Pure helpers; the transport's own lock protects a Pending. Nothing here waits. */
#include "rpc/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <glib.h>

ssize_t transport_write(int fd, const void *data, size_t size)
{
    ssize_t n;

    do
        n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -1;
    return n;
}

void pending_append(Pending *pending, const void *data, size_t size)
{
    if (pending->capacity - pending->size < size) {
        pending->capacity = MAX(pending->size + size, 2 * pending->capacity);
        pending->data = g_realloc(pending->data, pending->capacity);
    }
    memcpy(pending->data + pending->size, data, size);
    pending->size += size;
}

int pending_flush(Pending *pending, int fd)
{
    while (pending->at < pending->size) {
        ssize_t n = transport_write(fd, pending->data + pending->at, pending->size - pending->at);

        if (n <= 0)
            return (int)n;
        pending->at += (size_t)n;
    }
    pending_clear(pending);    /* an idle connection keeps no buffer */
    return 1;
}

void pending_clear(Pending *pending)
{
    g_free(pending->data);
    *pending = (Pending){ 0 };
}

/* A chunk counts as sent when all that it has become has left; until then the caller gives it again, and it isn't encrypted
 * anew. */
ssize_t pending_send(Pending *pending, Transport *transport, Encrypt encrypt, size_t chunk, int fd, const uint8_t *data, size_t size)
{
    size_t sent = 0;

    while (sent < size) {
        size_t claimed;
        int r;

        if (pending->claimed == 0) {
            size_t next = MIN(size - sent, chunk);

            if (encrypt(transport, data + sent, next) < 0)
                return -1;
            pending->claimed = next;
        }
        claimed = pending->claimed;
        r = pending_flush(pending, fd);
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        sent += claimed;
    }
    return (ssize_t)sent;
}
