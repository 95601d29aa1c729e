/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the rules of access, and asking them. */
#include "server/policy.h"

#include <string.h>

#include <glib.h>

#include "base/i18n.h"

typedef struct Rule {
    bool allow;
    unsigned line;
    char *text;
    GPatternSpec *who, *right;
} Rule;

struct Policy {
    GArray *rules;    /* of Rule, in the file's order */
};

static void rule_clear(void *data)
{
    Rule *rule = data;

    g_free(rule->text);
    g_pattern_spec_free(rule->who);
    g_pattern_spec_free(rule->right);
}

static int mistake(const char *file, unsigned line, const char *what, Error *error)
{
    return error_set(error, VIR_FROM_CONF, VIR_ERR_CONF_SYNTAX, "%s:%u: %s", file, line, what);
}

/* Three words, NULL-terminated; what is not a rule gives another number of them. NULL: quotes that don't end. */
static char **words_of(const char *text)
{
    char **words = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_shell_parse_argv(text, NULL, &words, &error) && g_error_matches(error, G_SHELL_ERROR,
                                                                           G_SHELL_ERROR_EMPTY_STRING))
        return g_new0(char *, 1);
    return words;
}

static int add_rule(Policy *policy, const char *file, unsigned line, char *text, Error *error)
{
    g_auto(GStrv) words = words_of(text);
    Rule rule = { .line = line };

    if (!words)
        return mistake(file, line, _("a quote doesn't end"), error);
    if (!words[0])
        return 0;
    if (g_strv_length(words) != 3)
        return mistake(file, line, _("a rule is 'allow' or 'deny', who, and a right"), error);
    rule.allow = strcmp(words[0], "allow") == 0;
    if (!rule.allow && strcmp(words[0], "deny") != 0)
        return mistake(file, line, _("a rule begins with 'allow' or 'deny'"), error);
    if (strcmp(words[2], "*") != 0 && !strchr(words[2], ':'))
        return mistake(file, line, _("a right is OBJECT:PERMISSION, as domain:start, or *"), error);
    rule.text = g_strdup(g_strstrip(text));
    rule.who = g_pattern_spec_new(words[1]);
    rule.right = g_pattern_spec_new(words[2]);
    g_array_append_val(policy->rules, rule);
    return 0;
}

Policy *policy_load(const char *file, Error *error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) reason = NULL;
    g_auto(GStrv) lines = NULL;
    Policy *policy;

    if (!g_file_get_contents(file, &text, NULL, &reason)) {
        error_set(error, VIR_FROM_CONF, VIR_ERR_SYSTEM_ERROR, _("cannot read the rules of access: %s"), reason->message);
        return NULL;
    }
    policy = g_new0(Policy, 1);
    policy->rules = g_array_new(FALSE, FALSE, sizeof(Rule));
    g_array_set_clear_func(policy->rules, rule_clear);
    lines = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; lines[i]; i++)
        if (add_rule(policy, file, i + 1, lines[i], error) < 0) {
            policy_free(policy);
            return NULL;
        }
    return policy;
}

void policy_free(Policy *policy)
{
    if (!policy)
        return;
    g_array_unref(policy->rules);
    g_free(policy);
}

bool policy_allows(const Policy *policy, const char *who, const char *object, const char *permission, unsigned *line)
{
    g_autofree char *right = g_strdup_printf("%s:%s", object, permission);

    for (unsigned i = 0; i < policy->rules->len; i++) {
        const Rule *rule = &g_array_index(policy->rules, Rule, i);

        if (!g_pattern_spec_match_string(rule->who, who) || !g_pattern_spec_match_string(rule->right, right))
            continue;
        if (line)
            *line = rule->line;
        return rule->allow;
    }
    if (line)
        *line = 0;
    return false;
}

const char *policy_rule(const Policy *policy, unsigned line)
{
    for (unsigned i = 0; i < policy->rules->len; i++)
        if (g_array_index(policy->rules, Rule, i).line == line)
            return g_array_index(policy->rules, Rule, i).text;
    return NULL;
}
