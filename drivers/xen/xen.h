/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The insides of the Xen driver, shared by its files. docs/xen.md tells the states of a domain and what holds in each;
 * in short: the hypervisor says which domains there are and how they are, the published list (conf/list.h) is the index
 * of their names, and what differs between the two is *settled* inside a job of the domain before anybody is answered. */
#pragma once

#include "base/lock.h"
#include "conf/device.h"
#include "drivers/driver.h"
#include "drivers/xen/hypervisor.h"

typedef struct XenHost XenHost;
typedef struct XenDomain XenDomain;
typedef struct XenSweep XenSweep;
typedef struct XenConsoles XenConsoles;
typedef struct XenSampler XenSampler;

/* One per Xen host; host->data. Made by xen_open, freed by xen_close. */
struct XenHost {
    /* fixed after creation */
    Host *host;
    Hypervisor *hv;           /* owned */
    const DomainConfig *samples[3];    /* by XenKind: documents of guests of which nothing else is known; owned */
    XenVersion version;
    Store *running;           /* owned: the documents of guests that drover made, by UUID; NULL: nothing is kept */
    int wake_fd;              /* an eventfd: the observer has something to do */
    XenConsoles *consoles;    /* the sessions with consoles of guests; owned */
    XenSampler *sampler;      /* counters of disks and interfaces; owned */
    int64_t patience;         /* ns that a domain may be paused before its first instruction until that is news */
    int64_t balloon_pause;    /* ns between two events about the memory of one guest */
    /* relaxed atomic */
    int64_t introduced;       /* clock_real() when xenstored was last told of a domain */
    /* atomic */
    int64_t unsettled;        /* clock_now() since when a pass has had events that it hasn't settled; 0: none has */
    unsigned n_granted;       /* how many are in `granted` */
    /* by xen_open alone */
    bool opening;             /* true until xen_open returns; nobody else knows the host then */
    GThread *observer;        /* NULL: nobody observes, passes are run by hand */
    /* by the thread that has its turn */
    GHashTable *balloons;     /* id → XenBalloon */
    /* under LOCK_XEN_HOST */
    Lock lock;
    Cond passed;              /* a turn has ended, or `syncing` has */
    bool taken;               /* a thread has its turn to settle */
    int64_t taken_at;         /* clock_now() since when */
    bool late;                /* the log knows that it takes that thread too long */
    int64_t syncing;          /* clock_now() since when a thread asks for the events that are on their way; 0: none does */
    uint64_t syncs;           /* how many times one has begun to */
    bool stopping;
    bool lost;                /* the connection to xenstored, with all watches */
    bool hurry;               /* a domain is being built: look again soon */
    int64_t looked;           /* clock_now() of the last sweep of a pass */
    uint64_t passes;          /* how many passes have begun */
    GHashTable *watched;      /* id → XenWatch: names that are watched */
    GHashTable *aliased;      /* id → the name that it has in xenstore and can't have in the list yet */
    GHashTable *devices_told; /* id → how far devices.c is with a guest whose devices may have changed */
    GHashTable *settling;     /* uuid → XenSettle that waits for its job; owned by that */
    GQueue granted;           /* of XenSettle: those whose turn has come */
    GHashTable *kept;         /* uuid → XenKept: guests of ours of an earlier droverd that aren't listed yet */
    GHashTable *claims;       /* which guest's a PCI device of the host is; claim.c */
    Cond claims_done;         /* nobody gives a device back any more that somebody gave back */
    GQueue tasks;             /* of XenTask: what waits for a thread */
    unsigned task_threads;    /* how many there are */
    Cond tasks_done;          /* a thread of tasks has ended */
};

/* What the driver keeps of a domain; domain->driver_data, owned by the running job like all of that. */
struct XenDomain {
    int64_t changed;          /* clock_now() at the last publication: what was seen before it is not believed any more */
    /* An operation is changing this domain in steps and tells of it itself (a save, a migration): what is seen of it
     * meanwhile is not settled. The operation clears it in its last step and calls xen_settle_held. */
    bool own_story;
    bool announced;           /* that it has started; false while it is being built */
    bool sketched;            /* the active document is what the hypervisor tells; libxl may know more */
    bool ours;                /* drover has made the running guest, and sees to its end */
    bool ending;              /* a task that sees to its end is on its way */
    bool own_end;             /* drover saves or destroys it: when it goes meanwhile, nobody else has saved it */
    GPtrArray *devices;       /* of XenSeen: which devices it is known to have; NULL: not read yet; owned */
    bool dozing;              /* it is going to sleep: if it stands still, that is why */
    int64_t unsaved_until;    /* clock_now() until which it is let go on if it stands still: droverd was killed while it saved it */
};

