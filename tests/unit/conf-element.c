/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine under the domain document, with the small tables of tests/unit/elements. */
#include <string.h>

#include <libxml/parser.h>

#include "base/auto.h"
#include "conf/xml.h"
#include "small.h"

int toy_parsed(void *self, ElementParse *parse)
{
    Toy *toy = self;

    if (toy->mode == 0xfe)
        return element_fail(parse, VIR_ERR_OPERATION_INVALID, "The mode 0xfe is taken");
    return 0;
}

bool joint_depth_shown(const void *self, const ElementFormat *format)
{
    const Joint *joint = self;

    return joint->depth != 7;
}

/* --- helpers --------------------------------------------------------------------------------- */

typedef struct Case {
    Arena arena;
    Error error;
    xmlDoc *doc;
    Toy toy;
} Case;

static int parse(Case *test, const char *text, unsigned flags)
{
    ElementParse parse = { .arena = &test->arena, .error = &test->error, .flags = flags, .namespaces = NAMESPACE_APP };

    memset(test, 0, sizeof *test);
    test->error = (Error)ERROR_INIT;
    arena_init(&test->arena, NULL, 0);
    test->doc = xml_parse(text, strlen(text), 1 << 20, "toy", VIR_FROM_XML, &test->error);
    g_assert_nonnull(test->doc);
    return element_parse(&toy_type, &test->toy, xmlDocGetRootElement(test->doc), 0, &parse);
}

static char *format(const Toy *toy, unsigned flags)
{
    ElementFormat format = { .out = g_string_new(NULL), .flags = flags };

    element_format(&toy_type, toy, "toy", 0, 0, &format);
    return g_string_free(format.out, FALSE);
}

static void end(Case *test)
{
    xmlFreeDoc(test->doc);
    arena_reset(&test->arena);
    error_clear(&test->error);
}

static void assert_written(const char *text, unsigned flags, const char *expected)
{
    g_autofree char *written = NULL;
    Case test;

    g_assert_cmpint(parse(&test, text, flags), ==, 0);
    written = format(&test.toy, flags);
    g_assert_cmpstr(written, ==, expected);
    end(&test);
}

static void assert_refused(const char *text, int code, const char *message)
{
    Case test;

    g_assert_cmpint(parse(&test, text, 0), ==, -1);
    g_assert_cmpint(test.error.code, ==, code);
    g_assert_nonnull(strstr(test.error.message, message));
    end(&test);
}

/* --- parse and format ------------------------------------------------------------------------ */

static void rows_are_written_in_their_order(void)
{
    assert_written("<toy mode='0x1f' weight='2' unit='MiB'><note>n</note><password>p</password><broken/>"
                   "<axle size='3'>a</axle><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid></toy>",
                   ELEMENT_SECURE,
                   "<toy colour='red' weight='2048' unit='KiB' mode='0x001f'>\n"
                   "  <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>\n"
                   "  <password>p</password>\n"
                   "  <broken/>\n"
                   "  <axle size='3'>a</axle>\n"
                   "  <note>n</note>\n"
                   "</toy>\n");
}

static void a_path_is_kept_in_its_one_form(void)
{
    assert_written("<toy shelf='//a///b/'/>", 0, "<toy colour='red' shelf='//a/b'/>\n");
    assert_written("<toy shelf='/a/b'/>", 0, "<toy colour='red' shelf='/a/b'/>\n");
}

static void unknown_things_are_left_out(void)
{
    assert_written("<toy x='1'><y/><colour>blue</colour>text</toy>", 0, "<toy colour='red'/>\n");
}

static void a_word_for_absent_takes_the_default(void)
{
    assert_written("<toy colour='default'/>", 0, "<toy colour='red'/>\n");
}

static void an_omitted_value_is_not_written(void)
{
    assert_written("<toy mode='0'/>", 0, "<toy colour='red'/>\n");
}

static void secrets_are_written_to_those_who_may_see_them(void)
{
    assert_written("<toy><password>p</password></toy>", 0, "<toy colour='red'/>\n");
    assert_written("<toy><password>p</password></toy>", ELEMENT_SECURE,
                   "<toy colour='red'>\n  <password>p</password>\n</toy>\n");
}

static void live_rows_are_absent_from_a_definition(void)
{
    assert_written("<toy><screw depth='4'/></toy>", ELEMENT_INACTIVE, "<toy colour='red'>\n  <screw/>\n</toy>\n");
    assert_written("<toy><screw depth='4'/></toy>", 0,
                   "<toy colour='red'>\n  <screw depth='4'>\n  </screw>\n</toy>\n");
}

static void a_hook_can_hide_a_row(void)
{
    assert_written("<toy><screw depth='7'/></toy>", 0, "<toy colour='red'>\n  <screw/>\n</toy>\n");
}

static void items_with_several_names_keep_their_order(void)
{
    assert_written("<toy><nail/><screw/><nail/></toy>", 0,
                   "<toy colour='red'>\n  <nail/>\n  <screw/>\n  <nail/>\n</toy>\n");
}

