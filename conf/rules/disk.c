/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a document leaves open about disks: their order, the bus that follows from the name, the address that follows
 * from both, and limits that are shared in a group. disk-check.c has what is refused.
 * Pure functions of the config: any thread, no lock. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/rules/common.h"
#include "conf/rules/disk.h"

/* --- names ------------------------------------------------------------------------------------- */

/* The place that a name stands for: vda is 0, vdz 25, vdaa 26; digits behind it (a partition) don't count. -1 when it
 * is no such name. */
static int target_place(const char *name)
{
    static const char *const prefixes[] = { "fd", "hd", "vd", "sd", "xvd", "ubd" };
    int64_t place = -1;

    for (unsigned i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (!g_str_has_prefix(name, prefixes[i]))
            continue;
        name += strlen(prefixes[i]);
        while (g_ascii_islower(*name) && place <= INT_MAX)
            place = (place + 1) * 26 + (*name++ - 'a');
        return name[strspn(name, G_CSET_DIGITS)] == '\0' && place <= INT_MAX ? (int)place : -1;
    }
    return -1;
}

/* --- order ------------------------------------------------------------------------------------- */

typedef struct DiskPlace {
    Disk *disk;
    unsigned group;    /* when its bus was first seen */
    int place;         /* on the bus; -1: not known from its name */
    unsigned line;     /* in the document */
} DiskPlace;

static int compare_places(const void *a, const void *b)
{
    const DiskPlace *x = a, *y = b;

    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* Disks of one bus stand together, where the first of them stood, by their names. A bus that the document doesn't tell
 * is one of its own here, though each disk gets its bus later. What we stored has its order. */
int rule_disk_order(DomainConfig *config, DomainCheck *check)
{
    Devices *devices = &config->devices;
    unsigned groups[DISK_BUS_SD + 1] = { 0 }, n_groups = 0;
    g_autofree DiskPlace *places = NULL;

    if (devices->n_disks < 2 || check->flags & ELEMENT_STORED)
        return 0;
    places = g_new(DiskPlace, devices->n_disks);
    for (unsigned i = 0; i < devices->n_disks; i++) {
        const DiskTarget *target = &devices->disks[i]->target;

        if (!groups[target->bus])
            groups[target->bus] = ++n_groups;
        places[i] = (DiskPlace){ .disk = devices->disks[i], .group = groups[target->bus], .line = i,
                                 .place = target->dev ? target_place(target->dev) : -1 };
    }
    qsort(places, devices->n_disks, sizeof *places, compare_places);
    for (unsigned i = 0; i < devices->n_disks; i++)
        devices->disks[i] = places[i].disk;
    return 0;
}

/* --- what follows from the rest ---------------------------------------------------------------- */

static DiskBus guess_bus(const Disk *disk)
{
    static const struct {
        const char *prefix;
        DiskBus bus;
    } buses[] = {
        { "hd", DISK_BUS_IDE }, { "sd", DISK_BUS_SCSI }, { "vd", DISK_BUS_VIRTIO }, { "xvd", DISK_BUS_XEN },
        { "ubd", DISK_BUS_UML },
    };

    if (disk->device == DISK_DEVICE_FLOPPY)
        return DISK_BUS_FDC;
    for (unsigned i = 0; i < G_N_ELEMENTS(buses) && disk->target.dev; i++)
        if (g_str_has_prefix(disk->target.dev, buses[i].prefix))
            return buses[i].bus;
    return DISK_BUS_IDE;
}

static void fill_target(Disk *disk)
{
    static const char old_xen[] = "ioemu:";

    disk->has_target = true;
    if (disk->target.dev && g_str_has_prefix(disk->target.dev, old_xen))
        disk->target.dev += strlen(old_xen);
    if (!disk->target.bus)
        disk->target.bus = guess_bus(disk);
}

static void fill_source(Disk *disk, DomainCheck *check)
{
    StorageSource *source = disk->source ? &disk->source->storage : NULL;

    if (source && source->protocol == STORAGE_PROTOCOL_ISCSI && source->name && !strchr(source->name, '/'))
        source->name = arena_printf(check->arena, "%s/0", source->name);    /* the target's first unit */
    if (source && disk->type == STORAGE_TYPE_NVME && !source->managed)
        source->managed = TRISTATE_YES;
}

/* A disk that can't be written is left out of snapshots without a word about it; one that another process has can't
 * be in one. */
static void fill_snapshot(Disk *disk)
{
    if (disk->device == DISK_DEVICE_CDROM)
        disk->readonly = true;
    if (disk->readonly && disk->snapshot == DISK_SNAPSHOT_NO)
        disk->snapshot = DISK_SNAPSHOT_ABSENT;
    if (!disk->readonly && !disk->snapshot && disk->type == STORAGE_TYPE_VHOSTUSER)
        disk->snapshot = DISK_SNAPSHOT_NO;
}

/* --- addresses --------------------------------------------------------------------------------- */

/* How many units and buses a controller has. Zero units: disks of that bus aren't attached to a controller. */
static unsigned controller_units(DiskBus bus, const DomainCheck *check, unsigned *buses)
{
    *buses = bus == DISK_BUS_IDE ? 2 : 1;
    switch (bus) {
    case DISK_BUS_SCSI:
        return check->rules->takes & DOMAIN_TAKES_WIDE_SCSI ? 15 : 7;
    case DISK_BUS_IDE:
    case DISK_BUS_FDC:
        return 2;
    case DISK_BUS_SATA:
        return 6;
    default:
        return 0;
    }
}

/* The addresses that SCSI devices of the host were given, as a set of drive_key; NULL: none has one. */
static GHashTable *drives_of_hostdevs(const DomainConfig *config, Arena *arena)
{
    unsigned n;
    const HostDevice *list = host_devices(config, arena, &n);
    GHashTable *drives = NULL;

    for (unsigned i = 0; i < n; i++) {
        if (!host_device_is_scsi(&list[i]) || !address_is_drive(list[i].info->address))
            continue;
        if (!drives)
            drives = g_hash_table_new(g_str_hash, g_str_equal);
        g_hash_table_add(drives, drive_key(&list[i].info->address->drive, arena));
    }
    return drives;
}

/* `taken`: see drives_of_hostdevs. */
static int fill_address(Disk *disk, GHashTable *taken, DomainCheck *check)
{
    unsigned buses, units = controller_units(disk->target.bus, check, &buses);
    int place = target_place(disk->target.dev);
    DriveAddress drive = { .has_controller = true, .has_bus = true, .has_target = true, .has_unit = true };

    if (place < 0)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The attribute dev='%s' of a disk's <target> is no disk's name, so the disk needs an "
                             "<address>"),
                           disk->target.dev);
    if (units == 0)
        return 0;
    drive.controller = (unsigned)place / (units * buses);
    drive.bus = (unsigned)place / units % buses;
    drive.unit = (unsigned)place % units;
    if (units == 15 && drive.unit >= 7)
        drive.unit++;    /* 7 is the controller itself */
    if (disk->target.bus == DISK_BUS_SCSI && taken && g_hash_table_contains(taken, drive_key(&drive, check->arena)))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' would have the address of a SCSI device of the host: controller='%u' "
                             "bus='%u' target='%u' unit='%u'"),
                           disk->target.dev, drive.controller, drive.bus, drive.target, drive.unit);
    disk->info.address = ELEMENT_NEW(check->arena, Address);
    disk->info.address->type = ADDRESS_TYPE_DRIVE;
    disk->info.address->drive = drive;
    return 0;
}

