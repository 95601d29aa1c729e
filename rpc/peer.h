/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process at the other end of a UNIX socket. Any thread; takes no lock; reads /proc, which doesn't wait. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* When the process `pid` that is said to have connected `fd` began, in clock ticks since the start of the host, as polkit
 * counts: pid and start together name it for good, though numbers are used again. 0: it isn't there any more. Where the kernel
 * has SO_PEERPIDFD (Linux 6.5) this can't be another process that got the number meanwhile; elsewhere it could, if the client
 * ended between its connect(2) and now. */
uint64_t peer_start_time(int fd, pid_t pid);
