/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that come and go: in the definition, in the running guest or in both. The documents are changed first, in
 * copies (conf/device.h), so that all rules of documents hold; what differs between the running guest's document and its
 * changed copy is the device that Xen is asked for. Both documents are stored and published when Xen has done it.
 * Each function runs inside a job of its domain and may wait for the guest. Takes no lock of its own. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <string.h>

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "base/log.h"
#include "conf/device.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

LOG_SOURCE("drivers.xen.device");

enum { AFFECT = VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG };

/* --- what a change of a document is ----------------------------------------------------------- */

/* What the client asks: by a document of the device, or by its alias. */
typedef struct Edit {
    DeviceChange change;
    const char *document;
    const char *alias;        /* NULL unless a device is detached by it */
} Edit;

/* A copy of `config` after the edit; NULL and an error. */
static DomainConfig *edited(Op *op, const DomainConfig *config, const Edit *edit, unsigned flags)
{
    g_autoptr(DomainConfig) copy = domain_config_copy(config);
    int rc = edit->alias ? domain_config_detach_alias(copy, edit->alias, op->error)
                         : domain_config_change_device(copy, edit->change, edit->document, strlen(edit->document),
                                                       &xen_domain_rules, flags, op->error);

    if (rc == 0 && flags & DOMAIN_PARSE_LIVE)
        xen_devices_name(copy);
    return rc < 0 ? NULL : g_steal_pointer(&copy);
}

/* --- what differs ----------------------------------------------------------------------------- */

/* The devices of one kind in a config. */
typedef struct Row {
    const ElementType *type;
    void *const *items;
    unsigned n;
} Row;

static Row row_of(const DomainConfig *config, XenDeviceKind kind)
{
    const Devices *devices = &config->devices;

    switch (kind) {
    case XEN_DEVICE_DISK:
        return (Row){ &disk_type, (void *const *)devices->disks, devices->n_disks };
    case XEN_DEVICE_INTERFACE:
        return (Row){ &interface_type, (void *const *)devices->interfaces, devices->n_interfaces };
    case XEN_DEVICE_HOSTDEV:
        return (Row){ &hostdev_type, (void *const *)devices->hostdevs, devices->n_hostdevs };
    default:
        return (Row){ &channel_type, (void *const *)devices->channels, devices->n_channels };
    }
}

/* By what Xen knows a device of the kind: whether they are one in two documents. */
static bool is_same(XenDeviceKind kind, const void *a, const void *b)
{
    const Disk *disk = a, *other_disk = b;
    const Interface *interface = a, *other = b;

    if (kind == XEN_DEVICE_DISK)
        return g_strcmp0(disk->target.dev, other_disk->target.dev) == 0;
    if (kind == XEN_DEVICE_INTERFACE)
        return memcmp(&interface->mac.address, &other->mac.address, sizeof other->mac.address) == 0;
    if (kind == XEN_DEVICE_HOSTDEV)
        return element_equal(&hostdev_source_type, &((const Hostdev *)a)->source, &((const Hostdev *)b)->source);
    return g_strcmp0(((const Channel *)a)->target.name, ((const Channel *)b)->target.name) == 0;
}

/* The one of `in` that `from` lacks, or has in another form when `changed`. */
static void *only_in(XenDeviceKind kind, const Row *in, const Row *from, bool changed)
{
    for (unsigned i = 0; i < in->n; i++) {
        const void *twin = NULL;

        for (unsigned k = 0; k < from->n && !twin; k++)
            if (is_same(kind, in->items[i], from->items[k]))
                twin = from->items[k];
        if (changed ? twin && !element_equal(in->type, twin, in->items[i]) : !twin)
            return in->items[i];
    }
    return NULL;
}

/* The device that came into `after`, went from `before` or was changed. False: it is of a kind that Xen has no hotplug
 * for, or there is no difference. */
static bool difference(const DomainConfig *before, const DomainConfig *after, DeviceChange change, XenDevice *device)
{
    for (XenDeviceKind kind = XEN_DEVICE_DISK; kind <= XEN_DEVICE_CHANNEL; kind++) {
        Row old = row_of(before, kind), fresh = row_of(after, kind);

        device->kind = kind;
        if (change == DEVICE_DETACH)
            device->element = only_in(kind, &old, &fresh, false);
        else
            device->element = only_in(kind, &fresh, &old, change == DEVICE_UPDATE);
        if (device->element)
            return true;
    }
    return false;
}

