/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the rules of access, and asking them. */
#include "server/policy.h"

#include <string.h>

#include <glib.h>

#include "base/i18n.h"

typedef enum Access { ACCESS_ANY, ACCESS_READ_ONLY, ACCESS_READ_WRITE } Access;

typedef struct Rule {
    bool allow;
    unsigned line;
    char *text;
    GPatternSpec *who, *right;
    /* conditions: NULL or ACCESS_ANY is none */
    GPatternSpec *name, *label;
    Uuid *uuid;
    Access access;
} Rule;

struct Policy {
    int refs;         /* atomic */
    GArray *rules;    /* of Rule, in the file's order */
};

static void free_pattern(GPatternSpec *pattern)
{
    if (pattern)
        g_pattern_spec_free(pattern);
}

static void rule_clear(void *data)
{
    Rule *rule = data;

    g_free(rule->text);
    free_pattern(rule->who);
    free_pattern(rule->right);
    free_pattern(rule->name);
    free_pattern(rule->label);
    g_free(rule->uuid);
}

/* --- reading --------------------------------------------------------------------------------------- */

static int mistake(const char *file, unsigned line, const char *what, Error *error)
{
    return error_set(error, VIR_FROM_CONF, VIR_ERR_CONF_SYNTAX, "%s:%u: %s", file, line, what);
}

/* NULL-terminated. NULL: quotes that don't end. */
static char **words_of(const char *text)
{
    char **words = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_shell_parse_argv(text, NULL, &words, &error) && g_error_matches(error, G_SHELL_ERROR,
                                                                           G_SHELL_ERROR_EMPTY_STRING))
        return g_new0(char *, 1);
    return words;
}

/* A condition may stand once: the second of a kind would be lost. NULL: good; else what is wrong. */
static const char *take_pattern(GPatternSpec **pattern, const char *text)
{
    if (*pattern)
        return _("a condition stands twice");
    *pattern = g_pattern_spec_new(text);
    return NULL;
}

static const char *take_uuid(Rule *rule, const char *text)
{
    Uuid uuid;

    if (rule->uuid)
        return _("a condition stands twice");
    if (!uuid_parse(text, &uuid))
        return _("this is no UUID");
    rule->uuid = g_memdup2(&uuid, sizeof uuid);
    return NULL;
}

static const char *take_condition(Rule *rule, const char *word)
{
    if (g_str_has_prefix(word, "name:"))
        return take_pattern(&rule->name, word + 5);
    if (g_str_has_prefix(word, "label:"))
        return take_pattern(&rule->label, word + 6);
    if (g_str_has_prefix(word, "uuid:"))
        return take_uuid(rule, word + 5);
    if (rule->access == ACCESS_ANY && strcmp(word, "access:ro") == 0)
        rule->access = ACCESS_READ_ONLY;
    else if (rule->access == ACCESS_ANY && strcmp(word, "access:rw") == 0)
        rule->access = ACCESS_READ_WRITE;
    else
        return _("a condition is name:PATTERN, uuid:UUID, label:PATTERN, access:ro or access:rw");
    return NULL;
}

/* NULL: good; else what is wrong. */
static const char *take_words(Rule *rule, char **words)
{
    const char *wrong = NULL;

    if (g_strv_length(words) < 3)
        return _("a rule is 'allow' or 'deny', who, and a right");
    rule->allow = strcmp(words[0], "allow") == 0;
    if (!rule->allow && strcmp(words[0], "deny") != 0)
        return _("a rule begins with 'allow' or 'deny'");
    if (strcmp(words[2], "*") != 0 && !strchr(words[2], ':'))
        return _("a right is OBJECT:PERMISSION, as domain:start, or *");
    rule->who = g_pattern_spec_new(words[1]);
    rule->right = g_pattern_spec_new(words[2]);
    for (char **word = words + 3; *word && !wrong; word++)
        wrong = take_condition(rule, *word);
    return wrong;
}

static int add_rule(Policy *policy, const char *file, unsigned line, char *text, Error *error)
{
    g_auto(GStrv) words = words_of(text);
    Rule rule = { .line = line };
    const char *wrong;

    if (!words)
        return mistake(file, line, _("a quote doesn't end"), error);
    if (!words[0])
        return 0;
    wrong = take_words(&rule, words);
    if (wrong) {
        rule_clear(&rule);
        return mistake(file, line, wrong, error);
    }
    rule.text = g_strdup(g_strstrip(text));
    g_array_append_val(policy->rules, rule);
    return 0;
}

