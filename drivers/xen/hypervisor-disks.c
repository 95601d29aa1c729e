/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a document's disks to libxl's; hypervisor-devices.c has the rules of all such files. Pure functions of their arguments
 * but for the question whether our hotplug program is there: any thread, no lock. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/elements.h"
#include "drivers/xen/offer.h"
#include "drivers/xen/settings.h"

static const char *disk_path(const Disk *disk)
{
    if (!disk->source)
        return NULL;
    return disk->type == STORAGE_TYPE_BLOCK ? disk->source->storage.dev : disk->source->storage.file;
}

/* What libxl has no word for. */
static int check_disk(const Disk *disk, char **why)
{
    const XenOffer *every = &xen_offers[XEN_PV];    /* all kinds of guests have the same disks */
    const char *refused = setting_refused_disk(disk);
    const char *name = disk->target.dev;

    if (disk->type != STORAGE_TYPE_FILE && disk->type != STORAGE_TYPE_BLOCK)
        return config_refuse(why, _("the disk '%s' is of type='%s', Xen has only files and block devices"), name,
                             element_word(&storage_type_words, disk->type));
    if (!offer_has(every->disk_devices, disk->device))
        return config_refuse(why, _("the disk '%s' has device='%s', Xen has only disks and CD-ROMs"), name,
                             element_word(&disk_device_words, disk->device));
    if (!offer_has(every->disk_buses, disk->target.bus))
        return config_refuse(why, _("the disk '%s' is on bus='%s', Xen has only ide, scsi and xen"), name,
                             element_word(&disk_bus_words, disk->target.bus));
    if (refused)
        return config_refuse(why, _("the disk '%s' has %s, which Xen can't do"), name, refused);
    if (disk->transient)
        return config_refuse(why, _("the disk '%s' is transient, which Xen can't do"), name);
    if (disk->encryption || (disk->source && disk->source->storage.encryption))
        return config_refuse(why, _("the disk '%s' is encrypted, which Xen can't do"), name);
    if (disk->iotune)
        return config_refuse(why, _("the disk '%s' has %s, which Xen can't do"), name, "<iotune>");
    if (disk->source && disk->source->storage.slices)
        return config_refuse(why, _("the disk '%s' has %s, which Xen can't do"), name, "<slices>");
    return 0;
}

static int disk_format(const Disk *disk, libxl_disk_format *format, char **why)
{
    switch (disk->driver ? disk->driver->type : DISK_FORMAT_ABSENT) {
    case DISK_FORMAT_ABSENT:
    case DISK_FORMAT_RAW:
    case DISK_FORMAT_AIO:
        *format = LIBXL_DISK_FORMAT_RAW;
        return 0;
    case DISK_FORMAT_QCOW:
        *format = LIBXL_DISK_FORMAT_QCOW;
        return 0;
    case DISK_FORMAT_QCOW2:
        *format = LIBXL_DISK_FORMAT_QCOW2;
        return 0;
    case DISK_FORMAT_QED:
        *format = LIBXL_DISK_FORMAT_QED;
        return 0;
    case DISK_FORMAT_VHD:
    case DISK_FORMAT_VPC:
        *format = LIBXL_DISK_FORMAT_VHD;
        return 0;
    default:
        return config_refuse(why, _("the disk '%s' has the format '%s', which Xen can't read"), disk->target.dev,
                             element_word(&disk_format_words, disk->driver->type));
    }
}

/* Who drives it, by the name that the document gives; libxl chooses when it gives none. */
static int disk_backend(const Disk *disk, libxl_device_disk *out, char **why)
{
    const char *name = disk->driver ? disk->driver->name : NULL;

    if (out->is_cdrom || (name && (strcmp(name, "qemu") == 0 || strcmp(name, "file") == 0))) {
        out->backend = LIBXL_DISK_BACKEND_QDISK;
    } else if (name && strcmp(name, "phy") == 0) {
        out->backend = LIBXL_DISK_BACKEND_PHY;
        if (out->format != LIBXL_DISK_FORMAT_RAW)
            return config_refuse(why, _("the disk '%s' isn't raw, which the driver 'phy' needs"), disk->target.dev);
    } else if (name && (strcmp(name, "tap") == 0 || strcmp(name, "tap2") == 0)) {
        /* blktap is gone from Xen; QEMU reads all of its formats */
        out->backend = LIBXL_DISK_BACKEND_QDISK;
    } else if (name) {
        return config_refuse(why, _("the disk '%s' has the driver '%s', Xen has 'phy', 'qemu', 'file' and 'tap'"),
                             disk->target.dev, name);
    } else {
        /* The kernel serves what is raw, without a process for each guest. */
        out->backend = out->format == LIBXL_DISK_FORMAT_RAW ? LIBXL_DISK_BACKEND_PHY : LIBXL_DISK_BACKEND_QDISK;
    }
    return 0;
}

int device_disk(const Disk *disk, libxl_device_disk *out, char **why)
{
    libxl_device_disk_init(out);
    if (check_disk(disk, why) < 0 || disk_format(disk, &out->format, why) < 0)
        return -ENOTSUP;
    out->vdev = g_strdup(disk->target.dev);
    out->pdev_path = g_strdup(disk_path(disk));
    out->is_cdrom = disk->device == DISK_DEVICE_CDROM;
    out->removable = out->is_cdrom;
    out->readwrite = !disk->readonly && !out->is_cdrom;
    if (!out->pdev_path && !out->is_cdrom)
        return config_refuse(why, _("the disk '%s' has no source"), disk->target.dev);
    if (!out->pdev_path)
        out->format = LIBXL_DISK_FORMAT_EMPTY;
    if (disk_backend(disk, out, why) < 0)
        return -ENOTSUP;
    if (disk->backenddomain)
        out->backend_domname = g_strdup(disk->backenddomain->name);
    else if (out->backend == LIBXL_DISK_BACKEND_PHY)
        out->script = hotplug_program();
    if (disk->driver && disk->driver->discard)
        libxl_defbool_set(&out->discard_enable, disk->driver->discard == DISK_DISCARD_UNMAP);
    return 0;
}

int config_disks(const DomainConfig *config, libxl_domain_config *out, char **why)
{
    const Devices *devices = &config->devices;

    out->disks = g_new0(libxl_device_disk, devices->n_disks);
    for (unsigned i = 0; i < devices->n_disks; i++)
        if (device_disk(devices->disks[i], &out->disks[out->num_disks++], why) < 0)
            return -ENOTSUP;
    return 0;
}
