/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From text to a tree, with libxml2's parser: into its own tree, or into one that lies in an arena (xml-tree.c).
 * Any thread; errors are collected per parser and never through libxml2's global handlers. The parser stops
 * at the declaration of an entity and at too many nodes, so that a document can't be much larger in memory than its
 * text, nor take much longer than other texts of its size. Takes no lock. */
#include <pthread.h>
#include <string.h>

#include <libxml/SAX2.h>
#include <libxml/parser.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "conf/xml-private.h"
#include "conf/xml.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)

/* What a parser found, and what it builds; reached through its _private member. */
typedef struct Findings {
    XmlTree *tree;    /* NULL: libxml2 builds its own */
    char *message;    /* of the first error; owned */
    int line;
    const char *declared;    /* what may not be; NULL: nothing */
    bool own;                /* what we wrote ourselves */
    bool too_many;
    size_t nodes;
    unsigned namespaces;
} Findings;

static void note_error(void *data, const xmlError *found)
{
    xmlParserCtxt *parser = data;
    Findings *findings = parser->_private;

    if (found->level < XML_ERR_ERROR || findings->message)
        return;
    findings->message = g_strchomp(g_strdup(found->message ? found->message : ""));
    findings->line = found->line;
}

static void refuse_declaration(xmlParserCtxt *parser, const char *what)
{
    Findings *findings = parser->_private;

    findings->declared = what;
    xmlStopParser(parser);
}

/* A document type alone is harmless: nothing outside is read. With entities a short text could become a long one. */
static void refuse_entity(void *data, const xmlChar *name, int type, const xmlChar *public, const xmlChar *system,
                          xmlChar *content)
{
    refuse_declaration(data, "ENTITY");
}

/* The same with attributes that many elements get. */
static void refuse_attribute(void *data, const xmlChar *element, const xmlChar *name, int type, int kind,
                             const xmlChar *value, xmlEnumeration *words)
{
    xmlFreeEnumeration(words);
    refuse_declaration(data, "ATTLIST");
}

/* Counts elements and attributes, because a short text can make a tree of thirty times its size; and namespaces,
 * because each name with a prefix is looked up in the list of those that are known. */
static void count_element(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_namespaces,
                          const xmlChar **namespaces, int n_attributes, int n_defaulted, const xmlChar **attributes)
{
    xmlParserCtxt *parser = data;
    Findings *findings = parser->_private;
    unsigned times = findings->own ? 2 : 1;

    findings->nodes += 1 + (size_t)n_attributes;
    findings->namespaces += (unsigned)n_namespaces;
    if (findings->nodes > XML_NODES_MAX * times || findings->namespaces > XML_NAMESPACES_MAX * times) {
        findings->too_many = true;
        xmlStopParser(parser);
    } else if (findings->tree) {
        xml_tree_start(findings->tree, parser, name, prefix, n_namespaces, namespaces, n_attributes, attributes);
    } else {
        xmlSAX2StartElementNs(data, name, prefix, uri, n_namespaces, namespaces, n_attributes, n_defaulted, attributes);
    }
}

static void start_libxml(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, xmlInitParser);
}

static XmlTree *tree_of(void *data)
{
    xmlParserCtxt *parser = data;
    Findings *findings = parser->_private;

    return findings->tree;
}

static void end_element(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    xml_tree_end(tree_of(data), data);
}

static void add_text(void *data, const xmlChar *text, int size)
{
    xml_tree_text(tree_of(data), data, XML_TEXT_NODE, text, size);
}

/* White space between elements; its handler is another one than add_text's, or the parser would not tell them apart. */
static void skip_space(void *data, const xmlChar *text, int size)
{
}

static void add_cdata(void *data, const xmlChar *text, int size)
{
    xml_tree_text(tree_of(data), data, XML_CDATA_SECTION_NODE, text, size);
}

static void add_comment(void *data, const xmlChar *text)
{
    xml_tree_text(tree_of(data), data, XML_COMMENT_NODE, text, (int)strlen((const char *)text));
}

static void add_instruction(void *data, const xmlChar *target, const xmlChar *text)
{
    xml_tree_instruction(tree_of(data), data, target, text);
}

static void build_tree(xmlParserCtxt *parser)
{
    parser->sax->endElementNs = end_element;
    parser->sax->characters = add_text;
    parser->sax->ignorableWhitespace = skip_space;
    parser->sax->cdataBlock = add_cdata;
    parser->sax->comment = add_comment;
    parser->sax->processingInstruction = add_instruction;
}

/* --- tags with too many attributes ------------------------------------------------------------- */

/* libxml2 compares each attribute of a tag with all before it, so that a tag of some megabytes takes minutes, and tells
 * nobody before the tag is complete. A text below this size can't have so many that it matters. */
#define HARMLESS_SIZE (64u << 10)
#define TAG_ATTRIBUTES_MAX 1000
#define OWN_ATTRIBUTES_MAX 16384    /* more than a harmless text can have had */

/* Behind the next `mark`, or `end`. */
static const char *skip_behind(const char *at, const char *end, const char *mark)
{
    const char *found = g_strstr_len(at, end - at, mark);

    return found ? found + strlen(mark) : end;
}

/* Moves behind the tag whose name begins at `at`; false when it has too many attributes. */
static bool skip_tag(const char **at, const char *end, unsigned most)
{
    unsigned n = 0;

    for (const char *c = *at; c < end; c++) {
        if (*c == '>') {
            *at = c;
            return true;
        }
        if (*c != '\'' && *c != '"')
            continue;
        if (++n > most)
            return false;
        c = memchr(c + 1, *c, (size_t)(end - c - 1));
        if (!c)
            break;
    }
    *at = end;
    return true;
}

