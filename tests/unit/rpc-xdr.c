/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests rpc/xdr.c: bytes as they stand on the wire, the limits, and where strings end up.
 * Every input lies at the end of an allocation of its exact size, so that a sanitizer sees a read behind it. */
#include "rpc/xdr.h"

#include <glib.h>

typedef struct Input {
    Arena arena;
    uint8_t *data;
    XdrIn in;
} Input;

static void input_init(Input *input, const void *data, size_t size)
{
    arena_init(&input->arena, NULL, 0);
    input->data = g_memdup2(data, size);
    input->in = (XdrIn){ .at = input->data, .end = input->data + size, .arena = &input->arena };
}

static void input_deinit(Input *input)
{
    arena_reset(&input->arena);
    g_free(input->data);
}

#define INPUT(name, bytes) \
    Input name; \
    input_init(&name, bytes, sizeof(bytes) - 1)

static void assert_bytes(const XdrOut *out, const void *bytes, size_t size)
{
    g_assert_cmpmem(out->data, out->size, bytes, size);
}

static void words_are_big_endian(void)
{
    INPUT(input, "\x01\x02\x03\x04\xff\xff\xff\xfe\x00\x00\x00\x01\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff");
    uint32_t u = 0;
    int32_t i = 0;
    uint64_t uh = 0;
    int64_t h = 0;

    g_assert_true(xdr_get_uint(&input.in, &u));
    g_assert_cmphex(u, ==, 0x01020304);
    g_assert_true(xdr_get_int(&input.in, &i));
    g_assert_cmpint(i, ==, -2);
    g_assert_true(xdr_get_uhyper(&input.in, &uh));
    g_assert_cmphex(uh, ==, 0x100000002);
    g_assert_true(xdr_get_hyper(&input.in, &h));
    g_assert_cmpint(h, ==, -1);
    g_assert_true(input.in.at == input.in.end);
    input_deinit(&input);
}

static void word_cut_short_is_refused(void)
{
    INPUT(three, "\x00\x00\x00");
    INPUT(seven, "\x00\x00\x00\x00\x00\x00\x00");
    uint32_t u;
    uint64_t uh;

    g_assert_false(xdr_get_uint(&three.in, &u));
    g_assert_cmpstr(three.in.failed, ==, "message cut short");
    g_assert_false(xdr_get_uhyper(&seven.in, &uh));
    input_deinit(&three);
    input_deinit(&seven);
}

static void first_cause_is_kept(void)
{
    INPUT(input, "\xff\xff\xff\xff");
    char *text;
    uint32_t u;

    g_assert_false(xdr_get_string(&input.in, &text, 10));
    g_assert_false(xdr_get_uint(&input.in, &u));
    g_assert_cmpstr(input.in.failed, ==, "string longer than allowed");
    input_deinit(&input);
}

static void small_numbers_take_four_bytes_and_are_cut(void)
{
    INPUT(input, "\x00\x00\x00\x41\x00\x00\x01\x07\x00\x01\x00\x05\xff\xff\xff\xff");
    char c, negative;
    uint8_t byte;
    uint16_t word;

    g_assert_true(xdr_get_char(&input.in, &c));
    g_assert_true(xdr_get_uchar(&input.in, &byte));
    g_assert_true(xdr_get_ushort(&input.in, &word));
    g_assert_true(xdr_get_char(&input.in, &negative));
    g_assert_cmpint(c, ==, 'A');
    g_assert_cmpuint(byte, ==, 7);
    g_assert_cmpuint(word, ==, 5);
    g_assert_cmpint((signed char)negative, ==, -1);
    input_deinit(&input);
}

static void double_survives_the_way(void)
{
    XdrOut out;
    XdrIn in;
    double v = 0;

    xdr_out_init(&out, NULL, 0);
    xdr_put_double(&out, -1.5);
    assert_bytes(&out, "\xbf\xf8\x00\x00\x00\x00\x00\x00", 8);
    in = (XdrIn){ .at = out.data, .end = out.data + out.size };
    g_assert_true(xdr_get_double(&in, &v));
    g_assert_true(v == -1.5);
    xdr_out_deinit(&out);
}

static void padded_string_ends_in_its_padding(void)
{
    INPUT(input, "\x00\x00\x00\x05" "vm-11\x00\x00\x00");
    char *text;

    g_assert_true(xdr_get_string(&input.in, &text, 5));
    g_assert_cmpstr(text, ==, "vm-11");
    g_assert_true((uint8_t *)text == input.data + 4);
    g_assert_true(input.in.at == input.in.end);
    input_deinit(&input);
}

