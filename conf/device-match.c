/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* By what a device is known: each type has one function that says whether two documents mean the same one. What
 * has none is compared as a whole, but for alias and address unless they are given.
 * Pure functions, any thread, no lock. */
#include <string.h>

#include "conf/device-private.h"
#include "conf/element-private.h"

/* --- the info of any device ------------------------------------------------------------------ */

const DeviceInfo *device_info(const ElementType *type, const void *device)
{
    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++)
        if (row->place == ROW_SPLICE && row->type == &device_info_type)
            return row_at(device, row->offset);
    return NULL;
}

static bool same_text(const char *wanted, const char *there)
{
    return g_strcmp0(wanted, there) == 0;
}

/* What isn't given matches anything. */
static bool fits_text(const char *wanted, const char *there)
{
    return !wanted || same_text(wanted, there);
}

static bool fits_address(const DeviceInfo *wanted, const DeviceInfo *there)
{
    return !wanted->address || (there->address && element_equal(&address_type, wanted->address, there->address));
}

static bool fits_info(const DeviceInfo *wanted, const DeviceInfo *there)
{
    if (wanted->alias && (!there->alias || !fits_text(wanted->alias->name, there->alias->name)))
        return false;
    return fits_address(wanted, there);
}

/* --- by type --------------------------------------------------------------------------------- */

static bool disk_matches(const void *wanted, const void *there)
{
    const Disk *a = wanted, *b = there;

    return same_text(a->target.dev, b->target.dev);
}

static bool controller_matches(const void *wanted, const void *there)
{
    const Controller *a = wanted, *b = there;

    return a->type == b->type && a->has_index && b->has_index && a->index == b->index;
}

static bool lease_matches(const void *wanted, const void *there)
{
    const Lease *a = wanted, *b = there;

    return same_text(a->key, b->key) && same_text(a->lockspace, b->lockspace);
}

static bool filesystem_matches(const void *wanted, const void *there)
{
    const Filesystem *a = wanted, *b = there;

    return same_text(a->target.dir, b->target.dir);
}

/* By MAC address, model and place, each if given. */
static bool interface_matches(const void *wanted, const void *there)
{
    const Interface *a = wanted, *b = there;

    if (a->mac.has_address && memcmp(&a->mac.address, &b->mac.address, sizeof a->mac.address) != 0)
        return false;
    if (!fits_text(a->model.type, b->model.type))
        return false;
    return fits_info(&a->info, &b->info);
}

static bool same_number(const HostdevUsbId *wanted, const HostdevUsbId *there)
{
    return !wanted || (there && wanted->id == there->id);
}

/* A USB device is given by its numbers, its place or both. */
static bool usb_matches(const HostdevSource *a, const HostdevSource *b)
{
    bool placed = a->has_address && (a->address.bus || a->address.device);

    if (placed && (a->address.bus != b->address.bus || a->address.device != b->address.device))
        return false;
    return same_number(a->vendor, b->vendor) && same_number(a->product, b->product);
}

static bool hostdev_matches(const void *wanted, const void *there)
{
    const Hostdev *a = wanted, *b = there;

    if (a->mode != b->mode || a->type != b->type || a->capability != b->capability)
        return false;
    if (a->mode == HOSTDEV_MODE_CAPABILITIES)
        return element_equal(&hostdev_capability_source_type, &a->capability_source, &b->capability_source);
    if (a->type == HOSTDEV_TYPE_USB)
        return usb_matches(&a->source, &b->source);
    if (a->type == HOSTDEV_TYPE_PCI)
        return element_equal(&host_pci_address_type, &a->source.address.pci, &b->source.address.pci);
    return element_equal(&hostdev_source_type, &a->source, &b->source);
}

