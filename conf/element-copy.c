/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deep copies of the typed objects, in one piece: measured first, then laid out, structs before texts.
 * Any thread, no lock. A copy has no reference to what it was made from. */
#include <string.h>

#include "conf/element-private.h"

typedef struct Layout {
    uint8_t *structs;      /* where the next struct or array goes; NULL while measuring */
    char *texts;
    size_t structs_size, texts_size;
} Layout;

static size_t rounded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

/* Room for a struct or array, filled from `from`. */
static void *place_struct(Layout *layout, const void *from, size_t size, size_t room)
{
    void *at = layout->structs;

    layout->structs_size += rounded(room);
    if (!at)
        return NULL;
    memcpy(at, from, size);
    layout->structs += rounded(room);
    return at;
}

static void place_text(Layout *layout, const char **member)
{
    size_t size = strlen(*member) + 1;

    layout->texts_size += size;
    if (!layout->texts)
        return;
    memcpy(layout->texts, *member, size);
    *member = layout->texts;
    layout->texts += size;
}

static void place_members(Layout *layout, const ElementType *type, void *self);

static void *place_item(Layout *layout, const ElementType *type, const void *item)
{
    void *copy = place_struct(layout, item, type->size, type->size);

    place_members(layout, type, copy ? copy : (void *)item);
    return copy;
}

static void place_list(Layout *layout, const ElementRow *row, void *self)
{
    void **items = ROW_AT(self, row->offset, void **);
    unsigned n = ROW_AT(self, row->more, unsigned);
    void **copies = place_struct(layout, items, n * sizeof *items, element_list_room(n) * sizeof *items);

    for (unsigned i = 0; i < n; i++) {
        void *copy = place_item(layout, row->type, items[i]);

        if (copies)
            copies[i] = copy;
    }
    if (copies)
        ROW_AT(self, row->offset, void **) = copies;
}

static void place_child(Layout *layout, const ElementType *type, void **member)
{
    void *copy = *member ? place_item(layout, type, *member) : NULL;

    if (copy)
        *member = copy;
}

/* What the members point to. While measuring `self` is the original and nothing is written. */
static void place_members(Layout *layout, const ElementType *type, void *self)
{
    for (unsigned i = 0; i < type->n_deep; i++) {
        const ElementRow *row = &type->rows[type->deep[i]];
        void *member = row_at(self, row->offset);

        switch ((RowPlace)row->place) {
        case ROW_CHILD:
            place_child(layout, row->type, member);
            break;
        case ROW_PART:
        case ROW_SPLICE:
            place_members(layout, row->type, member);
            break;
        case ROW_LIST:
            if (ROW_AT(self, row->more, unsigned))
                place_list(layout, row, self);
            break;
        case ROW_RAW:
        case ROW_ATTR:
        case ROW_TEXT:
        case ROW_LEAF:
            if (*(const char **)member)
                place_text(layout, member);
            break;
        case ROW_FLAG:
            break;
        }
    }
}

static void *lay_out(const ElementType *type, const void *self, Layout *measured, void *memory)
{
    Layout layout = { .structs = memory, .texts = (char *)memory + measured->structs_size };

    return place_item(&layout, type, self);
}

void *element_pack(const ElementType *type, const void *self, size_t *size)
{
    Layout measured = { 0 };

    place_item(&measured, type, self);
    *size = measured.structs_size + measured.texts_size;
    return lay_out(type, self, &measured, g_malloc(*size));
}

void *element_copy(const ElementType *type, const void *self, Arena *arena)
{
    Layout measured = { 0 };

    place_item(&measured, type, self);
    return lay_out(type, self, &measured, arena_alloc(arena, measured.structs_size + measured.texts_size));
}
