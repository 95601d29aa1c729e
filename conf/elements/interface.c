/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of network interfaces (interface.def) can't say: values that are made when a document leaves them
 * open, lists that must fit together, and what depends on the kind of interface. Addresses and routes are in
 * interface-ip.c, the host device that an interface may be in hostdev.c.
 * Pure functions of the element and its place, but for random numbers: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "base/uuid.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/xml.h"

/* --- MAC address ------------------------------------------------------------------------------- */

int interface_mac_parsed(void *self, ElementParse *parse)
{
    const InterfaceMac *mac = self;

    if (mac->has_address && mac->address.bytes[0] & 1)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute address='%s' of <mac> is a multicast address, an interface needs one of "
                              "its own"),
                            xml_attribute(element_node(parse), "address", parse->arena));
    return 0;
}

/* A random address with the prefix that QEMU and KVM use. */
static void make_mac(InterfaceMac *mac)
{
    Uuid random;

    uuid_generate(&random);
    mac->address = (MacAddress){ { 0x52, 0x54, 0x00, random.bytes[0], random.bytes[1], random.bytes[2] } };
    mac->has_address = true;
}

/* --- source ------------------------------------------------------------------------------------ */

int interface_source_parsed(void *self, ElementParse *parse)
{
    const InterfaceSource *source = self;
    const Interface *interface = element_above(parse, 1);

    if (!source->address && (interface->type == INTERFACE_TYPE_CLIENT || interface->type == INTERFACE_TYPE_MCAST ||
                             interface->type == INTERFACE_TYPE_UDP))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute 'address' of <source> is missing"));
    return 0;
}

/* The kinds whose address is written without its type, or not at all. */
static HostdevType stored_kind(const xmlNode *source, Arena *arena)
{
    if (xml_attribute(source, "wwpn", arena))
        return HOSTDEV_TYPE_SCSI_HOST;
    if (xml_attribute(xml_child(source, "address"), "uuid", arena))
        return HOSTDEV_TYPE_MDEV;
    return xml_child(source, "host") ? HOSTDEV_TYPE_SCSI : HOSTDEV_TYPE_ABSENT;
}

/* A USB device may be named by its numbers alone. */
int interface_device_parsed(void *self, ElementParse *parse)
{
    InterfaceDevice *device = self;

    if (!device->address.type && device->vendor)
        device->address.type = HOSTDEV_TYPE_USB;
    if (!device->address.type && parse->flags & ELEMENT_STORED)
        device->address.type = stored_kind(element_node(parse), parse->arena);
    if (!device->address.type)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'type' of <address> in <source> is missing, an interface of "
                              "type='hostdev' needs it"));
    return 0;
}

/* --- virtual port ------------------------------------------------------------------------------ */

#define PROFILE_ID_MAX 39

enum { MANAGER_ID = 1 << 0, TYPE_ID = 1 << 1, TYPE_VERSION = 1 << 2, INSTANCE_ID = 1 << 3, INTERFACE_ID = 1 << 4,
       PROFILE_ID = 1 << 5, ALL_IDS = (1 << 6) - 1, ID_COUNT = 6 };

static const char *const id_names[ID_COUNT] = { "managerid", "typeid", "typeidversion", "instanceid", "interfaceid",
                                                "profileid" };

/* By the type of the port. */
static const struct {
    unsigned takes, needs, made;
    bool refuses;    /* what it doesn't take; else that is left out */
} port_rules[] = {
    [VIRTUAL_PORT_TYPE_ABSENT] = { ALL_IDS, 0, INSTANCE_ID | INTERFACE_ID, true },
    [VIRTUAL_PORT_TYPE_802_1QBG] = { MANAGER_ID | TYPE_ID | TYPE_VERSION | INSTANCE_ID,
                                     MANAGER_ID | TYPE_ID | TYPE_VERSION | INSTANCE_ID, INSTANCE_ID, true },
    [VIRTUAL_PORT_TYPE_802_1QBH] = { PROFILE_ID, PROFILE_ID, 0, true },
    [VIRTUAL_PORT_TYPE_OPENVSWITCH] = { INTERFACE_ID | PROFILE_ID, INTERFACE_ID, INTERFACE_ID, true },
    [VIRTUAL_PORT_TYPE_MIDONET] = { INTERFACE_ID, INTERFACE_ID, 0, false },
};

