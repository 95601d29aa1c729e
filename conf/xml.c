/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxml2's trees as drover uses them: look and write.
 * Any thread, no lock. Nothing here knows what the elements mean. */
#include "conf/xml.h"

#include <string.h>

#include "base/auto.h"

/* --- look ----------------------------------------------------------------------------------- */

xmlNode *xml_element(xmlNode *node)
{
    while (node && (node->type != XML_ELEMENT_NODE || node->ns))
        node = node->next;
    return node;
}

xmlNode *xml_child(const xmlNode *node, const char *name)
{
    if (!node)
        return NULL;
    for (xmlNode *child = xml_element(node->children); child; child = xml_element(child->next))
        if (xml_is(child, name))
            return child;
    return NULL;
}

unsigned xml_count(const xmlNode *node, const char *name)
{
    unsigned n = 0;

    for (const xmlNode *child = xml_element(node->children); child; child = xml_element(child->next))
        n += xml_is(child, name);
    return n;
}

static bool is_text(const xmlNode *node)
{
    return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}

static void gather_text(const xmlNode *node, GString *out)
{
    for (; node; node = node->next)
        if (is_text(node))
            g_string_append(out, (const char *)node->content);
        else if (node->type == XML_ELEMENT_NODE)
            gather_text(node->children, out);
}

/* The text of a list of siblings, without a copy when it is in one piece. */
static const char *text_of(const xmlNode *first, Arena *arena)
{
    g_autoptr(GString) text = NULL;

    if (!first)
        return "";
    if (!first->next && is_text(first))
        return first->content ? (const char *)first->content : "";
    text = g_string_new(NULL);
    gather_text(first, text);
    return arena_strdup(arena, text->str);
}

const char *xml_text(const xmlNode *node, Arena *arena)
{
    return node ? text_of(node->children, arena) : NULL;
}

const char *xml_attribute(const xmlNode *node, const char *name, Arena *arena)
{
    if (!node)
        return NULL;
    for (const xmlAttr *at = node->properties; at; at = at->next)
        if (strcmp((const char *)at->name, name) == 0)
            return text_of(at->children, arena);
    return NULL;
}

const char *xml_attribute_text(const xmlAttr *attribute, Arena *arena)
{
    return text_of(attribute->children, arena);
}

/* --- write ---------------------------------------------------------------------------------- */

static inline void put_string(GString *out, const char *text)
{
    xml_put(out, text, strlen(text));
}

enum { ANYWHERE = 1, IN_ATTRIBUTE };

/* Which characters are written as references, and where. */
static const uint8_t special[256] = {
    ['\0'] = ANYWHERE, ['&'] = ANYWHERE, ['<'] = ANYWHERE, ['>'] = ANYWHERE, ['\''] = ANYWHERE, ['"'] = ANYWHERE,
    ['\r'] = ANYWHERE,    /* bare, a parser would read a line feed */
    ['\n'] = IN_ATTRIBUTE, ['\t'] = IN_ATTRIBUTE,    /* bare, a parser would read a space */
};

static const char *reference_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\'':
        return "&apos;";
    case '"':
        return "&quot;";
    case '\r':
        return "&#13;";
    case '\n':
        return "&#10;";
    case '\t':
        return "&#9;";
    }
    g_assert_not_reached();
}

static void put_escaped(GString *out, const char *text, uint8_t where)
{
    for (;;) {
        const char *start = text;

        while (special[(uint8_t)*text] == 0 || special[(uint8_t)*text] > where)
            text++;
        xml_put(out, start, (size_t)(text - start));
        if (*text == '\0')
            return;
        put_string(out, reference_of(*text++));
    }
}

void xml_put_escaped(GString *out, const char *text)
{
    put_escaped(out, text, ANYWHERE);
}

void xml_put_attribute_text(GString *out, const char *value)
{
    put_escaped(out, value, IN_ATTRIBUTE);
}

void xml_put_attribute(GString *out, const char *name, const char *value)
{
    if (!value)
        return;
    xml_put(out, " ", 1);
    put_string(out, name);
    put_string(out, "='");
    put_escaped(out, value, IN_ATTRIBUTE);
    xml_put(out, "'", 1);
}

void xml_put_indent(GString *out, unsigned depth)
{
    static const char spaces[] = "                                ";

    for (size_t n = 2 * (size_t)depth; n > 0;) {
        size_t some = MIN(n, sizeof spaces - 1);

        xml_put(out, spaces, some);
        n -= some;
    }
}

/* --- what belongs to others -------------------------------------------------------------------- */

/* Only children with a namespace, and of each namespace the first, as clients store them. */
static void strip_metadata(xmlNode *metadata)
{
    xmlNode *next;

    for (xmlNode *child = metadata->children; child; child = next) {
        bool kept = child->type == XML_ELEMENT_NODE && child->ns;

        next = child->next;
        for (xmlNode *before = child->prev; kept && before; before = before->prev)
            kept = !xmlStrEqual(before->ns->href, child->ns->href);
        if (!kept) {
            xmlUnlinkNode(child);
            xmlFreeNode(child);
        }
    }
}

/* libxml2 writes the names of namespaces as they are, which is no XML when there is an '&' in one: they are
 * escaped beforehand, in a tree that is only written. */
static void escape_namespaces(xmlNode *node)
{
    for (; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        for (xmlNs *ns = node->nsDef; ns; ns = ns->next) {
            g_autoptr(GString) escaped = NULL;

            if (!ns->href || !strpbrk((const char *)ns->href, "&<\r\n\t"))
                continue;
            escaped = g_string_new(NULL);
            xml_put_attribute(escaped, "", (const char *)ns->href);
            /* Without the " ='" before it and the "'" behind it. */
            xmlFree((xmlChar *)ns->href);
            ns->href = xmlStrndup((const xmlChar *)escaped->str + 3, (int)escaped->len - 4);
        }
        escape_namespaces(node->children);
    }
}

const char *xml_node_text(xmlNode *node, unsigned depth, Arena *arena)
{
    g_autoptr(xmlBuffer) text = xmlBufferCreate();

    if (!text)
        g_error("out of memory for the elements of an application");
    escape_namespaces(node);
    xmlNodeDump(text, node->doc, node, (int)depth, 1);
    return arena_strdup(arena, (const char *)xmlBufferContent(text));
}

const char *xml_foreign_text(const xmlNode *node, Arena *arena)
{
    /* A copy declares the namespaces that it uses from further up. */
    xmlNode *copy = xmlDocCopyNode((xmlNode *)node, node->doc, 1);
    const char *kept;

    if (!copy)
        g_error("out of memory for the elements of an application");
    strip_metadata(copy);
    kept = xml_node_text(copy, 1, arena);
    xmlFreeNode(copy);
    return kept;
}

const char *xml_foreign_deeper(const char *text, unsigned depth, Arena *arena)
{
    Error error = ERROR_INIT;
    g_autoptr(xmlDoc) doc = xml_parse_own(text, strlen(text), UINT32_C(1) << 29, "metadata", VIR_FROM_XML, &error);

    g_assert(doc);    /* we wrote it */
    g_clear_pointer((xmlChar **)&doc->encoding, xmlFree);
    return xml_node_text(xmlDocGetRootElement(doc), depth, arena);
}
