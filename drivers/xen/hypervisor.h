/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam between the Xen driver and Xen: everything that the driver asks of the hypervisor and of xenstore, as one
 * small table. hypervisor-real.c fills it in with libxenctrl, libxenstore and libxenlight; the unit tests' double with
 * ten thousand domains in memory. Above this line nobody knows a type of Xen's.
 *
 * Every function may be called from any thread, several at once, with no lock held. Functions return 0 or more,
 * or -errno. Hypercalls don't wait. Requests to xenstore wait for xenstored, so they are for threads that may wait.
 * Functions count what they ask: one hypercall is one entry into the hypervisor, one request is one message to xenstored. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "conf/config.h"

/* As many domains as one hypercall may tell about. */
enum { XEN_LIST_MAX = 1024 };

typedef enum XenKind { XEN_PV, XEN_PVH, XEN_HVM } XenKind;

/* Why a guest has shut itself down. */
typedef enum XenShutdown {
    XEN_SHUTDOWN_POWEROFF, XEN_SHUTDOWN_REBOOT, XEN_SHUTDOWN_SUSPEND, XEN_SHUTDOWN_CRASH, XEN_SHUTDOWN_WATCHDOG,
    XEN_SHUTDOWN_SOFT_RESET,
} XenShutdown;

/* A domain as the hypervisor tells of it. */
typedef struct XenInfo {
    int id;
    Uuid uuid;
    XenKind kind;
    bool dying;               /* destroyed, and not all of its memory is back */
    bool paused;              /* by a tool */
    bool shutdown;            /* by itself, see `why`; a tool has to destroy it */
    uint8_t why;              /* XenShutdown, or another number */
    unsigned vcpus;           /* that are online */
    unsigned max_vcpus;
    uint64_t memory;          /* KiB that it has */
    uint64_t max_memory;      /* KiB that it may have; UINT64_MAX: as much as it likes */
    uint64_t cpu_time;        /* ns, of all its CPUs */
    unsigned pool;            /* the CPU pool that it runs in; XEN_POOL_FIRST: the one that the host starts with */
} XenInfo;

enum { XEN_POOL_FIRST = 0 };

typedef struct XenVcpu {
    bool online, running, blocked;
    uint64_t cpu_time;        /* ns */
    int cpu;                  /* where it runs or last ran */
} XenVcpu;

typedef struct XenNode {
    unsigned cpus;            /* that are online */
    unsigned max_cpus;        /* highest number of a CPU + 1 */
    unsigned cells;           /* that are there */
    unsigned max_cells;       /* highest number of a NUMA cell + 1 */
    unsigned cores, threads;  /* of a socket, of a core */
    unsigned mhz;
    uint64_t memory, free_memory;    /* KiB */
    bool hvm, pv, hap;        /* what guests it can have */
} XenNode;

typedef struct XenCpu {
    bool online;
    unsigned socket, core, cell;
} XenCpu;

typedef struct XenCell {
    bool there;
    uint64_t memory, free_memory;    /* bytes */
} XenCell;

typedef struct XenVersion {
    unsigned major, minor, micro;
    char capabilities[1024];  /* words: "xen-3.0-x86_64 hvm-3.0-x86_32 …" */
} XenVersion;

/* A scheduler by its number in Xen's interface. */
typedef enum XenScheduler { XEN_CREDIT = 5, XEN_CREDIT2 = 6, XEN_ARINC653 = 7, XEN_RTDS = 8, XEN_NULL = 9 } XenScheduler;

typedef struct XenShare {
    unsigned weight, cap;     /* of a domain, with credit and credit2 */
} XenShare;

/* What `build` writes into xenstore as /local/domain/ID/drover, at once with the guest's name: that drover is building
 * it. record.c says what becomes of that. */
#define XEN_WORD "drover"
#define XEN_WORD_BUILDING "building"
#define XEN_WORD_STARTING "starting"    /* whole, and about to run */
#define XEN_WORD_WAITING "waiting"      /* the same, but it is to stay paused */
#define XEN_WORD_BUILT "built"
#define XEN_WORD_SAVING "saving"    /* it may stand still, and its image is not there yet */
#define XEN_WORD_SAVED "saved"      /* it stands still, and its image is there or about to be */
#define XEN_WORD_DUMPING "dumping"  /* paused while its memory is written */
#define XEN_WORD_BOUND "bound"    /* built, and to end with a connection to droverd */
#define XEN_WORD_ENDING "ending"    /* about to be destroyed, or half of the way */

