/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (1) The I/O threads: each owns a share of the connections and waits for them with epoll.
 * One receive takes as many frames as are there (input.c); quick calls are served right here, and one send
 * carries all answers that are ready. An idle connection costs nothing per call.
 * Takes LOCK_IO_INBOX for what other threads want, LOCK_OUTBOX through outbox.c, LOCK_CLIENT through
 * call.c, one at a time. Never waits but in epoll_wait, never calls what may block. */
#include "rpc/io-private.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

LOG_SOURCE("rpc.io");

enum {
    SCRATCH_SIZE = 65536,       /* an inline call's arena */
    EVENTS_AT_ONCE = 64,
    TICK_MS = 1000,
    CROWD_MS = 20,              /* until a full port is looked at again */
};

struct IoThread {
    /* fixed */
    Rpc *rpc;
    GThread *thread;
    int epoll_fd, wake_fd;
    /* the thread's own */
    uint8_t *input;           /* what a receive brings; IO_INPUT_SIZE bytes */
    XdrOut out;
    Call scratch;
    Client *clients, *subscribers;
    unsigned n_subscribers;   /* relaxed atomic, others read it */
    int64_t now, next_tick;
    int64_t mark;             /* when the last inline call of this batch ended; 0: none yet */
    int64_t next_crowd;       /* when a full port is looked at again */
    Listener *listeners;      /* the first I/O thread's */
    /* under LOCK_IO_INBOX */
    Lock lock;
    Client *wish_first, *wish_last;
    GQueue broadcasts;        /* of Broadcast, one reference each */
    bool signalled, stopping, room;
};

XdrOut *io_out(IoThread *io)
{
    return &io->out;
}

uint8_t *io_input(IoThread *io)
{
    return io->input;
}

Call *io_scratch_call(IoThread *io)
{
    return &io->scratch;
}

int64_t io_now(IoThread *io)
{
    return io->now;
}

int64_t io_mark(IoThread *io)
{
    return io->mark ? io->mark : clock_now();
}

void io_set_mark(IoThread *io, int64_t now)
{
    io->mark = now;
}

/* Lets the inbox's lock go and wakes the thread, in this order: it would wait for the lock else. */
static void release_and_signal(IoThread *io)
{
    uint64_t one = 1;
    bool first = !io->signalled;

    lock_assert_held(&io->lock);
    io->signalled = true;
    lock_release(&io->lock);
    if (first && write(io->wake_fd, &one, sizeof one) < 0)
        g_assert(errno == EAGAIN);
}

void io_wish(Client *client, unsigned wishes)
{
    IoThread *io = client->io;

    lock_acquire(&io->lock);
    if (!client->wishes) {
        client_ref(client);
        client->wish_next = NULL;
        if (io->wish_last)
            io->wish_last->wish_next = client;
        else
            io->wish_first = client;
        io->wish_last = client;
    }
    client->wishes |= wishes;
    release_and_signal(io);
}

void io_room(IoThread *io)
{
    lock_acquire(&io->lock);
    io->room = true;
    release_and_signal(io);
}

void io_look(IoThread *io)
{
    lock_acquire(&io->lock);
    release_and_signal(io);
}

void io_watch(Client *client, bool reading, bool writing)
{
    struct epoll_event event = {
        .events = (reading ? EPOLLIN | EPOLLRDHUP : 0u) | (writing ? EPOLLOUT : 0u), .data.ptr = client,
    };

    lock_assert_held(&client->out_lock);
    __atomic_store_n(&client->reading, reading, __ATOMIC_RELAXED);
    __atomic_store_n(&client->writing, writing, __ATOMIC_RELAXED);
    /* not yet in the set: adopt() will add it as the flags say */
    if (epoll_ctl(client->io->epoll_fd, EPOLL_CTL_MOD, client->fd, &event) < 0 && errno != ENOENT)
        log_error("cannot change what is watched of client %" PRIu64 ": %s", client->identity.id, g_strerror(errno));
}

void io_subscribe(Client *client, bool subscribed)
{
    IoThread *io = client->io;

    if (client->subscribed == subscribed)
        return;
    client->subscribed = subscribed;
    __atomic_store_n(&io->n_subscribers, io->n_subscribers + (subscribed ? 1u : -1u), __ATOMIC_RELAXED);
    if (subscribed) {
        client->sub_prev = NULL;
        client->sub_next = io->subscribers;
        if (client->sub_next)
            client->sub_next->sub_prev = client;
        io->subscribers = client;
        return;
    }
    if (client->sub_prev)
        client->sub_prev->sub_next = client->sub_next;
    else
        io->subscribers = client->sub_next;
    if (client->sub_next)
        client->sub_next->sub_prev = client->sub_prev;
}

