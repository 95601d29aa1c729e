/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands between a connection's socket and its frames: nothing on a UNIX socket, TLS, or the security layer of
 * SASL. A transport moves bytes and knows no frame. For rpc/ alone: io.c receives, outbox.c sends, login.c makes one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/lock.h"

typedef struct Transport Transport;

typedef struct TransportOps {
    /* > 0: bytes; 0: nothing there; -1: the connection is over. Never waits. The client's I/O thread. */
    ssize_t (*receive)(Transport *transport, int fd, uint8_t *data, size_t room);
    /* There may be more than the last receive has given, though the socket doesn't tell. The I/O thread. */
    bool (*has_more)(const Transport *transport);
    /* How many of the bytes have left: 0 when the socket is full, -1 when the connection is broken. What has not left
     * must be given again, unchanged and first; it may have been encrypted already. Never waits. Any thread, one at a
     * time (outbox.c), with no lock held. */
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
} Pending;

/* Encrypted bytes on their way out: first those that who sends has taken, then new ones. All zeros: none. */
typedef struct Outgoing {
    /* under the transport's lock */
    Pending fresh;
    bool sending;      /* something was taken and has not left */
    /* owned by who sends */
    Pending taken;
    size_t claimed;    /* bytes before encryption that both stand for */
} Outgoing;

void pending_append(Pending *pending, const void *data, size_t size);
/* 1: all has left; 0: the socket is full; -1: broken. */
int pending_flush(Pending *pending, int fd);
void outgoing_clear(Outgoing *outgoing);
/* Appends what `data` is when it is encrypted to outgoing.fresh: 0, or -1 when that is broken. Under the transport's lock. */
typedef int (*Encrypt)(Transport *transport, const uint8_t *data, size_t size);
/* TransportOps.send for who encrypts, at most `chunk` bytes before the socket is tried. Takes the transport's `lock` while it
 * encrypts, and not while it sends. */
ssize_t outgoing_send(Outgoing *outgoing, Lock *lock, Transport *transport, Encrypt encrypt, size_t chunk, int fd,
                      const uint8_t *data, size_t size);

/* One send(2) that never waits and gets no signal: bytes, 0 when the socket is full, -1 when it is broken. */
ssize_t transport_write(int fd, const void *data, size_t size);
/* Whether errno says only that a socket takes nothing now. */
bool transport_is_full(void);
