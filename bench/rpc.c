/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rpc-load: a load generator over the raw remote protocol, for any server that speaks it. One command per process: it
 * sets up, measures for some seconds, takes down what it made, and prints one line of JSON. The main thread does all of this and
 * watches the server; the threads of load-engine.c make the calls. Takes no locks. */
#include "load-awake.h"
#include "load-deaf.h"
#include "load-engine.h"
#include "load-events.h"
#include "load-floor.h"
#include "load-report.h"
#include "load-server.h"
#include "load-storm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 20, SERIES_PARTS = 4 };

typedef struct Options {
    char *socket, *uri, *load, *slow, *domain_type, *certificates, *priority;
    int connections, depth, threads, idle, slow_depth, slow_connections, server_pid, domains, running, subscribers, batch;
    int deaf_subscribers, deaf_callers, tls_port, slow_uid, storm;
    gboolean count_syscalls, keep_awake, resume;
    double seconds, warmup, pace_ms;
    gint64 since;
} Options;

/* All that one measurement needs. */
typedef struct Run {
    const Options *options;
    Target target;
    Way way, slow_way;              /* of the connections that are measured, and of the slow ones beside them */
    Engine *engine;
    Deaf *deaf;
    Storm *storm;
    SyscallCounter *counter;
    char *why_not;                  /* system calls are not counted */
    int control;                    /* the main thread's own connection */
    Link *idle;
    Memory idle_before, idle_after;
    double idle_seconds;
    Usage before, after, client_before, client_after;
    uint64_t syscalls;
    double rates[SERIES_PARTS];     /* of the main group, quarter by quarter */
} Run;

static void sleep_until(int64_t when)
{
    struct timespec ts = { when / 1000000000, when % 1000000000 };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        continue;
}

static const Load *load_or_fail(const char *name)
{
    const Load *load = load_find(name);

    if (!load)
        fail("there is no load %s; `rpc-load loads` lists them", name);
    return load;
}

static void open_idle(Run *run)
{
    const Options *options = run->options;
    int64_t begin = now_ns();

    memory_read(options->server_pid, &run->idle_before);
    run->idle = g_new(Link, options->idle + 1);
    for (int i = 0; i < options->idle; i++) {
        char *why = link_connect(&run->idle[i], &run->way, NULL);
        if (!why)
            why = link_open(&run->idle[i], options->uri);
        if (why)
            fail("idle connection %d: %s", i, why);
    }
    run->idle_seconds = (double)(now_ns() - begin) / 1e9;
    memory_read(options->server_pid, &run->idle_after);
}

static void close_idle(Run *run)
{
    for (int i = 0; i < run->options->idle; i++)
        link_close(&run->idle[i]);
    g_free(run->idle);
}

static void report_idle(Run *run, Report *report)
{
    report_open(report, "idle");
    report_number(report, "connections", run->options->idle);
    report_number(report, "open_seconds", run->idle_seconds);
    report_number(report, "anon_before_kib", (double)run->idle_before.anon_kib);
    report_number(report, "anon_after_kib", (double)run->idle_after.anon_kib);
    report_number(report, "anon_kib_each", ((double)run->idle_after.anon_kib - (double)run->idle_before.anon_kib) /
                                               (double)MAX(run->options->idle, 1));
    report_close(report);
}

static void run_open(Run *run, const Options *options)
{
    run->options = options;
    run->way = (Way) { .path = options->socket, .tls_port = options->tls_port, .priority = options->priority };
    if (options->tls_port)
        way_use_certificates(&run->way, options->certificates);
    run->slow_way = run->way;
    run->slow_way.uid = options->slow_uid;
    run->target = (Target) { .path = options->socket, .uri = options->uri, .domain_type = options->domain_type };
    run->control = wire_open(options->socket, options->uri);
}

static void run_close(Run *run)
{
    close(run->control);
    target_clear(&run->target);
    way_clear(&run->way);
    g_free(run->why_not);
}

