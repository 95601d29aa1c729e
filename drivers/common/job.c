/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is told of a long job of a domain while it lasts. How much there is still to do, nobody knows: a job has no end that
 * could be foreseen, and the time that it has taken. Run on any thread; the domain's job is not waited for (LOCK_JOB, for a
 * moment). */
#include "drivers/common/common.h"

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "drivers/common/op.h"

/* The jobs that clients have a word for: what the protocol calls them, and VIR_DOMAIN_JOB_OPERATION_*. */
static const struct {
    const char *procedure;
    int operation;
} operations[] = {
    { "domain.save_flags", VIR_DOMAIN_JOB_OPERATION_SAVE },
    { "domain.save_params", VIR_DOMAIN_JOB_OPERATION_SAVE },
    { "domain.managed_save", VIR_DOMAIN_JOB_OPERATION_SAVE },
    { "domain.restore_flags", VIR_DOMAIN_JOB_OPERATION_RESTORE },
    { "domain.core_dump_with_format", VIR_DOMAIN_JOB_OPERATION_DUMP },
    { "domain_snapshot.create_xml", VIR_DOMAIN_JOB_OPERATION_SNAPSHOT },
    { "domain.revert_to_snapshot", VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_REVERT },
    { "domain_snapshot.delete", VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_DELETE },
    { "domain.backup_begin", VIR_DOMAIN_JOB_OPERATION_BACKUP },
};

static int operation_of(const char *procedure)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(operations); i++)
        if (strcmp(operations[i].procedure, procedure) == 0)
            return operations[i].operation;
    return VIR_DOMAIN_JOB_OPERATION_UNKNOWN;
}

/* The long job of a domain: one that admits questions beside it, or that has a word. NULL: none. */
static const JobFact *find_long(const JobPicture *picture)
{
    if (picture->async.procedure)
        return &picture->async;
    if (picture->running.procedure && operation_of(picture->running.procedure) != VIR_DOMAIN_JOB_OPERATION_UNKNOWN)
        return &picture->running;
    return NULL;
}

/* True: a long job runs; its procedure, and for how many milliseconds. */
static bool look(const Op *op, const char **procedure, uint64_t *elapsed)
{
    g_autoptr(Domain) domain = domain_list_find(op->host->domains, &op->view->uuid);
    JobPicture picture = { .parked = 0 };
    const JobFact *fact;

    if (domain)
        job_look(&domain->jobs, &picture, NULL, 0);
    fact = find_long(&picture);
    if (!fact)
        return false;
    *procedure = fact->procedure;
    *elapsed = (uint64_t)MAX(clock_now() - fact->since, 0) / CLOCK_MS;
    return true;
}

int common_domain_get_job_info(Op *op, const RemoteDomainGetJobInfoArgs *args, RemoteDomainGetJobInfoResult *result)
{
    const char *procedure;

    result->type = look(op, &procedure, &result->timeElapsed) ? VIR_DOMAIN_JOB_UNBOUNDED : VIR_DOMAIN_JOB_NONE;
    return 0;
}

int common_domain_get_job_stats(Op *op, const RemoteDomainGetJobStatsArgs *args, RemoteDomainGetJobStatsResult *result)
{
    const char *procedure;
    uint64_t elapsed;

    if (op_check_flags(op, args->flags, 0) < 0)
        return -1;
    result->type = VIR_DOMAIN_JOB_NONE;
    if (!look(op, &procedure, &elapsed))
        return 0;
    result->type = VIR_DOMAIN_JOB_UNBOUNDED;
    result->params = arena_array(op->arena, 2, sizeof *result->params);
    result->params[0] = (RemoteTypedParam){
        .field = VIR_DOMAIN_JOB_OPERATION, .value = { .type = VIR_TYPED_PARAM_INT, .i = operation_of(procedure) },
    };
    result->params[1] = (RemoteTypedParam){
        .field = VIR_DOMAIN_JOB_TIME_ELAPSED, .value = { .type = VIR_TYPED_PARAM_ULLONG, .ul = elapsed },
    };
    result->n_params = 2;
    return 0;
}
