/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams both ways: data, holes and ends; turns, back-pressure, wakes from other threads, clients that leave. */
#include "rpc-fixture.h"

#include <sys/socket.h>

static void send_stream(Fixture *f, int fd, uint32_t proc, uint32_t serial, uint32_t status, const char *text)
{
    fixture_send_frame(f, fd, proc, FRAME_STREAM, serial, status, text, text ? strlen(text) : 0);
}

static void send_hole(Fixture *f, int fd, uint32_t serial, uint64_t size)
{
    uint8_t hole[12] = { 0 };

    xdr_store64(hole, size);
    fixture_send_frame(f, fd, DO_UPLOAD, FRAME_STREAM_HOLE, serial, FRAME_CONTINUE, hole, sizeof hole);
}

static int dial_and_open(Fixture *f, uint32_t proc, uint32_t serial)
{
    int fd = fixture_dial(f);

    fixture_call(f, fd, proc, serial);
    fixture_expect_empty(f, fd, FRAME_REPLY, serial, FRAME_OK);
    return fd;
}

static void a_download_has_data_holes_and_an_end(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_DOWNLOAD, 3);

    fixture_expect(f, fd, FRAME_STREAM, 3, FRAME_CONTINUE);
    g_assert_cmpmem(f->payload, f->payload_size, "head", 4);
    fixture_expect(f, fd, FRAME_STREAM_HOLE, 3, FRAME_CONTINUE);
    g_assert_cmpuint(f->payload_size, ==, 12);
    g_assert_cmpuint(xdr_load64(f->payload), ==, 5000);
    fixture_expect(f, fd, FRAME_STREAM, 3, FRAME_CONTINUE);
    g_assert_cmpmem(f->payload, f->payload_size, "tail", 4);
    fixture_expect_empty(f, fd, FRAME_STREAM, 3, FRAME_CONTINUE);
    send_stream(f, fd, DO_DOWNLOAD, 3, FRAME_OK, NULL);
    fixture_expect_empty(f, fd, FRAME_STREAM, 3, FRAME_OK);
    close(fd);
}

static void an_upload_takes_data_and_holes_and_is_confirmed(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    fixture_call_with(f, fd, DO_UPLOAD, 4, 1);
    fixture_expect_empty(f, fd, FRAME_REPLY, 4, FRAME_OK);
    send_stream(f, fd, DO_UPLOAD, 4, FRAME_CONTINUE, "abc");
    send_hole(f, fd, 4, 7000);
    send_stream(f, fd, DO_UPLOAD, 4, FRAME_CONTINUE, "def");
    send_stream(f, fd, DO_UPLOAD, 4, FRAME_OK, NULL);
    fixture_expect_empty(f, fd, FRAME_STREAM, 4, FRAME_OK);
    lock_acquire(&f->lock);
    g_assert_cmpstr(f->uploaded->str, ==, "abcdef");
    g_assert_cmpuint(f->holes, ==, 7000);
    g_assert_true(f->upload_finished);
    g_assert_cmpuint(f->streams_freed, ==, 1);
    lock_release(&f->lock);
    close(fd);
}

static void data_of_four_megabytes_in_one_frame_is_taken(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_UPLOAD, 4);
    g_autofree char *much = g_strnfill(4 << 20, 'm');

    send_stream(f, fd, DO_UPLOAD, 4, FRAME_CONTINUE, much);
    send_stream(f, fd, DO_UPLOAD, 4, FRAME_OK, NULL);
    fixture_expect_empty(f, fd, FRAME_STREAM, 4, FRAME_OK);
    g_assert_cmpuint(LOCKED(f, f->uploaded->len), ==, 4 << 20);
    close(fd);
}

static void data_right_behind_the_call_finds_its_stream(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial(f);

    fixture_call(f, fd, DO_UPLOAD, 4);
    send_stream(f, fd, DO_UPLOAD, 4, FRAME_CONTINUE, "early");
    send_stream(f, fd, DO_UPLOAD, 4, FRAME_OK, NULL);
    fixture_expect_empty(f, fd, FRAME_REPLY, 4, FRAME_OK);
    fixture_expect_empty(f, fd, FRAME_STREAM, 4, FRAME_OK);
    g_assert_cmpstr(f->uploaded->str, ==, "early");
    close(fd);
}

