/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI devices of the host that guests get, and get back to the host. libxl takes a device from the host's driver for a guest
 * (managed='yes'), but doesn't give it back; and when it is killed in between, it thinks that a guest has it that is long gone.
 *
 *   with the host ──marked──▶ libxl takes it, the guest has it ──guest gone, device detached──▶ back to the host's driver ──▶ unmarked
 *   can be given  ──marked──▶ the guest has it                 ──────────────────────────────▶ can be given again ──▶ unmarked
 *
 * The mark is in xenstore, /tool/drover/pci/ADDRESS: the guest's UUID, and what is to be done with the device after it.
 * It is there before Xen is asked for anything and goes when all is done, so whoever finds a mark of a guest that doesn't
 * run does the rest; droverd looks for those when it starts. In xenstore, since drivers of devices, too, start anew with the host.
 *
 * In a job of the guest (or while the host is opened); asks xenstored and the host's kernel, which may wait. Takes no lock. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/log.h"

LOG_SOURCE("drivers.xen.hostdev");

#define MARKS "/tool/drover/pci"
#define TAKEN "taken"    /* from the host's driver, which gets it back */
#define LENT "lent"      /* it stays one that guests can have */

enum { NAME_SIZE = 32 };

static void address_name(const HostPciAddress *address, char name[NAME_SIZE])
{
    g_snprintf(name, NAME_SIZE, "%04x:%02x:%02x.%x", address->domain, address->bus, address->slot, address->function);
}

/* xenstore has no colons and points in its paths. */
static char *mark_path(const HostPciAddress *address)
{
    return g_strdup_printf(MARKS "/%04x-%02x-%02x-%x", address->domain, address->bus, address->slot, address->function);
}

static bool is_pci(const Hostdev *hostdev)
{
    return hostdev->mode == HOSTDEV_MODE_SUBSYSTEM && hostdev->type == HOSTDEV_TYPE_PCI;
}

/* --- before a guest gets one ------------------------------------------------------------------ */

/* Whether the guest has a mark on the device already: it starts anew. */
static bool is_marked_by(XenHost *xen, const char *path, const char *uuid)
{
    g_autofree char *mark = NULL;

    return xen->hv->ops->read(xen->hv, path, &mark) == 0 && g_str_has_prefix(mark, uuid);
}

static int mark(XenHost *xen, const Uuid *uuid, const HostPciAddress *address, const char *what, Error *error)
{
    g_autofree char *path = mark_path(address), *value = NULL;
    char text[UUID_TEXT_SIZE];
    int r = 0;

    uuid_format(uuid, text);
    value = g_strdup_printf("%s %s", text, what);
    if (strcmp(what, TAKEN) == 0 || !is_marked_by(xen, path, text))
        r = xen->hv->ops->write(xen->hv, path, value);
    if (r < 0)
        return xen_fail(error, r, _("keep which device of the host the domain gets"));
    __atomic_store_n(&xen->hostdevs_marked, true, __ATOMIC_RELAXED);
    return 0;
}

int xen_hostdev_take(XenHost *xen, const Uuid *uuid, const Hostdev *hostdev, Error *error)
{
    const HostPciAddress *address = &hostdev->source.address.pci;
    char name[NAME_SIZE];
    int owner = -1;

    if (!is_pci(hostdev) || !xen->hv->ops->pci_state)
        return 0;
    address_name(address, name);
    switch (xen->hv->ops->pci_state(xen->hv, address, &owner)) {
    case XEN_PCI_HOST:
        if (hostdev->managed != TRISTATE_YES)
            return error_set(error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED,
                             _("the PCI device %s is the host's: take it from its driver first, or say managed='yes'"), name);
        return mark(xen, uuid, address, TAKEN, error);
    case XEN_PCI_ASSIGNABLE:
        return mark(xen, uuid, address, LENT, error);
    case XEN_PCI_ASSIGNED:
        return error_set(error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED,
                         _("the PCI device %s is in use by the domain with the id %d"), name, owner);
    case -ENODEV:
        return error_set(error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED, _("the host has no PCI device %s"), name);
    default:
        return error_set(error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED, _("it can't be told who has the PCI device %s"),
                         name);
    }
}

