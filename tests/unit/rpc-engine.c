/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine with a service of its own: a program of a few procedures that need no hypervisor, reached over
 * a real socket. What the remote program rarely uses is shown here: descriptors both ways, streams
 * both ways with holes, calls that park, fair turns. */
#include "rpc/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"

enum { PROC_ECHO = 1, PROC_SLOW, PROC_TAKE_FDS, PROC_GIVE_FD, PROC_DOWNLOAD, PROC_UPLOAD, PROC_PARK, PROCS };

#define PROGRAM 0x1234u

typedef struct Fixture {
    Timers *timers;
    Rpc *rpc;
    Service *service;
    char *dir, *path;
    Lock lock;
    Cond wake;
    /* under lock */
    bool open;              /* slow calls may end */
    unsigned slow_running, slow_most, parked, abandoned;
    Call *park[16];
    GString *uploaded;
    uint64_t holes;
    bool upload_finished;
    unsigned streams_freed;
} Fixture;

/* --- the program ---------------------------------------------------------------------------- */

static const Proc procs[] = {
    [PROC_ECHO] = { .name = "echo", .wire_name = "ECHO", .api = "", .number = PROC_ECHO, .lane = LANE_INLINE },
    [PROC_SLOW] = { .name = "slow", .wire_name = "SLOW", .api = "", .number = PROC_SLOW, .lane = LANE_WORKER },
    [PROC_TAKE_FDS] = { .name = "take", .wire_name = "TAKE", .api = "", .number = PROC_TAKE_FDS, .lane = LANE_WORKER,
                        .flags = PROC_FDS_IN },
    [PROC_GIVE_FD] = { .name = "give", .wire_name = "GIVE", .api = "", .number = PROC_GIVE_FD, .lane = LANE_INLINE,
                       .flags = PROC_FDS_OUT },
    [PROC_DOWNLOAD] = { .name = "down", .wire_name = "DOWN", .api = "", .number = PROC_DOWNLOAD, .lane = LANE_WORKER,
                        .flags = PROC_STREAM_DOWN },
    [PROC_UPLOAD] = { .name = "up", .wire_name = "UP", .api = "", .number = PROC_UPLOAD, .lane = LANE_INLINE,
                      .flags = PROC_STREAM_UP },
    [PROC_PARK] = { .name = "park", .wire_name = "PARK", .api = "", .number = PROC_PARK, .lane = LANE_WORKER },
};
static const Program program = { "test", PROGRAM, 1, procs, G_N_ELEMENTS(procs) };
static const Program *const programs[] = { &program, NULL };

typedef struct TestStream {
    DriverStream base;
    Fixture *fixture;
    unsigned step;
} TestStream;

static int stream_write(DriverStream *stream, const uint8_t *data, size_t size, Error *error)
{
    Fixture *f = ((TestStream *)stream)->fixture;

    LOCK_SCOPE(&f->lock);
    g_string_append_len(f->uploaded, (const char *)data, (gssize)size);
    if (strstr(f->uploaded->str, "poison"))
        return error_set(error, VIR_FROM_STREAMS, VIR_ERR_OPERATION_FAILED, "poison");
    return 0;
}

static int stream_hole(DriverStream *stream, uint64_t size, Error *error)
{
    Fixture *f = ((TestStream *)stream)->fixture;

    LOCK_SCOPE(&f->lock);
    f->holes += size;
    return 0;
}

static int stream_finish(DriverStream *stream, Error *error)
{
    Fixture *f = ((TestStream *)stream)->fixture;

    LOCK_SCOPE(&f->lock);
    f->upload_finished = true;
    return 0;
}

/* "head", a hole of 5000 bytes, "tail", the end. */
static int64_t stream_read(DriverStream *base, uint8_t *data, size_t size, uint64_t *hole, Error *error)
{
    TestStream *stream = (TestStream *)base;

    switch (stream->step++) {
    case 0:
        memcpy(data, "head", 4);
        return 4;
    case 1:
        *hole = 5000;
        return 0;
    case 2:
        memcpy(data, "tail", 4);
        return 4;
    default:
        return 0;
    }
}

