/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a document to libxl's settings of a device model: screens, cards, ports, sound and what one types on; and to the
 * paravirtual screen of a guest without such a model. What Xen can't do is refused with a sentence.
 * Pure functions of their arguments: any thread, no lock. What they fill in is libxl's to free. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/elements.h"
#include "drivers/xen/offer.h"
#include "drivers/xen/settings.h"

enum { VNC_FIRST_PORT = 5900 };

/* --- character devices of a machine ---------------------------------------------------------- */

static void append_tcp(GString *text, const CharSource *source)
{
    const CharTcp *tcp = source->tcp;
    bool raw = !source->has_protocol || source->protocol.type == CHAR_PROTOCOL_TYPE_RAW;

    g_string_append_printf(text, "%s:%s:%s%s", raw ? "tcp" : "telnet", tcp->host ? tcp->host : "",
                           tcp->service ? tcp->service : "", tcp->mode == CHAR_MODE_BIND ? ",server,nowait" : "");
}

static void append_udp(GString *text, const CharSource *source)
{
    static const CharUdp none;
    const CharUdp *to = &none, *from = &none;

    for (unsigned i = 0; i < source->n_udp; i++)
        *(source->udp[i]->mode == CHAR_MODE_BIND ? &from : &to) = source->udp[i];
    g_string_append_printf(text, "udp:%s:%s@%s:%s", to->host ? to->host : "", to->service ? to->service : "",
                           from->host ? from->host : "", from->service ? from->service : "");
}

/* A comma would begin one of QEMU's options. */
static int append_path(GString *text, const char *kind, const char *path, char **why)
{
    if (!path)
        return config_refuse(why, _("a port of the guest has no path"));
    if (strchr(path, ','))
        return config_refuse(why, _("the path '%s' has a comma, which a port of a Xen guest can't have"), path);
    g_string_append_printf(text, "%s%s", kind, path);
    return 0;
}

/* The argument of QEMU's option -serial; NULL and why. */
static char *character_text(CharType type, const CharSource *source, char **why)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *word = element_word(&char_type_words, type);
    int r = 0;

    if (source->log) {
        config_refuse(why, _("a port of the guest has <log>, which Xen can't do"));
        return NULL;
    }
    if (type == CHAR_TYPE_NULL || type == CHAR_TYPE_STDIO || type == CHAR_TYPE_VC || type == CHAR_TYPE_PTY) {
        g_string_append(text, word);
    } else if (type == CHAR_TYPE_FILE || type == CHAR_TYPE_PIPE || type == CHAR_TYPE_DEV) {
        g_autofree char *kind = g_strdup_printf("%s:", word);

        r = append_path(text, type == CHAR_TYPE_DEV ? "" : kind, source->file ? source->file->path : NULL, why);
    } else if (type == CHAR_TYPE_UNIX) {
        r = append_path(text, "unix:", source->socket ? source->socket->path : NULL, why);
        if (r == 0 && source->socket->mode == CHAR_MODE_BIND)
            g_string_append(text, ",server,nowait");
    } else if (type == CHAR_TYPE_TCP && source->tcp) {
        append_tcp(text, source);
    } else if (type == CHAR_TYPE_UDP) {
        append_udp(text, source);
    } else {
        r = config_refuse(why, _("a port of the guest is of type='%s', which Xen can't do"), word);
    }
    return r < 0 ? NULL : g_string_free(g_steal_pointer(&text), FALSE);
}

static const Serial *serial_at(const Devices *devices, int port)
{
    for (unsigned i = 0; i < devices->n_serials; i++)
        if (devices->serials[i]->target.port == port)
            return devices->serials[i];
    return NULL;
}

/* A port that the guest doesn't have keeps its place among those that it has. */
static int machine_serials(const Devices *devices, libxl_domain_build_info *info, char **why)
{
    enum { MOST = 4 };
    int last = -1;

    if (devices->n_parallels > 0)
        return config_refuse(why, _("the document has <parallel>, which libxl can't do"));
    for (unsigned i = 0; i < devices->n_serials; i++)
        last = MAX(last, devices->serials[i]->target.port);
    if (last >= MOST)
        return config_refuse(why, _("the guest has a serial port %d, there are only %d"), last, MOST);
    if (last < 0)
        return 0;
    info->u.hvm.serial_list = (libxl_string_list)g_new0(char *, (size_t)last + 2);
    for (int port = 0; port <= last; port++) {
        const Serial *serial = serial_at(devices, port);

        info->u.hvm.serial_list[port] = serial ? character_text(serial->type, &serial->source, why) : g_strdup("null");
        if (!info->u.hvm.serial_list[port])
            return -ENOTSUP;
    }
    return 0;
}