static bool begins_with(const char *at, const char *end, const char *mark)
{
    return (size_t)(end - at) >= strlen(mark) && memcmp(at, mark, strlen(mark)) == 0;
}

/* Of a text that is no XML it sees no less than the parser until that one stops. */
static bool tags_are_bounded(const char *text, size_t size, unsigned most)
{
    const char *at = text, *end = text + size;

    while (size > HARMLESS_SIZE && at < end && (at = memchr(at, '<', (size_t)(end - at))) != NULL) {
        at++;
        if (begins_with(at, end, "!--"))
            at = skip_behind(at + 3, end, "-->");
        else if (begins_with(at, end, "![CDATA["))
            at = skip_behind(at, end, "]]>");
        else if (begins_with(at, end, "?"))
            at = skip_behind(at, end, "?>");
        else if (!skip_tag(&at, end, most))
            return false;
    }
    return true;
}

/* --- one document ------------------------------------------------------------------------------ */

static int check_text(const char *text, size_t size, size_t limit, bool own, const char *what, int domain, Error *error)
{
    if (size > limit)
        return error_set(error, domain, VIR_ERR_XML_DETAIL, _("(%s): the document has %zu bytes, more than %zu"), what, size,
                         limit);
    if (memchr(text, '\0', size))
        return error_set(error, domain, VIR_ERR_XML_DETAIL, _("(%s): the document contains a NUL character"), what);
    if (!tags_are_bounded(text, size, own ? OWN_ATTRIBUTES_MAX : TAG_ATTRIBUTES_MAX))
        return error_set(error, domain, VIR_ERR_XML_DETAIL, _("(%s): an element has more than %d attributes"), what,
                         own ? OWN_ATTRIBUTES_MAX : TAG_ATTRIBUTES_MAX);
    return 0;
}

static int check_findings(const Findings *findings, bool complete, const char *what, int domain, Error *error)
{
    if (findings->declared)
        return error_set(error, domain, VIR_ERR_XML_DETAIL, _("(%s): the declaration <!%s> is not allowed"), what,
                         findings->declared);
    if (findings->too_many)
        return error_set(error, domain, VIR_ERR_XML_DETAIL,
                         _("(%s): the document has more than %d elements and attributes, or more than %d declarations "
                           "of namespaces"),
                         what, XML_NODES_MAX, XML_NAMESPACES_MAX);
    if (!complete)
        return error_set(error, domain, VIR_ERR_XML_DETAIL, "(%s):%d: %s", what, findings->line,
                         findings->message ? findings->message : _("the document is not well-formed"));
    return 0;
}

/* The document, NULL when it is none; *good says whether it is complete. */
static xmlDoc *run(const char *text, size_t size, Findings *findings, bool *good)
{
    g_autoptr(xmlParserCtxt) parser = NULL;
    xmlDoc *doc;

    start_libxml();
    parser = xmlNewParserCtxt();
    if (!parser)
        g_error("out of memory for an XML parser");
    parser->_private = findings;
    parser->sax->serror = (xmlStructuredErrorFunc)note_error;
    parser->sax->entityDecl = refuse_entity;
    parser->sax->attributeDecl = refuse_attribute;
    parser->sax->startElementNs = count_element;
    if (findings->tree)
        build_tree(parser);
    /* UTF-8 whatever the document says of itself, as libvirt has it, since it came as a string of the protocol.
     * NOENT: an "&amp;" in an attribute becomes '&' at once. There are no other entities: see refuse_entity. */
    doc = xmlCtxtReadMemory(parser, text, (int)size, NULL, "UTF-8",
                            XML_PARSE_NONET | XML_PARSE_NOBLANKS | XML_PARSE_NOENT | XML_PARSE_COMPACT);
    *good = doc && parser->wellFormed;
    return doc;
}

static xmlDoc *parse(const char *text, size_t size, size_t limit, bool own, const char *what, int domain, Error *error)
{
    g_autoptr(xmlDoc) doc = NULL;
    Findings findings = { .own = own };
    bool good;
    int rc;

    if (check_text(text, size, limit, own, what, domain, error) < 0)
        return NULL;
    doc = run(text, size, &findings, &good);
    rc = check_findings(&findings, good && xmlDocGetRootElement(doc), what, domain, error);
    g_free(findings.message);
    return rc < 0 ? NULL : g_steal_pointer(&doc);
}

xmlDoc *xml_parse(const char *text, size_t size, size_t limit, const char *what, int domain, Error *error)
{
    return parse(text, size, limit, false, what, domain, error);
}

xmlDoc *xml_parse_own(const char *text, size_t size, size_t limit, const char *what, int domain, Error *error)
{
    return parse(text, size, limit, true, what, domain, error);
}

xmlNode *xml_parse_in(Arena *arena, xmlDoc **doc, const char *text, size_t size, size_t limit, bool own,
                      const char *what, int domain, Error *error)
{
    XmlTree tree = { .arena = arena };
    Findings findings = { .tree = &tree, .own = own };
    bool good;
    int rc;

    *doc = NULL;
    if (check_text(text, size, limit, own, what, domain, error) < 0)
        return NULL;
    *doc = run(text, size, &findings, &good);
    xml_tree_finish(&tree);
    rc = check_findings(&findings, good && tree.root, what, domain, error);
    g_free(findings.message);
    return rc < 0 ? NULL : tree.root;
}