static bool says_the_same(const DomainConfig *a, const DomainConfig *b)
{
    g_autofree char *one = domain_config_format(a, -1, DOMAIN_FORMAT_SECURE);
    g_autofree char *other = domain_config_format(b, -1, DOMAIN_FORMAT_SECURE);

    return strcmp(one, other) == 0;
}

/* An interface whose address was made up for each document has one: that of the running guest. */
static void give_same_address(const XenDevice *device, const DomainConfig *before, DomainConfig *after)
{
    XenDevice twin;

    if (device->kind == XEN_DEVICE_INTERFACE && difference(before, after, DEVICE_ATTACH, &twin)
        && twin.kind == XEN_DEVICE_INTERFACE)
        ((Interface *)(uintptr_t)twin.element)->mac.address = ((const Interface *)device->element)->mac.address;
}

/* --- in the running guest --------------------------------------------------------------------- */

static int fail(Op *op, int r, const char *why)
{
    int code = r == -ENOTSUP ? VIR_ERR_CONFIG_UNSUPPORTED : VIR_ERR_OPERATION_FAILED;

    return op_fail(op, code, _("the device of domain '%s' can't be changed: %s"), op->view->name,
                   why ? why : g_strerror(-r));
}

static int ask_xen(Op *op, int id, DeviceChange change, const XenDevice *device)
{
    XenHost *xen = xen_host(op->host);
    const HypervisorOps *ops = xen->hv->ops;
    g_autofree char *why = NULL;
    int r;

    if (change == DEVICE_ATTACH)
        r = ops->attach(xen->hv, id, device, &why);
    else if (change == DEVICE_DETACH)
        r = ops->detach(xen->hv, id, device, &why);
    else
        r = ops->update(xen->hv, id, device, &why);
    return r < 0 ? fail(op, r, why) : 0;
}

/* A device of the host has to be had before, and is given back after. */
static int move_device(Op *op, int id, DeviceChange change, const XenDevice *device)
{
    XenHost *xen = xen_host(op->host);
    const Hostdev *hostdev = device->kind == XEN_DEVICE_HOSTDEV ? device->element : NULL;
    int r;

    if (hostdev && change == DEVICE_ATTACH && xen_hostdev_take(xen, &op->domain->uuid, hostdev, op->error) < 0)
        return -1;
    r = ask_xen(op, id, change, device);
    if (hostdev && (change == DEVICE_ATTACH ? r < 0 : change == DEVICE_DETACH && r == 0))
        xen_hostdev_give_back(xen, &op->domain->uuid, hostdev);
    return r;
}

/* What couldn't be stored doesn't stay in the guest either. */
static void take_back(Op *op, int id, DeviceChange change, const XenDevice *device)
{
    XenHost *xen = xen_host(op->host);
    const Hostdev *hostdev = device->kind == XEN_DEVICE_HOSTDEV ? device->element : NULL;
    g_autofree char *why = NULL;
    Error error = ERROR_INIT;
    int r = 0;

    if (change == DEVICE_ATTACH)
        r = xen->hv->ops->detach(xen->hv, id, device, &why);
    else if (hostdev && change == DEVICE_DETACH && xen_hostdev_take(xen, &op->domain->uuid, hostdev, &error) < 0)
        r = -EBUSY;
    else if (change == DEVICE_DETACH)
        r = xen->hv->ops->attach(xen->hv, id, device, &why);
    if (hostdev && (change == DEVICE_ATTACH ? r == 0 : r < 0))
        xen_hostdev_give_back(xen, &op->domain->uuid, hostdev);
    if (r < 0 || change == DEVICE_UPDATE)
        log_warning("a device of domain '%s' was changed, and its definition was not: %s", op->view->name,
                    error.message ? error.message : why ? why : g_strerror(-r));
    error_clear(&error);
}

static const char *alias_of(const XenDevice *device)
{
    const DeviceInfo *info = device->kind == XEN_DEVICE_DISK ? &((const Disk *)device->element)->info
                             : device->kind == XEN_DEVICE_INTERFACE ? &((const Interface *)device->element)->info
                             : device->kind == XEN_DEVICE_HOSTDEV ? &((const Hostdev *)device->element)->info
                             : &((const Channel *)device->element)->info;

    return info->alias && info->alias->name ? info->alias->name : "";
}

static void announce(Op *op, DeviceChange change, const XenDevice *device)
{
    g_autoptr(DomainView) view = domain_view(op->domain);
    const RemoteDomain handle = op_handle(view);
    const RemoteDomainEventCallbackDeviceAddedMsg added = { .dom = handle, .devAlias = alias_of(device) };
    const RemoteDomainEventDeviceRemovedMsg removed = { .dom = handle, .devAlias = alias_of(device) };
    DriverEvent event = {
        .proc = change == DEVICE_ATTACH ? REMOTE_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_ADDED
                                        : REMOTE_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED,
        .message = change == DEVICE_ATTACH ? (const void *)&added : &removed,
        .uuid = view->uuid,
    };

    if (change != DEVICE_UPDATE)
        host_announce(op->host, &event);
}

