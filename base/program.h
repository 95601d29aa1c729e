/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that are run for their answer: text in, text out, with limits on time and memory.
 * Any thread that may wait and holds no lock. */
#pragma once

#include <stddef.h>

#include "base/error.h"

typedef struct ProgramLimits {
    unsigned cpu_seconds;    /* of the program; 0: none. It is killed soon after */
    unsigned wall_seconds;   /* 0: none */
    size_t memory;           /* bytes of address space; 0: none */
    size_t output;           /* bytes of its output that are kept; what comes behind them is read and dropped */
} ProgramLimits;

typedef struct ProgramResult {
    char *output;            /* what it wrote to standard output and standard error; owned by the caller */
    int status;              /* exit status, -1 when a signal ended it */
    int signal;              /* that signal, 0 else; SIGKILL or SIGXCPU: a limit */
} ProgramResult;

/* Runs argv[0] (found in PATH; argv ends with NULL) with `input` (`size` bytes) as standard input, no other descriptor
 * of ours, default signals and the environment of ours but LC_ALL=C. 0 when it has run, whatever came of it; -1 and
 * VIR_ERR_SYSTEM_ERROR when it could not be started. */
int program_run(const char *const *argv, const char *input, size_t size, const ProgramLimits *limits, ProgramResult *result,
              Error *error);
void program_result_clear(ProgramResult *result);
