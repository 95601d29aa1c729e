/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that come and go while a guest runs, through libxl with a context for each operation. libxl waits for the
 * guest and for the hotplug program, so these run inside a job of the domain only. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "base/i18n.h"
#include "conf/elements.h"

/* One operation: what it is about, and what libxl is asked. */
typedef struct Attach {
    MachineContext context;
    uint32_t id;
    const XenDevice *device;
    char **why;
} Attach;

/* libxl's answer as -errno, with its words when it failed. */
static int answer(Attach *attach, int rc)
{
    if (rc == 0)
        return 0;
    if (!*attach->why)
        *attach->why = machine_why(&attach->context);
    return machine_errno(rc);
}

static int is_machine(Attach *attach)
{
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(attach->context.ctx, &info, attach->id);
    rc = rc == 0 ? info.domain_type == LIBXL_DOMAIN_TYPE_HVM : answer(attach, rc);
    libxl_dominfo_dispose(&info);
    return rc;
}

/* --- disks ----------------------------------------------------------------------------------- */

static bool has_disk(Attach *attach, const char *vdev)
{
    int n = 0;
    libxl_device_disk *disks = libxl_device_disk_list(attach->context.ctx, attach->id, &n);
    bool found = false;

    for (int i = 0; i < n && !found; i++)
        found = g_strcmp0(disks[i].vdev, vdev) == 0;
    if (disks)
        libxl_device_disk_list_free(disks, n);
    return found;
}

/* What libxl couldn't add it leaves in xenstore, where it would be in the next one's way. */
static int attach_disk(Attach *attach)
{
    libxl_device_disk disk;
    int r = device_disk(attach->device->element, &disk, attach->why);

    if (r == 0 && has_disk(attach, disk.vdev)) {
        *attach->why = g_strdup_printf(_("the guest has a disk '%s' already"), disk.vdev);
        r = -EEXIST;
    }
    if (r == 0) {
        r = answer(attach, libxl_device_disk_add(attach->context.ctx, attach->id, &disk, NULL));
        if (r < 0)
            libxl_device_disk_destroy(attach->context.ctx, attach->id, &disk, NULL);
    }
    libxl_device_disk_dispose(&disk);
    return r;
}

static int detach_disk(Attach *attach)
{
    const Disk *wanted = attach->device->element;
    libxl_device_disk disk;
    int r;

    libxl_device_disk_init(&disk);
    r = answer(attach, libxl_vdev_to_device_disk(attach->context.ctx, attach->id, wanted->target.dev, &disk));
    if (r == 0)
        r = answer(attach, libxl_device_disk_remove(attach->context.ctx, attach->id, &disk, NULL));
    libxl_device_disk_dispose(&disk);
    return r;
}

/* libxl takes the old medium out before it opens the new one. */
static int check_medium(const libxl_device_disk *disk, char **why)
{
    int errnum;

    if (!disk->pdev_path || !*disk->pdev_path || access(disk->pdev_path, R_OK) == 0)
        return 0;
    errnum = errno;
    *why = g_strdup_printf(_("cannot open the file '%s': %s"), disk->pdev_path, g_strerror(errnum));
    return -errnum;
}

/* Another medium into a drive. */
static int update_disk(Attach *attach)
{
    const Disk *wanted = attach->device->element;
    libxl_device_disk disk;
    int r;

    if (wanted->device != DISK_DEVICE_CDROM)
        return config_refuse(attach->why, _("of a running guest's disk '%s' nothing can be changed;"
                                            " only a CD-ROM drive can be given another medium"), wanted->target.dev);
    r = device_disk(wanted, &disk, attach->why);
    if (r == 0)
        r = check_medium(&disk, attach->why);
    if (r == 0)
        r = answer(attach, libxl_cdrom_insert(attach->context.ctx, attach->id, &disk, NULL));
    libxl_device_disk_dispose(&disk);
    return r;
}

/* --- interfaces ------------------------------------------------------------------------------ */

static int attach_interface(Attach *attach)
{
    int machine = is_machine(attach), r;
    libxl_device_nic nic;

    if (machine < 0)
        return machine;
    r = device_interface(attach->device->element, machine == 1, &nic, attach->why);
    /* QEMU has its cards from the start; what comes later is for drivers of Xen's. */
    if (r == 0 && nic.model)
        r = config_refuse(attach->why, _("an interface has the model '%s', a running guest can only get 'netfront'"),
                          nic.model);
    nic.nictype = LIBXL_NIC_TYPE_VIF;
    if (r == 0) {
        r = answer(attach, libxl_device_nic_add(attach->context.ctx, attach->id, &nic, NULL));
        if (r < 0 && nic.devid >= 0)    /* as above; it is numbered anew each time */
            libxl_device_nic_destroy(attach->context.ctx, attach->id, &nic, NULL);
    }
    libxl_device_nic_dispose(&nic);
    return r;
}

