/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI devices of the host that guests get, and get back to the host. libxl takes a device from the host's driver for a guest
 * (managed='yes'), but doesn't give it back; and when it is killed in between, it thinks that a guest has it that is long gone.
 *
 *   with the host ──claimed, marked──▶ the guest has it ──it is gone, or detached──▶ back to the host's driver ──▶ unmarked
 *   can be given  ──claimed, marked──▶ the guest has it ──the same─────────────────▶ can be given again ─────────▶ unmarked
 *
 * The claim (claim.h) is in memory and keeps guests apart that want the same device at once. The mark is in xenstore,
 * /tool/drover/pci/ADDRESS: the guest's UUID, and what is to be done with the device after it. It is there before Xen is asked
 * for anything and goes when all is done, so whoever finds a mark of a guest that doesn't run does the rest; droverd looks for
 * those when it starts, and claims what guests have that run. In xenstore, since drivers of devices, too, start anew with the
 * host. Only who has the claim writes or removes the mark.
 *
 * A mark stays when its device couldn't be given back. Whoever gets the device next takes over what was to be done with it.
 *
 * In a job of the guest (or while the host is opened, or in a task); asks xenstored and the host's kernel, which may wait.
 * Takes LOCK_XEN_HOST by way of claim.c. */
#include "drivers/xen/claim.h"

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

/* What a mark says. */
typedef struct Mark {
    Uuid uuid;                /* the guest */
    bool taken;               /* from the host's driver, which gets it back */
} Mark;

/* 0; -ENOENT: there is none, or it is none of ours; or another -errno. */
static int read_mark(XenHost *xen, const HostPciAddress *address, Mark *mark)
{
    g_autofree char *path = mark_path(address), *value = NULL;
    int r = xen->hv->ops->read(xen->hv, path, &value);
    char *what = r < 0 ? NULL : strchr(value, ' ');

    if (r < 0 || !what)
        return r < 0 ? r : -ENOENT;
    *what++ = '\0';
    mark->taken = strcmp(what, TAKEN) == 0;
    return uuid_parse(value, &mark->uuid) ? 0 : -ENOENT;
}

/* --- after a guest ---------------------------------------------------------------------------- */

static bool runs(const XenSweep *sweep, const Uuid *uuid)
{
    for (unsigned i = 0; i < sweep->n; i++)
        if (!sweep->infos[i].dying && uuid_equal(&sweep->infos[i].uuid, uuid))
            return true;
    return false;
}

/* Whether the guest has it still, whatever was to have become of that. */
static bool has_it(XenHost *xen, const HostPciAddress *address, const Uuid *uuid)
{
    XenInfo info;
    int owner = -1;

    return xen->hv->ops->pci_state(xen->hv, address, &owner) == XEN_PCI_ASSIGNED && xen_ask(xen, owner, uuid, &info) == 1;
}

/* A claim whose device couldn't be given back stays with a guest that runs, for another attempt at its end. */
static void put_off(XenHost *xen, const HostPciAddress *address, const Uuid *uuid)
{
    XenSweep sweep;
    bool keep = false;

    if (xen_sweep(xen, &sweep) == 0) {
        keep = runs(&sweep, uuid);
        xen_sweep_clear(&sweep);
    }
    if (keep)
        xen_claim_keep(xen, address);
    else
        xen_claim_end(xen, address);
}

/* The caller has made its claim "going". What can't be done is left to the next droverd, or to the next guest's end. */
static void give_back(XenHost *xen, const HostPciAddress *address, const Uuid *uuid)
{
    g_autofree char *path = mark_path(address), *why = NULL;
    char name[NAME_SIZE];
    Mark mark = { .taken = false };
    int r = read_mark(xen, address, &mark);

    if (r == 0)
        r = xen->hv->ops->pci_release(xen->hv, address, mark.taken, &why);
    if (r == -EBUSY && has_it(xen, address, uuid)) {
        xen_claim_keep(xen, address);
        return;
    }
    if (r == 0 || r == -EBUSY)    /* another guest has it now; it isn't ours to give back any more */
        r = xen->hv->ops->remove(xen->hv, path);
    if (r == 0 || r == -ENOENT) {
        xen_claim_end(xen, address);
        return;
    }
    address_name(address, name);
    log_error("the PCI device %s, which its guest hasn't any more, can't be given back: %s", name, why ? why : g_strerror(-r));
    put_off(xen, address, uuid);
}

