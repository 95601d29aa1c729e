/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a result borrows until its reply is out: a list in the call's own arena.
 * Used by one thread at a time, with the call; takes no lock itself, but what is released may. */
#include "drivers/driver.h"

typedef struct Kept {
    struct Kept *next;
    void *object;
    void (*release)(void *object);
} Kept;

void op_keep(Op *op, void *object, void (*release)(void *object))
{
    Kept *kept = arena_alloc(op->arena, sizeof *kept);

    *kept = (Kept){ .next = op->kept, .object = object, .release = release };
    op->kept = kept;
}

void op_release_kept(Op *op)
{
    for (Kept *kept = op->kept; kept; kept = kept->next)
        kept->release(kept->object);
    op->kept = NULL;
}
