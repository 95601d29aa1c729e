/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam's questions about devices of this host. PCI: who has one, and how it comes back when its guest is gone. Whether a
 * device can be given to guests, is a link of the kernel's; which guest has it, libxl notes in xenstore before it gives it.
 * USB: where one is that the kernel has a name for. For threads that may wait; takes no lock. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define USB_DEVICES "/sys/bus/usb/devices"
#define PCI_DEVICES "/sys/bus/pci/devices"
#define DRIVER "/sys/bus/pci/drivers/pciback"    /* a device that it has can be given to guests */

static bool is_below(const char *folder, const HostPciAddress *address)
{
    g_autofree char *path = g_strdup_printf("%s/%04x:%02x:%02x.%x", folder, address->domain, address->bus, address->slot,
                                            address->function);
    struct stat st;

    return lstat(path, &st) == 0;
}

/* Where libxl notes the domain that has the device. The caller's. */
static char *owner_path(const HostPciAddress *address)
{
    return g_strdup_printf("/libxl/pci/%04x-%02x-%02x-%x/domid", address->domain, address->bus, address->slot,
                           address->function);
}

/* 1: the note is of a domain that is there; 0: there is none, or its domain is gone; -errno. */
static int find_owner(Hypervisor *hv, const HostPciAddress *address, int *id)
{
    g_autofree char *path = owner_path(address), *value = NULL;
    XenInfo info;
    int r = hv->ops->read(hv, path, &value);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    *id = atoi(value);
    r = hv->ops->info(hv, *id, &info);
    return r == -ENOENT ? 0 : r < 0 ? r : !info.dying;
}

int machine_pci_state(Hypervisor *hv, const HostPciAddress *address, int *owner)
{
    int r;

    if (!is_below(PCI_DEVICES, address))
        return -ENODEV;
    if (!is_below(DRIVER, address))
        return XEN_PCI_HOST;
    r = find_owner(hv, address, owner);
    return r < 0 ? r : r == 1 ? XEN_PCI_ASSIGNED : XEN_PCI_ASSIGNABLE;
}

static int to_driver(const HostPciAddress *address, char **why)
{
    libxl_device_pci pci;
    MachineContext context;
    int r = machine_context_open(&context);

    if (r < 0)
        return r;
    libxl_device_pci_init(&pci);
    pci.domain = (int)address->domain;
    pci.bus = (uint8_t)address->bus;
    pci.dev = (uint8_t)address->slot;
    pci.func = (uint8_t)address->function;
    if (libxl_device_pci_assignable_remove(context.ctx, &pci, 1) != 0) {
        *why = machine_why(&context);
        r = -EIO;
    }
    libxl_device_pci_dispose(&pci);
    machine_context_close(&context);
    return r;
}

int machine_pci_release(Hypervisor *hv, const HostPciAddress *address, bool driver, char **why)
{
    g_autofree char *path = owner_path(address);
    int id, r = find_owner(hv, address, &id);

    if (r != 0)
        return r < 0 ? r : -EBUSY;
    r = xenstore_remove(hv, path);
    if (r < 0 && r != -ENOENT)
        return r;
    return driver && is_below(DRIVER, address) ? to_driver(address, why) : 0;
}

/* --- USB ------------------------------------------------------------------------------------- */

static int read_number(const char *name, const char *attribute, unsigned *value)
{
    g_autofree char *path = g_strdup_printf(USB_DEVICES "/%s/%s", name, attribute), *text = NULL;

    if (strchr(name, '/') || !g_file_get_contents(path, &text, NULL, NULL))
        return -ENODEV;
    *value = (unsigned)strtoul(text, NULL, 10);
    return 0;
}

int machine_usb_place(Hypervisor *hv, const char *name, unsigned *bus, unsigned *device)
{
    int r = read_number(name, "busnum", bus);

    return r < 0 ? r : read_number(name, "devnum", device);
}
