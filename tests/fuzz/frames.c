/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzzes a connection: the input is a script of what a client does (frames, bytes, descriptors, reading or not) and
 * of what happens to its calls meanwhile. An engine without threads serves it over a socket pair, so that the
 * same input always does the same. Checked: what comes back are whole frames, memory is bounded by what was sent,
 * and nothing (client, call, descriptor) is left when the client has gone. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "rpc/io-private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CALL_ECHO = 1, CALL_BIG, CALL_BEGIN, CALL_UPLOAD, CALL_DOWNLOAD, CALL_TAKE_FDS, CALL_PARK_FDS, CALL_GIVE_FD,
    CALL_SUBSCRIBE, CALL_KEEPALIVE, CALL_CLOSE, CALLS
};
enum { PROGRAM = 1, OUTPUT_MAX = 65536, EVENTS_MAX = 65536, BIG_MAX = 60000, STREAM_MAX = 10 };

static struct Fuzz {
    Timers *timers;
    Rpc *rpc;
    Service *service;
    Client *client;       /* NULL when it has gone */
    GPtrArray *parked;    /* of Call */
    int fd, nowhere;      /* the client's end; what is passed */
    size_t sent;
    unsigned fds_sent;
} fuzz;

/* --- the program --------------------------------------------------------------------------------- */

static bool encode_big(XdrOut *out, const void *result)
{
    memset(xdr_reserve(out, *(const uint16_t *)result % BIG_MAX), 0, *(const uint16_t *)result % BIG_MAX);
    return true;
}