static void adopt(IoThread *io, Client *client)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = client };
    int r;

    client->io_next = io->clients;
    if (client->io_next)
        client->io_next->io_prev = client;
    io->clients = client;
    if (client->service->ops->client_new)
        client->service->ops->client_new(client);
    clients_add(client);
    lock_acquire(&client->out_lock);
    client->reading = true;
    if (client->writing)
        event.events |= EPOLLOUT;
    r = epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
    lock_release(&client->out_lock);
    if (r < 0) {
        log_error("cannot watch client %" PRIu64 ": %s", client->identity.id, g_strerror(errno));
        io_wish(client, WISH_CLOSE);
    }
}

/* The connection ends; its memory stays until the last call of it has. */
static void drop(IoThread *io, Client *client)
{
    if (client->closed)
        return;
    client->closed = true;
    io_subscribe(client, false);
    if (client->io_prev)
        client->io_prev->io_next = client->io_next;
    else
        io->clients = client->io_next;
    if (client->io_next)
        client->io_next->io_prev = client->io_prev;
    client_leave(client);
    io->out.size = 0;
    client_unref(client);
}

static bool write_client(IoThread *io, Client *client)
{
    if (!outbox_flush(client))
        return false;
    if (outbox_size(client) > limit_of(client, max_client_output) / 8 && outbox_await(client))
        return true;
    pool_look(io->rpc->pool);
    if (!input_look_again(client))
        return false;
    if (client->streams)
        stream_pump(client);    /* after the calls: streams could keep the socket full for ever */
    return true;
}

static void serve_event(IoThread *io, const struct epoll_event *event)
{
    Client *client = event->data.ptr;
    bool good = true;

    if (G_UNLIKELY(client->stage == LOGIN_HANDSHAKE)) {
        if (!client->closed && !login_wake(client, event->events))
            drop(io, client);
        return;
    }
    client_ref(client);
    if (!client->closed && (event->events & EPOLLOUT))
        good = write_client(io, client);
    if (good && !client->closed && (event->events & (EPOLLIN | EPOLLRDHUP)))
        good = input_read(client);
    if (event->events & (EPOLLERR | EPOLLHUP) && !(event->events & EPOLLIN))
        good = false;
    if (!good) {
        input_send_answers(client);    /* answers to what came before the end */
        drop(io, client);
    }
    client_unref(client);
}

static void grant_wishes(IoThread *io, Client *client, unsigned wishes)
{
    bool good = !(wishes & WISH_CLOSE);

    if (wishes & WISH_ADOPT)
        adopt(io, client);
    if (!client->closed && good) {
        if (wishes & WISH_LOGIN)
            good = login_continue(client);
        if (good && wishes & WISH_SENT)
            good = write_client(io, client);
        if (good && wishes & WISH_STREAM)
            stream_pump(client);
        if (good && wishes & WISH_LOOK)
            good = input_look_again(client);
        if (good && wishes & WISH_READ && client->stage != LOGIN_HANDSHAKE)
            good = input_read(client);
        if (good && wishes & WISH_END && !outbox_await(client))
            good = false;
    }
    if (!good) {
        input_send_answers(client);
        drop(io, client);
    }
    client_unref(client);
}

/* Announcements go to each subscriber with one send, however many there are. */
static void deliver(IoThread *io, GQueue *broadcasts)
{
    Client *next;
    Broadcast *broadcast;

    for (Client *client = io->subscribers; client; client = next) {
        next = client->sub_next;
        for (GList *item = broadcasts->head; item; item = item->next) {
            broadcast = item->data;
            broadcast->append(broadcast, client, &io->out);
            if (G_UNLIKELY(io->out.size >= IO_INPUT_SIZE))
                outbox_send(client, &io->out, 0, OUT_EVENT);
        }
        if (io->out.size)
            outbox_send(client, &io->out, 0, OUT_EVENT);
    }
    while ((broadcast = g_queue_pop_head(broadcasts)))
        if (__atomic_sub_fetch(&broadcast->refs, 1, __ATOMIC_ACQ_REL) == 0)
            broadcast->free(broadcast);
}

static bool serve_inbox(IoThread *io)
{
    uint64_t count;
    Client *client;
    GQueue broadcasts;
    bool stopping, room;

    if (read(io->wake_fd, &count, sizeof count) < 0)
        g_assert(errno == EAGAIN);
    lock_acquire(&io->lock);
    io->signalled = false;
    client = io->wish_first;
    io->wish_first = io->wish_last = NULL;
    broadcasts = io->broadcasts;
    g_queue_init(&io->broadcasts);
    stopping = io->stopping;
    room = io->room;
    io->room = false;
    lock_release(&io->lock);
    if (room)
        listeners_tick(io->listeners);
    deliver(io, &broadcasts);
    while (client) {
        Client *next;
        unsigned wishes;

        lock_acquire(&io->lock);
        next = client->wish_next;
        wishes = client->wishes;
        client->wishes = 0;
        lock_release(&io->lock);
        grant_wishes(io, client, wishes);
        client = next;
    }
    return !stopping;
}