/* --- screens --------------------------------------------------------------------------------- */

static int vnc_settings(const Graphics *graphics, libxl_vnc_info *vnc, char **why)
{
    const GraphicsVnc *asked = &graphics->vnc;
    const GraphicsListen *listen = graphics->n_listens > 0 ? graphics->listens[0] : NULL;
    bool any = asked->autoport == TRISTATE_YES || asked->port <= 0;

    if (listen && (listen->type == GRAPHICS_LISTEN_TYPE_SOCKET || listen->type == GRAPHICS_LISTEN_TYPE_NETWORK))
        return config_refuse(why, _("a VNC server listens on a %s, Xen has only addresses"),
                             element_word(&graphics_listen_type_words, listen->type));
    if (asked->has_websocket && asked->websocket)
        return config_refuse(why, _("a VNC server has a WebSocket, which Xen can't do"));
    if (asked->password.passwd_valid_to)
        return config_refuse(why, _("a VNC server has a password that runs out, which Xen can't do"));
    if (!any && asked->port < VNC_FIRST_PORT)
        return config_refuse(why, _("a VNC server has the port %d, the first is %d"), asked->port, VNC_FIRST_PORT);
    libxl_defbool_set(&vnc->enable, true);
    libxl_defbool_set(&vnc->findunused, any);
    vnc->display = any ? 0 : asked->port - VNC_FIRST_PORT;
    vnc->listen = g_strdup(listen ? listen->address : NULL);
    vnc->passwd = g_strdup(asked->password.passwd);
    return 0;
}

static void sdl_settings(const GraphicsSdl *asked, libxl_sdl_info *sdl)
{
    libxl_defbool_set(&sdl->enable, true);
    sdl->display = g_strdup(asked->display);
    sdl->xauthority = g_strdup(asked->xauth);
    if (asked->gl)
        libxl_defbool_set(&sdl->opengl, asked->gl->enable == TRISTATE_YES);
}

static int spice_settings(const Graphics *graphics, libxl_spice_info *spice, char **why)
{
    const GraphicsSpice *asked = &graphics->spice;
    const GraphicsListen *listen = graphics->n_listens > 0 ? graphics->listens[0] : NULL;
    bool client = asked->mouse && asked->mouse->mode == MOUSE_MODE_CLIENT;
    bool share = asked->clipboard && asked->clipboard->copypaste == TRISTATE_YES;

    if (listen && listen->type != GRAPHICS_LISTEN_TYPE_ADDRESS)
        return config_refuse(why, _("a SPICE server doesn't listen on an address, which Xen needs"));
    if (asked->port <= 0 && asked->tls_port <= 0)
        return config_refuse(why, _("a SPICE server has no port; libxl doesn't choose one"));
    if (asked->n_channels > 0)
        return config_refuse(why, _("a SPICE server has settings for single channels, which Xen can't do"));
    libxl_defbool_set(&spice->enable, true);
    spice->port = MAX(asked->port, 0);
    spice->tls_port = MAX(asked->tls_port, 0);
    spice->host = g_strdup(listen ? listen->address : NULL);
    spice->passwd = g_strdup(asked->password.passwd);
    libxl_defbool_set(&spice->disable_ticketing, !asked->password.passwd);
    libxl_defbool_set(&spice->agent_mouse, client);
    libxl_defbool_set(&spice->vdagent, client || share);
    libxl_defbool_set(&spice->clipboard_sharing, share);
    if (asked->has_image)
        spice->image_compression = g_strdup(element_word(&spice_image_compression_words, asked->image.compression));
    if (asked->has_streaming)
        spice->streaming_video = g_strdup(element_word(&spice_streaming_mode_words, asked->streaming.mode));
    return 0;
}

static int refuse_screen(const Graphics *graphics, char **why)
{
    return config_refuse(why, _("a screen is of type='%s', Xen has one each of vnc, sdl and spice"),
                         element_word(&graphics_type_words, graphics->type));
}

