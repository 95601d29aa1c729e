/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections of the load generator: a UNIX socket, perhaps as another user, or TCP with TLS. What GnuTLS reads goes
 * through a buffer, so that many records cost one recv and the client isn't what is measured. A link belongs to one
 * thread at a time; no locks, no state. */
#include "load-link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { INPUT_SIZE = 65536, RECORD_SIZE = 16384 };

/* --- the way --------------------------------------------------------------------------------------- */

void way_use_certificates(Way *way, const char *directory)
{
    g_autofree char *ca = g_strdup_printf("%s/ca.pem", directory), *cert = g_strdup_printf("%s/client.pem", directory),
                    *key = g_strdup_printf("%s/client.key", directory);
    int r = gnutls_certificate_allocate_credentials(&way->credentials);

    if (r >= 0)
        r = gnutls_certificate_set_x509_trust_file(way->credentials, ca, GNUTLS_X509_FMT_PEM);
    if (r >= 0)
        r = gnutls_certificate_set_x509_key_file(way->credentials, cert, key, GNUTLS_X509_FMT_PEM);
    if (r < 0)
        fail("cannot use the certificates in %s: %s", directory, gnutls_strerror(r));
}

void way_clear(Way *way)
{
    if (way->credentials)
        gnutls_certificate_free_credentials(way->credentials);
    way->credentials = NULL;
}

/* --- connecting ------------------------------------------------------------------------------------ */

static int open_unix(const Way *way)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd, r, saved;

    if (strlen(way->path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, way->path, strlen(way->path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (way->uid && seteuid((uid_t)way->uid) < 0)
        fail("cannot become user %d: %s", way->uid, g_strerror(errno));
    r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    saved = errno;
    if (way->uid && seteuid(getuid()) < 0)
        fail("cannot become myself again: %s", g_strerror(errno));
    if (r < 0) {
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int open_tcp(const Way *way)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)way->tls_port), .sin_addr = { htonl(INADDR_LOOPBACK) },
    };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t room)
{
    Link *link = pointer;

    if (link->at == link->end) {
        ssize_t n = recv(link->fd, link->input, INPUT_SIZE, link->waits ? 0 : MSG_DONTWAIT);
        if (n <= 0) {
            gnutls_transport_set_errno(link->tls, errno);
            return n;
        }
        link->at = 0;
        link->end = (size_t)n;
    }
    size_t n = MIN(room, link->end - link->at);
    memcpy(data, link->input + link->at, n);
    link->at += n;
    return (ssize_t)n;
}

static ssize_t push(gnutls_transport_ptr_t pointer, const giovec_t *parts, int count)
{
    Link *link = pointer;
    struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count };
    ssize_t n = sendmsg(link->fd, &message, MSG_NOSIGNAL);

    if (n < 0)
        gnutls_transport_set_errno(link->tls, errno);
    return n;
}

static int pull_timeout(gnutls_transport_ptr_t pointer, unsigned ms)
{
    Link *link = pointer;
    struct pollfd wait = { .fd = link->fd, .events = POLLIN };

    return link->at < link->end ? 1 : poll(&wait, 1, (int)ms);
}

static char *shake(Link *link, const Way *way, const Ticket *ticket)
{
    uint8_t byte = 0;
    ssize_t n;
    int r = gnutls_init(&link->tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);

    if (r >= 0)
        r = way->priority ? gnutls_priority_set_direct(link->tls, way->priority, NULL) : gnutls_set_default_priority(link->tls);
    if (r >= 0)
        r = gnutls_credentials_set(link->tls, GNUTLS_CRD_CERTIFICATE, way->credentials);
    if (r >= 0 && ticket && ticket->data)
        r = gnutls_session_set_data(link->tls, ticket->data, ticket->size);
    if (r < 0)
        return g_strdup(gnutls_strerror(r));
    link->input = g_malloc(INPUT_SIZE);
    gnutls_session_set_verify_cert(link->tls, NULL, 0);
    gnutls_handshake_set_timeout(link->tls, GNUTLS_INDEFINITE_TIMEOUT);
    gnutls_transport_set_ptr(link->tls, link);
    gnutls_transport_set_pull_function(link->tls, pull);
    gnutls_transport_set_pull_timeout_function(link->tls, pull_timeout);
    gnutls_transport_set_vec_push_function(link->tls, push);
    do
        r = gnutls_handshake(link->tls);
    while (r < 0 && !gnutls_error_is_fatal(r));
    if (r < 0)
        return g_strdup_printf("the TLS handshake failed: %s", gnutls_strerror(r));
    do
        n = gnutls_record_recv(link->tls, &byte, 1);
    while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
    return n == 1 && byte == 1 ? NULL : g_strdup("the server doesn't let us in after the handshake");
}

