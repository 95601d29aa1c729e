/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam's operations that are more than a hypercall: through libxenlight, with a context of their own, so that
 * no operation holds up another one. They wait for devices and scripts, inside a job of the domain. */
#include "drivers/xen/real.h"

#include <errno.h>

#include <libxl.h>
#include <libxl_utils.h>
#include <xentoollog.h>

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
        log_warning("%s: %s%s%s", context ? context : "libxl", text, errnum > 0 ? ": " : "", errnum > 0 ? g_strerror(errnum) : "");
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

typedef struct Context {
    xentoollog_logger logger;
    libxl_ctx *ctx;
} Context;

/* Droverd has several contexts and children of its own, so each context reaps only those that it started. */
static const libxl_childproc_hooks childproc = { .chldowner = libxl_sigchld_owner_libxl_always_selective_reap };

static int context_open(Context *context)
{
    *context = (Context){ .logger = xen_logger() };
    if (libxl_ctx_alloc(&context->ctx, LIBXL_VERSION, 0, &context->logger) != 0)
        return -EIO;
    libxl_childproc_setmode(context->ctx, &childproc, NULL);
    return 0;
}

static void context_close(Context *context)
{
    libxl_ctx_free(context->ctx);
}

/* libxl's numbers are its own; those that a caller can do something about. */
static int errno_of(int rc)
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
    Context context;
    int r = context_open(&context);

    if (r < 0)
        return r;
    r = errno_of(libxl_domain_destroy(context.ctx, (uint32_t)id, NULL));
    context_close(&context);
    return r;
}

int machine_unpause(Hypervisor *hv, int id)
{
    Context context;
    int r = context_open(&context);

    if (r < 0)
        return r;
    r = errno_of(libxl_domain_unpause(context.ctx, (uint32_t)id, NULL));
    context_close(&context);
    return r;
}
