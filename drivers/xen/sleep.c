/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that sleep: asked to suspend themselves, they stand still with all that they have, and no state is written.
 *
 *   running ──step: noted──▶ suspends itself ──step: noted──▶ asleep, told of ──wakeup──▶ running, told of
 *      ▲                            │
 *      └──step: goes on─────────────┴──doesn't in time, or is asked to stop
 *
 * To the hypervisor one that sleeps is like one that is being saved. For as long as droverd runs, the published state tells
 * the two apart. /local/domain/ID/drover-sleep in xenstore outlasts it, for guests of whoever made them, and goes with the guest:
 *
 *   "falling SECONDS"    asked to, when the host's clock_now() said so: nobody was told that it sleeps, so one that stands
 *                        still in the minutes after that goes on
 *   "asleep"             one that stands still when droverd starts is asleep
 *
 * A note is read when a guest is first seen to stand still, so those that run cost nothing; one that is left of a guest that
 * was woken means nothing. Going to sleep is an async job in steps, since the guest may take its time: between the steps nothing
 * of the domain's is touched, and questions and a destroy go beside it. Runs on workers, and in tasks and settling where that
 * is said; takes no lock. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <stdio.h>

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

LOG_SOURCE("drivers.xen.sleep");

/* So long after it was asked to a guest may still suspend itself: Xen's library waits a minute for its answer, and one more
 * for the rest. */
enum { FALLING_SECONDS = 180 };

enum { PATH_SIZE = 64, NOTE_SIZE = 48 };

/* One guest on its way to sleep. */
typedef struct Falling {
    Op *op;                   /* caller fills */
    XenInfo info;             /* as it was when it began */
} Falling;

static bool stands_still(const XenInfo *info)
{
    return info->shutdown && info->why == XEN_SHUTDOWN_SUSPEND;
}

/* --- notes ----------------------------------------------------------------------------------- */

static const char *note_path(int id, char path[PATH_SIZE])
{
    g_snprintf(path, PATH_SIZE, "/local/domain/%d/drover-sleep", id);
    return path;
}

static int64_t seconds_now(void)
{
    return clock_now() / CLOCK_S;
}

/* 0, or -1 and an error. */
static int note_falling(XenHost *xen, int id, Error *error)
{
    char path[PATH_SIZE], note[NOTE_SIZE];
    int r;

    g_snprintf(note, sizeof note, "falling %" G_GINT64_FORMAT, seconds_now());
    r = xen->hv->ops->write(xen->hv, note_path(id, path), note);
    return r < 0 ? xen_fail(error, r, _("keep in xenstore that the domain is going to sleep")) : 0;
}

static int note_asleep(XenHost *xen, int id, Error *error)
{
    char path[PATH_SIZE];
    int r = xen->hv->ops->write(xen->hv, note_path(id, path), "asleep");

    return r < 0 ? xen_fail(error, r, _("keep in xenstore that the domain is asleep")) : 0;
}

void xen_sleep_forget(XenHost *xen, const Domain *domain, int id)
{
    char path[PATH_SIZE];
    int r = xen->hv->ops->remove(xen->hv, note_path(id, path));

    if (r < 0 && r != -ENOENT)
        log_warning("xenstored can't forget that domain '%s' was asleep: %s", domain->name, g_strerror(-r));
}

static bool is_falling(const char *note)
{
    gint64 since;

    return sscanf(note, "falling %" G_GINT64_FORMAT, &since) == 1 && since <= seconds_now()
        && seconds_now() - since <= FALLING_SECONDS;
}

/* --- events ---------------------------------------------------------------------------------- */

static void announce(XenHost *xen, const DomainView *view, uint16_t proc, const void *message)
{
    const DriverEvent event = { .proc = proc, .message = message, .uuid = view->uuid };

    host_announce(xen->host, &event);
}

