/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control program, which droverctl speaks on the administration socket: who uses the server, and how much; what
 * locks cost. I/O threads, in the control lane; waits for nothing. Takes the table's lock through
 * service_report_clients and LOCK_COUNTERS through the profile. */
#include "server/admin-private.h"

#include "base/i18n.h"
#include "base/lock-profile.h"
#include "rpc/control-types.h"

enum { CLIENTS_SHOWN_MAX = 16384 };

static void show(Service *service, const ClientReport *report, ControlClientUse *use)
{
    *use = (ControlClientUse){
        .server = service_name(service), .id = report->identity.id, .who = report->who, .weight = report->weight,
        .pid = report->identity.pid, .since = report->identity.connected,
        .running = report->running, .waiting = report->waiting, .parked = report->parked,
        .served = report->use.served, .bytes_in = report->use.bytes_in, .bytes_out = report->use.bytes_out,
        .taken = report->use.taken, .waited = report->use.waited,
    };
}

int control_list_use(AdminSession *session, Call *call, const void *data, void *out)
{
    const ControlClientListUseArgs *args = data;
    ControlClientListUseResult *result = out;

    if (admin_check_flags(call, args->flags) < 0)
        return -1;
    result->clients = arena_array(&call->arena, CLIENTS_SHOWN_MAX, sizeof *result->clients);
    for (unsigned i = 0; i < ADMIN_SERVERS; i++) {
        Service *service = admin_service_at(session, i);
        unsigned room = MIN(service_n_connected(service), CLIENTS_SHOWN_MAX - result->n_clients);
        ClientReport *reports = arena_array(&call->arena, room, sizeof *reports);
        unsigned n = service_report_clients(service, &call->arena, reports, room);

        for (unsigned j = 0; j < n; j++)
            show(service, &reports[j], &result->clients[result->n_clients++]);
    }
    return 0;
}

static bool may_profile(Call *call, uint32_t flags)
{
    if (admin_check_flags(call, flags) < 0)
        return false;
    if (lock_profile_enabled())
        return true;
    error_set(&call->error, VIR_FROM_ADMIN, VIR_ERR_NO_SUPPORT, "%s", _("this droverd was built without the profile of locks"));
    return false;
}

static ControlLockUse lock_use(Call *call, LockClass class, const char *file, int line, const LockUse *use)
{
    ControlLockUse shown = {
        .lock = lock_class_name(class), .rank = (uint32_t)lock_class_rank(class), .file = file, .line = (uint32_t)line,
        .acquired = use->acquired, .contended = use->contended, .waited = use->waited,
        .waited_longest = use->waited_longest, .holds = use->holds, .held = use->held,
        .held_longest = use->held_longest, .idle = use->idle, .idled = use->idled, .idled_longest = use->idled_longest,
        .n_waits = LOCK_WAIT_BUCKETS, .waits = arena_array(&call->arena, LOCK_WAIT_BUCKETS, sizeof *shown.waits),
    };

    memcpy(shown.waits, use->waits, sizeof use->waits);
    return shown;
}

int control_lock_profile(AdminSession *session, Call *call, const void *data, void *out)
{
    const ControlLockProfileArgs *args = data;
    ControlLockProfileResult *result = out;
    LockProfile profile;

    if (!may_profile(call, args->flags))
        return -1;
    lock_profile_read(&profile);
    result->elapsed = profile.elapsed;
    result->threads = profile.threads;
    result->n_classes = LOCK_CLASSES;
    result->classes = arena_array(&call->arena, LOCK_CLASSES, sizeof *result->classes);
    for (unsigned i = 0; i < LOCK_CLASSES; i++)
        result->classes[i] = lock_use(call, (LockClass)i, "", 0, &profile.classes[i]);
    result->n_sites = profile.n_sites;
    result->sites = arena_array(&call->arena, profile.n_sites, sizeof *result->sites);
    for (unsigned i = 0; i < profile.n_sites; i++) {
        const LockSiteUse *site = &profile.sites[i];

        result->sites[i] = lock_use(call, site->class, site->file, site->line, &site->use);
    }
    lock_profile_clear(&profile);
    return 0;
}

int control_lock_reset(AdminSession *session, Call *call, const void *data, void *out)
{
    const ControlLockResetArgs *args = data;

    if (!may_profile(call, args->flags))
        return -1;
    lock_profile_reset();
    return 0;
}
