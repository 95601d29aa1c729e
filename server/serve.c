/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way of a call through the server:
 *
 *   open? ─▶ access.c ─▶ offered? ─▶ the domain ─▶ access.c ─▶ its job ─▶ enter.c ─▶ reply
 *                                                             └─ parked, without a thread ─▶ (a worker, later)
 *
 * Runs on the I/O thread for inline and control calls and on a worker for the rest; a parked call
 * belongs to the domain's queue until that grants or refuses it. Takes no lock of its own. */
#include "server/server.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "rpc/lxc-rows.h"
#include "rpc/qemu-rows.h"
#include "rpc/remote-rows.h"
#include "server/invoke.h"
#include "server/polkit.h"

static const Program *const programs[] = { &remote_program, &qemu_program, &lxc_program, NULL };

/* More domains than this and a call that grows with them goes to a worker. */
enum { BULK_INLINE_MAX = 256 };

/* The line in the log is there before the client knows. */
static void audit_answer(Call *call)
{
    call->on_answer = NULL;
    audit_call(call->server);
}

static void end_serve(Call *call)
{
    Serve *serve = call->server;

    if (!serve)
        return;
    if (call->on_answer)
        audit_answer(call);    /* there was nobody to be answered */
    policy_unref(serve->policy);
    op_release_kept(&serve->op);
    domain_config_unref(serve->document);
    if (serve->op.view)
        domain_view_unref(serve->op.view);
    if (serve->op.domain)
        domain_unref(serve->op.domain);
    if (G_UNLIKELY(serve->ticket.error.code))
        error_clear(&serve->ticket.error);
    if (serve->op.stream)
        serve->op.stream->ops->free(serve->op.stream);
    for (unsigned i = 0; i < serve->op.n_reply_fds; i++)
        close(serve->op.reply_fds[i]);
}

/* The host that the call is for. A call that came before there was one stays so, though it may have been opened
 * by another thread since: it was given to the I/O thread for that reason. */
static Host *host_of(const Call *call, Session *session)
{
    return call->lane == LANE_CONTROL && call->proc->lane != LANE_CONTROL ? NULL : session_host(session);
}

/* The flag of calls that open a stream with holes: VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM and its like. */
enum { STREAM_SPARSE = 1 };

static Serve *begin(Call *call)
{
    Serve *serve = arena_zalloc(&call->arena, sizeof *serve);
    Session *session = client_session(call->client);
    const Invoke *invoke;

    call->server = serve;
    call->on_end = end_serve;
    if (call->proc->flags & PROC_RO_DENIED)
        call->on_answer = audit_answer;
    serve->call = call;
    serve->session = session;
    serve->op.host = host_of(call, session);
    serve->op.proc = call->proc;
    serve->op.arena = &call->arena;
    serve->op.error = &call->error;
    serve->op.read_only = session_read_only(session, serve->op.host);
    serve->op.client = client_identity(call->client)->id;
    serve->op.fds = call->fds;
    serve->op.n_fds = call->n_fds;
    serve->policy = rules_get(session->server);
    serve->proc = call->proc;
    invoke = invoke_find(call->program, call->proc);
    if (invoke && invoke->via) {
        serve->older = invoke;
        serve->proc = program_proc(call->program, invoke->via);
    }
    serve->hand = hand_find(call->program, serve->proc);
    return serve;
}

static void *zeroed(Call *call, size_t size)
{
    return size ? arena_zalloc(&call->arena, size) : NULL;
}

/* An older procedure is served as the newer one that does its work. */
static void translate(Serve *serve)
{
    Call *call = serve->call;
    void *newer;

    if (!serve->older)
        return;
    newer = zeroed(call, serve->proc->args_size);
    serve->older->via_args(serve->args, newer);
    serve->args = newer;
    serve->older_result = serve->result;
    serve->result = zeroed(call, serve->proc->result_size);
}

static int decode(Serve *serve)
{
    Call *call = serve->call;
    XdrIn in = { call->payload, call->payload + call->payload_size, &call->arena, NULL };

    serve->args = zeroed(call, call->proc->args_size);
    serve->result = zeroed(call, call->proc->result_size);
    if (!call->proc->decode || call->proc->decode(&in, serve->args)) {
        translate(serve);
        return 0;
    }
    return error_set(&call->error, VIR_FROM_RPC, VIR_ERR_RPC, _("cannot read the arguments of %s: %s"),
                     call->proc->name, in.failed);
}