/* All domains of the hypervisor as of one moment, in the order of their ids. */
struct XenSweep {
    XenInfo *infos;           /* owned */
    unsigned n;
    int64_t asked;            /* clock_now() before the first hypercall */
};

static inline XenHost *xen_host(const Host *host)
{
    return host->data;
}

/* The seam's other half, linked into the module or into a unit test: this host's Xen. NULL and VIR_ERR_NO_CONNECT's
 * kin when there is none. May wait. */
Hypervisor *xen_connect(Error *error);

/* --- host.c --------------------------------------------------------------------------------- */
bool xen_claims(const char *uri, char **key, Error *error);
const char *xen_own_host(void);
int xen_open(Host *host, const char *uri, bool read_only, Error *error);
void xen_close(Host *host);
/* Questions that may find something new, and then ask xenstored for a name. */
bool xen_may_block(const Host *host, const Proc *proc);
/* -1 and VIR_ERR_OPERATION_FAILED: Xen has answered `what` with the errno -r. `what`: a translated phrase. */
int xen_fail(Error *error, int r, const char *what);

/* --- identity.c: what the hypervisor says, against what is published ------------------------- */

/* Asks for all domains: a hypercall for each XEN_LIST_MAX of them. 0, or -errno. */
int xen_sweep(XenHost *xen, XenSweep *sweep);
void xen_sweep_clear(XenSweep *sweep);
/* The living domain with this id and UUID among them; NULL: none. */
const XenInfo *xen_sweep_find(const XenSweep *sweep, int id, const Uuid *uuid);
bool xen_sweep_has(const XenSweep *sweep, int id);    /* whatever it is, and dying too */
/* Settles all in which the published list differs. May wait for xenstored when there are new domains. */
void xen_compare(XenHost *xen, const XenSweep *sweep);
void xen_compare_in_turn(XenHost *xen, const XenSweep *sweep);    /* the caller has the turn */
/* All of it for a question about many: catches up with xenstore's events, sweeps, compares. The sweep is the caller's.
 * 0, or -1 and an error. May wait. */
int xen_look(XenHost *xen, XenSweep *sweep, Error *error);
/* The domain `id`, if it lives and is the one with this UUID (NULL: whichever it is): 1; 0: it isn't; or -errno. */
int xen_ask(XenHost *xen, int id, const Uuid *uuid, XenInfo *info);
int xen_domain_lookup_by_id(Op *op, const RemoteDomainLookupByIdArgs *args, RemoteDomainLookupByIdResult *result);
int xen_domain_lookup_by_name(Op *op, const RemoteDomainLookupByNameArgs *args,
                              RemoteDomainLookupByNameResult *result);
int xen_domain_lookup_by_uuid(Op *op, const RemoteDomainLookupByUuidArgs *args,
                              RemoteDomainLookupByUuidResult *result);
int xen_connect_list_all_domains(Op *op, const RemoteConnectListAllDomainsArgs *args,
                                 RemoteConnectListAllDomainsResult *result);
int xen_connect_list_domains(Op *op, const RemoteConnectListDomainsArgs *args, RemoteConnectListDomainsResult *result);
int xen_connect_list_defined_domains(Op *op, const RemoteConnectListDefinedDomainsArgs *args,
                                     RemoteConnectListDefinedDomainsResult *result);
int xen_connect_num_of_domains(Op *op, RemoteConnectNumOfDomainsResult *result);
int xen_connect_num_of_defined_domains(Op *op, RemoteConnectNumOfDefinedDomainsResult *result);

/* --- settle.c: the published list follows the hypervisor ------------------------------------- */

/* What was seen of a domain at `asked`; `info` NULL: it wasn't there. Settled now, or as soon as its job is free.
 * This function and the next three that are not called in a job: in the caller's turn. */
