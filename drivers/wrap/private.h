/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the wrappers alone: the words of a specification, and which operations they choose.
 * Made by one thread at the start, then only the counters of a rule change. */
#pragma once

#include "drivers/wrap/wrap.h"

/* "delay ms=500 domain=stuck": the name, and what stands behind it. */
typedef struct WrapWords {
    const char *spec;         /* for messages */
    char *name;
    GHashTable *values;       /* key → value; a wrapper takes out what it knows */
} WrapWords;

/* -1 and VIR_ERR_CONF_SYNTAX. */
int wrap_words_parse(const char *spec, WrapWords *words, Error *error);
void wrap_words_clear(WrapWords *words);
/* Sets *number when the word is there: a whole number from `min` to `max`. 0, or -1 and an error. */
int wrap_words_number(WrapWords *words, const char *key, int64_t min, int64_t max, int64_t *number, Error *error);
/* The word, owned by the caller; a copy of `otherwise` when it isn't there (NULL: NULL). */
char *wrap_words_text(WrapWords *words, const char *key, const char *otherwise);
/* -1 and an error that names a word nobody took out. */
int wrap_words_finish(WrapWords *words, Error *error);
/* -1 and VIR_ERR_CONF_SYNTAX about the specification. */
int wrap_words_bad(const WrapWords *words, Error *error, const char *why);

/* Which operations a wrapper acts on: procedure=, domain=, every=, times=. */
typedef struct WrapRule {
    /* fixed */
    char *procedure, *domain; /* shell patterns */
    int64_t every;            /* 1: each that matches */
    int64_t times;            /* 0: without end */
    /* atomic */
    int64_t matched, acted;
} WrapRule;

int wrap_rule_init(WrapRule *rule, WrapWords *words, Error *error);
void wrap_rule_clear(WrapRule *rule);
/* Whether the wrapper acts on this operation; counts it. */
bool wrap_rule_takes(WrapRule *rule, const Op *op);
/* Whether it could act on any operation of the row. */
bool wrap_rule_covers(const WrapRule *rule, const Proc *proc);
/* The name of the domain that the operation is about, NULL when it is about none. Borrowed. */
const char *wrap_domain_name(const Op *op);

/* Each takes its own words out; NULL and an error. */
Wrap *wrap_delay_new(WrapWords *words, Error *error);
Wrap *wrap_fail_new(WrapWords *words, Error *error);
Wrap *wrap_trace_new(WrapWords *words, Error *error);
