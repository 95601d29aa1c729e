/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a pretended machine: start, pause, stop. Each function runs inside a job of its domain, so
 * nobody else changes that domain meanwhile; each makes new facts and leaves the order of storing,
 * publishing and announcing to drivers/common/change.c. LOCK_TEST_HOST is taken for a moment, for an id. */
#include "drivers/test/test.h"

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

/* Ids count upwards from 1; when they have all been used, those that nobody has come again. */
static int take_id(Host *host)
{
    TestHost *test = test_host(host);
    int id;

    LOCK_SCOPE(&test->lock);
    for (;;) {
        g_autoptr(DomainView) user = NULL;

        id = test->next_id;
        test->next_id = id == INT32_MAX ? 1 : id + 1;
        user = domain_list_view_by_id(host->domains, id);
        if (!user)
            return id;
    }
}

int test_start(Host *host, Domain *domain, const DomainConfig *config, int state, int reason, uint64_t bound_to, Error *error)
{
    DomainFacts facts = change_facts(domain);

    facts.id = take_id(host);
    facts.state = state;
    facts.reason = reason;
    facts.started = clock_real();
    facts.active = config;
    facts.bound_to = bound_to;
    facts.managed_save = false;
    facts.memory = 0;
    facts.vcpus = 0;
    test_domain_attach(domain);
    return change_commit(host, domain, &facts, error);
}

int test_domain_start(Op *op, const DomainConfig *config, uint32_t flags)
{
    const uint32_t known = VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_BYPASS_CACHE | VIR_DOMAIN_START_FORCE_BOOT |
                           VIR_DOMAIN_START_VALIDATE | VIR_DOMAIN_START_RESET_NVRAM | VIR_DOMAIN_START_AUTODESTROY;
    uint64_t bound_to = flags & VIR_DOMAIN_START_AUTODESTROY ? op->client : 0;
    bool paused = flags & VIR_DOMAIN_START_PAUSED;
    const DomainConfig *document = config ? config : op->domain->persistent;
    int r;

    if (op_check_flags(op, flags, known) < 0 || (config && change_check_claim(op, config) < 0))
        return -1;
    if (op->domain->active)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID, _("domain '%s' is already running"),
                         op->view->name);
    r = paused ? test_start(op->host, op->domain, document, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, bound_to, op->error)
               : test_start(op->host, op->domain, document, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED, bound_to, op->error);
    if (r < 0)
        return -1;
    change_announce(op->host, op->domain, VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED);
    if (paused)
        change_announce(op->host, op->domain, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    return 0;
}

/* The machine is off; a transient domain has gone. */
static int stop(Op *op, int reason, int detail)
{
    DomainFacts facts = change_facts(op->domain);
    RemoteDomain handle = op_handle(op->view);

    facts.id = handle.id = -1;
    facts.state = VIR_DOMAIN_SHUTOFF;
    facts.reason = reason;
    facts.started = 0;
    facts.active = NULL;
    facts.memory = 0;
    facts.vcpus = 0;
    if (change_commit(op->host, op->domain, &facts, op->error) < 0)
        return -1;
    test_console_hang_up(op->domain);
    change_announce_handle(op->host, &handle, VIR_DOMAIN_EVENT_STOPPED, detail);
    return 0;
}

static int set_state(Op *op, int state, int reason)
{
    DomainFacts facts = change_facts(op->domain);

    facts.state = state;
    facts.reason = reason;
    return change_commit(op->host, op->domain, &facts, op->error);
}

int test_domain_suspend(Op *op, const RemoteDomainSuspendArgs *args)
{
    if (op_need_active(op, op->view) < 0)
        return -1;
    if (op->view->state == VIR_DOMAIN_PAUSED)
        return 0;
    if (set_state(op, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER) < 0)
        return -1;
    change_announce(op->host, op->domain, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    return 0;
}

int test_domain_resume(Op *op, const RemoteDomainResumeArgs *args)
{
    if (op_need_active(op, op->view) < 0)
        return -1;
    if (op->view->state != VIR_DOMAIN_PAUSED)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID, _("domain '%s' is not paused"),
                         op->view->name);
    if (set_state(op, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED) < 0)
        return -1;
    change_announce(op->host, op->domain, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    return 0;
}

/* The pretended guests have no agent. */
static int check_mode(Op *op, uint32_t flags, uint32_t acpi, uint32_t agent)
{
    if (op_check_flags(op, flags, acpi | agent) < 0 || op_need_active(op, op->view) < 0)
        return -1;
    if (flags != agent)
        return 0;
    return op_fail(op, VIR_ERR_AGENT_UNRESPONSIVE, _("domain '%s' has no guest agent"), op->view->name);
}

int test_domain_shutdown_flags(Op *op, const RemoteDomainShutdownFlagsArgs *args)
{
    if (check_mode(op, args->flags, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN, VIR_DOMAIN_SHUTDOWN_GUEST_AGENT) < 0)
        return -1;
    if (op->view->state == VIR_DOMAIN_PAUSED)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                         _("domain '%s' is paused and would not notice"), op->view->name);
    return stop(op, VIR_DOMAIN_SHUTOFF_SHUTDOWN, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
}

static void announce_reboot(Op *op)
{
    const RemoteDomainEventRebootMsg message = { .dom = op_handle(op->view) };

    host_announce(op->host, &(DriverEvent){
        .proc = REMOTE_PROC_DOMAIN_EVENT_CALLBACK_REBOOT, .message = &message, .uuid = op->view->uuid,
    });
}

/* What the document wants when the guest restarts by itself. */
static bool restarts(const DomainConfig *config)
{
    return config->on_reboot == STOP_ACTION_ABSENT || config->on_reboot == STOP_ACTION_RESTART ||
           config->on_reboot == STOP_ACTION_RENAME_RESTART;
}

int test_domain_reboot(Op *op, const RemoteDomainRebootArgs *args)
{
    if (check_mode(op, args->flags, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN, VIR_DOMAIN_REBOOT_GUEST_AGENT) < 0)
        return -1;
    if (!restarts(op->domain->active))
        return stop(op, VIR_DOMAIN_SHUTOFF_SHUTDOWN, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
    if (set_state(op, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED) < 0)
        return -1;
    announce_reboot(op);
    return 0;
}

int test_domain_reset(Op *op, const RemoteDomainResetArgs *args)
{
    if (op_check_flags(op, args->flags, 0) < 0 || op_need_active(op, op->view) < 0)
        return -1;
    announce_reboot(op);
    return 0;
}

int test_domain_destroy_flags(Op *op, const RemoteDomainDestroyFlagsArgs *args)
{
    if (op_check_flags(op, args->flags, VIR_DOMAIN_DESTROY_GRACEFUL | VIR_DOMAIN_DESTROY_REMOVE_LOGS) < 0)
        return -1;
    if (op_need_active(op, op->view) < 0)
        return -1;
    return stop(op, VIR_DOMAIN_SHUTOFF_DESTROYED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
}

/* The processors of a pretended machine are busy from its start on. */
uint64_t test_domain_cpu_time(const DomainView *view)
{
    return view->started ? (uint64_t)MAX(clock_real() - view->started, 0) : 0;
}
