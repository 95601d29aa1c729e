/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of graphics (graphics.def) can't say: the first <listen> and the older attributes that say the
 * same, ports that are chosen by the driver, and what another host is not told.
 * Pure functions of the element and its place: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/elements.h"
#include "conf/scalar.h"
#include "conf/xml.h"

/* --- the password ------------------------------------------------------------------------------ */

/* "2011-10-08T11:30:50" in seconds since 1970; a day that is not in the calendar is the first one, as libvirt has
 * it. False when it has another form. */
static bool read_date(const char *text, int64_t *seconds)
{
    static const char ends[6] = { '-', '-', 'T', ':', ':', '\0' };
    g_autoptr(GDateTime) date = NULL;
    int number[6];

    for (int i = 0; i < 6; i++)
        if (!scalar_take_int(&text, &number[i]) || *text++ != ends[i])
            return false;
    date = g_date_time_new_utc(number[0], number[1], number[2], number[3], number[4], number[5]);
    *seconds = date ? g_date_time_to_unix(date) : 0;
    return true;
}

int graphics_password_parsed(void *self, ElementParse *parse)
{
    GraphicsPassword *password = self;
    g_autoptr(GDateTime) date = NULL;
    g_autofree char *text = NULL;
    int64_t seconds;

    if (password->passwd_valid_to) {
        if (!read_date(password->passwd_valid_to, &seconds))
            return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                                _("The attribute 'passwdValidTo' is '%s', it must look like 2011-10-08T11:30:50"),
                                password->passwd_valid_to);
        date = g_date_time_new_from_unix_utc(seconds);
        text = date ? g_date_time_format(date, "%Y-%m-%dT%H:%M:%S") : NULL;
        password->passwd_valid_to = text ? arena_strdup(parse->arena, text) : NULL;
    }
    return 0;
}

/* --- where clients are awaited ----------------------------------------------------------------- */

static bool is_empty(const char *text)
{
    return !text || *text == '\0';
}

/* Has it a TCP port? */
static bool listen_is_addressed(const GraphicsListen *listen)
{
    return listen->type == GRAPHICS_LISTEN_TYPE_ADDRESS || listen->type == GRAPHICS_LISTEN_TYPE_NETWORK;
}

/* What the attribute of <graphics> says about its first <listen>; *inner is what that one says itself. */
static int listen_agree(const char *attribute, const char *outer, const char **inner, ElementParse *parse)
{
    if (*inner && outer && strcmp(*inner, outer) != 0)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute '%s' is '%s', but the first <listen> says '%s'"), attribute,
                            outer, *inner);
    if (!*inner)
        *inner = outer;
    return 0;
}

/* What doesn't belong to a listen of its type: an address is dropped, the others are refused. */
static int listen_check(GraphicsListen *listen, ElementParse *parse)
{
    bool is_network = listen->type == GRAPHICS_LISTEN_TYPE_NETWORK;

    if (is_empty(listen->address) || !listen_is_addressed(listen)
        || (is_network && parse->flags & ELEMENT_INACTIVE))
        listen->address = NULL;
    if (is_empty(listen->network))
        listen->network = NULL;
    if (is_empty(listen->socket))
        listen->socket = NULL;
    if (listen->network && !is_network)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("<listen> has the attribute network='%s', which only type='network' may have"),
                            listen->network);
    if (is_network && !listen->network)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<listen> of type='network' lacks the attribute 'network'"));
    if (listen->socket && listen->type != GRAPHICS_LISTEN_TYPE_SOCKET)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("<listen> has the attribute socket='%s', which only type='socket' may have"),
                            listen->socket);
    if (!(parse->flags & ELEMENT_STORED)) {
        listen->has_from_config = false;
        listen->auto_generated = TRISTATE_ABSENT;
    }
    return 0;
}

static int listens_check(Graphics *graphics, const char *address, const char *path, ElementParse *parse)
{
    for (unsigned i = 0; i < graphics->n_listens; i++) {
        GraphicsListen *listen = graphics->listens[i];

        if (graphics->type == GRAPHICS_TYPE_RDP && !listen_is_addressed(listen))
            return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                                _("Graphics of type='rdp' can't have a <listen> of type='%s'"),
                                element_word(&graphics_listen_type_words, listen->type));
        if (i == 0 && listen->type == GRAPHICS_LISTEN_TYPE_ADDRESS
            && listen_agree("listen", address, &listen->address, parse) < 0)
            return -1;
        if (i == 0 && listen->type == GRAPHICS_LISTEN_TYPE_SOCKET
            && listen_agree("socket", path, &listen->socket, parse) < 0)
            return -1;
        if (listen_check(listen, parse) < 0)
            return -1;
    }
    return 0;
}

/* The attributes 'listen' and 'socket' of <graphics> are older than the element <listen>. What they say becomes the
 * first <listen> where there is none; a VNC server's socket even in the place of an address. */