int xen_hostdevs_take(XenHost *xen, const DomainConfig *config, Error *error)
{
    for (unsigned i = 0; i < config->devices.n_hostdevs; i++)
        if (xen_hostdev_take(xen, &config->uuid, config->devices.hostdevs[i], error) < 0)
            return -1;
    return 0;
}

/* --- after it --------------------------------------------------------------------------------- */

static bool parse_name(const char *name, HostPciAddress *address)
{
    unsigned domain, bus, slot, function;
    char end;

    if (sscanf(name, "%x-%x-%x-%x%c", &domain, &bus, &slot, &function, &end) != 4)
        return false;
    *address = (HostPciAddress){ .domain = domain, .bus = bus, .slot = slot, .function = function };
    return true;
}

/* What is left to do for a device with a mark. A mark stays when that fails, for the next droverd. */
static void give_back(XenHost *xen, const HostPciAddress *address, bool to_driver)
{
    g_autofree char *path = mark_path(address), *why = NULL;
    char name[NAME_SIZE];
    int r = xen->hv->ops->pci_release(xen->hv, address, to_driver, &why);

    address_name(address, name);
    if (r == -EBUSY)    /* another guest has it now; it isn't ours to give back any more */
        r = 0;
    if (r == 0)
        r = xen->hv->ops->remove(xen->hv, path);
    if (r < 0 && r != -ENOENT)
        log_error("the PCI device %s of a guest that is gone can't be given back: %s", name, why ? why : g_strerror(-r));
}

/* Whether the guest of a mark is to lose its device. */
typedef struct Loser {
    const Uuid *uuid;         /* the guest; NULL: whoever doesn't run */
    const XenSweep *sweep;    /* who runs */
} Loser;

static bool loses(const Loser *loser, const Uuid *uuid)
{
    if (loser->uuid)
        return uuid_equal(uuid, loser->uuid);
    for (unsigned i = 0; i < loser->sweep->n; i++)
        if (!loser->sweep->infos[i].dying && uuid_equal(&loser->sweep->infos[i].uuid, uuid))
            return false;
    return true;
}

static void look_at_mark(XenHost *xen, const HostPciAddress *address, const Loser *loser)
{
    g_autofree char *path = mark_path(address), *value = NULL;
    char *what;
    Uuid uuid;

    if (xen->hv->ops->read(xen->hv, path, &value) < 0 || !(what = strchr(value, ' ')))
        return;
    *what++ = '\0';
    if (uuid_parse(value, &uuid) && loses(loser, &uuid))
        give_back(xen, address, strcmp(what, TAKEN) == 0);
}

static void look_at_marks(XenHost *xen, const Loser *loser)
{
    g_auto(GStrv) names = NULL;
    int r = xen->hv->ops->directory(xen->hv, MARKS, &names);

    if (r < 0 && r != -ENOENT)
        log_warning("it can't be told which PCI devices guests have had: %s", g_strerror(-r));
    for (unsigned i = 0; r == 0 && names[i]; i++) {
        HostPciAddress address;

        __atomic_store_n(&xen->hostdevs_marked, true, __ATOMIC_RELAXED);
        if (parse_name(names[i], &address))
            look_at_mark(xen, &address, loser);
    }
}

void xen_hostdevs_give_back(XenHost *xen, const Uuid *uuid)
{
    if (__atomic_load_n(&xen->hostdevs_marked, __ATOMIC_RELAXED))
        look_at_marks(xen, &(Loser){ .uuid = uuid });
}

void xen_hostdev_give_back(XenHost *xen, const Uuid *uuid, const Hostdev *hostdev)
{
    if (is_pci(hostdev) && xen->hv->ops->pci_release)
        look_at_mark(xen, &hostdev->source.address.pci, &(Loser){ .uuid = uuid });
}

void xen_hostdevs_recover(XenHost *xen)
{
    XenSweep sweep;

    if (!xen->hv->ops->pci_release || xen_sweep(xen, &sweep) < 0)
        return;
    look_at_marks(xen, &(Loser){ .sweep = &sweep });
    xen_sweep_clear(&sweep);
}