static void add_plans(Run *run)
{
    const Options *options = run->options;
    bool apart = options->slow && options->slow_connections > 0;
    Plan plan = {
        .load = load_or_fail(options->load), .way = &run->way, .connections = options->connections, .depth = options->depth,
        .threads = options->threads, .pace_ms = options->pace_ms, .group = GROUP_MAIN,
    };

    if (options->slow && !apart) {
        plan.slow = load_or_fail(options->slow);
        plan.slow_depth = options->slow_depth;
    }
    engine_add(run->engine, &plan);
    if (apart)
        engine_add(run->engine, &(Plan) { .load = load_or_fail(options->slow), .way = &run->slow_way,
                                          .connections = options->slow_connections, .depth = options->slow_depth,
                                          .threads = 1, .group = GROUP_SLOW });
}

/* Waits for the end of the window, looking after what has to be seen meanwhile. */
static void watch_window(Run *run, Window window)
{
    int64_t part = (window.end - window.begin) / SERIES_PARTS;
    uint64_t counted = 0;

    for (int i = 0; i < SERIES_PARTS; i++) {
        int64_t until = i == SERIES_PARTS - 1 ? window.end : window.begin + (i + 1) * part;
        while (run->deaf && now_ns() + TICK_MS * 1000000 < until) {
            sleep_until(now_ns() + TICK_MS * 1000000);
            deaf_watch(run->deaf, (double)(now_ns() - window.begin) / 1e9);
        }
        sleep_until(until);
        uint64_t calls = engine_calls(run->engine, GROUP_MAIN);
        run->rates[i] = (double)(calls - counted) / ((double)part / 1e9);
        counted = calls;
    }
}

static void measure(Run *run)
{
    const Options *options = run->options;
    int64_t start = now_ns();
    Window window = { .begin = start + (int64_t)(options->warmup * 1e9) };

    window.end = window.begin + (int64_t)(options->seconds * 1e9);
    engine_start(run->engine, window);
    if (options->storm)
        run->storm = storm_start(&run->way, options->uri, (unsigned)options->storm, options->resume, window);
    sleep_until(window.begin);
    if (options->server_pid)
        usage_read(options->server_pid, &run->before);
    usage_read(getpid(), &run->client_before);
    if (run->deaf)
        deaf_begin(run->deaf);
    uint64_t syscalls = run->counter ? syscall_counter_read(run->counter) : 0;
    watch_window(run, window);
    if (run->counter)
        run->syscalls = syscall_counter_read(run->counter) - syscalls;
    if (options->server_pid)
        usage_read(options->server_pid, &run->after);
    usage_read(getpid(), &run->client_after);
    engine_join(run->engine);
    engine_undo(run->engine, run->control);
}

static void report_run(Run *run)
{
    const Options *options = run->options;
    const Stats *main_stats = engine_stats(run->engine, GROUP_MAIN), *slow = engine_stats(run->engine, GROUP_SLOW);
    uint64_t calls = main_stats->calls + slow->calls;
    Report report = report_new();

    report_text(&report, "load", options->load);
    report_number(&report, "connections", options->connections);
    report_number(&report, "depth", options->depth);
    report_number(&report, "domains", (double)run->target.count);
    report_number(&report, "seconds", options->seconds);
    report_stats(&report, main_stats, options->seconds);
    report_number(&report, "rate_first_quarter", run->rates[0]);
    report_number(&report, "rate_last_quarter", run->rates[SERIES_PARTS - 1]);
    if (calls && !options->keep_awake)
        report_number(&report, "client_cpu_us_per_call",
                      (double)(run->client_after.cpu_ns - run->client_before.cpu_ns) / 1000 / (double)calls);
    if (options->slow) {
        report_open(&report, "slow");
        report_text(&report, "load", options->slow);
        report_stats(&report, slow, options->seconds);
        report_close(&report);
    }
    if (run->storm) {
        report_open(&report, "storm");
        storm_report(storm_join(run->storm), options->seconds, &report);
        report_close(&report);
    }
    if (options->idle)
        report_idle(run, &report);
    if (run->deaf)
        deaf_report(run->deaf, &report);
    if (options->server_pid)
        report_server(&report, options->server_pid, &run->before, &run->after, calls,
                      run->counter ? (double)run->syscalls : -1, run->why_not);
    report_print(&report);
}