static void a_hole_without_leave_closes_the_connection(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_UPLOAD, 4);

    send_hole(f, fd, 4, 1);
    fixture_expect_closed(f, fd);
    WAIT_UNTIL(f, LOCKED(f, f->streams_freed) == 1);
}

static void an_abort_is_confirmed_and_late_data_ignored(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_UPLOAD, 4);

    send_stream(f, fd, DO_UPLOAD, 4, FRAME_ERROR, NULL);
    send_stream(f, fd, DO_UPLOAD, 4, FRAME_CONTINUE, "late");
    fixture_call(f, fd, DO_ECHO, 5);
    fixture_expect_empty(f, fd, FRAME_STREAM, 4, FRAME_OK);
    fixture_expect_empty(f, fd, FRAME_REPLY, 5, FRAME_OK);
    g_assert_cmpuint(f->uploaded->len, ==, 0);
    g_assert_false(f->upload_finished);
    close(fd);
}

static void a_failing_upload_ends_with_an_error_frame(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_UPLOAD, 4);

    send_stream(f, fd, DO_UPLOAD, 4, FRAME_CONTINUE, "poison");
    fixture_expect(f, fd, FRAME_STREAM, 4, FRAME_ERROR);
    g_assert_cmpuint(xdr_load32(f->payload), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpuint(LOCKED(f, f->streams_freed), ==, 1);
    close(fd);
}

static void streams_beyond_the_limit_are_refused(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_UPLOAD, 1);

    fixture_call(f, fd, DO_UPLOAD, 2);
    fixture_expect_empty(f, fd, FRAME_REPLY, 2, FRAME_OK);
    fixture_call(f, fd, DO_UPLOAD, 3);
    fixture_expect(f, fd, FRAME_REPLY, 3, FRAME_ERROR);
    g_assert_cmpuint(xdr_load32(f->payload), ==, VIR_ERR_OPERATION_FAILED);
    send_stream(f, fd, DO_UPLOAD, 1, FRAME_ERROR, NULL);
    fixture_expect_empty(f, fd, FRAME_STREAM, 1, FRAME_OK);
    fixture_call(f, fd, DO_UPLOAD, 4);
    fixture_expect_empty(f, fd, FRAME_REPLY, 4, FRAME_OK);
    close(fd);
}

static void a_client_that_leaves_ends_its_streams(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_UPLOAD, 1);

    fixture_call(f, fd, DO_TAP, 2);
    fixture_expect_empty(f, fd, FRAME_REPLY, 2, FRAME_OK);
    close(fd);
    WAIT_UNTIL(f, LOCKED(f, f->streams_freed) == 2);
    g_assert_false(f->upload_finished);
}

static void a_source_is_not_read_ahead_of_its_reader(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_FOUNTAIN, 1);
    unsigned before;

    for (int i = 0; i < 100; i++)
        fixture_turn(f);
    before = f->chunks;
    g_assert_cmpuint(before, <=, 8);
    for (int i = 0; i < 100; i++)
        fixture_turn(f);
    g_assert_cmpuint(f->chunks, ==, before);
    g_assert_cmpuint(outbox_size(f->newest), <=, FRAME_STREAM_CHUNK + 1024);
    close(fd);
}

static void calls_are_answered_beside_a_stream_without_end(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_FOUNTAIN, 1);
    FrameHeader header;
    unsigned chunks = 0;

    for (uint32_t serial = 2; serial <= 6; serial++) {
        fixture_call(f, fd, DO_ECHO, serial);
        do {
            g_assert_true(fixture_read(f, fd, &header));
            g_assert_cmpuint(++chunks, <, 40);
        } while (header.type == FRAME_STREAM);
        g_assert_cmpuint(header.serial, ==, serial);
    }
    close(fd);
}