/* What a guest is built from. */
typedef struct XenBuild {
    const DomainConfig *config;    /* its name and UUID become the guest's; borrowed */
    int stream;               /* -1: the guest boots; else its saved state is read from this descriptor, which stays open */
} XenBuild;

/* One device of a document that can come and go while the guest runs. */
typedef enum XenDeviceKind { XEN_DEVICE_DISK, XEN_DEVICE_INTERFACE, XEN_DEVICE_HOSTDEV, XEN_DEVICE_CHANNEL } XenDeviceKind;
typedef struct XenDevice {
    XenDeviceKind kind;
    const void *element;      /* Disk, Interface, … of conf/elements; borrowed */
} XenDevice;

/* Who has a PCI device of the host. */
typedef enum XenPciState {
    XEN_PCI_HOST,             /* a driver of the host, or nobody */
    XEN_PCI_ASSIGNABLE,       /* nobody; guests can have it */
    XEN_PCI_ASSIGNED,         /* a guest */
} XenPciState;

typedef struct XenAsked {
    uint64_t hypercalls, requests;    /* atomic */
} XenAsked;

/* What has happened to a path that is watched. Owned by the caller: xen_event_clear. */
typedef struct XenEvent {
    char *path, *token;
} XenEvent;

typedef struct Hypervisor Hypervisor;

