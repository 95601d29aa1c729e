/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line in the log, and a record of the kernel's audit, for every call that changes something: who, from where, what, on which
 * object, and how it ended. Called by whichever thread ends the call; takes no lock but the log's, the records' and, for a
 * domain's name, its shard's, each alone. */
#include "server/server.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "rpc/remote-rows.h"
#include "server/audit-kernel.h"

LOG_SOURCE("server.audit");

char *audit_quoted(const char *text)
{
    g_autofree char *escaped = g_strescape(text, NULL);

    return g_strdup_printf("\"%s\"", escaped);
}

/* The guest that the call was about, as it is or was; owned, NULL: none, or it wasn't found. */
static DomainView *guest_of(const Serve *serve)
{
    if (serve->op.view)
        return domain_view_ref(serve->op.view);
    return serve->op.domain ? domain_view(serve->op.domain) : NULL;
}

static char *describe_object(const DomainView *view)
{
    g_autofree char *name = view ? audit_quoted(view->name) : NULL;
    char uuid[UUID_TEXT_SIZE];

    return view ? g_strdup_printf("domain %s %s", name, uuid_format(&view->uuid, uuid)) : g_strdup("-");
}

bool audit_wanted(const Server *server)
{
    return __atomic_load_n(&server->audit, __ATOMIC_RELAXED) && log_wanted(&log_source, LOG_LEVEL_INFO);
}

char *audit_result(const Error *error, bool done)
{
    g_autofree char *message = NULL;

    if (!error->code)
        return g_strdup(done ? "done" : "not begun");
    message = audit_quoted(error->message ? error->message : "");
    return g_strdup_printf("failed (%d) %s", error->code, message);
}

void audit_line(const Call *call, const char *object, const char *result)
{
    const ClientIdentity *from = client_identity(call->client);
    g_autofree char *who = audit_quoted(client_who_name(call->client));

    if (*from->address)
        log_info("who %s client %" PRIu64 " from %s call %s object %s result %s", who, from->id, from->address,
                 call->proc->name, object, result);
    else
        log_info("who %s client %" PRIu64 " from pid %d call %s object %s result %s", who, from->id, (int)from->pid,
                 call->proc->name, object, result);
}

/* --- the kernel's ---------------------------------------------------------------------------------- */

/* What some calls are to the kernel's audit: its readers know guests that start and stop, and what is given to them. */
typedef struct Meaning {
    int proc;
    AuditKind kind;
    const char *op, *reason;
} Meaning;