/* Once a second: keepalive, and clients that have stopped reading. */
static void tick(IoThread *io)
{
    Client *next;

    for (Client *client = io->clients; client; client = next) {
        next = client->io_next;
        if (!login_tick(client, io->now) || !keepalive_tick(client, io->now))
            drop(io, client);
    }
    listeners_tick(io->listeners);
    pool_look(io->rpc->pool);    /* a thread could perhaps not be started before */
    io->next_tick = io->now + TICK_MS * CLOCK_MS;
}

bool io_turn(IoThread *io, int wait_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(io->epoll_fd, events, EVENTS_AT_ONCE, wait_ms);
    bool inbox = false, running = true;

    io->now = clock_now();
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == io)
            inbox = true;
        else if (listener_owns(io->listeners, events[i].data.ptr))
            listener_accept(events[i].data.ptr);
        else
            serve_event(io, &events[i]);
        lock_assert_none();
    }
    if (inbox)
        running = serve_inbox(io);
    if (G_UNLIKELY(listeners_crowded(io->listeners)) && io->now >= io->next_crowd) {
        listeners_tick(io->listeners);
        io->next_crowd = io->now + CROWD_MS * CLOCK_MS;
    }
    if (G_UNLIKELY(pool_is_held(io->rpc->pool)))
        pool_unstick(io->rpc->pool, io->now);
    if (io->now >= io->next_tick)
        tick(io);
    return running;
}

static int until_tick(const IoThread *io)
{
    int most = G_UNLIKELY(listeners_crowded(io->listeners)) ? CROWD_MS : TICK_MS;

    if (G_UNLIKELY(pool_is_held(io->rpc->pool)))
        most = POOL_LOOK_MS;
    return (int)CLAMP((io->next_tick - io->now + CLOCK_MS - 1) / CLOCK_MS, 0, most);
}

static void *io_main(void *data)
{
    IoThread *io = data;

    measure_thread_begin(io->rpc->measure);
    while (io_turn(io, until_tick(io)))
        continue;
    while (io->clients)
        drop(io, io->clients);
    measure_thread_end(io->rpc->measure);
    return NULL;
}

IoThread *io_new(Rpc *rpc)
{
    IoThread *io = g_new0(IoThread, 1);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = io };

    io->rpc = rpc;
    io->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    io->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (io->epoll_fd < 0 || io->wake_fd < 0 || epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, io->wake_fd, &event) < 0)
        g_error("cannot set up an I/O thread: %s", g_strerror(errno));
    io->input = g_malloc(IO_INPUT_SIZE);
    arena_init(&io->scratch.arena, g_malloc(SCRATCH_SIZE), SCRATCH_SIZE);
    io->scratch.error = (Error)ERROR_INIT;
    xdr_out_init(&io->out, NULL, 0);
    lock_init(&io->lock, LOCK_IO_INBOX);
    g_queue_init(&io->broadcasts);
    io->now = clock_now();
    return io;
}

void io_start(IoThread *io)
{
    io->thread = g_thread_new("io", io_main, io);
}

void io_stop(IoThread *io)
{
    lock_acquire(&io->lock);
    io->stopping = true;
    release_and_signal(io);
    if (io->thread)    /* it never ran when the server could not start */
        g_thread_join(io->thread);
    io->thread = NULL;
    io_drain(io);
}

void io_drain(IoThread *io)
{
    serve_inbox(io);
    while (io->clients)
        drop(io, io->clients);
}

void io_free(IoThread *io)
{
    arena_reset(&io->scratch.arena);
    g_free(io->scratch.arena.first);
    xdr_out_deinit(&io->out);
    g_free(io->input);
    lock_deinit(&io->lock);
    close(io->epoll_fd);
    close(io->wake_fd);
    g_free(io);
}

Listener **io_listeners(IoThread *io)
{
    return &io->listeners;
}

int io_epoll_fd(IoThread *io)
{
    return io->epoll_fd;
}

bool io_has_subscribers(IoThread *io)
{
    return __atomic_load_n(&io->n_subscribers, __ATOMIC_RELAXED) > 0;
}

void io_post_broadcast(IoThread *io, Broadcast *broadcast)
{
    lock_acquire(&io->lock);
    g_queue_push_tail(&io->broadcasts, broadcast);
    release_and_signal(io);
}
