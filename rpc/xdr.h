/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bounded cursors under the generated codecs: big-endian words, 4-byte padding.
 * Decoding works inside the request's own bytes, which it may change: a string is moved over
 * its length word or ended in its padding, so that it becomes a C string where it stands. One
 * buffer is decoded once. Nothing here allocates before the bytes for it are known to be there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

typedef struct XdrIn {
    uint8_t *at, *end;
    Arena *arena;            /* for arrays and optionals */
    const char *failed;      /* NULL, or what was wrong first (untranslated, for the error's detail) */
} XdrIn;

/* What the wire calls `opaque`: bytes in the request's buffer, or in an arena. */
typedef struct XdrBytes {
    uint8_t *data;
    uint32_t size;
} XdrBytes;

/* Array elements that are on the wire's form already, in pieces; for replies only. */
typedef struct XdrPiece {
    const uint8_t *data;
    size_t size;
} XdrPiece;
typedef struct XdrEncoded {
    uint32_t n;              /* elements, not pieces */
    uint32_t n_pieces;
    const XdrPiece *pieces;
} XdrEncoded;

/* False, with the first cause kept. */
bool xdr_fail(XdrIn *in, const char *cause);

static inline bool xdr_has(XdrIn *in, size_t n)
{
    return (size_t)(in->end - in->at) >= n ? true : xdr_fail(in, "message cut short");
}

static inline uint32_t xdr_load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}

static inline uint64_t xdr_load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

static inline void xdr_store32(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}

static inline void xdr_store64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

static inline bool xdr_get_uint(XdrIn *in, uint32_t *v)
{
    if (!xdr_has(in, 4))
        return false;
    *v = xdr_load32(in->at);
    in->at += 4;
    return true;
}

static inline bool xdr_get_int(XdrIn *in, int32_t *v)
{
    return xdr_get_uint(in, (uint32_t *)v);
}

static inline bool xdr_get_uhyper(XdrIn *in, uint64_t *v)
{
    if (!xdr_has(in, 8))
        return false;
    *v = xdr_load64(in->at);
    in->at += 8;
    return true;
}

static inline bool xdr_get_hyper(XdrIn *in, int64_t *v)
{
    return xdr_get_uhyper(in, (uint64_t *)v);
}

bool xdr_get_double(XdrIn *in, double *v);
/* One character, one unsigned char, one unsigned short: 4 bytes each; too large a value is cut. */
bool xdr_get_char(XdrIn *in, char *v);
bool xdr_get_uchar(XdrIn *in, uint8_t *v);
bool xdr_get_ushort(XdrIn *in, uint16_t *v);
/* The count of an array: at most `max`, and n * min_size bytes must be there (min_size >= 1). */
bool xdr_get_count(XdrIn *in, uint32_t *n, uint32_t max, size_t min_size);
/* Any non-zero flag means present. */
bool xdr_get_present(XdrIn *in, bool *present);
/* A C string inside the buffer, at most `max` bytes; an embedded NUL cuts it. */
bool xdr_get_string(XdrIn *in, char **text, uint32_t max);
/* n bytes copied out; padding is skipped. */
bool xdr_get_opaque_fixed(XdrIn *in, uint8_t *data, uint32_t n);
/* Points into the buffer. */
bool xdr_get_opaque(XdrIn *in, XdrBytes *bytes, uint32_t max);

/* A growing buffer. Owned by whoever made it; `data` from malloc or, while `fixed`, lent. */
typedef struct XdrOut {
    uint8_t *data;
    size_t size, capacity;
    bool lent;               /* `data` is not from malloc: growing copies it away */
    const char *failed;      /* NULL, or the limit that a result breaks */
} XdrOut;

void xdr_out_init(XdrOut *out, void *lent, size_t capacity);    /* lent may be NULL, capacity 0 */
void xdr_out_deinit(XdrOut *out);
void xdr_out_grow(XdrOut *out, size_t more);
bool xdr_out_fail(XdrOut *out, const char *cause);

/* Room for n bytes at the end, which are counted at once. */
static inline uint8_t *xdr_reserve(XdrOut *out, size_t n)
{
    uint8_t *p;

    if (G_UNLIKELY(out->capacity - out->size < n))
        xdr_out_grow(out, n);
    p = out->data + out->size;
    out->size += n;
    return p;
}

static inline void xdr_put_uint(XdrOut *out, uint32_t v)
{
    xdr_store32(xdr_reserve(out, 4), v);
}

static inline void xdr_put_int(XdrOut *out, int32_t v)
{
    xdr_put_uint(out, (uint32_t)v);
}

static inline void xdr_put_uhyper(XdrOut *out, uint64_t v)
{
    xdr_store64(xdr_reserve(out, 8), v);
}

static inline void xdr_put_hyper(XdrOut *out, int64_t v)
{
    xdr_put_uhyper(out, (uint64_t)v);
}

void xdr_put_double(XdrOut *out, double v);
void xdr_put_char(XdrOut *out, char v);
void xdr_put_uchar(XdrOut *out, uint8_t v);
void xdr_put_ushort(XdrOut *out, uint16_t v);
/* These return false (and remember it) when a result is larger than the table allows. */
bool xdr_put_count(XdrOut *out, uint32_t n, uint32_t max);
bool xdr_put_string(XdrOut *out, const char *text, uint32_t max);    /* text not NULL */
void xdr_put_opaque_fixed(XdrOut *out, const uint8_t *data, uint32_t n);
bool xdr_put_opaque(XdrOut *out, const XdrBytes *bytes, uint32_t max);
bool xdr_put_encoded(XdrOut *out, const XdrEncoded *array, uint32_t max);
