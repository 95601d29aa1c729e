/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What several files of rules ask: see common.h. Pure functions of a config: any thread, no lock. */
#include "conf/rules/common.h"

/* --- devices of the host ----------------------------------------------------------------------- */

static HostDevice of_interface(Interface *interface)
{
    const char *word = interface->device_model;
    int model = word ? element_value(&mdev_model_words, word) : 0;

    return (HostDevice){
        .type = interface->device.address.type, .sgio = interface->sgio, .model = (MdevModel)MAX(model, 0),
        .source = &interface->hostdev, .info = &interface->info,
    };
}

static HostDevice of_hostdev(Hostdev *hostdev)
{
    return (HostDevice){
        .type = hostdev->type, .capability = hostdev->capability, .sgio = hostdev->sgio,
        .model = hostdev->mdev_model, .source = &hostdev->source, .hostdev = hostdev, .info = &hostdev->info,
    };
}

HostDevice *host_devices(const DomainConfig *config, Arena *arena, unsigned *n)
{
    const Devices *devices = &config->devices;
    unsigned most = devices->n_hostdevs;
    HostDevice *list;

    *n = 0;
    for (unsigned i = 0; i < devices->n_interfaces; i++)
        most += devices->interfaces[i]->type == INTERFACE_TYPE_HOSTDEV;
    if (most == 0)
        return NULL;
    list = arena_array(arena, most, sizeof *list);
    for (unsigned i = 0; i < devices->n_interfaces; i++)
        if (devices->interfaces[i]->type == INTERFACE_TYPE_HOSTDEV)
            list[(*n)++] = of_interface(devices->interfaces[i]);
    for (unsigned i = 0; i < devices->n_hostdevs; i++)
        list[(*n)++] = of_hostdev(devices->hostdevs[i]);
    return list;
}

/* --- addresses and options --------------------------------------------------------------------- */

char *drive_key(const DriveAddress *drive, Arena *arena)
{
    return arena_printf(arena, "%u:%u:%u:%u", drive->controller, drive->bus, drive->target, drive->unit);
}

const char *virtio_option(const VirtioOptions *options)
{
    if (options->iommu)
        return "iommu";
    if (options->ats)
        return "ats";
    if (options->packed)
        return "packed";
    return options->page_per_vq ? "page_per_vq" : NULL;
}

/* --- labels ------------------------------------------------------------------------------------ */

GHashTable *unlabelled_models(const DomainConfig *config)
{
    GHashTable *models = NULL;

    for (unsigned i = 0; i < config->n_seclabels; i++) {
        const SecurityLabel *label = config->seclabels[i];

        if (label->relabel != TRISTATE_NO)
            continue;
        if (!models)
            models = g_hash_table_new(g_str_hash, g_str_equal);
        g_hash_table_add(models, (void *)(label->model ? label->model : ""));
    }
    return models;
}

const char *find_unlabelled(GHashTable *models, SourceLabel *const *labels, unsigned n)
{
    for (unsigned i = 0; models && i < n; i++) {
        const char *model = labels[i]->model ? labels[i]->model : "";

        if (g_hash_table_contains(models, model))
            return model;
    }
    return NULL;
}
