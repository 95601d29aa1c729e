/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "load-calls.h"
#include "load-hist.h"
#include "load-link.h"

/* Group 0 is what is measured, group 1 the slow calls beside it. */
enum { GROUP_MAIN = 0, GROUP_SLOW = 1, GROUPS = 2 };

/* What became of the calls of one group, within the window of measurement. */
typedef struct Stats {
    uint64_t calls;                 /* answered well within the window */
    uint64_t errors;                /* error replies, wrong replies, lost connections; at any time */
    Hist hist;                      /* of calls sent within the window, whenever answered */
    char *first_error;
} Stats;

/* A set of connections that all do the same: a slot for each call in flight. */
typedef struct Plan {
    const Load *load;
    const Way *way;                 /* outlives the engine */
    uint32_t connections;
    uint32_t depth;                 /* calls in flight on each */
    const Load *slow;               /* further calls on the same connections, or NULL */
    uint32_t slow_depth;
    unsigned group;                 /* where the calls of @load count */
    uint32_t threads;               /* the connections are dealt out to so many */
    double pace_ms;                 /* a slot begins at most one call in this time; 0: as soon as it can */
} Plan;

typedef struct Engine Engine;

/* Window of measurement on the clock of now_ns(). Calls start when the workers do, are counted from @begin on and no
 * new ones are sent after @end. */
typedef struct Window {
    int64_t begin;
    int64_t end;
} Window;

/* Makes an engine that aims at @target, which outlives it. */
Engine *engine_new(const Target *target, const char *prefix, uint32_t fill_limit);

/* Adds connections and opens them (blocking). Ends the program when one can't be opened or @target lacks the domains
 * that the load needs. */
void engine_add(Engine *engine, const Plan *plan);

/* Starts the threads; returns at once. */
void engine_start(Engine *engine, Window window);

/* Calls counted so far in the window, for a reading while the engine runs. */
uint64_t engine_calls(Engine *engine, unsigned group);

/* Waits until all threads have ended: all calls answered, or 30 s after the end of the window. */
void engine_join(Engine *engine);

/* Removes what the loads have left on the server, through @fd. */
void engine_undo(Engine *engine, int fd);

/* The sums over all threads, after engine_join(). Owned by the engine. */
const Stats *engine_stats(Engine *engine, unsigned group);

void engine_free(Engine *engine);
