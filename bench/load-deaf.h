/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "load-report.h"

/* Clients that never read: subscribers to lifecycle events, and callers of lists of all domains. */
typedef struct Deaf Deaf;

/* Opens the connections; they are quiet until deaf_begin(). @pid: the server's, whose memory is watched. */
Deaf *deaf_new(const Target *target, unsigned subscribers, unsigned callers, pid_t pid);

/* Subscribes and sends the lists' calls, as many as the socket takes (at most 64 a connection). */
void deaf_begin(Deaf *deaf);

/* Looks which connections the server has closed, and how much memory it holds, without reading from any. */
void deaf_watch(Deaf *deaf, double seconds);

/* Member deaf. */
void deaf_report(const Deaf *deaf, Report *report);
void deaf_free(Deaf *deaf);
