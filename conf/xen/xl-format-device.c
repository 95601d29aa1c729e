/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a domain's config to the file that xl or xm reads: the devices but for disks, which are in disk.c.
 * Pure functions of the config: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/xen/xen-private.h"

#define VNC_FIRST_PORT 5900

static int unsupported(XenFormat *format, const char *what, const char *value)
{
    return error_set(format->error, FROM, VIR_ERR_CONFIG_UNSUPPORTED, _("Xen has no <%s> of the kind '%s'"), what,
                     value ? value : "");
}

/* Puts a list that has something in it. */
static int put_list(XenFormat *format, const char *name, XenValue *list)
{
    if (list->n_items > 0)
        xen_set_value(&format->settings, name, list);
    return 0;
}

/* --- screens --------------------------------------------------------------------------------- */

static const char *listen_address(const Graphics *graphics)
{
    return graphics->n_listens > 0 ? graphics->listens[0]->address : NULL;
}

static void put_text(XenFormat *format, const char *name, const char *text)
{
    if (text)
        xen_set_text(&format->settings, name, text);
}

static void put_machine_sdl(XenFormat *format, const GraphicsSdl *sdl)
{
    xen_set_number(&format->settings, "sdl", 1);
    xen_set_number(&format->settings, "vnc", 0);
    put_text(format, "display", sdl->display);
    put_text(format, "xauthority", sdl->xauth);
}

static void put_machine_vnc(XenFormat *format, const Graphics *graphics)
{
    const GraphicsVnc *vnc = &graphics->vnc;
    bool any = vnc->autoport == TRISTATE_YES;

    xen_set_number(&format->settings, "sdl", 0);
    xen_set_number(&format->settings, "vnc", 1);
    xen_set_number(&format->settings, "vncunused", any);
    if (!any && vnc->port)
        xen_set_number(&format->settings, "vncdisplay", vnc->port - VNC_FIRST_PORT);
    put_text(format, "vnclisten", listen_address(graphics));
    put_text(format, "vncpasswd", vnc->password.passwd);
    put_text(format, "keymap", vnc->keymap);
}

/* A ',' would be taken for the end of the value, and what is behind it for another pair. */
static void append(XenFormat *format, GString *text, const char *name, const char *value)
{
    if (!value)
        return;
    if (strchr(value, ','))
        format->settings.unwritable = value;
    g_string_append_printf(text, ",%s=%s", name, value);
}

/* The screen of a paravirtual guest is one device with all its settings. */
static void put_framebuffer(XenFormat *format, const Graphics *graphics)
{
    XenValue *list = xen_new_list(format->arena);
    g_autoptr(GString) text = g_string_new(graphics->type == GRAPHICS_TYPE_SDL ? "type=sdl" : "type=vnc");
    bool any = graphics->vnc.autoport == TRISTATE_YES;

    if (graphics->type == GRAPHICS_TYPE_SDL) {
        append(format, text, "display", graphics->sdl.display);
        append(format, text, "xauthority", graphics->sdl.xauth);
    } else {
        g_string_append_printf(text, ",vncunused=%d", any);
        if (!any && graphics->vnc.port)
            g_string_append_printf(text, ",vncdisplay=%d", graphics->vnc.port - VNC_FIRST_PORT);
        append(format, text, "vnclisten", listen_address(graphics));
        append(format, text, "vncpasswd", graphics->vnc.password.passwd);
        append(format, text, "keymap", graphics->vnc.keymap);
    }
    xen_add_text(&format->settings, list, text->str);
    put_list(format, "vfb", list);
}

/* Of several screens none is said, as libvirt has it. */
int xen_put_graphics(XenFormat *format)
{
    const Devices *devices = &format->config->devices;
    const Graphics *graphics = devices->n_graphics == 1 ? devices->graphics[0] : NULL;

    if (!graphics || graphics->type == GRAPHICS_TYPE_SPICE)
        return 0;
    if (graphics->type != GRAPHICS_TYPE_SDL && graphics->type != GRAPHICS_TYPE_VNC)
        return unsupported(format, "graphics", element_word(&graphics_type_words, graphics->type));
    if (!format->is_machine)
        put_framebuffer(format, graphics);
    else if (graphics->type == GRAPHICS_TYPE_SDL)
        put_machine_sdl(format, &graphics->sdl);
    else
        put_machine_vnc(format, graphics);
    return 0;
}

