/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The changes, by the tables of conf/elements: a walk pairs each XML element with the table that it is read by, then a
 * place and what happens there are drawn by lot. libxml2 makes sure that what comes out is well-formed; whether it is
 * a good document is not looked at. One thread, no lock. */
#include "tests/fuzz/mutate.h"

#include <string.h>

#include "conf/xml.h"

#define GROWN_DEPTH 3    /* levels of an element that is made from nothing */

/* --- lots ------------------------------------------------------------------------------------ */

static unsigned draw(Mutation *mutation, unsigned below)
{
    mutation->random = mutation->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(mutation->random >> 33) % below;
}

/* --- places ---------------------------------------------------------------------------------- */

typedef struct Spot {
    xmlNode *node;
    const ElementType *type;    /* NULL: the tables don't know it */
} Spot;

/* The rows of an element, those of its splices included. */
static void list_rows(const ElementType *type, GPtrArray *rows)
{
    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++)
        if (row->place == ROW_SPLICE)
            list_rows(row->type, rows);
        else if (row->name)
            g_ptr_array_add(rows, (void *)row);
}

static bool row_is_called(const ElementRow *row, const char *name)
{
    if (row->place == ROW_LIST && row->words)
        return element_value(row->words, name) > 0;
    return strcmp(row->name, name) == 0;
}

/* The table of a child; one of them when conditions tell which. */
static const ElementType *child_type(Mutation *mutation, const ElementType *type, const char *name)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    const ElementType *found = NULL;
    unsigned n = 0;

    if (!type)
        return NULL;
    list_rows(type, rows);
    for (unsigned i = 0; i < rows->len; i++) {
        const ElementRow *row = rows->pdata[i];

        if (row->type && row_is_called(row, name) && draw(mutation, ++n) == 0)
            found = row->type;
    }
    return found;
}

static void list_spots(Mutation *mutation, xmlNode *node, const ElementType *type, GArray *spots)
{
    Spot spot = { node, type };

    g_array_append_val(spots, spot);
    for (xmlNode *child = node->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE)
            list_spots(mutation, child, child_type(mutation, type, (const char *)child->name), spots);
}

static GArray *spots_of(Mutation *mutation, xmlDoc *doc)
{
    GArray *spots = g_array_new(FALSE, FALSE, sizeof(Spot));

    list_spots(mutation, xmlDocGetRootElement(doc), mutation->type, spots);
    return spots;
}

static const Spot *draw_spot(Mutation *mutation, const GArray *spots)
{
    return &g_array_index(spots, Spot, draw(mutation, spots->len));
}

/* --- values ---------------------------------------------------------------------------------- */

static const char *draw_number(Mutation *mutation)
{
    static const char *const numbers[] = {
        "0", "1", "2", "3", "4", "7", "8", "15", "16", "31", "32", "63", "64", "100", "127", "128", "255", "256", "511",
        "512", "1000", "1024", "4094", "4095", "4096", "16383", "16384", "32767", "65535", "65536", "524288", "1048576",
        "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
        "18446744073709551615", "18446744073709551616", "-1", "-2147483648", "-9223372036854775808", "+1", " 1", "1 ",
        "0x0", "0x1f", "0xffff", "0xffffffff", "0777", "08", "1.5", "", "x",
    };

    return numbers[draw(mutation, draw(mutation, 3) ? 8 : G_N_ELEMENTS(numbers))];
}

static const char *draw_text(Mutation *mutation)
{
    static const char *const texts[] = {
        "a", "b", "vda", "vdb", "sda", "sdb", "hda", "hdc", "fda", "xvda", "sdaaaa", "eth0", "br0", "vnet0", "default",
        "/dev/null", "/a/b", "/", ".", "..", "ua-a", "ua-b", "net0", "127.0.0.1", "::1", "::", "10.0.0.0", "0.0.0.0",
        "2001:db8::1", "all", "auto", "*", "", " ", "\n", "\t", "\r", "'", "\"", "<", "&", "]]>", "--", "\xc3\xa9",
        "\xe2\x82\xac", "a b", "a/b", "a,b", "a=b", "a:b", "-", "%s", "%n", "0123456789abcdef", "pc", "q35", "hvm",
        "5c8f6f7e-3b0a-4c59-8f8c-0d4b0a3d7e11", "5000c500a0000000", "0-3", "iqn.2000-01.com.example:a/1",
        "system_u:object_r:svirt_image_t:s0", "2030-01-01T00:00:00", "x86_64", "i686", "yes", "no", "on", "off",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    };

    return texts[draw(mutation, G_N_ELEMENTS(texts))];
}

