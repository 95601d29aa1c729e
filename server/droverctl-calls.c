/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `droverctl calls`: how many calls of which kind the daemon has had, how they ended, and what their time was spent with.
 * Main thread. */
#include "server/droverctl.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/i18n.h"

enum { RESET = 1, PHASES = 4 };

static const char *const phase_names[PHASES] = { "queued", "waited", "ran", "unread" };

static double us(uint64_t ns)
{
    return (double)ns / 1e3;
}

/* What the daemon doesn't tell had no time. */
static ControlCallTime time_of(const ControlCallStats *stats, uint32_t phase)
{
    return phase < stats->n_times ? stats->times[phase] : (ControlCallTime){ 0 };
}

/* Those whose time together is longest first. */
static int by_time(const void *a, const void *b)
{
    const ControlCallStats *one = a, *other = b;
    uint64_t mine = 0, others = 0;

    for (uint32_t i = 0; i < PHASES; i++) {
        mine += time_of(one, i).sum;
        others += time_of(other, i).sum;
    }
    return mine < others ? 1 : mine > others ? -1 : 0;
}

static void print_time(const ControlCallTime *time)
{
    if (time->n)
        printf(" %11.1f %11.1f", us(time->half), us(time->most));
    else
        printf(" %11s %11s", "-", "-");
}

static void print_table(const ControlCallListStatsResult *result)
{
    printf(" %-40s %10s %8s %23s %23s %23s\n", "", "", "", "Queued (us)", "Waited for job (us)", "Ran (us)");
    printf(" %-40s %10s %8s %11s %11s %11s %11s %11s %11s\n", "Procedure", "Calls", "Failed", "half", "99 %", "half", "99 %",
           "half", "99 %");
    print_rule(132);
    for (uint32_t i = 0; i < result->n_calls; i++) {
        const ControlCallStats *stats = &result->calls[i];

        printf(" %-40s %10" PRIu64 " %8" PRIu64, stats->name, stats->calls, stats->failed);
        for (uint32_t phase = 0; phase < PHASES - 1; phase++) {
            ControlCallTime time = time_of(stats, phase);

            print_time(&time);
        }
        putchar('\n');
    }
}

static void print_json_call(const ControlCallStats *stats)
{
    printf("{\"program\": \"%s\", \"procedure\": \"%s\", \"calls\": %" PRIu64 ", \"failed\": %" PRIu64
           ", \"abandoned\": %" PRIu64 ", \"errors\": {", stats->program, stats->name, stats->calls, stats->failed,
           stats->abandoned);
    for (uint32_t i = 0; i < stats->n_errors; i++)
        printf("%s\"%d\": %" PRIu64, i ? ", " : "", stats->errors[i].code, stats->errors[i].n);
    printf("}");
    for (uint32_t i = 0; i < PHASES; i++) {
        ControlCallTime time = time_of(stats, i);

        printf(", \"%s\": {\"calls\": %" PRIu64 ", \"sum_ns\": %" PRIu64 ", \"p50_ns\": %" PRIu64 ", \"p99_ns\": %" PRIu64
               ", \"max_ns\": %" PRIu64 "}", phase_names[i], time.n, time.sum, time.half, time.most, time.all);
    }
    printf("}");
}

static void print_json(const ControlCallListStatsResult *result)
{
    printf("{\"refused\": %" PRIu64 ", \"calls\": [", result->refused);
    for (uint32_t i = 0; i < result->n_calls; i++) {
        printf("%s\n  ", i ? "," : "");
        print_json_call(&result->calls[i]);
    }
    printf("\n]}\n");
}

int show_calls(const Options *options)
{
    const ControlCallListStatsArgs args = { .flags = options->reset ? RESET : 0 };
    ControlCallListStatsResult result = { 0 };
    g_autofree uint8_t *frame = NULL;
    Arena arena;
    int r;

    arena_init(&arena, NULL, 0);
    r = ask(options, CONTROL_PROC_CALL_LIST_STATS, &args, &arena, &frame, &result);
    if (r == 0) {
        qsort(result.calls, result.n_calls, sizeof *result.calls, by_time);
        if (options->json)
            print_json(&result);
        else
            print_table(&result);
    }
    arena_reset(&arena);
    return r;
}
