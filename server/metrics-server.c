/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What droverd counts itself, as metrics: calls, threads, clients, events, certificates, the store, the log, the process, and
 * what drivers count. On the endpoint's thread; takes the locks of what it reads one after another and waits for nothing. */
#include "server/metrics-private.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/version.h"

static void begin(MetricText *text, MetricId id)
{
    metric_begin(text, &metric_families[id]);
}

/* A family with one line. */
static void one(MetricText *text, MetricId id, uint64_t value)
{
    begin(text, id);
    metric_number(text, "", value);
}

static void labelled(MetricText *text, const char *label, const char *value, uint64_t number)
{
    g_autoptr(GString) labels = g_string_new(NULL);

    metric_label(labels, label, value);
    metric_number(text, labels->str, number);
}

/* --- the process --------------------------------------------------------------------------------------- */

static uint64_t count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (!dir)
        return 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n > 3 ? n - 3 : 0;    /* without ".", ".." and the directory's own */
}

/* Bytes in RAM, from the second figure of statm; 0: not known. */
static uint64_t resident_memory(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long all, resident = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%lu %lu", &all, &resident) != 2)
        resident = 0;
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t ns_of(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * CLOCK_S + (uint64_t)time->tv_usec * 1000;
}

static void write_process(Server *server, MetricText *text)
{
    struct rusage usage = { 0 };
    struct rlimit limit = { 0 };

    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &limit);
    begin(text, METRIC_BUILD);
    labelled(text, "version", DROVER_VERSION, 1);
    begin(text, METRIC_PROCESS_CPU);
    metric_time(text, "", ns_of(&usage.ru_utime) + ns_of(&usage.ru_stime));
    one(text, METRIC_PROCESS_MEMORY, resident_memory());
    one(text, METRIC_PROCESS_FDS, count_descriptors());
    one(text, METRIC_PROCESS_FDS_LIMIT, limit.rlim_cur);
    begin(text, METRIC_PROCESS_START);
    metric_time(text, "", (uint64_t)server->started);
}

/* --- calls ---------------------------------------------------------------------------------------------- */

static const char *const phase_names[CALL_PHASES] = { "queued", "waited", "ran", "unread" };

static GString *call_labels(const Program *program, const Proc *proc)
{
    GString *labels = g_string_new(NULL);

    metric_label(labels, "program", program->name);
    metric_label(labels, "procedure", proc->name);
    return labels;
}

static void write_count(const Program *program, const Proc *proc, const CallTotals *totals, void *text)
{
    g_autoptr(GString) labels = call_labels(program, proc);

    metric_number(text, labels->str, totals->calls);
}

static void write_errors(const Program *program, const Proc *proc, const CallTotals *totals, void *text)
{
    g_autoptr(GString) labels = call_labels(program, proc);
    size_t length = labels->len;

    for (unsigned i = 0; i < CALL_CODES; i++) {
        char code[16];

        if (!totals->codes[i])
            continue;
        g_snprintf(code, sizeof code, "%u", i);
        g_string_truncate(labels, length);
        metric_label(labels, "code", code);
        metric_number(text, labels->str, totals->codes[i]);
    }
}

static void write_abandoned(const Program *program, const Proc *proc, const CallTotals *totals, void *text)
{
    g_autoptr(GString) labels = call_labels(program, proc);

    if (totals->abandoned)
        metric_number(text, labels->str, totals->abandoned);
}

static void write_phases(const Program *program, const Proc *proc, const CallTotals *totals, void *text)
{
    g_autoptr(GString) labels = call_labels(program, proc);
    size_t length = labels->len;

    for (unsigned i = 0; i < CALL_PHASES; i++) {
        if (histogram_most(&totals->phases[i]) == 0)
            continue;
        g_string_truncate(labels, length);
        metric_label(labels, "phase", phase_names[i]);
        metric_histogram(text, labels->str, &totals->phases[i]);
    }
}

static void write_calls(Server *server, MetricText *text)
{
    begin(text, METRIC_CALLS);
    rpc_visit_calls(server->rpc, false, write_count, text);
    begin(text, METRIC_CALL_ERRORS);
    rpc_visit_calls(server->rpc, false, write_errors, text);
    begin(text, METRIC_CALLS_ABANDONED);
    rpc_visit_calls(server->rpc, false, write_abandoned, text);
    begin(text, METRIC_CALL_PHASE);
    rpc_visit_calls(server->rpc, false, write_phases, text);
    one(text, METRIC_CALLS_REFUSED, rpc_refused_calls(server->rpc));
}

/* --- threads and clients ---------------------------------------------------------------------------------- */

static void write_servers(Server *server, MetricText *text, MetricId id, uint64_t (*figure)(Service *service))
{
    begin(text, id);
    labelled(text, "server", service_name(server->service), figure(server->service));
    labelled(text, "server", service_name(server->admin), figure(server->admin));
}

