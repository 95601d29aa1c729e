/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a server process has used up so far. */
typedef struct Usage {
    int64_t cpu_ns;                 /* user and system, of all its threads, those that have ended included */
    uint64_t voluntary;             /* context switches of the threads there are */
    uint64_t involuntary;
    unsigned threads;
} Usage;

/* Memory of a process, in KiB. */
typedef struct Memory {
    uint64_t rss_kib;
    uint64_t anon_kib;              /* what is its own: heap, stacks, changed data */
} Memory;

/* Reads the figures of process @pid. False when it isn't there (any more). */
bool usage_read(pid_t pid, Usage *usage);

/* Exact, and slow for a large process: the kernel walks its page tables. */
bool memory_read(pid_t pid, Memory *memory);

/* Nearly exact (the kernel's counters lag by up to some hundred KiB) and quick: for reading during a measurement. */
bool memory_read_quick(pid_t pid, Memory *memory);

typedef struct SyscallCounter SyscallCounter;

/* Begins to count the system calls of all threads of @pid, with the kernel's tracepoint; that slows each by a little.
 * Needs root or CAP_PERFMON. Returns NULL with the reason in @why, for the caller to free. */
SyscallCounter *syscall_counter_new(pid_t pid, char **why);
uint64_t syscall_counter_read(SyscallCounter *counter);
void syscall_counter_free(SyscallCounter *counter);
