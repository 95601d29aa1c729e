/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames as they wait in an outbox: for outbox.c, which keeps their order, and outbox-item.c, which makes and sends them. */
#pragma once

#include "rpc/client-private.h"

/* Bytes that wait, and after them descriptors with a carrier byte each. While it is being sent (`out_claimed`) the
 * members under the first heading are the sender's. */
struct OutItem {
    /* owned by who has made it, then by who sends */
    size_t at;            /* bytes that have left */
    unsigned next_fd;     /* descriptors that have left; those are closed */
    /* under LOCK_OUTBOX */
    OutItem *next;
    /* fixed once it is queued */
    OutKind kind;
    uint8_t *data;        /* from malloc; of frames that were never queued: the caller's */
    size_t size, cost;
    int64_t since;        /* clock_now() */
    uint32_t *answers;    /* which calls' answers are in it, for measure_written; NULL: none */
    unsigned n_fds;
    int *fds;
};

/* The frames out->data[from ..], of which the first item->at bytes and item->next_fd descriptors have left: the same as
 * an item that may wait. Takes the buffer itself when most of it waits and it is malloc's, else a copy; the descriptors are taken over. */
OutItem *out_item_new(Client *client, XdrOut *out, size_t from, const OutItem *item);
/* Closes what has not left. */
void out_item_free(OutItem *item);
/* Closes its descriptors that have not left. */
void out_item_close_fds(OutItem *item);
bool out_item_has_left(const OutItem *item);
/* Sends what it can of so many items: 1, all has left; 0, the socket is full; -1, the connection is broken. Adds to
 * `moved` how much has left. Never waits; with no lock held, by the one who has claimed the client's outbox. */
int out_items_send(Transport *transport, int fd, OutItem *const *items, unsigned n, size_t *moved);
