/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames as bytes: which lengths are frames, where one ends, and the error struct. */
#include "rpc/frame.h"

static FrameState look(uint32_t length, uint32_t type, size_t available, size_t *size, unsigned *n_fds)
{
    uint8_t bytes[64] = { 0 };

    xdr_store32(bytes, length);
    xdr_store32(bytes + 16, type);
    return frame_look(bytes, available, size, n_fds);
}

static void lengths_below_a_header_are_broken(void)
{
    static const uint32_t lengths[] = { 0, 3, 4, 27 };
    size_t size;
    unsigned n_fds;

    for (unsigned i = 0; i < G_N_ELEMENTS(lengths); i++)
        g_assert_cmpint(look(lengths[i], FRAME_CALL, 28, &size, &n_fds), ==, FRAME_BROKEN);
}

static void the_smallest_frame_is_a_header(void)
{
    size_t size;
    unsigned n_fds;

    g_assert_cmpint(look(28, FRAME_CALL, 28, &size, &n_fds), ==, FRAME_COMPLETE);
    g_assert_cmpuint(size, ==, 28);
}

static void the_largest_frame_is_waited_for_and_one_more_byte_is_broken(void)
{
    size_t size;
    unsigned n_fds;

    g_assert_cmpint(look(33554436, FRAME_CALL, 28, &size, &n_fds), ==, FRAME_INCOMPLETE);
    g_assert_cmpuint(size, ==, 33554436);
    g_assert_cmpint(look(33554437, FRAME_CALL, 4, &size, &n_fds), ==, FRAME_BROKEN);
}

static void a_size_is_unknown_until_the_length_word_is_there(void)
{
    size_t size;
    unsigned n_fds;

    for (size_t available = 0; available < 4; available++) {
        g_assert_cmpint(look(28, FRAME_CALL, available, &size, &n_fds), ==, FRAME_INCOMPLETE);
        g_assert_cmpuint(size, ==, 0);
    }
}

static void descriptors_add_a_byte_each_behind_the_frame(void)
{
    uint8_t bytes[40] = { 0 };
    size_t size;
    unsigned n_fds;

    xdr_store32(bytes, 32);
    xdr_store32(bytes + 16, FRAME_CALL_WITH_FDS);
    xdr_store32(bytes + 28, 2);
    g_assert_cmpint(frame_look(bytes, 32, &size, &n_fds), ==, FRAME_INCOMPLETE);
    g_assert_cmpuint(size, ==, 34);
    g_assert_cmpint(frame_look(bytes, 34, &size, &n_fds), ==, FRAME_COMPLETE);
    g_assert_cmpuint(n_fds, ==, 2);
    xdr_store32(bytes + 28, FRAME_FDS_MAX + 1);
    g_assert_cmpint(frame_look(bytes, 34, &size, &n_fds), ==, FRAME_BROKEN);
}

static void a_header_survives_the_way_out_and_in(void)
{
    FrameHeader in = { 0x20008086, 1, 34, FRAME_REPLY, 77, FRAME_OK }, out;
    XdrOut buffer;

    xdr_out_init(&buffer, NULL, 0);
    g_assert_true(frame_end(&buffer, frame_begin(&buffer, &in)));
    g_assert_cmpuint(xdr_load32(buffer.data), ==, FRAME_HEADER_SIZE);
    frame_header_get(buffer.data, &out);
    g_assert_cmpmem(&in, sizeof in, &out, sizeof out);
    xdr_out_deinit(&buffer);
}

/* go-libvirt skips the optional flag of the message, so there must always be one. */
static void an_error_always_has_a_message(void)
{
    Error error = ERROR_INIT;
    XdrOut buffer;

    error.code = VIR_ERR_NO_DOMAIN;
    error.domain = VIR_FROM_TEST;
    xdr_out_init(&buffer, NULL, 0);
    frame_put_error(&buffer, (FrameHeader){ .type = FRAME_REPLY }, &error);
    g_assert_cmpuint(xdr_load32(buffer.data + 24), ==, FRAME_ERROR);
    g_assert_cmpuint(xdr_load32(buffer.data + 28), ==, VIR_ERR_NO_DOMAIN);
    g_assert_cmpuint(xdr_load32(buffer.data + 32), ==, VIR_FROM_TEST);
    g_assert_cmpuint(xdr_load32(buffer.data + 36), ==, 1);
    g_assert_cmpuint(xdr_load32(buffer.data + 40), >, 0);
    xdr_out_deinit(&buffer);
}

static void an_error_without_a_code_is_never_sent(void)
{
    Error error = ERROR_INIT;
    XdrOut buffer;

    xdr_out_init(&buffer, NULL, 0);
    frame_put_error(&buffer, (FrameHeader){ .type = FRAME_REPLY }, &error);
    g_assert_cmpuint(xdr_load32(buffer.data + 28), ==, VIR_ERR_INTERNAL_ERROR);
    xdr_out_deinit(&buffer);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/rpc/frame/" #claim, claim)
    ADD(lengths_below_a_header_are_broken);
    ADD(the_smallest_frame_is_a_header);
    ADD(the_largest_frame_is_waited_for_and_one_more_byte_is_broken);
    ADD(a_size_is_unknown_until_the_length_word_is_there);
    ADD(descriptors_add_a_byte_each_behind_the_frame);
    ADD(a_header_survives_the_way_out_and_in);
    ADD(an_error_always_has_a_message);
    ADD(an_error_without_a_code_is_never_sent);
    return g_test_run();
}
