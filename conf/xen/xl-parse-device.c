/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the file that xl or xm reads to the elements of devices, but for disks, which are in disk.c.
 * Pure functions of the settings, but for MAC addresses that they don't say: any thread, no lock. */
#include <inttypes.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/xen/xen-private.h"

#define VNC_FIRST_PORT 5900
#define VFB_MAX 1023    /* letters of a framebuffer's settings */

static int get_text(XenParse *parse, const char *name, const char **text)
{
    return xen_get_text(&parse->settings, name, text, parse->error);
}

/* The texts of a list; NULL when there is no such list, or it has anything else in it. */
static const XenValue *text_list(const XenParse *parse, const char *name)
{
    const XenValue *list = xen_get_list(&parse->settings, name);

    for (unsigned i = 0; list && i < list->n_items; i++)
        if (list->items[i]->type != XEN_TEXT)
            return NULL;
    return list;
}

/* Calls it for each text of a list; what is no text is left out. */
static int each_text(XenParse *parse, const char *name, int (*write)(XenParse *parse, const char *text))
{
    const XenValue *list = xen_get_list(&parse->settings, name);

    for (unsigned i = 0; list && i < list->n_items; i++)
        if (list->items[i]->type == XEN_TEXT && write(parse, list->items[i]->text) < 0)
            return -1;
    return 0;
}

/* --- disks and controllers --------------------------------------------------------------------- */

int xen_write_disks(XenParse *parse)
{
    if (parse->dialect == XEN_DIALECT_XL)
        return each_text(parse, "disk", xl_write_disk);
    if (xen_get_list(&parse->settings, "disk") && !text_list(parse, "disk"))
        return xen_refuse(parse, "disk", _("a list with other things than texts"));
    return each_text(parse, "disk", xm_write_disk);
}

/* "type=qusb,version=2,ports=8", hexadecimal; others are left out. */
static int write_usb_controller(XenParse *parse, const char *text)
{
    g_autofree char *copy = g_strdup(text);
    XenPairs pairs = { copy };
    uint64_t version = 2, ports = 8;
    char *key, *value;

    while (xen_pairs_next(&pairs, &key, &value)) {
        if (!value || (strcmp(key, "type") == 0 && !g_str_has_prefix(value, "qusb"))
            || (strcmp(key, "version") == 0 && !xen_read_number(value, 16, &version))
            || (strcmp(key, "ports") == 0 && (!xen_read_number(value, 16, &ports) || ports > INT32_MAX)))
            return 0;
    }
    xen_write(parse, "<controller type='usb' model='%s' ports='%" PRIu64 "'/>\n", version == 1 ? "qusb1" : "qusb2",
              ports);
    return 0;
}

int xen_write_controllers(XenParse *parse)
{
    uint64_t channels = 0, frames = 0;
    bool xl = parse->dialect == XEN_DIALECT_XL;

    if (xl && (xen_get_number(&parse->settings, "max_event_channels", &channels, parse->error) < 0
               || xen_get_number(&parse->settings, "max_grant_frames", &frames, parse->error) < 0))
        return -1;
    xen_write(parse, "<controller type='xenbus' index='0'");
    if (frames > 0)
        xen_write(parse, " maxGrantFrames='%" PRIu64 "'", frames);
    if (channels > 0)
        xen_write(parse, " maxEventChannels='%" PRIu64 "'", channels);
    xen_write(parse, "/>\n");
    return xl ? each_text(parse, "usbctrl", write_usb_controller) : 0;
}

/* --- network interfaces ---------------------------------------------------------------------- */

typedef struct Vif {
    const char *mac, *bridge, *script, *model, *type, *name, *ip, *rate;
} Vif;

