/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Title, description and applications' elements: what is set is what is read, live and persistent. */
#include <libvirt/libvirt.h>

#include "drivers-fixture.h"
#include "drivers/test/driver.h"

static Fixture *with_domain(void)
{
    g_autofree char *document = fixture_document("vm", 1, NULL);
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_define(fixture, document), ==, VIR_ERR_OK);
    fixture_events(fixture);
    return fixture;
}

static int set(Fixture *fixture, const char *name, int type, const char *text, uint32_t flags)
{
    const RemoteDomainSetMetadataArgs args = { .type = type, .metadata = text, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.set_metadata", name, domain_set_metadata, &args);
}

static int set_element(Fixture *fixture, const char *text, const char *key, const char *uri)
{
    const RemoteDomainSetMetadataArgs args = {
        .type = VIR_DOMAIN_METADATA_ELEMENT, .metadata = text, .key = key, .uri = uri,
    };

    return FIXTURE_CALL(fixture, "domain.set_metadata", "vm", domain_set_metadata, &args);
}

/* "E" and the code for an error; static storage. */
static const char *get(Fixture *fixture, const char *name, int type, const char *uri, uint32_t flags)
{
    const RemoteDomainGetMetadataArgs args = { .type = type, .uri = uri, .flags = flags };
    RemoteDomainGetMetadataResult result = { .metadata = NULL };
    g_autofree char *failure = NULL;
    const char *text = NULL;
    FixtureCall call;
    int code, r;

    fixture_begin(fixture, &call, "domain.get_metadata", name);
    r = fixture->host.driver->domain_get_metadata(&call.op, &args, &result);
    if (r == 0)
        text = g_intern_string(result.metadata);
    code = fixture_end(&call, r);
    failure = g_strdup_printf("E%d", code);
    return text ? text : g_intern_string(failure);
}

static void what_is_absent_has_its_own_code(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_TITLE, NULL, 0), ==, "E80");
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_DESCRIPTION, NULL, 0), ==, "E80");
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, "urn:x", 0), ==, "E80");
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, NULL, 0), ==, "E8");
    g_assert_cmpstr(get(fixture, "vm", 7, NULL, 0), ==, "E8");
    fixture_free(fixture);
}

static void title_and_description_are_set_announced_and_removed(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(set(fixture, "vm", VIR_DOMAIN_METADATA_TITLE, "A <title>", 0), ==, VIR_ERR_OK);
    g_assert_cmpint(set(fixture, "vm", VIR_DOMAIN_METADATA_DESCRIPTION, "über\nzwei Zeilen", 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_TITLE, NULL, 0), ==, "A <title>");
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_DESCRIPTION, NULL, 0), ==, "über\nzwei Zeilen");
    g_assert_cmpint(set(fixture, "vm", VIR_DOMAIN_METADATA_TITLE, NULL, 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_TITLE, NULL, 0), ==, "E80");
    g_assert_cmpstr(fixture_events(fixture), ==, "metadata vm -1 1 -\nmetadata vm -1 0 -\nmetadata vm -1 1 -\n");
    fixture_free(fixture);
}

static void what_a_document_can_not_hold_is_refused(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(set(fixture, "vm", VIR_DOMAIN_METADATA_TITLE, "two\nlines", 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set(fixture, "vm", VIR_DOMAIN_METADATA_DESCRIPTION, "a\001b", 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set(fixture, "vm", VIR_DOMAIN_METADATA_DESCRIPTION, "\xc3", 0), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void live_and_persistent_documents_are_two(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(set(fixture, "test", VIR_DOMAIN_METADATA_TITLE, "both", VIR_DOMAIN_AFFECT_LIVE |
                        VIR_DOMAIN_AFFECT_CONFIG), ==, VIR_ERR_OK);
    g_assert_cmpint(set(fixture, "test", VIR_DOMAIN_METADATA_TITLE, "now", 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(get(fixture, "test", VIR_DOMAIN_METADATA_TITLE, NULL, 0), ==, "now");
    g_assert_cmpstr(get(fixture, "test", VIR_DOMAIN_METADATA_TITLE, NULL, VIR_DOMAIN_AFFECT_CONFIG), ==, "both");
    g_assert_cmpint(set(fixture, "vm", VIR_DOMAIN_METADATA_TITLE, "x", VIR_DOMAIN_AFFECT_LIVE), ==,
                    VIR_ERR_OPERATION_INVALID);
    fixture_free(fixture);
}

static void an_element_comes_back_without_the_prefix_it_was_kept_with(void)
{
    Fixture *fixture = with_domain();
    g_autofree char *document = NULL;

    g_assert_cmpint(set_element(fixture, "<app a='1'><part>ö</part></app>", "my", "urn:x"), ==, VIR_ERR_OK);
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, "urn:x", 0), ==,
                    "<app a=\"1\">\n  <part>ö</part>\n</app>");
    document = fixture_xml(fixture, "vm", 0);
    g_assert_nonnull(strstr(document, "  <metadata>\n    <my:app xmlns:my=\"urn:x\" a=\"1\">\n"
                                      "      <my:part>ö</my:part>\n    </my:app>\n  </metadata>\n"));
    g_assert_cmpstr(fixture_events(fixture), ==, "metadata vm -1 2 urn:x\n");
    fixture_free(fixture);
}

static void each_uri_has_one_element(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(set_element(fixture, "<one/>", "a", "urn:a"), ==, VIR_ERR_OK);
    g_assert_cmpint(set_element(fixture, "<two/>", "b", "urn:b"), ==, VIR_ERR_OK);
    g_assert_cmpint(set_element(fixture, "<three/>", "c", "urn:a"), ==, VIR_ERR_OK);
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, "urn:a", 0), ==, "<three/>");
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, "urn:b", 0), ==, "<two/>");
    g_assert_cmpint(set_element(fixture, NULL, NULL, "urn:a"), ==, VIR_ERR_OK);
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, "urn:a", 0), ==, "E80");
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, "urn:b", 0), ==, "<two/>");
    fixture_free(fixture);
}

