/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains that end with the connection of the client that has started them (VIR_DOMAIN_START_AUTODESTROY), for every driver.
 * A domain's view says whose connection it is bound to (bound_to), so one that has ended before, and was started again by
 * somebody else, is left alone; what a session keeps is only where to look.
 *
 *   started ──▶ in the session's list ──the client leaves──▶ a thread: each one's job ──still bound──▶ destroyed
 *                                                                         └─ somebody else's ──it ends──▶ a thread
 *
 * Whoever leaves never waits: the I/O thread hands the list to a thread that is made for it. Nor does that thread wait for a job:
 * when all are asked for it ends, however long a stuck guest keeps its job, and another is made when that is over. What is
 * asked to stop meanwhile is refused its jobs, and is for the driver to end when droverd starts again. LOCK_AUTODESTROY guards the lists. */
#include "server/server.h"

#include "base/i18n.h"
#include "base/log.h"
#include "rpc/remote-rows.h"
#include "server/invoke.h"

LOG_SOURCE("server.autodestroy");

/* A list is looked through for domains that have ended whenever it has doubled, and isn't shorter than this. */
enum { LOOK_THROUGH_MIN = 64 };

struct Autodestroy {
    /* under LOCK_AUTODESTROY; so are the lists of the sessions */
    Lock lock;
    Cond idle;                /* a batch is done */
    unsigned batches;
};

/* A domain that may have to end. */
typedef struct Bound {
    Host *host;               /* a reference */
    Uuid uuid;
    uint64_t client;
} Bound;

static void bound_free(void *data)
{
    Bound *bound = data;

    host_unref(bound->host);
    g_free(bound);
}

static bool is_bound(const Bound *bound)
{
    g_autoptr(DomainView) view = domain_list_view_by_uuid(bound->host->domains, &bound->uuid);

    return view && view->bound_to == bound->client;
}

/* --- ending them ------------------------------------------------------------------------------ */

/* What one client leaves behind. It is there until the last domain's job has been had or refused; a thread is with it when there
 * is something to do. */
typedef struct Batch {
    /* fixed */
    Autodestroy *autodestroy;
    GPtrArray *list;          /* of Bound; owned */
    /* under LOCK_AUTODESTROY */
    GQueue ready;             /* of Ending: those that had to wait and have their job, or were refused it */
    unsigned parked;          /* those that wait, or are in that queue */
    bool busy;                /* a thread is with it */
} Batch;

/* One domain's job. */
typedef struct Ending {
    JobTicket ticket;
    Batch *batch;
    Bound *bound;             /* borrowed */
    Domain *domain;           /* owned */
    JobOutcome outcome;       /* of a parked one: under LOCK_AUTODESTROY */
} Ending;

/* As a call of the client that has left. */
static int destroy(Ending *ending, DomainView *view, Error *error)
{
    static const uint16_t number = REMOTE_PROC_DOMAIN_DESTROY_FLAGS;
    const Proc *proc = program_proc(&remote_program, number);
    RemoteDomainDestroyFlagsArgs args = { .dom = { .name = view->name, .id = view->id } };
    Arena arena;
    Op op = {
        .host = ending->bound->host, .proc = proc, .arena = &arena, .error = error, .client = ending->bound->client,
        .view = view, .domain = ending->domain, .ticket = &ending->ticket,
        .invoke = invoke_find(&remote_program, proc)->invoke,
    };
    int r;

    arena_init(&arena, NULL, 0);
    memcpy(args.dom.uuid, view->uuid.bytes, sizeof args.dom.uuid);
    r = enter(&op, &args, NULL);
    op_release_kept(&op);
    arena_reset(&arena);
    return r;
}

static void end_in_job(Ending *ending)
{
    DomainView *view = domain_view(ending->domain);
    Error error = ERROR_INIT;

    if (view && view->bound_to == ending->bound->client && !ending->domain->gone) {
        if (destroy(ending, view, &error) == 0)
            log_info("domain '%s' has ended with the connection that had started it", view->name);
        else
            log_error("domain '%s' ought to end with the connection that had started it: %s", view->name, error.message);
    }
    error_clear(&error);
    domain_view_unref(view);
}

