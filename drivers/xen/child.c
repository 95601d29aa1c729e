/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See child.h. Parent and child have a pair of sockets between them:
 *
 *   child    prove ──"proven"──▶ parent in time ──"go on"──▶ child goes on
 *                                parent too late ──killed──▶ it has done nothing: it goes on at its parent's word only
 *
 * Until then it dies with its parent: it has the descriptors of that one, and so long as it lives the clients of a droverd that
 * was killed would wait, and the next one find its locks on files taken. One that goes on gives those up. */
#include "drivers/xen/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/lock.h"
#include "base/log.h"

LOG_SOURCE("drivers.xen.child");

enum { LATE = -2 };

static bool say(int socket)
{
    ssize_t n;

    do
        n = send(socket, "", 1, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == 1;
}

static bool hear(int socket)
{
    char word;
    ssize_t n;

    do
        n = recv(socket, &word, 1, 0);
    while (n < 0 && errno == EINTR);
    return n == 1;
}

/* Our threads leave signals to the main thread, by blocking them. A device model that inherited that would never be told to
 * end, and its guest would keep its memory for as long as it runs. */
static void free_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The kernel tells of the end of the thread that has forked, which waits for this child as long as it lives. */
static void go_on_or_end(ChildProve *prove, void *data, int socket, pid_t parent)
{
    free_signals();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
    prove(data);
    if (!say(socket) || !hear(socket) || prctl(PR_SET_PDEATHSIG, 0) < 0)
        _exit(1);
    close(socket);
    descriptor_close_own();
}

static bool proven(int socket, int64_t patience)
{
    int64_t end = clock_now() + patience;
    struct pollfd wanted = { .fd = socket, .events = POLLIN };
    int64_t left;
    int n;

    do {
        left = MAX(end - clock_now(), 0);
        n = poll(&wanted, 1, (int)(left / CLOCK_MS + 1));
    } while (n < 0 && errno == EINTR);
    return n > 0 && hear(socket);
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* The child's id, 0 in the child, -1; or LATE: it was ended. */
static pid_t fork_once(ChildProve *prove, void *data, int64_t patience)
{
    pid_t pid, parent = getpid();
    int sockets[2], errnum;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        return -1;
    pid = fork();
    errnum = errno;
    if (pid == 0) {
        close(sockets[0]);
        go_on_or_end(prove, data, sockets[1], parent);
        return 0;
    }
    close(sockets[1]);
    if (pid > 0 && (!proven(sockets[0], patience) || !say(sockets[0]))) {
        end(pid);
        pid = LATE;
    }
    close(sockets[0]);
    errno = errnum;
    return pid;
}

pid_t child_fork(ChildProve *prove, void *data, int64_t patience)
{
    pid_t pid;

    lock_assert_none();
    for (int i = 0; i < CHILD_TRIES; i++, patience *= 2) {
        pid = fork_once(prove, data, patience);
        if (pid != LATE)
            return pid;
        log_info("a lock was held when a child was forked, or the machine is slow; it is forked again");
    }
    errno = EDEADLK;
    return -1;
}
