/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting the server together from its configuration, and taking it apart.
 * Main thread only; takes no lock of its own. */
#include "server/run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "server/audit-kernel.h"
#include "server/metrics.h"
#include "server/modules.h"
#include "server/network.h"
#include "server/polkit.h"
#include "server/socket.h"
#include "server/systemd.h"
#include "server/tls-watch.h"

LOG_SOURCE("server.run");

/* How long running calls may take to finish when the server stops. */
enum { STOP_SECONDS = 5 };

static ServiceLimits remote_limits(const Config *config)
{
    return (ServiceLimits){
        .max_clients = (unsigned)config->max_clients,
        .max_unauth_clients = (unsigned)config->max_anonymous_clients,
        .max_unauth_per_source = (unsigned)config->max_anonymous_per_address,
        .max_client_requests = (unsigned)config->max_client_requests,
        .max_client_queue = (unsigned)config->max_client_queue,
        .max_client_parked = (unsigned)config->max_client_parked,
        .max_client_streams = (unsigned)config->max_client_streams,
        .max_client_output = (unsigned)config->max_client_output,
        .max_client_events = (unsigned)config->max_client_events,
        .login_timeout = (unsigned)config->login_timeout,
        .write_timeout = (unsigned)config->client_write_timeout,
        .keepalive_interval = config->keepalive_interval,
        .keepalive_count = (unsigned)config->keepalive_count,
    };
}

static ServiceLimits admin_limits(const Config *config)
{
    ServiceLimits limits = remote_limits(config);

    limits.max_clients = (unsigned)config->admin_max_clients;
    limits.max_unauth_clients = 0;
    limits.max_client_requests = (unsigned)config->admin_max_client_requests;
    limits.keepalive_interval = config->admin_keepalive_interval;
    limits.keepalive_count = (unsigned)config->admin_keepalive_count;
    return limits;
}

static int set_up_log(const Config *config, Error *error)
{
    if (log_set_level((LogLevel)config->log_level, error) < 0)
        return -1;
    if (log_set_filters(config->log_filters, error) < 0)
        return -1;
    return log_set_outputs(config->log_outputs, error);
}

/* What each of the three sockets is. */
typedef struct SocketPlan {
    SocketRole role;
    bool admin, read_only;
} SocketPlan;

static const SocketPlan plans[] = {
    { SOCKET_RW, false, false }, { SOCKET_RO, false, true }, { SOCKET_ADMIN, true, false },
};

static unsigned socket_mode(const Config *config, SocketRole role)
{
    if (role == SOCKET_ADMIN)
        return config->unix_sock_admin_perms;
    return role == SOCKET_RO ? config->unix_sock_ro_perms : config->unix_sock_rw_perms;
}

static Service *service_of(Server *server, const SocketPlan *plan)
{
    return plan->admin ? server->admin : server->service;
}

static void listen_as_planned(Server *server, const SocketPlan *plan, int fd)
{
    const Config *config = server->config;
    ListenSettings settings = { .read_only = plan->read_only };

    if (!plan->admin)
        settings.auth = network_auth(plan->read_only ? config->auth_unix_ro : config->auth_unix_rw);
    service_listen_with(service_of(server, plan), fd, &settings);
}

/* systemd's sockets are taken as they are; of UNIX sockets those that its units leave out are not made. */
static void take_sockets(Server *server, const GArray *sockets)
{
    for (unsigned i = 0; i < sockets->len; i++) {
        const ActivatedSocket *socket = &g_array_index(sockets, ActivatedSocket, i);

        for (unsigned j = 0; j < G_N_ELEMENTS(plans); j++)
            if (plans[j].role == socket->role)
                listen_as_planned(server, &plans[j], socket->fd);
    }
}

static int make_sockets(Server *server, Error *error)
{
    const Config *config = server->config;

    for (unsigned i = 0; i < G_N_ELEMENTS(plans); i++) {
        const SocketPlan *plan = &plans[i];
        g_autofree char *path = g_build_filename(config->unix_sock_dir, socket_role_name(plan->role), NULL);
        int backlog = plan->admin ? config->admin_max_queued_clients : config->max_queued_clients;
        SocketFile *file = NULL;
        int fd = socket_listen(path, socket_mode(config, plan->role), config->unix_sock_group, backlog, &file, error);

        if (fd < 0)
            return -1;
        g_ptr_array_add(server->sockets, file);
        listen_as_planned(server, plan, fd);
    }
    return 0;
}

static int open_sockets(Server *server, Error *error)
{
    g_autoptr(GArray) sockets = systemd_take_sockets(error);

    if (!sockets || network_prepare(server, sockets, error) < 0)
        return -1;
    if (sockets->len > 0)
        take_sockets(server, sockets);
    else if (make_sockets(server, error) < 0)
        return -1;
    return network_open(server, sockets, error);
}

/* --- the end -------------------------------------------------------------------------------------- */

