/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One row per procedure, generated from the tables in rpc/protocol. Constant data, read by any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/xdr.h"

/* Where a call runs. */
typedef enum Lane {
    LANE_INLINE,     /* cannot block: on the I/O thread that read it */
    LANE_BULK,       /* cannot block but grows with the host: inline while small, else a worker */
    LANE_WORKER,     /* may block, needs no domain's job */
    LANE_DOMAIN,     /* a change of one domain: its job first */
    LANE_CONTROL,    /* the server's own: connection, authentication, events; always served, on the I/O thread */
} Lane;

typedef enum ProcFlag {
    PROC_HIGH = 1 << 0,           /* priority workers may take it */
    PROC_RO_DENIED = 1 << 1,      /* refused on a read-only connection */
    PROC_BEFORE_AUTH = 1 << 2,    /* allowed before authentication */
    PROC_BEFORE_OPEN = 1 << 3,    /* allowed before connect.open */
    PROC_EVENT = 1 << 4,          /* a message to the client; calling it is an unknown procedure */
    PROC_FDS_IN = 1 << 5,         /* the call carries descriptors */
    PROC_FDS_OUT = 1 << 6,        /* the reply may */
    PROC_STREAM_UP = 1 << 7,      /* client to server */
    PROC_STREAM_DOWN = 1 << 8,    /* server to client (console and channel: both) */
    PROC_STREAM_SPARSE = 1 << 9,  /* flag bit 1 of the call allows holes */
} ProcFlag;

typedef enum ProcObject {
    PROC_OBJECT_NONE, PROC_OBJECT_CONNECT, PROC_OBJECT_DOMAIN, PROC_OBJECT_NETWORK, PROC_OBJECT_NETWORK_PORT,
    PROC_OBJECT_POOL, PROC_OBJECT_VOLUME, PROC_OBJECT_NODE_DEVICE, PROC_OBJECT_INTERFACE, PROC_OBJECT_SECRET,
    PROC_OBJECT_NWFILTER, PROC_OBJECT_NWFILTER_BINDING, PROC_OBJECT_SNAPSHOT, PROC_OBJECT_CHECKPOINT,
} ProcObject;

/* One right that a call needs: "domain", "write"; only_with: only when the flags of the call have this bit (0: always);
 * not_with: only when they don't. */
typedef struct ProcRight {
    const char *object, *permission;
    uint32_t only_with, not_with;
} ProcRight;

#define PROC_RIGHTS 5    /* one more than a row may have, so that there is always an end */

typedef struct Proc {
    const char *name;         /* "domain.suspend" */
    const char *wire_name;    /* "DOMAIN_SUSPEND" */
    const char *api;          /* "virDomainSuspend"; "" when it has none */
    uint16_t number;
    uint8_t lane;             /* Lane */
    uint8_t job;              /* JobKind of conf/job.h: 0 none, 1 query, 2 modify, 3 async, 4 destroy */
    uint8_t object;           /* ProcObject: the handle among the arguments */
    uint16_t object_at;       /* offsetof the handle in the arguments (the domain's, for snapshots and checkpoints) */
    uint16_t flags;           /* ProcFlag */
    int16_t flags_at;         /* offsetof `flags` (uint32) in the arguments; -1: none */
    uint16_t error_domain;    /* VIR_FROM_* for "not supported" */
    uint32_t ro_flags;        /* bits of `flags` that a read-only connection may not set */
    uint32_t args_size, result_size;    /* sizeof the structs; 0: no members */
    bool (*decode)(XdrIn *in, void *args);             /* NULL: no arguments; args is zeroed memory */
    bool (*encode)(XdrOut *out, const void *result);   /* NULL: nothing; for events the message */
    ProcRight rights[PROC_RIGHTS];    /* ends with a NULL object */
    ProcRight filter;         /* what a client needs to see an element of the result; object NULL: sees all */
} Proc;

/* Who an event is for: clients that registered for this family's id. */
typedef enum EventFamily {
    EVENT_FAMILY_DOMAIN, EVENT_FAMILY_NETWORK, EVENT_FAMILY_STORAGE_POOL, EVENT_FAMILY_NODE_DEVICE,
    EVENT_FAMILY_SECRET,
    EVENT_FAMILY_MONITOR,     /* of the qemu program */
    EVENT_FAMILY_CLOSE,       /* the only messages without a callback id in front */
} EventFamily;

/* One event that clients can subscribe to; its row in Program.procs has the encoder. */
typedef struct ProcEvent {
    uint16_t number;          /* of the message with a callback id */
    uint8_t family;           /* EventFamily */
    uint8_t id;               /* VIR_DOMAIN_EVENT_ID_*, VIR_NETWORK_EVENT_ID_*, … */
    uint16_t legacy;          /* number of the older message without a callback id; 0: there is none */
    uint16_t legacy_at;       /* where the older message lies in the newer one */
} ProcEvent;

typedef struct Program {
    const char *name;         /* "remote" */
    uint32_t number, version;
    const Proc *procs;        /* by number: procs[1 .. n_procs-1]; a hole has name NULL */
    unsigned n_procs;
} Program;

/* The row of a number, NULL when there is none. */
static inline const Proc *program_proc(const Program *program, int32_t number)
{
    if (number < 1 || (unsigned)number >= program->n_procs || !program->procs[number].name)
        return NULL;
    return &program->procs[number];
}
