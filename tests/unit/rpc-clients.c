/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an administrator sees and changes of a running engine: its clients, and the limits of its workers. The
 * service has one procedure, which holds a worker until the gate is open. */
#include "rpc/rpc.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"

enum { PROC_SLOW = 1 };

#define PROGRAM 0x1234u

typedef struct Fixture {
    Timers *timers;
    Rpc *rpc;
    Service *service;
    char *dir, *path;
    Lock lock;
    Cond wake;
    /* under lock */
    bool open;              /* calls may end */
    unsigned running;
} Fixture;

static const Proc procs[] = {
    [PROC_SLOW] = { .name = "slow", .wire_name = "SLOW", .api = "", .number = PROC_SLOW, .lane = LANE_WORKER },
};
static const Program program = { "test", PROGRAM, 1, procs, G_N_ELEMENTS(procs) };
static const Program *const programs[] = { &program, NULL };

static void serve(Call *call)
{
    Fixture *f = service_data(client_service(call->client));

    lock_acquire(&f->lock);
    f->running++;
    cond_broadcast(&f->wake);
    while (!f->open)
        cond_wait(&f->wake, &f->lock);
    f->running--;
    lock_release(&f->lock);
    call_reply(call, NULL);
}

static Lane lane_of(Client *client, const Proc *proc)
{
    return (Lane)proc->lane;
}

static const ServiceOps ops = { .programs = programs, .lane = lane_of, .serve = serve };

static void set_up(Fixture *f, gconstpointer data)
{
    RpcSettings settings = { .io_threads = 2, .min_workers = 2, .max_workers = 4, .prio_workers = 1 };
    ServiceLimits limits = {
        .max_clients = 64, .max_client_requests = 2, .max_client_queue = 4, .max_client_output = 524288,
    };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    f->dir = g_dir_make_tmp("drover-clients-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "socket", NULL);
    lock_init(&f->lock, LOCK_TEST_HOST);
    cond_init(&f->wake);
    g_strlcpy(address.sun_path, f->path, sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fd, 16), ==, 0);
    f->timers = timers_new();
    f->rpc = rpc_new(&settings, f->timers);
    f->service = service_new(f->rpc, "test", &ops, &limits, f);
    service_listen(f->service, fd, false);
    rpc_start(f->rpc);
}

static void open_gate(Fixture *f)
{
    LOCK_SCOPE(&f->lock);
    f->open = true;
    cond_broadcast(&f->wake);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    open_gate(f);
    rpc_free(f->rpc);
    timers_free(f->timers);
    unlink(f->path);
    rmdir(f->dir);
    cond_deinit(&f->wake);
    lock_deinit(&f->lock);
    g_free(f->path);
    g_free(f->dir);
}

static int dial(Fixture *f)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, f->path, sizeof address.sun_path);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    return fd;
}

static void call_slow(int fd, uint32_t serial)
{
    const uint32_t words[] = { FRAME_HEADER_SIZE, PROGRAM, 1, PROC_SLOW, FRAME_CALL, serial, FRAME_OK };
    uint8_t frame[FRAME_HEADER_SIZE];

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
        xdr_store32(frame + 4 * i, words[i]);
    g_assert_cmpint(send(fd, frame, sizeof frame, MSG_NOSIGNAL), ==, sizeof frame);
}

/* Something to read within a minute, or the end of the connection. */
static ssize_t receive(int fd, uint8_t *frame)
{
    struct pollfd wait = { fd, POLLIN, 0 };

    g_assert_cmpint(poll(&wait, 1, 60000), ==, 1);
    return recv(fd, frame, FRAME_HEADER_SIZE, MSG_WAITALL);
}

