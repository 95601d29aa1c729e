/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What base/error.c promises, and the texts that people's scripts look for. */
#include "base/error.h"

#include <errno.h>
#include <libintl.h>
#include <string.h>

static void a_detail_stands_behind_the_generic_text(void)
{
    Error error = ERROR_INIT;

    g_assert_cmpint(error_set(&error, VIR_FROM_TEST, VIR_ERR_NO_DOMAIN, "no domain %d", 7), ==, -1);
    g_assert_true(error_is_set(&error));
    g_assert_cmpint(error.code, ==, VIR_ERR_NO_DOMAIN);
    g_assert_cmpint(error.domain, ==, VIR_FROM_TEST);
    g_assert_cmpstr(error.message, ==, "Domain not found: no domain 7");
    g_assert_cmpstr(error.detail, ==, "no domain 7");
    g_assert_cmpint(error.int1, ==, -1);
    g_assert_cmpint(error.int2, ==, -1);
    error_clear(&error);
    g_assert_false(error_is_set(&error));
}

static void without_a_detail_the_generic_text_stands_alone(void)
{
    Error error = ERROR_INIT;

    error_set_plain(&error, VIR_FROM_TEST, VIR_ERR_NO_DOMAIN);
    g_assert_cmpstr(error.message, ==, "Domain not found");
    g_assert_null(error.detail);
    error_clear(&error);
}

static void a_system_error_says_only_what_failed_and_why(void)
{
    Error error = ERROR_INIT;

    error_set_errno(&error, VIR_FROM_NONE, ENOSPC, "cannot write '%s'", "x");
    g_assert_cmpint(error.code, ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpstr(error.message, ==, "cannot write 'x': No space left on device");
    g_assert_cmpstr(error.message, ==, error.detail);
    g_assert_cmpint(error.int1, ==, ENOSPC);
    error_clear(&error);
}

static void texts_that_scripts_match_read_as_they_know_them(void)
{
    static const struct {
        int code;
        const char *with_detail;
    } known[] = {
        { VIR_ERR_INTERNAL_ERROR, "internal error: %s" },
        { VIR_ERR_NO_SUPPORT, "this function is not supported by the connection driver: %s" },
        { VIR_ERR_INVALID_ARG, "invalid argument: %s" },
        { VIR_ERR_OPERATION_FAILED, "operation failed: %s" },
        { VIR_ERR_OPERATION_INVALID, "Requested operation is not valid: %s" },
        { VIR_ERR_OPERATION_DENIED, "operation forbidden: %s" },
        { VIR_ERR_OPERATION_TIMEOUT, "Timed out during operation: %s" },
        { VIR_ERR_CONFIG_UNSUPPORTED, "unsupported configuration: %s" },
        { VIR_ERR_ARGUMENT_UNSUPPORTED, "argument unsupported: %s" },
        { VIR_ERR_OVERFLOW, "numerical overflow: %s" },
        { VIR_ERR_XML_ERROR, "XML error: %s" },
        { VIR_ERR_XML_DETAIL, "%s" },
        { VIR_ERR_SYSTEM_ERROR, "%s" },
        { VIR_ERR_RPC, "%s" },
        { VIR_ERR_INVALID_CONN, "invalid connection pointer in %s" },
        { VIR_ERR_NO_DOMAIN, "Domain not found: %s" },
        { VIR_ERR_NO_DOMAIN_SNAPSHOT, "Domain snapshot not found: %s" },
        { VIR_ERR_NO_DOMAIN_METADATA, "metadata not found: %s" },
        { VIR_ERR_NO_NETWORK, "Network not found: %s" },
        { VIR_ERR_NO_INTERFACE, "Interface not found: %s" },
        { VIR_ERR_NO_STORAGE_POOL, "Storage pool not found: %s" },
        { VIR_ERR_NO_STORAGE_VOL, "Storage volume not found: %s" },
        { VIR_ERR_NO_NODE_DEVICE, "Node device not found: %s" },
        { VIR_ERR_AUTH_FAILED, "authentication failed: %s" },
        { VIR_ERR_ACCESS_DENIED, "access denied: %s" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        g_assert_cmpstr(error_code_template(known[i].code, true), ==, known[i].with_detail);
}

/* 41, 48, 51, 56, 60 and 64 are numbers of warnings that the header keeps for old callers. */
static bool code_is_a_warning(int code)
{
    return code == 41 || code == 48 || code == 51 || code == 56 || code == 60 || code == 64;
}

static void every_code_has_its_own_text_with_one_place(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (int code = 1; code <= VIR_ERR_MULTIPLE_DOMAINS; code++) {
        const char *alone = error_code_template(code, false);
        const char *place = strchr(error_code_template(code, true), '%');

        if (code_is_a_warning(code))
            continue;
        if (strcmp(alone, "unknown error") == 0 || !g_hash_table_add(seen, (char *)alone))
            g_error("code %d has no text of its own", code);
        g_assert_true(place && place[1] == 's' && !strchr(place + 1, '%'));
    }
}

static void an_unknown_code_still_makes_a_sentence(void)
{
    g_assert_cmpstr(error_code_text(-5), ==, "unknown error");
    g_assert_cmpstr(error_code_text(100000), ==, "unknown error");
    g_assert_cmpstr(error_code_template(41, true), ==, "unknown error: %s");
}

static void a_percent_sign_in_a_detail_is_only_a_character(void)
{
    Error error = ERROR_INIT;

    error_set(&error, VIR_FROM_TEST, VIR_ERR_INVALID_ARG, "%s", "100%s%n");
    g_assert_cmpstr(error.message, ==, "invalid argument: 100%s%n");
    error_clear(&error);
}

static void setting_again_replaces_and_moving_empties(void)
{
    Error from = ERROR_INIT, to = ERROR_INIT;

    error_set(&from, VIR_FROM_TEST, VIR_ERR_INVALID_ARG, "first");
    error_set_errno(&from, VIR_FROM_TEST, EIO, "second");
    error_set(&to, VIR_FROM_TEST, VIR_ERR_INVALID_ARG, "old");
    error_move(&to, &from);
    g_assert_false(error_is_set(&from));
    g_assert_null(from.message);
    g_assert_cmpint(from.int1, ==, -1);
    g_assert_cmpint(to.int1, ==, EIO);
    g_assert_true(g_str_has_prefix(to.message, "second"));
    error_clear(&to);
}

static void without_a_place_to_keep_it_an_error_is_dropped(void)
{
    g_assert_cmpint(error_set(NULL, VIR_FROM_TEST, VIR_ERR_INVALID_ARG, "x"), ==, -1);
    g_assert_cmpint(error_set_errno(NULL, VIR_FROM_TEST, EIO, "x"), ==, -1);
    g_assert_cmpint(error_set_plain(NULL, VIR_FROM_TEST, VIR_ERR_NO_DOMAIN), ==, -1);
}

#define ADD(name) g_test_add_func("/base/error/" #name, name)

int main(int argc, char **argv)
{
    g_setenv("LC_ALL", "C", TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD(a_detail_stands_behind_the_generic_text);
    ADD(without_a_detail_the_generic_text_stands_alone);
    ADD(a_system_error_says_only_what_failed_and_why);
    ADD(texts_that_scripts_match_read_as_they_know_them);
    ADD(every_code_has_its_own_text_with_one_place);
    ADD(an_unknown_code_still_makes_a_sentence);
    ADD(a_percent_sign_in_a_detail_is_only_a_character);
    ADD(setting_again_replaces_and_moving_empties);
    ADD(without_a_place_to_keep_it_an_error_is_dropped);
    return g_test_run();
}
