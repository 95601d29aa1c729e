/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a guest that has shut itself down: what its document says, for the guests that drover has made. Those of
 * xl have a process of xl's that sees to it.
 *
 *   seen in a job, by settling ──▶ a task ──▶ asked anew, in a job of its own ──▶ destroyed, started anew, or left as it is
 *
 * A guest that has ended while there was no droverd is seen when the host is opened. One that stands still, since an earlier
 * droverd was killed while it saved it, goes on. Runs on tasks' threads; no lock. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"

LOG_SOURCE("drivers.xen.ends");

/* Of the three actions of a document, in the words of the one that has most. */
static LifecycleAction wanted(const DomainConfig *config, const XenInfo *info)
{
    StopAction action = info->why == XEN_SHUTDOWN_POWEROFF ? config->on_poweroff : config->on_reboot;

    if (info->why == XEN_SHUTDOWN_CRASH || info->why == XEN_SHUTDOWN_WATCHDOG)
        return config->on_crash ? config->on_crash : LIFECYCLE_ACTION_DESTROY;
    switch (action) {
    case STOP_ACTION_RESTART:
        return LIFECYCLE_ACTION_RESTART;
    case STOP_ACTION_PRESERVE:
        return LIFECYCLE_ACTION_PRESERVE;
    case STOP_ACTION_DESTROY:
        return LIFECYCLE_ACTION_DESTROY;
    default:
        return info->why == XEN_SHUTDOWN_POWEROFF ? LIFECYCLE_ACTION_DESTROY : LIFECYCLE_ACTION_RESTART;
    }
}

/* Whether the guest is no more. */
static bool destroy(XenHost *xen, Domain *domain, XenInfo *info)
{
    int r = xen_destroy(xen, domain, info->id);

    if (xen_ask(xen, info->id, &domain->uuid, info) == 0)
        return true;
    log_error("domain '%s' has ended and can't be destroyed: %s", domain->name, g_strerror(r < 0 ? -r : EBUSY));
    return false;
}

static void end(XenHost *xen, Domain *domain, XenInfo *info)
{
    if (destroy(xen, domain, info))
        xen_settle_held(xen, domain, NULL);
}

/* The definition counts, as with a machine that is switched off and on. */
static void restart(XenHost *xen, Domain *domain, XenInfo *info)
{
    XenDomain *data = xen_domain(domain);
    g_autoptr(DomainConfig) document = domain_config_ref(domain->persistent ? domain->persistent : domain->active);
    g_autoptr(DomainView) view = domain_view(domain);
    const XenStart start = {
        .config = document, .stream = -1, .state_reason = VIR_DOMAIN_RUNNING_BOOTED,
        .detail = VIR_DOMAIN_EVENT_STARTED_BOOTED, .bound_to = view->bound_to,
    };
    Error error = ERROR_INIT;

    if (!destroy(xen, domain, info))
        return;
    data->own_story = true;    /* it stays listed until the new one is there */
    if (xen_start(xen, domain, &start, &error) < 0) {
        log_error("domain '%s' can't be started anew: %s", domain->name, error.message);
        data->own_story = false;
        xen_settle_held(xen, domain, NULL);
    }
    error_clear(&error);
}

static void dump(XenHost *xen, Domain *domain, const XenInfo *info)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *stamp = g_date_time_format(now, "%Y%m%d-%H%M%S");
    g_autofree char *folder = g_build_filename(xen->host->state_dir, "xen", "dump", NULL);
    g_autofree char *path = g_strdup_printf("%s/%s-%s", folder, domain->name, stamp);
    g_autofree char *why = NULL;
    int r = g_mkdir_with_parents(folder, 0700) < 0 ? -errno : xen->hv->ops->dump(xen->hv, info->id, path, &why);

    if (r < 0) {
        unlink(path);    /* what is there of it helps nobody */
        log_error("the memory of domain '%s' can't be written to '%s': %s", domain->name, path, why ? why : g_strerror(-r));
    } else {
        log_info("the memory of domain '%s', which has crashed, is in '%s'", domain->name, path);
    }
}

static void act(XenHost *xen, Domain *domain, XenInfo *info)
{
    LifecycleAction action = wanted(domain->active, info);

    if (action == LIFECYCLE_ACTION_COREDUMP_DESTROY || action == LIFECYCLE_ACTION_COREDUMP_RESTART)
        dump(xen, domain, info);
    switch (action) {
    case LIFECYCLE_ACTION_RESTART:
    case LIFECYCLE_ACTION_COREDUMP_RESTART:
        restart(xen, domain, info);
        break;
    case LIFECYCLE_ACTION_PRESERVE:
        log_info("domain '%s' has ended and is kept as it is", domain->name);
        break;
    default:
        end(xen, domain, info);
        break;
    }
}

static bool was_being_saved(XenDomain *data, const XenInfo *info)
{
    return info->why == XEN_SHUTDOWN_SUSPEND && clock_now() < data->unsaved_until;
}

static void go_on(XenHost *xen, Domain *domain, XenInfo *info)
{
    g_autofree char *why = NULL;
    int r;

    xen_domain(domain)->unsaved_until = 0;
    xen_domain(domain)->ending = false;
    r = xen->hv->ops->go_on(xen->hv, info->id, &why);
    if (r < 0)
        log_error("domain '%s' stands still since droverd ended while it saved it: %s", domain->name, why ? why : g_strerror(-r));
    else if (xen_record_mark(xen, info->id, XEN_WORD_BUILT) < 0)
        log_warning("xenstored can't keep that domain '%s' goes on", domain->name);
    r = xen_ask(xen, info->id, &domain->uuid, info);
    if (r >= 0)
        xen_settle_held(xen, domain, r ? info : NULL);
}

static void run(XenHost *xen, Domain *domain)
{
    g_autoptr(DomainView) view = domain_view(domain);
    XenDomain *data = xen_domain(domain);
    XenInfo info;
    int r;

    if (!view || view->id < 0 || !data->ours || data->own_story) {
        data->ending = false;    /* whoever tells the story ends it with a look of his own */
        return;
    }
    r = xen_ask(xen, view->id, &view->uuid, &info);
    if (r == 1 && info.shutdown && was_being_saved(data, &info)) {
        go_on(xen, domain, &info);
    } else if (r == 1 && info.shutdown && info.why != XEN_SHUTDOWN_SUSPEND) {
        act(xen, domain, &info);
    } else if (r >= 0) {
        data->ending = false;
        xen_settle_held(xen, domain, r ? &info : NULL);
    }
}

void xen_ended(XenHost *xen, Domain *domain, const XenInfo *info)
{
    XenDomain *data = xen_domain(domain);

    if (!data->ours || data->ending || (info->why == XEN_SHUTDOWN_SUSPEND && !was_being_saved(data, info)))
        return;
    data->ending = true;
    xen_task_add(xen, domain, "xen.end", run);
}
