/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that drover makes: what its own documents say becomes a running guest.
 *
 *   document ──on the disk──▶ built, paused ──marked as whole──▶ runs, or stays paused ──marked──▶ published ──▶ told of
 *       └──refused              └──fails: destroyed, forgotten, and never told of
 *
 * All of it inside a job of the domain on a worker or a task's thread; may wait for minutes. Settling finds the job taken
 * meanwhile, and looks again after it. Takes no lock. */
#include "drivers/xen/xen.h"

#include <errno.h>

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

LOG_SOURCE("drivers.xen.build");

/* --- what can be built ----------------------------------------------------------------------- */

static int refuse(Error *error, const char *text)
{
    return error_set(error, VIR_FROM_LIBXL, VIR_ERR_CONFIG_UNSUPPORTED, "%s", text);
}

static bool dumps(const DomainConfig *config)
{
    return config->on_crash == LIFECYCLE_ACTION_COREDUMP_DESTROY || config->on_crash == LIFECYCLE_ACTION_COREDUMP_RESTART;
}

int xen_check_document(XenHost *xen, const DomainConfig *config, Error *error)
{
    const HypervisorOps *ops = xen->hv->ops;
    g_autofree char *why = NULL;

    if (config->type != DOMAIN_TYPE_XEN)
        return refuse(error, _("only guests of the type 'xen' can be run here"));
    if (config->on_poweroff == STOP_ACTION_RENAME_RESTART || config->on_reboot == STOP_ACTION_RENAME_RESTART ||
        config->on_crash == LIFECYCLE_ACTION_RENAME_RESTART)
        return refuse(error, _("a guest can't be kept under another name while it is started anew"));
    if (dumps(config) && (!ops->dump || !xen->host->state_dir))
        return refuse(error, _("the memory of a guest that has crashed can't be written to a file"));
    if (ops->can_build(xen->hv, config, &why) < 0)
        return refuse(error, why ? why : _("Xen can't run such a guest"));
    return 0;
}

/* --- starting -------------------------------------------------------------------------------- */

int xen_let_run(XenHost *xen, const XenInfo *info)
{
    return info->kind == XEN_HVM ? xen->hv->ops->unpause_machine(xen->hv, info->id)
                                 : xen->hv->ops->unpause(xen->hv, info->id);
}

/* Nothing of it may be left; what is left in spite of that keeps its record, and the next start of droverd tries again. */
static void unmake(XenHost *xen, Domain *domain, int id)
{
    XenInfo info;

    if (id >= 0 && xen_ask(xen, id, &domain->uuid, &info) == 1) {
        xen_record_mark(xen, id, XEN_WORD_ENDING);    /* else one that is marked as whole would run after a kill */
        xen->hv->ops->destroy(xen->hv, id);
    }
    if (id < 0 || xen_ask(xen, id, &domain->uuid, &info) == 0) {
        xen_hostdevs_give_back(xen, &domain->uuid);
        xen_record_remove(xen, &domain->uuid);
    } else {
        log_error("domain %d is left of a guest that could not be built, and can't be destroyed", id);
    }
}

/* The state that it was to go on from may be used up. */
static void note_managed(XenHost *xen, Domain *domain)
{
    DomainFacts facts = change_facts(domain);
    Error error = ERROR_INIT;

    if (!facts.managed_save || xen_managed_exists(xen, &domain->uuid))
        return;
    facts.managed_save = false;
    if (xen_commit(xen, domain, &facts, &error) < 0)
        log_warning("that domain '%s' has no managed save can't be published: %s", domain->name, error.message);
    error_clear(&error);
}

static int build(XenHost *xen, const XenStart *start, int *id, char **why)
{
    const XenBuild build = { .config = start->config, .stream = start->stream };
    int r = xen->hv->ops->build(xen->hv, &build, id, why);

    if (r == 0)
        r = xen_record_mark(xen, *id, start->bound_to ? XEN_WORD_BOUND
                            : start->paused ? XEN_WORD_WAITING : XEN_WORD_STARTING);
    return r;
}