static bool read_vif(Vif *vif, char *text)
{
    XenPairs pairs = { text };
    char *key, *value;

    while (xen_pairs_next(&pairs, &key, &value)) {
        const struct {
            const char *key, **member;
        } members[] = {
            { "mac", &vif->mac }, { "bridge", &vif->bridge }, { "script", &vif->script }, { "model", &vif->model },
            { "type", &vif->type }, { "vifname", &vif->name }, { "ip", &vif->ip }, { "rate", &vif->rate },
        };

        if (!value)
            return false;
        for (unsigned i = 0; i < G_N_ELEMENTS(members); i++)
            if (strcmp(key, members[i].key) == 0)
                *members[i].member = value;
    }
    return true;
}

static int write_mac(XenParse *parse, const char *text)
{
    uint32_t random = g_random_int();
    MacAddress mac;

    if (text && !mac_parse(text, &mac))
        return xen_refuse(parse, "vif", text);
    if (text)
        xen_write(parse, "<mac address='%s'/>", text);
    else    /* of those that belong to Xen */
        xen_write(parse, "<mac address='00:16:3e:%02x:%02x:%02x'/>", random & 0x7f, random >> 8 & 0xff,
                  random >> 16 & 0xff);
    return 0;
}

/* "bridge.5" takes part in one VLAN, "bridge:5:6" carries several. */
static int write_bridge(XenParse *parse, const char *bridge)
{
    const char *tags = strpbrk(bridge, ".:");
    bool one = strchr(bridge, '.') != NULL;
    g_auto(GStrv) parts = NULL;
    uint64_t tag;

    if (one)
        tags = strchr(bridge, '.');
    parts = g_strsplit(tags ? tags + 1 : "", one ? "." : ":", one ? 1 : -1);
    xen_write(parse, "<source");
    xen_write_part(parse, "bridge", bridge, tags ? (size_t)(tags - bridge) : strlen(bridge));
    xen_write(parse, "/>");
    if (!tags)
        return 0;
    xen_write(parse, one ? "<vlan>" : "<vlan trunk='yes'>");
    for (char **part = parts; *part; part++) {
        if (!xen_read_number(*part, 10, &tag))
            return xen_refuse(parse, "vif", bridge);
        xen_write(parse, "<tag id='%" PRIu64 "'/>", tag);
    }
    xen_write(parse, "</vlan><virtualport type='openvswitch'/>");
    return 0;
}

/* "10MB/s" or "100Kb/s@20ms" as KiB a second: bits are an eighth. */
static int write_rate(XenParse *parse, const char *rate)
{
    size_t length = strcspn(rate, "@"), digits = strspn(rate, "0123456789");
    const char *unit = rate + digits;
    bool scaled = *unit == 'G' || *unit == 'M' || *unit == 'K';
    uint64_t value = 0;

    if (digits == 0 || digits > 12 || length != digits + scaled + 3 || !strchr("Bb", unit[scaled])
        || strncmp(unit + scaled + 1, "/s", 2) != 0)
        return xen_refuse(parse, "vif", rate);
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (uint64_t)(rate[i] - '0');
    if (*unit == 'G')
        value *= 1024 * 1024;
    else if (*unit == 'M')
        value *= 1024;
    if (unit[scaled] == 'b')
        value /= 8;
    xen_write(parse, "<bandwidth><outbound average='%" PRIu64 "'/></bandwidth>", value);
    return 0;
}

static void write_addresses(XenParse *parse, const char *addresses)
{
    g_auto(GStrv) parts = g_strsplit(addresses, " ", -1);

    for (char **part = parts; *part; part++)
        if (**part)
            xen_write(parse, "<ip address='%s' family='%s'/>", *part, strchr(*part, ':') ? "ipv6" : "ipv4");
}

static void write_card(XenParse *parse, const Vif *vif)
{
    const char *paravirtual = parse->dialect == XEN_DIALECT_XL ? "vif" : "netfront";

    if (vif->script && *vif->script)
        xen_write(parse, "<script path='%s'/>", vif->script);
    if (vif->name && *vif->name)
        xen_write(parse, "<target dev='%s'/>", vif->name);
    if (vif->model)
        xen_write(parse, "<model type='%s'/>", vif->model);
    else if (vif->type && strcmp(vif->type, paravirtual) == 0)
        xen_write(parse, "<model type='netfront'/>");
}

