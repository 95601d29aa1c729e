/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saving a guest, for a file or for its next start; and writing its memory to a file.
 *
 *   running ──step: told of as paused──▶ stands still, its state is copied ──step──▶ in the file's place ──▶ off, told of
 *      ▲                                        │                               │
 *      └──step: goes on, and no file is left──fails, or is asked to stop        └──destroyed meanwhile: no file is left
 *
 * Runs in an async job of the domain on a worker: between the steps, for as long as the copy takes, questions and a
 * destroy go beside it and nothing of the domain's is touched; own_story keeps settling away. When droverd dies
 * while it copies, there is no file and the next one lets the guest go on. When it dies while the file gets its name, a managed
 * save counts if it is there; of other files nobody can tell, so which one goes on is for people to say: `resume` lets the
 * guest. Takes no lock. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "base/log.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"
#include "drivers/xen/stream.h"

LOG_SOURCE("drivers.xen.save");

/* One guest on its way into a file. */
typedef struct Saving {
    /* caller fills */
    Op *op;
    const char *path;
    const char *document;     /* another one for the image, or NULL */
    bool running;             /* how it will be after it is restored */
    bool managed;             /* for its next start */
    /* private */
    XenInfo info;             /* as it was when it began */
    DomainConfig *config;     /* owned: what the image says */
    XenFile file;
} Saving;

static XenHost *host_of(const Saving *saving)
{
    return xen_host(saving->op->host);
}

int xen_fail_interrupted(Op *op)
{
    return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_ABORTED, _("%s of domain '%s' was interrupted"),
                     op->proc->name, op->view->name);
}

static int set_state(Op *op, int state, int reason, Error *error)
{
    DomainFacts facts = change_facts(op->domain);

    facts.state = state;
    facts.reason = reason;
    return xen_commit(xen_host(op->host), op->domain, &facts, error);
}

/* --- first step ------------------------------------------------------------------------------ */

static int need_saveable(Saving *saving)
{
    Op *op = saving->op;

    if (xen_need_awake(op, &saving->info) < 0)
        return -1;
    if (op->view->id == 0)
        return op_fail(op, VIR_ERR_OPERATION_INVALID, _("domain '%s' is the one that drover runs in"), op->view->name);
    if (saving->managed && !op->domain->persistent)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                         _("domain '%s' is transient: there is no next start that could find what is saved"),
                         op->view->name);
    if (saving->info.paused || saving->info.shutdown)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                         _("domain '%s' has to be running to be saved: the guest itself makes ready for it"),
                         op->view->name);
    return 0;
}

/* What the image will say of the guest. */
static int choose_document(Saving *saving)
{
    Op *op = saving->op;
    g_autoptr(DomainConfig) other = NULL;

    xen_describe_held(host_of(saving), op->domain, saving->info.id);
    if (saving->document) {
        other = domain_config_parse(saving->document, strlen(saving->document), op->host->driver->domain_rules, 0,
                                    op->error);
        if (!other || domain_config_check_abi(op->domain->active, other, op->error) < 0)
            return -1;
    }
    saving->config = other ? g_steal_pointer(&other) : domain_config_ref(op->domain->active);
    return 0;
}

/* What the next droverd is to know of the guest. */
static int mark(Saving *saving, const char *word)
{
    XenHost *xen = host_of(saving);
    int r = xen_record_marks(xen, saving->op->domain) ? xen_record_mark(xen, saving->info.id, word) : 0;

    return r < 0 ? xen_fail(saving->op->error, r, _("keep in xenstore that the domain is being saved")) : 0;
}

