/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames on their way out of one client. Whoever made a frame writes it when the socket takes it;
 * what it doesn't take waits here, and the client's I/O thread goes on when epoll says so.
 * Takes LOCK_OUTBOX, inside it LOCK_IO_INBOX. The socket never blocks, so writing under the lock
 * waits for nobody; the lock keeps frames whole and in order.
 * What a client may leave unread is bounded: too many bytes of events end its connection here, too
 * many of replies stop admit.c from taking more calls. */
#include "rpc/io-private.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

LOG_SOURCE("rpc.outbox");

/* What a waiting descriptor counts for, so that the limits on bytes bound descriptors too. */
enum { FD_COST = 4096 };

/* Bytes in a socket, unread, that would hold up a quick answer. */
enum { PIPE_BUSY = 16384 };

/* Bytes that wait, and after them descriptors with a carrier byte each. */
struct OutItem {
    OutItem *next;
    OutKind kind;
    uint8_t *data;        /* from malloc */
    size_t at, size, cost;
    int64_t since;        /* clock_now() */
    uint32_t *answers;    /* which calls' answers are in it, for measure_written; NULL: none */
    unsigned n_fds, next_fd;
    int fds[];
};

static void item_free(OutItem *item)
{
    for (unsigned i = item->next_fd; i < item->n_fds; i++)
        close(item->fds[i]);
    free(item->data);
    g_free(item->answers);
    g_free(item);
}

/* Bytes sent, 0 when the socket is full, -1 when the connection is broken. */
static ssize_t send_bytes(Client *client, const uint8_t *data, size_t size)
{
    Transport *transport = client->transport;

    return transport ? transport->ops->send(transport, client->fd, data, size) : transport_write(client->fd, data, size);
}