static int write_interface(XenParse *parse, const char *text)
{
    g_autofree char *copy = g_strdup(text);
    Vif vif = { NULL };

    if (!read_vif(&vif, copy))
        return xen_refuse(parse, "vif", text);
    xen_write(parse, "<interface type='%s'>", vif.bridge ? "bridge" : "ethernet");
    if (write_mac(parse, vif.mac) < 0 || (vif.bridge && write_bridge(parse, vif.bridge) < 0)
        || (vif.rate && write_rate(parse, vif.rate) < 0))
        return -1;
    if (vif.ip)
        write_addresses(parse, vif.ip);
    write_card(parse, &vif);
    xen_write(parse, "</interface>\n");
    return 0;
}

int xen_write_interfaces(XenParse *parse)
{
    return each_text(parse, "vif", write_interface);
}

/* --- character devices ----------------------------------------------------------------------- */

/* "host:service" with options behind a comma */
static int write_tcp(XenParse *parse, const char *text, bool telnet)
{
    const char *service = strchr(text, ':'), *options;

    if (!service)
        return xen_refuse(parse, "serial", text);
    options = strchr(service, ',');
    xen_write(parse, "<source mode='%s'", options && strstr(options, ",server") ? "bind" : "connect");
    xen_write_part(parse, "host", text, (size_t)(service - text));
    xen_write_part(parse, "service", service + 1, options ? (size_t)(options - service - 1) : strlen(service + 1));
    xen_write(parse, "/><protocol type='%s'/>", telnet ? "telnet" : "raw");
    return 0;
}

static void write_udp_end(XenParse *parse, const char *mode, const char *host, size_t length, const char *service,
                          size_t service_length)
{
    xen_write(parse, "<source mode='%s'", mode);
    if (length > 0)
        xen_write_part(parse, "host", host, length);
    xen_write_part(parse, "service", service, service_length);
    xen_write(parse, "/>");
}

/* "host:service@host:service": where to, and where from */
static int write_udp(XenParse *parse, const char *text)
{
    const char *service = strchr(text, ':'), *from = service ? strchr(service, '@') : NULL;
    const char *from_service = from ? strchr(from, ':') : NULL;

    if (!service || (from && !from_service))
        return xen_refuse(parse, "serial", text);
    if (from)
        write_udp_end(parse, "bind", from + 1, (size_t)(from_service - from - 1), from_service + 1,
                      strlen(from_service + 1));
    write_udp_end(parse, "connect", text, (size_t)(service - text), service + 1,
                  from ? (size_t)(from - service - 1) : strlen(service + 1));
    return 0;
}

static int write_connection(XenParse *parse, CharType type, const char *value, bool telnet)
{
    const char *options = strchr(value, ',');

    switch (type) {
    case CHAR_TYPE_DEV:
    case CHAR_TYPE_FILE:
    case CHAR_TYPE_PIPE:
        xen_write(parse, "<source path='%s'/>", value);
        return 0;
    case CHAR_TYPE_TCP:
        return write_tcp(parse, value, telnet);
    case CHAR_TYPE_UDP:
        return write_udp(parse, value);
    case CHAR_TYPE_UNIX:
        xen_write(parse, "<source mode='%s'", options && strstr(options, ",server") ? "bind" : "connect");
        xen_write_part(parse, "path", value, options ? (size_t)(options - value) : strlen(value));
        xen_write(parse, "/>");
        return 0;
    default:
        return 0;
    }
}

