/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ports that droverd listens on. */
#pragma once

#include "server/server.h"
#include "server/systemd.h"

/* What a setting of authentication asks for. */
ClientAuth network_auth(const char *setting);
/* The library of SASL and the thread for polkit, when some socket asks for them. Main thread, before the sockets are opened. 0, or -1 and an error. */
int network_prepare(Server *server, const GArray *sockets, Error *error);
/* Reads the certificates and opens the ports that the configuration asks for; those that systemd has handed over (`sockets`, of
 * ActivatedSocket, which are taken over) are served in their place, also when the configuration doesn't. Main thread, before
 * rpc_start. 0, or -1 and an error. */
int network_open(Server *server, const GArray *sockets, Error *error);
/* Takes the settings for TLS of a configuration that was read again, with their files; when those are bad the former ones stay,
 * with an alarm in the log. Main thread. */
void network_reload(Server *server, const Config *config);
/* Reads the certificates again, as `virt-admin server-update-tls` asks for: connections that begin later get them. Any
 * thread that may wait for a disk; no lock may be held. 0, or -1 and an error (VIR_ERR_OPERATION_INVALID when there is no
 * TLS here): the former certificates stay. */
int network_update_tls(Server *server, Error *error);
