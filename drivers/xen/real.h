/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the real hypervisor share: the connections to Xen. Only these files know types of Xen's. */
#pragma once

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
int machine_destroy(Hypervisor *hv, int id);
int machine_unpause(Hypervisor *hv, int id);
