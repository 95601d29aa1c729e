/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics for Prometheus and its like: over HTTP on a UNIX socket and, when asked for, on a port of the loopback. */
#pragma once

#include "server/server.h"

typedef struct Metrics Metrics;

/* Listens as the configuration says and answers on threads of its own. NULL and an error when it can't; NULL and no error
 * when the configuration wants nothing. Main thread, when the hosts and the services are there. */
Metrics *metrics_start(Server *server, Error *error);
/* Ends the endpoints and disconnects whoever is being answered, then waits for drivers that still take the figures of their
 * domains, however long that lasts; before the hosts go. Main thread; NULL is fine. */
void metrics_stop(Metrics *metrics);
/* Writes to the log which drivers those are. Any thread; NULL is fine. */
void metrics_tell_stuck(Metrics *metrics);
/* Once it is stopped. NULL is fine. */
void metrics_free(Metrics *metrics);