static void whole_string_moves_over_its_length(void)
{
    INPUT(input, "\x00\x00\x00\x04" "vm-1" "\x00\x00\x00\x09");
    char *text;
    uint32_t next = 0;

    g_assert_true(xdr_get_string(&input.in, &text, 4));
    g_assert_cmpstr(text, ==, "vm-1");
    g_assert_true((uint8_t *)text == input.data);
    g_assert_true(xdr_get_uint(&input.in, &next));
    g_assert_cmpuint(next, ==, 9);
    input_deinit(&input);
}

static void empty_string_is_empty(void)
{
    INPUT(input, "\x00\x00\x00\x00");
    char *text;

    g_assert_true(xdr_get_string(&input.in, &text, 0));
    g_assert_cmpstr(text, ==, "");
    g_assert_true(input.in.at == input.in.end);
    input_deinit(&input);
}

static void string_with_nul_is_cut_there(void)
{
    INPUT(input, "\x00\x00\x00\x06" "a\0bcde\x00\x00");
    char *text;

    g_assert_true(xdr_get_string(&input.in, &text, 100));
    g_assert_cmpstr(text, ==, "a");
    g_assert_true(input.in.at == input.in.end);
    input_deinit(&input);
}

static void string_without_its_padding_is_refused(void)
{
    INPUT(input, "\x00\x00\x00\x05" "vm-11");
    char *text;

    g_assert_false(xdr_get_string(&input.in, &text, 100));
    input_deinit(&input);
}

static void string_of_the_limit_passes_and_one_more_does_not(void)
{
    INPUT(fits, "\x00\x00\x00\x03" "abc\x00");
    INPUT(long_one, "\x00\x00\x00\x04" "abcd");
    char *text;

    g_assert_true(xdr_get_string(&fits.in, &text, 3));
    g_assert_false(xdr_get_string(&long_one.in, &text, 3));
    g_assert_cmpstr(long_one.in.failed, ==, "string longer than allowed");
    input_deinit(&fits);
    input_deinit(&long_one);
}

static void huge_string_length_is_refused(void)
{
    INPUT(input, "\xff\xff\xff\xff" "abcd");
    char *text;

    g_assert_false(xdr_get_string(&input.in, &text, UINT32_MAX));
    g_assert_cmpstr(input.in.failed, ==, "message cut short");
    input_deinit(&input);
}

static void count_needs_bytes_for_its_elements(void)
{
    INPUT(enough, "\x00\x00\x00\x02" "12345678");
    INPUT(missing, "\x00\x00\x00\x03" "12345678");
    INPUT(huge, "\xff\xff\xff\xff" "12345678");
    uint32_t n;

    g_assert_true(xdr_get_count(&enough.in, &n, 16, 4));
    g_assert_cmpuint(n, ==, 2);
    g_assert_false(xdr_get_count(&missing.in, &n, 16, 4));
    g_assert_cmpstr(missing.in.failed, ==, "message cut short");
    g_assert_false(xdr_get_count(&huge.in, &n, UINT32_MAX, 8));
    input_deinit(&enough);
    input_deinit(&missing);
    input_deinit(&huge);
}

static void count_above_the_limit_is_refused(void)
{
    INPUT(input, "\x00\x00\x00\x03" "123456789012");
    uint32_t n;

    g_assert_false(xdr_get_count(&input.in, &n, 2, 4));
    g_assert_cmpstr(input.in.failed, ==, "more elements than allowed");
    input_deinit(&input);
}

static void any_flag_but_zero_means_present(void)
{
    INPUT(input, "\x01\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00");
    bool present;

    g_assert_true(xdr_get_present(&input.in, &present));
    g_assert_true(present);
    g_assert_true(xdr_get_present(&input.in, &present));
    g_assert_true(present);
    g_assert_true(xdr_get_present(&input.in, &present));
    g_assert_false(present);
    input_deinit(&input);
}

static void opaque_points_into_the_message(void)
{
    INPUT(input, "\x00\x00\x00\x05" "12345\x00\x00\x00");
    INPUT(cut, "\x00\x00\x00\x05" "12345");
    INPUT(large, "\x00\x00\x00\x05" "12345\x00\x00\x00");
    XdrBytes bytes;

    g_assert_true(xdr_get_opaque(&input.in, &bytes, 5));
    g_assert_cmpmem(bytes.data, bytes.size, "12345", 5);
    g_assert_true(bytes.data == input.data + 4);
    g_assert_true(input.in.at == input.in.end);
    g_assert_false(xdr_get_opaque(&cut.in, &bytes, 5));
    g_assert_false(xdr_get_opaque(&large.in, &bytes, 4));
    input_deinit(&input);
    input_deinit(&cut);
    input_deinit(&large);
}