static const Meaning meanings[] = {
    { REMOTE_PROC_DOMAIN_CREATE, AUDIT_CONTROL, "start", "booted" },
    { REMOTE_PROC_DOMAIN_CREATE_WITH_FLAGS, AUDIT_CONTROL, "start", "booted" },
    { REMOTE_PROC_DOMAIN_CREATE_WITH_FILES, AUDIT_CONTROL, "start", "booted" },
    { REMOTE_PROC_DOMAIN_CREATE_XML, AUDIT_CONTROL, "start", "booted" },
    { REMOTE_PROC_DOMAIN_CREATE_XML_WITH_FILES, AUDIT_CONTROL, "start", "booted" },
    { REMOTE_PROC_DOMAIN_RESTORE, AUDIT_CONTROL, "start", "restored" },
    { REMOTE_PROC_DOMAIN_RESTORE_FLAGS, AUDIT_CONTROL, "start", "restored" },
    { REMOTE_PROC_DOMAIN_RESTORE_PARAMS, AUDIT_CONTROL, "start", "restored" },
    { REMOTE_PROC_DOMAIN_DESTROY, AUDIT_CONTROL, "stop", "destroyed" },
    { REMOTE_PROC_DOMAIN_DESTROY_FLAGS, AUDIT_CONTROL, "stop", "destroyed" },
    { REMOTE_PROC_DOMAIN_SAVE, AUDIT_CONTROL, "stop", "saved" },
    { REMOTE_PROC_DOMAIN_SAVE_FLAGS, AUDIT_CONTROL, "stop", "saved" },
    { REMOTE_PROC_DOMAIN_SAVE_PARAMS, AUDIT_CONTROL, "stop", "saved" },
    { REMOTE_PROC_DOMAIN_MANAGED_SAVE, AUDIT_CONTROL, "stop", "saved" },
    { REMOTE_PROC_DOMAIN_ATTACH_DEVICE, AUDIT_RESOURCE, "dev", "attach" },
    { REMOTE_PROC_DOMAIN_ATTACH_DEVICE_FLAGS, AUDIT_RESOURCE, "dev", "attach" },
    { REMOTE_PROC_DOMAIN_DETACH_DEVICE, AUDIT_RESOURCE, "dev", "detach" },
    { REMOTE_PROC_DOMAIN_DETACH_DEVICE_FLAGS, AUDIT_RESOURCE, "dev", "detach" },
    { REMOTE_PROC_DOMAIN_DETACH_DEVICE_ALIAS, AUDIT_RESOURCE, "dev", "detach" },
    { REMOTE_PROC_DOMAIN_UPDATE_DEVICE_FLAGS, AUDIT_RESOURCE, "dev", "update" },
    { REMOTE_PROC_DOMAIN_SET_MEMORY, AUDIT_RESOURCE, "mem", "update" },
    { REMOTE_PROC_DOMAIN_SET_MEMORY_FLAGS, AUDIT_RESOURCE, "mem", "update" },
    { REMOTE_PROC_DOMAIN_SET_MAX_MEMORY, AUDIT_RESOURCE, "mem", "update" },
    { REMOTE_PROC_DOMAIN_SET_VCPUS, AUDIT_RESOURCE, "vcpu", "update" },
    { REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, AUDIT_RESOURCE, "vcpu", "update" },
    { REMOTE_PROC_DOMAIN_SET_VCPU, AUDIT_RESOURCE, "vcpu", "update" },
};

/* Every other call about a guest is named as it is. */
static Meaning meaning_of(const Call *call)
{
    static const char of_guest[] = "domain.";

    for (unsigned i = 0; call->program == &remote_program && i < G_N_ELEMENTS(meanings); i++)
        if (meanings[i].proc == call->proc->number)
            return meanings[i];
    if (g_str_has_prefix(call->proc->name, of_guest))
        return (Meaning){ .kind = AUDIT_CONTROL, .op = call->proc->name + strlen(of_guest) };
    return (Meaning){ .kind = AUDIT_CONFIG, .op = call->proc->name };
}

AuditRecord *audit_record(const Call *call, AuditKind kind, const char *op, bool done)
{
    AuditRecord *record = g_new0(AuditRecord, 1);
    const char *address = client_identity(call->client)->address, *port = strrchr(address, ':');

    record->kind = kind;
    record->op = op;
    record->done = done;
    record->who = g_strdup(client_who_name(call->client));
    if (port && *address == '[')
        record->address = g_strndup(address + 1, (size_t)(port - address) - 2);
    else if (port)
        record->address = g_strndup(address, (size_t)(port - address));
    return record;
}

static AuditRecord *record_of(const Serve *serve, const DomainView *view)
{
    Meaning meaning = meaning_of(serve->call);
    AuditRecord *record = audit_record(serve->call, meaning.kind, meaning.op, serve->succeeded && !serve->call->error.code);

    record->reason = meaning.reason;
    record->virt = serve->op.host ? serve->op.host->driver->scheme : NULL;
    if (view) {
        record->object = g_strdup(view->name);
        uuid_format(&view->uuid, record->uuid);
    }
    return record;
}

void audit_call(const Serve *serve)
{
    const Call *call = serve->call;
    Server *server = serve->session->server;
    DomainView *view;

    if (!(call->proc->flags & PROC_RO_DENIED))
        return;
    if (!audit_wanted(server) && !audit_kernel_wanted(server->kernel_audit))
        return;
    view = guest_of(serve);
    if (audit_wanted(server)) {
        g_autofree char *object = describe_object(view), *result = audit_result(&call->error, serve->succeeded);

        audit_line(call, object, result);
    }
    if (audit_kernel_wanted(server->kernel_audit))
        audit_kernel_take(server->kernel_audit, record_of(serve, view));
    if (view)
        domain_view_unref(view);
}
