/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settling: what was seen of a domain becomes what is published of it, and is announced. This is the only place where
 * the published list learns of what others did, and each difference is told once, since it is looked at inside a job of
 * the domain and is gone when the job ends.
 *
 *   seen ──job is free──▶ compared ──differs──▶ published ──▶ announced
 *     └───job is taken──▶ parked, without a thread ──granted──▶ the observer asks anew and compares
 *
 * A sighting may be older than the last publication: two sweeps can overtake each other, and an operation may have
 * changed the domain since. Such a sighting only says that the hypervisor has to be asked again, in the job.
 * One thread settles at a time (its *turn*, observe.c), so that whoever has settled finds what it wanted published.
 * Runs on workers and the observer's thread. Takes the locks of the list, JOB, and LOCK_XEN_HOST for the table of
 * what is parked; none of them across a hypercall or a request. */
#include "drivers/xen/xen.h"

#include <errno.h>

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/log.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

LOG_SOURCE("drivers.xen.settle");

/* A guest that an earlier droverd was saving has this long to stand still: it may have been asked to, and not have got to it. */
#define UNSAVED_TIME (60 * CLOCK_S)

/* One domain that is to be settled. */
typedef struct XenSettle {
    JobTicket ticket;
    XenHost *xen;
    Domain *domain;           /* owned */
    Uuid uuid;                /* the key in xen->settling */
    int met;                  /* the id under which it was met when it wasn't listed, or -1; in the table, under LOCK_XEN_HOST */
} XenSettle;

static void free_xen_domain(void *data)
{
    XenDomain *domain = data;

    g_clear_pointer(&domain->devices, g_ptr_array_unref);
    g_free(domain);
}

XenDomain *xen_domain(Domain *domain)
{
    if (!domain->driver_data) {
        XenDomain *data = g_new0(XenDomain, 1);

        data->announced = true;
        domain->driver_data = data;
        domain->free_driver_data = free_xen_domain;
    }
    return domain->driver_data;
}

/* What a view has in driver_facts: the place that all that is said of it adds up to; NULL: nothing is. */
enum { MARK_SKETCHED = 1, MARK_DOZING = 2, MARKS_END = 4 };
static char marks[MARKS_END];

static bool is_marked(const DomainView *view, int mark)
{
    return view->driver_facts && (((char *)view->driver_facts - marks) & mark);
}

bool xen_view_dozes(const DomainView *view)
{
    return is_marked(view, MARK_DOZING);
}

int xen_commit(XenHost *xen, Domain *domain, const DomainFacts *facts, Error *error)
{
    XenDomain *data = xen_domain(domain);
    DomainFacts marked = *facts;
    int mark, r;

    data->sketched = data->sketched && facts->active;
    mark = (data->sketched ? MARK_SKETCHED : 0) | (data->dozing ? MARK_DOZING : 0);
    if (mark)
        marked.driver_facts = marks + mark;
    r = change_commit(xen->host, domain, &marked, error);
    data->changed = clock_now();
    return r;
}

static void commit_or_log(XenHost *xen, Domain *domain, const DomainFacts *facts)
{
    Error error = ERROR_INIT;

    if (xen_commit(xen, domain, facts, &error) < 0)
        log_error("what happened to domain '%s' can't be kept: %s", domain->name, error.message);
    error_clear(&error);
}

/* --- one domain, in its job ------------------------------------------------------------------ */

