/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of storage sources (storage.def) can't say: attributes that need or exclude one another, the ports
 * that protocols have, what may be in a cookie, and what libvirt reads of a source without ever writing it.
 * Pure functions of the element: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

/* --- hosts and secrets ------------------------------------------------------------------------- */

int source_host_parsed(void *self, ElementParse *parse)
{
    const SourceHost *host = self;

    if (host->transport == HOST_TRANSPORT_UNIX && !host->socket)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <host> with transport='unix' needs the attribute 'socket'"));
    if (host->transport != HOST_TRANSPORT_UNIX && host->socket)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute socket='%s' of <host> needs transport='unix'"), host->socket);
    return 0;
}

int secret_lookup_parsed(void *self, ElementParse *parse)
{
    const SecretLookup *lookup = self;

    if (lookup->has_uuid == (lookup->usage != NULL))
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <secret> must have exactly one of the attributes 'uuid' and 'usage'"));
    return 0;
}

int encryption_parsed(void *self, ElementParse *parse)
{
    const Encryption *encryption = self;

    if (encryption->ivgen && !encryption->cipher)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("An <encryption> with <ivgen> needs a <cipher>"));
    return 0;
}

/* --- slices and reservations ------------------------------------------------------------------- */

/* Slices of other layers mean nothing. */
int storage_slice_parsed(void *self, ElementParse *parse)
{
    const StorageSlice *slice = self;

    (void)parse;
    return slice->type == SLICE_TYPE_ABSENT ? 1 : 0;
}

/* Only the first is looked at; a container without any is none. */
int storage_slices_parsed(void *self, ElementParse *parse)
{
    StorageSlices *slices = self;

    if (slices->n_slices == 0)
        return 1;
    if (!slices->slices[0]->has_offset || !slices->slices[0]->has_size)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <slice> needs the attributes 'offset' and 'size' with a number of bytes each"));
    slices->n_slices = 1;
    return 0;
}

/* A helper that libvirt doesn't start must be told of in full; of one that it starts all may be said or nothing. */
int reservations_parsed(void *self, ElementParse *parse)
{
    Reservations *reservations = self;
    const ReservationsSource *source = reservations->source;
    bool told = source && (source->type || source->path || source->mode);

    if (!told && reservations->managed == TRISTATE_YES) {
        reservations->source = NULL;
        return 0;
    }
    if (!source || !source->type || !source->path || !source->mode)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The <source> of <reservations> needs the attributes 'type', 'path' and 'mode'"));
    return 0;
}

/* Where libvirt's own helper listens on this host is of no use on another one. */
bool reservations_source_shown(const void *self, const ElementFormat *format)
{
    const Reservations *reservations = self;

    return reservations->managed == TRISTATE_NO || !(format->flags & ELEMENT_MIGRATABLE);
}

/* --- cookies ----------------------------------------------------------------------------------- */

/* RFC 6265, section 4.1.1: neither of these may be in a value, nor in a name ... */
static bool is_cookie_control(char c)
{
    return (c > 0 && c <= ' ') || strchr("\",;\\", c);
}

/* ... and these in no name. */
static bool is_cookie_separator(char c)
{
    return strchr("()<>@:/[]?={}", c);
}

/* The value may be in double quotes, which don't count; a quote alone does. */
static bool is_cookie_value(const char *value)
{
    size_t length = strlen(value), at = 0, end = length;

    if (value[0] == '"') {
        if (value[length - 1] != '"')
            return false;
        at = 1;
        end = MAX(length - 1, at);
    }
    while (at < end && !is_cookie_control(value[at]))
        at++;
    return at == end;
}

int source_cookie_parsed(void *self, ElementParse *parse)
{
    const SourceCookie *cookie = self;

    for (const char *at = cookie->name; *at; at++)
        if (is_cookie_control(*at) || is_cookie_separator(*at))
            return element_fail(parse, VIR_ERR_XML_ERROR,
                                _("The attribute name='%s' of <cookie> has characters that can't be in a name"),
                                cookie->name);
    if (!is_cookie_value(cookie->value))
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The value of the <cookie> '%s' has characters that can't be in a cookie"),
                            cookie->name);
    return 0;
}

