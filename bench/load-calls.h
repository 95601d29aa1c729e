/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "load-target.h"

typedef struct Load Load;

/* One place for a call in flight: it sends, waits for the reply, and sends again. */
typedef struct Slot {
    /* fixed while the run lasts */
    const Load *load;
    const Target *target;
    const char *prefix;             /* of the names that this run defines */
    uint32_t number;                /* of all slots of the run, from 0 */
    uint32_t stride;                /* how many slots the run has */
    uint32_t limit;                 /* for fill: how many domains to define in all */
    unsigned group;                 /* which statistics it counts into */
    /* owned by the worker */
    uint32_t turn;                  /* requests made so far; chooses what the next one asks */
    uint32_t random;                /* state of its generator */
    uint32_t serial;                /* of the call in flight */
    uint32_t procedure;
    bool waiting;
    int64_t sent;                   /* ns; for a load of several steps, when the first was sent */
    int64_t due;                    /* ns; earliest time of the next call when paced */
} Slot;

/* A kind of call. */
struct Load {
    const char *name;
    const char *summary;
    /* Appends the arguments of the slot's next request and returns its procedure, 0 when there is nothing more to ask. */
    uint32_t (*encode)(Slot *slot, Out *out);
    size_t reply_min;               /* bytes of payload without which an answer can't be right */
    uint32_t steps;                 /* requests that make up one counted call; 0 or 1: each */
    bool reconnects;                /* a fresh connection for every counted call */
    bool needs_running;             /* at least one running domain */
    bool needs_stopped;             /* a stopped domain for every slot */
    /* Undoes what the slot did, through a connection of the main thread; NULL: nothing to undo. */
    void (*undo)(Slot *slot, int fd);
};

/* By name, or NULL. */
const Load *load_find(const char *name);

/* All loads, ended by one without a name. */
const Load *load_table(void);

/* Defines domains 0..@limit-1 of the series 0 of @prefix, all slots together. Not in the table. */
extern const Load load_fill;
