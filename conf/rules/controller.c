/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of controllers: their order and indexes, those that disks, channels, smart cards and SCSI devices need
 * but the document doesn't have, and what a controller may not be.
 * Pure functions of the config: any thread, no lock. None of them is slower than sorting. */
#include <stdlib.h>

#include "base/i18n.h"
#include "conf/rules/common.h"

static void add_controller(DomainConfig *config, DomainCheck *check, Controller *controller)
{
    Devices *devices = &config->devices;

    element_list_add(check->arena, (void ***)&devices->controllers, &devices->n_controllers, controller);
}

/* --- order ------------------------------------------------------------------------------------- */

/* Controllers of one type stand together where the first of them stood, by index; those without an index stay
 * behind what was the last one when they came. A place has all that decides. */
typedef struct Place {
    Controller *controller;
    unsigned group;          /* the number of the type's first controller */
    int64_t index;           /* its own, or of the one that it stays behind; -1 for none */
    bool companion;          /* of two with the same index the companion comes later */
    unsigned anchor;         /* the number of the one that gave the index */
    bool behind;
    unsigned number;         /* in the document */
} Place;

/* The order of what gave the index alone. */
static int compare_anchors(const Place *x, const Place *y)
{
    int rc = number_order(x->index, y->index);

    if (rc == 0)
        rc = number_order(x->companion, y->companion);
    return rc ? rc : number_order(x->anchor, y->anchor);
}

static int compare_places(const void *a, const void *b)
{
    const Place *x = a, *y = b;
    int rc = number_order(x->group, y->group);

    if (rc == 0)
        rc = compare_anchors(x, y);
    if (rc == 0)
        rc = number_order(x->behind, y->behind);
    return rc ? rc : number_order(x->number, y->number);
}

/* `last`: the place with the highest index of the type so far; NULL: none has one. */
static Place find_place(Controller *controller, unsigned group, unsigned number, const Place *last)
{
    Place place = { .controller = controller, .group = group, .number = number };

    if (controller->has_index) {
        place.index = controller->index;
        place.companion = controller->info.master != NULL;
        place.anchor = number;
        return place;
    }
    place.index = last ? last->index : -1;
    place.companion = last && last->companion;
    place.anchor = last ? last->anchor : 0;
    place.behind = true;
    return place;
}

#define CONTROLLER_TYPES (CONTROLLER_TYPE_ISA + 1)

int rule_controller_order(DomainConfig *config, DomainCheck *check)
{
    Devices *devices = &config->devices;
    const Place *last[CONTROLLER_TYPES] = { NULL };
    unsigned first[CONTROLLER_TYPES] = { 0 };    /* number + 1 */
    Place *places;

    if (devices->n_controllers < 2 || check->flags & ELEMENT_STORED)    /* what we stored has its order */
        return 0;
    places = arena_array(check->arena, devices->n_controllers, sizeof *places);
    for (unsigned i = 0; i < devices->n_controllers; i++) {
        Controller *controller = devices->controllers[i];
        ControllerType type = controller->type;

        if (first[type] == 0)
            first[type] = i + 1;
        places[i] = find_place(controller, first[type], i, last[type]);
        if (controller->has_index && (!last[type] || compare_anchors(last[type], &places[i]) < 0))
            last[type] = &places[i];
    }
    qsort(places, devices->n_controllers, sizeof *places, compare_places);
    for (unsigned i = 0; i < devices->n_controllers; i++)
        devices->controllers[i] = places[i].controller;
    return 0;
}

/* --- indexes ----------------------------------------------------------------------------------- */

/* The controllers of a config by type and index. */
typedef struct Indexes {
    GHashTable *taken;                     /* key_of → the Controller */
    unsigned lowest[CONTROLLER_TYPES];     /* no index below it is free */
} Indexes;

static gpointer key_of(ControllerType type, unsigned index)
{
    return GSIZE_TO_POINTER((gsize)index << 8 | type);
}

