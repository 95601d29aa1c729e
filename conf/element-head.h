/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the generated structs have beside the document: see conf/config.h for what it means. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

typedef struct ConfigHead {
    int refs;               /* atomic */
    bool uuid_generated;    /* the document had none */
    Arena *edits;           /* what was put in after the config was made, in an arena of its own; NULL: nothing */
} ConfigHead;

struct DomainConfig;

/* Of snapshots, checkpoints and backups: see conf/moment.h. */
typedef struct MomentHead {
    int refs;                         /* atomic */
    Arena *edits;                     /* as above */
    struct DomainConfig *domain;      /* the guest as it was then; an owned reference, NULL: not known */
    struct DomainConfig *inactive;    /* what it would have been at its next start; likewise */
} MomentHead;