/* All that the guest has but what is `wanted` (NULL: all). */
static void give_back_all(XenHost *xen, const Uuid *uuid, GHashTable *wanted)
{
    g_autoptr(GArray) addresses = xen_claims_of(xen, uuid);

    for (unsigned i = 0; addresses && i < addresses->len; i++) {
        const HostPciAddress *address = &g_array_index(addresses, HostPciAddress, i);

        if (!(wanted && xen_addresses_has(wanted, address)) && xen_claim_go(xen, address, uuid))
            give_back(xen, address, uuid);
    }
}

void xen_hostdevs_give_back(XenHost *xen, const Uuid *uuid)
{
    give_back_all(xen, uuid, NULL);
}

void xen_hostdev_give_back(XenHost *xen, const Uuid *uuid, const Hostdev *hostdev)
{
    const HostPciAddress *address = &hostdev->source.address.pci;

    if (is_pci(hostdev) && xen_claim_go(xen, address, uuid))
        give_back(xen, address, uuid);
}

static void give_back_leaving(XenHost *xen, Domain *none)
{
    HostPciAddress address;
    Uuid uuid;

    while (xen_claims_next(xen, &address, &uuid))
        give_back(xen, &address, &uuid);
}

void xen_hostdevs_leave(XenHost *xen, const Uuid *uuid)
{
    if (xen_claims_leave(xen, uuid))
        xen_task_add(xen, NULL, "xen.hostdev", give_back_leaving);
}

/* --- before a guest gets one ------------------------------------------------------------------ */

/* What was to be done with the device that somebody had before and that couldn't be given back is to be done after this guest. */
static int write_mark(XenHost *xen, const Uuid *uuid, const HostPciAddress *address, bool taken, Error *error)
{
    g_autofree char *path = mark_path(address), *value = NULL;
    char text[UUID_TEXT_SIZE];
    Mark old = { .taken = false };
    int r = read_mark(xen, address, &old);

    if (r == 0 && old.taken)
        taken = true;
    uuid_format(uuid, text);
    value = g_strdup_printf("%s %s", text, taken ? TAKEN : LENT);
    if (r == 0 || r == -ENOENT)
        r = xen->hv->ops->write(xen->hv, path, value);
    return r < 0 ? xen_fail(error, r, _("keep which device of the host the domain gets")) : 0;
}

/* Claims it for the guest, even when it is still to be given back from the one before. */
static XenClaimed claim(XenHost *xen, const HostPciAddress *address, const Uuid *uuid, Uuid *other)
{
    XenClaimed claimed;

    while ((claimed = xen_claim(xen, address, uuid, other)) == XEN_CLAIM_LEAVING)
        give_back(xen, address, other);
    return claimed;
}

