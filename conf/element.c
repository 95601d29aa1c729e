/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From XML to the typed objects, by the tables of conf/elements: the loop over an element's rows, and what the
 * hooks use. Any thread, no lock. Each row looks for its attribute or child; what no row names is left out, and of
 * children that are there twice the first counts, as libvirt has it. The depth is libxml2's, at most 256. */
#include "conf/element.h"

#include <stdarg.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/element-private.h"
#include "conf/scalar.h"
#include "conf/xml.h"

/* --- rows ------------------------------------------------------------------------------------ */

static bool condition_holds(const ElementCondition *condition, const void *self, unsigned key)
{
    const void *at = row_at(self, condition->offset);
    unsigned value = 0;

    switch ((ConditionKind)condition->kind) {
    case CONDITION_KEY:
        value = key;
        break;
    case CONDITION_BYTE:
        value = *(const uint8_t *)at;
        break;
    case CONDITION_POINTER:
        value = *(void *const *)at != NULL;
        break;
    case CONDITION_COUNT:
        value = *(const unsigned *)at != 0;
        break;
    case CONDITION_HAS:
        value = *(const bool *)at;
        break;
    }
    if (condition->mask)
        return (value < 64 && (condition->mask >> value & 1)) != condition->negate;
    return (value != 0) != condition->negate;
}

bool element_row_holds(const ElementRow *row, const void *self, unsigned key)
{
    for (unsigned i = 0; i < row->n_conditions; i++)
        if (!condition_holds(&row->conditions[i], self, key))
            return false;
    return true;
}

unsigned element_row_key(const ElementRow *row, const void *self, unsigned key)
{
    switch ((RowKey)row->key) {
    case KEY_SAME:
        return key;
    case KEY_MEMBER:
        return ROW_AT(self, row->key_offset, const uint8_t);
    case KEY_NONE:
        break;
    }
    return 0;
}

const char *element_word(const ElementWords *words, unsigned value)
{
    return value <= words->n ? words->words[value] : NULL;
}

int element_value(const ElementWords *words, const char *word)
{
    for (int i = 1; i <= words->n; i++)
        if (strcmp(words->words[i], word) == 0)
            return i;
    for (int i = 0; i < words->n_absent; i++)
        if (strcmp(words->absent[i], word) == 0)
            return 0;
    return -1;
}

/* --- for hooks ------------------------------------------------------------------------------- */

/* "disk[2]", or "disk" where it is the only one. */
static void put_step(GString *path, const xmlNode *node)
{
    unsigned before = 0, behind = 0;

    for (const xmlNode *other = node->prev; other; other = other->prev)
        before += other->type == XML_ELEMENT_NODE && strcmp((const char *)other->name, (const char *)node->name) == 0;
    for (const xmlNode *other = node->next; other && !before && !behind; other = other->next)
        behind += other->type == XML_ELEMENT_NODE && strcmp((const char *)other->name, (const char *)node->name) == 0;
    g_string_append(path, (const char *)node->name);
    if (before || behind)
        g_string_append_printf(path, "[%u]", before + 1);
}

static void put_path(GString *path, const ElementPlace *place)
{
    if (!place)
        return;
    put_path(path, place->above);
    if (place->above && place->above->node == place->node)
        return;    /* a splice */
    if (path->len)
        g_string_append_c(path, '/');
    put_step(path, place->node);
}

int element_fail(ElementParse *parse, int code, const char *format, ...)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int domain = code == VIR_ERR_XML_ERROR ? VIR_FROM_XML : VIR_FROM_DOMAIN;
    va_list arguments;

    put_path(text, parse->place);
    if (text->len)
        g_string_append(text, ": ");
    va_start(arguments, format);
    g_string_append_vprintf(text, format, arguments);
    va_end(arguments);
    return error_set(parse->error, domain, code, "%s", text->str);
}

void *element_above(const ElementParse *parse, unsigned levels)
{
    const ElementPlace *place = parse->place;

    while (place && levels-- > 0)
        place = place->above;
    return place ? place->self : NULL;
}

const xmlNode *element_node(const ElementParse *parse)
{
    return parse->place ? parse->place->node : NULL;
}

int element_refuse_several(ElementParse *parse, const char *name, int code)
{
    unsigned n = xml_count(element_node(parse), name);

    return n > 1 ? element_fail(parse, code, _("There are %u <%s>, there may be one"), n, name) : 0;
}

