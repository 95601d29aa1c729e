/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that go on from what was saved of them: from a file, or by their next start; and what such files say.
 * A file is read as a whole and held against its checksums before anything is built from it. Nothing of the guest's own
 * state can be trusted to be more than what the guest was: it is libxl's to read.
 * Runs on workers; a restore waits for the job of the domain that it makes. LOCK_XEN_WAIT is held for a moment only. */
#include "drivers/xen/xen.h"

#include <string.h>

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"
#include "drivers/xen/stream.h"

enum { WAIT_SECONDS = 30 };

/* --- a job for a call that came without a domain --------------------------------------------- */

typedef struct Wait {
    JobTicket ticket;
    Lock lock;                /* LOCK_XEN_WAIT */
    Cond over;
    bool done;                /* under the lock: the ticket's time has come, or gone */
    JobOutcome outcome;
} Wait;

static void wait_ready(JobTicket *ticket, JobOutcome outcome)
{
    Wait *wait = (Wait *)(void *)((char *)ticket - offsetof(Wait, ticket));

    LOCK_SCOPE(&wait->lock);
    wait->outcome = outcome;
    wait->done = true;
    cond_broadcast(&wait->over);
}

/* 0: the job of op->domain is held; -1 and an error. */
static int wait_begin(Wait *wait, Op *op)
{
    *wait = (Wait){
        .ticket = { .kind = JOB_MODIFY, .procedure = op->proc->name, .owner = op->client, .ready = wait_ready,
                    .deadline = clock_now() + WAIT_SECONDS * CLOCK_S, .error = ERROR_INIT },
    };
    lock_init(&wait->lock, LOCK_XEN_WAIT);
    cond_init(&wait->over);
    wait->outcome = job_begin(&op->domain->jobs, &wait->ticket, op->host->timers);
    if (wait->outcome == JOB_PARKED) {
        LOCK_SCOPE(&wait->lock);
        while (!wait->done)
            cond_wait(&wait->over, &wait->lock);
    }
    if (wait->outcome == JOB_GRANTED)
        return 0;
    error_move(op->error, &wait->ticket.error);
    return -1;
}

static void wait_end(Wait *wait)
{
    if (wait->outcome == JOB_GRANTED)
        job_end(&wait->ticket);
    error_clear(&wait->ticket.error);
    cond_deinit(&wait->over);
    lock_deinit(&wait->lock);
}

/* --- restore --------------------------------------------------------------------------------- */

/* The document of the guest that is made: the image's, or another one in which the guest finds itself unchanged but for
 * what it is called. */
static DomainConfig *choose_document(Op *op, const SaveImage *image, const char *document)
{
    g_autoptr(DomainConfig) other = NULL, alike = NULL;

    if (!document)
        return domain_config_ref(image->config);
    other = domain_config_parse(document, strlen(document), op->host->driver->domain_rules, 0, op->error);
    if (!other)
        return NULL;
    alike = domain_config_copy(other);
    alike->uuid = image->config->uuid;
    domain_config_set_text(alike, &alike->name, image->config->name);
    if (domain_config_check_abi(image->config, alike, op->error) < 0)
        return NULL;
    return g_steal_pointer(&other);
}

static int restore_in_job(Op *op, const XenStart *start)
{
    op->view = domain_view(op->domain);
    if (op->domain->gone)
        return op_fail(op, VIR_ERR_OPERATION_FAILED, _("domain '%s' has just ended, try again"), start->config->name);
    if (change_check_claim(op, start->config) < 0 || xen_need_off(op, start->config) < 0)
        return -1;
    return xen_start(xen_host(op->host), op->domain, start, op->error);
}

static int restore(Op *op, const XenStart *start)
{
    Wait wait;
    bool fresh;
    int r;

    op->domain = domain_list_claim(op->host->domains, &start->config->uuid, start->config->name, &fresh, op->error);
    if (!op->domain)
        return -1;
    r = wait_begin(&wait, op);
    if (r == 0)
        r = restore_in_job(op, start);
    if (r < 0)
        domain_list_release(op->domain);
    wait_end(&wait);
    g_clear_pointer(&op->view, domain_view_unref);
    g_clear_pointer(&op->domain, domain_unref);
    return r;
}

