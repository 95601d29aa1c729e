/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which devices a guest has, as libxl's own records in xenstore say it: disks, interfaces, and PCI and USB devices of the
 * host, each by what Xen knows it by. Guests can't write there. For devices.c. */
#pragma once

#include <glib.h>

#include "drivers/xen/xen.h"

typedef struct XenSeen {
    XenDeviceKind kind;
    unsigned number;          /* Xen's, of the disk or interface; 0 when it comes from a document */
    char *key;                /* a disk's target, an interface's MAC address, the place on the host of a PCI or USB device; owned */
    char *detail;             /* a disk's image or block device, "" for none; NULL: not known; owned */
} XenSeen;

/* Reads them: *seen is an array of XenSeen in the order of xenstore, the caller's. A request, and for a guest that has devices
 * one for each kind and one or two for each device and each port for USB. 0 or -errno; waits for xenstored. */
int xen_seen_read(XenHost *xen, int id, GPtrArray **seen);
/* Those of a document. The caller's. */
GPtrArray *xen_seen_of(const DomainConfig *config);
/* NULL: it isn't among them. */
XenSeen *xen_seen_find(const GPtrArray *seen, const XenSeen *wanted);
/* Whether both say the same of one device. */
bool xen_seen_agrees(const XenSeen *a, const XenSeen *b);
/* Whether each device of one is in the other, and agrees. */
bool xen_seen_all_agree(const GPtrArray *some, const GPtrArray *others);
/* What `device` is known by; free with xen_seen_free. NULL: Xen has no such record of it. */
XenSeen *xen_seen_device(const XenDevice *device);
void xen_seen_free(void *seen);
/* The device in a document; false: it isn't there. `at`: its place among those of its kind. */
bool xen_seen_element(const DomainConfig *config, const XenSeen *seen, XenDevice *device, unsigned *at);
/* The alias that a device has when nobody has given it another one. The caller's. */
char *xen_seen_alias(const XenSeen *seen);
/* Whether a disk is a drive with a medium: a request. */
bool xen_seen_is_drive(XenHost *xen, int id, const XenSeen *seen);

/* --- devices-document.c ---------------------------------------------------------------------- */

/* The device's alias in a document (may be NULL), or the one that it would have. The caller's. */
char *xen_devices_alias(const DomainConfig *config, const XenSeen *seen);
/* A copy of the document with the devices of `fresh`, the caller's. NULL: *r is 0 and the document has them, or -errno and
 * they can't be read now. May wait for libxl. */
DomainConfig *xen_devices_follow(XenHost *xen, const DomainConfig *config, int id, const GPtrArray *fresh, int *r);