char *link_shake(Link *link, int fd, const Way *way, const Ticket *ticket)
{
    *link = (Link) { .fd = fd, .waits = true };
    char *why = shake(link, way, ticket);
    link->waits = false;
    if (why)
        link_close(link);
    return why;
}

char *link_connect(Link *link, const Way *way, const Ticket *ticket)
{
    *link = (Link) { .fd = way->tls_port ? open_tcp(way) : open_unix(way) };
    if (link->fd < 0)
        return g_strdup_printf("cannot connect: %s", g_strerror(errno));
    return way->tls_port ? link_shake(link, link->fd, way, ticket) : NULL;
}

bool link_resumed(const Link *link)
{
    return link->tls && gnutls_session_is_resumed(link->tls);
}

bool link_ticket(Link *link, Ticket *ticket)
{
    return link->tls && gnutls_session_get_data2(link->tls, ticket) >= 0 && ticket->size > 4;
}

void link_close(Link *link)
{
    if (link->tls)
        gnutls_deinit(link->tls);
    if (link->fd >= 0)
        close(link->fd);
    g_free(link->input);
    *link = (Link) { .fd = -1 };
}

/* --- bytes ----------------------------------------------------------------------------------------- */

static ssize_t send_some(Link *link, const uint8_t *data, size_t size)
{
    ssize_t n;

    if (!link->tls) {
        n = send(link->fd, data, size, MSG_NOSIGNAL);
        return n < 0 && errno == EINTR ? 0 : n;
    }
    n = gnutls_record_send(link->tls, data, MIN(size, RECORD_SIZE));
    return n < 0 && !gnutls_error_is_fatal((int)n) ? 0 : n;
}

bool link_send(Link *link, Out *out)
{
    size_t done = 0;

    while (done < out->len) {
        ssize_t n = send_some(link, out->data + done, out->len - done);
        if (n < 0)
            return false;
        done += (size_t)n;
    }
    out->len = 0;
    return true;
}

static ssize_t receive_tls(Link *link, void *to, size_t room)
{
    for (;;) {
        ssize_t n = gnutls_record_recv(link->tls, to, room);
        if (n > 0)
            return n;
        if (n == 0 || gnutls_error_is_fatal((int)n))
            return -1;
        if (!link->waits && link->at == link->end)    /* else it was a record without data, a ticket for example */
            return 0;
    }
}

ssize_t link_receive(Link *link, void *to, size_t room)
{
    if (link->tls)
        return receive_tls(link, to, room);
    ssize_t n = recv(link->fd, to, room, link->waits ? 0 : MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return n == 0 ? -1 : n;
}

bool link_has_more(const Link *link)
{
    return link->tls && (link->at < link->end || gnutls_record_check_pending(link->tls) > 0);
}

/* --- frames, waiting ------------------------------------------------------------------------------- */

static bool receive_exactly(Link *link, uint8_t *to, size_t len)
{
    while (len > 0) {
        ssize_t n = link_receive(link, to, len);
        if (n < 0)
            return false;
        to += n;
        len -= (size_t)n;
    }
    return true;
}

static bool receive_frame(Link *link, FrameHead *head, GByteArray *body)
{
    uint8_t bytes[WIRE_HEAD];

    if (!receive_exactly(link, bytes, sizeof(bytes)))
        return false;
    *head = frame_head(bytes);
    if (head->length < WIRE_HEAD || head->length > WIRE_FRAME_MAX)
        return false;
    g_byte_array_set_size(body, head->length - WIRE_HEAD);
    return receive_exactly(link, body->data, body->len);
}

bool link_receive_frame(Link *link, FrameHead *head, GByteArray *body)
{
    link->waits = true;
    bool good = receive_frame(link, head, body);
    link->waits = false;
    return good;
}

char *link_call(Link *link, Out *request, GByteArray *body)
{
    FrameHead sent = frame_head(request->data), head;

    if (!link_send(link, request))
        return g_strdup_printf("cannot send: %s", g_strerror(errno));
    do {
        if (!link_receive_frame(link, &head, body))
            return g_strdup("the server closed the connection");
    } while (head.type == WIRE_MESSAGE);
    if (head.serial != sent.serial || head.procedure != sent.procedure || head.type != WIRE_REPLY)
        return g_strdup_printf("call %u got an answer to call %u", sent.serial, head.serial);
    return head.status == 0 ? NULL : wire_error_text(body->data, body->len);
}

char *link_open(Link *link, const char *uri)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    Out out = { 0 };

    frame_end(&out, frame_begin(&out, PROC_AUTH_LIST, 0));
    char *why = link_call(link, &out, body);
    if (!why) {
        size_t begin = frame_begin(&out, PROC_OPEN, 1);
        out_u32(&out, 1);
        out_string(&out, uri);
        out_u32(&out, 0);
        frame_end(&out, begin);
        why = link_call(link, &out, body);
    }
    out_clear(&out);
    return why;
}
