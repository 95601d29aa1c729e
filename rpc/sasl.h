/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SASL: a client proves who it is, with the mechanisms that the system's cyrus-sasl has. The exchange belongs to the
 * client; one call at a time uses it, on a worker, since a mechanism may ask a database or a network. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "rpc/rpc.h"

typedef struct SaslRules {
    char **allowed_users;     /* patterns; NULL: everybody; empty: nobody */
    unsigned min_ssf;         /* bits of encryption that a mechanism must give where nothing else encrypts */
} SaslRules;

typedef struct SaslAnswer {
    bool complete;            /* the client is who it says */
    const char *data;         /* for the client; valid until the next step; NULL: nothing, which isn't the same as 0 bytes */
    size_t size;
} SaslAnswer;

/* Once, before the first client of a socket that asks for SASL; -1 and an error when the library can't work. */
int sasl_prepare(Error *error);
/* Begins, again if need be: the mechanisms separated by commas, valid until the next one begins. NULL and an error. */
const char *sasl_offer(Client *client, const SaslRules *rules, Error *error);
/* One step: the first names the mechanism, later ones don't. 0, or -1 and VIR_ERR_AUTH_FAILED, which tells a stranger
 * nothing but that; the log knows more. After a few failures the connection is closed. */
int sasl_exchange(Client *client, const SaslRules *rules, const char *mechanism, const char *data, size_t size,
                  SaslAnswer *answer, Error *error);
