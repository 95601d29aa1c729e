/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What several files of rules ask: see common.h. The walk goes by the table of devices, so that a new kind of device
 * needs no line here. Pure functions of a config: any thread, no lock. */
#include "conf/rules/common.h"

#include "conf/device-private.h"
#include "conf/element-private.h"

/* --- devices ----------------------------------------------------------------------------------- */

/* The i-th device of a row; NULL behind the last one. */
static void *device_at(const ElementRow *row, const Devices *devices, unsigned i)
{
    if (row->place == ROW_LIST)
        return i < ROW_AT(devices, row->more, const unsigned) ? ROW_AT(devices, row->offset, void **const)[i] : NULL;
    return row->place == ROW_CHILD && i == 0 ? ROW_AT(devices, row->offset, void *const) : NULL;
}

bool device_walk_next(DeviceWalk *walk)
{
    for (; walk->row < devices_type.n_rows; walk->row++, walk->next = 0) {
        const ElementRow *row = &devices_type.rows[walk->row];
        void *device = device_at(row, walk->devices, walk->next);

        walk->info = device ? (DeviceInfo *)device_info(row->type, device) : NULL;
        if (walk->info) {
            walk->element = row->name;
            walk->next++;
            return true;
        }
    }
    return false;
}

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
