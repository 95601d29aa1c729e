/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics for Prometheus and its like: over HTTP on a UNIX socket and, when asked for, on a port of the loopback. */
#pragma once

#include "server/server.h"

typedef struct Metrics Metrics;

/* Listens as the configuration says and answers on threads of its own. NULL and an error when it can't; NULL and no error
 * when the configuration wants nothing. Main thread, when the hosts and the services are there. */
Metrics *metrics_start(Server *server, Error *error);
/* Ends the threads and disconnects whoever is being answered; before the hosts go. NULL is fine. */
void metrics_stop(Metrics *metrics);
