/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The wire as the server sees it: an engine of I/O threads and workers, services with their
 * sockets, clients and the calls that they make. The wire knows no domain and no driver: it asks
 * the service's functions what to do with a call.
 *
 * A call's life:  frame ─▶ admit.c ─▶ lane ─▶ ops->serve ─▶ call_reply or call_fail (the call is gone then)
 *                                               └▶ call_park … call_resume ─▶ a worker: ops->serve again */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/driver-stream.h"
#include "base/error.h"
#include "base/histogram.h"
#include "base/timer.h"
#include "rpc/frame.h"
#include "rpc/proc.h"
#include "rpc/tls.h"

typedef struct Rpc Rpc;
typedef struct Service Service;
typedef struct Client Client;
typedef struct Call Call;
typedef struct Broadcast Broadcast;
typedef struct Measure Measure;

/* May be changed while it runs: every member is read and written as a relaxed atomic. */
typedef struct ServiceLimits {
    unsigned max_clients;            /* more wait in the listen queue */
    unsigned max_unauth_clients;     /* of one port that have not logged in; 0: no limit */
    unsigned max_unauth_per_source;  /* of them from one address; more, and one that keeps us waiting goes; 0: no limit */
    unsigned max_client_requests;    /* calls of one client in the workers' hands */
    unsigned max_client_queue;       /* calls waiting behind that; then its socket is left unread */
    unsigned max_client_parked;      /* calls waiting for a domain that don't count as running */
    unsigned max_client_streams;
    unsigned max_client_output;      /* bytes unread by the client before its socket is left unread */
    unsigned max_client_events;      /* bytes of undelivered events before it is disconnected */
    unsigned login_timeout;          /* seconds that the handshake and the proof of identity may take; 0: no limit */
    unsigned write_timeout;          /* seconds without any progress before it is disconnected; 0: never */
    int keepalive_interval;          /* seconds; <= 0: no pings from us */
    unsigned keepalive_count;
} ServiceLimits;

typedef struct ServiceOps {
    const Program *const *programs;    /* NULL-terminated */
    /* Where this call is to run; the row's lane unless the service knows better. I/O thread. */
    Lane (*lane)(Client *client, const Proc *proc);
    /* A call in the domain lane, on the I/O thread, which it must not hold up: answers it, parks it, or says with
     * call_to_worker that nothing stands in its way. NULL: such calls go to a worker at once. */
    void (*begin)(Call *call);
    /* Answers the call or parks it. On the I/O thread for inline and control, else on a worker. */
    void (*serve)(Call *call);
    /* A parked call whose client has left: true when it was taken out and may be freed; false when another thread
     * has resumed or ended it or is about to. Any thread. */
    bool (*abandon)(Call *call);
    /* What a slow call waited for, for the log: owned text, or NULL. The thread that ends it. May be NULL. */
    char *(*waited_for)(Call *call);
    void (*client_new)(Client *client);     /* accepted; any I/O thread, before any call */
    void (*client_left)(Client *client);    /* its socket is closed; its I/O thread; calls may still run */
    void (*client_free)(Client *client);    /* the last call has ended; any thread */
} ServiceOps;

/* --- the engine --------------------------------------------------------------------------- */

typedef struct RpcSettings {
    unsigned io_threads;
    unsigned min_workers, max_workers, prio_workers;
} RpcSettings;

/* With its workers; the I/O threads begin with rpc_start. `timers` is borrowed until rpc_free. Aborts when the system
 * gives no descriptors for it. */
Rpc *rpc_new(const RpcSettings *settings, Timers *timers);
/* Starts the I/O threads, after the services have their sockets. */
void rpc_start(Rpc *rpc);
/* Closes every connection and joins all threads; what runs is waited for. */
void rpc_free(Rpc *rpc);
/* The first part of rpc_free: all connections are closed, and all threads of it end, each with the call that it is with. */
void rpc_stop(Rpc *rpc);
/* Says in the log which calls the workers are with. Until rpc_stop returns. */
void rpc_tell_stuck(Rpc *rpc);
/* No more connections, no more calls; what is under way may finish. */
void rpc_quiesce(Rpc *rpc);
/* Waits until no call runs or `deadline` (clock_now()) has passed; then false. */
bool rpc_drain(Rpc *rpc, int64_t deadline);
/* As given to rpc_new. */
Timers *rpc_timers(Rpc *rpc);

/* How many workers there may be, beside those for urgent calls alone. */
typedef struct WorkerLimits {
    unsigned min, max, prio;
} WorkerLimits;

/* For rpc_set_workers: this limit stays. */
#define WORKERS_AS_BEFORE G_MAXUINT

