/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes every operation, what became of it and how long it took into the log, as information from
 * drivers.wrap.trace, and that it begins, for debugging: "trace procedure=domain.* domain=x". Runs on the
 * thread of the operation and takes LOCK_LOG for a moment. */
#include "base/clock.h"
#include "base/log.h"
#include "drivers/wrap/private.h"

LOG_SOURCE("drivers.wrap.trace");

typedef struct Trace {
    Wrap wrap;
    WrapRule rule;
} Trace;

static int trace_around(Wrap *wrap, Op *op, const void *args, void *result)
{
    const char *name;
    int64_t begun;
    int r;

    if (!log_wanted(&log_source, LOG_LEVEL_INFO) || !wrap_rule_takes(&((Trace *)wrap)->rule, op))
        return wrap_next(wrap, op, args, result);
    name = wrap_domain_name(op);
    log_debug("client %" G_GUINT64_FORMAT ": %s%s%s%s begins", op->client, op->proc->name, name ? " of '" : "", name ? name : "",
              name ? "'" : "");
    begun = clock_now();
    r = wrap_next(wrap, op, args, result);
    name = wrap_domain_name(op);
    log_info("client %" G_GUINT64_FORMAT ": %s%s%s%s: %s, %" G_GINT64_FORMAT " us", op->client, op->proc->name,
             name ? " of '" : "", name ? name : "", name ? "'" : "", r < 0 ? op->error->message : "done",
             (clock_now() - begun) / 1000);
    return r;
}

static void trace_free(Wrap *wrap)
{
    Trace *trace = (Trace *)wrap;

    wrap_rule_clear(&trace->rule);
    g_free(trace);
}

Wrap *wrap_trace_new(WrapWords *words, Error *error)
{
    Trace *trace = g_new0(Trace, 1);

    trace->wrap = (Wrap){ .around = trace_around, .free = trace_free };
    if (wrap_rule_init(&trace->rule, words, error) == 0)
        return &trace->wrap;
    trace_free(&trace->wrap);
    return NULL;
}
