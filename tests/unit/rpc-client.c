/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection and what comes over it: bytes in any pieces, lengths of all sizes, descriptors, and the
 * limits on what a client may have the server keep. The test's thread makes the turns. */
#include "rpc-fixture.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { LARGEST = 33554432 + 4 };

/* --- pieces -------------------------------------------------------------------------------------- */

static void frames_may_come_byte_by_byte(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    uint8_t frame[FRAME_HEADER_SIZE];

    for (uint32_t serial = 1; serial <= 3; serial++) {
        fixture_put_header(frame, sizeof frame, DO_ECHO, FRAME_CALL, serial);
        for (size_t i = 0; i < sizeof frame; i++) {
            fixture_send(f, fd, frame + i, 1);
            fixture_turn(f);
        }
        fixture_expect_empty(f, fd, FRAME_REPLY, serial, FRAME_OK);
    }
    close(fd);
}

static void frames_that_come_together_are_answered_in_one_turn(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    uint8_t frames[50 * FRAME_HEADER_SIZE], answers[sizeof frames + 1];

    for (uint32_t i = 0; i < 50; i++)
        fixture_put_header(frames + i * FRAME_HEADER_SIZE, FRAME_HEADER_SIZE, DO_ECHO, FRAME_CALL, i);
    fixture_send(f, fd, frames, sizeof frames);
    io_turn(f->rpc->io[0], 0);
    g_assert_cmpint(recv(fd, answers, sizeof answers, MSG_DONTWAIT), ==, sizeof frames);
    for (uint32_t i = 0; i < 50; i++)
        g_assert_cmpuint(xdr_load32(answers + i * FRAME_HEADER_SIZE + 20), ==, i);
    close(fd);
}

static void frames_may_be_cut_anywhere(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    uint8_t frames[3 * (FRAME_HEADER_SIZE + 4)];

    for (size_t cut = 1; cut < sizeof frames; cut++) {
        for (uint32_t i = 0; i < 3; i++) {
            fixture_put_header(frames + i * 32, 32, DO_ECHO, FRAME_CALL, i);
            xdr_store32(frames + i * 32 + 28, 0);
        }
        fixture_send(f, fd, frames, cut);
        fixture_turn(f);
        fixture_send(f, fd, frames + cut, sizeof frames - cut);
        for (uint32_t i = 0; i < 3; i++)
            fixture_expect_empty(f, fd, FRAME_REPLY, i, FRAME_OK);
        g_assert_null(f->newest->held);
    }
    close(fd);
}

/* --- lengths ------------------------------------------------------------------------------------- */

static void a_length_below_a_header_closes_the_connection(Fixture *f, gconstpointer data)
{
    static const uint32_t lengths[] = { 0, 3, 4, 27 };

    for (unsigned i = 0; i < G_N_ELEMENTS(lengths); i++) {
        int fd = fixture_dial_accepted(f);
        uint8_t length[4];

        xdr_store32(length, lengths[i]);
        fixture_send(f, fd, length, 4);
        fixture_expect_closed(f, fd);
    }
}

static void a_length_above_the_limit_closes_the_connection(Fixture *f, gconstpointer data)
{
    static const uint32_t lengths[] = { LARGEST + 1, 0x7fffffff, 0xffffffff };

    for (unsigned i = 0; i < G_N_ELEMENTS(lengths); i++) {
        int fd = fixture_dial_accepted(f);
        uint8_t length[4];

        xdr_store32(length, lengths[i]);
        fixture_send(f, fd, length, 4);
        fixture_expect_closed(f, fd);
    }
}

static void calls_before_a_broken_length_are_answered(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    uint8_t bytes[FRAME_HEADER_SIZE + 4] = { 0 };

    fixture_put_header(bytes, FRAME_HEADER_SIZE, DO_ECHO, FRAME_CALL, 9);
    fixture_send(f, fd, bytes, sizeof bytes);
    fixture_expect_empty(f, fd, FRAME_REPLY, 9, FRAME_OK);
    fixture_expect_closed(f, fd);
}

