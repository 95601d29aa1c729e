/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Holds operations up: "delay ms=500 procedure=domain.suspend domain=stuck every=2 times=10".
 * Runs on the thread of the operation, always a worker: may_block says so, and calls of the control lane, which
 * never leave the I/O thread, pass. Inside a job it can be interrupted, outside it sleeps to the end. Holds no lock. */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/lock.h"
#include "drivers/wrap/private.h"

enum { DELAY_MAX_MS = 24 * 3600 * 1000 };

typedef struct Delay {
    Wrap wrap;
    WrapRule rule;
    int64_t ms;
} Delay;

static void sleep_until(int64_t until)
{
    const struct timespec when = { .tv_sec = until / CLOCK_S, .tv_nsec = until % CLOCK_S };

    lock_assert_none();
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
        ;
}

static int delay_around(Wrap *wrap, Op *op, const void *args, void *result)
{
    Delay *delay = (Delay *)wrap;
    int64_t until;

    if (op->proc->lane == LANE_CONTROL || !wrap_rule_takes(&delay->rule, op))
        return wrap_next(wrap, op, args, result);
    until = clock_now() + delay->ms * CLOCK_MS;
    if (!op->ticket) {
        sleep_until(until);
    } else if (!job_sleep(op->ticket, until)) {
        const char *name = wrap_domain_name(op);

        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_ABORTED,
                         _("%s of domain '%s' was held up and has been interrupted"), op->proc->name, name ? name : "");
    }
    return wrap_next(wrap, op, args, result);
}

static bool delay_may_block(Wrap *wrap, const Proc *proc)
{
    return proc->lane != LANE_CONTROL && wrap_rule_covers(&((Delay *)wrap)->rule, proc);
}

static void delay_free(Wrap *wrap)
{
    Delay *delay = (Delay *)wrap;

    wrap_rule_clear(&delay->rule);
    g_free(delay);
}

Wrap *wrap_delay_new(WrapWords *words, Error *error)
{
    Delay *delay = g_new0(Delay, 1);

    delay->wrap = (Wrap){ .around = delay_around, .may_block = delay_may_block, .free = delay_free };
    delay->ms = -1;
    if (wrap_rule_init(&delay->rule, words, error) == 0 &&
        wrap_words_number(words, "ms", 0, DELAY_MAX_MS, &delay->ms, error) == 0) {
        if (delay->ms >= 0)
            return &delay->wrap;
        wrap_words_bad(words, error, _("ms=NUMBER is missing"));
    }
    delay_free(&delay->wrap);
    return NULL;
}
