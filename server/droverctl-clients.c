/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `droverctl clients`: who is using the server now, and how much. Main thread. */
#include "server/droverctl.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/i18n.h"

/* One line: a client, or all of one identity together. */
typedef struct Line {
    ControlClientUse use;
    unsigned clients;
} Line;

static void add(Line *line, const ControlClientUse *use)
{
    line->clients++;
    line->use.running += use->running;
    line->use.waiting += use->waiting;
    line->use.parked += use->parked;
    line->use.served += use->served;
    line->use.bytes_in += use->bytes_in;
    line->use.bytes_out += use->bytes_out;
    line->use.taken += use->taken;
    line->use.waited += use->waited;
    line->use.job_waited += use->job_waited;
    line->use.ran += use->ran;
    line->use.failed += use->failed;
    line->use.slow += use->slow;
}

static GArray *lines_of(const ControlClientListUseResult *result, bool by_identity)
{
    GArray *lines = g_array_new(FALSE, TRUE, sizeof(Line));
    g_autoptr(GHashTable) found = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned i = 0; i < result->n_clients; i++) {
        const ControlClientUse *use = &result->clients[i];
        void *index = by_identity ? g_hash_table_lookup(found, use->who) : NULL;

        if (index) {
            add(&g_array_index(lines, Line, GPOINTER_TO_UINT(index) - 1), use);
            continue;
        }
        g_array_append_val(lines, ((Line){ .use = *use, .clients = 1 }));
        g_hash_table_insert(found, (char *)use->who, GUINT_TO_POINTER(lines->len));
    }
    return lines;
}

static double mean_wait_us(const ControlClientUse *use)
{
    return use->taken ? (double)use->waited / (double)use->taken / 1000 : 0;
}

static void print_table(const GArray *lines, bool by_identity)
{
    printf(" %-9s %-6s %-24s %6s %7s %7s %7s %10s %12s %12s %10s\n", by_identity ? "Clients" : "Server",
           by_identity ? "" : "Id", "Who", "Weight", "Running", "Queued", "Parked", "Served", "Bytes in", "Bytes out",
           "Wait (us)");
    print_rule(122);
    for (unsigned i = 0; i < lines->len; i++) {
        const Line *line = &g_array_index(lines, Line, i);
        const ControlClientUse *use = &line->use;

        if (by_identity)
            printf(" %-9u %-6s", line->clients, "");
        else
            printf(" %-9s %-6" PRIu64, use->server, use->id);
        printf(" %-24s %6u %7u %7u %7u %10" PRIu64 " %12" PRIu64 " %12" PRIu64 " %10.1f\n", use->who, use->weight,
               use->running, use->waiting, use->parked, use->served, use->bytes_in, use->bytes_out, mean_wait_us(use));
    }
}

static void print_json(const GArray *lines, bool by_identity)
{
    printf("[");
    for (unsigned i = 0; i < lines->len; i++) {
        const Line *line = &g_array_index(lines, Line, i);
        const ControlClientUse *use = &line->use;

        printf("%s\n  {\"who\": ", i ? "," : "");
        print_json_text(use->who);
        if (by_identity) {
            printf(", \"clients\": %u", line->clients);
        } else {
            printf(", \"server\": ");
            print_json_text(use->server);
            printf(", \"id\": %" PRIu64 ", \"pid\": %" PRId64, use->id, use->pid);
        }
        printf(", \"weight\": %u, \"running\": %u, \"queued\": %u, \"parked\": %u, \"served\": %" PRIu64
               ", \"bytes_in\": %" PRIu64 ", \"bytes_out\": %" PRIu64 ", \"taken\": %" PRIu64 ", \"waited_ns\": %" PRIu64
               ", \"job_waited_ns\": %" PRIu64 ", \"ran_ns\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"slow\": %" PRIu64 "}", use->weight, use->running, use->waiting, use->parked, use->served, use->bytes_in, use->bytes_out,
               use->taken, use->waited, use->job_waited, use->ran, use->failed, use->slow);
    }
    printf("\n]\n");
}

int show_clients(const Options *options)
{
    const ControlClientListUseArgs args = { 0 };
    ControlClientListUseResult result = { 0 };
    g_autofree uint8_t *frame = NULL;
    Arena arena;
    int r;

    arena_init(&arena, NULL, 0);
    r = ask(options, CONTROL_PROC_CLIENT_LIST_USE, &args, &arena, &frame, &result);
    if (r == 0) {
        g_autoptr(GArray) lines = lines_of(&result, options->identities);

        if (options->json)
            print_json(lines, options->identities);
        else
            print_table(lines, options->identities);
    }
    arena_reset(&arena);
    return r;
}