int source_cookies_parsed(void *self, ElementParse *parse)
{
    const SourceCookies *cookies = self;
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned i = 0; i < cookies->n_cookies; i++)
        if (!g_hash_table_add(names, (void *)cookies->cookies[i]->name))
            return element_fail(parse, VIR_ERR_XML_ERROR, _("The <cookie> '%s' is there twice"),
                                cookies->cookies[i]->name);
    return 0;
}

/* --- sources ----------------------------------------------------------------------------------- */

/* The port that a protocol has unless another is named; 0: none. */
static unsigned default_port(StorageProtocol protocol)
{
    switch (protocol) {
    case STORAGE_PROTOCOL_NBD:
        return 10809;
    case STORAGE_PROTOCOL_SHEEPDOG:
        return 7000;
    case STORAGE_PROTOCOL_GLUSTER:
        return 24007;
    case STORAGE_PROTOCOL_ISCSI:
        return 3260;
    case STORAGE_PROTOCOL_HTTP:
        return 80;
    case STORAGE_PROTOCOL_HTTPS:
        return 443;
    case STORAGE_PROTOCOL_FTP:
        return 21;
    case STORAGE_PROTOCOL_FTPS:
        return 990;
    case STORAGE_PROTOCOL_TFTP:
        return 69;
    case STORAGE_PROTOCOL_SSH:
        return 22;
    case STORAGE_PROTOCOL_VXHS:
        return 9999;
    case STORAGE_PROTOCOL_ABSENT:
    case STORAGE_PROTOCOL_NONE:
    case STORAGE_PROTOCOL_RBD:
    case STORAGE_PROTOCOL_NFS:
        break;
    }
    return 0;
}

/* A document of ours may lack a name: "" counts as one when it comes from outside and is not kept. */
static int network_name_check(StorageSource *source, ElementParse *parse)
{
    const char *protocol = element_word(&storage_protocol_words, source->protocol);
    bool split = source->protocol == STORAGE_PROTOCOL_GLUSTER || source->protocol == STORAGE_PROTOCOL_RBD;
    const char *slash;

    if (!source->name) {
        if (source->protocol == STORAGE_PROTOCOL_NBD || parse->flags & ELEMENT_STORED)
            return 0;
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <source> with protocol='%s' needs the attribute 'name'"), protocol);
    }
    slash = strchr(source->name, '/');
    if (split && (!slash || slash == source->name))
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute name='%s' of a <source> with protocol='%s' must be a pool or volume, a "
                              "slash, and what is used of it"),
                            source->name, protocol);
    if (*source->name == '\0')
        source->name = NULL;
    return 0;
}

int storage_source_parsed(void *self, ElementParse *parse)
{
    StorageSource *source = self;

    if (source->protocol && network_name_check(source, parse) < 0)
        return -1;
    if (!source->pool != !source->volume)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <source> in a storage pool needs both of the attributes 'pool' and 'volume'"));
    for (unsigned i = 0; i < source->n_hosts; i++)
        if (source->hosts[i]->transport == HOST_TRANSPORT_ABSENT && source->hosts[i]->port == 0) {
            source->hosts[i]->port = default_port(source->protocol);
            source->hosts[i]->has_port = true;
        }
    return 0;
}

/* What another host offers is labelled there. */
bool storage_labels_shown(const void *self, const ElementFormat *format)
{
    const StorageSource *source = self;

    (void)format;
    return source->protocol == STORAGE_PROTOCOL_ABSENT;
}

/* libvirt writes such a chain without a source when its source says nothing, so a stored one may lack it. */
int backing_store_parsed(void *self, ElementParse *parse)
{
    BackingStore *backing = self;

    if (!backing->type)
        return 0;
    if (!backing->format || !backing->format->type)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <backingStore> with a type needs a <format> with the attribute 'type'"));
    if (!backing->source && !(parse->flags & ELEMENT_STORED))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("A <backingStore> with a type needs a <source>"));
    if (backing->source && backing->type == STORAGE_TYPE_VOLUME)
        backing->source->auth = NULL;    /* the pool has it */
    return 0;
}
