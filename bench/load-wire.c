/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The wire, by hand: frames, the few XDR types that the loads use, and blocking calls for everything that happens before
 * and after a measurement. What is measured goes through load-engine.c. Used by the thread that owns the descriptor;
 * no locks, no state. */
#include "load-wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

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
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

bool wire_send(int fd, Out *out)
{
    size_t done = 0;

    while (done < out->len) {
        ssize_t n = send(fd, out->data + done, out->len - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            done += (size_t)n;
    }
    out->len = 0;
    return true;
}

static bool receive_exactly(int fd, uint8_t *to, size_t len)
{
    while (len > 0) {
        ssize_t n = recv(fd, to, len, MSG_WAITALL);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        if (n > 0) {
            to += n;
            len -= (size_t)n;
        }
    }
    return true;
}

bool wire_receive(int fd, FrameHead *head, GByteArray *body)
{
    uint8_t bytes[WIRE_HEAD];

    if (!receive_exactly(fd, bytes, sizeof(bytes)))
        return false;
    *head = frame_head(bytes);
    if (head->length < WIRE_HEAD || head->length > WIRE_FRAME_MAX)
        return false;
    g_byte_array_set_size(body, head->length - WIRE_HEAD);
    return receive_exactly(fd, body->data, body->len);
}

char *wire_call(int fd, Out *request, GByteArray *body)
{
    FrameHead sent = frame_head(request->data), head;

    if (!wire_send(fd, request))
        return g_strdup_printf("cannot send: %s", g_strerror(errno));
    do {
        if (!wire_receive(fd, &head, body))
            return g_strdup("the server closed the connection");
    } while (head.type == WIRE_MESSAGE);
    if (head.serial != sent.serial || head.procedure != sent.procedure || head.type != WIRE_REPLY)
        return g_strdup_printf("call %u got an answer to call %u", sent.serial, head.serial);
    return head.status == 0 ? NULL : wire_error_text(body->data, body->len);
}

int wire_open(const char *path, const char *uri)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_autofree char *why = NULL;
    Out out = { 0 };
    int fd = wire_connect(path);

    if (fd < 0)
        fail("cannot connect to %s: %s", path, g_strerror(errno));
    frame_end(&out, frame_begin(&out, PROC_AUTH_LIST, 0));
    why = wire_call(fd, &out, body);
    if (!why) {
        size_t begin = frame_begin(&out, PROC_OPEN, 1);
        out_u32(&out, 1);
        out_string(&out, uri);
        out_u32(&out, 0);
        frame_end(&out, begin);
        why = wire_call(fd, &out, body);
    }
    if (why)
        fail("cannot open %s on %s: %s", uri, path, why);
    out_clear(&out);
    return fd;
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
