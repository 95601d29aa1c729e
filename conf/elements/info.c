/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of device information (info.def) can't say: addresses that are valid only as a whole, names that
 * only a user may give, and what only some devices may carry.
 * Pure functions of the element and its place: any thread, no lock. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

/* --- addresses --------------------------------------------------------------------------------- */

/* The limits don't bind an address that says nothing: bus, slot and domain 0 mean "not assigned yet". */
int pci_address_parsed(void *self, ElementParse *parse)
{
    const PciAddress *pci = self;

    if (pci->domain == 0 && pci->bus == 0 && pci->slot == 0)
        return 0;
    if (pci->bus > 0xff)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'bus' of a PCI <address> is 0x%x, it can't be above 0xff"), pci->bus);
    if (pci->slot > 0x1f)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'slot' of a PCI <address> is 0x%x, it can't be above 0x1f"), pci->slot);
    if (pci->function > 7)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'function' of a PCI <address> is 0x%x, it can't be above 7"),
                            pci->function);
    return 0;
}

/* Either identifier brings the other one along. */
int zpci_address_parsed(void *self, ElementParse *parse)
{
    ZpciAddress *zpci = self;

    (void)parse;
    zpci->has_uid = zpci->has_fid = zpci->has_uid || zpci->has_fid;
    return 0;
}

#define USB_PORT_DEPTH 4

/* Reads "1.2.3" as up to four numbers; true when the text ends with one of them. Between numbers there is a dot or
 * whatever strtoul skips, as libvirt has it. */
static bool usb_port_read(const char *text, unsigned port[USB_PORT_DEPTH])
{
    const char *at = text;

    for (unsigned i = 0; i < USB_PORT_DEPTH; i++) {
        char *end;
        unsigned long value;

        if (at[strspn(at, " \t\n\v\f\r")] == '-')
            return false;
        value = strtoul(at, &end, 10);
        if (end == at || value > UINT32_MAX)
            return false;
        port[i] = (unsigned)value;
        if (*end == '\0')
            return true;
        at = *end == '.' ? end + 1 : end;
    }
    return false;
}

/* Brings the port into its one form: what follows a 0 says nothing, and a port that is 0 is none. */
int usb_address_parsed(void *self, ElementParse *parse)
{
    UsbAddress *usb = self;
    unsigned port[USB_PORT_DEPTH] = { 0 };
    char *text = NULL;

    if (!usb->port)
        return 0;
    if (!usb_port_read(usb->port, port))
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                            _("The attribute 'port' of a USB <address> is '%s', which is not up to four numbers "
                              "with dots between them"),
                            usb->port);
    for (unsigned i = 0; i < USB_PORT_DEPTH && port[i] != 0; i++)
        text = text ? arena_printf(parse->arena, "%s.%u", text, port[i]) : arena_printf(parse->arena, "%u", port[i]);
    usb->port = text;
    return 0;
}

int ccw_address_parsed(void *self, ElementParse *parse)
{
    CcwAddress *ccw = self;

    if (ccw->cssid > 0xfe || ccw->ssid > 3 || ccw->devno > 0xffff)
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                            _("A CCW <address> with cssid='0x%x', ssid='0x%x' and devno='0x%04x' goes beyond 0xfe, 3 "
                              "and 0xffff"),
                            ccw->cssid, ccw->ssid, ccw->devno);
    if (ccw->has_cssid != ccw->has_ssid || ccw->has_ssid != ccw->has_devno)
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                            _("A CCW <address> has all of the attributes 'cssid', 'ssid' and 'devno' or none"));
    /* Without numbers it is written as the zeros that it begins with. */
    ccw->has_cssid = ccw->has_ssid = ccw->has_devno = true;
    return 0;
}

int address_parsed(void *self, ElementParse *parse)
{
    Address *address = self;

    if (address->type == ADDRESS_TYPE_VIRTIO_S390)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'type' of <address> is 'virtio-s390', a bus without addresses"));
    if (address->type == ADDRESS_TYPE_PCI && address->pci.domain == 0 && address->pci.bus == 0 &&
        address->pci.slot == 0)
        address->pci = (PciAddress){ 0 };    /* only that it is of this type is kept */
    return 0;
}

