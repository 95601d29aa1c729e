/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A document gets the devices that its guest has: what others have detached is taken out, what they have attached is put
 * in as libxl's record has it, and all of them have aliases, by which events tell of them. Documents are immutable, so each
 * function makes a copy or is given one that nobody else has. May wait for libxl; any thread that may; takes no lock. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "drivers/xen/seen.h"

LOG_SOURCE("drivers.xen.document");

static DeviceInfo *info_of(const XenDevice *device)
{
    switch (device->kind) {
    case XEN_DEVICE_DISK:
        return &((Disk *)(uintptr_t)device->element)->info;
    case XEN_DEVICE_INTERFACE:
        return &((Interface *)(uintptr_t)device->element)->info;
    default:
        return &((Hostdev *)(uintptr_t)device->element)->info;
    }
}

char *xen_devices_alias(const DomainConfig *config, const XenSeen *seen)
{
    XenDevice device;
    unsigned at;

    if (config && xen_seen_element(config, seen, &device, &at)) {
        const DeviceAlias *alias = info_of(&device)->alias;

        if (alias && alias->name)
            return g_strdup(alias->name);
    }
    return xen_seen_alias(seen);
}

void xen_devices_name(DomainConfig *config)
{
    g_autoptr(GPtrArray) all = xen_seen_of(config);
    Arena *arena = domain_config_arena(config);

    for (unsigned i = 0; i < all->len; i++) {
        g_autofree char *name = xen_seen_alias(all->pdata[i]);
        DeviceAlias *alias;
        XenDevice device;
        unsigned at;

        if (!xen_seen_element(config, all->pdata[i], &device, &at) || info_of(&device)->alias)
            continue;
        alias = arena_zalloc(arena, sizeof *alias);
        alias->name = arena_strdup(arena, name);
        info_of(&device)->alias = alias;
    }
}

static void take_out(DomainConfig *config, const XenSeen *seen)
{
    Devices *devices = &config->devices;
    XenDevice device;
    unsigned at;

    if (!xen_seen_element(config, seen, &device, &at))
        return;
    if (device.kind == XEN_DEVICE_DISK)
        element_list_remove((void **)devices->disks, &devices->n_disks, at);
    else if (device.kind == XEN_DEVICE_INTERFACE)
        element_list_remove((void **)devices->interfaces, &devices->n_interfaces, at);
    else
        element_list_remove((void **)devices->hostdevs, &devices->n_hostdevs, at);
}

static char *format_device(const XenDevice *device)
{
    static const struct { const ElementType *type; const char *name; } kinds[] = {
        [XEN_DEVICE_DISK] = { &disk_type, "disk" },
        [XEN_DEVICE_INTERFACE] = { &interface_type, "interface" },
        [XEN_DEVICE_HOSTDEV] = { &hostdev_type, "hostdev" },
    };
    ElementFormat format = { .out = g_string_new(NULL), .flags = ELEMENT_SECURE };

    element_format(kinds[device->kind].type, device->element, kinds[device->kind].name, 0, 0, &format);
    return g_string_free(format.out, false);
}

/* Puts in the device as `from`, libxl's record, has it; the document stays as it is when its rules forbid it. */
static void put_in(DomainConfig **config, const DomainConfig *from, const XenSeen *seen)
{
    DomainConfig *copy = domain_config_copy(*config);
    g_autofree char *document = NULL;
    Error error = ERROR_INIT;
    XenDevice device;
    unsigned at;
    int r = -1;

    if (xen_seen_element(from, seen, &device, &at)) {
        document = format_device(&device);
        r = domain_config_change_device(copy, DEVICE_ATTACH, document, strlen(document), &xen_domain_rules,
                                        DOMAIN_PARSE_LIVE, &error);
        if (r < 0)
            log_warning("domain '%s' was given the device '%s', which its document can't have: %s", copy->name, seen->key,
                        error.message);
    }
    error_clear(&error);
    domain_config_unref(r < 0 ? copy : *config);
    if (r == 0)
        *config = copy;
}

/* What libxl has recorded, when a device of `fresh` is new to the document. 0, or -errno. */
static int read_record(XenHost *xen, int id, const GPtrArray *known, const GPtrArray *fresh, DomainConfig **record)
{
    g_autofree char *why = NULL;
    bool wanted = false;
    int r = 0;

    for (unsigned i = 0; i < fresh->len && !wanted; i++) {
        const XenSeen *twin = xen_seen_find(known, fresh->pdata[i]);

        wanted = !twin || !xen_seen_agrees(twin, fresh->pdata[i]);
    }
    if (wanted)
        r = xen->hv->ops->describe ? xen->hv->ops->describe(xen->hv, id, record, &why) : -ENOTSUP;
    if (r < 0)
        log_debug("the devices of domain %d can't be described: %s", id, why ? why : g_strerror(-r));
    return r;
}

DomainConfig *xen_devices_follow(XenHost *xen, const DomainConfig *config, int id, const GPtrArray *fresh, int *r)
{
    g_autoptr(GPtrArray) known = xen_seen_of(config);
    g_autoptr(DomainConfig) record = NULL;
    DomainConfig *copy;

    *r = 0;
    if (xen_seen_all_agree(known, fresh))
        return NULL;
    *r = read_record(xen, id, known, fresh, &record);
    if (*r < 0)
        return NULL;
    copy = domain_config_copy(config);
    for (unsigned i = 0; i < known->len; i++) {
        const XenSeen *twin = xen_seen_find(fresh, known->pdata[i]);

        if (!twin || !xen_seen_agrees(known->pdata[i], twin))
            take_out(copy, known->pdata[i]);
    }
    for (unsigned i = 0; i < fresh->len; i++) {
        const XenSeen *twin = xen_seen_find(known, fresh->pdata[i]);

        if (!twin || !xen_seen_agrees(fresh->pdata[i], twin))
            put_in(&copy, record, fresh->pdata[i]);
    }
    xen_devices_name(copy);
    return copy;
}
