/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small values in documents: numbers and amounts of memory.
 * Pure functions, any thread. They take what libvirt takes and refuse what it refuses. */
#include "conf/scalar.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"

bool scalar_parse_signed(const char *text, int base, int64_t least, int64_t most, int64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoll(text, &end, base);
    return errno == 0 && end != text && *end == '\0' && *value >= least && *value <= most;
}

bool scalar_parse_unsigned(const char *text, int base, uint64_t most, bool wraps, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, base);
    if (wraps && most == UINT32_MAX && (int64_t)*value < 0 && (int64_t)*value >= -(int64_t)UINT32_MAX)
        *value = (uint32_t)*value;
    return errno == 0 && end != text && *end == '\0' && *value <= most
           && (wraps || !memchr(text, '-', (size_t)(end - text)));
}

bool scalar_take_int(const char **text, int *number)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(*text, &end, 10);
    if (errno != 0 || end == *text || value < INT_MIN || value > INT_MAX)
        return false;
    *number = (int)value;
    *text = end;
    return true;
}

bool scalar_is_hex(const char *text, size_t digits)
{
    return strspn(text, G_CSET_DIGITS "abcdefABCDEF") == digits && text[digits] == '\0';
}

bool scalar_parse_uint(const char *text, uint64_t *value)
{
    uint64_t sum = 0;

    while (g_ascii_isspace(*text))
        text++;
    if (*text == '+')
        text++;
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (!g_ascii_isdigit(*text) || __builtin_mul_overflow(sum, 10, &sum)
            || __builtin_add_overflow(sum, (uint64_t)(*text - '0'), &sum))
            return false;
    }
    *value = sum;
    return true;
}

/* Bytes in one `unit`; 0 when it isn't known. */
static uint64_t unit_bytes(const char *unit)
{
    static const char prefixes[] = "kmgtpe";
    const char *prefix;
    uint64_t base, bytes = 1;

    if (g_ascii_strcasecmp(unit, "b") == 0 || g_ascii_strcasecmp(unit, "byte") == 0
        || g_ascii_strcasecmp(unit, "bytes") == 0)
        return 1;
    prefix = strchr(prefixes, g_ascii_tolower(*unit));
    if (!prefix)
        return 0;
    if (unit[1] == '\0' || g_ascii_strcasecmp(unit + 1, "ib") == 0)
        base = 1024;
    else if (g_ascii_strcasecmp(unit + 1, "b") == 0)
        base = 1000;
    else
        return 0;
    for (const char *p = prefixes; p <= prefix; p++)
        bytes *= base;
    return bytes;
}

int scalar_parse_scaled(const char *text, const char *unit, uint64_t usual, uint64_t most, const char *what,
                        uint64_t *bytes, Error *error)
{
    uint64_t scale = unit && *unit ? unit_bytes(unit) : usual;
    uint64_t value;

    if (!scalar_parse_uint(text, &value))
        return error_set(error, VIR_FROM_XML, VIR_ERR_XML_ERROR, _("Invalid value '%s' of '%s'"), text, what);
    if (scale == 0)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG, _("Unknown unit '%s' of '%s'"), unit, what);
    if (value > most / scale)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_OVERFLOW, _("The value of '%s' is too large: %s%s"), what,
                         text, unit ? unit : "");
    *bytes = value * scale;
    return 0;
}

int scalar_parse_memory(const char *text, const char *unit, const char *what, uint64_t *kib, Error *error)
{
    uint64_t bytes;

    if (scalar_parse_scaled(text, unit, 1024, INT64_MAX, what, &bytes, error) < 0)
        return -1;
    *kib = bytes / 1024 + (bytes % 1024 != 0);
    return 0;
}