static int command_run(const Options *options)
{
    Run run = { 0 };
    g_autofree char *prefix = g_strdup_printf("load%d", (int)getpid());

    if (options->depth < 1 || options->connections < 1 || options->slow_depth < 1)
        fail("--connections, --depth and --slow-depth are at least 1");
    if ((options->deaf_callers || options->deaf_subscribers) && !options->server_pid)
        fail("clients that never read need --server-pid, whose memory is watched");
    run_open(&run, options);
    target_list(&run.target, run.control);
    if (run.target.count == 0)
        fail("%s has no domains; `rpc-load fill` makes some", options->uri);
    if (options->idle)
        open_idle(&run);
    run.engine = engine_new(&run.target, prefix, 0);
    add_plans(&run);
    if (options->deaf_callers || options->deaf_subscribers)
        run.deaf = deaf_new(&run.target, options->deaf_subscribers, options->deaf_callers, options->server_pid);
    if (options->count_syscalls && options->server_pid)
        run.counter = syscall_counter_new(options->server_pid, &run.why_not);
    else
        run.why_not = g_strdup("not asked for");
    Awake *awake = options->keep_awake ? awake_new() : NULL;
    measure(&run);
    if (awake)
        awake_free(awake);
    report_run(&run);
    int status = engine_stats(run.engine, GROUP_MAIN)->errors || engine_stats(run.engine, GROUP_SLOW)->errors ? 3 : 0;
    if (run.counter)
        syscall_counter_free(run.counter);
    if (run.deaf)
        deaf_free(run.deaf);
    if (run.storm)
        storm_free(run.storm);
    if (options->idle)
        close_idle(&run);
    engine_free(run.engine);
    run_close(&run);
    return status;
}

/* Starts the first domains of the series that fill makes. */
static void start_some(Run *run, unsigned count)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    Out out = { 0 };

    for (unsigned i = 0; i < count; i++) {
        OwnDomain domain = own_domain("bench", 0, i);
        size_t begin = frame_begin(&out, PROC_CREATE, 100 + i);
        out_handle(&out, &domain);
        frame_end(&out, begin);
        g_autofree char *why = wire_call(run->control, &out, body);
        if (why)
            fail("cannot start %s: %s", domain.name, why);
    }
    out_clear(&out);
}

static int command_fill(const Options *options)
{
    Run run = { 0 };
    Out document = { 0 };
    Memory before = { 0 }, after = { 0 };
    Report report = report_new();

    run_open(&run, options);
    memory_read(options->server_pid, &before);
    run.engine = engine_new(&run.target, "bench", options->domains);
    engine_add(run.engine, &(Plan) { .load = &load_fill, .way = &run.way, .connections = options->connections, .depth = options->depth,
                                     .threads = 1, .group = GROUP_MAIN });
    int64_t begin = now_ns();
    engine_start(run.engine, (Window) { begin, begin + (int64_t)3600 * 1000000000 });
    engine_join(run.engine);
    double seconds = (double)(now_ns() - begin) / 1e9;
    start_some(&run, options->running);
    memory_read(options->server_pid, &after);

    const OwnDomain example = own_domain("bench", 0, 0);
    const Stats *stats = engine_stats(run.engine, GROUP_MAIN);
    report_text(&report, "load", "fill");
    report_number(&report, "seconds", seconds);
    report_stats(&report, stats, seconds);
    report_number(&report, "document_bytes", (double)out_document(&document, &run.target, &example));
    report_number(&report, "anon_before_kib", (double)before.anon_kib);
    report_number(&report, "anon_after_kib", (double)after.anon_kib);
    report_print(&report);
    int status = stats->errors ? 3 : 0;
    engine_free(run.engine);
    out_clear(&document);
    run_close(&run);
    return status;
}

/* How long after --since the server, which may be starting still, answers its first list. */
static int command_first(const Options *options)
{
    int64_t since = options->since ? options->since : now_ns();
    Run run = { 0 };
    Report report = report_new();
    int fd = -1;

    while ((fd = wire_connect(options->socket)) < 0) {
        if ((double)(now_ns() - since) / 1e9 > 120)
            fail("%s takes no connections: %s", options->socket, g_strerror(errno));
        sleep_until(now_ns() + 500000);
    }
    close(fd);
    run_open(&run, options);
    target_list(&run.target, run.control);
    double seconds = (double)(now_ns() - since) / 1e9;
    report_text(&report, "load", "first");
    report_number(&report, "seconds", seconds);
    report_number(&report, "domains", (double)run.target.count);
    if (options->server_pid && usage_read(options->server_pid, &run.after))
        report_server(&report, options->server_pid, &run.before, &run.after, 1, -1, NULL);
    report_print(&report);
    run_close(&run);
    return 0;
}

