/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of host devices (hostdev.def) can't say: what belongs to one kind of device only, and sources that
 * are valid only as a whole. The source also stands in an interface that is a host device.
 * Pure functions of the element and its place: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/scalar.h"

/* What the element around a source says: a host device or an interface. */
typedef struct Holder {
    bool is_interface;
    HostdevType type;
    HostdevSgio sgio;
    Tristate rawio;
    const char *model;    /* of a host device only where it may have none */
} Holder;

static Holder holder_of(const ElementParse *parse)
{
    const void *above = element_above(parse, 1);

    if (parse->place->above->type == &hostdev_type) {
        const Hostdev *hostdev = above;

        return (Holder){ false, hostdev->type, hostdev->sgio, hostdev->rawio, hostdev->no_model };
    } else {
        const Interface *interface = above;

        return (Holder){ true, interface->device.address.type, interface->sgio, interface->rawio,
                         interface->device_model };
    }
}

/* --- addresses --------------------------------------------------------------------------------- */

/* As for the guest's PCI addresses: nothing binds one that is 0 but for the function. */
int host_pci_address_parsed(void *self, ElementParse *parse)
{
    const HostPciAddress *pci = self;

    if (pci->domain == 0 && pci->bus == 0 && pci->slot == 0)
        return 0;
    if (pci->bus > 0xff || pci->slot > 0x1f || pci->function > 7)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A PCI <address> with bus='0x%02x', slot='0x%02x' and function='0x%x' goes beyond 0xff, "
                              "0x1f and 7"),
                            pci->bus, pci->slot, pci->function);
    return 0;
}

/* A USB address of zeros is none. */
int hostdev_address_parsed(void *self, ElementParse *parse)
{
    const HostdevAddress *address = self;

    (void)parse;
    return address->has_device && address->bus == 0 && address->device == 0 ? 1 : 0;
}

/* --- sources ----------------------------------------------------------------------------------- */

static int check_usb(const HostdevSource *source, ElementParse *parse)
{
    if (source->vendor && source->vendor->id == 0)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute 'id' of <vendor> can't be 0"));
    if (source->vendor && !source->product)
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR, _("A USB <source> with <vendor> needs <product> too"));
    if (source->product && !source->vendor)
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR, _("A USB <source> with <product> needs <vendor> too"));
    return 0;
}

/* The secret of an iSCSI target must be one for iSCSI. */
static int check_secret(const AuthSecret *secret, ElementParse *parse)
{
    static const char *const others[] = { "none", "volume", "ceph", "tls", "vtpm" };

    if (secret->type && strcmp(secret->type, "iscsi") == 0)
        return 0;
    for (unsigned i = 0; secret->type && i < G_N_ELEMENTS(others); i++)
        if (strcmp(secret->type, others[i]) == 0)
            return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                                _("The attribute type='%s' of <secret> must be 'iscsi' for an iSCSI device"),
                                secret->type);
    return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                        _("The attribute 'type' of <secret> is '%s', it must be 'iscsi' for an iSCSI device"),
                        secret->type ? secret->type : "");
}

static int check_iscsi(HostdevSource *source, ElementParse *parse)
{
    if (source->n_hosts == 0)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("An iSCSI <source> needs the element <host>"));
    if (source->n_hosts > 1)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("An iSCSI <source> can't have more than one <host>"));
    if (source->auth && check_secret(source->auth->secret, parse) < 0)
        return -1;
    source->hosts[0]->transport = HOST_TRANSPORT_ABSENT;
    source->hosts[0]->socket = NULL;
    if (!strchr(source->name, '/'))
        source->name = arena_printf(parse->arena, "%s/0", source->name);
    return 0;
}

static int check_scsi_host(const HostdevSource *source, ElementParse *parse)
{
    const char *wwpn = source->wwpn;

    if (strncmp(wwpn, "naa.", 4) != 0 || !scalar_is_hex(wwpn + 4, WWN_DIGITS))
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute wwpn='%s' of <source> is not \"naa.\" and %d hexadecimal digits"), wwpn,
                            WWN_DIGITS);
    return 0;
}

