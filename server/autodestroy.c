/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains that end with the connection of the client that has started them (VIR_DOMAIN_START_AUTODESTROY), for every driver.
 * A domain's view says whose connection it is bound to (bound_to), so one that has ended before, and was started again by
 * somebody else, is left alone; what a session keeps is only where to look.
 *
 *   started ──▶ in the session's list ──the client leaves──▶ a thread: each one's job ──still bound──▶ destroyed
 *
 * Whoever leaves never waits: the I/O thread hands the list to a thread that is made for it. What is asked to stop meanwhile is
 * refused its jobs, and is for the driver to end when droverd starts again. LOCK_AUTODESTROY guards the lists. */
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
    Cond idle;                /* a thread has ended, or something is ready for one */
    unsigned threads;
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

/* What one client leaves behind, and the thread that ends it. */
typedef struct Batch {
    /* fixed */
    Autodestroy *autodestroy;
    GPtrArray *list;          /* of Bound; owned */
    /* under LOCK_AUTODESTROY */
    GQueue ready;             /* of Ending: those that had to wait and have their job, or were refused it */
} Batch;

/* One domain's job. */
typedef struct Ending {
    JobTicket ticket;
    Batch *batch;
    Bound *bound;             /* borrowed */
    Domain *domain;           /* owned */
    JobOutcome outcome;       /* of a parked one: under LOCK_AUTODESTROY */
} Ending;

/* On whatever thread ended the job before. */
static void on_ready(JobTicket *ticket, JobOutcome outcome)
{
    Ending *ending = (Ending *)(void *)((char *)ticket - offsetof(Ending, ticket));
    Autodestroy *autodestroy = ending->batch->autodestroy;

    LOCK_SCOPE(&autodestroy->lock);
    ending->outcome = outcome;
    g_queue_push_tail(&ending->batch->ready, ending);
    cond_broadcast(&autodestroy->idle);
}

static Ending *wait_ready(Batch *batch)
{
    LOCK_SCOPE(&batch->autodestroy->lock);
    while (g_queue_is_empty(&batch->ready))
        cond_wait(&batch->autodestroy->idle, &batch->autodestroy->lock);
    return g_queue_pop_head(&batch->ready);
}

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

/* True: its job is somebody else's still, and it will be among those that are ready. */
static bool begin(Batch *batch, Bound *bound)
{
    Domain *domain = domain_list_find(bound->host->domains, &bound->uuid);
    Ending *ending;
    JobOutcome outcome;

    if (!domain)
        return false;
    ending = g_new0(Ending, 1);
    *ending = (Ending){ .batch = batch, .bound = bound, .domain = domain };
    ending->ticket = (JobTicket){
        .kind = JOB_DESTROY, .procedure = "domain.autodestroy", .owner = bound->client, .ready = on_ready, .error = ERROR_INIT,
    };
    outcome = job_begin(&domain->jobs, &ending->ticket, NULL);
    if (outcome == JOB_PARKED)
        return true;    /* it may be over already */
    ending->outcome = outcome;
    finish(ending);
    return false;
}

/* Whoever waits for the last one frees what is behind it, once this has let go of the lock. */
static void thread_ends(Autodestroy *autodestroy)
{
    LOCK_SCOPE(&autodestroy->lock);
    autodestroy->threads--;
    cond_broadcast(&autodestroy->idle);
}

static void *run(void *data)
{
    Batch *batch = data;
    unsigned parked = 0;

    for (unsigned i = 0; i < batch->list->len; i++)
        parked += begin(batch, g_ptr_array_index(batch->list, i));
    for (; parked > 0; parked--)
        finish(wait_ready(batch));
    g_ptr_array_unref(batch->list);
    thread_ends(batch->autodestroy);
    g_free(batch);
    return NULL;
}

/* Takes the list over. */
static void end_all(Autodestroy *autodestroy, GPtrArray *list)
{
    Batch *batch = g_new(Batch, 1);
    GThread *thread;

    *batch = (Batch){ .autodestroy = autodestroy, .list = list, .ready = G_QUEUE_INIT };
    lock_acquire(&autodestroy->lock);
    autodestroy->threads++;
    lock_release(&autodestroy->lock);
    thread = g_thread_try_new("autodestroy", run, batch, NULL);
    if (thread) {
        g_thread_unref(thread);
        return;
    }
    log_error("%u domains ought to end with the connection that had started them: no thread can be made", list->len);
    g_ptr_array_unref(list);
    g_free(batch);
    thread_ends(autodestroy);
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
    while (autodestroy->threads > 0)
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
