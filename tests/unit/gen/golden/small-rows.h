/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs, small.procs; change those.
 * The rows of the small program. */
#pragma once

#include "rpc/proc.h"
#include "rpc/small-types.h"

extern const Program small_program;

/* The events that a client can subscribe to, by family and id. */
#define SMALL_EVENTS 2
extern const ProcEvent small_events[SMALL_EVENTS];
