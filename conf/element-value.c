/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One value of a document: its text as the member of a struct, and back, by the kind of its row.
 * Pure functions, any thread, no lock. Numbers are taken as strtol takes them, because libvirt's clients rely
 * on it: see conf/scalar.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/cpuset.h"
#include "conf/element-private.h"
#include "conf/path.h"
#include "conf/scalar.h"
#include "conf/xml.h"

/* --- parse ----------------------------------------------------------------------------------- */

bool mac_parse(const char *text, MacAddress *mac)
{
    for (int i = 0; i < 6; i++) {
        char *end;
        unsigned long value;

        if (!g_ascii_isxdigit(*text))
            return false;
        value = strtoul(text, &end, 16);
        if (end - text > 2 || !(i < 5 ? *end == ':' : *end == '\0' || g_ascii_isspace(*end)))
            return false;
        mac->bytes[i] = (uint8_t)value;
        text = end + 1;
    }
    return true;
}

static bool in_range(const ElementRow *row, int64_t value)
{
    return !(row->flags & ROW_IS_NONZERO && value == 0) && !(row->flags & ROW_HAS_MIN && value < row->min)
           && !(row->flags & ROW_HAS_MAX && (value > row->max || (value < 0 && row->kind == KIND_ULONG)));
}

/* True when `text` is a value of the row, which then stands in the member. */
static bool parse_number(const ElementRow *row, void *self, const char *text)
{
    uint64_t plain = 0;
    int64_t value = 0;
    bool is_signed = row->kind == KIND_INT || row->kind == KIND_LONG;

    if (is_signed) {
        bool narrow = row->kind == KIND_INT;

        if (!scalar_parse_signed(text, row->base, narrow ? INT32_MIN : INT64_MIN, narrow ? INT32_MAX : INT64_MAX,
                                 &value))
            return false;
    } else {
        if (!scalar_parse_unsigned(text, row->base, row->kind == KIND_UINT ? UINT32_MAX : UINT64_MAX,
                                   row->flags & ROW_IS_WRAPS, &plain))
            return false;
        value = (int64_t)plain;
    }
    if (!in_range(row, value))
        return false;
    if (row->kind == KIND_UINT || row->kind == KIND_INT)
        ROW_AT(self, row->offset, uint32_t) = (uint32_t)value;
    else
        ROW_AT(self, row->offset, uint64_t) = (uint64_t)value;
    return true;
}

static bool parse_word(const ElementRow *row, void *self, const char *text)
{
    int value;

    if (row->kind == KIND_ENUM)
        value = element_value(row->words, text);
    else if (strcmp(text, row->kind == KIND_YESNO ? "yes" : "on") == 0)
        value = TRISTATE_YES;
    else
        value = strcmp(text, row->kind == KIND_YESNO ? "no" : "off") == 0 ? TRISTATE_NO : -1;
    if (value < 0)
        return false;
    ROW_AT(self, row->offset, uint8_t) = (uint8_t)value;
    return true;
}

static int refuse(const ElementRow *row, const char *text, ElementParse *parse)
{
    int code = row->bad ? row->bad : VIR_ERR_XML_ERROR;

    if (row->place == ROW_ATTR)
        return element_fail(parse, code, _("Invalid value '%s' of the attribute '%s'"), text, row->name);
    if (row->place == ROW_LEAF)
        return element_fail(parse, code, _("Invalid value '%s' of <%s>"), text, row->name);
    return element_fail(parse, code, _("Invalid value '%s'"), text);
}

/* An error of a scalar's own, unless the row has a code for it. */
static int refuse_scalar(const ElementRow *row, const char *text, const Error *found, ElementParse *parse)
{
    if (row->flags & ROW_IS_LENIENT)
        return 0;
    if (row->bad)
        return refuse(row, text, parse);
    return element_fail(parse, found->code, "%s", found->detail ? found->detail : found->message);
}

