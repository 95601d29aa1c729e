/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test's program, its engine and its client; see the header. What the program does runs on I/O threads and
 * workers and takes the fixture's lock (LOCK_TEST_HOST); the rest runs on the test's thread. */
#include "rpc-fixture.h"

#include "base/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LIMITS .max_clients = 64, .max_client_requests = 2, .max_client_queue = 4, .max_client_parked = 16,         \
    .max_client_streams = 2, .max_client_output = 524288, .max_client_events = 1048576

const FixtureSettings fixture_default = {
    .threads = { .io_threads = 2, .min_workers = 2, .max_workers = 4, .prio_workers = 1 }, .limits = { LIMITS },
};
const FixtureSettings fixture_still = {
    .threads = { .io_threads = 1, .min_workers = 0, .max_workers = 4, .prio_workers = 0 }, .limits = { LIMITS },
    .still = true,
};

/* --- streams ----------------------------------------------------------------------------------- */

typedef struct TestStream {
    DriverStream base;
    Fixture *fixture;
    unsigned step;
} TestStream;

static Fixture *fixture_of(DriverStream *stream)
{
    return ((TestStream *)stream)->fixture;
}

static int upload_write(DriverStream *stream, const uint8_t *data, size_t size, Error *error)
{
    Fixture *f = fixture_of(stream);

    LOCK_SCOPE(&f->lock);
    g_string_append_len(f->uploaded, (const char *)data, (gssize)size);
    if (strstr(f->uploaded->str, "poison"))
        return error_set(error, VIR_FROM_STREAMS, VIR_ERR_OPERATION_FAILED, "poison");
    return 0;
}

static int upload_hole(DriverStream *stream, uint64_t size, Error *error)
{
    Fixture *f = fixture_of(stream);

    LOCK_SCOPE(&f->lock);
    f->holes += size;
    return 0;
}

static int upload_finish(DriverStream *stream, Error *error)
{
    Fixture *f = fixture_of(stream);

    LOCK_SCOPE(&f->lock);
    f->upload_finished = true;
    return 0;
}

