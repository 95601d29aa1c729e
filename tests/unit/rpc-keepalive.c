/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pings: who gets them and when, and who is taken for dead. The clock is the test's: keepalive_tick is told
 * what time it is. */
#include "rpc-fixture.h"

static FixtureSettings with(int interval, unsigned count)
{
    FixtureSettings settings = fixture_still;

    settings.limits.keepalive_interval = interval;
    settings.limits.keepalive_count = count;
    settings.limits.write_timeout = 30;
    return settings;
}

/* A connected client that was heard just now, which asked for pings when `asks`. */
static int dial(Fixture *f, bool asks)
{
    int fd = fixture_dial_accepted(f);
    uint32_t proc = asks ? DO_KEEPALIVE : DO_ECHO;

    fixture_call(f, fd, proc, 1);
    fixture_expect_empty(f, fd, FRAME_REPLY, 1, FRAME_OK);
    return fd;
}

/* The verdict `seconds` after the client was heard last. */
static bool tick(Fixture *f, int seconds)
{
    return keepalive_tick(f->newest, f->newest->heard + seconds * CLOCK_S);
}

static void expect_message(Fixture *f, int fd, int32_t proc)
{
    FrameHeader header;

    g_assert_true(fixture_read(f, fd, &header));
    g_assert_cmpuint(header.program, ==, FRAME_PROGRAM_KEEPALIVE);
    g_assert_cmpuint(header.version, ==, 1);
    g_assert_cmpuint(header.type, ==, FRAME_MESSAGE);
    g_assert_cmpuint(header.serial, ==, 0);
    g_assert_cmpint(header.proc, ==, proc);
    g_assert_cmpuint(f->payload_size, ==, 0);
}

static void send_message(Fixture *f, int fd, uint32_t proc)
{
    uint8_t frame[FRAME_HEADER_SIZE];

    fixture_put_header(frame, sizeof frame, proc, FRAME_MESSAGE, 0);
    xdr_store32(frame + 4, FRAME_PROGRAM_KEEPALIVE);
    fixture_send(f, fd, frame, sizeof frame);
    fixture_turn(f);
}

enum { PING = 1, PONG = 2 };

/* What comes next is no ping but the answer to this call. */
static void expect_no_ping(Fixture *f, int fd)
{
    fixture_call(f, fd, DO_ECHO, 77);
    fixture_expect_empty(f, fd, FRAME_REPLY, 77, FRAME_OK);
}

static void a_ping_is_answered(Fixture *f, gconstpointer data)
{
    int fd = dial(f, false);

    send_message(f, fd, PING);
    expect_message(f, fd, PONG);
    close(fd);
}

static void a_pong_is_not_answered(Fixture *f, gconstpointer data)
{
    int fd = dial(f, false);

    send_message(f, fd, PONG);
    expect_no_ping(f, fd);
    close(fd);
}

static void who_did_not_ask_is_never_pinged_and_never_dead(Fixture *f, gconstpointer data)
{
    int fd = dial(f, false);

    for (int seconds = 5; seconds <= 1000; seconds += 5)
        g_assert_true(tick(f, seconds));
    expect_no_ping(f, fd);
    close(fd);
}

static void who_asked_is_pinged_after_each_interval(Fixture *f, gconstpointer data)
{
    int fd = dial(f, true);

    g_assert_true(tick(f, 4));
    g_assert_cmpuint(f->newest->unanswered, ==, 0);
    g_assert_true(tick(f, 5));
    expect_message(f, fd, PING);
    g_assert_true(tick(f, 6));
    g_assert_cmpuint(f->newest->unanswered, ==, 1);
    g_assert_true(tick(f, 10));
    expect_message(f, fd, PING);
    expect_no_ping(f, fd);
    close(fd);
}

static void who_is_silent_one_interval_longer_than_the_pings_is_dead(Fixture *f, gconstpointer data)
{
    int fd = dial(f, true);

    for (int seconds = 1; seconds < 30; seconds++)
        g_assert_true(tick(f, seconds));
    g_assert_cmpuint(f->newest->unanswered, ==, 5);
    g_assert_false(tick(f, 30));
    close(fd);
}

static void anything_that_is_heard_counts_as_life(Fixture *f, gconstpointer data)
{
    int fd = dial(f, true);

    for (int seconds = 1; seconds < 30; seconds++)
        g_assert_true(tick(f, seconds));
    fixture_send(f, fd, "\0", 1);    /* the beginning of some frame */
    fixture_turn(f);
    g_assert_cmpuint(f->newest->unanswered, ==, 0);
    g_assert_true(tick(f, 29));
    close(fd);
}