typedef struct WorkerInfo {
    WorkerLimits limits;
    unsigned workers, idle;    /* without those for urgent calls */
    unsigned queued;           /* calls that no worker has taken yet */
} WorkerInfo;

/* Any thread; neither waits. Workers that are too many end when they have done what they do; missing ones are
 * there on return as far as `min`, `prio` or queued calls want them. False, and nothing is changed, when `max`
 * would be 0 or below `min`. */
void rpc_workers(Rpc *rpc, WorkerInfo *info);
bool rpc_set_workers(Rpc *rpc, const WorkerLimits *limits);
/* How many workers may be with calls of one identity while clients of others are connected; those that serve urgent calls alone
 * don't count. 0: four fifths of them, and always one less than there may be. Any thread. */
void rpc_set_identity_workers(Rpc *rpc, unsigned most);

/* --- what calls have cost so far; rpc/measure.c ----------------------------------------------- */

/* What the time of a call is spent with, one after another; a call may come back to an earlier one. */
typedef enum CallPhase {
    CALL_QUEUED,              /* until a worker takes it, in its client's turn */
    CALL_WAITED,              /* for the job of its domain */
    CALL_RAN,                 /* decoded, run and its answer encoded */
    CALL_UNREAD,              /* the answer, when the client's socket did not take it at once */
    CALL_PHASES
} CallPhase;

enum { CALL_CODES = 128 };    /* VIR_ERR_*; what is beyond counts as the last */

/* The figures of one procedure; `phases` of those calls that had the phase. */
typedef struct CallTotals {
    uint64_t calls, failed;
    uint64_t abandoned;       /* ended without an answer since the client had left; not among `calls` */
    uint64_t codes[CALL_CODES];
    Histogram phases[CALL_PHASES];
} CallTotals;

typedef void (*CallTotalsVisit)(const Program *program, const Proc *proc, const CallTotals *totals, void *opaque);

/* Shows each procedure that was called, in the order of programs and numbers, since the start or, `anew`, since
 * rpc_reset_calls. Waits for nobody; any thread. */
void rpc_visit_calls(Rpc *rpc, bool anew, CallTotalsVisit visit, void *opaque);
void rpc_reset_calls(Rpc *rpc);
/* Frames that asked for something that never became a call: an unknown procedure, a client that had not logged in. */
uint64_t rpc_refused_calls(Rpc *rpc);
/* Clients that were disconnected since they did not read their events, and the bytes that they missed. */
void rpc_lost_events(Rpc *rpc, uint64_t *clients, uint64_t *bytes);
/* Calls that take longer from their arrival to their answer are told in the log; 0: none. Nanoseconds. */
void rpc_set_slow_call(Rpc *rpc, int64_t ns);

/* --- services ------------------------------------------------------------------------------ */

/* Lives until rpc_free. `data` is the server's. */
Service *service_new(Rpc *rpc, const char *name, const ServiceOps *ops, const ServiceLimits *limits, void *data);
/* What service_new was given; the name is a copy that lives as long as the service. */
const char *service_name(const Service *service);
void *service_data(const Service *service);
/* For reading and changing while it runs, member by member with relaxed atomics. */
ServiceLimits *service_limits(Service *service);
/* Those that max_clients counts: a client that has left stays one until its last call has ended. */
unsigned service_n_clients(Service *service);
/* Those that have not logged in, of all its ports. */
unsigned service_n_unauth(Service *service);
/* Since when (clock_now()) it has had none; -1: it has. */
int64_t service_idle_since(Service *service);
/* Accepts on `fd` (listening, ownership taken); clients of a read-only socket can't change anything. */
void service_listen(Service *service, int fd, bool read_only);
typedef enum ClientAuth { CLIENT_AUTH_NONE, CLIENT_AUTH_SASL, CLIENT_AUTH_POLKIT } ClientAuth;    /* as the wire's auth_type */

typedef struct ListenSettings {
    bool read_only;
    bool network;             /* IPv4 or IPv6, not a UNIX socket */
    Tls *tls;                 /* encrypts what comes; borrowed until rpc_free; NULL: nothing does */
    ClientAuth auth;          /* how clients prove who they are before they may call anything else */
} ListenSettings;

/* The same with what the settings say, which are copied. Both before rpc_start. */
void service_listen_with(Service *service, int fd, const ListenSettings *settings);

/* --- identities: whom clients stand for ------------------------------------------------------ */

/* Workers take the calls of identities in turn, and within one those of its clients, so that many connections of one
 * don't crowd out another's single one. A turn is as many calls as the identity's weight says. */
enum { IDENTITY_WEIGHT_MAX = 1000 };
/* "PATTERN WEIGHT", where * in the pattern stands for anything: false when it isn't that. `pattern` (owned by the
 * caller) and `weight` may both be NULL. */