static void a_promised_length_takes_no_memory_before_its_bytes(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    g_autofree uint8_t *bytes = g_malloc0(20000);

    fixture_put_header(bytes, LARGEST, DO_ECHO, FRAME_CALL, 1);
    fixture_send(f, fd, bytes, 100);
    fixture_turn(f);
    g_assert_cmpuint(f->newest->held_size, ==, 100);
    g_assert_cmpuint(f->newest->held_capacity, <=, 4096);
    for (int i = 0; i < 50; i++) {
        fixture_send(f, fd, bytes + 100, 10000);
        fixture_turn(f);
        g_assert_cmpuint(f->newest->held_capacity, <=, 2 * f->newest->held_size + 4096);
    }
    g_assert_cmpuint(f->newest->held_size, ==, 500100);
    close(fd);
}

static void the_largest_frame_is_served_and_forgotten(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    g_autofree uint8_t *bytes = g_malloc0(LARGEST);

    fixture_put_header(bytes, LARGEST, DO_ECHO, FRAME_CALL, 1);
    fixture_send(f, fd, bytes, LARGEST);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    g_assert_null(f->newest->held);
    close(fd);
}

static void an_idle_client_keeps_no_buffer(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    fixture_call(f, fd, DO_ECHO, 1);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    g_assert_null(f->newest->held);
    g_assert_null(f->newest->fds);
    close(fd);
}

/* --- what is not a call that can be made --------------------------------------------------------- */

static void expect_error(Fixture *f, int fd, uint32_t serial, const char *begins)
{
    fixture_expect(f, fd, FRAME_REPLY, serial, FRAME_ERROR);
    g_assert_cmpuint(xdr_load32(f->payload), ==, VIR_ERR_RPC);
    g_assert_cmpuint(xdr_load32(f->payload + 4), ==, VIR_FROM_RPC);
    g_assert_cmpuint(xdr_load32(f->payload + 8), ==, 1);
    g_assert_cmpmem(f->payload + 16, strlen(begins), begins, strlen(begins));
}

static void an_unknown_procedure_is_told_in_words_that_clients_know(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    fixture_call(f, fd, 999, 1);
    expect_error(f, fd, 1, "unknown procedure");
    fixture_call(f, fd, 0, 2);
    expect_error(f, fd, 2, "unknown procedure");
    fixture_call(f, fd, 0xffffffff, 3);
    expect_error(f, fd, 3, "unknown procedure");
    close(fd);
}

static void a_call_of_an_unknown_program_or_version_is_an_error(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    uint8_t frame[FRAME_HEADER_SIZE];

    fixture_put_header(frame, sizeof frame, DO_ECHO, FRAME_CALL, 1);
    xdr_store32(frame + 4, 0xdead);
    fixture_send(f, fd, frame, sizeof frame);
    expect_error(f, fd, 1, "unknown program");
    fixture_put_header(frame, sizeof frame, DO_ECHO, FRAME_CALL, 2);
    xdr_store32(frame + 8, 2);
    fixture_send(f, fd, frame, sizeof frame);
    expect_error(f, fd, 2, "unknown program");
    close(fd);
}

static void a_call_with_a_status_is_an_error(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    fixture_send_frame(f, fd, DO_ECHO, FRAME_CALL, 1, FRAME_CONTINUE, NULL, 0);
    expect_error(f, fd, 1, "");
    close(fd);
}

static void frames_that_no_client_sends_are_ignored(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    static const uint32_t types[] = { FRAME_REPLY, FRAME_MESSAGE, FRAME_STREAM, FRAME_STREAM_HOLE, 9, 0xffffffff };

    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++)
        fixture_send_frame(f, fd, DO_ECHO, types[i], 1, FRAME_OK, "abcd", 4);
    fixture_call(f, fd, DO_ECHO, 2);
    fixture_expect_empty(f, fd, FRAME_REPLY, 2, FRAME_OK);
    close(fd);
}

