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

/* A tree, or NULL and VIR_ERR_XML_DETAIL from `domain` (VIR_FROM_*) with the line. At most `limit` bytes (below
 * 1 GiB) and libxml2's own 256 levels. A document type declaration is refused where it begins: no entity is
 * declared, expanded or fetched. `what` names the document in messages. */
xmlDoc *xml_parse(const char *text, size_t size, size_t limit, const char *what, int domain, Error *error);

/* Checks the tree against the RelaxNG schema at `path`, which is loaded at the first call and kept in `*cache`
 * (atomic, NULL at first, never freed). 0; or -1 and VIR_ERR_INTERNAL_ERROR when the schema can't be read,
 * VIR_ERR_XML_INVALID_SCHEMA with the line when the document is not of it. Reading the schema may wait for a disk. */
int xml_validate(xmlDoc *doc, const char *path, void **cache, Error *error);

/* Next element from `node` on (itself included) that has no namespace; NULL at the end. */
xmlNode *xml_element(xmlNode *node);
/* The first child element of that name, without a namespace; NULL when `node` is NULL or has none. */
xmlNode *xml_child(const xmlNode *node, const char *name);
static inline bool xml_is(const xmlNode *node, const char *name)
{
    return node->name[0] == (xmlChar)name[0] && strcmp((const char *)node->name, name) == 0;
}

/* All text below `node`; "" when it has none, NULL when `node` is NULL. Valid as long as tree and arena. */
const char *xml_text(const xmlNode *node, Arena *arena);
/* The attribute without a namespace; NULL when it isn't there. Valid as long as tree and arena. */
const char *xml_attribute(const xmlNode *node, const char *name, Arena *arena);

/* Text with & < > ' and " replaced; a carriage return becomes a character reference. */
void xml_put_escaped(GString *out, const char *text);
/* " name='value'", nothing when `value` is NULL. */
void xml_put_attribute(GString *out, const char *name, const char *value);
/* Nothing is put once `out` holds more than this: whoever writes what a stranger nested deeply looks at the length. */
#define XML_PUT_LIMIT (16u << 20)

/* The element on lines of its own, `depth` levels deep: two spaces a level, attributes in single quotes and in
 * the given order; text only where an element has no element in it; comments and what has a namespace left out. */
void xml_put_element(GString *out, const xmlNode *node, unsigned depth);
/* As xml_put_element for the element's children alone. True when there was one. */
bool xml_put_children(GString *out, const xmlNode *node, unsigned depth);

/* The order in which libvirt writes the children of an element; ends with a NULL name. */
typedef struct XmlOrder {
    const char *name;
    bool repeated;    /* may be there several times; of others the first counts */
} XmlOrder;

/* The children of `node` that stand in `order`, in that order. True when there was one. */
bool xml_put_ordered(GString *out, const xmlNode *node, unsigned depth, const XmlOrder *order);
