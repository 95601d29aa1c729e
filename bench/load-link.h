/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>

#include "load-wire.h"

/* How connections reach the server. Fixed once connections are made with it; shared by all threads. */
typedef struct Way {
    const char *path;               /* of the UNIX socket; used when @tls_port is 0 */
    int uid;                        /* the user to connect as there, 0: our own; needs root and no other threads */
    int tls_port;                   /* of 127.0.0.1 */
    gnutls_certificate_credentials_t credentials;
    const char *priority;           /* in GnuTLS's words, or NULL */
} Way;

/* One connection: a socket, and the TLS session over it if there is one. Used by one thread at a time. */
typedef struct Link {
    int fd;                         /* -1: none */
    gnutls_session_t tls;
    uint8_t *input;                 /* encrypted bytes of one recv, of which GnuTLS takes what it likes */
    size_t at, end;
    bool waits;                     /* an empty socket is waited for */
} Link;

/* What a resumed session begins with; owned by whoever uses it, cleared with gnutls_free(ticket.data). */
typedef gnutls_datum_t Ticket;

/* Reads the certificates below @directory (ca.pem, client.pem, client.key) into @way. Ends the program when it can't. */
void way_use_certificates(Way *way, const char *directory);
void way_clear(Way *way);

/* Connects, and over TLS waits for the end of the handshake and for the server's byte; @ticket (NULL: none) is of an
 * earlier session. Returns NULL, or why not, for the caller to free; the link is closed then. */
char *link_connect(Link *link, const Way *way, const Ticket *ticket);
/* The same over @fd, which is connected to a TLS server and becomes the link's. */
char *link_shake(Link *link, int fd, const Way *way, const Ticket *ticket);
bool link_resumed(const Link *link);
/* What the next session may begin with; the server must have answered a call on this one. False: it has given none. */
bool link_ticket(Link *link, Ticket *ticket);
void link_close(Link *link);

/* Sends all bytes of @out and empties it; blocks. False when the connection is gone. */
bool link_send(Link *link, Out *out);

/* What is there, without waiting: > 0 bytes; 0: none; -1: the connection is gone. */
ssize_t link_receive(Link *link, void *to, size_t room);
/* More may be there though the socket doesn't tell. */
bool link_has_more(const Link *link);

/* Waits for one frame and puts its payload into @body (replacing what was there). False at the end of the connection
 * or for a frame that breaks the rules. */
bool link_receive_frame(Link *link, FrameHead *head, GByteArray *body);

/* Sends the one call in @request and waits for its reply, passing over events. Returns NULL with the result in @body,
 * or why not, for the caller to free. */
char *link_call(Link *link, Out *request, GByteArray *body);

/* As every client begins: lists the ways to authenticate and opens @uri. NULL, or why not. */
char *link_open(Link *link, const char *uri);