/* 0 when a guest can have it: by what the host says, and whose it is already. */
static int check_state(int state, int owner, const Hostdev *hostdev, const char *name, Error *error)
{
    switch (state) {
    case XEN_PCI_HOST:
        if (hostdev->managed == TRISTATE_YES)
            return 0;
        return error_set(error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED,
                         _("the PCI device %s is the host's: take it from its driver first, or say managed='yes'"), name);
    case XEN_PCI_ASSIGNABLE:
        return 0;
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

static int check_claim(XenClaimed claimed, const Uuid *other, const char *name, Error *error)
{
    char text[UUID_TEXT_SIZE];

    if (claimed == XEN_CLAIM_LATE)
        return error_set(error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED,
                         _("the PCI device %s is still being given back to the host"), name);
    if (claimed == XEN_CLAIM_OTHER)
        return error_set(error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED,
                         _("the PCI device %s is in use by the domain with the uuid %s"), name, uuid_format(other, text));
    return 0;
}

int xen_hostdev_take(XenHost *xen, const Uuid *uuid, const Hostdev *hostdev, Error *error)
{
    const HostPciAddress *address = &hostdev->source.address.pci;
    char name[NAME_SIZE];
    XenClaimed claimed;
    Uuid other;
    int owner = -1, state, r;

    if (!is_pci(hostdev) || !xen->hv->ops->pci_state)
        return 0;
    address_name(address, name);
    claimed = claim(xen, address, uuid, &other);
    state = xen->hv->ops->pci_state(xen->hv, address, &owner);
    r = check_state(state, owner, hostdev, name, error);
    if (r == 0)
        r = check_claim(claimed, &other, name, error);
    if (r == 0)
        r = write_mark(xen, uuid, address, state == XEN_PCI_HOST, error);
    if (r < 0 && claimed == XEN_CLAIM_FRESH)
        xen_claim_end(xen, address);
    return r;
}

/* Which PCI devices the document names; NULL and an error when it names one twice. */
static GHashTable *addresses_of(const DomainConfig *config, Error *error)
{
    g_autoptr(GHashTable) addresses = xen_addresses_new();

    for (unsigned i = 0; i < config->devices.n_hostdevs; i++) {
        const Hostdev *hostdev = config->devices.hostdevs[i];
        char name[NAME_SIZE];

        if (!is_pci(hostdev) || xen_addresses_add(addresses, &hostdev->source.address.pci))
            continue;
        address_name(&hostdev->source.address.pci, name);
        error_set(error, VIR_FROM_LIBXL, VIR_ERR_CONFIG_UNSUPPORTED, _("the document names the PCI device %s twice"), name);
        return NULL;
    }
    return g_steal_pointer(&addresses);
}

int xen_hostdevs_take(XenHost *xen, const DomainConfig *config, Error *error)
{
    g_autoptr(GHashTable) wanted = addresses_of(config, error);

    if (!wanted)
        return -1;
    give_back_all(xen, &config->uuid, wanted);    /* it starts anew, and with another document perhaps */
    for (unsigned i = 0; i < config->devices.n_hostdevs; i++)
        if (xen_hostdev_take(xen, &config->uuid, config->devices.hostdevs[i], error) < 0)
            return -1;
    return 0;
}

/* --- after another droverd -------------------------------------------------------------------- */

static bool parse_name(const char *name, HostPciAddress *address)
{
    unsigned domain, bus, slot, function;
    char end;

    if (sscanf(name, "%x-%x-%x-%x%c", &domain, &bus, &slot, &function, &end) != 4)
        return false;
    *address = (HostPciAddress){ .domain = domain, .bus = bus, .slot = slot, .function = function };
    return true;
}

void xen_hostdevs_recover(XenHost *xen)
{
    g_auto(GStrv) names = NULL;
    XenSweep sweep;
    int r;

    if (!xen->hv->ops->pci_release)
        return;
    r = xen->hv->ops->directory(xen->hv, MARKS, &names);
    if (r == -ENOENT)
        return;
    if (r == 0)
        r = xen_sweep(xen, &sweep);
    if (r < 0) {
        log_warning("it can't be told which PCI devices guests have had: %s", g_strerror(-r));
        return;
    }
    for (unsigned i = 0; names[i]; i++) {
        HostPciAddress address;
        Mark mark;
        Uuid other;

        if (!parse_name(names[i], &address) || read_mark(xen, &address, &mark) < 0
            || xen_claim(xen, &address, &mark.uuid, &other) != XEN_CLAIM_FRESH || runs(&sweep, &mark.uuid))
            continue;
        if (xen_claim_go(xen, &address, &mark.uuid))
            give_back(xen, &address, &mark.uuid);
    }
    xen_sweep_clear(&sweep);
}
