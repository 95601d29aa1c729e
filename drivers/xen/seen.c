/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See seen.h. What is read:
 *
 *   /libxl/ID/device/vbd/NUMBER/{dev,params}          a disk: its target and its image
 *   /libxl/ID/device/vif/NUMBER/mac                   an interface
 *   /libxl/ID/device/vusb/NUMBER/backend              a USB controller: the folder that has its ports, else it is this one
 *     …/port/N                                        a USB device, by its name in the host's kernel; or nothing
 *   /local/domain/0/backend/pci/ID/0/{num_devs,dev-N} PCI devices, of which libxl has no record of its own
 *
 * Each change of a device is one transaction of libxl's, so a device that is only half there has just gone, or is being
 * replaced, and another event will tell. Runs on threads that may wait; takes no lock. */
#include "drivers/xen/seen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 128, PCI_MAX = 256 };

void xen_seen_free(void *data)
{
    XenSeen *seen = data;

    if (!seen)
        return;
    g_free(seen->key);
    g_free(seen->detail);
    g_free(seen);
}

/* Takes over key and detail. */
static XenSeen *seen_new(XenDeviceKind kind, unsigned number, char *key, char *detail)
{
    XenSeen *seen = g_new0(XenSeen, 1);

    *seen = (XenSeen){ .kind = kind, .number = number, .key = key, .detail = detail };
    return seen;
}

static char *pci_key(unsigned domain, unsigned bus, unsigned slot, unsigned function)
{
    return g_strdup_printf("%04x:%02x:%02x.%x", domain, bus, slot, function);
}

#define USB_KEY "usb-"

static char *usb_key(unsigned bus, unsigned device)
{
    return g_strdup_printf(USB_KEY "%u-%u", bus, device);
}

/* --- from xenstore --------------------------------------------------------------------------- */

typedef struct Reading {
    XenHost *xen;
    int id;
    GPtrArray *seen;
} Reading;