int virtual_port_parameters_parsed(void *self, ElementParse *parse)
{
    const VirtualPortParameters *ids = self;

    if (ids->profileid && strlen(ids->profileid) > PROFILE_ID_MAX)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute profileid='%s' of <parameters> is longer than %d bytes"),
                            ids->profileid, PROFILE_ID_MAX);
    return 0;
}

static unsigned ids_given(const VirtualPortParameters *ids)
{
    return (ids->has_managerid ? MANAGER_ID : 0) | (ids->has_typeid ? TYPE_ID : 0) |
           (ids->has_typeidversion ? TYPE_VERSION : 0) | (ids->has_instanceid ? INSTANCE_ID : 0) |
           (ids->has_interfaceid ? INTERFACE_ID : 0) | (ids->profileid ? PROFILE_ID : 0);
}

static void make_ids(VirtualPortParameters *ids, unsigned which)
{
    if (which & INSTANCE_ID && !ids->has_instanceid) {
        uuid_generate(&ids->instanceid);
        ids->has_instanceid = true;
    }
    if (which & INTERFACE_ID && !ids->has_interfaceid) {
        uuid_generate(&ids->interfaceid);
        ids->has_interfaceid = true;
    }
}

static const char *first_id(unsigned ids)
{
    return id_names[__builtin_ctz(ids)];
}

/* A network may know the rest; every other interface must say all itself. */
int virtual_port_parsed(void *self, ElementParse *parse)
{
    VirtualPort *port = self;
    const Interface *interface = element_above(parse, 1);
    const char *type = element_word(&virtual_port_type_words, port->type);
    unsigned given, takes = port_rules[port->type].takes;

    if (!port->type && interface->type != INTERFACE_TYPE_NETWORK)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute 'type' of <virtualport> is missing"));
    if (!port->parameters)
        port->parameters = ELEMENT_NEW(parse->arena, VirtualPortParameters);
    make_ids(port->parameters, port_rules[port->type].made);
    given = ids_given(port->parameters);
    if (interface->type != INTERFACE_TYPE_NETWORK && port_rules[port->type].needs & ~given)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("<virtualport type='%s'> needs the attribute '%s' in its <parameters>"), type,
                            first_id(port_rules[port->type].needs & ~given));
    if (given & ~takes && port_rules[port->type].refuses)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("<virtualport type='%s'> can't have the attribute '%s' in its <parameters>"), type,
                            first_id(given & ~takes));
    if (given & ~takes) {
        VirtualPortParameters *kept = ELEMENT_NEW(parse->arena, VirtualPortParameters);

        kept->interfaceid = port->parameters->interfaceid;
        kept->has_interfaceid = port->parameters->has_interfaceid;
        port->parameters = kept;
    }
    return 0;
}

/* --- VLANs ------------------------------------------------------------------------------------- */

/* The one native VLAN, NULL when there's none. In our own documents each tag with its number says so. */
static int find_native(const Vlan *vlan, const VlanTag **native, ElementParse *parse)
{
    *native = NULL;
    for (unsigned i = 0; i < vlan->n_tags; i++) {
        if (!vlan->tags[i]->native_mode)
            continue;
        if (*native && !(parse->flags & ELEMENT_STORED))
            return element_fail(parse, VIR_ERR_XML_ERROR,
                                _("<vlan> has more than one <tag> with the attribute 'nativeMode'"));
        *native = vlan->tags[i];
    }
    return 0;
}

static int check_trunk(const Vlan *vlan, const VlanTag *native, ElementParse *parse)
{
    if (vlan->n_tags > 1)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute trunk='%s' of <vlan> must be 'yes' when there are several <tag>"),
                            vlan->trunk);
    if (native)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute trunk='%s' of <vlan> must be 'yes' when a <tag> has 'nativeMode'"),
                            vlan->trunk);
    if (g_ascii_strcasecmp(vlan->trunk, "no") != 0)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute trunk='%s' of <vlan> must be 'yes' or 'no'"), vlan->trunk);
    return 0;
}

