/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses, routes and forwarded ports of interfaces (interface.def): addresses are brought into their one form,
 * routes must lead to a network. Only numeric addresses are understood, so nothing is looked up anywhere.
 * Pure functions of the element: any thread, no lock. */
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

#define ANY_FAMILY IP_FAMILY_ABSENT

/* A numeric address: the family, its bytes and its text. */
typedef struct NetAddress {
    IpFamily family;
    uint8_t bytes[16];
    char text[NI_MAXHOST];
} NetAddress;

static unsigned family_bits(IpFamily family)
{
    return family == IP_FAMILY_IPV6 ? 128 : 32;
}

/* False when `text` is no numeric address of that family. IPv4 may be written in all ways of inet_aton. */
static bool net_address_read(const char *text, IpFamily family, NetAddress *address)
{
    static const int families[] = { AF_UNSPEC, [IP_FAMILY_IPV4] = AF_INET, [IP_FAMILY_IPV6] = AF_INET6 };
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_family = families[family],
                                    .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    bool good;

    if (*text == '\0' || getaddrinfo(text, NULL, &hints, &found) != 0)
        return false;
    good = getnameinfo(found->ai_addr, found->ai_addrlen, address->text, sizeof address->text, NULL, 0,
                       NI_NUMERICHOST) == 0;
    memset(address->bytes, 0, sizeof address->bytes);
    if (found->ai_family == AF_INET6) {
        address->family = IP_FAMILY_IPV6;
        memcpy(address->bytes, &((const struct sockaddr_in6 *)found->ai_addr)->sin6_addr, 16);
    } else {
        address->family = IP_FAMILY_IPV4;
        memcpy(address->bytes, &((const struct sockaddr_in *)found->ai_addr)->sin_addr, 4);
    }
    freeaddrinfo(found);
    return good;
}

/* --- addresses --------------------------------------------------------------------------------- */

int ip_address_parsed(void *self, ElementParse *parse)
{
    IpAddress *ip = self;
    IpFamily wanted = ip->family;
    NetAddress address = { 0 }, peer;

    if (!net_address_read(ip->address, wanted, &address) && wanted)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute address='%s' of <ip> is no address of the family '%s'"), ip->address,
                            element_word(&ip_family_words, wanted));
    if (address.family == ANY_FAMILY)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute address='%s' of <ip> is no address"),
                            ip->address);
    ip->address = arena_strdup(parse->arena, address.text);
    ip->family = address.family;
    if (ip->prefix > family_bits(address.family))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute prefix='%u' of <ip> is above %u"), ip->prefix,
                            family_bits(address.family));
    if (!ip->peer)
        return 0;
    if (!net_address_read(ip->peer, address.family, &peer))
        return element_fail(parse, VIR_ERR_INVALID_ARG,
                            _("The attribute peer='%s' of <ip> is no address of the family '%s'"), ip->peer,
                            element_word(&ip_family_words, address.family));
    ip->peer = arena_strdup(parse->arena, peer.text);
    return 0;
}

/* --- routes ------------------------------------------------------------------------------------ */

/* The address in that attribute of a route, which must be of the family. */
static int read_route_address(const char *name, const char *text, IpFamily family, NetAddress *address,
                              ElementParse *parse)
{
    if (!net_address_read(text, ANY_FAMILY, address))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute %s='%s' of <route> is no address"), name,
                            text);
    if (address->family != family)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute %s='%s' of <route> is not of the family '%s', which is the route's"),
                            name, text, element_word(&ip_family_words, family));
    return 0;
}

/* Whether all bits outside of the mask are 0. */
static bool is_network(const NetAddress *address, const NetAddress *mask)
{
    for (unsigned i = 0; i < sizeof address->bytes; i++)
        if (address->bytes[i] & ~mask->bytes[i])
            return false;
    return true;
}

static void mask_of_prefix(unsigned prefix, NetAddress *mask)
{
    memset(mask->bytes, 0, sizeof mask->bytes);
    for (unsigned bit = 0; bit < prefix; bit++)
        mask->bytes[bit / 8] |= 0x80 >> bit % 8;
}

/* The route's mask: given as such, as a length, or not at all, which is the length 0. */
static int read_mask(const IpRoute *route, IpFamily family, NetAddress *mask, ElementParse *parse)
{
    if (!route->netmask) {
        if (route->prefix > family_bits(family))
            return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute prefix='%u' of <route> is above %u"),
                                route->prefix, family_bits(family));
        mask_of_prefix(route->prefix, mask);
        return 0;
    }
    if (family == IP_FAMILY_IPV6)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <route> of the family 'ipv6' can't have the attribute netmask='%s'"),
                            route->netmask);
    if (read_route_address("netmask", route->netmask, family, mask, parse) < 0)
        return -1;
    if (route->has_prefix)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <route> can't have both of the attributes netmask='%s' and prefix='%u'"),
                            route->netmask, route->prefix);
    return 0;
}

int ip_route_parsed(void *self, ElementParse *parse)
{
    IpRoute *route = self;
    IpFamily family = route->family ? route->family : IP_FAMILY_IPV4;
    NetAddress address, gateway, mask;

    if (read_route_address("address", route->address, family, &address, parse) < 0 ||
        read_route_address("gateway", route->gateway, family, &gateway, parse) < 0 ||
        read_mask(route, family, &mask, parse) < 0)
        return -1;
    if (!is_network(&address, &mask))
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute address='%s' of <route> is no network: its bits outside of the mask "
                              "must be 0"),
                            route->address);
    route->address = arena_strdup(parse->arena, address.text);
    route->gateway = arena_strdup(parse->arena, gateway.text);
    if (route->netmask)
        route->netmask = arena_strdup(parse->arena, mask.text);
    return 0;
}

/* --- forwarded ports --------------------------------------------------------------------------- */

/* Without a first port there's nothing to say but that nothing is left out. */
int port_forward_range_parsed(void *self, ElementParse *parse)
{
    const PortForwardRange *range = self;

    (void)parse;
    return range->has_start || range->exclude ? 0 : 1;
}

int port_forward_parsed(void *self, ElementParse *parse)
{
    PortForward *forward = self;
    NetAddress address;

    if (!forward->address)
        return 0;
    if (!net_address_read(forward->address, ANY_FAMILY, &address))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute address='%s' of <portForward> is no address"),
                            forward->address);
    forward->address = arena_strdup(parse->arena, address.text);
    return 0;
}
