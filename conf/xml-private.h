/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/xml-parse.c and xml-tree.c share. */
#pragma once

#include <glib.h>
#include <libxml/parser.h>

#include "base/arena.h"

/* A tree that is being built; zero but for the arena at the beginning. */
typedef struct XmlTree {
    Arena *arena;          /* nodes and texts live here, names in the parser's dictionary */
    xmlNode *root;         /* NULL until the first element */
    xmlNode *text;         /* the node whose text may still get longer; NULL: none */
    GString *pending;      /* its text so far */
} XmlTree;

/* Called for what the parser meets, in order. `attributes`: five pointers each, as libxml2's SAX2 has them. */
void xml_tree_start(XmlTree *tree, xmlParserCtxt *parser, const xmlChar *name, const xmlChar *prefix, int n_namespaces,
                    const xmlChar **namespaces, int n_attributes, const xmlChar **attributes);
void xml_tree_end(XmlTree *tree, xmlParserCtxt *parser);
/* `type`: text, CDATA section or comment. */
void xml_tree_text(XmlTree *tree, xmlParserCtxt *parser, xmlElementType type, const xmlChar *text, int size);
void xml_tree_instruction(XmlTree *tree, xmlParserCtxt *parser, const xmlChar *target, const xmlChar *text);
/* After the last call, also when the document is broken. */
void xml_tree_finish(XmlTree *tree);
