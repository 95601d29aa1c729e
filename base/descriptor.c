/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See descriptor.h. */
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

int descriptor_own(int fd)
{
    int errnum = errno, own = fd < 0 || fd >= DESCRIPTOR_OWN ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, DESCRIPTOR_OWN);

#ifdef __SANITIZE_THREAD__
    /* It takes no notice of fcntl, and would lose sight of the order that a socket makes between threads. */
    if (own >= 0)
        dup3(fd, own, O_CLOEXEC);
#endif
    if (own >= 0)
        close(fd);
    errno = errnum;
    return own < 0 ? fd : own;
}

void descriptor_close_own(void)
{
    close_range(DESCRIPTOR_OWN, UINT_MAX, 0);
}