static int listens_complete(Graphics *graphics, ElementParse *parse)
{
    const char *address = xml_attribute(element_node(parse), "listen", parse->arena);
    const char *path = xml_attribute(element_node(parse), "socket", parse->arena);
    bool by_socket = path && graphics->type == GRAPHICS_TYPE_VNC;
    GraphicsListen *made;

    if (listens_check(graphics, address, path, parse) < 0)
        return -1;
    if (graphics->n_listens > 0 && !(by_socket && listen_is_addressed(graphics->listens[0])))
        return 0;
    made = ELEMENT_NEW(parse->arena, GraphicsListen);
    if (by_socket) {
        made->type = GRAPHICS_LISTEN_TYPE_SOCKET;
        made->socket = path;
    } else {
        made->type = GRAPHICS_LISTEN_TYPE_ADDRESS;
        made->address = is_empty(address) ? NULL : address;
    }
    if (graphics->n_listens > 0)
        graphics->listens[0] = made;
    else
        element_list_add(parse->arena, (void ***)&graphics->listens, &graphics->n_listens, made);
    return 0;
}

/* --- ports ------------------------------------------------------------------------------------- */

/* Any port is asked for with port='-1', with autoport='yes' or by naming none. In a definition it has no number. */
static int vnc_complete(GraphicsVnc *vnc, const GraphicsListen *listen, ElementParse *parse)
{
    bool is_definition = parse->flags & ELEMENT_INACTIVE;
    bool any = !vnc->has_port || vnc->port == -1;

    if (vnc->password.connected && vnc->password.connected != GRAPHICS_CONNECTED_KEEP)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute 'connected' is '%s', a VNC server can only have 'keep'"),
                            element_word(&graphics_connected_words, vnc->password.connected));
    if (any && is_definition)
        vnc->port = 0;
    if (vnc->autoport != TRISTATE_ABSENT) {
        any = vnc->autoport == TRISTATE_YES;
        if (any && is_definition)
            vnc->port = 0;
    }
    vnc->has_port = vnc->has_port_asked = vnc->has_websocket_asked = listen_is_addressed(listen);
    vnc->has_websocket = vnc->has_websocket && vnc->has_port;
    vnc->autoport = !vnc->has_port ? TRISTATE_ABSENT : any ? TRISTATE_YES : TRISTATE_NO;
    vnc->port_asked = vnc->websocket_asked = -1;
    return 0;
}

static void rdp_complete(GraphicsRdp *rdp, unsigned flags)
{
    bool any = !rdp->has_port || rdp->port == -1 || rdp->autoport == TRISTATE_YES;

    if (any && flags & ELEMENT_INACTIVE)
        rdp->port = 0;
    rdp->has_port = any || rdp->port != 0;
    rdp->autoport = any ? TRISTATE_YES : TRISTATE_ABSENT;
}

/* Each channel once, in the order of the protocol; what is said last counts, and "any" says nothing. */
static void spice_channels_order(GraphicsSpice *spice, Arena *arena)
{
    SpiceChannel *last[SPICE_CHANNEL_NAME_USBREDIR + 1] = { NULL };
    unsigned n = 0;

    for (unsigned i = 0; i < spice->n_channels; i++)
        last[spice->channels[i]->name] = spice->channels[i];
    for (unsigned i = 0; i < G_N_ELEMENTS(last); i++)
        if (last[i] && last[i]->mode)
            element_list_add(arena, (void ***)&spice->channels, &n, last[i]);
    spice->n_channels = n;
}

/* A server that was given no port at all listens nowhere. */
static void spice_complete(GraphicsSpice *spice, GraphicsListen *listen, unsigned flags)
{
    bool any = spice->autoport == TRISTATE_YES || (spice->port == -1 && spice->tls_port == -1);

    if (any && flags & ELEMENT_INACTIVE)
        spice->port = spice->tls_port = 0;
    if (listen->type == GRAPHICS_LISTEN_TYPE_ADDRESS && !any && spice->port == 0 && spice->tls_port == 0) {
        listen->type = GRAPHICS_LISTEN_TYPE_NONE;
        listen->address = NULL;
    }
    if (!listen_is_addressed(listen)) {
        spice->has_port = spice->has_tls_port = false;
        any = listen->type == GRAPHICS_LISTEN_TYPE_SOCKET;
    }
    spice->autoport = any ? TRISTATE_YES : TRISTATE_NO;
}

/* The attributes that repeat the first <listen>. */
static void graphics_follow_listen(Graphics *graphics)
{
    const GraphicsListen *first = graphics->listens[0];
    const char *address = listen_is_addressed(first) ? first->address : NULL;

    if (graphics->type == GRAPHICS_TYPE_VNC) {
        graphics->vnc.listen = address;
        graphics->vnc.socket = first->type == GRAPHICS_LISTEN_TYPE_SOCKET ? first->socket : NULL;
    } else if (graphics->type == GRAPHICS_TYPE_SPICE) {
        graphics->spice.listen = address;
    } else {
        graphics->rdp.listen = address;
    }
}

