/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of redirected devices (redirect.def) can't say: the numbers of the filter, which are written as
 * USB programs show them, and what a device is called when nothing is said.
 * Pure functions of the element: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/scalar.h"

#define DBUS_CHANNEL "org.qemu.usbredir"

int redirdev_parsed(void *self, ElementParse *parse)
{
    Redirdev *redirdev = self;
    const Address *address = redirdev->info.address;

    if (address && address->type != ADDRESS_TYPE_USB)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute type='%s' of <address> must be 'usb' for a redirected device"),
                            element_word(&address_type_words, address->type));
    if (redirdev->type == CHAR_TYPE_DBUS && !redirdev->source.port)
        redirdev->source.port = ELEMENT_NEW(parse->arena, CharPort);
    if (redirdev->type == CHAR_TYPE_DBUS && !redirdev->source.port->channel)
        redirdev->source.port->channel = DBUS_CHANNEL;
    return 0;
}

/* --- filter ------------------------------------------------------------------------------------ */

/* The number in an attribute; a negative one is "any". */
static int read_number(const char *name, const char *text, int64_t *number, ElementParse *parse)
{
    if (!scalar_parse_signed(text, 0, INT32_MIN, INT32_MAX, number))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute %s='%s' of <usbdev> is no number"), name, text);
    return 0;
}

static int read_id(const char *name, const char **text, ElementParse *parse)
{
    int64_t number;

    if (!*text)
        return 0;
    if (read_number(name, *text, &number, parse) < 0)
        return -1;
    *text = number < 0 ? NULL : arena_printf(parse->arena, "0x%04X", (unsigned)number);
    return 0;
}

static int read_class(const char **text, ElementParse *parse)
{
    int64_t number;

    if (!*text)
        return 0;
    if (read_number("class", *text, &number, parse) < 0)
        return -1;
    if (number < -1 || number > 0xff)
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                            _("The attribute class='%s' of <usbdev> is no USB class, which goes to 0xFF"), *text);
    *text = number < 0 ? NULL : arena_printf(parse->arena, "0x%02X", (unsigned)number);
    return 0;
}

/* A number below 100 at `*text`, which moves behind it. */
static bool read_half(const char **text, int *number)
{
    return scalar_take_int(text, number) && *number >= 0 && *number < 100;
}

/* "2.1" is 2.10: one digit alone behind the dot is the first of two. */
static int read_version(const char **text, ElementParse *parse)
{
    const char *at = *text, *behind;
    int major, minor;
    bool good;

    if (!at)
        return 0;
    if (strcmp(at, "-1") == 0) {
        *text = NULL;
        return 0;
    }
    good = read_half(&at, &major) && *at++ == '.';
    behind = at;
    if (!good || !read_half(&at, &minor) || *at != '\0')
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute version='%s' of <usbdev> is not two numbers below 100 with a dot between "
                              "them"),
                            *text);
    if (strlen(behind) == 1)
        minor *= 10;
    *text = arena_printf(parse->arena, "%d.%02d", major, minor);
    return 0;
}

int redir_filter_device_parsed(void *self, ElementParse *parse)
{
    RedirFilterDevice *device = self;

    if (read_class(&device->class, parse) < 0 || read_id("vendor", &device->vendor, parse) < 0 ||
        read_id("product", &device->product, parse) < 0)
        return -1;
    return read_version(&device->version, parse);
}