static guint hash_key(gconstpointer key)
{
    gsize value = (gsize)key;

    return (guint)((value >> 8) * 0x9e3779b1u ^ (value & 0xff));
}

static void indexes_put(Indexes *indexes, Controller *controller)
{
    gpointer key = key_of(controller->type, (unsigned)controller->index);

    if (controller->has_index && !g_hash_table_contains(indexes->taken, key))
        g_hash_table_insert(indexes->taken, key, controller);
}

static void indexes_init(Indexes *indexes, const DomainConfig *config)
{
    *indexes = (Indexes){ .taken = g_hash_table_new(hash_key, NULL) };
    for (unsigned i = 0; i < config->devices.n_controllers; i++)
        indexes_put(indexes, config->devices.controllers[i]);
}

static void indexes_deinit(Indexes *indexes)
{
    g_clear_pointer(&indexes->taken, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Indexes, indexes_deinit)

static Controller *indexes_find(const Indexes *indexes, ControllerType type, unsigned index)
{
    return g_hash_table_lookup(indexes->taken, key_of(type, index));
}

static unsigned indexes_free(Indexes *indexes, ControllerType type)
{
    while (indexes_find(indexes, type, indexes->lowest[type]))
        indexes->lowest[type]++;
    return indexes->lowest[type];
}

/* A USB 2 controller or one of its companions. */
static bool is_usb2(const Controller *controller)
{
    return controller->type == CONTROLLER_TYPE_USB && controller->usb_model >= USB_MODEL_ICH9_EHCI1 &&
           controller->usb_model <= USB_MODEL_ICH9_UHCI3;
}

static gpointer usb_key(const Controller *controller, int index)
{
    return GSIZE_TO_POINTER((gsize)(unsigned)index << 8 | controller->usb_model);
}

/* The parts of a USB 2 controller have one index: a part goes on with that of the USB controller before it, unless
 * that one is none or already has such a part. -1: another one. */
static int usb2_index(const Controller *controller, const Controller *before, GHashTable *parts)
{
    if (!is_usb2(controller) || !before || !is_usb2(before))
        return -1;
    return g_hash_table_contains(parts, usb_key(controller, before->index)) ? -1 : before->index;
}

static bool all_have_indexes(const Devices *devices)
{
    for (unsigned i = 0; i < devices->n_controllers; i++)
        if (!devices->controllers[i]->has_index)
            return false;
    return true;
}

int rule_controller_indexes(DomainConfig *config, DomainCheck *check)
{
    g_autoptr(GHashTable) parts = NULL;    /* usb_key of each */
    g_auto(Indexes) indexes = { NULL };
    const Devices *devices = &config->devices;
    const Controller *before = NULL;       /* the USB controller before */

    (void)check;
    if (all_have_indexes(devices))
        return 0;
    parts = g_hash_table_new(hash_key, NULL);
    indexes_init(&indexes, config);
    for (unsigned i = 0; i < devices->n_controllers; i++)
        if (devices->controllers[i]->type == CONTROLLER_TYPE_USB && devices->controllers[i]->has_index)
            g_hash_table_add(parts, usb_key(devices->controllers[i], devices->controllers[i]->index));
    for (unsigned i = 0; i < devices->n_controllers; i++) {
        Controller *controller = devices->controllers[i];

        if (!controller->has_index) {
            controller->index = usb2_index(controller, before, parts);
            if (controller->index < 0)
                controller->index = (int)indexes_free(&indexes, controller->type);
            controller->has_index = true;
            indexes_put(&indexes, controller);
        }
        if (controller->type == CONTROLLER_TYPE_USB) {
            g_hash_table_add(parts, usb_key(controller, controller->index));
            before = controller;
        }
    }
    return 0;
}

/* --- what devices need ------------------------------------------------------------------------- */

/* A device on a controller with a high index brings all below it along. */
#define IMPLICIT_INDEX_MAX 16383

/* What an address says; INT_MAX + 1 and more count as -1, so that nothing comes along. */
static int controller_of(const Address *address)
{
    return address_is_drive(address) ? (int)address->drive.controller : 0;
}

static void need_one(DomainConfig *config, DomainCheck *check, Indexes *indexes, ControllerType type, unsigned index,
                     ScsiModel model)
{
    Controller *controller;

    if (indexes_find(indexes, type, index))
        return;
    controller = ELEMENT_NEW(check->arena, Controller);
    controller->type = type;
    controller->scsi_model = model;
    controller->index = (int)index;
    controller->has_index = true;
    add_controller(config, check, controller);
    indexes_put(indexes, controller);
}

/* All from `first` to `last`; -1: none. */
static int need_all(DomainConfig *config, DomainCheck *check, Indexes *indexes, ControllerType type, int first,
                    int last, ScsiModel model)
{
    if (last > IMPLICIT_INDEX_MAX)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute 'controller' of an <address> is %d; controllers are made up to %d"), last,
                           IMPLICIT_INDEX_MAX);
    for (int i = first; i <= last; i++)
        need_one(config, check, indexes, type, (unsigned)i, model);
    return 0;
}

