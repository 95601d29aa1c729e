/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands between a connection's socket and its frames: nothing on a UNIX socket, TLS, or the security layer of
 * SASL. A transport moves bytes and knows no frame. For rpc/ alone: io.c receives, outbox.c sends, login.c makes one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Transport Transport;

typedef struct TransportOps {
    /* > 0: bytes; 0: nothing there; -1: the connection is over. Never waits. The client's I/O thread. */
    ssize_t (*receive)(Transport *transport, int fd, uint8_t *data, size_t room);
    /* There may be more than the last receive has given, though the socket doesn't tell. The I/O thread. */
    bool (*has_more)(const Transport *transport);
    /* How many of the bytes have left: 0 when the socket is full, -1 when the connection is broken. What has not left
     * must be given again, unchanged and first; it may have been encrypted already. Never waits. Any thread, under
     * LOCK_OUTBOX. */
    ssize_t (*send)(Transport *transport, int fd, const uint8_t *data, size_t size);
    void (*free)(Transport *transport);
} TransportOps;

struct Transport {
    const TransportOps *ops;
};

/* Bytes that were made ready for the socket and have not left. All zeros: none. */
typedef struct Pending {
    uint8_t *data;
    size_t at, size, capacity;
    size_t claimed;    /* bytes before encryption that these stand for */
} Pending;

void pending_append(Pending *pending, const void *data, size_t size);
/* 1: all has left; 0: the socket is full; -1: broken. */
int pending_flush(Pending *pending, int fd);
void pending_clear(Pending *pending);
/* Appends what `data` is when it is encrypted to the transport's own Pending: 0, or -1 when that is broken. */
typedef int (*Encrypt)(Transport *transport, const uint8_t *data, size_t size);
/* TransportOps.send for who encrypts into `pending`, at most `chunk` bytes before the socket is tried; under the transport's
 * lock. */
ssize_t pending_send(Pending *pending, Transport *transport, Encrypt encrypt, size_t chunk, int fd, const uint8_t *data, size_t size);

/* One send(2) that never waits and gets no signal: bytes, 0 when the socket is full, -1 when it is broken. */
ssize_t transport_write(int fd, const void *data, size_t size);
