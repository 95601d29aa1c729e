/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* droverd: options, signals, and the order of starting and stopping.
 * The main thread: it starts the server and then only waits for signals. SIGTERM and SIGINT end it in
 * order, SIGHUP reads the configuration again, SIGALRM says that the time to end has changed. */
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <glib.h>
#include <libxml/parser.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "server/daemon.h"
#include "server/run.h"
#include "server/systemd.h"
#include "server/version.h"

LOG_SOURCE("server.main");

typedef struct Options {
    char *config, *root, *pid_file;
    gboolean daemon, verbose, version;
} Options;

/* Paths mean the same after the daemon has changed its directory. */
static void make_absolute(char **path)
{
    char *absolute = *path ? g_canonicalize_filename(*path, NULL) : NULL;

    g_free(*path);
    *path = absolute;
}

static int parse_options(int *argc, char ***argv, Options *options)
{
    const GOptionEntry entries[] = {
        { "config", 'f', 0, G_OPTION_ARG_FILENAME, &options->config, N_("Read the settings from FILE"), N_("FILE") },
        { "root", 'R', 0, G_OPTION_ARG_FILENAME, &options->root, N_("Keep every default path below DIR"), N_("DIR") },
        { "pid-file", 'p', 0, G_OPTION_ARG_FILENAME, &options->pid_file, N_("Write the process id to FILE"),
          N_("FILE") },
        { "daemon", 'd', 0, G_OPTION_ARG_NONE, &options->daemon, N_("Go into the background once it serves"), NULL },
        { "verbose", 'v', 0, G_OPTION_ARG_NONE, &options->verbose, N_("Log what is done, not only what is wrong"),
          NULL },
        { "version", 'V', 0, G_OPTION_ARG_NONE, &options->version, N_("Print the version and exit"), NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) problem = NULL;

    g_option_context_set_summary(context, _("Serves the virtual machines of this host over libvirt's remote protocol."));
    g_option_context_add_main_entries(context, entries, "drover");
    if (!g_option_context_parse(context, argc, argv, &problem)) {
        fprintf(stderr, "droverd: %s\n", problem->message);
        return -1;
    }
    if (*argc > 1) {
        fprintf(stderr, _("droverd: '%s' is not understood; see droverd --help\n"), (*argv)[1]);
        return -1;
    }
    make_absolute(&options->config);
    make_absolute(&options->root);
    make_absolute(&options->pid_file);
    return 0;
}

/* Blocked in every thread, taken by sigwait in this one alone. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGQUIT);
    sigaddset(set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* The settings of the file, and over them what the command line says: now, and when it is read again. */
static Config *load(const Options *options, Error *error)
{
    Config *config = config_load(options->config, options->root, error);

    if (config && options->verbose)
        config->log_level = MIN(config->log_level, LOG_LEVEL_INFO);
    return config;
}

static void reload(Server *server, const Options *options)
{
    Error error = ERROR_INIT;
    Config *config;

    systemd_notify_reloading();
    config = load(options, &error);
    if (config) {
        server_reload(server, config);
        config_unref(config);
    } else {
        log_error(_("the configuration stays as it was: %s"), error.message);
    }
    error_clear(&error);
    systemd_notify_ready();
}

/* The next signal, 0 when it is time to look whether there are clients. */
static int wait_for_signal(Server *server, const sigset_t *set)
{
    int64_t left = server_idle_left(server);
    const struct timespec time = { .tv_sec = left / CLOCK_S, .tv_nsec = left % CLOCK_S };
    int number = left < 0 ? sigwaitinfo(set, NULL) : sigtimedwait(set, NULL, &time);

    return MAX(number, 0);
}

static void wait_for_the_end(Server *server, const Options *options, const sigset_t *set)
{
    for (;;) {
        int number = wait_for_signal(server, set);

        if (number == SIGHUP) {
            reload(server, options);
        } else if (number != 0 && number != SIGALRM) {
            log_info("ending on signal %d", number);
            return;
        } else if (server_idle_left(server) == 0) {
            log_info("ending since there was no client for the time that was set");
            return;
        }
    }
}

static int complain(Error *error)
{
    fprintf(stderr, "droverd: %s\n", error->message);
    error_clear(error);
    return EXIT_FAILURE;
}

/* The server's life in the process that stays. */
static int serve(const Options *options, Config *config, int ready, const sigset_t *set)
{
    g_autoptr(Instance) instance = NULL;
    Error error = ERROR_INIT;
    Server *server;

    daemon_raise_file_limit();
    instance = instance_claim(config, options->pid_file, &error);
    if (!instance)
        return complain(&error);
    server = server_start(config, &error);
    if (!server)
        return complain(&error);
    daemon_ready(ready);
    if (ready >= 0)
        log_set_outputs(config->log_outputs, NULL);
    systemd_notify_ready();
    log_info("droverd %s serves below %s", DROVER_VERSION, config->unix_sock_dir);
    wait_for_the_end(server, options, set);
    systemd_notify_stopping();
    server_stop(server);
    return EXIT_SUCCESS;
}

static void free_options(Options *options)
{
    g_free(options->config);
    g_free(options->root);
    g_free(options->pid_file);
}

static int start(const Options *options)
{
    Error error = ERROR_INIT;
    sigset_t set;
    Config *config;
    int ready = -1, status;

    if (options->version) {
        printf("droverd %s\n", DROVER_VERSION);
        return EXIT_SUCCESS;
    }
    config = load(options, &error);
    if (!config)
        return complain(&error);
    block_signals(&set);
    if (options->daemon && daemon_fork(&ready, &error) < 0)
        status = complain(&error);
    else
        status = serve(options, config, ready, &set);
    config_unref(config);
    return status;
}

int main(int argc, char **argv)
{
    Options options = { 0 };
    int status;

    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C");    /* numbers in documents are the same everywhere */
    bindtextdomain("drover", DROVER_LOCALE_DIR);
    bind_textdomain_codeset("drover", "UTF-8");
    textdomain("drover");
    mallopt(M_ARENA_MAX, 4);    /* memory that threads pass to each other stays in few heaps */
    xmlInitParser();
    status = parse_options(&argc, &argv, &options) < 0 ? EXIT_FAILURE : start(&options);
    free_options(&options);
    xmlCleanupParser();
    return status;
}