static uint64_t clients_of(Service *service)
{
    return service_n_connected(service);
}

static uint64_t limit_of_clients(Service *service)
{
    return __atomic_load_n(&service_limits(service)->max_clients, __ATOMIC_RELAXED);
}

static uint64_t unauthenticated(Service *service)
{
    return service_n_unauth(service);
}

static void write_clients(Server *server, MetricText *text)
{
    WorkerInfo info;

    rpc_workers(server->rpc, &info);
    one(text, METRIC_WORKERS, info.workers);
    one(text, METRIC_WORKERS_IDLE, info.idle);
    one(text, METRIC_WORKERS_LIMIT, info.limits.max);
    one(text, METRIC_WORKER_QUEUE, info.queued);
    write_servers(server, text, METRIC_CLIENTS, clients_of);
    write_servers(server, text, METRIC_CLIENTS_LIMIT, limit_of_clients);
    write_servers(server, text, METRIC_CLIENTS_UNAUTH, unauthenticated);
}

/* --- identities ---------------------------------------------------------------------------------------------- */

static const MetricFigure identity_figures[] = {
    { METRIC_IDENTITY_CALLS, false, offsetof(ClientUse, served) },
    { METRIC_IDENTITY_CALLS_FAILED, false, offsetof(ClientUse, failed) },
    { METRIC_IDENTITY_CALLS_SLOW, false, offsetof(ClientUse, slow) },
    { METRIC_IDENTITY_QUEUED, true, offsetof(ClientUse, waited) },
    { METRIC_IDENTITY_WAITED, true, offsetof(ClientUse, job_waited) },
    { METRIC_IDENTITY_RAN, true, offsetof(ClientUse, ran) },
    { METRIC_IDENTITY_RECEIVED, false, offsetof(ClientUse, bytes_in) },
    { METRIC_IDENTITY_SENT, false, offsetof(ClientUse, bytes_out) },
};

static void write_open_calls(MetricText *text, const IdentityReport *report)
{
    const struct { const char *state; unsigned n; } states[] = {
        { "running", report->running }, { "queued", report->waiting }, { "parked", report->parked },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autoptr(GString) labels = g_string_new(NULL);

        metric_label(labels, "identity", report->who);
        metric_label(labels, "state", states[i].state);
        metric_number(text, labels->str, states[i].n);
    }
}

static void write_use(MetricText *text, const GPtrArray *reports)
{
    g_autoptr(GArray) rows = metric_rows_new();

    for (unsigned i = 0; i < reports->len; i++) {
        const IdentityReport *report = g_ptr_array_index(reports, i);

        metric_rows_add(rows, "identity", report->who, &report->use);
    }
    metric_table(text, identity_figures, G_N_ELEMENTS(identity_figures), rows);
}

/* Events too, since what their clients have not read is counted with those. */
static void write_identities(Server *server, MetricText *text)
{
    uint64_t unread = 0, events_unread = 0, cut_off, lost;
    g_autoptr(GPtrArray) reports = NULL;
    Arena arena;

    arena_init(&arena, NULL, 0);
    reports = rpc_report_identities(server->rpc, &arena);
    begin(text, METRIC_IDENTITY_CLIENTS);
    for (unsigned i = 0; i < reports->len; i++) {
        const IdentityReport *report = g_ptr_array_index(reports, i);

        labelled(text, "identity", report->who, report->clients);
        unread += report->unread;
        events_unread += report->events_unread;
    }
    begin(text, METRIC_IDENTITY_CALLS_OPEN);
    for (unsigned i = 0; i < reports->len; i++)
        write_open_calls(text, g_ptr_array_index(reports, i));
    write_use(text, reports);
    arena_reset(&arena);
    rpc_lost_events(server->rpc, &cut_off, &lost);
    one(text, METRIC_EVENTS, __atomic_load_n(&server->announced, __ATOMIC_RELAXED));
    one(text, METRIC_EVENTS_PENDING, events_unread);
    one(text, METRIC_EVENTS_DROPPED, lost);
    one(text, METRIC_EVENT_CUTOFFS, cut_off);
    one(text, METRIC_ANSWERS_PENDING, unread);
}

/* --- certificates and the log --------------------------------------------------------------------------------- */

static void write_certificates(Server *server, MetricText *text)
{
    static const char *const levels[] = { "debug", "info", "warning", "error" };
    unsigned taken, refused;

    if (server->tls) {
        tls_counts(server->tls, &taken, &refused);
        one(text, METRIC_CERTIFICATE_EXPIRY, (uint64_t)MAX(tls_expires(server->tls), 0));
        begin(text, METRIC_CERTIFICATE_RENEWALS);
        labelled(text, "result", "taken", taken);
        labelled(text, "result", "refused", refused);
    }
    begin(text, METRIC_LOG_LINES);
    for (unsigned i = 0; i < G_N_ELEMENTS(levels); i++)
        labelled(text, "level", levels[i], log_count(LOG_LEVEL_DEBUG + i));
    one(text, METRIC_LOG_ALARMS, log_count_alarms());
}