/* "pty", "/dev/ttyS0", "file:/path", "tcp:host:service" */
static int write_character(XenParse *parse, const char *element, const char *text, unsigned port)
{
    const char *colon = strchr(text, ':'), *value = colon ? colon + 1 : text;
    g_autofree char *word = g_strndup(text, colon ? (size_t)(colon - text) : strlen(text));
    bool telnet = g_str_has_prefix(text, "telnet");
    int type = telnet ? CHAR_TYPE_TCP : element_value(&char_type_words, word);

    if (text[0] == '/') {
        type = CHAR_TYPE_DEV;
        value = text;
    }
    if (type <= 0)
        return xen_refuse(parse, element, text);
    xen_write(parse, "<%s type='%s'>", element, element_word(&char_type_words, (unsigned)type));
    if (write_connection(parse, (CharType)type, value, telnet) < 0)
        return -1;
    xen_write(parse, "<target port='%u'/></%s>\n", port, element);
    return 0;
}

static int write_serials(XenParse *parse)
{
    const XenValue *list = text_list(parse, "serial");
    const char *text = NULL;

    if (list && parse->dialect == XEN_DIALECT_XM)
        return error_set(parse->error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("the setting 'serial' of xm can't be a list"));
    for (unsigned i = 0; list && i < list->n_items; i++)
        if (strcmp(list->items[i]->text, "none") != 0 && write_character(parse, "serial", list->items[i]->text, i) < 0)
            return -1;
    if (list)
        return 0;
    if (get_text(parse, "serial", &text) < 0)
        return -1;
    return text && strcmp(text, "none") != 0 ? write_character(parse, "serial", text, 0) : 0;
}

/* "connection=socket,name=x,path=/x" or "connection=pty,name=x"; what has no pairs is left out. */
static int write_channel(XenParse *parse, const char *text)
{
    g_autofree char *copy = g_strdup(text);
    XenPairs pairs = { copy };
    const char *connection = NULL, *name = NULL, *path = NULL;
    char *key, *value;

    while (xen_pairs_next(&pairs, &key, &value)) {
        if (!value)
            return 0;
        if (strcmp(key, "connection") == 0)
            connection = value;
        else if (strcmp(key, "name") == 0 && !name)
            name = value;
        else if (strcmp(key, "path") == 0 && !path)
            path = value;
    }
    if (connection && g_str_has_prefix(connection, "socket")) {
        xen_write(parse, "<channel type='unix'><source mode='bind'");
        xen_write_attribute(parse, "path", path);
        xen_write(parse, "/>");
    } else if (connection && g_str_has_prefix(connection, "pty")) {
        xen_write(parse, "<channel type='pty'>");
    } else {
        return xen_refuse(parse, "channel", text);
    }
    xen_write(parse, "<target type='xen'");
    xen_write_attribute(parse, "name", name);
    xen_write(parse, "/></channel>\n");
    return 0;
}

/* A paravirtual guest has one console, always. */
int xen_write_characters(XenParse *parse)
{
    const char *parallel = NULL;

    if (!parse->is_machine) {
        xen_write(parse, "<console type='pty'><target type='xen' port='0'/></console>\n");
    } else {
        if (get_text(parse, "parallel", &parallel) < 0
            || (parallel && strcmp(parallel, "none") != 0 && write_character(parse, "parallel", parallel, 0) < 0)
            || write_serials(parse) < 0)
            return -1;
    }
    return parse->dialect == XEN_DIALECT_XL ? each_text(parse, "channel", write_channel) : 0;
}

/* --- input and sound --------------------------------------------------------------------------- */

static void write_input(XenParse *parse, const char *text)
{
    if (strcmp(text, "tablet") == 0 || strcmp(text, "mouse") == 0 || strcmp(text, "keyboard") == 0)
        xen_write(parse, "<input type='%s' bus='usb'/>", text);
}