int element_scaled(ElementParse *parse, const char *value, const char *unit, uint64_t unit_bytes, uint64_t *bytes)
{
    Error found = ERROR_INIT;
    int rc = scalar_parse_scaled(value, unit, unit_bytes, UINT64_MAX, (const char *)element_node(parse)->name, bytes,
                                 &found);

    if (rc < 0)
        element_fail(parse, found.code, "%s", found.detail ? found.detail : found.message);
    error_clear(&found);
    return rc;
}

unsigned element_list_room(unsigned n)
{
    unsigned room = 1;

    if (n == 0)
        return 0;
    while (room < n)
        room *= 2;
    return room;
}

void element_list_insert(Arena *arena, void ***items, unsigned *n, unsigned at, void *item)
{
    g_assert(at <= *n);
    if (*n == element_list_room(*n)) {
        void **more = arena_array(arena, element_list_room(*n + 1), sizeof *more);

        if (*n)
            memcpy(more, *items, *n * sizeof *more);
        *items = more;
    }
    memmove(*items + at + 1, *items + at, (*n - at) * sizeof **items);
    (*items)[at] = item;
    ++*n;
}

void element_list_add(Arena *arena, void ***items, unsigned *n, void *item)
{
    element_list_insert(arena, items, n, *n, item);
}

void element_list_remove(void **items, unsigned *n, unsigned at)
{
    g_assert(at < *n);
    memmove(items + at, items + at + 1, (*n - at - 1) * sizeof *items);
    --*n;
}

/* --- what an element holds ------------------------------------------------------------------- */

typedef struct Named {
    uint64_t prefix;    /* of the name */
    union {
        xmlNode *node;
        const xmlAttr *attribute;
    };
} Named;

/* Attributes and child elements in document order, gathered once, so that a row finds its own by comparing numbers.
 * Of attributes the namespace doesn't count, as libvirt has it.
 * A splice shares those of its element. */
typedef struct ElementContent {
    Named *attributes, *children;
    unsigned n_attributes, n_children;
} ElementContent;

static void gather(const xmlNode *node, ElementContent *content, Arena *arena)
{
    unsigned n_attributes = 0, n_children = 0;

    for (const xmlAttr *at = node->properties; at; at = at->next)
        n_attributes++;
    for (const xmlNode *child = node->children; child; child = child->next)
        n_children += child->type == XML_ELEMENT_NODE;
    *content = (ElementContent){ .attributes = arena_array(arena, n_attributes + n_children, sizeof(Named)) };
    content->children = content->attributes + n_attributes;
    for (const xmlAttr *at = node->properties; at; at = at->next)
        content->attributes[content->n_attributes++] = (Named){ element_prefix((const char *)at->name), { .attribute = at } };
    for (xmlNode *child = node->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE)
            content->children[content->n_children++] = (Named){ element_prefix((const char *)child->name), { .node = child } };
}

static bool is_called(const Named *named, const ElementRow *row, const xmlChar *name)
{
    return named->prefix == row->prefix && (!(row->prefix >> 56) || strcmp((const char *)name, row->name) == 0);
}

static bool is_named(const Named *child, const ElementRow *row)
{
    const xmlNode *node = child->node;

    if (row->place == ROW_LIST && row->words)
        return !node->ns && element_value(row->words, (const char *)node->name) > 0;
    if (!is_called(child, row, node->name))
        return false;
    if (row->namespace == 0)
        return node->ns == NULL;
    return node->ns && strcmp((const char *)node->ns->href, element_namespaces[row->namespace - 1].uri) == 0;
}

/* The first child from number `from` on that the row names; NULL when there is none. */
static const Named *find_child(const ElementContent *content, unsigned from, const ElementRow *row)
{
    for (const Named *child = content->children + from; child < content->children + content->n_children; child++)
        if (is_named(child, row))
            return child;
    return NULL;
}

static const Named *next_child(const ElementContent *content, const Named *child, const ElementRow *row)
{
    return find_child(content, (unsigned)(child - content->children) + 1, row);
}

static xmlNode *first_node(const ElementContent *content, const ElementRow *row)
{
    const Named *child = find_child(content, 0, row);

    return child ? child->node : NULL;
}

static const char *attribute_text(const ElementContent *content, const ElementRow *row, Arena *arena)
{
    for (const Named *named = content->attributes; named < content->attributes + content->n_attributes; named++)
        if (is_called(named, row, named->attribute->name))
            return xml_attribute_text(named->attribute, arena);
    return NULL;
}

/* --- parse ----------------------------------------------------------------------------------- */

static bool is_read(const ElementRow *row, const ElementParse *parse)
{
    if (row->namespace && !(parse->namespaces & 1u << (row->namespace - 1)))
        return false;
    return !(row->flags & ROW_IS_UNREAD) && !(row->flags & ROW_IS_LIVE && parse->flags & ELEMENT_INACTIVE);
}