void xen_announce_started(XenHost *xen, Domain *domain)
{
    XenDomain *data = xen_domain(domain);
    g_autoptr(DomainView) view = domain_view(domain);

    if (data->announced || !view)
        return;
    data->announced = true;
    xen_devices_begin(xen, domain, view->id);
    change_announce(xen->host, domain, VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED);
    if (view->state == VIR_DOMAIN_PAUSED)
        change_announce(xen->host, domain, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
}

/* Why it is off, from how it was seen last. */
static int shutoff_reason(const DomainView *view, bool own_end, int *detail)
{
    if (view->state == VIR_DOMAIN_SHUTDOWN) {
        *detail = VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN;
        return VIR_DOMAIN_SHUTOFF_SHUTDOWN;
    }
    if (view->state == VIR_DOMAIN_CRASHED) {
        *detail = VIR_DOMAIN_EVENT_STOPPED_CRASHED;
        return VIR_DOMAIN_SHUTOFF_CRASHED;
    }
    /* It had suspended itself: whoever asked it to has its state. */
    if (view->state == VIR_DOMAIN_PAUSED && view->reason == VIR_DOMAIN_PAUSED_SAVE && !own_end) {
        *detail = VIR_DOMAIN_EVENT_STOPPED_SAVED;
        return VIR_DOMAIN_SHUTOFF_SAVED;
    }
    *detail = VIR_DOMAIN_EVENT_STOPPED_DESTROYED;
    return VIR_DOMAIN_SHUTOFF_DESTROYED;
}

void xen_stopped(XenHost *xen, Domain *domain, const DomainView *view, const XenStop *stop)
{
    DomainFacts facts = change_facts(domain);
    RemoteDomain handle = op_handle(view);
    bool announced = xen_domain(domain)->announced;

    facts.id = handle.id = -1;
    facts.state = VIR_DOMAIN_SHUTOFF;
    facts.reason = stop->reason;
    facts.managed_save |= stop->managed_save;
    facts.started = 0;
    facts.active = NULL;
    facts.memory = 0;
    facts.vcpus = 0;
    xen_domain(domain)->dozing = false;
    commit_or_log(xen, domain, &facts);
    xen_name_forget(xen, view->id);
    xen_devices_end(xen, domain, view->id);
    xen_domain(domain)->ending = xen_domain(domain)->own_end = false;
    if (stop->in_turn)
        xen_hostdevs_leave(xen, &domain->uuid);
    else
        xen_hostdevs_give_back(xen, &domain->uuid);
    if (xen_domain(domain)->ours) {
        xen_domain(domain)->ours = false;
        xen_record_remove(xen, &domain->uuid);
    }
    /* One that was never whole has not stopped. */
    if (announced)
        change_announce_handle(xen->host, &handle, VIR_DOMAIN_EVENT_STOPPED, stop->detail);
    xen_domain(domain)->announced = true;
}

static void stopped(XenHost *xen, Domain *domain, const DomainView *view, bool in_turn)
{
    XenStop stop = { .in_turn = in_turn };

    stop.reason = shutoff_reason(view, xen_domain(domain)->own_end, &stop.detail);
    xen_stopped(xen, domain, view, &stop);
}

/* A domain that is paused and has done nothing yet may still be under construction. */
static bool is_half_built(const XenInfo *info)
{
    return info->paused && !info->shutdown && info->cpu_time == 0;
}

static DomainConfig *renamed(const DomainConfig *config, const char *name)
{
    DomainConfig *copy = config ? domain_config_copy(config) : NULL;

    if (copy)
        domain_config_set_text(copy, &copy->name, name);
    return copy;
}

static void started(XenHost *xen, Domain *domain, const XenInfo *info, const char *name)
{
    DomainFacts facts = change_facts(domain);
    bool unsaved;
    const DomainConfig *kept = xen_record_take(xen, info, &unsaved);
    DomainConfig *document = kept ? renamed(kept, name) : xen_document(xen, info, name);

    xen_devices_name(document);
    xen_domain(domain)->sketched = !kept;
    facts.id = info->id;
    facts.active = document;
    facts.started = clock_real();
    facts.memory = info->memory;
    facts.vcpus = info->vcpus;
    xen_state(info, NULL, &facts.state, &facts.reason);
    if (xen_sleep_met(xen, domain, info)) {
        facts.state = VIR_DOMAIN_PMSUSPENDED;
        facts.reason = VIR_DOMAIN_PMSUSPENDED_UNKNOWN;
    }
    if (is_half_built(info) && !xen->opening) {
        facts.reason = VIR_DOMAIN_PAUSED_STARTING_UP;
        LOCK_SCOPE(&xen->lock);
        xen->hurry = true;
    }
    commit_or_log(xen, domain, &facts);
    domain_config_unref(document);
    domain_config_unref(kept);
    xen_domain(domain)->announced = xen->opening;    /* what ran before us is no news */
    xen_domain(domain)->ours = kept != NULL;
    if (xen->opening)
        xen_devices_begin(xen, domain, info->id);
    xen_domain(domain)->unsaved_until = unsaved ? clock_now() + UNSAVED_TIME : 0;
    if (facts.reason != VIR_DOMAIN_PAUSED_STARTING_UP || facts.state != VIR_DOMAIN_PAUSED)
        xen_announce_started(xen, domain);
    if (info->shutdown)
        xen_ended(xen, domain, info);
}

/* The events of a running domain that has come from one state to another. */
static void announce_state(XenHost *xen, Domain *domain, int from, int to)
{
    if (to == VIR_DOMAIN_CRASHED)
        change_announce(xen->host, domain, VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_PANICKED);
    else if (to == VIR_DOMAIN_SHUTDOWN)
        change_announce(xen->host, domain, VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_FINISHED);
    else if (from == VIR_DOMAIN_PMSUSPENDED && to == VIR_DOMAIN_RUNNING)
        xen_announce_awake(xen, domain);
    else if (to == VIR_DOMAIN_PAUSED)
        change_announce(xen->host, domain, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    else if (from == VIR_DOMAIN_PAUSED)
        change_announce(xen->host, domain, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
}

static void changed_state(XenHost *xen, Domain *domain, const DomainView *view, const XenInfo *info)
{
    XenDomain *data = xen_domain(domain);
    DomainFacts facts = change_facts(domain);
    bool built = view->reason == VIR_DOMAIN_PAUSED_STARTING_UP && view->state == VIR_DOMAIN_PAUSED &&
                 !data->announced;

    if (info->shutdown)
        xen_ended(xen, domain, info);
    xen_state(info, view, &facts.state, &facts.reason);
    if (facts.state == view->state && !built)
        return;
    if (facts.state == view->state)
        facts.reason = VIR_DOMAIN_PAUSED_UNKNOWN;
    if (view->state == VIR_DOMAIN_PMSUSPENDED) {    /* somebody else has woken it */
        xen_sleep_forget(xen, domain, info->id);
        facts.reason = facts.state == VIR_DOMAIN_RUNNING ? VIR_DOMAIN_RUNNING_WAKEUP : facts.reason;
    } else if (facts.state == VIR_DOMAIN_PAUSED) {
        xen_sleep_met(xen, domain, info);
    }
    facts.memory = info->memory;
    facts.vcpus = info->vcpus;
    /* What somebody has asked libxl of one that was half built is half of it. */
    if (!data->announced && !data->ours)
        data->sketched = true;
    commit_or_log(xen, domain, &facts);
    if (!data->announced)
        xen_announce_started(xen, domain);
    else
        announce_state(xen, domain, view->state, facts.state);
}

/* Two domains have one UUID while a guest is migrated to its own host. The second is met when the first has gone. */
static bool is_second(XenHost *xen, const DomainView *view, const XenInfo *info)
{
    XenInfo first;

    return view->id >= 0 && view->id != info->id && xen_ask(xen, view->id, &view->uuid, &first) == 1;
}

/* The name by which a domain that is met for the first time is known; the domain has been claimed under it. */
static void become(XenHost *xen, Domain *domain, const XenInfo *info, bool in_turn)
{
    g_autoptr(DomainView) view = domain_view(domain);

    if (xen_domain(domain)->own_story || (view && info && is_second(xen, view, info)))
        return;
    if (view && view->id >= 0 && (!info || info->id != view->id)) {
        g_autofree char *name = g_strdup(view->name);

        stopped(xen, domain, view, in_turn);
        /* A transient domain is no more in the list: the next sweep meets the new one. */
        if (info && !domain->gone)
            started(xen, domain, info, name);
        if (info)
            xen_wake(xen);
    } else if (view && view->id >= 0) {
        changed_state(xen, domain, view, info);
    } else if (info) {
        started(xen, domain, info, domain->name);
    }
}

/* What the hypervisor says of a domain of which `info` was seen at `asked`, unless that is still good. */
static int look_again(XenHost *xen, Domain *domain, const XenInfo *info, int64_t asked, XenInfo *fresh)
{
    g_autoptr(DomainView) view = domain_view(domain);
    int id = info ? info->id : view ? view->id : -1;

    if (view && asked > xen_domain(domain)->changed) {
        if (info)
            *fresh = *info;
        return info != NULL;
    }
    return id < 0 ? 0 : xen_ask(xen, id, &domain->uuid, fresh);
}

static void settle_in_job(XenHost *xen, Domain *domain, const XenInfo *info, int64_t asked)
{
    XenInfo fresh;
    int r;

    if (domain->gone)
        return;
    r = look_again(xen, domain, info, asked, &fresh);
    if (r >= 0)
        become(xen, domain, r ? &fresh : NULL, true);
    else
        log_warning("domain '%s' can't be looked at: %s", domain->name, g_strerror(-r));
}

/* --- other names ----------------------------------------------------------------------------- */

static void rename_in_job(XenHost *xen, Domain *domain, const char *name)
{
    DomainFacts facts = change_facts(domain);
    g_autoptr(DomainView) before = domain_view(domain);
    g_autoptr(DomainConfig) active = renamed(facts.active, name);
    g_autoptr(DomainConfig) persistent = renamed(facts.persistent, name);
    RemoteDomain old = op_handle(before);
    Error error = ERROR_INIT;

    facts.active = active;
    facts.persistent = persistent;
    if (xen_commit(xen, domain, &facts, &error) == 0) {
        change_announce_handle(xen->host, &old, VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_RENAMED);
        change_announce(xen->host, domain, VIR_DOMAIN_EVENT_DEFINED, VIR_DOMAIN_EVENT_DEFINED_RENAMED);
    } else {
        domain_rename_abort(domain, name);
        log_error("domain '%s' was renamed to '%s', which can't be kept: %s", before->name, name, error.message);
    }
    error_clear(&error);
}

/* Passes look whether it can have the name. */
static void wait_for_name(XenHost *xen, int id, const char *name)
{
    LOCK_SCOPE(&xen->lock);
    g_hash_table_insert(xen->aliased, GINT_TO_POINTER(id), g_strdup(name));
}

/* Reserves the name, or the one with the id behind it; NULL: neither is to be had. */
static char *reserve_name(XenHost *xen, Domain *domain, int id, const char *name)
{
    g_autofree char *alias = g_strdup_printf("%s~%d", name, id);
    Error error = ERROR_INIT;
    bool taken = domain_rename_begin(domain, name, &error) < 0;

    error_clear(&error);
    if (!taken)
        return g_strdup(name);
    wait_for_name(xen, id, name);
    if (strcmp(domain->name, alias) == 0 || domain_rename_begin(domain, alias, NULL) < 0)
        return NULL;
    return g_steal_pointer(&alias);
}

/* The name in xenstore, and nothing else, decides what a running domain is listed under. */
static void take_name(XenHost *xen, Domain *domain, int id, const char *name)
{
    g_autofree char *reserved = NULL;

    if (domain->gone || strcmp(domain->name, name) == 0)
        return;
    if (xen_domain(domain)->own_story) {    /* when that is told, it is another name of the same guest */
        wait_for_name(xen, id, name);
        return;
    }
    reserved = reserve_name(xen, domain, id, name);
    if (reserved)
        rename_in_job(xen, domain, reserved);
}

/* A domain whose job was taken may have been renamed meanwhile. */
static void name_in_job(XenHost *xen, Domain *domain)
{
    g_autoptr(DomainView) view = domain_view(domain);
    g_autofree char *name = NULL;

    if (view && view->id >= 0 && xen_name_read(xen, view->id, &name) == 0)
        take_name(xen, domain, view->id, name);
}

/* A domain that is known and was off may be watched for the first time. */
static void learn_name(XenHost *xen, Domain *domain, int id)
{
    g_autoptr(DomainView) view = domain_view(domain);
    g_autofree char *name = NULL;

    if (view && view->id == id && xen_name_learn(xen, id, &name) == 0)
        take_name(xen, domain, id, name);
}

void xen_settle_held(XenHost *xen, Domain *domain, const XenInfo *info)
{
    become(xen, domain, info, false);
    if (info)
        learn_name(xen, domain, info->id);
}

/* --- getting the job ------------------------------------------------------------------------- */

static void settle_free(XenSettle *settle)
{
    error_clear(&settle->ticket.error);
    domain_unref(settle->domain);
    g_free(settle);
}

/* It was met and isn't listed, since somebody else had its UUID or its job, or it is no more: it is met once more. */
static void doubt_unlisted(XenHost *xen, int id)
{
    g_autoptr(DomainView) view = id >= 0 ? domain_list_view_by_id(xen->host->domains, id) : NULL;

    if (id >= 0 && !view)
        xen_name_doubt(xen, id);
}

/* On whatever thread ended the job before: hands over to the observer. */
static void settle_ready(JobTicket *ticket, JobOutcome outcome)
{
    XenSettle *settle = (XenSettle *)(void *)((char *)ticket - offsetof(XenSettle, ticket));
    XenHost *xen = settle->xen;

    lock_acquire(&xen->lock);
    g_hash_table_remove(xen->settling, &settle->uuid);
    if (outcome == JOB_GRANTED) {
        g_queue_push_tail(&xen->granted, settle);
        __atomic_add_fetch(&xen->n_granted, 1, __ATOMIC_SEQ_CST);
    }
    lock_release(&xen->lock);
    if (outcome == JOB_GRANTED) {
        xen_wake(xen);
        return;
    }
    doubt_unlisted(xen, settle->met);
    settle_free(settle);
}

/* False: somebody waits for the domain's job already, which does as well. */
static bool note_settling(XenHost *xen, XenSettle *settle)
{
    XenSettle *other;

    LOCK_SCOPE(&xen->lock);
    other = g_hash_table_lookup(xen->settling, &settle->uuid);
    if (other && settle->met >= 0)
        other->met = settle->met;
    if (other)
        return false;
    g_hash_table_insert(xen->settling, &settle->uuid, settle);
    return true;
}

static void forget_settling(XenHost *xen, XenSettle *settle)
{
    LOCK_SCOPE(&xen->lock);
    g_hash_table_remove(xen->settling, &settle->uuid);
}

/* The job of a domain for the moment of settling it: a query, which may run beside what lasts. NULL: it was not to be
 * had at once, and `ready` will see to it. */
static XenSettle *begin_met(XenHost *xen, Domain *domain, int met)
{
    XenSettle *settle = g_new0(XenSettle, 1);

    settle->ticket = (JobTicket){
        .kind = JOB_QUERY, .procedure = "xen.settle", .ready = settle_ready, .error = ERROR_INIT,
    };
    settle->xen = xen;
    settle->domain = domain_ref(domain);
    settle->uuid = domain->uuid;
    settle->met = met;
    if (!note_settling(xen, settle)) {
        settle_free(settle);
        return NULL;
    }
    switch (job_begin(&domain->jobs, &settle->ticket, NULL)) {
    case JOB_GRANTED:
        forget_settling(xen, settle);
        return settle;
    case JOB_REFUSED:
        forget_settling(xen, settle);
        doubt_unlisted(xen, settle->met);
        settle_free(settle);
        return NULL;
    default:
        return NULL;
    }
}

static XenSettle *begin(XenHost *xen, Domain *domain)
{
    return begin_met(xen, domain, -1);
}

static void end(XenSettle *settle)
{
    doubt_unlisted(settle->xen, settle->met);
    job_end(&settle->ticket);
    settle_free(settle);
}

bool xen_settle_with(XenHost *xen, Domain *domain, void (*run)(XenHost *xen, Domain *domain, const void *data),
                     const void *data)
{
    XenSettle *settle = begin(xen, domain);

    if (!settle)
        return false;
    if (!domain->gone)
        run(xen, domain, data);
    end(settle);
    return true;
}

void xen_settle_granted(XenHost *xen)
{
    for (;;) {
        XenSettle *settle;

        lock_acquire(&xen->lock);
        settle = g_queue_pop_head(&xen->granted);
        if (settle)
            __atomic_sub_fetch(&xen->n_granted, 1, __ATOMIC_SEQ_CST);
        lock_release(&xen->lock);
        if (!settle)
            return;
        settle_in_job(xen, settle->domain, NULL, 0);
        name_in_job(xen, settle->domain);
        end(settle);
    }
}

/* --- what libxl keeps of a guest ------------------------------------------------------------- */

/* What people have said of a guest, and libxl doesn't know. */
static void keep_texts(DomainConfig *config, const DomainConfig *from)
{
    domain_config_set_text(config, &config->title, from->title);
    domain_config_set_text(config, &config->description, from->description);
    domain_config_set_text(config, &config->metadata, from->metadata);
}

/* In the place of `from`, a sketch. NULL: libxl has nothing, or nothing yet, and the sketch has to do. */
static DomainConfig *describe(XenHost *xen, int id, const DomainConfig *from)
{
    g_autofree char *why = NULL;
    DomainConfig *config = NULL;
    int r = xen->hv->ops->describe ? xen->hv->ops->describe(xen->hv, id, &config, &why) : -ENOTSUP;

    if (r < 0) {
        log_debug("nothing is known of domain %d beyond what the hypervisor tells: %s", id, why ? why : g_strerror(-r));
        return NULL;
    }
    config->uuid = from->uuid;
    domain_config_set_text(config, &config->name, from->name);
    keep_texts(config, from);
    xen_devices_name(config);
    xen_describe_pins(xen, id, config);
    return config;
}

/* Unless it was renamed, or somebody has said more of it. */
static void take_document(XenHost *xen, Domain *domain, int id, const DomainConfig *from, const DomainConfig *config)
{
    DomainFacts facts = change_facts(domain);

    if (domain->gone || facts.id != id || !xen_domain(domain)->sketched || facts.active != from)
        return;
    xen_domain(domain)->sketched = false;
    facts.active = config;
    commit_or_log(xen, domain, &facts);
    xen_devices_described(xen, domain, id);
}

void xen_describe_held(XenHost *xen, Domain *domain, int id)
{
    g_autoptr(DomainConfig) config = NULL;

    if (!xen_domain(domain)->sketched)
        return;
    config = describe(xen, id, domain->active);
    if (config)
        take_document(xen, domain, id, domain->active, config);
}

DomainConfig *xen_describe(XenHost *xen, const DomainView *view)
{
    g_autoptr(Domain) domain = NULL;
    DomainConfig *config;
    XenSettle *settle;

    if (!is_marked(view, MARK_SKETCHED))
        return NULL;
    config = describe(xen, view->id, view->active);
    domain = config ? domain_list_find(xen->host->domains, &view->uuid) : NULL;
    settle = domain ? begin(xen, domain) : NULL;
    if (settle) {
        take_document(xen, domain, view->id, view->active, config);
        end(settle);
    }
    return config;
}

/* --- domains that are not in the list -------------------------------------------------------- */

/* Another domain has the name: this one gets its id behind it, until the name is free. */
static Domain *claim_alias(XenHost *xen, const XenInfo *info, const char *name)
{
    g_autofree char *alias = g_strdup_printf("%s~%d", name, info->id);
    Error error = ERROR_INIT;
    bool fresh;
    Domain *domain = domain_list_claim(xen->host->domains, &info->uuid, alias, &fresh, &error);

    if (domain) {
        log_warning("domain %d has the name '%s' that another one has, and is listed as '%s'", info->id, name, alias);
        wait_for_name(xen, info->id, name);
    } else {
        log_warning("domain %d can't be listed: %s", info->id, error.message);
    }
    error_clear(&error);
    return domain;
}

static Domain *claim(XenHost *xen, const XenInfo *info, const char *name)
{
    Error error = ERROR_INIT;
    bool fresh;
    Domain *domain = domain_list_claim(xen->host->domains, &info->uuid, name, &fresh, &error);

    error_clear(&error);
    return domain ? domain : claim_alias(xen, info, name);
}

/* A domain that nobody has told of. One without a name is still being built and stays unknown. */
static void introduce(XenHost *xen, const XenInfo *info)
{
    g_autofree char *name = NULL;
    g_autoptr(Domain) domain = NULL;
    XenSettle *settle;
    int r = xen_name_learn(xen, info->id, &name);

    if (r < 0) {
        if (r != -ENOENT)
            log_warning("the name of domain %d can't be read: %s", info->id, g_strerror(-r));
        return;
    }
    domain = claim(xen, info, name);
    settle = domain ? begin_met(xen, domain, info->id) : NULL;
    if (settle) {
        settle_in_job(xen, domain, info, 0);
        domain_list_release(domain);    /* means something when it has died meanwhile */
        end(settle);
    } else if (domain) {
        domain_list_release(domain);
    } else {
        xen_name_doubt(xen, info->id);
    }
}

void xen_settle(XenHost *xen, const Uuid *uuid, const XenInfo *info, int64_t asked)
{
    g_autoptr(Domain) domain = domain_list_find(xen->host->domains, uuid);
    XenSettle *settle;

    if (domain) {
        settle = begin(xen, domain);
        if (!settle)
            return;
        settle_in_job(xen, domain, info, asked);
        if (info)
            learn_name(xen, domain, info->id);
        /* A transient one that came again under another id has left the list with the first. */
        info = domain->gone ? info : NULL;
        end(settle);
    }
    if (info)
        introduce(xen, info);
}

void xen_settle_name(XenHost *xen, int id, const char *name)
{
    g_autoptr(DomainView) view = domain_list_view_by_id(xen->host->domains, id);
    g_autoptr(Domain) domain = NULL;
    XenSettle *settle;

    lock_acquire(&xen->lock);
    g_hash_table_remove(xen->aliased, GINT_TO_POINTER(id));
    lock_release(&xen->lock);
    if (!view || strcmp(view->name, name) == 0)
        return;
    domain = domain_list_find(xen->host->domains, &view->uuid);
    settle = domain ? begin(xen, domain) : NULL;
    if (!settle)
        return;
    take_name(xen, domain, id, name);
    end(settle);
}

void xen_settle_aliases(XenHost *xen)
{
    g_autoptr(GArray) ids = g_array_new(false, false, sizeof(int));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    void *id, *name;

    lock_acquire(&xen->lock);
    g_hash_table_iter_init(&iter, xen->aliased);
    while (g_hash_table_iter_next(&iter, &id, &name)) {
        int number = GPOINTER_TO_INT(id);

        g_array_append_val(ids, number);
        g_ptr_array_add(names, g_strdup(name));
    }
    lock_release(&xen->lock);
    for (unsigned i = 0; i < names->len; i++) {
        g_autoptr(DomainView) other = domain_list_view_by_name(xen->host->domains, names->pdata[i]);

        if (!other)
            xen_settle_name(xen, g_array_index(ids, int, i), names->pdata[i]);
    }
}