/* Both want the agent in the guest. */
static void put_agent(XenFormat *format, const GraphicsSpice *spice)
{
    bool client = spice->mouse && spice->mouse->mode == MOUSE_MODE_CLIENT;

    if (spice->mouse)
        xen_set_number(&format->settings, "spiceagent_mouse", client);
    if (client)
        xen_set_number(&format->settings, "spicevdagent", 1);
    if (spice->clipboard && spice->clipboard->copypaste == TRISTATE_YES) {
        xen_set_number(&format->settings, "spice_clipboard_sharing", 1);
        xen_set_number(&format->settings, "spicevdagent", 1);
    }
}

int xen_put_spice(XenFormat *format)
{
    const Devices *devices = &format->config->devices;
    const Graphics *graphics = devices->n_graphics > 0 ? devices->graphics[0] : NULL;
    const GraphicsSpice *spice;

    if (!format->is_machine || !graphics || graphics->type != GRAPHICS_TYPE_SPICE)
        return 0;
    spice = &graphics->spice;
    xen_set_number(&format->settings, "sdl", 0);
    xen_set_number(&format->settings, "vnc", 0);
    xen_set_number(&format->settings, "spice", 1);
    put_text(format, "spicehost", listen_address(graphics));
    xen_set_number(&format->settings, "spiceport", spice->port);
    xen_set_number(&format->settings, "spicetls_port", spice->tls_port);
    xen_set_number(&format->settings, "spicedisable_ticketing", !spice->password.passwd);
    put_text(format, "spicepasswd", spice->password.passwd);
    put_agent(format, spice);
    return 0;
}

/* --- network interfaces ---------------------------------------------------------------------- */

static void append_addresses(GString *text, const Interface *interface)
{
    for (unsigned i = 0; i < interface->n_ips; i++)
        g_string_append_printf(text, "%s%s", i ? " " : ",ip=", interface->ips[i]->address);
}

/* "bridge.5" takes part in one VLAN, "bridge:5:6" carries several. */
static void append_vlans(GString *text, const Vlan *vlan)
{
    bool trunk = vlan && (vlan->trunk || vlan->n_tags > 1);

    for (unsigned i = 0; vlan && i < vlan->n_tags; i++)
        g_string_append_printf(text, "%c%u", trunk ? ':' : '.', vlan->tags[i]->id);
}

static void append_bridge(XenFormat *format, GString *text, const Interface *interface)
{
    const char *script = interface->script ? interface->script->path : NULL;
    bool open_vswitch = interface->virtualport && interface->virtualport->type == VIRTUAL_PORT_TYPE_OPENVSWITCH;

    append(format, text, "bridge", interface->source.bridge);
    if (open_vswitch)
        append_vlans(text, interface->vlan);
    append_addresses(text, interface);
    append(format, text, "script", script ? script : open_vswitch ? "vif-openvswitch" : "vif-bridge");
}

static int append_connection(XenFormat *format, GString *text, const Interface *interface)
{
    switch (interface->type) {
    case INTERFACE_TYPE_BRIDGE:
        append_bridge(format, text, interface);
        return 0;
    case INTERFACE_TYPE_ETHERNET:
        append(format, text, "script", interface->script ? interface->script->path : NULL);
        append_addresses(text, interface);
        return 0;
    case INTERFACE_TYPE_NETWORK:
        return error_set(format->error, FROM, VIR_ERR_NO_NETWORK,
                         _("The network '%s' isn't known: Xen's configuration needs the bridge of an interface"),
                         interface->source.network);
    default:
        return unsupported(format, "interface", element_word(&interface_type_words, interface->type));
    }
}

