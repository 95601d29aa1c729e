/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/state-sum.h promises: the checksum of a part of a file, however it is cut. */
#include "conf/state-sum.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>
#include <xxhash.h>
#include <zlib.h>

#include "base/auto.h"

enum { SIZE = 65 << 20 };    /* long enough for threads, and no whole number of pieces from 5 on */

/* Nearly all zeroes, in a file that takes no room, with something here and there. */
static int sparse_file(char *bytes)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("drover-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_cmpint(ftruncate(fd, SIZE), ==, 0);
    for (size_t at = 17; at < SIZE; at += 3333333) {
        g_assert_cmpint(pwrite(fd, "some words", 10, (off_t)at), ==, 10);
        memcpy(bytes + at, "some words", 10);
    }
    return fd;
}

/* The sum as the header file defines it. */
static uint64_t sum_of(const char *bytes, size_t size)
{
    uint64_t sum = 0;

    for (size_t at = 0; at < size; at += STATE_SUM_PIECE)
        sum += XXH64(bytes + at, MIN(size - at, STATE_SUM_PIECE), at / STATE_SUM_PIECE);
    return sum;
}

static void assert_sum(const StateSum *sum, const char *bytes, size_t size)
{
    g_assert_cmpuint(sum->size, ==, size);
    g_assert_cmphex(sum->value, ==, sum_of(bytes, size));
}

static void a_sum_is_that_of_the_bytes_however_they_are_cut(void)
{
    g_autofree char *bytes = g_malloc0(SIZE);
    AUTO_FD fd = sparse_file(bytes);
    StateSum whole = { 0 }, cut = { 0 }, none = { 0 };

    g_assert_cmpint(state_sum_add(&whole, fd, 5, SIZE - 5), ==, 0);
    assert_sum(&whole, bytes + 5, SIZE - 5);
    for (size_t at = 0; at < SIZE;) {
        size_t next = MIN(SIZE, at * 3 + STATE_SUM_PIECE);

        g_assert_cmpint(state_sum_add(&cut, fd, at, next - at), ==, 0);
        at = next;
        assert_sum(&cut, bytes, at);
    }
    g_assert_cmpint(state_sum_add(&none, fd, 5, 0), ==, 0);
    assert_sum(&none, bytes, 0);
}

/* Zeroes are alike wherever they are: what is summed is also where they stand. */
static void pieces_that_have_changed_places_are_noticed(void)
{
    g_autofree char *bytes = g_malloc0(SIZE), *piece = g_malloc0(STATE_SUM_PIECE);
    AUTO_FD fd = sparse_file(bytes);
    StateSum before = { 0 }, after = { 0 };

    g_assert_cmpint(state_sum_add(&before, fd, 0, SIZE), ==, 0);
    g_assert_cmpint(pwrite(fd, bytes, STATE_SUM_PIECE, STATE_SUM_PIECE), ==, STATE_SUM_PIECE);
    g_assert_cmpint(pwrite(fd, bytes + STATE_SUM_PIECE, STATE_SUM_PIECE, 0), ==, STATE_SUM_PIECE);
    g_assert_cmpint(memcmp(bytes, bytes + STATE_SUM_PIECE, STATE_SUM_PIECE), !=, 0);
    g_assert_cmpint(state_sum_add(&after, fd, 0, SIZE), ==, 0);
    g_assert_cmphex(before.value, !=, after.value);
}

static void nobody_goes_on_from_the_midst_of_a_piece(void)
{
    g_autofree char *bytes = g_malloc0(SIZE);
    AUTO_FD fd = sparse_file(bytes);
    StateSum sum = { 0 };

    g_assert_cmpint(state_sum_add(&sum, fd, 0, 100), ==, 0);
    g_assert_cmpint(state_sum_add(&sum, fd, 100, 0), ==, 0);
    errno = 0;
    g_assert_cmpint(state_sum_add(&sum, fd, 100, 1), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
    assert_sum(&sum, bytes, 100);
}

static void fewer_bytes_than_there_should_be_are_an_error(void)
{
    g_autofree char *bytes = g_malloc0(SIZE);
    AUTO_FD fd = sparse_file(bytes);
    StateSum sum = { 0 };
    uint32_t crc;

    g_assert_cmpint(state_sum_add(&sum, fd, 0, STATE_SUM_PIECE), ==, 0);
    errno = 0;
    g_assert_cmpint(state_sum_add(&sum, fd, STATE_SUM_PIECE, SIZE - STATE_SUM_PIECE + 1), ==, -1);
    g_assert_cmpint(errno, ==, EIO);
    assert_sum(&sum, bytes, STATE_SUM_PIECE);
    g_assert_cmpint(state_sum_add(&sum, -1, 0, 1), ==, -1);
    g_assert_cmpint(errno, ==, EBADF);
    g_assert_cmpint(state_sum_crc(fd, 1, SIZE, &crc), ==, -1);
    g_assert_cmpint(errno, ==, EIO);
}

static void older_images_have_a_crc(void)
{
    g_autofree char *bytes = g_malloc0(SIZE);
    AUTO_FD fd = sparse_file(bytes);
    uint32_t crc;

    g_assert_cmpint(state_sum_crc(fd, 5, SIZE - 5, &crc), ==, 0);
    g_assert_cmphex(crc, ==, crc32_z(0, (const Bytef *)bytes + 5, SIZE - 5));
    g_assert_cmpint(state_sum_crc(fd, 5, 0, &crc), ==, 0);
    g_assert_cmphex(crc, ==, 0);
}

#define TEST(name) g_test_add_func("/conf-state-sum/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(a_sum_is_that_of_the_bytes_however_they_are_cut);
    TEST(pieces_that_have_changed_places_are_noticed);
    TEST(nobody_goes_on_from_the_midst_of_a_piece);
    TEST(fewer_bytes_than_there_should_be_are_an_error);
    TEST(older_images_have_a_crc);
    return g_test_run();
}
