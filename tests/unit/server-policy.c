/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of access: how they are read, and which one answers. */
#include "server/policy.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

static Policy *read_rules(const char *text, Error *error)
{
    g_autofree char *file = NULL;
    Policy *policy;
    int fd = g_file_open_tmp("drover-policy-XXXXXX", &file, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
    policy = policy_load(file, error);
    g_unlink(file);
    return policy;
}

static const char rules[] =
    "# who may do what\n"
    "deny  uid:1000      domain:delete\n"
    "\n"
    "allow uid:1000      domain:*      # all else\n"
    "allow \"dn:C=DE, CN=nova*\" *\n";

static void assert_answer(const Policy *policy, const char *who, const char *permission, bool allowed, unsigned line)
{
    unsigned said;

    g_assert_cmpint(policy_allows(policy, who, "domain", permission, &said), ==, allowed);
    g_assert_cmpuint(said, ==, line);
}

static void the_first_rule_that_matches_answers(void)
{
    Error error = ERROR_INIT;
    Policy *policy = read_rules(rules, &error);

    g_assert_nonnull(policy);
    assert_answer(policy, "uid:1000", "delete", false, 2);
    assert_answer(policy, "uid:1000", "start", true, 4);
    assert_answer(policy, "dn:C=DE, CN=nova-1", "delete", true, 5);
    assert_answer(policy, "dn:C=DE, CN=other", "delete", false, 0);
    assert_answer(policy, "uid:10001", "start", false, 0);
    g_assert_false(policy_allows(policy, "uid:1000", "network", "start", NULL));
    g_assert_true(g_str_has_prefix(policy_rule(policy, 2), "deny"));
    g_assert_null(policy_rule(policy, 3));
    policy_free(policy);
}

static void an_empty_file_allows_nothing(void)
{
    Error error = ERROR_INIT;
    Policy *policy = read_rules("", &error);

    assert_answer(policy, "uid:0", "read", false, 0);
    policy_free(policy);
}

static void a_mistake_is_named_with_its_line(void)
{
    static const char *const bad[] = {
        "# one\nallow uid:0\n", "# one\npermit uid:0 *\n", "# one\nallow uid:0 domain:read more\n",
        "# one\nallow \"uid:0 *\n", "# one\nallow uid:0 domain\n",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        Error error = ERROR_INIT;

        g_assert_null(read_rules(bad[i], &error));
        g_assert_cmpint(error.code, ==, VIR_ERR_CONF_SYNTAX);
        g_assert_nonnull(strstr(error.message, ":2: "));
        error_clear(&error);
    }
}

static void a_file_that_is_not_there_is_an_error(void)
{
    Error error = ERROR_INIT;

    g_assert_null(policy_load("/nowhere/policy", &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_SYSTEM_ERROR);
    error_clear(&error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/server/policy/the_first_rule_that_matches_answers", the_first_rule_that_matches_answers);
    g_test_add_func("/server/policy/an_empty_file_allows_nothing", an_empty_file_allows_nothing);
    g_test_add_func("/server/policy/a_mistake_is_named_with_its_line", a_mistake_is_named_with_its_line);
    g_test_add_func("/server/policy/a_file_that_is_not_there_is_an_error", a_file_that_is_not_there_is_an_error);
    return g_test_run();
}
