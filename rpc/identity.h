/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom clients stand for, for the units of rpc/ alone: one identity is shared by all its connections, of whichever
 * service, and the workers' turns are given to identities first and to their clients second (pool-turns.c). */
#pragma once

#include "base/lock.h"
#include "rpc/client-private.h"

/* One identity's clients that have calls of one class, and its place in the round. Under LOCK_POOL. */
typedef struct Share {
    Turn *first, *last;
    Identity *identity;
    struct Share *next;
    unsigned left;            /* calls until the next identity has its turn */
    bool queued;
} Share;

struct Identity {
    /* fixed */
    Identities *table;
    char *name;               /* "uid:1000", "dn:CN=nova", "sasl:nova" */
    /* relaxed atomics */
    unsigned weight;          /* calls in a row, at least 1 */
    unsigned working;         /* workers that are with its calls; raised under LOCK_POOL */
    /* under LOCK_IDENTITIES */
    unsigned refs;            /* 0: remembered for its figures alone */
    unsigned clients;         /* connected ones that stand for it, and not for another one since */
    ClientUse former;         /* what clients that have gone had used */
    ClientUse told;           /* by the last report: figures never go back */
    /* under LOCK_POOL */
    Share shares[TURN_CLASSES];
};

Identities *identities_new(void);
/* No client is left. */
void identities_free(Identities *table);
/* How many have clients. Any thread. */
unsigned identities_present(const Identities *table);
/* The identity of that name, made when it is new, for a client that stands for it. Owned reference. Any thread. */
Identity *identity_find(Identities *table, const char *name);
/* A client of it stands for another one from now on, and keeps its reference. Any thread. */
void identity_leave(Identity *identity);
/* NULL is fine; `use`: what the client had used that stood for it until now, or NULL after identity_leave. Any thread. */
void identity_unref(Identity *identity, const ClientUse *use);
