/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An engine with a service of its own for the tests of rpc/: a program of a few procedures that need no
 * hypervisor, reached over a real socket. With `still`, nothing runs on I/O threads: the test's own thread
 * makes the turns, so that it sees each state that it wants to see. */
#pragma once

#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "rpc/io-private.h"

enum {
    DO_ECHO = 1,    /* inline: an empty answer */
    DO_BIG,         /* inline: an answer of as many bytes as the argument says */
    DO_SLOW,        /* worker: ends when the gate is open; says that it waits when there is an argument */
    DO_NOTE,        /* worker: ends at once */
    DO_HIGH,        /* as NOTE; priority workers may take it */
    DO_SLOW_HIGH,   /* as SLOW; priority workers may take it */
    DO_BULK,        /* worker, bulk: as BIG; ends when the gate is open */
    DO_PARK,        /* worker: parks until fixture_resume, or for as many milliseconds as the argument says */
    DO_PARK_HIGH,
    DO_PARK_BULK,
    DO_PARK_LATE,   /* worker: waits for the gate first */
    DO_PARK_AGAIN,  /* worker: as PARK; afterwards it asks anew, and needn't wait */
    DO_BEGIN,       /* domain: as PARK, from the I/O thread */
    DO_TAKE_FDS,    /* worker: writes a letter to each descriptor */
    DO_PARK_FDS,    /* domain: as PARK, with descriptors */
    DO_GIVE_FD,     /* inline: gives a descriptor of /dev/null */
    DO_DOWNLOAD,    /* worker: "head", a hole of 5000 bytes, "tail", the end */
    DO_UPLOAD,      /* inline: what comes is in `uploaded`; holes when there is an argument; "poison" is an error */
    DO_FOUNTAIN,    /* inline: a stream without end of full chunks */
    DO_TAP,         /* inline: a stream of as many letters as were poured with fixture_pour */
    DO_SUBSCRIBE,   /* control: wants broadcasts */
    DO_KEEPALIVE,   /* control: wants pings */
    DO_CLOSE,       /* control: wants to be disconnected after the answer */
    DO_COUNT
};

#define TEST_PROGRAM 0x1234u

typedef struct FixtureSettings {
    RpcSettings threads;
    ServiceLimits limits;
    bool still;
} FixtureSettings;

/* 2 I/O threads, 2 to 4 workers and one for high calls; 2 running calls a client and 4 that wait. */
extern const FixtureSettings fixture_default, fixture_still;

typedef struct Served {
    uint64_t client;
    uint32_t serial;
} Served;

typedef struct Fixture {
    /* fixed */
    FixtureSettings settings;
    Timers *timers;
    Rpc *rpc;
    Service *service;
    char *dir, *path;
    uint8_t *payload;         /* of the frame that was read last; the test's thread */
    size_t payload_size;
    /* under lock */
    Lock lock;
    Cond wake;
    bool open;                /* the gate for slow and bulk calls */
    unsigned running, most;   /* slow and bulk calls */
    GArray *served;           /* of Served: calls on workers in their order, when their serving began */
    GPtrArray *parked;        /* of Call, borrowed */
    unsigned n_parked, abandoned, expired;    /* ever */
    unsigned letters;         /* poured and not yet read */
    GPtrArray *taps;          /* of DriverStream, borrowed */
    GString *uploaded;
    uint64_t holes;
    bool upload_finished;
    unsigned chunks;          /* that fountains have given */
    unsigned streams_freed, clients_new, clients_left, clients_freed;
    Client *newest;           /* accepted last; borrowed, for tests that keep it connected */
} Fixture;

/* For g_test_add: `data` is FixtureSettings, NULL means fixture_default. */
void fixture_set_up(Fixture *f, gconstpointer data);
void fixture_tear_down(Fixture *f, gconstpointer data);
#define FIXTURE_ADD(path, settings, claim)                                                      \
    g_test_add(path #claim, Fixture, settings, fixture_set_up, claim, fixture_tear_down)

/* rpc_free and all that; tear_down does it unless the test has. */
void fixture_stop(Fixture *f);
/* A few turns of the I/O threads, when the test's thread makes them; else nothing. */
void fixture_turn(Fixture *f);
/* Until the condition holds; fails the test after a minute. */
#define WAIT_UNTIL(f, condition)                                                                \
    do {                                                                                        \
        int64_t wait_deadline = clock_now() + 60 * CLOCK_S;                                     \
        while (!(condition)) {                                                                  \
            g_assert_cmpint(clock_now(), <, wait_deadline);                                     \
            fixture_turn(f);                                                                    \
            g_usleep(200);                                                                      \
        }                                                                                       \
    } while (0)
/* A counter that is under the fixture's lock. */
#define LOCKED(f, expression)                                                                   \
    ({ lock_acquire(&(f)->lock); typeof(expression) locked_value = (expression);                 \
       lock_release(&(f)->lock); locked_value; })

void fixture_open_gate(Fixture *f);
/* Resumes the parked call of this serial, or, with 0, that which was parked first; false: there is none. */
bool fixture_resume(Fixture *f, uint32_t serial);
/* Gives taps something to say, and wakes them. Any thread. */
void fixture_pour(Fixture *f, unsigned letters);
/* A message of this many bytes to all who have subscribed. Any thread. */
void fixture_announce(Fixture *f, uint32_t serial, size_t size);

/* --- a client ---------------------------------------------------------------------------------- */

int fixture_dial(Fixture *f);
/* Dials, and waits until the server has accepted it: f->newest. */
int fixture_dial_accepted(Fixture *f);
void fixture_put_header(uint8_t *frame, size_t length, uint32_t proc, uint32_t type, uint32_t serial);
void fixture_send(Fixture *f, int fd, const void *data, size_t size);
void fixture_send_frame(Fixture *f, int fd, uint32_t proc, uint32_t type, uint32_t serial, uint32_t status,
                        const void *payload, size_t size);
void fixture_call(Fixture *f, int fd, uint32_t proc, uint32_t serial);
void fixture_call_with(Fixture *f, int fd, uint32_t proc, uint32_t serial, uint32_t argument);
void fixture_send_fd(Fixture *f, int fd, uint8_t byte, int passed);
/* Reads a frame; its payload is in f->payload until the next. False at the end of the connection. */
bool fixture_read(Fixture *f, int fd, FrameHeader *header);
/* The descriptor that follows a frame. */
int fixture_read_fd(Fixture *f, int fd);
void fixture_expect(Fixture *f, int fd, uint32_t type, uint32_t serial, uint32_t status);
void fixture_expect_empty(Fixture *f, int fd, uint32_t type, uint32_t serial, uint32_t status);
/* Reads `n` answers and throws them away. */
void fixture_expect_answers(Fixture *f, int fd, unsigned n);
/* Reads to the end of the connection, which must come, and closes it. */
void fixture_expect_closed(Fixture *f, int fd);
