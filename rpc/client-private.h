/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection, for the units of rpc/ alone: client.c, clients.c, io.c, input.c, admit.c, call.c, reply.c, outbox.c,
 * pool.c and its parts, keepalive.c, stream.c. */
#pragma once

#include "base/lock.h"
#include "rpc/gate.h"
#include "rpc/measure.h"
#include "rpc/rpc.h"
#include "rpc/transport.h"

typedef struct IoThread IoThread;
typedef struct OutItem OutItem;
typedef struct Stream Stream;
typedef struct Pool Pool;
typedef struct Identity Identity;
typedef struct Identities Identities;
typedef struct Share Share;
typedef struct SaslExchange SaslExchange;

/* The classes of calls that wait for a worker; see pool-turns.c. */
typedef enum TurnClass {
    TURN_HIGH, TURN_NORMAL,
    TURN_RESUMED_HIGH, TURN_RESUMED,    /* those that have waited for a domain, and hold it now */
    TURN_BULK,
    TURN_LOGIN,                         /* handshakes */
    TURN_PROOF,                         /* proofs of identity, which may wait for a database or a network */
    TURN_CLASSES
} TurnClass;

/* How far a client is; login.c has the way from one to the next. */
typedef enum LoginStage { LOGIN_DONE, LOGIN_HANDSHAKE, LOGIN_AUTH } LoginStage;

/* A call of a client's login: the I/O thread begins it, a worker ends it, the I/O thread has seen that it has ended. */
typedef enum AuthCall { AUTH_NO_CALL, AUTH_CALL_BUSY, AUTH_CALL_ENDED } AuthCall;

/* One client's calls of one class, and its place in the round. */
typedef struct Turn {
    Call *first, *last;
    Client *client;
    struct Turn *next;        /* in its share */
    Share *share;             /* where it is queued */
    bool queued;
} Turn;

/* What other threads want the client's I/O thread to do. */
typedef enum ClientWish {
    WISH_ADOPT = 1 << 0,      /* take it into the epoll set */
    WISH_CLOSE = 1 << 1,
    WISH_LOOK = 1 << 2,       /* room again: take frames that were held back */
    WISH_STREAM = 1 << 3,     /* a stream was opened or has something to say */
    WISH_END = 1 << 4,        /* close it unless something has not left yet; then that is the last */
    WISH_LOGIN = 1 << 5,      /* a worker has done a step of its login */
    WISH_READ = 1 << 6,       /* the transport has more than the socket tells */
    WISH_SENT = 1 << 7,       /* what was waited for (outbox_await) has left */
} ClientWish;

struct Client {
    /* fixed after creation */
    Service *service;
    IoThread *io;
    ClientIdentity identity;
    gid_t *groups;            /* further ones of the process at a UNIX socket; owned; NULL: none */
    unsigned n_groups;
    uint64_t start_time;      /* of its process, as rpc/peer.h says, where polkit is asked about it; else 0 */
    int socket;               /* what `fd` is as long as it is open */
    Tls *tls;                 /* NULL: not encrypted by TLS */
    int refs;                 /* atomic */
    void *session;            /* the server's */
    Identity *who;            /* atomic: whom it stands for; owned */
    ClientUse use;            /* relaxed atomics, member by member */
    unsigned working;         /* relaxed atomic: workers that are with its calls; raised under LOCK_POOL */
    const char *dn;           /* atomic: set once by login.c, owned */
    ClientAuth auth;
    int authenticated;        /* atomic: set once */
    const char *user;         /* atomic: set once before that, owned */
    int auth_busy;            /* atomic: AuthCall; while there is one no frame is taken */
    SaslExchange *sasl;       /* the worker's while `auth_busy` */
    Transport *transport;     /* NULL: the socket itself. Set by a worker while `login_busy`, or `auth_busy` and then
                               * under LOCK_OUTBOX */
    Transport *next_transport;    /* the layer that comes after the answer; the worker's while `auth_busy` */
    unsigned login_failures;  /* whose call of its login is under way: `auth_busy` */
    bool hopeless;            /* it has failed too often; the same */
    bool layered;             /* the transport has just come with a proof: a worker's, then the I/O thread's */
    int login_progress;       /* TlsProgress: the worker's while `login_busy`, else the I/O thread's */