/* --- descriptors --------------------------------------------------------------------------------- */

typedef struct Pipe {
    int out, in;
} Pipe;

static Pipe new_pipe(void)
{
    int ends[2];

    g_assert_cmpint(pipe2(ends, O_CLOEXEC | O_NONBLOCK), ==, 0);
    return (Pipe){ ends[0], ends[1] };
}

static void stop_writing(Pipe *ends)
{
    close(ends->in);
    ends->in = -1;
}

/* Nobody holds the writing end any more. */
static bool is_closed(const Pipe *ends)
{
    char letter;

    return read(ends->out, &letter, 1) == 0;
}

static void announce_fds(Fixture *f, int fd, uint32_t proc, uint32_t serial, uint32_t n)
{
    uint8_t count[4];

    xdr_store32(count, n);
    fixture_send_frame(f, fd, proc, FRAME_CALL_WITH_FDS, serial, FRAME_OK, count, 4);
}

static void descriptors_arrive_with_their_call_and_are_closed_after(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Pipe ends = new_pipe();
    char letters[3];

    announce_fds(f, fd, DO_TAKE_FDS, 9, 2);
    fixture_send_fd(f, fd, 0, ends.in);
    fixture_send_fd(f, fd, 0, ends.in);
    stop_writing(&ends);
    fixture_expect_empty(f, fd, FRAME_REPLY, 9, FRAME_OK);
    g_assert_cmpint(read(ends.out, letters, 3), ==, 2);
    WAIT_UNTIL(f, is_closed(&ends));
    close(ends.out);
    close(fd);
}

static void descriptors_go_to_the_calls_that_announced_them(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Pipe first = new_pipe(), second = new_pipe();
    char letters[3];

    announce_fds(f, fd, DO_TAKE_FDS, 1, 1);
    fixture_send_fd(f, fd, 0, first.in);
    announce_fds(f, fd, DO_TAKE_FDS, 2, 2);
    fixture_send_fd(f, fd, 0, second.in);
    fixture_send_fd(f, fd, 0, second.in);
    fixture_expect_answers(f, fd, 2);
    g_assert_cmpint(read(first.out, letters, 3), ==, 1);
    g_assert_cmpint(read(second.out, letters, 3), ==, 2);
    close(first.in);
    close(second.in);
    close(first.out);
    close(second.out);
    close(fd);
}

static void descriptors_that_the_call_does_not_take_are_closed_before_it_ends(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Pipe ends = new_pipe();

    announce_fds(f, fd, DO_SLOW, 1, 1);
    fixture_send_fd(f, fd, 0, ends.in);
    stop_writing(&ends);
    WAIT_UNTIL(f, LOCKED(f, f->running) == 1);
    g_assert_true(is_closed(&ends));
    fixture_open_gate(f);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    close(ends.out);
    close(fd);
}

static void descriptors_of_a_refused_call_are_closed(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Pipe ends = new_pipe();

    announce_fds(f, fd, 999, 1, 1);
    fixture_send_fd(f, fd, 0, ends.in);
    stop_writing(&ends);
    expect_error(f, fd, 1, "unknown procedure");
    g_assert_true(is_closed(&ends));
    close(ends.out);
    close(fd);
}

static void descriptors_of_a_ping_are_closed(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Pipe ends = new_pipe();
    uint8_t frame[FRAME_HEADER_SIZE + 4];

    fixture_put_header(frame, sizeof frame, 1, FRAME_CALL_WITH_FDS, 0);
    xdr_store32(frame + 4, FRAME_PROGRAM_KEEPALIVE);
    xdr_store32(frame + FRAME_HEADER_SIZE, 1);
    fixture_send(f, fd, frame, sizeof frame);
    fixture_send_fd(f, fd, 0, ends.in);
    stop_writing(&ends);
    fixture_call(f, fd, DO_ECHO, 1);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    g_assert_true(is_closed(&ends));
    close(ends.out);
    close(fd);
}