static void append_model(XenFormat *format, GString *text, const Interface *interface)
{
    const char *model = interface->has_model ? interface->model.type : NULL;

    if (model && format->is_machine && strcmp(model, "netfront") == 0)
        append(format, text, "type", format->dialect == XEN_DIALECT_XL ? "vif" : "netfront");
    else
        append(format, text, "model", model);
}

static int put_interface(XenFormat *format, const Interface *interface, XenValue *list)
{
    const BandwidthRate *rate = interface->bandwidth ? interface->bandwidth->outbound : NULL;
    const uint8_t *mac = interface->mac.address.bytes;
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "mac=%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    if (append_connection(format, text, interface) < 0)
        return -1;
    append_model(format, text, interface);
    append(format, text, "vifname", interface->has_target ? interface->target.dev : NULL);
    if (rate && rate->average)
        g_string_append_printf(text, ",rate=%" G_GUINT64_FORMAT "KB/s", rate->average);
    xen_add_text(&format->settings, list, text->str);
    return 0;
}

int xen_put_interfaces(XenFormat *format)
{
    const Devices *devices = &format->config->devices;
    XenValue *list = xen_new_list(format->arena);

    for (unsigned i = 0; i < devices->n_interfaces; i++)
        if (put_interface(format, devices->interfaces[i], list) < 0)
            return -1;
    return put_list(format, "vif", list);
}

/* --- devices of the host --------------------------------------------------------------------- */

static bool is_passed(const Hostdev *hostdev, HostdevType type)
{
    return hostdev->mode == HOSTDEV_MODE_SUBSYSTEM && hostdev->type == type;
}

int xen_put_pci(XenFormat *format)
{
    static const char *const permissive[] = { [TRISTATE_ABSENT] = "", [TRISTATE_YES] = ",permissive=0",
                                              [TRISTATE_NO] = ",permissive=1" };
    const Devices *devices = &format->config->devices;
    XenValue *list = xen_new_list(format->arena);

    for (unsigned i = 0; i < devices->n_hostdevs; i++) {
        const HostdevSource *source = &devices->hostdevs[i]->source;
        const HostPciAddress *pci = &source->address.pci;

        if (is_passed(devices->hostdevs[i], HOSTDEV_TYPE_PCI))
            xen_add_text(&format->settings, list,
                         arena_printf(format->arena, "%04x:%02x:%02x.%x%s", pci->domain, pci->bus, pci->slot,
                                      pci->function,
                                      permissive[source->write_filtering]));
    }
    return put_list(format, "pci", list);
}

static const char *usb_model(UsbModel model)
{
    switch (model) {
    case USB_MODEL_ABSENT:
        return "";
    case USB_MODEL_QUSB1:
        return "type=qusb,version=1,";
    case USB_MODEL_QUSB2:
        return "type=qusb,version=2,";
    default:
        return NULL;
    }
}

static int put_usb_controllers(XenFormat *format)
{
    const Devices *devices = &format->config->devices;
    XenValue *list = xen_new_list(format->arena);

    for (unsigned i = 0; i < devices->n_controllers; i++) {
        const Controller *controller = devices->controllers[i];
        const char *model = usb_model(controller->usb_model);

        if (controller->type != CONTROLLER_TYPE_USB)
            continue;
        if (!model)
            return unsupported(format, "controller", element_word(&usb_model_words, controller->usb_model));
        xen_add_text(&format->settings, list,
                     controller->has_ports ? arena_printf(format->arena, "%sports=%x", model,
                                                          controller->ports) : model);
    }
    return put_list(format, "usbctrl", list);
}

int xen_put_usb(XenFormat *format)
{
    const Devices *devices = &format->config->devices;
    XenValue *list = xen_new_list(format->arena);

    for (unsigned i = 0; i < devices->n_hostdevs; i++) {
        const HostdevAddress *address = &devices->hostdevs[i]->source.address;

        if (is_passed(devices->hostdevs[i], HOSTDEV_TYPE_USB))
            xen_add_text(&format->settings, list,
                         arena_printf(format->arena, "hostbus=%x,hostaddr=%x", address->bus, address->device));
    }
    put_list(format, "usbdev", list);
    return put_usb_controllers(format);
}

