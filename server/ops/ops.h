/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations that the server answers itself, and those that are more than one of a driver's. Each has the
 * signature of Hand.run; arguments and result are the structs of its procedure. */
#pragma once

#include "server/server.h"

/* connect.c */
int connect_open(Op *op, const void *args, void *result);
int connect_close(Op *op, const void *args, void *result);
int connect_supports_feature(Op *op, const void *args, void *result);
int connect_get_type(Op *op, const void *args, void *result);
int connect_get_uri(Op *op, const void *args, void *result);
int connect_get_lib_version(Op *op, const void *args, void *result);
int close_callback_accept(Op *op, const void *args, void *result);
int domain_event_register_any(Op *op, const void *args, void *result);
int domain_event_deregister_any(Op *op, const void *args, void *result);
int domain_event_register_legacy(Op *op, const void *args, void *result);
int domain_event_deregister_legacy(Op *op, const void *args, void *result);
int domain_event_register_oldest(Op *op, const void *args, void *result);
int domain_event_deregister_oldest(Op *op, const void *args, void *result);

/* auth.c */
int auth_list(Op *op, const void *args, void *result);
int auth_refuse(Op *op, const void *args, void *result);
bool auth_polkit_ask(Serve *serve);
int auth_sasl_init(Op *op, const void *args, void *result);
int auth_sasl_start(Op *op, const void *args, void *result);
int auth_sasl_step(Op *op, const void *args, void *result);

/* domain.c */
int define_prepare(Serve *serve);
int define_run(Op *op, const void *args, void *result);
bool define_offered(const Driver *driver);
int create_prepare(Serve *serve);
int create_run(Op *op, const void *args, void *result);
int restore_prepare(Serve *serve);
int restore_run(Op *op, const void *args, void *result);
bool restore_offered(const Driver *driver);
void claim_cancel(Serve *serve);
int start_run(Op *op, const void *args, void *result);
bool start_offered(const Driver *driver);