static int send_fd(int socket_fd, int fd)
{
    char zero = 0;
    struct iovec carrier = { &zero, 1 };
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct msghdr message = {
        .msg_iov = &carrier, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space,
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    ssize_t n;

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    do
        n = sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -1;
    return 1;
}

/* 1: all of it is out; 0: the socket is full; -1: broken. */
static int item_send(Client *client, OutItem *item)
{
    while (item->at < item->size) {
        ssize_t n = send_bytes(client, item->data + item->at, item->size - item->at);

        if (n <= 0)
            return (int)n;
        item->at += (size_t)n;
    }
    while (item->next_fd < item->n_fds) {
        int r = send_fd(client->fd, item->fds[item->next_fd]);

        if (r <= 0)
            return r;
        close(item->fds[item->next_fd++]);
    }
    return 1;
}

static void set_event_bytes(Client *client, size_t bytes)
{
    __atomic_store_n(&client->out_event_bytes, bytes, __ATOMIC_RELAXED);
}

static void forget_all(Client *client)
{
    while (client->out_first) {
        OutItem *item = client->out_first;

        client->out_first = item->next;
        item_free(item);
    }
    client->out_last = NULL;
    __atomic_store_n(&client->out_bytes, 0, __ATOMIC_RELAXED);
    set_event_bytes(client, 0);
    client->out_bulk = 0;
}

/* An answer goes before bulk ones of which nothing has left yet; all else keeps its order. */
static void insert_item(Client *client, OutItem *item)
{
    OutItem **at;

    if (item->kind == OUT_REPLY && client->out_bulk > 0) {
        for (at = &client->out_first; *at; at = &(*at)->next)
            if ((*at)->kind == OUT_BULK && *at != client->out_first)
                break;
    } else {
        at = client->out_last ? &client->out_last->next : &client->out_first;
    }
    item->next = *at;
    *at = item;
    if (!item->next)
        client->out_last = item;
    client->out_bulk += item->kind == OUT_BULK;
}

static void queue_item(Client *client, OutItem *item)
{
    item->cost = sizeof *item + (item->size - item->at) + (size_t)item->n_fds * FD_COST;
    item->since = clock_now();
    if (!client->out_first) {
        client->out_stalled = item->since;
        if (!client->writing)
            io_watch(client, client->reading, true);
    }
    insert_item(client, item);
    __atomic_store_n(&client->out_bytes, client->out_bytes + item->cost, __ATOMIC_RELAXED);
    if (item->kind == OUT_EVENT)
        set_event_bytes(client, client->out_event_bytes + item->cost);
}

/* Takes the buffer itself when most of it waits and it is malloc's, else a copy. */
static OutItem *item_new(Client *client, XdrOut *out, size_t from, size_t sent, OutKind kind, const int *fds,
                         unsigned n_fds)
{
    OutItem *item = g_malloc0(sizeof *item + n_fds * sizeof(int));
    size_t rest = out->size - from - sent;

    if (kind != OUT_EVENT)
        item->answers = measure_answers(client->service->rpc->measure, out->data + from, out->size - from, sent);
    item->kind = kind;
    item->n_fds = n_fds;
    if (n_fds)
        memcpy(item->fds, fds, n_fds * sizeof(int));
    if (!out->lent && from == 0 && rest >= 65536 && rest >= out->size / 2) {
        item->data = g_realloc(out->data, out->size);
        item->at = sent;
        item->size = out->size;
        xdr_out_init(out, NULL, 0);
    } else {
        item->data = g_malloc(MAX(rest, 1));
        memcpy(item->data, out->data + from + sent, rest);
        item->size = rest;
    }
    return item;
}

/* True when events have piled up beyond the limit. */
static bool too_many_events(Client *client)
{
    return client->out_event_bytes > limit_of(client, max_client_events);
}

/* After a bulk answer: epoll tells when the client has read most of it, and only then the next one is made, so
 * that quick answers find the way free. */
static void watch_reader(Client *client)
{
    int unread = 0;

    if (!client->writing && ioctl(client->fd, SIOCOUTQ, &unread) == 0 && unread > PIPE_BUSY)
        io_watch(client, client->reading, true);
}

static void count_flood(Client *client)
{
    Rpc *rpc = client->service->rpc;

    __atomic_add_fetch(&rpc->floods, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&rpc->event_bytes_lost, client->out_event_bytes, __ATOMIC_RELAXED);
}

static void send_locked(Client *client, XdrOut *out, size_t from, OutKind kind, const int *fds, unsigned n_fds,
                        bool *broken, bool *flooded)
{
    size_t size = out->size - from;
    ssize_t sent = 0;
    unsigned fd_done = 0;

    if (!client->out_first) {
        sent = send_bytes(client, out->data + from, size);
        while (sent == (ssize_t)size && fd_done < n_fds) {
            int r = send_fd(client->fd, fds[fd_done]);

            if (r < 0)
                sent = -1;
            if (r <= 0)
                break;
            close(fds[fd_done++]);
        }
    }
    if (sent < 0) {
        *broken = client->deaf = true;
        for (unsigned i = fd_done; i < n_fds; i++)
            close(fds[i]);
        forget_all(client);
        return;
    }
    if ((size_t)sent == size && fd_done == n_fds) {
        if (kind == OUT_BULK)
            watch_reader(client);
        return;
    }
    queue_item(client, item_new(client, out, from, (size_t)sent, kind, n_fds ? fds + fd_done : NULL, n_fds - fd_done));
    if (kind == OUT_EVENT && too_many_events(client)) {
        *flooded = client->deaf = true;
        count_flood(client);
        forget_all(client);
    }
}

static void send_any(Client *client, XdrOut *out, size_t from, OutKind kind, const int *fds, unsigned n_fds)
{
    bool broken = false, flooded = false;

    lock_acquire(&client->out_lock);
    if (client->fd < 0 || client->deaf) {
        for (unsigned i = 0; i < n_fds; i++)
            close(fds[i]);
    } else if (out->size > from) {
        __atomic_add_fetch(&client->use.bytes_out, out->size - from, __ATOMIC_RELAXED);
        send_locked(client, out, from, kind, fds, n_fds, &broken, &flooded);
    }
    lock_release(&client->out_lock);
    if (out->data)
        out->size = from;
    if (flooded)
        log_warning("client %" PRIu64 " (pid %d, uid %d) does not read its events: more than %u bytes wait, "
                    "its connection is closed", client->identity.id, (int)client->identity.pid,
                    (int)client->identity.uid, limit_of(client, max_client_events));
    if (broken || flooded)
        io_wish(client, WISH_CLOSE);
}

void outbox_send(Client *client, XdrOut *out, size_t from, OutKind kind)
{
    send_any(client, out, from, kind, NULL, 0);
}

void outbox_send_fds(Client *client, XdrOut *out, size_t from, const int *fds, unsigned n_fds)
{
    send_any(client, out, from, OUT_REPLY, fds, n_fds);
}

bool outbox_flush(Client *client)
{
    bool good = true, empty;

    lock_acquire(&client->out_lock);
    while (client->out_first && good) {
        OutItem *item = client->out_first;
        size_t before = item->at;
        int r = item_send(client, item);

        if (item->at > before || r > 0)
            client->out_stalled = clock_now();
        if (r < 0)
            good = false;
        if (r <= 0)
            break;
        client->out_first = item->next;
        if (!client->out_first)
            client->out_last = NULL;
        __atomic_store_n(&client->out_bytes, client->out_bytes - item->cost, __ATOMIC_RELAXED);
        if (item->kind == OUT_EVENT)
            set_event_bytes(client, client->out_event_bytes - item->cost);
        client->out_bulk -= item->kind == OUT_BULK;
        if (item->answers)
            call_unread(client, item->answers, client->out_stalled - item->since);
        item_free(item);
    }
    empty = !client->out_first;
    if (empty && client->writing)
        io_watch(client, client->reading, false);
    if (empty && client->close_when_empty)
        good = false;
    lock_release(&client->out_lock);
    return good;
}

bool outbox_congested(Client *client)
{
    return __atomic_load_n(&client->writing, __ATOMIC_RELAXED);
}

size_t outbox_event_size(Client *client)
{
    return __atomic_load_n(&client->out_event_bytes, __ATOMIC_RELAXED);
}

size_t outbox_size(Client *client)
{
    return __atomic_load_n(&client->out_bytes, __ATOMIC_RELAXED);
}

void outbox_set_reading(Client *client, bool reading)
{
    lock_acquire(&client->out_lock);
    if (client->fd >= 0 && client->reading != reading)
        io_watch(client, reading, client->writing);
    lock_release(&client->out_lock);
}

void outbox_close(Client *client)
{
    lock_acquire(&client->out_lock);
    forget_all(client);
    if (client->fd >= 0) {
        /* a child that is just being forked may hold the socket open; its events would come for freed memory */
        epoll_ctl(io_epoll_fd(client->io), EPOLL_CTL_DEL, client->fd, NULL);
        if (client->login_busy)
            shutdown(client->fd, SHUT_RDWR);    /* a worker uses it: the last reference closes it */
        else
            close(client->fd);
    }
    client->fd = -1;
    __atomic_store_n(&client->writing, false, __ATOMIC_RELAXED);    /* bulk calls of it may end */
    lock_release(&client->out_lock);
}