/* 1, 0 when there is nothing, or -errno. */
static int read_at(const Reading *reading, const char *path, char **value)
{
    int r = reading->xen->hv->ops->read(reading->xen->hv, path, value);

    return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

static int list_at(const Reading *reading, const char *path, char ***names)
{
    int r = reading->xen->hv->ops->directory(reading->xen->hv, path, names);

    return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

static int read_disk(Reading *reading, unsigned number)
{
    g_autofree char *target = NULL, *params = NULL;
    char path[PATH_SIZE];
    const char *image;
    int r;

    snprintf(path, sizeof path, "/libxl/%d/device/vbd/%u/dev", reading->id, number);
    r = read_at(reading, path, &target);
    if (r <= 0)
        return r;
    snprintf(path, sizeof path, "/libxl/%d/device/vbd/%u/params", reading->id, number);
    r = read_at(reading, path, &params);
    if (r < 0)
        return r;
    /* behind the name of the format, if there is one */
    image = params && *params != '/' ? strchr(params, ':') : NULL;
    image = image ? image + 1 : params ? params : "";
    g_ptr_array_add(reading->seen, seen_new(XEN_DEVICE_DISK, number, g_steal_pointer(&target), g_strdup(image)));
    return 0;
}

static int read_interface(Reading *reading, unsigned number)
{
    g_autofree char *mac = NULL;
    char path[PATH_SIZE];
    int r;

    snprintf(path, sizeof path, "/libxl/%d/device/vif/%u/mac", reading->id, number);
    r = read_at(reading, path, &mac);
    if (r <= 0)
        return r;
    g_ptr_array_add(reading->seen, seen_new(XEN_DEVICE_INTERFACE, number, g_ascii_strdown(mac, -1), NULL));
    return 0;
}

static int read_kind(Reading *reading, const char *kind, int (*read_one)(Reading *reading, unsigned number))
{
    g_auto(GStrv) numbers = NULL;
    char path[PATH_SIZE];
    int r;

    snprintf(path, sizeof path, "/libxl/%d/device/%s", reading->id, kind);
    r = list_at(reading, path, &numbers);
    for (char **number = numbers; r >= 0 && number && *number; number++)
        r = read_one(reading, (unsigned)strtoul(*number, NULL, 10));
    return r;
}

/* One that the host has not any more is none. */
static int read_port(Reading *reading, const char *path)
{
    g_autofree char *name = NULL;
    unsigned bus, device;
    int r = read_at(reading, path, &name);

    if (r > 0 && *name && reading->xen->hv->ops->usb_place
        && reading->xen->hv->ops->usb_place(reading->xen->hv, name, &bus, &device) == 0)
        g_ptr_array_add(reading->seen, seen_new(XEN_DEVICE_HOSTDEV, 0, usb_key(bus, device), NULL));
    return MIN(r, 0);
}

static int read_controller(Reading *reading, unsigned number)
{
    g_autofree char *record = g_strdup_printf("/libxl/%d/device/vusb/%u", reading->id, number), *backend = NULL;
    g_autofree char *place = g_strconcat(record, "/backend", NULL), *folder = NULL;
    g_auto(GStrv) ports = NULL;
    int r = read_at(reading, place, &backend);

    folder = g_strconcat(r > 0 ? backend : record, "/port", NULL);
    if (r >= 0)
        r = list_at(reading, folder, &ports);
    for (char **port = ports; r >= 0 && port && *port; port++) {
        g_autofree char *path = g_strconcat(folder, "/", *port, NULL);

        r = read_port(reading, path);
    }
    return MIN(r, 0);
}

static int read_pci(Reading *reading)
{
    g_autofree char *count = NULL;
    char path[PATH_SIZE];
    unsigned n, domain, bus, slot, function;
    int r;

    snprintf(path, sizeof path, "/local/domain/0/backend/pci/%d/0/num_devs", reading->id);
    r = read_at(reading, path, &count);
    n = r > 0 ? MIN((unsigned)strtoul(count, NULL, 10), PCI_MAX) : 0;
    for (unsigned i = 0; r >= 0 && i < n; i++) {
        g_autofree char *place = NULL;

        snprintf(path, sizeof path, "/local/domain/0/backend/pci/%d/0/dev-%u", reading->id, i);
        r = read_at(reading, path, &place);
        if (r > 0 && sscanf(place, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4)
            g_ptr_array_add(reading->seen, seen_new(XEN_DEVICE_HOSTDEV, 0, pci_key(domain, bus, slot, function), NULL));
    }
    return r;
}

int xen_seen_read(XenHost *xen, int id, GPtrArray **seen)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(xen_seen_free);
    Reading reading = { .xen = xen, .id = id, .seen = found };
    g_auto(GStrv) kinds = NULL;
    char path[PATH_SIZE];
    int r;

    snprintf(path, sizeof path, "/libxl/%d/device", id);
    r = list_at(&reading, path, &kinds);
    if (r > 0 && g_strv_contains((const char *const *)kinds, "vbd"))
        r = read_kind(&reading, "vbd", read_disk);
    if (r >= 0 && kinds && g_strv_contains((const char *const *)kinds, "vif"))
        r = read_kind(&reading, "vif", read_interface);
    if (r >= 0 && kinds && g_strv_contains((const char *const *)kinds, "vusb"))
        r = read_kind(&reading, "vusb", read_controller);
    if (r >= 0 && kinds)
        r = read_pci(&reading);
    if (r < 0)
        return r;
    *seen = g_steal_pointer(&found);
    return 0;
}

bool xen_seen_is_drive(XenHost *xen, int id, const XenSeen *seen)
{
    const Reading reading = { .xen = xen, .id = id };
    g_autofree char *type = NULL;
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "/libxl/%d/device/vbd/%u/device-type", id, seen->number);
    return seen->kind == XEN_DEVICE_DISK && read_at(&reading, path, &type) > 0 && strcmp(type, "cdrom") == 0;
}

/* --- from a document ------------------------------------------------------------------------- */

static XenSeen *seen_of_disk(const Disk *disk)
{
    const char *image = !disk->source ? "" : disk->type == STORAGE_TYPE_FILE ? disk->source->storage.file
                        : disk->type == STORAGE_TYPE_BLOCK ? disk->source->storage.dev : NULL;

    return seen_new(XEN_DEVICE_DISK, 0, g_strdup(disk->target.dev), g_strdup(image));
}

static XenSeen *seen_of_interface(const Interface *interface)
{
    const uint8_t *mac = interface->mac.address.bytes;

    return seen_new(XEN_DEVICE_INTERFACE, 0, g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                                                             mac[3], mac[4], mac[5]), NULL);
}

static XenSeen *seen_of_hostdev(const Hostdev *hostdev)
{
    const HostPciAddress *pci = &hostdev->source.address.pci;

    if (hostdev->mode != HOSTDEV_MODE_SUBSYSTEM)
        return NULL;
    if (hostdev->type == HOSTDEV_TYPE_PCI)
        return seen_new(XEN_DEVICE_HOSTDEV, 0, pci_key(pci->domain, pci->bus, pci->slot, pci->function), NULL);
    if (hostdev->type == HOSTDEV_TYPE_USB && hostdev->source.address.has_bus && hostdev->source.address.has_device)
        return seen_new(XEN_DEVICE_HOSTDEV, 0, usb_key(hostdev->source.address.bus, hostdev->source.address.device), NULL);
    return NULL;
}

