/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds out when a peer's process began, and that it is still that process. Any thread; takes no lock. */
#include "rpc/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* The 22nd field; the second is a name in parentheses that may hold anything. 0: not to be had. */
static uint64_t start_time_of(pid_t pid)
{
    char path[64], text[1024], *at;
    AUTO_FD fd = -1;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

/* A descriptor of a process becomes readable with its end. */
static int has_ended(int pid_fd)
{
    struct pollfd end = { .fd = pid_fd, .events = POLLIN };

    return poll(&end, 1, 0) != 0;
}

uint64_t peer_start_time(int fd, pid_t pid)
{
    AUTO_FD pid_fd = -1;
    socklen_t size = sizeof pid_fd;
    uint64_t start;

    if (pid <= 0)
        return 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pid_fd, &size) < 0)
        return start_time_of(pid);
    start = start_time_of(pid);
    return has_ended(pid_fd) ? 0 : start;    /* it has lived until now, so the number was its own when it was read */
}
