/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the parts of TLS: tls.c has the sets of keys, tls-check.c says what is wrong with certificates,
 * transport-tls.c is one session. */
#pragma once

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "rpc/tls.h"
#include "rpc/transport.h"

/* One set, immutable, shared by the sessions that began with it. */
typedef struct TlsKeys {
    int refs;                 /* atomic */
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    gnutls_datum_t ticket_key;    /* that of its Tls: sessions are resumed across sets */
    char **allowed_dns;
    bool no_verify;
    int64_t expires;
} TlsKeys;

/* What was read from the files, NUL-terminated; crl.data may be NULL. */
typedef struct TlsFiles {
    gnutls_datum_t key, cert, ca, crl;
} TlsFiles;

TlsKeys *tls_keys(Tls *tls);    /* referenced */
void tls_keys_unref(TlsKeys *keys);

/* Whether our own certificate can serve: dates, what it may be used for, whether the authority signed it. -1 and
 * VIR_ERR_INVALID_ARG. `expires` is set, unless it is an error, to the first end of validity. */
int tls_check_own(const TlsSettings *settings, const TlsFiles *files, bool sane, int64_t *expires, Error *error);
/* Whether the peer of a finished handshake may come in, a resumed session too. NULL: yes, and `*dn` is its name (owned;
 * NULL without certificate); else the reason, owned. */
char *tls_check_peer(const TlsKeys *keys, gnutls_session_t session, char **dn);

typedef enum TlsProgress { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_FAILED, TLS_REFUSED } TlsProgress;

/* A session for a connection that was just accepted; the keys' reference is taken over. NULL: no memory. */
Transport *transport_tls_new(TlsKeys *keys);
/* One step of the handshake, of looking at the certificate, and of telling the client that it may go on. TLS_FAILED, or
 * TLS_REFUSED when all went well but the certificate: `*reason` says why, owned. Costs CPU but never waits. One thread at a time, and no other use of the transport before
 * TLS_DONE, which sets `*dn` as above. */
TlsProgress transport_tls_handshake(Transport *transport, int fd, char **dn, char **reason);