static const char *draw_set(Mutation *mutation)
{
    static const char *const sets[] = { "0", "0-1", "1", "2-3", "0-3,^2", "1,3,5", "0-16383", "16383", "1,^1", "3-1",
                                        "^1", "", "0,", "16384", "0-1,1-2", " 0 - 1 , 3 " };

    return sets[draw(mutation, G_N_ELEMENTS(sets))];
}

static const char *draw_word(Mutation *mutation, const ElementWords *words)
{
    unsigned at = draw(mutation, words->n + words->n_absent);

    return at < words->n ? words->words[at + 1] : words->absent[at - words->n];
}

/* A value that the row may take, mostly. */
static const char *draw_value(Mutation *mutation, const ElementRow *row)
{
    static const char *const tristates[] = { "yes", "no", "on", "off" };

    if (draw(mutation, 16) == 0)
        return draw(mutation, 2) ? draw_text(mutation) : draw_number(mutation);
    switch ((RowKind)row->kind) {
    case KIND_ENUM:
        return draw_word(mutation, row->words);
    case KIND_YESNO:
    case KIND_ONOFF:
        return tristates[draw(mutation, 2) + (row->kind == KIND_ONOFF ? 2 : 0)];
    case KIND_CPUSET:
        return draw_set(mutation);
    case KIND_UUID:
        return draw(mutation, 2) ? "5c8f6f7e-3b0a-4c59-8f8c-0d4b0a3d7e11" : "00000000-0000-0000-0000-000000000000";
    case KIND_MAC:
        return draw(mutation, 2) ? "52:54:00:00:00:01" : "ff:ff:ff:ff:ff:ff";
    case KIND_STRING:
    case KIND_NONE:
        return draw(mutation, 4) ? draw_text(mutation) : draw_number(mutation);
    default:
        return draw_number(mutation);
    }
}

/* Of an attribute or text somewhere in the document: things that name each other. */
static void copy_value(Mutation *mutation, const GArray *spots, GString *value)
{
    const xmlNode *node = draw_spot(mutation, spots)->node;
    const xmlNode *from = node->properties && draw(mutation, 4) ? node->properties->children : node->children;

    if (from && from->type == XML_TEXT_NODE)
        g_string_assign(value, (const char *)from->content);
}

/* --- what is made from the tables ------------------------------------------------------------ */

static void put_text(xmlNode *node, const char *text)
{
    xmlNode *content = xmlNewText((const xmlChar *)text);

    if (node->children)
        xmlAddPrevSibling(node->children, content);
    else
        xmlAddChild(node, content);
}

static xmlNs *namespace_of(Mutation *mutation, const ElementRow *row)
{
    const ElementNamespace *known = &element_namespaces[row->namespace - 1];
    xmlNode *root = xmlDocGetRootElement(mutation->doc);
    xmlNs *ns = xmlSearchNsByHref(mutation->doc, root, (const xmlChar *)known->uri);

    return ns ? ns : xmlNewNs(root, (const xmlChar *)known->uri, (const xmlChar *)known->prefix);
}

static void grow(Mutation *mutation, xmlNode *node, const ElementType *type, unsigned depth);

/* What the row stands for, put into the element. */
static void put_row(Mutation *mutation, xmlNode *node, const ElementRow *row, unsigned depth)
{
    const char *name = row->place == ROW_LIST && row->words ? draw_word(mutation, row->words) : row->name;
    xmlNode *child;

    if (row->place == ROW_ATTR) {
        xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)draw_value(mutation, row));
        return;
    }
    if (row->place == ROW_TEXT) {
        put_text(node, draw_value(mutation, row));
        return;
    }
    child = xmlAddChild(node, xmlNewDocNode(mutation->doc, NULL, (const xmlChar *)name, NULL));
    if (row->namespace)
        xmlSetNs(child, namespace_of(mutation, row));
    if (row->place == ROW_LEAF)
        put_text(child, draw_value(mutation, row));
    else if (row->type)
        grow(mutation, child, row->type, depth);
}

/* What the element can't be without, and some of the rest. */
static void grow(Mutation *mutation, xmlNode *node, const ElementType *type, unsigned depth)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();

    list_rows(type, rows);
    for (unsigned i = 0; i < rows->len; i++) {
        const ElementRow *row = rows->pdata[i];
        bool needed = row->flags & ROW_IS_REQUIRED;
        unsigned odds = row->place < ROW_FLAG ? 3 : 6;

        if ((needed || draw(mutation, odds) == 0) && (depth > 0 || row->place < ROW_FLAG))
            put_row(mutation, node, row, depth > 0 ? depth - 1 : 0);
    }
}

/* --- the changes ----------------------------------------------------------------------------- */

typedef void Change(Mutation *mutation, const GArray *spots, const Spot *spot);

static void add(Mutation *mutation, const GArray *spots, const Spot *spot)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();

    if (!spot->type)
        return;
    list_rows(spot->type, rows);
    if (rows->len)
        put_row(mutation, spot->node, rows->pdata[draw(mutation, rows->len)], draw(mutation, GROWN_DEPTH));
}

