/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules about devices of the host, interfaces that are such a device included: places on a SCSI bus for those
 * that have none, addresses that fit the kind of device, and that nothing is handed out twice.
 * Pure functions of the config: any thread, no lock. */
#include <inttypes.h>

#include "base/i18n.h"
#include "base/uuid.h"
#include "conf/rules/common.h"

/* --- places on a SCSI bus ---------------------------------------------------------------------- */

#define NARROW_UNITS 7
#define WIDE_UNITS 16
#define WIDE_CONTROLLER_UNIT 7    /* is the controller itself */

/* Which places of the first controllers are taken, bus and target being 0. */
typedef struct Places {
    bool *taken;
    size_t n;
    unsigned units;    /* of a controller */
} Places;

static void places_take(Places *places, const Address *address)
{
    const DriveAddress *drive = &address->drive;
    uint64_t place = (uint64_t)drive->controller * places->units + drive->unit;

    if (address_is_drive(address) && drive->bus == 0 && drive->target == 0 && drive->unit < places->units &&
        place < places->n)
        places->taken[place] = true;
}

/* There are at least as many places as devices, so that one is always free. */
static void places_init(Places *places, const DomainConfig *config, const HostDevice *list, unsigned n,
                        DomainCheck *check)
{
    bool wide = check->rules->takes & DOMAIN_TAKES_WIDE_SCSI;

    places->units = wide ? WIDE_UNITS : NARROW_UNITS;
    places->n = 2 * ((size_t)config->devices.n_disks + n) + WIDE_UNITS;
    places->taken = arena_zalloc(check->arena, places->n * sizeof *places->taken);
    for (size_t place = WIDE_CONTROLLER_UNIT; wide && place < places->n; place += WIDE_UNITS)
        places->taken[place] = true;
    for (unsigned i = 0; i < config->devices.n_disks; i++)
        if (config->devices.disks[i]->target.bus == DISK_BUS_SCSI && config->devices.disks[i]->info.address)
            places_take(places, config->devices.disks[i]->info.address);
    for (unsigned i = 0; i < n; i++)
        if (host_device_is_scsi(&list[i]) && list[i].info->address)
            places_take(places, list[i].info->address);
}

static GHashTable *drives_of_disks(const DomainConfig *config, Arena *arena)
{
    GHashTable *drives = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned i = 0; i < config->devices.n_disks; i++) {
        const Disk *disk = config->devices.disks[i];

        if (disk->target.bus == DISK_BUS_SCSI && address_is_drive(disk->info.address))
            g_hash_table_add(drives, drive_key(&disk->info.address->drive, arena));
    }
    return drives;
}

static int refuse_drive(const DriveAddress *drive, int code, DomainCheck *check)
{
    return domain_fail(check, code,
                       _("The SCSI address controller='%u' bus='%u' target='%u' unit='%u' of a <hostdev> is taken by "
                         "another device"),
                       drive->controller, drive->bus, drive->target, drive->unit);
}

/* A SCSI device of the host takes the first free place of the first controllers, which needn't be there yet. */
static int place_scsi(DomainConfig *config, const HostDevice *list, unsigned n, DomainCheck *check)
{
    g_autoptr(GHashTable) disks = drives_of_disks(config, check->arena);
    Places places;
    size_t next = 0;

    places_init(&places, config, list, n, check);
    for (unsigned i = 0; i < n; i++) {
        DeviceInfo *info = list[i].info;

        if (!host_device_is_scsi(&list[i]))
            continue;
        if (!info->address) {
            while (places.taken[next])
                next++;
            places.taken[next] = true;
            info->address = ELEMENT_NEW(check->arena, Address);
            info->address->type = ADDRESS_TYPE_DRIVE;
            info->address->drive = (DriveAddress){
                .controller = (unsigned)(next / places.units), .unit = (unsigned)(next % places.units),
                .has_controller = true, .has_bus = true, .has_target = true, .has_unit = true,
            };
        }
        if (address_is_drive(info->address) &&
            g_hash_table_contains(disks, drive_key(&info->address->drive, check->arena)))
            return refuse_drive(&info->address->drive, VIR_ERR_XML_ERROR, check);
    }
    return 0;
}

