/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PCI devices of the double's host, as libxl and pciback have them: with the host's driver, for guests to have, or a guest's.
 * Who has one stands in the double's xenstore, where drover doesn't look, so that it outlives what the rest does. One thread at
 * a time, but that a release may wait on another thread than the test's. */
#include "xen-double-private.h"

#include <errno.h>
#include <stdlib.h>

#include "xen-paths.h"

#define DEVICES "/double/pci"

static void put(GTree *store, const char *address, const char *who)
{
    g_tree_insert(store, g_strdup_printf(DEVICES "/%s", address), g_strdup(who));
}

static const char *who_has(GTree *store, const char *address)
{
    g_autofree char *path = g_strdup_printf(DEVICES "/%s", address);

    return g_tree_lookup(store, path);
}

static char *name_of(const HostPciAddress *address)
{
    return g_strdup_printf("%04x:%02x:%02x.%x", address->domain, address->bus, address->slot, address->function);
}

bool double_is_pci(const Hostdev *hostdev)
{
    return hostdev->mode == HOSTDEV_MODE_SUBSYSTEM && hostdev->type == HOSTDEV_TYPE_PCI;
}

/* Which devices a guest has, where libxl has its list of them. */
static void list_devices(GTree *store, int id)
{
    g_auto(GStrv) names = xen_paths_names(store, DEVICES);
    g_autofree char *backend = g_strdup_printf("/local/domain/0/backend/pci/%d/0", id);
    unsigned n = 0;

    g_tree_insert(store, g_strdup_printf("/libxl/%d/device/pci/0", id), g_strdup(backend));
    xen_paths_forget_below(store, backend);
    for (unsigned i = 0; names && names[i]; i++)
        if (atoi(who_has(store, names[i])) == id)
            g_tree_insert(store, g_strdup_printf("%s/dev-%u", backend, n++), g_strdup(names[i]));
    g_tree_insert(store, g_strdup_printf("%s/num_devs", backend), g_strdup_printf("%u", n));
}

int double_pci_give(XenDouble *xen, int id, const Hostdev *hostdev)
{
    g_autofree char *name = name_of(&hostdev->source.address.pci), *guest = g_strdup_printf("%d", id);
    const char *who = who_has(xen->store, name);

    if (!who || (strcmp(who, "host") == 0 && hostdev->managed != TRISTATE_YES))
        return -ENODEV;
    if (strcmp(who, "host") != 0 && strcmp(who, "free") != 0)
        return -EBUSY;
    put(xen->store, name, guest);
    list_devices(xen->store, id);
    return 0;
}

int double_pci_take(XenDouble *xen, int id, const Hostdev *hostdev)
{
    g_autofree char *name = name_of(&hostdev->source.address.pci);
    const char *who = who_has(xen->store, name);

    if (!who || atoi(who) != id)
        return -ENODEV;
    put(xen->store, name, "free");
    list_devices(xen->store, id);
    return 0;
}

void double_pci_free(XenDouble *xen, int id)
{
    g_autofree char *guest = g_strdup_printf("%d", id);
    g_auto(GStrv) names = xen_paths_names(xen->store, DEVICES);

    for (unsigned i = 0; names && names[i]; i++)
        if (strcmp(who_has(xen->store, names[i]), guest) == 0)
            put(xen->store, names[i], "free");
}

/* -1: it isn't a living guest's. */
static int pci_owner(XenDouble *xen, const char *who)
{
    int id = g_ascii_isdigit(*who) ? atoi(who) : -1;
    const XenInfo *info = id < 0 ? NULL : double_find(xen, id);

    return info && !info->dying ? id : -1;
}

int double_pci_state(Hypervisor *hv, const HostPciAddress *address, int *owner)
{
    g_autofree char *name = name_of(address);
    const char *who = who_has(of(hv)->store, name);
    int r = request(hv);

    if (r < 0 || !who)
        return r < 0 ? r : -ENODEV;
    g_assert_false(__atomic_load_n(&of(hv)->in_release, __ATOMIC_ACQUIRE));
    if (strcmp(who, "host") == 0)
        return XEN_PCI_HOST;
    *owner = pci_owner(of(hv), who);
    return *owner < 0 ? XEN_PCI_ASSIGNABLE : XEN_PCI_ASSIGNED;
}

static int release(XenDouble *xen, const HostPciAddress *address, bool driver, char **why)
{
    g_autofree char *name = name_of(address);
    void (*releasing)(void *data) = g_steal_pointer(&xen->releasing);
    const char *who;
    int r = request(&xen->hv);

    if (releasing)
        releasing(xen->hook_data);
    who = who_has(xen->store, name);
    if (r < 0 || !who || pci_owner(xen, who) >= 0)
        return r < 0 ? r : who ? -EBUSY : 0;
    if (xen->releases_fail) {
        *why = g_strdup("the double was told so");
        return -xen->releases_fail;
    }
    g_string_append_printf(xen->releases, "%s %s\n", name, driver ? "to the host" : "for guests");
    if (strcmp(who, "host") != 0)
        put(xen->store, name, driver ? "host" : "free");
    moment(xen);
    return 0;
}

int double_pci_release(Hypervisor *hv, const HostPciAddress *address, bool driver, char **why)
{
    int r;

    g_assert_false(__atomic_exchange_n(&of(hv)->in_release, true, __ATOMIC_ACQ_REL));
    r = release(of(hv), address, driver, why);
    __atomic_store_n(&of(hv)->in_release, false, __ATOMIC_RELEASE);
    return r;
}

/* --- what tests do --------------------------------------------------------------------------- */

void double_pci(XenDouble *xen, const char *address, const char *who)
{
    put(xen->store, address, who);
}

const char *double_pci_who(XenDouble *xen, const char *address)
{
    return g_intern_string(who_has(xen->store, address));
}

const char *double_releases(XenDouble *xen)
{
    const char *lines = g_intern_string(xen->releases->str);

    g_string_truncate(xen->releases, 0);
    return lines;
}

void double_fail_releases(XenDouble *xen, int errnum)
{
    xen->releases_fail = errnum;
}

void double_during_release(XenDouble *xen, void (*during)(void *data), void *data)
{
    xen->releasing = during;
    xen->hook_data = data;
}
