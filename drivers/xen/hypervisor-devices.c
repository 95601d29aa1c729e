/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a document to libxl's devices: disks, interfaces, devices of the host and channels. The devices that are only
 * settings of a device model (screens, ports, sound) are in hypervisor-displays.c. What Xen can't do, and what a guest
 * would miss, is refused with a sentence; docs/xen.md lists what is passed over.
 * Pure functions of their arguments but for the question whether our hotplug program is there: any thread, no lock.
 * What they fill in is libxl's to free: strings and arrays from malloc, which GLib's are. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <string.h>

#include <libxl_utils.h>

#include "base/i18n.h"
#include "conf/elements.h"
#include "drivers/xen/offer.h"
#include "drivers/xen/settings.h"

static bool is_machine(const DomainConfig *config)
{
    return config->os.type.name == OS_TYPE_NAME_HVM;
}

/* --- disks ----------------------------------------------------------------------------------- */

static const char *disk_path(const Disk *disk)
{
    if (!disk->source)
        return NULL;
    return disk->type == STORAGE_TYPE_BLOCK ? disk->source->storage.dev : disk->source->storage.file;
}

/* What libxl has no word for. */
static int check_disk(const Disk *disk, char **why)
{
    const XenOffer *every = &xen_offers[XEN_PV];    /* all kinds of guests have the same disks */
    const char *refused = setting_refused_disk(disk);
    const char *name = disk->target.dev;

    if (disk->type != STORAGE_TYPE_FILE && disk->type != STORAGE_TYPE_BLOCK)
        return config_refuse(why, _("the disk '%s' is of type='%s', Xen has only files and block devices"), name,
                             element_word(&storage_type_words, disk->type));
    if (!offer_has(every->disk_devices, disk->device))
        return config_refuse(why, _("the disk '%s' has device='%s', Xen has only disks and CD-ROMs"), name,
                             element_word(&disk_device_words, disk->device));
    if (!offer_has(every->disk_buses, disk->target.bus))
        return config_refuse(why, _("the disk '%s' is on bus='%s', Xen has only ide, scsi and xen"), name,
                             element_word(&disk_bus_words, disk->target.bus));
    if (refused)
        return config_refuse(why, _("the disk '%s' has %s, which Xen can't do"), name, refused);
    if (disk->transient)
        return config_refuse(why, _("the disk '%s' is transient, which Xen can't do"), name);
    if (disk->encryption || (disk->source && disk->source->storage.encryption))
        return config_refuse(why, _("the disk '%s' is encrypted, which Xen can't do"), name);
    if (disk->iotune)
        return config_refuse(why, _("the disk '%s' has %s, which Xen can't do"), name, "<iotune>");
    if (disk->source && disk->source->storage.slices)
        return config_refuse(why, _("the disk '%s' has %s, which Xen can't do"), name, "<slices>");
    return 0;
}

static int disk_format(const Disk *disk, libxl_disk_format *format, char **why)
{
    switch (disk->driver ? disk->driver->type : DISK_FORMAT_ABSENT) {
    case DISK_FORMAT_ABSENT:
    case DISK_FORMAT_RAW:
    case DISK_FORMAT_AIO:
        *format = LIBXL_DISK_FORMAT_RAW;
        return 0;
    case DISK_FORMAT_QCOW:
        *format = LIBXL_DISK_FORMAT_QCOW;
        return 0;
    case DISK_FORMAT_QCOW2:
        *format = LIBXL_DISK_FORMAT_QCOW2;
        return 0;
    case DISK_FORMAT_QED:
        *format = LIBXL_DISK_FORMAT_QED;
        return 0;
    case DISK_FORMAT_VHD:
    case DISK_FORMAT_VPC:
        *format = LIBXL_DISK_FORMAT_VHD;
        return 0;
    default:
        return config_refuse(why, _("the disk '%s' has the format '%s', which Xen can't read"), disk->target.dev,
                             element_word(&disk_format_words, disk->driver->type));
    }
}