static void with_a_count_of_zero_the_first_silence_is_the_last(Fixture *f, gconstpointer data)
{
    int fd = dial(f, true);

    g_assert_true(tick(f, 4));
    g_assert_false(tick(f, 5));
    close(fd);
}

static void without_an_interval_nobody_is_pinged(Fixture *f, gconstpointer data)
{
    int fd = dial(f, true);

    g_assert_true(tick(f, 100000));
    expect_no_ping(f, fd);
    close(fd);
}

/* Six calls are taken, the seventh waits unread. */
static int dial_and_be_held_back(Fixture *f)
{
    int fd = dial(f, true);

    for (uint32_t serial = 1; serial <= 7; serial++)
        fixture_call(f, fd, DO_SLOW, serial);
    WAIT_UNTIL(f, f->newest->held_back);
    return fd;
}

static void who_is_held_back_is_pinged_but_not_dead(Fixture *f, gconstpointer data)
{
    int fd = dial_and_be_held_back(f);

    for (int seconds = 1; seconds <= 300; seconds++)
        g_assert_true(tick(f, seconds));
    for (int i = 0; i < 60; i++)
        expect_message(f, fd, PING);    /* to a client they are signs of life too */
    close(fd);
}

static void silence_counts_anew_when_frames_are_taken_again(Fixture *f, gconstpointer data)
{
    int fd = dial_and_be_held_back(f);
    Client *client = f->newest;

    client->heard -= 100 * CLOCK_S;
    for (int seconds = 1; seconds <= 100; seconds++)
        g_assert_true(tick(f, seconds));
    fixture_open_gate(f);
    WAIT_UNTIL(f, !client->held_back);
    g_assert_cmpuint(client->unanswered, ==, 0);
    g_assert_true(keepalive_tick(client, clock_now()));
    close(fd);
}

static void who_reads_nothing_for_too_long_is_disconnected(Fixture *f, gconstpointer data)
{
    int fd = dial(f, false);

    fixture_call_with(f, fd, DO_BIG, 1, 1000000);
    fixture_turn(f);
    g_assert_cmpuint(outbox_size(f->newest), >, 0);
    g_assert_true(keepalive_tick(f->newest, clock_now() + 10 * CLOCK_S));
    g_assert_false(keepalive_tick(f->newest, clock_now() + 31 * CLOCK_S));
    close(fd);
}

static void who_reads_a_little_now_and_then_stays(Fixture *f, gconstpointer data)
{
    int fd = dial(f, false);
    g_autofree char *space = g_malloc(400000);
    size_t before;

    fixture_call_with(f, fd, DO_BIG, 1, 1000000);
    fixture_turn(f);
    f->newest->out_stalled -= 20 * CLOCK_S;
    before = outbox_size(f->newest);
    while (outbox_size(f->newest) == before) {
        g_assert_cmpint(read(fd, space, 100000), >, 0);
        fixture_turn(f);
    }
    g_assert_true(keepalive_tick(f->newest, clock_now() + 20 * CLOCK_S));
    close(fd);
}

int main(int argc, char **argv)
{
    FixtureSettings usual = with(5, 5), never = with(-1, 5), at_once = with(5, 0);

    g_test_init(&argc, &argv, NULL);
#define ADD(settings, claim) FIXTURE_ADD("/rpc/keepalive/", &settings, claim)
    ADD(usual, a_ping_is_answered);
    ADD(usual, a_pong_is_not_answered);
    ADD(usual, who_did_not_ask_is_never_pinged_and_never_dead);
    ADD(usual, who_asked_is_pinged_after_each_interval);
    ADD(usual, who_is_silent_one_interval_longer_than_the_pings_is_dead);
    ADD(usual, anything_that_is_heard_counts_as_life);
    ADD(at_once, with_a_count_of_zero_the_first_silence_is_the_last);
    ADD(never, without_an_interval_nobody_is_pinged);
    ADD(usual, who_is_held_back_is_pinged_but_not_dead);
    ADD(usual, silence_counts_anew_when_frames_are_taken_again);
    ADD(usual, who_reads_nothing_for_too_long_is_disconnected);
    ADD(usual, who_reads_a_little_now_and_then_stays);
    return g_test_run();
}