static void announce_asleep(XenHost *xen, Domain *domain)
{
    g_autoptr(DomainView) view = domain_view(domain);
    const RemoteDomainEventCallbackPmsuspendMsg message = { .msg.dom = op_handle(view) };

    change_announce(xen->host, domain, VIR_DOMAIN_EVENT_PMSUSPENDED, VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY);
    announce(xen, view, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_PMSUSPEND, &message);
}

void xen_announce_awake(XenHost *xen, Domain *domain)
{
    g_autoptr(DomainView) view = domain_view(domain);
    const RemoteDomainEventCallbackPmwakeupMsg message = { .msg.dom = op_handle(view) };

    change_announce(xen->host, domain, VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_WAKEUP);
    announce(xen, view, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_PMWAKEUP, &message);
}

/* --- what is met ----------------------------------------------------------------------------- */

/* 0 or -errno. */
static int let_go(XenHost *xen, const Domain *domain, const XenInfo *info)
{
    g_autofree char *why = NULL;
    int r = xen->hv->ops->go_on(xen->hv, info->id, &why);

    if (r < 0)
        log_error("domain '%s' stands still after it was to go to sleep: %s", domain->name, why ? why : g_strerror(-r));
    else
        xen_sleep_forget(xen, domain, info->id);
    return r;
}

/* A task: nobody waits any more for the guest to sleep, and it does. */
static void rouse(XenHost *xen, Domain *domain)
{
    g_autoptr(DomainView) view = domain_view(domain);
    XenInfo info;
    int r;

    if (!view || view->id < 0 || xen_domain(domain)->own_story)
        return;
    r = xen_ask(xen, view->id, &view->uuid, &info);
    if (r == 1 && stands_still(&info) && let_go(xen, domain, &info) == 0)
        r = xen_ask(xen, view->id, &view->uuid, &info);
    if (r >= 0)
        xen_settle_held(xen, domain, r ? &info : NULL);
}

bool xen_sleep_met(XenHost *xen, Domain *domain, const XenInfo *info)
{
    g_autofree char *note = NULL;
    char path[PATH_SIZE];
    int r;

    if (!stands_still(info))
        return false;
    r = xen->hv->ops->read(xen->hv, note_path(info->id, path), &note);
    if (r < 0 && r != -ENOENT)
        log_warning("it can't be told whether domain '%s' is asleep: %s", domain->name, g_strerror(-r));
    if (r < 0)
        return false;
    if (is_falling(note)) {
        log_warning("domain '%s' suspended itself after nobody waited for that any more; it goes on", domain->name);
        xen_task_add(xen, domain, "xen.rouse", rouse);
    }
    return strcmp(note, "asleep") == 0;
}

int xen_need_awake(Op *op, XenInfo *info)
{
    g_autoptr(DomainView) view = NULL;

    if (xen_need(op, info) < 0)
        return -1;
    view = domain_view(op->domain);
    if (!view || view->state != VIR_DOMAIN_PMSUSPENDED)
        return 0;
    if (stands_still(info))
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                         _("domain '%s' is asleep and has to be woken up first"), op->view->name);
    xen_settle_held(xen_host(op->host), op->domain, info);    /* somebody else has woken it */
    return 0;
}

/* --- going to sleep: first step -------------------------------------------------------------- */

static int need_running(Falling *falling)
{
    Op *op = falling->op;

    if (xen_need_awake(op, &falling->info) < 0)
        return -1;
    if (op->view->id == 0)
        return op_fail(op, VIR_ERR_OPERATION_INVALID, _("domain '%s' is the one that drover runs in"), op->view->name);
    if (falling->info.paused || falling->info.shutdown)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                         _("domain '%s' has to be running to go to sleep: the guest does it itself"), op->view->name);
    return 0;
}

/* Publishes whether a question that finds the guest standing still finds it asleep. */
static int set_dozing(Op *op, bool dozing, Error *error)
{
    DomainFacts facts = change_facts(op->domain);

    xen_domain(op->domain)->dozing = dozing;
    return xen_commit(xen_host(op->host), op->domain, &facts, error);
}

