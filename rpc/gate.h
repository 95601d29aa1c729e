/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One listening socket's clients that have not logged in: how many there may be, and who must go for another one.
 * listen.c lets clients in, login.c and client.c out; any thread. Takes LOCK_GATE and no other lock inside it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/lock.h"

struct sockaddr_storage;
typedef struct Client Client;

enum { GATE_SOURCE_SIZE = 16 };

typedef struct Gate {
    Lock lock;
    /* under LOCK_GATE */
    Client *first, *last;     /* by their arrival */
    unsigned n;
} Gate;

/* A client's place in it. */
typedef struct GatePlace {
    /* fixed before gate_enter */
    Gate *gate;               /* NULL: it needs no login */
    uint8_t source[GATE_SOURCE_SIZE];    /* an IPv4 address, the network part of one of IPv6, or a user of this host */
    /* under LOCK_GATE */
    Client *prev, *next;
    bool inside;
    bool spoken;              /* something has come from it */
    bool working;             /* it waits for us; else we have waited for it since */
    int64_t since;            /* clock_now() */
} GatePlace;

/* Nobody is inside; and nobody is any more. */
void gate_init(Gate *gate);
void gate_deinit(Gate *gate);
/* Who shares a limit with whom. */
void gate_source(uint8_t source[GATE_SOURCE_SIZE], const struct sockaddr_storage *peer, uid_t uid);
/* A client has come that must log in; it is waited for from `now` on. I/O thread. */
void gate_enter(Client *client, int64_t now);
/* It has logged in or goes. Whether it was inside; again is fine. */
bool gate_leave(Client *client);
/* A worker does something for it; it is waited for again. */
void gate_work(Client *client);
void gate_wait(Client *client, int64_t now);
/* How many are inside, of all and of one source. Any thread. */
unsigned gate_count(Gate *gate);
unsigned gate_count_source(Gate *gate, const uint8_t source[GATE_SOURCE_SIZE]);
/* Takes the oldest one out that keeps us waiting, from anywhere or from this source: a reference, NULL when all do
 * what they should. Silent ones are given 20 ms, those that have begun a second. */
Client *gate_evict(Gate *gate, const uint8_t *source, int64_t now);
