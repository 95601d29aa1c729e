/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/state-sum.h promises: the CRC-32 of a part of a file, however it is cut. */
#include "conf/state-sum.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>
#include <zlib.h>

#include "base/auto.h"

enum { SIZE = 65 << 20 };    /* long enough for threads */

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

static void assert_sum(const StateSum *sum, const char *bytes, size_t size)
{
    g_assert_cmpuint(sum->size, ==, size);
    g_assert_cmphex(sum->crc, ==, crc32_z(0, (const Bytef *)bytes, size));
}

static void a_sum_is_that_of_the_bytes_however_they_are_cut(void)
{
    g_autofree char *bytes = g_malloc0(SIZE);
    AUTO_FD fd = sparse_file(bytes);
    StateSum whole = { 0 }, cut = { 0 }, none = { 0 };

    g_assert_cmpint(state_sum_add(&whole, fd, 5, SIZE - 5), ==, 0);
    assert_sum(&whole, bytes + 5, SIZE - 5);
    for (size_t at = 0; at < SIZE;) {
        size_t next = MIN(SIZE, at * 3 + 1000);

        g_assert_cmpint(state_sum_add(&cut, fd, at, next - at), ==, 0);
        at = next;
        assert_sum(&cut, bytes, at);
    }
    g_assert_cmpint(state_sum_add(&none, fd, 5, 0), ==, 0);
    assert_sum(&none, bytes, 0);
}

static void fewer_bytes_than_there_should_be_are_an_error(void)
{
    g_autofree char *bytes = g_malloc0(SIZE);
    AUTO_FD fd = sparse_file(bytes);
    StateSum sum = { 0 };

    g_assert_cmpint(state_sum_add(&sum, fd, 0, 100), ==, 0);
    errno = 0;
    g_assert_cmpint(state_sum_add(&sum, fd, 100, SIZE - 99), ==, -1);
    g_assert_cmpint(errno, ==, EIO);
    assert_sum(&sum, bytes, 100);
    g_assert_cmpint(state_sum_add(&sum, -1, 100, 1), ==, -1);
    g_assert_cmpint(errno, ==, EBADF);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf-state-sum/a_sum_is_that_of_the_bytes_however_they_are_cut",
                    a_sum_is_that_of_the_bytes_however_they_are_cut);
    g_test_add_func("/conf-state-sum/fewer_bytes_than_there_should_be_are_an_error",
                    fewer_bytes_than_there_should_be_are_an_error);
    return g_test_run();
}