static void stream_free(DriverStream *stream)
{
    Fixture *f = ((TestStream *)stream)->fixture;

    lock_acquire(&f->lock);
    f->streams_freed++;
    lock_release(&f->lock);
    g_free(stream);
}

static const DriverStreamOps upload_ops = {
    .write = stream_write, .write_hole = stream_hole, .finish = stream_finish, .free = stream_free,
};
static const DriverStreamOps download_ops = { .read = stream_read, .free = stream_free };

static DriverStream *new_stream(Fixture *f, const DriverStreamOps *ops)
{
    TestStream *stream = g_new0(TestStream, 1);

    stream->base.ops = ops;
    stream->fixture = f;
    return &stream->base;
}

static void serve_slow(Fixture *f)
{
    LOCK_SCOPE(&f->lock);
    f->slow_running++;
    f->slow_most = MAX(f->slow_most, f->slow_running);
    cond_broadcast(&f->wake);
    while (!f->open)
        cond_wait(&f->wake, &f->lock);
    f->slow_running--;
}

/* Parks at first; when resumed it is done. */
static bool serve_park(Fixture *f, Call *call)
{
    if (call->server)
        return true;
    call->server = f;
    call_park(call);
    lock_acquire(&f->lock);
    f->park[f->parked++] = call;
    cond_broadcast(&f->wake);
    lock_release(&f->lock);
    call_parked(call);
    return false;
}

static void write_to_fds(Call *call)
{
    for (unsigned i = 0; i < call->n_fds; i++)
        g_assert_cmpint(write(call->fds[i], "x", 1), ==, 1);
}

static void serve(Call *call)
{
    Fixture *f = service_data(client_service(call->client));

    switch (call->proc->number) {
    case PROC_SLOW:
        serve_slow(f);
        break;
    case PROC_TAKE_FDS:
        write_to_fds(call);
        break;
    case PROC_GIVE_FD:
        call->reply_fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        call->n_reply_fds = 1;
        break;
    case PROC_DOWNLOAD:
        call->stream = new_stream(f, &download_ops);
        call->sparse = true;
        break;
    case PROC_UPLOAD:
        call->stream = new_stream(f, &upload_ops);
        call->sparse = call->payload_size >= 4;    /* an argument, whatever it is, asks for holes */
        break;
    case PROC_PARK:
        if (!serve_park(f, call))
            return;
        break;
    default:
        break;
    }
    call_reply(call, NULL);
}

static bool abandon(Call *call)
{
    Fixture *f = call->server;

    LOCK_SCOPE(&f->lock);
    f->abandoned++;
    cond_broadcast(&f->wake);
    return true;
}

static Lane lane_of(Client *client, const Proc *proc)
{
    return (Lane)proc->lane;
}

static const ServiceOps ops = { .programs = programs, .lane = lane_of, .serve = serve, .abandon = abandon };

/* --- set up --------------------------------------------------------------------------------- */

static void set_up(Fixture *f, gconstpointer data)
{
    RpcSettings settings = { .io_threads = 2, .min_workers = 2, .max_workers = 4, .prio_workers = 1 };
    ServiceLimits limits = {
        .max_clients = 64, .max_client_requests = 2, .max_client_queue = 4, .max_client_parked = 16,
        .max_client_streams = 2, .max_client_output = 524288, .max_client_events = 65536,
    };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    f->dir = g_dir_make_tmp("drover-engine-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "socket", NULL);
    f->uploaded = g_string_new(NULL);
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
    g_string_free(f->uploaded, TRUE);
    unlink(f->path);
    rmdir(f->dir);
    cond_deinit(&f->wake);
    lock_deinit(&f->lock);
    g_free(f->path);
    g_free(f->dir);
}

/* --- a client ------------------------------------------------------------------------------- */

static int dial(Fixture *f)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, f->path, sizeof address.sun_path);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    return fd;
}

