/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One function for each of the quirks: documents of this kind were tried with libvirt 9.0.0, which changes or refuses
 * what it has printed itself. Pure functions, one thread. */
#include "tests/fuzz/quirks.h"

/* A console in front of the others that a serial port brings along moves their numbers. */
static bool consoles_are_moved(const Devices *devices)
{
    for (unsigned i = 0; i < devices->n_consoles; i++)
        if (devices->consoles[i]->target.port != (int)i)
            return true;
    return false;
}

static bool alias_is_empty(const DeviceInfo *info)
{
    return info->alias && !info->alias->name;
}

/* No heads, no bus, no size and no name aren't written, and then mean the usual ones or nothing at all; the port -1 of
 * RDP is written, and then means 0. */
static bool says_none(const Devices *devices)
{
    for (unsigned i = 0; i < devices->n_videos; i++)
        if (devices->videos[i]->model.heads == 0 && devices->videos[i]->model.type != VIDEO_TYPE_NONE)
            return true;
    for (unsigned i = 0; i < devices->n_inputs; i++)
        if (devices->inputs[i]->bus == INPUT_BUS_NONE)
            return true;
    for (unsigned i = 0; i < devices->n_panics; i++)
        if (alias_is_empty(&devices->panics[i]->info))
            return true;
    for (unsigned i = 0; i < devices->n_shmems; i++)
        if (devices->shmems[i]->size && devices->shmems[i]->size->value == 0)
            return true;
    for (unsigned i = 0; i < devices->n_filesystems; i++)
        if (!devices->filesystems[i]->accessmode)
            return true;
    for (unsigned i = 0; i < devices->n_graphics; i++)
        if (devices->graphics[i]->type == GRAPHICS_TYPE_RDP && devices->graphics[i]->rdp.port <= 0)
            return true;
    return false;
}

/* What is "none" isn't written, and required. */
static bool caches_say_none(const DomainConfig *config)
{
    const Numa *numa = config->cpu ? config->cpu->numa : NULL;

    for (unsigned i = 0; numa && i < numa->n_cells; i++)
        for (unsigned j = 0; j < numa->cells[i]->n_caches; j++) {
            const NumaCache *cache = numa->cells[i]->caches[j];

            if (!cache->associativity || !cache->policy || !cache->line)
                return true;
        }
    return false;
}

/* The native VLAN is marked wherever it stands. */
static bool vlan_is_marked_twice(const Devices *devices)
{
    for (unsigned i = 0; i < devices->n_interfaces; i++) {
        const Vlan *vlan = devices->interfaces[i]->vlan;
        unsigned marked = 0;

        for (unsigned j = 0; vlan && j < vlan->n_tags; j++)
            marked += vlan->tags[j]->native_mode != VLAN_NATIVE_MODE_ABSENT;
        if (marked > 1)
            return true;
    }
    return false;
}

/* A source that says nothing isn't written, and required. */
static bool layer_is_empty(const BackingStore *layer)
{
    static const StorageSource nothing;

    for (; layer; layer = layer->backing_store)
        if (layer->type && (!layer->source || element_equal(&storage_source_type, layer->source, &nothing)))
            return true;
    return false;
}

/* The path of a socket doesn't count where it isn't shown. */
static bool filesystem_is_empty(const Filesystem *filesystem)
{
    const FilesystemSource *source = &filesystem->source;

    return filesystem->type != FILESYSTEM_TYPE_RAM && !source->dir && !source->file && !source->dev && !source->name
           && !source->volume;
}

static bool sources_are_empty(const DomainConfig *config)
{
    static const HostdevSource no_device;
    static const StorageSource no_file;
    const Devices *devices = &config->devices;
    static const DiskSource no_disk;

    if (config->os.nvram.type && element_equal(&storage_source_type, &config->os.nvram.source, &no_file))
        return true;
    for (unsigned i = 0; i < devices->n_hostdevs; i++)
        if (element_equal(&hostdev_source_type, &devices->hostdevs[i]->source, &no_device))
            return true;
    for (unsigned i = 0; i < devices->n_filesystems; i++)
        if (filesystem_is_empty(devices->filesystems[i]))
            return true;
    for (unsigned i = 0; i < devices->n_disks; i++) {
        const Disk *disk = devices->disks[i];

        if ((disk->type == STORAGE_TYPE_VOLUME || disk->device == DISK_DEVICE_LUN)
            && (!disk->source || element_equal(&disk_source_type, disk->source, &no_disk)))
            return true;
        if (layer_is_empty(disk->backing_store) || (disk->mirror && layer_is_empty(disk->mirror->backing_store)))
            return true;
    }
    return false;
}

unsigned known_quirks(const DomainConfig *config)
{
    const Devices *devices = &config->devices;
    unsigned quirks = 0;

    if (consoles_are_moved(devices))
        quirks |= QUIRK_CHANGED;
    if (says_none(devices))
        quirks |= QUIRK_CHANGED | QUIRK_STORED;
    if (caches_say_none(config) || vlan_is_marked_twice(devices) || sources_are_empty(config))
        quirks |= QUIRK_REFUSED;
    return quirks;
}