/* A guest that an earlier droverd didn't save to the end, and that has run on: its word would have the next one let it go on. */
static int end_old_save(Falling *falling)
{
    Domain *domain = falling->op->domain;
    XenHost *xen = xen_host(falling->op->host);
    int r = 0;

    if (xen_domain(domain)->unsaved_until && xen_record_marks(xen, domain))
        r = xen_record_mark(xen, falling->info.id, XEN_WORD_BUILT);
    if (r < 0)
        return xen_fail(falling->op->error, r, _("keep in xenstore that the domain is going to sleep"));
    xen_domain(domain)->unsaved_until = 0;
    return 0;
}

static int begin_in_step(Falling *falling)
{
    Op *op = falling->op;
    XenHost *xen = xen_host(op->host);
    XenDomain *data = xen_domain(op->domain);

    if (need_running(falling) < 0 || end_old_save(falling) < 0 || note_falling(xen, falling->info.id, op->error) < 0)
        return -1;
    xen_announce_started(xen, op->domain);
    if (set_dozing(op, true, op->error) < 0) {
        data->dozing = false;
        return -1;
    }
    data->own_story = true;
    return 0;
}

static int begin(Falling *falling)
{
    int r = job_step_begin(falling->op->ticket) ? begin_in_step(falling) : xen_fail_interrupted(falling->op);

    job_step_end(falling->op->ticket);
    return r;
}

/* --- between the steps ----------------------------------------------------------------------- */

static int wait_for_it(Falling *falling)
{
    XenHost *xen = xen_host(falling->op->host);
    g_autofree char *why = NULL;
    int r = xen->hv->ops->sleep(xen->hv, falling->info.id, &why);

    if (r < 0)
        return error_set(falling->op->error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED,
                         _("Xen can't put domain '%s' to sleep: %s"), falling->op->view->name, why ? why : g_strerror(-r));
    return 0;
}

/* --- last step ------------------------------------------------------------------------------- */

/* False: a destroy has gone beside it and has told of it, and perhaps the domain runs again. */
static bool still_told_of(const Falling *falling)
{
    Domain *domain = falling->op->domain;
    g_autoptr(DomainView) view = domain_view(domain);

    return !domain->gone && xen_domain(domain)->own_story && view && view->id == falling->info.id;
}

/* The note of one that runs stays: it may suspend itself in a moment. */
static void stay_awake(Falling *falling)
{
    Op *op = falling->op;
    XenHost *xen = xen_host(op->host);
    Error error = ERROR_INIT;
    XenInfo info;
    int r = xen_ask(xen, falling->info.id, &falling->info.uuid, &info);

    if (r == 1 && stands_still(&info) && let_go(xen, op->domain, &info) == 0)
        r = xen_ask(xen, falling->info.id, &falling->info.uuid, &info);
    if (set_dozing(op, false, &error) < 0)
        log_error("that domain '%s' is awake can't be published: %s", op->domain->name, error.message);
    error_clear(&error);
    if (r >= 0)
        xen_settle_held(xen, op->domain, r ? &info : NULL);
}

static int fall(Falling *falling)
{
    Op *op = falling->op;
    XenHost *xen = xen_host(op->host);
    DomainFacts facts;
    XenInfo info;
    int r = xen_ask(xen, falling->info.id, &falling->info.uuid, &info);

    if (r < 0)
        return xen_fail(op->error, r, _("tell about a domain"));
    if (r == 0)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED,
                         _("domain '%s' has ended while it went to sleep"), op->view->name);
    if (!stands_still(&info))    /* libxl calls it a success when its time is up */
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED,
                         _("domain '%s' has not gone to sleep, or was woken up at once"), op->view->name);
    if (note_asleep(xen, info.id, op->error) < 0)
        return -1;
    xen_domain(op->domain)->dozing = false;
    facts = change_facts(op->domain);
    facts.state = VIR_DOMAIN_PMSUSPENDED;
    facts.reason = VIR_DOMAIN_PMSUSPENDED_UNKNOWN;
    if (xen_commit(xen, op->domain, &facts, op->error) < 0)
        return -1;
    announce_asleep(xen, op->domain);
    return 0;
}