bool identity_weight_parse(const char *text, char **pattern, unsigned *weight);
/* For all identities from now on; the first text that matches counts, and 1 where none does. NULL: none. Any thread. */
void rpc_set_weights(Rpc *rpc, const char *const *texts);

/* --- clients ------------------------------------------------------------------------------- */

typedef enum ClientTransport { CLIENT_UNIX, CLIENT_TCP, CLIENT_TLS } ClientTransport;

typedef struct ClientIdentity {
    uint64_t id;              /* counts up from 1, never used again */
    ClientTransport transport;
    char address[72];         /* where it comes from, "192.0.2.1:40404" or "[2001:db8::1]:40404"; "" for UNIX sockets */
    bool read_only_socket;
    pid_t pid;
    uid_t uid;
    gid_t gid;
    int64_t connected;        /* clock_real() */
} ClientIdentity;

/* What a client has had so far, and how much of it. */
typedef struct ClientUse {
    uint64_t served;          /* calls answered */
    uint64_t failed;          /* of them with an error */
    uint64_t slow;            /* of them later than the log's limit */
    uint64_t bytes_in, bytes_out;
    uint64_t taken;           /* calls that a worker has taken */
    uint64_t waited;          /* nanoseconds that those waited for it, together */
    uint64_t job_waited;      /* nanoseconds that calls waited for the job of a domain, together */
    uint64_t ran;             /* nanoseconds that calls ran, together */
} ClientUse;

typedef struct ClientReport {
    ClientIdentity identity;
    const char *who;          /* in the arena of the caller */
    unsigned weight;
    unsigned running, waiting, parked;
    uint64_t unread, events_unread;    /* bytes that wait for it to read; of them those of events */
    ClientUse use;
} ClientReport;

/* All clients of one identity together. */
typedef struct IdentityReport {
    const char *who;
    unsigned clients;         /* connected now, as are the next figures */
    unsigned running, waiting, parked;
    uint64_t unread, events_unread;
    ClientUse use;            /* with those that have gone, as long as the identity is remembered */
} IdentityReport;

/* After the start: whoever is connected, and the last that were; an array of the caller's, whose elements are in `arena`.
 * Waits for nobody; any thread. */
GPtrArray *rpc_report_identities(Rpc *rpc, Arena *arena);

/* Fixed, and lives as long as the client. Any thread. */
const ClientIdentity *client_identity(const Client *client);
/* The groups of its process beside identity.gid, as they were when it connected. Live as long as the client. */
const gid_t *client_groups(const Client *client, unsigned *n);
/* The client has proved to be somebody ("dn", "sasl"): from now on it counts as that. Whoever takes its login
 * a step further; at most four times. */
void client_identify(Client *client, const char *kind, const char *name);
/* "uid:1000", "dn:CN=nova", "sasl:nova". Lives as long as the client. Any thread. */
const char *client_who_name(const Client *client);
/* That whose socket it has come to. */
Service *client_service(const Client *client);
/* The distinguished name in its verified certificate; NULL: none, or not known yet. Lives as long as the client. */
const char *client_dn(const Client *client);
/* What its socket asks for, and whether that is done; always when nothing is asked for. */
ClientAuth client_auth(const Client *client);
bool client_authenticated(const Client *client);
/* It has proved who it is, as a call of its login found, which is not answered yet. Whoever serves that call. */
void client_login_succeeded(Client *client);
/* It has not: after the third time it is disconnected, with the answer. Whoever serves the call of its login. */
void client_login_failed(Client *client);
/* When its process began, as rpc/peer.h says; 0: it has gone, or polkit isn't asked about this client. */
uint64_t client_start_time(const Client *client);
/* The name that SASL has proved; NULL: none. Lives as long as the client. */
const char *client_user(const Client *client);
/* Any thread, no lock held: the last reference frees it, after ops->client_free. */
Client *client_ref(Client *client);
void client_unref(Client *client);
/* The server's own part, set by client_new. */
void client_set_session(Client *client, void *session);
void *client_session(const Client *client);
/* Closes the connection once everything queued has gone out. Any thread. */
void client_close_after_replies(Client *client);
/* Closes it now. Any thread. */
void client_close(Client *client);
/* The client understands pings: from now on it gets them. I/O thread. */
void client_enable_keepalive(Client *client);
/* Whether ops->append of a broadcast is to be called for this client. I/O thread of the client. */
void client_set_subscribed(Client *client, bool subscribed);

/* The connected clients of a service, oldest first: how many; the first `room` of them, with their number; one by
 * its id as a new reference, NULL when there is none. Any thread. */
