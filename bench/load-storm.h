/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "load-report.h"

/* Threads that each connect, open, close, and begin again, without end: over TLS, a handshake each time. */
typedef struct Storm Storm;

typedef struct StormResult {
    uint64_t sessions;              /* that ended within the window */
    uint64_t resumed;
    uint64_t errors;
    Hist hist;                      /* from the first step to the last answer, of sessions begun within the window */
    char *first_error;
} StormResult;

/* Starts @threads threads on @way (which outlives them), whose window is that of a measurement. With @resume all but the
 * first session of each begin with the ticket of its first one. */
Storm *storm_start(const Way *way, const char *uri, unsigned threads, bool resume, Window window);
/* Waits for the end of the sessions that were begun within the window. The result is the storm's. */
const StormResult *storm_join(Storm *storm);
void storm_free(Storm *storm);

/* Members sessions, rate, resumed, errors, first_error and those of report_hist(). */
void storm_report(const StormResult *result, double seconds, Report *report);