static int no_domain(Serve *serve, const RemoteDomain *handle)
{
    char text[UUID_TEXT_SIZE];
    Uuid uuid;

    memcpy(uuid.bytes, handle->uuid, sizeof uuid.bytes);
    return error_set(&serve->call->error, serve->op.host->error_domain, VIR_ERR_NO_DOMAIN,
                     _("no domain with matching uuid '%s' (%s)"), uuid_format(&uuid, text), handle->name);
}

static const RemoteDomain *domain_handle(const Serve *serve)
{
    return (const RemoteDomain *)(const void *)((const char *)serve->args + serve->proc->object_at);
}

/* Before its job is asked for: who is refused must not have waited for it. */
static int access_check_domain(Serve *serve)
{
    g_autoptr(DomainView) view = serve->by_object ? domain_view(serve->op.domain) : NULL;

    return access_check_view(serve, view, &serve->call->error);
}

/* The domain that the arguments name, in the form that the lane needs. */
static int find_domain(Serve *serve)
{
    const RemoteDomain *handle = domain_handle(serve);
    Uuid uuid;

    memcpy(uuid.bytes, handle->uuid, sizeof uuid.bytes);
    if (serve->call->proc->job == JOB_NONE) {
        serve->op.view = domain_list_view_by_uuid(serve->op.host->domains, &uuid);
        return serve->op.view ? access_check_view(serve, serve->op.view, &serve->call->error) : no_domain(serve, handle);
    }
    serve->op.domain = domain_list_find(serve->op.host->domains, &uuid);
    return serve->op.domain ? access_check_domain(serve) : no_domain(serve, handle);
}

static bool names_domain(const Proc *proc)
{
    return proc->object == PROC_OBJECT_DOMAIN || proc->object == PROC_OBJECT_SNAPSHOT
        || proc->object == PROC_OBJECT_CHECKPOINT;
}

static int check(Serve *serve)
{
    Call *call = serve->call;
    const Proc *proc = call->proc;

    if (!serve->op.host && !(proc->flags & PROC_BEFORE_OPEN))
        return error_set(&call->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("connection not open"));
    if (access_check(serve->op.read_only, proc, serve->args, &call->error) < 0 ||
        access_check_rules(serve, &call->error) < 0)
        return -1;
    if (serve->op.host && !enter_offered(serve->op.host, call->program, serve->proc, serve->hand))
        return enter_not_supported(proc, &call->error);
    if (serve->hand) {
        serve->op.invoke = serve->hand->run;
    } else {
        g_assert(serve->op.host);
        serve->op.invoke = invoke_find(call->program, serve->proc)->invoke;
    }
    return 0;
}

static void finish(Serve *serve, int r)
{
    Call *call = serve->call;

    if (r < 0) {
        call_fail(call);
        return;
    }
    serve->succeeded = true;
    if (serve->op.n_reply_fds) {
        memcpy(call->reply_fds, serve->op.reply_fds, sizeof call->reply_fds);
        call->n_reply_fds = serve->op.n_reply_fds;
        serve->op.n_reply_fds = 0;
    }
    call->stream = g_steal_pointer(&serve->op.stream);
    call->sparse = serve->proc->flags & PROC_STREAM_SPARSE && flags_of(serve->proc, serve->args) & STREAM_SPARSE;
    if (serve->older && serve->older->via_result)
        serve->older->via_result(serve->result, serve->older_result);
    call_reply(call, serve->older ? serve->older_result : serve->result);
}

static void run_in_job(Serve *serve);

/* The call ends without success: what it claimed is given back. */
static void cancel(Serve *serve)
{
    if (serve->hand && serve->hand->cancel)
        serve->hand->cancel(serve);
}

static void on_ready(JobTicket *ticket, JobOutcome outcome)
{
    Serve *serve = (Serve *)(void *)((char *)ticket - offsetof(Serve, ticket));

    if (outcome == JOB_GRANTED) {
        serve->job_granted = true;
        call_phase(serve->call, CALL_QUEUED, ticket->since);
        call_resume(serve->call);
        return;
    }
    error_move(&serve->call->error, &ticket->error);
    cancel(serve);
    serve->call->out = NULL;    /* the refusing thread is not the one that parked it */
    call_fail(serve->call);
}

