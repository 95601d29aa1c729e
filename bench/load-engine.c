/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine: threads that keep a fixed number of calls in flight on each of their connections, and time them. Set up
 * and taken down by the main thread; between engine_start() and engine_join() every connection belongs to one worker,
 * and the main thread reads nothing but the atomic counters. No locks. A worker waits in epoll only: it reads what is
 * there with one recv, answers all of it with one send. */
#include "load-engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { IN_SIZE = 65536, SCRATCH_SIZE = 262144, PEEK = 512, PATIENCE_S = 30 };

typedef struct Conn {
    /* fixed */
    Slot *slots;
    uint32_t slot_count;
    /* owned by the worker */
    Link link;                      /* its fd is -1: lost */
    const Way *way;
    uint8_t *in;
    size_t have;                    /* bytes in @in */
    uint64_t missing;               /* bytes of a long frame still to come; its beginning is in @peek */
    FrameHead head;                 /* of the long frame */
    uint8_t peek[PEEK];
    Out out;
} Conn;

typedef struct Worker {
    /* fixed once started */
    pthread_t thread;
    Engine *engine;
    GPtrArray *conns;
    double pace_ms;
    /* owned by the worker */
    int epoll;
    uint32_t waiting;               /* calls without an answer yet */
    Stats stats[GROUPS];
    uint8_t *scratch;
    /* atomic, written by the worker only */
    _Atomic uint64_t calls[GROUPS];
} Worker;

struct Engine {
    const Target *target;
    const char *prefix;
    uint32_t fill_limit;
    uint32_t slot_count;
    GPtrArray *workers;
    Window window;
    Stats sum[GROUPS];
};

static void count_error(Worker *worker, unsigned group, char *why)
{
    Stats *stats = &worker->stats[group];

    stats->errors++;
    if (stats->first_error)
        g_free(why);
    else
        stats->first_error = why;
}

/* The connection is gone: whatever waited on it has failed. */
static void lose(Worker *worker, Conn *conn, const char *why)
{
    for (uint32_t i = 0; i < conn->slot_count; i++) {
        if (!conn->slots[i].waiting)
            continue;
        conn->slots[i].waiting = false;
        worker->waiting--;
        count_error(worker, conn->slots[i].group, g_strdup(why));
    }
    link_close(&conn->link);
}

static void watch(Worker *worker, Conn *conn)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };

    if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, conn->link.fd, &event) < 0)
        fail("epoll_ctl: %s", g_strerror(errno));
}

static bool begins_call(const Slot *slot)
{
    return slot->load->steps <= 1 || slot->turn % slot->load->steps == 0;
}

/* Puts the slot's next request into the connection's buffer; its time of sending is set when that is sent. */
static void ask(Worker *worker, Conn *conn, Slot *slot)
{
    uint32_t serial = (uint32_t)(slot - conn->slots) | (slot->turn << 12);
    size_t begin = frame_begin(&conn->out, 0, serial);
    uint32_t procedure = slot->load->encode(slot, &conn->out);

    if (procedure == 0) {
        conn->out.len = begin;
        return;
    }
    put32(conn->out.data + begin + 12, procedure);
    frame_end(&conn->out, begin);
    if (begins_call(slot))
        slot->sent = 0;
    slot->serial = serial;
    slot->procedure = procedure;
    slot->turn++;
    slot->waiting = true;
    worker->waiting++;
}

/* Sends what ask() has gathered. */
static void flush_conn(Worker *worker, Conn *conn)
{
    if (conn->out.len == 0 || conn->link.fd < 0)
        return;
    int64_t now = now_ns();
    for (uint32_t i = 0; i < conn->slot_count; i++)
        if (conn->slots[i].waiting && conn->slots[i].sent == 0)
            conn->slots[i].sent = now;
    if (!link_send(&conn->link, &conn->out)) {
        conn->out.len = 0;
        lose(worker, conn, "the connection broke while sending");
    }
}

/* Asks again unless the window is over or the slot's time has not come. A load that is in the middle of its steps
 * goes on, so that it leaves nothing half done. */
static void ask_next(Worker *worker, Conn *conn, Slot *slot, int64_t now)
{
    if (begins_call(slot)) {
        if (now >= worker->engine->window.end)
            return;
        if (worker->pace_ms > 0 && slot->group == GROUP_MAIN && now < slot->due)
            return;
        slot->due = MAX(slot->due, now - (int64_t)(worker->pace_ms * 1e6)) + (int64_t)(worker->pace_ms * 1e6);
    }
    ask(worker, conn, slot);
}

