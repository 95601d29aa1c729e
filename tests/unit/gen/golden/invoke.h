/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs, small.procs; change those.
 * Calls the operation of a procedure with its own types. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "drivers/driver.h"

/* How a procedure reaches its operation. All zero for those whose body is written by hand in server/. */
typedef struct Invoke {
    size_t op_at;    /* offsetof(struct Driver, the operation); 0: the body is written by hand */
    int (*invoke)(Op *op, const void *args, void *result);    /* the operation must be there; NULL with op_at 0 */
    /* An older procedure that a newer one answers; `invoke` does this by itself. */
    uint16_t via;    /* number of the newer one; 0: none */
    void (*via_args)(const void *args, void *newer);        /* newer: zeroed */
    void (*via_result)(const void *newer, void *result);    /* NULL: there is nothing to copy */
} Invoke;

/* By number of the procedure, as many as the program has rows. */
extern const Invoke small_invoke[12];
