/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of the double, for its own files: xen-double.c and xen-pci.c. */
#pragma once

#include "xen-double.h"

struct XenDouble {
    Hypervisor hv;
    GTree *domains;           /* id → XenInfo */
    GTree *store;             /* xen-paths.h */
    GHashTable *watches;      /* of paths */
    GQueue events;            /* of char */
    GQueue on_the_way;        /* of char: events that have been told and aren't ready */
    bool slow;                /* events are first on their way */
    bool hangs;               /* atomic: who asks for events that are on their way gets no answer meanwhile */
    unsigned hanging;         /* atomic: how many there are of those */
    const char *endless;      /* the path of an event that comes again and again; NULL: none does */
    bool endless_told;        /* in this pass */
    int endless_fd;
    int hypercalls_fail, requests_fail;
    int last_id;              /* that was given to a build */
    int builds_fail;
    bool leaves_guest;        /* a build that fails */
    bool outlives;            /* its host */
    bool lost;
    bool disconnected;        /* the connection of the watches is no good, also when xenstored is back */
    void (*then)(XenDouble *xen);
    int scheduler;            /* of the host: XenScheduler */
    int pool_scheduler;       /* of the other CPU pools */
    XenShare share;           /* of all domains */
    uint8_t pins[8];          /* of all virtual CPUs: 64 CPUs */
    XenAsked before;
    GString *devices;         /* what was asked of devices, a line each */
    int devices_fail;
    GString *releases;        /* of PCI devices, a line each */
    bool in_release;          /* atomic: nobody may ask for PCI devices meanwhile; each test has one device */
    int releases_fail;
    void (*releasing)(void *data);
    void (*building)(void *data);
    void (*reading)(void *data);
    void (*describing)(void *data);
    void *hook_data;
    int save_fails;
    int destroys_fail;
    unsigned moments_left;    /* until `copied` is called; 0: never */
    void (*copied)(void);
    void (*during)(Fixture *fixture);
    Fixture *during_fixture;
};

static inline XenDouble *of(Hypervisor *hv)
{
    return (XenDouble *)hv;
}

/* A moment of double_copy_at. */
void moment(XenDouble *xen);
/* What each request to xenstore begins with: 0, or the -errno that it is to fail with. */
int request(Hypervisor *hv);

/* --- xen-pci.c ------------------------------------------------------------------------------- */
bool double_is_pci(const Hostdev *hostdev);
/* A guest gets it, as by libxl: taken from the host's driver if the document says so. 0; or -ENODEV, -EBUSY. */
int double_pci_give(XenDouble *xen, int id, const Hostdev *hostdev);
/* It hasn't it any more; nobody gives it back to the host. -ENODEV: it hadn't. */
int double_pci_take(XenDouble *xen, int id, const Hostdev *hostdev);
/* The guest is gone, and libxl forgets which it had. */
void double_pci_free(XenDouble *xen, int id);
/* The seam's. */
int double_pci_state(Hypervisor *hv, const HostPciAddress *address, int *owner);
int double_pci_release(Hypervisor *hv, const HostPciAddress *address, bool driver, char **why);
