/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Becoming a daemon. Runs on the main thread; daemon_fork before there is another one. No lock.
 * A claim is an flock(2) that the kernel drops with the process, so nothing stale can stand in the
 * way of the next start: of the directories themselves, and of the pid file. */
#include "server/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/descriptor.h"
#include "base/i18n.h"

/* --- the background -------------------------------------------------------------------------- */

/* The parent's part: never returns. */
G_GNUC_NORETURN static void parent_wait(int ready, pid_t child)
{
    int status = 0;
    ssize_t n;
    char byte;

    do
        n = read(ready, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        _exit(EXIT_SUCCESS);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    _exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

int daemon_fork(int *ready, Error *error)
{
    int ends[2];
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot go into the background"));
    fflush(NULL);
    child = fork();
    if (child < 0) {
        error_set_errno(error, VIR_FROM_NONE, errno, _("cannot go into the background"));
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    if (child > 0) {
        close(ends[1]);
        parent_wait(ends[0], child);
    }
    close(ends[0]);
    setsid();
    *ready = ends[1];
    return 0;
}

void daemon_ready(int ready)
{
    AUTO_FD nowhere = -1;
    ssize_t n;

    if (ready < 0)
        return;
    if (chdir("/") < 0)
        fprintf(stderr, "%s: %s\n", g_get_prgname() ? g_get_prgname() : "droverd", g_strerror(errno));
    nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere >= 0)
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
            dup2(nowhere, fd);
    do
        n = write(ready, "", 1);
    while (n < 0 && errno == EINTR);
    close(ready);
}

/* --- the only one ----------------------------------------------------------------------------- */

struct Instance {
    int run_fd, config_fd;    /* locked directories */
    int pid_fd;               /* locked file */
    char *pid_file;
};

/* The process id in a pid file, 0 when there is none to be read. */
static int pid_file_read(const char *pid_file)
{
    AUTO_FD fd = open(pid_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char text[32];
    ssize_t n;

    n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    return MAX((int)g_ascii_strtoll(text, NULL, 10), 0);
}

/* `what` is locked by another process: says so, with its id when the pid file tells it. */
static int instance_is_held(const char *what, const char *pid_file, Error *error)
{
    int pid = pid_file_read(pid_file);

    if (pid)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_OPERATION_INVALID,
                         _("another droverd, process %d, is running on '%s'"), pid, what);
    return error_set(error, VIR_FROM_NONE, VIR_ERR_OPERATION_INVALID, _("another droverd is running on '%s'"), what);
}

/* Makes and locks a directory; its descriptor, or -1 and an error. */
static int directory_claim(const char *path, int mode, const char *pid_file, Error *error)
{
    AUTO_FD fd = -1;
    int claimed;

    if (g_mkdir_with_parents(path, mode) < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot make the directory '%s'"), path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot open the directory '%s'"), path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return instance_is_held(path, pid_file, error);
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot lock the directory '%s'"), path);
    }
    claimed = descriptor_own(fd);
    fd = -1;
    return claimed;
}

/* Whether the path still leads to the file we have locked: its former owner may just have removed it. */
static bool pid_file_is(const char *path, int fd)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

static int pid_file_claim(const char *path, Error *error)
{
    for (;;) {
        AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        int claimed;

        if (fd < 0)
            return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot open the pid file '%s'"), path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno == EWOULDBLOCK)
                return instance_is_held(path, path, error);
            return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot lock the pid file '%s'"), path);
        }
        if (!pid_file_is(path, fd))
            continue;
        if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
            return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot write the pid file '%s'"), path);
        claimed = descriptor_own(fd);
        fd = -1;
        return claimed;
    }
}

Instance *instance_claim(const Config *config, const char *pid_file, Error *error)
{
    g_autoptr(Instance) instance = g_new0(Instance, 1);
    g_autofree char *path = pid_file ? g_canonicalize_filename(pid_file, NULL)
                                     : g_build_filename(config->unix_sock_dir, "droverd.pid", NULL);
    /* One directory for both is locked once: a second lock would be our own way barred. */
    bool same = strcmp(config->unix_sock_dir, config->config_dir) == 0;

    *instance = (Instance){ -1, -1, -1, NULL };
    /* Others must be able to reach the read-only socket, and nobody the definitions. */
    instance->run_fd = directory_claim(config->unix_sock_dir, 0755, path, error);
    if (instance->run_fd < 0)
        return NULL;
    instance->config_fd = same ? -1 : directory_claim(config->config_dir, 0700, path, error);
    if (instance->config_fd < 0 && !same)
        return NULL;
    instance->pid_fd = pid_file_claim(path, error);
    if (instance->pid_fd < 0)
        return NULL;
    instance->pid_file = g_steal_pointer(&path);
    return g_steal_pointer(&instance);
}

void instance_release(Instance *instance)
{
    if (!instance)
        return;
    /* Removed while it is locked, so that it can't be the next one's. */
    if (instance->pid_file)
        unlink(instance->pid_file);
    auto_close(&instance->pid_fd);
    auto_close(&instance->config_fd);
    auto_close(&instance->run_fd);
    g_free(instance->pid_file);
    g_free(instance);
}

/* --- descriptors ------------------------------------------------------------------------------- */

uint64_t daemon_raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            limit.rlim_cur = before;
    }
    return limit.rlim_cur;
}
