/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What leaves one client: partial writes, order, what waits for clients that don't read, and the limits on it.
 * The test's thread makes the turns, so that it sees what waits. */
#include "rpc-fixture.h"

#include <sys/socket.h>

#include "base/log.h"

enum { OUTPUT_LIMIT = 524288, EVENT_LIMIT = 1048576 };

/* Answers that fill the socket and leave something in the outbox. */
static void fill_socket(Fixture *f, int fd)
{
    fixture_call_with(f, fd, DO_BIG, 1000, 400000);
    WAIT_UNTIL(f, outbox_size(f->newest) > 0);
}

static void expect_filler(Fixture *f, int fd)
{
    fixture_expect(f, fd, FRAME_REPLY, 1000, FRAME_OK);
    g_assert_cmpuint(f->payload_size, ==, 400000);
}

static void an_answer_larger_than_the_socket_arrives_whole(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    fixture_call_with(f, fd, DO_BIG, 1, 5000000);
    fixture_expect(f, fd, FRAME_REPLY, 1, FRAME_OK);
    g_assert_cmpuint(f->payload_size, ==, 5000000);
    g_assert_cmpuint(outbox_size(f->newest), ==, 0);
    close(fd);
}

static void answers_keep_their_order_behind_one_that_waits(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    fill_socket(f, fd);
    for (uint32_t serial = 1; serial <= 20; serial++)
        fixture_call(f, fd, DO_ECHO, serial);
    expect_filler(f, fd);
    for (uint32_t serial = 1; serial <= 20; serial++)
        fixture_expect_empty(f, fd, FRAME_REPLY, serial, FRAME_OK);
    close(fd);
}

static void what_was_sent_is_no_longer_counted(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    size_t before;

    fill_socket(f, fd);
    before = outbox_size(f->newest);
    g_assert_cmpuint(before, <, 400000);
    expect_filler(f, fd);
    fixture_turn(f);
    g_assert_cmpuint(outbox_size(f->newest), ==, 0);
    g_assert_null(f->newest->out_first);
    close(fd);
}

