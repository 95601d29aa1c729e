/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (4) From frames to calls: is there such a procedure, may this client call it now, where does it run?
 * Runs on the client's I/O thread, on bytes that were just received. Inline and control calls are
 * served here and their answers collected in the thread's output; others are copied and handed over.
 * Takes LOCK_CLIENT shortly (through call.c). */
#include "rpc/client-private.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/probe.h"

LOG_SOURCE("rpc.admit");

/* Answers a call that never becomes one. */
static void refuse(Client *client, const FrameHeader *header, Error *error)
{
    FrameHeader reply = *header;

    measure_refused(client->service->rpc->measure);
    reply.type = FRAME_REPLY;
    frame_put_error(io_out(client->io), reply, error);
    error_clear(error);
}

static const Program *find_program(Client *client, const FrameHeader *header)
{
    for (const Program *const *p = client->service->ops->programs; *p; p++)
        if ((*p)->number == header->program && (*p)->version == header->version)
            return *p;
    return NULL;
}

/* The oldest descriptors, those of the frame that is looked at, have another owner now. */
static void forget_fds(Client *client, unsigned n_fds)
{
    if (n_fds == 0)
        return;
    client->n_fds -= n_fds;
    memmove(client->fds, client->fds + n_fds, client->n_fds * sizeof(int));
}

/* The descriptors that came with a frame, into the call's arena. */
static void take_fds(Client *client, Call *call, unsigned n_fds)
{
    call->fds = arena_array(&call->arena, n_fds, sizeof(int));
    memcpy(call->fds, client->fds, n_fds * sizeof(int));
    call->n_fds = n_fds;
    forget_fds(client, n_fds);
}

static void close_fds(Client *client, unsigned n_fds)
{
    for (unsigned i = 0; i < n_fds; i++)
        close(client->fds[i]);
    forget_fds(client, n_fds);
}

static void serve_inline(Client *client, const Program *program, const Proc *proc, const FrameHeader *header,
                         uint8_t *payload, size_t size, unsigned n_fds, Lane lane)
{
    Call *call = io_scratch_call(client->io);

    PROBE_ADMISSION(client->identity.id, proc->name, header->serial, (int)lane);
    call_begin_inline(call, client, program, proc, header, payload, size, io_out(client->io));
    call->lane = (uint8_t)lane;
    if (n_fds)
        take_fds(client, call, n_fds);
    client->service->ops->serve(call);
    g_assert(call->answered);
}

/* Handing over needs room in the client's account; false: the frame must be held back. */
static bool hand_over(Client *client, const Program *program, const Proc *proc, const FrameHeader *header,
                      const uint8_t *payload, size_t size, unsigned n_fds, Lane lane)
{
    Call *call;

    if (!client_has_room(client, size, n_fds))
        return false;
    PROBE_ADMISSION(client->identity.id, proc->name, header->serial, (int)lane);
    call = call_new(client, program, proc, header, payload, size);
    call->lane = (uint8_t)lane;
    if (n_fds)
        take_fds(client, call, n_fds);
    if (G_UNLIKELY(!client_authenticated(client)))
        login_call_begin(call);
    call_submit(call);
    return true;
}

/* The row of a call that may be made; NULL and an error. */
static const Proc *find_proc(const Program *program, const FrameHeader *header, Error *error)
{
    const Proc *proc;

    if (header->status != FRAME_OK) {
        error_set(error, VIR_FROM_RPC, VIR_ERR_RPC, _("a call may not have status %u"), header->status);
        return NULL;
    }
    if (!program) {
        error_set(error, VIR_FROM_RPC, VIR_ERR_RPC, _("unknown program 0x%x version %u"), header->program,
                  header->version);
        return NULL;
    }
    proc = program_proc(program, header->proc);
    if (proc && !(proc->flags & PROC_EVENT))
        return proc;
    /* clients look for these two words at the beginning: never translated */
    error_set(error, VIR_FROM_RPC, VIR_ERR_RPC, "unknown procedure: %d", header->proc);
    return NULL;
}

static bool is_stopping(const Client *client)
{
    return __atomic_load_n(&client->service->rpc->quiet, __ATOMIC_RELAXED);
}

