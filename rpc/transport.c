/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the transports share: bytes on their way to a socket that may be full.
 * Pure helpers; the transport's own lock protects a Pending. Nothing here waits. */
#include "rpc/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <glib.h>

bool transport_is_full(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
}

ssize_t transport_write(int fd, const void *data, size_t size)
{
    ssize_t n;

    do
        n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return transport_is_full() ? 0 : -1;
    return n;
}

static void pending_clear(Pending *pending)
{
    g_free(pending->data);
    *pending = (Pending){ 0 };
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

void outgoing_clear(Outgoing *outgoing)
{
    pending_clear(&outgoing->fresh);
    pending_clear(&outgoing->taken);
    outgoing->claimed = 0;
}

/* Fresh bytes go behind what was taken before and has not left. */
static void take_fresh(Outgoing *outgoing)
{
    if (outgoing->taken.size == 0) {
        outgoing->taken = outgoing->fresh;
        outgoing->fresh = (Pending){ 0 };
    } else if (outgoing->fresh.size) {
        pending_append(&outgoing->taken, outgoing->fresh.data + outgoing->fresh.at, outgoing->fresh.size - outgoing->fresh.at);
        pending_clear(&outgoing->fresh);
    }
    outgoing->sending = outgoing->taken.size > 0;
}

/* A chunk counts as sent when all that it has become has left; until then the caller gives it again, and it isn't encrypted
 * anew. */
ssize_t outgoing_send(Outgoing *outgoing, Lock *lock, Transport *transport, Encrypt encrypt, size_t chunk, int fd,
                      const uint8_t *data, size_t size)
{
    size_t sent = 0;
    bool good = true;

    lock_acquire(lock);
    while (sent < size) {
        int r;

        if (outgoing->claimed == 0) {
            size_t next = MIN(size - sent, chunk);

            good = encrypt(transport, data + sent, next) == 0;
            if (!good)
                break;
            outgoing->claimed = next;
        }
        take_fresh(outgoing);
        lock_release(lock);
        r = pending_flush(&outgoing->taken, fd);
        lock_acquire(lock);
        good = r >= 0;
        if (r <= 0)
            break;
        outgoing->sending = false;
        sent += outgoing->claimed;
        outgoing->claimed = 0;
    }
    lock_release(lock);
    return good ? (ssize_t)sent : -1;
}
