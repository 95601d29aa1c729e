/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices one at a time: attach, detach, update. The device's document goes through the same table and hooks as in a
 * whole one, and then the rules judge the whole config. By what a device is known is in device-match.c.
 * Any thread, no lock; the config is the caller's alone. */
#include "conf/device.h"

#include <string.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "conf/config-private.h"
#include "conf/device-private.h"
#include "conf/element-private.h"
#include "conf/xml.h"

#define MEMORY_MAX ((uint64_t)INT64_MAX / 1024)    /* KiB */

/* --- places of devices ----------------------------------------------------------------------- */

/* Where devices of one name are: one row of the table Devices. */
typedef struct Shelf {
    const ElementRow *row;
    void *devices;
} Shelf;

static unsigned shelf_count(const Shelf *shelf)
{
    if (shelf->row->place == ROW_LIST)
        return ROW_AT(shelf->devices, shelf->row->more, unsigned);
    return ROW_AT(shelf->devices, shelf->row->offset, void *) != NULL;
}

/* Where the pointer to device `i` is. */
static void **shelf_slot(const Shelf *shelf, unsigned i)
{
    if (shelf->row->place == ROW_LIST)
        return &ROW_AT(shelf->devices, shelf->row->offset, void **)[i];
    return &ROW_AT(shelf->devices, shelf->row->offset, void *);
}

static void shelf_remove(const Shelf *shelf, unsigned i)
{
    if (shelf->row->place == ROW_LIST)
        element_list_remove(ROW_AT(shelf->devices, shelf->row->offset, void **),
                            &ROW_AT(shelf->devices, shelf->row->more, unsigned), i);
    else
        *shelf_slot(shelf, 0) = NULL;
}

static void shelf_add(const Shelf *shelf, void *device, Arena *arena)
{
    if (shelf->row->place == ROW_LIST)
        element_list_add(arena, &ROW_AT(shelf->devices, shelf->row->offset, void **),
                         &ROW_AT(shelf->devices, shelf->row->more, unsigned), device);
    else
        *shelf_slot(shelf, 0) = device;
}

static bool find_shelf(DomainConfig *config, const char *name, Shelf *shelf)
{
    const ElementType *type = &devices_type;

    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++)
        if ((row->place == ROW_LIST || row->place == ROW_CHILD) && strcmp(row->name, name) == 0) {
            *shelf = (Shelf){ .row = row, .devices = &config->devices };
            return true;
        }
    return false;
}

/* --- the device's document ------------------------------------------------------------------- */

typedef struct Change {
    DomainConfig *config;
    ElementParse parse;
    Shelf shelf;
    void *device;            /* in the config's arena */
    const void *old;         /* what an update replaced */
    unsigned left;           /* of the kind that a detached device is of */
    Error *error;
} Change;

/* A copy of the device goes into the arena, because the document's tree is gone when this returns. */
static int read_device(Change *change, const char *document, size_t size)
{
    g_autoptr(xmlDoc) doc = xml_parse(document, size, DOMAIN_TEXT_LIMIT, "device_definition", VIR_FROM_DOMAIN,
                                      change->error);
    const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    void *device;
    int rc;

    if (!root)
        return -1;
    if (root->ns || !find_shelf(change->config, (const char *)root->name, &change->shelf))
        return error_set(change->error, VIR_FROM_XML, VIR_ERR_XML_ERROR, _("'%s' is no kind of device"),
                         (const char *)root->name);
    device = arena_zalloc(change->parse.arena, change->shelf.row->type->size);
    rc = element_parse(change->shelf.row->type, device, root, 0, &change->parse);
    if (rc < 0)
        return -1;
    if (rc == 1)
        return error_set(change->error, VIR_FROM_XML, VIR_ERR_XML_ERROR, _("The device '%s' says nothing"),
                         (const char *)root->name);
    change->device = element_copy(change->shelf.row->type, device, change->parse.arena);
    return 0;
}

/* A module's memory is part of the guest's; what it has at the start stays as it was. */
static int count_module(DomainConfig *config, const Shelf *shelf, const void *device, bool comes, Error *error)
{
    const MemoryDevice *module = device;
    uint64_t *total = &config->memory.value;

    if (shelf->row->type != &memory_device_type)
        return 0;
    if (!comes) {
        *total -= MIN(*total, module->target.size);
        config->current_memory = MIN(config->current_memory, *total);
    } else if (module->target.size > MEMORY_MAX - MIN(*total, MEMORY_MAX)) {
        return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_OVERFLOW,
                         _("domain '%s' would have more memory than can be counted"), config->name);
    } else {
        *total += module->target.size;
    }
    return 0;
}

/* The first console of a whole machine may be its first serial port by another name. */
static bool is_one_line(const DomainConfig *config)
{
    const Devices *devices = &config->devices;

    return config->os.type.name == OS_TYPE_NAME_HVM && devices->n_serials > 0 && devices->n_consoles > 0
           && devices->consoles[0]->target.type == CONSOLE_TARGET_TYPE_SERIAL;
}

/* Under all its names: else the rules would make it again of what is left. */
static void take_out(DomainConfig *config, const Shelf *shelf, unsigned at)
{
    Devices *devices = &config->devices;
    bool line = at == 0 && (shelf->row->type == &serial_type || shelf->row->type == &console_type) && is_one_line(config);

    if (line) {
        element_list_remove((void **)devices->serials, &devices->n_serials, 0);
        element_list_remove((void **)devices->consoles, &devices->n_consoles, 0);
    } else {
        count_module(config, shelf, *shelf_slot(shelf, at), false, NULL);
        shelf_remove(shelf, at);
    }
}

/* --- the three changes ----------------------------------------------------------------------- */

