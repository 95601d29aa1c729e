/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "load-report.h"

typedef struct EventsPlan {
    unsigned subscribers;           /* connections that subscribe to all lifecycle events */
    unsigned batch;                 /* domains that are started, then destroyed, at a time; 1: a serial maker */
    double pace_ms;                 /* a batch begins at most once in this time; 0: when the last one is done */
    double warmup;
    double seconds;
    pid_t pid;                      /* of the server; 0: its usage is not read */
} EventsPlan;

/* One maker starts and destroys domains, all subscribers wait for every event. Prints the report; returns the program's
 * exit status. */
int events_run(Target *target, const EventsPlan *plan);
