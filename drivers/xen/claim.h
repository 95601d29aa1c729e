/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which guest each PCI device of the host is claimed for, in memory, so that two that want the same one are kept apart, and
 * giving back and taking too. For hostdev.c alone, whose marks in xenstore outlast droverd. Any thread; all of it takes
 * LOCK_XEN_HOST for a moment, and only xen_claim waits.
 *
 *   free ──xen_claim──▶ held ──xen_claims_leave──▶ leaving ──xen_claims_next──▶ going ──xen_claim_end──▶ free
 *                         ├──────────────────xen_claim_go──────────────────────▶  └────xen_claim_keep──▶ held
 *                         └◀──xen_claim by the same guest──┘                          (the guest has it still)
 *
 * Who has made a claim "going" is the only one who may do anything with the device, until he ends or keeps it. */
#pragma once

#include "drivers/xen/xen.h"

typedef enum XenClaimed {
    XEN_CLAIM_FRESH,          /* it is the guest's now */
    XEN_CLAIM_OWN,            /* it was before */
    XEN_CLAIM_OTHER,          /* it is another guest's */
    XEN_CLAIM_LEAVING,        /* the other guest is gone, and the device "going": the caller gives it back, and claims again */
    XEN_CLAIM_LATE,           /* for a minute somebody has been giving it back */
} XenClaimed;

GHashTable *xen_claims_new(void);
/* For the guest `uuid`; while somebody gives the device back this waits. *other: whose it is, when it isn't this guest's. */
XenClaimed xen_claim(XenHost *xen, const HostPciAddress *address, const Uuid *uuid, Uuid *other);
/* If it is held for this guest, or leaving: true, and it is going. */
bool xen_claim_go(XenHost *xen, const HostPciAddress *address, const Uuid *uuid);
void xen_claim_end(XenHost *xen, const HostPciAddress *address);
void xen_claim_keep(XenHost *xen, const HostPciAddress *address);
/* What is held for the guest leaves. True: something does. */
bool xen_claims_leave(XenHost *xen, const Uuid *uuid);
/* One that was leaving is going; false: there is none. */
bool xen_claims_next(XenHost *xen, HostPciAddress *address, Uuid *uuid);
/* Of HostPciAddress: what is held for the guest, or leaving. The caller's; NULL: nothing. */
GArray *xen_claims_of(XenHost *xen, const Uuid *uuid);
/* A set of devices. */
GHashTable *xen_addresses_new(void);
bool xen_addresses_add(GHashTable *addresses, const HostPciAddress *address);    /* false: it is there already */
bool xen_addresses_has(GHashTable *addresses, const HostPciAddress *address);