int vlan_parsed(void *self, ElementParse *parse)
{
    Vlan *vlan = self;
    const VlanTag *native;

    if (vlan->n_tags == 0)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<vlan> has no <tag>"));
    if (find_native(vlan, &native, parse) < 0)
        return -1;
    if (vlan->trunk && g_ascii_strcasecmp(vlan->trunk, "yes") != 0) {
        if (check_trunk(vlan, native, parse) < 0)
            return -1;
        vlan->trunk = NULL;
    } else if (vlan->trunk || vlan->n_tags > 1) {
        vlan->trunk = "yes";
    }
    /* It is the number that is native, wherever it stands. */
    for (unsigned i = 0; native && i < vlan->n_tags; i++)
        if (vlan->tags[i]->id == native->id)
            vlan->tags[i]->native_mode = native->native_mode;
    return 0;
}

/* --- bandwidth --------------------------------------------------------------------------------- */

int bandwidth_rate_parsed(void *self, ElementParse *parse)
{
    BandwidthRate *rate = self;
    const char *name = (const char *)element_node(parse)->name;

    if (!rate->has_average && !rate->has_floor)
        return element_fail(parse, VIR_ERR_XML_DETAIL, _("<%s> needs the attribute 'average' or 'floor'"), name);
    if (!rate->has_average && (rate->has_peak || rate->has_burst) && !(parse->flags & ELEMENT_STORED))
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attributes 'peak' and 'burst' of <%s> need the attribute 'average'"), name);
    if (rate->average == 0 && rate->floor == 0)
        *rate = (BandwidthRate){ 0 };    /* no limit at all */
    return 0;
}

int bandwidth_parsed(void *self, ElementParse *parse)
{
    const Bandwidth *bandwidth = self;
    const Interface *interface = element_above(parse, 1);
    const xmlNode *node = element_node(parse);

    if (xml_attribute(node, "classID", parse->arena))
        return element_fail(parse, VIR_ERR_XML_DETAIL,
                            _("The attribute 'classID' of <bandwidth> is not for interfaces"));
    if (element_refuse_several(parse, "inbound", VIR_ERR_XML_DETAIL) < 0
        || element_refuse_several(parse, "outbound", VIR_ERR_XML_DETAIL) < 0)
        return -1;
    if (bandwidth->inbound && bandwidth->inbound->floor && interface->type != INTERFACE_TYPE_NETWORK)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute 'floor' of <inbound> needs an interface of type='network'"));
    if (bandwidth->outbound && bandwidth->outbound->floor)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("<outbound> can't have the attribute 'floor', only <inbound> can"));
    return xml_child(node, "inbound") || xml_child(node, "outbound") ? 0 : 1;
}

/* --- target, model, driver --------------------------------------------------------------------- */

/* Whether the name is one of those that libvirt gives the devices that it makes. */
static bool is_made_name(const InterfaceTarget *target)
{
    static const char *const prefixes[] = { "vnet", "macvtap", "macvlan" };

    if (target->managed == TRISTATE_NO || !target->dev)
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(target->dev, prefixes[i]))
            return true;
    return false;
}

int interface_target_parsed(void *self, ElementParse *parse)
{
    InterfaceTarget *target = self;

    if (parse->flags & ELEMENT_INACTIVE && is_made_name(target))
        target->dev = NULL;
    return 0;
}

bool interface_target_shown(const void *self, const ElementFormat *format)
{
    return !(format->flags & ELEMENT_INACTIVE) || !is_made_name(self);
}

/* Models that are known by this spelling whatever the document's is. */
static const char *const known_models[] = {
    "netfront", "rtl8139", "virtio", "e1000", "e1000e", "virtio-transitional", "virtio-non-transitional", "usb-net",
    "spapr-vlan", "lan9118", "scm91c111", "vlance", "vmxnet", "vmxnet2", "vmxnet3", "Am79C970A", "Am79C973",
    "82540EM", "82545EM", "82543GC",
};

