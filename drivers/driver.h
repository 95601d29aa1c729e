/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a hypervisor can do: the table of operations that every driver fills in, and the contract
 * of an operation. A driver never sees a client or a socket.
 *
 * The contract, for every operation:
 *  - It is called through server/enter.c only, with `op` and decoded arguments; its result is zeroed memory.
 *  - It returns 0 and a complete result, or -1 and has set op->error. It may not do both.
 *  - What it puts into a result is static, in op->arena, or kept alive by a reference that was handed to
 *    op_keep(). It frees nothing.
 *  - lane inline, bulk, control: it may not block, take a job, or wait for a guest. op->view (for calls with
 *    a domain) is the published view at the time of the call.
 *  - lane worker: it may block. lane domain: op->domain's job is held, of the declared kind, until the operation
 *    returns, so no result may point to what belongs to the job; op->domain->persistent, ->active and ->driver_data
 *    may be read and replaced; a change becomes visible with domain_publish(), and is announced with
 *    host_announce() after that.
 *  - What it leaves out of the table answers VIR_ERR_NO_SUPPORT. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/driver-stream.h"
#include "base/error.h"
#include "base/timer.h"
#include "conf/config.h"
#include "conf/job.h"
#include "conf/list.h"
#include "conf/store.h"
#include "rpc/lxc-types.h"       /* generated: the structs of arguments and results */
#include "rpc/proc.h"
#include "rpc/qemu-types.h"
#include "rpc/remote-types.h"

typedef struct Driver Driver;
typedef struct Host Host;
typedef struct Op Op;

/* One call into a driver. Owned by the call; used by one thread at a time. */
struct Op {
    /* fixed */
    Host *host;               /* NULL only before connect.open */
    const Proc *proc;
    Arena *arena;
    Error *error;
    bool read_only;
    uint64_t client;          /* the client's id, for messages */
    /* for calls whose first argument is (or lies in) a domain: owned references */
    DomainView *view;         /* as it was when the call was looked at; never NULL then */
    Domain *domain;           /* lane domain only */
    JobTicket *ticket;        /* the running job; lane domain only */
    /* descriptors that came with the call: closed after it; a driver that keeps one sets it to -1 */
    int *fds;
    unsigned n_fds;
    void *prepared;           /* the driver's, from domain_restore_prepare; given back by op_keep */
    /* results beside the result */
    int reply_fds[32];        /* sent with the reply, then closed */
    unsigned n_reply_fds;
    DriverStream *stream;     /* the other end of the stream that the call opens; ownership goes to the server */
    /* For lists and statistics of many domains: which of them the client may know of; the others are left out. NULL: all. */
    bool (*may_see)(Op *op, const DomainView *view);
    /* runs the operation itself; set by server/enter.c, called by it or by the innermost wrapper */
    int (*invoke)(Op *op, const void *args, void *result);
    /* private to op_keep */
    void *kept;
};

/* Runs `release(object)` when the reply is out. */
void op_keep(Op *op, void *object, void (*release)(void *object));
/* Runs what op_keep has collected; by server/serve.c, once. */
void op_release_kept(Op *op);

typedef struct DriverEvent DriverEvent;

/* One hypervisor that clients may open, with its domains. Reference counted by the server. */
struct Host {
    /* fixed after creation */
    const Driver *driver;
    char *uri;                /* canonical, without query: "test:///default" */
    char *key;                /* what the server finds it by; includes the query */
    DomainList *domains;
    Timers *timers;
    void *data;               /* the driver's */
    const char *state_dir;    /* where a driver may make a folder for what lasts; NULL: nothing is kept */
    Store *store;             /* NULL: nothing is kept */
    int error_domain;         /* VIR_FROM_*: the driver's */
    struct Wrap *wrap;        /* outermost driver around the driver (drivers/wrap/wrap.h), or NULL */
    void (*announce)(Host *host, const DriverEvent *event);    /* the server's; any thread */
    void *server;             /* the server's */
    int refs;                 /* atomic */
};

/* Something that happened, announced after it was published. The message is the table's struct of the
 * event's `msg` ("domain.event_callback_lifecycle" → RemoteDomainEventLifecycleMsg), borrowed for the call. */
struct DriverEvent {
    uint16_t proc;            /* number of the callback-style event message: REMOTE_PROC_DOMAIN_EVENT_CALLBACK_… */
    const void *message;      /* without the callback id */
    Uuid uuid;                /* of the object that it is about; what a subscription to one object compares */
};

