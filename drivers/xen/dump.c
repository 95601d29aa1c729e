/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory of a running guest, in a file in Xen's format: an ELF core that `crash` and gdb's stub for Xen read. The guest
 * is paused meanwhile unless it shall live on; what it writes then may not fit together. When droverd is killed while the guest
 * is paused, the next one lets it go on.
 * An async job in steps, as in save.c, on a worker. Takes no lock. */
#include "drivers/xen/xen.h"

#include <errno.h>

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "base/log.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"
#include "drivers/xen/stream.h"

LOG_SOURCE("drivers.xen.dump");

typedef struct Dumping {
    /* caller fills */
    Op *op;
    bool live, crash;
    /* private */
    XenInfo info;             /* as it was when it began */
    bool paused;              /* by us */
    XenFile file;
} Dumping;

static XenHost *host_of(const Dumping *dumping)
{
    return xen_host(dumping->op->host);
}

static int set_state(Dumping *dumping, int state, int reason)
{
    DomainFacts facts = change_facts(dumping->op->domain);

    facts.state = state;
    facts.reason = reason;
    return xen_commit(host_of(dumping), dumping->op->domain, &facts, dumping->op->error);
}

/* What the next droverd is to know of the guest. */
static int mark(Dumping *dumping, const char *word)
{
    XenHost *xen = host_of(dumping);

    return xen_record_marks(xen, dumping->op->domain) ? xen_record_mark(xen, dumping->info.id, word) : 0;
}

static void unmark(Dumping *dumping)
{
    int r = mark(dumping, XEN_WORD_BUILT);

    if (r < 0)
        log_warning("xenstored can't keep that domain '%s' goes on: %s", dumping->op->domain->name, g_strerror(-r));
}

static int hold(Dumping *dumping)
{
    XenHost *xen = host_of(dumping);
    int r = mark(dumping, XEN_WORD_DUMPING);

    if (r < 0)
        return xen_fail(dumping->op->error, r, _("keep in xenstore that the domain's memory is being written"));
    r = xen->hv->ops->pause(xen->hv, dumping->info.id);
    if (r < 0) {
        unmark(dumping);
        return xen_fail(dumping->op->error, r, _("pause the domain"));
    }
    dumping->paused = true;
    if (set_state(dumping, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_DUMP) < 0)
        return -1;
    change_announce(xen->host, dumping->op->domain, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    return 0;
}

static int begin_in_step(Dumping *dumping, const char *path)
{
    Op *op = dumping->op;

    if (xen_need(op, &dumping->info) < 0 || xen_file_open(&dumping->file, path, op->error) < 0)
        return -1;
    if (op->view->id == 0)
        return op_fail(op, VIR_ERR_OPERATION_INVALID, _("domain '%s' is the one that drover runs in"), op->view->name);
    xen_announce_started(host_of(dumping), op->domain);
    return dumping->live || dumping->info.paused || dumping->info.shutdown ? 0 : hold(dumping);
}

/* Between the steps. */
static int write_memory(Dumping *dumping)
{
    XenHost *xen = host_of(dumping);
    g_autofree char *name = xen_file_name(&dumping->file), *why = NULL;
    int r = xen->hv->ops->dump(xen->hv, dumping->info.id, name, &why);

    if (r < 0)
        return error_set(dumping->op->error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED,
                         _("Xen can't write the memory of domain '%s': %s"), dumping->op->view->name,
                         why ? why : g_strerror(-r));
    return xen_file_keep(&dumping->file, dumping->op->error);
}

static void go_on(Dumping *dumping)
{
    XenHost *xen = host_of(dumping);
    Error error = ERROR_INIT;
    DomainFacts facts = change_facts(dumping->op->domain);
    int r = dumping->info.kind == XEN_HVM ? xen->hv->ops->unpause_machine(xen->hv, dumping->info.id)
        : xen->hv->ops->unpause(xen->hv, dumping->info.id);

    facts.state = VIR_DOMAIN_RUNNING;
    facts.reason = VIR_DOMAIN_RUNNING_UNPAUSED;
    if (r == 0 && xen_commit(xen, dumping->op->domain, &facts, &error) == 0)
        change_announce(xen->host, dumping->op->domain, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    error_clear(&error);
}

/* The guest ends as one that has crashed. */
static int crash(Dumping *dumping)
{
    XenHost *xen = host_of(dumping);
    g_autoptr(DomainView) view = domain_view(dumping->op->domain);
    int r = xen_destroy(xen, dumping->op->domain, dumping->info.id);

    if (xen_ask(xen, dumping->info.id, &dumping->info.uuid, &dumping->info) != 0)
        return xen_fail(dumping->op->error, r < 0 ? r : -EBUSY, _("destroy the domain"));
    xen_stopped(xen, dumping->op->domain, view, &(XenStop){
        .reason = VIR_DOMAIN_SHUTOFF_CRASHED, .detail = VIR_DOMAIN_EVENT_STOPPED_CRASHED,
    });
    return 0;
}

static int end_in_step(Dumping *dumping, int r)
{
    XenInfo now;

    if (dumping->op->domain->gone || xen_ask(host_of(dumping), dumping->info.id, &dumping->info.uuid, &now) != 1)
        return r;
    if (r == 0 && dumping->crash)
        return crash(dumping);
    if (dumping->paused && now.paused)
        go_on(dumping);
    if (dumping->paused)
        unmark(dumping);
    return r;
}

static int dump(Dumping *dumping, const char *path)
{
    JobTicket *ticket = dumping->op->ticket;
    int r;

    dumping->file = (XenFile)XEN_FILE_INIT;
    job_step_begin(ticket);
    r = begin_in_step(dumping, path);
    job_step_end(ticket);
    if (r == 0) {
        r = write_memory(dumping);
        job_step_begin(ticket);
        r = end_in_step(dumping, r);
        job_step_end(ticket);
    }
    xen_file_clear(&dumping->file);
    return r;
}

int xen_domain_core_dump_with_format(Op *op, const RemoteDomainCoreDumpWithFormatArgs *args)
{
    Dumping dumping = { .op = op, .live = args->flags & VIR_DUMP_LIVE, .crash = args->flags & VIR_DUMP_CRASH };

    if (op_check_flags(op, args->flags, VIR_DUMP_LIVE | VIR_DUMP_CRASH) < 0)
        return -1;
    if (args->dumpformat != VIR_DOMAIN_CORE_DUMP_FORMAT_RAW)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_UNSUPPORTED,
                         _("Xen writes a guest's memory in its own format only"));
    if (dumping.live && dumping.crash)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                         _("a guest can't both go on and end when its memory is written"));
    return dump(&dumping, args->to);
}
