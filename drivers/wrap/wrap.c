/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The chain of wrappers: made from the settings at the start by one thread, immutable after. */
#include "drivers/wrap/wrap.h"

#include "base/i18n.h"
#include "drivers/wrap/private.h"

static const struct {
    const char *name;
    Wrap *(*make)(WrapWords *words, Error *error);
} kinds[] = {
    { "delay", wrap_delay_new },
    { "fail", wrap_fail_new },
    { "trace", wrap_trace_new },
};

static Wrap *make(WrapWords *words, Error *error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        Wrap *wrap;

        if (strcmp(words->name, kinds[i].name) != 0)
            continue;
        wrap = kinds[i].make(words, error);
        if (wrap && wrap_words_finish(words, error) < 0) {
            wrap->free(wrap);
            return NULL;
        }
        if (wrap)
            wrap->name = kinds[i].name;
        return wrap;
    }
    wrap_words_bad(words, error, _("there is no such wrapper; known are delay, fail and trace"));
    return NULL;
}

static Wrap *make_one(const char *spec, Error *error)
{
    WrapWords words = { .spec = spec };
    Wrap *wrap = wrap_words_parse(spec, &words, error) < 0 ? NULL : make(&words, error);

    wrap_words_clear(&words);
    return wrap;
}

int wrap_new(const char *const *specs, Wrap **wrap, Error *error)
{
    Wrap *outermost = NULL, **place = &outermost;

    for (; specs && *specs; specs++) {
        *place = make_one(*specs, error);
        if (!*place) {
            wrap_free(outermost);
            return -1;
        }
        place = &(*place)->inner;
    }
    *wrap = outermost;
    return 0;
}

void wrap_free(Wrap *wrap)
{
    while (wrap) {
        Wrap *inner = wrap->inner;

        wrap->free(wrap);
        wrap = inner;
    }
}

bool wrap_may_block(Wrap *wrap, const Proc *proc)
{
    for (; wrap; wrap = wrap->inner) {
        if (wrap->may_block && wrap->may_block(wrap, proc))
            return true;
    }
    return false;
}
