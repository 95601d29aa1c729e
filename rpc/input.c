/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes on their way in from one client: they are received, whole frames are handed to admit.c, and what is incomplete
 * or has to wait for room is held. Memory grows with what has really come, never with what a frame announces.
 *
 * For io.c, on the client's I/O thread alone; all that is kept are members of Client that this thread owns. Never waits.
 * Takes no lock but those that admit.c, outbox.c and io_wish take, one at a time. */
#include "rpc/io-private.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

LOG_SOURCE("rpc.input");

/* No call of a login needs more: SASL's data are 65,536 characters at most, each of them four bytes on the wire. */
enum { FRAME_BEFORE_LOGIN_MAX = 524288 };

void input_send_answers(Client *client)
{
    XdrOut *out = io_out(client->io);

    if (out->size)
        outbox_send(client, out, 0, OUT_REPLY);
    if (out->capacity > 4 * IO_INPUT_SIZE) {
        xdr_out_deinit(out);
        xdr_out_init(out, NULL, 0);
    }
}

/* Keeps what could not be used yet. `data` may lie inside client->held. */
static void hold(Client *client, const uint8_t *data, size_t size)
{
    if (size == 0) {
        g_clear_pointer(&client->held, g_free);
        client->held_size = client->held_capacity = 0;
        return;
    }
    if (client->held && data >= client->held && data < client->held + client->held_capacity) {
        if (data > client->held)
            memmove(client->held, data, size);
    } else {
        g_free(client->held);
        client->held_capacity = MAX(size, 256);
        client->held = g_malloc(client->held_capacity);
        memcpy(client->held, data, size);
    }
    client->held_size = size;
}

/* Descriptors may only wait for the rest of frames that announce them. */
static bool fds_are_announced(Client *client)
{
    unsigned announced = 0;

    if (G_LIKELY(client->n_fds == 0))
        return true;
    for (size_t at = 0, size = 0; at < client->held_size; at += size) {
        unsigned n_fds;
        FrameState state = frame_look(client->held + at, client->held_size - at, &size, &n_fds);

        announced += n_fds;
        if (state != FRAME_COMPLETE)
            break;
    }
    if (client->n_fds <= announced)
        return true;
    log_warning("client %" PRIu64 " sent descriptors that no message announces, its connection is closed",
                client->identity.id);
    return false;
}

/* False: the connection must be closed. */
static bool take_frames(Client *client, uint8_t *data, size_t size)
{
    ssize_t used = admit_frames(client, data, size);

    if (used < 0)
        return false;
    input_send_answers(client);
    hold(client, data + used, size - (size_t)used);
    if (client->held_back != client->unread) {
        client->unread = client->held_back;
        outbox_set_reading(client, !client->unread);
        if (!client->unread && client->transport)
            io_wish(client, WISH_READ);
    }
    return fds_are_announced(client);
}

static bool keep_fds(Client *client, struct msghdr *message)
{
    bool good = true;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        size_t n;

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (!client->fds)
            client->fds = g_new(int, FRAME_FDS_MAX);
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (n == 1 && client->n_fds < FRAME_FDS_MAX) {
                client->fds[client->n_fds++] = fd;
            } else {
                close(fd);
                good = false;
            }
        }
    }
    return good && !(message->msg_flags & MSG_CTRUNC);
}

/* > 0: bytes; 0: nothing there; -1: the connection is over. */
static ssize_t receive(Client *client, uint8_t *data, size_t room)
{
    union {
        char space[CMSG_SPACE(FRAME_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { data, room };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space,
    };
    ssize_t n;

    if (client->transport)
        return client->transport->ops->receive(client->transport, client->fd, data, room);
    n = recvmsg(client->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
    if (G_UNLIKELY(message.msg_controllen > 0 || (message.msg_flags & MSG_CTRUNC)) && !keep_fds(client, &message))
        return -1;
    return n == 0 ? -1 : n;
}

/* Whoever has proved nothing can't have us wait for, and keep, what only others may ask. */
static bool is_too_early(const Client *client, size_t frame_size)
{
    if (G_LIKELY(frame_size <= FRAME_BEFORE_LOGIN_MAX || client_authenticated(client)))
        return false;
    log_info("client %" PRIu64 "%s%s sends %zu bytes before it has logged in, its connection is closed",
             client->identity.id, *client->identity.address ? " from " : "", client->identity.address, frame_size);
    return true;
}

/* The rest of one incomplete frame goes right behind what is there; memory grows with what really came. */
static bool read_held(Client *client)
{
    size_t need;
    unsigned n_fds;
    ssize_t n;

    if (frame_look(client->held, client->held_size, &need, &n_fds) == FRAME_BROKEN || is_too_early(client, need))
        return false;
    if (need <= client->held_size)
        need = client->held_size < FRAME_HEADER_SIZE ? FRAME_HEADER_SIZE : client->held_size + FRAME_FDS_MAX;
    if (client->held_capacity - client->held_size < MIN(need - client->held_size, 4096)) {
        client->held_capacity = MIN(need, MAX(2 * client->held_capacity, 4096));
        client->held = g_realloc(client->held, client->held_capacity);
    }
    n = receive(client, client->held + client->held_size, MIN(need, client->held_capacity) - client->held_size);
    if (n <= 0)
        return n == 0;
    client->held_size += (size_t)n;
    if (frame_look(client->held, client->held_size, &need, &n_fds) == FRAME_INCOMPLETE)
        return fds_are_announced(client);
    return take_frames(client, client->held, client->held_size);
}

static bool read_rounds(Client *client)
{
    uint8_t *input = io_input(client->io);

    client->heard = io_now(client->io);
    client->unanswered = 0;
    /* A few rounds while the socket gives full buffers; then the others have their turn. */
    for (int round = 0; round < 4; round++) {
        ssize_t n;

        if (client->held_back)
            return true;
        if (client->held) {
            if (!read_held(client))
                return false;
            if (client->held)
                return true;
            continue;
        }
        n = receive(client, input, IO_INPUT_SIZE);
        if (n <= 0)
            return n == 0;
        if (!take_frames(client, input, (size_t)n))
            return false;
        if (n < IO_INPUT_SIZE)
            return true;
    }
    return true;
}

/* What the transport has left over comes in the next turn, since epoll doesn't know of it. */
bool input_read(Client *client)
{
    if (!read_rounds(client))
        return false;
    if (!client->held_back && client->transport && client->transport->ops->has_more(client->transport))
        io_wish(client, WISH_READ);
    return true;
}

bool input_look_again(Client *client)
{
    if (!client->held_back)
        return true;
    /* what it said meanwhile was not read: its silence counts from now */
    client->heard = io_now(client->io);
    client->unanswered = 0;
    return take_frames(client, client->held, client->held_size);
}
