/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What the load generator needs of the wire, written by hand so that it measures any server and shares no code
 * (and no mistake) with the one it is built beside. */
enum {
    WIRE_PROGRAM = 0x20008086,
    WIRE_VERSION = 1,
    WIRE_HEAD = 28,                 /* bytes of a frame's length word and header */
    WIRE_FRAME_MAX = 33554432 + 4,  /* a longer length word is refused by either side */
};

enum { WIRE_CALL = 0, WIRE_REPLY = 1, WIRE_MESSAGE = 2 };

enum {
    PROC_OPEN = 1, PROC_CLOSE = 2, PROC_CREATE = 9, PROC_DEFINE = 11, PROC_DESTROY = 12, PROC_DUMPXML = 14, PROC_INFO = 16,
    PROC_LOOKUP_ID = 22, PROC_LOOKUP_NAME = 23, PROC_LOOKUP_UUID = 24, PROC_UNDEFINE = 35, PROC_AUTH_LIST = 66,
    PROC_LIB_VERSION = 157, PROC_LIST_ALL = 273, PROC_EVENT_REGISTER = 316, PROC_EVENT_LIFECYCLE = 318, PROC_STATS = 344,
};

/* Bytes on their way out; grows, never shrinks. */
typedef struct Out {
    uint8_t *data;
    size_t len;
    size_t size;
} Out;

/* The seven words in front of every payload, in host order. */
typedef struct FrameHead {
    uint32_t length, program, version, procedure, type, serial, status;
} FrameHead;

/* A bounded cursor over a reply; after the first read past the end @bad is set and all further reads give 0. */
typedef struct Cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
} Cursor;

static inline void put32(uint8_t *to, uint32_t value)
{
    value = GUINT32_TO_BE(value);
    memcpy(to, &value, 4);
}

static inline uint32_t get32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, 4);
    return GUINT32_FROM_BE(value);
}

/* Makes room for @more bytes and returns where they go; the caller fills all of them. */
uint8_t *out_extend(Out *out, size_t more);
void out_clear(Out *out);

static inline void out_u32(Out *out, uint32_t value)
{
    put32(out_extend(out, 4), value);
}

static inline void out_bytes(Out *out, const void *bytes, size_t len)
{
    memcpy(out_extend(out, len), bytes, len);
}

void out_string(Out *out, const char *text);

/* Begins a CALL frame of the remote program; frame_end() with the returned position writes its length. */
size_t frame_begin(Out *out, uint32_t procedure, uint32_t serial);
void frame_end(Out *out, size_t begin);

static inline FrameHead frame_head(const uint8_t *bytes)
{
    return (FrameHead) {
        .length = get32(bytes), .program = get32(bytes + 4), .version = get32(bytes + 8), .procedure = get32(bytes + 12),
        .type = get32(bytes + 16), .serial = get32(bytes + 20), .status = get32(bytes + 24),
    };
}

uint32_t cursor_u32(Cursor *cursor);
/* Points at @len bytes inside the reply and steps over them and their padding; NULL when they are not all there. */
const uint8_t *cursor_bytes(Cursor *cursor, size_t len);

/* The message of an error payload of which at least the first @len bytes are at hand, cut to what is there.
 * The caller frees it. */
char *wire_error_text(const uint8_t *body, size_t len);

/* Connects to a UNIX socket; blocks while the server's queue is full. Returns -1 with errno set. */
int wire_connect(const char *path);

/* Sends all bytes of @out and empties it; blocks. False with errno set when the connection is gone. */
bool wire_send(int fd, Out *out);

/* Waits for one frame and puts its payload into @body (replacing what was there). False at the end of the connection
 * or for a frame that breaks the rules. */
bool wire_receive(int fd, FrameHead *head, GByteArray *body);

/* Sends the one call in @request and waits for its reply, passing over events. Returns NULL with the result in @body,
 * or why not, for the caller to free. */
char *wire_call(int fd, Out *request, GByteArray *body);

/* Connects, lists the ways to authenticate and opens @uri, as every client does. Ends the program with a message when
 * that fails. */
int wire_open(const char *path, const char *uri);

/* Subscribes an open connection to all lifecycle events of domains; the same way out when it can't. */
void wire_subscribe(int fd);

/* Ends the program with a message on stderr. */
void fail(const char *format, ...) G_GNUC_PRINTF(1, 2) G_GNUC_NORETURN;

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t now_ns(void);