static int64_t download_read(DriverStream *stream, uint8_t *data, size_t size, uint64_t *hole, Error *error)
{
    switch (((TestStream *)stream)->step++) {
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

static int64_t fountain_read(DriverStream *stream, uint8_t *data, size_t size, uint64_t *hole, Error *error)
{
    Fixture *f = fixture_of(stream);

    LOCK_SCOPE(&f->lock);
    f->chunks++;
    memset(data, 'f', size);
    return (int64_t)size;
}

static int64_t tap_read(DriverStream *stream, uint8_t *data, size_t size, uint64_t *hole, Error *error)
{
    Fixture *f = fixture_of(stream);

    LOCK_SCOPE(&f->lock);
    if (f->letters == 0)
        return DRIVER_STREAM_LATER;
    f->letters--;
    data[0] = 't';
    return 1;
}

static void stream_free(DriverStream *stream)
{
    Fixture *f = fixture_of(stream);

    lock_acquire(&f->lock);
    g_ptr_array_remove(f->taps, stream);
    f->streams_freed++;
    lock_release(&f->lock);
    g_free(stream);
}

static const DriverStreamOps upload_ops = {
    .write = upload_write, .write_hole = upload_hole, .finish = upload_finish, .free = stream_free,
};
static const DriverStreamOps download_ops = { .read = download_read, .free = stream_free };
static const DriverStreamOps fountain_ops = { .read = fountain_read, .free = stream_free };
static const DriverStreamOps tap_ops = { .read = tap_read, .free = stream_free };

static DriverStream *new_stream(Fixture *f, const DriverStreamOps *ops)
{
    TestStream *stream = g_new0(TestStream, 1);

    stream->base.ops = ops;
    stream->fixture = f;
    return &stream->base;
}

static DriverStream *new_tap(Fixture *f)
{
    DriverStream *stream = new_stream(f, &tap_ops);

    LOCK_SCOPE(&f->lock);
    g_ptr_array_add(f->taps, stream);
    return stream;
}

/* Under the lock, in which a tap is also taken from the list before it is freed. */
void fixture_pour(Fixture *f, unsigned letters)
{
    LOCK_SCOPE(&f->lock);
    f->letters += letters;
    for (unsigned i = 0; i < f->taps->len; i++)
        driver_stream_wake(g_ptr_array_index(f->taps, i));
}

/* --- parked calls -------------------------------------------------------------------------------- */

/* In the call's arena. The timer decides who may end the waiting: whoever has cancelled it, or its own thread. */
typedef struct Parking {
    Timer timer;
    Call *call;
    Fixture *fixture;
} Parking;

static void expire(Timer *timer)
{
    Parking *parking = (Parking *)timer;
    Fixture *f = parking->fixture;
    Call *call = parking->call;

    lock_acquire(&f->lock);
    g_ptr_array_remove(f->parked, call);
    f->expired++;
    lock_release(&f->lock);
    error_set(&call->error, VIR_FROM_RPC, VIR_ERR_OPERATION_TIMEOUT, "expired");
    call->out = NULL;
    call_fail(call);
}

static void park(Fixture *f, Call *call)
{
    Parking *parking = arena_zalloc(&call->arena, sizeof *parking);
    int64_t ms = call->payload_size >= 4 ? xdr_load32(call->payload) : 3600000;

    parking->timer.fire = expire;
    parking->call = call;
    parking->fixture = f;
    call->server = parking;
    call_park(call);
    lock_acquire(&f->lock);
    g_ptr_array_add(f->parked, call);
    f->n_parked++;
    timer_start(f->timers, &parking->timer, clock_now() + ms * CLOCK_MS);
    lock_release(&f->lock);
    call_parked(call);
}

bool fixture_resume(Fixture *f, uint32_t serial)
{
    Call *found = NULL;

    lock_acquire(&f->lock);
    for (unsigned i = 0; i < f->parked->len && !found; i++) {
        Call *call = g_ptr_array_index(f->parked, i);

        if ((serial == 0 || call->header.serial == serial)
            && timer_cancel(f->timers, &((Parking *)call->server)->timer))
            found = g_ptr_array_remove_index(f->parked, i);
    }
    lock_release(&f->lock);
    if (found)
        call_resume(found);
    return found;
}

static bool abandon(Call *call)
{
    Parking *parking = call->server;
    Fixture *f = parking->fixture;

    LOCK_SCOPE(&f->lock);
    if (!timer_cancel(f->timers, &parking->timer))
        return false;
    g_ptr_array_remove(f->parked, call);
    f->abandoned++;
    return true;
}

/* --- the program -------------------------------------------------------------------------------- */

/* As many zero bytes as the result says. */
static bool encode_zeros(XdrOut *out, const void *result)
{
    size_t size = *(const uint32_t *)result;

    memset(xdr_reserve(out, size), 0, size);
    return true;
}

#define ROW(proc, text, where, ...)                                                              \
    [proc] = { .name = text, .wire_name = text, .api = "", .number = proc, .lane = where, __VA_ARGS__ }
static const Proc procs[] = {
    ROW(DO_ECHO, "echo", LANE_INLINE),
    ROW(DO_BIG, "big", LANE_INLINE, .encode = encode_zeros),
    ROW(DO_SLOW, "slow", LANE_WORKER),
    ROW(DO_NOTE, "note", LANE_WORKER),
    ROW(DO_HIGH, "high", LANE_WORKER, .flags = PROC_HIGH),
    ROW(DO_SLOW_HIGH, "slow high", LANE_WORKER, .flags = PROC_HIGH),
    ROW(DO_BULK, "bulk", LANE_BULK, .encode = encode_zeros),
    ROW(DO_PARK, "park", LANE_WORKER),
    ROW(DO_PARK_HIGH, "park high", LANE_WORKER, .flags = PROC_HIGH),
    ROW(DO_PARK_BULK, "park bulk", LANE_BULK),
    ROW(DO_PARK_LATE, "park late", LANE_WORKER),
    ROW(DO_PARK_AGAIN, "park again", LANE_WORKER),
    ROW(DO_BEGIN, "begin", LANE_DOMAIN),
    ROW(DO_TAKE_FDS, "take", LANE_WORKER, .flags = PROC_FDS_IN),
    ROW(DO_PARK_FDS, "park fds", LANE_DOMAIN, .flags = PROC_FDS_IN),
    ROW(DO_GIVE_FD, "give", LANE_INLINE, .flags = PROC_FDS_OUT),
    ROW(DO_DOWNLOAD, "down", LANE_WORKER, .flags = PROC_STREAM_DOWN),
    ROW(DO_UPLOAD, "up", LANE_INLINE, .flags = PROC_STREAM_UP),
    ROW(DO_FOUNTAIN, "fountain", LANE_INLINE, .flags = PROC_STREAM_DOWN),
    ROW(DO_TAP, "tap", LANE_INLINE, .flags = PROC_STREAM_DOWN),
    ROW(DO_SUBSCRIBE, "subscribe", LANE_CONTROL),
    ROW(DO_KEEPALIVE, "keepalive", LANE_CONTROL),
    ROW(DO_CLOSE, "close", LANE_CONTROL),
};
static const Program program = { "test", TEST_PROGRAM, 1, procs, G_N_ELEMENTS(procs) };
static const Program *const programs[] = { &program, NULL };

static void wait_at_gate(Fixture *f)
{
    LOCK_SCOPE(&f->lock);
    f->running++;
    f->most = MAX(f->most, f->running);
    cond_broadcast(&f->wake);
    while (!f->open)
        cond_wait(&f->wake, &f->lock);
    f->running--;
}

static void note(Fixture *f, const Call *call)
{
    Served served = { client_identity(call->client)->id, call->header.serial };

    LOCK_SCOPE(&f->lock);
    g_array_append_val(f->served, served);
}

static void write_to_fds(Call *call)
{
    for (unsigned i = 0; i < call->n_fds; i++)
        g_assert_cmpint(write(call->fds[i], "x", 1), ==, 1);
}

static void open_stream(Fixture *f, Call *call)
{
    switch (call->proc->number) {
    case DO_DOWNLOAD:
        call->stream = new_stream(f, &download_ops);
        call->sparse = true;
        break;
    case DO_UPLOAD:
        call->stream = new_stream(f, &upload_ops);
        call->sparse = call->payload_size >= 4;
        break;
    case DO_FOUNTAIN:
        call->stream = new_stream(f, &fountain_ops);
        break;
    case DO_TAP:
        call->stream = new_tap(f);
        break;
    default:
        break;
    }
}

/* False: it was parked. */
static bool serve_here(Fixture *f, Call *call)
{
    switch (call->proc->number) {
    case DO_SLOW:
    case DO_SLOW_HIGH:
        if (call->payload_size >= 4)
            waiting_begin();
        wait_at_gate(f);
        if (call->payload_size >= 4)
            waiting_end();
        break;
    case DO_BULK:
        wait_at_gate(f);
        break;
    case DO_PARK_LATE:
        if (!call->server)
            wait_at_gate(f);
        /* fall through */
    case DO_PARK:
    case DO_PARK_HIGH:
    case DO_PARK_BULK:
    case DO_BEGIN:
    case DO_PARK_FDS:
        if (call->server)
            break;
        park(f, call);
        return false;
    case DO_PARK_AGAIN:
        if (!call->server) {
            park(f, call);
            return false;
        }
        call_park(call);
        call_unpark(call);
        break;
    case DO_TAKE_FDS:
        write_to_fds(call);
        break;
    case DO_GIVE_FD:
        call->reply_fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        call->n_reply_fds = 1;
        break;
    case DO_SUBSCRIBE:
        client_set_subscribed(call->client, true);
        break;
    case DO_KEEPALIVE:
        client_enable_keepalive(call->client);
        break;
    case DO_CLOSE:
        client_close_after_replies(call->client);
        break;
    default:
        open_stream(f, call);
        break;
    }
    return true;
}

static void serve(Call *call)
{
    Fixture *f = service_data(client_service(call->client));
    uint32_t size = call->payload_size >= 4 ? xdr_load32(call->payload) : 0;

    if (!call->inline_call)
        note(f, call);
    if (serve_here(f, call))
        call_reply(call, &size);
}

static void begin(Call *call)
{
    park(service_data(client_service(call->client)), call);
}

static Lane lane_of(Client *client, const Proc *proc)
{
    return (Lane)proc->lane;
}

static void new_client(Client *client)
{
    Fixture *f = service_data(client_service(client));

    LOCK_SCOPE(&f->lock);
    f->newest = client;
    f->clients_new++;
}

static void client_has_left(Client *client)
{
    Fixture *f = service_data(client_service(client));

    LOCK_SCOPE(&f->lock);
    f->clients_left++;
}

static void free_client(Client *client)
{
    Fixture *f = service_data(client_service(client));

    LOCK_SCOPE(&f->lock);
    f->clients_freed++;
}

static const ServiceOps ops = {
    .programs = programs, .lane = lane_of, .begin = begin, .serve = serve, .abandon = abandon,
    .client_new = new_client, .client_left = client_has_left,
    .client_free = free_client,
};

/* --- set up ------------------------------------------------------------------------------------- */

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fd, 64), ==, 0);
    return fd;
}