/* `here`: this thread may run what is granted; else that goes to a worker. One that has lost its job keeps its deadline. */
static void begin_job(Serve *serve, bool here)
{
    Call *call = serve->call;
    Server *server = serve->session->server;
    int64_t now = clock_now(), deadline = serve->ticket.deadline;

    call_phase(call, CALL_WAITED, now);
    serve->ticket = (JobTicket){
        .kind = call->proc->job, .procedure = call->proc->name, .owner = serve->op.client,
        .deadline = deadline ? deadline : now + __atomic_load_n(&server->job_timeout, __ATOMIC_RELAXED), .ready = on_ready,
        .may_lose = true, .error = ERROR_INIT,
    };
    serve->job_granted = false;
    call_park(call);
    switch (job_begin(&serve->op.domain->jobs, &serve->ticket, server->timers)) {
    case JOB_GRANTED:
        serve->job_granted = true;
        call_phase(call, here ? CALL_RAN : CALL_QUEUED, serve->ticket.since);
        call_unpark(call);
        if (here)
            run_in_job(serve);
        else
            call_to_worker(call);
        break;
    case JOB_PARKED:
        call_parked(call);    /* it may be with another thread already */
        break;
    case JOB_REFUSED:
        call_unpark(call);
        error_move(&call->error, &serve->ticket.error);
        cancel(serve);
        call_fail(call);
        break;
    }
}

/* Finds the domain and begins its job; the call is answered, parked or with a worker when this returns. */
static void prepare_job(Serve *serve, bool here)
{
    int r;

    if (serve->hand && serve->hand->prepare)
        r = serve->hand->prepare(serve);
    else
        r = find_domain(serve);
    if (r < 0)
        call_fail(serve->call);
    else
        begin_job(serve, here);
}

static int run_granted(Serve *serve)
{
    serve->op.view = domain_view(serve->op.domain);
    if (!serve->op.view && !(serve->hand && serve->hand->prepare))
        return no_domain(serve, domain_handle(serve));
    if (access_check_view(serve, serve->op.view, &serve->call->error) < 0)
        return -1;    /* it has got another name or label while the call waited */
    serve->op.ticket = &serve->ticket;
    return enter(&serve->op, serve->args, serve->result);
}

/* What happens between the grant of the job and its end. The domain may have gone while the call waited;
 * hand-written operations claim it anew then. */
static void run_in_job(Serve *serve)
{
    Call *call = serve->call;
    int r;

    if (!job_keep(&serve->ticket)) {
        begin_job(serve, true);    /* a destroy has come while the call waited for a worker: it is behind that now */
        return;
    }
    if (call_client_left(call)) {
        r = error_set(&call->error, VIR_FROM_RPC, VIR_ERR_OPERATION_ABORTED, _("the client has left"));
        cancel(serve);
    } else if (serve->op.domain->gone) {
        job_end(&serve->ticket);
        serve->job_granted = false;
        if (serve->hand && serve->hand->prepare) {
            g_clear_pointer(&serve->op.domain, domain_unref);
            prepare_job(serve, true);
        } else {
            no_domain(serve, domain_handle(serve));
            call_fail(call);
        }
        return;
    } else {
        r = run_granted(serve);
        if (r < 0)
            cancel(serve);    /* here, since a wrapper may have failed it before it began */
    }
    job_end(&serve->ticket);
    finish(serve, r);
}

/* The operation of a call that needs no job. */
static int answer(Serve *serve)
{
    if (enter(&serve->op, serve->args, serve->result) < 0)
        return -1;
    return access_check_found(serve, serve->result, &serve->call->error);
}

static void end_now_or_later(Serve *serve)
{
    if (!serve->hand->later(serve))
        finish(serve, answer(serve));
}

static void serve_call(Call *call)
{
    Serve *serve = call->server;

    if (serve) {
        g_assert(serve->job_granted);
        run_in_job(serve);
        return;
    }
    serve = begin(call);
    if (decode(serve) < 0 || check(serve) < 0) {
        call_fail(call);
    } else if (call->proc->job != JOB_NONE) {
        prepare_job(serve, true);
    } else if (names_domain(call->proc) && !(serve->hand && serve->hand->prepare) && find_domain(serve) < 0) {
        call_fail(call);
    } else if (serve->hand && serve->hand->later) {
        end_now_or_later(serve);
    } else {
        finish(serve, answer(serve));
    }
}

