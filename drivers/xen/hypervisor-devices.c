/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a document to libxl's devices: those of the host, channels, controllers, and all of a document together. Disks are in
 * hypervisor-disks.c, interfaces in hypervisor-interfaces.c, what is only a setting of a device model (screens, ports,
 * sound) in hypervisor-displays.c. What Xen can't do, and what a guest would miss, is refused with a sentence; docs/xen.md
 * lists what is passed over.
 * Pure functions of their arguments: any thread, no lock.
 * What they fill in is libxl's to free: strings and arrays from malloc, which GLib's are. */
#include "drivers/xen/real.h"

#include <errno.h>

#include <libxl_utils.h>

#include "base/i18n.h"
#include "conf/elements.h"
#include "drivers/xen/offer.h"
#include "drivers/xen/settings.h"

static bool is_machine(const DomainConfig *config)
{
    return config->os.type.name == OS_TYPE_NAME_HVM;
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

    if (refuse_others(devices, why) < 0 || config_disks(config, out, why) < 0
        || config_interfaces(config, out, why) < 0 || config_hostdevs(config, out, why) < 0
        || config_channels(devices, out, why) < 0 || config_controllers(config, out, why) < 0)
        return -ENOTSUP;
    return config_displays(config, out, why);
}
