/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of character devices (chardev.def) can't say: how many sources there may be, connections that
 * can't be made anew, and what each device's target must be.
 * Pure functions of the element and its place: any thread, no lock. */
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/xml.h"

/* --- what it is connected to ------------------------------------------------------------------- */

static int refuse_reconnect(CharMode mode, const CharReconnect *reconnect, ElementParse *parse)
{
    if (mode == CHAR_MODE_BIND && reconnect && reconnect->enabled)
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR, _("<reconnect> is only for a source with mode='connect'"));
    return 0;
}

/* A terminal that isn't there yet says nothing. */
int char_pty_parsed(void *self, ElementParse *parse)
{
    const CharPty *pty = self;

    (void)parse;
    return pty->path ? 0 : 1;
}

/* A socket whose path the driver makes says nothing. */
int char_unix_parsed(void *self, ElementParse *parse)
{
    const CharUnix *socket = self;

    if (refuse_reconnect(socket->mode, socket->reconnect, parse) < 0)
        return -1;
    return socket->path ? 0 : 1;
}

int char_tcp_parsed(void *self, ElementParse *parse)
{
    const CharTcp *tcp = self;

    return refuse_reconnect(tcp->mode, tcp->reconnect, parse);
}

int char_log_parsed(void *self, ElementParse *parse)
{
    const CharLog *log = self;

    (void)parse;
    return log->file ? 0 : 1;
}

/* Of each direction the first end that says something; where packets are received comes first. */
static void udp_order(CharSource *source)
{
    CharUdp *ends[2] = { NULL, NULL };    /* bind, connect */
    unsigned n = 0;

    for (unsigned i = 0; i < source->n_udp; i++) {
        CharUdp *udp = source->udp[i];
        CharUdp **end = &ends[udp->mode == CHAR_MODE_CONNECT];

        if (!*end && (udp->host || udp->service))
            *end = udp;
    }
    for (int i = 0; i < 2; i++)
        if (ends[i])
            source->udp[n++] = ends[i];
    source->n_udp = n;
}

/* Only the devices that are character devices themselves may label what they are connected to. */
static void forget_labels(CharSource *source, const ElementType *owner)
{
    if (owner == &serial_type || owner == &parallel_type || owner == &console_type || owner == &channel_type)
        return;
    if (source->file)
        source->file->n_seclabels = 0;
    if (source->pty)
        source->pty->n_seclabels = 0;
    if (source->socket)
        source->socket->n_seclabels = 0;
}

int char_source_parsed(void *self, ElementParse *parse)
{
    CharSource *source = self;
    unsigned most = source->n_udp > 0 ? 2 : 1, n = xml_count(element_node(parse), "source");

    if (n > most)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("There are %u <source>, the most for this type is %u"), n, most);
    if (element_refuse_several(parse, "log", VIR_ERR_XML_ERROR) < 0
        || element_refuse_several(parse, "protocol", VIR_ERR_XML_ERROR) < 0)
        return -1;
    udp_order(source);
    forget_labels(source, parse->place->above->type);
    if (source->tcp) {
        source->has_protocol = true;
        if (source->protocol.type == CHAR_PROTOCOL_TYPE_ABSENT)
            source->protocol.type = CHAR_PROTOCOL_TYPE_RAW;
    }
    return 0;
}

/* --- what the guest has ------------------------------------------------------------------------ */

/* `fits`: the target is one that a connection of this type may have. libvirt compares numbers that mean different
 * things in each device, so that besides virtio channels some serial ports and consoles pass. */
static int check_spicevmc(CharType type, bool fits, ElementParse *parse)
{
    if (type == CHAR_TYPE_SPICEVMC && !fits)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute type='spicevmc' needs a <target> with type='virtio'"));
    return 0;
}

/* -1 asks for a number like none at all. */
static void forget_port(const int *port, bool *has_port)
{
    *has_port = *has_port && *port != -1;
}

int serial_parsed(void *self, ElementParse *parse)
{
    Serial *serial = self;
    bool is_usb = serial->target.type == SERIAL_TARGET_TYPE_USB_SERIAL;

    forget_port(&serial->target.port, &serial->target.has_port);
    if (check_spicevmc(serial->type, is_usb, parse) < 0)
        return -1;
    if (is_usb && serial->info.address && serial->info.address->type != ADDRESS_TYPE_USB)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("<address> has type='%s', a port of type='usb-serial' needs 'usb'"),
                            element_word(&address_type_words, serial->info.address->type));
    return 0;
}

int parallel_parsed(void *self, ElementParse *parse)
{
    Parallel *parallel = self;

    forget_port(&parallel->target.port, &parallel->target.has_port);
    return check_spicevmc(parallel->type, false, parse);
}

int console_parsed(void *self, ElementParse *parse)
{
    Console *console = self;

    console->tty = console->source.pty ? console->source.pty->path : NULL;
    if (!(parse->flags & ELEMENT_STORED))
        console->target.has_port = false;    /* its place counts: see conf/rules/chardev.c */
    return check_spicevmc(console->type, console->target.type == CONSOLE_TARGET_TYPE_XEN, parse);
}

/* Brings an IPv4 address into its one form; shorter and octal forms are taken as inet_aton takes them. */
static int guestfwd_address(ChannelTarget *target, ElementParse *parse)
{
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(target->address, NULL, &hints, &found);
    const unsigned char *bytes;

    if (rc != 0)
        return element_fail(parse, VIR_ERR_SYSTEM_ERROR, _("The attribute 'address' is '%s', which is no address: %s"),
                            target->address, gai_strerror(rc));
    if (found->ai_family == AF_INET) {
        bytes = (const unsigned char *)&((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr;
        target->address = arena_printf(parse->arena, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
    } else {
        rc = element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                          _("The attribute 'address' is '%s', a channel of type='guestfwd' needs an IPv4 address"),
                          target->address);
    }
    freeaddrinfo(found);
    return rc;
}

int channel_target_parsed(void *self, ElementParse *parse)
{
    ChannelTarget *target = self;

    if (target->type != CHANNEL_TARGET_TYPE_GUESTFWD)
        return 0;
    if (guestfwd_address(target, parse) < 0)
        return -1;
    if (!target->has_port)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute 'port' is missing"));
    target->port &= 0xffff;
    return 0;
}

int channel_parsed(void *self, ElementParse *parse)
{
    const Channel *channel = self;

    return check_spicevmc(channel->type, channel->target.type == CHANNEL_TARGET_TYPE_VIRTIO, parse);
}

/* --- smart cards ------------------------------------------------------------------------------- */

/* A certificate without a name is written as it came: with an empty text. */
int smartcard_certificate_parsed(void *self, ElementParse *parse)
{
    SmartcardCertificate *certificate = self;

    (void)parse;
    if (!certificate->value)
        certificate->value = "";
    return 0;
}

int smartcard_parsed(void *self, ElementParse *parse)
{
    const Smartcard *smartcard = self;

    if (smartcard->mode != SMARTCARD_MODE_HOST_CERTIFICATES)
        return 0;
    if (smartcard->n_certificates != 3)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A smart card of mode='host-certificates' needs three <certificate>, it has %u"),
                            smartcard->n_certificates);
    if (!smartcard->database && xml_child(element_node(parse), "database"))
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR, _("<database> is empty"));
    if (smartcard->database && smartcard->database[0] != '/')
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("<database> is '%s', which is no absolute path"), smartcard->database);
    return 0;
}
