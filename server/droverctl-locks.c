/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* droverctl locks: what the server's locks cost, by class or by place in the source. One thread. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/lock-profile.h"
#include "rpc/control-client.h"
#include "rpc/control-types.h"
#include "server/droverctl.h"

/* One answer of the server, and the memory that it stands in. */
typedef struct Look {
    ControlLockProfileResult result;
    Arena arena;
    uint8_t *frame;
} Look;

/* One line: a class or a place. */
typedef struct Entry {
    const ControlLockUse *is;    /* names only; the counts below may be those of an interval */
    LockUse use;
} Entry;

static void look_init(Look *look)
{
    *look = (Look){ .frame = NULL };
    arena_init(&look->arena, NULL, 0);
}

static void look_clear(Look *look)
{
    arena_reset(&look->arena);
    g_free(look->frame);
}

static int look_now(const Options *options, Look *look)
{
    const ControlLockProfileArgs args = { 0 };

    look_init(look);
    return ask(options, CONTROL_PROC_LOCK_PROFILE, &args, &look->arena, &look->frame, &look->result);
}

/* --- what lies between two looks ------------------------------------------------------------------------ */

static const ControlLockUse *find(const ControlLockUse *list, unsigned n, const ControlLockUse *like)
{
    for (unsigned i = 0; i < n; i++)
        if (list[i].line == like->line && strcmp(list[i].lock, like->lock) == 0 && strcmp(list[i].file, like->file) == 0)
            return &list[i];
    return NULL;
}

/* The counts of `now` without those of `then`, if there is one; the longest times can't be subtracted and stay. */
static LockUse difference(const ControlLockUse *now, const ControlLockUse *then)
{
    static const ControlLockUse nothing;
    const ControlLockUse *less = then ? then : &nothing;
    LockUse use = {
        .acquired = now->acquired - less->acquired, .contended = now->contended - less->contended,
        .waited = now->waited - less->waited, .waited_longest = now->waited_longest,
        .holds = now->holds - less->holds, .held = now->held - less->held, .held_longest = now->held_longest,
        .idle = now->idle - less->idle, .idled = now->idled - less->idled, .idled_longest = now->idled_longest,
    };

    for (unsigned i = 0; i < MIN(now->n_waits, LOCK_WAIT_BUCKETS); i++)
        use.waits[i] = now->waits[i] - (i < less->n_waits ? less->waits[i] : 0);
    return use;
}

static int longest_waits_first(const void *one, const void *other)
{
    const LockUse *a = &((const Entry *)one)->use, *b = &((const Entry *)other)->use;

    if (a->waited != b->waited)
        return a->waited < b->waited ? 1 : -1;
    return a->acquired < b->acquired ? 1 : a->acquired > b->acquired ? -1 : 0;
}

/* What happened since `before`, or, when somebody has reset the profile meanwhile, since then. */
static GArray *entries_of(const Look *look, const Look *before, bool sites)
{
    const ControlLockProfileResult *now = &look->result, *then = &before->result;
    const ControlLockUse *list = sites ? now->sites : now->classes, *old = sites ? then->sites : then->classes;
    unsigned n = sites ? now->n_sites : now->n_classes, n_old = sites ? then->n_sites : then->n_classes;
    GArray *entries = g_array_new(FALSE, FALSE, sizeof(Entry));

    if (now->elapsed < then->elapsed)
        n_old = 0;
    for (unsigned i = 0; i < n; i++) {
        Entry entry = { &list[i], difference(&list[i], find(old, n_old, &list[i])) };

        if (entry.use.acquired || entry.use.contended || entry.use.holds || entry.use.idle)
            g_array_append_val(entries, entry);
    }
    g_array_sort(entries, longest_waits_first);
    return entries;
}

static uint64_t elapsed_between(const Look *look, const Look *before)
{
    uint64_t now = look->result.elapsed, then = before->result.elapsed;

    return now >= then ? now - then : now;
}

/* --- what is printed -------------------------------------------------------------------------------------- */

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole * 100 : 0;
}

static double us(uint64_t ns)
{
    return (double)ns / 1000;
}