#define ROW(id, where, ...)                                                                      \
    [id] = { .name = #id, .wire_name = #id, .api = "", .number = id, .lane = where, __VA_ARGS__ }
static const Proc procs[] = {
    ROW(CALL_ECHO, LANE_INLINE),
    ROW(CALL_BIG, LANE_INLINE, .encode = encode_big),
    ROW(CALL_BEGIN, LANE_DOMAIN),
    ROW(CALL_UPLOAD, LANE_INLINE, .flags = PROC_STREAM_UP),
    ROW(CALL_DOWNLOAD, LANE_INLINE, .flags = PROC_STREAM_DOWN),
    ROW(CALL_TAKE_FDS, LANE_INLINE, .flags = PROC_FDS_IN),
    ROW(CALL_PARK_FDS, LANE_DOMAIN, .flags = PROC_FDS_IN),
    ROW(CALL_GIVE_FD, LANE_INLINE, .flags = PROC_FDS_OUT),
    ROW(CALL_SUBSCRIBE, LANE_CONTROL),
    ROW(CALL_KEEPALIVE, LANE_CONTROL),
    ROW(CALL_CLOSE, LANE_CONTROL),
};
static const Program program = { "fuzz", PROGRAM, 1, procs, CALLS };
static const Program *const programs[] = { &program, NULL };

typedef struct FuzzStream {
    DriverStream base;
    unsigned reads;
} FuzzStream;

static int stream_write(DriverStream *stream, const uint8_t *data, size_t size, Error *error)
{
    return data[0] == 'x' ? error_set(error, VIR_FROM_STREAMS, VIR_ERR_OPERATION_FAILED, "x") : 0;
}

static int stream_hole(DriverStream *stream, uint64_t size, Error *error)
{
    return size == 13 ? error_set(error, VIR_FROM_STREAMS, VIR_ERR_OPERATION_FAILED, "13") : 0;
}

static int64_t stream_read(DriverStream *base, uint8_t *data, size_t size, uint64_t *hole, Error *error)
{
    FuzzStream *stream = (FuzzStream *)base;

    if (++stream->reads > STREAM_MAX)
        return 0;
    if (stream->reads % 4 == 0)
        return DRIVER_STREAM_LATER;
    memset(data, 0, size);
    return (int64_t)(size / stream->reads);
}

static void stream_free(DriverStream *stream)
{
    g_free(stream);
}

static const DriverStreamOps upload_ops = { .write = stream_write, .write_hole = stream_hole, .free = stream_free };
static const DriverStreamOps download_ops = { .write = stream_write, .read = stream_read, .free = stream_free };

static void serve(Call *call)
{
    uint16_t size = call->payload_size ? (uint16_t)(call->payload[0] << 8) : 0;
    FuzzStream *stream;

    switch (call->proc->number) {
    case CALL_UPLOAD:
    case CALL_DOWNLOAD:
        stream = g_new0(FuzzStream, 1);
        stream->base.ops = call->proc->number == CALL_UPLOAD ? &upload_ops : &download_ops;
        call->stream = &stream->base;
        call->sparse = call->payload_size > 0;
        break;
    case CALL_GIVE_FD:
        call->reply_fds[0] = dup(fuzz.nowhere);
        call->n_reply_fds = 1;
        break;
    case CALL_SUBSCRIBE:
        client_set_subscribed(call->client, true);
        break;
    case CALL_KEEPALIVE:
        client_enable_keepalive(call->client);
        break;
    case CALL_CLOSE:
        client_close_after_replies(call->client);
        break;
    default:
        break;
    }
    call_reply(call, &size);
}

static void begin(Call *call)
{
    call->server = call;
    call_park(call);
    g_ptr_array_add(fuzz.parked, call);
    call_parked(call);
}

static bool abandon(Call *call)
{
    return g_ptr_array_remove(fuzz.parked, call);
}

static Lane lane_of(Client *client, const Proc *proc)
{
    return (Lane)proc->lane;
}

static void client_has_left(Client *client)
{
    fuzz.client = NULL;
}

static const ServiceOps ops = {
    .programs = programs, .lane = lane_of, .begin = begin, .serve = serve, .abandon = abandon,
    .client_left = client_has_left,
};

typedef struct FuzzBroadcast {
    Broadcast base;
    size_t size;
} FuzzBroadcast;

static void append_broadcast(Broadcast *base, Client *client, XdrOut *out)
{
    const FrameHeader header = { .program = PROGRAM, .version = 1, .proc = CALLS, .type = FRAME_MESSAGE, .serial = 1 };
    size_t size = ((FuzzBroadcast *)base)->size, at = frame_begin(out, &header);

    memset(xdr_reserve(out, size), 0, size);
    frame_end(out, at);
}

static void free_broadcast(Broadcast *broadcast)
{
    g_free(broadcast);
}

static void announce(size_t size)
{
    FuzzBroadcast *broadcast = g_new0(FuzzBroadcast, 1);

    broadcast->base.append = append_broadcast;
    broadcast->base.free = free_broadcast;
    broadcast->size = size;
    rpc_broadcast(fuzz.rpc, &broadcast->base);
}

/* --- the client ---------------------------------------------------------------------------------- */

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_memory(void)
{
    Client *client = fuzz.client;

    if (!client)
        return;
    check(client->held_capacity <= 2 * fuzz.sent + 8192);
    check(client->n_fds <= FRAME_FDS_MAX && client->n_fds <= fuzz.fds_sent);
    check(outbox_size(client) <= OUTPUT_MAX + EVENTS_MAX + BIG_MAX + FRAME_STREAM_CHUNK + 8192);
}

static void turn(void)
{
    io_turn(fuzz.rpc->io[0], 0);
    check_memory();
}

static void send_bytes(const uint8_t *data, size_t size)
{
    ssize_t n = size ? send(fuzz.fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

    if (n > 0)
        fuzz.sent += (size_t)n;
}

static void send_frame(uint8_t proc, uint8_t kind, const uint8_t *payload, size_t size)
{
    uint8_t frame[FRAME_HEADER_SIZE + 256];

    xdr_store32(frame, (uint32_t)(FRAME_HEADER_SIZE + size));
    xdr_store32(frame + 4, kind & 0x40 ? FRAME_PROGRAM_KEEPALIVE : PROGRAM);
    xdr_store32(frame + 8, kind & 0x80 ? 2 : 1);
    xdr_store32(frame + 12, proc % (CALLS + 1));
    xdr_store32(frame + 16, kind & 7);
    xdr_store32(frame + 20, proc >> 6);
    xdr_store32(frame + 24, kind >> 3 & 3);
    memcpy(frame + FRAME_HEADER_SIZE, payload, size);
    send_bytes(frame, FRAME_HEADER_SIZE + size);
}

static void send_fds(uint8_t n)
{
    union {
        char space[CMSG_SPACE(3 * sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    char zero = 0;
    struct iovec part = { &zero, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space };
    struct cmsghdr *header;
    int fds[3] = { fuzz.nowhere, fuzz.nowhere, fuzz.nowhere };

    n = n > 250 ? 3 : 1;
    message.msg_controllen = CMSG_SPACE(n * sizeof(int));
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(header), fds, n * sizeof(int));
    if (sendmsg(fuzz.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) {
        fuzz.sent++;
        fuzz.fds_sent += n;
    }
}

/* What the client has read so far: the head of a frame, then how much of it is still to come. */
typedef struct Answer {
    uint8_t head[FRAME_HEADER_SIZE + 4];
    size_t have, skip;
} Answer;

static void take_answer(Answer *answer, uint8_t byte)
{
    uint32_t length, type;

    if (answer->skip) {
        answer->skip--;
        return;
    }
    answer->head[answer->have++] = byte;
    if (answer->have < FRAME_HEADER_SIZE)
        return;
    length = xdr_load32(answer->head);
    type = xdr_load32(answer->head + 16);
    check(length >= FRAME_HEADER_SIZE && length <= FRAME_MAX);
    check(type == FRAME_REPLY || type == FRAME_MESSAGE || type == FRAME_STREAM || type == FRAME_REPLY_WITH_FDS);
    answer->skip = length - FRAME_HEADER_SIZE;
    if (type == FRAME_REPLY_WITH_FDS)
        answer->skip++;    /* the byte that carries it */
    answer->have = 0;
}

static bool read_some(Answer *answer, size_t most)
{
    static uint8_t space[65536];
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { space, MIN(most, sizeof space) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space,
                              .msg_controllen = sizeof control.space };
    struct cmsghdr *header;
    ssize_t n = recvmsg(fuzz.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n <= 0)
        return false;
    for (header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        int fd;

        memcpy(&fd, CMSG_DATA(header), sizeof fd);
        close(fd);
    }
    for (ssize_t i = 0; i < n; i++)
        take_answer(answer, space[i]);
    return true;
}

/* --- the script ---------------------------------------------------------------------------------- */

static void answer_parked(bool good)
{
    Call *call;

    if (fuzz.parked->len == 0)
        return;
    call = g_ptr_array_remove_index(fuzz.parked, 0);
    if (!good)
        error_set(&call->error, VIR_FROM_RPC, VIR_ERR_OPERATION_FAILED, "bad");
    if (good)
        call_reply(call, NULL);
    else
        call_fail(call);
}

static void play(const uint8_t *at, const uint8_t *end, Answer *answer)
{
    while (end - at >= 3) {
        uint8_t op = at[0], a = at[1], b = at[2];
        size_t n = MIN((size_t)(end - at - 3), (size_t)(op & 0x1f) * 8 + (b & 7));

        at += 3;
        switch (op >> 5) {
        case 0:
            send_bytes(at, n);
            at += n;
            break;
        case 1:
        case 2:
            send_frame(a, b, at, n);
            at += n;
            break;
        case 3:
            send_fds(b);
            break;
        case 4:
            answer_parked(a & 1);
            break;
        case 5:
            announce((size_t)b * 64);
            break;
        case 6:
            read_some(answer, (size_t)a * 256 + b + 1);
            break;
        default:
            if (a == 255)
                shutdown(fuzz.fd, SHUT_WR);
            break;
        }
        if (b & 1)
            turn();
    }
}

static void connect_client(void)
{
    int ends[2];

    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    __atomic_add_fetch(&fuzz.service->n_clients, 1, __ATOMIC_RELAXED);
    fuzz.client = client_new(fuzz.service, fuzz.rpc->io[0], ends[0], false);
    io_wish(fuzz.client, WISH_ADOPT);
    fuzz.fd = ends[1];
    fuzz.sent = fuzz.fds_sent = 0;
    turn();
}

static void start_engine(void)
{
    const RpcSettings settings = { .io_threads = 1, .min_workers = 0, .max_workers = 1, .prio_workers = 0 };
    const ServiceLimits limits = {
        .max_clients = 1, .max_client_requests = 3, .max_client_queue = 3, .max_client_parked = 4,
        .max_client_streams = 2, .max_client_output = OUTPUT_MAX, .max_client_events = EVENTS_MAX,
    };

    log_set_outputs("4:stderr", NULL);
    fuzz.timers = timers_new();
    fuzz.rpc = rpc_new(&settings, fuzz.timers);
    fuzz.service = service_new(fuzz.rpc, "fuzz", &ops, &limits, NULL);
    fuzz.parked = g_ptr_array_new();
    fuzz.nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
}

/* The lowest number that is free tells whether a descriptor was left. */
static int free_descriptor(void)
{
    int fd = dup(fuzz.nowhere);

    close(fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Answer answer = { .have = 0 };
    int free_before;

    if (!fuzz.rpc)
        start_engine();
    free_before = free_descriptor();
    connect_client();
    play(data, data + size, &answer);
    do
        turn();
    while (read_some(&answer, 65536));
    close(fuzz.fd);
    for (int i = 0; i < 100 && (service_n_clients(fuzz.service) > 0 || i < 2); i++)
        turn();
    check(!fuzz.client && service_n_clients(fuzz.service) == 0);
    check(fuzz.parked->len == 0 && __atomic_load_n(&fuzz.rpc->calls, __ATOMIC_RELAXED) == 0);
    check(free_descriptor() == free_before);
    return 0;
}
