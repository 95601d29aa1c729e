/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets in the file system: how they come into their place and how they go from it. */
#include "server/socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Fixture {
    char *dir, *path;
    int fd;
    SocketFile *file;
    Error error;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->dir = g_dir_make_tmp("drover-socket-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "socket", NULL);
    f->error = (Error)ERROR_INIT;
    f->fd = socket_listen(f->path, 0640, NULL, 5, &f->file, &f->error);
    g_assert_cmpint(f->fd, >=, 0);
}

/* Fails when something else than what the test has removed is left. */
static void tear_down(Fixture *f, gconstpointer data)
{
    if (f->file)
        socket_unlink(f->file);
    if (f->fd >= 0)
        close(f->fd);
    error_clear(&f->error);
    g_assert_cmpint(rmdir(f->dir), ==, 0);
    g_free(f->path);
    g_free(f->dir);
}

static int dial(const Fixture *f)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r;

    g_strlcpy(address.sun_path, f->path, sizeof address.sun_path);
    r = connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return r;
}

static void it_listens_with_its_mode(Fixture *f, gconstpointer data)
{
    struct stat made;

    g_assert_cmpint(stat(f->path, &made), ==, 0);
    g_assert_true(S_ISSOCK(made.st_mode));
    g_assert_cmpuint(made.st_mode & 0777, ==, 0640);
    g_assert_cmpint(dial(f), ==, 0);
}

static void it_goes_with_the_server(Fixture *f, gconstpointer data)
{
    socket_unlink(g_steal_pointer(&f->file));
    g_assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
}

static void another_file_in_its_place_stays(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(unlink(f->path), ==, 0);
    g_assert_true(g_file_set_contents(f->path, "mine", -1, NULL));
    socket_unlink(g_steal_pointer(&f->file));
    g_assert_true(g_file_test(f->path, G_FILE_TEST_IS_REGULAR));
    g_assert_cmpint(unlink(f->path), ==, 0);
}

static void nothing_in_its_place_is_no_matter(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(unlink(f->path), ==, 0);
    socket_unlink(g_steal_pointer(&f->file));
}

static void one_that_nobody_serves_is_replaced(Fixture *f, gconstpointer data)
{
    SocketFile *old = g_steal_pointer(&f->file);

    close(f->fd);
    f->fd = socket_listen(f->path, 0600, NULL, 5, &f->file, &f->error);
    g_assert_cmpint(f->fd, >=, 0);
    g_assert_cmpint(dial(f), ==, 0);
    g_assert_true(old != f->file);
    socket_unlink(g_steal_pointer(&f->file));
    socket_unlink(old);
}

static void one_that_is_served_is_left_alone(Fixture *f, gconstpointer data)
{
    SocketFile *file = NULL;

    g_assert_cmpint(socket_listen(f->path, 0600, NULL, 5, &file, &f->error), ==, -1);
    g_assert_cmpint(f->error.code, ==, VIR_ERR_OPERATION_INVALID);
    g_assert_null(file);
    g_assert_cmpint(dial(f), ==, 0);
}

static void a_group_that_does_not_exist_leaves_nothing_behind(Fixture *f, gconstpointer data)
{
    SocketFile *file = NULL;

    socket_unlink(g_steal_pointer(&f->file));
    g_assert_cmpint(socket_listen(f->path, 0600, "nonesuch-group", 5, &file, &f->error), ==, -1);
    g_assert_cmpint(f->error.code, ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_null(file);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add("/server/socket/" #claim, Fixture, NULL, set_up, claim, tear_down)
    ADD(it_listens_with_its_mode);
    ADD(it_goes_with_the_server);
    ADD(another_file_in_its_place_stays);
    ADD(nothing_in_its_place_is_no_matter);
    ADD(one_that_nobody_serves_is_replaced);
    ADD(one_that_is_served_is_left_alone);
    ADD(a_group_that_does_not_exist_leaves_nothing_behind);
    return g_test_run();
}
