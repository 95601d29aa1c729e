/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See drivers-fixture.h. */
#include "drivers-fixture.h"

#include <libvirt/libvirt.h>

#include "rpc/remote-rows.h"

const char *fixture_state_dir;

static void record(Host *host, const DriverEvent *event)
{
    Fixture *fixture = host->server;
    const RemoteDomain *handle = event->message;    /* each of these messages begins with it, but for two */

    if (event->proc == REMOTE_PROC_DOMAIN_EVENT_CALLBACK_PMSUSPEND)
        handle = &((const RemoteDomainEventCallbackPmsuspendMsg *)event->message)->msg.dom;
    else if (event->proc == REMOTE_PROC_DOMAIN_EVENT_CALLBACK_PMWAKEUP)
        handle = &((const RemoteDomainEventCallbackPmwakeupMsg *)event->message)->msg.dom;
    g_assert_cmpmem(&event->uuid, sizeof event->uuid, handle->uuid, sizeof handle->uuid);
    if (event->proc == REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE) {
        const RemoteDomainEventLifecycleMsg *message = event->message;

        g_string_append_printf(fixture->events, "lifecycle %s %d %d %d\n", handle->name, handle->id, message->event,
                               message->detail);
    } else if (event->proc == REMOTE_PROC_DOMAIN_EVENT_CALLBACK_REBOOT) {
        g_string_append_printf(fixture->events, "reboot %s %d\n", handle->name, handle->id);
    } else if (event->proc == REMOTE_PROC_DOMAIN_EVENT_CALLBACK_PMSUSPEND) {
        g_string_append_printf(fixture->events, "pmsuspend %s %d\n", handle->name, handle->id);
    } else if (event->proc == REMOTE_PROC_DOMAIN_EVENT_CALLBACK_PMWAKEUP) {
        g_string_append_printf(fixture->events, "pmwakeup %s %d\n", handle->name, handle->id);
    } else if (event->proc == REMOTE_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_ADDED) {
        const RemoteDomainEventCallbackDeviceAddedMsg *message = event->message;

        g_string_append_printf(fixture->events, "added %s %d %s\n", handle->name, handle->id, message->devAlias);
    } else if (event->proc == REMOTE_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED) {
        const RemoteDomainEventDeviceRemovedMsg *message = event->message;

        g_string_append_printf(fixture->events, "removed %s %d %s\n", handle->name, handle->id, message->devAlias);
    } else if (event->proc == REMOTE_PROC_DOMAIN_EVENT_CALLBACK_TRAY_CHANGE) {
        const RemoteDomainEventTrayChangeMsg *message = event->message;

        g_string_append_printf(fixture->events, "tray %s %d %s %d\n", handle->name, handle->id, message->devAlias,
                               message->reason);
    } else if (event->proc == REMOTE_PROC_DOMAIN_EVENT_CALLBACK_BALLOON_CHANGE) {
        const RemoteDomainEventBalloonChangeMsg *message = event->message;

        g_string_append_printf(fixture->events, "balloon %s %d %" G_GUINT64_FORMAT "\n", handle->name, handle->id,
                               message->actual);
    } else {
        const RemoteDomainEventCallbackMetadataChangeMsg *message = event->message;

        g_assert_cmpint(event->proc, ==, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_METADATA_CHANGE);
        g_string_append_printf(fixture->events, "metadata %s %d %d %s\n", handle->name, handle->id, message->type,
                               message->nsuri ? message->nsuri : "-");
    }
}

Fixture *fixture_open(const Driver *driver, const char *uri, bool read_only, Error *error)
{
    Fixture *fixture = g_new0(Fixture, 1);
    Host *host = &fixture->host;

    fixture->events = g_string_new(NULL);
    host->driver = driver;
    host->error_domain = driver->error_domain;
    host->announce = record;
    host->server = fixture;
    host->state_dir = fixture_state_dir;
    host->refs = 1;
    host->domains = domain_list_new();
    if (driver->open(host, uri, read_only, error) == 0)
        return fixture;
    g_assert_cmpint(error->code, !=, VIR_ERR_OK);
    host->driver = NULL;
    fixture_free(fixture);
    return NULL;
}