/* Who drives it, by the name that the document gives; libxl chooses when it gives none. */
static int disk_backend(const Disk *disk, libxl_device_disk *out, char **why)
{
    const char *name = disk->driver ? disk->driver->name : NULL;

    if (out->is_cdrom || (name && (strcmp(name, "qemu") == 0 || strcmp(name, "file") == 0))) {
        out->backend = LIBXL_DISK_BACKEND_QDISK;
    } else if (name && strcmp(name, "phy") == 0) {
        out->backend = LIBXL_DISK_BACKEND_PHY;
        if (out->format != LIBXL_DISK_FORMAT_RAW)
            return config_refuse(why, _("the disk '%s' isn't raw, which the driver 'phy' needs"), disk->target.dev);
    } else if (name && (strcmp(name, "tap") == 0 || strcmp(name, "tap2") == 0)) {
        /* blktap is gone from Xen; QEMU reads all of its formats */
        out->backend = LIBXL_DISK_BACKEND_QDISK;
    } else if (name) {
        return config_refuse(why, _("the disk '%s' has the driver '%s', Xen has 'phy', 'qemu', 'file' and 'tap'"),
                             disk->target.dev, name);
    } else {
        /* The kernel serves what is raw, without a process for each guest. */
        out->backend = out->format == LIBXL_DISK_FORMAT_RAW ? LIBXL_DISK_BACKEND_PHY : LIBXL_DISK_BACKEND_QDISK;
    }
    return 0;
}

int device_disk(const Disk *disk, libxl_device_disk *out, char **why)
{
    libxl_device_disk_init(out);
    if (check_disk(disk, why) < 0 || disk_format(disk, &out->format, why) < 0)
        return -ENOTSUP;
    out->vdev = g_strdup(disk->target.dev);
    out->pdev_path = g_strdup(disk_path(disk));
    out->is_cdrom = disk->device == DISK_DEVICE_CDROM;
    out->removable = out->is_cdrom;
    out->readwrite = !disk->readonly && !out->is_cdrom;
    if (!out->pdev_path && !out->is_cdrom)
        return config_refuse(why, _("the disk '%s' has no source"), disk->target.dev);
    if (!out->pdev_path)
        out->format = LIBXL_DISK_FORMAT_EMPTY;
    if (disk_backend(disk, out, why) < 0)
        return -ENOTSUP;
    if (disk->backenddomain)
        out->backend_domname = g_strdup(disk->backenddomain->name);
    else if (out->backend == LIBXL_DISK_BACKEND_PHY)
        out->script = hotplug_program();
    if (disk->driver && disk->driver->discard)
        libxl_defbool_set(&out->discard_enable, disk->driver->discard == DISK_DISCARD_UNMAP);
    return 0;
}

/* --- interfaces ------------------------------------------------------------------------------ */

enum { RATE_INTERVAL = 50000 };    /* us: how often a guest is given new credit, as Xen's tools have it */

static int check_interface(const Interface *interface, char **why)
{
    const Bandwidth *bandwidth = interface->bandwidth;
    const BandwidthRate *rate = bandwidth ? bandwidth->outbound : NULL;
    const char *refused = setting_refused_interface(interface);

    if (refused)
        return config_refuse(why, _("an interface has %s, which Xen can't do"), refused);
    if (interface->type == INTERFACE_TYPE_NETWORK)
        return config_refuse(why, _("an interface is on the network '%s', there are no networks here; name a bridge"),
                             interface->source.network);
    if (interface->type != INTERFACE_TYPE_BRIDGE && interface->type != INTERFACE_TYPE_ETHERNET)
        return config_refuse(why, _("an interface is of type='%s', Xen has only bridge and ethernet"),
                             element_word(&interface_type_words, interface->type));
    if (interface->filterref)
        return config_refuse(why, _("an interface has <filterref>, there are no filters here"));
    if ((bandwidth && bandwidth->inbound) || (rate && (rate->peak || rate->burst || rate->floor)))
        return config_refuse(why, _("an interface has limits in <bandwidth> other than <outbound average=…>,"
                                    " which Xen can't do"));
    if (interface->has_link && interface->link.state == LINK_STATE_DOWN)
        return config_refuse(why, _("an interface has its link down, which Xen can't do"));
    if (interface->virtualport && interface->virtualport->type != VIRTUAL_PORT_TYPE_OPENVSWITCH)
        return config_refuse(why, _("an interface has a <virtualport> other than one of Open vSwitch"));
    if (interface->vlan && !interface->virtualport)
        return config_refuse(why, _("an interface has <vlan>, which only Open vSwitch does"));
    return 0;
}

/* Open vSwitch has its script, which reads "bridge.5" or "bridge:5:6". */
static char *bridge_name(const Interface *interface)
{
    const Vlan *vlan = interface->vlan;
    GString *text = g_string_new(interface->source.bridge);
    bool trunk = vlan && (vlan->trunk || vlan->n_tags > 1);

    for (unsigned i = 0; vlan && i < vlan->n_tags; i++)
        g_string_append_printf(text, "%c%u", trunk ? ':' : '.', vlan->tags[i]->id);
    return g_string_free(text, FALSE);
}