static int let_go(XenHost *xen, Domain *domain, const XenStart *start, int id, Error *error)
{
    XenInfo info;
    int mark, r = 0;

    if (xen_record_end(xen, start->config, error) < 0)
        return -1;
    if (start->before_run && start->before_run(xen, domain, error) < 0)
        return -1;
    if (!start->paused) {
        r = xen_ask(xen, id, &start->config->uuid, &info);
        r = r == 1 ? xen_let_run(xen, &info) : r == 0 ? -ENOENT : r;
    }
    /* It runs, so it isn't ended for this: a later droverd only takes the last steps once more. */
    if (r == 0 && !start->bound_to && (mark = xen_record_mark(xen, id, XEN_WORD_BUILT)) < 0)
        log_warning("domain %d runs, but xenstored can't keep that it does: %s", id, g_strerror(-mark));
    return r < 0 ? xen_fail(error, r, _("let the domain run")) : 0;
}

/* A restart is told of as what it is to everybody but the guest: it has stopped, and it starts. */
static void announce_stopped(XenHost *xen, const DomainView *before)
{
    RemoteDomain handle = op_handle(before);
    int detail = before->state == VIR_DOMAIN_CRASHED ? VIR_DOMAIN_EVENT_STOPPED_CRASHED : VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN;

    handle.id = -1;
    xen_name_forget(xen, before->id);
    change_announce_handle(xen->host, &handle, VIR_DOMAIN_EVENT_STOPPED, detail);
}

static int publish(XenHost *xen, Domain *domain, const XenStart *start, int id, Error *error)
{
    DomainFacts facts = change_facts(domain);
    g_autoptr(DomainView) before = domain_view(domain);
    g_autoptr(DomainConfig) document = domain_config_copy(start->config);

    xen_devices_name(document);
    facts.id = id;
    facts.state = start->paused ? VIR_DOMAIN_PAUSED : VIR_DOMAIN_RUNNING;
    facts.reason = start->paused ? VIR_DOMAIN_PAUSED_USER : start->state_reason;
    facts.started = clock_real();
    facts.active = document;
    facts.bound_to = start->bound_to;
    facts.managed_save = xen_managed_exists(xen, &domain->uuid);
    facts.memory = 0;
    facts.vcpus = 0;
    if (xen_commit(xen, domain, &facts, error) < 0)
        return -1;
    xen_domain(domain)->announced = true;
    xen_domain(domain)->ours = true;
    xen_domain(domain)->ending = false;
    xen_devices_begin(xen, domain, id);
    if (before && before->id >= 0)
        announce_stopped(xen, before);
    change_announce(xen->host, domain, VIR_DOMAIN_EVENT_STARTED, start->detail);
    if (start->paused)
        change_announce(xen->host, domain, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    return 0;
}

int xen_start(XenHost *xen, Domain *domain, const XenStart *start, Error *error)
{
    XenDomain *data = xen_domain(domain);
    g_autofree char *why = NULL;
    XenInfo info;
    int id = -1, r;

    if (xen_check_document(xen, start->config, error) < 0 || xen_record_begin(xen, start->config, error) < 0)
        return -1;
    if (xen_hostdevs_take(xen, start->config, error) < 0)
        r = -1;
    else if ((r = build(xen, start, &id, &why)) < 0)
        error_set(error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED, _("Xen can't start domain '%s': %s"),
                  start->config->name, why ? why : g_strerror(-r));
    else if ((r = let_go(xen, domain, start, id, error)) == 0)
        r = publish(xen, domain, start, id, error);
    if (r < 0) {
        unmake(xen, domain, id);
        note_managed(xen, domain);
        return -1;
    }
    log_info("domain '%s' is started, its id is %d", start->config->name, id);
    data->own_story = false;
    /* It may have come to its end at once, or have another name already. */
    r = xen_ask(xen, id, &domain->uuid, &info);
    if (r >= 0)
        xen_settle_held(xen, domain, r ? &info : NULL);
    return 0;
}

/* What is published may be older than what xl has done. */
int xen_need_off(Op *op, const DomainConfig *config)
{
    XenHost *xen = xen_host(op->host);
    XenSweep sweep;
    bool runs = false;
    int r = xen_sweep(xen, &sweep);

    if (r < 0)
        return xen_fail(op->error, r, _("list its domains"));
    for (unsigned i = 0; i < sweep.n && !runs; i++) {
        if (sweep.infos[i].dying || !uuid_equal(&sweep.infos[i].uuid, &config->uuid))
            continue;
        runs = true;
        xen_settle_held(xen, op->domain, &sweep.infos[i]);
    }
    xen_sweep_clear(&sweep);
    if (runs)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID, _("domain '%s' is already running"),
                         config->name);
    if (op->domain->active)
        xen_settle_held(xen, op->domain, NULL);
    return 0;
}