/* --- character devices ----------------------------------------------------------------------- */

/* Two characters mean something to who reads it. */
static void append_escaped(GString *text, const char *path)
{
    for (; path && *path; path++) {
        if (*path == '\\' || *path == '\'')
            g_string_append_c(text, '\\');
        g_string_append_c(text, *path);
    }
}

static void append_tcp(GString *text, const CharSource *source)
{
    const CharTcp *tcp = source->tcp;
    bool raw = !source->has_protocol || source->protocol.type == CHAR_PROTOCOL_TYPE_RAW;

    g_string_append_printf(text, "%s:%s:%s%s", raw ? "tcp" : "telnet", tcp && tcp->host ? tcp->host : "",
                           tcp && tcp->service ? tcp->service : "",
                           tcp && tcp->mode == CHAR_MODE_BIND ? ",server,nowait" : "");
}

static void append_udp(GString *text, const CharSource *source)
{
    static const CharUdp none;
    const CharUdp *connect = &none, *bind = &none;

    for (unsigned i = 0; i < source->n_udp; i++)
        *(source->udp[i]->mode == CHAR_MODE_BIND ? &bind : &connect) = source->udp[i];
    g_string_append_printf(text, "udp:%s:%s@%s:%s", connect->host ? connect->host : "",
                           connect->service ? connect->service : "", bind->host ? bind->host : "",
                           bind->service ? bind->service : "");
}