/* False: held back. */
static bool admit_call(Client *client, const FrameHeader *header, uint8_t *payload, size_t size, unsigned n_fds)
{
    const Program *program = find_program(client, header);
    Error error = ERROR_INIT;
    const Proc *proc = find_proc(program, header, &error);
    Lane lane = LANE_CONTROL;

    if (proc && G_UNLIKELY(!client_authenticated(client)) && !(proc->flags & PROC_BEFORE_AUTH))
        error_set(&error, VIR_FROM_RPC, VIR_ERR_RPC, _("the client must prove who it is before %s"), proc->name);
    if (proc && !error.code) {
        lane = client->service->ops->lane(client, proc);
        if (lane != LANE_INLINE && lane != LANE_CONTROL && G_UNLIKELY(is_stopping(client)))
            error_set(&error, VIR_FROM_RPC, VIR_ERR_OPERATION_ABORTED, _("the server is stopping, %s was not begun"),
                      proc->name);
    }
    if (G_UNLIKELY(error.code)) {
        PROBE_ADMISSION(client->identity.id, proc ? proc->name : "", header->serial, -1);
        close_fds(client, n_fds);
        refuse(client, header, &error);
        return true;
    }
    if (G_UNLIKELY(n_fds && !(proc->flags & PROC_FDS_IN))) {
        close_fds(client, n_fds);    /* nobody would look at them */
        n_fds = 0;
    }
    if (lane != LANE_INLINE && lane != LANE_CONTROL)
        return hand_over(client, program, proc, header, payload, size, n_fds, lane);
    serve_inline(client, program, proc, header, payload, size, n_fds, lane);
    return true;
}

/* A call of the client's login is under way, or its end has not been seen by this thread. */
static bool is_logging_in(const Client *client)
{
    return G_UNLIKELY(client->auth) && __atomic_load_n(&client->auth_busy, __ATOMIC_ACQUIRE) != AUTH_NO_CALL;
}

typedef enum Admission { ADMITTED, HELD_BACK, REFUSED } Admission;

static Admission admit_frame(Client *client, uint8_t *frame, size_t size, unsigned n_fds)
{
    FrameHeader header;
    uint8_t *payload = frame + FRAME_HEADER_SIZE;
    size_t payload_size = size - FRAME_HEADER_SIZE - n_fds;

    if (n_fds > client->n_fds) {
        log_warning("client %" PRIu64 " announced %u descriptors and sent %u, its connection is closed",
                    client->identity.id, n_fds, client->n_fds);
        return REFUSED;
    }
    frame_header_get(frame, &header);
    PROBE_FRAME_IN(client->identity.id, header.program, header.proc, header.serial, size);
    if (header.program == FRAME_PROGRAM_KEEPALIVE) {
        keepalive_message(client, &header, io_out(client->io));
        close_fds(client, n_fds);
        return ADMITTED;
    }
    switch ((FrameType)header.type) {
    case FRAME_CALL_WITH_FDS:
        return admit_call(client, &header, payload + 4, payload_size - 4, n_fds) ? ADMITTED : HELD_BACK;
    case FRAME_CALL:
        return admit_call(client, &header, payload, payload_size, 0) ? ADMITTED : HELD_BACK;
    case FRAME_STREAM:
    case FRAME_STREAM_HOLE:
        return stream_frame(client, &header, payload, payload_size) ? ADMITTED : REFUSED;
    case FRAME_REPLY:
    case FRAME_MESSAGE:
    case FRAME_REPLY_WITH_FDS:
    default:
        close_fds(client, n_fds);
        return ADMITTED;    /* what no client has reason to send is ignored */
    }
}

ssize_t admit_frames(Client *client, uint8_t *data, size_t size)
{
    size_t used = 0, out_limit = limit_of(client, max_client_output);
    XdrOut *out = io_out(client->io);

    client->held_back = is_logging_in(client);
    io_set_mark(client->io, 0);
    while (used < size && !client->held_back) {
        size_t frame_size;
        unsigned n_fds;
        FrameState state = frame_look(data + used, size - used, &frame_size, &n_fds);
        Admission admission;

        if (state == FRAME_BROKEN)
            return -1;
        if (state == FRAME_INCOMPLETE)
            break;
        if (out->size >= 262144)
            outbox_send(client, out, 0, OUT_REPLY);
        if (G_UNLIKELY(outbox_size(client) > 0 && outbox_size(client) + out->size >= out_limit / 4) && outbox_await(client)) {
            client->held_back = true;    /* when it has left there will be another look */
            break;
        }
        admission = admit_frame(client, data + used, frame_size, n_fds);
        if (admission == REFUSED)
            return -1;
        if (admission == HELD_BACK) {
            client->held_back = true;
            break;
        }
        used += frame_size;
        client->held_back = is_logging_in(client);    /* what follows may be meant for the layer that comes */
    }
    __atomic_add_fetch(&client->use.bytes_in, used, __ATOMIC_RELAXED);
    return (ssize_t)used;
}
