/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* That a catalogue, as it is built, reaches the messages, and leaves the templates alone. */
#include "base/i18n.h"

#include <locale.h>

#include "base/error.h"

static void a_message_is_translated_and_its_template_is_not(void)
{
    Error error = ERROR_INIT;

    error_set(&error, VIR_FROM_TEST, VIR_ERR_NO_DOMAIN, "\"%s\"", "x");
    g_assert_cmpstr(error.message, ==, "Domain nicht gefunden: \"x\"");
    g_assert_cmpstr(error.detail, ==, "\"x\"");
    g_assert_cmpstr(error_code_template(error.code, true), ==, "Domain not found: %s");
    g_assert_cmpstr(error_code_text(error.code), ==, "Domain nicht gefunden");
    error_clear(&error);
}

static void a_detail_may_stand_inside_the_translation(void)
{
    Error error = ERROR_INIT;

    error_set(&error, VIR_FROM_TEST, VIR_ERR_INVALID_CONN, "%s", "f");
    g_assert_cmpstr(error.message, ==, "ungültiger Verbindungszeiger in f");
    error_clear(&error);
}

static void a_message_that_is_all_detail_needs_no_translation(void)
{
    Error error = ERROR_INIT;

    error_set(&error, VIR_FROM_TEST, VIR_ERR_RPC, "%s", "unknown procedure: 7");
    g_assert_cmpstr(error.message, ==, "unknown procedure: 7");
    error_clear(&error);
}

#define ADD(name) g_test_add_func("/base/i18n/" #name, name)

int main(int argc, char **argv)
{
    g_setenv("LANGUAGE", "de", TRUE);
    g_test_init(&argc, &argv, NULL);
    /* Any locale but "C" lets LANGUAGE decide. */
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        g_print("1..0 # SKIP this system has no locale C.UTF-8\n");
        return 0;
    }
    bindtextdomain(DROVER_TEXT_DOMAIN, PO_DIR);
    bind_textdomain_codeset(DROVER_TEXT_DOMAIN, "UTF-8");
    ADD(a_message_is_translated_and_its_template_is_not);
    ADD(a_detail_may_stand_inside_the_translation);
    ADD(a_message_that_is_all_detail_needs_no_translation);
    return g_test_run();
}
