/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (9) The answer of a call: its result or its error becomes a frame, which goes to outbox.c, or for an inline call to
 * what the I/O thread collects; then the call ends (call.c). Any thread, once for each call. Takes no lock but those
 * that outbox.c, stream.c and call_end take, one at a time; never waits. */
#include "rpc/client-private.h"

#include <unistd.h>

#include "base/i18n.h"
#include "base/probe.h"

static FrameHeader reply_header(const Call *call)
{
    FrameHeader header = call->header;

    header.type = FRAME_REPLY;
    header.status = FRAME_OK;
    return header;
}

/* Appends the frame of a good answer; false, and call->error is set, when the result breaks a limit. */
static bool put_result(Call *call, XdrOut *out, const void *result)
{
    FrameHeader header = reply_header(call);
    size_t begin;

    if (call->n_reply_fds)
        header.type = FRAME_REPLY_WITH_FDS;
    begin = frame_begin(out, &header);
    if (call->n_reply_fds)
        xdr_put_uint(out, call->n_reply_fds);
    if ((!call->proc->encode || call->proc->encode(out, result)) && frame_end(out, begin))
        return true;
    error_set(&call->error, VIR_FROM_RPC, VIR_ERR_RPC, _("the answer to %s is too large: %s"), call->proc->name,
              out->failed ? out->failed : "more than 32 MiB");
    out->failed = NULL;
    out->size = begin;
    return false;
}

static void send_answer(Call *call, XdrOut *out, size_t from)
{
    if (call->on_answer)
        call->on_answer(call);
    PROBE_REPLY_OUT(call->client->identity.id, call->proc->name, call->header.serial, call->error.code, out->size - from);
    if (call->n_reply_fds) {
        outbox_send_fds(call->client, out, from, call->reply_fds, call->n_reply_fds);
        call->n_reply_fds = 0;
    } else if (!call->inline_call) {
        outbox_send(call->client, out, from, call->lane == LANE_BULK ? OUT_BULK : OUT_REPLY);
    }
}

static void close_reply_fds(Call *call)
{
    for (unsigned i = 0; i < call->n_reply_fds; i++)
        close(call->reply_fds[i]);
    call->n_reply_fds = 0;
}

void call_reply(Call *call, const void *result)
{
    XdrOut local, *out = call->out;
    Stream *stream = NULL;
    size_t begin, from;

    if (!out) {
        xdr_out_init(&local, NULL, 0);
        out = &local;
    }
    /* descriptors follow their frame, and frames before it in the batch go first */
    begin = out->size;
    from = call->n_reply_fds && call->inline_call ? 0 : begin;
    if (!put_result(call, out, result) || (call->stream && !(stream = stream_open(call)))) {
        out->size = begin;
        close_reply_fds(call);
        frame_put_error(out, reply_header(call), &call->error);
    }
    call_clock_stop(call);
    send_answer(call, out, from);
    if (stream)
        stream_start(stream);
    if (out == &local)
        xdr_out_deinit(&local);
    call_end(call);
}

void call_fail(Call *call)
{
    XdrOut local, *out = call->out;
    size_t from;

    g_assert(call->error.code != VIR_ERR_OK);
    if (!out) {
        xdr_out_init(&local, NULL, 0);
        out = &local;
    }
    from = out->size;
    frame_put_error(out, reply_header(call), &call->error);
    close_reply_fds(call);
    call_clock_stop(call);
    send_answer(call, out, from);
    if (out == &local)
        xdr_out_deinit(&local);
    call_end(call);
}