static int write_usb_inputs(XenParse *parse)
{
    const XenValue *list = xen_get_list(&parse->settings, "usbdevice");
    const char *text = NULL;

    if (parse->dialect == XEN_DIALECT_XL && list) {
        for (unsigned i = 0; i < list->n_items; i++) {
            if (list->items[i]->type != XEN_TEXT)
                return xen_refuse(parse, "usbdevice", _("a list with other things than texts"));
            write_input(parse, list->items[i]->text);
        }
        return 0;
    }
    if (get_text(parse, "usbdevice", &text) < 0)
        return -1;
    if (text)
        write_input(parse, text);
    return 0;
}

/* Behind those of the file are those that every guest has. */
int xen_write_inputs(XenParse *parse)
{
    const char *bus = parse->is_machine ? "ps2" : "xen";

    if (parse->is_machine && write_usb_inputs(parse) < 0)
        return -1;
    xen_write(parse, "<input type='mouse' bus='%s'/><input type='keyboard' bus='%s'/>\n", bus, bus);
    return 0;
}

int xen_write_sounds(XenParse *parse)
{
    g_auto(GStrv) models = NULL;
    const char *text = NULL;

    if (!parse->is_machine)
        return 0;
    if (get_text(parse, "soundhw", &text) < 0)
        return -1;
    models = g_strsplit(text ? text : "", ",", -1);
    if (text && strcmp(text, "all") == 0) {
        g_strfreev(models);
        models = g_strsplit("sb16,es1370", ",", -1);    /* the two that Xen's emulator had */
    }
    for (char **model = models; *model; model++) {
        if (**model == '\0')
            continue;
        if (element_value(&sound_model_words, *model) <= 0)
            return xen_refuse(parse, "soundhw", text);
        xen_write(parse, "<sound model='%s'/>", *model);
    }
    return 0;
}

/* --- screens --------------------------------------------------------------------------------- */

/* The card that a screen of a whole machine brings along. */
static void write_video(XenParse *parse)
{
    xen_write(parse, "<video><model type='cirrus' vram='8192' heads='1' primary='yes'/></video>\n");
}

static void write_listen(XenParse *parse, const char *address)
{
    xen_write(parse, "><listen type='address'");
    xen_write_attribute(parse, "address", address);
    xen_write(parse, "/>");
}

/* A number whose port can be said; `first`: the port of number 0. */
static int get_port(XenParse *parse, const char *name, int first, int *port)
{
    g_autofree char *text = NULL;
    uint64_t number = 0;

    if (xen_get_number(&parse->settings, name, &number, parse->error) < 0)
        return -1;
    if (number <= (uint64_t)(INT32_MAX - first)) {
        *port = (int)number + first;
        return 0;
    }
    text = g_strdup_printf("%" PRIu64, number);
    return xen_refuse(parse, name, text);
}

static int write_machine_vnc(XenParse *parse)
{
    const char *listen = NULL, *password = NULL, *keymap = NULL;
    bool any = true;
    int port = -1;

    if (xen_get_bool(&parse->settings, "vncunused", &any, parse->error) < 0
        || (!any && get_port(parse, "vncdisplay", VNC_FIRST_PORT, &port) < 0)
        || get_text(parse, "vnclisten", &listen) < 0 || get_text(parse, "vncpasswd", &password) < 0
        || get_text(parse, "keymap", &keymap) < 0)
        return -1;
    xen_write(parse, "<graphics type='vnc' autoport='%s' port='%d'", any ? "yes" : "no", port);
    xen_write_attribute(parse, "passwd", password);
    xen_write_attribute(parse, "keymap", keymap);
    write_listen(parse, listen);
    xen_write(parse, "</graphics>\n");
    write_video(parse);
    return 0;
}

static int write_machine_sdl(XenParse *parse)
{
    const char *display = NULL, *authority = NULL;

    if (get_text(parse, "display", &display) < 0 || get_text(parse, "xauthority", &authority) < 0)
        return -1;
    xen_write(parse, "<graphics type='sdl'");
    xen_write_attribute(parse, "display", display);
    xen_write_attribute(parse, "xauth", authority);
    xen_write(parse, "/>\n");
    write_video(parse);
    return 0;
}

