/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A procedure as its callers see it, generated from the tables in rpc/protocol for tools, benchmarks and
 * tests. Constant data, read by any thread; the server doesn't use it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "rpc/xdr.h"

typedef struct ClientProc {
    bool (*call)(XdrOut *out, const void *args);     /* encodes the arguments; NULL: there are none */
    /* Decodes a result, or a message behind its callback id; NULL: there is nothing. */
    bool (*reply)(XdrIn *in, void *result);
    size_t reply_size;                               /* of what `reply` fills in */
} ClientProc;
