/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams: bytes and holes between a client and what a driver put behind a call.
 * A stream is made by whoever answers the call, and belongs to the client's I/O thread from the
 * moment its reply is on the way; only that thread calls the driver's functions. Takes LOCK_CLIENT for
 * the list of new ones; a driver's wake takes LOCK_IO_INBOX.
 *
 *   opened ──reply queued──▶ started ──driver's end──▶ ended (empty CONTINUE sent) ──client's OK──▶ gone
 *      started, ended ──client's OK, client's ERROR, driver's error, client gone──▶ gone            */
#include "rpc/client-private.h"

#include <inttypes.h>

#include "base/i18n.h"
#include "base/log.h"

LOG_SOURCE("rpc.stream");

enum { CHUNKS_AT_ONCE = 8 };

struct Stream {
    /* fixed */
    Client *client;           /* referenced */
    FrameHeader header;       /* of every frame that we send */
    DriverStream *source;
    bool sparse;
    int refs;                 /* atomic: the client's list, and the call until its reply is queued */
    int started;              /* atomic */
    /* owned by the I/O thread; `next` under LOCK_CLIENT while the stream is new */
    Stream *next;
    bool ended;
};

static void stream_unref(Stream *stream)
{
    if (__atomic_sub_fetch(&stream->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    client_unref(stream->client);
    g_free(stream);
}

static void on_wake(DriverStream *source)
{
    Stream *stream = source->server;

    io_wish(stream->client, WISH_STREAM);
}

Stream *stream_open(Call *call)
{
    Client *client = call->client;
    Stream *stream = g_new0(Stream, 1);
    bool room, leaving;

    stream->client = client_ref(client);
    stream->header = call->header;
    stream->header.type = FRAME_STREAM;
    stream->source = call->stream;
    stream->sparse = call->sparse;
    stream->refs = 2;
    lock_acquire(&client->lock);
    leaving = client->leaving;
    room = !leaving && client->n_streams < limit_of(client, max_client_streams);
    if (room) {
        /* the driver may wake it from now on, and the I/O thread may close it once it is listed */
        stream->source->server = stream;
        __atomic_store_n(&stream->source->wake, on_wake, __ATOMIC_RELEASE);
        client->n_streams++;
        stream->next = client->new_streams;
        client->new_streams = stream;
    }
    lock_release(&client->lock);
    if (room) {
        call->stream = NULL;
        return stream;
    }
    stream->refs = 1;
    stream_unref(stream);
    if (leaving)
        error_set(&call->error, VIR_FROM_STREAMS, VIR_ERR_OPERATION_ABORTED, _("the client has left"));
    else
        error_set(&call->error, VIR_FROM_STREAMS, VIR_ERR_OPERATION_FAILED,
                  _("this connection has %u streams open already"), limit_of(client, max_client_streams));
    return NULL;
}

void stream_start(Stream *stream)
{
    __atomic_store_n(&stream->started, 1, __ATOMIC_RELEASE);
    io_wish(stream->client, WISH_STREAM);
    stream_unref(stream);
}

static void take_new(Client *client)
{
    Stream *stream;

    lock_acquire(&client->lock);
    stream = client->new_streams;
    client->new_streams = NULL;
    lock_release(&client->lock);
    while (stream) {
        Stream *next = stream->next;

        stream->next = client->streams;
        client->streams = stream;
        stream = next;
    }
}

static void close_stream(Client *client, Stream *stream)
{
    for (Stream **at = &client->streams; *at; at = &(*at)->next)
        if (*at == stream) {
            *at = stream->next;
            break;
        }
    lock_acquire(&client->lock);
    client->n_streams--;
    lock_release(&client->lock);
    stream->source->ops->free(stream->source);
    stream->source = NULL;
    stream_unref(stream);
}

static Stream *find(Client *client, const FrameHeader *header)
{
    take_new(client);
    for (Stream *stream = client->streams; stream; stream = stream->next)
        if (stream->header.serial == header->serial && stream->header.proc == header->proc
            && stream->header.program == header->program)
            return stream;
    return NULL;
}

static void put_frame(XdrOut *out, const Stream *stream, FrameStatus status)
{
    FrameHeader header = stream->header;
    size_t begin;

    header.status = status;
    begin = frame_begin(out, &header);
    frame_end(out, begin);
}

/* The stream ends with an error that the client is told. */
static void fail_stream(Client *client, Stream *stream, Error *error, XdrOut *out)
{
    frame_put_error(out, stream->header, error);
    error_clear(error);
    close_stream(client, stream);
}

static bool take_hole(Client *client, Stream *stream, const uint8_t *payload, size_t size, XdrOut *out)
{
    Error error = ERROR_INIT;

    if (!stream->sparse || size < 12 || !stream->source->ops->write_hole || (int64_t)xdr_load64(payload) < 0) {
        log_warning("client %" PRIu64 " sent a hole on a stream without holes, its connection is closed",
                    client->identity.id);
        return false;
    }
    if (stream->source->ops->write_hole(stream->source, xdr_load64(payload), &error) < 0)
        fail_stream(client, stream, &error, out);
    return true;
}

static void take_data(Client *client, Stream *stream, const uint8_t *payload, size_t size, XdrOut *out)
{
    Error error = ERROR_INIT;

    if (size == 0)
        return;
    if (!stream->source->ops->write)
        error_set(&error, VIR_FROM_STREAMS, VIR_ERR_OPERATION_INVALID, _("nothing can be sent on this stream"));
    else if (stream->source->ops->write(stream->source, payload, size, &error) == 0)
        return;
    fail_stream(client, stream, &error, out);
}

static void take_finish(Client *client, Stream *stream, XdrOut *out)
{
    Error error = ERROR_INIT;

    if (stream->source->ops->finish && stream->source->ops->finish(stream->source, &error) < 0) {
        fail_stream(client, stream, &error, out);
        return;
    }
    put_frame(out, stream, FRAME_OK);
    close_stream(client, stream);
}

bool stream_frame(Client *client, const FrameHeader *header, const uint8_t *payload, size_t size)
{
    Stream *stream = find(client, header);
    XdrOut *out = io_out(client->io);

    if (!stream)
        return true;    /* late frames of a stream that has ended */
    if (header->type == FRAME_STREAM_HOLE)
        return take_hole(client, stream, payload, size, out);
    switch (header->status) {
    case FRAME_CONTINUE:
        take_data(client, stream, payload, size, out);
        break;
    case FRAME_OK:
        take_finish(client, stream, out);
        break;
    case FRAME_ERROR:
        put_frame(out, stream, FRAME_OK);
        close_stream(client, stream);
        break;
    default:
        break;
    }
    return true;
}

/* One frame of what the driver has; false: nothing now, or the stream has ended. */
static bool pump_one(Client *client, Stream *stream, XdrOut *out)
{
    Error error = ERROR_INIT;
    size_t begin = out->size;
    uint64_t hole = 0;
    FrameHeader header = stream->header;
    int64_t n;

    header.status = FRAME_CONTINUE;
    frame_begin(out, &header);
    n = stream->source->ops->read(stream->source, xdr_reserve(out, FRAME_STREAM_CHUNK), FRAME_STREAM_CHUNK, &hole,
                                  &error);
    out->size = begin;
    if (n == DRIVER_STREAM_LATER)
        return false;
    if (n < 0) {
        fail_stream(client, stream, &error, out);
        return false;
    }
    if (hole > 0) {
        header.type = FRAME_STREAM_HOLE;
        frame_begin(out, &header);
        xdr_put_uhyper(out, hole);
        xdr_put_uint(out, 0);
        return frame_end(out, begin);
    }
    out->size = begin + FRAME_HEADER_SIZE + (size_t)n;
    stream->ended = n == 0;
    return frame_end(out, begin) && n > 0;
}

/* The stream whose turn it is; it goes to the end of the row. */
static Stream *next_in_turn(Client *client)
{
    Stream *stream = client->streams, **end = &client->streams;

    while (*end)
        end = &(*end)->next;
    *end = stream;
    client->streams = stream->next;
    stream->next = NULL;
    return stream;
}

static bool may_read(const Stream *stream)
{
    return __atomic_load_n(&stream->started, __ATOMIC_ACQUIRE) && !stream->ended && stream->source->ops->read;
}

void stream_pump(Client *client)
{
    XdrOut *out = io_out(client->io);
    unsigned n = 0, idle = 0, sent = 0;

    take_new(client);
    for (Stream *stream = client->streams; stream; stream = stream->next)
        n++;
    /* Only an empty outbox takes more; when it is filled, its emptying calls us again. */
    while (idle < n && client->streams && (outbox_size(client) == 0 || !outbox_await(client))) {
        Stream *stream = next_in_turn(client);

        if (may_read(stream) && pump_one(client, stream, out))
            idle = 0;
        else
            idle++;
        if (!out->size)
            continue;
        outbox_send(client, out, 0, OUT_REPLY);
        if (++sent == CHUNKS_AT_ONCE) {
            io_wish(client, WISH_STREAM);    /* other clients have their turn */
            return;
        }
    }
}

void stream_close_all(Client *client)
{
    take_new(client);
    while (client->streams)
        close_stream(client, client->streams);
}
