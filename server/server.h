/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* droverd put together: the one root of everything that lives while it runs, and what each client
 * has on it. Made in main, handed down; nothing else is global. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/timer.h"
#include "drivers/driver.h"
#include "drivers/wrap/wrap.h"
#include "rpc/rpc.h"
#include "server/config.h"
#include "server/policy.h"

typedef struct Server Server;
typedef struct Session Session;
typedef struct Serve Serve;
typedef struct Hosts Hosts;
typedef struct Autodestroy Autodestroy;
typedef struct Subscription Subscription;

struct Server {
    /* fixed after the start */
    Config *config;
    Timers *timers;
    Rpc *rpc;
    Service *service;          /* hypervisors */
    Service *admin;
    Hosts *hosts;
    Autodestroy *autodestroy;  /* NULL in tests of other things */
    struct Modules *modules;   /* where the drivers come from (server/modules.h); NULL in tests of other things */
    const Driver *const *drivers;    /* NULL-terminated */
    Tls *tls;                  /* the certificates in use; NULL: nothing listens for TLS */
    struct Metrics *metrics;   /* answers monitoring (server/metrics.h); NULL: nothing does */
    int64_t started;           /* clock_real() */
    struct TlsWatch *tls_watch;    /* looks after their files (server/tls-watch.h) */
    struct Polkit *polkit;     /* asks it about clients (server/polkit.h); NULL: no socket wants that */
    struct KernelAudit *kernel_audit;    /* changes are reported to it (server/audit-kernel.h); NULL: to nobody */
    Wrap *wrap;                /* around every driver; NULL: none */
    GPtrArray *sockets;        /* of SocketFile: those that we have made; main thread */
    /* relaxed atomics */
    int64_t job_timeout;       /* nanoseconds that a call may wait for a domain */
    uint64_t announced;        /* events so far: their order */
    bool audit;                /* changes are written to the log: audit_logging */
    int64_t idle_timeout;      /* nanoseconds without any client until the server ends; 0: it stays */
    WorkerLimits admin_workers;    /* what virt-admin is told of workers that administration doesn't need */
    bool ruled;                /* there is a policy */
    /* under LOCK_POLICY */
    Lock policy_lock;
    Config *latest;            /* as it was read last, while `config` is what the server was started with; owned */
    Policy *policy;            /* owned; NULL: everybody who is connected may do everything */
};

/* What one client has. Made when it is accepted, freed when its last call has ended. */
struct Session {
    /* fixed */
    Server *server;
    Client *client;
    /* set by connect.open before `host`, so only to be read once there is one */
    bool read_only;
    /* atomic: set once; owned reference */
    Host *host;
    int opening;               /* atomic: a connect.open is under way, or has opened the host */
    char **names;              /* atomic: set once, owned: who it is to the rules (rules.c) */
    /* owned by the I/O thread */
    Subscription *subscriptions;
    int next_callback;
    /* under LOCK_AUTODESTROY */
    GPtrArray *bound;          /* domains that end with the client; NULL: there are none */
    unsigned bound_look_through;
    bool left;                 /* the client has */
};

/* The open host of a session, NULL before connect.open has ended. Any thread. */
static inline Host *session_host(Session *session)
{
    return __atomic_load_n(&session->host, __ATOMIC_ACQUIRE);
}

/* Whether a call of this session for `host` may change nothing. Any thread. */
static inline bool session_read_only(const Session *session, const Host *host)
{
    return client_identity(session->client)->read_only_socket || (host && session->read_only);
}

/* One call on its way through the server; lives in the call's arena. */
struct Serve {
    Op op;
    JobTicket ticket;
    Call *call;
    Session *session;
    Policy *policy;            /* the rules that were in use when it began, owned; NULL: none */
    bool by_object;            /* whether they allow it depends on the object */
    const Proc *proc;          /* the call's, or the newer procedure that serves it */
    const struct Invoke *older;    /* how the call's arguments and result become the newer one's; NULL: they are */
    void *older_result;
    const struct Hand *hand;   /* NULL: a driver's operation */
    void *args, *result;
    DomainConfig *document;    /* what a hand-written operation has parsed; owned */
    bool succeeded;            /* the operation has */
    bool job_granted;          /* set by whoever resumes the call */
};

/* An operation that the server answers itself, or that is more than one operation of a driver. */
typedef struct Hand {
    /* Finds or claims serve->op.domain for calls in the domain lane whose arguments don't name one; NULL: the row
     * says where the handle is. 0, or -1 and op.error. Runs again when the domain has gone meanwhile. */
    int (*prepare)(Serve *serve);
    /* For what must wait for others than a guest: takes the call over and ends it later, by serve_end on any thread; or
     * false, and `run` follows. I/O thread or worker; may not block. May be NULL. */
    bool (*later)(Serve *serve);
    /* As an operation of a driver. */
    int (*run)(Op *op, const void *args, void *result);
    /* Whether the host's driver can do it; NULL: always. */
    bool (*offered)(const Driver *driver);
    /* When `run` has failed or is never called: gives back what `prepare` claimed. May be NULL. */
    void (*cancel)(Serve *serve);
} Hand;

/* The Serve around an Op. */
static inline Serve *serve_of(Op *op)
{
    return (Serve *)(void *)((char *)op - offsetof(Serve, op));
}

/* --- serve.c -------------------------------------------------------------------------------- */
extern const ServiceOps remote_service_ops;
/* The end of a call that Hand.later has taken over: `r` and the call's error and result are as those of an operation. Any
 * thread. */