static int begin_in_step(Saving *saving)
{
    Op *op = saving->op;

    if (need_saveable(saving) < 0 || choose_document(saving) < 0 ||
        xen_writer_open(&saving->file, saving->path, saving->config, saving->running, op->error) < 0)
        return -1;
    if (mark(saving, XEN_WORD_SAVING) < 0)
        return -1;
    xen_domain(op->domain)->own_end = true;
    xen_announce_started(host_of(saving), op->domain);
    if (set_state(op, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE, op->error) < 0)
        return -1;
    xen_domain(op->domain)->own_story = true;
    change_announce(op->host, op->domain, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    return 0;
}

static int begin(Saving *saving)
{
    int r = job_step_begin(saving->op->ticket) ? begin_in_step(saving) : xen_fail_interrupted(saving->op);

    job_step_end(saving->op->ticket);
    return r;
}

/* --- between the steps ----------------------------------------------------------------------- */

static int copy(Saving *saving)
{
    XenHost *xen = host_of(saving);
    g_autofree char *why = NULL;
    int r = xen->hv->ops->save(xen->hv, saving->info.id, xen_writer_stream(&saving->file), &why);

    if (r < 0)
        return error_set(saving->op->error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED, _("Xen can't save domain '%s': %s"),
                         saving->op->view->name, why ? why : g_strerror(-r));
    return xen_writer_seal(&saving->file, saving->op->error);
}

/* --- last step ------------------------------------------------------------------------------- */

static void go_on(Saving *saving)
{
    XenHost *xen = host_of(saving);
    Domain *domain = saving->op->domain;
    g_autofree char *why = NULL;
    Error error = ERROR_INIT;
    XenInfo info;
    int r = xen_ask(xen, saving->info.id, &saving->info.uuid, &info);

    xen_domain(domain)->own_story = false;
    if (r == 1 && info.shutdown && info.why == XEN_SHUTDOWN_SUSPEND) {
        if (xen->hv->ops->go_on(xen->hv, info.id, &why) < 0)
            log_error("domain '%s' stands still after it could not be saved: %s", domain->name, why ? why : "-");
        r = xen_ask(xen, saving->info.id, &saving->info.uuid, &info);
    }
    xen_domain(domain)->own_end = r != 1 || info.shutdown;
    if (r == 1 && !info.shutdown && xen_record_marks(xen, domain) && xen_record_mark(xen, info.id, XEN_WORD_BUILT) < 0)
        log_warning("xenstored can't keep that domain '%s' goes on", domain->name);
    if (r == 1 && !info.shutdown && !info.paused &&
        set_state(saving->op, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_SAVE_CANCELED, &error) == 0)
        change_announce(xen->host, domain, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    else if (r >= 0)
        xen_settle_held(xen, domain, r ? &info : NULL);
    error_clear(&error);
}

/* The file has its name, so the guest has to go; when it doesn't, the file does. */
static int end_guest(Saving *saving)
{
    XenHost *xen = host_of(saving);
    Domain *domain = saving->op->domain;
    g_autoptr(DomainView) view = domain_view(domain);
    XenInfo info;
    int r = xen_destroy(xen, domain, saving->info.id);

    if (xen_ask(xen, saving->info.id, &saving->info.uuid, &info) != 0) {
        unlink(saving->path);
        return xen_fail(saving->op->error, r < 0 ? r : -EBUSY, _("destroy the domain"));
    }
    xen_domain(domain)->own_story = false;
    xen_stopped(xen, domain, view, &(XenStop){
        .reason = VIR_DOMAIN_SHUTOFF_SAVED, .detail = VIR_DOMAIN_EVENT_STOPPED_SAVED, .managed_save = saving->managed,
    });
    return 0;
}

/* False: a destroy has gone beside the copy and has told of it, and perhaps the domain runs again. */
static bool still_told_of(const Saving *saving)
{
    Domain *domain = saving->op->domain;
    g_autoptr(DomainView) view = domain_view(domain);

    return !domain->gone && xen_domain(domain)->own_story && view && view->id == saving->info.id;
}

static int end_in_step(Saving *saving, int r)
{
    if (!still_told_of(saving)) {
        error_clear(saving->op->error);
        return xen_fail_interrupted(saving->op);
    }
    if (r == 0 && !saving->managed)
        r = mark(saving, XEN_WORD_SAVED);
    if (r == 0)
        r = xen_file_keep(&saving->file, saving->op->error);
    if (r == 0)
        r = end_guest(saving);
    if (r < 0)
        go_on(saving);
    return r;
}

static int end(Saving *saving, int r)
{
    if (!job_step_begin(saving->op->ticket) && r == 0)
        r = xen_fail_interrupted(saving->op);
    r = end_in_step(saving, r);
    job_step_end(saving->op->ticket);
    return r;
}

static int save(Saving *saving)
{
    int r;

    saving->file = (XenFile)XEN_FILE_INIT;
    r = begin(saving);
    if (r == 0)
        r = end(saving, copy(saving));
    xen_file_clear(&saving->file);
    domain_config_unref(saving->config);
    return r;
}

/* --- operations ------------------------------------------------------------------------------ */

/* How the guest will be: as flags of a save or a restore say, or `usual`. */
int xen_save_runs(Op *op, uint32_t flags, bool usual, bool *runs)
{
    const uint32_t known = VIR_DOMAIN_SAVE_RUNNING | VIR_DOMAIN_SAVE_PAUSED;

    if (op_check_flags(op, flags, known) < 0)
        return -1;
    if ((flags & known) == known)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                         _("a guest can't be both running and paused after it is restored"));
    *runs = flags & VIR_DOMAIN_SAVE_RUNNING ? true : flags & VIR_DOMAIN_SAVE_PAUSED ? false : usual;
    return 0;
}

int xen_domain_save_flags(Op *op, const RemoteDomainSaveFlagsArgs *args)
{
    Saving saving = { .op = op, .path = args->to, .document = args->dxml };

    return xen_save_runs(op, args->flags, true, &saving.running) < 0 ? -1 : save(&saving);
}

int xen_domain_managed_save(Op *op, const RemoteDomainManagedSaveArgs *args)
{
    Saving saving = { .op = op, .managed = true };
    g_autofree char *path = NULL;

    if (xen_save_runs(op, args->flags, true, &saving.running) < 0)
        return -1;
    saving.path = path = xen_managed_path(xen_host(op->host), &op->view->uuid, op->error);
    return path ? save(&saving) : -1;
}
