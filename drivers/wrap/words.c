/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of a wrapper's specification and the rule that they make. Words are read once, by one thread;
 * rules are asked by all threads at once and count with atomics, without a lock. */
#include <fnmatch.h>

#include "base/i18n.h"
#include "drivers/wrap/private.h"

/* --- words ----------------------------------------------------------------------------------- */

int wrap_words_bad(const WrapWords *words, Error *error, const char *why)
{
    return error_set(error, VIR_FROM_CONF, VIR_ERR_CONF_SYNTAX, _("the wrapper '%s' can't be made: %s"), words->spec,
                     why);
}

/* Takes one "key=value" in. */
static int add_word(WrapWords *words, const char *word, Error *error)
{
    const char *equals = strchr(word, '=');
    g_autofree char *key = NULL;

    if (!equals || equals == word || !equals[1])
        return wrap_words_bad(words, error, _("each word behind the name is written as key=value"));
    key = g_strndup(word, (size_t)(equals - word));
    if (g_hash_table_contains(words->values, key))
        return wrap_words_bad(words, error, _("a key stands there twice"));
    g_hash_table_insert(words->values, g_steal_pointer(&key), g_strdup(equals + 1));
    return 0;
}

int wrap_words_parse(const char *spec, WrapWords *words, Error *error)
{
    g_auto(GStrv) parts = g_strsplit_set(spec, " \t", -1);

    *words = (WrapWords){
        .spec = spec,
        .values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
    };
    for (char **part = parts; *part; part++) {
        if (!**part)
            continue;
        if (!words->name)
            words->name = g_strdup(*part);
        else if (add_word(words, *part, error) < 0)
            return -1;
    }
    return words->name ? 0 : wrap_words_bad(words, error, _("it has no name"));
}

void wrap_words_clear(WrapWords *words)
{
    g_free(words->name);
    if (words->values)
        g_hash_table_unref(words->values);
}

int wrap_words_number(WrapWords *words, const char *key, int64_t min, int64_t max, int64_t *number, Error *error)
{
    const char *text = g_hash_table_lookup(words->values, key);
    gint64 value;

    if (!text)
        return 0;
    if (!g_ascii_string_to_signed(text, 10, min, max, &value, NULL)) {
        g_autofree char *why = g_strdup_printf(_("%s must be a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT),
                                               key, min, max);

        return wrap_words_bad(words, error, why);
    }
    *number = value;
    g_hash_table_remove(words->values, key);
    return 0;
}

char *wrap_words_text(WrapWords *words, const char *key, const char *otherwise)
{
    char *text = g_strdup(g_hash_table_lookup(words->values, key));

    g_hash_table_remove(words->values, key);
    return text ? text : g_strdup(otherwise);
}

int wrap_words_finish(WrapWords *words, Error *error)
{
    GHashTableIter iter;
    void *key;

    g_hash_table_iter_init(&iter, words->values);
    if (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_autofree char *why = g_strdup_printf(_("'%s' is not known there"), (const char *)key);

        return wrap_words_bad(words, error, why);
    }
    return 0;
}

/* --- rules ----------------------------------------------------------------------------------- */

int wrap_rule_init(WrapRule *rule, WrapWords *words, Error *error)
{
    *rule = (WrapRule){ .every = 1 };
    if (wrap_words_number(words, "every", 1, INT32_MAX, &rule->every, error) < 0 ||
        wrap_words_number(words, "times", 1, INT32_MAX, &rule->times, error) < 0)
        return -1;
    rule->procedure = wrap_words_text(words, "procedure", "*");
    rule->domain = wrap_words_text(words, "domain", "*");
    return 0;
}

void wrap_rule_clear(WrapRule *rule)
{
    g_free(rule->procedure);
    g_free(rule->domain);
}

const char *wrap_domain_name(const Op *op)
{
    if (op->view)
        return op->view->name;
    /* A new domain has no view yet; its name is the running job's. */
    return op->domain ? op->domain->name : NULL;
}

bool wrap_rule_covers(const WrapRule *rule, const Proc *proc)
{
    return fnmatch(rule->procedure, proc->name, 0) == 0;
}

static bool matches(const WrapRule *rule, const Op *op)
{
    const char *name;

    if (!wrap_rule_covers(rule, op->proc))
        return false;
    if (strcmp(rule->domain, "*") == 0)
        return true;
    name = wrap_domain_name(op);
    return name && fnmatch(rule->domain, name, 0) == 0;
}

bool wrap_rule_takes(WrapRule *rule, const Op *op)
{
    if (!matches(rule, op))
        return false;
    if (__atomic_add_fetch(&rule->matched, 1, __ATOMIC_RELAXED) % rule->every != 0)
        return false;
    return !rule->times || __atomic_add_fetch(&rule->acted, 1, __ATOMIC_RELAXED) <= rule->times;
}