void fixture_set_up(Fixture *f, gconstpointer data)
{
    f->settings = data ? *(const FixtureSettings *)data : fixture_default;
    f->dir = g_dir_make_tmp("drover-rpc-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "socket", NULL);
    f->served = g_array_new(FALSE, FALSE, sizeof(Served));
    f->parked = g_ptr_array_new();
    f->taps = g_ptr_array_new();
    f->uploaded = g_string_new(NULL);
    lock_init(&f->lock, LOCK_TEST_HOST);
    cond_init(&f->wake);
    f->timers = timers_new();
    f->rpc = rpc_new(&f->settings.threads, f->timers);
    f->service = service_new(f->rpc, "test", &ops, &f->settings.limits, f);
    service_listen(f->service, listen_at(f->path), false);
    if (!f->settings.still)
        rpc_start(f->rpc);
}

void fixture_open_gate(Fixture *f)
{
    LOCK_SCOPE(&f->lock);
    f->open = true;
    cond_broadcast(&f->wake);
}

void fixture_stop(Fixture *f)
{
    rpc_free(f->rpc);
    f->rpc = NULL;
}

void fixture_tear_down(Fixture *f, gconstpointer data)
{
    fixture_open_gate(f);
    if (f->rpc)
        fixture_stop(f);
    timers_free(f->timers);
    g_assert_cmpuint(f->parked->len, ==, 0);
    g_assert_cmpuint(f->taps->len, ==, 0);
    g_ptr_array_unref(f->parked);
    g_ptr_array_unref(f->taps);
    g_array_unref(f->served);
    g_string_free(f->uploaded, TRUE);
    unlink(f->path);
    rmdir(f->dir);
    cond_deinit(&f->wake);
    lock_deinit(&f->lock);
    g_free(f->payload);
    g_free(f->path);
    g_free(f->dir);
}

void fixture_turn(Fixture *f)
{
    if (!f->settings.still)
        return;
    for (int i = 0; i < 3; i++)
        for (unsigned j = 0; j < f->rpc->n_io; j++)
            io_turn(f->rpc->io[j], 0);
}

/* --- broadcasts --------------------------------------------------------------------------------- */

typedef struct TestBroadcast {
    Broadcast base;
    uint32_t serial;
    size_t size;
} TestBroadcast;

static void append_broadcast(Broadcast *base, Client *client, XdrOut *out)
{
    TestBroadcast *broadcast = (TestBroadcast *)base;
    FrameHeader header = {
        .program = TEST_PROGRAM, .version = 1, .proc = DO_COUNT, .type = FRAME_MESSAGE, .serial = broadcast->serial,
    };
    size_t at = frame_begin(out, &header);

    memset(xdr_reserve(out, broadcast->size), 'b', broadcast->size);
    frame_end(out, at);
}

static void free_broadcast(Broadcast *broadcast)
{
    g_free(broadcast);
}

void fixture_announce(Fixture *f, uint32_t serial, size_t size)
{
    TestBroadcast *broadcast = g_new0(TestBroadcast, 1);

    broadcast->base.append = append_broadcast;
    broadcast->base.free = free_broadcast;
    broadcast->serial = serial;
    broadcast->size = size;
    rpc_broadcast(f->rpc, &broadcast->base);
}

/* --- a client ------------------------------------------------------------------------------------ */

int fixture_dial(Fixture *f)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_strlcpy(address.sun_path, f->path, sizeof address.sun_path);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    return fd;
}