static int parse_cpuset(const ElementRow *row, void *self, const char *text, ElementParse *parse)
{
    int code = VIR_ERR_INVALID_ARG;
    CpuSet set;

    if (cpuset_parse(text, &set)) {
        if (!cpuset_is_empty(&set)) {
            ROW_AT(self, row->offset, const char *) = cpuset_format(&set, parse->arena);
            return 0;
        }
        code = VIR_ERR_CONFIG_UNSUPPORTED;
    }
    if (row->flags & ROW_IS_LENIENT)
        return 0;
    if (row->bad)
        return refuse(row, text, parse);
    return element_fail(parse, code, _("The set '%s' of '%s' is empty or can't be understood"), text, row->name);
}

static int parse_amount(const ElementRow *row, void *self, const char *text, const char *unit, ElementParse *parse)
{
    Error found = ERROR_INIT;
    uint64_t value;
    int rc;

    if (row->kind == KIND_KIB)
        rc = scalar_parse_memory(text, unit, row->name, &value, &found);
    else
        rc = scalar_parse_scaled(text, unit, 1, UINT64_MAX, row->name, &value, &found);
    if (rc == 0 && in_range(row, (int64_t)value)) {
        ROW_AT(self, row->offset, uint64_t) = value;
        ROW_AT(self, row->more, bool) = true;
    } else if (rc == 0) {
        rc = row->flags & ROW_IS_LENIENT ? 0 : refuse(row, text, parse);
    } else {
        rc = refuse_scalar(row, text, &found, parse);
    }
    error_clear(&found);
    return rc;
}

int element_value_parse(const ElementRow *row, void *self, const char *text, const char *unit, ElementParse *parse)
{
    bool good = false;

    switch ((RowKind)row->kind) {
    case KIND_STRING:
        ROW_AT(self, row->offset, const char *) = row->flags & ROW_IS_PATH ? path_clean(text, parse->arena) : text;
        return 0;
    case KIND_CPUSET:
        return parse_cpuset(row, self, text, parse);
    case KIND_KIB:
    case KIND_BYTES:
        return parse_amount(row, self, text, unit, parse);
    case KIND_ENUM:
    case KIND_YESNO:
    case KIND_ONOFF:
        good = parse_word(row, self, text);
        break;
    case KIND_UINT:
    case KIND_INT:
    case KIND_ULONG:
    case KIND_LONG:
        good = parse_number(row, self, text);
        break;
    case KIND_UUID:
        good = uuid_parse(text, row_at(self, row->offset));
        break;
    case KIND_MAC:
        good = mac_parse(text, row_at(self, row->offset));
        break;
    case KIND_NONE:
        g_assert_not_reached();
    }
    if (!good) {
        if (!(row->flags & ROW_IS_LENIENT))
            return refuse(row, text, parse);
        element_value_default(row, self);
    } else if (row_has_member(row)) {
        ROW_AT(self, row->more, bool) = true;
    } else if (!element_row_is_set(row, self)) {
        element_value_default(row, self);    /* a word that means absent */
    }
    return 0;
}

void element_value_default(const ElementRow *row, void *self)
{
    if (!(row->flags & ROW_HAS_DEFAULT))
        return;
    if (row->kind == KIND_STRING)
        ROW_AT(self, row->offset, const char *) = row->initial_text;
    else if (row->kind == KIND_UINT || row->kind == KIND_INT)
        ROW_AT(self, row->offset, uint32_t) = (uint32_t)row->initial;
    else if (row_has_member(row))
        ROW_AT(self, row->offset, uint64_t) = (uint64_t)row->initial;
    else
        ROW_AT(self, row->offset, uint8_t) = (uint8_t)row->initial;
    if (row_has_member(row))
        ROW_AT(self, row->more, bool) = true;
}

/* --- format ---------------------------------------------------------------------------------- */