void xen_settle(XenHost *xen, const Uuid *uuid, const XenInfo *info, int64_t asked);
/* The same, when the caller has the domain's job. `info` is fresh. May wait for xenstored when the domain's name isn't watched yet. */
void xen_settle_held(XenHost *xen, Domain *domain, const XenInfo *info);
/* The domain with the id has this name in xenstore now. */
void xen_settle_name(XenHost *xen, int id, const char *name);
/* Runs `run` in the domain's job now; false: that is taken, and the domain is settled when it is free. */
bool xen_settle_with(XenHost *xen, Domain *domain, void (*run)(XenHost *xen, Domain *domain, const void *data),
                     const void *data);
/* Those whose job has become free. */
void xen_settle_granted(XenHost *xen);
/* Names that were taken and may be free now. */
void xen_settle_aliases(XenHost *xen);
/* Publishes `facts` of a domain that has been changed, and remembers when. As change_commit. */
int xen_commit(XenHost *xen, Domain *domain, const DomainFacts *facts, Error *error);
/* domain->driver_data, made when it isn't there. */
XenDomain *xen_domain(Domain *domain);
/* Whether the view was published of a guest that is going to sleep. */
bool xen_view_dozes(const DomainView *view);
/* A domain that was being built is told of as started, if it wasn't. In a job of it, after it was published. */
void xen_announce_started(XenHost *xen, Domain *domain);


/* How a domain has ended. */
typedef struct XenStop {
    int reason;               /* VIR_DOMAIN_SHUTOFF_* */
    int detail;               /* VIR_DOMAIN_EVENT_STOPPED_* */
    bool managed_save;        /* its next start goes on from where it was */
    bool in_turn;             /* others wait for this thread: its devices are given back by a task */
} XenStop;

/* The domain that ran as `view` says is off, or gone when it is transient: published and told of. In a job of it. */
void xen_stopped(XenHost *xen, Domain *domain, const DomainView *view, const XenStop *stop);
/* Documents of guests that drover hasn't made, from what libxl keeps of them: asked once, tens of requests to xenstored.
 * In a job of the domain: its active document is the best that is to be had after this. */
void xen_describe_held(XenHost *xen, Domain *domain, int id);
/* Without a job: a better document than the view's, owned by the caller, which is published too if the domain's job is
 * free; NULL: the view's is as good as it gets. May wait for xenstored. */
DomainConfig *xen_describe(XenHost *xen, const DomainView *view);

/* --- state.c --------------------------------------------------------------------------------- */

/* virDomainState of a living domain, and a reason: the one of `view` (may be NULL) when that has the same state. A guest
 * that stands still sleeps if it does so by `view`, or was going to; else somebody saves it. */
void xen_state(const XenInfo *info, const DomainView *view, int *state, int *reason);
/* KiB that a domain may have, never more than clients can be told. */
uint64_t xen_max_memory(const XenInfo *info);

/* --- document.c ------------------------------------------------------------------------------ */

/* 0, or -1 and an error. */
int xen_samples_make(XenHost *xen, Error *error);
void xen_samples_free(XenHost *xen);
/* A copy of a running domain's document with the memory and CPUs that it has now. Owned by the caller. */
DomainConfig *xen_document_now(const DomainConfig *config, const XenInfo *info);
/* The document of a domain that drover didn't make: what the hypervisor tells. Owned by the caller. */
DomainConfig *xen_document(const XenHost *xen, const XenInfo *info, const char *name);
extern const struct DomainRules xen_domain_rules;

/* --- names.c: xenstore, watched -------------------------------------------------------------- */

/* Watches the name of a domain and reads it: two requests. `*name` is the caller's; -ENOENT: it has none (yet). */
int xen_name_learn(XenHost *xen, int id, char **name);
/* What was learnt came to nothing: who meets the domain next reads its name again. */
void xen_name_doubt(XenHost *xen, int id);
/* One request; what xenstore says now. */
int xen_name_read(XenHost *xen, int id, char **name);
/* No more events about this id. */
void xen_name_forget(XenHost *xen, int id);
/* Whether the event is about a name that has changed; *id: whose. */
bool xen_name_event(XenHost *xen, const XenEvent *event, int *id);
/* Forgets the names of domains that came to nothing before they had one. */
void xen_names_sweep(XenHost *xen, const XenSweep *sweep);
/* After a new connection: watches all again, reads the names of those that are listed and settles them. */
int xen_names_again(XenHost *xen);
/* Whether this id is watched and its domain not published: it had no name. */
bool xen_name_awaited(XenHost *xen, int id);

/* --- devices.c: devices that come and go without drover --------------------------------------- */

