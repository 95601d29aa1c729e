/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server without sockets and threads around a hypervisor that does nothing, for the tests of server/: the
 * test's thread makes the turns of its one I/O thread, and clients come over socket pairs. */
#pragma once

#include "base/clock.h"
#include "base/lock.h"
#include "rpc/io-private.h"
#include "server/server.h"

typedef struct Fixture {
    Server server;
    Config config;            /* only default_uri is set */
    uint8_t *payload;         /* of the frame that was read last */
    size_t payload_size;
    /* what the driver does and has done; under lock */
    Lock lock;
    Cond wake;
    bool fail;                /* opening and defining fail */
    bool open;                /* the gate, for opening fake:///slow* and for suspending */
    unsigned opening, opened, closed, suspending;
} Fixture;

/* The driver serves fake:///…: shared by the whole URI, fake:///own by nobody. It can define, suspend (which waits
 * at the gate) and open graphics (which fails). */
void fixture_set_up(Fixture *f, gconstpointer data);
void fixture_tear_down(Fixture *f, gconstpointer data);
#define FIXTURE_ADD(path, claim) g_test_add(path #claim, Fixture, NULL, fixture_set_up, claim, fixture_tear_down)

void fixture_open_gate(Fixture *f);
void fixture_turn(Fixture *f);
/* Opens a host or fails the test; owned. */
Host *fixture_host(Fixture *f, const char *uri);

/* A connection, with `uri` open unless that is NULL. The client's end; `session` is the server's. */
int fixture_dial(Fixture *f, const char *uri, bool read_only_socket, Session **session);
/* True and its header when there is a frame; f->payload is what it has. */
bool fixture_read(Fixture *f, int fd, FrameHeader *header);