static void expect_answer(int fd, uint32_t serial)
{
    uint8_t frame[FRAME_HEADER_SIZE];
    FrameHeader header;

    g_assert_cmpint(receive(fd, frame), ==, FRAME_HEADER_SIZE);
    frame_header_get(frame, &header);
    g_assert_cmpuint(header.type, ==, FRAME_REPLY);
    g_assert_cmpuint(header.status, ==, FRAME_OK);
    g_assert_cmpuint(header.serial, ==, serial);
}

static void expect_closed(int fd)
{
    uint8_t frame[FRAME_HEADER_SIZE];

    g_assert_cmpint(receive(fd, frame), <=, 0);
}

static void wait_running(Fixture *f, unsigned n)
{
    LOCK_SCOPE(&f->lock);
    while (f->running < n)
        g_assert_true(cond_wait_until(&f->wake, &f->lock, clock_now() + 60 * CLOCK_S));
}

/* --- workers ------------------------------------------------------------------------------------ */

/* Fails the test when it has not come true after a minute. */
static void wait_workers(Fixture *f, unsigned workers, unsigned idle)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;
    WorkerInfo info;

    for (rpc_workers(f->rpc, &info); info.workers != workers || info.idle != idle; rpc_workers(f->rpc, &info)) {
        g_assert_cmpint(clock_now(), <, deadline);
        g_usleep(1000);
    }
}

static void set_workers(Fixture *f, unsigned min, unsigned max, unsigned prio)
{
    const WorkerLimits limits = { min, max, prio };

    g_assert_true(rpc_set_workers(f->rpc, &limits));
}

static void raising_the_minimum_starts_workers(Fixture *f, gconstpointer data)
{
    wait_workers(f, 2, 2);
    set_workers(f, 4, WORKERS_AS_BEFORE, WORKERS_AS_BEFORE);
    wait_workers(f, 4, 4);
}

static void surplus_workers_end_when_idle(Fixture *f, gconstpointer data)
{
    set_workers(f, 4, 4, 1);
    wait_workers(f, 4, 4);
    set_workers(f, 1, 1, 0);
    wait_workers(f, 1, 1);
}

static void a_busy_surplus_worker_finishes_its_call(Fixture *f, gconstpointer data)
{
    int fds[2] = { dial(f), dial(f) };

    for (unsigned i = 0; i < 2; i++)
        call_slow(fds[i], 1);
    wait_running(f, 2);
    set_workers(f, 0, 1, 0);
    wait_workers(f, 2, 0);
    open_gate(f);
    for (unsigned i = 0; i < 2; i++) {
        expect_answer(fds[i], 1);
        close(fds[i]);
    }
    wait_workers(f, 1, 1);
}

static void raising_the_maximum_serves_what_is_queued(Fixture *f, gconstpointer data)
{
    int fds[3] = { dial(f), dial(f), dial(f) };
    int64_t deadline = clock_now() + 60 * CLOCK_S;
    WorkerInfo info;

    set_workers(f, 1, 1, 0);
    wait_workers(f, 1, 1);
    for (unsigned i = 0; i < 3; i++)
        call_slow(fds[i], 1);
    wait_running(f, 1);
    for (rpc_workers(f->rpc, &info); info.queued < 2; rpc_workers(f->rpc, &info))
        g_assert_cmpint(clock_now(), <, deadline);
    g_assert_cmpuint(info.workers, ==, 1);
    set_workers(f, 1, 3, 0);
    wait_running(f, 3);
    rpc_workers(f->rpc, &info);
    g_assert_cmpuint(info.queued, ==, 0);
    for (unsigned i = 0; i < 3; i++)
        close(fds[i]);
}

static void calls_are_served_while_the_limits_go_up_and_down(Fixture *f, gconstpointer data)
{
    int fd = dial(f);

    open_gate(f);
    for (uint32_t i = 1; i <= 200; i++) {
        call_slow(fd, i);
        set_workers(f, i % 2 ? 4 : 0, i % 2 ? 4 : 1, i % 3);
        expect_answer(fd, i);
    }
    close(fd);
    wait_workers(f, 1, 1);
}