/* Sets the watches; before anybody reads which devices a guest has. 0 or -errno. */
int xen_devices_watch(XenHost *xen);
/* Whether the event is about devices of a guest that is listed; it is noted then. */
bool xen_devices_event(XenHost *xen, const XenEvent *event);
/* In a pass: those that were noted are compared soon, in jobs of their own. */
void xen_devices_pass(XenHost *xen);
/* All of them may have changed: after a new connection. */
void xen_devices_again(XenHost *xen);
/* These six in a job of the domain. The guest is there, and what it has now is no news. May wait for xenstored. */
void xen_devices_begin(XenHost *xen, Domain *domain, int id);
void xen_devices_end(XenHost *xen, Domain *domain, int id);
/* The document is libxl's record of a moment ago: looked at again if the guest is known to have other devices. Never waits. */
void xen_devices_described(XenHost *xen, Domain *domain, int id);
/* What the guest has now is published and told of. May wait for libxl. */
void xen_devices_held(XenHost *xen, Domain *domain);
/* Drover has changed that device itself, and tells of it. `device`: as it is now, or was when it was detached. */
void xen_devices_own(XenHost *xen, Domain *domain, DeviceChange change, const XenDevice *device);
/* Gives aliases to the devices of a document that nobody else has, and that lack one. */
void xen_devices_name(DomainConfig *config);
/* Whether something was noted of the guest that isn't published yet. Never waits. */
bool xen_devices_pending(XenHost *xen, int id);
/* Without a job: the document as it will be when that is published, the caller's; NULL: as it is. May wait for libxl. */
DomainConfig *xen_devices_now(XenHost *xen, const DomainView *view);

/* --- balloon.c ------------------------------------------------------------------------------- */

/* Tells of guests whose memory has changed, from the observer's own sweep. In its turn. */
void xen_balloons(XenHost *xen, const XenSweep *sweep);

/* --- observe.c ------------------------------------------------------------------------------- */

/* The turn to settle: one thread at a time. False: another one has had it for too long, xenstored may hang; nothing
 * can be settled then. Waits, but not for one that has had it for ten seconds; no job and no lock may be held. */
bool xen_turn_begin(XenHost *xen);
void xen_turn_end(XenHost *xen);
/* One pass, in a turn: takes what xenstore has told, asks the hypervisor when that may matter (or `sweep`), settles. When another
 * thread is at it, waits for a pass that has begun after this call. May wait for xenstored. */
void xen_observe(XenHost *xen, bool sweep);
/* Before a question is answered: what xenstore has told is settled, also what another pass is about to settle. Nothing, and no
 * wait, when there is none. */
void xen_catch_up(XenHost *xen);
/* The same, and nothing that xenstored had to tell before the call is still on its way: one request. */
void xen_catch_up_fully(XenHost *xen);
/* What the observer's thread does again and again: waits until an event is ready, or it is time for a look at the hypervisor, or
 * xen_wake; and makes a pass. By that thread, or by a test in its place. */
void xen_observe_once(XenHost *xen);
/* The observer makes a pass soon. Never waits. */
void xen_wake(XenHost *xen);
int xen_observer_start(XenHost *xen, Error *error);
void xen_observer_stop(XenHost *xen);

/* --- question.c: one domain, as it is now ---------------------------------------------------- */

/* Corrects op->view. 1: it runs, and *info has what the hypervisor says; 0: it is off; -1 and an error. */
int xen_question_look(Op *op, XenInfo *info);
int xen_domain_get_info(Op *op, const RemoteDomainGetInfoArgs *args, RemoteDomainGetInfoResult *result);
int xen_domain_get_state(Op *op, const RemoteDomainGetStateArgs *args, RemoteDomainGetStateResult *result);
int xen_domain_is_active(Op *op, const RemoteDomainIsActiveArgs *args, RemoteDomainIsActiveResult *result);
int xen_domain_get_max_memory(Op *op, const RemoteDomainGetMaxMemoryArgs *args, RemoteDomainGetMaxMemoryResult *result);
int xen_domain_get_max_vcpus(Op *op, const RemoteDomainGetMaxVcpusArgs *args, RemoteDomainGetMaxVcpusResult *result);
int xen_domain_get_vcpus_flags(Op *op, const RemoteDomainGetVcpusFlagsArgs *args,
                               RemoteDomainGetVcpusFlagsResult *result);
