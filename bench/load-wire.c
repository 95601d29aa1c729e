/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The wire, by hand: frames, the few XDR types that the loads use, and blocking calls for everything that happens before
 * and after a measurement. What is measured goes through load-engine.c. Used by the thread that owns the descriptor;
 * no locks, no state. */
#include "load-link.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void fail(const char *format, ...)
{
    va_list args;

    fputs("rpc-load: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

uint8_t *out_extend(Out *out, size_t more)
{
    if (out->len + more > out->size) {
        out->size = MAX(2 * out->size, out->len + more + 4096);
        out->data = g_realloc(out->data, out->size);
    }
    out->len += more;
    return out->data + out->len - more;
}

void out_clear(Out *out)
{
    g_free(out->data);
    *out = (Out) { 0 };
}

void out_string(Out *out, const char *text)
{
    size_t len = strlen(text), padded = (len + 3) & ~(size_t)3;

    out_u32(out, (uint32_t)len);
    uint8_t *to = out_extend(out, padded);
    memset(to, 0, padded);
    memcpy(to, text, len);
}

size_t frame_begin(Out *out, uint32_t procedure, uint32_t serial)
{
    size_t begin = out->len;
    uint8_t *to = out_extend(out, WIRE_HEAD);

    put32(to, 0);
    put32(to + 4, WIRE_PROGRAM);
    put32(to + 8, WIRE_VERSION);
    put32(to + 12, procedure);
    put32(to + 16, WIRE_CALL);
    put32(to + 20, serial);
    put32(to + 24, 0);
    return begin;
}

void frame_end(Out *out, size_t begin)
{
    put32(out->data + begin, (uint32_t)(out->len - begin));
}

uint32_t cursor_u32(Cursor *cursor)
{
    const uint8_t *at = cursor_bytes(cursor, 4);
    return at ? get32(at) : 0;
}

const uint8_t *cursor_bytes(Cursor *cursor, size_t len)
{
    const uint8_t *at = cursor->at;
    size_t padded = (len + 3) & ~(size_t)3;

    if (cursor->bad || padded < len || (size_t)(cursor->end - at) < padded) {
        cursor->bad = true;
        return NULL;
    }
    cursor->at += padded;
    return at;
}

char *wire_error_text(const uint8_t *body, size_t len)
{
    Cursor cursor = { body, body + len, false };
    uint32_t code = cursor_u32(&cursor), domain = cursor_u32(&cursor);

    if (cursor_u32(&cursor) == 0 || cursor.bad)
        return g_strdup_printf("error %u of domain %u without a message", code, domain);
    size_t text_len = cursor_u32(&cursor);
    if (cursor.bad)
        return g_strdup("an error reply that is cut short");
    text_len = MIN(text_len, (size_t)(cursor.end - cursor.at));
    return g_strdup_printf("%u/%u %.*s", code, domain, (int)MIN(text_len, 400), (const char *)cursor.at);
}

int wire_connect(const char *path)
{
    Link link;
    g_autofree char *why = link_connect(&link, &(Way) { .path = path }, NULL);

    return link.fd;
}

bool wire_send(int fd, Out *out)
{
    Link link = { .fd = fd };

    return link_send(&link, out);
}

bool wire_receive(int fd, FrameHead *head, GByteArray *body)
{
    Link link = { .fd = fd };

    return link_receive_frame(&link, head, body);
}

char *wire_call(int fd, Out *request, GByteArray *body)
{
    Link link = { .fd = fd };

    return link_call(&link, request, body);
}

int wire_open(const char *path, const char *uri)
{
    Link link;
    g_autofree char *why = link_connect(&link, &(Way) { .path = path }, NULL);

    if (!why)
        why = link_open(&link, uri);
    if (why)
        fail("cannot open %s on %s: %s", uri, path, why);
    return link.fd;
}

void wire_subscribe(int fd)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    Out out = { 0 };
    size_t begin = frame_begin(&out, PROC_EVENT_REGISTER, 3);

    out_u32(&out, 0);
    out_u32(&out, 0);
    frame_end(&out, begin);
    g_autofree char *why = wire_call(fd, &out, body);
    out_clear(&out);
    if (why)
        fail("cannot subscribe to events: %s", why);
}