static int refuse_absent(const ElementRow *row, ElementParse *parse)
{
    int code = row->missing ? row->missing : VIR_ERR_XML_ERROR;

    if (row->place == ROW_ATTR)
        return element_fail(parse, code, _("The attribute '%s' is missing"), row->name);
    if (row->place == ROW_TEXT)
        return element_fail(parse, code, _("The element has no text"));
    return element_fail(parse, code, _("<%s> is missing or empty"), row->name);
}

/* A word that means absent isn't written, so what we stored may be without a word that is required. */
static bool may_be_left_out(const ElementRow *row, const ElementParse *parse)
{
    return parse->flags & ELEMENT_STORED && row->kind == KIND_ENUM && row->words->n_absent;
}

/* An attribute, the text, or a child that has only a text. */
static int parse_value(const ElementRow *row, void *self, ElementParse *parse)
{
    const ElementContent *content = parse->place->content;
    const xmlNode *node = parse->place->node;
    const char *text = NULL, *unit = NULL;

    if (row->place == ROW_ATTR) {
        text = attribute_text(content, row, parse->arena);
        if (text && *text == '\0' && row->flags & ROW_IS_NONEMPTY)
            text = NULL;
    } else {
        if (row->place == ROW_LEAF)
            node = first_node(content, row);
        text = xml_text(node, parse->arena);
        if (text && *text == '\0')
            text = NULL;
    }
    if (text && (row->kind == KIND_KIB || row->kind == KIND_BYTES))
        unit = xml_attribute(node, "unit", parse->arena);
    if (text)
        return element_value_parse(row, self, text, unit, parse);
    if (row->flags & ROW_IS_REQUIRED && !may_be_left_out(row, parse))
        return refuse_absent(row, parse);
    element_value_default(row, self);
    return 0;
}

static int parse_list(const ElementRow *row, void *self, unsigned key, ElementParse *parse)
{
    const ElementContent *content = parse->place->content;
    const Named *first = find_child(content, 0, row);
    unsigned n = 0;
    void **items;

    for (const Named *child = first; child; child = next_child(content, child, row))
        n++;
    if (n == 0)
        return 0;
    items = arena_array(parse->arena, element_list_room(n), sizeof *items);
    n = 0;
    for (const Named *child = first; child; child = next_child(content, child, row)) {
        int rc;

        items[n] = arena_zalloc(parse->arena, row->type->size);
        if (row->words)
            ROW_AT(items[n], row->name_offset, uint8_t) =
                (uint8_t)element_value(row->words, (const char *)child->node->name);
        rc = element_parse(row->type, items[n], child->node, key, parse);
        if (rc < 0)
            return -1;
        n += rc == 0;
    }
    ROW_AT(self, row->offset, void **) = items;
    ROW_AT(self, row->more, unsigned) = n;
    return 0;
}

/* Moves the children of the later siblings of that name into the first one; the tree is the parse's own. */
static void merge_siblings(const ElementContent *content, const Named *first, const ElementRow *row)
{
    for (const Named *named = next_child(content, first, row); named; named = next_child(content, named, row)) {
        xmlNode *to = first->node, *other = named->node;

        for (xmlNode *child = other->children; child; child = child->next)
            child->parent = to;
        if (!other->children)
            continue;
        if (to->last)
            to->last->next = other->children;
        else
            to->children = other->children;
        other->children->prev = to->last;
        to->last = other->last;
        other->children = other->last = NULL;
    }
}

static int parse_child(const ElementRow *row, void *self, unsigned key, ElementParse *parse)
{
    const ElementContent *content = parse->place->content;
    const Named *child = find_child(content, 0, row);
    bool *has = row->place == ROW_PART ? row_at(self, row->more) : NULL;
    void *item = row_at(self, row->offset);
    int rc = 0;

    if (!child)
        return row->flags & ROW_IS_REQUIRED ? refuse_absent(row, parse) : 0;
    if (row->flags & ROW_IS_MERGE)
        merge_siblings(content, child, row);
    if (!has)
        item = arena_zalloc(parse->arena, row->type->size);
    else
        *has = true;
    for (; child && rc == 0; child = row->flags & ROW_IS_AGAIN ? next_child(content, child, row) : NULL)
        rc = element_parse(row->type, item, child->node, key, parse);
    if (rc == 0 && !has)
        ROW_AT(self, row->offset, void *) = item;
    if (rc == 1 && has) {
        memset(item, 0, row->type->size);
        *has = false;
    }
    return MIN(rc, 0);
}