/* Of a module everything that is given, and the guest's view of it. */
static bool memory_matches(const void *wanted, const void *there)
{
    const MemoryDevice *a = wanted, *b = there;

    if (a->model != b->model || a->target.size != b->target.size)
        return false;
    if (a->target.has_node && a->target.node != b->target.node)
        return false;
    if (a->source && (!b->source || !element_equal(&module_source_type, a->source, b->source)))
        return false;
    return fits_info(&a->info, &b->info);
}

static bool shmem_matches(const void *wanted, const void *there)
{
    const Shmem *a = wanted, *b = there;

    return same_text(a->name, b->name) && a->model.type == b->model.type && fits_info(&a->info, &b->info);
}

static bool input_matches(const void *wanted, const void *there)
{
    const Input *a = wanted, *b = there;

    return a->type == b->type && (!a->bus || a->bus == b->bus) && fits_info(&a->info, &b->info);
}

static bool watchdog_matches(const void *wanted, const void *there)
{
    const Watchdog *a = wanted, *b = there;

    return a->model == b->model && fits_info(&a->info, &b->info);
}

static bool graphics_matches(const void *wanted, const void *there)
{
    const Graphics *a = wanted, *b = there;

    return a->type == b->type;
}

/* The rest is filled in for a whole document. */
static bool video_matches(const void *wanted, const void *there)
{
    const Video *a = wanted, *b = there;

    return (!a->model.type || a->model.type == b->model.type) && fits_info(&a->info, &b->info);
}

static const struct {
    const ElementType *type;
    bool (*matches)(const void *wanted, const void *there);
    bool alone;    /* two that match can't both be there */
} matchers[] = {
    { &disk_type, disk_matches, true },
    { &controller_type, controller_matches, true },
    { &lease_type, lease_matches, true },
    { &filesystem_type, filesystem_matches, true },
    { &interface_type, interface_matches, false },
    { &hostdev_type, hostdev_matches, true },
    { &memory_device_type, memory_matches, false },
    { &shmem_type, shmem_matches, false },
    { &input_type, input_matches, false },
    { &watchdog_type, watchdog_matches, false },
    { &graphics_type, graphics_matches, false },
    { &video_type, video_matches, false },
};

/* --- any ------------------------------------------------------------------------------------- */

static bool rows_match(const ElementType *type, const void *wanted, const void *there, bool only_given);

/* Of a character device the guest's side is numbered by its place, so that need not be said. */
static bool is_numbered(const ElementRow *row)
{
    return row->type == &serial_target_type || row->type == &parallel_target_type || row->type == &console_target_type
           || row->type == &channel_target_type;
}

static bool row_matches(const ElementRow *row, const void *wanted, const void *there)
{
    const ElementRow *one = row;
    const ElementType single = { .name = "", .rows = one, .n_rows = 1, .size = 0 };

    if (row->place == ROW_SPLICE && row->type == &device_info_type)
        return fits_info(row_at(wanted, row->offset), row_at(there, row->offset));
    if (row->place == ROW_SPLICE || (row->place == ROW_PART && is_numbered(row)))
        return rows_match(row->type, row_at(wanted, row->offset), row_at(there, row->offset),
                          row->place == ROW_PART);
    return element_equal(&single, wanted, there);
}

/* What only a running guest has may always be missing. */
static bool rows_match(const ElementType *type, const void *wanted, const void *there, bool only_given)
{
    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++) {
        bool optional = only_given || row->flags & ROW_IS_LIVE;

        if (!(optional && !element_row_is_set(row, wanted)) && !row_matches(row, wanted, there))
            return false;
    }
    return true;
}

bool device_matches(const ElementType *type, const void *wanted, const void *there)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(matchers); i++)
        if (matchers[i].type == type)
            return matchers[i].matches(wanted, there);
    return rows_match(type, wanted, there, false);
}

bool device_conflicts(const ElementType *type, const void *fresh, const void *there)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(matchers); i++)
        if (matchers[i].type == type && matchers[i].alone)
            return matchers[i].matches(fresh, there);
    return false;
}
