/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every call counted: per procedure how many, how they ended, and how long each of its phases lasted.
 *
 * Each thread that ends calls has a *slot* with figures of its own, so counting takes no lock and shares no cache
 * line; who reads adds the slots up while they are being written. A slot outlives its thread and is given to the next
 * one. Threads without one (timers, the main thread) share a slot with atomic additions. */
#pragma once

#include "base/histogram.h"
#include "rpc/rpc.h"

/* --- counting: any thread --------------------------------------------------------------------- */

Measure *measure_new(void);
void measure_free(Measure *measure);    /* no thread counts any more */
/* Calls of this program are counted from now on; at most eight. */
void measure_add_program(Measure *measure, const Program *program);
/* The calling thread takes a slot, and gives it back before it ends. */
void measure_thread_begin(Measure *measure);
void measure_thread_end(Measure *measure);
/* A call has ended: its phases in nanoseconds (-1: it had none of that), and the code of its error; 0: none. */
void measure_call(Measure *measure, const Program *program, const Proc *proc, const int64_t *phases, int code);
/* Nobody got an answer, since the client had left. */
void measure_abandoned(Measure *measure, const Program *program, const Proc *proc);
/* A frame asked for something that never became a call. */
void measure_refused(Measure *measure);

/* Which answers are among frames that the socket did not take at once: what measure_written needs of them later.
 * The first `sent` bytes are out. NULL: none; else owned by the caller, ends with 0. */
uint32_t *measure_answers(Measure *measure, const uint8_t *frames, size_t size, size_t sent);
/* They are out now, and have waited so long. */
void measure_written(Measure *measure, const uint32_t *answers, int64_t ns);