static int need_for_disks(DomainConfig *config, DomainCheck *check, Indexes *indexes, ControllerType type, DiskBus bus)
{
    int last = -1;

    for (unsigned i = 0; i < config->devices.n_disks; i++) {
        const Disk *disk = config->devices.disks[i];
        const Address *address = disk->info.address;

        if (disk->target.bus == bus && address_is_drive(address))
            last = MAX(last, controller_of(address));
    }
    return need_all(config, check, indexes, type, 0, last, SCSI_MODEL_ABSENT);
}

/* An index that is none (see controller_of) means the lowest free one. */
static void need_serial(DomainConfig *config, DomainCheck *check, Indexes *indexes, const Address *address)
{
    unsigned index = 0;

    if (address && address->type == ADDRESS_TYPE_VIRTIO_SERIAL)
        index = address->virtio_serial.controller;
    if (index > INT32_MAX)
        index = indexes_free(indexes, CONTROLLER_TYPE_VIRTIO_SERIAL);
    need_one(config, check, indexes, CONTROLLER_TYPE_VIRTIO_SERIAL, index, SCSI_MODEL_ABSENT);
}

static void need_for_serial(DomainConfig *config, DomainCheck *check, Indexes *indexes)
{
    const Devices *devices = &config->devices;

    for (unsigned i = 0; i < devices->n_channels; i++)
        if (devices->channels[i]->target.type == CHANNEL_TARGET_TYPE_VIRTIO)
            need_serial(config, check, indexes, devices->channels[i]->info.address);
    for (unsigned i = 0; i < devices->n_consoles; i++)
        if (devices->consoles[i]->target.type == CONSOLE_TARGET_TYPE_VIRTIO)
            need_serial(config, check, indexes, devices->consoles[i]->info.address);
}

static bool is_in_reader(const Address *address)
{
    return address && address->type == ADDRESS_TYPE_CCID;
}

/* A card without a place gets the slot behind the last one of the first reader. */
static void need_for_smartcards(DomainConfig *config, DomainCheck *check, Indexes *indexes)
{
    const Devices *devices = &config->devices;
    int64_t last = -1;

    for (unsigned i = 0; i < devices->n_smartcards; i++) {
        const Address *address = devices->smartcards[i]->info.address;

        if (is_in_reader(address) && address->ccid.controller == 0)
            last = MAX(last, (int)address->ccid.slot);
    }
    for (unsigned i = 0; i < devices->n_smartcards; i++) {
        DeviceInfo *info = &devices->smartcards[i]->info;
        unsigned index;

        if (!info->address) {
            info->address = ELEMENT_NEW(check->arena, Address);
            info->address->type = ADDRESS_TYPE_CCID;
            info->address->ccid = (CcidAddress){ .slot = (unsigned)++last, .has_controller = true, .has_slot = true };
        }
        index = is_in_reader(info->address) ? info->address->ccid.controller : 0;
        if (index > INT32_MAX)
            index = indexes_free(indexes, CONTROLLER_TYPE_CCID);
        need_one(config, check, indexes, CONTROLLER_TYPE_CCID, index, SCSI_MODEL_ABSENT);
    }
}