static void finish(Ending *ending)
{
    if (ending->outcome == JOB_GRANTED) {
        end_in_job(ending);
        job_end(&ending->ticket);
    } else {
        log_warning("domain '%s' ought to end with the connection that had started it: %s", ending->domain->name,
                    ending->ticket.error.message);
        error_clear(&ending->ticket.error);
    }
    domain_unref(ending->domain);
    g_free(ending);
}

/* It could not be given to a thread. */
static void give_up(Ending *ending)
{
    if (ending->outcome == JOB_GRANTED) {
        job_end(&ending->ticket);
        error_set(&ending->ticket.error, VIR_FROM_NONE, VIR_ERR_INTERNAL_ERROR, _("no thread can be made"));
        ending->outcome = JOB_REFUSED;
    }
    finish(ending);
}

/* --- threads ------------------------------------------------------------------------------------ */

/* Whoever waits for the last one frees what is behind it, once this has let go of the lock. */
static void batch_done(Batch *batch)
{
    Autodestroy *autodestroy = batch->autodestroy;

    g_ptr_array_unref(batch->list);
    g_free(batch);
    LOCK_SCOPE(&autodestroy->lock);
    autodestroy->batches--;
    cond_broadcast(&autodestroy->idle);
}

/* The next that is ready. NULL: none is, and the batch is left to who makes one so; `done`: nothing is left of it. */
static Ending *next_ready(Batch *batch, bool *done)
{
    Ending *ending;

    LOCK_SCOPE(&batch->autodestroy->lock);
    ending = g_queue_pop_head(&batch->ready);
    *done = !ending && batch->parked == 0;
    if (ending)
        batch->parked--;
    else
        batch->busy = false;
    return ending;
}

/* A thread's part: all that is ready. */
static void *end_ready(void *data)
{
    Batch *batch = data;
    Ending *ending;
    bool done;

    while ((ending = next_ready(batch, &done)))
        finish(ending);
    if (done)
        batch_done(batch);
    return NULL;
}

/* On whatever thread ended the job before, which must not be kept. */
static void on_ready(JobTicket *ticket, JobOutcome outcome)
{
    Ending *ending = (Ending *)(void *)((char *)ticket - offsetof(Ending, ticket));
    Batch *batch = ending->batch;
    GThread *thread;
    bool done;

    lock_acquire(&batch->autodestroy->lock);
    ending->outcome = outcome;
    g_queue_push_tail(&batch->ready, ending);
    if (batch->busy) {
        lock_release(&batch->autodestroy->lock);
        return;
    }
    batch->busy = true;
    lock_release(&batch->autodestroy->lock);
    thread = g_thread_try_new("autodestroy", end_ready, batch, NULL);
    if (thread) {
        g_thread_unref(thread);
        return;
    }
    while ((ending = next_ready(batch, &done)))
        give_up(ending);
    if (done)
        batch_done(batch);
}

/* Its job is had now and the domain ended, or somebody else's still: then `ready` is called, perhaps at once. */
static void begin(Batch *batch, Bound *bound)
{
    Domain *domain = domain_list_find(bound->host->domains, &bound->uuid);
    g_autofree char *name = NULL;
    Ending *ending;
    JobOutcome outcome;

    if (!domain)
        return;
    name = g_strdup(domain->name);
    ending = g_new0(Ending, 1);
    *ending = (Ending){ .batch = batch, .bound = bound, .domain = domain };
    ending->ticket = (JobTicket){
        .kind = JOB_DESTROY, .procedure = "domain.autodestroy", .owner = bound->client, .ready = on_ready, .error = ERROR_INIT,
    };
    lock_acquire(&batch->autodestroy->lock);
    batch->parked++;
    lock_release(&batch->autodestroy->lock);
    outcome = job_begin(&domain->jobs, &ending->ticket, NULL);
    if (outcome == JOB_PARKED) {
        log_info("domain '%s' will end with the connection that had started it when a running operation is over", name);
        return;
    }
    lock_acquire(&batch->autodestroy->lock);
    batch->parked--;
    lock_release(&batch->autodestroy->lock);
    ending->outcome = outcome;
    finish(ending);
}