static int attach(Change *change)
{
    const Shelf *shelf = &change->shelf;
    unsigned n = shelf_count(shelf);

    if (shelf->row->place == ROW_CHILD && n)
        return error_set(change->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                         _("domain '%s' has a device '%s' already, and can't have two"), change->config->name,
                         shelf->row->name);
    for (unsigned i = 0; i < n; i++)
        if (device_conflicts(shelf->row->type, change->device, *shelf_slot(shelf, i)))
            return error_set(change->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                             _("domain '%s' has this device '%s' already"), change->config->name, shelf->row->name);
    shelf_add(shelf, change->device, change->parse.arena);
    return count_module(change->config, shelf, change->device, true, change->error);
}

/* The one device that the document means. */
static int find_device(Change *change, unsigned *at)
{
    const Shelf *shelf = &change->shelf;
    unsigned found = 0;

    for (unsigned i = 0; i < shelf_count(shelf); i++) {
        if (!device_matches(shelf->row->type, change->device, *shelf_slot(shelf, i)))
            continue;
        if (found++ == 0)
            *at = i;
    }
    if (found == 1)
        return 0;
    if (found == 0)
        return error_set(change->error, VIR_FROM_DOMAIN, VIR_ERR_DEVICE_MISSING,
                         _("domain '%s' has no such device '%s'"), change->config->name, shelf->row->name);
    return error_set(change->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED,
                     _("several devices '%s' of domain '%s' match; say more about the one that is meant"),
                     shelf->row->name, change->config->name);
}

static int detach(Change *change)
{
    unsigned at;

    if (find_device(change, &at) < 0)
        return -1;
    take_out(change->config, &change->shelf, at);
    change->left = shelf_count(&change->shelf);
    return 0;
}

/* What the rules make again, since the guest can't be without it, was not detached. A console is of the next port then. */
static int check_detached(const Change *change)
{
    const ElementRow *row = change->shelf.row;

    if (row->type == &console_type || shelf_count(&change->shelf) <= change->left)
        return 0;
    return error_set(change->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED,
                     _("domain '%s' can't be without this device '%s' as long as others need it"), change->config->name,
                     row->name);
}

/* Where the device is attached stays as it was unless the document says something else. */
static void keep_place(const ElementType *type, void *fresh, const void *old)
{
    DeviceInfo *to = (DeviceInfo *)device_info(type, fresh);
    const DeviceInfo *from = device_info(type, old);

    if (!to)
        return;
    if (!to->address)
        to->address = from->address;
    if (!to->alias)
        to->alias = from->alias;
}

static int update(Change *change)
{
    void **slot;
    unsigned at;

    if (find_device(change, &at) < 0)
        return -1;
    slot = shelf_slot(&change->shelf, at);
    change->old = *slot;
    *slot = change->device;
    keep_place(change->shelf.row->type, change->device, change->old);
    return 0;
}

/* What a running guest sees of an updated device must be what it saw; asked when the rules have completed it. */
static int check_update(const Change *change)
{
    const ElementRow *row = change->shelf.row;
    Error found = ERROR_INIT;
    int rc = 0;

    if (!change->old || change->parse.flags & ELEMENT_INACTIVE)
        return 0;
    if (element_check_abi(row->type, change->old, change->device, row->name, &found) < 0)
        rc = error_set(change->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_UNSUPPORTED, "%s", found.detail);
    error_clear(&found);
    return rc;
}

int domain_config_change_device(DomainConfig *config, DeviceChange kind, const char *document, size_t size,
                                const DomainRules *rules, unsigned flags, Error *error)
{
    static const DomainRules none;
    static int (*const changes[])(Change *change) = {
        [DEVICE_ATTACH] = attach, [DEVICE_DETACH] = detach, [DEVICE_UPDATE] = update,
    };
    Arena *arena = domain_config_arena(config);
    unsigned element_flags = flags & DOMAIN_PARSE_LIVE ? 0 : ELEMENT_INACTIVE;
    Change change = {
        .config = config, .error = error,
        .parse = { .arena = arena, .error = error, .flags = element_flags },
    };
    DomainCheck check = { .arena = arena, .error = error, .flags = element_flags, .rules = rules ? rules : &none };

    if (read_device(&change, document, size) < 0 || changes[kind](&change) < 0)
        return -1;
    if (domain_rules_run(config, &check) < 0 || check_update(&change) < 0)
        return -1;
    /* Some lists are in an order that needs what the first run has filled in. */
    return kind == DEVICE_DETACH ? check_detached(&change) : domain_rules_run(config, &check);
}

int domain_config_detach_alias(DomainConfig *config, const char *alias, Error *error)
{
    const ElementType *type = &devices_type;

    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++) {
        Shelf shelf = { .row = row, .devices = &config->devices };
        unsigned n = row->place == ROW_LIST || row->place == ROW_CHILD ? shelf_count(&shelf) : 0;

        for (unsigned i = 0; i < n; i++) {
            const DeviceInfo *info = device_info(row->type, *shelf_slot(&shelf, i));

            if (info && info->alias && g_strcmp0(info->alias->name, alias) == 0) {
                take_out(config, &shelf, i);
                return 0;
            }
        }
    }
    return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_DEVICE_MISSING, _("domain '%s' has no device with the alias '%s'"),
                     config->name, alias);
}

unsigned domain_config_count_devices(const DomainConfig *config)
{
    const ElementType *type = &devices_type;
    unsigned n = 0;

    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++)
        if (row->place == ROW_LIST || row->place == ROW_CHILD)
            n += shelf_count(&(Shelf){ .row = row, .devices = (void *)&config->devices });
    return n;
}