/* The time is over: a worker is with a call that doesn't end, or a driver with its figures. The timer thread. */
typedef struct LastMoment {
    Timer timer;
    const Server *server;
} LastMoment;

static void leave_at_last(Timer *timer)
{
    const LastMoment *moment = (const LastMoment *)(const void *)((const char *)timer - offsetof(LastMoment, timer));

    rpc_tell_stuck(moment->server->rpc);
    metrics_tell_stuck(moment->server->metrics);
    log_error("droverd ends without them");
    _exit(EXIT_FAILURE);
}

/* The same when what is left takes too long: a driver waits for its hypervisor. The timer thread. */
static void leave_unclosed(Timer *timer)
{
    log_error("the hypervisors aren't closed in time, droverd ends without that");
    _exit(EXIT_FAILURE);
}

static void begin_last_moment(Server *server, LastMoment *moment, void (*fire)(Timer *timer))
{
    *moment = (LastMoment){ .timer.fire = fire, .server = server };
    timer_start(server->timers, &moment->timer, clock_now() + (int64_t)server->config->stop_timeout * CLOCK_S);
}

static void end_last_moment(LastMoment *moment)
{
    while (!timer_cancel(moment->server->timers, &moment->timer))
        pause();    /* it has fired: the process ends */
}

/* Waits for the threads of the wire and those that ask drivers for metrics, but not for ever. What has been answered is kept
 * however this ends. */
static void stop_threads(Server *server)
{
    LastMoment moment;

    begin_last_moment(server, &moment, leave_at_last);
    rpc_stop(server->rpc);
    metrics_stop(server->metrics);
    end_last_moment(&moment);
    metrics_free(server->metrics);
    rpc_free(server->rpc);
}

/* Ends what still runs for guests and closes the hypervisors; not for ever either. */
static void close_hosts(Server *server)
{
    LastMoment moment;

    begin_last_moment(server, &moment, leave_unclosed);
    autodestroy_free(server->autodestroy);
    hosts_free(server->hosts);
    end_last_moment(&moment);
}

/* Everything that server_start has made so far. */
static void take_apart(Server *server)
{
    g_ptr_array_unref(server->sockets);
    if (server->rpc)
        stop_threads(server);
    close_hosts(server);
    timers_free(server->timers);
    polkit_free(server->polkit);
    audit_kernel_free(server->kernel_audit);
    rules_deinit(server);
    tls_watch_free(server->tls_watch);
    tls_free(server->tls);
    wrap_free(server->wrap);
    modules_free(server->modules);
    config_unref(server->config);
    g_free(server);
}

/* False and an error when the configuration wants metrics and they can't be served. */
static bool open_metrics(Server *server, Error *error)
{
    server->metrics = metrics_start(server, error);
    return server->metrics || !error_is_set(error);
}

static int open_default(Server *server, Error *error)
{
    Host *host = host_open(server->hosts, "", false, error);

    if (!host)
        return -1;
    host_unref(host);
    return 0;
}

/* The wrappers of driver_wrap; a mistake there is one in the configuration. */
static int make_wrap(Server *server, Error *error)
{
    const Config *config = server->config;
    Error reason = ERROR_INIT;
    int r;

    if (!config->driver_wrap || wrap_new((const char *const *)config->driver_wrap, &server->wrap, &reason) == 0)
        return 0;
    r = config_mistake(config, SETTING_driver_wrap, reason.detail, error);
    error_clear(&reason);
    return r;
}

static int check_weights(const Config *config, Error *error)
{
    for (char **text = config->identity_weights; text && *text; text++) {
        g_autofree char *what = NULL;

        if (identity_weight_parse(*text, NULL, NULL))
            continue;
        what = g_strdup_printf(_("'%s' is no pattern with a weight from 1 to %d"), *text, IDENTITY_WEIGHT_MAX);
        return config_mistake(config, SETTING_identity_weights, what, error);
    }
    return 0;
}

/* A file that can't be read or has a mistake leaves what was. */
static int take_policy(Server *server, const Config *config, Error *error)
{
    Policy *policy = NULL;

    if (config->access_policy) {
        policy = policy_load(config->access_policy, error);
        if (!policy)
            return -1;
    }
    rules_set(server, policy);
    return 0;
}

static int start_audit(Server *server, Error *error)
{
    server->kernel_audit = audit_kernel_new(audit_gate(), server->config->audit_level, error);
    return server->kernel_audit || !error->code ? 0 : -1;
}

