/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that wait to leave a client, and their way into its socket: bytes of many items with one system call, descriptors
 * one by one behind theirs. Takes no lock (LOCK_TRANSPORT in an encrypted connection's send); whoever calls has claimed the outbox. */
#include "rpc/outbox-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a waiting descriptor counts for, so that the limits on bytes bound descriptors too. */
enum { FD_COST = 4096 };

/* Items whose bytes one system call takes. */
enum { PARTS_MOST = 64 };

void out_item_close_fds(OutItem *item)
{
    while (item->next_fd < item->n_fds)
        close(item->fds[item->next_fd++]);
}

void out_item_free(OutItem *item)
{
    out_item_close_fds(item);
    free(item->data);
    g_free(item->answers);
    g_free(item);
}

bool out_item_has_left(const OutItem *item)
{
    return item->at == item->size && item->next_fd == item->n_fds;
}

OutItem *out_item_new(Client *client, XdrOut *out, size_t from, const OutItem *item)
{
    unsigned n_fds = item->n_fds - item->next_fd;
    OutItem *made = g_malloc0(sizeof *made + n_fds * sizeof(int));
    size_t size = out->size - from, rest = size - item->at;

    if (item->kind != OUT_EVENT)
        made->answers = measure_answers(client->service->rpc->measure, out->data + from, size, item->at);
    made->kind = item->kind;
    made->n_fds = n_fds;
    made->fds = (int *)(made + 1);
    if (n_fds)
        memcpy(made->fds, item->fds + item->next_fd, n_fds * sizeof(int));
    if (!out->lent && from == 0 && rest >= 65536 && rest >= out->size / 2) {
        made->data = g_realloc(out->data, out->size);
        made->at = item->at;
        made->size = out->size;
        xdr_out_init(out, NULL, 0);
    } else {
        made->data = g_malloc(MAX(rest, 1));
        memcpy(made->data, out->data + from + item->at, rest);
        made->size = rest;
    }
    made->cost = sizeof *made + rest + (size_t)n_fds * FD_COST;
    return made;
}

/* 1: it has left; 0: the socket is full; -1: broken. */
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
        return transport_is_full() ? 0 : -1;
    return 1;
}

static int send_fds(int fd, OutItem *item, size_t *moved)
{
    while (item->next_fd < item->n_fds) {
        int r = send_fd(fd, item->fds[item->next_fd]);

        if (r <= 0)
            return r;
        close(item->fds[item->next_fd++]);
        *moved += 1;
    }
    return 1;
}

/* An encrypted connection takes them one by one: what it has not sent must be given again as it was. */
static ssize_t send_encrypted(Transport *transport, int fd, const OutItem *item)
{
    return transport->ops->send(transport, fd, item->data + item->at, item->size - item->at);
}

/* The bytes of the first items, up to one with descriptors: > 0; 0: the socket is full; -1: broken. */
static ssize_t send_parts(int fd, OutItem *const *items, unsigned n)
{
    struct iovec parts[PARTS_MOST];
    struct msghdr message = { .msg_iov = parts };
    ssize_t sent;

    for (unsigned i = 0; i < n && i < PARTS_MOST; i++) {
        parts[i] = (struct iovec){ items[i]->data + items[i]->at, items[i]->size - items[i]->at };
        message.msg_iovlen = i + 1;
        if (items[i]->n_fds)
            break;
    }
    if (message.msg_iovlen == 1)
        return transport_write(fd, parts[0].iov_base, parts[0].iov_len);
    do
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return transport_is_full() ? 0 : -1;
    return sent;
}

int out_items_send(Transport *transport, int fd, OutItem *const *items, unsigned n, size_t *moved)
{
    unsigned first = 0;

    while (first < n) {
        OutItem *item = items[first];
        ssize_t sent;
        int r;

        if (item->at == item->size) {
            r = send_fds(fd, item, moved);
            if (r <= 0)
                return r;
            first++;
            continue;
        }
        sent = transport ? send_encrypted(transport, fd, item) : send_parts(fd, items + first, n - first);
        if (sent <= 0)
            return (int)sent;
        *moved += (size_t)sent;
        for (unsigned i = first; sent > 0; i++) {
            size_t part = MIN((size_t)sent, items[i]->size - items[i]->at);

            items[i]->at += part;
            sent -= (ssize_t)part;
        }
        while (first < n && items[first]->at == items[first]->size && items[first]->n_fds == 0)
            first++;
    }
    return 1;
}