static int detach_interface(Attach *attach)
{
    const Interface *wanted = attach->device->element;
    const uint8_t *mac = wanted->mac.address.bytes;
    libxl_device_nic nic;
    char text[18];
    int r;

    libxl_device_nic_init(&nic);
    g_snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    r = answer(attach, libxl_mac_to_device_nic(attach->context.ctx, attach->id, text, &nic));
    if (r == 0)
        r = answer(attach, libxl_device_nic_remove(attach->context.ctx, attach->id, &nic, NULL));
    libxl_device_nic_dispose(&nic);
    return r;
}

/* --- devices of the host --------------------------------------------------------------------- */

static int change_pci(Attach *attach, bool add)
{
    libxl_device_pci pci;
    int r = device_pci(attach->device->element, &pci, attach->why);

    if (r == 0 && add)
        r = answer(attach, libxl_device_pci_add(attach->context.ctx, attach->id, &pci, NULL));
    else if (r == 0)
        r = answer(attach, libxl_device_pci_remove(attach->context.ctx, attach->id, &pci, NULL));
    libxl_device_pci_dispose(&pci);
    return r;
}

/* Finds the controller and the port that libxl has put the device on. */
static int find_usb(Attach *attach, libxl_device_usbdev *usb)
{
    int n = 0, r = -ENODEV;
    libxl_device_usbdev *list = libxl_device_usbdev_list(attach->context.ctx, attach->id, &n);

    for (int i = 0; i < n && r < 0; i++)
        if (list[i].u.hostdev.hostbus == usb->u.hostdev.hostbus
            && list[i].u.hostdev.hostaddr == usb->u.hostdev.hostaddr) {
            usb->ctrl = list[i].ctrl;
            usb->port = list[i].port;
            r = 0;
        }
    libxl_device_usbdev_list_free(list, n);
    if (r < 0)
        *attach->why = g_strdup(_("the guest has no such USB device"));
    return r;
}

static int change_usb(Attach *attach, bool add)
{
    libxl_device_usbdev usb;
    int r = device_usb(attach->device->element, &usb, attach->why);

    if (r == 0 && add)
        r = answer(attach, libxl_device_usbdev_add(attach->context.ctx, attach->id, &usb, NULL));
    else if (r == 0 && (r = find_usb(attach, &usb)) == 0)
        r = answer(attach, libxl_device_usbdev_remove(attach->context.ctx, attach->id, &usb, NULL));
    libxl_device_usbdev_dispose(&usb);
    return r;
}

static int change_hostdev(Attach *attach, bool add)
{
    const Hostdev *hostdev = attach->device->element;

    if (hostdev->mode == HOSTDEV_MODE_SUBSYSTEM && hostdev->type == HOSTDEV_TYPE_PCI)
        return change_pci(attach, add);
    if (hostdev->mode == HOSTDEV_MODE_SUBSYSTEM && hostdev->type == HOSTDEV_TYPE_USB)
        return change_usb(attach, add);
    return config_refuse(attach->why, _("a device of the host is neither of PCI nor of USB"));
}

/* --- the seam -------------------------------------------------------------------------------- */

static int attach_device(Attach *attach)
{
    switch (attach->device->kind) {
    case XEN_DEVICE_DISK:
        return attach_disk(attach);
    case XEN_DEVICE_INTERFACE:
        return attach_interface(attach);
    case XEN_DEVICE_HOSTDEV:
        return change_hostdev(attach, true);
    default:
        return config_refuse(attach->why, _("libxl can't add a channel to a running guest"));
    }
}

static int detach_device(Attach *attach)
{
    switch (attach->device->kind) {
    case XEN_DEVICE_DISK:
        return detach_disk(attach);
    case XEN_DEVICE_INTERFACE:
        return detach_interface(attach);
    case XEN_DEVICE_HOSTDEV:
        return change_hostdev(attach, false);
    default:
        return config_refuse(attach->why, _("libxl can't take a channel from a running guest"));
    }
}

static int update_device(Attach *attach)
{
    if (attach->device->kind == XEN_DEVICE_DISK)
        return update_disk(attach);
    return config_refuse(attach->why, _("of a running guest only the medium of a CD-ROM drive can be changed"));
}

static int run(int id, const XenDevice *device, char **why, int (*operation)(Attach *attach))
{
    Attach attach = { .id = (uint32_t)id, .device = device, .why = why };
    int r;

    *why = NULL;
    r = machine_context_open(&attach.context);
    if (r < 0)
        return r;
    r = operation(&attach);
    machine_context_close(&attach.context);
    return r;
}

int machine_attach(Hypervisor *hv, int id, const XenDevice *device, char **why)
{
    return run(id, device, why, attach_device);
}

int machine_detach(Hypervisor *hv, int id, const XenDevice *device, char **why)
{
    return run(id, device, why, detach_device);
}

int machine_update(Hypervisor *hv, int id, const XenDevice *device, char **why)
{
    return run(id, device, why, update_device);
}