static int command_idle(const Options *options)
{
    Run run = { 0 };
    Report report = report_new();

    run_open(&run, options);
    open_idle(&run);
    report_text(&report, "load", "idle");
    report_idle(&run, &report);
    report_print(&report);
    close_idle(&run);
    run_close(&run);
    return 0;
}

static int command_events(const Options *options)
{
    EventsPlan plan = {
        .subscribers = options->subscribers, .batch = options->batch, .pace_ms = options->pace_ms,
        .warmup = options->warmup, .seconds = options->seconds, .pid = options->server_pid,
    };
    Run run = { 0 };

    run_open(&run, options);
    target_list(&run.target, run.control);
    int status = events_run(&run.target, &plan);
    run_close(&run);
    return status;
}

/* Nothing but clients that come and go. */
static int command_storm(const Options *options)
{
    Run run = { 0 };
    Report report = report_new();
    int64_t start = now_ns() + (int64_t)(options->warmup * 1e9);
    Window window = { start, start + (int64_t)(options->seconds * 1e9) };

    run_open(&run, options);
    Storm *storm = storm_start(&run.way, options->uri, (unsigned)options->connections, options->resume, window);
    sleep_until(window.begin);
    usage_read(options->server_pid, &run.before);
    sleep_until(window.end);
    usage_read(options->server_pid, &run.after);
    const StormResult *result = storm_join(storm);
    report_text(&report, "load", "storm");
    storm_report(result, options->seconds, &report);
    report_server(&report, options->server_pid, &run.before, &run.after, result->sessions, -1, NULL);
    report_print(&report);
    int status = result->errors ? 3 : 0;
    storm_free(storm);
    run_close(&run);
    return status;
}

static int command_floor(const Options *options)
{
    Way way = { .priority = options->priority };
    Report report = report_new();

    if (!options->certificates)
        fail("--certificates is needed");
    way_use_certificates(&way, options->certificates);
    report_text(&report, "load", "floor");
    floor_measure(&way, options->certificates, options->resume, options->seconds, &report);
    report_print(&report);
    way_clear(&way);
    return 0;
}

static int command_loads(const Options *options)
{
    for (const Load *load = load_table(); load->name; load++)
        printf("%-16s %s\n", load->name, load->summary);
    return 0;
}

