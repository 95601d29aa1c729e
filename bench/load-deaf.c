/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients that never read, and what that does to the server: its memory over time and when it closes them. The main
 * thread runs all of this beside an engine whose calls are the bystanders or the makers of events. No locks; nothing
 * waits once deaf_begin() is through. */
#include "load-deaf.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALLS_EACH = 64 };

struct Deaf {
    const Target *target;
    pid_t pid;
    unsigned subscribers;
    unsigned count;
    struct pollfd *fds;             /* the subscribers first; fd -1 once closed */
    uint64_t calls_sent;
    unsigned closed;
    double first_closed;            /* seconds after the beginning */
    double last_closed;
    Memory before;
    Memory peak;
    Memory last;
};

Deaf *deaf_new(const Target *target, unsigned subscribers, unsigned callers, pid_t pid)
{
    Deaf *deaf = g_new0(Deaf, 1);

    deaf->target = target;
    deaf->pid = pid;
    deaf->subscribers = subscribers;
    deaf->count = subscribers + callers;
    deaf->fds = g_new0(struct pollfd, deaf->count);
    for (unsigned i = 0; i < deaf->count; i++) {
        deaf->fds[i].fd = wire_open(target->path, target->uri);
        deaf->fds[i].events = POLLRDHUP;
    }
    return deaf;
}

/* Sends calls until the socket would block. */
static unsigned flood(int fd)
{
    unsigned sent = 0;

    for (Out out = { 0 }; sent < CALLS_EACH; sent++) {
        size_t begin = frame_begin(&out, PROC_LIST_ALL, 10 + sent);
        out_u32(&out, 1);
        out_u32(&out, 0);
        frame_end(&out, begin);
        ssize_t n = send(fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        bool whole = n == (ssize_t)out.len;
        out_clear(&out);
        if (!whole)
            break;
    }
    return sent;
}

void deaf_begin(Deaf *deaf)
{
    memory_read(deaf->pid, &deaf->before);
    deaf->peak = deaf->last = deaf->before;
    for (unsigned i = 0; i < deaf->count; i++) {
        if (i < deaf->subscribers)
            wire_subscribe(deaf->fds[i].fd);
        else
            deaf->calls_sent += flood(deaf->fds[i].fd);
    }
}

void deaf_watch(Deaf *deaf, double seconds)
{
    if (memory_read_quick(deaf->pid, &deaf->last)) {
        deaf->peak.rss_kib = MAX(deaf->peak.rss_kib, deaf->last.rss_kib);
        deaf->peak.anon_kib = MAX(deaf->peak.anon_kib, deaf->last.anon_kib);
    }
    if (poll(deaf->fds, deaf->count, 0) <= 0)
        return;
    for (unsigned i = 0; i < deaf->count; i++) {
        if (deaf->fds[i].fd < 0 || !(deaf->fds[i].revents & (POLLRDHUP | POLLHUP | POLLERR)))
            continue;
        close(deaf->fds[i].fd);
        deaf->fds[i].fd = -1;
        if (deaf->closed++ == 0)
            deaf->first_closed = seconds;
        deaf->last_closed = seconds;
    }
}

void deaf_report(const Deaf *deaf, Report *report)
{
    report_open(report, "deaf");
    report_number(report, "clients", deaf->count);
    report_number(report, "calls_sent", (double)deaf->calls_sent);
    report_number(report, "closed", deaf->closed);
    if (deaf->closed) {
        report_number(report, "first_closed_s", deaf->first_closed);
        report_number(report, "last_closed_s", deaf->last_closed);
    }
    report_number(report, "anon_before_kib", (double)deaf->before.anon_kib);
    report_number(report, "anon_peak_kib", (double)deaf->peak.anon_kib);
    report_number(report, "anon_after_kib", (double)deaf->last.anon_kib);
    report_number(report, "peak_kib_each",
                  ((double)deaf->peak.anon_kib - (double)deaf->before.anon_kib) / (double)deaf->count);
    report_close(report);
}

void deaf_free(Deaf *deaf)
{
    for (unsigned i = 0; i < deaf->count; i++)
        if (deaf->fds[i].fd >= 0)
            close(deaf->fds[i].fd);
    g_free(deaf->fds);
    g_free(deaf);
}
