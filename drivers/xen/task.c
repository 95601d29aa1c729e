/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks: jobs of a domain that nobody has called for, since a guest has ended or is to start with its host. They may take
 * minutes, so each runs on a thread that is made for it; at most TASK_THREADS at once, and none when there is nothing to do.
 * One that is no domain's has no job, and runs as soon as a thread is free.
 *
 *   added ──a thread is free──▶ begins its job ──granted──▶ runs ──▶ over
 *                                 └──parked, without a thread──granted──▶ waits for a thread ──▶ runs
 *                                              └──refused──▶ over
 *
 * LOCK_XEN_HOST guards the queue and is held across nothing. */
#include "drivers/xen/xen.h"

#include "base/log.h"

LOG_SOURCE("drivers.xen.task");

enum { TASK_THREADS = 8 };

typedef struct XenTask {
    JobTicket ticket;
    XenHost *xen;
    Domain *domain;           /* owned; NULL: it needs no job */
    bool granted;             /* it has its job, or needs none */
    void (*run)(XenHost *xen, Domain *domain);
} XenTask;

static void task_free(XenTask *task)
{
    error_clear(&task->ticket.error);
    domain_unref(task->domain);
    g_free(task);
}

static XenTask *take(XenHost *xen, bool *stopping)
{
    LOCK_SCOPE(&xen->lock);
    *stopping = xen->stopping;
    return g_queue_pop_head(&xen->tasks);
}

static void finish(XenHost *xen, XenTask *task, bool stopping)
{
    if (!stopping && !(task->domain && task->domain->gone))
        task->run(xen, task->domain);
    if (task->domain)
        job_end(&task->ticket);
    task_free(task);
}

/* One step of a task that was taken from the queue. */
static void advance(XenHost *xen, XenTask *task, bool stopping)
{
    JobOutcome outcome = JOB_GRANTED;

    if (!task->granted && stopping)
        outcome = JOB_REFUSED;
    else if (!task->granted)
        outcome = job_begin(&task->domain->jobs, &task->ticket, NULL);
    if (outcome == JOB_GRANTED)
        finish(xen, task, stopping);
    else if (outcome == JOB_REFUSED)
        task_free(task);
}

void xen_tasks_run(XenHost *xen)
{
    bool stopping;
    XenTask *task;

    while ((task = take(xen, &stopping)))
        advance(xen, task, stopping);
}

/* The last look at the queue and the end of the thread are one, so that nothing is left lying. */
static bool leave(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    if (!g_queue_is_empty(&xen->tasks))
        return false;
    xen->task_threads--;
    cond_broadcast(&xen->tasks_done);
    return true;
}

static void *run_thread(void *data)
{
    do
        xen_tasks_run(data);
    while (!leave(data));
    return NULL;
}

/* Without a thread (the system has none to give) the task stays in the queue until the next one comes. */
static void start_thread(XenHost *xen)
{
    GThread *thread = g_thread_try_new("xen-task", run_thread, xen, NULL);

    if (thread) {
        g_thread_unref(thread);
        return;
    }
    log_error("what became of a domain must wait: no thread can be made");
    LOCK_SCOPE(&xen->lock);
    xen->task_threads--;
    cond_broadcast(&xen->tasks_done);
}

static void enqueue(XenHost *xen, XenTask *task)
{
    bool wanted;

    lock_acquire(&xen->lock);
    g_queue_push_tail(&xen->tasks, task);
    wanted = !xen->hv->unobserved && xen->task_threads < TASK_THREADS;
    if (wanted)
        xen->task_threads++;
    lock_release(&xen->lock);
    if (wanted)
        start_thread(xen);
}

/* On whatever thread ended the job before. */
static void task_ready(JobTicket *ticket, JobOutcome outcome)
{
    XenTask *task = (XenTask *)(void *)((char *)ticket - offsetof(XenTask, ticket));

    if (outcome != JOB_GRANTED) {
        task_free(task);
        return;
    }
    task->granted = true;
    enqueue(task->xen, task);
}

void xen_task_add(XenHost *xen, Domain *domain, const char *what, void (*run)(XenHost *xen, Domain *domain))
{
    XenTask *task = g_new0(XenTask, 1);

    task->ticket = (JobTicket){ .kind = JOB_MODIFY, .procedure = what, .ready = task_ready, .error = ERROR_INIT };
    task->xen = xen;
    task->domain = domain ? domain_ref(domain) : NULL;
    task->granted = !domain;
    task->run = run;
    enqueue(xen, task);
}

void xen_tasks_stop(XenHost *xen)
{
    lock_acquire(&xen->lock);
    xen->stopping = true;
    while (xen->task_threads)
        cond_wait(&xen->tasks_done, &xen->lock);
    lock_release(&xen->lock);
    xen_tasks_run(xen);
}
