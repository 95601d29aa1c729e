/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pings: answered at once, outside every budget; sent to clients that have said they understand them.
 * Runs on the client's I/O thread only; takes LOCK_OUTBOX through outbox.c.
 * A client whose frames we hold back is not taken for dead: we are the one who isn't reading. */
#include "rpc/client-private.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"

LOG_SOURCE("rpc.keepalive");

enum { KEEPALIVE_VERSION = 1, KEEPALIVE_PING = 1, KEEPALIVE_PONG = 2 };

static void put_message(XdrOut *out, int32_t proc)
{
    FrameHeader header = {
        .program = FRAME_PROGRAM_KEEPALIVE, .version = KEEPALIVE_VERSION, .proc = proc, .type = FRAME_MESSAGE,
    };
    size_t begin = frame_begin(out, &header);

    frame_end(out, begin);
}

void keepalive_message(Client *client, const FrameHeader *header, XdrOut *out)
{
    /* that something was heard is known already; a pong has nothing else to say */
    if (header->type == FRAME_MESSAGE && header->proc == KEEPALIVE_PING)
        put_message(out, KEEPALIVE_PONG);
}

/* False: nothing has left for so long that nobody can be reading. */
static bool still_reads(Client *client, int64_t now)
{
    unsigned seconds = limit_of(client, write_timeout);
    bool stalled;

    if (seconds == 0 || outbox_size(client) == 0)
        return true;
    lock_acquire(&client->out_lock);
    stalled = client->out_first && now - client->out_stalled > (int64_t)seconds * CLOCK_S;
    lock_release(&client->out_lock);
    if (stalled)
        log_warning("client %" PRIu64 " (pid %d, uid %d) has read nothing for %u s, its connection is closed",
                    client->identity.id, (int)client->identity.pid, (int)client->identity.uid, seconds);
    return !stalled;
}

bool keepalive_tick(Client *client, int64_t now)
{
    int interval = __atomic_load_n(&client->service->limits.keepalive_interval, __ATOMIC_RELAXED);
    XdrOut *out;

    if (!still_reads(client, now))
        return false;
    if (!client->keepalive || interval <= 0
        || now - client->heard < (int64_t)interval * (client->unanswered + 1) * CLOCK_S)
        return true;
    if (!client->held_back && client->unanswered >= limit_of(client, keepalive_count)) {
        log_warning("client %" PRIu64 " (pid %d, uid %d) has not answered %u pings, its connection is closed",
                    client->identity.id, (int)client->identity.pid, (int)client->identity.uid, client->unanswered);
        return false;
    }
    client->unanswered++;
    out = io_out(client->io);
    put_message(out, KEEPALIVE_PING);
    outbox_send(client, out, 0, OUT_REPLY);
    return true;
}
