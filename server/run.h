/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The running server between start and stop. Main thread. */
#pragma once

#include "server/server.h"

/* Makes everything, opens the sockets (or takes systemd's) and serves. NULL and an error otherwise.
 * The config is referenced. */
Server *server_start(Config *config, Error *error);
/* Takes over what may change while it runs: logging and limits. */
void server_reload(Server *server, Config *config);
/* Ends in order: no more connections and calls; what runs may finish for a few seconds, what waits for a domain is
 * told; then everything is closed and freed. */
void server_stop(Server *server);
