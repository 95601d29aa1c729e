/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fan-out of events: one connection that makes them, many that receive all. One thread, one epoll: the maker's
 * socket is looked at before each subscriber's, so that its reply is not timed behind a queue of deliveries. A batch is over when the
 * maker has its replies and each subscriber its events. No locks. */
#include "load-events.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_MAX = 256, IN_SIZE = 65536, EVENT_STARTED = 2, EVENT_STOPPED = 5, PATIENCE_MS = 10000 };

/* A connection's unread bytes. */
typedef struct Ear {
    int fd;
    size_t have;
    uint8_t in[IN_SIZE];
} Ear;

typedef struct Fan {
    Target *target;
    const EventsPlan *plan;
    Ear **ears;                     /* the subscribers, then the maker */
    int epoll;
    Out out;
    int64_t begin, end;             /* the window in which batches count */
    bool counts;                    /* the batch under way began in it */
    /* of the batch under way */
    bool starting;
    int64_t sent;
    unsigned replies;
    uint64_t deliveries;
    unsigned heard[BATCH_MAX];      /* by how many subscribers, for each domain */
    /* results */
    uint64_t events, all_deliveries, others, errors;
    char *first_error;
    Hist call, last;
} Fan;

static void add_ear(Fan *fan, unsigned index, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };

    fan->ears[index] = g_new0(Ear, 1);
    fan->ears[index]->fd = fd;
    event.data.ptr = fan->ears[index];
    if (epoll_ctl(fan->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl: %s", g_strerror(errno));
}

static void take_reply(Fan *fan, const FrameHead *head, const uint8_t *body, int64_t now)
{
    if (head->serial < 10 || head->serial >= 10 + fan->plan->batch)
        fail("the maker got an answer to serial %u that it did not ask", head->serial);
    fan->replies++;
    if (head->status != 0) {
        fan->errors++;
        if (!fan->first_error)
            fan->first_error = wire_error_text(body, head->length - WIRE_HEAD);
    }
    if (fan->counts)
        hist_add(&fan->call, now - fan->sent);
}

static void take_event(Fan *fan, const FrameHead *head, const uint8_t *body, int64_t now)
{
    Cursor cursor = { body, body + head->length - WIRE_HEAD, false };

    cursor_u32(&cursor);
    size_t name_len = cursor_u32(&cursor);
    cursor_bytes(&cursor, name_len);
    const uint8_t *uuid = cursor_bytes(&cursor, 16);
    cursor_u32(&cursor);
    uint32_t event = cursor_u32(&cursor);
    if (cursor.bad)
        fail("an event that is cut short");
    for (unsigned i = 0; i < fan->plan->batch; i++) {
        if (event != (fan->starting ? EVENT_STARTED : EVENT_STOPPED) || memcmp(uuid, fan->target->stopped[i]->uuid, 16) != 0)
            continue;
        fan->deliveries++;
        if (++fan->heard[i] == fan->plan->subscribers && fan->counts)
            hist_add(&fan->last, now - fan->sent);
        return;
    }
    fan->others++;
}

static void listen_to(Fan *fan, Ear *ear)
{
    ssize_t n = recv(ear->fd, ear->in + ear->have, IN_SIZE - ear->have, MSG_DONTWAIT);
    int64_t now = now_ns();
    size_t at = 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        fail("the server closed the connection of a %s", ear == fan->ears[fan->plan->subscribers] ? "maker" : "subscriber");
    ear->have += (size_t)n;
    while (ear->have - at >= WIRE_HEAD) {
        FrameHead head = frame_head(ear->in + at);
        if (head.length < WIRE_HEAD || head.length > IN_SIZE)
            fail("the server sent a frame of %u bytes", head.length);
        if (head.length > ear->have - at)
            break;
        if (head.type == WIRE_REPLY)
            take_reply(fan, &head, ear->in + at + WIRE_HEAD, now);
        else if (head.type == WIRE_MESSAGE && head.procedure == PROC_EVENT_LIFECYCLE)
            take_event(fan, &head, ear->in + at + WIRE_HEAD, now);
        at += head.length;
    }
    ear->have -= at;
    memmove(ear->in, ear->in + at, ear->have);
}

static bool batch_is_done(const Fan *fan)
{
    return fan->replies == fan->plan->batch && fan->deliveries == (uint64_t)fan->plan->batch * fan->plan->subscribers;
}

static void run_batch(Fan *fan)
{
    Ear *maker = fan->ears[fan->plan->subscribers];
    struct epoll_event events[16];

    fan->starting = !fan->starting;
    fan->replies = 0;
    fan->deliveries = 0;
    memset(fan->heard, 0, sizeof(fan->heard));
    for (unsigned i = 0; i < fan->plan->batch; i++) {
        const Domain *domain = fan->target->stopped[i];
        size_t begin = frame_begin(&fan->out, fan->starting ? PROC_CREATE : PROC_DESTROY, 10 + i);
        out_bytes(&fan->out, domain->handle, domain->handle_len);
        frame_end(&fan->out, begin);
    }
    fan->sent = now_ns();
    fan->counts = fan->sent >= fan->begin && fan->sent < fan->end;
    if (!wire_send(maker->fd, &fan->out))
        fail("the maker's connection broke");
    while (!batch_is_done(fan)) {
        int n = epoll_wait(fan->epoll, events, G_N_ELEMENTS(events), PATIENCE_MS);
        if (n == 0)
            fail("%u replies and %" G_GUINT64_FORMAT " deliveries of %u events to %u subscribers, then silence", fan->replies,
                 fan->deliveries, fan->plan->batch, fan->plan->subscribers);
        for (int i = 0; i < n; i++) {
            if (fan->replies < fan->plan->batch)
                listen_to(fan, maker);
            if (events[i].data.ptr != maker)
                listen_to(fan, events[i].data.ptr);
        }
    }
    if (fan->counts) {
        fan->events += fan->plan->batch;
        fan->all_deliveries += fan->deliveries;
    }
}

static void wait_until(int64_t when)
{
    struct timespec ts = { when / 1000000000, when % 1000000000 };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        continue;
}

static void print_report(Fan *fan, double seconds, const Usage *before, const Usage *after)
{
    Report report = report_new();

    report_text(&report, "load", "events");
    report_number(&report, "subscribers", fan->plan->subscribers);
    report_number(&report, "batch", fan->plan->batch);
    report_number(&report, "seconds", seconds);
    report_number(&report, "calls", (double)fan->events);
    report_number(&report, "rate", (double)fan->events / seconds);
    report_number(&report, "deliveries", (double)fan->all_deliveries);
    report_number(&report, "other_events", (double)fan->others);
    report_number(&report, "errors", (double)fan->errors);
    report_text(&report, "first_error", fan->first_error);
    report_open(&report, "call");
    report_hist(&report, &fan->call);
    report_close(&report);
    report_open(&report, "last");
    report_hist(&report, &fan->last);
    report_close(&report);
    if (fan->plan->pid)
        report_server(&report, fan->plan->pid, before, after, fan->events, -1, NULL);
    report_print(&report);
}

static void fan_open(Fan *fan)
{
    unsigned subscribers = fan->plan->subscribers;

    if (fan->plan->batch < 1 || fan->plan->batch > BATCH_MAX || fan->target->stopped_count < fan->plan->batch)
        fail("a batch is 1 to %d domains that are there and stopped", BATCH_MAX);
    fan->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (fan->epoll < 0)
        fail("epoll_create1: %s", g_strerror(errno));
    fan->ears = g_new0(Ear *, subscribers + 1);
    for (unsigned i = 0; i < subscribers; i++)
        add_ear(fan, i, wire_open(fan->target->path, fan->target->uri));
    for (unsigned i = 0; i < subscribers; i++)
        wire_subscribe(fan->ears[i]->fd);
    add_ear(fan, subscribers, wire_open(fan->target->path, fan->target->uri));
}

static void fan_clear(Fan *fan)
{
    for (unsigned i = 0; i <= fan->plan->subscribers; i++) {
        close(fan->ears[i]->fd);
        g_free(fan->ears[i]);
    }
    g_free(fan->ears);
    g_free(fan->first_error);
    out_clear(&fan->out);
    close(fan->epoll);
}

int events_run(Target *target, const EventsPlan *plan)
{
    g_autofree Fan *fan = g_new0(Fan, 1);
    Usage before = { 0 }, after = { 0 };
    bool warm = false, over = false;

    fan->target = target;
    fan->plan = plan;
    fan_open(fan);
    fan->begin = now_ns() + (int64_t)(plan->warmup * 1e9);
    fan->end = fan->begin + (int64_t)(plan->seconds * 1e9);
    for (int64_t next = now_ns(); !over || fan->starting;) {
        if (!warm && now_ns() >= fan->begin) {
            usage_read(plan->pid, &before);
            fan->begin = now_ns();
            warm = true;
        }
        run_batch(fan);
        if (plan->pace_ms > 0) {
            next = MAX(next + (int64_t)(plan->pace_ms * 1e6), now_ns());
            wait_until(next);
        }
        if (!over && now_ns() >= fan->end) {
            usage_read(plan->pid, &after);
            fan->end = now_ns();
            over = true;
        }
    }
    print_report(fan, (double)(fan->end - fan->begin) / 1e9, &before, &after);
    int status = fan->errors ? 3 : 0;
    fan_clear(fan);
    return status;
}
