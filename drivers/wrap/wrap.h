/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drivers around a driver: each sees every operation before and after the one it wraps.
 * Immutable after creation, shared by all threads; an operation may be delayed or refused, its
 * arguments may not be changed. */
#pragma once

#include "drivers/driver.h"

typedef struct Wrap Wrap;

struct Wrap {
    const char *name;     /* "delay" */
    /* Calls wrap_next at most once. The contract of an operation (drivers/driver.h) holds here too. */
    int (*around)(Wrap *wrap, Op *op, const void *args, void *result);
    /* True when operations of this row may be held up: they then run on a worker. NULL: never. */
    bool (*may_block)(Wrap *wrap, const Proc *proc);
    void (*free)(Wrap *wrap);
    Wrap *inner;          /* owned; NULL: the driver itself */
};

/* Runs what `wrap` is around. */
static inline int wrap_next(Wrap *wrap, Op *op, const void *args, void *result)
{
    return wrap->inner ? wrap->inner->around(wrap->inner, op, args, result) : op->invoke(op, args, result);
}

/* Makes the wrappers of the setting `driver_wrap`, each a string, outermost first:
 *   "delay ms=500 procedure=domain.suspend domain=stuck"   holds the operation up (ends early when interrupted)
 *   "fail code=9 procedure=domain.* domain=x every=3"      answers that error instead
 *   "trace"                                               logs every operation with its time
 * procedure and domain are shell patterns, default "*". NULL-terminated list; NULL and
 * VIR_ERR_CONF_SYNTAX for words that aren't known; *wrap NULL for an empty list. */
int wrap_new(const char *const *specs, Wrap **wrap, Error *error);
void wrap_free(Wrap *wrap);    /* the whole chain; NULL is fine */
bool wrap_may_block(Wrap *wrap, const Proc *proc);    /* any of the chain; NULL is fine */