int fixture_dial_accepted(Fixture *f)
{
    unsigned before = LOCKED(f, f->clients_new);
    int fd = fixture_dial(f);

    WAIT_UNTIL(f, LOCKED(f, f->clients_new) > before);
    return fd;
}

void fixture_put_header(uint8_t *frame, size_t length, uint32_t proc, uint32_t type, uint32_t serial)
{
    xdr_store32(frame, (uint32_t)length);
    xdr_store32(frame + 4, TEST_PROGRAM);
    xdr_store32(frame + 8, 1);
    xdr_store32(frame + 12, proc);
    xdr_store32(frame + 16, type);
    xdr_store32(frame + 20, serial);
    xdr_store32(frame + 24, FRAME_OK);
}

/* Once when nobody sleeps in it, again when the test's own thread must make room. */
void fixture_send(Fixture *f, int fd, const void *data, size_t size)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;
    size_t sent = 0;

    while (sent < size) {
        ssize_t n = send(fd, (const char *)data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0) {
            g_assert_cmpint(errno, ==, EAGAIN);
            g_assert_cmpint(clock_now(), <, deadline);
            fixture_turn(f);
            continue;
        }
        sent += (size_t)n;
    }
}

void fixture_send_frame(Fixture *f, int fd, uint32_t proc, uint32_t type, uint32_t serial, uint32_t status,
                        const void *payload, size_t size)
{
    g_autofree uint8_t *frame = g_malloc(FRAME_HEADER_SIZE + size);

    fixture_put_header(frame, FRAME_HEADER_SIZE + size, proc, type, serial);
    xdr_store32(frame + 24, status);
    if (size)
        memcpy(frame + FRAME_HEADER_SIZE, payload, size);
    fixture_send(f, fd, frame, FRAME_HEADER_SIZE + size);
}

