/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How calls are counted, for measure.c, which writes the figures, and measure-read.c, which adds them up. */
#pragma once

#include "base/lock.h"
#include "rpc/measure.h"

enum { MEASURE_PROGRAMS = 8 };

/* What one thread has counted of one procedure. Relaxed atomics, written by the slot's thread alone; the pointers
 * are set once with release. */
typedef struct MeasureRow {
    uint64_t calls, failed, abandoned;
    uint64_t *codes;          /* CALL_CODES of them; NULL: no error yet */
    Histogram *phases[CALL_PHASES];    /* NULL: no call had that phase yet */
} MeasureRow;

typedef struct MeasureSlot MeasureSlot;
struct MeasureSlot {
    /* fixed */
    Measure *measure;
    bool shared;              /* written by several threads */
    /* set once with release: by program, then by number */
    MeasureRow **rows[MEASURE_PROGRAMS];
    /* relaxed atomic */
    uint64_t refused;
    /* under LOCK_MEASURE */
    MeasureSlot *next;        /* all of them */
    bool taken;
};

struct Measure {
    /* set once, with release of the number: in the order in which they came */
    const Program *programs[MEASURE_PROGRAMS];
    unsigned n_programs;
    /* fixed */
    MeasureSlot *shared;
    /* under LOCK_MEASURE */
    Lock lock;
    MeasureSlot *slots;
    CallTotals **before[MEASURE_PROGRAMS];    /* the figures at the last rpc_reset_calls, by number; NULL: none */
};