int xen_domain_get_xml_desc(Op *op, const RemoteDomainGetXmlDescArgs *args, RemoteDomainGetXmlDescResult *result);
int xen_domain_get_control_info(Op *op, const RemoteDomainGetControlInfoArgs *args,
                                RemoteDomainGetControlInfoResult *result);
int xen_domain_get_vcpus(Op *op, const RemoteDomainGetVcpusArgs *args, RemoteDomainGetVcpusResult *result);

/* --- figures.c: what the driver counts of itself, for monitoring ---------------------------------- */
void xen_figures(const Host *host, DriverCounterVisit visit, void *opaque);

/* --- stats.c --------------------------------------------------------------------------------- */
int xen_connect_get_all_domain_stats(Op *op, const RemoteConnectGetAllDomainStatsArgs *args,
                                     RemoteConnectGetAllDomainStatsResult *result);

/* --- node.c ---------------------------------------------------------------------------------- */
int xen_connect_get_version(Op *op, RemoteConnectGetVersionResult *result);
int xen_connect_get_capabilities(Op *op, RemoteConnectGetCapabilitiesResult *result);
int xen_connect_get_max_vcpus(Op *op, const RemoteConnectGetMaxVcpusArgs *args,
                              RemoteConnectGetMaxVcpusResult *result);
int xen_node_get_info(Op *op, RemoteNodeGetInfoResult *result);
int xen_node_get_free_memory(Op *op, RemoteNodeGetFreeMemoryResult *result);
int xen_node_get_cells_free_memory(Op *op, const RemoteNodeGetCellsFreeMemoryArgs *args,
                                   RemoteNodeGetCellsFreeMemoryResult *result);
int xen_node_get_cpu_map(Op *op, const RemoteNodeGetCpuMapArgs *args, RemoteNodeGetCpuMapResult *result);
int xen_domain_get_scheduler_type(Op *op, const RemoteDomainGetSchedulerTypeArgs *args,
                                  RemoteDomainGetSchedulerTypeResult *result);

/* --- domcaps.c ------------------------------------------------------------------------------- */
int xen_connect_get_domain_capabilities(Op *op, const RemoteConnectGetDomainCapabilitiesArgs *args,
                                        RemoteConnectGetDomainCapabilitiesResult *result);

/* --- life.c: inside a job of the domain ------------------------------------------------------ */

/* What the hypervisor says of op->domain now; -1 and an error when it doesn't run (any more), which is published then.
 * Every operation that does something to a domain by its id asks this first. */
int xen_need(Op *op, XenInfo *info);
int xen_domain_suspend(Op *op, const RemoteDomainSuspendArgs *args);
int xen_domain_resume(Op *op, const RemoteDomainResumeArgs *args);
int xen_domain_shutdown_flags(Op *op, const RemoteDomainShutdownFlagsArgs *args);
int xen_domain_reboot(Op *op, const RemoteDomainRebootArgs *args);
int xen_domain_destroy_flags(Op *op, const RemoteDomainDestroyFlagsArgs *args);

/* --- record.c: which running guests are drover's, whatever becomes of droverd ------------------------- */

/* Opens the stores below host->state_dir, lists what is defined, and looks what an earlier droverd has left: guests that it
 * was building are destroyed, what is known of those that have gone is forgotten. By xen_open alone. 0, or -1 and an error. */
int xen_records_open(XenHost *xen, Error *error);
void xen_records_close(XenHost *xen);
/* These in a job of the domain; they may wait for a disk. 0, or -1 and an error.
 * Before a guest is built: it is on the disk that it will be. */
int xen_record_begin(XenHost *xen, const DomainConfig *config, Error *error);
/* It is built, and marked. */
int xen_record_end(XenHost *xen, const DomainConfig *config, Error *error);
/* A running guest of ours has another document now. */
int xen_record_change(XenHost *xen, const DomainConfig *config, Error *error);
/* The guest is gone, or wasn't built. What can't be removed is named in the log. */
void xen_record_remove(XenHost *xen, const Uuid *uuid);
/* How far a guest of ours is, one of XEN_WORD_…: what a later droverd does with it, record.c has a table. 0 or -errno. */
int xen_record_mark(XenHost *xen, int id, const char *word);
/* Whether the guest has such words: it is ours, and not bound to a connection, for that is all that is said of those. */
bool xen_record_marks(XenHost *xen, Domain *domain);
/* Destroys a running domain; if it is a guest of ours, a later droverd finishes what is broken off. As the hypervisor's
 * `destroy`: whether the domain has gone is to be asked. */
