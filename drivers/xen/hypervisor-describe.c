/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Xen's tools keep of a running guest, whoever made it, as a domain's document: libxl's record of the guest with
 * the devices that it has now. It is written as a client would write it and then read as every document is, so nobody else
 * has to know what libxl's types mean. Some tens of requests to xenstored: asked once for a guest, in a thread that may
 * wait. What a document has no element for (a CPU pool, devices of the rarer kinds) is not in it. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <string.h>

#include <libxl_utils.h>

#include "base/log.h"
#include "conf/rules/rules.h"
#include "drivers/xen/xen.h"

LOG_SOURCE("drivers.xen.describe");

/* Attributes and texts are escaped. */
static void put(GString *out, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void put(GString *out, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_markup_vprintf_escaped(format, arguments);
    va_end(arguments);
    g_string_append(out, text);
}

static void put_leaf(GString *out, const char *name, const char *text)
{
    if (text && *text)
        put(out, "<%s>%s</%s>", name, text, name);
}

static bool is_set(libxl_defbool value, bool usual)
{
    return libxl_defbool_is_default(value) ? usual : libxl_defbool_val(value);
}

/* --- the machine ----------------------------------------------------------------------------- */

static void put_words(GString *out, const char *name, libxl_string_list words)
{
    g_autofree char *text = words ? g_strjoinv(" ", words) : NULL;

    put_leaf(out, name, text);
}

static void put_boot(GString *out, const char *letters)
{
    for (; letters && *letters; letters++) {
        const char *device = *letters == 'c' ? "hd" : *letters == 'd' ? "cdrom" : *letters == 'n' ? "network"
            : *letters == 'a' ? "fd" : NULL;

        if (device)
            put(out, "<boot dev='%s'/>", device);
    }
}

static void put_os(GString *out, const libxl_domain_build_info *build)
{
    bool machine = build->type == LIBXL_DOMAIN_TYPE_HVM;

    if (build->type != LIBXL_DOMAIN_TYPE_HVM) {
        put_leaf(out, "bootloader", build->bootloader);
        put_words(out, "bootloader_args", build->bootloader_args);
    }
    put(out, "<os><type arch='x86_64' machine='%s'>%s</type>",
        machine ? "xenfv" : build->type == LIBXL_DOMAIN_TYPE_PVH ? "xenpvh" : "xenpv",
        machine ? "hvm" : build->type == LIBXL_DOMAIN_TYPE_PVH ? "xenpvh" : "linux");
    if (machine && build->u.hvm.firmware && *build->u.hvm.firmware == '/')
        put(out, "<loader type='rom'>%s</loader>", build->u.hvm.firmware);
    else if (machine && build->u.hvm.bios == LIBXL_BIOS_TYPE_OVMF)
        put(out, "<loader readonly='yes' type='pflash'>/usr/lib/xen/boot/ovmf.bin</loader>");
    put_leaf(out, "kernel", build->kernel);
    put_leaf(out, "initrd", build->ramdisk);
    put_leaf(out, "cmdline", build->cmdline);
    if (machine)
        put_boot(out, build->u.hvm.boot);
    put(out, "</os>");
}

static void put_features(GString *out, const libxl_domain_config *config)
{
    const libxl_domain_build_info *build = &config->b_info;
    bool machine = build->type == LIBXL_DOMAIN_TYPE_HVM;

    put(out, "<features>");
    if (machine && is_set(build->u.hvm.pae, true))
        put(out, "<pae/>");
    if (machine && is_set(build->acpi, is_set(build->u.hvm.acpi, true)))
        put(out, "<acpi/>");
    if (machine && is_set(build->apic, is_set(build->u.hvm.apic, true)))
        put(out, "<apic/>");
    if (build->type != LIBXL_DOMAIN_TYPE_PV && !libxl_defbool_is_default(config->c_info.hap))
        put(out, "<hap state='%s'/>", is_set(config->c_info.hap, true) ? "on" : "off");
    if (machine && is_set(build->u.hvm.viridian, false))
        put(out, "<viridian/>");
    put(out, "</features>");
}

static void put_clock(GString *out, const libxl_domain_build_info *build)
{
    if (is_set(build->localtime, false))
        put(out, "<clock offset='localtime'/>");
    else if (build->rtc_timeoffset)
        put(out, "<clock offset='variable' adjustment='%d' basis='utc'/>", (int)build->rtc_timeoffset);
    else
        put(out, "<clock offset='utc'/>");
}

/* A document has no word for what only a guest can ask for, a soft reset. */
static void put_action(GString *out, const char *name, libxl_action_on_shutdown action, const char *usual)
{
    static const char *const words[] = {
        [LIBXL_ACTION_ON_SHUTDOWN_DESTROY] = "destroy",
        [LIBXL_ACTION_ON_SHUTDOWN_RESTART] = "restart",
        [LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME] = "rename-restart",
        [LIBXL_ACTION_ON_SHUTDOWN_PRESERVE] = "preserve",
        [LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY] = "coredump-destroy",
        [LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART] = "coredump-restart",
    };

    put_leaf(out, name, (unsigned)action < G_N_ELEMENTS(words) && words[action] ? words[action] : usual);
}

/* --- devices --------------------------------------------------------------------------------- */

static const char *bus_of(const char *target)
{
    return g_str_has_prefix(target, "hd") ? "ide" : g_str_has_prefix(target, "sd") ? "scsi" : "xen";
}

static const char *format_of(libxl_disk_format format)
{
    switch (format) {
    case LIBXL_DISK_FORMAT_QCOW:
        return "qcow";
    case LIBXL_DISK_FORMAT_QCOW2:
        return "qcow2";
    case LIBXL_DISK_FORMAT_VHD:
        return "vhd";
    case LIBXL_DISK_FORMAT_QED:
        return "qed";
    default:
        return "raw";
    }
}

static void put_disk(GString *out, const libxl_device_disk *disk)
{
    bool block = disk->pdev_path && g_str_has_prefix(disk->pdev_path, "/dev/");

    if (!disk->vdev)
        return;
    put(out, "<disk type='%s' device='%s'>", block ? "block" : "file", disk->is_cdrom ? "cdrom" : "disk");
    if (disk->format != LIBXL_DISK_FORMAT_EMPTY && disk->backend != LIBXL_DISK_BACKEND_UNKNOWN)
        put(out, "<driver name='%s' type='%s'/>",
            disk->backend == LIBXL_DISK_BACKEND_QDISK ? "qemu" : disk->backend == LIBXL_DISK_BACKEND_TAP ? "tap" : "phy",
            format_of(disk->format));
    if (disk->pdev_path && *disk->pdev_path)
        put(out, "<source %s='%s'/>", block ? "dev" : "file", disk->pdev_path);
    if (disk->backend_domname)
        put(out, "<backenddomain name='%s'/>", disk->backend_domname);
    put(out, "<target dev='%s' bus='%s'/>", disk->vdev, bus_of(disk->vdev));
    if (!disk->readwrite)
        put(out, "<readonly/>");
    put(out, "</disk>");
}

static void put_nic(GString *out, const libxl_device_nic *nic)
{
    const uint8_t *mac = nic->mac;

    put(out, "<interface type='%s'><mac address='%02x:%02x:%02x:%02x:%02x:%02x'/>", nic->bridge ? "bridge" : "ethernet",
        mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    if (nic->bridge)
        put(out, "<source bridge='%s'/>", nic->bridge);
    if (nic->ip && *nic->ip) {
        g_auto(GStrv) addresses = g_strsplit(nic->ip, " ", 16);

        for (char **address = addresses; *address; address++)
            if (**address && !strchr(*address, '/'))
                put(out, "<ip address='%s' family='%s'/>", *address, strchr(*address, ':') ? "ipv6" : "ipv4");
    }
    if (nic->script)
        put(out, "<script path='%s'/>", nic->script);
    if (nic->backend_domname)
        put(out, "<backenddomain name='%s'/>", nic->backend_domname);
    if (nic->ifname)
        put(out, "<target dev='%s'/>", nic->ifname);
    if (nic->model && nic->nictype == LIBXL_NIC_TYPE_VIF_IOEMU)
        put(out, "<model type='%s'/>", nic->model);
    if (nic->rate_bytes_per_interval && nic->rate_interval_usecs)
        put(out, "<bandwidth><outbound average='%" G_GUINT64_FORMAT "'/></bandwidth>",
            nic->rate_bytes_per_interval * 1000000 / nic->rate_interval_usecs / 1024);
    put(out, "</interface>");
}

static void put_pci(GString *out, const libxl_device_pci *pci)
{
    put(out, "<hostdev mode='subsystem' type='pci' managed='no'><source>"
        "<address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/></source></hostdev>", (unsigned)pci->domain,
        pci->bus, pci->dev, pci->func);
}

static void put_usb(GString *out, const libxl_device_usbdev *usb)
{
    put(out, "<hostdev mode='subsystem' type='usb'><source><address bus='%d' device='%d'/></source></hostdev>",
        usb->u.hostdev.hostbus, usb->u.hostdev.hostaddr);
}

/* The kernel's backend for USB has no word in a document: QEMU's, for the guest, is the same. */
static void put_usb_controller(GString *out, const libxl_device_usbctrl *controller)
{
    static const char *const models[] = { "piix3-uhci", "ehci", "nec-xhci" };
    int version = CLAMP(controller->version, 1, 3);

    put(out, "<controller type='usb' index='%d'", controller->devid);
    if (controller->type == LIBXL_USBCTRL_TYPE_DEVICEMODEL)
        put(out, " model='%s'/>", models[version - 1]);
    else
        put(out, " model='qusb%d' ports='%d'/>", MIN(version, 2), controller->ports);
}

static void put_vnc(GString *out, const libxl_vnc_info *vnc)
{
    bool any = is_set(vnc->findunused, true);

    put(out, "<graphics type='vnc' port='%d' autoport='%s'", any && !vnc->display ? -1 : 5900 + vnc->display,
        any ? "yes" : "no");
    if (vnc->listen)
        put(out, " listen='%s'", vnc->listen);
    if (vnc->passwd && *vnc->passwd)
        put(out, " passwd='%s'", vnc->passwd);
    put(out, "/>");
}

static void put_screens(GString *out, const libxl_domain_config *config)
{
    const libxl_domain_build_info *build = &config->b_info;

    if (build->type == LIBXL_DOMAIN_TYPE_HVM && is_set(build->u.hvm.vnc.enable, false))
        put_vnc(out, &build->u.hvm.vnc);
    if (build->type != LIBXL_DOMAIN_TYPE_HVM)
        for (int i = 0; i < config->num_vfbs; i++)
            if (is_set(config->vfbs[i].vnc.enable, false))
                put_vnc(out, &config->vfbs[i].vnc);
}

static void put_channel(GString *out, const libxl_device_channel *channel)
{
    if (channel->connection == LIBXL_CHANNEL_CONNECTION_SOCKET && channel->u.socket.path)
        put(out, "<channel type='unix'><source mode='bind' path='%s'/>", channel->u.socket.path);
    else
        put(out, "<channel type='pty'>");
    put(out, "<target type='xen'");
    if (channel->name)
        put(out, " name='%s'", channel->name);
    put(out, "/></channel>");
}

static void put_serial(GString *out, const libxl_domain_build_info *build)
{
    if (build->type != LIBXL_DOMAIN_TYPE_HVM)
        put(out, "<console type='pty'><target type='xen' port='0'/></console>");
    else if (build->u.hvm.serial && strcmp(build->u.hvm.serial, "pty") == 0)
        put(out, "<serial type='pty'><target port='0'/></serial>");
}

static void put_devices(GString *out, const libxl_domain_config *config)
{
    put(out, "<devices>");
    if (config->b_info.type == LIBXL_DOMAIN_TYPE_HVM)
        put_leaf(out, "emulator", config->b_info.device_model);
    for (int i = 0; i < config->num_disks; i++)
        put_disk(out, &config->disks[i]);
    for (int i = 0; i < config->num_nics; i++)
        put_nic(out, &config->nics[i]);
    put_serial(out, &config->b_info);
    for (int i = 0; i < config->num_channels; i++)
        put_channel(out, &config->channels[i]);
    put_screens(out, config);
    for (int i = 0; i < config->num_pcidevs; i++)
        put_pci(out, &config->pcidevs[i]);
    for (int i = 0; i < config->num_usbctrls; i++)
        put_usb_controller(out, &config->usbctrls[i]);
    for (int i = 0; i < config->num_usbdevs; i++)
        put_usb(out, &config->usbdevs[i]);
    put(out, "</devices>");
}

/* --- all of it ------------------------------------------------------------------------------- */

static char *document_of(const libxl_domain_config *config)
{
    const libxl_domain_build_info *build = &config->b_info;
    GString *out = g_string_new("<domain type='xen'>");
    Uuid uuid;
    char text[UUID_TEXT_SIZE];
    unsigned online = (unsigned)libxl_bitmap_count_set(&build->avail_vcpus);

    memcpy(uuid.bytes, libxl_uuid_bytearray_const(&config->c_info.uuid), sizeof uuid.bytes);
    put_leaf(out, "name", config->c_info.name);
    put_leaf(out, "uuid", uuid_format(&uuid, text));
    put(out, "<memory unit='KiB'>%" G_GUINT64_FORMAT "</memory>", build->max_memkb);
    put(out, "<currentMemory unit='KiB'>%" G_GUINT64_FORMAT "</currentMemory>", build->target_memkb);
    if (online && online < (unsigned)build->max_vcpus)
        put(out, "<vcpu current='%u'>%d</vcpu>", online, build->max_vcpus);
    else
        put(out, "<vcpu>%d</vcpu>", build->max_vcpus);
    put_os(out, build);
    put_features(out, config);
    put_clock(out, build);
    put_action(out, "on_poweroff", config->on_poweroff, "destroy");
    put_action(out, "on_reboot", config->on_reboot, "destroy");
    put_action(out, "on_crash", config->on_crash, "destroy");
    put_devices(out, config);
    g_string_append(out, "</domain>");
    return g_string_free(out, false);
}

static int read_document(const char *document, DomainConfig **config, char **why)
{
    Error error = ERROR_INIT;

    log_debug("libxl's record as a document: %s", document);
    *config = domain_config_parse(document, strlen(document), &xen_domain_rules, DOMAIN_PARSE_STORED, &error);
    if (!*config)
        *why = g_strdup(error.message);
    error_clear(&error);
    return *config ? 0 : -EINVAL;
}

/* libxl compares its record of the other devices with xenstore, but takes those of USB for gone. */
static void take_usb(libxl_ctx *ctx, int id, libxl_domain_config *found)
{
    libxl_device_usbdev_list_free(found->usbdevs, found->num_usbdevs);
    found->num_usbdevs = 0;
    found->usbdevs = libxl_device_usbdev_list(ctx, (uint32_t)id, &found->num_usbdevs);
}

int machine_describe(Hypervisor *hv, int id, DomainConfig **config, char **why)
{
    MachineContext context;
    libxl_domain_config found;
    int r = machine_context_open(&context);

    if (r < 0)
        return r;
    libxl_domain_config_init(&found);
    r = machine_errno(libxl_retrieve_domain_configuration(context.ctx, (uint32_t)id, &found, NULL));
    if (r < 0) {
        *why = machine_why(&context);
    } else {
        g_autofree char *document = NULL;

        if (found.num_usbctrls > 0)
            take_usb(context.ctx, id, &found);
        document = document_of(&found);
        r = read_document(document, config, why);
    }
    libxl_domain_config_dispose(&found);
    machine_context_close(&context);
    return r;
}
