/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The outermost layer of the wire: a length word, six header words, the payload.
 * Pure functions over bytes; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "rpc/xdr.h"

enum {
    FRAME_LENGTH_SIZE = 4,
    FRAME_HEADER_SIZE = 28,              /* length word and header: the smallest frame */
    FRAME_MAX = 33554432 + 4,            /* the length word counts itself */
    FRAME_FDS_MAX = 32,
    FRAME_STREAM_CHUNK = 262120,         /* what peers send at once on a stream */
};

typedef enum FrameType {
    FRAME_CALL, FRAME_REPLY, FRAME_MESSAGE, FRAME_STREAM, FRAME_CALL_WITH_FDS, FRAME_REPLY_WITH_FDS, FRAME_STREAM_HOLE,
} FrameType;

typedef enum FrameStatus { FRAME_OK, FRAME_ERROR, FRAME_CONTINUE } FrameStatus;

#define FRAME_PROGRAM_KEEPALIVE 0x6b656570u

typedef struct FrameHeader {
    uint32_t program, version;
    int32_t proc;
    uint32_t type;
    uint32_t serial;
    uint32_t status;
} FrameHeader;

typedef enum FrameState { FRAME_COMPLETE, FRAME_INCOMPLETE, FRAME_BROKEN } FrameState;

/* Looks at the bytes at the beginning of a connection's input. `*size`: how many bytes the frame has, the
 * carrier bytes of its descriptors included; 0 while that isn't known yet. `*n_fds`: descriptors announced.
 * FRAME_BROKEN: a length or a count that no peer may send; the connection must be closed without an answer. */
FrameState frame_look(const uint8_t *data, size_t available, size_t *size, unsigned *n_fds);

/* `data` holds at least FRAME_HEADER_SIZE bytes. */
void frame_header_get(const uint8_t *data, FrameHeader *header);

/* Begins a frame at the end of `out` and returns where it begins, for frame_end. */
size_t frame_begin(XdrOut *out, const FrameHeader *header);
/* Fills in the length; false when the frame is larger than a peer accepts (nothing is changed then). */
bool frame_end(XdrOut *out, size_t begin);

/* One whole frame with the error struct of the wire; header->status is set to FRAME_ERROR. */
void frame_put_error(XdrOut *out, FrameHeader header, const Error *error);