static GOptionContext *option_context(Options *options)
{
    const GOptionEntry entries[] = {
        { "socket", 0, 0, G_OPTION_ARG_FILENAME, &options->socket, "the server's UNIX socket", "PATH" },
        { "uri", 0, 0, G_OPTION_ARG_STRING, &options->uri, "what to open there (test:///default)", "URI" },
        { "domain-type", 0, 0, G_OPTION_ARG_STRING, &options->domain_type, "of documents that are defined (test)", "TYPE" },
        { "server-pid", 0, 0, G_OPTION_ARG_INT, &options->server_pid, "read this process's CPU time and memory", "PID" },
        { "count-syscalls", 0, 0, G_OPTION_ARG_NONE, &options->count_syscalls, "count its system calls (slows it)", NULL },
        { "load", 0, 0, G_OPTION_ARG_STRING, &options->load, "run: the kind of call (version)", "NAME" },
        { "connections", 'c', 0, G_OPTION_ARG_INT, &options->connections, "run, fill: connections (1)", "N" },
        { "depth", 'd', 0, G_OPTION_ARG_INT, &options->depth, "run, fill: calls in flight on each (1)", "N" },
        { "threads", 't', 0, G_OPTION_ARG_INT, &options->threads, "run: threads of the client (1)", "N" },
        { "seconds", 's', 0, G_OPTION_ARG_DOUBLE, &options->seconds, "run, events: how long to measure (1)", "S" },
        { "warmup", 0, 0, G_OPTION_ARG_DOUBLE, &options->warmup, "run, events: how long to run before that (0.1)", "S" },
        { "pace", 0, 0, G_OPTION_ARG_DOUBLE, &options->pace_ms, "run, events: one call per slot in so many ms", "MS" },
        { "keep-awake", 0, 0, G_OPTION_ARG_NONE, &options->keep_awake, "run: let no CPU sleep meanwhile", NULL },
        { "idle", 0, 0, G_OPTION_ARG_INT, &options->idle, "run, idle: open connections that do nothing", "N" },
        { "slow", 0, 0, G_OPTION_ARG_STRING, &options->slow, "run: slow calls beside, on the same connections", "NAME" },
        { "slow-depth", 0, 0, G_OPTION_ARG_INT, &options->slow_depth, "run: slow calls in flight on each (1)", "N" },
        { "slow-connections", 0, 0, G_OPTION_ARG_INT, &options->slow_connections, "run: slow calls on others instead", "N" },
        { "slow-uid", 0, 0, G_OPTION_ARG_INT, &options->slow_uid, "run: the user that makes these (own)", "UID" },
        { "storm", 0, 0, G_OPTION_ARG_INT, &options->storm, "run: clients that come and go beside it", "N" },
        { "resume", 0, 0, G_OPTION_ARG_NONE, &options->resume, "run, storm, floor: resume sessions of TLS", NULL },
        { "tls-port", 0, 0, G_OPTION_ARG_INT, &options->tls_port, "measure over TLS, at this port of 127.0.0.1", "PORT" },
        { "certificates", 0, 0, G_OPTION_ARG_FILENAME, &options->certificates, "ca.pem, client.pem and .key; floor: server.*", "DIR" },
        { "priority", 0, 0, G_OPTION_ARG_STRING, &options->priority, "versions and ciphers of TLS, as GnuTLS names them", "TEXT" },
        { "deaf-subscribers", 0, 0, G_OPTION_ARG_INT, &options->deaf_subscribers, "run: beside it, never reading", "N" },
        { "deaf-callers", 0, 0, G_OPTION_ARG_INT, &options->deaf_callers, "run: they list all and never read", "N" },
        { "domains", 0, 0, G_OPTION_ARG_INT, &options->domains, "fill: how many in all", "N" },
        { "running", 0, 0, G_OPTION_ARG_INT, &options->running, "fill: how many of them to start", "N" },
        { "subscribers", 0, 0, G_OPTION_ARG_INT, &options->subscribers, "events: connections that hear all", "N" },
        { "batch", 0, 0, G_OPTION_ARG_INT, &options->batch, "events: domains started, then destroyed, at a time (1)", "N" },
        { "since", 0, 0, G_OPTION_ARG_INT64, &options->since, "first: CLOCK_MONOTONIC when the server was started", "NS" },
        { NULL },
    };
    GOptionContext *context = g_option_context_new("loads|fill|run|events|idle|first|storm|floor");

    g_option_context_set_summary(context, "Loads a server of the remote protocol and prints one line of JSON.");
    g_option_context_add_main_entries(context, entries, NULL);
    return context;
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void set_if_missing(char **option, const char *value)
{
    if (!*option)
        *option = g_strdup(value);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; int (*run)(const Options *options); bool needs_socket; } commands[] = {
        { "loads", command_loads, false }, { "fill", command_fill, true }, { "run", command_run, true },
        { "events", command_events, true }, { "idle", command_idle, true }, { "first", command_first, true },
        { "storm", command_storm, true }, { "floor", command_floor, false },
    };
    Options options = { .connections = 1, .depth = 1, .threads = 1, .slow_depth = 1, .batch = 1, .seconds = 1, .warmup = 0.1 };
    g_autoptr(GOptionContext) context = option_context(&options);
    g_autoptr(GError) error = NULL;

    if (!g_option_context_parse(context, &argc, &argv, &error))
        fail("%s", error->message);
    set_if_missing(&options.uri, "test:///default");
    set_if_missing(&options.load, "version");
    set_if_missing(&options.domain_type, "test");
    if (argc != 2)
        fail("one command is needed; see --help");
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    if (options.tls_port && !options.certificates)
        fail("--tls-port needs --certificates");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (commands[i].needs_socket && !options.socket)
            fail("--socket is needed");
        int status = commands[i].run(&options);
        g_free(options.socket);
        g_free(options.uri);
        g_free(options.load);
        g_free(options.slow);
        g_free(options.domain_type);
        g_free(options.certificates);
        g_free(options.priority);
        return status;
    }
    fail("there is no command %s; see --help", argv[1]);
}
