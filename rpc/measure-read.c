/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading what was counted: adds the threads' figures up while they go on counting, one procedure at a time, so that
 * the sum needs memory for one. Any thread; takes LOCK_MEASURE, for which nobody waits who serves calls. */
#include "rpc/measure-private.h"

#include "rpc/client-private.h"

static uint64_t load(const uint64_t *figure)
{
    return __atomic_load_n(figure, __ATOMIC_RELAXED);
}

static void add_row(CallTotals *totals, MeasureRow *row)
{
    uint64_t *codes = __atomic_load_n(&row->codes, __ATOMIC_ACQUIRE);

    totals->calls += load(&row->calls);
    totals->failed += load(&row->failed);
    totals->abandoned += load(&row->abandoned);
    for (unsigned i = 0; codes && i < CALL_CODES; i++)
        totals->codes[i] += load(&codes[i]);
    for (unsigned i = 0; i < CALL_PHASES; i++) {
        Histogram *histogram = __atomic_load_n(&row->phases[i], __ATOMIC_ACQUIRE);

        if (histogram)
            histogram_merge(&totals->phases[i], histogram);
    }
}

static MeasureRow *row_of(const MeasureSlot *slot, unsigned program, unsigned number)
{
    MeasureRow **rows = __atomic_load_n(&slot->rows[program], __ATOMIC_ACQUIRE);

    return rows ? __atomic_load_n(&rows[number], __ATOMIC_ACQUIRE) : NULL;
}

/* False: no call of it has ended. */
static bool total_locked(const Measure *measure, unsigned program, unsigned number, CallTotals *totals)
{
    bool any = false;

    lock_assert_held(&measure->lock);
    for (const MeasureSlot *slot = measure->slots; slot; slot = slot->next) {
        MeasureRow *row = row_of(slot, program, number);

        if (!row)
            continue;
        if (!any)
            *totals = (CallTotals){ 0 };
        any = true;
        add_row(totals, row);
    }
    return any;
}

static void subtract(CallTotals *totals, const CallTotals *before)
{
    if (!before)
        return;
    totals->calls -= before->calls;
    totals->failed -= before->failed;
    totals->abandoned -= before->abandoned;
    for (unsigned i = 0; i < CALL_CODES; i++)
        totals->codes[i] -= before->codes[i];
    for (unsigned i = 0; i < CALL_PHASES; i++)
        histogram_subtract(&totals->phases[i], &before->phases[i]);
}

static bool read_one(Measure *measure, unsigned program, unsigned number, bool anew, CallTotals *totals)
{
    LOCK_SCOPE(&measure->lock);
    if (!total_locked(measure, program, number, totals))
        return false;
    if (anew && measure->before[program])
        subtract(totals, measure->before[program][number]);
    return true;
}

void rpc_visit_calls(Rpc *rpc, bool anew, CallTotalsVisit visit, void *opaque)
{
    Measure *measure = rpc->measure;
    unsigned n = __atomic_load_n(&measure->n_programs, __ATOMIC_ACQUIRE);
    g_autofree CallTotals *totals = g_new(CallTotals, 1);

    for (unsigned p = 0; p < n; p++) {
        const Program *program = measure->programs[p];

        for (unsigned i = 0; i < program->n_procs; i++)
            if (read_one(measure, p, i, anew, totals) && (totals->calls || totals->abandoned))
                visit(program, &program->procs[i], totals, opaque);
    }
}

void rpc_reset_calls(Rpc *rpc)
{
    Measure *measure = rpc->measure;

    LOCK_SCOPE(&measure->lock);
    for (unsigned p = 0; p < measure->n_programs; p++) {
        unsigned n = measure->programs[p]->n_procs;
        CallTotals totals;

        for (unsigned i = 0; i < n; i++) {
            if (!total_locked(measure, p, i, &totals))
                continue;
            if (!measure->before[p])
                measure->before[p] = g_new0(CallTotals *, n);
            if (!measure->before[p][i])
                measure->before[p][i] = g_new(CallTotals, 1);
            *measure->before[p][i] = totals;
        }
    }
}

uint64_t rpc_refused_calls(Rpc *rpc)
{
    uint64_t refused = 0;

    LOCK_SCOPE(&rpc->measure->lock);
    for (const MeasureSlot *slot = rpc->measure->slots; slot; slot = slot->next)
        refused += load(&slot->refused);
    return refused;
}
