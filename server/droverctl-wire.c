/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* droverctl as a client of the administration socket: one connection, one question, one answer. Main thread. */
#include "server/droverctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/i18n.h"
#include "rpc/control-client.h"
#include "rpc/frame.h"
#include "rpc/proc.h"

#define PROGRAM 0x64726f76u

int complain(const char *format, ...)
{
    va_list args;

    fputs("droverctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return -1;
}

static char *default_socket(void)
{
    if (geteuid() == 0)
        return g_strdup("/run/drover/libvirt-admin-sock");
    return g_build_filename(g_get_user_runtime_dir(), "drover", "libvirt-admin-sock", NULL);
}

static int dial(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd;

    if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
        return complain(_("the path '%s' is too long for a socket"), path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        complain(_("cannot connect to '%s': %s"), path, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return false;
        data += MAX(n, 0);
        size -= (size_t)MAX(n, 0);
    }
    return true;
}

/* One whole frame, owned by the caller; NULL when the connection ends before. */
static uint8_t *read_frame(int fd, size_t *size)
{
    uint8_t head[FRAME_LENGTH_SIZE], *frame;

    if (recv(fd, head, sizeof head, MSG_WAITALL) != sizeof head)
        return NULL;
    *size = xdr_load32(head);
    if (*size < FRAME_HEADER_SIZE || *size > FRAME_MAX)
        return NULL;
    frame = g_malloc(*size + 1);
    memcpy(frame, head, sizeof head);
    for (size_t at = sizeof head; at < *size;) {
        ssize_t n = recv(fd, frame + at, *size - at, 0);

        if (n == 0 || (n < 0 && errno != EINTR)) {
            g_free(frame);
            return NULL;
        }
        at += (size_t)MAX(n, 0);
    }
    return frame;
}

/* The error struct begins with code, domain and message; the rest is for libraries. */
static int refused(XdrIn *in)
{
    bool present = false;
    char *message = NULL;
    int32_t code, domain;

    if (!xdr_get_int(in, &code) || !xdr_get_int(in, &domain) || !xdr_get_present(in, &present) || !present
        || !xdr_get_string(in, &message, (uint32_t)(in->end - in->at)))
        return complain(_("the server answers with an error that can't be read"));
    return complain("%s", message);
}

static int ask_on(int fd, int32_t number, const void *args, Arena *arena, uint8_t **frame, void *result)
{
    const FrameHeader question = { PROGRAM, 1, number, FRAME_CALL, 1, FRAME_OK };
    const ClientProc *proc = &control_client[number];
    FrameHeader header;
    XdrOut out;
    XdrIn in;
    size_t begin, size;
    bool good;

    xdr_out_init(&out, NULL, 0);
    begin = frame_begin(&out, &question);
    good = (!proc->call || proc->call(&out, args)) && frame_end(&out, begin) && send_all(fd, out.data, out.size);
    xdr_out_deinit(&out);
    if (!good || !(*frame = read_frame(fd, &size)))
        return complain(_("the server has closed the connection"));
    frame_header_get(*frame, &header);
    in = (XdrIn){ *frame + FRAME_HEADER_SIZE, *frame + size, arena, NULL };
    if (header.status != FRAME_OK)
        return refused(&in);
    if (proc->reply && !proc->reply(&in, result))
        return complain(_("the server's answer can't be read: %s"), in.failed);
    return 0;
}

int ask(const Options *options, int32_t number, const void *args, Arena *arena, uint8_t **frame, void *result)
{
    g_autofree char *path = options->socket ? g_strdup(options->socket) : default_socket();
    int fd = dial(path), r;

    if (fd < 0)
        return -1;
    r = ask_on(fd, number, args, arena, frame, result);
    close(fd);
    return r;
}

void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f)
            printf("\\u%04x", c);
        else if (c == '"' || c == '\\')
            printf("\\%c", c);
        else
            putchar(c);
    }
    putchar('"');
}

void print_rule(unsigned width)
{
    while (width-- > 0)
        putchar('-');
    putchar('\n');
}