static void fixed_opaque_skips_its_padding(void)
{
    INPUT(input, "123456\xff\xff");
    uint8_t data[6];

    g_assert_true(xdr_get_opaque_fixed(&input.in, data, 6));
    g_assert_cmpmem(data, 6, "123456", 6);
    g_assert_true(input.in.at == input.in.end);
    input_deinit(&input);
}

static void strings_and_opaque_are_padded_with_zeros(void)
{
    uint8_t lent[64];
    XdrOut out;
    XdrBytes bytes = { (uint8_t *)"12345", 5 }, none = { NULL, 0 };

    memset(lent, 0xff, sizeof(lent));
    xdr_out_init(&out, lent, sizeof(lent));
    g_assert_true(xdr_put_string(&out, "abcde", 5));
    g_assert_true(xdr_put_opaque(&out, &bytes, 5));
    g_assert_true(xdr_put_opaque(&out, &none, 5));
    xdr_put_opaque_fixed(&out, (const uint8_t *)"xyz", 3);
    assert_bytes(&out, "\0\0\0\5abcde\0\0\0" "\0\0\0\5" "12345\0\0\0" "\0\0\0\0" "xyz\0", 32);
    g_assert_true(out.lent);
    xdr_out_deinit(&out);
}

static void result_above_a_limit_is_refused(void)
{
    XdrOut out;
    XdrBytes bytes = { (uint8_t *)"12345", 5 };
    XdrEncoded encoded = { .n = 3 };

    xdr_out_init(&out, NULL, 0);
    g_assert_false(xdr_put_count(&out, 3, 2));
    g_assert_cmpstr(out.failed, ==, "more elements than allowed");
    g_assert_false(xdr_put_string(&out, "abc", 2));
    g_assert_false(xdr_put_opaque(&out, &bytes, 4));
    g_assert_false(xdr_put_encoded(&out, &encoded, 2));
    g_assert_cmpstr(out.failed, ==, "more elements than allowed");
    xdr_out_deinit(&out);
}

static void encoded_elements_are_copied_piece_by_piece(void)
{
    XdrPiece pieces[] = { { (const uint8_t *)"one.", 4 }, { (const uint8_t *)"two.three...", 12 } };
    XdrEncoded encoded = { .n = 3, .n_pieces = 2, .pieces = pieces };
    XdrOut out;

    xdr_out_init(&out, NULL, 0);
    g_assert_true(xdr_put_encoded(&out, &encoded, 3));
    assert_bytes(&out, "\0\0\0\3one.two.three...", 20);
    xdr_out_deinit(&out);
}

static void growing_leaves_lent_memory_alone(void)
{
    uint8_t lent[8];
    XdrOut out;

    xdr_out_init(&out, lent, sizeof(lent));
    xdr_put_uint(&out, 1);
    xdr_put_uint(&out, 2);
    g_assert_true(out.data == lent);
    for (uint32_t i = 3; i < 1000; i++)
        xdr_put_uint(&out, i);
    g_assert_false(out.lent);
    g_assert_cmpuint(out.size, ==, 999 * 4);
    for (uint32_t i = 1; i < 1000; i++)
        g_assert_cmpuint(xdr_load32(out.data + (i - 1) * 4), ==, i);
    g_assert_cmpuint(xdr_load32(lent + 4), ==, 2);
    xdr_out_deinit(&out);
}

static void one_large_piece_grows_at_once(void)
{
    XdrOut out;

    xdr_out_init(&out, NULL, 0);
    memset(xdr_reserve(&out, 100000), 'x', 100000);
    g_assert_cmpuint(out.size, ==, 100000);
    g_assert_cmpuint(out.capacity, >=, 100000);
    xdr_out_deinit(&out);
}

#define TEST(name) g_test_add_func("/rpc/xdr/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(words_are_big_endian);
    TEST(word_cut_short_is_refused);
    TEST(first_cause_is_kept);
    TEST(small_numbers_take_four_bytes_and_are_cut);
    TEST(double_survives_the_way);
    TEST(padded_string_ends_in_its_padding);
    TEST(whole_string_moves_over_its_length);
    TEST(empty_string_is_empty);
    TEST(string_with_nul_is_cut_there);
    TEST(string_without_its_padding_is_refused);
    TEST(string_of_the_limit_passes_and_one_more_does_not);
    TEST(huge_string_length_is_refused);
    TEST(count_needs_bytes_for_its_elements);
    TEST(count_above_the_limit_is_refused);
    TEST(any_flag_but_zero_means_present);
    TEST(opaque_points_into_the_message);
    TEST(fixed_opaque_skips_its_padding);
    TEST(strings_and_opaque_are_padded_with_zeros);
    TEST(result_above_a_limit_is_refused);
    TEST(encoded_elements_are_copied_piece_by_piece);
    TEST(growing_leaves_lent_memory_alone);
    TEST(one_large_piece_grows_at_once);
    return g_test_run();
}