static int end_in_step(Falling *falling, int r)
{
    if (!still_told_of(falling)) {
        error_clear(falling->op->error);
        return xen_fail_interrupted(falling->op);
    }
    xen_domain(falling->op->domain)->own_story = false;
    if (r == 0)
        r = fall(falling);
    if (r < 0)
        stay_awake(falling);
    return r;
}

static int end(Falling *falling, int r)
{
    if (!job_step_begin(falling->op->ticket) && r == 0)
        r = xen_fail_interrupted(falling->op);
    r = end_in_step(falling, r);
    job_step_end(falling->op->ticket);
    return r;
}

/* --- operations ------------------------------------------------------------------------------ */

int xen_domain_pm_suspend_for_duration(Op *op, const RemoteDomainPmSuspendForDurationArgs *args)
{
    Falling falling = { .op = op };
    int r;

    if (op_check_flags(op, args->flags, 0) < 0)
        return -1;
    if (args->target != VIR_NODE_SUSPEND_TARGET_MEM)
        return op_fail(op, VIR_ERR_ARGUMENT_UNSUPPORTED, _("Xen's guests can sleep in memory only, not as target %u says"),
                       args->target);
    if (args->duration)
        return op_fail(op, VIR_ERR_ARGUMENT_UNSUPPORTED, _("Xen's guests sleep until they are woken up, for no given time"));
    r = begin(&falling);
    return r == 0 ? end(&falling, wait_for_it(&falling)) : r;
}

static int need_asleep(Op *op, XenInfo *info)
{
    g_autoptr(DomainView) view = NULL;

    if (xen_need(op, info) < 0)
        return -1;
    view = domain_view(op->domain);
    if (view && view->state == VIR_DOMAIN_PMSUSPENDED && stands_still(info))
        return 0;
    xen_settle_held(xen_host(op->host), op->domain, info);
    return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID, _("domain '%s' is not asleep"), op->view->name);
}

/* It may be awake none the less, or half. */
static int fail_waking(Op *op, const XenInfo *before, const char *why)
{
    XenHost *xen = xen_host(op->host);
    XenInfo info;
    int r = xen_ask(xen, before->id, &before->uuid, &info);

    if (r >= 0)
        xen_settle_held(xen, op->domain, r ? &info : NULL);
    return error_set(op->error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED, _("Xen can't wake up domain '%s': %s"),
                     op->view->name, why);
}

int xen_domain_pm_wakeup(Op *op, const RemoteDomainPmWakeupArgs *args)
{
    XenHost *xen = xen_host(op->host);
    g_autofree char *why = NULL;
    DomainFacts facts;
    XenInfo info;
    int r;

    if (op_check_flags(op, args->flags, 0) < 0 || need_asleep(op, &info) < 0)
        return -1;
    r = xen->hv->ops->go_on(xen->hv, info.id, &why);
    if (r == 0 && info.paused)    /* by somebody else, while it slept */
        r = xen_let_run(xen, &info);
    if (r < 0)
        return fail_waking(op, &info, why ? why : g_strerror(-r));
    xen_sleep_forget(xen, op->domain, info.id);
    facts = change_facts(op->domain);
    facts.state = VIR_DOMAIN_RUNNING;
    facts.reason = VIR_DOMAIN_RUNNING_WAKEUP;
    if (xen_commit(xen, op->domain, &facts, op->error) < 0)
        return -1;
    xen_announce_awake(xen, op->domain);
    return 0;
}