/* --- stores ------------------------------------------------------------------------------------------------------ */

static void write_stores(Server *server, MetricText *text)
{
    static const MetricFigure figures[] = {
        { METRIC_STORE_CHANGES, false, offsetof(StoreCounts, changes) },
        { METRIC_STORE_FLUSHES, false, offsetof(StoreCounts, flushes) },
        { METRIC_STORE_FLUSH_TIME, true, offsetof(StoreCounts, flush_ns) },
        { METRIC_STORE_CHECKPOINTS, false, offsetof(StoreCounts, checkpoints) },
        { METRIC_STORE_FAILURES, false, offsetof(StoreCounts, failures) },
    };
    g_autoptr(GPtrArray) hosts = hosts_shared(server->hosts);
    g_autofree StoreCounts *counts = g_new(StoreCounts, hosts->len);
    g_autoptr(GArray) rows = metric_rows_new();

    for (unsigned i = 0; i < hosts->len; i++) {
        const Host *host = g_ptr_array_index(hosts, i);

        if (!host->store)
            continue;
        store_counts(host->store, &counts[i]);
        metric_rows_add(rows, "uri", host->key, &counts[i]);
    }
    metric_table(text, figures, G_N_ELEMENTS(figures), rows);
}

/* --- what drivers count --------------------------------------------------------------------------------------------- */

typedef struct Counter {
    MetricFamily family;      /* its texts are in the chunk */
    const char *labels;
    double value;
    unsigned order;
} Counter;

typedef struct Collection {
    GArray *counters;         /* of Counter */
    GStringChunk *texts;
    const Host *host;
} Collection;

static const char *keep(Collection *collection, const char *text)
{
    return text ? g_string_chunk_insert_const(collection->texts, text) : NULL;
}

static void collect(const DriverCounter *counter, void *opaque)
{
    Collection *collection = opaque;
    g_autofree char *name = g_strdup_printf("drover_%s", counter->name);
    g_autoptr(GString) labels = g_string_new(NULL);

    metric_label(labels, "uri", collection->host->key);
    for (unsigned i = 0; i < DRIVER_COUNTER_LABELS && counter->labels[i].name; i++)
        metric_label(labels, counter->labels[i].name, counter->labels[i].value);
    g_array_append_val(collection->counters, ((Counter){
        .family = {
            .name = keep(collection, name), .help = keep(collection, counter->help), .unit = keep(collection, counter->unit),
            .type = counter->type == DRIVER_GAUGE ? METRIC_GAUGE : METRIC_COUNTER,
        },
        .labels = keep(collection, labels->str), .value = counter->value, .order = collection->counters->len,
    }));
}

static int by_family(const void *a, const void *b)
{
    const Counter *former = a, *latter = b;
    int order = strcmp(former->family.name, latter->family.name);

    return order ? order : (former->order > latter->order) - (former->order < latter->order);
}

/* Several hosts of one driver have the same families. */
static void write_drivers(Server *server, MetricText *text)
{
    Collection collection = {
        .counters = g_array_new(FALSE, FALSE, sizeof(Counter)), .texts = g_string_chunk_new(4096),
    };
    g_autoptr(GPtrArray) hosts = hosts_shared(server->hosts);
    const Counter *before = NULL;

    for (unsigned i = 0; i < hosts->len; i++) {
        collection.host = g_ptr_array_index(hosts, i);
        if (collection.host->driver->counters)
            collection.host->driver->counters(collection.host, collect, &collection);
    }
    g_array_sort(collection.counters, by_family);
    for (unsigned i = 0; i < collection.counters->len; i++) {
        const Counter *counter = &g_array_index(collection.counters, Counter, i);

        if (!before || strcmp(before->family.name, counter->family.name) != 0)
            metric_begin(text, &counter->family);
        metric_real(text, counter->labels, counter->value);
        before = counter;
    }
    g_array_unref(collection.counters);
    g_string_chunk_free(collection.texts);
    text->family = NULL;
}

static void write_locks(Server *server, MetricText *text)
{
    metrics_locks_section(text);
}

static void (*const sections[SERVER_SECTIONS])(Server *server, MetricText *text) = {
    write_process, write_calls, write_clients, write_identities, write_certificates, write_stores, write_locks,
    write_drivers,
};

void metrics_server_section(Server *server, unsigned section, MetricText *text)
{
    sections[section](server, text);
}