static void change_attribute(Mutation *mutation, const GArray *spots, const Spot *spot)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    unsigned n = 0;
    xmlAttr *chosen = NULL;

    for (xmlAttr *at = spot->node->properties; at; at = at->next)
        if (draw(mutation, ++n) == 0)
            chosen = at;
    if (!chosen)
        return;
    if (draw(mutation, 4) == 0) {
        xmlRemoveProp(chosen);
        return;
    }
    if (spot->type)
        list_rows(spot->type, rows);
    for (unsigned i = 0; i < rows->len; i++) {
        const ElementRow *row = rows->pdata[i];

        if (row->place == ROW_ATTR && strcmp(row->name, (const char *)chosen->name) == 0) {
            xmlSetProp(spot->node, chosen->name, (const xmlChar *)draw_value(mutation, row));
            return;
        }
    }
    xmlSetProp(spot->node, chosen->name, (const xmlChar *)draw_number(mutation));
}

static void change_text(Mutation *mutation, const GArray *spots, const Spot *spot)
{
    xmlNode *text = spot->node->children;

    if (!text || text->type != XML_TEXT_NODE)
        return;
    xmlUnlinkNode(text);
    xmlFreeNode(text);
    put_text(spot->node, draw(mutation, 2) ? draw_text(mutation) : draw_number(mutation));
}

static void borrow_value(Mutation *mutation, const GArray *spots, const Spot *spot)
{
    g_autoptr(GString) value = g_string_new(NULL);

    copy_value(mutation, spots, value);
    if (spot->node->properties)
        xmlSetProp(spot->node, spot->node->properties->name, (const xmlChar *)value->str);
    else if (!spot->node->children)
        put_text(spot->node, value->str);
}

static void take_out(Mutation *mutation, const GArray *spots, const Spot *spot)
{
    if (spot->node->parent->type != XML_ELEMENT_NODE)
        return;
    xmlUnlinkNode(spot->node);
    xmlFreeNode(spot->node);
}

static void duplicate(Mutation *mutation, const GArray *spots, const Spot *spot)
{
    xmlNode *copy;

    if (spot->node->parent->type != XML_ELEMENT_NODE)
        return;
    copy = xmlCopyNode(spot->node, 1);
    if (draw(mutation, 2))
        xmlAddNextSibling(spot->node, copy);
    else
        xmlAddChild(spot->node->parent, copy);
}

static void copy_elsewhere(Mutation *mutation, const GArray *spots, const Spot *spot)
{
    const Spot *to = draw_spot(mutation, spots);

    if (spot->node->parent->type == XML_ELEMENT_NODE)
        xmlAddChild(to->node, xmlCopyNode(spot->node, 1));
}

static void put_first(Mutation *mutation, const GArray *spots, const Spot *spot)
{
    xmlNode *first = spot->node->parent->children;

    if (spot->node->parent->type == XML_ELEMENT_NODE && first != spot->node) {
        xmlUnlinkNode(spot->node);
        xmlAddPrevSibling(first, spot->node);
    }
}

static void add_odd_node(Mutation *mutation, const GArray *spots, const Spot *spot)
{
    const xmlChar *text = (const xmlChar *)draw_text(mutation);
    xmlNode *odd = draw(mutation, 2) ? xmlNewCDataBlock(mutation->doc, text, xmlStrlen(text))
                                     : xmlNewComment((const xmlChar *)" a ");

    xmlAddChild(spot->node, odd);
}

void mutate_tree(Mutation *mutation)
{
    static Change *const changes[] = {
        add, add, add, add, change_attribute, change_attribute, change_attribute, change_text, borrow_value, take_out,
        duplicate, copy_elsewhere, put_first, add_odd_node,
    };
    g_autoptr(GArray) spots = spots_of(mutation, mutation->doc);

    changes[draw(mutation, G_N_ELEMENTS(changes))](mutation, spots, draw_spot(mutation, spots));
}

void mutate_cross(Mutation *mutation, xmlDoc *other)
{
    g_autoptr(GArray) mine = spots_of(mutation, mutation->doc);
    g_autoptr(GArray) theirs = spots_of(mutation, other);
    const xmlNode *taken = draw_spot(mutation, theirs)->node;
    unsigned start = draw(mutation, mine->len);

    if (taken->parent->type != XML_ELEMENT_NODE)
        return;
    for (unsigned i = 0; i < mine->len; i++) {
        xmlNode *to = g_array_index(mine, Spot, (start + i) % mine->len).node;

        if (xmlStrEqual(to->name, taken->parent->name)) {
            xmlAddChild(to, xmlDocCopyNode((xmlNode *)taken, mutation->doc, 1));
            return;
        }
    }
}