static void a_descriptor_inside_a_frame_that_announces_none_closes_the_connection(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Pipe ends = new_pipe();
    uint8_t frame[FRAME_HEADER_SIZE];

    fixture_put_header(frame, 1000, DO_ECHO, FRAME_CALL, 1);
    fixture_send(f, fd, frame, sizeof frame - 1);
    fixture_send_fd(f, fd, frame[sizeof frame - 1], ends.in);
    stop_writing(&ends);
    fixture_expect_closed(f, fd);
    g_assert_true(is_closed(&ends));
    close(ends.out);
}

static void a_descriptor_behind_a_frame_that_announces_none_closes_the_connection(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Pipe ends = new_pipe();

    fixture_call(f, fd, DO_ECHO, 1);
    fixture_send_fd(f, fd, 0, ends.in);
    stop_writing(&ends);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    fixture_expect_closed(f, fd);
    g_assert_true(is_closed(&ends));
    close(ends.out);
}

static void frames_instead_of_announced_descriptors_close_the_connection(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    announce_fds(f, fd, DO_TAKE_FDS, 1, 3);
    fixture_call(f, fd, DO_ECHO, 2);
    fixture_expect_closed(f, fd);
}

static void more_descriptors_than_any_call_may_have_close_the_connection(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    announce_fds(f, fd, DO_TAKE_FDS, 1, FRAME_FDS_MAX + 1);
    fixture_expect_closed(f, fd);
}

static void many_descriptors_in_one_message_close_the_connection_and_none_stays(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    Pipe ends = new_pipe();
    int many[100];
    union {
        char space[CMSG_SPACE(sizeof many)];
        struct cmsghdr align;
    } control = { { 0 } };
    char zero = 0;
    struct iovec part = { &zero, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space,
                              .msg_controllen = sizeof control.space };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    for (unsigned i = 0; i < G_N_ELEMENTS(many); i++)
        many[i] = ends.in;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof many);
    memcpy(CMSG_DATA(header), many, sizeof many);
    announce_fds(f, fd, DO_TAKE_FDS, 1, 32);
    g_assert_cmpint(sendmsg(fd, &message, MSG_NOSIGNAL), ==, 1);
    stop_writing(&ends);
    fixture_expect_closed(f, fd);
    g_assert_true(is_closed(&ends));
    close(ends.out);
}

/* --- before the login ---------------------------------------------------------------------------- */

/* The beginning of a call of so many bytes from a client that has not logged in. */
static int begin_before_login(Fixture *f, size_t size, size_t sent)
{
    g_autofree uint8_t *frame = g_malloc0(size);
    int fd = fixture_dial_accepted(f);

    f->newest->auth = CLIENT_AUTH_SASL;
    fixture_put_header(frame, size, DO_NOTE, FRAME_CALL, 1);
    fixture_send(f, fd, frame, sent);
    return fd;
}

/* Before anything of it is kept but what has come with its length. */
static void a_large_call_before_the_login_closes_the_connection(Fixture *f, gconstpointer data)
{
    static const size_t sizes[] = { (512 << 10) + 4, LARGEST }, sent[] = { 5000, 4 };

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        int fd = begin_before_login(f, sizes[i], sent[i]);

        fixture_turn(f);
        fixture_send(f, fd, "more", 4);
        fixture_expect_closed(f, fd);
    }
}

static void what_a_login_needs_is_read_before_it(Fixture *f, gconstpointer data)
{
    const size_t size = FRAME_HEADER_SIZE + 65536 * 4 + 64, sent = 100000;
    int fd = begin_before_login(f, size, sent);
    g_autofree uint8_t *rest = g_malloc0(size - sent);

    fixture_turn(f);
    fixture_send(f, fd, rest, size - sent);
    fixture_expect(f, fd, FRAME_REPLY, 1, FRAME_ERROR);
    close(fd);
}