static void calls_of_a_client_that_does_not_read_are_not_taken(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    uint8_t frame[FRAME_HEADER_SIZE + 4];
    unsigned sent = 0;

    fixture_put_header(frame, sizeof frame, DO_BIG, FRAME_CALL, 1);
    xdr_store32(frame + FRAME_HEADER_SIZE, 1000);
    while (send(fd, frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof frame) {
        sent++;
        fixture_turn(f);
    }
    g_assert_true(f->newest->held_back);
    g_assert_cmpuint(outbox_size(f->newest), <=, OUTPUT_LIMIT);
    g_assert_cmpuint(outbox_size(f->newest), >, 0);
    for (unsigned i = 0; i < sent; i++)
        fixture_expect(f, fd, FRAME_REPLY, 1, FRAME_OK);
    g_assert_false(f->newest->held_back);
    close(fd);
}

static void pings_of_a_client_that_does_not_read_are_bounded_too(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    uint8_t frame[FRAME_HEADER_SIZE];

    fixture_put_header(frame, sizeof frame, 1, FRAME_MESSAGE, 0);
    xdr_store32(frame + 4, FRAME_PROGRAM_KEEPALIVE);
    fill_socket(f, fd);
    while (send(fd, frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        fixture_turn(f);
    g_assert_cmpuint(outbox_size(f->newest), <=, OUTPUT_LIMIT);
    close(fd);
}

/* --- events -------------------------------------------------------------------------------------- */

static int subscribe(Fixture *f)
{
    int fd = fixture_dial_accepted(f);

    fixture_call(f, fd, DO_SUBSCRIBE, 1);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    return fd;
}

static void expect_event(Fixture *f, int fd, uint32_t serial, size_t size)
{
    fixture_expect(f, fd, FRAME_MESSAGE, serial, FRAME_OK);
    g_assert_cmpuint(f->payload_size, ==, size);
}

static void events_come_in_the_order_of_their_announcement(Fixture *f, gconstpointer data)
{
    int fd = subscribe(f), other = subscribe(f);

    for (uint32_t i = 1; i <= 100; i++)
        fixture_announce(f, i, i);
    for (uint32_t i = 1; i <= 100; i++)
        expect_event(f, fd, i, i);
    for (uint32_t i = 1; i <= 100; i++)
        expect_event(f, other, i, i);
    close(fd);
    close(other);
}

static void who_has_not_subscribed_hears_nothing(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    fixture_announce(f, 1, 100);
    fixture_turn(f);
    fixture_call(f, fd, DO_ECHO, 2);
    fixture_expect_empty(f, fd, FRAME_REPLY, 2, FRAME_OK);
    close(fd);
}

static void who_does_not_read_events_is_closed_and_the_log_says_so(Fixture *f, gconstpointer data)
{
    int deaf = subscribe(f), fd;
    Client *client = client_ref(f->newest);
    g_autofree char *path = g_build_filename(f->dir, "log", NULL), *output = g_strdup_printf("1:file:%s", path);
    g_autofree char *text = NULL;

    g_assert_cmpint(log_set_outputs(output, NULL), ==, 0);
    fd = subscribe(f);
    for (uint32_t i = 1; i <= 200; i++) {
        fixture_announce(f, i, 10000);
        expect_event(f, fd, i, 10000);
        g_assert_cmpuint(outbox_size(client), <=, EVENT_LIMIT + 10000 + 128);
    }
    WAIT_UNTIL(f, client->closed);
    g_assert_cmpuint(outbox_size(client), ==, 0);
    client_unref(client);
    log_set_outputs("1:stderr", NULL);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "does not read its events"));
    unlink(path);
    close(deaf);
    close(fd);
}

static void many_events_at_once_are_no_reason_to_close_who_reads(Fixture *f, gconstpointer data)
{
    int fd = subscribe(f);

    for (uint32_t i = 1; i <= 60; i++)
        fixture_announce(f, i, 10000);
    for (uint32_t i = 1; i <= 60; i++)
        expect_event(f, fd, i, 10000);
    close(fd);
}

/* --- bulk answers -------------------------------------------------------------------------------- */

static void an_answer_passes_bulk_ones_of_which_nothing_has_left(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    XdrOut out;
    FrameHeader header = { .program = TEST_PROGRAM, .version = 1, .proc = DO_BULK, .type = FRAME_REPLY };

    fill_socket(f, fd);
    xdr_out_init(&out, NULL, 0);
    for (header.serial = 50; header.serial < 53; header.serial++) {
        size_t at = frame_begin(&out, &header);

        frame_end(&out, at);
        outbox_send(f->newest, &out, 0, OUT_BULK);
    }
    header.serial = 1;
    frame_end(&out, frame_begin(&out, &header));
    outbox_send(f->newest, &out, 0, OUT_REPLY);
    xdr_out_deinit(&out);
    expect_filler(f, fd);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    for (uint32_t serial = 50; serial < 53; serial++)
        fixture_expect_empty(f, fd, FRAME_REPLY, serial, FRAME_OK);
    close(fd);
}

/* --- descriptors --------------------------------------------------------------------------------- */

static void a_descriptor_follows_its_reply_with_a_byte(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    fixture_call(f, fd, DO_ECHO, 1);
    fixture_call(f, fd, DO_GIVE_FD, 2);
    fixture_call(f, fd, DO_ECHO, 3);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    fixture_expect(f, fd, FRAME_REPLY_WITH_FDS, 2, FRAME_OK);
    g_assert_cmpuint(f->payload_size, ==, 4);
    g_assert_cmpuint(xdr_load32(f->payload), ==, 1);
    close(fixture_read_fd(f, fd));
    fixture_expect_empty(f, fd, FRAME_REPLY, 3, FRAME_OK);
    close(fd);
}

static void descriptors_that_wait_keep_their_place(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    fill_socket(f, fd);
    for (uint32_t serial = 1; serial <= 5; serial++) {
        fixture_call(f, fd, DO_GIVE_FD, 2 * serial);
        fixture_call(f, fd, DO_ECHO, 2 * serial + 1);
    }
    expect_filler(f, fd);
    for (uint32_t serial = 1; serial <= 5; serial++) {
        fixture_expect(f, fd, FRAME_REPLY_WITH_FDS, 2 * serial, FRAME_OK);
        close(fixture_read_fd(f, fd));
        fixture_expect_empty(f, fd, FRAME_REPLY, 2 * serial + 1, FRAME_OK);
    }
    close(fd);
}

static unsigned count_fds(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    unsigned n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void descriptors_that_nobody_reads_are_few_and_closed_at_the_end(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    unsigned before = count_fds();
    uint8_t frame[FRAME_HEADER_SIZE];

    fixture_put_header(frame, sizeof frame, DO_GIVE_FD, FRAME_CALL, 1);
    fill_socket(f, fd);
    while (send(fd, frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        fixture_turn(f);
    g_assert_true(f->newest->held_back);
    g_assert_cmpuint(count_fds(), <=, before + 40);
    close(fd);
    WAIT_UNTIL(f, LOCKED(f, f->clients_freed) == 1);
    g_assert_cmpuint(count_fds(), <=, before);
}

/* --- while somebody sends ------------------------------------------------------------------------ */

/* A transport whose send stands still until it is let go. */
typedef struct Slow {
    Transport transport;
    Fixture *fixture;
    bool begun, free_to_go;    /* under the fixture's lock */
} Slow;

static ssize_t slow_receive(Transport *transport, int fd, uint8_t *data, size_t room)
{
    ssize_t n = recv(fd, data, room, MSG_DONTWAIT);

    return n > 0 ? n : n < 0 && errno == EAGAIN ? 0 : -1;
}

static bool slow_has_more(const Transport *transport)
{
    return false;
}

static ssize_t slow_send(Transport *transport, int fd, const uint8_t *data, size_t size)
{
    Slow *slow = (Slow *)transport;
    Fixture *f = slow->fixture;

    lock_acquire(&f->lock);
    slow->begun = true;
    cond_broadcast(&f->wake);
    while (!slow->free_to_go)
        cond_wait(&f->wake, &f->lock);
    lock_release(&f->lock);
    return transport_write(fd, data, size);
}

static void slow_free(Transport *transport)
{
}

static const TransportOps slow_ops = { slow_receive, slow_has_more, slow_send, slow_free };

typedef struct Sender {
    Fixture *fixture;
    Client *client;
    Slow slow;
    GThread *thread;
} Sender;

static void put_frame(XdrOut *out, uint32_t serial)
{
    FrameHeader header = { .program = TEST_PROGRAM, .version = 1, .proc = DO_NOTE, .type = FRAME_REPLY, .serial = serial };

    frame_end(out, frame_begin(out, &header));
}

static void send_frame(Client *client, uint32_t serial)
{
    XdrOut out;

    xdr_out_init(&out, NULL, 0);
    put_frame(&out, serial);
    outbox_send(client, &out, 0, OUT_REPLY);
    xdr_out_deinit(&out);
}

static void *send_first(void *data)
{
    Sender *sender = data;

    send_frame(sender->client, 1);
    return NULL;
}

/* A thread has begun to send frame 1 and stands in the middle of it. */
static void stand_still(Sender *sender, Fixture *f)
{
    *sender = (Sender){ .fixture = f, .client = client_ref(f->newest) };
    sender->slow = (Slow){ .transport = { &slow_ops }, .fixture = f };
    f->newest->transport = &sender->slow.transport;
    sender->thread = g_thread_new("sender", send_first, sender);
    WAIT_UNTIL(f, LOCKED(f, sender->slow.begun));
}

static void let_go(Sender *sender)
{
    Fixture *f = sender->fixture;

    lock_acquire(&f->lock);
    sender->slow.free_to_go = true;
    cond_broadcast(&f->wake);
    lock_release(&f->lock);
    g_thread_join(sender->thread);
}

static void leave(Sender *sender)
{
    client_unref(sender->client);
    WAIT_UNTIL(sender->fixture, LOCKED(sender->fixture, sender->fixture->clients_freed) == 1);
}

/* It would not come to its end if it did: nobody else lets the sender go. */
static void nobody_waits_for_who_sends_and_he_sends_theirs(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Sender sender;

    stand_still(&sender, f);
    for (uint32_t serial = 2; serial <= 300; serial++)
        send_frame(f->newest, serial);
    fixture_call(f, fd, DO_ECHO, 301);
    fixture_turn(f);
    g_assert_cmpuint(outbox_size(f->newest), >, 300 * FRAME_HEADER_SIZE);
    let_go(&sender);
    for (uint32_t serial = 1; serial <= 301; serial++)
        fixture_expect_empty(f, fd, FRAME_REPLY, serial, FRAME_OK);
    g_assert_cmpuint(outbox_size(sender.client), ==, 0);
    close(fd);
    leave(&sender);
}

static void a_socket_that_is_being_written_to_is_closed_by_who_sends(Fixture *f, gconstpointer data)
{
    unsigned before = count_fds();
    int fd = fixture_dial_accepted(f);
    Sender sender;

    stand_still(&sender, f);
    send_frame(f->newest, 2);
    shutdown(fd, SHUT_RDWR);
    WAIT_UNTIL(f, sender.client->closed);
    g_assert_cmpuint(count_fds(), ==, before + 2);    /* its number can't be somebody else's yet */
    let_go(&sender);
    g_assert_cmpuint(outbox_size(sender.client), ==, 0);
    g_assert_cmpuint(count_fds(), ==, before + 1);
    close(fd);
    leave(&sender);
}

static void a_close_waits_for_what_somebody_sends(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Sender sender;

    stand_still(&sender, f);
    fixture_call(f, fd, DO_CLOSE, 2);
    WAIT_UNTIL(f, f->newest->close_when_empty);
    fixture_turn(f);
    g_assert_false(sender.client->closed);
    let_go(&sender);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    fixture_expect_empty(f, fd, FRAME_REPLY, 2, FRAME_OK);
    fixture_expect_closed(f, fd);
    leave(&sender);
}

static void a_stream_goes_on_when_somebody_has_sent(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Sender sender;

    fixture_call(f, fd, DO_TAP, 7);
    fixture_expect_empty(f, fd, FRAME_REPLY, 7, FRAME_OK);
    stand_still(&sender, f);
    send_frame(f->newest, 2);
    fixture_pour(f, 1);
    WAIT_UNTIL(f, f->newest->out_awaited);
    let_go(&sender);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    fixture_expect_empty(f, fd, FRAME_REPLY, 2, FRAME_OK);
    fixture_expect(f, fd, FRAME_STREAM, 7, FRAME_CONTINUE);
    g_assert_cmpuint(f->payload_size, ==, 1);
    close(fd);
    leave(&sender);
}

static void events_for_a_client_to_whom_somebody_sends_are_bounded(Fixture *f, gconstpointer data)
{
    int fd = subscribe(f);
    Sender sender;

    stand_still(&sender, f);
    for (uint32_t i = 1; !sender.client->closed; i++) {
        fixture_announce(f, i, 10000);
        fixture_turn(f);
        g_assert_cmpuint(outbox_size(sender.client), <=, 2 * EVENT_LIMIT + 10000 + 128);
    }
    let_go(&sender);
    g_assert_cmpuint(outbox_size(sender.client), ==, 0);
    close(fd);
    leave(&sender);
}

/* --- other threads ------------------------------------------------------------------------------- */

static void answers_of_workers_and_io_threads_do_not_mix(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);
    unsigned seen = 0;

    fixture_open_gate(f);
    for (uint32_t round = 0; round < 50; round++) {
        fixture_call_with(f, fd, DO_BIG, 1, 30000);
        fixture_call_with(f, fd, DO_BULK, 2, 20000);
        fixture_call(f, fd, DO_NOTE, 3);
        for (; seen < 3 * round; seen++) {
            FrameHeader header;

            g_assert_true(fixture_read(f, fd, &header));
            g_assert_cmpuint(header.type, ==, FRAME_REPLY);
            g_assert_cmpuint(f->payload_size, ==, header.serial == 1 ? 30000 : header.serial == 2 ? 20000 : 0);
            for (size_t i = 0; i < f->payload_size; i += 100)
                g_assert_cmpuint(f->payload[i], ==, 0);
        }
    }
    close(fd);
}

enum { SENDERS = 8, FRAMES_EACH = 2000 };

typedef struct Numbered {
    Client *client;
    uint32_t number;
} Numbered;

static void *send_numbered(void *data)
{
    const Numbered *sender = data;

    for (uint32_t i = 0; i < FRAMES_EACH; i++)
        send_frame(sender->client, sender->number * FRAMES_EACH + i);
    return NULL;
}

static void answers_of_many_threads_keep_the_order_of_each(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Numbered senders[SENDERS];
    GThread *threads[SENDERS];
    uint32_t next[SENDERS] = { 0 };

    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (Numbered){ f->newest, i };
        threads[i] = g_thread_new("sender", send_numbered, &senders[i]);
    }
    for (uint32_t i = 0; i < SENDERS * FRAMES_EACH; i++) {
        FrameHeader header;

        g_assert_true(fixture_read(f, fd, &header));
        g_assert_cmpuint(header.serial / FRAMES_EACH, <, SENDERS);
        g_assert_cmpuint(header.serial % FRAMES_EACH, ==, next[header.serial / FRAMES_EACH]++);
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        g_thread_join(threads[i]);
    g_assert_cmpuint(outbox_size(f->newest), ==, 0);
    close(fd);
}

static void *announce_many(void *data)
{
    for (uint32_t i = 1; i <= 500; i++)
        fixture_announce(data, i, 50);
    return NULL;
}

static void clients_may_come_and_go_while_events_are_made(Fixture *f, gconstpointer data)
{
    GThread *maker = g_thread_new("maker", announce_many, f);

    for (int i = 0; i < 30; i++) {
        int fd = fixture_dial(f);

        fixture_call(f, fd, DO_SUBSCRIBE, 1);
        if (i % 3)
            fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
        close(fd);
    }
    g_thread_join(maker);
    WAIT_UNTIL(f, service_n_clients(f->service) == 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) FIXTURE_ADD("/rpc/outbox/", &fixture_still, claim)
#define ADD_THREADS(claim) FIXTURE_ADD("/rpc/outbox/", NULL, claim)
    ADD(an_answer_larger_than_the_socket_arrives_whole);
    ADD(answers_keep_their_order_behind_one_that_waits);
    ADD(what_was_sent_is_no_longer_counted);
    ADD(calls_of_a_client_that_does_not_read_are_not_taken);
    ADD(pings_of_a_client_that_does_not_read_are_bounded_too);
    ADD(events_come_in_the_order_of_their_announcement);
    ADD(who_has_not_subscribed_hears_nothing);
    ADD(who_does_not_read_events_is_closed_and_the_log_says_so);
    ADD(many_events_at_once_are_no_reason_to_close_who_reads);
    ADD(an_answer_passes_bulk_ones_of_which_nothing_has_left);
    ADD(a_descriptor_follows_its_reply_with_a_byte);
    ADD(descriptors_that_wait_keep_their_place);
    ADD(descriptors_that_nobody_reads_are_few_and_closed_at_the_end);
    ADD(nobody_waits_for_who_sends_and_he_sends_theirs);
    ADD(a_socket_that_is_being_written_to_is_closed_by_who_sends);
    ADD(a_close_waits_for_what_somebody_sends);
    ADD(a_stream_goes_on_when_somebody_has_sent);
    ADD(events_for_a_client_to_whom_somebody_sends_are_bounded);
    ADD_THREADS(answers_of_many_threads_keep_the_order_of_each);
    ADD_THREADS(answers_of_workers_and_io_threads_do_not_mix);
    ADD_THREADS(clients_may_come_and_go_while_events_are_made);
    return g_test_run();
}