Policy *policy_load(const char *file, Error *error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) reason = NULL;
    g_autoptr(Policy) policy = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(file, &text, NULL, &reason)) {
        error_set(error, VIR_FROM_CONF, VIR_ERR_SYSTEM_ERROR, _("cannot read the rules of access: %s"), reason->message);
        return NULL;
    }
    policy = g_new0(Policy, 1);
    policy->refs = 1;
    policy->rules = g_array_new(FALSE, FALSE, sizeof(Rule));
    g_array_set_clear_func(policy->rules, rule_clear);
    lines = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; lines[i]; i++)
        if (add_rule(policy, file, i + 1, lines[i], error) < 0)
            return NULL;
    return g_steal_pointer(&policy);
}

Policy *policy_ref(Policy *policy)
{
    __atomic_add_fetch(&policy->refs, 1, __ATOMIC_RELAXED);
    return policy;
}

void policy_unref(Policy *policy)
{
    if (!policy || __atomic_sub_fetch(&policy->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    g_array_unref(policy->rules);
    g_free(policy);
}

/* --- asking ---------------------------------------------------------------------------------------- */

static bool matches_one(GPatternSpec *pattern, const char *const *texts)
{
    for (; texts && *texts; texts++)
        if (g_pattern_spec_match_string(pattern, *texts))
            return true;
    return false;
}

static bool matches_subject(const Rule *rule, const PolicySubject *subject)
{
    if (rule->access != ACCESS_ANY && (rule->access == ACCESS_READ_ONLY) != subject->read_only)
        return false;
    return matches_one(rule->who, subject->names);
}

static bool is_about_objects(const Rule *rule)
{
    return rule->name || rule->label || rule->uuid;
}

static bool matches_object(const Rule *rule, const PolicyObject *object)
{
    if (rule->uuid && (!object->uuid || !uuid_equal(rule->uuid, object->uuid)))
        return false;
    if (rule->name && (!object->name || !g_pattern_spec_match_string(rule->name, object->name)))
        return false;
    if (rule->label && object->labels_unknown)
        return !rule->allow;
    return !rule->label || matches_one(rule->label, object->labels);
}

/* What is known while the rules are gone through. */
typedef struct Search {
    const PolicyObject *object;
    bool connection;      /* the right is one to the connection: no object can come */
    bool may_allow, may_deny;
    unsigned first;       /* the first line that depends on the object; 0: none */
} Search;

/* True: this rule decides. */
static bool decides(Search *search, const Rule *rule)
{
    if (!is_about_objects(rule))
        return true;
    if (search->connection)
        return false;
    if (search->object)
        return matches_object(rule, search->object);
    if (rule->allow)
        search->may_allow = true;
    else
        search->may_deny = true;
    if (!search->first)
        search->first = rule->line;
    return false;
}

static PolicyAnswer conclude(const Search *search, bool allow, unsigned at, unsigned *line)
{
    bool depends = allow ? search->may_deny : search->may_allow;

    if (line)
        *line = depends ? search->first : at;
    return depends ? POLICY_DEPENDS : allow ? POLICY_ALLOWED : POLICY_DENIED;
}

PolicyAnswer policy_ask(const Policy *policy, const PolicySubject *subject, const char *kind, const char *permission,
                        const PolicyObject *object, unsigned *line)
{
    Search search = { .object = object, .connection = strcmp(kind, "connect") == 0 };
    char right[128];

    g_snprintf(right, sizeof right, "%s:%s", kind, permission);
    for (unsigned i = 0; i < policy->rules->len; i++) {
        const Rule *rule = &g_array_index(policy->rules, Rule, i);

        if (g_pattern_spec_match_string(rule->right, right) && matches_subject(rule, subject) && decides(&search, rule))
            return conclude(&search, rule->allow, rule->line, line);
    }
    return conclude(&search, false, 0, line);
}

const char *policy_rule(const Policy *policy, unsigned line)
{
    for (unsigned i = 0; i < policy->rules->len; i++)
        if (g_array_index(policy->rules, Rule, i).line == line)
            return g_array_index(policy->rules, Rule, i).text;
    return NULL;
}
