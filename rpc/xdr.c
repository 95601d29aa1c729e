/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bounded cursors over the bytes of one message, and the buffer that a reply grows in.
 * Any thread, one at a time for each cursor; no lock. Never reads past XdrIn.end, never allocates
 * for more elements than the message has bytes for, never fails for lack of memory (GLib ends the
 * process then). A cursor that has failed keeps its first cause and isn't used further. */
#include "rpc/xdr.h"

#include <stdlib.h>

#define SMALLEST_BUFFER 256

bool xdr_fail(XdrIn *in, const char *cause)
{
    if (!in->failed)
        in->failed = cause;
    return false;
}

static size_t padded(uint32_t n)
{
    return ((size_t)n + 3) & ~(size_t)3;
}

bool xdr_get_double(XdrIn *in, double *v)
{
    uint64_t bits;

    if (!xdr_get_uhyper(in, &bits))
        return false;
    memcpy(v, &bits, sizeof(bits));
    return true;
}

bool xdr_get_char(XdrIn *in, char *v)
{
    uint32_t word;

    if (!xdr_get_uint(in, &word))
        return false;
    *v = (char)word;
    return true;
}

bool xdr_get_uchar(XdrIn *in, uint8_t *v)
{
    uint32_t word;

    if (!xdr_get_uint(in, &word))
        return false;
    *v = (uint8_t)word;
    return true;
}

bool xdr_get_ushort(XdrIn *in, uint16_t *v)
{
    uint32_t word;

    if (!xdr_get_uint(in, &word))
        return false;
    *v = (uint16_t)word;
    return true;
}

bool xdr_get_count(XdrIn *in, uint32_t *n, uint32_t max, size_t min_size)
{
    if (!xdr_get_uint(in, n))
        return false;
    if (*n > max)
        return xdr_fail(in, "more elements than allowed");
    if (*n > (size_t)(in->end - in->at) / min_size)
        return xdr_fail(in, "message cut short");
    return true;
}

bool xdr_get_present(XdrIn *in, bool *present)
{
    uint32_t word;

    if (!xdr_get_uint(in, &word))
        return false;
    *present = word != 0;
    return true;
}

bool xdr_get_string(XdrIn *in, char **text, uint32_t max)
{
    uint32_t n;

    if (!xdr_get_uint(in, &n))
        return false;
    if (n > max)
        return xdr_fail(in, "string longer than allowed");
    if (!xdr_has(in, padded(n)))
        return false;
    if (n % 4 != 0) {
        *text = (char *)in->at;
    } else {
        /* No padding for the NUL: over the length word, which has been read. */
        *text = (char *)in->at - 4;
        memmove(*text, in->at, n);
    }
    (*text)[n] = '\0';
    in->at += padded(n);
    return true;
}

bool xdr_get_opaque_fixed(XdrIn *in, uint8_t *data, uint32_t n)
{
    if (!xdr_has(in, padded(n)))
        return false;
    memcpy(data, in->at, n);
    in->at += padded(n);
    return true;
}

bool xdr_get_opaque(XdrIn *in, XdrBytes *bytes, uint32_t max)
{
    if (!xdr_get_uint(in, &bytes->size))
        return false;
    if (bytes->size > max)
        return xdr_fail(in, "more bytes than allowed");
    if (!xdr_has(in, padded(bytes->size)))
        return false;
    bytes->data = in->at;
    in->at += padded(bytes->size);
    return true;
}

void xdr_out_init(XdrOut *out, void *lent, size_t capacity)
{
    *out = (XdrOut){ .data = lent, .capacity = capacity, .lent = lent != NULL };
}

void xdr_out_deinit(XdrOut *out)
{
    if (!out->lent)
        free(out->data);
    *out = (XdrOut){ 0 };
}

void xdr_out_grow(XdrOut *out, size_t more)
{
    size_t capacity = MAX(out->capacity * 2, SMALLEST_BUFFER);

    g_assert(more <= G_MAXSSIZE - out->size);
    capacity = MAX(capacity, out->size + more);
    if (out->lent) {
        uint8_t *data = g_malloc(capacity);

        memcpy(data, out->data, out->size);
        out->data = data;
        out->lent = false;
    } else {
        out->data = g_realloc(out->data, capacity);
    }
    out->capacity = capacity;
}

bool xdr_out_fail(XdrOut *out, const char *cause)
{
    if (!out->failed)
        out->failed = cause;
    return false;
}

void xdr_put_double(XdrOut *out, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    xdr_put_uhyper(out, bits);
}

void xdr_put_char(XdrOut *out, char v)
{
    xdr_put_int(out, (signed char)v);
}

void xdr_put_uchar(XdrOut *out, uint8_t v)
{
    xdr_put_uint(out, v);
}

void xdr_put_ushort(XdrOut *out, uint16_t v)
{
    xdr_put_uint(out, v);
}

bool xdr_put_count(XdrOut *out, uint32_t n, uint32_t max)
{
    if (n > max)
        return xdr_out_fail(out, "more elements than allowed");
    xdr_put_uint(out, n);
    return true;
}

/* n bytes and their padding; `data` may be NULL when n is 0. */
static void put_bytes(uint8_t *at, const void *data, uint32_t n)
{
    if (n > 0)
        memcpy(at, data, n);
    memset(at + n, 0, padded(n) - n);
}

bool xdr_put_string(XdrOut *out, const char *text, uint32_t max)
{
    size_t n;
    uint8_t *at;

    g_assert(text);
    n = strlen(text);
    if (n > max)
        return xdr_out_fail(out, "string longer than allowed");
    at = xdr_reserve(out, 4 + padded((uint32_t)n));
    xdr_store32(at, (uint32_t)n);
    put_bytes(at + 4, text, (uint32_t)n);
    return true;
}

void xdr_put_opaque_fixed(XdrOut *out, const uint8_t *data, uint32_t n)
{
    put_bytes(xdr_reserve(out, padded(n)), data, n);
}

bool xdr_put_opaque(XdrOut *out, const XdrBytes *bytes, uint32_t max)
{
    uint8_t *at;

    if (bytes->size > max)
        return xdr_out_fail(out, "more bytes than allowed");
    at = xdr_reserve(out, 4 + padded(bytes->size));
    xdr_store32(at, bytes->size);
    put_bytes(at + 4, bytes->data, bytes->size);
    return true;
}

bool xdr_put_encoded(XdrOut *out, const XdrEncoded *array, uint32_t max)
{
    size_t size = 0;
    uint8_t *at;

    if (!xdr_put_count(out, array->n, max))
        return false;
    for (uint32_t i = 0; i < array->n_pieces; i++)
        size += array->pieces[i].size;
    at = xdr_reserve(out, size);
    for (uint32_t i = 0; i < array->n_pieces; i++) {
        memcpy(at, array->pieces[i].data, array->pieces[i].size);
        at += array->pieces[i].size;
    }
    return true;
}