unsigned service_n_connected(Service *service);
unsigned service_list_clients(Service *service, ClientIdentity *identities, unsigned room);
/* As service_list_clients, with what each uses now. */
unsigned service_report_clients(Service *service, Arena *arena, ClientReport *reports, unsigned room);
Client *service_find_client(Service *service, uint64_t id);

/* --- calls --------------------------------------------------------------------------------- */

struct Call {
    /* fixed */
    Client *client;           /* referenced unless `inline_call` */
    const Program *program;
    const Proc *proc;
    FrameHeader header;
    bool inline_call;         /* runs on the I/O thread, in its scratch memory */
    bool login;               /* part of the proof of identity: nothing else is read from the client until it is answered */
    void (*run)(Call *call);  /* what a worker does for a client that has not logged in; NULL: ops->serve */
    uint8_t lane;             /* as ops->lane said */
    uint8_t *payload;         /* the arguments; decoding changes them, so once */
    size_t payload_size;
    int64_t received;         /* clock_now() when the frame was taken, for an inline call when it was looked at */
    int64_t phase_began;      /* clock_now(); with the two below the thread's that has the call */
    int64_t phases[CALL_PHASES];    /* nanoseconds so far; -1: it had none of that */
    uint8_t phase;                  /* CallPhase */
    /* owned by the thread that serves it */
    Arena arena;
    Error error;
    int *fds;                 /* in the arena; closed with the call, -1 when taken */
    unsigned n_fds;
    int reply_fds[FRAME_FDS_MAX];
    unsigned n_reply_fds;     /* sent with the reply, then closed */
    DriverStream *stream;     /* opened with a good reply, freed with a bad one */
    bool sparse;              /* the stream may have holes */
    bool answered;
    bool stopped;             /* its last phase has ended */
    void *server;             /* the server's part, in the arena; NULL at first */
    void (*on_answer)(Call *call); /* the server's, when the answer is known and has not left; may be NULL */
    void (*on_end)(Call *call);    /* the server's, when the call is about to be freed; may be NULL */
    XdrOut *out;              /* the serving thread's scratch output, NULL: none */
    /* private: in the client's or the pool's list, under LOCK_CLIENT or LOCK_POOL */
    Call *next, *prev;
    /* private: under LOCK_POOL, then the worker's that has taken it */
    uint8_t turn;             /* TurnClass: the queue that it waits in, or was taken from */
    /* private: under LOCK_CLIENT */
    int state;
    unsigned parking;         /* threads between call_park and call_parked or call_unpark */
    bool listed;              /* among the client's parked calls */
    bool free_while_parked;   /* parked without counting as running */
    size_t charged_bytes;     /* what it counts for in the client's account */
    unsigned charged_fds;
    int refs;                 /* atomic */
};

/* From `now` (clock_now()) on the call's time counts for this phase. The thread that has the call. */
void call_phase(Call *call, CallPhase phase, int64_t now);
/* The good answer: encodes `result` (NULL when the procedure has none), sends it and frees the call. A result
 * that is larger than the protocol allows becomes an error. Any thread. */
void call_reply(Call *call, const void *result);
/* The bad answer, from call->error (which must be set); frees the call. Any thread. */
void call_fail(Call *call);
/* A call that waits without a thread: call_park, then the waiting is begun, then call_unpark when it need not wait
 * after all and this thread goes on with it, or call_parked when it waits and this thread has done with it. From
 * the beginning of the waiting on, exactly one of: call_resume, call_reply or call_fail by another thread, perhaps
 * before call_parked; and from call_parked on ops->abandon, when the client has left. */
void call_park(Call *call);
void call_unpark(Call *call);
void call_parked(Call *call);
void call_resume(Call *call);
/* Gives a call that ops->begin has looked at to the workers, in its client's turn: ops->serve follows. */
void call_to_worker(Call *call);
/* Whether the client is still there; a call that was resumed after it left must only put things in order. */
bool call_client_left(Call *call);

/* --- broadcasts: one announcement for many clients ------------------------------------------- */

struct Broadcast {
    int refs;                 /* atomic */
    /* Appends frames for this client to `out`, or nothing. I/O thread of the client. */
    void (*append)(Broadcast *broadcast, Client *client, XdrOut *out);
    void (*free)(Broadcast *broadcast);
};

/* Whether anybody hears events: false only while no registration of theirs is complete. Any thread. */
bool rpc_has_subscribers(Rpc *rpc);
/* Hands the broadcast (one reference taken over) to the I/O threads that have subscribed clients; these clients get it in the order of
 * these calls. Never waits for a client. Any thread. */
void rpc_broadcast(Rpc *rpc, Broadcast *broadcast);
