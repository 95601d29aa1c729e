/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See offer.h. */
#include "drivers/xen/offer.h"

#include "conf/elements.h"

/* What Xen has for all kinds of guests. */
#define EVERY_GUEST                                                                                         \
    .disk_devices = OFFER(DISK_DEVICE_DISK) | OFFER(DISK_DEVICE_CDROM),                                     \
    .disk_buses = OFFER(DISK_BUS_ABSENT) | OFFER(DISK_BUS_IDE) | OFFER(DISK_BUS_SCSI) | OFFER(DISK_BUS_XEN), \
    .channels = OFFER(CHAR_TYPE_PTY) | OFFER(CHAR_TYPE_UNIX),                                               \
    .cpu_modes = OFFER(CPU_MODE_HOST_PASSTHROUGH)

const XenOffer xen_offers[] = {
    [XEN_PV] = {
        EVERY_GUEST,
        .machine = "xenpv",
        .vcpus = 512,
        .graphics = OFFER(GRAPHICS_TYPE_VNC) | OFFER(GRAPHICS_TYPE_SDL),
        .videos = OFFER(VIDEO_TYPE_XEN),
        .hostdevs = OFFER(HOSTDEV_TYPE_PCI) | OFFER(HOSTDEV_TYPE_USB),
    },
    /* Xen gives no PCI devices to those */
    [XEN_PVH] = {
        EVERY_GUEST,
        .machine = "xenpvh",
        .vcpus = 128,
        .graphics = OFFER(GRAPHICS_TYPE_VNC) | OFFER(GRAPHICS_TYPE_SDL),
        .videos = OFFER(VIDEO_TYPE_XEN),
        .hostdevs = OFFER(HOSTDEV_TYPE_USB),
    },
    [XEN_HVM] = {
        EVERY_GUEST,
        .machine = "xenfv",
        .vcpus = 128,
        .graphics = OFFER(GRAPHICS_TYPE_VNC) | OFFER(GRAPHICS_TYPE_SDL) | OFFER(GRAPHICS_TYPE_SPICE),
        .videos = OFFER(VIDEO_TYPE_VGA) | OFFER(VIDEO_TYPE_CIRRUS) | OFFER(VIDEO_TYPE_XEN) | OFFER(VIDEO_TYPE_QXL)
            | OFFER(VIDEO_TYPE_NONE),
        .hostdevs = OFFER(HOSTDEV_TYPE_PCI) | OFFER(HOSTDEV_TYPE_USB),
        .loaders = OFFER(LOADER_TYPE_ROM) | OFFER(LOADER_TYPE_PFLASH),
        .firmwares = OFFER(FIRMWARE_TYPE_BIOS) | OFFER(FIRMWARE_TYPE_EFI),
        .genid = true,
    },
};

XenKind xen_kind_of(const DomainConfig *config)
{
    switch (config->os.type.name) {
    case OS_TYPE_NAME_HVM:
        return XEN_HVM;
    case OS_TYPE_NAME_XENPVH:
        return XEN_PVH;
    default:
        return XEN_PV;
    }
}