int xen_destroy(XenHost *xen, Domain *domain, int id);
/* What an earlier droverd has kept of the running guest, owned by the caller; NULL: nothing. Only once for each guest.
 * `unsaved`: it was being saved. */
const DomainConfig *xen_record_take(XenHost *xen, const XenInfo *info, bool *unsaved);

/* --- task.c: a job of a domain that nobody has called for ---------------------------------------------- */

/* Runs `run` in a job of the domain (NULL: in none), on a thread that may wait. Never waits itself; any thread. When the
 * domain has gone or the host is closed before, nothing is run. */
void xen_task_add(XenHost *xen, Domain *domain, const char *what, void (*run)(XenHost *xen, Domain *domain));
/* Runs what waits for a thread; for a host that nobody observes. */
void xen_tasks_run(XenHost *xen);
/* Waits for tasks that run; what has not begun isn't begun any more. No task is added after that. */
void xen_tasks_stop(XenHost *xen);

/* --- build.c: definitions, and guests that drover makes; inside a job of the domain ---------------------- */

/* How a guest is started. */
typedef struct XenStart {
    const DomainConfig *config;    /* borrowed */
    int stream;               /* -1: it boots; else its saved state is read from there */
    bool paused;              /* it stays so */
    int state_reason;         /* VIR_DOMAIN_RUNNING_* */
    int detail;               /* VIR_DOMAIN_EVENT_STARTED_* */
    uint64_t bound_to;        /* the client with whose connection the guest ends; 0: nobody's */
    /* What has to be done once the guest is there and before it runs, or NULL; 0, or -1 and an error, and the guest goes. */
    int (*before_run)(XenHost *xen, Domain *domain, Error *error);
} XenStart;

/* Builds the guest, publishes it and tells of it. The domain must be off; a restart (data->own_story, the former guest has been
 * destroyed and is still published) tells first that it has stopped. 0; or -1 and an error, and no guest is left. */
int xen_start(XenHost *xen, Domain *domain, const XenStart *start, Error *error);
/* A paused guest goes on, and its device model with it. 0 or -errno. */
int xen_let_run(XenHost *xen, const XenInfo *info);
/* In a job of op->domain: 0 when it is off; -1 and an error when it runs, also when it was others who started it. */
int xen_need_off(Op *op, const DomainConfig *config);
/* Whether this host can run the guest of a document: 0, or -1 and VIR_ERR_CONFIG_UNSUPPORTED. */
int xen_check_document(XenHost *xen, const DomainConfig *config, Error *error);
/* What of a document changes nothing on Xen goes to the log, unless it was so in `before` (may be NULL). */
void xen_tell_passed_over(const DomainConfig *before, const DomainConfig *config);
int xen_domain_define(Op *op, const DomainConfig *config);
int xen_domain_start(Op *op, const DomainConfig *config, uint32_t flags);
int xen_domain_undefine_flags(Op *op, const RemoteDomainUndefineFlagsArgs *args);
int xen_domain_set_autostart(Op *op, const RemoteDomainSetAutostartArgs *args);
int xen_domain_set_metadata(Op *op, const RemoteDomainSetMetadataArgs *args);
/* Those that are marked start, once between two starts of the host. By xen_open alone. */
void xen_autostart(XenHost *xen);

/* --- ends.c: a guest of drover's has come to its end ------------------------------------------------------ */

/* The guest has shut itself down: what its document wants is done soon, if it is drover's. In a job of the domain. */
void xen_ended(XenHost *xen, Domain *domain, const XenInfo *info);

/* --- device.c: inside a job of the domain ---------------------------------------------------- */
int xen_domain_attach_device_flags(Op *op, const RemoteDomainAttachDeviceFlagsArgs *args);
int xen_domain_detach_device_flags(Op *op, const RemoteDomainDetachDeviceFlagsArgs *args);
int xen_domain_detach_device_alias(Op *op, const RemoteDomainDetachDeviceAliasArgs *args);
int xen_domain_update_device_flags(Op *op, const RemoteDomainUpdateDeviceFlagsArgs *args);

/* --- hostdev.c: PCI devices of the host; in a job of the guest, and may wait ---------------------------------- */