int interface_model_parsed(void *self, ElementParse *parse)
{
    InterfaceModel *model = self;
    int virtio = 0;

    if (!model->type)
        return 0;
    if (model->type[strspn(model->type, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_-")] != '\0')
        return element_fail(parse, VIR_ERR_INVALID_ARG,
                            _("The attribute type='%s' of <model> may have letters, digits, '_' and '-' only"),
                            model->type);
    if (g_ascii_strcasecmp(model->type, "unknown") == 0)
        model->type = NULL;
    for (unsigned i = 0; model->type && i < G_N_ELEMENTS(known_models); i++)
        if (g_ascii_strcasecmp(model->type, known_models[i]) == 0)
            model->type = known_models[i];
    if (model->type)
        virtio = element_value(&virtio_interface_model_words, model->type);
    model->virtio = (VirtioInterfaceModel)MAX(virtio, 0);
    return 0;
}

/* One queue is what there is anyway. */
int interface_driver_parsed(void *self, ElementParse *parse)
{
    InterfaceDriver *driver = self;

    (void)parse;
    if (driver->queues == 1)
        driver->queues = 0;
    return 0;
}

int interface_backend_parsed(void *self, ElementParse *parse)
{
    InterfaceBackend *backend = self;
    const Interface *interface = element_above(parse, 1);
    const char *type = xml_attribute(element_node(parse), "type", parse->arena);

    if (type)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute type='%s' of <backend> is not known"), type);
    if (interface->type == INTERFACE_TYPE_HOSTDEV || !interface->model.virtio)
        backend->vhost = NULL;
    return 0;
}

/* --- filter ------------------------------------------------------------------------------------ */

static bool is_parameter(const FilterParameter *parameter)
{
    static const char name[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_";
    static const char value[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.:";

    return parameter->name && parameter->name[strspn(parameter->name, name)] == '\0' && parameter->value &&
           *parameter->value && parameter->value[strspn(parameter->value, value)] == '\0';
}

static gint compare_names(gconstpointer a, gconstpointer b, gpointer data)
{
    const FilterParameter *const *first = a, *const *second = b;

    (void)data;
    return strcmp((*first)->name, (*second)->name);
}

/* Only well-formed parameters are kept, in the order of their names; values of the same name stay in theirs. */
int filter_ref_parsed(void *self, ElementParse *parse)
{
    FilterRef *filter = self;
    unsigned n = 0;

    (void)parse;
    if (!filter->filter)
        return 1;
    for (unsigned i = 0; i < filter->n_parameters; i++)
        if (is_parameter(filter->parameters[i]))
            filter->parameters[n++] = filter->parameters[i];
    filter->n_parameters = n;
    if (n)
        g_qsort_with_data(filter->parameters, (gint)n, sizeof *filter->parameters, compare_names, NULL);
    return 0;
}

/* --- the rest ---------------------------------------------------------------------------------- */

int teaming_parsed(void *self, ElementParse *parse)
{
    const Teaming *teaming = self;

    if (!teaming->type && teaming->persistent)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute persistent='%s' of <teaming> needs the attribute 'type'"),
                            teaming->persistent);
    return teaming->type ? 0 : 1;
}

int coalesce_frames_parsed(void *self, ElementParse *parse)
{
    const CoalesceFrames *frames = self;

    if (frames->max > UINT32_MAX)
        return element_fail(parse, VIR_ERR_OVERFLOW, _("The attribute 'max' of <frames> is above %u"), UINT32_MAX);
    return 0;
}

static bool needs_source(InterfaceType type)
{
    return type != INTERFACE_TYPE_ETHERNET && type != INTERFACE_TYPE_USER && type != INTERFACE_TYPE_NULL;
}

static int check_vhost_user(const Interface *interface, ElementParse *parse)
{
    const CharReconnect *reconnect = interface->source.reconnect;

    if (!interface->model.virtio)
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                            _("An interface of type='vhostuser' needs <model type='virtio'/>"));
    if (interface->source.socket_mode == INTERFACE_SOCKET_MODE_SERVER && reconnect &&
        reconnect->enabled == TRISTATE_YES)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("<reconnect enabled='yes'> needs mode='client' in <source>, a server doesn't connect"));
    return 0;
}

int interface_parsed(void *self, ElementParse *parse)
{
    Interface *interface = self;
    const char *type = element_word(&interface_type_words, interface->type);

    if (needs_source(interface->type) && !interface->has_source && !interface->has_hostdev)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("An interface of type='%s' needs the element <source>"),
                            type);
    if (!interface->virtualport && xml_child(element_node(parse), "virtualport"))
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("An interface of type='%s' can't have the element <virtualport>"), type);
    if (interface->type == INTERFACE_TYPE_VHOSTUSER && check_vhost_user(interface, parse) < 0)
        return -1;
    if (!interface->mac.has_address)
        make_mac(&interface->mac);
    interface->has_mac = true;
    return 0;
}
