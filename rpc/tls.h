/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server's side of TLS: certificates, what they must be like, and who may come in with one.
 * A set of keys is read, checked and then immutable; a connection keeps the set that it began with, and a new set is
 * taken by those that begin later. Any thread; takes LOCK_TLS_KEYS for a moment. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct Tls Tls;

typedef struct TlsSettings {
    char *key_file, *cert_file, *ca_file;
    char *crl_file;               /* NULL: there is none */
    char *priority;               /* in GnuTLS's words; NULL: what the system prescribes */
    char **allowed_dns;           /* patterns; NULL: every valid certificate; empty: none */
    bool no_verify;               /* clients come in without a valid certificate */
    bool no_sanity;               /* our own certificate may look wrong */
} TlsSettings;

/* Reads and checks the files; the settings are copied. NULL and an error that names the file and what is wrong:
 * VIR_ERR_SYSTEM_ERROR when one can't be read, VIR_ERR_INVALID_ARG else. May wait for a disk. */
Tls *tls_new(const TlsSettings *settings, Error *error);
/* After the last connection has gone. */
void tls_free(Tls *tls);    /* NULL is fine */
/* Reads the files again. A good set is taken by all connections from now on, 0; a bad one changes nothing, -1 and an
 * error as above. Several threads may call it; may wait for a disk. */
int tls_reload(Tls *tls, Error *error);
/* Reads the files that these settings (copied) name. A good set is taken as above, with all of the settings; a bad one changes
 * nothing. One thread alone calls it; may wait for a disk. */
int tls_set(Tls *tls, const TlsSettings *settings, Error *error);
/* Until when (seconds since 1970) the present certificates are valid, that which ends first. */
int64_t tls_expires(Tls *tls);
/* How often a new set was taken and how often one was refused. */
void tls_counts(Tls *tls, unsigned *taken, unsigned *refused);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tls, tls_free)