static char *addresses(const Interface *interface)
{
    GString *text;

    if (interface->n_ips == 0)
        return NULL;
    text = g_string_new(NULL);
    for (unsigned i = 0; i < interface->n_ips; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "", interface->ips[i]->address);
    return g_string_free(text, FALSE);
}

/* A script that the document names is run as it is. Ours puts the interface on a bridge and nothing else, so that one
 * with an address, whose packets Xen's script filters by it, keeps Xen's. */
static void interface_script(const Interface *interface, libxl_device_nic *out)
{
    if (interface->script)
        out->script = g_strdup(interface->script->path);
    else if (interface->virtualport)
        out->script = g_strdup("vif-openvswitch");
    else if (interface->type == INTERFACE_TYPE_BRIDGE && interface->n_ips == 0 && !interface->backenddomain)
        out->script = hotplug_bridge_program();
}

/* A machine has an emulated card beside its paravirtual one unless it asks for that alone. */
static void interface_model(const Interface *interface, bool machine, libxl_device_nic *out)
{
    const char *model = interface->has_model ? interface->model.type : NULL;

    out->nictype = LIBXL_NIC_TYPE_VIF;
    if (!machine || (model && strcmp(model, "netfront") == 0))
        return;
    out->nictype = LIBXL_NIC_TYPE_VIF_IOEMU;
    out->model = g_strdup(model);
}

int device_interface(const Interface *interface, bool machine, libxl_device_nic *out, char **why)
{
    const BandwidthRate *rate = interface->bandwidth ? interface->bandwidth->outbound : NULL;

    libxl_device_nic_init(out);
    if (check_interface(interface, why) < 0)
        return -ENOTSUP;
    if (!machine && interface->has_model && interface->model.type && strcmp(interface->model.type, "netfront") != 0)
        return config_refuse(why, _("an interface has the model '%s', this guest can only have 'netfront'"),
                             interface->model.type);
    memcpy(out->mac, interface->mac.address.bytes, sizeof out->mac);
    interface_model(interface, machine, out);
    if (interface->type == INTERFACE_TYPE_BRIDGE)
        out->bridge = bridge_name(interface);
    out->ip = addresses(interface);
    out->ifname = interface->has_target ? g_strdup(interface->target.dev) : NULL;
    if (interface->has_mtu)
        out->mtu = (int)interface->mtu.size;
    interface_script(interface, out);
    if (interface->backenddomain)
        out->backend_domname = g_strdup(interface->backenddomain->name);
    if (rate && rate->average) {
        out->rate_bytes_per_interval = rate->average * 1024 * RATE_INTERVAL / 1000000;
        out->rate_interval_usecs = RATE_INTERVAL;
    }
    return 0;
}

/* --- devices of the host --------------------------------------------------------------------- */

static int check_settings(const Hostdev *hostdev, char **why)
{
    const char *refused = setting_refused_hostdev(hostdev);

    return refused ? config_refuse(why, _("a device of the host has %s, which Xen can't do"), refused) : 0;
}

int device_pci(const Hostdev *hostdev, libxl_device_pci *out, char **why)
{
    const HostPciAddress *address = &hostdev->source.address.pci;

    libxl_device_pci_init(out);
    if (check_settings(hostdev, why) < 0)
        return -ENOTSUP;
    if (hostdev->driver && hostdev->driver->name && hostdev->driver->name != HOSTDEV_DRIVER_NAME_XEN)
        return config_refuse(why, _("a device of the host has the driver '%s', Xen has only 'xen'"),
                             element_word(&hostdev_driver_name_words, hostdev->driver->name));
    out->domain = (int)address->domain;
    out->bus = (uint8_t)address->bus;
    out->dev = (uint8_t)address->slot;
    out->func = (uint8_t)address->function;
    out->permissive = hostdev->source.write_filtering == TRISTATE_NO;
    /* taken from the host's driver now, and given back to it when the guest is gone */
    out->seize = hostdev->managed == TRISTATE_YES;
    return 0;
}

int device_usb(const Hostdev *hostdev, libxl_device_usbdev *out, char **why)
{
    const HostdevAddress *address = &hostdev->source.address;

    libxl_device_usbdev_init(out);
    if (check_settings(hostdev, why) < 0)
        return -ENOTSUP;
    if (!address->has_bus || !address->has_device || hostdev->source.vendor || hostdev->source.product)
        return config_refuse(why, _("a USB device is named by its vendor or product, Xen needs its bus and device"));
    out->type = LIBXL_USBDEV_TYPE_HOSTDEV;
    out->u.hostdev.hostbus = (uint8_t)address->bus;
    out->u.hostdev.hostaddr = (uint8_t)address->device;
    return 0;
}

