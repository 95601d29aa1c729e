/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of snapshots (snapshot.def) can't say: which images there can be, and what follows from one.
 * Pure functions of the element: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/moment.h"

const char *storage_path(StorageType type, const StorageSource *source)
{
    if (!source)
        return NULL;
    switch (type) {
    case STORAGE_TYPE_FILE:
        return source->file;
    case STORAGE_TYPE_BLOCK:
        return source->dev;
    case STORAGE_TYPE_DIR:
        return source->dir;
    case STORAGE_TYPE_NETWORK:
        return source->name;
    case STORAGE_TYPE_ABSENT:
    case STORAGE_TYPE_VOLUME:
    case STORAGE_TYPE_NVME:
    case STORAGE_TYPE_VHOSTUSER:
        break;
    }
    return NULL;
}

/* A disk of which neither a format nor a place is known has no new image. */
bool snapshot_disk_has_image(const void *self, const ElementFormat *format)
{
    const SnapshotDisk *disk = self;

    (void)format;
    return (disk->driver && disk->driver->type) || storage_path(disk->type, disk->source);
}

static int check_image(const SnapshotDisk *disk, ElementParse *parse)
{
    const char *path = storage_path(disk->type, disk->source);

    if (disk->type == STORAGE_TYPE_VOLUME || disk->type == STORAGE_TYPE_DIR)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'type' of <disk> is '%s', but a snapshot can't be in such a place"),
                            element_word(&storage_type_words, disk->type));
    if (path && disk->type != STORAGE_TYPE_NETWORK && path[0] != '/')
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The image '%s' of a disk's snapshot must have an absolute path"), path);
    return 0;
}

int snapshot_disk_parsed(void *self, ElementParse *parse)
{
    SnapshotDisk *disk = self;

    if (check_image(disk, parse) < 0)
        return -1;
    if (!snapshot_disk_has_image(disk, NULL)) {
        disk->driver = NULL;
        disk->source = NULL;
    } else if (!disk->snapshot) {
        disk->snapshot = DISK_SNAPSHOT_EXTERNAL;
    }
    return 0;
}