Fixture *fixture_new(const Driver *driver, const char *uri)
{
    Error error = ERROR_INIT;
    Fixture *fixture = fixture_open(driver, uri, false, &error);

    if (!fixture)
        g_error("%s: %s", uri, error.message);
    return fixture;
}

void fixture_free(Fixture *fixture)
{
    Host *host = &fixture->host;

    if (host->driver)
        host->driver->close(host);
    domain_list_free(host->domains);
    store_close(host->store);
    g_free(host->uri);
    g_free(host->key);
    g_string_free(fixture->events, true);
    g_free(fixture);
}

const char *fixture_events(Fixture *fixture)
{
    const char *lines = g_intern_string(fixture->events->str);

    g_string_truncate(fixture->events, 0);
    return lines;
}

/* --- calls ----------------------------------------------------------------------------------- */

static const Proc *find_proc(const char *name)
{
    for (unsigned i = 1; i < remote_program.n_procs; i++) {
        if (remote_program.procs[i].name && strcmp(remote_program.procs[i].name, name) == 0)
            return &remote_program.procs[i];
    }
    g_error("there is no procedure '%s'", name);
}

static void begin(Fixture *fixture, FixtureCall *call, const char *procedure)
{
    *call = (FixtureCall){ .error = ERROR_INIT };
    arena_init(&call->arena, NULL, 0);
    call->op.host = &fixture->host;
    call->op.proc = find_proc(procedure);
    call->op.client = 7;
    call->op.arena = &call->arena;
    call->op.error = &call->error;
}

static void begin_job(FixtureCall *call)
{
    call->ticket = (JobTicket){ .kind = call->op.proc->job, .procedure = call->op.proc->name, .error = ERROR_INIT };
    g_assert_cmpint(job_begin(&call->op.domain->jobs, &call->ticket, NULL), ==, JOB_GRANTED);
    call->op.ticket = &call->ticket;
    call->op.view = domain_view(call->op.domain);
}

void fixture_begin(Fixture *fixture, FixtureCall *call, const char *procedure, const char *domain)
{
    begin(fixture, call, procedure);
    if (!domain)
        return;
    call->op.view = domain_list_view_by_name(fixture->host.domains, domain);
    if (!call->op.view)
        g_error("there is no domain '%s'", domain);
    if (call->op.proc->job == JOB_NONE)
        return;
    call->op.domain = domain_list_find(fixture->host.domains, &call->op.view->uuid);
    g_clear_pointer(&call->op.view, domain_view_unref);
    begin_job(call);
}

int fixture_end(FixtureCall *call, int r)
{
    int code = call->error.code;

    g_assert_true((r == 0) == (code == VIR_ERR_OK));
    g_assert_true(r == 0 || (call->error.message && *call->error.message));
    if (call->op.ticket)
        job_end(call->op.ticket);
    op_release_kept(&call->op);
    domain_view_unref(call->op.view);
    domain_unref(call->op.domain);
    if (call->op.stream)
        call->op.stream->ops->free(call->op.stream);
    error_clear(&call->error);
    arena_reset(&call->arena);
    return code;
}

/* --- documents ------------------------------------------------------------------------------- */

/* Claims what the document names and begins the job. */
static bool claim(FixtureCall *call, const DomainConfig *config)
{
    bool fresh;

    call->op.domain = domain_list_claim(call->op.host->domains, &config->uuid, config->name, &fresh, &call->error);
    if (!call->op.domain)
        return false;
    begin_job(call);
    return true;
}

/* Parses, claims and begins the job; NULL and the call's error when it can't. */
static DomainConfig *begin_document(Fixture *fixture, FixtureCall *call, const char *procedure, const char *document)
{
    g_autoptr(DomainConfig) config = NULL;

    begin(fixture, call, procedure);
    config = domain_config_parse(document, strlen(document), fixture->host.driver->domain_rules, 0, &call->error);
    return config && claim(call, config) ? g_steal_pointer(&config) : NULL;
}