typedef struct HypervisorOps {
    void (*close)(Hypervisor *hv);

    /* --- hypercalls ------------------------------------------------------------------------- */

    /* Up to `max` (at most XEN_LIST_MAX) domains from the id `first` on, in the order of their ids; how many. */
    int (*list)(Hypervisor *hv, int first, XenInfo *infos, unsigned max);
    /* The domain with this very id; -ENOENT: there is none. */
    int (*info)(Hypervisor *hv, int id, XenInfo *info);
    int (*pause)(Hypervisor *hv, int id);
    int (*unpause)(Hypervisor *hv, int id);
    /* As if somebody had pressed the power button of a machine with ACPI. */
    int (*press_power)(Hypervisor *hv, int id);
    /* Whether an HVM guest has drivers that listen to xenstore: 1 or 0. */
    int (*has_drivers)(Hypervisor *hv, int id);
    int (*set_max_memory)(Hypervisor *hv, int id, uint64_t kib);
    int (*vcpu)(Hypervisor *hv, int id, unsigned vcpu, XenVcpu *out);
    /* CPUs that a virtual CPU may run on, bit after bit, in `size` bytes. */
    int (*get_affinity)(Hypervisor *hv, int id, unsigned vcpu, uint8_t *map, size_t size);
    int (*set_affinity)(Hypervisor *hv, int id, unsigned vcpu, const uint8_t *map, size_t size);
    int (*node)(Hypervisor *hv, XenNode *node);
    int (*cpus)(Hypervisor *hv, XenCpu *cpus, unsigned max);    /* how many were written */
    /* How many were written; distances (may be NULL) has room for max * max. */
    int (*cells)(Hypervisor *hv, XenCell *cells, uint32_t *distances, unsigned max);
    int (*version)(Hypervisor *hv, XenVersion *version);
    int (*scheduler)(Hypervisor *hv, unsigned pool);    /* XenScheduler, or another number; each CPU pool has its own */
    int (*get_share)(Hypervisor *hv, XenScheduler scheduler, int id, XenShare *share);
    int (*set_share)(Hypervisor *hv, XenScheduler scheduler, int id, const XenShare *share);

    /* --- xenstore, never in a transaction ---------------------------------------------------- */

    /* The value of a path, with a NUL behind it; `*value` is the caller's, from g_malloc. */
    int (*read)(Hypervisor *hv, const char *path, char **value);
    int (*write)(Hypervisor *hv, const char *path, const char *value);
    /* Removes a path with all below it. */
    int (*remove)(Hypervisor *hv, const char *path);
    /* The names below a path, NULL-terminated, the caller's. -E2BIG: more than xenstored can tell. */
    int (*directory)(Hypervisor *hv, const char *path, char ***names);
    /* Tells one event at once, so that whoever watches knows that the watch is there. */
    int (*watch)(Hypervisor *hv, const char *path, const char *token);
    int (*unwatch)(Hypervisor *hv, const char *path, const char *token);
    /* Whether an event lies ready. Never waits. */
    bool (*has_event)(Hypervisor *hv);
    /* The next event: 1, 0 when none is ready; another -errno: the connection is lost, and all watches with it. */
    int (*next_event)(Hypervisor *hv, XenEvent *event);
    /* What xenstored had to tell before the call lies ready as events after it: one request. -errno: it doesn't answer. */
    int (*sync)(Hypervisor *hv);
    /* What turns readable when an event lies ready; it changes with reconnect. -1: nothing does. */
    int (*event_fd)(Hypervisor *hv);
    /* A new connection, without any watch. -errno: xenstored doesn't answer. */
    int (*reconnect)(Hypervisor *hv);

    /* --- operations that touch both, and perhaps wait for long: inside a job only ------------- */
    /* `*why` of those that have one: on failure what Xen's libraries said of it, for people, or NULL; the caller's. */

    /* Builds a guest with its devices; it is paused then and has run nothing. `*id`: the guest's, set as soon as it has
     * one, also when the rest fails; -1 before. A failed build leaves nothing behind. */
    int (*build)(Hypervisor *hv, const XenBuild *build, int *id, char **why);
    /* Whether this Xen could build the guest of the document: 0; -ENOTSUP and why. Asks nobody. */
    int (*can_build)(Hypervisor *hv, const DomainConfig *config, char **why);
    /* Writes the guest's state to a descriptor, which stays open. The guest stands still then, until it is destroyed
     * or let go on. */
    int (*save)(Hypervisor *hv, int id, int stream, char **why);
    /* Has the guest suspend itself and waits until it stands still, with all that it has, until it is destroyed or let go
     * on. One that doesn't suspend itself: -errno, after a minute or two. */
    int (*sleep)(Hypervisor *hv, int id, char **why);
    /* Lets a guest go on that `save` or `sleep` has made stand still. */
    int (*go_on)(Hypervisor *hv, int id, char **why);
    /* Writes the memory of a guest that is paused to a file of this name, in Xen's format. */
    int (*dump)(Hypervisor *hv, int id, const char *path, char **why);
    /* The document of a running guest as Xen's tools know it, whoever made it. The caller's; name and UUID are set. */
    int (*describe)(Hypervisor *hv, int id, DomainConfig **config, char **why);
    /* One device of a running guest. */
    int (*attach)(Hypervisor *hv, int id, const XenDevice *device, char **why);
    int (*detach)(Hypervisor *hv, int id, const XenDevice *device, char **why);
    int (*update)(Hypervisor *hv, int id, const XenDevice *device, char **why);
    /* Who has a PCI device of the host: XenPciState; *owner: the guest's id, when one has it. -ENODEV: there is no such device.
     * NULL together with pci_release: this host gives none. */
    int (*pci_state)(Hypervisor *hv, const HostPciAddress *address, int *owner);
    /* No guest has the device any more; `driver`: the host's own driver gets it, else guests can have it still. -EBUSY: a guest
     * has it. What has been done before is no failure. */
    int (*pci_release)(Hypervisor *hv, const HostPciAddress *address, bool driver, char **why);
    /* Where a USB device of the host is, by the name that the host's kernel gives it ("1-2.4"). NULL: this host has none. */
    int (*usb_place)(Hypervisor *hv, const char *name, unsigned *bus, unsigned *device);
    /* How much the guest shall take, KiB: its balloon driver follows when it can. */
    int (*set_memory)(Hypervisor *hv, int id, uint64_t kib, char **why);
    /* How many virtual CPUs are online. */
    int (*set_vcpus)(Hypervisor *hv, int id, unsigned n, char **why);

    /* Ends the domain with all that belongs to it: devices, device model, entries in xenstore. */
    int (*destroy)(Hypervisor *hv, int id);
    /* Lets a machine with a device model go on, the model first. */
    int (*unpause_machine)(Hypervisor *hv, int id);
} HypervisorOps;

/* Implementations have one of these as their first member. */
struct Hypervisor {
    const HypervisorOps *ops;
    bool unobserved;          /* no thread looks at it by itself: a test counts what is asked */
    XenAsked asked;
};

static inline void xen_count_hypercall(Hypervisor *hv)
{
    __atomic_add_fetch(&hv->asked.hypercalls, 1, __ATOMIC_RELAXED);
}

static inline void xen_count_request(Hypervisor *hv)
{
    __atomic_add_fetch(&hv->asked.requests, 1, __ATOMIC_RELAXED);
}

static inline XenAsked xen_asked(const Hypervisor *hv)
{
    return (XenAsked){
        .hypercalls = __atomic_load_n(&hv->asked.hypercalls, __ATOMIC_RELAXED),
        .requests = __atomic_load_n(&hv->asked.requests, __ATOMIC_RELAXED),
    };
}

void xen_event_clear(XenEvent *event);
