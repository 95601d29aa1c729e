/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam's operations that are more than a hypercall: through libxenlight, with a context of their own, so that
 * no operation holds up another one. They wait for devices and scripts, inside a job of the domain. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_utils.h>
#include <xentoollog.h>

#include "base/clock.h"
#include "base/log.h"

LOG_SOURCE("drivers.xen.libxl");

/* --- what Xen's libraries say goes to our log ------------------------------------------------ */

static void log_message(xentoollog_logger *logger, xentoollog_level level, int errnum, const char *context,
                        const char *format, va_list args)
{
    g_autofree char *text = NULL;

    if (level < XTL_WARN && !log_wanted(&log_source, LOG_LEVEL_DEBUG))
        return;
    text = g_strdup_vprintf(format, args);
    if (level >= XTL_WARN)
        log_warning("%s: %s%s%s", context ? context : "libxl", text, errnum > 0 ? ": " : "",
                    errnum > 0 ? g_strerror(errnum) : "");
    else
        log_debug("%s: %s", context ? context : "libxl", text);
}

static void log_progress(xentoollog_logger *logger, const char *context, const char *doing, int percent,
                         unsigned long done, unsigned long total)
{
}

static void log_free(xentoollog_logger *logger)
{
}

xentoollog_logger xen_logger(void)
{
    return (xentoollog_logger){ .vmessage = log_message, .progress = log_progress, .destroy = log_free };
}

/* --- a context for one operation ------------------------------------------------------------- */

enum {
    CHILD_SECONDS = 120,      /* libxl itself waits at most 60 s for what such a child does */
    DESTROY_SECONDS = 10,     /* a domain with much memory may need longer: what was done is done, and it is asked again */
    DESTROY_TRIES = 60,
};

/* In a child, which has only the thread that forked: a lock that another thread held just then is never released there. libxencall
 * has one for all its handles, and libxl destroys a domain in such a child. So it ends when its time is over. A timer of this kind
 * is gone when it becomes another program. */
static void end_in_time(int seconds)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
    const struct itimerspec time = { .it_value.tv_sec = seconds };
    timer_t timer;

    signal(SIGALRM, SIG_DFL);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
        timer_settime(timer, 0, &time, NULL);
}

/* Our threads leave signals to the main thread, by blocking them. A device model that inherited that would never be told to
 * end, and its guest would keep its memory for as long as it runs. */
static pid_t fork_child(void *user)
{
    const MachineContext *context = user;
    pid_t pid = fork();
    sigset_t none;

    if (pid == 0) {
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        end_in_time(context->patience);
    }
    return pid;
}

/* Droverd has several contexts and children of its own, so each context reaps only those that it started. */
static const libxl_childproc_hooks childproc = {
    .chldowner = libxl_sigchld_owner_libxl_always_selective_reap, .fork_replacement = fork_child,
};

/* What libxl puts before the words that a hotplug program has left in xenstore (`hotplug-error`). */
#define SCRIPT_SAID "script: "

static void context_message(xentoollog_logger *logger, xentoollog_level level, int errnum, const char *where,
                            const char *format, va_list args)
{
    MachineContext *context = (MachineContext *)(void *)((char *)logger - offsetof(MachineContext, logger));
    g_autofree char *text = NULL;
    va_list again;
    const char *said;

    if (level >= XTL_ERROR) {
        va_copy(again, args);
        text = g_strdup_vprintf(format, again);
        va_end(again);
        /* The first is the cause; those after it say what couldn't be done because of it. But that a program has failed is
         * told before what it has said. */
        said = strstr(text, SCRIPT_SAID);
        lock_acquire(&context->lock);
        if (!context->why || said) {
            g_free(context->why);
            context->why = g_strdup(said ? said + strlen(SCRIPT_SAID) : text);
        }
        lock_release(&context->lock);
    }
    log_message(logger, level, errnum, where, format, args);
}

int machine_context_open(MachineContext *context)
{
    *context = (MachineContext){ .logger = xen_logger(), .patience = CHILD_SECONDS };
    lock_init(&context->lock, LOCK_XEN_CONTEXT);
    context->logger.vmessage = context_message;
    if (libxl_ctx_alloc(&context->ctx, LIBXL_VERSION, 0, &context->logger) != 0) {
        g_free(context->why);
        lock_deinit(&context->lock);
        return -EIO;
    }
    libxl_childproc_setmode(context->ctx, &childproc, context);
    return 0;
}

void machine_context_close(MachineContext *context)
{
    libxl_ctx_free(context->ctx);
    g_free(context->why);
    lock_deinit(&context->lock);
}

char *machine_why(MachineContext *context)
{
    LOCK_SCOPE(&context->lock);
    return g_strdup(context->why ? context->why : "libxl");
}

/* libxl's numbers are its own; those that a caller can do something about. */
int machine_errno(int rc)
{
    switch (rc) {
    case 0:
        return 0;
    case ERROR_DOMAIN_NOTFOUND:
        return -ENOENT;
    case ERROR_TIMEDOUT:
        return -ETIMEDOUT;
    case ERROR_NOMEM:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

static bool is_there(MachineContext *context, int id)
{
    libxl_dominfo info;
    bool there;

    libxl_dominfo_init(&info);
    there = libxl_domain_info(context->ctx, &info, (uint32_t)id) == 0;
    libxl_dominfo_dispose(&info);
    return there;
}

int machine_context_destroy(MachineContext *context, int id)
{
    int64_t begun;
    int r;

    context->patience = DESTROY_SECONDS;
    for (int i = 0; i < DESTROY_TRIES; i++) {
        begun = clock_now();
        r = machine_errno(libxl_domain_destroy(context->ctx, (uint32_t)id, NULL));
        if (r == 0 || clock_now() - begun < DESTROY_SECONDS * CLOCK_S || !is_there(context, id))
            break;    /* not because a child's time was over */
    }
    context->patience = CHILD_SECONDS;
    return r;
}

int machine_destroy(Hypervisor *hv, int id)
{
    MachineContext context;
    int r = machine_context_open(&context);

    if (r < 0)
        return r;
    r = machine_context_destroy(&context, id);
    machine_context_close(&context);
    return r;
}

int machine_unpause(Hypervisor *hv, int id)
{
    MachineContext context;
    int r = machine_context_open(&context);

    if (r < 0)
        return r;
    r = machine_errno(libxl_domain_unpause(context.ctx, (uint32_t)id, NULL));
    machine_context_close(&context);
    return r;
}