/* What is there only for SCSI devices, and models. */
static int check_holder(const Holder *holder, ElementParse *parse)
{
    bool modelled = holder->type == HOSTDEV_TYPE_MDEV || holder->type == HOSTDEV_TYPE_SCSI_HOST;
    const char *type = element_word(&hostdev_type_words, holder->type);
    const ElementWords *models = holder->type == HOSTDEV_TYPE_MDEV ? &mdev_model_words : &vhost_scsi_model_words;

    if ((holder->sgio || holder->rawio) && holder->type != HOSTDEV_TYPE_SCSI)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A host device of type='%s' can't have the attribute '%s', only type='scsi' can"), type,
                            holder->sgio ? "sgio" : "rawio");
    if (holder->model && !modelled)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A host device of type='%s' can't have the attribute model='%s'"), type, holder->model);
    if (!holder->is_interface || !modelled)
        return 0;
    if (!holder->model && holder->type == HOSTDEV_TYPE_MDEV && !(parse->flags & ELEMENT_STORED))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("A host device of type='mdev' needs the attribute 'model'"));
    if (holder->model && element_value(models, holder->model) < 0)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute model='%s' of a host device of type='%s' is not known"), holder->model,
                            type);
    return 0;
}

static int check_source(HostdevSource *source, HostdevType type, ElementParse *parse)
{
    switch (type) {
    case HOSTDEV_TYPE_USB:
        return check_usb(source, parse);
    case HOSTDEV_TYPE_SCSI:
        return source->protocol == HOSTDEV_SCSI_PROTOCOL_ISCSI ? check_iscsi(source, parse) : 0;
    case HOSTDEV_TYPE_SCSI_HOST:
        return check_scsi_host(source, parse);
    case HOSTDEV_TYPE_MDEV:
        if (!source->has_address)
            return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                                _("The <source> of a mediated device needs the element <address>"));
        return 0;
    case HOSTDEV_TYPE_PCI:
        if (!source->has_address)
            source->address.pci = (HostPciAddress){ .has_domain = true, .has_bus = true, .has_slot = true,
                                                    .has_function = true };
        source->has_address = true;
        return 0;
    case HOSTDEV_TYPE_ABSENT:
        break;
    }
    return 0;
}

int hostdev_source_parsed(void *self, ElementParse *parse)
{
    HostdevSource *source = self;
    Holder holder = holder_of(parse);
    bool typed = holder.is_interface && holder.type != HOSTDEV_TYPE_MDEV;

    if (source->no_policy)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute startupPolicy='%s' of <source> is only for USB devices"),
                            source->no_policy);
    if (check_holder(&holder, parse) < 0 || check_source(source, holder.type, parse) < 0)
        return -1;
    /* An interface tells by its source's address what it is. */
    source->address.type = typed && source->has_address ? holder.type : HOSTDEV_TYPE_ABSENT;
    source->scsi_address.type = typed && source->has_scsi_address ? holder.type : HOSTDEV_TYPE_ABSENT;
    return 0;
}

/* Only another host has a use for it. */
bool hostdev_auto_address_shown(const void *self, const ElementFormat *format)
{
    (void)self;
    return format->flags & ELEMENT_MIGRATABLE;
}

/* --- the whole --------------------------------------------------------------------------------- */

/* The source of a USB device that says nothing isn't written, so our own documents may be without. */
int hostdev_parsed(void *self, ElementParse *parse)
{
    const Hostdev *hostdev = self;

    if (parse->flags & ELEMENT_STORED && hostdev->type == HOSTDEV_TYPE_USB)
        return 0;
    if (!hostdev->has_source && !hostdev->has_capability_source)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<hostdev> needs the element <source>"));
    return 0;
}