XenSeen *xen_seen_device(const XenDevice *device)
{
    switch (device->kind) {
    case XEN_DEVICE_DISK:
        return seen_of_disk(device->element);
    case XEN_DEVICE_INTERFACE:
        return seen_of_interface(device->element);
    case XEN_DEVICE_HOSTDEV:
        return seen_of_hostdev(device->element);
    default:
        return NULL;
    }
}

typedef bool Visit(const XenDevice *device, unsigned at, XenSeen *seen, void *opaque);

/* Each device that Xen has a record of, until `visit` says false; `seen` is the visitor's. */
static void each_device(const DomainConfig *config, Visit *visit, void *opaque)
{
    const Devices *devices = &config->devices;
    const struct { void *const *items; unsigned n; } rows[] = {
        [XEN_DEVICE_DISK] = { (void *const *)devices->disks, devices->n_disks },
        [XEN_DEVICE_INTERFACE] = { (void *const *)devices->interfaces, devices->n_interfaces },
        [XEN_DEVICE_HOSTDEV] = { (void *const *)devices->hostdevs, devices->n_hostdevs },
    };

    for (unsigned kind = 0; kind < G_N_ELEMENTS(rows); kind++)
        for (unsigned i = 0; i < rows[kind].n; i++) {
            const XenDevice device = { .kind = (XenDeviceKind)kind, .element = rows[kind].items[i] };
            XenSeen *seen = xen_seen_device(&device);

            if (seen && !visit(&device, i, seen, opaque))
                return;
        }
}

static bool collect(const XenDevice *device, unsigned at, XenSeen *seen, void *opaque)
{
    g_ptr_array_add(opaque, seen);
    return true;
}

GPtrArray *xen_seen_of(const DomainConfig *config)
{
    GPtrArray *seen = g_ptr_array_new_with_free_func(xen_seen_free);

    each_device(config, collect, seen);
    return seen;
}

static bool is_same(const XenSeen *a, const XenSeen *b)
{
    return a->kind == b->kind && strcmp(a->key, b->key) == 0;
}

typedef struct Search {
    const XenSeen *wanted;
    bool found;
    XenDevice device;
    unsigned at;
} Search;

static bool search(const XenDevice *device, unsigned at, XenSeen *seen, void *opaque)
{
    Search *search = opaque;

    if (is_same(seen, search->wanted)) {
        search->found = true;
        search->device = *device;
        search->at = at;
    }
    xen_seen_free(seen);
    return !search->found;
}

bool xen_seen_element(const DomainConfig *config, const XenSeen *seen, XenDevice *device, unsigned *at)
{
    Search state = { .wanted = seen };

    each_device(config, search, &state);
    if (state.found) {
        *device = state.device;
        *at = state.at;
    }
    return state.found;
}

/* --- comparing ------------------------------------------------------------------------------- */

XenSeen *xen_seen_find(const GPtrArray *seen, const XenSeen *wanted)
{
    for (unsigned i = 0; i < seen->len; i++)
        if (is_same(seen->pdata[i], wanted))
            return seen->pdata[i];
    return NULL;
}

bool xen_seen_agrees(const XenSeen *a, const XenSeen *b)
{
    return is_same(a, b) && (!a->detail || !b->detail || strcmp(a->detail, b->detail) == 0);
}

bool xen_seen_all_agree(const GPtrArray *some, const GPtrArray *others)
{
    for (unsigned i = 0; i < some->len; i++) {
        const XenSeen *twin = xen_seen_find(others, some->pdata[i]);

        if (!twin || !xen_seen_agrees(some->pdata[i], twin))
            return false;
    }
    return some->len == others->len;
}

char *xen_seen_alias(const XenSeen *seen)
{
    static const char *const prefixes[] = {
        [XEN_DEVICE_DISK] = "", [XEN_DEVICE_INTERFACE] = "net-", [XEN_DEVICE_HOSTDEV] = "pci-",
    };
    const char *prefix = g_str_has_prefix(seen->key, USB_KEY) ? "" : prefixes[seen->kind];
    g_autofree char *key = g_strdup(seen->key);

    return g_strconcat(prefix, g_strdelimit(key, ":.", '-'), NULL);
}