/* A machine without a screen says so, since libxl would give it one of VNC. */
static int machine_graphics(const Devices *devices, libxl_domain_build_info *info, char **why)
{
    const uint64_t offered = xen_offers[XEN_HVM].graphics;

    libxl_defbool_set(&info->u.hvm.vnc.enable, false);
    libxl_defbool_set(&info->u.hvm.sdl.enable, false);
    libxl_defbool_set(&info->u.hvm.spice.enable, false);
    for (unsigned i = 0; i < devices->n_graphics; i++) {
        const Graphics *graphics = devices->graphics[i];
        int r = 0;

        if (!offer_has(offered, graphics->type)) {
            r = refuse_screen(graphics, why);
        } else if (graphics->type == GRAPHICS_TYPE_VNC && libxl_defbool_val(info->u.hvm.vnc.enable) == false) {
            r = vnc_settings(graphics, &info->u.hvm.vnc, why);
            if (graphics->vnc.keymap && !info->u.hvm.keymap)
                info->u.hvm.keymap = g_strdup(graphics->vnc.keymap);
        } else if (graphics->type == GRAPHICS_TYPE_SPICE && !libxl_defbool_val(info->u.hvm.spice.enable)) {
            r = spice_settings(graphics, &info->u.hvm.spice, why);
            if (graphics->spice.keymap && !info->u.hvm.keymap)
                info->u.hvm.keymap = g_strdup(graphics->spice.keymap);
        } else if (graphics->type == GRAPHICS_TYPE_SDL && !libxl_defbool_val(info->u.hvm.sdl.enable)) {
            sdl_settings(&graphics->sdl, &info->u.hvm.sdl);
        } else {
            r = refuse_screen(graphics, why);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* The paravirtual screen needs a keyboard of its kind. */
static int guest_graphics(const Devices *devices, libxl_domain_config *out, char **why)
{
    const Graphics *graphics = devices->n_graphics > 0 ? devices->graphics[0] : NULL;

    if (!graphics)
        return 0;
    if (devices->n_graphics > 1)
        return config_refuse(why, _("a guest without a device model can have one screen only"));
    if (!offer_has(xen_offers[XEN_PV].graphics, graphics->type))
        return config_refuse(why, _("a screen is of type='%s', this guest can only have vnc or sdl"),
                             element_word(&graphics_type_words, graphics->type));
    out->vfbs = g_new0(libxl_device_vfb, 1);
    out->vkbs = g_new0(libxl_device_vkb, 1);
    libxl_device_vfb_init(out->vfbs);
    libxl_device_vkb_init(out->vkbs);
    out->num_vfbs = out->num_vkbs = 1;
    libxl_defbool_set(&out->vfbs->vnc.enable, false);
    libxl_defbool_set(&out->vfbs->sdl.enable, false);
    if (graphics->type == GRAPHICS_TYPE_SDL) {
        sdl_settings(&graphics->sdl, &out->vfbs->sdl);
        return 0;
    }
    out->vfbs->keymap = g_strdup(graphics->vnc.keymap);
    return vnc_settings(graphics, &out->vfbs->vnc, why);
}

/* --- cards, sound, input --------------------------------------------------------------------- */

static int machine_video(const Devices *devices, libxl_domain_build_info *info, char **why)
{
    const VideoModel *model = devices->n_videos > 0 ? &devices->videos[0]->model : NULL;

    if (devices->n_videos > 1)
        return config_refuse(why, _("a machine of Xen's can have one graphics card only"));
    if (!model) {
        libxl_defbool_set(&info->u.hvm.nographic, devices->n_graphics == 0);
        if (devices->n_graphics == 0)
            info->u.hvm.vga.kind = LIBXL_VGA_INTERFACE_TYPE_NONE;
        return 0;
    }
    switch (model->type) {
    case VIDEO_TYPE_VGA:
    case VIDEO_TYPE_XEN:
        info->u.hvm.vga.kind = LIBXL_VGA_INTERFACE_TYPE_STD;
        break;
    case VIDEO_TYPE_CIRRUS:
        info->u.hvm.vga.kind = LIBXL_VGA_INTERFACE_TYPE_CIRRUS;
        break;
    case VIDEO_TYPE_QXL:
        info->u.hvm.vga.kind = LIBXL_VGA_INTERFACE_TYPE_QXL;
        break;
    case VIDEO_TYPE_NONE:
        info->u.hvm.vga.kind = LIBXL_VGA_INTERFACE_TYPE_NONE;
        break;
    default:
        return config_refuse(why, _("a graphics card is of type='%s', Xen has vga, cirrus, qxl, xen and none"),
                             element_word(&video_type_words, model->type));
    }
    info->video_memkb = model->has_vram ? model->vram : LIBXL_MEMKB_DEFAULT;
    return 0;
}

static int machine_sound(const Devices *devices, libxl_domain_build_info *info, char **why)
{
    if (devices->n_sounds > 1)
        return config_refuse(why, _("a machine of Xen's can have one sound card only"));
    if (devices->n_sounds == 1)
        info->u.hvm.soundhw = g_strdup(element_word(&sound_model_words, devices->sounds[0]->model));
    return 0;
}

/* What a PC has anyway needs no word. */
static int machine_inputs(const Devices *devices, libxl_domain_build_info *info, char **why)
{
    libxl_string_list list = NULL;
    unsigned n = 0;

    if (devices->n_inputs > 0)
        list = info->u.hvm.usbdevice_list = (libxl_string_list)g_new0(char *, devices->n_inputs + 1);
    for (unsigned i = 0; i < devices->n_inputs; i++) {
        const Input *input = devices->inputs[i];

        if (input->bus == INPUT_BUS_PS2 || input->bus == INPUT_BUS_XEN)
            continue;
        if (input->bus != INPUT_BUS_USB || (input->type != INPUT_TYPE_MOUSE && input->type != INPUT_TYPE_TABLET
                                            && input->type != INPUT_TYPE_KEYBOARD))
            return config_refuse(why, _("an input device is of type='%s' with bus='%s', which Xen can't do"),
                                 element_word(&input_type_words, input->type),
                                 element_word(&input_bus_words, input->bus));
        list[n++] = g_strdup(element_word(&input_type_words, input->type));
        libxl_defbool_set(&info->u.hvm.usb, true);
    }
    return 0;
}

/* --- a guest without a device model ----------------------------------------------------------- */

static int refuse_machine_devices(const Devices *devices, char **why)
{
    if (devices->n_serials > 0 || devices->n_parallels > 0)
        return config_refuse(why, _("a guest without a device model has no serial or parallel ports, only <console>"));
    if (devices->n_sounds > 0)
        return config_refuse(why, _("a guest without a device model has no sound"));
    for (unsigned i = 0; i < devices->n_inputs; i++)
        if (devices->inputs[i]->bus != INPUT_BUS_XEN && devices->inputs[i]->bus != INPUT_BUS_PS2)
            return config_refuse(why, _("a guest without a device model has only input devices with bus='xen'"));
    for (unsigned i = 0; i < devices->n_videos; i++)
        if (!offer_has(xen_offers[XEN_PV].videos, devices->videos[i]->model.type))
            return config_refuse(why, _("a guest without a device model has only graphics cards of type='xen'"));
    return 0;
}

/* Xen's own console goes to a terminal, and nowhere else. */
static int check_consoles(const Devices *devices, char **why)
{
    for (unsigned i = 0; i < devices->n_consoles; i++) {
        const Console *console = devices->consoles[i];

        if (console->target.type != CONSOLE_TARGET_TYPE_XEN)
            continue;
        if (i > 0)
            return config_refuse(why, _("the document has several consoles, a guest of Xen's has one"));
        if (console->type != CHAR_TYPE_PTY || console->source.log)
            return config_refuse(why, _("the console is connected to something else than a terminal (type='pty')"));
    }
    return 0;
}

static int check_screens(const Devices *devices, char **why)
{
    const char *refused = NULL;

    for (unsigned i = 0; i < devices->n_graphics && !refused; i++)
        refused = setting_refused_graphics(devices->graphics[i]);
    for (unsigned i = 0; i < devices->n_videos && !refused; i++)
        refused = setting_refused_video(devices->videos[i]);
    return refused ? config_refuse(why, _("a screen has %s, which Xen can't do"), refused) : 0;
}

int config_displays(const DomainConfig *config, libxl_domain_config *out, char **why)
{
    const Devices *devices = &config->devices;
    libxl_domain_build_info *info = &out->b_info;

    if (check_consoles(devices, why) < 0 || check_screens(devices, why) < 0)
        return -ENOTSUP;
    if (config->os.type.name != OS_TYPE_NAME_HVM)
        return refuse_machine_devices(devices, why) < 0 ? -ENOTSUP : guest_graphics(devices, out, why);
    if (machine_serials(devices, info, why) < 0 || machine_graphics(devices, info, why) < 0
        || machine_video(devices, info, why) < 0 || machine_sound(devices, info, why) < 0)
        return -ENOTSUP;
    return machine_inputs(devices, info, why);
}