/* --- boot and ROM ------------------------------------------------------------------------------ */

/* Whether the guest can be started from the device, going by its element. */
static bool boots(const xmlNode *device)
{
    static const char *const names[] = { "disk", "filesystem", "interface", "hostdev", "redirdev" };

    for (unsigned i = 0; device && i < G_N_ELEMENTS(names); i++)
        if (strcmp((const char *)device->name, names[i]) == 0)
            return true;
    return false;
}

static bool has_rom(const xmlNode *device)
{
    return device && (strcmp((const char *)device->name, "interface") == 0 ||
                      strcmp((const char *)device->name, "hostdev") == 0);
}

static const char LOADPARM_CHARACTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789. ";

/* The architectures that know loadparm compare it in capitals. */
static int loadparm_check(DeviceBoot *boot, ElementParse *parse)
{
    char *upper = arena_strdup(parse->arena, boot->loadparm);
    size_t length = strlen(upper);

    for (size_t i = 0; i < length; i++)
        upper[i] = g_ascii_toupper(upper[i]);
    if (length < 1 || length > 8 || strspn(upper, LOADPARM_CHARACTERS) != length)
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                            _("The attribute 'loadparm' of <boot> is '%s', it must be 1 to 8 letters, digits, dots "
                              "and spaces"),
                            boot->loadparm);
    boot->loadparm = upper;
    return 0;
}

/* Devices that can't boot may have any <boot>: it is not looked at. */
int device_boot_parsed(void *self, ElementParse *parse)
{
    DeviceBoot *boot = self;

    if (!boots(element_node(parse)->parent))
        return 0;
    if (!boot->has_order || boot->order == 0)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute 'order' of <boot> must be a number above 0"));
    return boot->loadparm ? loadparm_check(boot, parse) : 0;
}

int device_rom_parsed(void *self, ElementParse *parse)
{
    const DeviceRom *rom = self;
    const xmlNode *node = element_node(parse);

    if (!has_rom(node->parent))
        return 0;
    if (!rom->enabled && xmlHasProp(node, BAD_CAST "enabled"))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute 'enabled' of <rom> must be 'yes' or 'no'"));
    if (!rom->bar && xmlHasProp(node, BAD_CAST "bar"))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute 'bar' of <rom> must be 'on' or 'off'"));
    if (rom->enabled == TRISTATE_NO && (rom->bar || rom->file))
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("<rom> with enabled='no' can't have the attributes 'bar' and 'file'"));
    return 0;
}

/* --- the whole --------------------------------------------------------------------------------- */

static bool is_user_alias(const DeviceAlias *alias)
{
    return alias->name && strncmp(alias->name, "ua-", 3) == 0 &&
           alias->name[strspn(alias->name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-")] == '\0';
}

int device_info_parsed(void *self, ElementParse *parse)
{
    DeviceInfo *info = self;

    if (!boots(element_node(parse)))
        info->boot = NULL;
    if (!has_rom(element_node(parse)))
        info->rom = NULL;
    if (info->alias && (parse->flags & ELEMENT_INACTIVE) && !is_user_alias(info->alias))
        info->alias = NULL;
    return 0;
}

/* A running guest's devices have names that libvirt gave; they are no part of its definition. */
bool device_alias_shown(const void *self, const ElementFormat *format)
{
    const DeviceInfo *info = self;

    return !(format->flags & ELEMENT_INACTIVE) || (info->alias && is_user_alias(info->alias));
}

/* Of these devices a guest has at most one. */
int devices_parsed(void *self, ElementParse *parse)
{
    static const struct {
        const char *name;
        int code;
    } single[] = {
        { "watchdog", VIR_ERR_INTERNAL_ERROR },
        { "memballoon", VIR_ERR_INTERNAL_ERROR },
        { "nvram", VIR_ERR_INTERNAL_ERROR },
        { "redirfilter", VIR_ERR_INTERNAL_ERROR },
        { "iommu", VIR_ERR_XML_ERROR },
        { "vsock", VIR_ERR_XML_ERROR },
    };

    (void)self;
    for (unsigned i = 0; i < G_N_ELEMENTS(single); i++)
        if (element_refuse_several(parse, single[i].name, single[i].code) < 0)
            return -1;
    return 0;
}