/* SCSI devices of the host bring controllers like the one that the device with the highest index is on, or else
 * like the last one that there was. Each device of the document is judged by itself, in order. */
int rule_controller_hostdevs(DomainConfig *config, DomainCheck *check)
{
    unsigned n;
    const HostDevice *list = host_devices(config, check->arena, &n);
    g_auto(Indexes) indexes = { NULL };
    int last = -1;

    if (n == 0)
        return 0;
    indexes_init(&indexes, config);
    for (unsigned i = 0; i < n; i++) {
        int index = controller_of(list[i].info->address);
        ScsiModel model = SCSI_MODEL_ABSENT;
        const Controller *like;

        if (!host_device_is_scsi(&list[i]) || index <= last)
            continue;
        like = indexes_find(&indexes, CONTROLLER_TYPE_SCSI, (unsigned)index);
        if (!like && last >= 0)
            like = indexes_find(&indexes, CONTROLLER_TYPE_SCSI, (unsigned)last);
        if (like)
            model = like->scsi_model;
        if (need_all(config, check, &indexes, CONTROLLER_TYPE_SCSI, last + 1, index, model) < 0)
            return -1;
        last = index;
    }
    return 0;
}

/* The same once more for those that got their address since: all together. */
static int need_for_hostdevs(DomainConfig *config, DomainCheck *check, Indexes *indexes)
{
    unsigned n;
    const HostDevice *list = host_devices(config, check->arena, &n);
    ScsiModel model = SCSI_MODEL_ABSENT;
    int last = -1;

    for (unsigned i = 0; i < n; i++) {
        int index = controller_of(list[i].info->address);
        const Controller *like;

        if (!host_device_is_scsi(&list[i]) || index <= last)
            continue;
        like = indexes_find(indexes, CONTROLLER_TYPE_SCSI, (unsigned)index);
        if (like)
            model = like->scsi_model;
        last = index;
    }
    return need_all(config, check, indexes, CONTROLLER_TYPE_SCSI, 0, last, model);
}

int rule_controller_implicit(DomainConfig *config, DomainCheck *check)
{
    g_auto(Indexes) indexes = { NULL };

    indexes_init(&indexes, config);
    if (need_for_disks(config, check, &indexes, CONTROLLER_TYPE_SCSI, DISK_BUS_SCSI) < 0 ||
        need_for_disks(config, check, &indexes, CONTROLLER_TYPE_FDC, DISK_BUS_FDC) < 0 ||
        need_for_disks(config, check, &indexes, CONTROLLER_TYPE_IDE, DISK_BUS_IDE) < 0 ||
        need_for_disks(config, check, &indexes, CONTROLLER_TYPE_SATA, DISK_BUS_SATA) < 0)
        return -1;
    need_for_serial(config, check, &indexes);
    need_for_smartcards(config, check, &indexes);
    return need_for_hostdevs(config, check, &indexes);
}

/* --- what can't be ----------------------------------------------------------------------------- */

/* Only of USB there may be several with one index: the parts of a USB 2 controller. */
int rule_controller_twice(DomainConfig *config, DomainCheck *check)
{
    g_autoptr(GHashTable) found = NULL;

    if (config->devices.n_controllers < 2)
        return 0;
    found = g_hash_table_new(hash_key, NULL);
    for (unsigned i = 0; i < config->devices.n_controllers; i++) {
        const Controller *controller = config->devices.controllers[i];

        if (controller->type != CONTROLLER_TYPE_USB &&
            !g_hash_table_add(found, key_of(controller->type, (unsigned)controller->index)))
            return domain_fail(check, VIR_ERR_XML_ERROR,
                               _("There are two controllers with type='%s' and index='%d'"),
                               element_word(&controller_type_words, controller->type), controller->index);
    }
    return 0;
}