static void two_streams_have_turns(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_FOUNTAIN, 1);
    FrameHeader header;
    unsigned seen[3] = { 0 };

    fixture_call(f, fd, DO_FOUNTAIN, 2);
    do
        g_assert_true(fixture_read(f, fd, &header));
    while (header.type != FRAME_REPLY);
    for (int i = 0; i < 40; i++) {
        g_assert_true(fixture_read(f, fd, &header));
        g_assert_cmpuint(header.serial, <=, 2);
        seen[header.serial]++;
    }
    g_assert_cmpuint(seen[1], >=, 15);
    g_assert_cmpuint(seen[2], >=, 15);
    close(fd);
}

static void *drain(void *data)
{
    int fd = GPOINTER_TO_INT(data);
    char space[65536];

    while (recv(fd, space, sizeof space, 0) > 0)
        continue;
    return NULL;
}

static void an_endless_stream_leaves_time_for_other_clients(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_FOUNTAIN, 1), other;
    GThread *reader = g_thread_new("reader", drain, GINT_TO_POINTER(fd));

    for (int i = 0; i < 20; i++) {
        other = fixture_dial(f);
        fixture_call(f, other, DO_ECHO, 1);
        fixture_expect_empty(f, other, FRAME_REPLY, 1, FRAME_OK);
        close(other);
    }
    shutdown(fd, SHUT_RDWR);
    g_thread_join(reader);
    close(fd);
}

static void *pour(void *data)
{
    Fixture *f = data;

    for (int i = 0; i < 500; i++)
        fixture_pour(f, 1);
    return NULL;
}

static void no_wake_from_another_thread_is_lost(Fixture *f, gconstpointer data)
{
    int fd = dial_and_open(f, DO_TAP, 1);
    GThread *threads[2];

    for (int i = 0; i < 2; i++)
        threads[i] = g_thread_new("pour", pour, f);
    for (int i = 0; i < 1000; i++) {
        fixture_expect(f, fd, FRAME_STREAM, 1, FRAME_CONTINUE);
        g_assert_cmpmem(f->payload, f->payload_size, "t", 1);
    }
    for (int i = 0; i < 2; i++)
        g_thread_join(threads[i]);
    close(fd);
}

static void clients_may_leave_while_their_streams_are_woken(Fixture *f, gconstpointer data)
{
    GThread *threads[2];

    for (int i = 0; i < 2; i++)
        threads[i] = g_thread_new("pour", pour, f);
    for (int i = 0; i < 50; i++) {
        int fd = fixture_dial(f);

        fixture_call(f, fd, DO_TAP, 1);
        if (i % 2)
            fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
        close(fd);
    }
    for (int i = 0; i < 2; i++)
        g_thread_join(threads[i]);
    WAIT_UNTIL(f, service_n_clients(f->service) == 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) FIXTURE_ADD("/rpc/stream/", NULL, claim)
#define ADD_STILL(claim) FIXTURE_ADD("/rpc/stream/", &fixture_still, claim)
    ADD(a_download_has_data_holes_and_an_end);
    ADD(an_upload_takes_data_and_holes_and_is_confirmed);
    ADD(data_of_four_megabytes_in_one_frame_is_taken);
    ADD(data_right_behind_the_call_finds_its_stream);
    ADD(a_hole_without_leave_closes_the_connection);
    ADD(an_abort_is_confirmed_and_late_data_ignored);
    ADD(a_failing_upload_ends_with_an_error_frame);
    ADD(streams_beyond_the_limit_are_refused);
    ADD(a_client_that_leaves_ends_its_streams);
    ADD_STILL(a_source_is_not_read_ahead_of_its_reader);
    ADD(calls_are_answered_beside_a_stream_without_end);
    ADD(two_streams_have_turns);
    ADD(an_endless_stream_leaves_time_for_other_clients);
    ADD(no_wake_from_another_thread_is_lost);
    ADD(clients_may_leave_while_their_streams_are_woken);
    return g_test_run();
}
