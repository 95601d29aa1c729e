/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counting calls, on whatever thread ends one: a few stores to memory that no other thread writes. Takes LOCK_MEASURE
 * only when a thread begins and ends; memory for a procedure comes when a thread first ends a call of it, so what
 * all may take together is bounded by the number of procedures and threads. */
#include "rpc/measure-private.h"

/* The slot of this thread; NULL: it has none. */
static __thread MeasureSlot *own_slot;

static MeasureSlot *slot_new(Measure *measure, bool shared)
{
    MeasureSlot *slot = g_new0(MeasureSlot, 1);

    slot->measure = measure;
    slot->shared = slot->taken = shared;
    slot->next = measure->slots;
    measure->slots = slot;
    return slot;
}

Measure *measure_new(void)
{
    Measure *measure = g_new0(Measure, 1);

    lock_init(&measure->lock, LOCK_MEASURE);
    measure->shared = slot_new(measure, true);
    return measure;
}

static void row_free(MeasureRow *row)
{
    if (!row)
        return;
    for (unsigned i = 0; i < CALL_PHASES; i++)
        g_free(row->phases[i]);
    g_free(row->codes);
    g_free(row);
}

static void slot_free(Measure *measure, MeasureSlot *slot)
{
    for (unsigned p = 0; p < measure->n_programs; p++) {
        for (unsigned i = 0; slot->rows[p] && i < measure->programs[p]->n_procs; i++)
            row_free(slot->rows[p][i]);
        g_free(slot->rows[p]);
    }
    g_free(slot);
}

void measure_free(Measure *measure)
{
    MeasureSlot *slot;

    while ((slot = measure->slots)) {
        measure->slots = slot->next;
        slot_free(measure, slot);
    }
    for (unsigned p = 0; p < measure->n_programs; p++) {
        for (unsigned i = 0; measure->before[p] && i < measure->programs[p]->n_procs; i++)
            g_free(measure->before[p][i]);
        g_free(measure->before[p]);
    }
    lock_deinit(&measure->lock);
    g_free(measure);
}

void measure_add_program(Measure *measure, const Program *program)
{
    LOCK_SCOPE(&measure->lock);
    for (unsigned i = 0; i < measure->n_programs; i++)
        if (measure->programs[i] == program)
            return;
    g_assert(measure->n_programs < MEASURE_PROGRAMS);
    measure->programs[measure->n_programs] = program;
    __atomic_store_n(&measure->n_programs, measure->n_programs + 1, __ATOMIC_RELEASE);
}

void measure_thread_begin(Measure *measure)
{
    MeasureSlot *slot;

    g_assert(!own_slot);
    LOCK_SCOPE(&measure->lock);
    for (slot = measure->slots; slot && slot->taken; slot = slot->next)
        continue;
    own_slot = slot ? slot : slot_new(measure, false);
    own_slot->taken = true;
}

void measure_thread_end(Measure *measure)
{
    LOCK_SCOPE(&measure->lock);
    g_assert(own_slot && own_slot->measure == measure);
    own_slot->taken = false;
    own_slot = NULL;
}

/* --- figures ------------------------------------------------------------------------------------- */

static MeasureSlot *slot_of(Measure *measure)
{
    MeasureSlot *slot = own_slot;

    return slot && slot->measure == measure ? slot : measure->shared;
}

