/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread that goes after a file which somebody else is writing, from front to back: it sums what is there already and lets the
 * disk begin with it, so that when the writer has come to the end little is left to do. For stream.c alone. The caller's
 * thread starts and ends it and looks at nothing of it meanwhile. */
#pragma once

#include "conf/state-sum.h"

typedef struct XenFollower XenFollower;

/* `fd` stays the caller's and must stay open until the end; what is summed begins at `offset`. NULL: there is no thread to
 * be had, and nothing is summed beforehand. */
XenFollower *xen_follow(int fd, uint64_t offset);
/* Ends it soon, without going after what is left. *sum: as far as it came; of nothing for NULL, or when it could not read. */
void xen_follow_end(XenFollower *follower, StateSum *sum);