static int write_spice_ports(XenParse *parse)
{
    int port = 0, tls_port = 0;

    if (get_port(parse, "spiceport", 0, &port) < 0 || get_port(parse, "spicetls_port", 0, &tls_port) < 0)
        return -1;
    xen_write(parse, "<graphics type='spice' port='%d' tlsPort='%d' autoport='%s'", port, tls_port,
              port || tls_port ? "no" : "yes");
    return 0;
}

static int write_spice(XenParse *parse)
{
    const char *host = NULL, *password = NULL;
    bool open = false, client = false, clipboard = false;

    if (write_spice_ports(parse) < 0 || get_text(parse, "spicehost", &host) < 0
        || xen_get_bool(&parse->settings, "spicedisable_ticketing", &open, parse->error) < 0
        || (!open && get_text(parse, "spicepasswd", &password) < 0)
        || xen_get_bool(&parse->settings, "spiceagent_mouse", &client, parse->error) < 0
        || xen_get_bool(&parse->settings, "spice_clipboard_sharing", &clipboard, parse->error) < 0)
        return -1;
    if (!open && !password)
        return error_set(parse->error, FROM, VIR_ERR_INTERNAL_ERROR, _("the setting 'spicepasswd' is missing"));
    xen_write_attribute(parse, "passwd", password);
    write_listen(parse, host);
    xen_write(parse, "<mouse mode='%s'/><clipboard copypaste='%s'/></graphics>\n", client ? "client" : "server",
              clipboard ? "yes" : "no");
    write_video(parse);
    return 0;
}

/* Of several kinds that are asked for one is taken: SPICE, VNC, SDL. */
static int write_machine_graphics(XenParse *parse)
{
    bool spice = false, vnc = false, sdl = false;

    if (xen_get_bool(&parse->settings, "vnc", &vnc, parse->error) < 0
        || xen_get_bool(&parse->settings, "sdl", &sdl, parse->error) < 0
        || (parse->dialect == XEN_DIALECT_XL && xen_get_bool(&parse->settings, "spice", &spice, parse->error) < 0))
        return -1;
    if (spice)
        return write_spice(parse);
    if (vnc)
        return write_machine_vnc(parse);
    return sdl ? write_machine_sdl(parse) : 0;
}

typedef struct Framebuffer {
    bool sdl, any;
    int port;
    const char *listen, *password, *keymap, *display, *authority;
} Framebuffer;

/* False when a number can't be read. */
static bool read_framebuffer(Framebuffer *screen, char *text)
{
    XenPairs pairs = { text };
    char *key, *value;
    uint64_t display;

    while (xen_pairs_next(&pairs, &key, &value) && value) {
        const struct {
            const char *key, **member;
        } members[] = {
            { "vnclisten", &screen->listen }, { "vncpasswd", &screen->password }, { "keymap", &screen->keymap },
            { "display", &screen->display }, { "xauthority", &screen->authority },
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(members); i++)
            if (strcmp(key, members[i].key) == 0)
                *members[i].member = value;
        if (strcmp(key, "vncunused") == 0)
            screen->any = strcmp(value, "1") == 0;
        if (strcmp(key, "vncdisplay") != 0 || screen->sdl)
            continue;
        if (!xen_read_number(value, 10, &display) || display > INT32_MAX - VNC_FIRST_PORT)
            return false;
        screen->port = (int)display + VNC_FIRST_PORT;
    }
    return true;
}

