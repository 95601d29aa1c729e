/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs; change those.
 * What more than one program uses. */
#pragma once

#include <stdint.h>

#include "rpc/xdr.h"

#define REMOTE_LIMIT_STRING 100

/* What the small protocol is about. */
typedef struct RemoteThing {
    const char *name;
    uint8_t uuid[16];
    int32_t id;
} RemoteThing;

/* A value of one of three kinds. */
typedef struct RemoteValue {
    int32_t type;
    union {
        int32_t i;    /* 1 */
        double d;    /* 5 */
        const char *s;    /* 7 */
    };
} RemoteValue;

/* A value with a name. */
typedef struct RemoteParam {
    const char *field;
    RemoteValue value;
} RemoteParam;