int graphics_parsed(void *self, ElementParse *parse)
{
    Graphics *graphics = self;

    if (graphics->type != GRAPHICS_TYPE_VNC && graphics->type != GRAPHICS_TYPE_SPICE
        && graphics->type != GRAPHICS_TYPE_RDP)
        return 0;
    if (listens_complete(graphics, parse) < 0)
        return -1;
    if (graphics->type == GRAPHICS_TYPE_VNC && vnc_complete(&graphics->vnc, graphics->listens[0], parse) < 0)
        return -1;
    if (graphics->type == GRAPHICS_TYPE_RDP)
        rdp_complete(&graphics->rdp, parse->flags);
    if (graphics->type == GRAPHICS_TYPE_SPICE) {
        spice_complete(&graphics->spice, graphics->listens[0], parse->flags);
        spice_channels_order(&graphics->spice, parse->arena);
    }
    graphics_follow_listen(graphics);
    return 0;
}

/* --- what is shown ----------------------------------------------------------------------------- */

/* What only a document of our own store says. */
bool graphics_for_store(const void *self, const ElementFormat *format)
{
    (void)self;
    return format->flags & ELEMENT_STORED;
}

bool graphics_listen_address_shown(const void *self, const ElementFormat *format)
{
    const GraphicsListen *listen = self;

    return listen->type != GRAPHICS_LISTEN_TYPE_NETWORK || !(format->flags & ELEMENT_INACTIVE);
}

bool graphics_listen_socket_shown(const void *self, const ElementFormat *format)
{
    const GraphicsListen *listen = self;

    return !(format->flags & ELEMENT_MIGRATABLE && listen->auto_generated == TRISTATE_YES);
}

static bool is_from_config(const GraphicsListen *listen)
{
    return listen->has_from_config && listen->from_config != 0;
}

/* Is another host told of it? Not of what this host's configuration says, and not of what the attributes of
 * <graphics> say as well: older servers know only those. */
static bool listen_migrates(const Graphics *graphics, const GraphicsListen *listen)
{
    if (is_from_config(listen))
        return false;
    if (graphics->type == GRAPHICS_TYPE_VNC && listen->type == GRAPHICS_LISTEN_TYPE_SOCKET)
        return !listen->socket || listen->auto_generated == TRISTATE_YES;
    return graphics->type != GRAPHICS_TYPE_SPICE || listen->type != GRAPHICS_LISTEN_TYPE_NONE;
}

bool graphics_listens_shown(const void *self, const ElementFormat *format)
{
    const Graphics *graphics = self;

    if (!(format->flags & ELEMENT_MIGRATABLE))
        return true;
    for (unsigned i = 0; i < graphics->n_listens; i++)
        if (listen_migrates(graphics, graphics->listens[i]))
            return true;
    return false;
}

/* Of the splices vnc, spice and rdp: `above` is the element that has the listens. */
static const GraphicsListen *first_listen(const ElementFormat *format)
{
    const Graphics *graphics = format->above;

    return graphics->listens[0];
}

bool graphics_listen_shown(const void *self, const ElementFormat *format)
{
    const GraphicsListen *first = first_listen(format);

    (void)self;
    if (format->flags & ELEMENT_MIGRATABLE && is_from_config(first))
        return false;
    return first->type != GRAPHICS_LISTEN_TYPE_NETWORK
           || !(format->flags & (ELEMENT_INACTIVE | ELEMENT_MIGRATABLE));
}

bool graphics_vnc_socket_shown(const void *self, const ElementFormat *format)
{
    const GraphicsListen *first = first_listen(format);

    (void)self;
    return !(format->flags & ELEMENT_MIGRATABLE)
           || !(is_from_config(first) || first->auto_generated == TRISTATE_YES);
}

bool graphics_vnc_port_shown(const void *self, const ElementFormat *format)
{
    const GraphicsVnc *vnc = self;

    return vnc->port != 0 && !(vnc->autoport == TRISTATE_YES && format->flags & ELEMENT_INACTIVE);
}

bool graphics_vnc_port_asked_shown(const void *self, const ElementFormat *format)
{
    const GraphicsVnc *vnc = self;

    return vnc->autoport == TRISTATE_YES && !graphics_vnc_port_shown(self, format);
}

bool graphics_vnc_websocket_asked_shown(const void *self, const ElementFormat *format)
{
    const GraphicsVnc *vnc = self;

    return vnc->websocket_generated == TRISTATE_YES && format->flags & ELEMENT_INACTIVE;
}

bool graphics_vnc_websocket_shown(const void *self, const ElementFormat *format)
{
    return !graphics_vnc_websocket_asked_shown(self, format);
}

/* A server that listens nowhere is, for another host, one that asked for no port. */
bool graphics_spice_autoport_shown(const void *self, const ElementFormat *format)
{
    const GraphicsListen *first = first_listen(format);

    (void)self;
    if (listen_is_addressed(first))
        return true;
    return format->flags & ELEMENT_MIGRATABLE
           && (first->type == GRAPHICS_LISTEN_TYPE_NONE || is_from_config(first));
}