static int64_t number_of(const ElementRow *row, const void *self)
{
    switch ((RowKind)row->kind) {
    case KIND_INT:
        return ROW_AT(self, row->offset, const int32_t);
    case KIND_UINT:
        return ROW_AT(self, row->offset, const uint32_t);
    case KIND_ENUM:
    case KIND_YESNO:
    case KIND_ONOFF:
        return ROW_AT(self, row->offset, const uint8_t);
    default:
        return ROW_AT(self, row->offset, const int64_t);
    }
}

/* Decimal digits at the end of `digits`; returns where they begin. */
static const char *decimal(uint64_t value, char digits[24])
{
    char *at = digits + 23;

    *at = '\0';
    do
        *--at = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    return at;
}

static void put_string(GString *out, const char *text)
{
    xml_put(out, text, strlen(text));
}

static void put_number(const ElementRow *row, const void *self, GString *out)
{
    int64_t value = number_of(row, self);
    char digits[24];

    if (row->show >= 16) {
        g_string_append_printf(out, "0%0*" PRIo64, row->show - 16, (uint64_t)value);
    } else if (row->show) {
        g_string_append_printf(out, "0x%0*" PRIx64, row->show, (uint64_t)value);
    } else if ((row->kind == KIND_INT || row->kind == KIND_LONG) && value < 0) {
        xml_put(out, "-", 1);
        put_string(out, decimal(0 - (uint64_t)value, digits));
    } else {
        put_string(out, decimal((uint64_t)value, digits));
    }
}

static void put_mac(const MacAddress *mac, GString *out)
{
    const uint8_t *b = mac->bytes;

    g_string_append_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

void element_value_format(const ElementRow *row, const void *self, GString *out, bool attribute)
{
    char uuid[UUID_TEXT_SIZE];
    unsigned value;

    switch ((RowKind)row->kind) {
    case KIND_STRING:
    case KIND_CPUSET:
        if (attribute)
            xml_put_attribute_text(out, ROW_AT(self, row->offset, const char *const));
        else
            xml_put_escaped(out, ROW_AT(self, row->offset, const char *const));
        break;
    case KIND_ENUM:
        put_string(out, element_word(row->words, ROW_AT(self, row->offset, const uint8_t)));
        break;
    case KIND_YESNO:
    case KIND_ONOFF:
        value = ROW_AT(self, row->offset, const uint8_t);
        if (row->kind == KIND_YESNO)
            put_string(out, value == TRISTATE_YES ? "yes" : "no");
        else
            put_string(out, value == TRISTATE_YES ? "on" : "off");
        break;
    case KIND_UUID:
        put_string(out, uuid_format(row_at(self, row->offset), uuid));
        break;
    case KIND_MAC:
        put_mac(row_at(self, row->offset), out);
        break;
    default:
        put_number(row, self, out);
    }
}

bool element_value_is_omitted(const ElementRow *row, const void *self)
{
    if (!(row->flags & ROW_HAS_OMIT))
        return false;
    if (row->kind == KIND_STRING)
        return g_strcmp0(ROW_AT(self, row->offset, const char *const), row->omit_text) == 0;
    return number_of(row, self) == row->omit;
}

/* What is not written is as if it were absent: the document that says it and the one that we make of it are the same. */
static bool leaves_trace(const ElementRow *row, const void *self)
{
    return element_row_is_set(row, self) && !element_value_is_omitted(row, self);
}

bool element_value_equal(const ElementRow *row, const void *a, const void *b)
{
    if (leaves_trace(row, a) != leaves_trace(row, b))
        return false;
    if (!leaves_trace(row, a))
        return true;
    if (row->kind == KIND_STRING || row->kind == KIND_CPUSET)
        return strcmp(ROW_AT(a, row->offset, const char *const), ROW_AT(b, row->offset, const char *const)) == 0;
    if (row->kind == KIND_UUID)
        return uuid_equal(row_at(a, row->offset), row_at(b, row->offset));
    if (row->kind == KIND_MAC)
        return memcmp(row_at(a, row->offset), row_at(b, row->offset), sizeof(MacAddress)) == 0;
    return number_of(row, a) == number_of(row, b);
}
