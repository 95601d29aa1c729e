/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What nobody can do without: the server's half of a handshake by GnuTLS alone, in a thread whose CPU time is read. The
 * main thread is the client and hands one end of a socket pair over for each handshake; when it has got the server's byte
 * both know that the handshake is over. The queue between them is GLib's; nothing else is shared. */
#include "load-floor.h"

#include <gnutls/x509.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LAST = -1 };

typedef struct Floor {
    /* fixed once started */
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t ticket_key;
    const char *priority;
    GAsyncQueue *sockets;           /* of descriptors plus two, ended by LAST plus two */
    /* the server thread's until it has ended */
    uint64_t handshakes, resumed;
    int64_t cpu_ns;
} Floor;

static void check(int r, const char *what)
{
    if (r < 0)
        fail("%s: %s", what, gnutls_strerror(r));
}

static void verify(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    unsigned status = 0;

    check(gnutls_certificate_verify_peers(session, &purpose, 1, &status), "verifying");
    if (status)
        fail("the client's certificate isn't good");
}

static void serve(Floor *floor, int fd)
{
    gnutls_session_t session;
    int r;

    check(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL | GNUTLS_NO_AUTO_SEND_TICKET), "a session");
    check(floor->priority ? gnutls_priority_set_direct(session, floor->priority, NULL) : gnutls_set_default_priority(session),
          "the priority");
    check(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, floor->credentials), "credentials");
    check(gnutls_session_ticket_enable_server(session, &floor->ticket_key), "tickets");
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    gnutls_handshake_set_timeout(session, GNUTLS_INDEFINITE_TIMEOUT);
    gnutls_transport_set_int(session, fd);
    do
        r = gnutls_handshake(session);
    while (r < 0 && !gnutls_error_is_fatal(r));
    check(r, "the handshake");
    verify(session);
    check((int)gnutls_record_send(session, "\1", 1), "the byte");
    if (gnutls_protocol_get_version(session) >= GNUTLS_TLS1_3)
        gnutls_session_ticket_send(session, 1, 0);    /* which a client that is gone doesn't mind */
    floor->handshakes++;
    floor->resumed += gnutls_session_is_resumed(session) != 0;
    gnutls_deinit(session);
    close(fd);
}

static void *server_main(void *data)
{
    Floor *floor = data;
    struct timespec ts;

    for (;;) {
        int fd = GPOINTER_TO_INT(g_async_queue_pop(floor->sockets)) - 2;
        if (fd == LAST)
            break;
        serve(floor, fd);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    floor->cpu_ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
    return NULL;
}

static void one_handshake(Floor *floor, const Way *way, bool resume, Ticket *ticket)
{
    int pair[2];
    Link link;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        fail("cannot make a pair of sockets");
    g_async_queue_push(floor->sockets, GINT_TO_POINTER(pair[1] + 2));
    char *why = link_shake(&link, pair[0], way, ticket);
    if (why)
        fail("%s", why);
    if (resume && !ticket->data && !link_ticket(&link, ticket))
        fail("GnuTLS gave no ticket");
    link_close(&link);
}

static void run(Floor *floor, const Way *way, bool resume, double seconds)
{
    int64_t end = now_ns() + (int64_t)(seconds * 1e9);
    pthread_t thread;
    Ticket ticket = { 0 };

    if (pthread_create(&thread, NULL, server_main, floor) != 0)
        fail("cannot create a thread");
    do
        one_handshake(floor, way, resume, &ticket);
    while (now_ns() < end);
    g_async_queue_push(floor->sockets, GINT_TO_POINTER(LAST + 2));
    pthread_join(thread, NULL);
    gnutls_free(ticket.data);
}

void floor_measure(const Way *way, const char *directory, bool resume, double seconds, Report *report)
{
    Floor floor = { .priority = way->priority, .sockets = g_async_queue_new() };
    g_autofree char *ca = g_strdup_printf("%s/ca.pem", directory), *cert = g_strdup_printf("%s/server.pem", directory),
                    *key = g_strdup_printf("%s/server.key", directory);

    check(gnutls_certificate_allocate_credentials(&floor.credentials), "credentials");
    check(gnutls_certificate_set_x509_trust_file(floor.credentials, ca, GNUTLS_X509_FMT_PEM), ca);
    check(gnutls_certificate_set_x509_key_file(floor.credentials, cert, key, GNUTLS_X509_FMT_PEM), cert);
    check(gnutls_session_ticket_key_generate(&floor.ticket_key), "a key for tickets");
    run(&floor, way, resume, seconds);
    report_number(report, "handshakes", (double)floor.handshakes);
    report_number(report, "resumed", (double)floor.resumed);
    report_number(report, "cpu_us", (double)floor.cpu_ns / 1000 / (double)floor.handshakes);
    gnutls_free(floor.ticket_key.data);
    gnutls_certificate_free_credentials(floor.credentials);
    g_async_queue_unref(floor.sockets);
}