static int end_document(FixtureCall *call, int r)
{
    if (r < 0 && call->op.domain)
        domain_list_release(call->op.domain);
    return fixture_end(call, r);
}

int fixture_define(Fixture *fixture, const char *document)
{
    FixtureCall call;
    g_autoptr(DomainConfig) config = begin_document(fixture, &call, "domain.define_xml_flags", document);

    return end_document(&call, config ? fixture->host.driver->domain_define(&call.op, config) : -1);
}

int fixture_create(Fixture *fixture, const char *document, uint32_t flags)
{
    FixtureCall call;
    g_autoptr(DomainConfig) config = begin_document(fixture, &call, "domain.create_xml", document);

    return end_document(&call, config ? fixture->host.driver->domain_start(&call.op, config, flags) : -1);
}

int fixture_restore(Fixture *fixture, const RemoteDomainRestoreFlagsArgs *args)
{
    const Driver *driver = fixture->host.driver;
    g_autoptr(DomainConfig) config = NULL;
    FixtureCall call;
    int r;

    begin(fixture, &call, "domain.restore_flags");
    r = driver->domain_restore_prepare(&call.op, args, &config);
    if (r == 0)
        r = claim(&call, config) ? driver->domain_restore(&call.op, args) : -1;
    return end_document(&call, r);
}

int fixture_start(Fixture *fixture, const char *name, uint32_t flags)
{
    return FIXTURE_CALL(fixture, "domain.create_with_flags", name, domain_start, NULL, flags);
}

int fixture_destroy(Fixture *fixture, const char *name)
{
    const RemoteDomainDestroyFlagsArgs args = { .flags = 0 };

    return FIXTURE_CALL(fixture, "domain.destroy_flags", name, domain_destroy_flags, &args);
}

int fixture_undefine(Fixture *fixture, const char *name)
{
    const RemoteDomainUndefineFlagsArgs args = { .flags = 0 };

    return FIXTURE_CALL(fixture, "domain.undefine_flags", name, domain_undefine_flags, &args);
}

int fixture_suspend(Fixture *fixture, const char *name)
{
    const RemoteDomainSuspendArgs args = { .dom = { .id = 0 } };

    return FIXTURE_CALL(fixture, "domain.suspend", name, domain_suspend, &args);
}

char *fixture_document(const char *name, unsigned number, const char *extra)
{
    return g_strdup_printf("<domain type='test'><name>%s</name><uuid>00000000-0000-4000-8000-%012u</uuid>"
                           "<memory unit='KiB'>1048576</memory><vcpu>2</vcpu><os><type>hvm</type></os>"
                           "<devices>%s</devices></domain>", name, number, extra ? extra : "");
}

const char *fixture_state(Fixture *fixture, const char *name)
{
    static const char *const states[] = {
        "nostate", "running", "blocked", "paused", "shutdown", "shutoff", "crashed", "pmsuspended",
    };
    g_autoptr(DomainView) view = domain_list_view_by_name(fixture->host.domains, name);
    g_autofree char *text = view ? g_strdup_printf("%s/%d", states[view->state], view->reason) : NULL;

    return text ? g_intern_string(text) : "none";
}

char *fixture_xml(Fixture *fixture, const char *name, uint32_t flags)
{
    const RemoteDomainGetXmlDescArgs args = { .flags = flags };
    RemoteDomainGetXmlDescResult result = { .xml = NULL };
    FixtureCall call;
    char *text;
    int r;

    fixture_begin(fixture, &call, "domain.get_xml_desc", name);
    r = fixture->host.driver->domain_get_xml_desc(&call.op, &args, &result);
    text = g_strdup(result.xml);
    g_assert_cmpint(fixture_end(&call, r), ==, VIR_ERR_OK);
    return text;
}