int rule_controller_usb(DomainConfig *config, DomainCheck *check)
{
    unsigned none = 0, companions = 0, others = 0;

    for (unsigned i = 0; i < config->devices.n_controllers; i++) {
        const Controller *controller = config->devices.controllers[i];

        if (controller->type != CONTROLLER_TYPE_USB)
            continue;
        if (controller->usb_model == USB_MODEL_NONE)
            none++;
        else if (controller->info.master)
            companions++;
        else
            others++;
    }
    if (none > 0 && none + companions + others > 1)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("A USB controller with model='none' switches USB off, but there is another one"));
    if (companions > 0 && others == 0)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("USB controllers with <master> need another one that has none"));
    return 0;
}

static int check_number(DomainCheck *check, const char *name, int value, int least, int most)
{
    if (value >= least && value <= most)
        return 0;
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("The attribute '%s' of a PCI controller's <target> is %d, it must be from %d to %d"), name,
                       value, least, most);
}

static int check_pci_target(const Controller *controller, DomainCheck *check)
{
    const PciTarget *target = controller->target;

    if (target->has_index && check_number(check, "index", target->index, 0, 30) < 0)
        return -1;
    if (target->has_index && (controller->index == 0) != (target->index == 0))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The PCI controller %d can't have <target index='%d'>: only the controller 0 has the "
                             "index 0"),
                           controller->index, target->index);
    if ((target->has_chassis_nr && check_number(check, "chassisNr", target->chassis_nr, 1, 255) < 0) ||
        (target->has_chassis && check_number(check, "chassis", target->chassis, 0, 255) < 0) ||
        (target->has_port && check_number(check, "port", target->port, 0, 255) < 0) ||
        (target->has_bus_nr && check_number(check, "busNr", target->bus_nr, 1, 254) < 0))
        return -1;
    if (target->has_node && controller->index == 0)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The PCI controller 0 can't have the <node> %d"), target->node);
    return 0;
}

static int check_pci(const Controller *controller, DomainCheck *check)
{
    bool root = controller->pci_model == PCI_MODEL_PCI_ROOT || controller->pci_model == PCI_MODEL_PCIE_ROOT;

    if (root && controller->info.address)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("A PCI controller with model='%s' can't have an <address>"),
                           element_word(&pci_model_words, controller->pci_model));
    if (controller->index > 255)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute 'index' of a PCI controller is %d, it can't be above 255"),
                           controller->index);
    return controller->target ? check_pci_target(controller, check) : 0;
}

static bool has_iothread(const Controller *controller)
{
    return controller->driver && controller->driver->has_iothread && controller->driver->iothread != 0;
}

/* Virtio SCSI controllers use the thread. libvirt goes by the model's number alone and so lets some USB and PCI
 * controllers name one, too; such documents are taken here as well. */
static bool may_have_iothread(const Controller *controller)
{
    unsigned model = controller->scsi_model;    /* a controller has a model of one kind alone */

    model += controller->usb_model;
    model += controller->pci_model;
    return model == SCSI_MODEL_VIRTIO_SCSI || model == SCSI_MODEL_VIRTIO_TRANSITIONAL ||
           model == SCSI_MODEL_VIRTIO_NON_TRANSITIONAL;
}

int rule_controller_iothread(DomainConfig *config, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_controllers; i++) {
        const Controller *controller = config->devices.controllers[i];

        if (has_iothread(controller) && !may_have_iothread(controller))
            return domain_fail(check, VIR_ERR_XML_ERROR,
                               _("A controller with type='%s' can't have <driver iothread='%u'>, only virtio SCSI "
                                 "controllers can"),
                               element_word(&controller_type_words, controller->type), controller->driver->iothread);
    }
    return 0;
}

int rule_controller_pci(DomainConfig *config, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_controllers; i++)
        if (config->devices.controllers[i]->type == CONTROLLER_TYPE_PCI &&
            check_pci(config->devices.controllers[i], check) < 0)
            return -1;
    return 0;
}