static XenStart restored_start(const SaveImage *image, const DomainConfig *config, bool runs)
{
    return (XenStart){
        .config = config, .stream = image->fd, .paused = !runs, .state_reason = VIR_DOMAIN_RUNNING_RESTORED,
        .detail = VIR_DOMAIN_EVENT_STARTED_RESTORED,
    };
}

int xen_domain_restore_flags(Op *op, const RemoteDomainRestoreFlagsArgs *args)
{
    g_auto(SaveImage) image = SAVE_IMAGE_INIT;
    g_autoptr(DomainConfig) config = NULL;
    XenStart start;
    bool runs;

    if (xen_save_runs(op, args->flags, false, &runs) < 0 || xen_reader_open(&image, args->from, op->error) < 0)
        return -1;
    if (!args->flags)
        runs = image.running;
    config = choose_document(op, &image, args->dxml);
    if (!config)
        return -1;
    start = restored_start(&image, config, runs);
    return restore(op, &start);
}

/* --- what the next start finds ----------------------------------------------------------------- */

int xen_managed_start(XenHost *xen, Domain *domain, bool paused, Error *error)
{
    g_autofree char *path = xen_managed_path(xen, &domain->uuid, error);
    g_auto(SaveImage) image = SAVE_IMAGE_INIT;
    XenStart start;

    if (!path || xen_reader_open(&image, path, error) < 0)
        return -1;
    start = restored_start(&image, image.config, image.running && !paused);
    /* Once it runs, its disks are no more as they were when it was saved: never again. */
    start.before_run = xen_managed_discard;
    return xen_start(xen, domain, &start, error);
}

/* --- what images say --------------------------------------------------------------------------- */

static int put_document(Op *op, const char *path, uint32_t flags, char **xml)
{
    g_auto(SaveImage) image = SAVE_IMAGE_INIT;
    bool secure = flags & VIR_DOMAIN_SAVE_IMAGE_XML_SECURE;

    if (op_check_flags(op, flags, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE) < 0 || xen_reader_open(&image, path, op->error) < 0)
        return -1;
    *xml = op_keep_memory(op, domain_config_format(image.config, -1, DOMAIN_FORMAT_INACTIVE
                                                   | (secure ? DOMAIN_FORMAT_SECURE : 0)));
    return 0;
}

static int define_document(Op *op, const char *path, const char *document, uint32_t flags)
{
    bool runs;

    if (xen_save_runs(op, flags, false, &runs) < 0)
        return -1;
    return save_image_replace(path, XEN_IMAGE_DRIVER, op->host->driver->domain_rules, document,
                              document ? strlen(document) : 0,
                              !flags ? TRISTATE_ABSENT : runs ? TRISTATE_YES : TRISTATE_NO, op->error);
}

int xen_domain_save_image_get_xml_desc(Op *op, const RemoteDomainSaveImageGetXmlDescArgs *args,
                                       RemoteDomainSaveImageGetXmlDescResult *result)
{
    return put_document(op, args->file, args->flags, (char **)&result->xml);
}

int xen_domain_save_image_define_xml(Op *op, const RemoteDomainSaveImageDefineXmlArgs *args)
{
    return define_document(op, args->file, args->dxml, args->flags);
}

/* NULL and an error when there is none. */
static char *need_managed(Op *op)
{
    if (op->view->managed_save)
        return xen_managed_path(xen_host(op->host), &op->view->uuid, op->error);
    error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID, _("domain '%s' has no managed save image"),
              op->view->name);
    return NULL;
}

int xen_domain_managed_save_get_xml_desc(Op *op, const RemoteDomainManagedSaveGetXmlDescArgs *args,
                                         RemoteDomainManagedSaveGetXmlDescResult *result)
{
    g_autofree char *path = need_managed(op);

    return path ? put_document(op, path, args->flags, (char **)&result->xml) : -1;
}

int xen_domain_managed_save_define_xml(Op *op, const RemoteDomainManagedSaveDefineXmlArgs *args)
{
    g_autofree char *path = need_managed(op);

    return path ? define_document(op, path, args->dxml, args->flags) : -1;
}