void serve_end(Serve *serve, int r);

/* --- access.c ------------------------------------------------------------------------------- */
/* `flags` among the decoded arguments of a row; 0 when it has none. */
uint32_t flags_of(const Proc *proc, const void *args);
/* (7) Whether the client, that may perhaps only read, may make this call; -1 and an error when not. Looks at the row
 * and the flags alone. */
int access_check(bool read_only, const Proc *proc, const void *args, Error *error);
/* What the rules of serve->policy say before anything is looked up or parsed: 0: yes; or that depends on the object, and
 * serve->by_object is set. -1 and VIR_ERR_ACCESS_DENIED: no, whatever the object, or one that can't be known before
 * something would be changed. */
int access_check_rules(Serve *serve, Error *error);
/* What they say of this object, if it depends on that. 0, or -1 and VIR_ERR_ACCESS_DENIED. */
int access_check_view(Serve *serve, const DomainView *view, Error *error);
int access_check_document(Serve *serve, const DomainConfig *config, Error *error);
/* The same for a call whose result says which domain it is about; the result is not sent when the answer is no. */
int access_check_found(Serve *serve, const void *result, Error *error);

/* --- rules.c --------------------------------------------------------------------------------- */
/* Without rules, and with the settings of the start, until others are set; deinit gives up what was set. Main thread. */
void rules_init(Server *server);
void rules_deinit(Server *server);
/* The rules for calls that begin from now on, taken over; NULL: none. Those in use before are freed with the last call that
 * looks at them. Any thread. */
void rules_set(Server *server, Policy *policy);
/* Owned reference, NULL when there are none. Any thread. */
Policy *rules_get(Server *server);
/* The settings as they were read last, for what SIGHUP changes; an owned reference. Any thread. */
void rules_set_config(Server *server, Config *config);
Config *rules_get_config(Server *server);
/* Who the client is to the rules; before its login nobody. Lives as long as the session. Any thread. */
void rules_subject(Session *session, bool read_only, PolicySubject *subject);

/* --- audit.c -------------------------------------------------------------------------------- */
/* The call ends: one line, and one record for the kernel, when it was to change something and changes are audited. Any thread. */
void audit_call(const Serve *serve);
/* The parts of it, for changes of another kind: whether a line is to be written; what a client may have chosen, so that it can't
 * end the line or forge another (owned); how a call has ended (owned); and the line. Any thread. */
bool audit_wanted(const Server *server);
char *audit_quoted(const char *text);
char *audit_result(const Error *error, bool done);
void audit_line(const Call *call, const char *object, const char *result);

/* --- autodestroy.c -------------------------------------------------------------------------- */
Autodestroy *autodestroy_new(void);
/* Waits for domains that are being ended; no session may be left. NULL is fine. */
void autodestroy_free(Autodestroy *autodestroy);
/* The domain of the call, which it has started, ends with the client. In its job. */
void autodestroy_add(Session *session, const Op *op);
/* The client has left: its domains are ended by a thread. Never waits. */
void autodestroy_left(Session *session);

/* --- enter.c -------------------------------------------------------------------------------- */
/* How a row reaches its operation; NULL when the program has no operations. */
const struct Invoke *invoke_find(const Program *program, const Proc *proc);
/* (8) The one doorway to operations. */
int enter(Op *op, const void *args, void *result);
/* Whether the host's driver offers it. */
bool enter_offered(const Host *host, const Program *program, const Proc *proc, const Hand *hand);
/* Sets VIR_ERR_NO_SUPPORT for a row; returns -1. */
int enter_not_supported(const Proc *proc, Error *error);

/* --- host.c --------------------------------------------------------------------------------- */
Hosts *hosts_new(Server *server);
/* No session may have one open. */
void hosts_free(Hosts *hosts);
/* Opens what a URI means ("" is the configured default), or finds it open. Owned reference; NULL and
 * VIR_ERR_NO_CONNECT when no driver wants it. May block: workers and the main thread only. */
Host *host_open(Hosts *hosts, const char *uri, bool read_only, Error *error);
/* The server stops: what waits for a domain is refused, what runs is asked to end. */
void hosts_interrupt(Hosts *hosts);
/* Opens the hypervisor that this machine runs on, if a driver knows it, on a thread of its own: whoever connects to it meanwhile
 * waits. A failure is in the log. Main thread, once, when the server has started. */
void hosts_open_own(Hosts *hosts);
/* The hosts that several connections can share, in no order: an array of the caller's; each lives until hosts_free. */
GPtrArray *hosts_shared(Hosts *hosts);
/* Any thread. The last reference closes it, which may block, with no lock held. */
void host_unref(Host *host);
Host *host_ref(Host *host);

/* --- event.c -------------------------------------------------------------------------------- */
/* Host.announce: encodes once, hands to the I/O threads. Any thread. */
void event_announce(Host *host, const DriverEvent *event);
void event_forget(Session *session);    /* all subscriptions; I/O thread */

/* --- ops ------------------------------------------------------------------------------------- */
/* By procedure number; entries without `run` are a driver's. */
extern const Hand remote_hands[];
extern const unsigned n_remote_hands;
/* NULL: the procedure is wholly a driver's. */
const Hand *hand_find(const Program *program, const Proc *proc);

/* --- admin.c --------------------------------------------------------------------------------- */
extern const ServiceOps admin_service_ops;