static void limits_that_contradict_each_other_change_nothing(Fixture *f, gconstpointer data)
{
    const WorkerLimits bad[] = {
        { 5, WORKERS_AS_BEFORE, 9 }, { WORKERS_AS_BEFORE, 1, 9 }, { 0, 0, 9 }, { 9, 8, 9 },
    };
    WorkerInfo info;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(rpc_set_workers(f->rpc, &bad[i]));
    rpc_workers(f->rpc, &info);
    g_assert_cmpuint(info.limits.min, ==, 2);
    g_assert_cmpuint(info.limits.max, ==, 4);
    g_assert_cmpuint(info.limits.prio, ==, 1);
}

/* --- clients ------------------------------------------------------------------------------------ */

static void wait_connected(Fixture *f, unsigned n)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;

    while (service_n_connected(f->service) != n) {
        g_assert_cmpint(clock_now(), <, deadline);
        g_usleep(1000);
    }
}

static void the_table_has_who_is_connected(Fixture *f, gconstpointer data)
{
    int fds[5];
    ClientIdentity all[8], some[3];

    for (unsigned i = 0; i < 5; i++)
        fds[i] = dial(f);
    wait_connected(f, 5);
    close(fds[0]);
    close(fds[2]);
    close(fds[4]);
    wait_connected(f, 2);
    g_assert_cmpuint(service_list_clients(f->service, all, 8), ==, 2);
    g_assert_cmpuint(service_list_clients(f->service, some, 1), ==, 1);
    g_assert_cmpuint(all[0].id, ==, some[0].id);
    g_assert_cmpuint(all[0].id, !=, all[1].id);
    g_assert_cmpint(all[1].pid, ==, getpid());
    close(fds[1]);
    close(fds[3]);
    wait_connected(f, 0);
}

static void a_client_is_found_by_its_id_until_it_leaves(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    int64_t deadline = clock_now() + 60 * CLOCK_S;
    ClientIdentity identity;
    Client *client;

    wait_connected(f, 1);
    service_list_clients(f->service, &identity, 1);
    client = service_find_client(f->service, identity.id);
    g_assert_nonnull(client);
    g_assert_null(service_find_client(f->service, identity.id + 1));
    client_close(client);
    expect_closed(fd);
    wait_connected(f, 0);
    g_assert_null(service_find_client(f->service, identity.id));
    /* it has left, and counts until nobody holds it any more */
    g_assert_cmpint(service_idle_since(f->service), ==, -1);
    client_unref(client);
    while (service_n_clients(f->service) > 0)
        g_assert_cmpint(clock_now(), <, deadline);
    close(fd);
}

static void a_service_is_idle_since_its_last_client_left(Fixture *f, gconstpointer data)
{
    int64_t before = clock_now(), deadline = before + 60 * CLOCK_S;
    int fd;

    g_assert_cmpint(service_idle_since(f->service), <=, before);
    fd = dial(f);
    wait_connected(f, 1);
    g_assert_cmpint(service_idle_since(f->service), ==, -1);
    before = clock_now();
    close(fd);
    while (service_idle_since(f->service) < 0)
        g_assert_cmpint(clock_now(), <, deadline);
    g_assert_cmpint(service_idle_since(f->service), >=, before);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add("/rpc/clients/" #claim, Fixture, NULL, set_up, claim, tear_down)
    ADD(raising_the_minimum_starts_workers);
    ADD(surplus_workers_end_when_idle);
    ADD(a_busy_surplus_worker_finishes_its_call);
    ADD(raising_the_maximum_serves_what_is_queued);
    ADD(calls_are_served_while_the_limits_go_up_and_down);
    ADD(limits_that_contradict_each_other_change_nothing);
    ADD(the_table_has_who_is_connected);
    ADD(a_client_is_found_by_its_id_until_it_leaves);
    ADD(a_service_is_idle_since_its_last_client_left);
    return g_test_run();
}
