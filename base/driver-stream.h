/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pipe between what a driver has (a console, an image, a volume) and the stream of a client.
 * It stands on the ground floor because the wire moves the bytes and a driver makes them, and
 * neither knows the other. No lock is held when an operation is called. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct DriverStream DriverStream;

/* What a driver puts behind a stream. Every function runs on one thread at a time and may not block. */
typedef struct DriverStreamOps {
    /* Client to driver. Takes all of it: 0, or -1 and an error, which ends the stream. NULL: nothing may be sent. */
    int (*write)(DriverStream *stream, const uint8_t *data, size_t size, Error *error);
    int (*write_hole)(DriverStream *stream, uint64_t size, Error *error);
    /* Driver to client: > 0 bytes; 0: the end; -1 and an error; DRIVER_STREAM_LATER: nothing now,
     * driver_stream_wake() follows. A hole: returns 0 and *hole > 0. NULL: nothing comes. */
    int64_t (*read)(DriverStream *stream, uint8_t *data, size_t size, uint64_t *hole, Error *error);
    /* The client is done with it in order; 0 or -1 and an error. May be NULL. */
    int (*finish)(DriverStream *stream, Error *error);
    /* Always the last: after finish, after an abort, when the client leaves. Frees the stream. */
    void (*free)(DriverStream *stream);
} DriverStreamOps;
#define DRIVER_STREAM_LATER (-2)

struct DriverStream {
    const DriverStreamOps *ops;
    /* the server's: set before any op is called. driver_stream_wake from any thread until free() returned. */
    void (*wake)(DriverStream *stream);
    void *server;
};
static inline void driver_stream_wake(DriverStream *stream)
{
    void (*wake)(DriverStream *) = __atomic_load_n(&stream->wake, __ATOMIC_ACQUIRE);

    if (wake)
        wake(stream);
}