static int check_hostdev(const DomainConfig *config, const Hostdev *hostdev, char **why)
{
    if (hostdev->mode != HOSTDEV_MODE_SUBSYSTEM
        || (hostdev->type != HOSTDEV_TYPE_PCI && hostdev->type != HOSTDEV_TYPE_USB))
        return config_refuse(why, _("a device of the host is neither of PCI nor of USB"));
    if (!offer_has(xen_offer_of(config)->hostdevs, hostdev->type))
        return config_refuse(why, _("guests of this <type> can't have devices of the host with type='%s'"),
                             element_word(&hostdev_type_words, hostdev->type));
    return 0;
}

static int config_hostdevs(const DomainConfig *config, libxl_domain_config *out, char **why)
{
    const Devices *devices = &config->devices;

    out->pcidevs = g_new0(libxl_device_pci, devices->n_hostdevs);
    out->usbdevs = g_new0(libxl_device_usbdev, devices->n_hostdevs);
    for (unsigned i = 0; i < devices->n_hostdevs; i++) {
        const Hostdev *hostdev = devices->hostdevs[i];
        int r = check_hostdev(config, hostdev, why);

        if (r == 0 && hostdev->type == HOSTDEV_TYPE_PCI)
            r = device_pci(hostdev, &out->pcidevs[out->num_pcidevs++], why);
        else if (r == 0)
            r = device_usb(hostdev, &out->usbdevs[out->num_usbdevs++], why);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- channels and buses ---------------------------------------------------------------------- */

int device_channel(const Channel *channel, libxl_device_channel *out, char **why)
{
    libxl_device_channel_init(out);
    if (channel->target.type != CHANNEL_TARGET_TYPE_XEN)
        return config_refuse(why, _("a channel has a target of type='%s', Xen has only 'xen'"),
                             element_word(&channel_target_type_words, channel->target.type));
    if (!channel->target.name)
        return config_refuse(why, _("a channel has no name, by which the guest finds it"));
    if (channel->source.log)
        return config_refuse(why, _("a channel has <log>, which Xen can't do"));
    out->name = g_strdup(channel->target.name);
    if (!offer_has(xen_offers[XEN_PV].channels, channel->type))
        return config_refuse(why, _("a channel is of type='%s', Xen has only 'pty' and 'unix'"),
                             element_word(&char_type_words, channel->type));
    if (channel->type == CHAR_TYPE_PTY) {
        out->connection = LIBXL_CHANNEL_CONNECTION_PTY;
        return 0;
    }
    if (!channel->source.socket || !channel->source.socket->path)
        return config_refuse(why, _("a channel of type='unix' has no path"));
    out->connection = LIBXL_CHANNEL_CONNECTION_SOCKET;
    out->u.socket.path = g_strdup(channel->source.socket->path);
    return 0;
}

static int usb_controller(const Controller *controller, bool machine, libxl_device_usbctrl *out, char **why)
{
    libxl_device_usbctrl_init(out);
    out->devid = controller->has_index ? controller->index : -1;
    if (controller->has_ports)
        out->ports = controller->ports;
    switch (controller->usb_model) {
    case USB_MODEL_QUSB1:
    case USB_MODEL_QUSB2:
        out->type = LIBXL_USBCTRL_TYPE_QUSB;
        out->version = controller->usb_model == USB_MODEL_QUSB1 ? 1 : 2;
        return 0;
    case USB_MODEL_ABSENT:
        return 0;
    case USB_MODEL_PIIX3_UHCI:
    case USB_MODEL_EHCI:
    case USB_MODEL_NEC_XHCI:
        if (!machine)
            break;
        out->type = LIBXL_USBCTRL_TYPE_DEVICEMODEL;
        out->version = controller->usb_model == USB_MODEL_PIIX3_UHCI ? 1
                       : controller->usb_model == USB_MODEL_EHCI ? 2 : 3;
        return 0;
    default:
        break;
    }
    return config_refuse(why, _("a USB controller has the model '%s', which this guest can't have"),
                         element_word(&usb_model_words, controller->usb_model));
}

/* Numbers that are on the edge of what a guest notices: it may map so many pages of its own into others, and so on. */
static void xenbus_controller(const Controller *controller, libxl_domain_build_info *info)
{
    if (controller->has_max_grant_frames)
        info->max_grant_frames = (uint32_t)controller->max_grant_frames;
    if (controller->has_max_event_channels)
        info->event_channels = (uint32_t)controller->max_event_channels;
}

enum { PORTS = 8 };    /* of a USB controller that no document names */

/* libxl adds a controller itself, but after it has settled whether the guest needs a QEMU, which serves them for PV guests. */
static void default_controllers(bool machine, libxl_domain_config *out)
{
    for (int i = 0; i * PORTS < out->num_usbdevs; i++) {
        libxl_device_usbctrl *controller = &out->usbctrls[out->num_usbctrls++];

        libxl_device_usbctrl_init(controller);
        controller->type = machine ? LIBXL_USBCTRL_TYPE_AUTO : LIBXL_USBCTRL_TYPE_QUSB;
        controller->devid = i;
        controller->version = 2;
        controller->ports = PORTS;
    }
}

static int config_controllers(const DomainConfig *config, libxl_domain_config *out, char **why)
{
    const Devices *devices = &config->devices;

    out->usbctrls = g_new0(libxl_device_usbctrl, devices->n_controllers + devices->n_hostdevs);
    for (unsigned i = 0; i < devices->n_controllers; i++) {
        const Controller *controller = devices->controllers[i];

        if (controller->type == CONTROLLER_TYPE_XENBUS)
            xenbus_controller(controller, &out->b_info);
        if (controller->type != CONTROLLER_TYPE_USB || controller->usb_model == USB_MODEL_NONE)
            continue;
        /* The one that is only there because every machine has one is made by libxl when something needs it. */
        if (controller->usb_model == USB_MODEL_ABSENT && !controller->has_ports && out->num_usbdevs == 0)
            continue;
        if (usb_controller(controller, is_machine(config), &out->usbctrls[out->num_usbctrls++], why) < 0)
            return -ENOTSUP;
    }
    if (out->num_usbctrls == 0)
        default_controllers(is_machine(config), out);
    return 0;
}

/* --- all of a document ----------------------------------------------------------------------- */

static int config_disks(const Devices *devices, libxl_domain_config *out, char **why)
{
    out->disks = g_new0(libxl_device_disk, devices->n_disks);
    for (unsigned i = 0; i < devices->n_disks; i++)
        if (device_disk(devices->disks[i], &out->disks[out->num_disks++], why) < 0)
            return -ENOTSUP;
    return 0;
}

static int config_interfaces(const DomainConfig *config, libxl_domain_config *out, char **why)
{
    const Devices *devices = &config->devices;

    out->nics = g_new0(libxl_device_nic, devices->n_interfaces);
    for (unsigned i = 0; i < devices->n_interfaces; i++) {
        if (device_interface(devices->interfaces[i], is_machine(config), &out->nics[out->num_nics++], why) < 0)
            return -ENOTSUP;
        out->nics[i].devid = (libxl_devid)i;
    }
    return 0;
}

static int config_channels(const Devices *devices, libxl_domain_config *out, char **why)
{
    out->channels = g_new0(libxl_device_channel, devices->n_channels);
    for (unsigned i = 0; i < devices->n_channels; i++)
        if (device_channel(devices->channels[i], &out->channels[out->num_channels++], why) < 0)
            return -ENOTSUP;
    return 0;
}

/* What Xen has nothing like. */
static int refuse_others(const Devices *devices, char **why)
{
    const char *setting = setting_refused_others(devices);
    const struct {
        unsigned n;
        const char *element;
    } others[] = {
        { devices->n_filesystems, "filesystem" }, { devices->n_smartcards, "smartcard" }, { devices->n_tpms, "tpm" },
        { devices->n_redirdevs, "redirdev" }, { devices->n_hubs, "hub" }, { devices->n_rngs, "rng" },
        { devices->n_panics, "panic" }, { devices->n_shmems, "shmem" }, { devices->n_memories, "memory" },
        { devices->n_leases, "lease" }, { devices->watchdog != NULL, "watchdog" }, { devices->iommu != NULL, "iommu" },
        { devices->vsock != NULL, "vsock" },
        { devices->memballoon && devices->memballoon->model != BALLOON_MODEL_XEN
          && devices->memballoon->model != BALLOON_MODEL_NONE, "memballoon" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(others); i++)
        if (others[i].n > 0)
            return config_refuse(why, _("the document has <%s>, which Xen can't do"), others[i].element);
    if (setting)
        return config_refuse(why, _("Xen guests can't have %s"), setting);
    return 0;
}

int config_devices(const DomainConfig *config, libxl_domain_config *out, char **why)
{
    const Devices *devices = &config->devices;

    if (refuse_others(devices, why) < 0 || config_disks(devices, out, why) < 0
        || config_interfaces(config, out, why) < 0 || config_hostdevs(config, out, why) < 0
        || config_channels(devices, out, why) < 0 || config_controllers(config, out, why) < 0)
        return -ENOTSUP;
    return config_displays(config, out, why);
}