/* NULL and an error. */
static char *character_text(XenFormat *format, CharType type, const CharSource *source)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *word = element_word(&char_type_words, type);

    switch (type) {
    case CHAR_TYPE_NULL:
    case CHAR_TYPE_STDIO:
    case CHAR_TYPE_VC:
    case CHAR_TYPE_PTY:
        g_string_append(text, word);
        break;
    case CHAR_TYPE_FILE:
    case CHAR_TYPE_PIPE:
    case CHAR_TYPE_DEV:
        if (type != CHAR_TYPE_DEV)
            g_string_append_printf(text, "%s:", word);
        append_escaped(text, source->file ? source->file->path : NULL);
        break;
    case CHAR_TYPE_TCP:
        append_tcp(text, source);
        break;
    case CHAR_TYPE_UDP:
        append_udp(text, source);
        break;
    case CHAR_TYPE_UNIX:
        g_string_append(text, "unix:");
        append_escaped(text, source->socket ? source->socket->path : NULL);
        if (source->socket && source->socket->mode == CHAR_MODE_BIND)
            g_string_append(text, ",server,nowait");
        break;
    default:
        unsupported(format, "serial", word);
        return NULL;
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static int put_character(XenFormat *format, const char *name, CharType type, const CharSource *source)
{
    g_autofree char *text = character_text(format, type, source);

    if (!text)
        return -1;
    xen_set_text(&format->settings, name, text);
    return 0;
}

static const Serial *serial_at(const Devices *devices, int port)
{
    for (unsigned i = 0; i < devices->n_serials; i++)
        if (devices->serials[i]->target.port == port)
            return devices->serials[i];
    return NULL;
}

/* A port that the guest doesn't have keeps its place. */
static int put_serial_list(XenFormat *format)
{
    const Devices *devices = &format->config->devices;
    XenValue *list = xen_new_list(format->arena);
    int last = -1;

    if (format->dialect == XEN_DIALECT_XM)
        return error_set(format->error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("xm can have one <serial>, with port='0', not %u"), devices->n_serials);
    for (unsigned i = 0; i < devices->n_serials; i++)
        last = MAX(last, devices->serials[i]->target.port);
    if (last > UINT8_MAX)
        return unsupported(format, "serial", arena_printf(format->arena, "port='%d'", last));
    for (int port = 0; port <= last; port++) {
        const Serial *serial = serial_at(devices, port);
        g_autofree char *text = serial ? character_text(format, serial->type, &serial->source) : g_strdup("none");

        if (!text)
            return -1;
        xen_add_text(&format->settings, list, text);
    }
    return put_list(format, "serial", list);
}

/* The console of a paravirtual guest is always there and isn't said. */
int xen_put_serials(XenFormat *format)
{
    const Devices *devices = &format->config->devices;

    if (!format->is_machine)
        return 0;
    if (devices->n_parallels == 0)
        xen_set_text(&format->settings, "parallel", "none");
    else if (put_character(format, "parallel", devices->parallels[0]->type, &devices->parallels[0]->source) < 0)
        return -1;
    if (devices->n_serials == 0)
        xen_set_text(&format->settings, "serial", "none");
    else if (devices->n_serials == 1 && devices->serials[0]->target.port == 0)
        return put_character(format, "serial", devices->serials[0]->type, &devices->serials[0]->source);
    else
        return put_serial_list(format);
    return 0;
}

static const char *channel_text(XenFormat *format, const Channel *channel)
{
    const char *name = channel->target.name ? channel->target.name : "";
    const CharUnix *socket = channel->source.socket;

    if (strchr(name, ',') || (socket && socket->path && strchr(socket->path, ',')))
        format->settings.unwritable = strchr(name, ',') ? name : socket->path;
    if (channel->type == CHAR_TYPE_PTY)
        return arena_printf(format->arena, "connection=pty,name=%s", name);
    if (channel->type != CHAR_TYPE_UNIX) {
        unsupported(format, "channel", element_word(&char_type_words, channel->type));
        return NULL;
    }
    if (!socket || !socket->path)
        return arena_printf(format->arena, "connection=socket,name=%s", name);
    return arena_printf(format->arena, "connection=socket,path=%s,name=%s", socket->path, name);
}

int xen_put_channels(XenFormat *format)
{
    const Devices *devices = &format->config->devices;
    XenValue *list = xen_new_list(format->arena);

    for (unsigned i = 0; i < devices->n_channels; i++) {
        const char *text;

        if (devices->channels[i]->target.type != CHANNEL_TARGET_TYPE_XEN)
            continue;
        text = channel_text(format, devices->channels[i]);
        if (!text)
            return -1;
        xen_add_text(&format->settings, list, text);
    }
    return put_list(format, "channel", list);
}

/* --- sound and input --------------------------------------------------------------------------- */

int xen_put_sounds(XenFormat *format)
{
    const Devices *devices = &format->config->devices;
    g_autoptr(GString) text = g_string_new(NULL);

    if (!format->is_machine || devices->n_sounds == 0)
        return 0;
    for (unsigned i = 0; i < devices->n_sounds; i++)
        g_string_append_printf(text, "%s%s", i ? "," : "", element_word(&sound_model_words, devices->sounds[i]->model));
    xen_set_text(&format->settings, "soundhw", text->str);
    return 0;
}

static const char *input_text(InputType type)
{
    switch (type) {
    case INPUT_TYPE_MOUSE:
    case INPUT_TYPE_TABLET:
    case INPUT_TYPE_KEYBOARD:
        return element_word(&input_type_words, type);
    default:
        return NULL;
    }
}

/* One is a text, several are a list, which xm doesn't know. */
int xen_put_inputs(XenFormat *format)
{
    const Devices *devices = &format->config->devices;
    XenValue *list = xen_new_list(format->arena);

    if (!format->is_machine)
        return 0;
    for (unsigned i = 0; i < devices->n_inputs; i++) {
        const char *text = input_text(devices->inputs[i]->type);

        if (devices->inputs[i]->bus != INPUT_BUS_USB)
            continue;
        xen_set_number(&format->settings, "usb", 1);
        if (text && !(format->dialect == XEN_DIALECT_XM && list->n_items > 0))
            xen_add_text(&format->settings, list, text);
    }
    if (list->n_items == 1)
        xen_set_text(&format->settings, "usbdevice", list->items[0]->text);
    else
        put_list(format, "usbdevice", list);
    return 0;
}