static void reconnect(Worker *worker, Conn *conn)
{
    link_close(&conn->link);
    char *why = link_connect(&conn->link, conn->way, NULL);
    if (why) {
        count_error(worker, conn->slots[0].group, why);
        return;
    }
    watch(worker, conn);
}

static bool reply_is_right(const Slot *slot, const FrameHead *head)
{
    return head->program == WIRE_PROGRAM && head->procedure == slot->procedure && head->type == WIRE_REPLY;
}

static void count_reply(Worker *worker, Slot *slot, const FrameHead *head, const uint8_t *body, int64_t now)
{
    const Window *window = &worker->engine->window;
    size_t body_len = head->length - WIRE_HEAD;

    if (!reply_is_right(slot, head)) {
        count_error(worker, slot->group, g_strdup_printf("procedure %u type %u answers a call of procedure %u",
                                                         head->procedure, head->type, slot->procedure));
    } else if (head->status != 0) {
        count_error(worker, slot->group, wire_error_text(body, MIN(body_len, PEEK)));
    } else if (body_len < slot->load->reply_min) {
        count_error(worker, slot->group, g_strdup_printf("a reply of %zu bytes to %s", body_len, slot->load->name));
    } else if (begins_call(slot)) {
        if (slot->sent >= window->begin && slot->sent < window->end)
            hist_add(&worker->stats[slot->group].hist, now - slot->sent);
        if (now >= window->begin && now < window->end)
            atomic_store_explicit(&worker->calls[slot->group], ++worker->stats[slot->group].calls, memory_order_relaxed);
    }
}

/* One whole frame is there (or its beginning, when it is long). */
static void take_frame(Worker *worker, Conn *conn, const FrameHead *head, const uint8_t *body, int64_t now)
{
    uint32_t number = head->serial & 0xfff;

    if (head->type == WIRE_MESSAGE)
        return;
    if (number >= conn->slot_count || !conn->slots[number].waiting || conn->slots[number].serial != head->serial) {
        count_error(worker, conn->slots[0].group, g_strdup_printf("an answer to serial %u that was not asked", head->serial));
        return;
    }
    Slot *slot = &conn->slots[number];
    slot->waiting = false;
    worker->waiting--;
    count_reply(worker, slot, head, body, now);
    if (slot->load->reconnects && begins_call(slot) && now < worker->engine->window.end) {
        reconnect(worker, conn);
        if (conn->link.fd < 0)
            return;
        ask(worker, conn, slot);
        slot->sent = now;           /* the time to connect counts */
    } else {
        ask_next(worker, conn, slot, now);
    }
}

/* Takes all whole frames out of the connection's buffer; of a frame longer than the buffer keeps the beginning and lets
 * the rest be skipped. False when the bytes are not frames. */
static bool take_frames(Worker *worker, Conn *conn, int64_t now)
{
    size_t at = 0;

    while (conn->link.fd >= 0 && conn->have - at >= WIRE_HEAD) {
        FrameHead head = frame_head(conn->in + at);
        size_t there = conn->have - at;
        if (head.length < WIRE_HEAD || head.length > WIRE_FRAME_MAX)
            return false;
        if (head.length <= there) {
            take_frame(worker, conn, &head, conn->in + at + WIRE_HEAD, now);
            at += head.length;
        } else if (head.length > IN_SIZE && there >= WIRE_HEAD + PEEK) {
            conn->head = head;
            memcpy(conn->peek, conn->in + at + WIRE_HEAD, PEEK);
            conn->missing = head.length - there;
            at = conn->have;
        } else {
            break;
        }
    }
    if (conn->link.fd >= 0 && at <= conn->have) {
        conn->have -= at;
        memmove(conn->in, conn->in + at, conn->have);
    }
    return true;
}

/* One receive. False when there was nothing, or the connection is lost. */
static bool read_once(Worker *worker, Conn *conn)
{
    bool skipping = conn->missing > 0;
    void *to = skipping ? worker->scratch : conn->in + conn->have;
    size_t room = skipping ? MIN(conn->missing, SCRATCH_SIZE) : IN_SIZE - conn->have;
    ssize_t n = link_receive(&conn->link, to, room);
    int64_t now = now_ns();

    if (n == 0)
        return false;
    if (n < 0) {
        lose(worker, conn, "the server closed the connection");
        return false;
    }
    if (skipping) {
        conn->missing -= (uint64_t)n;
        if (conn->missing == 0)
            take_frame(worker, conn, &conn->head, conn->peek, now);
    } else {
        conn->have += (size_t)n;
        if (!take_frames(worker, conn, now))
            lose(worker, conn, "the server sent a frame of an impossible length");
    }
    return conn->link.fd >= 0;
}

