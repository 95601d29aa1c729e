/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxml2's tree in an arena: the same nodes as libxml2's own builder makes, without an allocation for each, which
 * is most of what reading a document costs. Such a tree may be read, copied and written with libxml2's functions;
 * it must not be changed by those that allocate or free, and it isn't reachable from its document.
 * One thread, no lock; runs inside the parser. */
#include <string.h>

#include <libxml/parserInternals.h>

#include "conf/xml-private.h"

static void *new_node(XmlTree *tree, xmlElementType type, xmlParserCtxt *parser)
{
    xmlNode *node = arena_zalloc(tree->arena, sizeof *node);

    node->type = type;
    node->doc = parser->myDoc;
    return node;
}

static void append(xmlNode *parent, xmlNode *node)
{
    node->parent = parent;
    node->prev = parent->last;
    if (parent->last)
        parent->last->next = node;
    else
        parent->children = node;
    parent->last = node;
}

static xmlChar *keep(XmlTree *tree, const xmlChar *text, size_t size)
{
    xmlChar *copy = arena_alloc(tree->arena, size + 1);

    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

/* The text that was put together so far is complete. */
static void end_text(XmlTree *tree)
{
    if (!tree->text)
        return;
    tree->text->content = keep(tree, (const xmlChar *)tree->pending->str, tree->pending->len);
    tree->text = NULL;
}

/* --- elements -------------------------------------------------------------------------------- */

/* `declared`: prefix (NULL: the default) and name of each namespace. */
static void add_namespaces(XmlTree *tree, xmlNode *node, int n, const xmlChar **declared)
{
    xmlNs **place = &node->nsDef;

    for (int i = 0; i < n; i++) {
        xmlNs *ns = arena_zalloc(tree->arena, sizeof *ns);

        ns->type = XML_LOCAL_NAMESPACE;
        ns->prefix = declared[2 * i];
        ns->href = declared[2 * i + 1];
        *place = ns;
        place = &ns->next;
    }
}

/* The value stands between two pointers into the parser's input, with all references replaced. */
static void add_attribute(XmlTree *tree, xmlParserCtxt *parser, xmlNode *node, xmlAttr ***place, const xmlChar **given)
{
    xmlAttr *attribute = arena_zalloc(tree->arena, sizeof *attribute);
    xmlNode *text = new_node(tree, XML_TEXT_NODE, parser);

    attribute->type = XML_ATTRIBUTE_NODE;
    attribute->name = given[0];
    attribute->doc = parser->myDoc;
    attribute->parent = node;
    if (given[1])
        attribute->ns = xmlSearchNs(parser->myDoc, node, given[1]);
    text->name = xmlStringText;
    text->content = keep(tree, given[3], (size_t)(given[4] - given[3]));
    text->parent = (xmlNode *)attribute;
    attribute->children = attribute->last = text;
    **place = attribute;
    *place = &attribute->next;
}

void xml_tree_start(XmlTree *tree, xmlParserCtxt *parser, const xmlChar *name, const xmlChar *prefix, int n_namespaces,
                    const xmlChar **namespaces, int n_attributes, const xmlChar **attributes)
{
    xmlNode *node = new_node(tree, XML_ELEMENT_NODE, parser);
    xmlAttr **place = &node->properties;
    xmlAttr *before = NULL;

    end_text(tree);
    node->name = name;
    node->line = (unsigned short)MIN(parser->input->line, 65535);
    if (parser->node)
        append(parser->node, node);
    else if (!tree->root)
        tree->root = node;
    add_namespaces(tree, node, n_namespaces, namespaces);
    /* Without a prefix it is in the default namespace, if there is one. */
    node->ns = xmlSearchNs(parser->myDoc, node, prefix);
    for (int i = 0; i < n_attributes; i++) {
        xmlAttr **at = place;

        add_attribute(tree, parser, node, &place, attributes + 5 * i);
        (*at)->prev = before;
        before = *at;
    }
    nodePush(parser, node);
}

void xml_tree_end(XmlTree *tree, xmlParserCtxt *parser)
{
    end_text(tree);
    nodePop(parser);
}

/* --- what stands in elements ------------------------------------------------------------------ */

static const xmlChar *name_of(xmlElementType type)
{
    if (type == XML_TEXT_NODE)
        return xmlStringText;
    return type == XML_COMMENT_NODE ? xmlStringComment : NULL;
}

void xml_tree_text(XmlTree *tree, xmlParserCtxt *parser, xmlElementType type, const xmlChar *text, int size)
{
    xmlNode *node;

    if (!parser->node)
        return;    /* beside the root */
    if (tree->text && (type != XML_TEXT_NODE || tree->text != parser->node->last))
        end_text(tree);
    if (tree->text) {
        g_string_append_len(tree->pending, (const char *)text, size);
        return;
    }
    node = new_node(tree, type, parser);
    node->name = name_of(type);
    append(parser->node, node);
    if (type != XML_TEXT_NODE) {
        node->content = keep(tree, text, (size_t)size);
        return;
    }
    /* More may come: the parser gives a long text, and one with references, in pieces. */
    if (!tree->pending)
        tree->pending = g_string_new(NULL);
    g_string_truncate(tree->pending, 0);
    g_string_append_len(tree->pending, (const char *)text, size);
    tree->text = node;
}

void xml_tree_instruction(XmlTree *tree, xmlParserCtxt *parser, const xmlChar *target, const xmlChar *text)
{
    xmlNode *node;

    if (!parser->node)
        return;
    end_text(tree);
    node = new_node(tree, XML_PI_NODE, parser);
    node->name = keep(tree, target, strlen((const char *)target));
    if (text)
        node->content = keep(tree, text, strlen((const char *)text));
    append(parser->node, node);
}

void xml_tree_finish(XmlTree *tree)
{
    end_text(tree);
    if (tree->pending)
        g_string_free(tree->pending, TRUE);
    tree->pending = NULL;
}
