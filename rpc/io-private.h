/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The I/O threads as rpc/rpc.c makes them, and the listening sockets that the first of them watches. */
#pragma once

#include "rpc/client-private.h"

typedef struct Listener Listener;

IoThread *io_new(Rpc *rpc);
void io_start(IoThread *io);
/* What the thread does over and over: waits, at most so long, and serves what has come. False: it is to end. Tests
 * call it instead of starting the thread. */
bool io_turn(IoThread *io, int wait_ms);
/* Joins the thread, if it was started; all its connections are closed. */
void io_stop(IoThread *io);
/* Afterwards: references that wishes and announcements have brought since then are given back. */
void io_drain(IoThread *io);
void io_free(IoThread *io);
int io_epoll_fd(IoThread *io);
/* The thread's memory for what one receive brings. */
enum { IO_INPUT_SIZE = 262144 };
uint8_t *io_input(IoThread *io);
/* Whether any of its clients hears events. Any thread. */
bool io_has_subscribers(IoThread *io);
/* One reference is taken over. */
void io_post_broadcast(IoThread *io, Broadcast *broadcast);

/* --- input.c ---------------------------------------------------------------------------------- */
/* All on the client's I/O thread. False: the connection must be closed. */
/* The socket, or the transport above it, has bytes. */
bool input_read(Client *client);
/* There may be room for frames that were held back. */
bool input_look_again(Client *client);
/* Sends the inline answers that were collected; an empty buffer that has grown large is given up. */
void input_send_answers(Client *client);

/* --- listen.c --------------------------------------------------------------------------------- */
/* Head of the first I/O thread's list; set up before the thread starts. */
Listener **io_listeners(IoThread *io);
Listener *listener_new(Service *service, int fd, bool read_only, int epoll_fd);
void listener_free(Listener *listener);
/* Whether an epoll pointer is one of these listeners. */
bool listener_owns(const Listener *listeners, const void *pointer);
/* Takes the connections that wait, as long as there is room. I/O thread. */
void listener_accept(Listener *listener);
/* Whether one waits for clients that have not logged in: it must be tried again soon. */
bool listeners_crowded(const Listener *listeners);
/* Tries again where descriptors or room had run out. I/O thread. */
void listeners_tick(Listener *listeners);