static int check_mdev_address(const HostDevice *device, DomainCheck *check)
{
    const Address *address = device->info->address;

    if (device->type != HOSTDEV_TYPE_MDEV || !address)
        return 0;
    if ((device->model == MDEV_MODEL_VFIO_PCI && address->type != ADDRESS_TYPE_PCI) ||
        (device->model == MDEV_MODEL_VFIO_CCW && address->type != ADDRESS_TYPE_CCW))
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("A mediated device with model='%s' can't have an <address> with type='%s'"),
                           element_word(&mdev_model_words, device->model),
                           element_word(&address_type_words, address->type));
    return 0;
}

int rule_hostdev_addresses(DomainConfig *config, DomainCheck *check)
{
    unsigned n;
    const HostDevice *list = host_devices(config, check->arena, &n);

    if (n == 0)
        return 0;
    for (unsigned i = 0; i < n; i++)
        if (check_mdev_address(&list[i], check) < 0)
            return -1;
    return place_scsi(config, list, n, check);
}

/* --- what doesn't fit -------------------------------------------------------------------------- */

static int check_address(const HostDevice *device, DomainCheck *check)
{
    static const struct {
        uint32_t types;    /* bits of AddressType */
        int code;
    } allowed[] = {
        [HOSTDEV_TYPE_PCI] = { 1 << ADDRESS_TYPE_PCI | 1 << ADDRESS_TYPE_UNASSIGNED, VIR_ERR_INTERNAL_ERROR },
        [HOSTDEV_TYPE_USB] = { 1 << ADDRESS_TYPE_USB, VIR_ERR_CONFIG_UNSUPPORTED },
        [HOSTDEV_TYPE_SCSI] = { 1 << ADDRESS_TYPE_DRIVE, VIR_ERR_CONFIG_UNSUPPORTED },
        [HOSTDEV_TYPE_SCSI_HOST] = { 1 << ADDRESS_TYPE_PCI | 1 << ADDRESS_TYPE_CCW, VIR_ERR_CONFIG_UNSUPPORTED },
        [HOSTDEV_TYPE_MDEV] = { UINT32_MAX, 0 },
    };
    const Address *address = device->info->address;

    if (!device->type || !address || allowed[device->type].types & UINT32_C(1) << address->type)
        return 0;
    return domain_fail(check, allowed[device->type].code,
                       _("A host device with type='%s' can't have an <address> with type='%s'"),
                       element_word(&hostdev_type_words, device->type),
                       element_word(&address_type_words, address->type));
}

static int check_teaming(const HostDevice *device, DomainCheck *check)
{
    const Teaming *teaming = device->hostdev ? device->hostdev->teaming : NULL;

    if (!teaming)
        return 0;
    if (teaming->type != TEAMING_TYPE_TRANSIENT)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute type='%s' of <teaming> must be 'transient' for a <hostdev>"),
                           element_word(&teaming_type_words, teaming->type));
    if (!teaming->persistent)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("<teaming type='transient'> of a <hostdev> needs the attribute 'persistent'"));
    if (device->type != HOSTDEV_TYPE_PCI)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The element <teaming> of a <hostdev> is only for devices with type='pci'"));
    return 0;
}

static int check_device(const HostDevice *device, DomainCheck *check)
{
    if (check_address(device, check) < 0)
        return -1;
    if (device->type == HOSTDEV_TYPE_SCSI && device->sgio == HOSTDEV_SGIO_UNFILTERED)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute sgio='unfiltered' of a <hostdev> is no longer supported"));
    return check_teaming(device, check);
}

/* --- what is there twice ----------------------------------------------------------------------- */

static const char *usb_address_key(const HostdevAddress *address, Arena *arena)
{
    return arena_printf(arena, "usb:%u:%u", address->bus, address->device);
}

static const char *usb_ids_key(const HostdevSource *source, Arena *arena)
{
    return arena_printf(arena, "ids:%x:%x", source->vendor ? source->vendor->id : 0,
                        source->product ? source->product->id : 0);
}