/* --- what a client may have the server keep ------------------------------------------------------ */

static void calls_of_many_bytes_are_held_back_until_others_have_ended(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    g_autofree uint8_t *much = g_malloc0(6 << 20);

    xdr_store32(much, 3600000);
    for (uint32_t serial = 1; serial <= 2; serial++)
        fixture_send_frame(f, fd, DO_BEGIN, FRAME_CALL, serial, FRAME_OK, much, 6 << 20);
    WAIT_UNTIL(f, LOCKED(f, f->n_parked) == 2);
    fixture_send_frame(f, fd, DO_BEGIN, FRAME_CALL, 3, FRAME_OK, much, 6 << 20);
    WAIT_UNTIL(f, f->newest->held_back);
    g_assert_cmpuint(LOCKED(f, f->n_parked), ==, 2);
    g_assert_true(fixture_resume(f, 1));
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    WAIT_UNTIL(f, LOCKED(f, f->n_parked) == 3);
    g_assert_false(f->newest->held_back);
    close(fd);
}

static void one_call_may_be_as_large_as_frames_are(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);
    g_autofree uint8_t *much = g_malloc0(33000000);

    fixture_send_frame(f, fd, DO_NOTE, FRAME_CALL, 1, FRAME_OK, much, 33000000);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    close(fd);
}

static void calls_with_many_descriptors_are_held_back_until_others_have_ended(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    for (uint32_t serial = 1; serial <= 3; serial++) {
        announce_fds(f, fd, DO_PARK_FDS, serial, 32);
        for (int i = 0; i < 32; i++)
            fixture_send_fd(f, fd, 0, nowhere);
    }
    WAIT_UNTIL(f, f->newest->held_back);
    g_assert_cmpuint(LOCKED(f, f->n_parked), ==, 2);
    g_assert_cmpuint(f->newest->call_fds, ==, 64);
    g_assert_true(fixture_resume(f, 0));
    WAIT_UNTIL(f, LOCKED(f, f->n_parked) == 3);
    close(nowhere);
    close(fd);
}

static void a_client_that_is_held_back_and_leaves_is_noticed(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    for (uint32_t serial = 1; serial <= 7; serial++)
        fixture_call(f, fd, DO_SLOW, serial);
    WAIT_UNTIL(f, f->newest->held_back);
    close(fd);
    WAIT_UNTIL(f, LOCKED(f, f->clients_left) == 1);
}

/* --- coming and going ---------------------------------------------------------------------------- */

static void a_close_lets_answers_go_out_first(Fixture *f, gconstpointer data)
{
    int fd = fixture_dial_accepted(f);

    fixture_call_with(f, fd, DO_BIG, 1, 3000000);
    fixture_call(f, fd, DO_CLOSE, 2);
    fixture_turn(f);
    fixture_expect(f, fd, FRAME_REPLY, 1, FRAME_OK);
    g_assert_cmpuint(f->payload_size, ==, 3000000);
    fixture_expect_empty(f, fd, FRAME_REPLY, 2, FRAME_OK);
    fixture_expect_closed(f, fd);
}

static FixtureSettings two_clients(void)
{
    FixtureSettings settings = fixture_still;

    settings.limits.max_clients = 2;
    return settings;
}

static void connections_beyond_the_limit_wait_until_one_leaves(Fixture *f, gconstpointer data)
{
    int first = fixture_dial_accepted(f), second = fixture_dial_accepted(f), third = fixture_dial(f);
    IoThread *io = f->rpc->io[0];

    fixture_call(f, third, DO_ECHO, 1);
    fixture_turn(f);
    g_assert_cmpuint(service_n_clients(f->service), ==, 2);
    close(first);
    for (int i = 0; i < 5; i++)
        io_turn(io, 0);
    g_assert_cmpuint(service_n_clients(f->service), ==, 2);
    fixture_expect_empty(f, third, FRAME_REPLY, 1, FRAME_OK);
    close(second);
    close(third);
}

