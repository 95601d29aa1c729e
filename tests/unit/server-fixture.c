/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server and the driver of the header. Opening and closing run on whatever thread asks for it and take the
 * fixture's lock; all else belongs to the test's thread. */
#include "server-fixture.h"

#include <fcntl.h>
#include <libvirt/virterror.h>
#include <sys/socket.h>
#include <unistd.h>

static Fixture *fixture_of(const Host *host)
{
    return (Fixture *)(void *)((char *)host->server - offsetof(Fixture, server));
}

static bool fake_claims(const char *uri, char **key, Error *error)
{
    if (g_str_has_prefix(uri, "fake:///mistake")) {
        error_set(error, VIR_FROM_TEST, VIR_ERR_INVALID_ARG, "'%s' is a mistake", uri);
        return false;
    }
    *key = g_str_has_prefix(uri, "fake:///own") ? NULL : g_strdup(uri);
    return g_str_has_prefix(uri, "fake:///");
}

static int fake_open(Host *host, const char *uri, bool read_only, Error *error)
{
    Fixture *f = fixture_of(host);

    LOCK_SCOPE(&f->lock);
    host->uri = g_strdup(uri);
    f->opening++;
    cond_broadcast(&f->wake);
    while (g_str_has_prefix(uri, "fake:///slow") && !f->open)
        cond_wait(&f->wake, &f->lock);
    if (f->fail)
        return error_set(error, VIR_FROM_TEST, VIR_ERR_OPERATION_FAILED, "'%s' cannot be opened", uri);
    f->opened++;
    return 0;
}

static void fake_close(Host *host)
{
    Fixture *f = fixture_of(host);

    LOCK_SCOPE(&f->lock);
    f->closed++;
}

/* Waits at the gate, inside the domain's job. */
static int fake_suspend(Op *op, const RemoteDomainSuspendArgs *args)
{
    Fixture *f = fixture_of(op->host);

    LOCK_SCOPE(&f->lock);
    f->suspending++;
    cond_broadcast(&f->wake);
    while (!f->open)
        cond_wait(&f->wake, &f->lock);
    return 0;
}

static int fake_define(Op *op, const DomainConfig *config)
{
    const DomainFacts facts = { .id = -1, .persistent = config };
    Fixture *f = fixture_of(op->host);
    bool fail;

    lock_acquire(&f->lock);
    fail = f->fail;
    lock_release(&f->lock);
    if (fail)
        return error_set(op->error, VIR_FROM_TEST, VIR_ERR_INTERNAL_ERROR, "defining fails");
    domain_config_unref(op->domain->persistent);
    op->domain->persistent = domain_config_ref(config);
    domain_publish(op->domain, domain_view_new(&facts));
    return 0;
}

/* Has a descriptor to give, and then fails. */
static int fake_open_graphics_fd(Op *op, const RemoteDomainOpenGraphicsFdArgs *args)
{
    op->reply_fds[op->n_reply_fds++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return error_set(op->error, VIR_FROM_TEST, VIR_ERR_OPERATION_FAILED, "no graphics after all");
}

static const Driver fake_driver = {
    .scheme = "fake", .type = "Fake", .error_domain = VIR_FROM_TEST,
    .claims = fake_claims, .open = fake_open, .close = fake_close,
    .domain_define = fake_define,
    .domain_suspend = fake_suspend,
    .domain_open_graphics_fd = fake_open_graphics_fd,
};
static const Driver *const drivers[] = { &fake_driver, NULL };

void fixture_set_up(Fixture *f, gconstpointer data)
{
    const RpcSettings settings = { .io_threads = 1, .min_workers = 0, .max_workers = 2, .prio_workers = 0 };
    const ServiceLimits limits = {
        .max_clients = 64, .max_client_requests = 64, .max_client_queue = 64, .max_client_parked = 64,
        .max_client_streams = 4, .max_client_output = 524288, .max_client_events = 1048576,
    };

    lock_init(&f->lock, LOCK_TEST_HOST);
    cond_init(&f->wake);
    f->config.default_uri = g_strdup("fake:///default");
    f->server.config = &f->config;
    f->server.drivers = drivers;
    f->server.job_timeout = CLOCK_S;
    f->server.hosts = hosts_new(&f->server);
    f->server.autodestroy = autodestroy_new();
    f->server.timers = timers_new();
    f->server.rpc = rpc_new(&settings, f->server.timers);
    f->server.service = service_new(f->server.rpc, "droverd", &remote_service_ops, &limits, &f->server);
}

void fixture_tear_down(Fixture *f, gconstpointer data)
{
    fixture_open_gate(f);
    rpc_free(f->server.rpc);
    autodestroy_free(f->server.autodestroy);
    hosts_free(f->server.hosts);
    timers_free(f->server.timers);
    wrap_free(f->server.wrap);
    g_assert_cmpuint(f->opened, ==, f->closed);
    cond_deinit(&f->wake);
    lock_deinit(&f->lock);
    g_free(f->config.default_uri);
    g_free(f->payload);
}

void fixture_open_gate(Fixture *f)
{
    LOCK_SCOPE(&f->lock);
    f->open = true;
    cond_broadcast(&f->wake);
}

void fixture_turn(Fixture *f)
{
    for (int i = 0; i < 3; i++)
        io_turn(f->server.rpc->io[0], 0);
}

Host *fixture_host(Fixture *f, const char *uri)
{
    Error error = ERROR_INIT;
    Host *host = host_open(f->server.hosts, uri, false, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_nonnull(host);
    return host;
}

int fixture_dial(Fixture *f, const char *uri, bool read_only_socket, Session **session)
{
    int ends[2];
    Client *client;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), ==, 0);
    __atomic_add_fetch(&f->server.service->n_clients, 1, __ATOMIC_RELAXED);
    client = client_new(f->server.service, f->server.rpc->io[0], ends[0], read_only_socket);
    io_wish(client, WISH_ADOPT);
    fixture_turn(f);
    *session = client_session(client);
    g_assert_nonnull(*session);
    if (uri)
        (*session)->host = fixture_host(f, uri);
    return ends[1];
}

bool fixture_read(Fixture *f, int fd, FrameHeader *header)
{
    uint8_t head[FRAME_HEADER_SIZE];

    fixture_turn(f);
    if (recv(fd, head, sizeof head, 0) != sizeof head)
        return false;
    frame_header_get(head, header);
    f->payload_size = xdr_load32(head) - FRAME_HEADER_SIZE;
    g_free(f->payload);
    f->payload = g_malloc(f->payload_size + 1);
    if (f->payload_size)
        g_assert_cmpint(recv(fd, f->payload, f->payload_size, 0), ==, f->payload_size);
    return true;
}