void fixture_call(Fixture *f, int fd, uint32_t proc, uint32_t serial)
{
    fixture_send_frame(f, fd, proc, FRAME_CALL, serial, FRAME_OK, NULL, 0);
}

void fixture_call_with(Fixture *f, int fd, uint32_t proc, uint32_t serial, uint32_t argument)
{
    uint8_t payload[4];

    xdr_store32(payload, argument);
    fixture_send_frame(f, fd, proc, FRAME_CALL, serial, FRAME_OK, payload, sizeof payload);
}

void fixture_send_fd(Fixture *f, int fd, uint8_t byte, int passed)
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
    fixture_turn(f);
}

static void wait_readable(Fixture *f, int fd)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;
    struct pollfd wait = { fd, POLLIN, 0 };

    fixture_turn(f);
    while (poll(&wait, 1, f->settings.still ? 1 : 100) == 0) {
        g_assert_cmpint(clock_now(), <, deadline);
        fixture_turn(f);
    }
}

static bool read_bytes(Fixture *f, int fd, void *data, size_t size)
{
    size_t got = 0;

    while (got < size) {
        ssize_t n;

        wait_readable(f, fd);
        n = recv(fd, (char *)data + got, size - got, 0);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

bool fixture_read(Fixture *f, int fd, FrameHeader *header)
{
    uint8_t head[FRAME_HEADER_SIZE];

    if (!read_bytes(f, fd, head, sizeof head))
        return false;
    frame_header_get(head, header);
    g_assert_cmpuint(xdr_load32(head), >=, FRAME_HEADER_SIZE);
    g_assert_cmpuint(xdr_load32(head), <=, FRAME_MAX);
    f->payload_size = xdr_load32(head) - FRAME_HEADER_SIZE;
    g_free(f->payload);
    f->payload = g_malloc(f->payload_size + 1);
    return read_bytes(f, fd, f->payload, f->payload_size);
}

int fixture_read_fd(Fixture *f, int fd)
{
    char byte = 1;
    int passed = -1;
    struct iovec part = { &byte, 1 };
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space,
                              .msg_controllen = sizeof control.space };

    wait_readable(f, fd);
    g_assert_cmpint(recvmsg(fd, &message, MSG_CMSG_CLOEXEC), ==, 1);
    g_assert_cmpint(byte, ==, 0);
    g_assert_nonnull(CMSG_FIRSTHDR(&message));
    memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof passed);
    g_assert_cmpint(fcntl(passed, F_GETFD), >=, 0);
    return passed;
}

void fixture_expect(Fixture *f, int fd, uint32_t type, uint32_t serial, uint32_t status)
{
    FrameHeader header;

    g_assert_true(fixture_read(f, fd, &header));
    g_assert_cmpuint(header.type, ==, type);
    g_assert_cmpuint(header.serial, ==, serial);
    g_assert_cmpuint(header.status, ==, status);
}

void fixture_expect_empty(Fixture *f, int fd, uint32_t type, uint32_t serial, uint32_t status)
{
    fixture_expect(f, fd, type, serial, status);
    g_assert_cmpuint(f->payload_size, ==, 0);
}

void fixture_expect_answers(Fixture *f, int fd, unsigned n)
{
    FrameHeader header;

    while (n-- > 0) {
        g_assert_true(fixture_read(f, fd, &header));
        g_assert_cmpuint(header.type, ==, FRAME_REPLY);
        g_assert_cmpuint(header.status, ==, FRAME_OK);
    }
}

void fixture_expect_closed(Fixture *f, int fd)
{
    FrameHeader header;

    while (fixture_read(f, fd, &header))
        continue;
    close(fd);
}