    /* owned by the I/O thread */
    uint8_t *held;            /* an incomplete frame, or frames held back */
    size_t held_size, held_capacity;
    int *fds;                 /* received and not yet claimed by a frame; FRAME_FDS_MAX of them */
    unsigned n_fds;
    bool held_back;           /* frames wait in `held` for room */
    bool unread;              /* so its socket is left unread */
    bool subscribed;
    bool keepalive;
    bool closed;
    LoginStage stage;
    bool login_busy;          /* a worker does a step of its login: its socket may be shut down but not closed */
    int64_t login_deadline;   /* clock_now() */
    unsigned unanswered;      /* pings since it was last heard */
    int64_t heard;            /* clock_now() of its last bytes */
    Client *io_prev, *io_next;            /* the I/O thread's clients */
    Client *sub_prev, *sub_next;          /* those with subscriptions */
    Stream *streams;
    Identity *former[4];      /* what it passed for before; owned */
    unsigned n_former;

    /* under LOCK_CLIENT */
    Lock lock;
    unsigned running;         /* calls that workers have or will be given in its turns */
    unsigned waiting;         /* calls in the list below */
    unsigned n_parked;        /* parked calls that don't count as running */
    size_t call_bytes;        /* arguments of all its calls together */
    unsigned call_fds;        /* descriptors that came with them */
    Call *waiting_first, *waiting_last;
    Call *parked;             /* all of them, once call_parked has seen them */
    unsigned n_streams;
    Stream *new_streams;      /* opened by workers, not yet seen by the I/O thread */
    bool leaving;             /* no call is accepted or kept for it any more */
    bool wants_look;          /* frames are held back until a call has ended */

    /* under LOCK_POOL */
    Turn turns[TURN_CLASSES];

    /* under LOCK_OUTBOX */
    Lock out_lock;
    int fd;                   /* -1: closed */
    bool deaf;                /* writing has failed: nothing more is queued */
    bool close_when_empty;
    bool reading, writing;    /* what epoll watches; read without the lock as hints */
    bool out_sending;         /* one thread sends, without the lock; see outbox.c */
    bool out_awaited;         /* the I/O thread wants to know when that has ended with nothing left */
    bool out_close_owed;      /* the socket is to be closed by who is sending */
    bool out_ends_login;      /* login_call_end is to be called when nothing waits */
    OutItem *out_first, *out_last;
    OutItem *out_claimed;     /* the last of the first ones that are being sent now */
    size_t out_bytes, out_event_bytes;    /* read without the lock as hints */
    unsigned out_bulk;        /* bulk answers among what waits */
    int64_t out_stalled;      /* clock_now() since when nothing has left, while something waits */

    /* under LOCK_IO_INBOX */
    unsigned wishes;          /* ClientWish */
    Client *wish_next;

    GatePlace place;          /* what each member says */

    /* under LOCK_CLIENTS */
    Client *peer_prev, *peer_next;        /* the service's clients */
};

/* --- client.c ------------------------------------------------------------------------------- */
Client *client_new(Service *service, IoThread *io, int fd, bool read_only);
/* Takes it out of everything. I/O thread; once. */
void client_leave(Client *client);
/* It comes over the network, from `address`; before it is adopted. */
void client_set_network(Client *client, Tls *tls, const char *address);
/* It must log in: with a handshake, a proof of identity, or both; before it is adopted. */
void client_set_login(Client *client, ClientAuth auth);
/* It has proved who it is, as a call of its login found; `layer` (taken over; NULL: none) encrypts all that follows the
 * call's answer. A worker. */
void client_authenticate(Client *client, const char *user, Transport *layer);

/* --- identity.c ------------------------------------------------------------------------------ */
/* Any thread; lives as long as the client. */
Identity *client_who(const Client *client);
/* The last reference has gone. */
void client_forget_identity(Client *client);
/* Adds what `use`, which may be changing, holds now. */
void client_use_add(ClientUse *to, const ClientUse *use);

/* --- auth-sasl.c ---------------------------------------------------------------------------- */
void sasl_exchange_free(SaslExchange *exchange);

/* --- login.c -------------------------------------------------------------------------------- */
/* All on the I/O thread. epoll has `events` for a client whose stage isn't LOGIN_DONE. False: the connection is gone. */
bool login_wake(Client *client, uint32_t events);
/* A worker has done its step. False: the connection must be closed. */
bool login_continue(Client *client);
/* A call of its login begins on the I/O thread and ends, after its answer, on any. */
void login_call_begin(Call *call);
void login_call_end(Client *client);
/* It leaves; before its socket is closed. */
void login_left(Client *client);
/* Once a second; false: it has had its time. */
bool login_tick(Client *client, int64_t now);

/* --- clients.c ------------------------------------------------------------------------------ */
/* Its session is made: it may be found from now on. */
void clients_add(Client *client);
/* It leaves, after clients_add; once. */
void clients_remove(Client *client);
/* Adds how many of its calls workers are with, wait for that, and are parked beside those. Any thread. */
void client_count_calls(Client *client, unsigned *running, unsigned *waiting, unsigned *parked);

