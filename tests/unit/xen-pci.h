/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PCI devices of the double's host, as libxl and pciback have them: with the host's driver, for guests to have, or a guest's.
 * Who has one stands in the double's xenstore, where drover doesn't look, so that it outlives what the rest does. A part of
 * xen-double.c; tests use double_pci and its neighbours. */
#pragma once

#include "conf/config.h"
#include "drivers/xen/hypervisor.h"

#define XEN_PCI_DEVICES "/double/pci"

/* `who`: "host", "free", or a guest's id. */
void xen_pci_put(GTree *store, const char *address, const char *who);
const char *xen_pci_who(GTree *store, const char *address);    /* NULL: there is no such device */
char *xen_pci_name(const HostPciAddress *address);    /* "0000:00:10.0"; the caller's */
bool xen_pci_is(const Hostdev *hostdev);
/* A guest gets it, as by libxl: taken from the host's driver if the document says so. 0; or -ENODEV, -EBUSY. */
int xen_pci_give(GTree *store, int id, const Hostdev *hostdev);
/* It hasn't it any more; nobody gives it back to the host. -ENODEV: it hadn't. */
int xen_pci_take(GTree *store, int id, const Hostdev *hostdev);