static void send_frame(int fd, uint32_t proc, uint32_t type, uint32_t serial, uint32_t status, const void *payload,
                       size_t size)
{
    uint8_t frame[256];

    g_assert_cmpuint(size, <=, sizeof frame - FRAME_HEADER_SIZE);
    xdr_store32(frame, (uint32_t)(FRAME_HEADER_SIZE + size));
    xdr_store32(frame + 4, PROGRAM);
    xdr_store32(frame + 8, 1);
    xdr_store32(frame + 12, proc);
    xdr_store32(frame + 16, type);
    xdr_store32(frame + 20, serial);
    xdr_store32(frame + 24, status);
    if (size)
        memcpy(frame + FRAME_HEADER_SIZE, payload, size);
    g_assert_cmpint(send(fd, frame, FRAME_HEADER_SIZE + size, MSG_NOSIGNAL), ==, FRAME_HEADER_SIZE + size);
}

static void call_proc(int fd, uint32_t proc, uint32_t serial)
{
    send_frame(fd, proc, FRAME_CALL, serial, FRAME_OK, NULL, 0);
}

/* False at the end of the connection. Fails the test after ten seconds of silence. */
static bool read_bytes(int fd, void *data, size_t size)
{
    struct pollfd wait = { fd, POLLIN, 0 };
    size_t got = 0;

    while (got < size) {
        ssize_t n;

        g_assert_cmpint(poll(&wait, 1, 10000), ==, 1);
        n = recv(fd, (char *)data + got, size - got, 0);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static bool read_frame(int fd, FrameHeader *header, uint8_t *payload, size_t *size)
{
    uint8_t head[FRAME_HEADER_SIZE];

    if (!read_bytes(fd, head, sizeof head))
        return false;
    frame_header_get(head, header);
    *size = xdr_load32(head) - FRAME_HEADER_SIZE;
    g_assert_cmpuint(*size, <=, 4096);
    return read_bytes(fd, payload, *size);
}

static void expect(int fd, uint32_t type, uint32_t serial, uint32_t status, uint8_t *payload, size_t *size)
{
    FrameHeader header;

    g_assert_true(read_frame(fd, &header, payload, size));
    g_assert_cmpuint(header.type, ==, type);
    g_assert_cmpuint(header.serial, ==, serial);
    g_assert_cmpuint(header.status, ==, status);
}

static void expect_empty(int fd, uint32_t type, uint32_t serial, uint32_t status)
{
    uint8_t payload[4096];
    size_t size;

    expect(fd, type, serial, status, payload, &size);
    g_assert_cmpuint(size, ==, 0);
}

static void expect_closed(int fd)
{
    FrameHeader header;
    uint8_t payload[4096];
    size_t size;

    g_assert_false(read_frame(fd, &header, payload, &size));
    close(fd);
}

/* --- claims --------------------------------------------------------------------------------- */

static void quick_calls_pass_slow_ones(Fixture *f, gconstpointer data)
{
    int fd = dial(f);

    for (uint32_t serial = 1; serial <= 5; serial++)
        call_proc(fd, PROC_SLOW, serial);
    call_proc(fd, PROC_ECHO, 6);
    expect_empty(fd, FRAME_REPLY, 6, FRAME_OK);
    open_gate(f);
    for (int i = 0; i < 5; i++) {
        FrameHeader header;
        uint8_t payload[4096];
        size_t size;

        g_assert_true(read_frame(fd, &header, payload, &size));
        g_assert_cmpuint(header.serial, <=, 5);
    }
    close(fd);
}

static void wait_running(Fixture *f, unsigned n)
{
    LOCK_SCOPE(&f->lock);
    while (f->slow_running < n)
        g_assert_true(cond_wait_until(&f->wake, &f->lock, clock_now() + 10 * CLOCK_S));
}

static void no_more_calls_run_than_the_budget_allows(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    uint8_t payload[4096];
    FrameHeader header;
    size_t size;

    for (uint32_t serial = 1; serial <= 6; serial++)
        call_proc(fd, PROC_SLOW, serial);
    call_proc(fd, PROC_ECHO, 7);
    expect_empty(fd, FRAME_REPLY, 7, FRAME_OK);
    wait_running(f, 2);
    open_gate(f);
    for (int i = 0; i < 6; i++)
        g_assert_true(read_frame(fd, &header, payload, &size));
    g_assert_cmpuint(f->slow_most, ==, 2);
    close(fd);
}

static void beyond_the_queue_frames_are_held_back_and_then_taken(Fixture *f, gconstpointer data)
{
    int fd = dial(f), other = dial(f);
    uint8_t payload[4096];
    FrameHeader header;
    size_t size;

    for (uint32_t serial = 1; serial <= 20; serial++)
        call_proc(fd, PROC_SLOW, serial);
    call_proc(other, PROC_ECHO, 1);
    expect_empty(other, FRAME_REPLY, 1, FRAME_OK);
    open_gate(f);
    for (int i = 0; i < 20; i++)
        g_assert_true(read_frame(fd, &header, payload, &size));
    close(fd);
    close(other);
}

static void a_quiet_client_has_its_turn_beside_a_loud_one(Fixture *f, gconstpointer data)
{
    int loud = dial(f), quiet = dial(f);
    uint8_t payload[4096];
    FrameHeader header;
    size_t size;

    for (uint32_t serial = 1; serial <= 6; serial++)
        call_proc(loud, PROC_SLOW, serial);
    call_proc(quiet, PROC_SLOW, 1);
    wait_running(f, 3);
    open_gate(f);
    expect_empty(quiet, FRAME_REPLY, 1, FRAME_OK);
    for (int i = 0; i < 6; i++)
        g_assert_true(read_frame(loud, &header, payload, &size));
    close(loud);
    close(quiet);
}

static void send_byte_with_fd(int fd, uint8_t byte, int passed)
{
    struct iovec part = { &byte, 1 };
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space,
                              .msg_controllen = sizeof control.space };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &passed, sizeof passed);
    g_assert_cmpint(sendmsg(fd, &message, MSG_NOSIGNAL), ==, 1);
}