/* --- admit.c -------------------------------------------------------------------------------- */
/* Takes whole frames from `data`; returns how many bytes were used, or -1 when the connection must be closed.
 * Stops early when the client is over a limit (then client->held_back is set). Inline replies are in io's `out`. */
ssize_t admit_frames(Client *client, uint8_t *data, size_t size);

/* --- call.c --------------------------------------------------------------------------------- */
/* A call of its own memory, payload copied, with one reference. Ended by call_end, call_reply or call_fail. */
Call *call_new(Client *client, const Program *program, const Proc *proc, const FrameHeader *header,
               const uint8_t *payload, size_t payload_size);
/* A call in the I/O thread's scratch memory; `payload` is borrowed until it ends, its answer goes into `out`. */
void call_begin_inline(Call *call, Client *client, const Program *program, const Proc *proc, const FrameHeader *header,
                       uint8_t *payload, size_t payload_size, XdrOut *out);
/* Any thread; not of an inline call. The last reference frees it, and gives up that of its client. */
Call *call_ref(Call *call);
void call_unref(Call *call);
/* A worker takes it; `first`: no thread had it before. */
void call_taken(Call *call, bool first);
/* Ends it without an answer; the last step of one. Any thread. */
void call_end(Call *call);
/* Hands a new call to the workers or lets it wait behind them. I/O thread, after client_has_room. */
void call_submit(Call *call);
/* For a client that leaves: the next call that no worker has been given; the next parked one (referenced). */
Call *client_take_waiting(Client *client);
Call *client_take_parked(Client *client);
/* Whether call_submit would take one more of this size now; otherwise WISH_LOOK will come. */
bool client_has_room(Client *client, size_t bytes, unsigned n_fds);

/* --- measure-call.c ------------------------------------------------------------------------- */
/* The call's first phase begins. */
void call_clock_start(Call *call, CallPhase phase, int64_t now);
/* Its answer is made: its last phase ends. */
void call_clock_stop(Call *call);
/* It ends: counted, and told in the log when it was slow. After call_clock_stop, or without an answer. */
void call_count(Call *call);
/* An answer was written only so long after it was made. */
void call_unread(Client *client, const uint32_t *answers, int64_t ns);

/* --- outbox.c ------------------------------------------------------------------------------- */
typedef enum OutKind { OUT_REPLY, OUT_BULK, OUT_EVENT } OutKind;
/* Sends out->data[from .. size) or queues what the socket doesn't take; out->size goes back to `from`. Any thread. */
void outbox_send(Client *client, XdrOut *out, size_t from, OutKind kind);
/* As above, followed by one carrier byte with each descriptor; they are taken over. */
void outbox_send_fds(Client *client, XdrOut *out, size_t from, int *fds, unsigned n_fds);
/* The socket takes bytes again. I/O thread. False: the connection is broken. */
bool outbox_flush(Client *client);
/* Whether something has not left yet. Then the I/O thread, which asks, is told when it has: by epoll or WISH_SENT. */
bool outbox_await(Client *client);
/* The client has not read what it got: no further bulk answer should be made for it now. Without a lock: a hint. */
bool outbox_congested(const Client *client);
/* Bytes that wait, without a lock: a hint. */
size_t outbox_size(Client *client);
/* Of them those of events. */
size_t outbox_event_size(Client *client);
/* Whether epoll tells of bytes that come from it. I/O thread. */
void outbox_set_reading(Client *client, bool reading);
/* Closes the descriptor and forgets what waits. */
void outbox_close(Client *client);

/* --- pool.c --------------------------------------------------------------------------------- */
/* Starts `min` workers and `prio` of those for urgent calls; up to `max` (at least one) when calls want them. */
Pool *pool_new(Rpc *rpc, unsigned min, unsigned max, unsigned prio);
/* Joins the workers; each ends what it runs. */
void pool_stop(Pool *pool);
/* As rpc_tell_stuck. */
void pool_tell_stuck(Pool *pool);
/* After pool_stop: the calls that nobody took, one by one; NULL at the end. */
Call *pool_take_left(Pool *pool);
/* After that. */
void pool_free(Pool *pool);
/* Calls that could not run may be able to now, since a client has read its answers or left, or time has passed. */
void pool_look(Pool *pool);
/* The same for as many calls as there are: an identity may have more workers than before. */
void pool_look_for_all(Pool *pool);
/* A call in its client's turn; it is a worker's from now on. Any thread, no lock held. */
void pool_push(Pool *pool, Call *call);
/* A call that has had its turn and was parked since: before all others. The same. */
void pool_push_resumed(Pool *pool, Call *call);
/* Calls are held up, since enough workers compute: pool_unstick is to be called every POOL_LOOK_MS. */
bool pool_is_held(const Pool *pool);
enum { POOL_LOOK_MS = 2 };
/* Those that only seem to compute no longer count. I/O threads. */
void pool_unstick(Pool *pool, int64_t now);
/* As rpc_workers. */
void pool_info(Pool *pool, WorkerInfo *info);
/* As rpc_set_workers. */
bool pool_set_limits(Pool *pool, const WorkerLimits *limits);