static void count(const MeasureSlot *slot, uint64_t *figure)
{
    if (slot->shared)
        __atomic_add_fetch(figure, 1, __ATOMIC_RELAXED);
    else
        __atomic_store_n(figure, __atomic_load_n(figure, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* What `at` points to; made when it is the first time, by whichever thread is first. */
static void *there(void *at, size_t size)
{
    void **pointer = at, *found = __atomic_load_n(pointer, __ATOMIC_ACQUIRE), *made;

    if (G_LIKELY(found))
        return found;
    made = g_malloc0(size);
    if (__atomic_compare_exchange_n(pointer, &found, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return made;
    g_free(made);
    return found;
}

static MeasureRow *row_at(MeasureSlot *slot, unsigned program, unsigned number)
{
    MeasureRow **rows = there(&slot->rows[program],
                              slot->measure->programs[program]->n_procs * sizeof(MeasureRow *));

    return there(&rows[number], sizeof(MeasureRow));
}

static unsigned index_of(const Measure *measure, const Program *program)
{
    unsigned n = __atomic_load_n(&measure->n_programs, __ATOMIC_ACQUIRE), i = 0;

    while (i < n && measure->programs[i] != program)
        i++;
    g_assert(i < n);
    return i;
}

static void add(const MeasureSlot *slot, MeasureRow *row, CallPhase phase, int64_t ns)
{
    Histogram *histogram = there(&row->phases[phase], sizeof(Histogram));

    if (slot->shared)
        histogram_add_shared(histogram, ns);
    else
        histogram_add(histogram, ns);
}

void measure_call(Measure *measure, const Program *program, const Proc *proc, const int64_t *phases, int code)
{
    MeasureSlot *slot = slot_of(measure);
    MeasureRow *row = row_at(slot, index_of(measure, program), proc->number);

    count(slot, &row->calls);
    for (unsigned i = 0; i < CALL_UNREAD; i++)
        if (phases[i] >= 0)
            add(slot, row, i, phases[i]);
    if (G_LIKELY(code == 0))
        return;
    count(slot, &row->failed);
    count(slot, (uint64_t *)there(&row->codes, CALL_CODES * sizeof(uint64_t)) + CLAMP(code, 0, CALL_CODES - 1));
}

void measure_abandoned(Measure *measure, const Program *program, const Proc *proc)
{
    MeasureSlot *slot = slot_of(measure);

    count(slot, &row_at(slot, index_of(measure, program), proc->number)->abandoned);
}

void measure_refused(Measure *measure)
{
    MeasureSlot *slot = slot_of(measure);

    count(slot, &slot->refused);
}

/* --- answers that waited for their reader ------------------------------------------------------------ */

/* An answer as one number that isn't 0: the program's place and the procedure. */
static uint32_t answer_word(const Measure *measure, const FrameHeader *header)
{
    unsigned n = __atomic_load_n(&measure->n_programs, __ATOMIC_ACQUIRE);

    if (header->type != FRAME_REPLY && header->type != FRAME_REPLY_WITH_FDS)
        return 0;
    for (unsigned i = 0; i < n; i++)
        if (measure->programs[i]->number == header->program && program_proc(measure->programs[i], header->proc))
            return i << 16 | (uint32_t)header->proc;
    return 0;
}

uint32_t *measure_answers(Measure *measure, const uint8_t *frames, size_t size, size_t sent)
{
    g_autoptr(GArray) words = NULL;

    for (size_t at = 0; at + FRAME_HEADER_SIZE <= size;) {
        size_t length = xdr_load32(frames + at);
        FrameHeader header;
        uint32_t word;

        if (length < FRAME_HEADER_SIZE || length > size - at)
            break;    /* the payload of a stream that is sent as it is, or descriptors' frames */
        frame_header_get(frames + at, &header);
        at += length;
        if (at <= sent || (word = answer_word(measure, &header)) == 0)
            continue;
        if (!words)
            words = g_array_new(TRUE, FALSE, sizeof(uint32_t));
        g_array_append_val(words, word);
    }
    return words ? (uint32_t *)(void *)g_array_free(g_steal_pointer(&words), FALSE) : NULL;
}

void measure_written(Measure *measure, const uint32_t *answers, int64_t ns)
{
    MeasureSlot *slot = slot_of(measure);

    for (; *answers; answers++)
        add(slot, row_at(slot, *answers >> 16, *answers & 0xffff), CALL_UNREAD, ns);
}