/* The first of the list. */
static int write_framebuffer(XenParse *parse)
{
    const XenValue *list = text_list(parse, "vfb");
    const char *text = list && list->n_items > 0 ? list->items[0]->text : NULL;
    g_autofree char *copy = g_strdup(text);
    Framebuffer screen = { .sdl = text && strstr(text, "type=sdl") };

    if (!text)
        return 0;
    if (strlen(text) > VFB_MAX || !read_framebuffer(&screen, copy))
        return xen_refuse(parse, "vfb", text);
    if (screen.sdl) {
        xen_write(parse, "<graphics type='sdl'");
        xen_write_attribute(parse, "display", screen.display);
        xen_write_attribute(parse, "xauth", screen.authority);
        xen_write(parse, "/>\n");
        return 0;
    }
    xen_write(parse, "<graphics type='vnc' autoport='%s' port='%d'", screen.any ? "yes" : "no", screen.any ? -1
              : screen.port);
    xen_write_attribute(parse, "passwd", screen.password);
    xen_write_attribute(parse, "keymap", screen.keymap);
    write_listen(parse, screen.listen);
    xen_write(parse, "</graphics>\n");
    return 0;
}

int xen_write_graphics(XenParse *parse)
{
    return parse->is_machine ? write_machine_graphics(parse) : write_framebuffer(parse);
}

/* --- devices of the host --------------------------------------------------------------------- */

/* "00:1b.0" or "0000:00:1b.0,permissive=1" */
static int write_pci(XenParse *parse, const char *text)
{
    g_autofree char *copy = g_strdup(text);
    XenPairs pairs = { copy };
    g_auto(GStrv) parts = NULL;
    uint64_t numbers[4] = { 0 }, permissive = 0;
    const char *filtering = NULL;
    char *key, *value;
    unsigned n;

    if (!xen_pairs_next(&pairs, &key, &value) || value)
        return xen_refuse(parse, "pci", text);
    parts = g_strsplit_set(key, ":.", -1);
    n = g_strv_length(parts);
    if ((n != 3 && n != 4) || !strchr(key, '.') || strchr(strchr(key, '.'), ':'))
        return xen_refuse(parse, "pci", text);
    for (unsigned i = 0; i < n; i++)
        if (!xen_read_number(parts[i], 16, &numbers[4 - n + i]) || numbers[4 - n + i] > UINT16_MAX)
            return xen_refuse(parse, "pci", text);
    while (xen_pairs_next(&pairs, &key, &value)) {
        if (!value || (strcmp(key, "permissive") == 0 && !xen_read_number(value, 10, &permissive)))
            return xen_refuse(parse, "pci", text);
        if (strcmp(key, "permissive") == 0)
            filtering = permissive ? "no" : "yes";
    }
    xen_write(parse, "<hostdev mode='subsystem' type='pci' managed='no'><driver name='xen'/><source");
    xen_write_attribute(parse, "writeFiltering", filtering);
    xen_write(parse, "><address domain='%u' bus='%u' slot='%u' function='%u'/></source></hostdev>\n",
              (unsigned)numbers[0],
              (unsigned)numbers[1], (unsigned)numbers[2], (unsigned)numbers[3]);
    return 0;
}

/* "hostbus=1,hostaddr=3", hexadecimal; others are left out. */
static int write_usb(XenParse *parse, const char *text)
{
    g_autofree char *copy = g_strdup(text);
    XenPairs pairs = { copy };
    uint64_t bus = 0, device = 0;
    char *key, *value;

    while (xen_pairs_next(&pairs, &key, &value))
        if (!value || (strcmp(key, "hostbus") == 0 && !xen_read_number(value, 16, &bus))
            || (strcmp(key, "hostaddr") == 0 && !xen_read_number(value, 16,
                                                                 &device)) || bus > UINT16_MAX || device > UINT16_MAX)
            return 0;
    xen_write(parse,
              "<hostdev mode='subsystem' type='usb' managed='no'><source><address bus='%u' device='%u'/></source>"
              "</hostdev>\n",
              (unsigned)bus, (unsigned)device);
    return 0;
}

int xen_write_hostdevs(XenParse *parse)
{
    if (text_list(parse, "pci") && each_text(parse, "pci", write_pci) < 0)
        return -1;
    return parse->dialect == XEN_DIALECT_XL ? each_text(parse, "usbdev", write_usb) : 0;
}