static void *run(void *data)
{
    Batch *batch = data;

    for (unsigned i = 0; i < batch->list->len; i++)
        begin(batch, g_ptr_array_index(batch->list, i));
    return end_ready(batch);
}

/* Takes the list over. */
static void end_all(Autodestroy *autodestroy, GPtrArray *list)
{
    Batch *batch = g_new(Batch, 1);
    GThread *thread;

    *batch = (Batch){ .autodestroy = autodestroy, .list = list, .ready = G_QUEUE_INIT, .busy = true };
    lock_acquire(&autodestroy->lock);
    autodestroy->batches++;
    lock_release(&autodestroy->lock);
    thread = g_thread_try_new("autodestroy", run, batch, NULL);
    if (thread) {
        g_thread_unref(thread);
        return;
    }
    log_error("%u domains ought to end with the connection that had started them: no thread can be made", list->len);
    batch_done(batch);
}

/* --- the lists -------------------------------------------------------------------------------- */

Autodestroy *autodestroy_new(void)
{
    Autodestroy *autodestroy = g_new0(Autodestroy, 1);

    lock_init(&autodestroy->lock, LOCK_AUTODESTROY);
    cond_init(&autodestroy->idle);
    return autodestroy;
}

void autodestroy_free(Autodestroy *autodestroy)
{
    if (!autodestroy)
        return;
    lock_acquire(&autodestroy->lock);
    while (autodestroy->batches > 0)
        cond_wait(&autodestroy->idle, &autodestroy->lock);
    lock_release(&autodestroy->lock);
    cond_deinit(&autodestroy->idle);
    lock_deinit(&autodestroy->lock);
    g_free(autodestroy);
}

/* Takes those out that have ended; `ended` gets them, since a host must not be closed under the lock. */
static void look_through_locked(Session *session, GPtrArray *ended)
{
    GPtrArray *list = session->bound;

    lock_assert_held(&session->server->autodestroy->lock);
    for (unsigned i = list->len; i > 0; i--)
        if (!is_bound(g_ptr_array_index(list, i - 1)))
            g_ptr_array_add(ended, g_ptr_array_steal_index_fast(list, i - 1));
    session->bound_look_through = MAX(LOOK_THROUGH_MIN, 2 * list->len);
}

/* The list to be ended at once, or NULL: the client is there, and `bound` in its list. */
static GPtrArray *keep(Session *session, Bound *bound, GPtrArray *ended)
{
    GPtrArray *list;

    LOCK_SCOPE(&session->server->autodestroy->lock);
    if (session->left) {
        list = g_ptr_array_new_with_free_func(bound_free);
        g_ptr_array_add(list, bound);
        return list;
    }
    if (!session->bound)
        session->bound = g_ptr_array_new_with_free_func(bound_free);
    g_ptr_array_add(session->bound, bound);
    if (session->bound->len > MAX(session->bound_look_through, LOOK_THROUGH_MIN))
        look_through_locked(session, ended);
    return NULL;
}

void autodestroy_add(Session *session, const Op *op)
{
    g_autoptr(GPtrArray) ended = g_ptr_array_new_with_free_func(bound_free);
    Bound *bound = g_new0(Bound, 1);
    GPtrArray *list;

    bound->host = host_ref(op->host);
    bound->uuid = op->domain->uuid;
    bound->client = op->client;
    list = keep(session, bound, ended);
    if (list)
        end_all(session->server->autodestroy, list);
}

static GPtrArray *leave(Session *session)
{
    if (!session->server->autodestroy)
        return NULL;
    LOCK_SCOPE(&session->server->autodestroy->lock);
    session->left = true;
    return g_steal_pointer(&session->bound);
}

void autodestroy_left(Session *session)
{
    GPtrArray *list = leave(session);

    if (list)
        end_all(session->server->autodestroy, list);
}