typedef int ParsePhase(const ElementType *type, void *self, unsigned key, ElementParse *parse);

/* One phase of an element or splice, with its place open. */
static int parse_inside(ParsePhase *phase, const ElementType *type, void *self, const xmlNode *node,
                        const ElementContent *content, unsigned key, ElementParse *parse)
{
    ElementPlace place = { .above = parse->place, .type = type, .node = node, .self = self, .content = content };
    int rc;

    parse->place = &place;
    rc = phase(type, self, key, parse);
    parse->place = place.above;
    return rc;
}

static int parse_splice(ParsePhase *phase, const ElementRow *row, void *self, unsigned key, ElementParse *parse)
{
    return parse_inside(phase, row->type, row_at(self, row->offset), parse->place->node, parse->place->content,
                        element_row_key(row, self, key), parse);
}

static int parse_row(const ElementRow *row, void *self, unsigned key, ElementParse *parse)
{
    unsigned its_key = element_row_key(row, self, key);
    xmlNode *child;

    switch ((RowPlace)row->place) {
    case ROW_ATTR:
    case ROW_TEXT:
    case ROW_LEAF:
        return parse_value(row, self, parse);
    case ROW_FLAG:
        ROW_AT(self, row->offset, bool) = first_node(parse->place->content, row) != NULL;
        return 0;
    case ROW_RAW:
        child = first_node(parse->place->content, row);
        if (child)
            ROW_AT(self, row->offset, const char *) = xml_foreign_text(child, parse->arena);
        return 0;
    case ROW_CHILD:
    case ROW_PART:
        return parse_child(row, self, its_key, parse);
    case ROW_LIST:
        return parse_list(row, self, its_key, parse);
    case ROW_SPLICE:
        break;
    }
    g_assert_not_reached();
}

/* One pass over the rows that have conditions, or those that have none: the former may ask for any member that the
 * latter fill. `phase` is the one that runs, for splices. */
static int pass(const ElementType *type, void *self, unsigned key, bool conditional, ParsePhase *phase,
                bool attributes, ElementParse *parse)
{
    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++) {
        bool is_attribute = row->place < ROW_LEAF;
        int rc;

        if ((row->n_conditions != 0) != conditional || (row->place != ROW_SPLICE && is_attribute != attributes)
            || !is_read(row, parse) || (conditional && !element_row_holds(row, self, key)))
            continue;
        if (row->place == ROW_SPLICE)
            rc = parse_splice(phase, row, self, key, parse);
        else
            rc = parse_row(row, self, key, parse);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int parse_attributes(const ElementType *type, void *self, unsigned key, ElementParse *parse)
{
    if (type->phases & PHASE_ATTRIBUTES && pass(type, self, key, false, parse_attributes, true, parse) < 0)
        return -1;
    if (type->phases & PHASE_ATTRIBUTES_WHEN && pass(type, self, key, true, parse_attributes, true, parse) < 0)
        return -1;
    return 0;
}

static int parse_children(const ElementType *type, void *self, unsigned key, ElementParse *parse)
{
    if (type->phases & PHASE_CHILDREN && pass(type, self, key, false, parse_children, false, parse) < 0)
        return -1;
    if (type->phases & PHASE_CHILDREN_WHEN && pass(type, self, key, true, parse_children, false, parse) < 0)
        return -1;
    return type->parsed ? type->parsed(self, parse) : 0;
}

/* Of a strict element: a child that no row names. libvirt looks at no namespace here. */
static int refuse_strangers(const ElementType *type, void *self, unsigned key, ElementParse *parse)
{
    const ElementContent *content = parse->place->content;

    for (const Named *child = content->children; child < content->children + content->n_children; child++) {
        unsigned i = 0;

        while (i < type->n_rows && (type->rows[i].place < ROW_LEAF || !is_called(child, &type->rows[i], child->node->name)))
            i++;
        if (i == type->n_rows)
            return element_fail(parse, type->strict, _("<%s> is not known here"),
                                (const char *)child->node->name);
    }
    return 0;
}

int element_parse(const ElementType *type, void *self, const xmlNode *node, unsigned key, ElementParse *parse)
{
    ElementContent content;

    gather(node, &content, parse->arena);
    if (parse_inside(parse_attributes, type, self, node, &content, key, parse) < 0
        || (type->strict && parse_inside(refuse_strangers, type, self, node, &content, key, parse) < 0))
        return -1;
    return parse_inside(parse_children, type, self, node, &content, key, parse);
}
