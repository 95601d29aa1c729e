/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See xen-pci.h. */
#include "xen-pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen-paths.h"

void xen_pci_put(GTree *store, const char *address, const char *who)
{
    g_tree_insert(store, g_strdup_printf(XEN_PCI_DEVICES "/%s", address), g_strdup(who));
}

const char *xen_pci_who(GTree *store, const char *address)
{
    g_autofree char *path = g_strdup_printf(XEN_PCI_DEVICES "/%s", address);

    return g_tree_lookup(store, path);
}

char *xen_pci_name(const HostPciAddress *address)
{
    return g_strdup_printf("%04x:%02x:%02x.%x", address->domain, address->bus, address->slot, address->function);
}

bool xen_pci_is(const Hostdev *hostdev)
{
    return hostdev->mode == HOSTDEV_MODE_SUBSYSTEM && hostdev->type == HOSTDEV_TYPE_PCI;
}

/* Which devices a guest has, where libxl has its list of them. */
static void list_devices(GTree *store, int id)
{
    g_auto(GStrv) names = xen_paths_names(store, XEN_PCI_DEVICES);
    g_autofree char *backend = g_strdup_printf("/local/domain/0/backend/pci/%d/0", id);
    unsigned n = 0;

    g_tree_insert(store, g_strdup_printf("/libxl/%d/device/pci/0", id), g_strdup(backend));
    xen_paths_forget_below(store, backend);
    for (unsigned i = 0; names && names[i]; i++)
        if (atoi(xen_pci_who(store, names[i])) == id)
            g_tree_insert(store, g_strdup_printf("%s/dev-%u", backend, n++), g_strdup(names[i]));
    g_tree_insert(store, g_strdup_printf("%s/num_devs", backend), g_strdup_printf("%u", n));
}

int xen_pci_give(GTree *store, int id, const Hostdev *hostdev)
{
    g_autofree char *name = xen_pci_name(&hostdev->source.address.pci), *guest = g_strdup_printf("%d", id);
    const char *who = xen_pci_who(store, name);

    if (!who || (strcmp(who, "host") == 0 && hostdev->managed != TRISTATE_YES))
        return -ENODEV;
    if (strcmp(who, "host") != 0 && strcmp(who, "free") != 0)
        return -EBUSY;
    xen_pci_put(store, name, guest);
    list_devices(store, id);
    return 0;
}

int xen_pci_take(GTree *store, int id, const Hostdev *hostdev)
{
    g_autofree char *name = xen_pci_name(&hostdev->source.address.pci);
    const char *who = xen_pci_who(store, name);

    if (!who || atoi(who) != id)
        return -ENODEV;
    xen_pci_put(store, name, "free");
    list_devices(store, id);
    return 0;
}
