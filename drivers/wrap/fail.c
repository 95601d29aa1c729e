/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers an error instead of running the operation: "fail code=9 procedure=domain.* domain=x every=3".
 * Runs on the thread of the operation, never waits, takes no lock. */
#include "base/i18n.h"
#include "drivers/wrap/private.h"

/* Codes are numbered without holes; newer ones than ours may be tried too. */
enum { CODE_MAX = 255 };

typedef struct Fail {
    Wrap wrap;
    WrapRule rule;
    int64_t code;
} Fail;

static int fail_around(Wrap *wrap, Op *op, const void *args, void *result)
{
    Fail *fail = (Fail *)wrap;

    if (!wrap_rule_takes(&fail->rule, op))
        return wrap_next(wrap, op, args, result);
    return error_set(op->error, op->host ? op->host->driver->error_domain : VIR_FROM_NONE, (int)fail->code,
                     _("%s fails because the setting driver_wrap wants it"), op->proc->name);
}

static void fail_free(Wrap *wrap)
{
    Fail *fail = (Fail *)wrap;

    wrap_rule_clear(&fail->rule);
    g_free(fail);
}

Wrap *wrap_fail_new(WrapWords *words, Error *error)
{
    Fail *fail = g_new0(Fail, 1);

    fail->wrap = (Wrap){ .around = fail_around, .free = fail_free };
    fail->code = VIR_ERR_OPERATION_FAILED;
    if (wrap_rule_init(&fail->rule, words, error) == 0 &&
        wrap_words_number(words, "code", 1, CODE_MAX, &fail->code, error) == 0)
        return &fail->wrap;
    fail_free(&fail->wrap);
    return NULL;
}
