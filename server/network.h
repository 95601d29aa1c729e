/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ports that droverd listens on. */
#pragma once

#include "server/server.h"

/* Reads the certificates and opens the ports that the configuration asks for. Main thread, before rpc_start. 0, or -1
 * and an error. */
int network_open(Server *server, Error *error);