static inline void host_announce(Host *host, const DriverEvent *event)
{
    host->announce(host, event);
}

/* A figure that a driver counts itself, for monitoring. Borrowed for the visit. */
enum { DRIVER_COUNTER_LABELS = 3 };

typedef enum DriverCounterType {
    DRIVER_COUNTER,           /* only grows while the host is open */
    DRIVER_GAUGE,
} DriverCounterType;

typedef struct DriverCounter {
    const char *name;         /* as Prometheus has it, in base units, without "drover_" and "_total": "xen_hypercalls" */
    const char *help;         /* one English sentence without a full stop */
    const char *unit;         /* "seconds", "bytes", and then the name ends in it; NULL: a number of things */
    DriverCounterType type;
    struct { const char *name, *value; } labels[DRIVER_COUNTER_LABELS];    /* up to the first NULL name; values are any UTF-8 */
    double value;
} DriverCounter;

typedef void (*DriverCounterVisit)(const DriverCounter *counter, void *opaque);

/* The table. `const Driver test_driver = { .scheme = "test", .domain_suspend = test_domain_suspend, … }` */
struct Driver {
    const char *scheme;       /* "test": the URI's scheme */
    const char *type;         /* what connect.get_type answers: "TEST", "Xen", "QEMU" */
    int error_domain;         /* VIR_FROM_TEST … */
    bool prompt;              /* its operations wait for nothing but the host's store; others are taken to wait all the time */

    /* True when this driver serves the URI (scheme matched already); `key` (owned by the caller) is what makes two
     * URIs the same host, NULL: a host of its own for every connection. False without error: not mine. */
    bool (*claims)(const char *uri, char **key, Error *error);
    /* The URI of the hypervisor that this machine runs on, if it seems to be one of this driver's; NULL: it isn't. The
     * server opens it when it starts, so that guests are looked after before anybody connects. Never waits.
     * NULL: hosts are opened by who connects. */
    const char *(*own_host)(void);
    /* Opens the host, whose `domains` (empty) and `timers` are there: sets uri, data and, when it keeps its domains,
     * store. 0, or -1 and an error, with `data` given back; the server frees the rest. May block. */
    int (*open)(Host *host, const char *uri, bool read_only, Error *error);
    void (*close)(Host *host);    /* the last user has gone; no job runs */

    /* What this driver wants of the documents that clients give it; NULL: what every driver wants. */
    const struct DomainRules *domain_rules;

    /* Operations that are more than one procedure; see server/ops/domain.c. */
    /* In a job of op->domain, whose op->view is NULL when it was only claimed: makes `config` (referenced by the
     * callee when kept) the persistent one and publishes. */
    int (*domain_define)(Op *op, const DomainConfig *config);
    /* In a job of op->domain too: starts from the persistent config (config NULL) or from `config`, which makes a domain
     * without a persistent one transient; flags VIR_DOMAIN_START_*. With AUTODESTROY it publishes bound_to = op->client: the
     * server ends the domain with that client's connection; after droverd was killed the driver does when it opens the host. */
    int (*domain_start)(Op *op, const DomainConfig *config, uint32_t flags);

    /* Reads what is to be restored, without a job, on a worker; may block. `*config`, the caller's, is the document that the
     * domain will run with; what else domain_restore needs goes to op->prepared. NULL: nothing can be restored. */
    int (*domain_restore_prepare)(Op *op, const RemoteDomainRestoreFlagsArgs *args, DomainConfig **config);
    /* After it, with the same `op`, in a job of op->domain, whose op->view is NULL when it was only claimed. */
    int (*domain_restore)(Op *op, const RemoteDomainRestoreFlagsArgs *args);

    /* The CPU time of a running domain so far, in ns, from its view; for info and statistics. NULL: not known without
     * asking the machine. May not block. */
    uint64_t (*domain_cpu_time)(const DomainView *view);
    /* Whether a feature that clients ask for by number (migration and the like) is there. NULL: none is. May not block. */
    bool (*supports_feature)(const Host *host, int feature);
    /* True when this driver's version of an inline operation may block: it then runs on a worker. */
    bool (*may_block)(const Host *host, const Proc *proc);
    /* Calls `visit` for each figure that the driver counts: all of one name in a row, with the same help, unit and type,
     * and no two with the same labels. May not block; any thread. NULL: it counts nothing. */
    void (*counters)(const Host *host, DriverCounterVisit visit, void *opaque);

#include "drivers/driver-ops.h"    /* generated: int (*domain_suspend)(Op *op, const RemoteDomainSuspendArgs *args); … */
};