/* --- keepalive.c ------------------------------------------------------------------------------ */
/* Answers a message of the keepalive program, into io's `out`. */
void keepalive_message(Client *client, const FrameHeader *header, XdrOut *out);
/* Once a second for each client of the I/O thread; false: it is dead. */
bool keepalive_tick(Client *client, int64_t now);

/* --- stream.c --------------------------------------------------------------------------------- */
/* Makes the call's stream known before the reply leaves. NULL: too many, call->error is set. Any thread. */
Stream *stream_open(Call *call);
/* The reply is queued: bytes may follow. Gives up the caller's reference. */
void stream_start(Stream *stream);
/* A STREAM or STREAM_HOLE frame; false: a protocol error that closes the connection. I/O thread. */
bool stream_frame(Client *client, const FrameHeader *header, const uint8_t *payload, size_t size);
/* Moves what drivers have to say as long as the client takes it. I/O thread. */
void stream_pump(Client *client);
/* The client leaves. I/O thread. */
void stream_close_all(Client *client);

/* --- rpc.c and io.c ----------------------------------------------------------------------------- */
struct Service {
    /* fixed */
    Rpc *rpc;
    char *name;
    const ServiceOps *ops;
    void *data;
    Service *next;
    /* relaxed atomics */
    ServiceLimits limits;
    unsigned n_clients, n_unauth;
    int64_t last_left;        /* clock_now() */
    /* under LOCK_CLIENTS */
    Lock clients_lock;
    Client *clients_first, *clients_last;
    unsigned n_connected;
};

struct Rpc {
    /* fixed */
    Timers *timers;
    IoThread **io;
    unsigned n_io;
    Pool *pool;
    Identities *identities;
    Measure *measure;
    /* relaxed atomics */
    unsigned next_io;
    uint64_t next_client;
    int quiet;                /* no new calls */
    int64_t slow;             /* nanoseconds; 0: no call is */
    int64_t slow_second;      /* clock_now() in seconds of the last line about a slow call */
    uint64_t floods, event_bytes_lost;    /* clients that were cut off since they read no events, and what they missed */
    unsigned slow_lines;      /* lines about slow calls in that second, and those that were left out */
    int crowded;              /* a listening socket is not watched until a client has logged in or must go */
    int deaf_listeners;       /* a listening socket is not watched until there is room */
    /* under LOCK_SERVICES */
    Lock lock;
    Service *services;
    /* relaxed atomic, two cache lines away from all that every call reads: each call that is handed over writes it */
    char apart[128];
    int calls;                /* that exist outside the I/O threads' scratch */
};

/* ClientWish: its I/O thread does that soon, after what it does now. Any thread, under any lock below LOCK_IO_INBOX. */
void io_wish(Client *client, unsigned wishes);
/* For the I/O thread alone: where inline answers are collected until they leave together; the memory of the one inline
 * call; clock_now() when its turn began. */
XdrOut *io_out(IoThread *io);
Call *io_scratch_call(IoThread *io);
int64_t io_now(IoThread *io);
/* Where the time of the next inline call begins: now, or when the one before it ended (`now`). */
int64_t io_mark(IoThread *io);
void io_set_mark(IoThread *io, int64_t now);
/* A client has gone or a descriptor was closed: listeners that wait for that try again. Any thread. */
void io_room(IoThread *io);
/* Its thread looks whether there is something to do that nobody has told it: pool_is_held. Any thread. */
void io_look(IoThread *io);
/* What epoll tells of it: bytes that come, room for bytes that leave. Any thread, under LOCK_OUTBOX. */
void io_watch(Client *client, bool reading, bool writing);
/* As client_set_subscribed. */
void io_subscribe(Client *client, bool subscribed);
/* One client less for max_clients, since its last reference goes: listeners that wait for that are told. Any thread. */
void service_client_gone(Service *service);
/* The I/O threads have ended. */
void listeners_free(Rpc *rpc);

#define limit_of(client, member) __atomic_load_n(&(client)->service->limits.member, __ATOMIC_RELAXED)
