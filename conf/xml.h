/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XML in and out for the documents: a bounded parser, a look at the tree without copies,
 * and a writer in the shape that libvirt gives its documents. No lock, any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <glib.h>
#include <libxml/tree.h>

#include "base/arena.h"
#include "base/error.h"

#define XML_NODES_MAX 400000       /* some 80 MB while parsing; a guest of 65535 named virtual CPUs has 330,000 */
#define XML_NAMESPACES_MAX 256    /* an application has one or two in <metadata> */

/* A tree, or NULL and VIR_ERR_XML_DETAIL from `domain` (VIR_FROM_*) with the line. At most `limit` bytes (below
 * 1 GiB), XML_NODES_MAX elements and attributes, XML_NAMESPACES_MAX declarations of namespaces, 1000 attributes of one
 * element, and libxml2's own 256 levels. The declaration of an entity or attribute is refused where it begins: nothing
 * is expanded or fetched. `what` names the document in messages. */
xmlDoc *xml_parse(const char *text, size_t size, size_t limit, const char *what, int domain, Error *error);

/* The same for a text that we wrote ourselves from what was accepted: it may have a little more of everything than that had,
 * with what was filled in and escaped, so its bounds are wider. */
xmlDoc *xml_parse_own(const char *text, size_t size, size_t limit, const char *what, int domain, Error *error);

/* One of the two (`own`: the second), with the tree in the arena: returns its root, which can be reached from *doc neither way. *doc (the caller's
 * to free, also after an error; NULL is possible) holds the names and must live as long as the tree. Such a tree is
 * for reading; xmlDocCopyNode makes one that can be changed. */
xmlNode *xml_parse_in(Arena *arena, xmlDoc **doc, const char *text, size_t size, size_t limit, bool own,
                      const char *what, int domain, Error *error);

/* Holds the text of a document, which is well-formed, against the RelaxNG schema at `path`. 0; or -1 and
 * VIR_ERR_XML_INVALID_SCHEMA with the line when it is not of it or can't be judged in a few seconds,
 * VIR_ERR_INTERNAL_ERROR when the schema can't be read. Runs a program: waits, and may not be called with a lock. */
int xml_validate(const char *document, size_t size, const char *path, Error *error);

/* Next element from `node` on (itself included) that has no namespace; NULL at the end. */
xmlNode *xml_element(xmlNode *node);
/* The first child element of that name, without a namespace; NULL when `node` is NULL or has none. */
xmlNode *xml_child(const xmlNode *node, const char *name);
/* How many of them there are. */
unsigned xml_count(const xmlNode *node, const char *name);
static inline bool xml_is(const xmlNode *node, const char *name)
{
    return node->name[0] == (xmlChar)name[0] && strcmp((const char *)node->name, name) == 0;
}

/* All text below `node`; "" when it has none, NULL when `node` is NULL. Valid as long as tree and arena. */
const char *xml_text(const xmlNode *node, Arena *arena);
/* The attribute, whatever its namespace; NULL when it isn't there. Valid as long as tree and arena. */
const char *xml_attribute(const xmlNode *node, const char *name, Arena *arena);

/* The value of one attribute. */
const char *xml_attribute_text(const xmlAttr *attribute, Arena *arena);

/* Puts text as it is: g_string_append_len without its checks and calls, since a document is some hundred small pieces. */
static inline void xml_put(GString *out, const char *text, size_t size)
{
    if (G_UNLIKELY(out->len + size >= out->allocated_len)) {
        g_string_append_len(out, text, (gssize)size);
        return;
    }
    memcpy(out->str + out->len, text, size);
    out->len += size;
    out->str[out->len] = '\0';
}

/* Text with & < > ' and " replaced; a carriage return becomes a character reference. */
void xml_put_escaped(GString *out, const char *text);
/* " name='value'", nothing when `value` is NULL. */
void xml_put_attribute(GString *out, const char *name, const char *value);
/* The value of an attribute, escaped, without its quotes. */
void xml_put_attribute_text(GString *out, const char *value);
/* Two spaces a level. */
void xml_put_indent(GString *out, unsigned depth);

/* The element as text, `depth` levels deep, whatever the names of its namespaces. The tree must be one that may be
 * changed, and is only good for being freed afterwards. Lives in the arena. */
const char *xml_node_text(xmlNode *node, unsigned depth, Arena *arena);
/* The element as text, one level deep, with those of its children that have a namespace, and of each namespace the
 * first: what clients keep in <metadata>. Lives in the arena. */
const char *xml_foreign_text(const xmlNode *node, Arena *arena);
/* Such a text for an element `depth` levels deep; lives in the arena. */
const char *xml_foreign_deeper(const char *text, unsigned depth, Arena *arena);
