/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A storm of clients that come and go: a thread for each of those that are under way at once, which blocks in whatever
 * its client waits for. Between storm_start() and storm_join() a thread touches nothing but its own part; no locks. */
#include "load-storm.h"

#include <pthread.h>

typedef struct Part {
    Storm *storm;
    pthread_t thread;
    Ticket ticket;
    bool asked;
    StormResult result;
} Part;

struct Storm {
    /* fixed once started */
    const Way *way;
    const char *uri;
    unsigned count;
    bool resume;
    Window window;
    Part *parts;
    /* after storm_join() */
    StormResult sum;
};

/* NULL, or why the session went wrong. */
static char *one_session(Part *part, bool *resumed)
{
    const Storm *storm = part->storm;
    g_autoptr(GByteArray) body = g_byte_array_new();
    Out out = { 0 };
    Link link;
    char *why = link_connect(&link, storm->way, &part->ticket);

    if (why)
        return why;
    *resumed = link_resumed(&link);
    why = link_open(&link, storm->uri);
    if (!why && storm->resume && !part->asked)    /* a server that gives none never will */
        link_ticket(&link, &part->ticket);
    part->asked = true;
    if (!why) {
        frame_end(&out, frame_begin(&out, PROC_CLOSE, 2));
        why = link_call(&link, &out, body);
    }
    out_clear(&out);
    link_close(&link);
    return why;
}

static void count_session(Part *part, int64_t begun, int64_t ended, bool resumed)
{
    const Window *window = &part->storm->window;

    if (begun >= window->begin)
        hist_add(&part->result.hist, ended - begun);
    if (ended < window->begin || ended >= window->end)
        return;
    part->result.sessions++;
    part->result.resumed += resumed;
}

static void *part_main(void *data)
{
    Part *part = data;

    for (;;) {
        int64_t begun = now_ns();
        bool resumed = false;
        if (begun >= part->storm->window.end)
            break;
        char *why = one_session(part, &resumed);
        if (why) {
            part->result.errors++;
            part->result.first_error = why;
            break;
        }
        count_session(part, begun, now_ns(), resumed);
    }
    return NULL;
}

Storm *storm_start(const Way *way, const char *uri, unsigned threads, bool resume, Window window)
{
    Storm *storm = g_new0(Storm, 1);

    *storm = (Storm) { .way = way, .uri = uri, .count = threads, .resume = resume, .window = window };
    storm->parts = g_new0(Part, threads);
    for (unsigned i = 0; i < threads; i++) {
        storm->parts[i].storm = storm;
        if (pthread_create(&storm->parts[i].thread, NULL, part_main, &storm->parts[i]) != 0)
            fail("cannot create a thread");
    }
    return storm;
}

const StormResult *storm_join(Storm *storm)
{
    StormResult *sum = &storm->sum;

    for (unsigned i = 0; i < storm->count; i++) {
        StormResult *part = &storm->parts[i].result;
        pthread_join(storm->parts[i].thread, NULL);
        sum->sessions += part->sessions;
        sum->resumed += part->resumed;
        sum->errors += part->errors;
        hist_merge(&sum->hist, &part->hist);
        if (!sum->first_error)
            sum->first_error = g_strdup(part->first_error);
    }
    return sum;
}

void storm_free(Storm *storm)
{
    for (unsigned i = 0; i < storm->count; i++) {
        gnutls_free(storm->parts[i].ticket.data);
        g_free(storm->parts[i].result.first_error);
    }
    g_free(storm->sum.first_error);
    g_free(storm->parts);
    g_free(storm);
}

void storm_report(const StormResult *result, double seconds, Report *report)
{
    report_number(report, "sessions", (double)result->sessions);
    report_number(report, "rate", (double)result->sessions / seconds);
    report_number(report, "resumed", (double)result->resumed);
    report_hist(report, &result->hist);
    report_number(report, "errors", (double)result->errors);
    report_text(report, "first_error", result->first_error);
}
