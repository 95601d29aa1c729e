/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (8) The one doorway to operations: answers for what a driver leaves out, lets the configured
 * wrappers see every operation, and insists that an operation keeps its contract: the declared job is
 * held, a failure has set an error, a success has not. Any thread that serves calls; takes no lock. */
#include "server/server.h"

#include "base/i18n.h"
#include "base/probe.h"
#include "base/waiting.h"
#include "rpc/lxc-rows.h"
#include "rpc/qemu-rows.h"
#include "rpc/remote-rows.h"
#include "server/invoke.h"

const Invoke *invoke_find(const Program *program, const Proc *proc)
{
    if (program == &remote_program)
        return &remote_invoke[proc->number];
    if (program == &qemu_program)
        return &qemu_invoke[proc->number];
    return program == &lxc_program ? &lxc_invoke[proc->number] : NULL;
}

bool enter_offered(const Host *host, const Program *program, const Proc *proc, const Hand *hand)
{
    const Invoke *invoke;

    if (hand)
        return !hand->offered || hand->offered(host->driver);
    invoke = invoke_find(program, proc);
    return invoke && invoke->invoke && *(void *const *)((const char *)host->driver + invoke->op_at) != NULL;
}

int enter_not_supported(const Proc *proc, Error *error)
{
    return error_set(error, proc->error_domain, VIR_ERR_NO_SUPPORT, "%s", *proc->api ? proc->api : proc->name);
}

int enter(Op *op, const void *args, void *result)
{
    Wrap *wrap = op->host ? op->host->wrap : NULL;
    bool may_wait = wrap || (op->host && !op->host->driver->prompt);
    int r;

    g_assert(op->proc->job == JOB_NONE || op->ticket);
    PROBE_DRIVER_BEGIN(op->proc->name, op->client, op->view ? op->view->name : NULL);
    if (may_wait)
        waiting_begin();
    r = wrap ? wrap->around(wrap, op, args, result) : op->invoke(op, args, result);
    if (may_wait)
        waiting_end();
    PROBE_DRIVER_END(op->proc->name, op->client, op->error->code);
    g_assert((r == 0) == (op->error->code == VIR_ERR_OK));
    return r;
}
