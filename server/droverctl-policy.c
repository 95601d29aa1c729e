/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks the rules of access the way the server does. The main thread of droverctl. */
#include "server/droverctl-policy.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "server/policy.h"

typedef struct Question {
    GPtrArray *names, *labels;    /* borrowed texts */
    char *kind, *permission;      /* one allocation, owned through kind */
    const char *object_name;
    Uuid uuid;
    bool has_uuid, read_only;
} Question;

static void question_clear(Question *question)
{
    g_ptr_array_unref(question->names);
    g_ptr_array_unref(question->labels);
    g_free(question->kind);
}

static bool take_word(Question *question, const char *word)
{
    if (g_str_has_prefix(word, "name:"))
        question->object_name = word + 5;
    else if (g_str_has_prefix(word, "label:"))
        g_ptr_array_add(question->labels, (char *)word + 6);
    else if (g_str_has_prefix(word, "also:"))
        g_ptr_array_add(question->names, (char *)word + 5);
    else if (g_str_has_prefix(word, "uuid:") && uuid_parse(word + 5, &question->uuid))
        question->has_uuid = true;
    else if (strcmp(word, "access:ro") == 0)
        question->read_only = true;
    else
        return strcmp(word, "access:rw") == 0;
    return true;
}

/* False, with a line on standard error: it can't be understood. */
static bool read_question(Question *question, char *const *words)
{
    char *colon;

    g_ptr_array_add(question->names, words[0]);
    question->kind = g_strdup(words[1]);
    colon = strchr(question->kind, ':');
    if (!colon) {
        fprintf(stderr, _("droverctl: '%s' is no OBJECT:PERMISSION\n"), words[1]);
        return false;
    }
    *colon = '\0';
    question->permission = colon + 1;
    for (char *const *word = words + 2; *word; word++)
        if (!take_word(question, *word)) {
            fprintf(stderr, _("droverctl: '%s' is not name:NAME, uuid:UUID, label:LABEL, also:WHO, access:ro or access:rw\n"),
                    *word);
            return false;
        }
    g_ptr_array_add(question->names, NULL);
    g_ptr_array_add(question->labels, NULL);
    return true;
}

static const char *word_of(PolicyAnswer answer)
{
    switch (answer) {
    case POLICY_ALLOWED:
        return _("allowed");
    case POLICY_DENIED:
        return _("denied");
    case POLICY_DEPENDS:
        return _("depends on the object");
    }
    g_assert_not_reached();
}

static void print_answer(const char *file, const Policy *policy, PolicyAnswer answer, unsigned line, bool as_json)
{
    static const char *const json[] = { "false", "true", "null" };

    if (as_json)
        printf("{\"allowed\": %s, \"line\": %u}\n", json[answer], line);
    else if (line)
        printf("%s: %s:%u: %s\n", word_of(answer), file, line, policy_rule(policy, line));
    else
        printf(_("denied: no rule in %s matches\n"), file);
}

static int ask(const char *file, const Question *question, bool as_json)
{
    const PolicySubject subject = {
        .names = (const char *const *)question->names->pdata, .read_only = question->read_only,
    };
    const PolicyObject object = {
        .name = question->object_name, .uuid = question->has_uuid ? &question->uuid : NULL,
        .labels = (const char *const *)question->labels->pdata,
    };
    bool known = question->object_name || question->has_uuid || question->labels->len > 1;
    Error error = ERROR_INIT;
    g_autoptr(Policy) policy = policy_load(file, &error);
    PolicyAnswer answer;
    unsigned line;

    if (!policy) {
        fprintf(stderr, "droverctl: %s\n", error.message);
        error_clear(&error);
        return 2;
    }
    answer = policy_ask(policy, &subject, question->kind, question->permission, known ? &object : NULL, &line);
    print_answer(file, policy, answer, line, as_json);
    return answer == POLICY_ALLOWED ? 0 : 1;
}

int droverctl_policy_check(const char *file, char *const *words, bool as_json)
{
    Question question = { .names = g_ptr_array_new(), .labels = g_ptr_array_new() };
    int r = read_question(&question, words) ? ask(file, &question, as_json) : 2;

    question_clear(&question);
    return r;
}
