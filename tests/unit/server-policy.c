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

static PolicyAnswer ask(const Policy *policy, const char *who, const char *kind, const char *permission,
                        const PolicyObject *object, unsigned *line)
{
    const char *names[] = { who, "gid:100", NULL };
    const PolicySubject subject = { .names = names };

    return policy_ask(policy, &subject, kind, permission, object, line);
}

static void assert_answer(const Policy *policy, const char *who, const char *permission, PolicyAnswer answer, unsigned line)
{
    unsigned said;

    g_assert_cmpint(ask(policy, who, "domain", permission, NULL, &said), ==, answer);
    g_assert_cmpuint(said, ==, line);
}

static void the_first_rule_that_matches_answers(void)
{
    Error error = ERROR_INIT;
    Policy *policy = read_rules(rules, &error);

    g_assert_nonnull(policy);
    assert_answer(policy, "uid:1000", "delete", POLICY_DENIED, 2);
    assert_answer(policy, "uid:1000", "start", POLICY_ALLOWED, 4);
    assert_answer(policy, "dn:C=DE, CN=nova-1", "delete", POLICY_ALLOWED, 5);
    assert_answer(policy, "dn:C=DE, CN=other", "delete", POLICY_DENIED, 0);
    assert_answer(policy, "uid:10001", "start", POLICY_DENIED, 0);
    g_assert_cmpint(ask(policy, "uid:1000", "network", "start", NULL, NULL), ==, POLICY_DENIED);
    g_assert_true(g_str_has_prefix(policy_rule(policy, 2), "deny"));
    g_assert_null(policy_rule(policy, 3));
    policy_unref(policy);
}

static void assert_object(const Policy *policy, const PolicyObject *object, PolicyAnswer answer, unsigned line)
{
    unsigned said;

    g_assert_cmpint(ask(policy, "uid:1", "domain", "start", object, &said), ==, answer);
    g_assert_cmpuint(said, ==, line);
}

static void rules_about_objects_answer_when_the_object_is_known(void)
{
    Error error = ERROR_INIT;
    Policy *policy = read_rules("deny uid:1 domain:* label:secret\n"
                                "allow gid:100 domain:* name:web-*\n"
                                "allow uid:1 *:start uuid:11111111-2222-3333-4444-555555555555\n", &error);
    static const char *const secret[] = { "public", "secret", NULL };
    Uuid uuid;

    g_assert_true(uuid_parse("11111111-2222-3333-4444-555555555555", &uuid));
    assert_object(policy, NULL, POLICY_DEPENDS, 1);
    assert_object(policy, &(PolicyObject){ .name = "web-1" }, POLICY_ALLOWED, 2);
    assert_object(policy, &(PolicyObject){ .name = "web-1", .labels = secret }, POLICY_DENIED, 1);
    assert_object(policy, &(PolicyObject){ .name = "web-1", .labels_unknown = true }, POLICY_DENIED, 1);
    assert_object(policy, &(PolicyObject){ .name = "db", .uuid = &uuid }, POLICY_ALLOWED, 3);
    assert_object(policy, &(PolicyObject){ .name = "db" }, POLICY_DENIED, 0);
    g_assert_cmpint(ask(policy, "uid:1", "connect", "start", NULL, NULL), ==, POLICY_DENIED);
    policy_unref(policy);
}

static void an_answer_that_no_object_changes_does_not_depend_on_it(void)
{
    Error error = ERROR_INIT;
    Policy *policy = read_rules("allow * domain:* name:web-*\nallow * domain:*\n"
                                "deny * network:* name:web-*\n", &error);
    unsigned line;

    assert_answer(policy, "uid:1", "start", POLICY_ALLOWED, 2);
    g_assert_cmpint(ask(policy, "uid:1", "network", "start", NULL, &line), ==, POLICY_DENIED);
    g_assert_cmpuint(line, ==, 0);
    policy_unref(policy);
}

static void rules_may_be_for_readers_alone(void)
{
    Error error = ERROR_INIT;
    Policy *policy = read_rules("deny * domain:* access:ro\nallow * *\n", &error);
    const char *names[] = { "uid:1", NULL };
    PolicySubject subject = { .names = names, .read_only = true };

    g_assert_cmpint(policy_ask(policy, &subject, "domain", "read", NULL, NULL), ==, POLICY_DENIED);
    subject.read_only = false;
    g_assert_cmpint(policy_ask(policy, &subject, "domain", "read", NULL, NULL), ==, POLICY_ALLOWED);
    policy_unref(policy);
}

static void an_empty_file_allows_nothing(void)
{
    Error error = ERROR_INIT;
    Policy *policy = read_rules("", &error);

    assert_answer(policy, "uid:0", "read", POLICY_DENIED, 0);
    policy_unref(policy);
}

static void a_mistake_is_named_with_its_line(void)
{
    static const char *const bad[] = {
        "# one\nallow uid:0\n", "# one\npermit uid:0 *\n", "# one\nallow uid:0 domain:read more\n",
        "# one\nallow uid:0 domain:read name:a name:b\n", "# one\nallow uid:0 domain:read uuid:1234\n",
        "# one\nallow uid:0 domain:read access:ro access:rw\n",
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
    g_test_add_func("/server/policy/rules_about_objects_answer_when_the_object_is_known",
                    rules_about_objects_answer_when_the_object_is_known);
    g_test_add_func("/server/policy/an_answer_that_no_object_changes_does_not_depend_on_it",
                    an_answer_that_no_object_changes_does_not_depend_on_it);
    g_test_add_func("/server/policy/rules_may_be_for_readers_alone", rules_may_be_for_readers_alone);
    g_test_add_func("/server/policy/an_empty_file_allows_nothing", an_empty_file_allows_nothing);
    g_test_add_func("/server/policy/a_mistake_is_named_with_its_line", a_mistake_is_named_with_its_line);
    g_test_add_func("/server/policy/a_file_that_is_not_there_is_an_error", a_file_that_is_not_there_is_an_error);
    return g_test_run();
}