int xen_domain_start(Op *op, const DomainConfig *config, uint32_t flags)
{
    const uint32_t known = VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_FORCE_BOOT | VIR_DOMAIN_START_VALIDATE
        | VIR_DOMAIN_START_AUTODESTROY;
    XenHost *xen = xen_host(op->host);
    g_autoptr(DomainConfig) document = NULL;
    XenStart start = {
        .stream = -1, .paused = flags & VIR_DOMAIN_START_PAUSED, .state_reason = VIR_DOMAIN_RUNNING_BOOTED,
        .detail = VIR_DOMAIN_EVENT_STARTED_BOOTED, .bound_to = flags & VIR_DOMAIN_START_AUTODESTROY ? op->client : 0,
    };

    if (op_check_flags(op, flags, known) < 0 || (config && change_check_claim(op, config) < 0))
        return -1;
    if (!config && !op->domain->persistent)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID, _("domain '%s' is already running"),
                         op->domain->name);
    start.config = config ? config : op->domain->persistent;
    document = domain_config_ref(start.config);    /* settling may replace the domain's */
    if (config)
        xen_tell_passed_over(NULL, config);
    if (xen_need_off(op, start.config) < 0)
        return -1;
    /* A transient one has left the list with its former guest, and its name and UUID with it. */
    if (op->domain->gone)
        return op_fail(op, VIR_ERR_OPERATION_FAILED, _("domain '%s' has just ended, try again"), start.config->name);
    if (xen_managed_exists(xen, &op->domain->uuid) && op->domain->persistent && !(flags & VIR_DOMAIN_START_FORCE_BOOT))
        return xen_managed_start(xen, op->domain, start.paused, start.bound_to, op->error);
    /* It won't be what it was when it was saved. */
    if (flags & VIR_DOMAIN_START_FORCE_BOOT)
        start.before_run = xen_managed_discard;
    return xen_start(xen, op->domain, &start, op->error);
}

/* --- starting with the host ------------------------------------------------------------------ */

/* In xenstore, since that starts anew with the host, and droverd may do so more often. */
#define AUTOSTARTED "/tool/drover/autostarted"

static void start_marked(XenHost *xen, Domain *domain)
{
    g_autoptr(DomainConfig) document = domain->persistent ? domain_config_ref(domain->persistent) : NULL;
    const XenStart start = {
        .config = document, .stream = -1, .state_reason = VIR_DOMAIN_RUNNING_BOOTED,
        .detail = VIR_DOMAIN_EVENT_STARTED_BOOTED,
    };
    Error error = ERROR_INIT;

    if (!document || domain->active)
        return;
    if ((xen_managed_exists(xen, &domain->uuid) ? xen_managed_start(xen, domain, false, 0, &error)
         : xen_start(xen, domain, &start, &error)) < 0)
        log_warning("domain '%s' doesn't start with its host: %s", domain->name, error.message);
    error_clear(&error);
}

void xen_autostart(XenHost *xen)
{
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    g_autofree char *before = NULL;
    unsigned n;
    int r;

    if (!xen->host->store || xen->hv->ops->read(xen->hv, AUTOSTARTED, &before) == 0)
        return;
    r = xen->hv->ops->write(xen->hv, AUTOSTARTED, "1");
    if (r < 0) {
        log_error("no domain is started with its host, since xenstored can't keep that it was: %s", g_strerror(-r));
        return;
    }
    n = domain_list_pages(xen->host->domains, pages, DOMAIN_LIST_SHARDS);
    for (unsigned i = 0; i < n; i++) {
        for (uint32_t k = 0; k < pages[i]->n; k++) {
            const DomainView *view = pages[i]->entries[k].view;
            g_autoptr(Domain) domain = view->autostart && !view->active ?
                domain_list_find(xen->host->domains, &view->uuid) : NULL;

            if (domain)
                xen_task_add(xen, domain, "xen.autostart", start_marked);
        }
        domain_page_unref(pages[i]);
    }
}