static void a_condition_on_the_key_decides(void)
{
    assert_written("<toy colour='green'><axle size='1' shine='yes'/></toy>", 0,
                   "<toy colour='green'>\n  <axle size='1' shine='yes'/>\n</toy>\n");
    assert_written("<toy colour='light-blue'><axle size='1' shine='maybe'/></toy>", 0,
                   "<toy colour='light-blue'>\n  <axle size='1'/>\n</toy>\n");
}

static void a_condition_on_a_member_decides(void)
{
    Case test;

    g_assert_cmpint(parse(&test, "<toy><wheel size='1'/><wheel size='2'/></toy>", 0), ==, 0);
    g_assert_cmpuint(test.toy.n_wheels, ==, 2);
    g_assert_cmpuint(test.toy.wheels[1]->size, ==, 2);
    end(&test);
    g_assert_cmpint(parse(&test, "<toy><wheel size='1'/><broken/></toy>", 0), ==, 0);
    g_assert_cmpuint(test.toy.n_wheels, ==, 0);
    end(&test);
}

static void another_namespace_is_read_only_when_wanted(void)
{
    const char *text = "<toy xmlns:x='urn:app'><axle size='1'/><x:more><note>n</note></x:more><more/></toy>";
    Case test;

    g_assert_cmpint(parse(&test, text, 0), ==, 0);
    g_assert_nonnull(test.toy.more);
    g_assert_cmpuint(element_namespaces_used(&toy_type, &test.toy), ==, NAMESPACE_APP);
    end(&test);
}

static void foreign_elements_are_kept_as_text(void)
{
    assert_written("<toy><metadata><mine/><a:b xmlns:a='urn:a' c='1'><d/></a:b><a:e xmlns:a='urn:a'/></metadata></toy>", 0,
                   "<toy colour='red'>\n  <metadata>\n    <a:b xmlns:a=\"urn:a\" c=\"1\">\n      <d/>\n"
                   "    </a:b>\n  </metadata>\n</toy>\n");
}

static void text_is_escaped(void)
{
    assert_written("<toy><note>&lt;&amp;&gt;\"'</note></toy>", 0,
                   "<toy colour='red'>\n  <note>&lt;&amp;&gt;&quot;&apos;</note>\n</toy>\n");
}

/* --- errors ---------------------------------------------------------------------------------- */

static void errors_name_place_attribute_and_value(void)
{
    assert_refused("<toy><wheel size='1'/><wheel size='many'/></toy>", VIR_ERR_XML_ERROR,
                   "toy/wheel[2]: Invalid value 'many' of the attribute 'size'");
}

static void a_row_has_a_code_of_its_own(void)
{
    assert_refused("<toy colour='grey'/>", VIR_ERR_CONFIG_UNSUPPORTED, "'grey'");
}

static void what_is_required_must_be_there(void)
{
    assert_refused("<toy><axle/></toy>", VIR_ERR_XML_ERROR, "toy/axle: The attribute 'size' is missing");
}

static void numbers_have_limits(void)
{
    assert_refused("<toy mode='256'/>", VIR_ERR_XML_ERROR, "'256'");
    assert_refused("<toy mode='-1'/>", VIR_ERR_XML_ERROR, "'-1'");
    assert_refused("<toy mode='1 '/>", VIR_ERR_XML_ERROR, "'1 '");
    assert_refused("<toy mode=''/>", VIR_ERR_XML_ERROR, "''");
    assert_refused("<toy><axle size='4294967296'/></toy>", VIR_ERR_XML_ERROR, "'4294967296'");
    assert_written("<toy mode=' +0xff'/>", 0, "<toy colour='red' mode='0x00ff'/>\n");
}

static void amounts_have_units(void)
{
    assert_refused("<toy weight='1' unit='stone'/>", VIR_ERR_INVALID_ARG, "stone");
    assert_refused("<toy weight='9999999999' unit='PiB'/>", VIR_ERR_OVERFLOW, "9999999999");
    assert_refused("<toy weight='heavy'/>", VIR_ERR_XML_ERROR, "heavy");
    assert_written("<toy weight='1' unit='b'/>", 0, "<toy colour='red' weight='1' unit='KiB'/>\n");
}

static void a_strict_element_refuses_strangers(void)
{
    assert_refused("<toy><nail><rust/></nail></toy>", VIR_ERR_CONFIG_UNSUPPORTED, "<rust>");
}

static void a_hook_refuses_with_its_own_code(void)
{
    assert_refused("<toy mode='0xfe'/>", VIR_ERR_OPERATION_INVALID, "toy: The mode 0xfe is taken");
}

/* --- copy, compare --------------------------------------------------------------------------- */

static const char full[] =
    "<toy colour='green' weight='1' mode='3'><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid><note>n</note>"
    "<axle size='1' shine='no'>a</axle><wheel size='2'>w</wheel><wheel size='3'/><screw depth='-5'/></toy>";

static void a_packed_copy_stands_alone(void)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree Toy *copy = NULL;
    size_t size;
    Case test;

    g_assert_cmpint(parse(&test, full, 0), ==, 0);
    before = format(&test.toy, 0);
    copy = element_pack(&toy_type, &test.toy, &size);
    g_assert_true(element_equal(&toy_type, &test.toy, copy));
    end(&test);
    after = format(copy, 0);
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpuint(size, <, 2048);
}