/* --- shared limits ----------------------------------------------------------------------------- */

/* A disk that names a group and no limits has those of the group's first disk with limits. */
static void fill_groups(Devices *devices)
{
    g_autoptr(GHashTable) limits = NULL;    /* group name → DiskIoTune of its first disk with limits */

    for (unsigned i = 0; i < devices->n_disks; i++) {
        DiskIoTune *tune = devices->disks[i]->iotune;

        if (!tune || !tune->group_name || !disk_has_limits(tune))
            continue;
        if (!limits)
            limits = g_hash_table_new(g_str_hash, g_str_equal);
        if (!g_hash_table_contains(limits, tune->group_name))
            g_hash_table_insert(limits, (void *)tune->group_name, tune);
    }
    for (unsigned i = 0; limits && i < devices->n_disks; i++) {
        DiskIoTune *tune = devices->disks[i]->iotune;
        const DiskIoTune *first;

        if (!tune || !tune->group_name || disk_has_limits(tune))
            continue;
        first = g_hash_table_lookup(limits, tune->group_name);
        if (first)
            *tune = *first;
    }
}

bool disk_has_limits(const DiskIoTune *tune)
{
    return tune->total_bytes_sec || tune->read_bytes_sec || tune->write_bytes_sec
           || tune->total_iops_sec || tune->read_iops_sec || tune->write_iops_sec
           || tune->total_bytes_sec_max || tune->read_bytes_sec_max || tune->write_bytes_sec_max
           || tune->total_iops_sec_max || tune->read_iops_sec_max || tune->write_iops_sec_max || tune->size_iops_sec
           || tune->total_bytes_sec_max_length || tune->read_bytes_sec_max_length || tune->write_bytes_sec_max_length
           || tune->total_iops_sec_max_length || tune->read_iops_sec_max_length || tune->write_iops_sec_max_length;
}

int rule_disk_fill(DomainConfig *config, DomainCheck *check)
{
    Devices *devices = &config->devices;
    g_autoptr(GHashTable) taken = drives_of_hostdevs(config, check->arena);

    for (unsigned i = 0; i < devices->n_disks; i++) {
        Disk *disk = devices->disks[i];

        fill_target(disk);
        fill_source(disk, check);
        fill_snapshot(disk);
        if (!disk->info.address && disk->target.dev && fill_address(disk, taken, check) < 0)
            return -1;
    }
    fill_groups(devices);
    return 0;
}