/* --- both ------------------------------------------------------------------------------------- */

/* `id`: the guest's. `facts` have the documents as they are; `persistent`: as the definition shall be, or NULL. */
static int change_live(Op *op, int id, const Edit *edit, DomainFacts *facts, DomainConfig *persistent)
{
    XenHost *xen = xen_host(op->host);
    g_autoptr(DomainConfig) active = NULL;
    const DomainConfig *before = facts->active, *defined = facts->persistent;
    XenDevice device;

    if (!(active = edited(op, before, edit, DOMAIN_PARSE_LIVE)))
        return -1;
    if (!difference(before, active, edit->change, &device)) {
        if (edit->change == DEVICE_UPDATE && says_the_same(before, active))
            return persistent ? xen_commit(xen, op->domain, facts, op->error) : 0;
        return op_fail(op, VIR_ERR_OPERATION_UNSUPPORTED,
                       _("a device of this kind can't be changed while domain '%s' runs"), op->view->name);
    }
    if (persistent && edit->change == DEVICE_ATTACH)
        give_same_address(&device, defined, persistent);
    if (move_device(op, id, edit->change, &device) < 0)
        return -1;
    xen_tell_passed_over(before, active);
    facts->active = active;
    if (persistent)
        facts->persistent = persistent;
    if ((xen_domain(op->domain)->ours && xen_record_change(xen, active, op->error) < 0)
        || xen_commit(xen, op->domain, facts, op->error) < 0) {
        take_back(op, id, edit->change, &device);
        return -1;
    }
    xen_devices_own(xen, op->domain, edit->change, &device);
    announce(op, edit->change, &device);
    return 0;
}

/* Which devices it has now, whoever has made it and them. */
static void look_at_devices(Op *op, int id)
{
    XenHost *xen = xen_host(op->host);

    xen_describe_held(xen, op->domain, id);
    xen_devices_held(xen, op->domain);
}

static int change_device(Op *op, uint32_t flags, const Edit *edit)
{
    g_autoptr(DomainConfig) persistent = NULL;
    DomainFacts facts;
    OpAffects affects;
    XenInfo info;

    if (op_affects(op, op->view, flags, &affects) < 0 || (affects.live && xen_need_awake(op, &info) < 0))
        return -1;
    if (affects.live)
        look_at_devices(op, info.id);
    facts = change_facts(op->domain);
    if (affects.config && !(persistent = edited(op, facts.persistent, edit, 0)))
        return -1;
    /* what is taken away may be what can't be had */
    if (persistent && edit->change != DEVICE_DETACH && xen_check_document(xen_host(op->host), persistent, op->error) < 0)
        return -1;
    if (persistent && !affects.live)
        xen_tell_passed_over(facts.persistent, persistent);
    if (affects.live)
        return change_live(op, info.id, edit, &facts, persistent);
    facts.persistent = persistent;
    return xen_commit(xen_host(op->host), op->domain, &facts, op->error);
}

int xen_domain_attach_device_flags(Op *op, const RemoteDomainAttachDeviceFlagsArgs *args)
{
    if (op_check_flags(op, args->flags, AFFECT) < 0)
        return -1;
    return change_device(op, args->flags, &(Edit){ .change = DEVICE_ATTACH, .document = args->xml });
}

int xen_domain_detach_device_flags(Op *op, const RemoteDomainDetachDeviceFlagsArgs *args)
{
    if (op_check_flags(op, args->flags, AFFECT) < 0)
        return -1;
    return change_device(op, args->flags, &(Edit){ .change = DEVICE_DETACH, .document = args->xml });
}

int xen_domain_detach_device_alias(Op *op, const RemoteDomainDetachDeviceAliasArgs *args)
{
    if (op_check_flags(op, args->flags, AFFECT) < 0)
        return -1;
    return change_device(op, args->flags, &(Edit){ .change = DEVICE_DETACH, .alias = args->alias });
}

int xen_domain_update_device_flags(Op *op, const RemoteDomainUpdateDeviceFlagsArgs *args)
{
    if (op_check_flags(op, args->flags, AFFECT) < 0)
        return -1;
    return change_device(op, args->flags, &(Edit){ .change = DEVICE_UPDATE, .document = args->xml });
}
