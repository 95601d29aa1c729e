/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small values in documents: numbers, amounts of memory, sets of CPUs.
 * Pure functions, any thread. They take what libvirt takes and refuse what it refuses. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/config-private.h"

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

    if (!unit || *unit == '\0')
        return 1024;
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

int scalar_parse_memory(const char *text, const char *unit, const char *what, uint64_t *kib, Error *error)
{
    uint64_t scale = unit_bytes(unit);
    uint64_t value;

    if (!scalar_parse_uint(text, &value))
        return error_set(error, VIR_FROM_XML, VIR_ERR_XML_ERROR, _("Invalid value '%s' for element '%s'"), text, what);
    if (scale == 0)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG, _("Unknown unit '%s' of element '%s'"), unit, what);
    if (value > (uint64_t)INT64_MAX / scale)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_OVERFLOW, _("The value of element '%s' is too large: %s%s"), what,
                         text, unit ? unit : "");
    *kib = value * scale / 1024 + (value * scale % 1024 != 0);
    return 0;
}

/* --- sets of CPUs --------------------------------------------------------------------------- */

#define CPUS_MAX 16384

static const char *skip_space(const char *text)
{
    while (g_ascii_isspace(*text))
        text++;
    return text;
}

/* A number below CPUS_MAX at `*at`, which moves behind it and the white space after it. */
static bool take_cpu(const char **at, unsigned *cpu)
{
    unsigned value = 0;

    if (!g_ascii_isdigit(**at))
        return false;
    for (; g_ascii_isdigit(**at); (*at)++) {
        value = value * 10 + (unsigned)(**at - '0');
        if (value >= CPUS_MAX)
            return false;
    }
    *at = skip_space(*at);
    *cpu = value;
    return true;
}

/* One "5", "^5" or "5-7" at `*at`. */
static bool take_range(const char **at, uint8_t *set)
{
    unsigned first, last;
    bool without = **at == '^';

    if (without)
        (*at)++;
    if (!take_cpu(at, &first))
        return false;
    last = first;
    if (!without && **at == '-') {
        *at = skip_space(*at + 1);
        if (!take_cpu(at, &last) || last < first)
            return false;
    }
    for (unsigned cpu = first; cpu <= last; cpu++)
        if (without)
            set[cpu / 8] &= (uint8_t)~(1u << (cpu % 8));
        else
            set[cpu / 8] |= (uint8_t)(1u << (cpu % 8));
    return true;
}

static bool has_cpu(const uint8_t *set, unsigned cpu)
{
    return cpu < CPUS_MAX && (set[cpu / 8] & (1u << (cpu % 8)));
}

static char *format_cpuset(const uint8_t *set)
{
    GString *text = g_string_new(NULL);

    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        unsigned last = cpu;

        if (!has_cpu(set, cpu))
            continue;
        while (has_cpu(set, last + 1))
            last++;
        g_string_append_printf(text, text->len ? ",%u" : "%u", cpu);
        if (last > cpu)
            g_string_append_printf(text, "-%u", last);
        cpu = last;
    }
    return g_string_free(text, FALSE);
}

char *scalar_parse_cpuset(const char *text, Error *error)
{
    uint8_t set[CPUS_MAX / 8] = { 0 };
    const char *at = skip_space(text);
    char *ranges;
    bool good;

    do
        good = take_range(&at, set);
    while (good && *at == ',' && *(at = skip_space(at + 1)) != '\0');
    if (!good || *at != '\0') {
        error_set(error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG, _("Cannot understand the set of CPUs '%s'"), text);
        return NULL;
    }
    ranges = format_cpuset(set);
    if (*ranges == '\0') {
        error_set(error, VIR_FROM_DOMAIN, VIR_ERR_CONFIG_UNSUPPORTED, _("The set of CPUs '%s' is empty"), text);
        g_clear_pointer(&ranges, g_free);
    }
    return ranges;
}