static void connections_wait_while_there_are_no_descriptors(Fixture *f, gconstpointer data)
{
    int first = fixture_dial_accepted(f), second = fixture_dial(f);
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct rlimit usual, few;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &usual), ==, 0);
    few = usual;
    few.rlim_cur = (rlim_t)lowest;
    close(lowest);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &few), ==, 0);
    fixture_turn(f);
    g_assert_cmpuint(service_n_clients(f->service), ==, 1);
    fixture_call(f, first, DO_ECHO, 1);
    fixture_expect_empty(f, first, FRAME_REPLY, 1, FRAME_OK);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &usual), ==, 0);
    fixture_call(f, second, DO_ECHO, 1);
    fixture_expect_empty(f, second, FRAME_REPLY, 1, FRAME_OK);
    close(first);
    close(second);
}

static void a_client_that_leaves_at_once_leaves_nothing(Fixture *f, gconstpointer data)
{
    for (int i = 0; i < 20; i++)
        close(fixture_dial(f));
    WAIT_UNTIL(f, LOCKED(f, f->clients_freed) == 20);
}

int main(int argc, char **argv)
{
    FixtureSettings two = two_clients();

    g_test_init(&argc, &argv, NULL);
#define ADD(claim) FIXTURE_ADD("/rpc/client/", &fixture_still, claim)
    ADD(frames_may_come_byte_by_byte);
    ADD(frames_that_come_together_are_answered_in_one_turn);
    ADD(frames_may_be_cut_anywhere);
    ADD(a_length_below_a_header_closes_the_connection);
    ADD(a_length_above_the_limit_closes_the_connection);
    ADD(calls_before_a_broken_length_are_answered);
    ADD(a_promised_length_takes_no_memory_before_its_bytes);
    ADD(the_largest_frame_is_served_and_forgotten);
    ADD(an_idle_client_keeps_no_buffer);
    ADD(an_unknown_procedure_is_told_in_words_that_clients_know);
    ADD(a_call_of_an_unknown_program_or_version_is_an_error);
    ADD(a_call_with_a_status_is_an_error);
    ADD(frames_that_no_client_sends_are_ignored);
    ADD(descriptors_arrive_with_their_call_and_are_closed_after);
    ADD(descriptors_go_to_the_calls_that_announced_them);
    ADD(descriptors_that_the_call_does_not_take_are_closed_before_it_ends);
    ADD(descriptors_of_a_refused_call_are_closed);
    ADD(descriptors_of_a_ping_are_closed);
    ADD(a_descriptor_inside_a_frame_that_announces_none_closes_the_connection);
    ADD(a_descriptor_behind_a_frame_that_announces_none_closes_the_connection);
    ADD(frames_instead_of_announced_descriptors_close_the_connection);
    ADD(more_descriptors_than_any_call_may_have_close_the_connection);
    ADD(many_descriptors_in_one_message_close_the_connection_and_none_stays);
    ADD(a_large_call_before_the_login_closes_the_connection);
    ADD(what_a_login_needs_is_read_before_it);
    ADD(calls_of_many_bytes_are_held_back_until_others_have_ended);
    ADD(one_call_may_be_as_large_as_frames_are);
    ADD(calls_with_many_descriptors_are_held_back_until_others_have_ended);
    ADD(a_client_that_is_held_back_and_leaves_is_noticed);
    ADD(a_close_lets_answers_go_out_first);
    FIXTURE_ADD("/rpc/client/", &two, connections_beyond_the_limit_wait_until_one_leaves);
    ADD(connections_wait_while_there_are_no_descriptors);
    ADD(a_client_that_leaves_at_once_leaves_nothing);
    return g_test_run();
}
