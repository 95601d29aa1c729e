/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the typed objects to XML, by the tables of conf/elements: every row that has a value, in order.
 * Any thread, no lock; reads what nobody changes and appends to one text. An element without attributes and
 * children leaves no trace unless its row says `keep`. */
#include "conf/element.h"

#include <string.h>

#include "conf/element-private.h"
#include "conf/xml.h"

static bool is_written(const ElementRow *row, const void *self, unsigned key, const ElementFormat *format)
{
    if (!element_row_is_set(row, self))
        return false;
    if (row->flags & ROW_IS_UNWRITTEN || (row->flags & ROW_IS_LIVE && format->flags & ELEMENT_INACTIVE)
        || (row->flags & ROW_IS_SECRET && !(format->flags & ELEMENT_SECURE)))
        return false;
    if (row->n_conditions && !element_row_holds(row, self, key))
        return false;
    if (row->place <= ROW_LEAF && element_value_is_omitted(row, self))
        return false;
    return !row->shown || row->shown(self, format);
}

static void put_string(GString *out, const char *text)
{
    xml_put(out, text, strlen(text));
}

static void put_name(GString *out, const ElementRow *row)
{
    if (row->namespace) {
        put_string(out, element_namespaces[row->namespace - 1].prefix);
        xml_put(out, ":", 1);
    }
    xml_put(out, row->name, row->name_size);
}

/* An amount is followed by the attribute that tells its unit. */
static void put_unit(const ElementRow *row, GString *out)
{
    if (row->kind == KIND_KIB)
        g_string_append(out, " unit='KiB'");
    else if (row->kind == KIND_BYTES)
        g_string_append(out, " unit='bytes'");
}

static void put_attributes(const ElementType *type, const void *self, unsigned key, ElementFormat *format)
{
    GString *out = format->out;

    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++) {
        if ((row->place != ROW_ATTR && row->place != ROW_SPLICE) || !is_written(row, self, key, format))
            continue;
        if (row->place == ROW_SPLICE) {
            const void *above = format->above;

            format->above = self;
            put_attributes(row->type, row_at(self, row->offset), element_row_key(row, self, key), format);
            format->above = above;
            continue;
        }
        xml_put(out, " ", 1);
        put_name(out, row);
        xml_put(out, "='", 2);
        element_value_format(row, self, out, true);
        xml_put(out, "'", 1);
        put_unit(row, out);
    }
}

/* <name>text</name>, with its unit. */
static void put_leaf(const ElementRow *row, const void *self, unsigned depth, GString *out)
{
    xml_put_indent(out, depth);
    xml_put(out, "<", 1);
    put_name(out, row);
    put_unit(row, out);
    xml_put(out, ">", 1);
    element_value_format(row, self, out, false);
    xml_put(out, "</", 2);
    put_name(out, row);
    xml_put(out, ">\n", 2);
}

static void put_element(const ElementRow *row, const ElementType *type, const void *self, unsigned key,
                        unsigned depth, ElementFormat *format);

static void put_list(const ElementRow *row, const void *self, unsigned key, unsigned depth, ElementFormat *format)
{
    void **items = ROW_AT(self, row->offset, void **const);
    unsigned n = ROW_AT(self, row->more, const unsigned);

    for (unsigned i = 0; i < n; i++) {
        ElementRow named;

        if (row->words) {
            named = *row;
            named.name = element_word(row->words, ROW_AT(items[i], row->name_offset, const uint8_t));
            named.name_size = (uint8_t)strlen(named.name);
        }
        put_element(row->words ? &named : row, row->type, items[i], key, depth, format);
    }
}

