/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the real hypervisor share: the connections to Xen. Only these files know types of Xen's. */
#pragma once

#include <libxl.h>
#include <xenctrl.h>
#include <xenstore.h>
#include <xentoollog.h>

#include "base/lock.h"
#include "drivers/xen/hypervisor.h"

/* A connection to xenstored, shared by whoever is in the midst of a request on it. */
typedef struct StoreHandle {
    struct xs_handle *xs;
    int refs;                 /* atomic */
} StoreHandle;

typedef struct RealHypervisor {
    Hypervisor hv;
    /* fixed; libxenctrl serves several threads at once */
    xentoollog_logger logger;
    xc_interface *xc;
    /* under LOCK_XEN_STORE: which connections are the present ones. One that has failed is replaced, and closed by
     * its last user. Watches have a connection of their own, since they go with it. */
    Lock lock;
    StoreHandle *requests, *events;
} RealHypervisor;

static inline RealHypervisor *real_of(Hypervisor *hv)
{
    return (RealHypervisor *)hv;
}

/* --- hypervisor-store.c ---------------------------------------------------------------------- */
int xenstore_connect(RealHypervisor *real);
void xenstore_disconnect(RealHypervisor *real);
int xenstore_read(Hypervisor *hv, const char *path, char **value);
int xenstore_write(Hypervisor *hv, const char *path, const char *value);
int xenstore_directory(Hypervisor *hv, const char *path, char ***names);
int xenstore_watch(Hypervisor *hv, const char *path, const char *token);
int xenstore_unwatch(Hypervisor *hv, const char *path, const char *token);
bool xenstore_has_event(Hypervisor *hv);
int xenstore_next_event(Hypervisor *hv, XenEvent *event);
int xenstore_event_fd(Hypervisor *hv);
int xenstore_reconnect(Hypervisor *hv);

/* --- hypervisor-libxl.c ---------------------------------------------------------------------- */
/* A logger that has no state: what Xen's libraries say goes to our log. */
xentoollog_logger xen_logger(void);

/* libxl for one operation: no context serves two, so that no operation holds up another one. */
typedef struct MachineContext {
    libxl_ctx *ctx;           /* fixed */
    xentoollog_logger logger;
    Lock lock;                /* LOCK_XEN_CONTEXT: libxl may speak from several threads */
    char *why;                /* under the lock: the first error that libxl has told of */
} MachineContext;

/* 0 or -EIO; closed by the caller when 0. The struct must not move until then. */
int machine_context_open(MachineContext *context);
void machine_context_close(MachineContext *context);
/* What libxl has told as the cause of a failure. Never NULL; the caller's. */
char *machine_why(MachineContext *context);
/* libxl's error numbers are its own: 0 or -errno. */
int machine_errno(int rc);
int machine_destroy(Hypervisor *hv, int id);
int machine_unpause(Hypervisor *hv, int id);

/* --- hypervisor-tune.c ----------------------------------------------------------------------- */
int machine_set_memory(Hypervisor *hv, int id, uint64_t kib, char **why);
int machine_set_vcpus(Hypervisor *hv, int id, unsigned n, char **why);