static void attributes_leave_the_namespace_with_their_element(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(set_element(fixture, "<p:one xmlns:p='urn:a' p:x='1' xmlns:q='urn:q' q:y='2'/>", "a", "urn:a"), ==,
                    VIR_ERR_OK);
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, "urn:a", 0), ==,
                    "<one xmlns:q=\"urn:q\" x=\"1\" q:y=\"2\"/>");
    fixture_free(fixture);
}

static void an_element_that_can_not_stand_there_is_refused(void)
{
    Fixture *fixture = with_domain();

    g_assert_cmpint(set_element(fixture, "<one", "a", "urn:a"), ==, VIR_ERR_XML_DETAIL);
    g_assert_cmpint(set_element(fixture, "<one/><two/>", "a", "urn:a"), ==, VIR_ERR_XML_DETAIL);
    g_assert_cmpint(set_element(fixture, "<!DOCTYPE one [<!ENTITY e 'x'>]><one>&e;</one>", "a", "urn:a"), ==,
                    VIR_ERR_XML_DETAIL);
    g_assert_cmpint(set_element(fixture, "<one/>", "no prefix", "urn:a"), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_element(fixture, "<one/>", NULL, "urn:a"), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_element(fixture, "<one/>", "a", NULL), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(set_element(fixture, "<p:one xmlns:p='urn:other'/>", "p", "urn:a"), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void a_uri_with_an_ampersand_is_kept(void)
{
    Fixture *fixture = with_domain();
    g_autofree char *document = NULL;

    g_assert_cmpint(set_element(fixture, "<one xmlns:q='urn:q&amp;r' q:x='1'/>", "a", "urn:a?b=1&c=2"), ==, VIR_ERR_OK);
    g_assert_cmpint(set_element(fixture, "<two/>", "b", "urn:b"), ==, VIR_ERR_OK);
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, "urn:a?b=1&c=2", 0), ==,
                    "<one xmlns:q=\"urn:q&amp;r\" q:x=\"1\"/>");
    document = fixture_xml(fixture, "vm", 0);
    g_assert_nonnull(strstr(document, "<a:one xmlns:q=\"urn:q&amp;r\" xmlns:a=\"urn:a?b=1&amp;c=2\" q:x=\"1\"/>"));
    g_assert_cmpint(fixture_define(fixture, document), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

/* `outer` around itself so many times, within one element. */
static char *nested(const char *outer, unsigned times, unsigned beside)
{
    GString *text = g_string_new("<x>");

    for (unsigned i = 0; i < times; i++)
        g_string_append_printf(text, "<%s>", outer);
    for (unsigned i = 0; i < times; i++)
        g_string_append_printf(text, "</%s>", outer);
    for (unsigned i = 0; i < beside; i++)
        g_string_append_printf(text, "<%s xmlns='urn:n%u'/>", outer, i);
    g_string_append(text, "</x>");
    return g_string_free(text, FALSE);
}

static char *many_attributes(void)
{
    GString *text = g_string_new("<x");

    for (unsigned i = 0; i < 8000; i++)
        g_string_append_printf(text, " a%u='12345'", i);
    g_string_append(text, "/>");
    return g_string_free(text, FALSE);
}

/* Else the domain would be gone when its host is opened the next time. */
static void what_could_not_be_read_again_is_refused(void)
{
    Fixture *fixture = with_domain();
    g_autofree char *deep = nested("y", 255, 0);
    g_autofree char *namespaces = nested("y", 1, 300);
    g_autofree char *attributes = many_attributes();

    g_assert_cmpint(set_element(fixture, "<kept/>", "k", "urn:k"), ==, VIR_ERR_OK);
    g_assert_cmpint(set_element(fixture, deep, "a", "urn:a"), ==, VIR_ERR_XML_DETAIL);
    g_assert_cmpint(set_element(fixture, namespaces, "a", "urn:a"), ==, VIR_ERR_XML_DETAIL);
    g_assert_cmpint(set_element(fixture, attributes, "a", "urn:a"), ==, VIR_ERR_XML_DETAIL);
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, "urn:a", 0), ==, "E80");
    g_assert_cmpstr(get(fixture, "vm", VIR_DOMAIN_METADATA_ELEMENT, "urn:k", 0), ==, "<kept/>");
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/drivers/common/metadata/" #claim, claim)
    ADD(what_is_absent_has_its_own_code);
    ADD(title_and_description_are_set_announced_and_removed);
    ADD(what_a_document_can_not_hold_is_refused);
    ADD(live_and_persistent_documents_are_two);
    ADD(an_element_comes_back_without_the_prefix_it_was_kept_with);
    ADD(each_uri_has_one_element);
    ADD(attributes_leave_the_namespace_with_their_element);
    ADD(an_element_that_can_not_stand_there_is_refused);
    ADD(a_uri_with_an_ampersand_is_kept);
    ADD(what_could_not_be_read_again_is_refused);
    return g_test_run();
}
