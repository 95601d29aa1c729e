/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Children of a process of many threads that go on in its own code, as libxl's do. A child has only the thread that forked. A
 * lock that another thread held just then is never released in it, and whoever wants it there waits for ever. libxencall and
 * libxentoolcore have such locks, for all their handles, and libxl destroys a domain in such a child. For hypervisor-libxl.c. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Takes and releases each lock that the child's code could want. Runs in the child only. */
typedef void ChildProve(void *data);

/* As fork(), but the child goes on only when `prove` has returned in it: then no lock is held there, and since the child has one
 * thread none ever will be without it. A child that doesn't get so far within `patience` (ns, above 0) is ended, and another one
 * is forked, with twice the patience; of those that were ended nothing is left, and the caller's code has not run in them.
 * -1: errno; EDEADLK after CHILD_TRIES children. A child that has not gone on yet dies with its parent. None of its signals is
 * blocked. Any thread, no lock may be held. */
pid_t child_fork(ChildProve *prove, void *data, int64_t patience);

enum { CHILD_TRIES = 8 };