static void read_conn(Worker *worker, Conn *conn)
{
    if (conn->link.fd < 0)
        return;
    while (read_once(worker, conn) && link_has_more(&conn->link))
        continue;
    flush_conn(worker, conn);
}

/* Starts the paced calls whose time has come. Returns how many ms there are until the next. */
static int ask_due(Worker *worker, int64_t now)
{
    int64_t next = now + 50 * 1000000;

    for (guint i = 0; i < worker->conns->len && worker->pace_ms > 0; i++) {
        Conn *conn = g_ptr_array_index(worker->conns, i);
        for (uint32_t j = 0; j < conn->slot_count && conn->link.fd >= 0; j++) {
            Slot *slot = &conn->slots[j];
            if (slot->waiting || slot->group != GROUP_MAIN)
                continue;
            if (slot->due <= now)
                ask_next(worker, conn, slot, now);
            else
                next = MIN(next, slot->due);
        }
        flush_conn(worker, conn);
    }
    return (int)((next - now + 999999) / 1000000);
}

/* A paced caller stands for one with a host of its own: it doesn't wait for the processors that the load of other clients
 * uses here. Without the right to that it waits, which shows in the latencies of any server alike. */
static void be_prompt(void)
{
    const struct sched_param first = { .sched_priority = 1 };

    (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
}

static void *worker_main(void *data)
{
    Worker *worker = data;
    const Window *window = &worker->engine->window;
    struct epoll_event events[64];

    if (worker->pace_ms > 0)
        be_prompt();
    for (guint i = 0; i < worker->conns->len; i++) {
        Conn *conn = g_ptr_array_index(worker->conns, i);
        for (uint32_t j = 0; j < conn->slot_count; j++)
            ask_next(worker, conn, &conn->slots[j], now_ns());
        flush_conn(worker, conn);
    }
    for (;;) {
        int64_t now = now_ns();
        if ((now >= window->end || worker->pace_ms == 0) && worker->waiting == 0)
            break;
        if (now > window->end && now - window->end > (int64_t)PATIENCE_S * 1000000000)
            break;
        int n = epoll_wait(worker->epoll, events, G_N_ELEMENTS(events), now < window->end ? ask_due(worker, now) : 50);
        for (int i = 0; i < n; i++)
            read_conn(worker, events[i].data.ptr);
    }
    for (guint i = 0; i < worker->conns->len; i++) {
        Conn *conn = g_ptr_array_index(worker->conns, i);
        if (conn->link.fd >= 0)
            lose(worker, conn, "no answer in 30 s");
    }
    return NULL;
}

Engine *engine_new(const Target *target, const char *prefix, uint32_t fill_limit)
{
    Engine *engine = g_new0(Engine, 1);

    engine->target = target;
    engine->prefix = prefix;
    engine->fill_limit = fill_limit;
    engine->workers = g_ptr_array_new();
    return engine;
}

static void slot_init(Engine *engine, Slot *slot, const Load *load, unsigned group)
{
    slot->load = load;
    slot->target = engine->target;
    slot->prefix = engine->prefix;
    slot->group = group;
    slot->limit = engine->fill_limit;
    slot->number = engine->slot_count++;
    slot->random = 2463534242u + slot->number * 7919;
    if (load->needs_running && engine->target->running_count == 0)
        fail("%s needs a running domain", load->name);
    if (load->needs_stopped && slot->number >= engine->target->stopped_count)
        fail("%s needs a stopped domain for every call in flight", load->name);
}

static Conn *conn_new(Engine *engine, const Plan *plan)
{
    Conn *conn = g_new0(Conn, 1);
    uint32_t slow_depth = plan->slow ? plan->slow_depth : 0;

    conn->slot_count = plan->depth + slow_depth;
    if (conn->slot_count > 0xfff)
        fail("at most %d calls in flight on one connection", 0xfff);
    conn->slots = g_new0(Slot, conn->slot_count);
    for (uint32_t i = 0; i < slow_depth; i++)
        slot_init(engine, &conn->slots[i], plan->slow, GROUP_SLOW);
    for (uint32_t i = 0; i < plan->depth; i++)
        slot_init(engine, &conn->slots[slow_depth + i], plan->load, plan->group);
    conn->in = g_malloc(IN_SIZE);
    conn->way = plan->way;
    char *why = link_connect(&conn->link, plan->way, NULL);
    if (!why && !plan->load->reconnects)
        why = link_open(&conn->link, engine->target->uri);
    if (why)
        fail("a connection of the load: %s", why);
    return conn;
}

void engine_add(Engine *engine, const Plan *plan)
{
    guint first = engine->workers->len;
    uint32_t threads = MIN(MAX(plan->threads, 1), plan->connections);

    if (plan->load->reconnects && (plan->depth != 1 || plan->slow))
        fail("%s does one call at a time on a connection", plan->load->name);
    for (uint32_t i = 0; i < threads; i++) {
        Worker *worker = g_new0(Worker, 1);
        worker->engine = engine;
        worker->conns = g_ptr_array_new();
        worker->pace_ms = plan->pace_ms;
        worker->scratch = g_malloc(SCRATCH_SIZE);
        worker->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (worker->epoll < 0)
            fail("epoll_create1: %s", g_strerror(errno));
        g_ptr_array_add(engine->workers, worker);
    }
    for (uint32_t i = 0; i < plan->connections; i++) {
        Worker *worker = g_ptr_array_index(engine->workers, first + i % threads);
        Conn *conn = conn_new(engine, plan);
        g_ptr_array_add(worker->conns, conn);
        watch(worker, conn);
    }
}

void engine_start(Engine *engine, Window window)
{
    engine->window = window;
    for (guint i = 0; i < engine->workers->len; i++) {
        Worker *worker = g_ptr_array_index(engine->workers, i);
        for (guint j = 0; j < worker->conns->len; j++) {
            Conn *conn = g_ptr_array_index(worker->conns, j);
            for (uint32_t k = 0; k < conn->slot_count; k++)
                conn->slots[k].stride = engine->slot_count;
        }
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
            fail("cannot create a thread");
    }
}

uint64_t engine_calls(Engine *engine, unsigned group)
{
    uint64_t sum = 0;

    for (guint i = 0; i < engine->workers->len; i++) {
        Worker *worker = g_ptr_array_index(engine->workers, i);
        sum += atomic_load_explicit(&worker->calls[group], memory_order_relaxed);
    }
    return sum;
}

void engine_join(Engine *engine)
{
    for (guint i = 0; i < engine->workers->len; i++) {
        Worker *worker = g_ptr_array_index(engine->workers, i);
        pthread_join(worker->thread, NULL);
        for (unsigned group = 0; group < GROUPS; group++) {
            Stats *sum = &engine->sum[group], *part = &worker->stats[group];
            sum->calls += part->calls;
            sum->errors += part->errors;
            hist_merge(&sum->hist, &part->hist);
            if (!sum->first_error)
                sum->first_error = g_strdup(part->first_error);
        }
    }
}

void engine_undo(Engine *engine, int fd)
{
    for (guint i = 0; i < engine->workers->len; i++) {
        Worker *worker = g_ptr_array_index(engine->workers, i);
        for (guint j = 0; j < worker->conns->len; j++) {
            Conn *conn = g_ptr_array_index(worker->conns, j);
            for (uint32_t k = 0; k < conn->slot_count; k++)
                if (conn->slots[k].load->undo)
                    conn->slots[k].load->undo(&conn->slots[k], fd);
        }
    }
}

const Stats *engine_stats(Engine *engine, unsigned group)
{
    return &engine->sum[group];
}

static void conn_free(Conn *conn)
{
    link_close(&conn->link);
    out_clear(&conn->out);
    g_free(conn->in);
    g_free(conn->slots);
    g_free(conn);
}

void engine_free(Engine *engine)
{
    for (guint i = 0; i < engine->workers->len; i++) {
        Worker *worker = g_ptr_array_index(engine->workers, i);
        for (guint j = 0; j < worker->conns->len; j++)
            conn_free(g_ptr_array_index(worker->conns, j));
        close(worker->epoll);
        g_ptr_array_unref(worker->conns);
        g_free(worker->scratch);
        for (unsigned group = 0; group < GROUPS; group++)
            g_free(worker->stats[group].first_error);
        g_free(worker);
    }
    for (unsigned group = 0; group < GROUPS; group++)
        g_free(engine->sum[group].first_error);
    g_ptr_array_unref(engine->workers);
    g_free(engine);
}