/* Before Xen gives the device (the devices of a document) to the guest: whether it can be had; claimed, and a mark that it is to
 * be given back. Other kinds of devices are let pass. What a guest has that starts anew, and its document doesn't name any more,
 * is given back. 0; or -1 and an error, and what is marked is to be given back. */
int xen_hostdev_take(XenHost *xen, const Uuid *uuid, const Hostdev *hostdev, Error *error);
int xen_hostdevs_take(XenHost *xen, const DomainConfig *config, Error *error);
/* The guest hasn't the device any more; the guest is gone, or wasn't built. What can't be done is named in the log. */
void xen_hostdev_give_back(XenHost *xen, const Uuid *uuid, const Hostdev *hostdev);
void xen_hostdevs_give_back(XenHost *xen, const Uuid *uuid);
/* The same by a task, soon; never waits. A guest that wants one of them meanwhile gets it when it is back; the guest that had
 * it, and starts before, keeps it. */
void xen_hostdevs_leave(XenHost *xen, const Uuid *uuid);
/* Gives back what guests had that don't run any more, and claims what others have. By xen_open alone. */
void xen_hostdevs_recover(XenHost *xen);

/* --- terminal.c ------------------------------------------------------------------------------ */

/* Opens the terminal of the guest's console or serial port with this alias (NULL: the first), without waiting for either side.
 * A descriptor and *path (the caller's, also on failure; it comes as NULL); -1 and an error: there is none. */
int xen_terminal_open(Op *op, const XenInfo *info, const char *alias, char **path);

/* --- console.c ------------------------------------------------------------------------------- */
XenConsoles *xen_consoles_new(void);
/* No console is opened any more; sessions that are still open are never woken again. NULL is fine. */
void xen_consoles_free(XenConsoles *consoles);
int xen_domain_open_console(Op *op, const RemoteDomainOpenConsoleArgs *args);

/* --- save.c, dump.c: in an async job of the domain --------------------------------------------- */

/* What VIR_DOMAIN_SAVE_RUNNING and _PAUSED mean; `usual` without them. -1 and an error for both, and for other flags. */
int xen_save_runs(Op *op, uint32_t flags, bool usual, bool *runs);
/* -1 and VIR_ERR_OPERATION_ABORTED: somebody wanted the running job to end. */
int xen_fail_interrupted(Op *op);
int xen_domain_save_flags(Op *op, const RemoteDomainSaveFlagsArgs *args);
int xen_domain_managed_save(Op *op, const RemoteDomainManagedSaveArgs *args);
int xen_domain_core_dump_with_format(Op *op, const RemoteDomainCoreDumpWithFormatArgs *args);

/* --- sleep.c: guests that sleep ---------------------------------------------------------------- */

/* As xen_need, and the guest doesn't sleep; VIR_ERR_OPERATION_INVALID when it does. */
int xen_need_awake(Op *op, XenInfo *info);
/* A guest is met, or is first seen to stand still and drover didn't just put it to sleep. In a job of the domain, by settling:
 * true when an earlier droverd has put it to sleep; one that was only asked to sleep goes on soon. One request, and none for a
 * guest that doesn't stand still. */
bool xen_sleep_met(XenHost *xen, Domain *domain, const XenInfo *info);
/* The guest is awake: what is kept of its sleep is removed, or the log says why not. A request. */
void xen_sleep_forget(XenHost *xen, const Domain *domain, int id);
/* A guest that slept runs: the events of that, after it was published. */
void xen_announce_awake(XenHost *xen, Domain *domain);
/* In an async job of the domain. */
int xen_domain_pm_suspend_for_duration(Op *op, const RemoteDomainPmSuspendForDurationArgs *args);
int xen_domain_pm_wakeup(Op *op, const RemoteDomainPmWakeupArgs *args);

/* --- restore.c --------------------------------------------------------------------------------- */

/* Where the image for a domain's next start is, its folder being there; the caller's. NULL and an error. */
char *xen_managed_path(XenHost *xen, const Uuid *uuid, Error *error);
bool xen_managed_exists(const XenHost *xen, const Uuid *uuid);
/* Nothing there is success; what isn't there any more has been flushed. 0, or -1 and an error. */
int xen_managed_remove(XenHost *xen, const Uuid *uuid, Error *error);
/* In place of xen_start, for a domain of which xen_managed_exists says that it goes on: from its image, which is removed
 * before the guest runs. In a job of the domain, which is off. 0, or -1 and an error, the image being there still. */
