/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server seen from outside: CPU time, context switches, memory and system calls of another process, as the kernel
 * tells them. Called by the main thread of the load generator only; no locks. */
#include "load-server.h"

#include <dirent.h>
#include <errno.h>
#include <glib.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct SyscallCounter {
    GArray *fds;                    /* of int: one counter for each thread and those it will create */
};

/* The number after @key in a file of "Key: number" lines, 0 when it isn't there. */
static uint64_t field(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static char *read_proc(pid_t pid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, name);
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/* Calls @each with every thread of @pid. */
static bool for_threads(pid_t pid, void (*each)(pid_t pid, pid_t thread, void *data), void *data)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);

    if (!dir)
        return false;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            each(pid, (pid_t)atoi(entry->d_name), data);
    closedir(dir);
    return true;
}

static void add_switches(pid_t pid, pid_t thread, void *data)
{
    Usage *usage = data;
    g_autofree char *name = g_strdup_printf("task/%d/status", (int)thread);
    g_autofree char *text = read_proc(pid, name);

    if (!text)
        return;
    usage->voluntary += field(text, "\nvoluntary_ctxt_switches:");
    usage->involuntary += field(text, "\nnonvoluntary_ctxt_switches:");
    usage->threads++;
}

bool usage_read(pid_t pid, Usage *usage)
{
    struct timespec ts;
    clockid_t clock;

    *usage = (Usage) { 0 };
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
        return false;
    usage->cpu_ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
    return for_threads(pid, add_switches, usage);
}

bool memory_read(pid_t pid, Memory *memory)
{
    g_autofree char *text = read_proc(pid, "smaps_rollup");

    if (!text)
        return false;
    memory->rss_kib = field(text, "\nRss:");
    memory->anon_kib = field(text, "\nAnonymous:");
    return true;
}

bool memory_read_quick(pid_t pid, Memory *memory)
{
    g_autofree char *text = read_proc(pid, "status");

    if (!text)
        return false;
    memory->rss_kib = field(text, "\nVmRSS:");
    memory->anon_kib = field(text, "\nRssAnon:");
    return true;
}

static bool tracepoint_id(uint64_t *id)
{
    static const char *const paths[] = {
        "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
        "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *text = NULL;
        if (g_file_get_contents(paths[i], &text, NULL, NULL)) {
            *id = strtoull(text, NULL, 10);
            return true;
        }
    }
    return false;
}

typedef struct Opening {
    GArray *fds;
    uint64_t id;
    int error;
} Opening;

static void open_counter(pid_t pid, pid_t thread, void *data)
{
    Opening *opening = data;
    struct perf_event_attr attr = {
        .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = opening->id, .inherit = 1,
    };
    int fd = (int)syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);

    if (fd >= 0)
        g_array_append_val(opening->fds, fd);
    else if (errno != ESRCH)
        opening->error = errno;
}

SyscallCounter *syscall_counter_new(pid_t pid, char **why)
{
    Opening opening = { .fds = g_array_new(FALSE, FALSE, sizeof(int)) };
    SyscallCounter *counter = g_new0(SyscallCounter, 1);

    counter->fds = opening.fds;
    if (!tracepoint_id(&opening.id))
        *why = g_strdup("the kernel's tracepoint raw_syscalls:sys_enter can't be read here");
    else if (!for_threads(pid, open_counter, &opening) || opening.error || opening.fds->len == 0)
        *why = g_strdup_printf("perf_event_open: %s", g_strerror(opening.error ? opening.error : ESRCH));
    else
        return counter;
    syscall_counter_free(counter);
    return NULL;
}

uint64_t syscall_counter_read(SyscallCounter *counter)
{
    uint64_t sum = 0, value;

    for (guint i = 0; i < counter->fds->len; i++)
        if (read(g_array_index(counter->fds, int, i), &value, sizeof(value)) == sizeof(value))
            sum += value;
    return sum;
}

void syscall_counter_free(SyscallCounter *counter)
{
    for (guint i = 0; i < counter->fds->len; i++)
        close(g_array_index(counter->fds, int, i));
    g_array_unref(counter->fds);
    g_free(counter);
}