static void send_fd_byte(int fd, int passed)
{
    send_byte_with_fd(fd, 0, passed);
}

static void descriptors_arrive_with_their_call(Fixture *f, gconstpointer data)
{
    int fd = dial(f), ends[2];
    uint8_t count[4], payload[4096];
    size_t size;
    char letters[2];

    g_assert_cmpint(pipe(ends), ==, 0);
    xdr_store32(count, 2);
    send_frame(fd, PROC_TAKE_FDS, FRAME_CALL_WITH_FDS, 9, FRAME_OK, count, 4);
    send_fd_byte(fd, ends[1]);
    send_fd_byte(fd, ends[1]);
    close(ends[1]);
    expect(fd, FRAME_REPLY, 9, FRAME_OK, payload, &size);
    g_assert_cmpint(read(ends[0], letters, 2), ==, 2);
    g_assert_cmpint(read(ends[0], letters, 2), ==, 0);    /* the server kept none of them */
    close(ends[0]);
    close(fd);
}

static void a_descriptor_that_nothing_announces_closes_the_connection(Fixture *f, gconstpointer data)
{
    int fd = dial(f), ends[2];
    char letter;
    uint8_t frame[FRAME_HEADER_SIZE] = { 0 };

    xdr_store32(frame, FRAME_HEADER_SIZE);
    xdr_store32(frame + 4, PROGRAM);
    xdr_store32(frame + 8, 1);
    xdr_store32(frame + 12, PROC_ECHO);
    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_cmpint(send(fd, frame, sizeof frame - 1, MSG_NOSIGNAL), ==, sizeof frame - 1);
    send_byte_with_fd(fd, frame[sizeof frame - 1], ends[1]);
    close(ends[1]);
    expect_empty(fd, FRAME_REPLY, 0, FRAME_OK);
    expect_closed(fd);
    g_assert_cmpint(read(ends[0], &letter, 1), ==, 0);
    close(ends[0]);
}