static void lists_of_a_copy_can_grow(void)
{
    Case test;
    Toy *copy;

    g_assert_cmpint(parse(&test, full, 0), ==, 0);
    copy = element_copy(&toy_type, &test.toy, &test.arena);
    for (unsigned i = 0; i < 100; i++) {
        Wheel *wheel = ELEMENT_NEW(&test.arena, Wheel);

        wheel->size = i;
        element_list_insert(&test.arena, (void ***)&copy->wheels, &copy->n_wheels, i, wheel);
    }
    g_assert_cmpuint(copy->n_wheels, ==, 102);
    g_assert_cmpuint(copy->wheels[99]->size, ==, 99);
    g_assert_cmpstr(copy->wheels[100]->value, ==, "w");
    element_list_remove((void **)copy->wheels, &copy->n_wheels, 0);
    g_assert_cmpuint(copy->wheels[0]->size, ==, 1);
    g_assert_cmpuint(test.toy.n_wheels, ==, 2);
    end(&test);
}

static void differences_are_seen(void)
{
    Case a, b;

    g_assert_cmpint(parse(&a, full, 0), ==, 0);
    g_assert_cmpint(parse(&b, full, 0), ==, 0);
    g_assert_true(element_equal(&toy_type, &a.toy, &b.toy));
    b.toy.wheels[0]->value = "x";
    g_assert_false(element_equal(&toy_type, &a.toy, &b.toy));
    end(&b);
    end(&a);
}

static void only_what_the_guest_sees_is_fixed(void)
{
    Case a, b;

    g_assert_cmpint(parse(&a, full, 0), ==, 0);
    g_assert_cmpint(parse(&b, full, 0), ==, 0);
    b.toy.label.note = "other";
    g_assert_cmpint(element_check_abi(&toy_type, &a.toy, &b.toy, "toy", &a.error), ==, 0);
    b.toy.axle.size = 9;
    g_assert_cmpint(element_check_abi(&toy_type, &a.toy, &b.toy, "toy", &a.error), ==, -1);
    g_assert_cmpint(a.error.code, ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_nonnull(strstr(a.error.message, "'size' of 'toy/axle' can't change from '1' to '9'"));
    end(&b);
    end(&a);
}

static void what_is_uncompared_may_differ(void)
{
    Case a, b;

    g_assert_cmpint(parse(&a, "<toy><wheel size='1'/></toy>", 0), ==, 0);
    g_assert_cmpint(parse(&b, "<toy><wheel size='2'/></toy>", 0), ==, 0);
    a.toy.n_wheels = b.toy.n_wheels = 0;
    g_assert_cmpint(a.toy.spare->size, !=, b.toy.spare->size);
    g_assert_cmpint(element_check_abi(&toy_type, &a.toy, &b.toy, "toy", &a.error), ==, 0);
    b.toy.spare = NULL;
    g_assert_cmpint(element_check_abi(&toy_type, &a.toy, &b.toy, "toy", &a.error), ==, 0);
    end(&b);
    end(&a);
}

static void words_have_values(void)
{
    g_assert_cmpint(element_value(&colour_words, "light-blue"), ==, COLOUR_LIGHT_BLUE);
    g_assert_cmpint(element_value(&colour_words, "default"), ==, COLOUR_ABSENT);
    g_assert_cmpint(element_value(&colour_words, "grey"), ==, -1);
    g_assert_cmpstr(element_word(&colour_words, COLOUR_GREEN), ==, "green");
    g_assert_null(element_word(&colour_words, COLOUR_ABSENT));
    g_assert_null(element_word(&colour_words, 200));
}

#define TEST(name) g_test_add_func("/conf/element/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(rows_are_written_in_their_order);
    TEST(a_path_is_kept_in_its_one_form);
    TEST(unknown_things_are_left_out);
    TEST(a_word_for_absent_takes_the_default);
    TEST(an_omitted_value_is_not_written);
    TEST(secrets_are_written_to_those_who_may_see_them);
    TEST(live_rows_are_absent_from_a_definition);
    TEST(a_hook_can_hide_a_row);
    TEST(items_with_several_names_keep_their_order);
    TEST(a_condition_on_the_key_decides);
    TEST(a_condition_on_a_member_decides);
    TEST(another_namespace_is_read_only_when_wanted);
    TEST(foreign_elements_are_kept_as_text);
    TEST(text_is_escaped);
    TEST(errors_name_place_attribute_and_value);
    TEST(a_row_has_a_code_of_its_own);
    TEST(what_is_required_must_be_there);
    TEST(numbers_have_limits);
    TEST(amounts_have_units);
    TEST(a_strict_element_refuses_strangers);
    TEST(a_hook_refuses_with_its_own_code);
    TEST(a_packed_copy_stands_alone);
    TEST(lists_of_a_copy_can_grow);
    TEST(differences_are_seen);
    TEST(only_what_the_guest_sees_is_fixed);
    TEST(what_is_uncompared_may_differ);
    TEST(words_have_values);
    return g_test_run();
}
