/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenlab-held-locks: preloaded into droverd, it makes sure that children are forked while libxencall's lock is held.
 *
 * libxencall gives the pages of its cache back while it holds that lock. One such munmap() of some waits here until another thread
 * forks, or for a while when none does. So what takes no time elsewhere, and is hardly ever met by a fork, is met again and again. */
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, LOOKS = 100, ONE_OF = 8 };

static atomic_int forks, pages;
static _Thread_local int forking;

int munmap(void *address, size_t size)
{
    const struct timespec ms = { .tv_nsec = 1000000 };
    int before = atomic_load(&forks);
    int waits = size == PAGE && !forking && atomic_fetch_add(&pages, 1) % ONE_OF == 0;

    for (int i = 0; waits && i < LOOKS && atomic_load(&forks) == before; i++)
        nanosleep(&ms, NULL);
    return (int)syscall(SYS_munmap, address, size);
}

extern pid_t __fork(void);    /* glibc's own name for it */

pid_t fork(void)
{
    pid_t pid;

    forking = 1;
    pid = __fork();
    if (pid != 0)
        forking = 0;    /* a child has nobody to wait for */
    atomic_fetch_add(&forks, 1);
    return pid;
}