static void a_descriptor_follows_its_reply_with_a_byte(Fixture *f, gconstpointer data)
{
    int fd = dial(f), passed = -1;
    uint8_t payload[4096];
    size_t size;
    char zero = 1;
    struct iovec part = { &zero, 1 };
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space,
                              .msg_controllen = sizeof control.space };

    call_proc(fd, PROC_ECHO, 1);
    call_proc(fd, PROC_GIVE_FD, 2);
    expect_empty(fd, FRAME_REPLY, 1, FRAME_OK);
    expect(fd, FRAME_REPLY_WITH_FDS, 2, FRAME_OK, payload, &size);
    g_assert_cmpuint(size, ==, 4);
    g_assert_cmpuint(xdr_load32(payload), ==, 1);
    g_assert_cmpint(recvmsg(fd, &message, MSG_CMSG_CLOEXEC), ==, 1);
    g_assert_cmpint(zero, ==, 0);
    g_assert_nonnull(CMSG_FIRSTHDR(&message));
    memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof passed);
    g_assert_cmpint(fcntl(passed, F_GETFD), >=, 0);
    close(passed);
    close(fd);
}

static void a_download_has_data_holes_and_an_end(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    uint8_t payload[4096];
    size_t size;

    call_proc(fd, PROC_DOWNLOAD, 3);
    expect_empty(fd, FRAME_REPLY, 3, FRAME_OK);
    expect(fd, FRAME_STREAM, 3, FRAME_CONTINUE, payload, &size);
    g_assert_cmpmem(payload, size, "head", 4);
    expect(fd, FRAME_STREAM_HOLE, 3, FRAME_CONTINUE, payload, &size);
    g_assert_cmpuint(size, ==, 12);
    g_assert_cmpuint(xdr_load64(payload), ==, 5000);
    expect(fd, FRAME_STREAM, 3, FRAME_CONTINUE, payload, &size);
    g_assert_cmpmem(payload, size, "tail", 4);
    expect_empty(fd, FRAME_STREAM, 3, FRAME_CONTINUE);
    send_frame(fd, PROC_DOWNLOAD, FRAME_STREAM, 3, FRAME_OK, NULL, 0);
    expect_empty(fd, FRAME_STREAM, 3, FRAME_OK);
    close(fd);
}

static void an_upload_takes_data_and_holes_and_is_confirmed(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    uint8_t hole[12] = { 0 }, sparse[4] = { 0 };

    send_frame(fd, PROC_UPLOAD, FRAME_CALL, 4, FRAME_OK, sparse, 4);
    expect_empty(fd, FRAME_REPLY, 4, FRAME_OK);
    send_frame(fd, PROC_UPLOAD, FRAME_STREAM, 4, FRAME_CONTINUE, "abc", 3);
    xdr_store64(hole, 7000);
    send_frame(fd, PROC_UPLOAD, FRAME_STREAM_HOLE, 4, FRAME_CONTINUE, hole, 12);
    send_frame(fd, PROC_UPLOAD, FRAME_STREAM, 4, FRAME_CONTINUE, "def", 3);
    send_frame(fd, PROC_UPLOAD, FRAME_STREAM, 4, FRAME_OK, NULL, 0);
    expect_empty(fd, FRAME_STREAM, 4, FRAME_OK);
    lock_acquire(&f->lock);
    g_assert_cmpstr(f->uploaded->str, ==, "abcdef");
    g_assert_cmpuint(f->holes, ==, 7000);
    g_assert_true(f->upload_finished);
    g_assert_cmpuint(f->streams_freed, ==, 1);
    lock_release(&f->lock);
    close(fd);
}

static void a_hole_without_leave_closes_the_connection(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    uint8_t hole[12] = { 0 };

    call_proc(fd, PROC_UPLOAD, 4);
    expect_empty(fd, FRAME_REPLY, 4, FRAME_OK);
    send_frame(fd, PROC_UPLOAD, FRAME_STREAM_HOLE, 4, FRAME_CONTINUE, hole, 12);
    expect_closed(fd);
}

static void an_abort_is_confirmed_and_late_data_ignored(Fixture *f, gconstpointer data)
{
    int fd = dial(f);

    call_proc(fd, PROC_UPLOAD, 4);
    expect_empty(fd, FRAME_REPLY, 4, FRAME_OK);
    send_frame(fd, PROC_UPLOAD, FRAME_STREAM, 4, FRAME_ERROR, NULL, 0);
    send_frame(fd, PROC_UPLOAD, FRAME_STREAM, 4, FRAME_CONTINUE, "late", 4);
    call_proc(fd, PROC_ECHO, 5);
    expect_empty(fd, FRAME_STREAM, 4, FRAME_OK);
    expect_empty(fd, FRAME_REPLY, 5, FRAME_OK);
    g_assert_cmpuint(f->uploaded->len, ==, 0);
    close(fd);
}