/* The source as text: equal for the same device of the host. Not for USB, where it is not that simple. */
static const char *source_key(const HostDevice *device, Arena *arena)
{
    const HostdevSource *source = device->source;
    const HostPciAddress *pci = &source->address.pci;
    char uuid[UUID_TEXT_SIZE];

    switch (device->type) {
    case HOSTDEV_TYPE_PCI:
        return arena_printf(arena, "pci:%x:%x:%x:%x", pci->domain, pci->bus, pci->slot, pci->function);
    case HOSTDEV_TYPE_SCSI:
        if (source->protocol == HOSTDEV_SCSI_PROTOCOL_ISCSI)
            return arena_printf(arena, "iscsi:%u:%s %s", source->hosts[0]->port,
                                source->hosts[0]->name ? source->hosts[0]->name : "", source->name);
        return arena_printf(arena, "scsi:%u:%u:%" PRIu64 ":%s", source->scsi_address.bus,
                            source->scsi_address.target, source->scsi_address.unit, source->adapter->name);
    case HOSTDEV_TYPE_SCSI_HOST:
        return arena_printf(arena, "vhost:%s", source->wwpn);
    case HOSTDEV_TYPE_MDEV:
        return arena_printf(arena, "mdev:%s", uuid_format(&source->address.uuid, uuid));
    case HOSTDEV_TYPE_USB:
    case HOSTDEV_TYPE_ABSENT:
        break;
    }
    g_assert_not_reached();
}

static const char *capability_key(const HostDevice *device, Arena *arena)
{
    const HostdevCapabilitySource *source = &device->hostdev->capability_source;
    const char *what = source->block ? source->block : source->device ? source->device : source->interface;

    return arena_printf(arena, "%s:%s", element_word(&hostdev_capability_words, device->capability), what);
}

/* True when the device is one of those before it; then adds it to them. A USB device with a bus and a number is
 * known by these, whatever its ids; one without is known by its ids, to those behind it too that have both. */
static bool is_known(GHashTable *known, const HostDevice *device, Arena *arena)
{
    const HostdevAddress *address = &device->source->address;

    if (device->type == HOSTDEV_TYPE_USB) {
        const char *place = usb_address_key(address, arena), *ids = usb_ids_key(device->source, arena);

        return g_hash_table_contains(known, place) || g_hash_table_contains(known, ids) ||
               !g_hash_table_add(known, (void *)(address->bus && address->device ? place : ids));
    }
    return !g_hash_table_add(known, (void *)(device->type ? source_key(device, arena)
                                                          : capability_key(device, arena)));
}

static int check_duplicates(const HostDevice *list, unsigned n, DomainCheck *check)
{
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    bool ramfb = false;

    for (unsigned i = 0; i < n; i++) {
        bool wants = list[i].hostdev && list[i].hostdev->ramfb == TRISTATE_YES;

        if (is_known(known, &list[i], check->arena))
            return domain_fail(check, VIR_ERR_XML_ERROR,
                               _("The device of the host in the <source> of host device %u is in the document twice"),
                               i + 1);
        if (wants && ramfb)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("More than one <hostdev> has the attribute ramfb='on'"));
        ramfb |= wants;
    }
    return 0;
}

static int check_drives(const HostDevice *list, unsigned n, DomainCheck *check)
{
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned i = 0; i < n; i++) {
        const Address *address = list[i].info->address;

        if (host_device_is_scsi(&list[i]) && address_is_drive(address) &&
            !g_hash_table_add(known, drive_key(&address->drive, check->arena)))
            return refuse_drive(&address->drive, VIR_ERR_CONFIG_UNSUPPORTED, check);
    }
    return 0;
}

int rule_hostdevs(DomainConfig *config, DomainCheck *check)
{
    unsigned n;
    const HostDevice *list = host_devices(config, check->arena, &n);

    for (unsigned i = 0; i < n; i++)
        if (check_device(&list[i], check) < 0)
            return -1;
    if (check_duplicates(list, n, check) < 0)
        return -1;
    return check_drives(list, n, check);
}