static void print_table(const GArray *entries, uint64_t elapsed, unsigned threads, bool sites)
{
    int width = sites ? 42 : 12;

    g_print(_("%.1f s, %u threads\n"), (double)elapsed / 1e9, threads);
    printf(" %-*s %12s %10s %8s %11s %7s %9s %11s %11s %10s\n", width, sites ? "Place" : "Class", "Acquired", "Contended",
           "Cont. %", "Wait (ms)", "Wall %", "p99 (us)", "Max (us)", "Hold (us)", "Sleeps");
    for (int i = 0; i < width + 100; i++)
        putchar('-');
    putchar('\n');
    for (unsigned i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        const LockUse *use = &entry->use;
        g_autofree char *name = NULL;

        if (sites)
            name = g_strdup_printf("%s:%u %s", *entry->is->file ? entry->is->file : "?", entry->is->line, entry->is->lock);
        printf(" %-*s %12" PRIu64 " %10" PRIu64 " %8.3f %11.3f %7.3f %9.1f %11.1f %11.1f %10" PRIu64 "\n", width,
               sites ? name : entry->is->lock, use->acquired, use->contended, share(use->contended, use->acquired),
               us(use->waited) / 1000, share(use->waited, elapsed), us(lock_use_quantile(use, 0.99)),
               us(use->waited_longest), us(use->held_longest), use->idle);
    }
}

static void print_json_entry(const Entry *entry, bool sites)
{
    const LockUse *use = &entry->use;

    printf("{\"class\": ");
    print_json_text(entry->is->lock);
    if (sites) {
        printf(", \"file\": ");
        print_json_text(entry->is->file);
        printf(", \"line\": %u", entry->is->line);
    } else {
        printf(", \"rank\": %u", entry->is->rank);
    }
    printf(", \"acquired\": %" PRIu64 ", \"contended\": %" PRIu64 ", \"waited_ns\": %" PRIu64
           ", \"waited_longest_ns\": %" PRIu64 ", \"holds\": %" PRIu64 ", \"held_ns\": %" PRIu64
           ", \"held_longest_ns\": %" PRIu64 ", \"sleeps\": %" PRIu64 ", \"slept_ns\": %" PRIu64
           ", \"slept_longest_ns\": %" PRIu64 ", \"waits\": [", use->acquired, use->contended, use->waited,
           use->waited_longest, use->holds, use->held, use->held_longest, use->idle, use->idled, use->idled_longest);
    for (unsigned i = 0; i < LOCK_WAIT_BUCKETS; i++)
        printf("%s%" PRIu64, i ? ", " : "", use->waits[i]);
    printf("]}");
}

static void print_json(const GArray *entries, uint64_t elapsed, unsigned threads, bool sites)
{
    printf("{\"elapsed_ns\": %" PRIu64 ", \"threads\": %u, \"%s\": [", elapsed, threads, sites ? "sites" : "classes");
    for (unsigned i = 0; i < entries->len; i++) {
        printf("%s\n  ", i ? "," : "");
        print_json_entry(&g_array_index(entries, Entry, i), sites);
    }
    printf("\n]}\n");
}

static void print(const Look *look, const Look *before, const Options *options)
{
    g_autoptr(GArray) entries = entries_of(look, before, options->sites);
    uint64_t elapsed = elapsed_between(look, before);

    (options->json ? print_json : print_table)(entries, elapsed, look->result.threads, options->sites);
    fflush(stdout);
}

/* --- the command -------------------------------------------------------------------------------------------- */

static int reset(const Options *options)
{
    const ControlLockResetArgs args = { 0 };
    g_autofree uint8_t *frame = NULL;
    Arena arena;
    int r;

    arena_init(&arena, NULL, 0);
    r = ask(options, CONTROL_PROC_LOCK_RESET, &args, &arena, &frame, NULL);
    arena_reset(&arena);
    return r;
}

int show_locks(const Options *options)
{
    Look before, look;
    int r = 0;

    if (options->reset) {
        r = reset(options);
        if (r < 0 || !options->watch)
            return r;
    }
    look_init(&before);
    if (options->watch)
        r = look_now(options, &before);
    while (r == 0) {
        if (options->watch)
            sleep(1);
        r = look_now(options, &look);
        if (r == 0)
            print(&look, &before, options);
        look_clear(&before);
        before = look;
        if (!options->watch)
            break;
        if (r == 0 && !options->json)
            putchar('\n');
    }
    look_clear(&before);
    return r;
}