void serve_end(Serve *serve, int r)
{
    serve->call->out = NULL;    /* that of the worker which has begun it */
    finish(serve, r);
}

/* Changes of a domain ask for its job on the I/O thread already: those that must wait are parked in the order in
 * which they came, and no worker is ever told of them. */
static void begin_change(Call *call)
{
    Serve *serve = begin(call);

    if (decode(serve) < 0 || check(serve) < 0)
        call_fail(call);
    else if (serve->hand && serve->hand->later)
        end_now_or_later(serve);
    else
        prepare_job(serve, false);
}

static bool abandon(Call *call)
{
    Serve *serve = call->server;

    if (!job_cancel(&serve->ticket, serve->session->server->timers))
        return false;
    cancel(serve);
    return true;
}

/* The job that the call waited for, if it did. */
static char *waited_for(Call *call)
{
    const Serve *serve = call->server;
    const JobTicket *ticket = serve ? &serve->ticket : NULL;
    g_autoptr(DomainView) view = serve && serve->op.domain ? domain_view(serve->op.domain) : NULL;

    if (!ticket || !ticket->held_by)
        return NULL;
    return g_strdup_printf("%s of client %llu, which had held domain '%s' for %.3f s when it came, and %u calls before it",
                           ticket->held_by, (unsigned long long)ticket->held_for, view ? view->name : "(new)",
                           (double)(ticket->asked - ticket->held_since) / (double)CLOCK_S, ticket->behind);
}

/* A mechanism of SASL may wait for a database or a network, and what waits for polkit needs memory of its own. */
static bool is_step_of_login(const Proc *proc)
{
    return proc->number == REMOTE_PROC_AUTH_POLKIT || proc->number == REMOTE_PROC_AUTH_SASL_INIT || proc->number == REMOTE_PROC_AUTH_SASL_START
        || proc->number == REMOTE_PROC_AUTH_SASL_STEP;
}

/* The row's lane, unless the host is too large for the I/O thread or something may hold the operation up. */
static Lane choose_lane(Client *client, const Proc *proc)
{
    Host *host = session_host(client_session(client));
    Lane lane = (Lane)proc->lane;

    if (proc->flags & PROC_BEFORE_AUTH && is_step_of_login(proc))
        return client_auth(client) == CLIENT_AUTH_NONE ? LANE_CONTROL
            : proc->number == REMOTE_PROC_AUTH_POLKIT ? LANE_DOMAIN    /* begun here, and ended by polkit's thread */
            : LANE_WORKER;
    if (lane == LANE_CONTROL || !host)
        return lane == LANE_CONTROL && proc->number == REMOTE_PROC_CONNECT_OPEN && proc->flags & PROC_BEFORE_OPEN
            ? LANE_WORKER : LANE_CONTROL;
    if (lane == LANE_DOMAIN && !names_domain(proc))
        lane = LANE_WORKER;    /* a document has to be parsed first */
    if (lane == LANE_BULK && domain_list_count(host->domains, 0) <= BULK_INLINE_MAX)
        lane = LANE_INLINE;
    if (lane == LANE_INLINE && ((host->wrap && wrap_may_block(host->wrap, proc))
                                || (host->driver->may_block && host->driver->may_block(host, proc))))
        lane = LANE_WORKER;
    return lane;
}

static void new_session(Client *client)
{
    Session *session = g_new0(Session, 1);

    session->server = service_data(client_service(client));
    session->client = client;
    session->next_callback = 1;
    client_set_session(client, session);
}

static void session_left(Client *client)
{
    Session *session = client_session(client);

    event_forget(session);
    autodestroy_left(session);
    if (session->server->polkit && !client_authenticated(client))
        polkit_look(session->server->polkit);
}

static void free_session(Client *client)
{
    Session *session = client_session(client);

    if (session && session->host)
        host_unref(session->host);
    if (session)
        g_strfreev(session->names);
    g_free(session);
}

const ServiceOps remote_service_ops = {
    .programs = programs,
    .lane = choose_lane,
    .begin = begin_change,
    .serve = serve_call,
    .abandon = abandon,
    .waited_for = waited_for,
    .client_new = new_session,
    .client_left = session_left,
    .client_free = free_session,
};
