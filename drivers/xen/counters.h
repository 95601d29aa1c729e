/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel of the first domain counts for the disks and interfaces that it serves to guests, read from /sys: neither
 * the hypervisor nor xenstored is asked. Reading /sys never waits for a device. Any thread, no lock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/* As the guest sees it: what it has read, written, received and sent. */
typedef struct XenDiskCounters {
    char name[16];            /* "xvda"; "disk-N" for a number that has no such name */
    uint64_t reads, writes, flushes, read_bytes, written_bytes;
} XenDiskCounters;

typedef struct XenInterfaceCounters {
    char name[24];            /* "vif3.0" */
    uint64_t rx_bytes, rx_packets, rx_errors, rx_drops, tx_bytes, tx_packets, tx_errors, tx_drops;
} XenInterfaceCounters;

/* Which devices there are, of all guests, from one look at two directories; xen_devices_free. `root` is "/sys" but in
 * tests. Never NULL; without devices when the kernel has none. */
typedef struct XenDevices XenDevices;
XenDevices *xen_devices_look(const char *root);
void xen_devices_free(XenDevices *devices);
/* The numbers of a guest's disks and interfaces in ascending order, borrowed; n of them. */
const unsigned *xen_devices_disks(const XenDevices *devices, int id, unsigned *n);
const unsigned *xen_devices_interfaces(const XenDevices *devices, int id, unsigned *n);

/* The ids of all guests that have any; the caller's, n of them. */
int *xen_devices_ids(const XenDevices *devices, unsigned *n);

/* Whether it is the name of an interface, and whose, and which. */
bool xen_interface_parse(const char *name, int *id, unsigned *number);

/* False: it is not there (any more), or something else than the kernel serves it. */
bool xen_disk_counters(const char *root, int id, unsigned number, XenDiskCounters *counters);
bool xen_interface_counters(const char *root, int id, unsigned number, XenInterfaceCounters *counters);
/* The name of a disk by its number in Xen, as guests have it. */
void xen_disk_name(unsigned number, char *name, size_t size);