static void a_failing_upload_ends_with_an_error_frame(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    uint8_t payload[4096];
    size_t size;

    call_proc(fd, PROC_UPLOAD, 4);
    expect_empty(fd, FRAME_REPLY, 4, FRAME_OK);
    send_frame(fd, PROC_UPLOAD, FRAME_STREAM, 4, FRAME_CONTINUE, "poison", 6);
    expect(fd, FRAME_STREAM, 4, FRAME_ERROR, payload, &size);
    g_assert_cmpuint(xdr_load32(payload), ==, VIR_ERR_OPERATION_FAILED);
    close(fd);
}

static void streams_beyond_the_limit_are_refused(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    uint8_t payload[4096];
    size_t size;

    for (uint32_t serial = 1; serial <= 2; serial++) {
        call_proc(fd, PROC_UPLOAD, serial);
        expect_empty(fd, FRAME_REPLY, serial, FRAME_OK);
    }
    call_proc(fd, PROC_UPLOAD, 3);
    expect(fd, FRAME_REPLY, 3, FRAME_ERROR, payload, &size);
    g_assert_cmpuint(xdr_load32(payload), ==, VIR_ERR_OPERATION_FAILED);
    close(fd);
}

static void wait_parked(Fixture *f, unsigned n)
{
    LOCK_SCOPE(&f->lock);
    while (f->parked < n)
        g_assert_true(cond_wait_until(&f->wake, &f->lock, clock_now() + 10 * CLOCK_S));
}

static void parked_calls_hold_no_worker_and_no_budget(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    uint8_t payload[4096];
    FrameHeader header;
    size_t size;

    open_gate(f);
    for (uint32_t serial = 1; serial <= 8; serial++)
        call_proc(fd, PROC_PARK, serial);
    wait_parked(f, 8);
    call_proc(fd, PROC_SLOW, 9);
    expect_empty(fd, FRAME_REPLY, 9, FRAME_OK);
    for (unsigned i = 0; i < 8; i++)
        call_resume(f->park[i]);
    for (int i = 0; i < 8; i++)
        g_assert_true(read_frame(fd, &header, payload, &size));
    close(fd);
}

static void what_a_client_waited_for_is_dropped_when_it_leaves(Fixture *f, gconstpointer data)
{
    int fd = dial(f);

    for (uint32_t serial = 1; serial <= 5; serial++)
        call_proc(fd, PROC_PARK, serial);
    wait_parked(f, 5);
    close(fd);
    lock_acquire(&f->lock);
    while (f->abandoned < 5)
        g_assert_true(cond_wait_until(&f->wake, &f->lock, clock_now() + 10 * CLOCK_S));
    lock_release(&f->lock);
    g_assert_true(rpc_drain(f->rpc, clock_now() + 10 * CLOCK_S));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add("/rpc/engine/" #claim, Fixture, NULL, set_up, claim, tear_down)
    ADD(quick_calls_pass_slow_ones);
    ADD(no_more_calls_run_than_the_budget_allows);
    ADD(beyond_the_queue_frames_are_held_back_and_then_taken);
    ADD(a_quiet_client_has_its_turn_beside_a_loud_one);
    ADD(descriptors_arrive_with_their_call);
    ADD(a_descriptor_that_nothing_announces_closes_the_connection);
    ADD(a_descriptor_follows_its_reply_with_a_byte);
    ADD(a_download_has_data_holes_and_an_end);
    ADD(an_upload_takes_data_and_holes_and_is_confirmed);
    ADD(a_hole_without_leave_closes_the_connection);
    ADD(an_abort_is_confirmed_and_late_data_ignored);
    ADD(a_failing_upload_ends_with_an_error_frame);
    ADD(streams_beyond_the_limit_are_refused);
    ADD(parked_calls_hold_no_worker_and_no_budget);
    ADD(what_a_client_waited_for_is_dropped_when_it_leaves);
    return g_test_run();
}