static void put_children(const ElementType *type, const void *self, unsigned key, unsigned depth,
                         ElementFormat *format)
{
    const void *above = format->above;

    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++) {
        unsigned its_key;

        if (row->place < ROW_LEAF || !is_written(row, self, key, format))
            continue;
        its_key = element_row_key(row, self, key);
        format->above = self;
        switch ((RowPlace)row->place) {
        case ROW_LEAF:
            put_leaf(row, self, depth, format->out);
            break;
        case ROW_FLAG:
            xml_put_indent(format->out, depth);
            g_string_append_printf(format->out, "<%s/>\n", row->name);
            break;
        case ROW_RAW:
            xml_put_indent(format->out, depth);
            g_string_append(format->out, ROW_AT(self, row->offset, const char *const));
            g_string_append_c(format->out, '\n');
            break;
        case ROW_CHILD:
            put_element(row, row->type, ROW_AT(self, row->offset, void *const), its_key, depth, format);
            break;
        case ROW_PART:
            put_element(row, row->type, row_at(self, row->offset), its_key, depth, format);
            break;
        case ROW_LIST:
            put_list(row, self, its_key, depth, format);
            break;
        case ROW_SPLICE:
            put_children(row->type, row_at(self, row->offset), its_key, depth, format);
            break;
        case ROW_ATTR:
        case ROW_TEXT:
            break;
        }
        format->above = above;
    }
}

/* The row with the element's own text, NULL when it has none to show; also of a splice. */
static const ElementRow *text_row(const ElementType *type, const void **self, unsigned key,
                                  const ElementFormat *format)
{
    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++) {
        if (row->place == ROW_TEXT && is_written(row, *self, key, format))
            return row;
        if (row->place == ROW_SPLICE) {
            const void *inner = row_at(*self, row->offset);
            const ElementRow *found = text_row(row->type, &inner, element_row_key(row, *self, key), format);

            if (found) {
                *self = inner;
                return found;
            }
        }
    }
    return NULL;
}

static void put_end(const ElementRow *row, GString *out)
{
    xml_put(out, "</", 2);
    put_name(out, row);
    xml_put(out, ">\n", 2);
}

/* Written as two tags even without children? */
static bool is_open(const ElementType *type, const void *self, const ElementFormat *format)
{
    return type->opens ? type->opens(self, format) : type->open;
}

/* `row` gives the name and whether an empty element is kept. */
static void put_element(const ElementRow *row, const ElementType *type, const void *self, unsigned key,
                        unsigned depth, ElementFormat *format)
{
    GString *out = format->out;
    size_t start = out->len, named, opened;
    const void *holder = self;
    const ElementRow *text = type->phases & PHASE_TEXT ? text_row(type, &holder, key, format) : NULL;

    if (type->shown && !type->shown(self, format))
        return;
    xml_put_indent(out, depth);
    xml_put(out, "<", 1);
    put_name(out, row);
    named = out->len;
    put_attributes(type, self, key, format);
    if (format->root_extra)
        g_string_append(out, format->root_extra);
    format->root_extra = NULL;    /* of the outermost element alone */
    if (text) {
        put_unit(text, out);
        xml_put(out, ">", 1);
        element_value_format(text, holder, out, false);
        put_end(row, out);
        return;
    }
    opened = out->len;
    xml_put(out, ">\n", 2);
    if (type->phases & (PHASE_CHILDREN | PHASE_CHILDREN_WHEN))
        put_children(type, self, key, depth + 1, format);
    if (out->len > opened + 2 || (is_open(type, self, format) && (opened > named || row->flags & ROW_IS_KEEP))) {
        xml_put_indent(out, depth);
        put_end(row, out);
    } else if (opened > named || row->flags & ROW_IS_KEEP || row->place == ROW_LIST) {
        g_string_truncate(out, opened);
        xml_put(out, "/>\n", 3);
    } else {
        g_string_truncate(out, start);
    }
}

void element_format(const ElementType *type, const void *self, const char *name, unsigned key, unsigned depth,
                    ElementFormat *format)
{
    const ElementRow row = { .name = name, .name_size = (uint8_t)strlen(name), .place = ROW_CHILD, .flags = ROW_IS_KEEP,
                             .type = type };

    put_element(&row, type, self, key, depth, format);
}

/* --- namespaces ------------------------------------------------------------------------------ */

unsigned element_namespaces_used(const ElementType *type, const void *self)
{
    unsigned used = 0;

    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++)
        if (row->namespace && !(row->flags & ROW_IS_UNWRITTEN) && element_row_is_set(row, self))
            used |= 1u << (row->namespace - 1);
    return used;
}

void element_put_namespaces(GString *out, unsigned namespaces)
{
    for (unsigned i = 0; element_namespaces[i].prefix; i++)
        if (namespaces & 1u << i)
            g_string_append_printf(out, " xmlns:%s='%s'", element_namespaces[i].prefix, element_namespaces[i].uri);
}