int xen_managed_start(XenHost *xen, Domain *domain, bool paused, uint64_t bound_to, Error *error);
/* For XenStart.before_run: xen_managed_remove. */
int xen_managed_discard(XenHost *xen, Domain *domain, Error *error);
int xen_domain_restore_prepare(Op *op, const RemoteDomainRestoreFlagsArgs *args, DomainConfig **config);
int xen_domain_restore(Op *op, const RemoteDomainRestoreFlagsArgs *args);
int xen_domain_managed_save_remove(Op *op, const RemoteDomainManagedSaveRemoveArgs *args);
int xen_domain_save_image_get_xml_desc(Op *op, const RemoteDomainSaveImageGetXmlDescArgs *args,
                                       RemoteDomainSaveImageGetXmlDescResult *result);
int xen_domain_save_image_define_xml(Op *op, const RemoteDomainSaveImageDefineXmlArgs *args);
int xen_domain_managed_save_get_xml_desc(Op *op, const RemoteDomainManagedSaveGetXmlDescArgs *args,
                                         RemoteDomainManagedSaveGetXmlDescResult *result);
int xen_domain_managed_save_define_xml(Op *op, const RemoteDomainManagedSaveDefineXmlArgs *args);

/* --- native.c ---------------------------------------------------------------------------------- */
int xen_connect_domain_xml_from_native(Op *op, const RemoteConnectDomainXmlFromNativeArgs *args,
                                       RemoteConnectDomainXmlFromNativeResult *result);
int xen_connect_domain_xml_to_native(Op *op, const RemoteConnectDomainXmlToNativeArgs *args,
                                     RemoteConnectDomainXmlToNativeResult *result);

/* --- tune.c, pin.c, share.c: sizes and shares, of the guest and of its document ----------------- */

/* A change of what runs, of the document, or of both. Between begin and end the copies may be edited. */
typedef struct XenTuning {
    DomainFacts facts;
    DomainConfig *active, *persistent;    /* copies; NULL: stays as it is */
    XenInfo info;             /* when active isn't NULL */
} XenTuning;

/* Resolves VIR_DOMAIN_AFFECT_*; 0, or -1 and an error, and nothing to end then. */
int xen_tuning_begin(Op *op, uint32_t flags, XenTuning *tuning);
/* Publishes and keeps what was changed when r is 0; returns r, or -1 and an error. */
int xen_tuning_end(Op *op, XenTuning *tuning, int r);
int xen_domain_set_vcpus_flags(Op *op, const RemoteDomainSetVcpusFlagsArgs *args);
int xen_domain_set_memory_flags(Op *op, const RemoteDomainSetMemoryFlagsArgs *args);
int xen_domain_memory_stats(Op *op, const RemoteDomainMemoryStatsArgs *args, RemoteDomainMemoryStatsResult *result);
/* Puts into the document which CPUs the guest's virtual ones may run on now: a hypercall for each. */
void xen_describe_pins(XenHost *xen, int id, DomainConfig *config);
/* Puts into the document what weight the guest (of which *info tells) has now: two hypercalls. */
void xen_describe_share(XenHost *xen, const XenInfo *info, DomainConfig *config);
int xen_domain_pin_vcpu_flags(Op *op, const RemoteDomainPinVcpuFlagsArgs *args);
int xen_domain_get_vcpu_pin_info(Op *op, const RemoteDomainGetVcpuPinInfoArgs *args,
                                 RemoteDomainGetVcpuPinInfoResult *result);
int xen_domain_set_scheduler_parameters_flags(Op *op, const RemoteDomainSetSchedulerParametersFlagsArgs *args);
int xen_domain_get_scheduler_parameters_flags(Op *op, const RemoteDomainGetSchedulerParametersFlagsArgs *args,
                                              RemoteDomainGetSchedulerParametersFlagsResult *result);

/* --- device-stats.c: one disk or interface ---------------------------------------------------- */
int xen_domain_block_stats(Op *op, const RemoteDomainBlockStatsArgs *args, RemoteDomainBlockStatsResult *result);
int xen_domain_block_stats_flags(Op *op, const RemoteDomainBlockStatsFlagsArgs *args,
                                 RemoteDomainBlockStatsFlagsResult *result);
int xen_domain_interface_stats(Op *op, const RemoteDomainInterfaceStatsArgs *args,
                               RemoteDomainInterfaceStatsResult *result);
