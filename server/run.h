/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The running server between start and stop. Main thread, but where something else is said. */
#pragma once

#include "server/server.h"

/* Makes everything, opens the sockets (or takes systemd's) and serves. NULL and an error otherwise.
 * The config is referenced. */
Server *server_start(Config *config, Error *error);
/* Takes over what may change while it runs: logging and limits. */
void server_reload(Server *server, Config *config);
/* After so many seconds without any client the server is to end; 0: never. Wakes the main thread with SIGALRM. Any
 * thread. */
void server_set_idle_timeout(Server *server, unsigned seconds);
/* After how many nanoseconds to look again whether the server is to end; 0: it is; -1: there is no such time. */
int64_t server_idle_left(Server *server);
/* Ends in order: no more connections and calls; what runs may finish for a few seconds, what waits for a domain is
 * told; then everything is closed and freed. */
void server_stop(Server *server);
