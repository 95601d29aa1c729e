/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "load-engine.h"
#include "load-server.h"

/* One line of JSON, built member by member; every call appends one or several members to the open object. */
typedef struct Report {
    GString *text;
} Report;

Report report_new(void);
void report_number(Report *report, const char *key, double value);
void report_text(Report *report, const char *key, const char *value);     /* NULL: null */
void report_open(Report *report, const char *key);
void report_close(Report *report);

/* Members p50_us, p90_us, p99_us, p999_us, max_us. */
void report_hist(Report *report, const Hist *hist);

/* Members calls, rate, errors and first_error, and those of report_hist(). */
void report_stats(Report *report, const Stats *stats, double seconds);

/* Member server: what @calls calls between two readings cost; memory as it is now. @syscalls: negative when they were
 * not counted, for the reason @why_not. */
void report_server(Report *report, pid_t pid, const Usage *before, const Usage *after, uint64_t calls, double syscalls,
                   const char *why_not);

/* Writes the line to stdout and frees it. */
void report_print(Report *report);
