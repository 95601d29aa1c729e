/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/xml.h promises beyond what the documents' own tests see. */
#include "conf/xml.h"

#include <string.h>

#include "base/auto.h"

static xmlDoc *parse(const char *text)
{
    Error error = ERROR_INIT;
    xmlDoc *doc = xml_parse(text, strlen(text), 1 << 20, "test", VIR_FROM_NONE, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    return doc;
}

static void a_text_longer_than_the_limit_is_refused(void)
{
    Error error = ERROR_INIT;

    g_assert_null(xml_parse("<a/>", 4, 3, "test", VIR_FROM_DOMAIN, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_XML_DETAIL);
    g_assert_cmpint(error.domain, ==, VIR_FROM_DOMAIN);
    error_clear(&error);
}

/* Whether a document is taken that has so many times, behind "<b", a text with the number of the time in it. */
static bool is_taken_with(const char *before, const char *behind, unsigned n)
{
    g_autoptr(GString) text = g_string_new("<a><b");
    g_autoptr(xmlDoc) doc = NULL;
    Error error = ERROR_INIT;

    for (unsigned i = 0; i < n; i++)
        g_string_append_printf(text, "%s%u%s", before, i, behind);
    g_string_append(text, "/></a>");
    doc = xml_parse(text->str, text->len, 4 << 20, "test", VIR_FROM_NONE, &error);
    g_assert_cmpint(error.code, ==, doc ? VIR_ERR_OK : VIR_ERR_XML_DETAIL);
    error_clear(&error);
    return doc != NULL;
}

/* libxml2 would take minutes for the first of these. */
static void an_element_with_too_many_attributes_is_refused(void)
{
    g_assert_false(is_taken_with(" a", "=''", 400000));
    g_assert_false(is_taken_with(" xmlns:a", "='u'", 200000));
    g_assert_true(is_taken_with(" a", "=''", 900));
    g_assert_true(is_taken_with("><!-- ' --><c x='>", "'/><?d '?><![CDATA[ <x ' ' ' ]]></b><b", 3000));
}

static void a_document_with_too_many_namespaces_is_refused(void)
{
    g_assert_false(is_taken_with("><c xmlns='", "'/></b><b", 1001));
    g_assert_true(is_taken_with("><c xmlns='", "'/></b><b", 999));
}

static void declarations_that_multiply_are_refused(void)
{
    static const char *const documents[] = {
        "<!DOCTYPE a [<!ENTITY e 'x'>]><a/>", "<!DOCTYPE a [<!ATTLIST a b CDATA 'x'>]><a/>",
        "<!DOCTYPE a [<!ATTLIST a b (x|y) 'x'>]><a/>",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(documents); i++) {
        Error error = ERROR_INIT;

        g_assert_null(xml_parse(documents[i], strlen(documents[i]), 1 << 20, "test", VIR_FROM_NONE, &error));
        g_assert_cmpint(error.code, ==, VIR_ERR_XML_DETAIL);
        error_clear(&error);
    }
}

static void a_schema_that_is_not_there_is_named(void)
{
    Error error = ERROR_INIT;

    g_assert_cmpint(xml_validate("<a/>", 4, "/nonexistent/a.rng", &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_nonnull(strstr(error.message, "/nonexistent/a.rng"));
    error_clear(&error);
}

static void a_file_that_is_no_schema_is_named(void)
{
    Error error = ERROR_INIT;

    g_assert_cmpint(xml_validate("<a/>", 4, "/dev/null", &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_nonnull(strstr(error.message, "/dev/null"));
    error_clear(&error);
}

static void text_in_pieces_is_put_together(void)
{
    g_autoptr(xmlDoc) doc = parse("<a b='1&amp;2'>x<!-- c -->&lt;<![CDATA[y]]><d>z</d></a>");
    const xmlNode *root = xmlDocGetRootElement(doc);
    Arena arena;

    arena_init(&arena, NULL, 0);
    g_assert_cmpstr(xml_text(root, &arena), ==, "x<yz");
    g_assert_cmpstr(xml_attribute(root, "b", &arena), ==, "1&2");
    g_assert_null(xml_attribute(root, "c", &arena));
    g_assert_null(xml_text(NULL, &arena));
    g_assert_cmpstr(xml_text(xml_child(root, "d"), &arena), ==, "z");
    g_assert_null(xml_child(root, "e"));
    arena_reset(&arena);
}

static void an_element_with_a_namespace_is_not_seen_but_an_attribute_is(void)
{
    g_autoptr(xmlDoc) doc = parse("<a xmlns:n='urn:n' n:b='1'><n:c/><c/></a>");
    const xmlNode *root = xmlDocGetRootElement(doc);
    Arena arena;

    arena_init(&arena, NULL, 0);
    g_assert_true(xml_child(root, "c") == root->last);
    g_assert_cmpstr(xml_attribute(root, "b", &arena), ==, "1");
    arena_reset(&arena);
}

static void every_special_character_comes_back(void)
{
    static const char text[] = "&<>'\"\r\n\t ]]> a";
    g_autoptr(GString) out = g_string_new("<a");
    g_autoptr(xmlDoc) doc = NULL;
    Arena arena;

    xml_put_attribute(out, "b", text);
    g_string_append_c(out, '>');
    xml_put_escaped(out, text);
    g_string_append(out, "</a>");
    doc = parse(out->str);
    arena_init(&arena, NULL, 0);
    g_assert_cmpstr(xml_attribute(xmlDocGetRootElement(doc), "b", &arena), ==, text);
    g_assert_cmpstr(xml_text(xmlDocGetRootElement(doc), &arena), ==, text);
    arena_reset(&arena);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/conf/xml/" #claim, claim)
    ADD(a_text_longer_than_the_limit_is_refused);
    ADD(an_element_with_too_many_attributes_is_refused);
    ADD(a_document_with_too_many_namespaces_is_refused);
    ADD(declarations_that_multiply_are_refused);
    ADD(a_schema_that_is_not_there_is_named);
    ADD(a_file_that_is_no_schema_is_named);
    ADD(text_in_pieces_is_put_together);
    ADD(an_element_with_a_namespace_is_not_seen_but_an_attribute_is);
    ADD(every_special_character_comes_back);
    return g_test_run();
}
