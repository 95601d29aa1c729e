/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam's operations that are more than a hypercall: through libxenlight, with a context of their own, so that
 * no operation holds up another one. They wait for devices and scripts, inside a job of the domain. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <string.h>

#include <libxl.h>
#include <xencall.h>
#include <xentoollog.h>

#include "base/clock.h"
#include "base/log.h"
#include "drivers/xen/child.h"

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

/* How long a child may first take to find all locks free. Nearly always it is a millisecond. */
#define CHILD_PATIENCE (500 * CLOCK_MS)

/* What libxl's code in a child may want: libxentoolcore's list of handles, libxencall's cache of pages, and the locks behind
 * what it has to say. Locks of libxl's own and of the C library are looked after by those. */
static void prove_locks(void *data)
{
    MachineContext *context = data;
    xencall_handle *calls = xencall_open(&context->logger, 0);

    if (calls)
        xencall_free_buffer(calls, xencall_alloc_buffer(calls, 1));
    xencall_close(calls);
    lock_acquire(&context->lock);
    lock_release(&context->lock);
    log_count(LOG_LEVEL_ERROR);
}

static pid_t fork_child(void *user)
{
    MachineContext *context = user;
    pid_t pid = child_fork(prove_locks, context, CHILD_PATIENCE);

    if (context->boot_script && !*context->boot_script)
        *context->boot_script = g_steal_pointer(&context->script);
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
    *context = (MachineContext){ .logger = xen_logger() };
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

int machine_destroy(Hypervisor *hv, int id)
{
    MachineContext context;
    int r = machine_context_open(&context);

    if (r < 0)
        return r;
    r = machine_errno(libxl_domain_destroy(context.ctx, (uint32_t)id, NULL));
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
