/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes to frames and back: lengths, headers, the error struct.
 * Pure functions: any thread, no lock, no memory but the output buffer's. */
#include "rpc/frame.h"

FrameState frame_look(const uint8_t *data, size_t available, size_t *size, unsigned *n_fds)
{
    uint32_t length, fds, type;

    *size = 0;
    *n_fds = 0;
    if (available < FRAME_LENGTH_SIZE)
        return FRAME_INCOMPLETE;
    length = xdr_load32(data);
    if (length < FRAME_HEADER_SIZE || length > FRAME_MAX)
        return FRAME_BROKEN;
    if (available < FRAME_HEADER_SIZE) {
        *size = length;
        return FRAME_INCOMPLETE;
    }
    type = xdr_load32(data + 16);
    if (G_UNLIKELY(type == FRAME_CALL_WITH_FDS)) {    /* what else would carry descriptors is ignored as a whole */
        if (length < FRAME_HEADER_SIZE + 4)
            return FRAME_BROKEN;
        if (available < FRAME_HEADER_SIZE + 4) {
            *size = length;
            return FRAME_INCOMPLETE;
        }
        fds = xdr_load32(data + FRAME_HEADER_SIZE);
        if (fds > FRAME_FDS_MAX)
            return FRAME_BROKEN;
        *n_fds = fds;
        length += fds;
    }
    *size = length;
    return available >= length ? FRAME_COMPLETE : FRAME_INCOMPLETE;
}

void frame_header_get(const uint8_t *data, FrameHeader *header)
{
    header->program = xdr_load32(data + 4);
    header->version = xdr_load32(data + 8);
    header->proc = (int32_t)xdr_load32(data + 12);
    header->type = xdr_load32(data + 16);
    header->serial = xdr_load32(data + 20);
    header->status = xdr_load32(data + 24);
}

size_t frame_begin(XdrOut *out, const FrameHeader *header)
{
    size_t begin = out->size;
    uint8_t *p = xdr_reserve(out, FRAME_HEADER_SIZE);

    xdr_store32(p + 4, header->program);
    xdr_store32(p + 8, header->version);
    xdr_store32(p + 12, (uint32_t)header->proc);
    xdr_store32(p + 16, header->type);
    xdr_store32(p + 20, header->serial);
    xdr_store32(p + 24, header->status);
    return begin;
}

bool frame_end(XdrOut *out, size_t begin)
{
    size_t length = out->size - begin;

    if (length > FRAME_MAX)
        return false;
    xdr_store32(out->data + begin, (uint32_t)length);
    return true;
}

/* A string of the error struct: absent when NULL; shortened rather than refused, and always UTF-8, whatever a client
 * has put into a name that the message repeats. */
static void put_optional(XdrOut *out, const char *text)
{
    enum { LONGEST = 4096 };
    g_autofree char *valid = NULL;

    xdr_put_uint(out, text != NULL);
    if (!text)
        return;
    if (strlen(text) > LONGEST || !g_utf8_validate(text, -1, NULL)) {
        char *end;

        valid = g_utf8_make_valid(text, (gssize)strnlen(text, LONGEST));
        if (strlen(valid) > LONGEST && (end = g_utf8_find_prev_char(valid, valid + LONGEST)))
            *end = '\0';
        text = valid;
    }
    xdr_put_string(out, text, LONGEST);
}

void frame_put_error(XdrOut *out, FrameHeader header, const Error *error)
{
    size_t begin;
    int code = error->code ? error->code : VIR_ERR_INTERNAL_ERROR;

    header.status = FRAME_ERROR;
    begin = frame_begin(out, &header);
    xdr_put_int(out, code);
    xdr_put_int(out, error->domain);
    put_optional(out, error->message ? error->message : error_code_text(code));
    xdr_put_int(out, VIR_ERR_ERROR);
    xdr_put_uint(out, 0);    /* dom */
    put_optional(out, error_code_template(code, error->detail != NULL));
    put_optional(out, error->detail);
    put_optional(out, NULL);
    xdr_put_int(out, error->int1);
    xdr_put_int(out, error->int2);
    xdr_put_uint(out, 0);    /* net */
    g_assert(frame_end(out, begin));
}
