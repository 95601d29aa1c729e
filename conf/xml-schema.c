/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents against a RelaxNG schema.
 * Any thread that may wait for a disk. A schema is read once and then only read: each check has a context of its
 * own. No lock: of two threads that load it at once one throws its copy away. */
#include "conf/xml.h"

#include <pthread.h>

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/xmlschemastypes.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "base/lock.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlRelaxNGParserCtxt, xmlRelaxNGFreeParserCtxt)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlRelaxNGValidCtxt, xmlRelaxNGFreeValidCtxt)

typedef struct Finding {
    char *message;    /* of the first error */
    int line;
} Finding;

static void note(Finding *finding, const xmlError *found)
{
    if (finding->message)
        return;
    finding->message = g_strchomp(g_strdup(found->message ? found->message : ""));
    finding->line = found->line;
}

static void note_error(void *data, const xmlError *found)
{
    note(data, found);
}

static void note_parser_error(void *data, const xmlError *found)
{
    xmlParserCtxt *parser = data;

    note(parser->_private, found);
}

/* libxml2 would make these tables at first use, without regard to other threads. */
static void start_types(void)
{
    xmlInitParser();
    xmlSchemaInitTypes();
    xmlRelaxNGInitTypes();
}

/* The schema's own file; those that it includes are read by libxml2 alone. */
static xmlDoc *load_file(const char *path, Finding *finding)
{
    g_autoptr(xmlParserCtxt) parser = xmlNewParserCtxt();

    if (!parser)
        g_error("out of memory for an XML parser");
    parser->_private = finding;
    parser->sax->serror = (xmlStructuredErrorFunc)note_parser_error;
    return xmlCtxtReadFile(parser, path, NULL, XML_PARSE_NONET);
}

static xmlRelaxNG *load(const char *path, Error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    g_autoptr(xmlRelaxNGParserCtxt) parser = NULL;
    g_autoptr(xmlDoc) doc = NULL;
    xmlRelaxNG *schema = NULL;
    Finding finding = { 0 };

    lock_assert_none();
    pthread_once(&once, start_types);
    doc = load_file(path, &finding);
    if (doc) {
        parser = xmlRelaxNGNewDocParserCtxt(doc);
        if (!parser)
            g_error("out of memory for an XML schema");
        xmlRelaxNGSetParserStructuredErrors(parser, (xmlStructuredErrorFunc)note_error, &finding);
        schema = xmlRelaxNGParse(parser);
    }
    if (!schema)
        error_set(error, VIR_FROM_XML, VIR_ERR_INTERNAL_ERROR, _("cannot load the schema '%s': %s"), path,
                  finding.message ? finding.message : _("it is not a RelaxNG schema"));
    g_free(finding.message);
    return schema;
}

int xml_validate(xmlDoc *doc, const char *path, void **cache, Error *error)
{
    g_autoptr(xmlRelaxNGValidCtxt) valid = NULL;
    xmlRelaxNG *schema = g_atomic_pointer_get(cache);
    Finding finding = { 0 };
    int rc;

    if (!schema) {
        schema = load(path, error);
        if (!schema)
            return -1;
        if (!g_atomic_pointer_compare_and_exchange(cache, NULL, schema)) {
            xmlRelaxNGFree(schema);
            schema = g_atomic_pointer_get(cache);
        }
    }
    valid = xmlRelaxNGNewValidCtxt(schema);
    if (!valid)
        g_error("out of memory for an XML schema");
    xmlRelaxNGSetValidStructuredErrors(valid, (xmlStructuredErrorFunc)note_error, &finding);
    rc = xmlRelaxNGValidateDoc(valid, doc);
    if (rc != 0)
        error_set(error, VIR_FROM_XML, VIR_ERR_XML_INVALID_SCHEMA, _("the document breaks the schema '%s' at line %d: %s"),
                  path, finding.line, finding.message ? finding.message : _("no details are known"));
    g_free(finding.message);
    return rc == 0 ? 0 : -1;
}
