/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What several files of rules ask: all devices one after another, and small questions about what they carry.
 * Pure functions of a config: any thread, no lock. */
#pragma once

#include <glib.h>

#include "conf/rules/rules.h"

/* A walk over everything in <devices> that has a DeviceInfo, in the order of the table:
 *   DeviceWalk walk = { .devices = &config->devices };
 *   while (device_walk_next(&walk)) … walk.element, walk.info …
 * A device that is taken out or put in meanwhile makes the walk's state useless. */
typedef struct DeviceWalk {
    const Devices *devices;
    /* what the last step found */
    const char *element;    /* the name of its element */
    DeviceInfo *info;
    /* the walk's own */
    unsigned row, next;
} DeviceWalk;
bool device_walk_next(DeviceWalk *walk);    /* false: that was the last one */

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