Server *server_start(Config *config, Error *error)
{
    Server *server;
    ServiceLimits limits = remote_limits(config), admin = admin_limits(config);
    RpcSettings settings = {
        .io_threads = config_io_threads(config),
        .min_workers = (unsigned)config->min_workers, .max_workers = (unsigned)config->max_workers,
        .prio_workers = (unsigned)config->prio_workers,
    };

    if (set_up_log(config, error) < 0)
        return NULL;
    for (char **warning = config->warnings; *warning; warning++)
        log_warning("%s", *warning);
    server = g_new0(Server, 1);
    server->config = config_ref(config);
    rules_init(server);
    server->started = clock_real();
    server->sockets = g_ptr_array_new_with_free_func(socket_unlink);
    server->admin_workers.min = (unsigned)config->admin_min_workers;
    server->admin_workers.max = (unsigned)config->admin_max_workers;
    server->modules = modules_load(config);
    server->drivers = modules_drivers(server->modules);
    server->audit = config->audit_logging;
    server->job_timeout = config->domain_job_timeout * CLOCK_S;
    server->hosts = hosts_new(server);
    server->autodestroy = autodestroy_new();
    server->timers = timers_new();
    server->rpc = rpc_new(&settings, server->timers);
    server->service = service_new(server->rpc, "droverd", &remote_service_ops, &limits, server);
    server->admin = service_new(server->rpc, "admin", &admin_service_ops, &admin, server);
    if (check_weights(config, error) < 0 || take_policy(server, config, error) < 0 || start_audit(server, error) < 0
        || make_wrap(server, error) < 0 || open_default(server, error) < 0 || open_sockets(server, error) < 0
        || !open_metrics(server, error)) {
        take_apart(server);
        return NULL;
    }
    rpc_set_weights(server->rpc, (const char *const *)config->identity_weights);
    rpc_set_identity_workers(server->rpc, (unsigned)config->max_identity_workers);
    rpc_set_slow_call(server->rpc, config->slow_call_ms * CLOCK_MS);
    rpc_start(server->rpc);
    hosts_open_own(server->hosts);
    return server;
}

static void set_limits(ServiceLimits *to, const ServiceLimits *from)
{
#define TAKE(member) __atomic_store_n(&to->member, from->member, __ATOMIC_RELAXED)
    TAKE(max_clients);
    TAKE(max_unauth_clients);
    TAKE(max_unauth_per_source);
    TAKE(max_client_requests);
    TAKE(max_client_queue);
    TAKE(max_client_parked);
    TAKE(max_client_streams);
    TAKE(max_client_output);
    TAKE(max_client_events);
    TAKE(login_timeout);
    TAKE(write_timeout);
    TAKE(keepalive_interval);
    TAKE(keepalive_count);
#undef TAKE
}

void server_reload(Server *server, Config *config)
{
    ServiceLimits limits = remote_limits(config), admin = admin_limits(config);
    Error error = ERROR_INIT;

    log_reopen();
    if (set_up_log(config, &error) < 0)
        log_error("%s", error.message);
    error_clear(&error);
    for (char **warning = config->warnings; *warning; warning++)
        log_warning("%s", *warning);
    set_limits(service_limits(server->service), &limits);
    set_limits(service_limits(server->admin), &admin);
    if (take_policy(server, config, &error) < 0)
        log_error("%s", error.message);
    error_clear(&error);
    network_reload(server, config);
    rules_set_config(server, config);
    if (check_weights(config, &error) < 0)
        log_error("%s", error.message);
    else
        rpc_set_weights(server->rpc, (const char *const *)config->identity_weights);
    error_clear(&error);
    rpc_set_identity_workers(server->rpc, (unsigned)config->max_identity_workers);
    rpc_set_slow_call(server->rpc, config->slow_call_ms * CLOCK_MS);
    __atomic_store_n(&server->audit, config->audit_logging, __ATOMIC_RELAXED);
    __atomic_store_n(&server->job_timeout, config->domain_job_timeout * CLOCK_S, __ATOMIC_RELAXED);
    log_info("the configuration was read again");
}

void server_set_idle_timeout(Server *server, unsigned seconds)
{
    __atomic_store_n(&server->idle_timeout, seconds * CLOCK_S, __ATOMIC_RELAXED);
    kill(getpid(), SIGALRM);
}

int64_t server_idle_left(Server *server)
{
    int64_t timeout = __atomic_load_n(&server->idle_timeout, __ATOMIC_RELAXED);
    int64_t since = service_idle_since(server->service), admin_since = service_idle_since(server->admin);

    if (timeout == 0)
        return -1;
    if (since < 0 || admin_since < 0)
        return timeout;    /* whoever leaves now leaves so much time */
    return MAX(MAX(since, admin_since) + timeout - clock_now(), 0);
}

void server_stop(Server *server)
{
    /* At once, so that nobody connects and is then sent away; and while the descriptors still keep others from
     * being given the same inodes. */
    g_ptr_array_set_size(server->sockets, 0);
    rpc_quiesce(server->rpc);
    hosts_interrupt(server->hosts);
    polkit_stop(server->polkit);
    if (!rpc_drain(server->rpc, clock_now() + STOP_SECONDS * CLOCK_S))
        log_warning("calls still run after %d s, their clients are disconnected", STOP_SECONDS);
    take_apart(server);
}
