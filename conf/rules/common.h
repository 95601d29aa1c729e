/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What several files of rules ask: the devices of the host, and small questions about what devices carry.
 * Pure functions of a config: any thread, no lock. */
#pragma once

#include <glib.h>

#include "conf/rules/rules.h"

/* A device of the host, wherever it stands. */
typedef struct HostDevice {
    HostdevType type;    /* absent: `capability` says what it is */
    HostdevCapability capability;
    HostdevSgio sgio;
    MdevModel model;
    const HostdevSource *source;
    const Hostdev *hostdev;    /* NULL: an interface that is one */
    DeviceInfo *info;
} HostDevice;
/* All of them, interfaces first as libvirt counts them; NULL when there is none. */
HostDevice *host_devices(const DomainConfig *config, Arena *arena, unsigned *n);
static inline bool host_device_is_scsi(const HostDevice *device)
{
    return device->type == HOSTDEV_TYPE_SCSI;
}

/* -1, 0 or 1, for functions that compare items for qsort. */
static inline int number_order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* The number of the guest's NUMA cells; 0: none are defined. */
static inline unsigned domain_cell_count(const DomainConfig *config)
{
    return config->cpu && config->cpu->numa ? config->cpu->numa->n_cells : 0;
}

static inline bool address_is_drive(const Address *address)    /* may be NULL */
{
    return address && address->type == ADDRESS_TYPE_DRIVE;
}
/* "controller:bus:target:unit", for sets of such addresses. */
char *drive_key(const DriveAddress *drive, Arena *arena);

/* The name of the first option that is given; NULL: none is. */
const char *virtio_option(const VirtioOptions *options);

/* The models of the guest's labels with relabel='no': nothing that it uses may have a label of its own of these.
 * A set of texts, "" being a label without a model; NULL when there is none. Owned by the caller. */
GHashTable *unlabelled_models(const DomainConfig *config);
/* The model of the first label that may not be, NULL when all may; `models` may be NULL. */
const char *find_unlabelled(GHashTable *models, SourceLabel *const *labels, unsigned n);
