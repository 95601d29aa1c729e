/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The admin program by themes: admin.c has the connection, the log and the daemon's life, admin-server.c the
 * workers and limits of a server, admin-client.c its clients; control.c has what droverctl asks. */
#pragma once

#include "rpc/admin-types.h"
#include "server/server.h"

typedef struct AdminSession {
    Server *server;
    Client *client;
    bool open;    /* relaxed atomic */
} AdminSession;

/* Answers one procedure: 0, or -1 and call->error. Waits for nothing but on a worker: in client.get_info and
 * server.update_tls_files. */
typedef int (*AdminOp)(AdminSession *session, Call *call, const void *args, void *result);

/* --- admin.c -------------------------------------------------------------------------------- */
enum { ADMIN_SERVERS = 2 };
/* The servers as virt-admin sees them, in order. */
Service *admin_service_at(const AdminSession *session, unsigned i);
/* By name; NULL and VIR_ERR_NO_SERVER. */
Service *admin_find_service(const AdminSession *session, Call *call, const char *name);
/* The check of the one argument that every procedure has: no flag is known. -1 and VIR_ERR_INVALID_ARG. */
int admin_check_flags(Call *call, uint32_t flags);

/* --- admin-audit.c -------------------------------------------------------------------------- */
typedef enum AuditWhen { AUDIT_BEFORE, AUDIT_DONE, AUDIT_FAILED } AuditWhen;
/* Writes a line when the call changes the server and changes are audited. `args` NULL: they couldn't be read. One of the log
 * comes before it has taken effect as well, since none may come after it. */
void admin_audit(const AdminSession *session, const Call *call, const void *args, AuditWhen when);

/* --- admin-server.c ------------------------------------------------------------------------- */
int admin_get_workers(AdminSession *session, Call *call, const void *args, void *result);
int admin_set_workers(AdminSession *session, Call *call, const void *args, void *result);
int admin_get_limits(AdminSession *session, Call *call, const void *args, void *result);
int admin_set_limits(AdminSession *session, Call *call, const void *args, void *result);
int admin_update_tls(AdminSession *session, Call *call, const void *args, void *result);

/* --- admin-client.c ------------------------------------------------------------------------- */
int admin_list_clients(AdminSession *session, Call *call, const void *args, void *result);
int admin_lookup_client(AdminSession *session, Call *call, const void *args, void *result);
int admin_client_info(AdminSession *session, Call *call, const void *args, void *result);
int admin_client_close(AdminSession *session, Call *call, const void *args, void *result);

/* --- control.c ------------------------------------------------------------------------------ */
int control_list_use(AdminSession *session, Call *call, const void *args, void *result);
int control_list_calls(AdminSession *session, Call *call, const void *args, void *result);
/* --- control-explain.c ---------------------------------------------------------------------- */
int control_explain(AdminSession *session, Call *call, const void *args, void *result);

/* --- control-locks.c ------------------------------------------------------------------------ */
int control_lock_profile(AdminSession *session, Call *call, const void *args, void *result);
int control_lock_reset(AdminSession *session, Call *call, const void *args, void *result);
