/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two documents side by side, by the tables of conf/elements: are they the same, and may a running guest go on
 * with the other one? Pure functions, any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/element-private.h"

static void *child_of(const ElementRow *row, const void *self)
{
    return row->place == ROW_CHILD ? ROW_AT(self, row->offset, void *const) : row_at(self, row->offset);
}

/* Is it there, as whoever reads the document has it? An element that has nothing in it leaves no trace unless it is
 * kept. */
static bool leaves_trace(const ElementRow *row, const void *self)
{
    g_autofree void *nothing = NULL;

    if (!element_row_is_set(row, self))
        return false;
    if (row->flags & ROW_IS_KEEP)
        return true;
    nothing = g_malloc0(row->type->size);
    return !element_equal(row->type, child_of(row, self), nothing);
}

static bool lists_equal(const ElementRow *row, const void *a, const void *b)
{
    unsigned n = ROW_AT(a, row->more, const unsigned);

    if (n != ROW_AT(b, row->more, const unsigned))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!element_equal(row->type, ROW_AT(a, row->offset, void **const)[i], ROW_AT(b, row->offset, void **const)[i]))
            return false;
    return true;
}

/* Rows that are read and never written leave no trace either. */
static bool row_equal(const ElementRow *row, const void *a, const void *b)
{
    if ((row->flags & (ROW_IS_UNWRITTEN | ROW_IS_UNREAD)) == ROW_IS_UNWRITTEN)
        return true;
    switch ((RowPlace)row->place) {
    case ROW_ATTR:
    case ROW_TEXT:
    case ROW_LEAF:
        return element_value_equal(row, a, b);
    case ROW_RAW:
        return g_strcmp0(ROW_AT(a, row->offset, const char *const), ROW_AT(b, row->offset, const char *const)) == 0;
    case ROW_LIST:
        return lists_equal(row, a, b);
    case ROW_FLAG:
        return ROW_AT(a, row->offset, const bool) == ROW_AT(b, row->offset, const bool);
    case ROW_CHILD:
    case ROW_PART:
    case ROW_SPLICE:
        break;
    }
    if (element_row_is_set(row, a) != element_row_is_set(row, b))
        return leaves_trace(row, a) == leaves_trace(row, b);
    return !element_row_is_set(row, a) || element_equal(row->type, child_of(row, a), child_of(row, b));
}

bool element_equal(const ElementType *type, const void *a, const void *b)
{
    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++)
        if (!row_equal(row, a, b))
            return false;
    return true;
}

/* --- ABI ------------------------------------------------------------------------------------- */

static void put_value(GString *out, const ElementRow *row, const void *self)
{
    if (element_row_is_set(row, self))
        element_value_format(row, self, out, true);
}

static int refuse_value(const ElementRow *row, const void *from, const void *to, const char *path, Error *error)
{
    g_autoptr(GString) old = g_string_new(NULL);
    g_autoptr(GString) new = g_string_new(NULL);

    put_value(old, row, from);
    put_value(new, row, to);
    return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_CONFIG_UNSUPPORTED,
                     _("'%s' of '%s' can't change from '%s' to '%s' while the domain runs"), row->name, path, old->str,
                     new->str);
}

static int refuse_presence(const ElementRow *row, const char *path, Error *error)
{
    return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_CONFIG_UNSUPPORTED,
                     _("'%s' of '%s' can't come or go while the domain runs"), row->name, path);
}

static int check_list(const ElementRow *row, const void *from, const void *to, const char *path, Error *error)
{
    unsigned n_from = ROW_AT(from, row->more, const unsigned), n_to = ROW_AT(to, row->more, const unsigned);

    if (n_from != n_to && row->flags & ROW_IS_ABI)
        return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The number of '%s' of '%s' can't change from %u to %u while the domain runs"), row->name,
                         path, n_from, n_to);
    for (unsigned i = 0; i < MIN(n_from, n_to); i++) {
        g_autofree char *inner = g_strdup_printf("%s/%s[%u]", path, row->name, i + 1);

        if (element_check_abi(row->type, ROW_AT(from, row->offset, void **const)[i],
                              ROW_AT(to, row->offset, void **const)[i], inner, error) < 0)
            return -1;
    }
    return 0;
}

static int check_row(const ElementRow *row, const void *from, const void *to, const char *path, Error *error)
{
    bool abi = row->flags & ROW_IS_ABI;
    g_autofree char *inner = NULL;
    g_autofree void *nothing = NULL;

    if (row->flags & ROW_IS_UNCOMPARED)
        return 0;
    switch ((RowPlace)row->place) {
    case ROW_ATTR:
    case ROW_TEXT:
    case ROW_LEAF:
        return abi && !element_value_equal(row, from, to) ? refuse_value(row, from, to, path, error) : 0;
    case ROW_LIST:
        return check_list(row, from, to, path, error);
    case ROW_FLAG:
    case ROW_RAW:
        return abi && !row_equal(row, from, to) ? refuse_presence(row, path, error) : 0;
    case ROW_CHILD:
    case ROW_PART:
    case ROW_SPLICE:
        break;
    }
    if (row->place == ROW_SPLICE)
        return element_check_abi(row->type, child_of(row, from), child_of(row, to), path, error);
    if (element_row_is_set(row, from) != element_row_is_set(row, to)) {
        if (abi && leaves_trace(row, from) != leaves_trace(row, to))
            return refuse_presence(row, path, error);
    } else if (!element_row_is_set(row, from)) {
        return 0;
    }
    /* An element that isn't there says what one without attributes and children would. */
    nothing = g_malloc0(row->type->size);
    inner = g_strdup_printf("%s/%s", path, row->name);
    return element_check_abi(row->type, element_row_is_set(row, from) ? child_of(row, from) : nothing,
                             element_row_is_set(row, to) ? child_of(row, to) : nothing, inner, error);
}

int element_check_abi(const ElementType *type, const void *from, const void *to, const char *name, Error *error)
{
    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++)
        if (check_row(row, from, to, name, error) < 0)
            return -1;
    return 0;
}
