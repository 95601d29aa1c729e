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

static void a_schema_that_is_not_there_is_named(void)
{
    g_autoptr(xmlDoc) doc = parse("<a/>");
    void *cache = NULL;
    Error error = ERROR_INIT;

    g_assert_cmpint(xml_validate(doc, "/nonexistent/a.rng", &cache, &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_nonnull(strstr(error.message, "/nonexistent/a.rng"));
    g_assert_null(cache);
    error_clear(&error);
}

static void a_file_that_is_no_schema_is_named(void)
{
    g_autoptr(xmlDoc) doc = parse("<a/>");
    void *cache = NULL;
    Error error = ERROR_INIT;

    g_assert_cmpint(xml_validate(doc, "/dev/null", &cache, &error), ==, -1);
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
    ADD(a_schema_that_is_not_there_is_named);
    ADD(a_file_that_is_no_schema_is_named);
    ADD(text_in_pieces_is_put_together);
    ADD(an_element_with_a_namespace_is_not_seen_but_an_attribute_is);
    ADD(every_special_character_comes_back);
    return g_test_run();
}
